# SPDX-License-Identifier: MIT
"""Time against expressivity: what products of signals cost as their rank grows, beside a free weight for every path.

0..L x 0..L to 0..L, 128 channels, weights shared by all rows. The expressivity of a sum of R products with weights of
their own is the generic dimension that expressivity.py finds for R channels. Maps of even l1+l2+l3 (natural parity) and
all maps are two questions: a product counts where it stays within them.
"""

import goals as g

LEVELS = (2, 4, 6, 8)
MOST = 8  # terms
PRODUCTS = {  # panel: {name of the expressivity study: (op, methods)}
    "even": {"natural": ("tp", "cg"), "gaunt": ("gaunt", "cg,grid")},
    "all": {"all": ("tp", "cg"), "complete": ("complete", "cg,grid"), "matrix": ("matrix", "cg,matrix")},
}
RUN = "batch=8 dtype=f32 pass=fwd threads=1 layout=ir_mul weights=shared"


def cases(top):
    for L in (L for L in LEVELS if L <= top):
        x = "+".join(f"128x{l}{'eo'[l % 2]}" for l in range(L + 1))
        for products in PRODUCTS.values():
            for name, (op, methods) in products.items():
                head = f"op={op} name=pareto-{name}.{L}"
                if op == "tp":
                    yield f"{head} in1={x} in2={x} mode=uuu paths={name} sep=0 lmax_out={L} {RUN} method={methods}"
                    continue
                for rank in range(1, MOST + 1):
                    yield f"{head} l1={L} l2={L} l3={L} channels=128 rank={rank} {RUN} method={methods}"


def series(rows, panel, L):
    """{name: [(expressivity, ns per row and channel, rank)]} of the fastest method; ranks until every path is free."""
    studies = {r["product"]: r for r in g.pick(rows, "expressivity") if (r["setting"], r["L"]) == ("c128", L)}
    found = {}
    for name in PRODUCTS[panel]:
        times = {}
        for r in g.pick(rows, "product", f"pareto-{name}", name=f"pareto-{name}.{L}"):
            ns, rank = r["ns_per_item"] / 128, int(g.option(r, "rank", "1"))
            times[rank] = min(ns, times.get(rank, ns))
        dimensions = studies[name]["ranks_by_channels"] if name in studies else []
        points = [(d, times[rank], rank) for rank, d in enumerate(dimensions, 1) if rank in times]
        if points:
            found[name] = points
    return found


def levels(rows):
    return [L for L in LEVELS if any(series(rows, panel, L) for panel in PRODUCTS)]


def front(found):
    """The points that no other beats in both, ascending."""
    points = sorted({(d, ns) for points in found.values() for d, ns, _ in points}, key=lambda p: (p[1], -p[0]))
    best, kept = 0, []
    for d, ns in points:
        if d > best:
            best = d
            kept.append((d, ns))
    return kept
