/* SPDX-License-Identifier: MIT */
/* The Gaunt product from what it is, the product of two functions on the sphere, for verification
   above the degrees of bench_terms: no coupling coefficient, samples and integrals in double. */
#ifndef BENCH_POINTWISE_H
#define BENCH_POINTWISE_H

#include "product.h"

/* Adds to out and magnitude (sums of |terms|, the terms being those of the integral's samples) what
   the pass gives of z, or of gx and gy, from x, y and gz, a row in MUL_IR. Unweighted, forward or
   backward, degrees to 24. */
void bench_pointwise_evaluate(const bench_product *q, const double *const in[4],
                              double *const out[4], double *const magnitude[4]);

#endif
