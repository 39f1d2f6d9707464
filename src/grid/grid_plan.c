/* SPDX-License-Identifier: MIT */
/* Chooses the form, builds the tables, lays out the scratch. */
#include "grid/grid_plan.h"

#include <string.h>

#include "grid/grid_kernels.h"
#include "so3/legendre.h"

enum { MAX_BANDS = E3TP_GRID_LMAX + 1 };

static size_t lanes_of_line(const e3tp_problem *p)
{
    return 64 / e3tp_dtype_size(p->dtype);
}

/* Lanes over channels where they fill the tiles to 4/5, or where calls are smaller than a tile. */
static e3tp_lanes choose_lanes(const e3tp_problem *p)
{
    const size_t T = lanes_of_line(p), C = p->channels;
    const size_t padded = (C + T - 1) / T * T;
    if (p->batch_hint && p->batch_hint < T && C > p->batch_hint)
        return E3TP_LANES_CHANNELS;
    return C && 5 * C >= 4 * padded ? E3TP_LANES_CHANNELS : E3TP_LANES_ROWS;
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

static void add_transforms(const e3tp_problem *p, const e3tp_grid_basis *b, e3tp_grid_tables *t,
                           e3tp_grid_transform of[3])
{
    e3tp_grid_band bands[MAX_BANDS];
    for (int k = 0; k < 3; k++)
        e3tp_grid_add_transform(&of[k], t, b, bands, find_bands(p, k, bands), k == 2);
}

/* Measured on avx2, in multiply-adds of a line: clearing, storing and reading again a line of
   results; entering a row tile; a folded sample's eight classes multiplied. */
static const double line_overhead = 2.0, call_overhead = 3.0, sample_work = 50.0;
static const double sample_flops = 80;
/* Share of all six transforms: x, y to samples, z back; backward x, y, gz, and gx, gy. */
static const double transforms[2] = {3.0 / 6, 5.0 / 6};

static double work_of(const e3tp_grid_tables *t)
{
    return t->fma + line_overhead * t->lines + call_overhead * t->calls;
}

static e3tp_grid_tables count(const e3tp_problem *p, e3tp_grid_basis *b, bool separable)
{
    e3tp_grid_tables t = {0};
    e3tp_grid_transform of[3];
    b->separable = separable;
    add_transforms(p, b, &t, of);
    return t;
}

/* Tables of the cheaper form. */
static e3tp_grid_tables choose_form(const e3tp_problem *p, e3tp_grid_basis *b)
{
    const e3tp_grid_tables dense = count(p, b, false), separable = count(p, b, true);
    b->separable = work_of(&separable) < work_of(&dense);
    return b->separable ? separable : dense;
}

static double flops_of(const e3tp_grid_tables *t, const e3tp_grid_shape *s, int back)
{
    return transforms[back] * 2 * t->fma + (1 + back) * sample_flops * s->rings * s->points;
}

bool e3tp_grid_estimate(e3tp_grid_work *w, const e3tp_problem *p, e3tp_tier tier)
{
    e3tp_grid_shape shape;
    if (!e3tp_grid_choose(&shape, p, NULL))
        return false;
    e3tp_grid_basis b = {.shape = &shape, .dtype = p->dtype, .rows = e3tp_grid_rows(tier)};
    const e3tp_grid_tables t = choose_form(p, &b);
    const size_t T = lanes_of_line(p), C = p->channels;
    for (int back = 0; back < 2; back++)
        w->lines[back] =
            transforms[back] * work_of(&t) + (1 + back) * sample_work * shape.rings * shape.points;
    w->tiles =
        choose_lanes(p) == E3TP_LANES_CHANNELS ? (double)((C + T - 1) / T) : (double)C / (double)T;
    w->packed = C ? (double)((p->dim[0] + p->dim[1] + p->dim[2]) / C) : 0;
    return true;
}

/* Rows of a block: packed operands should stay in a 512 KB second-level cache. */
static void choose_rows(e3tp_grid_plan *g)
{
    const e3tp_problem *p = g->problem;
    const size_t T = lanes_of_line(p), C = p->channels;
    const size_t row =
        (p->dim[0] + p->dim[1] + p->dim[2] + p->weight_numel + 1) * e3tp_dtype_size(p->dtype);
    const size_t fit = ((size_t)192 << 10) / row;
    g->group_rows = g->lanes == E3TP_LANES_ROWS ? T : 1;
    g->group_tiles = g->lanes == E3TP_LANES_ROWS ? C : (C + T - 1) / T;
    g->block_rows = fit < 64 ? fit / g->group_rows * g->group_rows : 64;
    g->block_rows = g->block_rows < g->group_rows ? g->group_rows : g->block_rows;
}

static void set_steps(e3tp_grid_plan *g, const e3tp_grid_basis *b)
{
    const size_t line = lanes_of_line(g->problem);
    g->runs = e3tp_grid_runs(b);
    g->rings = g->separable ? (size_t)g->shape.rings : g->runs.large + g->runs.small;
    g->ring_step =
        E3TP_GRID_CLASSES * line * (g->separable ? (size_t)g->shape.points : g->runs.tile);
    /* Samples of two operands, about a first-level cache of them. */
    const size_t fit = ((size_t)24 << 10) / (2 * g->ring_step / line * 64);
    g->chunk = !g->separable || fit < 1 ? 1 : fit < g->rings ? fit : g->rings;
}

static e3tp_status allocate(e3tp_grid_plan *g, const e3tp_allocator *a, const e3tp_grid_tables *t,
                            e3tp_message *why)
{
    const e3tp_problem *p = g->problem;
    g->tables.steps = e3tp_alloc(a, t->nsteps, sizeof *g->tables.steps);
    g->tables.lists = e3tp_alloc(a, t->nlists, sizeof *g->tables.lists);
    g->tables.table = e3tp_alloc(a, t->ntable, e3tp_dtype_size(p->dtype));
    bool ok = g->tables.steps && g->tables.lists && g->tables.table;
    for (int k = 0; k < 3; k++)
        ok = (g->d[k] = e3tp_alloc(a, p->nblocks[k], sizeof *g->d[k])) && ok;
    if (!ok)
        return e3tp_fail(why, E3TP_E_NOMEM, "grid: no memory for the tables");
    for (int k = 0; k < 3; k++)
        E3TP_TRY(e3tp_packed_create(&g->packed[k], p, k, g->lanes, true, g->block_rows, a, why));
    return E3TP_OK;
}

static e3tp_status fill(e3tp_grid_plan *g, e3tp_grid_basis *b, const e3tp_allocator *a,
                        e3tp_message *why)
{
    const e3tp_problem *p = g->problem;
    const size_t rings = (size_t)g->shape.rings, points = (size_t)g->shape.points;
    const size_t nodes_size = 2 * ((size_t)g->shape.n_theta + points),
                 legendre_size = rings * E3TP_SO3_LEGENDRE_SIZE(E3TP_GRID_LMAX),
                 trig_size = points * (2 * E3TP_GRID_LMAX + 1);
    double *memory = e3tp_alloc(a, nodes_size + legendre_size + trig_size, sizeof *memory);
    if (!memory)
        return e3tp_fail(why, E3TP_E_NOMEM, "grid: no memory for the nodes");
    double *legendre = memory + nodes_size, *trig = legendre + legendre_size;
    e3tp_grid_nodes nodes;
    e3tp_grid_set_nodes(&nodes, &g->shape, p->quadrature, memory);
    e3tp_grid_fill_basis(&g->shape, &nodes, legendre, trig);
    b->legendre = legendre, b->trig = trig;
    b->ring_weight = nodes.ring_weight, b->point_weight = nodes.point_weight;
    add_transforms(p, b, &g->tables, g->of);
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < p->nblocks[k]; i++) {
            g->d[k][i] = 2 * p->blocks[k][i].l + 1;
            g->idle[k] = g->idle[k] || !e3tp_grid_uses(p, k, i);
        }
    e3tp_free(a, memory);
    return E3TP_OK;
}

