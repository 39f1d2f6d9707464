/* SPDX-License-Identifier: MIT */
/* Identities that need no reference, through the public API: equivariance under O(3), bilinearity,
   gradients against central differences, the methods of one operation against each other, and the
   bracket's own. argv[1] is the tier. */
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "e3tp/e3tp.h"
#include "problems.h"
#include "suite.h"

enum { ROWS = 5, MAXW = 1500 };

typedef struct arrays {
    double x[ROWS * MAXW], y[ROWS * MAXW], w[ROWS * MAXW], z[ROWS * MAXW], gz[ROWS * MAXW];
    double gx[ROWS * MAXW], gy[ROWS * MAXW], gw[ROWS * MAXW];
} arrays;

static e3tp_isa tier;

static void fill(double *a, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        a[i] = (double)(seed >> 8) / (1 << 23) - 1;
    }
}

static e3tp_plan *freeze(e3tp_desc *d)
{
    e3tp_plan *p;
    e3tp_desc_set_dtype(d, E3TP_F64);
    e3tp_desc_set_isa(d, tier);
    const e3tp_status s = e3tp_plan_create(&p, d);
    ck_assert_msg(s == E3TP_OK, "%s", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

/* Products of signals by every method that serves them: case i of `signal_cases()`. */
static const e3tp_op signal_ops[] = {E3TP_OP_GAUNT,  E3TP_OP_BRACKET, E3TP_OP_COMPLETE,
                                     E3TP_OP_MATRIX, E3TP_OP_CROSS,   E3TP_OP_DOT};
enum { SIGNAL_OPS = sizeof signal_ops / sizeof *signal_ops };

static bool find_case(int i, e3tp_op *op, e3tp_method *method)
{
    for (int at = 0; at < SIGNAL_OPS * method_count(); at++) {
        *op = signal_ops[at / method_count()];
        *method = method_at(at % method_count());
        if (e3tp_method_serves(*method, *op) && i-- == 0)
            return true;
    }
    return false;
}

static int signal_cases(void)
{
    e3tp_op op;
    e3tp_method method;
    int n = 0;
    while (find_case(n, &op, &method))
        n++;
    return n;
}

static e3tp_plan *signal_plan_by(e3tp_op op, e3tp_method method, e3tp_weights w, size_t y_channels)
{
    static const int degrees[] = {0, 1, 2, 3, 4, 5};
    e3tp_desc *d;
    e3tp_desc_create(&d, op);
    const bool fields = op == E3TP_OP_CROSS || op == E3TP_OP_DOT;
    e3tp_desc_set_degrees(d, E3TP_X, degrees, fields ? 2 : 4);
    e3tp_desc_set_degrees(d, E3TP_Y, degrees, fields ? 3 : 5);
    e3tp_desc_set_degrees(d, E3TP_Z, degrees, fields ? 4 : 6);
    e3tp_desc_set_channels(d, 3);
    e3tp_desc_set_y_channels(d, y_channels);
    e3tp_desc_set_method(d, method);
    e3tp_desc_set_weights(d, w);
    return freeze(d);
}

static e3tp_plan *signal_plan(int i, e3tp_weights w, size_t y_channels)
{
    e3tp_op op;
    e3tp_method method;
    ck_assert(find_case(i, &op, &method));
    return signal_plan_by(op, method, w, y_channels);
}

/* Every allowed path of mixed-parity irreps, each into its own block where the modes differ. */
static const char *const product_x = "3x0e+3x1o+3x1e+3x2e", *const product_y = "3x0e+3x1o+3x2o",
                         *const product_z = "3x0e+3x0o+3x1o+3x1e+3x2e+3x2o+3x3e+3x3o";

static const e3tp_mode product_modes[] = {E3TP_UUU, E3TP_UVU, E3TP_UVW};

static e3tp_plan *product_plan(e3tp_mode mode, e3tp_method method)
{
    e3tp_desc *d;
    e3tp_irrep s[3][8];
    size_t n[3];
    const char *const text[3] = {product_x, product_y, product_z};
    e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT);
    for (int k = 0; k < 3; k++) {
        e3tp_irreps_parse(text[k], s[k], 8, &n[k]);
        if (k == 1 && mode == E3TP_UVU)
            for (size_t i = 0; i < n[k]; i++)
                s[k][i].mul = 1;
        e3tp_desc_set_irreps(d, (e3tp_operand)k, s[k], n[k]);
    }
    for (uint32_t i = 0; i < n[0]; i++)
        for (uint32_t j = 0; j < n[1]; j++)
            for (uint32_t o = 0; o < n[2]; o++)
                if (s[0][i].parity * s[1][j].parity == s[2][o].parity &&
                    s[2][o].l >= abs(s[0][i].l - s[1][j].l) && s[2][o].l <= s[0][i].l + s[1][j].l) {
                    const e3tp_path p = e3tp_path_init(i, j, o, mode, 1);
                    e3tp_desc_add_path(d, &p);
                }
    e3tp_desc_set_weights(d, E3TP_WEIGHTS_ROW);
    e3tp_desc_set_method(d, method);
    return freeze(d);
}

static void make_inputs(const e3tp_plan *p, arrays *a)
{
    ck_assert(e3tp_plan_width(p, E3TP_X) <= MAXW && e3tp_plan_width(p, E3TP_Z) <= MAXW &&
              e3tp_plan_width(p, E3TP_W) <= MAXW);
    fill(a->x, ROWS * e3tp_plan_width(p, E3TP_X), 1);
    fill(a->y, ROWS * e3tp_plan_width(p, E3TP_Y), 2);
    fill(a->w, ROWS * e3tp_plan_width(p, E3TP_W), 3);
    fill(a->gz, ROWS * e3tp_plan_width(p, E3TP_Z), 4);
}

static void forward(const e3tp_plan *p, const double *x, const double *y, const double *w,
                    double *z)
{
    e3tp_buffers b = e3tp_buffers_init(ROWS);
    b.x = x, b.y = y, b.w = w, b.z = z;
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
}

static void backward(const e3tp_plan *p, arrays *a)
{
    e3tp_buffers b = e3tp_buffers_init(ROWS);
    b.x = a->x, b.y = a->y, b.w = a->w, b.gz = a->gz;
    b.gx = a->gx, b.gy = a->gy, b.gw = a->gw;
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
}

/* <gz, z> is linear in one operand, so that central differences are exact at any step; it is cubic
   in factor weights, where the error falls with the square of the step. */
static void check_gradient(const e3tp_plan *p, arrays *a, double *operand, const double *gradient,
                           size_t n, double step, double tolerance)
{
    static double direction[ROWS * MAXW], keep[ROWS * MAXW], z1[ROWS * MAXW], z0[ROWS * MAXW];
    const size_t nz = ROWS * e3tp_plan_width(p, E3TP_Z);
    fill(direction, n, 9);
    memcpy(keep, operand, n * sizeof *operand);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++)
            operand[i] = keep[i] + (side ? 0.5 : -0.5) * step * direction[i];
        forward(p, a->x, a->y, a->w, side ? z1 : z0);
    }
    memcpy(operand, keep, n * sizeof *operand);
    const double change = (dot(a->gz, z1, nz) - dot(a->gz, z0, nz)) / step,
                 predicted = dot(gradient, direction, n);
    ck_assert_double_eq_tol(change, predicted, tolerance * (1 + fabs(predicted)));
}

