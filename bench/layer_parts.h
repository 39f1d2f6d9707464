/* SPDX-License-Identifier: MIT */
/* What stands before the convolution, and the convolution by other means: edges in blocks that are
   gathered, multiplied by e3tp_forward and added, each step with its clock. */
#ifndef BENCH_LAYER_PARTS_H
#define BENCH_LAYER_PARTS_H

#include <e3tp/radial.h>
#include <e3tp/sh.h>

#include "crystal.h"
#include "product.h"
#include "tier.h"

enum { LAYER_LMAX = 3, LAYER_Y = 16, LAYER_NEIGHBOURS = 158, LAYER_BLOCK = 64 };

/* Seconds on one thread. Not parts of e3tp_conv_forward: that neither copies rows of x nor writes
   messages. */
typedef struct layer_unfused {
    double gather, weights, product, scatter;
} layer_unfused;

typedef struct layer {
    bench_crystal crystal;
    bench_product product; /* its buffers hold one block of edges */
    const bench_tier *tier;
    e3tp_radial
        *basis; /* BENCH_RADIAL Bessel functions on one thread: layer_radial cuts the edges */
    e3tp_sh *harmonics; /* to LAYER_LMAX, component, on one thread likewise */
    float *x;           /* [atoms][width x] */
    float *y;           /* [edges][LAYER_Y] */
    float *radial;      /* [edges][BENCH_RADIAL] */
    float *map;         /* [BENCH_RADIAL][weights] */
    float *weights;     /* [edges][weights], or NULL: no room */
    float *z;           /* [atoms][width z] */
    size_t block;       /* edges that go through the cache together, <= LAYER_BLOCK */
    int threads;
    layer_unfused unfused[2]; /* weights made, ready; once known */
    int unfused_known[2];
} layer;

/* Harmonics of all edges into y, on the layer's threads. */
void layer_harmonics(layer *a);
/* Radial functions of all edges into `radial`, on the layer's threads. */
void layer_radial(layer *a);
/* Weight rows of n edges from their radial functions. */
void layer_weights(const layer *a, const int64_t *edges, size_t n, float *w);
/* z from x without e3tp/graph.h. ready: takes the weights from memory. Adds to the times. 0 on
   failure. */
int layer_blocks(layer *a, int ready, layer_unfused *t);

#endif
