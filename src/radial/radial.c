/* SPDX-License-Identifier: MIT */
/* Descriptions checked and brought into normal form; the table of kernels; ranges of a batch. */
#include "radial/radial.h"

#include <math.h>

#include "core/tiers.h"
#include "problem/problem.h"

E3TP_RUNNERS(e3tp_radial_kernel, e3tp_radial_kernel, kernels);

const e3tp_radial_kernel *e3tp_radial_kernel_of(e3tp_dtype dtype, e3tp_tier tier)
{
    return kernels[dtype][tier];
}

enum { P_MOST = 64 };

e3tp_status e3tp_radial_check_r_max(double r_max, e3tp_message *why)
{
    const double least = 1e-6, most = 1e6;
    if (!(r_max >= least && r_max <= most))
        return e3tp_fail(why, E3TP_E_INVALID, "r_max: %g, expected %g to %g", r_max, least, most);
    return E3TP_OK;
}

static double as_stored(const e3tp_radial_desc *d, double v)
{
    return e3tp_radial_stored(d->dtype, v);
}

static int has_knots(e3tp_radial_basis basis)
{
    return basis != E3TP_RADIAL_BESSEL && basis != E3TP_RADIAL_FOURIER;
}

static e3tp_status check_range(const e3tp_radial_desc *d, e3tp_message *why)
{
    if (d->drop_ends != 0 && d->drop_ends != 1)
        return e3tp_fail(why, E3TP_E_INVALID, "drop_ends: %d, expected 0 or 1", d->drop_ends);
    if (!(d->r_min >= 0 && as_stored(d, d->r_min) < as_stored(d, d->r_max)))
        return e3tp_fail(why, E3TP_E_INVALID,
                         "r_min: %g, expected 0 or more and less than r_max %g", d->r_min,
                         d->r_max);
    if (has_knots(d->basis) && d->num == 1 && !d->drop_ends)
        return e3tp_fail(why, E3TP_E_INVALID,
                         "num: 1, but a single knot has no step; set drop_ends");
    return E3TP_OK;
}

static e3tp_status check_cutoff(const e3tp_radial_desc *d, e3tp_message *why)
{
    const int uses_p = d->cutoff == E3TP_CUTOFF_POLYNOMIAL || d->cutoff == E3TP_CUTOFF_SOFT_STEP;
    if (uses_p && (d->p < 1 || d->p > P_MOST))
        return e3tp_fail(why, E3TP_E_INVALID, "p: %d, expected 1 to %d", d->p, P_MOST);
    if (d->cutoff == E3TP_CUTOFF_XPLOR &&
        !(d->r_on >= 0 && as_stored(d, d->r_on) < as_stored(d, d->r_max)))
        return e3tp_fail(why, E3TP_E_INVALID, "r_on: %g, expected 0 or more and less than r_max %g",
                         d->r_on, d->r_max);
    return E3TP_OK;
}

static e3tp_status check_kinds(const e3tp_radial_desc *d, e3tp_message *why)
{
    if (d->size != sizeof *d)
        return e3tp_fail(why, E3TP_E_INVALID,
                         "size is %zu, expected %zu (e3tp_radial_desc_init sets it)", d->size,
                         sizeof *d);
    if ((int)d->basis < E3TP_RADIAL_BESSEL || d->basis > E3TP_RADIAL_FOURIER)
        return e3tp_fail(why, E3TP_E_INVALID, "there is no radial basis %d", (int)d->basis);
    if ((int)d->cutoff < E3TP_CUTOFF_NONE || d->cutoff > E3TP_CUTOFF_SHARP)
        return e3tp_fail(why, E3TP_E_INVALID, "there is no cutoff %d", (int)d->cutoff);
    if (d->dtype != E3TP_F32 && d->dtype != E3TP_F64)
        return e3tp_fail(why, E3TP_E_INVALID, "there is no dtype %d", (int)d->dtype);
    return E3TP_OK;
}

