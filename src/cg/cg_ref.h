/* SPDX-License-Identifier: MIT */
/* The oracle of the tests: products of irreps from their definition, in double, term by term, with
   nothing sorted, grouped or packed. Not part of the library. */
#ifndef E3TP_CG_REF_H
#define E3TP_CG_REF_H

#include "problem/problem.h"

/* n rows in MUL_IR order. sx, sy, sw: the width of the operand, or 0 where one row serves all rows
   and its gradient is the sum over them. gz NULL: no gradients. */
typedef struct e3tp_cg_ref_rows {
    size_t n, sx, sy, sw;
    const double *x, *y, *w, *gz;
} e3tp_cg_ref_rows;

typedef struct e3tp_cg_ref_results {
    double *z, *gx, *gy, *gw;
} e3tp_cg_ref_results;

/* A product by paths. The terms of each result are added to its value, and their absolute values,
   by which rounding errors are measured, to its size. False: no memory. */
bool e3tp_cg_ref(const e3tp_problem *p, const e3tp_cg_ref_rows *r, const e3tp_cg_ref_results *value,
                 const e3tp_cg_ref_results *size);

#endif
