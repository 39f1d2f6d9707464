/* SPDX-License-Identifier: MIT */
/* Paths in groups that share operands, for each target: what runs each, and in which order. */
#include <stdlib.h>

#include "cg/cg_plan.h"

/* What paths of one group of a target must have in common. */
typedef struct group_key {
    uint32_t a, b;
    e3tp_mode mode;
    size_t m1, m2;
    bool connects;
} group_key;

static group_key key_of(const e3tp_cg_plan *g, size_t path, int target)
{
    const e3tp_coupling *c = &g->problem->paths[path];
    const int *role = e3tp_cg_role[target];
    return (group_key){e3tp_cg_block_index(c, role[0]),
                       e3tp_cg_block_index(c, role[1]),
                       c->mode,
                       e3tp_cg_block(g->problem, path, 0)->mul,
                       e3tp_cg_block(g->problem, path, 1)->mul,
                       e3tp_cg_connects(c)};
}

static bool same_group(const e3tp_cg_plan *g, size_t p, size_t q, int target)
{
    const group_key a = key_of(g, p, target), b = key_of(g, q, target);
    return a.a == b.a && a.b == b.b && a.mode == b.mode && !a.connects && !b.connects &&
           a.m1 == b.m1 && a.m2 == b.m2;
}

/* Whether a group holds a path whose result has the degree of this path's. */
static bool has_degree(const e3tp_cg_plan *g, const e3tp_cg_group *group, int target, size_t path)
{
    const int k = e3tp_cg_role[target][2], l = e3tp_cg_block(g->problem, path, k)->l;
    for (size_t i = 0; i < group->count; i++)
        if (e3tp_cg_block(g->problem, g->order[target][group->first + i].path, k)->l == l)
            return true;
    return false;
}

static e3tp_cg_member member_of(const e3tp_cg_plan *g, int target, size_t path)
{
    const e3tp_cg_triple *t = &g->triples[g->path[path].triple];
    const int *role = e3tp_cg_role[target];
    const int la = t->l[role[0]], lb = t->l[role[1]];
    e3tp_cg_member m = {.path = path,
                        .l = {la, lb},
                        .place = t->l[role[2]] - abs(la - lb),
                        .by_pair = e3tp_cg_has_pair(la, lb),
                        .scales = e3tp_cg_has_pair(la, lb) && (la == 0 || lb == 0),
                        .c = g->problem->paths[path].coeff * t->sign[target]};
    for (int i = 0; i < 3; i++) {
        const uint32_t block = e3tp_cg_block_index(&g->problem->paths[path], role[i]);
        m.at[i] = g->packed[role[i]].at[block];
        m.step[i] = g->packed[role[i]].stride[block];
    }
    return m;
}

static size_t tiles_of_row(const e3tp_cg_plan *g, size_t path)
{
    return e3tp_tile_count(g->lanes, e3tp_tile_lanes(g->problem), 1,
                           e3tp_cg_block(g->problem, path, 0)->mul);
}

/* Lanes over rows: channels that go together in a step, with one of the other operand. */
static size_t partners_of(const e3tp_cg_plan *g, size_t path)
{
    const e3tp_mode mode = g->problem->paths[path].mode;
    const size_t m1 = e3tp_cg_block(g->problem, path, 0)->mul,
                 m2 = e3tp_cg_block(g->problem, path, 1)->mul;
    return mode == E3TP_UVU ? m1 : mode == E3TP_UVU_LT_V ? m1 / 2 : m2;
}

static e3tp_cg_walk walk_of(const e3tp_cg_plan *g, size_t path)
{
    enum { FEW = 4 }; /* channels that do not pay for a call */
    const e3tp_coupling *c = &g->problem->paths[path];
    const bool elementwise = c->mode == E3TP_UUU;
    const bool shared = g->problem->weights == E3TP_WEIGHTS_SHARED;
    if (g->lanes == E3TP_LANES_CHANNELS)
        return elementwise && !(shared && tiles_of_row(g, path) > 1) ? E3TP_CG_BY_TILES
                                                                     : E3TP_CG_BY_TILE;
    if (elementwise)
        return shared && e3tp_cg_block(g->problem, path, 0)->mul > 1 ? E3TP_CG_BY_ROWS
                                                                     : E3TP_CG_BY_TILES;
    return e3tp_cg_connects(c) || c->mode == E3TP_UUW || partners_of(g, path) < FEW
               ? E3TP_CG_BY_CHANNEL
               : E3TP_CG_BY_ROWS;
}

/* Takes the paths that no group holds yet and that fit the group of path `first`. */
static void collect(e3tp_cg_plan *g, int target, size_t first, bool *taken, size_t *at)
{
    e3tp_cg_group *group = &g->groups[target][g->ngroups[target]++];
    *group =
        (e3tp_cg_group){.first = *at, .walk = walk_of(g, first), .alike = 1, .set = E3TP_CG_SETS};
    for (size_t i = first; i < g->problem->npaths; i++) {
        if (taken[i] || g->path[i].channels || !(i == first || same_group(g, first, i, target)) ||
            has_degree(g, group, target, i))
            continue;
        taken[i] = true;
        g->path[i].member[target] = *at;
        g->order[target][(*at)++] = member_of(g, target, i);
        group->count++;
    }
}

/* Those that scale come first: they store their results where nothing is yet, which others want
   cleared. */
