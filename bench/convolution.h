/* SPDX-License-Identifier: MIT */
/* What the benches of the convolution share: diamond, mostly with 46 neighbours an atom, and a
   channel-wise product with harmonics, weights by row, ir_mul. */
#ifndef BENCH_CONVOLUTION_H
#define BENCH_CONVOLUTION_H

#include <e3tp/graph.h>

#include "crystal.h"
#include "layer.h"
#include "product.h"
#include "result.h"

enum { BENCH_NEIGHBOURS = 46, BENCH_MOST_ROUNDS = 101 };
static const double bench_diamond_a = 3.567; /* lattice constant, angstrom */

/* A layer of a potential, on so many unit cells in each direction. */
typedef struct bench_conv_layer {
    const char *name, *product; /* of the problem string: in1, in2, paths, largest degree, tier */
    int cells;
    size_t neighbours;
    int by_pair; /* 1: an edge and its reverse have the same weights, kept once; 2: and so is y */
} bench_conv_layer;

/* The second layer of a MACE model: 128x0e+128x1o with harmonics to l = 3, 1000 atoms. */
extern const bench_conv_layer bench_conv_standard, bench_conv_avx2;

typedef struct bench_material {
    bench_crystal crystal;
    bench_product product;
    e3tp_graph *graph;
} bench_material;

/* 0: failed, why says it. What failed is still to be destroyed. */
int bench_conv_product(bench_product *q, const bench_conv_layer *layer, int threads, char *why,
                       size_t cap);
int bench_material_create(bench_material *m, const bench_conv_layer *layer, int threads, char *why,
                          size_t cap);
void bench_material_destroy(bench_material *m);

/* A pass by its number; 0: failed. */
int bench_conv_run(const e3tp_conv *c, e3tp_pass pass, const e3tp_graph *g,
                   const e3tp_conv_buffers *b);
int bench_conv_rounds(const bench_layer_options *o);

/* sum of a[i] b[i]; adds the squares of its terms to *size. */
double bench_dot(const float *a, const float *b, size_t n, double *size);
/* The largest difference of an array, over its root mean square. */
double bench_difference(const float *a, const float *b, size_t n);
/* A sum that should be zero, against the root of the sum of its squared terms. */
double bench_imbalance(double sum, double size);

/* A result of a pass over so many edges, in seconds; flops and bytes not counted, nothing compared.
 */
bench_result bench_conv_result(const char *kind, const char *name, const char *problem,
                               const char *pass, const e3tp_plan *p, size_t edges, int threads,
                               bench_stats seconds);

/* Whether arrays of so many bytes take more than half of the free memory; then says SKIP. */
int bench_too_large(const bench_layer_options *o, size_t bytes, const char *what, int threads);

#endif
