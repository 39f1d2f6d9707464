/* SPDX-License-Identifier: MIT */
/* Compiled once per tier and real, as the kernels are. */
#include "simd/vmath.h"

#include "vmath.h"

#define CALL(f)                                  \
    static void call_##f(const void *x, void *y) \
    {                                            \
        v_storeu(y, f(v_loadu(x)));              \
    }
CALL(v_sin)
CALL(v_cos)
CALL(v_exp)

const vmath_table E3TP_NAME(vmath) = {
    V_LANES, {[VMATH_SIN] = call_v_sin, [VMATH_COS] = call_v_cos, [VMATH_EXP] = call_v_exp}};
