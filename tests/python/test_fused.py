# SPDX-License-Identifier: MIT
"""SHConvolution: against a Convolution of stored harmonics and weights, by differences, and as energies and forces."""

import unittest

import e3tp
import numpy as np

RNG = np.random.default_rng(7)
NODES, EDGES, R_MAX, KNOTS, HIDDEN, TYPES = 9, 40, 3.0, 24, 6, 2
IRREPS, LMAX, OUT = "5x0e+3x1o", 2, "0e+1o+2e"


def random_edges():
    receivers = RNG.integers(0, NODES, EDGES)
    return receivers, (receivers + RNG.integers(1, NODES, EDGES)) % NODES


def random_vectors():
    v = RNG.normal(size=(EDGES, 3))
    return v / np.linalg.norm(v, axis=-1, keepdims=True) * RNG.uniform(0.4, 2.9, (EDGES, 1))


def smooth(r):
    """Samples that a spline follows: zero with their slope at the end."""
    return np.cos(np.outer(r, np.linspace(0.5, 2, WIDTH))) * (1 - r[:, None] / R_MAX) ** 3


with e3tp.uvu_tensor_product(IRREPS, e3tp.Irreps.spherical_harmonics(LMAX), OUT) as _product:
    WIDTH = _product.weight_numel


def radials():
    values = smooth(np.linspace(0, R_MAX, KNOTS))
    typed = np.stack([values, values[:, ::-1] * 0.5])
    yield "spline", e3tp.Spline(R_MAX, values)
    yield "spline by type", e3tp.Spline(R_MAX, typed)
    yield "basis", e3tp.LinearBasis(RNG.normal(size=(5, WIDTH)), R_MAX)
    yield "basis by type", e3tp.LinearBasis(RNG.normal(size=(TYPES, 5, WIDTH)), R_MAX)
    yield "layer", e3tp.LastLayer(RNG.normal(size=(HIDDEN, WIDTH)))
    yield "layer by type", e3tp.LastLayer(RNG.normal(size=(TYPES, HIDDEN, WIDTH)))
    yield "read", None


class Case:
    """A convolution with arrays for every operand, by the names of its gradients."""

    def __init__(self, name, radial):
        self.name, self.radial = name, radial
        self.types = RNG.integers(0, TYPES, EDGES) if "type" in name else None
        self.graph = e3tp.Graph(*random_edges(), NODES)
        self.conv = e3tp.SHConvolution(IRREPS, LMAX, OUT, radial, dtype=np.float64, scale=0.5)
        self.operands = {"x": RNG.normal(size=(NODES, self.conv.irreps_in1.dim)), "vectors": random_vectors()}
        if isinstance(radial, e3tp.LastLayer):
            self.operands["w"] = RNG.normal(size=(EDGES, HIDDEN))
        elif radial is None:
            self.operands["w"] = RNG.normal(size=(EDGES, WIDTH))
        self.gz = RNG.normal(size=(NODES, self.conv.irreps_out.dim))

    def parameters(self):
        """The array that trains the radial function."""
        return self.radial.values if isinstance(self.radial, e3tp.Spline) else self.radial.matrix

    def set_parameters(self, value):
        if isinstance(self.radial, e3tp.Spline):
            self.radial.set_values(value)
        else:
            self.radial.matrix[...] = value

    def directions(self):
        made = {name: RNG.normal(size=a.shape) for name, a in self.operands.items()}
        return made | ({"radial": RNG.normal(size=self.parameters().shape)} if self.radial else {})

    def moved(self, directions, step, function):
        """function(operands) with all operands moved along directions."""
        kept = self.parameters().copy() if self.radial else None
        operands = {name: a + step * directions[name] for name, a in self.operands.items()}
        try:
            if self.radial:
                self.set_parameters(kept + step * directions["radial"])
            return function(operands)
        finally:
            if self.radial:
                self.set_parameters(kept)

    def forward(self, operands):
        return self.conv(self.graph, *operands.values(), edge_type=self.types)

    def backward(self, operands, gz):
        return self.conv.backward(self.graph, *operands.values(), gz, edge_type=self.types)

    def weights(self):
        r = np.linalg.norm(self.operands["vectors"], axis=-1)
        if self.radial is None:
            return self.operands["w"]
        if isinstance(self.radial, e3tp.Spline):
            return self.radial(r, self.types) if self.types is not None else self.radial(r)
        b = self.operands["w"] if isinstance(self.radial, e3tp.LastLayer) else self.radial.basis(r)
        matrix = self.radial.matrix
        return np.einsum("ek,ekw->ew", b, matrix[self.types]) if self.types is not None else b @ matrix


