/* SPDX-License-Identifier: MIT */
/* Kernels of the direct contraction, compiled once per tier and real. Exports one const struct. */
#include "cg/cg_kernels.h"

#include <stdbool.h>

#include "simd/vec.h"

enum { T = 64 / sizeof(real), NV = TILE_VECS };

#define MIX_(r) e3tp_cg_mix_##r
#define MIX(r) MIX_(r)
typedef MIX(E3TP_REAL) mix_job;

/* ---- lanes with operands of their own ---- */

/* Tables run with four vectors per entry, so that each constant feeds four multiplications. */
enum { GROUP = NV < 4 ? 4 / NV : 1 };

/* n tiles, a literal. */
V_INLINE void table_tiles(const int n, const e3tp_cg_entry *e, size_t ne, double c, const real *a,
                          size_t as, const real *b, size_t bs, const real *w, size_t ws, real *out,
                          size_t os)
{
    for (size_t s = 0; s < ne;) {
        const int o = e[s].o;
        v_real acc[GROUP * NV];
        V_UNROLL
        for (int v = 0; v < n * NV; v++)
            acc[v] = v_zero();
        for (; s < ne && e[s].o == o; s++) {
            const v_real ce = v_set1((real)(c * e[s].c));
            const real *ai = a + e[s].i * T, *bj = b + e[s].j * T;
            V_UNROLL
            for (int v = 0; v < n * NV; v++) {
                const size_t t = (size_t)(v / NV), at = (size_t)(v % NV * V_LANES);
                acc[v] = v_fma(ce * v_load(ai + t * as + at), v_load(bj + t * bs + at), acc[v]);
            }
        }
        V_UNROLL
        for (int v = 0; v < n * NV; v++) {
            const size_t t = (size_t)(v / NV), at = (size_t)(v % NV * V_LANES);
            real *z = out + t * os + o * T + at;
            v_store(z, w ? v_fma(v_loadu(w + t * ws + at), acc[v], v_load(z)) : v_load(z) + acc[v]);
        }
    }
}

static void table(const e3tp_cg_entry *e, size_t ne, double c, size_t tiles, const real *a,
                  size_t as, const real *b, size_t bs, const real *w, size_t ws, real *out,
                  size_t os)
{
    size_t t = 0;
    for (; t + GROUP <= tiles; t += GROUP)
        table_tiles(GROUP, e, ne, c, a + t * as, as, b + t * bs, bs, w ? w + t * ws : NULL, ws,
                    out + t * os, os);
    for (; t < tiles; t++)
        table_tiles(1, e, ne, c, a + t * as, as, b + t * bs, bs, w ? w + t * ws : NULL, ws,
                    out + t * os, os);
}

static void scale_add(size_t tiles, int d, const real *a, size_t as, const real *w, size_t ws,
                      real *z, size_t zs)
{
    for (size_t t = 0; t < tiles; t++, a += as, w += ws, z += zs)
        for (int v = 0; v < NV; v++) {
            const v_real wv = v_loadu(w + v * V_LANES);
            for (int m = 0; m < d; m++) {
                real *at = z + m * T + v * V_LANES;
                v_store(at, v_fma(wv, v_load(a + m * T + v * V_LANES), v_load(at)));
            }
        }
}

static void scale(size_t tiles, int d, const real *w, size_t ws, real *a, size_t as)
{
    for (size_t t = 0; t < tiles; t++, w += ws, a += as)
        for (int m = 0; m < d; m++)
            for (int v = 0; v < T; v += V_LANES)
                v_store(a + m * T + v, v_load(a + m * T + v) * v_load(w + v));
}

static void dot(size_t tiles, int d, const real *a, size_t as, const real *b, size_t bs, real *line,
                size_t ls)
{
    for (size_t t = 0; t < tiles; t++, a += as, b += bs, line += ls)
        for (int v = 0; v < NV; v++) {
            v_real acc = v_load(line + v * V_LANES);
            for (int m = 0; m < d; m++)
                acc = v_fma(v_load(a + m * T + v * V_LANES), v_load(b + m * T + v * V_LANES), acc);
            v_store(line + v * V_LANES, acc);
        }
}

/* ---- channels that share y ---- */

static void build(const e3tp_cg_entry *e, size_t ne, double c, int n3, const real *y, real *M)
{
    for (size_t s = 0; s < ne; s++) {
        const v_real ce = v_set1((real)(c * e[s].c));
        const real *yj = y + e[s].j * T;
        real *m = M + (e[s].o * n3 + e[s].i) * T;
        V_UNROLL
        for (int v = 0; v < NV; v++)
            v_store(m + v * V_LANES, v_fma(ce, v_load(yj + v * V_LANES), v_load(m + v * V_LANES)));
    }
}

