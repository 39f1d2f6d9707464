/* SPDX-License-Identifier: MIT */
/* The method gaunt against the bare transforms of its torus by FFTW (fftw_peak.h), L = 1..8,
   outputs to 2L, fp32, one thread. */
#ifndef BENCH_FFT_H
#define BENCH_FFT_H

#include <stdio.h>

typedef struct bench_fft_options {
    FILE *json, *table; /* either may be NULL */
    int quick, repeats;
} bench_fft_options;

int bench_fft(const bench_fft_options *o); /* 0 if a result was wrong; SKIP counts as right */

#endif
