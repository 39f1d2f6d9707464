/* SPDX-License-Identifier: MIT */
/* Radial functions on one tier, both reals, every basis and cutoff, against the plain formulas in
   extended precision with the bounds that the header states; limits, special values, and the same
   bits for every batch, place and alignment. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ensure.h"
#include "radial/radial.h"

static e3tp_tier tier;

static const struct {
    e3tp_radial_basis basis;
    e3tp_radial_cutoff cutoff;
    size_t num;
    double r_max, r_min;
    int drop_ends, p;
    double r_on;
} cases[] = {
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_POLYNOMIAL, 8, 5.0, 0, 0, 6, 0},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_POLYNOMIAL, 1, 1e-6, 0, 0, 1, 0},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_POLYNOMIAL, 13, 3.7, 0, 0, 64, 0},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_COSINE, 20, 6.1, 0, 0, 0, 0},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_NONE, 8, 1e6, 0, 0, 0, 0},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_NONE, 300, 2.0, 0, 0, 0, 0},
    {E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_NONE, 10, 5.0, 0.5, 0, 0, 0},
    {E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_NONE, 1, 5.0, 0, 1, 0, 0},
    {E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_NONE, 64, 5.0, 0, 0, 0, 0},
    {E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_POLYNOMIAL, 2, 5.0, 0, 0, 64, 0},
    {E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_COSINE, 50, 6.0, 0, 1, 0, 0},
    {E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_POLYNOMIAL, 17, 1e4, 3.0, 0, 5, 0},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_XPLOR, 8, 5.0, 0, 0, 0, 4.5},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_XPLOR, 3, 1e6, 0, 0, 0, 0},
    {E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_XPLOR, 9, 1e-6, 0, 0, 0, 0.99e-6},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_SOFT_STEP, 8, 5.0, 0, 0, 10, 0},
    {E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_SOFT_STEP, 5, 3.3, 1, 1, 64, 0},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_SOFT_STEP, 1, 2.0, 0, 0, 1, 0},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_MOLLIFIER, 16, 6.0, 0, 0, 0, 0},
    {E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_MOLLIFIER, 2, 1e-3, 0, 0, 0, 0},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_SHARP, 10, 5.0, 0, 0, 0, 0},
    {E3TP_RADIAL_SMOOTH_FINITE, E3TP_CUTOFF_NONE, 10, 5.0, 0.5, 1, 0, 0},
    {E3TP_RADIAL_SMOOTH_FINITE, E3TP_CUTOFF_POLYNOMIAL, 2, 1e6, 0, 0, 6, 0},
    {E3TP_RADIAL_SMOOTH_FINITE, E3TP_CUTOFF_COSINE, 70, 1e-6, 0, 1, 0, 0},
    {E3TP_RADIAL_SMOOTH_FINITE, E3TP_CUTOFF_XPLOR, 1, 4.0, 0, 1, 0, 3.1},
    {E3TP_RADIAL_COSINE, E3TP_CUTOFF_NONE, 11, 5.0, 0.3, 0, 0, 0},
    {E3TP_RADIAL_COSINE, E3TP_CUTOFF_COSINE, 19, 3.0, 0, 1, 0, 0},
    {E3TP_RADIAL_FOURIER, E3TP_CUTOFF_NONE, 9, 5.0, 0.7, 0, 0, 0},
    {E3TP_RADIAL_FOURIER, E3TP_CUTOFF_NONE, 9, 5.0, 0.7, 1, 0, 0},
    {E3TP_RADIAL_FOURIER, E3TP_CUTOFF_POLYNOMIAL, 33, 1e-6, 0, 1, 6, 0},
    {E3TP_RADIAL_FOURIER, E3TP_CUTOFF_MOLLIFIER, 1, 1e6, 0, 0, 0, 0},
    {E3TP_RADIAL_FOURIER, E3TP_CUTOFF_NONE, 100, 2.0, 1.9, 0, 0, 0},
};
enum { CASES = sizeof cases / sizeof *cases };

static e3tp_radial_desc desc_of(int i, e3tp_dtype dtype)
{
    e3tp_radial_desc d =
        e3tp_radial_desc_init(cases[i].basis, cases[i].cutoff, cases[i].num, cases[i].r_max);
    d.r_min = cases[i].r_min;
    d.drop_ends = cases[i].drop_ends;
    d.p = cases[i].p;
    d.r_on = cases[i].r_on;
    d.dtype = dtype;
    d.isa = (e3tp_isa)(tier + 1);
    d.threads = 1;
    return d;
}

static e3tp_radial *plan_of(const e3tp_radial_desc *d)
{
    e3tp_radial *p;
    char text[200];
    const e3tp_status s = e3tp_radial_create(&p, d, text, sizeof text);
    ck_assert_msg(s == E3TP_OK, "%s", text);
    ck_assert_str_eq(e3tp_radial_isa(p), e3tp_tier_name(tier));
    return p;
}

/* Distances and results in the plan's dtype, read and written in double: f[order][n][num]. */
static void eval(const e3tp_radial *p, const double *r, size_t n, double *f)
{
    const size_t m = n * p->map.num;
    if (p->dtype == E3TP_F64) {
        ck_assert_int_eq(e3tp_radial_eval(p, r, n, f, f + m, f + 2 * m), E3TP_OK);
        return;
    }
    float *mem = malloc((n + 3 * m + 1) * sizeof *mem), *out = mem + n;
    for (size_t i = 0; i < n; i++)
        mem[i] = (float)r[i];
    ck_assert_int_eq(e3tp_radial_eval(p, mem, n, out, out + m, out + 2 * m), E3TP_OK);
    for (size_t i = 0; i < 3 * m; i++)
        f[i] = (double)out[i];
    free(mem);
}

