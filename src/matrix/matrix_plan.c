/* SPDX-License-Identifier: MIT */
/* Builds the mixes and the butterflies from the coupling coefficients W(h,h,l). */
#include "matrix/matrix_plan.h"

#include <math.h>
#include <stdlib.h>

#include "so3/wigner.h"

enum { DEGREES = 25, TABLES = DEGREES + 2 };

/* An order m of an element: |m| = |i| + |j|, or ||i| - |j||. */
enum { PLUS, MINUS, ORDERS };

/* W(h,h,l) at an element, by these orders. */
typedef struct entry {
    double w[ORDERS];
    int m[ORDERS];
} entry;

/* What stands at `element` before the butterfly: the sum over degrees of one parity of
   W(h,h,l)[base, m] times the coefficient of order m. */
typedef struct variable {
    size_t element, base;
    int order, parity, m;
} variable;

typedef struct builder {
    e3tp_matrix_plan *plan;
    entry *entries[TABLES]; /* of a degree, [lines]; NULL: not needed */
    e3tp_coupling_entry *buffer;
    variable *variables;
    size_t nvariables, nmixes;
} builder;

/* Tables of the degrees 2h and 2h - 1, in which no order of an element vanishes. */
static const entry *top_entries(const builder *b, int parity)
{
    return b->entries[DEGREES + parity];
}

/* ---- coefficients */

static e3tp_status read_degree(builder *b, int l, size_t table, const e3tp_allocator *a)
{
    const int h = b->plan->spin;
    const size_t n = b->plan->n, most = 2 * b->plan->lines;
    entry *e = b->entries[table] = e3tp_zalloc(a, b->plan->lines, sizeof *e);
    if (!e)
        return E3TP_E_NOMEM;
    const size_t count = e3tp_so3_coupling_sparse(h, h, l, E3TP_SIGN_E3NN, b->buffer, most);
    for (size_t i = 0; i < count; i++) {
        const e3tp_coupling_entry *c = &b->buffer[i]; /* indices from 0 */
        const int m = (int)c->m3 - l, sum = abs((int)c->m1 - h) + abs((int)c->m2 - h);
        const int order = abs(m) == sum ? PLUS : MINUS;
        entry *at = &e[(size_t)c->m1 * n + (size_t)c->m2];
        at->w[order] = c->value;
        at->m[order] = m;
    }
    return E3TP_OK;
}

static bool has_degree(const e3tp_problem *p, int l)
{
    bool found = false;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < p->nblocks[k]; i++)
            found = found || p->blocks[k][i].l == l;
    return found;
}

static e3tp_status read_degrees(builder *b, const e3tp_allocator *a)
{
    const int h = b->plan->spin;
    b->buffer = e3tp_alloc(a, 2 * b->plan->lines, sizeof *b->buffer);
    if (!b->buffer)
        return E3TP_E_NOMEM;
    for (int l = 0; l < DEGREES; l++)
        if (has_degree(b->plan->problem, l))
            E3TP_TRY(read_degree(b, l, (size_t)l, a));
    for (int parity = 0; parity < (h ? 2 : 1); parity++)
        E3TP_TRY(read_degree(b, 2 * h - parity, (size_t)(DEGREES + parity), a));
    return E3TP_OK;
}

/* ---- elements */

static size_t element(const builder *b, int i, int j)
{
    const int h = b->plan->spin;
    return (size_t)(i + h) * b->plan->n + (size_t)(j + h);
}

static void add_variable(builder *b, size_t at, size_t base, int order, int parity)
{
    b->variables[b->nvariables++] =
        (variable){at, base, order, parity, top_entries(b, parity)[base].m[order]};
}

/* The order of which element `other` has the same part as `base`; of the other order it has the
   negative. */
static int equal_order(const builder *b, size_t base, size_t other, int parity)
{
    const entry *top = top_entries(b, parity);
    return top[base].w[PLUS] * top[other].w[PLUS] > 0 ? PLUS : MINUS;
}

