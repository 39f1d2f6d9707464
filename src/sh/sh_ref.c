/* SPDX-License-Identifier: MIT */
/* The definition with Legendre functions upwards in l, in extended precision; derivatives by the
   rules for sums and products. */
#include <math.h>

#include "sh/sh.h"

typedef e3tp_sh_jet jet;

static jet constant(long double a)
{
    return (jet){.value = a};
}

static jet coordinate(long double a, int axis)
{
    jet r = constant(a);
    r.first[axis] = 1;
    return r;
}

/* p a + q b */
static jet sum(long double p, jet a, long double q, jet b)
{
    jet r = constant(p * a.value + q * b.value);
    for (int i = 0; i < 3; i++) {
        r.first[i] = p * a.first[i] + q * b.first[i];
        for (int k = 0; k < 3; k++)
            r.second[i][k] = p * a.second[i][k] + q * b.second[i][k];
    }
    return r;
}

static jet times(jet a, jet b)
{
    jet r = constant(a.value * b.value);
    for (int i = 0; i < 3; i++) {
        r.first[i] = a.first[i] * b.value + a.value * b.first[i];
        for (int k = 0; k < 3; k++)
            r.second[i][k] = a.second[i][k] * b.value + a.value * b.second[i][k] +
                             a.first[i] * b.first[k] + a.first[k] * b.first[i];
    }
    return r;
}

/* a^(-1/2) */
static jet inverse_root(jet a)
{
    const long double f = 1 / sqrtl(a.value), df = -f / (2 * a.value),
                      ddf = -3 * df / (2 * a.value);
    jet r = constant(f);
    for (int i = 0; i < 3; i++) {
        r.first[i] = df * a.first[i];
        for (int k = 0; k < 3; k++)
            r.second[i][k] = df * a.second[i][k] + ddf * a.first[i] * a.first[k];
    }
    return r;
}

static jet square_length(const jet v[3])
{
    return sum(1, times(v[0], v[0]), 1, sum(1, times(v[1], v[1]), 1, times(v[2], v[2])));
}

static long double scale(int l, int m, e3tp_sh_norm norm)
{
    const long double pi = 3.14159265358979323846264338327950288L;
    long double s = m ? 2 : 1;
    for (int k = 1; k <= 2 * m; k++)
        s /= l - m + k;
    if (norm == E3TP_SH_INTEGRAL)
        s *= (2 * l + 1) / (4 * pi);
    else if (norm == E3TP_SH_COMPONENT)
        s *= 2 * l + 1;
    return sqrtl(s);
}

/* Order m of all degrees. With P[l] = d^m P_l(y / r) / dy^m r^(l-m): (2m-1)!! for l = m, upwards by
   (l-m) P[l] = (2l-1) y P[l-1] - (l+m-1) r^2 P[l-2]. */
static void put_order(int lmax, int m, e3tp_sh_norm norm, jet y, jet r2, jet re, jet im, jet *out)
{
    jet below = constant(0), p = constant(1);
    for (int k = 1; k <= m; k++)
        p = sum(2 * k - 1, p, 0, p);
    for (int l = m; l <= lmax; l++) {
        const long double s = scale(l, m, norm), up = l - m + 1;
        jet *middle = out + l * l + l;
        middle[-m] = sum(s, times(p, im), 0, p);
        middle[m] = sum(s, times(p, re), 0, p);
        const jet next = sum((2 * l + 1) / up, times(y, p), -(l + m) / up, times(r2, below));
        below = p, p = next;
    }
}

void e3tp_sh_reference(int lmax, int normalize, e3tp_sh_norm norm, const double v[3], jet *out)
{
    jet x[3], re = constant(1), im = constant(0);
    for (int i = 0; i < 3; i++)
        x[i] = coordinate(v[i], i);
    if (normalize) {
        const jet inverse = inverse_root(square_length(x));
        for (int i = 0; i < 3; i++)
            x[i] = times(x[i], inverse);
    }
    const jet r2 = square_length(x);
    for (int m = 0; m <= lmax; m++) {
        put_order(lmax, m, norm, x[1], r2, re, im, out);
        const jet next = sum(1, times(re, x[2]), -1, times(im, x[0]));
        im = sum(1, times(re, x[0]), 1, times(im, x[2]));
        re = next;
    }
}
