# SPDX-License-Identifier: MIT
"""e3nn's tensor products: the general one by instructions, and those that make their instructions themselves."""

import collections
import ctypes

import numpy as np

from . import _lib
from ._lib import SIGNS, choice, integer, lib
from ._plan import MODES, Descriptor, Plan, needed
from .arrays import results
from .irreps import Irrep, Irreps, MulIrrep

PRODUCTS = {
    "fully_connected": 0,
    "full": 1,
    "elementwise": 2,
    "channelwise": 3,
    "square": 4,
    "square_connected": 5,
}
IRREP_NORMALIZATIONS = {"component": 0, "norm": 1, "none": 2}
PATH_NORMALIZATIONS = {"element": 0, "path": 1, "none": 2}
_SHARED, _ROW = 1, 2

Instruction = collections.namedtuple(
    "Instruction", "i_in1 i_in2 i_out connection_mode has_weight path_weight path_shape"
)


def _path_shape(mode, m1, m2, mo):
    pairs = m1 * (m1 - 1) // 2
    return {
        "uvw": (m1, m2, mo),
        "uvu": (m1, m2),
        "uvv": (m1, m2),
        "uuw": (m1, mo),
        "uuu": (m1,),
        "uvuv": (m1, m2),
        "uvu<v": (pairs,),
        "u<vw": (pairs, mo),
    }[mode]


def _records(name, irreps):
    """Irreps as the library takes them; what does not fit its integers must not wrap around."""
    for mul, ir in irreps:
        integer(f"{name}: multiplicity of {ir}", mul, 0, 2**32 - 1)
        integer(f"{name}: degree", ir.l, 0, 2**16 - 1)
    return (_lib.Irrep * len(irreps))(*((mul, ir.l, ir.p) for mul, ir in irreps))


def _instruction(number, given, irreps):
    """(i1, i2, iout, mode, has_weight, path_weight), checked as far as C's integers need it."""
    fields = tuple(given)
    if len(fields) not in (5, 6):
        raise ValueError(f"instruction {number}: {given!r}, expected (i1, i2, iout, mode, has_weight[, path_weight])")
    *indices, mode, weighted, weight = fields if len(fields) == 6 else fields + (1.0,)
    for name, index, blocks in zip(("in1", "in2", "out"), indices, irreps):
        if not 0 <= integer(f"instruction {number}, index of {name}", index, -(2**63), 2**63) < len(blocks):
            raise ValueError(f"instruction {number}: index {index} is outside irreps_{name} {blocks}")
    choice(f"instruction {number}, mode", mode, MODES)
    return (*map(int, indices), mode, bool(weighted), float(weight))


