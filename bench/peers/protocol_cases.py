# SPDX-License-Identifier: MIT
"""The products of the protocol of "The Price of Freedom" (arXiv 2506.13523), and what each of them is by definition.

Batch 10 000, one channel, float32. siso: one degree L, L x L to L; simo: L x L to 0..2L; mimo: 0..L to 0..2L.
"""

import functools
import itertools
from dataclasses import dataclass

import e3tp
import numpy as np

ROWS = 10_000
OPS = ("paths", "gaunt", "matrix")


@dataclass(frozen=True)
class Case:
    """op: paths   every path of even l1+l2+l3 its own output, in the order of l1, l2, l3; e3nn's coefficients
    gaunt   the product of functions, couplings summed into one output per degree
    matrix  the product of matrices, all couplings, those of even l1+l2+l3 and of odd apart
    """

    op: str
    setting: str
    L: int

    @property
    def name(self):
        return f"{self.setting}.{self.L}"

    @property
    def degrees(self):
        """Of either input."""
        return list(range(self.L + 1)) if self.setting == "mimo" else [self.L]

    @property
    def out(self):
        return [self.L] if self.setting == "siso" else list(range(2 * self.L + 1))

    @functools.cached_property
    def paths(self):
        """[(l1, l2, l3, number of the output, coefficient)]"""
        if self.op == "matrix":  # outputs of even l1+l2+l3, then of odd
            kappa = self.signal_product().kappa
            found = zip(*np.nonzero(kappa), kappa[np.nonzero(kappa)])
            return [(self.degrees[i], self.degrees[j], self.outputs[k], k, v) for i, j, k, v in found]
        every = itertools.product(self.degrees, self.degrees, self.out)
        found = [(a, b, c) for a, b, c in every if abs(a - b) <= c <= a + b and (a + b + c) % 2 == 0]
        if self.op == "paths":
            return [(a, b, c, n, (2 * c + 1) ** 0.5) for n, (a, b, c) in enumerate(found)]
        return [(a, b, c, self.out.index(c), e3tp.gaunt_strength(a, b, c)) for a, b, c in found]

    @functools.cached_property
    def outputs(self):
        """The degree of each output."""
        if self.op == "paths":
            return [p[2] for p in self.paths]
        return [ir.l for _, ir in self.signal_product().irreps_out]

    def signal_product(self, **keys):
        return e3tp.SignalProduct(self.op, self.degrees, self.degrees, self.out, **keys)

    @property
    def width(self):
        """Components of an input."""
        return sum(2 * l + 1 for l in self.degrees)

    @property
    def width_out(self):
        return sum(2 * l + 1 for l in self.outputs)

    def blocks(self):
        """Of each path: (where l1, where l2, where l3 are, the coupling tensor times its coefficient)."""
        inward, outward = dict(zip(self.degrees, places(self.degrees))), places(self.outputs)
        for a, b, c, n, coefficient in self.paths:
            yield inward[a], inward[b], outward[n], coefficient * e3tp.wigner_3j(a, b, c)

    def coordinates(self):
        """(i, j, k, value): the non-zeros of the whole."""
        parts = []
        for x, y, z, tensor in self.blocks():
            i, j, k = np.nonzero(np.abs(tensor) > 1e-10)
            parts.append((x.start + i, y.start + j, z.start + k, tensor[i, j, k]))
        return tuple(np.concatenate(p) for p in zip(*parts))

    def definition(self, x, y, gz):
        """z, gx, gy in double, path by path."""
        x, y, gz = (a.astype(float) for a in (x, y, gz))
        z, gx, gy = np.zeros_like(gz), np.zeros_like(x), np.zeros_like(y)
        for i, j, k, tensor in self.blocks():
            z[:, k] += np.einsum("bi,bj,ijk->bk", x[:, i], y[:, j], tensor, optimize=True)
            gx[:, i] += np.einsum("bj,bk,ijk->bi", y[:, j], gz[:, k], tensor, optimize=True)
            gy[:, j] += np.einsum("bi,bk,ijk->bj", x[:, i], gz[:, k], tensor, optimize=True)
        return z, gx, gy

    def data(self):
        rng = np.random.default_rng(0)
        widths = {"x": self.width, "y": self.width, "gz": self.width_out}
        return {name: rng.standard_normal((ROWS, n), dtype=np.float32) for name, n in widths.items()}


def places(degrees):
    """Slices of their components."""
    ends = [0, *itertools.accumulate(2 * l + 1 for l in degrees)]
    return list(map(slice, ends, ends[1:]))


def cases():
    for L in range(1, 9):
        for op in OPS:
            yield Case(op, "mimo", L)
    for L in (2, 4, 8):
        for setting, op in itertools.product(("siso", "simo"), ("paths", "gaunt")):
            yield Case(op, setting, L)
