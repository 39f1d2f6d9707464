/* SPDX-License-Identifier: MIT */
/* What the kernels that tools/gen_cg_signals writes are made of. A slot is a complex number: two
   vectors of lanes. ODD: whether the product is antisymmetric. */
#ifndef E3TP_CG_SIGNALS_BODY_H
#define E3TP_CG_SIGNALS_BODY_H

#include "cg/cg_signals.h"

#include "cg/cg_lines_steps.h"
#include "simd/name.h"
#include "simd/vec.h"

#define E3TP_CG_SIGNALS CAT3(e3tp_cg_signals, _, E3TP_REAL)

/* Components m and -m of the degree whose m = 0 is component `c` of all; the first of x is
   component bx of all, of y by. */
#define XR(c, m) x[(c) + (m)-bx]
#define XI(c, m) x[(c) - (m)-bx]
#define YR(c, m) y[(c) + (m)-by]
#define YI(c, m) y[(c) - (m)-by]
#define SIGNALS const int bx, const int by, const v_real *x, const v_real *y

/* x_A y_B + x_B y_A, or their difference. */
V_INLINE v_real both(const int odd, v_real xa, v_real yb, v_real xb, v_real ya)
{
    return odd ? v_fnma(xb, ya, xa * yb) : v_fma(xb, ya, xa * yb);
}

/* The products of two real or imaginary parts. */
typedef struct parts {
    v_real rr, ii, ri, ir;
} parts;

V_INLINE parts parts_of(const int odd, SIGNALS, int a, int ma, int b, int mb)
{
    const v_real xar = XR(a, ma), xai = XI(a, ma), xbr = XR(b, mb), xbi = XI(b, mb);
    const v_real yar = YR(a, ma), yai = YI(a, ma), ybr = YR(b, mb), ybi = YI(b, mb);
    return (parts){both(odd, xar, ybr, xbr, yar), both(odd, xai, ybi, xbi, yai),
                   both(odd, xar, ybi, xbi, yar), both(odd, xai, ybr, xbr, yai)};
}

#define PRODUCT_ARGS const int odd, SIGNALS, v_real *P, int p, int q, int a, int ma, int b, int mb

V_INLINE void product_SELF_0(PRODUCT_ARGS)
{
    (void)odd, (void)q, (void)ma, (void)b, (void)mb;
    P[2 * p] = XR(a, 0) * YR(a, 0);
}

V_INLINE void product_BOTH_0(PRODUCT_ARGS)
{
    (void)q, (void)ma, (void)mb;
    P[2 * p] = both(odd, XR(a, 0), YR(b, 0), XR(b, 0), YR(a, 0));
}

V_INLINE void product_RIGHT_0(PRODUCT_ARGS)
{
    (void)q, (void)mb;
    const v_real x0 = XR(b, 0), y0 = YR(b, 0);
    P[2 * p] = both(odd, XR(a, ma), y0, x0, YR(a, ma));
    P[2 * p + 1] = both(odd, XI(a, ma), y0, x0, YI(a, ma));
}

V_INLINE void product_PQ(PRODUCT_ARGS)
{
    const parts s = parts_of(odd, bx, by, x, y, a, ma, b, mb);
    P[2 * p] = s.rr - s.ii;
    P[2 * p + 1] = s.ri + s.ir;
    P[2 * q] = s.rr + s.ii;
    P[2 * q + 1] = s.ir - s.ri;
}

/* Of order 0 the sums take one part. */
V_INLINE void product_PQ_0(PRODUCT_ARGS)
{
    const parts s = parts_of(odd, bx, by, x, y, a, ma, b, mb);
    P[2 * p] = s.rr - s.ii;
    P[2 * p + 1] = s.ri + s.ir;
    P[2 * q + odd] = odd ? s.ir - s.ri : s.rr + s.ii;
}

V_INLINE void product_Q(PRODUCT_ARGS)
{
    (void)p;
    const parts s = parts_of(odd, bx, by, x, y, a, ma, b, mb);
    P[2 * q] = s.rr + s.ii;
    P[2 * q + 1] = s.ir - s.ri;
}

V_INLINE void product_Q_0(PRODUCT_ARGS)
{
    (void)p;
    const parts s = parts_of(odd, bx, by, x, y, a, ma, b, mb);
    P[2 * q + odd] = odd ? s.ir - s.ri : s.rr + s.ii;
}

V_INLINE void product_SELF(PRODUCT_ARGS)
{
    (void)odd, (void)b, (void)mb;
    const v_real xr = XR(a, ma), xi = XI(a, ma), yr = YR(a, ma), yi = YI(a, ma);
    const v_real rr = xr * yr;
    P[2 * p] = v_fnma(xi, yi, rr);
    P[2 * p + 1] = v_fma(xr, yi, xi * yr);
    P[2 * q] = v_fma(xi, yi, rr);
}

V_INLINE void product_SELF_Q(PRODUCT_ARGS)
{
    (void)p, (void)b, (void)mb;
    const v_real xr = XR(a, ma), xi = XI(a, ma), yr = YR(a, ma), yi = YI(a, ma);
    P[2 * q + odd] = odd ? v_fnma(xr, yi, xi * yr) : v_fma(xi, yi, xr * yr);
}

