#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What results.jsonl says, in tables for the terminal: the protocol, shares of peak, the layer, expressivity, what did
not run, and the goals of the release."""

import argparse

import elsewhere
import fused
import goals as g
import growth
import kinds
import passes
import rotated
import limits

SETTINGS = {
    "mimo": "0..L x 0..L -> 0..2L",
    "simo": "L x L -> 0..2L",
    "siso": "L x L -> L",
    "c128": "0..L x 0..L -> 0..L, 128 channels",
}
METHODS = ("cg", "gaunt", "grid")


def time_text(row):
    return g.number(row and row["ns_per_item"])


def first(rows):
    return rows[0] if rows else None


def fastest(rows):
    return min(rows, key=lambda r: r["ns_per_item"], default=None)


def protocol_rows(rows, setting):
    """[(L, all paths, natural paths, {method: row}, chosen)], best times of the instruction product's methods."""
    table = []
    for L in sorted({g.setting_of(r)[1] for r in g.pick(rows, "product", setting)}):
        every, found = (
            [r for r in g.pick(rows, "product", name, **{"pass": "fwd"}) if g.setting_of(r)[1] == L]
            for name in (setting + "-all", setting)
        )
        gaunt = [r for r in found if r["op"] == "gaunt"]
        methods = {m: first([r for r in gaunt if r["method_asked"] == m]) for m in METHODS}
        auto = first([r for r in gaunt if r["method_asked"] == "auto"])
        natural = fastest([r for r in found if r["op"] == "tp"])
        table.append((L, fastest(every), natural, methods, auto and auto["method"]))
    return table


def print_protocol(rows):
    for setting, what in SETTINGS.items():
        table = protocol_rows(rows, setting)
        if table:
            print(f"\n{setting}: {what}; ns per row, float32, forward, one thread")
            print(
                "   L   every path its own output      Gaunt product, one output per degree    AUTO takes"
            )
            print("          all        natural         cg        gaunt (2-D FFT)      grid")
        for L, every, natural, gaunt, chosen in table:
            times = [time_text(gaunt[m]) for m in METHODS]
            known = [r["ns_per_item"] for r in gaunt.values() if r]
            times = [
                t + ("*" if gaunt[m] and gaunt[m]["ns_per_item"] == min(known) else " ")
                for t, m in zip(times, METHODS)
            ]
            print(
                f"  {L:2} {time_text(every):>11} {time_text(natural):>11}"
                f"   {times[0]:>11} {times[1]:>15} {times[2]:>15}       {chosen or '-'}"
            )
    print("* fastest of the Gaunt methods")


LAYOUTS = ("mul_ir", "ir_mul", "batch_last")
SHARES = [
    ("uuu", "cg", g.share_of_nonzeros, "cg elementwise, all paths, 3 flops per non-zero"),
    ("uvu", "cg", g.share_of_nonzeros, "cg channel-wise, all paths, 3 flops per non-zero"),
    ("uuu512", "cg", g.share_of_nonzeros, "the same by avx512, cg elementwise"),
    ("uvu512", "cg", g.share_of_nonzeros, "the same by avx512, cg channel-wise"),
    ("signal", "cg", g.share, "Gaunt by cg, needed flops"),
    ("signal", "grid", g.share, "Gaunt by grid, executed flops"),
    ("signal", "gaunt", g.share, "Gaunt by gaunt, executed flops"),
]


def share_rows(rows):
    """[(what, dtype, layout, {L: share})]."""
    table = []
    for setting, method, share, what in SHARES:
        for dtype in ("f32", "f64"):
            found = g.pick(rows, "product", setting, method_asked=method, dtype=dtype)
            for layout in LAYOUTS:
                at = {
                    g.setting_of(r)[1]: share(r) for r in found if g.option(r, "layout") == layout
                }
                if at:
                    table.append((what, dtype, layout, at))
    return table


def print_shares(rows):
    table = share_rows(rows)
    if not table:
        return
    columns = sorted({L for *_, at in table for L in at})
    print("\nshare of the multiply-add peak, per cent, operands in the cache, one thread")
    print(f"{'':49}{'':4} {'':10}" + "".join(f"  L={L:<3}" for L in columns))
    for what, dtype, layout, at in table:
        cells = "".join(f"{100 * at[L]:6.1f} " if at.get(L) else "     - " for L in columns)
        print(f"{what:49}{dtype:4} {layout:10}{cells}")


UNFUSED = ("gather", "weights", "product", "scatter")


