# SPDX-License-Identifier: MIT
"""Exact mathematics: coupling coefficients, strengths, rotation matrices. NumPy arrays of float64."""

import ctypes

import numpy as np

from ._lib import lib

_signs = {"e3nn>=0.5": 0, "e3nn<=0.4.4": 1}


def _doubles(array):
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))


def wigner_3j(l1, l2, l3, sign="e3nn>=0.5"):
    """The real coupling tensor of unit norm, (2l1+1, 2l2+1, 2l3+1)."""
    if sign not in _signs:
        raise ValueError(f"sign: {sign!r}, expected one of {sorted(_signs)}")
    if min(l1, l2, l3) < 0 or not abs(l1 - l2) <= l3 <= l1 + l2:
        raise ValueError(f"({l1}, {l2}, {l3}) is outside the triangle")
    out = np.empty((2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1))
    if lib.e3tp_wigner_3j(l1, l2, l3, _signs[sign], _doubles(out)):
        raise ValueError(
            f"({l1}, {l2}, {l3}): the degrees are too high for the sign convention {sign!r}"
        )
    return out


def wigner_D(l, alpha, beta, gamma):
    """(..., 2l+1, 2l+1) with Y(Rx) = D Y(x), R = R_y(alpha) R_x(beta) R_y(gamma)."""
    angles = np.broadcast_arrays(*(np.asarray(a, float) for a in (alpha, beta, gamma)))
    out = np.empty(angles[0].shape + (2 * l + 1, 2 * l + 1))
    for index in np.ndindex(angles[0].shape):
        one = np.empty((2 * l + 1, 2 * l + 1))
        if lib.e3tp_wigner_D(l, *(float(a[index]) for a in angles), _doubles(one)):
            raise ValueError(f"l = {l} is out of range")
        out[index] = one
    return out


def gaunt_strength(l1, l2, l3):
    """g >= 0 of docs/conventions.md."""
    return lib.e3tp_gaunt_strength(l1, l2, l3)


def bracket_strength(l1, l2, l3):
    """a >= 0 of docs/conventions.md."""
    return lib.e3tp_bracket_strength(l1, l2, l3)
