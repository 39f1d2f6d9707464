# SPDX-License-Identifier: MIT
"""Graph and Convolution against e3tp.TensorProduct edge by edge, with NumPy's gathers and sums."""

import itertools
import threading
import unittest

import numpy as np

import e3tp

USABLE = [name for name, state in e3tp.isa_tiers().items() if state == "usable"]
EDGES, NODES, SENDERS, TYPES = 60, 9, 12, 3
ROWS = {"edge": EDGES, "sender": SENDERS, "receiver": NODES, "type": TYPES}
PLACES = [
    {},
    {"x_at": "receiver", "y_at": "sender", "w_at": "type", "scale": 0.5},
    {"x_at": "edge", "y_at": "shared", "w_at": "receiver", "out_at": "edge", "scale": -2.0},
    {"x_at": "type", "y_at": "edge", "w_at": "shared"},
    {"x_at": "shared", "y_at": "type", "w_at": "sender", "out_at": "edge"},
]
PRODUCT = (
    "8x0e+8x1o",
    "0e+1o",
    "8x0e+8x1o+8x1o",
    [(0, 0, 0, "uvu", True), (0, 1, 1, "uvu", True), (1, 0, 2, "uvu", True)],
)


class Case:
    def __init__(self, dtype=np.float64, **options):
        rng = np.random.default_rng(3)
        self.receivers, self.senders = rng.integers(0, NODES - 1, EDGES), rng.integers(0, SENDERS, EDGES)
        self.types = rng.integers(0, TYPES, EDGES)
        self.graph = e3tp.Graph(self.receivers, self.senders, NODES, SENDERS)
        self.conv = e3tp.Convolution(*PRODUCT, dtype=dtype, **options)
        self.tp = e3tp.TensorProduct(*PRODUCT, dtype=dtype, shared_weights=False)
        self.place = {"x": "sender", "y": "edge", "w": "edge", "z": "receiver"}
        self.place.update({name[0] if name != "out_at" else "z": at for name, at in options.items() if "_at" in name})
        self.scale = options.get("scale", 1.0)
        width = {
            "x": self.tp.irreps_in1.dim,
            "y": self.tp.irreps_in2.dim,
            "w": self.tp.weight_numel,
            "z": self.tp.irreps_out.dim,
        }
        self.data = {k: self.array(rng, k, width[k]).astype(dtype) for k in "xywz"}
        self.tangent = {k: self.array(rng, k, width[k]).astype(dtype) for k in "xyw"}
        self.options = {"edge_type": self.types} if "type" in self.place.values() else {}

    def array(self, rng, slot, width):
        at = self.place[slot]
        return rng.standard_normal(width if at == "shared" else (ROWS[at], width))

    def rows(self, slot):
        index = {"edge": np.arange(EDGES), "sender": self.senders, "receiver": self.receivers, "type": self.types}
        return index.get(self.place[slot], np.zeros(EDGES, int))

    def gather(self, slot, array):
        return np.atleast_2d(array)[self.rows(slot)]

    def scatter(self, slot, rows):
        out = np.zeros((ROWS.get(self.place[slot], 1), rows.shape[1]))
        np.add.at(out, self.rows(slot), rows)
        return out[0] if self.place[slot] == "shared" else out


