/* SPDX-License-Identifier: MIT */
/* Frozen tables of an instruction product through samples. W is a multiple of the integral of three
   harmonics (even l1 + l2 + l3) or of the one that a bracket makes of them (odd), so a path is an
   analysis of products of signals; those of a pair of blocks are formed once for all of its paths
   of that parity. */
#ifndef E3TP_GRID_PATHS_H
#define E3TP_GRID_PATHS_H

#include "grid/grid_plan.h"

enum { E3TP_GRID_INPUT_LMAX = 12 };

/* Signals of a block of x or y, and bits of them: its value, and for odd sums the slopes of y. */
enum { E3TP_GRID_SIGNALS = 3 };
enum { E3TP_GRID_USES_VALUE = 1, E3TP_GRID_USES_SLOPES = 6 };

/* Degrees of results that some pair wants, bit l, and how they are analysed: their values, or (odd)
   both slopes, added. */
typedef struct e3tp_grid_set {
    uint32_t degrees;
    bool odd;
    size_t lines; /* of their coefficients, one degree after the other */
    e3tp_grid_transform of[2];
} e3tp_grid_set;

typedef struct e3tp_grid_coupling {
    uint32_t in1, in2;
    bool odd;
    size_t path;  /* of the problem */
    size_t line;  /* of its degree in the pair's set */
    double scale; /* coefficient over the strength: what the analysis is multiplied with */
} e3tp_grid_coupling;

/* Paths of two blocks, of even sums or of odd ones. */
typedef struct e3tp_grid_pair {
    uint32_t in1, in2;
    size_t first, count; /* couplings */
    size_t set;
    size_t terms;  /* products of samples: the value of x with this many signals of y */
    size_t signal; /* the first of these among the signals of a channel of y */
    bool crossed;  /* some path joins channels of different number */
} e3tp_grid_pair;

/* Channels of a block of y whose samples are at hand at a time. */
typedef enum e3tp_grid_kept {
    E3TP_GRID_NONE, /* no path reads it */
    E3TP_GRID_ONE,
    E3TP_GRID_ALL
} e3tp_grid_kept;

typedef struct e3tp_grid_paths {
    e3tp_grid_base base;
    /* Of blocks of x and y by degree; those that the bits say are there. */
    e3tp_grid_transform of_degree[E3TP_GRID_INPUT_LMAX + 1][E3TP_GRID_SIGNALS];
    unsigned char uses_degree[E3TP_GRID_INPUT_LMAX + 1];
    e3tp_grid_coupling *couplings; /* [npaths], by pair */
    e3tp_grid_pair *pairs;         /* by in1, in2, even sums first */
    e3tp_grid_set *sets;
    size_t npairs, nsets;
    /* Samples of y: of all channels where a pair is crossed, else of the channel of x at hand. */
    size_t *slot;        /* [nblocks[1]] the first signal of the block */
    unsigned char *kept; /* [nblocks[1]] e3tp_grid_kept */
    unsigned char *uses; /* [nblocks[1]] bits of signals */
    size_t nsignals;
    size_t channels; /* most in a block of x or y */
    e3tp_packed packed[3];
} e3tp_grid_paths;

/* Estimated multiply-adds of whole lines for T rows, overheads included. */
double e3tp_grid_paths_work(const e3tp_problem *p, const e3tp_grid_shape *s, e3tp_pass pass);

/* All but base.run. The paths are served: e3tp_grid_serves_paths. */
e3tp_status e3tp_grid_paths_create(void **out, const e3tp_problem *p, e3tp_tier tier,
                                   const e3tp_allocator *a, e3tp_message *why);
/* False, with the sentence: a path is of a mode or a triple of degrees that is not served. */
bool e3tp_grid_serves_paths(const e3tp_problem *p, e3tp_message *why);

/* Elements of a worker's scratch by use. */
typedef struct e3tp_grid_paths_layout {
    size_t v[3], g[2];       /* packed x, y, z or gz; gx, gy */
    size_t w, gw;            /* lines of weights that differ by row, and their gradients */
    size_t x, gx;            /* samples of a channel of x, and of its gradient */
    size_t y, gy;            /* the same of all signals of y */
    size_t gz;               /* samples of a signal of the weighted gz of a pair */
    size_t product, slots;   /* samples of a product; slots of one signal */
    size_t analysed, summed; /* coefficients of a pair: of products, of weighted gz */
    size_t total;
} e3tp_grid_paths_layout;

e3tp_grid_paths_layout e3tp_grid_paths_lay_out(const e3tp_grid_paths *g);

/* Signals that the bits say are there. */
static inline size_t e3tp_grid_signal_count(unsigned uses)
{
    return (uses & 1) + (uses >> 1 & 1) + (uses >> 2 & 1);
}

#endif
