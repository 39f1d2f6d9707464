/* SPDX-License-Identifier: MIT */
/* Sums in registers over the vectors of tiles, for templates of kernels. */
#ifndef E3TP_CG_SUMS_H
#define E3TP_CG_SUMS_H

#include "simd/vec.h"

V_INLINE void clear_sums(const int n, v_real *acc)
{
    V_UNROLL
    for (int q = 0; q < n; q++)
        acc[q] = v_zero();
}

/* From the first vector to the v-th, where tiles are so far apart. */
V_INLINE size_t vector_at(const int v, size_t tile)
{
    return (size_t)(v / TILE_VECS) * tile + (size_t)(v % TILE_VECS * V_LANES);
}

#endif
