/* SPDX-License-Identifier: MIT */
/* The oracle of the tests: the product as a sum over all samples of the sphere, in double, nothing
   folded, split or packed. Not part of the library. */
#ifndef E3TP_GRID_REF_H
#define E3TP_GRID_REF_H

#include "problem/problem.h"

/* Operands of one row in MUL_IR order; gz NULL: no gradients. All results are overwritten; rows do
   not share them. */
typedef struct e3tp_grid_ref_row {
    const double *x, *y, *w, *gz;
    double *z, *gx, *gy, *gw;
} e3tp_grid_ref_row;

/* A product of signals on n_theta x n_phi samples, exact or not. The bracket is the sum of
   x {y, Y}. Blocks that couple with nothing take no part. False: no memory. */
bool e3tp_grid_ref(const e3tp_problem *p, int n_theta, int n_phi, size_t rows,
                   const e3tp_grid_ref_row *r);

#endif
