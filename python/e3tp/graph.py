# SPDX-License-Identifier: MIT
"""Graphs, and the convolution of node features with edge operands."""

import ctypes
import threading
from contextlib import ExitStack

import numpy as np

from . import _lib
from ._lib import Closable, ConvBuffers, Handle, check, choice, created, explained, integer, lib
from ._plan import FIELDS, needed
from .arrays import address, as_int32, float_dtype, overlap, readable, result, results
from .products import TensorProduct

_FIELDS = FIELDS | {"dv": "ggv", "da": "gga"}
FORMS = {"auto": 0, "general": 1, "rotated": 2}
PLACES = {"edge": 0, "sender": 1, "receiver": 2, "type": 3, "shared": 4}
_PASSES = {
    _lib.FORWARD: lib.e3tp_conv_forward,
    _lib.BACKWARD: lib.e3tp_conv_backward,
    _lib.DOUBLE_BACKWARD: lib.e3tp_conv_double_backward,
    _lib.JVP: lib.e3tp_conv_jvp,
}


def _edge_list(name, value):
    array = np.asarray(value)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise TypeError(f"{name}: dtype {array.dtype}, shape {array.shape}, expected a list of integers")
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name}: {array.max()} is outside the graph")
    return np.ascontiguousarray(array, np.int32 if array.dtype == np.int32 else np.int64)


def _edges(receivers, senders, num_nodes, num_senders):
    """Edges as the library's functions take them: type, lists, and the three numbers."""
    lists = [_edge_list("receivers", receivers), _edge_list("senders", senders)]
    if lists[0].shape != lists[1].shape:
        raise ValueError(f"senders: {lists[1].size} edges, expected {lists[0].size} as of receivers")
    if lists[0].dtype != lists[1].dtype:
        lists = [array.astype(np.int64) for array in lists]
    num_nodes = integer("num_nodes", num_nodes)
    num_senders = num_nodes if num_senders is None else integer("num_senders", num_senders)
    return int(lists[0].dtype == np.int64), *(a.ctypes for a in lists), lists[0].size, num_nodes, num_senders


def _vectors(name, array, dtype, num_edges):
    array = readable(name, array, dtype)
    if array.shape != (num_edges, 3):
        raise ValueError(f"{name}: shape {array.shape}, expected {(num_edges, 3)}")
    return array


def _paired(vectors, num_edges):
    """Vectors of edges that are to be paired."""
    if vectors is None:
        return None
    array = _vectors("vectors", vectors, float_dtype(np.asarray(vectors).dtype), num_edges)
    bad = ~np.isfinite(array).all(axis=1)
    if bad.any():  # every two would be opposite to a part of it
        raise ValueError(f"vectors: that of edge {bad.argmax()} is not finite")
    return array