e3tp_status e3tp_radial_check(const e3tp_radial_desc *d, e3tp_message *why)
{
    E3TP_TRY(check_kinds(d, why));
    if (d->num > E3TP_RADIAL_MAX)
        return e3tp_fail(why, E3TP_E_INVALID, "num: %zu, expected at most %d", d->num,
                         E3TP_RADIAL_MAX);
    E3TP_TRY(e3tp_radial_check_r_max(d->r_max, why));
    E3TP_TRY(check_cutoff(d, why));
    if (d->threads < 0)
        return e3tp_fail(why, E3TP_E_INVALID, "threads: %d, expected 0 or more", d->threads);
    return d->basis == E3TP_RADIAL_BESSEL ? E3TP_OK : check_range(d, why);
}

static const double pi = 3.14159265358979323846;

static void normalise_fourier(const e3tp_radial_desc *d, e3tp_radial_map *m)
{
    m->scale = 1 / sqrt(0.25 + (double)d->num / 2);
    m->first = as_stored(d, d->r_min);
    m->step = m->r_max - m->first;
    m->per_step = 1 / m->step;
    m->wave = pi / m->step;
    m->sine = d->drop_ends;
}

static void normalise_knots(const e3tp_radial_desc *d, e3tp_radial_map *m)
{
    /* e3nn's, which make the squares of the functions add up to about 1. */
    static const double scales[] = {[E3TP_RADIAL_GAUSSIAN] = 1 / 1.12,
                                    [E3TP_RADIAL_SMOOTH_FINITE] = 1.14136,
                                    [E3TP_RADIAL_COSINE] = 1};
    const double r_min = as_stored(d, d->r_min), steps = (double)d->num + (d->drop_ends ? 1 : -1);
    m->scale = scales[d->basis];
    m->step = steps > 0 ? (m->r_max - r_min) / steps : 1;
    m->per_step = 1 / m->step;
    m->first = r_min + (d->drop_ends ? m->step : 0);
}

e3tp_radial_map e3tp_radial_normalise(const e3tp_radial_desc *d)
{
    const double r_max = as_stored(d, d->r_max);
    e3tp_radial_map m = {.basis = d->basis,
                         .cutoff = d->cutoff,
                         .num = d->num,
                         .p = d->p,
                         .r_max = r_max,
                         .scale = sqrt(2 / r_max),
                         .wave = pi / r_max};
    if (has_knots(d->basis))
        normalise_knots(d, &m);
    else if (d->basis == E3TP_RADIAL_FOURIER)
        normalise_fourier(d, &m);
    if (d->cutoff == E3TP_CUTOFF_XPLOR) {
        m.r_on = as_stored(d, d->r_on);
        m.per_gap = 1 / ((r_max - m.r_on) * (r_max + m.r_on));
    }
    m.bounded = d->cutoff != E3TP_CUTOFF_NONE || m.sine;
    return m;
}

/* ---- batches ---- */

/* About 20 us of work; waking a thread takes a few. */
enum { VALUES_PER_WORKER = 16384 };

typedef struct job {
    const e3tp_radial *plan;
    size_t n, workers;
    const char *r;
    char *out[3]; /* values and derivatives, as the kernel takes them */
} job;

static void work(void *ctx, size_t worker)
{
    const job *j = ctx;
    const e3tp_radial *p = j->plan;
    const size_t from = e3tp_parallel_start(j->n, j->workers, worker),
                 to = e3tp_parallel_start(j->n, j->workers, worker + 1);
    const size_t es = e3tp_dtype_size(p->dtype), row = p->map.num * es;
    char *out[3];
    for (int i = 0; i < 3; i++)
        out[i] = j->out[i] ? j->out[i] + from * row : NULL;
    p->kernel->eval(&p->map, to - from, j->r + from * es, out[0], out[1], out[2]);
}

void e3tp_radial_run(const e3tp_radial *p, const void *r, size_t n, void *values, void *slopes,
                     void *seconds)
{
    job j = {p, n, 1, r, {values, slopes, seconds}};
    j.workers = (size_t)e3tp_parallel_workers(&p->parallel, n * p->map.num / VALUES_PER_WORKER);
    e3tp_parallel_run(&p->parallel, j.workers, work, &j);
}
