/* SPDX-License-Identifier: MIT */
/* Operands and results of kernels of whole products, where they lie. */
#ifndef E3TP_CG_LINES_H
#define E3TP_CG_LINES_H

#include <stddef.h>

/* Component i of tile t at v + i step + t tile, factors of its i-th degree at
   w + i w_step + 64 bytes t; w NULL: ones. Not necessarily aligned. */
#define E3TP_CG_LINES(real, suffix)         \
    typedef struct e3tp_cg_lines_##suffix { \
        real *v;                            \
        size_t step, tile;                  \
        const real *w;                      \
        size_t w_step;                      \
    } e3tp_cg_lines_##suffix;
E3TP_CG_LINES(float, f32)
E3TP_CG_LINES(double, f64)

#endif