static void check_gradients(e3tp_plan *p, double step, double tolerance)
{
    arrays *a = malloc(sizeof *a);
    make_inputs(p, a);
    backward(p, a);
    check_gradient(p, a, a->x, a->gx, ROWS * e3tp_plan_width(p, E3TP_X), 1, 1e-10);
    check_gradient(p, a, a->y, a->gy, ROWS * e3tp_plan_width(p, E3TP_Y), 1, 1e-10);
    check_gradient(p, a, a->w, a->gw, ROWS * e3tp_plan_width(p, E3TP_W), step, tolerance);
    free(a);
    e3tp_plan_destroy(p);
}

START_TEST(gradients)
{
    if (_i < 3)
        check_gradients(product_plan(product_modes[_i], E3TP_METHOD_AUTO), 1, 1e-10);
    else
        check_gradients(signal_plan((_i - 3) / 2, E3TP_WEIGHTS_ROW, _i % 2), 1e-3, 1e-6);
}
END_TEST

/* Rotates and, for improper R, reflects every irrep of ROWS rows. */
static void transform(const e3tp_irrep *s, size_t n, const double R[9], const double *in,
                      double *out)
{
    static double D[41 * 41];
    const size_t width = e3tp_irreps_dim(s, n);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t d = 2 * (size_t)s[i].l + 1;
        ck_assert_int_eq(e3tp_wigner_D_from_matrix(s[i].l, s[i].parity, R, D), E3TP_OK);
        for (size_t u = 0; u < s[i].mul; u++, at += d)
            for (size_t row = 0; row < ROWS; row++)
                for (size_t m = 0; m < d; m++)
                    out[row * width + at + m] = dot(D + m * d, in + row * width + at, d);
    }
}

