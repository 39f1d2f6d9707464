/* SPDX-License-Identifier: MIT */
/* Frozen tables of a product of matrices.

   Element (i, j), i, j = -h..h, of the matrix of a signal is the sum over degrees l and orders m of
   W(h,h,l)[i, j, m] times its coefficients, where |m| = |i| + |j| or ||i| - |j||. Elements that
   (+-i, +-j) and (j, i) number have the same numbers up to signs, symmetric for even l and
   antisymmetric for odd. So a matrix is made in two steps, in place:
     mixes        for every order m and parity of l: degrees to the elements that stand for them
     butterflies  of four elements (two where i or j is zero, or |i| = |j|), signs only
   and the way back is the transpose. */
#ifndef E3TP_MATRIX_PLAN_H
#define E3TP_MATRIX_PLAN_H

#include "matrix/matrix_kernels.h"
#include "problem/signal_tiles.h"
#include "tile/mix.h"

/* Largest h: the largest degree whose coupling is exact is 2h. */
enum { E3TP_MATRIX_SPIN = E3TP_SO3_LMAX / 2 };

/* Signals: x, y, and of z the part of natural parity and the other. */
enum { E3TP_MATRIX_SIGNALS = 4 };

typedef struct e3tp_matrix_plan {
    e3tp_signal_tiles tiles;
    const e3tp_problem *problem;
    int spin;
    size_t n, lines; /* 2h + 1, n^2 */
    /* Of signal s to its matrix: mixes first[2 s] to before first[2 s + 1], back: up to
       first[2 s + 2]. */
    size_t first[2 * E3TP_MATRIX_SIGNALS + 1];
    e3tp_mix *mixes;
    e3tp_mix_pool pool;
    size_t nquads, npairs;
    uint16_t *quads, *pairs; /* elements */
    double multiplies;       /* multiply-adds of a mix of x, y, z each, summed */
    size_t at[E3TP_MATRIX_SIGNALS], result, joined; /* matrices in a worker's scratch, elements */
} e3tp_matrix_plan;

/* All but the runner of its tiles; the spin is at most E3TP_MATRIX_SPIN. */
e3tp_status e3tp_matrix_plan_create(e3tp_matrix_plan **out, const e3tp_problem *p,
                                    const e3tp_allocator *a, e3tp_message *why);
void e3tp_matrix_plan_destroy(e3tp_matrix_plan *g, const e3tp_allocator *a);

#endif
