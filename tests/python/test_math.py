# SPDX-License-Identifier: MIT
"""Exact mathematics through ctypes: values of the conventions, orthogonality, homomorphism, errors."""

import unittest

import numpy as np

import e3tp


class Coupling(unittest.TestCase):
    def test_values(self):
        w = e3tp.wigner_3j(1, 1, 1)
        self.assertAlmostEqual(w[0, 1, 2], 1 / 6**0.5, places=15)
        self.assertAlmostEqual(w[1, 0, 2], -1 / 6**0.5, places=15)
        self.assertAlmostEqual(e3tp.wigner_3j(2, 2, 2)[2, 2, 2], (2 / 35) ** 0.5, places=15)
        self.assertAlmostEqual(e3tp.wigner_3j(1, 2, 2)[0, 2, 3], 1 / 10**0.5, places=15)

    def test_nonzeros(self):
        for degrees, count in (
            ((1, 1, 2), 11),
            ((2, 2, 2), 25),
            ((2, 2, 3), 28),
            ((3, 3, 6), 79),
            ((6, 6, 6), 217),
        ):
            self.assertEqual(np.count_nonzero(e3tp.wigner_3j(*degrees)), count)

    def test_orthogonality(self):
        for l1, l2, l3 in ((1, 1, 1), (3, 4, 5), (6, 6, 12), (12, 11, 9), (24, 24, 24)):
            w = e3tp.wigner_3j(l1, l2, l3).reshape(-1, 2 * l3 + 1)
            np.testing.assert_allclose(w.T @ w * (2 * l3 + 1), np.eye(2 * l3 + 1), atol=1e-14)

    def test_invariance(self):
        angles = (0.3, 0.7, 1.1)
        for degrees in ((1, 1, 1), (2, 3, 4), (4, 4, 5)):
            d = [e3tp.wigner_D(l, *angles) for l in degrees]
            w = e3tp.wigner_3j(*degrees)
            np.testing.assert_allclose(np.einsum("ijk,ai,bj,ck->abc", w, *d), w, atol=1e-14)

    def test_old_sign(self):
        for degrees, flips in (
            ((1, 1, 1), 1),
            ((1, 2, 2), -1),
            ((2, 2, 3), 1),
            ((3, 4, 6), -1),
            ((5, 5, 5), -1),
        ):
            new, old = e3tp.wigner_3j(*degrees), e3tp.wigner_3j(*degrees, sign="e3nn<=0.4.4")
            np.testing.assert_array_equal(old, flips * new)

    def test_refusals(self):
        for arguments in ((1, 1, 3), (-1, 1, 1), (12, 12, 12, "e3nn<=0.4.4"), (1, 1, 1, "mine")):
            with self.assertRaises(ValueError):
                e3tp.wigner_3j(*arguments)

    def test_strengths(self):
        self.assertAlmostEqual(e3tp.gaunt_strength(0, 0, 0), 1 / (4 * np.pi) ** 0.5, places=15)
        self.assertEqual(e3tp.gaunt_strength(1, 1, 1), 0)
        self.assertEqual(e3tp.bracket_strength(1, 1, 2), 0)
        self.assertGreater(e3tp.bracket_strength(1, 1, 1), 0)


class Introspection(unittest.TestCase):
    def test_tiers(self):
        self.assertEqual(e3tp.isa_tiers()["generic"], "usable")
        info = e3tp.build_info()
        for word in ("ABI", "OpenMP", "FFTW", "SLEEF"):
            self.assertIn(word, info)


if __name__ == "__main__":
    unittest.main()
