/* SPDX-License-Identifier: MIT */
/* Short complex transforms of lane tiles by FFTW, behind one door.

   A line is n points of T = 64 / sizeof(real) complex numbers, one per lane, real part first: 128
   bytes a point. The transform is in place and not scaled,

       X[k] = sum_j x[j] exp(sign 2 pi i j k / n)        for every lane by itself.

   n = a b with coprime a, b goes as a DFTs of b and b of a without twiddle factors (Good, J. R.
   Stat. Soc. B 20 (1958) 361); both sides are then in an order of their own: frequency k stands at
   point e3tp_fft_frequency(n, k), sample j at e3tp_fft_sample(n, j), whichever is transformed to
   the other. */
#ifndef E3TP_FFT_H
#define E3TP_FFT_H

#include <stdbool.h>

#include "core/alloc.h"
#include "core/lock.h"
#include "core/status.h"

typedef struct e3tp_fft e3tp_fft;

enum { E3TP_FFT_POINT_BYTES = 128, E3TP_FFT_MAX = 64 };

typedef struct e3tp_fft_spec {
    int n;     /* one that e3tp_fft_cost knows */
    int lines; /* one after the other */
    int sign;  /* +1: frequencies to samples, -1: samples to frequencies */
    e3tp_dtype dtype;
    e3tp_planner_lock lock; /* around the planner, here and in destroy */
} e3tp_fft_spec;

/* Time of a line in units of about 8 ns on one core (AVX2), 0 where n is not served: in a build
   without FFTW none is. */
double e3tp_fft_cost(int n);

/* Frequencies and samples count modulo n; negative ones are welcome. */
int e3tp_fft_frequency(int n, int k);
int e3tp_fft_sample(int n, int j);

/* UNSUPPORTED: no such n; NOMEM. */
e3tp_status e3tp_fft_create(e3tp_fft **out, const e3tp_fft_spec *s, const e3tp_allocator *a,
                            e3tp_message *why);
void e3tp_fft_destroy(e3tp_fft *f, const e3tp_allocator *a); /* NULL is fine */
/* data: 64-byte aligned. Re-entrant. */
void e3tp_fft_execute(const e3tp_fft *f, void *data);

#endif
