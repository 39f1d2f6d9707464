/* SPDX-License-Identifier: MIT */
/* What stands behind the door: the passes of a transform, and FFTW. */
#ifndef E3TP_FFT_ENGINE_H
#define E3TP_FFT_ENGINE_H

#include "e3tp_config.h"
#include "fft/fft.h"

/* DFTs of `length` points, `stride` apart; `others` of them, their first points `step` apart. */
typedef struct e3tp_fft_pass {
    int length, stride, others, step;
} e3tp_fft_pass;

enum { E3TP_FFT_PASSES = 2 };

/* Number of passes, 0 where n is not served, as none is in a build without FFTW. */
int e3tp_fft_passes(int n, e3tp_fft_pass out[E3TP_FFT_PASSES]);

/* One pass as FFTW plans it; NULL: out of memory. A plan is made and destroyed under the lock. */
void *e3tp_fftw_plan(const e3tp_fft_pass *pass, const e3tp_fft_spec *s, void *data);
void e3tp_fftw_execute(const void *plan, e3tp_dtype t, void *data);
void e3tp_fftw_destroy(void *plan, e3tp_dtype t, const e3tp_planner_lock *lock);

#endif
