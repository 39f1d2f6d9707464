# SPDX-License-Identifier: MIT
"""Products of signals on the sphere, given by their coefficients in real spherical harmonics."""

import ctypes
import itertools
import math

import numpy as np

from . import _lib
from ._lib import KINDS, check, choice, integer, lib
from ._plan import Descriptor, Plan, irreps_from
from .arrays import broadcast_axes, readable, result, sum_to
from .grids import QUADRATURES
from .irreps import Irrep

WEIGHTS = {None: 0, "shared": 1, "row": 2}
_FULL = -2  # E3TP_SPIN_FULL


def _degrees(name, lmax):
    """0..lmax, or the list of degrees itself."""
    if isinstance(lmax, Irrep):
        raise TypeError(f"{name}: the irrep {lmax}, expected a degree or a list of degrees")
    if np.iterable(lmax):
        return [integer(name, l) for l in lmax]
    return list(range(integer(name, lmax, 0, 1000) + 1))


def grid_size(lmax, lmax_out, quadrature="gauss-legendre"):
    """(n_theta, n_phi) of the smallest grid on which products of functions are exact.

    lmax        a degree for each factor (0..l), as many as are multiplied
    lmax_out    the degree to which the product is analysed
    quadrature  "gauss-legendre" | "equiangular"
    """
    rule = choice("quadrature", quadrature, QUADRATURES)
    degrees = [integer("lmax", l, 0, 65535) for l in lmax]
    if not 0 < len(degrees) <= 16383:
        raise ValueError(f"lmax: {len(degrees)} factors, expected 1 to 16383")
    theta, phi = ctypes.c_int(), ctypes.c_int()
    given = (ctypes.c_int * len(degrees))(*degrees)
    out = integer("lmax_out", lmax_out, 0, 65535)
    check(lib.e3tp_grid_size(given, len(degrees), out, rule, ctypes.byref(theta), ctypes.byref(phi)), "grid_size")
    return theta.value, phi.value