class TensorProduct(Plan):
    """e3nn's TensorProduct: z[iout] += c w W(l1,l2,lout) : x[i1] (x) y[i2] over the instructions.

    irreps_in1, irreps_in2, irreps_out   Irreps, or what makes them
    instructions          tuples (i1, i2, iout, mode, has_weight[, path_weight]); e3nn's eight modes
    in1_var, in2_var, out_var   a variance per block; None: ones
    irrep_normalization   "component" | "norm" | "none"
    path_normalization    "element" | "path" | "none"
    shared_weights        True: w is (weight_numel,); False: it carries batch axes, (..., weight_numel)
    weights               "channel": e3nn's; "path": one scalar for each instruction that has such
    batch_hint            rows per call to plan for
    dtype                 of every array, float32 or float64; nothing is cast
    layout                "mul_ir" | "ir_mul" | "batch_last" ((dim, batch...), the batch innermost), or one per operand
    sign                  "e3nn>=0.5" | "e3nn<=0.4.4": of the coupling coefficients
    method, isa           "auto" or a name of methods("tensor_product"), of isa_tiers()
    threads               0: what set_num_threads() said, else OpenMP's maximum now

    Attributes: irreps_in1, irreps_in2, irreps_out, instructions (named tuples, path_weight the final coefficient c),
    weight_numel, method, isa, dtype.
    """

    def __init__(
        self,
        irreps_in1,
        irreps_in2,
        irreps_out,
        instructions,
        in1_var=None,
        in2_var=None,
        out_var=None,
        irrep_normalization="component",
        path_normalization="element",
        shared_weights=True,
        weights="channel",
        batch_hint=None,
        dtype=np.float32,
        layout="mul_ir",
        sign="e3nn>=0.5",
        method="auto",
        isa="auto",
        threads=0,
    ):
        irreps = tuple(map(Irreps, (irreps_in1, irreps_in2, irreps_out)))
        self.irreps_in1, self.irreps_in2, self.irreps_out = irreps
        paths = [_instruction(n, given, irreps) for n, given in enumerate(instructions)]
        by_path = choice("weights", weights, {"channel": 0, "path": 1})
        with Descriptor("tensor_product") as desc:
            for which, (name, blocks) in enumerate(zip(("irreps_in1", "irreps_in2", "irreps_out"), irreps)):
                desc.set("irreps", which, _records(name, blocks), len(blocks))
            for which, variances in enumerate((in1_var, in2_var, out_var)):
                if variances is not None:
                    values = [float(v) for v in variances]
                    desc.set("variances", which, (ctypes.c_double * len(values))(*values), len(values))
            for i1, i2, io, mode, weighted, weight in paths:
                desc.add_path(i1, i2, io, MODES[mode], weighted, weight)
            desc.set(
                "normalization",
                choice("irrep_normalization", irrep_normalization or "component", IRREP_NORMALIZATIONS),
                choice("path_normalization", path_normalization or "element", PATH_NORMALIZATIONS),
            )
            desc.set("sign", choice("sign", sign, SIGNS))
            desc.set("weights", _SHARED if shared_weights else _ROW)
            desc.set("weight_shape", by_path)
            desc.set("batch_hint", 0 if batch_hint is None else integer("batch_hint", batch_hint, 0, 2**63 - 1))
            self._freeze(desc, dtype, layout, method, isa, threads, bool(shared_weights))
        self.shared_weights = bool(shared_weights)
        self.instructions = self._final(paths)

    def _final(self, paths):
        with self._handle as plan:
            return [
                Instruction(
                    i1,
                    i2,
                    io,
                    mode,
                    weighted,
                    lib.e3tp_plan_path_coefficient(plan, n),
                    _path_shape(mode, self.irreps_in1[i1].mul, self.irreps_in2[i2].mul, self.irreps_out[io].mul),
                )
                for n, (i1, i2, io, mode, weighted, _) in enumerate(paths)
            ]

    def __repr__(self):
        paths = sum(int(np.prod(i.path_shape)) for i in self.instructions)
        return (
            f"{type(self).__name__}({self.irreps_in1.simplify()} x {self.irreps_in2.simplify()} -> "
            f"{self.irreps_out.simplify()} | {paths} paths | {self.weight_numel} weights)"
        )

    def __call__(self, x, y, w=None, index=None, out=None):
        """z, (..., irreps_out.dim); the leading axes of x, y and w broadcast.

        index: integers, the row of the table w (rows, weight_numel) for each row of the batch; its axes take the place
        of w's. Needs shared_weights=False. Gradients and tangents of w are tables too.
        """
        return self._run(_lib.FORWARD, {"x": x, "y": y, "w": w, "index": index}, {"z": out})["z"]

    def backward(self, x, y, w, gz, needs=None, index=None, out=None):
        """(gx, gy, gw): gradients of sum(gz z), each of its operand's shape, summed where it was broadcast.

        None for what needs=("x", "y", "w") leaves out, and for gw without weights.
        """
        given = {"x": x, "y": y, "w": w, "gz": gz, "index": index}
        return self._gradients(_lib.BACKWARD, "g", ("x", "y", "w"), given, needs, out)

    def double_backward(self, x, y, w, gz, ggx=None, ggy=None, ggw=None, needs=None, index=None, out=None):
        """(hx, hy, hw, hz): gradients of sum(ggx gx + ggy gy + ggw gw) by x, y, w, gz; None is zero."""
        given = {"x": x, "y": y, "w": w, "gz": gz, "ggx": ggx, "ggy": ggy, "ggw": ggw, "index": index}
        return self._gradients(_lib.DOUBLE_BACKWARD, "h", ("x", "y", "w", "gz"), given, needs, out)

    def jvp(self, x, y, w=None, dx=None, dy=None, dw=None, index=None, out=None):
        """dz: the change of z along tangents of x, y and w; None is no change."""
        given = {"x": x, "y": y, "w": w, "dx": dx, "dy": dy, "dw": dw, "index": index}
        return self._run(_lib.JVP, given, {"dz": out})["dz"]


def _filter(name, irreps):
    """The irreps that are wanted, by Irreps or their text, or any iterable of irreps; None: all are."""
    if irreps is None:
        return None
    try:
        items = Irreps(irreps) if isinstance(irreps, (str, Irrep)) else irreps
        return [item.ir if isinstance(item, MulIrrep) else Irrep(item) for item in items]
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {irreps!r}, expected irreps") from None


def _made(kind, in1, in2, out=None, keep=None, normalization="component"):
    """What the library makes of a product: irreps of in1, in2 and out, and instructions."""
    with Descriptor("tensor_product") as desc:
        for which, (name, irreps) in enumerate((("irreps_in1", in1), ("irreps_in2", in2), ("irreps_out", out))):
            if irreps is not None:
                desc.set("irreps", which, _records(name, irreps), len(irreps))
        desc.set("normalization", choice("irrep_normalization", normalization, IRREP_NORMALIZATIONS), 0)
        kept = None if keep is None else _records("filter_ir_out", [(1, ir) for ir in keep])
        return desc.product(PRODUCTS[kind], kept, 0 if keep is None else len(keep))


class FullyConnectedTensorProduct(TensorProduct):
    """Every path that the irreps allow, mode uvw, weighted; instructions in nested order of in1, in2, out."""

    def __init__(self, irreps_in1, irreps_in2, irreps_out, **options):
        made = _made("fully_connected", *map(Irreps, (irreps_in1, irreps_in2, irreps_out)))
        super().__init__(*made, **options)


