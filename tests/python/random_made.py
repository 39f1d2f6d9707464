# SPDX-License-Identifier: MIT
"""Random convolutions that make their weights of radial functions."""

import e3tp
import numpy as np
from random_products import LAYOUTS, ROWS, close, usable
from random_rows import FORMS


class Made:
    """A convolution that makes weights too, of a radial function: one in double precision, by the general form, is
    checked by differences, and another of any precision, tier, form and number of threads against it."""

    def __init__(self, draw, lmax, made):
        self.draw, self.lmax, self.made = draw, lmax, made
        self.layer, self.typed = draw.one(("spline", "basis", "layer")), draw.chance(0.5)
        self.rows, nodes, types = draw.one(ROWS) * draw.one((1, 3)), draw.integer(1, 14), draw.integer(1, 4)
        senders = nodes + draw.integer(0, 5)
        self.graph = e3tp.Graph(
            draw.rng.integers(0, nodes, self.rows), draw.rng.integers(0, senders, self.rows), nodes, senders
        )
        of_type = draw.rng.integers(0, types, self.rows)
        self.options = {
            "x_at": draw.one(("sender", "sender", "receiver", "edge", "shared")),
            "out_at": draw.one(("receiver", "receiver", "edge")),
            "scale": draw.one((1.0, -2.0)),
        }
        self.more = {"edge_type": of_type} if self.typed else {}
        self.layout = [draw.one(LAYOUTS[:2]) for _ in range(3)]
        count = {"sender": senders, "receiver": nodes, "edge": self.rows, "shared": None}
        self.count = {"x": count[self.options["x_at"]], "z": count[self.options["out_at"]]}
        self.dtype = draw.one((np.float32, np.float64))
        self.form = draw.one(FORMS)
        own = {"isa": draw.one(usable()), "threads": draw.one((1, 2, 3)), "batch_hint": draw.one((None, 1, 1000))}
        with self.product(np.float64) as tp:
            if not tp.weight_numel:
                raise e3tp.Unsupported("no weights to make")
            self.width = tp.weight_numel
            sizes = {"x": tp.irreps_in1.dim, "z": tp.irreps_out.dim}
        shape = (types,) * self.typed + (draw.integer(3, 12), self.width)
        self.values = draw.rng.standard_normal(shape) * 0.5
        vectors = draw.rng.standard_normal((self.rows, 3))
        vectors *= draw.rng.uniform(0.4, 2.9, (self.rows, 1)) / np.linalg.norm(vectors, axis=1, keepdims=True)
        self.point = {"x": self.array("x", sizes["x"]), "vectors": vectors}
        if self.layer == "layer":
            self.point["w"] = draw.rng.standard_normal((self.rows, shape[-2]))
        self.gz = self.array("z", sizes["z"])
        self.reference = self.convolution(np.float64, "general", isa="generic", threads=1)
        self.candidate = self.convolution(self.dtype, self.form, **own)
        self.own = own

    def __str__(self):
        return (
            f"{self.made}, {self.layer}, {self.values.shape}, {self.options}, {self.own}, {self.layout}, "
            f"{self.dtype.__name__}, form {self.form}, {self.rows} edges, {self.count}"
        )

    def array(self, slot, width):
        n = self.count[slot]
        return self.draw.rng.standard_normal((width,) if n is None else (n, width))

    def product(self, dtype, **own):
        return e3tp.TensorProduct(*self.made, shared_weights=False, dtype=dtype, layout=tuple(self.layout), **own)

    def convolution(self, dtype, form, **own):
        values = self.values.astype(dtype)
        make = {
            "spline": lambda: e3tp.Spline(3.0, values),
            "basis": lambda: e3tp.LinearBasis(values, 3.0),
            "layer": lambda: e3tp.LastLayer(values),
        }
        product = self.product(dtype, **own)
        return e3tp.SHConvolution(product, self.lmax, radial=make[self.layer](), form=form, **self.options)

    def directions(self):
        d = {name: self.draw.rng.standard_normal(a.shape) for name, a in self.point.items()}
        return d | {"radial": self.draw.rng.standard_normal(self.values.shape)}

    def set_values(self, conv, values):
        if self.layer == "spline":
            conv.radial.set_values(values.astype(conv.dtype))
        else:
            conv.radial.matrix[...] = values

    def passes(self, conv, gz, gg, point, values, needs=None, nan=False):
        """z, gradients, dz and second gradients, gg: tangents that are there."""
        self.set_values(conv, values)
        cast = {name: self.laid(a, conv.dtype, nan) for name, a in (point | {"gz": gz}).items()}
        arrays = [cast[name] for name in point]
        tangents = {name: self.laid(a, conv.dtype, nan) for name, a in gg.items()}
        shapes = {**{n: a.shape for n, a in cast.items()}, "radial": values.shape}
        fields = conv._gradients._fields

        def outs(names):
            return tuple(self.draw.place(shapes[n], conv.dtype) for n in names) if nan else None

        z = conv(self.graph, *arrays, **self.more, out=outs(["gz"])[0] if nan else None)
        first = conv.backward(self.graph, *arrays, cast["gz"], **self.more, needs=needs, out=outs(fields))
        dz = conv.jvp(self.graph, *arrays, **{f"d{n}": a for n, a in tangents.items()}, **self.more)
        second = conv.double_backward(
            self.graph,
            *arrays,
            cast["gz"],
            **{f"gg{n}": a for n, a in tangents.items()},
            **self.more,
            needs=needs,
            out=outs([*fields, "gz"]),
        )
        return (
            {"z": z, "dz": dz}
            | {f"g {n}": g for n, g in first._asdict().items()}
            | {f"h {n}": h for n, h in second._asdict().items()}
        )

    def laid(self, a, dtype, anywhere):
        return self.draw.put(a, dtype) if anywhere else np.ascontiguousarray(a, dtype)

    def run(self):
        draw = self.draw
        t, d = self.directions(), self.directions()
        exact = self.passes(self.reference, self.gz, t, self.point, self.values)
        dgz, step = draw.rng.standard_normal(self.gz.shape), 1e-5

        def moved(sign):
            at = {n: a + sign * step * d[n] for n, a in self.point.items()}
            return self.passes(
                self.reference, self.gz + sign * step * dgz, {}, at, self.values + sign * step * d["radial"]
            )

        up, down = moved(1), moved(-1)
        slope = (np.vdot(self.gz, up["z"]) - np.vdot(self.gz, down["z"])) / (2 * step)
        self.agree("z", slope, [(exact[f"g {n}"], d[n]) for n in d])
        paired = [sum(np.vdot(t[n], p[f"g {n}"]) for n in d) for p in (up, down)]
        self.agree(
            "g", (paired[0] - paired[1]) / (2 * step), [(exact[f"h {n}"], d[n]) for n in d] + [(exact["h gz"], dgz)]
        )
        present = {n: a for n, a in t.items() if draw.chance(0.8)}
        needs = [n for n in d if draw.chance(0.8)] or ["x"]
        exact = self.passes(self.reference, self.gz, present, self.point, self.values)
        got = self.passes(self.candidate, self.gz, present, self.point, self.values, needs, True)
        for name, g in got.items():
            if g is None:
                assert name[2:] not in needs, f"{name} is missing"
                continue
            whole = name[2:] if name[0] in "gh" else "z"
            least = max(np.abs(e).max(initial=0) for n, e in exact.items() if e is not None and n[:1] == name[:1])
            close(name, g, exact[name], self.dtype, least if whole != "z" else 1)

    def agree(self, name, slope, pairs):
        size = sum(np.linalg.norm(a) * np.linalg.norm(b) for a, b in pairs) + 1e-3
        error = abs(sum(np.vdot(a, b) for a, b in pairs) - slope) / size
        assert error < 1e-5, f"differences of {name}: off by {error:.2g}"
