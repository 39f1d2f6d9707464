/* SPDX-License-Identifier: MIT */
/* How far a pointwise function on a grid is from equivariant, in the mean over random signals.

   Signals f = sum_lm c_lm Y_lm to degree L, c Gaussian, every degree of the same power, variance
   sigma^2 at each point; z = the analysis of phi(f) to degree M with samples and weights of the
   grid. With phi(sigma x) = sum_k a_k He_k(x) / sqrt(k!) the covariance of phi(f) at angle gamma is
   (Mehler)

     C(t) = sum_k a_k^2 rho(t)^k,   rho(t) = sum_l P_l(t) / (L+1),   t = cos gamma,

   and the mean square of the quadrature's error in z, summed over l <= M and m, is the discrepancy
   of the grid with the kernel G = C sum_(l<=M) (2l+1) P_l:

     e^2 = sum_pq w_p w_q G(p.q) - (1/2) integral G = sum_(n>0) g_n D_n,
     G = sum_n g_n P_n,   D_n = 4 pi / (2n+1) sum_m |sum_p w_p Y_nm(p)|^2,

   a sum of positive terms of which those that the grid integrates exactly are zero; only orders m
   that n_phi divides are not. The mean of the quadrature over all rotations of the grid is exact,
   so that for a random rotation R the mean square of R z(f) - z(R f) is 2 e^2. It is taken relative
   to the mean square of the exact z, which is g_0. */
#ifndef E3TP_S2GRID_ERROR_H
#define E3TP_S2GRID_ERROR_H

#include "core/status.h"
#include "e3tp/grid.h"

typedef struct e3tp_s2grid_spectrum {
    size_t n;      /* degrees that are known one by one: 0..n-1 */
    double *g;     /* [n] */
    double beyond; /* sum of all others */
} e3tp_s2grid_spectrum;

/* Of phi. INVALID: phi is not finite somewhere; NOMEM. */
e3tp_status e3tp_s2grid_spectrum_create(e3tp_s2grid_spectrum *s, e3tp_pointwise_fn phi, void *ctx,
                                        double sigma, int lmax, int lmax_out);
void e3tp_s2grid_spectrum_destroy(e3tp_s2grid_spectrum *s);
/* The relative error, root mean square, on a grid. NOMEM. */
e3tp_status e3tp_s2grid_spectrum_error(const e3tp_s2grid_spectrum *s, e3tp_quadrature q,
                                       int n_theta, int n_phi, double *error);

#endif
