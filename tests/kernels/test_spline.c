/* SPDX-License-Identifier: MIT */
/* Splines on one tier and both reals: terms against de Boor's recursion, fits against a dense solve
   of the conditions that define them, both in extended precision and with the bounds that the
   header states; what splines reproduce and how fast they converge; transposes; ends. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ensure.h"
#include "guard.h"
#include "radial/spline.h"
#include "reals.h"
#include "tiers.h"

static e3tp_tier tier;

static double random_number(unsigned *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return (double)(*seed >> 8) / (1 << 23) - 1;
}

static void fill(e3tp_dtype dtype, void *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        real_put(dtype, p, i, random_number(&seed));
}

static e3tp_spline *plan_of(size_t knots, double r_max, size_t width, e3tp_dtype dtype)
{
    e3tp_spline_desc d = e3tp_spline_desc_init(knots, r_max, width);
    e3tp_spline *p;
    char text[200];
    d.dtype = dtype;
    d.isa = (e3tp_isa)(tier + 1);
    d.threads = 1;
    const e3tp_status s = e3tp_spline_create(&p, &d, text, sizeof text);
    ck_assert_msg(s == E3TP_OK, "%s", text);
    ck_assert_str_eq(e3tp_spline_isa(p), e3tp_tier_name(tier));
    return p;
}

/* ---- the definition ---- */

/* B-splines of that degree on the integers, from knot i on, and derivatives: de Boor's recursion.
 */
static long double bspline(int degree, long i, long double x, int derivative)
{
    if (derivative)
        return bspline(degree - 1, i, x, derivative - 1) -
               bspline(degree - 1, i + 1, x, derivative - 1);
    if (degree == 0)
        return x >= (long double)i && x < (long double)(i + 1);
    return ((x - (long double)i) * bspline(degree - 1, i, x, 0) +
            ((long double)(i + degree + 1) - x) * bspline(degree - 1, i + 1, x, 0)) /
           degree;
}

/* The term of row j of a table at x = r / h. */
static long double term(size_t j, long double x, int derivative)
{
    return bspline(3, (long)j - 3, x, derivative);
}

static long double spline_at(const long double *c, size_t knots, long double x, int derivative)
{
    const long first = (long)(x < (long double)(knots - 1) ? x : (long double)(knots - 2));
    long double sum = 0;
    for (size_t j = (size_t)first; j < (size_t)first + 4; j++)
        sum += c[j] * term(j, x, derivative);
    return sum;
}

/* a x = y of order n, in place: elimination with pivots. */
static void solve(size_t n, long double *a, long double *y)
{
    for (size_t k = 0; k < n; k++) {
        size_t best = k;
        for (size_t i = k; i < n; i++)
            best = fabsl(a[i * n + k]) > fabsl(a[best * n + k]) ? i : best;
        for (size_t j = 0; j < n; j++) {
            const long double v = a[k * n + j];
            a[k * n + j] = a[best * n + j], a[best * n + j] = v;
        }
        const long double v = y[k];
        y[k] = y[best], y[best] = v;
        for (size_t i = 0; i < n; i++) {
            const long double f = i == k ? 0 : a[i * n + k] / a[k * n + k];
            for (size_t j = k; j < n; j++)
                a[i * n + j] -= f * a[k * n + j];
            y[i] -= f * y[k];
        }
    }
    for (size_t k = 0; k < n; k++)
        y[k] /= a[k * n + k];
}

/* Coefficients from the conditions; values of one column, `stride` apart. */
static void reference_fit(e3tp_dtype dtype, size_t knots, const void *values, size_t at,
                          size_t stride, long double *c)
{
    const size_t n = knots + 2;
    long double *a = calloc(n * n, sizeof *a);
    for (size_t i = 0; i < knots; i++) {
        for (size_t j = i; j < i + 3; j++)
            a[i * n + j] = term(j, (long double)i, 0);
        c[i] = real_at(dtype, values, at + i * stride);
    }
    for (size_t j = knots - 1; j < n; j++)
        a[knots * n + j] = term(j, (long double)(knots - 1), 1);
    for (size_t j = 0; j < 5; j++)
        a[(knots + 1) * n + j] = term(j, 1.5L, 3) - term(j, 0.5L, 3);
    c[knots] = c[knots + 1] = 0;
    solve(n, a, c);
    free(a);
}