class Graph(Closable):
    """Edge e runs from senders[e] to receivers[e]; any order, duplicates and self-loops allowed.

    receivers, senders   integers, in 0..num_nodes-1 and 0..num_senders-1; copied
    num_nodes            rows of what receivers have
    num_senders          rows of what senders have; None: num_nodes
    vectors              (num_edges, 3), position of the sender less that of the receiver: pairs edges with their
                         reverse, images by a periodic cell included; None: does not

    order      (num_edges,) int64, edges by receiver, and of a receiver in the order of the list. Edges listed in that
               order, graph.update(receivers[order], senders[order]), stand packed: calls read w, and what else lives
               at the edge, as one stream
    pair       (num_edges,) int32, number of an edge's pair, by first edges; an edge without reverse is one by itself
    reversed   (num_edges,) bool, of the second edges of pairs; pair[~reversed] counts up
    num_pairs

    What a pair has in common need be made and kept once, of vectors[~graph.reversed]: weights of their lengths for a
    convolution with w_at="type", and harmonics for one with y_at="type", as num_pairs types, edge_type=graph.pair,
    reversed=graph.reversed. Without vectors all three are None.
    """

    def __init__(self, receivers, senders, num_nodes, num_senders=None, vectors=None):
        edges = _edges(receivers, senders, num_nodes, num_senders)
        vectors = _paired(vectors, edges[3])
        pointer = created(lib.e3tp_graph_create, *edges)
        self._handle = Handle(pointer, lib.e3tp_graph_destroy, "Graph")
        self._set(pointer, edges, vectors)

    def update(self, receivers, senders, num_nodes=None, num_senders=None, vectors=None):
        """Gives the graph other edges, as after a new list of neighbours, in the memory that it has.

        num_nodes, num_senders   None: as they are; num_senders None beside num_nodes: num_nodes

        Waits for calls under way, and calls wait for it. What is refused leaves the graph as it was.
        """
        with self._handle.alone() as pointer:
            if num_nodes is None:
                num_nodes = self.num_nodes
                num_senders = self.num_senders if num_senders is None else num_senders
            edges = _edges(receivers, senders, num_nodes, num_senders)
            vectors = _paired(vectors, edges[3])
            explained(lib.e3tp_graph_update, pointer, *edges)
            self._set(pointer, edges, vectors)

    @property
    def order(self):
        with self._handle as graph:
            order = np.empty(self.num_edges, np.int64)
            check(lib.e3tp_graph_order(graph, address(order)))
        return order

    def _set(self, pointer, edges, vectors):
        self.num_edges, self.num_nodes, self.num_senders = edges[3:]
        self.pair = self.reversed = self.num_pairs = None
        if vectors is not None:
            self._find_pairs(pointer, vectors)

    def _find_pairs(self, pointer, vectors):
        """Opposite to a ten-thousandth of the largest component: rounding is less, what lies between images more."""
        tolerance = 1e-4 * float(np.abs(vectors).max(initial=0))
        pair, second = np.empty(self.num_edges, np.int32), np.empty(self.num_edges, bool)
        found = ctypes.c_size_t()
        arrays = [address(a) for a in (vectors, pair, second)]
        double = int(vectors.dtype == np.float64)
        check(lib.e3tp_graph_pairs(pointer, double, arrays[0], tolerance, *arrays[1:], found))
        self.pair, self.reversed, self.num_pairs = pair, second, found.value

    def forces(self, vectors, gvectors, out=None):
        """(forces, strain) of gradients by edge vectors, position of the sender less that of the receiver.

        vectors, gvectors   (num_edges, 3), of one dtype
        forces   (num_senders, 3), less the gradient by positions; node i is sender i, and ghosts follow the nodes
        strain   (3, 3) float64, the gradient by a strain that takes vectors to vectors @ (1 + strain)
        """
        with self._handle as graph:
            return self._forces(graph, vectors, gvectors, out)

    def _forces(self, graph, vectors, gvectors, out):
        dtype = float_dtype(np.asarray(vectors).dtype)
        named = ("vectors", vectors), ("gvectors", gvectors)
        arrays = [_vectors(name, array, dtype, self.num_edges) for name, array in named]
        if self.num_senders < self.num_nodes:
            raise ValueError(f"forces: {self.num_senders} senders, expected at least the {self.num_nodes} nodes")
        out = results("out", out, 2)
        forces = result("out[0]", out[0], (self.num_senders, 3), dtype)
        strain = result("out[1]", out[1], (3, 3), np.float64)
        pointers = [address(a) for a in (*arrays, forces, strain)]
        status = lib.e3tp_graph_forces(graph, int(dtype == np.float64), *pointers)
        if status:
            check(status, overlap([("out[0]", forces), ("out[1]", strain)], zip(("vectors", "gvectors"), arrays)))
        return forces, strain

    def __repr__(self):
        return f"Graph({self.num_edges} edges, {self.num_senders} senders -> {self.num_nodes} nodes)"


_kept = threading.local()
_MOST_KEPT = 1 << 26


def _work(size):
    """The address of so many bytes for a call, which a thread keeps for its next; None: the library allocates.

    New memory comes page by page from the system, which takes a tenth of a pass.
    """
    if size > _MOST_KEPT:
        return None
    if getattr(_kept, "work", None) is None or _kept.work.size < size + 64:
        _kept.work = np.empty(size + 64, np.uint8)
    return (address(_kept.work) + 63) // 64 * 64


