/* SPDX-License-Identifier: MIT */
#include "fftw_peak.h"

#ifdef BENCH_HAVE_FFTW
#include <fftw3.h>
#include <stdlib.h>
#include <string.h>

enum { T = BENCH_FFTW_BATCH };

struct bench_fftw {
    fftwf_plan back, forth;
    float *samples;
    fftwf_complex *frequencies;
};

static void plan_real(bench_fftw *f, const int n[2], int stride, int samples, int frequencies)
{
    f->back = fftwf_plan_many_dft_c2r(2, n, T, f->frequencies, NULL, stride, frequencies,
                                      f->samples, NULL, stride, samples, FFTW_ESTIMATE);
    f->forth = fftwf_plan_many_dft_r2c(2, n, T, f->samples, NULL, stride, samples, f->frequencies,
                                       NULL, stride, frequencies, FFTW_ESTIMATE);
}

static void plan_complex(bench_fftw *f, const int n[2])
{
    fftwf_complex *samples = (fftwf_complex *)f->samples;
    f->back = fftwf_plan_many_dft(2, n, T / 2, f->frequencies, NULL, T / 2, 1, samples, NULL, T / 2,
                                  1, FFTW_BACKWARD, FFTW_ESTIMATE);
    f->forth = fftwf_plan_many_dft(2, n, T / 2, samples, NULL, T / 2, 1, f->frequencies, NULL,
                                   T / 2, 1, FFTW_FORWARD, FFTW_ESTIMATE);
}

bench_fftw *bench_fftw_create(bench_fftw_order order, int n0, int n1)
{
    const int n[2] = {n0, n1}, half = n0 * (n1 / 2 + 1);
    const size_t bytes = (size_t)n0 * (size_t)(n1 + 2) * T * sizeof(float);
    bench_fftw *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->samples = fftwf_malloc(bytes);
    f->frequencies = fftwf_malloc(bytes);
    if (f->samples && f->frequencies) {
        memset(f->samples, 0, bytes);
        memset(f->frequencies, 0, bytes);
        if (order == BENCH_FFTW_TWO_IN_ONE)
            plan_complex(f, n);
        else if (order == BENCH_FFTW_LANES)
            plan_real(f, n, T, 1, 1);
        else
            plan_real(f, n, 1, n0 * n1, half);
    }
    if (f->back && f->forth)
        return f;
    bench_fftw_destroy(f);
    return NULL;
}

void bench_fftw_run(const bench_fftw *f)
{
    fftwf_execute(f->back);
    fftwf_execute(f->back);
    fftwf_execute(f->forth);
}

void bench_fftw_destroy(bench_fftw *f)
{
    if (!f)
        return;
    fftwf_destroy_plan(f->back);
    fftwf_destroy_plan(f->forth);
    fftwf_free(f->samples);
    fftwf_free(f->frequencies);
    free(f);
}

#else

bench_fftw *bench_fftw_create(bench_fftw_order order, int n0, int n1)
{
    (void)order, (void)n0, (void)n1;
    return 0;
}

void bench_fftw_run(const bench_fftw *f)
{
    (void)f;
}

void bench_fftw_destroy(bench_fftw *f)
{
    (void)f;
}

#endif
