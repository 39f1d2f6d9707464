/* SPDX-License-Identifier: MIT */
/* What the bench itself compiles once per instruction set: the peak of multiply-add, and a linear
 * map. */
#ifndef BENCH_TIER_H
#define BENCH_TIER_H

#include <stddef.h>

enum { BENCH_RADIAL = 8 }; /* radial functions that the map takes */

typedef struct bench_tier {
    const char *name;
    size_t flops_f32, flops_f64; /* per step */
    double (*fma_f32)(size_t steps);
    double (*fma_f64)(size_t steps);
    /* out [n] = sum over k of f [BENCH_RADIAL] m [BENCH_RADIAL][n] */
    void (*linear)(const float *f, const float *m, size_t n, float *out);
} bench_tier;

const bench_tier *bench_tier_named(const char *name); /* NULL: not compiled in, or unknown */

#endif
