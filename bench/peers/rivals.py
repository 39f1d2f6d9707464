# SPDX-License-Identifier: MIT
"""The same product by e3tp and by each peer, behind one interface.

A rival is made from a workload, arrays and threads; run[name]() does the work of a pass and returns what
results(what that returned) turns into NumPy arrays in e3nn's order:

    fwd   z
    bwd   z, then gx, gy, gw
    dbl   z, gx, gy, gw, then hx, hy, hw, hz of sum(ggx gx + ggy gy + ggw gw): a step of training on forces

A pass includes those before it, as a user's step does. UNABLE tells why a rival has no such pass.
"""

import os

import numpy as np

import e3tp

PASSES = ("fwd", "bwd", "dbl")


class E3tp:
    def __init__(self, work, data, threads):
        self.tp = e3tp.TensorProduct(
            work.in1,
            work.in2,
            work.out,
            work.instructions,
            shared_weights=work.shared,
            batch_hint=work.rows,
            threads=threads,
        )
        self.data = data
        self.out = {}
        self.run = {"fwd": self.forward, "bwd": self.backward, "dbl": self.double}
        self.double()  # whose results are the memory that later calls write to

    def results(self, found):
        return found

    def forward(self):
        x, y, w = (self.data[k] for k in "xyw")
        self.out["z"] = self.tp(x, y, w, out=self.out.get("z"))
        return (self.out["z"],)

    def backward(self):
        x, y, w, gz = (self.data[k] for k in ("x", "y", "w", "gz"))
        z = self.forward()
        self.out["g"] = self.tp.backward(x, y, w, gz, out=self.out.get("g"))
        return (*z, *self.out["g"])

    def double(self):
        first = self.backward()
        given = (self.data[k] for k in ("x", "y", "w", "gz", "ggx", "ggy", "ggw"))
        self.out["h"] = self.tp.double_backward(*given, out=self.out.get("h"))
        return (*first, *self.out["h"])


class Torch:
    """What all that run on torch share: its autograd. product(x, y, w), by around(), is the subclass's."""

    def __init__(self, work, data, threads):
        import torch

        torch.set_num_threads(threads)
        self.torch, self.work = torch, work
        self.data = {k: torch.from_numpy(self.inward(k, v).copy()) for k, v in data.items()}
        self.leaves = [self.data[k].requires_grad_() for k in ("x", "y", "w")]
        self.data["gz"].requires_grad_()
        self.run = {"fwd": self.forward, "bwd": self.backward, "dbl": self.double}

    def around(self, product):
        return product

    def inward(self, name, array):
        return array

    def outward(self, name, array):
        return array

    def results(self, found):
        names = ("z", "gx", "gy", "gw", "hx", "hy", "hw", "hz")
        return tuple(self.outward(n, t.detach().numpy()) for n, t in zip(names, found))

    def forward(self):
        with self.torch.no_grad():
            return (self.product(*self.leaves),)

    def backward(self):
        z = self.product(*self.leaves)
        return (z, *self.torch.autograd.grad(z, self.leaves, self.data["gz"]))

    def double(self):
        d, grad = self.data, self.torch.autograd.grad
        z = self.product(*self.leaves)
        first = grad(z, self.leaves, d["gz"], create_graph=True)
        directions = [d[k] for k in ("ggx", "ggy", "ggw")]
        return (z, *first, *grad(first, [*self.leaves, d["gz"]], directions))


class E3nn(Torch):
    mode = "eager"

    def __init__(self, work, data, threads):
        import e3nn
        from e3nn import o3

        super().__init__(work, data, threads)
        e3nn.set_optimization_defaults(jit_mode=self.mode)
        self.product = self.around(
            o3.TensorProduct(
                str(work.in1),
                str(work.in2),
                str(work.out),
                work.instructions,
                shared_weights=work.shared,
                internal_weights=False,
            )
        )


class E3nnScripted(E3nn):
    mode = "script"


class E3nnCompiled(E3nn):
    UNABLE = {"dbl": "torch.compile has no gradients of gradients"}

    def __init__(self, work, data, threads):
        super().__init__(work, data, threads)
        del self.run["dbl"]
        self.torch._dynamo.reset()
        self.product = self.torch.compile(self.product, fullgraph=True, dynamic=False)


