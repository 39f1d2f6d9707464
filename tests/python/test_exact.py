# SPDX-License-Identifier: MIT
"""wigner_3j against exact arithmetic: every triple to l = 12, random entries of random triples to l = 24.

The reference follows the definition, W = i^L sum q[m1,a] q[m2,b] q[m3,c] (l1 l2 l3; m1 m2 m3): the sum of Racah and
the change of basis in integers, and one square root at the end, of integers again."""

import itertools
import random
import unittest
from math import comb, factorial, isqrt

import numpy as np

import e3tp

BITS = 80  # of the square root


def racah_sum(l, m):
    """The integer S of (l1 l2 l3; m1 m2 m3) = (-1)^(l1-l2-m3) S sqrt(radicand)."""
    (l1, l2, l3), (m1, m2, _) = l, m
    a, b, c = l1 + l2 - l3, l1 - l2 + l3, -l1 + l2 + l3
    first, last = max(0, l1 - m1 - b, l2 + m2 - c), min(a, l1 - m1, l2 + m2)
    return sum((-1) ** k * comb(a, k) * comb(b, l1 - m1 - k) * comb(c, l2 + m2 - k) for k in range(first, last + 1))


def radicand(l, m):
    """Numerator and denominator; the same for every choice of signs of the m."""
    (l1, l2, l3), top = l, 1
    for degree, order in zip(l, m):
        top *= factorial(degree + order) * factorial(degree - order)
    sides = factorial(l1 + l2 - l3) * factorial(l1 - l2 + l3) * factorial(-l1 + l2 + l3)
    return top, factorial(sum(l) + 1) * sides


def quarter_turns(mu, m):
    """The n of q[m, mu] = i^n / sqrt(2) (for mu = 0: 1): the change of basis without (-i)^l."""
    if mu == 0:
        return 0
    sign = 2 * (mu % 2) if m > 0 else 0
    return sign if mu > 0 else sign + (1 if m > 0 else 3)


def entry(l, mu):
    """W[l1+mu1, l2+mu2, l3+mu3] as a double, correctly rounded but for about 2^-BITS."""
    parts = [0, 0, 0, 0]  # of 1, i, -1, -i
    for signs in itertools.product(*((1, -1) if order else (1,) for order in mu)):
        m = [sign * abs(order) for sign, order in zip(signs, mu)]
        if sum(m) == 0:
            turns = sum(l) + 2 * (l[0] - l[1] - m[2]) + sum(map(quarter_turns, mu, m))
            parts[turns % 4] += racah_sum(l, m)
    if parts[1] != parts[3]:
        raise AssertionError(f"W{l}{mu} is not real")
    total = parts[0] - parts[2]
    top, bottom = radicand(l, mu)
    bottom <<= sum(order != 0 for order in mu)
    root = isqrt((total * total * top << 2 * BITS) // bottom)
    return (-root if total < 0 else root) / (1 << BITS)


def allowed(l):
    """Every mu that the sum rule lets through."""
    for mu1 in range(-l[0], l[0] + 1):
        for mu2 in range(-l[1], l[1] + 1):
            for size in {abs(mu1) + abs(mu2), abs(abs(mu1) - abs(mu2))}:
                for mu3 in {size, -size}:
                    if size <= l[2]:
                        yield mu1, mu2, mu3


def tensor(l):
    w = np.zeros([2 * degree + 1 for degree in l])
    for mu in allowed(l):
        w[tuple(degree + order for degree, order in zip(l, mu))] = entry(l, mu)
    return w


def is_even(permutation):
    return sum(a > b for a, b in itertools.combinations(permutation, 2)) % 2 == 0


class Wigner3j(unittest.TestCase):
    def compare(self, got, want, l):
        self.assertLessEqual(np.abs(got - want).max(), 1e-15, l)
        np.testing.assert_array_equal(got != 0, want != 0, err_msg=str(l))  # zeros are exact

    def test_all_to_12(self):
        triples = 0
        for l in itertools.combinations_with_replacement(range(13), 3):
            if l[2] > l[0] + l[1]:
                continue
            want = tensor(l)
            # The old tables: the first non-zero of a sorted triple of odd sum is positive.
            flip = -1 if sum(l) % 2 and want[want != 0][0] < 0 else 1
            orders = {tuple(l[k] for k in axes): axes for axes in itertools.permutations(range(3))}
            for degrees, axes in orders.items():
                sign = 1 if is_even(axes) or sum(l) % 2 == 0 else -1
                self.compare(e3tp.wigner_3j(*degrees), sign * want.transpose(axes), degrees)
                if l[2] <= 11:
                    old = e3tp.wigner_3j(*degrees, sign="e3nn<=0.4.4")
                    self.compare(old, flip * sign * want.transpose(axes), degrees)
                triples += 1
        every = itertools.product(range(13), repeat=3)
        self.assertEqual(triples, sum(abs(l1 - l2) <= l3 <= l1 + l2 for l1, l2, l3 in every))
        self.assertEqual(triples, 1105)

    def test_some_to_24(self):
        draw = random.Random(24)
        for _ in range(300):
            l1, l2 = draw.randint(12, 24), draw.randint(0, 24)
            l = (l1, l2, draw.randint(abs(l1 - l2), min(24, l1 + l2)))
            w = e3tp.wigner_3j(*l)
            np.testing.assert_allclose(np.vdot(w, w), 1, rtol=1e-13)
            for mu in draw.choices(list(allowed(l)), k=40):
                got = w[tuple(degree + order for degree, order in zip(l, mu))]
                self.compare(np.array(got), np.array(entry(l, mu)), (l, mu))


if __name__ == "__main__":
    unittest.main()