class SignalProduct(Plan):
    """Product of two signals on the sphere, irrep by irrep of the result; per channel

        z[l3] = c[l3] sum_{l1,l2} a[l1] b[l2] kappa(l1,l2,l3) W(l1,l2,l3) : x[l1] (x) y[l2]

    kind       "gaunt"     product of functions; l1+l2+l3 even, kappa = gaunt_strength
               "bracket"   their Poisson bracket; l1+l2+l3 odd, kappa = bracket_strength, a pseudo-function
               "complete"  both, gaunt's results before bracket's
               "matrix"    product of matrices that stand for functions; kappa = (-1)^l3 {l1 l2 l3; h h h}, the 6j
               "vector"    product of vector fields in the harmonics V^(j,l), j-1 <= l <= j+1, ascending by j, then l
    lmax1, lmax2, lmax_out   each a degree L (0..L), or an ascending list of degrees
    channels   C; the irreps of functions are Cx0e+Cx1o+...
    y_channels None: y has C channels too; 1: it has one, which meets all of x, and irreps_in2 are 1x0e+1x1o+...
    y_zonal    y is symmetric about the pole, the axis y: a number for each degree and channel of y, its coefficient of
               order 0, and irreps_in2 are 0e; not of "vector"
    weights    None; "shared": a (n1, C), b (n2, C), c (n_out, C), a row per irrep; "row": the same behind batch axes
    rank       R: the sum of R products with weights of their own, a (R, n1, C), b (R, n2, C), c (R, n_out, C);
               1: one product, weights without that axis
    common_output  of these products: c (n_out, C), the same for all, which are added before the result is made
    grid       samples of the method "grid", (n_theta, n_phi), refused unless exact or allow_aliasing; None: the
               fewest of whole fours of columns
    allow_aliasing  True: a smaller grid computes what it computes; describe() lists the irreps that are not exact.
               Where other methods serve too, "auto" takes one of these, which are exact: ask for "grid"
    oversample  1 to 8: without a grid, the smallest exact one times this in each direction, rounded up
    quadrature "gauss-legendre" | "equiangular": the rings of that grid
    spin       h of "matrix": matrices of 2h+1 rows; None: the least that holds all degrees; "full": the least for which
               no coupling is zero by accident (describe() lists those that are)
    product    of "vector": "cross", a vector field, or "dot", a function
    types      of "vector": for x, y and the result None, or those of l - j = -1, 0, 1 that a field has; (0, 1, None)
               makes every coupling of j1, j2 >= 1 in one cross product
    method     "auto" or a name of methods(kind)
    dtype, layout, isa, threads   as in TensorProduct

    Attributes: irreps_in1, irreps_in2, irreps_out, kappa (n1, n2, n_out), weight_numel, method, isa, dtype.
    """

    def __init__(
        self,
        kind,
        lmax1,
        lmax2,
        lmax_out,
        channels=1,
        weights=None,
        rank=1,
        dtype=np.float32,
        layout="mul_ir",
        method="auto",
        isa="auto",
        threads=0,
        grid=None,
        allow_aliasing=False,
        quadrature="gauss-legendre",
        spin=None,
        product="cross",
        types=None,
        y_channels=None,
        common_output=False,
        y_zonal=False,
        oversample=1.0,
    ):
        operation = _operation(kind, spin, product)
        bits = _types(types, kind)
        names = ("lmax1", "lmax2", "lmax_out")
        lists = [_degrees(name, lmax) for name, lmax in zip(names, (lmax1, lmax2, lmax_out))]
        self.kind, self.weights, self.rank = kind, weights, integer("rank", rank, 1, 65535)
        self.channels = integer("channels", channels, 0, 2**32 - 1)
        with Descriptor(operation) as desc:
            for which, degrees in enumerate(lists):
                desc.set("degrees", which, (ctypes.c_int * len(degrees))(*degrees), len(degrees))
            desc.set("channels", self.channels)
            desc.set("y_channels", 0 if y_channels is None else integer("y_channels", y_channels, 1))
            if y_zonal:
                desc.set("y_zonal", 1)
            desc.set("weights", choice("weights", weights, WEIGHTS))
            desc.set("rank", self.rank)
            desc.set("common_output", bool(common_output))
            if spin is not None:
                desc.set("spin", _FULL if spin == "full" else integer("spin", spin))
            for which, kept in bits:
                desc.set("field_types", which, kept)
            rule = choice("quadrature", quadrature, QUADRATURES)
            desc.set("grid", *_grid(grid), rule, bool(allow_aliasing))
            desc.set("oversample", float(oversample))
            self._freeze(desc, dtype, layout, method, isa, threads, weights == "shared")
        self._introspect()
        self._letters = "xyabc" if weights else "xy"
        # The library takes one row of weights, a then b then c: letter, shape, place in it.
        own = [self.rank > 1] * 2 + [self.rank > 1 and not common_output]
        shapes = [(self.rank,) * has + (n, self.channels) for has, n in zip(own, self.kappa.shape)]
        ends = [0, *itertools.accumulate(math.prod(shape) for shape in shapes)]
        self._parts = list(zip("abc", shapes, map(slice, ends, ends[1:])))

    def _introspect(self):
        """irreps_in1, irreps_in2, irreps_out and kappa, as the library has them."""
        block = (ctypes.c_uint32 * 3)()
        with self._handle as plan:
            lists = [irreps_from(lib.e3tp_plan_irreps, plan, which) for which in range(3)]
            self.irreps_in1, self.irreps_in2, self.irreps_out = lists
            self.kappa = np.zeros([len(irreps) for irreps in lists])
            for path in range(lib.e3tp_plan_num_paths(plan)):
                lib.e3tp_plan_path_blocks(plan, path, block)
                self.kappa[tuple(block)] = lib.e3tp_plan_path_coefficient(plan, path)

    def __repr__(self):
        return (
            f"SignalProduct({self.kind!r}, {self.irreps_in1} x {self.irreps_in2} -> {self.irreps_out} | "
            f"{np.count_nonzero(self.kappa)} paths | {self.weight_numel} weights)"
        )

    def _factor(self, name, value, shape):
        """One of a, b, c or of their cotangents and tangents, checked."""
        array = readable(name, value, self.dtype)
        if array.shape[-len(shape) :] != shape or (self._shared and array.ndim != len(shape)):
            lead = "" if self._shared else "..., "
            raise ValueError(f"{name}: shape {array.shape}, expected ({lead}{str(shape)[1:]}")
        return array

    def _axes(self, weights):
        """The batch axes that a, b and c have together."""
        own = {letter: len(shape) for letter, shape, _ in self._parts}
        return broadcast_axes(**{letter: array.shape[: -own[letter]] for letter, array in weights.items()})

    def _merge(self, given, prefix="", like=None):
        """Puts the library's row of weights in place of a, b, c, or of their tangents or cotangents under a prefix.

        like: a, b and c themselves, whose shapes those have; then None counts as zero. Returns the arrays found.
        """
        found = {}
        for letter, shape, _ in self._parts:
            name, value = prefix + letter, given.pop(prefix + letter)
            if value is None and like is None:
                raise ValueError(f"{name}: missing, expected {shape}")
            if value is not None:
                found[letter] = self._factor(name, value, shape)
            if like is not None and letter in found and found[letter].shape != like[letter].shape:
                raise ValueError(f"{name}: shape {found[letter].shape}, expected {like[letter].shape}")
        given[prefix + "w"] = None
        if found and self.weight_numel:
            axes = self._axes(like or found)
            row = given[prefix + "w"] = np.zeros(axes + (self.weight_numel,), self.dtype)
            for letter, shape, place in self._parts:
                if letter in found:
                    row[..., place].reshape(axes + shape)[...] = found[letter]
        return found

    def _run(self, number, given, wanted):
        if self.weights is None:
            return super()._run(number, given, wanted)
        weights = self._merge(given)
        for prefix in ("gg", "d"):
            if prefix + "a" in given:
                self._merge(given, prefix, weights)
        factors = {name: out for name, out in wanted.items() if name[-1] in "abc"}
        others = {name: out for name, out in wanted.items() if name not in factors}
        row = next(iter(factors), "w")[:-1] + "w"
        if factors:
            others[row] = None
        found = super()._run(number, given, others)
        axes = self._axes(weights)
        gradient = found.pop(row, np.zeros(axes + (0,), self.dtype))
        for letter, own, place in self._parts:
            name = row[:-1] + letter
            if name in factors:
                shape = weights[letter].shape
                found[name] = result(f"out, {name}", factors[name], shape, self.dtype)
                full = gradient[..., place].reshape(axes + own)
                sum_to(full, found[name].reshape((1,) * (full.ndim - len(shape)) + shape))
        return found

    def _named(self, names, arrays, least):
        if not least <= len(arrays) <= len(names):
            raise ValueError(f"{len(arrays)} arrays, expected {', '.join(names)}")
        return {**dict.fromkeys(names), **dict(zip(names, arrays))}

    def __call__(self, x, y, a=None, b=None, c=None, out=None):
        """z, (..., irreps_out.dim); the batch axes of x, y and weights by row broadcast."""
        if self.weights is None and not (a is b is c is None):
            raise ValueError("a, b, c: expected none, the product was made with weights=None")
        given = dict(zip(self._letters, (x, y, a, b, c)))
        return self._run(_lib.FORWARD, given, {"z": out})["z"]

    def backward(self, *arrays, needs=None, out=None):
        """backward(x, y[, a, b, c], gz) -> (gx, gy[, ga, gb, gc]): gradients of sum(gz z), each of its operand's shape.

        None for what needs=("x", "a", ...) leaves out.
        """
        names = [*self._letters, "gz"]
        given = self._named(names, arrays, len(names))
        return self._gradients(_lib.BACKWARD, "g", self._letters, given, needs, out)

    def double_backward(self, *arrays, needs=None, out=None):
        """double_backward(x, y[, a, b, c], gz, ggx, ggy[, gga, ggb, ggc]) -> (hx, hy[, ha, hb, hc], hz).

        The gradients of sum(ggx gx + ggy gy + ...); any gg may be None: zero.
        """
        operands = [*self._letters, "gz"]
        given = self._named(operands + ["gg" + letter for letter in self._letters], arrays, len(operands))
        return self._gradients(_lib.DOUBLE_BACKWARD, "h", operands, given, needs, out)

    def jvp(self, *arrays, out=None):
        """jvp(x, y[, a, b, c], dx, dy[, da, db, dc]) -> dz: the change of z along tangents; None is no change."""
        names = [*self._letters, *("d" + letter for letter in self._letters)]
        given = self._named(names, arrays, len(self._letters))
        return self._run(_lib.JVP, given, {"dz": out})["dz"]


