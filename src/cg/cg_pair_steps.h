/* SPDX-License-Identifier: MIT */
/* What the kernels of src/cg/cg_pairs.h are made of: products into slots, sums of slots into
   outputs, for all lanes of a tile or for one vector of them: `width` vectors. A slot is a complex
   number: re at 0, im at `width`. */
#ifndef E3TP_CG_PAIR_STEPS_H
#define E3TP_CG_PAIR_STEPS_H

#include "cg/cg_lines_steps.h"
#include "cg/cg_pairs.h"
#include "simd/vec.h"

#define CAT5_(a, b, c, d, e) a##b##c##d##e
#define CAT5(a, b, c, d, e) CAT5_(a, b, c, d, e)
#define PAIR(base, l1, l2) CAT5(base, _, l1, _, l2)
#define TARGET CAT3(e3tp_cg_target, _, E3TP_REAL)
#define E3TP_CG_PAIR CAT3(e3tp_cg_pair, _, E3TP_REAL)

enum { SLOT = 2 * TILE_VECS };

/* Products are read back from memory: kept in registers, they would be spilled in bad order. */
#define FENCE(P) __asm__ volatile("" : : "r"(P) : "memory")

/* Slots of the products of orders m1 and m2; where l1 = l2 of their sums and differences with m1
   and m2 exchanged. */
typedef struct product {
    int16_t m1, m2, p, q, p_difference, q_difference;
} product;

/* Which of them somebody reads: those of order m1 + m2, and the differences. */
enum { SUM_ORDER = 1, DIFFERENCES = 2 };

/* Elements from a component of an operand to the next. */
#ifndef E3TP_CG_LINE
#define E3TP_CG_LINE T
#endif

/* x, y and z point to their component m = 0. */
#define EACH_VECTOR(v) V_UNROLL for (int v = 0; v < width; v++)

V_INLINE v_real at(const real *a, int m, int v)
{
    return v_load(a + m * E3TP_CG_LINE + v * V_LANES);
}

V_INLINE void put(v_real *P, const int width, int slot, int v, v_real re, v_real im)
{
    P[slot * 2 * width + v] = re;
    P[(slot * 2 + 1) * width + v] = im;
}

#define PRODUCT_ARGS \
    product a, const int want, const int width, const real *x, const real *y, v_real *P

V_INLINE void product_REAL(PRODUCT_ARGS)
{
    (void)want;
    EACH_VECTOR(v)
    put(P, width, a.p, v, at(x, 0, v) * at(y, 0, v), v_zero());
}

V_INLINE void product_X0(PRODUCT_ARGS)
{
    (void)want;
    EACH_VECTOR(v)
    {
        const v_real x0 = at(x, 0, v);
        put(P, width, a.p, v, x0 * at(y, a.m2, v), x0 * at(y, -a.m2, v));
    }
}

V_INLINE void product_Y0(PRODUCT_ARGS)
{
    (void)want;
    EACH_VECTOR(v)
    {
        const v_real y0 = at(y, 0, v);
        put(P, width, a.p, v, at(x, a.m1, v) * y0, at(x, -a.m1, v) * y0);
    }
}

typedef struct complex2 {
    v_real p, pi, q, qi;
} complex2;

/* p = x y and q = x conj(y), or conj(x) y where m1 < m2. */
V_INLINE complex2 multiply(const real *x, const real *y, int m1, int m2, int v)
{
    const v_real xr = at(x, m1, v), xi = at(x, -m1, v);
    const v_real yr = at(y, m2, v), yi = at(y, -m2, v);
    const v_real rr = xr * yr, ir = m1 < m2 ? xr * yi : xi * yr;
    const v_real a1 = m1 < m2 ? xi : xr, a2 = m1 < m2 ? yr : yi;
    return (complex2){v_fnma(xi, yi, rr), v_fma(a1, a2, ir), v_fma(xi, yi, rr), v_fnma(a1, a2, ir)};
}

V_INLINE void product_FULL(PRODUCT_ARGS)
{
    EACH_VECTOR(v)
    {
        const complex2 c = multiply(x, y, a.m1, a.m2, v);
        if (want & SUM_ORDER)
            put(P, width, a.p, v, c.p, c.pi);
        put(P, width, a.q, v, c.q, c.qi);
    }
}

