# SPDX-License-Identifier: MIT
"""Exact mathematics through ctypes: values of the conventions, orthogonality, homomorphism, errors."""

import unittest

import numpy as np

import e3tp

rng = np.random.default_rng(1)


class Coupling(unittest.TestCase):
    def test_values(self):
        w = e3tp.wigner_3j(1, 1, 1)
        self.assertAlmostEqual(w[0, 1, 2], 1 / 6**0.5, places=15)
        self.assertAlmostEqual(w[1, 0, 2], -1 / 6**0.5, places=15)
        self.assertAlmostEqual(e3tp.wigner_3j(2, 2, 2)[2, 2, 2], (2 / 35) ** 0.5, places=15)
        self.assertAlmostEqual(e3tp.wigner_3j(1, 2, 2)[0, 2, 3], 1 / 10**0.5, places=15)

    def test_nonzeros(self):
        for degrees, count in (
            ((1, 1, 2), 11),
            ((2, 2, 2), 25),
            ((2, 2, 3), 28),
            ((3, 3, 6), 79),
            ((6, 6, 6), 217),
        ):
            self.assertEqual(np.count_nonzero(e3tp.wigner_3j(*degrees)), count)

    def test_orthogonality(self):
        for l1, l2, l3 in ((1, 1, 1), (3, 4, 5), (6, 6, 12), (12, 11, 9), (24, 24, 24)):
            w = e3tp.wigner_3j(l1, l2, l3).reshape(-1, 2 * l3 + 1)
            np.testing.assert_allclose(w.T @ w * (2 * l3 + 1), np.eye(2 * l3 + 1), atol=1e-14)

    def test_invariance(self):
        angles = (0.3, 0.7, 1.1)
        for degrees in ((1, 1, 1), (2, 3, 4), (4, 4, 5)):
            d = [e3tp.wigner_D(l, *angles) for l in degrees]
            w = e3tp.wigner_3j(*degrees)
            np.testing.assert_allclose(np.einsum("ijk,ai,bj,ck->abc", w, *d), w, atol=1e-14)

    def test_old_sign(self):
        for degrees, flips in (
            ((1, 1, 1), 1),
            ((1, 2, 2), -1),
            ((2, 2, 3), 1),
            ((3, 4, 6), -1),
            ((5, 5, 5), -1),
        ):
            new, old = e3tp.wigner_3j(*degrees), e3tp.wigner_3j(*degrees, sign="e3nn<=0.4.4")
            np.testing.assert_array_equal(old, flips * new)

    def test_refusals(self):
        cases = ((1, 1, 3), (-1, 1, 1), (12, 12, 12, "e3nn<=0.4.4"), (1, 1, 1, "mine"), (30, 30, 60), (2**40, 0, 2**40))
        for arguments in cases:
            with self.assertRaises(ValueError):
                e3tp.wigner_3j(*arguments)
        with self.assertRaises(e3tp.Unsupported):
            e3tp.wigner_3j(30, 30, 60)
        with self.assertRaises(TypeError):
            e3tp.wigner_3j(1.0, 1, 2)

    def test_out(self):
        out = np.empty((3, 3, 5))
        self.assertIs(e3tp.wigner_3j(1, 1, 2, out=out), out)
        np.testing.assert_array_equal(out, e3tp.wigner_3j(1, 1, 2))
        for wrong in (np.empty((3, 5, 3)), np.empty((5, 3, 3)).T):
            with self.assertRaisesRegex(ValueError, "out: "):
                e3tp.wigner_3j(1, 1, 2, out=wrong)
        with self.assertRaises(TypeError):
            e3tp.wigner_3j(1, 1, 2, out=np.empty((3, 3, 5), np.float32))

    def test_strengths(self):
        self.assertAlmostEqual(e3tp.gaunt_strength(0, 0, 0), 1 / (4 * np.pi) ** 0.5, places=15)
        self.assertEqual(e3tp.gaunt_strength(1, 1, 1), 0)
        self.assertEqual(e3tp.bracket_strength(1, 1, 2), 0)
        self.assertGreater(e3tp.bracket_strength(1, 1, 1), 0)
        self.assertEqual(e3tp.gaunt_strength(-1, 1, 0), 0)
        with self.assertRaises(e3tp.Unsupported):
            e3tp.gaunt_strength(300, 300, 0)


