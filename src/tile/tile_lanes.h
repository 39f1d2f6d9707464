/* SPDX-License-Identifier: MIT */
/* Lanes of one tile, or of the tiles of adjacent channels, from the caller's memory to lines and
   back: a part of tile_tmpl.c. */
#ifndef E3TP_TILE_LANES_H
#define E3TP_TILE_LANES_H

#include "simd/transpose.h"
#include "tile/tile.h"

enum { T = 64 / sizeof(real) };

/* The lanes of a tile: lane k < n starts at base + k * step, or index[k] * step further on. Where
   they run on, the components of a lane fill memory up to the next lane. */
typedef struct lanes_of {
    size_t base, step, n;
    const int64_t *index;
    bool runs;
} lanes_of;

V_INLINE size_t lane_in_order(const lanes_of *l, size_t k)
{
    return l->base + k * l->step;
}

V_INLINE size_t lane_at(const lanes_of *l, size_t k)
{
    return l->index ? l->base + (size_t)l->index[k] * l->step : lane_in_order(l, k);
}

/* Where T lanes begin. */
V_INLINE void find_lanes(const lanes_of *l, const real *from, const real **lane)
{
    for (size_t k = 0; k < T; k++)
        lane[k] = from + lane_at(l, k);
}

/* Components first..first+w-1 of T lanes, each contiguous, w a literal, to lines so far apart;
   lanes have so many elements before these. */
V_INLINE void gather_part(const int w, const real *const *lane, size_t before, size_t first,
                          real *to, size_t line)
{
    V_UNROLL
    for (int half = 0; half < T; half += V_LANES) {
        v_real r[V_BYTES / sizeof(real)];
        V_UNROLL
        for (int k = 0; k < V_LANES; k++) {
            const real *at = lane[half + k] + before + first;
            r[k] = w == V_LANES ? v_loadu(at) : v_load_n(at, w);
        }
        v_transpose(r);
        V_UNROLL
        for (int m = 0; m < w; m++)
            v_store(to + (first + (size_t)m) * line + half, r[m]);
    }
}

/* runs: the lanes follow one another, w elements each, so that all but the last may be stored as
   whole vectors: what is too much is overwritten by the next lane. */
V_INLINE void scatter_part(const int w, const bool runs, const lanes_of *l, real *to, size_t first,
                           const real *from, size_t line)
{
    V_UNROLL
    for (int half = 0; half < T; half += V_LANES) {
        v_real r[V_BYTES / sizeof(real)];
        V_UNROLL
        for (int m = 0; m < V_LANES; m++)
            r[m] = m < w ? v_load(from + (first + (size_t)m) * line + half) : v_zero();
        v_transpose(r);
        V_UNROLL
        for (int k = 0; k < V_LANES; k++) {
            real *lane = to + lane_in_order(l, (size_t)(half + k)) + first;
            if (w == V_LANES || (runs && (T - half - k) * w >= V_LANES))
                v_storeu(lane, r[k]);
            else
                v_store_n(lane, r[k], w);
        }
    }
}

/* CALL(w) with the literal w < V_LANES that is left over. */
#define CASE(w, CALL)                      \
    case w:                                \
        if ((w) < V_LANES)                 \
            CALL((w) < V_LANES ? (w) : 1); \
        break;
#define BY_REST(rest, CALL) \
    switch (rest) {         \
        CASE(1, CALL)       \
        CASE(2, CALL)       \
        CASE(3, CALL)       \
        CASE(4, CALL)       \
        CASE(5, CALL)       \
        CASE(6, CALL)       \
        CASE(7, CALL)       \
        CASE(8, CALL)       \
        CASE(9, CALL)       \
        CASE(10, CALL)      \
        CASE(11, CALL)      \
        CASE(12, CALL)      \
        CASE(13, CALL)      \
        CASE(14, CALL)      \
        CASE(15, CALL)      \
    default:                \
        break;              \
    }

static void gather_contiguous(const real *const *lane, size_t before, size_t d, real *to,
                              size_t line)
{
    size_t m = 0;
#define GATHER(w) gather_part(w, lane, before, m, to, line)
    for (; m + (size_t)V_LANES <= d; m += (size_t)V_LANES)
        GATHER(V_LANES);
    BY_REST(d - m, GATHER)
}

static void scatter_contiguous(const lanes_of *l, size_t d, const real *from, size_t line, real *to)
{
    size_t m = 0;
#define SCATTER_RUNS(w) scatter_part(w, true, l, to, m, from, line)
#define SCATTER(w) scatter_part(w, false, l, to, m, from, line)
    if (l->runs && d < (size_t)V_LANES) {
        BY_REST(d, SCATTER_RUNS)
        return;
    }
    for (; m + (size_t)V_LANES <= d; m += (size_t)V_LANES)
        SCATTER(V_LANES);
    BY_REST(d - m, SCATTER)
}

/* The lines that elements first .. first + w - 1 of adjacent channels have in their tiles, so far
   apart; w, at most a vector, is returned. */
