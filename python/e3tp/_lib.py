# SPDX-License-Identifier: MIT
"""Finds and loads the library, checks its ABI, declares its prototypes, turns statuses into exceptions."""

import ctypes
import ctypes.util
import operator
import os
import pathlib
import threading
from contextlib import contextmanager
from ctypes import POINTER, c_char_p, c_double, c_int, c_size_t, c_ssize_t, c_uint, c_void_p

ABI = 1
FORWARD, BACKWARD, DOUBLE_BACKWARD, JVP = range(4)
OPERATIONS = {
    "tensor_product": 0,
    "gaunt": 1,
    "bracket": 2,
    "complete": 3,
    "matrix": 4,
    "vector": 5,
    "dot": 6,
    "gaunt_power": 7,
}
METHODS = {"auto": 0, "cg": 1, "gaunt": 2, "grid": 3, "matrix": 4}
SIGNS = {"e3nn>=0.5": 0, "e3nn<=0.4.4": 1}
PACKED = -(2**63)
MESSAGE = 400  # bytes of the longest sentence


class Unsupported(ValueError):
    """The library cannot serve the request; the text says why."""


Pointwise = ctypes.CFUNCTYPE(c_double, c_double, c_void_p)  # e3tp_pointwise_fn


class Irrep(ctypes.Structure):
    """e3tp_irrep"""

    _fields_ = [("mul", ctypes.c_uint32), ("l", ctypes.c_uint16), ("parity", ctypes.c_int8)]


class Path(ctypes.Structure):
    """e3tp_path"""

    _fields_ = [
        ("size", c_size_t),
        ("in1", ctypes.c_uint32),
        ("in2", ctypes.c_uint32),
        ("out", ctypes.c_uint32),
        ("mode", c_int),
        ("has_weight", c_int),
        ("path_weight", c_double),
    ]


class Buffers(ctypes.Structure):
    """e3tp_buffers"""

    _fields_ = (
        [("size", c_size_t), ("batch", c_size_t)]
        + [(name, c_void_p) for name in "x y w z gz gx gy gw ggx ggy ggw hx hy hw hz".split()]
        + [(f"stride_{name}", c_ssize_t) for name in "xywz"]
        + [("index", c_void_p), ("index_rows", c_size_t), ("work", c_void_p)]
    )


class HarmonicsDesc(ctypes.Structure):
    """e3tp_sh_desc"""

    _fields_ = (
        [("size", c_size_t), ("ls", POINTER(c_int)), ("nls", c_size_t)]
        + [(name, c_int) for name in "normalize norm layout dtype isa threads".split()]
        + [(name, c_void_p) for name in "parallel_for parallel_ctx alloc release alloc_ctx".split()]
    )


class Vectors(ctypes.Structure):
    """e3tp_sh_vectors"""

    _fields_ = [("n", c_size_t), ("x", c_void_p), ("y", c_void_p), ("z", c_void_p)]


class RadialDesc(ctypes.Structure):
    """e3tp_radial_desc"""

    _fields_ = (
        [("size", c_size_t), ("basis", c_int), ("cutoff", c_int), ("num", c_size_t)]
        + [("r_max", c_double), ("r_min", c_double), ("drop_ends", c_int), ("p", c_int), ("r_on", c_double)]
        + [(name, c_int) for name in "dtype isa threads".split()]
        + [(name, c_void_p) for name in "parallel_for parallel_ctx alloc release alloc_ctx".split()]
    )


class SplineDesc(ctypes.Structure):
    """e3tp_spline_desc"""

    _fields_ = (
        [("size", c_size_t), ("knots", c_size_t), ("r_max", c_double), ("width", c_size_t)]
        + [(name, c_int) for name in "dtype isa threads".split()]
        + [(name, c_void_p) for name in "parallel_for parallel_ctx alloc release alloc_ctx".split()]
    )


class ConvDesc(ctypes.Structure):
    """e3tp_conv_desc"""

    _fields_ = (
        [("size", c_size_t)]
        + [(name, c_int) for name in "x y w z".split()]
        + [("scale", c_double), ("w_stored", c_int)]
        + [(name, c_void_p) for name in "sh spline radial".split()]
        + [("activations", c_size_t), ("form", c_int), ("m_max", c_int)]
    )


