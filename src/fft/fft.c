/* SPDX-License-Identifier: MIT */
/* Plans of FFTW, one per pass. */
#include "fft/engine.h"

struct e3tp_fft {
    e3tp_fft_spec spec;
    int passes;
    e3tp_fft_pass pass[E3TP_FFT_PASSES];
    void *plan[E3TP_FFT_PASSES];
};

#if E3TP_HAVE_FFTW
/* FFTW plans with data of the alignment that will come; with ESTIMATE it does not touch them. */
static bool plan_passes(e3tp_fft *f, const e3tp_allocator *a)
{
    const size_t points = (size_t)f->spec.n * (size_t)f->spec.lines;
    void *data = e3tp_alloc(a, points, E3TP_FFT_POINT_BYTES);
    bool ok = data != NULL;
    for (int i = 0; ok && i < f->passes; i++)
        ok = (f->plan[i] = e3tp_fftw_plan(&f->pass[i], &f->spec, data)) != NULL;
    e3tp_free(a, data);
    return ok;
}
#else
static bool plan_passes(e3tp_fft *f, const e3tp_allocator *a)
{
    (void)f, (void)a;
    return true; /* there are no passes */
}
#endif

e3tp_status e3tp_fft_create(e3tp_fft **out, const e3tp_fft_spec *s, const e3tp_allocator *a,
                            e3tp_message *why)
{
    *out = NULL;
    e3tp_fft *f = e3tp_zalloc(a, 1, sizeof *f);
    if (!f)
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for a transform of %d points", s->n);
    f->spec = *s;
    f->passes = e3tp_fft_passes(s->n, f->pass);
    e3tp_status status = E3TP_OK;
    if (f->passes == 0)
        status = e3tp_fail(why, E3TP_E_UNSUPPORTED, "no transform of %d points", s->n);
    else if (!plan_passes(f, a))
        status = e3tp_fail(why, E3TP_E_NOMEM, "no memory for a transform of %d points", s->n);
    if (status != E3TP_OK) {
        e3tp_fft_destroy(f, a);
        return status;
    }
    *out = f;
    return E3TP_OK;
}

void e3tp_fft_destroy(e3tp_fft *f, const e3tp_allocator *a)
{
    if (!f)
        return;
#if E3TP_HAVE_FFTW
    for (int i = 0; i < f->passes; i++)
        e3tp_fftw_destroy(f->plan[i], f->spec.dtype, &f->spec.lock);
#endif
    e3tp_free(a, f);
}

void e3tp_fft_execute(const e3tp_fft *f, void *data)
{
#if E3TP_HAVE_FFTW
    for (int i = 0; i < f->passes; i++)
        e3tp_fftw_execute(f->plan[i], f->spec.dtype, data);
#else
    (void)f, (void)data;
#endif
}