class CuEquivariance(Torch):
    """Its segmented polynomials by the method for CPUs. It keeps ir_mul: conversions are not timed."""

    def __init__(self, work, data, threads):
        import cuequivariance as cue
        import cuequivariance_torch as cuet

        super().__init__(work, data, threads)
        polynomial = cue.SegmentedPolynomial.eval_last_operand(self.described(cue, work))
        module = cuet.SegmentedPolynomial(polynomial, method="naive")
        self.product = self.around(lambda x, y, w: module([w if w.dim() == 2 else w[None], x, y])[0])

    def described(self, cue, work):
        """The paths as it has them, with e3nn's coefficients."""
        mode = work.instructions[0][3]
        stp = cue.SegmentedTensorProduct.from_subscripts({"uvu": "u,iu,j,ku+ijk", "uvw": "uw,iu,j,kw+ijk"}[mode])
        for operand, irreps in ((1, work.in1), (2, work.in2), (3, work.out)):
            for mul, ir in irreps:
                stp.add_segment(operand, (ir.dim,) if operand == 2 else (ir.dim, mul))
        made = e3tp.TensorProduct(work.in1, work.in2, work.out, work.instructions)
        for i in made.instructions:
            (u, one), (_, two), (w, out) = work.in1[i.i_in1], work.in2[i.i_in2], work.out[i.i_out]
            segment = stp.add_segment(0, (u,) if mode == "uvu" else (u, w))
            coefficients = i.path_weight * e3tp.wigner_3j(one.l, two.l, out.l)
            stp.add_path(segment, i.i_in1, i.i_in2, i.i_out, c=coefficients)
        return stp

    def inward(self, name, array):
        return self.turned(name, array, to_mul_ir=False)

    def outward(self, name, array):
        return self.turned(name, array, to_mul_ir=True)

    def turned(self, name, array, to_mul_ir):
        """y has one channel, w no components: both are the same in either layout."""
        irreps = {"x": self.work.in1, "z": self.work.out}.get(name[-1])
        return array if irreps is None else swapped(array, irreps, to_mul_ir)


def swapped(array, irreps, to_mul_ir):
    """Rows in the other layout of channels and components."""
    parts = []
    for (mul, ir), where in zip(irreps, irreps.slices()):
        shape = (-1, ir.dim, mul) if to_mul_ir else (-1, mul, ir.dim)
        parts.append(array[:, where].reshape(shape).swapaxes(1, 2).reshape(len(array), -1))
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


class E3nnJax:
    """Compiled by XLA; its threads are those of the process's CPUs."""

    def __init__(self, work, data, threads):
        import e3nn_jax
        import jax
        from e3nn_jax.legacy import FunctionalTensorProduct

        assert len(os.sched_getaffinity(0)) == threads
        self.jax = jax
        self.data = {k: jax.numpy.asarray(v) for k, v in data.items()}
        irreps = [e3nn_jax.Irreps(str(i)) for i in (work.in1, work.in2, work.out)]
        tp = FunctionalTensorProduct(
            *irreps, work.instructions, irrep_normalization="component", path_normalization="element"
        )

        def row(x, y, w):
            x, y = (e3nn_jax.IrrepsArray(i, a) for i, a in zip(irreps, (x, y)))
            return tp.left_right(w, x, y).array

        product = self.around(jax.vmap(row, (0, 0, None if work.shared else 0)), work)

        def backward(x, y, w, gz):
            z, pull = jax.vjp(product, x, y, w)
            return (z, *pull(gz))

        def double(x, y, w, gz, *directions):
            first, pull = jax.vjp(backward, x, y, w, gz)
            return (*first, *pull((jax.numpy.zeros_like(first[0]), *directions)))

        compiled = {"fwd": lambda x, y, w: (product(x, y, w),), "bwd": backward, "dbl": double}
        given = {"fwd": "x y w", "bwd": "x y w gz", "dbl": "x y w gz ggx ggy ggw"}
        self.run = {k: self.bound(jax.jit(f), given[k].split()) for k, f in compiled.items()}

    def around(self, product, work):
        return product

    def bound(self, function, names):
        given = [self.data[n] for n in names]
        return lambda: self.jax.block_until_ready(function(*given))

    def results(self, found):
        return tuple(np.asarray(a) for a in found)


RIVALS = {
    "e3tp": E3tp,
    "e3nn": E3nn,
    "e3nn scripted": E3nnScripted,
    "e3nn compiled": E3nnCompiled,
    "e3nn-jax": E3nnJax,
    "cuEquivariance": CuEquivariance,
}
