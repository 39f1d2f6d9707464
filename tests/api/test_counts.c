/* SPDX-License-Identifier: MIT */
/* What a plan says that its passes take. */
#include "suite.h"

/* 3 flops for each non-zero: one of 0 x 0 -> 0, three of 1 x 1 -> 0, six of 1 x 1 -> 1, eleven of
   1 x 1 -> 2; composed for second derivatives. Each operand once, and its gradients and tangents.
 */
START_TEST(flops_and_bytes)
{
    static const struct {
        const char *x, *y, *z;
        double nonzeros, inputs, results;
    } of[] = {{"0e", "0e", "0e", 1, 2, 1},
              {"1o", "1o", "0e", 3, 6, 1},
              {"1o", "1o", "1e", 6, 6, 3},
              {"1o", "1o", "2e", 11, 6, 5}};
    for (size_t i = 0; i < COUNT_OF(of); i++) {
        e3tp_desc *d;
        ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
        e3tp_desc_set_irreps_text(d, E3TP_X, of[i].x);
        e3tp_desc_set_irreps_text(d, E3TP_Y, of[i].y);
        e3tp_desc_set_irreps_text(d, E3TP_Z, of[i].z);
        const e3tp_path path = e3tp_path_init(0, 0, 0, E3TP_UUU, 0);
        e3tp_plan *p;
        ck_assert_int_eq(e3tp_desc_add_path(d, &path), E3TP_OK);
        ck_assert_int_eq(e3tp_desc_set_method(d, E3TP_METHOD_CG), E3TP_OK);
        ck_assert_int_eq(e3tp_plan_create(&p, d), E3TP_OK);
        e3tp_desc_destroy(d);
        const double flops = 3 * of[i].nonzeros, in = 4 * of[i].inputs, z = 4 * of[i].results;
        const double want[][2] = {[E3TP_FORWARD] = {flops, in + z},
                                  [E3TP_BACKWARD] = {2 * flops, 2 * in + z},
                                  [E3TP_DOUBLE_BACKWARD] = {7 * flops, 3 * in + 2 * z},
                                  [E3TP_JVP] = {3 * flops, 2 * in + z}};
        for (int pass = 0; pass <= E3TP_JVP; pass++) {
            ck_assert_double_eq(e3tp_plan_flops(p, (e3tp_pass)pass), want[pass][0]);
            ck_assert_double_eq(e3tp_plan_bytes(p, (e3tp_pass)pass), want[pass][1]);
        }
        e3tp_plan_destroy(p);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("counts");
    tcase_add_test(t, flops_and_bytes);
    return run_tests(t, "counts", CK_FORK);
}
