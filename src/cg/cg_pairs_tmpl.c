/* SPDX-License-Identifier: MIT */
/* The table of the kernels of all pairs, and the form that runs from a table; compiled
   once per tier and real. */
#define E3TP_CG_PAIR_LOOPS 1
#include "cg/cg_pair_steps.h"

#include <stdlib.h>

enum { L = E3TP_CG_PAIRS_LMAX, MOST_SLOTS = 2 * L * L + 2 * L + 1 };

/* Loops of runtime length; the accumulators are as in straight-line code, and so are the bits. */
static void path(const pair_table *p, int l3, const real *P, const output *o)
{
    const int odd = (p->l1 + p->l2 + l3) % 2, place = l3 - abs(p->l1 - p->l2);
    const real *k = p->coefficients + place * p->row;
    const order_row *order_of = p->order[odd];
    v_real cw[TILE_VECS];
    scale_of(o, cw);
    order_0(order_of[0].terms, odd, P + order_of[0].slot * SLOT, k, cw, o->z);
    for (int M = 1; M <= l3; M++)
        order(order_of[M].terms, M, odd, P + order_of[M].slot * SLOT, k + order_of[M].first, cw,
              o->z);
}

static void make_products(const pair_table *p, int top, const real *x, const real *y, real *P)
{
    static void (*const make[])(product, int, const real *, const real *, real *) = {
        [E3TP_CG_PRODUCT_REAL] = product_REAL,     [E3TP_CG_PRODUCT_X0] = product_X0,
        [E3TP_CG_PRODUCT_Y0] = product_Y0,         [E3TP_CG_PRODUCT_FULL] = product_FULL,
        [E3TP_CG_PRODUCT_BOTH_0] = product_BOTH_0, [E3TP_CG_PRODUCT_BOTH] = product_BOTH,
    };
    for (int i = 0; i < p->products; i++) {
        const product *m = &p->product[i].product;
        make[p->product[i].kind](*m, m->m1 + m->m2 <= top, x, y, P);
    }
}

void E3TP_NAME(e3tp_cg_pair_by_table)(const pair_table *p, size_t tiles, const real *x,
                                      size_t x_stride, const real *y, size_t y_stride,
                                      const TARGET *out)
{
    _Alignas(64) real P[MOST_SLOTS * SLOT], ones[T];
    output o[2 * L + 1];
    const int least = abs(p->l1 - p->l2), most = p->l1 + p->l2, n = most - least + 1;
    begin(o, n, least, out, ones);
    const int top = largest_wanted(o, least, n);
    x += p->l1 * T;
    y += p->l2 * T;
    for (size_t t = 0; t < tiles; t++, x += x_stride, y += y_stride, advance(o, n)) {
        if (n == 1 && o->z)
            scaled(most, p->coefficients[0], p->l1 ? y : x, p->l1 ? x : y, o);
        if (n == 1)
            continue;
        make_products(p, top, x, y, P);
        for (int i = 0; i < n; i++)
            if (o[i].z)
                path(p, least + i, P, &o[i]);
    }
}

#define STRUCT CAT3(e3tp_cg_pairs, _, E3TP_REAL)
#define EACH_L1(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6)
#define DECLARE(l1) extern E3TP_CG_PAIR *const E3TP_NAME(e3tp_cg_pairs_l##l1)[];
#define ROW_OF(l1) E3TP_NAME(e3tp_cg_pairs_l##l1),

EACH_L1(DECLARE)
const STRUCT E3TP_NAME(e3tp_cg_pairs) = {{EACH_L1(ROW_OF)}};
