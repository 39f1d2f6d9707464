/* SPDX-License-Identifier: MIT */
/* Descriptors and plans: every documented precondition violated once; the exact status, and a
   sentence that names what is wrong. */
#define _DEFAULT_SOURCE /* setenv */
#include <math.h>
#include <stdint.h>

#include "suite.h"

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
    refuse_path("4194304x0e", "2097152x0e", "2097152x0e", e3tp_path_init(0, 0, 0, E3TP_UVW, 1),
                E3TP_E_SHAPE, "weights"); /* 2^64 */
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
    refuse_path("1o", "1o", "0e", e3tp_path_init(0, 0, 7, E3TP_UUU, 0), E3TP_E_INVALID, "of z");
    refuse_path("2x1o", "2x1o", "3x0e", e3tp_path_init(0, 0, 0, E3TP_U_LT_VW, 0), E3TP_E_INVALID,
                "needs weights");
    static const double weights[] = {-1, INFINITY, NAN};
    for (size_t i = 0; i < COUNT_OF(weights); i++) {
        e3tp_path p = e3tp_path_init(0, 0, 0, E3TP_UUU, 0);
        p.path_weight = weights[i];
        refuse_path("1o", "1o", "0e", p, E3TP_E_INVALID, "path_weight");
    }
}
END_TEST

