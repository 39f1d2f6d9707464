/* SPDX-License-Identifier: MIT */
/* Zero batch, zero multiplicities, empty irreps, no paths: legal. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "e3tp/e3tp.h"

static e3tp_plan *plan_of(const char *x, const char *y, const char *z, const e3tp_path *paths,
                          size_t n)
{
    e3tp_desc *d;
    e3tp_plan *p;
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
    e3tp_desc_set_irreps_text(d, E3TP_X, x);
    e3tp_desc_set_irreps_text(d, E3TP_Y, y);
    e3tp_desc_set_irreps_text(d, E3TP_Z, z);
    for (size_t i = 0; i < n; i++)
        e3tp_desc_add_path(d, &paths[i]);
    const e3tp_status s = e3tp_plan_create(&p, d);
    ck_assert_msg(s == E3TP_OK, "%s", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

START_TEST(no_paths_give_zeros)
{
    e3tp_plan *p = plan_of("2x1o", "1o", "3x2e+0e", NULL, 0);
    float x[12], y[6], z[32], gz[32], gx[12], gy[6];
    memset(x, 0, sizeof x), memset(y, 0, sizeof y), memset(gz, 0, sizeof gz);
    memset(z, 1, sizeof z), memset(gx, 1, sizeof gx), memset(gy, 1, sizeof gy);
    e3tp_buffers b = e3tp_buffers_init(2);
    b.x = x, b.y = y, b.z = z, b.gz = gz, b.gx = gx, b.gy = gy;
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    for (int i = 0; i < 32; i++)
        ck_assert(z[i] == 0);
    for (int i = 0; i < 12; i++)
        ck_assert(gx[i] == 0 && gy[i / 2] == 0);
    e3tp_plan_destroy(p);
}
END_TEST

START_TEST(empty_irreps)
{
    e3tp_plan *p = plan_of("", "", "", NULL, 0);
    e3tp_buffers b = e3tp_buffers_init(5);
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    e3tp_plan_destroy(p);
}
END_TEST

START_TEST(zero_multiplicity)
{
    const e3tp_path paths[2] = {e3tp_path_init(0, 0, 0, E3TP_UVU, 1),
                                e3tp_path_init(1, 0, 1, E3TP_UVU, 1)};
    e3tp_plan *p = plan_of("0x1o+2x0e", "1o", "0x0e+2x1o", paths, 2);
    ck_assert_int_eq((int)e3tp_plan_width(p, E3TP_W), 2);
    ck_assert_int_eq((int)e3tp_plan_num_paths(p), 2);
    float x[2] = {1, 2}, y[3] = {1, 2, 3}, w[2] = {1, 1}, z[6];
    e3tp_buffers b = e3tp_buffers_init(1);
    b.x = x, b.y = y, b.w = w, b.z = z;
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    for (int i = 0; i < 6; i++)
        ck_assert_float_eq_tol(z[i], x[i / 3] * y[i % 3], 1e-5f);
    e3tp_plan_destroy(p);
}
END_TEST

START_TEST(zero_batch)
{
    const e3tp_path path = e3tp_path_init(0, 0, 0, E3TP_UUU, 1);
    e3tp_plan *p = plan_of("2x1o", "2x1o", "2x0e", &path, 1);
    float gw[2] = {7, 7};
    e3tp_buffers b = e3tp_buffers_init(0);
    b.gw = gw;
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    ck_assert(gw[0] == 0 && gw[1] == 0);
    e3tp_plan_destroy(p);
}
END_TEST

/* A gradient of no rows is empty too: nothing is written. */
START_TEST(zero_batch_last)
{
    e3tp_desc *d;
    e3tp_plan *p;
    const int l = 1;
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_GAUNT), E3TP_OK);
    for (int k = 0; k < 3; k++) {
        e3tp_desc_set_degrees(d, (e3tp_operand)k, &l, 1);
        e3tp_desc_set_layout(d, (e3tp_operand)k, E3TP_BATCH_LAST);
    }
    ck_assert_int_eq(e3tp_plan_create(&p, d), E3TP_OK);
    float g[3] = {7, 7, 7};
    e3tp_buffers b = e3tp_buffers_init(0);
    b.gy = g;
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    ck_assert(g[0] == 7 && g[1] == 7 && g[2] == 7);
    e3tp_plan_destroy(p);
    e3tp_desc_destroy(d);
}
END_TEST

/* A product of signals of the first so many of the degrees 0, 1. */
static e3tp_desc *signals(e3tp_op op, const size_t degrees[3], size_t channels)
{
    const int l[2] = {0, 1};
    e3tp_desc *d;
    ck_assert_int_eq(e3tp_desc_create(&d, op), E3TP_OK);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_degrees(d, (e3tp_operand)k, l, degrees[k]);
    e3tp_desc_set_channels(d, channels);
    return d;
}

