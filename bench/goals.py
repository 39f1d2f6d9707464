# SPDX-License-Identifier: MIT
"""The goals of the release against what results.jsonl holds: goal, reached, met or missed.

Every goal is judged by its worst case: a share by its lowest (layout, L), a time by its longest.
"""

import json
import pathlib

SHARE = 0.35  # of the multiply-add peak of the same tier, type and process
WIDE = 0.85  # speed of avx512 over avx2, of the ratio of their ceilings
CEILING = "multiply-adds with a vector operand from the first-level cache"
SCALED = 0.75  # of the number of threads: what the peak must gain by them for products to be judged
FFT_RATIO = 2.0  # to the bare transforms
EDGE_NS, AUTO_PERCENT = 1200, 10
PLANS = (
    ("layer", "a layer of MACE", 5),
    ("all", "all paths, L = 6", 50),
    (None, "anything to L = 4", 20),
)  # milliseconds


def load(path):
    """Rows; dram_gbs of all is the best that any measured on as many threads: others of a machine take from it."""
    path = pathlib.Path(path)
    rows = [json.loads(line) for line in path.read_text().splitlines() if line] if path.exists() else []
    best = {}
    for r in rows:
        if r.get("dram_gbs"):
            best[r["threads"]] = max(best.get(r["threads"], 0), r["dram_gbs"])
    return [{**r, "dram_gbs": best[r["threads"]]} if r.get("dram_gbs") else r for r in rows]


def number(value):
    """Four digits, large ones without an exponent; "-" for None."""
    if value is None or isinstance(value, str):
        return value or "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def setting_of(row):
    """Name <setting>.<L> apart."""
    setting, _, L = row["name"].partition(".")
    return setting, int(L) if L.isdigit() else 0


def pick(rows, case, setting=None, **keys):
    return [
        r
        for r in rows
        if r["case"] == case
        and (setting is None or setting_of(r)[0] == setting)
        and all(r[k] == v for k, v in keys.items())
    ]


def option(row, key, default=""):
    """A key of the problem string."""
    return dict(pair.split("=", 1) for pair in row["problem"].split() if "=" in pair).get(
        key, default
    )


def share(row):
    """Of peak, counting what the method needs."""
    return row["gflops"] / row["peak_gflops"] if row["gflops"] and row["peak_gflops"] else None


def share_of_nonzeros(row):
    """Of peak, counting three flops per non-zero of W and lane."""
    return (
        3 * row["nonzeros"] / row["ns_per_item"] / row["peak_gflops"]
        if row["peak_gflops"]
        else None
    )


def memory_share(row):
    """Of the bandwidth of reading; operands once, each weight streamed once."""
    return row["bytes"] / row["ns_per_item"] / row["dram_gbs"] if row["dram_gbs"] else None


def where(row):
    L = setting_of(row)[1]
    return option(row, "layout", "mul_ir") + (f", L = {L}" if L else "")


def degrees(rows):
    """The L that were measured, for the text of a goal."""
    found = sorted({setting_of(r)[1] for r in rows}) or ["-"]
    return f"L = {found[0]}..{found[-1]}"


def goal(text, rows, value, reach, unit, higher=True):
    """One line of the table; reached: worst to best, each with its place."""
    values = sorted(
        ((value(r), where(r)) for r in rows if value(r) is not None), reverse=not higher
    )
    if not values:
        return {"goal": text, "reached": "not measured", "met": None}
    (worst, at), (best, best_at) = values[0], values[-1]
    reached = f"{number(worst)}{unit} ({at})"
    if len(values) > 1:
        reached += f" to {number(best)}{unit} ({best_at})"
    return {"goal": text, "reached": reached, "met": worst >= reach if higher else worst <= reach}


