/* SPDX-License-Identifier: MIT */
/* The kernels of src/matrix against their definition; then whole products against products of dense
   matrices: spins from the least up, degrees with gaps, results and gradients, both reals. */
#include "matrix/matrix_kernels.h"

#include <math.h>
#include <string.h>

#include "api/objects.h"
#include "ensure.h"
#include "layouts.h"
#include "matrix/matrix_ref.h"
#include "tiers.h"

static const e3tp_matrix_kernels_f32 *const f32_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_matrix_kernels_f32)};
static const e3tp_matrix_kernels_f64 *const f64_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_matrix_kernels_f64)};
static e3tp_tier tier;

enum { MOST = 13 };

/* Small integers: sums of them are exact in any order. */
#define CHECKS(real, kernels_type)                                                           \
    static void check_butterfly_##real(const kernels_type *f)                                \
    {                                                                                        \
        enum { T = 64 / sizeof(real), LINES = 16 };                                          \
        static const uint16_t quads[8] = {3, 0, 7, 2, 15, 9, 11, 4},                         \
                              pairs[6] = {1, 5, 14, 6, 8, 10};                               \
        static const int signs[4][4] = {                                                     \
            {1, 1, 1, 1}, {1, -1, 1, -1}, {1, 1, -1, -1}, {1, -1, -1, 1}};                   \
        static _Alignas(64) real m[LINES * T], want[LINES * T];                              \
        for (int i = 0; i < LINES * T; i++)                                                  \
            want[i] = m[i] = (real)(i % 19 - 9);                                             \
        for (int i = 0; i < T; i++) {                                                        \
            for (int q = 0; q < 8; q++) {                                                    \
                real sum = 0;                                                                \
                for (int k = 0; k < 4; k++)                                                  \
                    sum += (real)signs[q % 4][k] * m[quads[q / 4 * 4 + k] * T + i];          \
                want[quads[q] * T + i] = sum;                                                \
            }                                                                                \
            for (int q = 0; q < 6; q++)                                                      \
                want[pairs[q] * T + i] = m[pairs[q / 2 * 2] * T + i] +                       \
                                         (q % 2 ? -1 : 1) * m[pairs[q / 2 * 2 + 1] * T + i]; \
        }                                                                                    \
        f->butterfly(2, quads, 3, pairs, m);                                                 \
        ck_assert_mem_eq(m, want, sizeof m);                                                 \
    }                                                                                        \
    static void check_multiply_##real(const kernels_type *f, size_t n, int way)              \
    {                                                                                        \
        enum { T = 64 / sizeof(real), SIZE = MOST * MOST * T };                              \
        static _Alignas(64) real a[SIZE], b[SIZE], c[SIZE];                                  \
        const size_t row = n * T, a_row = way & 1 ? T : row, a_column = way & 1 ? row : T,   \
                     b_row = way & 2 ? T : row, b_column = way & 2 ? row : T;                \
        for (int i = 0; i < SIZE; i++)                                                       \
            a[i] = (real)(i % 17 - 8), b[i] = (real)(i % 13 - 6), c[i] = 5;                  \
        f->multiply(n, a, a_row, a_column, b, b_row, b_column, c, way & 4);                  \
        for (size_t e = 0; e < n * n * T; e++) {                                             \
            const size_t i = e / T / n, j = e / T % n, lane = e % T;                         \
            double want = way & 4 ? 5 : 0;                                                   \
            for (size_t k = 0; k < n; k++)                                                   \
                want += (double)a[i * a_row + k * a_column + lane] *                         \
                        (double)b[k * b_row + j * b_column + lane];                          \
            ensure((double)c[e] == want, "%g, expected %g", (double)c[e], want);             \
        }                                                                                    \
        for (size_t e = n * n * T; e < SIZE; e++)                                            \
            ensure((double)c[e] == 5, "%g past the end", (double)c[e]);                      \
    }                                                                                        \
    static void check_combine_##real(const kernels_type *f)                                  \
    {                                                                                        \
        enum { T = 64 / sizeof(real), SIZE = 3 * T };                                        \
        static _Alignas(64) real a[SIZE], b[SIZE];                                           \
        for (int i = 0; i < SIZE; i++)                                                       \
            a[i] = (real)i, b[i] = (real)(2 * i + 1);                                        \
        f->combine(2, a, b);                                                                 \
        for (int i = 0; i < SIZE; i++) {                                                     \
            ck_assert_double_eq((double)a[i], i < 2 * T ? 3 * i + 1 : i);                    \
            ck_assert_double_eq((double)b[i], i < 2 * T ? -i - 1 : 2 * i + 1);               \
        }                                                                                    \
    }                                                                                        \
    static void check_##real(const kernels_type *f)                                          \
    {                                                                                        \
        check_butterfly_##real(f);                                                           \
        check_combine_##real(f);                                                             \
        for (size_t n = 1; n <= MOST; n++)                                                   \
            for (int way = 0; way < 8; way++)                                                \
                check_multiply_##real(f, n, way);                                            \
    }