V_INLINE void product_BOTH_0(PRODUCT_ARGS)
{
    EACH_VECTOR(v)
    {
        const v_real x0 = at(x, 0, v), y0 = at(y, 0, v);
        const v_real re = at(x, a.m1, v) * y0, im = at(x, -a.m1, v) * y0;
        const v_real re2 = x0 * at(y, a.m1, v), im2 = x0 * at(y, -a.m1, v);
        put(P, width, a.p, v, re + re2, im + im2);
        if (want & DIFFERENCES)
            put(P, width, a.p_difference, v, re - re2, im - im2);
    }
}

V_INLINE void product_BOTH(PRODUCT_ARGS)
{
    EACH_VECTOR(v)
    {
        const complex2 c = multiply(x, y, a.m1, a.m2, v), d = multiply(x, y, a.m2, a.m1, v);
        put(P, width, a.q, v, c.q + d.q, c.qi + d.qi);
        if (want & DIFFERENCES)
            put(P, width, a.q_difference, v, c.q - d.q, c.qi - d.qi);
        if (!(want & SUM_ORDER))
            continue;
        put(P, width, a.p, v, c.p + d.p, c.pi + d.pi);
        if (want & DIFFERENCES)
            put(P, width, a.p_difference, v, c.p - d.p, c.pi - d.pi);
    }
}

/* Loops over terms: unrolled where their number is a literal. */
#ifdef E3TP_CG_PAIR_LOOPS
#define EACH_TERM(e, first, terms) for (int e = first; e < (terms); e++)
#else
#define EACH_TERM(e, first, terms) V_UNROLL for (int e = first; e < (terms); e++)
#endif

/* Order 0: z_0 += cw s. The first slot is that of x_0 y_0, which has no imaginary part. */
V_INLINE void order_0(const int terms, const int odd, const v_real *P, const real *k,
                      const v_real *cw, real *z)
{
    v_real s[TILE_VECS];
    V_UNROLL
    for (int v = 0; v < TILE_VECS; v++)
        s[v] = v_set1(k[odd]) * P[odd * (SLOT + TILE_VECS) + v];
    EACH_TERM(e, 1 + odd, terms)
    V_UNROLL
    for (int v = 0; v < TILE_VECS; v++)
        s[v] = v_fma(v_set1(k[e]), P[e * SLOT + odd * TILE_VECS + v], s[v]);
    V_UNROLL
    for (int v = 0; v < TILE_VECS; v++)
        v_store(z + v * V_LANES, v_fma(cw[v], s[v], at(z, 0, v)));
}

/* Order M > 0: z_M += cw Re s, z_-M += cw Im s; odd: z_M += cw Im s, z_-M -= cw Re s. */
V_INLINE void order(const int terms, const int M, const int odd, const v_real *P, const real *k,
                    const v_real *cw, real *z)
{
    v_real s[2 * TILE_VECS]; /* re, im */
    real *re = z + (odd ? -M : M) * T, *im = z + (odd ? M : -M) * T;
    V_UNROLL
    for (int i = 0; i < 2 * TILE_VECS; i++)
        s[i] = v_set1(k[0]) * P[i];
    EACH_TERM(e, 1, terms)
    V_UNROLL
    for (int i = 0; i < 2 * TILE_VECS; i++)
        s[i] = v_fma(v_set1(k[e]), P[e * SLOT + i], s[i]);
    V_UNROLL
    for (int v = 0; v < TILE_VECS; v++) {
        const v_real c = cw[v];
        const v_real before = at(re, 0, v);
        v_store(re + v * V_LANES, odd ? v_fnma(c, s[v], before) : v_fma(c, s[v], before));
        v_store(im + v * V_LANES, v_fma(c, s[TILE_VECS + v], at(im, 0, v)));
    }
}

/* The caller's outputs in a kernel's own variables, which stores to results cannot be taken to
   change: at component 0 of the present tile. */
typedef struct output {
    real *z; /* NULL: not wanted */
    const real *w;
    size_t z_step, w_step;
    real c;
    bool fresh;
} output;