class GauntPower(Plan):
    """Powers of a function on the sphere, F = sum x[l] Y[l] for each channel, irrep by irrep of the result:

        z[l] = [F^N]_l                                      weights None
        z[l] = sum_{n = 1..N} w[n, l] [F^n]_l               weights "shared", "row"

    the symmetric contraction of MACE with a weight for each power, degree and channel in place of one for each path.

    lmax, lmax_out   each a degree L (0..L), or an ascending list of degrees
    power      N, 1 to 4
    channels   C; the irreps are Cx0e+Cx1o+...
    weights    None; "shared": w (N, n_out, C), n_out irreps in z; "row": the same behind batch axes
    layout     a name, or two, of x and z
    grid, allow_aliasing, oversample, quadrature, method, dtype, isa, threads   as in SignalProduct

    Attributes: irreps_in, irreps_out, power, weight_numel, method, isa, dtype.
    """

    _inputs = "x"

    def __init__(
        self,
        lmax,
        lmax_out,
        power=2,
        channels=1,
        weights=None,
        dtype=np.float32,
        layout="mul_ir",
        method="auto",
        isa="auto",
        threads=0,
        grid=None,
        allow_aliasing=False,
        quadrature="gauss-legendre",
        oversample=1.0,
    ):
        self.weights, self.power = weights, integer("power", power, 1, 4)
        self.channels = integer("channels", channels, 0, 2**32 - 1)
        names = (layout,) * 2 if isinstance(layout, str) else tuple(layout)
        if len(names) != 2:
            raise ValueError(f"layout: {layout!r}, expected a name or two, of x and z")
        with Descriptor("gaunt_power") as desc:
            for which, degrees in ((0, _degrees("lmax", lmax)), (2, _degrees("lmax_out", lmax_out))):
                desc.set("degrees", which, (ctypes.c_int * len(degrees))(*degrees), len(degrees))
            desc.set("power", self.power)
            desc.set("channels", self.channels)
            desc.set("weights", choice("weights", weights, WEIGHTS))
            rule = choice("quadrature", quadrature, QUADRATURES)
            desc.set("grid", *_grid(grid), rule, bool(allow_aliasing))
            desc.set("oversample", float(oversample))
            self._freeze(desc, dtype, (names[0], "mul_ir", names[1]), method, isa, threads, weights == "shared")
        with self._handle as plan:
            self.irreps_in, self.irreps_out = (irreps_from(lib.e3tp_plan_irreps, plan, which) for which in (0, 2))
        self._weight_shape = (self.power, len(self.irreps_out), self.channels)

    def __repr__(self):
        return f"GauntPower({self.irreps_in} ^ {self.power} -> {self.irreps_out} | {self.weight_numel} weights)"

    def _run(self, number, given, wanted):
        """The library takes the last three axes of w, and of what has its shape, as one."""
        if given.get("w") is None or self.weights is None:
            return super()._run(number, given, wanted)
        shape = np.shape(given["w"])
        given = {**given, **{name: self._rows(name, given.get(name)) for name in ("w", "ggw", "dw")}}
        if not self.weight_numel:
            given["ggw"] = given["dw"] = None
        gradient = next((name for name in ("gw", "hw") if name in wanted), None)
        out = wanted.get(gradient)
        if out is not None:
            rows = result(f"out, {gradient}", out, shape, self.dtype).reshape(given["w"].shape)
            wanted = {**wanted, gradient: rows}
        found = super()._run(number, given, wanted)
        if gradient:
            found[gradient] = out if out is not None else found.get(gradient, np.empty(0, self.dtype)).reshape(shape)
        return found

    def _rows(self, name, array):
        if array is None:
            return None
        array = readable(name, array, self.dtype)
        if array.shape[-3:] != self._weight_shape:
            lead = "" if self._shared else "..., "
            raise ValueError(f"{name}: shape {array.shape}, expected ({lead}{str(self._weight_shape)[1:]}")
        return array.reshape(array.shape[:-3] + (self.weight_numel,))

    def __call__(self, x, w=None, index=None, out=None):
        """z, (..., irreps_out.dim); the batch axes of x and of weights by row broadcast.

        index  rows of a table w (rows, N, n_out, C), weights "row": one for each row of the batch, as by element
        """
        return self._run(_lib.FORWARD, {"x": x, "w": w, "index": index}, {"z": out})["z"]

    def backward(self, x, w, gz, needs=None, index=None, out=None):
        """(gx, gw): gradients of sum(gz z), each of its operand's shape; None for what needs=("x", "w") leaves out."""
        given = {"x": x, "w": w, "gz": gz, "index": index}
        return self._gradients(_lib.BACKWARD, "g", ("x", "w"), given, needs, out)

    def double_backward(self, x, w, gz, ggx=None, ggw=None, needs=None, index=None, out=None):
        """(hx, hw, hz): gradients of sum(ggx gx + ggw gw) by x, w, gz; None is zero."""
        given = {"x": x, "w": w, "gz": gz, "ggx": ggx, "ggw": ggw, "index": index}
        return self._gradients(_lib.DOUBLE_BACKWARD, "h", ("x", "w", "gz"), given, needs, out)

    def jvp(self, x, w=None, dx=None, dw=None, index=None, out=None):
        """dz: the change of z along tangents of x and w; None is no change."""
        given = {"x": x, "w": w, "dx": dx, "dw": dw, "index": index}
        return self._run(_lib.JVP, given, {"dz": out})["dz"]


