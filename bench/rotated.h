/* SPDX-License-Identifier: MIT */
/* The rotated form of the convolution beside the general one. */
#ifndef BENCH_ROTATED_H
#define BENCH_ROTATED_H

#include "layer.h"

int bench_rotated(const bench_layer_options *o); /* 0 if a result was wrong; SKIP counts as right */

#endif