def cases():
    for name, radial in radials():
        yield Case(name, radial)


def in_lines(rows, irreps):
    """From the layout mul_ir to ir_mul."""
    blocks = [rows[:, s].reshape(len(rows), mul, ir.dim) for s, (mul, ir) in zip(irreps.slices(), irreps)]
    return np.concatenate([b.swapaxes(1, 2).reshape(len(rows), -1) for b in blocks], axis=1)


def every_pass(conv, graph, x, v, w, gz, dx, dv, dw):
    back = conv.backward(graph, x, v, w, gz)
    twice = conv.double_backward(graph, x, v, w, gz, ggx=dx, ggvectors=dv, ggw=dw)
    return {
        "z": conv(graph, x, v, w),
        "jvp": conv.jvp(graph, x, v, w, dx=dx, dvectors=dv, dw=dw),
        **{"gx": back.x, "gv": back.vectors, "gw": back.w},
        **{"hx": twice.x, "hv": twice.vectors, "hw": twice.w, "hz": twice.gz},
    }


class Forms(unittest.TestCase):
    """A product whose paths are summed, in the frame of each edge and as any other."""

    def product(self, order=lambda paths: paths):
        irreps, lmax = "6x0e+6x1o+6x2e", 3
        paths = [
            (i, j, k, "uvu", True)
            for i in range(3)
            for j in range(lmax + 1)
            for k in range(3)
            if abs(i - j) <= k <= i + j and (i + j + k) % 2 == 0
        ]
        harmonics = e3tp.Irreps.spherical_harmonics(lmax)
        paths = order(paths)
        return lmax, e3tp.TensorProduct(irreps, harmonics, irreps, paths, shared_weights=False, dtype=np.float64)

    def test_same(self):
        self.check_same(*self.product())

    def test_order_of_paths(self):
        shuffled = np.random.default_rng(5).permutation
        for order in (lambda paths: paths[::-1], lambda paths: [paths[n] for n in shuffled(len(paths))]):
            self.check_same(*self.product(order))
        self.check_same(*self.product(lambda paths: paths + paths[:5]))

    def check_same(self, lmax, product):
        graph, vectors = e3tp.Graph(*random_edges(), NODES), random_vectors()
        x, gz = RNG.normal(size=(NODES, product.irreps_in1.dim)), RNG.normal(size=(NODES, product.irreps_out.dim))
        w = RNG.normal(size=(EDGES, product.weight_numel))
        dx, dv, dw = (RNG.normal(size=a.shape) for a in (x, vectors, w))
        found = {}
        for form in "general", "rotated":
            with e3tp.SHConvolution(product, lmax, form=form) as conv:
                self.assertIn(f"form {form}", conv.describe())
                found[form] = [
                    conv(graph, x, vectors, w),
                    *conv.backward(graph, x, vectors, w, gz),
                    *conv.double_backward(graph, x, vectors, w, gz, ggx=dx, ggvectors=dv, ggw=dw),
                    conv.jvp(graph, x, vectors, w, dx=dx, dvectors=dv, dw=dw),
                ]
        for got, want in zip(found["rotated"], found["general"]):
            np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 * abs(want).max())

    def test_layouts(self):
        """Rows of nodes that many edges read change their layout for the length of a call, others do not."""
        irreps, harmonics = e3tp.Irreps("7x0e+16x1o+1x2e"), e3tp.Irreps.spherical_harmonics(2)
        products = [
            e3tp.uvu_tensor_product(irreps, harmonics, "0e+1o+2e", layout=layout, threads=2)
            for layout in ("mul_ir", "ir_mul")
        ]
        for form in "general", "rotated":
            convs = [e3tp.SHConvolution(product, 2, form=form, scale=0.5) for product in products]
            for edges in 3 * NODES, 12 * NODES:
                self.check_layouts(edges, *convs)

    def check_layouts(self, edges, by_channel, by_component):
        draw = lambda *shape: RNG.normal(size=shape).astype(np.float32)  # noqa: E731
        graph = e3tp.Graph(RNG.integers(0, NODES, edges), RNG.integers(0, NODES, edges), NODES)
        into, out, width = by_channel.irreps_in1, by_channel.irreps_out, by_channel.weight_numel
        x, dx, gz = draw(NODES, into.dim), draw(NODES, into.dim), draw(NODES, out.dim)
        v, dv, w, dw = draw(edges, 3), draw(edges, 3), draw(edges, width), draw(edges, width)
        want = every_pass(by_channel, graph, x, v, w, gz, dx, dv, dw)
        got = every_pass(
            by_component, graph, in_lines(x, into), v, w, in_lines(gz, out), in_lines(dx, into), dv, dw
        )
        for name, irreps in {"z": out, "jvp": out, "hz": out, "gx": into, "hx": into}.items():
            np.testing.assert_array_equal(got.pop(name), in_lines(want.pop(name), irreps), name)
        for name in want:
            np.testing.assert_array_equal(got[name], want[name], name)

    def test_largest_order(self):
        """A map of its own, equivariant as its second derivatives are; all orders are those of the whole."""
        graph, vectors = e3tp.Graph(*random_edges(), NODES), random_vectors()
        lmax, product = self.product()
        x, w = RNG.normal(size=(NODES, product.irreps_in1.dim)), RNG.normal(size=(EDGES, product.weight_numel))
        gz, dx, dv = RNG.normal(size=(NODES, product.irreps_out.dim)), RNG.normal(size=x.shape), random_vectors()
        R = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
        turn = lambda irreps: irreps.D_from_matrix(R)  # noqa: E731
        with e3tp.SHConvolution(product, lmax, form="general") as whole:
            want = whole(graph, x, vectors, w)
        for m_max in 0, 1, 2:
            with e3tp.SHConvolution(product, lmax, m_max=m_max) as conv:
                self.assertIn(f"orders to {m_max}", conv.describe())
                z = conv(graph, x, vectors, w)
                turned = conv(graph, x @ turn(conv.irreps_in1).T, vectors @ R.T, w)
                np.testing.assert_allclose(turned, z @ turn(conv.irreps_out).T, rtol=0, atol=1e-12 * abs(z).max())
                if m_max < 2:
                    self.assertGreater(abs(z - want).max(), 1e-3 * abs(want).max())
                else:
                    np.testing.assert_allclose(z, want, rtol=0, atol=1e-12 * abs(want).max())
                into, out = turn(conv.irreps_in1).T, turn(conv.irreps_out).T
                dz = conv.jvp(graph, x, vectors, w, dx=dx, dvectors=dv)
                got = conv.double_backward(graph, x, vectors, w, gz, ggx=dx, ggvectors=dv)
                np.testing.assert_array_equal(got.gz, dz)
                turned = conv.double_backward(
                    graph, x @ into, vectors @ R.T, w, gz @ out, ggx=dx @ into, ggvectors=dv @ R.T
                )
                for a, b in zip(turned, (got.x @ into, got.vectors @ R.T, got.w, got.gz @ out)):
                    np.testing.assert_allclose(a, b, rtol=0, atol=1e-11 * abs(b).max())

    def test_refused(self):
        lmax, product = self.product()
        with self.assertRaisesRegex(ValueError, "form: 'no'"):
            e3tp.SHConvolution(product, lmax, form="no")
        with self.assertRaisesRegex(ValueError, "irreps_in2"):
            e3tp.SHConvolution(product, lmax + 1)
        with self.assertRaisesRegex(ValueError, "no more arguments"):
            e3tp.SHConvolution(product, lmax, "0e")


