/* SPDX-License-Identifier: MIT */
/* The kernel of the pair of degrees that the includer, a file written by tools/gen_cg_pairs,
   describes; included once for each pair, so without guard. The description:
     L1, L2, SLOTS      degrees; slots that the products occupy
     DEGREES(X)         X(l3, place in the caller's array)
     PRODUCTS(X)        X(kind, m1, m2, slots p, q, p_difference, q_difference)
     ORDERS_EVEN(X), ORDERS_ODD(X)  by the parity of l1 + l2 + l3:
                        X(M, terms, first slot, place of the first coefficient in a row)
     ROW, coefficients  one row for each l3, as long as all orders need */
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

#else

#define PRODUCT(kind, m1, m2, p, q, pd, qd) \
    product_##kind((product){m1, m2, p, q, pd, qd}, x, y, P);
#define ORDER(M, terms, slot, first)                              \
    if ((M) == 0)                                                 \
        order_0(terms, odd, P + (slot)*SLOT, k + (first), cw, z); \
    else if ((M) <= l3)                                           \
        order(terms, M, odd, P + (slot)*SLOT, k + (first), cw, z);

V_INLINE void PAIR(path, L1, L2)(const int l3, const real *P, const real *k, const v_real *cw,
                                 real *z)
{
    const int odd = (L1 + L2 + l3) % 2;
    if (odd) {
        ORDERS_ODD(ORDER)
    } else {
        ORDERS_EVEN(ORDER)
    }
}

#define PATH(l3, i)                                                                   \
    if (out[i].z) {                                                                   \
        scale_of(&out[i], t, cw);                                                     \
        PAIR(path, L1, L2)                                                            \
        (l3, P, coefficients + (i)*ROW, cw, out[i].z + t * out[i].z_stride + (l3)*T); \
    }

static void PAIR(pair, L1, L2)(size_t tiles, const real *x, size_t x_stride, const real *y,
                               size_t y_stride, const TARGET *out)
{
    _Alignas(64) real P[SLOTS * SLOT];
    const real *coefficients = PAIR(coefficients, L1, L2);
    HIDE(coefficients);
    x += L1 * T;
    y += L2 * T;
    for (size_t t = 0; t < tiles; t++, x += x_stride, y += y_stride) {
        v_real cw[TILE_VECS];
        PRODUCTS(PRODUCT)
        FENCE(P);
        DEGREES(PATH)
    }
}
#undef PATH

#endif
#undef PRODUCT
#undef ORDER
#undef L1
#undef L2
#undef SLOTS
#undef ROW
#undef DEGREES
#undef PRODUCTS
#undef ORDERS_EVEN
#undef ORDERS_ODD
