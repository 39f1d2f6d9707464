# SPDX-License-Identifier: MIT
"""Real spherical harmonics: scalar, exact, in double."""

import ctypes

import numpy as np

from ._lib import check, choice, integer, lib
from .arrays import doubles, result, size_of
from .irreps import Irreps

NORMALIZATIONS = {"integral": 0, "component": 1, "norm": 2}


def degrees_of(l):
    """The list of degrees that an int, a list of ints, Irreps or their text stand for, as in e3nn.

    Irreps must have the parities of harmonics: all of a polar vector, (-1)^l, or all of an axial one, even.
    """
    if not isinstance(l, (str, Irreps)):
        return [integer("l", n) for n in (l if np.iterable(l) else [l])]
    irreps = Irreps(l)
    vector = 1 if any(ir.p == 1 for _, ir in irreps if ir.l % 2) else -1
    for _, ir in irreps:
        if ir.p != vector**ir.l:
            raise ValueError(
                f"l: {irreps} has the irrep {ir}, which harmonics of a vector of parity {vector} do not have"
            )
    return irreps.ls


def spherical_harmonics(l, xyz, normalize, normalization="integral", out=None):
    """Real spherical harmonics of vectors (..., 3): (..., dim), degree by degree, dim = sum of 2l+1.

    l              an int, a list of ints in any order, Irreps or their text
    normalize      True: of the direction xyz / |xyz|; False: homogeneous polynomials of degree l in x, y, z
    normalization  "integral" | "component" | "norm": on the unit sphere, the square of each integrates to 1; the
                   squares of a degree sum to 2l+1; they sum to 1

    float32 in gives float32 out, all else float64. At the origin the values are those of normalize=False.
    """
    ls = degrees_of(l)
    norm = choice("normalization", normalization, NORMALIZATIONS)
    dtype = np.float32 if getattr(xyz, "dtype", None) == np.float32 else np.float64
    points = doubles("xyz", xyz)
    if points.shape[-1:] != (3,):
        raise ValueError(f"xyz: shape {points.shape}, expected (..., 3)")
    axes = points.shape[:-1]
    out = result("out", out, axes + (sum(2 * n + 1 for n in ls),), dtype)
    values = out if dtype == np.float64 else np.empty(out.shape)
    numbers = (ctypes.c_int * len(ls))(*ls)
    status = lib.e3tp_sh_eval(
        numbers, len(ls), bool(normalize), norm, points.ctypes.data, size_of(axes), values.ctypes.data, None
    )
    check(status, f"l: {max(ls, default=0)} is too high")
    if values is not out:
        out[...] = values
    return out
