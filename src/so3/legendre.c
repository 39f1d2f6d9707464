/* SPDX-License-Identifier: MIT */
/* Normalised associated Legendre functions by upward recursion in l at fixed m (stable: P is the
   dominant solution), in extended precision: where terms of a bracket cancel, roundings of slopes
   would be seen.

   With s^2 = 1-x^2:
     P[m,m]   = s sqrt((2m+1)/(2m)) P[m-1,m-1],     P[0,0] = 1/sqrt(4pi)
     P[l,m]   = A (x P[l-1,m] - B P[l-2,m]),  A^2 = (4l^2-1)/(l^2-m^2),  B = 1/A of l-1
     dP[m,m]  = -m x/s^2 P[m,m],    dP[l,m] = A (P[l-1,m] + x dP[l-1,m] - B dP[l-2,m]) */
#include "so3/legendre.h"

#include <math.h>
#include <stddef.h>

#define AT E3TP_SO3_LEGENDRE_INDEX

/* All degrees of order m from p = P[m,m] on. dP: NULL, or the slopes. */
static void fill_order(int lmax, int m, long double x, long double p, double *P, double *dP)
{
    long double d = dP && m ? -m * x / ((1 - x) * (1 + x)) * p : 0, p_below = 0, d_below = 0, b = 0;
    for (int l = m;;) {
        P[AT(l, m)] = (double)p;
        if (dP)
            dP[AT(l, m)] = (double)d;
        if (l++ == lmax)
            return;
        const long double l2 = (long double)l * l, m2 = (long double)m * m,
                          a = sqrtl((4 * l2 - 1) / (l2 - m2)), p_next = a * (x * p - b * p_below),
                          d_next = a * (p + x * d - b * d_below);
        p_below = p, d_below = d;
        p = p_next, d = d_next;
        b = 1 / a;
    }
}

static void fill(int lmax, long double x, double *P, double *dP)
{
    long double top = 0.282094791773878143474L; /* 1/sqrt(4 pi) */
    for (int m = 0; m <= lmax; m++) {
        if (m > 0)
            top *= sqrtl((1 - x) * (1 + x) * (2 * m + 1) / (2 * m));
        fill_order(lmax, m, x, top, P, dP);
    }
}

void e3tp_so3_legendre(int lmax, long double x, double *P)
{
    fill(lmax, x, P, NULL);
}

void e3tp_so3_legendre_deriv(int lmax, long double x, double *P, double *dP)
{
    fill(lmax, x, P, dP);
}
