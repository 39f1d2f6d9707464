/* SPDX-License-Identifier: MIT */
/* Sums of rows of a table with lanes over the width, compiled once per tier and real. Exports one
   const struct. */
#include "radial/expand.h"
#include "simd/transpose.h"
#include "simd/vec.h"
#include "tile/tile.h"

/* Rows and vectors of a block: its accumulators, the vectors of a row of the table and a number fit
   the registers, 16 or (AVX-512) 32; four rows at least, for the terms of a spline. */
enum { ROWS = V_BYTES == 64 ? 6 : 4, COLUMNS = V_BYTES == 64 ? 4 : V_BYTES == 32 ? 3 : 2 };

/* How many from the k-th on have the same first, by an order or, NULL, as they come. */
V_INLINE size_t run_of(const e3tp_expand *e, const uint16_t *order, size_t k)
{
    const size_t first = e->first[order ? order[k] : k];
    size_t n = 1;
    while (k + n < e->n && e->first[order ? order[k + n] : k + n] == first)
        n++;
    return n;
}

/* ---- products of matrices ---- */

/* out[r] = sum over s of a[r a_row + s a_step] in[s], s ascending, or out[r] += each. */
typedef struct product {
    size_t steps;
    const real *a;
    size_t a_row, a_step;
    const real *in;
    real *out;
    size_t width; /* from a row of in or out to the next */
    bool add;
} product;

V_INLINE v_real load(const real *p, const int lanes)
{
    return lanes == V_LANES ? v_loadu(p) : v_load_n(p, lanes);
}

V_INLINE void store(real *p, v_real v, const int lanes)
{
    if (lanes == V_LANES)
        v_storeu(p, v);
    else
        v_store_n(p, v, lanes);
}

/* rows x columns vectors of out from row `row` and column `at` on. */
V_INLINE void block(const int rows, const int columns, const int lanes, const product *p,
                    size_t row, size_t at)
{
    v_real sum[ROWS][COLUMNS];
    const real *a = p->a + row * p->a_row, *in = p->in + at;
    real *out = p->out + row * p->width + at;
    V_UNROLL
    for (int r = 0; r < rows; r++)
        V_UNROLL
    for (int c = 0; c < columns; c++)
        sum[r][c] = p->add ? load(out + (size_t)r * p->width + c * V_LANES, lanes) : v_zero();
    for (size_t s = 0; s < p->steps; s++, a += p->a_step, in += p->width) {
        v_real t[COLUMNS];
        V_UNROLL
        for (int c = 0; c < columns; c++) {
            t[c] = load(in + c * V_LANES, lanes);
            V_PIN(t[c]);
        }
        V_UNROLL
        for (int r = 0; r < rows; r++) {
            const v_real x = v_set1(a[(size_t)r * p->a_row]);
            V_UNROLL
            for (int c = 0; c < columns; c++)
                sum[r][c] = v_fma(x, t[c], sum[r][c]);
        }
    }
    V_UNROLL
    for (int r = 0; r < rows; r++)
        V_UNROLL
    for (int c = 0; c < columns; c++)
        store(out + (size_t)r * p->width + c * V_LANES, sum[r][c], lanes);
}

#if V_BYTES == 64
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
#define EACH_ROWS(X) X(1) X(2) X(3) X(4)
#endif
#define DEFINE_BLOCKS(rows)                                                       \
    static void whole_##rows(const product *p, size_t row, size_t at, int lanes)  \
    {                                                                             \
        (void)lanes;                                                              \
        block(rows, COLUMNS, V_LANES, p, row, at);                                \
    }                                                                             \
    static void vector_##rows(const product *p, size_t row, size_t at, int lanes) \
    {                                                                             \
        block(rows, 1, lanes, p, row, at);                                        \
    }
EACH_ROWS(DEFINE_BLOCKS)
#define BLOCKS(rows) {vector_##rows, whole_##rows},
/* Of rows - 1: one vector, whole or not; COLUMNS whole ones. */
static void (*const blocks[ROWS][2])(const product *p, size_t row, size_t at,
                                     int lanes) = {EACH_ROWS(BLOCKS)};

