/* SPDX-License-Identifier: MIT */
/* What the templates of the backend share: a block of rows under way. */
#ifndef E3TP_CG_FRAME_H
#define E3TP_CG_FRAME_H

#include <stdint.h>

#include "cg/cg_plan.h"
#include "simd/vec.h"

enum { T = 64 / sizeof(real) };

typedef struct frame {
    const e3tp_cg_plan *plan;
    const e3tp_problem *p;
    const e3tp_rows *r;
    size_t n;
    bool sum;         /* one row of z for all */
    bool sum_direct;  /* which is the caller's, where kernels add to it */
    bool back;        /* the backward pass */
    bool second;      /* second order */
    bool weighted;    /* only paths that have weights */
    bool adds;        /* z holds other terms of a sum */
    size_t term;      /* of a sum of products of signals */
    bool direct;      /* blocks of results go to the caller one by one */
    bool whole;       /* one kernel makes the whole product */
    bool in_place[3]; /* kernels read or write x (gx), y (where whole), z (gz) where the caller has
                         them */
    bool z_past;      /* z is written past the caches: its lines are the caches' */
    bool one_gz;      /* one row of gz serves all, and kernels take rows apart */
    const struct frame *tangent; /* direct, second order: of x, y and w; else NULL */
    real *v[4];     /* packed x, y, z (gz in the backward pass), y with rows as lanes */
    real *g[4];     /* their gradients; [2]: z before its factors */
    real *own[4];   /* where v has no factors yet */
    real *part[2];  /* gradients of a term of a sum */
    real *lw, *lgw; /* lines of the weights, and of their gradients */
    real *M, *turned_M, *mid, *gmid;
    real *turned;     /* a matrix of weights, transposed */
    void *components; /* lists of those of folded paths */
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

/* A block whose lanes are channels: component i of tile t of row r at v + r * row + t * tile + i *
   step. */
typedef struct block_lines {
    real *v;
    size_t row, tile, step;
} block_lines;

/* Block i of operand k in its packed form, in `packed`: v or g. */
V_INLINE block_lines packed_lines(const frame *f, int k, size_t i, real *const *packed)
{
    const e3tp_packed *q = &f->plan->packed[k];
    const size_t tiles = (f->p->blocks[k][i].mul + T - 1) / T;
    return (block_lines){packed[k] + q->at[i], tiles * q->stride[i], q->stride[i], T};
}

/* Of an operand of IR_MUL, whole tiles. */
V_INLINE block_lines caller_lines(const frame *f, int k, const e3tp_block *b, const void *from)
{
    return (block_lines){(real *)(uintptr_t)from + b->offset,
                         (size_t)(k == 0 ? f->r->sx : f->r->sz), T, b->mul};
}

/* Block i of x, or in the backward pass of gz. */
V_INLINE block_lines operand_lines(const frame *f, int k, size_t i)
{
    const void *from = k == 0 ? f->r->x : f->r->gz;
    block_lines q = f->in_place[k] ? caller_lines(f, k, &f->p->blocks[k][i], from)
                                   : packed_lines(f, k, i, f->v);
    if (k == 2 && f->one_gz)
        q.row = 0;
    return q;
}

/* The list of the rows of operand k, where they are read by one; NULL: in order. */
V_INLINE const int64_t *operand_list(const frame *f, int k)
{
    return k == 0 && f->in_place[0] ? f->r->ix : NULL;
}

/* Where group g of the rows of an operand begins; of those read by a list all. */
V_INLINE real *group_of(const frame *f, int k, block_lines from, size_t g)
{
    return from.v + (operand_list(f, k) ? 0 : g * T * from.row);
}

/* That of a path. */
V_INLINE block_lines frame_lines(const frame *f, size_t path, int k)
{
    return operand_lines(f, k, e3tp_cg_block_index(&f->p->paths[path], k));
}

/* Whether kernels read the lines of a path where the caller has them. */
static inline bool e3tp_cg_reads_weights(const frame *f, size_t path)
{
    return f->plan->path[path].in_place;
}

/* Whether the first source to give to a gradient of weights writes it. Else they are cleared, as
   where no source comes: of second order all have a tangent of x or of y. */
static inline bool e3tp_cg_overwrites(const frame *f)
{
    const frame *t = f->tangent;
    return f->direct && !f->plan->folded && (!f->second || t->r->x || t->r->y);
}

/* Whether kernels write the gradients of the weights of a path where the caller wants them. */
static inline bool e3tp_cg_writes_weights(const frame *f, size_t path)
{
    return e3tp_cg_overwrites(f) && e3tp_cg_reads_weights(f, path) && f->r->sw != 0 && !f->r->iw;
}

/* Whether results of operand k (0 gx, 2 z), unless all rows add to one, are never packed. */
static inline bool e3tp_cg_leaves_unpacked(const frame *f, int k)
{
    return f->direct && (k == 0 ? f->r->sx : f->r->sz) != 0;
}

/* Whether the row of z that takes all sums is kept packed, where others never are. */
static inline bool e3tp_cg_packs_sum(const frame *f)
{
    return f->direct && f->sum && !f->sum_direct;
}

/* The forward pass itself: blocks of z that some member is the first to write are not cleared, and
   lines of weights hold the coefficients too, where lanes kernels add to z. */
static inline bool e3tp_cg_is_forward(const frame *f)
{
    return !f->back && !f->second && !f->adds;
}

/* The backward pass itself: the same of blocks of gx and gy. */
static inline bool e3tp_cg_is_backward(const frame *f)
{
    return f->back && !f->second && !f->p->factor_weights;
}

static inline size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
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

/* Whether the kernels of pairs weight the results of a path, in the pass under way. */
static inline bool e3tp_cg_folds(const frame *f, size_t path)
{
    return e3tp_cg_is_forward(f) && !e3tp_cg_connects(&f->p->paths[path]) &&
           !f->plan->path[path].channels;
}

/* The paths whose lanes have operands of their own, by groups: adds to the target's packed form,
   and for E3TP_CG_TO_X to the weights' lines where their gradient is wanted. */
void E3TP_NAME(e3tp_cg_lanes)(const frame *f, e3tp_cg_target target);

/* Whether the tier has a kernel for a whole product, and whether it can have operand or result k
   where the caller has it. */
bool E3TP_NAME(e3tp_cg_has_whole)(const e3tp_cg_whole_product *w);
bool E3TP_NAME(e3tp_cg_lies_in_lines)(const frame *f, int k);
/* The whole product, forward. */
void E3TP_NAME(e3tp_cg_whole)(const frame *f);

/* All uvu paths whose channels share y. */
void E3TP_NAME(e3tp_cg_channels)(const frame *f);
/* Where paths are folded: all of them; weights to lines, and their gradients back. */
void E3TP_NAME(e3tp_cg_folded)(const frame *f);
void E3TP_NAME(e3tp_cg_pack_folded)(const frame *f);
void E3TP_NAME(e3tp_cg_unpack_folded)(const frame *f);
/* A uvw path whose channels share y. */
void E3TP_NAME(e3tp_cg_connect)(const frame *f, size_t path);

#endif