def print_layer(rows):
    found = g.pick(rows, "layer")
    if not found:
        return
    print(
        "\nlayer of a potential: diamond, 1000 atoms, 158 neighbours, 128x0e+128x1o, l <= 3; ns per edge"
        "\nwhole = harmonics + radial functions + convolution (fused); shares are the whole's"
    )
    print(f"{'weights':23}{'layout':7} t    whole harmonics  radial    conv  % of peak  % of memory")
    for r in found:
        print(
            f"{r['name']:23}{r['layout']:7}{r['threads']:2} {r['ns_per_item']:8.1f} {r['harmonics_ns']:9.1f}"
            f" {r['radial_ns']:7.1f} {r['conv_ns']:7.1f} {100 * g.share(r):10.1f}"
            f" {100 * (g.memory_share(r) or 0):12.1f}"
        )
    print("the convolution by other means, one thread; no parts of the above: e3tp_forward on blocks")
    print(f"{'weights':23}{'layout':7}     gather  weights  product alone (messages written)     add")
    for r in (r for r in found if r["threads"] == 1):
        gather, weights, product, scatter = (r[f"unfused_{k}_ns"] for k in UNFUSED)
        print(
            f"{r['name']:23}{r['layout']:7} {gather:10.1f} {weights:8.1f} {product:32.1f} {scatter:7.1f}"
        )


def radial_rows(rows):
    """[(name, dtype, isa, maths, {pass: row})]."""
    table = {}
    for r in g.pick(rows, "radial"):
        table.setdefault((r["name"], r["dtype"], r["isa"], r["maths"]), {})[r["pass"]] = r
    return [(*key, at) for key, at in table.items()]


MATHS = {"sleef": "SLEEF, by vectors", "libm": "the C library, lane by lane"}


def print_radial(rows):
    table = radial_rows(rows)
    if table:
        maths = MATHS[table[0][3]]
        print(f"\nradial functions alone, one thread; sines and exponentials by {maths}; ns per edge")
        print(f"{'functions':24}type isa       values  with derivatives")
    for name, dtype, isa, _, at in table:
        print(
            f"{name:24}{dtype:4} {isa:8} {time_text(at.get('values')):>7} {time_text(at.get('derivatives')):>17}"
        )


def expressivity_rows(rows):
    """[(setting, product, methods, {L: row})]; methods that agree share a line, as expressivity.py has checked."""
    table = {}
    for r in g.pick(rows, "expressivity"):
        methods, at = table.setdefault((r["setting"], r["product"]), ([], {}))
        if r["method"] not in methods:
            methods.append(r["method"])
        at.setdefault(r["L"], r)
    return [(setting, product, methods, at) for (setting, product), (methods, at) in table.items()]


def print_expressivity(rows):
    table = expressivity_rows(rows)
    if not table:
        return
    columns = sorted({L for *_, at in table for L in at})
    print("\nexpressivity of one channel / channels for every path (generic dimension)")
    print(f"{'':14}{'by':16}" + "".join(f"   L={L:<5}" for L in columns))
    for setting, product, methods, at in table:
        cells = [
            f"{at[L]['expressivity']}/{at[L]['channels_needed']}" if L in at else "-"
            for L in columns
        ]
        print(f"{setting:5}{product:9}{','.join(methods):16}" + "".join(f"{c:>10}" for c in cells))


def equivariance_rows(rows):
    """[(product, method, dtype, {L: row})]"""
    table = {}
    for r in g.pick(rows, "equivariance"):
        table.setdefault((r["op"], r["method"], r["dtype"]), {})[g.setting_of(r)[1]] = r
    return [(*key, at) for key, at in table.items()]


def refusals(rows):
    """{(kind, why): [problems]}."""
    found = {}
    for r in rows:
        if r["case"] in ("skip", "wrong", "error"):
            found.setdefault((r["case"], r["why"]), []).append(r["problem"])
    return found


def print_refusals(rows):
    for (kind, why), problems in refusals(rows).items():
        print(
            f"\n{kind.upper()} {len(problems)}x: {why}\n    {problems[0][:90]}"
            + (" ..." if len(problems) > 1 or len(problems[0]) > 90 else "")
        )


def print_goals(rows):
    print("\ngoals of the release, each judged by its worst case")
    parts = (g, kinds, passes, fused, rotated, elsewhere)
    for goal in [line for part in parts for line in part.goals(rows)]:
        print(f"{g.VERDICT[goal['met']]:7} {goal['goal']}\n        {goal['reached']}")


def print_limits(rows):
    table = limits.table(rows)
    if not table:
        return
    print("\nhow near cg comes to the machine, avx2, float32 unless said; judged by the floor")
    for line in table:
        verdict = g.VERDICT[line["met"]]
        print(f"{verdict:7} {line['what']:84}{line['reached']:>18}  floor {line['floor']:g}, goal {line['goal']:g}")


