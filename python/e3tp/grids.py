# SPDX-License-Identifier: MIT
"""Functions on the sphere: coefficients in real harmonics to samples on a grid, and back."""

import ctypes
import math

import numpy as np

from . import _lib
from ._lib import Handle, check, choice, created, integer, lib
from ._plan import LAYOUTS, Described
from .arrays import address, doubles, float_dtype, readable, result, size_of
from .harmonics import NORMALIZATIONS
from .irreps import Irreps
from .math import points_and_weights

QUADRATURES = {"gauss-legendre": 0, "equiangular": 1}
_RULES = {**QUADRATURES, "lebedev": 2}
_MOST = 2048  # E3TP_S2GRID_MOST
_LMAX = 24  # E3TP_S2GRID_LMAX
_OVERSAMPLE_MOST = 8  # E3TP_OVERSAMPLE_MOST


class _Desc(ctypes.Structure):
    """e3tp_s2grid_desc"""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("l", ctypes.POINTER(ctypes.c_int)),
        ("n", ctypes.c_size_t),
        ("channels", ctypes.c_size_t),
        ("n_theta", ctypes.c_int),
        ("n_phi", ctypes.c_int),
        ("quadrature", ctypes.c_int),
        ("half_offset", ctypes.c_int),
        ("normalization", ctypes.c_int),
        ("lmax_in", ctypes.c_int),
        ("factors", ctypes.c_void_p),
        ("layout", ctypes.c_int),
        ("layout_samples", ctypes.c_int),
        ("dtype", ctypes.c_int),
        ("isa", ctypes.c_int),
        ("batch_hint", ctypes.c_size_t),
        ("threads", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in ("parallel_for", "parallel_ctx", "alloc", "release", "alloc_ctx")),
        ("oversample", ctypes.c_double),
    ]


def sphere_grid(n_theta, n_phi, quadrature="gauss-legendre", half_offset=False, out=None):
    """(points, weights) of a grid on the sphere: unit vectors (n_theta, n_phi, 3), and the weights of a mean over it.

    quadrature   "gauss-legendre": exact for polynomials to degree 2 n_theta - 1; "equiangular": rings at
                 (i + 1/2) pi / n_theta from the axis y, as e3nn has them, exact to degree n_theta - 1; "lebedev":
                 the n_theta points of a rule of lebedev(), n_phi 1
    half_offset  azimuths, from z towards x, at (j + 1/2) 2 pi / n_phi instead of j 2 pi / n_phi
    """
    rule = choice("quadrature", quadrature, _RULES)
    sizes = [integer(name, n, 1, _MOST) for name, n in (("n_theta", n_theta), ("n_phi", n_phi))]
    points, weights = points_and_weights(out, tuple(sizes))
    status = lib.e3tp_s2grid_nodes(rule, *sizes, bool(half_offset), address(points), address(weights))
    check(status, f"n_theta, n_phi: {n_theta}, {n_phi}: there is no such rule of Lebedev's")
    return points, weights


def _pointwise(function, failures):
    """A Python function of one number as the library calls it; the first failure is kept, and NaN returned."""

    def call(x, _):
        try:
            return float(function(x))
        except BaseException as error:  # nothing may fly through the library
            failures.append(error)
            return float("nan")

    return _lib.Pointwise(call)


def _about_pointwise(name, function, sigma, lmax, lmax_out, quadrature, arguments, found):
    """Calls the library about a pointwise function: arguments, then pointers to what it finds."""
    failures = []
    top = integer("lmax", lmax, 0, _LMAX)
    out = top if lmax_out is None else integer("lmax_out", lmax_out, 0, _LMAX)
    rule = choice("quadrature", quadrature, QUADRATURES)
    if not 0 < sigma < float("inf"):
        raise ValueError(f"sigma: {sigma!r}, expected a positive number")
    status = getattr(lib, name)(
        _pointwise(function, failures), None, sigma, top, out, rule, *arguments, *map(ctypes.byref, found)
    )
    if failures:
        raise failures[0]
    texts = {1: "function: not finite on all of -13 sigma..13 sigma", 2: "tolerance: no grid meets it"}
    check(status, texts.get(status))
    return tuple(number.value for number in found)


