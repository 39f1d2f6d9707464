/* SPDX-License-Identifier: MIT */
/* Vectors in lanes, and their directions; for templates. */
#ifndef E3TP_SH_VECTORS_H
#define E3TP_SH_VECTORS_H

#include "e3tp/sh.h"
#include "simd/transpose.h"

/* |v|^2 neither overflows nor underflows for lengths between SMALL and LARGE; others are brought
   there by a power of two. */
#if defined(E3TP_REAL_F64)
#define SMALL 0x1p-300
#define LARGE 0x1p300
#define RAISE 0x1p700
#else
#define SMALL 0x1p-40f
#define LARGE 0x1p40f
#define RAISE 0x1p100f
#endif

/* A vector of vectors. 1 / |v| = inverse * scale, of which one alone may leave the range of the
   type. Without normalisation both are 1. */
typedef struct point {
    v_real u[3]; /* where the polynomials are evaluated */
    v_real inverse, scale;
    v_real w[3]; /* u * inverse */
    v_int there; /* where derivatives are not 0 by decree */
} point;

V_INLINE v_real magnitude(v_real a)
{
    return v_select((v_int)(a < v_zero()), -a, a);
}

V_INLINE v_real larger(v_real a, v_real b)
{
    return v_select((v_int)(a > b), a, b);
}

V_INLINE v_real dot(const v_real *a, const v_real *b)
{
    return v_fma(a[0], b[0], v_fma(a[1], b[1], a[2] * b[2]));
}

/* The parts of T vectors, zero from the n-th on. */
V_INLINE void load_vectors(const e3tp_sh_vectors *v, size_t at, size_t n, real *to)
{
    const real *part[3] = {v->x, v->y, v->z};
    V_UNROLL
    for (size_t k = 0; k < TILE_LANES; k += V_LANES) {
        const size_t left = n > k ? n - k : 0;
        if (part[1])
            for (int i = 0; i < 3; i++)
                v_store(to + i * TILE_LANES + k, v_load_part(part[i] + at, n, k));
        else
            v_unzip(3, part[0] + 3 * (left ? at + k : 0), 3 * left, to + k, TILE_LANES);
    }
}

V_INLINE point direction(const v_real *v)
{
    const v_real most = larger(magnitude(v[0]), larger(magnitude(v[1]), magnitude(v[2])));
    const v_real one = v_set1(1),
                 down = v_select((v_int)(most > v_set1(LARGE)), v_set1(1 / RAISE), one);
    point p = {.scale = v_select((v_int)(most < v_set1(SMALL)), v_set1(RAISE), down)};
    for (int i = 0; i < 3; i++)
        p.u[i] = v[i] * p.scale;
    const v_real square = dot(p.u, p.u);
    p.there = ~(v_int)(square == v_zero());
    p.inverse = (v_real)((v_int)(one / v_sqrt(square)) & p.there);
    for (int i = 0; i < 3; i++) {
        p.u[i] *= p.inverse;
        p.w[i] = p.u[i] * p.inverse;
    }
    return p;
}

#endif
