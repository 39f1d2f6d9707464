/* SPDX-License-Identifier: MIT */
/* The formulas as the header has them, in extended precision. */
#include <math.h>

#include "radial/radial.h"

static const long double pi = 3.14159265358979323846264338327950288L;

static void bessel(const e3tp_radial_map *m, size_t n, long double r, long double *b,
                   long double *db)
{
    const long double c = m->r_max, k = (long double)(n + 1) * pi / c, x = k * r;
    const long double scale = sqrtl(2 / c);
    *b = r > 0 ? scale * sinl(x) / r : scale * k;
    *db = x > 1e-3L ? scale * (k * cosl(x) - sinl(x) / r) / r
                    : -scale * k * k * x / 3 * (1 - x * x / 10);
}

static void gaussian(const e3tp_radial_map *m, size_t n, long double r, long double *b,
                     long double *db)
{
    const long double step = m->step, d = (r - m->first - (long double)n * step) / step;
    *b = expl(-d * d) / 1.12L;
    *db = -2 * d / step * *b;
}

static void cutoff(const e3tp_radial_map *m, long double r, long double *u, long double *du)
{
    const long double c = m->r_max, t = r / c, p = m->p;
    *u = 1, *du = 0;
    if (m->cutoff == E3TP_CUTOFF_POLYNOMIAL) {
        *u = 1 - (p + 1) * (p + 2) / 2 * powl(t, p) + p * (p + 2) * powl(t, p + 1) -
             p * (p + 1) / 2 * powl(t, p + 2);
        *du = -p * (p + 1) * (p + 2) / 2 * (powl(t, p - 1) - 2 * powl(t, p) + powl(t, p + 1)) / c;
    } else if (m->cutoff == E3TP_CUTOFF_COSINE) {
        *u = (1 + cosl(pi * t)) / 2;
        *du = -pi / c * sinl(pi * t) / 2;
    }
    if (m->cutoff != E3TP_CUTOFF_NONE && r >= c)
        *u = 0, *du = 0;
}

void e3tp_radial_reference(const e3tp_radial_map *m, size_t n, double r, long double *value,
                           long double *slope)
{
    long double b, db, u, du;
    (m->basis == E3TP_RADIAL_BESSEL ? bessel : gaussian)(m, n, r, &b, &db);
    cutoff(m, r, &u, &du);
    *value = b * u;
    *slope = db * u + b * du;
}
