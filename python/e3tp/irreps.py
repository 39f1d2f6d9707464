# SPDX-License-Identifier: MIT
"""Irreps of O(3) and lists of them, immutable, with e3nn's grammar, names and order."""

import collections
import itertools
import operator
import re

from . import math

_TERM = re.compile(r"\s*(?:(\d+)\s*x\s*)?(\d+)\s*([eoy])\s*", re.ASCII)
Sorted = collections.namedtuple("Sorted", "irreps p inv")


def _parity(l, letter):
    return {"e": 1, "o": -1, "y": (-1) ** l}[letter]


def _is_integer(value):
    return hasattr(type(value), "__index__")


class Irrep(tuple):
    """An irrep of O(3): degree l and parity p, a tuple (l, p).

    Made from l and p, from text ("1o"; "1y" has the parity of the harmonics, (-1)^l), a pair or another Irrep.

    >>> Irrep("2o").dim
    5
    >>> list(Irrep("1o") * Irrep("1o"))
    [0e, 1e, 2e]
    """

    __slots__ = ()
    __array_ufunc__ = None  # an integer of NumPy on the left is a multiplicity

    def __new__(cls, l, p=None):
        if p is None and isinstance(l, Irrep):
            return l
        given = l if p is None else (l, p)
        if p is None and isinstance(l, str):
            term = _TERM.fullmatch(l)
            if not term or term[1]:
                raise ValueError(f"irrep {l!r}: expected a degree and a parity, such as '1o'")
            l, p = int(term[2]), _parity(int(term[2]), term[3])
        elif p is None and isinstance(l, tuple) and len(l) == 2:
            l, p = l
        if not (_is_integer(l) and l >= 0 and _is_integer(p) and p in (-1, 1)):
            raise ValueError(f"irrep {given!r}: expected a degree l >= 0 and a parity 1 or -1")
        return super().__new__(cls, (operator.index(l), operator.index(p)))

    @property
    def l(self):
        """The degree."""
        return self[0]

    @property
    def p(self):
        """The parity, 1 or -1."""
        return self[1]

    @property
    def dim(self):
        """2 l + 1."""
        return 2 * self.l + 1

    def __repr__(self):
        return f"{self.l}{'e' if self.p == 1 else 'o'}"

    @classmethod
    def iterator(cls, lmax=None):
        """Every irrep, the natural parity of each degree first: 0e, 0o, 1o, 1e, 2e, ... to lmax or for ever."""
        for l in itertools.count() if lmax is None else range(lmax + 1):
            yield cls(l, (-1) ** l)
            yield cls(l, -((-1) ** l))

    def is_scalar(self):
        """Whether it is 0e."""
        return self == (0, 1)

    def __mul__(self, other):
        """Yields the irreps of the product, l ascending."""
        other = Irrep(other)
        for l in range(abs(self.l - other.l), self.l + other.l + 1):
            yield Irrep(l, self.p * other.p)

    def __rmul__(self, mul):
        return Irreps([(mul, self)])

    def __add__(self, other):
        return Irreps(self) + Irreps(other)

    def count(self, _):
        raise NotImplementedError("an Irrep is not a list")

    index = count

    def D_from_angles(self, alpha, beta, gamma, k=0, out=None):
        """p^k D^l(alpha, beta, gamma), (..., 2l+1, 2l+1): wigner_D with k inversions."""
        return math.with_inversions(math.wigner_D(self.l, alpha, beta, gamma), self.p, k, out)

    def D_from_matrix(self, R, out=None):
        """The matrix of an element of O(3) given as R (..., 3, 3), see wigner_D_from_matrix."""
        return math.wigner_D_from_matrix(self.l, R, self.p, out)


class MulIrrep(tuple):
    """mul copies of an irrep, a pair (mul, ir): what iteration over Irreps gives."""

    __slots__ = ()

    def __new__(cls, mul, ir):
        if not _is_integer(mul) or mul < 0:
            raise ValueError(f"multiplicity {mul!r} of {ir}: expected an integer >= 0")
        return super().__new__(cls, (operator.index(mul), Irrep(ir)))

    def __getnewargs__(self):
        return tuple(self)

    @property
    def mul(self):
        """The multiplicity."""
        return self[0]

    @property
    def ir(self):
        """The irrep."""
        return self[1]

    @property
    def dim(self):
        """mul (2 l + 1)."""
        return self.mul * self.ir.dim

    def __repr__(self):
        return f"{self.mul}x{self.ir}"

    def count(self, _):
        raise NotImplementedError("a pair of multiplicity and irrep is not a list")

    index = count


def _parse(text):
    for part in text.split("+") if text.strip() else ():
        term = _TERM.fullmatch(part)
        if not term:
            raise ValueError(f"irreps {text!r}: expected terms such as 16x1o joined by +, not {part!r}")
        mul, l, letter = term.groups()
        yield MulIrrep(int(mul or 1), Irrep(int(l), _parity(int(l), letter)))


def _entry(item):
    """One item of an iterable: an irrep or its text once, or a pair (mul, irrep)."""
    if isinstance(item, MulIrrep):
        return item
    if isinstance(item, (str, Irrep)):
        return MulIrrep(1, item)
    try:
        mul, ir = item
    except (TypeError, ValueError):
        raise ValueError(f"irreps: {item!r}, expected an irrep or a pair (multiplicity, irrep)") from None
    return MulIrrep(mul, ir)


