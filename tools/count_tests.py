#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the Python tests, add meson's results from its log, print `N passed, N failed, N skipped`.

Fails if any failed or none ran."""

import json
import pathlib
import sys
import unittest

root = pathlib.Path(__file__).resolve().parent.parent
results = [json.loads(line)["result"] for line in open(sys.argv[1])]
passed = results.count("OK")
skipped = results.count("SKIP")
failed = len(results) - passed - skipped
if passed == 0:
    print("meson ran no test", file=sys.stderr)
    failed += 1

sys.path.insert(0, str(root / "python"))
suite = unittest.defaultTestLoader.discover(str(root / "tests/python"))
outcome = unittest.TextTestRunner(stream=sys.stderr, verbosity=0, buffer=True).run(suite)
if outcome.testsRun == 0:
    print("no Python test ran", file=sys.stderr)
    failed += 1
bad = len(outcome.failures) + len(outcome.errors) + len(outcome.unexpectedSuccesses)
failed += bad
skipped += len(outcome.skipped)
passed += outcome.testsRun - bad - len(outcome.skipped)
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(failed > 0)