static double order_of(const e3tp_radial_map *m)
{
    const double of[] = {[E3TP_CUTOFF_NONE] = 0,
                         [E3TP_CUTOFF_POLYNOMIAL] = m->p,
                         [E3TP_CUTOFF_COSINE] = 2,
                         [E3TP_CUTOFF_XPLOR] = 5 * m->r_max / (m->r_max - m->r_on),
                         [E3TP_CUTOFF_SOFT_STEP] = 3 * m->p,
                         [E3TP_CUTOFF_MOLLIFIER] = 8,
                         [E3TP_CUTOFF_SHARP] = 0};
    return of[m->cutoff];
}

/* The bounds that the header states for values and two derivatives, in units of eps. */
static void bounds(const e3tp_radial_map *m, size_t n, double *bound)
{
    static const double pi = 3.14159265358979;
    const double number = (double)(n + 1), knots = m->r_max / m->step, range = m->r_max - m->first,
                 S = 1 / sqrt(0.25 + (double)m->num / 2);
    const double bessel = number * pi / m->r_max, fourier = number * pi / range;
    const double of[][2] = {
        [E3TP_RADIAL_BESSEL] = {6 * sqrt(2 / m->r_max) * bessel, bessel},
        [E3TP_RADIAL_GAUSSIAN] = {2 + knots, 2 / m->step},
        [E3TP_RADIAL_SMOOTH_FINITE] = {4 + 3 * knots, 7 / m->step},
        [E3TP_RADIAL_COSINE] = {2 + 2 * knots, 2 / m->step},
        [E3TP_RADIAL_FOURIER] = {2 * (1 + fourier * m->r_max) * S, fourier},
    };
    const double rate = of[m->basis][1] + order_of(m) / m->r_max;
    bound[0] = of[m->basis][0] * (m->cutoff == E3TP_CUTOFF_POLYNOMIAL ? 1 + m->p / 8.0 : 1);
    bound[1] = bound[0] * rate;
    bound[2] = bound[1] * rate;
}

/* Whether derivatives of function n jump so close to r that rounding decides the side. */
static int near_jump(const e3tp_radial_map *m, size_t n, double r, double eps)
{
    const double from = fabs(r - m->first - (double)n * m->step);
    return m->basis == E3TP_RADIAL_COSINE && fabs(from - m->step) <= 2 * eps * m->r_max;
}

