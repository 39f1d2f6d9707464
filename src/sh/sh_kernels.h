/* SPDX-License-Identifier: MIT */
/* What a plan of harmonics computes, and the kernels that each tier and real has for it.

   All degrees to lmax are evaluated, each harmonic a line of lanes over vectors, line l^2 + l + m;
   those asked for are picked from there.

     Y[l,M] = F[l,M](y, x^2 + z^2) Re (z + ix)^M,  Y[l,-M] = F[l,M] Im (z + ix)^M,  0 <= M <= l
     F[l,l] = start[l],  F[l,M-1] = step[0] y F[l,M] - step[1] (x^2 + z^2) F[l,M+1]

   No angle appears, so that poles and axes are ordinary points. M runs downwards (DLMF 14.10.1):
   upwards in l, a recurrence of Legendre functions loses up to l^2 / 4 eps near the poles. */
#ifndef E3TP_SH_KERNELS_H
#define E3TP_SH_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "e3tp/sh.h"

enum { E3TP_SH_LINES = (E3TP_SH_LMAX + 1) * (E3TP_SH_LMAX + 1) };

/* Derivatives of a harmonic are combinations of those one degree lower:
     d/dx = wx[0] line x[0] + wx[1] line x[1],  d/dy = wy line y,  d/dz as d/dx
   A term that there is not has weight 0 and line 0, a constant. */
typedef struct e3tp_sh_sources {
    uint16_t x[2], y, z[2];
} e3tp_sh_sources;

/* Their weights, and the degree: reals of the plan. */
enum { E3TP_SH_WX = 0, E3TP_SH_WY = 2, E3TP_SH_WZ = 3, E3TP_SH_DEGREE = 5, E3TP_SH_WEIGHTS = 6 };

/* `reals` are of the plan's type. */
typedef struct e3tp_sh_map {
    int lmax, normalize;
    e3tp_sh_norm norm;
    bool batch_last;
    size_t dim;
    const uint16_t *line;           /* [dim] */
    const e3tp_sh_sources *sources; /* [lines] */
    const void *weights;            /* reals [lines][E3TP_SH_WEIGHTS] */
    const void *start;              /* reals [lmax+1] */
    const void *steps;              /* reals [2] for l = 0..lmax, M = l..1 */
} e3tp_sh_map;

/* The arrays of a call, as in the header; those that the kernel does not name are not looked at. */
typedef struct e3tp_sh_call {
    const e3tp_sh_map *map;
    e3tp_sh_vectors v;
    const void *g, *gg;
    void *values, *jacobian, *hessian; /* evaluate */
    void *gv, *hg;                     /* backward, double_backward: of the vectors, of g */
    bool stream;                       /* outputs too large for the caches: stored past them */
} e3tp_sh_call;

/* Vectors from..to-1 of the call. */
typedef void e3tp_sh_kernel(const e3tp_sh_call *c, size_t from, size_t to);

typedef struct e3tp_sh_kernels {
    e3tp_sh_kernel *evaluate, *backward, *double_backward;
} e3tp_sh_kernels;

#endif
