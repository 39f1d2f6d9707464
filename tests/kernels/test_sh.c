/* SPDX-License-Identifier: MIT */
/* Harmonics on one tier, both reals, against the definition in extended precision with the bounds
   that the header states; identities, differences, lengths to the ends of the range, and the same
   bits for every batch, place, alignment and layout. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reals.h"
#include "sh/sh.h"

static e3tp_tier tier;

static const int all[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                          13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};
static const int mixed[] = {4, 1, 2, 3, 3, 1, 0}, one[] = {20}, twice[] = {7, 7};

static const struct {
    const int *ls;
    size_t nls;
    int normalize;
    e3tp_sh_norm norm;
} cases[] = {
    {all, 25, 0, E3TP_SH_COMPONENT}, {all, 25, 1, E3TP_SH_INTEGRAL},
    {all, 4, 1, E3TP_SH_COMPONENT},  {all, 4, 0, E3TP_SH_NORM},
    {all, 1, 0, E3TP_SH_NORM},       {all, 1, 1, E3TP_SH_INTEGRAL},
    {all, 7, 1, E3TP_SH_NORM},       {all, 11, 0, E3TP_SH_INTEGRAL},
    {mixed, 7, 1, E3TP_SH_NORM},     {mixed, 7, 0, E3TP_SH_INTEGRAL},
    {one, 1, 1, E3TP_SH_COMPONENT},  {twice, 2, 0, E3TP_SH_COMPONENT},
};
enum { CASES = sizeof cases / sizeof *cases };

static e3tp_sh *plan_of(int i, e3tp_dtype dtype, e3tp_layout layout)
{
    e3tp_sh_desc d =
        e3tp_sh_desc_init(cases[i].ls, cases[i].nls, cases[i].normalize, cases[i].norm);
    e3tp_sh *p;
    char text[200];
    d.dtype = dtype;
    d.layout = layout;
    d.isa = (e3tp_isa)(tier + 1);
    d.threads = 1;
    const e3tp_status s = e3tp_sh_create(&p, &d, text, sizeof text);
    ck_assert_msg(s == E3TP_OK, "%s", text);
    ck_assert_str_eq(e3tp_sh_isa(p), e3tp_tier_name(tier));
    return p;
}

/* Not a check of the framework's for each element: it notes every one that holds. */
static void near(double found, double expected, double most)
{
    if (!(fabs(found - expected) <= most))
        ck_abort_msg("%.17g, expected %.17g to %.2g", found, expected, most);
}

static double as_stored(e3tp_dtype t, double v)
{
    return t == E3TP_F32 ? (double)(float)v : v;
}

/* An array of the plan's dtype from doubles, and back. NULL for a count of 0. */
static void *stored(e3tp_dtype t, const double *from, size_t n)
{
    void *to = malloc(n * size_of(t) + 1);
    for (size_t i = 0; i < n; i++)
        if (t == E3TP_F64)
            ((double *)to)[i] = from ? from[i] : -99;
        else
            ((float *)to)[i] = from ? (float)from[i] : -99;
    return to;
}

static double *read_back(e3tp_dtype t, void *from, size_t n)
{
    double *to = malloc(n * sizeof *to + 1);
    for (size_t i = 0; i < n; i++)
        to[i] = t == E3TP_F64 ? ((double *)from)[i] : (double)((float *)from)[i];
    free(from);
    return to;
}

typedef struct results {
    double *values, *jacobian, *hessian;
} results;

static results evaluate(const e3tp_sh *p, const double *v, size_t n)
{
    const e3tp_dtype t = p->dtype;
    const size_t m = n * p->map.dim;
    void *x = stored(t, v, 3 * n),
         *out[3] = {stored(t, NULL, m), stored(t, NULL, 3 * m), stored(t, NULL, 9 * m)};
    const e3tp_sh_vectors vectors = {n, x, NULL, NULL};
    ck_assert_int_eq(e3tp_sh_evaluate(p, &vectors, out[0], out[1], out[2]), E3TP_OK);
    free(x);
    return (results){read_back(t, out[0], m), read_back(t, out[1], 3 * m),
                     read_back(t, out[2], 9 * m)};
}

static void release(results r)
{
    free(r.values);
    free(r.jacobian);
    free(r.hessian);
}

