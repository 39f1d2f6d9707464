/* SPDX-License-Identifier: MIT */
/* Transforms and products of signals, compiled once per tier and real. Exports one const struct. */
#include "grid/grid_kernels.h"

#include "simd/vec.h"

enum {
    T = 64 / sizeof(real),
    LANES = V_BYTES / sizeof(real),
    WIDE = V_BYTES == 64 ? 1 : 2, /* vectors in a pass over a line */
    PASS = WIDE * LANES,
    ROWS = 12 / WIDE
};

/* Up to here every loop bound is a literal after inlining: the accumulators stay in registers. */
typedef struct accumulators {
    v_real v[ROWS][WIDE];
} accumulators;

V_INLINE void clear(const int rows, accumulators *s)
{
    V_UNROLL
    for (int r = 0; r < rows; r++)
        V_UNROLL
    for (int i = 0; i < WIDE; i++)
        s->v[r][i] = v_zero();
}

/* Adds the product of a column of the matrix with one line of the input. */
V_INLINE void add_column(const int rows, accumulators *s, const real *A, const real *in)
{
    v_real x[WIDE];
    V_UNROLL
    for (int i = 0; i < WIDE; i++) {
        x[i] = v_load(in + i * LANES);
        V_PIN(x[i]);
    }
    V_UNROLL
    for (int r = 0; r < rows; r++) {
        const v_real a = v_set1(A[r]);
        V_UNROLL
        for (int i = 0; i < WIDE; i++)
            s->v[r][i] = v_fma(a, x[i], s->v[r][i]);
    }
}

V_INLINE void put(const int row, const accumulators *s, real *out)
{
    V_UNROLL
    for (int i = 0; i < WIDE; i++)
        v_store(out + i * LANES, s->v[row][i]);
}

V_INLINE void synthesise_tile(const int rows, size_t n, const real *A, const int32_t *list,
                              const real *in, size_t in_step, real *out, size_t stride,
                              size_t out_step, size_t count)
{
    for (size_t c = 0; c < count; c++, in += in_step, out += out_step)
        for (int pass = 0; pass < T; pass += PASS) {
            accumulators s;
            clear(rows, &s);
            for (size_t k = 0; k < n; k++)
                add_column(rows, &s, A + k * (size_t)rows, in + list[k] + pass);
            V_UNROLL
            for (int r = 0; r < rows; r++)
                put(r, &s, out + (size_t)r * stride + pass);
        }
}

V_INLINE void analyse_tile(const int rows, size_t n, const real *A, const int32_t *list,
                           const real *in, size_t stride, size_t in_step, real *out,
                           size_t out_step, size_t count)
{
    for (size_t c = 0; c < count; c++, in += in_step, out += out_step)
        for (int pass = 0; pass < T; pass += PASS) {
            accumulators s;
            clear(rows, &s);
            for (size_t k = 0; k < n; k++)
                add_column(rows, &s, A + k * (size_t)rows, in + k * stride + pass);
            V_UNROLL
            for (int r = 0; r < rows; r++)
                put(r, &s, out + list[r] + pass);
        }
}

/* CALL(r) with the literal r of a tile. */
#define CASE(r, CALL)                    \
    case r:                              \
        if ((r) <= ROWS)                 \
            CALL((r) <= ROWS ? (r) : 1); \
        break;
#define BY_ROWS(rows, CALL) \
    switch (rows) {         \
        CASE(1, CALL)       \
        CASE(2, CALL)       \
        CASE(3, CALL)       \
        CASE(4, CALL)       \
        CASE(5, CALL)       \
        CASE(6, CALL)       \
        CASE(7, CALL)       \
        CASE(8, CALL)       \
        CASE(9, CALL)       \
        CASE(10, CALL)      \
        CASE(11, CALL)      \
        CASE(12, CALL)      \
    default:                \
        break;              \
    }

