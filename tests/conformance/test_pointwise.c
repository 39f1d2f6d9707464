/* SPDX-License-Identifier: MIT */
/* Grids for pointwise functions: the predicted error of equivariance against the measured one, of
   random signals under random rotations; the proposed grid meets its tolerance, smaller ones do
   not; polynomials have the exact grid of a product of as many factors. */
#include <math.h>

#include "e3tp/grid.h"
#include "suite.h"

static e3tp_isa tier;

enum { LMAX = 5, N = (LMAX + 1) * (LMAX + 1), ROWS = 1500 };

static double uniform(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (double)(state >> 11) / 9007199254740992.0;
}

static const double pi = 3.14159265358979323846;

static double gaussian(void)
{
    const double u = 1 - uniform(), v = uniform();
    return sqrt(-2 * log(u)) * cos(2 * pi * v);
}

static double silu(double x, void *ctx)
{
    (void)ctx;
    return x / (1 + exp(-x));
}

static double hyperbolic(double x, void *ctx)
{
    (void)ctx;
    return tanh(x);
}

static double modulus(double x, void *ctx)
{
    (void)ctx;
    return fabs(x);
}

/* sum of x^k with the coefficients ctx [4] */
static double polynomial(double x, void *ctx)
{
    const double *c = ctx;
    return c[0] + x * (c[1] + x * (c[2] + x * c[3]));
}

typedef struct problem {
    e3tp_pointwise_fn phi;
    double coefficients[4], sigma;
    int lmax, lmax_out;
    e3tp_quadrature q;
    double tolerance;
    double off; /* by how much the prediction may be, as a factor */
} problem;

/* Means over 1500 signals scatter by a few per cent. */
static const problem problems[] = {
    {silu, {0}, 1, 3, 3, E3TP_GAUSS_LEGENDRE, 1e-2, 1.15},
    {silu, {0}, 1, 3, 1, E3TP_EQUIANGULAR, 1e-3, 1.15},
    {silu, {0}, 2.5, 2, 4, E3TP_GAUSS_LEGENDRE, 1e-3, 1.15},
    {silu, {0}, 1, 1, 2, E3TP_GAUSS_LEGENDRE, 1e-3, 1.25},
    {hyperbolic, {0}, 1, 4, 4, E3TP_GAUSS_LEGENDRE, 1e-2, 1.15},
    {hyperbolic, {0}, 0.5, 5, 2, E3TP_EQUIANGULAR, 1e-3, 1.25},
    {modulus, {0}, 1, 3, 3, E3TP_GAUSS_LEGENDRE, 2e-2, 1.15},
    {modulus, {0}, 1, 2, 2, E3TP_GAUSS_LEGENDRE, 2e-3, 1.25},
    {polynomial, {1, 2, -3, 0}, 1, 4, 3, E3TP_GAUSS_LEGENDRE, 1e-3, 1.25},
};

/* A plan of degrees 0..lmax on a grid, in double. */
static e3tp_s2grid *plan_of(const problem *p, int lmax, e3tp_sh_norm norm, int n_theta, int n_phi)
{
    int l[LMAX + 1];
    char text[400];
    for (int i = 0; i <= lmax; i++)
        l[i] = i;
    e3tp_s2grid_desc d = e3tp_s2grid_desc_init(l, (size_t)lmax + 1);
    d.quadrature = p->q, d.n_theta = n_theta, d.n_phi = n_phi;
    d.normalization = norm;
    d.dtype = E3TP_F64, d.isa = tier;
    e3tp_s2grid *g;
    ck_assert_msg(e3tp_s2grid_create(&g, &d, text, sizeof text) == E3TP_OK, "%s", text);
    return g;
}

/* z of ROWS signals x: for orthonormal harmonics, so that the sum of squares is that on the sphere.
 */
static void apply(const problem *p, int n_theta, int n_phi, const double *x, double *z)
{
    e3tp_s2grid *to = plan_of(p, p->lmax, E3TP_SH_COMPONENT, n_theta, n_phi),
                *from = plan_of(p, p->lmax_out, E3TP_SH_INTEGRAL, n_theta, n_phi);
    const size_t samples = ROWS * e3tp_s2grid_samples(to);
    double *f = malloc(samples * sizeof *f);
    ck_assert_int_eq(e3tp_s2grid_to(to, ROWS, x, f, NULL), E3TP_OK);
    for (size_t i = 0; i < samples; i++)
        f[i] = p->phi(f[i], (void *)p->coefficients);
    ck_assert_int_eq(e3tp_s2grid_from(from, ROWS, f, z, NULL), E3TP_OK);
    free(f);
    e3tp_s2grid_destroy(to);
    e3tp_s2grid_destroy(from);
}

static void turn(int lmax, const double angles[3], const double *x, double *y)
{
    for (int l = 0; l <= lmax; l++) {
        double D[(2 * LMAX + 1) * (2 * LMAX + 1)];
        const int d = 2 * l + 1;
        ck_assert_int_eq(e3tp_wigner_D(l, angles[0], angles[1], angles[2], D), E3TP_OK);
        for (int i = 0; i < d; i++) {
            y[l * l + i] = 0;
            for (int k = 0; k < d; k++)
                y[l * l + i] += D[i * d + k] * x[l * l + k];
        }
    }
}

