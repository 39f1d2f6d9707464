/* SPDX-License-Identifier: MIT */
/* The kernels, compiled once per tier and real. Exports one const struct. */
#include "gaunt/gaunt_kernels.h"

#include <string.h>

#include "simd/complex.h"

#define T ((size_t)TILE_LANES)
#define POINT (2 * T)

static void to_points(size_t nu, const uint16_t *plus, const uint16_t *minus, const real *lines,
                      real *column)
{
    for (size_t u = 0; u < nu; u++)
        for (size_t v = 0; v < T; v += V_LANES) {
            const real *at = lines + u * T + v;
            const v_real a = v_load(at), b = v_load(at + nu * T), c = v_load(at + 2 * nu * T),
                         d = v_load(at + 3 * nu * T);
            const v_real e0 = v_zip_low(a, -b), e1 = v_zip_high(a, -b), o0 = v_zip_low(-d, -c),
                         o1 = v_zip_high(-d, -c);
            real *p = column + plus[u] * POINT + 2 * v, *q = column + minus[u] * POINT + 2 * v;
            v_store(q, e0 - o0);
            v_store(q + V_LANES, e1 - o1);
            v_store(p, e0 + o0);
            v_store(p + V_LANES, e1 + o1);
        }
}

static void to_lines(size_t nu, const uint16_t *plus, const uint16_t *minus, const real *column,
                     real *lines)
{
    for (size_t u = 0; u < nu; u++)
        for (size_t v = 0; v < T; v += V_LANES) {
            const real *p = column + plus[u] * POINT + 2 * v,
                       *q = column + minus[u] * POINT + 2 * v;
            const v_real p0 = v_load(p), p1 = v_load(p + V_LANES), q0 = v_load(q),
                         q1 = v_load(q + V_LANES);
            const v_real e0 = p0 + q0, e1 = p1 + q1, o0 = p0 - q0, o1 = p1 - q1;
            real *at = lines + u * T + v;
            v_store(at, v_even(e0, e1));
            v_store(at + nu * T, -v_odd(e0, e1));
            v_store(at + 2 * nu * T, -v_odd(o0, o1));
            v_store(at + 3 * nu * T, -v_even(o0, o1));
        }
}

/* p + iq and conj(p) + i conj(q); the first last, as +0 and -0 are one place. */
V_INLINE void join(v_real p, v_real q, real *plus, real *minus)
{
    v_store(minus, v_conj(p) + v_times_i(v_conj(q)));
    v_store(plus, p + v_times_i(q));
}

V_INLINE void column_to_rows(const bool odd, const e3tp_gaunt_quad *k, const e3tp_gaunt_places *at,
                             const real *column, real *row)
{
    for (size_t v = 0; v < POINT; v += V_LANES) {
        const v_real r = v_load(column + k->r * POINT + v),
                     r2 = v_load(column + k->mirror_r * POINT + v),
                     s = v_load(column + k->s * POINT + v),
                     s2 = v_load(column + k->mirror_s * POINT + v);
        join(r + r2, s + s2, row + at->plus_even * POINT + v, row + at->minus_even * POINT + v);
        if (odd)
            join(r - r2, s - s2, row + at->plus_odd * POINT + v, row + at->minus_odd * POINT + v);
    }
}

static void to_rows(size_t pairs, const e3tp_gaunt_quad *quad, const e3tp_gaunt_places *at,
                    bool odd, const real *column, size_t length, real *rows)
{
    for (size_t i = 0; i < pairs; i++)
        if (odd)
            column_to_rows(true, quad + i, at, column, rows + i * length * POINT);
        else
            column_to_rows(false, quad + i, at, column, rows + i * length * POINT);
}

V_INLINE void rows_to_column(const bool odd, const e3tp_gaunt_quad *k, const e3tp_gaunt_places *at,
                             const real *row, real *column)
{
    for (size_t v = 0; v < POINT; v += V_LANES) {
        const v_real p = v_load(row + at->plus_even * POINT + v),
                     q = v_conj(v_load(row + at->minus_even * POINT + v));
        const v_real er = p + q, es = v_times_i(q - p);
        v_real fr = v_zero(), fs = v_zero();
        if (odd) {
            const v_real po = v_load(row + at->plus_odd * POINT + v),
                         qo = v_conj(v_load(row + at->minus_odd * POINT + v));
            fr = po + qo, fs = v_times_i(qo - po);
        }
        v_store(column + k->mirror_s * POINT + v, es - fs);
        v_store(column + k->s * POINT + v, es + fs);
        v_store(column + k->mirror_r * POINT + v, er - fr);
        v_store(column + k->r * POINT + v, er + fr);
    }
}

static void to_column(size_t pairs, const e3tp_gaunt_quad *quad, const e3tp_gaunt_places *at,
                      bool odd, const real *rows, size_t length, real *column)
{
    for (size_t i = 0; i < pairs; i++)
        if (odd)
            rows_to_column(true, quad + i, at, rows + i * length * POINT, column);
        else
            rows_to_column(false, quad + i, at, rows + i * length * POINT, column);
}

static void clear(size_t count, const uint16_t *points, size_t n, size_t length, real *rows)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < count; k++)
            memset(rows + (i * length + points[k]) * POINT, 0, POINT * sizeof(real));
}

static void multiply(size_t n, const real *a, const real *b, real *out)
{
    for (size_t i = 0; i < n * T; i += V_LANES)
        v_store(out + i, v_load(a + i) * v_load(b + i));
}

static void products(size_t n, real *x, real *y, real *g)
{
    for (size_t i = 0; i < n * T; i += V_LANES) {
        const v_real a = v_load(x + i), b = v_load(y + i), c = v_load(g + i);
        v_store(x + i, c * b);
        v_store(y + i, c * a);
        v_store(g + i, a * b);
    }
}

#define STRUCT_(r) e3tp_gaunt_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL) E3TP_NAME(e3tp_gaunt_kernels) = {E3TP_GAUNT_KERNELS(MEMBER, real)};
