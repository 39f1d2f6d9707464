# SPDX-License-Identifier: MIT
"""The passes of the convolution: a table, and goals as multiples of the forward pass."""

import goals as g

# Backward for x and w, for all three, double backward: goal and floor where weights are read from memory.
RATIOS = {"backward, x and w": (2.7, 3.2), "backward, x, y and w": (3.3, 4), "double backward": (6, 8)}


def table(rows):
    """The rows with the key ratio: time over that of forward on as many threads."""
    found = g.pick(rows, "conv")
    forward = {r["threads"]: r["ns_per_item"] for r in found if r["pass"] == "fwd"}
    return [{**r, "ratio": r["ns_per_item"] / forward[r["threads"]]} for r in found if r["threads"] in forward]


def goals(rows):
    lines = table(rows)
    made = []
    for name, (goal, floor) in RATIOS.items():
        of_name = [r for r in lines if r["name"] == name]
        found = [{**r, "name": "conv", "problem": f"layout={r['threads']}-threaded"} for r in of_name]
        text = f"convolution, {name}, over forward: goal {goal}, at most {floor}"
        made.append(g.goal(text, found, lambda r: r["ratio"], floor, "", higher=False))
    return made