V_INLINE void begin(output *o, const int n, const int least, const TARGET *out, real *ones)
{
    V_UNROLL
    for (int v = 0; v < T; v += V_LANES)
        v_store(ones + v, v_set1(1));
    EACH_TERM(i, 0, n)
    {
        const TARGET *from = &out[i];
        const int weighted = from->z && from->w;
        o[i] = (output){.z = from->z ? from->z + (least + i) * T : NULL,
                        .w = weighted ? from->w : ones,
                        .z_step = from->z ? from->z_stride : 0,
                        .w_step = weighted ? from->w_stride : 0,
                        .c = from->z ? from->c : 0,
                        .fresh = from->z && from->fresh};
    }
}

V_INLINE void advance(output *o, const int n)
{
    EACH_TERM(i, 0, n)
    {
        o[i].z += o[i].z_step;
        o[i].w += o[i].w_step;
    }
}

/* The largest degree that is wanted; 0: none. */
V_INLINE int largest_wanted(const output *o, int least, int n)
{
    while (n > 0 && !o[n - 1].z)
        n--;
    return n > 0 ? least + n - 1 : 0;
}

V_INLINE void scale_of(const output *o, v_real *cw)
{
    V_UNROLL
    for (int v = 0; v < TILE_VECS; v++)
        cw[v] = v_set1(o->c) * v_loadu(o->w + v * V_LANES);
}

/* One operand is a scalar s: z_m += c w k s a_m for all l orders m. */
V_INLINE void scaled(const int l, const real k, const real *s, const real *a, const output *o)
{
    real *z = o->z;
    const bool fresh = o->fresh;
    v_real cw[TILE_VECS];
    scale_of(o, cw);
    V_UNROLL
    for (int v = 0; v < TILE_VECS; v++)
        cw[v] *= v_set1(k) * at(s, 0, v);
    EACH_TERM(m, -l, l + 1)
    V_UNROLL
    for (int v = 0; v < TILE_VECS; v++) {
        real *to = z + m * T + v * V_LANES;
        v_store(to, fresh ? cw[v] * at(a, m, v) : v_fma(cw[v], at(a, m, v), v_load(to)));
    }
}

/* ---- what straight-line code for known degrees is written in ---- */

/* The products of a pair whose largest wanted degree is `top`, for one vector: P[slot], real and
   imaginary part. */
#define SET_PRODUCT(kind, m1, m2, p, q, pd, qd)                     \
    product_##kind((product){m1, m2, p, q, pd, qd},                 \
                   ((m1) + (m2) <= top ? SUM_ORDER : 0) |           \
                       (set == E3TP_CG_SET_EVEN ? 0 : DIFFERENCES), \
                   1, x, y, P);

/* One of them, as re and im. */
#define TAKE(slot)                                     \
    v_real re = P[2 * (slot)], im = P[2 * (slot) + 1]; \
    V_PIN(re);                                         \
    V_PIN(im)
#define TAKE_RE(slot) const v_real re = P[2 * (slot)]
#define TAKE_IM(slot) const v_real im = P[2 * (slot) + 1]

/* A pair as a table: see cg_pair_body.h for what it holds. */
enum {
    E3TP_CG_PRODUCT_REAL,
    E3TP_CG_PRODUCT_X0,
    E3TP_CG_PRODUCT_Y0,
    E3TP_CG_PRODUCT_FULL,
    E3TP_CG_PRODUCT_BOTH_0,
    E3TP_CG_PRODUCT_BOTH
};
typedef struct product_row {
    int16_t kind;
    product product;
} product_row;

typedef struct order_row {
    int16_t terms, slot, first;
} order_row;

typedef struct pair_table {
    int l1, l2, products, row;
    const product_row *product;
    const order_row *order[2]; /* by the parity of l1 + l2 + l3, M = 0..l1+l2 */
    const real *coefficients;  /* [l3][row] */
} pair_table;

void E3TP_NAME(e3tp_cg_pair_by_table)(const pair_table *table, size_t tiles, const real *x,
                                      size_t x_stride, const real *y, size_t y_stride,
                                      const TARGET *out);

#endif
