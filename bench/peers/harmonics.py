#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times e3tp.SphericalHarmonics and sphericart's on the same vectors, one core: bench/out/peers.jsonl, and a table.

Both write values, or values and the whole Jacobian, of unit vectors' degrees 0..l into arrays of their own making.
Nothing is timed whose values differ.
"""

import argparse
import ctypes
import json
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import beside
import compare

DEGREES, VECTORS, ROUNDS = (3, 6, 10), 100_000, 7
TOLERANCE = {"float32": 1e-4, "float64": 1e-11}  # of harmonics of norm sqrt(2l+1), and their slopes: 15-digit literals
WANTED = ("values", "gradient")
CASES = len(DEGREES) * len(TOLERANCE) * len(WANTED)


class E3tp:
    name = "e3tp"

    def __init__(self, l, xyz):
        import e3tp

        self.plan = e3tp.SphericalHarmonics(
            list(range(l + 1)), True, normalization="integral", dtype=xyz.dtype, threads=1
        )
        self.xyz = xyz

    def values(self):
        return (self.plan(self.xyz),)

    def gradient(self):
        return self.plan(self.xyz), self.plan.jacobian(self.xyz)


class Sphericart:
    """Its axes are (z, x, y) of e3nn's; of derivatives too."""

    name = "sphericart"

    def __init__(self, l, xyz):
        import numpy as np
        import sphericart

        self.plan = sphericart.SphericalHarmonics(l)
        self.xyz = np.ascontiguousarray(xyz[:, [2, 0, 1]])

    def values(self):
        return (self.plan.compute(self.xyz),)

    def gradient(self):
        values, slopes = self.plan.compute_with_gradients(self.xyz)
        return values, slopes[:, [1, 2, 0]]


def write_gbs(np):
    """Of memory, best of a few."""
    a = np.zeros(256 << 20, np.uint8)
    return a.nbytes / min(timed(lambda: ctypes.memset(a.ctypes.data, 1, a.nbytes)) for _ in range(5)) / 1e9


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compared(np, l, dtype, bandwidth):
    xyz = np.random.default_rng(l).standard_normal((VECTORS, 3)).astype(dtype)
    rivals = [E3tp(l, xyz), Sphericart(l, xyz)]
    for wanted in WANTED:
        right, other = (getattr(r, wanted)() for r in rivals)
        length = np.linalg.norm(xyz, axis=1)
        weight = [1, length[:, None, None]]
        error = float(np.max([np.abs((a - b) * w).max() for a, b, w in zip(right, other, weight)]))
        good = error <= TOLERANCE[dtype] * (2 * l + 1)
        seconds = {r.name: [] for r in rivals}
        for _ in range(ROUNDS if good else 0):
            for r in rivals:
                seconds[r.name].append(timed(getattr(r, wanted)))
        for r in rivals:
            row = {"case": "harmonics-peer", "name": f"l.{l}", "dtype": dtype, "pass": wanted, "rival": r.name}
            row |= {"threads": 1, "error": error, "write_gbs": bandwidth}
            row |= {"bytes": sum(a.nbytes for a in right) / VECTORS, "of_rivals": len(rivals), "of_cases": CASES}
            if good:
                row["ns_per_item"] = 1e9 * statistics.median(seconds[r.name]) / VECTORS
            else:
                row["why"] = f"differ by {error:.1e}"
            yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--results", type=pathlib.Path, default="bench/out/peers.jsonl", help="appended to")
    options = parser.parse_args()
    compare.confine(1)
    import numpy as np

    wrong, every, bandwidth = 0, [compare.begin(options, "harmonics")], write_gbs(np)
    print("\nspherical harmonics 0..l of 100 000 vectors, one core, through Python; ns per vector")
    with options.results.open("a") as out:
        for dtype in TOLERANCE:
            for l in DEGREES:
                rows = list(compared(np, l, dtype, bandwidth))
                every += rows
                out.writelines(json.dumps(row) + "\n" for row in rows)
                for own, peer in zip(rows[::2], rows[1::2]):
                    if "why" in own:
                        wrong += 1
                        print(f"{own['pass']:9} l = {l:<3} {dtype:8} WRONG: {own['why']}")
                        continue
                    a, b = own["ns_per_item"], peer["ns_per_item"]
                    print(f"{own['pass']:9} l = {l:<3} {dtype:8} e3tp {a:8.1f}  sphericart {b:8.1f}  {b / a:5.2f}x")
    print("\n".join(beside.lines(every, "harmonics")))
    if wrong:
        raise SystemExit(f"{wrong} results differ from sphericart's")


if __name__ == "__main__":
    main()