CHECKS(float, e3tp_matrix_kernels_f32)
CHECKS(double, e3tp_matrix_kernels_f64)

START_TEST(kernels)
{
    check_float(f32_tiers[tier]);
    check_double(f64_tiers[tier]);
}
END_TEST

typedef struct degrees {
    int n, l[13];
} degrees;

static const struct {
    degrees of[3];
    int spin;
} products[] = {
    {{{1, {0}}, {1, {0}}, {1, {0}}}, E3TP_SPIN_LEAST},
    {{{2, {0, 1}}, {2, {0, 1}}, {2, {0, 1}}}, E3TP_SPIN_LEAST},
    {{{2, {0, 1}}, {2, {0, 1}}, {3, {0, 1, 2}}}, 4},
    {{{3, {0, 1, 2}}, {3, {0, 1, 2}}, {3, {0, 1, 2}}}, E3TP_SPIN_LEAST},
    {{{2, {1, 3}}, {1, {2}}, {4, {0, 1, 3, 5}}}, E3TP_SPIN_LEAST},
    {{{4, {0, 1, 2, 3}}, {2, {0, 4}}, {3, {2, 4, 7}}}, E3TP_SPIN_LEAST},
    {{{1, {5}}, {1, {3}}, {4, {1, 2, 6, 8}}}, E3TP_SPIN_FULL},
    {{{1, {6}}, {2, {1, 5}}, {2, {6, 11}}}, 24},
    {{{2, {1, 9}}, {1, {2}}, {2, {4, 5}}}, E3TP_SPIN_LEAST},
};
enum { PRODUCTS = sizeof products / sizeof *products, ROWS = 3 };

