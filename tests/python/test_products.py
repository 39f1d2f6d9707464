# SPDX-License-Identifier: MIT
"""TensorProduct against its definition; broadcasting, gradients, layouts, results given by the caller, refusals."""

import itertools
import os
import threading
import unittest
from unittest import mock

import numpy as np
from support import product, relaid, slopes

import e3tp
from e3tp import Irreps

rng = np.random.default_rng(0)
SPEC = dict(
    irreps_in1="3x0e+3x1o",
    irreps_in2="2x0e+2x1o+3x1o",
    irreps_out="3x0e+3x1o+4x1e",
    instructions=[
        (0, 0, 0, "uvu", True),
        (1, 1, 0, "uvu", True, 2.0),
        (0, 1, 1, "uvu", False),
        (1, 1, 2, "uvw", True),
        (1, 2, 0, "uuu", True),
    ],
)
# Of each mode: how many products of channels add up to a channel of the result, and its channels, from m1, m2.
FAN_IN = {
    "uvw": lambda m1, m2: (m1 * m2, 5),
    "uvu": lambda m1, m2: (m2, m1),
    "uvv": lambda m1, m2: (m1, m2),
    "uuw": lambda m1, m2: (m1, 5),
    "uuu": lambda m1, m2: (1, m1),
    "uvuv": lambda m1, m2: (1, m1 * m2),
    "uvu<v": lambda m1, m2: (1, m1 * (m1 - 1) // 2),
    "u<vw": lambda m1, m2: (m1 * (m1 - 1) // 2, 5),
}
LAYOUTS = ("mul_ir", "ir_mul", "batch_last")


def plan(**options):
    return e3tp.TensorProduct(**{**SPEC, "dtype": np.float64, **options})


class Case(unittest.TestCase):
    def setUp(self):
        self.tp = plan()
        self.addCleanup(self.tp.close)
        self.x, self.y, self.gz = (rng.standard_normal((5, n)) for n in (12, 17, 24))
        self.w = rng.standard_normal(self.tp.weight_numel)


class Values(Case):
    def test_forward(self):
        want = product(self.tp, self.x, self.y, self.w)
        np.testing.assert_allclose(self.tp(self.x, self.y, self.w), want, atol=1e-13)

    def test_float32(self):
        x, y, w = (a.astype(np.float32) for a in (self.x, self.y, self.w))
        with plan(dtype=np.float32) as tp:
            z = tp(x, y, w)
            self.assertEqual((z.dtype, tp.backward(x, y, w, z)[2].dtype), (np.float32, np.float32))
            np.testing.assert_allclose(z, product(tp, self.x, self.y, self.w), atol=2e-5)

    def test_weights_by_row(self):
        with plan(shared_weights=False) as tp:
            w = rng.standard_normal((5, tp.weight_numel))
            np.testing.assert_allclose(tp(self.x, self.y, w), product(tp, self.x, self.y, w), atol=1e-13)
            # fewer axes broadcast like any operand's, and their gradient is summed
            np.testing.assert_allclose(tp(self.x, self.y, w[0]), self.tp(self.x, self.y, w[0]), atol=1e-13)
            gw = tp.backward(self.x, self.y, w[0], self.gz)[2]
            np.testing.assert_allclose(gw, self.tp.backward(self.x, self.y, w[0], self.gz)[2], atol=1e-12)

    def test_backward(self):
        operands = [self.x, self.y, self.w]
        for tp, w in ((self.tp, self.w), (plan(shared_weights=False), rng.standard_normal((5, self.tp.weight_numel)))):
            operands[2] = w
            grads = tp.backward(*operands, self.gz)
            for g, a, (d, change) in zip(grads, operands, slopes(tp, operands, rng)):
                self.assertEqual(g.shape, a.shape)
                self.assertAlmostEqual(np.vdot(self.gz, change), np.vdot(g, d), places=10)

    def test_modes_and_multiplicities(self):
        for mode, m1, m2, mo in (("uuu", 13, 13, 13), ("uvu", 33, 2, 33), ("uvw", 5, 3, 7), ("uuu", 128, 128, 128)):
            for weighted in (True, False) if mode != "uvw" else (True,):
                irreps = f"{m1}x1o", f"{m2}x2e", f"{mo}x2o"
                with e3tp.TensorProduct(*irreps, [(0, 0, 0, mode, weighted)], dtype=np.float64) as tp:
                    x, y = (rng.standard_normal((4, i.dim)) for i in (tp.irreps_in1, tp.irreps_in2))
                    w = rng.standard_normal(tp.weight_numel) if weighted else None
                    np.testing.assert_allclose(tp(x, y, w), product(tp, x, y, w), atol=1e-12)

    def test_pairs_of_channels(self):
        for mode, m1, m2, mo, free in (
            ("uvv", 3, 17, 17, True),
            ("uuw", 5, 5, 3, False),
            ("uvuv", 3, 4, 12, True),
            ("uvu<v", 5, 5, 10, True),
            ("u<vw", 5, 5, 3, False),
        ):
            for weighted in (True, False) if free else (True,):
                irreps = f"{m1}x1o", f"{m2}x2e", f"{mo}x2o"
                with e3tp.TensorProduct(*irreps, [(0, 0, 0, mode, weighted)], dtype=np.float64) as tp:
                    x, y = (rng.standard_normal((19, i.dim)) for i in (tp.irreps_in1, tp.irreps_in2))
                    w = rng.standard_normal(tp.weight_numel) if weighted else None
                    np.testing.assert_allclose(tp(x, y, w), product(tp, x, y, w), atol=1e-12)
        with e3tp.TensorProduct("5x1o", "5x1o", "1x0e", [(0, 0, 0, "uuw", False)], dtype=np.float64) as tp:
            x, y = rng.standard_normal((2, 19, 15))
            np.testing.assert_allclose(tp(x, y), product(tp, x, y), atol=1e-12)

    def test_second_order(self):
        operands = [self.x, self.y, self.w]
        for tp, w in ((self.tp, self.w), (plan(shared_weights=False), rng.standard_normal((5, self.tp.weight_numel)))):
            operands[2] = w
            along, changes = zip(*slopes(tp, operands, rng))
            np.testing.assert_allclose(tp.jvp(*operands, *along), sum(changes), atol=1e-12)
            np.testing.assert_allclose(tp.jvp(*operands, dy=along[1]), changes[1], atol=1e-12)

            def cotangents(*arrays):
                return sum(np.vdot(g, gg) for g, gg in zip(tp.backward(*arrays), along))

            found = tp.double_backward(*operands, self.gz, *along)
            for h, a, (d, change) in zip(found, [*operands, self.gz], slopes(cotangents, [*operands, self.gz], rng)):
                self.assertEqual(h.shape, a.shape)
                self.assertAlmostEqual(change, np.vdot(h, d), places=9)
            some = tp.double_backward(*operands, self.gz, *along, needs=("y", "gz"))
            self.assertTrue(some[0] is None and some[2] is None)
            np.testing.assert_allclose(some[1], found[1], atol=1e-12)
            zero = tp.double_backward(*operands, self.gz)
            self.assertTrue(all((h == 0).all() for h in zero))

    def test_weights_by_path(self):
        index = np.array([2, 0, 2, 2, 1])
        for shared in (True, False):
            full, tp = plan(shared_weights=shared), plan(shared_weights=shared, weights="path")
            counts = [int(np.prod(i.path_shape)) for i in tp.instructions if i.has_weight]
            self.assertEqual(tp.weight_numel, len(counts))
            of = np.repeat(np.arange(len(counts)), counts)  # the path of each of e3nn's weights
            w = rng.standard_normal(len(counts) if shared else (5, len(counts)))
            np.testing.assert_array_equal(tp(self.x, self.y, w), full(self.x, self.y, w[..., of]))

            def collected(gw):
                return np.stack([gw[..., of == n].sum(axis=-1) for n in range(len(counts))], axis=-1)

            grads = tp.backward(self.x, self.y, w, self.gz)
            want = full.backward(self.x, self.y, w[..., of], self.gz)
            for g, e in zip(grads, (*want[:2], collected(want[2]))):
                np.testing.assert_allclose(g, e, atol=1e-12)
            tangents = [rng.standard_normal(a.shape) for a in (self.x, self.y, w)]
            expanded = (*tangents[:2], tangents[2][..., of])
            np.testing.assert_allclose(
                tp.jvp(self.x, self.y, w, *tangents), full.jvp(self.x, self.y, w[..., of], *expanded), atol=1e-12
            )
            second = tp.double_backward(self.x, self.y, w, self.gz, *tangents)
            want = full.double_backward(self.x, self.y, w[..., of], self.gz, *expanded)
            for h, e in zip(second, (*want[:2], collected(want[2]), want[3])):
                np.testing.assert_allclose(h, e, atol=1e-12)
        table = rng.standard_normal((3, len(counts)))
        np.testing.assert_array_equal(tp(self.x, self.y, table, index=index), tp(self.x, self.y, table[index]))
        gw, each = (
            tp.backward(self.x, self.y, *rest, self.gz, **picked)[2]
            for rest, picked in (((table,), {"index": index}), ((table[index],), {}))
        )
        want = np.zeros_like(table)
        np.add.at(want, index, each)
        np.testing.assert_allclose(gw, want, atol=1e-12)

    def test_weights_by_path_without_pairs(self):
        # one channel has no pairs, and e3nn no weights for them
        paths = [(0, 0, 0, "u<vw", True), (0, 0, 1, "uvuv", True)]
        with e3tp.TensorProduct("1e", "1e", "40x1e+2e", paths, weights="path", dtype=np.float64) as tp:
            x, y = rng.standard_normal((2, 6, 3))
            self.assertEqual(tp.weight_numel, 1)
            np.testing.assert_allclose(tp(x, y, np.ones(1)), product(tp, x, y, np.ones(1)), atol=1e-13)
        with e3tp.TensorProduct("1e", "1e", "40x1e", paths[:1], weights="path", dtype=np.float64) as tp:
            self.assertEqual((tp.weight_numel, abs(tp(x, y)).max()), (0, 0))

    def test_table_of_weights(self):
        with plan(shared_weights=False) as tp:
            table, index = rng.standard_normal((3, tp.weight_numel)), np.array([2, 0, 2, 2, 1])
            rows = table[index]
            np.testing.assert_array_equal(tp(self.x, self.y, table, index=index), tp(self.x, self.y, rows))
            gx, gy, gw = tp.backward(self.x, self.y, table, self.gz, index=index)
            each = tp.backward(self.x, self.y, rows, self.gz)
            want = np.zeros_like(table)
            np.add.at(want, index, each[2])
            np.testing.assert_array_equal(gx, each[0])
            np.testing.assert_allclose(gw, want, atol=1e-12)
            # one row of x for all, and the index alone gives the batch
            np.testing.assert_array_equal(
                tp(self.x[0], self.y[0], table, index=index), tp(self.x[0], self.y[0], rows)
            )
            d = rng.standard_normal(table.shape)
            dz = tp.jvp(self.x, self.y, table, dw=d, index=index.astype(np.uint8))
            np.testing.assert_allclose(dz, tp.jvp(self.x, self.y, rows, dw=d[index]), atol=1e-12)
            for wrong, error, word in (
                ([0, 0, 3, 0, 0], ValueError, "index"),
                ([0, -1, 0, 0, 0], ValueError, "index"),
                ([2**40, 0, 0, 0, 0], ValueError, "index"),
                ([0.5, 0, 0, 0, 0], TypeError, "index"),
                ([0, 0], ValueError, "index"),
            ):
                with self.assertRaisesRegex(error, word):
                    tp(self.x, self.y, table, index=np.array(wrong))
            with self.assertRaisesRegex(ValueError, "table"):
                tp(self.x, self.y, table[0], index=index)

    def test_sign(self):
        options = dict(instructions=[(0, 0, 0, "uuu", False)], dtype=np.float64)
        x, y = rng.standard_normal((2, 4, 10))
        new, old = (
            e3tp.TensorProduct("2x2e", "2x2e", "2x1e", sign=sign, **options)(x, y)
            for sign in ("e3nn>=0.5", "e3nn<=0.4.4")
        )
        np.testing.assert_array_equal(new, -old)


class Coefficients(Case):
    def test_values(self):
        # e3nn: sqrt((2 lout + 1) path_weight / N), N = sum of the fan-ins into the block: 2 + 2 + 1
        got = [i.path_weight for i in self.tp.instructions]
        want = [(1 / 5) ** 0.5, (2 / 5) ** 0.5, (3 / 2) ** 0.5, (3 / 6) ** 0.5, (1 / 5) ** 0.5]
        np.testing.assert_allclose(got, want, rtol=1e-15)

    def test_variances(self):
        with plan(in1_var=[2, 3], in2_var=[1, 5, 1], out_var=[4, 1, 1]) as tp:
            self.assertAlmostEqual(tp.instructions[0].path_weight, (4 / (2 * 2 + 2 * 15 + 3)) ** 0.5)

    def test_normalizations(self):
        with plan(irrep_normalization="norm", path_normalization="path") as tp:
            self.assertAlmostEqual(tp.instructions[1].path_weight, (9 * 2 / (2 * 3)) ** 0.5)
        with plan(irrep_normalization="none", path_normalization="none") as tp:
            self.assertEqual([i.path_weight for i in tp.instructions], [1, 2**0.5, 1, 1, 1])

    def formula(self, spec, irrep_normalization, path_normalization):
        """e3nn's coefficients."""
        irreps = [Irreps(spec[f"irreps_{name}"]) for name in ("in1", "in2", "out")]
        variance = [spec.get(f"{name}_var") or [1.0] * len(i) for name, i in zip(("in1", "in2", "out"), irreps)]
        paths, weights = spec["instructions"], []

        def terms(path):
            i, j, _, mode = path[:4]
            return variance[0][i] * variance[1][j] * FAN_IN[mode](irreps[0][i].mul, irreps[1][j].mul)[0]

        for path in paths:
            d1, d2, d3 = (blocks[k].ir.dim for blocks, k in zip(irreps, path))
            alone = [p for p in paths if p[2] == path[2]]
            a = {"component": d3, "norm": d1 * d2, "none": 1}[irrep_normalization]
            n = {"element": sum(map(terms, alone)), "path": terms(path) * len(alone), "none": 1}[path_normalization]
            weights.append((a * variance[2][path[2]] * path[5] / (n or 1)) ** 0.5)
        return weights

    def check_formula(self, spec):
        variances = ({}, dict(in1_var=[2.0, 0.5, 3.0], in2_var=[0.3, 5.0], out_var=[4.0, 0.7]), dict(in1_var=[0.0] * 3))
        for more, irrep, path in itertools.product(
            variances, ("component", "norm", "none"), ("element", "path", "none")
        ):
            with self.subTest(irrep=irrep, path=path, **more):
                with e3tp.TensorProduct(
                    **spec, **more, irrep_normalization=irrep, path_normalization=path, dtype=np.float64
                ) as tp:
                    got = [i.path_weight for i in tp.instructions]
                np.testing.assert_allclose(got, self.formula({**spec, **more}, irrep, path), rtol=1e-14)

    def test_formula(self):
        for mode, fan_in in FAN_IN.items():
            m2 = 3 if mode in ("uvw", "uvu", "uvv", "uvuv") else 4
            mul, weighs = fan_in(4, m2)[1], mode in ("uvw", "uuw", "u<vw")
            with self.subTest(mode=mode):
                self.check_formula(
                    dict(
                        irreps_in1="4x1o+4x2o+4x0e",
                        irreps_in2=f"{m2}x1o+{m2}x3o",
                        irreps_out=f"{mul}x2e+{mul}x3o",
                        instructions=[
                            (0, 0, 0, mode, True, 1.0),
                            (1, 1, 0, mode, True, 2.5),
                            (0, 1, 0, mode, weighs, 0.3),
                            (2, 1, 1, mode, True, 0.0),
                        ],
                    )
                )

    def test_formula_of_modes_together(self):
        to_four, to_five = ("uvu", "uvv", "uuu"), ("uvw", "uuw", "u<vw")
        self.check_formula(
            dict(
                irreps_in1="4x1o+4x2o+4x0e",
                irreps_in2="4x1o+4x3o",
                irreps_out="4x2e+5x2e",
                instructions=[(k % 2, k % 2, 0, mode, k != 1, 0.5 + k) for k, mode in enumerate(to_four)]
                + [(k % 2, k % 2, 1, mode, True, 1.0 + k) for k, mode in enumerate(to_five)],
            )
        )

    def test_instructions(self):
        i = self.tp.instructions[3]
        self.assertEqual((i.i_in1, i.i_in2, i.i_out, i.connection_mode, i.has_weight), (1, 1, 2, "uvw", True))
        self.assertEqual([i.path_shape for i in self.tp.instructions], [(3, 2), (3, 2), (3, 2), (3, 2, 4), (3,)])
        self.assertEqual(self.tp.weight_numel, 6 + 6 + 24 + 3)
        self.assertEqual(self.tp.irreps_in1, Irreps("3x0e+3x1o"))
        self.assertIn("39 weights", repr(self.tp))


class Shapes(Case):
    def test_broadcasting(self):
        full = self.tp(self.x, np.broadcast_to(self.y[:1], (5, 17)), self.w)
        np.testing.assert_allclose(self.tp(self.x, self.y[:1], self.w), full, atol=1e-14)
        np.testing.assert_allclose(self.tp(self.x, self.y[0], self.w), full, atol=1e-14)
        self.assertEqual(self.tp(self.x[0], self.y[0], self.w).shape, (24,))
        self.assertEqual(self.tp(self.x[0], self.y[:1], self.w).shape, (1, 24))

    def test_gradients_of_broadcast_operands(self):
        with plan(shared_weights=False) as tp:
            w = rng.standard_normal((2, 1, 1, tp.weight_numel))
            operands = self.x[:, None], self.y[None, :3], w
            z = tp(*operands)
            self.assertEqual(z.shape, (2, 5, 3, 24))
            np.testing.assert_allclose(z[1, 4, 2], tp(self.x[4], self.y[2], w[1, 0, 0]), atol=1e-14)
            gz = rng.standard_normal(z.shape)
            for g, a, (d, change) in zip(tp.backward(*operands, gz), operands, slopes(tp, operands, rng)):
                self.assertEqual(g.shape, a.shape)
                self.assertAlmostEqual(np.vdot(gz, change), np.vdot(g, d), places=9)

    def test_blocks_without_paths(self):
        path = [(0, 0, 0, "uvu", True)]
        for layout in LAYOUTS:
            for x, z in (("16x0e", "16x0e+20000x3o"), ("16x0e+20000x3o", "16x0e"), ("16x1o+0x0e", "16x1o+0x2e")):
                for method in ("cg", "auto"):
                    with e3tp.TensorProduct(x, "1x0e", z, path, layout=layout, method=method) as tp:
                        shapes = [(20, i.dim) for i in (tp.irreps_in1, tp.irreps_in2, tp.irreps_out)]
                        arrays = [np.ones(shape[::-1] if layout == "batch_last" else shape, "f") for shape in shapes]
                        w, out = np.ones(16, "f"), [np.full_like(a, np.nan) for a in arrays]
                        found = tp(*arrays[:2], w, out=out[2])
                        gx = tp.backward(*arrays[:2], w, arrays[2], out=(out[0], None, None))[0]
                        for got in (found, gx):
                            rows = got.T if layout == "batch_last" else got
                            width = 16 * (3 if x.startswith("16x1") else 1)
                            np.testing.assert_allclose(rows[:, :width], 1, rtol=1e-6)
                            np.testing.assert_array_equal(rows[:, width:], 0)

    def test_methods_agree(self):
        for weights in ("channel", "path"):
            found = []
            for method in ("cg", "grid"):
                paths = [(0, 0, 0, "uvu", True), (1, 1, 0, "uvu", True), (1, 0, 1, "uvu", True)]
                options = dict(shared_weights=False, weights=weights, method=method, dtype=np.float64)
                with e3tp.TensorProduct("8x0e+8x1o", "0e+1o", "8x0e+8x1o", paths, **options) as tp:
                    data = np.random.default_rng(1)
                    x, y, w, gz = (data.standard_normal((20, n)) for n in (32, 4, tp.weight_numel, 32))
                    found.append([tp(x, y, w), *tp.backward(x, y, w, gz), tp.jvp(x, y, w, x, y, w)])
            for a, b in zip(*found):
                np.testing.assert_allclose(a, b, atol=1e-12)

    def test_empty_batch(self):
        for shape in ((0,), (3, 0), (0, 2)):
            x, y = np.zeros(shape + (12,)), np.zeros(shape + (17,))
            self.assertEqual(self.tp(x, y, self.w).shape, shape + (24,))
            gx, gy, gw = self.tp.backward(x, y, self.w, np.zeros(shape + (24,)))
            self.assertEqual((gx.shape, gy.shape), (x.shape, y.shape))
            np.testing.assert_array_equal(gw, np.zeros(39))
        gx, gy, _ = self.tp.backward(self.x[0], self.y[:0], self.w, np.zeros((0, 24)))
        np.testing.assert_array_equal(gx, np.zeros(12))
        gx, gy, _ = self.tp.backward(self.x[:, None], self.y[:0], self.w, np.zeros((5, 0, 24)))
        np.testing.assert_array_equal(gx, np.zeros((5, 1, 12)))

    def test_nothing_to_do(self):
        for irreps, paths in ((("", "", ""), []), (("1o", "1o", "1x0e"), []), (("0x1o", "2x1o", "0x0e+3x1e"), None)):
            paths = [(0, 0, 0, "uvu", True), (0, 0, 1, "uvw", True)] if paths is None else paths
            with e3tp.TensorProduct(*irreps, paths, dtype=np.float64) as tp:
                x, y = np.ones((4, tp.irreps_in1.dim)), np.ones((4, tp.irreps_in2.dim))
                z = tp(x, y)
                np.testing.assert_array_equal(z, np.zeros((4, tp.irreps_out.dim)))
                gx, gy, gw = tp.backward(x, y, None, z)
                np.testing.assert_array_equal(gx, 0 * x)
                np.testing.assert_array_equal(gy, 0 * y)
                self.assertIsNone(gw)
                self.assertEqual(tp.weight_numel, 0)

    def test_layouts(self):
        z, grads = self.tp(self.x, self.y, self.w), self.tp.backward(self.x, self.y, self.w, self.gz)
        irreps = self.tp.irreps_in1, self.tp.irreps_in2, self.tp.irreps_out
        for layout in [(a, b, c) for a in LAYOUTS for b in LAYOUTS for c in LAYOUTS]:
            with plan(layout=layout) as tp:
                x, y, gz = (relaid(a, i, name) for a, i, name in zip((self.x, self.y, self.gz), irreps, layout))
                np.testing.assert_allclose(tp(x, y, self.w), relaid(z, irreps[2], layout[2]), atol=1e-13)
                gx, gy, gw = tp.backward(x, y, self.w, gz)
                np.testing.assert_allclose(gx, relaid(grads[0], irreps[0], layout[0]), atol=1e-12)
                np.testing.assert_allclose(gy, relaid(grads[1], irreps[1], layout[1]), atol=1e-12)
                np.testing.assert_allclose(gw, grads[2], atol=1e-12)

    def test_batch_last_broadcasts(self):
        with plan(layout="batch_last") as tp, plan(layout="ir_mul") as rows:
            x, y = self.x.T.copy(), self.y[0]
            np.testing.assert_allclose(tp(x, y, self.w), rows(self.x, y, self.w).T, atol=1e-14)
            grid = tp(x.reshape(12, 5, 1), self.y[:3].T, self.w)
            self.assertEqual(grid.shape, (24, 5, 3))
            np.testing.assert_allclose(grid[:, 4, 2], rows(self.x[4], self.y[2], self.w), atol=1e-13)
            gz = rng.standard_normal(grid.shape)
            gx, gy, gw = tp.backward(x.reshape(12, 5, 1), self.y[:3].T, self.w, gz)
            want = rows.backward(self.x[:, None], self.y[:3], self.w, np.moveaxis(gz, 0, -1))
            np.testing.assert_allclose(gx[:, :, 0], want[0][:, 0].T, atol=1e-12)
            np.testing.assert_allclose(gy, want[1].T, atol=1e-12)
            np.testing.assert_allclose(gw, want[2], atol=1e-12)
            self.assertEqual(tp(x[:, :0], y, self.w).shape, (24, 0))
            with self.assertRaisesRegex(ValueError, "x: .* first axis of 12"):
                tp(self.x, y, self.w)

    def test_any_array(self):
        z = self.tp(self.x, self.y, self.w)
        wide = np.zeros((10, 24))
        wide[::2, ::2] = self.x
        self.assertTrue(np.array_equal(self.tp(wide[::2, ::2], self.y, self.w), z))
        self.assertTrue(np.array_equal(self.tp(np.asfortranarray(self.x), self.y.tolist(), self.w), z))
        self.assertTrue(np.array_equal(self.tp(self.x[::-1], self.y[::-1], self.w), z[::-1]))
        bytes_ = np.zeros(self.x.nbytes + 1, np.uint8)
        odd = bytes_[1:].view(np.float64).reshape(self.x.shape)  # not aligned
        odd[:] = self.x
        self.assertTrue(np.array_equal(self.tp(odd, self.y, self.w), z))


class Results(Case):
    def test_out(self):
        out = np.full((5, 24), np.nan)
        self.assertIs(self.tp(self.x, self.y, self.w, out=out), out)
        np.testing.assert_array_equal(out, self.tp(self.x, self.y, self.w))

    def test_out_of_backward(self):
        for y in (self.y, self.y[0], self.y[:, None]):
            gz = rng.standard_normal(np.broadcast_shapes((5,), y.shape[:-1]) + (24,))
            want = self.tp.backward(self.x, y, self.w, gz)
            out = tuple(np.full_like(a, np.nan) for a in (self.x, y, self.w))
            got = self.tp.backward(self.x, y, self.w, gz, out=out)
            for g, o, expected in zip(got, out, want):
                self.assertIs(g, o)
                np.testing.assert_array_equal(g, expected)
        got = self.tp.backward(self.x, self.y, self.w, self.gz, needs="y", out=(None, np.zeros((5, 17)), None))
        self.assertEqual([g is None for g in got], [True, False, True])

    def test_wrong_out(self):
        shape = (5, 24)
        frozen = np.zeros(shape)
        frozen.flags.writeable = False
        for wrong in (np.zeros((5, 23)), np.zeros((24, 5)).T, np.zeros((10, 24))[::2], frozen):
            with self.assertRaisesRegex(ValueError, r"out: .*\(5, 24\)"):
                self.tp(self.x, self.y, self.w, out=wrong)
        for wrong in (np.zeros(shape, np.float32), [[0.0] * 24] * 5):
            with self.assertRaisesRegex(TypeError, "out"):
                self.tp(self.x, self.y, self.w, out=wrong)
        with self.assertRaisesRegex(ValueError, "tuple of 3"):
            self.tp.backward(self.x, self.y, self.w, self.gz, out=np.zeros(3))
        with self.assertRaisesRegex(ValueError, "out, gy"):
            self.tp.backward(self.x, self.y, self.w, self.gz, out=(None, np.zeros(3), None))
        with plan(irreps_in1="3x0e+3x1o+4x1e") as tp, self.assertRaisesRegex(ValueError, "overlaps"):
            x = np.zeros((5, 24))
            tp(x, self.y, self.w, out=x)

    def test_needs(self):
        gx, gy, gw = self.tp.backward(self.x, self.y, self.w, self.gz, needs=("y",))
        self.assertIsNone(gx)
        self.assertIsNone(gw)
        np.testing.assert_array_equal(gy, self.tp.backward(self.x, self.y, self.w, self.gz)[1])
        self.assertEqual(self.tp.backward(self.x, self.y, self.w, self.gz, needs=()), (None, None, None))
        with self.assertRaisesRegex(ValueError, "needs"):
            self.tp.backward(self.x, self.y, self.w, self.gz, needs=("z",))


class Refusals(Case):
    def test_dtypes(self):
        for name, k in (("x", 0), ("y", 1), ("w", 2)):
            for dtype in (np.float32, np.int64, np.complex128, ">f8"):
                operands = [self.x, self.y, self.w]
                operands[k] = operands[k].astype(dtype)
                with self.assertRaisesRegex(TypeError, f"{name}: .*expected float64"):
                    self.tp(*operands)
        with self.assertRaisesRegex(TypeError, "gz"):
            self.tp.backward(self.x, self.y, self.w, self.gz.astype(np.float32))
        for dtype in (np.int32, np.float16, np.complex64, "mine", None):
            with self.assertRaisesRegex(TypeError, "dtype"):
                plan(dtype=dtype)

    def test_shapes(self):
        call = self.tp
        for text, arguments in (
            (r"x: shape \(5, 11\), expected a last axis of 12", (self.x[:, 1:], self.y, self.w)),
            ("y: shape", (self.x, self.y[:, :4], self.w)),
            ("w: shape", (self.x, self.y, self.w[1:])),
            ("w: .*shared", (self.x, self.y, self.w[None])),
            ("w: missing, expected 39", (self.x, self.y)),
            (r"do not broadcast: x \(5,\), y \(4,\)", (self.x, self.y[:4], self.w)),
            ("x: shape", (np.float64(1), self.y, self.w)),
        ):
            with self.assertRaisesRegex(ValueError, text):
                call(*arguments)
        for gz in (self.gz[:4], self.gz[0], self.gz[None]):
            with self.assertRaisesRegex(ValueError, r"gz: .*expected \(5, 24\)"):
                call.backward(self.x, self.y, self.w, gz)
        with plan(instructions=SPEC["instructions"][2:3]) as tp:
            with self.assertRaisesRegex(ValueError, "w: .*no weights"):
                tp(self.x, self.y, self.w)
            self.assertEqual(tp(self.x, self.y, np.zeros(0)).shape, (5, 24))

    def test_instructions(self):
        for text, instruction in (
            ("mode", (0, 0, 0, "vuu", True)),
            ("index -1", (-1, 0, 0, "uvu", True)),
            ("index 3 is outside irreps_in2", (0, 3, 0, "uvu", True)),
            ("index 4294967296", (2**32, 0, 0, "uvu", True)),
            ("expected", (0, 0, 0, "uvu")),
            ("path_weight", (0, 0, 0, "uvu", True, -1.0)),
            ("path_weight", (0, 0, 0, "uvu", True, float("nan"))),
            ("parity", (0, 0, 1, "uvu", True)),
            ("needs weights", (0, 0, 0, "uvw", False)),
            ("multiplicities 3 x 2 -> 3", (0, 0, 0, "uuu", True)),
        ):
            with self.assertRaisesRegex(ValueError, text):
                plan(instructions=[instruction])
        with self.assertRaisesRegex(ValueError, "l = 3 is outside"):
            e3tp.TensorProduct("1o", "1o", "3e", [(0, 0, 0, "uuu", True)])
        with self.assertRaises(TypeError):
            plan(instructions=[(0.0, 0, 0, "uvu", True)])

    def test_options(self):
        for name, wrong in (
            ("irreps_in1", "3x0e+"),
            ("in1_var", [1.0]),
            ("out_var", [1.0, -1.0, 1.0]),
            ("irrep_normalization", "mine"),
            ("path_normalization", "mine"),
            ("weights", "mine"),
            ("layout", "mine"),
            ("layout", ("mul_ir", "mul_ir")),
            ("sign", "mine"),
            ("method", "mine"),
            ("threads", -1),
            ("batch_hint", -1),
        ):
            with self.assertRaises(ValueError, msg=name):
                plan(**{name: wrong})
        with self.assertRaisesRegex(ValueError, "multiplicity"):
            e3tp.TensorProduct(f"{2**32}x0e", "0e", "0e", [])
        with self.assertRaisesRegex(ValueError, "l = 70|degree"):
            e3tp.TensorProduct("70000e", "0e", "0e", [])

    def test_unsupported(self):
        with self.assertRaisesRegex(e3tp.Unsupported, "matrix"):
            plan(method="matrix")

    def test_index_and_tangents(self):
        with self.assertRaisesRegex(ValueError, "index"):
            self.tp(self.x, self.y, self.w, index=np.zeros(5, int))
        with self.assertRaisesRegex(ValueError, r"ggx: .*expected \(5, 12\)"):
            self.tp.double_backward(self.x, self.y, self.w, self.gz, self.x[:2])
        with self.assertRaisesRegex(ValueError, "dw"):
            self.tp.jvp(self.x, self.y, self.w, dw=self.w[1:])

    def test_tiers(self):
        unusable = [tier for tier, state in e3tp.isa_tiers().items() if state != "usable"]
        for isa in ["mmx", *unusable]:
            with self.assertRaisesRegex(e3tp.Unsupported, f"{isa}.*generic .usable."):
                plan(isa=isa)
            with mock.patch.dict(os.environ, E3TP_ISA=isa):
                with self.assertRaisesRegex(e3tp.Unsupported, f"{isa}.*E3TP_ISA.*generic .usable."):
                    plan()
                self.assertEqual(plan(isa="generic").isa, "generic")
        with mock.patch.dict(os.environ, E3TP_ISA="generic"):
            self.assertEqual(plan().isa, "generic")

    def test_tiers_agree(self):
        for isa, state in e3tp.isa_tiers().items():
            if state == "usable":
                with plan(isa=isa) as tp:
                    self.assertEqual(tp.isa, isa)
                    want = self.tp(self.x, self.y, self.w)
                    np.testing.assert_allclose(tp(self.x, self.y, self.w), want, atol=1e-13)


class Lifetime(Case):
    def test_close(self):
        with self.tp as tp:
            self.assertIn("cg", tp.describe())
            self.assertEqual(tp.method, "cg")
        for use in (
            lambda: tp(self.x, self.y, self.w),
            lambda: tp.backward(self.x, self.y, self.w, self.gz),
            tp.describe,
        ):
            with self.assertRaisesRegex(ValueError, "TensorProduct is closed"):
                use()
        tp.close()  # again is fine
        self.assertEqual((tp.weight_numel, tp.method), (39, "cg"))

    def test_threads(self):
        want = self.tp(self.x, self.y, self.w)
        grads = self.tp.backward(self.x, self.y, self.w, self.gz)
        wrong = []

        def work():
            for _ in range(200):
                if not np.array_equal(self.tp(self.x, self.y, self.w), want):
                    wrong.append("z")
                got = self.tp.backward(self.x, self.y, self.w, self.gz)
                wrong.extend(name for name, a, b in zip("xyw", got, grads) if not np.array_equal(a, b))

        threads = [threading.Thread(target=work) for _ in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])

    def test_close_waits(self):
        started, outcomes = threading.Barrier(5), []
        x, y = np.ones((2000, 12)), np.ones((2000, 17))
        want = self.tp(x, y, self.w)

        def work():
            started.wait()
            try:
                while True:
                    if not np.array_equal(self.tp(x, y, self.w), want):
                        outcomes.append("wrong")
                        return
            except ValueError as error:
                outcomes.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        started.wait()
        self.tp.close()
        for t in threads:
            t.join()
        self.assertEqual(outcomes, 4 * ["TensorProduct is closed"])

    def test_bits(self):
        # A row's result depends on nothing but the row; sums over the batch not on the threads.
        x, y, gz = (rng.standard_normal((1000, n)) for n in (12, 17, 24))
        with plan(threads=1) as one, plan(threads=4) as four:
            z = one(x, y, self.w)
            self.assertTrue(np.array_equal(z, four(x, y, self.w)))
            self.assertTrue(np.array_equal(z[7], one(x[7], y[7], self.w)))
            for a, b in zip(one.backward(x, y, self.w, gz), four.backward(x, y, self.w, gz)):
                self.assertTrue(np.array_equal(a, b))


if __name__ == "__main__":
    unittest.main()
