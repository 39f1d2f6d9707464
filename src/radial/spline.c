/* SPDX-License-Identifier: MIT */
/* Descriptions checked; the cubic B-splines at a distance; tables and batches on threads. */
#include "radial/spline.h"

#include "core/checked.h"
#include "core/tiers.h"
#include "problem/problem.h"
#include "radial/radial.h"

E3TP_RUNNERS(e3tp_spline_kernels, e3tp_spline_kernels, kernels);

const e3tp_spline_kernels *e3tp_spline_kernels_of(e3tp_dtype dtype, e3tp_tier tier)
{
    return kernels[dtype][tier];
}

/* One inner knot, where the third derivative is continuous. */
enum { KNOTS_LEAST = 3 };

static e3tp_status check_sizes(const e3tp_spline_desc *d, e3tp_message *why)
{
    size_t bytes;
    if (d->knots < KNOTS_LEAST || d->knots > E3TP_SPLINE_KNOTS_MAX)
        return e3tp_fail(why, E3TP_E_INVALID, "knots: %zu, expected %d to %d", d->knots,
                         (int)KNOTS_LEAST, E3TP_SPLINE_KNOTS_MAX);
    if (!e3tp_mul_size(d->knots + 2, d->width, &bytes) ||
        !e3tp_mul_size(bytes, e3tp_dtype_size(d->dtype), &bytes) || bytes > PTRDIFF_MAX)
        return e3tp_fail(why, E3TP_E_INVALID,
                         "width: %zu, but a table of %zu rows of that width overflows", d->width,
                         d->knots + 2);
    return E3TP_OK;
}

e3tp_status e3tp_spline_check(const e3tp_spline_desc *d, e3tp_message *why)
{
    if (d->size != sizeof *d)
        return e3tp_fail(why, E3TP_E_INVALID,
                         "size is %zu, expected %zu (e3tp_spline_desc_init sets it)", d->size,
                         sizeof *d);
    if (d->dtype != E3TP_F32 && d->dtype != E3TP_F64)
        return e3tp_fail(why, E3TP_E_INVALID, "there is no dtype %d", (int)d->dtype);
    E3TP_TRY(e3tp_radial_check_r_max(d->r_max, why));
    if (d->threads < 0)
        return e3tp_fail(why, E3TP_E_INVALID, "threads: %d, expected 0 or more", d->threads);
    return check_sizes(d, why);
}

e3tp_spline_map e3tp_spline_normalise(const e3tp_spline_desc *d)
{
    return (e3tp_spline_map){d->knots, e3tp_radial_stored(d->dtype, d->r_max), d->dtype};
}

/* ---- terms ---- */

