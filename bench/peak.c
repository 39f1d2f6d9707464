/* SPDX-License-Identifier: MIT */
/* The FMA peak: twelve independent chains of 256-bit vectors, enough to hide the latency of two units. */
#include "bench.h"

#ifdef __FMA__
#include <immintrin.h>
#endif

typedef float vec __attribute__((vector_size(32)));

enum { CHAINS = 12, STEPS = 200000 };

double bench_peak_gflops(void)
{
    double best = 0;
    for (int repeat = 0; repeat < 9; repeat++) {
        vec a[CHAINS];
        const vec m = (vec){0} + 0.999999f, c = (vec){0} + 1e-7f;
        for (int i = 0; i < CHAINS; i++)
            a[i] = (vec){0} + (float)i;
        const double start = bench_now();
        for (int s = 0; s < STEPS; s++)
            for (int i = 0; i < CHAINS; i++) {
#ifdef __FMA__
                a[i] = (vec)_mm256_fmadd_ps((__m256)a[i], (__m256)m, (__m256)c);
#else
                a[i] = a[i] * m + c;
#endif
            }
        const double seconds = bench_now() - start;
        for (int i = 0; i < CHAINS; i++)
            __asm__ volatile("" : : "m"(a[i]));
        const double gflops = 2.0 * 8 * CHAINS * STEPS / seconds * 1e-9;
        best = gflops > best ? gflops : best;
    }
    return best;
}
