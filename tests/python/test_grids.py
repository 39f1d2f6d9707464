# SPDX-License-Identifier: MIT
"""Grids on the sphere: e3nn's numbers, harmonics at the nodes, transposes, equivariance, layouts, refusals."""

import json
import pathlib
import unittest

import numpy as np
from support import relaid

import e3tp

rng = np.random.default_rng(0)
MADE_BY_E3NN = pathlib.Path(__file__).parent.parent / "fixtures" / "s2grid.jsonl"
MAPS = (e3tp.ToS2Grid, e3tp.FromS2Grid)


def silu(x):
    return x / (1 + np.exp(-x))


class Grids(unittest.TestCase):
    def test_e3nn(self):
        cases = [json.loads(line) for line in MADE_BY_E3NN.read_text().splitlines()]
        self.assertEqual(len(cases), 11)
        for c in cases:
            with self.subTest(kind=c["kind"], **c["options"]):
                grid = getattr(e3tp, c["kind"])(**c["options"], dtype=np.float64)
                self.assertEqual([grid.lmax, grid.res_beta, grid.res_alpha], c["size"])
                np.testing.assert_allclose(grid.grid[:, :2], c["grid"], atol=1e-15)
                np.testing.assert_allclose(grid(np.array(c["given"])), c["made"], atol=1e-13)
                np.testing.assert_allclose(grid.backward(np.array(c["cotangent"])), c["gradient"], atol=1e-13)

    def test_definition(self):
        for quadrature in ("equiangular", "gauss-legendre"):
            for half in (False, True):
                options = {"quadrature": quadrature, "half_offset": half, "dtype": np.float64}
                to = e3tp.ToS2Grid(4, normalization="integral", **options)
                back = e3tp.FromS2Grid((to.res_beta, to.res_alpha), 4, normalization="integral", **options)
                self.assertAlmostEqual(to.weights.sum(), 1, 14)
                x = rng.standard_normal((3, 25))
                y = e3tp.spherical_harmonics(list(range(5)), to.grid, True)
                f = to(x)
                np.testing.assert_allclose(f, np.einsum("zi,bai->zba", x, y), atol=1e-13)
                expected = 4 * np.pi * np.einsum("zba,ba,bai->zi", f, back.weights, y)
                np.testing.assert_allclose(back(f), expected, atol=1e-13)
                np.testing.assert_allclose(back(f), x, atol=1e-13)

    def test_transposes(self):
        for kind in MAPS:
            for channels in (None, 3, 16):
                for layout in ("mul_ir", "ir_mul", "batch_last", ("mul_ir", "ir_mul")):
                    grid = kind(lmax=[0, 2, 3], res=(9, 8), dtype=np.float64, channels=channels, layout=layout)
                    to = kind is e3tp.ToS2Grid
                    sides = self.sides(grid, layout, (2, 5))
                    x, g = (rng.standard_normal(s) for s in (sides if to else sides[::-1]))
                    z, gx = grid(x), grid.backward(g)
                    self.assertEqual((z.shape, gx.shape), (g.shape, x.shape))
                    self.assertAlmostEqual((z * g).sum(), (x * gx).sum(), 11)

    @staticmethod
    def sides(grid, layout, batch):
        """Shapes of coefficients and samples."""
        layouts = (layout, layout) if isinstance(layout, str) else layout
        own = () if grid.channels is None else (grid.channels,)
        ring = (grid.res_beta, grid.res_alpha)
        x = (grid.irreps.dim,) + batch if layouts[0] == "batch_last" else batch + (grid.irreps.dim,)
        f = {"mul_ir": batch + own + ring, "ir_mul": batch + ring + own, "batch_last": ring + own + batch}
        return x, f[layouts[1]]

    def test_layouts(self):
        x = rng.standard_normal((5, 3 * 16))
        names = ("mul_ir", "ir_mul", "batch_last")
        grids = {name: e3tp.ToS2Grid(3, dtype=np.float64, channels=3, layout=name) for name in names}
        f = grids["mul_ir"](x)
        moved = {"ir_mul": np.moveaxis(f, 1, -1), "batch_last": np.moveaxis(f, (1, 0), (-2, -1))}
        for name, expected in moved.items():
            given = relaid(x, grids[name].irreps, name)
            np.testing.assert_allclose(grids[name](given), expected, atol=1e-14)
        for u in range(3):  # a channel is a function of its own
            one = np.concatenate([x[:, 3 * l * l + u * (2 * l + 1) :][:, : 2 * l + 1] for l in range(4)], axis=1)
            np.testing.assert_allclose(e3tp.ToS2Grid(3, dtype=np.float64)(one), f[:, u], atol=1e-14)

    def test_nonlinearity(self):
        """Value and gradient of SiLU on a grid; the gradient against a central difference."""
        to = e3tp.ToS2Grid(3, 20, dtype=np.float64)
        back = e3tp.FromS2Grid(20, 2, lmax_in=3, dtype=np.float64)
        x, gz, dx = rng.standard_normal((4, 16)), rng.standard_normal((4, 9)), rng.standard_normal((4, 16))
        f = to(x)
        s = 1 / (1 + np.exp(-f))
        gx = to.backward(s * (1 + f * (1 - s)) * back.backward(gz))
        h = 1e-5
        slope = (gz * (back(silu(to(x + h * dx))) - back(silu(to(x - h * dx)))) / (2 * h)).sum()
        self.assertAlmostEqual((gx * dx).sum(), slope, 7)

    def test_float32(self):
        for kind in MAPS:
            exact, grid = kind(lmax=5, dtype=np.float64, res=12), kind(lmax=5, res=12)
            x = rng.standard_normal(self.sides(grid, "mul_ir", (7,))[kind is e3tp.FromS2Grid]).astype(np.float32)
            z = grid(x)
            self.assertEqual((z.dtype, grid.grid.dtype), (np.float32, np.float32))
            np.testing.assert_allclose(z, exact(x.astype(np.float64)), atol=1e-5)

    def test_resolution(self):
        def size(*args, **options):
            grid = e3tp.ToS2Grid(*args, **options)
            return grid.lmax, grid.res_beta, grid.res_alpha

        gauss = {"quadrature": "gauss-legendre"}
        self.assertEqual(size(3), (3, 8, 7))
        self.assertEqual(size(3, 10), (3, 10, 9))
        self.assertEqual(size(None, (None, 5)), (2, 6, 5))
        self.assertEqual(size(3, 7), (3, 7, 7))  # odd numbers of rings do, e3nn wants even ones
        self.assertEqual(size(3, **gauss), (3, 4, 7))
        self.assertEqual(size(None, 4, **gauss), (3, 4, 7))
        for args in ((None, None), (3, 6), (3, (8, 7, 6)), (25,), (3, 0), (-1,), (None, 100)):
            self.assertRaises(ValueError, e3tp.ToS2Grid, *args)
        self.assertRaises(ValueError, e3tp.ToS2Grid, 3, 3, **gauss)
        self.assertEqual(size(3, 3, allow_aliasing=True, **gauss), (3, 3, 7))
        self.assertRaises(TypeError, e3tp.ToS2Grid, 1.5)

    def test_refusals(self):
        to = e3tp.ToS2Grid(2)
        x = np.zeros((3, 9), np.float32)
        self.assertRaises(TypeError, to, x.astype(np.float64))
        for shape in ((3, 8), (), (9, 3)):
            self.assertRaises(ValueError, to, np.zeros(shape, np.float32))
        self.assertRaises(ValueError, to.backward, np.zeros((3, 5, 6), np.float32))
        self.assertRaises(ValueError, to, x, out=np.zeros((3, 6, 6), np.float32))
        self.assertRaises(TypeError, to, x, out=np.zeros((3, 6, 5)))
        memory = np.zeros(100, np.float32)
        self.assertRaises(ValueError, to, memory[:9], out=memory[5:35].reshape(6, 5))
        for options in (
            {"normalization": "none"},
            {"normalization": [1.0, 2.0]},
            {"layout": "abc"},
            {"layout": ("mul_ir",) * 3},
            {"quadrature": "fibonacci"},
            {"channels": -1},
            {"isa": "mmx"},
            {"threads": -1},
        ):
            self.assertRaises(ValueError, e3tp.ToS2Grid, 2, **options)
        self.assertRaises(TypeError, e3tp.ToS2Grid, 2, dtype=np.float16)
        self.assertRaises(ValueError, e3tp.FromS2Grid, lmax=2, lmax_in=-1)
        self.assertRaises(ValueError, e3tp.sphere_grid, 0, 3)
        self.assertRaises(ValueError, e3tp.sphere_grid, 2, 3, "fibonacci")
        self.assertIn("6 x 5", to.describe())
        with to:
            self.assertEqual(to.isa, e3tp.ToS2Grid(2).isa)
        self.assertRaises(ValueError, to, x)

    def test_lebedev(self):
        """There and back at the points of the smallest rule, with transposes; the points are lebedev's."""
        x = rng.standard_normal((3, 25))
        to = e3tp.ToS2Grid(4, dtype=np.float64, quadrature="lebedev")
        back = e3tp.FromS2Grid(to.res_beta, 4, dtype=np.float64, quadrature="lebedev")
        self.assertEqual((to.res_beta, to.res_alpha), (38, 1))
        points, weights = e3tp.lebedev(8)
        np.testing.assert_array_equal(to.grid[:, 0], points)
        np.testing.assert_array_equal(to.weights[:, 0], weights)
        f = to(x)
        self.assertEqual(f.shape, (3, 38, 1))
        np.testing.assert_allclose(back(f), x, atol=1e-13)
        g = rng.standard_normal(f.shape)
        np.testing.assert_allclose((to.backward(g) * x).sum(), (g * f).sum(), rtol=1e-12)
        y = rng.standard_normal(x.shape)
        np.testing.assert_allclose((back.backward(y) * g).sum(), (y * back(g)).sum(), rtol=1e-12)
        self.assertEqual(e3tp.ToS2Grid(res=110, quadrature="lebedev").lmax, 8)
        self.assertEqual(e3tp.ToS2Grid(5, (26, 1), quadrature="lebedev", allow_aliasing=True).res_beta, 26)
        for arguments in ((4, 26), (4, (38, 2)), (4, 39), (24,), (None,), (2, 0)):
            self.assertRaises(ValueError, e3tp.ToS2Grid, *arguments, quadrature="lebedev")
        for sizes in ((2, 3), (38, 2), (39, 1)):
            self.assertRaises(ValueError, e3tp.sphere_grid, *sizes, "lebedev")
        self.assertRaises(ValueError, e3tp.grid_size_pointwise, silu, 3, quadrature="lebedev")

    def test_pointwise(self):
        """The proposed grid is as equivariant as it says; e3nn's default grid for SiLU is not."""
        for quadrature in ("gauss-legendre", "equiangular"):
            options = {"quadrature": quadrature, "lmax_out": 2}
            n_theta, n_phi, error = e3tp.grid_size_pointwise(silu, 3, tolerance=1e-2, **options)
            self.assertLessEqual(error, 1e-2)
            for grid in ((n_theta, n_phi), (n_theta - 1, n_phi), (n_theta, n_phi - 1)):
                predicted = e3tp.grid_error_pointwise(silu, 3, grid, **options)
                self.assertEqual(predicted <= 1e-2, grid == (n_theta, n_phi))
                self.assertLess(abs(self.turned(grid, quadrature) / predicted - 1), 0.15)
        self.assertGreater(e3tp.grid_error_pointwise(silu, 3, (8, 7), quadrature="equiangular"), 0.1)
        self.assertEqual(e3tp.grid_size_pointwise(lambda x: x * x, 3)[:2], e3tp.grid_size([3, 3], 3))
        self.assertRaises(e3tp.Unsupported, e3tp.grid_size_pointwise, abs, 3, tolerance=1e-5)
        self.assertRaises(ZeroDivisionError, e3tp.grid_size_pointwise, lambda x: 1 / x, 3)
        self.assertRaises(TypeError, e3tp.grid_size_pointwise, lambda x: None, 3)
        self.assertRaises(ValueError, e3tp.grid_size_pointwise, lambda x: float("inf"), 3)
        for options in ({"lmax": -1}, {"lmax_out": 25}, {"tolerance": 1e-6}, {"sigma": 0}, {"quadrature": "a"}):
            self.assertRaises(ValueError, e3tp.grid_size_pointwise, silu, **{"lmax": 3, **options})
        for grid in (3, (3, 3, 3), (0, 3)):
            self.assertRaises(ValueError, e3tp.grid_error_pointwise, silu, 3, grid)

    def test_oversample(self):
        """More samples than the default has, and a nonlinearity that is nearer to equivariant."""
        for quadrature, sizes in (
            ("equiangular", ((8, 7), (12, 11), (16, 14), (24, 21))),
            ("gauss-legendre", ((4, 7), (6, 11), (8, 14), (12, 21))),
        ):
            errors = []
            for factor, size in zip((1, 1.5, 2, 3), sizes):
                for kind in MAPS:
                    grid = kind(lmax=3, quadrature=quadrature, oversample=factor)
                    self.assertEqual((grid.res_beta, grid.res_alpha), size)
                    self.assertIn(f"{size[0]} x {size[1]} samples", grid.describe())
                errors.append(e3tp.grid_error_pointwise(silu, 3, size, quadrature=quadrature))
            self.assertTrue(all(more < less / 2 for less, more in zip(errors, errors[1:])), errors)
            self.assertLess(self.turned(sizes[2], quadrature), self.turned(sizes[0], quadrature) / 4)
        self.assertEqual(e3tp.ToS2Grid(3, quadrature="lebedev", oversample=1.5).res_beta, 38)
        for options in (
            {"lmax": 3, "oversample": 0.9},
            {"lmax": 3, "oversample": float("nan")},
            {"lmax": 3, "oversample": 9},
            {"lmax": 3, "oversample": 2, "res": 20},
            {"res": 20, "oversample": 2},
            {"lmax": 20, "oversample": 8, "quadrature": "lebedev"},
        ):
            self.assertRaises(ValueError, e3tp.ToS2Grid, **options)

    @staticmethod
    def turned(grid, quadrature):
        """The measured error of SiLU from lmax 3 to 2."""
        own = np.random.default_rng(1)
        options = {"quadrature": quadrature, "dtype": np.float64, "allow_aliasing": True}
        to = e3tp.ToS2Grid(3, grid, **options)
        back = e3tp.FromS2Grid(grid, 2, normalization="integral", **options)
        x, error, size = own.standard_normal((1000, 16)), 0, 0
        z = back(silu(to(x)))
        a, c = 2 * np.pi * own.random((2, 1000))
        b = np.arccos(2 * own.random(1000) - 1)
        first = np.concatenate(
            [np.einsum("zij,zj->zi", e3tp.wigner_D(l, a, b, c), x[:, l * l : (l + 1) ** 2]) for l in range(4)], axis=1
        )
        then = np.concatenate(
            [np.einsum("zij,zj->zi", e3tp.wigner_D(l, a, b, c), z[:, l * l : (l + 1) ** 2]) for l in range(3)], axis=1
        )
        return np.sqrt(((back(silu(to(first))) - then) ** 2).sum() / (then**2).sum())

    def test_out_and_shapes(self):
        to = e3tp.ToS2Grid(2, dtype=np.float64)
        x = rng.standard_normal((3, 18))[:, ::2]
        out = np.empty((3, 6, 5))
        self.assertIs(to(x, out=out), out)
        np.testing.assert_array_equal(out, to(x.copy()))
        self.assertEqual(to(np.zeros(9)).shape, (6, 5))
        self.assertEqual(to(np.zeros((2, 0, 9))).shape, (2, 0, 6, 5))
        self.assertEqual(to.backward(np.zeros((0, 6, 5))).shape, (0, 9))
        none = e3tp.ToS2Grid(2, channels=0, dtype=np.float64)
        self.assertEqual(none(np.zeros((4, 0))).shape, (4, 0, 6, 5))
        points, weights = e3tp.sphere_grid(4, 5, "equiangular", half_offset=True)
        self.assertEqual((points.shape, weights.shape), ((4, 5, 3), (4, 5)))
        self.assertAlmostEqual(weights.sum(), 1)

    def test_threads(self):
        one, three = (e3tp.ToS2Grid(6, threads=n) for n in (1, 3))
        x = rng.standard_normal((4000, 49)).astype(np.float32)
        np.testing.assert_array_equal(one(x), three(x))


if __name__ == "__main__":
    unittest.main()
