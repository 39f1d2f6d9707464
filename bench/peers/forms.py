# SPDX-License-Identifier: MIT
"""The products of the protocol in JAX, from their formulas: each form makes (x, y) -> z, rows of components, of a case.

Tables are constants of the compiled function. Lanes: components first, rows last, turned within the function, in
blocks of rows that stay in the cache. Where JAX's own gradient of a step is slow, the step has one of ours.
"""

from math import pi, sqrt

import e3tp
import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial.legendre import leggauss


def single(array):
    return np.ascontiguousarray(array, dtype=np.float32)


def in_blocks(rows):
    """Rows in blocks, one after the other; lanes: the form takes and gives components first."""

    def wrap(form):
        def made(case):
            product = form(case)

            def whole(x, y):
                blocks = (a.reshape(-1, rows, a.shape[1]) for a in (x, y))
                return jax.lax.map(lambda b: product(b[0].T, b[1].T).T, tuple(blocks)).reshape(len(x), -1)

            return whole

        return made

    return wrap


def with_gradient(forward, backward):
    """A bilinear step; backward(x, y, g) -> gx, gy."""
    step = jax.custom_vjp(forward)
    step.defvjp(lambda x, y: (forward(x, y), (x, y)), lambda kept, g: backward(*kept, g))
    return step


# ---- couplings one by one ----


outer = with_gradient(
    lambda x, y: x[:, None] * y[None],
    lambda x, y, g: (sum(g[:, j] * v for j, v in enumerate(y)), sum(g[i] * v for i, v in enumerate(x))),
)
outer_rows = with_gradient(
    lambda x, y: x[:, :, None] * y[:, None],
    lambda x, y, g: (jnp.matmul(g, y[:, :, None])[:, :, 0], jnp.matmul(x[:, None], g)[:, 0]),
)


def pairs(case):
    """Of each pair of degrees: where they are, and the matrix from products of components to all their paths."""
    found = {}
    for i, j, _, tensor in case.blocks():
        found.setdefault((i.start, i.stop, j.start, j.stop), []).append(tensor.reshape(-1, tensor.shape[2]))
    return [(slice(*at[:2]), slice(*at[2:]), single(np.concatenate(m, 1))) for at, m in found.items()]


def cg_dense_rows(case):
    tables = pairs(case)

    def product(x, y):
        outers = (outer_rows(x[:, i], y[:, j]).reshape(len(x), -1) for i, j, _ in tables)
        return jnp.concatenate([p @ m for p, (_, _, m) in zip(outers, tables)], 1)

    return product


@in_blocks(250)
def cg_dense_lanes(case):
    tables = [(i, j, single(m.T)) for i, j, m in pairs(case)]

    def product(x, y):
        return jnp.concatenate([m @ outer(x[i], y[j]).reshape(m.shape[1], -1) for i, j, m in tables])

    return product


def whole_dense(case):
    """All couplings as one matrix, for products with one output per degree."""
    tensor = np.zeros((case.width, case.width, case.width_out))
    for i, j, k, block in case.blocks():
        tensor[i, j, k] += block
    return tensor


def tensor_dense_rows(case):
    matrix = single(whole_dense(case).reshape(case.width**2, -1))
    return lambda x, y: outer_rows(x, y).reshape(len(x), -1) @ matrix


@in_blocks(250)
def tensor_dense_lanes(case):
    matrix = single(whole_dense(case).reshape(case.width**2, -1).T)
    return lambda x, y: matrix @ outer(x, y).reshape(case.width**2, -1)


def gathered(i, j, k, value, size):
    """Non-zeros in the order of their results, added up by segments."""
    order = np.argsort(k, kind="stable")
    i, j, k, value = i[order], j[order], k[order], single(value[order])[:, None]
    return lambda x, y: jax.ops.segment_sum(value * x[i] * y[j], k, size, indices_are_sorted=True)


def unrolled(i, j, k, value, size):
    """Every multiply-add written out."""
    terms = [[] for _ in range(size)]
    for term in zip(i, j, k, value.tolist()):
        terms[term[2]].append(term)
    return lambda x, y: jnp.stack([sum((v * x[a] * y[b] for a, b, _, v in t), jnp.zeros_like(x[0])) for t in terms])


def sparse(how, rows):
    """x, y and gz change places in the gradients."""

    @in_blocks(rows)
    def form(case):
        i, j, k, value = case.coordinates()
        product = how(i, j, k, value, case.width_out)
        gx, gy = how(j, k, i, value, case.width), how(i, k, j, value, case.width)
        return with_gradient(product, lambda x, y, g: (gx(y, g), gy(x, g)))

    return form


# ---- samples on the sphere ----