def rotation(a, b, c):
    """R_y(a) R_x(b) R_y(c)."""

    def y(t):
        return np.array([[np.cos(t), 0, np.sin(t)], [0, 1, 0], [-np.sin(t), 0, np.cos(t)]])

    x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return y(a) @ x @ y(c)


class Rotations(unittest.TestCase):
    def test_degree_one(self):
        np.testing.assert_allclose(e3tp.wigner_D(1, 0.3, 0.7, 1.1), rotation(0.3, 0.7, 1.1), atol=1e-15)

    def test_batched_angles(self):
        angles = rng.uniform(-4, 4, (3, 2, 5))
        D = e3tp.wigner_D(3, angles[0], angles[1], angles[2])
        self.assertEqual(D.shape, (2, 5, 7, 7))
        np.testing.assert_array_equal(D[1, 3], e3tp.wigner_D(3, *angles[:, 1, 3]))
        self.assertEqual(e3tp.wigner_D(2, angles[0], angles[1, 0], 1).shape, (2, 5, 5, 5))
        self.assertEqual(e3tp.wigner_D(2, np.zeros(0), 0, 0).shape, (0, 5, 5))
        out = np.empty_like(D)
        self.assertIs(e3tp.wigner_D(3, *angles, out=out), out)
        np.testing.assert_array_equal(out, D)

    def test_batched_matrices(self):
        angles = rng.uniform(-4, 4, (4, 3))
        R = np.array([rotation(*a) for a in angles])
        for l in (0, 1, 2, 5, 11):
            D = e3tp.wigner_D(l, *angles.T)
            np.testing.assert_allclose(e3tp.wigner_D_from_matrix(l, R), D, atol=1e-13)
            np.testing.assert_allclose(e3tp.wigner_D_from_matrix(l, -R, p=-1), -D, atol=1e-13)
            np.testing.assert_allclose(e3tp.wigner_D_from_matrix(l, -R, p=1), D, atol=1e-13)
        self.assertEqual(e3tp.wigner_D_from_matrix(2, R.reshape(2, 2, 3, 3)).shape, (2, 2, 5, 5))
        strided = np.asfortranarray(R)  # not misread
        np.testing.assert_array_equal(e3tp.wigner_D_from_matrix(2, strided), e3tp.wigner_D_from_matrix(2, R))

    def test_special_angles(self):
        # e3nn loses half of the digits here: near the identity, and at half turns
        for t in (0.0, 1e-9, 1e-5, np.pi):
            R = rotation(0, t, 0)
            np.testing.assert_allclose(e3tp.wigner_D_from_matrix(6, R), e3tp.wigner_D(6, 0, t, 0), atol=2e-14)

    def test_homomorphism(self):
        A, B = rotation(0.3, 0.7, 1.1), -rotation(-2.1, 1.9, 0.4)
        for l, p in ((1, -1), (2, -1), (3, 1), (8, 1)):
            D = [e3tp.wigner_D_from_matrix(l, M, p) for M in (A, B, A @ B)]
            np.testing.assert_allclose(D[0] @ D[1], D[2], atol=1e-13)

    def test_refusals(self):
        with self.assertRaisesRegex(ValueError, "matrix 1 is not orthogonal"):
            e3tp.wigner_D_from_matrix(2, [np.eye(3), 2 * np.eye(3)])
        for arguments in ((2, np.eye(4)), (2, np.zeros(3)), (-1, np.eye(3)), (2, np.eye(3), 0), (2, np.eye(3), 3)):
            with self.assertRaises(ValueError):
                e3tp.wigner_D_from_matrix(*arguments)
        with self.assertRaises(ValueError):
            e3tp.wigner_D(2, np.zeros(3), np.zeros(2), 0)
        with self.assertRaises(e3tp.Unsupported):
            e3tp.wigner_D(100, 0, 0, 0)
        with self.assertRaises(TypeError):
            e3tp.wigner_D(2, 1j, 0, 0)


