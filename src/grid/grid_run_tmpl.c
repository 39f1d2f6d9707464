/* SPDX-License-Identifier: MIT */
/* A block of rows: packs the operands, takes each lane tile through samples, unpacks. Compiled once
   per tier and real; exports one const struct.

   The three operands are alike: with signals of x, y and gz on the samples, gx is the analysis of
   gz y, gy of gz x, and z of x y. Operand k is transformed where some result other than its own is
   wanted. */
#include <string.h>

#include "grid/grid_kernels.h"
#include "grid/grid_plan.h"
#include "simd/vec.h"

#define kernels E3TP_NAME(e3tp_grid_kernels)
#define packed_kernels E3TP_NAME(e3tp_packed_kernels)
#define tile_kernels E3TP_NAME(e3tp_tile_kernels)

enum { T = 64 / sizeof(real), POINT = E3TP_GRID_CLASSES * T };

typedef struct frame {
    const e3tp_grid_plan *plan;
    const e3tp_rows *r;
    e3tp_grid_layout at;
    real *base;              /* scratch */
    bool wanted[3];          /* results gx, gy, z; with gradients of the factors all three */
    bool needed[3];          /* operands x, y, gz */
    bool shared[3];          /* one group of tiles of the operand serves all */
    int in_place;            /* operand whose samples give way to the only product, or -1 */
    bool factors, gradients; /* of factor weights */
} frame;

/* Elements of a tile of operand k. */
static size_t components(const frame *f, int k)
{
    const e3tp_problem *p = f->plan->problem;
    return p->dim[k] / p->channels * T;
}

/* Steps of a stage; those of ring `ring` where every ring has its own (dense, to points). */
static const e3tp_grid_step *steps_of(const e3tp_grid_plan *g, int k, int stage, size_t ring,
                                      size_t *n)
{
    const size_t *first = &g->of[k].first[stage];
    const bool own = !g->separable && stage == E3TP_GRID_TO_POINTS;
    *n = own ? E3TP_GRID_CLASSES : first[1] - first[0];
    return g->tables.steps + first[0] + (own ? ring * E3TP_GRID_CLASSES : 0);
}

/* Coefficients, or slots made from them, that the point stage reads. */
static const real *prepare(const frame *f, int k, const real *in)
{
    const e3tp_grid_plan *g = f->plan;
    if (!g->separable)
        return in;
    real *slots = f->base + f->at.slots[k];
    size_t n;
    const e3tp_grid_step *s = steps_of(g, k, E3TP_GRID_TO_SLOTS, 0, &n);
    kernels.synthesise(s, n, g->tables.table, g->tables.lists, in, 0, slots, 0, 1);
    return slots;
}

/* Elements from the first sample of all to the first of a ring or run. */
static size_t ring_at(const e3tp_grid_plan *g, size_t ring)
{
    return g->separable ? ring * g->ring_step : e3tp_grid_cut_first(g->runs, ring) * POINT;
}

/* Samples of operand k on the rings from `ring` on: all are kept where they serve later tiles, or
   where products of the dense form replace them. */
static real *points_at(const frame *f, int k, size_t ring)
{
    const bool kept = f->shared[k] || (k == f->in_place && !f->plan->separable);
    return f->base + f->at.points[k] + (kept ? ring_at(f->plan, ring) : 0);
}

/* Products of the rings at hand; the dense form keeps all for its analysis. */
static real *product_at(const frame *f, int k, size_t ring)
{
    real *all = f->base + (f->in_place < 0 ? f->at.product[k] : f->at.points[f->in_place]);
    return all + (f->plan->separable ? 0 : ring_at(f->plan, ring));
}

static void to_points(const frame *f, int k, const real *from, size_t ring, size_t count)
{
    const e3tp_grid_plan *g = f->plan;
    size_t n;
    const e3tp_grid_step *s = steps_of(g, k, E3TP_GRID_TO_POINTS, ring, &n);
    kernels.synthesise(s, n, g->tables.table, g->tables.lists,
                       from + (g->separable ? ring * POINT : 0), POINT, points_at(f, k, ring),
                       g->ring_step, count);
}

