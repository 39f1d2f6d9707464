/* SPDX-License-Identifier: MIT */
/* Numbers of either type, and where the caller's layouts have them. */
#ifndef TEST_LAYOUTS_H
#define TEST_LAYOUTS_H

#include "problem/problem.h"

static inline void set(e3tp_dtype t, void *a, size_t i, double v)
{
    if (t == E3TP_F64)
        ((double *)a)[i] = v;
    else
        ((float *)a)[i] = (float)v;
}

static inline double get(e3tp_dtype t, const void *a, size_t i)
{
    return t == E3TP_F64 ? ((const double *)a)[i] : (double)((const float *)a)[i];
}

/* Element i, in the order of MUL_IR, of a row of operand k, one of `rows`; other k: of weights. */
static inline size_t place(const e3tp_problem *p, int k, size_t rows, size_t row, size_t i)
{
    if (k < 0 || k > 2)
        return row * p->weight_numel + i;
    if (p->layout[k] == E3TP_MUL_IR)
        return row * p->dim[k] + i;
    size_t b = 0;
    while (b + 1 < p->nblocks[k] && i >= p->blocks[k][b + 1].offset)
        b++;
    const e3tp_block *of = &p->blocks[k][b];
    const size_t d = 2 * (size_t)of->l + 1, at = i - of->offset;
    const size_t ir_mul = of->offset + at % d * of->mul + at / d;
    return p->layout[k] == E3TP_IR_MUL ? row * p->dim[k] + ir_mul : ir_mul * rows + row;
}

#endif
