# SPDX-License-Identifier: MIT
"""The rotated form of the convolution beside the general one: a table, and goals."""

import goals as g

SHARES = {"avx2": (0.75, 0.6), "avx512": (0.55, 0.4)}  # goal and floor, of executed multiply-adds


def table(rows):
    """The rows with the key faster: the time of the general form over theirs."""
    found = g.pick(rows, "rotated")
    general = {(r["L"], r["isa"], r["pass"]): r["ns_per_item"] for r in found if r["form"] == "general"}
    key = lambda r: (r["L"], r["isa"], r["pass"])  # noqa: E731
    return [{**r, "faster": general[key(r)] / r["ns_per_item"]} for r in found if key(r) in general]


def goals(rows):
    made = []
    for isa, (goal, floor) in SHARES.items():
        found = [
            {**r, "name": f"rotated.{r['L']:.0f}"}
            for r in g.pick(rows, "rotated", isa=isa, form="rotated")
            if r["pass"] == "fwd" and r["L"] > 1
        ]
        degrees = ", ".join(f"{L:.0f}" for L in sorted({r["L"] for r in found}))
        text = f"rotated form, {isa}, 128 channels, L = {degrees}, with frames, share of peak: goal {goal}, "
        text += f"floor {floor}"
        made.append(g.goal(text, found, g.share, floor, ""))
    return made
