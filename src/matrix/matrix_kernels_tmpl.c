/* SPDX-License-Identifier: MIT */
/* Products of matrices in lanes, compiled once per tier and real. Exports one const struct. */
#include "matrix/matrix_kernels.h"

#include "simd/vec.h"
#include "tile/tile.h"

/* Rows and columns of a tile of the product: accumulators, a row's and a column's numbers fit the
   registers, 16 or (AVX-512) 32. */
enum { T = 64 / sizeof(real), ROWS = V_BYTES == 64 ? 5 : 3, COLUMNS = V_BYTES == 64 ? 4 : 3 };

static void butterfly(size_t n4, const uint16_t *quads, size_t n2, const uint16_t *pairs, real *m)
{
    for (const uint16_t *end = pairs + 2 * n2; pairs < end; pairs += 2)
        for (int at = 0; at < T; at += V_LANES) {
            real *p = m + pairs[0] * T + at, *q = m + pairs[1] * T + at;
            const v_real a = v_load(p), b = v_load(q);
            v_store(p, a + b);
            v_store(q, a - b);
        }
    for (const uint16_t *end = quads + 4 * n4; quads < end; quads += 4)
        for (int at = 0; at < T; at += V_LANES) {
            real *p = m + quads[0] * T + at, *q = m + quads[1] * T + at, *r = m + quads[2] * T + at,
                 *s = m + quads[3] * T + at;
            const v_real a = v_load(p), b = v_load(q), c = v_load(r), d = v_load(s);
            const v_real ab = a + b, a_b = a - b, cd = c + d, c_d = c - d;
            v_store(p, ab + cd);
            v_store(q, a_b + c_d);
            v_store(r, ab - cd);
            v_store(s, a_b - c_d);
        }
}

/* What a tile is made of. */
typedef struct factors {
    size_t n;
    const real *a, *b;
    size_t a_row, a_column, b_row, b_column;
    bool adds;
} factors;

V_INLINE void multiply_tile(const int rows, const int columns, const factors *f, const real *a,
                            const real *b, real *c)
{
    for (int at = 0; at < T; at += V_LANES) {
        v_real sum[ROWS][COLUMNS];
        const real *row = a + at, *column = b + at;
        V_UNROLL
        for (int i = 0; i < rows; i++)
            V_UNROLL
        for (int j = 0; j < columns; j++)
            sum[i][j] = v_zero();
        for (size_t k = 0; k < f->n; k++, row += f->a_column, column += f->b_row) {
            v_real y[COLUMNS];
            V_UNROLL
            for (int j = 0; j < columns; j++) {
                y[j] = v_load(column + (size_t)j * f->b_column);
                V_PIN(y[j]);
            }
            V_UNROLL
            for (int i = 0; i < rows; i++) {
                v_real x = v_load(row + (size_t)i * f->a_row);
                V_PIN(x);
                V_UNROLL
                for (int j = 0; j < columns; j++)
                    sum[i][j] = v_fma(x, y[j], sum[i][j]);
            }
        }
        V_UNROLL
        for (int i = 0; i < rows; i++)
            V_UNROLL
        for (int j = 0; j < columns; j++) {
            real *to = c + ((size_t)i * f->n + (size_t)j) * T + at;
            v_store(to, f->adds ? v_load(to) + sum[i][j] : sum[i][j]);
        }
    }
}

#define TILE_ARGS const factors *f, const real *a, const real *b, real *c

#if V_BYTES == 64
#define EACH_COLUMNS(X, r) X(r, 1) X(r, 2) X(r, 3) X(r, 4)
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5)
#else
#define EACH_COLUMNS(X, r) X(r, 1) X(r, 2) X(r, 3)
#define EACH_ROWS(X) X(1) X(2) X(3)
#endif
#define DEFINE_TILE(r, columns)                 \
    static void tile_##r##_##columns(TILE_ARGS) \
    {                                           \
        multiply_tile(r, columns, f, a, b, c);  \
    }
#define DEFINE_ROW(r) EACH_COLUMNS(DEFINE_TILE, r)
EACH_ROWS(DEFINE_ROW)
#define TILE(r, columns) tile_##r##_##columns,
#define TILES(r) {EACH_COLUMNS(TILE, r)},
static void (*const tile_code[ROWS][COLUMNS])(TILE_ARGS) = {EACH_ROWS(TILES)};

static void multiply(size_t n, const real *a, size_t a_row, size_t a_column, const real *b,
                     size_t b_row, size_t b_column, real *c, bool adds)
{
    const factors f = {n, a, b, a_row, a_column, b_row, b_column, adds};
    for (size_t i = 0, rows; i < n; i += rows) {
        rows = e3tp_cut(n - i, ROWS);
        for (size_t j = 0, columns; j < n; j += columns) {
            columns = e3tp_cut(n - j, COLUMNS);
            tile_code[rows - 1][columns - 1](&f, a + i * a_row, b + j * b_column,
                                             c + (i * n + j) * T);
        }
    }
}

static void combine(size_t lines, real *a, real *b)
{
    for (size_t i = 0; i < lines * T; i += V_LANES) {
        const v_real p = v_load(a + i), q = v_load(b + i);
        v_store(a + i, p + q);
        v_store(b + i, p - q);
    }
}

#define STRUCT_(r) e3tp_matrix_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL) E3TP_NAME(e3tp_matrix_kernels) = {E3TP_MATRIX_KERNELS(MEMBER, real)};
