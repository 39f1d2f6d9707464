/* SPDX-License-Identifier: MIT */
/* Kernels of the direct contraction, compiled once per tier and real: those of lanes with operands
   of their own, and matrices of y; the others in headers. Exports one const struct. */
#include "cg/cg_kernels.h"

#include <stdbool.h>

#include "cg/cg_sums.h"
#include "simd/transpose.h"
#include "tile/tile.h"

enum { T = 64 / sizeof(real), NV = TILE_VECS };

#define MIX_(r) e3tp_cg_mix_##r
#define MIX(r) MIX_(r)
typedef MIX(E3TP_REAL) mix_job;
#define SOURCE_(r) e3tp_cg_source_##r
#define SOURCE(r) SOURCE_(r)
typedef SOURCE(E3TP_REAL) source;

/* sum[e] = v_sum(acc[e]) for e < n; both have room for a vector more, of lanes and of sums, and acc
 * is used up. */
V_INLINE void sum_lanes(const int n, v_real *acc, real *sum)
{
    clear_sums(V_LANES, acc + n);
    for (int e = 0; e < n; e += V_LANES)
        v_storeu(sum + e, v_sums(acc + e));
}

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
        clear_sums(n * NV, acc);
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

/* Where operands and results of a call over tiles lie. */
typedef struct tile_args {
    const real *a, *b, *w;
    real *out;
    size_t as, bs, ws, os;
} tile_args;

/* acc: sums of c p, then of d q, for n tiles; n and kind literals. */
V_INLINE void add_quad(const int n, const int kind, const e3tp_cg_quad *e, const tile_args *t,
                       v_real *acc)
{
    const v_real c = v_set1((real)e->c), d = v_set1((real)e->d);
    V_UNROLL
    for (int v = 0; v < n * NV; v++) {
        const size_t at = (size_t)(v % NV * V_LANES);
        const real *a = t->a + (size_t)(v / NV) * t->as + at;
        const real *b = t->b + (size_t)(v / NV) * t->bs + at;
        const v_real x = v_load(a + e->i * T), x2 = v_load(a + e->i2 * T);
        const v_real y = v_load(b + e->j * T), y2 = v_load(b + e->j2 * T);
        const v_real p = kind >= 4   ? x * y
                         : kind >= 2 ? v_fnma(x2, y2, x * y)
                                     : v_fma(x2, y2, x * y);
        const v_real q = kind == 4   ? x * y2
                         : kind == 5 ? x2 * y
                         : kind % 2  ? v_fnma(x2, y, x * y2)
                                     : v_fma(x2, y, x * y2);
        acc[v] = v_fma(c, p, acc[v]);
        acc[n * NV + v] = v_fma(d, q, acc[n * NV + v]);
    }
}

V_INLINE void quads_tiles(const int n, const e3tp_cg_quad_group *g, size_t groups,
                          const e3tp_cg_quad *e, double c, const tile_args *t)
{
    const e3tp_cg_quad *at = e;
    for (const e3tp_cg_quad_group *end = g + groups; g < end; g++) {
        v_real acc[2 * GROUP * NV];
        clear_sums(2 * n * NV, acc);
        V_UNROLL
        for (int kind = 0; kind < E3TP_CG_QUAD_KINDS; kind++)
            for (; at < e + g->end[kind]; at++)
                add_quad(n, kind, at, t, acc);
        V_UNROLL
        for (int v = 0; v < n * NV; v++) {
            const size_t tile = (size_t)(v / NV), lane = (size_t)(v % NV * V_LANES);
            v_real w = v_set1((real)c);
            if (t->w)
                w *= v_loadu(t->w + tile * t->ws + lane);
            real *z = t->out + tile * t->os + lane, *z1 = z + g->o * T, *z2 = z + g->o2 * T;
            v_store(z1, v_fma(w, acc[v], v_load(z1)));
            v_store(z2, v_fma(w, acc[n * NV + v], v_load(z2)));
        }
    }
}

static void quads(const e3tp_cg_quad_group *g, size_t n, const e3tp_cg_quad *e, double c,
                  size_t tiles, const real *a, size_t as, const real *b, size_t bs, const real *w,
                  size_t ws, real *out, size_t os)
{
    for (size_t t = 0, now; t < tiles; t += now) {
        const tile_args at = {a + t * as, b + t * bs, w ? w + t * ws : NULL, out + t * os, as, bs,
                              ws,         os};
        now = tiles - t >= GROUP ? GROUP : 1;
        if (now == GROUP)
            quads_tiles(GROUP, g, n, e, c, &at);
        else
            quads_tiles(1, g, n, e, c, &at);
    }
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

static void scale(size_t tiles, int d, const real *a, size_t as, const real *w, size_t ws, real *z,
                  size_t zs)
{
    for (size_t t = 0; t < tiles; t++, a += as, w += ws, z += zs)
        for (int m = 0; m < d; m++)
            for (int v = 0; v < T; v += V_LANES)
                v_store(z + m * T + v, v_load(a + m * T + v) * v_load(w + v));
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

/* weighted: a literal. */
V_INLINE void build_matrix(const bool weighted, const e3tp_cg_entry *e, size_t ne, double c,
                           int i_step, int k_step, const real *y, const real *w, real *M)
{
    v_real wv[NV];
    for (int v = 0; v < NV; v++)
        wv[v] = weighted ? v_load(w + v * V_LANES) : v_zero();
    for (size_t s = 0; s < ne; s++) {
        const v_real ce = v_set1((real)(c * e[s].c));
        const real *yj = y + e[s].j * T;
        real *m = M + (e[s].o * i_step + e[s].i * k_step) * T;
        V_UNROLL
        for (int v = 0; v < NV; v++, yj += V_LANES, m += V_LANES)
            v_store(m, v_fma(weighted ? ce * wv[v] : ce, v_load(yj), v_load(m)));
    }
}

static void build(const e3tp_cg_entry *e, size_t ne, double c, int i_step, int k_step,
                  const real *y, const real *w, real *M)
{
    if (w)
        build_matrix(true, e, ne, c, i_step, k_step, y, w, M);
    else
        build_matrix(false, e, ne, c, i_step, k_step, y, NULL, M);
}

static void build_back(const e3tp_cg_entry *e, size_t ne, double c, size_t N, const real *D,
                       const real *y, const real *w, real *gy, real *gw)
{
    for (size_t s = 0; s < ne;) {
        const int j = e[s].o;
        v_real sum[NV];
        clear_sums(NV, sum);
        for (; s < ne && e[s].o == j; s++) {
            const v_real ce = v_set1((real)(c * e[s].c));
            const real *d = D + ((size_t)e[s].i * N + (size_t)e[s].j) * T;
            V_UNROLL
            for (int v = 0; v < NV; v++)
                sum[v] = v_fma(ce, v_load(d + v * V_LANES), sum[v]);
        }
        for (int v = 0; v < T; v += V_LANES) {
            const v_real of_j = sum[v / V_LANES];
            real *to = gy ? gy + j * T + v : NULL;
            if (to)
                v_store(to, v_fma(w ? v_load(w + v) : v_set1(1), of_j, v_load(to)));
            if (gw)
                v_store(gw + v, v_fma(v_load(y + j * T + v), of_j, v_load(gw + v)));
        }
    }
}

#include "cg/cg_connected.h"
#include "cg/cg_mix.h"
#include "cg/cg_mix_back.h"
#include "cg/cg_overlap.h"

#define STRUCT_(r) e3tp_cg_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL)
    E3TP_NAME(e3tp_cg_kernels) = {E3TP_CG_KERNELS(MEMBER, real, mix_job, source)};
