# SPDX-License-Identifier: MIT
"""Spline: against a dense solve of the conditions that define it, types, derivatives, transposes, shapes, refusals."""

import unittest

import numpy as np

import e3tp

rng = np.random.default_rng(5)
R_MAX = 4.5


def pieces(values, r_max):
    """Coefficients (knots - 1, 4, width) of 1, s, s^2, s^3, s = r - r_i in each interval, from their conditions."""
    knots, width = values.shape
    n, h = knots - 1, r_max / (knots - 1)
    powers = np.array([[1, h, h**2, h**3], [0, 1, 2 * h, 3 * h**2], [0, 0, 2, 6 * h]])
    a, y = np.zeros((4 * n, 4 * n)), np.zeros((4 * n, width))
    for i in range(n):
        a[i, 4 * i], y[i] = 1, values[i]  # the value at the left of each interval, and at its right
        a[n + i, 4 * i : 4 * i + 4], y[n + i] = powers[0], values[i + 1]
    row = 2 * n
    for i in range(n - 1):  # slopes and second derivatives go on
        for order, factor in ((1, 1), (2, 2)):
            a[row, 4 * i : 4 * i + 4] = powers[order]
            a[row, 4 * i + 4 + order] = -factor
            row += 1
    a[row, [3, 7]] = 1, -1  # the third derivative, at the first inner knot
    a[row + 1, -4:] = powers[1]  # slope 0 at r_max
    return np.linalg.solve(a, y).reshape(n, 4, width)


def reference(values, r_max, r, order=0):
    knots, width = values.shape
    h = r_max / (knots - 1)
    p = pieces(values, r_max)
    i = np.minimum((r / h).astype(int), knots - 2)
    s = (r - i * h)[:, None]
    c = p[i].swapaxes(0, 1)
    if order == 0:
        return c[0] + s * (c[1] + s * (c[2] + s * c[3]))
    return c[1] + s * (2 * c[2] + s * 3 * c[3]) if order == 1 else 2 * c[2] + 6 * s * c[3]


class Values(unittest.TestCase):
    def test_against_a_dense_solve(self):
        for dtype, eps in ((np.float32, 1.2e-7), (np.float64, 2.3e-16)):
            for knots in (3, 4, 9, 30):
                values = rng.uniform(-1, 1, (3, knots, 7)).astype(dtype)
                r, types = rng.uniform(0, R_MAX, 50).astype(dtype), rng.integers(0, 3, 50)
                per_h = (knots - 1) / R_MAX
                with e3tp.Spline(R_MAX, values) as sp:
                    got = sp(r, types), sp.derivative(r, types), sp.second_derivative(r, types)
                for order, g in enumerate(got):
                    want = np.empty(g.shape)
                    for t in range(3):
                        want[types == t] = reference(
                            values[t].astype(np.float64), R_MAX, r[types == t].astype(np.float64), order
                        )
                    # the bounds of the fit and of the evaluation, |coefficients| up to 70 |values|, and the solve
                    tolerance = (8, 32, 96)[order] * eps + 70 * (4, 8, 16)[order] * eps + 1e-12
                    np.testing.assert_allclose(g, want, rtol=0, atol=tolerance * per_h**order)

    def test_knots_and_ends(self):
        values = rng.standard_normal((11, 4))
        sp = e3tp.Spline(5.0, values)
        r = np.linspace(0, 5, 11)
        np.testing.assert_allclose(sp(r[:-1]), values[:-1], atol=1e-13)
        np.testing.assert_allclose(sp(np.nextafter(5.0, 0)), values[-1], atol=1e-13)
        np.testing.assert_array_equal(sp(np.array([5.0, 7.0, np.inf])), 0)
        np.testing.assert_array_equal(sp.derivative(np.array([5.0, np.inf])), 0)
        np.testing.assert_array_equal(sp(np.array(-1.0)), sp(np.array(0.0)))
        self.assertTrue(np.isnan(sp(np.array([np.nan]))).all())
        np.testing.assert_allclose(sp.derivative(np.nextafter(5.0, 0)), 0, atol=1e-13)

    def test_from_function(self):
        def decay(r, t=0):
            s = 1 - r / R_MAX
            return np.stack([np.exp(-r) * s**3, (1 + t) * s**4], -1)

        r = rng.uniform(0, R_MAX, 100)
        with e3tp.Spline.from_function(decay, R_MAX, 256, dtype=np.float64) as sp:
            self.assertEqual((sp.types, sp.knots, sp.width), (1, 256, 2))
            np.testing.assert_allclose(sp(r), decay(r), atol=1e-8)
        with e3tp.Spline.from_function(decay, R_MAX, 256, types=3, dtype=np.float64) as sp:
            self.assertEqual(sp.coefficients.shape, (3, 258, 2))
            for t in range(3):
                np.testing.assert_allclose(sp(r, np.full(100, t)), decay(r, t), atol=1e-8)
        with e3tp.Spline.from_function(np.cos, np.pi, 50) as sp:
            self.assertEqual((sp.dtype, sp.width), (np.float32, 1))
            np.testing.assert_allclose(sp(np.float32(1)), [np.cos(1)], atol=1e-5)
        with self.assertRaisesRegex(ValueError, "shape"):
            e3tp.Spline.from_function(lambda r: np.ones((3, 3)), R_MAX, 256)


