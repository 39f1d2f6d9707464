# SPDX-License-Identifier: MIT
"""The report's plots: rows of results.jsonl -> SVG text, "" where there is nothing to show.

Every series has its own marker and line as well as its colour, and the colours differ in lightness: the page reads in
grey.
"""

import io

import goals as g
import growth
import matplotlib
import pareto
import rivalry
import summary as s

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # noqa: E402

plt.rcParams.update(
    {"font.size": 11, "svg.fonttype": "none", "font.family": "sans-serif", "axes.grid": True}
)
plt.rcParams.update(
    {"grid.linewidth": 0.4, "grid.color": "0.8", "lines.linewidth": 1.8, "legend.frameon": False}
)
SIZE = (5.2, 3.9)
STYLES = {  # label: marker, line, colour
    "paths, all": ("s", "-", "#000000"),
    "paths, natural": ("D", "--", "#444444"),
    "Gaunt by cg": ("o", "-", "#1b4f9c"),
    "Gaunt by gaunt": ("^", ":", "#d55e00"),
    "Gaunt by grid": ("v", "-.", "#4fae5b"),
    "elementwise f32": ("o", "-", "#000000"),
    "elementwise f64": ("o", "--", "#555555"),
    "channel-wise f32": ("s", "-", "#1b4f9c"),
    "channel-wise f64": ("s", ":", "#6f9fd8"),
}


def svg(figure):
    text = io.StringIO()
    figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return text.getvalue().split('dtd">', 1)[-1]


def lines(series, ylabel, log=True, floor=None, styles=STYLES):
    """series {label: [(L, value)]}; floor: a horizontal line."""
    series = {label: sorted(points) for label, points in series.items() if points}
    if not series:
        return ""
    figure, axes = plt.subplots(figsize=SIZE)
    for label, points in series.items():
        marker, style, colour = styles[label]
        axes.plot(*zip(*points), marker=marker, linestyle=style, color=colour, label=label)
    if floor is not None:
        axes.axhline(floor, color="black", linewidth=1, linestyle=(0, (1, 3)))
    if log:
        values = [v for points in series.values() for _, v in points]
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(
            LogLocator(subs=(1, 2, 5) if max(values) < 300 * min(values) else (1,))
        )
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    else:
        axes.set_ylim(bottom=0)
    axes.set_xticks(sorted({L for points in series.values() for L, _ in points}))
    axes.set_xlabel("L")
    axes.set_ylabel(ylabel)
    axes.legend(fontsize=10, loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=2)
    return svg(figure)


# ---- the protocol ----


def protocol_series(rows, setting, value):
    """value(L, row, product) or None; product: all, natural, gaunt."""
    series = {}
    for L, every, natural, gaunt, _ in s.protocol_rows(rows, setting):
        cells = [("paths, all", every, "all"), ("paths, natural", natural, "natural")]
        cells += [(f"Gaunt by {m}", r, "gaunt") for m, r in gaunt.items()]
        for label, row, product in cells:
            y = row and value(L, row, product)
            if y:
                series.setdefault(label, []).append((L, y))
    return {label: series[label] for label in STYLES if label in series}


def times(rows, setting):
    return lines(protocol_series(rows, setting, lambda L, r, p: r["ns_per_item"]), "ns per row")


def measured(rows, setting):
    """{(product, L): expressivity row}."""
    return {
        (r["product"], r["L"]): r for r in g.pick(rows, "expressivity") if r["setting"] == setting
    }


def times_per_unit(rows, setting):
    known, channels = measured(rows, setting), 128 if setting == "c128" else 1

    def value(L, row, product):
        study = known.get((product, L))
        return row["ns_per_item"] / channels / study["expressivity"] if study else None

    return lines(protocol_series(rows, setting, value), "ns per unit")


def equal_expressivity(rows):
    known = measured(rows, "mimo")

    def value(L, row, product):
        study = known.get((product, L))
        return row["ns_per_item"] * study["channels_needed"] if study and product != "all" else None

    return lines(protocol_series(rows, "mimo", value), "ns per row, every natural path free")


PARETO = {  # product: label, marker, line, colour
    "natural": ("a free weight for every path", "D", "none", "#000000"),
    "all": ("a free weight for every path", "s", "none", "#000000"),
    "gaunt": ("Gaunt", "o", "-", "#1b4f9c"),
    "complete": ("complete", "^", "--", "#d55e00"),
    "matrix": ("matrix", "v", "-.", "#4fae5b"),
}


