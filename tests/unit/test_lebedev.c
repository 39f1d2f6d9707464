/* SPDX-License-Identifier: MIT */
/* Rules on the sphere: every harmonic to their degree by e3tp_sh_eval, which the computation of the
   table did not use, and one that they miss; symmetry, weights and counts. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "e3tp/so3.h"
#include "suite.h"

static const double pi = 3.14159265358979323846;

static const struct {
    int degree;
    size_t points;
    double size; /* sum of |w| */
} rules[] = {
    {3, 6, 1},         {5, 14, 1},   {7, 26, 1},   {9, 38, 1},   {11, 50, 1},  {13, 74, 1.4734},
    {15, 86, 1},       {17, 110, 1}, {19, 146, 1}, {21, 170, 1}, {23, 194, 1}, {25, 230, 1.2911},
    {27, 266, 1.0763}, {29, 302, 1}, {31, 350, 1}, {35, 434, 1}, {41, 590, 1}, {47, 770, 1},
};
enum { RULES = sizeof rules / sizeof *rules };

typedef struct rule {
    size_t n;
    double *xyz, *w;
    double size;
} rule;

static rule rule_of(int degree)
{
    rule r = {.n = e3tp_lebedev_count(degree)};
    r.xyz = malloc(4 * r.n * sizeof *r.xyz);
    r.w = r.xyz + 3 * r.n;
    ck_assert_int_eq(e3tp_lebedev(degree, r.xyz, r.w), E3TP_OK);
    for (size_t p = 0; p < r.n; p++)
        r.size += fabs(r.w[p]);
    return r;
}

/* The largest |mean of Y_l,m - exact| over m, relative to eps A |Y_l|. */
static double miss(const rule *r, int l)
{
    const size_t d = 2 * (size_t)l + 1;
    double *Y = malloc(r->n * d * sizeof *Y), most = 0;
    ck_assert_int_eq(e3tp_sh_eval(&l, 1, 1, E3TP_SH_INTEGRAL, r->xyz, r->n, Y, NULL), E3TP_OK);
    for (size_t m = 0; m < d; m++) {
        long double sum = l == 0 ? -0.28209479177387814347403972578038630L : 0;
        for (size_t p = 0; p < r->n; p++)
            sum += (long double)r->w[p] * Y[p * d + m];
        if (!(fabsl(sum) <= most)) /* NaN too */
            most = (double)fabsl(sum);
    }
    free(Y);
    return most / (DBL_EPSILON * r->size * sqrt((2 * l + 1) / (4 * pi)));
}

/* (l+1) eps by the rule, 2 (l+1) eps by e3tp_sh_eval. */
START_TEST(exact_to_their_degree)
{
    const rule r = rule_of(rules[_i].degree);
    for (int l = 0; l <= rules[_i].degree; l++)
        ck_assert_double_le(miss(&r, l), 3 * (l + 1));
    ck_assert_double_ge(miss(&r, rules[_i].degree + 1), 1e-2 / DBL_EPSILON); /* and no further */
    free(r.xyz);
}
END_TEST

/* Number of the point with these coordinates, to the bit; n: there is none. */
static size_t point_at(const rule *r, double x, double y, double z)
{
    size_t p = 0;
    while (p < r->n && !(r->xyz[3 * p] == x && r->xyz[3 * p + 1] == y && r->xyz[3 * p + 2] == z))
        p++;
    return p;
}

/* By three generators of the group: all images are there, once, with the same weight. */
START_TEST(symmetric)
{
    const rule r = rule_of(rules[_i].degree);
    for (size_t p = 0; p < r.n; p++) {
        const double *v = r.xyz + 3 * p;
        const size_t images[] = {point_at(&r, v[1], v[2], v[0]), point_at(&r, v[1], v[0], v[2]),
                                 point_at(&r, -v[0], v[1], v[2])};
        ck_assert_uint_eq(point_at(&r, v[0], v[1], v[2]), p);
        for (int k = 0; k < 3; k++) {
            ck_assert_uint_lt(images[k], r.n);
            ck_assert(r.w[images[k]] == r.w[p]);
        }
    }
    free(r.xyz);
}
END_TEST

START_TEST(unit_vectors_and_weights)
{
    const rule r = rule_of(rules[_i].degree);
    long double sum = 0;
    for (size_t p = 0; p < r.n; p++) {
        const long double x = r.xyz[3 * p], y = r.xyz[3 * p + 1], z = r.xyz[3 * p + 2];
        ck_assert_double_le((double)fabsl(sqrtl(x * x + y * y + z * z) - 1), DBL_EPSILON);
        sum += r.w[p];
    }
    ck_assert_double_le((double)fabsl(sum - 1), DBL_EPSILON * r.size);
    ck_assert_double_eq_tol(r.size, rules[_i].size, 5e-5);
    ck_assert(rules[_i].size > 1 || r.size <= 1 + (double)r.n * DBL_EPSILON); /* none is negative */
    free(r.xyz);
}
END_TEST

/* The next rule serves the degrees between. */
START_TEST(counts)
{
    int degree = 0;
    for (int i = 0; i < RULES; i++)
        for (; degree <= rules[i].degree; degree++)
            ck_assert_uint_eq(e3tp_lebedev_count(degree), rules[i].points);
    ck_assert_int_eq(degree - 1, E3TP_LEBEDEV_DEGREE);
    ck_assert_uint_eq(e3tp_lebedev_count(degree), 0);
    ck_assert_uint_eq(e3tp_lebedev_count(-1), 0);
}
END_TEST

/* Each output by itself. */
START_TEST(outputs_that_are_not_wanted)
{
    double xyz[3 * 14], w[14];
    const rule r = rule_of(4);
    ck_assert_uint_eq(r.n, 14);
    ck_assert_int_eq(e3tp_lebedev(4, xyz, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_lebedev(4, NULL, w), E3TP_OK);
    ck_assert_int_eq(e3tp_lebedev(4, NULL, NULL), E3TP_OK);
    ck_assert_mem_eq(xyz, r.xyz, sizeof xyz);
    ck_assert_mem_eq(w, r.w, sizeof w);
    free(r.xyz);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("lebedev");
    tcase_add_loop_test(t, exact_to_their_degree, 0, RULES);
    tcase_add_loop_test(t, symmetric, 0, RULES);
    tcase_add_loop_test(t, unit_vectors_and_weights, 0, RULES);
    tcase_add_test(t, counts);
    tcase_add_test(t, outputs_that_are_not_wanted);
    return run_tests(t, "lebedev", CK_FORK);
}
