# SPDX-License-Identifier: MIT
"""Random products of signals, and powers of one."""

import e3tp
import numpy as np
from random_products import CHANNELS, LAYOUTS, ROWS, TOLERANCE, close, usable


QUADRATURES = ("gauss-legendre", "equiangular")


def one_or_each(draw, n):
    """A layout for all operands, or one for each."""
    return draw.one(LAYOUTS) if draw.chance(0.6) else tuple(draw.one(LAYOUTS) for _ in range(n))


def list_of_degrees(draw, most):
    if draw.chance(0.6) and most <= 5:
        return draw.integer(0, most)
    if draw.chance(0.05):
        return []
    return sorted({draw.integer(0, most) for _ in range(draw.integer(1, 3))})


def top(degrees):
    return degrees if isinstance(degrees, int) else max(degrees, default=0)


def given_grid(draw, factors, out):
    """Samples that are enough, and perhaps some more."""
    rule = draw.one(QUADRATURES)
    n_theta, n_phi = e3tp.grid_size([top(l) for l in factors], top(out), rule)
    return dict(grid=(n_theta + draw.integer(0, 2), n_phi + draw.integer(0, 3)), quadrature=rule)


def own_options(draw, kind, degrees):
    """Those of a kind, and samples."""
    options = {}
    if kind == "matrix" and draw.chance(0.5):
        least = (max(map(top, degrees)) + 1) // 2
        options["spin"] = draw.one(("full", least, least + 1, least + 3))
    if kind == "vector":
        options["product"] = draw.one(("cross", "dot"))
        kept = [draw.one((None, (-1,), (0,), (1,), (-1, 1), (0, 1))) for _ in range(3)]
        if draw.chance(0.6):
            options["types"] = kept[:2] + ([None] if options["product"] == "dot" else kept[2:])
    if draw.chance(0.3) and kind != "matrix":
        options |= given_grid(draw, degrees[:2], degrees[2])
    return options


def signals(draw):
    """(kind, degrees, options) of a SignalProduct."""
    kind = draw.one(("gaunt", "gaunt", "gaunt", "bracket", "complete", "matrix", "vector"))
    most = draw.one((1, 2, 2, 3)) if kind == "vector" else draw.one((1, 2, 2, 3, 4, 5, 8))
    degrees = tuple(list_of_degrees(draw, most) for _ in range(3))
    options = dict(
        channels=draw.one(CHANNELS[: 19 if most <= 5 else 11]),
        weights=draw.one((None, None, "shared", "row")),
        layout=one_or_each(draw, 3),
        isa=draw.one(usable()),
        threads=draw.one((1, 2)),
    )
    if options["weights"] and draw.chance(0.4):
        options |= dict(rank=draw.integer(2, 3), common_output=draw.chance(0.5))
    if draw.chance(0.2) and options["weights"] is None:
        options["y_channels"] = 1
    if draw.chance(0.2) and kind != "vector":
        options["y_zonal"] = True
    return kind, degrees, options | own_options(draw, kind, degrees)


def blocks(a, irreps, layout):
    """Of a call's array, (batch, mul, 2l+1) for each irrep."""
    a = a.T if layout == "batch_last" else a
    for place, (mul, ir) in zip(irreps.slices(), irreps):
        block = a[:, place]
        if layout == "mul_ir":
            yield block.reshape(len(a), mul, ir.dim)
        else:
            yield block.reshape(len(a), ir.dim, mul).swapaxes(1, 2)


def joined(parts, layout, rows):
    """Back."""
    parts = [(z if layout == "mul_ir" else z.swapaxes(1, 2)).reshape(rows, -1) for z in parts]
    a = np.concatenate(parts or [np.zeros((rows, 0))], axis=1)
    return np.ascontiguousarray(a.T) if layout == "batch_last" else a


