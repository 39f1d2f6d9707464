/* SPDX-License-Identifier: MIT */
/* A lane tile: to the torus and back. Compiled once per tier and real; exports one const struct.

   The three operands are alike: gx is the analysis of gz y, gy of gz x, and z of x y. */
#include <string.h>

#include "gaunt/gaunt_plan.h"
#include "simd/vec.h"

#define kernels E3TP_NAME(e3tp_gaunt_kernels)
#define folding E3TP_NAME(e3tp_fold_kernels)

enum { T = 64 / sizeof(real), STEP = E3TP_FOLD_CLASSES * T };

typedef struct frame {
    const e3tp_gaunt_plan *plan;
    const e3tp_signal_call *call;
    real *base;   /* scratch */
    int in_place; /* operand whose samples give way to the product, or -1 */
} frame;

static const e3tp_fold_step *steps_of(const frame *f, int k, int stage, size_t *n)
{
    const e3tp_gaunt_side *s = &f->plan->side[k];
    *n = s->first[stage + 1] - s->first[stage];
    return f->plan->tables.steps + s->first[stage];
}

/* A stage of operand k, `count` times, in and out moving on by the steps. */
static void synthesise(const frame *f, int k, int stage, const real *in, size_t in_step, real *out,
                       size_t out_step, size_t count)
{
    const e3tp_fold_tables *t = &f->plan->tables;
    size_t n;
    const e3tp_fold_step *s = steps_of(f, k, stage, &n);
    folding.synthesise(s, n, t->table, t->lists, in, in_step, out, out_step, count);
}

static void analyse(const frame *f, int k, int stage, const real *in, size_t in_step, real *out,
                    size_t out_step, size_t count)
{
    const e3tp_fold_tables *t = &f->plan->tables;
    size_t n;
    const e3tp_fold_step *s = steps_of(f, k, stage, &n);
    folding.analyse(s, n, t->table, t->lists, in, in_step, out, out_step, count, false);
}

static void to_slots(const frame *f, int k, const real *in)
{
    const e3tp_gaunt_plan *g = f->plan;
    synthesise(f, k, E3TP_GAUNT_TO_WAVES, in, 0, f->base + g->waves, 0, 1);
    synthesise(f, k, E3TP_GAUNT_TO_RINGS, f->base + g->waves, 0, f->base + g->slots[k], 0, 1);
}

static void from_slots(const frame *f, int k, real *out)
{
    const e3tp_gaunt_plan *g = f->plan;
    analyse(f, k, E3TP_GAUNT_FROM_RINGS, f->base + g->back[k], 0, f->base + g->waves, 0, 1);
    analyse(f, k, E3TP_GAUNT_FROM_WAVES, f->base + g->waves, 0, out, 0, 1);
}

/* Samples of operand k on the rings from `ring` on: all are kept where they serve later tiles. */
static real *points_at(const frame *f, int k, size_t ring)
{
    const e3tp_gaunt_plan *g = f->plan;
    k = e3tp_signal_stand_in(f->call, k);
    return f->base + g->points[k] + (f->call->shared[k] ? ring * g->ring_step : 0);
}

static void to_points(const frame *f, int k, size_t ring, size_t count)
{
    const e3tp_gaunt_plan *g = f->plan;
    const e3tp_gaunt_side *s = &g->side[k];
    const real *slots = f->base + g->slots[k] + ring * STEP;
    real *points = points_at(f, k, ring);
    if (!g->torus.fftw) {
        synthesise(f, k, E3TP_GAUNT_TO_POINTS, slots, STEP, points, g->ring_step, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        kernels.join((size_t)g->torus.degree[k] + 1, s->orders, slots + i * STEP,
                     points + i * g->ring_step);
        kernels.clear(s->nzeros, s->zeros, points + i * g->ring_step);
    }
    e3tp_fft_execute(g->fft[0], points);
}

static void from_points(const frame *f, int k, real *points, size_t ring, size_t count)
{
    const e3tp_gaunt_plan *g = f->plan;
    real *slots = f->base + g->back[k] + ring * STEP;
    if (!g->torus.fftw) {
        analyse(f, k, E3TP_GAUNT_FROM_POINTS, points, g->ring_step, slots, STEP, count);
        return;
    }
    e3tp_fft_execute(g->fft[1], points);
    for (size_t i = 0; i < count; i++)
        kernels.split((size_t)g->torus.degree[k] + 1, g->side[k].orders, points + i * g->ring_step,
                      slots + i * STEP);
}

/* Result k on `count` rings from `ring` on: the product of the other two. */
static void multiply(const frame *f, int k, size_t ring, size_t count)
{
    const e3tp_gaunt_plan *g = f->plan;
    const size_t lines = count * g->torus.points;
    const real *a = points_at(f, k == 0, ring), *b = points_at(f, k == 2 ? 1 : 2, ring);
    real *product = f->call->joins[k] ? f->base + g->joined + ring * g->ring_step
                    : f->in_place < 0 ? f->base + g->product
                                      : points_at(f, f->in_place, ring);
    if (g->torus.fftw)
        kernels.multiply(lines, a, b, product, f->call->adds[k]);
    else
        folding.multiply(a, b, product, lines / E3TP_FOLD_CLASSES, f->call->adds[k]);
    if (f->call->ends[k])
        from_points(f, k, product, ring, count);
}

static int in_place(const e3tp_signal_call *call)
{
    return call->back ? -1 : !call->shared[0] ? 0 : !call->shared[1] ? 1 : -1;
}

static void run_tile(const void *plan, const e3tp_signal_call *call, const void *const in[3],
                     void *const out[3], const bool fresh[3], void *scratch)
{
    const e3tp_gaunt_plan *g = plan;
    const frame frame_of_tile = {g, call, scratch, in_place(call)}, *f = &frame_of_tile;
    const size_t rings = (size_t)g->torus.rings;
    for (int k = 0; k < 3; k++)
        if (fresh[k])
            to_slots(f, k, in[k]);
    for (size_t ring = 0; ring < rings; ring += g->chunk) {
        const size_t count = rings - ring < g->chunk ? rings - ring : g->chunk;
        for (int k = 0; k < 3; k++)
            if (fresh[k])
                to_points(f, k, ring, count);
        for (int k = 0; k < 3; k++)
            if (call->wanted[k])
                multiply(f, k, ring, count);
    }
    for (int k = 0; k < 3; k++)
        if (call->ends[k])
            from_slots(f, k, out[k]);
}

const e3tp_signal_runner E3TP_NAME(e3tp_gaunt_runner) = {run_tile, NULL};
