#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What each product can express, measured on real plans.

Interactability: a plan is driven with all pairs of basis vectors, all weights 1. The part of the result at
(l1, l2 -> l3) is a multiple of the coupling tensor W, the path's strength; what is not (stray) must vanish.

Expressivity: the dimension of the set of maps that the weights reach, the rank of the Jacobian d(strengths)/d(weights).
The plan's own backward pass gives the Jacobian at weights 1, strength x exponent: each strength is a product of powers
of weights, checked at random weights. Its rank is that of the matrix of exponents, small integers, computed modulo a
prime: exact, where a tolerance would have to tell strengths apart that span decades. For a sum of C channels (mixing
before and after, as linear layers do) the Jacobians at random points stand side by side; the least C that reaches every
path freely is the generic dimension, a statement about almost all weights.

Appends JSON lines; the exit status is 1 if a closed form is not met, or if methods disagree.
"""

import argparse
import functools
import json
import sys
import time

import numpy as np

import e3tp

PRIME = 2**31 - 1  # products of two residues fit int64
EXACT = 1e-9  # of values near 1 in float64; the smallest strengths to L = 10 are above 1e-4
LEVELS = (*range(1, 9), 10)
WHOLE_TOP = 8  # above, products by paths by their first method alone: a call of all pairs writes 300 MB


def eo(l):
    return "eo"[l % 2]


wigner_3j = functools.lru_cache(maxsize=None)(e3tp.wigner_3j)


# ---- plans: x, y of the same degrees, one copy each; weights per row of the batch ----


class PathProduct:
    """The instruction product, every path its own output and weight, without normalisation."""

    copies, sharing = "one per path", "a weight per path"

    def __init__(self, kind, ins, outs, method):
        natural = kind == "natural"
        irreps = "+".join(f"1x{l}{eo(l)}" for l in ins)
        instructions, irreps_out, self.degrees = [], [], []
        for i, l1 in enumerate(ins):
            for j, l2 in enumerate(ins):
                for l3 in range(abs(l1 - l2), l1 + l2 + 1):
                    if l3 in outs and not (natural and (l1 + l2 + l3) % 2):
                        instructions.append((i, j, len(irreps_out), "uuu", True))
                        irreps_out.append(f"1x{l3}{eo(l1 + l2)}")
                        self.degrees.append(l3)
        norms = {"irrep_normalization": "none", "path_normalization": "none"}
        self.plan = e3tp.TensorProduct(
            irreps,
            irreps,
            "+".join(irreps_out),
            instructions,
            shared_weights=False,
            dtype=np.float64,
            method=method,
            **norms,
        )
        self.weights = len(instructions)

    def forward(self, x, y, w):
        return self.plan(x, y, w)

    def weight_gradient(self, x, y, w, gz):
        return self.plan.backward(x, y, w, gz, needs=("w",))[2]


class SignalProduct:
    """A product of two signals with factors per irrep: one output copy per degree and parity."""

    copies, sharing = "one per degree and parity", "factors a[l1] b[l2] c[l3]"

    def __init__(self, kind, ins, outs, method):
        self.plan = e3tp.SignalProduct(
            kind,
            list(ins),
            list(ins),
            list(outs),
            weights="row",
            dtype=np.float64,
            method=method,
        )
        self.degrees = [ir.l for _, ir in self.plan.irreps_out]
        sizes = self.plan.kappa.shape
        self.weights, self.cuts = sum(sizes), np.cumsum(sizes)[:2]

    def factors(self, w):
        return [f[..., None] for f in np.split(w, self.cuts, axis=-1)]

    def forward(self, x, y, w):
        return self.plan(x, y, *self.factors(w))

    def weight_gradient(self, x, y, w, gz):
        return np.concatenate(
            [g[..., 0] for g in self.plan.backward(x, y, *self.factors(w), gz)[2:]], axis=-1
        )


# ---- what a plan does ----


def places(degrees):
    ends = np.cumsum([2 * l + 1 for l in degrees])
    return [slice(end - 2 * l - 1, end) for l, end in zip(degrees, ends)]


def reachable_paths(product, ins):
    """[(l1, l2, l3, strength, probe)] and the largest stray part; probe: where |W| is largest, (i, j, k, W there)."""
    dim = sum(2 * l + 1 for l in ins)
    basis, found, stray = np.eye(dim), [], 0.0
    parity = [ir.p for _, ir in product.plan.irreps_out]
    for l1, i in zip(ins, places(ins)):
        x, y = np.repeat(basis[i], dim, axis=0), np.tile(basis, (2 * l1 + 1, 1))
        z = product.forward(x, y, np.ones((len(x), product.weights))).reshape(2 * l1 + 1, dim, -1)
        for l3, p, k in zip(product.degrees, parity, places(product.degrees)):
            if not z[:, :, k].any():
                continue  # as most blocks of a product whose paths have one each
            for l2, j in zip(ins, places(ins)):
                part = z[:, j, k]
                if abs(l1 - l2) <= l3 <= l1 + l2 and p == (-1) ** (l1 + l2):
                    w = wigner_3j(l1, l2, l3)
                    strength = float(np.sum(part * w))
                    part = part - strength * w
                    if abs(strength) > EXACT:
                        at = np.unravel_index(np.argmax(abs(w)), w.shape)
                        probe = (i.start + at[0], j.start + at[1], k.start + at[2], w[at])
                        found.append((l1, l2, l3, strength, probe))
                stray = max(stray, float(np.abs(part).max()))
    return found, stray


def exponents(product, found, dim, seed=1):
    """Path by weight: the power with which a weight enters a path's strength; and the largest error of that law."""
    if not found:
        return np.zeros((0, product.weights), dtype=np.int64), 0.0
    i, j, k, w_at = (np.array(column) for column in zip(*(path[4] for path in found)))
    strength = np.array([path[3] for path in found])
    rows, basis = np.arange(len(found)), np.eye(dim)
    x, y = basis[i], basis[j]
    gz = np.zeros((len(found), sum(2 * l + 1 for l in product.degrees)))
    gz[rows, k] = 1 / (strength * w_at)
    measured = product.weight_gradient(x, y, np.ones((len(found), product.weights)), gz)
    powers = np.rint(measured)
    weights = np.random.default_rng(seed).uniform(0.5, 2, (len(found), product.weights))
    values = product.forward(x, y, weights)[rows, k] * gz[rows, k]
    law = np.prod(weights**powers, axis=1)
    return powers.astype(np.int64), float(
        max(abs(measured - powers).max(), abs(values - law).max())
    )


