/* SPDX-License-Identifier: MIT */
/* What a radial plan computes, and the kernel that each tier and real has for it. */
#ifndef E3TP_RADIAL_KERNELS_H
#define E3TP_RADIAL_KERNELS_H

#include "e3tp/radial.h"

/* f_n(r) = basis_n(r) u(r / r_max). Bessel: scale sin((n+1) pi r / r_max) / r. Gaussian: scale
   exp(-((r - first - n step) / step)^2). Lengths are already as the element type holds them. */
typedef struct e3tp_radial_map {
    e3tp_radial_basis basis;
    e3tp_radial_cutoff cutoff;
    size_t num;
    int p;
    double r_max, scale;
    double wave;                  /* Bessel: pi / r_max */
    double first, step, per_step; /* Gaussian; per_step = 1 / step */
} e3tp_radial_map;

/* values, slopes, seconds: [n][num] f_n and its first two derivatives; any may be NULL. The arrays
   are of the kernel's real. Serial, for any n: other kernels call it for a few rows. */
typedef struct e3tp_radial_kernel {
    void (*eval)(const e3tp_radial_map *m, size_t n, const void *r, void *values, void *slopes,
                 void *seconds);
} e3tp_radial_kernel;

#endif
