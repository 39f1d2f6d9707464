# SPDX-License-Identifier: MIT
"""Arrays on their way to the library and back: dtypes, contiguity, results given by the caller, broadcast gradients."""

import ctypes
import itertools
import math

import numpy as np

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def float_dtype(dtype):
    """A plan's dtype: float32 or float64, else a TypeError."""
    try:
        if dtype is not None and np.dtype(dtype) in FLOATS:  # NumPy takes None for float64
            return np.dtype(dtype)
    except TypeError:
        pass
    raise TypeError(f"dtype: {dtype!r}, expected float32 or float64")


def _seen(name, value):
    """value as NumPy sees it; a TypeError where that would lose a mask."""
    if type(value) is not np.ndarray and np.ma.is_masked(value):
        raise TypeError(f"{name}: has masked elements, which would be read as any other")
    return np.asarray(value)


def readable(name, value, dtype):
    """value as a contiguous, aligned array; nothing is cast: another dtype is a TypeError."""
    array = _seen(name, value)
    if array.dtype != dtype:
        raise TypeError(f"{name}: dtype {array.dtype}, expected {dtype}")
    return array if array.flags.c_contiguous and array.flags.aligned else np.require(array, requirements="CA")


def address(array):
    """Of the first element. The buffer interface tells it six times as fast as array.ctypes, of arrays to write."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError):  # read-only; without elements
        return array.ctypes.data


def doubles(name, value):
    """value as a float64 array; for mathematics without a plan, where every integer and float32 is exact."""
    array = _seen(name, value)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{name}: dtype {array.dtype}, expected real numbers")
    return np.require(array, np.float64, "CA")


def as_int32(array, refused):
    """Integers as the library reads them; a ValueError with this text where they would wrap."""
    limits = np.iinfo(np.int32)
    if array.size and (array.min() < limits.min or array.max() > limits.max):
        raise ValueError(refused)
    return array.astype(np.int32)


LINE, LARGE = 64, 1 << 20  # bytes


def empty(shape, dtype):
    """A new array. A large one begins at a whole cache line, so that the library may write it past the caches."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    memory = np.empty(size + LINE, np.uint8)
    start = -address(memory) % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def result(name, out, shape, dtype):
    """The array that a call writes: a new one, or out where it fits."""
    if out is None:
        return empty(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{name}: {type(out).__name__}, expected an array of shape {shape}")
    if out.dtype != dtype:
        raise TypeError(f"{name}: dtype {out.dtype}, expected {dtype}")
    if out.shape != shape or not out.flags.carray:
        state = "" if out.flags.carray else ", not contiguous or not writeable"
        raise ValueError(f"{name}: shape {out.shape}{state}, expected a contiguous, writeable array of shape {shape}")
    return out


def results(name, out, count):
    """A call's out= as a list of count entries, None where none was given."""
    if out is None:
        return [None] * count
    if not isinstance(out, (tuple, list)) or len(out) != count:
        raise ValueError(f"{name}: expected a tuple of {count} arrays, one per result")
    given = [(i, array) for i, array in enumerate(out) if isinstance(array, np.ndarray) and array.size]
    for (i, a), (j, b) in itertools.combinations(given, 2):
        if np.may_share_memory(a, b):
            raise ValueError(f"{name}[{j}]: overlaps {name}[{i}]")
    return list(out)


def overlap(outs, operands):
    """The sentence for the first pair, one of each list of (name, array or None), that shares memory; else None."""
    for (name, a), (of, b) in itertools.product(outs, operands):
        if a is not None and b is not None and np.may_share_memory(a, b):
            return f"{name}: overlaps {of}"
    return None


def broadcast_axes(**axes):
    """The batch axes that operands of these batch axes have together."""
    distinct = set(axes.values()) - {()}
    if len(distinct) < 2:
        return distinct.pop() if distinct else ()
    try:
        return np.broadcast_shapes(*distinct)
    except ValueError:
        given = ", ".join(f"{name} {shape}" for name, shape in axes.items())
        raise ValueError(f"the batch axes do not broadcast: {given}") from None


def size_of(axes):
    """How many rows batch axes hold."""
    size = 1
    for n in axes:
        size *= n
    return size


def sum_to(array, out):
    """Undoes broadcasting: sums into out, of as many axes, over those along which its operand was repeated."""
    repeated = tuple(i for i, n in enumerate(out.shape) if n == 1 and array.shape[i] != 1)
    if repeated:
        np.sum(array, axis=repeated, keepdims=True, out=out)
    else:
        out[...] = array