class Signal:
    """A product of signals by each method that serves it, forward by definition, derivatives by slopes along
    random directions: the map is linear in each operand."""

    def __init__(self, draw):
        self.draw = draw
        self.choose()
        self.dtype = draw.one((np.float32, np.float64))
        high = max(map(top, self.arguments[:3])) > 5
        self.rows = draw.one(ROWS[: 6 if high else 14])
        layout = self.options["layout"]
        self.layouts = (layout,) * 3 if isinstance(layout, str) else (layout[0], layout[-2], layout[-1])

    def choose(self):
        self.kind, self.arguments, self.options = signals(self.draw)

    def __str__(self):
        return f"{self.kind}, {self.arguments}, {self.options}, {self.dtype.__name__}, {self.rows} rows"

    def plan(self, method):
        return e3tp.SignalProduct(self.kind, *self.arguments, dtype=self.dtype, method=method, **self.options)

    def run(self):
        tried = 0
        for method in e3tp.methods(self.kind):
            try:
                p = self.plan(method)
            except e3tp.Unsupported:
                continue
            with p:
                self.check(p)
            tried += 1
        assert tried, "no method serves it"

    def shapes(self, p):
        rows = (self.rows,)
        shapes = {"x": rows + (p.irreps_in1.dim,), "y": rows + (p.irreps_in2.dim,), "z": rows + (p.irreps_out.dim,)}
        shapes = {k: a if layout != "batch_last" else a[::-1] for (k, a), layout in zip(shapes.items(), self.layouts)}
        if p.weights:
            shapes |= {letter: rows * (p.weights == "row") + shape for letter, shape, _ in p._parts}
        return shapes

    def exact(self, p, given):
        """The definition, of arrays as the call takes them."""
        C = p.channels
        xs, ys = (
            list(blocks(given[k], irreps, layout))
            for k, irreps, layout in zip("xy", (p.irreps_in1, p.irreps_in2), self.layouts)
        )
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
            out.append(z)
        return joined(out, self.layouts[2], self.rows)

    def change(self, p, at, *moves):
        """Of z along directions of operands, (letter, direction) each."""
        along = dict(moves)
        return self.exact(p, {**at, **along}) if len(along) == len(moves) else 0.0

    def size(self, p, given):
        """What rounding is of where results are less."""
        return 1e-3

    def letters(self, p):
        """Operands, those that a call leaves out as None."""
        return list(p._letters)

    def check(self, p):
        draw, shapes, slots = self.draw, self.shapes(p), self.letters(p)
        letters = [k for k in slots if k]
        given = {k: draw.array(shapes[k], self.dtype) for k in letters}
        tangents = {k: draw.array(shapes[k], self.dtype) for k in letters}
        gz = draw.array(shapes["z"], self.dtype)
        exact = {k: a.astype(np.float64) for k, a in given.items()}
        along = {k: a.astype(np.float64) for k, a in tangents.items()}
        out = draw.place(shapes["z"], self.dtype)
        where, arrays = f"{p.method}, ", [given.get(k) for k in slots]
        self.least = self.size(p, exact)

        def outs(names):
            return tuple(k and draw.place(shapes[k], self.dtype) for k in names)

        close(where + "z", p(*arrays, out=out), self.exact(p, exact), self.dtype, self.least)
        found = p.backward(*arrays, gz, out=outs(slots))
        changes = {k: self.change(p, exact, (k, along[k])) for k in letters}
        for k, g in zip(letters, found):
            self.slope(where + f"g{k}", np.vdot(gz, changes[k]), g, along[k])
        present = [k if draw.chance(0.8) else None for k in slots]
        moved = [tangents.get(k) for k in present]
        dz = sum((changes[k] for k in present if k), np.zeros(gz.shape))
        close(where + "dz", p.jvp(*arrays, *moved), dz, self.dtype, self.least)
        *found, hz = p.double_backward(*arrays, gz, *moved, out=outs([*slots, "z"]))
        close(where + "hz", hz, dz, self.dtype, self.least)
        for k, h in zip(letters, found):
            d = draw.rng.standard_normal(shapes[k])
            bent = (self.change(p, exact, (k, d), (n, along[n])) for n in present if n)
            self.slope(where + f"h{k}", sum(np.vdot(gz, m) for m in bent if np.ndim(m)), h, d)

    def slope(self, name, want, gradient, direction):
        assert not np.isnan(gradient).any(), f"{name}: not written"
        scale = np.linalg.norm(gradient) * np.linalg.norm(direction) + self.least
        error = abs(np.vdot(gradient.astype(np.float64), direction) - want) / scale
        assert error < TOLERANCE[self.dtype], f"{name}: slope off by {error:.2g}"


