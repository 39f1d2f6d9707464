# SPDX-License-Identifier: MIT
"""Radial bases: functions of a distance times a cutoff, and their derivatives."""

import ctypes
import numbers

import numpy as np

from . import _lib
from ._lib import Closable, Handle, RadialDesc, check, choice, created, integer, lib
from .arrays import address, float_dtype, overlap, readable, result

BASES = {"bessel": 0, "gaussian": 1, "smooth_finite": 2, "cosine": 3, "fourier": 4}
CUTOFFS = {"none": 0, "polynomial": 1, "cosine": 2, "xplor": 3, "soft_step": 4, "mollifier": 5, "sharp": 6}


def real(name, value):
    """value as a float; a TypeError for what is no real number."""
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: {value!r}, expected a number")
    return float(value)


class RadialBasis(Closable):
    """num functions of a distance r, times a cutoff, with first and second derivatives.

    basis      "bessel" | and those of e3nn's soft_one_hot_linspace: "gaussian" | "smooth_finite" | "cosine" | "fourier"
    num        how many functions, to 1024
    r_max      the cutoff radius, in the unit of r; derivatives are per that unit
    cutoff     "polynomial" | "cosine" | "xplor" | "soft_step" | "mollifier" | "sharp" (1 below r_max) | "none";
               with all but the last, results are exactly 0 from r_max on
    p          of "polynomial" and "soft_step": 1 to 64
    r_min      where the range of e3nn's bases begins
    drop_ends  True leaves the ends of the range out: e3nn's cutoff=True
    r_on       where "xplor" begins to fall

    num, r_max, basis, cutoff, dtype
    isa        the tier that was chosen

    Formulas and error bounds are in e3tp/radial.h. At r = 0 results are the limits, a negative r counts as 0, NaN gives
    NaN. Safe to use from several threads at once.
    """

    method = "formula"

    def __init__(
        self,
        basis="bessel",
        num=8,
        *,
        r_max,
        cutoff="polynomial",
        p=6,
        r_min=0.0,
        drop_ends=False,
        r_on=0.0,
        dtype=np.float32,
        isa="auto",
        threads=0,
    ):
        self.basis, self.cutoff = basis, cutoff
        self.num, self.r_max = integer("num", num), real("r_max", r_max)
        self.dtype = float_dtype(dtype)
        desc = RadialDesc(
            size=ctypes.sizeof(RadialDesc),
            basis=choice("basis", basis, BASES),
            cutoff=choice("cutoff", cutoff, CUTOFFS),
            num=self.num,
            r_max=self.r_max,
            r_min=real("r_min", r_min),
            drop_ends=bool(drop_ends),
            p=integer("p", p),
            r_on=real("r_on", r_on),
            dtype=int(self.dtype == np.float64),
            isa=_lib.isa_number(isa),
            threads=_lib.num_threads(threads),
        )
        plan = created(lib.e3tp_radial_create, desc)
        self._handle = Handle(plan, lib.e3tp_radial_destroy, type(self).__name__)
        self.isa = lib.e3tp_radial_isa(plan).decode()

    def __call__(self, r, out=None):
        """Values: (..., num)."""
        return self._evaluate(r, 0, out)

    def derivative(self, r, out=None):
        """First derivatives by r: (..., num)."""
        return self._evaluate(r, 1, out)

    def second_derivative(self, r, out=None):
        """Second derivatives by r: (..., num)."""
        return self._evaluate(r, 2, out)

    def describe(self):
        """What the object computes, and how."""
        with self._handle:
            return (
                f"{self.num} radial functions, {self.basis}, cutoff {self.cutoff} at {self.r_max:g}; {self.dtype}, "
                f"tier {self.isa}"
            )

    def _evaluate(self, r, order, out):
        r = readable("r", r, self.dtype)
        out = result("out", out, (*r.shape, self.num), self.dtype)
        pointers = [None, None, None]
        pointers[order] = address(out)
        with self._handle as plan:
            status = lib.e3tp_radial_eval(plan, address(r), r.size, *pointers)
        if status:
            check(status, overlap([("out", out)], [("r", r)]))
        return out