class Harmonics(unittest.TestCase):
    points = rng.standard_normal((4, 6, 3))

    def test_values(self):
        x, y, z = 1.0, 2.0, 3.0
        got = e3tp.spherical_harmonics([0, 1, 2], [x, y, z], False, "component")
        want = [1, 3**0.5 * x, 3**0.5 * y, 3**0.5 * z, 15**0.5 * x * z, 15**0.5 * x * y]
        want += [5**0.5 * (y * y - (x * x + z * z) / 2), 15**0.5 * y * z, 15**0.5 / 2 * (z * z - x * x)]
        np.testing.assert_allclose(got, want, rtol=1e-15)

    def test_degrees(self):
        every = e3tp.spherical_harmonics(range(5), self.points, True)
        self.assertEqual(every.shape, (4, 6, 25))
        np.testing.assert_array_equal(e3tp.spherical_harmonics(2, self.points, True), every[..., 4:9])
        picked = e3tp.spherical_harmonics([4, 1, 1], self.points, True)
        np.testing.assert_array_equal(picked, every[..., [*range(16, 25), 1, 2, 3, 1, 2, 3]])
        for given in ("0e+1o+2e+3o+4e", e3tp.Irreps.spherical_harmonics(4), "0e+1e+2e+3e+4e"):
            np.testing.assert_array_equal(e3tp.spherical_harmonics(given, self.points, True), every)
        self.assertEqual(e3tp.spherical_harmonics("2x1o+0x2e", self.points, True).shape, (4, 6, 6))
        self.assertEqual(e3tp.spherical_harmonics([], self.points, True).shape, (4, 6, 0))
        self.assertEqual(e3tp.spherical_harmonics(2, self.points[:0], True).shape, (0, 6, 5))

    def test_normalizations(self):
        for l in (0, 1, 4, 20):
            square = {
                name: (e3tp.spherical_harmonics(l, self.points, True, name) ** 2).sum(-1)
                for name in ("integral", "component", "norm")
            }
            np.testing.assert_allclose(square["norm"], 1, rtol=1e-13)
            np.testing.assert_allclose(square["component"], 2 * l + 1, rtol=1e-13)
            np.testing.assert_allclose(square["integral"], (2 * l + 1) / (4 * np.pi), rtol=1e-13)

    def test_equivariance(self):
        D, R = e3tp.wigner_D(5, 0.3, 0.7, 1.1), rotation(0.3, 0.7, 1.1)
        for normalize in (False, True):
            y = e3tp.spherical_harmonics(5, self.points, normalize)
            np.testing.assert_allclose(e3tp.spherical_harmonics(5, self.points @ R.T, normalize), y @ D.T, atol=1e-12)

    def test_gaunt(self):
        # The product of two functions on the sphere is what the Gaunt coefficients say.
        x = {l: rng.standard_normal(2 * l + 1) for l in (2, 3)}
        f = {l: e3tp.spherical_harmonics(l, self.points, True) @ x[l] for l in x}
        product = sum(
            e3tp.spherical_harmonics(l, self.points, True)
            @ np.einsum("ijk,i,j->k", e3tp.gaunt_strength(2, 3, l) * e3tp.wigner_3j(2, 3, l), x[2], x[3])
            for l in (1, 3, 5)
        )
        np.testing.assert_allclose(product, f[2] * f[3], atol=1e-13)

    def test_origin(self):
        for normalize in (False, True):
            np.testing.assert_array_equal(
                e3tp.spherical_harmonics([0, 1, 2], np.zeros(3), normalize, "component"), [1] + 8 * [0]
            )
        tiny = e3tp.spherical_harmonics(3, [0, 1e-300, 0], True, "norm")
        np.testing.assert_allclose(tiny, [0, 0, 0, 1, 0, 0, 0])

    def test_dtypes(self):
        single = e3tp.spherical_harmonics(3, self.points.astype(np.float32), True)
        self.assertEqual(single.dtype, np.float32)
        np.testing.assert_allclose(single, e3tp.spherical_harmonics(3, self.points, True), atol=1e-6)
        self.assertEqual(e3tp.spherical_harmonics(3, [1, 2, 3], True).dtype, np.float64)
        with self.assertRaises(TypeError):
            e3tp.spherical_harmonics(3, self.points + 1j, True)

    def test_out(self):
        for dtype in (np.float32, np.float64):
            points = self.points.astype(dtype)
            out = np.empty((4, 6, 7), dtype)
            self.assertIs(e3tp.spherical_harmonics(3, points, True, out=out), out)
            np.testing.assert_array_equal(out, e3tp.spherical_harmonics(3, points, True))

    def test_refusals(self):
        for arguments in (
            (-1, [1, 2, 3]),
            (1, [1, 2]),
            (1, 3.0),
            ("1x1", [1, 2, 3]),
            ("0o", [1, 2, 3]),
            (49, [0, 0, 1]),
        ):
            with self.assertRaises(ValueError, msg=arguments):
                e3tp.spherical_harmonics(*arguments, True)
        for text in ("0e+1o+2o", "1o+3e", "1e+1o"):
            with self.assertRaisesRegex(ValueError, "harmonics"):
                e3tp.spherical_harmonics(text, [1, 2, 3], True)
        with self.assertRaisesRegex(ValueError, "normalization"):
            e3tp.spherical_harmonics(1, [1, 2, 3], True, "mine")
        with self.assertRaises(TypeError):
            e3tp.spherical_harmonics(1.5, [1, 2, 3], True)


