#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What each product can express, measured on real plans.

Interactability: which paths (l1, l2 -> l3) a plan feeds, and with which strength, by driving it with basis
vectors. Expressivity (one channel): the dimension of the set of maps that its weights reach = rank of the
Jacobian. A free weight per path gives one dimension per path; factors a[l1] b[l2] c[l3] give the rank of the
path-by-factor incidence matrix (take logarithms). Ranks are computed modulo a prime: exact for the incidence
matrix as long as the prime divides no minor, generic for random weights. Channels needed: the least C for
which sums of C such products reach every path freely. Writes JSON lines; exits 1 if a closed form (docs:
products, section on expressivity) is not met.
"""

import argparse
import json
import sys

import numpy as np

import e3tp

PRIME = 2**31 - 1  # products of two residues fit int64


def eo(l):
    return "eo"[l % 2]


def rank_mod_prime(matrix):
    """Rank over the integers modulo PRIME, by elimination."""
    m = np.array(matrix, dtype=np.int64) % PRIME
    rank = 0
    for column in range(m.shape[1]):
        rows = np.nonzero(m[rank:, column])[0]
        if len(rows) == 0:
            continue
        m[[rank, rank + rows[0]]] = m[[rank + rows[0], rank]]
        m[rank] = m[rank] * pow(int(m[rank, column]), PRIME - 2, PRIME) % PRIME
        for r in np.nonzero(m[:, column])[0]:
            if r != rank:
                m[r] = (m[r] - m[r, column] * m[rank]) % PRIME
        rank += 1
        if rank == m.shape[0]:
            break
    return rank


# ---- plans --------------------------------------------------------------------------------------------------------


def instruction_product(L, natural):
    """Every path (of natural parity) its own output, without normalisation. Returns the call and its output degrees."""
    irreps = "+".join(f"1x{l}{eo(l)}" for l in range(L + 1))
    instructions, outputs, degrees = [], [], []
    for l1 in range(L + 1):
        for l2 in range(L + 1):
            for l3 in range(abs(l1 - l2), l1 + l2 + 1):
                parity = eo(l1 + l2)
                if natural and parity != eo(l3):
                    continue
                instructions.append((l1, l2, len(outputs), "uuu", False))
                outputs.append(f"1x{l3}{parity}")
                degrees.append(l3)
    tp = e3tp.TensorProduct(
        irreps,
        irreps,
        "+".join(outputs),
        instructions,
        irrep_normalization="none",
        path_normalization="none",
        dtype=np.float64,
        method="cg",
    )
    return tp, degrees


def gaunt_product(L, method):
    if not hasattr(e3tp, "SignalProduct"):
        raise NotImplementedError("this version of the package has no SignalProduct")
    p = e3tp.SignalProduct("gaunt", L, L, 2 * L, dtype=np.float64, method=method)
    return p, list(range(2 * L + 1))


def reachable_paths(plan, L, degrees, threshold=1e-9):
    """Drives plan(x, y) with basis vectors. Returns {(l1, l2, l3): strength} and the largest part that is not a
    multiple of W, which an equivariant product does not have."""
    dim = (L + 1) ** 2
    x = np.repeat(np.eye(dim), dim, axis=0)
    y = np.tile(np.eye(dim), (dim, 1))
    z = np.asarray(plan(x, y)).reshape(dim, dim, -1)
    found, stray, at = {}, 0.0, 0
    for l3 in degrees:
        block = z[:, :, at : at + 2 * l3 + 1]
        at += 2 * l3 + 1
        for l1 in range(L + 1):
            for l2 in range(L + 1):
                part = block[l1 * l1 : (l1 + 1) ** 2, l2 * l2 : (l2 + 1) ** 2]
                strength = 0.0
                if abs(l1 - l2) <= l3 <= l1 + l2:
                    w = e3tp.wigner_3j(l1, l2, l3)
                    strength = float(np.sum(part * w))
                    part = part - strength * w
                stray = max(stray, float(np.abs(part).max()))
                if abs(strength) > threshold:
                    found[l1, l2, l3] = strength
    return found, stray


# ---- expressivity -------------------------------------------------------------------------------------------------


def incidence(paths, L, l_out):
    """Path by factor, 0 or 1: columns a[0..L], b[0..L], c[0..l_out]."""
    m = np.zeros((len(paths), 2 * (L + 1) + l_out + 1), dtype=np.int64)
    for row, (l1, l2, l3) in enumerate(paths):
        m[row, [l1, L + 1 + l2, 2 * (L + 1) + l3]] = 1
    return m


def jacobian(paths, L, l_out, channels, rng):
    """Of  sum over channels of a[l1] b[l2] c[l3]  at random factors. Strengths scale rows and change no rank."""
    columns = []
    for _ in range(channels):
        f = rng.integers(1, PRIME, 2 * (L + 1) + l_out + 1)
        part = np.zeros((len(paths), len(f)), dtype=np.int64)
        for row, (l1, l2, l3) in enumerate(paths):
            i, j, k = l1, L + 1 + l2, 2 * (L + 1) + l3
            part[row, i] = int(f[j]) * int(f[k]) % PRIME
            part[row, j] = int(f[i]) * int(f[k]) % PRIME
            part[row, k] = int(f[i]) * int(f[j]) % PRIME
        columns.append(part)
    return np.hstack(columns)


def channels_needed(paths, L, l_out, limit=64):
    ranks = []
    for c in range(1, limit + 1):
        ranks.append(rank_mod_prime(jacobian(paths, L, l_out, c, np.random.default_rng(c))))
        if ranks[-1] == len(paths):
            break
    return ranks


CLOSED = {
    "cg all": lambda L: ((L + 1) * (2 * L * L + 4 * L + 3) // 3,) * 2 + (1,),
    "cg natural": lambda L: ((L + 1) * (L + 2) * (2 * L + 3) // 6,) * 2 + (1,),
    "gaunt": lambda L: (
        (L + 1) * (L + 2) * (2 * L + 3) // 6,
        4 * L + 1,
        L,
    ),  # C = L holds for L = 1..5 only
}


def study(kind, method, L):
    free = kind != "gaunt"
    plan, degrees = (
        instruction_product(L, kind == "cg natural") if free else gaunt_product(L, method)
    )
    found, stray = reachable_paths(plan, L, degrees)
    paths = sorted(found)
    one = rank_mod_prime(np.eye(len(paths), dtype=np.int64) if free else incidence(paths, L, 2 * L))
    ranks = [one] if free else channels_needed(paths, L, 2 * L)
    closed = CLOSED[kind](L)
    got = (len(paths), one, len(ranks))
    strange = (
        any(abs(found[p] - e3tp.gaunt_strength(*p)) > 1e-9 for p in paths) if not free else False
    )
    return {
        "case": "expressivity",
        "product": kind,
        "method": method,
        "L": L,
        "inputs": f"0..{L}",
        "outputs": f"0..{2 * L}",
        "group": "O(3), outputs of both parities" if kind == "cg all" else "O(3)",
        "output_copies": "one per path" if free else "one per degree",
        "sharing": "a weight per path" if free else "factors a[l1] b[l2] c[l3]",
        "reachable": [[*p, found[p]] for p in paths],
        "paths": len(paths),
        "expressivity": one,
        "ranks_by_channels": ranks,
        "channels_needed": len(ranks),
        "closed_form": list(closed),
        "stray": stray,
        "matches": got == closed and stray < 1e-9 and not strange,
    }


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--out", default="bench/out/expressivity.jsonl")
    args.add_argument("--lmax", type=int, default=4)
    options = args.parse_args()
    wrong = 0
    with open(options.out, "w") as out:
        for kind, method in [
            ("cg all", "cg"),
            ("cg natural", "cg"),
            ("gaunt", "cg"),
            ("gaunt", "gaunt"),
            ("gaunt", "grid"),
        ]:
            for L in range(1, options.lmax + 1):
                try:
                    row = study(kind, method, L)
                except (NotImplementedError, e3tp.Unsupported) as why:
                    print(f"SKIP {kind} by {method}: {why}")
                    out.write(
                        json.dumps(
                            {"case": "skip", "problem": f"{kind} by {method}", "why": str(why)}
                        )
                        + "\n"
                    )
                    break
                out.write(json.dumps(row) + "\n")
                wrong += not row["matches"]
                print(
                    f"{kind:11} {method:6} L={L}  paths {row['paths']:3}  expressivity {row['expressivity']:3}  "
                    f"ranks by channels {row['ranks_by_channels']}  {'ok' if row['matches'] else 'WRONG'}"
                )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
