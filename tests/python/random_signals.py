# SPDX-License-Identifier: MIT
"""Random products of signals."""

import e3tp
import numpy as np
from random_products import CHANNELS, LAYOUTS, ROWS, TOLERANCE, close, usable


def signals(draw):
    """(kind, degrees, options) of a SignalProduct."""
    kind = draw.one(("gaunt", "gaunt", "gaunt", "bracket", "complete", "matrix", "vector"))
    most = 2 if kind == "vector" else draw.one((1, 2, 2, 3, 4, 5))

    def degrees():
        if draw.chance(0.6):
            return draw.integer(0, most)
        if draw.chance(0.05):
            return []
        return sorted({draw.integer(0, most) for _ in range(draw.integer(1, 3))})

    options = dict(
        channels=draw.one(CHANNELS[:19]),
        weights=draw.one((None, None, "shared", "row")),
        layout=draw.one(LAYOUTS),
        isa=draw.one(usable()),
        threads=draw.one((1, 2)),
    )
    if options["weights"] and draw.chance(0.4):
        options |= dict(rank=draw.integer(2, 3), common_output=draw.chance(0.5))
    if draw.chance(0.2) and options["weights"] is None:
        options["y_channels"] = 1
    if draw.chance(0.2) and kind != "vector":
        options["y_zonal"] = True
    return kind, (degrees(), degrees(), degrees()), options


class Signal:
    """A product of signals by each method that serves it, forward by definition, derivatives by slopes along
    random directions: the map is linear in each operand."""

    def __init__(self, draw):
        self.draw = draw
        self.kind, self.arguments, self.options = signals(draw)
        self.dtype = draw.one((np.float32, np.float64))
        self.rows = draw.one(ROWS[:14])

    def __str__(self):
        return f"{self.kind}, {self.arguments}, {self.options}, {self.dtype.__name__}, {self.rows} rows"

    def run(self):
        tried = 0
        for method in e3tp.methods(self.kind):
            try:
                p = e3tp.SignalProduct(self.kind, *self.arguments, dtype=self.dtype, method=method, **self.options)
            except e3tp.Unsupported:
                continue
            with p:
                self.check(p)
            tried += 1
        assert tried, "no method serves it"

    def shapes(self, p):
        lead = (self.rows,)
        shapes = {"x": lead + (p.irreps_in1.dim,), "y": lead + (p.irreps_in2.dim,), "z": lead + (p.irreps_out.dim,)}
        if self.options["layout"] == "batch_last":
            shapes = {k: shape[::-1] for k, shape in shapes.items()}
        if p.weights:
            front = lead if p.weights == "row" else ()
            shapes |= {letter: front + shape for letter, shape, _ in p._parts}
        return shapes

    def exact(self, p, given):
        """The definition, of arrays as the call takes them."""
        layout, C = self.options["layout"], p.channels

        def parts(a, irreps):
            a = a.T if layout == "batch_last" else a
            for place, (mul, ir) in zip(irreps.slices(), irreps):
                block = a[:, place]
                turned = layout != "mul_ir"
                yield (
                    block.reshape(len(a), ir.dim, mul).swapaxes(1, 2) if turned else block.reshape(len(a), mul, ir.dim)
                )

        xs, ys = list(parts(given["x"], p.irreps_in1)), list(parts(given["y"], p.irreps_in2))
        degrees = [ir.l for _, ir in p.irreps_in2]
        if self.options.get("y_zonal"):
            degrees = self.arguments[1] if isinstance(self.arguments[1], list) else range(self.arguments[1] + 1)
            ys = [np.pad(y, ((0, 0), (0, 0), (l, l))) for y, l in zip(ys, degrees)]
        ones = {"a": np.ones((1, 1, len(xs), C)), "b": np.ones((1, 1, len(ys), C))}
        ones["c"] = np.ones((1, 1, len(p.irreps_out), C))
        factors = {}
        for letter, one in ones.items():
            f = given.get(letter, one)
            if letter in given:
                f = f if p.weights == "row" else f[None]
                f = f if f.ndim == 4 else f[:, None]
            factors[letter] = f
        out = []
        for k, (_, ir) in enumerate(p.irreps_out):
            z = np.zeros((self.rows, C, ir.dim))
            for i, j in np.argwhere(p.kappa[:, :, k]):
                w = np.einsum(
                    "zrc,zrc,zrc->zc",
                    *np.broadcast_arrays(factors["a"][:, :, i], factors["b"][:, :, j], factors["c"][:, :, k]),
                )
                W = e3tp.wigner_3j(p.irreps_in1[i].ir.l, degrees[j], ir.l)
                y = np.broadcast_to(ys[j], (self.rows, C, ys[j].shape[2]))
                z += p.kappa[i, j, k] * w[..., None] * np.einsum("zci,zcj,ijk->zck", xs[i], y, W)
            out.append((z if layout == "mul_ir" else z.swapaxes(1, 2)).reshape(self.rows, -1))
        z = np.concatenate(out or [np.zeros((self.rows, 0))], axis=1)
        return np.ascontiguousarray(z.T) if layout == "batch_last" else z

    def check(self, p):
        draw, shapes = self.draw, self.shapes(p)
        letters = [k for k in p._letters]
        given = {k: draw.array(shapes[k], self.dtype) for k in letters}
        tangents = {k: draw.array(shapes[k], self.dtype) for k in letters}
        gz = draw.array(shapes["z"], self.dtype)
        exact = {k: a.astype(np.float64) for k, a in given.items()}
        along = {k: a.astype(np.float64) for k, a in tangents.items()}
        out = draw.place(shapes["z"], self.dtype)
        where = f"{p.method}, "
        close(where + "z", p(*given.values(), out=out), self.exact(p, exact), self.dtype)
        outs = tuple(draw.place(shapes[k], self.dtype) for k in letters)
        found = p.backward(*given.values(), gz, out=outs)
        changes = {k: self.exact(p, {**exact, k: along[k]}) for k in letters}
        for k, g in zip(letters, found):
            self.slope(where + f"g{k}", np.vdot(gz, changes[k]), g, along[k])
        present = {k: tangents[k] if draw.chance(0.8) else None for k in letters}
        dz = sum((changes[k] for k in letters if present[k] is not None), np.zeros(gz.shape))
        close(where + "dz", p.jvp(*given.values(), *present.values()), dz, self.dtype)
        outs = tuple(draw.place(shapes[k], self.dtype) for k in [*letters, "z"])
        *found, hz = p.double_backward(*given.values(), gz, *present.values(), out=outs)
        close(where + "hz", hz, dz, self.dtype)
        for k, h in zip(letters, found):
            d = draw.rng.standard_normal(shapes[k])
            moved = (self.exact(p, {**exact, k: d, n: along[n]}) for n in letters if n != k and present[n] is not None)
            self.slope(where + f"h{k}", sum(np.vdot(gz, m) for m in moved), h, d)

    def slope(self, name, want, gradient, direction):
        assert not np.isnan(gradient).any(), f"{name}: not written"
        scale = np.linalg.norm(gradient) * np.linalg.norm(direction) + 1e-3
        error = abs(np.vdot(gradient.astype(np.float64), direction) - want) / scale
        assert error < TOLERANCE[self.dtype], f"{name}: slope off by {error:.2g}"
