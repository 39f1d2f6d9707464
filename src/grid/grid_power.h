/* SPDX-License-Identifier: MIT */
/* Powers of a function through samples: one synthesis, powers of the samples, an analysis for each
   power. Lanes have weights of their own, so that they are an operand like any other: the walk over
   tiles sees them as y, a component for each power and block of z. */
#ifndef E3TP_GRID_POWER_H
#define E3TP_GRID_POWER_H

#include "grid/grid_plan.h"

typedef struct e3tp_grid_power {
    e3tp_grid_base base;
    e3tp_signal_tiles tiles;
    e3tp_problem operands; /* x, weights and z as the walk sees them */
    e3tp_block weights[2];
    e3tp_grid_transform of[3];                    /* of x; none; of z */
    int32_t linear[E3TP_GRID_BANDS];              /* line of x of each block of z, -1: none */
    size_t slots, samples, slope, sum, one, line; /* in scratch, elements */
} e3tp_grid_power;

/* The smallest power whose samples are analysed: 2, or N where there are no weights. */
static inline int e3tp_grid_least_power(const e3tp_problem *p)
{
    return p->weight_numel || p->power < 2 ? 2 : p->power;
}

/* Seconds-free estimate: multiply-adds of a line for a tile, forward and backward. */
bool e3tp_grid_power_estimate(e3tp_grid_work *w, const e3tp_problem *p, e3tp_tier tier);
e3tp_status e3tp_grid_power_create(void **out, const e3tp_problem *p, e3tp_tier tier,
                                   const e3tp_allocator *a, e3tp_message *why);

#endif
