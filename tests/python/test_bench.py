# SPDX-License-Identifier: MIT
"""Verdicts of the bench: by the floor, and none where a run left something out or the machine could not show it."""

import itertools
import json
import pathlib
import sys
import tempfile
import unittest

import numpy as np

import e3tp

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "bench"))
import beside
import elsewhere
import equivariance
import goals
import kinds
import rivalry

PEERS = ("e3nn", "e3nn-jax")


def product(name, rival, ns, mode="uvu", **keys):
    row = {"case": "peer", "name": name, "rival": rival, "pass": "fwd", "threads": 1, "mode": mode, "ns_per_row": ns}
    return row | {"of_rivals": 3, "of_cases": 2} | keys


def products(slow=400):
    """Two products, e3tp 20 and slow / 20 times as fast as the faster peer."""
    rows = [product(name, "e3tp", 20) for name in "ab"]
    rows += [product("a", rival, ns) for rival, ns in zip(PEERS, (400, 500))]
    return rows + [product("b", rival, ns) for rival, ns in zip(PEERS, (900, slow))]


def case(L, rival, method, ns, **keys):
    row = {"case": "protocol", "name": f"mimo.{L}", "op": "gaunt", "rival": rival, "method": method, "pass": "fwd"}
    return row | {"threads": 1, "ns_per_row": ns, "of_rivals": 3, "of_cases": 1} | keys


class Products(unittest.TestCase):
    def only(self, rows):
        """Of the goals of products, that which the rows are about."""
        (line,) = [line for line in beside.product_goals(rows) if {"uvu", "1:"} <= set(line["goal"].split())]
        return line

    def test_the_floor_decides(self):
        self.assertIs(self.only(products())["met"], True)
        self.assertIs(self.only(products(slow=299))["met"], False)

    def test_the_fastest_peer_counts(self):
        found = {r["name"]: (r["peer"]["rival"], r["ratio"]) for r in beside.fastest_peers(products(), "peer")}
        self.assertEqual(found, {"a": ("e3nn", 20), "b": ("e3nn-jax", 20)})

    def test_what_was_not_run_is_not_judged(self):
        rows = products()
        less = {
            "a rival": [r for r in rows if (r["name"], r["rival"]) != ("a", "e3nn-jax")],
            "a case": [r for r in rows if r["name"] == "a"],
            "a package": [{**r, "why": "ModuleNotFoundError: no"} if r["rival"] == "e3nn" else r for r in rows],
            "what there was": [{k: v for k, v in r.items() if not k.startswith("of_")} for r in rows],
        }
        for what, found in less.items():
            line = self.only(found)
            self.assertIsNone(line["met"], what)
            self.assertIn("not run", line["reached"], what)

    def test_a_peer_that_failed_had_its_turn(self):
        failed = {k: v for k, v in product("a", "e3nn-jax", 0, why="RuntimeError: no").items() if k != "ns_per_row"}
        rows = [failed if (r["name"], r["rival"]) == ("a", "e3nn-jax") else r for r in products()]
        self.assertIs(self.only(rows)["met"], True)

    def test_says_when_and_where(self):
        run = {"case": "peers-run", "what": "products", "date": "2026-01-02", "cpu": "a CPU"}
        self.assertIn("2026-01-02, a CPU", self.only([run, *products()])["reached"])


    def test_nothing_is_not_run(self):
        self.assertEqual({(line["met"], line["reached"]) for line in beside.goals([])}, {(None, "not run")})


class Protocol(unittest.TestCase):
    rows = [case(4, "e3tp grid", "grid", 10), case(4, "JAX grid", "grid", 100), case(4, "JAX dense", "cg", 90)]

    def met(self, rows):
        return [line["met"] for line in rivalry.goals(rows) if "gaunt" in line["goal"]]

    def test_a_partial_run_is_not_judged(self):
        self.assertEqual(self.met(self.rows), [True, True])
        self.assertEqual(self.met(self.rows[:2]), [None, None])
        (row,) = rivalry.table(self.rows[:2])
        self.assertEqual(rivalry.verdict(row, row["ratio"], rivalry.BEST), "not run")


class Elsewhere(unittest.TestCase):
    def rows(self, ns):
        """Reading takes 512 ns, two threads at 10 GB/s."""
        machine = {"threads": 2, "dram_gbs": 10, "peak_gflops": 400, "weight_bytes": 5120, "flops": 25000}
        return [{"case": "conv", "name": "forward", "ns_per_item": ns, **machine}]

    def test_by_shares(self):
        (line,) = elsewhere.table(self.rows(640))
        self.assertAlmostEqual(line["here"], 0.8)
        self.assertAlmostEqual(line["there"], 5120 / 30 / 700)

    def test_the_floor_decides(self):
        for ns, met in ((640, True), (1300, False)):
            self.assertEqual([line["met"] for line in elsewhere.goals(self.rows(ns))], [met, None, None, None])


