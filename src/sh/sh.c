/* SPDX-License-Identifier: MIT */
/* Descriptions checked; the tables of a plan; the table of kernels; ranges of a batch. */
#include "sh/sh.h"

#include <math.h>

#include "core/checked.h"
#include "core/table.h"
#include "core/tiers.h"
#include "problem/problem.h"

E3TP_RUNNERS(e3tp_sh_kernels, e3tp_sh_kernels, kernels);

const e3tp_sh_kernels *e3tp_sh_kernels_of(e3tp_dtype dtype, e3tp_tier tier)
{
    return kernels[dtype][tier];
}

/* ---- descriptions ---- */

static e3tp_status check_kinds(const e3tp_sh_desc *d, e3tp_message *why)
{
    if (d->size != sizeof *d)
        return e3tp_fail(why, E3TP_E_INVALID,
                         "size is %zu, expected %zu (e3tp_sh_desc_init sets it)", d->size,
                         sizeof *d);
    if (d->normalize != 0 && d->normalize != 1)
        return e3tp_fail(why, E3TP_E_INVALID, "normalize: %d, expected 0 or 1", d->normalize);
    if ((int)d->norm < E3TP_SH_INTEGRAL || d->norm > E3TP_SH_NORM)
        return e3tp_fail(why, E3TP_E_INVALID, "there is no normalisation %d", (int)d->norm);
    if ((int)d->layout < E3TP_MUL_IR || d->layout > E3TP_BATCH_LAST)
        return e3tp_fail(why, E3TP_E_INVALID, "there is no layout %d", (int)d->layout);
    if (d->dtype != E3TP_F32 && d->dtype != E3TP_F64)
        return e3tp_fail(why, E3TP_E_INVALID, "there is no dtype %d", (int)d->dtype);
    if (d->threads < 0)
        return e3tp_fail(why, E3TP_E_INVALID, "threads: %d, expected 0 or more", d->threads);
    return E3TP_OK;
}

e3tp_status e3tp_sh_check(const e3tp_sh_desc *d, e3tp_message *why)
{
    E3TP_TRY(check_kinds(d, why));
    if (d->nls && !d->ls)
        return e3tp_fail(why, E3TP_E_INVALID, "ls is NULL, expected %zu degrees", d->nls);
    for (size_t i = 0; i < d->nls; i++) {
        if (d->ls[i] < 0)
            return e3tp_fail(why, E3TP_E_INVALID, "ls[%zu]: %d, expected 0 or more", i, d->ls[i]);
        if (d->ls[i] > E3TP_SH_LMAX)
            return e3tp_fail(why, E3TP_E_UNSUPPORTED, "ls[%zu]: degree %d, the largest is %d", i,
                             d->ls[i], E3TP_SH_LMAX);
    }
    return E3TP_OK;
}

/* ---- tables ---- */

static double degree_scale(int l, e3tp_sh_norm norm)
{
    static const double inv_sqrt_4pi = 0.28209479177387814;
    if (norm == E3TP_SH_INTEGRAL)
        return inv_sqrt_4pi;
    return norm == E3TP_SH_NORM ? 1 / sqrt(2 * l + 1) : 1;
}

double e3tp_sh_pole(const e3tp_sh *p, int l)
{
    return degree_scale(l, p->map.norm) * sqrt(2 * l + 1);
}

/* sqrt of the product of (2m+1) / (2m) over m <= l, times sqrt(2) for l > 0: F[l,l] on component
   scale. */
static void put_starts(const e3tp_sh_map *m, e3tp_dtype t, e3tp_sh_norm norm, void *start)
{
    double top = 1;
    for (int l = 0; l <= m->lmax; l++) {
        top *= l == 0 ? 1 : l == 1 ? sqrt(3) : sqrt((2 * l + 1) / (2.0 * l));
        e3tp_put(t, start, (size_t)l, top * degree_scale(l, norm));
    }
}

static void put_steps(const e3tp_sh_map *map, e3tp_dtype t, void *steps)
{
    size_t at = 0;
    for (int l = 0; l <= map->lmax; l++)
        for (int m = l; m > 0; m--) {
            const double last = m == 1 ? sqrt(0.5) : 1, d = (l + m) * (l - m + 1);
            e3tp_put(t, steps, at++, last * 2 * m / sqrt(d));
            e3tp_put(t, steps, at++, last * sqrt((l - m) * (l + m + 1) / d));
        }
}

/* One derivative's term: a harmonic of degree l with order m, nothing where there is none. */
static void put_term(e3tp_dtype t, int l, int m, double weight, uint16_t *line, void *weights,
                     size_t at)
{
    const bool there = l >= 0 && m >= -l && m <= l;
    *line = there ? (uint16_t)(l * l + l + m) : 0;
    e3tp_put(t, weights, at, there ? weight : 0);
}

/* Of Y[l,m], M = |m|, with Z_k the harmonic of degree l - 1 and order k, and p, q, c below:
     d/dz =  p Z_(m-1) - q Z_(m+1),  d/dx = -p Z_-(m-1) - q Z_-(m+1),  d/dy = c Z_m    m > 0
     d/dz =  p Z_(m+1) - q Z_(m-1),  d/dx =  p Z_(M-1) + q Z_(M+1),    d/dy = c Z_m    m < 0
   where orders 0 of an imaginary part are absent; of m = 0 both terms are one. */
