/* SPDX-License-Identifier: MIT */
/* Plans of the Gaunt product: lanes, tables, the layout of the scratch. */
#include "grid/grid_plan.h"

/* Lanes over channels where they fill the tiles to 4/5, or where calls are smaller than a tile;
   over rows where those are adjacent in memory. */
static e3tp_lanes choose_lanes(const e3tp_problem *p)
{
    const size_t T = e3tp_tile_lanes(p), C = p->channels;
    const size_t padded = (C + T - 1) / T * T;
    size_t adjacent = 0;
    for (int k = 0; k < 3; k++)
        adjacent += p->layout[k] == E3TP_BATCH_LAST;
    if (p->batch_hint && p->batch_hint < T && C > p->batch_hint)
        return E3TP_LANES_CHANNELS;
    return C && 5 * C >= 4 * padded && adjacent < 2 ? E3TP_LANES_CHANNELS : E3TP_LANES_ROWS;
}

/* The blocks of operand k that couple; returns their number. */
static size_t find_bands(const e3tp_problem *p, int k, e3tp_grid_band *bands)
{
    size_t n = 0, line = 0;
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        if (e3tp_grid_uses(p, k, i))
            bands[n++] = (e3tp_grid_band){p->blocks[k][i].l, line};
        line += 2 * (size_t)p->blocks[k][i].l + 1;
    }
    return n;
}

/* What an e3tp_grid_add needs. */
typedef struct transforms {
    const e3tp_problem *problem;
    e3tp_grid_transform *of; /* [3] */
} transforms;

static void add_transforms(void *ctx, const e3tp_grid_basis *b, e3tp_grid_tables *t)
{
    const transforms *all = ctx;
    e3tp_grid_band bands[E3TP_GRID_BANDS];
    for (int k = 0; k < 3; k++)
        e3tp_grid_add_transform(&all->of[k], t, b, bands, find_bands(all->problem, k, bands),
                                k == 2);
}

/* Measured on avx2, in multiply-adds of a line: a folded sample's eight classes multiplied. */
static const double sample_work = 50.0;
static const double sample_flops = 80;
/* Share of all six transforms: x, y to samples, z back; backward x, y, gz, and gx, gy. */
static const double share[2] = {3.0 / 6, 5.0 / 6};

static void set_flops(e3tp_grid_plan *g)
{
    for (int back = 0; back < 2; back++)
        g->base.flops[back] =
            (double)g->base.problem->channels *
            (share[back] * 2 * g->base.form.tables.fma +
             (1 + back) * sample_flops * (double)e3tp_grid_points(&g->base.form.shape));
}

bool e3tp_grid_estimate(e3tp_grid_work *w, const e3tp_problem *p, e3tp_tier tier)
{
    e3tp_grid_shape shape;
    if (!e3tp_grid_choose(&shape, p, NULL))
        return false;
    e3tp_grid_transform of[3];
    transforms ctx = {p, of};
    e3tp_grid_basis b = {.shape = &shape, .dtype = p->dtype, .rows = e3tp_grid_rows(tier)};
    const e3tp_grid_tables t = e3tp_grid_choose_form(&b, add_transforms, &ctx);
    const size_t T = e3tp_tile_lanes(p), C = p->channels;
    for (int back = 0; back < 2; back++)
        w->lines[back] = share[back] * e3tp_grid_transform_work(&t) +
                         (1 + back) * sample_work * (double)e3tp_grid_points(&shape);
    w->dense = !b.separable;
    w->tiles =
        choose_lanes(p) == E3TP_LANES_CHANNELS ? (double)((C + T - 1) / T) : (double)C / (double)T;
    w->packed = C ? (double)((p->dim[0] + p->dim[1] + p->dim[2]) / C) : 0;
    return true;
}

static void set_sizes(e3tp_grid_plan *g)
{
    const e3tp_problem *p = g->base.problem;
    const size_t T = e3tp_tile_lanes(p), C = p->channels;
    g->base.lanes = choose_lanes(p);
    g->row_step = g->base.lanes == E3TP_LANES_ROWS ? T : 1;
    g->group_tiles = g->base.lanes == E3TP_LANES_ROWS ? C : (C + T - 1) / T;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < p->nblocks[k]; i++) {
            g->d[k][i] = 2 * p->blocks[k][i].l + 1;
            g->components[k] += (size_t)g->d[k][i];
            g->idle[k] = g->idle[k] || !e3tp_grid_uses(p, k, i);
        }
}