class FullTensorProduct(TensorProduct):
    """Every product of a copy in in1 with a copy in in2, mode uvuv, no weights; the output is sorted."""

    def __init__(self, irreps_in1, irreps_in2, filter_ir_out=None, **options):
        kept = _filter("filter_ir_out", filter_ir_out)
        super().__init__(*_made("full", Irreps(irreps_in1), Irreps(irreps_in2), keep=kept), **options)


class ElementwiseTensorProduct(TensorProduct):
    """Copy u of in1 with copy u of in2, mode uuu, no weights; in1 and in2 hold equally many copies."""

    def __init__(self, irreps_in1, irreps_in2, filter_ir_out=None, **options):
        in1, in2, kept = Irreps(irreps_in1), Irreps(irreps_in2), _filter("filter_ir_out", filter_ir_out)
        if in1.num_irreps != in2.num_irreps:
            raise ValueError(f"irreps_in2: {in2} has {in2.num_irreps} irreps, expected {in1.num_irreps} as in {in1}")
        super().__init__(*_made("elementwise", in1, in2, keep=kept), **options)


def uvu_tensor_product(irreps_in1, irreps_in2, out_filter=None, sorted=True, shared_weights=False, **options):
    """The channel-wise product of MACE and NequIP: every path to an irrep of out_filter, mode uvu, weighted.

    Every path has its own output block of in1's multiplicity. sorted: blocks in the order of Irreps.sort(), and
    instructions in the order of their blocks; else both in nested order of in1, in2 and l. The multiplicities of
    out_filter do not count; None keeps every irrep.
    """
    in1, in2, kept = Irreps(irreps_in1), Irreps(irreps_in2), _filter("out_filter", out_filter)
    in1, in2, out, paths = _made("channelwise", in1, in2, keep=kept)
    if not sorted:
        paths.sort(key=lambda path: (path[0], path[1], out[path[2]].ir.l))
        out = Irreps(out[path[2]] for path in paths)
        paths = [(i, j, new, *rest) for new, (i, j, _, *rest) in enumerate(paths)]
    return TensorProduct(in1, in2, out, paths, shared_weights=shared_weights, **options)


class TensorSquare(TensorProduct):
    """The product of an operand with itself, each pair of copies once.

    irreps_in    simplified
    irreps_out   None: every pair of copies is a copy of the output, modes uvuv, uvu<v and uuu, no weights, sorted;
                 else weights join them to these irreps: uvw, u<vw and uuw
    filter_ir_out, irrep_normalization, ...   as in FullTensorProduct; path_weight of the instructions holds e3nn's
                 factors of the irrep normalisation

    Calls take x once: ts(x[, w]), ts.backward(x, w, gz) -> (gx, gw), and so on.
    """

    def __init__(self, irreps_in, irreps_out=None, filter_ir_out=None, irrep_normalization="component", **options):
        x, kept = Irreps(irreps_in), _filter("filter_ir_out", filter_ir_out)
        layout = options.get("layout", "mul_ir")
        if not isinstance(layout, str) and layout[0] != layout[1]:
            raise ValueError(f"layout: {layout!r}, expected the same for both operands, which are one array")
        if irreps_out is not None and kept is not None:
            raise ValueError("filter_ir_out: expected None, irreps_out says what is kept")
        kind = "square" if irreps_out is None else "square_connected"
        out = None if irreps_out is None else Irreps(irreps_out)
        made = _made(kind, x, x, out, kept, irrep_normalization or "component")
        super().__init__(*made, irrep_normalization="none", **options)
        self.irreps_in = self.irreps_in1

    def __call__(self, x, w=None, index=None, out=None):
        """z, (..., irreps_out.dim)."""
        return super().__call__(x, x, w, index, out)

    def backward(self, x, w, gz, needs=None, index=None, out=None):
        """(gx, gw): gradients of sum(gz z)."""
        gx, gw = results("out", out, 2)
        wanted = needed(needs, ("x", "w"))
        both = ("x", "y") if "x" in wanted else ()
        first, second, weights = super().backward(x, x, w, gz, (*both, *wanted & {"w"}), index, (gx, None, gw))
        return _sum(first, second), weights

    def double_backward(self, x, w, gz, ggx=None, ggw=None, needs=None, index=None, out=None):
        """(hx, hw, hz): gradients of sum(ggx gx + ggw gw) by x, w, gz; None is zero."""
        hx, hw, hz = results("out", out, 3)
        wanted = needed(needs, ("x", "w", "gz"))
        both = ("x", "y") if "x" in wanted else ()
        first, second, weights, z = super().double_backward(
            x, x, w, gz, ggx, ggx, ggw, (*both, *wanted & {"w", "gz"}), index, (hx, None, hw, hz)
        )
        return _sum(first, second), weights, z

    def jvp(self, x, w=None, dx=None, dw=None, index=None, out=None):
        """dz: the change of z along tangents of x and w; None is no change."""
        return super().jvp(x, x, w, dx, dx, dw, index, out)


def _sum(first, second):
    return None if first is None else np.add(first, second, out=first)
