#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What every source file keeps to: licence line, line length, no notes to self; and in src/ nothing that prints or
ends the process (but for the one E3TP_VERBOSE line), in the build no flags that break IEEE arithmetic.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
FOLDERS = ["src", "include", "tests", "bench", "examples", "tools", "python"]
COLUMNS = {".c": 100, ".h": 100}  # and 120 elsewhere
NOTES = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
PRINTS = re.compile(
    r"\b(v?f?printf|f?puts|f?putc|putchar|fwrite|perror|abort|_?exit|_Exit|quick_exit)\s*\("
)
FAST = re.compile(r"ffast-math|Ofast|funsafe-math|ffinite-math|fassociative-math")


def files(*suffixes):
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if (
                path.is_file()
                and (path.suffix in suffixes or path.name in suffixes)
                and "out" not in path.parts
            ):
                yield path, path.relative_to(ROOT)


def check_lines(path, where, errors):
    lines = path.read_text().splitlines()
    first = [line for line in lines[:2] if not line.startswith("#!")][:1]
    if path.suffix in (".c", ".h", ".py") and not (
        first and "SPDX-License-Identifier: MIT" in first[0]
    ):
        errors.append(f"{where}: no SPDX line at the top")
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS.get(path.suffix, 120):
            errors.append(f"{where}:{number}: {len(line)} columns")
        if NOTES.search(line):
            errors.append(f"{where}:{number}: a note to self")


def check_silence(errors):
    verbose = []
    for path in sorted((ROOT / "src").rglob("*.[ch]")):
        text = path.read_text()
        # Line numbers stay: a comment or a string gives way to its line breaks.
        code = COMMENT.sub(lambda m: "\n" * m[0].count("\n"), text)
        for number, line in enumerate(code.splitlines(), 1):
            found = PRINTS.search(line)
            if (
                found
                and found[1] in ("fprintf", "fputs", "fwrite")
                and "E3TP_VERBOSE" in text
                and "stderr" in line
            ):
                verbose.append(f"{path.relative_to(ROOT)}:{number}")
            elif found:
                errors.append(f"{path.relative_to(ROOT)}:{number}: {found[1]} in the library")
    if len(verbose) > 1:
        errors.append(f"more than one line prints: {verbose}")


errors, seen = [], 0
for path, where in files(".c", ".h", ".py", "meson.build"):
    check_lines(path, where, errors)
    seen += 1
for path, where in list(files("meson.build")) + [(ROOT / "meson.build", "meson.build")]:
    if FAST.search(path.read_text()):
        errors.append(f"{where}: a fast-math flag")
check_silence(errors)
print("\n".join(map(str, errors)) or f"{seen} files are in order")
sys.exit(bool(errors) or seen == 0)
