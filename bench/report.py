#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns results.jsonl into one self-contained page: goals, plots as inline SVG, path maps, tables, notes."""

import argparse
import datetime
import html
import pathlib

import beside
import elsewhere
import fused
import goals as g
import growth
import kinds
import limits
import pareto
import passes
import plots
import report_peers
import rivalry
import rotated
import summary as s
import words
from markup import figures, heading, percent, table

CSS = (pathlib.Path(__file__).parent / "report.css").read_text()


# ---- sections: rows -> HTML ----


def machine(rows, command):
    m = next(
        (r for r in rows if r["case"] == "machine"), {"cpu": "unknown", "cores": 0, "build": ""}
    )
    timed = [r for r in rows if r["case"] in ("product", "layer") and r["best_peak_gflops"]]
    peaks, reads = {}, {}
    for r in timed:
        on = f"on {r['threads']} thread{'s' * (r['threads'] > 1)}"
        key = f"{r['isa']} {r['dtype']} {on}"
        found = [r.get(name) or 0 for name in ("best_peak_gflops", "first_level_gflops", "broadcast_gflops")]
        peaks[key] = [max(pair) for pair in zip(found, peaks.get(key, found))]
        reads[on] = max(reads.get(on, 0), r["dram_gbs"] or 0)
    text = "; ".join(f"{key} {v[0]:.0f} ({v[1]:.0f}, {v[2]:.0f}) Gflop/s" for key, v in sorted(peaks.items()))
    memory = "; ".join(f"{value:.0f} GB/s {on}" for on, value in sorted(reads.items()))
    return (
        f"<p><b>{html.escape(m['cpu'])}</b>, {m['cores']} cores. {html.escape(m['build'])}.<br>"
        "Multiply-add peaks measured in the same process; in brackets with a vector from the first-level cache, and "
        f"with a number from there for all lanes: {html.escape(text)}. {words.CEILINGS} "
        f"Reading memory: {html.escape(memory)}."
        f"<br>Made by <code>{html.escape(command)}</code> on {datetime.date.today()}."
        + "".join(f"<br>Beside peers: {html.escape(run)}." for run in beside.runs(rows))
        + "</p>"
    )


def goal_table(rows):
    lines = []
    convolution = passes.goals(rows) + fused.goals(rows) + rotated.goals(rows)
    peers = beside.goals(rows) + elsewhere.goals(rows) + rivalry.goals(rows)
    for goal in g.goals(rows) + kinds.goals(rows) + convolution + peers:
        verdict = g.VERDICT[goal["met"]]
        lines.append(
            f"<tr><td class='text {verdict.lower() if verdict != '-' else ''}'>{verdict}</td>"
            f"<td class=text>{html.escape(goal['goal'])}<br><span class=reached>reached: "
            f"<b>{html.escape(goal['reached'])}</b></span></td></tr>"
        )
    return (
        heading("Goals of the release", words.GOALS)
        + f'<div class="wide wrap"><table>{"".join(lines)}</table></div>'
    )


def limit_table(rows):
    lines = limits.table(rows)
    return (
        heading("How near cg comes to the machine", words.LIMITS) + table(lines, LIMITS)
        if lines
        else ""
    )


KINDS = [
    ("L", lambda r: r["L"]),
    ("<product", lambda r: r["op"]),
    ("<fastest method", lambda r: r["method"]),
    ("ns", lambda r: r["ns"]),
    ("ns x peak / 70", lambda r: r["scaled"]),
    ("goal", lambda r: r["goal"]),
    ("floor", lambda r: r["floor"]),
    ("backward / forward", lambda r: r["backward"] and round(r["backward"], 2)),
    ("/ Gaunt", lambda r: r["to_gaunt"] and round(r["to_gaunt"], 2)),
]


def kind_table(rows):
    return heading("Products of signals side by side", words.KINDS) + table(kinds.table(rows), KINDS)


LIMITS = [
    ("<case", lambda r: r["what"]),
    ("<reached, worst first", lambda r: r["reached"]),
    ("floor", lambda r: r["floor"]),
    ("goal", lambda r: r["goal"]),
    ("<the floor is", lambda r: g.VERDICT[r["met"]]),
]


PANELS = {"even": "maps of even l1+l2+l3", "all": "all maps"}


def pareto_panels(rows):
    pairs = [
        (plots.against_expressivity(pareto.series(rows, panel, L)), f"{text}, 0..{L} x 0..{L} to 0..{L}; one core")
        for L in pareto.levels(rows)
        for panel, text in PANELS.items()
    ]
    return heading("What freedom costs: time against expressivity", words.PARETO) + figures(*pairs)