class ConvBuffers(ctypes.Structure):
    """e3tp_conv_buffers"""

    _fields_ = (
        [("size", c_size_t)]
        + [(name, c_void_p) for name in "x y w z gz gx gy gw ggx ggy ggw hx hy hw hz edge_type".split()]
        + [("num_types", c_size_t), ("make_weights", c_void_p), ("make_weights_ctx", c_void_p)]
        + [(name, c_void_p) for name in "v a gv ga ggv gga hv ha work".split()]
        + [(name, c_void_p) for name in "edge_reversed fill_ghosts fill_ghosts_ctx".split()]
    )


_CONV_PASS = (c_void_p, c_void_p, POINTER(ConvBuffers))
_PROTOTYPES = (
    ("e3tp_version", c_uint, ()),
    ("e3tp_build_info", c_size_t, (c_char_p, c_size_t)),
    ("e3tp_isa_name", c_char_p, (c_int,)),
    ("e3tp_isa_compiled", c_int, (c_int,)),
    ("e3tp_isa_usable", c_int, (c_int,)),
    ("e3tp_method_name", c_char_p, (c_int,)),
    ("e3tp_method_serves", c_int, (c_int, c_int)),
    ("e3tp_status_string", c_char_p, (c_int,)),
    ("e3tp_wigner_3j", c_int, (c_int, c_int, c_int, c_int, c_void_p)),
    ("e3tp_wigner_D", c_int, (c_int, c_double, c_double, c_double, c_void_p)),
    ("e3tp_wigner_D_from_matrix", c_int, (c_int, c_int, c_void_p, c_void_p)),
    ("e3tp_grid_size", c_int, (POINTER(c_int), c_size_t, c_int, c_int, POINTER(c_int), POINTER(c_int))),
    ("e3tp_s2grid_create", c_int, (POINTER(c_void_p), c_void_p, c_char_p, c_size_t)),
    ("e3tp_s2grid_destroy", None, (c_void_p,)),
    ("e3tp_s2grid_isa", c_char_p, (c_void_p,)),
    ("e3tp_s2grid_describe", c_size_t, (c_void_p, c_char_p, c_size_t)),
    ("e3tp_s2grid_to", c_int, (c_void_p, c_size_t, c_void_p, c_void_p, c_void_p)),
    ("e3tp_s2grid_to_backward", c_int, (c_void_p, c_size_t, c_void_p, c_void_p, c_void_p)),
    ("e3tp_s2grid_from", c_int, (c_void_p, c_size_t, c_void_p, c_void_p, c_void_p)),
    ("e3tp_s2grid_from_backward", c_int, (c_void_p, c_size_t, c_void_p, c_void_p, c_void_p)),
    (
        "e3tp_s2grid_size_pointwise",
        c_int,
        (Pointwise, c_void_p, c_double, c_int, c_int, c_int, c_double)
        + (POINTER(c_int), POINTER(c_int), POINTER(c_double)),
    ),
    (
        "e3tp_s2grid_error_pointwise",
        c_int,
        (Pointwise, c_void_p, c_double, c_int, c_int, c_int, c_int, c_int, POINTER(c_double)),
    ),
    ("e3tp_s2grid_nodes", c_int, (c_int, c_int, c_int, c_int, c_void_p, c_void_p)),
    ("e3tp_gaunt_strength", c_double, (c_int, c_int, c_int)),
    ("e3tp_bracket_strength", c_double, (c_int, c_int, c_int)),
    ("e3tp_lebedev_count", c_size_t, (c_int,)),
    ("e3tp_lebedev", c_int, (c_int, c_void_p, c_void_p)),
    ("e3tp_sh_create", c_int, (POINTER(c_void_p), POINTER(HarmonicsDesc), c_char_p, c_size_t)),
    ("e3tp_sh_destroy", None, (c_void_p,)),
    ("e3tp_sh_dim", c_size_t, (c_void_p,)),
    ("e3tp_sh_isa", c_char_p, (c_void_p,)),
    ("e3tp_sh_evaluate", c_int, (c_void_p, POINTER(Vectors), c_void_p, c_void_p, c_void_p)),
    ("e3tp_sh_backward", c_int, (c_void_p, POINTER(Vectors), c_void_p, c_void_p)),
    ("e3tp_sh_double_backward", c_int, (c_void_p, POINTER(Vectors), c_void_p, c_void_p, c_void_p, c_void_p)),
    ("e3tp_spline_create", c_int, (POINTER(c_void_p), POINTER(SplineDesc), c_char_p, c_size_t)),
    ("e3tp_spline_destroy", None, (c_void_p,)),
    ("e3tp_spline_isa", c_char_p, (c_void_p,)),
    ("e3tp_spline_fit", c_int, (c_void_p, c_size_t, c_void_p, c_void_p)),
    ("e3tp_spline_fit_backward", c_int, (c_void_p, c_size_t, c_void_p, c_void_p)),
    (
        "e3tp_spline_evaluate",
        c_int,
        (c_void_p, c_size_t, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_void_p, c_void_p),
    ),
    ("e3tp_radial_create", c_int, (POINTER(c_void_p), POINTER(RadialDesc), c_char_p, c_size_t)),
    ("e3tp_radial_destroy", None, (c_void_p,)),
    ("e3tp_radial_isa", c_char_p, (c_void_p,)),
    ("e3tp_radial_eval", c_int, (c_void_p, c_void_p, c_size_t, c_void_p, c_void_p, c_void_p)),
    ("e3tp_desc_create", c_int, (POINTER(c_void_p), c_int)),
    ("e3tp_desc_destroy", None, (c_void_p,)),
    ("e3tp_desc_message", c_char_p, (c_void_p,)),
    ("e3tp_desc_set_irreps", c_int, (c_void_p, c_int, POINTER(Irrep), c_size_t)),
    ("e3tp_desc_add_path", c_int, (c_void_p, POINTER(Path))),
    ("e3tp_desc_set_product", c_int, (c_void_p, c_int, POINTER(Irrep), c_size_t)),
    ("e3tp_desc_irreps", c_size_t, (c_void_p, c_int, POINTER(Irrep), c_size_t)),
    ("e3tp_desc_paths", c_size_t, (c_void_p, POINTER(Path), c_size_t)),
    ("e3tp_desc_set_normalization", c_int, (c_void_p, c_int, c_int)),
    ("e3tp_desc_set_variances", c_int, (c_void_p, c_int, POINTER(c_double), c_size_t)),
    ("e3tp_desc_set_sign", c_int, (c_void_p, c_int)),
    ("e3tp_desc_set_degrees", c_int, (c_void_p, c_int, POINTER(c_int), c_size_t)),
    ("e3tp_desc_set_channels", c_int, (c_void_p, c_size_t)),
    ("e3tp_desc_set_y_channels", c_int, (c_void_p, c_size_t)),
    ("e3tp_desc_set_y_zonal", c_int, (c_void_p, c_int)),
    ("e3tp_desc_set_rank", c_int, (c_void_p, c_size_t)),
    ("e3tp_desc_set_common_output", c_int, (c_void_p, c_int)),
    ("e3tp_desc_set_spin", c_int, (c_void_p, c_int)),
    ("e3tp_desc_set_field_types", c_int, (c_void_p, c_int, c_uint)),
    ("e3tp_desc_set_power", c_int, (c_void_p, c_int)),
    ("e3tp_desc_set_grid", c_int, (c_void_p, c_int, c_int, c_int, c_int)),
    ("e3tp_desc_set_oversample", c_int, (c_void_p, c_double)),
    ("e3tp_desc_set_dtype", c_int, (c_void_p, c_int)),
    ("e3tp_desc_set_weights", c_int, (c_void_p, c_int)),
    ("e3tp_desc_set_weight_shape", c_int, (c_void_p, c_int)),
    ("e3tp_desc_set_layout", c_int, (c_void_p, c_int, c_int)),
    ("e3tp_desc_set_method", c_int, (c_void_p, c_int)),
    ("e3tp_desc_set_isa", c_int, (c_void_p, c_int)),
    ("e3tp_desc_set_threads", c_int, (c_void_p, c_int)),
    ("e3tp_desc_set_batch_hint", c_int, (c_void_p, c_size_t)),
    ("e3tp_plan_create", c_int, (POINTER(c_void_p), c_void_p)),
    ("e3tp_plan_destroy", None, (c_void_p,)),
    ("e3tp_plan_width", c_size_t, (c_void_p, c_int)),
    ("e3tp_plan_method", c_char_p, (c_void_p,)),
    ("e3tp_plan_isa", c_char_p, (c_void_p,)),
    ("e3tp_plan_describe", c_size_t, (c_void_p, c_char_p, c_size_t)),
    ("e3tp_plan_num_paths", c_size_t, (c_void_p,)),
    ("e3tp_plan_path_coefficient", c_double, (c_void_p, c_size_t)),
    ("e3tp_plan_path_blocks", c_int, (c_void_p, c_size_t, POINTER(ctypes.c_uint32))),
    ("e3tp_plan_irreps", c_size_t, (c_void_p, c_int, POINTER(Irrep), c_size_t)),
    ("e3tp_forward", c_int, (c_void_p, POINTER(Buffers))),
    ("e3tp_backward", c_int, (c_void_p, POINTER(Buffers))),
    ("e3tp_double_backward", c_int, (c_void_p, POINTER(Buffers))),
    ("e3tp_jvp", c_int, (c_void_p, POINTER(Buffers))),
    ("e3tp_buffers_check", c_int, (c_void_p, c_int, POINTER(Buffers), c_char_p, c_size_t)),
    (
        "e3tp_graph_create",
        c_int,
        (POINTER(c_void_p), c_int, c_void_p, c_void_p, c_size_t, c_size_t, c_size_t, c_char_p, c_size_t),
    ),
    ("e3tp_graph_destroy", None, (c_void_p,)),
    (
        "e3tp_graph_update",
        c_int,
        (c_void_p, c_int, c_void_p, c_void_p, c_size_t, c_size_t, c_size_t, c_char_p, c_size_t),
    ),
    ("e3tp_graph_order", c_int, (c_void_p, c_void_p)),
    ("e3tp_graph_forces", c_int, (c_void_p, c_int, c_void_p, c_void_p, c_void_p, c_void_p)),
    (
        "e3tp_graph_pairs",
        c_int,
        (c_void_p, c_int, c_void_p, c_double, c_void_p, c_void_p, POINTER(c_size_t)),
    ),
    ("e3tp_conv_create", c_int, (POINTER(c_void_p), c_void_p, POINTER(ConvDesc), c_char_p, c_size_t)),
    ("e3tp_conv_destroy", None, (c_void_p,)),
    ("e3tp_conv_flops", c_double, (c_void_p, c_int)),
    ("e3tp_conv_describe", c_size_t, (c_void_p, c_char_p, c_size_t)),
    ("e3tp_conv_forward", c_int, _CONV_PASS),
    ("e3tp_conv_backward", c_int, _CONV_PASS),
    ("e3tp_conv_double_backward", c_int, _CONV_PASS),
    ("e3tp_conv_jvp", c_int, _CONV_PASS),
    ("e3tp_conv_work_bytes", c_size_t, (c_void_p, c_int, c_void_p, POINTER(ConvBuffers))),
    ("e3tp_conv_buffers_check", c_int, (c_void_p, c_int, *_CONV_PASS[1:], c_char_p, c_size_t)),
)


