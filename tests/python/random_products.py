# SPDX-License-Identifier: MIT
"""What random problems are made of: choices, arrays wherever memory happens to begin, products of e3nn's kind."""

import numpy as np

import e3tp

LAYOUTS = ("mul_ir", "ir_mul", "batch_last")
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 24, 31, 32, 33, 48, 64, 65, 89, 128)
ROWS = (1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 129)


def usable():
    return [name for name, state in e3tp.isa_tiers().items() if state == "usable"]


class Draw:
    """Random choices, and arrays whose first element lies anywhere."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def one(self, options):
        return options[self.rng.integers(len(options))]

    def chance(self, share):
        return self.rng.random() < share

    def integer(self, low, high):
        """low..high"""
        return int(self.rng.integers(low, high + 1))

    def place(self, shape, dtype):
        """An array of NaN whose address is a multiple of its elements' size and perhaps of no more."""
        size = int(np.prod(shape))
        start = self.one((0, 0, 1, 3, 8))
        memory = np.full(size + start, np.nan, dtype)
        return memory[start:].reshape(shape)

    def array(self, shape, dtype):
        return self.put(self.rng.standard_normal(shape), dtype)

    def put(self, a, dtype):
        out = self.place(a.shape, dtype)
        out[...] = a
        return out

    def irrep(self, most):
        return self.integer(0, most), self.one((1, -1))


TOLERANCE = {np.float32: 1e-4, np.float64: 1e-11}


def close(name, got, want, dtype, least=1e-3):
    """least: what rounding is of, where the result may be less."""
    assert got.shape == want.shape, f"{name}: shape {got.shape}, expected {want.shape}"
    scale = np.abs(want).max(initial=0) + least
    error = np.abs(got - want)
    few = 10 if want.size < 10 else 1  # sums of which all may be small
    wrong = np.argwhere(~(error <= few * TOLERANCE[dtype] * scale))
    if len(wrong):
        raise AssertionError(
            f"{name}: {error.max() / scale:.2g} of the largest, {len(wrong)} of {error.size} wrong, "
            f"first at {wrong[0]}"
        )


def degrees_between(a, b, most):
    return [l for l in range(abs(a - b), a + b + 1) if l <= most]


def channelwise(draw):
    """Channels of x by one of y, as convolutions have them: all paths, or some, added up or each by itself."""
    most, mul = draw.one((1, 1, 2, 2, 3, 4)), draw.one(CHANNELS)
    one_mul = draw.chance(0.8)
    in1 = [(mul if one_mul else draw.one(CHANNELS), draw.irrep(most)) for _ in range(draw.integer(1, 4))]
    in2 = [(1 if draw.chance(0.9) else draw.integer(1, 3), draw.irrep(most)) for _ in range(draw.integer(1, 4))]
    mode = "uvu" if draw.chance(0.8) else draw.one(("uvu", "uvv", "uvw", "uvuv"))
    return made_of(draw, in1, in2, lambda m1, m2: mode, most)


def with_harmonics(draw):
    """The same with harmonics 0..lmax for y; and lmax."""
    most, lmax, mul = draw.one((0, 1, 1, 2, 2, 3, 4)), draw.integer(0, 4), draw.one(CHANNELS)
    one_mul = draw.chance(0.8)
    in1 = [(mul if one_mul else draw.one(CHANNELS), draw.irrep(most)) for _ in range(draw.integer(1, 4))]
    in2 = [(1, (l, (-1) ** l)) for l in range(lmax + 1)]
    return lmax, made_of(draw, in1, in2, lambda m1, m2: "uvu", most)


def elementwise(draw):
    most, mul = draw.one((1, 2, 2, 3, 4)), draw.one(CHANNELS)
    in1, in2 = ([(mul, draw.irrep(most)) for _ in range(draw.integer(1, 4))] for _ in range(2))
    mode = "uuu" if draw.chance(0.8) else draw.one(("uuu", "uuw", "uvu<v", "u<vw"))
    return made_of(draw, in1, in2, lambda m1, m2: mode, most)


