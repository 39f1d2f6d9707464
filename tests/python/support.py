# SPDX-License-Identifier: MIT
"""Products by their definition, in float64 and with einsum; arrays of any layout; directional derivatives."""

import numpy as np

import e3tp

EINSUM = {
    "uuu": ("u", "zui,zuj,ijk->zuk"),
    "uvu": ("uv", "zui,zvj,ijk->zuk"),
    "uvw": ("uvw", "zui,zvj,ijk->zwk"),
    "uvv": ("uv", "zui,zvj,ijk->zvk"),
    "uuw": ("uw", "zui,zuj,ijk->zwk"),
    "uvuv": ("uv", "zui,zvj,ijk->zuvk"),
    "uvu<v": ("p", "zpi,zpj,ijk->zpk"),
    "u<vw": ("pw", "zpi,zpj,ijk->zwk"),
}


def blocks(a, irreps):
    """(batch, dim) in mul_ir -> one (batch, mul, 2l+1) per block."""
    return [a[:, s].reshape(len(a), mul, ir.dim) for s, (mul, ir) in zip(irreps.slices(), irreps)]


class _Path:
    """An instruction as an einsum: its factors' letters and arrays, and the letters of its result."""

    def __init__(self, tp, i, x, y, w, bare, sign):
        ls = [irreps[k].ir.l for irreps, k in zip((tp.irreps_in1, tp.irreps_in2, tp.irreps_out), i[:3])]
        letters, rule = EINSUM[i.connection_mode]
        terms, self.out = rule.split("->")
        self.terms, self.arrays, self.c = terms.split(","), [x, y, e3tp.wigner_3j(*ls, sign)], i.path_weight
        if "<" in i.connection_mode:
            self.pairs = np.triu_indices(x.shape[1], 1)
            self.arrays[:2] = x[:, self.pairs[0]], y[:, self.pairs[1]]
        else:
            self.pairs = None
        given = i.has_weight and w is not None
        weights = w.reshape(w.shape[:-1] + i.path_shape) if given else np.full(i.path_shape, bare)
        self.terms.append("z" * (weights.ndim - len(i.path_shape)) + letters)
        self.arrays.append(weights)

    def value(self):
        return self.c * np.einsum(",".join(self.terms) + "->" + self.out, *self.arrays)

    def pull(self, k, gz):
        """The gradient by factor k, summed over what only others have."""
        sizes = {l: n for term, a in zip(self.terms, self.arrays) for l, n in zip(term, a.shape)}
        others = [n for n in range(len(self.terms)) if n != k]
        rule = ",".join([self.terms[n] for n in others] + [self.out]) + "->" + self.terms[k]
        out = gz.reshape([sizes[l] for l in self.out])
        return self.c * np.einsum(rule, *(self.arrays[n] for n in others), out)


def _paths(tp, x, y, w, bare, sign):
    """Instruction, its _Path, and where its weights are; bare: those of paths that have none."""
    bx, by, at = blocks(x, tp.irreps_in1), blocks(y, tp.irreps_in2), 0
    for i in tp.instructions:
        end = at + int(np.prod(i.path_shape)) if i.has_weight else at
        weights = None if w is None else w[..., at:end]
        yield i, _Path(tp, i, bx[i.i_in1], by[i.i_in2], weights, bare, sign), slice(at, end)
        at = end


def joined(parts, rows):
    return np.concatenate([p.reshape(rows, p.shape[1] * p.shape[2]) for p in parts] or [np.zeros((rows, 0))], 1)


def product(tp, x, y, w=None, bare=1.0, sign="e3nn>=0.5"):
    """tp(x, y, w) for (batch, dim) arrays in mul_ir; w (weight_numel,) or (batch, weight_numel).

    bare  the weights of paths without; 0 where w is a tangent
    """
    out = [np.zeros((len(x), mul, ir.dim)) for mul, ir in tp.irreps_out]
    for i, path, _ in _paths(tp, x, y, w, bare, sign):
        out[i.i_out] += path.value().reshape(out[i.i_out].shape)
    return joined(out, len(x))


def gradients(tp, x, y, w, gz, bare=1.0, sign="e3nn>=0.5"):
    """(gx, gy, gw) of sum(gz product(tp, x, y, w, bare)); gw None without weights."""
    gx, gy = ([np.zeros(b.shape) for b in blocks(a, irreps)] for a, irreps in ((x, tp.irreps_in1), (y, tp.irreps_in2)))
    gw, bz = None if w is None else np.zeros(w.shape), blocks(gz, tp.irreps_out)
    for i, path, place in _paths(tp, x, y, w, bare, sign):
        for k, to in enumerate((gx[i.i_in1], gy[i.i_in2])):
            channels = slice(None) if path.pairs is None else path.pairs[k]
            np.add.at(to, (slice(None), channels), path.pull(k, bz[i.i_out]))
        if i.has_weight and w is not None:
            gw[..., place] = path.pull(3, bz[i.i_out]).reshape(gw[..., place].shape)
    return joined(gx, len(x)), joined(gy, len(y)), gw


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
