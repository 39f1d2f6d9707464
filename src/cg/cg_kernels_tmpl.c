/* SPDX-License-Identifier: MIT */
/* Kernels of the direct contraction, compiled once per tier and real. Exports one const struct. */
#include "cg/cg_kernels.h"
#include "simd/vec.h"

/* Tables run with four vectors per entry, so that each constant feeds four multiplications. */
enum { NV = 4, MAX_TILE = 7 };

V_INLINE v_real load(const real *p, int n)
{
    return n == V_LANES ? v_loadu(p) : v_load_n(p, n);
}

V_INLINE void store(real *p, v_real v, int n)
{
    if (n == V_LANES)
        v_storeu(p, v);
    else
        v_store_n(p, v, n);
}

/* nv vectors at one place, the last of `tail` lanes. */
V_INLINE void lanes_at(const int nv, const int tail, const e3tp_cg_entry *e, size_t ne, size_t n,
                       const real *x, const real *y, const real *w, real *z)
{
    v_real wv[NV];
    V_UNROLL
    for (int v = 0; v < nv; v++)
        wv[v] = w ? load(w + v * V_LANES, tail) : v_set1(1);
    for (size_t s = 0; s < ne;) {
        const int k = e[s].k;
        v_real acc[NV];
        V_UNROLL
        for (int v = 0; v < nv; v++)
            acc[v] = v_zero();
        for (; s < ne && e[s].k == k; s++) {
            const v_real c = v_set1((real)e[s].c);
            const real *xi = x + (size_t)e[s].i * n, *yj = y + (size_t)e[s].j * n;
            V_UNROLL
            for (int v = 0; v < nv; v++)
                acc[v] =
                    v_fma(c * load(xi + v * V_LANES, tail), load(yj + v * V_LANES, tail), acc[v]);
        }
        real *zk = z + (size_t)k * n;
        V_UNROLL
        for (int v = 0; v < nv; v++)
            store(zk + v * V_LANES, v_fma(wv[v], acc[v], load(zk + v * V_LANES, tail)), tail);
    }
}

static void lanes(const e3tp_cg_entry *e, size_t ne, size_t n, const real *x, const real *y,
                  const real *w, real *z)
{
    size_t u = 0;
    for (; u + (size_t)(NV * V_LANES) <= n; u += (size_t)(NV * V_LANES))
        lanes_at(NV, V_LANES, e, ne, n, x + u, y + u, w ? w + u : NULL, z + u);
    for (; u + (size_t)V_LANES <= n; u += (size_t)V_LANES)
        lanes_at(1, V_LANES, e, ne, n, x + u, y + u, w ? w + u : NULL, z + u);
    if (u < n)
        lanes_at(1, (int)(n - u), e, ne, n, x + u, y + u, w ? w + u : NULL, z + u);
}

V_INLINE void add_at(real *p, v_real v, int tail)
{
    store(p, load(p, tail) + v, tail);
}

V_INLINE void lanes_back_at(const int nv, const int tail, const e3tp_cg_entry *e, size_t ne,
                            size_t n, const real *x, const real *y, const real *w, const real *g,
                            real *gx, real *gy, real *gw)
{
    for (size_t s = 0; s < ne; s++) {
        const v_real c = v_set1((real)e[s].c);
        const size_t i = (size_t)e[s].i * n, j = (size_t)e[s].j * n, k = (size_t)e[s].k * n;
        V_UNROLL
        for (int v = 0; v < nv; v++) {
            const size_t o = (size_t)(v * V_LANES);
            const v_real xv = load(x + i + o, tail), yv = load(y + j + o, tail),
                         cg = c * load(g + k + o, tail);
            const v_real wcg = w ? cg * load(w + o, tail) : cg;
            if (gx)
                add_at(gx + i + o, wcg * yv, tail);
            if (gy)
                add_at(gy + j + o, wcg * xv, tail);
            if (gw)
                add_at(gw + o, cg * xv * yv, tail);
        }
    }
}

#define AT(p, u) ((p) ? (p) + (u) : NULL)

static void lanes_back(const e3tp_cg_entry *e, size_t ne, size_t n, const real *x, const real *y,
                       const real *w, const real *g, real *gx, real *gy, real *gw)
{
    size_t u = 0;
    for (; u + (size_t)(NV * V_LANES) <= n; u += (size_t)(NV * V_LANES))
        lanes_back_at(NV, V_LANES, e, ne, n, x + u, y + u, AT(w, u), g + u, AT(gx, u), AT(gy, u),
                      AT(gw, u));
    for (; u + (size_t)V_LANES <= n; u += (size_t)V_LANES)
        lanes_back_at(1, V_LANES, e, ne, n, x + u, y + u, AT(w, u), g + u, AT(gx, u), AT(gy, u),
                      AT(gw, u));
    if (u < n)
        lanes_back_at(1, (int)(n - u), e, ne, n, x + u, y + u, AT(w, u), g + u, AT(gx, u),
                      AT(gy, u), AT(gw, u));
}

