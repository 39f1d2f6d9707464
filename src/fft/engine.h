/* SPDX-License-Identifier: MIT */
/* What the two engines behind the door share: the passes of a transform, and the kernel of the own
   DFT. */
#ifndef E3TP_FFT_ENGINE_H
#define E3TP_FFT_ENGINE_H

#include <stddef.h>

#include "e3tp_config.h"
#include "fft/fft.h"

/* DFTs of `length` points, `stride` apart; `others` of them, their first points `step` apart. */
typedef struct e3tp_fft_pass {
    int length, stride, others, step;
} e3tp_fft_pass;

enum { E3TP_FFT_PASSES = 2 };

/* Number of passes, 0 where n is not served. */
int e3tp_fft_passes(int n, e3tp_fft_pass out[E3TP_FFT_PASSES]);

/* One pass as FFTW plans it; NULL: out of memory. A plan is made and destroyed under the lock. */
void *e3tp_fftw_plan(const e3tp_fft_pass *pass, const e3tp_fft_spec *s, void *data);
void e3tp_fftw_execute(const void *plan, e3tp_dtype t, void *data);
void e3tp_fftw_destroy(void *plan, e3tp_dtype t, const e3tp_planner_lock *lock);

/* The own DFT: outputs k and -k together, from sums and differences of the inputs j and -j. The
   table holds (cos, sign sin) of 2 pi j k / length for k, j = 0..length/2, in tiles of
   E3TP_DFT_TILE k: [tile][j][k in tile][2], k beyond length/2 zero. */
enum { E3TP_DFT_TILE = 4, E3TP_DFT_MAX = 32 };
#define E3TP_DFT_KERNELS(X, real) \
    X(pass, (const e3tp_fft_pass *p, size_t lines, size_t n, const real *table, real *data))

#define E3TP_DFT_MEMBER(name, args) void(*name) args;
typedef struct e3tp_dft_kernels_f32 {
    E3TP_DFT_KERNELS(E3TP_DFT_MEMBER, float)
} e3tp_dft_kernels_f32;
typedef struct e3tp_dft_kernels_f64 {
    E3TP_DFT_KERNELS(E3TP_DFT_MEMBER, double)
} e3tp_dft_kernels_f64;

#define E3TP_DFT_DECLARE(tier)                                     \
    extern const e3tp_dft_kernels_f32 e3tp_dft_kernels_f32_##tier; \
    extern const e3tp_dft_kernels_f64 e3tp_dft_kernels_f64_##tier;
E3TP_DFT_DECLARE(generic)
#if E3TP_HAVE_AVX2
E3TP_DFT_DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
E3TP_DFT_DECLARE(avx512)
#endif

#endif
