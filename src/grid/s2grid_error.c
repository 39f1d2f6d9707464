/* SPDX-License-Identifier: MIT */
#include "grid/s2grid_error.h"

#include <math.h>
#include <stdbool.h>

#include "core/alloc.h"
#include "so3/quadrature.h"

static const double pi = 3.14159265358979323846;

/* Hermite coefficients; where they decay slowly (a kink) the rest counts as noise between samples.
   The weight exp(-x^2/2) is below 1e-18 beyond REACH, and sums over steps of 1/256 are exact to
   rounding for functions with poles, to 1e-5 at a kink. */
enum { ORDERS = 256, REACH = 13, STEPS = 256 };

/* a[k] += the share of phi at x, weighted with w: by the functions psi_k = He_k / sqrt(k!) times
   the square root of the Gaussian, which stay within 1. */
static void add_point(double x, double value, double w, const double *root, double *a)
{
    const double half = exp(-x * x / 4) / sqrt(sqrt(2 * pi));
    double psi = half, below = 0;
    for (int k = 0; k < ORDERS; k++) {
        a[k] += w * value * half * psi;
        const double next = (x * psi - root[k] * below) / root[k + 1];
        below = psi;
        psi = next;
    }
}

/* a [ORDERS], and the mean of phi^2; false where phi is not finite. */
static bool expand(e3tp_pointwise_fn phi, void *ctx, double sigma, double *a, double *square)
{
    double root[ORDERS + 1];
    for (int k = 0; k <= ORDERS; k++)
        root[k] = sqrt(k);
    for (int k = 0; k < ORDERS; k++)
        a[k] = 0;
    *square = 0;
    double largest = 0; /* of which all are shares: squares neither overflow nor vanish */
    for (int i = -REACH * STEPS; i <= REACH * STEPS; i++) {
        const double value = phi(sigma * i / STEPS, ctx);
        if (!isfinite(value))
            return false;
        largest = fmax(largest, fabs(value));
    }
    for (int i = -REACH * STEPS; i <= REACH * STEPS && largest > 0; i++) {
        const double x = (double)i / STEPS, value = phi(sigma * i / STEPS, ctx) / largest;
        add_point(x, value, 1.0 / STEPS, root, a);
        *square += value * value * exp(-x * x / 2) / sqrt(2 * pi) / STEPS;
    }
    return true;
}

/* sum_(l<=lmax) of P_l(t), and of (2l+1) P_l(t). */
static void sum_legendre(int lmax, double t, double *plain, double *weighted)
{
    double p = 1, below = 0;
    *plain = *weighted = 0;
    for (int l = 0; l <= lmax; l++) {
        *plain += p;
        *weighted += (2 * l + 1) * p;
        const double next = ((2 * l + 1) * t * p - l * below) / (l + 1);
        below = p;
        p = next;
    }
}

static double kernel(const double *a, int lmax, int lmax_out, double t)
{
    double rho, K, C = 0, ignored;
    sum_legendre(lmax, t, &rho, &ignored);
    sum_legendre(lmax_out, t, &ignored, &K);
    rho /= lmax + 1;
    for (int k = ORDERS - 1; k >= 0; k--)
        C = C * rho + a[k] * a[k];
    return C * K;
}

/* g[n] += (2n+1)/2 w G P_n(t). */
static void add_node(const e3tp_s2grid_spectrum *s, double t, double wG)
{
    double p = 1, below = 0;
    for (size_t n = 0; n < s->n; n++) {
        const double k = (double)n, next = ((2 * k + 1) * t * p - k * below) / (k + 1);
        s->g[n] += (k + 0.5) * wG * p;
        below = p;
        p = next;
    }
}

/* Powers rho^k fall off as Gaussians of width about L sqrt(k) / 2: so many degrees hold what smooth
   functions have down to 1e-5. */
static size_t degrees_for(int lmax, int lmax_out)
{
    return 32 * ((size_t)lmax + 1) + 2 * (size_t)lmax_out + 64;
}