def auto_losses(rows):
    """[{...}] for each problem timed by every method that serves it and by AUTO: AUTO ranks by forward + backward, so
    passes of one problem are added where both were timed. The chosen method's time is its own, asked for by name.
    """
    groups = {}
    for r in rows:
        if r["case"] == "product":
            text = " ".join(
                p for p in r["problem"].split() if not p.startswith(("method=", "pass="))
            )
            methods = groups.setdefault(text, {}).setdefault(
                r["method_asked"], {"method": r["method"]}
            )
            methods[r["pass"]] = r["ns_per_item"]
    losses = []
    for text, methods in groups.items():
        chosen = methods.pop("auto", {}).get("method")
        passes = {p for m in methods.values() for p in m if p != "method"}
        times = {name: sum(m.get(p, float("inf")) for p in passes) for name, m in methods.items()}
        if chosen not in times or len(times) < 2:
            continue
        best = min(times, key=times.get)
        losses.append(
            {
                "problem": text,
                "passes": "+".join(sorted(passes, reverse=True)),
                "chosen": chosen,
                "best": best,
                "loss": 100 * (times[chosen] / times[best] - 1),
                "times": times,
            }
        )
    return losses


def auto_goal(rows):
    text = f"AUTO loses at most {AUTO_PERCENT} %, forward + backward"
    losses = [r for r in auto_losses(rows) if r["passes"] == "fwd+bwd"]
    if not losses:
        return {"goal": text, "reached": "not measured: one method only", "met": None}
    worst, bad = max(losses, key=lambda r: r["loss"]), sum(r["loss"] > AUTO_PERCENT for r in losses)
    reached = f"{worst['loss']:.0f} % at worst ({worst['chosen']} for {worst['best']}), {bad} of {len(losses)} above"
    return {"goal": text, "reached": reached, "met": bad == 0}


def ratio_to(rows, method, other):
    """Times of `other` over those of `method`, case by case, as rows with the key ratio."""
    key = lambda r: (r["name"], r["dtype"], r["pass"], option(r, "layout"))  # noqa: E731
    times = {key(r): r["ns_per_item"] for r in rows if r["method_asked"] == other}
    return [
        {**r, "ratio": times[key(r)] / r["ns_per_item"]}
        for r in rows
        if r["method_asked"] == method and key(r) in times
    ]


def wider(narrow, wide):
    """{gain, of_broadcast, of_peaks}: speed of one tier over another's, of the ratio of CEILING, of that with a number
    for all lanes and of that of the peaks, by the peak beside the samples; None where a ceiling is unknown.
    """
    fed = {"gain": "first_level_gflops", "of_broadcast": "broadcast_gflops"}
    if not all(r.get(key) for r in (narrow, wide) for key in ("peak_gflops", *fed.values())):
        return None
    of_peaks = narrow["ns_per_item"] * narrow["peak_gflops"] / (wide["ns_per_item"] * wide["peak_gflops"])
    share = lambda r, key: r[key] / r["best_peak_gflops"]  # noqa: E731
    return {"of_peaks": of_peaks} | {k: of_peaks * share(narrow, key) / share(wide, key) for k, key in fed.items()}


def wider_goal(text, rows, reach):
    """rows: with the keys of wider()."""
    line = goal(text, rows, lambda r: r["gain"], reach, "")
    others = {"of_broadcast": "with a number from there for all lanes", "of_peaks": "from registers"}
    for key, text in others.items() if rows else ():
        low, high = (number(f(r[key] for r in rows)) for f in (min, max))
        line["reached"] += f"; of that {text} {low} to {high}"
    return line


def wide_rows(rows, setting):
    """Rows of avx512 with the keys of wider()."""
    key = lambda r: (setting_of(r)[1], r["dtype"], option(r, "layout"))  # noqa: E731
    narrow = {key(r): r for r in pick(rows, "product", setting)}
    pairs = [(narrow[key(r)], r) for r in pick(rows, "product", setting + "512") if key(r) in narrow]
    return [{**r, **gain} for r, gain in ((wide, wider(less, wide)) for less, wide in pairs) if gain]


