/* SPDX-License-Identifier: MIT */
/* What the kernels that tools/gen_cg_signals writes are made of. A slot is a complex number: two
   vectors of lanes. ODD: whether the product is antisymmetric. */
#ifndef E3TP_CG_SIGNALS_BODY_H
#define E3TP_CG_SIGNALS_BODY_H

#include "cg/cg_signals.h"
#include "simd/name.h"
#include "simd/vec.h"

enum { T = 64 / sizeof(real) };

#define CAT3_(a, b, c) a##b##c
#define CAT3(a, b, c) CAT3_(a, b, c)
#define E3TP_CG_SIGNALS CAT3(e3tp_cg_signals, _, E3TP_REAL)

#define K(c) v_set1(R(c))

/* Components m and -m of the degree whose m = 0 is component `c` of all. */
#define RE(a, c, m) a[(c) + (m)-odd]
#define IM(a, c, m) a[(c) - (m)-odd]

/* x_A y_B + x_B y_A, or their difference. */
V_INLINE v_real both(const int odd, v_real xa, v_real yb, v_real xb, v_real ya)
{
    return odd ? v_fnma(xb, ya, xa * yb) : v_fma(xb, ya, xa * yb);
}

/* The products of two real or imaginary parts. */
typedef struct parts {
    v_real rr, ii, ri, ir;
} parts;

V_INLINE parts parts_of(const int odd, const v_real *x, const v_real *y, int a, int ma, int b,
                        int mb)
{
    const v_real xar = RE(x, a, ma), xai = IM(x, a, ma), xbr = RE(x, b, mb), xbi = IM(x, b, mb);
    const v_real yar = RE(y, a, ma), yai = IM(y, a, ma), ybr = RE(y, b, mb), ybi = IM(y, b, mb);
    return (parts){both(odd, xar, ybr, xbr, yar), both(odd, xai, ybi, xbi, yai),
                   both(odd, xar, ybi, xbi, yar), both(odd, xai, ybr, xbr, yai)};
}

#define PRODUCT_ARGS                                                                         \
    const int odd, const v_real *x, const v_real *y, v_real *P, int p, int q, int a, int ma, \
        int b, int mb

V_INLINE void product_SELF_0(PRODUCT_ARGS)
{
    (void)odd, (void)q, (void)ma, (void)b, (void)mb;
    P[2 * p] = RE(x, a, 0) * RE(y, a, 0);
}

V_INLINE void product_BOTH_0(PRODUCT_ARGS)
{
    (void)q, (void)ma, (void)mb;
    P[2 * p] = both(odd, RE(x, a, 0), RE(y, b, 0), RE(x, b, 0), RE(y, a, 0));
}

V_INLINE void product_RIGHT_0(PRODUCT_ARGS)
{
    (void)q, (void)mb;
    const v_real x0 = RE(x, b, 0), y0 = RE(y, b, 0);
    P[2 * p] = both(odd, RE(x, a, ma), y0, x0, RE(y, a, ma));
    P[2 * p + 1] = both(odd, IM(x, a, ma), y0, x0, IM(y, a, ma));
}

V_INLINE void product_PQ(PRODUCT_ARGS)
{
    const parts s = parts_of(odd, x, y, a, ma, b, mb);
    P[2 * p] = s.rr - s.ii;
    P[2 * p + 1] = s.ri + s.ir;
    P[2 * q] = s.rr + s.ii;
    P[2 * q + 1] = s.ir - s.ri;
}

/* Of order 0 the sums take one part. */
V_INLINE void product_PQ_0(PRODUCT_ARGS)
{
    const parts s = parts_of(odd, x, y, a, ma, b, mb);
    P[2 * p] = s.rr - s.ii;
    P[2 * p + 1] = s.ri + s.ir;
    P[2 * q + odd] = odd ? s.ir - s.ri : s.rr + s.ii;
}

V_INLINE void product_Q(PRODUCT_ARGS)
{
    (void)p;
    const parts s = parts_of(odd, x, y, a, ma, b, mb);
    P[2 * q] = s.rr + s.ii;
    P[2 * q + 1] = s.ir - s.ri;
}