static const double rotation[9] = {0.231900605058,  0.190379344067, 0.953927573103,
                                   0.574131544348,  0.764842187284, -0.292214644285,
                                   -0.785235683829, 0.615444663558, 0.068064579184};

START_TEST(equivariance)
{
    const e3tp_mode mode = product_modes[_i / 2];
    e3tp_plan *p = product_plan(mode, E3TP_METHOD_AUTO);
    double R[9];
    for (int i = 0; i < 9; i++)
        R[i] = _i % 2 ? -rotation[i] : rotation[i];
    arrays *a = malloc(sizeof *a);
    e3tp_irrep s[3][8];
    size_t n[3];
    const char *const text[3] = {product_x, product_y, product_z};
    for (int k = 0; k < 3; k++)
        e3tp_irreps_parse(text[k], s[k], 8, &n[k]);
    for (size_t i = 0; i < n[1] && mode == E3TP_UVU; i++)
        s[1][i].mul = 1;
    make_inputs(p, a);
    transform(s[0], n[0], R, a->x, a->gx);
    transform(s[1], n[1], R, a->y, a->gy);
    forward(p, a->gx, a->gy, a->w, a->gz);
    forward(p, a->x, a->y, a->w, a->z);
    transform(s[2], n[2], R, a->z, a->gx);
    for (size_t i = 0; i < ROWS * e3tp_plan_width(p, E3TP_Z); i++)
        ck_assert_double_eq_tol(a->gz[i], a->gx[i], 1e-9);
    free(a);
    e3tp_plan_destroy(p);
}
END_TEST

/* Both operands and the result of a product of signals. */
START_TEST(signal_equivariance)
{
    enum { BLOCKS = 75 };
    static e3tp_irrep s[3][BLOCKS];
    e3tp_plan *p = signal_plan(_i / 4, E3TP_WEIGHTS_SHARED, _i / 2 % 2);
    double R[9];
    size_t n[3];
    for (int i = 0; i < 9; i++)
        R[i] = _i % 2 ? -rotation[i] : rotation[i];
    arrays *a = malloc(sizeof *a);
    for (int k = 0; k < 3; k++)
        n[k] = e3tp_plan_irreps(p, (e3tp_operand)k, s[k], BLOCKS);
    make_inputs(p, a);
    transform(s[0], n[0], R, a->x, a->gx);
    transform(s[1], n[1], R, a->y, a->gy);
    forward(p, a->gx, a->gy, a->w, a->gz);
    forward(p, a->x, a->y, a->w, a->z);
    transform(s[2], n[2], R, a->z, a->gx);
    for (size_t i = 0; i < ROWS * e3tp_plan_width(p, E3TP_Z); i++)
        ck_assert_double_eq_tol(a->gz[i], a->gx[i], 1e-9);
    free(a);
    e3tp_plan_destroy(p);
}
END_TEST

/* Case i of products of irreps, then of signals. */
static e3tp_plan *any_plan(int i)
{
    return i < 3 ? product_plan(product_modes[i], E3TP_METHOD_AUTO)
                 : signal_plan((i - 3) / 2, E3TP_WEIGHTS_ROW, (i - 3) % 2);
}

/* 2 of one and -3 of another x is 2 and -3 of their products; so for y and, of products of irreps,
   w. */
