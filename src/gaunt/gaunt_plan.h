/* SPDX-License-Identifier: MIT */
/* Frozen tables of the Fourier route: its torus, the transforms as lists of small matrices. */
#ifndef E3TP_GAUNT_PLAN_H
#define E3TP_GAUNT_PLAN_H

#include "fft/fft.h"
#include "gaunt/gaunt_coeff.h"
#include "gaunt/gaunt_kernels.h"
#include "problem/signal_tiles.h"
#include "tile/fold.h"

/* A torus of 4 rings x n_phi samples, of which the rings of an eighth of a turn are kept, theta =
   (i + 1/2) pi / (2 rings): the rest are their mirror images. u_top: the largest u of x, y and
   their product that takes part. */
typedef struct e3tp_gaunt_torus {
    uint32_t couples[3]; /* bit l: some path takes that degree of x, y, z; others are left out */
    int degree[3], u_top[3]; /* the largest of these; m goes up to it */
    int rings, n_phi;
    bool fftw;     /* rings by FFTW, n_phi samples each; else by folded sums, n_phi = 4 points */
    size_t points; /* lines of a ring of samples: 8 points, or 2 n_phi */
} e3tp_gaunt_torus;

/* A slot is an order m of cosines or sines, of one parity in theta -> pi - theta. */
enum {
    E3TP_GAUNT_TO_WAVES, /* components to coefficients of cos(u theta), sin(u theta) */
    E3TP_GAUNT_TO_RINGS, /* to slots of rings */
    E3TP_GAUNT_TO_POINTS,
    E3TP_GAUNT_FROM_POINTS,
    E3TP_GAUNT_FROM_RINGS,
    E3TP_GAUNT_FROM_WAVES,
    E3TP_GAUNT_STAGES
};

/* One operand; first [stage] .. first [stage + 1]: its steps. */
typedef struct e3tp_gaunt_side {
    size_t first[E3TP_GAUNT_STAGES + 1];
    size_t slots;
    double fma, work; /* of one direction, in multiply-adds of a line; work: overheads included */
    /* FFTW */
    e3tp_gaunt_order *orders; /* [degree + 1] */
    size_t nzeros;
    uint16_t *zeros; /* points of a ring that no order takes */
} e3tp_gaunt_side;

typedef struct e3tp_gaunt_plan {
    e3tp_signal_tiles tiles;
    const e3tp_problem *problem;
    e3tp_gaunt_torus torus;
    e3tp_gaunt_side side[3];
    e3tp_fold_tables tables;
    size_t chunk;     /* rings at points at a time */
    size_t ring_step; /* elements of a ring of samples */
    e3tp_fft *fft[2]; /* [0] to samples, [1] to frequencies, or NULL */
    /* In a worker's scratch, in elements: of an operand and of what a result is analysed from. */
    size_t waves, slots[3], back[3], points[3], product, joined;
} e3tp_gaunt_plan;

/* What one lane tile costs, forward and backward. */
typedef struct e3tp_gaunt_work {
    double seconds[2];
} e3tp_gaunt_work;

/* The cheapest torus that is exact, and its cost; no tables. */
e3tp_gaunt_torus e3tp_gaunt_choose(const e3tp_problem *p, e3tp_tier tier, e3tp_gaunt_work *w);
/* The two that there are to choose among; false: there is no such length. */
bool e3tp_gaunt_torus_of(e3tp_gaunt_torus *t, const e3tp_problem *p, bool fftw);
e3tp_status e3tp_gaunt_plan_create(e3tp_gaunt_plan **out, const e3tp_problem *p, e3tp_tier tier,
                                   const e3tp_gaunt_torus *t, const e3tp_allocator *a,
                                   e3tp_message *why);
void e3tp_gaunt_plan_destroy(e3tp_gaunt_plan *p, const e3tp_allocator *a);

/* Appends the transforms of operand k to the tables; coeff NULL: they are only counted. */
void e3tp_gaunt_add_transform(e3tp_gaunt_side *s, e3tp_fold_tables *tables, const e3tp_problem *p,
                              const e3tp_gaunt_torus *t, int k, const e3tp_gaunt_coeff *coeff);

/* Lines of a slot of waves. */
static inline size_t e3tp_gaunt_waves(const e3tp_gaunt_torus *t)
{
    return (size_t)t->u_top[2] / 2 + 1;
}

#endif
