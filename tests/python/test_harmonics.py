# SPDX-License-Identifier: MIT
"""SphericalHarmonics: derivatives against one another and differences, shapes, dtypes, refusals."""

import unittest

import numpy as np

import e3tp

rng = np.random.default_rng(1)
DEGREES = [3, 0, 1, 6, 1]


def made(normalize, dtype=np.float64, **more):
    return e3tp.SphericalHarmonics(DEGREES, normalize, "component", dtype=dtype, **more)


class Derivatives(unittest.TestCase):
    xyz = rng.standard_normal((4, 5, 3))
    g = rng.standard_normal((4, 5, 27))
    gg = rng.standard_normal((4, 5, 3))

    def test_values(self):
        for normalize in (False, True):
            want = e3tp.spherical_harmonics(DEGREES, self.xyz, normalize, "component")
            np.testing.assert_array_equal(made(normalize)(self.xyz), want)

    def test_jacobian(self):
        step = 1e-6
        for normalize in (False, True):
            sh = made(normalize)
            jacobian = sh.jacobian(self.xyz)
            self.assertEqual(jacobian.shape, (4, 5, 3, 27))
            for axis, e in enumerate(np.eye(3) * step):
                difference = (sh(self.xyz + e) - sh(self.xyz - e)) / (2 * step)
                np.testing.assert_allclose(jacobian[..., axis, :], difference, rtol=1e-6, atol=1e-6)

    def test_hessian(self):
        step = 1e-6
        for normalize in (False, True):
            sh = made(normalize)
            hessian = sh.hessian(self.xyz)
            self.assertEqual(hessian.shape, (4, 5, 3, 3, 27))
            for axis, e in enumerate(np.eye(3) * step):
                difference = (sh.jacobian(self.xyz + e) - sh.jacobian(self.xyz - e)) / (2 * step)
                np.testing.assert_allclose(hessian[..., axis, :, :], difference, rtol=1e-5, atol=1e-4)

    def test_products(self):
        for normalize in (False, True):
            sh = made(normalize)
            jacobian, hessian = sh.jacobian(self.xyz), sh.hessian(self.xyz)
            gx = sh.backward(self.xyz, self.g)
            hx, hg = sh.double_backward(self.xyz, self.g, self.gg)
            np.testing.assert_allclose(gx, np.einsum("...ij,...j->...i", jacobian, self.g), rtol=1e-11, atol=1e-11)
            np.testing.assert_allclose(hg, np.einsum("...ij,...i->...j", jacobian, self.gg), rtol=1e-11, atol=1e-11)
            want = np.einsum("...ikj,...k,...j->...i", hessian, self.gg, self.g)
            np.testing.assert_allclose(hx, want, rtol=1e-10, atol=1e-10)

    def test_origin(self):
        zero = np.zeros((2, 3))
        for normalize in (False, True):
            sh = made(normalize)
            np.testing.assert_array_equal(sh(zero)[0], np.arange(27) == 7)
            slopes = np.zeros((3, 27))
            if not normalize:
                slopes[:, 8:11] = slopes[:, 24:27] = np.sqrt(3) * np.eye(3)
            np.testing.assert_allclose(sh.jacobian(zero)[1], slopes, rtol=1e-15)
            np.testing.assert_array_equal(sh.hessian(zero), np.zeros((2, 3, 3, 27)))
            hx, hg = sh.double_backward(zero, self.g[0, :2], self.gg[0, :2])
            np.testing.assert_array_equal(hx, zero)
            np.testing.assert_allclose(hg, np.einsum("ij,bi->bj", slopes, self.gg[0, :2]), rtol=1e-14)

    def test_single(self):
        xyz, g, gg = (a.astype(np.float32) for a in (self.xyz, self.g, self.gg))
        sh, double = made(True, np.float32), made(True)
        for got, want in (
            (sh(xyz), double(self.xyz)),
            (sh.jacobian(xyz), double.jacobian(self.xyz)),
            (sh.backward(xyz, g), double.backward(self.xyz, self.g)),
            (sh.double_backward(xyz, g, gg)[0], double.double_backward(self.xyz, self.g, self.gg)[0]),
        ):
            self.assertEqual(got.dtype, np.float32)
            np.testing.assert_allclose(got, want, rtol=0, atol=2e-5 * np.abs(want).max())


class Objects(unittest.TestCase):
    def test_out(self):
        sh, xyz = made(True), rng.standard_normal((7, 3))
        g = rng.standard_normal((7, 27))
        for call, arguments, shapes in (
            (sh, (xyz,), (7, 27)),
            (sh.jacobian, (xyz,), (7, 3, 27)),
            (sh.hessian, (xyz,), (7, 3, 3, 27)),
            (sh.backward, (xyz, g), (7, 3)),
        ):
            out = np.empty(shapes)
            self.assertIs(call(*arguments, out=out), out)
            np.testing.assert_array_equal(out, call(*arguments))
        out = (np.empty((7, 3)), np.empty((7, 27)))
        got = sh.double_backward(xyz, g, xyz, out=out)
        self.assertIs(got[0], out[0])
        self.assertIs(got[1], out[1])

    def test_shapes(self):
        sh = made(False)
        self.assertEqual((sh.dim, sh.ls), (27, DEGREES))
        self.assertEqual(sh(np.zeros((0, 2, 3))).shape, (0, 2, 27))
        self.assertEqual(sh.backward(np.zeros((0, 3)), np.zeros((0, 27))).shape, (0, 3))
        self.assertEqual(sh(np.ones(3)).shape, (27,))
        strided = rng.standard_normal((3, 8)).T
        np.testing.assert_array_equal(sh(strided), sh(strided.copy("C")))
        empty = e3tp.SphericalHarmonics([], True)
        self.assertEqual(empty(np.ones((2, 3), np.float32)).shape, (2, 0))

    def test_tiers(self):
        xyz = rng.standard_normal((40, 3))
        for tier, state in e3tp.isa_tiers().items():
            if state == "usable":
                with made(True, isa=tier, threads=1) as sh:
                    self.assertEqual(sh.isa, tier)
                    self.assertIn(tier, sh.describe())
                    np.testing.assert_allclose(sh(xyz), made(True)(xyz), atol=1e-13)
        with self.assertRaises(e3tp.Unsupported):
            made(True, isa="mmx")

    def test_refusals(self):
        sh = made(True)
        ones = np.ones((2, 3))
        with self.assertRaisesRegex(TypeError, "xyz"):
            sh(ones.astype(np.float32))
        with self.assertRaisesRegex(ValueError, "xyz"):
            sh(np.ones((3, 2)))
        with self.assertRaisesRegex(ValueError, "g: shape"):
            sh.backward(ones, np.ones((2, 26)))
        with self.assertRaisesRegex(ValueError, "gg: shape"):
            sh.double_backward(ones, np.ones((2, 27)), np.ones((1, 3)))
        with self.assertRaisesRegex(e3tp.Unsupported, "25"):
            e3tp.SphericalHarmonics(25, True)
        with self.assertRaises(ValueError):
            e3tp.SphericalHarmonics(-1, True)
        with self.assertRaises(ValueError):
            e3tp.SphericalHarmonics(1, True, "orthonormal")
        with self.assertRaises(TypeError):
            e3tp.SphericalHarmonics(1, True, dtype=np.int32)
        sh.close()
        with self.assertRaisesRegex(ValueError, "closed"):
            sh(ones)


if __name__ == "__main__":
    unittest.main()
