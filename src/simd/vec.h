/* SPDX-License-Identifier: MIT */
/* The vocabulary of the kernels: native-width vectors of `real` in GCC's vector extension.
   v_real is 16, 32 or 64 bytes by tier; V_LANES its lane count; a lane tile is one cache line:
   TILE_LANES elements = TILE_VECS vectors. Arithmetic + - * on v_real is the compiler's; FMA is
   written v_fma and is a multiply and an add in `generic` (the build sets -ffp-contract=off). */
#ifndef E3TP_SIMD_VEC_H
#define E3TP_SIMD_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "simd/name.h"

#if defined(E3TP_TIER_AVX512)
#define V_BYTES 64
#elif defined(E3TP_TIER_AVX2)
#define V_BYTES 32
#else
#define V_BYTES 16
#endif

#if V_BYTES > 16
#include <immintrin.h>
#endif

#define V_LANES ((int)(V_BYTES / sizeof(real)))
#define TILE_LANES ((int)(64 / sizeof(real)))
#define TILE_VECS (64 / V_BYTES)

typedef real v_real __attribute__((vector_size(V_BYTES)));
typedef real v_real_u __attribute__((vector_size(V_BYTES), aligned(__alignof__(real)), may_alias));
typedef real v_real_a __attribute__((vector_size(V_BYTES), may_alias));

/* What a comparison of v_real gives: all bits of a lane set, or none. */
#if defined(E3TP_REAL_F64)
typedef int64_t v_int __attribute__((vector_size(V_BYTES)));
#else
typedef int32_t v_int __attribute__((vector_size(V_BYTES)));
#endif

#define V_INLINE static inline __attribute__((always_inline, unused))
#if defined(__clang__)
#define V_UNROLL _Pragma("clang loop unroll(full)")
#define V_ROLL _Pragma("clang loop unroll(disable)")
#else
#define V_UNROLL _Pragma("GCC unroll 32")
#define V_ROLL _Pragma("GCC unroll 1")
#endif
/* Keeps a loaded value in its register, so that the compiler does not fold the load into each use.
 */
#if defined(__x86_64__)
#define V_PIN(v) __asm__("" : "+v"(v))
#else
#define V_PIN(v) ((void)0)
#endif
/* What the pointer points at is read where it is used: the compiler does not know it from before.
 */
#define V_HIDE(pointer) __asm__("" : "+r"(pointer))

V_INLINE v_real v_load(const real *p)
{
    return *(const v_real_a *)p;
} /* aligned */
V_INLINE v_real v_loadu(const real *p)
{
    return *(const v_real_u *)p;
}
V_INLINE void v_store(real *p, v_real v)
{
    *(v_real_a *)p = v;
} /* aligned */
V_INLINE void v_storeu(real *p, v_real v)
{
    *(v_real_u *)p = v;
}

V_INLINE v_real v_set1(real a)
{
    return a -
           (v_real){0}; /* not 0 + a, which for a = -0 is another number: it costs an addition */
}
V_INLINE v_real v_zero(void)
{
    return (v_real){0};
}

/* A store past the caches, to p at a multiple of V_BYTES, where the tier has one. Before another
   thread may read what was stored the storing one calls v_stream_end. */
V_INLINE void v_stream(real *p, v_real v)
{
#if defined(E3TP_TIER_AVX512) && defined(E3TP_REAL_F64)
    _mm512_stream_pd(p, (__m512d)v);
#elif defined(E3TP_TIER_AVX512)
    _mm512_stream_ps(p, (__m512)v);
#elif defined(E3TP_TIER_AVX2) && defined(E3TP_REAL_F64)
    _mm256_stream_pd(p, (__m256d)v);
#elif defined(E3TP_TIER_AVX2)
    _mm256_stream_ps(p, (__m256)v);
#else
    v_store(p, v);
#endif
}
V_INLINE void v_stream_end(void)
{
#if V_BYTES > 16
    _mm_sfence();
#endif
}
/* v_stream where p is at a multiple of V_BYTES, else v_storeu. */
V_INLINE void v_streamu(real *p, v_real v)
{
    if ((uintptr_t)p % V_BYTES)
        v_storeu(p, v);
    else
        v_stream(p, v);
}

/* The first n lanes of a vector, 0 <= n <= V_LANES, as loads and stores take them. */
#if defined(E3TP_TIER_AVX512) && defined(E3TP_REAL_F64)
typedef __mmask8 v_lanes;
#elif defined(E3TP_TIER_AVX512)
typedef __mmask16 v_lanes;
#elif defined(E3TP_TIER_AVX2)
typedef __m256i v_lanes;
#else
typedef int v_lanes;
#endif
V_INLINE v_lanes v_first(int n)
{
#if defined(E3TP_TIER_AVX512)
    return (v_lanes)((1u << n) - 1);
#elif defined(E3TP_TIER_AVX2) && defined(E3TP_REAL_F64)
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
#elif defined(E3TP_TIER_AVX2)
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
#else
    return n;
#endif
}

