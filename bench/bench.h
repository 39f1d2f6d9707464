/* SPDX-License-Identifier: MIT */
/* What the cases share: a clock, random numbers, medians, one line of the table. */
#ifndef E3TP_BENCH_H
#define E3TP_BENCH_H

#include <stddef.h>

#include "e3tp/graph.h"

double bench_now(void);
float *bench_random(size_t n);              /* 64-byte aligned, uniform in -1..1; free() */
double bench_median(double *t, size_t n);   /* sorts t */
double bench_peak_gflops(void);             /* fp32 FMA peak of one core (256-bit vectors), measured now */
/* Seconds of one call: the median of `repeats` samples of at least 2 ms each. */
double bench_time(void (*call)(void *), void *ctx, int repeats);
void bench_line(const char *name, double ns_per_item, double flops_per_item, double peak, double error);

int bench_layer(int threads); /* 0 when its result was right */

#endif
