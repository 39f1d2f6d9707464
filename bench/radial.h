/* SPDX-License-Identifier: MIT */
/* Radial functions by themselves (e3tp/radial.h): two bases, both types, with and without
   one or two derivatives, one thread. Which sines and exponentials a build has is fixed when it is
   made: SLEEF's vector functions, or the C library's lane by lane; the table says which. */
#ifndef BENCH_RADIAL_H
#define BENCH_RADIAL_H

#include "layer.h"

int bench_radial(const bench_layer_options *o); /* 0 if a result was wrong */

#endif
