# SPDX-License-Identifier: MIT
"""SignalProduct: every method against the definition and functions on the sphere; weights, layouts, refusals."""

import itertools
import math
import threading
import unittest

import numpy as np
from support import blocks, relaid, slopes

import e3tp
from e3tp import Irreps

rng = np.random.default_rng(0)
METHODS = e3tp.methods("gaunt")
LAYOUTS = ("mul_ir", "ir_mul", "batch_last")


def product(p, x, y, a=None, b=None, c=None):
    """p(x, y, a, b, c) for (batch, dim) arrays in mul_ir and weights (n, C) or (batch, n, C)."""
    bx, by = blocks(x, p.irreps_in1), blocks(y, p.irreps_in2)
    ones = [np.ones((len(i), p.channels)) for i in (p.irreps_in1, p.irreps_in2, p.irreps_out)]
    a, b, c = (f if f is not None else one for f, one in zip((a, b, c), ones))
    out = [np.zeros((len(x), p.channels, ir.dim)) for _, ir in p.irreps_out]
    for (i, (_, ir1)), (j, (_, ir2)), (k, (_, ir3)) in itertools.product(
        *map(enumerate, (p.irreps_in1, p.irreps_in2, p.irreps_out))
    ):
        if p.kappa[i, j, k]:
            w = p.kappa[i, j, k] * e3tp.wigner_3j(ir1.l, ir2.l, ir3.l)
            factor = (a[..., i, :] * b[..., j, :] * c[..., k, :])[..., None]
            out[k] += factor * np.einsum("zui,zuj,ijk->zuk", bx[i], by[j], w)
    return np.concatenate([o.reshape(len(x), -1) for o in out], axis=1)


def operands(p, batch=5):
    return [rng.standard_normal((batch, i.dim)) for i in (p.irreps_in1, p.irreps_in2)]


def factors(p, *axes):
    return [rng.standard_normal(axes + (len(i), p.channels)) for i in (p.irreps_in1, p.irreps_in2, p.irreps_out)]


class Gaunt(unittest.TestCase):
    def test_attributes(self):
        p = e3tp.SignalProduct("gaunt", 2, [1, 3], 4, channels=3)
        self.assertEqual(p.irreps_in1, Irreps("3x0e+3x1o+3x2e"))
        self.assertEqual(p.irreps_in2, Irreps("3x1o+3x3o"))
        self.assertEqual(p.irreps_out, Irreps("3x0e+3x1o+3x2e+3x3o+3x4e"))
        self.assertEqual((p.kappa.shape, p.kappa.dtype, p.weight_numel), ((3, 2, 5), np.float64, 0))
        self.assertEqual(p.kappa[1, 0, 2], e3tp.gaunt_strength(1, 1, 2))
        self.assertEqual(p.kappa[1, 0, 1], 0)
        self.assertIn(p.method, METHODS)
        self.assertIn(p.isa, e3tp.isa_tiers())
        self.assertIn(p.method, p.describe())
        self.assertIn("'gaunt'", repr(p))

    def test_definition(self):
        for method, dtype in itertools.product(METHODS, (np.float32, np.float64)):
            for lmax in ((0, 0, 0), (1, 2, 3), (4, 4, 4), (3, 5, 8), ([1, 3], [2], [1, 2, 3, 5]), ([2], 3, 2)):
                for channels in (1, 3, 17):
                    with e3tp.SignalProduct("gaunt", *lmax, channels=channels, method=method, dtype=dtype) as p:
                        self.assertEqual(p.method, method)
                        x, y = operands(p)
                        z = p(x.astype(dtype), y.astype(dtype))
                        self.assertEqual(z.dtype, dtype)
                        tol = 1e-5 if dtype == np.float32 else 1e-13
                        want = product(p, x, y)
                        np.testing.assert_allclose(z, want, atol=tol * np.abs(want).max())

    def test_functions(self):
        # The product of the functions, at points of the sphere: the definition without coupling coefficients.
        points = rng.standard_normal((20, 3))
        for method in METHODS:
            with e3tp.SignalProduct("gaunt", 3, 4, 7, method=method, dtype=np.float64) as p:
                x, y = rng.standard_normal(16), rng.standard_normal(25)
                f, g, h = (
                    e3tp.spherical_harmonics(range(l + 1), points, True) @ s for l, s in ((3, x), (4, y), (7, p(x, y)))
                )
                np.testing.assert_allclose(h, f * g, atol=1e-12)

    def test_weights(self):
        for method, lmax in itertools.product(METHODS, ((2, 3, 4), ([0, 2], 1, [1, 3]))):
            for kind, axes in (("shared", ()), ("row", (5,))):
                with e3tp.SignalProduct("gaunt", *lmax, channels=3, weights=kind, method=method, dtype=np.float64) as p:
                    given = [*operands(p), *factors(p, *axes)]
                    np.testing.assert_allclose(p(*given), product(p, *given), atol=1e-12)
                    gz = rng.standard_normal((5, p.irreps_out.dim))
                    grads = p.backward(*given, gz)
                    self.assertEqual(len(grads), 5)
                    for g, a, (d, change) in zip(grads, given, slopes(p, given, rng)):
                        self.assertEqual(g.shape, a.shape)
                        self.assertAlmostEqual(np.vdot(gz, change), np.vdot(g, d), places=10)

    def test_backward(self):
        for method in METHODS:
            with e3tp.SignalProduct("gaunt", 3, 2, 4, channels=2, method=method, dtype=np.float64) as p:
                given = operands(p)
                gz = rng.standard_normal((5, p.irreps_out.dim))
                for g, (d, change) in zip(p.backward(*given, gz), slopes(p, given, rng)):
                    self.assertAlmostEqual(np.vdot(gz, change), np.vdot(g, d), places=10)

    def test_one_channel_of_y(self):
        for kind, weights, axes in (("gaunt", None, ()), ("complete", "shared", ()), ("matrix", "row", (5,))):
            for method in e3tp.methods(kind):
                options = dict(channels=3, weights=weights, method=method, dtype=np.float64)
                with e3tp.SignalProduct(kind, 2, [1, 2], 3, y_channels=1, **options) as p:
                    self.assertEqual(p.irreps_in2, Irreps("1x1o+1x2e"))
                    given = operands(p) + (factors(p, *axes) if weights else [])
                    np.testing.assert_allclose(p(*given), product(p, *given), atol=1e-12)
                    gz = rng.standard_normal((5, p.irreps_out.dim))
                    grads = p.backward(*given, gz)
                    self.assertEqual([g.shape for g in grads], [a.shape for a in given])
                    for g, (d, change) in zip(grads, slopes(p, given, rng)):
                        self.assertAlmostEqual(np.vdot(gz, change), np.vdot(g, d), places=10)
        with self.assertRaisesRegex(ValueError, "channels of y: 2, expected 1"):
            e3tp.SignalProduct("gaunt", 1, 1, 1, channels=3, y_channels=2)

    def test_y_about_the_pole(self):
        # The same as with all orders of y, of which but 0 are zero.
        for kind, weights, y_channels in (("gaunt", None, None), ("complete", "shared", 1), ("matrix", "row", None)):
            options = dict(channels=3, weights=weights, y_channels=y_channels, method="cg", dtype=np.float64)
            with e3tp.SignalProduct(kind, 3, [0, 1, 3], 4, y_zonal=True, **options) as p, e3tp.SignalProduct(
                kind, 3, [0, 1, 3], 4, **options
            ) as full:
                of_y = y_channels or 3
                self.assertEqual(p.irreps_in2, Irreps("+".join(3 * [f"{of_y}x0e"])))
                x, y, gz = (rng.standard_normal((5, i.dim)) for i in (p.irreps_in1, p.irreps_in2, p.irreps_out))
                w = factors(p, 5) if weights == "row" else factors(p) if weights else []
                places = np.cumsum([0] + [of_y * (2 * l + 1) for l in (0, 1)])
                orders_0 = np.concatenate([at + l + (2 * l + 1) * np.arange(of_y) for at, l in zip(places, (0, 1, 3))])
                all_y = np.zeros((5, full.irreps_in2.dim))
                all_y[:, orders_0] = y
                np.testing.assert_allclose(p(x, y, *w), full(x, all_y, *w), atol=1e-12)
                got, want = p.backward(x, y, *w, gz), list(full.backward(x, all_y, *w, gz))
                want[1] = want[1][:, orders_0]
                for g, h in zip(got, want):
                    np.testing.assert_allclose(g, h, atol=1e-12)
        with self.assertRaisesRegex(ValueError, "pole"):
            e3tp.SignalProduct("vector", 1, 1, 1, y_zonal=True)
        with self.assertRaisesRegex(e3tp.Unsupported, "order 0"):
            e3tp.SignalProduct("gaunt", 1, 1, 1, y_zonal=True, method="grid")

    def test_layouts(self):
        for method, layout in itertools.product(METHODS, itertools.product(LAYOUTS, repeat=3)):
            options = dict(channels=3, weights="shared", method=method, dtype=np.float64)
            with e3tp.SignalProduct("gaunt", 2, 2, 3, layout=layout, **options) as p:
                given, gz = operands(p), rng.standard_normal((5, p.irreps_out.dim))
                weights, irreps = factors(p), (p.irreps_in1, p.irreps_in2, p.irreps_out)
                turned = [relaid(a, i, name) for a, i, name in zip([*given, gz], irreps, layout)]
                z = p(*turned[:2], *weights)
                np.testing.assert_allclose(z, relaid(product(p, *given, *weights), irreps[2], layout[2]), atol=1e-12)
                with e3tp.SignalProduct("gaunt", 2, 2, 3, **options) as plain:
                    want = plain.backward(*given, *weights, gz)
                got = p.backward(*turned[:2], *weights, turned[2])
                for g, w, i, name in zip(got, want, irreps, layout[:2]):
                    np.testing.assert_allclose(g, relaid(w, i, name), atol=1e-12)
                for g, w in zip(got[2:], want[2:]):
                    np.testing.assert_allclose(g, w, atol=1e-12)

    def test_high_degrees(self):
        for method in METHODS:
            with e3tp.SignalProduct("gaunt", 12, 12, 24, method=method, dtype=np.float64) as p:
                x, y = operands(p, 2)
                want = product(p, x, y)
                np.testing.assert_allclose(p(x, y), want, atol=1e-11 * np.abs(want).max())

    def test_equivariance(self):
        R = -e3tp.wigner_D(1, 0.3, 0.7, 1.1)
        for method in METHODS:
            with e3tp.SignalProduct("gaunt", 3, 3, 5, channels=2, method=method, dtype=np.float64) as p:
                x, y = (a[0] for a in operands(p, 1))
                D1, D2, D3 = (i.D_from_matrix(R) for i in (p.irreps_in1, p.irreps_in2, p.irreps_out))
                np.testing.assert_allclose(p(D1 @ x, D2 @ y), D3 @ p(x, y), atol=1e-12)


