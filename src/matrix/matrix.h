/* SPDX-License-Identifier: MIT */
/* Products of signals as products of matrices. README.md: formula, layout, cost. */
#ifndef E3TP_MATRIX_H
#define E3TP_MATRIX_H

#include "problem/backend.h"

extern const e3tp_backend e3tp_backend_matrix;

#endif
