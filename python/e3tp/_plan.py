# SPDX-License-Identifier: MIT
"""What every product has in common: its plan, and the way of arrays into a call of the library and back."""

import ctypes

import numpy as np

from . import _lib
from ._lib import Buffers, Handle, check, choice, lib
from .arrays import broadcast_axes, float_dtype, readable, result, results, size_of, sum_to
from .irreps import Irreps

MODES = {"uvw": 0, "uvu": 1, "uvv": 2, "uuw": 3, "uuu": 4, "uvuv": 5, "uvu<v": 6, "u<vw": 7}
LAYOUTS = {"mul_ir": 0, "ir_mul": 1, "batch_last": 2}
_PASSES = {
    _lib.FORWARD: lib.e3tp_forward,
    _lib.BACKWARD: lib.e3tp_backward,
    _lib.DOUBLE_BACKWARD: lib.e3tp_double_backward,
    _lib.JVP: lib.e3tp_jvp,
}
_FIELDS = {"dx": "ggx", "dy": "ggy", "dw": "ggw", "dz": "hz"}  # of e3tp_buffers; others have their own name


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
        irreps = []
        for which in range(3):
            blocks = (_lib.Irrep * lib.e3tp_desc_irreps(self._pointer, which, None, 0))()
            lib.e3tp_desc_irreps(self._pointer, which, blocks, len(blocks))
            irreps.append(Irreps((b.mul, (b.l, b.parity)) for b in blocks))
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
    """An operand of a call: its array, its own batch axes, and how the library walks through its rows."""

    def __init__(self, array, axes, batch, width, batch_last, shared):
        self.shape = array.shape
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

    def __init__(self, array):
        self.shape = array.shape

    def rows(self, array):
        return array

    def gradient(self, out):
        return out

    def deliver(self, gradient, out):
        pass