class Arrays(unittest.TestCase):
    def test_broadcasting(self):
        with e3tp.SignalProduct("gaunt", 2, 1, 2, channels=3, weights="row", dtype=np.float64) as p:
            x, y = rng.standard_normal((2, 1, 27)), rng.standard_normal((4, 12))
            a, b, c = factors(p, 4)[0], factors(p, 2, 1)[1], factors(p)[2]
            z = p(x, y, a, b, c)
            self.assertEqual(z.shape, (2, 4, 27))
            for i, j in np.ndindex(2, 4):
                np.testing.assert_allclose(z[i, j], p(x[i, 0], y[j], a[j], b[i, 0], c), atol=1e-13)
            gz = rng.standard_normal(z.shape)
            given = [x, y, a, b, c]
            for g, v, (d, change) in zip(p.backward(*given, gz), given, slopes(p, given, rng)):
                self.assertEqual(g.shape, v.shape)
                self.assertAlmostEqual(np.vdot(gz, change), np.vdot(g, d), places=10)

    def test_shared_gradients_are_summed(self):
        with e3tp.SignalProduct("gaunt", 2, 1, 2, weights="shared", dtype=np.float64) as p:
            given, weights = operands(p), factors(p)
            gz = rng.standard_normal((5, 9))
            total = p.backward(*given, *weights, gz)[2:]
            rows = [p.backward(given[0][i], given[1][i], *weights, gz[i])[2:] for i in range(5)]
            for g, parts in zip(total, zip(*rows)):
                np.testing.assert_allclose(g, sum(parts), atol=1e-13)

    def test_empty(self):
        for kind in (None, "shared", "row"):
            with e3tp.SignalProduct("gaunt", 2, 1, 2, channels=2, weights=kind, dtype=np.float64) as p:
                x, y = np.zeros((3, 0, 18)), np.zeros((0, 8))
                weights = [] if kind is None else factors(p, *((0,) if kind == "row" else ()))
                self.assertEqual(p(x, y, *weights).shape, (3, 0, 18))
                grads = p.backward(x, y, *weights, np.zeros((3, 0, 18)))
                for g, a in zip(grads, (x, y, *weights)):
                    np.testing.assert_array_equal(g, np.zeros(a.shape))
        for lmax, channels in (((2, 1, 2), 0), (([], 1, 2), 2), ((1, 1, []), 2)):
            for kind in (None, "shared"):
                with e3tp.SignalProduct("gaunt", *lmax, channels=channels, weights=kind, dtype=np.float64) as p:
                    x, y = operands(p)
                    weights = [] if kind is None else factors(p)
                    z = p(x, y, *weights)
                    np.testing.assert_array_equal(z, np.zeros((5, p.irreps_out.dim)))
                    for g, a in zip(p.backward(x, y, *weights, z), (x, y, *weights)):
                        np.testing.assert_array_equal(g, np.zeros(a.shape))

    def test_out_and_needs(self):
        with e3tp.SignalProduct("gaunt", 2, 1, 2, channels=2, weights="shared", dtype=np.float64) as p:
            given = [*operands(p), *factors(p)]
            gz = rng.standard_normal((5, 18))
            out = np.empty((5, 18))
            self.assertIs(p(*given, out=out), out)
            want = p.backward(*given, gz)
            made = [np.full_like(a, np.nan) for a in given]
            for g, m, w in zip(p.backward(*given, gz, out=made), made, want):
                self.assertIs(g, m)
                np.testing.assert_array_equal(g, w)
            got = p.backward(*given, gz, needs=("y", "b"))
            self.assertEqual([g is None for g in got], [True, False, True, False, True])
            np.testing.assert_array_equal(got[3], want[3])
            with self.assertRaisesRegex(ValueError, "needs"):
                p.backward(*given, gz, needs=("w",))
            with self.assertRaisesRegex(ValueError, "out, ga"):
                p.backward(*given, gz, out=(None, None, np.zeros(3), None, None))

    def test_wrong_arrays(self):
        with e3tp.SignalProduct("gaunt", 2, 1, 2, channels=2, weights="shared", dtype=np.float64) as p:
            x, y = operands(p)
            a, b, c = factors(p)
            for text, arrays in (
                ("x: shape", (x[:, 1:], y, a, b, c)),
                (r"a: shape \(2, 2\), expected \(3, 2\)", (x, y, b, b, c)),
                ("b: .*expected", (x, y, a, b[None], c)),
                ("c: missing", (x, y, a, b)),
                ("broadcast", (x, y[:3], a, b, c)),
            ):
                with self.assertRaisesRegex(ValueError, text):
                    p(*arrays)
            with self.assertRaisesRegex(TypeError, "b: dtype float32"):
                p(x, y, a, b.astype(np.float32), c)
            with self.assertRaisesRegex(ValueError, "3 arrays, expected x, y, a, b, c, gz"):
                p.backward(x, y, x)
        with e3tp.SignalProduct("gaunt", 2, 1, 2, channels=2, dtype=np.float64) as p:
            with self.assertRaisesRegex(ValueError, "weights=None"):
                p(x, y, a, b, c)
            with self.assertRaisesRegex(ValueError, r"gz: .*expected \(5, 18\)"):
                p.backward(x, y, x[0])

    def test_second_order(self):
        for kind in (None, "shared", "row"):
            with e3tp.SignalProduct("gaunt", 2, 1, 2, weights=kind, dtype=np.float64) as p:
                given = [*operands(p), *(factors(p) if kind else [])]
                gz = rng.standard_normal((5, 9))
                along, changes = zip(*slopes(p, given, rng))
                np.testing.assert_allclose(p.jvp(*given, *along), sum(changes), atol=1e-12)
                np.testing.assert_allclose(p.jvp(*given, None, *along[1:]), sum(changes[1:]), atol=1e-12)

                def cotangents(*arrays):
                    return sum(np.vdot(g, gg) for g, gg in zip(p.backward(*arrays), along))

                found = p.double_backward(*given, gz, *along)
                for h, a, (d, change) in zip(found, [*given, gz], slopes(cotangents, [*given, gz], rng)):
                    self.assertEqual(h.shape, a.shape)
                    self.assertAlmostEqual(change, np.vdot(h, d), places=9)
                with self.assertRaisesRegex(ValueError, "ggx"):
                    p.double_backward(*given, gz, given[0][1:])
                if kind:
                    with self.assertRaisesRegex(ValueError, "da"):
                        p.jvp(*given, None, None, given[2][1:])

    def test_threads(self):
        with e3tp.SignalProduct("gaunt", 3, 3, 4, channels=4, weights="shared", dtype=np.float64) as p:
            given, gz, wrong = [*operands(p, 50), *factors(p)], rng.standard_normal((50, 100)), []
            want = p.backward(*given, gz)

            def work():
                for _ in range(30):
                    got = p.backward(*given, gz)
                    wrong.extend(n for n, g, w in zip("xyabc", got, want) if not np.array_equal(g, w))

            threads = [threading.Thread(target=work) for _ in range(4)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(wrong, [])
        with self.assertRaisesRegex(ValueError, "SignalProduct is closed"):
            p(*given)


@unittest.skipUnless("grid" in METHODS, "the method grid is not in this library")
class Grids(unittest.TestCase):
    lmax = (3, 4, 5)  # S = 12: exact from 7 x 13 Gauss-Legendre samples on

    def made(self, **options):
        p = e3tp.SignalProduct("gaunt", *self.lmax, channels=2, method="grid", dtype=np.float64, **options)
        self.addCleanup(p.close)
        return p

    def test_exact_grids(self):
        x, y = operands(self.made())
        for options in (
            dict(),
            dict(grid=(7, 13)),
            dict(grid=(8, 14)),
            dict(grid=(20, 31)),
            dict(grid=(26, 25), quadrature="equiangular"),
            dict(quadrature="equiangular"),
        ):
            p = self.made(**options)
            np.testing.assert_allclose(p(x, y), product(p, x, y), atol=1e-12, err_msg=str(options))

    def test_too_small(self):
        for grid in ((6, 13), (7, 12), (2, 2)):
            with self.assertRaisesRegex(e3tp.Unsupported, "grid"):
                self.made(grid=grid)

    def test_size(self):
        # What is proposed is accepted, and one less in either direction refused.
        degrees = ((2, 3, 4), (1, 4, 2), (5, 1, 3), (0, 2, 2))
        for lmax, rule in itertools.product(degrees, ("gauss-legendre", "equiangular")):
            theta, phi = e3tp.grid_size(lmax[:2], lmax[2], rule)
            options = dict(method="grid", quadrature=rule)
            for grid, fits in (((theta, phi), True), ((theta - 1, phi), False), ((theta, phi - 1), False)):
                if fits:
                    e3tp.SignalProduct("gaunt", *lmax, grid=grid, **options).close()
                elif min(grid) > 0:
                    with self.assertRaisesRegex(e3tp.Unsupported, "grid"):
                        e3tp.SignalProduct("gaunt", *lmax, grid=grid, **options)

    def test_size_of_powers(self):
        # Products of several functions, integrated by samples: exact, and not with one sample less.
        def analysed(theta, phi, lmax, lmax_out, coefficients):
            x, w = np.polynomial.legendre.leggauss(theta)
            a = 2 * np.pi * np.arange(phi) / phi
            s = np.sqrt(1 - x * x)[:, None]
            points = np.stack(np.broadcast_arrays(s * np.sin(a), x[:, None], s * np.cos(a)), -1).reshape(-1, 3)
            values = np.prod([harmonics(l, points) @ c for l, c in zip(lmax, coefficients)], 0)
            return harmonics(lmax_out, points).T @ (values * np.repeat(w, phi) * 2 * np.pi / phi)

        for lmax, lmax_out in (((2, 3, 1), 2), ((3, 3, 3), 2), ((1, 1, 2, 2), 4), ((4,), 4)):
            c = [rng.standard_normal((l + 1) ** 2) for l in lmax]
            theta, phi = e3tp.grid_size(lmax, lmax_out)
            want = analysed(theta + 20, phi + 20, lmax, lmax_out, c)
            np.testing.assert_allclose(analysed(theta, phi, lmax, lmax_out, c), want, atol=1e-11)
            for smaller in ((theta - 1, phi), (theta, phi - 1)):
                self.assertGreater(np.abs(analysed(*smaller, lmax, lmax_out, c) - want).max(), 1e-3)

    def test_size_refused(self):
        rule = "gauss-legendre"
        for lmax, out, rule in (((), 1, rule), ((-1,), 1, rule), ((1,), -1, rule), ((1,), 65536, rule), ((1,), 1, "x")):
            with self.assertRaises(ValueError):
                e3tp.grid_size(lmax, out, rule)

    def test_oversample(self):
        for kind in ("gaunt", "bracket", "complete", "vector"):
            least, more, most = (
                e3tp.SignalProduct(kind, 2, 3, 4, method="grid", dtype=np.float64, oversample=f) for f in (1, 1.3, 8)
            )
            given = operands(least)
            for p, rings, columns in ((least, 5, 12), (more, 7, 16), (most, 40, 80)):
                if kind != "bracket":  # that has a degree less
                    self.assertIn(f"grid: {rings} x {columns} samples", p.describe())
                np.testing.assert_allclose(p(*given), least(*given), atol=1e-13)
        self.assertNotEqual(e3tp.SignalProduct("gaunt", 2, 2, 2, oversample=2).method, "gaunt")
        with self.assertRaisesRegex(e3tp.Unsupported, "grid"):
            e3tp.SignalProduct("gaunt", 2, 2, 2, method="gaunt", oversample=2)
        for options in ({"oversample": 0.9}, {"oversample": 8.1}, {"oversample": 1.1, "grid": (20, 20)}):
            with self.assertRaisesRegex(ValueError, "oversample"):
                e3tp.SignalProduct("gaunt", 2, 2, 2, **options)

    def test_aliasing(self):
        # It computes what it computes: a bilinear map, but another one, with gradients of its own.
        p = self.made(grid=(4, 8), allow_aliasing=True)
        given = operands(p)
        z = p(*given)
        self.assertGreater(np.abs(z - product(p, *given)).max(), 1e-3)
        gz = rng.standard_normal(z.shape)
        for g, (d, change) in zip(p.backward(*given, gz), slopes(p, given, rng)):
            self.assertAlmostEqual(np.vdot(gz, change), np.vdot(g, d), places=10)


KINDS = {"bracket": "bracket", "complete": "complete", "matrix": "matrix", "cross": "vector", "dot": "vector"}
SERVED = [(name, method) for name, kind in KINDS.items() for method in e3tp.methods(kind)]


def made(name, *lmax, dtype=np.float64, **options):
    """A product of one of KINDS, or "gaunt"."""
    if name in ("cross", "dot"):
        return e3tp.SignalProduct("vector", *lmax, product=name, dtype=dtype, **options)
    return e3tp.SignalProduct(name, *lmax, dtype=dtype, **options)


def harmonics(lmax, points):
    return e3tp.spherical_harmonics(range(lmax + 1), points, True)


def gradients(lmax, points, step=1e-4):
    """Tangential gradients of the harmonics at unit vectors: (points, 3, harmonics), by differences of fourth order."""
    out = []
    for axis in np.eye(3) * step:
        values = [harmonics(lmax, points + k * axis) for k in (-2, -1, 1, 2)]
        out.append((values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step))
    return np.stack(out, 1)


def fields(lmax, points):
    """Vector harmonics V^(j,l) at points: (points, 3, coefficients)."""
    out = []
    for j in range(lmax + 1):
        for l in range(abs(j - 1), j + 2):
            w = np.sqrt(2 * j + 1) * e3tp.wigner_3j(l, 1, j)
            out.append(np.einsum("pa,akm->pkm", e3tp.spherical_harmonics(l, points, True), w))
    return np.concatenate(out, 2)


def matrices(x, h):
    """Coefficients of degrees 0, 1, ... as a matrix of spin h."""
    return sum(e3tp.wigner_3j(h, h, l) @ x[l * l : (l + 1) ** 2] for l in range(int(np.sqrt(len(x)))))


class Kinds(unittest.TestCase):
    points = e3tp.spherical_harmonics(1, rng.standard_normal((20, 3)), True) * np.sqrt(4 * np.pi / 3)

    def test_irreps(self):
        for name, lists in (
            ("bracket", ("2x0e+2x1o", "2x0e+2x1o+2x2e", "2x1e+2x2o")),
            ("complete", ("2x0e+2x1o", "2x0e+2x1o+2x2e", "2x0e+2x1o+2x2e+2x1e+2x2o")),
            ("matrix", ("2x0e+2x1o", "2x0e+2x1o+2x2e", "2x0e+2x1o+2x2e+2x1e+2x2o")),
            ("cross", ("2x0e+2x1o+2x1e+2x1o", "2x0e+2x1o+2x1e+2x1o+2x2e+2x2o+2x2e", None)),
            ("dot", ("2x0e+2x1o+2x1e+2x1o", "2x0e+2x1o+2x1e+2x1o+2x2e+2x2o+2x2e", "2x0e+2x1o+2x2e")),
        ):
            with made(name, 1, 2, 2, channels=2) as p:
                flipped = "2x0o+2x1e+2x1o+2x1e+2x2o+2x2e+2x2o"
                for got, want in zip((p.irreps_in1, p.irreps_in2, p.irreps_out), (*lists[:2], lists[2] or flipped)):
                    self.assertEqual(got, Irreps(want), name)
                self.assertEqual(p.kappa.shape, tuple(len(i) for i in (p.irreps_in1, p.irreps_in2, p.irreps_out)))

    def test_counts(self):
        # Couplings of 0..L with 0..L to 0..2L: all, and those of odd l1+l2+l3.
        for L in range(1, 6):
            every, odd = (L + 1) * (2 * L * L + 4 * L + 3) // 3, L * (L + 1) * (2 * L + 1) // 6
            for name, count in (("bracket", odd), ("complete", every), ("matrix", every)):
                with made(name, L, L, 2 * L) as p:
                    self.assertEqual(np.count_nonzero(p.kappa), count, (name, L))

    def test_bracket(self):
        # r . (grad f x grad g) at points of the sphere.
        for L1, L2 in ((1, 1), (2, 3), (4, 2)):
            with made("bracket", L1, L2, L1 + L2) as p:
                x, y = (rng.standard_normal((L + 1) ** 2) for L in (L1, L2))
                f, g = gradients(L1, self.points) @ x, gradients(L2, self.points) @ y
                want = np.einsum("pk,pk->p", self.points, np.cross(f, g))
                np.testing.assert_allclose(harmonics(L1 + L2, self.points)[:, 1:] @ p(x, y), want, atol=1e-9)
                self.assertTrue(np.all(p.kappa >= 0))

    def test_bracket_identities(self):
        for method in e3tp.methods("bracket"):
            with made("bracket", 4, 4, 8, method=method) as p:
                self.assertEqual(p.method, method)
                x, y = operands(p)
                np.testing.assert_allclose(p(x, y), -p(y, x), atol=1e-13)
                np.testing.assert_allclose(p(x, x), 0, atol=1e-13)

    def test_complete(self):
        for lmax in ((3, 2, 5), ([1, 3], 2, [0, 2, 3])):
            with made("complete", *lmax) as p, made("gaunt", *lmax) as even, made("bracket", *lmax) as odd:
                x, y = operands(p)
                np.testing.assert_allclose(p(x, y), np.concatenate([even(x, y), odd(x, y)], 1), atol=1e-13)

    def test_matrix(self):
        spins = ((1, None), (2, None), (3, None), (2, 3), (4, 6))
        for (lmax, spin), method in itertools.product(spins, e3tp.methods("matrix")):
            h = spin or (lmax + 1) // 2
            with made("matrix", lmax, lmax, lmax, spin=spin, method=method) as p:
                self.assertIn(f"spin {h}", p.describe())
                x, y = (rng.standard_normal((lmax + 1) ** 2) for _ in range(2))
                X, Y = matrices(x, h), matrices(y, h)
                half = [(X @ Y + s * X.T @ Y.T) / 2 for s in (1, -1)]
                # l1+l2+l3 is even in the symmetric part of the first half and the antisymmetric one of the second.
                want = [
                    np.einsum("ijm,ij->m", e3tp.wigner_3j(h, h, l), half[(l + odd) % 2])
                    for odd in (0, 1)
                    for l in range(odd, lmax + 1)
                ]
                np.testing.assert_allclose(p(x, y), np.concatenate(want), atol=1e-13)

    def test_spin(self):
        # The 6j symbol {3 5 6; 6 6 6} is zero, so are its permutations, and no other to l = 6.
        with made("matrix", 6, 6, 12) as p, made("matrix", 6, 6, 12, spin="full") as full:
            self.assertEqual(np.count_nonzero(p.kappa), 231 - 6)
            self.assertIn("zero by accident: 3 x 5 -> 6", p.describe())
            self.assertEqual(np.count_nonzero(full.kappa), 231)
            self.assertNotIn("by accident", full.describe())
        for options in (dict(spin=1), dict(spin=49), dict(spin=-1)):
            with self.assertRaisesRegex(ValueError, "spin"):
                made("matrix", 3, 3, 3, **options)

    def test_vector(self):
        for L1, L2 in ((0, 1), (1, 1), (2, 1), (2, 3)):
            F, G = fields(L1, self.points), fields(L2, self.points)
            x, y = rng.standard_normal(F.shape[2]), rng.standard_normal(G.shape[2])
            with made("cross", L1, L2, L1 + L2) as p:
                got = fields(L1 + L2, self.points) @ p(x, y)
                np.testing.assert_allclose(got, np.cross(F @ x, G @ y), atol=1e-12)
            with made("dot", L1, L2, L1 + L2) as p:
                got = harmonics(L1 + L2, self.points) @ p(x, y)
                np.testing.assert_allclose(got, np.einsum("pk,pk->p", F @ x, G @ y), atol=1e-12)

    def test_types(self):
        # Fields of some harmonics only: the product of whole fields whose others are zero, and of the result the same.
        cases = (0, 1, None), (-1, (0, 1), 0), (None, 1, (-1, 1))
        for method, types in itertools.product(e3tp.methods("vector"), cases):
            with made("cross", 2, 3, 4, types=types, method=method) as p, made("cross", 2, 3, 4) as whole:
                kept = []
                for lmax, shifts in zip((2, 3, 4), types):
                    shifts = (-1, 0, 1) if shifts is None else np.atleast_1d(shifts)
                    all_of = [(j, l - j) for j in range(lmax + 1) for l in range(abs(j - 1), j + 2)]
                    kept.append(np.concatenate([np.full(2 * j + 1, shift in shifts) for j, shift in all_of]))
                x, y = operands(p)
                full = [np.zeros((5, len(k))) for k in kept[:2]]
                full[0][:, kept[0]], full[1][:, kept[1]] = x, y
                np.testing.assert_allclose(p(x, y), whole(*full)[:, kept[2]], atol=1e-12)
                gz = np.zeros((5, len(kept[2])))
                gz[:, kept[2]] = rng.standard_normal((5, p.irreps_out.dim))
                for g, w, k in zip(p.backward(x, y, gz[:, kept[2]]), whole.backward(*full, gz), kept):
                    np.testing.assert_allclose(g, w[:, k], atol=1e-12)

    def test_every_coupling(self):
        # x of l = j, y of l = j + 1: every coupling of degrees from 1 on, odd sums in l = j, even ones beside it.
        for L in range(1, 6):
            with made("cross", L, L, L, types=(0, 1, None)) as p:
                degrees = [[ir.l for _, ir in irreps] for irreps in (p.irreps_in1, p.irreps_in2, p.irreps_out)]
                found = {tuple(d[i] for d, i in zip(degrees, at)) for at in zip(*np.nonzero(p.kappa))}
                some = range(1, L + 1)
                for j1, j2 in itertools.product(some, some):
                    want = set(range(abs(j1 - j2), min(j1 + j2, L) + 1))
                    self.assertEqual({j3 for a, b, j3 in found if (a, b) == (j1, j2)}, want)

    def test_definition(self):
        degrees = ((1, 2, 3), (3, 3, 4), ([1, 3], [2], [1, 2, 5]))
        for (name, method), channels, lmax in itertools.product(SERVED, (1, 3, 17), degrees):
            for kind in (None, "shared", "row"):
                with made(name, *lmax, channels=channels, weights=kind, method=method) as p:
                    given = operands(p)
                    if kind:
                        given += factors(p, *((5,) if kind == "row" else ()))
                    want = product(p, *given)
                    np.testing.assert_allclose(p(*given), want, atol=1e-12 * max(1, np.abs(want).max()))

    def test_rank(self):
        # The sum of products of rank 1, in every layout; one row of y for all rows too.
        for (name, method), kind, layout in itertools.product(SERVED, ("shared", "row"), LAYOUTS):
            options = dict(channels=2, weights=kind, layout=layout, method=method)
            with made(name, 2, 1, 3, rank=3, **options) as p, made(name, 2, 1, 3, **options) as one:
                irreps = (p.irreps_in1, p.irreps_in2, p.irreps_out)
                x, y, gz = (relaid(rng.standard_normal((5, i.dim)), i, layout) for i in irreps)
                rows = (5,) if kind == "row" else ()
                w = [rng.standard_normal(rows + (3, len(i), 2)) for i in irreps]
                parts = [[a[..., r, :, :] for a in w] for r in range(3)]
                np.testing.assert_allclose(p(x, y, *w), sum(one(x, y, *part) for part in parts), atol=1e-12)
                found = [one.backward(x, y, *part, gz) for part in parts]
                want = [sum(f[k] for f in found) for k in range(2)]
                want += [np.stack([f[k] for f in found], -3) for k in range(2, 5)]
                for got, g in zip(p.backward(x, y, *w, gz), want):
                    np.testing.assert_allclose(got, g, atol=1e-12)
                if layout != "batch_last":
                    gy = p.backward(x, y[0], *w, gz)[1]
                    np.testing.assert_allclose(gy, p.backward(x, y[:1] + 0 * y, *w, gz)[1].sum(0), atol=1e-12)

    def test_common_output(self):
        # The sum with c repeated, whose gradient is then the sum over the terms; batch axes of a, b and c broadcast.
        for (name, method), kind in itertools.product(SERVED, ("shared", "row")):
            options = dict(channels=3, weights=kind, method=method, rank=2)
            with made(name, 2, 1, 3, common_output=True, **options) as p, made(name, 2, 1, 3, **options) as own:
                axes = ((5, 2), (2,), (5,)) if kind == "row" else ((2,), (2,), ())
                weights = a, b, c = [factors(p, *lead)[k] for k, lead in enumerate(axes)]
                self.assertEqual(p.weight_numel, 3 * np.dot((2, 2, 1), p.kappa.shape))
                x, y = operands(p)
                repeated = np.stack((c, c), -3)
                np.testing.assert_allclose(p(x, y, *weights), own(x, y, a, b, repeated), atol=1e-12)
                gz = rng.standard_normal((5, p.irreps_out.dim))
                *want, gc = own.backward(x, y, a, b, repeated, gz)
                for g, v in zip(p.backward(x, y, *weights, gz), [*want, gc.sum(-3)]):
                    np.testing.assert_allclose(g, v, atol=1e-12)
                along = [rng.standard_normal(v.shape) for v in (x, y, *weights)]
                moved = [*along[:4], np.stack((along[4],) * 2, -3)]
                np.testing.assert_allclose(
                    p.jvp(x, y, *weights, *along), own.jvp(x, y, a, b, repeated, *moved), atol=1e-11
                )
                want = list(own.double_backward(x, y, a, b, repeated, gz, *moved))
                want[4] = want[4].sum(-3)
                for h, v in zip(p.double_backward(x, y, *weights, gz, *along), want):
                    np.testing.assert_allclose(h, v, atol=1e-10)
                if kind == "shared":
                    with self.assertRaisesRegex(ValueError, "c: shape"):
                        p(x, y, a, b, repeated)
        with self.assertRaisesRegex(ValueError, "common output"):
            e3tp.SignalProduct("gaunt", 1, 1, 1, common_output=True)

    def test_single_precision(self):
        for name, method in SERVED:
            with made(name, 4, 3, 5, channels=5, dtype=np.float32, method=method) as p:
                x, y = operands(p)
                want = product(p, x, y)
                got = p(x.astype(np.float32), y.astype(np.float32))
                np.testing.assert_allclose(got, want, atol=2e-6 * np.abs(want).max())

    def test_passes(self):
        cases = ((None, ()), ("shared", ()), ("row", ()), ("shared", (2,)), ("row", (2,)))
        for (name, method), (kind, rank) in itertools.product(SERVED, cases):
            options = dict(channels=2, weights=kind, method=method, rank=sum(rank) or 1)
            with made(name, 2, 1, 3, **options) as p:
                rows = (5,) if kind == "row" else ()
                given = [*operands(p), *(factors(p, *rows, *rank) if kind else [])]
                gz = rng.standard_normal((5, p.irreps_out.dim))
                along, changes = zip(*slopes(p, given, rng))
                for g, d, change in zip(p.backward(*given, gz), along, changes):
                    self.assertAlmostEqual(np.vdot(gz, change), np.vdot(g, d), places=9)
                np.testing.assert_allclose(p.jvp(*given, *along), sum(changes), atol=1e-11)

                def cotangents(*arrays):
                    return sum(np.vdot(g, gg) for g, gg in zip(p.backward(*arrays), along))

                found = p.double_backward(*given, gz, *along)
                for h, (d, change) in zip(found, slopes(cotangents, [*given, gz], rng)):
                    self.assertAlmostEqual(change, np.vdot(h, d), places=8)

    def test_layouts(self):
        for (name, method), layout in itertools.product(SERVED, LAYOUTS):
            with made(name, 2, 2, 3, channels=3, layout=layout, method=method) as p:
                given = operands(p)
                turned = [relaid(a, i, layout) for a, i in zip(given, (p.irreps_in1, p.irreps_in2))]
                want = relaid(product(p, *given), p.irreps_out, layout)
                np.testing.assert_allclose(p(*turned), want, atol=1e-12)

    def test_layouts_of_equal_degrees(self):
        # Where kernels of cg take the whole product, and operands where they lie: tiles of lanes and what is left over.
        cases = itertools.product(SERVED, LAYOUTS, (1, 2, 3), ((1, 21), (8, 3), (23, 2)), (None, "shared", "row"))
        for (name, method), layout, L, (channels, rows), kind in cases:
            options = dict(channels=channels, weights=kind, method=method)
            with made(name, L, L, L, **options) as p, made(name, L, L, L, layout=layout, **options) as q:
                irreps = (p.irreps_in1, p.irreps_in2, p.irreps_out)
                x, y, gz = (rng.standard_normal((rows, i.dim)) for i in irreps)
                turned = [relaid(a, i, layout) for a, i in zip((x, y, gz), irreps)]
                w = factors(p, *((rows,) if kind == "row" else ())) if kind else []
                want = relaid(product(p, x, y, *w), irreps[2], layout)
                np.testing.assert_allclose(q(*turned[:2], *w), want, atol=1e-11)
                found = p.backward(x, y, *w, gz)
                for needs in (("x", "y"), None):
                    got = q.backward(*turned[:2], *w, turned[2], needs=needs)
                    for g, a, i in zip(got, found, irreps[:2]):
                        np.testing.assert_allclose(g, relaid(a, i, layout), atol=1e-11)
                for g, a in zip(got[2:], found[2:]):
                    np.testing.assert_allclose(g, a, atol=1e-11)

    def test_equivariance(self):
        R = -e3tp.wigner_D(1, 0.3, 0.7, 1.1)
        for name, method in SERVED:
            with made(name, 3, 2, 4, channels=2, method=method) as p:
                x, y = (a[0] for a in operands(p, 1))
                D1, D2, D3 = (i.D_from_matrix(R) for i in (p.irreps_in1, p.irreps_in2, p.irreps_out))
                np.testing.assert_allclose(p(D1 @ x, D2 @ y), D3 @ p(x, y), atol=1e-12)

    def test_high_degrees(self):
        functions = [served for served in SERVED if served[0] in ("bracket", "complete", "matrix")]
        for (name, method), lmax in itertools.product(functions, ((12, 12, 24), (12, 3, 13))):
            with made(name, *lmax, method=method) as p:
                x, y = operands(p, 2)
                want = product(p, x, y)
                np.testing.assert_allclose(p(x, y), want, atol=1e-11 * np.abs(want).max())

    def test_degrees_above_twelve(self):
        """By all methods but cg, to 24; gradients by the sums of which they are the slopes."""
        served = [("gaunt", "gaunt"), *(s for s in SERVED if s[0] in ("gaunt", "bracket", "complete", "matrix"))]
        lists = (([16, 20], [13, 17], [5, 20, 24]), ([0, 23], [24], [1, 2, 24]), ([20], 2, [18, 21, 22]))
        for (name, method), degrees in itertools.product(dict.fromkeys(served), lists):
            if method == "cg":
                with self.assertRaisesRegex(e3tp.Unsupported, "cg: degree .* served are degrees to 12"):
                    e3tp.SignalProduct(name, *degrees, method=method)
                continue
            for dtype, tolerance in ((np.float64, 1e-11), (np.float32, 1e-4)):
                with e3tp.SignalProduct(name, *degrees, channels=2, method=method, dtype=dtype) as p:
                    x, y = (a.astype(dtype) for a in operands(p, 2))
                    want = product(p, x, y)
                    z = p(x, y)
                    np.testing.assert_allclose(z, want, rtol=0, atol=tolerance * np.abs(want).max())
                    gx, gy = p.backward(x, y, z)
                    for slope in (np.vdot(gx, x), np.vdot(gy, y)):
                        self.assertAlmostEqual(slope / np.vdot(want, want), 1, delta=tolerance)
        for degrees in ((25, 2, 2), (2, 2, 25)):
            self.assertRaises(ValueError, e3tp.SignalProduct, "gaunt", *degrees)
        self.assertRaises(ValueError, e3tp.SignalProduct, "vector", 13, 2, 2)

    def test_rounding(self):
        # docs/numerics.md: 8 eps of the largest sum of terms of a row, where slopes and degrees are largest too.
        for name in ("gaunt", "bracket", "complete", "cross", "dot"):
            lists = ([12], [12], [0, 12, 24]) if name == "gaunt" else ([12], [11, 12], [1, 22, 23])
            with made(name, *lists, method="grid") as p:
                x, y = operands(p, 20)
                bx, by = blocks(x, p.irreps_in1), blocks(y, p.irreps_in2)
                most = np.zeros(len(x))
                for k, (_, ir3) in enumerate(p.irreps_out):
                    terms = 0
                    for i, j in zip(*np.nonzero(p.kappa[:, :, k])):
                        w = p.kappa[i, j, k] * e3tp.wigner_3j(p.irreps_in1[i].ir.l, p.irreps_in2[j].ir.l, ir3.l)
                        terms += np.einsum("zui,zuj,ijk->zuk", abs(bx[i]), abs(by[j]), abs(w)).reshape(len(x), -1)
                    most = np.maximum(most, np.max(terms, axis=-1))
                error = abs(p(x, y) - product(p, x, y)).max(axis=1)
                self.assertLess((error / most).max(), 8 * np.finfo(np.float64).eps, name)

    def test_zero(self):
        # Products that no coupling reaches are legal, and described.
        zeros = [e3tp.SignalProduct("gaunt", [3], [3], [3])]
        for method in e3tp.methods("bracket"):
            zeros += [made("bracket", *lmax, method=method) for lmax in ((0, 2, 2), (1, 1, 0))]
        for p in zeros:
            with p:
                self.assertIn("the product is zero", p.describe())
                x, y = (a.astype(p.dtype) for a in operands(p))
                np.testing.assert_array_equal(p(x, y), np.zeros((5, p.irreps_out.dim)))

    def test_empty(self):
        for name, method in SERVED:
            options = dict(channels=0, weights="shared", method=method)
            with made(name, 1, 2, 2, **options) as p, made(name, 1, 2, 2) as one:
                np.testing.assert_array_equal(p.kappa, one.kappa)
                self.assertEqual(p(*operands(p), *factors(p)).shape, (5, 0))


class PriceOfFreedom(unittest.TestCase):
    """Strengths by their closed forms, and the scale of other codes' products relative to ours (arXiv 2506.13523)."""

    TRIPLES = [l for l in itertools.product(range(6), repeat=3) if abs(l[0] - l[1]) <= l[2] <= l[0] + l[1]]

    @staticmethod
    def closed(l, even):
        """The strength by factorials; J = l1 + l2 + l3."""
        f, J = math.factorial, sum(l)
        sizes = math.prod(2 * k + 1 for k in l) / (4 * math.pi)
        root = math.sqrt(sizes * math.prod(f(J - 2 * k) for k in l) / f(J + 1))
        if even:
            return root * f(J // 2) / math.prod(f(J // 2 - k) for k in l)
        return root * 2 * f((J + 1) // 2) / math.prod(f((J - 1) // 2 - k) for k in l)

    def test_strengths(self):
        for l in self.TRIPLES:
            even = sum(l) % 2 == 0
            strengths = e3tp.gaunt_strength(*l), e3tp.bracket_strength(*l)
            self.assertAlmostEqual(strengths[not even], self.closed(l, even), places=13)
            self.assertEqual(strengths[even], 0)

    def test_clebsch_gordan(self):
        """Each path its own irrep of z, irrep_normalization "norm"."""
        tp = e3tp.FullTensorProduct("0e+1o+2e", "0e+1o+2e+3o", irrep_normalization="norm")
        for i in tp.instructions:
            d1, d2 = tp.irreps_in1[i.i_in1].ir.dim, tp.irreps_in2[i.i_in2].ir.dim
            self.assertAlmostEqual(i.path_weight, math.sqrt(d1 * d2), places=14)

    def test_gaunt_by_path_weights(self):
        """The Gaunt authors' product: e3nn's with path weights that are squares of strengths."""
        p = e3tp.SignalProduct("gaunt", 2, 2, 3, dtype=np.float64)
        paths = [(*map(int, at), "uuu", False, p.kappa[tuple(at)] ** 2) for at in np.argwhere(p.kappa)]
        plain = {"irrep_normalization": "none", "path_normalization": "none", "dtype": np.float64}
        tp = e3tp.TensorProduct(p.irreps_in1, p.irreps_in2, p.irreps_out, paths, **plain)
        x, y = operands(p)
        np.testing.assert_allclose(tp(x, y), p(x, y), atol=1e-13)

    def test_grids(self):
        """sqrt(4 pi) at each of three transforms and a mean between: sqrt(4 pi) times the Gaunt product."""
        p = e3tp.SignalProduct("gaunt", 2, 3, 4, dtype=np.float64)
        x, y = operands(p)
        options = {"quadrature": "gauss-legendre", "normalization": "integral", "dtype": np.float64}
        r = math.sqrt(4 * math.pi)
        fx, fy = (r * e3tp.ToS2Grid(l, (6, 10), **options)(a) for l, a in ((2, x), (3, y)))
        z = r / (4 * math.pi) * e3tp.FromS2Grid((6, 10), 4, **options)(fx * fy)
        np.testing.assert_allclose(z, r * p(x, y), atol=1e-12)

    def test_means_of_norm_harmonics(self):
        """Harmonics of norm 1 and means over points: g sqrt(4 pi) / sqrt((2 l1 + 1) (2 l2 + 1) (2 l3 + 1))."""
        points, weights = e3tp.sphere_grid(8, 16)
        Y = [e3tp.spherical_harmonics(l, points, True, normalization="norm") for l in range(6)]
        for l in self.TRIPLES:
            mean = np.einsum("ab,abi,abj,abk->ijk", weights, *(Y[k] for k in l))
            scale = math.sqrt(4 * math.pi / math.prod(2 * k + 1 for k in l))
            want = e3tp.gaunt_strength(*l) * scale * e3tp.wigner_3j(*l)
            np.testing.assert_allclose(mean, want, atol=1e-14)


class Uncoupled(unittest.TestCase):
    """Degrees without a path take no part: whatever stands there, nothing else sees it."""

    LISTS = (([0, 4], [1, 4], [0, 7, 8]), ([2, 8], [1, 12], [1, 2, 3, 24]), ([1], [1], [3]))

    def spoiled(self, a, irreps, used, value):
        """A copy of a with a value at the irreps that are not used; None where all are."""
        a, found = a.copy(), False
        for (mul, ir), s, has_path in zip(irreps, irreps.slices(), used):
            if not has_path:
                a[..., s], found = value, True
        return a if found else None

    def test_methods(self):
        served = [("gaunt", method) for method in METHODS] + SERVED
        for (name, method), lists, dtype in itertools.product(served, self.LISTS, (np.float64, np.float32)):
            with self.subTest(name=name, method=method, lists=lists), made(
                name, *lists, channels=2, method=method, dtype=dtype
            ) as p:
                irreps = p.irreps_in1, p.irreps_in2, p.irreps_out
                used = [p.kappa.any(axis=tuple({0, 1, 2} - {k})) for k in range(3)]
                given = [rng.standard_normal((5, i.dim)).astype(dtype) for i in irreps]
                want = p(*given[:2]), *p.backward(*given)
                for k, value in itertools.product(range(3), (np.nan, np.inf, 1e30)):
                    bad = self.spoiled(given[k], irreps[k], used[k], value)
                    if bad is not None:
                        args = [bad if n == k else a for n, a in enumerate(given)]
                        for got, a in zip((p(*args[:2]), *p.backward(*args)), want):
                            np.testing.assert_array_equal(got, a)
                for a, k in zip(want, (2, 0, 1)):
                    for s, has_path in zip(irreps[k].slices(), used[k]):
                        self.assertTrue(has_path or not a[..., s].any())

    def test_products_of_irreps(self):
        paths = [(0, 0, 0, "uvu", True), (2, 2, 2, "uvu", True)]
        for method in e3tp.methods("tensor_product"):
            tp = e3tp.TensorProduct("2x1o+2x3o+2x0e", "1x1o+1x2e+1x0e", "2x2e+2x0e+2x0e", paths, method=method)
            irreps = tp.irreps_in1, tp.irreps_in2, tp.irreps_out
            x, y, gz = given = [rng.standard_normal((5, i.dim)).astype(np.float32) for i in irreps]
            w = rng.standard_normal(tp.weight_numel).astype(np.float32)
            bad = [self.spoiled(a, i, (1, 0, 1), np.nan) for a, i in zip(given, irreps)]
            np.testing.assert_array_equal(tp(*bad[:2], w), tp(x, y, w))
            for got, want in zip(tp.backward(*bad[:2], w, bad[2]), tp.backward(x, y, w, gz)):
                np.testing.assert_array_equal(got, want)


class Refusals(unittest.TestCase):
    def test_kinds(self):
        served = dict.fromkeys(("bracket", "complete", "vector"), {"cg", "grid"}) | {"matrix": {"cg", "matrix"}}
        for kind, methods in served.items():
            self.assertEqual(set(e3tp.methods(kind)), methods)
            for method in set(METHODS) - set(e3tp.methods(kind)):
                with self.assertRaisesRegex(e3tp.Unsupported, method):
                    e3tp.SignalProduct(kind, 1, 1, 1, method=method)
        with self.assertRaisesRegex(ValueError, "product"):
            e3tp.SignalProduct("gaunt", 1, 1, 1, product="dot")
        with self.assertRaisesRegex(ValueError, "kind"):
            e3tp.SignalProduct("mine", 1, 1, 1)
        for types in ((0, 1), (0, 2, None), ((), None, None), 1):
            with self.assertRaisesRegex(ValueError, "types"):
                made("cross", 1, 1, 1, types=types)
        with self.assertRaisesRegex(ValueError, "types"):
            made("gaunt", 1, 1, 1, types=(0, 1, None))
        with self.assertRaisesRegex(ValueError, "no vector field"):
            made("dot", 1, 1, 1, types=(0, 1, 0))

    def test_options(self):
        for text, lmax, options in (
            ("lmax1", (-1, 1, 1), {}),
            ("degrees of x", (25, 1, 1), {}),
            ("degrees of y", (1, [2, 1], 1), {}),
            ("degrees of z", (1, 1, [1, 1]), {}),
            ("channels", (1, 1, 1), dict(channels=-1)),
            ("weights", (1, 1, 1), dict(weights="mine")),
            ("quadrature", (1, 1, 1), dict(quadrature="mine")),
            ("grid", (1, 1, 1), dict(grid=3)),
            ("grid", (1, 1, 1), dict(grid=(3, 0))),
            ("rank", (1, 1, 1), dict(rank=0)),
            ("rank", (1, 1, 1), dict(rank=2)),
            ("rank", (1, 1, 1), dict(rank=65536, weights="shared")),
            ("spin", (1, 1, 1), dict(spin=1)),
            ("product", (1, 1, 1), dict(product="mine")),
            ("layout", (1, 1, 1), dict(layout="mine")),
            ("method", (1, 1, 1), dict(method="mine")),
            ("threads", (1, 1, 1), dict(threads=-1)),
        ):
            with self.assertRaisesRegex(ValueError, text):
                e3tp.SignalProduct("gaunt", *lmax, **options)
        with self.assertRaises(TypeError):
            e3tp.SignalProduct("gaunt", 1.5, 1, 1)
        with self.assertRaisesRegex(TypeError, "dtype"):
            e3tp.SignalProduct("gaunt", 1, 1, 1, dtype=np.int32)

    def test_unsupported(self):
        for options in (dict(isa="mmx"), dict(method="matrix")):
            with self.assertRaises(e3tp.Unsupported):
                e3tp.SignalProduct("gaunt", 1, 1, 1, **options)

    def test_methods(self):
        for method in ("cg", "gaunt", "grid"):
            if method not in METHODS:
                with self.assertRaisesRegex(e3tp.Unsupported, method):
                    e3tp.SignalProduct("gaunt", 1, 1, 1, method=method)


if __name__ == "__main__":
    unittest.main()
