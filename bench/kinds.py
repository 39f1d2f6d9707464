# SPDX-License-Identifier: MIT
"""Products of signals side by side, 128 channels, 0..L x 0..L to 0..L: cases, the fastest method of each, goals."""

import goals as g

METHODS = {"gaunt": "cg,gaunt,grid", "bracket": "cg,grid", "complete": "cg,grid", "matrix": "cg,matrix"}
FIELDS_TOP = {"cross": 4, "dot": 6}  # by cg, ns for a channel: cross 0.7 us at L = 4, 21 us at L = 8
# L: goal and floor of the Gaunt product, ns per item at a multiply-add peak of 70 Gflop/s.
GAUNT = {
    1: (0.85, 1.5),
    2: (4.5, 7),
    3: (14, 20),
    4: (42, 60),
    5: (92, 130),
    6: (170, 240),
    8: (450, 650),
    10: (700, 1000),
    12: (1050, 1500),
    16: (2300, 3300),
    20: (3500, 5000),
}
SERVED = 12  # above, the Gaunt product alone, not by cg: it is compared with integrals instead of sums of couplings
COMPLETE, BACKWARD, MATRIX_FROM = 2.8, 2.2, 4
ROW_MAJOR = {1: 2.5, 2: 2.5, 3: 1.6, 4: 1.4}  # one channel, row by row, over one channel, rows innermost; above: 1.25
WIDER, WIDER_FROM = 0.85, 3  # avx512 over avx2, of the ratio of g.CEILING
SCALING = 0.85  # by two threads, of that of the multiply-add peak
THREADED = (("gaunt", "cg", 3), ("gaunt", "grid", 6), ("complete", "grid", 6), ("matrix", "matrix", 6))


def fields(L):
    """{operation: methods} of the products of vector fields."""
    return {op: "cg,grid" if L <= top else "grid" for op, top in FIELDS_TOP.items()}


def methods_of(L):
    """{operation: methods}"""
    return {**METHODS, **fields(L)} if L <= SERVED else {"gaunt": "gaunt,grid"}


def cases(tiers, top):
    isa = tiers[0]
    for L in (L for L in GAUNT if L <= top):
        gaunt = f"op=gaunt l1={L} l2={L} l3={L} dtype=f32 threads=1 method={methods_of(L)['gaunt']}"
        yield f"{gaunt} name=layouts.{L} batch=1000 pass=fwd layout=batch_last,mul_ir isa={isa}"
        if "avx512" in tiers and L >= WIDER_FROM:
            yield f"{gaunt} name=wider.{L} channels=128 batch=8 pass=fwd layout=ir_mul isa=avx2,avx512"
        for op, methods in methods_of(L).items():
            yield (
                f"op={op} name=kinds.{L} l1={L} l2={L} l3={L} channels=128 batch={8 if L <= 8 else 1} dtype=f32 "
                f"pass=fwd,bwd threads=1 layout=ir_mul isa={isa} method={methods},auto"
            )
    for op, method, L in THREADED:
        if L <= top:
            yield (
                f"op={op} name=spread.{L} l1={L} l2={L} l3={L} channels=128 batch=32 dtype=f32 pass=fwd threads=1,2 "
                f"layout=ir_mul isa={isa} method={method}"
            )


def fastest(rows):
    """{(L, op): {pass: row}} of the method that is fastest forward and backward: one plan serves both."""
    table = {}
    for r in g.pick(rows, "product", "kinds"):
        if r["method_asked"] != "auto":
            methods = table.setdefault((g.setting_of(r)[1], r["op"]), {})
            methods.setdefault(r["method"], {})[r["pass"]] = r
    both = {key: [p for p in methods.values() if {"fwd", "bwd"} <= p.keys()] for key, methods in table.items()}
    together = lambda p: sum(r["ns_per_item"] for r in p.values())  # noqa: E731
    return {key: min(whole, key=together) for key, whole in both.items() if whole}


def per_item(row):
    """ns per channel of a row of the batch, and scaled to a peak of 70 Gflop/s."""
    ns = row["ns_per_item"] / 128
    return ns, ns * row["best_peak_gflops"] / 70


def table(rows):
    """[{L, op, method, ns, scaled, goal, floor, backward, to_gaunt}]; Gaunt products that were not measured have a goal
    and a floor alone.
    """
    best, lines = fastest(rows), []
    for (L, op), passes in best.items():
        ns, scaled = per_item(passes["fwd"])
        goal, floor = GAUNT[L] if op == "gaunt" else (None, None)
        gaunt = best.get((L, "gaunt"))
        line = {"L": L, "op": op, "method": passes["fwd"]["method"], "ns": ns, "scaled": scaled}
        line |= {"goal": goal, "floor": floor, "backward": passes["bwd"]["ns_per_item"] / passes["fwd"]["ns_per_item"]}
        lines.append(line | {"to_gaunt": gaunt and ns / per_item(gaunt["fwd"])[0]})
    for L in missing(lines) if lines else ():
        line = {"L": L, "op": "gaunt", "method": "-", "goal": GAUNT[L][0], "floor": GAUNT[L][1]}
        lines.append(line | dict.fromkeys(("ns", "scaled", "backward", "to_gaunt")))
    return lines


