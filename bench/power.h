/* SPDX-License-Identifier: MIT */
/* Powers of functions evaluated directly, for verification: chains of products to full degree. */
#ifndef BENCH_POWER_H
#define BENCH_POWER_H

#include "product.h"

typedef struct term { /* a non-zero of W */
    size_t i, j, k;
    double value;
} term;

typedef struct term_list {
    term *list;
    size_t n;
} term_list;

/* The non-zeros of W(l1, l2, l3), l1, l2 <= 12, l3 <= 24: exact coefficients take longer than the
   verification, and are made once per process. */
term_list bench_terms(int l1, int l2, int l3);

/* Adds to out and magnitude (sums of |terms|) of gx, z and gw, from x, gz and w, a row in MUL_IR.
   lmax (power - 1) <= 12. */
void bench_power_evaluate(const bench_product *q, const double *const in[4], double *const out[4],
                          double *const magnitude[4]);

#endif
