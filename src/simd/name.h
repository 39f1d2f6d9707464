/* SPDX-License-Identifier: MIT */
/* Names and element type inside a template: E3TP_NAME(base) -> base_<f32|f64>_<tier>.
   The build defines E3TP_TIER (a word), E3TP_REAL (f32 or f64), E3TP_TIER_<NAME> and
   E3TP_REAL_<NAME>. */
#ifndef E3TP_SIMD_NAME_H
#define E3TP_SIMD_NAME_H

#define E3TP_PASTE5_(a, b, c, d, e) a##b##c##d##e
#define E3TP_PASTE5(a, b, c, d, e) E3TP_PASTE5_(a, b, c, d, e)
#define E3TP_NAME(base) E3TP_PASTE5(base, _, E3TP_REAL, _, E3TP_TIER)

#if defined(E3TP_REAL_F64)
typedef double real;
#define R(x) x
#else
typedef float real;
#define R(x) x##f
#endif

#endif
