/* SPDX-License-Identifier: MIT */
/* Elementary functions of v_real, within about one unit in the last place: by SLEEF's entry for the
   tier, so that nothing is dispatched twice, or without SLEEF by the C library, lane after lane.
   A lane's result depends on its own argument alone; pad a tail and call the same function. */
#ifndef E3TP_SIMD_VMATH_H
#define E3TP_SIMD_VMATH_H

#include <math.h>

#include "e3tp_config.h"
#include "simd/vec.h"

#if E3TP_HAVE_SLEEF && defined(__x86_64__)
#include <sleef.h>
#if defined(E3TP_TIER_AVX512) && defined(E3TP_REAL_F64)
#define V_MATH(name, x) ((v_real)Sleef_##name##d8_u10avx512f((__m512d)(x)))
#elif defined(E3TP_TIER_AVX512)
#define V_MATH(name, x) ((v_real)Sleef_##name##f16_u10avx512f((__m512)(x)))
#elif defined(E3TP_TIER_AVX2) && defined(E3TP_REAL_F64)
#define V_MATH(name, x) ((v_real)Sleef_##name##d4_u10avx2((__m256d)(x)))
#elif defined(E3TP_TIER_AVX2)
#define V_MATH(name, x) ((v_real)Sleef_##name##f8_u10avx2((__m256)(x)))
#elif defined(E3TP_REAL_F64)
#define V_MATH(name, x) ((v_real)Sleef_##name##d2_u10sse2((__m128d)(x)))
#else
#define V_MATH(name, x) ((v_real)Sleef_##name##f4_u10sse2((__m128)(x)))
#endif
#else
#if defined(E3TP_REAL_F64)
#define V_MATH(name, x) v_each(name, x)
#else
#define V_MATH(name, x) v_each(name##f, x)
#endif
V_INLINE v_real v_each(real (*f)(real), v_real x)
{
    real t[V_BYTES / sizeof(real)];
    memcpy(t, &x, sizeof t);
    for (int i = 0; i < V_LANES; i++)
        t[i] = f(t[i]);
    return v_loadu(t);
}
#endif

/* sin and cos are for |x| < V_TRIG_MAX; other lanes, NaN among them, give NaN. Beyond that bound,
   the smaller of its two (double precision), SLEEF reduces the argument in another way for all
   lanes as soon as one lane needs it, and the others would see their last bit change. Callers
   reduce first. */
#define V_TRIG_MAX R(15.0)

V_INLINE v_int v_trig_domain(v_real x)
{
    return (v_int)(x < v_set1(V_TRIG_MAX)) & (v_int)(x > v_set1(-V_TRIG_MAX));
}

V_INLINE v_real v_sin(v_real x)
{
    const v_int inside = v_trig_domain(x);
    return (v_real)((v_int)V_MATH(sin, (v_real)((v_int)x & inside)) | ~inside);
}

V_INLINE v_real v_cos(v_real x)
{
    const v_int inside = v_trig_domain(x);
    return (v_real)((v_int)V_MATH(cos, (v_real)((v_int)x & inside)) | ~inside);
}

/* Any argument; 0 and infinity where the result leaves the range of the type. */
V_INLINE v_real v_exp(v_real x)
{
    return V_MATH(exp, x);
}

#endif
