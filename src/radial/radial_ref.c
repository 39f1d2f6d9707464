/* SPDX-License-Identifier: MIT */
/* The formulas as the header has them, in extended precision. */
#include <math.h>

#include "radial/radial.h"

static const long double pi = 3.14159265358979323846264338327950288L;

/* b[3] = scale k (j(k r), k j'(k r), k^2 j''(k r)), j = sin x / x, by its series where the terms
   of the closed form cancel. */
static void bessel(const e3tp_radial_map *m, size_t n, long double r, long double *b)
{
    const long double c = m->r_max, k = (long double)(n + 1) * pi / c, x = k * r;
    const long double scale = sqrtl(2 / c);
    long double j = sinl(x) / x, dj = (cosl(x) - j) / x, ddj = -j - 2 * dj / x;
    if (x < 1) {
        long double term = 1; /* (-1)^i / (2i+1)! */
        j = 1, dj = 0, ddj = 0;
        for (int i = 1; i < 14; i++) {
            term /= -(2 * i) * (2 * i + 1);
            j += term * powl(x, 2 * i);
            dj += term * 2 * i * powl(x, 2 * i - 1);
            ddj += term * 2 * i * (2 * i - 1) * powl(x, 2 * i - 2);
        }
    }
    b[0] = scale * k * j;
    b[1] = scale * k * k * dj;
    b[2] = scale * k * k * k * ddj;
}

static void gaussian(const e3tp_radial_map *m, size_t n, long double r, long double *b)
{
    const long double step = m->step, d = (r - m->first - (long double)n * step) / step;
    b[0] = expl(-d * d) / 1.12L;
    b[1] = -2 * d / step * b[0];
    b[2] = (4 * d * d - 2) / (step * step) * b[0];
}

static void cut_none(const e3tp_radial_map *m, long double r, long double *u)
{
    (void)m, (void)r;
    u[0] = 1, u[1] = 0, u[2] = 0;
}

static void cut_polynomial(const e3tp_radial_map *m, long double r, long double *u)
{
    const long double c = m->r_max, t = r / c, p = m->p, a = p * (p + 1) * (p + 2) / 2;
    u[0] = 1 - (p + 1) * (p + 2) / 2 * powl(t, p) + p * (p + 2) * powl(t, p + 1) -
           p * (p + 1) / 2 * powl(t, p + 2);
    u[1] = -a * (powl(t, p - 1) - 2 * powl(t, p) + powl(t, p + 1)) / c;
    u[2] = (2 * p * powl(t, p - 1) - (p + 1) * powl(t, p)) * a / (c * c);
    if (p > 1)
        u[2] -= (p - 1) * powl(t, p - 2) * a / (c * c);
}

static void cut_cosine(const e3tp_radial_map *m, long double r, long double *u)
{
    const long double rate = pi / m->r_max, a = rate * r;
    u[0] = (1 + cosl(a)) / 2;
    u[1] = -rate * sinl(a) / 2;
    u[2] = -rate * rate * cosl(a) / 2;
}

static void (*const bases[])(const e3tp_radial_map *m, size_t n, long double r, long double *b) = {
    [E3TP_RADIAL_BESSEL] = bessel,
    [E3TP_RADIAL_GAUSSIAN] = gaussian,
};

static void (*const cutoffs[])(const e3tp_radial_map *m, long double r, long double *u) = {
    [E3TP_CUTOFF_NONE] = cut_none,
    [E3TP_CUTOFF_POLYNOMIAL] = cut_polynomial,
    [E3TP_CUTOFF_COSINE] = cut_cosine,
};

void e3tp_radial_reference(const e3tp_radial_map *m, size_t n, double r, long double *f)
{
    long double b[3], u[3];
    bases[m->basis](m, n, r, b);
    cutoffs[m->cutoff](m, r, u);
    f[0] = b[0] * u[0];
    f[1] = b[1] * u[0] + b[0] * u[1];
    f[2] = b[2] * u[0] + 2 * b[1] * u[1] + b[0] * u[2];
    if (m->cutoff != E3TP_CUTOFF_NONE && r >= m->r_max)
        f[0] = f[1] = f[2] = 0;
}
