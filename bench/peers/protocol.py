#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times e3tp and its peers on the protocol of "The Price of Freedom", one core: bench/out/peers.jsonl, and a table.

Every case has a process of its own, confined to one CPU. Nothing is timed whose results differ from e3tp's or, in 16
rows, from the definition in double. A peer that is not compiled in time is left out, and the table says so.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import compare
import rivalry

CHECKED = 16  # rows


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--op", default="", help="of the cases: paths, gaunt or matrix")
    parser.add_argument("--setting", default="", help="siso, simo or mimo")
    parser.add_argument("--L", type=int, default=0)
    parser.add_argument(
        "--rivals", default="", help="names that begin with one of these, by commas; e3tp is always there"
    )
    parser.add_argument("--seconds", type=float, default=60, help="for a peer to compile")
    parser.add_argument("--results", type=pathlib.Path, default="bench/out/peers.jsonl", help="appended to")
    parser.add_argument("--driver", default="build/bench/e3tp-bench", help="measures the multiply-add peak")
    parser.add_argument("--one", action="store_true", help="the case named, in this process")
    parser.add_argument("--without", action="append", default=[], help="peers that are known not to compile in time")
    return parser.parse_args()


def again_without(name):
    """A compiler cannot be interrupted, but its process can be replaced."""
    os.execv(sys.executable, [sys.executable, "-W", "ignore", *sys.argv, "--without", name])


def made_in_time(maker, name, case, data, seconds):
    timer = threading.Timer(seconds, again_without, [name])
    timer.start()
    try:
        return maker(case, data)
    finally:
        timer.cancel()


def error(np, rival, which, right, exact):
    """The larger of the differences from e3tp, all rows, and from the definition, the first rows."""
    results = rival.results(rival.run[which]())
    return float(np.max([compare.worst(np, results, right), compare.worst(np, [a[:CHECKED] for a in results], exact)]))


def compared(case, options):
    """Rows of results of a case."""
    import numpy as np
    import protocol_cases as c
    import protocol_rivals as r

    alike = [k for k in c.cases() if (k.op, k.setting) == (case.op, case.setting)]
    head = {"case": "protocol", "name": case.name, "op": case.op, "threads": 1}
    head |= {"of_rivals": len(r.rivals(case)), "of_cases": len(alike) * len(r.PASSES)}
    data, made, why = case.data(), {}, {}
    starts = ("e3tp", *options.rivals.split(","))
    listed = {n: v for n, v in r.rivals(case).items() if n.startswith(starts)}
    for name, (_, maker) in listed.items():
        try:
            if name in options.without:
                raise TimeoutError(f"not compiled in {options.seconds:g} s")
            made[name] = made_in_time(maker, name, case, data, options.seconds)
        except Exception as e:  # a peer may fail in any way: said, not hidden
            why[name] = compare.said(e)
    exact = case.definition(*(data[k][:CHECKED] for k in ("x", "y", "gz")))
    first = next(iter(made.values()))
    for which in r.PASSES:
        right = tuple(np.array(a) for a in first.results(first.run[which]()))
        found = {n: error(np, rival, which, right, exact[: len(right)]) for n, rival in made.items()}
        good = {n: rival for n, rival in made.items() if found[n] <= compare.TOLERANCE}
        times = compare.times(good, which)
        for name, (method, _) in listed.items():
            row = {**head, "rival": name, "method": method, "pass": which, "error": found.get(name)}
            if name in good:
                row |= rivalry.timed(times[name], len(data["x"]), getattr(made[name], "compile_s", None))
            else:
                row["why"] = why.get(name) or f"wrong: off by {found[name]:.1e}"
            yield row


def peak(driver):
    """Multiply-adds of one core, Gflop/s."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "peak.jsonl"
        problem = "op=gaunt l1=4 l2=4 l3=8 method=grid batch=1000 threads=1"
        subprocess.run([driver, f"--json={path}", problem], check=True, stdout=subprocess.DEVNULL)
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    return rows[-1]["best_peak_gflops"]


def one(options):
    import protocol_cases as c

    case = c.Case(options.op, options.setting, options.L)
    with options.results.open("a") as out:
        for row in list(compared(case, options)):
            out.write(json.dumps(row) + "\n")


def every(options):
    import protocol_cases as c

    rows = [compare.begin(options, "protocol", peak_gflops=peak(options.driver))]
    for case in c.cases():
        wanted = {"op": options.op, "setting": options.setting, "L": options.L}
        if any(value and getattr(case, key) != value for key, value in wanted.items()):
            continue
        place = [f"--{key}={getattr(case, key)}" for key in wanted]
        before = options.results.stat().st_size
        subprocess.run([sys.executable, "-W", "ignore", *sys.argv, *place, "--one"], check=True)
        with options.results.open() as file:
            file.seek(before)
            found = [json.loads(line) for line in file]
        print("\n".join(rivalry.lines(found)), flush=True)
        rows += found
    print("\n".join(rivalry.summary(rows)))
    wrong = [r for r in rows if r.get("rival", "").startswith("e3tp") and r.get("why", "").startswith("wrong")]
    if wrong:
        raise SystemExit("\n".join(f"{r['name']}, {r['rival']}, {r['pass']}: {r['why']}" for r in wrong))


def main():
    options = arguments()
    compare.confine(1)
    (one if options.one else every)(options)


if __name__ == "__main__":
    main()
