/* SPDX-License-Identifier: MIT */
/* A layer of an interatomic potential as it is used: diamond, 1000 atoms, 158 neighbours each.

     edge vectors -> harmonics l <= 3 -> 8 Bessel functions x envelope -> linear map to 1280 weights
     -> channel-wise product of the sender's 128x0e+128x1o with the harmonics (uvu, 10 paths) -> sum
   over neighbours */
#ifndef BENCH_LAYER_H
#define BENCH_LAYER_H

#include <stdio.h>

typedef struct bench_layer_options {
    FILE *json, *table; /* either may be NULL */
    int threads[2];     /* 0: none */
    int quick, repeats, progress;
} bench_layer_options;

int bench_layer(const bench_layer_options *o); /* 0 if a result was wrong; SKIP counts as right */

#endif
