/* SPDX-License-Identifier: MIT */
/* Frozen tables of a product through samples, and the layout of a worker's scratch. */
#ifndef E3TP_GRID_PLAN_H
#define E3TP_GRID_PLAN_H

#include "grid/grid_transform.h"
#include "problem/packed.h"

typedef struct e3tp_grid_plan {
    const e3tp_problem *problem;
    e3tp_grid_shape shape;
    bool separable;
    e3tp_grid_transform of[3]; /* of x, y and z */
    e3tp_grid_tables tables;
    size_t rings;       /* dense: runs of samples take their place */
    e3tp_grid_cut runs; /* dense: how the samples are cut */
    size_t ring_step;   /* elements of a ring (run) of samples */
    size_t chunk;       /* rings that are at points at a time */
    e3tp_lanes lanes;
    e3tp_packed packed[3];
    int32_t *d[3];     /* components of each block */
    bool idle[3];      /* some blocks take part in no path: their outputs are zero */
    size_t group_rows; /* rows of the smallest set of whole tiles, and its tiles */
    size_t group_tiles;
    size_t block_rows;
    double flops[2]; /* per channel, forward and backward */
    void (*run)(const struct e3tp_grid_plan *p, e3tp_pass pass, const e3tp_rows *r, void *scratch);
} e3tp_grid_plan;

/* One of these per template object. */
typedef struct e3tp_grid_runner {
    void (*run)(const e3tp_grid_plan *p, e3tp_pass pass, const e3tp_rows *r, void *scratch);
} e3tp_grid_runner;

/* What one lane tile costs. */
typedef struct e3tp_grid_work {
    double lines[2]; /* multiply-adds of whole lines, forward and backward, overheads included */
    double packed;   /* lines packed or unpacked in the forward pass */
    double tiles;    /* lane tiles per row */
} e3tp_grid_work;

/* Counts without building tables; false where the grid does not serve. */
bool e3tp_grid_estimate(e3tp_grid_work *w, const e3tp_problem *p, e3tp_tier tier);

e3tp_status e3tp_grid_plan_create(e3tp_grid_plan **out, const e3tp_problem *p, e3tp_tier tier,
                                  const e3tp_allocator *a, e3tp_message *why);
void e3tp_grid_plan_destroy(e3tp_grid_plan *p, const e3tp_allocator *a);

/* Elements of a worker's scratch by use; take returns the running total, so that both the size and
   the cutting come from one place. */
typedef struct e3tp_grid_layout {
    size_t in[3], out[3];         /* packed operands and results */
    size_t w[3], gw[3];           /* packed factors and their gradients */
    size_t scaled[3];             /* operands of one tile times their factors */
    size_t slots[3], back[3];     /* of one tile, rings of orders: of operands, of results */
    size_t points[3], product[3]; /* folded samples: of operands, of results */
    size_t total;
} e3tp_grid_layout;

e3tp_grid_layout e3tp_grid_lay_out(const e3tp_grid_plan *p);

#endif
