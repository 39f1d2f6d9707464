/* SPDX-License-Identifier: MIT */
/* The convolution that makes harmonics and weights on graphs of many sizes and kinds: diamond of
   54 to 5832 atoms, one of them with senders in random order, and a box like water, two types. */
#ifndef BENCH_GRAPHS_H
#define BENCH_GRAPHS_H

#include "layer.h"

int bench_graphs(const bench_layer_options *o); /* 0 if a result was wrong; SKIP counts as right */

#endif
