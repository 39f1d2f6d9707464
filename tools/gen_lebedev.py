#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen_lebedev.py [--starts N] [--want N] [--seed N] DEGREE[:POINTS]...: computes quadrature rules on the sphere that
have the symmetry of the octahedron, and writes src/so3/lebedev_rules.h, to be formatted, to standard output.

By the method of V. I. Lebedev, Zh. Vychisl. Mat. Mat. Fiz. 15 (1975) 48 and 16 (1976) 293: a rule that the group maps
to itself is exact to degree s where it is so for the polynomials that the group leaves as they are (S. L. Sobolev
1962); on the sphere these are polynomials in p = x^2 y^2 + y^2 z^2 + z^2 x^2 and q = x^2 y^2 z^2. Points come in
orbits, up to length

    a1  (0, 0, 1)   6        b  (l, l, m)  24
    a2  (0, 1, 1)  12        c  (k, n, 0)  24
    a3  (1, 1, 1)   8        d  (r, u, w)  48

with one weight for an orbit and one, or for d two, numbers that say where it stands: as many unknowns as equations. A
start at random is first spread out, with equal weights at all points, then taken down by steps of Levenberg and
Marquardt; where they end before a solution, two orbits are thrown elsewhere, and the better end is kept. Of `want`
solutions of the fewest points the one whose least weight is the largest is taken by Newton's method to forty digits.