/* The error of equivariance over ROWS signals and rotations, root mean square, relative. */
static double measure(const problem *p, int n_theta, int n_phi)
{
    const int n = (p->lmax + 1) * (p->lmax + 1), n_out = (p->lmax_out + 1) * (p->lmax_out + 1);
    static double x[ROWS * N], turned[ROWS * N], z[ROWS * N], first[ROWS * N], angles[ROWS][3];
    double error = 0, size = 0;
    for (int b = 0; b < ROWS; b++) {
        angles[b][0] = 2 * pi * uniform();
        angles[b][1] = acos(2 * uniform() - 1);
        angles[b][2] = 2 * pi * uniform();
        for (int i = 0; i < n; i++)
            x[b * n + i] = p->sigma * gaussian();
        turn(p->lmax, angles[b], x + b * n, turned + b * n);
    }
    apply(p, n_theta, n_phi, x, z);
    apply(p, n_theta, n_phi, turned, first);
    for (int b = 0; b < ROWS; b++) {
        double then[N];
        turn(p->lmax_out, angles[b], z + b * n_out, then);
        for (int i = 0; i < n_out; i++) {
            const double d = first[b * n_out + i] - then[i];
            error += d * d;
            size += then[i] * then[i];
        }
    }
    return sqrt(error / size);
}

static double predict(const problem *p, int n_theta, int n_phi)
{
    double e = -1;
    ck_assert_int_eq(e3tp_s2grid_error_pointwise(p->phi, (void *)p->coefficients, p->sigma, p->lmax,
                                                 p->lmax_out, p->q, n_theta, n_phi, &e),
                     E3TP_OK);
    return e;
}

/* Predicted and measured, alike but for the allowed factor; returns the measured. */
static double check(const problem *p, int n_theta, int n_phi)
{
    const double expected = predict(p, n_theta, n_phi), came = measure(p, n_theta, n_phi);
    ck_assert_msg(came <= p->off * expected && came * p->off >= expected,
                  "%d x %d: measured %g, predicted %g", n_theta, n_phi, came, expected);
    return came;
}

START_TEST(proposals)
{
    const problem *p = &problems[_i];
    int n_theta, n_phi;
    double e;
    ck_assert_int_eq(e3tp_s2grid_size_pointwise(p->phi, (void *)p->coefficients, p->sigma, p->lmax,
                                                p->lmax_out, p->q, p->tolerance, &n_theta, &n_phi,
                                                &e),
                     E3TP_OK);
    ck_assert_double_le(e, p->tolerance);
    ck_assert_double_eq_tol(e, predict(p, n_theta, n_phi), 1e-15);
    if (e > 1e-6)
        ck_assert_double_le(check(p, n_theta, n_phi), p->off * p->tolerance);
    else
        ck_assert_double_le(measure(p, n_theta, n_phi), 1e-12); /* exact */
    /* One ring less, or one sample of each, does not do. */
    ck_assert_double_gt(predict(p, n_theta - 1, n_phi), p->tolerance);
    ck_assert_double_gt(predict(p, n_theta, n_phi - 1), p->tolerance);
    ck_assert_double_gt(p->off * check(p, n_theta - 2, n_phi), p->tolerance);
    ck_assert_double_gt(p->off * check(p, n_theta, n_phi - 2), p->tolerance);
}
END_TEST

static double relu(double x, void *ctx)
{
    return *(const double *)ctx * (x > 0 ? x : 0);
}

/* The error is relative: as large for functions whose squares overflow or vanish. */
START_TEST(any_scale)
{
    static const double scales[] = {1, 1e160, 1e300, 1e-160, 1e-290};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        double of[2], scale = scales[i], one = 1;
        ck_assert_int_eq(
            e3tp_s2grid_error_pointwise(relu, &scale, 1, 2, 2, E3TP_GAUSS_LEGENDRE, 5, 7, &of[0]),
            E3TP_OK);
        ck_assert_int_eq(
            e3tp_s2grid_error_pointwise(relu, &one, scale, 2, 2, E3TP_GAUSS_LEGENDRE, 5, 7, &of[1]),
            E3TP_OK);
        ck_assert_double_gt(of[0], 1e-3);
        ck_assert_double_eq_tol(of[0], of[1], 1e-12 * of[0]);
    }
}
END_TEST

