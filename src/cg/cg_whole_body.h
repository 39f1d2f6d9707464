/* SPDX-License-Identifier: MIT */
/* What the kernels of whole products that tools/gen_cg_pairs writes are made of: part after part,
   one for each pair of degrees, for one vector of lanes. */
#ifndef E3TP_CG_WHOLE_BODY_H
#define E3TP_CG_WHOLE_BODY_H

#define E3TP_CG_LINE V_LANES /* operands are copied vector by vector */
#include "cg/cg_pair_steps.h"
#include "cg/cg_whole.h"

/* From degree 4 on sixteen registers are too few: kernels of sets are 1.03 to 1.14 times faster. */
#if defined(E3TP_CG_PAIR_TABLES) || (LMAX > 3 && V_BYTES < 64)
#define WHOLE_PAYS 0
#else
#define WHOLE_PAYS 1
#endif

#define E3TP_CG_WHOLES CAT3(e3tp_cg_wholes, _, E3TP_REAL)

/* Sums, those of even l1 + l2 + l3 before those of odd. */
#define EVEN_SUMS(lmax) (((lmax) + 1) * ((lmax) + 1))
#define SUMS(lmax) (2 * EVEN_SUMS(lmax) - 1)

V_INLINE v_real *sum_of(v_real *sums, const int lmax, const int odd, const int l, const int m)
{
    return sums + (odd ? EVEN_SUMS(lmax) - 1 : 0) + l * (l + 1) + m;
}

V_INLINE void add(v_real *sum, const bool fresh, v_real w, v_real s)
{
    *sum = fresh ? w * s : v_fma(w, s, *sum);
}

V_INLINE void subtract(v_real *sum, const bool fresh, v_real w, v_real s)
{
    *sum = v_fnma(w, s, fresh ? v_zero() : *sum);
}

/* In the order of pairs (0, l) is the first with even sums to l, (1, l) with odd ones. */
#define DEGREE(place) ((L1 > L2 ? L1 - L2 : L2 - L1) + (place))
#define SUM(place, m) sum_of(sums, LMAX, (place) % 2, DEGREE(place), m)
#define FRESH(place) ((place) % 2 ? L1 == 1 && L2 == DEGREE(place) : L1 == 0)
#define WEIGHT(place) v_load(w + (FIRST_PATH + (place) / (set == E3TP_CG_SET_ALL ? 1 : 2)) * T)

#define ADD_0(place, s) add(SUM(place, 0), FRESH(place), WEIGHT(place), s)
#define ADD(place, M, odd, re, im)                                                     \
    do {                                                                               \
        const v_real weight = WEIGHT(place);                                           \
        add(SUM(place, M), FRESH(place), weight, odd ? im : re);                       \
        (odd ? subtract : add)(SUM(place, -(M)), FRESH(place), weight, odd ? re : im); \
    } while (0)

/* A pair with degree 0, whose tensor is diagonal. */
#define SCALE(value)                                                                        \
    {                                                                                       \
        const v_real s = WEIGHT(0) * K(value) * v_load((const real *)(L1 ? ys : xs));       \
        const real *a = (const real *)(L1 ? xs : ys);                                       \
        EACH_TERM(m, -(L1 + L2), L1 + L2 + 1)                                               \
        add(SUM(0, m), FRESH(0), s, v_load(a + ((L1 + L2) * (L1 + L2 + 1) + m) * V_LANES)); \
    }

#define PART_BEGIN                                          \
    {                                                       \
        v_real P[SLOTS * 2];                                \
        enum { top = L1 + L2 < LMAX ? L1 + L2 : LMAX };     \
        const real *x = (const real *)(xs + L1 * (L1 + 1)), \
                   *y = (const real *)(ys + L2 * (L2 + 1)); \
        PRODUCTS(SET_PRODUCT)                               \
        KEEP_ORDER;
#define PART_END }

/* Where results of each class and degree begin. */
typedef struct places {
    real *of[2][E3TP_CG_WHOLE_LMAX + 1];
    size_t step;
    bool common;
} places;

V_INLINE places places_of(const int lmax, const int sets, const LINES_OF *z,
                          const e3tp_cg_results *results)
{
    places p = {.step = z->step, .common = results->common};
    EACH_TERM(odd, 0, sets)
    EACH_TERM(l, odd, lmax + 1) p.of[odd][l] = z->v + results->first[odd][l] * z->step;
    return p;
}

/* One vector of the sums. */
V_INLINE void put_sums(const int lmax, const int odd, v_real *sums, const places *p, size_t at)
{
    EACH_TERM(l, odd, lmax + 1)
    {
        real *to = p->of[odd][l] + at;
        EACH_TERM(m, -l, l + 1)
        {
            v_real s = *sum_of(sums, lmax, odd, l, m);
            if (odd && p->common)
                s += v_loadu(to);
            v_storeu(to, s);
            to += p->step;
        }
    }
}

/* Opens and closes the function of a set; between them stand the parts. */
#define WHOLE_BEGIN(KIND)                                                                  \
    static void whole_##KIND(size_t tiles, const LINES_OF *x_from, const LINES_OF *y_from, \
                             const real *cw, size_t cw_step, const LINES_OF *z,            \
                             const e3tp_cg_results *results)                               \
    {                                                                                      \
        const e3tp_cg_set set = (e3tp_cg_set)KIND;                                         \
        LINES_OF x_lines = *x_from, y_lines = *y_from;                                     \
        const places to = places_of(LMAX, set == E3TP_CG_SET_ALL ? 2 : 1, z, results);     \
        for (size_t t = 0, z_at = 0; t < tiles; t++, x_lines.v += x_lines.tile,            \
                    y_lines.v += y_lines.tile, z_at += z->tile, cw += cw_step)             \
            for (size_t at = 0; at < T; at += V_LANES) {                                   \
                v_real x_copy[EVEN_SUMS(LMAX)], y_copy[EVEN_SUMS(LMAX)], sums[SUMS(LMAX)]; \
                const v_real *const xs = take(0, LMAX, &x_lines, at, x_copy);              \
                const v_real *const ys = take(0, LMAX, &y_lines, at, y_copy);              \
                const real *w = cw + at;
#define WHOLE_END                                \
    put_sums(LMAX, 0, sums, &to, z_at + at);     \
    if (set == E3TP_CG_SET_ALL)                  \
        put_sums(LMAX, 1, sums, &to, z_at + at); \
    }                                            \
    }

#endif
