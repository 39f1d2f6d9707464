# SPDX-License-Identifier: MIT
"""How near the method cg comes to what the machine can do: cases, and each result against a floor and a goal.

Shares are of avx2 against the AVX2 peak, where the machine has it, of the same type; float32, one thread unless said.
"""

import itertools

import connected
import goals as g


def natural(top, mul):
    return "+".join(f"{mul}x{l}{'eo'[l % 2]}" for l in range(top + 1))


SINGLE = ("111", "212", "333", "553", "535", "636", "747", "777")


REALS = {"f32": 4, "f64": 8}  # bytes
CACHED = 128 << 10  # bytes of operands


def channelwise(name, L, mul=128):
    """All paths to L of channels with one y, rows with weights of their own."""
    return (
        f"name={name}.{L} in1={natural(L, mul)} in2={natural(L, 1)} mode=uvu paths=all sep=0 lmax_out={L} "
        "weights=row layout=ir_mul threads=1"
    )


def in_cache(head):
    for dtype, size in REALS.items():
        for L in range(1, 9):
            rows = max(16, CACHED // (size * 3 * 16 * (L + 1) ** 2) // 16 * 16)
            x = natural(L, 16)
            yield (
                f"{head} dtype={dtype} name=lanes.{L} in1={x} in2={x} mode=uuu paths=all sep=0 lmax_out={L} "
                f"weights=shared batch={rows} layout=ir_mul threads=1 pass=fwd"
            )
    for L in range(1, 5):
        yield f"{head} dtype=f32 {channelwise('shared', L)} batch=16 pass=fwd,bwd,dbl"
        yield f"{head} dtype=f32 {channelwise('shared-xw', L)} batch=16 pass=fwd,bwd gradients=xw"
        yield f"{head} dtype=f32 {channelwise('by-path', L)} shape=path batch=16 pass=fwd,bwd,dbl"
        yield f"{head} dtype=f64 {channelwise('shared', L)} batch=8 pass=fwd"
        yield f"{head} dtype=f64 {channelwise('by-path', L)} shape=path batch=8 pass=fwd"
    for L in range(1, 4):
        yield f"{head} dtype=f32 {channelwise('rest', L, 89)} batch=16 pass=fwd,bwd"


def joined(head):
    """In the cache where rows share weights, from memory where each has its own."""
    for products, rows in ((connected.SHARED, "weights=shared batch=64"), (connected.BY_ROW, "weights=row batch=5120")):
        for name, (x, y, z) in products.items():
            yield f"{head} name={name} in1={x} in2={y} out={z} mode=uvw {rows} layout=mul_ir threads=1 pass=fwd"
    x = natural(1, 64)
    yield (
        f"{head} name=joined-pairs in1={x} in2={x} out={x} mode=uuw weights=shared batch=256 layout=ir_mul threads=1 "
        "pass=fwd"
    )


def cases(isa):
    """Problem strings, one a line."""
    head = f"op=tp method=cg isa={isa}"
    yield from in_cache(head)
    head += " dtype=f32"
    yield from joined(head)
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
    found = g.pick(rows, "product", setting, dtype="f32")
    forward = {r["name"]: r["ns_per_item"] for r in found if r["pass"] == "fwd"}
    return [
        {**r, "ratio": r["ns_per_item"] / forward[r["name"]]}
        for r in found
        if r["pass"] == which and r["name"] in forward
    ]


def to_whole_tiles(rows):
    """Rows of channels that fill no whole tiles with the key ratio: its time for a channel over that of 128."""
    key = lambda r: (g.setting_of(r)[1], r["pass"])  # noqa: E731
    whole = {key(r): r["ns_per_item"] / 128 for r in g.pick(rows, "product", "shared", dtype="f32")}
    rest = g.pick(rows, "product", "rest")
    return [{**r, "ratio": r["ns_per_item"] / 89 / whole[key(r)]} for r in rest if key(r) in whole]


def nearer_ceiling(row):
    """Of the lesser of peak and memory bandwidth."""
    return max(g.share(row) or 0, g.memory_share(row) or 0)


def scaling(rows):
    """Speed-up by two threads over that of the multiply-add peak."""
    one, two = (g.pick(rows, "product", "threads", threads=t) for t in (1, 2))
    return [{**two[0], "ratio": g.scaling(one[0], two[0])}] if one and two else []


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
IN_CACHE = (
    ("lanes", "all paths, operands of their own, 3 flops per non-zero", g.share_of_nonzeros, LANES),
    ("shared", "uvu, 128 channels, a weight for each", g.share, SHARED),
    ("by-path", "uvu, 128 channels, a weight for each path", g.share, BY_PATH),
)
# Case, pass, what it gives, floor, goal.
TO_FORWARD = (
    ("shared-xw", "bwd", "backward to x and w", 2.3, 1.9),
    ("shared", "bwd", "backward to x, y and w", 3.2, 2.5),
    ("shared", "dbl", "double backward", 7, 5),
)


def listed(degrees):
    return ", ".join(map(str, degrees))


def table(rows):
    """[{what, reached, floor, goal, met}] judged by the floor; worst case first."""
    ratio = lambda r: r["ratio"]  # noqa: E731
    out = []

    def add(what, found, value, floor, goal, higher=True):
        values = [value(r) for r in found]
        if None in values or not values:
            reached = "not judged" if values else "-"
            out.append({"what": what, "reached": reached, "floor": floor, "goal": goal, "met": None})
            return
        values.sort(reverse=not higher)
        met = values[0] >= floor if higher else values[0] <= floor
        reached = " to ".join(dict.fromkeys(g.number(v) for v in (values[0], values[-1])))
        out.append({"what": what, "reached": reached, "floor": floor, "goal": goal, "met": met})

    def of(setting, degrees, dtype="f32", **keys):
        """None at all where a degree is missing: what is left does not stand for it."""
        found = g.pick(rows, "product", setting, dtype=dtype, **keys)
        found = [r for r in found if g.setting_of(r)[1] in degrees]
        return found if {g.setting_of(r)[1] for r in found} == set(degrees) else []

    for (setting, what, value, limits), dtype in itertools.product(IN_CACHE, REALS):
        for degrees, floor, goal in limits:
            text = f"{what}, L = {listed(degrees)}, {dtype}: of peak"
            add(text, of(setting, degrees, dtype, **{"pass": "fwd"}), value, floor, goal)
    what = "uvu, 89 channels, forward and backward, L = 1, 2, 3: times a channel of 128"
    add(what, to_whole_tiles(rows), ratio, 2, 1.5, higher=False)
    for name in connected.SHARED:
        add(f"uvw, shared weights, {name}: of peak", of(name, (0,)), g.share, 0.6, 0.8)
    add("uuw, shared weights: of peak", of("joined-pairs", (0,)), g.share, 0.6, 0.8)
    for name in connected.BY_ROW:
        add(f"uvw, weights by row, {name}: of memory bandwidth", of(name, (0,)), g.memory_share, 0.6, 0.8)
    for setting, which, name, floor, goal in TO_FORWARD:
        add(f"{name}, uvu: times the forward pass", to_forward(rows, setting, which), ratio, floor, goal, higher=False)
    single = [r for path in SINGLE for r in of(f"single-{path}", (0,))]
    add("single paths, 128 channels: of the lesser of peak and bandwidth", single, nearer_ceiling, 0.5, 0.6)
    add("a call of 100 rows: microseconds", of("call", (0,)), lambda r: r["ns_per_item"] / 10, 10, 2, higher=False)
    add("two threads: of the peak's scaling", scaling(rows), ratio, 0.85, 0.95)
    return out if any(line["met"] is not None for line in out) else []
