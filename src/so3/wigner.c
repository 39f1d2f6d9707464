/* SPDX-License-Identifier: MIT */
/* Real coupling coefficients W from an integer Racah sum.

   With a = J-2l1, b = J-2l2, c = J-2l3, J = l1+l2+l3, the 3j symbol in binomials (Racah 1942, eq.
   16, regrouped as in Johansson and Forssen, SIAM J. Sci. Comput. 38 (2016) A376) is (l1 l2 l3; m1
   m2 m3) = (-1)^(l1-l2-m3) S sqrt(A / (C(2l1,l1+m1) C(2l2,l2+m2) C(2l3,l3+m3))) S = sum_k (-1)^k
   C(c, k) C(b, l1-m1-k) C(a, l2+m2-k)          an integer below 2^J A = C(2l3, a) C(2l2, a) /
   ((J+1) C(J, a)). S is computed exactly, so its zeros are the exact zeros. The real tensor of unit
   norm is W[a,b,c] = i^J sum_(m1+m2+m3=0) q[m1,a] q[m2,b] q[m3,c] (l1 l2 l3; m1 m2 m3): only
   +-(m1,m2,m3) with |m_j| = |mu_j| contribute, with equal real parts, so W is the symbol times a
   sign where all or one of the mu are zero, and times a sign and 1/sqrt(2) where none is. A sign is
   i to a power: i^0, i^2 per mu > 0 by the parity of mu where m > 0; i^1 (-1)^mu or i^3 for mu < 0
   with m > 0 or m < 0. */
#include "so3/wigner.h"

#include "so3/bigint.h"

#include <math.h>
#include <stdlib.h>

enum { LMAX = E3TP_SO3_LMAX, OLD_LMAX = 11, ROW = 2 * LMAX + 1 };

/* What the entries of one triple share. */
typedef struct coupling {
    int l1, l2, l3, J;
    double sign;
    long double scale; /* A */
    long double c1[ROW], c2[ROW], c3[ROW];
    e3tp_so3_bigint rowa[ROW], rowb[ROW], rowc[ROW];
} coupling;

static int max2(int a, int b)
{
    return a > b ? a : b;
}

static int min2(int a, int b)
{
    return a < b ? a : b;
}

static void binomials(int n, long double *out)
{
    for (int k = 0; k <= n; k++)
        out[k] = 2 * k <= n ? e3tp_so3_binomial(n, k) : out[n - k];
}

static void coupling_init(coupling *t, int l1, int l2, int l3)
{
    int J = l1 + l2 + l3, a = J - 2 * l1;
    t->l1 = l1;
    t->l2 = l2;
    t->l3 = l3;
    t->J = J;
    t->sign = 1.0;
    t->scale = e3tp_so3_binomial(2 * l3, a) * e3tp_so3_binomial(2 * l2, a) /
               ((J + 1) * e3tp_so3_binomial(J, a));
    binomials(2 * l1, t->c1);
    binomials(2 * l2, t->c2);
    binomials(2 * l3, t->c3);
    e3tp_so3_binomial_row(a, t->rowa);
    e3tp_so3_binomial_row(J - 2 * l2, t->rowb);
    e3tp_so3_binomial_row(J - 2 * l3, t->rowc);
}

/* S of the head comment. */
static long double racah_sum(const coupling *t, int m1, int m2)
{
    int a = t->J - 2 * t->l1, b = t->J - 2 * t->l2, c = t->J - 2 * t->l3;
    int i = t->l1 - m1, j = t->l2 + m2;
    int last = min2(c, min2(i, j));
    e3tp_so3_bigint sum[2], pair, term;
    e3tp_so3_bigint_set(&sum[0], 0);
    e3tp_so3_bigint_set(&sum[1], 0);
    for (int k = max2(0, max2(i - b, j - a)); k <= last; k++) {
        e3tp_so3_bigint_mul(&pair, &t->rowc[k], &t->rowb[i - k]);
        e3tp_so3_bigint_mul(&term, &pair, &t->rowa[j - k]);
        e3tp_so3_bigint_add(&sum[k & 1], &term);
    }
    return e3tp_so3_bigint_difference(&sum[0], &sum[1]);
}