def _find():
    """E3TP_LIBRARY, else a library in this folder, else the system's path."""
    named = os.environ.get("E3TP_LIBRARY")
    if named:
        return named
    for name in ("libe3tp.so", "libe3tp.dylib"):
        own = pathlib.Path(__file__).resolve().parent / name
        if own.exists():
            return str(own)
    found = ctypes.util.find_library("e3tp")
    if not found:
        raise ImportError(
            "libe3tp was not found: install it, put it into the folder of this package, or let the environment "
            "variable E3TP_LIBRARY name the file"
        )
    return found


def _load(path):
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"libe3tp could not be loaded: {error}") from error
    try:
        abi = library.e3tp_abi_version()
    except AttributeError:
        raise ImportError(f"{path} is not libe3tp: it has no e3tp_abi_version") from None
    if abi != ABI:
        raise ImportError(f"{path} has ABI {abi}, this package needs {ABI}: install matching versions of the two")
    for name, result, arguments in _PROTOTYPES:
        function = getattr(library, name, None)
        if function is None:
            raise ImportError(f"{path} has no function {name}: it is older than this package")
        function.restype, function.argtypes = result, arguments
    return library


path = _find()
lib = _load(path)

_EXCEPTIONS = {2: Unsupported, 3: MemoryError, 99: RuntimeError}  # every other status: ValueError


