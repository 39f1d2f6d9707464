# SPDX-License-Identifier: MIT
"""Random products of rows and convolutions, every pass against the definition in float64."""

import e3tp
import numpy as np
from random_products import LAYOUTS, ROWS, close, normalisations, usable
from support import gradients, product, relaid

FORMS = ("general", "rotated", "auto")
NAMES = {"x": "x", "v": "vectors", "w": "w", "gz": "gz"}
MOST = 400_000  # elements of all operands
OLD_TOP = 11  # the largest degree that has coefficients by the old convention of signs


class Problem:
    """A product of rows, and where rows of its operands are stored: what a TensorProduct and a Convolution share.

    op, head, more   the callable, what comes before x, and keywords, in every pass
    at, stored       slot -> the stored row of each row of the product; how many are stored, None: one, without an axis
    scale            of z
    exact            name -> float64, mul_ir, a row for each of the product's
    arrays           name -> what the passes take
    """

    def __init__(self, draw, made):
        self.draw, self.made, self.scale, self.half = draw, made, 1.0, False
        self.dtype = draw.one((np.float32, np.float32, np.float64))
        self.by_path = draw.chance(0.2)
        self.options = dict(
            dtype=self.dtype,
            weights="path" if self.by_path else "channel",
            isa=draw.one(usable()),
            method=draw.one(("auto", "auto", "auto", "cg", "grid")),
            threads=draw.one((1, 1, 2, 3)),
            batch_hint=draw.one((None, None, 1, 8, 1000)),
            sign=draw.one(("e3nn>=0.5", "e3nn>=0.5", "e3nn<=0.4.4")),
        )
        if any(ir.l > OLD_TOP for irreps in made[:3] for _, ir in e3tp.Irreps(irreps)):
            self.options["sign"] = "e3nn>=0.5"
        if draw.chance(0.3):
            self.options |= normalisations(draw, made)

    def __str__(self):
        return f"{self.made}, {self.options}, {self.rows} rows, {self.stored} stored, {self.more}"

    def choose_layouts(self, layouts):
        draw = self.draw
        self.layouts = [draw.one(layouts)] * 3 if draw.chance(0.7) else [draw.one(layouts) for _ in range(3)]
        self.options["layout"] = tuple(self.layouts)

    def choose_rows(self, tp):
        """The irreps and the expansion of weights by path, and how many rows keep the problem small."""
        counts = [n for n in (int(np.prod(i.path_shape)) for i in tp.instructions if i.has_weight) if n]
        self.of = np.repeat(np.arange(len(counts)), counts) if self.by_path else np.arange(sum(counts))
        self.tp, self.irreps = tp, {"x": tp.irreps_in1, "y": tp.irreps_in2, "z": tp.irreps_out}
        largest = sum(i.dim for i in self.irreps.values()) + len(self.of)
        high = any(ir.l > 5 for irreps in self.irreps.values() for _, ir in irreps)
        self.rows = self.draw.one([n for n in ROWS[: 6 if high else None] if n * largest <= MOST] or [1])

    def make_arrays(self):
        self.exact, self.arrays = {}, {}
        for name in ("x", "y", "w", "gz", "ggx", "ggy", "ggw"):
            self.make(name)
        self.exact["gz"] = self.scale * self.exact["gz"]

    def make(self, name):
        slot, draw = name[-1], self.draw
        width = self.tp.weight_numel if slot == "w" else self.irreps[slot].dim
        if not width and slot == "w":
            self.arrays[name] = self.exact[name] = None
            return
        rows = draw.rng.standard_normal((1 if self.stored[slot] is None else self.stored[slot], width))
        rows = rows.astype(self.dtype)
        if name == "w" and self.half:
            bits = rows.view(np.uint32) >> 16
            rows = (bits << 16).view(np.float32)
            self.arrays[name] = bits.astype(np.uint16)
            if self.stored[slot] is None:
                self.arrays[name] = self.arrays[name][0]
        else:
            self.arrays[name] = self.lay(slot, rows)
        self.exact[name] = self.turned(slot, rows.astype(np.float64)[self.at[slot]])

    def turned(self, slot, rows):
        """Rows of y as those of the opposite vector where an edge is reversed, and back."""
        reversed = self.more.get("reversed")
        if slot != "y" or reversed is None:
            return rows
        signs = [(-1) ** ir.l for mul, ir in self.irreps["y"] for _ in range(mul * ir.dim)]
        return np.where(reversed[:, None], signs, 1) * rows

    def lay(self, slot, rows):
        """Stored rows in mul_ir -> an array of the call, wherever memory begins."""
        layout = "mul_ir" if slot == "w" else self.layouts["xyz".index(slot)]
        laid = rows if slot == "w" else relaid(rows, self.irreps[slot], layout)
        if self.stored[slot] is None:
            laid = laid[:, 0] if layout == "batch_last" else laid[0]
        return self.draw.put(laid, rows.dtype)

    def wanted(self, slot, rows):
        """What the call makes of something for each row of the product."""
        if slot == "w" and self.by_path:
            rows = np.stack([rows[..., self.of == k].sum(axis=-1) for k in range(self.tp.weight_numel)], axis=-1)
        out = np.zeros((1 if self.stored[slot] is None else self.stored[slot], rows.shape[1]))
        np.add.at(out, self.at[slot], self.turned(slot, rows))
        return self.lay(slot, out)

    def expanded(self, w):
        return None if w is None else w[..., self.of]

    def value(self, x, y, w, bare=1.0):
        return self.scale * product(self.tp, x, y, self.expanded(w), bare, self.options["sign"])

    def gradients(self, x, y, w, gz, bare=1.0):
        return gradients(self.tp, x, y, self.expanded(w), gz, bare, self.options["sign"])

    def outs(self, names):
        """Places of NaN for results, or None: the call makes them."""
        shapes = {k: self.arrays[k].shape for k in "xyw" if self.arrays[k] is not None}
        shapes["z"] = self.arrays["gz"].shape
        return tuple(
            self.draw.place(shapes[n], self.dtype) if n in shapes and self.draw.chance(0.7) else None for n in names
        )

    def needs(self, names):
        return [n for n in names if self.draw.chance(0.8)] or [names[0]]

    def check(self, names, got, want, needs, **least):
        for name, g, e in zip(names, got, want):
            if name in needs and e is not None:
                close(name, g, e, self.dtype, least.get(name, 1e-3))
            else:
                assert g is None, f"{name} came back"

    # passes

    def forward(self):
        got = self.op(*self.head, *(self.arrays[k] for k in "xyw"), out=self.outs("z")[0], **self.more)
        close("z", got, self.wanted("z", self.value(*(self.exact[k] for k in "xyw"))), self.dtype)

    def backward(self):
        names, needs = ("x", "y", "w", "gz"), self.needs("xyw")
        got = self.op.backward(
            *self.head, *(self.arrays[k] for k in names), needs=needs, out=self.outs("xyw"), **self.more
        )
        found = self.gradients(*(self.exact[k] for k in names))
        self.check("xyw", got, [None if g is None else self.wanted(k, g) for k, g in zip("xyw", found)], needs)

    def second(self):
        e, names = self.exact, ("x", "y", "w", "gz")
        present = [k for k in "xyw" if self.draw.chance(0.8) and e[k] is not None]
        needs, outs = self.needs(names), self.outs("xywz")
        tangents = {f"gg{k}": self.arrays[f"gg{k}"] for k in present}
        arrays = [self.arrays[k] for k in names]
        got = self.op.double_backward(*self.head, *arrays, **tangents, needs=needs, out=outs, **self.more)
        h = {
            k: None if e[k] is None else np.zeros((self.rows, e[k].shape[1] if k != "w" else len(self.of)))
            for k in "xyw"
        }
        dz = np.zeros(e["gz"].shape)
        for k in present:
            at, bare = {n: e["gg" + n] if n == k else e[n] for n in "xyw"}, 0.0 if k == "w" else 1.0
            dz += self.value(at["x"], at["y"], at["w"], bare)
            for n, g in zip("xyw", self.gradients(at["x"], at["y"], at["w"], e["gz"], bare)):
                if n != k and g is not None:
                    h[n] += g
        want = [None if h[k] is None else self.wanted(k, h[k]) for k in "xyw"] + [self.wanted("z", dz)]
        self.check(names, got, want, needs)
        changes = {f"d{k}": self.arrays[f"gg{k}"] for k in present}
        got = self.op.jvp(*self.head, *arrays[:3], **changes, out=self.outs("z")[0], **self.more)
        close("dz", got, self.wanted("z", dz), self.dtype)

    def run(self):
        self.make_arrays()
        self.forward()
        self.backward()
        self.second()


