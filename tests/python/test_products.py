# SPDX-License-Identifier: MIT
"""TensorProduct against the definition by einsum; broadcasting, skipped gradients, layouts, errors."""

import unittest

import numpy as np

import e3tp

rng = np.random.default_rng(0)
SPEC = dict(
    irreps_in1="3x0e+3x1o",
    irreps_in2="2x0e+2x1o",
    irreps_out="3x0e+3x1o+4x1e",
    instructions=[
        (0, 0, 0, "uvu", True),
        (1, 1, 0, "uvu", True, 2.0),
        (0, 1, 1, "uvu", False),
        (1, 1, 2, "uvw", True),
    ],
)
EINSUM = {"uvu": "{w}zui,zvj,ijk->zuk", "uvw": "{w}zui,zvj,ijk->zwk"}
DEGREES = ((0, 1), (0, 1), (0, 1, 1))
MULS = ((3, 3), (2, 2), (3, 3, 4))


def block(a, operand, index):
    offset = sum(m * (2 * l + 1) for m, l in zip(MULS[operand][:index], DEGREES[operand][:index]))
    mul, d = MULS[operand][index], 2 * DEGREES[operand][index] + 1
    return a[:, offset : offset + mul * d].reshape(-1, mul, d)


def reference(tp, x, y, w):
    out = [np.zeros((len(x), m, 2 * l + 1)) for m, l in zip(MULS[2], DEGREES[2])]
    at = 0
    for i in tp.instructions:
        operands = [
            block(x, 0, i.i_in1),
            block(y, 1, i.i_in2),
            e3tp.wigner_3j(DEGREES[0][i.i_in1], DEGREES[1][i.i_in2], DEGREES[2][i.i_out]),
        ]
        letters = ""
        if i.has_weight:
            n = int(np.prod(i.path_shape))
            operands.insert(0, w[at : at + n].reshape(i.path_shape))
            at, letters = at + n, {"uvu": "uv,", "uvw": "uvw,"}[i.connection_mode]
        out[i.i_out] += i.path_weight * np.einsum(
            EINSUM[i.connection_mode].format(w=letters), *operands
        )
    return np.concatenate([o.reshape(len(x), -1) for o in out], axis=1)


class Products(unittest.TestCase):
    def setUp(self):
        self.tp = e3tp.TensorProduct(**SPEC, dtype=np.float64)
        self.x, self.y, self.gz = (rng.standard_normal((5, n)) for n in (12, 8, 24))
        self.w = rng.standard_normal(self.tp.weight_numel)

    def test_forward(self):
        np.testing.assert_allclose(
            self.tp(self.x, self.y, self.w), reference(self.tp, self.x, self.y, self.w), atol=1e-13
        )

    def test_coefficient(self):
        # e3nn: sqrt((2 lout + 1) path_weight / N), N = sum of the fan-ins into the block
        self.assertAlmostEqual(self.tp.instructions[0].path_weight, (1 / 4) ** 0.5)
        self.assertAlmostEqual(self.tp.instructions[1].path_weight, (2 / 4) ** 0.5)
        self.assertAlmostEqual(self.tp.instructions[3].path_weight, (3 / 6) ** 0.5)

    def test_backward(self):
        operands = [self.x, self.y, self.w]
        grads = self.tp.backward(*operands, self.gz)
        for k in range(3):
            step = [np.zeros_like(a) for a in operands]
            step[k] = rng.standard_normal(operands[k].shape)
            change = [
                np.vdot(self.gz, self.tp(*(a + s * d / 2 for a, d in zip(operands, step))))
                for s in (1, -1)
            ]
            self.assertAlmostEqual(change[0] - change[1], np.vdot(grads[k], step[k]), places=10)

    def test_needs(self):
        gx, gy, gw = self.tp.backward(self.x, self.y, self.w, self.gz, needs=("y",))
        self.assertIsNone(gx)
        self.assertIsNone(gw)
        np.testing.assert_array_equal(gy, self.tp.backward(self.x, self.y, self.w, self.gz)[1])

    def test_broadcasting(self):
        full = self.tp(self.x, np.broadcast_to(self.y[:1], (5, 8)), self.w)
        np.testing.assert_allclose(self.tp(self.x, self.y[:1], self.w), full, atol=1e-14)
        np.testing.assert_allclose(self.tp(self.x, self.y[0], self.w), full, atol=1e-14)
        z = self.tp(self.x[:, None], self.y[None, :3], self.w)
        self.assertEqual(z.shape, (5, 3, 24))
        gx, gy, _ = self.tp.backward(self.x[:, None], self.y[None, :3], self.w, np.ones_like(z))
        self.assertEqual((gx.shape, gy.shape), ((5, 1, 12), (1, 3, 8)))
        total = sum(
            self.tp.backward(self.x, self.y[i], self.w, np.ones((5, 24)))[0] for i in range(3)
        )
        np.testing.assert_allclose(gx[:, 0], total, atol=1e-12)

    def test_empty_batch(self):
        self.assertEqual(self.tp(self.x[:0], self.y[:0], self.w).shape, (0, 24))

    def test_layout(self):
        tp = e3tp.TensorProduct(**SPEC, dtype=np.float64, layout=("ir_mul", "mul_ir", "mul_ir"))
        x = np.concatenate(
            [block(self.x, 0, i).swapaxes(1, 2).reshape(5, -1) for i in range(2)], axis=1
        )
        np.testing.assert_allclose(
            tp(x, self.y, self.w), self.tp(self.x, self.y, self.w), atol=1e-14
        )

    def test_errors(self):
        with self.assertRaises(TypeError):
            self.tp(self.x.astype(np.float32), self.y, self.w)
        with self.assertRaisesRegex(ValueError, "x: shape"):
            self.tp(self.x[:, 1:], self.y, self.w)
        with self.assertRaisesRegex(ValueError, "parity"):
            e3tp.TensorProduct("1o", "1o", "1o", [(0, 0, 0, "uuu", False)])
        with self.assertRaises(e3tp.Unsupported):
            e3tp.TensorProduct("1o", "1o", "0e", [(0, 0, 0, "uuu", False)], isa="mmx")
        with self.assertRaises(e3tp.Unsupported):
            e3tp.TensorProduct("2x1o", "1x1o", "2x0e", [(0, 0, 0, "uvuv", False)])
        self.tp.close()
        with self.assertRaisesRegex(ValueError, "closed"):
            self.tp(self.x, self.y, self.w)


if __name__ == "__main__":
    unittest.main()
