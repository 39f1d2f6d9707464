/* SPDX-License-Identifier: MIT */
/* The passes of the convolution, weights read from memory, of layers that potentials have: diamond,
   1000 or 216 atoms, 46 neighbours each, once 158. */
#ifndef BENCH_PASSES_H
#define BENCH_PASSES_H

#include "layer.h"

int bench_passes(const bench_layer_options *o); /* 0 if a result was wrong; SKIP counts as right */

#endif