def _halves(value):
    """Weights of bfloat16 as their bit patterns."""
    array = np.asarray(value)
    if array.dtype != np.uint16 and array.dtype.name != "bfloat16":
        raise TypeError(f"w: dtype {array.dtype}, expected bfloat16, or uint16 bit patterns of it")
    return np.require(array, requirements="CA").view(np.uint16)


class _Call:
    """The arrays of a call, on their way to the library."""

    def __init__(self, conv, graph, edge_type, reversed):
        self.conv, self.graph = conv, graph
        self.types, self.reversed = None, self.flags(reversed)
        self.arrays = {}  # name in e3tp_conv_buffers -> array, kept until the call is over
        if "type" in conv._places.values():
            if edge_type is None:
                raise ValueError("edge_type: missing, an operand lives at the type")
            self.types = as_int32(_edge_list("edge_type", edge_type), "edge_type: a number is outside the types")
            if self.types.size != graph.num_edges:
                raise ValueError(f"edge_type: {self.types.size} types, expected {graph.num_edges}, one for each edge")
        elif edge_type is not None:
            raise ValueError("edge_type: expected None, no operand lives at the type")
        self.num_types = None

    def flags(self, reversed):
        """reversed= as one bool for each edge, or None."""
        if reversed is None:
            return None
        if self.conv._places["y"] != "type":
            raise ValueError(f"reversed: expected None, the place of y is {self.conv._places['y']!r}, not 'type'")
        array = readable("reversed", reversed, np.dtype(bool))
        if array.shape != (self.graph.num_edges,):
            raise ValueError(f"reversed: shape {array.shape}, expected {(self.graph.num_edges,)}")
        return array

    def shape(self, name, given=None):
        """The shape of an operand by the slot of its name; of types by what is given first."""
        slot = name[-1]
        place, row = self.conv._places[slot], self.conv._row[slot]
        if place == "shared":
            return row
        if place == "type":
            if self.num_types is None:
                self.num_types = given[0] if given else 0
            return (self.num_types, *row)
        graph = self.graph
        rows = {"edge": graph.num_edges, "sender": graph.num_senders, "receiver": graph.num_nodes}
        return (rows[place], *row)

    def read(self, name, value):
        half = name == "w" and self.conv._half
        array = _halves(value) if half else readable(name, value, self.conv.dtype)
        shape = self.shape(name, array.shape)
        if array.shape != shape:
            place = self.conv._places[name[-1]]
            raise ValueError(f"{name}: shape {array.shape}, expected {shape}, for its place is {place!r}")
        self.arrays[_FIELDS.get(name, name)] = array

    def write(self, name, out):
        label = "out" if name in ("z", "dz") else f"out, {name}"
        array = result(label, out, self.shape(name), self.conv.dtype)
        self.arrays[_FIELDS.get(name, name)] = array
        return array

    def run(self, number, graph):
        buffers = ConvBuffers(size=ctypes.sizeof(ConvBuffers))
        for name, array in self.arrays.items():
            setattr(buffers, name, address(array))
        if self.types is not None:
            buffers.edge_type, buffers.num_types = address(self.types), self.num_types or 0
        if self.reversed is not None:
            buffers.edge_reversed = address(self.reversed)
        conv = self.conv
        with ExitStack() as held:
            for part in conv._parts:
                held.enter_context(part)
            pointer = held.enter_context(conv._handle)
            buffers.work = _work(lib.e3tp_conv_work_bytes(pointer, number, graph, buffers))
            status = _PASSES[number](pointer, graph, buffers)
            if status:
                text = ctypes.create_string_buffer(_lib.MESSAGE)
                lib.e3tp_conv_buffers_check(pointer, number, graph, buffers, text, len(text))
                check(status, text.value.decode())


