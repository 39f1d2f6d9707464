/* SPDX-License-Identifier: MIT */
/* Paths whose lanes have operands of their own: uuu, and with lanes over rows every mode. */
#include <stdlib.h>
#include <string.h>

#include "cg/cg_frame.h"

#define kernels E3TP_NAME(e3tp_cg_kernels)
#define pairs E3TP_NAME(e3tp_cg_pairs)
#define TARGET_(r) e3tp_cg_target_##r
#define TARGET(r) TARGET_(r)
typedef TARGET(E3TP_REAL) pair_target;
#define SET_(r) e3tp_cg_set_##r
#define SET(r) SET_(r)
typedef SET(E3TP_REAL) pair_set;
#define SETS_(r) e3tp_cg_set_table_##r
#define SETS(r) SETS_(r)
typedef SETS(E3TP_REAL) pair_sets;

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

/* As many tiles as are taken at once. */
static walk walk_tiles(const frame *f, const e3tp_coupling *c, size_t step)
{
    const size_t total = e3tp_tile_count(f->plan->lanes, T, f->n, f->p->blocks[0][c->in1].mul);
    const size_t first = step * f->plan->tiles_at_once, left = total - first;
    const bool one = e3tp_cg_one_line(f);
    return (walk){.tiles = left < f->plan->tiles_at_once ? left : f->plan->tiles_at_once,
                  .first = {first, first, first},
                  .step = {1, 1, 1},
                  .q = first,
                  .q_step = 1,
                  .w = one ? 0 : first,
                  .w_step = one ? 0 : 1};
}

/* One tile of channels, all rows. */
static walk walk_rows(const frame *f, const e3tp_coupling *c, size_t t)
{
    const size_t tiles = (f->p->blocks[0][c->in1].mul + T - 1) / T;
    return (walk){.tiles = f->n,
                  .first = {t, t, t},
                  .step = {tiles, tiles, tiles},
                  .q = t,
                  .q_step = tiles,
                  .w = t,
                  .w_step = e3tp_cg_one_line(f) ? 0 : tiles};
}

/* Which channels go together in a step of lanes over rows. */
typedef struct partners {
    size_t count;             /* tiles: channels of an operand */
    size_t first[3], step[3]; /* in x, y, z */
    size_t q, q_step;
} partners;

/* Pairs u < v before those of u. */
static size_t pairs_before(size_t u, size_t m)
{
    return u * (2 * m - u - 1) / 2;
}

/* In step i: uvu channel i of y with all of x; uvv, uvuv, uvu<v channel i of x with those of y. */
static partners partners_of(const frame *f, const e3tp_coupling *c, size_t i)
{
    const size_t m1 = f->p->blocks[0][c->in1].mul, m2 = f->p->blocks[1][c->in2].mul,
                 before = pairs_before(i, m1);
    switch (c->mode) {
    case E3TP_UVU:
        return (partners){m1, {0, i, 0}, {1, 0, 1}, i, m2};
    case E3TP_UVV:
        return (partners){m2, {i, 0, 0}, {0, 1, 1}, i * m2, 1};
    case E3TP_UVUV:
        return (partners){m2, {i, 0, i * m2}, {0, 1, 1}, i * m2, 1};
    case E3TP_UVU_LT_V:
        return (partners){m1 - 1 - i, {i, i + 1, before}, {0, 1, 1}, before, 1};
    default:
        return (partners){m1, {0, 0, 0}, {1, 1, 1}, 0, 1};
    }
}

static size_t partner_steps(const frame *f, const e3tp_coupling *c)
{
    const size_t m1 = f->p->blocks[0][c->in1].mul, m2 = f->p->blocks[1][c->in2].mul;
    return c->mode == E3TP_UUU ? 1 : c->mode == E3TP_UVU ? m2 : m1;
}

