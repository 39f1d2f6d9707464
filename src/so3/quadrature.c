/* SPDX-License-Identifier: MIT */
/* Gauss-Legendre by Newton's method and Fejer's first rule by its cosine sum.

   Gauss: roots of P_n from x ~ (1 - (n-1)/(8 n^3)) cos(pi (k+3/4)/(n+1/2)) (Tricomi), weights
   w = 2 / ((1-x^2) P_n(x)'^2).
   Fejer: w[k] = 2/n (1 - 2 sum_(j=1..n/2) cos(j (2k+1) pi/n) / (4 j^2 - 1)). */
#include "so3/quadrature.h"

#include <math.h>

static const long double pi = 3.14159265358979323846264338327950288L;

/* P_n(x) and, through dp, its derivative; |x| < 1. */
static long double legendre_p(int n, long double x, long double *dp)
{
    long double p = 1.0L, below = 0.0L;
    for (int k = 1; k <= n; k++) {
        long double next = ((2 * k - 1) * x * p - (k - 1) * below) / k;
        below = p;
        p = next;
    }
    *dp = n * (below - x * p) / ((1.0L - x) * (1.0L + x));
    return p;
}

/* Mirror the first half; the middle point of an odd rule is 0. */
static void set_pair(int n, int k, long double x, long double w, double *xs, double *ws)
{
    xs[k] = 2 * k + 1 == n ? 0.0 : (double)x;
    xs[n - 1 - k] = 2 * k + 1 == n ? 0.0 : -xs[k];
    ws[k] = ws[n - 1 - k] = (double)w;
}

long double e3tp_so3_gauss_legendre_node(int n, int k)
{
    if (2 * k + 1 == n)
        return 0;
    long double t = cosl(pi * (k + 0.75L) / (n + 0.5L)), dp;
    t *= 1.0L - (n - 1.0L) / (8.0L * n * n * n);
    for (int i = 0; i < 6; i++) /* quadratic from 1e-3 or better: four steps reach 1e-19 */
        t -= legendre_p(n, t, &dp) / dp;
    return t;
}

long double e3tp_so3_equiangular_node(int n, int k)
{
    return 2 * k + 1 == n ? 0 : cosl((2 * k + 1) * pi / (2.0L * n));
}

void e3tp_so3_gauss_legendre(int n, double *x, double *w)
{
    for (int k = 0; 2 * k < n; k++) {
        const long double t = e3tp_so3_gauss_legendre_node(n, k);
        long double dp;
        legendre_p(n, t, &dp);
        set_pair(n, k, t, 2.0L / ((1.0L - t) * (1.0L + t) * dp * dp), x, w);
    }
}

void e3tp_so3_equiangular(int n, double *x, double *w)
{
    for (int k = 0; 2 * k < n; k++) {
        long double sum = 0.0L;
        for (int j = n / 2; j >= 1; j--) {
            long long turn = (long long)j * (2 * k + 1) % (2 * n); /* the angle in units of pi/n */
            sum += cosl((long double)turn * pi / n) / (4.0L * j * j - 1.0L);
        }
        set_pair(n, k, e3tp_so3_equiangular_node(n, k), 2.0L / n * (1.0L - 2.0L * sum), x, w);
    }
}