static void add_equal_and_opposite(builder *b, size_t base, size_t other, size_t at,
                                   size_t at_other, int parity)
{
    const int equal = equal_order(b, base, other, parity);
    add_variable(b, at, base, equal, parity);
    add_variable(b, at_other, base, PLUS + MINUS - equal, parity);
}

static void add_pair(builder *b, size_t p, size_t q)
{
    uint16_t *to = b->plan->pairs + 2 * b->plan->npairs++;
    to[0] = (uint16_t)p, to[1] = (uint16_t)q;
}

/* (i, 0) and (0, i). */
static void add_axis(builder *b, int i)
{
    const size_t p = element(b, i, 0), q = element(b, 0, i);
    add_variable(b, p, p, PLUS, 0);
    add_variable(b, q, p, PLUS, 1);
    add_pair(b, p, q);
}

/* |i| = |j| = k > 0: the diagonal has degrees of even parity alone. */
static void add_diagonal(builder *b, int k)
{
    const size_t p = element(b, k, k), q = element(b, -k, -k);
    add_equal_and_opposite(b, p, q, p, q, 0);
    add_pair(b, p, q);
    const size_t r = element(b, k, -k), s = element(b, -k, k);
    add_variable(b, r, r, PLUS, 0);
    add_variable(b, s, r, MINUS, 1);
    add_pair(b, r, s);
}

/* (i, j), (j, i), (-i, -j), (-j, -i). */
static void add_quad(builder *b, int i, int j)
{
    const size_t e[4] = {element(b, i, j), element(b, j, i), element(b, -i, -j),
                         element(b, -j, -i)};
    uint16_t *to = b->plan->quads + 4 * b->plan->nquads++;
    for (int k = 0; k < 4; k++)
        to[k] = (uint16_t)e[k];
    add_equal_and_opposite(b, e[0], e[2], e[0], e[2], 0);
    add_equal_and_opposite(b, e[0], e[2], e[1], e[3], 1);
}

static void add_elements(builder *b)
{
    const size_t origin = element(b, 0, 0);
    add_variable(b, origin, origin, PLUS, 0);
    for (int i = 1; i <= b->plan->spin; i++) {
        add_axis(b, i);
        add_axis(b, -i);
        add_diagonal(b, i);
        for (int j = 1; j < i; j++) {
            add_quad(b, i, j);
            add_quad(b, i, -j);
        }
    }
}

/* ---- mixes */

/* Degrees of a signal that have order m. */
static e3tp_mix_list degrees_of(const builder *b, int signal, int m, int parity)
{
    const e3tp_problem *p = b->plan->problem;
    const int k = signal < 2 ? signal : 2;
    e3tp_mix_list list = {.n = 0};
    size_t first = 0;
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const int l = p->blocks[k][i].l;
        if (e3tp_is_natural(&p->blocks[k][i]) == (signal < 3) && l % 2 == parity && l >= abs(m) &&
            e3tp_problem_uses(p, k, i))
            e3tp_mix_line(&list, first + (size_t)(l + m), l);
        first += 2 * (size_t)l + 1;
    }
    return list;
}

static e3tp_mix_list elements_of(const builder *b, int m, int parity)
{
    e3tp_mix_list list = {.n = 0};
    for (size_t i = 0; i < b->nvariables; i++)
        if (b->variables[i].m == m && b->variables[i].parity == parity)
            e3tp_mix_line(&list, b->variables[i].element, (int)i);
    return list;
}

/* What an e3tp_mix_value needs. */
typedef struct conversion {
    const builder *b;
    int signal;
    bool back;
} conversion;

/* Of a degree and the number of a variable. Half of a product and half of its transpose make z. */
static double value(const void *ctx, int in, int out)
{
    const conversion *c = ctx;
    const int l = c->back ? out : in, v = c->back ? in : out;
    const variable *of = &c->b->variables[v];
    return (c->signal < 2 ? 1 : 0.5) * c->b->entries[l][of->base].w[of->order];
}

