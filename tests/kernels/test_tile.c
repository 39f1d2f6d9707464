/* SPDX-License-Identifier: MIT */
/* Packing, unpacking, sums, blocks and mixes of src/tile against the definition, for every layout
 * and odd size. */
#include "tile/tile.h"

#include <string.h>

#include "tiers.h"

static const e3tp_tile_kernels_f32 *const f32_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_tile_kernels_f32)};
static const e3tp_tile_kernels_f64 *const f64_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_tile_kernels_f64)};
static e3tp_tier tier;

enum { ROWS = 37, PAD = 3 };
static const size_t muls[] = {1, 2, 13, 16, 33}, row_counts[] = {1, 16, 19, ROWS};
static const size_t degrees[] = {1, 2, 3, 4, 5, 7, 8, 9, 11, 16, 25, 27};
/* Unsorted, with repeats. */
static const int64_t some_rows[ROWS] = {5,  0,  36, 7,  7,  2,  31, 30, 29, 1,  18, 11, 3,
                                        3,  9,  27, 26, 4,  8,  10, 12, 6,  35, 34, 13, 14,
                                        15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 28};

/* Enough for the largest case, once: fresh pages for each would take most of the time. */
static union area {
    _Alignas(64) float f_float[1 << 17];
    double f_double[1 << 16];
} area[3];

/* TIGHT: MUL_IR with nothing between the rows. */
typedef enum order { MUL_IR, IR_MUL, BATCH_LAST, TIGHT, ORDERS } order;

static e3tp_tile_map map_of(order o, size_t rows, size_t mul, size_t d)
{
    const e3tp_tile_map maps[ORDERS] = {
        [MUL_IR] = {mul * d + PAD, d, 1, NULL, rows, mul, d},
        [IR_MUL] = {mul * d + PAD, 1, mul, NULL, rows, mul, d},
        [BATCH_LAST] = {1, ROWS, mul * ROWS, NULL, rows, mul, d},
        [TIGHT] = {mul * d, d, 1, NULL, rows, mul, d},
    };
    return maps[o];
}

/* Lane of the packed form of (r, u), and its tile. */
static size_t place(const e3tp_tile_map *m, e3tp_lanes lanes, size_t T, size_t r, size_t u,
                    size_t *tile)
{
    *tile = lanes == E3TP_LANES_CHANNELS ? r * ((m->mul + T - 1) / T) + u / T : r / T * m->mul + u;
    return lanes == E3TP_LANES_CHANNELS ? u % T : r % T;
}

static size_t source(const e3tp_tile_map *m, size_t r, size_t u, size_t k)
{
    return (m->index ? (size_t)m->index[r] : r) * m->row + u * m->channel + k * m->component;
}

/* Elements of the packed form that are not the caller's. */
#define MISPLACED(real)                                                                     \
    static size_t misplaced_##real(const e3tp_tile_map *m, e3tp_lanes lanes, const real *a, \
                                   const real *p, size_t stride)                            \
    {                                                                                       \
        const size_t T = 64 / sizeof(real);                                                 \
        size_t tile, wrong = 0;                                                             \
        for (size_t r = 0; r < m->rows; r++)                                                \
            for (size_t u = 0; u < m->mul; u++)                                             \
                for (size_t i = 0; i < m->d; i++) {                                         \
                    const size_t lane = place(m, lanes, T, r, u, &tile);                    \
                    wrong += p[tile * stride + i * T + lane] != a[source(m, r, u, i)];      \
                }                                                                           \
        return wrong;                                                                       \
    }
MISPLACED(float)
MISPLACED(double)