/* The 3j symbol with m3 = -m1-m2, |m3| <= l3, times 1/sqrt(2) where none of the m is 0. */
static double symbol(const coupling *t, int m1, int m2)
{
    int m3 = -m1 - m2;
    long double s = racah_sum(t, m1, m2);
    if (s == 0.0L)
        return 0.0;
    long double den = t->c1[t->l1 + m1] * t->c2[t->l2 + m2] * t->c3[t->l3 + m3];
    if (m1 != 0 && m2 != 0 && m3 != 0)
        den *= 2.0L;
    s *= sqrtl(t->scale / den);
    return (double)((t->l1 - t->l2 - m3) & 1 ? -s : s);
}

/* Power of i in the factor q[m, mu] with |m| = |mu|. */
static int phase(int mu, int m)
{
    if (mu == 0)
        return 0;
    if (mu > 0)
        return m > 0 ? 2 * mu : 0;
    return m > 0 ? 1 - 2 * mu : 3;
}

/* Sign that turns the symbol at (m1,m2,m3) into the entry at (mu1,mu2,mu3); both have the right
 * parity. */
static double entry_sign(int J, const int mu[3], const int m[3])
{
    int p = J + phase(mu[0], m[0]) + phase(mu[1], m[1]) + phase(mu[2], m[2]);
    return p & 2 ? -1.0 : 1.0;
}

/* The entry (mu1, mu2, +-m3): the sign of mu3 follows, as the number of negative mu has the parity
   of J. `value` is the symbol at (m1, m2). Returns 0 where there is no such entry or it is zero. */
static int make_entry(const coupling *t, int mu1, int mu2, int m1, int m2, double value,
                      e3tp_coupling_entry *out)
{
    int m3 = -m1 - m2, odd = (t->J + (mu1 < 0) + (mu2 < 0)) & 1;
    if (value == 0.0 || (m3 == 0 && odd))
        return 0;
    int mu[3] = {mu1, mu2, odd ? -abs(m3) : abs(m3)}, m[3] = {m1, m2, m3};
    out->m1 = (int16_t)(mu1 + t->l1);
    out->m2 = (int16_t)(mu2 + t->l2);
    out->m3 = (int16_t)(mu[2] + t->l3);
    out->value = t->sign * entry_sign(t->J, mu, m) * value;
    return 1;
}

/* row[m2 + l2] = symbol(m1, m2), 0 where m3 is out of range; m1 >= 0. Pairs (0, +-m2) need one sum
 * only. */
static void symbol_row(const coupling *t, int m1, double *row)
{
    for (int m2 = -t->l2; m2 <= t->l2; m2++) {
        int use = abs(m1 + m2) <= t->l3;
        if (use && m1 == 0 && m2 > 0)
            row[t->l2 + m2] = t->J & 1 ? -row[t->l2 - m2] : row[t->l2 - m2];
        else
            row[t->l2 + m2] = use ? symbol(t, m1, m2) : 0.0;
    }
}

/* The at most two entries (mu1, mu2, .), in order of m3; row is symbol_row of |mu1|. */
static int make_pair(const coupling *t, int mu1, int mu2, const double *row,
                     e3tp_coupling_entry out[2])
{
    int m1 = abs(mu1), m2 = abs(mu2), n;
    n = make_entry(t, mu1, mu2, m1, m2, row[t->l2 + m2], &out[0]);
    if (m1 == 0 || m2 == 0)
        return n;
    n += make_entry(t, mu1, mu2, m1, -m2, row[t->l2 - m2], &out[n]);
    if (n == 2 && out[0].m3 > out[1].m3) {
        e3tp_coupling_entry first = out[0];
        out[0] = out[1];
        out[1] = first;
    }
    return n;
}

static void sort3(int l[3])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 2; j++)
            if (l[j] > l[j + 1]) {
                int s = l[j];
                l[j] = l[j + 1];
                l[j + 1] = s;
            }
}

/* Sign of e3nn <= 0.4.4 relative to the present one: its table made the first non-zero element, in
   C order, of the tensor of the sorted triple positive where J is odd. The permutations keep their
   relative signs. */
