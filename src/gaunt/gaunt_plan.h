/* SPDX-License-Identifier: MIT */
/* Frozen tables of the Fourier route: its torus, the conversions as small matrices, transforms. */
#ifndef E3TP_GAUNT_PLAN_H
#define E3TP_GAUNT_PLAN_H

#include "fft/fft.h"
#include "gaunt/gaunt_kernels.h"
#include "problem/signal_tiles.h"
#include "tile/mix.h"

/* The torus: n_theta x n_phi samples, of which the rows 0..n_theta/2 are kept, by pairs. Bands: the
   largest degrees and, of x, y and their product, the largest u and m that take part. */
typedef struct e3tp_gaunt_torus {
    int n_theta, n_phi, pairs;
    int degree[3], u_top[3], m_top[3];
    double seconds; /* of the transforms of a tile in fp32 on one core, estimated */
} e3tp_gaunt_torus;

/* Even and odd m, lines of cos and of sin, even and odd degrees. */
enum { E3TP_GAUNT_MIXES = 8 };

/* One operand: its conversions, column by column (m = 2c and 2c + 1). */
typedef struct e3tp_gaunt_side {
    size_t nu;                        /* u_top + 1 */
    size_t columns;                   /* m_top/2 + 1 */
    bool odd_top;                     /* the last column has its odd m */
    e3tp_mix *synthesis, *analysis;   /* [columns][MIXES] */
    e3tp_gaunt_places *places;        /* [columns] */
    uint16_t *plus, *minus;           /* [nu] points of a column */
    size_t ncolumn_zeros, nrow_zeros; /* points that no conversion writes */
    uint16_t *column_zeros, *row_zeros;
} e3tp_gaunt_side;

typedef struct e3tp_gaunt_plan {
    e3tp_signal_tiles tiles;
    const e3tp_problem *problem;
    e3tp_gaunt_torus torus;
    size_t rows_at_once; /* pairs of rows per transform: all, or 1 */
    e3tp_gaunt_side side[3];
    e3tp_gaunt_quad *quad; /* [pairs] */
    e3tp_mix_pool pool;
    double nonzeros[3];           /* multiply-adds of a conversion of one lane */
    e3tp_fft *column[2], *row[2]; /* [0] to samples, [1] to frequencies */
    /* In a worker's scratch, in elements: of a column, of the rows of each operand. */
    size_t spectrum, column_at, rows_at[3], row_bytes;
} e3tp_gaunt_plan;

/* The cheapest torus that is exact; no tables. */
e3tp_gaunt_torus e3tp_gaunt_torus_of(const e3tp_problem *p);
e3tp_status e3tp_gaunt_plan_create(e3tp_gaunt_plan **out, const e3tp_problem *p, e3tp_tier tier,
                                   const e3tp_allocator *a, e3tp_message *why);
void e3tp_gaunt_plan_destroy(e3tp_gaunt_plan *p, const e3tp_allocator *a);

#endif
