/* SPDX-License-Identifier: MIT */
/* The vector functions of one tier and real, as the test calls them. */
#ifndef TEST_VMATH_H
#define TEST_VMATH_H

#include "core/cpu.h"
#include "e3tp_config.h"

enum { VMATH_SIN, VMATH_COS, VMATH_EXP, VMATH_COUNT };

/* x and y are one vector of the real. */
typedef struct vmath_table {
    int lanes;
    void (*f[VMATH_COUNT])(const void *x, void *y);
} vmath_table;

#define VMATH_DECLARE(tier) extern const vmath_table vmath_f32_##tier, vmath_f64_##tier;
VMATH_DECLARE(generic)
#if E3TP_HAVE_AVX2
VMATH_DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
VMATH_DECLARE(avx512)
#endif

#endif