/* ---- vectors */

enum { POINTS = 600 };

static double uniform(unsigned long long *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(*state >> 11) * 0x1p-53;
}

static double signed_uniform(unsigned long long *state)
{
    return 2 * uniform(state) - 1;
}

/* Directions everywhere, closer and closer to the poles and to the planes of coordinates, and the
   axes themselves; lengths 0.6 to 1.7, where no power leaves the range of a float. */
static void points_of(e3tp_dtype t, double *v)
{
    unsigned long long state = 3;
    for (int i = 0; i < POINTS; i++) {
        double x[3], r = 0;
        for (int k = 0; k < 3; k++) {
            x[k] = signed_uniform(&state);
            if ((i % 8) & (1 << k))
                x[k] *= pow(10, -6 * uniform(&state));
        }
        if (i < 6)
            for (int k = 0; k < 3; k++)
                x[k] = k == i / 2 ? 1 - i % 2 * 2 : 0;
        for (int k = 0; k < 3; k++)
            r += x[k] * x[k];
        for (int k = 0; k < 3; k++)
            v[3 * i + k] = as_stored(t, x[k] / sqrt(r) * (0.6 + 1.1 * uniform(&state)));
    }
}

/* ---- against the definition */

static double worst[3]; /* values, first and second derivatives, as a share of the bound */

/* The part of a jet that is element 0, first[i] or second[i][k] for which = 0, 1..3, 4..12. */
static long double part(const e3tp_sh_jet *j, int which)
{
    return which == 0  ? j->value
           : which < 4 ? j->first[which - 1]
                       : j->second[(which - 4) / 3][(which - 4) % 3];
}

/* Norm over m and direction of the parts first..last. */
static double norm_of(const e3tp_sh_jet *j, int l, int first, int last)
{
    long double s = 0;
    for (int k = 0; k <= 2 * l; k++)
        for (int w = first; w <= last; w++)
            s += part(&j[k], w) * part(&j[k], w);
    return (double)sqrtl(s);
}

static const int firsts[] = {0, 1, 4}, lasts[] = {0, 3, 12};

/* One vector's degree l, `at` the place of its block. */
static void check_degree(e3tp_dtype t, int l, const e3tp_sh_jet *j, const double *v, size_t dim,
                         size_t at, const results *got, size_t point)
{
    const double *arrays[] = {got->values + point * dim, got->jacobian + point * 3 * dim,
                              got->hessian + point * 9 * dim};
    for (int o = 0; o < 3; o++) {
        const double bound = 2 * (l + 1) * eps_of(t) * norm_of(j, l, firsts[o], lasts[o]);
        for (int w = firsts[o]; w <= lasts[o]; w++)
            for (int k = 0; k <= 2 * l; k++) {
                const double found = arrays[o][(size_t)(w - firsts[o]) * dim + at + (size_t)k];
                const double error = (double)fabsl(found - part(&j[k], w));
                if (!(error <= bound))
                    ck_abort_msg("l = %d, m = %d, part %d at (%.9g, %.9g, %.9g): %.17g, expected "
                                 "%.17Lg, %.2g of the bound",
                                 l, k - l, w, v[0], v[1], v[2], found, part(&j[k], w),
                                 error / bound);
                if (bound > 0 && error / bound > worst[o])
                    worst[o] = error / bound;
            }
    }
}

START_TEST(against_the_definition)
{
    const e3tp_dtype t = (e3tp_dtype)(_i % 2);
    const int i = _i / 2;
    e3tp_sh *p = plan_of(i, t, E3TP_MUL_IR);
    double v[3 * POINTS];
    points_of(t, v);
    const results got = evaluate(p, v, POINTS);
    for (size_t b = 0; b < POINTS; b++) {
        static e3tp_sh_jet j[E3TP_SH_LINES];
        e3tp_sh_reference(p->map.lmax, cases[i].normalize, cases[i].norm, v + 3 * b, j);
        for (size_t d = 0, at = 0; d < cases[i].nls; at += 2 * (size_t)cases[i].ls[d++] + 1) {
            const int l = cases[i].ls[d];
            check_degree(t, l, j + l * l, v + 3 * b, p->map.dim, at, &got, b);
        }
    }
    release(got);
    e3tp_sh_destroy(p);
}
END_TEST

