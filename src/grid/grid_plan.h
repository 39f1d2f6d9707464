/* SPDX-License-Identifier: MIT */
/* Frozen tables of a product of functions through samples, and the layout of a worker's scratch.

   Every such product is a sum of `terms` integrals of three signals, one per operand: of x always
   the value, of y and z what grid_plan.c lists. An operand's signals share its coefficients. */
#ifndef E3TP_GRID_PLAN_H
#define E3TP_GRID_PLAN_H

#include "grid/grid_form.h"
#include "problem/packed.h"

/* At most: degrees of a signal, blocks of an operand (of either parity), terms. */
enum { E3TP_GRID_BANDS = E3TP_GRID_LMAX + 1, E3TP_GRID_BLOCKS = 2 * E3TP_GRID_BANDS };
enum { E3TP_GRID_TERMS = 3 };

/* What the backend needs of a plan of either operation; the first member of both. */
typedef struct e3tp_grid_base {
    const e3tp_problem *problem;
    e3tp_grid_form form;
    e3tp_lanes lanes;
    size_t block_rows;
    size_t scratch;  /* elements */
    double flops[2]; /* per row, forward and backward */
    void (*run)(const void *plan, e3tp_pass pass, const e3tp_rows *r, void *scratch);
    void (*destroy)(void *plan, const e3tp_allocator *a);
} e3tp_grid_base;

/* One of these per operation and template object. */
typedef struct e3tp_grid_runner {
    void (*run)(const void *plan, e3tp_pass pass, const e3tp_rows *r, void *scratch);
} e3tp_grid_runner;

typedef struct e3tp_grid_plan {
    e3tp_grid_base base;
    size_t terms, signals[3];                   /* signals of x: 1; of y, z: one per term */
    e3tp_grid_transform of[3][E3TP_GRID_TERMS]; /* of the signals of x, y and z */
    size_t chunk;                               /* rings at points at a time; dense: 1 */
    size_t components[3];                       /* of a channel of each operand */
    int32_t d[3][E3TP_GRID_BLOCKS];             /* and of each block */
    bool clear[3];      /* results are zero at first: blocks without a path, several signals */
    size_t row_step;    /* rows of a tile: 1, or T with lanes over rows */
    size_t group_tiles; /* tiles of so many rows */
    size_t together;    /* tiles that are packed at a time, at most */
} e3tp_grid_plan;

/* What one lane tile costs. */
typedef struct e3tp_grid_work {
    double lines[2]; /* multiply-adds of whole lines, forward and backward, overheads included */
    double packed;   /* lines packed or unpacked in the forward pass */
    double tiles;    /* lane tiles per row */
    bool dense;
} e3tp_grid_work;

/* Counts without building tables; false where the grid does not serve. */
bool e3tp_grid_estimate(e3tp_grid_work *w, const e3tp_problem *p, e3tp_tier tier);

/* All but base.run. */
e3tp_status e3tp_grid_plan_create(void **out, const e3tp_problem *p, e3tp_tier tier,
                                  const e3tp_allocator *a, e3tp_message *why);

/* Elements of a worker's scratch by use: of the tiles packed together; from scaled on, of one. */
typedef struct e3tp_grid_layout {
    size_t in[3], out[3]; /* packed operands and results */
    size_t w[3], gw[3];   /* packed factors and their gradients */
    size_t scaled[3];     /* operands times their factors */
    /* Signals of operands, and what results are analysed from: rings of orders, folded samples. */
    size_t slots[3][E3TP_GRID_TERMS], back[3][E3TP_GRID_TERMS];
    size_t points[3][E3TP_GRID_TERMS], product[3][E3TP_GRID_TERMS];
    size_t total;
} e3tp_grid_layout;

e3tp_grid_layout e3tp_grid_lay_out(const e3tp_grid_plan *p);

#endif
