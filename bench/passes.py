# SPDX-License-Identifier: MIT
"""The passes of the convolution: tables, and goals as multiples of the forward pass and shares of the peak."""

import goals as g

# Backward for x and w, for all three, double backward: goal and floor where weights are read from memory.
RATIOS = {"backward, x and w": (2.7, 3.2), "backward, x, y and w": (3.3, 4), "double backward": (6, 8)}


# Forward by all paths from inputs to l = 2 and 3, of the multiply-add peak: goal and floor by tier.
SHARES = {"avx2": (0.75, 0.6), "avx512": (0.55, 0.4)}


def _to_forward(found):
    forward = {(r["layer"], r["threads"]): r["ns_per_item"] for r in found if r["pass"] == "fwd"}
    key = lambda r: (r["layer"], r["threads"])  # noqa: E731
    return [{**r, "ratio": r["ns_per_item"] / forward[key(r)]} for r in found if key(r) in forward]


def table(rows):
    """The rows with the key ratio: time over that of forward on as many threads."""
    return _to_forward(g.pick(rows, "conv"))


def layers(rows):
    """A line for each layer and number of threads: {layer, paths, threads, and for each pass its row}."""
    lines = {}
    for r in table(rows) + _to_forward(g.pick(rows, "layers")):
        line = lines.setdefault((r["layer"], r["threads"]), {k: r[k] for k in ("layer", "paths", "threads")})
        line[r["name"]] = r
    return sorted(lines.values(), key=lambda line: line["threads"])


def _share_goal(rows):
    found = [
        {**r, "name": "conv", "problem": f"layout={r['layer'].replace(' ', '_')},_{r['threads']}-threaded"}
        for r in g.pick(rows, "layers", **{"pass": "fwd"})
        if r["layer"].startswith("all paths") and r["isa"] in SHARES
    ]
    goal, floor = SHARES[found[0]["isa"] if found else "avx2"]
    text = f"convolution, all paths from x to l = 2, 3, weights read, forward: of peak, goal {goal}, at least {floor}"
    return g.goal(text, found, g.share, floor, "")


def goals(rows):
    lines = table(rows)
    made = []
    for name, (goal, floor) in RATIOS.items():
        of_name = [r for r in lines if r["name"] == name]
        found = [{**r, "name": "conv", "problem": f"layout={r['threads']}-threaded"} for r in of_name]
        text = f"convolution, {name}, over forward: goal {goal}, at most {floor}"
        made.append(g.goal(text, found, lambda r: r["ratio"], floor, "", higher=False))
    return made + [_share_goal(rows)]
