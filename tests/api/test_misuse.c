/* SPDX-License-Identifier: MIT */
/* Every documented precondition violated once: exact status, a sentence, no crash. */
#include <check.h>
#include <string.h>

#include "e3tp/e3tp.h"

static e3tp_desc *product(const char *x, const char *y, const char *z)
{
    e3tp_desc *d = NULL;
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
    ck_assert_int_eq(e3tp_desc_set_irreps_text(d, E3TP_X, x), E3TP_OK);
    ck_assert_int_eq(e3tp_desc_set_irreps_text(d, E3TP_Y, y), E3TP_OK);
    ck_assert_int_eq(e3tp_desc_set_irreps_text(d, E3TP_Z, z), E3TP_OK);
    return d;
}

/* A plan made with one path must fail with this status and a sentence that holds this word. */
static void refuse_path(const char *x, const char *y, const char *z, e3tp_path p, e3tp_status s,
                        const char *word)
{
    e3tp_desc *d = product(x, y, z);
    ck_assert_int_eq(e3tp_desc_add_path(d, &p), E3TP_OK);
    e3tp_plan *plan = (e3tp_plan *)d;
    ck_assert_int_eq(e3tp_plan_create(&plan, d), s);
    ck_assert_ptr_null(plan);
    ck_assert_msg(strstr(e3tp_desc_message(d), word), "\"%s\" lacks \"%s\"", e3tp_desc_message(d),
                  word);
    e3tp_desc_destroy(d);
}

START_TEST(paths_that_break_a_rule)
{
    refuse_path("1o", "1o", "1o", e3tp_path_init(0, 0, 0, E3TP_UUU, 0), E3TP_E_INVALID, "parity");
    refuse_path("1o", "1o", "3e", e3tp_path_init(0, 0, 0, E3TP_UUU, 0), E3TP_E_INVALID, "0..2");
    refuse_path("1o", "1o", "0e", e3tp_path_init(1, 0, 0, E3TP_UUU, 0), E3TP_E_INVALID, "outside");
    refuse_path("1o", "1o", "0e", e3tp_path_init(0, UINT32_MAX, 0, E3TP_UUU, 0), E3TP_E_INVALID,
                "outside");
    refuse_path("2x1o", "1o", "2x0e", e3tp_path_init(0, 0, 0, E3TP_UUU, 0), E3TP_E_SHAPE,
                "multiplicities");
    refuse_path("2x1o", "3x1o", "3x0e", e3tp_path_init(0, 0, 0, E3TP_UVU, 0), E3TP_E_SHAPE, "uvu");
    refuse_path("2x1o", "3x1o", "3x0e", e3tp_path_init(0, 0, 0, E3TP_UVW, 0), E3TP_E_INVALID,
                "needs weights");
    refuse_path("1o", "1o", "0e", e3tp_path_init(0, 0, 0, (e3tp_mode)99, 0), E3TP_E_INVALID,
                "no mode");
    e3tp_path negative = e3tp_path_init(0, 0, 0, E3TP_UUU, 0);
    negative.path_weight = -1;
    refuse_path("1o", "1o", "0e", negative, E3TP_E_INVALID, "path_weight");
}
END_TEST

/* The first failure sticks: later good calls do not hide it. */
START_TEST(errors_stick)
{
    e3tp_desc *d = product("1o", "1o", "0e");
    ck_assert_int_eq(e3tp_desc_set_threads(d, -1), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_desc_set_dtype(d, (e3tp_dtype)7), E3TP_E_INVALID);
    ck_assert_ptr_nonnull(strstr(e3tp_desc_message(d), "threads"));
    e3tp_plan *p;
    ck_assert_int_eq(e3tp_plan_create(&p, d), E3TP_E_INVALID);
    ck_assert_ptr_null(p);
    e3tp_desc_destroy(d);
}
END_TEST

static void unlock_only(void *ctx)
{
    (void)ctx;
}

#define REFUSED(call)                                            \
    do {                                                         \
        e3tp_desc *d = product("2x1o", "2x1o", "2x0e");          \
        ck_assert_int_eq(call, E3TP_E_INVALID);                  \
        ck_assert_int_gt((int)strlen(e3tp_desc_message(d)), 10); \
        e3tp_desc_destroy(d);                                    \
    } while (0)

