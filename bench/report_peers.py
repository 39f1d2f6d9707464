# SPDX-License-Identifier: MIT
"""Sections of the report about e3tp beside its peers: rows -> HTML."""

import html

import beside
import elsewhere
import goals as g
import plots
import rivalry
import words
from markup import figures, folded, heading, percent, table


def named(row, key="method"):
    """ns by what."""
    return f"{g.number(row['ns_per_row'])} {row[key]}" if row and "ns_per_row" in row else "-"


RIVALRY = [
    ("<setting", lambda r: r["setting"]),
    ("L", lambda r: r["L"]),
    ("<pass", lambda r: rivalry.PASSES[r["pass"]]),
    ("<e3tp's best", lambda r: named(r["best"])),
    ("<fastest peer", lambda r: named(r["rival"], "rival")),
    ("ratio", lambda r: r["ratio"] and f"{r['ratio']:.1f}x"),
    ("<floor", lambda r: rivalry.verdict(r, r["ratio"], rivalry.BEST)),
]

BY_METHOD = [
    ("<setting", lambda r: r[0]["setting"]),
    ("L", lambda r: r[0]["L"]),
    ("<pass", lambda r: rivalry.PASSES[r[0]["pass"]]),
    ("<e3tp's method", lambda r: named(r[1])),
    ("<fastest peer of its algorithm", lambda r: named(r[2], "rival")),
    ("ratio", lambda r: r[3] and f"{r[3]:.1f}x"),
    ("<floor", lambda r: rivalry.verdict(r[0], r[3], rivalry.EACH)),
]

PUBLISHED = [
    ("<product", lambda r: r["op"]),
    ("<algorithm", lambda r: r["method"]),
    ("L", lambda r: r["L"]),
    ("the paper's code", lambda r: r["published"]),
    ("scaled to here", lambda r: r["scaled"]),
    ("<fastest peer of the algorithm here", lambda r: f"{g.number(r['ns'])} {r['rival']}"),
    ("<reached", lambda r: "yes" if r["ns"] <= r["scaled"] else "NO"),
    ("e3tp's best", lambda r: r["own"]),
    ("scaled / e3tp", lambda r: f"{r['scaled'] / r['own']:.1f}x"),
]


def rival_tables(rows):
    parts = []
    for op, text in rivalry.OPS.items():
        lines = [r for r in rivalry.table(rows) if r["op"] == op]
        if not lines:
            continue
        methods = [(r, *at) for r in lines for at in r["methods"].values()]
        parts += [f"<h3>{html.escape(text)}; ns per row, one core</h3>", table(lines, RIVALRY)]
        parts.append(folded(f"{op}, each method against its own algorithm, ns per row", methods, BY_METHOD))
        for which, name in rivalry.PASSES.items():
            found = rivalry.every(rows, op, which)
            columns = [("<setting", lambda r: r[0]), ("<by", lambda r: r[1]), ("<algorithm", lambda r: r[2])]
            columns += [(f"L = {L}", lambda r, L=L: r[3].get(L)) for L in sorted({L for r in found for L in r[3]})]
            parts.append(folded(f"{op}, {name}, every peer, ns per row", found, columns))
    return "".join(parts)


def rivals(rows):
    machine = rivalry.machine(rows)
    if not machine:
        return ""
    pairs = [
        (plots.beside_peers(rows, op, which), f"{op}, {name}, mimo: e3tp and, dashed, its peers; one core")
        for op in rivalry.OPS
        for which, name in rivalry.PASSES.items()
    ]
    published = words.PUBLISHED.format(there=rivalry.PUBLISHED_PEAK, here=machine["peak_gflops"])
    return (
        heading("Beside its peers", words.RIVALRY + f" Measured on {html.escape(beside.when(rows, 'protocol'))}.")
        + figures(*pairs)
        + rival_tables(rows)
        + f"<p>{published}</p>"
        + table(rivalry.against_published(rows), PUBLISHED)
    )


HARMONICS_PEERS = [
    ("<beside sphericart, through Python", lambda r: r["pass"]),
    ("l", lambda r: g.setting_of(r)[1]),
    ("<type", lambda r: r["dtype"]),
    ("e3tp, ns/vector", lambda r: r["ns_per_item"]),
    ("sphericart", lambda r: r["peer"]),
    ("times as fast", lambda r: round(r["ratio"], 2)),
    ("% of writing", lambda r: percent(r["share"])),
]

PEERS = [
    ("<product", lambda r: r["name"]),
    ("<pass", lambda r: r["pass"]),
    ("threads", lambda r: r["threads"]),
    ("e3tp, ns", lambda r: round(r["ns_per_row"])),
    ("<fastest peer", lambda r: r["peer"]["rival"]),
    ("ns", lambda r: round(r["peer"]["ns_per_row"])),
    ("times as fast", lambda r: round(r["ratio"], 1)),
]


def beside_peers(rows, case, text):
    found = beside.fastest_peers(rows, case)
    return f"<p>{text}</p>" + table(found, PEERS) if found else ""


def harmonics(rows):
    found = beside.harmonics(rows)
    return table(found, HARMONICS_PEERS) if found else ""


ELSEWHERE = [
    ("<measured elsewhere", lambda r: r["figure"].peer),
    ("<what", lambda r: r["figure"].what),
    ("threads", lambda r: r["figure"].threads),
    ("<type", lambda r: r["figure"].dtype),
    ("ns/edge there", lambda r: r["figure"].ns),
    ("% of its ceiling", lambda r: percent(r["there"])),
    ("e3tp, float32, here", lambda r: r["own"]),
    ("% of its ceiling", lambda r: percent(r["here"])),
    ("ratio of shares", lambda r: f"{r['ratio']:.1f}x"),
    ("goal", lambda r: f"{r['figure'].goal}x"),
    ("floor", lambda r: f"{r['figure'].floor}x"),
    ("<the floor is", lambda r: g.VERDICT[r["ratio"] >= r["figure"].floor]),
]


def measured_elsewhere(rows):
    found = elsewhere.table(rows)
    return f"<p>{words.ELSEWHERE.format(machine=elsewhere.MACHINE)}</p>" + table(found, ELSEWHERE) if found else ""