class TestConvolution(unittest.TestCase):
    def close(self, got, want):
        self.assertEqual(got.shape, want.shape)
        np.testing.assert_allclose(got, want, atol=1e-12 * (1 + np.abs(want).max(initial=0)), rtol=0)

    def test_all_passes_at_all_places(self):
        for options in PLACES:
            with self.subTest(**options):
                c = Case(**options)
                x, y, w, gz = (c.data[k] for k in "xywz")
                given = [c.gather(k, c.data[k]) for k in "xyw"]
                tangents = [c.gather(k, c.tangent[k]) for k in "xyw"]
                rows_gz = c.scale * c.gather("z", gz)
                self.close(c.conv(c.graph, x, y, w, **c.options), c.scale * c.scatter("z", c.tp(*given)))
                found = c.conv.backward(c.graph, x, y, w, gz, **c.options)
                for slot, got, rows in zip("xyw", found, c.tp.backward(*given, rows_gz)):
                    self.close(got, c.scatter(slot, rows))
                tangent = [c.tangent[k] for k in "xyw"]
                found = c.conv.double_backward(c.graph, x, y, w, gz, *tangent, **c.options)
                want = c.tp.double_backward(*given, rows_gz, *tangents)
                for slot, got, rows in zip("xywz", found, want):
                    self.close(got, (c.scale if slot == "z" else 1) * c.scatter(slot, rows))
                self.close(
                    c.conv.jvp(c.graph, x, y, w, *tangent, **c.options),
                    c.scale * c.scatter("z", c.tp.jvp(*given, *tangents)),
                )

    def test_tiers_and_dtypes(self):
        for isa in USABLE:
            for dtype, tolerance in ((np.float32, 1e-5), (np.float64, 1e-13)):
                c = Case(dtype, isa=isa)
                z = c.conv(c.graph, *(c.data[k] for k in "xyw"))
                want = c.scatter("z", c.tp(*(c.gather(k, c.data[k]) for k in "xyw")))
                self.assertEqual((z.dtype, c.conv.isa), (np.dtype(dtype), isa))
                np.testing.assert_allclose(z, want, atol=tolerance * np.abs(want).max(), rtol=0)

    def test_needs_and_out(self):
        c = Case()
        arrays = [c.data[k] for k in "xywz"]
        full = c.conv.backward(c.graph, *arrays)
        gx, gy, gw = c.conv.backward(c.graph, *arrays, needs=("x",))
        self.assertTrue(gy is None and gw is None and np.array_equal(gx, full[0]))
        outs = tuple(np.empty_like(a) for a in full)
        again = c.conv.backward(c.graph, *arrays, out=outs)
        self.assertTrue(all(a is b and np.array_equal(a, f) for a, b, f in zip(again, outs, full)))
        z = np.empty((NODES, c.tp.irreps_out.dim))
        self.assertIs(c.conv(c.graph, *arrays[:3], out=z), z)

    def test_a_given_product(self):
        tp = e3tp.uvu_tensor_product("4x0e+4x1o", "0e+1o", "0e+1o", dtype=np.float64)
        conv = e3tp.Convolution(tp)
        graph = e3tp.Graph([1, 0], [0, 1], 2)
        rng = np.random.default_rng(0)
        x, y, w = (rng.standard_normal((2, n)) for n in (16, 4, tp.weight_numel))
        self.assertEqual(str(conv.irreps_out), str(tp.irreps_out))
        np.testing.assert_allclose(conv(graph, x, y, w)[::-1], tp(x, y, w), atol=1e-14)
        conv.close()
        tp(x, y, w)
        with self.assertRaisesRegex(ValueError, "closed"):
            conv(graph, x, y, w)
        with self.assertRaisesRegex(ValueError, "no more arguments"):
            e3tp.Convolution(tp, "0e")

    def test_no_weights(self):
        conv = e3tp.Convolution("0e", "0e", "0e", [(0, 0, 0, "uvu", False)], dtype=np.float64)
        graph = e3tp.Graph([0, 0], [0, 1], 1, 2)
        x, y = np.array([[2.0], [3.0]]), np.array([[5.0], [7.0]])
        self.assertEqual(conv(graph, x, y)[0, 0], 31)
        self.assertIsNone(conv.backward(graph, x, y, None, np.ones((1, 1)))[2])

    def test_half_weights(self):
        half, whole = Case(np.float32, weight_dtype="bfloat16"), Case(np.float32, weight_dtype=np.float32)
        x, y, w, gz = (half.data[k] for k in "xywz")
        bits = (w.view(np.uint32) >> 16).astype(np.uint16)
        w = (bits.astype(np.uint32) << 16).view(np.float32)
        np.testing.assert_array_equal(half.conv(half.graph, x, y, bits), whole.conv(half.graph, x, y, w))
        for a, b in zip(half.conv.backward(half.graph, x, y, bits, gz), whole.conv.backward(half.graph, x, y, w, gz)):
            self.assertEqual(a.dtype, np.float32)
            np.testing.assert_array_equal(a, b)
        with self.assertRaisesRegex(TypeError, "w: dtype float32, expected bfloat16"):
            half.conv(half.graph, x, y, w)

    def test_index_types(self):
        for dtype in (np.int32, np.int64, np.uint8):
            graph = e3tp.Graph(np.array([1, 0], dtype), np.array([0, 2], dtype), 2, 3)
            self.assertEqual((graph.num_edges, graph.num_nodes, graph.num_senders), (2, 2, 3))
        self.assertEqual(repr(graph), "Graph(2 edges, 3 senders -> 2 nodes)")

    def test_no_paths(self):
        conv = e3tp.Convolution("16x0e", "1x0e", "60000x0e", [], method="cg")
        z = conv(e3tp.Graph([0] * 64, [0] * 64, 1), np.ones((1, 16), "f"), np.ones((64, 1), "f"))
        np.testing.assert_array_equal(z, np.zeros((1, 60000)))

    def test_empty(self):
        c = Case()
        graph = e3tp.Graph(np.zeros(0, int), np.zeros(0, int), NODES, SENDERS)
        x, y, w = c.data["x"], np.zeros((0, 4)), np.zeros((0, c.tp.weight_numel))
        self.assertEqual(np.abs(c.conv(graph, x, y, w)).max(), 0)
        self.assertEqual(np.abs(c.conv.backward(graph, x, y, w, c.data["z"])[0]).max(), 0)


