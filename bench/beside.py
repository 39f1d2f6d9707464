# SPDX-License-Identifier: MIT
"""e3tp beside its peers: rows of peers.jsonl -> what was run, ratios, goals.

A row says how many rivals its case has (of_rivals) and how many cases a whole run has of its kind (of_cases): what a
run left out is not judged by the rest.
"""

import itertools
import statistics

import goals as g

PRODUCTS = {"uvu": (15, 30), "uvw": (5, 5)}  # by mode: times as fast as the fastest peer, floor and goal
LAYERS = {"fwd": (20, 45), "bwd": (15, 50)}  # by pass: as e3nn on torch in its fastest form
IN_TORCH = ("e3nn", "e3nn scripted", "e3nn compiled")
PASSES = {"fwd": "forward", "bwd": "forward and backward"}
HARMONICS, BANDWIDTH = (1.3, 2), 0.8  # as sphericart, or of the bandwidth of writing


def when(rows, what):
    """Where and when the results of a script were made."""
    made = [f"{r['date']}, {r['cpu']}" for r in g.pick(rows, "peers-run", what=what)]
    return "; ".join(dict.fromkeys(made)) or "day and machine unknown"


def runs(rows):
    """A sentence for each run."""
    for r in g.pick(rows, "peers-run"):
        versions = ", ".join(f"{name} {version}" for name, version in r["versions"].items())
        yield f"{r['what']} {r['options']}: {r['date']}, {r['cpu']}; {versions}"


def ran(found):
    """Whether all rivals of a case had their turn; one that failed had, one that is not installed had not."""
    missing = ("ModuleNotFoundError", "ImportError")
    had = {r["rival"] for r in found if not r.get("why", "").startswith(missing)}
    return len(had) >= found[0].get("of_rivals", float("inf"))


def whole(groups):
    """Of groups of rows, cases of one kind: how many had all rivals, and how many a whole run has."""
    of_cases = max((r.get("of_cases", float("inf")) for rows in groups for r in rows), default=float("inf"))
    return sum(map(ran, groups)), of_cases


def judged(text, groups, values, limits, made):
    """groups: rows of each case; values: (where, times as fast). Not by what there is where rivals are missing."""
    floor, goal = limits
    text = f"{text}: goal {goal}x, floor {floor}x"
    had, of_cases = whole(groups)
    if had < of_cases:
        some = f", only {had} of {of_cases} cases had all rivals; {made}" if groups else ""
        return {"goal": text, "reached": "not run" + some, "met": None}
    found = [{"name": "-", "problem": f"layout={where.replace(' ', '_')}", "value": v} for where, v in values]
    line = g.goal(text, found, lambda r: r["value"], floor, "x")
    middle = statistics.median([r["value"] for r in found if r["value"]] or [0])
    return line | {"reached": f"{line['reached']}, median {middle:.1f}x; {made}"}


def groups(rows, case):
    """{(name, pass, threads, type): rows}"""
    found = {}
    for r in g.pick(rows, case):
        found.setdefault((r["name"], r["pass"], r["threads"], r.get("dtype")), []).append(r)
    return found


def fastest(rows):
    return min((r for r in rows if "ns_per_row" in r), key=lambda r: r["ns_per_row"], default=None)


def fastest_peers(rows, case, named=None):
    """e3tp's rows with the keys peer, the row of the fastest of them (of those named), and rows, those of the case."""
    lines = []
    for found in groups(rows, case).values():
        own = fastest([r for r in found if r["rival"] == "e3tp"])
        peer = fastest([r for r in found if r["rival"] != "e3tp" and (not named or r["rival"] in named)])
        if own and peer:
            lines.append({**own, "peer": peer, "ratio": peer["ns_per_row"] / own["ns_per_row"]})
    return lines


def _of_kind(rows, case, key, named=None):
    """[rows of each case], [(where, ratio)] of the rows that have what key has."""
    rows = g.pick(rows, case, **key)
    values = [(f"{r['name']}, {r['pass']}", r["ratio"]) for r in fastest_peers(rows, case, named)]
    return list(groups(rows, case).values()), values


def product_goals(rows):
    for threads, (mode, limits) in itertools.product((1, 2), PRODUCTS.items()):
        found = _of_kind(rows, "peer", {"threads": threads, "mode": mode})
        text = f"products {mode} beside the fastest peer, threads: {threads}"
        yield judged(text, *found, limits, when(rows, "products"))


def layer_goals(rows):
    for threads, (which, limits) in itertools.product((1, 2), LAYERS.items()):
        found = _of_kind(rows, "conv-peer", {"threads": threads, "pass": which}, IN_TORCH)
        text = f"layers beside e3nn on torch, {PASSES[which]}, threads: {threads}"
        yield judged(text, *found, limits, when(rows, "layers"))


def harmonics(rows):
    """e3tp's rows with the keys peer, ns of sphericart on the same vectors, ratio, and share, of the bandwidth."""
    lines = []
    for found in groups(rows, "harmonics-peer").values():
        times = {r["rival"]: r for r in found if "ns_per_item" in r}
        if len(times) > 1:
            own, peer = times["e3tp"], times["sphericart"]["ns_per_item"]
            share = own["bytes"] / own["ns_per_item"] / own["write_gbs"]
            lines.append({**own, "peer": peer, "ratio": peer / own["ns_per_item"], "share": share})
    return lines


def harmonics_goals(rows):
    """By whichever of the two is nearer to its limit."""
    found = list(groups(rows, "harmonics-peer").values())
    values = [
        (f"{r['name']} {r['pass']} {r['dtype']}", max(r["ratio"], HARMONICS[1] if r["share"] >= BANDWIDTH else 0))
        for r in harmonics(rows)
    ]
    text = f"harmonics beside sphericart, {HARMONICS[1]} where they reach {BANDWIDTH} of the bandwidth of writing"
    yield judged(text, found, values, HARMONICS, when(rows, "harmonics"))


GOALS = {"products": product_goals, "layers": layer_goals, "harmonics": harmonics_goals}


def goals(rows):
    return [line for of_script in GOALS.values() for line in of_script(rows)]


def lines(rows, what):
    """For the terminal: the goals of a script's results."""
    return [f"{g.VERDICT[line['met']]:7} {line['goal']}\n        {line['reached']}" for line in GOALS[what](rows)]