START_TEST(gaunt_without_degrees_or_channels)
{
    static const size_t degrees[2][3] = {{0, 0, 0}, {2, 2, 2}};
    for (int kind = 0; kind < 2; kind++) {
        e3tp_desc *d = signals(E3TP_OP_GAUNT, degrees[kind], kind ? 0 : 3);
        e3tp_plan *p;
        const e3tp_status s = e3tp_plan_create(&p, d);
        ck_assert_msg(s == E3TP_OK, "%s", e3tp_desc_message(d));
        e3tp_buffers b = e3tp_buffers_init(4);
        ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
        e3tp_plan_destroy(p);
        e3tp_desc_destroy(d);
    }
}
END_TEST

/* Factors of operands that no path reads: their gradients are zero, whatever scratch holds. */
START_TEST(no_paths_between_signals)
{
    static const size_t degrees[3] = {2, 2, 1};
    enum { ROWS = 3, C = 20, WIDTH = 2 * 2 * C };
    for (int method = 0; e3tp_method_name(method + 1); method++) {
        e3tp_desc *d = signals(E3TP_OP_BRACKET, degrees, C);
        e3tp_plan *p;
        e3tp_desc_set_weights(d, E3TP_WEIGHTS_ROW);
        e3tp_desc_set_method(d, (e3tp_method)(method + 1));
        if (e3tp_method_serves((e3tp_method)(method + 1), E3TP_OP_BRACKET)) {
            ck_assert_msg(e3tp_plan_create(&p, d) == E3TP_OK, "%s", e3tp_desc_message(d));
            ck_assert_int_eq((int)e3tp_plan_width(p, E3TP_W), WIDTH);
            float x[ROWS * 4 * C] = {0}, gx[ROWS * 4 * C], w[ROWS * WIDTH] = {0}, gw[ROWS * WIDTH];
            e3tp_buffers b = e3tp_buffers_init(ROWS);
            b.x = x, b.y = x, b.w = w, b.gz = x, b.gx = gx, b.gw = gw;
            const size_t bytes = e3tp_plan_work_bytes(p, E3TP_BACKWARD, ROWS);
            b.work = aligned_alloc(64, (bytes + 63) / 64 * 64);
            memset(b.work, 0xff, bytes);
            ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
            for (int i = 0; i < ROWS * WIDTH; i++)
                ck_assert(gw[i] == 0);
            free(b.work);
            e3tp_plan_destroy(p);
        }
        e3tp_desc_destroy(d);
    }
}
END_TEST

/* x without degrees has no factors: those of y and z are told from each other. */
START_TEST(one_operand_without_degrees)
{
    static const size_t degrees[3] = {0, 2, 2};
    enum { ROWS = 3, C = 5, DIM = 4 * C, WIDTH = 2 * 2 * C };
    e3tp_desc *d = signals(E3TP_OP_GAUNT, degrees, C);
    e3tp_plan *p;
    e3tp_desc_set_weights(d, E3TP_WEIGHTS_ROW);
    ck_assert_msg(e3tp_plan_create(&p, d) == E3TP_OK, "%s", e3tp_desc_message(d));
    ck_assert_int_eq((int)e3tp_plan_width(p, E3TP_W), WIDTH);
    float y[ROWS * DIM], w[ROWS * WIDTH], hw[ROWS * WIDTH];
    for (int i = 0; i < ROWS * DIM; i++)
        y[i] = 1;
    for (int i = 0; i < ROWS * WIDTH; i++)
        w[i] = 1;
    memset(hw, 0xff, sizeof hw);
    e3tp_buffers b = e3tp_buffers_init(ROWS);
    b.y = y, b.w = w, b.gz = y, b.ggy = y, b.ggw = w, b.hw = hw;
    ck_assert_int_eq(e3tp_double_backward(p, &b), E3TP_OK);
    for (int i = 0; i < ROWS * WIDTH; i++)
        ck_assert(hw[i] == 0);
    e3tp_plan_destroy(p);
    e3tp_desc_destroy(d);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("empty");
    TCase *t = tcase_create("empty");
    tcase_add_test(t, no_paths_give_zeros);
    tcase_add_test(t, empty_irreps);
    tcase_add_test(t, zero_multiplicity);
    tcase_add_test(t, zero_batch);
    tcase_add_test(t, zero_batch_last);
    tcase_add_test(t, gaunt_without_degrees_or_channels);
    tcase_add_test(t, no_paths_between_signals);
    tcase_add_test(t, one_operand_without_degrees);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