def against_expressivity(found):
    """pareto.series: time against dimension as the rank grows, and the front of all."""
    if not found:
        return ""
    figure, axes = plt.subplots(figsize=SIZE)
    axes.plot(*zip(*pareto.front(found)), color="0.75", linewidth=7, solid_capstyle="round", label="front")
    for name, points in found.items():
        label, marker, style, colour = PARETO[name]
        dimensions, times, _ = zip(*points)
        axes.plot(dimensions, times, marker=marker, linestyle=style, color=colour, label=label)
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("expressivity: dimension of the set of maps")
    axes.set_ylabel("ns per row and channel")
    axes.legend(fontsize=10, loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=2)
    return svg(figure)


# ---- growth with L ----


KINDS = {  # label: marker, line, colour
    "paths, J-even": ("D", "--", "#444444"),
    "paths, all": ("s", "-", "#000000"),
    "gaunt, J-even": ("o", "-", "#1b4f9c"),
    "bracket, J-odd": ("^", ":", "#d55e00"),
    "complete, all": ("v", "-.", "#b07aa1"),
    "matrix, all": ("P", "-", "#4fae5b"),
    "cross, fields": ("X", "--", "#8c2d04"),
    "dot, fields": ("*", ":", "#777777"),
}
POWERS = {"square": ("<", "-", "#0f7a8a"), "cube": (">", "--", "#0f7a8a")}
METHODS = {
    "cg": ("o", "-", "#1b4f9c"),
    "gaunt": ("^", ":", "#d55e00"),
    "grid": ("v", "-.", "#4fae5b"),
    "matrix": ("P", "--", "#000000"),
}


