/* SPDX-License-Identifier: MIT */
/* Builds the tables: every path's non-zeros, times its coefficient, in the order of use. */
#include "cg/cg_plan.h"

#include <stdlib.h>

#include "so3/wigner.h"

static int by_output(const void *a, const void *b)
{
    const e3tp_cg_entry *p = a, *q = b;
    if (p->k != q->k)
        return p->k - q->k;
    return p->i != q->i ? p->i - q->i : p->j - q->j;
}

double e3tp_cg_nonzeros(const e3tp_problem *p, const e3tp_coupling *c)
{
    const int l1 = p->blocks[0][c->in1].l, l2 = p->blocks[1][c->in2].l, l3 = p->blocks[2][c->out].l;
    const double all = 2.0 * (2 * l1 + 1) * (2 * l2 + 1), by_x = 2.0 * (2 * l1 + 1) * (2 * l3 + 1);
    const double by_y = 2.0 * (2 * l2 + 1) * (2 * l3 + 1), least = all < by_x ? all : by_x;
    return 0.8 * (least < by_y ? least : by_y);
}

static size_t bound(const e3tp_problem *p, const e3tp_coupling *c)
{
    return 2 * (2 * (size_t)p->blocks[0][c->in1].l + 1) * (2 * (size_t)p->blocks[1][c->in2].l + 1);
}

static void build_path(e3tp_cg_plan *g, size_t i, e3tp_coupling_entry *buffer, size_t cap)
{
    const e3tp_problem *p = g->problem;
    const e3tp_coupling *c = &p->paths[i];
    const e3tp_block *b1 = &p->blocks[0][c->in1], *bo = &p->blocks[2][c->out];
    const size_t n =
        e3tp_so3_coupling_sparse(b1->l, p->blocks[1][c->in2].l, bo->l, p->sign, buffer, cap);
    e3tp_cg_entry *e = g->entries + g->first[i];
    for (size_t s = 0; s < n; s++)
        e[s] =
            (e3tp_cg_entry){buffer[s].m1, buffer[s].m2, buffer[s].m3, c->coeff * buffer[s].value};
    qsort(e, n, sizeof *e, by_output);
    g->first[i + 1] = g->first[i] + n;
    const size_t matrix = (2 * (size_t)b1->l + 1) * (2 * (size_t)bo->l + 1),
                 middle = (2 * (size_t)bo->l + 1) * b1->mul;
    g->max_matrix = matrix > g->max_matrix ? matrix : g->max_matrix;
    g->max_middle = middle > g->max_middle ? middle : g->max_middle;
}

/* Rows of a block: their packed operands should stay in a 512 KB second-level cache. */
static size_t choose_rows(const e3tp_problem *p)
{
    const size_t row =
        (p->dim[0] + p->dim[1] + p->dim[2] + p->weight_numel + 1) * e3tp_dtype_size(p->dtype);
    const size_t fit = ((size_t)256 << 10) / row;
    return fit < 1 ? 1 : fit > 64 ? 64 : fit;
}

e3tp_status e3tp_cg_plan_create(e3tp_cg_plan **out, const e3tp_problem *p, const e3tp_allocator *a,
                                e3tp_message *why)
{
    size_t total = 0, largest = 0;
    for (size_t i = 0; i < p->npaths; i++) {
        const size_t n = bound(p, &p->paths[i]);
        total += n;
        largest = n > largest ? n : largest;
    }
    e3tp_cg_plan *g = e3tp_zalloc(a, 1, sizeof *g);
    e3tp_coupling_entry *buffer = e3tp_alloc(a, largest, sizeof *buffer);
    if (g) {
        g->entries = e3tp_alloc(a, total, sizeof *g->entries);
        g->first = e3tp_zalloc(a, p->npaths + 1, sizeof *g->first);
    }
    if (!g || !buffer || !g->entries || !g->first) {
        e3tp_free(a, buffer);
        e3tp_cg_plan_destroy(g, a);
        return e3tp_fail(why, E3TP_E_NOMEM, "cg: no memory for the tables");
    }
    g->problem = p;
    g->block_rows = choose_rows(p);
    for (size_t i = 0; i < p->npaths; i++)
        build_path(g, i, buffer, largest);
    e3tp_free(a, buffer);
    *out = g;
    return E3TP_OK;
}

void e3tp_cg_plan_destroy(e3tp_cg_plan *g, const e3tp_allocator *a)
{
    if (!g)
        return;
    e3tp_free(a, g->entries);
    e3tp_free(a, g->first);
    e3tp_free(a, g);
}

/* x, y, z, their gradients, lane weights and their gradient; matrices and the middle of uvw, twice.
 */
size_t e3tp_cg_scratch_elements(const e3tp_cg_plan *g)
{
    const e3tp_problem *p = g->problem;
    size_t lanes = 0;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < p->nblocks[k]; i++)
            lanes = p->blocks[k][i].mul > lanes ? p->blocks[k][i].mul : lanes;
    return g->block_rows * (2 * (p->dim[0] + p->dim[1] + p->dim[2]) + 2 * lanes) +
           2 * (g->max_matrix + g->max_middle) + 12 * 16;
}
