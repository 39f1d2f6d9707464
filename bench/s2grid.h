/* SPDX-License-Identifier: MIT */
/* Functions on the sphere to samples and back (e3tp/grid.h): 128 channels to l = L, on the exact
   grid of a product of two such functions, one thread. */
#ifndef BENCH_S2GRID_H
#define BENCH_S2GRID_H

#include "layer.h"

int bench_s2grid(const bench_layer_options *o); /* 0 if a result was wrong */

#endif
