/* SPDX-License-Identifier: MIT */
/* Against e3nn: coefficients, values and gradients of every fixture, in both reals. argv: tier,
 * file of fixtures. */
#include "fixture_checks.h"

static e3tp_isa tier;
static const char *path;

static void check_case(const e3tp_fixture *f, const e3tp_plan *p, e3tp_dtype t)
{
    for (size_t i = 0; i < (size_t)f->n_paths; i++)
        ck_assert_double_eq_tol(e3tp_plan_path_coefficient(p, i), f->coefficients[i],
                                1e-15 * (1 + f->coefficients[i]));
    e3tp_buffers b = e3tp_buffers_init((size_t)f->batch);
    fixture_call c = fixture_begin(f, t);
    b.x = c.m[X], b.y = c.m[Y], b.w = c.m[W], b.gz = c.m[GZ];
    b.ggx = c.m[GGX], b.ggy = c.m[GGY], b.ggw = c.m[GGW];
    b.z = c.m[Z], b.gx = c.m[GX], b.gy = c.m[GY], b.gw = c.m[GW];
    b.hx = c.m[HX], b.hy = c.m[HY], b.hw = c.m[HW], b.hz = c.m[HZ];
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_double_backward(p, &b), E3TP_OK);
    for (int k = OUTPUTS; k < ARRAYS; k++)
        fixture_compare(&c, k, "a batch");
    /* The cotangent of gz is the change of z along the same directions. */
    fixture_spoil(&c, HZ);
    ck_assert_int_eq(e3tp_jvp(p, &b), E3TP_OK);
    fixture_compare(&c, HZ, "by JVP");
    fixture_end(&c);
}

/* _i: the type. */
START_TEST(e3nn)
{
    const e3tp_dtype t = _i ? E3TP_F64 : E3TP_F32;
    e3tp_fixture *f;
    const int n = fixture_cases(&f, path);
    unsigned modes = 0;
    for (int i = 0; i < n; i++) {
        e3tp_plan *p = fixture_plan(&f[i], t, tier, 0);
        check_case(&f[i], p, t);
        e3tp_plan_destroy(p);
        for (size_t k = 0; k < (size_t)f[i].n_paths; k++)
            modes |= 1u << f[i].paths[k].mode;
    }
    fixture_free(f, n);
    ck_assert_msg(modes == 0xff, "the cases lack some of the eight modes");
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    path = argv[argc - 1];
    TCase *t = tcase_create(argv[1]);
    tcase_add_loop_test(t, e3nn, 0, 2);
    return run_tests(t, "fixtures", CK_FORK);
}
