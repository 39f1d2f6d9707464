# SPDX-License-Identifier: MIT
"""Peers that no package registry has: as we measured them once, on another machine. e3tp beside them by the share that
each reaches of its own machine's ceilings, the least time that memory and arithmetic allow: weights read or their
gradients written at the bandwidth of reading, or flops at the multiply-add peak of its type, whichever takes longer.
"""

from dataclasses import dataclass

import goals as g

MACHINE = "two cores of a Sapphire Rapids Xeon, November 2026"
DRAM = {1: 15, 2: 30}  # GB/s by threads
PEAK = {"f32": {1: 214, 2: 428}, "f64": {1: 107, 2: 214}}  # Gflop/s by AVX-512
SIZE = {"f32": 4, "f64": 8}


@dataclass(frozen=True)
class Figure:
    """ns per edge of the second layer of MACE, and e3tp's passes of the same work."""

    peer: str
    what: str
    threads: int
    dtype: str
    ns: float
    case: str
    names: tuple
    streams: int  # how often weights or their gradients pass through memory
    floor: float
    goal: float


MOPS, SYMMETRIX = "mops, a call for each path", "symmetrix"
BACKWARD, FORCES = "backward, x, y and w", "forces (backward, x and vectors)"
FIGURES = (
    Figure(MOPS, "forward", 2, "f32", 700, "conv", ("forward",), 1, 1.7, 3.5),
    Figure(MOPS, "forward and backward to x, y and w", 2, "f32", 15600, "conv", ("forward", BACKWARD), 3, 8, 20),
    Figure(SYMMETRIX, "forward", 1, "f64", 3700, "fused", ("forward",), 0, 4, 6),
    Figure(SYMMETRIX, "reverse to features and pair vectors", 1, "f64", 35000, "fused", (FORCES,), 0, 8, 17),
)


def least(streams, weights, flops, bandwidth, peak):
    """ns of an edge; weights in bytes."""
    return max(streams * weights / bandwidth, flops / peak)


def own(rows, figure):
    """e3tp's rows of the passes by its best tier, which comes first; () where one is missing."""
    found = {}
    for r in g.pick(rows, figure.case, threads=figure.threads):
        if r["name"] in figure.names and r["dram_gbs"]:
            found.setdefault(r["name"], r)
    return tuple(found.values()) if len(found) == len(figure.names) else ()


def table(rows):
    """[{figure, there, own, here, ratio}]; there, here: shares of the ceilings."""
    lines = []
    for f in FIGURES:
        found = own(rows, f)
        if found:
            weights, flops = found[0]["weight_bytes"], sum(r["flops"] for r in found)
            stored, peak = weights * SIZE[f.dtype] / SIZE["f32"], PEAK[f.dtype][f.threads]
            there = least(f.streams, stored, flops, DRAM[f.threads], peak) / f.ns
            time = sum(r["ns_per_item"] for r in found)
            here = least(f.streams, weights, flops, found[0]["dram_gbs"], found[0]["peak_gflops"]) / time
            lines.append({"figure": f, "there": there, "own": time, "here": here, "ratio": here / there})
    return lines


def goals(rows):
    """A line for each figure."""
    found = {line["figure"]: line["ratio"] for line in table(rows)}
    made = []
    for f in FIGURES:
        text = f"{f.peer}, measured elsewhere, {f.what}, by shares of ceilings: goal {f.goal}x, floor {f.floor}x"
        values = [{"name": "-", "problem": f"layout={f.threads}-threaded", "value": found[f]}] if f in found else []
        made.append(g.goal(text, values, lambda r: r["value"], f.floor, "x"))
    return made