START_TEST(setters_out_of_range)
{
    const e3tp_irrep bad_parity = {1, 1, 0}, too_high = {1, 13, 1}, highest = {1, 24, 1},
                     above = {1, 25, 1};
    const double negative = -1, one = 1;
    const int degree = 1;
    e3tp_path old = e3tp_path_init(0, 0, 0, E3TP_UUU, 0);
    old.size = 3;
    REFUSED(e3tp_desc_set_irreps_text(d, E3TP_X, "3X1o"));
    REFUSED(e3tp_desc_set_irreps_text(d, E3TP_X, NULL));
    REFUSED(e3tp_desc_set_irreps(d, E3TP_X, &bad_parity, 1));
    REFUSED(e3tp_desc_set_irreps(d, E3TP_X, &too_high, 1));
    REFUSED(e3tp_desc_set_irreps(d, E3TP_Y, &highest, 1));
    REFUSED(e3tp_desc_set_irreps(d, E3TP_Z, &above, 1));
    REFUSED(e3tp_desc_set_irreps(d, E3TP_X, NULL, 2));
    REFUSED(e3tp_desc_set_irreps(d, E3TP_W, &too_high, 1));
    REFUSED(e3tp_desc_add_path(d, NULL));
    REFUSED(e3tp_desc_add_path(d, &old));
    REFUSED(e3tp_desc_set_normalization(d, (e3tp_irrep_norm)5, E3TP_PATH_ELEMENT));
    REFUSED(e3tp_desc_set_normalization(d, E3TP_NORM_NORM, (e3tp_path_norm)5));
    REFUSED(e3tp_desc_set_variances(d, E3TP_X, &negative, 1));
    REFUSED(e3tp_desc_set_variances(d, E3TP_X, &one, 2));
    REFUSED(e3tp_desc_set_variances(d, E3TP_X, NULL, 1));
    REFUSED(e3tp_desc_set_sign(d, (e3tp_sign)4));
    REFUSED(e3tp_desc_set_degrees(d, E3TP_X, &degree, 1));
    REFUSED(e3tp_desc_set_channels(d, 2));
    REFUSED(e3tp_desc_set_grid(d, 4, 4, E3TP_GAUSS_LEGENDRE, 0));
    REFUSED(e3tp_desc_set_weights(d, (e3tp_weights)9));
    REFUSED(e3tp_desc_set_layout(d, E3TP_X, (e3tp_layout)9));
    REFUSED(e3tp_desc_set_layout(d, E3TP_W, E3TP_MUL_IR));
    REFUSED(e3tp_desc_set_method(d, (e3tp_method)77));
    REFUSED(e3tp_desc_set_isa(d, (e3tp_isa)77));
    REFUSED(e3tp_desc_set_effort(d, (e3tp_effort)9));
    REFUSED(e3tp_desc_set_planner_lock(d, NULL, unlock_only, NULL));
}
END_TEST

START_TEST(null_handles)
{
    e3tp_plan *p;
    e3tp_desc *d;
    ck_assert_int_eq(e3tp_desc_create(NULL, E3TP_OP_GAUNT), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_desc_create(&d, (e3tp_op)55), E3TP_E_INVALID);
    ck_assert_ptr_null(d);
    ck_assert_int_eq(e3tp_plan_create(&p, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_plan_create(NULL, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_desc_set_threads(NULL, 1), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_forward(NULL, NULL), E3TP_E_INVALID);
    e3tp_desc_destroy(NULL);
    e3tp_plan_destroy(NULL);
    ck_assert_int_eq((int)e3tp_plan_width(NULL, E3TP_X), 0);
    ck_assert_int_eq((int)e3tp_plan_describe(NULL, NULL, 0), 0);
    ck_assert_str_ne(e3tp_status_string((e3tp_status)1234), "");
}
END_TEST

START_TEST(gaunt_descriptions)
{
    const int down[2] = {2, 1}, high[1] = {13};
    for (int i = 0; i < 2; i++) {
        e3tp_desc *d;
        ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_GAUNT), E3TP_OK);
        ck_assert_int_eq(e3tp_desc_set_degrees(d, E3TP_X, i ? high : down, i ? 1 : 2),
                         E3TP_E_INVALID);
        e3tp_desc_destroy(d);
    }
}
END_TEST

