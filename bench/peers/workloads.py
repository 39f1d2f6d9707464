# SPDX-License-Identifier: MIT
"""Products that interatomic potentials and their kin compute, in blocks of rows that stay in the cache."""

from dataclasses import dataclass

import numpy as np

import connected
import e3tp
from e3tp import Irreps

BLOCK_BYTES = 1 << 20  # x, y, w and z of a block, float32: within a second-level cache
NODES, NEIGHBOURS = 216, 46  # of a layer's graph


@dataclass(frozen=True)
class Workload:
    """in2 has multiplicity one throughout; instructions are tuples (i1, i2, iout, mode, has_weight)."""

    name: str
    in1: Irreps
    in2: Irreps
    out: Irreps
    instructions: list
    shared: bool  # the weights, by all rows

    @property
    def weight_numel(self):
        mul = {"uvu": lambda i: self.in1[i[0]].mul, "uvw": lambda i: self.in1[i[0]].mul * self.out[i[2]].mul}
        return sum(mul[i[3]](i) for i in self.instructions)

    @property
    def rows(self):
        width = self.in1.dim + self.in2.dim + self.out.dim + (0 if self.shared else self.weight_numel)
        return max(16, BLOCK_BYTES // (4 * width) // 16 * 16)

    def rows_of(self, name):
        """Of an operand, its gradient or tangent."""
        return self.rows


@dataclass(frozen=True)
class Layer(Workload):
    """The product at the edges of a graph, x at senders, summed over receivers; edges in the order of receivers."""

    @property
    def rows(self):
        return NODES * NEIGHBOURS

    def rows_of(self, name):
        return NODES if name[-1] in "xz" else self.rows

    def edges(self):
        """(receivers, senders), int64: nodes of a ring, which see those next to them."""
        steps = np.arange(-(NEIGHBOURS // 2), NEIGHBOURS // 2 + 1)
        receivers = np.repeat(np.arange(NODES), NEIGHBOURS)
        return receivers, (receivers + np.tile(steps[steps != 0], NODES)) % NODES


def channelwise(name, in1, in2, kept=None):
    """uvu, every path to the irreps kept (None: all), each to a block of its own, a weight per row and channel."""
    made = e3tp.uvu_tensor_product(in1, in2, kept)
    paths = [tuple(i[:5]) for i in made.instructions]
    return Workload(name, made.irreps_in1, made.irreps_in2, made.irreps_out, paths, False)


def joined(name, in1, in2, out, shared):
    """uvw, every path."""
    made = e3tp.FullyConnectedTensorProduct(in1, in2, out)
    paths = [tuple(i[:5]) for i in made.instructions]
    return Workload(name, made.irreps_in1, made.irreps_in2, made.irreps_out, paths, shared)


def single(l1, l2, l3):
    in1, in2, out = (Irreps(f"{m}x{l}e") for m, l in ((128, l1), (1, l2), (128, l3)))
    return Workload(f"single {l1} {l2} {l3}", in1, in2, out, [(0, 0, 0, "uvu", True)], False)


def harmonics(top):
    return Irreps.spherical_harmonics(top)


def both_parities(mul, top):
    return "+".join(f"{mul}x{l}{p}" for l in range(top + 1) for p in "eo")


def workloads():
    natural = harmonics(3)
    return [
        channelwise("MACE first layer", "128x0e", natural),
        channelwise("MACE medium layer 2", "128x0e+128x1o", natural, natural),
        channelwise("MACE large layer 2", "128x0e+128x1o+128x2e", natural, natural),
        *(
            channelwise(f"NequIP L = {top}", both_parities(32, top), harmonics(top), both_parities(1, top))
            for top in (1, 2, 3)
        ),
        channelwise("SevenNet 15 paths", "128x0e+64x1e+32x2e", "0e+1e+2e", "0e+1e+2e"),
        channelwise("SevenNet 34 paths", "128x0e+64x1e+32x2e+32x3e", "0e+1e+2e+3e", "0e+1e+2e+3e"),
        channelwise("Nequix", "128x0e+64x1o+32x2e+32x3o", natural, natural),
        channelwise("89 channels", "89x0e", natural),
        *(joined(name, *irreps, False) for name, irreps in connected.BY_ROW.items()),
        *(joined(name, *irreps, True) for name, irreps in connected.SHARED.items()),
        *(single(*t) for t in ((1, 1, 1), (2, 1, 2), (3, 3, 3), (5, 5, 3), (5, 3, 5), (6, 3, 6), (7, 4, 7), (7, 7, 7))),
    ]


def layers():
    """The products of channels of workloads(), as layers."""
    fields = ("name", "in1", "in2", "out", "instructions", "shared")
    found = [w for w in workloads() if w.instructions[0][3] == "uvu" and not w.name.startswith("single")]
    return [Layer(*(getattr(w, f) for f in fields)) for w in found]
