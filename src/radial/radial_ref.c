/* SPDX-License-Identifier: MIT */
/* The formulas as the header has them, in extended precision. */
#include <math.h>

#include "radial/radial.h"

static const long double pi = 3.14159265358979323846264338327950288L;

/* b[3] = scale k (j(k r), k j'(k r), k^2 j''(k r)), j = sin x / x, by its series where the terms
   of the closed form cancel. */
static void bessel(const e3tp_radial_map *m, size_t n, long double r, long double *b)
{
    const long double k = (long double)(n + 1) * pi / m->r_max, x = k * r;
    const long double scale = sqrtl(2 / (long double)m->r_max);
    long double j = sinl(x) / x, dj = (cosl(x) - j) / x, ddj = -j - 2 * dj / x;
    if (x < 1) {
        long double c = 1, power = 1; /* (-1)^i / (2i+1)!, x^(2i-2) */
        j = 1, dj = 0, ddj = 0;
        for (int i = 1; i < 14; i++, power *= x * x) {
            c /= -(2 * i) * (2 * i + 1);
            j += c * power * x * x;
            dj += c * 2 * i * power * x;
            ddj += c * 2 * i * (2 * i - 1) * power;
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

/* With s(t) = exp(-1 / t) the function is 1.14136 e^2 s(1 + d) s(1 - d). */
static void smooth_finite(const e3tp_radial_map *m, size_t n, long double r, long double *b)
{
    const long double step = m->step, d = (r - m->first - (long double)n * step) / step;
    const long double up = 1 + d, down = 1 - d;
    b[0] = b[1] = b[2] = 0;
    if (up <= 0 || down <= 0)
        return;
    const long double value = 1.14136L * expl(2 - 1 / up - 1 / down);
    const long double rate = 1 / (up * up) - 1 / (down * down);
    const long double bend = -2 / (up * up * up) - 2 / (down * down * down);
    b[0] = value;
    b[1] = value * rate / step;
    b[2] = value * (rate * rate + bend) / (step * step);
}

static void cosine(const e3tp_radial_map *m, size_t n, long double r, long double *b)
{
    const long double step = m->step, d = (r - m->first - (long double)n * step) / step;
    const long double rate = pi / 2 / step, inside = d >= -1 && d < 1;
    b[0] = inside * cosl(pi / 2 * d);
    b[1] = inside * -rate * sinl(pi / 2 * d);
    b[2] = inside * -rate * rate * cosl(pi / 2 * d);
}

static void fourier(const e3tp_radial_map *m, size_t n, long double r, long double *b)
{
    const long double first = m->first, range = m->r_max - first, x = (r - first) / range;
    const long double k = (long double)(n + (m->sine ? 1 : 0)) * pi / range;
    const long double scale = 1 / sqrtl(0.25L + (long double)m->num / 2);
    const long double s = scale * sinl(k * range * x), c = scale * cosl(k * range * x);
    const long double inside = !m->sine || (x >= 0 && x < 1);
    b[0] = inside * (m->sine ? s : c);
    b[1] = inside * k * (m->sine ? c : -s);
    b[2] = -k * k * b[0];
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

static void cut_xplor(const e3tp_radial_map *m, long double r, long double *u)
{
    const long double c = (long double)m->r_max * m->r_max, on = (long double)m->r_on * m->r_on;
    const long double s = r * r, gap = (c - on) * (c - on) * (c - on);
    u[0] = 1, u[1] = 0, u[2] = 0;
    if (r < m->r_on)
        return;
    u[0] = (c - s) * (c - s) * (c + 2 * s - 3 * on) / gap;
    u[1] = 12 * r * (c - s) * (on - s) / gap;
    u[2] = 12 * ((c - s) * (on - s) - 2 * s * (on - s) - 2 * s * (c - s)) / gap;
}

static void cut_soft_step(const e3tp_radial_map *m, long double r, long double *u)
{
    const long double c = m->r_max, rate = m->p / c, z = m->p * (1 - r / c);
    u[0] = expl(-1 / z);
    u[1] = -rate * u[0] / (z * z);
    u[2] = rate * rate * u[0] * (1 - 2 * z) / (z * z * z * z);
}

static void cut_mollifier(const e3tp_radial_map *m, long double r, long double *u)
{
    const long double c = m->r_max, t = r / c, w = 1 - t * t;
    u[0] = expl(-t * t / w);
    u[1] = -2 * t / (w * w) * u[0] / c;
    u[2] = (4 * t * t / (w * w * w * w) - 8 * t * t / (w * w * w) - 2 / (w * w)) * u[0] / (c * c);
}

static void (*const bases[])(const e3tp_radial_map *m, size_t n, long double r, long double *b) = {
    [E3TP_RADIAL_BESSEL] = bessel,
    [E3TP_RADIAL_GAUSSIAN] = gaussian,
    [E3TP_RADIAL_SMOOTH_FINITE] = smooth_finite,
    [E3TP_RADIAL_COSINE] = cosine,
    [E3TP_RADIAL_FOURIER] = fourier,
};

static void (*const cutoffs[])(const e3tp_radial_map *m, long double r, long double *u) = {
    [E3TP_CUTOFF_NONE] = cut_none,           [E3TP_CUTOFF_POLYNOMIAL] = cut_polynomial,
    [E3TP_CUTOFF_COSINE] = cut_cosine,       [E3TP_CUTOFF_XPLOR] = cut_xplor,
    [E3TP_CUTOFF_SOFT_STEP] = cut_soft_step, [E3TP_CUTOFF_MOLLIFIER] = cut_mollifier,
    [E3TP_CUTOFF_SHARP] = cut_none,
};

void e3tp_radial_reference(const e3tp_radial_map *m, size_t n, double r, long double *f)
{
    long double b[3], u[3];
    f[0] = f[1] = f[2] = 0;
    if (m->cutoff != E3TP_CUTOFF_NONE && r >= m->r_max)
        return;
    bases[m->basis](m, n, r, b);
    cutoffs[m->cutoff](m, r, u);
    f[0] = b[0] * u[0];
    f[1] = b[1] * u[0] + b[0] * u[1];
    f[2] = b[2] * u[0] + 2 * b[1] * u[1] + b[0] * u[2];
}