class Values(unittest.TestCase):
    def test_no_weights(self):
        product = e3tp.TensorProduct("2x0e", "0e", "2x0e", [(0, 0, 0, "uvu", False)], shared_weights=False)
        graph, vectors = e3tp.Graph([0, 0], [0, 1], 1, 2), np.eye(3, dtype=np.float32)[:2]
        conv = e3tp.SHConvolution(product, 0, w_at="type")
        z = conv(graph, np.float32([[1, 2], [3, 5]]), vectors)
        np.testing.assert_allclose(z, [[4, 7]], rtol=1e-6)

    def test_stored(self):
        for case in cases():
            with self.subTest(case.name):
                y = e3tp.spherical_harmonics(list(range(LMAX + 1)), case.operands["vectors"], True, "component")
                product = e3tp.uvu_tensor_product(
                    IRREPS, e3tp.Irreps.spherical_harmonics(LMAX), OUT, dtype=np.float64
                )
                stored = e3tp.Convolution(product, scale=0.5)
                want = stored(case.graph, case.operands["x"], y, case.weights())
                np.testing.assert_allclose(case.forward(case.operands), want, rtol=0, atol=1e-12 * abs(want).max())
                gx, _, gw = stored.backward(case.graph, case.operands["x"], y, case.weights(), case.gz)
                got = case.backward(case.operands, case.gz)
                np.testing.assert_allclose(got.x, gx, rtol=0, atol=1e-12 * abs(gx).max())
                if case.radial is None:
                    np.testing.assert_allclose(got.w, gw, rtol=0, atol=1e-12 * abs(gw).max())

    def test_differences(self):
        for case in cases():
            with self.subTest(case.name):
                d = case.directions()
                h = 1e-5
                slope = (case.moved(d, h, case.forward) - case.moved(d, -h, case.forward)) / (2 * h)
                tangents = {f"d{name}": a for name, a in d.items()}
                jvp = case.conv.jvp(case.graph, *case.operands.values(), edge_type=case.types, **tangents)
                np.testing.assert_allclose(jvp, slope, rtol=0, atol=1e-7 * abs(slope).max())
                got = case.backward(case.operands, case.gz)
                self.assertEqual(set(got._fields), set(d))
                paired = sum(np.sum(getattr(got, name) * a) for name, a in d.items())
                self.assertAlmostEqual(paired, np.sum(case.gz * jvp), delta=1e-10 * abs(paired))

    def test_second_differences(self):
        for case in cases():
            with self.subTest(case.name):
                t, d = case.directions(), case.directions()
                dz = RNG.normal(size=case.gz.shape)

                def paired(step):
                    found = case.moved(d, step, lambda o: case.backward(o, case.gz + step * dz))
                    return sum(np.sum(getattr(found, name) * a) for name, a in t.items())

                h = 1e-5
                slope = (paired(h) - paired(-h)) / (2 * h)
                tangents = {f"gg{name}": a for name, a in t.items()}
                got = case.conv.double_backward(
                    case.graph, *case.operands.values(), case.gz, edge_type=case.types, **tangents
                )
                found = sum(np.sum(getattr(got, name) * a) for name, a in d.items()) + np.sum(got.gz * dz)
                self.assertAlmostEqual(found, slope, delta=1e-6 * abs(slope))

    def test_needs_and_out(self):
        case = Case(*next(iter(radials())))
        whole = case.backward(case.operands, case.gz)
        some = case.conv.backward(case.graph, *case.operands.values(), case.gz, needs=("vectors",))
        self.assertIsNone(some.x)
        self.assertIsNone(some.radial)
        np.testing.assert_array_equal(some.vectors, whole.vectors)
        out = tuple(np.empty_like(a) for a in whole)
        again = case.conv.backward(case.graph, *case.operands.values(), case.gz, out=out)
        for a, b, c in zip(whole, again, out):
            self.assertIs(b, c)
            np.testing.assert_array_equal(a, b)

    def test_mistakes(self):
        case = Case(*next(iter(radials())))
        graph, operands = case.graph, list(case.operands.values())
        with self.assertRaisesRegex(ValueError, "w: expected None"):
            case.conv(graph, *operands, np.zeros((EDGES, WIDTH)))
        with self.assertRaisesRegex(ValueError, "v.*shape"):
            case.conv(graph, operands[0], np.zeros((EDGES, 2)))
        with self.assertRaisesRegex(ValueError, "w_at"):
            e3tp.SHConvolution(IRREPS, LMAX, OUT, case.radial, w_at="type", dtype=np.float64)
        with self.assertRaisesRegex(ValueError, "weight_numel"):
            e3tp.SHConvolution(IRREPS, LMAX, "0e", case.radial, dtype=np.float64)
        with self.assertRaisesRegex(TypeError, "dtype"):
            e3tp.SHConvolution(IRREPS, LMAX, OUT, case.radial)
        with self.assertRaisesRegex(TypeError, "radial"):
            e3tp.SHConvolution(IRREPS, LMAX, OUT, "spline")
        case.radial.close()
        with self.assertRaisesRegex(ValueError, "closed"):
            case.conv(graph, *operands)