def legendre(top, x):
    """[l, m, point]: orthonormal with the factor exp(i m phi), positive towards x = 1."""
    table = np.zeros((top + 1, top + 1, len(x)))
    table[0, 0] = sqrt(1 / (4 * pi))
    for m in range(top + 1):
        if m:
            table[m, m] = sqrt(1 + 1 / (2 * m)) * np.sqrt(1 - x * x) * table[m - 1, m - 1]
        for l in range(m + 1, top + 1):
            before = sqrt(((l - 1) ** 2 - m * m) / (4 * (l - 1) ** 2 - 1)) * table[l - 2, m] if l > m + 1 else 0
            table[l, m] = sqrt((4 * l * l - 1) / (l * l - m * m)) * (x * table[l - 1, m] - before)
    return table


def circle(top, points):
    """[m, point], m = -top..top: sqrt(2) sin |m| phi, 1, sqrt(2) cos m phi."""
    phi = 2 * pi * np.arange(points) / points
    m = np.arange(-top, top + 1)[:, None]
    return np.where(m < 0, sqrt(2) * np.sin(-m * phi), np.where(m > 0, sqrt(2) * np.cos(m * phi), 1))


class Grid:
    """The least Gauss-Legendre grid on which the product is exact."""

    def __init__(self, case):
        self.top, self.top_out = max(case.degrees), max(case.out)
        band = 2 * self.top + self.top_out
        self.points = band + 1
        x, weights = leggauss(band // 2 + 1)
        self.rings = len(x)
        self.inward = legendre(self.top, x)
        self.outward = legendre(self.top_out, x) * weights * (2 * pi / self.points)
        self.phi, self.phi_out = circle(self.top, self.points), circle(self.top_out, self.points)


def components(degrees):
    return [(l, m) for l in degrees for m in range(-l, l + 1)]


def harmonics(degrees, polar, phi):
    """[component, ring, point]"""
    top = len(phi) // 2
    return np.stack([polar[l, abs(m)][:, None] * phi[m + top] for l, m in components(degrees)])


def grid_one_matrix(case):
    g = Grid(case)
    analysis = single(harmonics(case.out, g.outward, g.phi_out).reshape(case.width_out, -1).T)
    synthesis = single(harmonics(case.degrees, g.inward, g.phi).reshape(case.width, -1))
    return lambda x, y: ((x @ synthesis) * (y @ synthesis)) @ analysis


def spread(degrees, polar, top):
    """[component, m, ring]: the Legendre step as one matrix, mostly zeros."""
    table = np.zeros((sum(2 * l + 1 for l in degrees), 2 * top + 1, polar.shape[2]))
    for row, (l, m) in enumerate(components(degrees)):
        table[row, m + top] = polar[l, abs(m)]
    return table


@in_blocks(500)
def grid_separable(case):
    g = Grid(case)
    inward = single(spread(case.degrees, g.inward, g.top).reshape(case.width, -1).T)
    outward = single(spread(case.out, g.outward, g.top_out).reshape(case.width_out, -1))
    phi, phi_out = single(g.phi.T), single(g.phi_out)

    def samples(x):
        return phi @ (inward @ x).reshape(phi.shape[1], -1)

    def product(x, y):
        return outward @ (phi_out @ (samples(x) * samples(y))).reshape(outward.shape[1], -1)

    return product


def permuted(order):
    """Rows in another order, and back in the gradient."""
    back = np.argsort(order)
    take = jax.custom_vjp(lambda x: x[order])
    take.defvjp(lambda x: (x[order], None), lambda _, g: (g[back],))
    return take


def by_order(degrees):
    """Of each m, -top..top: the components that have it, ascending in l."""
    top, listed = max(degrees), components(degrees)
    return [np.array([n for n, (_, k) in enumerate(listed) if k == m], int) for m in range(-top, top + 1)]


@in_blocks(500)
def grid_by_order(case):
    """The Legendre step m by m, without its zeros."""
    g = Grid(case)
    listed, listed_out = by_order(case.degrees), by_order(case.out)
    l, l_out = (np.array([c[0] for c in components(d)]) for d in (case.degrees, case.out))
    inward = [single(g.inward[l[n], abs(m)].T) for m, n in enumerate(listed, -g.top)]
    outward = [single(g.outward[l_out[n], abs(m)]) for m, n in enumerate(listed_out, -g.top_out)]
    gather, scatter = permuted(np.concatenate(listed)), permuted(np.argsort(np.concatenate(listed_out)))
    cuts = np.cumsum([len(n) for n in listed])[:-1]
    phi, phi_out = single(g.phi.T), single(g.phi_out)

    def samples(x):
        rings = jnp.concatenate([t @ part for t, part in zip(inward, jnp.split(gather(x), cuts))])
        return phi @ rings.reshape(phi.shape[1], -1)

    def product(x, y):
        rings = (phi_out @ (samples(x) * samples(y))).reshape(len(outward) * g.rings, -1)
        return scatter(jnp.concatenate([t @ part for t, part in zip(outward, jnp.split(rings, len(outward)))]))

    return product


# ---- series on the torus ----


def smooth(n):
    """The least number from n on whose prime factors are 2, 3 and 5."""
    rest = n
    for p in (2, 3, 5):
        while rest % p == 0:
            rest //= p
    return n if rest == 1 else smooth(n + 1)


class Torus:
    """Functions as Fourier series of theta and phi, theta continued from the half circle to the whole.

    inward (component, u * v), u = -top..top, v = 0..top; outward (u * v, component): the integrals over the sphere.
    """

    def __init__(self, case):
        self.top = max(case.degrees)
        self.band = 2 * self.top
        self.size = smooth(2 * self.band + 1)
        self.orders = min(self.band, max(case.out)) + 1
        self.inward = self.series(case.degrees)
        self.outward = self.integrals(case.out)

    def series(self, degrees):
        points = 4 * self.top + 4
        theta = 2 * pi * np.arange(points) / points
        polar = legendre(self.top, np.cos(theta))
        sign = np.where(np.sin(theta) < -1e-12, -1.0, 1.0)
        table = np.zeros((sum(2 * l + 1 for l in degrees), 2 * self.top + 1, self.top + 1), complex)
        for row, (l, m) in enumerate(components(degrees)):
            waves = np.fft.fft(polar[l, abs(m)] * sign ** abs(m)) / points
            factor = 1 if m == 0 else sqrt(0.5) if m > 0 else -1j * sqrt(0.5)
            table[row, :, abs(m)] = factor * waves[np.arange(-self.top, self.top + 1)]
        return table.reshape(len(table), -1)

    def integrals(self, degrees):
        nodes, weights = leggauss(12 * self.band + 40)
        theta = (nodes + 1) * pi / 2
        waves = np.exp(1j * np.outer(np.arange(-self.band, self.band + 1), theta)) * weights * pi / 2 * np.sin(theta)
        polar = legendre(max(degrees), np.cos(theta))
        table = np.zeros((2 * self.band + 1, self.orders, sum(2 * l + 1 for l in degrees)), complex)
        for row, (l, m) in enumerate(components(degrees)):
            factor = 1 if m == 0 else sqrt(2) if m > 0 else 1j * sqrt(2)
            table[:, abs(m), row] = factor * 2 * pi * (waves @ polar[l, abs(m)])
        return table.reshape(-1, table.shape[2])


def fourier(case):
    t = Torus(case)
    real, imaginary = single(t.inward.real), single(t.inward.imag)
    back_real, back_imaginary = single(t.outward.real), single(-t.outward.imag)

    def samples(x):
        waves = jax.lax.complex(x @ real, x @ imaginary).reshape(len(x), 2 * t.top + 1, t.top + 1)
        whole = jnp.zeros((len(x), t.size, t.size // 2 + 1), waves.dtype)
        whole = whole.at[:, : t.top + 1, : t.top + 1].set(waves[:, t.top :])
        whole = whole.at[:, t.size - t.top :, : t.top + 1].set(waves[:, : t.top])
        return jnp.fft.irfft2(whole, (t.size, t.size), norm="forward")

    def product(x, y):
        waves = jnp.fft.rfft2(samples(x) * samples(y), norm="forward")
        kept = jnp.concatenate([waves[:, t.size - t.band :, : t.orders], waves[:, : t.band + 1, : t.orders]], 1)
        kept = kept.reshape(len(x), -1)
        return kept.real @ back_real + kept.imag @ back_imaginary

    return product


# ---- products of matrices ----


def bases(case):
    """(row * column, component): of the inputs, of the outputs of even l1+l2+l3, of those of odd; all of one spin."""
    n = 2 * ((max(*case.degrees, *case.out) + 1) // 2) + 1

    def basis(degrees):
        return np.concatenate([e3tp.wigner_3j(n // 2, n // 2, l).reshape(n * n, -1) for l in degrees], 1)

    odd = case.outputs[len(case.out) :]
    return n, single(basis(case.degrees)), single(basis(case.out) / 2), single(basis(odd) / 2)


def matrix_rows(case):
    """Anticommutator and commutator of the matrices of x and y."""
    n, inward, even, odd = bases(case)

    def product(x, y):
        p, q = ((a @ inward.T).reshape(-1, n, n) for a in (x, y))
        pq, qp = (r.reshape(-1, n * n) for r in (jnp.matmul(p, q), jnp.matmul(q, p)))
        return jnp.concatenate([(pq + qp) @ even, (pq - qp) @ odd], 1)

    return product


def turned(p):
    return p.swapaxes(0, 1)


def multiplied(p, q):
    """Products of matrices, one for each lane."""
    return sum(p[:, j, None] * q[None, j] for j in range(len(q)))


@in_blocks(500)
def matrix_lanes(case):
    n, *tables = bases(case)
    inward, even, odd = tables[0], tables[1].T.copy(), tables[2].T.copy()
    multiply = with_gradient(multiplied, lambda p, q, g: (multiplied(g, turned(q)), multiplied(turned(p), g)))

    def product(x, y):
        p, q = ((inward @ a).reshape(n, n, -1) for a in (x, y))
        pq, qp = (r.reshape(n * n, -1) for r in (multiply(p, q), multiply(q, p)))
        return jnp.concatenate([even @ (pq + qp), odd @ (pq - qp)])

    return product
