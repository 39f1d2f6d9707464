/* SPDX-License-Identifier: MIT */
/* Grids for callers: descriptions checked, tables, the layout of a worker's scratch, batches. */
#include "grid/s2grid.h"

#include <math.h>

#include "core/checked.h"
#include "core/tiers.h"
#include "problem/packed.h"
#include "so3/lebedev.h"

E3TP_RUNNERS(e3tp_s2grid_runner, e3tp_s2grid_runner, runners);

static const double pi = 3.14159265358979323846;

/* ---- descriptions */

static int largest(const e3tp_s2grid_desc *d)
{
    return d->n ? d->l[d->n - 1] : 0;
}

static e3tp_status check_degrees(const e3tp_s2grid_desc *d, e3tp_message *why)
{
    if (d->n && !d->l)
        return e3tp_fail(why, E3TP_E_INVALID, "l: NULL, expected %zu degrees", d->n);
    for (size_t i = 0; i < d->n; i++) {
        const int least = i ? d->l[i - 1] + 1 : 0;
        if (d->l[i] < least || d->l[i] > E3TP_S2GRID_LMAX)
            return e3tp_fail(why, E3TP_E_INVALID,
                             "l[%zu]: %d, expected %d to %d (degrees are distinct and ascend)", i,
                             d->l[i], least, E3TP_S2GRID_LMAX);
    }
    for (size_t i = 0; d->factors && i < d->n; i++)
        if (!isfinite(d->factors[i]))
            return e3tp_fail(why, E3TP_E_INVALID, "factors[%zu]: %g, expected a finite number", i,
                             d->factors[i]);
    return E3TP_OK;
}

/* Degree of Lebedev's rule where no number of points is given. */
static int points_degree(const e3tp_s2grid_desc *d)
{
    return e3tp_grid_oversampled(2 * largest(d), d->oversample);
}

/* Lebedev's: so many points as a rule has, and each a ring. */
static e3tp_status check_points(const e3tp_s2grid_desc *d, bool chosen, e3tp_message *why)
{
    const int degree = points_degree(d);
    e3tp_so3_octant o;
    if (chosen && degree > E3TP_LEBEDEV_DEGREE)
        return e3tp_fail(why, E3TP_E_INVALID,
                         "l: %d takes a rule of degree %d, Lebedev's are there to %d", largest(d),
                         degree, E3TP_LEBEDEV_DEGREE);
    if (!chosen && !e3tp_so3_lebedev_octant(d->n_theta, &o))
        return e3tp_fail(why, E3TP_E_INVALID,
                         "n_theta: %d, expected a number of points that e3tp_lebedev_count gives",
                         d->n_theta);
    if (!chosen && d->n_phi != 1)
        return e3tp_fail(why, E3TP_E_INVALID, "n_phi: %d, expected 1 with Lebedev's points",
                         d->n_phi);
    return E3TP_OK;
}

static e3tp_status check_grid(const e3tp_s2grid_desc *d, e3tp_message *why)
{
    const int sizes[2] = {d->n_theta, d->n_phi};
    const bool chosen = d->n_theta == 0 && d->n_phi == 0;
    if (d->half_offset != 0 && d->half_offset != 1)
        return e3tp_fail(why, E3TP_E_INVALID, "half_offset: %d, expected 0 or 1", d->half_offset);
    const int most = chosen ? E3TP_OVERSAMPLE_MOST : 1;
    if (!(d->oversample >= 1 && d->oversample <= most))
        return e3tp_fail(why, E3TP_E_INVALID, "oversample: %g, expected 1..%d%s", d->oversample,
                         most, chosen ? "" : " with a given grid");
    if (d->quadrature == E3TP_LEBEDEV)
        return check_points(d, chosen, why);
    for (int k = 0; k < 2 && !chosen; k++)
        if (sizes[k] < 1 || sizes[k] > E3TP_S2GRID_MOST)
            return e3tp_fail(why, E3TP_E_INVALID, "%s: %d, expected 1 to %d",
                             k ? "n_phi" : "n_theta", sizes[k], E3TP_S2GRID_MOST);
    if (d->quadrature != E3TP_GAUSS_LEGENDRE && d->quadrature != E3TP_EQUIANGULAR)
        return e3tp_fail(why, E3TP_E_INVALID, "there is no quadrature %d", (int)d->quadrature);
    return E3TP_OK;
}

