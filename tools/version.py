#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print the release number (or, with `abi`, the ABI number) that include/e3tp/version.h states."""

import pathlib
import re
import sys

text = (pathlib.Path(__file__).parent.parent / "include/e3tp/version.h").read_text()
number = lambda name: re.search(rf"E3TP_{name}\s+(\d+)", text)[1]
if sys.argv[1:] == ["abi"]:
    print(number("ABI_VERSION"))
else:
    print(".".join(number(f"VERSION_{part}") for part in ("MAJOR", "MINOR", "PATCH")))