class Equivariance(unittest.TestCase):
    def test_exact_products_keep_the_bound(self):
        for product, dtype in itertools.product(equivariance.PRODUCTS, (np.float32, np.float64)):
            for method in e3tp.methods(equivariance.operation(product)):
                row = equivariance.study(product, 2, method, dtype)
                self.assertTrue(row["verified"], row)
                self.assertGreater(row["max_err"], 0)

    def test_an_aliased_grid_does_not(self):
        aliased = {"grid": (4, 8), "allow_aliasing": True}
        if "grid" in e3tp.methods("gaunt"):
            self.assertFalse(equivariance.study("gaunt", 4, "grid", np.float32, **aliased)["verified"])
            self.assertTrue(equivariance.study("gaunt", 4, "grid", np.float32)["verified"])
        for power in equivariance.POWERS if "grid" in e3tp.methods("gaunt_power") else ():
            self.assertFalse(equivariance.study(power, 4, "grid", np.float32, **aliased)["verified"])

    def test_terms_of_a_square_are_those_of_the_product(self):
        x = np.random.default_rng(0).standard_normal((2, 16))
        _, _, sums_of = equivariance.make("gaunt", 3, "cg", np.float64)
        np.testing.assert_allclose(equivariance.sums_of_power(3, 2, x), sums_of(x, x))


class Kinds(unittest.TestCase):
    def rows(self):
        """Gaunt products at their floors."""
        times = {"threads": 1, "method": "grid", "method_asked": "grid", "best_peak_gflops": 140, "problem": ""}
        return [
            {"case": "product", "name": f"kinds.{L}", "op": "gaunt", "pass": p, "ns_per_item": 64 * floor, **times}
            for L, (_, floor) in kinds.GAUNT.items()
            for p in ("fwd", "bwd")
        ]

    def judged(self, rows):
        return [line["met"] for line in kinds.goals(rows) if line["goal"].startswith("Gaunt product L x L")]

    def test_every_goal_has_its_case(self):
        found = [line.split() for line in kinds.cases(["avx2", "avx512"], max(kinds.GAUNT))]
        for L in kinds.GAUNT:
            self.assertTrue(any({"op=gaunt", f"name=kinds.{L}"} <= set(line) for line in found), L)

    def test_what_was_not_measured_is_not_judged(self):
        self.assertEqual(self.judged(self.rows()), [True])
        self.assertEqual(self.judged(self.rows()[:-2]), [True, None])
        slow = [{**r, "ns_per_item": 1.01 * r["ns_per_item"]} if r["name"] == "kinds.20" else r for r in self.rows()]
        self.assertEqual(self.judged(slow), [False])


class Ceilings(unittest.TestCase):
    def row(self, ns, peak=100, fed=90, **keys):
        row = {"ns_per_item": ns, "min": ns, "peak_gflops": peak, "best_peak_gflops": peak, "first_level_gflops": fed}
        row |= {"broadcast_gflops": fed and 0.9 * peak}
        return row | {"threads": 1, "dram_gbs": None} | keys

    def test_wider_by_what_is_fed_from_the_cache(self):
        found = goals.wider(self.row(30), self.row(20, 200, 135, broadcast_gflops=160))
        self.assertAlmostEqual(found["gain"], 1)
        self.assertAlmostEqual(found["of_peaks"], 0.75)
        self.assertAlmostEqual(found["of_broadcast"], 0.75 * 0.9 / 0.8)
        slowed = self.row(40, 100, 135, best_peak_gflops=200)  # by half, as its peak was
        self.assertAlmostEqual(goals.wider(self.row(30), slowed)["gain"], 1)
        self.assertIsNone(goals.wider(self.row(30), self.row(20, 200, None)))

    def test_threads_are_judged_where_the_peak_scaled(self):
        one = self.row(900, min=100)  # but one sample was disturbed
        self.assertAlmostEqual(goals.scaling(one, self.row(50, 180, threads=2)), 2 / 1.8)
        self.assertIsNone(goals.scaling(one, self.row(50, 149, threads=2)))
        self.assertIsNone(goals.scaling(one, self.row(50, 20, threads=2, best_peak_gflops=180)))

    def test_the_best_bandwidth_of_a_run_counts(self):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
            measured = ((1, 6), (1, 8), (2, 7), (1, None))
            f.writelines(json.dumps({"threads": t, "dram_gbs": b}) + "\n" for t, b in measured)
            f.flush()
            self.assertEqual([r["dram_gbs"] for r in goals.load(f.name)], [8, 8, 7, None])


if __name__ == "__main__":
    unittest.main()
