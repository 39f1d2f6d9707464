/* SPDX-License-Identifier: MIT */
/* The oracle of the tests: whole matrices from dense coupling coefficients, in double, nothing
   split by order or parity. Not part of the library. */
#ifndef E3TP_MATRIX_REF_H
#define E3TP_MATRIX_REF_H

#include "problem/problem.h"

/* One row in MUL_IR order, without factors; z is overwritten. False: no memory. */
bool e3tp_matrix_ref(const e3tp_problem *p, const double *x, const double *y, double *z);

#endif
