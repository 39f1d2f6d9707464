/* SPDX-License-Identifier: MIT */
/* Rows from one layout to another, by way of lane tiles. */
#include <stdint.h>

#include "api/objects.h"
#include "core/checked.h"
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

typedef struct side {
    e3tp_layout layout;
    char *p; /* of the first row; read only where rows come from */
    size_t stride;
} side;

typedef struct conversion {
    e3tp_tier tier;
    e3tp_dtype dtype;
    size_t batch;
    side from, to;
} conversion;

/* Channels u.. (count of them) of a block, all rows from `row` on; *at: elements to the first. */
static e3tp_tile_map map_of(const side *s, size_t offset, size_t mul, size_t d, size_t row,
                            size_t rows, size_t u, size_t count, size_t *at)
{
    *at = offset;
    e3tp_tile_map m = e3tp_layout_map(s->layout, mul, d, s->stride, rows, NULL, at);
    *at += row * m.row + u * m.channel;
    m.mul = count;
    return m;
}

static void move(const conversion *c, size_t offset, size_t mul, size_t d, size_t row, size_t rows,
                 size_t u, size_t count, e3tp_lanes lanes, void *tiles)
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

/* A block of all rows. Lanes run over rows where these are innermost on some side. */
static void convert_block(const conversion *c, size_t offset, size_t mul, size_t d)
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

static bool is_layout(e3tp_layout l)
{
    return l == E3TP_MUL_IR || l == E3TP_IR_MUL || l == E3TP_BATCH_LAST;
}

/* Resolves a stride, which one step alone does not need; false where rows would overlap, or their
   extent overflows. *bytes: of all. */
static bool resolve(side *s, ptrdiff_t stride, size_t batch, size_t width, size_t element,
                    size_t *bytes)
{
    const bool last = s->layout == E3TP_BATCH_LAST;
    const size_t least = last ? batch : width, steps = last ? width : batch;
    if (stride != E3TP_PACKED && stride < 0)
        return false;
    s->stride =
        stride == E3TP_PACKED || ((size_t)stride < least && steps <= 1) ? least : (size_t)stride;
    *bytes = 0;
    if (s->stride < least || steps == 0)
        return s->stride >= least;
    return e3tp_mul_size(s->stride, steps - 1, bytes) && e3tp_add_size(*bytes, least, bytes) &&
           e3tp_mul_size(*bytes, element, bytes);
}

static bool are_irreps(const e3tp_irrep *s, size_t n)
{
    bool ok = s || !n;
    for (size_t i = 0; i < n && ok; i++)
        ok = s[i].l <= E3TP_SO3_LMAX;
    return ok && e3tp_irreps_dim(s, n) < SIZE_MAX;
}

e3tp_status e3tp_convert(e3tp_dtype t, const e3tp_irrep *irreps, size_t n, size_t batch,
                         e3tp_layout from_layout, const void *from, ptrdiff_t from_stride,
                         e3tp_layout to_layout, void *to, ptrdiff_t to_stride)
{
    conversion c = {.dtype = t,
                    .batch = batch,
                    .from = {from_layout, (char *)(uintptr_t)from, 0},
                    .to = {to_layout, to, 0}};
    size_t bytes[2];
    if ((t != E3TP_F32 && t != E3TP_F64) || !is_layout(from_layout) || !is_layout(to_layout) ||
        !are_irreps(irreps, n))
        return E3TP_E_INVALID;
    const size_t width = e3tp_irreps_dim(irreps, n), element = e3tp_dtype_size(t);
    if (!resolve(&c.from, from_stride, batch, width, element, &bytes[0]) ||
        !resolve(&c.to, to_stride, batch, width, element, &bytes[1]))
        return E3TP_E_INVALID;
    if (batch == 0 || width == 0)
        return E3TP_OK;
    if (!from || !to || e3tp_overlap(from, bytes[0], to, bytes[1]))
        return E3TP_E_INVALID;
    E3TP_TRY(e3tp_isa_choose(E3TP_ISA_AUTO, &c.tier, NULL));
    for (size_t i = 0, offset = 0; i < n; i++) {
        const size_t d = 2 * (size_t)irreps[i].l + 1;
        convert_block(&c, offset, irreps[i].mul, d);
        offset += irreps[i].mul * d;
    }
    return E3TP_OK;
}
