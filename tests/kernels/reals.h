/* SPDX-License-Identifier: MIT */
/* Arrays of either real, element by element, as doubles. */
#ifndef TEST_REALS_H
#define TEST_REALS_H

#include <float.h>
#include <stddef.h>

#include "e3tp/e3tp.h"

static inline double eps_of(e3tp_dtype t)
{
    return t == E3TP_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
}

static inline size_t size_of(e3tp_dtype t)
{
    return t == E3TP_F64 ? sizeof(double) : sizeof(float);
}

static inline double real_at(e3tp_dtype t, const void *a, size_t i)
{
    return t == E3TP_F64 ? ((const double *)a)[i] : (double)((const float *)a)[i];
}

static inline void real_put(e3tp_dtype t, void *a, size_t i, double v)
{
    if (t == E3TP_F64)
        ((double *)a)[i] = v;
    else
        ((float *)a)[i] = (float)v;
}

#endif