CROSSOVERS = [
    ("<product", lambda r: r["kind"]),
    ("<setting", lambda r: r["setting"]),
    *((f"<{text}", lambda r, which=which: r[which]) for which, text in growth.PASSES.items()),
]

def time_of(*keys):
    """The time of a row in nested dicts, None where it is missing."""

    def get(line):
        for key in keys:
            line = line.get(key) if line else None
        return line and line["ns_per_item"]

    return get


def gain(which):
    def get(line):
        one, more = (line.get(which, {}).get(t) for t in (1, line["threads"]))
        share = one and more and one is not more and g.scaling(one, more)
        return share and f"{one['min'] / more['min']:.2f} ({share:.2f})"

    return get


def wide_columns(threads):
    both = (("fwd", "forward"), ("bwd", "backward"))
    times = [(f"{text}, {t} thread{'s' * (t > 1)}", time_of(w, t)) for w, text in both for t in sorted({1, threads})]
    return [
        ("<product", lambda r: r["kind"]),
        ("L", lambda r: r["L"]),
        ("<method", lambda r: r["method"]),
        ("float32", time_of("f64", "f32")),
        ("float64", time_of("f64", "f64")),
        *times,
        *((f"{text}: gain (of the peak)", gain(w)) for w, text in both),
    ]


def wide(rows):
    found, cores = growth.wide(rows), growth.cores(rows)
    threads = max((r["threads"] for r in found), default=1)
    curves = {"float64, forward, one core": ("f64", "f64")}
    if threads > 1:
        on = f"{threads} threads on {cores} cores"
        curves |= {f"float32, {text}, {on}": (w, threads) for w, text in (("fwd", "forward"), ("bwd", "backward"))}
    return (
        f"<p>{words.WIDE.format(cores=cores)}</p>"
        + figures(*((plots.wide(found, time_of(*keys)), text) for text, keys in curves.items()))
        + table(found, wide_columns(threads))
    )


STREAMED = [
    ("<product", lambda r: r["kind"]),
    ("L", lambda r: r["L"]),
    ("<method", lambda r: r["method"]),
    ("in the cache", lambda r: r["cached"]),
    ("10 000 rows", lambda r: r["protocol"]),
    ("from memory", lambda r: r["cold"]),
    ("% of memory", lambda r: percent(r["memory"])),
]


def resource_table(rows):
    found = growth.resources(rows)
    columns = [(f"<{key}", lambda r, key=key: r[key]) for key in ("kind", "method", "pass")]
    degrees = sorted({L for r in found for L in r["shares"]})
    columns += [(f"%, L = {L}", lambda r, L=L: percent(r["shares"].get(L))) for L in degrees]
    columns += [(f"KB, L = {L}", lambda r, L=L: L in r["memory"] and round(r["memory"][L] / 1024)) for L in degrees]
    return table(found, columns)


def growth_panels(rows):
    passes = growth.PASSES.items()
    kinds_pairs = [
        (plots.growth_of_kinds(rows, setting, which), f"{setting}: {text}, {name}; one core")
        for setting, text in growth.SETTINGS.items()
        for which, name in passes
    ]
    method_pairs = [
        (plots.growth_of_methods(rows, kind, setting, which), f"{kind}, {setting}, {name}; one core")
        for kind in growth.KINDS
        for setting in growth.SETTINGS
        for which, name in passes
    ]
    return (
        heading("How times grow with L", words.GROWTH)
        + figures(*kinds_pairs)
        + f"<details><summary>Every kind by every method</summary>{figures(*method_pairs)}</details>"
        + f"<p>{words.CROSSOVERS}</p>"
        + table(growth.crossovers(rows), CROSSOVERS)
        + wide(rows)
        + f"<p>{words.STREAMED}</p>"
        + table(growth.streamed(rows), STREAMED)
        + f"<details><summary>Share of peak, and memory</summary><p>{words.RESOURCES}</p>"
        + resource_table(rows)
        + "</details>"
    )


