/* SPDX-License-Identifier: MIT */
/* The vocabulary of src/simd/vec.h as functions on memory, per tier and real; and of transpose.h:
   unzip and zip for d = 3, 5, 7, lines of T = 64 / sizeof(real), one vector of lanes. */
#ifndef TEST_VEC_OPS_H
#define TEST_VEC_OPS_H

#include <stddef.h>

#include "core/cpu.h"
#include "e3tp_config.h"

#define VEC_OPS(X, real)                                                         \
    X(load, void, (const real *p, real *out))                                    \
    X(loadu, void, (const real *p, real *out))                                   \
    X(store, void, (real * p, const real *in))                                   \
    X(storeu, void, (real * p, const real *in))                                  \
    X(load_n, void, (const real *p, int n, real *out))                           \
    X(store_n, void, (real * p, const real *in, int n))                          \
    X(stream, void, (real * p, const real *in))                                  \
    X(root, void, (const real *in, real *out))                                   \
    X(set1, void, (real a, real * out))                                          \
    X(zero, void, (real * out))                                                  \
    X(fma, void, (const real *a, const real *b, const real *c, real *out))       \
    X(fnma, void, (const real *a, const real *b, const real *c, real *out))      \
    X(arithmetic, void, (const real *a, const real *b, real *sum, real *rest))   \
    X(pin, void, (const real *a, real *out))                                     \
    X(sum, real, (const real *in))                                               \
    X(select, void, (const real *mask, const real *a, const real *b, real *out)) \
    X(permute, void, (const real *a, const int *index, real *out))               \
    X(unzip, void, (int d, const real *from, size_t n, real *to))                \
    X(zip, void, (int d, const real *from, real *to, size_t n))

#define VEC_OPS_MEMBER(name, type, args) type(*name) args;
#define VEC_OPS_STRUCT(r, real)            \
    typedef struct vec_ops_##r {           \
        int bytes, lanes, tile, tile_vecs; \
        VEC_OPS(VEC_OPS_MEMBER, real)      \
    } vec_ops_##r;
VEC_OPS_STRUCT(f32, float)
VEC_OPS_STRUCT(f64, double)

#define VEC_OPS_DECLARE(tier)                \
    extern const vec_ops_f32 vec_f32_##tier; \
    extern const vec_ops_f64 vec_f64_##tier;
VEC_OPS_DECLARE(generic)
#if E3TP_HAVE_AVX2
VEC_OPS_DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
VEC_OPS_DECLARE(avx512)
#endif

#endif
