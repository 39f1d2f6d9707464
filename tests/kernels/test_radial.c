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

#include "radial/radial.h"

static e3tp_tier tier;

static const struct {
    e3tp_radial_basis basis;
    e3tp_radial_cutoff cutoff;
    size_t num;
    double r_max, r_min;
    int drop_ends, p;
} cases[] = {
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_POLYNOMIAL, 8, 5.0, 0, 0, 6},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_POLYNOMIAL, 1, 1e-6, 0, 0, 1},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_POLYNOMIAL, 13, 3.7, 0, 0, 64},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_COSINE, 20, 6.1, 0, 0, 0},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_NONE, 8, 1e6, 0, 0, 0},
    {E3TP_RADIAL_BESSEL, E3TP_CUTOFF_NONE, 300, 2.0, 0, 0, 0},
    {E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_NONE, 10, 5.0, 0.5, 0, 0},
    {E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_NONE, 1, 5.0, 0, 1, 0},
    {E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_COSINE, 50, 6.0, 0, 1, 0},
    {E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_POLYNOMIAL, 17, 1e4, 3.0, 0, 5},
};
enum { CASES = sizeof cases / sizeof *cases };

static e3tp_radial_desc desc_of(int i, e3tp_dtype dtype)
{
    e3tp_radial_desc d =
        e3tp_radial_desc_init(cases[i].basis, cases[i].cutoff, cases[i].num, cases[i].r_max);
    d.r_min = cases[i].r_min;
    d.drop_ends = cases[i].drop_ends;
    d.p = cases[i].p;
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

/* Distances and results in the plan's dtype, read and written in double. */
static void eval(const e3tp_radial *p, const double *r, size_t n, double *values, double *slopes)
{
    const size_t m = n * p->map.num;
    if (p->dtype == E3TP_F64) {
        ck_assert_int_eq(e3tp_radial_eval(p, r, n, values, slopes), E3TP_OK);
        return;
    }
    float *mem = malloc((n + 2 * m + 1) * sizeof *mem);
    for (size_t i = 0; i < n; i++)
        mem[i] = (float)r[i];
    ck_assert_int_eq(e3tp_radial_eval(p, mem, n, mem + n, mem + n + m), E3TP_OK);
    for (size_t i = 0; i < m; i++) {
        values[i] = (double)mem[n + i];
        slopes[i] = (double)mem[n + m + i];
    }
    free(mem);
}

/* The bounds that the header states, in units of eps. */
static void bounds(const e3tp_radial_map *m, size_t n, double *value, double *slope)
{
    static const int order[] = {[E3TP_CUTOFF_NONE] = 0, [E3TP_CUTOFF_COSINE] = 2};
    const int p = m->cutoff == E3TP_CUTOFF_POLYNOMIAL ? m->p : order[m->cutoff];
    const double k = (double)(n + 1) * 3.14159265358979 / m->r_max;
    const int is_bessel = m->basis == E3TP_RADIAL_BESSEL;
    *value = is_bessel ? 6 * sqrt(2 / m->r_max) * k : 2 + m->r_max / m->step;
    *slope = *value * ((is_bessel ? k : 1 / m->step) + p / m->r_max);
}

enum { POINTS = 4000 };

/* Evenly over a little more than the range (or less, without a cutoff), and ever closer to 0. */
static void distances(const e3tp_radial_map *m, e3tp_dtype dtype, double *r)
{
    const double end = m->cutoff == E3TP_CUTOFF_NONE ? 1 : 1.05;
    for (int i = 0; i < POINTS; i++) {
        r[i] = i % 5 ? m->r_max * end * i / POINTS : m->r_max * pow(10, -i / 400.);
        r[i] = dtype == E3TP_F32 ? (double)(float)r[i] : r[i];
    }
    r[0] = 0;
}

static double worst[2][2]; /* [basis][value, slope], as a share of the bound */

static void note(double *most, double share)
{
    *most = share > *most ? share : *most;
}

START_TEST(against_the_formulas)
{
    const e3tp_dtype dtype = (e3tp_dtype)(_i % 2);
    const e3tp_radial_desc d = desc_of(_i / 2, dtype);
    e3tp_radial *p = plan_of(&d);
    const size_t num = p->map.num;
    const double eps = dtype == E3TP_F64 ? DBL_EPSILON : FLT_EPSILON;
    double *r = malloc(POINTS * sizeof *r), *v = malloc(POINTS * num * sizeof *v),
           *s = malloc(POINTS * num * sizeof *s);
    distances(&p->map, dtype, r);
    eval(p, r, POINTS, v, s);
    for (size_t i = 0; i < POINTS * num; i++) {
        long double value, slope;
        double value_bound, slope_bound;
        e3tp_radial_reference(&p->map, i % num, r[i / num], &value, &slope);
        bounds(&p->map, i % num, &value_bound, &slope_bound);
        const double ev = (double)fabsl(v[i] - value) / (eps * value_bound),
                     es = (double)fabsl(s[i] - slope) / (eps * slope_bound);
        ck_assert_msg(ev <= 1, "case %d: f_%zu(%.9g) = %.17g, expected %.17Lg", _i, i % num,
                      r[i / num], v[i], value);
        ck_assert_msg(es <= 1, "case %d: f'_%zu(%.9g) = %.17g, expected %.17Lg", _i, i % num,
                      r[i / num], s[i], slope);
        note(&worst[p->map.basis][0], ev);
        note(&worst[p->map.basis][1], es);
    }
    free(r);
    free(v);
    free(s);
    e3tp_radial_destroy(p);
}
END_TEST

/* The derivative is that of the values: central differences in double. */
START_TEST(derivative)
{
    const e3tp_radial_desc d = desc_of(_i, E3TP_F64);
    e3tp_radial *p = plan_of(&d);
    const size_t num = p->map.num;
    const double c = p->map.r_max, h = c * 1e-5 / (double)num;
    double *v = malloc(3 * num * sizeof *v), *s = malloc(3 * num * sizeof *s);
    for (int k = 1; k < 60; k++) {
        const double at = c * k / 60.5, r[3] = {at - h, at, at + h};
        eval(p, r, 3, v, s);
        for (size_t i = 0; i < num; i++) {
            double bound, slope;
            bounds(&p->map, i, &bound, &slope);
            ck_assert_double_eq_tol(s[num + i], (v[2 * num + i] - v[i]) / (2 * h), 1e-6 * slope);
        }
    }
    free(v);
    free(s);
    e3tp_radial_destroy(p);
}
END_TEST

START_TEST(special_distances)
{
    const e3tp_radial_desc d = desc_of(_i / 2, (e3tp_dtype)(_i % 2));
    e3tp_radial *p = plan_of(&d);
    const size_t num = p->map.num;
    const double c = p->map.r_max, r[] = {0, -1, -INFINITY, -0.0, NAN, c, 2 * c, 1e30, INFINITY};
    enum { COUNT = sizeof r / sizeof *r };
    double *v = malloc(COUNT * num * sizeof *v), *s = malloc(COUNT * num * sizeof *s);
    eval(p, r, COUNT, v, s);
    for (size_t i = 0; i < num; i++) {
        for (size_t k = 1; k < 4; k++)
            ck_assert(v[k * num + i] == v[i] && s[k * num + i] == s[i]);
        if (p->map.basis == E3TP_RADIAL_BESSEL && p->map.p != 1)
            ck_assert(s[i] == 0);
        ck_assert(isnan(v[4 * num + i]) && isnan(s[4 * num + i]));
        for (size_t k = 5; k < COUNT && p->map.cutoff != E3TP_CUTOFF_NONE; k++)
            ck_assert(v[k * num + i] == 0 && s[k * num + i] == 0);
        for (size_t k = 7; k < COUNT; k++) {
            double value, slope;
            bounds(&p->map, i, &value, &slope);
            ck_assert(fabs(v[k * num + i]) <= value * FLT_EPSILON);
            ck_assert(fabs(s[k * num + i]) <= slope * FLT_EPSILON);
        }
    }
    free(v);
    free(s);
    e3tp_radial_destroy(p);
}
END_TEST

/* Every batch of 1 to 33 out of one longer one, at every place in a vector and off alignment, with
   guards around; values alone and derivatives alone too. */
START_TEST(same_bits)
{
    enum { N = 67 };
    const e3tp_dtype dtype = (e3tp_dtype)(_i % 2);
    const e3tp_radial_desc d = desc_of(_i / 2, dtype);
    e3tp_radial *p = plan_of(&d);
    const size_t num = p->map.num, es = dtype == E3TP_F64 ? 8 : 4, row = num * es;
    char *r = malloc((N + 1) * es), *v = malloc(N * row), *s = malloc(N * row),
         *got = malloc((N + 2) * row);
    for (int i = 0; i < N; i++) {
        const double at = i % 11 == 5 ? NAN : p->map.r_max * i / (N - 9);
        if (dtype == E3TP_F64)
            ((double *)(void *)r)[i] = at;
        else
            ((float *)(void *)r)[i] = (float)at;
    }
    ck_assert_int_eq(e3tp_radial_eval(p, r, N, v, s), E3TP_OK);
    for (size_t n = 1; n <= 33; n++)
        for (int out = 0; out < 2; out++) {
            const size_t from = n % (N - 33), shift = row + (n % 4) * es;
            memset(got, 0x5a, (N + 2) * row);
            ck_assert_int_eq(e3tp_radial_eval(p, r + from * es, n, out ? NULL : got + shift,
                                              out ? got + shift : NULL),
                             E3TP_OK);
            ck_assert(memcmp(got + shift, (out ? s : v) + from * row, n * row) == 0);
            for (size_t k = 0; k < shift; k++)
                if (got[k] != 0x5a)
                    ck_abort_msg("written outside");
            for (size_t k = shift + n * row; k < (N + 2) * row; k++)
                if (got[k] != 0x5a)
                    ck_abort_msg("written outside");
        }
    free(r);
    free(v);
    free(s);
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
    printf("worst error as a share of its bound: bessel %.2f, %.2f, gaussian %.2f, %.2f\n",
           worst[0][0], worst[0][1], worst[1][0], worst[1][1]);
    return failed != 0;
}