class Training(unittest.TestCase):
    def test_transpose(self):
        for shape in ((8, 5), (2, 8, 5), (3, 1)):
            values = rng.standard_normal(shape)
            sp = e3tp.Spline(R_MAX, values)
            g = rng.standard_normal(sp.coefficients.shape)
            gv = sp.fit_backward(g)
            self.assertEqual(gv.shape, shape)
            np.testing.assert_allclose(np.sum(gv * values), np.sum(g * sp.coefficients), rtol=1e-11, atol=1e-11)
            out = np.empty(shape)
            self.assertIs(sp.fit_backward(g, out=out), out)
            np.testing.assert_array_equal(out, gv)

    def test_set_values(self):
        values = rng.standard_normal((2, 9, 3))
        sp = e3tp.Spline(R_MAX, values)
        before = sp.coefficients
        sp.set_values(2 * values)
        np.testing.assert_allclose(sp.coefficients, 2 * before, rtol=1e-13)
        np.testing.assert_array_equal(sp.values, 2 * values)
        with self.assertRaisesRegex(ValueError, "shape"):
            sp.set_values(values[0])
        with self.assertRaises(TypeError):
            sp.set_values(values.astype(np.float32))
        with self.assertRaises(ValueError):
            sp.coefficients[0, 0, 0] = 1


class Arguments(unittest.TestCase):
    values = rng.standard_normal((3, 6, 4))

    def test_shapes(self):
        sp = e3tp.Spline(R_MAX, self.values)
        r, types = rng.uniform(0, 5, (5, 2, 3)), rng.integers(0, 3, (5, 2, 3))
        whole = sp(r, types)
        self.assertEqual(whole.shape, (5, 2, 3, 4))
        np.testing.assert_array_equal(sp(r[1, :, ::2], types[1, :, ::2]), whole[1, :, ::2])
        np.testing.assert_array_equal(sp(r[3, 1, 2], types[3, 1, 2]), whole[3, 1, 2])
        out = np.empty((5, 2, 3, 4))
        self.assertIs(sp(r, types.astype(np.uint8), out=out), out)
        np.testing.assert_array_equal(out, whole)
        self.assertEqual(sp(np.empty((0, 2)), np.empty((0, 2), int)).shape, (0, 2, 4))
        self.assertEqual(e3tp.Spline(R_MAX, self.values[0, :, :0])(r).shape, (5, 2, 3, 0))
        self.assertEqual(e3tp.Spline(R_MAX, self.values[:1])(r).shape, (5, 2, 3, 4))

    def test_attributes(self):
        sp = e3tp.Spline(0.1, self.values.astype(np.float32), isa="generic", threads=1)
        self.assertEqual((sp.types, sp.knots, sp.width, sp.isa), (3, 6, 4, "generic"))
        self.assertEqual((sp.r_max, sp.dtype), (float(np.float32(0.1)), np.float32))
        self.assertIn("6 knots", sp.describe())

    def test_refusals(self):
        for error, word, r_max, values in (
            (ValueError, "knots", R_MAX, self.values[:, :2]),
            (ValueError, "r_max", 0, self.values),
            (ValueError, "shape", R_MAX, self.values[0, 0]),
            (TypeError, "dtype", R_MAX, self.values.astype(int)),
        ):
            with self.assertRaisesRegex(error, word):
                e3tp.Spline(r_max, values)
        sp = e3tp.Spline(R_MAX, self.values)
        r = np.ones(2)
        for error, word, arguments in (
            (TypeError, "r: dtype", (r.astype(np.float32), [0, 0])),
            (TypeError, "types: dtype", (r, [0.0, 1.0])),
            (ValueError, "types: needed", (r,)),
            (ValueError, "types: shape", (r, [0])),
            (ValueError, "types: 0..3", (r, [0, 3])),
            (ValueError, "types: -1..0", (r, [-1, 0])),
            (ValueError, "types: 0..4294967296", (r, [0, 2**32])),
            (ValueError, "out", (r, [0, 0], np.empty((2, 3)))),
        ):
            with self.assertRaisesRegex(error, word):
                sp(*arguments)
        with self.assertRaisesRegex(ValueError, "gcoefficients"):
            sp.fit_backward(self.values)
        sp.close()
        with self.assertRaisesRegex(ValueError, "closed"):
            sp(r, [0, 0])


if __name__ == "__main__":
    unittest.main()
