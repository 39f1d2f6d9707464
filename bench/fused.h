/* SPDX-License-Identifier: MIT */
/* The convolution of passes.h with harmonics made of edge vectors and weights of a spline of their
   lengths, beside weights that are read, and weights that are written first. */
#ifndef BENCH_FUSED_H
#define BENCH_FUSED_H

#include "layer.h"

int bench_fused(const bench_layer_options *o); /* 0 if a result was wrong; SKIP counts as right */

#endif
