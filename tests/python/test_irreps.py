# SPDX-License-Identifier: MIT
"""Irrep and Irreps: e3nn's grammar, arithmetic, order and refusals."""

import copy
import pickle
import unittest

import numpy as np

import e3tp
from e3tp import Irrep, Irreps


class OneIrrep(unittest.TestCase):
    def test_creation(self):
        for given in ("1o", " 1o ", "01o", "1 o", "1y", (1, -1), Irrep(1, -1), Irrep("1o")):
            self.assertEqual(Irrep(given), Irrep(1, -1), given)
        self.assertEqual(Irrep("2y"), Irrep("2e"))
        self.assertEqual(Irrep(np.int64(3), np.int64(1)), Irrep("3e"))

    def test_refusals(self):
        for given in ("", "o", "1", "1p", "-1o", "+1o", "1x1o", "2x1o", "1O", "1o+1o", "1.0o", "\u0661o", (1, 0), (1,)):
            with self.assertRaises(ValueError, msg=repr(given)):
                Irrep(given)
        for l, p in ((-1, 1), (1, 2), (1.5, 1), ("1", 1), (None, 1), (1, None)):
            with self.assertRaises(ValueError):
                Irrep(l, p)

    def test_properties(self):
        ir = Irrep("3e")
        self.assertEqual((ir.l, ir.p, ir.dim, repr(ir), str(ir)), (3, 1, 7, "3e", "3e"))
        l, p = ir
        self.assertEqual((l, p), (3, 1))
        self.assertTrue(Irrep("0e").is_scalar())
        self.assertFalse(Irrep("0o").is_scalar() or Irrep("1e").is_scalar())

    def test_product(self):
        self.assertEqual(list(Irrep("1o") * Irrep("2o")), [Irrep("1e"), Irrep("2e"), Irrep("3e")])
        self.assertEqual(list(Irrep("0o") * "2e"), [Irrep("2o")])
        self.assertIn(Irrep("2e"), Irrep("1o") * Irrep("1o"))

    def test_arithmetic(self):
        self.assertEqual(repr(3 * Irrep("1e")), "3x1e")
        self.assertEqual(repr(Irrep("1o") + Irrep("2o")), "1x1o+1x2o")
        with self.assertRaises(ValueError):
            -1 * Irrep("1e")

    def test_order(self):
        names = ["0o", "0e", "1o", "1e", "2o", "2e"]
        self.assertEqual([repr(ir) for ir in sorted(map(Irrep, sorted(names)))], names)

    def test_iterator(self):
        self.assertEqual([repr(ir) for ir in Irrep.iterator(2)], ["0e", "0o", "1o", "1e", "2e", "2o"])
        endless = Irrep.iterator()
        self.assertEqual([repr(next(endless)) for _ in range(7)][-1], "3o")

    def test_immutable(self):
        ir = Irrep("1o")
        with self.assertRaises(AttributeError):
            ir.l = 2
        self.assertEqual({ir: 1}[Irrep("1y")], 1)
        for other in (copy.deepcopy(ir), copy.copy(ir), pickle.loads(pickle.dumps(ir))):
            self.assertEqual((type(other), other), (Irrep, ir))

    def test_matrices(self):
        angles, R = (0.3, 0.7, 1.1), e3tp.wigner_D(1, 0.3, 0.7, 1.1)
        for text in ("1o", "2e", "3e", "0o"):
            ir = Irrep(text)
            D = e3tp.wigner_D(ir.l, *angles)
            np.testing.assert_array_equal(ir.D_from_angles(*angles), D)
            np.testing.assert_array_equal(ir.D_from_angles(*angles, k=1), ir.p * D)
            np.testing.assert_allclose(ir.D_from_matrix(-R), ir.p * D, atol=1e-14)
        D = Irrep("1o").D_from_angles(np.zeros(3), 0.0, 0.0, k=np.arange(3))
        np.testing.assert_array_equal(D[:, 0, 0], [1, -1, 1])


