/* SPDX-License-Identifier: MIT */
/* The kernels of rings that FFTW transforms, one list for the structs, the tier tables and the
   tests. A line is T = 64 / sizeof(real) numbers, one per lane; a point is T complex numbers, two
   lines, its lanes in an order of their own. */
#ifndef E3TP_GAUNT_KERNELS_H
#define E3TP_GAUNT_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "core/cpu.h"
#include "e3tp_config.h"

/* An order m of a ring: where its frequencies +m and -m stand, and the lines of its coefficients of
   cos and sin, even and odd under theta -> pi - theta; -1: none. */
typedef struct e3tp_gaunt_order {
    uint16_t plus, minus;
    int32_t line[2][2]; /* [odd][sin] */
} e3tp_gaunt_order;

/* A ring and its mirror image are the real and the imaginary part of one complex ring.
   join      coefficients to frequencies  +m: a - ib, -m: a + ib,  a = (even + odd) + i (even - odd)
             of cosines, b of sines
   split     the reverse: even = re + im, odd = re - im of X[m] + X[-m] (cos), i (X[m] - X[-m])
   (sin) clear     lines of zeros at count points multiply  out = a b, or added to out, n lines */
#define E3TP_GAUNT_KERNELS(X, real)                                                     \
    X(join, (size_t n, const e3tp_gaunt_order *orders, const real *lines, real *ring))  \
    X(split, (size_t n, const e3tp_gaunt_order *orders, const real *ring, real *lines)) \
    X(clear, (size_t count, const uint16_t *points, real *ring))                        \
    X(multiply, (size_t n, const real *a, const real *b, real *out, bool adds))

#define E3TP_GAUNT_MEMBER(name, args) void(*name) args;
typedef struct e3tp_gaunt_kernels_f32 {
    E3TP_GAUNT_KERNELS(E3TP_GAUNT_MEMBER, float)
} e3tp_gaunt_kernels_f32;
typedef struct e3tp_gaunt_kernels_f64 {
    E3TP_GAUNT_KERNELS(E3TP_GAUNT_MEMBER, double)
} e3tp_gaunt_kernels_f64;

#define E3TP_GAUNT_DECLARE(tier)                                       \
    extern const e3tp_gaunt_kernels_f32 e3tp_gaunt_kernels_f32_##tier; \
    extern const e3tp_gaunt_kernels_f64 e3tp_gaunt_kernels_f64_##tier;
E3TP_GAUNT_DECLARE(generic)
#if E3TP_HAVE_AVX2
E3TP_GAUNT_DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
E3TP_GAUNT_DECLARE(avx512)
#endif

#endif
