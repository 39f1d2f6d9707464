/* SPDX-License-Identifier: MIT */
/* Paths whose lanes have operands of their own: uuu, and with lanes over rows every mode. */
#include <string.h>

#include "cg/cg_frame.h"
#include "cg/cg_pairs.h"

#define kernels E3TP_NAME(e3tp_cg_kernels)
#define pairs E3TP_NAME(e3tp_cg_pairs)
#define TARGET_(r) e3tp_cg_target_##r
#define TARGET(r) TARGET_(r)
typedef TARGET(E3TP_REAL) pair_target;

enum { MOST_TARGETS = 2 * 12 + 1, MOST_PLACES = 2 * E3TP_CG_PAIRS_LMAX + 1 };

/* One pair of channels (u, v) of a path, or all at once for uuu: first tiles and the distances
   between tiles, in tiles. q counts weights. */
typedef struct walk {
    size_t tiles;
    size_t first[3], step[3]; /* x, y, z */
    size_t q, q_step;
} walk;

/* Tiles of one operand along a walk. */
typedef struct line_up {
    real *v;
    size_t stride;
} line_up;

/* Where a path's result goes: z += w (...). */
typedef struct result {
    line_up z, w; /* w.v NULL: ones */
} result;

static size_t combinations(const frame *f, const e3tp_coupling *c)
{
    return c->mode == E3TP_UUU ? 1 : f->p->blocks[0][c->in1].mul * f->p->blocks[1][c->in2].mul;
}

static walk walk_of(const frame *f, const e3tp_coupling *c, size_t pair)
{
    const size_t m1 = f->p->blocks[0][c->in1].mul, m2 = f->p->blocks[1][c->in2].mul,
                 mo = f->p->blocks[2][c->out].mul, groups = (f->n + T - 1) / T;
    if (c->mode == E3TP_UUU)
        return (walk){e3tp_tile_count(f->plan->lanes, T, f->n, m1), {0, 0, 0}, {1, 1, 1}, 0, 1};
    const size_t u = pair / m2, v = pair % m2;
    return (walk){groups,
                  {u, v, c->mode == E3TP_UVW ? 0 : u},
                  {m1, m2, mo},
                  pair * (c->mode == E3TP_UVW ? mo : 1),
                  c->w_count};
}

/* Block b of operand k in one of the frame's packed forms, v or g. */
static inline line_up block_at(const frame *f, real *const form[4], int k, size_t b,
                               const walk *way)
{
    const e3tp_packed *q = &f->plan->packed[k];
    return (line_up){form[k] + q->at[b] + way->first[k] * q->stride[b],
                     way->step[k] * q->stride[b]};
}

static line_up operand(const frame *f, const e3tp_cg_member *m, e3tp_cg_target target, int place,
                       const walk *way)
{
    return block_at(f, f->v, e3tp_cg_role[target][place], m->block[place], way);
}

static line_up target_of(const frame *f, const e3tp_cg_member *m, e3tp_cg_target target,
                         const walk *way)
{
    return block_at(f, target == E3TP_CG_TO_Z ? f->v : f->g, e3tp_cg_role[target][2], m->block[2],
                    way);
}

/* Weight `more` of a walk, in the weights' lines or in those of their gradient. */
static inline line_up line_at(const frame *f, real *lines, size_t path, const walk *way,
                              size_t more, bool one)
{
    const e3tp_cg_path *q = &f->plan->path[path];
    return (line_up){lines + (q->lines + (way->q + more) * q->line_step) * T,
                     one ? 0 : way->q_step * q->line_step * T};
}

static line_up weight_line(const frame *f, size_t path, const walk *way, size_t more)
{
    if (!f->p->paths[path].has_weight)
        return (line_up){NULL, 0};
    return line_at(f, f->lw, path, way, more, frame_one_line(f, path));
}