class ManyIrreps(unittest.TestCase):
    def test_creation(self):
        want = "3x0e+4x1o"
        for given in ("3x0e + 4x1o", "3x0e+ 4x1y", " 3 x 0e+4x 1o ", [(3, "0e"), (4, (1, -1))], Irreps(want)):
            self.assertEqual(repr(Irreps(given)), want, given)
        self.assertEqual(repr(Irreps([[3, Irrep("0e")], "4e", Irrep("1o")])), "3x0e+1x4e+1x1o")
        self.assertEqual(repr(Irreps(Irrep("1o"))), "1x1o")
        self.assertEqual(repr(Irreps("16x0e+0x1o")), "16x0e+0x1o")
        self.assertEqual(repr(Irreps(iter(["0e", "0e"]))), "1x0e+1x0e")
        self.assertEqual(repr(Irreps(block for block in Irreps("2x1o+1x1e"))), "2x1o+1x1e")
        self.assertEqual(repr(Irreps([(np.int64(2), "1o")])), "2x1o")

    def test_empty(self):
        for given in ((), "", "  ", None, []):
            irreps = Irreps(given)
            self.assertEqual((len(irreps), irreps.dim, irreps.num_irreps, irreps.ls, repr(irreps)), (0, 0, 0, [], ""))
            self.assertEqual((irreps.slices(), irreps.simplify(), irreps.sort().p), ([], Irreps(), ()))
        for irreps in (Irreps(), Irreps("0x1o")):
            with self.assertRaises(ValueError):
                irreps.lmax

    def test_refusals(self):
        bad = ("3X1o", "1.5x0e", "-1x0e", "0e+", "+1o", "2x", "x1o", "1p", "0e++1o", "0e,1o", "1", "1_0x0e", "2x2x1o")
        for given in bad + ([(-1, "1o")], [(1.5, "1o")], [(1, 2, 3)], [(1, -1)], [1], [None], [(1, None)]):
            with self.assertRaises(ValueError, msg=repr(given)):
                Irreps(given)
        with self.assertRaises(TypeError):
            Irreps(3)

    def test_properties(self):
        irreps = Irreps("2x0e+1x1o+0x7e+3x2e")
        self.assertEqual((irreps.dim, irreps.num_irreps, irreps.lmax), (20, 6, 2))
        self.assertEqual(irreps.ls, [0, 0, 1, 2, 2, 2])
        self.assertEqual(irreps.slices(), [slice(0, 2), slice(2, 5), slice(5, 5), slice(5, 20)])
        self.assertEqual([(mul, repr(ir)) for mul, ir in irreps][2:], [(0, "7e"), (3, "2e")])
        self.assertEqual((irreps[0].mul, irreps[0].ir, irreps[3].dim, repr(irreps[3])), (2, Irrep("0e"), 15, "3x2e"))

    def test_getitem(self):
        irreps = Irreps("16x1e+3e+2e+5o")
        self.assertEqual(irreps[0], (16, Irrep("1e")))
        self.assertEqual(irreps[-1], (1, Irrep("5o")))
        self.assertIsInstance(irreps[2:], Irreps)
        self.assertEqual(irreps[2:], Irreps("2e+5o"))
        self.assertEqual(irreps[::-2], Irreps("5o+3e"))

    def test_contains(self):
        irreps = Irreps("2x0e+0x1o+3x2e")
        self.assertIn("0e", irreps)
        self.assertIn(Irrep(2, 1), irreps)
        self.assertIn((1, -1), irreps)  # with whatever multiplicity
        self.assertNotIn("1e", irreps)
        self.assertEqual([irreps.count(ir) for ir in ("0e", "1o", "1e", (2, 1))], [2, 0, 0, 3])
        self.assertEqual(Irreps("1o+0e+2x1o").count("1o"), 3)
        with self.assertRaises(NotImplementedError):
            irreps.index("0e")

    def test_arithmetic(self):
        self.assertEqual(3 * Irrep("6o") + Irreps("0e"), Irreps("3x6o+0e"))
        self.assertEqual(Irreps("0e") + "1o", Irreps("0e+1o"))
        self.assertEqual(2 * Irreps("0e+1e"), Irreps("0e+1e+0e+1e"))
        self.assertEqual((Irreps("2x1e") * 3).simplify(), Irreps("6x1e"))
        self.assertEqual(sum([Irreps("0e"), Irreps("1o")], Irreps()), Irreps("0e+1o"))
        for made in (2 * Irreps("0e"), Irreps("0e") * 2, Irreps("0e") + Irreps("0e")):
            self.assertIsInstance(made, Irreps)
        with self.assertRaises(NotImplementedError):
            Irreps("1o") * Irreps("1o")

    def test_equality(self):
        self.assertEqual(Irreps("1o+2x0e"), Irreps([(1, "1o"), (2, "0e")]))
        self.assertNotEqual(Irreps("1o+1o"), Irreps("2x1o"))
        self.assertNotEqual(Irreps("1o"), "1x1o")
        self.assertEqual(len({Irreps("1o"), Irreps(" 1x1y"), Irreps("1e")}), 2)

    def test_immutable(self):
        irreps = Irreps("2x0e+1o")
        with self.assertRaises(TypeError):
            irreps[0] = (1, Irrep("0e"))
        with self.assertRaises(AttributeError):
            irreps.name = "mine"
        for other in (copy.deepcopy(irreps), copy.copy(irreps), pickle.loads(pickle.dumps(irreps))):
            self.assertEqual((type(other), other, other[0].mul), (Irreps, irreps, 2))

    def test_simplify(self):
        self.assertEqual(Irreps("1e+1e+0e+1e").simplify(), Irreps("2x1e+0e+1e"))
        self.assertEqual(Irreps("1e+0x0e+1e+0x2e").simplify(), Irreps("2x1e"))
        self.assertEqual(Irreps("4x0e+0x1o+2x3e").remove_zero_multiplicities(), Irreps("4x0e+2x3e"))
        self.assertEqual(Irreps("1e+0e+2x1e+0o").regroup(), Irreps("0o+0e+3x1e"))

    def test_sort(self):
        irreps = Irreps("2x2e+1o+0e+1e+3x1o+0o")
        found = irreps.sort()
        self.assertEqual(found.irreps, Irreps("0o+0e+1o+3x1o+1e+2x2e"))
        self.assertEqual((found.p, found.inv), ((5, 2, 1, 4, 3, 0), (5, 2, 1, 4, 3, 0)))
        irreps, p, inv = Irreps("1o+2e+0e").sort()
        self.assertEqual((repr(irreps), p, inv), ("1x0e+1x1o+1x2e", (1, 2, 0), (2, 0, 1)))

    def test_harmonics(self):
        self.assertEqual(Irreps.spherical_harmonics(3), Irreps("0e+1o+2e+3o"))
        self.assertEqual(Irreps.spherical_harmonics(2, p=1), Irreps("0e+1e+2e"))

    def test_matrices(self):
        irreps, angles = Irreps("2x0o+0x3e+1o+2x2e"), (0.3, 0.7, 1.1)
        D = irreps.D_from_angles(*angles, k=1)
        self.assertEqual(D.shape, (15, 15))
        np.testing.assert_allclose(D @ D.T, np.eye(15), atol=1e-14)
        np.testing.assert_array_equal(D[5:10, 5:10], e3tp.wigner_D(2, *angles))
        np.testing.assert_allclose(irreps.D_from_matrix(-e3tp.wigner_D(1, *angles)), D, atol=1e-14)
        self.assertEqual(irreps.D_from_angles(np.zeros((4, 1)), np.zeros(3), 0.0).shape, (4, 3, 15, 15))
        self.assertEqual(Irreps().D_from_matrix(np.eye(3)).shape, (0, 0))


if __name__ == "__main__":
    unittest.main()