/* What each mode asks of multiplicities. */
START_TEST(multiplicities_that_do_not_fit)
{
    static const struct {
        e3tp_mode mode;
        const char *x, *y, *z, *name;
    } rows[] = {
        {E3TP_UVU, "2x1o", "3x1o", "3x0e", "uvu"},
        {E3TP_UVV, "2x1o", "3x1o", "2x0e", "uvv"},
        {E3TP_UUW, "2x1o", "3x1o", "4x0e", "uuw"},
        {E3TP_UUU, "2x1o", "2x1o", "1x0e", "uuu"},
        {E3TP_UVUV, "2x1o", "3x1o", "5x0e", "uvuv"},
        {E3TP_UVU_LT_V, "3x1o", "3x1o", "4x0e", "uvu<v"},
        {E3TP_U_LT_VW, "2x1o", "3x1o", "4x0e", "u<vw"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        refuse_path(rows[i].x, rows[i].y, rows[i].z, e3tp_path_init(0, 0, 0, rows[i].mode, 1),
                    E3TP_E_SHAPE, rows[i].name);
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

static void lock_only(void *ctx)
{
    (void)ctx;
}

static void *alloc_only(size_t bytes, void *ctx)
{
    (void)bytes, (void)ctx;
    return NULL;
}

static void free_only(void *block, void *ctx)
{
    (void)block, (void)ctx;
}

static e3tp_desc *signals(e3tp_op op)
{
    e3tp_desc *d;
    ck_assert_int_eq(e3tp_desc_create(&d, op), E3TP_OK);
    return d;
}

#define REFUSED(make, call, word)                                                          \
    do {                                                                                   \
        e3tp_desc *d = make;                                                               \
        ck_assert_int_eq(call, E3TP_E_INVALID);                                            \
        const char *text = e3tp_desc_message(d);                                           \
        ck_assert_msg(strlen(text) > 10 && strstr(text, word), "%s: \"%s\"", #call, text); \
        e3tp_plan *plan;                                                                   \
        ck_assert_int_eq(e3tp_plan_create(&plan, d), E3TP_E_INVALID);                      \
        ck_assert_ptr_null(plan);                                                          \
        e3tp_desc_destroy(d);                                                              \
    } while (0)
#define PRODUCT_REFUSED(call, word) REFUSED(product("2x1o", "2x1o", "2x0e"), call, word)
#define GAUNT_REFUSED(call, word) REFUSED(signals(E3TP_OP_GAUNT), call, word)

START_TEST(setters_of_products)
{
    const e3tp_irrep bad_parity = {1, 1, 0}, high = {1, 13, 1}, highest = {1, 25, 1};
    const double negative = -1, one = 1, infinite = INFINITY, nan = NAN;
    const int degree = 1;
    e3tp_path old = e3tp_path_init(0, 0, 0, E3TP_UUU, 0);
    old.size = 3;
    PRODUCT_REFUSED(e3tp_desc_set_irreps_text(d, E3TP_X, "3X1o"), "3X1o");
    PRODUCT_REFUSED(e3tp_desc_set_irreps_text(d, E3TP_X, NULL), "NULL");
    PRODUCT_REFUSED(e3tp_desc_set_irreps_text(d, E3TP_W, "1o"), "operand");
    PRODUCT_REFUSED(e3tp_desc_set_irreps_text(d, E3TP_X, "13o"), "of x");
    PRODUCT_REFUSED(e3tp_desc_set_irreps(d, E3TP_X, &bad_parity, 1), "parity");
    PRODUCT_REFUSED(e3tp_desc_set_irreps(d, E3TP_Y, &high, 1), "of y");
    PRODUCT_REFUSED(e3tp_desc_set_irreps(d, E3TP_Z, &highest, 1), "of z");
    PRODUCT_REFUSED(e3tp_desc_set_irreps(d, E3TP_X, NULL, 2), "NULL");
    PRODUCT_REFUSED(e3tp_desc_set_irreps(d, E3TP_W, &bad_parity, 1), "operand");
    PRODUCT_REFUSED(e3tp_desc_add_path(d, NULL), "path");
    PRODUCT_REFUSED(e3tp_desc_add_path(d, &old), "size");
    PRODUCT_REFUSED(e3tp_desc_set_normalization(d, (e3tp_irrep_norm)5, E3TP_PATH_ELEMENT), "irrep");
    PRODUCT_REFUSED(e3tp_desc_set_normalization(d, E3TP_NORM_NORM, (e3tp_path_norm)5), "path");
    PRODUCT_REFUSED(e3tp_desc_set_variances(d, E3TP_X, &negative, 1), "of x");
    PRODUCT_REFUSED(e3tp_desc_set_variances(d, E3TP_Y, &infinite, 1), "of y");
    PRODUCT_REFUSED(e3tp_desc_set_variances(d, E3TP_Z, &nan, 1), "of z");
    PRODUCT_REFUSED(e3tp_desc_set_variances(d, E3TP_X, &one, 2), "expected 1");
    PRODUCT_REFUSED(e3tp_desc_set_variances(d, E3TP_X, NULL, 1), "NULL");
    PRODUCT_REFUSED(e3tp_desc_set_variances(d, E3TP_W, &one, 1), "operand");
    PRODUCT_REFUSED(e3tp_desc_set_sign(d, (e3tp_sign)4), "sign");
    PRODUCT_REFUSED(e3tp_desc_set_degrees(d, E3TP_X, &degree, 1), "degrees");
    PRODUCT_REFUSED(e3tp_desc_set_channels(d, 2), "channels");
    PRODUCT_REFUSED(e3tp_desc_set_grid(d, 4, 0, E3TP_GAUSS_LEGENDRE, 0), "grid");
}
END_TEST

START_TEST(setters_of_gaunt)
{
    const int down[2] = {2, 1}, twice[2] = {1, 1}, highest = 25, above = 13, negative = -1, one = 1;
    const e3tp_irrep irrep = {1, 1, -1};
    const e3tp_path path = e3tp_path_init(0, 0, 0, E3TP_UUU, 0);
    GAUNT_REFUSED(e3tp_desc_set_degrees(d, E3TP_X, down, 2), "of x");
    GAUNT_REFUSED(e3tp_desc_set_degrees(d, E3TP_Y, twice, 2), "of y");
    GAUNT_REFUSED(e3tp_desc_set_degrees(d, E3TP_X, &highest, 1), "of x");
    GAUNT_REFUSED(e3tp_desc_set_degrees(d, E3TP_Z, &highest, 1), "of z");
    GAUNT_REFUSED(e3tp_desc_set_degrees(d, E3TP_Z, &negative, 1), "of z");
    GAUNT_REFUSED(e3tp_desc_set_degrees(d, E3TP_Z, NULL, 1), "NULL");
    GAUNT_REFUSED(e3tp_desc_set_degrees(d, E3TP_W, &one, 1), "operand");
    GAUNT_REFUSED(e3tp_desc_set_irreps(d, E3TP_X, &irrep, 1), "irreps");
    GAUNT_REFUSED(e3tp_desc_set_irreps_text(d, E3TP_X, "1o"), "irreps");
    GAUNT_REFUSED(e3tp_desc_add_path(d, &path), "path");
    GAUNT_REFUSED(e3tp_desc_set_sign(d, E3TP_SIGN_E3NN_044), "paths");
    GAUNT_REFUSED(e3tp_desc_set_normalization(d, E3TP_NORM_NONE, E3TP_PATH_NONE), "paths");
    GAUNT_REFUSED(e3tp_desc_set_variances(d, E3TP_X, NULL, 0), "paths");
#if SIZE_MAX > UINT32_MAX
    GAUNT_REFUSED(e3tp_desc_set_channels(d, (size_t)UINT32_MAX + 1), "channels");
#endif
    GAUNT_REFUSED(e3tp_desc_set_grid(d, 4, 0, E3TP_GAUSS_LEGENDRE, 0), "grid");
    GAUNT_REFUSED(e3tp_desc_set_grid(d, -4, -4, E3TP_GAUSS_LEGENDRE, 0), "grid");
    GAUNT_REFUSED(e3tp_desc_set_grid(d, 4, 1001, E3TP_GAUSS_LEGENDRE, 0), "grid");
    GAUNT_REFUSED(e3tp_desc_set_grid(d, 4, 4, (e3tp_quadrature)9, 0), "quadrature");
    GAUNT_REFUSED(e3tp_desc_set_grid(d, 4, 4, E3TP_LEBEDEV, 0), "quadrature");
    PRODUCT_REFUSED(e3tp_desc_set_rank(d, 2), "rank");
    GAUNT_REFUSED(e3tp_desc_set_rank(d, 0), "rank");
    GAUNT_REFUSED(e3tp_desc_set_rank(d, UINT16_MAX + 1), "rank");
    PRODUCT_REFUSED(e3tp_desc_set_common_output(d, 1), "factors of z");
    REFUSED(signals(E3TP_OP_GAUNT_POWER), e3tp_desc_set_common_output(d, 0), "factors of z");
    PRODUCT_REFUSED(e3tp_desc_set_y_channels(d, 1), "channels of y");
    REFUSED(signals(E3TP_OP_GAUNT_POWER), e3tp_desc_set_y_channels(d, 1), "channels of y");
    PRODUCT_REFUSED(e3tp_desc_set_y_zonal(d, 1), "pole");
    REFUSED(signals(E3TP_OP_CROSS), e3tp_desc_set_y_zonal(d, 1), "pole");
    REFUSED(signals(E3TP_OP_DOT), e3tp_desc_set_y_zonal(d, 1), "pole");
    REFUSED(signals(E3TP_OP_GAUNT_POWER), e3tp_desc_set_y_zonal(d, 1), "pole");
    GAUNT_REFUSED(e3tp_desc_set_spin(d, 3), "spin");
    PRODUCT_REFUSED(e3tp_desc_set_spin(d, 3), "spin");
    REFUSED(signals(E3TP_OP_MATRIX), e3tp_desc_set_spin(d, -3), "spin");
    REFUSED(signals(E3TP_OP_MATRIX), e3tp_desc_set_spin(d, E3TP_SO3_LMAX + 1), "spin");
    GAUNT_REFUSED(e3tp_desc_set_field_types(d, E3TP_X, E3TP_FIELD_ABOVE), "field");
    PRODUCT_REFUSED(e3tp_desc_set_field_types(d, E3TP_X, E3TP_FIELD_ABOVE), "field");
    REFUSED(signals(E3TP_OP_DOT), e3tp_desc_set_field_types(d, E3TP_Z, E3TP_FIELD_ABOVE), "field");
    REFUSED(signals(E3TP_OP_DOT), e3tp_desc_set_field_types(d, E3TP_W, E3TP_FIELD_ABOVE), "field");
    REFUSED(signals(E3TP_OP_CROSS), e3tp_desc_set_degrees(d, E3TP_X, &above, 1), "of x");
    REFUSED(signals(E3TP_OP_DOT), e3tp_desc_set_degrees(d, E3TP_Y, &above, 1), "of y");
    REFUSED(signals(E3TP_OP_GAUNT_POWER), e3tp_desc_set_degrees(d, E3TP_X, &above, 1), "of x");
    REFUSED(signals(E3TP_OP_CROSS), e3tp_desc_set_field_types(d, E3TP_X, 0), "types");
    REFUSED(signals(E3TP_OP_CROSS), e3tp_desc_set_field_types(d, E3TP_Z, 8), "types");
}
END_TEST

/* Signals by methods that have no way to them, and a spin that is too small. */
START_TEST(signals_not_served)
{
    const int degrees[] = {0, 1, 2, 3};
    static const e3tp_op ops[] = {E3TP_OP_BRACKET, E3TP_OP_COMPLETE, E3TP_OP_MATRIX, E3TP_OP_CROSS,
                                  E3TP_OP_DOT};
    static const e3tp_method methods[] = {E3TP_METHOD_AUTO, E3TP_METHOD_CG, E3TP_METHOD_GAUNT,
                                          E3TP_METHOD_GRID};
    for (size_t i = 0; i < COUNT_OF(ops); i++)
        for (size_t m = 0; m < COUNT_OF(methods); m++) {
            e3tp_desc *d = signals(ops[i]);
            e3tp_plan *p;
            for (int k = 0; k < 3; k++)
                e3tp_desc_set_degrees(d, (e3tp_operand)k, degrees, 4);
            e3tp_desc_set_method(d, methods[m]);
            const int served = m == 0 || e3tp_method_serves(methods[m], ops[i]);
            ck_assert_int_eq(e3tp_plan_create(&p, d), served ? E3TP_OK : E3TP_E_UNSUPPORTED);
            ck_assert(served || strlen(e3tp_desc_message(d)) > 10);
            ck_assert(served || strstr(e3tp_desc_message(d), e3tp_method_name(methods[m])));
            e3tp_plan_destroy(p);
            e3tp_desc_destroy(d);
        }
    e3tp_desc *d = product("2x1o", "2x1o", "2x0e");
    e3tp_plan *p;
    e3tp_desc_set_method(d, E3TP_METHOD_GAUNT);
    ck_assert_int_eq(e3tp_plan_create(&p, d), E3TP_E_UNSUPPORTED);
    ck_assert(strncmp(e3tp_desc_message(d), "gaunt: ", 7) == 0);
    e3tp_desc_destroy(d);
    d = signals(E3TP_OP_MATRIX);
    e3tp_desc_set_degrees(d, E3TP_X, degrees, 4);
    e3tp_desc_set_spin(d, 1);
    ck_assert_int_eq(e3tp_plan_create(&p, d), E3TP_E_INVALID);
    ck_assert_ptr_nonnull(strstr(e3tp_desc_message(d), "spin 2"));
    e3tp_desc_destroy(d);
}
END_TEST

START_TEST(setters_of_both)
{
    PRODUCT_REFUSED(e3tp_desc_set_oversample(d, 0.99), "oversample");
    PRODUCT_REFUSED(e3tp_desc_set_oversample(d, E3TP_OVERSAMPLE_MOST + 0.01), "oversample");
    PRODUCT_REFUSED(e3tp_desc_set_oversample(d, NAN), "oversample");
    PRODUCT_REFUSED(e3tp_desc_set_dtype(d, (e3tp_dtype)9), "dtype");
    PRODUCT_REFUSED(e3tp_desc_set_weights(d, (e3tp_weights)9), "weight");
    PRODUCT_REFUSED(e3tp_desc_set_layout(d, E3TP_X, (e3tp_layout)9), "layout");
    PRODUCT_REFUSED(e3tp_desc_set_layout(d, E3TP_W, E3TP_MUL_IR), "operand");
    PRODUCT_REFUSED(e3tp_desc_set_method(d, (e3tp_method)77), "method");
    PRODUCT_REFUSED(e3tp_desc_set_isa(d, (e3tp_isa)77), "tier");
    PRODUCT_REFUSED(e3tp_desc_set_effort(d, (e3tp_effort)9), "effort");
    PRODUCT_REFUSED(e3tp_desc_set_threads(d, -1), "threads");
    PRODUCT_REFUSED(e3tp_desc_set_accumulation(d, (e3tp_dtype)9), "dtype");
    PRODUCT_REFUSED(e3tp_desc_set_allocator(d, alloc_only, NULL, NULL), "allocator");
    PRODUCT_REFUSED(e3tp_desc_set_allocator(d, NULL, free_only, NULL), "allocator");
    PRODUCT_REFUSED(e3tp_desc_set_planner_lock(d, NULL, lock_only, NULL), "lock");
    PRODUCT_REFUSED(e3tp_desc_set_planner_lock(d, lock_only, NULL, NULL), "lock");
}
END_TEST

/* The descriptor is in order, but no plan can be made of it. */
static void refuse_plan(e3tp_desc *d, e3tp_status s, const char *word)
{
    ck_assert_str_eq(e3tp_desc_message(d), "");
    e3tp_plan *plan = (e3tp_plan *)d;
    ck_assert_int_eq(e3tp_plan_create(&plan, d), s);
    ck_assert_ptr_null(plan);
    ck_assert_msg(strstr(e3tp_desc_message(d), word), "\"%s\" lacks \"%s\"", e3tp_desc_message(d),
                  word);
    e3tp_desc_destroy(d);
}

START_TEST(plans_that_cannot_be)
{
    const e3tp_path path = e3tp_path_init(0, 0, 0, E3TP_UUU, 1),
                    other = e3tp_path_init(0, 0, 0, E3TP_UVV, 1);
    e3tp_desc *d = product("2x1o", "2x1o", "2x0e");
    e3tp_desc_add_path(d, &path);
    e3tp_desc_set_weights(d, E3TP_WEIGHTS_NONE);
    refuse_plan(d, E3TP_E_INVALID, "weights");
    for (int order = 0; order < 2; order++) { /* whichever setter comes first */
        d = product("2x1o", "2x1o", "2x0e");
        if (order)
            e3tp_desc_set_dtype(d, E3TP_F64);
        e3tp_desc_set_accumulation(d, E3TP_F32);
        if (!order)
            e3tp_desc_set_dtype(d, E3TP_F64);
        refuse_plan(d, E3TP_E_UNSUPPORTED, "accumulation");
    }
    d = product("12e", "1o", "12o");
    const e3tp_path high = e3tp_path_init(0, 0, 0, E3TP_UUU, 0);
    e3tp_desc_add_path(d, &high);
    e3tp_desc_set_sign(d, E3TP_SIGN_E3NN_044);
    refuse_plan(d, E3TP_E_INVALID, "sign");
    d = signals(E3TP_OP_GAUNT);
    e3tp_desc_set_channels(d, 3);
    e3tp_desc_set_y_channels(d, 2);
    refuse_plan(d, E3TP_E_INVALID, "channels of y: 2");
    d = signals(E3TP_OP_GAUNT);
    e3tp_desc_set_common_output(d, 1);
    refuse_plan(d, E3TP_E_INVALID, "common output");
    d = signals(E3TP_OP_GAUNT);
    e3tp_desc_set_rank(d, 2);
    refuse_plan(d, E3TP_E_INVALID, "rank: 2");
    static const e3tp_method others[] = {E3TP_METHOD_GAUNT, E3TP_METHOD_GRID, E3TP_METHOD_MATRIX};
    for (size_t m = 0; m < sizeof others / sizeof *others; m++) {
        const e3tp_op op = others[m] == E3TP_METHOD_MATRIX ? E3TP_OP_MATRIX : E3TP_OP_GAUNT;
        if (!e3tp_method_serves(others[m], op))
            continue;
        d = signals(op);
        e3tp_desc_set_y_zonal(d, 1);
        e3tp_desc_set_method(d, others[m]);
        refuse_plan(d, E3TP_E_UNSUPPORTED, "order 0");
    }
    if (e3tp_method_name(E3TP_METHOD_GRID)) {
        d = product("2x1o", "2x1o", "2x0e");
        e3tp_desc_add_path(d, &other);
        e3tp_desc_set_method(d, E3TP_METHOD_GRID);
        refuse_plan(d, E3TP_E_UNSUPPORTED, "uvv");
    }
    if (e3tp_method_name(E3TP_METHOD_GAUNT)) {
        d = product("2x1o", "2x1o", "2x0e");
        e3tp_desc_set_method(d, E3TP_METHOD_GAUNT);
        refuse_plan(d, E3TP_E_UNSUPPORTED, "gaunt");
        for (int factor = 0; factor < 2; factor++) {
            d = signals(E3TP_OP_GAUNT);
            if (factor)
                e3tp_desc_set_oversample(d, 1.5);
            else
                e3tp_desc_set_grid(d, 8, 16, E3TP_GAUSS_LEGENDRE, 0);
            e3tp_desc_set_method(d, E3TP_METHOD_GAUNT);
            refuse_plan(d, E3TP_E_UNSUPPORTED, "a grid was set");
        }
    }
    if (e3tp_method_name(E3TP_METHOD_GRID)) { /* degree 2 + 2 + 2 needs four rows */
        const int l[3] = {0, 1, 2};
        d = signals(E3TP_OP_GAUNT);
        for (int k = 0; k < 3; k++)
            e3tp_desc_set_degrees(d, (e3tp_operand)k, l, 3);
        e3tp_desc_set_grid(d, 2, 3, E3TP_GAUSS_LEGENDRE, 0);
        e3tp_desc_set_method(d, E3TP_METHOD_GRID);
        refuse_plan(d, E3TP_E_UNSUPPORTED, "grid");
    }
}
END_TEST

START_TEST(rows_too_wide)
{
    enum { BLOCKS = 5600000 }; /* of 2^32 * 49 elements: above 2^60 */
    e3tp_irrep *s = malloc(BLOCKS * sizeof *s);
    for (size_t i = 0; i < BLOCKS; i++)
        s[i] = (e3tp_irrep){UINT32_MAX, 24, 1};
    e3tp_desc *d = product("1o", "1o", "0e");
    ck_assert_int_eq(e3tp_desc_set_irreps(d, E3TP_Z, s, BLOCKS), E3TP_OK);
    refuse_plan(d, E3TP_E_SHAPE, "of z");
    free(s);
}
END_TEST

START_TEST(tiers_that_are_not_there)
{
    size_t refused = 0;
    for (int t = E3TP_ISA_GENERIC; e3tp_isa_name((e3tp_isa)t); t++) {
        if (e3tp_isa_usable((e3tp_isa)t))
            continue;
        refused++;
        e3tp_desc *d = product("1o", "1o", "0e");
        e3tp_desc_set_isa(d, (e3tp_isa)t);
        refuse_plan(d, E3TP_E_UNSUPPORTED, e3tp_isa_name((e3tp_isa)t));
        setenv("E3TP_ISA", e3tp_isa_name((e3tp_isa)t), 1);
        refuse_plan(product("1o", "1o", "0e"), E3TP_E_UNSUPPORTED, "E3TP_ISA");
    }
    ck_assert_uint_gt(refused, 0); /* no machine has all */
    setenv("E3TP_ISA", "sse9", 1);
    refuse_plan(product("1o", "1o", "0e"), E3TP_E_UNSUPPORTED, "sse9");
    /* The descriptor's own choice does not look at it. */
    e3tp_desc *d = product("1o", "1o", "0e");
    e3tp_plan *p;
    e3tp_desc_set_isa(d, E3TP_ISA_GENERIC);
    ck_assert_int_eq(e3tp_plan_create(&p, d), E3TP_OK);
    ck_assert_str_eq(e3tp_plan_isa(p), "generic");
    e3tp_plan_destroy(p);
    e3tp_desc_destroy(d);
}
END_TEST

START_TEST(null_descriptors)
{
    e3tp_plan *p;
    e3tp_desc *d;
    ck_assert_int_eq(e3tp_desc_create(NULL, E3TP_OP_GAUNT), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_desc_create(&d, (e3tp_op)55), E3TP_E_INVALID);
    ck_assert_ptr_null(d);
    ck_assert_int_eq(e3tp_plan_create(&p, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_plan_create(NULL, NULL), E3TP_E_INVALID);
    d = product("2x1o", "2x1o", "2x0e");
    ck_assert_int_eq(e3tp_plan_create(NULL, d), E3TP_E_INVALID);
    e3tp_desc_destroy(d);
    ck_assert_int_gt((int)strlen(e3tp_desc_message(NULL)), 10);
    const e3tp_status s[] = {
        e3tp_desc_set_irreps(NULL, E3TP_X, NULL, 0),
        e3tp_desc_set_irreps_text(NULL, E3TP_X, ""),
        e3tp_desc_add_path(NULL, NULL),
        e3tp_desc_set_normalization(NULL, E3TP_NORM_NORM, E3TP_PATH_PATH),
        e3tp_desc_set_variances(NULL, E3TP_X, NULL, 0),
        e3tp_desc_set_sign(NULL, E3TP_SIGN_E3NN),
        e3tp_desc_set_degrees(NULL, E3TP_X, NULL, 0),
        e3tp_desc_set_channels(NULL, 1),
        e3tp_desc_set_grid(NULL, 0, 0, E3TP_GAUSS_LEGENDRE, 0),
        e3tp_desc_set_dtype(NULL, E3TP_F32),
        e3tp_desc_set_weights(NULL, E3TP_WEIGHTS_ROW),
        e3tp_desc_set_layout(NULL, E3TP_X, E3TP_MUL_IR),
        e3tp_desc_set_method(NULL, E3TP_METHOD_AUTO),
        e3tp_desc_set_isa(NULL, E3TP_ISA_AUTO),
        e3tp_desc_set_effort(NULL, E3TP_ESTIMATE),
        e3tp_desc_set_threads(NULL, 1),
        e3tp_desc_set_batch_hint(NULL, 1),
        e3tp_desc_set_accumulation(NULL, E3TP_F32),
        e3tp_desc_set_allocator(NULL, NULL, NULL, NULL),
        e3tp_desc_set_parallel_for(NULL, NULL, NULL),
        e3tp_desc_set_planner_lock(NULL, NULL, NULL, NULL),
        e3tp_desc_set_rank(NULL, 1),
        e3tp_desc_set_y_channels(NULL, 1),
        e3tp_desc_set_common_output(NULL, 1),
        e3tp_desc_set_y_zonal(NULL, 1),
        e3tp_desc_set_spin(NULL, 1),
        e3tp_desc_set_field_types(NULL, E3TP_X, E3TP_FIELD_ABOVE),
        e3tp_desc_set_power(NULL, 2),
        e3tp_desc_set_weight_shape(NULL, E3TP_WEIGHT_BY_PATH),
        e3tp_desc_set_oversample(NULL, 1),
        e3tp_desc_set_product(NULL, E3TP_PRODUCT_FULL, NULL, 0),
    };
    for (size_t i = 0; i < COUNT_OF(s); i++)
        ck_assert_int_eq(s[i], E3TP_E_INVALID);
    e3tp_desc_destroy(NULL);
}
END_TEST

/* Irreps that were refused are not taken for none. */
START_TEST(products_of_refused_irreps)
{
    e3tp_desc *d = product("1o", "1o", "");
    ck_assert_int_eq(e3tp_desc_set_irreps_text(d, E3TP_X, "13e"), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_desc_set_product(d, E3TP_PRODUCT_FULL, NULL, 0), E3TP_E_INVALID);
    ck_assert_msg(strstr(e3tp_desc_message(d), "13"), "%s", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
}
END_TEST

/* Whole products: what cannot be made, and what is read back of one that can. */
static void refuse_product(e3tp_desc *d, e3tp_product kind, const e3tp_irrep *keep, e3tp_status s,
                           const char *word)
{
    ck_assert_int_eq(e3tp_desc_set_product(d, kind, keep, keep != NULL), s);
    ck_assert_msg(strstr(e3tp_desc_message(d), word), "\"%s\" lacks \"%s\"", e3tp_desc_message(d),
                  word);
    e3tp_desc_destroy(d);
}

START_TEST(whole_products)
{
    PRODUCT_REFUSED(e3tp_desc_set_weight_shape(d, (e3tp_weight_shape)2), "weight shape 2");
    GAUNT_REFUSED(e3tp_desc_set_weight_shape(d, E3TP_WEIGHT_BY_PATH), "set_weight_shape");
    const e3tp_irrep keep = {0, 1, 1};
    e3tp_irrep z[8];
    e3tp_path paths[8];
    e3tp_desc *d = product("2x1o", "3x1o", "2x0e");
    ck_assert_int_eq(e3tp_desc_set_product(d, E3TP_PRODUCT_FULL, NULL, 0), E3TP_OK);
    ck_assert_uint_eq(e3tp_desc_irreps(d, E3TP_Z, z, 8), 3);
    ck_assert_uint_eq(e3tp_desc_irreps(d, E3TP_Z, NULL, 0), 3);
    ck_assert_uint_eq(e3tp_desc_paths(d, paths, 1), 3);
    ck_assert(z[0].l == 0 && z[1].l == 1 && z[2].l == 2 && z[2].mul == 6 && z[1].parity == 1);
    ck_assert(paths[0].mode == E3TP_UVUV && !paths[0].has_weight);
    ck_assert_int_eq(e3tp_desc_set_product(d, E3TP_PRODUCT_CHANNELWISE, &keep, 1), E3TP_OK);
    ck_assert_uint_eq(e3tp_desc_paths(d, paths, 8), 1);
    ck_assert(paths[0].mode == E3TP_UVU && paths[0].has_weight);
    ck_assert_uint_eq(e3tp_desc_irreps(d, E3TP_W, z, 8), 0);
    ck_assert_uint_eq(e3tp_desc_irreps(NULL, E3TP_X, z, 8), 0);
    ck_assert_uint_eq(e3tp_desc_paths(NULL, paths, 8), 0);
    refuse_product(d, E3TP_PRODUCT_ELEMENTWISE, NULL, E3TP_E_SHAPE, "elementwise");
    d = product("1o", "1o", "0e");
    refuse_product(d, E3TP_PRODUCT_FULLY_CONNECTED, &keep, E3TP_E_INVALID, "kept");
    d = product("1o", "1o", "0e");
    refuse_product(d, (e3tp_product)6, NULL, E3TP_E_INVALID, "product 6");
    d = product("70000x0e", "70000x0e", "0e");
    refuse_product(d, E3TP_PRODUCT_FULL, NULL, E3TP_E_SHAPE, "copies");
    d = signals(E3TP_OP_GAUNT);
    ck_assert_uint_eq(e3tp_desc_irreps(d, E3TP_X, z, 8) + e3tp_desc_paths(d, paths, 8), 0);
    refuse_product(d, E3TP_PRODUCT_FULL, NULL, E3TP_E_INVALID, "set_product");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("misuse");
    tcase_add_test(t, paths_that_break_a_rule);
    tcase_add_test(t, multiplicities_that_do_not_fit);
    tcase_add_test(t, errors_stick);
    tcase_add_test(t, setters_of_products);
    tcase_add_test(t, setters_of_gaunt);
    tcase_add_test(t, setters_of_both);
    tcase_add_test(t, signals_not_served);
    tcase_add_test(t, plans_that_cannot_be);
    tcase_add_test(t, rows_too_wide);
    tcase_add_test(t, tiers_that_are_not_there);
    tcase_add_test(t, null_descriptors);
    tcase_add_test(t, products_of_refused_irreps);
    tcase_add_test(t, whole_products);
    return run_tests(t, "misuse", CK_FORK);
}