#define CHECKS(real, kernels_type)                                                              \
    static void check_##real(const kernels_type *k, const e3tp_tile_map *m, e3tp_lanes lanes)   \
    {                                                                                           \
        const size_t T = 64 / sizeof(real), tiles = e3tp_tile_count(lanes, T, m->rows, m->mul); \
        const size_t stride = (m->d + 1) * T, size = (ROWS + 1) * (m->mul * m->d + PAD);        \
        real *a = area[0].f_##real, *b = area[1].f_##real, *p = area[2].f_##real, one[1 << 10]; \
        for (size_t i = 0; i < size; i++)                                                       \
            a[i] = (real)(1 + i % 1021), b[i] = -1;                                             \
        for (size_t i = 0; i < tiles * stride + T; i++)                                         \
            p[i] = -7;                                                                          \
        k->pack(m, lanes, a, p, stride);                                                        \
        size_t zeros = 0, wrong = misplaced_##real(m, lanes, a, p, stride);                     \
        for (size_t t = 0; t < tiles; t++)                                                      \
            for (size_t i = 0; i < m->d * T; i++)                                               \
                zeros += p[t * stride + i] == 0;                                                \
        ck_assert_uint_eq(zeros, (tiles * T - m->rows * m->mul) * m->d);                        \
        for (size_t i = 0; i < T; i++)                                                          \
            wrong += p[tiles * stride + i] != -7;                                               \
        for (int past = 0; past < 2; past++) {                                                  \
            for (size_t i = 0; i < size; i++)                                                   \
                b[i] = -1;                                                                      \
            (past ? k->unpack_past : k->unpack)(m, lanes, p, stride, b);                        \
            size_t same = 0, kept = 0;                                                          \
            for (size_t i = 0; i < size; i++)                                                   \
                same += b[i] == a[i], kept += b[i] == -1;                                       \
            ck_assert_uint_eq(same + kept, size);                                               \
            ck_assert(m->index || same == m->rows * m->mul * m->d);                             \
        }                                                                                       \
        memset(one, 0, sizeof one);                                                             \
        e3tp_tile_map single = *m;                                                              \
        single.channel = m->d, single.component = 1;                                            \
        k->sum(&single, lanes, p, stride, one);                                                 \
        for (size_t u = 0; u < m->mul; u++)                                                     \
            for (size_t i = 0; i < m->d; i++) {                                                 \
                double want = 0; /* integers: exact in any order */                             \
                for (size_t r = 0; r < m->rows; r++)                                            \
                    want += (double)a[source(m, r, u, i)];                                      \
                wrong += (double)one[u * m->d + i] != want;                                     \
            }                                                                                   \
        ck_assert_uint_eq(wrong, 0);                                                            \
    }
CHECKS(float, e3tp_tile_kernels_f32)
CHECKS(double, e3tp_tile_kernels_f64)

/* One channel, or one row, for all lanes. */
#define SPREADS(real, kernels_type)                                                \
    static void check_spread_##real(const kernels_type *k, const e3tp_tile_map *m, \
                                    e3tp_lanes lanes)                              \
    {                                                                              \
        const size_t T = 64 / sizeof(real), stride = m->d * T;                     \
        real *a = area[0].f_##real, *p = area[2].f_##real;                         \
        for (size_t i = 0; i < (ROWS + 1) * (m->mul * m->d + PAD); i++)            \
            a[i] = (real)(1 + i % 1021);                                           \
        k->pack(m, lanes, a, p, stride);                                           \
        ck_assert_uint_eq(misplaced_##real(m, lanes, a, p, stride), 0);            \
    }
SPREADS(float, e3tp_tile_kernels_f32)
SPREADS(double, e3tp_tile_kernels_f64)

/* Tiles of integers, of which those beyond the last channel are zero: sums are exact in any order.
   Into one channel, of rows apart or added to one row. */
#define CHANNEL_SUMS(real, kernels_type)                                                    \
    static void check_sums_##real(const kernels_type *f, e3tp_tile_map m, e3tp_lanes lanes, \
                                  bool one_row)                                             \
    {                                                                                       \
        const size_t T = 64 / sizeof(real), stride = m.d * T, C = m.mul;                    \
        real *a = area[0].f_##real, *p = area[2].f_##real, *to = area[1].f_##real;          \
        for (size_t i = 0; i < (ROWS + 1) * (C * m.d + PAD); i++)                           \
            a[i] = (real)(1 + i % 31);                                                      \
        f->pack(&m, lanes, a, p, stride);                                                   \
        const e3tp_tile_map from = m;                                                       \
        m.row = one_row ? 0 : m.d, m.channel = 0, m.component = 1;                          \
        for (size_t i = 0; i < ROWS * m.d + 1; i++)                                         \
            to[i] = 5;                                                                      \
        f->sum_channels(&m, lanes, p, stride, to);                                          \
        for (size_t r = 0; r < (one_row ? 1 : m.rows); r++)                                 \
            for (size_t k = 0; k < m.d; k++) {                                              \
                double want = one_row ? 5 : 0;                                              \
                for (size_t q = one_row ? 0 : r; q < (one_row ? m.rows : r + 1); q++)       \
                    for (size_t u = 0; u < C; u++)                                          \
                        want += (double)a[source(&from, q, u, k)];                          \
                ck_assert_double_eq((double)to[r * m.d + k], want);                         \
            }                                                                               \
        ck_assert(to[(one_row ? 1 : m.rows) * m.d] == 5);                                   \
    }
