# SPDX-License-Identifier: MIT
"""e3nn's TensorProduct over a plan of the library: shapes, broadcasting, dtypes; no arithmetic of its own."""

import collections
import ctypes
import threading

import numpy as np

from ._lib import Unsupported, lib

MODES = ("uvw", "uvu", "uvv", "uuw", "uuu", "uvuv", "uvu<v", "u<vw")
LAYOUTS = {"mul_ir": 0, "ir_mul": 1}
PACKED = -(2**63)
Instruction = collections.namedtuple(
    "Instruction", "i_in1 i_in2 i_out connection_mode has_weight path_weight path_shape"
)
_p, _i, _z, _d = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_double


class _Irrep(ctypes.Structure):
    _fields_ = [("mul", ctypes.c_uint32), ("l", ctypes.c_uint16), ("parity", ctypes.c_int8)]


class _Path(ctypes.Structure):
    _fields_ = [
        ("size", _z),
        ("in1", ctypes.c_uint32),
        ("in2", ctypes.c_uint32),
        ("out", ctypes.c_uint32),
        ("mode", _i),
        ("has_weight", _i),
        ("path_weight", _d),
    ]


class _Buffers(ctypes.Structure):
    _fields_ = (
        [("size", _z), ("batch", _z)]
        + [(name, _p) for name in "x y w z gz gx gy gw ggx ggy ggw hx hy hw hz".split()]
        + [(f"stride_{name}", ctypes.c_ssize_t) for name in "xywz"]
        + [("index", _p), ("work", _p)]
    )


for _name, _result, _arguments in (
    ("e3tp_desc_create", _i, (ctypes.POINTER(_p), _i)),
    ("e3tp_desc_destroy", None, (_p,)),
    ("e3tp_desc_message", ctypes.c_char_p, (_p,)),
    ("e3tp_desc_set_irreps_text", _i, (_p, _i, ctypes.c_char_p)),
    ("e3tp_desc_add_path", _i, (_p, ctypes.POINTER(_Path))),
    ("e3tp_desc_set_normalization", _i, (_p, _i, _i)),
    ("e3tp_desc_set_variances", _i, (_p, _i, ctypes.POINTER(_d), _z)),
    ("e3tp_desc_set_sign", _i, (_p, _i)),
    ("e3tp_desc_set_dtype", _i, (_p, _i)),
    ("e3tp_desc_set_weights", _i, (_p, _i)),
    ("e3tp_desc_set_layout", _i, (_p, _i, _i)),
    ("e3tp_desc_set_method", _i, (_p, _i)),
    ("e3tp_desc_set_isa", _i, (_p, _i)),
    ("e3tp_desc_set_threads", _i, (_p, _i)),
    ("e3tp_plan_create", _i, (ctypes.POINTER(_p), _p)),
    ("e3tp_plan_destroy", None, (_p,)),
    ("e3tp_plan_width", _z, (_p, _i)),
    ("e3tp_plan_method", ctypes.c_char_p, (_p,)),
    ("e3tp_plan_isa", ctypes.c_char_p, (_p,)),
    ("e3tp_plan_describe", _z, (_p, ctypes.c_char_p, _z)),
    ("e3tp_plan_path_coefficient", _d, (_p, _z)),
    ("e3tp_irreps_parse", _i, (ctypes.c_char_p, ctypes.POINTER(_Irrep), _z, ctypes.POINTER(_z))),
    ("e3tp_forward", _i, (_p, ctypes.POINTER(_Buffers))),
    ("e3tp_backward", _i, (_p, ctypes.POINTER(_Buffers))),
    ("e3tp_double_backward", _i, (_p, ctypes.POINTER(_Buffers))),
    ("e3tp_jvp", _i, (_p, ctypes.POINTER(_Buffers))),
    ("e3tp_buffers_check", _i, (_p, _i, ctypes.POINTER(_Buffers), ctypes.c_char_p, _z)),
):
    getattr(lib, _name).restype = _result
    getattr(lib, _name).argtypes = _arguments


def _raise(status, text):
    if status:
        raise {2: Unsupported, 3: MemoryError, 99: RuntimeError}.get(status, ValueError)(text)


def _multiplicities(text):
    count = _z()
    if lib.e3tp_irreps_parse(text.encode(), None, 0, count):
        raise ValueError(f"irreps {text!r}: expected terms such as 16x1o joined by +")
    out = (_Irrep * count.value)()
    lib.e3tp_irreps_parse(text.encode(), out, count.value, count)
    return [irrep.mul for irrep in out]


def _path_shape(mode, m1, m2, mo):
    pairs = m1 * (m1 - 1) // 2
    return {
        "uvw": (m1, m2, mo),
        "uvu": (m1, m2),
        "uvv": (m1, m2),
        "uuw": (m1, mo),
        "uuu": (m1,),
        "uvuv": (m1, m2),
        "uvu<v": (pairs,),
        "u<vw": (pairs, mo),
    }[mode]


