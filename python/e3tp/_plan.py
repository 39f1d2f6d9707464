# SPDX-License-Identifier: MIT
"""What every product has in common: its plan, and the way of arrays into a call of the library and back."""

import ctypes

import numpy as np

from . import _lib
from ._lib import Buffers, Closable, Handle, check, choice, lib
from .arrays import address, as_int32, broadcast_axes, float_dtype, readable, result, results, size_of, sum_to
from .irreps import Irreps

MODES = {"uvw": 0, "uvu": 1, "uvv": 2, "uuw": 3, "uuu": 4, "uvuv": 5, "uvu<v": 6, "u<vw": 7}
LAYOUTS = {"mul_ir": 0, "ir_mul": 1, "batch_last": 2}
_PASSES = {
    _lib.FORWARD: lib.e3tp_forward,
    _lib.BACKWARD: lib.e3tp_backward,
    _lib.DOUBLE_BACKWARD: lib.e3tp_double_backward,
    _lib.JVP: lib.e3tp_jvp,
}
_OPERANDS = frozenset(("x", "y", "w", "index"))
FIELDS = {"dx": "ggx", "dy": "ggy", "dw": "ggw", "dz": "hz"}  # of e3tp_buffers; others have their own name


def irreps_from(function, pointer, which):
    """The irreps of x, y or z that e3tp_desc_irreps or e3tp_plan_irreps gives."""
    blocks = (_lib.Irrep * function(pointer, which, None, 0))()
    function(pointer, which, blocks, len(blocks))
    return Irreps((b.mul, (b.l, b.parity)) for b in blocks)