/* The scalar functions in double are another evaluation. */
START_TEST(against_the_scalar)
{
    const int i = _i;
    e3tp_sh *p = plan_of(i, E3TP_F64, E3TP_MUL_IR);
    const size_t dim = p->map.dim;
    double v[3 * POINTS], *y = malloc(POINTS * dim * sizeof *y);
    points_of(E3TP_F64, v);
    const results got = evaluate(p, v, POINTS);
    ck_assert_int_eq(e3tp_sh_eval(cases[i].ls, cases[i].nls, cases[i].normalize, cases[i].norm, v,
                                  POINTS, y, NULL),
                     E3TP_OK);
    for (size_t k = 0; k < POINTS * dim; k++)
        near(got.values[k], y[k], 1e-12 * fmax(1, fabs(y[k])) * pow(1.7, 24));
    free(y);
    release(got);
    e3tp_sh_destroy(p);
}
END_TEST

/* ---- identities */

/* Of each degree, r the length: sum of squares c r^2l, x.grad Y = l Y or 0, trace of the Hessian 0
   or -l(l+1) Y / r^2, and the Hessian symmetric; component scale. */
static void check_identities(const results *got, size_t dim, int normalize, double eps,
                             const double *v, size_t b)
{
    const double r2 = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
    for (int l = 0, at = 0; (size_t)at < dim; at += 2 * l + 1, l++) {
        double squares = 0;
        const double norm = sqrt(2 * l + 1) * (normalize ? 1 : pow(r2, l / 2.0)),
                     tol = 4 * (l + 1) * eps * norm;
        for (size_t k = (size_t)at; k <= (size_t)(at + 2 * l); k++) {
            const double y = got->values[b * dim + k], *g = got->jacobian + 3 * b * dim + k,
                         *h = got->hessian + 9 * b * dim + k;
            squares += y * y;
            near(v[0] * g[0] + v[1] * g[dim] + v[2] * g[2 * dim], normalize ? 0 : l * y,
                 (l + 1) * tol);
            near(h[0] + h[4 * dim] + h[8 * dim], normalize ? -l * (l + 1) * y / r2 : 0,
                 2 * (l + 1) * (l + 1) * tol / r2);
            for (size_t s = 0; s < 9; s++)
                near(h[s * dim], h[(s % 3 * 3 + s / 3) * dim], (l + 1) * (l + 1) * tol / r2);
        }
        near(sqrt(squares), norm, tol);
    }
}

START_TEST(identities)
{
    const e3tp_dtype t = (e3tp_dtype)(_i % 2);
    const int normalize = _i / 2;
    e3tp_sh_desc d = e3tp_sh_desc_init(all, 21, normalize, E3TP_SH_COMPONENT);
    e3tp_sh *p;
    double v[3 * POINTS];
    d.dtype = t;
    d.isa = (e3tp_isa)(tier + 1);
    ck_assert_int_eq(e3tp_sh_create(&p, &d, NULL, 0), E3TP_OK);
    ck_assert_int_eq((int)e3tp_sh_dim(p), 441);
    points_of(t, v);
    const results got = evaluate(p, v, POINTS);
    for (size_t b = 0; b < POINTS; b++)
        check_identities(&got, 441, normalize, eps_of(t), v + 3 * b, b);
    release(got);
    e3tp_sh_destroy(p);
}
END_TEST

/* Derivatives are those of the values, second ones those of the first: central differences. */
START_TEST(differences)
{
    const int i = _i;
    e3tp_sh *p = plan_of(i, E3TP_F64, E3TP_MUL_IR);
    const size_t dim = p->map.dim;
    const double h = 1e-5;
    double v[3 * 21];
    for (int b = 0; b < 3; b++)
        for (int s = 0; s < 7; s++)
            for (int k = 0; k < 3; k++)
                v[(7 * b + s) * 3 + k] = (double[]){0.3, -0.5, 0.7}[(k + b) % 3] +
                                         (s / 2 == k && s < 6 ? h - s % 2 * 2 * h : 0);
    const results got = evaluate(p, v, 21);
    for (size_t b = 0; b < 3; b++)
        for (size_t k = 0; k < 3; k++) {
            const size_t at = 7 * b + 6, up = 7 * b + 2 * k, down = up + 1;
            for (size_t c = 0; c < dim; c++)
                near(got.jacobian[(3 * at + k) * dim + c],
                     (got.values[up * dim + c] - got.values[down * dim + c]) / (2 * h), 1e-5);
            for (size_t c = 0; c < 3 * dim; c++)
                near(got.hessian[(9 * at + 3 * k) * dim + c],
                     (got.jacobian[3 * up * dim + c] - got.jacobian[3 * down * dim + c]) / (2 * h),
                     1e-3);
        }
    release(got);
    e3tp_sh_destroy(p);
}
END_TEST