def _choice(name, value, table):
    if value not in table:
        raise ValueError(f"{name}: {value!r}, expected one of {sorted(table)}")
    return table[value]


class TensorProduct:
    """e3nn's TensorProduct; arguments and meaning as there. Irreps are given as text."""

    def __init__(
        self,
        irreps_in1,
        irreps_in2,
        irreps_out,
        instructions,
        in1_var=None,
        in2_var=None,
        out_var=None,
        irrep_normalization="component",
        path_normalization="element",
        shared_weights=True,
        dtype=np.float32,
        layout="mul_ir",
        sign="e3nn>=0.5",
        method="auto",
        isa="auto",
        threads=0,
    ):
        self._plan = None
        self._calls = 0
        self._lock = threading.Condition()
        self.irreps_in1, self.irreps_in2, self.irreps_out = map(
            str, (irreps_in1, irreps_in2, irreps_out)
        )
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise TypeError(f"dtype: {self.dtype}, expected float32 or float64")
        self._shared = shared_weights
        desc = _p()
        _raise(lib.e3tp_desc_create(desc, 0), "no memory for the descriptor")
        try:
            texts = (self.irreps_in1, self.irreps_in2, self.irreps_out)
            muls = [_multiplicities(text) for text in texts]
            layouts = (layout,) * 3 if isinstance(layout, str) else layout
            for k in range(3):
                lib.e3tp_desc_set_irreps_text(desc, k, texts[k].encode())
                lib.e3tp_desc_set_layout(desc, k, _choice("layout", layouts[k], LAYOUTS))
                variances = (in1_var, in2_var, out_var)[k]
                if variances is not None:
                    lib.e3tp_desc_set_variances(
                        desc, k, (_d * len(variances))(*variances), len(variances)
                    )
            norms = {"component": 0, "norm": 1, "none": 2}, {"element": 0, "path": 1, "none": 2}
            lib.e3tp_desc_set_normalization(
                desc,
                _choice("irrep_normalization", irrep_normalization, norms[0]),
                _choice("path_normalization", path_normalization, norms[1]),
            )
            lib.e3tp_desc_set_sign(desc, _choice("sign", sign, {"e3nn>=0.5": 0, "e3nn<=0.4.4": 1}))
            lib.e3tp_desc_set_dtype(desc, int(self.dtype == np.float64))
            lib.e3tp_desc_set_weights(desc, 1 if shared_weights else 2)
            lib.e3tp_desc_set_method(desc, _choice("method", method, {"auto": 0, "cg": 1}))
            tiers = {"auto": 0, **{lib.e3tp_isa_name(t).decode(): t for t in range(1, 5)}}
            if isa not in tiers:
                raise Unsupported(f"isa: {isa!r}, expected one of {sorted(tiers)}")
            lib.e3tp_desc_set_isa(desc, tiers[isa])
            if threads < 0:
                raise ValueError(f"threads: {threads}, expected 0 or more")
            lib.e3tp_desc_set_threads(desc, threads)
            for i1, i2, io, mode, weighted, *weight in instructions:
                if min(i1, i2, io) < 0:
                    raise ValueError(f"instruction ({i1}, {i2}, {io}): negative index")
                path = _Path(
                    ctypes.sizeof(_Path),
                    i1,
                    i2,
                    io,
                    _choice("mode", mode, {m: k for k, m in enumerate(MODES)}),
                    bool(weighted),
                    *(weight or [1.0]),
                )
                lib.e3tp_desc_add_path(desc, path)
            plan = _p()
            _raise(lib.e3tp_plan_create(plan, desc), lib.e3tp_desc_message(desc).decode())
            self._plan = plan
        finally:
            lib.e3tp_desc_destroy(desc)
        self._widths = [lib.e3tp_plan_width(plan, k) for k in (0, 1, 3, 2)]
        self.weight_numel = self._widths[2]
        self.method, self.isa = (
            lib.e3tp_plan_method(plan).decode(),
            lib.e3tp_plan_isa(plan).decode(),
        )
        self.instructions = [
            Instruction(
                i1,
                i2,
                io,
                mode,
                bool(weighted),
                lib.e3tp_plan_path_coefficient(plan, n),
                _path_shape(mode, muls[0][i1], muls[1][i2], muls[2][io]),
            )
            for n, (i1, i2, io, mode, weighted, *_) in enumerate(instructions)
        ]

    def _operand(self, name, value, width):
        array = np.ascontiguousarray(value)
        if array.dtype != self.dtype:
            raise TypeError(f"{name}: dtype {array.dtype}, expected {self.dtype}")
        if array.ndim == 0 or array.shape[-1] != width:
            raise ValueError(f"{name}: shape {array.shape}, expected last axis {width}")
        return array

    def _operands(self, x, y, w):
        w = np.zeros(0, self.dtype) if w is None and not self.weight_numel else w
        if w is None:
            raise ValueError(f"w: missing, expected {self.weight_numel} weights")
        arrays = [self._operand(n, a, s) for n, a, s in zip("xyw", (x, y, w), self._widths)]
        if self._shared and arrays[2].ndim != 1:
            raise ValueError(
                f"w: shape {arrays[2].shape}, expected ({self.weight_numel},): the weights are shared"
            )
        return arrays, np.broadcast_shapes(*(a.shape[:-1] for a in arrays))

    def _spread(self, arrays, batch):
        """Rows for the library, and strides: 0 where one row serves the whole batch."""
        rows, strides = [], []
        for array, width in zip(arrays, self._widths):
            single = array.size == width
            strides.append(0 if single else width)
            rows.append(
                array if single else np.ascontiguousarray(np.broadcast_to(array, batch + (width,)))
            )
        return rows, strides

    def _call(self, function, batch, strides, **arrays):
        pointers = {name: a.ctypes.data for name, a in arrays.items() if a is not None}
        buffers = _Buffers(
            size=ctypes.sizeof(_Buffers),
            batch=int(np.prod(batch, dtype=np.int64)),
            stride_x=strides[0],
            stride_y=strides[1],
            stride_w=strides[2],
            stride_z=PACKED,
            **pointers,
        )
        with self._lock:
            if self._plan is None:
                raise ValueError("the product is closed")
            self._calls += 1
        try:
            status = function(self._plan, buffers)
            if status:
                text = ctypes.create_string_buffer(400)
                lib.e3tp_buffers_check(self._plan, int("gz" in arrays), buffers, text, 400)
                _raise(status, text.value.decode() or "out of memory")
        finally:
            with self._lock:
                self._calls -= 1
                self._lock.notify_all()

    def __call__(self, x, y, w=None, out=None):
        arrays, batch = self._operands(x, y, w)
        rows, strides = self._spread(arrays, batch)
        shape = batch + (self._widths[3],)
        z = np.empty(shape, self.dtype) if out is None else out
        if z.shape != shape or z.dtype != self.dtype or not z.flags.c_contiguous:
            raise ValueError(
                f"out: expected a contiguous array of shape {shape} and dtype {self.dtype}"
            )
        self._call(lib.e3tp_forward, batch, strides, x=rows[0], y=rows[1], w=rows[2], z=z)
        return z

    def backward(self, x, y, w, gz, needs=("x", "y", "w")):
        """Gradients (gx, gy, gw) in their operands' shapes.

        None for what is not in needs, and for gw without weights.
        """
        arrays, batch = self._operands(x, y, w)
        rows, strides = self._spread(arrays, batch)
        gz = self._operand("gz", gz, self._widths[3])
        if gz.shape[:-1] != batch:
            raise ValueError(f"gz: shape {gz.shape}, expected {batch + (self._widths[3],)}")
        wanted = [n in needs and (n != "w" or self.weight_numel > 0) for n in "xyw"]
        grads = [np.empty_like(r) if want else None for r, want in zip(rows, wanted)]
        self._call(
            lib.e3tp_backward,
            batch,
            strides,
            x=rows[0],
            y=rows[1],
            w=rows[2],
            gz=gz,
            gx=grads[0],
            gy=grads[1],
            gw=grads[2],
        )
        return tuple(g if g is None else _sum_to(g, a.shape) for g, a in zip(grads, arrays))

    def describe(self):
        size = lib.e3tp_plan_describe(self._plan, None, 0) + 1
        text = ctypes.create_string_buffer(size)
        lib.e3tp_plan_describe(self._plan, text, size)
        return text.value.decode()

    def close(self):
        """Waits for calls under way; a later use raises ValueError."""
        with self._lock:
            plan, self._plan = self._plan, None
            self._lock.wait_for(lambda: self._calls == 0)
        if plan is not None:
            lib.e3tp_plan_destroy(plan)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_plan", None) is not None:
            self.close()


def _sum_to(gradient, shape):
    """Undoes broadcasting: sums over the axes along which an operand of this shape was repeated."""
    if gradient.size == int(np.prod(shape)) and gradient.shape != shape:
        return gradient.reshape(shape)
    extra = gradient.ndim - len(shape)
    gradient = gradient.sum(axis=tuple(range(extra))) if extra > 0 else gradient
    repeated = tuple(i for i, n in enumerate(shape) if n == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=repeated, keepdims=True) if repeated else gradient
