#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times e3tp and its peers on the same products in one process: bench/out/peers.jsonl, and a table.

Nothing is timed whose results differ from e3tp's, which tests compare with e3nn's own numbers. The rivals of a case
take turns; medians of the rounds, ns per row. Memory that glibc gave is kept, which makes the peers on torch faster.
"""

import argparse
import collections
import ctypes
import datetime
import importlib.metadata
import itertools
import json
import os
import pathlib
import re
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import beside

ROUNDS, SAMPLE_SECONDS = 5, 0.02
CHOICES = ("threads", "only", "rivals", "op", "setting", "L")  # options that say what is run
TOLERANCE = 2e-4  # of the largest element, float32


def arguments(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="workloads whose name has this")
    parser.add_argument("--rivals", default="", help="names, by commas; e3tp is always there")
    parser.add_argument("--results", type=pathlib.Path, default="bench/out/peers.jsonl", help="appended to")
    return parser.parse_args()


def confine(threads):
    """Before any peer is loaded: they count CPUs as they start."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < threads:
        sys.exit(f"{threads} threads, but only {len(cpus)} CPUs")
    os.sched_setaffinity(0, cpus[:threads])
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["JAX_PLATFORMS"] = "cpu"
    try:
        m_trim_threshold, m_mmap_threshold = -1, -3
        libc = ctypes.CDLL(None)
        libc.mallopt(m_mmap_threshold, 1 << 30)
        libc.mallopt(m_trim_threshold, -1)
    except (OSError, AttributeError):
        pass


def data_of(work, np):
    rng = np.random.default_rng(0)
    widths = {"x": work.in1.dim, "y": work.in2.dim, "w": work.weight_numel, "z": work.out.dim}

    def draw(name):
        shape = (widths[name],) if name == "w" and work.shared else (work.rows_of(name), widths[name])
        return rng.standard_normal(shape, dtype=np.float32)

    return {name: draw(name[-1]) for name in ("x", "y", "w", "gz", "ggx", "ggy", "ggw")}


def seconds_of(call, count):
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def worst(np, found, wanted):
    """Largest difference of any result, over its largest element."""
    each = [
        np.abs(f.reshape(w.shape) - w).max() / max(1e-30, np.abs(w).max()) for f, w in zip(found, wanted, strict=True)
    ]
    return float(np.max(each))  # unlike max, keeps a NaN


def times(rivals, which):
    """ns per call: samples of each rival, taken in turns."""
    calls = {name: r.run[which] for name, r in rivals.items()}
    counts = {name: max(1, round(SAMPLE_SECONDS / seconds_of(c, 1))) for name, c in calls.items()}
    samples = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            samples[name].append(1e9 * seconds_of(call, counts[name]))
    return samples


def said(error):
    """What went wrong, in a line."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def compare(work, rivals, passes, threads, case="peer"):
    """Rows of results of a workload; rivals: their classes by name, e3tp the first."""
    import numpy as np

    data = data_of(work, np)
    head = {"case": case, "name": work.name, "mode": work.instructions[0][3], "threads": threads}
    made, why = {}, {}
    for name, rival in rivals.items():
        try:
            made[name] = rival(work, data, threads)
        except Exception as e:  # a peer may fail in any way: said, not hidden
            why[name] = said(e)
    for which in passes:
        right, expected = {}, made["e3tp"].run[which]()
        for name, rival in made.items():
            row = {**head, "rival": name, "pass": which}
            if which not in rival.run:
                yield {**row, "why": rival.UNABLE[which]}
                continue
            try:
                found = rival.results(rival.run[which]())
            except Exception as e:
                yield {**row, "why": said(e)}
                continue
            error = worst(np, found, expected)
            if not error <= TOLERANCE:
                yield {**row, "why": f"differs by {error:.1e}"}
            else:
                right[name] = (rival, {**row, "rows": work.rows, "error": error})
        for name, samples in times({n: rival for n, (rival, _) in right.items()}, which).items():
            per_row = statistics.median(samples) / work.rows
            yield {**right[name][1], "ns_per_row": per_row, "min": min(samples) / work.rows}
    for name, text in why.items():
        for which in passes:
            yield {**head, "rival": name, "pass": which, "why": text}


def line(name, which, rows, wanted):
    """e3tp's time, then how many times as long each peer takes."""
    ns = {r["rival"]: r.get("ns_per_row") for r in rows if r["pass"] == which}
    cells = [f"{ns[peer] / ns['e3tp']:14.1f}x" if ns.get(peer) else f"{'-':>15}" for peer in wanted[1:]]
    return f"{name:21}{which:5}{ns['e3tp']:10.0f}" + "".join(cells)


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def begin(options, what, **more):
    """What is run, as the first row; the file is appended to."""
    listed = pathlib.Path(__file__).with_name("requirements.txt").read_text()
    info = pathlib.Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    row = {"case": "peers-run", "what": what, "date": str(datetime.date.today()), "cpu": (names or ["unknown"])[0]}
    row["options"] = " ".join(f"{k}={v}" for k, v in vars(options).items() if k in CHOICES and v)
    row |= {"versions": {p: version(p) for p in re.findall(r"^[a-z0-9-]+", listed, re.MULTILINE)}, **more}
    options.results.parent.mkdir(parents=True, exist_ok=True)
    with options.results.open("a") as out:
        out.write(json.dumps(row) + "\n")
    return row


def run(options, what, works, rivals, passes, case, by):
    """Compares every workload, prints and appends the results."""
    every_case = itertools.product(works, passes)
    kinds = collections.Counter(work.instructions[0][3] if by == "mode" else which for work, which in every_case)
    title = {"products": "ns / row", "layers": "ns / edge"}[what]
    named = {n: rivals[n] for n in ["e3tp", *options.rivals.split(",")] if n} if options.rivals else rivals
    print(f"\n{options.threads} thread(s){'pass':>15}  {title}" + "".join(f"{n:>15}" for n in list(named)[1:]))
    reasons, every = {}, [begin(options, what)]
    with options.results.open("a") as out:
        for work in works:
            if options.only not in work.name:
                continue
            rows = list(compare(work, named, passes, options.threads, case))
            for row in rows:
                row |= {"of_rivals": len(rivals), "of_cases": kinds[row[by]]}
            every += rows
            for row in rows:
                out.write(json.dumps(row) + "\n")
                if "why" in row:
                    reasons.setdefault((row["rival"], row["pass"], row["why"]), []).append(work.name)
            for which in passes:
                print(line(work.name, which, rows, list(named)), flush=True)
    print("\n".join(beside.lines(every, what)))
    for (rival, which, why), names in reasons.items():
        print(f"- {rival}, {which}, {len(names)} of the products ({names[0]} ...): {why}")


def main():
    options = arguments(__doc__)
    confine(options.threads)
    import rivals as r
    import workloads as w

    run(options, "products", w.workloads(), r.RIVALS, r.PASSES, "peer", "mode")


if __name__ == "__main__":
    main()
