/* SPDX-License-Identifier: MIT */
/* How many samples an instruction product takes: the smallest that are exact, fewer, whose errors
   describe lists, more. argv[1] is the tier. */
#include "grid_product_checks.h"

/* Degrees of the largest path sum to 8: exact from 5 x 9 samples on (equiangular 9 x 9), refused
   below, and by AUTO not taken even where aliasing is allowed. */
START_TEST(samples)
{
    static const struct {
        int n_theta, n_phi;
        e3tp_quadrature quadrature;
        bool exact;
    } grids[] = {{5, 9, E3TP_GAUSS_LEGENDRE, true},   {6, 10, E3TP_GAUSS_LEGENDRE, true},
                 {9, 15, E3TP_GAUSS_LEGENDRE, true},  {9, 12, E3TP_EQUIANGULAR, true},
                 {4, 12, E3TP_GAUSS_LEGENDRE, false}, {5, 8, E3TP_GAUSS_LEGENDRE, false},
                 {8, 12, E3TP_EQUIANGULAR, false}};
    product p = make_product(0);
    char text[256];
    e3tp_plan *plan;
    p.dtype = E3TP_F64;
    p.kind = E3TP_WEIGHTS_SHARED;
    p.weights = count_weights(&p);
    p.n_theta = grids[_i].n_theta, p.n_phi = grids[_i].n_phi, p.quadrature = grids[_i].quadrature;
    if (grids[_i].exact) {
        check(&p, E3TP_METHOD_GRID);
        return;
    }
    const e3tp_status s = create(&p, E3TP_METHOD_GRID, &plan, text, sizeof text);
    ck_assert_int_eq(s, E3TP_E_UNSUPPORTED);
    ck_assert_msg(strstr(text, "at least") != NULL, "%s", text);
    p.aliased = 1;
    for (int automatic = 0; automatic < 2; automatic++) {
        ck_assert_int_eq(
            create(&p, automatic ? E3TP_METHOD_AUTO : E3TP_METHOD_GRID, &plan, text, sizeof text),
            E3TP_OK);
        ck_assert_str_eq(e3tp_plan_method(plan), automatic ? "cg" : "grid");
        e3tp_plan_destroy(plan);
    }
}
END_TEST

/* Of z, of the largest sum of terms. */
static double aliasing(const product *p)
{
    char text[256];
    e3tp_plan *plan;
    void *m[ARRAYS];
    double largest;
    arrays s = make_arrays(p);
    ck_assert_int_eq(create(p, E3TP_METHOD_GRID, &plan, text, sizeof text), E3TP_OK);
    expect(p, &s, plan);
    execute(p, &s, plan, m);
    const double error = worst_error(p, &s, Z, m[Z], &largest);
    for (int k = 0; k < ARRAYS; k++)
        free(m[k]);
    free_arrays(&s);
    e3tp_plan_destroy(plan);
    return error / largest;
}

/* Of one path: the smallest grid is exact; with a ring or a column less it is refused, and wrong
   where aliasing is allowed. _i: the path and the quadrature. */
START_TEST(smallest)
{
    static const int paths[][3] = {{1, 1, 2}, {2, 2, 3}, {3, 3, 6}, {2, 3, 4},
                                   {3, 2, 4}, {1, 2, 2}, {4, 4, 7}};
    product p = {.dtype = E3TP_F64, .quadrature = (e3tp_quadrature)(_i % 2)};
    int sum = 0;
    for (int k = 0; k < 3; k++) {
        const int l = paths[_i / 2][k];
        const block one[] = {{2, l, k == 2 && (sum + l) % 2}, {0, 0, 0}};
        set_operand(&p, k, one);
        sum += l;
    }
    add_path(&p, 0, 0, 0, E3TP_UUU, false);
    const int n = sum + 1 - sum % 2, rings = p.quadrature == E3TP_EQUIANGULAR ? n : (n + 1) / 2;
    p.n_theta = rings, p.n_phi = n;
    check(&p, E3TP_METHOD_GRID);
    for (int fewer = 0; fewer < 2; fewer++) {
        char text[256];
        e3tp_plan *plan;
        p.n_theta = rings - !fewer, p.n_phi = n - fewer, p.aliased = 0;
        const e3tp_status s = create(&p, E3TP_METHOD_GRID, &plan, text, sizeof text);
        ck_assert_int_eq(s, E3TP_E_UNSUPPORTED);
        p.aliased = 1;
        ck_assert_double_gt(aliasing(&p), 1e-3);
    }
}
END_TEST

