# SPDX-License-Identifier: MIT
"""python -m e3tp info: what to paste into a bug report."""

import platform
import sys

import e3tp

if sys.argv[1:] != ["info"]:
    sys.exit("usage: python -m e3tp info")
print(
    f"e3tp {e3tp.version()}, Python {platform.python_version()}, {platform.machine()} {platform.system()}"
)
print(e3tp.build_info(), end="")
print("tiers:", e3tp.isa_tiers())