def print_passes(rows):
    found = passes.table(rows)
    if not found:
        return
    print("\npasses of the convolution: diamond, 1000 atoms, 46 neighbours, weights read; ns per edge")
    print(f"{'pass':24}threads       ns  / forward  % of memory")
    for r in found:
        memory = 100 * (g.memory_share(r) or 0)
        print(f"{r['name']:24}{r['threads']:7} {r['ns_per_item']:8.1f} {r['ratio']:10.2f} {memory:12.1f}")


def print_layers(rows):
    found = passes.layers(rows)
    if len(found) < 3:
        return
    shown = ("forward", "backward, x and w", "backward, x, y and w", "double backward")
    print("\nlayers of potentials, weights read, 46 neighbours or as said; ns per edge, shares of forward")
    print(f"{'layer':24}paths threads  forward  % of peak  % of memory  back x, w  x, y, w  double")
    for line in found:
        forward, *rest = (line[name] for name in shown)
        shares = f"{100 * (g.share(forward) or 0):11.1f} {100 * (g.memory_share(forward) or 0):12.1f}"
        times = "".join(f"{r['ns_per_item']:9.0f}" for r in rest)
        name = f"{line['layer']:24}{line['paths']:5.0f} {line['threads']:7}"
        print(f"{name} {forward['ns_per_item']:8.0f}{shares}  {times}")


def print_fused(rows):
    found = fused.table(rows)
    if not found:
        return
    print("\nfused convolution: the same graph, harmonics of vectors, weights of a spline of 256 knots; ns per edge")
    print(f"{'what':36}isa    threads       ns  / forward  / reading weights        MB")
    for r in found:
        reading = g.number(r["of_reading"] and round(r["of_reading"], 2))
        place = f"{r['name']:36}{r['isa']:7}{r['threads']:7}"
        print(f"{place} {r['ns_per_item']:8.1f} {r['ratio']:10.2f} {reading:>18} {r['work_mb']:9.1f}")


def print_rotated(rows):
    found = rotated.table(rows)
    if not found:
        return
    print("\nrotated form: all paths to L, summed, 128 channels, shared weights, one thread; ns per edge")
    print(f"{'L  isa':11}{'form':9}{'pass':31}      ns  % of peak  / general")
    for r in found:
        share = 100 * (g.share(r) or 0)
        place = f"{r['L']:<3.0f}{r['isa']:8}{r['form']:9}{r['name']:31}"
        print(f"{place}{r['ns_per_item']:8.0f} {share:10.1f} {r['faster']:10.2f}")


def print_graphs(rows):
    found = g.pick(rows, "graphs")
    if not found:
        return
    print("\nthe same on other graphs: forward, and gradients of features and vectors; ns per edge, scratch in MB")
    print(f"{'graph':32}{'pass':6}threads    edges       ns       MB")
    for r in found:
        edges, memory = g.option(r, "edges"), r["work_mb"]
        print(f"{r['name']:32}{r['pass']:6}{r['threads']:7} {edges:>8} {r['ns_per_item']:8.1f} {memory:8.1f}")


def print_kinds(rows):
    table = kinds.table(rows)
    if table:
        print("\nproducts of signals, 128 channels, 0..L x 0..L to 0..L, float32, avx2; ns per row and channel")
        print("   L product   method       ns  x peak / 70     goal    floor  backward / forward  / Gaunt")
    for r in table:
        print(
            f"  {r['L']:2} {r['op']:9} {r['method']:7} {g.number(r['ns']):>8} {g.number(r['scaled']):>12}"
            f" {g.number(r['goal']):>8} {g.number(r['floor']):>8} {g.number(r['backward']):>19}"
            f" {g.number(r['to_gaunt']):>8}"
        )


def print_growth(rows):
    table = growth.crossovers(rows)
    if table:
        print("\nhow times grow, batch 10 000 (1 000 above L = 8, of fields above 4), one core")
        print("exponent of L from L = 3 on, and the fastest method at each L")
    for r in table:
        for which, text in growth.PASSES.items():
            best = growth.winners(rows, r["kind"], r["setting"], which)
            power = growth.slope([(L, ns) for L, (ns, _) in best.items()])
            print(f"  {r['kind']:16}{r['setting']:6}{text:22}L^{g.number(power and round(power, 1)):6}{r[which]}")


def main():
    args = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    args.add_argument("--results", default="bench/out/results.jsonl")
    rows = g.load(args.parse_args().results)
    for part in (
        print_protocol,
        print_growth,
        print_shares,
        print_layer,
        print_passes,
        print_layers,
        print_fused,
        print_rotated,
        print_graphs,
        print_radial,
        print_expressivity,
        print_refusals,
        print_kinds,
        print_goals,
        print_limits,
    ):
        part(rows)


if __name__ == "__main__":
    main()
