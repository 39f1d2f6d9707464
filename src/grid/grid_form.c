/* SPDX-License-Identifier: MIT */
/* Chooses between dense and separable by count, and builds the tables. */
#include "grid/grid_form.h"

#include "so3/legendre.h"

/* The dense form holds all samples at once, folded and, where they are apart, unfolded: so many
   take two second-level caches of 256 KB. */
static const size_t apart_most = 512;

static e3tp_fold_tables count(e3tp_grid_basis *b, bool separable, e3tp_grid_add *add, void *ctx)
{
    e3tp_fold_tables t = {.dtype = b->dtype, .most = b->rows};
    b->separable = separable;
    add(ctx, b, &t);
    return t;
}

e3tp_fold_tables e3tp_grid_choose_form(e3tp_grid_basis *b, e3tp_grid_add *add, void *ctx)
{
    const e3tp_fold_tables dense = count(b, false, add, ctx), separable = count(b, true, add, ctx);
    b->separable = b->shape->quadrature != E3TP_LEBEDEV &&
                   (e3tp_fold_work(&separable) < e3tp_fold_work(&dense) ||
                    (b->shape->apart && e3tp_grid_points(b->shape) > apart_most));
    return b->separable ? separable : dense;
}

static void set_steps(e3tp_grid_form *g, const e3tp_grid_basis *b)
{
    const size_t line = 64 / e3tp_dtype_size(b->dtype);
    g->separable = b->separable;
    g->runs = e3tp_grid_runs(b);
    g->rings = g->separable ? (size_t)g->shape.rings : g->runs.large + g->runs.small;
    g->ring_step =
        E3TP_FOLD_CLASSES * line * (g->separable ? (size_t)g->shape.points : g->runs.tile);
}

static e3tp_status fill(e3tp_grid_form *g, e3tp_grid_basis *b, e3tp_grid_add *add, void *ctx,
                        const e3tp_allocator *a, e3tp_message *why)
{
    const size_t rings = (size_t)g->shape.rings, azimuths = (size_t)e3tp_grid_azimuths(&g->shape);
    const size_t nodes_size = 2 * ((size_t)g->shape.n_theta + azimuths),
                 legendre_size = rings * E3TP_SO3_LEGENDRE_SIZE(E3TP_GRID_LMAX),
                 trig_size = azimuths * (2 * E3TP_GRID_LMAX + 1);
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
    e3tp_grid_basis b = {.shape = &g->shape, .dtype = dtype, .rows = e3tp_fold_rows(tier)};
    const e3tp_fold_tables t = e3tp_grid_choose_form(&b, add, ctx);
    set_steps(g, &b);
    if (e3tp_fold_tables_create(&g->tables, &t, a) != E3TP_OK)
        return e3tp_fail(why, E3TP_E_NOMEM, "grid: no memory for the tables");
    return fill(g, &b, add, ctx, a, why);
}

void e3tp_grid_form_destroy(e3tp_grid_form *g, const e3tp_allocator *a)
{
    e3tp_fold_tables_destroy(&g->tables, a);
}