# ---- ranks ----


def echelon(matrix):
    """A basis of the span of the rows modulo PRIME, pivots from left to right."""
    m, rank = np.array(matrix, dtype=np.int64) % PRIME, 0
    for column in range(m.shape[1]):
        rows = rank + np.nonzero(m[rank:, column])[0]
        if len(rows) == 0:
            continue
        m[[rank, rows[0]]] = m[[rows[0], rank]]
        pivot = m[rank, column:] * pow(int(m[rank, column]), PRIME - 2, PRIME) % PRIME
        below = rank + 1 + np.nonzero(m[rank + 1 :, column])[0]
        m[rank, column:] = pivot
        m[below, column:] = (m[below, column:] - m[below, column][:, None] * pivot) % PRIME
        rank += 1
    return m[:rank]


def jacobian(powers, rng):
    """Of prod_k w[k]^powers[p, k] at a random point modulo PRIME; strengths scale rows and change no rank."""
    w = rng.integers(1, PRIME, powers.shape[1])
    inverse = [pow(int(v), PRIME - 2, PRIME) for v in w]
    value = np.ones(len(powers), dtype=np.int64)
    for k, exponent in zip(*np.nonzero(powers)):
        for _ in range(powers[k, exponent]):
            value[k] = value[k] * w[exponent] % PRIME
    return powers * value[:, None] % PRIME * np.array(inverse) % PRIME


@functools.lru_cache(maxsize=None)
def ranks_by_channels(shape, raw):
    """Rank for C = 1, 2, ... channels until every path is free."""
    powers = np.frombuffer(raw, dtype=np.int64).reshape(shape)
    ranks, rng = [len(echelon(powers))], np.random.default_rng(7)
    basis = echelon(jacobian(powers, rng).T)
    while ranks[-1] < len(powers) and len(ranks) < 64:
        basis = echelon(np.vstack((basis, jacobian(powers, rng).T)))
        ranks.append(len(basis))
    return ranks


# ---- closed forms, and generic dimensions known before ----

