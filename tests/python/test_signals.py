# SPDX-License-Identifier: MIT
"""SignalProduct: every method against the definition and functions on the sphere; weights, layouts, refusals."""

import itertools
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

    def test_aliasing(self):
        # It computes what it computes: a bilinear map, but another one, with gradients of its own.
        p = self.made(grid=(4, 8), allow_aliasing=True)
        given = operands(p)
        z = p(*given)
        self.assertGreater(np.abs(z - product(p, *given)).max(), 1e-3)
        gz = rng.standard_normal(z.shape)
        for g, (d, change) in zip(p.backward(*given, gz), slopes(p, given, rng)):
            self.assertAlmostEqual(np.vdot(gz, change), np.vdot(g, d), places=10)


class Refusals(unittest.TestCase):
    def test_kinds(self):
        for kind in ("bracket", "complete", "matrix", "vector"):
            if not e3tp.methods(kind):
                with self.assertRaisesRegex(e3tp.Unsupported, kind):
                    e3tp.SignalProduct(kind, 1, 1, 1)
        with self.assertRaisesRegex(ValueError, "kind"):
            e3tp.SignalProduct("mine", 1, 1, 1)

    def test_options(self):
        for text, lmax, options in (
            ("lmax1", (-1, 1, 1), {}),
            ("degrees of x", (13, 1, 1), {}),
            ("degrees of y", (1, [2, 1], 1), {}),
            ("degrees of z", (1, 1, [1, 1]), {}),
            ("channels", (1, 1, 1), dict(channels=-1)),
            ("weights", (1, 1, 1), dict(weights="mine")),
            ("quadrature", (1, 1, 1), dict(quadrature="mine")),
            ("grid", (1, 1, 1), dict(grid=3)),
            ("grid", (1, 1, 1), dict(grid=(3, 0))),
            ("rank", (1, 1, 1), dict(rank=0)),
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
        for options in (dict(rank=2, weights="shared"), dict(isa="mmx"), dict(method="matrix")):
            with self.assertRaises(e3tp.Unsupported):
                e3tp.SignalProduct("gaunt", 1, 1, 1, **options)

    def test_methods(self):
        for method in ("cg", "gaunt", "grid"):
            if method not in METHODS:
                with self.assertRaisesRegex(e3tp.Unsupported, method):
                    e3tp.SignalProduct("gaunt", 1, 1, 1, method=method)


if __name__ == "__main__":
    unittest.main()
