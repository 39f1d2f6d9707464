# SPDX-License-Identifier: MIT
"""RadialBasis: formulas written out in NumPy, derivatives against differences, shapes, dtypes, refusals."""

import unittest

import numpy as np

import e3tp

R = np.linspace(0.07, 4.93, 301).reshape(7, 43)
N, C, LOW, ON = 6, 5.0, 0.4, 3.1


def knots(drop_ends):
    v = np.linspace(LOW, C, N + 2)[1:-1] if drop_ends else np.linspace(LOW, C, N)
    return (R[..., None] - v) / (v[1] - v[0])


def bump(d):
    """1.14136 e^2 s(1 + d) s(1 - d), s(t) = exp(-1 / t) for t > 0, else 0."""
    inside = np.abs(d) < 1
    d = np.where(inside, d, 0)
    return 1.14136 * np.exp(2) * np.exp(-1 / (1 + d)) * np.exp(-1 / (1 - d)) * inside


def bessel(_):
    n = np.arange(1, N + 1)
    return np.sqrt(2 / C) * np.sin(n * np.pi * R[..., None] / C) / R[..., None]


def fourier(drop_ends):
    x = (R[..., None] - LOW) / (C - LOW)
    waves = np.sin(np.arange(1, N + 1) * np.pi * x) * (x > 0) if drop_ends else np.cos(np.arange(N) * np.pi * x)
    return waves / np.sqrt(0.25 + N / 2)


BASES = {
    "bessel": bessel,
    "gaussian": lambda ends: np.exp(-(knots(ends) ** 2)) / 1.12,
    "smooth_finite": lambda ends: bump(knots(ends)),
    "cosine": lambda ends: np.cos(np.pi / 2 * knots(ends)) * (np.abs(knots(ends)) < 1),
    "fourier": fourier,
}
T = R / C
CUTOFFS = {
    "none": np.ones_like(R),
    "polynomial": 1 - 21 * T**5 + 35 * T**6 - 15 * T**7,
    "cosine": (1 + np.cos(np.pi * T)) / 2,
    "xplor": np.where(R < ON, 1, (C**2 - R**2) ** 2 * (C**2 + 2 * R**2 - 3 * ON**2) / (C**2 - ON**2) ** 3),
    "soft_step": np.exp(-1 / (5 * (1 - T))),
    "mollifier": np.exp(-(T**2) / (1 - T**2)),
    "sharp": np.ones_like(R),
}


def made(basis="bessel", cutoff="polynomial", drop_ends=False, dtype=np.float64, **more):
    return e3tp.RadialBasis(
        basis, N, r_max=C, cutoff=cutoff, p=5, r_min=LOW, drop_ends=drop_ends, r_on=ON, dtype=dtype, **more
    )


CASES = [(basis, cutoff, drop_ends) for basis in BASES for cutoff in CUTOFFS for drop_ends in (False, True)]


class Formulas(unittest.TestCase):
    def test_values(self):
        for case in CASES:
            with self.subTest(case=case):
                basis, cutoff, drop_ends = case
                want = BASES[basis](drop_ends) * CUTOFFS[cutoff][..., None]
                for dtype, tolerance in ((np.float64, 1e-13), (np.float32, 1e-5)):
                    with made(basis, cutoff, drop_ends, dtype) as rb:
                        got = rb(R.astype(dtype))
                    self.assertEqual((got.shape, got.dtype), ((*R.shape, N), dtype))
                    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance)

    def test_derivatives(self):
        step = 1e-5
        for case in CASES:
            with self.subTest(case=case):
                basis, cutoff, drop_ends = case
                rb = made(basis, cutoff, drop_ends)
                smooth = np.ones((*R.shape, N), bool)
                if basis == "cosine":  # its derivatives jump
                    smooth = np.abs(np.abs(knots(drop_ends)) - 1) > 2 * step
                for function, slope in ((rb, rb.derivative), (rb.derivative, rb.second_derivative)):
                    difference = (function(R + step) - function(R - step)) / (2 * step)
                    np.testing.assert_allclose(slope(R)[smooth], difference[smooth], rtol=1e-6, atol=1e-5)

    def test_ends(self):
        r = np.array([0.0, -1.0, C, 7.0, np.inf, np.nan])
        for case in CASES:
            with self.subTest(case=case):
                basis, cutoff, drop_ends = case
                rb = made(basis, cutoff, drop_ends)
                for f in (rb(r), rb.derivative(r), rb.second_derivative(r)):
                    np.testing.assert_array_equal(f[0], f[1])
                    self.assertTrue(np.isfinite(f[:5]).all() and np.isnan(f[5]).all())
                    if cutoff != "none":
                        np.testing.assert_array_equal(f[2:5], 0)

    def test_origin(self):
        k = np.arange(1, N + 1) * np.pi / C
        rb = made(cutoff="sharp")
        np.testing.assert_allclose(rb(np.zeros(1))[0], np.sqrt(2 / C) * k, rtol=1e-14)
        np.testing.assert_array_equal(rb.derivative(np.zeros(1))[0], 0)
        np.testing.assert_allclose(rb.second_derivative(np.zeros(1))[0], -np.sqrt(2 / C) * k**3 / 3, rtol=1e-13)


