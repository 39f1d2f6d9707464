# SPDX-License-Identifier: MIT
"""A case of the protocol by each method of e3tp and by each peer, behind one interface.

A rival is made from a case and arrays; run[pass]() does the work and returns what results(that) turns into NumPy
arrays: fwd z; bwd z, gx, gy.
"""

import functools
import time

import e3tp
import forms
import numpy as np
from protocol_cases import ROWS

PASSES = ("fwd", "bwd")


class E3tp:
    def __init__(self, method, case, data):
        self.data, self.z, self.gradients = data, None, None
        keys = {"method": method, "threads": 1}
        if case.op == "paths":
            sign = "eo"
            irreps = ["+".join(f"1x{l}{sign[l % 2]}" for l in d) for d in (case.degrees, case.outputs)]
            at = {l: n for n, l in enumerate(case.degrees)}
            listed = [(at[a], at[b], n, "uuu", False) for a, b, _, n, _ in case.paths]
            self.product = e3tp.TensorProduct(irreps[0], irreps[0], irreps[1], listed, batch_hint=ROWS, **keys)
        else:
            self.product = case.signal_product(**keys)
        self.weights = (None,) if case.op == "paths" else ()
        self.run = {"fwd": self.forward, "bwd": self.backward}

    def forward(self):
        self.z = self.product(self.data["x"], self.data["y"], out=self.z)
        return (self.z,)

    def backward(self):
        x, y, gz = (self.data[k] for k in ("x", "y", "gz"))
        self.gradients = self.product.backward(x, y, *self.weights, gz, needs=("x", "y"), out=self.gradients)
        return (*self.forward(), *self.gradients[:2])

    def results(self, found):
        return found


class Jax:
    """form(case) -> (x, y) -> z; compiled by XLA when made."""

    def __init__(self, form, case, data):
        import jax

        self.jax, self.data = jax, {k: jax.numpy.asarray(v) for k, v in data.items()}
        self.columns = self.columns_of(case)
        product = form(case)

        def backward(x, y, gz):
            z, pull = jax.vjp(product, x, y)
            return (z, *pull(gz))

        start = time.perf_counter()
        forward = self.compiled(lambda x, y: (product(x, y),), "x", "y")
        gz = np.zeros_like(forward()[0])
        gz[:, self.columns] = data["gz"]
        self.data["gz"] = jax.numpy.asarray(gz)
        self.run = {"fwd": forward, "bwd": self.compiled(backward, "x", "y", "gz")}
        self.compile_s = time.perf_counter() - start

    def columns_of(self, case):
        """Where e3tp's results are among its own."""
        return slice(None)

    def compiled(self, function, *names):
        given = [self.data[n] for n in names]
        call = self.jax.jit(function).lower(*given).compile()
        return lambda: self.jax.block_until_ready(call(*given))

    def results(self, found):
        z, *gradients = map(np.asarray, found)
        return (z[:, self.columns], *gradients)


class E3nnJax(Jax):
    """Its results stand in the order of their irreps."""

    def __init__(self, case, data):
        super().__init__(self.form, case, data)

    def columns_of(self, case):
        at = np.argsort(np.argsort(case.outputs, kind="stable"))
        sizes = np.sort([2 * l + 1 for l in case.outputs])
        starts = np.cumsum(sizes) - sizes
        return np.concatenate([np.arange(2 * l + 1) + starts[n] for n, l in zip(at, case.outputs)])

    @staticmethod
    def form(case):
        import e3nn_jax

        irreps, wanted = ([e3nn_jax.Irrep(l, (-1) ** l) for l in d] for d in (case.degrees, case.out))

        def product(x, y):
            x, y = (e3nn_jax.IrrepsArray(e3nn_jax.Irreps(irreps), a) for a in (x, y))
            return e3nn_jax.tensor_product(x, y, filter_ir_out=wanted, regroup_output=False).array

        return product


class E3x(Jax):
    """The fused tensor layer of e3x with the weights that make it the product of matrices; its results by parity."""

    def __init__(self, case, data):
        super().__init__(self.form, case, data)

    def columns_of(self, case):
        half = (case.out[-1] + 1) ** 2
        odd = (n >= len(case.out) for n in range(len(case.outputs)))
        return np.concatenate([(l + o) % 2 * half + np.arange(l * l, (l + 1) ** 2) for l, o in zip(case.outputs, odd)])

    @staticmethod
    def form(case):
        import e3x
        import jax

        layer = e3x.nn.FusedTensor(max_degree=case.out[-1], cartesian_order=False)
        shape = jax.numpy.zeros((1, 1, case.width, 1))
        weights = jax.tree.map(
            lambda w: 1 / jax.numpy.sqrt(2 * jax.numpy.arange(len(w))[:, None] + 1.0),
            layer.init(jax.random.PRNGKey(0), shape, shape),
        )
        return lambda x, y: layer.apply(weights, x[:, None, :, None], y[:, None, :, None]).reshape(len(x), -1)


