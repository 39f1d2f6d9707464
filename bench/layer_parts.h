/* SPDX-License-Identifier: MIT */
/* The steps of the layer by public calls, each with its clock: what graph.h joins, taken apart. */
#ifndef BENCH_LAYER_PARTS_H
#define BENCH_LAYER_PARTS_H

#include <e3tp/radial.h>

#include "crystal.h"
#include "product.h"
#include "tier.h"

enum { LAYER_LMAX = 3, LAYER_Y = 16, LAYER_NEIGHBOURS = 158, LAYER_BLOCK = 64 };

typedef struct layer_times {
    double harmonics, radial, product, gather_scatter; /* seconds; radial: functions and map */
} layer_times;

typedef struct layer {
    bench_crystal crystal;
    bench_product product; /* its buffers hold one block of edges */
    const bench_tier *tier;
    e3tp_radial
        *basis;     /* BENCH_RADIAL Bessel functions on one thread: layer_radial cuts the edges */
    float *x;       /* [atoms][width x] */
    float *y;       /* [edges][LAYER_Y] */
    float *radial;  /* [edges][BENCH_RADIAL] */
    float *map;     /* [BENCH_RADIAL][weights] */
    float *weights; /* [edges][weights], or NULL: no room */
    float *z;       /* [atoms][width z] */
    size_t block;   /* edges that go through the cache together, <= LAYER_BLOCK */
    int threads;
    layer_times parts[2]; /* weights made, ready; once known */
    int parts_known[2];
} layer;

/* Harmonics of all edges into y, on the layer's threads. */
void layer_harmonics(layer *a);
/* Radial functions of all edges into `radial`, on the layer's threads. */
void layer_radial(layer *a);
/* Weight rows of n edges from their radial functions. */
void layer_weights(const layer *a, const int64_t *edges, size_t n, float *w);
/* z from x block by block on one thread. ready: take the weights from memory. Adds to the times. 0
 * on failure. */
int layer_blocks(layer *a, int ready, layer_times *t);

#endif