static void collect_all(e3tp_cg_plan *g, int target, bool scales, bool *taken, size_t *at)
{
    for (size_t i = 0; i < g->problem->npaths; i++)
        if (!taken[i] && !g->path[i].channels && member_of(g, target, i).scales == scales)
            collect(g, target, i, taken, at);
}

/* Whether some path adds to what it finds in block i of z, gx or gy: those that connect; to
   gradients all whose lanes share operands. */
static bool is_added_to(const e3tp_problem *p, int k, uint32_t i)
{
    bool is = false;
    for (size_t at = 0; at < p->npaths; at++) {
        const e3tp_coupling *c = &p->paths[at];
        const bool adds = k == 2 ? e3tp_cg_connects(c) : c->mode != E3TP_UUU;
        is = is || (e3tp_cg_block_index(c, k) == i && adds);
    }
    return is;
}

/* Which members find nothing in their results yet. */
static void find_first_writers(e3tp_cg_plan *g, int target)
{
    const int k = e3tp_cg_role[target][2];
    for (size_t i = 0; i < g->ngroups[target]; i++) {
        const e3tp_cg_group *group = &g->groups[target][i];
        for (size_t at = group->first; at < group->first + group->count; at++) {
            e3tp_cg_member *m = &g->order[target][at];
            const uint32_t block = e3tp_cg_block_index(&g->problem->paths[m->path], k);
            m->first = !g->written[k][block] && !is_added_to(g->problem, k, block);
            g->written[k][block] |= m->first;
        }
    }
}

/* Whether the results of a group lie as the kernels of sets want them, in the order of degrees. */
static bool in_order(const e3tp_cg_member *m, size_t count)
{
    bool yes = true;
    for (size_t i = 1; i < count; i++)
        yes = yes && m[i].step[2] == m->step[2] && m[i].place > m[i - 1].place;
    return yes;
}

/* Whether its weights are lines one after the other. */
static bool in_lines(const e3tp_cg_plan *g, const e3tp_cg_member *m, size_t count)
{
    const e3tp_cg_path *first = &g->path[m->path];
    bool yes = true;
    for (size_t i = 0; i < count; i++) {
        const e3tp_cg_path *q = &g->path[m[i].path];
        yes = yes && g->problem->paths[m[i].path].has_weight && q->lines == first->lines + i &&
              q->line_step == first->line_step;
    }
    return yes;
}

static void find_set(const e3tp_cg_plan *g, int target, e3tp_cg_group *group)
{
    const e3tp_cg_member *m = &g->order[target][group->first];
    const int l1 = m->l[0], l2 = m->l[1];
    int odd = 0;
    if (!m->by_pair || m->scales || e3tp_cg_connects(&g->problem->paths[m->path]) ||
        !in_order(m, group->count))
        return;
    for (size_t i = 0; i < group->count; i++) {
        group->top = abs(l1 - l2) + m[i].place;
        odd += (l1 + l2 + group->top) % 2;
    }
    group->set = e3tp_cg_set_of(l1, l2, group->top, (int)group->count, odd);
    group->ready = target == E3TP_CG_TO_Z && in_lines(g, m, group->count);
}

static bool go_alike(const e3tp_cg_plan *g, int target, const e3tp_cg_group *a,
                     const e3tp_cg_group *b)
{
    const size_t p = g->order[target][a->first].path, q = g->order[target][b->first].path;
    return a->walk == b->walk && g->problem->paths[p].mode == g->problem->paths[q].mode &&
           e3tp_cg_block(g->problem, p, 0)->mul == e3tp_cg_block(g->problem, q, 0)->mul &&
           e3tp_cg_block(g->problem, p, 1)->mul == e3tp_cg_block(g->problem, q, 1)->mul;
}

static void finish_groups(e3tp_cg_plan *g)
{
    for (int k = 0; k < E3TP_CG_TARGETS; k++)
        for (size_t i = 0; i < g->ngroups[k]; i++)
            find_set(g, k, &g->groups[k][i]);
    for (int k = 0; k < E3TP_CG_TARGETS; k++)
        for (size_t i = g->ngroups[k]; i-- > 1;)
            if (go_alike(g, k, &g->groups[k][i - 1], &g->groups[k][i]))
                g->groups[k][i - 1].alike += g->groups[k][i].alike;
    for (int k = 0; k < E3TP_CG_TARGETS; k++)
        find_first_writers(g, k);
}

e3tp_status e3tp_cg_make_groups(e3tp_cg_plan *g, const e3tp_allocator *a, e3tp_message *why)
{
    const size_t npaths = g->problem->npaths;
    bool *taken = e3tp_alloc(a, npaths, sizeof *taken);
    bool ok = taken;
    for (int k = 0; k < 3; k++) {
        g->written[k] = e3tp_zalloc(a, g->problem->nblocks[k], sizeof *g->written[k]);
        ok = ok && g->written[k];
    }
    for (int k = 0; k < E3TP_CG_TARGETS && ok; k++) {
        g->order[k] = e3tp_alloc(a, npaths, sizeof *g->order[k]);
        g->groups[k] = e3tp_alloc(a, npaths, sizeof *g->groups[k]);
        ok = g->order[k] && g->groups[k];
        size_t at = 0;
        for (size_t i = 0; i < npaths && ok; i++)
            taken[i] = false;
        for (int scales = 1; scales >= 0 && ok; scales--)
            collect_all(g, k, scales, taken, &at);
    }
    e3tp_free(a, taken);
    if (!ok)
        return e3tp_fail(why, E3TP_E_NOMEM, "cg: no memory for the groups");
    finish_groups(g);
    return E3TP_OK;
}
