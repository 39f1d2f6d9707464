#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""count_tests.py [LOG...] [--python LIBRARY] [--failed WHY]... [--skipped WHY]...

Adds the results of meson's logs, of the Python tests run with LIBRARY, and one for each --failed and --skipped; says
why something failed or was left out, prints `N passed, N failed, N skipped`. Fails if any failed or none ran."""

import argparse
import io
import json
import os
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PASSED, FAILED, SKIPPED = range(3)


def count_meson(log, count):
    try:
        results = [json.loads(line)["result"] for line in open(log)]
    except FileNotFoundError:
        results = []
    good, skipped = results.count("OK"), results.count("SKIP")
    if good == 0:
        print(f"{log}: meson ran no test", file=sys.stderr)
        count[FAILED] += 1
    count[PASSED] += good
    count[SKIPPED] += skipped
    count[FAILED] += len(results) - good - skipped


def count_python(library, count):
    os.environ["E3TP_LIBRARY"] = library
    sys.path.insert(0, str(ROOT / "python"))
    suite = unittest.defaultTestLoader.discover(str(ROOT / "tests/python"))
    text = io.StringIO()
    outcome = unittest.TextTestRunner(stream=text, verbosity=0, buffer=True).run(suite)
    bad = len(outcome.failures) + len(outcome.errors) + len(outcome.unexpectedSuccesses)
    if bad or outcome.testsRun == 0:
        print(text.getvalue() or "no Python test ran", file=sys.stderr)
    count[FAILED] += bad + (outcome.testsRun == 0)
    count[SKIPPED] += len(outcome.skipped)
    count[PASSED] += outcome.testsRun - bad - len(outcome.skipped)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("logs", nargs="*")
parser.add_argument("--python", metavar="LIBRARY")
parser.add_argument("--failed", metavar="WHY", action="append", default=[])
parser.add_argument("--skipped", metavar="WHY", action="append", default=[])
args = parser.parse_intermixed_args()

count = [0, len(args.failed), len(args.skipped)]
for log in args.logs:
    count_meson(log, count)
if args.python:
    count_python(args.python, count)
for why in args.failed:
    print("FAIL", why, file=sys.stderr)
for why in args.skipped:
    print("SKIP", why, file=sys.stderr)
print("{} passed, {} failed, {} skipped".format(*count))
sys.exit(count[FAILED] > 0 or count[PASSED] == 0)