static line_up weight_gradient_line(const frame *f, size_t path, const walk *way, size_t more)
{
    return line_at(f, f->lgw, path, way, more, false);
}

static bool wants_weight_gradient(const frame *f, size_t path)
{
    return f->r->gw && f->p->paths[path].has_weight;
}

/* By table, path after path: degrees without kernels of their own. */
static void contract_tables(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                            size_t count, size_t tiles, line_up a, line_up b, const result *to)
{
    for (size_t i = 0; i < count; i++) {
        const e3tp_cg_triple *t = &f->plan->triples[f->plan->path[m[i].path].triple];
        kernels.table(t->to[target], t->n, f->p->paths[m[i].path].coeff, tiles, a.v, a.stride, b.v,
                      b.stride, to[i].w.v, to[i].w.stride, to[i].z.v, to[i].z.stride);
    }
}

/* to[i] += w (a x b) for `count` members that share a and b. */
static void contract(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m, size_t count,
                     size_t tiles, line_up a, line_up b, const result *to)
{
    if (!m->by_pair) {
        contract_tables(f, target, m, count, tiles, a, b, to);
        return;
    }
    pair_target out[MOST_PLACES];
    const int places = 2 * (m->l[0] < m->l[1] ? m->l[0] : m->l[1]) + 1;
    for (int i = 0; i < places; i++)
        out[i].z = NULL;
    for (size_t i = 0; i < count; i++)
        out[m[i].place] =
            (pair_target){to[i].z.v, to[i].z.stride, to[i].w.v, to[i].w.stride, (real)m[i].c};
    pairs.of[m->l[0]][m->l[1]](tiles, a.v, a.stride, b.v, b.stride, out);
}

static void contract_operands(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                              size_t count, const walk *way, const result *to)
{
    contract(f, target, m, count, way->tiles, operand(f, m, target, 0, way),
             operand(f, m, target, 1, way), to);
}

/* The contraction without weights, in scratch, for d components. */
static line_up in_scratch(real *scratch, size_t tiles, int d)
{
    const line_up o = {scratch, (size_t)d * T};
    memset(scratch, 0, tiles * o.stride * sizeof(real));
    return o;
}

/* gw = x . u and gx += w u, where u is the contraction of gz and y without weights. */
static void weight_gradient(const frame *f, const e3tp_cg_member *m, const walk *way)
{
    const int d = frame_block(f, m->path, 0).d;
    const line_up u = in_scratch(f->mid, way->tiles, d), x = block_at(f, f->v, 0, m->block[2], way),
                  w = weight_line(f, m->path, way, 0),
                  gw = weight_gradient_line(f, m->path, way, 0);
    const result to = {u, {NULL, 0}};
    contract_operands(f, E3TP_CG_TO_X, m, 1, way, &to);
    kernels.dot(way->tiles, d, u.v, u.stride, x.v, x.stride, gw.v, gw.stride);
    if (f->r->gx) {
        const line_up gx = target_of(f, m, E3TP_CG_TO_X, way);
        kernels.scale_add(way->tiles, d, u.v, u.stride, w.v, w.stride, gx.v, gx.stride);
    }
}

/* Members as far as gx does not come with the gradient of their weights, from *i on; moves *i
   behind them. */
static size_t next_run(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m, size_t n,
                       size_t *i)
{
    const size_t first = *i;
    while (*i < n && !(target == E3TP_CG_TO_X && wants_weight_gradient(f, m[*i].path)))
        ++*i;
    return *i - first;
}

static void run_group(const frame *f, e3tp_cg_target target, const e3tp_cg_group *g,
                      const walk *way)
{
    const e3tp_cg_member *m = f->plan->order[target] + g->first;
    result to[MOST_TARGETS];
    for (size_t i = 0; i < g->count;) {
        const e3tp_cg_member *first = m + i;
        const size_t run = next_run(f, target, m, g->count, &i);
        for (size_t k = 0; k < run; k++)
            to[k] = (result){target_of(f, &first[k], target, way),
                             weight_line(f, first[k].path, way, 0)};
        if (run)
            contract_operands(f, target, first, run, way, to);
        if (i < g->count)
            weight_gradient(f, &m[i++], way);
    }
}

