/* SPDX-License-Identifier: MIT */
/* What the templates of the backend share: a block of rows under way. */
#ifndef E3TP_CG_FRAME_H
#define E3TP_CG_FRAME_H

#include "cg/cg_plan.h"
#include "simd/name.h"

enum { T = 64 / sizeof(real) };

typedef struct frame {
    const e3tp_cg_plan *plan;
    const e3tp_problem *p;
    const e3tp_rows *r;
    size_t n;
    bool sum;       /* one row of z for all */
    bool back;      /* the backward pass */
    bool spread;    /* paths that may are run with y in every lane */
    bool fresh;     /* blocks of z that some member is the first to write were not cleared */
    bool folded;    /* lines of weights hold the coefficients too, where lanes kernels add to z */
    bool weighted;  /* only paths that have weights */
    real *v[4];     /* packed x, y, z (gz in the backward pass), y with rows as lanes */
    real *g[4];     /* their gradients; [2]: z before its factors */
    real *lw, *lgw; /* lines of the weights, and of their gradients */
    real *M, *dM, *mid, *gmid;
    real *turned; /* a matrix of weights, transposed */
} frame;

/* Block of operand k (3: y with rows as lanes) in its packed form, or in that of its gradient. */
typedef struct tiles_of {
    const e3tp_block *b;
    real *v, *g;
    size_t stride; /* from a tile to the next */
    int d;
} tiles_of;

static inline tiles_of frame_block(const frame *f, size_t path, int k)
{
    const e3tp_coupling *c = &f->p->paths[path];
    const size_t i = k == 0 ? c->in1 : k == 2 ? c->out : c->in2;
    const e3tp_packed *q = &f->plan->packed[k];
    const e3tp_block *b = &f->p->blocks[k == 3 ? 1 : k][i];
    return (tiles_of){b, f->v[k] + q->at[i], f->g[k] + q->at[i], q->stride[i], 2 * b->l + 1};
}

/* Whether kernels read the lines of a path where the caller has them. */
static inline bool e3tp_cg_reads_weights(const frame *f, size_t path)
{
    return f->plan->path[path].in_place && !f->r->iw;
}

/* Whether a path has no part in what is under way. */
static inline bool e3tp_cg_rests(const frame *f, size_t path)
{
    return f->weighted && !f->p->paths[path].has_weight;
}

/* Lines of weights are those of one row. */
static inline bool e3tp_cg_one_line(const frame *f)
{
    return f->p->weights == E3TP_WEIGHTS_SHARED;
}

/* Whether a path whose channels share y runs with y in every lane. */
static inline bool e3tp_cg_is_spread(const frame *f, size_t path)
{
    const e3tp_cg_path *q = &f->plan->path[path];
    return f->spread && (f->back ? q->spread_back : q->spread);
}

/* Whether the kernels of pairs weight the results of a path, in the pass under way. */
static inline bool e3tp_cg_folds(const frame *f, size_t path)
{
    return f->folded && !e3tp_cg_connects(&f->p->paths[path]) && !e3tp_cg_reads_weights(f, path) &&
           (!f->plan->path[path].channels || e3tp_cg_is_spread(f, path));
}

/* The paths whose lanes have operands of their own, by groups: adds to the target's packed form,
   and for E3TP_CG_TO_X to the weights' lines where their gradient is wanted. */
void E3TP_NAME(e3tp_cg_lanes)(const frame *f, e3tp_cg_target target);

/* A path whose channels share y, forward or backward. */
void E3TP_NAME(e3tp_cg_channels)(const frame *f, size_t path, bool back);

#endif
