/* SPDX-License-Identifier: MIT */
/* Values at the knots to coefficients and the transpose of that, lanes over columns, compiled once
   per tier and real. With n knots, 0..n-1, and coefficients c[-1]..c[n]:

     c[i-1] + 4 c[i] + c[i+1] = 6 v[i]                      the spline takes the values
     c[n] = c[n-2]                                          its slope at r_max is 0
     second differences of c at 0, 1, 2 lie on a line      not a knot at 1

   The third makes the second difference of c at 1 that of v, hence c[1] = v[1] - (v[0] - 2 v[1] +
   v[2]) / 6. Then rows 2..n-1 are a tridiagonal system, and c[0] and c[-1] follow from rows 1, 0.
 */
#include <string.h>

#include "core/sums.h"
#include "radial/spline.h"
#include "simd/vec.h"

/* u[i] = 1 / (4 - u[i-1]) from u[1] = 0 on, the factors of the elimination, which after 15 steps
   change no more. */
enum { STEPS = 20 };

static void factors(double *u)
{
    u[0] = u[1] = 0;
    for (int i = 2; i < STEPS; i++)
        u[i] = 1 / (4 - u[i - 1]);
}

static double factor(const double *u, size_t i)
{
    return u[i < STEPS ? i : STEPS - 1];
}

/* out = a x + b y for n columns; out may be x or y. */
static void two(size_t n, double a, const real *x, double b, const real *y, real *out)
{
    const v_real va = v_set1((real)a), vb = v_set1((real)b);
    for (size_t at = 0; at < n; at += (size_t)V_LANES)
        v_store_part(out, n, at, v_fma(va, v_load_part(x, n, at), vb * v_load_part(y, n, at)));
}

/* out = a x + b y + c z. */
static void three(size_t n, double a, const real *x, double b, const real *y, double c,
                  const real *z, real *out)
{
    const v_real va = v_set1((real)a), vb = v_set1((real)b), vc = v_set1((real)c);
    for (size_t at = 0; at < n; at += (size_t)V_LANES)
        v_store_part(out, n, at,
                     v_fma(va, v_load_part(x, n, at),
                           v_fma(vb, v_load_part(y, n, at), vc * v_load_part(z, n, at))));
}

static void fit(size_t knots, size_t width, size_t from, size_t to, const void *values,
                void *coefficients)
{
    const size_t n = to - from, w = width, last = knots - 1;
    const real *v = (const real *)values + from;
    real *c = (real *)coefficients + from + w;
    double u[STEPS];
    factors(u);
    three(n, 8. / 6, v + w, -1. / 6, v, -1. / 6, v + 2 * w, c + w);
    for (size_t i = 2; i < last; i++)
        two(n, 6 * factor(u, i), v + i * w, -factor(u, i), c + (i - 1) * w, c + i * w);
    const double q = 1 / (4 - 2 * factor(u, last - 1));
    two(n, 6 * q, v + last * w, -2 * q, c + (last - 1) * w, c + last * w);
    for (size_t i = last - 1; i >= 2; i--)
        two(n, 1, c + i * w, -factor(u, i), c + (i + 1) * w, c + i * w);
    three(n, 6, v + w, -4, c + w, -1, c + 2 * w, c);
    three(n, 6, v, -4, c, -1, c + w, c - w);
    memcpy(c + knots * w, c + (last - 1) * w, n * sizeof(real));
}

/* The steps of fit, each transposed, from the last to the first; g and v hold cotangents. */
static void fit_backward(size_t knots, size_t width, size_t from, size_t to,
                         const void *gcoefficients, void *gvalues)
{
    const size_t n = to - from, w = width, last = knots - 1;
    const real *g = (const real *)gcoefficients + from + w;
    real *v = (real *)gvalues + from;
    double u[STEPS];
    factors(u);
    two(n, 1, g, -4, g - w, v);
    three(n, 1, g + w, -1, g - w, -4, v, v + w);
    two(n, 1, g + 2 * w, -1, v, v + 2 * w);
    for (size_t i = 3; i <= last; i++)
        memcpy(v + i * w, g + i * w, n * sizeof(real));
    two(n, 1, v + (last - 1) * w, 1, g + knots * w, v + (last - 1) * w);
    for (size_t i = 2; i < last; i++)
        two(n, 1, v + (i + 1) * w, -factor(u, i), v + i * w, v + (i + 1) * w);
    const double q = 1 / (4 - 2 * factor(u, last - 1));
    two(n, 1, v + (last - 1) * w, -2 * q, v + last * w, v + (last - 1) * w);
    e3tp_sum_scale(sizeof(real), 6 * q, v + last * w, v + last * w, n);
    for (size_t i = last - 1; i >= 2; i--) {
        two(n, 1, v + (i - 1) * w, -factor(u, i), v + i * w, v + (i - 1) * w);
        e3tp_sum_scale(sizeof(real), 6 * factor(u, i), v + i * w, v + i * w, n);
    }
    two(n, 1, v + 2 * w, -1. / 6, v + w, v + 2 * w);
    two(n, 6, g - w, -1. / 6, v + w, v);
    three(n, 6, g, -24, g - w, 8. / 6, v + w, v + w);
}

const e3tp_spline_kernels E3TP_NAME(e3tp_spline_kernels) = {fit, fit_backward};
