/* SPDX-License-Identifier: MIT */
/* Paths whose lanes have operands of their own: uuu, and with lanes over rows every mode. */
#include "cg/cg_lanes.h"

#define kernels E3TP_NAME(e3tp_cg_kernels)
#define pairs E3TP_NAME(e3tp_cg_pairs)
#define SET_(r) e3tp_cg_set_##r
#define SET(r) SET_(r)
typedef SET(E3TP_REAL) pair_set;
#define SETS_(r) e3tp_cg_set_table_##r
#define SETS(r) SETS_(r)
typedef SETS(E3TP_REAL) pair_sets;

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
    const size_t m1 = f->p->blocks[0][c->in1].mul, m2 = f->p->blocks[1][c->in2].mul;
    /* uuu: of y too, which may have one channel in as many copies */
    const size_t mul[3] = {m1, c->mode == E3TP_UUU ? m1 : m2, f->p->blocks[2][c->out].mul};
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

/* Lanes over rows: pair `step` of a channel of x and one of y, all rows. */
static walk walk_pair(const frame *f, const e3tp_coupling *c, size_t step)
{
    const size_t m1 = f->p->blocks[0][c->in1].mul, m2 = f->p->blocks[1][c->in2].mul,
                 mo = f->p->blocks[2][c->out].mul, each = e3tp_cg_connects(c) ? mo : 1;
    const channel_pair at = pair_at(f, c, step);
    const size_t weights = pair_count(f, c) * each;
    const size_t z = c->mode == E3TP_UVU                                ? at.u
                     : c->mode == E3TP_UVV                              ? at.v
                     : c->mode == E3TP_UVUV || c->mode == E3TP_UVU_LT_V ? step
                                                                        : 0;
    return (walk){.tiles = (f->n + T - 1) / T,
                  .first = {at.u, at.v, z},
                  .step = {m1, m2, mo},
                  .q = step * each,
                  .q_step = weights,
                  .w = step * each,
                  .w_step = e3tp_cg_one_line(f) ? 0 : weights,
                  .again = c->mode == E3TP_UVU   ? at.v > 0
                           : c->mode == E3TP_UVV ? at.u > 0
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

/* What the lines of a member's weights leave to multiply by. */
static inline double coefficient(const frame *f, const e3tp_cg_member *m)
{
    return f->p->paths[m->path].has_weight && e3tp_cg_folds(f, m->path) ? 1 : m->c;
}

/* Whether nothing is yet where a member's results go. */
static bool is_fresh(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                     const walk *way)
{
    const bool stores = target == E3TP_CG_TO_Z ? e3tp_cg_is_forward(f) : e3tp_cg_is_backward(f);
    return stores && m->first && !way->again;
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
        if (is_fresh(f, E3TP_CG_TO_Z, &m[i], way))
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
        const line_up gx = block_at(f->g, &m[k], to_x, 2, way);
        if (f->r->gx && is_fresh(f, to_x, &m[k], way))
            clear_tiles(&m[k], gx, way->tiles);
        const bool direct = f->r->gx && !e3tp_cg_rests(f, m[k].path);
        out[k] = (result){weighted ? u : direct ? gx : none, none, m[k].c};
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
    bool fresh = false;
    result out[MOST_PLACES];
    for (size_t k = 0; k < g->count; k++) {
        out[k] = (result){block_at(results, &m[k], target, 2, way),
                          weight_line(f, m[k].path, way, 0), coefficient(f, &m[k])};
        fresh = is_fresh(f, target, &m[k], way);
        if (e3tp_cg_rests(f, m[k].path))
            out[k].z = (line_up){NULL, 0};
        else if (fresh && !m->scales)
            clear_tiles(&m[k], out[k].z, way->tiles);
    }
    if (m->scales)
        run_scaling(f, target, m, way, out, fresh);
    else
        contract_group(f, target, g, way, out);
}

/* ---- */

/* Whether all of the groups that go alike are of paths that take one step for all pairs. */
static bool all_joined(const frame *f, const e3tp_cg_member *order, const e3tp_cg_group *g)
{
    bool all = true;
    for (size_t i = 0; i < g->alike; i++)
        all = all && f->plan->path[order[g[i].first].path].joined;
    return all;
}

/* Groups that go alike. */
static void run_alike(const frame *f, e3tp_cg_target target, const e3tp_cg_group *g)
{
    static walk (*const way_of[])(const frame *, const e3tp_coupling *,
                                  size_t) = {[E3TP_CG_BY_TILES] = walk_tiles,
                                             [E3TP_CG_BY_TILE] = walk_rows,
                                             [E3TP_CG_BY_ROWS] = walk_channels,
                                             [E3TP_CG_BY_CHANNEL] = walk_pair};
    const e3tp_cg_member *order = f->plan->order[target];
    const size_t steps =
        all_joined(f, order, g) ? 1 : count_steps(f, g, &f->p->paths[order[g->first].path]);
    for (size_t step = 0; step < steps; step++)
        for (size_t i = 0; i < g->alike; i++) {
            const e3tp_cg_member *m = &order[g[i].first];
            const e3tp_coupling *c = &f->p->paths[m->path];
            if (f->plan->path[m->path].joined) {
                if (step == 0 && target != E3TP_CG_TO_Z)
                    E3TP_NAME(e3tp_cg_join_back)(f, target, m);
                continue;
            }
            const walk way = way_of[g->walk](f, c, step);
            if (e3tp_cg_connects(c))
                E3TP_NAME(e3tp_cg_join_pair)(f, target, m, &way);
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
    if (target == E3TP_CG_TO_Z && f->plan->joins)
        E3TP_NAME(e3tp_cg_join)(f);
}
