#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_symbols.py [--update] LIBRARY LIST: the symbols that the shared library exports are those of the list.
--update writes the list; a removed or changed symbol then needs a new ABI number (include/e3tp/version.h).
"""

import pathlib
import shutil
import subprocess
import sys

args = [a for a in sys.argv[1:] if a != "--update"]
if len(args) != 2:
    sys.exit(__doc__)
library, listed = pathlib.Path(args[0]), pathlib.Path(args[1])
if not shutil.which("nm") or not library.read_bytes().startswith(b"\x7fELF"):
    print("needs nm and an ELF library")
    sys.exit(77)
out = subprocess.run(
    ["nm", "-D", "--defined-only", str(library)], check=True, capture_output=True, text=True
).stdout
found = sorted({line.split()[-1].split("@")[0] for line in out.splitlines()} - {"_init", "_fini"})
if "--update" in sys.argv:
    listed.write_text("\n".join(found) + "\n")
wanted = listed.read_text().split()
for name in sorted(set(found) ^ set(wanted)):
    print(("exported but not listed: " if name in found else "listed but not exported: ") + name)
print(f"{len(found)} symbols exported, {len(wanted)} listed")
sys.exit(found != wanted or not found)