/* A polynomial of order k, on the grid of k factors. */
START_TEST(polynomials)
{
    const int order = 1 + _i % 3, lmax = 1 + _i / 3 % 4, lmax_out = 1 + _i % 2;
    problem p = {polynomial, {0.5}, 1, lmax, lmax_out, E3TP_GAUSS_LEGENDRE, 1e-5, 1};
    const int factors[] = {lmax, lmax, lmax};
    int n_theta, n_phi, exact_theta, exact_phi;
    for (int k = 1; k <= order; k++)
        p.coefficients[k] = 1;
    for (int q = 0; q < 2; q++) {
        ck_assert_int_eq(e3tp_grid_size(factors, (size_t)order, lmax_out, (e3tp_quadrature)q,
                                        &exact_theta, &exact_phi),
                         E3TP_OK);
        ck_assert_int_eq(e3tp_s2grid_size_pointwise(polynomial, p.coefficients, 1, lmax, lmax_out,
                                                    (e3tp_quadrature)q, 1e-5, &n_theta, &n_phi,
                                                    NULL),
                         E3TP_OK);
        /* else e3tp_grid_size leaves out degrees that meet nothing */
        if (lmax_out <= order * lmax && lmax <= (order - 1) * lmax + lmax_out) {
            ck_assert_int_eq(n_theta, exact_theta);
            ck_assert_int_eq(n_phi, exact_phi);
        }
    }
}
END_TEST

static double broken(double x, void *ctx)
{
    (void)ctx;
    return x > 3 ? INFINITY : x;
}

static double nothing(double x, void *ctx)
{
    (void)ctx;
    return 0 * x;
}

START_TEST(misuse)
{
    int t = 5, f = 5;
    double e = 5;
    const e3tp_quadrature gl = E3TP_GAUSS_LEGENDRE;
#define SIZE(phi, sigma, l, out, q, tolerance) \
    e3tp_s2grid_size_pointwise(phi, NULL, sigma, l, out, q, tolerance, &t, &f, &e)
#define ERROR(phi, sigma, l, out, q, n_theta, n_phi) \
    e3tp_s2grid_error_pointwise(phi, NULL, sigma, l, out, q, n_theta, n_phi, &e)
    const e3tp_status sizes[] = {
        SIZE(NULL, 1, 2, 2, gl, 0.1),
        SIZE(silu, 0, 2, 2, gl, 0.1),
        SIZE(silu, NAN, 2, 2, gl, 0.1),
        SIZE(silu, INFINITY, 2, 2, gl, 0.1),
        SIZE(silu, 1, -1, 2, gl, 0.1),
        SIZE(silu, 1, 25, 2, gl, 0.1),
        SIZE(silu, 1, 2, -1, gl, 0.1),
        SIZE(silu, 1, 2, 25, gl, 0.1),
        SIZE(silu, 1, 2, 2, (e3tp_quadrature)2, 0.1),
        SIZE(silu, 1, 2, 2, gl, 9e-6),
        SIZE(silu, 1, 2, 2, gl, 2),
        SIZE(silu, 1, 2, 2, gl, NAN),
        SIZE(broken, 1, 2, 2, gl, 0.1),
    };
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        ck_assert_msg(sizes[i] == E3TP_E_INVALID, "%zu", i);
    ck_assert(t == 0 && f == 0 && e == 0);
    ck_assert_int_eq(e3tp_s2grid_size_pointwise(silu, NULL, 1, 2, 2, gl, 0.1, NULL, &f, &e),
                     E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_s2grid_size_pointwise(silu, NULL, 1, 2, 2, gl, 0.1, &t, NULL, &e),
                     E3TP_E_INVALID);
    t = f = 5, e = 5;
    ck_assert_int_eq(SIZE(modulus, 1, 2, 2, gl, 1e-5), E3TP_E_UNSUPPORTED);
    ck_assert(t == 0 && f == 0 && e == 0);
    const e3tp_status errors[] = {
        ERROR(NULL, 1, 2, 2, gl, 3, 3),
        ERROR(silu, -1, 2, 2, gl, 3, 3),
        ERROR(silu, 1, -1, 2, gl, 3, 3),
        ERROR(silu, 1, 2, 25, gl, 3, 3),
        ERROR(silu, 1, 2, 2, (e3tp_quadrature)2, 3, 3),
        ERROR(silu, 1, 2, 2, gl, 0, 3),
        ERROR(silu, 1, 2, 2, gl, 3, 0),
        ERROR(silu, 1, 2, 2, gl, E3TP_S2GRID_MOST + 1, 3),
        ERROR(silu, 1, 2, 2, gl, 3, E3TP_S2GRID_MOST + 1),
        ERROR(broken, 1, 2, 2, gl, 3, 3),
    };
    for (size_t i = 0; i < COUNT_OF(errors); i++)
        ck_assert_msg(errors[i] == E3TP_E_INVALID, "%zu", i);
    ck_assert_int_eq(e3tp_s2grid_error_pointwise(silu, NULL, 1, 2, 2, gl, 3, 3, NULL),
                     E3TP_E_INVALID);
    ck_assert_int_eq(SIZE(nothing, 1, 2, 2, gl, 1e-5), E3TP_OK); /* no error, no size */
    ck_assert(e == 0 && t == 1 && f == 1);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *t = tcase_create("pointwise");
    tcase_add_loop_test(t, proposals, 0, COUNT_OF(problems));
    tcase_add_test(t, any_scale);
    tcase_add_loop_test(t, polynomials, 0, 12);
    tcase_add_test(t, misuse);
    return run_tests(t, "pointwise functions on grids", CK_FORK);
}
