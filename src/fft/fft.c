/* SPDX-License-Identifier: MIT */
/* The door: plans of one of the two engines. */
#include <math.h>

#include "core/table.h"
#include "fft/engine.h"

struct e3tp_fft {
    e3tp_fft_spec spec;
    int passes;
    e3tp_fft_pass pass[E3TP_FFT_PASSES];
    void *fftw[E3TP_FFT_PASSES];  /* plans, or */
    void *table[E3TP_FFT_PASSES]; /* tables of the own DFT */
};

#define DFT(real, tier) &e3tp_dft_kernels_##real##_##tier
static const e3tp_dft_kernels_f32 *const own_f32[E3TP_TIER_COUNT] = {
    [E3TP_TIER_GENERIC_] = DFT(f32, generic),
#if E3TP_HAVE_AVX2
    [E3TP_TIER_AVX2_] = DFT(f32, avx2),
#endif
#if E3TP_HAVE_AVX512
    [E3TP_TIER_AVX512_] = DFT(f32, avx512),
#endif
};
static const e3tp_dft_kernels_f64 *const own_f64[E3TP_TIER_COUNT] = {
    [E3TP_TIER_GENERIC_] = DFT(f64, generic),
#if E3TP_HAVE_AVX2
    [E3TP_TIER_AVX2_] = DFT(f64, avx2),
#endif
#if E3TP_HAVE_AVX512
    [E3TP_TIER_AVX512_] = DFT(f64, avx512),
#endif
};

/* cos or sin of 2 pi jk / n, by whole numbers down to an eighth of a turn: an angle of several
   radians would carry a rounding error of several eps into the entry. a counts quarters of 1/n. */
static double turn(int jk, int n, bool sine)
{
    const double quarter_turn = 1.570796326794896619231;
    int a = 4 * (jk % n) - (sine ? n : 0);
    a = a < 0 ? -a : a;
    a = a > 2 * n ? 4 * n - a : a;
    const double sign = a > n ? -1 : 1;
    a = a > n ? 2 * n - a : a;
    return sign * (2 * a <= n ? cos(quarter_turn * a / n) : sin(quarter_turn * (n - a) / n));
}

/* Element i of the table (engine.h). */
static double entry(const e3tp_fft_pass *p, int sign, int i)
{
    const int half = p->length / 2 + 1, sine = i % 2, q = i / 2 % E3TP_DFT_TILE;
    const int j = i / (2 * E3TP_DFT_TILE) % half;
    const int k = i / (2 * E3TP_DFT_TILE * half) * E3TP_DFT_TILE + q;
    if (2 * k > p->length || (sine && (2 * j == p->length || 2 * k == p->length)))
        return 0;
    return sine ? sign * turn(j * k, p->length, true) : turn(j * k, p->length, false);
}

static void *make_table(const e3tp_fft_pass *p, const e3tp_fft_spec *s, const e3tp_allocator *a)
{
    const int half = p->length / 2 + 1;
    const int count = (half + E3TP_DFT_TILE - 1) / E3TP_DFT_TILE * half * 2 * E3TP_DFT_TILE;
    void *table = e3tp_alloc(a, (size_t)count, sizeof(double));
    for (int i = 0; table && i < count; i++)
        e3tp_put(s->dtype, table, (size_t)i, entry(p, s->sign, i));
    return table;
}

#if E3TP_HAVE_FFTW
/* FFTW plans with data of the alignment that will come; with ESTIMATE it does not touch them. */
static bool plan_passes(e3tp_fft *f, const e3tp_allocator *a)
{
    const size_t points = (size_t)f->spec.n * (size_t)f->spec.lines;
    void *data = e3tp_alloc(a, points, E3TP_FFT_POINT_BYTES);
    bool ok = data != NULL;
    for (int i = 0; ok && i < f->passes; i++)
        ok = (f->fftw[i] = e3tp_fftw_plan(&f->pass[i], &f->spec, data)) != NULL;
    e3tp_free(a, data);
    return ok;
}
#endif

static bool fill(e3tp_fft *f, const e3tp_allocator *a)
{
#if E3TP_HAVE_FFTW
    if (!f->spec.own)
        return plan_passes(f, a);
#endif
    bool ok = true;
    for (int i = 0; ok && i < f->passes; i++)
        ok = (f->table[i] = make_table(&f->pass[i], &f->spec, a)) != NULL;
    return ok;
}

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
    else if (!fill(f, a))
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
    for (int i = 0; i < E3TP_FFT_PASSES; i++) {
#if E3TP_HAVE_FFTW
        e3tp_fftw_destroy(f->fftw[i], f->spec.dtype, &f->spec.lock);
#endif
        e3tp_free(a, f->table[i]);
    }
    e3tp_free(a, f);
}

static void own_pass(const e3tp_fft *f, int i, void *data)
{
    const size_t lines = (size_t)f->spec.lines, n = (size_t)f->spec.n;
    if (f->spec.dtype == E3TP_F64)
        own_f64[f->spec.tier]->pass(&f->pass[i], lines, n, f->table[i], data);
    else
        own_f32[f->spec.tier]->pass(&f->pass[i], lines, n, f->table[i], data);
}

void e3tp_fft_execute(const e3tp_fft *f, void *data)
{
    for (int i = 0; i < f->passes; i++) {
#if E3TP_HAVE_FFTW
        if (f->fftw[i]) {
            e3tp_fftw_execute(f->fftw[i], f->spec.dtype, data);
            continue;
        }
#endif
        own_pass(f, i, data);
    }
}

const char *e3tp_fft_engine(const e3tp_fft *f)
{
    return f->table[0] ? "own DFT" : "FFTW";
}