/* Whether the plan says that block k of z is aliased. */
static bool is_listed(const e3tp_plan *plan, size_t k)
{
    char text[4096], name[32];
    e3tp_plan_describe(plan, text, sizeof text);
    const char *line = strstr(text, "results that are not:");
    snprintf(name, sizeof name, "(block %zu)", k);
    const char *found = line ? strstr(line, name) : NULL;
    return found && found < strchr(line, '\n');
}

/* z of one row by a method, on the samples of p. */
static void forward(const product *p, e3tp_method method, const arrays *s, double *z,
                    e3tp_plan **plan)
{
    char text[256];
    ck_assert_int_eq(create(p, method, plan, text, sizeof text), E3TP_OK);
    e3tp_buffers b = e3tp_buffers_init(1);
    b.x = s->a[X], b.y = s->a[Y], b.w = s->a[W], b.z = z;
    ck_assert_int_eq(e3tp_forward(*plan, &b), E3TP_OK);
}

/* On every smaller grid, the blocks of z that describe lists are those that are off. */
START_TEST(aliased_blocks)
{
    product p = make_product(_i / 2 ? 2 : 0);
    p.quadrature = _i % 2 ? E3TP_EQUIANGULAR : E3TP_GAUSS_LEGENDRE;
    p.dtype = E3TP_F64;
    p.aliased = 1;
    p.kind = E3TP_WEIGHTS_SHARED;
    p.weights = count_weights(&p);
    arrays s = make_arrays(&p);
    size_t listed = 0, blocks = 0;
    for (p.n_theta = 1; p.n_theta <= 8; p.n_theta++)
        for (p.n_phi = 1; p.n_phi <= 14; p.n_phi++) {
            e3tp_plan *grid, *cg;
            forward(&p, E3TP_METHOD_GRID, &s, s.a[Z], &grid);
            forward(&p, E3TP_METHOD_CG, &s, s.a[GZ], &cg);
            for (size_t k = 0; k < p.n[2]; k++, blocks++) {
                double off = 0;
                for (size_t i = first_of(&p, 2, k, 0); i < first_of(&p, 2, k + 1, 0); i++)
                    off = fmax(off, fabs(s.a[Z][i] - s.a[GZ][i]));
                ck_assert_msg(is_listed(grid, k) == (off > 1e-9), "%d x %d, block %zu is off by %g",
                              p.n_theta, p.n_phi, k, off);
                listed += is_listed(grid, k);
            }
            e3tp_plan_destroy(grid);
            e3tp_plan_destroy(cg);
        }
    ck_assert(listed > 0 && listed < blocks);
    free_arrays(&s);
}
END_TEST

/* More samples than exact ones take; not with a grid of the caller's. */
START_TEST(oversampled)
{
    static const char *const sizes[] = {"8 x 16 samples", "14 x 16 samples"};
    product p = make_product(0);
    char text[4096];
    e3tp_plan *plan;
    p.quadrature = (e3tp_quadrature)_i;
    p.kind = E3TP_WEIGHTS_SHARED;
    p.weights = count_weights(&p);
    p.oversample = 1.5;
    check(&p, E3TP_METHOD_GRID);
    ck_assert_int_eq(create(&p, E3TP_METHOD_GRID, &plan, text, sizeof text), E3TP_OK);
    e3tp_plan_describe(plan, text, sizeof text);
    ck_assert_msg(strstr(text, sizes[_i]) != NULL, "%s", text);
    e3tp_plan_destroy(plan);
    p.n_theta = p.n_phi = 20;
    ck_assert_int_eq(create(&p, E3TP_METHOD_AUTO, &plan, text, sizeof text), E3TP_E_INVALID);
    ck_assert_msg(strstr(text, "oversample: 1.5") != NULL, "%s", text);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("samples of grid products");
    tcase_add_loop_test(tests, samples, 0, 7);
    tcase_add_loop_test(tests, smallest, 0, 14);
    tcase_add_loop_test(tests, aliased_blocks, 0, 4);
    tcase_add_loop_test(tests, oversampled, 0, 2);
    return run_tests(tests, "samples of grid products", CK_FORK);
}
