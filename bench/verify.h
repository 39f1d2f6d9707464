/* SPDX-License-Identifier: MIT */
/* Direct evaluation in double, from the definition, next to what the plan computed. */
#ifndef BENCH_VERIFY_H
#define BENCH_VERIFY_H

#include "product.h"

/* Runs the pass once and compares up to 16 rows spread over the batch (a gradient summed over the
   batch: a second run of 16 rows). An error counts relative to the largest sum of |terms| in its
   row. Returns 1 if the largest is within `bench_tolerance`; 0 else, also when the run fails
   (q->message says why). */
int bench_verify(bench_product *q, double *max_err);
/* Makes the product of a problem string, fills it, and verifies it; 0: failed, why says it. */
int bench_verified(bench_product *q, const char *text, char *why, size_t cap);
double bench_tolerance(e3tp_dtype t);

#endif
