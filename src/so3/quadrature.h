/* SPDX-License-Identifier: MIT */
/* Quadrature rules on [-1, 1] for the polar angle, x = cos(theta); theta ascends, so x descends. */
#ifndef E3TP_SO3_QUADRATURE_H
#define E3TP_SO3_QUADRATURE_H

/* n >= 1 points x [n] and weights w [n]; sum w = 2; x[n-1-k] = -x[k] and w[n-1-k] = w[k] exactly.
 */

/* Gauss-Legendre: exact for polynomials of degree 2n-1. */
void e3tp_so3_gauss_legendre(int n, double *x, double *w);

/* Fejer's first rule, x[k] = cos((k+1/2) pi/n): exact for polynomials of degree n-1. */
void e3tp_so3_equiangular(int n, double *x, double *w);

/* Their points k < (n+1)/2, before they are rounded. */
long double e3tp_so3_gauss_legendre_node(int n, int k);
long double e3tp_so3_equiangular_node(int n, int k);

#endif
