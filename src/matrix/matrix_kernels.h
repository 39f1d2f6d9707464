/* SPDX-License-Identifier: MIT */
/* The kernels of the backend, one list for the structs, the tier tables and the tests. A line is
   T = 64 / sizeof(real) numbers, one per lane; a matrix has n * n lines, in every lane a matrix of
   its own. Addresses are 64-byte aligned, strides in elements. */
#ifndef E3TP_MATRIX_KERNELS_H
#define E3TP_MATRIX_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/cpu.h"
#include "e3tp_config.h"

/* butterfly  lines p, q of m become p + q, p - q for each of n2 pairs, and p, q, r, s become
              p+q+r+s, p-q+r-s, p+q-r-s, p-q-r+s for each of n4 quads; its own transpose
   multiply   c[i n + j] = sum_k a[i * a_row + k * a_column] b[k * b_row + j * b_column], a line
              each; adds: to what is in c
   combine    a, b = a + b, a - b for `lines` lines */
#define E3TP_MATRIX_KERNELS(X, real)                                                            \
    X(butterfly, (size_t n4, const uint16_t *quads, size_t n2, const uint16_t *pairs, real *m)) \
    X(multiply, (size_t n, const real *a, size_t a_row, size_t a_column, const real *b,         \
                 size_t b_row, size_t b_column, real *c, bool adds))                            \
    X(combine, (size_t lines, real * a, real * b))

#define E3TP_MATRIX_MEMBER(name, args) void(*name) args;
typedef struct e3tp_matrix_kernels_f32 {
    E3TP_MATRIX_KERNELS(E3TP_MATRIX_MEMBER, float)
} e3tp_matrix_kernels_f32;
typedef struct e3tp_matrix_kernels_f64 {
    E3TP_MATRIX_KERNELS(E3TP_MATRIX_MEMBER, double)
} e3tp_matrix_kernels_f64;

#define E3TP_MATRIX_DECLARE(tier)                                        \
    extern const e3tp_matrix_kernels_f32 e3tp_matrix_kernels_f32_##tier; \
    extern const e3tp_matrix_kernels_f64 e3tp_matrix_kernels_f64_##tier;
E3TP_MATRIX_DECLARE(generic)
#if E3TP_HAVE_AVX2
E3TP_MATRIX_DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
E3TP_MATRIX_DECLARE(avx512)
#endif

#endif