def check(status, text=None):
    """Raises what a status stands for."""
    if status:
        raise _EXCEPTIONS.get(status, ValueError)(text or lib.e3tp_status_string(status).decode())


def choice(name, value, table):
    """table[value], or the ValueError that lists what there is."""
    try:
        return table[value]
    except (KeyError, TypeError):
        raise ValueError(f"{name}: {value!r}, expected one of {', '.join(map(repr, table))}") from None


def integer(name, value, least=0, most=2**31 - 1):
    """value as an int in least..most; a TypeError for what is none, a ValueError outside."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: {value!r}, expected an integer") from None
    if not least <= number <= most:
        raise ValueError(f"{name}: {number}, expected {least}..{most}")
    return number


def text_of(function, *arguments):
    """The text that a function of snprintf's kind writes."""
    size = function(*arguments, None, 0) + 1
    text = ctypes.create_string_buffer(size)
    function(*arguments, text, size)
    return text.value.decode()


class Handle:
    """A pointer that many threads may use (`with handle as pointer`) until close(), which waits for them."""

    def __init__(self, pointer, destroy, what):
        self._pointer, self._destroy, self._what = pointer, destroy, what
        self._users = 0
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)

    def __enter__(self):
        with self._lock:
            if self._pointer is None:
                raise ValueError(f"{self._what} is closed")
            self._users += 1
            return self._pointer

    def __exit__(self, *_):
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._idle.notify_all()

    @contextmanager
    def alone(self):
        """As `with handle`, for one user at a time: waits for those there are, and others wait for it."""
        with self._idle:
            self._idle.wait_for(lambda: self._users == 0)
            if self._pointer is None:
                raise ValueError(f"{self._what} is closed")
            yield self._pointer

    def close(self):
        with self._idle:
            pointer, self._pointer = self._pointer, None
            self._idle.wait_for(lambda: self._users == 0)
        if pointer is not None:
            self._destroy(pointer)

    def __del__(self):
        # No call can be under way: it would hold this. An exception from without, as Ctrl-C, may have left its count.
        pointer = getattr(self, "_pointer", None)
        if pointer is not None:
            self._pointer = None
            self._destroy(pointer)

    def __reduce__(self):
        raise TypeError(f"{self._what} cannot be copied or pickled: make it again from its arguments")


