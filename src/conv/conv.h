/* SPDX-License-Identifier: MIT */
/* The convolution over segments of edges that fit the cache: gather, product, add up. */
#ifndef E3TP_CONV_H
#define E3TP_CONV_H

#include "conv/graph.h"
#include "core/parallel.h"
#include "problem/block.h"

typedef struct e3tp_conv_job {
    e3tp_executor executor;
    const e3tp_parallel *parallel;
    const e3tp_allocator *allocator;
    e3tp_place at[OP_COUNT];
    double scale;
    bool w_half;            /* the array w holds bfloat16 */
    bool wide;              /* sums of single precision but for those of senders in double */
    size_t width[OP_COUNT]; /* elements of the caller's rows; w 0: none */
} e3tp_conv_job;

/* Arrays as in e3tp_block_call, in the rows of their places. */
typedef struct e3tp_conv_call {
    const e3tp_conv_job *job;
    const e3tp_graph *graph;
    e3tp_pass pass;
    const void *in[OP_COUNT], *t[OP_COUNT];
    void *out[OP_COUNT];
    const int32_t *edge_type;
    size_t num_types;
    e3tp_weights_fn make_weights;
    void *make_weights_ctx;
} e3tp_conv_call;

/* Arguments are checked by the caller; fails only for memory. */
e3tp_status e3tp_conv_run(const e3tp_conv_call *c);

#endif