V_INLINE void product_Q_0(PRODUCT_ARGS)
{
    (void)p;
    const parts s = parts_of(odd, x, y, a, ma, b, mb);
    P[2 * q + odd] = odd ? s.ir - s.ri : s.rr + s.ii;
}

V_INLINE void product_SELF(PRODUCT_ARGS)
{
    (void)odd, (void)b, (void)mb;
    const v_real xr = RE(x, a, ma), xi = IM(x, a, ma), yr = RE(y, a, ma), yi = IM(y, a, ma);
    const v_real rr = xr * yr;
    P[2 * p] = v_fnma(xi, yi, rr);
    P[2 * p + 1] = v_fma(xr, yi, xi * yr);
    P[2 * q] = v_fma(xi, yi, rr);
}

V_INLINE void product_SELF_Q(PRODUCT_ARGS)
{
    (void)p, (void)b, (void)mb;
    const v_real xr = RE(x, a, ma), xi = IM(x, a, ma), yr = RE(y, a, ma), yi = IM(y, a, ma);
    P[2 * q + odd] = odd ? v_fnma(xr, yi, xi * yr) : v_fma(xi, yi, xr * yr);
}

#define PRODUCT(which, p, q, a, ma, b, mb) product_##which(ODD, x, y, P, p, q, a, ma, b, mb);

/* Products before sums: the compiler may keep them in registers, but not make them late. */
#define KEEP_ORDER __asm__ volatile("" : : : "memory")

#define TAKE(part, at)   \
    v_real part = P[at]; \
    V_PIN(part)

#define LINES_OF CAT3(e3tp_cg_lines, _, E3TP_REAL)

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

/* One vector of each line of an operand of degrees odd..l, times its factors, at `to`; returns
   where they are. More than registers hold are copied in a loop, as each line would need an
   address, and read by the code that follows through a pointer of unknown value, from the middle
   on, which makes short instructions. */
V_INLINE const v_real *take(const int odd, const int l, const LINES_OF *lines, size_t at,
                            v_real *to)
{
    const int n = (l + 1) * (l + 1) - odd;
    const real *from = lines->v + at, *w = lines->w ? lines->w + at : NULL;
    if (l <= 2) {
        V_UNROLL
        for (int i = 0; i < n; i++)
            to[i] = v_loadu(from + (size_t)i * lines->step);
        if (w)
            V_UNROLL
        for (int i = 0; i < n; i++)
            to[i] *= v_loadu(w + (size_t)(i + odd < 1   ? 0
                                          : i + odd < 4 ? 1 - odd
                                                        : 2 - odd) *
                                     lines->w_step);
        return to;
    }
    V_ROLL
    for (int i = 0; i < n; i++, from += lines->step)
        to[i] = v_loadu(from);
    if (w)
        V_ROLL
    for (int d = odd, i = 0; d <= l; d++, w += lines->w_step)
        V_ROLL
    for (int m = -d; m <= d; m++, i++)
        to[i] *= v_loadu(w);
    const v_real *middle = to + n / 2;
    __asm__ volatile("" : "+r"(middle) : : "memory");
    return middle - n / 2;
}

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

#define KERNEL_(kind, l) kind##_##l
#define KERNEL(kind, l) KERNEL_(kind, l)

/* Opens and closes a kernel; between them stands the code for one vector. */
#define BEGIN(kind, l, slots)                                                                 \
    static void KERNEL(kind, l)(size_t tiles, const LINES_OF *x_from, const LINES_OF *y_from, \
                                const LINES_OF *z, bool adds)                                 \
    {                                                                                         \
        enum { LINES = ((l) + 1) * ((l) + 1) - ODD };                                         \
        v_real P[2 * (slots)], lines[2 * LINES];                                              \
        LINES_OF xs = *x_from, ys = *y_from;                                                  \
        result to = begin(z, adds);                                                           \
        const size_t each = together(tiles, x_from, y_from, z);                               \
        for (size_t t = 0; t < tiles; t += each, advance(&xs), advance(&ys), next(&to, z))    \
            for (size_t at = 0; at < each * T; at += V_LANES) {                               \
                const v_real *const x = take(ODD, l, &xs, at, lines);                         \
                const v_real *const y = take(ODD, l, &ys, at, lines + LINES);
#define END \
    }       \
    }

#endif
