/* SPDX-License-Identifier: MIT */
/* Folded samples and the matrices to and from them; one list of kernels for the structs, the tier
   tables and the tests. Everything is lane tiles: a value is a line of T = 64 / sizeof(real) lanes.
   Offsets and strides are in elements, multiples of T; addresses are 64-byte aligned.

   A matrix has its coefficients on lines by a list, its samples E3TP_FOLD_CLASSES lines apart. It
   is cut into tiles of at most ROWS rows (e3tp_fold_rows), as equal as can be; a tile is stored as
   [input][row]. */
#ifndef E3TP_FOLD_H
#define E3TP_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/alloc.h"
#include "core/cpu.h"
#include "core/status.h"
#include "e3tp_config.h"

/* Parities of a function on the sphere under three reflections. */
enum { E3TP_FOLD_CLASSES = 8 };

/* Rows of a matrix that a tier keeps in registers, two vectors of accumulators each (AVX2, generic:
   16 registers) or one (AVX-512: a vector is a line). */
static inline size_t e3tp_fold_rows(e3tp_tier t)
{
    return t == E3TP_TIER_AVX512_ ? 12 : 6;
}

/* Vectors that share a coefficient: of a line, or where a vector is a line, of repeats. */
enum { E3TP_FOLD_PAIR = 2 };

/* Repeats of a tile of rows that share its coefficients. */
static inline size_t e3tp_fold_repeats(e3tp_tier t)
{
    return t == E3TP_TIER_AVX512_ ? E3TP_FOLD_PAIR : 1;
}

/* How rows are cut: `large` tiles of `tile` rows, then `small` tiles of one row less. */
typedef struct e3tp_fold_cut {
    uint32_t tile, large, small;
} e3tp_fold_cut;

static inline e3tp_fold_cut e3tp_fold_cut_rows(size_t rows, size_t most)
{
    const size_t tiles = (rows + most - 1) / most, tile = tiles ? (rows + tiles - 1) / tiles : 0;
    const size_t small = tile * tiles - rows;
    return (e3tp_fold_cut){(uint32_t)tile, (uint32_t)(tiles - small), (uint32_t)small};
}

/* First row of tile i, and its rows. */
static inline size_t e3tp_fold_cut_first(e3tp_fold_cut c, size_t i)
{
    return i * c.tile - (i > c.large ? i - c.large : 0);
}

static inline size_t e3tp_fold_cut_size(e3tp_fold_cut c, size_t i)
{
    return c.tile - (i >= c.large);
}

/* One tile of a stage. list: first in lists of its inputs (synthesise) or outputs (analyse);
   matrix: first element in table; base: first output (synthesise) or input (analyse). */
typedef struct e3tp_fold_step {
    uint32_t rows, n; /* outputs, inputs */
    size_t list, matrix, base;
} e3tp_fold_step;

/* Where tables are written; steps NULL: they are only counted. */
typedef struct e3tp_fold_tables {
    e3tp_dtype dtype;
    size_t most; /* rows of a tile: e3tp_fold_rows */
    e3tp_fold_step *steps;
    int32_t *lists;
    void *table; /* of the type */
    size_t nsteps, nlists, ntable;
    double fma;   /* multiply-adds per lane */
    double calls; /* tiles, each time they are run */
    double lines; /* lines that they write */
} e3tp_fold_tables;

/* Between n listed lines and `samples` ones from line `base` on, CLASSES apart; run `count` times.
   analysis: from samples to the list, else the reverse. */
typedef struct e3tp_fold_matrix {
    const size_t *line; /* [n] */
    size_t n, base, samples, count;
    bool analysis;
    double (*value)(const void *ctx, size_t term, size_t sample); /* an element, term < n */
    const void *ctx;
} e3tp_fold_matrix;

void e3tp_fold_add(e3tp_fold_tables *t, const e3tp_fold_matrix *a);
/* Memory for what `counted` counts, nothing in it. NOMEM only; destroy in any case. */
e3tp_status e3tp_fold_tables_create(e3tp_fold_tables *t, const e3tp_fold_tables *counted,
                                    const e3tp_allocator *a);
void e3tp_fold_tables_destroy(e3tp_fold_tables *t, const e3tp_allocator *a);
/* Multiply-adds of lines that all of t is worth, overheads included. */
double e3tp_fold_work(const e3tp_fold_tables *t);

