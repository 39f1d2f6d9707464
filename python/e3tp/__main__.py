# SPDX-License-Identifier: MIT
"""python -m e3tp info: what to paste into a bug report."""

import os
import platform
import sys

import numpy

import e3tp
from e3tp import _lib


def info():
    yield f"e3tp {e3tp.version()}, ABI {e3tp.abi_version()}, {_lib.path}"
    yield f"Python {platform.python_version()}, NumPy {numpy.__version__}, {platform.machine()} {platform.system()}"
    yield e3tp.build_info().rstrip()
    yield "tiers: " + ", ".join(f"{tier} ({state})" for tier, state in e3tp.isa_tiers().items())
    for kind in ("tensor_product", *_lib.KINDS):
        yield f"methods of {kind}: {', '.join(e3tp.methods(kind)) or 'not built yet'}"
    settings = [f"{name}={os.environ[name]}" for name in sorted(os.environ) if name.startswith(("E3TP_", "OMP_"))]
    yield "environment: " + (", ".join(settings) or "nothing set")


if sys.argv[1:] != ["info"]:
    sys.exit("usage: python -m e3tp info")
print("\n".join(info()))
