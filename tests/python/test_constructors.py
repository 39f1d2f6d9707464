# SPDX-License-Identifier: MIT
"""The products that make their instructions themselves: e3nn's order of instructions, outputs and weights."""

import json
import pathlib
import unittest

import numpy as np
from support import product

import e3tp
from e3tp import Irreps

rng = np.random.default_rng(0)


MADE_BY_E3NN = pathlib.Path(__file__).parent.parent / "fixtures" / "constructors.jsonl"


class Constructors(unittest.TestCase):
    def test_e3nn(self):
        cases = [json.loads(line) for line in MADE_BY_E3NN.read_text().splitlines()]
        self.assertEqual(len({c["kind"] for c in cases}), 4)
        for c in cases:
            with self.subTest(kind=c["kind"], irreps=c["irreps"], **c["options"]):
                tp = getattr(e3tp, c["kind"])(*c["irreps"], **c["options"], dtype=np.float64)
                ins = [tp.irreps_in] if c["kind"] == "TensorSquare" else [tp.irreps_in1, tp.irreps_in2]
                self.assertEqual((ins, tp.irreps_out), ([Irreps(i) for i in c["in"]], Irreps(c["out"])))
                paths = [tuple(i[:5]) for i in tp.instructions]
                self.assertEqual(paths, [tuple(i[:5]) for i in c["instructions"]])
                factors = [i.path_weight for i in tp.instructions]
                np.testing.assert_allclose(factors, [i[5] for i in c["instructions"]], rtol=1e-14)
                z = tp(*map(np.array, c["x"]), np.array(c["w"]) if c["w"] else None)
                np.testing.assert_allclose(z, c["z"], atol=1e-12)

    def check(self, tp, paths):
        self.assertEqual([tuple(i[:5]) for i in tp.instructions], paths)
        x, y = (rng.standard_normal((3, irreps.dim)) for irreps in (tp.irreps_in1, tp.irreps_in2))
        w = rng.standard_normal(tp.weight_numel) if tp.weight_numel else None
        if not tp.shared_weights and w is not None:
            w = rng.standard_normal((3, tp.weight_numel))
        np.testing.assert_allclose(tp(x, y, w), product(tp, x, y, w), atol=1e-13)

    def test_fully_connected(self):
        tp = e3tp.FullyConnectedTensorProduct("2x0e+3x1o", "0e+1o", "4x1o+5x0e+1e+2x3o", dtype=np.float64)
        paths = [(0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 1), (1, 1, 2)]
        self.check(tp, [(*p, "uvw", True) for p in paths])
        self.assertEqual(tp.weight_numel, 2 * 5 + 2 * 4 + 3 * 4 + 3 * 5 + 3)
        self.assertEqual(repr(tp)[:28], "FullyConnectedTensorProduct(")

    def test_elementwise(self):
        tp = e3tp.ElementwiseTensorProduct("5x1o+5x1e", "10x1e", ["0e", "0o"], dtype=np.float64)
        self.assertEqual(tp.irreps_in2, Irreps("5x1e+5x1e"))
        self.assertEqual(tp.irreps_out, Irreps("5x0o+5x0e"))
        self.check(tp, [(0, 0, 0, "uuu", False), (1, 1, 1, "uuu", False)])
        self.assertEqual(repr(tp), "ElementwiseTensorProduct(5x1o+5x1e x 10x1e -> 5x0o+5x0e | 10 paths | 0 weights)")
        tp = e3tp.ElementwiseTensorProduct("1o+2x1o+0e", "2x0e+2x1o", dtype=np.float64)
        self.assertEqual((repr(tp.irreps_in1), repr(tp.irreps_in2)), ("2x1o+1x1o+1x0e", "2x0e+1x1o+1x1o"))
        self.assertEqual(tp.irreps_out, Irreps("2x1o+0e+1e+2e+1o"))
        for i in tp.instructions:
            self.assertAlmostEqual(i.path_weight, tp.irreps_out[i.i_out].ir.dim ** 0.5)
        with self.assertRaisesRegex(ValueError, "irreps_in2"):
            e3tp.ElementwiseTensorProduct("5x1o", "4x1o")

    def test_full(self):
        tp = e3tp.FullTensorProduct("2x0e+1o", "0e+1o", dtype=np.float64)
        self.assertEqual(tp.irreps_out, Irreps("2x0e+0e+2x1o+1o+1e+2e"))
        self.check(
            tp,
            [
                (0, 0, 0, "uvuv", False),
                (0, 1, 2, "uvuv", False),
                (1, 0, 3, "uvuv", False),
                (1, 1, 1, "uvuv", False),
                (1, 1, 4, "uvuv", False),
                (1, 1, 5, "uvuv", False),
            ],
        )
        made = e3tp.FullTensorProduct("2x0e+1o", "1o", filter_ir_out=["5e"])
        self.assertEqual((made.irreps_out, made.instructions), (Irreps(), []))

    def test_square(self):
        ts = e3tp.TensorSquare("2x0e+1o+1o", dtype=np.float64)
        self.assertEqual((ts.irreps_in, ts.irreps_in2), (Irreps("2x0e+2x1o"),) * 2)
        self.assertEqual(ts.irreps_out, Irreps("1x0e+2x0e+1x0e+2x0e+4x1o+1x1e+1x2e+2x2e"))
        modes = ["uvu<v", "uuu", "uvuv", "uvu<v", "uuu", "uvu<v", "uvu<v", "uuu"]
        self.assertEqual([i.connection_mode for i in ts.instructions], modes)
        self.assertEqual([i.i_out for i in ts.instructions], [0, 1, 4, 2, 3, 5, 6, 7])
        # pairs: 2l + 1; a copy with itself: 1 / (d + 2) for l = 0, (2l + 1) / 2 above
        factors = [1, 1 / 3, 3, 1, 1 / 5, 3, 5, 5 / 2]
        np.testing.assert_allclose([i.path_weight**2 for i in ts.instructions], factors)
        x = rng.standard_normal((20000, ts.irreps_in.dim))
        np.testing.assert_allclose((ts(x) ** 2).mean(axis=0), 1, atol=0.1)  # components of variance one
        connected = e3tp.TensorSquare("2x0e+2x1o", "3x0e+1e", dtype=np.float64)
        modes = ["u<vw", "uuw", "u<vw", "uuw", "u<vw"]
        self.assertEqual([i.connection_mode for i in connected.instructions], modes)
        self.assertEqual([i.i_out for i in connected.instructions], [0, 0, 0, 0, 1])
        norm = e3tp.TensorSquare("3x2e", filter_ir_out="0e+2e", irrep_normalization="norm", dtype=np.float64)
        np.testing.assert_allclose([i.path_weight**2 for i in norm.instructions], [25, 5, 25, 35 / 2])
        for square in (ts, connected, norm):
            self.check_square(square)

    def check_square(self, ts):
        x = rng.standard_normal((4, ts.irreps_in.dim))
        w = rng.standard_normal(ts.weight_numel) if ts.weight_numel else None
        np.testing.assert_allclose(ts(x, w), product(ts, x, x, w), atol=1e-12)
        gz, d = rng.standard_normal((4, ts.irreps_out.dim)), rng.standard_normal(x.shape)
        gx, gw = ts.backward(x, w, gz)
        change = (ts(x + d, w) - ts(x - d, w)) / 2  # exact: a square
        np.testing.assert_allclose(np.vdot(gx, d), np.vdot(gz, change), rtol=1e-10)
        np.testing.assert_allclose(ts.jvp(x, w, d), change, atol=1e-11)
        if ts.weight_numel:
            np.testing.assert_allclose(np.vdot(gw, w), np.vdot(gz, ts(x, w)), rtol=1e-10)
        hx, hw, hz = ts.double_backward(x, w, gz, d)
        np.testing.assert_allclose(hz, change, atol=1e-11)
        e = rng.standard_normal(x.shape)
        bend = (ts.backward(x + e, w, gz)[0] - ts.backward(x - e, w, gz)[0]) / 2
        np.testing.assert_allclose(np.vdot(hx, e), np.vdot(bend, d), rtol=1e-10)
        self.assertEqual(hw is None, ts.weight_numel == 0)
        self.assertTrue(ts.backward(x, w, gz, needs=("w",))[0] is None)

    def test_square_of_many_copies(self):
        paths = e3tp.products._made("square_connected", *[e3tp.Irreps("70000x0e+70000x1o")] * 2, e3tp.Irreps("1x1o"))
        self.assertEqual([path[:4] for path in paths[3]], [(0, 1, 0, "uvw")])

    def test_uvu(self):
        in1, in2 = "4x0e+4x1o", "0e+1o+2e"
        tp = e3tp.uvu_tensor_product(in1, in2, "7x0e+1o+2e", dtype=np.float64)
        self.assertEqual(tp.irreps_out, Irreps("4x0e+4x0e+4x1o+4x1o+4x1o+4x2e+4x2e"))
        paths = [(0, 0, 0), (1, 1, 1), (0, 1, 2), (1, 0, 3), (1, 2, 4), (0, 2, 5), (1, 1, 6)]
        self.check(tp, [(*p, "uvu", True) for p in paths])
        self.assertEqual((tp.shared_weights, tp.weight_numel), (False, 28))
        for i in tp.instructions:
            self.assertAlmostEqual(i.path_weight, tp.irreps_out[i.i_out].ir.dim ** 0.5)

    def test_uvu_unsorted(self):
        tp = e3tp.uvu_tensor_product("2x1o", "1o+0e", None, sorted=False, shared_weights=True, dtype=np.float64)
        self.assertEqual(tp.irreps_out, Irreps("2x0e+2x1e+2x2e+2x1o"))
        self.check(tp, [(0, 0, 0, "uvu", True), (0, 0, 1, "uvu", True), (0, 0, 2, "uvu", True), (0, 1, 3, "uvu", True)])

    def test_filters(self):
        for kept in ("0e+2e", ["0e", "2e"], Irreps("3x0e+2e"), [(0, 1), (2, 1)], iter(Irreps("0e+2e"))):
            tp = e3tp.uvu_tensor_product("2x1o", "1o", kept)
            self.assertEqual(tp.irreps_out, Irreps("2x0e+2x2e"))
        for wrong in ("mine", ["mine"], 3, [3]):
            with self.assertRaisesRegex(ValueError, "out_filter"):
                e3tp.uvu_tensor_product("2x1o", "1o", wrong)

    def test_equivariance(self):
        tp = e3tp.FullyConnectedTensorProduct("2x0e+3x1o+2e", "1o+1e+3o", "2x0o+1o+2x2e", dtype=np.float64)
        x, y, w = (rng.standard_normal(n) for n in (tp.irreps_in1.dim, tp.irreps_in2.dim, tp.weight_numel))
        R = -e3tp.wigner_D(1, 0.3, 0.7, 1.1)
        D1, D2, D3 = (i.D_from_matrix(R) for i in (tp.irreps_in1, tp.irreps_in2, tp.irreps_out))
        np.testing.assert_allclose(tp(D1 @ x, D2 @ y, w), D3 @ tp(x, y, w), atol=1e-12)


if __name__ == "__main__":
    unittest.main()
