/* SPDX-License-Identifier: MIT */
/* Vector sin, cos, exp on one tier: within two units in the last place of the C library in extended
   precision, NaN outside their domain, and in each lane the same bits whatever the others hold. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ensure.h"
#include "vmath.h"

static const vmath_table *const tables[2][E3TP_TIER_COUNT] = {
    {
        [E3TP_TIER_GENERIC_] = &vmath_f32_generic,
#if E3TP_HAVE_AVX2
        [E3TP_TIER_AVX2_] = &vmath_f32_avx2,
#endif
#if E3TP_HAVE_AVX512
        [E3TP_TIER_AVX512_] = &vmath_f32_avx512,
#endif
    },
    {
        [E3TP_TIER_GENERIC_] = &vmath_f64_generic,
#if E3TP_HAVE_AVX2
        [E3TP_TIER_AVX2_] = &vmath_f64_avx2,
#endif
#if E3TP_HAVE_AVX512
        [E3TP_TIER_AVX512_] = &vmath_f64_avx512,
#endif
    }};

static int tier;
enum { MOST = 16 }; /* lanes */

static long double (*const exact[VMATH_COUNT])(long double) = {sinl, cosl, expl};

/* y = f(x) for one vector given in double. */
static void call(int f64, int f, const double *x, double *y)
{
    const vmath_table *t = tables[f64][tier];
    float xf[MOST], yf[MOST];
    for (int i = 0; i < t->lanes; i++)
        xf[i] = (float)x[i];
    if (f64)
        t->f[f](x, y);
    else
        t->f[f](xf, yf);
    for (int i = 0; !f64 && i < t->lanes; i++)
        y[i] = (double)yf[i];
}

static double argument(int f64, int f, unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    const double u = (double)(*seed >> 8) / (1 << 24), limit = f == VMATH_EXP ? 80 : 14.99;
    const double x = (2 * u - 1) * limit * ((*seed & 7u) ? 1 : 1e-3);
    return f64 ? x : (double)(float)x;
}

START_TEST(accuracy)
{
    const int f64 = _i / VMATH_COUNT, f = _i % VMATH_COUNT, lanes = tables[f64][tier]->lanes;
    const long double eps = f64 ? DBL_EPSILON : FLT_EPSILON;
    unsigned seed = 1;
    double x[MOST], y[MOST];
    for (int k = 0; k < 20000; k++) {
        for (int i = 0; i < lanes; i++)
            x[i] = argument(f64, f, &seed);
        call(f64, f, x, y);
        for (int i = 0; i < lanes; i++) {
            const long double want = exact[f]((long double)x[i]);
            ensure(fabsl(y[i] - want) <= eps * fabsl(want) * 1.01L,
                   "function %d of %.17g: %.17g, expected %.17Lg", f, x[i], y[i], want);
        }
    }
}
END_TEST

START_TEST(lanes_do_not_see_each_other)
{
    static const double others[] = {0,   -0.0, 1,    14.9, -14.9, 15.1,
                                    130, 1e5,  1e16, 1e30, NAN,   -1e30};
    enum { OTHERS = sizeof others / sizeof *others };
    const int f64 = _i / VMATH_COUNT, f = _i % VMATH_COUNT, lanes = tables[f64][tier]->lanes;
    unsigned seed = 2;
    double x[MOST], y[MOST], z[MOST];
    for (int k = 0; k < 500; k++) {
        const double at = argument(f64, f, &seed);
        for (int i = 0; i < lanes; i++)
            x[i] = at;
        call(f64, f, x, y);
        for (int i = 0; i < lanes; i++) {
            for (int j = 0; j < lanes; j++)
                x[j] = j == i ? at : others[(k + j * 5) % OTHERS];
            call(f64, f, x, z);
            ck_assert_msg(memcmp(&z[i], &y[0], sizeof *z) == 0, "lane %d of %.17g", i, at);
        }
    }
}
END_TEST

START_TEST(outside_the_domain)
{
    const int f64 = _i / VMATH_COUNT, f = _i % VMATH_COUNT, lanes = tables[f64][tier]->lanes;
    const double far[] = {NAN, INFINITY, -INFINITY, 1e4, -1e4};
    double x[MOST] = {0}, y[MOST];
    for (int k = 0; k < 5; k++) {
        for (int i = 0; i < lanes; i++)
            x[i] = far[k];
        call(f64, f, x, y);
        if (f != VMATH_EXP || k == 0)
            ck_assert(isnan(y[0]));
        else
            ck_assert(far[k] > 0 ? isinf(y[0]) && y[0] > 0 : y[0] == 0);
    }
}
END_TEST

int main(int argc, char **argv)
{
    tier = argc > 1 ? e3tp_tier_find(argv[1]) : -1;
    if (tier < 0 || !e3tp_tier_usable((e3tp_tier)tier))
        return 77;
    Suite *s = suite_create("vmath");
    TCase *t = tcase_create(argv[1]);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, accuracy, 0, 2 * VMATH_COUNT);
    tcase_add_loop_test(t, lanes_do_not_see_each_other, 0, 2 * VMATH_COUNT);
    tcase_add_loop_test(t, outside_the_domain, 0, 2 * VMATH_COUNT);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
