/* SPDX-License-Identifier: MIT */
/* What a radial plan computes, and the kernel that each tier and real has for it. */
#ifndef E3TP_RADIAL_KERNELS_H
#define E3TP_RADIAL_KERNELS_H

#include "e3tp/radial.h"

/* The formulas of e3tp/radial.h with their constants: a basis is scale times a function whose
   argument is wave (n+1) r with Bessel, per_step (r - first - n step) with knots, and per_step
   (r - first) with Fourier. Lengths are already as the element type holds them. */
typedef struct e3tp_radial_map {
    e3tp_radial_basis basis;
    e3tp_radial_cutoff cutoff;
    size_t num;
    int p;
    double r_max, scale;
    double wave;                  /* Bessel, Fourier: pi over the range */
    double first, step, per_step; /* knots; Fourier: the range; per_step = 1 / step */
    int sine;                     /* Fourier: sines, which are 0 below `first` */
    double r_on, per_gap;         /* XPLOR; per_gap = 1 / (r_max^2 - r_on^2) */
    int bounded;                  /* everything is 0 from r_max on */
} e3tp_radial_map;

/* values, slopes, seconds: [n][num] f_n and its first two derivatives; any may be NULL. The arrays
   are of the kernel's real. Serial, for any n: other kernels call it for a few rows. */
typedef struct e3tp_radial_kernel {
    void (*eval)(const e3tp_radial_map *m, size_t n, const void *r, void *values, void *slopes,
                 void *seconds);
} e3tp_radial_kernel;

#endif
