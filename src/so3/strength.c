/* SPDX-License-Identifier: MIT */
/* Strengths of the Gaunt product and of the Poisson bracket, closed forms without cancellation.

   With J = l1+l2+l3 and D^2 = (J-2l1)! (J-2l2)! (J-2l3)! / (J+1)!,
     gaunt   = sqrt((2l1+1)(2l2+1)(2l3+1)/4pi) D   (J/2)! / prod (J/2-l_i)!                 (J even)
     bracket = sqrt((2l1+1)(2l2+1)(2l3+1)/4pi) D 2 ((J+1)/2)! / prod ((J-1)/2-l_i)!         (J odd):
   Varshalovich et al., Quantum Theory of Angular Momentum, 8.5.2, for the 3j symbols (l1 l2 l3; 0 0
   0) and (l1 l2 l3; 1 -1 0). */
#include "so3/bigint.h"
#include "so3/wigner.h"

#include "e3tp/so3.h"

#include <math.h>

/* Largest degree whose binomials stay inside the range of a double where long double is no wider.
 */
enum { STRENGTH_LMAX = 256 };

static const long double inv_4pi = 0.079577471545947667884441881686257181L;

/* 1 allowed, 0 not, -1 out of range */
static int check(int l1, int l2, int l3, int parity)
{
    if (l1 < 0 || l2 < 0 || l3 < 0)
        return 0;
    if (l1 > STRENGTH_LMAX || l2 > STRENGTH_LMAX || l3 > STRENGTH_LMAX)
        return -1;
    return e3tp_so3_triangle(l1, l2, l3) && ((l1 + l2 + l3) & 1) == parity;
}

/* (p+q+r)! / (p! q! r!) */
static long double multinomial(int p, int q, int r)
{
    return e3tp_so3_binomial(p + q + r, p) * e3tp_so3_binomial(q + r, q);
}

/* sqrt((2l1+1)(2l2+1)(2l3+1)/4pi) D */
static long double prefactor(int l1, int l2, int l3)
{
    int J = l1 + l2 + l3;
    long double n = (2 * l1 + 1.0L) * (2 * l2 + 1.0L) * (2 * l3 + 1.0L) * inv_4pi;
    return sqrtl(n / ((J + 1) * multinomial(J - 2 * l1, J - 2 * l2, J - 2 * l3)));
}

double e3tp_gaunt_strength(int l1, int l2, int l3)
{
    int ok = check(l1, l2, l3, 0);
    if (ok <= 0)
        return ok < 0 ? (double)NAN : 0.0;
    int h = (l1 + l2 + l3) / 2;
    return (double)(prefactor(l1, l2, l3) * multinomial(h - l1, h - l2, h - l3));
}

double e3tp_bracket_strength(int l1, int l2, int l3)
{
    int ok = check(l1, l2, l3, 1);
    if (ok <= 0)
        return ok < 0 ? (double)NAN : 0.0;
    int h = (l1 + l2 + l3 - 1) / 2; /* (h-l1)+(h-l2)+(h-l3) = h-1 */
    long double two = 2.0L * h * (h + 1);
    return (double)(prefactor(l1, l2, l3) * two * multinomial(h - l1, h - l2, h - l3));
}
