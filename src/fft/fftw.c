/* SPDX-License-Identifier: MIT */
/* FFTW: one plan per pass, vectors over the lanes. ESTIMATE and a fixed number of transforms, so
   that the same problem gets the same code and its bits. */
#include <fftw3.h>
#include <pthread.h>

#include "fft/engine.h"

static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

static void enter(const e3tp_planner_lock *l)
{
    if (l->lock)
        l->lock(l->ctx);
    else
        pthread_mutex_lock(&planner);
}

static void leave(const e3tp_planner_lock *l)
{
    if (!l->lock)
        pthread_mutex_unlock(&planner);
    else if (l->unlock)
        l->unlock(l->ctx);
}

#define ENGINE(prefix, lanes, suffix)                                                             \
    static void *plan_##suffix(const e3tp_fft_pass *p, const e3tp_fft_spec *s, void *data)        \
    {                                                                                             \
        const int T = (lanes);                                                                    \
        const prefix##_iodim length = {p->length, p->stride * T, p->stride * T};                  \
        const prefix##_iodim many[3] = {                                                          \
            {s->lines, s->n * T, s->n * T}, {p->others, p->step * T, p->step * T}, {T, 1, 1}};    \
        return prefix##_plan_guru_dft(1, &length, 3, many, data, data,                            \
                                      s->sign > 0 ? FFTW_BACKWARD : FFTW_FORWARD, FFTW_ESTIMATE); \
    }
ENGINE(fftwf, 16, f32)
ENGINE(fftw, 8, f64)

void *e3tp_fftw_plan(const e3tp_fft_pass *pass, const e3tp_fft_spec *s, void *data)
{
    enter(&s->lock);
    void *plan = s->dtype == E3TP_F64 ? plan_f64(pass, s, data) : plan_f32(pass, s, data);
    leave(&s->lock);
    return plan;
}

void e3tp_fftw_execute(const void *plan, e3tp_dtype t, void *data)
{
    if (t == E3TP_F64)
        fftw_execute_dft((fftw_plan)(uintptr_t)plan, data, data);
    else
        fftwf_execute_dft((fftwf_plan)(uintptr_t)plan, data, data);
}

void e3tp_fftw_destroy(void *plan, e3tp_dtype t, const e3tp_planner_lock *lock)
{
    if (!plan)
        return;
    enter(lock);
    if (t == E3TP_F64)
        fftw_destroy_plan(plan);
    else
        fftwf_destroy_plan(plan);
    leave(lock);
}
