# SPDX-License-Identifier: MIT
"""How times grow with L on the protocol: every kind of product by every method, slopes, crossovers, shares, memory.

Couplings of even l1+l2+l3 (J-even) and all couplings are different maps, and named so. cold: operands of 256 MB,
streamed from memory; cached: of 128 KB; both 0..L x 0..L to 0..2L by the method that AUTO takes, as are float64 and
all threads.
"""

import math
import os

import goals as g
import kinds

KINDS = {  # label: (op, end of the setting's name)
    "paths, J-even": ("tp", ""),
    "paths, all": ("tp", "-all"),
    "gaunt, J-even": ("gaunt", ""),
    "bracket, J-odd": ("bracket", "-kinds"),
    "complete, all": ("complete", "-kinds"),
    "matrix, all": ("matrix", "-kinds"),
    "cross, fields": ("cross", "-kinds"),
    "dot, fields": ("dot", "-kinds"),
}
METHODS = {"bracket": "cg,grid", "complete": "cg,grid", "matrix": "cg,matrix"}
SETTINGS = {"mimo": "0..L x 0..L to 0..2L", "simo": "L x L to 0..2L", "siso": "L x L to L"}
PASSES = {"fwd": "forward", "fwd+bwd": "forward and backward"}
STREAMED = {"gaunt": "gaunt, J-even", "matrix": "matrix, all", "tp": "paths, J-even"}
COLD_BYTES, CACHED_BYTES = 256 << 20, 128 << 10
# Above these degrees FEWER rows, or it would take minutes; paths still take 20 MB and more.
WHOLE_TOP, FIELDS_WHOLE_TOP, FEWER = 8, 4, 1000
LEVELS = (2, 4, 6, 8, 10)  # of float64 and all threads; all paths to 6, threads to 8
STREAMED_LEVELS = (*range(1, 9), 10)  # of cold and cached
FIRST = 3  # degree from which slopes are fitted


def protocol_run(L, top=WHOLE_TOP):
    return f"batch={10000 if L <= top else FEWER} dtype=f32 pass=fwd,bwd threads=1"


def kinds_cases(setting, L, degrees):
    """Of the products that cases.py has no lines for."""
    every = dict.fromkeys(kinds.FIELDS_TOP, "cg,grid")
    for op, methods in {**METHODS, **(kinds.fields(L) if setting == "mimo" else every)}.items():
        if setting == "siso" and op == "bracket" and L % 2 == 0:  # l1 + l2 + l3 = 3L must be odd
            continue
        run = protocol_run(L, FIELDS_WHOLE_TOP if op in every else WHOLE_TOP)
        yield f"op={op} name={setting}-kinds.{L} {degrees} {run} method={methods}"


