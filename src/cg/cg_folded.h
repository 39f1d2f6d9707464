/* SPDX-License-Identifier: MIT */
/* Paths of uvu whose channels share y and have no weights of their own. All paths from a block to
   another are one matrix for each row, the sum of w M(y) over paths and channels of y, and blocks
   of results that come from the same blocks are one product with all channels, as in a
   multiplication of matrices. */
#ifndef E3TP_CG_FOLDED_H
#define E3TP_CG_FOLDED_H

#include <stddef.h>
#include <stdint.h>

#include "cg/cg_kernels.h"
#include "problem/problem.h"

/* A path of a class: its source's and its result's first component among those of the class. */
typedef struct e3tp_cg_fold {
    size_t path, from, to;
} e3tp_cg_fold;

/* Blocks of results that have the same sources and as many channels. Lists by first and count. */
typedef struct e3tp_cg_class {
    size_t sources, nsources, results, nresults; /* in blocks */
    size_t n, N;                                 /* components of sources, of results */
    size_t folds, nfolds;
} e3tp_cg_class;

typedef struct e3tp_cg_classes {
    size_t nclasses;
    e3tp_cg_class *classes;
    uint32_t *blocks;
    e3tp_cg_fold *folds;
} e3tp_cg_classes;

enum { E3TP_CG_STAGED = 16 << 10 }; /* bytes of results that wait for the caller */

/* Whether channels of a product have no weights of their own, all paths being uvu. */
bool e3tp_cg_may_fold(const e3tp_problem *p);
void e3tp_cg_classes_destroy(e3tp_cg_classes *f, const e3tp_allocator *a);

/* One component of an operand: tile t of row r at v + r * row + t * tile, any alignment. */
#define E3TP_CG_COMPONENT(real) \
    {                           \
        real *v;                \
        size_t row, tile;       \
    }
typedef struct e3tp_cg_component_f32 E3TP_CG_COMPONENT(float) e3tp_cg_component_f32;
typedef struct e3tp_cg_component_f64 E3TP_CG_COMPONENT(double) e3tp_cg_component_f64;

/* Rows 0 .. rows - 1, all tiles of each; n components of x, those of row r at index[r] (NULL: r); N
   of z, g.

   product     z_k (+)= sum_i M[r][i][k] x_i; fresh: written, else added to, row by row; of channels
               that fill no tile nothing is read or written beyond the last; from: room for n
   overlaps    D[r][i][k] = sum over channels of x_i g_k; less than T numbers beyond are written */
#define E3TP_CG_FOLDED_KERNELS(X, real, component)                                                \
    X(product, (size_t rows, size_t channels, const component *x, size_t n, const int64_t *index, \
                const component *z, size_t N, const real *M, int fresh, const real **from))       \
    X(overlaps, (size_t rows, size_t tiles, const component *x, size_t n, const int64_t *index,   \
                 const component *g, size_t N, real *D))

typedef struct e3tp_cg_folded_kernels_f32 {
    E3TP_CG_FOLDED_KERNELS(E3TP_CG_MEMBER, float, e3tp_cg_component_f32)
} e3tp_cg_folded_kernels_f32;
typedef struct e3tp_cg_folded_kernels_f64 {
    E3TP_CG_FOLDED_KERNELS(E3TP_CG_MEMBER, double, e3tp_cg_component_f64)
} e3tp_cg_folded_kernels_f64;

#define E3TP_CG_FOLDED_DECLARE(tier)                                           \
    extern const e3tp_cg_folded_kernels_f32 e3tp_cg_folded_kernels_f32_##tier; \
    extern const e3tp_cg_folded_kernels_f64 e3tp_cg_folded_kernels_f64_##tier;
E3TP_CG_FOLDED_DECLARE(generic)
#if E3TP_HAVE_AVX2
E3TP_CG_FOLDED_DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
E3TP_CG_FOLDED_DECLARE(avx512)
#endif

#endif
