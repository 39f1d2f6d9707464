/* SPDX-License-Identifier: MIT */
/* Grids for callers on one tier: unfolding and folding against their definition; both maps and
   their transposes against sums over harmonics at the nodes, every kind of grid, layout and size;
   round trips, nodes, equivariance, and the same bits for every batch, place and alignment. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ensure.h"
#include "grid/s2grid.h"
#include "tiers.h"

static e3tp_tier tier;

static double draw(void)
{
    static unsigned state = 11;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 23) - 1;
}

static e3tp_s2grid *plan_of(const e3tp_s2grid_desc *given)
{
    e3tp_s2grid_desc d = *given;
    e3tp_s2grid *g;
    char text[400];
    d.isa = (e3tp_isa)(tier + 1);
    d.threads = 1;
    const e3tp_status s = e3tp_s2grid_create(&g, &d, text, sizeof text);
    ck_assert_msg(s == E3TP_OK, "%s", text);
    ck_assert_str_eq(e3tp_s2grid_isa(g), e3tp_tier_name(tier));
    return g;
}

/* ---- kernels: a point's image has the sign (-1)^(bit 0) in the south, (-1)^(bit 2) at -phi,
   (-1)^(bit 1) at phi + pi */

static const e3tp_fold_kernels_f32 *const f32_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_fold_kernels_f32)};
static const e3tp_fold_kernels_f64 *const f64_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_fold_kernels_f64)};

static int sign_of(int c, int image, int south)
{
    static const int flips[] = {0, 4, 2, 6};
    const int odd = c & (flips[image] | south);
    return ((odd ^ odd >> 1 ^ odd >> 2) & 1) ? -1 : 1;
}

#define KERNEL_CHECKS(real)                                                                        \
    static void check_kernels_##real(const void *kernels, int with_south)                          \
    {                                                                                              \
        enum { T = 64 / sizeof(real), POINTS = 3, LINES = 4 * POINTS };                            \
        const e3tp_fold_kernels_##real *f = kernels;                                               \
        static _Alignas(64) real classes[POINTS * 8 * T], ring[2][LINES * T],                      \
            back[POINTS * 8 * T];                                                                  \
        int32_t at[POINTS][4];                                                                     \
        for (int p = 0; p < POINTS; p++)                                                           \
            for (int i = 0; i < 4; i++)                                                            \
                at[p][i] = p == 2 && i % 2 ? -1 : (4 * p + (i * 3) % 4) * T;                       \
        for (int i = 0; i < POINTS * 8 * T; i++)                                                   \
            classes[i] = (real)(i * 37 % 101 - 50);                                                \
        for (int i = 0; i < LINES * T; i++)                                                        \
            ring[0][i] = ring[1][i] = 777;                                                         \
        f->to_ring(classes, POINTS, (const int32_t(*)[4])at, ring[0],                              \
                   with_south ? ring[1] : NULL);                                                   \
        for (int i = 0; i < POINTS * 4 * T; i++) {                                                 \
            const int p = i / (4 * T), image = i / T % 4, lane = i % T;                            \
            for (int south = 0; south <= with_south; south++) {                                    \
                real sum = 0;                                                                      \
                for (int c = 0; c < 8; c++)                                                        \
                    sum += (real)sign_of(c, image, south) * classes[(8 * p + c) * T + lane];       \
                if (at[p][image] >= 0)                                                             \
                    ck_assert(ring[south][at[p][image] + lane] == sum);                            \
            }                                                                                      \
        }                                                                                          \
        ck_assert(ring[0][(4 * 2 + 3) * T] == 777); /* of no image */                              \
        ck_assert(with_south || ring[1][0] == 777);                                                \
        for (int i = 0; i < LINES * T; i++)                                                        \
            ring[0][i] = (real)(i * 29 % 97 - 48), ring[1][i] = (real)(i * 31 % 89 - 40);          \
        f->from_ring(ring[0], with_south ? ring[1] : NULL, POINTS, (const int32_t(*)[4])at, back); \
        for (int i = 0; i < POINTS * 8 * T; i++) {                                                 \
            const int p = i / (8 * T), c = i / T % 8, lane = i % T;                                \
            real sum = 0;                                                                          \
            for (int image = 0; image < 4; image++)                                                \
                for (int south = 0; south <= with_south && at[p][image] >= 0; south++)             \
                    sum += (real)sign_of(c, image, south) * ring[south][at[p][image] + lane];      \
            ck_assert(back[i] == sum);                                                             \
        }                                                                                          \
    }
