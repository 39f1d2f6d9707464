/* SPDX-License-Identifier: MIT */
/* Rows from one layout to another, by way of lane tiles. */
#ifndef E3TP_CONVERT_H
#define E3TP_CONVERT_H

#include "core/tiers.h"
#include "e3tp/e3tp.h"

typedef struct e3tp_rows_side {
    e3tp_layout layout;
    char *p; /* of the first row; read only where rows come from */
    size_t stride;
} e3tp_rows_side;

typedef struct e3tp_conversion {
    e3tp_tier tier;
    e3tp_dtype dtype;
    size_t batch;
    e3tp_rows_side from, to;
} e3tp_conversion;

/* A block of all rows: mul channels of d components from element `offset` on. */
void e3tp_convert_block(const e3tp_conversion *c, size_t offset, size_t mul, size_t d);

#endif
