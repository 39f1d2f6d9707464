/* SPDX-License-Identifier: MIT */
/* Fourier series of the Legendre functions by their own recursion, in long double:

     P[m,m] = sin(theta) sqrt((2m+1)/(2m)) P[m-1,m-1],   P[0,0] = 1/sqrt(4 pi)
     P[l,m] = A (cos(theta) P[l-1,m] - B P[l-2,m]),      A^2 = (4l^2-1)/(l^2-m^2),
                                                         B^2 = ((l-1)^2-m^2)/(4(l-1)^2-1)

   where a factor cos or sin moves a coefficient to its neighbours; and the integrals of products of
   two of the functions with sin(theta), from int_0^pi sin(t) cos(kt) dt = 2/(1-k^2), k even. */
#include "gaunt/gaunt_coeff.h"

#include <math.h>
#include <string.h>

enum { TERMS = 64 }; /* > lmax + 2 */

/* out = cos(theta) f, for f = sum f[u] cos(u theta) or, odd, sum f[u] sin(u theta). */
static void times_cos(const long double *f, int top, bool odd, long double *out)
{
    memset(out, 0, TERMS * sizeof *out);
    for (int u = 0; u <= top; u++) {
        const long double half = f[u] / 2; /* f[0] of a sine series is 0 */
        out[u + 1] += half;
        if (u > 0)
            out[u - 1] += half;
        else
            out[1] += half;
    }
    if (odd)
        out[0] = 0;
}

/* out = sin(theta) f; cosines become sines and the reverse. */
static void times_sin(const long double *f, int top, bool odd, long double *out)
{
    memset(out, 0, TERMS * sizeof *out);
    for (int u = 0; u <= top; u++) {
        const long double half = odd ? -f[u] / 2 : f[u] / 2;
        out[u + 1] += half;
        if (u > 0)
            out[u - 1] -= half;
        else
            out[1] += half; /* -sin(-theta) */
    }
    if (!odd)
        out[0] = 0;
}

/* int_0^pi sin(t) cos(kt) dt */
static long double cosine_integral(int k)
{
    return k % 2 ? 0 : 2.0L / (1.0L - (long double)k * k);
}

/* int_0^pi sin(t) t_u(t) t_v(t) dt */
static long double pair_integral(int u, int v, bool odd)
{
    const long double difference = cosine_integral(u - v), sum = cosine_integral(u + v);
    return (odd ? difference - sum : difference + sum) / 2;
}

static void store(const e3tp_gaunt_coeff *c, int l, int m, const long double *f)
{
    const long double norm = m ? sqrtl(2.0L) : 1.0L;
    for (int u = 0; u <= c->umax; u++) {
        long double integral = 0;
        for (int v = 0; v <= l; v++)
            integral += f[v] * pair_integral(u, v, m % 2);
        c->series[e3tp_gaunt_coeff_at(c, l, m, u)] = (double)(u <= l ? norm * f[u] : 0);
        c->integral[e3tp_gaunt_coeff_at(c, l, m, u)] = (double)(norm * integral);
    }
}

/* All l of one m, from the series of P[m,m]. */
static void ascend(const e3tp_gaunt_coeff *c, int m, const long double *start)
{
    long double below[TERMS] = {0}, f[TERMS], next[TERMS];
    memcpy(f, start, sizeof f);
    for (int l = m;; l++) {
        store(c, l, m, f);
        if (l == c->lmax)
            return;
        const long double l2 = (long double)(l + 1) * (l + 1), k2 = (long double)l * l,
                          m2 = (long double)m * m;
        const long double A = sqrtl((4 * l2 - 1) / (l2 - m2)),
                          B = l > m ? sqrtl((k2 - m2) / (4 * k2 - 1)) : 0;
        times_cos(f, l, m % 2, next);
        for (int u = 0; u < TERMS; u++)
            next[u] = A * (next[u] - B * below[u]);
        memcpy(below, f, sizeof f);
        memcpy(f, next, sizeof f);
    }
}

bool e3tp_gaunt_coeff_create(e3tp_gaunt_coeff *c, int lmax, int umax, const e3tp_allocator *a)
{
    const size_t n = (size_t)(lmax + 1) * (size_t)(lmax + 1) * (size_t)(umax + 1);
    *c = (e3tp_gaunt_coeff){lmax, umax, e3tp_zalloc(a, n, sizeof(double)),
                            e3tp_zalloc(a, n, sizeof(double))};
    if (!c->series || !c->integral) {
        e3tp_gaunt_coeff_destroy(c, a);
        return false;
    }
    long double diagonal[TERMS] = {0.28209479177387814347403972578038629L}, next[TERMS];
    for (int m = 0; m <= lmax; m++) {
        ascend(c, m, diagonal);
        times_sin(diagonal, m, m % 2, next);
        for (int u = 0; u < TERMS; u++)
            diagonal[u] = sqrtl((2 * m + 3) / (2.0L * (m + 1))) * next[u];
    }
    return true;
}

void e3tp_gaunt_coeff_destroy(e3tp_gaunt_coeff *c, const e3tp_allocator *a)
{
    e3tp_free(a, c->series);
    e3tp_free(a, c->integral);
    *c = (e3tp_gaunt_coeff){0};
}