class Potential:
    """The square of one convolution over all pairs of atoms nearer than R_MAX, as an energy."""

    def __init__(self):
        self.radial = e3tp.Spline(R_MAX, smooth(np.linspace(0, R_MAX, 200)))
        self.conv = e3tp.SHConvolution(IRREPS, LMAX, OUT, self.radial, dtype=np.float64)

    def edges(self, positions):
        v = positions[None] - positions[:, None]
        near = np.linalg.norm(v, axis=-1) < R_MAX
        np.fill_diagonal(near, False)
        return np.nonzero(near)

    def __call__(self, positions, x, strain=None):
        """Energy, forces, and the gradient by strain."""
        receivers, senders = self.edges(positions)
        v = positions[senders] - positions[receivers]
        v = v if strain is None else v + v @ strain
        graph = e3tp.Graph(receivers, senders, len(positions))
        z = self.conv(graph, x, v)
        gv = self.conv.backward(graph, x, v, z, needs=("vectors",)).vectors
        forces, virial = graph.forces(v, gv)
        by_hand = np.zeros_like(positions)
        np.add.at(by_hand, receivers, gv)
        np.add.at(by_hand, senders, -gv)
        np.testing.assert_allclose(forces, by_hand, rtol=0, atol=1e-13 * abs(gv).max() * len(v))
        return np.sum(z * z) / 2, forces, virial