class Calls(unittest.TestCase):
    def test_properties(self):
        rb = e3tp.RadialBasis(r_max=4)
        self.assertEqual((rb.num, rb.r_max, rb.dtype), (8, 4.0, np.float32))
        self.assertEqual((rb.basis, rb.cutoff), ("bessel", "polynomial"))
        self.assertIn(rb.isa, e3tp.isa_tiers())
        self.assertIn(rb.isa, rb.describe())
        self.assertEqual(made(isa="generic").isa, "generic")

    def test_shapes(self):
        rb = made()
        self.assertEqual(rb(np.array(1.0)).shape, (N,))
        self.assertEqual(rb.derivative(np.empty((0, 3))).shape, (0, 3, N))
        np.testing.assert_array_equal(rb(R.T), rb(R).swapaxes(0, 1))
        self.assertEqual(e3tp.RadialBasis(num=0, r_max=1)(np.ones(3, np.float32)).shape, (3, 0))

    def test_out(self):
        rb = made()
        for function in (rb, rb.derivative, rb.second_derivative):
            out = np.empty((*R.shape, N))
            self.assertIs(function(R, out=out), out)
            np.testing.assert_array_equal(out, function(R))
        self.assertRaises(ValueError, rb, R, out=np.empty((7, N)))
        self.assertRaises(TypeError, rb, R, out=np.empty((*R.shape, N), np.float32))
        self.assertRaises(TypeError, rb, R, out=[1.0])
        memory = np.ones(N + 1)
        self.assertRaises(ValueError, rb, memory[:1].reshape(()), out=memory[:N])

    def test_threads(self):
        r = np.resize(R, 20011)
        one, three = made(threads=1), made(threads=3)
        for name in ("__call__", "derivative", "second_derivative"):
            np.testing.assert_array_equal(getattr(one, name)(r), getattr(three, name)(r))

    def test_refused(self):
        self.assertRaises(TypeError, made(), R.astype(np.float32))
        self.assertRaises(TypeError, e3tp.RadialBasis)
        for error, name, value in (
            (ValueError, "basis", "hermite"),
            (ValueError, "cutoff", "hard"),
            (ValueError, "num", 1025),
            (ValueError, "num", -1),
            (TypeError, "num", 2.5),
            (ValueError, "r_max", 0),
            (ValueError, "r_max", float("nan")),
            (TypeError, "r_max", "5"),
            (TypeError, "r_max", None),
            (ValueError, "p", 0),
            (TypeError, "p", 5.5),
            (TypeError, "dtype", np.int32),
            (e3tp.Unsupported, "isa", "mmx"),
            (ValueError, "threads", -1),
        ):
            with self.subTest(name=name, value=value), self.assertRaisesRegex(error, "tier" if name == "isa" else name):
                e3tp.RadialBasis(**{"r_max": 5.0, name: value})
        for name in ("r_min", "r_on"):
            for error, value in ((ValueError, 5.0), (ValueError, -0.1), (TypeError, "1")):
                with self.assertRaisesRegex(error, name):
                    e3tp.RadialBasis("gaussian", r_max=5.0, cutoff="xplor", **{name: value})
        with self.assertRaisesRegex(ValueError, "drop_ends"):
            e3tp.RadialBasis("gaussian", 1, r_max=5.0)

    def test_closed(self):
        with made() as rb:
            rb(R)
        rb.close()
        with self.assertRaisesRegex(ValueError, "RadialBasis is closed"):
            rb(R)


if __name__ == "__main__":
    unittest.main()