/* ---- products with derivatives */

static void fill(e3tp_dtype t, double *v, size_t n, unsigned long long seed)
{
    for (size_t i = 0; i < n; i++)
        v[i] = as_stored(t, signed_uniform(&seed));
}

/* From the definition, and the sums of magnitudes that the bounds are measured in. */
typedef struct products {
    long double gv[3], hv[3], *hg;
    double gv_sum, hv_sum, *hg_norm; /* hg_norm of the element's degree, (l+1) times */
} products;

static void add_degree(int l, const e3tp_sh_jet *j, const double *g, const double *gg, size_t at,
                       products *r)
{
    double g2 = 0;
    for (int k = 0; k <= 2 * l; k++) {
        const double c = g[at + (size_t)k];
        g2 += c * c;
        r->hg[at + (size_t)k] = 0;
        r->hg_norm[at + (size_t)k] = (l + 1) * norm_of(j, l, 1, 3);
        for (int a = 0; a < 3; a++) {
            r->gv[a] += c * j[k].first[a];
            r->hg[at + (size_t)k] += gg[a] * j[k].first[a];
            for (int b = 0; b < 3; b++)
                r->hv[a] += c * gg[b] * j[k].second[a][b];
        }
    }
    r->gv_sum += (l + 1) * sqrt(g2) * norm_of(j, l, 1, 3);
    r->hv_sum += (l + 1) * sqrt(g2) * norm_of(j, l, 4, 12);
}

enum { ROWS = 37 };

static void check_row(int i, e3tp_dtype t, const double *v, const double *g, const double *gg,
                      size_t dim, const double *gv, const double *hv, const double *hg)
{
    products r = {.hg = malloc(dim * sizeof *r.hg), .hg_norm = malloc(dim * sizeof *r.hg_norm)};
    const double b = 4 * eps_of(t);
    static e3tp_sh_jet j[E3TP_SH_LINES];
    e3tp_sh_reference(E3TP_SH_LMAX, cases[i].normalize, cases[i].norm, v, j);
    for (size_t d = 0, at = 0; d < cases[i].nls; at += 2 * (size_t)cases[i].ls[d++] + 1)
        add_degree(cases[i].ls[d], j + cases[i].ls[d] * cases[i].ls[d], g, gg, at, &r);
    for (int k = 0; k < 3; k++) {
        near(gv[k], (double)r.gv[k], b * r.gv_sum);
        near(hv[k], (double)r.hv[k], 3 * b * r.hv_sum);
    }
    for (size_t k = 0; k < dim; k++)
        near(hg[k], (double)r.hg[k], b * r.hg_norm[k]);
    free(r.hg);
    free(r.hg_norm);
}

