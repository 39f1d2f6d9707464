/* SPDX-License-Identifier: MIT */
/* Transforms between coefficients and folded samples, as lists of small matrices.

   A harmonic (l, m) belongs to the class with bits: l + |m| odd, |m| odd (quarter grids only), sin.
   A signal, or a derivative of it, is held as its eight classes on the folded samples; class c of a
   product is the sum of products of classes d and c ^ d. Two forms:
     dense      a matrix per class over all folded samples; to points in runs of as many as a tile
                has rows (E3TP_FOLD_CLASSES steps each), so that a run's classes stay in the cache
     separable  per order m and parity of l + m over the rings to `slots`; then per ring and class
                over the orders to the samples of the ring
   `analysis` is the transpose. */
#ifndef E3TP_GRID_TRANSFORM_H
#define E3TP_GRID_TRANSFORM_H

#include "core/alloc.h"
#include "grid/grid_shape.h"
#include "tile/fold.h"

enum { E3TP_GRID_LMAX = 24 };

enum {
    E3TP_GRID_TO_SLOTS, /* coefficients to slots of rings; none in the dense form */
    E3TP_GRID_TO_POINTS,
    E3TP_GRID_FROM_POINTS,
    E3TP_GRID_FROM_SLOTS,
    E3TP_GRID_STAGES
};

/* first [stage] .. first [stage + 1]: its steps. */
typedef struct e3tp_grid_transform {
    size_t first[E3TP_GRID_STAGES + 1];
    size_t slots;
    double fma; /* per lane and direction */
} e3tp_grid_transform;

/* What stands on the samples: the value of a harmonic; its derivatives by x = cos theta and by phi;
   the two components of its gradient. */
typedef enum e3tp_grid_kind {
    E3TP_GRID_VALUE,
    E3TP_GRID_D_X,
    E3TP_GRID_D_PHI,
    E3TP_GRID_SOUTHWARD, /* -sin theta d/dx */
    E3TP_GRID_EASTWARD   /* 1 / sin theta d/dphi */
} e3tp_grid_kind;

/* Coefficients of a block: degree, the line of its m = -l, and how they enter. */
typedef struct e3tp_grid_band {
    int l;
    size_t line;
    e3tp_grid_kind kind;
    double factor;
} e3tp_grid_band;

/* A sum of n bands on the samples; weighted: quadrature weights in both directions. */
typedef struct e3tp_grid_signal {
    bool weighted;
    int images; /* the analysis is divided by so many: products count each sample so often */
    size_t n;
    const e3tp_grid_band *bands;
} e3tp_grid_signal;

typedef struct e3tp_grid_basis {
    const e3tp_grid_shape *shape;
    bool separable;
    e3tp_dtype dtype;
    size_t rows; /* of a tile: e3tp_fold_rows */
    /* [rings][E3TP_SO3_LEGENDRE_SIZE(24)], times sqrt 2 for m > 0, and its derivative by x */
    const double *legendre, *slope;
    const double *sine; /* [rings] of theta */
    const double *trig; /* [azimuths][49]: sin m phi at 24 - m, cos m phi at 24 + m */
    const double *ring_weight, *point_weight;
} e3tp_grid_basis;

/* Dense: how the samples are cut into runs. */
static inline e3tp_fold_cut e3tp_grid_runs(const e3tp_grid_basis *b)
{
    return e3tp_fold_cut_rows((size_t)b->shape->rings * (size_t)b->shape->points, b->rows);
}

/* Appends the transform of a signal to the tables. */
void e3tp_grid_add_transform(e3tp_grid_transform *t, e3tp_fold_tables *tables,
                             const e3tp_grid_basis *basis, const e3tp_grid_signal *signal);

/* legendre, slope [rings][..], sine [rings] and trig [azimuths][49] of the basis for the nodes. */
void e3tp_grid_fill_basis(const e3tp_grid_shape *s, const e3tp_grid_nodes *nodes, double *legendre,
                          double *slope, double *sine, double *trig);

#endif
