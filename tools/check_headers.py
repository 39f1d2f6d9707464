#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_headers.py STANDARD LANGUAGE INCLUDE_DIR COMPILER...: each public header compiles alone, without a warning."""

import pathlib
import subprocess
import sys

standard, language, folder, *compiler = sys.argv[1:]
headers = sorted((pathlib.Path(folder) / "e3tp").glob("*.h"))
flags = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-fsyntax-only", "-I" + folder]
failed = 0
for header in headers:
    # Twice: the guard is tested too.
    source = f'#include "e3tp/{header.name}"\n' * 2 + "typedef int e3tp_not_empty;\n"
    run = subprocess.run(
        compiler + ["-std=" + standard] + flags + ["-x", language, "-"],
        input=source,
        text=True,
        capture_output=True,
    )
    if run.returncode:
        failed += 1
        print(f"{header.name} as {standard}:\n{run.stderr}")
print(f"{len(headers)} headers, {failed} failed")
sys.exit(bool(failed) or not headers)