typedef float f32;
typedef double f64;
KERNEL_CHECKS(f32)
KERNEL_CHECKS(f64)

START_TEST(kernels)
{
    check_kernels_f32(f32_tiers[tier], _i);
    check_kernels_f64(f64_tiers[tier], _i);
}
END_TEST

/* ---- whole maps against the definition */

typedef struct grid_case {
    int l[6];
    size_t n, channels;
    int n_theta, n_phi;
    e3tp_quadrature quadrature;
    int half_offset;
    e3tp_sh_norm normalization;
    int lmax_in;
    e3tp_layout layout, layout_samples;
    size_t batch, batch_hint;
} grid_case;

#define GL E3TP_GAUSS_LEGENDRE
#define EQ E3TP_EQUIANGULAR
#define LE E3TP_LEBEDEV
static const grid_case cases[] = {
    {{0}, 1, 1, 1, 1, GL, 0, E3TP_SH_COMPONENT, -1, E3TP_MUL_IR, E3TP_MUL_IR, 3, 0},
    {{0, 1}, 2, 1, 2, 2, GL, 0, E3TP_SH_COMPONENT, -1, E3TP_MUL_IR, E3TP_MUL_IR, 17, 0},
    {{0, 1}, 2, 1, 2, 2, EQ, 1, E3TP_SH_NORM, -1, E3TP_MUL_IR, E3TP_MUL_IR, 5, 0},
    {{0, 1, 2, 3}, 4, 1, 8, 7, EQ, 0, E3TP_SH_COMPONENT, -1, E3TP_MUL_IR, E3TP_MUL_IR, 40, 0},
    {{0, 1, 2, 3}, 4, 5, 8, 7, EQ, 0, E3TP_SH_COMPONENT, 5, E3TP_MUL_IR, E3TP_MUL_IR, 4, 0},
    {{0, 1, 2}, 3, 16, 5, 8, GL, 0, E3TP_SH_NORM, 3, E3TP_IR_MUL, E3TP_MUL_IR, 3, 0},
    {{0, 1, 2}, 3, 16, 5, 8, GL, 1, E3TP_SH_INTEGRAL, -1, E3TP_MUL_IR, E3TP_IR_MUL, 3, 0},
    {{0, 1, 2}, 3, 19, 5, 6, GL, 0, E3TP_SH_INTEGRAL, 2, E3TP_IR_MUL, E3TP_IR_MUL, 2, 0},
    {{0, 1, 2}, 3, 3, 4, 6, GL, 1, E3TP_SH_COMPONENT, -1, E3TP_BATCH_LAST, E3TP_BATCH_LAST, 21, 0},
    {{0, 1, 2}, 3, 3, 4, 10, GL, 1, E3TP_SH_NORM, -1, E3TP_BATCH_LAST, E3TP_MUL_IR, 18, 0},
    {{2, 5}, 2, 2, 6, 9, GL, 1, E3TP_SH_COMPONENT, -1, E3TP_MUL_IR, E3TP_BATCH_LAST, 7, 0},
    {{1, 4, 6}, 3, 1, 3, 5, GL, 0, E3TP_SH_COMPONENT, -1, E3TP_MUL_IR, E3TP_MUL_IR, 2, 0},
    {{4, 7, 9}, 3, 7, 12, 20, EQ, 0, E3TP_SH_COMPONENT, -1, E3TP_IR_MUL, E3TP_MUL_IR, 3, 2},
    {{0, 3, 8, 12}, 4, 1, 25, 27, EQ, 1, E3TP_SH_NORM, 12, E3TP_MUL_IR, E3TP_MUL_IR, 9, 0},
    {{0, 12, 24}, 3, 2, 25, 52, GL, 0, E3TP_SH_INTEGRAL, -1, E3TP_MUL_IR, E3TP_MUL_IR, 3, 0},
    {{23, 24}, 2, 1, 7, 4, GL, 0, E3TP_SH_NORM, -1, E3TP_MUL_IR, E3TP_MUL_IR, 2, 0},
    {{0}, 1, 1, 90, 61, EQ, 0, E3TP_SH_COMPONENT, -1, E3TP_MUL_IR, E3TP_MUL_IR, 2, 0},
    {{1}, 1, 33, 131, 4, GL, 1, E3TP_SH_COMPONENT, -1, E3TP_MUL_IR, E3TP_MUL_IR, 1, 0},
    {{0}, 1, 1, 6, 1, LE, 0, E3TP_SH_COMPONENT, -1, E3TP_MUL_IR, E3TP_MUL_IR, 3, 0},
    {{0, 1, 2, 3}, 4, 1, 26, 1, LE, 1, E3TP_SH_COMPONENT, -1, E3TP_MUL_IR, E3TP_MUL_IR, 40, 0},
    {{0, 1, 2}, 3, 16, 14, 1, LE, 0, E3TP_SH_NORM, 3, E3TP_IR_MUL, E3TP_MUL_IR, 3, 0},
    {{1, 2}, 2, 19, 38, 1, LE, 0, E3TP_SH_INTEGRAL, 2, E3TP_MUL_IR, E3TP_IR_MUL, 2, 0},
    {{0, 3, 4}, 3, 3, 74, 1, LE, 0, E3TP_SH_NORM, -1, E3TP_BATCH_LAST, E3TP_BATCH_LAST, 21, 0},
    {{2, 5}, 2, 2, 146, 1, LE, 0, E3TP_SH_COMPONENT, -1, E3TP_MUL_IR, E3TP_BATCH_LAST, 7, 0},
    {{0, 1, 12, 24},
     4,
     2,
     302,
     1,
     LE,
     0,
     E3TP_SH_COMPONENT,
     -1,
     E3TP_BATCH_LAST,
     E3TP_MUL_IR,
     3,
     0},
};
enum { CASES = sizeof cases / sizeof *cases };

