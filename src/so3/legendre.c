/* SPDX-License-Identifier: MIT */
/* Normalised associated Legendre functions by upward recursion in l at fixed m (stable: P is the
   dominant solution).

   With s = sqrt(1-x^2):
     P[m,m]   = s sqrt((2m+1)/(2m)) P[m-1,m-1],     P[0,0] = 1/sqrt(4pi)
     P[l,m]   = A (x P[l-1,m] - B P[l-2,m]),  A^2 = (4l^2-1)/(l^2-m^2),  B^2 =
   ((l-1)^2-m^2)/(4(l-1)^2-1) s dP[l,m]/dx = (sqrt((l-m)(l+m+1)) P[l,m+1] - sqrt((l+m)(l-m+1))
   P[l,m-1]) / 2,  m > 0 s dP[l,0]/dx = sqrt(l(l+1)) P[l,1]. */
#include "so3/legendre.h"

#include <math.h>

#define AT E3TP_SO3_LEGENDRE_INDEX

void e3tp_so3_legendre(int lmax, double x, double *P)
{
    double s = sqrt((1.0 - x) * (1.0 + x));
    P[0] = 0.28209479177387814; /* 1/sqrt(4 pi) */
    for (int m = 1; m <= lmax; m++)
        P[AT(m, m)] = s * sqrt((2 * m + 1) / (2.0 * m)) * P[AT(m - 1, m - 1)];
    for (int l = 1; l <= lmax; l++)
        for (int m = 0; m < l; m++) {
            double l2 = (double)l * l, m2 = (double)m * m, k2 = (l - 1.0) * (l - 1.0);
            double below = m < l - 1 ? sqrt((k2 - m2) / (4 * k2 - 1)) * P[AT(l - 2, m)] : 0.0;
            P[AT(l, m)] = sqrt((4 * l2 - 1) / (l2 - m2)) * (x * P[AT(l - 1, m)] - below);
        }
}

void e3tp_so3_legendre_deriv(int lmax, double x, double *P, double *dP)
{
    double r = 1.0 / sqrt((1.0 - x) * (1.0 + x));
    e3tp_so3_legendre(lmax, x, P);
    for (int l = 0; l <= lmax; l++) {
        dP[AT(l, 0)] = l > 0 ? r * sqrt(l * (l + 1.0)) * P[AT(l, 1)] : 0.0;
        for (int m = 1; m <= l; m++) {
            double up = m < l ? sqrt((l - m) * (l + m + 1.0)) * P[AT(l, m + 1)] : 0.0;
            double down = sqrt((l + m) * (l - m + 1.0)) * P[AT(l, m - 1)];
            dP[AT(l, m)] = 0.5 * r * (up - down);
        }
    }
}
