#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Problem strings of the default run, one a line; name=<setting>.<L> tells report and goals what a line is.

The protocol of "The Price of Freedom" (arXiv 2506.13523): batch 10000 (1000 above L = 8, of vector fields above 4),
multiplicity 1, float32, forward, and backward beside it, to L = 10; one degree to itself (siso), one degree to 0..2L
(simo), 0..L to 0..2L (mimo). The instruction product keeps every path as its own output: its natural-parity half is
what the paper times, -all has every path. The Gaunt product sums its paths into one output per degree; -kinds are the
other products of signals, cross and dot those of vector fields. -f64 and -threads are float64 and all threads beside
float32 and one. cold and cached: operands in memory and in the cache. c128 is the Gaunt product of 0..L with 128
channels to 0..L.

uuu, uvu and signal stay in the cache: the share of the machine's peak that kernels reach, in every layout; of avx2,
which has goals. uuu512 and uvu512 are the same of avx512, where the machine has it. power is sums of powers of a
function to the third, square the Gaunt product of a function with itself, filter that and the complete one of all
channels with one y, zonal with a y about the pole, sum0 and sum1 sums of four products, with factors of z of their own
or the same for all. kinds is every product of signals beside the others, spread some of them on one and two threads;
pareto what they cost as their rank grows.
"""

import argparse
import itertools
import pathlib

import growth
import kinds
import limits
import pareto

METHODS = "method=cg,gaunt,grid,auto"
PROTOCOL_TOP = 10


def natural(degrees, mul=1):
    return "+".join(f"{mul}x{l}{'eo'[l % 2]}" for l in degrees)


def paths(name, L, irreps, out, run):
    """The instruction product, every path (of natural parity) its own output; of few rows without auto, which takes
    one of the methods.
    """
    either = "cg,grid" + ",auto" * (L <= growth.WHOLE_TOP)
    kind, methods = ("all", "cg") if name.endswith("-all") else ("natural", either)
    return (
        f"op=tp name={name}.{L} in1={irreps} in2={irreps} {out} mode=uuu paths={kind} "
        f"weights=none {run} method={methods}"
    )


def protocol(top):
    for L in range(1, top + 1):
        one, many = natural([L]), natural(range(L + 1))
        settings = {"siso": (one, f"{L}:{L}", f"{L}:{L}"), "simo": (one, f"{L}:{L}", 2 * L), "mimo": (many, L, 2 * L)}
        for setting, (irreps, degrees, out) in settings.items():
            wanted = f"out=1x{L}e" if setting == "siso" else f"lmax_out={2 * L}"
            signal = f"l1={degrees} l2={degrees} l3={out}"
            run = growth.protocol_run(L)
            yield paths(f"{setting}-all", L, irreps, wanted, run)
            if setting != "siso" or L % 2 == 0:  # l1 + l2 + l3 = 3L must be even
                yield paths(setting, L, irreps, wanted, run)
                yield f"op=gaunt name={setting}.{L} {signal} {run} {METHODS}"
            yield from growth.kinds_cases(setting, L, signal)


def channels(top):
    for L in range(1, top + 1):  # 78 rows of 128 channels are about as much data as 10000 of one, 8 as 1000
        run = f"channels=128 batch={78 if L <= growth.WHOLE_TOP else 8} dtype=f32 pass=fwd,bwd threads=1"
        yield f"op=gaunt name=c128.{L} l1={L} l2={L} l3={L} {run} {METHODS}"


def rows_in_cache(elements):
    """A multiple of 16 rows of so many floats, as many as about 128 KB hold."""
    return max(16, (128 << 10) // (4 * elements) // 16 * 16)


def tiers():
    """The CPU's, least first; auto: whatever the library finds."""
    needs = {"avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}
    info = pathlib.Path("/proc/cpuinfo")
    flags = set(info.read_text().split()) if info.exists() else set()
    return [isa for isa, need in needs.items() if need <= flags] or ["auto"]


def cached(top, isa, mark=""):
    every = f"layout=mul_ir,ir_mul,batch_last dtype=f32,f64 pass=fwd threads=1 isa={isa}"
    for L in range(2, min(top, 5) + 1):
        x16, x64, y = (natural(range(L + 1), mul) for mul in (16, 64, 1))
        tail = f"paths=all sep=0 lmax_out={L} weights=shared method=cg {every}"
        uuu, uvu = rows_in_cache(3 * 16 * (L + 1) ** 2), rows_in_cache(2 * 64 * (L + 1) ** 2)
        yield f"op=tp name=uuu{mark}.{L} in1={x16} in2={x16} mode=uuu batch={uuu} {tail}"
        yield f"op=tp name=uvu{mark}.{L} in1={x64} in2={y} mode=uvu batch={uvu} {tail}"
    for L in range(4, 0 if mark else top + 3):
        yield f"op=gaunt name=signal.{L} l1={L} l2={L} l3={L} channels=16 batch=16 {every} {METHODS}"


def powers(top):
    """Sums of powers of a function, as in many-body products: 64 rows of 128 channels."""
    for L in range(1, min(top, 4) + 1):
        run = "channels=128 batch=64 dtype=f32 pass=fwd,bwd,dbl layout=ir_mul threads=1 weights=none,shared"
        yield f"op=power name=power.{L} l1={L} l3={min(L, 2)} power=3 {run}"


def squares(top):
    """Gaunt products of a function with itself, beside those of two arrays; without auto, which knows no arrays."""
    for L in range(2, top + 1, 2):
        run = "channels=128 batch=8 dtype=f32 pass=fwd,bwd layout=ir_mul threads=1 y=own,x"
        yield f"op=gaunt name=square.{L} l1={L} l2={L} l3={L} {run} method=cg,gaunt,grid"


def filters(top):
    """Products of all channels with one y, the filter of a convolution, where methods cross."""
    degrees = [L for L in (2, 4, 5, 6, 7, 8) if L <= top]
    for op, L, isa in itertools.product(("gaunt", "complete"), degrees, tiers()):
        run = f"channels=128 cy=1 batch=8 dtype=f32 pass=fwd,bwd layout=ir_mul threads=1 isa={isa}"
        yield f"op={op} name=filter.{L} l1={L} l2={L} l3={L} {run} method=cg,grid,auto"


def zonals(top):
    """The same with a y about the pole, and with such a y for each channel."""
    for L, (name, cy) in itertools.product(range(2, top + 1, 2), (("zonal", 1), ("zonal-own", 0))):
        run = f"channels=128 cy={cy} zonal=1 batch=8 dtype=f32 pass=fwd,bwd layout=ir_mul threads=1"
        yield f"op=gaunt name={name}.{L} l1={L} l2={L} l3={L} {run}"


def sums(top):
    """Sums of Gaunt products whose factors of z are their own, or the same for all."""
    for L in range(2, min(top, 8) + 1, 2):
        run = "channels=128 batch=8 dtype=f32 pass=fwd,bwd layout=ir_mul weights=shared threads=1"
        for common in (0, 1):
            yield f"op=gaunt name=sum{common}.{L} l1={L} l2={L} l3={L} rank=4 cz={common} {run} method=cg,grid,auto"


def models():
    layer = "op=tp in1=128x0e+128x1o in2=1x0e+1x1o+1x2e+1x3o mode=uvu paths=natural lmax_out=3 weights=row batch=1024"
    yield f"{layer} name=layer.3 pass=fwd,bwd layout=mul_ir,ir_mul threads=1,2"


def plans():
    """For --create."""
    layer = (
        "in1=128x0e+128x1o in2=1x0e+1x1o+1x2e+1x3o mode=uvu paths=natural lmax_out=3 weights=row"
    )
    yield f"op=tp name=layer.3 {layer} batch=16"
    for L in range(1, 5):
        x = natural(range(L + 1))
        yield f"op=tp name=mimo-all.{L} in1={x} in2={x} mode=uuu lmax_out={2 * L} batch=16"
        yield f"op=gaunt name=mimo.{L} l1={L} l2={L} l3={2 * L} batch=16 {METHODS}"
        yield f"op=gaunt name=c128.{L} l1={L} l2={L} l3={L} channels=128 batch=4 {METHODS}"
    x = natural(range(7))
    yield f"op=tp name=all.6 in1={x} in2={x} mode=uuu lmax_out=6 batch=16"
    x, y = natural(range(5), 32), natural(range(5))
    yield f"op=tp name=uvw.4 in1={x} in2={y} out={x} mode=uvw batch=2"


def main():
    args = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    args.add_argument("--quick", action="store_true", help="to L = 4 only")
    args.add_argument("--create", action="store_true", help="plans whose creation is timed")
    options = args.parse_args()
    top = 4 if options.quick else 8
    runs = [*models(), *powers(top), *squares(top), *filters(top), *zonals(top), *sums(top)]
    protocol_top = 4 if options.quick else PROTOCOL_TOP
    runs += [*protocol(protocol_top), *channels(protocol_top), *cached(top, tiers()[0])]
    runs += limits.cases(tiers()[0])
    runs += kinds.cases(tiers(), 4 if options.quick else max(kinds.GAUNT))
    runs += pareto.cases(top)
    runs += growth.streamed_cases(protocol_top, natural)
    runs += growth.wide_cases(protocol_top, natural)
    if "avx512" in tiers():
        runs += cached(top, "avx512", "512")
    print("\n".join(plans() if options.create else runs))


if __name__ == "__main__":
    main()
