/* SPDX-License-Identifier: MIT */
/* What the bench itself compiles once per instruction set: the peaks of multiply-add, and a linear
 * map. */
#ifndef BENCH_TIER_H
#define BENCH_TIER_H

#include <stddef.h>

enum { BENCH_RADIAL = 8 }; /* radial functions that the map takes */

/* One operand of each multiply-add: from a register, a vector from the first-level cache, or a
   number from there that all lanes take. */
typedef enum bench_operand {
    BENCH_REGISTER,
    BENCH_FIRST_LEVEL,
    BENCH_BROADCAST,
    BENCH_OPERANDS
} bench_operand;

/* By dtype: float32, float64. */
typedef struct bench_tier {
    const char *name;
    size_t flops[2]; /* per step */
    double (*fma[BENCH_OPERANDS][2])(size_t steps);
    /* out [n] = sum over k of f [BENCH_RADIAL] m [BENCH_RADIAL][n] */
    void (*linear)(const float *f, const float *m, size_t n, float *out);
} bench_tier;

const bench_tier *bench_tier_named(const char *name); /* NULL: not compiled in, or unknown */

#endif