/* Ordered pairs: x_A y_B alone. */
V_INLINE void product_ONE_0(PRODUCT_ARGS)
{
    (void)odd, (void)q, (void)ma, (void)mb;
    P[2 * p] = XR(a, 0) * YR(b, 0);
}

V_INLINE void product_ONE_X0(PRODUCT_ARGS)
{
    (void)odd, (void)q, (void)ma;
    P[2 * p] = XR(a, 0) * YR(b, mb);
    P[2 * p + 1] = XR(a, 0) * YI(b, mb);
}

V_INLINE void product_ONE_Y0(PRODUCT_ARGS)
{
    (void)odd, (void)q, (void)mb;
    P[2 * p] = XR(a, ma) * YR(b, 0);
    P[2 * p + 1] = XI(a, ma) * YR(b, 0);
}

V_INLINE void product_ONE_Q(PRODUCT_ARGS)
{
    (void)odd, (void)p;
    const v_real xr = XR(a, ma), xi = XI(a, ma), yr = YR(b, mb), yi = YI(b, mb);
    P[2 * q] = v_fma(xi, yi, xr * yr);
    P[2 * q + 1] = ma < mb ? v_fnma(xi, yr, xr * yi) : v_fnma(xr, yi, xi * yr);
}

V_INLINE void product_ONE(PRODUCT_ARGS)
{
    (void)odd;
    const v_real xr = XR(a, ma), xi = XI(a, ma), yr = YR(b, mb), yi = YI(b, mb);
    const v_real rr = xr * yr, ir = ma < mb ? xr * yi : xi * yr;
    const v_real a1 = ma < mb ? xi : xr, a2 = ma < mb ? yr : yi;
    P[2 * p] = v_fnma(xi, yi, rr);
    P[2 * p + 1] = v_fma(a1, a2, ir);
    P[2 * q] = v_fma(xi, yi, rr);
    P[2 * q + 1] = v_fnma(a1, a2, ir);
}

#define PRODUCT(which, p, q, a, ma, b, mb) \
    product_##which(ODD, FIRST_X *FIRST_X, ODD, x, y, P, p, q, a, ma, b, mb);

#define TAKE(part, at)   \
    v_real part = P[at]; \
    V_PIN(part)

/* One vector of a result. plain: without factors, stored. */
typedef struct result {
    real *z;
    const real *w;
    size_t step, w_step;
    bool plain, adds;
} result;

V_INLINE result begin(const LINES_OF *z, bool adds)
{
    return (result){z->v, z->w, z->step, z->w_step, !z->w && !adds, adds};
}

/* The address of a line is made where it is needed: one for each, made before, would take
 * registers. */
V_INLINE size_t times(size_t step, int line)
{
    __asm__ volatile("" : "+r"(step));
    return (size_t)line * step;
}

V_INLINE void put(const result *to, size_t at, int degree, int line, v_real s)
{
    real *z = to->z + at + times(to->step, line);
    if (to->plain) {
        v_storeu(z, s);
        return;
    }
    if (to->w)
        s *= v_loadu(to->w + at + times(to->w_step, degree));
    v_storeu(z, to->adds ? v_loadu(z) + s : s);
}

#define PUT_0(l, s) put(&to, at, (l)-ODD, (l) * ((l) + 1) - ODD, s);
#define PUT(l, M, re, im)                                            \
    put(&to, at, (l)-ODD, (l) * ((l) + 1) + (M)-ODD, ODD ? im : re); \
    put(&to, at, (l)-ODD, (l) * ((l) + 1) - (M)-ODD, ODD ? v_zero() - re : im);

/* Tiles in one loop: all that lie side by side. */
V_INLINE size_t together(size_t tiles, const LINES_OF *x, const LINES_OF *y, const LINES_OF *z)
{
    return x->tile == T && y->tile == T && z->tile == T ? tiles : 1;
}

V_INLINE void advance(LINES_OF *lines)
{
    lines->v += lines->tile;
    lines->w = lines->w ? lines->w + T : NULL;
}

V_INLINE void next(result *to, const LINES_OF *z)
{
    to->z += z->tile;
    to->w = to->w ? to->w + T : NULL;
}

/* Opens and closes a kernel of degrees first..last of x, ODD..lmax of y; between them stands the
   code for one vector. */
#define LINES(first, last) (((last) + 1) * ((last) + 1) - (first) * (first))
#define BEGIN(name, slots, first, last, lmax)                                              \
    static void name(size_t tiles, const LINES_OF *x_from, const LINES_OF *y_from,         \
                     const LINES_OF *z, bool adds)                                         \
    {                                                                                      \
        enum { FIRST_X = first };                                                          \
        v_real P[2 * (slots)], x_lines[LINES(first, last)], y_lines[LINES(ODD, lmax)];     \
        LINES_OF xs = *x_from, ys = *y_from;                                               \
        result to = begin(z, adds);                                                        \
        const size_t each = together(tiles, x_from, y_from, z);                            \
        for (size_t t = 0; t < tiles; t += each, advance(&xs), advance(&ys), next(&to, z)) \
            for (size_t at = 0; at < each * T; at += V_LANES) {                            \
                const v_real *const x = take(first, last, &xs, at, x_lines);               \
                const v_real *const y = take(ODD, lmax, &ys, at, y_lines);
#define END \
    }       \
    }

#endif
