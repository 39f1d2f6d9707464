/* SPDX-License-Identifier: MIT */
/* The kernel `overlap`, a part of cg_kernels_tmpl.c: row by row, so that what all pairs of a row
   have in common stays in the first-level cache; sums over tiles in registers, over lanes for some
   pairs at once. */
#ifndef E3TP_CG_OVERLAP_H
#define E3TP_CG_OVERLAP_H

#include "cg/cg_mix.h"

enum {
    MOST_ROWS = 3, /* of elements whose sums are in registers at a time */
    MOST_COLUMNS = NV == 1 ? 7 : 4,
    MOST_ELEMENTS = 25 * 49, /* of a pair: v to l = 12, g to 24 */
    TOGETHER = 64            /* at least, whose lanes are summed at a time */
};

/* A row of a pair: v, v2 and g there, and lines of w, so far apart, and of w2. */
typedef struct overlap_row {
    size_t tiles;
    const source *v, *g;
    const real *a, *a2, *b, *w, *w2;
    size_t w_step;
} overlap_row;

/* Elements from (i, k) on, ni x nk of them, as vectors of lanes; paired, ni, nk literals. */
V_INLINE void overlap_part(const bool paired, const int ni, const int nk, const overlap_row *q,
                           int i, int k, v_real *D)
{
    const size_t step = q->v->step, g_step = q->g->step;
    const real *a = q->a + (size_t)i * step, *a2 = paired ? q->a2 + (size_t)i * step : NULL,
               *b = q->b + (size_t)k * g_step, *w = q->w, *w2 = q->w2;
    const int columns = q->g->n;
    v_real acc[MOST_ROWS * MOST_COLUMNS];
    clear_sums(ni * nk, acc);
    for (size_t t = 0; t < q->tiles; t++) {
        for (int lane = 0; lane < T; lane += V_LANES) {
            const v_real wv = v_loadu(w + lane), w2v = paired ? v_loadu(w2 + lane) : v_zero();
            v_real x[MOST_ROWS];
            V_UNROLL
            for (int p = 0; p < ni; p++) {
                const size_t at = (size_t)p * step + (size_t)lane;
                x[p] = wv * v_loadu(a + at);
                if (paired)
                    x[p] = v_fma(w2v, v_loadu(a2 + at), x[p]);
            }
            V_UNROLL
            for (int c = 0; c < nk; c++) {
                const v_real y = v_loadu(b + (size_t)c * g_step + lane);
                V_UNROLL
                for (int p = 0; p < ni; p++)
                    V_ADD_PRODUCT(acc[p * nk + c], x[p], y);
            }
        }
        a += q->v->tile, b += q->g->tile, w += q->w_step;
        if (paired)
            a2 += q->v->tile, w2 += T;
    }
    V_UNROLL
    for (int p = 0; p < ni; p++)
        V_UNROLL
    for (int c = 0; c < nk; c++)
        D[(i + p) * columns + k + c] = acc[p * nk + c];
}

V_INLINE void overlap_rows(const bool paired, const int ni, const overlap_row *q, int i, v_real *D)
{
#define COLUMNS(nk)                                   \
    case nk:                                          \
        if ((nk) <= MOST_COLUMNS)                     \
            overlap_part(paired, ni, nk, q, i, k, D); \
        break;
    for (int k = 0, now; k < q->g->n; k += now)
        switch (now = (int)e3tp_cut((size_t)(q->g->n - k), MOST_COLUMNS)) {
            COLUMNS(1)
            COLUMNS(2)
            COLUMNS(3)
            COLUMNS(4)
            COLUMNS(5)
            COLUMNS(6)
            COLUMNS(7)
        }
}

V_INLINE void overlap_pair(const bool paired, const overlap_row *q, v_real *D)
{
    for (int i = 0, now; i < q->v->n; i += now)
        switch (now = (int)e3tp_cut((size_t)(q->v->n - i), MOST_ROWS)) {
        case 1:
            overlap_rows(paired, 1, q, i, D);
            break;
        case 2:
            overlap_rows(paired, 2, q, i, D);
            break;
        default:
            overlap_rows(paired, 3, q, i, D);
        }
}

/* The sums of n vectors, with room for some more, to one lane of as many lines. All by sum_lanes
   first is 1.3 times slower. */
V_INLINE void put_sums(size_t n, v_real *lanes, real *to)
{
    real sum[V_BYTES / sizeof(real)];
    clear_sums(V_LANES, lanes + n);
    for (size_t e = 0; e < n; e += (size_t)V_LANES) {
        v_storeu(sum, v_sums(lanes + e));
        for (size_t k = 0; k < (size_t)V_LANES && e + k < n; k++)
            to[(e + k) * T] = sum[k];
    }
}

V_INLINE overlap_row row_of_pair(size_t tiles, const source *v, const source *g, size_t r)
{
    const size_t at = r * v->row, line = weights_at(v, r);
    return (overlap_row){.tiles = tiles,
                         .v = v,
                         .g = g,
                         .a = v->v + at,
                         .a2 = v->v2 ? v->v2 + at : NULL,
                         .b = g->v + r * g->row,
                         .w = v->w ? v->w + line : ones,
                         .w2 = v->v2 ? v->w2 + line : NULL,
                         .w_step = v->w ? T : 0};
}

/* The rest of a row of a pair, so many lanes, added to `lanes` in memory. Not a part of `overlap`,
   as its loops want all registers. */
static __attribute__((noinline)) void overlap_rest(size_t tiles, int rest, const source *v,
                                                   const source *g, size_t r, v_real *lanes)
{
    const overlap_row q = row_of_pair(tiles, v, g, r);
    for (int lane = 0; lane < rest; lane += V_LANES) {
        const v_lanes there = v_first(rest - lane < V_LANES ? rest - lane : V_LANES);
        const size_t at = tiles * v->tile + (size_t)lane;
        const real *b = q.b + tiles * g->tile + lane;
        const v_real w = v_load_lanes(q.w + tiles * q.w_step + (size_t)lane, there);
        v_real w2 = v_zero(), *to = lanes;
        if (q.a2)
            w2 = v_load_lanes(q.w2 + tiles * T + lane, there);
        for (int i = 0; i < v->n; i++) {
            const size_t e = at + (size_t)i * v->step;
            v_real x = w * v_load_lanes(q.a + e, there);
            if (q.a2)
                x = v_fma(w2, v_load_lanes(q.a2 + e, there), x);
            for (int k = 0; k < g->n; k++, to++)
                *to = v_fma(x, v_load_lanes(b + (size_t)k * g->step, there), *to);
        }
    }
}

/* No more arguments than go in registers: with those in memory there is one register less. */
static void overlap(size_t rows, size_t channels, size_t pairs, const source *v, const source *g,
                    real *D)
{
    v_real lanes[MOST_ELEMENTS + TOGETHER + V_BYTES / sizeof(real)];
    for (size_t r = 0; r < rows; r++) {
        real *to = D + r;
        size_t n = 0;
        for (size_t p = 0; p < pairs; p++) {
            const overlap_row q = row_of_pair(channels / T, &v[p], &g[p], r);
            if (q.a2)
                overlap_pair(true, &q, lanes + n);
            else
                overlap_pair(false, &q, lanes + n);
            if (channels % T)
                overlap_rest(channels / T, (int)(channels % T), &v[p], &g[p], r, lanes + n);
            n += (size_t)(v[p].n * g[p].n);
            if (n < TOGETHER && p + 1 < pairs)
                continue;
            put_sums(n, lanes, to);
            to += n * T;
            n = 0;
        }
    }
}

#endif
