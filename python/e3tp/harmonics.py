# SPDX-License-Identifier: MIT
"""Real spherical harmonics of vectors, and their derivatives."""

import ctypes

import numpy as np

from . import _lib
from ._lib import Closable, Handle, HarmonicsDesc, Vectors, check, choice, created, integer, lib
from .arrays import address, doubles, float_dtype, overlap, readable, result, results, size_of
from .irreps import Irrep, Irreps

NORMALIZATIONS = {"integral": 0, "component": 1, "norm": 2}


def degrees_of(l):
    """The list of degrees that an int, a list of ints, Irreps or their text stand for, as in e3nn.

    Irreps must have the parities of harmonics: all of a polar vector, (-1)^l, or all of an axial one, even.
    """
    if not isinstance(l, (str, Irrep, Irreps)):
        return [integer("l", n) for n in (l if np.iterable(l) else [l])]
    irreps = Irreps(l)
    vector = 1 if any(ir.p == 1 for _, ir in irreps if ir.l % 2) else -1
    for _, ir in irreps:
        if ir.p != vector**ir.l:
            raise ValueError(
                f"l: {irreps} has the irrep {ir}, which harmonics of a vector of parity {vector} do not have"
            )
    return irreps.ls


class SphericalHarmonics(Closable):
    """Real spherical harmonics of vectors (..., 3), degree by degree, with first and second derivatives.

    l              an int, a list of ints in any order, Irreps or their text; degrees to 24
    normalize      True: of the direction xyz / |xyz|; False: homogeneous polynomials of degree l in x, y, z
    normalization  "integral" | "component" | "norm": on the unit sphere, the square of each integrates to 1; the
                   squares of a degree sum to 2l+1; they sum to 1

    ls     the degrees
    dim    sum of 2l+1
    isa    the tier that was chosen

    At the origin values are those of normalize=False, and derivatives those of the polynomials or, with
    normalize=True, 0. Safe to use from several threads at once.
    """

    method = "recurrence"

    def __init__(self, l, normalize, normalization="integral", dtype=np.float32, threads=0, isa="auto"):
        self.ls = degrees_of(l)
        self.normalize, self.normalization = bool(normalize), normalization
        self.dtype = float_dtype(dtype)
        desc = HarmonicsDesc(
            size=ctypes.sizeof(HarmonicsDesc),
            ls=(ctypes.c_int * len(self.ls))(*self.ls),
            nls=len(self.ls),
            normalize=self.normalize,
            norm=choice("normalization", normalization, NORMALIZATIONS),
            dtype=int(self.dtype == np.float64),
            isa=_lib.isa_number(isa),
            threads=_lib.num_threads(threads),
        )
        plan = created(lib.e3tp_sh_create, desc)
        self._handle = Handle(plan, lib.e3tp_sh_destroy, type(self).__name__)
        self.dim = lib.e3tp_sh_dim(plan)
        self.isa = lib.e3tp_sh_isa(plan).decode()

    def __call__(self, xyz, out=None):
        """Values: (..., dim)."""
        return self._evaluate(xyz, 0, out)

    def jacobian(self, xyz, out=None):
        """First derivatives: (..., 3, dim)."""
        return self._evaluate(xyz, 1, out)

    def hessian(self, xyz, out=None):
        """Second derivatives: (..., 3, 3, dim)."""
        return self._evaluate(xyz, 2, out)

    def backward(self, xyz, g, out=None):
        """Cotangent g (..., dim) of the values to that of xyz."""
        xyz, axes = self._vectors(xyz)
        g = self._given("g", g, (*axes, self.dim))
        out = result("out", out, xyz.shape, self.dtype)
        self._call("backward", [("xyz", xyz), ("g", g)], [("out", out)])
        return out

    def double_backward(self, xyz, g, gg, out=None):
        """Cotangent gg (..., 3) of backward's result to those of xyz and of g."""
        xyz, axes = self._vectors(xyz)
        g = self._given("g", g, (*axes, self.dim))
        gg = self._given("gg", gg, xyz.shape)
        out = results("out", out, 2)
        hx = result("out[0]", out[0], xyz.shape, self.dtype)
        hg = result("out[1]", out[1], g.shape, self.dtype)
        self._call("double_backward", [("xyz", xyz), ("g", g), ("gg", gg)], [("out[0]", hx), ("out[1]", hg)])
        return hx, hg

    def describe(self):
        """What the object computes, and how."""
        what = "directions" if self.normalize else "polynomials"
        with self._handle:
            return (
                f"harmonics of degrees {self.ls}, {what}, {self.normalization}; {self.dtype}, {self.method} in the "
                f"order, tier {self.isa}"
            )

    def _given(self, name, value, shape):
        array = readable(name, value, self.dtype)
        if array.shape != shape:
            raise ValueError(f"{name}: shape {array.shape}, expected {shape}")
        return array

    def _vectors(self, xyz):
        xyz = readable("xyz", xyz, self.dtype)
        if xyz.shape[-1:] != (3,):
            raise ValueError(f"xyz: shape {xyz.shape}, expected (..., 3)")
        return xyz, xyz.shape[:-1]

    def _evaluate(self, xyz, order, out):
        xyz, axes = self._vectors(xyz)
        out = result("out", out, (*axes, *(3,) * order, self.dim), self.dtype)
        self._call("evaluate", [("xyz", xyz)], [("out", out if n == order else None) for n in range(3)])
        return out

    def _call(self, name, operands, outs):
        """Lists of (name, array), the vectors first; None for a result that is not wanted."""
        (_, xyz), *others = operands
        vectors = Vectors(n=size_of(xyz.shape[:-1]), x=address(xyz))
        pointers = [None if a is None else address(a) for _, a in others + outs]
        with self._handle as plan:
            status = getattr(lib, f"e3tp_sh_{name}")(plan, vectors, *pointers)
        if status:
            check(status, overlap(outs, operands))


def spherical_harmonics(l, xyz, normalize, normalization="integral", out=None):
    """Real spherical harmonics of vectors (..., 3): (..., dim), as SphericalHarmonics gives them.

    float32 in gives float32 out, all else float64.
    """
    single = getattr(xyz, "dtype", None) == np.float32
    points = xyz if single else doubles("xyz", xyz)
    with SphericalHarmonics(l, normalize, normalization, np.float32 if single else np.float64) as harmonics:
        return harmonics(points, out=out)
