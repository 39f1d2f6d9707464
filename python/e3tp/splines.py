# SPDX-License-Identifier: MIT
"""Functions of a distance as cubic splines, many at once: what weights of a convolution may be made of."""

import ctypes

import numpy as np

from . import _lib
from ._lib import Closable, Handle, SplineDesc, check, created, integer, lib
from .arrays import FLOATS, address, float_dtype, overlap, readable, result, size_of


class Spline(Closable):
    """Cubic splines of a distance r on uniform knots 0..r_max, one for each column, for each type a table of them.

    r_max   beyond it functions and derivatives are 0
    values  (types, knots, width) or (knots, width): the functions at the knots, at least 3, float32 or float64, which
            everything else then is

    values        what the splines were fitted to; read-only, a copy
    coefficients  ([types,] knots + 2, width), of the B-splines of the knots -1..knots; read-only
    r_max, types, knots, width, dtype
    isa           the tier that was chosen

    Between the knots two derivatives are continuous. The slope at r_max is 0: functions whose value there is 0 too are
    continuous with their derivative. Safe to use from several threads at once.
    """

    method = "b-spline"

    def __init__(self, r_max, values, isa="auto", threads=0):
        values = _samples(values)
        self.dtype = values.dtype
        self.types, (self.knots, self.width) = size_of(values.shape[:-2]), values.shape[-2:]
        desc = SplineDesc(
            size=ctypes.sizeof(SplineDesc),
            knots=self.knots,
            r_max=r_max,
            width=self.width,
            dtype=int(self.dtype == np.float64),
            isa=_lib.isa_number(isa),
            threads=_lib.num_threads(threads),
        )
        plan = created(lib.e3tp_spline_create, desc)
        self._handle = Handle(plan, lib.e3tp_spline_destroy, type(self).__name__)
        self.r_max = float(self.dtype.type(r_max))
        self.isa = lib.e3tp_spline_isa(plan).decode()
        self.values = values.copy()
        self.coefficients = np.empty((*values.shape[:-2], self.knots + 2, self.width), self.dtype)
        self.set_values(self.values)

    @classmethod
    def from_function(cls, function, r_max, knots, types=None, dtype=np.float32, isa="auto", threads=0):
        """The spline of function(r), or with types of function(r, type) for type = 0..types-1.

        function takes all knots at once, float64 (knots,), and gives (knots, width) or (knots,).
        """
        knots, dtype = integer("knots", knots, 3), float_dtype(dtype)
        r = np.linspace(0, float(dtype.type(r_max)), knots)
        if types is None:
            values = _sampled(function(r), knots, dtype)
        else:
            each = range(integer("types", types, 1))
            values = np.stack([_sampled(function(r, t), knots, dtype) for t in each])
        return cls(r_max, values, isa, threads)

    def set_values(self, values):
        """Fits the splines to other values of the same shape and dtype."""
        coefficients = self.fit(values)
        self._keep(np.array(values), coefficients)

    def fit(self, values, out=None):
        """The coefficients of the splines through other values, which are not kept: a linear map."""
        values = readable("values", values, self.dtype)
        if values.shape != self.values.shape:
            raise ValueError(f"values: shape {values.shape}, expected {self.values.shape}")
        out = result("out", out, self.coefficients.shape, self.dtype)
        with self._handle as plan:
            status = lib.e3tp_spline_fit(plan, self.types, address(values), address(out))
        if status:
            check(status, overlap([("out", out)], [("values", values)]))
        return out

    def __call__(self, r, types=None, out=None):
        """The functions at distances r (...), each of the type in types (...): (..., width)."""
        return self._evaluate(r, types, 0, out)

    def derivative(self, r, types=None, out=None):
        """First derivatives by r: (..., width)."""
        return self._evaluate(r, types, 1, out)

    def second_derivative(self, r, types=None, out=None):
        """Second derivatives by r: (..., width)."""
        return self._evaluate(r, types, 2, out)

    def fit_backward(self, gcoefficients, out=None):
        """Cotangents of the coefficients to those of the values, each of its shape: the fit is linear."""
        g = readable("gcoefficients", gcoefficients, self.dtype)
        if g.shape != self.coefficients.shape:
            raise ValueError(f"gcoefficients: shape {g.shape}, expected {self.coefficients.shape}")
        out = result("out", out, self.values.shape, self.dtype)
        with self._handle as plan:
            status = lib.e3tp_spline_fit_backward(plan, self.types, address(g), address(out))
        if status:
            check(status, overlap([("out", out)], [("gcoefficients", g)]))
        return out

    def describe(self):
        """What the object computes, and how."""
        with self._handle:
            return (
                f"{self.width} cubic splines of {self.types} types on {self.knots} knots, 0 to {self.r_max:g}; "
                f"{self.dtype}, tier {self.isa}"
            )

    def _keep(self, values, coefficients):
        values.flags.writeable = coefficients.flags.writeable = False
        self.values, self.coefficients = values, coefficients

    def _types(self, types, axes):
        """types as int32, of the shape of r; None for all of the only type."""
        if types is None:
            if self.types != 1:
                raise ValueError(f"types: needed, the spline has {self.types}")
            return None
        array = np.asarray(types)
        if array.dtype.kind not in "iu" and array.size:
            raise TypeError(f"types: dtype {array.dtype}, expected integers")
        if array.shape != axes:
            raise ValueError(f"types: shape {array.shape}, expected {axes} as r")
        if array.size and not (0 <= array.min() and array.max() < self.types):
            raise ValueError(f"types: {array.min()}..{array.max()}, expected 0..{self.types - 1}")
        return np.require(array, np.int32, "CA")

    def _evaluate(self, r, types, order, out):
        r = readable("r", r, self.dtype)
        types = self._types(types, r.shape)
        out = result("out", out, (*r.shape, self.width), self.dtype)
        coefficients, results = self.coefficients, [None, None, None]
        results[order] = address(out)
        chosen = None if types is None else address(types)
        with self._handle as plan:
            status = lib.e3tp_spline_evaluate(
                plan, self.types, address(coefficients), address(r), chosen, r.size, *results
            )
        if status:
            check(status, overlap([("out", out)], [("r", r), ("types", types), ("coefficients", coefficients)]))
        return out


def _samples(values):
    """values as an array that tells the shape and dtype of a spline."""
    array = np.asarray(values)
    if array.dtype not in FLOATS:
        raise TypeError(f"values: dtype {array.dtype}, expected float32 or float64")
    if array.ndim not in (2, 3):
        raise ValueError(f"values: shape {array.shape}, expected (types, knots, width) or (knots, width)")
    return readable("values", array, array.dtype)


def _sampled(values, knots, dtype):
    """What a function gave at the knots, as (knots, width)."""
    array = np.asarray(values, dtype)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or len(array) != knots:
        raise ValueError(f"function: gave the shape {np.shape(values)}, expected ({knots}, width) or ({knots},)")
    return array