/* ---- terms ---- */

static void within(long double error, long double bound, const char *what, long double at)
{
    ensure(fabsl(error) <= bound, "%s at %.17Lg: error %.3Lg, bound %.3Lg", what, at, error, bound);
}

START_TEST(terms)
{
    enum { N = 2000, KNOTS = 23 };
    const e3tp_dtype dtype = (e3tp_dtype)_i;
    const double eps = eps_of(dtype), sums[] = {1, 1.5, 4}; /* most of that of |terms| */
    const e3tp_spline_map m = {KNOTS, 3.7f, dtype};
    const long double per_h = (KNOTS - 1) / (long double)m.r_max;
    double r[N], b[3][N * 4];
    size_t first[N];
    for (size_t i = 0; i < N; i++) {
        const double knot = (double)(i % KNOTS) / (double)per_h;
        real_put(dtype, r, i,
                 i % 3 ? m.r_max * (double)i / N : nextafter(knot, i % 2 ? 0 : m.r_max));
        if (real_at(dtype, r, i) >= m.r_max)
            real_put(dtype, r, i, 0);
    }
    e3tp_spline_basis(&m, N, r, NULL, b[0], b[1], b[2], first);
    for (size_t i = 0; i < N; i++) {
        const long double x = real_at(dtype, r, i) * per_h;
        ck_assert(first[i] <= KNOTS - 2 && fabsl(x - (long double)first[i] - 0.5L) <= 0.5000001L);
        for (int d = 0; d < 3; d++)
            for (size_t k = 0; k < 4; k++) {
                /* beyond the interval by rounding: the neighbour's polynomial goes on */
                const long double shift = 4 * DBL_EPSILON * x, unit = powl(per_h, d),
                                  exact = unit * term(first[i] + k, x, d), slope = 2 * unit * shift;
                within(real_at(dtype, b[d], 4 * i + k) - exact, eps * sums[d] * unit + slope,
                       "term", x);
            }
    }
}
END_TEST

START_TEST(special_distances)
{
    const e3tp_dtype dtype = (e3tp_dtype)_i;
    const e3tp_spline_map m = {9, 2.5, dtype};
    const double r[] = {0, -0.0, -1, -INFINITY, NAN, 2.5, 3, 1e30, INFINITY};
    enum { N = sizeof r / sizeof *r };
    const int32_t type[N] = {2, 2, 2, 2, 3, 0, 1, 2, 3};
    double given[N], b[3][N * 4];
    size_t first[N];
    for (size_t i = 0; i < N; i++)
        real_put(dtype, given, i, r[i]);
    e3tp_spline_basis(&m, N, given, type, b[0], b[1], b[2], first);
    for (size_t i = 0; i < N; i++) {
        ck_assert(first[i] == (size_t)type[i] * 11);
        for (size_t k = 0; k < 12; k++) {
            const double v = real_at(dtype, b[k / 4], 4 * i + k % 4);
            if (i < 4)
                ck_assert(v == real_at(dtype, b[k / 4], k % 4));
            else if (i == 4)
                ck_assert(isnan(v));
            else
                ck_assert(v == 0 && !signbit(v));
        }
    }
    e3tp_spline_basis(&m, N, given, NULL, NULL, NULL, NULL, first);
    for (size_t i = 0; i < N; i++)
        ck_assert(first[i] == 0);
}
END_TEST

/* ---- fits ---- */

static const size_t knot_counts[] = {3, 4, 5, 6, 17, 40}, widths[] = {1, 3, 13, 33, 261};
enum { KNOTS = 6, WIDTHS = 5, FITS = 2 * KNOTS * WIDTHS };

typedef struct problem {
    e3tp_dtype dtype;
    size_t knots, width, es;
} problem;

static problem problem_of(int i)
{
    const e3tp_dtype dtype = (e3tp_dtype)(i % 2);
    return (problem){dtype, knot_counts[i / 2 % KNOTS], widths[i / 2 / KNOTS],
                     dtype == E3TP_F64 ? 8 : 4};
}