static e3tp_s2grid_desc desc_of(const grid_case *c, e3tp_dtype dtype)
{
    e3tp_s2grid_desc d = e3tp_s2grid_desc_init(c->l, c->n);
    d.channels = c->channels;
    d.n_theta = c->n_theta, d.n_phi = c->n_phi;
    d.quadrature = c->quadrature;
    d.half_offset = c->half_offset;
    d.normalization = c->normalization;
    d.lmax_in = c->lmax_in;
    d.layout = c->layout, d.layout_samples = c->layout_samples;
    d.dtype = dtype;
    d.batch_hint = c->batch_hint;
    return d;
}

/* Element of a row as MUL_IR has it (block, u, m), in an operand of the layout: a block begins at
   `first` components of a channel and has d. */
static size_t place(e3tp_layout layout, size_t width, size_t batch, size_t C, size_t first,
                    size_t d, size_t b, size_t u, size_t m)
{
    if (layout == E3TP_MUL_IR)
        return b * width + C * first + u * d + m;
    if (layout == E3TP_IR_MUL)
        return b * width + (first + m) * C + u;
    return ((first + m) * C + u) * batch + b;
}

/* Calls fn(ctx, element of a MUL_IR row, element of the operand) for all of row b. */
typedef void each_fn(double *row, double *operand);
static void gather(double *row, double *operand)
{
    *row = *operand;
}
static void scatter(double *row, double *operand)
{
    *operand = *row;
}

static void each_coefficient(const e3tp_s2grid_desc *d, size_t width, size_t batch, size_t b,
                             each_fn *fn, double *row, double *operand)
{
    for (size_t i = 0, first = 0, at = 0; i < d->n; first += 2 * (size_t)d->l[i++] + 1)
        for (size_t u = 0; u < d->channels; u++)
            for (size_t m = 0; m <= 2 * (size_t)d->l[i]; m++)
                fn(&row[at++], &operand[place(d->layout, width, batch, d->channels, first,
                                              2 * (size_t)d->l[i] + 1, b, u, m)]);
}

static void each_sample(const e3tp_s2grid_desc *d, size_t width, size_t batch, size_t b,
                        each_fn *fn, double *row, double *operand)
{
    const size_t all = width / d->channels;
    for (size_t at = 0; at < width; at++)
        fn(&row[at], &operand[place(d->layout_samples, width, batch, d->channels, 0, all, b,
                                    at / all, at % all)]);
}

