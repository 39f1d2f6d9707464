/* SPDX-License-Identifier: MIT */
/* Spherical harmonics of many vectors (e3tp/sh.h), arrays larger than caches, one thread. */
#ifndef BENCH_HARMONICS_H
#define BENCH_HARMONICS_H

#include "layer.h"

int bench_harmonics(const bench_layer_options *o); /* 0 if a result was wrong */

#endif
