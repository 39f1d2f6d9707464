/* SPDX-License-Identifier: MIT */
/* Real spherical harmonics as polynomials of (x, y, z), scalar, in double.

   Component normalisation, s = x^2 + z^2:

     Y[l,M] = F[l,M](y, s) Re(z+ix)^M,  Y[l,-M] = F[l,M] Im(z+ix)^M,  0 <= M <= l
     F[0,0] = 1,  F[1,1] = sqrt(3),  F[l,l] = sqrt((2l+1)/(2l)) F[l-1,l-1]
     F[l,M-1] = (2M y F[l,M] - sqrt((l-M)(l+M+1)) s F[l,M+1]) / sqrt((l+M)(l-M+1)),
                times sqrt(1/2) for M = 1

   M runs downwards (DLMF 14.10.1): upwards in l the recurrence loses up to l^2 / 4 eps near the
   poles. No angle appears, so poles and axes are ordinary points. Derivatives of a solid harmonic
   are combinations of those one degree lower: with R = (2l+1)/(2l-1) and U[M] = (Re, Im) parts of
   order M of degree l-1,

     dY[l,m]/dy  = sqrt(R (l-M)(l+M)) Y[l-1,m]
     dY[l,+M]/dz =  p U[M-1].Re - q U[M+1].Re    dY[l,+M]/dx = -p U[M-1].Im - q U[M+1].Im
     dY[l,-M]/dz =  p U[M-1].Im - q U[M+1].Im    dY[l,-M]/dx =  p U[M-1].Re + q U[M+1].Re
     dY[l,0]/dz  = -sqrt(2) q U[1].Re            dY[l,0]/dx  = -sqrt(2) q U[1].Im
     p = sqrt(R (l+M)(l+M-1)) / 2 (times sqrt(2) for M = 1),  q = sqrt(R (l-M)(l-M-1)) / 2

   For the normalised form, grad (Y(x/|x|)) = (grad Y - l u Y)(u) / |x| with u = x/|x| (Euler). */
#include "e3tp/so3.h"

#include <math.h>
#include <string.h>

enum { LMAX = E3TP_SO3_LMAX, ALL = (LMAX + 1) * (LMAX + 1) };

static const double inv_sqrt_4pi = 0.28209479177387814;
static const double sqrt_2 = 1.4142135623730951, sqrt_half = 0.70710678118654752;

/* One degree, top = F[l,l]; re, im [l + 1]: (z + ix)^M; Y points at the order 0. */
static void degree_harmonics(int l, double top, double y, double s, const double *re,
                             const double *im, double *Y)
{
    double f = top, above = 0.0;
    for (int M = l; M > 0; M--) {
        const double d = (l + M) * (l - M + 1.0), last = M == 1 ? sqrt_half : 1.0;
        const double next =
            last * (2 * M * y * f - sqrt((l - M) * (l + M + 1.0)) * s * above) / sqrt(d);
        Y[M] = f * re[M];
        Y[-M] = f * im[M];
        above = f;
        f = next;
    }
    Y[0] = f;
}

/* Y [(lmax+1)^2], index l^2+l+m. */
static void all_harmonics(int lmax, const double v[3], double *Y)
{
    double re[LMAX + 1] = {1.0}, im[LMAX + 1] = {0.0}, top = 1.0;
    for (int M = 0; M < lmax; M++) {
        re[M + 1] = re[M] * v[2] - im[M] * v[0];
        im[M + 1] = re[M] * v[0] + im[M] * v[2];
    }
    for (int l = 0; l <= lmax; l++) {
        top *= l == 0 ? 1.0 : l == 1 ? sqrt(3.0) : sqrt((2 * l + 1) / (2.0 * l));
        degree_harmonics(l, top, v[1], v[0] * v[0] + v[2] * v[2], re, im, Y + l * l + l);
    }
}

/* Real or imaginary part of order M of the degree below, 0 where there is none; U points at its
 * order 0. */
static double part(const double *U, int l, int M, int imag)
{
    if (M > l || (imag && M == 0))
        return 0.0;
    return U[imag ? -M : M];
}

/* Derivatives of degree l >= 1 along x, y, z into g[0], g[1], g[2], each [2l+1]; U: order 0 of
 * degree l-1. */