/* Columns from..to-1 of so many rows. */
static void multiply(const product *p, size_t rows, size_t from, size_t to)
{
    const size_t lanes = V_LANES;
    for (size_t at = from, wide; at < to; at += wide) {
        const bool whole = to - at >= COLUMNS * lanes;
        wide = whole ? COLUMNS * lanes : to - at < lanes ? to - at : lanes;
        for (size_t row = 0, count; row < rows; row += count) {
            count = e3tp_cut(rows - row, ROWS);
            blocks[count - 1][whole](p, row, at, (int)wide);
        }
    }
}

/* ---- rows ---- */

/* Four factors of each of one or two sets: `sets` is a literal. */
V_INLINE void broadcast(const int sets, const real *const *b, v_real *to)
{
    V_UNROLL
    for (int i = 0; i < sets; i++)
        V_UNROLL
    for (int k = 0; k < 4; k++)
        to[4 * i + k] = v_set1(b[i][k]);
}

V_INLINE void four_terms_at(const int sets, const v_real *b, const real *t, size_t width,
                            real *const *out, size_t at, const bool add, const int lanes)
{
    v_real sum[2];
    V_UNROLL
    for (int i = 0; i < sets; i++)
        sum[i] = add ? load(out[i] + at, lanes) : v_zero();
    V_UNROLL
    for (int k = 0; k < 4; k++) {
        const v_real x = load(t + (size_t)k * width + at, lanes);
        V_UNROLL
        for (int i = 0; i < sets; i++)
            sum[i] = v_fma(b[4 * i + k], x, sum[i]);
    }
    V_UNROLL
    for (int i = 0; i < sets; i++)
        store(out[i] + at, sum[i], lanes);
}

/* A row of its own for each set; `add` is a literal. */
V_INLINE void four_terms(const int sets, const real *const *factors, const real *t, size_t width,
                         real *const *out, const bool add)
{
    const size_t lanes = V_LANES, step = lanes * (size_t)(4 / sets);
    v_real b[8];
    size_t at = 0;
    broadcast(sets, factors, b);
    for (; at + step <= width; at += step)
        V_UNROLL
    for (int v = 0; v < 4 / sets; v++)
        four_terms_at(sets, b, t, width, out, at + (size_t)v * lanes, add, V_LANES);
    for (; at + lanes <= width; at += lanes)
        four_terms_at(sets, b, t, width, out, at, add, V_LANES);
    if (at < width)
        four_terms_at(sets, b, t, width, out, at, add, (int)(width - at));
}

static void rows(const e3tp_expand *e, const void *table, void *out, bool add)
{
    const size_t terms = e->terms, width = e->width;
    for (size_t i = 0, n; i < e->n; i += n) {
        const real *b = (const real *)e->b + i * terms,
                   *t = (const real *)table + e->first[i] * width;
        real *to = (real *)out + i * width;
        const product p = {terms, b, terms, 1, t, to, width, add};
        n = run_of(e, NULL, i);
        if (terms != 4 || n > 1)
            multiply(&p, n, 0, width);
        else if (add)
            four_terms(1, &b, t, width, &to, true);
        else
            four_terms(1, &b, t, width, &to, false);
    }
}

static void rows_of_two(const e3tp_expand *e, const void *b2, const void *table, void *out,
                        void *out2)
{
    const size_t width = e->width;
    if (e->terms != 4) {
        const e3tp_expand second = {e->n, e->terms, width, b2, e->first, NULL};
        rows(e, table, out, false);
        rows(&second, table, out2, false);
        return;
    }
    for (size_t i = 0; i < e->n; i++) {
        const real *const b[2] = {(const real *)e->b + 4 * i, (const real *)b2 + 4 * i};
        real *const to[2] = {(real *)out + i * width, (real *)out2 + i * width};
        four_terms(2, b, (const real *)table + e->first[i] * width, width, to, false);
    }
}

/* ---- terms ---- */

/* Rows and terms of a block of dot products; four terms at least, for those of a spline. */
enum { DOT_ROWS = V_BYTES == 64 ? 6 : V_BYTES == 32 ? 3 : 2, DOT_TERMS = 4 };

typedef struct dots {
    const real *t, *g; /* [terms][width], [rows][width] */
    real *gb;          /* [rows][terms] */
    size_t terms, width;
    bool add;
} dots;