/* Those lanes, zero elsewhere; reads and writes nothing beyond. Without masks they are too long to
   stand where they are called. */
#if V_BYTES > 16
#define V_MASKED V_INLINE
#else
#define V_MASKED static __attribute__((noinline, unused))
#endif
V_MASKED v_real v_load_lanes(const real *p, v_lanes which)
{
#if defined(E3TP_TIER_AVX512) && defined(E3TP_REAL_F64)
    return (v_real)_mm512_maskz_loadu_pd(which, p);
#elif defined(E3TP_TIER_AVX512)
    return (v_real)_mm512_maskz_loadu_ps(which, p);
#elif defined(E3TP_TIER_AVX2) && defined(E3TP_REAL_F64)
    return (v_real)_mm256_maskload_pd(p, which);
#elif defined(E3TP_TIER_AVX2)
    return (v_real)_mm256_maskload_ps(p, which);
#else
    v_real v = {0};
    for (int i = 0; i < V_LANES; i++)
        if (i < which)
            v[i] = p[i];
    return v;
#endif
}
V_MASKED void v_store_lanes(real *p, v_real v, v_lanes which)
{
#if defined(E3TP_TIER_AVX512) && defined(E3TP_REAL_F64)
    _mm512_mask_storeu_pd(p, which, (__m512d)v);
#elif defined(E3TP_TIER_AVX512)
    _mm512_mask_storeu_ps(p, which, (__m512)v);
#elif defined(E3TP_TIER_AVX2) && defined(E3TP_REAL_F64)
    _mm256_maskstore_pd(p, which, (__m256d)v);
#elif defined(E3TP_TIER_AVX2)
    _mm256_maskstore_ps(p, which, (__m256)v);
#else
    memcpy(p, &v, (size_t)which * sizeof(real));
#endif
}

/* The same of the first n lanes: where there are no mask registers, stores by parts, as n is a
   literal in most calls. */
V_INLINE v_real v_load_n(const real *p, int n)
{
    return v_load_lanes(p, v_first(n));
}
V_INLINE void v_store_n(real *p, v_real v, int n)
{
#if defined(E3TP_TIER_AVX512)
    v_store_lanes(p, v, v_first(n));
#else
    memcpy(p, &v, (size_t)n * sizeof(real));
#endif
}

/* Of n elements the vector from element `at` on, zero beyond; and the reverse. */
V_INLINE v_real v_load_part(const real *p, size_t n, size_t at)
{
    if (at + (size_t)V_LANES <= n)
        return v_loadu(p + at);
    return at < n ? v_load_n(p + at, (int)(n - at)) : v_zero();
}
V_INLINE void v_store_part(real *p, size_t n, size_t at, v_real v)
{
    if (at + (size_t)V_LANES <= n)
        v_storeu(p + at, v);
    else if (at < n)
        v_store_n(p + at, v, (int)(n - at));
}

/* Vectors as pieces of 16 bytes: one from each of such places, and one of them to a place. */
#define V_PIECES (V_BYTES / 16)
#define V_PIECE ((int)(16 / sizeof(real)))
V_INLINE v_real v_join(const real *const *piece)
{
#if defined(E3TP_TIER_AVX512)
    __m512 v = _mm512_castps128_ps512(_mm_loadu_ps((const float *)piece[0]));
    v = _mm512_insertf32x4(v, _mm_loadu_ps((const float *)piece[1]), 1);
    v = _mm512_insertf32x4(v, _mm_loadu_ps((const float *)piece[2]), 2);
    return (v_real)_mm512_insertf32x4(v, _mm_loadu_ps((const float *)piece[3]), 3);
#elif defined(E3TP_TIER_AVX2)
    return (v_real)_mm256_loadu2_m128((const float *)piece[1], (const float *)piece[0]);
#else
    return v_loadu(piece[0]);
#endif
}
V_INLINE void v_part(v_real v, real *const *piece)
{
#if defined(E3TP_TIER_AVX512)
    const __m512 f = (__m512)v;
    _mm_storeu_ps((float *)piece[0], _mm512_castps512_ps128(f));
    _mm_storeu_ps((float *)piece[1], _mm512_extractf32x4_ps(f, 1));
    _mm_storeu_ps((float *)piece[2], _mm512_extractf32x4_ps(f, 2));
    _mm_storeu_ps((float *)piece[3], _mm512_extractf32x4_ps(f, 3));
#elif defined(E3TP_TIER_AVX2)
    _mm256_storeu2_m128((float *)piece[1], (float *)piece[0], (__m256)v);
#else
    v_storeu(piece[0], v);
#endif
}

