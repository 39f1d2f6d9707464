/* SPDX-License-Identifier: MIT */
/* Vector fields on the samples, by their components along r, southward and eastward. With c^2 =
   j/(2j+1), s^2 = (j+1)/(2j+1), n^2 = j(j+1), and grad Y on the unit sphere

     V^(j,j-1) = c Y r + s grad Y / n,  V^(j,j) = -r x grad Y / n,  V^(j,j+1) = s Y r - c grad Y / n

   (Varshalovich et al., 7.3, with e3nn's signs), so that coefficients of the two outer ones, turned
   by c and s, are those of Y r and of grad Y / n. Products need no more samples than those of
   functions: (x cross y) . z is a sum of Y grad Y . grad Y and Y r . (grad Y x grad Y), polynomials
   of degree j1 + j2 + j3 at most, though components along fixed axes have degrees j + 1. */
#include <math.h>

#include "grid/grid_plan.h"

enum { RADIAL, SOUTHWARD, EASTWARD };

/* The block of the same degree that turns with block i, or i itself. */
static size_t find_partner(const e3tp_grid_plan *g, int k, size_t i)
{
    const e3tp_problem *p = g->base.problem;
    const e3tp_block *b = p->blocks[k];
    for (size_t j = i < 2 ? 0 : i - 2; j < p->nblocks[k] && j <= i + 2; j++)
        if (g->used[k][j] && b[j].l == b[i].l && b[j].component != b[i].component &&
            b[j].component + b[i].component == 2 * b[i].l)
            return j;
    return i;
}

/* How much of the radial harmonic and of the gradient block i stands for; turned blocks of the
   lower degree of components for the one, of the higher for the other. */
static void find_share(const e3tp_grid_plan *g, int k, size_t i, double *radial, double *gradient)
{
    const e3tp_block *b = &g->base.problem->blocks[k][i];
    const double c = sqrt(b->l / (2.0 * b->l + 1)), s = sqrt((b->l + 1) / (2.0 * b->l + 1));
    const bool low = b->component < b->l, turned = find_partner(g, k, i) != i;
    *radial = turned ? low : low ? c : s;
    *gradient = turned ? !low : low ? s : -c;
}

/* Of block i; false: the component has nothing of it. */
static bool find_band(const e3tp_grid_plan *g, int k, size_t i, int component, e3tp_grid_band *band)
{
    const e3tp_block *b = &g->base.problem->blocks[k][i];
    const bool magnetic = b->component == b->l;
    double radial = 0, gradient = component == EASTWARD ? -1 : 1;
    if (!magnetic)
        find_share(g, k, i, &radial, &gradient);
    band->l = b->l;
    band->kind = component == RADIAL                    ? E3TP_GRID_VALUE
                 : (component == SOUTHWARD) != magnetic ? E3TP_GRID_SOUTHWARD
                                                        : E3TP_GRID_EASTWARD;
    band->factor = component == RADIAL ? radial : b->l ? gradient / sqrt(b->l * (b->l + 1.0)) : 0;
    return band->factor != 0;
}

size_t e3tp_grid_component(const e3tp_grid_plan *g, int k, int component, e3tp_grid_band *bands)
{
    const e3tp_problem *p = g->base.problem;
    size_t n = 0, line = 0;
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        bands[n].line = line;
        n += g->used[k][i] && find_band(g, k, i, component, &bands[n]);
        line += 2 * (size_t)p->blocks[k][i].l + 1;
    }
    return n;
}

static void set_turns(e3tp_grid_plan *g, int k)
{
    const e3tp_problem *p = g->base.problem;
    size_t line[E3TP_MOST_HARMONICS + 1] = {0};
    for (size_t i = 0; i < p->nblocks[k]; i++)
        line[i + 1] = line[i] + 2 * (size_t)p->blocks[k][i].l + 1;
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const size_t j = g->used[k][i] ? find_partner(g, k, i) : i;
        const double l = p->blocks[k][i].l;
        if (j > i)
            g->fields.turns[k][g->fields.nturns[k]++] =
                (e3tp_grid_turn){line[i], line[j], line[i + 1] - line[i], sqrt(l / (2 * l + 1)),
                                 sqrt((l + 1) / (2 * l + 1))};
    }
}

/* Adds the product of components a and b to component i of operand k. */
static void add_product(e3tp_grid_plan *g, bool has[3][E3TP_GRID_TERMS], int k, size_t i, size_t a,
                        size_t b, bool minus)
{
    e3tp_grid_sum *s = &g->fields.sum[k][i];
    if (!has[k][i] || !has[(k + 1) % 3][a] || !has[(k + 2) % 3][b])
        return;
    s->a[s->n] = a;
    s->b[s->n++] = b;
    s->minus = minus;
}

static void add_cross(e3tp_grid_plan *g, bool has[3][E3TP_GRID_TERMS])
{
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < 3; i++) {
            add_product(g, has, k, i, (i + 1) % 3, (i + 2) % 3, false);
            add_product(g, has, k, i, (i + 2) % 3, (i + 1) % 3, true);
        }
}

/* z is a function. */
static void add_dot(e3tp_grid_plan *g, bool has[3][E3TP_GRID_TERMS])
{
    for (size_t i = 0; i < 3; i++) {
        add_product(g, has, 0, i, i, 0, false);
        add_product(g, has, 1, i, 0, i, false);
        add_product(g, has, 2, 0, i, i, false);
    }
}

void e3tp_grid_set_fields(e3tp_grid_plan *g)
{
    const e3tp_problem *p = g->base.problem;
    bool has[3][E3TP_GRID_TERMS] = {{false}};
    e3tp_grid_band bands[E3TP_GRID_BANDS];
    for (int k = 0; k < 3; k++) {
        g->signals[k] = e3tp_signal_is_field(p->op, k) ? 3 : 1;
        for (size_t i = 0; i < g->signals[k]; i++)
            has[k][i] = !e3tp_signal_is_field(p->op, k) || e3tp_grid_component(g, k, (int)i, bands);
        if (e3tp_signal_is_field(p->op, k))
            set_turns(g, k);
    }
    if (p->op == E3TP_OP_CROSS)
        add_cross(g, has);
    else
        add_dot(g, has);
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < g->signals[k]; i++)
            g->live[k][i] = g->fields.sum[k][i].n > 0;
}