static void degree_gradient(int l, const double *U, double *const g[3])
{
    double R = (2 * l + 1.0) / (2 * l - 1.0);
    for (int M = 0; M <= l; M++) {
        double c = sqrt(R * (l - M) * (l + M)), q = 0.5 * sqrt(R * (l - M) * (l - M - 1));
        double p = 0.5 * sqrt(R * (l + M) * (l + M - 1)) * (M == 1 ? sqrt_2 : 1.0);
        double hr = q * part(U, l - 1, M + 1, 0), hi = q * part(U, l - 1, M + 1, 1);
        g[1][l + M] = c * part(U, l - 1, M, 0);
        if (M == 0) {
            g[0][l] = -sqrt_2 * hi;
            g[2][l] = -sqrt_2 * hr;
            continue;
        }
        double lr = p * part(U, l - 1, M - 1, 0), li = p * part(U, l - 1, M - 1, 1);
        g[0][l + M] = -li - hi;
        g[2][l + M] = lr - hr;
        g[0][l - M] = lr + hr;
        g[1][l - M] = c * part(U, l - 1, M, 1);
        g[2][l - M] = li - hi;
    }
}

static double degree_scale(int l, e3tp_sh_norm norm)
{
    if (norm == E3TP_SH_INTEGRAL)
        return inv_sqrt_4pi;
    return norm == E3TP_SH_NORM ? 1.0 / sqrt(2 * l + 1.0) : 1.0;
}

/* u = x / |x|, *len = |x| 2^-exp2; scaled by a power of two, so that nothing overflows or
   underflows. Returns 0 at the origin. */
static int unit_vector(const double x[3], double u[3], double *len, int *exp2)
{
    double big = fmax(fabs(x[0]), fmax(fabs(x[1]), fabs(x[2])));
    if (x[0] == 0.0 && x[1] == 0.0 && x[2] == 0.0)
        return 0;
    *exp2 = 0;
    if (big > 0.0 && big <= 1.7976931348623157e308)
        frexp(big, exp2);
    for (int i = 0; i < 3; i++)
        u[i] = ldexp(x[i], -*exp2);
    *len = sqrt(u[0] * u[0] + u[1] * u[1] + u[2] * u[2]);
    for (int i = 0; i < 3; i++)
        u[i] /= *len;
    return 1;
}

/* One degree of one point: scaled values, and gradients made tangential where `len` is not 0. */
static void put_degree(int l, double scale, const double *Y, const double u[3], double len,
                       int exp2, double *values, double *const g[3])
{
    const double *row = Y + l * l;
    for (int k = 0; values != NULL && k <= 2 * l; k++)
        values[k] = scale * row[k];
    if (g == NULL)
        return;
    for (int i = 0; l == 0 && i < 3; i++)
        g[i][0] = 0.0;
    if (l > 0)
        degree_gradient(l, Y + (l - 1) * (l - 1) + l - 1, g);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k <= 2 * l; k++) {
            double d = scale * g[i][k];
            g[i][k] = len > 0.0 ? ldexp((d - scale * l * u[i] * row[k]) / len, -exp2) : d;
        }
}

/* One point: values [dim], grad [3][dim]. */
static void put_point(const int *ls, size_t nls, int lmax, int normalize, e3tp_sh_norm norm,
                      const double x[3], size_t dim, double *values, double *grad)
{
    double Y[ALL], u[3] = {x[0], x[1], x[2]}, len = 0.0;
    int exp2 = 0, origin = normalize && !unit_vector(x, u, &len, &exp2);
    size_t at = 0;
    all_harmonics(lmax, u, Y);
    for (size_t i = 0; i < nls; i++) {
        double *g[3] = {NULL, NULL, NULL};
        for (size_t k = 0; grad != NULL && k < 3; k++)
            g[k] = grad + k * dim + at;
        put_degree(ls[i], degree_scale(ls[i], norm), Y, u, len, exp2,
                   values != NULL ? values + at : NULL, grad != NULL ? g : NULL);
        at += 2 * (size_t)ls[i] + 1;
    }
    if (origin && grad != NULL)
        memset(grad, 0, 3 * dim * sizeof *grad);
}

e3tp_status e3tp_sh_eval(const int *ls, size_t nls, int normalize, e3tp_sh_norm norm,
                         const double *xyz, size_t n, double *values, double *grad)
{
    int lmax = 0;
    size_t dim = 0;
    if ((ls == NULL && nls > 0) || (xyz == NULL && n > 0) || (normalize != 0 && normalize != 1) ||
        (norm != E3TP_SH_INTEGRAL && norm != E3TP_SH_COMPONENT && norm != E3TP_SH_NORM))
        return E3TP_E_INVALID;
    for (size_t i = 0; i < nls; i++) {
        if (ls[i] < 0)
            return E3TP_E_INVALID;
        lmax = ls[i] > lmax ? ls[i] : lmax;
    }
    if (lmax > LMAX)
        return E3TP_E_UNSUPPORTED;
    for (size_t i = 0; i < nls; i++)
        dim += 2 * (size_t)ls[i] + 1;
    for (size_t b = 0; b < n; b++)
        put_point(ls, nls, lmax, normalize, norm, xyz + 3 * b, dim,
                  values != NULL ? values + b * dim : NULL,
                  grad != NULL ? grad + b * 3 * dim : NULL);
    return E3TP_OK;
}
