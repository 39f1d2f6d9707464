# SPDX-License-Identifier: MIT
"""GauntPower: against chains of products, shapes of weights, tables, gradients, layouts, refusals."""

import itertools
import unittest

import numpy as np
from support import relaid

import e3tp
from e3tp import Irreps

rng = np.random.default_rng(2)


def powers(x, lmax, n, channels):
    """[x, x^2, ..., x^n] by chains of products to full degree, degrees 0..lmax of x."""
    found = [x]
    for k in range(1, n):
        with e3tp.SignalProduct("gaunt", lmax, k * lmax, (k + 1) * lmax, channels, dtype=np.float64) as p:
            found.append(p(x, found[-1]))
    return found


def weighted(x, w, lmax, lmax_out, channels):
    """sum w[n] x^n in mul_ir; w (batch, N, n_out, C)."""
    z = np.zeros((len(x), channels * (lmax_out + 1) ** 2))
    for n, power in enumerate(powers(x, lmax, w.shape[1], channels)):
        for l in range(min(lmax_out, (n + 1) * lmax) + 1):
            part = slice(channels * l * l, channels * (l + 1) ** 2)
            z[:, part] += (power[:, part].reshape(len(x), channels, -1) * w[:, n, l, :, None]).reshape(len(x), -1)
    return z