class Forces(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.potential = Potential()
        cls.positions = RNG.uniform(0, 3, (8, 3))
        cls.x = RNG.normal(size=(8, cls.potential.conv.irreps_in1.dim))
        cls.energy, cls.forces, cls.virial = cls.potential(cls.positions, cls.x)

    def test_sum(self):
        np.testing.assert_allclose(self.forces.sum(0), 0, atol=1e-11 * abs(self.forces).max())

    def test_differences(self):
        """The error falls with the square of the step, and rises again."""
        d = RNG.normal(size=self.positions.shape)
        want = -np.sum(self.forces * d)
        errors = []
        for step in 10.0 ** -np.arange(2, 11):
            up, down = (self.potential(self.positions + s * d, self.x)[0] for s in (step, -step))
            errors.append(abs((up - down) / (2 * step) - want))
        self.assertLess(min(errors), 1e-7 * abs(want))
        self.assertGreater(errors[0], 20 * errors[1])
        self.assertGreater(errors[-1], min(errors))

    def test_rotation(self):
        q, _ = np.linalg.qr(RNG.normal(size=(3, 3)))
        for rotation in (q, -q):
            blocks = [e3tp.wigner_D_from_matrix(ir.l, rotation, ir.p) for mul, ir in self.potential.conv.irreps_in1]
            x, at = [], 0
            for (mul, ir), block in zip(self.potential.conv.irreps_in1, blocks):
                part = self.x[:, at : at + mul * ir.dim].reshape(8, mul, ir.dim)
                x.append((part @ block.T).reshape(8, -1))
                at += mul * ir.dim
            energy, forces, _ = self.potential(self.positions @ rotation.T, np.concatenate(x, 1))
            self.assertAlmostEqual(energy, self.energy, delta=1e-11 * self.energy)
            np.testing.assert_allclose(forces, self.forces @ rotation.T, atol=1e-10 * abs(forces).max())

    def test_translation_and_relabelling(self):
        energy, forces, _ = self.potential(self.positions + [0.3, -1.7, 2.2], self.x)
        self.assertAlmostEqual(energy, self.energy, delta=1e-11 * self.energy)
        order = RNG.permutation(8)
        energy, forces, _ = self.potential(self.positions[order], self.x[order])
        self.assertAlmostEqual(energy, self.energy, delta=1e-11 * self.energy)
        np.testing.assert_allclose(forces, self.forces[order], atol=1e-10 * abs(forces).max())

    def test_ghosts(self):
        """Copies of atoms that only send: their forces belong to the atoms, and the sum is the same."""
        receivers, senders = self.potential.edges(self.positions)
        ghosts = senders >= 4
        owners = np.where(ghosts, senders + 4, senders)  # ghost of atom i is sender i + 4 = 8..11
        v = self.positions[senders] - self.positions[receivers]
        graph = e3tp.Graph(receivers, owners, 8, 12)
        x = np.concatenate([self.x, self.x[4:]])
        z = self.potential.conv(graph, x, v)
        found = self.potential.conv.backward(graph, x, v, z, needs=("vectors", "x"))
        forces, strain = graph.forces(v, found.vectors)
        forces[4:8] += forces[8:]
        np.testing.assert_allclose(forces[:8], self.forces, atol=1e-11 * abs(forces).max())
        np.testing.assert_allclose(strain, self.virial, atol=1e-11 * abs(strain).max())

    def test_mistakes(self):
        graph = e3tp.Graph([0, 1], [1, 0], 2)
        with self.assertRaisesRegex(ValueError, "gvectors: shape"):
            graph.forces(np.zeros((2, 3)), np.zeros((3, 3)))
        with self.assertRaisesRegex(TypeError, "gvectors: dtype"):
            graph.forces(np.zeros((2, 3)), np.zeros((2, 3), np.float32))
        with self.assertRaisesRegex(ValueError, "senders"):
            e3tp.Graph([0, 1], [0, 0], 2, 1).forces(np.zeros((2, 3)), np.zeros((2, 3)))

    def test_virial(self):
        strain, h = RNG.normal(size=(3, 3)), 1e-6
        up, down = (self.potential(self.positions, self.x, s * strain)[0] for s in (h, -h))
        want = np.sum(self.virial * strain)
        self.assertAlmostEqual((up - down) / (2 * h), want, delta=1e-7 * abs(want))


if __name__ == "__main__":
    unittest.main()