/* Weights of a vector of channels; they are ws apart. */
V_INLINE v_real weights_at(const real *w, size_t ws, int tail)
{
    if (!w)
        return v_set1(1);
    if (ws == 1)
        return load(w, tail);
    real t[V_BYTES / sizeof(real)] = {0};
    for (int i = 0; i < tail; i++)
        t[i] = w[(size_t)i * ws];
    return v_loadu(t);
}

/* One vector of channels; kt, the outputs of a tile, is a literal after inlining, so the
 * accumulators stay in registers. */
V_INLINE void shared_at(const int kt, int n1, int n3, const real *M, const real *x, size_t lx,
                        v_real w, real *z, size_t lz, int tail)
{
    v_real acc[MAX_TILE];
    V_UNROLL
    for (int k = 0; k < kt; k++)
        acc[k] = v_zero();
    for (int i = 0; i < n1; i++) {
        const v_real a = load(x + (size_t)i * lx, tail) * w;
        V_UNROLL
        for (int k = 0; k < kt; k++)
            acc[k] = v_fma(v_set1(M[i * n3 + k]), a, acc[k]);
    }
    V_UNROLL
    for (int k = 0; k < kt; k++)
        add_at(z + (size_t)k * lz, acc[k], tail);
}

V_INLINE void shared_tile(const int kt, int n1, int n3, const real *M, size_t n, const real *x,
                          size_t lx, const real *w, size_t ws, real *z, size_t lz)
{
    size_t u = 0;
    for (; u + (size_t)V_LANES <= n; u += (size_t)V_LANES)
        shared_at(kt, n1, n3, M, x + u, lx, weights_at(AT(w, u * ws), ws, V_LANES), z + u, lz,
                  V_LANES);
    if (u < n)
        shared_at(kt, n1, n3, M, x + u, lx, weights_at(AT(w, u * ws), ws, (int)(n - u)), z + u, lz,
                  (int)(n - u));
}

static void shared(int n1, int n3, const real *M, size_t n, const real *x, size_t lx, const real *w,
                   size_t ws, real *z, size_t lz)
{
    int k = 0;
    switch (n3) {
    case 3:
        shared_tile(3, n1, n3, M, n, x, lx, w, ws, z, lz);
        return;
    case 7:
        shared_tile(7, n1, n3, M, n, x, lx, w, ws, z, lz);
        return;
    default:
        break;
    }
    for (; k + 5 <= n3; k += 5)
        shared_tile(5, n1, n3, M + k, n, x, lx, w, ws, z + (size_t)k * lz, lz);
    for (; k < n3; k++)
        shared_tile(1, n1, n3, M + k, n, x, lx, w, ws, z + (size_t)k * lz, lz);
}

static void shared_back(int n1, int n3, const real *M, size_t n, const real *x, size_t lx,
                        const real *w, size_t ws, const real *g, size_t lz, real *gx, real *gw,
                        real *dM)
{
    for (size_t u = 0; u < n; u += (size_t)V_LANES) {
        const int tail = n - u < (size_t)V_LANES ? (int)(n - u) : V_LANES;
        const v_real wv = weights_at(AT(w, u * ws), ws, tail);
        v_real dw = v_zero();
        for (int i = 0; i < n1; i++) {
            const v_real xi = load(x + u + (size_t)i * lx, tail), wx = wv * xi;
            v_real back = v_zero();
            for (int k = 0; k < n3; k++) {
                const v_real gk = load(g + u + (size_t)k * lz, tail);
                back = v_fma(v_set1(M[i * n3 + k]), gk, back);
                if (dM)
                    dM[i * n3 + k] += v_sum(wx * gk);
            }
            dw = v_fma(xi, back, dw);
            if (gx)
                add_at(gx + u + (size_t)i * lx, wv * back, tail);
        }
        if (gw) {
            real t[V_BYTES / sizeof(real)];
            v_storeu(t, dw);
            for (int i = 0; i < tail; i++)
                gw[(u + (size_t)i) * ws] += t[i];
        }
    }
}

static void axpy(size_t n, real a, const real *x, real *z)
{
    for (size_t u = 0; u < n; u += (size_t)V_LANES) {
        const int tail = n - u < (size_t)V_LANES ? (int)(n - u) : V_LANES;
        store(z + u, v_fma(v_set1(a), load(x + u, tail), load(z + u, tail)), tail);
    }
}

static void dot(size_t n, const real *x, const real *y, real *out)
{
    v_real acc = v_zero();
    for (size_t u = 0; u < n; u += (size_t)V_LANES) {
        const int tail = n - u < (size_t)V_LANES ? (int)(n - u) : V_LANES;
        acc = v_fma(load(x + u, tail), load(y + u, tail), acc);
    }
    *out += v_sum(acc);
}

#define STRUCT_(r) e3tp_cg_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL) E3TP_NAME(e3tp_cg_kernels) = {E3TP_CG_KERNELS(MEMBER, real)};
