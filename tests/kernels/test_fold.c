/* SPDX-License-Identifier: MIT */
/* The kernels of src/tile/fold against their definition. */
#include "tile/fold.h"

#include <string.h>

#include "tiers.h"

static const e3tp_fold_kernels_f32 *const f32_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_fold_kernels_f32)};
static const e3tp_fold_kernels_f64 *const f64_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_fold_kernels_f64)};
static e3tp_tier tier;

/* Every assertion of the framework writes to a file. */
static void same(double got, double want)
{
    if (!(got == want))
        ck_abort_msg("%.9g, expected %.9g", got, want);
}

enum { MOST = 40 };

/* Row r, input k of a matrix of small integers: sums of them are exact in any order. */
static int element(size_t r, size_t k)
{
    return (int)((r * 7 + k * 5) % 11) - 5;
}

/* The steps of a matrix, a tile each. */
static size_t cut(e3tp_fold_step *steps, size_t rows, size_t n, int analysis, size_t line)
{
    const e3tp_fold_cut c = e3tp_fold_cut_rows(rows, e3tp_fold_rows(tier));
    const size_t tiles = c.large + c.small;
    for (size_t i = 0; i < tiles; i++) {
        const size_t first = e3tp_fold_cut_first(c, i);
        steps[i] =
            (e3tp_fold_step){(uint32_t)e3tp_fold_cut_size(c, i), (uint32_t)n, analysis ? first : 0,
                             first * n, analysis ? 0 : first * 8 * line};
    }
    return tiles;
}