static double real_at(e3tp_dtype dtype, const void *p, size_t i)
{
    return dtype == E3TP_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

/* The four numbers of distance i, a b[k]; no zero with a sign. */
static void put(e3tp_dtype dtype, void *to, size_t i, double a, const double *b)
{
    for (size_t k = 0; to && k < E3TP_SPLINE_TERMS; k++) {
        const double v = a * b[k] + 0.0;
        if (dtype == E3TP_F32)
            ((float *)to)[E3TP_SPLINE_TERMS * i + k] = (float)v;
        else
            ((double *)to)[E3TP_SPLINE_TERMS * i + k] = v;
    }
}

void e3tp_spline_basis(const e3tp_spline_map *m, size_t n, const void *r, const int32_t *type,
                       void *b, void *db, void *ddb, size_t *first)
{
    const size_t last = m->knots - 2;
    const double per_h = (double)(m->knots - 1) / m->r_max;
    for (size_t i = 0; i < n; i++) {
        const double at = real_at(m->dtype, r, i);
        /* NaN is neither inside nor 0 beyond. */
        const double inside = at >= m->r_max ? 0 : at != at ? at : 1;
        const double x = at > 0 && at < m->r_max ? at * per_h : 0;
        const size_t knot = (size_t)x < last ? (size_t)x : last;
        const double t = x - (double)knot, s = 1 - t;
        first[i] = (type ? (size_t)type[i] : 0) * e3tp_spline_map_rows(m) + knot;
        put(m->dtype, b, i, inside / 6,
            (const double[]){s * s * s, 4 - 3 * t * t * (1 + s), 4 - 3 * s * s * (1 + t),
                             t * t * t});
        put(m->dtype, db, i, inside * per_h / 2,
            (const double[]){-s * s, t * (3 * t - 4), s * (4 - 3 * s), t * t});
        put(m->dtype, ddb, i, inside * per_h * per_h, (const double[]){s, 3 * t - 2, 1 - 3 * t, t});
    }
}

/* ---- shares of workers ---- */

/* About 20 us of work; waking a thread takes a few. */
enum { VALUES_PER_WORKER = 65536 };

static size_t workers_of(const e3tp_spline *p, size_t values)
{
    return (size_t)e3tp_parallel_workers(&p->parallel, values / VALUES_PER_WORKER);
}

/* ---- fits ---- */

/* Columns that go through a table together: some knots of them stay in a cache. */
enum { COLUMNS = 256 };

typedef struct fit_job {
    const e3tp_spline *plan;
    bool backward;
    size_t pieces, items, workers; /* of a table; of all; who share them */
    const char *in;
    char *out;
} fit_job;

static void fit_work(void *ctx, size_t worker)
{
    const fit_job *j = ctx;
    const e3tp_spline *p = j->plan;
    const size_t row = p->width * e3tp_dtype_size(p->map.dtype), values = p->map.knots * row,
                 coefficients = e3tp_spline_map_rows(&p->map) * row;
    const size_t end = e3tp_parallel_start(j->items, j->workers, worker + 1);
    for (size_t k = e3tp_parallel_start(j->items, j->workers, worker); k < end; k++) {
        const size_t table = k / j->pieces, from = k % j->pieces * COLUMNS,
                     to = p->width - from < COLUMNS ? p->width : from + COLUMNS;
        const char *in = j->in + table * (j->backward ? coefficients : values);
        char *out = j->out + table * (j->backward ? values : coefficients);
        (j->backward ? p->fits->fit_backward : p->fits->fit)(p->map.knots, p->width, from, to, in,
                                                             out);
    }
}

void e3tp_spline_run_fit(const e3tp_spline *p, bool backward, size_t tables, const void *in,
                         void *out)
{
    fit_job j = {p, backward, (p->width + COLUMNS - 1) / COLUMNS, 0, 1, in, out};
    j.items = tables * j.pieces;
    j.workers = workers_of(p, tables * p->map.knots * p->width);
    e3tp_parallel_run(&p->parallel, j.workers, fit_work, &j);
}

/* ---- batches ---- */

/* Distances whose terms lie on the stack. */
enum { BATCH = 64 };

typedef struct job {
    const e3tp_spline *plan;
    const void *coefficients;
    const char *r;
    const int32_t *type;
    size_t n, workers;
    char *out[3];
} job;

static void piece(const job *j, size_t from, size_t n)
{
    const e3tp_spline *p = j->plan;
    const size_t es = e3tp_dtype_size(p->map.dtype);
    _Alignas(double) unsigned char b[3][BATCH * E3TP_SPLINE_TERMS * sizeof(double)];
    size_t first[BATCH];
    e3tp_spline_basis(&p->map, n, j->r + from * es, j->type ? j->type + from : NULL,
                      j->out[0] ? b[0] : NULL, j->out[1] ? b[1] : NULL, j->out[2] ? b[2] : NULL,
                      first);
    for (int order = 0; order < 3; order++) {
        const e3tp_expand e = {n, E3TP_SPLINE_TERMS, p->width, b[order], first, NULL};
        if (j->out[order])
            p->kernels->rows(&e, j->coefficients, j->out[order] + from * p->width * es, false);
    }
}

static void work(void *ctx, size_t worker)
{
    const job *j = ctx;
    const size_t end = e3tp_parallel_start(j->n, j->workers, worker + 1);
    for (size_t i = e3tp_parallel_start(j->n, j->workers, worker); i < end; i += BATCH)
        piece(j, i, end - i < BATCH ? end - i : BATCH);
}

void e3tp_spline_run(const e3tp_spline *p, const void *coefficients, const void *r,
                     const int32_t *type, size_t n, void *const out[3])
{
    job j = {p, coefficients, r, type, n, 1, {out[0], out[1], out[2]}};
    j.workers = workers_of(p, n * p->width);
    e3tp_parallel_run(&p->parallel, j.workers, work, &j);
}
