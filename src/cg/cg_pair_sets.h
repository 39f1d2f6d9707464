/* SPDX-License-Identifier: MIT */
/* Kernels for known sets of degrees, in straight-line code: all l3 up to `top`, or every second one
   (l1 + l2 + l3 even, or odd). They do what cg_pairs.h says, one vector of lanes after the other,
   and need outputs whose tiles are equally far apart and weights in lines of their own:
   e3tp_cg_set_f32. */
#ifndef E3TP_CG_PAIR_SETS_H
#define E3TP_CG_PAIR_SETS_H

#include "cg/cg_pair_steps.h"

#define set_kernel CAT3(e3tp_cg_set, _, E3TP_REAL)
#define set_table CAT3(e3tp_cg_set_table, _, E3TP_REAL)

/* Whether there is a kernel for just this call; if so, runs it. */
bool E3TP_NAME(e3tp_cg_pair_by_set)(const set_table *s, size_t tiles, const real *x,
                                    size_t x_stride, const real *y, size_t y_stride,
                                    const TARGET *out);

/* ---- what the generated code is written in ---- */

/* The sums of order M go to component M and -M of the output at `place`. */
V_INLINE void add_0(v_real s, const real *cw, real *z)
{
    v_store(z, v_fma(v_load(cw), s, v_load(z)));
}

V_INLINE void add(const int M, const int odd, v_real re, v_real im, const real *cw, real *z)
{
    real *up = z + M * T, *down = z - M * T;
    const v_real w = v_load(cw);
    v_store(up, v_fma(w, odd ? im : re, v_load(up)));
    v_store(down, odd ? v_fnma(w, re, v_load(down)) : v_fma(w, im, v_load(down)));
}
#define ADD_0(place, s) \
    add_0(s, cw + (place) / (set == E3TP_CG_SET_ALL ? 1 : 2) * T, to[place] + at)
#define ADD(place, M, odd, re, im) \
    add(M, odd, re, im, cw + (place) / (set == E3TP_CG_SET_ALL ? 1 : 2) * T, to[place] + at)

#define SET_NAME_(base, l1, l2, top, kind) base##_##l1##_##l2##_##top##_##kind
#define SET_NAME(base, l1, l2, top, kind) SET_NAME_(base, l1, l2, top, kind)

/* Opens and closes the function of a set; between them stands the code for one vector. */
#define SET_BEGIN(TOP, KIND)                                                                     \
    static void SET_NAME(set, L1, L2, TOP, KIND)(size_t tiles, const real *x, size_t x_stride,   \
                                                 const real *y, size_t y_stride, const real *cw, \
                                                 size_t cw_step, real *const *z, size_t z_step)  \
    {                                                                                            \
        const e3tp_cg_set set = (e3tp_cg_set)KIND;                                               \
        v_real P[SLOTS * 2];                                                                     \
        enum { top = TOP, places = TOP - (L1 > L2 ? L1 - L2 : L2 - L1) + 1 };                    \
        real *to[places];                                                                        \
        EACH_TERM(i, 0, places) to[i] = z[i];                                                    \
        x += L1 * T;                                                                             \
        y += L2 * T;                                                                             \
        for (size_t t = 0, at = 0; t < tiles;                                                    \
             t++, at += z_step - T, x += x_stride - T, y += y_stride - T, cw += cw_step - T)     \
            for (int v = 0; v < TILE_VECS;                                                       \
                 v++, x += V_LANES, y += V_LANES, cw += V_LANES, at += V_LANES) {                \
                PRODUCTS(SET_PRODUCT)                                                            \
                KEEP_ORDER;
#define SET_END \
    }           \
    }

#endif
