/* SPDX-License-Identifier: MIT */
/* What templates export once per tier and real, as tables. */
#ifndef E3TP_CORE_TIERS_H
#define E3TP_CORE_TIERS_H

#include "core/cpu.h"
#include "e3tp/e3tp.h"
#include "e3tp_config.h"

#if E3TP_HAVE_AVX2
#define E3TP_RUNNERS_AVX2(X, type, name) X(type, name, avx2, E3TP_TIER_AVX2_)
#else
#define E3TP_RUNNERS_AVX2(X, type, name)
#endif
#if E3TP_HAVE_AVX512
#define E3TP_RUNNERS_AVX512(X, type, name) X(type, name, avx512, E3TP_TIER_AVX512_)
#else
#define E3TP_RUNNERS_AVX512(X, type, name)
#endif

/* The structs or functions `name` of a template, of that type, as a table by real and tier. */
#define E3TP_RUNNERS_TIERS(X, type, name)      \
    X(type, name, generic, E3TP_TIER_GENERIC_) \
    E3TP_RUNNERS_AVX2(X, type, name) E3TP_RUNNERS_AVX512(X, type, name)
#define E3TP_RUNNERS_EXTERN(type, name, tier, index) \
    extern const type name##_f32_##tier, name##_f64_##tier;
#define E3TP_RUNNERS_ENTRY(type, name, tier, index) \
    [E3TP_F32][index] = &name##_f32_##tier, [E3TP_F64][index] = &name##_f64_##tier,
#define E3TP_RUNNERS(type, name, table)                    \
    E3TP_RUNNERS_TIERS(E3TP_RUNNERS_EXTERN, type, name)    \
    static const type *const table[2][E3TP_TIER_COUNT] = { \
        E3TP_RUNNERS_TIERS(E3TP_RUNNERS_ENTRY, type, name)}

#endif
