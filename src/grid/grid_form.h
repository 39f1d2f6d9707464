/* SPDX-License-Identifier: MIT */
/* A grid with its transforms frozen: what plans are made of. */
#ifndef E3TP_GRID_FORM_H
#define E3TP_GRID_FORM_H

#include "grid/grid_transform.h"

typedef struct e3tp_grid_form {
    e3tp_grid_shape shape;
    bool separable;
    e3tp_fold_tables tables;
    size_t rings;       /* dense: runs of samples take their place */
    e3tp_fold_cut runs; /* dense: how the samples are cut */
    size_t ring_step;   /* elements of a ring (run) of samples */
} e3tp_grid_form;

/* Appends the transforms of a problem to tables, which may be counting only. */
typedef void e3tp_grid_add(void *ctx, const e3tp_grid_basis *b, e3tp_fold_tables *t);

/* Counts of the cheaper form, which b->separable then names; no nodes needed. */
e3tp_fold_tables e3tp_grid_choose_form(e3tp_grid_basis *b, e3tp_grid_add *add, void *ctx);

/* The form of the transforms that add appends, on g->shape, which is set. */
e3tp_status e3tp_grid_form_create(e3tp_grid_form *g, e3tp_dtype dtype, e3tp_tier tier,
                                  e3tp_grid_add *add, void *ctx, const e3tp_allocator *a,
                                  e3tp_message *why);
void e3tp_grid_form_destroy(e3tp_grid_form *g, const e3tp_allocator *a);

/* Folded samples. */
static inline size_t e3tp_grid_points(const e3tp_grid_shape *s)
{
    return (size_t)s->rings * (size_t)s->points;
}

/* Elements of the samples of a signal. */
static inline size_t e3tp_grid_samples_size(const e3tp_grid_form *g)
{
    return g->rings * g->ring_step;
}

#endif
