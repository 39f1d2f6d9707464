# SPDX-License-Identifier: MIT
"""e3nn's tensor products: the general one by instructions, and those that make their instructions themselves."""

import collections
import ctypes

import numpy as np

from . import _lib
from ._lib import SIGNS, Unsupported, choice, integer, lib
from ._plan import Descriptor, Plan
from .irreps import Irrep, Irreps, MulIrrep

MODES = {"uvw": 0, "uvu": 1, "uvv": 2, "uuw": 3, "uuu": 4, "uvuv": 5, "uvu<v": 6, "u<vw": 7}
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
    weights               "channel"; one scalar per path ("path") is not built yet
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
        if choice("weights", weights, {"channel": 0, "path": 1}):
            raise Unsupported("weights: one scalar per path is not built yet")
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
    """A test whether an irrep is wanted: by Irreps or their text, or any iterable of irreps; None: all are."""
    if irreps is None:
        return lambda ir: True
    try:
        items = Irreps(irreps) if isinstance(irreps, (str, Irrep)) else irreps
        kept = {item.ir if isinstance(item, MulIrrep) else Irrep(item) for item in items}
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {irreps!r}, expected irreps") from None
    return kept.__contains__


class FullyConnectedTensorProduct(TensorProduct):
    """Every path that the irreps allow, mode uvw, weighted; instructions in nested order of in1, in2, out."""

    def __init__(self, irreps_in1, irreps_in2, irreps_out, **options):
        in1, in2, out = map(Irreps, (irreps_in1, irreps_in2, irreps_out))
        paths = [
            (i, j, k, "uvw", True)
            for i, (_, ir1) in enumerate(in1)
            for j, (_, ir2) in enumerate(in2)
            for k, (_, ir) in enumerate(out)
            if ir in set(ir1 * ir2)
        ]
        super().__init__(in1, in2, out, paths, **options)


class FullTensorProduct(TensorProduct):
    """Every product of a copy in in1 with a copy in in2, mode uvuv, no weights; the output is sorted."""

    def __init__(self, irreps_in1, irreps_in2, filter_ir_out=None, **options):
        in1, in2 = Irreps(irreps_in1).simplify(), Irreps(irreps_in2).simplify()
        kept = _filter("filter_ir_out", filter_ir_out)
        found = [
            (i, j, (m1 * m2, ir))
            for i, (m1, ir1) in enumerate(in1)
            for j, (m2, ir2) in enumerate(in2)
            for ir in ir1 * ir2
            if kept(ir)
        ]
        out, place, _ = Irreps(block for _, _, block in found).sort()
        paths = [(i, j, place[k], "uvuv", False) for k, (i, j, _) in enumerate(found)]
        super().__init__(in1, in2, out, paths, **options)


def _equal_multiplicities(in1, in2):
    """Both lists cut so that block i of one has as many copies as block i of the other."""
    copies1, copies2 = ([(n, ir) for n, (mul, ir) in enumerate(irreps) for _ in range(mul)] for irreps in (in1, in2))
    blocks = collections.Counter(zip(copies1, copies2))  # keeps the order of first appearance
    return tuple(Irreps((mul, pair[side][1]) for pair, mul in blocks.items()) for side in (0, 1))


class ElementwiseTensorProduct(TensorProduct):
    """Copy u of in1 with copy u of in2, mode uuu, no weights; in1 and in2 hold equally many copies."""

    def __init__(self, irreps_in1, irreps_in2, filter_ir_out=None, **options):
        in1, in2 = Irreps(irreps_in1).simplify(), Irreps(irreps_in2).simplify()
        if in1.num_irreps != in2.num_irreps:
            raise ValueError(f"irreps_in2: {in2} has {in2.num_irreps} irreps, expected {in1.num_irreps} as in {in1}")
        kept = _filter("filter_ir_out", filter_ir_out)
        in1, in2 = _equal_multiplicities(in1, in2)
        found = [
            (i, (mul, ir)) for i, ((mul, ir1), (_, ir2)) in enumerate(zip(in1, in2)) for ir in ir1 * ir2 if kept(ir)
        ]
        paths = [(i, i, k, "uuu", False) for k, (i, _) in enumerate(found)]
        super().__init__(in1, in2, [block for _, block in found], paths, **options)


def uvu_tensor_product(irreps_in1, irreps_in2, out_filter=None, sorted=True, shared_weights=False, **options):
    """The channel-wise product of MACE and NequIP: every path to an irrep of out_filter, mode uvu, weighted.

    Every path has its own output block of in1's multiplicity. sorted: blocks in the order of Irreps.sort(), and
    instructions in the order of their blocks; else both in nested order of in1, in2 and l. The multiplicities of
    out_filter do not count; None keeps every irrep.
    """
    in1, in2, kept = Irreps(irreps_in1), Irreps(irreps_in2), _filter("out_filter", out_filter)
    found = [
        (i, j, (mul, ir))
        for i, (mul, ir1) in enumerate(in1)
        for j, (_, ir2) in enumerate(in2)
        for ir in ir1 * ir2
        if kept(ir)
    ]
    out = Irreps(block for _, _, block in found)
    order = range(len(found))
    if sorted:
        out, _, order = out.sort()
    paths = [(*found[old][:2], new, "uvu", True) for new, old in enumerate(order)]
    return TensorProduct(in1, in2, out, paths, shared_weights=shared_weights, **options)
