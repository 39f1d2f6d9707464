/* SPDX-License-Identifier: MIT */
/* The kernels, compiled once per tier and real. Exports one const struct. */
#include "gaunt/gaunt_kernels.h"

#include <string.h>

#include "simd/complex.h"

#define T ((size_t)TILE_LANES)
#define POINT (2 * T)

V_INLINE v_real line_of(const real *lines, int32_t line)
{
    return line < 0 ? v_zero() : v_load(lines + (size_t)line * T);
}

/* -m first: +0 and -0 are one place. */
static void join(size_t n, const e3tp_gaunt_order *orders, const real *lines, real *ring)
{
    for (const e3tp_gaunt_order *o = orders; o < orders + n; o++)
        for (size_t v = 0; v < T; v += V_LANES) {
            v_real north[2], south[2];
            V_UNROLL
            for (int s = 0; s < 2; s++) {
                const v_real even = line_of(lines + v, o->line[0][s]),
                             odd = line_of(lines + v, o->line[1][s]);
                north[s] = even + odd, south[s] = even - odd;
            }
            const v_real a0 = v_zip_low(north[0], south[0]), a1 = v_zip_high(north[0], south[0]),
                         b0 = v_zip_low(-south[1], north[1]), b1 = v_zip_high(-south[1], north[1]);
            real *minus = ring + o->minus * POINT + 2 * v, *plus = ring + o->plus * POINT + 2 * v;
            v_store(minus, a0 + b0);
            v_store(minus + V_LANES, a1 + b1);
            v_store(plus, a0 - b0);
            v_store(plus + V_LANES, a1 - b1);
        }
}

V_INLINE void store_line(real *lines, int32_t line, v_real x)
{
    if (line >= 0)
        v_store(lines + (size_t)line * T, x);
}

static void split(size_t n, const e3tp_gaunt_order *orders, const real *ring, real *lines)
{
    for (const e3tp_gaunt_order *o = orders; o < orders + n; o++)
        for (size_t v = 0; v < T; v += V_LANES) {
            const real *minus = ring + o->minus * POINT + 2 * v,
                       *plus = ring + o->plus * POINT + 2 * v;
            const v_real p0 = v_load(plus), p1 = v_load(plus + V_LANES), q0 = v_load(minus),
                         q1 = v_load(minus + V_LANES);
            const v_real a0 = p0 + q0, a1 = p1 + q1, b0 = p0 - q0, b1 = p1 - q1;
            const v_real north[2] = {v_even(a0, a1), -v_odd(b0, b1)},
                         south[2] = {v_odd(a0, a1), v_even(b0, b1)};
            V_UNROLL
            for (int s = 0; s < 2; s++) {
                store_line(lines + v, o->line[0][s], north[s] + south[s]);
                store_line(lines + v, o->line[1][s], north[s] - south[s]);
            }
        }
}

static void clear(size_t count, const uint16_t *points, real *ring)
{
    for (size_t k = 0; k < count; k++)
        memset(ring + points[k] * POINT, 0, POINT * sizeof(real));
}

static void multiply(size_t n, const real *a, const real *b, real *out, bool adds)
{
    for (size_t i = 0; i < n * T; i += V_LANES)
        v_store(out + i, v_fma(v_load(a + i), v_load(b + i), adds ? v_load(out + i) : v_zero()));
}

#define STRUCT_(r) e3tp_gaunt_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL) E3TP_NAME(e3tp_gaunt_kernels) = {E3TP_GAUNT_KERNELS(MEMBER, real)};
