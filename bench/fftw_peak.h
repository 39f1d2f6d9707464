/* SPDX-License-Identifier: MIT */
/* The 2-D transforms of a Gaunt product by FFTW alone: for each of 16 items in fp32, two real
   functions to samples and their product back to frequencies, nothing else. */
#ifndef BENCH_FFTW_PEAK_H
#define BENCH_FFTW_PEAK_H

/* Where the numbers of an item lie: one item after the other; item by item within each sample; the
   same with two items as real and imaginary part of one complex transform. */
typedef enum bench_fftw_order {
    BENCH_FFTW_ITEMS,
    BENCH_FFTW_LANES,
    BENCH_FFTW_TWO_IN_ONE,
    BENCH_FFTW_ORDERS
} bench_fftw_order;

enum { BENCH_FFTW_BATCH = 16 };

typedef struct bench_fftw bench_fftw;

/* Real samples n0 x n1, ESTIMATE. NULL: no memory, or a build without FFTW. */
bench_fftw *bench_fftw_create(bench_fftw_order order, int n0, int n1);
void bench_fftw_run(const bench_fftw *f);
void bench_fftw_destroy(bench_fftw *f);

#endif
