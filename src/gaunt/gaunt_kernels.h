/* SPDX-License-Identifier: MIT */
/* The kernels of the backend, one list for the structs, the tier tables and the tests. A line is
   T = 64 / sizeof(real) numbers, one per lane; a point is T complex numbers, two lines, its lanes
   in an order of their own. */
#ifndef E3TP_GAUNT_KERNELS_H
#define E3TP_GAUNT_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/cpu.h"
#include "e3tp_config.h"

/* Points of a column: rows r and r' = r + 1 of the half torus and their mirror images; an absent r'
   is r again. */
typedef struct e3tp_gaunt_quad {
    uint16_t r, mirror_r, s, mirror_s;
} e3tp_gaunt_quad;

/* Where the frequencies +m and -m of the even and the odd m of a column stand in a row. */
typedef struct e3tp_gaunt_places {
    uint16_t plus_even, minus_even, plus_odd, minus_odd;
} e3tp_gaunt_places;

/* to_points a column's spectrum, lines [4][nu]: a and b of the even m, then of the odd m, to points
             plus[u] and minus[u]:  E +- O,  E = a - ib,  O = -b - ia
   to_lines  the reverse: a + ib = conj(X[u] + X[-u]) even, i conj(X[u] - X[-u]) odd
   to_rows   samples e = X + X', o = X - X' of a column, X' the mirror image, to two rows in one
             complex point of the row pair, spectra of real functions: X[m] = e_r + i e_s,
             X[-m] = conj(e_r) + i conj(e_s)
   to_column the reverse, e_r = X[m] + conj(X[-m]), ..., and X = e + o, X' = e - o
   clear     lines of zeros at count points of each of n rows of `length` points
   multiply  out = a b, n lines
   products  x, y, g = g y, g x, x y, n lines */
#define E3TP_GAUNT_KERNELS(X, real)                                                               \
    X(to_points,                                                                                  \
      (size_t nu, const uint16_t *plus, const uint16_t *minus, const real *lines, real *column))  \
    X(to_lines,                                                                                   \
      (size_t nu, const uint16_t *plus, const uint16_t *minus, const real *column, real *lines))  \
    X(to_rows, (size_t pairs, const e3tp_gaunt_quad *quad, const e3tp_gaunt_places *at, bool odd, \
                const real *column, size_t length, real *rows))                                   \
    X(to_column, (size_t pairs, const e3tp_gaunt_quad *quad, const e3tp_gaunt_places *at,         \
                  bool odd, const real *rows, size_t length, real *column))                       \
    X(clear, (size_t count, const uint16_t *points, size_t n, size_t length, real *rows))         \
    X(multiply, (size_t n, const real *a, const real *b, real *out))                              \
    X(products, (size_t n, real * x, real * y, real * g))

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
