#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns bench/out/*.jsonl into one self-contained page, bench/out/report.html; plots as inline SVG."""

import argparse
import html
import io
import json
import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Marker and line differ with every series, so that the page reads in grey.
STYLES = [("o", "-"), ("s", "--"), ("^", ":"), ("D", "-."), ("v", "-"), ("x", "--")]
GREYS = ["0.0", "0.35", "0.15", "0.5", "0.25", "0.6"]
CSS = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:auto;padding:1rem;color:#111;background:#fff}
svg{max-width:100%;height:auto}.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}
td,th{padding:.2rem .5rem;border-bottom:1px solid #ccc;text-align:right;white-space:nowrap}
td:first-child,th:first-child,td:last-child,th:last-child{text-align:left}code{overflow-wrap:anywhere}"""


def load(path):
    return (
        [json.loads(line) for line in path.read_text().splitlines() if line]
        if path.exists()
        else []
    )


def svg(figure):
    text = io.StringIO()
    figure.tight_layout()
    figure.savefig(text, format="svg")
    plt.close(figure)
    return text.getvalue().split("?>", 1)[-1].split('dtd">', 1)[-1]


def series_of(rows, setting):
    """{label: [(L, row)]} of the rows named <setting>.<L> whose method was asked for by name, or that are products."""
    found = {}
    for r in rows:
        name, _, L = r["name"].partition(".")
        if name not in (setting, setting + "-all") or (
            r["op"] == "gaunt" and r["method_asked"] == "auto"
        ):
            continue
        label = (
            f"gaunt by {r['method']}"
            if r["op"] == "gaunt"
            else "paths, " + ("all" if "all" in name else "natural")
        )
        found.setdefault(label, []).append((int(L), r))
    return {k: sorted(v, key=lambda p: p[0]) for k, v in sorted(found.items())}


def lines(rows, setting, value, ylabel, log=True):
    found = series_of(rows, setting)
    if not found:
        return ""
    figure, axes = plt.subplots(figsize=(6, 3.8))
    for (label, points), (marker, style), grey in zip(found.items(), STYLES, GREYS):
        axes.plot(
            [p[0] for p in points],
            [value(*p) for p in points],
            marker=marker,
            linestyle=style,
            color=grey,
            label=label,
        )
    if log:
        axes.set_yscale("log")
    axes.set_xlabel("L")
    axes.set_ylabel(ylabel)
    axes.grid(True, which="both", linewidth=0.3)
    axes.legend(fontsize=8)
    return svg(figure)


def expressivity_of(L, row):
    """Of a mimo row: one per path, or 4L + 1 for factors (n1 + n2 + n3 - 2)."""
    return row["paths"] if row["op"] == "tp" else 4 * L + 1


def layer_bars(rows):
    if not rows:
        return ""
    parts = [
        ("harmonics_ns", "harmonics", ""),
        ("radial_ns", "radial", "//"),
        ("product_ns", "product", ".."),
        ("gather_scatter_ns", "gather + scatter", "xx"),
    ]
    rows = [r for r in rows if r["threads"] == 1]
    figure, axes = plt.subplots(figsize=(6, 0.6 * len(rows) + 1.4))
    left = [0.0] * len(rows)
    for (key, label, hatch), shade in zip(parts, ["0.95", "0.8", "0.65", "0.9"]):
        widths = [r[key] for r in rows]
        axes.barh(
            range(len(rows)),
            widths,
            left=left,
            label=label,
            hatch=hatch,
            color=shade,
            edgecolor="0.2",
        )
        left = [a + b for a, b in zip(left, widths)]
    axes.set_yticks(range(len(rows)), [f"{r['row']}\n{r['layout']}" for r in rows], fontsize=8)
    axes.set_xlabel("ns per edge, one thread")
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.4, 1.25), ncols=4)
    return svg(figure)


def path_map(row):
    """One square per l3: which (l1, l2) reach it, darker = stronger."""
    L, top = row["L"], 2 * row["L"]
    figure, axes = plt.subplots(1, top + 1, figsize=(1.0 * (top + 1), 1.5))
    largest = max(abs(p[3]) for p in row["reachable"])
    for l3, a in enumerate(axes):
        grid = [[0.0] * (L + 1) for _ in range(L + 1)]
        for l1, l2, k, strength in row["reachable"]:
            if k == l3:
                grid[l1][l2] = 0.25 + 0.75 * abs(strength) / largest
        a.imshow(grid, cmap="Greys", vmin=0, vmax=1, origin="lower")
        a.set_title(f"l3={l3}", fontsize=8)
        a.set_xticks([])
        a.set_yticks([])
    return svg(figure)


def cell(value):
    return html.escape(f"{value:.4g}" if isinstance(value, float) else str(value))


def table(rows, columns):
    if not rows:
        return "<p>No rows.</p>"
    head = "".join(f"<th>{html.escape(title)}</th>" for title, _ in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{cell(get(r))}</td>" for _, get in columns) + "</tr>" for r in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def share(a, b):
    return 100 * a / b if a is not None and b else "?"


PRODUCT = [
    ("name", lambda r: f"{r['op']} {r['name']}"),
    ("method", lambda r: r["method"]),
    ("asked", lambda r: r["method_asked"]),
    ("isa", lambda r: r["isa"]),
    ("pass", lambda r: r["pass"]),
    ("threads", lambda r: r["threads"]),
    ("ns/item", lambda r: r["ns_per_item"]),
    ("iqr %", lambda r: share(r["iqr"], r["ns_per_item"])),
    ("Gflop/s", lambda r: r["gflops"]),
    ("% of peak", lambda r: share(r["gflops"], r["peak_gflops"])),
    ("% of memory", lambda r: share((r["bytes"] or 0) / r["ns_per_item"], r["dram_gbs"])),
    ("max error", lambda r: r["max_err"]),
    ("problem", lambda r: r["problem"]),
]
LAYER = [
    ("row", lambda r: r["row"]),
    ("layout", lambda r: r["layout"]),
    ("threads", lambda r: r["threads"]),
    ("ns/edge", lambda r: r["ns_per_edge"]),
    ("convolution", lambda r: r["conv_ns"]),
    ("harmonics", lambda r: r["harmonics_ns"]),
    ("radial", lambda r: r["radial_ns"]),
    ("product", lambda r: r["product_ns"]),
    ("gather+scatter", lambda r: r["gather_scatter_ns"]),
    ("% of peak", lambda r: share(r["gflops"], r["peak_gflops"])),
    ("% of memory", lambda r: share(r["gbs"], r["dram_gbs"])),
    ("equivariance", lambda r: r["equivariance_err"]),
]
EXPRESSIVITY = [
    ("product", lambda r: f"{r['product']} by {r['method']}"),
    ("L", lambda r: r["L"]),
    ("paths", lambda r: r["paths"]),
    ("expressivity", lambda r: r["expressivity"]),
    ("channels for all", lambda r: r["channels_needed"]),
    ("closed form", lambda r: r["closed_form"]),
    ("matches", lambda r: "yes" if r["matches"] else "NO"),
    ("group", lambda r: r["group"]),
    ("output copies", lambda r: r["output_copies"]),
    ("weights", lambda r: r["sharing"]),
]


def machine_block(rows):
    machine = next((r for r in rows if r["case"] == "machine"), None)
    if not machine:
        return ""
    peaks = sorted(
        {
            (r["isa"], r["dtype"], r["threads"], round(r["peak_gflops"]))
            for r in rows
            if r["case"] == "product" and r["peak_gflops"]
        }
    )
    text = "; ".join(f"{i} {d} {t} thread{'s' * (t > 1)}: {p} Gflop/s" for i, d, t, p in peaks)
    return (
        f"<p>{html.escape(machine['cpu'])}, {machine['cores']} cores. {html.escape(machine['build'])}<br>"
        f"Measured peaks: {html.escape(text)}. Figures are medians of interleaved rounds; "
        "compare them within this page only.</p>"
    )


def page(results, expressivity):
    products = [r for r in results if r["case"] == "product"]
    layer = [r for r in results if r["case"] == "layer"]
    skipped = [r for r in results + expressivity if r["case"] in ("skip", "wrong", "error")]
    studied = [r for r in expressivity if r["case"] == "expressivity"]
    biggest = max((r["L"] for r in studied), default=0)
    parts = ["<h1>e3tp bench</h1>", machine_block(results)]
    for setting, title in [
        ("mimo", "0..L to 0..2L"),
        ("simo", "L to 0..2L"),
        ("siso", "L to L"),
        ("c128", "128 channels, 0..L to 0..L"),
    ]:
        parts += [
            f"<h2>{title}</h2>",
            lines(products, setting, lambda L, r: r["ns_per_item"], "ns per row"),
        ]
        if setting == "mimo":
            parts += [
                lines(
                    products,
                    setting,
                    lambda L, r: r["ns_per_item"] / expressivity_of(L, r),
                    "ns per row and unit of expressivity",
                )
            ]
        parts += [
            lines(
                products,
                setting,
                lambda L, r: share(r["gflops"], r["peak_gflops"]),
                "% of FMA peak",
                log=False,
            )
        ]
    parts += [
        "<h2>The layer of a potential</h2><p>Diamond, 1000 atoms, 158 neighbours, 128x0e+128x1o, l &le; 3.</p>",
        layer_bars(layer),
        table(layer, LAYER),
        "<h2>Expressivity</h2>",
        table(studied, EXPRESSIVITY),
    ]
    for r in studied:
        if r["L"] == biggest:
            parts += [
                f"<h3>Paths of {html.escape(r['product'])} by {html.escape(r['method'])}, "
                f"L = {r['L']} (rows l1, columns l2)</h3>",
                path_map(r),
            ]
    parts += [
        "<h2>All products</h2>",
        table(products, PRODUCT),
        "<h2>Not timed</h2>",
        table(
            skipped,
            [
                ("kind", lambda r: r["case"]),
                ("why", lambda r: r["why"]),
                ("problem", lambda r: r["problem"]),
            ],
        ),
    ]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>e3tp bench</title><style>{CSS}</style>" + "\n".join(parts) + "</html>\n"
    )


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--dir", default="bench/out")
    folder = pathlib.Path(args.parse_args().dir)
    (folder / "report.html").write_text(
        page(load(folder / "results.jsonl"), load(folder / "expressivity.jsonl"))
    )


if __name__ == "__main__":
    main()