CHANNELS = {  # L = 1, 2, ...
    ("mimo", "gaunt"): [1, 2, 3, 4, 5, 7, 8, 10],
    ("c128", "gaunt"): [1, 2, 3, 4, 5, 6, 7],
}
# 6j symbols that vanish by accident, of the least spin.
ZEROS = {"mimo": {6: 6}, "c128": {5: 3, 6: 3, 7: 6, 8: 6, 9: 3, 10: 3}}
CLOSED = {  # paths, expressivity
    ("mimo", "all"): lambda L: ((L + 1) * (2 * L * L + 4 * L + 3) // 3,) * 2,
    ("mimo", "natural"): lambda L: ((L + 1) * (L + 2) * (2 * L + 3) // 6,) * 2,
    ("mimo", "gaunt"): lambda L: ((L + 1) * (L + 2) * (2 * L + 3) // 6, 4 * L + 1),
    ("c128", "natural"): lambda L: (count(L, L, [0]),) * 2,
    ("c128", "all"): lambda L: (count(L, L),) * 2,
    ("c128", "gaunt"): lambda L: (count(L, L, [0]), 3 * L + 1),
    ("mimo", "bracket"): lambda L: (L * (L + 1) * (2 * L + 1) // 6, 4 * L - 3),
    ("c128", "bracket"): lambda L: (count(L, L, [1]), 3 * L - 2),
    ("simo", "bracket"): lambda L: (L,) * 2,
    ("mimo", "complete"): lambda L: (count(L, 2 * L), 6 * L),
    ("c128", "complete"): lambda L: (count(L, L), 4 * L + 1),
    ("simo", "complete"): lambda L: (2 * L + 1,) * 2,
    ("mimo", "matrix"): lambda L: (count(L, 2 * L) - ZEROS["mimo"].get(L, 0), 6 * L),
    ("c128", "matrix"): lambda L: (count(L, L) - ZEROS["c128"].get(L, 0), 4 * L + 1),
    ("simo", "matrix"): lambda L: (2 * L + 1,) * 2,
    ("simo", "all"): lambda L: (2 * L + 1,) * 2,
    ("simo", "natural"): lambda L: (L + 1,) * 2,
    ("simo", "gaunt"): lambda L: (L + 1,) * 2,
    ("siso", "natural"): lambda L: (1, 1),
    ("siso", "gaunt"): lambda L: (1, 1),
}


def count(L, top, odds=(0, 1)):
    """Triangles (l1, l2, l3), l1 and l2 <= L, l3 <= top, of even (0) or odd (1) sum, or of both."""
    return sum(
        (l1 + l2 + l3) % 2 in odds
        for l1 in range(L + 1)
        for l2 in range(L + 1)
        for l3 in range(abs(l1 - l2), min(l1 + l2, top) + 1)
    )


SETTINGS = {  # the protocol's: degrees in, degrees out
    "mimo": lambda L: (range(L + 1), range(2 * L + 1)),
    "simo": lambda L: ([L], range(2 * L + 1)),
    "siso": lambda L: ([L], [L]),
    "c128": lambda L: (range(L + 1), range(L + 1)),
}
PRODUCTS = [  # kind of closed form, class, methods
    ("all", PathProduct, ["cg", "grid"]),
    ("natural", PathProduct, ["cg", "gaunt", "grid"]),
    ("gaunt", SignalProduct, ["cg", "gaunt", "grid"]),
    ("bracket", SignalProduct, ["cg", "grid"]),
    ("complete", SignalProduct, ["cg", "grid"]),
    ("matrix", SignalProduct, ["cg", "matrix"]),
]


def degree_text(degrees):
    return f"{degrees[0]}..{degrees[-1]}" if len(degrees) > 1 else str(degrees[0])


def study(setting, kind, cls, method, L):
    ins, outs = SETTINGS[setting](L)
    product = cls(kind, list(ins), list(outs), method)
    found, stray = reachable_paths(product, list(ins))
    powers, law = exponents(product, found, sum(2 * l + 1 for l in ins))
    ranks = ranks_by_channels(powers.shape, powers.tobytes())
    paths, gamma = CLOSED[setting, kind](L)
    known = [1] * L if cls is PathProduct else CHANNELS.get((setting, kind), [])
    channels = known[L - 1] if len(known) >= L else None
    strange = kind in ("gaunt", "bracket", "complete") and any(
        abs(s - e3tp.gaunt_strength(*p) - e3tp.bracket_strength(*p)) > EXACT for *p, s, _ in found
    )
    errors = max(stray, law)
    group = (
        "O(3), natural parity"
        if kind in ("natural", "gaunt")
        else "SO(3), and O(3) with outputs of both parities"
    )
    return {
        "case": "expressivity",
        "name": f"{setting}.{L}",
        "problem": f"{kind} {degree_text(ins)} x {degree_text(ins)} -> {degree_text(outs)}",
        "op": "tp" if cls is PathProduct else kind,
        "method": method,
        "isa": product.plan.isa,
        "dtype": "f64",
        "pass": "fwd,bwd",
        "threads": None,
        "batch": None,
        **dict.fromkeys("ns_per_item min iqr flops bytes gflops peak_gflops best_peak_gflops dram_gbs".split()),
        "setting": setting,
        "product": kind,
        "L": L,
        "group": group,
        "output_copies": cls.copies,
        "sharing": cls.sharing,
        "reachable": [[l1, l2, l3, s] for l1, l2, l3, s, _ in found],
        "paths": len(found),
        "paths_so3": sum(
            l3 in outs for a in ins for b in ins for l3 in range(abs(a - b), a + b + 1)
        ),
        "expressivity": ranks[0],
        "ranks_by_channels": ranks,
        "channels_needed": len(ranks),
        "closed_form": [paths, gamma, channels],
        "max_err": errors,
        "verified": bool(
            (len(found), ranks[0]) == (paths, gamma)
            and channels in (None, len(ranks))
            and errors < EXACT
            and not strange
        ),
    }


def cases(top):
    for setting in SETTINGS:
        for kind, cls, methods in PRODUCTS:
            if (setting, kind) not in CLOSED:
                continue
            for method in methods:
                few = cls is PathProduct and method != methods[0]
                for L in (L for L in LEVELS if L <= min(top, WHOLE_TOP if few else top)):
                    if setting != "siso" or L % 2 == 0:
                        yield setting, kind, cls, method, L


def disagreements(rows):
    """Methods of one product must reach the same paths with the same strengths."""
    first, wrong = {}, []
    for r in rows:
        other = first.setdefault((r["name"], r["product"]), r)
        a, b = (np.array(q["reachable"], dtype=float).reshape(-1, 4) for q in (other, r))
        if a.shape != b.shape or (abs(a - b) > EXACT).any():
            wrong.append(
                f"{r['product']} {r['name']}: {r['method']} and {other['method']} disagree"
            )
    return wrong


def main():
    args = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    args.add_argument("--out", default="bench/out/results.jsonl", help="appended to")
    args.add_argument("--quick", action="store_true", help="to L = 4 only")
    options = args.parse_args()
    rows, refused = [], {}
    print(
        "expressivity (measured)         paths reached / of SO(3)   one channel   ranks by channels"
    )
    with open(options.out, "a") as out:
        for case in cases(4 if options.quick else max(LEVELS)):
            setting, kind, _, method, L = case
            if (setting, kind, method) in refused:
                continue
            start = time.perf_counter()
            try:
                rows.append(study(*case))
            except e3tp.Unsupported as why:
                refused[setting, kind, method] = why
                print(f"SKIP {setting} {kind} by {method}: {why}")
                skip = {
                    "case": "skip",
                    "problem": f"expressivity {setting} {kind} by {method}",
                    "why": str(why),
                }
                out.write(json.dumps(skip) + "\n")
                continue
            r = rows[-1]
            r["seconds"] = round(time.perf_counter() - start, 3)
            out.write(json.dumps(r) + "\n")
            ok = (
                "ok"
                if r["verified"]
                else f"WRONG, expected {r['closed_form']}, error {r['max_err']:.1e}"
            )
            print(
                f"{setting:5}{kind:8} {method:6} L={L:<2}         {r['paths']:4} / {r['paths_so3']:<4}"
                f"              {r['expressivity']:4}          {r['ranks_by_channels']}  {ok}",
                flush=True,
            )
    wrong = disagreements(rows)
    print("\n".join(wrong) if wrong else "methods agree on every path", flush=True)
    return 1 if wrong or not all(r["verified"] for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
