/* SPDX-License-Identifier: MIT */
/* Whole products of irreps in straight-line code, lane by lane: all degrees 0..L with 0..L, by
   every path to a degree of 0..L, or by every one of even l1 + l2 + l3, each with a weight. */
#ifndef E3TP_CG_WHOLE_H
#define E3TP_CG_WHOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "cg/cg_lines.h"
#include "cg/cg_pairs.h"

/* Kernels are there for L = 1..LMAX and the sets ALL and EVEN; of uvu those to UVU are taken. */
enum { E3TP_CG_WHOLE_LMAX = 4, E3TP_CG_WHOLE_UVU = 3, E3TP_CG_WHOLE_SETS = 2 };

/* Results of degree l, of even l1 + l2 + l3 [0] or of odd [1], begin at component first[][l]. */
typedef struct e3tp_cg_results {
    uint16_t first[2][E3TP_CG_WHOLE_LMAX + 1];
    bool common; /* the two of a degree are one: those of odd sums are added */
} e3tp_cg_results;

/* z = sum over paths of cw W : x (x) y for so many tiles. Operands have all components in the order
   of their degrees.
   cw  coefficient times weight: line i of tile t at t * cw_step + i T, 64-byte aligned, for path i
       in the order of l1, l2, l3
   z may not overlap another array. The result of a lane depends on that lane alone. */
#define E3TP_CG_WHOLE(real, suffix)                                                      \
    typedef void e3tp_cg_whole_##suffix(size_t tiles, const e3tp_cg_lines_##suffix *x,   \
                                        const e3tp_cg_lines_##suffix *y, const real *cw, \
                                        size_t cw_step, const e3tp_cg_lines_##suffix *z, \
                                        const e3tp_cg_results *results);                 \
    typedef struct e3tp_cg_wholes_##suffix {                                             \
        e3tp_cg_whole_##suffix *of[E3TP_CG_WHOLE_SETS];                                  \
    } e3tp_cg_wholes_##suffix;
E3TP_CG_WHOLE(float, f32)
E3TP_CG_WHOLE(double, f64)

#endif
