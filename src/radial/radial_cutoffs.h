/* SPDX-License-Identifier: MIT */
/* Cutoffs of a vector of distances, for radial_kernels_tmpl.c: u and its two derivatives by r, from
   r >= 0 and t = r / r_max. What they give from r_max on is not used. */
#ifndef E3TP_RADIAL_CUTOFFS_H
#define E3TP_RADIAL_CUTOFFS_H

#include "radial/radial_kernels.h"
#include "simd/vmath.h"

#define PI 3.14159265358979323846

/* NaN flows through both. */
V_INLINE v_real at_most(v_real b, real top)
{
    return v_select((v_int)(b > v_set1(top)), v_set1(top), b);
}

V_INLINE v_real at_least(v_real b, real bottom)
{
    return v_select((v_int)(b < v_set1(bottom)), v_set1(bottom), b);
}

/* g = exp(-a q), q = d^2 / w with w = 1 - d^2 given, and two derivatives, `rate` the derivative of
   d. It is 0 in both types where w is 1/1024 or less. */
V_INLINE void bump(real a, v_real d, v_real w, double rate, v_real *g)
{
    const v_real y = v_set1(1) / at_least(w, R(1.0) / 1024), q = d * d * y, one = v_set1(1);
    g[0] = v_exp(v_set1(-a) * q);
    const v_real turn = v_set1((real)(2 * rate) * a) * y * y * g[0];
    g[1] = -turn * d;
    g[2] = v_set1((real)rate) * turn * (v_set1(2) * q * (v_set1(a) * y - v_set1(2)) - one);
}

static void cut_none(const e3tp_radial_map *m, v_real r, v_real t, v_real *u)
{
    (void)m, (void)r, (void)t;
    u[0] = v_set1(1);
    u[1] = u[2] = v_zero();
}

/* u = (1-t)^3 sum over j < p of (j+1)(j+2)/2 t^j, the series of (1-t)^-3 cut off, and
   du/dt = -p(p+1)(p+2)/2 t^(p-1) (1-t)^2: unlike the expanded form, nothing cancels near t = 1. */
static void cut_polynomial(const e3tp_radial_map *m, v_real r, v_real t, v_real *u)
{
    (void)r;
    const v_real rest = v_set1(1) - t;
    const double factor = 0.5 * m->p * (m->p + 1) * (m->p + 2) / m->r_max;
    v_real sum = v_set1((real)(m->p * (m->p + 1) / 2)), power = v_set1(1), below = v_zero();
    for (int j = m->p - 2; j >= 0; j--) {
        sum = v_fma(sum, t, v_set1((real)((j + 1) * (j + 2) / 2)));
        below = power;
        power *= t;
    }
    const v_real bend = v_set1((real)(m->p - 1)) * below * rest - v_set1(2) * power;
    u[0] = rest * rest * rest * sum;
    u[1] = v_set1((real)-factor) * power * rest * rest;
    u[2] = v_set1((real)(-factor / m->r_max)) * bend * rest;
}

/* As cos^2(pi t / 2), which does not cancel near t = 1. */
static void cut_cosine(const e3tp_radial_map *m, v_real r, v_real t, v_real *u)
{
    (void)r;
    const double rate = PI / m->r_max;
    const v_real a = t * v_set1((real)(PI / 2)), c = v_cos(a), s = v_sin(a);
    u[0] = c * c;
    u[1] = v_set1((real)-rate) * s * c;
    u[2] = v_set1((real)(rate * rate / 2)) * (s - c) * (s + c);
}

/* s = (r_max^2 - r^2) / (r_max^2 - r_on^2) and 1 - s, both without cancelling, make u = s^2 (3 - 2
   s) and its derivatives. */
static void cut_xplor(const e3tp_radial_map *m, v_real r, v_real t, v_real *u)
{
    (void)t;
    const v_real c = v_set1((real)m->r_max), on = v_set1((real)m->r_on),
                 gap = v_set1((real)m->per_gap), rate = v_set1(-2) * gap * r,
                 s = at_most((c - r) * (c + r) * gap, 1),
                 rest = at_least((r - on) * (r + on) * gap, 0);
    const v_real bend = (rest - s) * rate * rate - v_set1(2) * gap * s * rest;
    u[0] = s * s * v_fma(rest, v_set1(2), v_set1(1));
    u[1] = v_set1(6) * s * rest * rate;
    u[2] = v_select((v_int)(r < on), v_zero(), v_set1(6) * bend);
}

/* exp(-1024) is 0 in both types. */
static void cut_soft_step(const e3tp_radial_map *m, v_real r, v_real t, v_real *u)
{
    (void)t;
    const double rate = m->p / m->r_max;
    const v_real z = (v_set1((real)m->r_max) - r) * v_set1((real)rate),
                 y = v_set1(1) / at_least(z, R(1.0) / 1024);
    u[0] = v_exp(-y);
    u[1] = v_set1((real)-rate) * y * y * u[0];
    u[2] = v_set1((real)(rate * rate)) * y * y * y * (y - v_set1(2)) * u[0];
}

static void cut_mollifier(const e3tp_radial_map *m, v_real r, v_real t, v_real *u)
{
    const double rate = 1 / m->r_max;
    const v_real rest = (v_set1((real)m->r_max) - r) * v_set1((real)rate);
    bump(1, t, rest * (v_set1(1) + t), rate, u);
}

/* By e3tp_radial_cutoff. */
static void (*const cutoffs[])(const e3tp_radial_map *m, v_real r, v_real t, v_real *u) = {
    [E3TP_CUTOFF_NONE] = cut_none,           [E3TP_CUTOFF_POLYNOMIAL] = cut_polynomial,
    [E3TP_CUTOFF_COSINE] = cut_cosine,       [E3TP_CUTOFF_XPLOR] = cut_xplor,
    [E3TP_CUTOFF_SOFT_STEP] = cut_soft_step, [E3TP_CUTOFF_MOLLIFIER] = cut_mollifier,
    [E3TP_CUTOFF_SHARP] = cut_none,
};

#endif
