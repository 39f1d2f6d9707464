# SPDX-License-Identifier: MIT
"""Convolutions that make harmonics, and weights, in the cache from edge vectors; what weights are made of."""

from collections import namedtuple

import numpy as np

from . import _lib
from ._lib import Closable
from ._plan import needed
from .arrays import FLOATS, readable, results
from .graph import PLACES, Connected
from .harmonics import SphericalHarmonics
from .irreps import Irreps
from .products import TensorProduct, uvu_tensor_product
from .radial import RadialBasis
from .splines import Spline


def _matrix(value):
    """matrix as ([types,] rows, weight_numel), a copy of its own."""
    array = np.array(value, order="C")
    if array.ndim not in (2, 3):
        raise ValueError(f"matrix: shape {array.shape}, expected (rows, weight_numel) or (types, rows, weight_numel)")
    if array.dtype not in FLOATS:
        raise TypeError(f"matrix: dtype {array.dtype}, expected float32 or float64")
    return array


class _Table:
    """What makes weights of a table ([types,] rows, weight_numel), its own parameter .matrix."""

    table = property(lambda self: self.matrix)

    def _to_table(self, name, tangent):
        return readable(name, tangent, self.table.dtype)


class LinearBasis(_Table, Closable):
    """Weights that are a linear map of a radial basis of the edge's length: f(r) @ matrix.

    matrix               (num_basis, weight_numel), or (types, num_basis, weight_numel), picked by edge_type= of a
                         call; copied to .matrix, which may be written to between calls
    r_max, basis, cutoff, p   as of RadialBasis
    """

    def __init__(self, matrix, r_max, basis="bessel", cutoff="polynomial", p=6, **options):
        self.matrix = _matrix(matrix)
        self.basis = RadialBasis(
            basis, self.matrix.shape[-2], r_max=r_max, cutoff=cutoff, p=p, dtype=self.matrix.dtype, **options
        )
        self._handle = self.basis._handle
        self.makers = {"radial": self._handle}

    method = "linear map"
    isa = property(lambda self: self.basis.isa)

    def describe(self):
        """Text about the basis."""
        return self.basis.describe()


class LastLayer(_Table):
    """Weights that are the last layer of a network: activations (num_edges, H) @ matrix.

    matrix    (H, weight_numel), or (types, H, weight_numel); copied to .matrix, which may be written to between calls
    """

    def __init__(self, matrix):
        self.matrix = _matrix(matrix)
        self.makers = {"activations": self.matrix.shape[-2]}


class _SplineTable:
    """A Spline as a table: coefficients, whose gradients go back to its values."""

    def __init__(self, spline):
        self._spline = spline
        self.makers = {"spline": spline._handle}

    table = property(lambda self: self._spline.coefficients)

    def _to_table(self, name, tangent):
        shape = self._spline.values.shape
        if np.shape(tangent) != shape:
            raise ValueError(f"{name}: shape {np.shape(tangent)}, expected {shape} as of the values")
        return self._spline.fit(readable(name, tangent, self.table.dtype))

    def _from_table(self, gradient, out):
        return self._spline.fit_backward(gradient, out)


def _table_of(radial):
    if radial is None or isinstance(radial, _Table):
        return radial
    if isinstance(radial, Spline):
        return _SplineTable(radial)
    raise TypeError(f"radial: {type(radial).__name__}, expected None, a Spline, a LinearBasis or a LastLayer")


