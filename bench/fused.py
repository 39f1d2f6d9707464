# SPDX-License-Identifier: MIT
"""The convolution that makes harmonics and weights in the cache: a table, and goals."""

import goals as g

READ, LISTED = "forward, weights read", "forward, weights read in any order"
HALVED, WRITTEN = "forward, bf16 weights read", "forward, spline written and read"
FORWARD = "forward"
FORCES, BACKWARD = "forces (backward, x and vectors)", "backward, x, vectors and spline"
SECOND = "double backward, training on forces"
NO_EDGES = "54 atoms, no edges"
SCRATCH = ("conv", "layers", "fused", "graphs")  # cases of the convolution whose memory is counted
GOAL_MB, MOST_MB = 16, 64


def table(rows):
    """The rows with two keys: ratio, time over that of forward by as many threads of the same tier; of_reading, time
    over that of reading ready-made weights at the bandwidth of the same process.
    """
    found = g.pick(rows, "fused")
    key = lambda r: (r["isa"], r["threads"])  # noqa: E731
    forward = {key(r): r["ns_per_item"] for r in found if r["name"] == FORWARD}
    return [
        {
            **r,
            "ratio": r["ns_per_item"] / forward[key(r)],
            "of_reading": r["ns_per_item"] * r["dram_gbs"] / r["weight_bytes"] if r["dram_gbs"] else None,
        }
        for r in found
        if key(r) in forward
    ]


def of_roofline(row):
    """Share of the ceiling that binds: weights streamed once, or the multiply-add peak."""
    return row["of_reading"] and max(1 / row["of_reading"], g.share(row))


def together(forward, backward):
    """Over reading weights and writing their gradients, at the bandwidth of reading."""
    return forward["of_reading"] and (forward["of_reading"] + backward["of_reading"]) / 2


def _goal(lines, text, names, value, floor, higher=False):
    """value of the lines of those names, one call for each tier and number of threads."""
    found = []
    for isa, threads in sorted({(r["isa"], r["threads"]) for r in lines}):
        of = {r["name"]: r for r in lines if (r["isa"], r["threads"]) == (isa, threads)}
        if all(name in of for name in names):
            made = value(*(of[name] for name in names))
            found.append({"name": "conv", "problem": f"layout={isa},_{threads}-threaded", "value": made})
    return g.goal(text, found, lambda r: r["value"], floor, "", higher=higher)


def _overhead(rows):
    """Microseconds of a call on 54 atoms without edges."""
    made = [
        {"name": "conv", "problem": f"layout={r['pass']},_{r['threads']}-threaded", "value": r["ns_per_item"] / 1000}
        for r in g.pick(rows, "graphs")
        if r["name"] == NO_EDGES
    ]
    text = "spline in the tile, 54 atoms, overhead of a call: goal 20 us, at most 60"
    return g.goal(text, made, lambda r: r["value"], 60, " us", higher=False)


def _scratch(rows):
    """Megabytes of the call that takes most."""
    place = lambda r: f"layout={r['name'].replace(' ', '_')},_{r['threads']}-threaded"  # noqa: E731
    found = [r for case in SCRATCH for r in g.pick(rows, case)]
    made = [{"name": "conv", "problem": place(r), "mb": r["work_mb"]} for r in found]
    text = f"convolutions, memory beyond operands, results and the graph: goal {GOAL_MB} MB, at most {MOST_MB}"
    return g.goal(text, made, lambda r: r["mb"], MOST_MB, " MB", higher=False)


def by_tier(lines):
    """Goals of forward, and of forward and backward, of avx512, where reading weights binds, and of the others."""
    wide, others = ([r for r in lines if (r["isa"] == "avx512") == is_wide] for is_wide in (True, False))
    reading = "forward, over the time of reading its weights: goal 0.65, at most 0.9"
    both = "forward and backward to x, vectors and spline, over reading weights and writing their gradients: goal {}"
    each = [
        (wide, f"avx512, {reading}", [FORWARD], lambda f: f["of_reading"], 0.9),
        (wide, f"avx512, {both.format('0.65, at most 0.9')}", [FORWARD, BACKWARD], together, 0.9),
        (others, "avx2, forward, of peak: goal 0.7, at least 0.55", [FORWARD], g.share, 0.55, True),
        (others, f"avx2, {both.format('0.9, at most 1.1')}", [FORWARD, BACKWARD], together, 1.1),
    ]
    return [_goal(found, "spline in the tile, " + text, *rest) for found, text, *rest in each]


def goals(rows):
    lines = table(rows)
    each = [
        ("forward and forces, over forward: goal 3.5, at most 4.5", [FORCES], lambda r: 1 + r["ratio"], 4.5),
        ("double backward, over forward: goal 6, at most 8", [SECOND], lambda r: r["ratio"], 8),
        ("speed over weights that are written and then read: at least 1", [WRITTEN], lambda r: r["ratio"], 1, True),
    ]
    stored = [
        ("edges packed by receiver, of the roofline: goal 0.75, at least 0.6", [READ], of_roofline, 0.6, True),
        ("order of the caller's edges, of the roofline: goal 0.65, at least 0.5", [LISTED], of_roofline, 0.5, True),
        (
            "bfloat16, over float32: goal 0.6, at most 0.75",
            [HALVED, READ],
            lambda half, whole: half["ns_per_item"] / whole["ns_per_item"],
            0.75,
        ),
    ]
    made = [_goal(lines, "convolution, forward, weights read, " + text, *rest) for text, *rest in stored]
    made += by_tier(lines) + [_goal(lines, "spline in the tile, " + text, *rest) for text, *rest in each]
    return made + [_overhead(rows), _scratch(rows)]