CHANNEL_SUMS(float, e3tp_tile_kernels_f32)
CHANNEL_SUMS(double, e3tp_tile_kernels_f64)

#define BLOCK_CHECKS(real, kernels_type)                                                           \
    static void check_blocks_##real(const kernels_type *f, bool adds)                              \
    {                                                                                              \
        enum { T = 64 / sizeof(real), BLOCKS = 3, D = 1 + 5 + 3 };                                 \
        static _Alignas(64) real w[BLOCKS * T], a[D * T], b[D * T], g[BLOCKS * T];                 \
        const int32_t d[BLOCKS] = {1, 5, 3};                                                       \
        for (int i = 0; i < BLOCKS * T; i++)                                                       \
            w[i] = (real)(i % 7 - 3);                                                              \
        for (int i = 0; i < D * T; i++)                                                            \
            a[i] = (real)(i % 13 - 6);                                                             \
        for (int i = 0; i < D * T; i++)                                                            \
            b[i] = 9;                                                                              \
        f->weigh(BLOCKS, d, w, a, b, adds);                                                        \
        f->overlap(BLOCKS, d, a, b, g);                                                            \
        for (int i = 0, at = 0; i < BLOCKS; at += d[i++])                                          \
            for (int lane = 0; lane < T; lane++) {                                                 \
                double sum = 0;                                                                    \
                for (int m = 0; m < d[i]; m++) {                                                   \
                    const int k = (at + m) * T + lane;                                             \
                    ck_assert_double_eq((double)b[k],                                              \
                                        (double)(w[i * T + lane] * a[k] + (adds ? 9 : 0)));        \
                    sum += (double)a[k] * (double)b[k];                                            \
                }                                                                                  \
                ck_assert_double_eq((double)g[i * T + lane], sum);                                 \
            }                                                                                      \
    }                                                                                              \
    static void check_mix_##real(const kernels_type *f)                                            \
    {                                                                                              \
        enum { T = 64 / sizeof(real), IN = 9, OUT = 19 };                                          \
        static uint16_t lists[IN + OUT] = {3, 0, 7, 2, 8, 1, 4, 6, 5};                             \
        uint16_t *in = lists, *out = lists + IN;                                                   \
        static _Alignas(64) real from[IN * T], to[OUT * T], M[IN * OUT];                           \
        for (int i = 0; i < IN * T; i++)                                                           \
            from[i] = (real)(i % 13 - 6);                                                          \
        for (int i = 0; i < IN * OUT; i++)                                                         \
            M[i] = (real)(i % 7 - 3);                                                              \
        for (size_t nout = 0; nout <= OUT; nout++)                                                 \
            for (size_t nin = 0; nin <= IN; nin++) {                                               \
                const e3tp_mix m = {nin, nout, 0, IN, 0};                                          \
                for (size_t o = 0; o < nout; o++)                                                  \
                    out[o] = (uint16_t)(nout - 1 - o);                                             \
                f->mix(&m, 1, lists, M, from, to);                                                 \
                for (size_t o = 0, width, first = 0; o < nout; o += width, first += width * nin) { \
                    width = e3tp_mix_width(nout - o);                                              \
                    for (size_t q = 0; q < width * T; q++) {                                       \
                        double want = 0;                                                           \
                        for (size_t i = 0; i < nin; i++)                                           \
                            want += (double)M[first + i * width + q / T] *                         \
                                    (double)from[in[i] * T + q % T];                               \
                        ck_assert_double_eq((double)to[out[o + q / T] * T + q % T], want);         \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
    }
BLOCK_CHECKS(float, e3tp_tile_kernels_f32)
BLOCK_CHECKS(double, e3tp_tile_kernels_f64)

#define COUNT(a) (sizeof(a) / sizeof *(a))

START_TEST(packs_and_unpacks)
{
    const e3tp_lanes lanes = (e3tp_lanes)(_i % 2);
    const order o = (order)(_i / 2 % ORDERS);
    const bool indexed = _i / 2 / ORDERS;
    for (size_t i = 0; i < COUNT(muls); i++)
        for (size_t j = 0; j < COUNT(row_counts); j++)
            for (size_t k = 0; k < COUNT(degrees); k++) {
                e3tp_tile_map m = map_of(o, row_counts[j], muls[i], degrees[k]);
                m.index = indexed ? some_rows : NULL;
                check_float(f32_tiers[tier], &m, lanes);
                check_double(f64_tiers[tier], &m, lanes);
            }
}
END_TEST

START_TEST(spreads)
{
    for (size_t i = 0; i < COUNT(muls); i++)
        for (size_t j = 0; j < COUNT(row_counts); j++)
            for (size_t k = 0; k < COUNT(degrees); k++)
                for (int o = 0; o < ORDERS; o++) {
                    e3tp_tile_map m = map_of((order)o, row_counts[j], muls[i], degrees[k]);
                    *(_i % 2 ? &m.row : &m.channel) = 0;
                    check_spread_float(f32_tiers[tier], &m, (e3tp_lanes)(_i / 2));
                    check_spread_double(f64_tiers[tier], &m, (e3tp_lanes)(_i / 2));
                }
}
END_TEST

START_TEST(sums_channels)
{
    for (size_t i = 0; i < COUNT(muls); i++)
        for (size_t j = 0; j < COUNT(row_counts); j++)
            for (size_t k = 0; k < COUNT(degrees); k++) {
                const e3tp_tile_map m = map_of((order)0, row_counts[j], muls[i], degrees[k]);
                check_sums_float(f32_tiers[tier], m, (e3tp_lanes)(_i / 2), _i % 2);
                check_sums_double(f64_tiers[tier], m, (e3tp_lanes)(_i / 2), _i % 2);
            }
}
END_TEST

START_TEST(blocks)
{
    for (int adds = 0; adds < 2; adds++) {
        check_blocks_float(f32_tiers[tier], adds);
        check_blocks_double(f64_tiers[tier], adds);
    }
    check_mix_float(f32_tiers[tier]);
    check_mix_double(f64_tiers[tier]);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *tests = tcase_create("tile");
    tcase_add_loop_test(tests, packs_and_unpacks, 0, 2 * ORDERS * 2);
    tcase_add_loop_test(tests, spreads, 0, 4);
    tcase_add_loop_test(tests, sums_channels, 0, 4);
    tcase_add_test(tests, blocks);
    return run_case(tests, "tile");
}