class Connected(Closable):
    """A product joined with the places of its operands, and with what makes them; base of the convolutions.

    _parts   handles of the library's objects that a call needs
    _places  operand -> place; _row: operand -> the axes of one row
    """

    def _connect(self, product, places, scale, weight_dtype=None, makers=None, form="auto", m_max=None):
        self._product, self._places = product, places
        self._half = self._stored(weight_dtype)
        width = product._width
        self._row = {slot: (n,) for slot, n in width.items()} | {"v": (3,)}
        self._parts = [product._handle]
        numbers = [PLACES[places[slot]] for slot in "xywz"]
        desc = _lib.ConvDesc(ctypes.sizeof(_lib.ConvDesc), *numbers, float(scale), int(self._half))
        desc.form = choice("form", form, FORMS)
        desc.m_max = -1 if m_max is None else _lib.integer("m_max", m_max)
        with ExitStack() as held:
            for name, handle in (makers or {}).items():
                setattr(desc, name, held.enter_context(handle) if isinstance(handle, Handle) else handle)
                self._parts += [handle] if isinstance(handle, Handle) else []
            pointer = created(lib.e3tp_conv_create, held.enter_context(product._handle), desc)
        self._handle = Handle(pointer, lib.e3tp_conv_destroy, type(self).__name__)

    def _stored(self, weight_dtype):
        """Whether w is bfloat16."""
        if weight_dtype is None:
            return False
        name = weight_dtype if isinstance(weight_dtype, str) else np.dtype(weight_dtype).name
        if name == self.dtype.name:
            return False
        if name != "bfloat16" or self.dtype != np.float32:
            half = ' or "bfloat16"' if self.dtype == np.float32 else ""
            raise ValueError(f"weight_dtype: {weight_dtype!r}, expected None{half}: the dtype is {self.dtype}")
        return True

    irreps_in1 = property(lambda self: self._product.irreps_in1)
    irreps_in2 = property(lambda self: self._product.irreps_in2)
    irreps_out = property(lambda self: self._product.irreps_out)
    instructions = property(lambda self: self._product.instructions)
    weight_numel = property(lambda self: self._product.weight_numel)
    dtype = property(lambda self: self._product.dtype)
    method = property(lambda self: self._product.method)
    isa = property(lambda self: self._product.isa)

    def _run(self, number, graph, given, wanted, edge_type, reversed=None):
        """given: name -> array or None; wanted: name -> None or the array to write to. Returns name -> array."""
        if not isinstance(graph, Graph):
            raise TypeError(f"graph: {type(graph).__name__}, expected a Graph")
        with graph._handle as pointer:  # from here on its sizes stay as they are
            call = _Call(self, graph, edge_type, reversed)
            for name, value in given.items():
                if value is not None or name in self._required:
                    call.read(name, value)
            outs = {name: call.write(name, out) for name, out in wanted.items()}
            call.run(number, pointer)
        return outs

    def describe(self):
        """Text about the product: method, tier, size and cost, why the other methods were not chosen; and the form."""
        with self._product._handle, self._handle as pointer:
            return self._product.describe() + _lib.text_of(lib.e3tp_conv_describe, pointer)