/* Lanes over rows: a tile of rows, one step of channels. */
static walk walk_channels(const frame *f, const e3tp_coupling *c, size_t step)
{
    const size_t each = partner_steps(f, c), t = step / each, i = step % each;
    const partners p = partners_of(f, c, i);
    const size_t mul[3] = {f->p->blocks[0][c->in1].mul, f->p->blocks[1][c->in2].mul,
                           f->p->blocks[2][c->out].mul};
    /* not c->w_count, as a path beside this one may have weights where it has none */
    const size_t weights = c->mode == E3TP_UUU        ? mul[0]
                           : c->mode == E3TP_UVU_LT_V ? mul[2]
                                                      : mul[0] * mul[1];
    walk w = {.tiles = p.count,
              .q = t * weights + p.q,
              .q_step = p.q_step,
              .w = (e3tp_cg_one_line(f) ? 0 : t * weights) + p.q,
              .w_step = p.q_step,
              .again = i > 0 && (c->mode == E3TP_UVU || c->mode == E3TP_UVV)};
    for (int k = 0; k < 3; k++) {
        w.first[k] = t * mul[k] + p.first[k];
        w.step[k] = p.step[k];
    }
    return w;
}

static bool below(e3tp_mode mode)
{
    return mode == E3TP_UVU_LT_V || mode == E3TP_U_LT_VW;
}

static bool together(e3tp_mode mode)
{
    return mode == E3TP_UUU || mode == E3TP_UUW;
}

static size_t pair_count(const frame *f, const e3tp_coupling *c)
{
    const size_t m1 = f->p->blocks[0][c->in1].mul, m2 = f->p->blocks[1][c->in2].mul;
    return together(c->mode) ? m1 : below(c->mode) ? m1 * (m1 - 1) / 2 : m1 * m2;
}

/* Lanes over rows: pair `step` of a channel of x and one of y, all rows. */
static walk walk_pair(const frame *f, const e3tp_coupling *c, size_t step)
{
    const size_t m1 = f->p->blocks[0][c->in1].mul, m2 = f->p->blocks[1][c->in2].mul,
                 mo = f->p->blocks[2][c->out].mul, each = e3tp_cg_connects(c) ? mo : 1;
    size_t u = step, v = step;
    if (below(c->mode)) {
        for (u = 0; pairs_before(u + 1, m1) <= step;)
            u++;
        v = step - pairs_before(u, m1) + u + 1;
    } else if (!together(c->mode)) {
        u = step / m2;
        v = step % m2;
    }
    const size_t weights = pair_count(f, c) * each;
    const size_t z = c->mode == E3TP_UVU                                ? u
                     : c->mode == E3TP_UVV                              ? v
                     : c->mode == E3TP_UVUV || c->mode == E3TP_UVU_LT_V ? step
                                                                        : 0;
    return (walk){.tiles = (f->n + T - 1) / T,
                  .first = {u, v, z},
                  .step = {m1, m2, mo},
                  .q = step * each,
                  .q_step = weights,
                  .w = step * each,
                  .w_step = e3tp_cg_one_line(f) ? 0 : weights,
                  .again = c->mode == E3TP_UVU   ? v > 0
                           : c->mode == E3TP_UVV ? u > 0
                                                 : c->mode == E3TP_UUW && step > 0};
}

static size_t count_steps(const frame *f, const e3tp_cg_group *g, const e3tp_coupling *c)
{
    const size_t m1 = f->p->blocks[0][c->in1].mul, at_once = f->plan->tiles_at_once;
    size_t tiles;
    switch (g->walk) {
    case E3TP_CG_BY_TILES:
        tiles = e3tp_tile_count(f->plan->lanes, T, f->n, m1);
        return tiles / at_once + (tiles % at_once != 0);
    case E3TP_CG_BY_TILE:
        return (m1 + T - 1) / T;
    case E3TP_CG_BY_ROWS:
        return (f->n + T - 1) / T * partner_steps(f, c);
    default:
        return pair_count(f, c);
    }
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
static line_up weight_line(const frame *f, size_t path, const walk *way, size_t more)
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

static bool wants_weight_gradient(const frame *f, size_t path)
{
    return f->r->gw && f->p->paths[path].has_weight;
}

/* By table, path after path: degrees without kernels of their own. As these take several tiles at
   once, they go one by one to a result that all share. */
static void contract_tables(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                            size_t count, size_t tiles, line_up a, line_up b, const pair_target *to)
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
            kernels.quads(t->groups, t->ngroups, t->quads, c, now, x, a.stride, y, b.stride, w,
                          o->w_stride, o->z, o->z_stride);
            kernels.table(t->rest, t->nrest, c, now, x, a.stride, y, b.stride, w, o->w_stride, o->z,
                          o->z_stride);
        }
    }
}

