# SPDX-License-Identifier: MIT
"""The convolution that makes harmonics and weights in the cache: a table, and goals."""

import goals as g

FORWARD, WRITTEN = "forward", "forward, spline written and read"
FORCES, BACKWARD = "forces (backward, x and vectors)", "backward, x, vectors and spline"
SECOND = "double backward, training on forces"
NO_EDGES = "64 atoms, no edges"


def table(rows):
    """The rows with two keys: ratio, time over that of forward on as many threads; of_reading, time over that of
    reading ready-made weights at the bandwidth of the same process.
    """
    found = g.pick(rows, "fused")
    forward = {r["threads"]: r["ns_per_item"] for r in found if r["name"] == FORWARD}
    return [
        {
            **r,
            "ratio": r["ns_per_item"] / forward[r["threads"]],
            "of_reading": r["ns_per_item"] * r["dram_gbs"] / r["weight_bytes"] if r["dram_gbs"] else None,
        }
        for r in found
        if r["threads"] in forward
    ]


def _goal(lines, text, names, value, floor, higher=False):
    """value of the lines of those names, one call for each number of threads."""
    found = []
    for threads in sorted({r["threads"] for r in lines}):
        of = {r["name"]: r for r in lines if r["threads"] == threads}
        if all(name in of for name in names):
            made = value(*(of[name] for name in names))
            found.append({"name": "conv", "problem": f"layout={threads}-threaded", "value": made})
    return g.goal(text, found, lambda r: r["value"], floor, "", higher=higher)


def _overhead(rows):
    """Microseconds of a call on 64 atoms without edges."""
    made = [
        {"name": "conv", "problem": f"layout={r['pass']},_{r['threads']}-threaded", "value": r["ns_per_item"] / 1000}
        for r in g.pick(rows, "graphs")
        if r["name"] == NO_EDGES
    ]
    text = "spline in the tile, 64 atoms, overhead of a call: goal 20 us, at most 60"
    return g.goal(text, made, lambda r: r["value"], 60, " us", higher=False)


def goals(rows):
    lines = table(rows)
    each = [
        (
            "forward, over the time of reading its weights: goal 0.65, at most 0.9",
            [FORWARD],
            lambda f: f["of_reading"],
            0.9,
        ),
        (
            "forward and backward to x, vectors and spline, over reading weights and writing their gradients: goal "
            "0.9, at most 1.1",
            [FORWARD, BACKWARD],
            lambda f, b: (f["of_reading"] + b["of_reading"]) / 2 if f["of_reading"] else None,
            1.1,
        ),
        ("forward and forces, over forward: goal 3.5, at most 4.5", [FORCES], lambda r: 1 + r["ratio"], 4.5),
        ("double backward, over forward: goal 6, at most 8", [SECOND], lambda r: r["ratio"], 8),
    ]
    made = [_goal(lines, "spline in the tile, " + text, *rest) for text, *rest in each]
    text = "spline in the tile, speed over weights that are written and then read: at least 1"
    made.append(_goal(lines, text, [WRITTEN], lambda r: r["ratio"], 1, higher=True))
    return made + [_overhead(rows)]