static void put_derivatives(e3tp_dtype t, int l, int m, double ratio, e3tp_sh_sources *s,
                            void *weights, size_t at)
{
    const int M = m < 0 ? -m : m, side = m < 0 ? -1 : 1, none = l;
    const double R = (2 * l + 1) / (2 * l - 1.0);
    const double c = ratio * sqrt(R * (l - M) * (l + M));
    const double q = ratio * 0.5 * sqrt(R * (l - M) * (l - M - 1)) * (M == 0 ? sqrt(2) : 1);
    const double p = ratio * 0.5 * sqrt(R * (l + M) * (l + M - 1)) * (M == 1 ? sqrt(2) : 1);
    const int up = M + 1, down = M == 0 ? none : M - 1;
    const int down_im = M <= 1 ? none : -down; /* order 0 has no imaginary part */
    put_term(t, l - 1, side > 0 ? down_im : down, -side * p, &s->x[0], weights, at + E3TP_SH_WX);
    put_term(t, l - 1, -side * up, -side * q, &s->x[1], weights, at + E3TP_SH_WX + 1);
    put_term(t, l - 1, m, c, &s->y, weights, at + E3TP_SH_WY);
    put_term(t, l - 1, side > 0 ? down : down_im, p, &s->z[0], weights, at + E3TP_SH_WZ);
    put_term(t, l - 1, side * up, -q, &s->z[1], weights, at + E3TP_SH_WZ + 1);
    e3tp_put(t, weights, at + E3TP_SH_DEGREE, l);
}

static void put_sources(const e3tp_sh_map *map, e3tp_dtype t, e3tp_sh_norm norm,
                        e3tp_sh_sources *sources, void *weights)
{
    for (int l = 0; l <= map->lmax; l++)
        for (int m = -l; m <= l; m++) {
            const size_t line = (size_t)(l * l + l + m);
            const double below = l ? degree_scale(l - 1, norm) : 1;
            put_derivatives(t, l, m, degree_scale(l, norm) / below, &sources[line], weights,
                            line * E3TP_SH_WEIGHTS);
        }
}

static void put_lines(const e3tp_sh_desc *d, uint16_t *line)
{
    for (size_t i = 0; i < d->nls; i++)
        for (int l = d->ls[i], k = 0; k <= 2 * l; k++)
            *line++ = (uint16_t)(l * l + k);
}

/* dim and lmax; false: dim overflows. */
static bool measure(const e3tp_sh_desc *d, e3tp_sh_map *m)
{
    for (size_t i = 0; i < d->nls; i++) {
        m->lmax = d->ls[i] > m->lmax ? d->ls[i] : m->lmax;
        if (!e3tp_add_size(m->dim, 2 * (size_t)d->ls[i] + 1, &m->dim))
            return false;
    }
    return m->dim <= PTRDIFF_MAX / sizeof(double);
}

e3tp_status e3tp_sh_tabulate(e3tp_sh *p, const e3tp_sh_desc *d)
{
    e3tp_sh_map m = {.normalize = d->normalize,
                     .norm = d->norm,
                     .batch_last = d->layout == E3TP_BATCH_LAST};
    if (!measure(d, &m))
        return E3TP_E_NOMEM;
    const size_t es = e3tp_dtype_size(p->dtype), degrees = (size_t)m.lmax + 1;
    const size_t lines = degrees * degrees, steps = (size_t)m.lmax * degrees;
    const size_t bytes[] = {lines * E3TP_SH_WEIGHTS * es, degrees * es, steps * es,
                            lines * sizeof(e3tp_sh_sources), m.dim * sizeof(uint16_t)};
    char *at[sizeof bytes / sizeof *bytes];
    size_t all = 0;
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
        all += e3tp_round_up(bytes[i], 64);
    p->tables = e3tp_alloc(&p->allocator, all, 1);
    if (!p->tables)
        return E3TP_E_NOMEM;
    at[0] = p->tables;
    for (size_t i = 1; i < sizeof bytes / sizeof *bytes; i++)
        at[i] = at[i - 1] + e3tp_round_up(bytes[i - 1], 64);
    m.weights = at[0], m.start = at[1], m.steps = at[2];
    m.sources = (void *)at[3], m.line = (void *)at[4];
    put_starts(&m, p->dtype, d->norm, at[1]);
    put_steps(&m, p->dtype, at[2]);
    put_sources(&m, p->dtype, d->norm, (void *)at[3], at[0]);
    put_lines(d, (void *)at[4]);
    p->map = m;
    return E3TP_OK;
}

/* ---- batches ---- */

/* About 20 us of work; waking a thread takes a few. Vectors of a range but the last: a multiple of
   any tile's lanes, so that the tiles of a batch are the same for any number of threads. */
enum { ELEMENTS_PER_WORKER = 32768, GRAIN = 16 };

typedef struct job {
    const e3tp_sh_call *call;
    e3tp_sh_kernel *kernel;
    size_t n, grains, workers;
} job;

static size_t start_of(const job *j, size_t worker)
{
    const size_t from = GRAIN * e3tp_parallel_start(j->grains, j->workers, worker);
    return from < j->n ? from : j->n;
}

static void work(void *ctx, size_t worker)
{
    const job *j = ctx;
    j->kernel(j->call, start_of(j, worker), start_of(j, worker + 1));
}

void e3tp_sh_run(const e3tp_sh *p, e3tp_sh_kernel *kernel, const e3tp_sh_call *c, size_t per_vector)
{
    const size_t n = c->v.n;
    job j = {c, kernel, n, n / GRAIN + (n % GRAIN != 0), 1};
    size_t most = n * per_vector / ELEMENTS_PER_WORKER;
    most = most < j.grains ? most : j.grains;
    j.workers = (size_t)e3tp_parallel_workers(&p->parallel, most);
    e3tp_parallel_run(&p->parallel, j.workers, work, &j);
}