static void build_back(const e3tp_cg_entry *e, size_t ne, double c, int n3, const real *dM,
                       real *gy)
{
    for (size_t s = 0; s < ne; s++) {
        const v_real ce = v_set1((real)(c * e[s].c));
        const real *m = dM + (e[s].i * n3 + e[s].j) * T;
        real *at = gy + e[s].o * T;
        V_UNROLL
        for (int v = 0; v < NV; v++)
            v_store(at + v * V_LANES, v_fma(ce, v_load(m + v * V_LANES), v_load(at + v * V_LANES)));
    }
}

/* Outputs k..k+kt-1 of one row and nv vectors at `lane` of its tile: acc += w M x. */
V_INLINE void mix_row(const int kt, const int nv, const mix_job *m, size_t r, size_t t, int k,
                      int lane, v_real *acc)
{
    const size_t group = (size_t)(m->n1 * m->n3 * T);
    const real *M = m->M + r / T * group + r % T + (size_t)(k * T);
    const real *x = m->x + r * m->x_row + t * m->x_tile + lane;
    const real *w = m->w ? m->w + r * m->w_row + t * T + lane : NULL;
    v_real wv[NV];
    V_UNROLL
    for (int v = 0; v < nv; v++)
        wv[v] = w ? v_loadu(w + v * V_LANES) : v_set1(1);
    if (w && m->prefetch)
        __builtin_prefetch(w + m->prefetch * m->w_row);
    for (int i = 0; i < m->n1; i++, x += T, M += m->n3 * T) {
        v_real a[NV];
        V_UNROLL
        for (int v = 0; v < nv; v++)
            a[v] = v_load(x + v * V_LANES) * wv[v];
        V_UNROLL
        for (int q = 0; q < kt; q++) {
            const v_real c = v_set1(M[q * T]);
            V_UNROLL
            for (int v = 0; v < nv; v++)
                acc[q * nv + v] = v_fma(c, a[v], acc[q * nv + v]);
        }
    }
}

V_INLINE void mix_flush(const int kt, const int nv, real *z, v_real *acc)
{
    V_UNROLL
    for (int q = 0; q < kt; q++)
        V_UNROLL
    for (int v = 0; v < nv; v++) {
        real *at = z + q * T + v * V_LANES;
        v_store(at, v_load(at) + acc[q * nv + v]);
        acc[q * nv + v] = v_zero();
    }
}

/* A tile of kt outputs for all rows of one tile of channels; kt and nv literals. */
V_INLINE void mix_outputs(const int kt, const int nv, const mix_job *m, size_t t, int k)
{
    for (int lane = 0; lane < T; lane += nv * V_LANES) {
        real *z = m->z + t * m->z_tile + k * T + lane;
        v_real acc[10]; /* kt * nv */
        V_UNROLL
        for (int q = 0; q < kt * nv; q++)
            acc[q] = v_zero();
        if (m->sum) {
            for (size_t r = 0; r < m->rows; r++)
                mix_row(kt, nv, m, r, t, k, lane, acc);
            mix_flush(kt, nv, z, acc);
            continue;
        }
        for (size_t r = 0; r < m->rows; r++) {
            mix_row(kt, nv, m, r, t, k, lane, acc);
            mix_flush(kt, nv, z + r * m->z_row, acc);
        }
    }
}

/* Two vectors for each broadcast; one, and more outputs at once, where a tile is one vector. */
enum { PAIR = NV < 2 ? 1 : 2 };

static void mix(const mix_job *m)
{
    for (size_t t = 0; t < m->tiles; t++) {
        int k = 0;
        for (; PAIR == 1 && m->n3 - k >= 9 && m->n3 - k != 11; k += 9)
            mix_outputs(9, PAIR, m, t, k);
        for (; PAIR == 1 && m->n3 - k >= 7; k += 7)
            mix_outputs(7, PAIR, m, t, k);
        for (; m->n3 - k >= 8 || m->n3 - k == 5; k += 5)
            mix_outputs(5, PAIR, m, t, k);
        for (; m->n3 - k == 7 || m->n3 - k == 4; k += 4)
            mix_outputs(4, PAIR, m, t, k);
        for (; m->n3 - k >= 3; k += 3)
            mix_outputs(3, PAIR, m, t, k);
        for (; k < m->n3; k++)
            mix_outputs(1, PAIR, m, t, k);
    }
}