class Convolution(Connected):
    """out[i] = scale * sum over the edges e with receiver i of tp(x[sender of e], y[e], w[e]).

    irreps_in1, ...   as of TensorProduct; or a TensorProduct, and no more of them
    x_at, y_at, w_at  where rows live: "edge", "sender", "receiver", "type" (picked by edge_type= of a call), "shared"
                      (one row, an array without rows); w_at is "shared" exactly where the product's weights are
    out_at            "receiver": summed over edges; or "edge"
    reversed          of a call, with y_at="type": (num_edges,) bool, edges that take y of the opposite vector,
                      (-1)^l times the blocks of degree l, whatever their parity; gradients and tangents as y
    weight_dtype      None: the dtype; "bfloat16", of float32: w comes as ml_dtypes' or as uint16 bit patterns, half of
                      the memory; gradients and tangents of w are float32

    Edge arrays are in the order of the graph's edge list. Every result is the same, bit for bit, on any number of
    threads; each receiver sums its edges in the order of the list. close() frees the convolution, not a given product.
    """

    def __init__(
        self,
        irreps_in1,
        *arguments,
        x_at="sender",
        y_at="edge",
        w_at=None,
        out_at="receiver",
        scale=1.0,
        weight_dtype=None,
        **options,
    ):
        if isinstance(irreps_in1, TensorProduct):
            if arguments or options:
                raise ValueError("irreps_in1: a product is given, expected no more arguments of one")
            self._product = irreps_in1
            w_at = w_at or ("shared" if irreps_in1.shared_weights else "edge")
        else:
            w_at = w_at or "edge"
            shared = options.pop("shared_weights", w_at == "shared")
            if shared != (w_at == "shared"):
                raise ValueError(f"shared_weights: {shared!r}, but w_at is {w_at!r}")
            self._product = TensorProduct(irreps_in1, *arguments, shared_weights=shared, **options)
        places = {"x": x_at, "y": y_at, "w": w_at, "z": out_at}
        names = {"x": "x_at", "y": "y_at", "w": "w_at", "z": "out_at"}
        for slot, place in places.items():
            choice(names[slot], place, PLACES)
        if not self.weight_numel:
            places["w"] = "edge"
        self._connect(self._product, places, scale, weight_dtype)

    _required = ("x", "y", "gz")

    def _run(self, number, graph, given, wanted, edge_type, reversed=None):
        weighted = self._product._takes_weights(given)
        for name in [name for name in given if name[-1] == "w" and not weighted]:
            if given[name] is not None and name != "w":
                raise ValueError(f"{name}: expected None, the product has no weights")
            given = {**given, name: None}
        wanted = {name: out for name, out in wanted.items() if name[-1] != "w" or weighted}
        return super()._run(number, graph, given, wanted, edge_type, reversed)

    def _gradients(self, number, prefix, operands, graph, given, needs, out, edge_type, reversed):
        names = [prefix + operand[-1] for operand in operands]
        wanted, outs = needed(needs, operands), results("out", out, len(names))
        chosen = {n: o for n, o, op in zip(names, outs, operands) if op in wanted}
        found = self._run(number, graph, given, chosen, edge_type, reversed)
        return tuple(found.get(name) for name in names)

    def __call__(self, graph, x, y, w=None, edge_type=None, reversed=None, out=None):
        """out, (num_nodes, irreps_out.dim), or (num_edges, irreps_out.dim)."""
        return self._run(_lib.FORWARD, graph, {"x": x, "y": y, "w": w}, {"z": out}, edge_type, reversed)["z"]

    def backward(self, graph, x, y, w, gz, needs=None, edge_type=None, reversed=None, out=None):
        """(gx, gy, gw): gradients of sum(gz out), each of its operand's shape; None for what needs= leaves out."""
        given = {"x": x, "y": y, "w": w, "gz": gz}
        return self._gradients(_lib.BACKWARD, "g", ("x", "y", "w"), graph, given, needs, out, edge_type, reversed)

    def double_backward(
        self, graph, x, y, w, gz, ggx=None, ggy=None, ggw=None, needs=None, edge_type=None, reversed=None, out=None
    ):
        """(hx, hy, hw, hz): gradients of sum(ggx gx + ggy gy + ggw gw) by x, y, w, gz; None is zero."""
        given = {"x": x, "y": y, "w": w, "gz": gz, "ggx": ggx, "ggy": ggy, "ggw": ggw}
        operands = ("x", "y", "w", "gz")
        return self._gradients(_lib.DOUBLE_BACKWARD, "h", operands, graph, given, needs, out, edge_type, reversed)

    def jvp(self, graph, x, y, w=None, dx=None, dy=None, dw=None, edge_type=None, reversed=None, out=None):
        """The change of out along tangents of x, y and w; None is no change."""
        given = {"x": x, "y": y, "w": w, "dx": dx, "dy": dy, "dw": dw}
        return self._run(_lib.JVP, graph, given, {"dz": out}, edge_type, reversed)["dz"]
