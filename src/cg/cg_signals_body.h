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

/* The address of a line is made where it is needed: one for each, made before, would take
 * registers.
 */
V_INLINE void put(real *z, size_t step, int line, v_real s, bool adds)
{
    __asm__ volatile("" : "+r"(step));
    z += (size_t)line * step;
    v_storeu(z, adds ? v_loadu(z) + s : s);
}

#define PUT_0(c, s) put(z, z_step, (c)-ODD, s, adds);
#define PUT(c, M, re, im)                               \
    put(z, z_step, (c) + (M)-ODD, ODD ? im : re, adds); \
    put(z, z_step, (c) - (M)-ODD, ODD ? v_zero() - re : im, adds);

/* One vector of each line of an operand, at `to`; returns where they are. More than registers hold
   are copied in a loop, as each line would need an address, and read by the code that follows
   through a pointer of unknown value, from the middle on, which makes short instructions. */
V_INLINE const v_real *take(const int n, const real *from, size_t step, v_real *to)
{
    if (n <= 9) {
        V_UNROLL
        for (int i = 0; i < n; i++)
            to[i] = v_loadu(from + (size_t)i * step);
        return to;
    }
    V_ROLL
    for (int i = 0; i < n; i++, from += step)
        to[i] = v_loadu(from);
    const v_real *middle = to + n / 2;
    __asm__ volatile("" : "+r"(middle) : : "memory");
    return middle - n / 2;
}

#define KERNEL_(kind, l) kind##_##l
#define KERNEL(kind, l) KERNEL_(kind, l)

/* Opens and closes a kernel; between them stands the code for one vector. */
#define BEGIN(kind, l, slots)                                                              \
    static void KERNEL(kind, l)(size_t tiles, const real *x_from, size_t x_step,           \
                                const real *y_from, size_t y_step, real *z, size_t z_step, \
                                bool adds)                                                 \
    {                                                                                      \
        enum { LINES = ((l) + 1) * ((l) + 1) - ODD };                                      \
        v_real P[2 * (slots)], lines[2 * LINES];                                           \
        for (size_t v = 0; v < tiles * TILE_VECS;                                          \
             v++, x_from += V_LANES, y_from += V_LANES, z += V_LANES) {                    \
            const v_real *const x = take(LINES, x_from, x_step, lines);                    \
            const v_real *const y = take(LINES, y_from, y_step, lines + LINES);
#define END \
    }       \
    }

#endif