/* The spline of the computed coefficients against that of exact ones, in units of 1 / h. */
static void check_column(const problem *p, const void *v, const void *c, size_t column)
{
    static const double bound[] = {8, 32, 96};
    long double exact[64], error[64], most = 0;
    reference_fit(p->dtype, p->knots, v, column, p->width, exact);
    for (size_t i = 0; i < p->knots; i++)
        most = fmaxl(most, fabsl(real_at(p->dtype, v, i * p->width + column)));
    for (size_t j = 0; j < p->knots + 2; j++)
        error[j] = real_at(p->dtype, c, j * p->width + column) - exact[j];
    for (int d = 0; d < 3; d++)
        for (size_t s = 0; s < 8 * (p->knots - 1); s++) {
            const long double x = (long double)s / 8, e = spline_at(error, p->knots, x, d);
            within(e, bound[d] * eps_of(p->dtype) * most, "fit", x);
        }
}

/* Between pages that fault, whole and in pieces of columns. */
START_TEST(fits)
{
    const problem p = problem_of(_i);
    const size_t v_bytes = p.knots * p.width * p.es, c_bytes = (p.knots + 2) * p.width * p.es;
    guard_area areas[2] = {guard_create(v_bytes), guard_create(c_bytes)};
    unsigned char *v = guard_place(&areas[0], v_bytes, (guard_side)(_i / 2 % 2), 0),
                  *c = guard_place(&areas[1], c_bytes, (guard_side)(_i / 2 % 2), 0),
                  *pieces = malloc(c_bytes);
    const e3tp_spline_kernels *k = e3tp_spline_kernels_of(p.dtype, tier);
    const size_t cuts[] = {0, p.width / 3, p.width / 2, p.width};
    fill(p.dtype, v, p.knots * p.width, 7);
    k->fit(p.knots, p.width, 0, p.width, v, c);
    for (size_t i = 0; i < 3; i++)
        k->fit(p.knots, p.width, cuts[i], cuts[i + 1], v, pieces);
    ck_assert_int_eq(memcmp(c, pieces, c_bytes), 0);
    for (size_t column = 0; column < p.width; column += p.width / 7 + 1)
        check_column(&p, v, c, column);
    ck_assert(guard_intact(&areas[0], v, v_bytes) && guard_intact(&areas[1], c, c_bytes));
    free(pieces);
    guard_destroy(&areas[0]), guard_destroy(&areas[1]);
}
END_TEST

/* <gc, fit(v)> = <fit_backward(gc), v> for each column, and the same bits in pieces. */
START_TEST(transposes)
{
    const problem p = problem_of(_i);
    const size_t n = p.knots * p.width, more = n + 2 * p.width;
    guard_area areas[2] = {guard_create(n * p.es), guard_create(more * p.es)};
    unsigned char *gv = guard_place(&areas[0], n * p.es, (guard_side)(_i / 2 % 2), 0),
                  *gc = guard_place(&areas[1], more * p.es, (guard_side)(_i / 2 % 2), 0),
                  *pieces = malloc(n * p.es);
    double *v = malloc(n * sizeof *v), *c = malloc(more * sizeof *c);
    const e3tp_spline_kernels *k = e3tp_spline_kernels_of(p.dtype, tier);
    const size_t cuts[] = {0, p.width / 3, p.width / 2, p.width};
    fill(p.dtype, v, n, 5), fill(p.dtype, gc, more, 6);
    k->fit(p.knots, p.width, 0, p.width, v, c);
    k->fit_backward(p.knots, p.width, 0, p.width, gc, gv);
    for (size_t i = 0; i < 3; i++)
        k->fit_backward(p.knots, p.width, cuts[i], cuts[i + 1], gc, pieces);
    ck_assert_int_eq(memcmp(gv, pieces, n * p.es), 0);
    for (size_t w = 0; w < p.width; w++) {
        double sum = 0, size = 0;
        for (size_t i = 0; i < p.knots + 2; i++) {
            const double t =
                real_at(p.dtype, gc, i * p.width + w) * real_at(p.dtype, c, i * p.width + w);
            sum += t, size += fabs(t);
        }
        for (size_t i = 0; i < p.knots; i++) {
            const double t =
                real_at(p.dtype, gv, i * p.width + w) * real_at(p.dtype, v, i * p.width + w);
            sum -= t, size += fabs(t);
        }
        /* coefficients and cotangents have gone through at most 8 + 8 roundings that add up */
        ck_assert_msg(fabs(sum) <= 16 * eps_of(p.dtype) * (size + 1), "%g of %g", sum, size);
    }
    ck_assert(guard_intact(&areas[0], gv, n * p.es) && guard_intact(&areas[1], gc, more * p.es));
    free(v), free(c), free(pieces);
    guard_destroy(&areas[0]), guard_destroy(&areas[1]);
}
END_TEST