def missing(lines):
    """Degrees of the goals of the Gaunt product that no line has."""
    return sorted(GAUNT.keys() - {r["L"] for r in lines if r["op"] == "gaunt"})


def best_by(rows, setting, key):
    """{L: {value of key: row of the fastest method}}."""
    found = {}
    for r in g.pick(rows, "product", setting):
        at = found.setdefault(g.setting_of(r)[1], {})
        value = g.option(r, key)
        if value not in at or r["ns_per_item"] < at[value]["ns_per_item"]:
            at[value] = r
    return found


def row_major(rows):
    """[(L, "mul_ir", time over that of the lane layout, over what it may be)]."""
    return [
        (L, "mul_ir", at["mul_ir"]["ns_per_item"] / at["batch_last"]["ns_per_item"] / ROW_MAJOR.get(L, 1.25))
        for L, at in best_by(rows, "layouts", "layout").items()
        if {"mul_ir", "batch_last"} <= at.keys()
    ]


def wider(rows):
    """Rows of avx512 with the keys of g.wider()."""
    pairs = [at for at in best_by(rows, "wider", "isa").values() if {"avx2", "avx512"} <= at.keys()]
    found = [(at["avx512"], g.wider(at["avx2"], at["avx512"])) for at in pairs]
    return [{**r, **gain} for r, gain in found if gain]


def spread(rows):
    """[(L, operation and method, gain by a second thread over that of the peak, or None: not to be judged)]."""
    times = {}
    for r in g.pick(rows, "product", "spread"):
        key = (g.setting_of(r)[1], f"{r['op']} by {r['method']}")
        times.setdefault(key, {})[r["threads"]] = r
    return [(*key, g.scaling(at[1], at[2])) for key, at in times.items() if {1, 2} <= at.keys()]


def scaling_goal(judge, found):
    line = judge("products of signals, two threads: of the scaling of the peak", found, SCALING, True)
    unjudged = sum(value is None for *_, value in found)
    if unjudged:
        judged = "" if unjudged == len(found) else line["reached"] + "; "
        line["reached"] = f"{judged}{unjudged} of {len(found)} not judged: the peak did not scale"
    return line


def goals(rows):
    lines = [r for r in table(rows) if r["ns"]]
    at = {(r["L"], r["op"]): r for r in lines}

    def judge(text, values, reach, higher=False):
        found = [{"name": f"kinds.{L}", "problem": f"layout={op}", "value": v} for L, op, v in values]
        return g.goal(text, found, lambda r: r["value"], reach, "", higher=higher)

    gaunt = [(r["L"], "gaunt", r["scaled"] / r["floor"]) for r in lines if r["floor"]]
    complete = [(r["L"], "complete", r["to_gaunt"]) for r in lines if r["op"] == "complete" and r["L"] >= 5]
    matrix = [
        (r["L"], "matrix", r["ns"] / at[r["L"], "complete"]["ns"])
        for r in lines
        if r["op"] == "matrix" and r["L"] >= MATRIX_FROM and (r["L"], "complete") in at
    ]
    backward = [(r["L"], r["op"], r["backward"]) for r in lines]
    text = "Gaunt product L x L -> L, L = {}, ns x peak / 70, over the floor: at most 1"
    unmeasured = missing(lines)
    ceiling = f"the ratio of {g.CEILING}"
    listed = lambda degrees: ", ".join(map(str, degrees)) or "-"  # noqa: E731
    why = "not measured: a quick run has none above 4"
    left = {"goal": text.format(listed(unmeasured)), "reached": why, "met": None}
    return [
        judge(text.format(listed(sorted(GAUNT.keys() - set(unmeasured)))), gaunt, 1),
        *([left] if unmeasured else []),
        judge(f"complete over Gaunt, L >= 5, each by its best method: at most {COMPLETE}", complete, COMPLETE),
        judge(f"matrix over complete, L >= {MATRIX_FROM}: at most 1", matrix, 1),
        judge(f"products of signals, backward over forward: at most {BACKWARD}", backward, BACKWARD),
        judge(
            "Gaunt product of one channel, row by row over rows innermost, of its bound: at most 1", row_major(rows), 1
        ),
        g.wider_goal(f"Gaunt product, avx512 over avx2, L >= {WIDER_FROM}: {WIDER} of {ceiling}", wider(rows), WIDER),
        scaling_goal(judge, spread(rows)),
    ]
