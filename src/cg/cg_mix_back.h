/* SPDX-License-Identifier: MIT */
/* The kernel `mix_back`, a part of cg_kernels_tmpl.c: source by source, all tiles of a row. */
#ifndef E3TP_CG_MIX_BACK_H
#define E3TP_CG_MIX_BACK_H

#include "cg/cg_mix.h"

/* A source where a tile of a row begins, with its results: NULL, they are not wanted; first: they
   are written, else added to. */
typedef struct visit {
    source s;
    real *z;
    size_t line; /* of weights and their gradients: elements from the row's first */
    bool first;
} visit;

/* nv vectors of a tile of a row, results k .. k + kt - 1 of one source: their share of gw, and z +=
   w u. */
V_INLINE void mix_back_results(const int n, const int kt, const int nv, const mix_job *m,
                               const visit *of, row_place at, int k, v_real *gw)
{
    const int vectors = vectors_of(nv);
    const source *s = &of->s;
    const real *x = s->x + at.t * m->x_tile + (size_t)k * m->x_step + at.lane;
    v_real u[SUMS];
    clear_sums(kt * vectors, u);
    const spot here = move_spot(PLAIN, spot_of(s), at.t * s->tile + (size_t)at.lane, 0, 0);
    add_spot(PLAIN, n, kt, nv, &here, m->n, at, k, u);
    if (s->gw) {
        V_UNROLL
        for (int q = 0; q < kt; q++, x += m->x_step)
            V_UNROLL
        for (int v = 0; v < vectors; v++)
            gw[v] = v_fma(load_vector(nv, x + vector_at(v, m->x_tile), at, v), u[q * vectors + v],
                          gw[v]);
    }
    if (!of->z)
        return;
    v_real w[PAIR];
    load_line(nv, s->w ? s->w + of->line : ones, at, w);
    if (k == 0 && s->fetch)
        fetch_line(nv, s->fetch + of->line);
    real *z = of->z + at.t * m->z_tile + (size_t)k * m->z_step + at.lane;
    V_UNROLL
    for (int q = 0; q < kt; q++, z += m->z_step)
        V_UNROLL
    for (int v = 0; v < vectors; v++) {
        real *to = z + vector_at(v, m->z_tile);
        const v_real uq = u[q * vectors + v];
        store_vector(nv, to, at, v,
                     of->first ? w[v] * uq : v_fma(w[v], uq, load_vector(nv, to, at, v)));
    }
}

/* nv vectors of the gradient of the weights of a row. */
V_INLINE void put_weight_gradient(const int nv, const visit *of, row_place at, v_real *gw)
{
    const source *s = &of->s;
    real *to = s->gw + of->line;
    if (s->gw_from) {
        const real *from = s->gw_from + of->line;
        V_UNROLL
        for (int v = 0; v < vectors_of(nv); v++)
            gw[v] += load_vector(nv, from + v * V_LANES, at, v);
    }
    V_UNROLL
    for (int v = 0; v < vectors_of(nv); v++, to += V_LANES)
        if (s->gw_past && nv != REST)
            v_streamu(to, gw[v]);
        else
            store_vector(nv, to, at, v, gw[v]);
}

/* nv vectors of a row, all results of one source. N: m->n as a literal, or 0 where it is 9 or more.
 */
V_INLINE void mix_back_tile(const int n, const int N, const int nv, const mix_job *m,
                            const visit *of, row_place at)
{
    v_real gw[PAIR];
    clear_sums(vectors_of(nv), gw);
#define RESULTS(kt, k) mix_back_results(n, kt, nv, m, of, at, k, gw)
    if (N > MOST_RESULTS) {
        RESULTS(4, 0);
        RESULTS(N - 4, 4);
    } else if (N > 0) {
        RESULTS(N, 0);
    } else if (m->n == MOST_RESULTS) {
        RESULTS(MOST_RESULTS, 0);
    } else {
        int k = 0;
        for (; (m->n - k) % 3; k += 5) /* at most twice */
            RESULTS(5, k);
        for (; k < m->n; k += 3)
            RESULTS(3, k);
    }
    if (of->s.gw)
        put_weight_gradient(nv, of, at, gw);
}

/* What a source names at a row. */
V_INLINE visit place_visit(const mix_job *m, size_t i, size_t row)
{
    const source *s = &m->from[i];
    const size_t r = m->first + row;
    visit of = {.first = m->fresh && i == m->opens};
    place_source(s, r, &of.s);
    of.s.x = s->x + r * m->x_row;
    of.s.gw = s->gw ? s->gw + r * s->gw_row : NULL;
    of.s.gw_from = s->gw_from ? s->gw_from + r * s->gw_from_row : NULL;
    of.s.gw_past = s->gw_past;
    of.z = m->z && !s->only_gw ? m->z + row * m->z_row : NULL;
    return of;
}

/* Pointers go from tile to tile: addresses made of a tile's number take more registers than there
   are. */
V_INLINE void mix_back_row(const int n, const int N, const mix_job *m, visit *of)
{
    size_t t = 0;
    for (; t + PAIR_TILES <= m->tiles; t += PAIR_TILES) {
        for (int lane = 0; lane < T * PAIR_TILES; lane += PAIR * V_LANES) {
            mix_back_tile(n, N, PAIR, m, of, tile_place(0, lane));
            of->line += PAIR * V_LANES;
        }
        of->s.v += PAIR_TILES * of->s.tile;
        of->s.x += PAIR_TILES * m->x_tile;
        of->z = of->z ? of->z + PAIR_TILES * m->z_tile : NULL;
    }
    if (PAIR_TILES > 1 && t < m->tiles)
        mix_back_tile(n, N, 1, m, of, tile_place(0, 0));
}

/* Of 9 results and more, loops over components are not unrolled: 1.03 times slower, in a fifth of
   the code. */
V_INLINE void mix_back_rows(const int N, const mix_job *job)
{
    mix_job m = *job;
    join_rest(&m.tiles, &m.rest);
#define ROW(literal) mix_back_row(literal, N, &m, &of)
    for (size_t row = 0; row < m.rows; row++) {
        fetch_operands(&m, m.first + row);
        for (size_t i = 0; i < m.count; i++) {
            visit of = place_visit(&m, i, row);
            if (N == 0 || !LITERAL_ROWS)
                ROW(0);
            else
                BY_COMPONENTS(of.s.n, ROW)
        }
    }
}

V_INLINE void mix_back_rest(const int N, const mix_job *job)
{
    mix_job m = *job;
    join_rest(&m.tiles, &m.rest);
    for (size_t row = 0; row < m.rows; row++)
        for (size_t i = 0; i < m.count; i++) {
            visit of = place_visit(&m, i, row);
            of.line = m.tiles * T;
            for (int v = 0; v * REST_LANES < m.rest; v++, of.line += REST_LANES)
                mix_back_tile(0, N, REST, &m, &of, rest_at(m.tiles, m.rest, v));
        }
}

static __attribute__((noinline)) void mix_back_rests(const mix_job *m)
{
#define REST_ROWS(literal) mix_back_rest(literal, m)
    BY_COMPONENTS(m->n, REST_ROWS)
}

static void mix_back(const mix_job *m)
{
#define ROWS(literal) mix_back_rows(literal, m)
    BY_COMPONENTS(m->n, ROWS)
    if (m->rest)
        mix_back_rests(m);
}

#endif
