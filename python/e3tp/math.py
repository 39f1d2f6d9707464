# SPDX-License-Identifier: MIT
"""Exact mathematics: coupling coefficients, strengths, rotation matrices. Results are float64."""

import numpy as np

from ._lib import SIGNS, Unsupported, check, choice, integer, lib
from .arrays import broadcast_axes, doubles, result, results, size_of

_LMAX = 48  # E3TP_SO3_LMAX of e3tp/so3.h
_DOUBLE = np.dtype(np.float64).itemsize


def _refuse_high(l, text):
    """Raises Unsupported for a degree above the library's limit, before there are arrays of its size."""
    if l > _LMAX:
        raise Unsupported(text)


def wigner_3j(l1, l2, l3, sign="e3nn>=0.5", out=None):
    """The real coupling tensor of unit norm, (2l1+1, 2l2+1, 2l3+1), as e3nn's wigner_3j.

    sign is "e3nn>=0.5", or "e3nn<=0.4.4" (to l = 11), which differs for half of the triples of odd l1+l2+l3.
    """
    number = choice("sign", sign, SIGNS)
    l1, l2, l3 = (integer(name, l) for name, l in (("l1", l1), ("l2", l2), ("l3", l3)))
    if not abs(l1 - l2) <= l3 <= l1 + l2:
        raise ValueError(f"l3: {l3}, expected {abs(l1 - l2)}..{l1 + l2}, what {l1} x {l2} can give")
    if number == SIGNS["e3nn<=0.4.4"] and max(l1, l2, l3) > 11:
        raise ValueError(f"({l1}, {l2}, {l3}): the sign convention {sign!r} ends at l = 11")
    _refuse_high(max(l1, l2, l3), f"({l1}, {l2}, {l3}): the degrees are too high")
    w = result("out", out, (2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1), np.float64)
    check(lib.e3tp_wigner_3j(l1, l2, l3, number, w.ctypes.data))
    return w


def _matrices(l, axes, out, fill):
    """Calls fill(row, address) for every matrix of (*axes, 2l+1, 2l+1)."""
    _refuse_high(l, f"l: {l} is too high")
    D = result("out", out, axes + (2 * l + 1, 2 * l + 1), np.float64)
    step = (2 * l + 1) ** 2 * _DOUBLE
    for row in range(size_of(axes)):
        fill(row, D.ctypes.data + row * step)
    return D


def wigner_D(l, alpha, beta, gamma, out=None):
    """(..., 2l+1, 2l+1) with Y(Rx) = D Y(x), R = R_y(alpha) R_x(beta) R_y(gamma); the angles broadcast."""
    l = integer("l", l)
    angles = {name: doubles(name, a) for name, a in (("alpha", alpha), ("beta", beta), ("gamma", gamma))}
    axes = broadcast_axes(**{name: a.shape for name, a in angles.items()})
    rows = list(zip(*(np.broadcast_to(a, axes).ravel().tolist() for a in angles.values())))

    def fill(row, address):
        check(lib.e3tp_wigner_D(l, *rows[row], address))

    return _matrices(l, axes, out, fill)


def wigner_D_from_matrix(l, R, p=1, out=None):
    """(..., 2l+1, 2l+1): the matrix of the orthogonal R (..., 3, 3) on the irrep of degree l and parity p.

    det R = -1 gives p D(-R). No angles on the way: full accuracy near the identity and at half turns.
    """
    l, p = integer("l", l), integer("p", p, -1)
    R = doubles("R", R)
    if p not in (1, -1):
        raise ValueError(f"p: {p}, expected 1 or -1")
    if isinstance(out, np.ndarray) and np.may_share_memory(R, out):
        raise ValueError("out: shares memory with R")
    if R.shape[-2:] != (3, 3):
        raise ValueError(f"R: shape {R.shape}, expected (..., 3, 3)")

    def fill(row, address):
        status = lib.e3tp_wigner_D_from_matrix(l, p, R.ctypes.data + 9 * _DOUBLE * row, address)
        check(status, f"R: matrix {row} is not orthogonal")

    return _matrices(l, R.shape[:-2], out, fill)


def _strength(function, l1, l2, l3):
    value = function(*(integer(name, l, -(2**31)) for name, l in (("l1", l1), ("l2", l2), ("l3", l3))))
    if value != value:
        raise Unsupported(f"({l1}, {l2}, {l3}): the degrees are too high")
    return value


def gaunt_strength(l1, l2, l3):
    """g >= 0 with integral Y1 Y2 Y3 = g wigner_3j for orthonormal harmonics; 0 where l1+l2+l3 is odd."""
    return _strength(lib.e3tp_gaunt_strength, l1, l2, l3)


def bracket_strength(l1, l2, l3):
    """a >= 0 with integral {Y1, Y2} Y3 = a wigner_3j for orthonormal harmonics; 0 where l1+l2+l3 is even."""
    return _strength(lib.e3tp_bracket_strength, l1, l2, l3)


def points_and_weights(out, shape):
    """The arrays of the nodes of a rule of that shape: new ones, or those of a call's out=."""
    out = results("out", out, 2)
    return result("out[0]", out[0], (*shape, 3), np.float64), result("out[1]", out[1], shape, np.float64)


def lebedev(degree, out=None):
    """(points, weights) of Lebedev's rule: unit vectors (n, 3), and the weights (n,) of a mean over the sphere.

    The smallest rule with the symmetry of the octahedron that is exact for polynomials in (x, y, z) to `degree`, to
    47; some weights of those of degrees 13, 25 and 27 are negative. For a product of functions to degrees l1, l2 and a
    harmonic of degree l3 that is l1 + l2 + l3. Samples of coefficients x (..., (L+1)^2), and the way back:

        points, weights = lebedev(2 * L)
        Y = spherical_harmonics(range(L + 1), points, True, "component")  # (n, (L+1)^2)
        f = x @ Y.T
        x = f * weights @ Y
    """
    degree = integer("degree", degree)
    n = lib.e3tp_lebedev_count(degree)
    points, weights = points_and_weights(out, (n,))
    check(lib.e3tp_lebedev(degree, points.ctypes.data, weights.ctypes.data), f"degree: {degree} is too high")
    return points, weights


def with_inversions(D, p, k, out=None):
    """p^k D for numbers k of inversions, which broadcast against the batch axes of D."""
    signs = np.where(np.asarray(k) % 2 == 0, 1.0, float(p))[..., None, None]
    return np.multiply(D, signs, out=result("out", out, np.broadcast_shapes(D.shape, signs.shape), np.float64))


def direct_sum(blocks, axes, out=None):
    """Block diagonal matrix of square blocks (*axes, n, n)."""
    n = sum(b.shape[-1] for b in blocks)
    total = result("out", out, axes + (n, n), np.float64)
    total[...] = 0
    at = 0
    for b in blocks:
        total[..., at : at + b.shape[-1], at : at + b.shape[-1]] = b
        at += b.shape[-1]
    return total