V_INLINE void dot_step(const int rows, const int terms, size_t width, const real *g, const real *t,
                       const int lanes, v_real sum[DOT_ROWS][DOT_TERMS])
{
    v_real x[DOT_ROWS];
    V_UNROLL
    for (int r = 0; r < rows; r++) {
        x[r] = load(g + (size_t)r * width, lanes);
        V_PIN(x[r]);
    }
    V_UNROLL
    for (int k = 0; k < terms; k++) {
        v_real y = load(t + (size_t)k * width, lanes);
        V_PIN(y);
        V_UNROLL
        for (int r = 0; r < rows; r++)
            sum[r][k] = v_fma(x[r], y, sum[r][k]);
    }
}

/* The sums over lanes of a block, a vector of them together. */
V_INLINE void dot_sums(const int rows, const int terms, const dots *d,
                       v_real sum[DOT_ROWS][DOT_TERMS], real *gb)
{
    enum { L = V_BYTES / sizeof(real) };
    const int n = rows * terms;
    V_UNROLL
    for (int from = 0; from < n; from += L) {
        v_real lanes[L];
        V_UNROLL
        for (int i = from; i < from + L; i++)
            lanes[i - from] = i < n ? sum[i / terms][i % terms] : v_zero();
        const v_real sums = v_sums(lanes);
        V_UNROLL
        for (int i = from; i < from + L; i++)
            if (i < n) {
                real *to = gb + (size_t)(i / terms) * d->terms + i % terms;
                *to = (d->add ? *to : 0) + sums[i - from];
            }
    }
}

V_INLINE void dot_block(const int rows, const int terms, const dots *d, size_t row, size_t term)
{
    const size_t width = d->width;
    const real *g = d->g + row * width, *t = d->t + term * width;
    v_real sum[DOT_ROWS][DOT_TERMS];
    size_t at = 0;
    V_UNROLL
    for (int r = 0; r < rows; r++)
        V_UNROLL
    for (int k = 0; k < terms; k++)
        sum[r][k] = v_zero();
    for (; at + (size_t)V_LANES <= width; at += (size_t)V_LANES)
        dot_step(rows, terms, width, g + at, t + at, V_LANES, sum);
    if (at < width)
        dot_step(rows, terms, width, g + at, t + at, (int)(width - at), sum);
    dot_sums(rows, terms, d, sum, d->gb + row * d->terms + term);
}

#if V_BYTES == 64
#define EACH_DOTS(X) X(1) X(2) X(3) X(4) X(5) X(6)
#elif V_BYTES == 32
#define EACH_DOTS(X) X(1) X(2) X(3)
#else
#define EACH_DOTS(X) X(1) X(2)
#endif
#define DEFINE_DOTS_(rows, terms)                                             \
    static void dots_##rows##_##terms(const dots *d, size_t row, size_t term) \
    {                                                                         \
        dot_block(rows, terms, d, row, term);                                 \
    }
#define DEFINE_DOTS(rows) \
    DEFINE_DOTS_(rows, 1) DEFINE_DOTS_(rows, 2) DEFINE_DOTS_(rows, 3) DEFINE_DOTS_(rows, 4)
EACH_DOTS(DEFINE_DOTS)
#define DOTS(rows) {dots_##rows##_1, dots_##rows##_2, dots_##rows##_3, dots_##rows##_4},
static void (*const dot_blocks[DOT_ROWS][DOT_TERMS])(const dots *d, size_t row,
                                                     size_t term) = {EACH_DOTS(DOTS)};

static void terms(const e3tp_expand *e, const void *table, const void *g, void *gb, bool add)
{
    for (size_t i = 0, n; i < e->n; i += n) {
        const dots d = {(const real *)table + e->first[i] * e->width,
                        (const real *)g + i * e->width,
                        (real *)gb + i * e->terms,
                        e->terms,
                        e->width,
                        add};
        n = run_of(e, NULL, i);
        for (size_t k = 0, count; k < e->terms; k += count) {
            count = e3tp_cut(e->terms - k, DOT_TERMS);
            for (size_t r = 0, some; r < n; r += some) {
                some = e3tp_cut(n - r, DOT_ROWS);
                dot_blocks[some - 1][count - 1](&d, r, k);
            }
        }
    }
}

/* ---- table ---- */