/* Some kilobytes of operands and results: calls that pack single tiles cost as much as packing. */
static void set_together(e3tp_grid_plan *g)
{
    const size_t tile = 64 * (g->components[0] + g->components[1] + g->components[2] + 1);
    const size_t fit = ((size_t)48 << 10) / tile;
    g->together = fit < 1 ? 1 : fit;
}

/* Blocks of at most 64 rows and about 200 KB: small enough to share out among threads. */
static void set_block_rows(e3tp_grid_plan *g)
{
    const e3tp_problem *p = g->base.problem;
    const size_t least = g->row_step;
    const size_t row =
        (p->dim[0] + p->dim[1] + p->dim[2] + p->weight_numel + 1) * e3tp_dtype_size(p->dtype);
    const size_t fit = ((size_t)192 << 10) / row, rows = fit < 64 ? fit / least * least : 64;
    g->base.block_rows = rows < least ? least : rows;
}

/* Runs of rings as equal as can be, with samples of two operands of about a first-level cache. */
static void set_chunk(e3tp_grid_plan *g)
{
    const size_t ring = g->base.form.ring_step * e3tp_dtype_size(g->base.problem->dtype);
    const size_t fit = ((size_t)16 << 10) / ring, rings = g->base.form.rings;
    g->chunk = g->base.form.separable && fit > 1 ? e3tp_grid_cut_rows(rings, fit).tile : 1;
}

static void destroy(void *plan, const e3tp_allocator *a)
{
    e3tp_grid_plan *g = plan;
    e3tp_grid_form_destroy(&g->base.form, a);
    e3tp_free(a, g);
}

e3tp_status e3tp_grid_plan_create(void **out, const e3tp_problem *p, e3tp_tier tier,
                                  const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_grid_plan *g = e3tp_zalloc(a, 1, sizeof *g);
    if (!g)
        return e3tp_fail(why, E3TP_E_NOMEM, "grid: no memory for the plan");
    g->base.problem = p;
    g->base.destroy = destroy;
    set_sizes(g);
    set_together(g);
    set_block_rows(g);
    transforms ctx = {p, g->of};
    e3tp_status status = E3TP_E_UNSUPPORTED;
    if (e3tp_grid_choose(&g->base.form.shape, p, why))
        status = e3tp_grid_form_create(&g->base.form, p, tier, add_transforms, &ctx, a, why);
    if (status != E3TP_OK) {
        destroy(g, a);
        return status;
    }
    set_chunk(g);
    set_flops(g);
    g->base.scratch = e3tp_grid_lay_out(g).total;
    *out = g;
    return E3TP_OK;
}

e3tp_grid_layout e3tp_grid_lay_out(const e3tp_grid_plan *g)
{
    const e3tp_problem *p = g->base.problem;
    const size_t T = e3tp_tile_lanes(p), tiles = g->together,
                 row = tiles < g->group_tiles ? g->group_tiles : tiles,
                 samples = e3tp_grid_samples_size(&g->base.form),
                 chunk = g->base.form.separable ? g->chunk * g->base.form.ring_step : samples;
    e3tp_grid_layout l = {0};
    for (int k = 0; k < 3; k++) {
        const size_t factors = p->factor_weights ? p->nblocks[k] * T : 0,
                     components = g->components[k] * T,
                     slots = e3tp_grid_slot_lines(&g->base.form.shape, g->of[k].slots) * T;
        l.in[k] = e3tp_take(&l.total, T, tiles * components, false);
        l.out[k] = e3tp_take(&l.total, T, tiles * components, false);
        l.w[k] = e3tp_take(&l.total, T, row * factors, false);
        l.gw[k] = e3tp_take(&l.total, T, tiles * factors, false);
        l.scaled[k] = e3tp_take(&l.total, T, factors ? components : 0, false);
        l.slots[k] = e3tp_take(&l.total, T, slots, true);
        l.back[k] = e3tp_take(&l.total, T, slots, true);
        l.points[k] = e3tp_take(&l.total, T, samples, true);
        l.product[k] = e3tp_take(&l.total, T, chunk, true);
    }
    return l;
}