/* ---- uvw: the products of (u, v) go to scratch, from there to every w ---- */

static line_up products(const frame *f, size_t path, const walk *way)
{
    const e3tp_cg_member *m =
        &f->plan->order[E3TP_CG_TO_Z][f->plan->path[path].member[E3TP_CG_TO_Z]];
    const result to = {in_scratch(f->mid, way->tiles, frame_block(f, path, 2).d), {NULL, 0}};
    contract_operands(f, E3TP_CG_TO_Z, m, 1, way, &to);
    return to.z;
}

static line_up z_block(const frame *f, size_t path, const walk *way)
{
    return block_at(f, f->v, 2, f->p->paths[path].out, way);
}

static void connect(const frame *f, size_t path, const walk *way)
{
    const tiles_of z = frame_block(f, path, 2);
    const line_up t = products(f, path, way), out = z_block(f, path, way);
    for (size_t k = 0; k < z.b->mul; k++) {
        const line_up w = weight_line(f, path, way, k);
        kernels.scale_add(way->tiles, z.d, t.v, t.stride, w.v, w.stride, out.v + k * z.stride,
                          out.stride);
    }
}

static void connect_weights(const frame *f, size_t path, const walk *way)
{
    const tiles_of z = frame_block(f, path, 2);
    const line_up t = products(f, path, way), gz = z_block(f, path, way);
    for (size_t k = 0; k < z.b->mul; k++) {
        const line_up gw = weight_gradient_line(f, path, way, k);
        kernels.dot(way->tiles, z.d, t.v, t.stride, gz.v + k * z.stride, gz.stride, gw.v,
                    gw.stride);
    }
}

/* The cotangent of the products, and with it the target's gradient. */
static void connect_back(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                         const walk *way)
{
    const tiles_of z = frame_block(f, m->path, 2);
    const line_up gt = in_scratch(f->gmid, way->tiles, z.d), gz = z_block(f, m->path, way);
    for (size_t k = 0; k < z.b->mul; k++) {
        const line_up w = weight_line(f, m->path, way, k);
        kernels.scale_add(way->tiles, z.d, gz.v + k * z.stride, gz.stride, w.v, w.stride, gt.v,
                          gt.stride);
    }
    const int *role = e3tp_cg_role[target];
    const result to = {target_of(f, m, target, way), {NULL, 0}};
    contract(f, target, m, 1, way->tiles, role[0] == 2 ? gt : operand(f, m, target, 0, way),
             role[1] == 2 ? gt : operand(f, m, target, 1, way), &to);
}

static void run_connected(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                          const walk *way)
{
    if (target == E3TP_CG_TO_Z) {
        connect(f, m->path, way);
        return;
    }
    if (target == E3TP_CG_TO_X && wants_weight_gradient(f, m->path))
        connect_weights(f, m->path, way);
    if (target == E3TP_CG_TO_X ? f->r->gx : f->r->gy)
        connect_back(f, target, m, way);
}

void E3TP_NAME(e3tp_cg_lanes)(const frame *f, e3tp_cg_target target)
{
    for (size_t i = 0; i < f->plan->ngroups[target]; i++) {
        const e3tp_cg_group *g = &f->plan->groups[target][i];
        const e3tp_cg_member *m = f->plan->order[target] + g->first;
        const e3tp_coupling *c = &f->p->paths[m->path];
        for (size_t pair = 0; pair < combinations(f, c); pair++) {
            const walk way = walk_of(f, c, pair);
            if (c->mode == E3TP_UVW)
                run_connected(f, target, m, &way);
            else
                run_group(f, target, g, &way);
        }
    }
}
