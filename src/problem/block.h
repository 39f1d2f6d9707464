/* SPDX-License-Identifier: MIT */
/* A block of rows of a call, whatever its pass: what the backend does not do itself is composed of
   its forward and backward passes. */
#ifndef E3TP_PROBLEM_BLOCK_H
#define E3TP_PROBLEM_BLOCK_H

#include "problem/backend.h"

/* A problem with the backend that computes it. */
typedef struct e3tp_executor {
    const e3tp_problem *problem;
    const e3tp_backend *backend;
    const void *state;
} e3tp_executor;

/* Operands of a call, in this order everywhere. */
enum { OP_X, OP_Y, OP_W, OP_Z, OP_COUNT };

/* Names of what a pass reads, of the tangents or cotangents of gradients beside it, and, by pass,
   of what it writes; "" where there is nothing. */
extern const char *const e3tp_op_in_name[OP_COUNT];
extern const char *const e3tp_op_tangent_name[OP_COUNT];
extern const char *const e3tp_op_out_name[][OP_COUNT];

/* Whether the backend has a weight of its own for each channel where the caller has one for a path.
 */
static inline bool e3tp_spreads_weights(const e3tp_executor *p)
{
    return p->problem->weight_by_path &&
           !(p->backend->takes_weights_by_path && p->backend->takes_weights_by_path(p->state));
}

/* The operand's elements in a row of the backend's (weights by path may be fewer than those), and
   whether the batch is innermost. */
static inline size_t e3tp_op_width(const e3tp_executor *p, int k)
{
    if (k == OP_W && p->problem->weight_by_path && !e3tp_spreads_weights(p))
        return e3tp_problem_weighted_paths(p->problem);
    return k == OP_W ? p->problem->weight_numel : p->problem->dim[k == OP_Z ? 2 : k];
}

static inline bool e3tp_op_batch_last(const e3tp_executor *p, int k)
{
    return k != OP_W && p->problem->layout[k == OP_Z ? 2 : k] == E3TP_BATCH_LAST;
}

/* n rows. Pointers stand at the first row, strides as in e3tp_rows: stride 0 of z sums z or hz over
   the rows, and gz is one row for all.
     FORWARD          in x, y, w              out z
     BACKWARD         in x, y, w, gz          out gx, gy, gw
     DOUBLE_BACKWARD  in x, y, w, gz, t = ggx, ggy, ggw   out hx, hy, hw, hz
     JVP              in x, y, w, t = tangents            out hz
   A NULL tangent is zero, a NULL result is not wanted. index: rows of the table w, from the table's
   first row; the gradient of w is then added to the table at out[OP_W]. rows: gathered rows of x, y
   and w (NULL: 0, 1, ...), pointers at the operand's first row;
   gradients are not gathered. */
typedef struct e3tp_block_call {
    const e3tp_executor *executor;
    e3tp_pass pass;
    size_t n;
    const void *in[OP_COUNT], *t[OP_COUNT]; /* t[OP_Z]: NULL */
    void *out[OP_COUNT];
    ptrdiff_t stride[OP_COUNT];
    const int32_t *index;
    const int64_t *rows[OP_Z];
    bool past, gw_past, w_streams; /* as in e3tp_rows */
    size_t ahead, more;
    const void *w_source;
    size_t w_source_row;
} e3tp_block_call;

/* A core's part of a last-level cache, or a few cores' that share one, is hardly more. */
enum { E3TP_MOST_KEPT_BYTES = 16 << 20 };
/* Of a second-level cache: beyond, what is read in order is best fetched before. */
enum { E3TP_MOST_NEAR_BYTES = 1 << 20 };

/* Most rows of a call; sums: of one that sums z over them. */
size_t e3tp_block_rows(const e3tp_executor *p, e3tp_pass pass, bool sums);
/* indexed: of calls with an index. */
size_t e3tp_block_scratch(const e3tp_executor *p, e3tp_pass pass, bool indexed);
void e3tp_block_run(const e3tp_block_call *c, void *scratch);

#endif