def grid_size_pointwise(function, lmax, lmax_out=None, tolerance=1e-3, quadrature="gauss-legendre", sigma=1.0):
    """(n_theta, n_phi, error) of the smallest grid on which a pointwise function is equivariant to a tolerance.

    function    of one number, such as math.tanh; finite
    lmax        of the signal: ToS2Grid(lmax) of coefficients of variance sigma^2
    lmax_out    of the result; None: lmax
    tolerance   of the error, 1e-5..1: the root mean square over random signals and rotations of what turning before
                and after differ by, relative to the result; `error` is that of the grid
    A function with a kink, such as abs, takes large grids, and below some tolerance has none: Unsupported. For
    polynomials see grid_size.
    """
    if not 1e-5 <= tolerance <= 1:
        raise ValueError(f"tolerance: {tolerance!r}, expected 1e-5..1")
    found = ctypes.c_int(), ctypes.c_int(), ctypes.c_double()
    return _about_pointwise(
        "e3tp_s2grid_size_pointwise", function, sigma, lmax, lmax_out, quadrature, (tolerance,), found
    )


def grid_error_pointwise(function, lmax, grid, lmax_out=None, quadrature="gauss-legendre", sigma=1.0):
    """The error of grid_size_pointwise on a given grid (n_theta, n_phi)."""
    if not np.iterable(grid) or len(grid) != 2:
        raise ValueError(f"grid: {grid!r}, expected (n_theta, n_phi)")
    sizes = [integer(f"grid, {name}", n, 1, _MOST) for name, n in zip(("n_theta", "n_phi"), grid)]
    found = (ctypes.c_double(),)
    return _about_pointwise(
        "e3tp_s2grid_error_pointwise", function, sigma, lmax, lmax_out, quadrature, sizes, found
    )[0]


def _oversampled(n, factor):
    """n times a factor, rounded up, but what is a rounding above a whole number down: e3tp_grid_oversampled."""
    return math.ceil(n * factor - 1e-9)


def _resolution(lmax, res, quadrature, allow_aliasing, oversample):
    """lmax, res_beta and res_alpha, what is None completed as e3nn does it; for Gauss-Legendre half the rings do."""
    if not 1 <= oversample <= _OVERSAMPLE_MOST:
        raise ValueError(f"oversample: {oversample!r}, expected 1..{_OVERSAMPLE_MOST}")
    if oversample != 1 and (lmax is None or res is not None):
        raise ValueError(f"oversample: {oversample!r}, expected 1 where res is given, or lmax is not")
    if quadrature == "lebedev":
        return _points(lmax, res, allow_aliasing, oversample)
    lmax, beta, alpha = _rings(lmax, res, quadrature, allow_aliasing)
    return lmax, _oversampled(beta, oversample), _oversampled(alpha, oversample)


