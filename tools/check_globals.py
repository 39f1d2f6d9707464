#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_globals.py LIBRARY: nothing in the library can be written to but one atomic CPU word and the mutex around
FFTW's planner."""

import pathlib
import re
import shutil
import subprocess
import sys

ALLOWED = {"cpu_word", "planner"}
WRITABLE = re.compile(r"\s\.(?:bss|data|tbss|tdata)\s+([0-9a-f]+)\s+(?:\.\w+\s+)?(\S+)$")
TOOLCHAIN = re.compile(r"completed\.\d+$|__")  # of the compiler's start files

library = pathlib.Path(sys.argv[1])
if not shutil.which("objdump") or not library.read_bytes().startswith(b"\x7fELF"):
    print("needs objdump and an ELF library")
    sys.exit(77)
table = subprocess.run(
    ["objdump", "-t", str(library)], check=True, capture_output=True, text=True
).stdout
found = set()
for line in table.splitlines():
    match = WRITABLE.search(line)
    if match and int(match[1], 16) and not TOOLCHAIN.match(match[2]):
        found.add(match[2])
for name in sorted(found - ALLOWED):
    print(f"global variable: {name}")
print(f"{len(found)} global variables: {sorted(found)}")
sys.exit(not found or bool(found - ALLOWED))