enum { POINTS = 1500 };

/* Evenly over a little more than the range (or less, without a cutoff), and ever closer to 0. */
static void distances(const e3tp_radial_map *m, e3tp_dtype dtype, double *r)
{
    const double end = m->cutoff == E3TP_CUTOFF_NONE ? 1 : 1.05;
    for (int i = 0; i < POINTS; i++) {
        r[i] = i % 5 ? m->r_max * end * i / POINTS : m->r_max * pow(10, -i / 150.);
        r[i] = dtype == E3TP_F32 ? (double)(float)r[i] : r[i];
    }
    r[0] = 0;
}

static double worst[5][3]; /* [basis][order], as a share of the bound */

START_TEST(against_the_formulas)
{
    const e3tp_dtype dtype = (e3tp_dtype)(_i % 2);
    const e3tp_radial_desc d = desc_of(_i / 2, dtype);
    e3tp_radial *p = plan_of(&d);
    const size_t num = p->map.num, m = POINTS * num;
    const double eps = dtype == E3TP_F64 ? DBL_EPSILON : FLT_EPSILON;
    double *r = malloc(POINTS * sizeof *r), *f = malloc(3 * m * sizeof *f);
    distances(&p->map, dtype, r);
    eval(p, r, POINTS, f);
    for (size_t i = 0; i < m; i++) {
        long double expected[3];
        double bound[3];
        e3tp_radial_reference(&p->map, i % num, r[i / num], expected);
        bounds(&p->map, i % num, bound);
        for (size_t o = 0; o < 3; o++) {
            if (o && near_jump(&p->map, i % num, r[i / num], eps))
                break;
            const double came = f[o * m + i],
                         share = (double)fabsl(came - expected[o]) / (eps * bound[o]);
            ensure(share <= 1, "case %d: derivative %zu of f_%zu at %.9g = %.17g, expected %.17Lg",
                   _i, o, i % num, r[i / num], came, expected[o]);
            double *most = &worst[p->map.basis][o];
            *most = share > *most ? share : *most;
        }
    }
    free(r);
    free(f);
    e3tp_radial_destroy(p);
}
END_TEST

/* Each derivative is that of the one before: central differences in double. */
START_TEST(derivative)
{
    const e3tp_radial_desc d = desc_of(_i, E3TP_F64);
    e3tp_radial *p = plan_of(&d);
    const size_t num = p->map.num, m = 3 * num;
    const double c = p->map.r_max, h = c * 1e-5 / (double)num;
    double *f = malloc(3 * m * sizeof *f);
    for (int k = 1; k < 60; k++) {
        const double at = c * k / 60.5, r[3] = {at - h, at, at + h};
        eval(p, r, 3, f);
        for (size_t i = 0; i < num; i++) {
            double bound[3];
            bounds(&p->map, i, bound);
            for (size_t o = 0; o < 2; o++) {
                const double *below = f + o * m + i, *above = below + 2 * num;
                ck_assert_double_eq_tol(f[(o + 1) * m + num + i], (*above - *below) / (2 * h),
                                        1e-6 * bound[o + 1]);
            }
        }
    }
    free(f);
    e3tp_radial_destroy(p);
}
END_TEST

/* Whether the cutoff has no slope at 0. */
static int even(const e3tp_radial_map *m)
{
    return m->cutoff != E3TP_CUTOFF_SOFT_STEP && m->p != 1;
}