/* Result k on `count` rings from `ring` on: the product of the other two signals. */
static void multiply(const frame *f, int k, size_t ring, size_t count)
{
    const e3tp_grid_plan *g = f->plan;
    const int a = k == 0 ? 1 : 0, b = k == 2 ? 1 : 2;
    kernels.multiply(points_at(f, a, ring), points_at(f, b, ring), product_at(f, k, ring),
                     (ring_at(g, ring + count) - ring_at(g, ring)) / POINT);
}

static void analyse(const frame *f, int k, int stage, const real *in, size_t in_step, real *out,
                    size_t out_step, size_t count)
{
    const e3tp_grid_plan *g = f->plan;
    size_t n;
    const e3tp_grid_step *s = steps_of(g, k, stage, 0, &n);
    kernels.analyse(s, n, g->tables.table, g->tables.lists, in, in_step, out, out_step, count);
}

/* in: components of a tile of each operand; out: of each result. fresh: the operand's samples are
   not there yet. */
static void multiply_tile(const frame *f, const real *const in[3], real *const out[3],
                          const bool fresh[3])
{
    const e3tp_grid_plan *g = f->plan;
    const real *from[3] = {0};
    for (int k = 0; k < 3; k++)
        if (fresh[k])
            from[k] = prepare(f, k, in[k]);
    for (int k = 0; k < 3; k++)
        if (f->wanted[k] && g->idle[k])
            memset(out[k], 0, components(f, k) * sizeof(real));
    for (size_t ring = 0; ring < g->rings; ring += g->chunk) {
        const size_t left = g->rings - ring, count = left < g->chunk ? left : g->chunk;
        for (int k = 0; k < 3; k++)
            if (fresh[k])
                to_points(f, k, from[k], ring, count);
        for (int k = 0; k < 3; k++) {
            if (!f->wanted[k])
                continue;
            multiply(f, k, ring, count);
            if (g->separable)
                analyse(f, k, E3TP_GRID_FROM_POINTS, product_at(f, k, ring), g->ring_step,
                        f->base + f->at.back[k] + ring * POINT, POINT, count);
        }
    }
    for (int k = 0; k < 3; k++)
        if (f->wanted[k] && g->separable)
            analyse(f, k, E3TP_GRID_FROM_SLOTS, f->base + f->at.back[k], 0, out[k], 0, 1);
        else if (f->wanted[k])
            analyse(f, k, E3TP_GRID_FROM_POINTS, product_at(f, k, 0), 0, out[k], 0, 1);
}

/* Tile t of the block, tile d of its group, with the factors: operands times a, b, c; gradients of
   the factors; results times them. */
static void run_tile(const frame *f, size_t t, size_t d)
{
    const e3tp_problem *p = f->plan->problem;
    const real *in[3], *operand[3], *w[3];
    real *out[3];
    bool fresh[3];
    for (int k = 0; k < 3; k++) {
        operand[k] = f->base + f->at.in[k] + (f->shared[k] ? d : t) * components(f, k);
        w[k] = f->base + f->at.w[k] + (f->r->sw ? t : d) * p->nblocks[k] * T;
        in[k] = f->factors ? f->base + f->at.scaled[k] : operand[k];
        out[k] = f->base + f->at.out[k] + t * components(f, k);
        fresh[k] = f->needed[k] && (t == d || !f->shared[k]);
        if (f->factors && fresh[k])
            kernels.weigh(p->nblocks[k], f->plan->d[k], w[k], operand[k],
                          f->base + f->at.scaled[k]);
    }
    multiply_tile(f, in, out, fresh);
    for (int k = 0; k < 3 && f->factors; k++) {
        if (f->gradients)
            kernels.overlap(p->nblocks[k], f->plan->d[k], operand[k], out[k],
                            f->base + f->at.gw[k] + t * p->nblocks[k] * T);
        if (f->wanted[k])
            kernels.weigh(p->nblocks[k], f->plan->d[k], w[k], out[k], out[k]);
    }
}

