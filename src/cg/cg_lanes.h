/* SPDX-License-Identifier: MIT */
/* What the templates of paths whose lanes have operands of their own have in common: walks over
   tiles, and contractions along them. */
#ifndef E3TP_CG_LANES_H
#define E3TP_CG_LANES_H

#include <stdlib.h>
#include <string.h>

#include "cg/cg_frame.h"

#define TARGET_(r) e3tp_cg_target_##r
#define TARGET(r) TARGET_(r)
typedef TARGET(E3TP_REAL) pair_target;

enum { MOST_PLACES = 2 * 12 + 1 };

/* Tiles that a call goes over: the first of each operand and the distances between tiles, in tiles.
   q counts weights as their gradients lie, w as they lie themselves: where all rows share them, as
   those of one row. */
typedef struct walk {
    size_t tiles;
    size_t first[3], step[3]; /* x, y, z */
    size_t q, q_step, w, w_step;
    bool again; /* the results have been written already */
} walk;

/* Tiles of one operand along a walk. */
typedef struct line_up {
    real *v;
    size_t stride;
} line_up;

/* Pairs u < v before those of u. */
static inline size_t pairs_before(size_t u, size_t m)
{
    return u * (2 * m - u - 1) / 2;
}

static inline bool below(e3tp_mode mode)
{
    return mode == E3TP_UVU_LT_V || mode == E3TP_U_LT_VW;
}

static inline bool together(e3tp_mode mode)
{
    return mode == E3TP_UUU || mode == E3TP_UUW;
}

static inline size_t pair_count(const frame *f, const e3tp_coupling *c)
{
    const size_t m1 = f->p->blocks[0][c->in1].mul, m2 = f->p->blocks[1][c->in2].mul;
    return together(c->mode) ? m1 : below(c->mode) ? m1 * (m1 - 1) / 2 : m1 * m2;
}

/* Pair q of a path: a channel of x and one of y. */
typedef struct channel_pair {
    size_t u, v;
} channel_pair;

static inline channel_pair pair_at(const frame *f, const e3tp_coupling *c, size_t q)
{
    const size_t m1 = f->p->blocks[0][c->in1].mul, m2 = f->p->blocks[1][c->in2].mul;
    size_t u = 0;
    if (together(c->mode))
        return (channel_pair){q, q};
    if (!below(c->mode))
        return (channel_pair){q / m2, q % m2};
    while (pairs_before(u + 1, m1) <= q)
        u++;
    return (channel_pair){u, q - pairs_before(u, m1) + u + 1};
}

/* The member's block of one of its roles in one of the frame's packed forms, v or g. */
static inline line_up block_at(real *const form[4], const e3tp_cg_member *m, e3tp_cg_target target,
                               int role, const walk *way)
{
    const int k = e3tp_cg_role[target][role];
    return (line_up){form[k] + m->at[role] + way->first[k] * m->step[role],
                     way->step[k] * m->step[role]};
}

/* Weight `more` of a walk. */
static inline line_up weight_line(const frame *f, size_t path, const walk *way, size_t more)
{
    const e3tp_cg_path *q = &f->plan->path[path];
    if (!f->p->paths[path].has_weight)
        return (line_up){NULL, 0};
    return (line_up){f->lw + (q->lines + (way->w + more) * q->line_step) * T,
                     way->w_step * q->line_step * T};
}

/* Its gradient. */
static inline line_up gradient_line(const frame *f, size_t path, const walk *way, size_t more)
{
    const e3tp_cg_path *q = &f->plan->path[path];
    return (line_up){f->lgw + (q->lines + (way->q + more) * q->line_step) * T,
                     way->q_step * q->line_step * T};
}

static inline bool wants_weight_gradient(const frame *f, size_t path)
{
    return f->r->gw && f->p->paths[path].has_weight;
}

/* By table, path after path: degrees without kernels of their own. As these take several tiles at
   once, they go one by one to a result that all share. */
static inline void contract_tables(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                                   size_t count, size_t tiles, line_up a, line_up b,
                                   const pair_target *to)
{
    for (size_t i = 0; i < count; i++) {
        const e3tp_cg_triple *triple = &f->plan->triples[f->plan->path[m[i].path].triple];
        const e3tp_cg_table *t = &triple->table[target];
        const pair_target *o = &to[m[i].place];
        const size_t now = o->z_stride == 0 ? 1 : tiles;
        const double c = (double)o->c * triple->sign[target];
        for (size_t at = 0; o->z && at < tiles; at += now) {
            const real *x = a.v + at * a.stride, *y = b.v + at * b.stride,
                       *w = o->w ? o->w + at * o->w_stride : NULL;
            E3TP_NAME(e3tp_cg_kernels)
                .quads(t->groups, t->ngroups, t->quads, c, now, x, a.stride, y, b.stride, w,
                       o->w_stride, o->z, o->z_stride);
            E3TP_NAME(e3tp_cg_kernels)
                .table(t->rest, t->nrest, c, now, x, a.stride, y, b.stride, w, o->w_stride, o->z,
                       o->z_stride);
        }
    }
}

/* Adds to the results of `count` members that share a and b; to: by their places. */
static inline void contract(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                            size_t count, size_t tiles, line_up a, line_up b, const pair_target *to)
{
    if (m->by_pair)
        E3TP_NAME(e3tp_cg_pairs).of[m->l[0]][m->l[1]](tiles, a.v, a.stride, b.v, b.stride, to);
    else
        contract_tables(f, target, m, count, tiles, a, b, to);
}

/* No results yet for the operands of m. */
static inline void want_none(pair_target *to, const e3tp_cg_member *m)
{
    const int places = 2 * (m->l[0] < m->l[1] ? m->l[0] : m->l[1]) + 1;
    for (int i = 0; i < places; i++)
        to[i].z = NULL;
}

static inline void want(pair_target *to, const e3tp_cg_member *m, line_up z, line_up w, double c)
{
    to[m->place] = (pair_target){z.v, z.stride, w.v, w.stride, (real)c, false};
}

/* One result without weights. */
static inline void contract_one(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                                size_t tiles, line_up a, line_up b, line_up z)
{
    pair_target to[MOST_PLACES];
    want_none(to, m);
    want(to, m, z, (line_up){NULL, 0}, m->c);
    contract(f, target, m, 1, tiles, a, b, to);
}

/* The contraction without weights, in scratch, for d components. */
static inline line_up in_scratch(real *scratch, size_t tiles, int d)
{
    const line_up o = {scratch, (size_t)d * T};
    memset(scratch, 0, tiles * o.stride * sizeof(real));
    return o;
}

/* Paths whose weights join channels: one path, the pair and rows of a walk. Where all rows share
   the weights: z of all paths; the gradients of one, of all pairs and rows. */
void E3TP_NAME(e3tp_cg_join_pair)(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                                  const walk *way);
void E3TP_NAME(e3tp_cg_join)(const frame *f);
void E3TP_NAME(e3tp_cg_join_back)(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m);

#endif