/* Lane by lane a where the mask is set, else b. */
V_INLINE v_real v_select(v_int mask, v_real a, v_real b)
{
#if defined(E3TP_TIER_AVX2) && defined(E3TP_REAL_F64)
    return (v_real)_mm256_blendv_pd((__m256d)b, (__m256d)a, (__m256d)mask);
#elif defined(E3TP_TIER_AVX2)
    return (v_real)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)mask);
#else
    return (v_real)((mask & (v_int)a) | (~mask & (v_int)b));
#endif
}

/* Lane k of the result is lane index[k] of a, 0 <= index[k] < V_LANES. */
V_INLINE v_real v_permute(v_real a, v_int index)
{
#if defined(E3TP_TIER_AVX512) && defined(E3TP_REAL_F64)
    return (v_real)_mm512_permutexvar_pd((__m512i)index, (__m512d)a);
#elif defined(E3TP_TIER_AVX512)
    return (v_real)_mm512_permutexvar_ps((__m512i)index, (__m512)a);
#elif defined(E3TP_TIER_AVX2) && defined(E3TP_REAL_F64)
    const v_int low = 2 * index, both = low | (low + 1) << 32;
    return (v_real)_mm256_permutevar8x32_ps((__m256)a, (__m256i)both);
#elif defined(E3TP_TIER_AVX2)
    return (v_real)_mm256_permutevar8x32_ps((__m256)a, (__m256i)index);
#elif defined(__clang__)
    v_real r = a;
    for (int k = 0; k < V_LANES; k++)
        r[k] = a[index[k]];
    return r;
#else
    return __builtin_shuffle(a, index);
#endif
}

/* a * b + c; in the vector tiers with one rounding. */
V_INLINE v_real v_fma(v_real a, v_real b, v_real c)
{
#if defined(E3TP_TIER_AVX512) && defined(E3TP_REAL_F64)
    return (v_real)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(E3TP_TIER_AVX512)
    return (v_real)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(E3TP_TIER_AVX2) && defined(E3TP_REAL_F64)
    return (v_real)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(E3TP_TIER_AVX2)
    return (v_real)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* sum += a * b, rounded as v_fma, in the register that the sum is in: in loops with several ways
   compilers let sums of v_fma wander between registers and memory. */
#if V_BYTES > 16 && defined(E3TP_REAL_F64)
#define V_ADD_PRODUCT(sum, a, b) __asm__("vfmadd231pd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b))
#elif V_BYTES > 16
#define V_ADD_PRODUCT(sum, a, b) __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b))
#else
#define V_ADD_PRODUCT(sum, a, b) ((sum) = v_fma(a, b, sum))
#endif

/* c - a * b, rounded as v_fma. */
V_INLINE v_real v_fnma(v_real a, v_real b, v_real c)
{
#if defined(E3TP_TIER_AVX512) && defined(E3TP_REAL_F64)
    return (v_real)_mm512_fnmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(E3TP_TIER_AVX512)
    return (v_real)_mm512_fnmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(E3TP_TIER_AVX2) && defined(E3TP_REAL_F64)
    return (v_real)_mm256_fnmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(E3TP_TIER_AVX2)
    return (v_real)_mm256_fnmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return c - a * b;
#endif
}

/* Rounded correctly; NaN below 0. */
V_INLINE v_real v_sqrt(v_real a)
{
#if defined(E3TP_TIER_AVX512) && defined(E3TP_REAL_F64)
    return (v_real)_mm512_sqrt_pd((__m512d)a);
#elif defined(E3TP_TIER_AVX512)
    return (v_real)_mm512_sqrt_ps((__m512)a);
#elif defined(E3TP_TIER_AVX2) && defined(E3TP_REAL_F64)
    return (v_real)_mm256_sqrt_pd((__m256d)a);
#elif defined(E3TP_TIER_AVX2)
    return (v_real)_mm256_sqrt_ps((__m256)a);
#else
    v_real r = a;
    for (int i = 0; i < V_LANES; i++)
        r[i] = sizeof(real) == sizeof(double) ? (real)__builtin_sqrt((double)a[i])
                                              : (real)__builtin_sqrtf((float)a[i]);
    return r;
#endif
}

/* Sum over lanes, as a binary tree of halves: order fixed by the lane count alone. */
V_INLINE real v_sum(v_real v)
{
    real t[V_BYTES / sizeof(real)];
    memcpy(t, &v, sizeof t);
    for (int h = V_LANES / 2; h > 0; h /= 2)
        for (int i = 0; i < h; i++)
            t[i] += t[i + h];
    return t[0];
}

#endif