static e3tp_plan *plan_of(int product, size_t channels, e3tp_dtype t)
{
    e3tp_desc *d;
    e3tp_plan *p;
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_MATRIX), E3TP_OK);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_degrees(d, (e3tp_operand)k, products[product].of[k].l,
                              (size_t)products[product].of[k].n);
    e3tp_desc_set_channels(d, channels);
    e3tp_desc_set_spin(d, products[product].spin);
    e3tp_desc_set_dtype(d, t);
    e3tp_desc_set_isa(d, (e3tp_isa)(tier + 1));
    e3tp_desc_set_method(d, E3TP_METHOD_MATRIX);
    const e3tp_status s = e3tp_plan_create(&p, d);
    ck_assert_msg(s == E3TP_OK, "product %d: %s", product, e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

static double draw(void)
{
    static unsigned state = 11;
    state = state * 1664525u + 1013904223u;
    return (float)((double)(state >> 8) / (1 << 23) - 1);
}

enum { X, Y, GZ, Z, GX, GY, ARRAYS };
static const int operand_of[ARRAYS] = {0, 1, 2, 2, 0, 1};

static void check_near(const e3tp_problem *p, const void *got, size_t i, double want, double size)
{
    ck_assert_double_eq_tol(get(p->dtype, got, i), want,
                            (p->dtype == E3TP_F64 ? 4e-15 : 2e-6) * size);
}

/* The gradient by an operand is the pairing of gz with the product of every unit vector. */
static void check_gradient(const e3tp_problem *p, int k, const double *const in[3], const void *got,
                           size_t at, double *unit, double *z)
{
    memset(unit, 0, p->dim[k] * sizeof *unit);
    for (size_t i = 0; i < p->dim[k]; i++) {
        double want = 0, size = 1;
        unit[i] = 1;
        ck_assert(e3tp_matrix_ref(p, k == X ? unit : in[X], k == Y ? unit : in[Y], z));
        for (size_t j = 0; j < p->dim[2]; j++)
            want += in[GZ][j] * z[j], size += fabs(in[GZ][j] * z[j]);
        check_near(p, got, at + i, want, size);
        unit[i] = 0;
    }
}

static void check_row(const e3tp_problem *p, const double *const in[3], void *const got[ARRAYS],
                      size_t row)
{
    double *z = calloc(p->dim[2] + 1, sizeof *z),
           *unit = calloc(p->dim[0] + p->dim[1] + 1, sizeof *unit), size = 1;
    ck_assert(e3tp_matrix_ref(p, in[X], in[Y], z));
    for (size_t i = 0; i < p->dim[2]; i++)
        size = fmax(size, fabs(z[i]));
    for (size_t i = 0; i < p->dim[2]; i++)
        check_near(p, got[Z], row * p->dim[2] + i, z[i], size);
    check_gradient(p, 0, in, got[GX], row * p->dim[0], unit, z);
    check_gradient(p, 1, in, got[GY], row * p->dim[1], unit, z);
    free(z);
    free(unit);
}

static void check_product(const e3tp_plan *plan)
{
    const e3tp_problem *p = plan->problem;
    double *plain[3];
    void *m[ARRAYS];
    for (int k = 0; k < ARRAYS; k++) {
        const size_t n = ROWS * p->dim[operand_of[k]];
        m[k] = calloc(n + 1, sizeof(double));
        if (k < Z)
            plain[k] = calloc(n + 1, sizeof(double));
        for (size_t i = 0; k < Z && i < n; i++)
            set(p->dtype, m[k], i, plain[k][i] = draw());
    }
    e3tp_buffers b = e3tp_buffers_init(ROWS);
    b.x = m[X], b.y = m[Y], b.z = m[Z], b.gz = m[GZ], b.gx = m[GX], b.gy = m[GY];
    ck_assert_int_eq(e3tp_forward(plan, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(plan, &b), E3TP_OK);
    for (size_t row = 0; row < ROWS; row++) {
        const double *in[3];
        for (int k = 0; k < 3; k++)
            in[k] = plain[k] + row * p->dim[k];
        check_row(p, in, m, row);
    }
    for (int k = 0; k < ARRAYS; k++)
        free(m[k]);
    for (int k = 0; k < 3; k++)
        free(plain[k]);
}

START_TEST(dense_matrices)
{
    static const size_t channels[] = {1, 2, 17};
    for (size_t c = 0; c < (_i < 4 ? 3 : 1); c++)
        for (int t = 0; t < 2; t++) {
            e3tp_plan *p = plan_of(_i, channels[c], (e3tp_dtype)t);
            check_product(p);
            e3tp_plan_destroy(p);
        }
}
END_TEST

/* A spin whose largest degree has no exact coefficients is refused, and by AUTO served by cg. */
START_TEST(large_spin)
{
    static const int one[] = {1};
    for (int automatic = 0; automatic < 2; automatic++) {
        e3tp_desc *d;
        e3tp_plan *p;
        ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_MATRIX), E3TP_OK);
        for (int k = 0; k < 3; k++)
            e3tp_desc_set_degrees(d, (e3tp_operand)k, one, 1);
        e3tp_desc_set_spin(d, 25);
        e3tp_desc_set_method(d, automatic ? E3TP_METHOD_AUTO : E3TP_METHOD_MATRIX);
        ck_assert_int_eq(e3tp_plan_create(&p, d), automatic ? E3TP_OK : E3TP_E_UNSUPPORTED);
        ck_assert(automatic || strstr(e3tp_desc_message(d), "spin 25"));
        if (automatic)
            ck_assert_str_eq(e3tp_plan_method(p), "cg");
        e3tp_plan_destroy(p);
        e3tp_desc_destroy(d);
    }
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *tests = tcase_create("matrix");
    tcase_add_test(tests, kernels);
    tcase_add_loop_test(tests, dense_matrices, 0, PRODUCTS);
    tcase_add_test(tests, large_spin);
    return run_case(tests, "matrix");
}