START_TEST(products_with_derivatives)
{
    const e3tp_dtype t = (e3tp_dtype)(_i % 2);
    const int i = _i / 2;
    e3tp_sh *p = plan_of(i, t, E3TP_MUL_IR);
    const size_t dim = p->map.dim, es = size_of(t);
    double v[3 * POINTS], *g = malloc(ROWS * dim * sizeof *g), gg[3 * ROWS];
    points_of(t, v);
    fill(t, g, ROWS * dim, 5);
    fill(t, gg, 3 * (size_t)ROWS, 6);
    void *in[3] = {stored(t, v, 3 * ROWS), stored(t, g, ROWS * dim), stored(t, gg, 3 * ROWS)};
    void *out[4] = {stored(t, NULL, 3 * ROWS), stored(t, NULL, 3 * ROWS),
                    stored(t, NULL, ROWS * dim), stored(t, NULL, ROWS * dim)};
    const e3tp_sh_vectors vectors = {ROWS, in[0], NULL, NULL};
    ck_assert_int_eq(e3tp_sh_backward(p, &vectors, in[1], out[0]), E3TP_OK);
    ck_assert_int_eq(e3tp_sh_double_backward(p, &vectors, in[1], in[2], out[1], out[2]), E3TP_OK);
    ck_assert_int_eq(e3tp_sh_double_backward(p, &vectors, NULL, in[2], NULL, out[3]), E3TP_OK);
    ck_assert_int_eq(memcmp(out[2], out[3], ROWS * dim * es), 0);
    double *gv = read_back(t, out[0], 3 * ROWS), *hv = read_back(t, out[1], 3 * ROWS),
           *hg = read_back(t, out[2], ROWS * dim);
    for (size_t b = 0; b < ROWS; b++)
        check_row(i, t, v + 3 * b, g + b * dim, gg + 3 * b, dim, gv + 3 * b, hv + 3 * b,
                  hg + b * dim);
    free(g), free(gv), free(hv), free(hg), free(out[3]);
    for (int k = 0; k < 3; k++)
        free(in[k]);
    e3tp_sh_destroy(p);
}
END_TEST

/* ---- lengths */

/* The same direction at lengths from subnormal to the end of the range: the same values, and
   derivatives that go as powers of the length. */
START_TEST(lengths)
{
    const e3tp_dtype t = (e3tp_dtype)(_i % 2);
    static const int exponents[2][10] = {
        {0, -149, -140, -126, -80, -41, -40, 41, 63, 124},
        {0, -1074, -1060, -1022, -600, -301, -299, 301, 600, 1020}};
    enum { N = 10 };
    e3tp_sh *p = plan_of(1, t, E3TP_MUL_IR);
    const size_t dim = p->map.dim;
    double v[3 * N];
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 3; k++)
            v[3 * i + k] = ldexp((double[]){3, -5, 7}[k], exponents[t][i]);
    const results got = evaluate(p, v, N);
    for (size_t i = 1; i < N; i++)
        for (size_t k = 0; k < dim; k++) {
            const int e = exponents[t][i];
            ck_assert(got.values[i * dim + k] == got.values[k]);
            for (size_t a = 0; a < 3; a++) {
                const double now = got.jacobian[(3 * i + a) * dim + k],
                             then = got.jacobian[a * dim + k];
                ck_assert(!isnan(now));
                if (e > -126 + 24 && e < 100) /* within a float's range */
                    ck_assert_double_eq(ldexp(now, e), then);
            }
        }
    release(got);
    e3tp_sh_destroy(p);
}
END_TEST

/* An axis in the smallest and the largest number there is: exact values, and zeros that are not
   infinity times zero; the largest is no power of two, its direction rounded. */
START_TEST(axes)
{
    const e3tp_dtype t = (e3tp_dtype)(_i % 2);
    const double ends[2][2] = {{0x1p-149, (double)FLT_MAX}, {0x1p-1074, DBL_MAX}};
    e3tp_sh *p = plan_of(1, t, E3TP_MUL_IR);
    const size_t dim = p->map.dim;
    for (int i = 0; i < 6; i++) {
        double v[6] = {0};
        v[i / 2] = (i % 2 ? -1 : 1), v[3 + i / 2] = v[i / 2] * ends[t][_i / 2];
        const results got = evaluate(p, v, 2);
        for (size_t k = 0; k < dim; k++) {
            ck_assert(got.values[k] == got.values[dim + k]);
            for (size_t a = 0; a < 3; a++)
                if (got.jacobian[a * dim + k] == 0)
                    ck_assert(fabs(got.jacobian[(3 + a) * dim + k]) <=
                              (_i / 2 ? 1e-4 / ends[t][1] : 0));
                else
                    ck_assert(!isnan(got.jacobian[(3 + a) * dim + k]));
        }
        release(got);
    }
    e3tp_sh_destroy(p);
}
END_TEST