/* Adds to the results of `count` members that share a and b; to: by their places. */
static void contract(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m, size_t count,
                     size_t tiles, line_up a, line_up b, const pair_target *to)
{
    if (m->by_pair)
        pairs.of[m->l[0]][m->l[1]](tiles, a.v, a.stride, b.v, b.stride, to);
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

/* Of a member's result. */
static int degree_of(const e3tp_cg_member *m)
{
    return abs(m->l[0] - m->l[1]) + m->place;
}

static size_t components_of(const e3tp_cg_member *m)
{
    return 2 * (size_t)degree_of(m) + 1;
}

static void clear_tiles(const e3tp_cg_member *m, line_up z, size_t tiles)
{
    for (size_t t = 0; t < tiles; t++)
        memset(z.v + t * z.stride, 0, components_of(m) * T * sizeof(real));
}

/* One result without weights. */
static void contract_one(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                         size_t tiles, line_up a, line_up b, line_up z)
{
    pair_target to[MOST_PLACES];
    want_none(to, m);
    want(to, m, z, (line_up){NULL, 0}, m->c);
    contract(f, target, m, 1, tiles, a, b, to);
}

/* The contraction without weights, in scratch, for d components. */
static line_up in_scratch(real *scratch, size_t tiles, int d)
{
    const line_up o = {scratch, (size_t)d * T};
    memset(scratch, 0, tiles * o.stride * sizeof(real));
    return o;
}

/* What the lines of a member's weights leave to multiply by. */
static inline double coefficient(const frame *f, const e3tp_cg_member *m)
{
    return f->p->paths[m->path].has_weight && e3tp_cg_folds(f, m->path) ? 1 : m->c;
}

/* The kernel of the group's set, NULL if there is none. */
static pair_set *set_of(const e3tp_cg_group *g, const e3tp_cg_member *m)
{
    const pair_sets *sets = g->set == E3TP_CG_SETS ? NULL : pairs.sets[m->l[0]][m->l[1]];
    return sets ? sets->of[g->set][e3tp_cg_set_place(m->l[0], m->l[1], g->top)] : NULL;
}

/* Where a member's result goes, and what it is multiplied by; z.v NULL: it is not wanted. */
typedef struct result {
    line_up z, w;
    double c;
} result;

/* Adds to the results of a group. */
static void contract_group(const frame *f, e3tp_cg_target target, const e3tp_cg_group *g,
                           const walk *way, const result *out)
{
    const e3tp_cg_member *m = f->plan->order[target] + g->first;
    const line_up a = block_at(f->v, m, target, 0, way), b = block_at(f->v, m, target, 1, way);
    pair_set *run = set_of(g, m);
    pair_target to[MOST_PLACES];
    want_none(to, m);
    for (size_t k = 0; k < g->count; k++) {
        want(to, &m[k], out[k].z, out[k].w, out[k].c);
        if (!out[k].z.v || out[k].z.stride != out->z.stride)
            run = NULL;
    }
    if (run)
        pairs.run_set(run, m->l[0], m->l[1], way->tiles, a.v, a.stride, b.v, b.stride, to);
    else
        contract(f, target, m, g->count, way->tiles, a, b, to);
}

static void run_set(const frame *f, pair_set *run, const e3tp_cg_group *g, const e3tp_cg_member *m,
                    const walk *way)
{
    const line_up x = block_at(f->v, m, E3TP_CG_TO_Z, 0, way),
                  y = block_at(f->v, m, E3TP_CG_TO_Z, 1, way), w = weight_line(f, m->path, way, 0);
    real *z[MOST_PLACES] = {NULL};
    size_t z_stride = 0;
    for (size_t i = 0; i < g->count; i++) {
        const line_up to = block_at(f->v, &m[i], E3TP_CG_TO_Z, 2, way);
        if (e3tp_cg_is_forward(f) && m[i].first && !way->again)
            clear_tiles(&m[i], to, way->tiles);
        z[m[i].place] = to.v + degree_of(&m[i]) * T;
        z_stride = to.stride;
    }
    run(way->tiles, x.v, x.stride, y.v, y.stride, w.v, w.stride, z, z_stride);
}

/* Tiles t.. of a walk, `tiles` of them. */
static walk part_of(const walk *way, size_t t, size_t tiles)
{
    walk part = *way;
    part.tiles = tiles;
    for (int k = 0; k < 3; k++)
        part.first[k] += t * way->step[k];
    part.q += t * way->q_step;
    part.w += t * way->w_step;
    return part;
}

/* gw = x . u and gx += w u, where u is the contraction of gz and y without the weights. */
static void use_contraction(const frame *f, const e3tp_cg_member *m, line_up u, const walk *way)
{
    const int d = (int)components_of(m);
    const line_up x = block_at(f->v, m, E3TP_CG_TO_X, 2, way), w = weight_line(f, m->path, way, 0),
                  gw = gradient_line(f, m->path, way, 0);
    kernels.dot(way->tiles, d, u.v, u.stride, x.v, x.stride, gw.v, gw.stride);
    if (f->r->gx) {
        const line_up gx = block_at(f->g, m, E3TP_CG_TO_X, 2, way);
        kernels.scale_add(way->tiles, d, u.v, u.stride, w.v, w.stride, gx.v, gx.stride);
    }
}

/* The group's contractions go to scratch, those of paths without weights straight to gx. */
static void weight_gradients(const frame *f, const e3tp_cg_group *g, const walk *way)
{
    const e3tp_cg_target to_x = E3TP_CG_TO_X;
    const e3tp_cg_member *m = f->plan->order[to_x] + g->first;
    result out[MOST_PLACES];
    size_t lines = 0, at = 0;
    for (size_t k = 0; k < g->count; k++)
        lines += wants_weight_gradient(f, m[k].path) ? components_of(&m[k]) : 0;
    in_scratch(f->mid, way->tiles, (int)lines);
    for (size_t k = 0; k < g->count; k++) {
        const bool weighted = wants_weight_gradient(f, m[k].path);
        const line_up none = {NULL, 0}, u = {f->mid + at * T, lines * T};
        const bool direct = f->r->gx && !e3tp_cg_rests(f, m[k].path);
        out[k] = (result){weighted ? u
                          : direct ? block_at(f->g, &m[k], to_x, 2, way)
                                   : none,
                          none, m[k].c};
        at += weighted ? components_of(&m[k]) : 0;
    }
    contract_group(f, to_x, g, way, out);
    for (size_t k = 0; k < g->count; k++)
        if (wants_weight_gradient(f, m[k].path))
            use_contraction(f, &m[k], out[k].z, way);
}

/* With the gradients of weights, as many tiles at a time as are held. */
static void weight_gradients_by_part(const frame *f, const e3tp_cg_group *g, const walk *way)
{
    const size_t held = f->plan->tiles_held;
    for (size_t t = 0, now; t < way->tiles; t += now) {
        now = way->tiles - t < held ? way->tiles - t : held;
        const walk part = part_of(way, t, now);
        weight_gradients(f, g, &part);
    }
}

/* Scalings may store where nothing is yet. */
static void run_scaling(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                        const walk *way, const result *out, bool fresh)
{
    pair_target to = {out->z.v, out->z.stride, out->w.v, out->w.stride, (real)out->c, fresh};
    contract(f, target, m, 1, way->tiles, block_at(f->v, m, target, 0, way),
             block_at(f->v, m, target, 1, way), &to);
}

static void run_group(const frame *f, e3tp_cg_target target, const e3tp_cg_group *g,
                      const walk *way)
{
    const e3tp_cg_member *m = f->plan->order[target] + g->first;
    real *const *results = target == E3TP_CG_TO_Z ? f->v : f->g;
    pair_set *set =
        target == E3TP_CG_TO_Z && g->ready && e3tp_cg_is_forward(f) ? set_of(g, m) : NULL;
    if (set) {
        run_set(f, set, g, m, way);
        return;
    }
    bool rests = true;
    for (size_t k = 0; k < g->count; k++)
        rests = rests && e3tp_cg_rests(f, m[k].path);
    if (rests)
        return;
    if (target == E3TP_CG_TO_X && f->r->gw && f->p->weight_numel) {
        weight_gradients_by_part(f, g, way);
        return;
    }
    const bool scaling = m->by_pair && (m->l[0] == 0 || m->l[1] == 0);
    bool fresh = false;
    result out[MOST_PLACES];
    for (size_t k = 0; k < g->count; k++) {
        out[k] = (result){block_at(results, &m[k], target, 2, way),
                          weight_line(f, m[k].path, way, 0), coefficient(f, &m[k])};
        fresh = target == E3TP_CG_TO_Z && e3tp_cg_is_forward(f) && m[k].first && !way->again;
        if (e3tp_cg_rests(f, m[k].path))
            out[k].z = (line_up){NULL, 0};
        else if (fresh && !scaling)
            clear_tiles(&m[k], out[k].z, way->tiles);
    }
    if (scaling)
        run_scaling(f, target, m, way, out, fresh);
    else
        contract_group(f, target, g, way, out);
}

/* ---- uvw, uuw, u<vw: the products of (u, v) go to scratch, from there to every w ---- */

static const e3tp_cg_member *forward_member(const frame *f, size_t path)
{
    return &f->plan->order[E3TP_CG_TO_Z][f->plan->path[path].member[E3TP_CG_TO_Z]];
}

static line_up products(const frame *f, size_t path, const walk *way)
{
    const e3tp_cg_member *m = forward_member(f, path);
    const line_up t = in_scratch(f->mid, way->tiles, frame_block(f, path, 2).d);
    contract_one(f, E3TP_CG_TO_Z, m, way->tiles, block_at(f->v, m, E3TP_CG_TO_Z, 0, way),
                 block_at(f->v, m, E3TP_CG_TO_Z, 1, way), t);
    return t;
}

static line_up z_block(const frame *f, size_t path, const walk *way)
{
    return block_at(f->v, forward_member(f, path), E3TP_CG_TO_Z, 2, way);
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
        const line_up gw = gradient_line(f, path, way, k);
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
    contract_one(f, target, m, way->tiles, role[0] == 2 ? gt : block_at(f->v, m, target, 0, way),
                 role[1] == 2 ? gt : block_at(f->v, m, target, 1, way),
                 block_at(f->g, m, target, 2, way));
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

/* ---- */

/* Groups that go alike. */
static void run_alike(const frame *f, e3tp_cg_target target, const e3tp_cg_group *g)
{
    static walk (*const way_of[])(const frame *, const e3tp_coupling *,
                                  size_t) = {[E3TP_CG_BY_TILES] = walk_tiles,
                                             [E3TP_CG_BY_TILE] = walk_rows,
                                             [E3TP_CG_BY_ROWS] = walk_channels,
                                             [E3TP_CG_BY_CHANNEL] = walk_pair};
    const e3tp_cg_member *order = f->plan->order[target];
    const size_t steps = count_steps(f, g, &f->p->paths[order[g->first].path]);
    for (size_t step = 0; step < steps; step++)
        for (size_t i = 0; i < g->alike; i++) {
            const e3tp_cg_member *m = &order[g[i].first];
            const e3tp_coupling *c = &f->p->paths[m->path];
            const walk way = way_of[g->walk](f, c, step);
            if (e3tp_cg_connects(c))
                run_connected(f, target, m, &way);
            else
                run_group(f, target, &g[i], &way);
        }
}

void E3TP_NAME(e3tp_cg_lanes)(const frame *f, e3tp_cg_target target)
{
    const e3tp_cg_group *g = f->plan->groups[target];
    for (size_t i = 0; i < f->plan->ngroups[target]; i += g[i].alike) {
        const size_t path = f->plan->order[target][g[i].first].path;
        if (!f->plan->path[path].channels)
            run_alike(f, target, &g[i]);
    }
}
