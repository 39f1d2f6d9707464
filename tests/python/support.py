# SPDX-License-Identifier: MIT
"""Products by their definition, in float64 and with einsum; arrays of any layout; directional derivatives."""

import numpy as np

import e3tp

EINSUM = {
    "uuu": ("u", "{w}zui,zuj,ijk->zuk"),
    "uvu": ("uv", "{w}zui,zvj,ijk->zuk"),
    "uvw": ("uvw", "{w}zui,zvj,ijk->zwk"),
    "uvv": ("uv", "{w}zui,zvj,ijk->zvk"),
    "uuw": ("uw", "{w}zui,zuj,ijk->zwk"),
    "uvuv": ("uv", "{w}zui,zvj,ijk->zuvk"),
    "uvu<v": ("p", "{w}zpi,zpj,ijk->zpk"),
    "u<vw": ("pw", "{w}zpi,zpj,ijk->zwk"),
}


def blocks(a, irreps):
    """(batch, dim) in mul_ir -> one (batch, mul, 2l+1) per block."""
    return [a[:, s].reshape(len(a), mul, ir.dim) for s, (mul, ir) in zip(irreps.slices(), irreps)]


def product(tp, x, y, w=None):
    """tp(x, y, w) for (batch, dim) arrays in mul_ir; w (weight_numel,) or (batch, weight_numel)."""
    bx, by = blocks(x, tp.irreps_in1), blocks(y, tp.irreps_in2)
    out = [np.zeros((len(x), mul, ir.dim)) for mul, ir in tp.irreps_out]
    at = 0
    for i in tp.instructions:
        ls = [irreps[k].ir.l for irreps, k in zip((tp.irreps_in1, tp.irreps_in2, tp.irreps_out), i[:3])]
        operands = [bx[i.i_in1], by[i.i_in2], e3tp.wigner_3j(*ls)]
        if "<" in i.connection_mode:
            u, v = np.triu_indices(operands[0].shape[1], 1)
            operands[:2] = operands[0][:, u], operands[1][:, v]
        letters, rule = EINSUM[i.connection_mode]
        if i.has_weight:
            n = int(np.prod(i.path_shape))
            operands.insert(0, w[..., at : at + n].reshape(w.shape[:-1] + i.path_shape))
            rule = rule.format(w=("z" if w.ndim == 2 else "") + letters + ",")
            at += n
        if i.connection_mode == "uuw" and not i.has_weight:
            rule = "zui,zuj,ijk->zk"
        out[i.i_out] += i.path_weight * np.einsum(rule.format(w=""), *operands).reshape(out[i.i_out].shape)
    return np.concatenate([o.reshape(len(x), o[0].size if len(o) else 0) for o in out] or [np.zeros((len(x), 0))], 1)


def relaid(a, irreps, layout):
    """(batch, dim) in mul_ir -> the same numbers in a layout."""
    if layout == "mul_ir":
        return a
    turned = [b.swapaxes(1, 2).reshape(len(a), b[0].size) for b in blocks(a, irreps)]
    turned = np.concatenate(turned, axis=1)
    return np.ascontiguousarray(turned.T) if layout == "batch_last" else turned


def slopes(function, operands, rng, step=1.0):
    """For each operand: a direction d, and the change of function along it; exact for maps linear in each operand."""
    for k, a in enumerate(operands):
        d = rng.standard_normal(a.shape)
        up, down = (function(*(b + s * step * d / 2 if n == k else b for n, b in enumerate(operands))) for s in (1, -1))
        yield d, (up - down) / step
