/* SPDX-License-Identifier: MIT */
/* Exact conversion between spherical harmonics and Fourier series in the polar angle. */
#ifndef E3TP_GAUNT_COEFF_H
#define E3TP_GAUNT_COEFF_H

#include <stdbool.h>

#include "core/alloc.h"

/* For 0 <= m <= l <= lmax and 0 <= u <= umax, with t_u = cos(u theta) for even m and sin(u theta)
   for odd m, and N = 1 for m = 0, else sqrt 2:

       N P_lm(cos theta) = sum_u series[l,m,u] t_u(theta)           u <= l, u = l (mod 2)
       integral[l,m,u]   = N int_0^pi P_lm(cos theta) t_u(theta) sin(theta) dtheta

   P_lm as in so3/legendre.h, so that Y_lm = N P_lm cos(m phi), Y_l,-m = N P_lm sin(m phi). */
typedef struct e3tp_gaunt_coeff {
    int lmax, umax;
    double *series, *integral; /* both [(lmax+1) (lmax+1) (umax+1)] */
} e3tp_gaunt_coeff;

/* umax >= lmax. false: out of memory, and c holds nothing. */
bool e3tp_gaunt_coeff_create(e3tp_gaunt_coeff *c, int lmax, int umax, const e3tp_allocator *a);
void e3tp_gaunt_coeff_destroy(e3tp_gaunt_coeff *c, const e3tp_allocator *a);

static inline size_t e3tp_gaunt_coeff_at(const e3tp_gaunt_coeff *c, int l, int m, int u)
{
    return ((size_t)l * (size_t)(c->lmax + 1) + (size_t)m) * (size_t)(c->umax + 1) + (size_t)u;
}

#endif
