/* SPDX-License-Identifier: MIT */
/* Packing: the caller's rows to lane tiles and back.

   A tile holds T = 64 / sizeof(real) lanes, one cache line: component m of tile t of a block lies
   at packed + t * stride + m * T. A lane is a (row, channel); how lanes fall into tiles is the
   plan's choice:
     over channels   tile t = row * ceil(mul / T) + u / T,  lane u % T
     over rows       tile t = (row / T) * mul + u,          lane row % T
   Lanes beyond the last channel or row are zero after packing and ignored in unpacking. */
#ifndef E3TP_TILE_H
#define E3TP_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "e3tp_config.h"

typedef enum e3tp_lanes { E3TP_LANES_CHANNELS = 0, E3TP_LANES_ROWS = 1 } e3tp_lanes;

/* A block of the caller's operand: element (r, u, m) at index(r) * row + u * channel + m *
   component elements from its start. row 0: one row for all; channel 0: one channel for all, to be
   packed only. */
typedef struct e3tp_tile_map {
    size_t row, channel, component;
    const int64_t *index; /* NULL: index(r) = r */
    size_t rows, mul, d;  /* extents: rows, channels, components */
} e3tp_tile_map;

/* Tiles of a block in one of the arrangements, for T lanes. */
static inline size_t e3tp_tile_count(e3tp_lanes lanes, size_t T, size_t rows, size_t mul)
{
    return lanes == E3TP_LANES_CHANNELS ? rows * ((mul + T - 1) / T) : (rows + T - 1) / T * mul;
}

/* Tiles d .. d + nd - 1 of each row (lanes over rows: of each T rows) of n rows from `row` on. */
typedef struct e3tp_tile_spot {
    size_t row, n, d, nd;
} e3tp_tile_spot;

/* Those tiles, for T lanes, of a block that begins at *at, as a map of their own. */
static inline e3tp_tile_map e3tp_tile_part(e3tp_tile_map m, e3tp_lanes lanes, size_t T,
                                           e3tp_tile_spot here, size_t *at)
{
    const size_t step = lanes == E3TP_LANES_CHANNELS ? T : 1, u = here.d * step, left = m.mul - u;
    *at += (m.index ? 0 : here.row * m.row) + u * m.channel;
    m.index = m.index ? m.index + here.row : NULL;
    m.rows = here.n;
    m.mul = left < here.nd * step ? left : here.nd * step;
    return m;
}

/* A small matrix M from lines to lines; offsets into pools of line numbers and of coefficients. */
typedef struct e3tp_mix {
    size_t nin, nout, in, out, coeff;
} e3tp_mix;

/* The first of the pieces, as equal as can be and at most `most`, that so many are cut into. */
static inline size_t e3tp_cut(size_t left, size_t most)
{
    const size_t pieces = (left + most - 1) / most;
    return pieces <= 1 ? left : (left + pieces - 1) / pieces;
}

/* Outputs of the next tile of a mix that has so many left. */
static inline size_t e3tp_mix_width(size_t left)
{
    return e3tp_cut(left, 8);
}

/* pack    overwrites every lane of every tile; stride >= d * T
   unpack  overwrites the caller's elements
   unpack_past  the same, past the caches where tiles are whole and rows begin at whole vectors: for
           results that those do not hold. v_stream_end (simd/vec.h) is the caller's to call
   sum     adds the sum over rows, in the order of a binary tree over lanes and then of rows
           ascending, to the one row at `to` (map.row and map.index are not looked at)
   sum_channels  the sum over the channels of each row, in the order of tiles ascending and then of
           a binary tree over lanes, to its one channel; map.row 0: adds these sums, rows ascending,
           to the one row at `to` (in the order of `sum` with lanes over rows). Uses up the tiles
   weigh   out[i][m] = w[i] in[i][m] for n blocks of d[i] lines one after the other; out may be in;
           adds: to what is in out
   overlap g[i] = sum_m a[i][m] b[i][m] for such blocks
   mix     line out[o] of `to` = sum_i M[i, o] line in[i] of `from`, for each of n mixes; M in
           tiles of e3tp_mix_width outputs of those left, each [i][o in tile] */
#define E3TP_TILE_KERNELS(X, real)                                                                 \
    X(pack, (const e3tp_tile_map *m, e3tp_lanes lanes, const real *from, real *to, size_t stride)) \
    X(unpack,                                                                                      \
      (const e3tp_tile_map *m, e3tp_lanes lanes, const real *from, size_t stride, real *to))       \
    X(unpack_past,                                                                                 \
      (const e3tp_tile_map *m, e3tp_lanes lanes, const real *from, size_t stride, real *to))       \
    X(sum, (const e3tp_tile_map *m, e3tp_lanes lanes, const real *from, size_t stride, real *to))  \
    X(sum_channels,                                                                                \
      (const e3tp_tile_map *m, e3tp_lanes lanes, real *packed, size_t stride, real *to))           \
    X(weigh, (size_t n, const int32_t *d, const real *w, const real *in, real *out, bool adds))    \
    X(overlap, (size_t n, const int32_t *d, const real *a, const real *b, real *g))                \
    X(mix, (const e3tp_mix *m, size_t n, const uint16_t *lists, const real *coeff,                 \
            const real *from, real *to))

#define E3TP_TILE_MEMBER(name, args) void(*name) args;
typedef struct e3tp_tile_kernels_f32 {
    E3TP_TILE_KERNELS(E3TP_TILE_MEMBER, float)
} e3tp_tile_kernels_f32;
typedef struct e3tp_tile_kernels_f64 {
    E3TP_TILE_KERNELS(E3TP_TILE_MEMBER, double)
} e3tp_tile_kernels_f64;

#define E3TP_TILE_DECLARE(tier)                                      \
    extern const e3tp_tile_kernels_f32 e3tp_tile_kernels_f32_##tier; \
    extern const e3tp_tile_kernels_f64 e3tp_tile_kernels_f64_##tier;
E3TP_TILE_DECLARE(generic)
#if E3TP_HAVE_AVX2
E3TP_TILE_DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
E3TP_TILE_DECLARE(avx512)
#endif

#endif