class GauntPower(unittest.TestCase):
    def test_attributes(self):
        p = e3tp.GauntPower(2, [0, 3], 3, channels=4, weights="shared")
        self.assertEqual((p.irreps_in, p.irreps_out), (Irreps("4x0e+4x1o+4x2e"), Irreps("4x0e+4x3o")))
        self.assertEqual((p.weight_numel, p.power, p.method), (3 * 2 * 4, 3, "grid"))
        self.assertEqual(e3tp.methods("gaunt_power"), ("grid",))
        self.assertIn("^ 3", repr(p))
        self.assertIn("power: 3", p.describe())

    def test_values(self):
        for (lmax, out, n), channels in itertools.product(((1, 2, 2), (2, 3, 3), (3, 2, 3), (2, 2, 4)), (1, 5)):
            x = rng.standard_normal((3, channels * (lmax + 1) ** 2))
            w = rng.standard_normal((3, n, out + 1, channels))
            only = np.zeros_like(w)
            only[:, -1] = 1
            for dtype, close in ((np.float64, 1e-12), (np.float32, 1e-5)):
                for weights, given, row in ((None, None, only), ("row", w, w), ("shared", w[0], np.array([w[0]] * 3))):
                    p = e3tp.GauntPower(lmax, out, n, channels, weights, dtype)
                    z = p(x.astype(dtype), None if given is None else given.astype(dtype))
                    want = weighted(x, row, lmax, out, channels)
                    np.testing.assert_allclose(z, want, atol=close * np.abs(want).max())

    def test_gradients(self):
        x, w, gz = (rng.standard_normal(shape) for shape in ((4, 27), (3, 2, 3), (4, 12)))
        p = e3tp.GauntPower(2, 1, 3, 3, "shared", np.float64)
        gx, gw = p.backward(x, w, gz)
        self.assertEqual((gx.shape, gw.shape), (x.shape, w.shape))
        dx, dw, t = rng.standard_normal(x.shape), rng.standard_normal(w.shape), 1e-5
        slope = np.sum(gz * (p(x + t * dx, w + t * dw) - p(x - t * dx, w - t * dw))) / (2 * t)
        self.assertAlmostEqual(slope, np.sum(gx * dx) + np.sum(gw * dw), delta=1e-7 * np.abs(gx).sum())
        outs = np.empty_like(gx), np.empty_like(gw)
        again = p.backward(x, w, gz, out=outs)
        self.assertIs(again[0], outs[0])
        self.assertIs(again[1], outs[1])
        np.testing.assert_array_equal(outs[1], gw)
        self.assertIsNone(p.backward(x, w, gz, needs=("x",))[1])
        self.assertIsNone(e3tp.GauntPower(2, 1, 3, 3, dtype=np.float64).backward(x, None, gz)[1])

    def test_second_order(self):
        x, w, gz = (rng.standard_normal(shape) for shape in ((4, 27), (3, 2, 3), (4, 12)))
        dx, dw, dgz, ggx, ggw = (rng.standard_normal(a.shape) for a in (x, w, gz, x, w))
        p, t = e3tp.GauntPower(2, 1, 3, 3, "shared", np.float64), 1e-5
        slope = (p(x + t * dx, w + t * dw) - p(x - t * dx, w - t * dw)) / (2 * t)
        dz = p.jvp(x, w, dx, dw)
        np.testing.assert_allclose(dz, slope, atol=1e-6 * np.abs(slope).max())
        np.testing.assert_allclose(p.jvp(x, w, dx) + p.jvp(x, w, None, dw), dz, atol=1e-12 * np.abs(dz).max())

        def paired(s):
            gx, gw = p.backward(x + s * dx, w + s * dw, gz + s * dgz)
            return np.sum(gx * ggx) + np.sum(gw * ggw)

        hx, hw, hz = p.double_backward(x, w, gz, ggx, ggw)
        self.assertEqual((hx.shape, hw.shape, hz.shape), (x.shape, w.shape, gz.shape))
        slope = np.sum(hx * dx) + np.sum(hw * dw) + np.sum(hz * dgz)
        self.assertAlmostEqual(slope, (paired(t) - paired(-t)) / (2 * t), delta=1e-6 * np.abs(hx).sum())
        only = p.double_backward(x, w, gz, ggx, ggw, needs=("gz",))
        self.assertIsNone(only[0])
        np.testing.assert_allclose(only[2], p.jvp(x, w, ggx, ggw), atol=1e-12 * np.abs(hz).max())
        out = np.empty_like(w)
        self.assertIs(p.double_backward(x, w, gz, ggx, ggw, out=(None, out, None))[1], out)
        np.testing.assert_array_equal(out, hw)
        free = e3tp.GauntPower(2, 1, 3, 3, dtype=np.float64)
        self.assertIsNone(free.double_backward(x, None, gz, ggx)[1])
        np.testing.assert_allclose(free.double_backward(x, None, gz, ggx)[2], free.jvp(x, None, ggx), atol=1e-12)
        with self.assertRaisesRegex(ValueError, "dw:"):
            p.jvp(x, w, dx, dw[:2])

    def test_table(self):
        x, table = rng.standard_normal((5, 12)), rng.standard_normal((3, 2, 3, 3))
        index, gz = np.array([2, 0, 2, 1, 0]), rng.standard_normal((5, 27))
        p = e3tp.GauntPower(1, 2, 2, 3, "row", np.float64)
        np.testing.assert_array_equal(p(x, table, index=index), p(x, table[index]))
        gx, gw = p.backward(x, table, gz, index=index)
        rows = p.backward(x, table[index], gz)
        want = np.zeros_like(table)
        np.add.at(want, index, rows[1])
        np.testing.assert_array_equal(gx, rows[0])
        np.testing.assert_allclose(gw, want, atol=1e-12)

    def test_no_degrees(self):
        x, w, gz = np.ones((2, 4)), np.ones((2, 0, 1)), np.ones((2, 0))
        p = e3tp.GauntPower(1, [], 2, weights="shared", dtype=np.float64)
        gx, gw = p.backward(x, w, gz)
        self.assertEqual((abs(gx).max(), gw.shape), (0, w.shape))
        self.assertEqual(p.double_backward(x, w, gz, x, w)[1].shape, w.shape)

    def test_uncoupled(self):
        # No z where no product of so many functions has its degree; and nothing comes of x that only makes such.
        for lmax, out, n, weights, zero in (
            ([0, 2], [3], 2, None, True),
            ([0, 2], [3], 4, "shared", True),
            ([1], [1], 2, None, True),
            ([1], [2], 3, None, True),
            ([1], [2], 3, "shared", False),
            ([2], [7], 3, None, True),
            ([3], [3], 3, None, False),
            ([1], [5, 7], 4, None, True),
            ([1], [5], 1, None, True),
            ([2, 5], [10], 2, None, False),
            ([2, 5], [1, 10], 2, "shared", False),
            ([1, 4], [4], 1, None, False),
            (2, [], 2, None, True),
        ):
            p = e3tp.GauntPower(lmax, out, n, 3, weights, np.float64)
            x, gz = rng.standard_normal((5, p.irreps_in.dim)), rng.standard_normal((5, p.irreps_out.dim))
            w = rng.standard_normal((n, len(out), 3)) if weights else None
            z, (gx, gw) = p(x, w), p.backward(x, w, gz)
            self.assertEqual("the product is zero" in p.describe(), zero, p)
            if zero:
                for a in (z, gx) + ((gw,) if weights else ()):
                    self.assertFalse(a.any(), p)
            for s, gs in ((s, gx[:, s]) for s in p.irreps_in.slices()):
                bad = x.copy()
                bad[:, s] = np.nan
                self.assertEqual(np.isnan(p(bad, w)).any(), gs.any(), p)
                self.assertEqual(np.isnan(p.backward(bad, w, gz)[0]).any(), gs.any() and n > 1, p)

    def test_layouts(self):
        p = e3tp.GauntPower(2, 3, 3, 5, dtype=np.float64)
        x = rng.standard_normal((4, p.irreps_in.dim))
        z = p(x)
        for a, b in itertools.product(("mul_ir", "ir_mul", "batch_last"), repeat=2):
            q = e3tp.GauntPower(2, 3, 3, 5, dtype=np.float64, layout=(a, b))
            np.testing.assert_allclose(q(relaid(x, p.irreps_in, a)), relaid(z, p.irreps_out, b), atol=1e-12)

    def test_broadcasting(self):
        p = e3tp.GauntPower(1, 1, 2, 2, "row", np.float64)
        x, w = rng.standard_normal((3, 1, 8)), rng.standard_normal((4, 2, 2, 2))
        z = p(x, w)
        self.assertEqual(z.shape, (3, 4, 8))
        np.testing.assert_allclose(z[1, 2], p(x[1, 0], w[2]), atol=1e-13)
        self.assertEqual(p(rng.standard_normal((0, 8)), w[0]).shape, (0, 8))

    def test_oversample(self):
        least, more = (e3tp.GauntPower(2, 3, 3, dtype=np.float64, oversample=f) for f in (1, 1.5))
        x = rng.standard_normal((3, 9))
        for p, size in ((least, "5 x 12"), (more, "8 x 16")):
            self.assertIn(f"grid: {size} samples", p.describe())
            np.testing.assert_allclose(p(x), least(x), atol=1e-12)
        for options in ({"oversample": 0}, {"oversample": 1.5, "grid": (9, 20)}):
            self.assertRaisesRegex(ValueError, "oversample", e3tp.GauntPower, 2, 3, 3, **options)

    def test_refusals(self):
        for bad in (0, 5, 2.5):
            with self.assertRaises((TypeError, ValueError)):
                e3tp.GauntPower(1, 1, bad)
        with self.assertRaises(e3tp.Unsupported):
            e3tp.GauntPower(1, 1, method="cg")
        with self.assertRaises(e3tp.Unsupported):
            e3tp.GauntPower(3, 3, 3, grid=(2, 2))
        with self.assertRaisesRegex(ValueError, "layout"):
            e3tp.GauntPower(1, 1, layout=("mul_ir",) * 3)
        p = e3tp.GauntPower(1, 1, 2, 3, "shared")
        x = np.zeros((2, 12), np.float32)
        for w in (None, np.zeros((2, 2), np.float32), np.zeros((2, 2, 2, 3), np.float32)):
            with self.assertRaisesRegex(ValueError, "w:"):
                p(x, w)
        with self.assertRaisesRegex(ValueError, "w:"):
            e3tp.GauntPower(1, 1, 2, 3)(x, np.zeros((2, 2, 3), np.float32))
        with self.assertRaisesRegex(ValueError, "x:"):
            p(x[:, 1:], np.zeros((2, 2, 3), np.float32))


if __name__ == "__main__":
    unittest.main()
