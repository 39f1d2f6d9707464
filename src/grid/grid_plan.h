/* SPDX-License-Identifier: MIT */
/* Frozen tables of a product of signals through samples, and the layout of a worker's scratch. An
   operand has up to three signals on the samples, which share its coefficients.

   A product of functions is a sum of `terms` integrals of three signals, one per operand: of x
   always the value, of y and z what grid_plan.c lists. A vector field has its components as signals
   (grid_fields.c). */
#ifndef E3TP_GRID_PLAN_H
#define E3TP_GRID_PLAN_H

#include "grid/grid_form.h"
#include "problem/signal_tiles.h"

/* At most: bands of a signal, terms or signals of an operand. */
enum { E3TP_GRID_BANDS = 2 * (E3TP_GRID_LMAX + 1), E3TP_GRID_TERMS = 3 };

/* What the backend needs of a plan of either operation; the first member of both. */
typedef struct e3tp_grid_base {
    const e3tp_problem *problem;
    e3tp_grid_form form;
    e3tp_lanes lanes;
    size_t block_rows;
    size_t scratch;  /* elements */
    double flops[4]; /* per row and pass; of second order where it is not composed */
    void (*run)(const void *plan, e3tp_pass pass, const e3tp_rows *r, void *scratch);
    void (*run_second)(const void *plan, const e3tp_rows *r, const e3tp_tangents *t,
                       void *scratch); /* NULL: composed of the others */
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
    size_t turned[3]; /* coefficients of fields */
} e3tp_grid_layout;

/* Lines a + m and b + m, m < d, of coefficients that are turned: c a + s b and s a - c b. */
typedef struct e3tp_grid_turn {
    size_t a, b, d;
    double c, s;
} e3tp_grid_turn;

/* A component of operand k = 0, 1, 2 of a product of fields, on the samples: the sum over n of
   components a of operand k + 1 times components b of operand k + 2 (modulo 3), the last subtracted
   if minus. */
typedef struct e3tp_grid_sum {
    size_t n, a[E3TP_GRID_TERMS], b[E3TP_GRID_TERMS];
    bool minus;
} e3tp_grid_sum;

typedef struct e3tp_grid_fields {
    e3tp_grid_sum sum[3][E3TP_GRID_TERMS];
    size_t nturns[3];
    e3tp_grid_turn turns[3][E3TP_GRID_LMAX + 1];
} e3tp_grid_fields;

typedef struct e3tp_grid_plan {
    e3tp_grid_base base;
    e3tp_signal_tiles tiles;
    size_t terms, signals[3];                   /* of functions: one of x; of y, z one per term */
    bool live[3][E3TP_GRID_TERMS];              /* signals that take part */
    bool used[3][E3TP_MOST_HARMONICS];          /* blocks that couple */
    e3tp_grid_transform of[3][E3TP_GRID_TERMS]; /* of the signals of x, y and z */
    e3tp_grid_fields fields;
    size_t chunk; /* rings at points at a time; dense: 1 */
    e3tp_grid_layout at;
    size_t apart; /* elements from what a tile has there to what the next of those at hand has */
} e3tp_grid_plan;

/* What one lane tile costs, in multiply-adds of whole lines, forward and backward. */
typedef struct e3tp_grid_work {
    double lines[2];
} e3tp_grid_work;

static inline bool e3tp_grid_has_fields(const e3tp_problem *p)
{
    return e3tp_signal_is_field(p->op, 0);
}

/* Bands of a component of field k (0 radial, 1 southward, 2 eastward); returns their number. */
size_t e3tp_grid_component(const e3tp_grid_plan *g, int k, int component, e3tp_grid_band *bands);
/* Products, turns, and which components take part, of a product of fields. */
void e3tp_grid_set_fields(e3tp_grid_plan *g);

/* Counts without building tables; false where the grid does not serve. */
bool e3tp_grid_estimate(e3tp_grid_work *w, const e3tp_problem *p, e3tp_tier tier);

/* All but the runner of its tiles. */
e3tp_status e3tp_grid_plan_create(void **out, const e3tp_problem *p, e3tp_tier tier,
                                  const e3tp_allocator *a, e3tp_message *why);

#endif
