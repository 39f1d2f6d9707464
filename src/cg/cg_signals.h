/* SPDX-License-Identifier: MIT */
/* Whole products of signals in straight-line code: Gaunt product and Poisson bracket of all degrees
   to L with all to L, to all to L. Both are symmetric under exchange of any two of x, y and z up to
   a sign (-1 for the bracket), so that their gradients are products of the same kind. And the Gaunt
   product to all to 2L, whose gradients add products with the degrees of gz to L and above. */
#ifndef E3TP_CG_SIGNALS_H
#define E3TP_CG_SIGNALS_H

#include "cg/cg_lines.h"
#include "problem/signal_tiles.h"

/* Kernels are there for L = 1..LMAX, for results to 2L for L = 1..WIDE. */
enum { E3TP_CG_SIGNALS_WIDE = 4, E3TP_CG_SIGNALS_LMAX = 5 };

/* z = x y, or z += x y, each times its factors, for so many tiles. Degrees: gaunt
   from 0 on, bracket from 1 on; wide: of z to 2L; high: of x L+1..2L. z may not overlap x or y,
   which are not written; a lane's result depends on that lane alone. */
#define E3TP_CG_SIGNAL(suffix)                                                          \
    typedef void e3tp_cg_signal_##suffix(size_t tiles, const e3tp_cg_lines_##suffix *x, \
                                         const e3tp_cg_lines_##suffix *y,               \
                                         const e3tp_cg_lines_##suffix *z, bool adds);   \
    typedef struct e3tp_cg_signals_##suffix {                                           \
        e3tp_cg_signal_##suffix *gaunt, *bracket, *wide, *high;                         \
    } e3tp_cg_signals_##suffix;
E3TP_CG_SIGNAL(f32)
E3TP_CG_SIGNAL(f64)

typedef struct e3tp_cg_signal_runner {
    e3tp_signal_runner walk;
    bool (*has)(int lmax, bool wide); /* whether the build has kernels, 1 <= lmax <= LMAX */
} e3tp_cg_signal_runner;

typedef struct e3tp_cg_signal {
    e3tp_signal_tiles tiles;
    int lmax;
    bool gaunt, bracket; /* parts of the product; z holds them one after the other */
    bool wide;           /* gaunt, to 2 lmax */
} e3tp_cg_signal;

/* Whether a product has kernels for that tier. */
bool e3tp_cg_has_signal(const e3tp_problem *p, e3tp_tier tier);
/* Seconds of a tile: forward, or both gradients. */
double e3tp_cg_signal_seconds(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass);
/* A product that e3tp_cg_has_signal; freed by e3tp_free. */
e3tp_status e3tp_cg_signal_create(e3tp_cg_signal **out, const e3tp_problem *p, e3tp_tier tier,
                                  const e3tp_allocator *a, e3tp_message *why);

#endif