static void check_linear(const e3tp_plan *p, arrays *a, double *operand, e3tp_operand which)
{
    static double other[ROWS * MAXW], sum[ROWS * MAXW];
    const size_t n = ROWS * e3tp_plan_width(p, which), nz = ROWS * e3tp_plan_width(p, E3TP_Z);
    fill(other, n, 5);
    for (size_t i = 0; i < n; i++)
        sum[i] = 2 * operand[i] - 3 * other[i];
    const double *const at[] = {[E3TP_X] = a->x, [E3TP_Y] = a->y, [E3TP_W] = a->w};
    const double *const from[] = {operand, other, sum};
    double *const to[] = {a->z, a->gx, a->gy};
    for (int k = 0; k < 3; k++)
        forward(p, which == E3TP_X ? from[k] : at[E3TP_X], which == E3TP_Y ? from[k] : at[E3TP_Y],
                which == E3TP_W ? from[k] : at[E3TP_W], to[k]);
    for (size_t i = 0; i < nz; i++)
        ck_assert_double_eq_tol(a->gy[i], 2 * a->z[i] - 3 * a->gx[i], 1e-10);
}

START_TEST(bilinearity)
{
    e3tp_plan *p = any_plan(_i);
    arrays *a = malloc(sizeof *a);
    make_inputs(p, a);
    check_linear(p, a, a->x, E3TP_X);
    check_linear(p, a, a->y, E3TP_Y);
    if (_i < 3)
        check_linear(p, a, a->w, E3TP_W);
    free(a);
    e3tp_plan_destroy(p);
}
END_TEST

/* z and gradients by a plan and by cg. */
static void check_methods(e3tp_plan *p, e3tp_plan *q)
{
    arrays *a = malloc(2 * sizeof *a);
    e3tp_plan *const by[] = {p, q};
    ck_assert_str_eq(e3tp_plan_method(q), "cg");
    for (int k = 0; k < 2; k++) {
        make_inputs(by[k], &a[k]);
        forward(by[k], a[k].x, a[k].y, a[k].w, a[k].z);
        backward(by[k], &a[k]);
    }
    const double *const one[] = {a[0].gx, a[0].gy, a[0].z, a[0].gw}, *const two[] = {
                                                                         a[1].gx, a[1].gy, a[1].z,
                                                                         a[1].gw};
    for (int k = 0; k < 4; k++)
        for (size_t i = 0; i < ROWS * e3tp_plan_width(p, (e3tp_operand)k); i++)
            ck_assert_double_eq_tol(one[k][i], two[k][i], 1e-10);
    free(a);
    e3tp_plan_destroy(p);
    e3tp_plan_destroy(q);
}

/* Products of irreps by grid; of signals by every method. */
START_TEST(methods)
{
    e3tp_op op;
    e3tp_method method;
    if (_i < 3) {
        check_methods(product_plan(product_modes[_i], E3TP_METHOD_GRID),
                      product_plan(product_modes[_i], E3TP_METHOD_CG));
        return;
    }
    ck_assert(find_case((_i - 3) / 2, &op, &method));
    if (method != E3TP_METHOD_CG)
        check_methods(signal_plan_by(op, method, E3TP_WEIGHTS_ROW, _i % 2),
                      signal_plan_by(op, E3TP_METHOD_CG, E3TP_WEIGHTS_ROW, _i % 2));
}
END_TEST

/* ---- the bracket: functions of degrees 0..L */

enum { L = 7, FUNCTION = (L + 1) * (L + 1) };

static e3tp_plan *bracket_plan(e3tp_method method, size_t degrees_of_y)
{
    static const int degrees[] = {0, 1, 2, 3, 4, 5, 6, 7};
    e3tp_desc *d;
    e3tp_desc_create(&d, E3TP_OP_BRACKET);
    e3tp_desc_set_degrees(d, E3TP_X, degrees, L + 1);
    e3tp_desc_set_degrees(d, E3TP_Y, degrees, degrees_of_y);
    e3tp_desc_set_degrees(d, E3TP_Z, degrees, L + 1);
    e3tp_desc_set_method(d, method);
    return freeze(d);
}

/* Of {a, b} c, row after row; size: of the absolute values of its terms. The bracket has no degree
   0. */
