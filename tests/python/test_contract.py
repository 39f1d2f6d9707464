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

    def test_every_plan_names_its_method(self):
        for plan in (
            e3tp.RadialBasis(r_max=1.0),
            e3tp.Spline(1.0, np.zeros((3, 2))),
            e3tp.LinearBasis(np.zeros((2, 3)), 1.0),
            e3tp.SphericalHarmonics(1, True),
        ):
            self.assertIsInstance(plan.method, str)
            self.assertIn(plan.isa, e3tp.isa_tiers())
            plan.close()

    def test_memory_of_an_operand_is_named(self):
        v = RNG.standard_normal((4, 3))
        sh = e3tp.SphericalHarmonics([1], False, dtype=np.float64)
        with self.assertRaisesRegex(ValueError, "^out: overlaps xyz"):
            sh(v, out=v)
        with self.assertRaisesRegex(ValueError, "^out: overlaps g$"):
            sh.backward(v.copy(), v, out=v)
        with self.assertRaisesRegex(ValueError, r"^out\[1\]: overlaps gg"):
            sh.double_backward(v, v.copy(), (gg := v.copy()), out=(np.empty_like(v), gg))
        r = RNG.random(4)
        with self.assertRaisesRegex(ValueError, "^out: overlaps r"):
            e3tp.RadialBasis(num=1, r_max=1.0, dtype=np.float64)(r, out=r[:, None])
        spline = e3tp.Spline(1.0, np.zeros((5, 1)))
        with self.assertRaisesRegex(ValueError, "^out: overlaps r"):
            spline(r, out=r[:, None])
        samples = np.zeros(7)
        with self.assertRaisesRegex(ValueError, "^out: overlaps values"):
            spline.fit(samples[:5, None], out=samples[:, None])
        with self.assertRaisesRegex(ValueError, "^out: overlaps gcoefficients"):
            spline.fit_backward(samples[:, None], out=samples[:5, None])
        graph = e3tp.Graph([0, 1], [1, 0], 2)
        gv = np.zeros((2, 3))
        with self.assertRaisesRegex(ValueError, r"^out\[0\]: overlaps gvectors"):
            graph.forces(gv.copy(), gv, out=(gv, np.empty((3, 3))))

    def test_masked_elements_have_no_meaning(self):
        v = np.ma.masked_array(np.zeros((2, 3)), [[0, 0, 1], [0, 0, 0]])
        with self.assertRaisesRegex(TypeError, "xyz: has masked elements"):
            e3tp.spherical_harmonics(1, v, True)
        e3tp.spherical_harmonics(1, np.ma.masked_array(np.zeros((2, 3))), True)


    def test_pairs_of_vectors_that_are_none(self):
        for bad in (np.inf, np.nan):
            vectors = np.array([[1.0, 0, 0], [bad, 0, 0], [-2.0, 0, 0]])
            with self.assertRaisesRegex(ValueError, "vectors: that of edge 1 is not finite"):
                e3tp.Graph([0, 0, 1], [1, 0, 0], 2, vectors=vectors)


class Outputs(unittest.TestCase):
    """What is written to out= is what comes without, and is what comes back."""

    def check(self, call, *arguments):
        want = call(*arguments)
        several = isinstance(want, tuple)
        out = tuple(np.full_like(a, np.nan) for a in want) if several else np.full_like(want, np.nan)
        found = call(*arguments, out=out)
        for a, b, c in zip(want, found, out) if several else [(want, found, out)]:
            np.testing.assert_array_equal(a, b)
            self.assertIs(b, c)

    def test_nodes(self):
        self.check(e3tp.lebedev, 9)
        self.check(e3tp.sphere_grid, 3, 5)

    def test_forces(self):
        graph = e3tp.Graph([0, 1, 1], [1, 0, 2], 2, 3)
        self.check(graph.forces, RNG.standard_normal((3, 3)), RNG.standard_normal((3, 3)))

    def test_representations(self):
        R, angles = np.tile(np.eye(3), (4, 1, 1)), (0.1, np.arange(4.0), 2.0)
        for irreps in (e3tp.Irrep("2o"), e3tp.Irreps("2x0e+1o"), e3tp.Irreps("")):
            self.check(irreps.D_from_matrix, R)
            self.check(irreps.D_from_angles, *angles)
            self.check(irreps.D_from_angles, *angles, np.arange(3)[:, None])


class Matrices(unittest.TestCase):
    def test_degrees_too_high(self):
        """Refused at the library's own limit, and before there are arrays of their size."""
        for l in (49, 10**6, 10**8):
            for call in (
                lambda: e3tp.wigner_3j(l, l, 0),
                lambda: e3tp.wigner_D(l, 0, 0, 0),
                lambda: e3tp.wigner_D_from_matrix(l, np.eye(3)),
            ):
                with self.assertRaisesRegex(e3tp.Unsupported, "too high"):
                    call()
        self.assertAlmostEqual(abs(e3tp.wigner_3j(48, 48, 0)[0, 0, 0]), 97**-0.5)
        np.testing.assert_allclose(e3tp.wigner_D(48, 0, 0, 0), np.eye(97), atol=1e-12)

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
