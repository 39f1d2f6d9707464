/* SPDX-License-Identifier: MIT */
/* Each word of src/simd/vec.h on one tier and both reals, on memory that faults next to the
   operand. */
#include <math.h>
#include <string.h>

#include "guard.h"
#include "tiers.h"
#include "vec_ops.h"

static const vec_ops_f32 *const f32_tiers[E3TP_TIER_COUNT] = {FOR_TIERS(vec_f32)};
static const vec_ops_f64 *const f64_tiers[E3TP_TIER_COUNT] = {FOR_TIERS(vec_f64)};
static e3tp_tier tier;

enum { MAX_LANES = 16, LINE = 64 };
static guard_area area;

#define CHECKS(real, ops_type, fused, root_of)                                                     \
    static void fill_##real(real *a, int n, real unit)                                             \
    {                                                                                              \
        for (int i = 0; i < n; i++)                                                                \
            a[i] = (real)1 / (real)(i + 3) + (real)(i * i % 7) * unit;                             \
    }                                                                                              \
    static void check_sizes_##real(const ops_type *v)                                              \
    {                                                                                              \
        static const int bytes[E3TP_TIER_COUNT] = {16, 32, 64, 16};                                \
        ck_assert_int_eq(v->bytes, bytes[tier]);                                                   \
        ck_assert_int_eq(v->lanes *(int)sizeof(real), v->bytes);                                   \
        ck_assert_int_eq(v->tile *(int)sizeof(real), LINE);                                        \
        ck_assert_int_eq(v->tile_vecs * v->bytes, LINE);                                           \
    }                                                                                              \
    static void check_whole_##real(const ops_type *v)                                              \
    {                                                                                              \
        _Alignas(LINE) real a[MAX_LANES], b[MAX_LANES];                                            \
        const size_t bytes = (size_t)v->bytes;                                                     \
        fill_##real(a, MAX_LANES, 2);                                                              \
        for (int side = 0; side < 2; side++) {                                                     \
            real *p = (real *)(void *)guard_place(&area, bytes, (guard_side)side, 0);              \
            memcpy(p, a, bytes);                                                                   \
            v->load(p, b);                                                                         \
            ck_assert_int_eq(memcmp(a, b, bytes), 0);                                              \
            memset(p, 0, bytes);                                                                   \
            v->store(p, a);                                                                        \
            ck_assert_int_eq(memcmp(a, p, bytes), 0);                                              \
            memset(p, 0, bytes);                                                                   \
            v->stream(p, a);                                                                       \
            ck_assert_int_eq(memcmp(a, p, bytes), 0);                                              \
            for (size_t shift = 0; shift < LINE; shift += sizeof(real)) {                          \
                p = (real *)(void *)guard_place(&area, bytes, (guard_side)side, shift);            \
                memset(p, 0, bytes);                                                               \
                v->storeu(p, a);                                                                   \
                memset(b, 0, bytes);                                                               \
                v->loadu(p, b);                                                                    \
                ck_assert_int_eq(memcmp(a, b, bytes), 0);                                          \
                ck_assert(guard_intact(&area, (const unsigned char *)p, bytes));                   \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void check_part_##real(const ops_type *v, int n, guard_side side, size_t shift)         \
    {                                                                                              \
        real a[MAX_LANES], b[MAX_LANES];                                                           \
        const size_t bytes = (size_t)n * sizeof(real);                                             \
        real *p = (real *)(void *)guard_place(&area, bytes, side, shift * sizeof(real));           \
        fill_##real(a, MAX_LANES, 2);                                                              \
        v->store_n(p, a, n);                                                                       \
        ck_assert_int_eq(memcmp(a, p, bytes), 0);                                                  \
        ck_assert(guard_intact(&area, (const unsigned char *)p, bytes));                           \
        memset(b, GUARD_MARK, sizeof b);                                                           \
        v->load_n(p, n, b);                                                                        \
        for (int i = 0; i < v->lanes; i++)                                                         \
            ck_assert(b[i] == (i < n ? a[i] : 0));                                                 \
    }                                                                                              \
    static void check_parts_##real(const ops_type *v)                                              \
    {                                                                                              \
        for (int n = 0; n <= v->lanes; n++)                                                        \
            for (size_t shift = 0; shift < 3; shift++) {                                           \
                check_part_##real(v, n, GUARD_AFTER, shift);                                       \
                check_part_##real(v, n, GUARD_BEFORE, shift);                                      \
            }                                                                                      \
    }                                                                                              \
    /* Numbers whose product needs more digits than a real has, so that one rounding shows. */     \
    static void check_arithmetic_##real(const ops_type *v)                                         \
    {                                                                                              \
        real a[MAX_LANES], b[MAX_LANES], c[MAX_LANES], out[MAX_LANES], rest[MAX_LANES];            \
        int once = 0;                                                                              \
        fill_##real(a, MAX_LANES, 1);                                                              \
        fill_##real(b, MAX_LANES, 3);                                                              \
        for (int i = 0; i < MAX_LANES; i++)                                                        \
            c[i] = -a[i] * b[i];                                                                   \
        v->fma(a, b, c, out);                                                                      \
        for (int i = 0; i < v->lanes; i++) {                                                       \
            ck_assert(out[i] == (tier == E3TP_TIER_GENERIC_ ? 0 : fused(a[i], b[i], c[i])));       \
            once += out[i] != 0;                                                                   \
        }                                                                                          \
        ck_assert(tier == E3TP_TIER_GENERIC_ ? once == 0 : once > 0);                              \
        for (int i = 0; i < MAX_LANES; i++)                                                        \
            c[i] = a[i] * b[i];                                                                    \
        v->fnma(a, b, c, out);                                                                     \
        for (int i = 0; i < v->lanes; i++)                                                         \
            ck_assert(out[i] == (tier == E3TP_TIER_GENERIC_ ? 0 : fused(-a[i], b[i], c[i])));      \
        v->arithmetic(a, b, out, rest);                                                            \
        for (int i = 0; i < v->lanes; i++) {                                                       \
            const real product = a[i] * b[i];                                                      \
            ck_assert(out[i] == a[i] + b[i] && rest[i] == product - a[i]);                         \
        }                                                                                          \
        v->root(a, out);                                                                           \
        for (int i = 0; i < v->lanes; i++)                                                         \
            ck_assert(out[i] == root_of(a[i]));                                                    \
        v->pin(a, out);                                                                            \
        ck_assert_int_eq(memcmp(a, out, (size_t)v->bytes), 0);                                     \
        v->set1(a[3], out);                                                                        \
        v->zero(rest);                                                                             \
        for (int i = 0; i < v->lanes; i++)                                                         \
            ck_assert(out[i] == a[3] && rest[i] == 0);                                             \
    }                                                                                              \
    /* Upper half onto lower half, again and again; another order has other bits here. */          \
    static void check_sum_##real(const ops_type *v)                                                \
    {                                                                                              \
        real a[MAX_LANES], tree[MAX_LANES], ascending = 0;                                         \
        int differs = 0;                                                                           \
        for (int round = 0; round < 50; round++) {                                                 \
            fill_##real(a, MAX_LANES, (real)(round * 0.37));                                       \
            memcpy(tree, a, sizeof tree);                                                          \
            for (int h = v->lanes / 2; h > 0; h /= 2)                                              \
                for (int i = 0; i < h; i++)                                                        \
                    tree[i] = tree[i] + tree[i + h];                                               \
            ascending = 0;                                                                         \
            for (int i = 0; i < v->lanes; i++)                                                     \
                ascending += a[i];                                                                 \
            ck_assert(v->sum(a) == tree[0]);                                                       \
            differs += tree[0] != ascending;                                                       \
        }                                                                                          \
        ck_assert(differs > 0 || v->lanes == 2);                                                   \
    }                                                                                              \
    /* Selection by lane; a permutation that is no involution. */                                  \
    static void check_moves_##real(const ops_type *v)                                              \
    {                                                                                              \
        real a[MAX_LANES], b[MAX_LANES], mask[MAX_LANES], chosen[MAX_LANES], moved[MAX_LANES];     \
        int index[MAX_LANES];                                                                      \
        fill_##real(a, MAX_LANES, (real)0.1);                                                      \
        fill_##real(b, MAX_LANES, (real)7.3);                                                      \
        for (int i = 0; i < v->lanes; i++)                                                         \
            mask[i] = i % 3 == 1 ? 1 : -1, index[i] = (3 * i + 1) % v->lanes;                      \
        v->select(mask, a, b, chosen);                                                             \
        v->permute(a, index, moved);                                                               \
        for (int i = 0; i < v->lanes; i++)                                                         \
            ck_assert(chosen[i] == (i % 3 == 1 ? a[i] : b[i]) && moved[i] == a[index[i]]);         \
    }                                                                                              \
    /* So many lanes of d components to lines and back; beyond is zero, and nothing is touched. */ \
    static void check_zip_##real(const ops_type *v, int d, int count)                              \
    {                                                                                              \
        _Alignas(64) real lines[7 * MAX_LANES];                                                    \
        real lanes[7 * MAX_LANES], back[7 * MAX_LANES];                                            \
        for (int i = 0; i < d * v->lanes; i++)                                                     \
            lanes[i] = (real)(i + 1), back[i] = -1;                                                \
        v->unzip(d, lanes, (size_t)(count * d), lines);                                            \
        v->zip(d, lines, back, (size_t)(count * d));                                               \
        for (int k = 0; k < v->lanes; k++)                                                         \
            for (int m = 0; m < d; m++) {                                                          \
                ck_assert(lines[m * v->tile + k] == (k < count ? k * d + m + 1 : 0));              \
                ck_assert(back[k * d + m] == (k < count ? k * d + m + 1 : -1));                    \
            }                                                                                      \
    }                                                                                              \
    static void check_##real(const ops_type *v)                                                    \
    {                                                                                              \
        check_sizes_##real(v);                                                                     \
        check_whole_##real(v);                                                                     \
        check_parts_##real(v);                                                                     \
        check_arithmetic_##real(v);                                                                \
        check_sum_##real(v);                                                                       \
        check_moves_##real(v);                                                                     \
        for (int d = 3; d <= 7; d += 2)                                                            \
            for (int count = 0; count <= v->lanes; count++)                                        \
                check_zip_##real(v, d, count);                                                     \
    }
CHECKS(float, vec_ops_f32, fmaf, sqrtf)
CHECKS(double, vec_ops_f64, fma, sqrt)

START_TEST(words)
{
    area = guard_create(4096);
    if (_i)
        check_double(f64_tiers[tier]);
    else
        check_float(f32_tiers[tier]);
    guard_destroy(&area);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *tests = tcase_create("vec");
    tcase_add_loop_test(tests, words, 0, 2);
    return run_case(tests, "vec");
}