#define MATRIX_CHECKS(real, kernels_type)                                                          \
    static void pack_##real(real *A, const e3tp_fold_step *s, size_t n)                            \
    {                                                                                              \
        const size_t first = s->matrix / (n ? n : 1);                                              \
        for (size_t k = 0; k < n; k++)                                                             \
            for (size_t r = 0; r < s->rows; r++)                                                   \
                A[s->matrix + k * s->rows + r] = (real)element(first + r, k);                      \
    }                                                                                              \
    static void check_matrix_##real(const kernels_type *f, size_t rows, size_t n)                  \
    {                                                                                              \
        enum { T = 64 / sizeof(real), STEP = MOST * 8 * T };                                       \
        static _Alignas(64) real in[3 * STEP], out[3 * STEP], A[MOST * MOST];                      \
        int32_t list[MOST] = {0};                                                                  \
        e3tp_fold_step steps[MOST];                                                                \
        for (int i = 0; i < 3 * STEP; i++)                                                         \
            in[i] = (real)(i % 17 - 8);                                                            \
        for (int way = 0; way < (n ? 3 : 1); way++) {                                              \
            const size_t listed = way ? rows : n, tiles = cut(steps, rows, n, way, T);             \
            for (size_t i = 0; i < tiles; i++)                                                     \
                pack_##real(A, &steps[i], n);                                                      \
            for (size_t i = 0; i < listed; i++)                                                    \
                list[i] = (int32_t)((listed - 1 - i) * T);                                         \
            memset(out, 0x7f, sizeof out);                                                         \
            for (int i = 0; way == 2 && i < 3 * STEP; i++)                                         \
                out[i] = 3;                                                                        \
            if (way)                                                                               \
                f->analyse(steps, tiles, A, list, in, STEP, out, STEP, 3, way == 2);               \
            else                                                                                   \
                f->synthesise(steps, tiles, A, list, in, STEP, out, STEP, 3);                      \
            for (size_t c = 0; c < 3; c++)                                                         \
                for (size_t r = 0; r < rows; r++)                                                  \
                    for (size_t lane = 0; lane < T; lane++) {                                      \
                        double want = way == 2 ? 3 : 0;                                            \
                        for (size_t k = 0; k < n; k++)                                             \
                            want += element(r, k) *                                                \
                                    (double)in[c * STEP + (way ? 8 * k : n - 1 - k) * T + lane];   \
                        const size_t at = c * STEP + (way ? rows - 1 - r : 8 * r) * T;             \
                        same((double)out[at + lane], want);                                        \
                    }                                                                              \
        }                                                                                          \
    }                                                                                              \
    static void check_multiply_##real(const kernels_type *f, size_t points, int in_place,          \
                                      int adds)                                                    \
    {                                                                                              \
        enum { T = 64 / sizeof(real), SIZE = 9 * 8 * T };                                          \
        static _Alignas(64) real x[SIZE], y[SIZE], z[SIZE], keep[SIZE];                            \
        for (int i = 0; i < SIZE; i++)                                                             \
            keep[i] = x[i] = (real)(i % 13 - 6), y[i] = (real)(i % 11 - 5), z[i] = 7;              \
        real *to = in_place ? x : z;                                                               \
        f->multiply(x, y, to, points, adds);                                                       \
        for (size_t p = 0; p < points; p++)                                                        \
            for (size_t c = 0; c < 8; c++)                                                         \
                for (size_t i = 0; i < T; i++) {                                                   \
                    const size_t at = 8 * p * T + i;                                               \
                    double want = !adds ? 0 : in_place ? (double)keep[at + c * T] : 7;             \
                    for (size_t d = 0; d < 8; d++)                                                 \
                        want += 2 * (double)keep[at + d * T] * (double)y[at + (c ^ d) * T];        \
                    same((double)to[at + c * T], want);                                            \
                }                                                                                  \
    }                                                                                              \
    /* By images, four times what multiply gives by classes; all numbers are small and integer. */ \
    static void check_images_##real(const kernels_type *f, size_t points)                          \
    {                                                                                              \
        enum { T = 64 / sizeof(real), SIZE = 9 * 8 * T };                                          \
        static _Alignas(64) real x[SIZE], y[SIZE], z[SIZE], want[SIZE];                            \
        for (int i = 0; i < SIZE; i++)                                                             \
            x[i] = (real)(i % 13 - 6), y[i] = (real)(i % 11 - 5), z[i] = want[i] = 7;              \
        f->multiply(x, y, want, points, false);                                                    \
        f->unfold(x, points);                                                                      \
        f->unfold(y, points);                                                                      \
        f->monomial(8 * points, 1, 1, x, y, NULL, z, false);                                       \
        f->unfold(z, points);                                                                      \
        for (size_t i = 0; i < SIZE; i++)                                                          \
            same((double)z[i], (i < 8 * points * T ? 4 : 1) * (double)want[i]);                    \
    }                                                                                              \
    static void check_monomial_##real(const kernels_type *f, int power, int way)                   \
    {                                                                                              \
        enum { T = 64 / sizeof(real), LINES = 3, SIZE = LINES * T };                               \
        static _Alignas(64) real x[SIZE], a[SIZE], b[SIZE], z[SIZE + T];                           \
        for (int i = 0; i < SIZE; i++)                                                             \
            x[i] = (real)(i % 7 - 3), a[i] = (real)(i % 5 - 2), b[i] = (real)(i % 3);              \
        for (int i = 0; i < SIZE + T; i++)                                                         \
            z[i] = 7;                                                                              \
        f->monomial(LINES, 3, power, x, way & 1 ? a : NULL, way & 2 ? b : NULL, z, way & 4);       \
        for (int i = 0; i < SIZE + T; i++) {                                                       \
            double want = i < SIZE ? 3 : 7;                                                        \
            for (int k = 0; k < power && i < SIZE; k++)                                            \
                want *= (double)x[i];                                                              \
            if (i < SIZE)                                                                          \
                want *= (way & 1 ? (double)a[i] : 1) * (way & 2 ? (double)b[i] : 1);               \
            ck_assert_double_eq((double)z[i], want + (way & 4 && i < SIZE ? 7 : 0));               \
        }                                                                                          \
    }
MATRIX_CHECKS(float, e3tp_fold_kernels_f32)
MATRIX_CHECKS(double, e3tp_fold_kernels_f64)

static int parity(size_t bits)
{
    return (bits ^ bits >> 1 ^ bits >> 2) & 1 ? -1 : 1;
}