static double old_sign(coupling *t, int l1, int l2, int l3)
{
    int l[3] = {l1, l2, l3};
    double row[ROW];
    e3tp_coupling_entry e[2];
    if ((l1 + l2 + l3) % 2 == 0)
        return 1.0;
    sort3(l);
    coupling_init(t, l[0], l[1], l[2]);
    symbol_row(t, l[0], row);
    for (int mu2 = -l[1]; mu2 <= l[1]; mu2++)
        if (make_pair(t, -l[0], mu2, row, e) > 0)
            return e[0].value < 0.0 ? -1.0 : 1.0;
    return 1.0;
}

static void coupling_start(coupling *t, int l1, int l2, int l3, e3tp_sign sign)
{
    double s = sign == E3TP_SIGN_E3NN_044 ? old_sign(t, l1, l2, l3) : 1.0;
    coupling_init(t, l1, l2, l3);
    t->sign = s;
}

double e3tp_so3_coupling_sign(int l1, int l2, int l3, e3tp_sign sign)
{
    coupling t;
    coupling_start(&t, l1, l2, l3, sign);
    return t.sign;
}

e3tp_status e3tp_so3_coupling_check(int l1, int l2, int l3, e3tp_sign sign)
{
    int top = max2(l1, max2(l2, l3));
    if (l1 < 0 || l2 < 0 || l3 < 0)
        return E3TP_E_INVALID;
    if (sign != E3TP_SIGN_E3NN && (sign != E3TP_SIGN_E3NN_044 || top > OLD_LMAX))
        return E3TP_E_INVALID;
    if (l3 < abs(l1 - l2) || l3 - l1 > l2) /* subtractions cannot overflow */
        return E3TP_E_INVALID;
    return top > LMAX ? E3TP_E_UNSUPPORTED : E3TP_OK;
}

e3tp_status e3tp_so3_wigner_3j(int l1, int l2, int l3, e3tp_sign sign, double *out)
{
    coupling t;
    double row[ROW];
    e3tp_coupling_entry e[2];
    e3tp_status st = out ? e3tp_so3_coupling_check(l1, l2, l3, sign) : E3TP_E_INVALID;
    if (st != E3TP_OK)
        return st;
    size_t n2 = 2 * (size_t)l2 + 1, n3 = 2 * (size_t)l3 + 1;
    for (size_t i = 0; i < (2 * (size_t)l1 + 1) * n2 * n3; i++)
        out[i] = 0.0;
    coupling_start(&t, l1, l2, l3, sign);
    for (int m1 = 0; m1 <= l1; m1++) {
        symbol_row(&t, m1, row);
        for (int i = 0; i < (m1 ? 2 : 1) * (int)n2; i++) {
            int n = make_pair(&t, i < (int)n2 ? m1 : -m1, i % (int)n2 - l2, row, e);
            while (n-- > 0)
                out[((size_t)e[n].m1 * n2 + (size_t)e[n].m2) * n3 + (size_t)e[n].m3] = e[n].value;
        }
    }
    return E3TP_OK;
}

e3tp_status e3tp_wigner_3j(int l1, int l2, int l3, e3tp_sign sign, double *out)
{
    return e3tp_so3_wigner_3j(l1, l2, l3, sign, out);
}

size_t e3tp_so3_coupling_sparse(int l1, int l2, int l3, e3tp_sign sign, e3tp_coupling_entry *out,
                                size_t cap)
{
    coupling t;
    double rows[LMAX + 1][ROW];
    e3tp_coupling_entry e[2];
    size_t count = 0;
    if (e3tp_so3_coupling_check(l1, l2, l3, sign) != E3TP_OK)
        return 0;
    coupling_start(&t, l1, l2, l3, sign);
    for (int m1 = 0; m1 <= l1; m1++)
        symbol_row(&t, m1, rows[m1]);
    for (int mu1 = -l1; mu1 <= l1; mu1++)
        for (int mu2 = -l2; mu2 <= l2; mu2++) {
            int n = make_pair(&t, mu1, mu2, rows[abs(mu1)], e);
            for (int i = 0; i < n; i++, count++)
                if (count < cap)
                    out[count] = e[i];
        }
    return count;
}
