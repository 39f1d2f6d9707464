/* SPDX-License-Identifier: MIT */
/* The convolution over segments of edges that fit the cache: gather, product, add up. */
#ifndef E3TP_CONV_H
#define E3TP_CONV_H

#include "conv/graph.h"
#include "conv/rotated.h"
#include "core/parallel.h"
#include "problem/block.h"
#include "radial/radial.h"
#include "radial/spline.h"
#include "sh/sh.h"

/* Operands of a product, and what edges bring for those that are made: vectors, arguments. */
enum { OP_V = OP_COUNT, OP_A, CONV_COUNT };

/* How operands are made in the cache. y: harmonics of the edges' vectors. w: rows of a table, one
   for all edges or one for each type, summed with factors: a spline's of a distance, radial
   functions of it, or activations as they come. */
typedef struct e3tp_maker {
    const e3tp_sh *sh;         /* NULL: y is read */
    const e3tp_spline *spline; /* at most one of these; none: w is read */
    const e3tp_radial *radial;
    size_t activations;
    const e3tp_expand_kernels *expand;
} e3tp_maker;

static inline bool e3tp_makes_weights(const e3tp_maker *m)
{
    return m->spline || m->radial || m->activations;
}

/* Factors of an edge's sum; rows of a table; whether factors are functions of a distance. */
static inline size_t e3tp_maker_terms(const e3tp_maker *m)
{
    return m->spline ? 4 : m->radial ? m->radial->map.num : m->activations;
}

static inline size_t e3tp_maker_rows(const e3tp_maker *m)
{
    return m->spline ? m->spline->map.knots + 2 : e3tp_maker_terms(m);
}

static inline bool e3tp_maker_is_radial(const e3tp_maker *m)
{
    return m->spline || m->radial;
}

/* The product with IR_MUL in place of MUL_IR: x and y of senders, z of receivers (relaid.h). */
typedef struct e3tp_conv_lines {
    bool of[OP_COUNT];
    e3tp_executor executor;
    const e3tp_rotated *rotated;
    e3tp_tier tier;
} e3tp_conv_lines;

typedef struct e3tp_conv_job {
    e3tp_executor executor;
    const e3tp_parallel *parallel;
    const e3tp_allocator *allocator;
    e3tp_place at[CONV_COUNT];
    double scale;
    bool w_half;              /* the array w holds bfloat16 */
    bool wide;                /* sums of single precision in double */
    size_t width[CONV_COUNT]; /* elements of a row; w 0: none; of a table, of its rows */
    e3tp_maker maker;
    const e3tp_rotated *rotated;  /* NULL: the product's backend */
    const e3tp_conv_lines *lines; /* NULL: no layout changes */
    bool in_lines;                /* within a call where they do */
} e3tp_conv_job;

/* Arrays as in e3tp_block_call, in the rows of their places. */
typedef struct e3tp_conv_call {
    const e3tp_conv_job *job;
    const e3tp_graph *graph;
    e3tp_pass pass;
    const void *in[CONV_COUNT], *t[CONV_COUNT];
    void *out[CONV_COUNT];
    const int32_t *edge_type;
    const uint8_t *edge_reversed; /* NULL unless y lives at the type */
    size_t num_types;
    e3tp_weights_fn make_weights;
    void *make_weights_ctx;
    void *work; /* NULL, or e3tp_conv_scratch bytes */
    e3tp_ghosts_fn fill_ghosts;
    void *fill_ghosts_ctx;
} e3tp_conv_call;

/* Arguments are checked by the caller; fails only for memory. */
e3tp_status e3tp_conv_run(const e3tp_conv_call *c);
size_t e3tp_conv_scratch(const e3tp_conv_call *c);

#endif