def _rings(lmax, res, quadrature, allow_aliasing):
    """The same of rings, without oversampling."""
    given = (res, None) if res is None or not np.iterable(res) else tuple(res)
    if len(given) != 2:
        raise ValueError(f"res: {res!r}, expected an integer or (res_beta, res_alpha)")
    beta, alpha = (n if n is None else integer("res", n, 1, _MOST) for n in given)
    equal = quadrature == "equiangular"
    if beta is None and lmax is None and alpha is None:
        raise ValueError("lmax, res: None, expected one of them")
    if beta is None:
        least = lmax + 1 if lmax is not None else (alpha + 1) // 2
        beta = 2 * least if equal else least
    if alpha is None:
        widest = beta - 1 if equal else 2 * beta - 1
        alpha = max(widest, 1) if lmax is None else max(2 * lmax + 1, widest)
    highest = (beta - 1) // 2 if equal else beta - 1  # that goes to the rings and back
    if lmax is None:
        lmax = min(highest, (alpha - 1) // 2)
    if lmax > highest and not allow_aliasing:
        raise ValueError(f"res: {beta} rings, expected at least {2 * lmax + 1 if equal else lmax + 1} for lmax {lmax}")
    return lmax, beta, alpha


def _points(lmax, res, allow_aliasing, oversample):
    """The same of Lebedev's rules: lmax, their number of points, and 1."""
    n, one = (res, 1) if res is None or not np.iterable(res) else tuple(res)
    counts = [lib.e3tp_lebedev_count(2 * l) for l in range(_LMAX + 1)]  # that go there and back; 0: none does
    if n is None and lmax is None:
        raise ValueError("lmax, res: None, expected one of them")
    least = 0 if n is not None else lib.e3tp_lebedev_count(_oversampled(2 * lmax, oversample))
    if n is None and not least:
        raise ValueError(f"lmax: {lmax}, Lebedev's rules serve 0..{counts.index(0) - 1}, fewer with oversample")
    n = least if n is None else integer("res", n, 1, _MOST)
    highest = max((l for l, least in enumerate(counts) if 0 < least <= n), default=0)
    lmax = highest if lmax is None else lmax
    if lmax > highest and not allow_aliasing:
        raise ValueError(f"res: {n} points, which serve lmax 0..{highest}, not {lmax}")
    return lmax, n, integer("res", one, 1, 1)


def _degrees(lmax):
    """The largest degree, and the list of degrees; None: not given."""
    if lmax is None:
        return None, None
    if np.iterable(lmax):
        degrees = [integer("lmax", l, 0, _LMAX) for l in lmax]
        return max(degrees, default=0), degrees
    return integer("lmax", lmax, 0, _LMAX), None


def _normalization(given, n):
    """The library's number of a normalization, and the array of n factors that may stand in its place."""
    if isinstance(given, str):
        return choice("normalization", given, NORMALIZATIONS), None
    factors = doubles("normalization", given)
    if factors.shape != (n,):
        raise ValueError(f"normalization: shape {factors.shape}, expected a name or ({n},)")
    return 0, factors


class _Map(Described):
    """A linear map between coefficients and samples: what ToS2Grid and FromS2Grid have in common."""

    def __init__(
        self,
        lmax,
        res,
        normalization,
        lmax_in,
        dtype,
        *,
        channels=None,
        layout="mul_ir",
        quadrature="equiangular",
        half_offset=False,
        allow_aliasing=False,
        oversample=1.0,
        isa="auto",
        threads=0,
    ):
        top, degrees = _degrees(lmax)
        rule = choice("quadrature", quadrature, _RULES)
        self.lmax, self.res_beta, self.res_alpha = _resolution(top, res, quadrature, allow_aliasing, oversample)
        if self.lmax > _LMAX:
            raise ValueError(f"lmax: None, expected one of 0..{_LMAX}: the grid would serve {self.lmax}")
        degrees = list(range(self.lmax + 1)) if degrees is None else degrees
        self.dtype = float_dtype(dtype)
        layouts = (layout,) * 2 if isinstance(layout, str) else tuple(layout)
        if len(layouts) != 2:
            raise ValueError(f"layout: {layout!r}, expected a name or two, of coefficients and samples")
        self.channels = channels if channels is None else integer("channels", channels)
        copies = 1 if channels is None else self.channels
        self.irreps = Irreps((copies, (l, (-1) ** l)) for l in degrees)
        norm, factors = _normalization(normalization, len(degrees))
        self._freeze(
            l=(ctypes.c_int * len(degrees))(*degrees),
            n=len(degrees),
            channels=copies,
            n_theta=self.res_beta,
            n_phi=self.res_alpha,
            quadrature=rule,
            half_offset=bool(half_offset),
            normalization=norm,
            lmax_in=-1 if lmax_in is None else integer("lmax_in", lmax_in),
            factors=None if factors is None else factors.ctypes.data,
            layout=choice("layout", layouts[0], LAYOUTS),
            layout_samples=choice("layout", layouts[1], LAYOUTS),
            dtype=int(self.dtype == np.float64),
            isa=_lib.isa_number(isa),
            threads=_lib.num_threads(threads),
            oversample=1.0,
        )
        points, self.weights = sphere_grid(self.res_beta, self.res_alpha, quadrature, half_offset)
        self.grid = points.astype(self.dtype)
        ring, own = (self.res_beta, self.res_alpha), () if channels is None else (copies,)
        shapes = (self.irreps.dim,), own + ring if layouts[1] == "mul_ir" else ring + own
        self._sides = {name: (shape, kind == "batch_last") for name, shape, kind in zip("xf", shapes, layouts)}

    def _freeze(self, **fields):
        """Makes the plan of a description."""
        plan = created(lib.e3tp_s2grid_create, ctypes.byref(_Desc(size=ctypes.sizeof(_Desc), **fields)))
        super().__init__(Handle(plan, lib.e3tp_s2grid_destroy, type(self).__name__), lib.e3tp_s2grid_describe)
        self.method, self.isa = "grid", lib.e3tp_s2grid_isa(plan).decode()

    def __repr__(self):
        return f"{type(self).__name__}(lmax={self.lmax} res={self.res_beta}x{self.res_alpha} (beta x alpha))"

    def _axes(self, name, shape):
        """Batch axes of an array of coefficients (x) or samples (f)."""
        own, last = self._sides[name[-1]]
        n = len(own)
        there = shape[:n] if last else shape[len(shape) - n :]
        if len(shape) < n or there != own:
            raise ValueError(f"{name}: shape {shape}, expected {'first' if last else 'last'} axes {own}")
        return shape[n:] if last else shape[: len(shape) - n]

    def _apply(self, function, name, value, to, out):
        array = readable(name, value, self.dtype)
        axes = self._axes(name, array.shape)
        own, last = self._sides[to]
        written = result("out", out, own + axes if last else axes + own, self.dtype)
        with self._handle as plan:
            if size_of(array.shape) and np.may_share_memory(array, written):
                raise ValueError(f"out: shares memory with {name}")
            check(function(plan, size_of(axes), address(array), address(written), None))
        return written


class ToS2Grid(_Map):
    """Samples of functions on the sphere, f(p) = sum_l t[l] sum_m x[l, m] Y[l, m](p): e3nn's ToS2Grid.

    lmax           the largest degree, or the list of degrees; None: the largest that goes to the grid and back
    res            rings res_beta, (res_beta, res_alpha), or None: the smallest of e3nn's grids for lmax
    normalization  "component": t = sqrt(4 pi / ((2l+1) (lmax+1))); "norm": sqrt(4 pi / (lmax+1)); "integral": 1;
                   or t itself, a number for each degree
    channels       None: coefficients (..., dim), samples (..., res_beta, res_alpha); C: Cx0e+Cx1o+... and
                   (..., C, res_beta, res_alpha)
    layout         as in TensorProduct, one for both or two; of samples "ir_mul" is (..., res_beta, res_alpha, C) and
                   "batch_last" (res_beta, res_alpha, C, ...)
    quadrature     "equiangular": e3nn's rings; "gauss-legendre": half as many do; "lebedev": the points of lebedev(),
                   in number two thirds of Gauss-Legendre's: res_beta is their number, res_alpha 1, lmax to 23
    half_offset    azimuths begin half a step from z, not at z
    allow_aliasing True: fewer rings than lmax takes to come back from are not refused
    oversample     1 to 8: with res None, rings and samples times this (Lebedev: the degree of the rule), rounded up,
                   which lowers the error of equivariance of a nonlinearity; see also grid_size_pointwise
    dtype, isa, threads   as in TensorProduct

    Attributes: lmax, res_beta, res_alpha, irreps, grid (res_beta, res_alpha, 3) the points, weights (res_beta,
    res_alpha) those of a mean over the sphere, dtype, isa. The map is linear: its change along dx is the map of dx.
    """

    def __init__(self, lmax=None, res=None, normalization="component", dtype=np.float32, **options):
        super().__init__(lmax, res, normalization, None, dtype, **options)

    def __call__(self, x, out=None):
        """f, the samples."""
        return self._apply(lib.e3tp_s2grid_to, "x", x, "f", out)

    def backward(self, gf, out=None):
        """gx: the gradient of sum(gf f)."""
        return self._apply(lib.e3tp_s2grid_to_backward, "gf", gf, "x", out)


class FromS2Grid(_Map):
    """Coefficients of functions on the sphere, x[l, m] = s[l] sum_p q(p) f(p) Y[l, m](p): e3nn's FromS2Grid.

    normalization  the reverse of ToS2Grid's: "component": s = sqrt(4 pi (2l+1) (lmax_in+1)); "norm":
                   sqrt(4 pi (lmax_in+1)); "integral": 4 pi; or s itself, a number for each degree
    lmax_in        lmax of the ToS2Grid whose samples these are; None: lmax

    q are the weights, of sum 1. All else is as in ToS2Grid.
    """

    def __init__(self, res=None, lmax=None, normalization="component", lmax_in=None, dtype=np.float32, **options):
        super().__init__(lmax, res, normalization, lmax_in, dtype, **options)

    def __call__(self, f, out=None):
        """x, the coefficients."""
        return self._apply(lib.e3tp_s2grid_from, "f", f, "x", out)

    def backward(self, gx, out=None):
        """gf: the gradient of sum(gx x)."""
        return self._apply(lib.e3tp_s2grid_from_backward, "gx", gx, "f", out)