class Product(Problem):
    """Rows of an array, of which an operand may have one for all; weights shared, by row or of a table."""

    head = ()

    def __init__(self, draw, made):
        super().__init__(draw, made)
        self.choose_layouts(LAYOUTS)
        weights = draw.one(("shared", "row", "row", "table", "one row"))
        self.options["shared_weights"] = weights == "shared"
        self.op = e3tp.TensorProduct(*made, **self.options)
        self.choose_rows(self.op)
        rows, types = self.rows, draw.integer(1, 4)
        own, one = np.arange(rows), np.zeros(rows, int)
        by_row = weights in ("row", "table") and self.op.weight_numel
        single = draw.one(("x", "y", "xy" if by_row else "x")) if draw.chance(0.2) else ""
        self.at = {k: one if k in single else own for k in "xyz"}
        self.stored = {k: None if k in single else rows for k in "xyz"}
        self.at["w"] = {"row": own, "table": draw.rng.integers(0, types, rows)}.get(weights, one)
        self.stored["w"] = {"row": rows, "table": types}.get(weights)
        self.more = {"index": self.at["w"]} if weights == "table" and self.op.weight_numel else {}


class OnGraph(Problem):
    """Edges of a graph, with operands where a convolution may have them."""

    def choose_places(self, y_at):
        draw = self.draw
        self.places = {
            "x_at": draw.one(("sender", "sender", "sender", "receiver", "edge", "type", "shared")),
            "y_at": draw.one(y_at),
            "w_at": draw.one(("edge", "edge", "type", "shared", "sender", "receiver")),
            "out_at": draw.one(("receiver", "receiver", "receiver", "edge")),
        }
        self.scale = draw.one((1.0, 0.5, -2.0))
        self.half = self.dtype == np.float32 and draw.chance(0.2)
        return {"scale": self.scale, "weight_dtype": "bfloat16" if self.half else None}

    def make_graph(self):
        draw, places = self.draw, self.places
        edges, nodes, types = self.rows * draw.one((1, 1, 3)), draw.integer(1, 14), draw.integer(1, 4)
        self.rows, senders = edges, nodes + draw.integer(0, 5)
        lists = [draw.rng.integers(0, n, edges) for n in (nodes, senders)]
        if draw.chance(0.5):
            lists = [a[np.argsort(lists[0], kind="stable")] for a in lists]
        of_type = draw.rng.integers(0, types, edges)
        self.head = (e3tp.Graph(*lists, nodes, senders),)
        index = {"edge": np.arange(edges), "sender": lists[1], "receiver": lists[0], "type": of_type}
        count = {"edge": edges, "sender": senders, "receiver": nodes, "type": types, "shared": None}
        at = {"z" if name == "out_at" else name[0]: place for name, place in places.items()}
        self.at = {k: index.get(place, np.zeros(edges, int)) for k, place in at.items()}
        self.stored = {k: count[place] for k, place in at.items()}
        typed = [k for k, place in at.items() if place == "type" and (k != "w" or self.op.weight_numel)]
        self.more = {"edge_type": of_type} if typed else {}
        if "y" in typed and draw.chance(0.5):
            self.more["reversed"] = draw.rng.integers(0, 2, edges).astype(bool)