class Descriptor:
    """e3tp_desc. Setters may fail silently: the descriptor keeps the first failure, and plan() raises it."""

    def __init__(self, operation):
        self._pointer = ctypes.c_void_p()
        check(lib.e3tp_desc_create(self._pointer, _lib.OPERATIONS[operation]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        lib.e3tp_desc_destroy(self._pointer)

    def set(self, what, *arguments):
        getattr(lib, f"e3tp_desc_set_{what}")(self._pointer, *arguments)

    def add_path(self, i_in1, i_in2, i_out, mode, has_weight, path_weight):
        size = ctypes.sizeof(_lib.Path)
        lib.e3tp_desc_add_path(self._pointer, _lib.Path(size, i_in1, i_in2, i_out, mode, has_weight, path_weight))

    def product(self, kind, kept, count):
        """Irreps of x, y and z, and paths, as the library makes them for a product of e3nn's."""
        status = lib.e3tp_desc_set_product(self._pointer, kind, kept, count)
        check(status, lib.e3tp_desc_message(self._pointer).decode())
        irreps = [irreps_from(lib.e3tp_desc_irreps, self._pointer, which) for which in range(3)]
        paths = (_lib.Path * lib.e3tp_desc_paths(self._pointer, None, 0))()
        lib.e3tp_desc_paths(self._pointer, paths, len(paths))
        names = {number: name for name, number in MODES.items()}
        found = [(p.in1, p.in2, p.out, names[p.mode], bool(p.has_weight), p.path_weight) for p in paths]
        return (*irreps, found)

    def plan(self):
        plan = ctypes.c_void_p()
        status = lib.e3tp_plan_create(plan, self._pointer)
        check(status, lib.e3tp_desc_message(self._pointer).decode())
        return plan


class _Operand:
    """An operand of a call: its shape, and how the library walks through its rows."""

    def __init__(self, shape, axes, batch, width, batch_last, shared):
        self.shape = shape
        padded = (1,) * (len(batch) - len(axes)) + axes
        self._padded = (width,) + padded if batch_last else padded + (width,)
        self._full = (width,) + batch if batch_last else batch + (width,)
        rows = size_of(axes)
        self.repeated = not shared and rows not in (1, size_of(batch))  # on some axes only: no stride says that
        self.stride = 0 if shared or (rows == 1 and size_of(batch) != 1) else _lib.PACKED

    def rows(self, array):
        """An array of the operand's shape, as the library reads it."""
        if not self.repeated:
            return array
        return np.ascontiguousarray(np.broadcast_to(array.reshape(self._padded), self._full))

    def gradient(self, out):
        """The array that the library writes the gradient to; deliver() brings it into out."""
        return np.empty(self._full, out.dtype) if self.repeated else out

    def deliver(self, gradient, out):
        if self.repeated:
            sum_to(gradient, out.reshape(self._padded))


class _Table:
    """A table of weights, whose rows an index picks."""

    stride = _lib.PACKED

    def __init__(self, shape):
        self.shape = shape

    def rows(self, array):
        return array

    def gradient(self, out):
        return out

    def deliver(self, gradient, out):
        pass


class _Batch:
    """What the shapes of a call's arrays fix.

    axes      the batch axes
    operands  slot -> _Operand or _Table
    shapes    slot -> shape, of z too
    buffers   bytes of an e3tp_buffers that lacks the pointers
    """

    def __init__(self, axes, operands, shape_z, index_rows):
        self.axes, self.operands = axes, operands
        self.shapes = {slot: operand.shape for slot, operand in operands.items()} | {"z": shape_z}
        strides = {f"stride_{slot}": operand.stride for slot, operand in operands.items()}
        self.buffers = bytes(
            Buffers(
                size=ctypes.sizeof(Buffers),
                batch=size_of(axes),
                index_rows=index_rows,
                **{"stride_y": _lib.PACKED, "stride_w": _lib.PACKED, "stride_z": _lib.PACKED, **strides},
            )
        )


_MOST_BATCHES = 64  # shapes that a plan remembers


class Described(Closable):
    """Such an object that can say what it is."""

    def __init__(self, handle, describe):
        self._handle, self._describe = handle, describe

    def describe(self):
        """Text: method, tier, size and cost, and why other methods were not chosen."""
        with self._handle as plan:
            return _lib.text_of(self._describe, plan)


class Plan(Described):
    """Base of the products: a frozen plan of the library, safe to use from several threads at once.

    method  the method that was chosen
    isa     the tier that was chosen
    dtype   of every array
    """

    _inputs = "xy"

    def _freeze(self, desc, dtype, layout, method, isa, threads, shared):
        """Sets what all products have, and makes the plan."""
        self.dtype = float_dtype(dtype)
        layouts = (layout,) * 3 if isinstance(layout, str) else tuple(layout)
        if len(layouts) != 3:
            raise ValueError(f"layout: {layout!r}, expected a name or three, of in1, in2 and out")
        for which, name in enumerate(layouts):
            desc.set("layout", which, choice("layout", name, LAYOUTS))
        desc.set("dtype", int(self.dtype == np.float64))
        desc.set("method", _lib.method_number(method))
        desc.set("isa", _lib.isa_number(isa))
        desc.set("threads", _lib.num_threads(threads))
        plan = desc.plan()
        super().__init__(Handle(plan, lib.e3tp_plan_destroy, type(self).__name__), lib.e3tp_plan_describe)
        self._width = {slot: lib.e3tp_plan_width(plan, k) for k, slot in enumerate("xyzw")}
        self._batch_last = {slot for slot, name in zip("xyz", layouts) if name == "batch_last"}
        self._shared = shared
        self._batches = {}
        self.weight_numel = self._width["w"]
        self.method = lib.e3tp_plan_method(plan).decode()
        self.isa = lib.e3tp_plan_isa(plan).decode()

    def _batch_axes(self, name, shape):
        """Of an array of that shape, checked as far as it alone can be. Slot: the last letter."""
        slot = name[-1]
        width, feature = self._width[slot], 0 if slot in self._batch_last else -1
        if not shape or shape[feature] != width:
            where = "first" if feature == 0 else "last"
            raise ValueError(f"{name}: shape {shape}, expected a {where} axis of {width}")
        axes = shape[1:] if feature == 0 else shape[:-1]
        if slot == "w" and self._shared and axes:
            raise ValueError(f"{name}: shape {shape}, expected ({width},): the weights are shared")
        return axes

    def _make_batch(self, given, index_shape):
        """given: slot -> shape, of x, y and, where there are weights, w; index_shape: None without an index."""
        axes = {slot: self._batch_axes(slot, shape) for slot, shape in given.items()}
        if index_shape is not None:
            if len(axes.pop("w")) != 1:
                raise ValueError(f"w: shape {given['w']}, expected a table (rows, {self.weight_numel})")
            axes["index"] = index_shape
        batch = broadcast_axes(**axes)
        operands = {
            slot: _Table(shape)
            if slot not in axes
            else _Operand(
                shape, axes[slot], batch, self._width[slot], slot in self._batch_last, slot == "w" and self._shared
            )
            for slot, shape in given.items()
        }
        z = (self._width["z"],) + batch if "z" in self._batch_last else batch + (self._width["z"],)
        return _Batch(batch, operands, z, 0 if index_shape is None else given["w"][0])

    def _batch_of(self, arrays, index):
        """The same for arrays, remembered: a loop calls with the same shapes again and again."""
        index_shape = None if index is None else index.shape
        key = (index_shape, *(array.shape for array in arrays.values()))
        batch = self._batches.get(key)
        if batch is None:
            batch = self._make_batch({slot: array.shape for slot, array in arrays.items()}, index_shape)
            if len(self._batches) >= _MOST_BATCHES:
                self._batches.clear()
            self._batches[key] = batch
        return batch

    def _index(self, index, weights):
        """Rows of a table of weights as the library reads them; None: there is no table."""
        if index is None:
            return None
        if not weights or self._shared:
            raise ValueError("index: expected None: the plan's weights are not one row for each row of the batch")
        array = np.asarray(index)
        if array.size and array.dtype.kind not in "iu":
            raise TypeError(f"index: dtype {array.dtype}, expected integers")
        return as_int32(array, "index: a number is outside the table w")

    def _takes_weights(self, given):
        """Whether there are weights; checks that they come where they must and nowhere else."""
        w = given.get("w")
        if self.weight_numel and w is None:
            raise ValueError(f"w: missing, expected {self.weight_numel} weights")
        if not self.weight_numel and w is not None and np.shape(w)[-1:] != (0,):
            raise ValueError(f"w: shape {np.shape(w)}, expected None: the product has no weights")
        return self.weight_numel > 0

    def _run(self, number, given, wanted):
        """Calls a pass of the library.

        given   name -> array or None, as the contract names them: x, y, w, gz, ggx, ..., dx, ...
        wanted  name -> None or the array to write to, for every output: z, gx, ..., hx, ..., dz
        Returns name -> array.
        """
        slots = self._inputs + "w" if self._takes_weights(given) else self._inputs
        index = self._index(given.get("index"), "w" in slots)
        arrays = {slot: readable(slot, given[slot], self.dtype) for slot in slots}
        batch = self._batch_of(arrays, index)
        operands = batch.operands
        fields = {slot: operands[slot].rows(array) for slot, array in arrays.items()}
        if index is not None:
            fields["index"] = np.ascontiguousarray(np.broadcast_to(index, batch.axes))
        for name, value in given.items():
            if value is not None and name not in _OPERANDS:
                fields[FIELDS.get(name, name)] = self._companion(name, value, batch)
        outs, written = {}, {}
        for name, out in wanted.items():
            slot = name[-1]
            if slot not in batch.shapes:
                continue
            out = result("out" if name in ("z", "dz") else f"out, {name}", out, batch.shapes[slot], self.dtype)
            outs[name] = out
            written[name] = fields[FIELDS.get(name, name)] = out if slot == "z" else operands[slot].gradient(out)
        self._call(number, batch, fields)
        for name, out in outs.items():
            if name[-1] != "z":
                operands[name[-1]].deliver(written[name], out)
        return outs

    def _companion(self, name, value, batch):
        """A cotangent or tangent, as the library reads it: an array of the shape of what it belongs to."""
        slot = name[-1]
        if slot not in batch.shapes:
            raise ValueError(f"{name}: shape {np.shape(value)}, expected None: the product has no weights")
        array = readable(name, value, self.dtype)
        if array.shape != batch.shapes[slot]:
            self._batch_axes(name, array.shape)
            raise ValueError(f"{name}: shape {array.shape}, expected {batch.shapes[slot]}")
        return array if slot == "z" else batch.operands[slot].rows(array)

    def _call(self, number, batch, fields):
        """fields: name in e3tp_buffers -> array; the caller keeps them."""
        buffers = Buffers.from_buffer_copy(batch.buffers)
        for name, array in fields.items():
            setattr(buffers, name, address(array))
        with self._handle as plan:
            status = _PASSES[number](plan, buffers)
            if status:
                text = ctypes.create_string_buffer(_lib.MESSAGE)
                lib.e3tp_buffers_check(plan, number, buffers, text, len(text))
                check(status, text.value.decode())

    def _gradients(self, number, prefix, operands, given, needs, out):
        """A tuple of gradients of the operands in needs, None for the others and for weights that do not exist."""
        names = [prefix + operand[-1] for operand in operands]
        wanted = needed(needs, operands)
        outs = results("out", out, len(names))
        found = self._run(number, given, {n: o for n, o, op in zip(names, outs, operands) if op in wanted})
        return tuple(found.get(name) for name in names)


def needed(needs, operands):
    """The operands that needs= names; None stands for all."""
    wanted = set(operands if needs is None else needs)
    if not wanted <= set(operands):
        raise ValueError(f"needs: {needs!r}, expected some of {', '.join(operands)}")
    return wanted