def crystal(rng):
    """receivers, senders and vectors of the edges of four atoms and their images, in any order."""
    positions, cell = rng.random((4, 3)) * 4, 4.0
    images = np.array(list(itertools.product((-1, 0, 1), repeat=3))) * cell
    vectors = positions[None, :, None] + images - positions[:, None, None]
    receivers, senders, image = np.nonzero(np.linalg.norm(vectors, axis=-1) < 3.9)
    kept = np.linalg.norm(vectors[receivers, senders, image], axis=-1) > 0
    order = rng.permutation(np.flatnonzero(kept))
    receivers, senders, image = receivers[order], senders[order], image[order]
    return receivers, senders, vectors[receivers, senders, image]


class TestOrder(unittest.TestCase):
    def test_packed(self):
        """Edges and their rows in the graph's order: the same bits, and an order that is none."""
        c = Case()
        x, y, w, gz = (c.data[k] for k in "xywz")
        order = c.graph.order
        np.testing.assert_array_equal(order, np.argsort(c.receivers, kind="stable"))
        packed = e3tp.Graph(c.receivers[order], c.senders[order], NODES, SENDERS)
        np.testing.assert_array_equal(packed.order, np.arange(EDGES))
        np.testing.assert_array_equal(c.conv(packed, x, y[order], w[order]), c.conv(c.graph, x, y, w))
        found = c.conv.backward(packed, x, y[order], w[order], gz)
        want = c.conv.backward(c.graph, x, y, w, gz)
        for got, expected in zip(found, (want[0], want[1][order], want[2][order])):
            np.testing.assert_array_equal(got, expected)

    def test_is_a_copy(self):
        graph = e3tp.Graph([1, 0], [0, 0], 2)
        graph.order[:] = 7
        self.assertEqual((graph.order.tolist(), graph.order.dtype), ([1, 0], np.dtype(np.int64)))
        graph.update([0, 1, 0], [0, 0, 0])
        self.assertEqual(graph.order.tolist(), [0, 2, 1])
        graph.update([], [])
        self.assertEqual(graph.order.tolist(), [])


