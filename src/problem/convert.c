/* SPDX-License-Identifier: MIT */
#include "problem/convert.h"

#include "problem/packed.h"

static const e3tp_tile_kernels_f32 *const kernels_f32[E3TP_TIER_COUNT] = {
    [E3TP_TIER_GENERIC_] = &e3tp_tile_kernels_f32_generic,
#if E3TP_HAVE_AVX2
    [E3TP_TIER_AVX2_] = &e3tp_tile_kernels_f32_avx2,
#endif
#if E3TP_HAVE_AVX512
    [E3TP_TIER_AVX512_] = &e3tp_tile_kernels_f32_avx512,
#endif
};
static const e3tp_tile_kernels_f64 *const kernels_f64[E3TP_TIER_COUNT] = {
    [E3TP_TIER_GENERIC_] = &e3tp_tile_kernels_f64_generic,
#if E3TP_HAVE_AVX2
    [E3TP_TIER_AVX2_] = &e3tp_tile_kernels_f64_avx2,
#endif
#if E3TP_HAVE_AVX512
    [E3TP_TIER_AVX512_] = &e3tp_tile_kernels_f64_avx512,
#endif
};

/* Tiles that go through the buffer at once; components of the largest block. */
enum { TILES = 4, MOST_COMPONENTS = 2 * E3TP_SO3_LMAX + 1, LINE = 64 };

/* Channels u.. (count of them) of a block, all rows from `row` on; *at: elements to the first. */
static e3tp_tile_map map_of(const e3tp_rows_side *s, size_t offset, size_t mul, size_t d,
                            size_t row, size_t rows, size_t u, size_t count, size_t *at)
{
    *at = offset;
    e3tp_tile_map m = e3tp_layout_map(s->layout, mul, d, s->stride, rows, NULL, at);
    *at += row * m.row + u * m.channel;
    m.mul = count;
    return m;
}

static void move(const e3tp_conversion *c, size_t offset, size_t mul, size_t d, size_t row,
                 size_t rows, size_t u, size_t count, e3tp_lanes lanes, void *tiles)
{
    size_t from, to;
    const e3tp_tile_map in = map_of(&c->from, offset, mul, d, row, rows, u, count, &from);
    const e3tp_tile_map out = map_of(&c->to, offset, mul, d, row, rows, u, count, &to);
    if (c->dtype == E3TP_F64) {
        const e3tp_tile_kernels_f64 *k = kernels_f64[c->tier];
        k->pack(&in, lanes, (const double *)(const void *)c->from.p + from, tiles,
                d * LINE / sizeof(double));
        k->unpack(&out, lanes, tiles, d * LINE / sizeof(double), (double *)(void *)c->to.p + to);
    } else {
        const e3tp_tile_kernels_f32 *k = kernels_f32[c->tier];
        k->pack(&in, lanes, (const float *)(const void *)c->from.p + from, tiles,
                d * LINE / sizeof(float));
        k->unpack(&out, lanes, tiles, d * LINE / sizeof(float), (float *)(void *)c->to.p + to);
    }
}

/* Lanes run over rows where these are innermost on some side. */
void e3tp_convert_block(const e3tp_conversion *c, size_t offset, size_t mul, size_t d)
{
    _Alignas(64) char tiles[TILES * MOST_COMPONENTS * LINE];
    const size_t T = LINE / e3tp_dtype_size(c->dtype);
    const bool by_row = c->from.layout == E3TP_BATCH_LAST || c->to.layout == E3TP_BATCH_LAST;
    const size_t rows = by_row ? T : 1, channels = by_row ? TILES : TILES * T;
    for (size_t row = 0; row < c->batch; row += rows)
        for (size_t u = 0; u < mul; u += channels)
            move(c, offset, mul, d, row, c->batch - row < rows ? c->batch - row : rows, u,
                 mul - u < channels ? mul - u : channels,
                 by_row ? E3TP_LANES_ROWS : E3TP_LANES_CHANNELS, tiles);
}
