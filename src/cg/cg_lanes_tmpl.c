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

enum { MOST_TARGETS = 2 * 12 + 1 };

/* One pair of channels (u, v) of a path, or all at once for uuu: first tiles and the distances
   between tiles, in tiles. q counts lines of weights. */
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

/* Where a path's result goes: z += c w (...). */
typedef struct result {
    line_up z, w; /* w.v NULL: ones */
    double c;
} result;

static size_t combinations(const frame *f, size_t path)
{
    const e3tp_coupling *c = &f->p->paths[path];
    return c->mode == E3TP_UUU ? 1 : f->p->blocks[0][c->in1].mul * f->p->blocks[1][c->in2].mul;
}

static walk walk_of(const frame *f, size_t path, size_t pair)
{
    const e3tp_coupling *c = &f->p->paths[path];
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

static line_up operand(const frame *f, size_t path, int k, const walk *way)
{
    const tiles_of o = frame_block(f, path, k);
    return (line_up){o.v + way->first[k] * o.stride, way->step[k] * o.stride};
}

static line_up gradient(const frame *f, size_t path, int k, const walk *way)
{
    const tiles_of o = frame_block(f, path, k);
    return (line_up){o.g + way->first[k] * o.stride, way->step[k] * o.stride};
}

/* Line `more` of the weights of a walk. */
static line_up weight_line(const frame *f, size_t path, const walk *way, size_t more)
{
    if (!f->p->paths[path].has_weight)
        return (line_up){NULL, 0};
    return (line_up){f->lw + (f->plan->path[path].lines + way->q + more) * T,
                     frame_one_line(f, path) ? 0 : way->q_step * T};
}

static line_up weight_gradient_line(const frame *f, size_t path, const walk *way, size_t more)
{
    return (line_up){f->lgw + (f->plan->path[path].lines + way->q + more) * T, way->q_step * T};
}

static bool wants_weight_gradient(const frame *f, size_t path)
{
    return f->r->gw && f->p->paths[path].has_weight;
}

/* By table, path after path: degrees without kernels of their own. */
static void contract_tables(const frame *f, e3tp_cg_target target, const e3tp_cg_group *g,
                            size_t tiles, line_up a, line_up b, const result *to)
{
    for (size_t i = 0; i < g->count; i++) {
        const size_t path = f->plan->order[target][g->first + i];
        const e3tp_cg_triple *t = &f->plan->triples[f->plan->path[path].triple];
        kernels.table(t->to[target], t->n, to[i].c, tiles, a.v, a.stride, b.v, b.stride, to[i].w.v,
                      to[i].w.stride, to[i].z.v, to[i].z.stride);
    }
}

/* to[i] += c w (a x b) for every path i of the group. */
static void contract(const frame *f, e3tp_cg_target target, const e3tp_cg_group *g, size_t tiles,
                     line_up a, line_up b, const result *to)
{
    if (g->count == 0)
        return;
    const int *role = e3tp_cg_role[target];
    const size_t *path = f->plan->order[target] + g->first;
    const int *l = f->plan->triples[f->plan->path[path[0]].triple].l;
    const int la = l[role[0]], lb = l[role[1]], least = la < lb ? lb - la : la - lb;
    if (la > E3TP_CG_PAIRS_LMAX || lb > E3TP_CG_PAIRS_LMAX) {
        contract_tables(f, target, g, tiles, a, b, to);
        return;
    }
    pair_target out[2 * E3TP_CG_PAIRS_LMAX + 1] = {{.z = NULL}};
    for (size_t i = 0; i < g->count; i++) {
        const e3tp_cg_triple *t = &f->plan->triples[f->plan->path[path[i]].triple];
        out[t->l[role[2]] - least] =
            (pair_target){to[i].z.v, to[i].z.stride, to[i].w.v, to[i].w.stride,
                          (real)(to[i].c * t->sign[target])};
    }
    pairs.of[la][lb](tiles, a.v, a.stride, b.v, b.stride, out);
}

/* The contraction without weights, in scratch, for d components. */
static line_up in_scratch(real *scratch, size_t tiles, int d)
{
    const line_up o = {scratch, (size_t)d * T};
    memset(scratch, 0, tiles * o.stride * sizeof(real));
    return o;
}

/* gw = x . u and gx += w u, where u is the contraction of gz and y without weights. */
static void weight_gradient(const frame *f, size_t path, const e3tp_cg_group *one, const walk *way)
{
    const int d = frame_block(f, path, 0).d;
    const line_up u = in_scratch(f->mid, way->tiles, d), x = operand(f, path, 0, way),
                  w = weight_line(f, path, way, 0), gw = weight_gradient_line(f, path, way, 0);
    const result to = {u, {NULL, 0}, f->p->paths[path].coeff};
    contract(f, E3TP_CG_TO_X, one, way->tiles, operand(f, path, 2, way), operand(f, path, 1, way),
             &to);
    kernels.dot(way->tiles, d, u.v, u.stride, x.v, x.stride, gw.v, gw.stride);
    if (f->r->gx) {
        const line_up gx = gradient(f, path, 0, way);
        kernels.scale_add(way->tiles, d, u.v, u.stride, w.v, w.stride, gx.v, gx.stride);
    }
}

static void weight_gradients(const frame *f, const e3tp_cg_group *g, const walk *way)
{
    for (size_t i = 0; i < g->count; i++) {
        const e3tp_cg_group one = {g->first + i, 1};
        const size_t path = f->plan->order[E3TP_CG_TO_X][one.first];
        if (f->p->paths[path].has_weight)
            weight_gradient(f, path, &one, way);
    }
}

/* The next of the group's paths from *i on, without those whose gx came with the gradient of their
   weights; contracted in one run as far as they stand together. */
static e3tp_cg_group next_run(const frame *f, e3tp_cg_target target, const e3tp_cg_group *g,
                              size_t *i)
{
    const size_t *order = f->plan->order[target];
    const bool skip = target == E3TP_CG_TO_X;
    while (*i < g->count && skip && wants_weight_gradient(f, order[g->first + *i]))
        ++*i;
    e3tp_cg_group run = {g->first + *i, 0};
    for (; *i < g->count && !(skip && wants_weight_gradient(f, order[g->first + *i])); ++*i)
        run.count++;
    return run;
}

static void run_group(const frame *f, e3tp_cg_target target, const e3tp_cg_group *g,
                      const walk *way)
{
    const int *role = e3tp_cg_role[target];
    result to[MOST_TARGETS];
    if (target == E3TP_CG_TO_X && f->r->gw)
        weight_gradients(f, g, way);
    for (size_t i = 0; i < g->count;) {
        const e3tp_cg_group run = next_run(f, target, g, &i);
        for (size_t k = 0; k < run.count; k++) {
            const size_t path = f->plan->order[target][run.first + k];
            to[k] = (result){target == E3TP_CG_TO_Z ? operand(f, path, 2, way)
                                                    : gradient(f, path, role[2], way),
                             weight_line(f, path, way, 0), f->p->paths[path].coeff};
        }
        const size_t path = f->plan->order[target][g->first];
        contract(f, target, &run, way->tiles, operand(f, path, role[0], way),
                 operand(f, path, role[1], way), to);
    }
}

/* ---- uvw: the products of (u, v) go to scratch, from there to every w ---- */

static line_up products(const frame *f, size_t path, const e3tp_cg_group *g, const walk *way)
{
    const result to = {in_scratch(f->mid, way->tiles, frame_block(f, path, 2).d),
                       {NULL, 0},
                       f->p->paths[path].coeff};
    contract(f, E3TP_CG_TO_Z, g, way->tiles, operand(f, path, 0, way), operand(f, path, 1, way),
             &to);
    return to.z;
}

static void connect(const frame *f, size_t path, const e3tp_cg_group *g, const walk *way)
{
    const tiles_of z = frame_block(f, path, 2);
    const line_up t = products(f, path, g, way), out = operand(f, path, 2, way);
    for (size_t k = 0; k < z.b->mul; k++) {
        const line_up w = weight_line(f, path, way, k);
        kernels.scale_add(way->tiles, z.d, t.v, t.stride, w.v, w.stride, out.v + k * z.stride,
                          out.stride);
    }
}

static void connect_weights(const frame *f, size_t path, const e3tp_cg_group *g, const walk *way)
{
    const tiles_of z = frame_block(f, path, 2);
    const line_up t = products(f, path, g, way), gz = operand(f, path, 2, way);
    for (size_t k = 0; k < z.b->mul; k++) {
        const line_up gw = weight_gradient_line(f, path, way, k);
        kernels.dot(way->tiles, z.d, t.v, t.stride, gz.v + k * z.stride, gz.stride, gw.v,
                    gw.stride);
    }
}

/* The cotangent of the products, and with it the target's gradient. */
static void connect_back(const frame *f, e3tp_cg_target target, size_t path, const e3tp_cg_group *g,
                         const walk *way)
{
    const tiles_of z = frame_block(f, path, 2);
    const line_up gt = in_scratch(f->gmid, way->tiles, z.d), gz = operand(f, path, 2, way);
    for (size_t k = 0; k < z.b->mul; k++) {
        const line_up w = weight_line(f, path, way, k);
        kernels.scale_add(way->tiles, z.d, gz.v + k * z.stride, gz.stride, w.v, w.stride, gt.v,
                          gt.stride);
    }
    const int *role = e3tp_cg_role[target];
    const result to = {gradient(f, path, role[2], way), {NULL, 0}, f->p->paths[path].coeff};
    contract(f, target, g, way->tiles, role[0] == 2 ? gt : operand(f, path, role[0], way),
             role[1] == 2 ? gt : operand(f, path, role[1], way), &to);
}

static void run_connected(const frame *f, e3tp_cg_target target, const e3tp_cg_group *g,
                          const walk *way)
{
    const size_t path = f->plan->order[target][g->first];
    if (target == E3TP_CG_TO_Z) {
        connect(f, path, g, way);
        return;
    }
    if (target == E3TP_CG_TO_X && wants_weight_gradient(f, path))
        connect_weights(f, path, g, way);
    if (target == E3TP_CG_TO_X ? f->r->gx : f->r->gy)
        connect_back(f, target, path, g, way);
}

void E3TP_NAME(e3tp_cg_lanes)(const frame *f, e3tp_cg_target target)
{
    for (size_t i = 0; i < f->plan->ngroups[target]; i++) {
        const e3tp_cg_group *g = &f->plan->groups[target][i];
        const size_t path = f->plan->order[target][g->first];
        for (size_t pair = 0; pair < combinations(f, path); pair++) {
            const walk way = walk_of(f, path, pair);
            if (f->p->paths[path].mode == E3TP_UVW)
                run_connected(f, target, g, &way);
            else
                run_group(f, target, g, &way);
        }
    }
}
