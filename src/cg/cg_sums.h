/* SPDX-License-Identifier: MIT */
/* Sums in registers over the vectors of tiles, for templates of kernels. */
#ifndef E3TP_CG_SUMS_H
#define E3TP_CG_SUMS_H

#include <stdbool.h>
#include <stdint.h>

#include "simd/vec.h"

V_INLINE void clear_sums(const int n, v_real *acc)
{
    V_UNROLL
    for (int q = 0; q < n; q++)
        acc[q] = v_zero();
}

/* Row r, or the one that a list has in its place. */
V_INLINE size_t listed(const int64_t *list, size_t r)
{
    return list ? (size_t)list[r] : r;
}

/* From the first vector to the v-th, where tiles are so far apart. */
V_INLINE size_t vector_at(const int v, size_t tile)
{
    return (size_t)(v / TILE_VECS) * tile + (size_t)(v % TILE_VECS * V_LANES);
}

/* In place of a number of vectors: two of the rest of a row, that need not be full or there. */
enum { REST = 0, REST_VECTORS = 2, REST_LANES = REST_VECTORS * V_LANES };

/* Where tiles are vectors, an odd one is taken with the rest, if there is some. */
V_INLINE void join_rest(size_t *tiles, int *rest)
{
    if (TILE_VECS > 1 || *tiles % 2 == 0 || *rest == 0)
        return;
    *tiles -= 1;
    *rest += V_LANES;
}

/* Where vectors of a row lie: from so many lanes of tile t on; of the rest of a row, which lanes of
   each are there. */
typedef struct row_place {
    size_t t;
    int lane;
    v_lanes there[REST_VECTORS];
} row_place;

V_INLINE row_place tile_place(size_t t, int lane)
{
    row_place at;
    at.t = t;
    at.lane = lane;
    return at;
}

/* The i-th REST_LANES behind the tiles. */
V_INLINE row_place rest_at(size_t tiles, int rest, int i)
{
    row_place at = tile_place(tiles, i * REST_LANES);
    for (int v = 0, left = rest - at.lane; v < REST_VECTORS; v++, left -= V_LANES)
        at.there[v] = v_first(left < 0 ? 0 : left < V_LANES ? left : V_LANES);
    return at;
}

V_INLINE int vectors_of(const int nv)
{
    return nv == REST ? REST_VECTORS : nv;
}

V_INLINE v_real load_vector(const int nv, const real *p, row_place at, int v)
{
    return nv == REST ? v_load_lanes(p, at.there[v]) : v_loadu(p);
}

V_INLINE void store_vector(const int nv, real *p, row_place at, int v, v_real a)
{
    if (nv == REST)
        v_store_lanes(p, a, at.there[v]);
    else
        v_storeu(p, a);
}

#endif
