/* SPDX-License-Identifier: MIT */
/* The stages of a transform, for templates that run them: coefficients of a lane tile to samples
   and back. */
#ifndef E3TP_GRID_SAMPLES_H
#define E3TP_GRID_SAMPLES_H

#include "grid/grid_form.h"
#include "tile/fold.h"
#include "simd/vec.h"

#define kernels E3TP_NAME(e3tp_fold_kernels)

enum { T = 64 / sizeof(real), POINT = E3TP_FOLD_CLASSES * T };

/* Elements from the first sample of all to the first of a ring or run. */
V_INLINE size_t ring_at(const e3tp_grid_form *g, size_t ring)
{
    return g->separable ? ring * g->ring_step : e3tp_fold_cut_first(g->runs, ring) * POINT;
}

/* Steps of a stage; those of ring `ring` where every ring has its own (dense, to points). */
V_INLINE const e3tp_fold_step *steps_of(const e3tp_grid_form *g, const e3tp_grid_transform *t,
                                        int stage, size_t ring, size_t *n)
{
    const bool own = !g->separable && stage == E3TP_GRID_TO_POINTS;
    *n = own ? E3TP_FOLD_CLASSES : t->first[stage + 1] - t->first[stage];
    return g->tables.steps + t->first[stage] + (own ? ring * E3TP_FOLD_CLASSES : 0);
}

/* Tiles at hand: what a stage reads, so many elements apart. */
typedef struct source {
    const real *at;
    size_t apart;
} source;

/* Of n tiles the coefficients, or slots made from them, that the point stage reads. */
V_INLINE source to_slots(const e3tp_grid_form *g, const e3tp_grid_transform *t, size_t n, source in,
                         real *slots, size_t apart)
{
    if (!g->separable)
        return in;
    size_t steps;
    const e3tp_fold_step *s = steps_of(g, t, E3TP_GRID_TO_SLOTS, 0, &steps);
    kernels.synthesise(s, steps, g->tables.table, g->tables.lists, in.at, in.apart, slots, apart,
                       n);
    return (source){slots, apart};
}

/* `count` rings of samples from `ring` on (dense: a run, count 1), from what to_slots gave. */
V_INLINE void to_points(const e3tp_grid_form *g, const e3tp_grid_transform *t, size_t n,
                        source from, size_t ring, size_t count, real *points, size_t apart)
{
    size_t steps;
    const e3tp_fold_step *s = steps_of(g, t, E3TP_GRID_TO_POINTS, ring, &steps);
    if (!g->separable)
        kernels.synthesise(s, steps, g->tables.table, g->tables.lists, from.at, from.apart, points,
                           apart, n);
    for (size_t j = 0; j < n && g->separable; j++)
        kernels.synthesise(s, steps, g->tables.table, g->tables.lists,
                           from.at + j * from.apart + ring * POINT, POINT, points + j * apart,
                           g->ring_step, count);
}

/* Separable: rings of samples to slots. */
V_INLINE void rings_to_slots(const e3tp_grid_form *g, const e3tp_grid_transform *t,
                             const real *points, size_t ring, size_t count, real *slots)
{
    size_t n;
    const e3tp_fold_step *s = steps_of(g, t, E3TP_GRID_FROM_POINTS, 0, &n);
    kernels.analyse(s, n, g->tables.table, g->tables.lists, points, g->ring_step,
                    slots + ring * POINT, POINT, count, false);
}

/* Coefficients from all slots (separable) or from all samples (dense); adds: to what is in out. */
V_INLINE void to_coefficients(const e3tp_grid_form *g, const e3tp_grid_transform *t, size_t n,
                              source from, real *out, size_t apart, bool adds)
{
    size_t steps;
    const e3tp_fold_step *s =
        steps_of(g, t, g->separable ? E3TP_GRID_FROM_SLOTS : E3TP_GRID_FROM_POINTS, 0, &steps);
    kernels.analyse(s, steps, g->tables.table, g->tables.lists, from.at, from.apart, out, apart, n,
                    adds);
}

/* All samples of a signal; coefficients from all samples, adds: to what is in out. */
V_INLINE void synthesise_all(const e3tp_grid_form *g, const e3tp_grid_transform *t, const real *in,
                             real *slots, real *samples)
{
    const source from = to_slots(g, t, 1, (source){in, 0}, slots, 0);
    const size_t count = g->separable ? g->rings : 1;
    for (size_t ring = 0; ring < g->rings; ring += count)
        to_points(g, t, 1, from, ring, count, samples + ring_at(g, ring), 0);
}

V_INLINE void analyse_all(const e3tp_grid_form *g, const e3tp_grid_transform *t,
                          const real *samples, real *slots, real *out, bool adds)
{
    if (g->separable)
        rings_to_slots(g, t, samples, 0, g->rings, slots);
    to_coefficients(g, t, 1, (source){g->separable ? slots : samples, 0}, out, 0, adds);
}

#endif