typedef e3tp_status map_fn(const e3tp_s2grid *g, size_t batch, const void *in, void *out,
                           void *work);
static map_fn *const maps[2][2] = {{e3tp_s2grid_to_backward, e3tp_s2grid_to},
                                   {e3tp_s2grid_from, e3tp_s2grid_from_backward}};

/* A call in the plan's dtype, with arrays in double. */
static void call(const e3tp_s2grid *g, map_fn *map, size_t batch, size_t nin, const double *in,
                 size_t nout, double *out)
{
    if (g->dtype == E3TP_F64) {
        ck_assert_int_eq(map(g, batch, in, out, NULL), E3TP_OK);
        return;
    }
    float *memory = malloc((nin + nout) * sizeof *memory);
    for (size_t i = 0; i < nin; i++)
        memory[i] = (float)in[i];
    ck_assert_int_eq(map(g, batch, memory, memory + nin, NULL), E3TP_OK);
    for (size_t i = 0; i < nout; i++)
        out[i] = (double)memory[nin + i];
    free(memory);
}

static double *numbers(size_t n)
{
    double *v = malloc((n + 1) * sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i] = (double)(float)draw();
    return v;
}

/* Each term is off by the harmonic's 2 (L+1) eps and a few for scale, weight and product; adding n
   terms and unfolding by n eps of their sizes. */
static double bound_of(const e3tp_s2grid_desc *d, bool synthesis, size_t components, size_t samples)
{
    const int lmax = d->l[d->n - 1];
    return (2 * (lmax + 1) + 8 + (double)(synthesis ? components : samples)) *
           (d->dtype == E3TP_F64 ? DBL_EPSILON : FLT_EPSILON);
}

START_TEST(against_the_definition)
{
    const grid_case *c = &cases[_i / 8];
    const e3tp_s2grid_map map = (e3tp_s2grid_map)(_i / 2 % 2);
    const bool synthesis = _i / 4 % 2;
    const e3tp_s2grid_desc d = desc_of(c, (e3tp_dtype)(_i % 2));
    e3tp_s2grid *g = plan_of(&d);
    const size_t width[2] = {e3tp_s2grid_samples(g), e3tp_s2grid_width(g)};
    const size_t nin = width[synthesis], nout = width[!synthesis], batch = c->batch;
    double *in = numbers(nin * batch), *out = numbers(nout * batch), *row = numbers(nin),
           *expected = numbers(nout), *size = numbers(nout), *came = numbers(nout);
    call(g, maps[map][synthesis], batch, nin * batch, in, nout * batch, out);
    const double bound = bound_of(&d, synthesis, g->components, width[0] / c->channels);
    for (size_t b = 0; b < batch; b++) {
        (synthesis ? each_coefficient : each_sample)(&d, nin, batch, b, gather, row, in);
        (synthesis ? each_sample : each_coefficient)(&d, nout, batch, b, gather, came, out);
        e3tp_s2grid_reference(&d, map, synthesis, row, expected, size);
        for (size_t i = 0; i < nout; i++)
            ensure(fabs(came[i] - expected[i]) <= bound * size[i],
                   "case %d, row %zu, element %zu: %.17g, expected %.17g", _i, b, i, came[i],
                   expected[i]);
    }
    free(in), free(out), free(row), free(expected), free(size), free(came);
    e3tp_s2grid_destroy(g);
}
END_TEST

/* scatter is the reverse of gather, so that the layouts above cover every element once. */
START_TEST(layouts)
{
    const grid_case *c = &cases[_i];
    const e3tp_s2grid_desc d = desc_of(c, E3TP_F64);
    e3tp_s2grid *g = plan_of(&d);
    const size_t width = e3tp_s2grid_width(g);
    double *row = numbers(width), *operand = calloc(width * c->batch + 1, sizeof *operand);
    for (size_t i = 0; i < width; i++)
        row[i] = 1;
    for (size_t b = 0; b < c->batch; b++)
        each_coefficient(&d, width, c->batch, b, scatter, row, operand);
    for (size_t i = 0; i < width * c->batch; i++)
        ck_assert(operand[i] == 1);
    free(row), free(operand);
    e3tp_s2grid_destroy(g);
}
END_TEST