static void integrals(const e3tp_plan *p, const double *a, const double *b, const double *c,
                      double out[ROWS], double size[ROWS])
{
    static double z[ROWS * FUNCTION];
    forward(p, a, b, NULL, z);
    for (size_t row = 0; row < ROWS; row++) {
        out[row] = size[row] = 0;
        for (size_t i = 1; i < FUNCTION; i++) {
            const double term = z[row * (FUNCTION - 1) + i - 1] * c[row * FUNCTION + i];
            out[row] += term, size[row] += fabs(term);
        }
    }
}

/* By parts: {a, b} c, {b, c} a and {c, a} b have one integral, {b, a} c the opposite one. */
START_TEST(bracket_by_parts)
{
    e3tp_plan *p = bracket_plan(_i ? E3TP_METHOD_GRID : E3TP_METHOD_CG, L + 1);
    static double f[3][ROWS * FUNCTION];
    static const int turns[][3] = {{0, 1, 2}, {1, 2, 0}, {2, 0, 1}, {1, 0, 2}};
    double sum[COUNT_OF(turns)][ROWS], size[COUNT_OF(turns)][ROWS];
    ck_assert_uint_eq(e3tp_plan_width(p, E3TP_X), FUNCTION);
    ck_assert_uint_eq(e3tp_plan_width(p, E3TP_Z), FUNCTION - 1);
    for (unsigned k = 0; k < 3; k++)
        fill(f[k], ROWS * FUNCTION, 20 + k);
    for (size_t t = 0; t < COUNT_OF(turns); t++)
        integrals(p, f[turns[t][0]], f[turns[t][1]], f[turns[t][2]], sum[t], size[t]);
    for (size_t row = 0; row < ROWS; row++)
        for (size_t t = 1; t < COUNT_OF(turns); t++)
            ck_assert_double_eq_tol(t == 3 ? -sum[t][row] : sum[t][row], sum[0][row],
                                    1e-14 * size[0][row]);
    e3tp_plan_destroy(p);
}
END_TEST

/* The integral of {a, b}, which is that of {b, 1} a by parts, is zero: z has no degree 0 though it
   was asked for, and the bracket with a constant has no paths. */
START_TEST(bracket_integral)
{
    const e3tp_method method = _i ? E3TP_METHOD_GRID : E3TP_METHOD_CG;
    e3tp_irrep list[L + 1];
    e3tp_plan *p = bracket_plan(method, L + 1);
    ck_assert_uint_eq(e3tp_plan_irreps(p, E3TP_Z, list, L + 1), L);
    for (int i = 0; i < L; i++) {
        ck_assert_int_eq(list[i].l, i + 1);
        ck_assert_int_eq(list[i].parity, i % 2 ? -1 : 1);
    }
    e3tp_plan_destroy(p);
    p = bracket_plan(method, 1);
    static double a[ROWS * FUNCTION], one[ROWS], z[ROWS * FUNCTION];
    ck_assert_uint_eq(e3tp_plan_num_paths(p), 0);
    fill(a, ROWS * FUNCTION, 1), fill(one, ROWS, 2), fill(z, ROWS * FUNCTION, 3);
    forward(p, a, one, NULL, z);
    for (size_t i = 0; i < ROWS * e3tp_plan_width(p, E3TP_Z); i++)
        ck_assert_double_eq(z[i], 0);
    e3tp_plan_destroy(p);
}
END_TEST

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "generic";
    for (int t = E3TP_ISA_GENERIC; e3tp_isa_name((e3tp_isa)t); t++)
        if (strcmp(e3tp_isa_name((e3tp_isa)t), name) == 0)
            tier = (e3tp_isa)t;
    if (!e3tp_isa_usable(tier))
        return 77;
    Suite *s = suite_create("identities");
    TCase *t = tcase_create(name);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, gradients, 0, 3 + 2 * signal_cases());
    tcase_add_loop_test(t, equivariance, 0, 6);
    tcase_add_loop_test(t, signal_equivariance, 0, 4 * signal_cases());
    tcase_add_loop_test(t, bilinearity, 0, 3 + 2 * signal_cases());
    tcase_add_loop_test(t, methods, 0, 3 + 2 * signal_cases());
    tcase_add_loop_test(t, bracket_by_parts, 0, 2);
    tcase_add_loop_test(t, bracket_integral, 0, 2);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