class TestUpdates(unittest.TestCase):
    def sizes(self, graph):
        return graph.num_edges, graph.num_nodes, graph.num_senders

    def test_other_edges(self):
        c, other = Case(), e3tp.Graph([1, 0, 0], [0, 1, 1], 2)
        arrays = [c.data[k] for k in "xyw"]
        other.update(c.receivers, c.senders, NODES, SENDERS)
        self.assertEqual(self.sizes(other), (EDGES, NODES, SENDERS))
        np.testing.assert_array_equal(c.conv(other, *arrays), c.conv(c.graph, *arrays))
        gz = c.data["z"]
        for a, b in zip(c.conv.backward(other, *arrays, gz), c.conv.backward(c.graph, *arrays, gz)):
            np.testing.assert_array_equal(a, b)

    def test_sizes(self):
        graph = e3tp.Graph([0, 1], [2, 0], 2, 3)
        for arguments, sizes in (
            (([1], [2]), (1, 2, 3)),
            (([1, 1], [3, 0], None, 4), (2, 2, 4)),
            (([2], np.array([2], np.int32), 3), (1, 3, 3)),
            (([], []), (0, 3, 3)),
        ):
            graph.update(*arguments)
            self.assertEqual(self.sizes(graph), sizes)

    def test_pairs(self):
        graph = e3tp.Graph([0, 1], [1, 0], 2, vectors=np.array([[1.0, 0, 0], [-1, 0, 0]]))
        graph.update([0, 1, 1], [1, 1, 0], vectors=np.array([[1.0, 0, 0], [0, 2, 0], [-1, 0, 0]]))
        self.assertEqual((graph.pair.tolist(), graph.num_pairs), ([0, 1, 0], 2))
        self.assertEqual(graph.reversed.tolist(), [False, False, True])
        graph.update([0], [1])
        self.assertEqual((graph.pair, graph.reversed, graph.num_pairs), (None, None, None))

    def test_refused(self):
        v = np.array([[1.0, 0, 0], [-1, 0, 0]])
        graph = e3tp.Graph([0, 1], [1, 0], 2, 2, v)
        for word, *arguments in (
            ("edge 2: sender 2 is outside", [0, 0, 0], [0, 0, 2]),
            ("senders: 1 edges, expected 2", [0, 1], [0]),
            ("num_nodes: -1", [], [], -1),
            ("vectors: shape", [0], [0], 3, 3, v),
            ("vectors: that of edge 0 is not finite", [0], [0], 3, 3, np.full((1, 3), np.nan)),
        ):
            with self.assertRaisesRegex(ValueError, word):
                graph.update(*arguments)
            self.assertEqual((*self.sizes(graph), graph.num_pairs), (2, 2, 2, 1))
            np.testing.assert_array_equal(graph.forces(v, v)[0], [[2.0, 0, 0], [-2, 0, 0]])
        graph.close()
        with self.assertRaisesRegex(ValueError, "Graph is closed"):
            graph.update([0], [0])

    def test_waits_for_calls(self):
        """Beside calls on another thread, each of which has the edges of one update."""
        c, wrong, refused = Case(), [], []
        arrays, few = [c.data[k] for k in "xyw"], [c.data["x"], c.data["y"][:7], c.data["w"][:7]]
        of = ((c.receivers, c.senders), (c.receivers[:7], c.senders[:7]))
        want = [c.conv(e3tp.Graph(*lists, NODES, SENDERS), *a) for lists, a in zip(of, (arrays, few))]
        done = threading.Event()

        def call():
            last = False
            while not last:
                last = done.is_set()
                for a, z in zip((arrays, few), want):
                    try:
                        wrong.append(not np.array_equal(c.conv(c.graph, *a), z))
                    except ValueError as error:
                        refused.append("expected (" not in str(error))

        threads = [threading.Thread(target=call) for _ in range(2)]
        for thread in threads:
            thread.start()
        for i in range(400):
            c.graph.update(*of[(i + 1) % 2])
        done.set()
        for thread in threads:
            thread.join()
        self.assertTrue(wrong and refused and not any(wrong) and not any(refused))

    def test_alone_waits(self):
        """An update begins when the last call under way is over."""
        graph, order = e3tp.Graph([0], [0], 1), []
        thread = threading.Thread(target=lambda: (graph.update([0, 0], [0, 0]), order.append("update")))
        with graph._handle:
            thread.start()
            thread.join(0.05)
            order.append("call")
            self.assertEqual(graph.num_edges, 1)
        thread.join()
        self.assertEqual((order, graph.num_edges), (["call", "update"], 2))


