/* SPDX-License-Identifier: MIT */
/* Lane tiles of a product of signals: through samples to their results. Compiled once per tier and
   real; exports one const struct.

   The three operands are alike: with signals of x, y and gz on the samples, gx is the analysis of
   gz y, gy of gz x, and z of x y, summed over the terms; of fields gx is that of y cross gz, gy of
   gz cross x, and z of x cross y. */
#include <string.h>

#include "grid/grid_plan.h"
#include "grid/grid_samples.h"

/* Transforms take all tiles at hand at once, each of which has its own scratch; the rest goes tile
   by tile. */
typedef struct frame {
    const e3tp_grid_plan *plan;
    const e3tp_signal_call *call;
    real *base;   /* scratch, of the first tile */
    int in_place; /* operand whose samples give way to the products, or -1 */
} frame;

static int in_place(const e3tp_grid_plan *g, const e3tp_signal_call *call)
{
    if (call->back || call->joins[2] || e3tp_grid_has_fields(g->base.problem))
        return -1;
    return !call->shared[0] && g->terms == 1 ? 0 : !call->shared[1] ? 1 : -1;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Samples of signal t of operand k on the rings from `ring` on: all are kept where they serve later
   tiles, or where products of the dense form replace them. */
static real *points_at(const frame *f, int k, size_t t, size_t ring)
{
    const e3tp_grid_form *form = &f->plan->base.form;
    k = e3tp_signal_stand_in(f->call, k);
    const bool kept = f->call->shared[k] || (k == f->in_place && !form->separable);
    return f->base + f->plan->at.points[k][t] + (kept ? ring_at(form, ring) : 0);
}

/* Products of the rings at hand; all are kept where later tiles add to them, and by the dense form
   for its analysis. */
static real *product_at(const frame *f, int k, size_t t, size_t ring)
{
    const e3tp_grid_form *form = &f->plan->base.form;
    real *all = f->base +
                (f->in_place < 0 ? f->plan->at.product[k][t] : f->plan->at.points[f->in_place][t]);
    return all + (form->separable && !f->call->joins[k] ? 0 : ring_at(form, ring));
}

/* What term t adds to a signal of result k on `count` rings from `ring` on: the product of the
   other two signals. Terms of x add to its one signal. */
static void multiply(const frame *f, int k, size_t t, size_t ring, size_t count)
{
    const e3tp_grid_form *form = &f->plan->base.form;
    const int a = k == 0 ? 1 : 0, b = k == 2 ? 1 : 2;
    kernels.multiply(points_at(f, a, a ? t : 0, ring), points_at(f, b, t, ring),
                     product_at(f, k, k ? t : 0, ring),
                     (ring_at(form, ring + count) - ring_at(form, ring)) / POINT,
                     (k == 0 && t) || f->call->adds[k]);
}

/* Component i of field k on the rings from `ring` on. */
static void combine(const frame *f, int k, size_t i, size_t ring, size_t count)
{
    const e3tp_grid_form *form = &f->plan->base.form;
    const e3tp_grid_sum *s = &f->plan->fields.sum[k][i];
    const real *a[E3TP_GRID_TERMS], *b[E3TP_GRID_TERMS];
    for (size_t n = 0; n < s->n; n++) {
        a[n] = points_at(f, (k + 1) % 3, s->a[n], ring);
        b[n] = points_at(f, (k + 2) % 3, s->b[n], ring);
    }
    kernels.combine(s->n, s->minus, a, b, product_at(f, k, i, ring),
                    (ring_at(form, ring + count) - ring_at(form, ring)) / POINT, f->call->adds[k]);
}

/* Result k of a tile on `count` rings from `ring` on. */
static void multiply_rings(const frame *f, int k, size_t ring, size_t count)
{
    const e3tp_grid_plan *g = f->plan;
    for (size_t t = 0; t < g->terms; t++)
        multiply(f, k, t, ring, count);
    for (size_t i = 0; i < g->signals[k]; i++) {
        if (g->fields.sum[k][i].n)
            combine(f, k, i, ring, count);
        if (g->base.form.separable && g->live[k][i] && f->call->ends[k])
            rings_to_slots(&g->base.form, &g->of[k][i], product_at(f, k, i, ring), ring, count,
                           f->base + f->plan->at.back[k][i]);
    }
}

/* Samples of signal i of operand k on the rings from `ring` on; of fields as mirror images. */
static void synthesise(const frame *f, int k, size_t i, source from, size_t ring, size_t count)
{
    const e3tp_grid_plan *g = f->plan;
    const e3tp_grid_form *form = &g->base.form;
    real *points = points_at(f, k, i, ring);
    to_points(form, &g->of[k][i], f->call->count, from, ring, count, points, g->apart);
    for (size_t j = 0; j < f->call->count && e3tp_grid_has_fields(g->base.problem); j++)
        kernels.unfold(points + j * g->apart,
                       (ring_at(form, ring + count) - ring_at(form, ring)) / POINT);
}

static void turn(const e3tp_grid_plan *g, int k, real *lines)
{
    for (size_t i = 0; i < g->fields.nturns[k]; i++) {
        const e3tp_grid_turn *t = &g->fields.turns[k][i];
        kernels.turn(t->d, (real)t->c, (real)t->s, lines + t->a * T, lines + t->b * T);
    }
}

/* Coefficients of operand k as its signals take them. */
static source turned(const frame *f, int k, const real *in)
{
    const e3tp_grid_plan *g = f->plan;
    const size_t step = g->tiles.lines[k] * T;
    real *lines = f->base + g->at.turned[k];
    if (!g->fields.nturns[k])
        return (source){in, step};
    for (size_t j = 0; j < f->call->count; j++) {
        memcpy(lines + j * g->apart, in + j * step, step * sizeof(real));
        turn(g, k, lines + j * g->apart);
    }
    return (source){lines, g->apart};
}

/* Result k from its products. */
static void analyse(const frame *f, int k, real *out)
{
    const e3tp_grid_plan *g = f->plan;
    const bool adds = g->signals[k] > 1;
    const size_t tiles = f->call->count, step = g->tiles.components[k] * T;
    if (adds)
        memset(out, 0, tiles * step * sizeof(real));
    for (size_t i = 0; i < g->signals[k]; i++)
        if (g->live[k][i])
            to_coefficients(&g->base.form, &g->of[k][i], tiles,
                            (source){g->base.form.separable ? f->base + g->at.back[k][i]
                                                            : product_at(f, k, i, 0),
                                     g->apart},
                            out, step, adds);
    for (size_t j = 0; j < tiles; j++)
        turn(g, k, out + j * step);
}

/* All wanted results on `count` rings from `ring` on. */
static void multiply_all(const frame *f, size_t ring, size_t count)
{
    frame one = *f;
    for (size_t j = 0; j < f->call->count; j++, one.base += f->plan->apart)
        for (int k = 0; k < 3; k++)
            if (f->call->wanted[k])
                multiply_rings(&one, k, ring, count);
}

static void run_tiles(const void *plan, const e3tp_signal_call *call, const void *const in[3],
                      void *const out[3], const bool fresh[3], void *scratch)
{
    const e3tp_grid_plan *g = plan;
    const frame frame_of_tile = {g, call, scratch, in_place(g, call)}, *f = &frame_of_tile;
    const e3tp_grid_form *form = &g->base.form;
    source from[3][E3TP_GRID_TERMS] = {0};
    for (int k = 0; k < 3; k++) {
        const source lines = fresh[k] ? turned(f, k, in[k]) : (source){0};
        for (size_t i = 0; fresh[k] && i < g->signals[k]; i++)
            from[k][i] = to_slots(form, &g->of[k][i], call->count, lines,
                                  f->base + g->at.slots[k][i], g->apart);
    }
    for (size_t ring = 0; ring < form->rings; ring += g->chunk) {
        const size_t count = least(form->rings - ring, g->chunk);
        for (int k = 0; k < 3; k++)
            for (size_t i = 0; fresh[k] && i < g->signals[k]; i++)
                if (g->live[k][i])
                    synthesise(f, k, i, from[k][i], ring, count);
        multiply_all(f, ring, count);
    }
    for (int k = 0; k < 3; k++)
        if (call->ends[k])
            analyse(f, k, out[k]);
}

const e3tp_signal_runner E3TP_NAME(e3tp_grid_runner) = {run_tiles, NULL};
