/* SPDX-License-Identifier: MIT */
/* Normalised associated Legendre functions, without the Condon-Shortley sign. */
#ifndef E3TP_SO3_LEGENDRE_H
#define E3TP_SO3_LEGENDRE_H

/* Number of (l, m) with 0 <= m <= l <= lmax, and the place of one of them. */
#define E3TP_SO3_LEGENDRE_SIZE(lmax) (((lmax) + 1) * ((lmax) + 2) / 2)
#define E3TP_SO3_LEGENDRE_INDEX(l, m) ((l) * ((l) + 1) / 2 + (m))

/* P [(lmax+1)(lmax+2)/2], P[l(l+1)/2+m] = sqrt((2l+1)/(4pi) (l-m)!/(l+m)!) (1-x^2)^(m/2) d^m
   P_l/dx^m, so that the orthonormal real harmonics are P (m = 0) and sqrt(2) P cos/sin(m phi). lmax
   >= 0, |x| <= 1. */
void e3tp_so3_legendre(int lmax, long double x, double *P);

/* The same, and dP [same shape] = dP/dx. |x| < 1 (at +-1 the derivative of m = 1 is infinite). */
void e3tp_so3_legendre_deriv(int lmax, long double x, double *P, double *dP);

#endif
