# SPDX-License-Identifier: MIT
"""e3tp beside its peers on the protocol of "The Price of Freedom": rows of peers.jsonl -> tables, goals."""

import statistics

import beside
import goals as g

BEST, EACH = (8, 15), (5, 8)  # times as fast as the fastest peer, and as the fastest of the same algorithm: floor, goal
OPS = {
    "paths": "instruction product, every path of even l1+l2+l3 its own output",
    "gaunt": "Gaunt product, one output per degree",
    "matrix": "matrix product, all couplings, one output per degree",
}
SETTINGS = {"mimo": "0..L x 0..L to 0..2L", "simo": "L x L to 0..2L", "siso": "L x L to L"}
PASSES = {"fwd": "forward", "bwd": "forward and backward"}
# ns per row of the paper's own code as we measured it by AVX-512, one core of a Sapphire Rapids Xeon whose peak is
# PUBLISHED_PEAK.
PUBLISHED_PEAK = 214
PUBLISHED = {
    ("paths", "cg"): {1: 46, 2: 215, 3: 932, 4: 3343, 5: 10022, 6: 28741, 8: 39913},
    ("gaunt", "grid"): {1: 105, 2: 165, 3: 358, 4: 681, 5: 1214, 6: 2035, 8: 5323},
    ("matrix", "matrix"): {1: 517, 2: 679, 3: 1151, 4: 3204, 5: 7100},
}


def timed(samples, rows, compile_s):
    """What a row of results has of times; samples in ns per call."""
    return {"ns_per_row": statistics.median(samples) / rows, "min": min(samples) / rows, "compile_s": compile_s}


def is_ours(row):
    return row["rival"].startswith("e3tp ")


def groups(rows):
    """{(op, setting, L, pass): rows}"""
    found = {}
    for r in g.pick(rows, "protocol"):
        found.setdefault((r["op"], *g.setting_of(r), r["pass"]), []).append(r)
    return found


def table(rows):
    """[{op, setting, L, pass, rows, best, rival, ratio, methods: {method: (row, counterpart, ratio)}}]"""
    lines = []
    for (op, setting, L, which), found in groups(rows).items():
        own, peers = ([r for r in found if is_ours(r) == mine] for mine in (True, False))
        line = {"op": op, "setting": setting, "L": L, "pass": which, "name": f"{setting}.{L}", "rows": found}
        line |= {"best": beside.fastest(own), "rival": beside.fastest(peers), "methods": {}}
        line["ratio"] = over(line["rival"], line["best"])
        for r in own:
            other = beside.fastest([p for p in peers if p["method"] == r["method"]])
            line["methods"][r["method"]] = (r, other, over(other, r))
        lines.append(line)
    return lines


def curves(rows, op, which, method):
    """MIMO by a method and by the fastest peer of its algorithm: two lists of (L, ns)."""
    own, peers = [], []
    for r in table(rows):
        ours, other, ratio = r["methods"].get(method, (None, None, None))
        if (r["op"], r["setting"], r["pass"]) == (op, "mimo", which) and ours and "ns_per_row" in ours:
            own.append((r["L"], ours["ns_per_row"]))
            if ratio:
                peers.append((r["L"], other["ns_per_row"]))
    return sorted(own), sorted(peers)


def over(row, other):
    """Time of the one over that of the other."""
    both = row and other and "ns_per_row" in row and "ns_per_row" in other
    return row["ns_per_row"] / other["ns_per_row"] if both else None


def lines(rows):
    """For the terminal: every rival of the cases of rows."""
    out = []
    for (op, setting, L, which), found in groups(rows).items():
        best = beside.fastest([r for r in found if is_ours(r)])
        out.append(f"{op} {setting} L = {L}, {PASSES[which]}; ns per row, one core")
        for r in found:
            ratio = over(r, best)
            compiled = f"  compiled in {r['compile_s']:.1f} s" if r.get("compile_s") else ""
            ns = f"{r['ns_per_row']:10.1f} {ratio:7.2f}x{compiled}" if ratio else f"         - {r.get('why', '')}"
            out.append(f"    {r['rival']:24}{ns}")
    return out


