#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How far each product is from equivariance, by degree, method and precision.

x, y of degrees 0..L, results to L: rows, half of them turned by rotations, half by rotations with inversion. The error
is the largest |P(Rx, Ry) - R P(x, y)| over the largest sum of |terms| of the definition in the row. Both sides keep
c eps of that (docs/numerics.md), Rx and Ry are rounded by eps / 2 each, and R on x, y and z is off by L + 1 rounding
errors of a double: an exact product stays below (2c + 2) eps and 3 (L + 1) such. Powers of x are products of N factors,
terms those of x times the power before: N eps / 2 are within the 2 eps too, and R is off N + 1 times.

Appends JSON lines; the exit status is 1 if a product does not.
"""

import argparse
import functools
import itertools
import json
import sys

import numpy as np

import e3tp

ROWS = 8
WITHIN = {"cg": 8, "grid": 8, "gaunt": 12, "matrix": 18}  # c
POWERS = {"square": 2, "cube": 3}
PRODUCTS = ("paths", "gaunt", "bracket", "complete", "matrix", "cross", "dot", *POWERS)
KEYS = "ns_per_item min iqr flops bytes gflops peak_gflops best_peak_gflops dram_gbs threads batch".split()


@functools.lru_cache(maxsize=None)
def coupling(l1, l2, l3):
    """|3j|, the first two axes as one."""
    return abs(e3tp.wigner_3j(l1, l2, l3)).reshape(-1, 2 * l3 + 1)


def operation(product):
    names = {"paths": "tensor_product", "cross": "vector", "dot": "vector"} | dict.fromkeys(POWERS, "gaunt_power")
    return names.get(product, product)


def make(product, L, method, dtype, **options):
    """(plan, irreps of its operands, sums of |terms| of operands)"""
    if product in POWERS:
        plan = e3tp.GauntPower(L, L, POWERS[product], method=method, dtype=dtype, **options)
        return plan, [plan.irreps_in], functools.partial(sums_of_power, L, POWERS[product])
    plan, paths = make_product(product, L, method, dtype, **options)
    irreps = plan.irreps_in1, plan.irreps_in2, plan.irreps_out
    return plan, irreps[:2], functools.partial(sums, irreps, paths)


def make_product(product, L, method, dtype, **options):
    """(plan, its paths [(block of x, of y, of z, coefficient)])"""
    if product != "paths":
        fields = {"product": product} if operation(product) == "vector" else {}
        plan = e3tp.SignalProduct(operation(product), L, L, L, method=method, dtype=dtype, **fields, **options)
        return plan, [(*at, plan.kappa[at]) for at in zip(*map(np.ndarray.tolist, np.nonzero(plan.kappa)))]
    x = e3tp.Irreps.spherical_harmonics(L)
    pairs = [(i, j, ir) for i, (_, a) in enumerate(x) for j, (_, b) in enumerate(x) for ir in a * b if ir.l <= L]
    given = [(i, j, k, "uuu", False) for k, (i, j, _) in enumerate(pairs)]
    plan = e3tp.TensorProduct(x, x, [(1, ir) for *_, ir in pairs], given, method=method, dtype=dtype, **options)
    return plan, [(*at[:3], p.path_weight) for at, p in zip(given, plan.instructions)]


def turned(irreps, x, R):
    out, blocks = np.empty(x.shape), {}
    for (_, ir), at in zip(irreps, irreps.slices()):
        D = blocks.setdefault((ir.l, ir.p), None)
        if D is None:
            D = blocks[ir.l, ir.p] = e3tp.wigner_D_from_matrix(ir.l, R, ir.p)
        out[:, at] = np.einsum("zij,zj->zi", D, x[:, at])
    return out


def sums(irreps, paths, x, y):
    """Of |terms|, element by element."""
    slices, z = [i.slices() for i in irreps], np.zeros((len(x), irreps[2].dim))
    for *at, c in paths:
        i, j, k = (s[n] for s, n in zip(slices, at))
        both = (abs(x[:, i, None]) * abs(y[:, None, j])).reshape(len(x), -1)
        z[:, k] += abs(c) * both @ coupling(*(p[n].ir.l for p, n in zip(irreps, at)))
    return z


def sums_of_power(L, power, x):
    """Of x with the power before, to 2 L: what is above meets no degree of the result."""
    y, below = x, L
    for n in range(2, power + 1):
        top = L if n == power else 2 * L
        degrees = itertools.product(range(L + 1), range(below + 1), range(top + 1))
        paths = [(*at, e3tp.gaunt_strength(*at)) for at in degrees]
        irreps = [e3tp.Irreps.spherical_harmonics(l) for l in (L, below, top)]
        y, below = sums(irreps, [p for p in paths if p[3]], x, y), top
    return y


def transformations(rng):
    R = np.linalg.qr(rng.standard_normal((ROWS, 3, 3)))[0]
    R *= np.sign(np.linalg.det(R))[:, None, None]
    R[ROWS // 2 :] *= -1
    return R


def study(product, L, method, dtype, **options):
    plan, irreps, sums_of = make(product, L, method, dtype, **options)
    rng = np.random.default_rng(L)
    R = transformations(rng)
    given = [rng.standard_normal((ROWS, i.dim)).astype(dtype) for i in irreps]
    moved = [turned(i, x, R).astype(dtype) for i, x in zip(irreps, given)]
    error = abs(plan(*moved) - turned(plan.irreps_out, plan(*given), R)).max(axis=1)
    scale = np.maximum(sums_of(*given), sums_of(*moved)).max(axis=1)
    eps, double = (float(np.finfo(t).eps) for t in (dtype, np.float64))
    turns = POWERS.get(product, 2) + 1
    worst, bound = float(np.max(error / scale)), (2 * WITHIN[method] + 2) * eps + turns * (L + 1) * double
    return {
        "case": "equivariance",
        "name": f"{product}.{L}",
        "problem": f"{product} 0..{L}{'' if product in POWERS else f' x 0..{L}'} -> 0..{L}",
        "op": product,
        "method": method,
        "isa": plan.isa,
        "dtype": {np.float32: "f32", np.float64: "f64"}[dtype],
        "pass": "fwd",
        **dict.fromkeys(KEYS),
        "max_err": worst,
        "bound": bound,
        "eps": eps,
        "verified": worst <= bound,
    }


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    args.add_argument("--out", default="bench/out/results.jsonl", help="appended to")
    args.add_argument("--quick", action="store_true", help="to L = 4 only")
    options = args.parse_args()
    wrong = 0
    print("equivariance (measured): largest error / eps, L = 1, 2, ...")
    with open(options.out, "a") as out:
        for product in PRODUCTS:
            for method in e3tp.methods(operation(product)):
                for dtype in (np.float32, np.float64):
                    rows = [study(product, L, method, dtype) for L in range(1, 5 if options.quick else 11)]
                    out.writelines(json.dumps(r) + "\n" for r in rows)
                    bad = [r["name"] for r in rows if not r["verified"]]
                    errors = " ".join(f"{r['max_err'] / r['eps']:5.2f}" for r in rows)
                    verdict = f"WRONG: {', '.join(bad)}" if bad else "ok"
                    print(f"{product:9}{method:7}{rows[0]['dtype']} {errors}  {verdict}")
                    wrong += len(bad)
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
