/* SPDX-License-Identifier: MIT */
/* Rows that are sums of rows of a table, and what their derivatives need:

     out[i] = sum over k of b[i][k] table[first[i] + k],   k = 0..terms-1

   Weights from a spline have four terms each, from rows of their own; from a linear map of a radial
   basis, or from the last layer of a network, all terms of one table: runs of equal first, which
   are products of matrices. Reals of the kernel, every array packed; sums run over k, over i or
   over lanes in an order that width and tier alone fix, so that a row's bits are the same whatever
   the other rows are. */
#ifndef E3TP_EXPAND_H
#define E3TP_EXPAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/cpu.h"
#include "e3tp/e3tp.h"

typedef struct e3tp_expand {
    size_t n, terms, width;
    const void *b;       /* [n][terms] */
    const size_t *first; /* [n]: the row of the first term */
    /* NULL: ascending; or, of four terms, [n]: the order in which tables that are not wide take
       their i, by `first`, so that rows of the table stay in registers. */
    const uint16_t *order;
} e3tp_expand;

typedef struct e3tp_expand_kernels {
    /* out [n][width], overwritten or added to; table [rows][width] */
    void (*rows)(const e3tp_expand *e, const void *table, void *out, bool add);
    /* gb [n][terms] overwritten or added to: g[i] . table[first[i] + k], g [n][width] */
    void (*terms)(const e3tp_expand *e, const void *table, const void *g, void *gb, bool add);
    /* Columns from..to-1 of gtable [rows][width]: gtable[first[i] + k] += b[i][k] g[i], i
       in the order; wide: gtable is of double whatever the kernel's real. */
    void (*table)(const e3tp_expand *e, const void *g, void *gtable, bool wide, size_t from,
                  size_t to);
    /* rows with the factors of e and with b2 [n][terms], and table with g and b2's g2, each i with
       both in turn: a spline's rows of the table are passed over once. */
    void (*rows_of_two)(const e3tp_expand *e, const void *b2, const void *table, void *out,
                        void *out2);
    void (*table_of_two)(const e3tp_expand *e, const void *b2, const void *g, const void *g2,
                         void *gtable, bool wide, size_t from, size_t to);
    /* out [n]: numbers stored as bfloat16 */
    void (*widen)(const uint16_t *from, size_t n, void *out);
} e3tp_expand_kernels;

/* NULL: the tier is not compiled in. */
const e3tp_expand_kernels *e3tp_expand_kernels_of(e3tp_dtype dtype, e3tp_tier tier);

#endif