/* One vector of channels of one row. D: room for dM in vectors [n1 * n3], added over channels. */
V_INLINE void mix_back_lanes(const mix_job *m, size_t r, size_t t, int lane, v_real *D)
{
    const int n1 = m->n1, n3 = m->n3;
    const real *M = m->M + r / T * (size_t)(n1 * n3 * T) + r % T;
    const size_t xt = r * m->x_row + t * m->x_tile + (size_t)lane;
    const real *g = m->g + r * m->z_row + t * m->z_tile + lane;
    const v_real w = m->w ? v_loadu(m->w + r * m->w_row + t * T + lane) : v_set1(1);
    v_real gw = v_zero();
    for (int i = 0; i < n1; i++) {
        const v_real x = v_load(m->x + xt + (size_t)(i * T)), wx = w * x;
        v_real u = v_zero();
        for (int k = 0; k < n3; k++) {
            const v_real gk = v_load(g + k * T);
            u = v_fma(v_set1(M[(i * n3 + k) * T]), gk, u);
            if (D)
                D[i * n3 + k] = v_fma(wx, gk, D[i * n3 + k]);
        }
        gw = v_fma(x, u, gw);
        if (m->gx) {
            real *at = m->gx + xt + (size_t)(i * T);
            v_store(at, v_fma(w, u, v_load(at)));
        }
    }
    if (m->gw) {
        real *line = m->gw + r * m->gw_row + t * T + lane;
        v_store(line, v_load(line) + gw);
    }
}

enum { MAX_MATRIX = 25 * 49 }; /* x to l = 12, z to 24 */

static void mix_back(const mix_job *m)
{
    const int size = m->n1 * m->n3;
    v_real D[MAX_MATRIX];
    for (size_t r = 0; r < m->rows; r++) {
        for (int s = 0; s < size && m->dM; s++)
            D[s] = v_zero();
        for (size_t t = 0; t < m->tiles; t++)
            for (int lane = 0; lane < T; lane += V_LANES)
                mix_back_lanes(m, r, t, lane, m->dM ? D : NULL);
        for (int s = 0; s < size && m->dM; s++)
            m->dM[r / T * (size_t)(size * T) + (size_t)(s * T) + r % T] = v_sum(D[s]);
    }
}

/* ---- all channels with all ---- */

V_INLINE v_real load_some(const real *p, size_t n)
{
    return n >= (size_t)V_LANES ? v_loadu(p) : v_load_n(p, (int)n);
}

/* Pairs of a row and a component that share each load of the weights: with the vectors of a tile
   as many sums as registers hold. */
enum { PAIRS = 12 / NV };

/* nv vectors of a tile of outputs, P pairs; n: how many of the outputs are there, all if `whole`.
 */
V_INLINE void connect_vectors(const int P, const int nv, const bool whole, size_t m1, size_t n,
                              size_t ahead, const real *const *t, size_t t_tile, const real *W,
                              size_t w_row, real *const *z, size_t at)
{
    v_real acc[PAIRS * NV];
    V_UNROLL
    for (int q = 0; q < P * nv; q++)
        acc[q] = v_zero();
    for (size_t u = 0; u < m1; u++, W += w_row) {
        const size_t lane = u / T * t_tile + u % T;
        v_real w[NV];
        if (ahead)
            __builtin_prefetch(W + ahead);
        V_UNROLL
        for (int v = 0; v < nv; v++)
            w[v] = whole ? v_loadu(W + v * V_LANES) : load_some(W, n);
        V_UNROLL
        for (int q = 0; q < P; q++) {
            const v_real c = v_set1(t[q][lane]);
            V_UNROLL
            for (int v = 0; v < nv; v++)
                acc[q * nv + v] = v_fma(c, w[v], acc[q * nv + v]);
        }
    }
    V_UNROLL
    for (int q = 0; q < P; q++)
        V_UNROLL
    for (int v = 0; v < nv; v++) {
        real *to = z[q] + at + v * V_LANES;
        v_store(to, v_load(to) + acc[q * nv + v]);
    }
}

V_INLINE void connect_pairs(const int P, size_t m1, size_t mo, size_t ahead, const real *const *t,
                            size_t t_tile, const real *W, size_t w_row, real *const *z,
                            size_t z_tile)
{
    size_t o = 0;
    for (; o + T <= mo; o += T)
        connect_vectors(P, NV, true, m1, T, ahead, t, t_tile, W + o, w_row, z, o / T * z_tile);
    for (; o < mo; o += (size_t)V_LANES)
        connect_vectors(P, 1, false, m1, mo - o, ahead, t, t_tile, W + o, w_row, z,
                        o / T * z_tile + o % T);
}