class Plan:
    """Base of the products: a frozen plan of the library, safe to use from several threads at once.

    method  the method that was chosen
    isa     the tier that was chosen
    dtype   of every array
    """

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
        self._handle = Handle(plan, lib.e3tp_plan_destroy, type(self).__name__)
        self._width = {slot: lib.e3tp_plan_width(plan, k) for k, slot in enumerate("xyzw")}
        self._batch_last = {slot for slot, name in zip("xyz", layouts) if name == "batch_last"}
        self._shared = shared
        self.weight_numel = self._width["w"]
        self.method = lib.e3tp_plan_method(plan).decode()
        self.isa = lib.e3tp_plan_isa(plan).decode()

    def _array(self, name, value):
        """An array for the library, checked as far as it alone can be, and its batch axes. Slot: the last letter."""
        slot = name[-1]
        array = readable(name, value, self.dtype)
        width, feature = self._width[slot], 0 if slot in self._batch_last else -1
        if array.ndim == 0 or array.shape[feature] != width:
            where = "first" if feature == 0 else "last"
            raise ValueError(f"{name}: shape {array.shape}, expected a {where} axis of {width}")
        axes = array.shape[1:] if feature == 0 else array.shape[:-1]
        if slot == "w" and self._shared and axes:
            raise ValueError(f"{name}: shape {array.shape}, expected ({width},): the weights are shared")
        return array, axes

    def _operands(self, given):
        """The batch axes, and of x, y and, where there are weights, w: slot -> array, slot -> _Operand."""
        slots = "xyw" if self._takes_weights(given) else "xy"
        index = self._index(given.get("index"), "w" in slots)
        arrays = {slot: self._array(slot, given[slot]) for slot in slots}
        axes = {slot: found for slot, (_, found) in arrays.items()}
        if index is not None:
            if len(axes.pop("w")) != 1:
                raise ValueError(f"w: shape {arrays['w'][0].shape}, expected a table (rows, {self.weight_numel})")
            axes["index"] = index.shape
        batch = broadcast_axes(**axes)
        operands = {
            slot: _Table(array)
            if slot not in axes
            else _Operand(
                array, axes[slot], batch, self._width[slot], slot in self._batch_last, slot == "w" and self._shared
            )
            for slot, (array, _) in arrays.items()
        }
        if index is not None:
            arrays["index"] = np.ascontiguousarray(np.broadcast_to(index, batch)), None
        return batch, {slot: array for slot, (array, _) in arrays.items()}, operands

    def _index(self, index, weights):
        """Rows of a table of weights as the library reads them; None: there is no table."""
        if index is None:
            return None
        if not weights or self._shared:
            raise ValueError("index: expected None: the plan's weights are not one row for each row of the batch")
        array = np.asarray(index)
        if array.dtype.kind not in "iu":
            raise TypeError(f"index: dtype {array.dtype}, expected integers")
        limits = np.iinfo(np.int32)
        if array.size and (array.min() < limits.min or array.max() > limits.max):
            raise ValueError("index: a number is outside the table w")
        return array.astype(np.int32)

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
        batch, arrays, operands = self._operands(given)
        shapes = {slot: operand.shape for slot, operand in operands.items()}
        shapes["z"] = (self._width["z"],) + batch if "z" in self._batch_last else batch + (self._width["z"],)
        fields = {slot: operands[slot].rows(array) if slot in operands else array for slot, array in arrays.items()}
        for name, value in given.items():
            if name not in ("x", "y", "w", "index") and value is not None:
                fields[_FIELDS.get(name, name)] = self._companion(name, value, shapes, operands)
        outs = {
            name: result("out" if name in ("z", "dz") else f"out, {name}", out, shapes[name[-1]], self.dtype)
            for name, out in wanted.items()
            if name[-1] in shapes
        }
        written = {name: out if name[-1] == "z" else operands[name[-1]].gradient(out) for name, out in outs.items()}
        fields.update((_FIELDS.get(name, name), array) for name, array in written.items())
        self._call(number, size_of(batch), {slot: o.stride for slot, o in operands.items()}, fields)
        for name, out in outs.items():
            if name[-1] != "z":
                operands[name[-1]].deliver(written[name], out)
        return outs

    def _companion(self, name, value, shapes, operands):
        """A cotangent or tangent, as the library reads it: an array of the shape of what it belongs to."""
        slot = name[-1]
        if slot not in shapes:
            raise ValueError(f"{name}: shape {np.shape(value)}, expected None: the product has no weights")
        array = self._array(name, value)[0]
        if array.shape != shapes[slot]:
            raise ValueError(f"{name}: shape {array.shape}, expected {shapes[slot]}")
        return array if slot == "z" else operands[slot].rows(array)

    def _call(self, number, rows, strides, fields):
        buffers = Buffers(
            size=ctypes.sizeof(Buffers),
            batch=rows,
            stride_x=strides["x"],
            stride_y=strides["y"],
            stride_w=strides.get("w", _lib.PACKED),
            stride_z=_lib.PACKED,
            index_rows=len(fields["w"]) if "index" in fields else 0,
            **{name: array.ctypes.data for name, array in fields.items()},
        )
        with self._handle as plan:
            status = _PASSES[number](plan, buffers)
            if status:
                text = ctypes.create_string_buffer(400)
                lib.e3tp_buffers_check(plan, number, buffers, text, len(text))
                check(status, text.value.decode())

    def _gradients(self, number, prefix, operands, given, needs, out):
        """A tuple of gradients of the operands in needs, None for the others and for weights that do not exist."""
        names = [prefix + operand[-1] for operand in operands]
        wanted = needed(needs, operands)
        outs = results("out", out, len(names))
        found = self._run(number, given, {n: o for n, o, op in zip(names, outs, operands) if op in wanted})
        return tuple(found.get(name) for name in names)

    def describe(self):
        """Text: method, tier, size and cost, and why the other methods were not chosen."""
        with self._handle as plan:
            return _lib.text_of(lib.e3tp_plan_describe, plan)

    def close(self):
        """Frees the plan once calls under way are done; a later use raises ValueError."""
        self._handle.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def needed(needs, operands):
    """The operands that needs= names; None stands for all."""
    wanted = set(operands if needs is None else needs)
    if not wanted <= set(operands):
        raise ValueError(f"needs: {needs!r}, expected some of {', '.join(operands)}")
    return wanted