class TestPairs(unittest.TestCase):
    def test_weights_by_pair(self):
        """Weights of the distance, once for each pair, are those of the edges; their gradients are sums."""
        rng = np.random.default_rng(5)
        receivers, senders, vectors = crystal(rng)
        edges = len(receivers)
        for dtype in (np.float64, np.float32):
            graph = e3tp.Graph(receivers, senders, 4, vectors=vectors.astype(dtype))
            self.assertEqual((graph.num_edges, graph.num_pairs), (edges, edges // 2))
            np.testing.assert_array_equal(graph.pair[~graph.reversed], np.arange(graph.num_pairs))
            once = vectors[~graph.reversed]
            np.testing.assert_allclose(vectors[graph.reversed], -once[graph.pair[graph.reversed]], atol=1e-12)
        tp = e3tp.TensorProduct(*PRODUCT, dtype=np.float64, shared_weights=False)
        w = np.sin(np.linalg.norm(once, axis=1)[:, None] * np.arange(1, tp.weight_numel + 1))
        x, y = rng.standard_normal((4, tp.irreps_in1.dim)), rng.standard_normal((edges, tp.irreps_in2.dim))
        by_edge = e3tp.Convolution(*PRODUCT, dtype=np.float64)
        by_pair = e3tp.Convolution(*PRODUCT, dtype=np.float64, w_at="type")
        z = by_edge(graph, x, y, w[graph.pair])
        np.testing.assert_allclose(by_pair(graph, x, y, w, edge_type=graph.pair), z, atol=1e-12)
        found = by_pair.backward(graph, x, y, w, z, edge_type=graph.pair)
        gw, want = by_edge.backward(graph, x, y, w[graph.pair], z)[2], np.zeros_like(w)
        np.add.at(want, graph.pair, gw)
        np.testing.assert_allclose(found[2], want, atol=1e-11 * np.abs(want).max())
        self.assertIsNone(e3tp.Graph(receivers, senders, 4).pair)

    def test_harmonics_by_pair(self):
        """Harmonics of first edges alone give what those of all edges do, forces and strain too."""
        rng = np.random.default_rng(6)
        receivers, senders, vectors = crystal(rng)
        graph = e3tp.Graph(receivers, senders, 4, vectors=vectors)
        first, pairs = ~graph.reversed, {"edge_type": graph.pair, "reversed": graph.reversed}
        for parity in (-1, 1):  # a label: signs go by degree
            irreps = e3tp.Irreps.spherical_harmonics(3, p=parity)
            tp = e3tp.uvu_tensor_product("3x0e+3x1o", irreps, "0e+1o+2e+1e+2o", dtype=np.float64)
            by_edge = e3tp.Convolution(tp, scale=0.5)
            by_pair = e3tp.Convolution(tp, y_at="type", w_at="type", scale=0.5)
            sh = e3tp.SphericalHarmonics(range(4), True, dtype=np.float64)
            y, once = sh(vectors), sh(vectors[first])
            x, w = rng.standard_normal((4, tp.irreps_in1.dim)), rng.standard_normal((graph.num_pairs, tp.weight_numel))
            gz = rng.standard_normal((4, tp.irreps_out.dim))
            z = by_edge(graph, x, y, w[graph.pair])
            np.testing.assert_allclose(by_pair(graph, x, once, w, **pairs), z, atol=1e-12)
            gy = by_edge.backward(graph, x, y, w[graph.pair], gz)[1]
            want = graph.forces(vectors, sh.backward(vectors, gy))
            gvectors = np.zeros_like(vectors)
            gvectors[first] = sh.backward(vectors[first], by_pair.backward(graph, x, once, w, gz, **pairs)[1])
            for found, expected in zip(graph.forces(vectors, gvectors), want):
                self.assertGreater(np.abs(expected).max(), 0.1)
                np.testing.assert_allclose(found, expected, atol=1e-11 * np.abs(expected).max())


class TestRefusals(unittest.TestCase):
    def test_graphs(self):
        with self.assertRaisesRegex(ValueError, "edge 1: receiver 5 is outside"):
            e3tp.Graph([0, 5], [0, 0], 2)
        with self.assertRaisesRegex(ValueError, "senders: 1 edges, expected 2"):
            e3tp.Graph([0, 1], [0], 2)
        with self.assertRaisesRegex(TypeError, "receivers: dtype float64"):
            e3tp.Graph([0.0], [0], 2)
        with self.assertRaisesRegex(ValueError, "vectors: shape"):
            e3tp.Graph([0], [0], 1, vectors=np.zeros((2, 3)))
        graph = e3tp.Graph([0], [0], 1)
        graph.close()
        c = Case()
        with self.assertRaisesRegex(ValueError, "Graph is closed"):
            c.conv(graph, np.zeros((1, 32)), np.zeros((1, 4)), np.zeros((1, 24)))

    def test_convolutions(self):
        for options, word in (
            ({"x_at": "node"}, "x_at: 'node'"),
            ({"out_at": "sender"}, "z: its place is the sender"),
            ({"scale": float("nan")}, "scale"),
            ({"layout": "batch_last"}, "BATCH_LAST"),
            ({"weight_dtype": "bfloat16", "dtype": np.float64}, "weight_dtype: 'bfloat16', expected None: the"),
            ({"weight_dtype": "float16"}, "expected None or \"bfloat16\""),
        ):
            with self.assertRaisesRegex(ValueError, word):
                e3tp.Convolution(*PRODUCT, **options)

    def test_calls(self):
        c = Case()
        x, y, w, gz = (c.data[k] for k in "xywz")
        with self.assertRaisesRegex(TypeError, "graph: int"):
            c.conv(3, x, y, w)
        with self.assertRaisesRegex(ValueError, r"x: shape \(11, 32\), expected \(12, 32\), for its place is 'sender'"):
            c.conv(c.graph, x[:-1], y, w)
        with self.assertRaisesRegex(TypeError, "y: dtype float32"):
            c.conv(c.graph, x, y.astype(np.float32), w)
        with self.assertRaisesRegex(ValueError, "w: missing"):
            c.conv(c.graph, x, y)
        with self.assertRaisesRegex(ValueError, "edge_type: expected None"):
            c.conv(c.graph, x, y, w, edge_type=c.types)
        with self.assertRaisesRegex(ValueError, "needs"):
            c.conv.backward(c.graph, x, y, w, gz, needs=("q",))
        c = Case(w_at="type")
        with self.assertRaisesRegex(ValueError, "edge_type: missing"):
            c.conv(c.graph, x, y, c.data["w"])
        with self.assertRaisesRegex(ValueError, r"edge_type\[0\]: 7"):
            c.conv(c.graph, x, y, c.data["w"], edge_type=np.full(EDGES, 7))
        with self.assertRaisesRegex(ValueError, "edge_type: a number"):
            c.conv(c.graph, x, y, c.data["w"], edge_type=np.full(EDGES, 2**32))
        with self.assertRaisesRegex(ValueError, "edge_type: 3 types, expected 60"):
            c.conv(c.graph, x, y, c.data["w"], edge_type=[0, 1, 2])
        with self.assertRaisesRegex(ValueError, "reversed: expected None, the place of y is 'edge', not 'type'"):
            c.conv(c.graph, x, y, c.data["w"], edge_type=c.types, reversed=np.zeros(EDGES, bool))
        c = Case(y_at="type")
        y = c.data["y"]
        with self.assertRaisesRegex(ValueError, r"reversed: shape \(3,\), expected \(60,\)"):
            c.conv(c.graph, x, y, w, edge_type=c.types, reversed=[True, False, True])
        with self.assertRaisesRegex(TypeError, "reversed: dtype float64, expected bool"):
            c.conv(c.graph, x, y, w, edge_type=c.types, reversed=np.zeros(EDGES))


if __name__ == "__main__":
    unittest.main()