/* ---- functions ---- */

typedef double (*function)(double t, int derivative); /* of t = r / r_max */

/* Slope 0 at 1. */
static double cubic(double t, int derivative)
{
    const double s = 1 - t;
    return derivative == 0 ? 3 * s * s * s - 2 * s * s + 0.25
                           : (derivative == 1 ? -9 * s * s + 4 * s : 18 * s - 4);
}

/* exp(-2t) s^3, four derivatives bounded, three of them 0 at 1. */
static double smooth(double t, int derivative)
{
    const double s = 1 - t, e = exp(-2 * t);
    return derivative == 0 ? e * s * s * s
                           : e * (derivative == 1 ? -2 * s * s * s - 3 * s * s
                                                  : 4 * s * s * s + 12 * s * s + 6 * s);
}

/* Largest error of the spline of f with so many knots, in units of r_max. */
static void errors(function f, size_t knots, e3tp_dtype dtype, double r_max, double error[3])
{
    enum { N = 777 };
    e3tp_spline *p = plan_of(knots, r_max, 1, dtype);
    double *v = malloc((2 * knots + 2) * sizeof *v), *c = v + knots, r[N], out[3][N];
    for (size_t i = 0; i < knots; i++)
        real_put(dtype, v, i, f((double)i / (double)(knots - 1), 0));
    for (size_t i = 0; i < N; i++)
        real_put(dtype, r, i, r_max * ((double)i + 0.5) / N);
    ck_assert_int_eq(e3tp_spline_fit(p, 1, v, c), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 1, c, r, NULL, N, out[0], out[1], out[2]), E3TP_OK);
    for (int d = 0; d < 3; d++) {
        error[d] = 0;
        for (size_t i = 0; i < N; i++) {
            const double exact = f(real_at(dtype, r, i) / p->map.r_max, d),
                         e = fabs(real_at(dtype, out[d], i) * pow(p->map.r_max, d) - exact);
            error[d] = e > error[d] ? e : error[d];
        }
    }
    free(v);
    e3tp_spline_destroy(p);
}

START_TEST(cubics)
{
    const e3tp_dtype dtype = (e3tp_dtype)(_i % 2);
    const size_t knots = knot_counts[_i / 2];
    const double eps = eps_of(dtype), per_h = (double)(knots - 1);
    double error[3];
    errors(cubic, knots, dtype, 1.7, error);
    /* |f| <= 1.25, |f''| <= 14; the fit's bound, and four terms of at most twice that */
    ck_assert_msg(error[0] <= 30 * eps, "%g", error[0] / eps);
    ck_assert_msg(error[1] <= 80 * eps * per_h, "%g", error[1] / (eps * per_h));
    ck_assert_msg(error[2] <= 200 * eps * per_h * per_h, "%g", error[2] / (eps * per_h * per_h));
}
END_TEST

/* Half the step: errors by 16, 8 and 4. */
START_TEST(convergence)
{
    double coarse[3], fine[3];
    errors(smooth, 33, E3TP_F64, 4.2, coarse);
    errors(smooth, 65, E3TP_F64, 4.2, fine);
    ck_assert(coarse[0] < 1e-5 && fine[0] > 1e-12);
    for (int d = 0; d < 3; d++)
        ck_assert_msg(fine[d] * pow(2, 4 - d) < 1.3 * coarse[d], "derivative %d: %g, then %g", d,
                      coarse[d], fine[d]);
}
END_TEST

/* Types, every batch of a longer one, results alone and together: the same bits, and derivatives
   are those of the values. */