def powers(curves, ylabel="ns per row"):
    """Time against L, both logarithmic; curves [(label, points, style)], the exponent of L in the legend."""
    curves = [(label, points, style) for label, points, style in curves if points]
    if not curves:
        return ""
    figure, axes = plt.subplots(figsize=SIZE)
    for label, points, (marker, line, colour) in curves:
        power = growth.slope(points)
        label += f": L^{power:.1f}" if power is not None else ""
        axes.plot(*zip(*points), marker=marker, linestyle=line, color=colour, label=label, markersize=5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    degrees = sorted({L for _, points, _ in curves for L, _ in points})
    axes.set_xticks(degrees, [str(L) for L in degrees])
    axes.xaxis.set_minor_locator(NullLocator())
    values = [y for _, points, _ in curves for _, y in points]
    wide = max(values) > 300 * min(values)
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axes.set_xlabel("L")
    axes.set_ylabel(ylabel)
    axes.legend(fontsize=9, loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=2)
    return svg(figure)


def growth_of_kinds(rows, setting, which):
    return powers([(kind, points, KINDS[kind]) for kind, points in growth.by_kind(rows, setting, which).items()])


def wide(found, time):
    """growth.wide by kind; time: line -> ns or None."""
    points = {kind: [(r["L"], time(r)) for r in found if r["kind"] == kind and time(r)] for kind in KINDS}
    return powers([(kind, points[kind], style) for kind, style in KINDS.items()])


def growth_of_methods(rows, kind, setting, which):
    found = growth.by_method(rows, kind, setting, which)
    return powers([(method, points, METHODS[method]) for method, points in found.items()])


def beside_peers(rows, op, which):
    """MIMO: e3tp's methods solid, of each algorithm the fastest peer dashed and lighter."""
    curves = []
    for method, (marker, _, colour) in METHODS.items():
        own, peers = rivalry.curves(rows, op, which, method)
        curves.append((f"e3tp {method}", own, (marker, "-", colour)))
        curves.append((f"peers, {method}", peers, (marker, "--", LIGHTER[colour])))
    return powers(curves)


LIGHTER = {"#1b4f9c": "#8fb3e0", "#d55e00": "#f3b183", "#4fae5b": "#b2dcb8", "#000000": "#999999"}


def errors(rows, setting, dtype):
    series = {}
    for r in g.pick(rows, "product", dtype=dtype, **{"pass": "fwd"}):
        name, L = g.setting_of(r)
        if name not in (setting, setting + "-all") or r["method_asked"] == "auto":
            continue
        label = (
            f"Gaunt by {r['method']}"
            if r["op"] == "gaunt"
            else "paths, " + ("all" if "all" in name else "natural")
        )
        series.setdefault(label, {})[L] = max(series.get(label, {}).get(L, 0), r["max_err"])
    return lines(
        {label: list(series[label].items()) for label in STYLES if label in series}, "largest error"
    )


def equivariance(rows, dtype):
    """The worst method of each product."""
    styles, series = {label.split(",")[0]: style for label, style in KINDS.items()} | POWERS, {}
    for product, _, found, at in s.equivariance_rows(rows):
        for L, r in at.items() if found == dtype else ():
            worst = series.setdefault(product, {})
            worst[L] = max(worst.get(L, 0), r["max_err"])
    return lines({product: list(at.items()) for product, at in series.items()}, "largest error", styles=styles)


# ---- shares ----


def shares(rows, settings):
    """Best layout; float32 alone where methods are compared."""
    names = {"uuu": "elementwise", "uvu": "channel-wise"}
    series = {}
    for setting in settings:
        for r in g.pick(rows, "product", setting):
            if r["method_asked"] == "auto" or (setting == "signal" and r["dtype"] != "f32"):
                continue
            label = (
                f"{names[setting]} {r['dtype']}" if setting in names else f"Gaunt by {r['method']}"
            )
            value = g.share_of_nonzeros(r) if setting in names else g.share(r)
            at, L = series.setdefault(label, {}), g.setting_of(r)[1]
            at[L] = max(at.get(L, 0), 100 * (value or 0))
    return lines(
        {label: list(series[label].items()) for label in STYLES if label in series},
        "% of multiply-add peak",
        log=False,
        floor=100 * g.SHARE,
    )


# ---- the layer ----


def layer_bars(rows):
    rows = [r for r in rows if r["threads"] == 1]
    if not rows:
        return ""
    parts = [
        ("harmonics_ns", "harmonics", "", "0.95"),
        ("radial_ns", "radial functions", "//", "0.8"),
        ("conv_ns", "convolution", "..", "0.65"),
    ]
    figure, axes = plt.subplots(figsize=(SIZE[0], 0.7 * len(rows) + 1))
    left = [0.0] * len(rows)
    for key, label, hatch, shade in parts:
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
    names = [f"{'ready' if 'ready' in r['name'] else 'made'}\n{r['layout']}" for r in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.set_xlabel("ns per edge")
    axes.legend(fontsize=10, loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=2)
    return svg(figure)


# ---- path maps ----


MARKS = {"fwd": "o", "bwd": "s", "dbl": "D", "jvp": "^"}


def roofline(rows, threads):
    """Passes of the convolution over what memory and arithmetic allow: filled where weights are read."""
    found = g.pick(rows, "conv", threads=threads) + g.pick(rows, "fused", threads=threads)
    found = [r for r in found if r["gflops"] and r["peak_gflops"] and r["dram_gbs"]]
    if not found:
        return ""
    found = [r for r in found if r["isa"] == found[0]["isa"]]
    peak, stream = found[0]["peak_gflops"], found[0]["dram_gbs"]
    figure, axes = plt.subplots(figsize=SIZE)
    x = [r["flops"] / r["bytes"] for r in found]
    span = [min(x) / 2, max(*x, 2 * peak / stream)]
    corners = [span[0], peak / stream, span[1]]
    axes.plot(corners, [min(peak, stream * v) for v in corners], color="black", label="ceiling")
    for r, v in zip(found, x):
        made = r["case"] == "fused" and "read" not in r["name"]
        colour = "#d55e00" if made else "#1b4f9c"
        axes.plot(v, r["gflops"], MARKS[r["pass"]], color=colour, markerfacecolor="none" if made else colour)
    for name, mark in MARKS.items():
        axes.plot([], [], mark, color="0.3", label=name)
    axes.plot([], [], "o", color="#d55e00", markerfacecolor="none", label="made in the cache")
    for axis, set_scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        set_scale("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axes.set_xlabel("flops per byte that must move")
    axes.set_ylabel("Gflop/s")
    axes.legend(fontsize=10, loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=3)
    return svg(figure)


def path_map(row, columns=5):
    """One square per l3: which (l1, l2) reach it, darker = stronger; a dot where the triangle allows a path that is not
    reached."""
    L, degrees = row["L"], sorted({p[2] for p in row["reachable"]})
    if not degrees:
        return ""
    lines_needed = -(-len(degrees) // columns)
    figure, axes = plt.subplots(
        lines_needed, columns, figsize=(SIZE[0], 1.25 * lines_needed), squeeze=False
    )
    largest = max(abs(p[3]) for p in row["reachable"])
    strengths = {tuple(p[:3]): abs(p[3]) / largest for p in row["reachable"]}
    for a in axes.flat:
        a.set_axis_off()
    for l3, a in zip(degrees, axes.flat):
        cells = [[strengths.get((i, j, l3), 0.0) for j in range(L + 1)] for i in range(L + 1)]
        a.imshow(
            [[v and 0.3 + 0.7 * v for v in line] for line in cells],
            cmap="Greys",
            vmin=0,
            vmax=1,
            origin="lower",
        )
        missing = [
            (j, i)
            for i in range(L + 1)
            for j in range(L + 1)
            if abs(i - j) <= l3 <= i + j and not cells[i][j]
        ]
        if missing:
            a.plot(*zip(*missing), ".", color="0.5", markersize=3)
        a.set_axis_on()
        a.set_xticks([0, L])
        a.set_yticks([0, L])
        a.tick_params(labelsize=8, length=2)
        a.grid(False)
        a.set_title(f"l3 = {l3}", fontsize=10, pad=2)
    figure.tight_layout(pad=0.4)
    return svg(figure)