V_INLINE int find_lines(const e3tp_tile_map *m, size_t first, real *tiles, size_t stride,
                        real **line)
{
    const size_t left = m->mul * m->d - first;
    const int w = left < (size_t)V_LANES ? (int)left : V_LANES;
    size_t u = first / m->d, k = first % m->d;
    for (int i = 0; i < w; i++) {
        line[i] = tiles + u * stride + k * T;
        k++;
        if (k == m->d)
            k = 0, u++;
    }
    return w;
}

/* Vectors of adjacent channels at a time, whatever their components. */
static void gather_channels(const real *const *lane, const e3tp_tile_map *m, real *to,
                            size_t stride)
{
    for (size_t first = 0; first < m->mul * m->d; first += (size_t)V_LANES) {
        real *line[V_BYTES / sizeof(real)];
        const int w = find_lines(m, first, to, stride, line);
        const v_lanes there = v_first(w);
        for (int half = 0; half < T; half += V_LANES) {
            v_real r[V_BYTES / sizeof(real)];
            V_UNROLL
            for (int k = 0; k < V_LANES; k++)
                r[k] = v_load_lanes(lane[half + k] + first, there);
            v_transpose(r);
            V_UNROLL
            for (int i = 0; i < V_LANES; i++)
                if (i < w)
                    v_store(line[i] + half, r[i]);
        }
    }
}

static void scatter_channels(const lanes_of *l, const e3tp_tile_map *m, real *from, size_t stride,
                             real *to)
{
    for (size_t first = 0; first < m->mul * m->d; first += (size_t)V_LANES) {
        real *line[V_BYTES / sizeof(real)];
        const int w = find_lines(m, first, from, stride, line);
        const v_lanes there = v_first(w);
        for (int half = 0; half < T; half += V_LANES) {
            v_real r[V_BYTES / sizeof(real)];
            V_UNROLL
            for (int i = 0; i < V_LANES; i++)
                r[i] = i < w ? v_load(line[i] + half) : v_zero();
            v_transpose(r);
            V_UNROLL
            for (int k = 0; k < V_LANES; k++)
                v_store_lanes(to + lane_in_order(l, (size_t)(half + k)) + first, r[k], there);
        }
    }
}

/* Any strides, any number of lanes; the others are zeroed. */
static void gather_any(const lanes_of *l, size_t step, size_t d, const real *from, real *to)
{
    if (l->step == 1 && !l->index) {
        for (size_t m = 0; m < d; m++)
            for (size_t v = 0; v < T; v += (size_t)V_LANES)
                v_store(to + m * T + v, v_load_part(from + l->base + m * step, l->n, v));
        return;
    }
    for (size_t m = 0; m < d; m++, to += T) {
        for (size_t k = 0; k < l->n; k++)
            to[k] = from[lane_at(l, k) + m * step];
        for (size_t k = l->n; k < T; k++)
            to[k] = 0;
    }
}

static void scatter_any(const lanes_of *l, size_t step, size_t d, const real *from, real *to)
{
    if (l->step == 1 && !l->index) {
        for (size_t m = 0; m < d; m++)
            for (size_t v = 0; v < T; v += (size_t)V_LANES)
                v_store_part(to + l->base + m * step, l->n, v, v_load(from + m * T + v));
        return;
    }
    for (size_t m = 0; m < d; m++, from += T)
        for (size_t k = 0; k < l->n; k++)
            to[lane_at(l, k) + m * step] = from[k];
}

/* T equal lanes. */
V_INLINE void spread_lane(const real *from, size_t step, size_t d, real *to)
{
    for (size_t m = 0; m < d; m++, to += T, from += step)
        V_UNROLL
    for (int v = 0; v < TILE_VECS; v++)
        v_store(to + v * V_LANES, v_set1(*from));
}

/* A whole tile of such lanes of w components as follow; to the second-level cache, as a row or two
   come before it. */
V_INLINE void fetch_run(const int w, const real *from, const int to_write)
{
    V_UNROLL
    for (int q = 0; q < w; q++) {
        if (to_write)
            __builtin_prefetch(from + q * T, 1);
        else
            __builtin_prefetch(from + q * T, 0, 2);
    }
}

/* Lanes of w components each, one lane after the other, n elements in all; w a literal. */
V_INLINE void gather_run(const int w, const real *from, size_t n, real *to)
{
    V_UNROLL
    for (int v = 0; v < T; v += V_LANES) {
        const size_t left = n > (size_t)(v * w) ? n - (size_t)(v * w) : 0;
        if (w == 4)
            v_unzip_4(from + v * w, left, to + v, T);
        else
            v_unzip(w, from + v * w, left, to + v, T);
    }
}

V_INLINE void scatter_run(const int w, const bool past, real *to, size_t n, const real *from)
{
    V_UNROLL
    for (int v = 0; v < T; v += V_LANES) {
        const size_t left = n > (size_t)(v * w) ? n - (size_t)(v * w) : 0;
        if (w == 4)
            v_zip_4(from + v, T, to + v * w, left);
        else
            v_zip(w, from + v, T, to + v * w, left, past);
    }
}

#endif
