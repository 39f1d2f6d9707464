/* SPDX-License-Identifier: MIT */
/* Tables of a plan's type, filled from numbers in double. */
#ifndef E3TP_TABLE_H
#define E3TP_TABLE_H

#include <stddef.h>

#include "e3tp/e3tp.h"

/* table[at] = value, rounded to the type. */
static inline void e3tp_put(e3tp_dtype t, void *table, size_t at, double value)
{
    if (t == E3TP_F64)
        ((double *)table)[at] = value;
    else
        ((float *)table)[at] = (float)value;
}

#endif