class Power(Signal):
    """Powers of a function on the sphere: its values at points, and sums over these."""

    kind = "gaunt_power"

    def choose(self):
        draw = self.draw
        power, most = draw.integer(1, 4), draw.one((1, 2, 2, 3, 4, 8))
        lmax, lmax_out = list_of_degrees(draw, most), list_of_degrees(draw, most)
        self.arguments = (lmax, lmax_out)
        self.options = dict(
            power=power,
            channels=draw.one(CHANNELS[:15]),
            weights=draw.one((None, "shared", "row")),
            layout=one_or_each(draw, 2),
            isa=draw.one(usable()),
            threads=draw.one((1, 2)),
        )
        if draw.chance(0.3):
            self.options |= given_grid(draw, [lmax] * power, lmax_out)
        points, weights = e3tp.lebedev(power * top(lmax) + top(lmax_out))
        self.integral = 4 * np.pi * weights
        self.harmonics = [self.at(points, l) for l in (lmax, lmax_out)]

    def at(self, points, degrees):
        """Harmonics of each degree at points."""
        ls = range(degrees + 1) if isinstance(degrees, int) else degrees
        return [e3tp.SphericalHarmonics([l], True, "integral", np.float64)(points) for l in ls]

    def plan(self, method):
        return e3tp.GauntPower(*self.arguments, dtype=self.dtype, method=method, **self.options)

    def letters(self, p):
        return ["x", "w" if p.weights else None]

    def shapes(self, p):
        rows = (self.rows,)
        shapes = {"x": rows + (p.irreps_in.dim,), "z": rows + (p.irreps_out.dim,)}
        shapes = {
            k: shapes[k] if layout != "batch_last" else shapes[k][::-1] for k, layout in zip("xz", self.layouts[::2])
        }
        return shapes | {"w": rows * (p.weights == "row") + (p.power, len(p.irreps_out), p.channels)}

    def values(self, p, x):
        parts = zip(blocks(x, p.irreps_in, self.layouts[0]), self.harmonics[0])
        zero = np.zeros((self.rows, p.channels, len(self.integral)))
        return sum((np.einsum("zci,pi->zcp", b, Y) for b, Y in parts), zero)

    def size(self, p, given):
        """Powers of which degrees are sought that they do not have are large, and the results only rounding."""
        F = np.abs(self.values(p, given["x"]))
        return max(1e-3, *((F**n @ self.integral).max(initial=0) for n in range(p.power + 1)))

    def exact(self, p, given):
        return self.change(p, given)

    def change(self, p, at, *moves):
        """w[n] F^n with n (n-1) .. F^(n-m) in place of F^n for m directions of x."""
        F, turns = self.values(p, at["x"]), [self.values(p, d) for k, d in moves if k == "x"]
        ws = [d for k, d in moves if k == "w"]
        w = ws[0] if ws else at.get("w")
        if w is None:
            w = np.zeros((p.power, len(p.irreps_out), p.channels))
            w[-1] = 1
        if len(ws) > 1:
            w = np.zeros(w.shape)
        w = np.broadcast_to(w, (self.rows, *w.shape[-3:]))
        sums = [np.zeros((self.rows, p.channels, ir.dim)) for _, ir in p.irreps_out]
        for n in range(max(len(turns), 1), p.power + 1):
            m = len(turns)
            f = np.prod(np.arange(n, n - m, -1)) * F ** (n - m) * np.prod(turns, axis=0)
            for k, Y in enumerate(self.harmonics[1]):
                sums[k] += w[:, n - 1, k, :, None] * np.einsum("zcp,p,pi->zci", f, self.integral, Y)
        return joined(sums, self.layouts[2], self.rows)