def _grid(grid):
    if grid is None:
        return 0, 0
    if not np.iterable(grid) or len(grid) != 2:
        raise ValueError(f"grid: {grid!r}, expected None or (n_theta, n_phi)")
    return tuple(integer(f"grid, {name}", n, 1) for name, n in zip(("n_theta", "n_phi"), grid))


def _types(types, kind):
    """[(operand, bits of e3tp_field_type)] of what is given."""
    if types is None:
        return []
    if kind != "vector":
        raise ValueError(f"types: {types!r}, expected None: only the kind 'vector' has types of harmonics")
    if not np.iterable(types) or len(types) != 3:
        raise ValueError(f"types: {types!r}, expected None or one for each of x, y and the result")
    kept = [np.atleast_1d(shifts).tolist() if shifts is not None else None for shifts in types]
    return [
        (which, sum({1 << integer("types", shift, -1, 1) + 1 for shift in shifts}))
        for which, shifts in enumerate(kept)
        if shifts is not None
    ]


def _operation(kind, spin, product):
    """The library's name of a kind; refuses what belongs to another."""
    choice("kind", kind, dict.fromkeys(KINDS))
    choice("product", product, dict.fromkeys(("cross", "dot")))
    if spin is not None and kind != "matrix":
        raise ValueError(f"spin: {spin!r}, expected None: only the kind 'matrix' has a spin")
    if product == "dot" and kind != "vector":
        raise ValueError("product: 'dot', expected 'cross': only the kind 'vector' has two products")
    return "dot" if product == "dot" else kind