static e3tp_plan *small_plan(void)
{
    e3tp_desc *d = product("2x1o", "2x1o", "2x0e");
    const e3tp_path path = e3tp_path_init(0, 0, 0, E3TP_UUU, 1);
    e3tp_plan *p;
    ck_assert_int_eq(e3tp_desc_add_path(d, &path), E3TP_OK);
    ck_assert_int_eq(e3tp_plan_create(&p, d), E3TP_OK);
    e3tp_desc_destroy(d);
    return p;
}

static void refuse_call(const e3tp_plan *p, e3tp_pass pass, const e3tp_buffers *b, e3tp_status s,
                        const char *word)
{
    char text[300];
    ck_assert_int_eq(e3tp_buffers_check(p, pass, b, text, sizeof text), s);
    ck_assert_msg(strstr(text, word), "\"%s\" lacks \"%s\"", text, word);
    const e3tp_status got = pass == E3TP_FORWARD           ? e3tp_forward(p, b)
                            : pass == E3TP_BACKWARD        ? e3tp_backward(p, b)
                            : pass == E3TP_DOUBLE_BACKWARD ? e3tp_double_backward(p, b)
                                                           : e3tp_jvp(p, b);
    ck_assert_int_eq(got, s);
}

START_TEST(calls_that_break_a_rule)
{
    e3tp_plan *p = small_plan();
    float x[12] = {0}, y[12] = {0}, w[2] = {0}, z[4], gz[4] = {0}, gx[12];
    const int32_t index[2] = {0, 0};
    e3tp_buffers good = e3tp_buffers_init(2);
    good.x = x, good.y = y, good.w = w, good.z = z, good.gz = gz, good.gx = gx;
    ck_assert_int_eq(e3tp_forward(p, &good), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &good), E3TP_OK);
#define BROKEN(field, value, pass, status, word) \
    do {                                         \
        e3tp_buffers b = good;                   \
        b.field = value;                         \
        refuse_call(p, pass, &b, status, word);  \
    } while (0)
    BROKEN(size, 8, E3TP_FORWARD, E3TP_E_INVALID, "size");
    BROKEN(x, NULL, E3TP_FORWARD, E3TP_E_INVALID, "x is NULL");
    BROKEN(w, NULL, E3TP_FORWARD, E3TP_E_INVALID, "w is NULL");
    BROKEN(z, NULL, E3TP_FORWARD, E3TP_E_INVALID, "z is NULL");
    BROKEN(gz, NULL, E3TP_BACKWARD, E3TP_E_INVALID, "gz is NULL");
    BROKEN(z, x, E3TP_FORWARD, E3TP_E_INVALID, "overlaps");
    BROKEN(gx, y, E3TP_BACKWARD, E3TP_E_INVALID, "overlaps");
    BROKEN(stride_x, 5, E3TP_FORWARD, E3TP_E_INVALID, "stride of x");
    BROKEN(stride_x, -6, E3TP_FORWARD, E3TP_E_INVALID, "stride of x");
    BROKEN(stride_z, 0, E3TP_FORWARD, E3TP_E_INVALID, "stride of z");
    BROKEN(stride_w, 2, E3TP_FORWARD, E3TP_E_INVALID, "stride of w");
    BROKEN(batch, SIZE_MAX, E3TP_FORWARD, E3TP_E_INVALID, "batch");
    BROKEN(work, (char *)x + 4, E3TP_FORWARD, E3TP_E_INVALID, "64-byte");
    BROKEN(index, index, E3TP_FORWARD, E3TP_E_UNSUPPORTED, "index");
    BROKEN(batch, 2, E3TP_DOUBLE_BACKWARD, E3TP_E_UNSUPPORTED, "not built");
    BROKEN(batch, 2, E3TP_JVP, E3TP_E_UNSUPPORTED, "not built");
    refuse_call(p, E3TP_FORWARD, NULL, E3TP_E_INVALID, "NULL");
    e3tp_plan_destroy(p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("misuse");
    TCase *t = tcase_create("misuse");
    tcase_add_test(t, paths_that_break_a_rule);
    tcase_add_test(t, errors_stick);
    tcase_add_test(t, setters_out_of_range);
    tcase_add_test(t, null_handles);
    tcase_add_test(t, gaunt_descriptions);
    tcase_add_test(t, calls_that_break_a_rule);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
