/* SPDX-License-Identifier: MIT */
/* Clock, statistics, threads, and what the machine can do at most. */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <stddef.h>

#include "tier.h"

double bench_now(void); /* seconds, monotonic */

typedef struct bench_stats {
    double median, min, iqr;
} bench_stats;
/* Sorts v [n], n >= 1. Quartiles by linear interpolation. */
bench_stats bench_statistics(double *v, size_t n);

/* body(ctx, from, to) on `threads` threads over equal ranges of 0..n-1; returns when all have
 * returned. */
void bench_parallel(int threads, size_t n, void (*body)(void *ctx, size_t from, size_t to),
                    void *ctx);

/* Best of several short runs on all threads together; measured once, then remembered. NAN for an
 * unknown tier. */
double bench_fma_gflops(const char *isa, bench_operand operand, int f64, int threads);
/* That of registers in one run of half a millisecond: what there is at this moment, when other
 * guests of the machine take their part. */
double bench_peak_now(const char *isa, int f64, int threads);
double bench_dram_gbs(
    int threads); /* reading, from an array far larger than any cache; NAN if there is no room */

size_t bench_mem_available(void); /* bytes; 0 if the system does not say */
void *bench_alloc(size_t bytes);  /* 64-byte aligned, touched; NULL on failure; freed by free() */

#endif