e3tp_status e3tp_s2grid_spectrum_create(e3tp_s2grid_spectrum *s, e3tp_pointwise_fn phi, void *ctx,
                                        double sigma, int lmax, int lmax_out)
{
    double a[ORDERS], square;
    *s = (e3tp_s2grid_spectrum){0};
    if (!expand(phi, ctx, sigma, a, &square))
        return E3TP_E_INVALID;
    s->n = degrees_for(lmax, lmax_out);
    s->g = e3tp_zalloc(NULL, s->n, sizeof *s->g);
    double *x = e3tp_alloc(NULL, 2 * s->n, sizeof *x), *w = x + s->n;
    if (!s->g || !x) {
        e3tp_free(NULL, x);
        e3tp_s2grid_spectrum_destroy(s);
        return E3TP_E_NOMEM;
    }
    e3tp_so3_gauss_legendre((int)s->n, x, w);
    for (size_t i = 0; i < s->n; i++)
        add_node(s, x[i], w[i] * kernel(a, lmax, lmax_out, x[i]));
    s->beyond = square * (lmax_out + 1) * (lmax_out + 1); /* G(1) = sum of all */
    for (size_t n = 0; n < s->n; n++) {
        s->g[n] = s->g[n] > 0 ? s->g[n] : 0; /* rounding */
        s->beyond -= s->g[n];
    }
    s->beyond = s->beyond > 0 ? s->beyond : 0;
    e3tp_free(NULL, x);
    return E3TP_OK;
}

void e3tp_s2grid_spectrum_destroy(e3tp_s2grid_spectrum *s)
{
    e3tp_free(NULL, s->g);
    *s = (e3tp_s2grid_spectrum){0};
}

/* sums[n] += weight * Q_n(x), the functions of order m normalised so that the squares over all m
   sum to 1 on the sphere: Q = sqrt(4 pi / (2n+1)) times those of so3/legendre.h, for m > 0 times
   sqrt(2). By the same recursion, of one order alone. */
static void add_ring(size_t n_most, size_t m, double x, double weight, double *sums)
{
    double start = weight * (m ? sqrt(2) : 1);
    for (size_t k = 1; k <= m; k++)
        start *= sqrt((1 - x) * (1 + x)) * sqrt((2 * (double)k - 1) / (2 * (double)k));
    double q = start, below = 0;
    for (size_t n = m; n < n_most; n++) {
        const double up = (double)(n + 1), dm = (double)m;
        const double next = ((2 * up - 1) * x * q - sqrt((up - 1 - dm) * (up - 1 + dm)) * below) /
                            sqrt((up - dm) * (up + dm));
        sums[n] += q;
        below = q;
        q = next;
    }
}

e3tp_status e3tp_s2grid_spectrum_error(const e3tp_s2grid_spectrum *s, e3tp_quadrature q,
                                       int n_theta, int n_phi, double *error)
{
    double *x = e3tp_alloc(NULL, 2 * (size_t)n_theta + s->n, sizeof *x), *w = x + n_theta,
           *sums = w + n_theta, total = 0, squares = 0;
    if (!x)
        return E3TP_E_NOMEM;
    (q == E3TP_GAUSS_LEGENDRE ? e3tp_so3_gauss_legendre : e3tp_so3_equiangular)(n_theta, x, w);
    for (size_t m = 0; m < s->n; m += (size_t)n_phi) {
        for (size_t n = 0; n < s->n; n++)
            sums[n] = 0;
        for (int i = 0; i < n_theta; i++)
            add_ring(s->n, m, x[i], w[i] / 2, sums);
        for (size_t n = m ? m : 1; n < s->n; n++)
            total += s->g[n] * sums[n] * sums[n];
    }
    for (int i = 0; i < n_theta; i++)
        squares += w[i] * w[i] / (4 * n_phi);
    total += s->beyond * squares;
    *error = s->g[0] > 0 ? sqrt(2 * total / s->g[0]) : 0;
    e3tp_free(NULL, x);
    return E3TP_OK;
}
