#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Problem strings of the default run, one a line.

The protocol of "The Price of Freedom" (arXiv 2506.13523): batch 10000, multiplicity 1, float32, forward; one degree to
itself (siso), one degree to 0..2L (simo), 0..L to 0..2L (mimo). The instruction product keeps every path as its own
output; its natural-parity half is what the paper times, `mimo-all` has every path. A line's methods are timed in turns.
name=<setting>.<L> tells the report what a line is.
"""

import argparse

TOP_DEGREE = 12  # of the library's irreps; a Gaunt product's output goes to twice that
METHODS = "method=cg,gaunt,grid,auto"


def natural(degrees, mul=1):
    return "+".join(f"{mul}x{l}{'eo'[l % 2]}" for l in degrees)


def product(name, L, irreps, l_out, extra):
    return (
        f"op=tp name={name}.{L} in1={irreps} in2={irreps} mode=uuu sep=1 lmax_out={l_out} {extra}"
    )


def price_of_freedom(top):
    run = "batch=10000 dtype=f32 pass=fwd method=auto threads=1 weights=none"
    fast = f"batch=10000 dtype=f32 pass=fwd {METHODS} threads=1"
    for L in range(1, top + 1):
        one, many = natural([L]), natural(range(L + 1))
        if L % 2 == 0:  # l1 + l2 + l3 = 3L must be even
            yield f"op=tp name=siso.{L} in1={one} in2={one} out={one} mode=uuu {run}"
            yield f"op=gaunt name=siso.{L} l1={L}:{L} l2={L}:{L} l3={L}:{L} {fast}"
        if 2 * L <= TOP_DEGREE:
            yield product("simo", L, one, 2 * L, f"paths=natural {run}")
            yield product("mimo", L, many, 2 * L, f"paths=natural {run}")
            yield product("mimo-all", L, many, 2 * L, f"paths=all {run}")
        yield f"op=gaunt name=simo.{L} l1={L}:{L} l2={L}:{L} l3={2 * L} {fast}"
        yield f"op=gaunt name=mimo.{L} l1={L} l2={L} l3={2 * L} {fast}"


def channels(top):
    for L in range(1, top + 1):  # 78 rows of 128 channels are about as much data as 10000 of one
        yield f"op=gaunt name=c128.{L} l1={L} l2={L} l3={L} channels=128 batch=128 dtype=f32 {METHODS} threads=1"


def cached(top):
    for L in range(2, top + 1):
        yield product(
            "cached",
            L,
            natural(range(L + 1), 16),
            L,
            "paths=all batch=256 dtype=f32 weights=shared threads=1",
        )


def models():
    layer = "op=tp in1=128x0e+128x1o in2=1x0e+1x1o+1x2e+1x3o mode=uvu paths=natural lmax_out=3 weights=row batch=1024"
    yield f"{layer} name=layer.3 pass=fwd,bwd layout=mul_ir,ir_mul threads=1,2"


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--quick", action="store_true")
    quick = args.parse_args().quick
    for line in [
        *models(),
        *price_of_freedom(4 if quick else 8),
        *channels(4 if quick else 8),
        *cached(3 if quick else 5),
    ]:
        print(line)


if __name__ == "__main__":
    main()