/* ---- round trips */

enum { ROUND_L = 6 };

/* Largest error of from(to(x)), of columns of the identity, to degree lmax. */
static double round_trip(int lmax, e3tp_quadrature q, int n_theta, int n_phi, int half,
                         e3tp_sh_norm norm)
{
    int l[ROUND_L + 1];
    for (int i = 0; i <= lmax; i++)
        l[i] = i;
    e3tp_s2grid_desc d = e3tp_s2grid_desc_init(l, (size_t)lmax + 1);
    d.quadrature = q, d.n_theta = n_theta, d.n_phi = n_phi, d.half_offset = half;
    d.normalization = norm;
    d.dtype = E3TP_F64;
    e3tp_s2grid *g = plan_of(&d);
    const size_t n = e3tp_s2grid_width(g), samples = e3tp_s2grid_samples(g);
    double *x = calloc(n * n, sizeof *x), *f = numbers(n * samples), *y = numbers(n * n), worst = 0;
    for (size_t i = 0; i < n; i++)
        x[i * n + i] = 1;
    ck_assert_int_eq(e3tp_s2grid_to(g, n, x, f, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_s2grid_from(g, n, f, y, NULL), E3TP_OK);
    for (size_t i = 0; i < n * n; i++)
        worst = fmax(worst, fabs(x[i] - y[i]));
    free(x), free(f), free(y);
    e3tp_s2grid_destroy(g);
    return worst;
}

/* The grid that a plan chooses returns what went in; one ring or one column less does not. */
START_TEST(round_trips)
{
    for (int lmax = 1; lmax <= ROUND_L; lmax++)
        for (int half = 0; half < 2; half++) {
            const e3tp_quadrature q = (e3tp_quadrature)_i;
            const int n_theta = q == GL ? lmax + 1 : 2 * lmax + 1, n_phi = 2 * lmax + 1;
            for (int norm = 0; norm < 3; norm++)
                ck_assert_double_le(round_trip(lmax, q, 0, 0, half, (e3tp_sh_norm)norm), 2e-14);
            ck_assert_double_le(round_trip(lmax, q, n_theta, n_phi, half, E3TP_SH_NORM), 2e-14);
            ck_assert_double_le(round_trip(lmax, q, n_theta + 3, n_phi + 1, half, E3TP_SH_NORM),
                                2e-14);
            ck_assert_double_ge(round_trip(lmax, q, n_theta - 1, n_phi, half, E3TP_SH_NORM), 1e-3);
            ck_assert_double_ge(round_trip(lmax, q, n_theta, n_phi - 1, half, E3TP_SH_NORM), 1e-3);
        }
}
END_TEST

/* Lebedev's: the rule that a plan chooses, and the one before it. */
START_TEST(round_trips_at_points)
{
    for (int lmax = 1; 2 * lmax <= E3TP_LEBEDEV_DEGREE && lmax <= ROUND_L; lmax++) {
        const int n = (int)e3tp_lebedev_count(2 * lmax);
        int degree = 2 * lmax - 1;
        while (degree > 0 && (int)e3tp_lebedev_count(degree) == n)
            degree--;
        ck_assert_double_le(round_trip(lmax, LE, 0, 0, 0, E3TP_SH_COMPONENT), 2e-14);
        ck_assert_double_le(round_trip(lmax, LE, n, 1, 1, E3TP_SH_NORM), 2e-14);
        if (degree > 0)
            ck_assert_double_ge(
                round_trip(lmax, LE, (int)e3tp_lebedev_count(degree), 1, 0, E3TP_SH_NORM), 1e-3);
    }
}
END_TEST

/* ---- nodes: polynomials of the stated degree are integrated exactly, of the next one not */

static double worst_integral(e3tp_quadrature q, int n_theta, int n_phi, int half, int degree)
{
    double *xyz = numbers(3 * (size_t)(n_theta * n_phi)), *w = numbers((size_t)(n_theta * n_phi));
    ck_assert_int_eq(e3tp_s2grid_nodes(q, n_theta, n_phi, half, xyz, w), E3TP_OK);
    double worst = 0;
    for (int l = 0; l <= degree; l++) {
        double Y[2 * 48 + 1], sum[2 * 48 + 1] = {0};
        for (int p = 0; p < n_theta * n_phi; p++) {
            ck_assert_double_le(fabs(xyz[3 * p] * xyz[3 * p] + xyz[3 * p + 1] * xyz[3 * p + 1] +
                                     xyz[3 * p + 2] * xyz[3 * p + 2] - 1),
                                1e-15);
            ck_assert(w[p] > 0);
            ck_assert_int_eq(e3tp_sh_eval(&l, 1, 0, E3TP_SH_NORM, xyz + 3 * p, 1, Y, NULL),
                             E3TP_OK);
            for (int m = 0; m <= 2 * l; m++)
                sum[m] += w[p] * Y[m];
        }
        for (int m = 0; m <= 2 * l; m++)
            worst = fmax(worst, fabs(sum[m] - (l == 0)));
    }
    free(xyz), free(w);
    return worst;
}

START_TEST(nodes)
{
    const int half = _i;
    for (int n = 1; n < 8; n++) {
        const int gauss = 2 * n - 1, equal = n - 1 + n % 2; /* of odd n one more, by symmetry */
        ck_assert_double_le(worst_integral(GL, n, 2 * n, half, gauss), 1e-14);
        ck_assert_double_ge(worst_integral(GL, n, 2 * n + 1, half, gauss + 1), 1e-3);
        ck_assert_double_ge(worst_integral(GL, n + 1, 2 * n, half, gauss + 1), 1e-3);
        ck_assert_double_le(worst_integral(EQ, n, n + 1, half, equal), 1e-14);
        ck_assert_double_ge(worst_integral(EQ, n, n + 2, half, equal + 1), 1e-4);
    }
}
END_TEST

/* ---- equivariance: the square of a function, on an exact grid, turns with it */

enum { SQUARE_L = 3, SQUARE_N = 16 };

/* z = from(to(x)^2). */
static void square(const e3tp_s2grid *g, const double *x, double *z)
{
    const size_t samples = e3tp_s2grid_samples(g);
    double *f = numbers(samples);
    ck_assert_int_eq(e3tp_s2grid_to(g, 1, x, f, NULL), E3TP_OK);
    for (size_t i = 0; i < samples; i++)
        f[i] *= f[i];
    ck_assert_int_eq(e3tp_s2grid_from(g, 1, f, z, NULL), E3TP_OK);
    free(f);
}

static void turn(const double angles[3], const double *x, double *y)
{
    for (int l = 0; l <= SQUARE_L; l++) {
        double D[(2 * SQUARE_L + 1) * (2 * SQUARE_L + 1)];
        const int d = 2 * l + 1;
        ck_assert_int_eq(e3tp_wigner_D(l, angles[0], angles[1], angles[2], D), E3TP_OK);
        for (int i = 0; i < d; i++) {
            y[l * l + i] = 0;
            for (int k = 0; k < d; k++)
                y[l * l + i] += D[i * d + k] * x[l * l + k];
        }
    }
}

static double square_error(e3tp_quadrature q, int n_theta, int n_phi)
{
    static const int l[] = {0, 1, 2, 3};
    e3tp_s2grid_desc d = e3tp_s2grid_desc_init(l, 4);
    d.quadrature = q, d.n_theta = n_theta, d.n_phi = n_phi;
    d.dtype = E3TP_F64;
    e3tp_s2grid *g = plan_of(&d);
    double worst = 0, x[SQUARE_N], turned[SQUARE_N], z[SQUARE_N], then[SQUARE_N], first[SQUARE_N];
    for (int trial = 0; trial < 5; trial++) {
        const double angles[3] = {3 * draw(), 1.5 + 1.5 * draw(), 3 * draw()};
        for (int i = 0; i < SQUARE_N; i++)
            x[i] = draw();
        square(g, x, z);
        turn(angles, z, then);
        turn(angles, x, turned);
        square(g, turned, first);
        for (int i = 0; i < SQUARE_N; i++)
            worst = fmax(worst, fabs(first[i] - then[i]));
    }
    e3tp_s2grid_destroy(g);
    return worst;
}

/* Points and weights are those of e3tp_lebedev, in its order. */
START_TEST(nodes_at_points)
{
    for (int degree = 3; degree <= E3TP_LEBEDEV_DEGREE; degree += 4) {
        const size_t n = e3tp_lebedev_count(degree);
        double *xyz = numbers(3 * n), *w = numbers(n), *others = numbers(3 * n), *v = numbers(n);
        ck_assert_int_eq(e3tp_lebedev(degree, xyz, w), E3TP_OK);
        ck_assert_int_eq(e3tp_s2grid_nodes(LE, (int)n, 1, 0, others, v), E3TP_OK);
        ck_assert_mem_eq(xyz, others, 3 * n * sizeof *xyz);
        ck_assert_mem_eq(w, v, n * sizeof *w);
        free(xyz), free(w), free(others), free(v);
    }
}
END_TEST

START_TEST(equivariance)
{
    const int lmax[2] = {SQUARE_L, SQUARE_L};
    int n_theta, n_phi;
    ck_assert_int_eq(e3tp_grid_size(lmax, 2, SQUARE_L, GL, &n_theta, &n_phi), E3TP_OK);
    ck_assert_double_le(square_error(GL, n_theta, n_phi), 1e-13);
    ck_assert_double_ge(square_error(GL, n_theta - 1, n_phi), 1e-3);
    ck_assert_double_ge(square_error(GL, n_theta, n_phi - 1), 1e-3);
    const int degree = 3 * SQUARE_L;
    ck_assert_double_le(square_error(LE, (int)e3tp_lebedev_count(degree), 1), 1e-13);
    ck_assert_double_ge(square_error(LE, (int)e3tp_lebedev_count(degree - 2), 1), 1e-3);
}
END_TEST

/* ---- the same bits */

START_TEST(same_bits)
{
    enum { BATCH = 37 };
    const grid_case *c = &cases[_i / 8];
    const bool synthesis = _i / 2 % 2;
    map_fn *map = maps[_i / 4 % 2][synthesis];
    e3tp_s2grid_desc d = desc_of(c, (e3tp_dtype)(_i % 2));
    d.layout = d.layout == E3TP_BATCH_LAST ? E3TP_IR_MUL : d.layout;
    d.layout_samples = d.layout_samples == E3TP_BATCH_LAST ? E3TP_IR_MUL : d.layout_samples;
    e3tp_s2grid *g = plan_of(&d);
    const size_t es = d.dtype == E3TP_F64 ? 8 : 4,
                 width[2] = {e3tp_s2grid_samples(g) * es, e3tp_s2grid_width(g) * es};
    const size_t nin = width[synthesis], nout = width[!synthesis];
    char *in = malloc(BATCH * nin + 64), *out = malloc(BATCH * nout),
         *part = malloc(BATCH * nout + 64);
    for (size_t i = 0; i < BATCH * nin / es; i++) {
        const double v = draw();
        const float v32 = (float)v;
        memcpy(in + i * es, es == 8 ? (const void *)&v : (const void *)&v32, es);
    }
    ck_assert_int_eq(map(g, BATCH, in, out, NULL), E3TP_OK);
    for (size_t first = 0; first < 20; first += 3) {
        const size_t n = 1 + first * 16 / 19, shift = (first % 5) * es;
        memmove(in + shift, in, BATCH * nin);
        ck_assert_int_eq(map(g, n, in + shift + first * nin, part + shift, NULL), E3TP_OK);
        ck_assert_int_eq(memcmp(part + shift, out + first * nout, n * nout), 0);
        memmove(in, in + shift, BATCH * nin);
    }
    free(in), free(out), free(part);
    e3tp_s2grid_destroy(g);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *t = tcase_create("s2grid");
    tcase_add_loop_test(t, kernels, 0, 2);
    tcase_add_loop_test(t, against_the_definition, 0, 8 * CASES);
    tcase_add_loop_test(t, layouts, 0, CASES);
    tcase_add_loop_test(t, round_trips, 0, 2);
    tcase_add_test(t, round_trips_at_points);
    tcase_add_loop_test(t, nodes, 0, 2);
    tcase_add_test(t, nodes_at_points);
    tcase_add_test(t, equivariance);
    tcase_add_loop_test(t, same_bits, 0, 8 * CASES);
    return run_case(t, "s2grid");
}
