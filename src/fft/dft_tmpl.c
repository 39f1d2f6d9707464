/* SPDX-License-Identifier: MIT */
/* The own DFT: a pass of short transforms in place, compiled once per tier and real. Exports one
   const struct. */
#include "fft/engine.h"
#include "simd/complex.h"

enum { HALF = E3TP_DFT_MAX / 2 + 1 };

/* Sums and differences of the points j and length - j. The middle one of an even length and the
 * first stand alone. */
V_INLINE void fold(int length, size_t stride, const real *x, v_real *even, v_real *odd)
{
    even[0] = v_load(x);
    odd[0] = v_zero();
    for (int j = 1; 2 * j <= length; j++) {
        const v_real a = v_load(x + (size_t)j * stride),
                     b = v_load(x + (size_t)(length - j) * stride);
        even[j] = 2 * j < length ? a + b : a;
        odd[j] = a - b;
    }
}

V_INLINE void outputs(int first, int length, size_t stride, const real *table, const v_real *even,
                      const v_real *odd, real *x)
{
    v_real c[E3TP_DFT_TILE], s[E3TP_DFT_TILE];
    V_UNROLL
    for (int q = 0; q < E3TP_DFT_TILE; q++)
        c[q] = s[q] = v_zero();
    for (int j = 0; 2 * j <= length; j++, table += 2 * E3TP_DFT_TILE) {
        const v_real e = even[j], o = odd[j];
        V_UNROLL
        for (int q = 0; q < E3TP_DFT_TILE; q++) {
            c[q] = v_fma(v_set1(table[2 * q]), e, c[q]);
            s[q] = v_fma(v_set1(table[2 * q + 1]), o, s[q]);
        }
    }
    V_UNROLL
    for (int q = 0; q < E3TP_DFT_TILE; q++) {
        const int k = first + q;
        if (2 * k > length)
            break;
        const v_real turned = v_times_i(s[q]);
        v_store(x + (size_t)k * stride, c[q] + turned);
        if (k > 0 && 2 * k < length)
            v_store(x + (size_t)(length - k) * stride, c[q] - turned);
    }
}

static void transform(const e3tp_fft_pass *p, const real *table, real *x)
{
    v_real even[HALF], odd[HALF];
    const size_t stride = (size_t)p->stride * 2 * TILE_LANES;
    const size_t tile = (size_t)(p->length / 2 + 1) * 2 * E3TP_DFT_TILE;
    for (int v = 0; v < 2 * TILE_LANES; v += V_LANES) {
        fold(p->length, stride, x + v, even, odd);
        for (int k = 0; 2 * k <= p->length; k += E3TP_DFT_TILE)
            outputs(k, p->length, stride, table + (size_t)(k / E3TP_DFT_TILE) * tile, even, odd,
                    x + v);
    }
}

static void pass(const e3tp_fft_pass *p, size_t lines, size_t n, const real *table, real *data)
{
    for (size_t i = 0; i < lines; i++)
        for (int j = 0; j < p->others; j++)
            transform(p, table,
                      data + (i * n + (size_t)j * (size_t)p->step) * 2 * (size_t)TILE_LANES);
}

#define STRUCT_(r) e3tp_dft_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL) E3TP_NAME(e3tp_dft_kernels) = {E3TP_DFT_KERNELS(MEMBER, real)};
