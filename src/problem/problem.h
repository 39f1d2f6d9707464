/* SPDX-License-Identifier: MIT */
/* The normalised problem: everything that fixes the result of a product, checked and immutable.
   Made by api/, read by backends. All products are written over the same list of coupling paths:

       z[out] += coeff * [w *] W(l1,l2,l3) : x[in1] (x) y[in2]          (mode of e3nn)

   A product of signals is one block per harmonic (signals.h) with mul = channels and a `uuu` path,
   without weights of its own, for every coupled triple, coeff = e3tp_signal_strength; its weights
   are factors per block and channel. Where y has one channel for all of x, its blocks have mul = 1,
   and paths are `uvu` unless there are factors, which make y another for every channel. */
#ifndef E3TP_PROBLEM_H
#define E3TP_PROBLEM_H

#include <stdbool.h>

#include "core/alloc.h"
#include "core/lock.h"
#include "core/status.h"
#include "e3tp/e3tp.h"

typedef struct e3tp_block {
    int l, parity;
    size_t mul;
    size_t offset; /* first element of the block in a row (mul_ir and ir_mul alike) */
    /* Vector fields: degree of the Cartesian components. A y about the pole: its degree, where l
       is 0. Else l. */
    int component;
} e3tp_block;

/* Parity (-1)^l, as functions on the sphere have it. */
static inline bool e3tp_is_natural(const e3tp_block *b)
{
    return b->parity == (b->l % 2 ? -1 : 1);
}

typedef struct e3tp_coupling {
    uint32_t in1, in2, out; /* block indices */
    e3tp_mode mode;
    bool has_weight;
    double coeff;    /* final: e3nn's coefficient, or the strength; W has unit norm */
    size_t w_offset; /* in a weight row; weights C-contiguous in e3nn's path shape */
    size_t w_count;  /* 0 without weight */
} e3tp_coupling;

/* A path as the user knows it: its blocks and coefficient. */
typedef struct e3tp_user_path {
    uint32_t block[3];
    double coeff;
} e3tp_user_path;

typedef struct e3tp_problem {
    e3tp_op op;
    e3tp_dtype dtype;
    e3tp_sign sign;
    e3tp_layout layout[3]; /* of x, y, z: MUL_IR, IR_MUL, BATCH_LAST (component order of IR_MUL);
                              IR_MUL where that and MUL_IR are the same */
    size_t nblocks[3];     /* x, y, z */
    e3tp_block *blocks[3];
    size_t dim[3]; /* elements per row of x, y, z */
    size_t npaths;
    e3tp_coupling *paths; /* in e3nn's order; without zero-size paths */
    size_t weight_numel;  /* elements per weight row, 0: none */
    e3tp_weights weights; /* NONE, SHARED (one row for the batch), ROW */
    bool
        weight_by_path; /* the caller has one weight for all channels of a path; the rows of weights
                           here are e3nn's, those by path are for backends that take them */
    bool factor_weights; /* signals: row = a [R][n1][C], b [R][n2][C], c [R][n3][C], end to end */
    bool common_output;  /* but c [n3][C], the same for all terms; R not 1 */
    size_t channels;     /* signals: C */
    bool common_y;       /* signals: y has one channel for all C, C not 1 */
    bool zonal;          /* signals: y has the order 0 alone, its blocks are scalars */
    size_t rank;         /* signals: R, terms of the sum; else 1 */
    int spin;            /* matrix: h */
    int power;           /* gaunt_power: N; weights are [N][n3][C], not factors */
    int grid_theta, grid_phi; /* 0: smallest exact, times oversample */
    double oversample;
    e3tp_quadrature quadrature;
    bool allow_aliasing;
    size_t batch_hint; /* 0: none */
    e3tp_planner_lock planner_lock;
    size_t nuser;         /* zero-size paths included */
    e3tp_user_path *user; /* [nuser] */
} e3tp_problem;

/* The problem as the user said it: what a descriptor holds. Lists are owned by the descriptor. */
typedef struct e3tp_spec {
    e3tp_op op;
    e3tp_dtype dtype;
    e3tp_sign sign;
    e3tp_layout layout[3];
    size_t nirreps[3];
    e3tp_irrep *irreps[3]; /* signals: l is a degree, the rest does not count */
    double *var[3];        /* NULL: ones */
    size_t npaths;
    e3tp_path *paths;
    e3tp_irrep_norm irrep_norm;
    e3tp_path_norm path_norm;
    int weights; /* -1: default */
    bool weight_by_path;
    unsigned types[3];                 /* of vector fields: bits of e3tp_field_type */
    size_t channels, y_channels, rank; /* y_channels 0: as x */
    bool common_output;
    bool zonal;
    int spin;  /* matrix: h, E3TP_SPIN_LEAST or E3TP_SPIN_FULL */
    int power; /* gaunt_power: N */
    int grid_theta, grid_phi;
    double oversample;
    e3tp_quadrature quadrature;
    bool allow_aliasing;
    size_t batch_hint;
    e3tp_planner_lock planner_lock;
} e3tp_spec;

/* Checks a spec and freezes it. All memory through a; freed by e3tp_problem_destroy. */
e3tp_status e3tp_problem_create(e3tp_problem **out, const e3tp_spec *spec, const e3tp_allocator *a,
                                e3tp_message *why);
void e3tp_problem_destroy(e3tp_problem *p, const e3tp_allocator *a);

/* Whether some path takes block `block` of operand k (0 x, 1 y, 2 z); of a power, of which there is
   no path, whether z would be the same without it: for some x it is not. */
bool e3tp_problem_uses(const e3tp_problem *p, int k, size_t block);

/* Channel of operand k that channel u of the product takes. */
static inline size_t e3tp_problem_channel(const e3tp_problem *p, int k, size_t u)
{
    return k == 1 && p->common_y ? 0 : u;
}

size_t e3tp_problem_weighted_paths(const e3tp_problem *p);

/* Terms of the sum that have factors of operand k of their own: all, or one for all. */
static inline size_t e3tp_problem_terms(const e3tp_problem *p, int k)
{
    return k == 2 && p->common_output ? 1 : p->rank;
}

/* Place of the factors of operand k of a term of the sum in a row of weights. */
size_t e3tp_problem_factors(const e3tp_problem *p, size_t term, int k);

/* e3nn's name of a mode ("uvw", "uvu<v"), NULL if there is none. */
const char *e3tp_mode_name(e3tp_mode mode);
/* The largest degree of x and y that are coupled pair by pair. */
enum { E3TP_PAIRED_LMAX = 12 };

size_t e3tp_dtype_size(e3tp_dtype t);

/* Weights of every row as e3nn has them: where the caller has one for each path, spread. */
static inline size_t e3tp_spread_row_weights(const e3tp_problem *p)
{
    return p->weights == E3TP_WEIGHTS_ROW ? p->weight_numel : 0;
}

/* Weights that the caller has for every row. */
static inline size_t e3tp_row_weights(const e3tp_problem *p)
{
    const bool by_path = p->weights == E3TP_WEIGHTS_ROW && p->weight_by_path;
    return by_path ? e3tp_problem_weighted_paths(p) : e3tp_spread_row_weights(p);
}

#endif
