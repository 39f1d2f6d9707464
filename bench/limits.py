# SPDX-License-Identifier: MIT
"""How near the method cg comes to what the machine can do: cases, and each result against a floor and a goal.

Shares are of avx2 against the AVX2 peak, where the machine has it, float32, one thread unless said.
"""

import goals as g


def natural(top, mul):
    return "+".join(f"{mul}x{l}{'eo'[l % 2]}" for l in range(top + 1))


SINGLE = ("111", "212", "333", "553", "535", "636", "747", "777")


def cases(isa):
    """Problem strings, one a line."""
    head = f"op=tp method=cg dtype=f32 isa={isa}"
    for L in range(1, 9):
        rows = max(16, (128 << 10) // (4 * 3 * 16 * (L + 1) ** 2) // 16 * 16)
        x = natural(L, 16)
        yield (
            f"{head} name=lanes.{L} in1={x} in2={x} mode=uuu paths=all sep=0 lmax_out={L} weights=shared batch={rows} "
            "layout=ir_mul threads=1 pass=fwd"
        )
    for L in range(1, 5):
        yield (
            f"{head} name=shared.{L} in1={natural(L, 128)} in2={natural(L, 1)} mode=uvu paths=all sep=0 lmax_out={L} "
            "weights=row batch=16 layout=ir_mul threads=1 pass=fwd,bwd,dbl"
        )
    for L in range(1, 4):
        yield (
            f"{head} name=rest.{L} in1={natural(L, 89)} in2={natural(L, 1)} mode=uvu paths=all sep=0 lmax_out={L} "
            "weights=row batch=16 layout=ir_mul threads=1 pass=fwd,bwd"
        )
    for L in range(1, 5):
        yield (
            f"{head} name=by-path.{L} in1={natural(L, 128)} in2={natural(L, 1)} mode=uvu paths=all sep=0 lmax_out={L} "
            "weights=row shape=path batch=16 layout=ir_mul threads=1 pass=fwd,bwd,dbl"
        )
    x, y = natural(2, 32), natural(2, 1)
    joined = f"{head} in1={x} in2={y} out={x} mode=uvw layout=mul_ir threads=1 pass=fwd"
    yield f"{joined} name=joined weights=shared batch=64"
    yield f"{joined} name=joined-rows weights=row batch=5120"
    yield (
        f"{head} name=joined-pairs in1={natural(1, 64)} in2={natural(1, 64)} out={natural(1, 64)} mode=uuw "
        "weights=shared batch=256 layout=ir_mul threads=1 pass=fwd"
    )
    for l1, l2, l3 in SINGLE:
        yield (
            f"{head} name=single-{l1}{l2}{l3} in1=128x{l1}e in2=1x{l2}e out=128x{l3}e mode=uvu weights=row batch=8192 "
            "layout=mul_ir threads=1 pass=fwd"
        )
    yield (
        f"{head} name=call in1=1x0e in2=1x0e out=1x0e mode=uuu weights=shared batch=100 layout=mul_ir threads=1 "
        "pass=fwd"
    )
    yield (
        f"{head} name=threads in1={natural(3, 128)} in2={natural(3, 1)} mode=uvu paths=all sep=0 lmax_out=3 "
        "weights=row batch=256 layout=ir_mul threads=1,2 pass=fwd"
    )


def to_forward(rows, setting, which):
    """Rows of a pass with the key ratio: its time over the forward pass's."""
    forward = {r["name"]: r["ns_per_item"] for r in g.pick(rows, "product", setting, **{"pass": "fwd"})}
    return [
        {**r, "ratio": r["ns_per_item"] / forward[r["name"]]}
        for r in g.pick(rows, "product", setting, **{"pass": which})
        if r["name"] in forward
    ]


def to_whole_tiles(rows):
    """Rows of channels that fill no whole tiles with the key ratio: its time for a channel over that of 128."""
    key = lambda r: (g.setting_of(r)[1], r["pass"])  # noqa: E731
    whole = {key(r): r["ns_per_item"] / 128 for r in g.pick(rows, "product", "shared")}
    rest = g.pick(rows, "product", "rest")
    return [{**r, "ratio": r["ns_per_item"] / 89 / whole[key(r)]} for r in rest if key(r) in whole]


def nearer_ceiling(row):
    """Of the lesser of peak and memory bandwidth."""
    return max(g.share(row) or 0, g.memory_share(row) or 0)


def scaling(rows):
    """Speed-up by two threads over that of the multiply-add peak, measured beside."""
    one, two = (g.pick(rows, "product", "threads", threads=t) for t in (1, 2))
    if not (one and two and one[0]["peak_gflops"] and two[0]["peak_gflops"]):
        return []
    gain = one[0]["ns_per_item"] / two[0]["ns_per_item"]
    return [{**two[0], "ratio": gain / (two[0]["peak_gflops"] / one[0]["peak_gflops"])}]


# degrees, floor, goal
LANES = (
    ((1,), 0.4, 0.5),
    ((2,), 0.6, 0.8),
    ((3,), 0.75, 0.95),
    ((4, 5), 0.85, 1.1),
    ((6, 7, 8), 0.6, 0.9),
)
SHARED = (((1,), 0.35, 0.45), ((2, 3, 4), 0.5, 0.65))
BY_PATH = (((1,), 0.4, 0.5), ((2,), 0.6, 0.75), ((3, 4), 0.65, 0.8))


def listed(degrees):
    return ", ".join(map(str, degrees))


def table(rows):
    """[{what, reached, floor, goal, met}] judged by the floor; worst case first."""
    ratio = lambda r: r["ratio"]  # noqa: E731
    out = []

    def add(what, found, value, floor, goal, higher=True):
        values = [value(r) for r in found]
        if None in values or not values:
            out.append({"what": what, "reached": "-", "floor": floor, "goal": goal, "met": None})
            return
        values.sort(reverse=not higher)
        met = values[0] >= floor if higher else values[0] <= floor
        reached = " to ".join(dict.fromkeys(g.number(v) for v in (values[0], values[-1])))
        out.append({"what": what, "reached": reached, "floor": floor, "goal": goal, "met": met})

    def of(setting, degrees, **keys):
        """None at all where a degree is missing: what is left does not stand for it."""
        found = [r for r in g.pick(rows, "product", setting, **keys) if g.setting_of(r)[1] in degrees]
        return found if {g.setting_of(r)[1] for r in found} == set(degrees) else []

    for degrees, floor, goal in LANES:
        what = f"all paths, operands of their own, L = {listed(degrees)}: of peak, 3 flops per non-zero"
        add(what, of("lanes", degrees), g.share_of_nonzeros, floor, goal)
    for degrees, floor, goal in SHARED:
        what = f"uvu, 128 channels, a weight for each, L = {listed(degrees)}: of peak"
        add(what, of("shared", degrees, **{"pass": "fwd"}), g.share, floor, goal)
    what = "uvu, 89 channels, forward and backward, L = 1, 2, 3: times a channel of 128"
    add(what, to_whole_tiles(rows), ratio, 2, 1.5, higher=False)
    for degrees, floor, goal in BY_PATH:
        what = f"uvu, 128 channels, a weight for each path, L = {listed(degrees)}: of peak"
        add(what, of("by-path", degrees, **{"pass": "fwd"}), g.share, floor, goal)
    add("uvw, shared weights: of peak", of("joined", (0,)), g.share, 0.6, 0.8)
    add("uuw, shared weights: of peak", of("joined-pairs", (0,)), g.share, 0.6, 0.8)
    add("uvw, weights by row: of memory bandwidth", of("joined-rows", (0,)), g.memory_share, 0.6, 0.8)
    for which, name, floor, goal in (("bwd", "backward", 3.2, 2.5), ("dbl", "double backward", 7, 5)):
        what = f"{name}, uvu: times the forward pass"
        add(what, to_forward(rows, "shared", which), ratio, floor, goal, higher=False)
    single = [r for path in SINGLE for r in of(f"single-{path}", (0,))]
    add("single paths, 128 channels: of the lesser of peak and bandwidth", single, nearer_ceiling, 0.5, 0.6)
    add("a call of 100 rows: microseconds", of("call", (0,)), lambda r: r["ns_per_item"] / 10, 10, 2, higher=False)
    add("two threads: of the peak's scaling", scaling(rows), ratio, 0.85, 0.95)
    return out if any(line["met"] is not None for line in out) else []