def streamed_cases(top, natural):
    for L in (L for L in STREAMED_LEVELS if L <= top):
        paths = [2 * c + 1 for a in range(L + 1) for b in range(L + 1) for c in range(abs(a - b), a + b + 1, 2)]
        inputs = 2 * (L + 1) ** 2
        sizes = {"gaunt": inputs + (2 * L + 1) ** 2, "matrix": inputs + 2 * (2 * L + 1) ** 2, "tp": inputs + sum(paths)}
        signal, x = f"l1={L} l2={L} l3={2 * L}", natural(range(L + 1))
        irreps = f"in1={x} in2={x} mode=uuu paths=natural lmax_out={2 * L} weights=none"
        for op, size in sizes.items():
            for name, total in (("cold", COLD_BYTES), ("cached", CACHED_BYTES)):
                rows = max(16, total // (4 * size) // 16 * 16)
                degrees = irreps if op == "tp" else signal
                yield f"op={op} name={name}.{L} {degrees} batch={rows} dtype=f32 pass=fwd threads=1 method=auto"


def threads():
    """As many as this process has CPUs."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def wide_cases(top, natural):
    """mimo in float64 beside float32, and by all threads beside one."""
    runs = {"f64": "dtype=f32,f64 pass=fwd threads=1"}
    if threads() > 1:
        runs["threads"] = f"dtype=f32 pass=fwd,bwd threads=1,{threads()}"
    for L in (L for L in LEVELS if L <= top):
        for kind, (op, end) in KINDS.items():
            if kind == "paths, all" and L > 6:
                continue
            x, paths = natural(range(L + 1)), "all" if end == "-all" else "natural"
            irreps = f"in1={x} in2={x} mode=uuu paths={paths} lmax_out={2 * L} weights=none"
            degrees = irreps if op == "tp" else f"l1={L} l2={L} l3={2 * L}"
            for name, run in runs.items() if L <= WHOLE_TOP else [("f64", runs["f64"])]:
                yield f"op={op} name=mimo-{name}{end}.{L} {degrees} batch=2500 {run} method=auto"


def wide(rows):
    """[{kind, L, method, f64: {dtype: row}, threads, fwd, bwd: {threads: row}}]"""
    table = []
    for kind, (op, end) in KINDS.items():
        lines = {}
        for name, key in (("f64", lambda r: ("f64", r["dtype"])), ("threads", lambda r: (r["pass"], r["threads"]))):
            for r in g.pick(rows, "product", f"mimo-{name}{end}", op=op):
                first, second = key(r)
                line = lines.setdefault(g.setting_of(r)[1], {"kind": kind, "method": r["method"], "threads": None})
                line["L"], line["threads"] = g.setting_of(r)[1], max(r["threads"], line["threads"] or 1)
                line.setdefault(first, {})[second] = r
        table += [lines[L] for L in sorted(lines)]
    return table


def cores(rows):
    return next((r["cores"] for r in rows if r["case"] == "machine"), "unknown")


def rows_of(rows, kind, setting):
    """{(method, L): {pass: row}}; AUTO's choice is one of the methods."""
    op, end = KINDS[kind]
    found = {}
    for r in g.pick(rows, "product", setting + end, op=op):
        if r["method_asked"] != "auto":
            found.setdefault((r["method"], g.setting_of(r)[1]), {})[r["pass"]] = r
    return found


def time_of(passes, which):
    wanted = which.split("+")
    return sum(passes[p]["ns_per_item"] for p in wanted) if all(p in passes for p in wanted) else None


def by_method(rows, kind, setting, which):
    """{method: [(L, ns)]}"""
    series = {}
    for (method, L), passes in rows_of(rows, kind, setting).items():
        ns = time_of(passes, which)
        if ns:
            series.setdefault(method, []).append((L, ns))
    return {method: sorted(points) for method, points in series.items()}


def winners(rows, kind, setting, which):
    """{L: (ns, method)} of the fastest."""
    best = {}
    for method, points in by_method(rows, kind, setting, which).items():
        for L, ns in points:
            best[L] = min(best.get(L, (ns, method)), (ns, method))
    return dict(sorted(best.items()))


def by_kind(rows, setting, which):
    """{kind: [(L, ns of its fastest method)]}"""
    found = {kind: [(L, ns) for L, (ns, _) in winners(rows, kind, setting, which).items()] for kind in KINDS}
    return {kind: points for kind, points in found.items() if points}


def slope(points):
    """Exponent of L, least squares of the logarithms, from L = 3 on."""
    logs = [(math.log(L), math.log(y)) for L, y in points if L >= FIRST]
    if len(logs) < 2:
        return None
    mean_x, mean_y = (sum(v) / len(logs) for v in zip(*logs))
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


def runs(best):
    """{L: (ns, method)} as text: cg 1-4, grid 5-8."""
    spans = []
    for L, (_, method) in best.items():
        if spans and spans[-1][0] == method:
            spans[-1][2] = L
        else:
            spans.append([method, L, L])
    return ", ".join(f"{m} {first}-{last}" if first < last else f"{m} {first}" for m, first, last in spans)


def crossovers(rows):
    """[{kind, setting, which: text of each pass}]"""
    table = []
    for kind in KINDS:
        for setting in SETTINGS:
            found = {which: runs(winners(rows, kind, setting, which)) for which in PASSES}
            if any(found.values()):
                table.append({"kind": kind, "setting": setting} | found)
    return table


def resources(rows):
    """[{kind, method, pass, shares: {L: of peak}, memory: {L: bytes per row beside the operands}}] of mimo."""
    table = []
    for kind in KINDS:
        found = rows_of(rows, kind, "mimo")
        for method in dict.fromkeys(m for m, _ in found):
            at = {L: passes for (m, L), passes in found.items() if m == method}
            for which in ("fwd", "bwd"):
                of = {L: passes[which] for L, passes in sorted(at.items()) if which in passes}
                if of:
                    line = {"kind": kind, "method": method, "pass": which}
                    line["shares"] = {L: g.share(r) for L, r in of.items()}
                    table.append(line | {"memory": {L: beside_operands(r) for L, r in of.items()}})
    return table


def beside_operands(row):
    """Scratch of the call, in bytes."""
    return max(0, row["work_bytes"] - row["batch"] * row["bytes"])


def streamed(rows):
    """[{kind, L, method, cached, protocol, cold: ns per row, memory: share of bandwidth}]"""
    table = []
    for op, kind in STREAMED.items():
        at = {
            name: {g.setting_of(r)[1]: r for r in g.pick(rows, "product", name, op=op)} for name in ("cached", "cold")
        }
        between = winners(rows, kind, "mimo", "fwd")
        for L, cold in sorted(at["cold"].items()):
            line = {"kind": kind, "L": L, "method": cold["method"], "cold": cold["ns_per_item"]}
            line["cached"] = at["cached"][L]["ns_per_item"] if L in at["cached"] else None
            line["protocol"] = between[L][0] if L in between else None
            table.append(line | {"memory": g.memory_share(cold)})
    return table
