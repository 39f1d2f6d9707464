/* SPDX-License-Identifier: MIT */
/* Which paths and blocks go together where paths are folded. */
#include "cg/cg_folded.h"

#include <string.h>

#include "cg/cg_plan.h"

/* Elements of a matrix of one row, unless one block of results has more: those of T rows should
   stay in a second-level cache. */
enum { MOST_ELEMENTS = 2048 };

bool e3tp_cg_may_fold(const e3tp_problem *p)
{
    bool may = p->npaths > 0;
    for (size_t i = 0; i < p->npaths; i++)
        may = may && p->paths[i].mode == E3TP_UVU && (p->weight_by_path || !p->paths[i].has_weight);
    return may;
}

/* Classes of one direction on the way: from blocks of operand `from` to those of operand `to`. */
typedef struct maker {
    const e3tp_problem *p;
    e3tp_cg_classes *f;
    int from, to;
    bool *connected; /* [results][sources] */
    bool *taken;     /* [results] */
    size_t nblocks, nfolds;
} maker;

static size_t components(const maker *m, int k, size_t block)
{
    return 2 * (size_t)m->p->blocks[k][block].l + 1;
}

static const bool *sources_of(const maker *m, size_t result)
{
    return m->connected + result * m->p->nblocks[m->from];
}

static bool joins(const maker *m, const e3tp_cg_class *c, size_t first, size_t result)
{
    const e3tp_block *b = m->p->blocks[m->to];
    return !m->taken[result] && b[result].mul == b[first].mul &&
           (result == first ||
            (memcmp(sources_of(m, result), sources_of(m, first), m->p->nblocks[m->from]) == 0 &&
             (c->N + components(m, m->to, result)) * c->n <= MOST_ELEMENTS));
}

/* The paths of a class to its result of components from `to` on. */
static void add_folds(maker *m, e3tp_cg_class *c, size_t result, size_t to)
{
    size_t from = 0;
    for (size_t s = 0; s < c->nsources; s++) {
        const uint32_t source = m->f->blocks[c->sources + s];
        for (size_t i = 0; i < m->p->npaths; i++)
            if (e3tp_cg_block_index(&m->p->paths[i], m->to) == result &&
                e3tp_cg_block_index(&m->p->paths[i], m->from) == source) {
                m->f->folds[m->nfolds++] = (e3tp_cg_fold){i, from, to};
                c->nfolds++;
            }
        from += components(m, m->from, source);
    }
}

static void add_class(maker *m, size_t first)
{
    e3tp_cg_class *c = &m->f->classes[m->f->nclasses++];
    *c = (e3tp_cg_class){.sources = m->nblocks, .folds = m->nfolds};
    for (size_t s = 0; s < m->p->nblocks[m->from]; s++)
        if (sources_of(m, first)[s]) {
            m->f->blocks[m->nblocks++] = (uint32_t)s;
            c->nsources++;
            c->n += components(m, m->from, s);
        }
    c->results = m->nblocks;
    for (size_t b = first; b < m->p->nblocks[m->to]; b++)
        if (joins(m, c, first, b)) {
            m->taken[b] = true;
            m->f->blocks[m->nblocks++] = (uint32_t)b;
            c->nresults++;
            add_folds(m, c, b, c->N);
            c->N += components(m, m->to, b);
        }
}

static void add_classes(maker *m)
{
    const size_t sources = m->p->nblocks[m->from];
    for (size_t i = 0; i < m->p->npaths; i++)
        m->connected[e3tp_cg_block_index(&m->p->paths[i], m->to) * sources +
                     e3tp_cg_block_index(&m->p->paths[i], m->from)] = true;
    for (size_t b = 0; b < m->p->nblocks[m->to]; b++)
        if (!m->taken[b])
            add_class(m, b);
}

/* Folds to the blocks of operand `to`. */
static bool make_folds(const e3tp_problem *p, int to, e3tp_cg_classes *f, const e3tp_allocator *a)
{
    const size_t results = p->nblocks[to], sources = p->nblocks[2 - to];
    maker m = {.p = p, .f = f, .from = 2 - to, .to = to};
    f->classes = e3tp_alloc(a, results, sizeof *f->classes);
    f->blocks = e3tp_alloc(a, results * (sources + 1), sizeof *f->blocks);
    f->folds = e3tp_alloc(a, p->npaths, sizeof *f->folds);
    m.connected = e3tp_zalloc(a, results * sources, sizeof *m.connected);
    m.taken = e3tp_zalloc(a, results, sizeof *m.taken);
    const bool ok = f->classes && f->blocks && f->folds && m.connected && m.taken;
    if (ok)
        add_classes(&m);
    e3tp_free(a, m.connected);
    e3tp_free(a, m.taken);
    return ok;
}

e3tp_status e3tp_cg_make_classes(e3tp_cg_plan *g, const e3tp_allocator *a, e3tp_message *why)
{
    return make_folds(g->problem, 2, &g->folds[0], a) && make_folds(g->problem, 0, &g->folds[1], a)
               ? E3TP_OK
               : e3tp_fail(why, E3TP_E_NOMEM, "cg: no memory for the lists of paths");
}

static void raise(size_t *most, size_t n)
{
    *most = n > *most ? n : *most;
}

/* With tangents a result has every source twice. */
void e3tp_cg_size_classes(e3tp_cg_plan *g)
{
    const e3tp_problem *p = g->problem;
    const size_t T = e3tp_tile_lanes(p), element = e3tp_dtype_size(p->dtype);
    for (int back = 0; back < 2; back++)
        for (size_t i = 0; i < g->folds[back].nclasses; i++) {
            const e3tp_cg_class *c = &g->folds[back].classes[i];
            const uint32_t result = g->folds[back].blocks[c->results];
            const size_t mul = p->blocks[back ? 0 : 2][result].mul;
            raise(&g->max_matrix, 2 * c->n * c->N * T);
            raise(&g->max_middle, E3TP_CG_STAGED / element + c->N * ((mul + T - 1) / T * T));
            raise(&g->max_components,
                  ((2 * c->n + c->N) * sizeof(e3tp_cg_component_f64) + 2 * c->n * sizeof(void *)) /
                      element);
        }
}

void e3tp_cg_classes_destroy(e3tp_cg_classes *f, const e3tp_allocator *a)
{
    e3tp_free(a, f->classes);
    e3tp_free(a, f->blocks);
    e3tp_free(a, f->folds);
}
