/* SPDX-License-Identifier: MIT */
/* Lanes of one tile, or of the tiles of adjacent channels, from the caller's memory to lines and
   back: a part of tile_tmpl.c. */
#ifndef E3TP_TILE_LANES_H
#define E3TP_TILE_LANES_H

#include "simd/transpose.h"
#include "tile/tile.h"

enum { T = 64 / sizeof(real) };

/* The lanes of a tile: lane k < n starts at base + k * step, or index[k] * step further on. */
typedef struct lanes_of {
    size_t base, step, n;
    const int64_t *index;
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

/* Of V_PIECE components of V_LANES lanes, from `first` on, each contiguous, the last w to lines so
   far apart. The lanes: in order from `lane[0]` on, so many elements apart, or each of them. */
V_INLINE void gather_piece(const int w, const bool in_order, const real *const *lane, size_t step,
                           size_t first, real *to, size_t line)
{
    v_real r[16 / sizeof(real)];
    V_UNROLL
    for (int i = 0; i < V_PIECE; i++) {
        const real *piece[V_PIECES];
        V_UNROLL
        for (int p = 0; p < V_PIECES; p++)
            piece[p] = (in_order ? lane[p] + (size_t)i * step : lane[i + p * V_PIECE]) + first;
        r[i] = v_join(piece);
    }
    v_transpose_pieces(r);
    V_UNROLL
    for (int m = V_PIECE - w; m < V_PIECE; m++)
        v_store(to + (first + (size_t)m) * line, r[m]);
}

V_INLINE void scatter_piece(real *const *lane, size_t step, size_t first, const real *from,
                            size_t line)
{
    v_real r[16 / sizeof(real)];
    V_UNROLL
    for (int m = 0; m < V_PIECE; m++)
        r[m] = v_load(from + (first + (size_t)m) * line);
    v_transpose_pieces(r);
    V_UNROLL
    for (int i = 0; i < V_PIECE; i++) {
        real *piece[V_PIECES];
        V_UNROLL
        for (int p = 0; p < V_PIECES; p++)
            piece[p] = lane[p] + (size_t)i * step + first;
        v_part(r[i], piece);
    }
}

/* V_LANES components of as many lanes, or no more than w: stores of whole vectors. */
V_INLINE void scatter_vectors(const bool whole, size_t w, real *lane, size_t step, const real *from,
                              size_t line)
{
    const v_lanes there = v_first(whole ? V_LANES : (int)w);
    v_real r[V_BYTES / sizeof(real)];
    V_UNROLL
    for (int m = 0; m < V_LANES; m++)
        r[m] = v_load(from + (whole || (size_t)m < w ? (size_t)m : w - 1) * line);
    v_transpose(r);
    V_UNROLL
    for (int k = 0; k < V_LANES; k++)
        if (whole)
            v_storeu(lane + (size_t)k * step, r[k]);
        else
            v_store_lanes(lane + (size_t)k * step, r[k], there);
}

/* Fewer components than a piece has, w, a literal. */
V_INLINE void gather_few(const int w, const real *const *lane, size_t before, real *to, size_t line)
{
    V_UNROLL
    for (int half = 0; half < T; half += V_LANES) {
        v_real r[V_BYTES / sizeof(real)];
        V_UNROLL
        for (int k = 0; k < V_LANES; k++)
            r[k] = v_load_n(lane[half + k] + before, w);
        v_transpose(r);
        V_UNROLL
        for (int m = 0; m < w; m++)
            v_store(to + (size_t)m * line + half, r[m]);
    }
}

V_INLINE void scatter_few(const int w, const lanes_of *l, real *to, const real *from, size_t line)
{
    V_UNROLL
    for (int half = 0; half < T; half += V_LANES) {
        v_real r[V_BYTES / sizeof(real)];
        V_UNROLL
        for (int m = 0; m < V_LANES; m++)
            r[m] = m < w ? v_load(from + (size_t)m * line + half) : v_zero();
        v_transpose(r);
        V_UNROLL
        for (int k = 0; k < V_LANES; k++)
            v_store_n(to + lane_in_order(l, (size_t)(half + k)), r[k], w);
    }
}

/* CALL(w) with the literal w < V_PIECE that is left over. */
#define CASE(w, CALL)                      \
    case w:                                \
        if ((w) < V_PIECE)                 \
            CALL((w) < V_PIECE ? (w) : 1); \
        break;
#define BY_REST(rest, CALL) \
    switch (rest) {         \
        CASE(1, CALL)       \
        CASE(2, CALL)       \
        CASE(3, CALL)       \
    default:                \
        break;              \
    }

/* d components, V_PIECE at least, of T lanes. The last piece is a whole one that begins within the
   piece before. */
V_INLINE void gather_pieces(const bool in_order, const real *const *lane, size_t step, size_t d,
                            real *to, size_t line)
{
    const size_t piece = (size_t)V_PIECE;
#define GATHER_LAST(w) gather_piece(w, in_order, at, step, d - piece, to + half, line)
    for (int half = 0; half < T; half += V_LANES) {
        const real *at[V_BYTES / sizeof(real)];
        V_UNROLL
        for (int k = 0; k < V_LANES; k++)
            if (!in_order)
                at[k] = lane[half + k];
            else if (k < V_PIECES)
                at[k] = lane[0] + (size_t)(half + k * V_PIECE) * step;
        size_t m = 0;
        for (; m + piece <= d; m += piece)
            gather_piece(V_PIECE, in_order, at, step, m, to + half, line);
        BY_REST(d - m, GATHER_LAST)
    }
}

/* lanes have so many elements before these */
static void gather_contiguous(const real *const *lane, size_t before, size_t d, real *to,
                              size_t line)
{
#define GATHER_FEW(w) gather_few(w, lane, before, to, line)
    if (d < (size_t)V_PIECE) {
        BY_REST(d, GATHER_FEW)
        return;
    }
    const real *at[T];
    for (int k = 0; k < T; k++)
        at[k] = lane[k] + before;
    gather_pieces(false, at, 0, d, to, line);
}

static void gather_in_order(const real *lane, size_t step, size_t d, real *to, size_t line)
{
    gather_pieces(true, &lane, step, d, to, line);
}

static void scatter_contiguous(const lanes_of *l, size_t d, const real *from, size_t line, real *to)
{
    const size_t piece = (size_t)V_PIECE;
#define SCATTER_FEW(w) scatter_few(w, l, to, from, line)
    if (d < piece) {
        BY_REST(d, SCATTER_FEW)
        return;
    }
    for (int half = 0; half < T; half += V_LANES) {
        real *at[V_PIECES];
        V_UNROLL
        for (int p = 0; p < V_PIECES; p++)
            at[p] = to + lane_in_order(l, (size_t)(half + p * V_PIECE));
        size_t m = 0;
        if (V_BYTES == 64 && d < (size_t)V_LANES && 2 * d > (size_t)V_LANES) {
            scatter_vectors(false, d, at[0], l->step, from + half, line);
            continue;
        }
        for (; m + (size_t)V_LANES <= d; m += (size_t)V_LANES)
            scatter_vectors(true, d, at[0] + m, l->step, from + m * line + half, line);
        for (; m + piece <= d; m += piece)
            scatter_piece(at, l->step, m, from + half, line);
        if (m < d)
            scatter_piece(at, l->step, d - piece, from + half, line);
    }
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

/* A whole tile of lanes of d components that follow one another; to the second-level cache, as a
   row or two come before it. */
V_INLINE void fetch_run(const size_t d, const real *from, const bool to_write)
{
    V_UNROLL
    for (size_t q = 0; q < d; q++) {
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
