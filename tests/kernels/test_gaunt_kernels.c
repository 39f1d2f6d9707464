/* SPDX-License-Identifier: MIT */
/* The Fourier route of the Gaunt product in pieces: coefficients against Legendre functions and
   quadrature, every kernel against plain loops. */
#include "gaunt/gaunt_kernels.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#include "gaunt/gaunt_coeff.h"
#include "so3/legendre.h"
#include "so3/quadrature.h"
#include "tiers.h"

static const e3tp_gaunt_kernels_f32 *const f32_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_gaunt_kernels_f32)};
static const e3tp_gaunt_kernels_f64 *const f64_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_gaunt_kernels_f64)};
static e3tp_tier tier;

static double draw(void)
{
    static unsigned state = 3;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 23) - 1;
}

/* ---- coefficients
 * ---------------------------------------------------------------------------------- */

enum { LMAX = 24, UMAX = 48, NODES = 64 };

static double basis(int m, int u, double theta)
{
    return m % 2 ? sin(u * theta) : cos(u * theta);
}

START_TEST(coefficients)
{
    e3tp_gaunt_coeff c;
    double x[NODES], w[NODES], P[NODES][E3TP_SO3_LEGENDRE_INDEX(LMAX, LMAX) + 1];
    ck_assert(e3tp_gaunt_coeff_create(&c, LMAX, UMAX, NULL));
    e3tp_so3_gauss_legendre(NODES, x, w);
    for (int k = 0; k < NODES; k++)
        e3tp_so3_legendre(LMAX, x[k], P[k]);
    for (int l = 0; l <= LMAX; l++)
        for (int m = 0; m <= l; m++) {
            const double norm = m ? sqrt(2) : 1;
            const size_t at = E3TP_SO3_LEGENDRE_INDEX(l, m);
            for (int k = 0; k < NODES; k++) {
                double sum = 0;
                for (int u = 0; u <= UMAX; u++)
                    sum += c.series[e3tp_gaunt_coeff_at(&c, l, m, u)] * basis(m, u, acos(x[k]));
                ck_assert_double_eq_tol(sum, norm * P[k][at], 2e-14);
            }
            for (int u = 0; u <= UMAX; u++) {
                double sum = 0;
                for (int k = 0; k < NODES; k++)
                    sum += w[k] * norm * P[k][at] * basis(m, u, acos(x[k]));
                ck_assert_double_eq_tol(sum, c.integral[e3tp_gaunt_coeff_at(&c, l, m, u)], 2e-14);
                if ((u - l) % 2)
                    ck_assert(c.integral[e3tp_gaunt_coeff_at(&c, l, m, u)] == 0);
            }
        }
    e3tp_gaunt_coeff_destroy(&c, NULL);
}
END_TEST

/* ---- kernels
 * --------------------------------------------------------------------------------------- */

enum { POINTS = 12, LINES = 2 * POINTS, MAX_T = 16, ORDERS = 4, NO_LINE = 9 };
/* m = 0 with a single place, an order without odd sines, one without even parts. */
static const e3tp_gaunt_order orders[ORDERS] = {{0, 0, {{0, -1}, {5, -1}}},
                                                {3, 11, {{1, 2}, {3, 4}}},
                                                {5, 10, {{6, 7}, {8, -1}}},
                                                {7, 8, {{-1, -1}, {10, 12}}}};
static size_t kernels_run;

#define REAL float
#define KERNELS e3tp_gaunt_kernels_f32
#include "gaunt_checks.h"
#define REAL double
#define KERNELS e3tp_gaunt_kernels_f64
#include "gaunt_checks.h"

#define ONE(name, args) +1
START_TEST(kernels)
{
    kernels_run = 0;
    check_all_float(f32_tiers[tier]);
    check_all_double(f64_tiers[tier]);
    ck_assert_uint_eq(kernels_run, 2 * (0 E3TP_GAUNT_KERNELS(ONE, real)));
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *tests = tcase_create("gaunt kernels");
    tcase_add_test(tests, coefficients);
    tcase_add_test(tests, kernels);
    return run_case(tests, "gaunt kernels");
}