The table is that of 3 5 7 9 11 13 15 17 19 21 23 25 27 29 31 35:434 41:590 47:770; the last takes some minutes.
"""

import argparse
import decimal
import fractions
import itertools
import math
import sys

import numpy as np

D = decimal.Decimal
decimal.getcontext().prec = 120
SIZES = {"a1": 6, "a2": 12, "a3": 8, "b": 24, "c": 24, "d": 48}
FIXED = {"a1": (D(0), D(0), D(1)), "a2": (D(0), D(1) / 2, D(1) / 2), "a3": (D(1) / 3, D(1) / 3, D(1) / 3)}
# What the squares x^2, y^2, z^2 of an orbit can move along: their sum stays.
MOVES = {"b": [(1, 1, -2)], "c": [(1, -1, 0)], "d": [(1, 0, -1), (0, 1, -1)]}
SOLVED = 1e-12  # squared residual
CONVERGED = D(10) ** -40


# ---- invariant polynomials


def exponents(degree):
    """(i, j) of all p^i q^j to a degree, by degree."""
    both = itertools.product(range(degree // 4 + 1), range(degree // 6 + 1))
    return sorted((e for e in both if 4 * e[0] + 6 * e[1] <= degree), key=lambda e: (4 * e[0] + 6 * e[1], e))


def odd_factorial(n):
    """(2n - 1)!!"""
    return math.prod(range(1, 2 * n, 2))


def mean(i, j):
    """Of p^i q^j over the sphere: (2a-1)!! (2b-1)!! (2c-1)!! / (2(a+b+c)+1)!! for x^2a y^2b z^2c, summed."""
    total = 0
    for k, m in itertools.product(range(i + 1), repeat=2):
        n = i - k - m  # (xy)^2k (yz)^2m (zx)^2n
        if n >= 0:
            ways = math.factorial(i) // (math.factorial(k) * math.factorial(m) * math.factorial(n))
            total += ways * odd_factorial(k + n + j) * odd_factorial(k + m + j) * odd_factorial(m + n + j)
    value = fractions.Fraction(total, odd_factorial(2 * i + 3 * j + 1))
    return D(value.numerator) / D(value.denominator)


def inverse_cholesky(g):
    """The inverse of the lower triangular factor of g."""
    n = len(g)
    low, inverse = ([[D(0)] * n for _ in range(n)] for _ in range(2))
    for a, b in ((a, b) for a in range(n) for b in range(a + 1)):
        rest = g[a][b] - sum((low[a][k] * low[b][k] for k in range(b)), D(0))
        low[a][b] = rest.sqrt() if a == b else rest / low[b][b]
    for c, a in ((c, a) for c in range(n) for a in range(c, n)):
        rest = D(a == c) - sum((low[a][k] * inverse[k][c] for k in range(c, a)), D(0))
        inverse[a][c] = rest / low[a][a]
    return inverse


class Basis:
    """Orthonormal invariant polynomials to a degree, 1 the first: `rows` of coefficients of (4p)^i (32q)^j."""

    def __init__(self, degree):
        self.e = exponents(degree)
        means = {e: mean(*e) * 4 ** e[0] * 32 ** e[1] for e in exponents(2 * degree)}
        self.rows = inverse_cholesky([[means[a[0] + b[0], a[1] + b[1]] for b in self.e] for a in self.e])
        self.coefficients = np.array(self.rows, dtype=np.longdouble)
        self.i, self.j = np.array(self.e).T

    def exact(self, x, y, z):
        p, q = 4 * (x * y + y * z + z * x), 32 * x * y * z
        terms = [(p**i if i else 1) * (q**j if j else 1) for i, j in self.e]
        return [sum((c * t for c, t in zip(row, terms)), D(0)) for row in self.rows]

    def floats(self, squares):
        """[equation][orbit], and the slopes along the squares [3][equation][orbit]."""
        x, y, z = np.asarray(squares, dtype=np.longdouble).T
        p, q = (v ** np.arange(self.i.max() + 1)[:, None] for v in (4 * (x * y + y * z + z * x), 32 * x * y * z))
        i, j = self.i, self.j
        values = self.coefficients @ (p[i] * q[j])
        along_p = 4 * self.coefficients @ (i[:, None] * p[np.maximum(i - 1, 0)] * q[j])
        along_q = 32 * self.coefficients @ (j[:, None] * p[i] * q[np.maximum(j - 1, 0)])
        slopes = [along_p * (b + c) + along_q * b * c for b, c in ((y, z), (z, x), (x, y))]
        return values.astype(float), np.array(slopes, dtype=float)


# ---- which orbits


def structures(degree):
    """(points, kinds of orbits), as many unknowns as equations. Polynomials that vanish on the planes z = 0 (times q,
    degree 6), x = y (degree 12) or both do not see the orbits there: the others need unknowns enough for those."""

    def equations(s):
        return len(exponents(s)) if s >= 0 else 0

    for a1, a2, a3, c, d in itertools.product((0, 1), (0, 1), (0, 1), range(degree), range(degree)):
        b, odd = divmod(equations(degree) - a1 - a2 - a3 - 2 * c - 3 * d, 2)
        seen = a3 + 2 * b + 3 * d, 2 * c + 3 * d, 3 * d
        if b >= 0 and not odd and all(n >= equations(degree - s) for n, s in zip(seen, (6, 12, 18))):
            kinds = [k for k, n in zip(SIZES, (a1, a2, a3, b, c, d)) for _ in range(n)]
            yield sum(SIZES[k] for k in kinds), kinds


# ---- from random starts to a solution


def angles_of_start(kind, rng):
    if kind in FIXED:
        return []
    x, y, z = sorted(abs(rng.standard_normal(3)))
    return [math.atan2(math.hypot(x, y), z), math.atan2(y, x)] if kind == "d" else [rng.uniform(0, math.pi / 2)]


def on_sphere(kind, t):
    """The squares at angles t, and what they move along with each of these."""
    if kind in FIXED:
        return [float(v) for v in FIXED[kind]], []
    s, c, turn = math.sin(t[0]) ** 2, math.cos(t[0]) ** 2, math.sin(2 * t[0])
    if kind == "b":
        return (s / 2, s / 2, c), [(turn / 2, turn / 2, -turn)]
    if kind == "c":
        return (s, c, 0), [(turn, -turn, 0)]
    x, y, about = math.cos(t[1]) ** 2, math.sin(t[1]) ** 2, math.sin(2 * t[1]) * s
    return (s * x, s * y, c), [(turn * x, turn * y, -turn), (-about, about, 0)]


class Attempt:
    """The equations of a structure; unknowns u: weights of whole orbits, then angles."""

    def __init__(self, basis, kinds):
        self.basis, self.kinds, self.n = basis, kinds, len(kinds)
        self.sizes = np.array([SIZES[k] for k in kinds], dtype=float)
        self.owner = [o for o, k in enumerate(kinds) for _ in MOVES.get(k, [])]

    def squares(self, u):
        angles = iter(u[self.n :])
        both = [on_sphere(k, [next(angles) for _ in MOVES.get(k, [])]) for k in self.kinds]
        return [b[0] for b in both], [m for b in both for m in b[1]]

    def evaluate(self, squares, moves, weights):
        """Residuals, and the matrix of their slopes along weights and moves."""
        values, slopes = self.basis.floats(squares)
        r = values @ weights
        r[0] -= 1
        along = np.einsum("keo,ok->eo", slopes[:, :, self.owner], np.reshape(moves, (-1, 3))) * weights[self.owner]
        return r, np.concatenate([values, along], axis=1)

    def descend(self, u, free, steps):
        """Levenberg and Marquardt's steps in the unknowns that are free; (u, squared residual)."""
        r, slope = self.evaluate(*self.squares(u), u[: self.n])
        damping = 1e-2
        for _ in range(steps):
            a = slope[:, free]
            square = a.T @ a
            new = u.copy()
            new[free] -= np.linalg.solve(square + damping * np.diag(square.diagonal() + 1e-9), a.T @ r)
            new_r, new_slope = self.evaluate(*self.squares(new), new[: self.n])
            if new_r @ new_r < r @ r:
                u, r, slope, damping = new, new_r, new_slope, damping / 5
            else:
                damping *= 4
            if r @ r < SOLVED or damping > 1e8:
                break
        return u, r @ r

    def settle(self, angles):
        """Of a start, the unknowns where the steps end, and the squared residual."""
        u = np.concatenate([self.sizes / self.sizes.sum(), angles])
        u, _ = self.descend(u, np.arange(self.n, len(u)), 60)
        return self.descend(u, np.arange(len(u)), 200)

    def solve(self, rng):
        """The unknowns of a solution, or None."""
        draw = [angles_of_start(k, rng) for k in self.kinds]
        u, left = self.settle(np.concatenate(draw))
        for _ in range(12):
            if left < SOLVED:
                break
            angles = u[self.n :].copy()
            for o in rng.choice(self.n, min(2, self.n), replace=False):
                angles[np.equal(self.owner, o)] = angles_of_start(self.kinds[o], rng)
            u, left = min((u, left), self.settle(angles), key=lambda end: end[1])
        return u if left < SOLVED else None

    def polish(self, u):
        """Newton's method in the squares: (weights of whole orbits, squares), exact to CONVERGED."""
        moves = [m for k in self.kinds for m in MOVES.get(k, [])]
        weights = [D(float(w)) for w in u[: self.n]]
        squares = [FIXED.get(k) or self.on_simplex(k, s) for k, s in zip(self.kinds, self.squares(u)[0])]
        for _ in range(20):
            values = [self.basis.exact(*s) for s in squares]
            r = [sum((w * v[e] for w, v in zip(weights, values)), D(-(e == 0))) for e in range(len(self.basis.e))]
            if max(map(abs, r)) < CONVERGED:
                return weights, squares
            _, slope = self.evaluate(np.array(squares, dtype=float), moves, np.array(weights, dtype=float))
            scale = max(map(abs, r))
            step = [D(float(s)) * scale for s in np.linalg.solve(slope, [-float(v / scale) for v in r])]
            weights = [w + s for w, s in zip(weights, step)]
            for o, m, s in zip(self.owner, moves, step[self.n :]):
                squares[o] = tuple(v + s * k for v, k in zip(squares[o], m))
        return None

    @staticmethod
    def on_simplex(kind, s):
        x, y = D(s[0]), D(s[0] if kind == "b" else s[1])
        return (x, 1 - x, D(0)) if kind == "c" else (x, y, 1 - x - y)