START_TEST(special_distances)
{
    const e3tp_radial_desc d = desc_of(_i / 2, (e3tp_dtype)(_i % 2));
    e3tp_radial *p = plan_of(&d);
    const size_t num = p->map.num;
    const double c = p->map.r_max, r[] = {0, -1, -INFINITY, -0.0, NAN, c, 2 * c, 1e30, INFINITY};
    enum { COUNT = sizeof r / sizeof *r };
    double *f = malloc(3 * COUNT * num * sizeof *f);
    eval(p, r, COUNT, f);
    for (size_t i = 0; i < 3 * num; i++) {
        const double *v = f + i / num * COUNT * num + i % num;
        double bound[3];
        bounds(&p->map, i % num, bound);
        for (size_t k = 1; k < 4; k++)
            ck_assert(v[k * num] == v[0]);
        ck_assert(isnan(v[4 * num]));
        for (size_t k = 5; k < COUNT && p->map.bounded; k++)
            ck_assert(v[k * num] == 0);
        for (size_t k = 7; k < COUNT && p->map.basis != E3TP_RADIAL_FOURIER; k++)
            ck_assert(fabs(v[k * num]) <= bound[i / num] * FLT_EPSILON);
        for (size_t k = 7; k < COUNT; k++)
            ck_assert(isfinite(v[k * num]));
    }
    for (size_t i = 0; i < num && p->map.basis == E3TP_RADIAL_BESSEL && even(&p->map); i++)
        ck_assert(f[COUNT * num + i] == 0);
    free(f);
    e3tp_radial_destroy(p);
}
END_TEST

/* Every batch of 1 to 33 out of one longer one, at every place in a vector and off alignment, with
   guards around; each output alone, against all together. */
START_TEST(same_bits)
{
    enum { N = 67 };
    const e3tp_dtype dtype = (e3tp_dtype)(_i % 2);
    const e3tp_radial_desc d = desc_of(_i / 2, dtype);
    e3tp_radial *p = plan_of(&d);
    const size_t num = p->map.num, es = dtype == E3TP_F64 ? 8 : 4, row = num * es;
    char *r = malloc((N + 1) * es), *all[3], *got = malloc((N + 2) * row);
    for (int o = 0; o < 3; o++)
        all[o] = malloc(N * row);
    for (int i = 0; i < N; i++) {
        const double at = i % 11 == 5 ? NAN : p->map.r_max * i / (N - 9);
        if (dtype == E3TP_F64)
            ((double *)(void *)r)[i] = at;
        else
            ((float *)(void *)r)[i] = (float)at;
    }
    ck_assert_int_eq(e3tp_radial_eval(p, r, N, all[0], all[1], all[2]), E3TP_OK);
    for (size_t n = 1; n <= 33; n++)
        for (int o = 0; o < 3; o++) {
            const size_t from = n % (N - 33), shift = row + (n % 4) * es;
            memset(got, 0x5a, (N + 2) * row);
            char *out[3] = {NULL, NULL, NULL};
            out[o] = got + shift;
            ck_assert_int_eq(e3tp_radial_eval(p, r + from * es, n, out[0], out[1], out[2]),
                             E3TP_OK);
            ck_assert(memcmp(got + shift, all[o] + from * row, n * row) == 0);
            for (size_t k = 0; k < shift; k++)
                if (got[k] != 0x5a)
                    ck_abort_msg("written outside");
            for (size_t k = shift + n * row; k < (N + 2) * row; k++)
                if (got[k] != 0x5a)
                    ck_abort_msg("written outside");
        }
    for (int o = 0; o < 3; o++)
        free(all[o]);
    free(r);
    free(got);
    e3tp_radial_destroy(p);
}
END_TEST

int main(int argc, char **argv)
{
    const int found = argc > 1 ? e3tp_tier_find(argv[1]) : -1;
    if (found < 0 || !e3tp_tier_usable((e3tp_tier)found))
        return 77;
    tier = (e3tp_tier)found;
    Suite *suite = suite_create("radial");
    TCase *t = tcase_create(argv[1]);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, against_the_formulas, 0, 2 * CASES);
    tcase_add_loop_test(t, derivative, 0, CASES);
    tcase_add_loop_test(t, special_distances, 0, 2 * CASES);
    tcase_add_loop_test(t, same_bits, 0, 2 * CASES);
    suite_add_tcase(suite, t);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    printf("worst error as a share of its bound, values and derivatives:\n");
    for (size_t b = 0; b < sizeof worst / sizeof *worst; b++)
        printf("basis %zu: %.2f %.2f %.2f\n", b, worst[b][0], worst[b][1], worst[b][2]);
    return failed != 0;
}