static void add_mix(builder *b, int signal, bool back, int m, int parity)
{
    const e3tp_mix_list degrees = degrees_of(b, signal, m, parity),
                        elements = elements_of(b, m, parity);
    const e3tp_mix_list *in = back ? &elements : &degrees, *out = back ? &degrees : &elements;
    const conversion ctx = {b, signal, back};
    if (!out->n)
        return;
    const e3tp_mix mix = e3tp_mix_add(&b->plan->pool, in, out, value, &ctx);
    if (b->plan->mixes)
        b->plan->mixes[b->nmixes] = mix;
    b->nmixes++;
}

static void add_mixes(builder *b)
{
    const int top = 2 * b->plan->spin;
    b->nmixes = 0;
    for (int signal = 0; signal < E3TP_MATRIX_SIGNALS; signal++)
        for (int back = 0; back < 2; back++) {
            for (int m = -top; m <= top; m++)
                for (int parity = 0; parity < 2; parity++)
                    add_mix(b, signal, back, m, parity);
            b->plan->first[2 * signal + back + 1] = b->nmixes;
        }
}

/* ---- the plan */

static e3tp_status fill(builder *b, const e3tp_allocator *a)
{
    e3tp_matrix_plan *g = b->plan;
    const size_t h = (size_t)g->spin;
    b->variables = e3tp_alloc(a, g->lines, sizeof *b->variables);
    g->quads = e3tp_alloc(a, 4 * h * h, sizeof *g->quads);
    g->pairs = e3tp_alloc(a, 2 * 4 * h, sizeof *g->pairs);
    if (!b->variables || !g->quads || !g->pairs)
        return E3TP_E_NOMEM;
    E3TP_TRY(read_degrees(b, a));
    add_elements(b);
    add_mixes(b);
    g->multiplies = (double)g->pool.ncoeff / 2;
    g->mixes = e3tp_alloc(a, b->nmixes, sizeof *g->mixes);
    if (!g->mixes)
        return E3TP_E_NOMEM;
    E3TP_TRY(e3tp_mix_pool_create(&g->pool, a));
    add_mixes(b);
    return E3TP_OK;
}

static void lay_out(e3tp_matrix_plan *g)
{
    const size_t T = e3tp_tile_lanes(g->problem);
    for (int s = 0; s < E3TP_MATRIX_SIGNALS; s++)
        g->at[s] = e3tp_take(&g->tiles.scratch, T, g->lines * T, true);
    g->result = e3tp_take(&g->tiles.scratch, T, 2 * g->lines * T, true);
    for (int k = 1; k < 3; k++)
        if (e3tp_signal_joins(g->problem, k))
            g->joined = e3tp_take(&g->tiles.scratch, T, (size_t)k * g->lines * T, true);
}

e3tp_status e3tp_matrix_plan_create(e3tp_matrix_plan **out, const e3tp_problem *p,
                                    const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_matrix_plan *g = e3tp_zalloc(a, 1, sizeof *g);
    if (!g)
        return e3tp_fail(why, E3TP_E_NOMEM, "matrix: no memory for the plan");
    g->problem = p;
    g->pool.dtype = p->dtype;
    g->spin = p->spin;
    g->n = 2 * (size_t)p->spin + 1;
    g->lines = g->n * g->n;
    e3tp_signal_tiles_set(&g->tiles, p, g, 1);
    lay_out(g);
    builder b = {.plan = g};
    const e3tp_status status = fill(&b, a);
    for (int i = 0; i < TABLES; i++)
        e3tp_free(a, b.entries[i]);
    e3tp_free(a, b.buffer);
    e3tp_free(a, b.variables);
    if (status != E3TP_OK) {
        e3tp_matrix_plan_destroy(g, a);
        return e3tp_fail(why, status, "matrix: no memory for the tables");
    }
    *out = g;
    return E3TP_OK;
}

void e3tp_matrix_plan_destroy(e3tp_matrix_plan *g, const e3tp_allocator *a)
{
    e3tp_free(a, g->mixes);
    e3tp_mix_pool_destroy(&g->pool, a);
    e3tp_free(a, g->quads);
    e3tp_free(a, g->pairs);
    e3tp_free(a, g);
}