e3tp_status e3tp_grid_plan_create(e3tp_grid_plan **out, const e3tp_problem *p, e3tp_tier tier,
                                  const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_grid_plan *g = e3tp_zalloc(a, 1, sizeof *g);
    if (!g)
        return e3tp_fail(why, E3TP_E_NOMEM, "grid: no memory for the plan");
    g->problem = p;
    g->lanes = choose_lanes(p);
    choose_rows(g);
    e3tp_status status = E3TP_E_UNSUPPORTED;
    if (e3tp_grid_choose(&g->shape, p, why)) {
        e3tp_grid_basis b = {.shape = &g->shape, .dtype = p->dtype, .rows = e3tp_grid_rows(tier)};
        const e3tp_grid_tables counted = choose_form(p, &b);
        g->separable = b.separable;
        set_steps(g, &b);
        for (int back = 0; back < 2; back++)
            g->flops[back] = flops_of(&counted, &g->shape, back);
        status = allocate(g, a, &counted, why);
        if (status == E3TP_OK)
            status = fill(g, &b, a, why);
    }
    if (status != E3TP_OK) {
        e3tp_grid_plan_destroy(g, a);
        return status;
    }
    *out = g;
    return E3TP_OK;
}

void e3tp_grid_plan_destroy(e3tp_grid_plan *g, const e3tp_allocator *a)
{
    if (!g)
        return;
    for (int k = 0; k < 3; k++) {
        e3tp_packed_destroy(&g->packed[k], a);
        e3tp_free(a, g->d[k]);
    }
    e3tp_free(a, g->tables.steps);
    e3tp_free(a, g->tables.lists);
    e3tp_free(a, g->tables.table);
    e3tp_free(a, g);
}

/* The next place for n elements. apart: not a multiple of 4 KB from its neighbours, so that loads
   of one array do not wait for stores to another. */
static size_t take(e3tp_grid_layout *l, size_t T, size_t n, bool apart)
{
    const size_t at = l->total, page = 64 * T;
    l->total += apart ? (n + page - 1) / page * page + 21 * T : (n + T - 1) / T * T;
    return at;
}

e3tp_grid_layout e3tp_grid_lay_out(const e3tp_grid_plan *g)
{
    const e3tp_problem *p = g->problem;
    const size_t T = lanes_of_line(p);
    const size_t tiles = (g->block_rows + g->group_rows - 1) / g->group_rows * g->group_tiles;
    e3tp_grid_layout l = {0};
    for (int k = 0; k < 3; k++) {
        const size_t factors = p->factor_weights ? p->nblocks[k] * T : 0;
        const size_t components = p->channels ? p->dim[k] / p->channels * T : 0;
        l.in[k] = take(&l, T, g->packed[k].elements, false);
        l.out[k] = take(&l, T, g->packed[k].elements, false);
        l.w[k] = take(&l, T, tiles * factors, false);
        l.gw[k] = take(&l, T, tiles * factors, false);
        l.scaled[k] = take(&l, T, components, false);
        const size_t slots = e3tp_grid_slot_lines(&g->shape, g->of[k].slots) * T;
        l.slots[k] = take(&l, T, slots, true);
        l.back[k] = take(&l, T, slots, true);
        l.points[k] = take(&l, T, g->rings * g->ring_step, true);
        l.product[k] = take(&l, T, (g->separable ? g->chunk : g->rings) * g->ring_step, true);
    }
    return l;
}