static e3tp_status check_kinds(const e3tp_s2grid_desc *d, e3tp_message *why)
{
    if ((int)d->normalization < 0 || d->normalization > E3TP_SH_NORM)
        return e3tp_fail(why, E3TP_E_INVALID, "there is no normalization %d",
                         (int)d->normalization);
    if (d->lmax_in < -1)
        return e3tp_fail(why, E3TP_E_INVALID, "lmax_in: %d, expected -1 or more", d->lmax_in);
    if ((int)d->layout < 0 || d->layout > E3TP_BATCH_LAST)
        return e3tp_fail(why, E3TP_E_INVALID, "there is no layout %d", (int)d->layout);
    if ((int)d->layout_samples < 0 || d->layout_samples > E3TP_BATCH_LAST)
        return e3tp_fail(why, E3TP_E_INVALID, "there is no layout_samples %d",
                         (int)d->layout_samples);
    if (d->dtype != E3TP_F32 && d->dtype != E3TP_F64)
        return e3tp_fail(why, E3TP_E_INVALID, "there is no dtype %d", (int)d->dtype);
    if (d->threads < 0)
        return e3tp_fail(why, E3TP_E_INVALID, "threads: %d, expected 0 or more", d->threads);
    return E3TP_OK;
}

e3tp_status e3tp_s2grid_check(const e3tp_s2grid_desc *d, e3tp_message *why)
{
    if (d->size != sizeof *d)
        return e3tp_fail(why, E3TP_E_INVALID,
                         "size is %zu, expected %zu (e3tp_s2grid_desc_init sets it)", d->size,
                         sizeof *d);
    E3TP_TRY(check_degrees(d, why));
    E3TP_TRY(check_grid(d, why));
    E3TP_TRY(check_kinds(d, why));
    /* Coefficients and samples of a row are at most so many per channel. */
    const size_t most = (size_t)E3TP_S2GRID_MOST * E3TP_S2GRID_MOST * sizeof(double);
    if (d->channels > PTRDIFF_MAX / most)
        return e3tp_fail(why, E3TP_E_INVALID, "channels: %zu, expected at most %zu", d->channels,
                         PTRDIFF_MAX / most);
    return E3TP_OK;
}

/* ---- plans */

static void set_scales(e3tp_s2grid *g, const e3tp_s2grid_desc *d)
{
    const double lmax = largest(d), lmax_in = d->lmax_in < 0 ? lmax : d->lmax_in;
    for (size_t i = 0; i < d->n; i++) {
        const int l = d->l[i];
        const double d_l = d->normalization == E3TP_SH_COMPONENT ? 2 * l + 1 : 1;
        double *to = &g->scale[E3TP_S2GRID_TO][l], *from = &g->scale[E3TP_S2GRID_FROM][l];
        *to = d->normalization == E3TP_SH_INTEGRAL ? 1 : sqrt(4 * pi / (d_l * (lmax + 1)));
        *from = d->normalization == E3TP_SH_INTEGRAL ? 4 * pi : sqrt(4 * pi * d_l * (lmax_in + 1));
        if (d->factors)
            *to = *from = d->factors[i];
        *from /= 4 * pi; /* the weights of the nodes sum to that */
    }
}

static void set_shape(e3tp_s2grid *g, const e3tp_s2grid_desc *d)
{
    const int degree = 2 * largest(d), chosen = d->n_theta == 0;
    const bool points = d->quadrature == E3TP_LEBEDEV;
    e3tp_grid_shape *s = &g->form.shape;
    *s = (e3tp_grid_shape){.quadrature = d->quadrature,
                           .from_zero = !d->half_offset,
                           .apart = true,
                           .sum = degree,
                           .least_theta = points ? (int)e3tp_lebedev_count(degree)
                                                 : e3tp_grid_least_theta(d->quadrature, degree),
                           .least_phi = points ? 1 : e3tp_grid_least_phi(degree)};
    s->n_theta = !chosen  ? d->n_theta
                 : points ? (int)e3tp_lebedev_count(points_degree(d))
                          : e3tp_grid_oversampled(s->least_theta, d->oversample);
    s->n_phi = !chosen ? d->n_phi : points ? 1 : e3tp_grid_oversampled(s->least_phi, d->oversample);
    e3tp_grid_fold(s);
}

static void add_transforms(void *ctx, const e3tp_grid_basis *b, e3tp_fold_tables *t)
{
    e3tp_s2grid *g = ctx;
    e3tp_grid_band bands[E3TP_S2GRID_BANDS];
    for (int map = 0; map < 2; map++) {
        size_t line = 0;
        for (size_t i = 0; i < g->nbands; i++) {
            bands[i] = (e3tp_grid_band){g->l[i], line, E3TP_GRID_VALUE, g->scale[map][g->l[i]]};
            line += 2 * (size_t)g->l[i] + 1;
        }
        e3tp_grid_add_transform(&g->of[map], t, b,
                                &(e3tp_grid_signal){map == E3TP_S2GRID_FROM, 1, g->nbands, bands});
    }
}