/* Factors of operand k as a block of one component per degree; *start: where they begin in a row.
 */
static e3tp_tile_map factors_of(const frame *f, int k, size_t n, size_t *start)
{
    const e3tp_problem *p = f->plan->problem;
    *start = 0;
    for (int i = 0; i < k; i++)
        *start += p->nblocks[i] * p->channels;
    return (e3tp_tile_map){(size_t)f->r->sw, 1, p->channels, f->r->iw, n, p->channels,
                           p->nblocks[k]};
}

static size_t fewer(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void pack(const frame *f)
{
    const e3tp_grid_plan *g = f->plan;
    const e3tp_problem *p = g->problem;
    const e3tp_rows *r = f->r;
    const size_t group = fewer(r->n, g->group_rows);
    const void *const from[3] = {r->x, r->y, r->gz};
    const ptrdiff_t stride[3] = {r->sx, r->sy, r->sz};
    const int64_t *const index[3] = {r->ix, r->iy, NULL};
    for (int k = 0; k < 3; k++) {
        if (f->needed[k])
            packed_kernels.pack(&g->packed[k], p, k, f->shared[k] ? group : r->n, from[k],
                                stride[k], index[k], f->base + f->at.in[k]);
        if (!f->factors)
            continue;
        size_t start;
        const e3tp_tile_map m = factors_of(f, k, r->sw ? r->n : group, &start);
        tile_kernels.pack(&m, g->lanes, (const real *)r->w + start, f->base + f->at.w[k],
                          p->nblocks[k] * T);
    }
}

static void unpack(const frame *f, void *const to[3])
{
    const e3tp_grid_plan *g = f->plan;
    const e3tp_problem *p = g->problem;
    const e3tp_rows *r = f->r;
    const ptrdiff_t stride[3] = {r->sx, r->sy, r->sz};
    for (int k = 0; k < 3; k++) {
        if (to[k])
            packed_kernels.unpack(&g->packed[k], p, k, r->n, f->base + f->at.out[k], to[k],
                                  stride[k]);
        if (!f->gradients)
            continue;
        size_t start;
        const e3tp_tile_map m = factors_of(f, k, r->n, &start);
        const real *from = f->base + f->at.gw[k];
        if (r->sw)
            tile_kernels.unpack(&m, g->lanes, from, p->nblocks[k] * T, (real *)r->gw + start);
        else
            tile_kernels.sum(&m, g->lanes, from, p->nblocks[k] * T, (real *)r->gw + start);
    }
}

static void run(const e3tp_grid_plan *g, e3tp_pass pass, const e3tp_rows *r, void *scratch)
{
    const bool back = pass == E3TP_BACKWARD;
    const e3tp_problem *p = g->problem;
    void *const to[3] = {back ? r->gx : NULL, back ? r->gy : NULL, back ? NULL : r->z};
    frame f = {.plan = g, .r = r, .at = e3tp_grid_lay_out(g), .base = scratch};
    const ptrdiff_t stride[3] = {r->sx, r->sy, r->sz};
    if (!p->channels)
        return;
    f.factors = p->factor_weights;
    f.gradients = f.factors && back && r->gw;
    for (int k = 0; k < 3; k++) {
        f.wanted[k] = to[k] || f.gradients;
        f.shared[k] = stride[k] == 0 && (!f.factors || r->sw == 0);
    }
    f.shared[2] = f.shared[2] && back;
    f.in_place = back ? -1 : !f.shared[0] ? 0 : !f.shared[1] ? 1 : -1;
    for (int k = 0; k < 3; k++)
        for (int other = 0; other < 3; other++)
            f.needed[k] = f.needed[k] || (other != k && f.wanted[other]);
    pack(&f);
    const size_t tiles = e3tp_tile_count(g->lanes, T, r->n, p->channels);
    for (size_t d = 0; d < g->group_tiles; d++)
        for (size_t t = d; t < tiles; t += g->group_tiles)
            run_tile(&f, t, d);
    unpack(&f, to);
}

const e3tp_grid_runner E3TP_NAME(e3tp_grid_runner) = {run};