class Torch:
    def __init__(self, form, case, data):
        import torch

        torch.set_num_threads(1)
        self.torch, self.product = torch, form(case)
        self.data = {k: torch.from_numpy(v) for k, v in data.items()}
        self.leaves = [self.data[k].requires_grad_() for k in ("x", "y")]
        self.run = {"fwd": self.forward, "bwd": self.backward}

    def forward(self):
        with self.torch.no_grad():
            return (self.product(*self.leaves),)

    def backward(self):
        z = self.product(*self.leaves)
        return (z, *self.torch.autograd.grad(z, self.leaves, self.data["gz"]))

    def results(self, found):
        return tuple(t.detach().numpy() for t in found)


def e3nn_form(mode, case):
    import e3nn
    from e3nn import o3

    e3nn.set_optimization_defaults(jit_mode=mode)
    irreps = [o3.Irreps([(1, (l, (-1) ** l)) for l in d]) for d in (case.degrees, case.outputs)]
    at = {l: n for n, l in enumerate(case.degrees)}
    listed = [(at[a], at[b], n, "uuu", False) for a, b, _, n, _ in case.paths]
    return o3.TensorProduct(irreps[0], irreps[0], irreps[1], listed)


def fourier_torch(case):
    import torch

    t = forms.Torus(case)
    inward, outward = (torch.from_numpy(a.astype(np.complex64)) for a in (t.inward, t.outward))

    def samples(x):
        waves = (x.to(torch.complex64) @ inward).reshape(len(x), 2 * t.top + 1, t.top + 1)
        gap = waves.new_zeros(len(x), t.size - 2 * t.top - 1, t.top + 1)
        rows = torch.cat([waves[:, t.top :], gap, waves[:, : t.top]], 1)
        return torch.fft.irfft2(rows, (t.size, t.size), norm="forward")

    def product(x, y):
        waves = torch.fft.rfft2(samples(x) * samples(y), norm="forward")
        kept = torch.cat([waves[:, t.size - t.band :, : t.orders], waves[:, : t.band + 1, : t.orders]], 1)
        return (kept.reshape(len(x), -1) @ outward).real

    return product


def ours(form):
    return functools.partial(Jax, form)


def torch_form(form):
    return functools.partial(Torch, form)


SPARSE = {
    "sparse, gathered": ("cg", ours(forms.sparse(forms.gathered, 250))),
    "sparse, unrolled": ("cg", ours(forms.sparse(forms.unrolled, 500))),
}
PEERS = {  # of each op, name: (method whose algorithm it shares, maker)
    "paths": {
        "dense by pairs, rows": ("cg", ours(forms.cg_dense_rows)),
        "dense by pairs, lanes": ("cg", ours(forms.cg_dense_lanes)),
        **SPARSE,
        "e3nn": ("cg", torch_form(functools.partial(e3nn_form, "eager"))),
        "e3nn scripted": ("cg", torch_form(functools.partial(e3nn_form, "script"))),
        "e3nn-jax": ("cg", E3nnJax),
    },
    "gaunt": {
        "dense, rows": ("cg", ours(forms.tensor_dense_rows)),
        "dense, lanes": ("cg", ours(forms.tensor_dense_lanes)),
        **SPARSE,
        "grid, one matrix": ("grid", ours(forms.grid_one_matrix)),
        "grid, separable": ("grid", ours(forms.grid_separable)),
        "grid, order by order": ("grid", ours(forms.grid_by_order)),
        "2-D Fourier": ("gaunt", ours(forms.fourier)),
        "2-D Fourier, torch": ("gaunt", torch_form(fourier_torch)),
    },
    "matrix": {
        "dense, rows": ("cg", ours(forms.tensor_dense_rows)),
        "dense, lanes": ("cg", ours(forms.tensor_dense_lanes)),
        "matrix, rows": ("matrix", ours(forms.matrix_rows)),
        "matrix, lanes": ("matrix", ours(forms.matrix_lanes)),
        "e3x": ("matrix", E3x),
    },
}


def rivals(case):
    """{name: (method, maker)}, e3tp's methods first."""
    methods = e3tp.methods("tensor_product" if case.op == "paths" else case.op)
    return {f"e3tp {m}": (m, functools.partial(E3tp, m)) for m in methods} | PEERS[case.op]
