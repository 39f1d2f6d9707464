/* SPDX-License-Identifier: MIT */
/* Tables of tensors by four non-zeros at a time: with x_a + i x_-a and y_b + i y_-b their complex
   products give to the orders a + b and |a - b|, the real part to one of z_M and z_-M, the
   imaginary part to the other. */
#include <math.h>
#include <stdlib.h>

#include "cg/cg_plan.h"

/* The tensor of a triple for a target, by orders: i, j and o count from -la, -lb and -lc. */
typedef struct dense {
    int la, lb, lc;
    double *c; /* [2lc+1][2la+1][2lb+1]; 0 where a non-zero has been taken */
} dense;

static double *element(const dense *d, int o, int i, int j)
{
    const int na = 2 * d->la + 1, nb = 2 * d->lb + 1;
    return &d->c[((d->lc + o) * na + d->la + i) * nb + d->lb + j];
}

/* Which signs the second products have: bit 1 that of p, bit 0 that of q; 4 and 5 where a or b is 0
   and there are none. -1: no four, or two, non-zeros of equal size at (a, b), to o = P and Q. */
static int kind_of(const dense *d, int P, int Q, int a, int b)
{
    if (a == 0 || b == 0)
        return *element(d, P, a, b) != 0 && *element(d, Q, -a, -b) != 0 ? (a == 0 ? 4 : 5) : -1;
    const double c[4] = {*element(d, P, a, b), *element(d, P, -a, -b), *element(d, Q, a, -b),
                         *element(d, Q, -a, b)};
    for (int i = 0; i < 4; i++)
        if (c[0] == 0 || fabs(fabs(c[i]) - fabs(c[0])) > 1e-14 * fabs(c[0]))
            return -1;
    return (c[1] / c[0] < 0 ? 2 : 0) | (c[3] / c[2] < 0 ? 1 : 0);
}

static e3tp_cg_quad take(const dense *d, int P, int Q, int a, int b)
{
    const bool four = a != 0 && b != 0;
    double *const second = four ? element(d, Q, a, -b) : element(d, Q, -a, -b);
    const e3tp_cg_quad q = {(int16_t)(d->la + a), (int16_t)(d->la - a), (int16_t)(d->lb + b),
                            (int16_t)(d->lb - b), *element(d, P, a, b), *second};
    *element(d, P, a, b) = *second = 0;
    if (four)
        *element(d, P, -a, -b) = *element(d, Q, -a, b) = 0;
    return q;
}

/* All that give to P and Q, kind after kind. */
static void take_orders(const dense *d, int P, int Q, e3tp_cg_quad *quads, size_t *n,
                        e3tp_cg_quad_group *group)
{
    const int M = abs(P);
    *group = (e3tp_cg_quad_group){.o = (int16_t)(d->lc + P), .o2 = (int16_t)(d->lc + Q)};
    for (int kind = 0; kind < E3TP_CG_QUAD_KINDS; kind++) {
        for (int a = 0; a <= d->la; a++) {
            const int b[2] = {abs(M - a), M + a};
            for (int k = 0; k < 2; k++)
                if (b[k] <= d->lb && kind_of(d, P, Q, a, b[k]) == kind)
                    quads[(*n)++] = take(d, P, Q, a, b[k]);
        }
        group->end[kind] = *n;
    }
}

static double *of_entry(const dense *d, const e3tp_cg_entry *e)
{
    return element(d, e->o - d->lc, e->i - d->la, e->j - d->lb);
}

static void fill(e3tp_cg_table *t, const dense *d, const e3tp_cg_entry *e, size_t ne)
{
    for (size_t s = 0; s < ne; s++)
        *of_entry(d, &e[s]) = e[s].c;
    size_t n = 0;
    for (int M = 1; M <= d->lc; M++)
        for (int sign = 1; sign >= -1; sign -= 2) { /* the real part goes to z_M, or to z_-M */
            const size_t before = n;
            take_orders(d, sign * M, -sign * M, t->quads, &n, &t->groups[t->ngroups]);
            t->ngroups += n > before;
        }
    for (size_t s = 0; s < ne; s++)
        if (*of_entry(d, &e[s]) != 0)
            t->rest[t->nrest++] = e[s];
}

e3tp_status e3tp_cg_table_create(e3tp_cg_table *t, const int l[3], const e3tp_cg_entry *e,
                                 size_t ne, const e3tp_allocator *a, e3tp_message *why)
{
    const dense d = {l[0], l[1], l[2],
                     e3tp_zalloc(a, (2 * (size_t)l[0] + 1) * (2 * (size_t)l[1] + 1),
                                 (2 * (size_t)l[2] + 1) * sizeof(double))};
    t->quads = e3tp_alloc(a, ne / 2 + 1, sizeof *t->quads);
    t->groups = e3tp_alloc(a, 2 * (size_t)l[2] + 1, sizeof *t->groups);
    t->rest = e3tp_alloc(a, ne, sizeof *t->rest);
    const bool ok = d.c && t->quads && t->groups && t->rest;
    if (ok)
        fill(t, &d, e, ne);
    e3tp_free(a, d.c);
    return ok ? E3TP_OK : e3tp_fail(why, E3TP_E_NOMEM, "cg: no memory for a table");
}

void e3tp_cg_table_destroy(e3tp_cg_table *t, const e3tp_allocator *a)
{
    e3tp_free(a, t->quads);
    e3tp_free(a, t->groups);
    e3tp_free(a, t->rest);
}
