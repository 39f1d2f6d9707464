#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Includes flow one way: a folder of src/ sees its own files and those of lower rank; what is outside src/, but for
the tests of kernels, sees include/e3tp only; each third-party header has one includer."""

import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
RANKS = [
    {"core", "simd"},
    {"so3", "fft", "tile"},
    {"problem"},
    {"cg", "gaunt", "grid", "matrix", "sh", "radial"},
    {"dispatch"},
    {"conv"},
    {"api"},
]
RANK = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}
HOME = {"omp.h": "core", "fftw3.h": "fft", "sleef.h": "simd"}
ALSO = {"bench/fftw_peak.c": "fftw3.h"}  # what measures a library may see it
INTRINSICS = {"immintrin.h", "x86intrin.h", "arm_neon.h"}
PUBLIC_ONLY = ["bench", "examples", "tests/conformance", "tests/api", "tests/concurrency", "tests/support"]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def includes(path):
    return [(kind == "<", name) for kind, name in INCLUDE.findall(path.read_text())]


def sources(folder):
    return sorted(p for p in (ROOT / folder).rglob("*") if p.suffix in (".c", ".h"))


def check_src(errors):
    homes = {name: [] for name in HOME}
    files = sources("src")
    for path in files:
        room = path.relative_to(ROOT / "src").parts[0]
        where = path.relative_to(ROOT)
        if room not in RANK:
            errors.append(f"{where}: the folder src/{room} has no rank")
            continue
        for _, name in includes(path):
            target = name.split("/")[0]
            if name in homes:
                homes[name].append((room, str(where)))
            elif name in INTRINSICS and room != "simd":
                errors.append(f"{where}: <{name}> belongs to src/simd")
            elif "/" in name and target in RANK and target != room and RANK[target] >= RANK[room]:
                errors.append(f"{where}: src/{room} may not include {name}")
            elif name.startswith(".."):
                errors.append(f"{where}: include {name} by its path from src/")
    for name, users in homes.items():
        if len(users) > 1 or any(room != HOME[name] for room, _ in users):
            errors.append(
                f"<{name}>: one includer, in src/{HOME[name]}; found {[w for _, w in users]}"
            )
    return len(files)


def check_outside(errors):
    files = [p for folder in PUBLIC_ONLY for p in sources(folder)]
    for path in files:
        for _, name in includes(path):
            if ALSO.get(str(path.relative_to(ROOT))) == name:
                continue
            if name.split("/")[0] in RANK or name in HOME or "src/" in name:
                errors.append(
                    f"{path.relative_to(ROOT)}: {name}: only include/e3tp may be seen here"
                )
    for path in sources("include"):
        for system, name in includes(path):
            if not system and not (path.parent / name).exists():
                errors.append(f"{path.relative_to(ROOT)}: {name} is not a public header")
    return len(files)


errors = []
seen = check_src(errors) + check_outside(errors)
print("\n".join(errors) or f"{seen} files follow the include law")
sys.exit(bool(errors) or seen == 0)