/* The origin, with zeros of both signs; NaN reaches what depends on it, infinity is no trap. */
START_TEST(special_vectors)
{
    const int i = _i / 2, N = 4;
    e3tp_sh *p = plan_of(i, (e3tp_dtype)(_i % 2), E3TP_MUL_IR);
    const size_t dim = p->map.dim;
    const double v[] = {0, 0, 0, -0.0, 0, -0.0, NAN, 1, 2, INFINITY, 1, 2};
    const results got = evaluate(p, v, (size_t)N);
    static const double constants[] = {0.28209479177387814, 1, 1};
    for (size_t d = 0, at = 0; d < cases[i].nls; d++)
        for (int l = cases[i].ls[d], k = 0; k <= 2 * l; k++, at++) {
            for (size_t b = 0; b < 2; b++)
                near(got.values[b * dim + at], l ? 0 : constants[cases[i].norm], l ? 0 : 1e-7);
            if (l && cases[i].normalize)
                ck_assert(isnan(got.values[2 * dim + at]));
            if (l == 1 && k == 0)
                ck_assert(isnan(got.values[2 * dim + at]));
            for (size_t a = 0; a < 9; a++) {
                const double first = got.jacobian[(a % 3) * dim + at],
                             second = got.hessian[a * dim + at];
                ck_assert(!isnan(first) && !isnan(second));
                ck_assert((first != 0) == (!cases[i].normalize && l == 1 && (int)(a % 3) == k));
                ck_assert(second == 0 || (!cases[i].normalize && l == 2));
            }
        }
    release(got);
    e3tp_sh_destroy(p);
}
END_TEST

/* ---- memory */

/* What a call gives, as bytes: each output with an element of guard before and behind, `shift`
   elements off its alignment. */
enum { OUTPUTS = 6 };
static const size_t widths[OUTPUTS] = {1, 3, 9, 0, 0, 1}; /* times dim; 0: 3 */

typedef struct memory {
    size_t bytes[OUTPUTS];
    char *block[OUTPUTS], *at[OUTPUTS];
} memory;

static memory memory_of(const e3tp_sh *p, size_t n, size_t shift)
{
    memory m;
    for (int o = 0; o < OUTPUTS; o++) {
        const size_t es = size_of(p->dtype);
        m.bytes[o] = n * es * (widths[o] ? widths[o] * p->map.dim : 3);
        m.block[o] = aligned_alloc(64, (m.bytes[o] + 256) / 64 * 64);
        m.at[o] = m.block[o] + 64 + shift * es;
        memset(m.block[o], 0x5a, m.bytes[o] + 192);
    }
    return m;
}

static void check_guards(const memory *m)
{
    for (int o = 0; o < OUTPUTS; o++)
        for (size_t k = 0; k < m->bytes[o] + 192; k++)
            if (m->block[o] + k < m->at[o] || m->block[o] + k >= m->at[o] + m->bytes[o])
                if (m->block[o][k] != 0x5a)
                    ck_abort_msg("output %d written outside", o);
}

static void forget(memory *m)
{
    for (int o = 0; o < OUTPUTS; o++)
        free(m->block[o]);
}

static void call_all(const e3tp_sh *p, const e3tp_sh_vectors *v, const void *g, const void *gg,
                     bool stream, const memory *m)
{
    const e3tp_sh_call c = {.map = &p->map,
                            .v = *v,
                            .g = g,
                            .gg = gg,
                            .stream = stream,
                            .values = m->at[0],
                            .jacobian = m->at[1],
                            .hessian = m->at[2],
                            .gv = m->at[3]};
    e3tp_sh_call second = c;
    second.gv = m->at[4], second.hg = m->at[5];
    p->kernels->evaluate(&c, 0, v->n);
    p->kernels->backward(&c, 0, v->n);
    p->kernels->double_backward(&second, 0, v->n);
    check_guards(m);
}

/* Element (row, column) of an output of n rows in either layout. */
static const char *element(const e3tp_sh *p, const memory *m, int o, size_t n, size_t row,
                           size_t column)
{
    const size_t es = size_of(p->dtype), width = m->bytes[o] / es / n;
    return m->at[o] + es * (p->map.batch_last ? column * n + row : row * width + column);
}

/* [n][width] to its transpose. */
static void *transposed(e3tp_dtype t, const char *from, size_t n, size_t width)
{
    const size_t es = size_of(t);
    char *to = malloc(n * width * es + 1);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < width; k++)
            memcpy(to + (k * n + i) * es, from + (i * width + k) * es, es);
    return to;
}

enum { BATCH = 67 };

/* Of a batch of N the `n` rows from `from` on, alone, in either layout and from either kind of
   vectors. */