class Irreps(tuple):
    """A direct sum of irreps of O(3): a tuple of pairs (mul, ir).

    Made from text, an Irrep, another Irreps, or an iterable of irreps, texts and pairs (mul, ir).

    >>> Irreps("8x0e + 4x1o")
    8x0e+4x1o
    >>> Irreps([(100, (0, 1)), "1e"]).dim
    103
    """

    __slots__ = ()
    __array_ufunc__ = None

    def __new__(cls, irreps=None):
        if isinstance(irreps, Irreps):
            return super().__new__(cls, irreps)
        if irreps is None:
            return super().__new__(cls)
        if isinstance(irreps, str):
            return super().__new__(cls, _parse(irreps))
        if isinstance(irreps, Irrep):
            return super().__new__(cls, (MulIrrep(1, irreps),))
        return super().__new__(cls, map(_entry, irreps))

    @staticmethod
    def spherical_harmonics(lmax, p=-1):
        """The irreps of the harmonics of degrees 0..lmax; p is the parity of the vector: -1 polar, 1 axial.

        >>> Irreps.spherical_harmonics(3)
        1x0e+1x1o+1x2e+1x3o
        """
        return Irreps((1, (l, p**l)) for l in range(lmax + 1))

    def __repr__(self):
        return "+".join(map(repr, self))

    @property
    def dim(self):
        """The number of components, sum of mul (2 l + 1)."""
        return sum(block.dim for block in self)

    @property
    def num_irreps(self):
        """The sum of the multiplicities."""
        return sum(mul for mul, _ in self)

    @property
    def ls(self):
        """The degree of every copy, in order."""
        return [ir.l for mul, ir in self for _ in range(mul)]

    @property
    def lmax(self):
        """The largest degree that occurs."""
        present = [ir.l for mul, ir in self if mul]
        if not present:
            raise ValueError("lmax: there are no irreps")
        return max(present)

    def slices(self):
        """The slice of the feature axis that each block takes."""
        ends = list(itertools.accumulate(block.dim for block in self))
        return [slice(start, end) for start, end in zip([0] + ends, ends)]

    def __getitem__(self, i):
        item = super().__getitem__(i)
        return Irreps(item) if isinstance(i, slice) else item

    def __contains__(self, ir):
        """Whether an irrep occurs, with whatever multiplicity."""
        ir = Irrep(ir)
        return any(ir == other for _, other in self)

    def count(self, ir):
        """The total multiplicity of an irrep."""
        ir = Irrep(ir)
        return sum(mul for mul, other in self if ir == other)

    def index(self, _):
        raise NotImplementedError("an irrep may stand at several places; use enumerate")

    def __add__(self, other):
        return Irreps(super().__add__(Irreps(other)))

    def __mul__(self, n):
        """The list repeated n times, as for any tuple."""
        if isinstance(n, Irreps):
            raise NotImplementedError("a product of representations is made by FullTensorProduct")
        return Irreps(super().__mul__(n))

    __rmul__ = __mul__

    def remove_zero_multiplicities(self):
        """Without the blocks of multiplicity 0."""
        return Irreps(block for block in self if block.mul)

    def simplify(self):
        """Without empty blocks, and with neighbours of the same irrep merged; the order stays.

        >>> Irreps("1e + 1e + 0e + 1e").simplify()
        2x1e+1x0e+1x1e
        """
        runs = itertools.groupby(self.remove_zero_multiplicities(), key=operator.itemgetter(1))
        return Irreps((sum(mul for mul, _ in run), ir) for ir, run in runs)

    def sort(self):
        """Named tuple (irreps, p, inv): sorted by (l, p), stable; p[old] = new and inv[new] = old.

        >>> Irreps("1e + 0e + 1o").sort().irreps
        1x0e+1x1o+1x1e
        """
        inv = tuple(sorted(range(len(self)), key=lambda i: self[i].ir))
        p = tuple(sorted(range(len(self)), key=lambda i: inv[i]))
        return Sorted(Irreps(self[i] for i in inv), p, inv)

    def regroup(self):
        """Sorted, then simplified: every irrep once.

        >>> Irreps("1e + 0e + 2x1e").regroup()
        1x0e+3x1e
        """
        return self.sort().irreps.simplify()

    def D_from_angles(self, alpha, beta, gamma, k=0, out=None):
        """The representation's matrix, (..., dim, dim): block diagonal, see Irrep.D_from_angles."""
        axes = Irrep(0, 1).D_from_angles(alpha, beta, gamma, k).shape[:-2]
        blocks = [D for mul, ir in self if mul for D in mul * [ir.D_from_angles(alpha, beta, gamma, k)]]
        return math.direct_sum(blocks, axes, out)

    def D_from_matrix(self, R, out=None):
        """The representation's matrix, (..., dim, dim): block diagonal, see Irrep.D_from_matrix."""
        axes = Irrep(0, 1).D_from_matrix(R).shape[:-2]
        return math.direct_sum([D for mul, ir in self if mul for D in mul * [ir.D_from_matrix(R)]], axes, out)
