/* SPDX-License-Identifier: MIT */
/* Chooses between dense and separable by count, and builds the tables. */
#include "grid/grid_form.h"

#include "so3/legendre.h"

/* Measured on avx2, in multiply-adds of a line: storing and reading again a line of results;
   entering a tile. */
static const double line_overhead = 2.0, call_overhead = 3.0;

/* The dense form holds all samples at once, folded and, where they are apart, unfolded: so many
   take two second-level caches of 256 KB. */
static const size_t apart_most = 512;

double e3tp_grid_transform_work(const e3tp_grid_tables *t)
{
    return t->fma + line_overhead * t->lines + call_overhead * t->calls;
}

static e3tp_grid_tables count(e3tp_grid_basis *b, bool separable, e3tp_grid_add *add, void *ctx)
{
    e3tp_grid_tables t = {0};
    b->separable = separable;
    add(ctx, b, &t);
    return t;
}

e3tp_grid_tables e3tp_grid_choose_form(e3tp_grid_basis *b, e3tp_grid_add *add, void *ctx)
{
    const e3tp_grid_tables dense = count(b, false, add, ctx), separable = count(b, true, add, ctx);
    b->separable = e3tp_grid_transform_work(&separable) < e3tp_grid_transform_work(&dense) ||
                   (b->shape->apart && e3tp_grid_points(b->shape) > apart_most);
    return b->separable ? separable : dense;
}

static void set_steps(e3tp_grid_form *g, const e3tp_grid_basis *b)
{
    const size_t line = 64 / e3tp_dtype_size(b->dtype);
    g->separable = b->separable;
    g->runs = e3tp_grid_runs(b);
    g->rings = g->separable ? (size_t)g->shape.rings : g->runs.large + g->runs.small;
    g->ring_step =
        E3TP_GRID_CLASSES * line * (g->separable ? (size_t)g->shape.points : g->runs.tile);
}

static e3tp_status fill(e3tp_grid_form *g, e3tp_grid_basis *b, e3tp_grid_add *add, void *ctx,
                        const e3tp_allocator *a, e3tp_message *why)
{
    const size_t rings = (size_t)g->shape.rings, points = (size_t)g->shape.points;
    const size_t nodes_size = 2 * ((size_t)g->shape.n_theta + points),
                 legendre_size = rings * E3TP_SO3_LEGENDRE_SIZE(E3TP_GRID_LMAX),
                 trig_size = points * (2 * E3TP_GRID_LMAX + 1);
    double *memory =
        e3tp_alloc(a, nodes_size + 2 * legendre_size + rings + trig_size, sizeof *memory);
    if (!memory)
        return e3tp_fail(why, E3TP_E_NOMEM, "grid: no memory for the nodes");
    double *legendre = memory + nodes_size, *slope = legendre + legendre_size,
           *sine = slope + legendre_size, *trig = sine + rings;
    e3tp_grid_nodes nodes;
    e3tp_grid_set_nodes(&nodes, &g->shape, memory);
    e3tp_grid_fill_basis(&g->shape, &nodes, legendre, slope, sine, trig);
    b->legendre = legendre, b->slope = slope, b->sine = sine, b->trig = trig;
    b->ring_weight = nodes.ring_weight, b->point_weight = nodes.point_weight;
    add(ctx, b, &g->tables);
    e3tp_free(a, memory);
    return E3TP_OK;
}

e3tp_status e3tp_grid_form_create(e3tp_grid_form *g, e3tp_dtype dtype, e3tp_tier tier,
                                  e3tp_grid_add *add, void *ctx, const e3tp_allocator *a,
                                  e3tp_message *why)
{
    e3tp_grid_basis b = {.shape = &g->shape, .dtype = dtype, .rows = e3tp_grid_rows(tier)};
    const e3tp_grid_tables t = e3tp_grid_choose_form(&b, add, ctx);
    set_steps(g, &b);
    g->tables.steps = e3tp_alloc(a, t.nsteps, sizeof *g->tables.steps);
    g->tables.lists = e3tp_alloc(a, t.nlists, sizeof *g->tables.lists);
    g->tables.table = e3tp_alloc(a, t.ntable, e3tp_dtype_size(dtype));
    if (!g->tables.steps || !g->tables.lists || !g->tables.table)
        return e3tp_fail(why, E3TP_E_NOMEM, "grid: no memory for the tables");
    return fill(g, &b, add, ctx, a, why);
}

void e3tp_grid_form_destroy(e3tp_grid_form *g, const e3tp_allocator *a)
{
    e3tp_free(a, g->tables.steps);
    e3tp_free(a, g->tables.lists);
    e3tp_free(a, g->tables.table);
}