class Lebedev(unittest.TestCase):
    def test_orthonormal_harmonics(self):
        for top in (0, 3, 8, 23):
            points, weights = e3tp.lebedev(2 * top)
            Y = e3tp.spherical_harmonics(range(top + 1), points, True, "component")
            np.testing.assert_allclose(Y.T * weights @ Y, np.eye((top + 1) ** 2), atol=1e-13)

    def test_round_trip(self):
        points, weights = e3tp.lebedev(10)
        Y = e3tp.spherical_harmonics(range(6), points, True, "component")
        x = rng.standard_normal((7, 36))
        np.testing.assert_allclose((x @ Y.T) * weights @ Y, x, atol=1e-13)
        fewer, weights = e3tp.lebedev(9)
        Y = e3tp.spherical_harmonics(range(6), fewer, True, "component")
        self.assertGreater(abs((x @ Y.T) * weights @ Y - x).max(), 1e-2)

    def test_counts(self):
        for degree, n in ((0, 6), (3, 6), (4, 14), (17, 110), (29, 302), (32, 434), (47, 770)):
            points, weights = e3tp.lebedev(degree)
            self.assertEqual((points.shape, weights.shape), ((n, 3), (n,)))
            np.testing.assert_allclose((points**2).sum(-1), 1, atol=1e-15)
            self.assertAlmostEqual(weights.sum(), 1, places=14)

    def test_refusals(self):
        with self.assertRaisesRegex(e3tp.Unsupported, "too high"):
            e3tp.lebedev(48)
        with self.assertRaises(ValueError):
            e3tp.lebedev(-1)
        with self.assertRaises(TypeError):
            e3tp.lebedev(3.5)


class Introspection(unittest.TestCase):
    def test_tiers(self):
        self.assertEqual(e3tp.isa_tiers()["generic"], "usable")
        info = e3tp.build_info()
        for word in ("ABI", "OpenMP", "FFTW", "SLEEF"):
            self.assertIn(word, info)


if __name__ == "__main__":
    unittest.main()
