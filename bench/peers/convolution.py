#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times e3tp.Convolution and its peers on the same layers in one process: bench/out/peers.jsonl, and a table.

A peer gathers features of senders, multiplies by its own product and sums messages over receivers, by torch's
index_add or JAX's sorted segment_sum; what compiles sees all three. Harmonics and weights of each edge are there. Else
as compare.py.
"""

import sys

import compare


def classes():
    """After the process is confined."""
    import numpy as np
    import rivals as r

    import e3tp

    class E3tp:
        def __init__(self, work, data, threads):
            self.graph = e3tp.Graph(*work.edges(), len(data["x"]))
            self.conv = e3tp.Convolution(work.in1, work.in2, work.out, work.instructions, threads=threads)
            self.data, self.out = data, {}
            self.run = {"fwd": self.forward, "bwd": self.backward}
            self.backward()  # whose results are the memory that later calls write to

        def results(self, found):
            return found

        def forward(self):
            x, y, w = (self.data[k] for k in "xyw")
            self.out["z"] = self.conv(self.graph, x, y, w, out=self.out.get("z"))
            return (self.out["z"],)

        def backward(self):
            x, y, w, gz = (self.data[k] for k in ("x", "y", "w", "gz"))
            z = self.forward()
            self.out["g"] = self.conv.backward(self.graph, x, y, w, gz, out=self.out.get("g"))
            return (*z, *self.out["g"])

    class InTorch:
        def __init__(self, work, data, threads):
            import torch

            self.receivers, self.senders = (torch.from_numpy(np.ascontiguousarray(e)) for e in work.edges())
            self.nodes = len(data["x"])
            super().__init__(work, data, threads)
            self.run.pop("dbl", None)

        def around(self, product):
            receivers, senders, nodes = self.receivers, self.senders, self.nodes

            def layer(x, y, w):
                messages = product(x[senders], y, w)
                return messages.new_zeros(nodes, messages.shape[1]).index_add(0, receivers, messages)

            return layer

    class E3nnJax(r.E3nnJax):
        def around(self, product, work):
            import jax

            receivers, senders = (jax.numpy.asarray(e) for e in work.edges())
            nodes = work.rows_of("x")

            def layer(x, y, w):
                return jax.ops.segment_sum(product(x[senders], y, w), receivers, nodes, indices_are_sorted=True)

            return layer

    own = {"e3tp": E3tp, "e3nn-jax": E3nnJax}
    return {name: own.get(name) or type(name, (InTorch, peer), {}) for name, peer in r.RIVALS.items()}


def main():
    options = compare.arguments(__doc__)
    compare.confine(options.threads)
    import workloads as w

    compare.run(options, "layers", w.layers(), classes(), ("fwd", "bwd"), "conv-peer", "pass")


if __name__ == "__main__":
    sys.exit(main())
