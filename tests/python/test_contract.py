# SPDX-License-Identifier: MIT
"""What is easily given amiss, by the Python contract: refused with a sentence, or taken as meant."""

import copy
import gc
import pickle
import unittest

import numpy as np

import e3tp

RNG = np.random.default_rng(11)


class Products(unittest.TestCase):
    def test_degrees_above_the_limit_are_refused(self):
        for make in (
            lambda: e3tp.FullTensorProduct("13e", "0e"),
            lambda: e3tp.FullyConnectedTensorProduct("1o", "1o", "25e+0e"),
            lambda: e3tp.uvu_tensor_product("13e+2x0e", "1o"),
            lambda: e3tp.TensorSquare("13e"),
            lambda: e3tp.ElementwiseTensorProduct("13e", "13e"),
        ):
            with self.assertRaisesRegex(ValueError, "l = (13|25)"):
                make()

    def test_a_grid_that_is_not_exact(self):
        with self.assertRaisesRegex(e3tp.Unsupported, "samples are not exact"):
            e3tp.SignalProduct("gaunt", 2, 2, 2, grid=(1, 1))
        e3tp.SignalProduct("gaunt", 2, 2, 2, grid=(4, 7))
        e3tp.SignalProduct("gaunt", 2, 2, 2, grid=(2, 2), allow_aliasing=True)

    def test_a_square_has_one_operand(self):
        with self.assertRaisesRegex(ValueError, "layout"):
            e3tp.TensorSquare("2x1o", layout=("mul_ir", "ir_mul", "mul_ir"))

    def test_results_that_overlap(self):
        tp = e3tp.FullTensorProduct("1o", "1o", dtype=np.float64)
        x, y, g = (RNG.standard_normal(shape) for shape in ((2, 3, 3), (3, 3), (2, 3, 9)))
        o = np.empty((2, 3, 3))
        with self.assertRaisesRegex(ValueError, "overlaps"):
            tp.backward(x, y, None, g, out=(o, o[0], None))

    def test_weights_shared_or_not(self):
        with self.assertRaisesRegex(ValueError, "shared_weights"):
            e3tp.Convolution("1o", "1o", "0e", [(0, 0, 0, "uuu", True)], shared_weights=True)
        conv = e3tp.Convolution("1o", "1o", "0e", [(0, 0, 0, "uuu", True)], shared_weights=False)
        self.assertEqual(conv.weight_numel, 1)

    def test_empty_lists_are_integers(self):
        graph = e3tp.Graph([], [], 5)
        conv = e3tp.Convolution("1o", "1o", "0e", [(0, 0, 0, "uuu", False)])
        z = conv(graph, np.ones((5, 3), np.float32), np.ones((0, 3), np.float32))
        np.testing.assert_array_equal(z, np.zeros((5, 1)))

    def test_plans_are_not_copied(self):
        tp = e3tp.FullTensorProduct("1o", "1o")
        for copied in (copy.deepcopy, pickle.dumps):
            with self.assertRaises(TypeError):
                copied(tp)

    def test_a_call_that_was_torn_off_does_not_hang(self):
        tp = e3tp.FullTensorProduct("1o", "1o")
        tp._handle.__enter__()  # as an interrupt leaves it
        del tp
        gc.collect()


class Degrees(unittest.TestCase):
    def test_an_irrep_is_no_list(self):
        v = RNG.standard_normal((2, 3))
        self.assertEqual(e3tp.spherical_harmonics(e3tp.Irrep("2e"), v, True).shape, (2, 5))
        with self.assertRaises(TypeError):
            e3tp.SignalProduct("gaunt", e3tp.Irrep("0e"), 1, 1)

    def test_integers_of_numpy_are_multiplicities(self):
        self.assertEqual(np.int64(2) * e3tp.Irrep("1o"), e3tp.Irreps("2x1o"))
        self.assertEqual(np.int64(2) * e3tp.Irreps("2x0e+1o"), 2 * e3tp.Irreps("2x0e+1o"))

    def test_threads_are_the_fifth_argument(self):
        sh = e3tp.SphericalHarmonics(1, True, "component", np.float32, 1)
        sh.close()
        with self.assertRaises(ValueError):
            sh.describe()


class Matrices(unittest.TestCase):
    def test_nothing_has_batch_axes(self):
        R = np.broadcast_to(np.eye(3), (5, 3, 3))
        self.assertEqual(e3tp.Irreps("").D_from_angles(np.zeros(5), 0, 0).shape, (5, 0, 0))
        self.assertEqual(e3tp.Irreps("0x1o").D_from_matrix(R).shape, (5, 0, 0))
        with self.assertRaises(ValueError):
            e3tp.Irreps("").D_from_matrix(2 * R)

    def test_memory_of_the_operand(self):
        R = np.tile(np.eye(3), (5, 1, 1))
        with self.assertRaisesRegex(ValueError, "shares memory"):
            e3tp.wigner_D_from_matrix(1, R[:4], out=R[1:])

    def test_parities(self):
        with self.assertRaisesRegex(ValueError, "p: 5"):
            e3tp.wigner_D_from_matrix(1, np.eye(3), p=5)


if __name__ == "__main__":
    unittest.main()