def summary(rows):
    """For the terminal: ratios, goals, how the peers stand beside the published figures."""
    out = ["", "the fastest peer's time over that of e3tp's best method; each method over its own algorithm's fastest"]
    for r in table(rows):
        each = ", ".join(f"{m} {ratio:.1f}x" for m, (_, _, ratio) in r["methods"].items() if ratio)
        ratio = f"{r['ratio']:.1f}x {r['rival']['rival']}" if r["ratio"] else "-"
        out.append(f"{r['op']:7}{r['name']:8}{r['pass']:4} {ratio:32} {each}")
    out += [f"{g.VERDICT[goal['met']]:7} {goal['goal']}\n        {goal['reached']}" for goal in goals(rows)]
    return out + checked(rows)


def machine(rows):
    """The first run of the protocol, with the multiply-add peak of a core."""
    return next(iter(g.pick(rows, "peers-run", what="protocol")), None)


def against_published(rows):
    """[{op, method, L, rival, ns, own, published, scaled}]: the fastest peer of the algorithm and e3tp's best method
    beside the published time, and that time scaled to the peak of this machine.
    """
    found, run = [], machine(rows)
    for line in table(rows) if run else ():
        for (op, method), figures in PUBLISHED.items():
            _, peer, _ = line["methods"].get(method, (None, None, None))
            if peer and line["best"] and (line["op"], line["setting"], line["pass"]) == (op, "mimo", "fwd"):
                figure = figures.get(line["L"])
                if figure:
                    row = {"op": op, "method": method, "L": line["L"], "rival": peer["rival"], "ns": peer["ns_per_row"]}
                    row |= {"own": line["best"]["ns_per_row"], "published": figure}
                    found.append(row | {"scaled": figure * PUBLISHED_PEAK / run["peak_gflops"]})
    return found


def checked(rows):
    found = against_published(rows)
    good = sum(r["ns"] <= r["scaled"] for r in found)
    text = [f"the peers reach the published times of the paper's code, scaled by peaks: {good} of {len(found)}"]
    for r in found:
        over_own = f"published, scaled {r['scaled']:.0f}: {r['scaled'] / r['own']:.1f}x e3tp's best"
        text.append(f"    {r['op']:7} {r['method']:7} L = {r['L']}: {r['ns']:8.1f} here by {r['rival']}; {over_own}")
    return text if found else []


def verdict(row, ratio, limits):
    """Of a row of the table, by the floor."""
    return g.VERDICT[ratio and ratio >= limits[0]] if beside.ran(row["rows"]) else "not run"


def goals(rows):
    """Of MIMO, forward and with gradients; a ratio at its worst, judged by the floor."""
    found, out = [r for r in table(rows) if r["setting"] == "mimo"], []
    for op in OPS:
        lines = [r for r in found if r["op"] == op]
        where = lambda r, method: f"{method}/{r['pass']}, L = {r['L']}"  # noqa: E731
        best = [(where(r, r["best"]["method"]), r["ratio"]) for r in lines if r["best"]]
        each = [(where(r, method), ratio) for r in lines for method, (_, _, ratio) in r["methods"].items()]
        of_cases, made = [r["rows"] for r in lines], beside.when(rows, "protocol")
        text = f"protocol, {op}, "
        out.append(beside.judged(text + "best method over the fastest peer", of_cases, best, BEST, made))
        out.append(beside.judged(text + "every method over the fastest of its algorithm", of_cases, each, EACH, made))
    return out


def every(rows, op, which):
    """[(setting, rival, algorithm, {L: ns, or why not})]"""
    found = {}
    for r in g.pick(rows, "protocol", op=op, **{"pass": which}):
        setting, L = g.setting_of(r)
        at = found.setdefault((setting, r["rival"], r["method"]), {})
        at[L] = r.get("ns_per_row") or r["why"]
    return [(*key, at) for key, at in found.items()]
