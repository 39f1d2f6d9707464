/* SPDX-License-Identifier: MIT */
/* Steps of the kernels of small pairs: one vector of lanes at a time, order after order. The
   products of an order stay in registers; those that feed two orders are made twice, which costs
   less than storing them all. */
#ifndef E3TP_CG_PAIR_ORDERS_H
#define E3TP_CG_PAIR_ORDERS_H

#include "cg/cg_pair_steps.h"

/* Small: l1 + l2 up to here. */
#define MOST_IN_REGISTERS 4

enum { MOST_TERMS = 2 * E3TP_CG_PAIRS_LMAX + 1 };

/* re, im of the products of an order, in the order of their slots. */
typedef struct order_parts {
    v_real v[2 * MOST_TERMS];
} order_parts;

V_INLINE void keep(order_parts *to, const order_row o, int slot, v_real re, v_real im)
{
    if (slot >= o.slot && slot < o.slot + o.terms) {
        to->v[2 * (slot - o.slot)] = re;
        to->v[2 * (slot - o.slot) + 1] = im;
    }
}

/* Each keeps of the products of m1 and m2 those that belong to order o; x and y point to the vector
   of component m = 0. */
V_INLINE void part_REAL(product a, const real *x, const real *y, const order_row o, order_parts *to)
{
    keep(to, o, a.p, at(x, 0, 0) * at(y, 0, 0), v_zero());
}

V_INLINE void part_X0(product a, const real *x, const real *y, const order_row o, order_parts *to)
{
    keep(to, o, a.p, at(x, 0, 0) * at(y, a.m2, 0), at(x, 0, 0) * at(y, -a.m2, 0));
}

V_INLINE void part_Y0(product a, const real *x, const real *y, const order_row o, order_parts *to)
{
    keep(to, o, a.p, at(x, a.m1, 0) * at(y, 0, 0), at(x, -a.m1, 0) * at(y, 0, 0));
}

V_INLINE void part_FULL(product a, const real *x, const real *y, const order_row o, order_parts *to)
{
    const complex2 c = multiply(x, y, a.m1, a.m2, 0);
    keep(to, o, a.p, c.p, c.pi);
    keep(to, o, a.q, c.q, c.qi);
}

V_INLINE void part_BOTH_0(product a, const real *x, const real *y, const order_row o,
                          order_parts *to)
{
    const v_real x0 = at(x, 0, 0), y0 = at(y, 0, 0);
    const v_real re = at(x, a.m1, 0) * y0, im = at(x, -a.m1, 0) * y0;
    const v_real re2 = x0 * at(y, a.m1, 0), im2 = x0 * at(y, -a.m1, 0);
    keep(to, o, a.p, re + re2, im + im2);
    keep(to, o, a.p_difference, re - re2, im - im2);
}

V_INLINE void part_BOTH(product a, const real *x, const real *y, const order_row o, order_parts *to)
{
    const complex2 c = multiply(x, y, a.m1, a.m2, 0), d = multiply(x, y, a.m2, a.m1, 0);
    keep(to, o, a.p, c.p + d.p, c.pi + d.pi);
    keep(to, o, a.p_difference, c.p - d.p, c.pi - d.pi);
    keep(to, o, a.q, c.q + d.q, c.qi + d.qi);
    keep(to, o, a.q_difference, c.q - d.q, c.qi - d.qi);
}

/* As order_0 and order, of one vector. */
V_INLINE void sum_order_0(const int M, const int odd, const order_row o, const order_parts *p,
                          const real *k, v_real cw, real *z)
{
    v_real s = v_set1(k[odd]) * p->v[3 * odd];
    EACH_TERM(e, 1 + odd, o.terms)
    s = v_fma(v_set1(k[e]), p->v[2 * e + odd], s);
    v_store(z, v_fma(cw, s, at(z, M, 0)));
}

V_INLINE void sum_order(const int M, const int odd, const order_row o, const order_parts *p,
                        const real *k, v_real cw, real *z)
{
    real *to = z + (odd ? -M : M) * T, *from = z + (odd ? M : -M) * T;
    v_real re = v_set1(k[0]) * p->v[0], im = v_set1(k[0]) * p->v[1];
    EACH_TERM(e, 1, o.terms)
    {
        re = v_fma(v_set1(k[e]), p->v[2 * e], re);
        im = v_fma(v_set1(k[e]), p->v[2 * e + 1], im);
    }
    v_store(to, odd ? v_fnma(cw, re, v_load(to)) : v_fma(cw, re, v_load(to)));
    v_store(from, v_fma(cw, im, v_load(from)));
}

#endif
