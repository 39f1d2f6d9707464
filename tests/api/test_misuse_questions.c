/* SPDX-License-Identifier: MIT */
/* Questions without an answer, of plans, names and sizes of grids, have the documented one. */
#include <math.h>

#include "layer.h"

START_TEST(grids_that_cannot_be)
{
    const int good[] = {2, 3}, bad[] = {2, -1}, high[] = {2, 1 << 16};
    int theta = 5, phi = 5;
    const e3tp_quadrature q = E3TP_GAUSS_LEGENDRE;
    ck_assert_int_eq(e3tp_grid_size(good, 2, 4, q, &theta, &phi), E3TP_OK);
    ck_assert(theta == 5 && phi == 10);
    ck_assert_int_eq(e3tp_grid_size(good, 2, 4, q, NULL, &phi), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_grid_size(good, 2, 4, q, &theta, NULL), E3TP_E_INVALID);
    const e3tp_status s[] = {
        e3tp_grid_size(NULL, 2, 4, q, &theta, &phi),
        e3tp_grid_size(good, 0, 4, q, &theta, &phi),
        e3tp_grid_size(good, SIZE_MAX, 4, q, &theta, &phi),
        e3tp_grid_size(good, 2, -1, q, &theta, &phi),
        e3tp_grid_size(bad, 2, 4, q, &theta, &phi),
        e3tp_grid_size(high, 2, 4, q, &theta, &phi),
        e3tp_grid_size(good, 2, 4, (e3tp_quadrature)7, &theta, &phi),
        e3tp_grid_size(good, 2, 4, E3TP_LEBEDEV, &theta, &phi),
    };
    for (size_t i = 0; i < sizeof s / sizeof *s; i++)
        ck_assert_int_eq(s[i], E3TP_E_INVALID);
    ck_assert(theta == 0 && phi == 0);
}
END_TEST

START_TEST(plans_asked_amiss)
{
    e3tp_plan *p = plan_from(layer_desc("2x1o", "1o", E3TP_MUL_IR));
    for (int i = 0; i < 2; i++) {
        const e3tp_plan *q = i ? p : NULL;
        ck_assert_uint_eq(e3tp_plan_width(q, (e3tp_operand)9), 0);
        ck_assert_uint_eq(e3tp_plan_work_bytes(q, (e3tp_pass)9, 4), 0);
        ck_assert(isnan(e3tp_plan_flops(q, (e3tp_pass)9)));
        ck_assert(isnan(e3tp_plan_bytes(q, (e3tp_pass)9)));
        ck_assert(isnan(e3tp_plan_cost(q, (e3tp_pass)9)));
        ck_assert(isnan(e3tp_plan_path_coefficient(q, 5)));
        uint32_t blocks[3];
        ck_assert_int_eq(e3tp_plan_path_blocks(q, 5, blocks), E3TP_E_INVALID);
        ck_assert_int_eq(e3tp_plan_path_blocks(q, 0, NULL), E3TP_E_INVALID);
        ck_assert_uint_eq(e3tp_plan_irreps(q, E3TP_W, NULL, 0), 0);
    }
    e3tp_irrep found[2] = {{0}, {7, 7, 7}};
    ck_assert_uint_eq(e3tp_plan_irreps(p, E3TP_X, found, 2), 1);
    ck_assert(found[0].mul == 2 && found[0].l == 1 && found[0].parity == -1 && found[1].l == 7);
    ck_assert_uint_eq(e3tp_plan_num_paths(NULL), 0);
    ck_assert_str_eq(e3tp_plan_method(NULL), "");
    ck_assert_str_eq(e3tp_plan_isa(NULL), "");
    ck_assert_uint_eq(e3tp_plan_describe(NULL, NULL, 0), 0);
    char text[10] = "unchanged";
    const size_t length = e3tp_plan_describe(p, NULL, 0);
    ck_assert_uint_gt(length, 10);
    ck_assert_uint_eq(e3tp_plan_describe(p, text, 4), length);
    ck_assert_str_eq(text, "met");
    ck_assert_str_eq(text + 4, "anged");
    e3tp_plan_destroy(p);
    e3tp_plan_destroy(NULL);
}
END_TEST

START_TEST(names_of_nothing)
{
    ck_assert_str_ne(e3tp_status_string((e3tp_status)1234), "");
    ck_assert_ptr_null(e3tp_isa_name(E3TP_ISA_AUTO));
    ck_assert_ptr_null(e3tp_isa_name((e3tp_isa)99));
    ck_assert_ptr_null(e3tp_isa_name((e3tp_isa)-1));
    ck_assert(!e3tp_isa_compiled((e3tp_isa)99) && !e3tp_isa_usable((e3tp_isa)99));
    ck_assert_ptr_null(e3tp_method_name((e3tp_method)99));
    ck_assert_ptr_null(e3tp_method_name(E3TP_METHOD_AUTO));
    ck_assert(!e3tp_method_serves((e3tp_method)99, E3TP_OP_GAUNT));
    ck_assert(!e3tp_method_serves(E3TP_METHOD_AUTO, E3TP_OP_GAUNT));
    ck_assert(!e3tp_method_serves(E3TP_METHOD_CG, (e3tp_op)99));
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("questions");
    tcase_add_test(t, grids_that_cannot_be);
    tcase_add_test(t, plans_asked_amiss);
    tcase_add_test(t, names_of_nothing);
    return run_tests(t, "questions", CK_FORK);
}