enum { AHEAD = 12 };

/* In double: of a block of rows of the table so many, of their columns so many vectors. */
typedef double v_wide __attribute__((vector_size(V_BYTES)));
typedef double v_wide_u __attribute__((vector_size(V_BYTES), aligned(8), may_alias));
enum { WIDE_LANES = V_BYTES / sizeof(double), WIDE_VECS = V_BYTES == 64 ? 4 : 2, WIDE_ROWS = 4 };
typedef real v_narrow_u
    __attribute__((vector_size(WIDE_LANES * sizeof(real)), aligned(__alignof__(real)), may_alias));

/* A run: t[k] += b[i b_step + k] g[i], rows of t and g `width` apart. */
typedef struct wide_run {
    size_t n, b_step, width;
    const real *b, *g;
    double *t;
} wide_run;

V_INLINE void wide_block(const int rows, const wide_run *p, size_t row, size_t at)
{
    v_wide sum[WIDE_ROWS][WIDE_VECS];
    double *t = p->t + row * p->width + at;
    const real *b = p->b + row, *g = p->g + at;
    V_UNROLL
    for (int k = 0; k < rows; k++)
        V_UNROLL
    for (int c = 0; c < WIDE_VECS; c++)
        sum[k][c] = *(const v_wide_u *)(t + (size_t)k * p->width + c * WIDE_LANES);
    for (size_t i = 0; i < p->n; i++, b += p->b_step, g += p->width) {
        v_wide x[WIDE_VECS];
        V_UNROLL
        for (int c = 0; c < WIDE_VECS; c++)
            x[c] = __builtin_convertvector(*(const v_narrow_u *)(g + c * WIDE_LANES), v_wide);
        V_UNROLL
        for (int k = 0; k < rows; k++)
            V_UNROLL
        for (int c = 0; c < WIDE_VECS; c++)
            sum[k][c] += (double)b[k] * x[c];
    }
    V_UNROLL
    for (int k = 0; k < rows; k++)
        V_UNROLL
    for (int c = 0; c < WIDE_VECS; c++)
        *(v_wide_u *)(t + (size_t)k * p->width + c * WIDE_LANES) = sum[k][c];
}

/* Fewer columns than a block has, of one row. */
static void wide_edge(const wide_run *p, size_t row, size_t from, size_t to)
{
    double *t = p->t + row * p->width;
    for (size_t i = 0; i < p->n; i++)
        for (size_t c = from; c < to; c++)
            t[c] += (double)p->b[i * p->b_step + row] * (double)p->g[i * p->width + c];
}

static void multiply_wide(const wide_run *p, size_t rows, size_t from, size_t to)
{
    enum { BLOCK = WIDE_VECS * WIDE_LANES };
    size_t at = from;
    for (; at + BLOCK <= to; at += BLOCK) {
        size_t row = 0;
        for (; row + WIDE_ROWS <= rows; row += WIDE_ROWS)
            wide_block(WIDE_ROWS, p, row, at);
        for (; row < rows; row++)
            wide_block(1, p, row, at);
    }
    for (size_t row = 0; row < rows; row++)
        wide_edge(p, row, at, to);
}

/* Of a row that comes later, columns from..to-1, to the second-level cache: the first holds the
   table's part. */
V_INLINE void fetch(const real *row, size_t from, size_t to)
{
    for (size_t c = from; c < to; c += 64 / sizeof(real))
        __builtin_prefetch(row + c, 0, 2);
}

/* The items of a run of equal first in an order, of one set of factors and rows or of two: four
   rows of the table, `columns` vectors, stay in registers for all of them. */
typedef struct four_run {
    const uint16_t *order;
    size_t n, width;
    const real *b[2], *g[2];
    real *t;
} four_run;

enum { FOUR_COLUMNS = V_BYTES == 64 ? 4 : 2 };