#define FIELD_CHECKS(real, kernels_type)                                                        \
    static void check_combine_##real(const kernels_type *f, size_t points, size_t n, int minus, \
                                     bool adds)                                                 \
    {                                                                                           \
        enum { T = 64 / sizeof(real), SIZE = 9 * 8 * T };                                       \
        static _Alignas(64) real x[3][SIZE], y[3][SIZE], z[SIZE];                               \
        const real *const a[3] = {x[0], x[1], x[2]}, *const b[3] = {y[0], y[1], y[2]};          \
        for (int i = 0; i < 3 * SIZE; i++)                                                      \
            x[i / SIZE][i % SIZE] = (real)(i % 13 - 6), y[i / SIZE][i % SIZE] = (real)(i % 11); \
        for (int i = 0; i < SIZE; i++)                                                          \
            z[i] = 7;                                                                           \
        f->combine(n, minus, a, b, z, points, adds);                                            \
        for (size_t p = 0; p < 9; p++)                                                          \
            for (size_t c = 0; c < 8; c++)                                                      \
                for (size_t i = 0; i < T; i++) {                                                \
                    double want = p < points && !adds ? 0 : 7;                                  \
                    for (size_t e = 0; e < 8 * n && p < points; e++) {                          \
                        const size_t k = e / 8, at = (8 * p + e % 8) * T + i;                   \
                        want += (minus && k + 1 == n ? -1 : 1) * parity(c & e % 8) *            \
                                (double)x[k][at] * (double)y[k][at];                            \
                    }                                                                           \
                    same((double)z[(8 * p + c) * T + i], want);                                 \
                }                                                                               \
    }                                                                                           \
    static void check_unfold_##real(const kernels_type *f, size_t points)                       \
    {                                                                                           \
        enum { T = 64 / sizeof(real), SIZE = 9 * 8 * T };                                       \
        static _Alignas(64) real x[SIZE], was[SIZE];                                            \
        for (int i = 0; i < SIZE; i++)                                                          \
            was[i] = x[i] = (real)(i % 13 - 6);                                                 \
        f->unfold(x, points);                                                                   \
        for (size_t p = 0; p < 9; p++)                                                          \
            for (size_t c = 0; c < 8; c++)                                                      \
                for (size_t i = 0; i < T; i++) {                                                \
                    const size_t at = 8 * p * T + i;                                            \
                    double want = p < points ? 0 : (double)was[at + c * T];                     \
                    for (size_t d = 0; d < 8 && p < points; d++)                                \
                        want += parity(c & d) * (double)was[at + d * T];                        \
                    same((double)x[at + c * T], want);                                          \
                }                                                                               \
    }                                                                                           \
    static void check_turn_##real(const kernels_type *f, size_t lines)                          \
    {                                                                                           \
        enum { T = 64 / sizeof(real), SIZE = 9 * T };                                           \
        static _Alignas(64) real a[SIZE], b[SIZE];                                              \
        for (int i = 0; i < SIZE; i++)                                                          \
            a[i] = (real)(i % 13 - 6), b[i] = (real)(i % 11);                                   \
        f->turn(lines, 2, 3, a, b);                                                             \
        for (size_t i = 0; i < SIZE; i++) {                                                     \
            const double x = (double)(i % 13) - 6, y = (double)(i % 11);                        \
            same((double)a[i], i < lines * T ? 2 * x + 3 * y : x);                              \
            same((double)b[i], i < lines * T ? 3 * x - 2 * y : y);                              \
        }                                                                                       \
    }
FIELD_CHECKS(float, e3tp_fold_kernels_f32)
FIELD_CHECKS(double, e3tp_fold_kernels_f64)

START_TEST(kernels_of_fields)
{
    static const struct {
        size_t n;
        int minus;
    } sums[] = {{1, 0}, {1, 1}, {2, 0}, {2, 1}, {3, 0}};
    for (size_t points = 0; points <= 8; points++) {
        for (int i = 0; i < 10; i++) {
            const bool adds = i >= 5;
            check_combine_float(f32_tiers[tier], points, sums[i % 5].n, sums[i % 5].minus, adds);
            check_combine_double(f64_tiers[tier], points, sums[i % 5].n, sums[i % 5].minus, adds);
        }
        check_unfold_float(f32_tiers[tier], points);
        check_unfold_double(f64_tiers[tier], points);
        check_turn_float(f32_tiers[tier], points);
        check_turn_double(f64_tiers[tier], points);
    }
}
END_TEST

START_TEST(kernels)
{
    for (size_t rows = 1; rows <= 30; rows++)
        for (size_t n = 0; n <= 9; n++) {
            check_matrix_float(f32_tiers[tier], rows, n);
            check_matrix_double(f64_tiers[tier], rows, n);
        }
    for (size_t points = 0; points <= 8; points++)
        for (int way = 0; way < 4; way++) {
            check_multiply_float(f32_tiers[tier], points, way % 2, way / 2);
            check_multiply_double(f64_tiers[tier], points, way % 2, way / 2);
        }
    for (size_t points = 0; points <= 8; points++) {
        check_images_float(f32_tiers[tier], points);
        check_images_double(f64_tiers[tier], points);
    }
    for (int power = 0; power <= 4; power++)
        for (int way = 0; way < 8; way++) {
            check_monomial_float(f32_tiers[tier], power, way);
            check_monomial_double(f64_tiers[tier], power, way);
        }
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *tests = tcase_create("fold");
    tcase_add_test(tests, kernels);
    tcase_add_test(tests, kernels_of_fields);
    return run_case(tests, "fold");
}