START_TEST(batches)
{
    enum { N = 150, TABLES = 3, KNOTS_ = 12, WIDTH = 21, C = TABLES * (KNOTS_ + 2) * WIDTH };
    const e3tp_dtype dtype = (e3tp_dtype)_i;
    const size_t es = dtype == E3TP_F64 ? 8 : 4, row = WIDTH * es;
    e3tp_spline *p = plan_of(KNOTS_, 5, WIDTH, dtype);
    double c[C], r[N];
    int32_t type[N];
    char *out[3], *got = malloc(N * row);
    fill(dtype, c, C, 9);
    for (size_t i = 0; i < N; i++) {
        type[i] = (int32_t)(i * i % TABLES);
        real_put(dtype, r, i, i % 10 == 7 ? NAN : 5.3 * (double)(i * 37 % N) / N - 0.1);
    }
    for (int d = 0; d < 3; d++)
        out[d] = malloc(N * row);
    ck_assert_int_eq(e3tp_spline_evaluate(p, TABLES, c, r, type, N, out[0], out[1], out[2]),
                     E3TP_OK);
    for (size_t n = 1; n < N; n += 13)
        for (int d = 0; d < 3; d++) {
            const size_t from = (n * 7) % (N - n + 1);
            const char *at = (const char *)r + from * es;
            void *only[3] = {NULL, NULL, NULL};
            only[d] = got;
            ck_assert_int_eq(
                e3tp_spline_evaluate(p, TABLES, c, at, type + from, n, only[0], only[1], only[2]),
                E3TP_OK);
            ck_assert_int_eq(memcmp(got, out[d] + from * row, n * row), 0);
        }
    for (size_t i = 0; i < N * WIDTH; i++) {
        const size_t j = i / WIDTH;
        const double at = real_at(dtype, r, j);
        long double column[KNOTS_ + 2];
        for (size_t k = 0; k < KNOTS_ + 2; k++)
            column[k] = real_at(dtype, c, ((size_t)type[j] * (KNOTS_ + 2) + k) * WIDTH + i % WIDTH);
        for (int d = 0; d < 3; d++) {
            const double v = real_at(dtype, out[d], i), per_h = (KNOTS_ - 1) / 5.0;
            if (isnan(at))
                ck_assert(isnan(v));
            else if (at >= 5)
                ck_assert(v == 0);
            else
                ck_assert_double_eq_tol(
                    v,
                    (double)(spline_at(column, KNOTS_, (at > 0 ? at : 0) * (long double)per_h, d) *
                             powl(per_h, d)),
                    (4 << d) * eps_of(dtype) * pow(per_h, d) + 60 * DBL_EPSILON * pow(per_h, d));
        }
    }
    for (int d = 0; d < 3; d++)
        free(out[d]);
    free(got);
    e3tp_spline_destroy(p);
}
END_TEST

/* Central differences of values and slopes, within an interval and across knots. */
START_TEST(derivatives)
{
    enum { WIDTH = 2, KNOTS_ = 8 };
    const double h = 1e-5;
    e3tp_spline *p = plan_of(KNOTS_, 3, WIDTH, E3TP_F64);
    double c[(KNOTS_ + 2) * WIDTH], v[3 * WIDTH], s[3 * WIDTH], ss[3 * WIDTH];
    fill(E3TP_F64, c, (KNOTS_ + 2) * WIDTH, 3);
    for (int i = 1; i < 70; i++) {
        const double at = 3.0 * i / 70, r[] = {at - h, at, at + h};
        ck_assert_int_eq(e3tp_spline_evaluate(p, 1, c, r, NULL, 3, v, s, ss), E3TP_OK);
        for (int w = 0; w < WIDTH; w++) {
            const double slope = (v[2 * WIDTH + w] - v[w]) / (2 * h),
                         second = (s[2 * WIDTH + w] - s[w]) / (2 * h);
            ck_assert_double_eq_tol(s[WIDTH + w], slope, 1e-8);
            /* across a knot the third derivative, up to 8 / h^3 = 100, jumps */
            ck_assert_double_eq_tol(ss[WIDTH + w], second, 110 * h);
        }
    }
    e3tp_spline_destroy(p);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *t = tcase_create("spline");
    tcase_add_loop_test(t, terms, 0, 2);
    tcase_add_loop_test(t, special_distances, 0, 2);
    tcase_add_loop_test(t, fits, 0, FITS);
    tcase_add_loop_test(t, transposes, 0, FITS);
    tcase_add_loop_test(t, cubics, 0, 2 * KNOTS);
    tcase_add_test(t, convergence);
    tcase_add_loop_test(t, batches, 0, 2);
    tcase_add_test(t, derivatives);
    return run_case(t, "spline");
}
