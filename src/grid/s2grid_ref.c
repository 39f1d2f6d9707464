/* SPDX-License-Identifier: MIT */
/* Plain and in double: harmonics at the nodes by e3tp_sh_eval, every sum as it stands. */
#include <math.h>
#include <stdlib.h>

#include "grid/s2grid.h"

static const double pi = 3.14159265358979323846;

/* t[l] or s[l] of degree number i. */
static double scale_of(const e3tp_s2grid_desc *d, e3tp_s2grid_map map, size_t i)
{
    const int l = d->l[i], lmax = d->l[d->n - 1], lmax_in = d->lmax_in < 0 ? lmax : d->lmax_in;
    const double root = sqrt(4 * pi), d_l = sqrt(2 * l + 1);
    const double to[] = {[E3TP_SH_INTEGRAL] = 1,
                         [E3TP_SH_COMPONENT] = root / d_l / sqrt(lmax + 1),
                         [E3TP_SH_NORM] = root / sqrt(lmax + 1)},
                 from[] = {[E3TP_SH_INTEGRAL] = 4 * pi,
                           [E3TP_SH_COMPONENT] = root * d_l * sqrt(lmax_in + 1),
                           [E3TP_SH_NORM] = root * sqrt(lmax_in + 1)};
    if (d->factors)
        return d->factors[i];
    return map == E3TP_S2GRID_TO ? to[d->normalization] : from[d->normalization];
}

/* The matrix of a map between coefficients of one channel and samples, M [samples][components], and
   the same with the largest value that a harmonic of the degree has in place of each. */
static void set_matrix(const e3tp_s2grid_desc *d, e3tp_s2grid_map map, double *M, double *most)
{
    const size_t n = (size_t)d->n_theta * (size_t)d->n_phi;
    double *xyz = malloc(3 * n * sizeof *xyz), *q = malloc(n * sizeof *q);
    e3tp_s2grid_nodes(d->quadrature, d->n_theta, d->n_phi, d->half_offset, xyz, q);
    e3tp_sh_eval(d->l, d->n, 1, E3TP_SH_INTEGRAL, xyz, n, M, NULL);
    for (size_t p = 0, at = 0; p < n; p++)
        for (size_t i = 0; i < d->n; i++)
            for (int m = 0; m <= 2 * d->l[i]; m++, at++) {
                const double c = scale_of(d, map, i) * (map == E3TP_S2GRID_FROM ? q[p] : 1);
                M[at] *= c;
                most[at] = fabs(c) * sqrt((2 * d->l[i] + 1) / (4 * pi));
            }
    free(xyz);
    free(q);
}

void e3tp_s2grid_reference(const e3tp_s2grid_desc *d, e3tp_s2grid_map map, bool synthesis,
                           const double *in, double *out, double *size)
{
    const size_t n = (size_t)d->n_theta * (size_t)d->n_phi, C = d->channels;
    size_t components = 0;
    for (size_t i = 0; i < d->n; i++)
        components += 2 * (size_t)d->l[i] + 1;
    double *M = malloc((2 * n * components + 1) * sizeof *M), *most = M + n * components;
    set_matrix(d, map, M, most);
    for (size_t i = 0; i < C * (synthesis ? n : components); i++)
        out[i] = size[i] = 0;
    for (size_t u = 0; u < C; u++)
        for (size_t p = 0; p < n; p++)
            for (size_t i = 0, first = 0, k = 0; i < d->n; first += 2 * (size_t)d->l[i++] + 1)
                for (size_t m = 0; m <= 2 * (size_t)d->l[i]; m++, k++) {
                    const size_t x = C * first + u * (2 * (size_t)d->l[i] + 1) + m, f = u * n + p;
                    const double given = in[synthesis ? x : f];
                    out[synthesis ? f : x] += M[p * components + k] * given;
                    size[synthesis ? f : x] += most[p * components + k] * fabs(given);
                }
    free(M);
}
