/* SPDX-License-Identifier: MIT */
/* Which products of irreps have kernels for the whole of them. */
#include "cg/cg_plan.h"

/* Whether an operand has just the degrees 0..n-1 in their order, all of so many channels. */
static bool holds_degrees(const e3tp_problem *p, int k, size_t n, size_t mul)
{
    if (p->nblocks[k] != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (p->blocks[k][i].l != (int)i || p->blocks[k][i].mul != mul)
            return false;
    return true;
}

/* What the results have met so far. */
typedef struct search {
    const e3tp_problem *p;
    e3tp_cg_set set;
    int lmax;
    size_t path;                             /* the next one */
    size_t block[2][E3TP_CG_WHOLE_LMAX + 1]; /* of results; SIZE_MAX: not met */
} search;

static bool is_path(const e3tp_problem *p, size_t path, int l1, int l2, int l3)
{
    const e3tp_coupling *c = &p->paths[path], *first = &p->paths[0];
    return c->in1 == (uint32_t)l1 && c->in2 == (uint32_t)l2 && p->blocks[2][c->out].l == l3 &&
           c->has_weight && c->mode == first->mode && c->w_count == first->w_count &&
           c->w_offset == first->w_offset + path * c->w_count;
}

/* All paths of a pair, one result for each class and degree. */
static bool takes_pair(search *s, int l1, int l2)
{
    const int least = l1 > l2 ? l1 - l2 : l2 - l1, step = s->set == E3TP_CG_SET_ALL ? 1 : 2;
    for (int l3 = least; l3 <= l1 + l2 && l3 <= s->lmax; l3 += step, s->path++) {
        if (s->path >= s->p->npaths || !is_path(s->p, s->path, l1, l2, l3))
            return false;
        size_t *block = &s->block[(l3 - least) % 2][l3];
        if (*block == SIZE_MAX)
            *block = s->p->paths[s->path].out;
        if (*block != s->p->paths[s->path].out)
            return false;
    }
    return true;
}

static bool takes_all(search *s)
{
    for (int odd = 0; odd < 2; odd++)
        for (int l = 0; l <= s->lmax; l++)
            s->block[odd][l] = SIZE_MAX;
    s->path = 0;
    for (int l1 = 0; l1 <= s->lmax; l1++)
        for (int l2 = 0; l2 <= s->lmax; l2++)
            if (!takes_pair(s, l1, l2))
                return false;
    return s->path == s->p->npaths;
}

static size_t first_component(const e3tp_problem *p, size_t block)
{
    size_t first = 0;
    for (size_t i = 0; i < block; i++)
        first += 2 * (size_t)p->blocks[2][i].l + 1;
    return first;
}

/* Results of even and of odd sums are all apart or all common, and there are no others. */
static bool set_results(const search *s, e3tp_cg_results *r)
{
    const size_t n = (size_t)s->lmax + 1;
    const bool all = s->set == E3TP_CG_SET_ALL;
    r->common = all && s->block[1][1] == s->block[0][1];
    for (int odd = 0; odd <= (int)all; odd++)
        for (int l = odd; l <= s->lmax; l++) {
            if (odd && r->common != (s->block[1][l] == s->block[0][l]))
                return false;
            r->first[odd][l] = (uint16_t)first_component(s->p, s->block[odd][l]);
        }
    return s->p->nblocks[2] == n + (all && !r->common ? n - 1 : 0);
}

e3tp_cg_whole_product e3tp_cg_find_whole(const e3tp_problem *p, e3tp_lanes lanes)
{
    const size_t n = p->nblocks[0];
    e3tp_cg_whole_product w = {.lmax = 0};
    if (p->factor_weights || p->npaths == 0 || n < 2 || n > E3TP_CG_WHOLE_LMAX + 1)
        return w;
    const e3tp_mode mode = p->paths[0].mode;
    if (mode == E3TP_UVU && (n > E3TP_CG_WHOLE_UVU + 1 || lanes == E3TP_LANES_CHANNELS))
        return w;
    const size_t mul = p->blocks[0][0].mul, of_y = mode == E3TP_UUU ? mul : 1;
    if ((mode != E3TP_UUU && mode != E3TP_UVU) || !holds_degrees(p, 0, n, mul) ||
        !holds_degrees(p, 1, n, of_y))
        return w;
    for (int set = 0; set < E3TP_CG_WHOLE_SETS; set++) {
        search s = {.p = p, .set = (e3tp_cg_set)set, .lmax = (int)n - 1};
        if (takes_all(&s) && set_results(&s, &w.results)) {
            w.lmax = s.lmax;
            w.set = s.set;
        }
    }
    return w;
}