V_INLINE void four_block(const int sets, const int columns, const int lanes, const four_run *p,
                         size_t at)
{
    v_real sum[4][FOUR_COLUMNS];
    V_UNROLL
    for (int k = 0; k < 4; k++)
        V_UNROLL
    for (int c = 0; c < columns; c++)
        sum[k][c] = load(p->t + (size_t)k * p->width + at + c * V_LANES, lanes);
    for (size_t j = 0; j < p->n; j++)
        V_UNROLL
    for (int i = 0; i < sets; i++) {
        const real *b = p->b[i] + 4 * (size_t)p->order[j],
                   *g = p->g[i] + p->order[j] * p->width + at;
        v_real x[FOUR_COLUMNS];
        V_UNROLL
        for (int c = 0; c < columns; c++) {
            x[c] = load(g + c * V_LANES, lanes);
            V_PIN(x[c]);
        }
        V_UNROLL
        for (int k = 0; k < 4; k++) {
            const v_real f = v_set1(b[k]);
            V_UNROLL
            for (int c = 0; c < columns; c++)
                sum[k][c] = v_fma(f, x[c], sum[k][c]);
        }
    }
    V_UNROLL
    for (int k = 0; k < 4; k++)
        V_UNROLL
    for (int c = 0; c < columns; c++)
        store(p->t + (size_t)k * p->width + at + c * V_LANES, sum[k][c], lanes);
}

V_INLINE void four_columns(const int sets, const four_run *p, size_t from, size_t to)
{
    const size_t lanes = V_LANES;
    size_t at = from;
    for (; at + FOUR_COLUMNS * lanes <= to; at += FOUR_COLUMNS * lanes)
        four_block(sets, FOUR_COLUMNS, V_LANES, p, at);
    for (; at + lanes <= to; at += lanes)
        four_block(sets, 1, V_LANES, p, at);
    if (at < to)
        four_block(sets, 1, (int)(to - at), p, at);
}

/* Rows of the next run are fetched while this one is added up. */
V_INLINE void four_runs(const int sets, const e3tp_expand *e, const real *const *b,
                        const real *const *g, real *gtable, size_t from, size_t to)
{
    for (size_t k = 0, n; k < e->n; k += n) {
        four_run p = {.order = e->order + k,
                      .width = e->width,
                      .t = gtable + e->first[e->order[k]] * e->width};
        p.n = n = run_of(e, e->order, k);
        for (size_t j = k + n; j < e->n && j < k + 2 * n; j++)
            for (int i = 0; i < sets; i++)
                fetch(g[i] + e->order[j] * e->width, from, to);
        for (int i = 0; i < sets; i++)
            p.b[i] = b[i], p.g[i] = g[i];
        four_columns(sets, &p, from, to);
    }
}

static void table(const e3tp_expand *e, const void *g, void *gtable, bool wide, size_t from,
                  size_t to)
{
    const size_t terms = e->terms, width = e->width;
    if (e->order) {
        four_runs(1, e, (const real *const[]){e->b}, (const real *const[]){g}, gtable, from, to);
        return;
    }
    for (size_t i = 0, n; i < e->n; i += n) {
        const real *b = (const real *)e->b + i * terms, *in = (const real *)g + i * width;
        const size_t at = e->first[i] * width;
        n = run_of(e, NULL, i);
        if (i + AHEAD < e->n)
            fetch(in + AHEAD * width, from, to);
        if (wide && sizeof(real) < sizeof(double)) {
            const wide_run p = {n, terms, width, b, in, (double *)gtable + at};
            multiply_wide(&p, terms, from, to);
        } else {
            const product p = {n, b, 1, terms, in, (real *)gtable + at, width, true};
            multiply(&p, terms, from, to);
        }
    }
}

static void table_of_two(const e3tp_expand *e, const void *b2, const void *g, const void *g2,
                         void *gtable, bool wide, size_t from, size_t to)
{
    if (e->order) {
        four_runs(2, e, (const real *const[]){e->b, b2}, (const real *const[]){g, g2}, gtable, from,
                  to);
        return;
    }
    const e3tp_expand second = {e->n, e->terms, e->width, b2, e->first, NULL};
    table(e, g, gtable, wide, from, to);
    table(&second, g2, gtable, wide, from, to);
}

static void widen(const uint16_t *from, size_t n, void *out)
{
    real *to = out;
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)from[i] << 16; /* of a float: its upper half is kept */
        float value;
        memcpy(&value, &bits, sizeof value);
        to[i] = (real)value;
    }
}

const e3tp_expand_kernels E3TP_NAME(e3tp_expand_kernels) = {rows,        terms,        table,
                                                            rows_of_two, table_of_two, widen};