class SHConvolution(Connected):
    """out[i] = scale * sum over the edges e with receiver i of tp(x[sender of e], Y(vectors[e]), weights of e).

    The product is uvu_tensor_product(irreps_in, harmonics 0..lmax of the direction, out_filter); or irreps_in is a
    TensorProduct with such harmonics for irreps_in2, kept by reference, whose options hold. Harmonics, and
    weights made of a radial function of the length, are made for some edges at a time in the cache: no array of them,
    or of derivatives by them, is stored.

    radial         None: weights come with the call; Spline, LinearBasis: of the length of the vector; LastLayer: of
                   activations that come with the call as w. Kept by reference, and may change between calls
    normalization  of the harmonics
    x_at, w_at, out_at, scale, weight_dtype   as of Convolution; w_at without radial only
    form           "general"; "rotated": in the frame of each edge, where paths couple equal orders alone (eSCN);
                   "auto": what is estimated to be faster. describe() tells which
    m_max          the largest order that couples in the frame of an edge, as in eSCN; None: all. The rotated form
                   alone has it
    sorted, dtype, layout, threads, ...       as of uvu_tensor_product

    Gradients come as a named tuple: x, vectors, then w (without radial, and activations of a LastLayer), then radial
    (by values of a Spline, else by the matrix), and gz last in double_backward. needs= names those that are wanted.
    """

    _required = ("x", "v", "gz")

    def __init__(
        self,
        irreps_in,
        lmax,
        out_filter=None,
        radial=None,
        normalization="component",
        x_at="sender",
        w_at="edge",
        out_at="receiver",
        scale=1.0,
        weight_dtype=None,
        form="auto",
        m_max=None,
        **options,
    ):
        self.radial, self._table = radial, _table_of(radial)
        if self._table and w_at != "edge":
            raise ValueError(f"w_at: {w_at!r}, expected 'edge', weights are made of radial")
        if self._table and weight_dtype is not None:
            raise ValueError(f"weight_dtype: {weight_dtype!r}, expected None, weights are made of radial")
        harmonics = Irreps.spherical_harmonics(lmax)
        if isinstance(irreps_in, TensorProduct):
            if out_filter is not None or options:
                raise ValueError("irreps_in: a product is given, expected no more arguments of one")
            if irreps_in.irreps_in2 != harmonics:
                raise ValueError(f"irreps_in: its irreps_in2 are {irreps_in.irreps_in2}, expected {harmonics}")
            product = irreps_in
        else:
            product = uvu_tensor_product(
                irreps_in, harmonics, out_filter, shared_weights=w_at == "shared", **options
            )
        self.harmonics = SphericalHarmonics(
            range(lmax + 1), True, normalization, product.dtype, options.get("threads", 0), product.isa
        )
        makers = {"sh": self.harmonics._handle}
        if self._table:
            makers |= self._table.makers
            w_at = "type" if self._table.table.ndim == 3 else "shared"
        places = {"x": x_at, "y": "edge", "w": w_at, "z": out_at, "v": "edge", "a": "edge"}
        for name, slot in (("x_at", "x"), ("w_at", "w"), ("out_at", "z")):
            _lib.choice(name, places[slot], PLACES)
        if self._table:
            self._check_table(product)
        elif not product.weight_numel:
            places["w"] = "edge"
        self._connect(product, places, scale, weight_dtype, makers, form, m_max)
        if self._table:
            self._row["w"] = self._table.table.shape[-2:]
        self._operands = self._slots()
        self._gradients = namedtuple("Gradients", self._operands)
        self._seconds = namedtuple("Seconds", [*self._operands, "gz"])

    def _check_table(self, product):
        table = self._table.table
        if table.dtype != product.dtype:
            raise TypeError(f"radial: dtype {table.dtype}, expected {product.dtype}")
        if table.shape[-1] != product.weight_numel:
            raise ValueError(f"radial: {table.shape[-1]} weights, expected weight_numel {product.weight_numel}")

    def _slots(self):
        """Names of operands in the order of gradients -> slots of the library's buffers."""
        slots = {"x": "x", "vectors": "v"}
        if not self._table:
            return {**slots, "w": "w"} if self.weight_numel else slots
        if isinstance(self.radial, LastLayer):
            self._row["a"] = self._table.table.shape[-2:-1]
            slots["w"] = "a"
        return {**slots, "radial": "w"}

    def close(self):
        """Frees the convolution and its harmonics, not radial."""
        super().close()
        self.harmonics.close()

    def _given(self, x, vectors, w, prefix=""):
        """Operands, or tangents of theirs, by slot."""
        slot = self._operands.get("w")
        if w is not None and slot is None:
            raise ValueError(f"{prefix}w: expected None, weights are made of radial, or there are none")
        given = {prefix + "x": x, prefix + "v": vectors}
        if slot and (w is not None or not prefix):
            if w is None:
                raise TypeError("w: missing")
            given[prefix + slot] = w
        return given

    def _operands_of(self, x, vectors, w):
        given = self._given(x, vectors, w)
        return {**given, "w": self._table.table} if self._table else given

    def _tangents(self, prefix, x, vectors, w, radial):
        given = self._given(x, vectors, w, prefix)
        if radial is not None:
            if not self._table:
                raise ValueError(f"{prefix}radial: expected None, there is no radial function")
            given[prefix + "w"] = self._table._to_table(prefix + "radial", radial)
        return given

    def _results(self, number, prefix, make, graph, given, needs, out, edge_type):
        names = {name: prefix + self._operands.get(name, "z") for name in make._fields}
        wanted, outs = needed(needs, make._fields), results("out", out, len(names))
        chosen = {names[name]: array for name, array in zip(names, outs) if name in wanted}
        table, place = prefix + "w", chosen.get(prefix + "w")
        pulled = table in chosen and self._table and not isinstance(self._table, _Table)
        if pulled:
            chosen[table] = None
        found = self._run(number, graph, given, chosen, edge_type)
        if pulled:
            found[table] = self._table._from_table(found[table], place)
        return make(*(found.get(names[name]) for name in names))

    def __call__(self, graph, x, vectors, w=None, edge_type=None, out=None):
        """out, (num_nodes, irreps_out.dim), or (num_edges, irreps_out.dim)."""
        given = self._operands_of(x, vectors, w)
        return self._run(_lib.FORWARD, graph, given, {"z": out}, edge_type)["z"]

    def backward(self, graph, x, vectors, *w_and_gz, needs=None, edge_type=None, out=None):
        """Gradients of sum(gz out): backward(graph, x, vectors[, w], gz). None for what needs= leaves out."""
        w, gz = _last_two(w_and_gz)
        given = {**self._operands_of(x, vectors, w), "gz": gz}
        return self._results(_lib.BACKWARD, "g", self._gradients, graph, given, needs, out, edge_type)

    def double_backward(
        self,
        graph,
        x,
        vectors,
        *w_and_gz,
        ggx=None,
        ggvectors=None,
        ggw=None,
        ggradial=None,
        needs=None,
        edge_type=None,
        out=None,
    ):
        """Gradients of sum(ggx gx + ggvectors gvectors + ...): double_backward(graph, x, vectors[, w], gz, ggx=...)."""
        w, gz = _last_two(w_and_gz)
        given = {**self._operands_of(x, vectors, w), "gz": gz}
        given |= self._tangents("gg", ggx, ggvectors, ggw, ggradial)
        return self._results(_lib.DOUBLE_BACKWARD, "h", self._seconds, graph, given, needs, out, edge_type)

    def jvp(
        self, graph, x, vectors, w=None, dx=None, dvectors=None, dw=None, dradial=None, edge_type=None, out=None
    ):
        """The change of out along tangents; None is no change."""
        given = {**self._operands_of(x, vectors, w), **self._tangents("d", dx, dvectors, dw, dradial)}
        return self._run(_lib.JVP, graph, given, {"dz": out}, edge_type)["dz"]


def _last_two(arguments):
    """(w, gz) of gz, or of w and gz."""
    if len(arguments) not in (1, 2):
        raise TypeError(f"expected [w,] gz after vectors, not {len(arguments)} arrays")
    return (None, *arguments) if len(arguments) == 1 else arguments