/* Columns of the samples at phi, -phi, phi + pi, pi - phi. */
static void find_columns(const e3tp_grid_shape *s, int point, int column[4])
{
    const int n = s->n_phi, half = n / 2, back = s->from_zero ? n - point : n - 1 - point;
    column[0] = point;
    column[1] = back % n;
    column[2] = s->quarter ? point + half : point;
    column[3] = s->quarter ? (back + half) % n : point;
}

/* Where the images of points of a ring stand, each named once. */
static void set_columns(e3tp_s2grid *g)
{
    const size_t T = 64 / e3tp_dtype_size(g->dtype);
    for (int p = 0; p < g->form.shape.points; p++) {
        int column[4];
        find_columns(&g->form.shape, p, column);
        for (int i = 0; i < 4; i++) {
            bool again = false;
            for (int k = 0; k < i; k++)
                again = again || column[k] == column[i];
            g->at[p][i] = again ? -1 : column[i] * (int32_t)T;
        }
    }
}

/* The same for Lebedev's points, a ring each: from the first of all samples. A reflection in x, y
   or z moves on by as many points as there are reflections before it (e3tp_so3_octant_unfold). */
static void set_spots(e3tp_s2grid *g)
{
    const int32_t T = (int32_t)(64 / e3tp_dtype_size(g->dtype));
    e3tp_so3_octant o;
    e3tp_so3_lebedev_octant(g->form.shape.n_theta, &o);
    for (int32_t p = 0, first = 0; p < o.n; p++) {
        const bool x = o.xyz[p][0] != 0, y = o.xyz[p][1] != 0, z = o.xyz[p][2] != 0;
        const int32_t at_x = first + T, at_z = first + T * (1 + x) * (1 + y);
        g->south[p] = y ? T * (1 + x) : 0;
        g->at[p][0] = first;
        g->at[p][1] = x ? at_x : -1;
        g->at[p][2] = x && z ? at_z + T : -1;
        g->at[p][3] = z ? at_z : -1;
        first += T * (1 + x) * (1 + y) * (1 + z);
    }
}

static e3tp_status set_images(e3tp_s2grid *g, e3tp_message *why)
{
    const bool spots = e3tp_s2grid_spots(g);
    const size_t n = (size_t)(spots ? g->form.shape.rings : g->form.shape.points);
    g->at = e3tp_alloc(&g->allocator, n, sizeof *g->at);
    g->south = spots ? e3tp_alloc(&g->allocator, n, sizeof *g->south) : NULL;
    if (!g->at || (spots && !g->south))
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for the samples of a ring");
    (spots ? set_spots : set_columns)(g);
    return E3TP_OK;
}

/* As products of signals choose: over channels where they fill the tiles to 4/5, or where calls are
   smaller than a tile; over rows where those are adjacent in memory. */
static void set_lanes(e3tp_s2grid *g, const e3tp_s2grid_desc *d)
{
    const size_t T = 64 / e3tp_dtype_size(d->dtype), C = d->channels;
    const bool adjacent = d->layout == E3TP_BATCH_LAST && d->layout_samples == E3TP_BATCH_LAST;
    const bool small = d->batch_hint && d->batch_hint < T && C > d->batch_hint;
    const bool fill = C && 5 * C >= 4 * ((C + T - 1) / T * T) && !adjacent;
    g->lanes = small || fill ? E3TP_LANES_CHANNELS : E3TP_LANES_ROWS;
    g->row_step = g->lanes == E3TP_LANES_ROWS ? T : 1;
    g->group_tiles = g->lanes == E3TP_LANES_ROWS ? C : (C + T - 1) / T;
}

/* Coefficients of some kilobytes; rings whose samples, folded and not, fill a first-level cache. */
static void lay_out(e3tp_s2grid *g)
{
    const e3tp_grid_shape *s = &g->form.shape;
    const size_t T = 64 / e3tp_dtype_size(g->dtype), tile = g->components ? 64 * g->components : 64,
                 ring = 64 * (8 * (size_t)s->points + 2 * (size_t)s->n_phi),
                 fit = ((size_t)16 << 10) / tile, rings = ((size_t)32 << 10) / ring,
                 slots = g->of[0].slots > g->of[1].slots ? g->of[0].slots : g->of[1].slots;
    g->together = fit ? fit : 1;
    g->chunk = !g->form.separable || rings > (size_t)s->rings ? (size_t)s->rings
               : rings                                        ? rings
                                                              : 1;
    size_t *total = &g->scratch_elements;
    g->scratch.coefficients = e3tp_take(total, T, g->together * g->components * T, true);
    g->scratch.slots = e3tp_take(total, T, e3tp_fold_slot_lines(slots, (size_t)s->rings) * T, true);
    g->scratch.classes =
        e3tp_take(total, T, g->chunk * (size_t)s->points * E3TP_FOLD_CLASSES * T, true);
    const size_t samples =
        e3tp_s2grid_spots(g) ? (size_t)s->n_theta : 2 * g->chunk * (size_t)s->n_phi;
    g->scratch.samples = e3tp_take(total, T, samples * T, true);
}