def protocol(rows):
    parts = [heading("The protocol of “The Price of Freedom”", words.PROTOCOL)]
    pairs = [(plots.times(rows, k), f"{k}: {text}; ns per row, one core") for k, text in s.SETTINGS.items()]
    pairs += [
        (plots.times_per_unit(rows, "mimo"), "mimo: ns per row and unit of expressivity, one core"),
        (plots.times_per_unit(rows, "c128"), "c128: ns per row, channel and unit of expressivity, one core"),
        (
            plots.equal_expressivity(rows),
            "mimo: ns per row when every path of natural parity is free, one core: the Gaunt product needs C channels",
        ),
    ]
    parts.append(figures(*pairs))
    for setting, text in s.SETTINGS.items():
        found = s.protocol_rows(rows, setting)
        if found:
            parts.append(
                f"<h3>{setting}: {html.escape(text)}; ns per row, one core</h3>" + table(found, PROTOCOL)
            )
    return "".join(parts)


def of(row):
    return row and row["ns_per_item"]


PROTOCOL = [
    ("L", lambda r: r[0]),
    ("paths, all", lambda r: of(r[1])),
    ("paths, natural", lambda r: of(r[2])),
    ("Gaunt by cg", lambda r: of(r[3]["cg"])),
    ("Gaunt by gaunt (2-D Fourier)", lambda r: of(r[3]["gaunt"])),
    ("Gaunt by grid", lambda r: of(r[3]["grid"])),
    ("AUTO takes", lambda r: r[4]),
]


def shares(rows):
    found = s.share_rows(rows)
    columns = [("<kernel", lambda r: r[0]), ("<type", lambda r: r[1]), ("<layout", lambda r: r[2])]
    for L in sorted({L for *_, at in found for L in at}):
        columns.append((f"L = {L}", lambda r, L=L: percent(r[3].get(L))))
    return (
        heading("Share of peak", words.SHARES)
        + figures(
            (plots.shares(rows, ("uuu", "uvu")), "cg products, best layout, one core; the line is the goal"),
            (
                plots.shares(rows, ("signal",)),
                "Gaunt product 0..L x 0..L to 0..L, float32, best layout, one core",
            ),
        )
        + table(found, columns)
    )


LAYER = [
    ("<weights", lambda r: r["name"]),
    ("<layout", lambda r: r["layout"]),
    ("threads", lambda r: r["threads"]),
    ("ns/edge", lambda r: r["ns_per_item"]),
    ("harmonics", lambda r: r["harmonics_ns"]),
    ("radial", lambda r: r["radial_ns"]),
    ("convolution", lambda r: r["conv_ns"]),
    ("% of peak", lambda r: percent(g.share(r))),
    ("% of memory", lambda r: percent(g.memory_share(r))),
    ("equivariance", lambda r: r["equivariance_err"]),
]

UNFUSED = [
    ("<weights", lambda r: r["name"]),
    ("<layout", lambda r: r["layout"]),
    ("gather", lambda r: r["unfused_gather_ns"]),
    ("weights made", lambda r: r["unfused_weights_ns"]),
    ("product alone", lambda r: r["unfused_product_ns"]),
    ("add", lambda r: r["unfused_scatter_ns"]),
]

PASSES = [
    ("<pass", lambda r: r["name"]),
    ("threads", lambda r: r["threads"]),
    ("ns/edge", lambda r: r["ns_per_item"]),
    ("/ forward", lambda r: round(r["ratio"], 2)),
    ("% of memory", lambda r: percent(g.memory_share(r))),
]

LAYERS = [
    ("<layer", lambda r: r["layer"]),
    ("paths", lambda r: int(r["paths"])),
    ("threads", lambda r: r["threads"]),
    ("forward", lambda r: r["forward"]["ns_per_item"]),
    ("% of peak", lambda r: percent(g.share(r["forward"]))),
    ("% of memory", lambda r: percent(g.memory_share(r["forward"]))),
    ("back x, w", lambda r: r["backward, x and w"]["ns_per_item"]),
    ("x, y, w", lambda r: r["backward, x, y and w"]["ns_per_item"]),
    ("double", lambda r: r["double backward"]["ns_per_item"]),
]

FUSED = [
    ("<what", lambda r: r["name"]),
    ("<isa", lambda r: r["isa"]),
    ("threads", lambda r: r["threads"]),
    ("ns/edge", lambda r: r["ns_per_item"]),
    ("/ forward", lambda r: round(r["ratio"], 2)),
    ("/ reading weights", lambda r: round(r["of_reading"], 2)),
    ("% of peak", lambda r: percent(g.share(r))),
    ("scratch, MB", lambda r: round(r["work_mb"], 1)),
]

ROTATED = [
    ("L", lambda r: r["L"]),
    ("<isa", lambda r: r["isa"]),
    ("<form", lambda r: r["form"]),
    ("<pass", lambda r: r["name"]),
    ("ns/edge", lambda r: r["ns_per_item"]),
    ("% of peak", lambda r: percent(g.share(r))),
    ("times as fast as general", lambda r: round(r["faster"], 2)),
]