/* Slots hold `length` lines each, E3TP_FOLD_CLASSES apart: the first line of a slot, and the lines
   of so many slots. */
static inline size_t e3tp_fold_slot(size_t slot, size_t length)
{
    return slot / E3TP_FOLD_CLASSES * E3TP_FOLD_CLASSES * length + slot % E3TP_FOLD_CLASSES;
}

static inline size_t e3tp_fold_slot_lines(size_t slots, size_t length)
{
    return (slots + E3TP_FOLD_CLASSES - 1) / E3TP_FOLD_CLASSES * length * E3TP_FOLD_CLASSES;
}

/* Samples stand point after point, the parity classes 0..7 of a point next to one another: class c
   of point p at (8 p + c) T. For each of nsteps steps
     synthesise  out[base + r * 8 T] = sum_k A[r][k] in[list[k]], r < rows, k < n
     analyse     out[list[r]]        = sum_k A[r][k] in[base + k * 8 T]
   `count` times, in and out moving on by in_step and out_step; adds: to what is in out.
   multiply    z[c] = 2 sum_d x[d] y[c ^ d] at each point; z may be x or y; adds: to what is in z
   monomial    z = c f^power a b, or adds it; n lines; a, b NULL: ones; power 0..4
   accumulate  z[m] += c w a[m] for `lines` lines; w: one line, or NULL for ones
   to_ring     classes of the points of a ring to the samples of the ring, north, and of its image
               beyond the equator, south; NULL: it has none. at[p]: elements from there to the
               samples of point p at phi, -phi, phi + pi, pi - phi; -1: no sample, or named before
   from_ring   the transpose, which overwrites the classes
   unfold      p[c] = sum_d (-1)^(bits of c & d) p[d] at each point: between the classes and the
               eight mirror images of a sample, either way but for a factor of 8
   combine     z[c] = unfold of the sum of the images a[i] b[i], i < n; n 1 or 2, and the last of
               them subtracted if minus; or 3; adds: to what is in z
   turn        a[m], b[m] = c a[m] + s b[m], s a[m] - c b[m] for `lines` lines */
#define E3TP_FOLD_KERNELS(X, real)                                                           \
    X(synthesise,                                                                            \
      (const e3tp_fold_step *s, size_t nsteps, const real *table, const int32_t *lists,      \
       const real *in, size_t in_step, real *out, size_t out_step, size_t count))            \
    X(analyse,                                                                               \
      (const e3tp_fold_step *s, size_t nsteps, const real *table, const int32_t *lists,      \
       const real *in, size_t in_step, real *out, size_t out_step, size_t count, bool adds)) \
    X(multiply, (const real *x, const real *y, real *z, size_t points, bool adds))           \
    X(monomial, (size_t n, real c, int power, const real *f, const real *a, const real *b,   \
                 real *z, bool adds))                                                        \
    X(accumulate, (size_t lines, real c, const real *w, const real *a, real *z))             \
    X(unfold, (real * p, size_t points))                                                     \
    X(combine, (size_t n, bool minus, const real *const *a, const real *const *b, real *z,   \
                size_t points, bool adds))                                                   \
    X(turn, (size_t lines, real c, real s, real * a, real * b))                              \
    X(to_ring,                                                                               \
      (const real *classes, size_t points, const int32_t(*at)[4], real *north, real *south)) \
    X(from_ring,                                                                             \
      (const real *north, const real *south, size_t points, const int32_t(*at)[4], real *classes))

#define E3TP_FOLD_MEMBER(name, args) void(*name) args;
typedef struct e3tp_fold_kernels_f32 {
    E3TP_FOLD_KERNELS(E3TP_FOLD_MEMBER, float)
} e3tp_fold_kernels_f32;
typedef struct e3tp_fold_kernels_f64 {
    E3TP_FOLD_KERNELS(E3TP_FOLD_MEMBER, double)
} e3tp_fold_kernels_f64;

#define E3TP_FOLD_DECLARE(tier)                                      \
    extern const e3tp_fold_kernels_f32 e3tp_fold_kernels_f32_##tier; \
    extern const e3tp_fold_kernels_f64 e3tp_fold_kernels_f64_##tier;
E3TP_FOLD_DECLARE(generic)
#if E3TP_HAVE_AVX2
E3TP_FOLD_DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
E3TP_FOLD_DECLARE(avx512)
#endif

#endif
