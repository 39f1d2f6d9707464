# SPDX-License-Identifier: MIT
"""Finds and loads the library, checks its ABI, declares prototypes."""

import ctypes
import ctypes.util
import os
import pathlib
from ctypes import POINTER, c_char_p, c_double, c_int, c_size_t, c_uint

ABI = 1


class Unsupported(ValueError):
    """The library cannot serve the request; the text says why."""


def _load():
    here = pathlib.Path(__file__).parent / "libe3tp.so"
    path = os.environ.get("E3TP_LIBRARY") or (
        str(here) if here.exists() else ctypes.util.find_library("e3tp")
    )
    if not path:
        raise ImportError("libe3tp was not found: install it, or set E3TP_LIBRARY to the file")
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"libe3tp could not be loaded: {error}") from error


lib = _load()
_doubles = POINTER(c_double)
for _name, _result, _arguments in (
    ("e3tp_version", c_uint, ()),
    ("e3tp_abi_version", c_uint, ()),
    ("e3tp_build_info", c_size_t, (c_char_p, c_size_t)),
    ("e3tp_isa_name", c_char_p, (c_int,)),
    ("e3tp_isa_compiled", c_int, (c_int,)),
    ("e3tp_isa_usable", c_int, (c_int,)),
    ("e3tp_status_string", c_char_p, (c_int,)),
    ("e3tp_wigner_3j", c_int, (c_int, c_int, c_int, c_int, _doubles)),
    ("e3tp_wigner_D", c_int, (c_int, c_double, c_double, c_double, _doubles)),
    ("e3tp_gaunt_strength", c_double, (c_int, c_int, c_int)),
    ("e3tp_bracket_strength", c_double, (c_int, c_int, c_int)),
):
    getattr(lib, _name).restype = _result
    getattr(lib, _name).argtypes = _arguments

if lib.e3tp_abi_version() != ABI:
    raise ImportError(f"libe3tp has ABI {lib.e3tp_abi_version()}, this package needs {ABI}")


def version():
    n = lib.e3tp_version()
    return f"{n // 10000}.{n // 100 % 100}.{n % 100}"


def abi_version():
    return lib.e3tp_abi_version()


def build_info():
    size = lib.e3tp_build_info(None, 0) + 1
    text = ctypes.create_string_buffer(size)
    lib.e3tp_build_info(text, size)
    return text.value.decode()


def isa_tiers():
    """Tier name -> "usable" or "compiled"; tiers that are not compiled in do not appear."""
    names = {isa: lib.e3tp_isa_name(isa) for isa in range(1, 9)}
    return {
        name.decode(): "usable" if lib.e3tp_isa_usable(isa) else "compiled"
        for isa, name in names.items()
        if name and lib.e3tp_isa_compiled(isa)
    }