class Convolved(OnGraph):
    def __init__(self, draw, made):
        super().__init__(draw, made)
        self.choose_layouts(LAYOUTS[:2])
        more = self.choose_places(("edge", "edge", "edge", "sender", "receiver", "type", "shared"))
        self.options |= more
        self.op = e3tp.Convolution(*made, **self.places, **self.options)
        self.choose_rows(self.op._product)
        self.make_graph()


class FromVectors(OnGraph):
    """A convolution that makes its harmonics: y and its tangent are those of vectors, by their two derivatives."""

    def __init__(self, draw, lmax, made):
        super().__init__(draw, made)
        self.choose_layouts(LAYOUTS[:2])
        more = self.choose_places(("edge",))
        self.form, self.options["shared_weights"] = draw.one(FORMS), self.places["w_at"] == "shared"
        self.choose_rows(e3tp.TensorProduct(*made, **self.options))
        places = {name: at for name, at in self.places.items() if name != "y_at"}
        self.op = e3tp.SHConvolution(self.tp, lmax, form=self.form, **places, **more)
        self.harmonics = e3tp.SphericalHarmonics(range(lmax + 1), True, "component", np.float64)
        self.make_graph()

    def __str__(self):
        return f"{super().__str__()}, form {self.form}"

    def outs(self, names):
        made = dict(zip("xywz", super().outs("xywz")))
        y = self.draw.place((self.rows, 3), self.dtype) if made["y"] is not None else None
        return tuple(y if n == "v" else made[n] for n in names)

    def run(self):
        self.make_arrays()
        self.vectors, self.changes = (self.draw.array((self.rows, 3), self.dtype) for _ in range(2))
        length = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        self.vectors *= self.draw.rng.uniform(0.3, 3, (self.rows, 1)) / length
        v, dv = self.vectors.astype(np.float64), self.changes.astype(np.float64)
        self.jacobian = self.harmonics.jacobian(v)
        self.bent = np.einsum("eijd,ej->eid", self.harmonics.hessian(v), dv)
        self.exact["y"] = self.harmonics(v)
        self.exact["ggy"] = np.einsum("eid,ei->ed", self.jacobian, dv)
        self.forward()
        self.backward()
        self.second()

    def given(self):
        """x, vectors[, w], and the slots of the operands."""
        arrays = [self.arrays["x"], self.vectors]
        return (arrays, "xv") if self.arrays["w"] is None else ([*arrays, self.arrays["w"]], "xvw")

    def forward(self):
        arrays, _ = self.given()
        got = self.op(*self.head, *arrays, out=self.outs("z")[0], **self.more)
        close("z", got, self.wanted("z", self.value(*(self.exact[k] for k in "xyw"))), self.dtype)

    def to_vectors(self, gy):
        return np.einsum("eid,ed->ei", self.jacobian, gy)

    def backward(self):
        arrays, slots = self.given()
        needs = self.needs(slots)
        gz = self.arrays["gz"]
        named = [NAMES[k] for k in needs]
        got = self.op.backward(*self.head, *arrays, gz, needs=named, out=self.outs(slots), **self.more)
        gx, gy, gw = self.gradients(*(self.exact[k] for k in ("x", "y", "w", "gz")))
        want = {"x": self.wanted("x", gx), "v": self.to_vectors(gy)}
        if gw is not None:
            want["w"] = self.wanted("w", gw)
        self.check(slots, got, [want[k] for k in slots], needs, v=np.abs(gy).max(initial=0))

    def second(self):
        e, (arrays, slots) = self.exact, self.given()
        present = [k for k in slots if self.draw.chance(0.8)]
        names = [*slots, "gz"]
        needs, outs = self.needs(names), self.outs([*slots, "z"])
        tangents = {"x": self.arrays["ggx"], "v": self.changes, "w": self.arrays["ggw"]}
        gg = {f"gg{NAMES[k]}": tangents[k] for k in present}
        got = self.op.double_backward(
            *self.head, *arrays, self.arrays["gz"], **gg, needs=[NAMES[k] for k in needs], out=outs, **self.more
        )
        h = {k: np.zeros((self.rows, e[k].shape[1] if k != "w" else len(self.of))) for k in slots.replace("v", "y")}
        bent, dz, found = np.zeros((self.rows, 3)), np.zeros(e["gz"].shape), {"y": np.zeros(0)}
        for k in (k.replace("v", "y") for k in present):
            at, bare = {n: e["gg" + n] if n == k else e[n] for n in "xyw"}, 0.0 if k == "w" else 1.0
            dz += self.value(at["x"], at["y"], at["w"], bare)
            found = dict(zip("xyw", self.gradients(at["x"], at["y"], at["w"], e["gz"], bare)))
            for n in h:
                if n != k:
                    h[n] += found[n]
            if k == "y":
                bent += np.einsum("eid,ed->ei", self.bent, found["y"])
        want = {k: self.wanted(k, h[k]) for k in h if k != "y"}
        want |= {"v": self.to_vectors(h["y"]) + bent, "gz": self.wanted("z", dz)}
        most = max(np.abs(h["y"]).max(initial=0), np.abs(bent).max(initial=0), np.abs(found["y"]).max(initial=0))
        turns = np.abs(self.changes).max(initial=0)  # what scalars do not see
        self.check(names, got, [want[k] for k in names], needs, v=most, x=turns, w=turns, gz=turns)
        changes = {f"d{NAMES[k]}": tangents[k] for k in present}
        got = self.op.jvp(*self.head, *arrays, **changes, out=self.outs("z")[0], **self.more)
        close("dz", got, self.wanted("z", dz), self.dtype, turns)