def mixed(draw):
    few = CHANNELS[:10]
    most, muls = draw.integer(0, 3), [draw.one(few) for _ in range(2)]
    in1, in2 = ([(draw.one(muls), draw.irrep(most)) for _ in range(draw.integer(1, 3))] for _ in range(2))
    modes = ("uvw", "uvu", "uvv", "uuw", "uuu", "uvuv", "uvu<v", "u<vw")

    def mode(m1, m2):
        return draw.one(modes if m1 == m2 else tuple(m for m in modes if m in ("uvw", "uvu", "uvv", "uvuv")))

    return made_of(draw, in1, in2, mode, most)


def width(draw, mode, m1, m2, weighted):
    """Channels of the result."""
    free = 1 if mode == "uuw" and not weighted else draw.one(CHANNELS[:14])
    fixed = {"uvu": m1, "uvv": m2, "uuu": m1, "uvuv": m1 * m2, "uvu<v": m1 * (m1 - 1) // 2}
    return fixed.get(mode, free)


def made_of(draw, in1, in2, mode_of, most):
    """(in1, in2, out, instructions); some paths to a block that is there."""
    out, paths = [], []
    most_out, share, joins = draw.one((most, most, 2 * most)), draw.one((0.5, 1.0)), draw.one((0.0, 0.5, 1.0))
    kept, weighs = draw.one((0.4, 1.0)), draw.one((0.0, 0.5, 1.0, 1.0))
    for i, (m1, (l1, p1)) in enumerate(in1):
        for j, (m2, (l2, p2)) in enumerate(in2):
            for l in degrees_between(l1, l2, most_out):
                mode = mode_of(m1, m2)
                if not draw.chance(kept) or len(paths) >= 40:
                    continue
                weighted = mode in ("uvw", "u<vw") or draw.chance(weighs)
                block = (width(draw, mode, m1, m2, weighted), (l, p1 * p2))
                if block[0] == 0:
                    continue
                at = [k for k, b in enumerate(out) if b[1] == block[1] and (b[0] == block[0])]
                if not at or not draw.chance(joins):
                    at = [len(out)]
                    out.append(block)
                paths.append((i, j, draw.one(at), mode, weighted, draw.one((1.0, 1.0, 0.3, 2.0))))
    if draw.chance(1 - share):
        order = draw.rng.permutation(len(paths))
        paths = [paths[k] for k in order]
    if draw.chance(0.3):  # blocks that nothing reads or writes
        out.append((draw.one((0, 1, 5, 2000)), draw.irrep(most)))
        in1 = [*in1, (draw.one((0, 1, 5, 2000)), draw.irrep(most))]
    return in1, in2, out or [(2, (0, 1))], paths


def high(draw):
    """Few channels of degrees to 8."""
    few = (1, 2, 3, 9, 17)
    mul, mode = draw.one(few), draw.one(("uvu", "uuu", "uvw"))
    in1 = [(mul, draw.irrep(8)) for _ in range(draw.integer(1, 2))]
    in2 = [(mul if mode == "uuu" else 1, draw.irrep(8)) for _ in range(draw.integer(1, 2))]
    return made_of(draw, in1, in2, lambda m1, m2: mode, draw.integer(4, 8))


def any_product(draw):
    return draw.one((channelwise, channelwise, elementwise, mixed) * 3 + (high,))(draw)


def normalisations(draw, made):
    variances = {
        f"{name}_var": [draw.one((0.5, 1.0, 1.0, 3.0)) for _ in blocks]
        for name, blocks in zip(("in1", "in2", "out"), made)
        if draw.chance(0.5)
    }
    return variances | dict(
        irrep_normalization=draw.one(("component", "norm", "none")),
        path_normalization=draw.one(("element", "path", "none")),
    )
