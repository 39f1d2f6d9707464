/* SPDX-License-Identifier: MIT */
/* Wigner 6j symbols of integers from an integer Racah sum.

   {j1 j2 j3; j4 j5 j6} = S D(156) D(426) D(453) / D(123), with
     D(abc)^2 = 1 / ((s+1) C(s, s-2a) C(2a, s-2b)), s = a+b+c,
     S = sum_t (-1)^t C(t+1, s123+1) C(j1+j2-j3, t-s453) C(j2+j3-j1, t-s156) C(j3+j1-j2, t-s426):
   Racah's formula (Racah 1942, eq. 36) with its factorials grouped into binomials, as in Johansson
   and Forssen, SIAM J. Sci. Comput. 38 (2016) A376. |S| < 2^(7j+1). */
#include "so3/bigint.h"
#include "so3/wigner.h"

#include "e3tp/so3.h"

#include <math.h>

enum { LMAX = E3TP_SO3_LMAX, ROW = 2 * LMAX + 1 };

/* Multinomial (s+1) s! / ((s-2a)! (s-2b)! (s-2c)!) = 1 / D^2 */
static long double inverse_delta2(int a, int b, int c)
{
    int s = a + b + c;
    return (s + 1) * e3tp_so3_binomial(s, s - 2 * a) * e3tp_so3_binomial(2 * a, s - 2 * b);
}

/* Limits of t: the largest triad sum and the smallest quad sum. */
static int first_term(const int *s)
{
    int t = s[0];
    for (int i = 1; i < 4; i++)
        t = s[i] > t ? s[i] : t;
    return t;
}

static int last_term(const int *j)
{
    int q[3] = {j[0] + j[1] + j[3] + j[4], j[1] + j[2] + j[4] + j[5], j[2] + j[0] + j[5] + j[3]};
    int t = q[0] < q[1] ? q[0] : q[1];
    return t < q[2] ? t : q[2];
}

/* S of the head comment; s holds the triad sums 123, 156, 426, 453. */
static long double racah_sum(const int *j, const int *s)
{
    e3tp_so3_bigint r1[ROW], r2[ROW], r3[ROW], lead, a, b, sum[2];
    int first = first_term(s), last = last_term(j);
    e3tp_so3_binomial_row(j[0] + j[1] - j[2], r1);
    e3tp_so3_binomial_row(j[1] + j[2] - j[0], r2);
    e3tp_so3_binomial_row(j[2] + j[0] - j[1], r3);
    e3tp_so3_bigint_set(&sum[0], 0);
    e3tp_so3_bigint_set(&sum[1], 0);
    e3tp_so3_bigint_set(&lead, 1); /* C(t+1, s123+1), first at t = s123 */
    for (int t = s[0]; t <= last; t++) {
        if (t >= first) {
            e3tp_so3_bigint_mul(&a, &r1[t - s[3]], &r2[t - s[1]]);
            e3tp_so3_bigint_mul(&b, &a, &r3[t - s[2]]);
            e3tp_so3_bigint_mul(&a, &b, &lead);
            e3tp_so3_bigint_add(&sum[t & 1], &a);
        }
        e3tp_so3_bigint_mul_small(&lead, (uint32_t)(t + 2));
        e3tp_so3_bigint_div_small(&lead, (uint32_t)(t + 1 - s[0]));
    }
    return e3tp_so3_bigint_difference(&sum[0], &sum[1]);
}

e3tp_status e3tp_wigner_6j(int j1, int j2, int j3, int j4, int j5, int j6, double *out)
{
    const int j[6] = {j1, j2, j3, j4, j5, j6};
    e3tp_status st = out == NULL ? E3TP_E_INVALID : E3TP_OK;
    for (int i = 0; i < 6; i++) {
        if (j[i] < 0)
            st = E3TP_E_INVALID;
        else if (j[i] > LMAX && st == E3TP_OK)
            st = E3TP_E_UNSUPPORTED;
    }
    if (st != E3TP_OK)
        return st;
    const int s[4] = {j1 + j2 + j3, j1 + j5 + j6, j4 + j2 + j6, j4 + j5 + j3};
    *out = 0.0;
    if (!e3tp_so3_triangle(j1, j2, j3) || !e3tp_so3_triangle(j1, j5, j6) ||
        !e3tp_so3_triangle(j4, j2, j6) || !e3tp_so3_triangle(j4, j5, j3))
        return E3TP_OK;
    long double v = racah_sum(j, s) * sqrtl(inverse_delta2(j1, j2, j3));
    v /= sqrtl(inverse_delta2(j1, j5, j6)) * sqrtl(inverse_delta2(j4, j2, j6));
    *out = (double)(v / sqrtl(inverse_delta2(j4, j5, j3)));
    return E3TP_OK;
}