def scaling(one, more):
    """Speed-up by threads over that of the multiply-add peak, by the best samples of both; None where the peak beside
    the samples did not scale: the machine did not have the cores.
    """
    one_peak, threads = one["best_peak_gflops"], more["threads"] / one["threads"]
    if not one_peak or (more["peak_gflops"] or 0) < SCALED * threads * one_peak:
        return None
    return one["min"] / more["min"] / (more["best_peak_gflops"] / one_peak)


def exact_goal(rows, text, good, bad):
    done = sum(r.get("verified", False) for r in good)
    return {
        "goal": text,
        "reached": f"{done} of {len(good) + len(bad)}" if good else "not measured",
        "met": not bad and done == len(good) if good else None,
    }


def goals(rows):
    signal = pick(rows, "product", "signal")
    table = []
    for mode, name in (("uuu", "elementwise"), ("uvu", "channel-wise")):
        for dtype in ("f32", "f64"):
            found = pick(rows, "product", mode, dtype=dtype)
            text = f"cg {name}, all paths, {degrees(found)}, {dtype}, in cache: {SHARE} of peak, 3 flops per non-zero"
            table.append(goal(text, found, share_of_nonzeros, SHARE, ""))
        wide = wide_rows(rows, mode)
        if wide:
            text = f"cg {name} by avx512 over avx2: {WIDE} of the ratio of {CEILING}"
            table.append(wider_goal(text, wide, WIDE))
    for dtype in ("f32", "f64"):
        found = [r for r in signal if r["method_asked"] == "grid" and r["dtype"] == dtype]
        text = f"grid Gaunt product L x L -> L, {degrees(found)}, {dtype}, in cache: {SHARE} of peak, executed flops"
        table.append(goal(text, found, share, SHARE, ""))
    ratios = ratio_to(signal, "grid", "gaunt")
    table.append(
        goal(
            "grid faster than gaunt (FFTW) at every L: ratio above 1",
            ratios,
            lambda r: r["ratio"],
            1,
            "x",
        )
    )
    text = f"gaunt within {FFT_RATIO:g}x of the bare FFTW time of its transforms"
    table.append(goal(text, pick(rows, "fft"), lambda r: r["ratio"], FFT_RATIO, "x", higher=False))
    edges = [
        {**r, "problem": f"layout={r['layout']}"}
        for r in pick(rows, "layer", threads=2)
        if "ready" in r["name"]
    ]
    text = f"real layer, ready weights, two threads: {EDGE_NS} ns per edge, harmonics to sum"
    table.append(goal(text, edges, lambda r: r["ns_per_item"], EDGE_NS, " ns", higher=False))
    for setting, what, most in PLANS:
        found = [r for r in pick(rows, "plan", setting) if setting or setting_of(r)[1] <= 4]
        text = f"plan creation, {what}: {most} ms"
        milliseconds = lambda r: r["ns_per_item"] / 1e6  # noqa: E731
        table.append(goal(text, found, milliseconds, most, " ms", higher=False))
    table.append(auto_goal(rows))
    cases = (
        "product plan layer conv layers fused graphs rotated radial s2grid harmonics fft".split()
    )
    timed = [r for case in cases for r in pick(rows, case)]
    wrong = [r for r in rows if r["case"] in ("wrong", "error")]
    table.append(
        exact_goal(
            rows, "every timed result agreed with what it is compared with", timed, wrong
        )
    )
    turned = [{**r, "problem": f"layout={r['op']}_by_{r['method']}_{r['dtype']}"} for r in pick(rows, "equivariance")]
    text = "equivariance under rotations and reflections, error over what rounding makes of an exact product: at most 1"
    table.append(goal(text, turned, lambda r: r["max_err"] / r["bound"], 1, "", higher=False))
    studied = pick(rows, "expressivity")
    table.append(exact_goal(rows, "measured expressivity equals the closed forms", studied, []))
    return table


VERDICT = {True: "met", False: "MISSED", None: "-"}