static e3tp_status build(e3tp_s2grid *g, const e3tp_s2grid_desc *d, e3tp_message *why)
{
    for (size_t i = 0; i < d->n; i++) {
        g->l[i] = d->l[i];
        g->components += 2 * (size_t)d->l[i] + 1;
    }
    set_scales(g, d);
    set_shape(g, d);
    set_lanes(g, d);
    E3TP_TRY(
        e3tp_grid_form_create(&g->form, d->dtype, g->tier, add_transforms, g, &g->allocator, why));
    E3TP_TRY(set_images(g, why));
    lay_out(g);
    return E3TP_OK;
}

e3tp_status e3tp_s2grid_plan(e3tp_s2grid **out, const e3tp_s2grid_desc *d, e3tp_tier tier,
                             e3tp_message *why)
{
    const e3tp_allocator a = {d->alloc, d->release, d->alloc_ctx};
    e3tp_s2grid *g = e3tp_zalloc(&a, 1, sizeof *g);
    if (!g)
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for the grid's plan");
    g->runner = runners[d->dtype][tier];
    g->dtype = d->dtype;
    g->tier = tier;
    g->layout = d->layout;
    g->layout_samples = d->layout_samples;
    g->nbands = d->n;
    g->channels = d->channels;
    g->parallel = (e3tp_parallel){d->threads ? d->threads : e3tp_parallel_max(), d->parallel_for,
                                  d->parallel_ctx};
    g->allocator = a;
    const e3tp_status s = build(g, d, why);
    if (s != E3TP_OK)
        e3tp_s2grid_destroy(g);
    else
        *out = g;
    return s;
}

void e3tp_s2grid_destroy(e3tp_s2grid *g)
{
    if (!g)
        return;
    const e3tp_allocator a = g->allocator;
    e3tp_grid_form_destroy(&g->form, &a);
    e3tp_free(&a, g->at);
    e3tp_free(&a, g->south);
    e3tp_free(&a, g);
}

/* ---- batches */

/* Multiply-adds of lines, about 20 us of work; waking a thread takes a few. */
static const double work_per_worker = 4e4;

/* Shares of rows that no two workers split: lanes over rows fill whole tiles. */
static size_t units(const e3tp_s2grid *g, size_t batch)
{
    return batch / g->row_step + (batch % g->row_step != 0);
}

size_t e3tp_s2grid_workers(const e3tp_s2grid *g, size_t batch)
{
    const size_t n = units(g, batch);
    const double samples = 2.0 * E3TP_FOLD_CLASSES * (double)e3tp_grid_points(&g->form.shape),
                 unit = (double)g->group_tiles * (g->of[0].fma + samples),
                 shares = (double)n * unit / work_per_worker;
    const size_t most = shares < (double)n ? (size_t)shares : n;
    return (size_t)e3tp_parallel_workers(&g->parallel, most ? most : 1);
}

size_t e3tp_s2grid_scratch_bytes(const e3tp_s2grid *g)
{
    return g->scratch_elements * e3tp_dtype_size(g->dtype);
}

typedef struct job {
    const e3tp_s2grid *plan;
    e3tp_s2grid_map map;
    bool synthesis;
    size_t batch, workers;
    const void *in;
    void *out;
    char *work;
} job;

static size_t start_of(const job *j, size_t worker)
{
    const size_t row =
        e3tp_parallel_start(units(j->plan, j->batch), j->workers, worker) * j->plan->row_step;
    return row < j->batch ? row : j->batch;
}

static void work(void *ctx, size_t worker)
{
    const job *j = ctx;
    const e3tp_s2grid *g = j->plan;
    const e3tp_s2grid_rows rows = {j->batch, start_of(j, worker), start_of(j, worker + 1)};
    g->runner->run(g, j->map, j->synthesis, &rows, j->in, j->out,
                   j->work + worker * e3tp_s2grid_scratch_bytes(g));
}

void e3tp_s2grid_run(const e3tp_s2grid *g, e3tp_s2grid_map map, bool synthesis, size_t batch,
                     const void *in, void *out, void *scratch, size_t workers)
{
    job j = {g, map, synthesis, batch, workers, in, out, scratch};
    e3tp_parallel_run(&g->parallel, workers, work, &j);
}
