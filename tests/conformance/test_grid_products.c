/* SPDX-License-Identifier: MIT */
/* Instruction products through samples, and cg beside them, against the definition over dense W in
   double: modes that share blocks, several paths into one block, weights, layouts, rows that the
   batch shares, all gradients, both reals; what is refused; empty products. argv[1] is the tier. */
#include "grid_product_checks.h"

START_TEST(definition)
{
    product p = make_product(_i);
    for (int variant = 0; variant < 12; variant++) {
        for (int k = 0; k < 3; k++)
            p.layout[k] = (e3tp_layout)((variant / (1 + k) + k) % 3);
        p.kind = variant % 2 ? E3TP_WEIGHTS_ROW : E3TP_WEIGHTS_SHARED;
        p.shared[0] = variant % 4 == 2;
        p.shared[1] = variant % 3 == 1;
        p.dtype = (e3tp_dtype)(variant / 2 % 2);
        p.sign = _i != TOPS && variant % 3 == 2 ? E3TP_SIGN_E3NN_044 : E3TP_SIGN_E3NN;
        p.weights = 0;
        for (size_t i = 0; i < p.npaths; i++)
            p.weights += weight_count(&p, &p.paths[i]);
        check(&p, E3TP_METHOD_GRID);
        check(&p, E3TP_METHOD_CG);
    }
}
END_TEST

/* Modes that are not served: UNSUPPORTED, naming the path. */
START_TEST(modes)
{
    static const block three[] = {{3, 1, 0}, {3, 2, 0}, {0, 0, 0}};
    product p = {0};
    char text[256];
    e3tp_plan *plan;
    for (int k = 0; k < 3; k++)
        set_operand(&p, k, three);
    p.weights = 9, p.kind = E3TP_WEIGHTS_SHARED;
    add_path(&p, 0, 0, 1, E3TP_UUU, false);
    add_path(&p, 0, 1, 0, E3TP_UVV, true);
    ck_assert_int_eq(create(&p, E3TP_METHOD_GRID, &plan, text, sizeof text), E3TP_E_UNSUPPORTED);
    ck_assert_msg(strstr(text, "path 1 has mode uvv") != NULL, "%s", text);
    ck_assert_ptr_null(plan);
}
END_TEST

/* No rows, no channels. */
START_TEST(nothing)
{
    product p = make_product(0);
    char text[256];
    e3tp_plan *plan;
    p.kind = E3TP_WEIGHTS_SHARED;
    p.weights = count_weights(&p);
    for (int empty = 0; empty < 2; empty++) {
        ck_assert_int_eq(create(&p, E3TP_METHOD_GRID, &plan, text, sizeof text), E3TP_OK);
        e3tp_buffers b = e3tp_buffers_init(empty ? ROWS : 0);
        ck_assert_int_eq(e3tp_forward(plan, &b), E3TP_OK);
        ck_assert_int_eq(e3tp_backward(plan, &b), E3TP_OK);
        e3tp_plan_destroy(plan);
        for (int k = 0; k < 3; k++)
            for (size_t i = 0; i < p.n[k]; i++)
                p.blocks[k][i].mul = 0;
        p.weights = 0;
    }
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("grid products");
    tcase_add_loop_test(tests, definition, 0, CASES);
    tcase_add_test(tests, modes);
    tcase_add_test(tests, nothing);
    return run_tests(tests, "grid products", CK_FORK);
}