static void check_piece(const e3tp_sh *p[2], const memory *whole, const char *v, const char *g,
                        const char *gg, size_t from, size_t n)
{
    const e3tp_dtype t = p[0]->dtype;
    const size_t es = size_of(t), dim = p[0]->map.dim;
    v += 3 * from * es, gg += 3 * from * es, g += dim * from * es;
    char *parts = transposed(t, v, n, 3), *gt = transposed(t, g, n, dim),
         *ggt = transposed(t, gg, n, 3);
    for (int layout = 0; layout < 2; layout++)
        for (int stream = 0; stream < 2; stream++) {
            const e3tp_sh_vectors rows = {n, v, NULL, NULL},
                                  arrays = {n, parts, parts + n * es, parts + 2 * n * es};
            memory m = memory_of(p[layout], n, n % 16);
            call_all(p[layout], (n + (size_t)layout) % 2 ? &rows : &arrays, layout ? gt : g,
                     layout ? ggt : gg, stream, &m);
            for (int o = 0; o < OUTPUTS; o++)
                for (size_t i = 0; i < n; i++)
                    for (size_t k = 0; k < m.bytes[o] / es / n; k++)
                        if (memcmp(element(p[layout], &m, o, n, i, k),
                                   element(p[0], whole, o, BATCH, from + i, k), es) != 0)
                            ck_abort_msg("output %d of %zu rows from %zu: row %zu, %zu", o, n, from,
                                         i, k);
            forget(&m);
        }
    free(parts), free(gt), free(ggt);
}

START_TEST(same_bits)
{
    const e3tp_dtype t = (e3tp_dtype)(_i % 2);
    const int i = _i / 2;
    e3tp_sh *p[2] = {plan_of(i, t, E3TP_MUL_IR), plan_of(i, t, E3TP_BATCH_LAST)};
    const size_t dim = p[0]->map.dim;
    double v[3 * POINTS], *g = malloc(BATCH * dim * sizeof *g), gg[3 * BATCH];
    points_of(t, v);
    v[30] = v[31] = v[32] = 0;
    fill(t, g, BATCH * dim, 7);
    fill(t, gg, 3 * (size_t)BATCH, 8);
    void *in[3] = {stored(t, v, 3 * BATCH), stored(t, g, BATCH * dim), stored(t, gg, 3 * BATCH)};
    const e3tp_sh_vectors rows = {BATCH, in[0], NULL, NULL};
    memory whole = memory_of(p[0], BATCH, 0);
    call_all(p[0], &rows, in[1], in[2], false, &whole);
    for (size_t n = 1; n <= 33; n += dim > 200 ? 5 : 1)
        check_piece((const e3tp_sh **)p, &whole, in[0], in[1], in[2], n % (BATCH - 33), n);
    forget(&whole);
    for (int k = 0; k < 3; k++)
        free(in[k]);
    free(g);
    e3tp_sh_destroy(p[0]);
    e3tp_sh_destroy(p[1]);
}
END_TEST

int main(int argc, char **argv)
{
    const int found = argc > 1 ? e3tp_tier_find(argv[1]) : -1;
    if (found < 0 || !e3tp_tier_usable((e3tp_tier)found))
        return 77;
    tier = (e3tp_tier)found;
    Suite *suite = suite_create("harmonics");
    TCase *t = tcase_create(argv[1]);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, against_the_definition, 0, 2 * CASES);
    tcase_add_loop_test(t, against_the_scalar, 0, CASES);
    tcase_add_loop_test(t, identities, 0, 4);
    tcase_add_loop_test(t, differences, 2, CASES);
    tcase_add_loop_test(t, products_with_derivatives, 0, 2 * CASES);
    tcase_add_loop_test(t, lengths, 0, 2);
    tcase_add_loop_test(t, axes, 0, 4);
    tcase_add_loop_test(t, special_vectors, 0, 2 * CASES);
    tcase_add_loop_test(t, same_bits, 0, 2 * CASES);
    suite_add_tcase(suite, t);
    SRunner *r = srunner_create(suite);
    srunner_set_fork_status(r, CK_NOFORK); /* the worst errors are gathered */
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    printf("worst error as a share of its bound: values %.2f, derivatives %.2f, %.2f\n", worst[0],
           worst[1], worst[2]);
    return failed != 0;
}