static void connect(size_t rows, size_t m1, size_t mo, int n3, size_t ahead, const real *t,
                    size_t t_row, size_t t_tile, const real *W, size_t w_row, real *z, size_t z_row,
                    size_t z_tile)
{
    const size_t all = rows * (size_t)n3;
    for (size_t first = 0, now; first < all; first += now) {
        const real *from[PAIRS];
        real *to[PAIRS];
        now = all - first >= PAIRS ? PAIRS : all - first >= 3 ? 3 : 1;
        for (size_t q = 0; q < now; q++) {
            const size_t r = (first + q) / (size_t)n3, k = (first + q) % (size_t)n3;
            from[q] = t + r * t_row + k * T;
            to[q] = z + r * z_row + k * T;
        }
        if (now == PAIRS)
            connect_pairs(PAIRS, m1, mo, first ? 0 : ahead, from, t_tile, W, w_row, to, z_tile);
        else if (now == 3)
            connect_pairs(3, m1, mo, first ? 0 : ahead, from, t_tile, W, w_row, to, z_tile);
        else
            connect_pairs(1, m1, mo, first ? 0 : ahead, from, t_tile, W, w_row, to, z_tile);
    }
}

/* Weights u..u+U-1 with a vector of outputs. */
V_INLINE void outer_vector(const int U, size_t rows, int n3, size_t n, const real *const *t,
                           size_t t_row, const real *g, size_t g_row, real *W, size_t w_row)
{
    v_real acc[4];
    V_UNROLL
    for (int q = 0; q < U; q++)
        acc[q] = load_some(W + (size_t)q * w_row, n);
    for (size_t r = 0; r < rows; r++)
        for (int k = 0; k < n3; k++) {
            const v_real gk = v_load(g + r * g_row + k * T);
            V_UNROLL
            for (int q = 0; q < U; q++)
                acc[q] = v_fma(v_set1(t[q][r * t_row + (size_t)(k * T)]), gk, acc[q]);
        }
    V_UNROLL
    for (int q = 0; q < U; q++) {
        if (n >= (size_t)V_LANES)
            v_storeu(W + (size_t)q * w_row, acc[q]);
        else
            v_store_n(W + (size_t)q * w_row, acc[q], (int)n);
    }
}

static void outer(size_t rows, size_t m1, size_t mo, int n3, const real *t, size_t t_row,
                  size_t t_tile, const real *g, size_t g_row, size_t g_tile, real *W, size_t w_row)
{
    for (size_t u = 0, now; u < m1; u += now) {
        const real *from[4];
        now = m1 - u >= 4 ? 4 : 1;
        for (size_t q = 0; q < now; q++)
            from[q] = t + (u + q) / T * t_tile + (u + q) % T;
        for (size_t o = 0; o < mo; o += (size_t)V_LANES) {
            const real *go = g + o / T * g_tile + o % T;
            real *Wo = W + u * w_row + o;
            if (now == 4)
                outer_vector(4, rows, n3, mo - o, from, t_row, go, g_row, Wo, w_row);
            else
                outer_vector(1, rows, n3, mo - o, from, t_row, go, g_row, Wo, w_row);
        }
    }
}

static void connect_back(size_t m1, size_t mo, int n3, const real *t, const real *W, size_t w_row,
                         const real *g, size_t g_tile, real *gt, real *gW)
{
    for (size_t u = 0; u < m1; u++)
        for (int k = 0; k < n3; k++) {
            const size_t at = u / T * (size_t)(n3 * T) + u % T + (size_t)(k * T);
            const v_real tu = v_set1(t[at]);
            v_real acc = v_zero();
            for (size_t o = 0; o < mo; o += (size_t)V_LANES) {
                const v_real gk = v_load(g + o / T * g_tile + o % T + k * T);
                acc = v_fma(load_some(W + u * w_row + o, mo - o), gk, acc);
                if (!gW)
                    continue;
                real *p = gW + u * w_row + o;
                const v_real sum = v_fma(tu, gk, load_some(p, mo - o));
                if (mo - o >= (size_t)V_LANES)
                    v_storeu(p, sum);
                else
                    v_store_n(p, sum, (int)(mo - o));
            }
            gt[at] += v_sum(acc);
        }
}

#define STRUCT_(r) e3tp_cg_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL) E3TP_NAME(e3tp_cg_kernels) = {E3TP_CG_KERNELS(MEMBER, real, mix_job)};