static void synthesise(const e3tp_grid_step *s, size_t nsteps, const real *table,
                       const int32_t *lists, const real *in, size_t in_step, real *out,
                       size_t stride, size_t out_step, size_t count)
{
    for (; nsteps; nsteps--, s++) {
        const size_t n = s->n;
        const real *A = table + s->matrix;
        const int32_t *list = lists + s->list;
        real *to = out + s->base;
        for (uint32_t i = 0; i < s->cut.large + s->cut.small; i++) {
            const size_t tile = s->cut.tile - (i >= s->cut.large);
#define SYNTHESISE(r) synthesise_tile(r, n, A, list, in, in_step, to, stride, out_step, count)
            BY_ROWS(tile, SYNTHESISE)
            A += tile * n;
            to += tile * stride;
        }
    }
}

static void analyse(const e3tp_grid_step *s, size_t nsteps, const real *table, const int32_t *lists,
                    const real *in, size_t stride, size_t in_step, real *out, size_t out_step,
                    size_t count)
{
    for (; nsteps; nsteps--, s++) {
        const size_t n = s->n;
        const real *A = table + s->matrix, *from = in + s->base;
        const int32_t *list = lists + s->list;
        for (uint32_t i = 0; i < s->cut.large + s->cut.small; i++) {
            const size_t tile = s->cut.tile - (i >= s->cut.large);
#define ANALYSE(r) analyse_tile(r, n, A, list, from, stride, in_step, out, out_step, count)
            BY_ROWS(tile, ANALYSE)
            A += tile * n;
            list += tile;
        }
    }
}

/* Classes 2 r (even under reflection at the equator) and 2 r + 1 (odd), joined with sign: the
   signal on one hemisphere in four classes; product of two of them over the group of two bits. */
V_INLINE void hemisphere(const int sign, const real *x, const real *y, size_t step, v_real z[4])
{
    v_real a[4], b[4];
    V_UNROLL
    for (size_t r = 0; r < 4; r++) {
        const v_real ao = v_load(x + (2 * r + 1) * step), bo = v_load(y + (2 * r + 1) * step);
        a[r] = v_load(x + 2 * r * step), b[r] = v_load(y + 2 * r * step);
        a[r] = sign > 0 ? a[r] + ao : a[r] - ao;
        b[r] = sign > 0 ? b[r] + bo : b[r] - bo;
    }
    V_UNROLL
    for (int c = 0; c < 4; c++) {
        z[c] = a[0] * b[c];
        V_UNROLL
        for (int d = 1; d < 4; d++)
            z[c] = v_fma(a[d], b[c ^ d], z[c]);
    }
}

static void multiply(const real *x, const real *y, real *z, size_t points, size_t step)
{
    for (size_t at = 0; at < points * T; at += LANES) {
        v_real north[4], south[4];
        hemisphere(1, x + at, y + at, step, north);
        hemisphere(-1, x + at, y + at, step, south);
        V_UNROLL
        for (size_t r = 0; r < 4; r++) {
            v_store(z + at + 2 * r * step, north[r] + south[r]);
            v_store(z + at + (2 * r + 1) * step, north[r] - south[r]);
        }
    }
}

static void weigh(size_t nblocks, const int32_t *d, const real *w, const real *in, real *out)
{
    for (size_t i = 0; i < nblocks; i++, w += T)
        for (int32_t m = 0; m < d[i]; m++, in += T, out += T)
            V_UNROLL
    for (int at = 0; at < T; at += LANES)
        v_store(out + at, v_load(w + at) * v_load(in + at));
}

static void overlap(size_t nblocks, const int32_t *d, const real *a, const real *b, real *g)
{
    for (size_t i = 0; i < nblocks; i++, g += T)
        for (int at = 0; at < T; at += LANES) {
            v_real s = v_zero();
            for (int32_t m = 0; m < d[i]; m++)
                s = v_fma(v_load(a + m * T + at), v_load(b + m * T + at), s);
            v_store(g + at, s);
            if (at + (int)LANES == T)
                a += d[i] * T, b += d[i] * T;
        }
}

#define STRUCT_(r) e3tp_grid_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL) E3TP_NAME(e3tp_grid_kernels) = {E3TP_GRID_KERNELS(MEMBER, real)};
