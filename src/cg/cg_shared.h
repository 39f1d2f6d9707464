/* SPDX-License-Identifier: MIT */
/* What the templates for paths whose channels share y have in common. For a path and a channel of y
   M[i][k] = c sum_j W[i][j][k] y[j], i of x, k of z, is made for T rows at a time, lanes over rows.
 */
#ifndef E3TP_CG_SHARED_H
#define E3TP_CG_SHARED_H

#include <string.h>

#include "cg/cg_frame.h"

#define E3TP_CG_MIX_(r) e3tp_cg_mix_##r
#define E3TP_CG_MIX_OF(r) E3TP_CG_MIX_(r)
typedef E3TP_CG_MIX_OF(E3TP_REAL) mix_job;
#define E3TP_CG_SOURCE_(r) e3tp_cg_source_##r
#define E3TP_CG_SOURCE_OF(r) E3TP_CG_SOURCE_(r)
typedef E3TP_CG_SOURCE_OF(E3TP_REAL) source;

static inline size_t groups_of(const frame *f)
{
    return (f->n + T - 1) / T;
}

/* The matrix of T rows; turned: its transpose. */
static inline void build_matrix(const frame *f, size_t path, size_t v, size_t g, bool turned,
                                real *M)
{
    const e3tp_cg_triple *t = &f->plan->triples[f->plan->path[path].triple];
    const tiles_of y = frame_block(f, path, 3);
    const int n1 = 2 * t->l[0] + 1, n3 = 2 * t->l[2] + 1;
    memset(M, 0, (size_t)(n1 * n3) * T * sizeof(real));
    E3TP_NAME(e3tp_cg_kernels)
        .build(t->to[E3TP_CG_TO_X], t->n, f->p->paths[path].coeff, turned ? 1 : n3, turned ? n1 : 1,
               y.v + (g * y.b->mul + v) * y.stride, NULL, M);
}

/* Whether blocks of results wait in scratch for the caller. */
static inline bool stages_results(const frame *f)
{
    const int k = f->back ? 0 : 2;
    return e3tp_cg_leaves_unpacked(f, k) && (!f->plan->ir_mul[k] || (k == 2 && f->z_past));
}

/* Where block i of z, in the backward pass of gx, goes otherwise. */
static inline block_lines result_lines(const frame *f, size_t i)
{
    const int k = f->back ? 0 : 2;
    const void *callers = f->back ? f->r->gx : f->r->z;
    const bool there = callers && (e3tp_cg_leaves_unpacked(f, k) || (k == 2 && f->sum_direct));
    block_lines to = there ? caller_lines(f, k, &f->p->blocks[k][i], callers)
                           : packed_lines(f, k, i, f->back ? f->g : f->v);
    to.row = f->sum ? 0 : to.row;
    return to;
}

/* Rows of a block of results from scratch, tiles so far apart, to the caller. */
static inline void unpack_results(const frame *f, const e3tp_block *b, const real *from,
                                  size_t tile, size_t row, size_t n)
{
    const int k = f->back ? 0 : 2;
    size_t start;
    const e3tp_tile_map m =
        e3tp_operand_map(f->p, k, b, f->back ? f->r->sx : f->r->sz, n, NULL, &start);
    (f->r->past ? E3TP_NAME(e3tp_tile_kernels).unpack_past : E3TP_NAME(e3tp_tile_kernels).unpack)(
        &m, E3TP_LANES_CHANNELS, from, tile,
        (real *)(f->back ? f->r->gx : f->r->z) + start + row * m.row);
}

/* Adds to gy, for group g of the rows, what the sums D of a path over its channels give. */
static inline void add_to_gy(const frame *f, size_t path, size_t v, size_t g, const real *D)
{
    const e3tp_cg_triple *t = &f->plan->triples[f->plan->path[path].triple];
    const tiles_of y = frame_block(f, path, 3);
    E3TP_NAME(e3tp_cg_kernels)
        .build_back(t->to[E3TP_CG_TO_Y], t->n, f->p->paths[path].coeff, 2 * (size_t)t->l[2] + 1, D,
                    NULL, NULL, y.g + (g * y.b->mul + v) * y.stride, NULL);
}

#endif