GRAPHS = [
    ("<graph", lambda r: r["name"]),
    ("<pass", lambda r: r["pass"]),
    ("threads", lambda r: r["threads"]),
    ("edges", lambda r: g.option(r, "edges")),
    ("ns/edge", lambda r: r["ns_per_item"]),
    ("µs/call", lambda r: r["ns_per_item"] * r["batch"] / 1000),
    ("scratch, MB", lambda r: round(r["work_mb"], 1)),
]

HARMONICS = [
    ("<wanted", lambda r: r["name"]),
    ("l", lambda r: g.option(r, "l")),
    ("<type", lambda r: r["dtype"]),
    ("<isa", lambda r: r["isa"]),
    ("ns/vector", lambda r: r["ns_per_item"]),
    ("GB/s", lambda r: round(r["bytes"] / r["ns_per_item"], 1)),
    ("error / bound", lambda r: round(r["max_err"], 2)),
]

RADIAL = [
    ("<functions", lambda r: r["name"]),
    ("<type", lambda r: r["dtype"]),
    ("<isa", lambda r: r["isa"]),
    ("<sines and exponentials by", lambda r: s.MATHS[r["maths"]]),
    ("<wanted", lambda r: r["pass"]),
    ("ns/edge", lambda r: r["ns_per_item"]),
]


def layer(rows):
    found = g.pick(rows, "layer")
    return (
        heading("A layer of an interatomic potential", words.LAYER)
        + figures((plots.layer_bars(found), "what the whole is made of, one core"))
        + table(found, LAYER)
        + f"<p>{words.UNFUSED}</p>"
        + table([r for r in found if r["threads"] == 1], UNFUSED)
        + f"<p>{words.PASSES}</p>"
        + table(passes.table(rows), PASSES)
        + f"<p>{words.LAYERS}</p>"
        + table(passes.layers(rows), LAYERS)
        + f"<p>{words.FUSED}</p>"
        + table(fused.table(rows), FUSED)
        + report_peers.beside_peers(rows, "peer", words.PRODUCT_PEERS)
        + report_peers.beside_peers(rows, "conv-peer", words.LAYER_PEERS)
        + report_peers.measured_elsewhere(rows)
        + f"<p>{words.ROTATED}</p>"
        + table(rotated.table(rows), ROTATED)
        + f"<p>{words.GRAPHS}</p>"
        + table(g.pick(rows, "graphs"), GRAPHS)
        + f"<p>{words.ROOFLINE}</p>"
        + figures(*((plots.roofline(rows, t), f"{t} thread{'s' * (t > 1)}") for t in (1, 2)))
        + f"<p>{words.HARMONICS}</p>"
        + table(g.pick(rows, "harmonics"), HARMONICS)
        + report_peers.harmonics(rows)
        + f"<p>{words.RADIAL}</p>"
        + table(g.pick(rows, "radial"), RADIAL)
    )


EXPRESSIVITY = [
    ("<setting", lambda r: r["setting"]),
    ("<product", lambda r: r["product"]),
    ("<methods", lambda r: r["methods"]),
    ("L", lambda r: r["L"]),
    ("paths reached", lambda r: r["paths"]),
    ("of SO(3)", lambda r: r["paths_so3"]),
    ("expressivity, 1 channel", lambda r: r["expressivity"]),
    ("channels for every path", lambda r: r["channels_needed"]),
    ("<matches", lambda r: "yes" if r["verified"] else "NO"),
    ("<group", lambda r: r["group"]),
    ("<output copies", lambda r: r["output_copies"]),
    ("<weights", lambda r: r["sharing"]),
]


def expressivity(rows):
    found = [
        {**r, "methods": ", ".join(methods)}
        for _, _, methods, at in s.expressivity_rows(rows)
        for r in (at[L] for L in sorted(at))
    ]
    top = max((r["L"] for r in found if r["setting"] == "mimo" and r["L"] <= 4), default=0)
    maps = [
        (
            plots.path_map(r),
            f"{r['product']}, mimo, L = {top}: l1 up, l2 across, one square per l3; black: reached, darker: stronger",
        )
        for r in found
        if r["setting"] == "mimo" and r["L"] == top
    ]
    return (
        heading("Expressivity", words.EXPRESSIVITY)
        + figures(*maps)
        + "<details><summary>All numbers</summary>"
        + table(found, EXPRESSIVITY)
        + "</details>"
    )