class Closable:
    """An object of the library behind self._handle, safe to use from several threads at once."""

    def close(self):
        """Frees it once calls under way are done; a later use raises ValueError."""
        self._handle.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def explained(function, *arguments):
    """Calls a function of the library whose last arguments are room for a sentence."""
    text = ctypes.create_string_buffer(MESSAGE)
    check(function(*arguments, text, len(text)), text.value.decode())


def created(function, *arguments):
    """The pointer that such a function makes."""
    pointer = ctypes.c_void_p()
    explained(function, pointer, *arguments)
    return pointer


# Introspection


def version():
    """The library's version, "major.minor.patch"."""
    n = lib.e3tp_version()
    return f"{n // 10000}.{n // 100 % 100}.{n % 100}"


def abi_version():
    """The library's ABI number."""
    return lib.e3tp_abi_version()


def build_info():
    """What the library was built with: compiler, tiers, optional libraries; lines of text."""
    return text_of(lib.e3tp_build_info)


def _isa_numbers():
    """Every tier that the library knows by name, compiled in or not."""
    numbers = {}
    while True:
        name = lib.e3tp_isa_name(len(numbers) + 1)
        if name is None:
            return numbers
        numbers[name.decode()] = len(numbers) + 1


def isa_tiers():
    """Tier name -> "usable" or "compiled"; tiers that are not compiled in do not appear."""
    return {
        name: "usable" if lib.e3tp_isa_usable(n) else "compiled"
        for name, n in _isa_numbers().items()
        if lib.e3tp_isa_compiled(n)
    }


def isa_number(name):
    """The library's number of a tier; whether it can run here is for the library to say."""
    number = {"auto": 0, **_isa_numbers()}.get(name)
    if number is None:
        tiers = ", ".join(f"{tier} ({state})" for tier, state in isa_tiers().items())
        raise Unsupported(f"isa: tier {name!r} is unknown; tiers: {tiers}")
    return number


def method_number(name):
    """The library's number of a method; whether it serves a problem is for the library to say."""
    number = choice("method", name, METHODS)
    if number and lib.e3tp_method_name(number) is None:
        raise Unsupported(f"method: {name!r} is not built into this library")
    return number


def methods(kind):
    """Names of the methods that can serve "tensor_product", a kind of SignalProduct, or "gaunt_power"."""
    operation = choice("kind", kind, {name: OPERATIONS[name] for name in ("tensor_product", *KINDS, "gaunt_power")})
    return tuple(name for name, number in METHODS.items() if number and lib.e3tp_method_serves(number, operation))


KINDS = ("gaunt", "bracket", "complete", "matrix", "vector")
_threads = 0


def set_num_threads(n):
    """Threads of the objects made from now on with threads=0; 0 again: OpenMP's maximum at their construction."""
    global _threads
    _threads = integer("threads", n)


def num_threads(threads):
    """What an argument `threads` means to the library."""
    return integer("threads", threads) or _threads
