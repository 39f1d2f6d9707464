# SPDX-License-Identifier: MIT
"""Grids too small to be exact: describe() lists the results that are off, those and no others."""

import itertools
import re
import unittest

import numpy as np

import e3tp

rng = np.random.default_rng(12)
LISTS = (
    ([0, 1, 2], [0, 1, 2], [0, 1, 2]),
    ([0, 1], [0, 1, 2], [0, 1, 2, 3]),
    ([3], [2], [1, 3, 5]),
    ([1, 4], [2], [2, 3, 6]),
    ([0, 2], [1, 3], [0, 2, 4]),
    ([0], [3], [3]),
    ([2], [0, 1], [0, 1, 2, 3]),
)
QUADRATURES = ("gauss-legendre", "equiangular")


def names(p, fields):
    """What describe() calls the blocks of the result; fields: their degrees, if they are vector fields."""
    if fields is None:
        return [str(ir) for _, ir in p.irreps_out]
    return [f"V({j},{l})" for j in fields for l in ((j - 1, j, j + 1) if j else (1,))]


def listed(p):
    """The names in describe(), and the least exact grid; none of an exact one."""
    found = re.search(r"aliased: exact from (\d+) x (\d+) samples on; results that are not: (.*)", p.describe())
    if not found:
        return [], None
    return [] if found[3] == "none" else found[3].split(", "), (int(found[1]), int(found[2]))


class Aliases(unittest.TestCase):
    def compare(self, p, z, want, fields=None):
        """Counts the blocks that are off, after a look whether they are those listed."""
        scale = max(np.abs(want).max(), np.abs(z).max(), 1e-3)
        off = [np.abs((z - want)[:, s]).max() > 1e-10 * scale for s in p.irreps_out.slices()]
        said, _ = listed(p)
        self.assertEqual([name for name, is_off in zip(names(p, fields), off) if is_off], said, p.describe())
        return sum(off)

    def sizes(self, degrees, quadrature, step):
        rings = sum(degrees) // (1 if quadrature == "equiangular" else 2) + 2
        return itertools.islice(itertools.product(range(1, rings), range(1, sum(degrees) + 3)), 0, None, step)

    def test_products(self):
        for kind, which in (("gaunt", ""), ("bracket", ""), ("complete", ""), ("vector", "cross"), ("vector", "dot")):
            off = 0
            for lists, quadrature in itertools.product(LISTS, QUADRATURES):
                options = {"dtype": np.float64, "quadrature": quadrature, "product": which or "cross"}
                cg = e3tp.SignalProduct(kind, *lists, method="cg", **options)
                x, y = (rng.standard_normal((3, i.dim)) for i in (cg.irreps_in1, cg.irreps_in2))
                for grid in self.sizes([max(l) for l in lists], quadrature, 3):
                    p = e3tp.SignalProduct(kind, *lists, method="grid", grid=grid, allow_aliasing=True, **options)
                    off += self.compare(p, p(x, y), cg(x, y), lists[2] if which == "cross" else None)
            self.assertGreater(off, 0, kind)

    def test_powers(self):
        for n, weights in itertools.product((1, 2, 3, 4), (None, "shared")):
            off = 0
            for (l, out), quadrature in itertools.product(
                (([0, 1, 2], [0, 1, 2, 3]), ([0, 2], [0, 2, 3]), ([2, 5], [2, 10])), QUADRATURES
            ):
                options = {"dtype": np.float64, "quadrature": quadrature, "weights": weights}
                exact = e3tp.GauntPower(l, out, n, **options)
                given = [rng.standard_normal((3, exact.irreps_in.dim))]
                given += [rng.standard_normal((n, len(out), 1))] if weights else []
                for grid in self.sizes([max(l)] * n + [max(out)], quadrature, 11):
                    p = e3tp.GauntPower(l, out, n, method="grid", grid=grid, allow_aliasing=True, **options)
                    off += self.compare(p, p(*given), exact(*given))
            self.assertEqual(off > 0, n > 1)

    def test_method(self):
        # AUTO takes a grid that aliases only where there is nothing else.
        for n, lists in itertools.product((2, 3), ((2, 2), ([1, 2], [0, 3]))):
            options = {"power": n, "grid": (2, 4), "allow_aliasing": True, "dtype": np.float64}
            p, named = (e3tp.GauntPower(*lists, method=method, **options) for method in ("auto", "grid"))
            x = rng.standard_normal((3, p.irreps_in.dim))
            np.testing.assert_array_equal(p(x), named(x))
            self.assertEqual((p.method, listed(p)), ("grid", listed(named)))
            self.assertRaisesRegex(e3tp.Unsupported, "at least", e3tp.GauntPower, *lists, n, grid=(2, 4))
        for kind in ("gaunt", "bracket", "complete", "vector"):
            p = e3tp.SignalProduct(kind, 2, 2, 2, grid=(2, 4), allow_aliasing=True)
            self.assertNotEqual(p.method, "grid")
            self.assertIn("grid: would alias", p.describe())
            with self.assertRaisesRegex(e3tp.Unsupported, "at least"):
                e3tp.SignalProduct(kind, 2, 2, 2, grid=(2, 4))

    def test_grid_needed(self):
        p = e3tp.SignalProduct("gaunt", 2, 2, 2, method="grid", grid=(3, 6), allow_aliasing=True)
        self.assertEqual(listed(p), (["2e"], (4, 7)))
        self.assertEqual((4, 7), e3tp.grid_size((2, 2), 2))
        for exact in (None, (4, 7), (9, 16)):
            p = e3tp.SignalProduct("gaunt", 2, 2, 2, method="grid", grid=exact, allow_aliasing=True)
            self.assertNotIn("aliased", p.describe())


if __name__ == "__main__":
    unittest.main()
