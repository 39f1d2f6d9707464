/* SPDX-License-Identifier: MIT */
/* Frozen tables of a product of functions through samples, and the layout of a worker's scratch.

   Every such product is a sum of `terms` integrals of three signals, one per operand: of x always
   the value, of y and z what grid_plan.c lists. An operand's signals share its coefficients. */
#ifndef E3TP_GRID_PLAN_H
#define E3TP_GRID_PLAN_H

#include "grid/grid_form.h"
#include "problem/signal_tiles.h"

/* At most: degrees of a signal, terms. */
enum { E3TP_GRID_BANDS = E3TP_GRID_LMAX + 1, E3TP_GRID_TERMS = 3 };

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

/* Of an instruction product; one per template object. */
typedef struct e3tp_grid_runner {
    void (*run)(const void *plan, e3tp_pass pass, const e3tp_rows *r, void *scratch);
} e3tp_grid_runner;

/* A worker's scratch after the walk's, in elements: signals of operands, and what results are
   analysed from, as rings of orders and as folded samples. */
typedef struct e3tp_grid_layout {
    size_t slots[3][E3TP_GRID_TERMS], back[3][E3TP_GRID_TERMS];
    size_t points[3][E3TP_GRID_TERMS], product[3][E3TP_GRID_TERMS];
} e3tp_grid_layout;

typedef struct e3tp_grid_plan {
    e3tp_grid_base base;
    e3tp_signal_tiles tiles;
    size_t terms, signals[3];                   /* signals of x: 1; of y, z: one per term */
    e3tp_grid_transform of[3][E3TP_GRID_TERMS]; /* of the signals of x, y and z */
    size_t chunk;                               /* rings at points at a time; dense: 1 */
    e3tp_grid_layout at;
} e3tp_grid_plan;

/* What one lane tile costs, in multiply-adds of whole lines, forward and backward. */
typedef struct e3tp_grid_work {
    double lines[2];
    bool dense;
} e3tp_grid_work;

/* Counts without building tables; false where the grid does not serve. */
bool e3tp_grid_estimate(e3tp_grid_work *w, const e3tp_problem *p, e3tp_tier tier);

/* All but the runner of its tiles. */
e3tp_status e3tp_grid_plan_create(void **out, const e3tp_problem *p, e3tp_tier tier,
                                  const e3tp_allocator *a, e3tp_message *why);

#endif
