/* SPDX-License-Identifier: MIT */
/* The kernel of the pair of degrees that the includer, a file written by tools/gen_cg_pairs,
   describes; included once for each pair, so without guard. The description:
     L1, L2, SLOTS      degrees; slots that the products occupy
     DEGREES(X)         X(l3, place in the caller's array)
     PRODUCTS(X)        X(kind, m1, m2, slots p, q, p_difference, q_difference)
     ORDERS_EVEN(X), ORDERS_ODD(X)  by the parity of l1 + l2 + l3:
                        X(M, terms, first slot, place of the first coefficient in a row)
     ROW, coefficients  one row for each l3, as long as all orders need
     SETS               the set_table of its kernels for known sets of degrees (cg_pair_sets.h)
   Three forms: from a table; with a scalar; products in memory, where no known set is wanted. */
#define LEAST_DEGREE (L1 > L2 ? L1 - L2 : L2 - L1)
#define DEGREE_COUNT (2 * (L1 < L2 ? L1 : L2) + 1)

#ifdef E3TP_CG_PAIR_TABLES

#define PRODUCT(kind, m1, m2, p, q, pd, qd) {E3TP_CG_PRODUCT_##kind, {m1, m2, p, q, pd, qd}},
#define ORDER(M, terms, slot, first) {terms, slot, first},

static void PAIR(pair, L1, L2)(size_t tiles, const real *x, size_t x_stride, const real *y,
                               size_t y_stride, const TARGET *out)
{
    static const product_row products[] = {PRODUCTS(PRODUCT)};
    static const order_row even[] = {ORDERS_EVEN(ORDER)}, odd[] = {ORDERS_ODD(ORDER)};
    static const pair_table table = {L1,       L2,          sizeof products / sizeof *products, ROW,
                                     products, {even, odd}, PAIR(coefficients, L1, L2)};
    E3TP_NAME(e3tp_cg_pair_by_table)(&table, tiles, x, x_stride, y, y_stride, out);
}

#elif !L1 || !L2

V_INLINE void PAIR(tile, L1, L2)(int top, const real *coefficients, const real *x, const real *y,
                                 const output *o)
{
    (void)top;
    if (o->z)
        scaled(L1 + L2, coefficients[0], L1 ? y : x, L1 ? x : y, o);
}

#else

#define PRODUCT(kind, m1, m2, p, q, pd, qd)                                                     \
    product_##kind(                                                                             \
        (product){m1, m2, p, q, pd, qd},                                                        \
        DIFFERENCES |                                                                           \
            ((m1) + (m2) <= ((L1) > (L2) ? (L1) : (L2)) || (m1) + (m2) <= top ? SUM_ORDER : 0), \
        TILE_VECS, x, y, P);
#define ORDER(M, terms, slot, first)                              \
    if ((M) == 0)                                                 \
        order_0(terms, odd, P + (slot)*SLOT, k + (first), cw, z); \
    else if ((M) <= l3)                                           \
        order(terms, M, odd, P + (slot)*SLOT, k + (first), cw, z);

V_INLINE void PAIR(path, L1, L2)(const int l3, const v_real *P, const real *k, const v_real *cw,
                                 real *z)
{
    const int odd = (L1 + L2 + l3) % 2;
    if (odd) {
        ORDERS_ODD(ORDER)
    } else {
        ORDERS_EVEN(ORDER)
    }
}

#define PATH(l3, i)                                                    \
    if (o[i].z) {                                                      \
        scale_of(&o[i], cw);                                           \
        PAIR(path, L1, L2)(l3, P, coefficients + (i)*ROW, cw, o[i].z); \
    }

V_INLINE void PAIR(tile, L1, L2)(int top, const real *coefficients, const real *x, const real *y,
                                 const output *o)
{
    v_real P[SLOTS * SLOT];
    v_real cw[TILE_VECS];
    PRODUCTS(PRODUCT)
    FENCE(P);
    DEGREES(PATH)
}
#undef PATH

#endif

#ifndef E3TP_CG_PAIR_TABLES
static void PAIR(pair, L1, L2)(size_t tiles, const real *x, size_t x_stride, const real *y,
                               size_t y_stride, const TARGET *out)
{
#if L1 && L2
    if (E3TP_NAME(e3tp_cg_pair_by_set)(&SETS, tiles, x, x_stride, y, y_stride, out))
        return;
#endif
    _Alignas(64) real ones[T];
    const real *coefficients = PAIR(coefficients, L1, L2);
    output o[DEGREE_COUNT];
    V_HIDE(coefficients); /* else whole vectors of them would be stored */
    begin(o, DEGREE_COUNT, LEAST_DEGREE, out, ones);
    const int top = largest_wanted(o, LEAST_DEGREE, DEGREE_COUNT);
    x += L1 * T;
    y += L2 * T;
    for (size_t t = 0; t < tiles; t++, x += x_stride, y += y_stride, advance(o, DEGREE_COUNT))
        PAIR(tile, L1, L2)(top, coefficients, x, y, o);
}
#endif

#undef PRODUCT
#undef ORDER
#undef LEAST_DEGREE
#undef DEGREE_COUNT
#undef SETS
#undef L1
#undef L2
#undef SLOTS
#undef ROW
#undef DEGREES
#undef PRODUCTS
#undef ORDERS_EVEN
#undef ORDERS_ODD
