/* SPDX-License-Identifier: MIT */
/* Kernels of the direct contraction, one for each pair of degrees: all the outputs of two blocks
   at once, lane by lane, on tiles (tile/tile.h). As W changes under exchange of its legs by a sign
   (-1)^(l1+l2+l3) only, they give the gradients too: with that sign in c, z = gx for the pair
   (l3, l2) of gz and y, z = gy for the pair (l1, l3) of x and gz. */
#ifndef E3TP_CG_PAIRS_H
#define E3TP_CG_PAIRS_H

#include <stdbool.h>
#include <stddef.h>

#include "e3tp_config.h"

/* Degrees with kernels: l1, l2 <= LMAX, every l3 of the triangle. */
#define E3TP_CG_PAIRS_LMAX 6
static inline bool e3tp_cg_has_pair(int l1, int l2)
{
    return l1 <= E3TP_CG_PAIRS_LMAX && l2 <= E3TP_CG_PAIRS_LMAX;
}

/* Sets of degrees with kernels of their own: all l3 up to a largest one, or of these those of even
   l1 + l2 + l3, or those of odd. The largest is at least max(l1, l2), less one for the last two,
   and at most LMAX. */
typedef enum e3tp_cg_set {
    E3TP_CG_SET_ALL,
    E3TP_CG_SET_EVEN,
    E3TP_CG_SET_ODD,
    E3TP_CG_SETS
} e3tp_cg_set;

/* The place of a set's kernel among those of its kind. */
static inline int e3tp_cg_set_place(int l1, int l2, int top)
{
    return top - (l1 > l2 ? l1 : l2) + 1;
}

/* Which set n degrees are, odd of them of odd l1 + l2 + l3, the largest `top`; E3TP_CG_SETS: none.
 */
static inline e3tp_cg_set e3tp_cg_set_of(int l1, int l2, int top, int n, int odd)
{
    const int least = l1 > l2 ? l1 - l2 : l2 - l1, place = e3tp_cg_set_place(l1, l2, top);
    if (n == 0 || place < 0 || top > E3TP_CG_PAIRS_LMAX)
        return E3TP_CG_SETS;
    if (n == top - least + 1 && place > 0)
        return E3TP_CG_SET_ALL;
    /* l1 + l2 + least is even */
    if (odd == 0 && n == (top - least) / 2 + 1)
        return E3TP_CG_SET_EVEN;
    return odd == n && n == (top - least + 1) / 2 ? E3TP_CG_SET_ODD : E3TP_CG_SETS;
}

/* What to do with the output of degree l3:
     z[l3] += c w (W(l1, l2, l3) : x (x) y)     W = e3tp_wigner_3j, E3TP_SIGN_E3NN
   z  2 l3 + 1 lines of T lanes per tile, tiles z_stride elements apart; NULL: not wanted
   w  one line of T weights per tile, tiles w_stride apart; NULL: ones
   fresh  what z holds does not count: the result is stored. Heeded where l1 or l2 = 0; other
          kernels add, to tiles that the caller has cleared
   z 64-byte aligned, its stride a multiple of T. */
#define E3TP_CG_TARGET(real, suffix)         \
    typedef struct e3tp_cg_target_##suffix { \
        real *z;                             \
        size_t z_stride;                     \
        const real *w;                       \
        size_t w_stride;                     \
        real c;                              \
        bool fresh;                          \
    } e3tp_cg_target_##suffix;
E3TP_CG_TARGET(float, f32)
E3TP_CG_TARGET(double, f64)

/* x, y  2 l1 + 1 and 2 l2 + 1 lines per tile, aligned as z; out  one for each l3 = |l1-l2|..l1+l2.
   No z may overlap another array. The result of a lane depends on that lane alone. */
typedef void e3tp_cg_pair_f32(size_t tiles, const float *x, size_t x_stride, const float *y,
                              size_t y_stride, const e3tp_cg_target_f32 *out);
typedef void e3tp_cg_pair_f64(size_t tiles, const double *x, size_t x_stride, const double *y,
                              size_t y_stride, const e3tp_cg_target_f64 *out);

/* Kernels of a pair for known sets, of[set][place], NULL where there is none. They want
   z    component 0 of each degree in the first tile, from the least on; tiles z_step apart
   cw   coefficient times weight: line i of tile t at t * cw_step + i T for the i-th of the set */
#define E3TP_CG_SET(real, suffix)                                                                  \
    typedef void e3tp_cg_set_##suffix(size_t tiles, const real *x, size_t x_stride, const real *y, \
                                      size_t y_stride, const real *cw, size_t cw_step,             \
                                      real *const *z, size_t z_step);                              \
    typedef struct e3tp_cg_set_table_##suffix {                                                    \
        int l1, l2;                                                                                \
        e3tp_cg_set_##suffix *const *of[E3TP_CG_SETS];                                             \
    } e3tp_cg_set_table_##suffix;
E3TP_CG_SET(float, f32)
E3TP_CG_SET(double, f64)

/* of       [l1][l2]: the kernels of pairs
   sets     [l1][l2]: NULL where l1 or l2 = 0 and where pairs run from tables
   run_set  what a kernel of a pair does, by that of a known set: just its degrees are wanted, and
            their tiles are equally far apart */
#define E3TP_CG_PAIRS(real, suffix)                                                     \
    typedef struct e3tp_cg_pairs_##suffix {                                             \
        e3tp_cg_pair_##suffix *const *of[E3TP_CG_PAIRS_LMAX + 1];                       \
        const e3tp_cg_set_table_##suffix *const *sets[E3TP_CG_PAIRS_LMAX + 1];          \
        void (*run_set)(e3tp_cg_set_##suffix * kernel, int l1, int l2, size_t tiles,    \
                        const real *x, size_t x_stride, const real *y, size_t y_stride, \
                        const e3tp_cg_target_##suffix *out);                            \
    } e3tp_cg_pairs_##suffix;
E3TP_CG_PAIRS(float, f32)
E3TP_CG_PAIRS(double, f64)

#define E3TP_CG_PAIRS_DECLARE(tier)                          \
    extern const e3tp_cg_pairs_f32 e3tp_cg_pairs_f32_##tier; \
    extern const e3tp_cg_pairs_f64 e3tp_cg_pairs_f64_##tier;
E3TP_CG_PAIRS_DECLARE(generic)
#if E3TP_HAVE_AVX2
E3TP_CG_PAIRS_DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
E3TP_CG_PAIRS_DECLARE(avx512)
#endif

#endif