def solutions(attempt, starts, want, rng):
    """Rules of a structure: (kinds, weights of points, squares)."""
    found = []
    for _ in range(starts):
        u = attempt.solve(rng)
        rule = attempt.polish(u) if u is not None else None
        if rule and all(v >= 0 for s in rule[1] for v in s):
            found.append((attempt.kinds, [w / SIZES[k] for w, k in zip(rule[0], attempt.kinds)], rule[1]))
        if len(found) == want:
            break
    return found


def find(degree, least, starts, want, seed):
    """(points, kinds, weights of points, squares) of the rule of the fewest points, `least` or more, that is found."""
    basis, rng = Basis(degree), np.random.default_rng(seed)
    enough = sorted(s for s in structures(degree) if s[0] >= least)
    for points, same in itertools.groupby(enough, lambda s: s[0]):
        found = [r for _, kinds in same for r in solutions(Attempt(basis, kinds), starts, want, rng)]
        print(f"{degree}: {points} points, {len(found)} solutions", file=sys.stderr, flush=True)
        if found:
            return points, *max(found, key=lambda f: min(f[1]))
    return None


# ---- the table

HEAD = """/* SPDX-License-Identifier: MIT */
/* Lebedev's rules, computed and written by tools/gen_lebedev.py: a point of each orbit under the
   symmetries of the octahedron, 0 <= x <= y <= z, with the weight of each of its points; every
   number is the double nearest to the exact one. */
#ifndef E3TP_SO3_LEBEDEV_RULES_H
#define E3TP_SO3_LEBEDEV_RULES_H

typedef struct e3tp_lebedev_orbit {
    double weight, x, y, z;
} e3tp_lebedev_orbit;

/* Exact to a degree; orbits from `first` on. */
typedef struct e3tp_lebedev_rule {
    int degree, points, first, orbits;
} e3tp_lebedev_rule;
"""


def number(v):
    return "0" if v == 0 else repr(float(v))


def write(rules):
    print(HEAD)
    print("static const e3tp_lebedev_orbit e3tp_lebedev_orbits[] = {")
    for degree, (points, _, weights, squares) in rules:
        print(f"    /* degree {degree}, {points} points */")
        for w, s in zip(weights, squares):
            print(f"    {{{', '.join([number(w)] + [number(v.sqrt()) for v in sorted(s)])}}},")
    print("};\n\nstatic const e3tp_lebedev_rule e3tp_lebedev_rules[] = {")
    first = 0
    for degree, (points, kinds, _, _) in rules:
        print(f"    {{{degree}, {points}, {first}, {len(kinds)}}},")
        first += len(kinds)
    print("};\n\n#endif")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("degrees", nargs="+", metavar="DEGREE[:POINTS]", help="odd, ascending; so many points or more")
    p.add_argument("--starts", type=int, default=100, help="for each structure, at most")
    p.add_argument("--want", type=int, default=4, help="solutions to choose from")
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    wanted = [tuple(map(int, (d + ":0").split(":")[:2])) for d in a.degrees]
    rules = [(degree, find(degree, least, a.starts, a.want, a.seed)) for degree, least in wanted]
    if not all(rule for _, rule in rules):
        sys.exit("not all were found")
    write(rules)


if __name__ == "__main__":
    main()
