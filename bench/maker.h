/* SPDX-License-Identifier: MIT */
/* What makes harmonics and weights of the convolution of convolution.h from edge vectors. */
#ifndef BENCH_MAKER_H
#define BENCH_MAKER_H

#include <e3tp/graph.h>

#include "crystal.h"

enum { BENCH_KNOTS = 256 };

typedef struct bench_maker {
    e3tp_sh *sh; /* degrees 0..3 */
    e3tp_spline *spline;
    e3tp_conv *conv;
} bench_maker;

/* By the plan's tier. typed: a table of the spline for each type of edges. 0: failed, why says it.
 */
int bench_maker_create(bench_maker *k, const e3tp_plan *p, double cutoff, int typed, int threads,
                       char *why, size_t cap);
void bench_maker_destroy(bench_maker *k);

/* Coefficients [tables][rows][width] of functions that a network may give: smooth, and 0 from the
   cutoff on. 0: no memory. */
int bench_fill_spline(const e3tp_spline *s, size_t tables, float *coefficients);
/* Vectors [edges][3] and their lengths (NULL: not wanted) with every atom displaced, so that no two
   distances are the same; an edge may grow beyond the cutoff. 0: no memory. */
int bench_displace(const bench_crystal *c, float *vectors, float *lengths);

/* gv of an edge against the chain rule from gradients gy of its harmonics Y and gw of its weights,
   gy Y' + (gw . w') v / |v|; type NULL: 0. The largest difference, over the root of the sum of
   squares of gy and of the terms of gw . w'; infinity for a failure. */
double bench_vector_error(const bench_maker *k, size_t tables, const float *table, const float *v,
                          float r, const int32_t *type, const float *gy, const float *gw,
                          const float *gv);

#endif