def accuracy(rows):
    return heading("Accuracy", words.ACCURACY) + figures(
        (plots.errors(rows, "mimo", "f32"), "protocol, mimo, float32"),
        (plots.errors(rows, "signal", "f64"), "0..L x 0..L to 0..L, float64"),
    )


def equivariance(rows):
    found = s.equivariance_rows(rows)
    columns = [(title, lambda r, n=n: r[n]) for n, title in enumerate(("<product", "<method", "<type"))]
    for L in sorted({L for *_, at in found for L in at}):
        of_eps = lambda r, L=L: L in r[3] and round(r[3][L]["max_err"] / r[3][L]["eps"], 2)  # noqa: E731
        columns.append((f"L = {L}", lambda r, of_eps=of_eps: of_eps(r) or None))
    kept = lambda r: "yes" if all(row["verified"] for row in r[3].values()) else "NO"  # noqa: E731
    pairs = [(plots.equivariance(rows, t), f"0..L x 0..L to 0..L, {t}, the worst method") for t in ("f32", "f64")]
    return (
        heading("Equivariance", words.EQUIVARIANCE)
        + figures(*pairs)
        + table(found, [*columns, ("<within the bound", kept)])
    )


AUTO = [
    ("<problem", lambda r: r["problem"]),
    ("<passes", lambda r: r["passes"]),
    ("<AUTO takes", lambda r: r["chosen"]),
    ("<best", lambda r: r["best"]),
    ("loss %", lambda r: round(r["loss"], 1)),
] + [(f"ns by {m}", lambda r, m=m: r["times"].get(m)) for m in (*s.METHODS, "matrix")]


def auto(rows):
    losses = sorted(g.auto_losses(rows), key=lambda r: -r["loss"])
    return heading("What AUTO chooses", words.AUTO) + table(losses, AUTO)


PRODUCT = [
    ("<case", lambda r: f"{r['op']} {r['name']}" + (", creation" if r["case"] == "plan" else "")),
    ("<method", lambda r: r["method"]),
    ("<asked", lambda r: r["method_asked"]),
    ("<isa", lambda r: r["isa"]),
    ("<type", lambda r: r["dtype"]),
    ("<pass", lambda r: r["pass"]),
    ("threads", lambda r: r["threads"]),
    ("ns/item", lambda r: r["ns_per_item"]),
    ("min", lambda r: r["min"]),
    ("iqr %", lambda r: percent(r["iqr"] / r["ns_per_item"])),
    ("rounds", lambda r: r.get("rounds")),
    ("Gflop/s", lambda r: r["gflops"]),
    ("% of peak", lambda r: percent(g.share(r))),
    ("% of memory", lambda r: percent(g.memory_share(r)) if r["bytes"] else None),
    ("max error", lambda r: r["max_err"]),
    ("<problem", lambda r: r["problem"]),
]


def everything(rows):
    found = g.pick(rows, "product") + g.pick(rows, "plan")
    refused = [
        {"kind": kind, "why": why, "n": len(problems), "first": problems[0]}
        for (kind, why), problems in s.refusals(rows).items()
    ]
    columns = [
        ("<kind", lambda r: r["kind"]),
        ("cases", lambda r: r["n"]),
        ("<why", lambda r: r["why"]),
    ]
    columns.append(("<for example", lambda r: r["first"]))
    not_timed = table(refused, columns, "wrap") if refused else "<p>Everything was timed.</p>"
    return (
        "<h2>Not timed</h2>"
        + not_timed
        + f"<details><summary>All {len(found)} results</summary>"
        + table(found, PRODUCT)
        + "</details>"
    )


def page(rows, command):
    sections = (goal_table, report_peers.rivals, limit_table, pareto_panels, protocol, growth_panels, kind_table)
    sections += (shares, layer, expressivity, accuracy, equivariance, auto, everything)
    body = (
        "<h1>e3tp bench</h1>"
        + machine(rows, command)
        + "".join(part(rows) for part in sections)
        + "<h2>How to read it</h2>"
        + words.NOTES
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>e3tp bench</title><style>{CSS}</style>{body}</html>\n"
    )


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--results", default="bench/out/results.jsonl")
    args.add_argument("--peers", default="bench/out/peers.jsonl", help="shown where there is one")
    args.add_argument("--out", default="bench/out/report.html")
    args.add_argument("--command", default="bench/run", help="for the page's head")
    options = args.parse_args()
    pathlib.Path(options.out).write_text(page(g.load(options.results) + g.load(options.peers), options.command))


if __name__ == "__main__":
    main()
