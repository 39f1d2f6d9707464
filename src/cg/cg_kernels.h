/* SPDX-License-Identifier: MIT */
/* The kernels of the backend, one list for the structs, the tier tables and the tests. Operands are
   packed (tile/tile.h): component m of tile t at base + t * stride + m * T, T = 64 / sizeof(real)
   lanes; a line is one T of weights. All kernels add to their outputs, whose unused lanes they may
   fill with anything finite-in, finite-out. */
#ifndef E3TP_CG_KERNELS_H
#define E3TP_CG_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "core/cpu.h"
#include "e3tp_config.h"

/* One non-zero of a coupling tensor: out[o] += c a[i] b[j]; tables are sorted by o. */
typedef struct e3tp_cg_entry {
    int16_t i, j, o;
    double c;
} e3tp_cg_entry;

/* Four non-zeros of equal size: with p = a[i] b[j] + s a[i2] b[j2] and q = a[i] b[j2] + t a[i2]
   b[j], out[o] += c p and out[o2] += d q. Groups of those with the same o and o2, in them by kinds:
   of signs s = + t = +, s = + t = -, s = - t = +, s = - t = -; then of two non-zeros, p = a[i] b[j]
   with q = a[i] b[j2], and with q = a[i2] b[j]. */
typedef struct e3tp_cg_quad {
    int16_t i, i2, j, j2;
    double c, d;
} e3tp_cg_quad;

enum { E3TP_CG_QUAD_KINDS = 6 };
typedef struct e3tp_cg_quad_group {
    int16_t o, o2;
    size_t end[E3TP_CG_QUAD_KINDS]; /* in the list of all; a group begins where the last one ends */
} e3tp_cg_quad_group;

/* Channels that share y. A source is a path with one channel of y: what it adds to component k of a
   block of results is sum_i M[i][k] w v[i], for each row and tile of channels. Of at most T rows:

     v        component i < n of tile t of row r at v + r * row + t * tile + i * step, any alignment
     index    mix, mix_back: index[r] in place of r there; NULL: r
     M        element (i, k) of row r at M + (i * N + k) * T + r, N the components of the results
     w        line of tile t at w + r * w_row + t * T, any alignment; NULL: ones
     w_index  w_index[r] in place of r there; NULL: r
     v2, w2   where the job is paired, and not NULL: w v + w2 v2 in place of w v, w not NULL
     fetch    what comes to be read later, fetched as weights are read, as much as these: line t of
              row r at fetch + r * w_row + t * T, with fetch_index[r] in place of r if that is not
              NULL, else of sums all lines of the job's rows one after the other; NULL: nothing
     x, gw    mix_back: gw is the product with x of the sums without w; gw NULL: not wanted. gw lies
              as w does, x as the job says
     gw_from  what the product is added to, lies as gw does; NULL: nothing
     gw_past  gw is written past the caches
     only_gw  mix_back: adds nothing to the results */
#define E3TP_CG_SOURCE(real)        \
    {                               \
        const real *v, *v2;         \
        const int64_t *index;       \
        size_t row, tile, step;     \
        int n;                      \
        const real *M, *w, *w2;     \
        const real *fetch;          \
        const int64_t *fetch_index; \
        const int64_t *w_index;     \
        size_t w_row;               \
        const real *x;              \
        real *gw;                   \
        const real *gw_from;        \
        size_t gw_row;              \
        size_t gw_from_row;         \
        int gw_past, only_gw;       \
    }
typedef struct e3tp_cg_source_f32 E3TP_CG_SOURCE(float) e3tp_cg_source_f32;
typedef struct e3tp_cg_source_f64 E3TP_CG_SOURCE(double) e3tp_cg_source_f64;

enum { E3TP_CG_MOST_SOURCES = 64 };

/* Rows first .. first + rows - 1 of `count` sources, E3TP_CG_MOST_SOURCES at most, to a block of n
   components: component k of tile t of the i-th of these rows at z + i * z_row + t * z_tile + k *
   z_step, any alignment.

     rest      lanes of one tile more, that nothing is read or written beyond: 0 .. T - 1
     sum       all rows add to one row of z, source by source, ascending
     fresh     z is written, else added to
     opens     mix_back: the first source that is not only_gw; it writes z where that is fresh
     paired    some sources have v2; not for mix_back
     x_row, x_tile, x_step  of all x, rows as of v
     fetches   lines that come to be read later are fetched with each row: so many of row 0 at
               `fetch`, of others `fetch_row` further on, of two operands and of what weights are
               made of */
#define E3TP_CG_MIX(real, source)            \
    {                                        \
        size_t first, rows, tiles;           \
        size_t count, opens;                 \
        const source *from;                  \
        int rest;                            \
        int n, sum, fresh, paired;           \
        real *z;                             \
        size_t z_row, z_tile, z_step;        \
        size_t x_row, x_tile, x_step;        \
        bool fetches;                        \
        const real *fetch[3];                \
        size_t fetch_row[3], fetch_lines[3]; \
    }
typedef struct e3tp_cg_mix_f32 E3TP_CG_MIX(float, e3tp_cg_source_f32) e3tp_cg_mix_f32;
typedef struct e3tp_cg_mix_f64 E3TP_CG_MIX(double, e3tp_cg_source_f64) e3tp_cg_mix_f64;

/* table       out[o] += c w sum c_e a[i] b[j] over a table, tile by tile; w NULL: ones, else of any
               alignment, as in scale_add
   quads       the same over the quads of n groups
   scale_add   z += w a, d components
   scale       z = w a, d components; z may be a
   dot         line += sum over components a b
   build       M[i][k] += c w sum_j c_e y[j], one tile of rows, (i, k) i_step * i + k_step * k lines
               from M; w a line, NULL: ones; entries with o = i, i = k, j = j
   mix         above */
/* mix_back    of one source at least, n odd, where M[i][k] takes results to operands:
               u_k = sum_i M[i][k] v_i, z[k] += w u_k (NULL: not wanted), and for each source
               gw = sum_k x_k u_k
   overlap     of each pair of sources v, g, element (i, k) = sum over channels of
               (w v_i + w2 v2_i) g_k: of row r at D + (i g->n + k) * T + r, pair after pair
   build_back  gradients of `build` by a gradient D of M, element (i, k) line N i + k:
               gy[j] += c w sum c_e D[i][k], gw += c sum c_e y[j] D[i][k] (NULL: not wanted; w NULL:
               ones); entries with o = j, i = i, j = k */
/* connect     z[r][i][w] += s[r][i][w] = sum_u t[r][i][u] W[u][w], i < n1, for all rows r: t and z
               t_row and z_row apart, in tiles t_tile and z_tile apart, W rows w_row apart; what
               lies `ahead` of W is fetched too. M: z[r][k][w] += sum_i M[i][k] s[r][i][w], k < n,
               element (i, k) of row r at M + (i n + k) T + r
   outer       W[u][w] += sum over r and k of t[r][k][u] g[r][k][w]
   connect_back  one row: gt[k][u] += sum_w W[u][w] g[k][w]; gW[u][w] += sum_k t[k][u] g[k][w],
               fresh: written; either NULL: none; t and gt in tiles t_tile apart; `ahead` as in
               connect, of W and gW */
#define E3TP_CG_KERNELS(X, real, mix_type, source)                                                 \
    X(table, (const e3tp_cg_entry *e, size_t ne, double c, size_t tiles, const real *a,            \
              size_t a_stride, const real *b, size_t b_stride, const real *w, size_t w_stride,     \
              real *out, size_t out_stride))                                                       \
    X(quads, (const e3tp_cg_quad_group *g, size_t n, const e3tp_cg_quad *e, double c,              \
              size_t tiles, const real *a, size_t a_stride, const real *b, size_t b_stride,        \
              const real *w, size_t w_stride, real *out, size_t out_stride))                       \
    X(scale_add, (size_t tiles, int d, const real *a, size_t a_stride, const real *w,              \
                  size_t w_stride, real *z, size_t z_stride))                                      \
    X(scale, (size_t tiles, int d, const real *a, size_t a_stride, const real *w, size_t w_stride, \
              real *z, size_t z_stride))                                                           \
    X(dot, (size_t tiles, int d, const real *a, size_t a_stride, const real *b, size_t b_stride,   \
            real *line, size_t line_stride))                                                       \
    X(build, (const e3tp_cg_entry *e, size_t ne, double c, int i_step, int k_step, const real *y,  \
              const real *w, real *M))                                                             \
    X(mix, (const mix_type *m))                                                                    \
    X(mix_back, (const mix_type *m))                                                               \
    X(overlap,                                                                                     \
      (size_t rows, size_t channels, size_t pairs, const source *v, const source *g, real *D))     \
    X(build_back, (const e3tp_cg_entry *e, size_t ne, double c, size_t N, const real *D,           \
                   const real *y, const real *w, real *gy, real *gw))                              \
    X(connect, (size_t rows, size_t m1, size_t mo, int n1, int n, size_t ahead, const real *t,     \
                size_t t_row, size_t t_tile, const real *W, size_t w_row, const real *M, real *z,  \
                size_t z_row, size_t z_tile))                                                      \
    X(outer, (size_t rows, size_t m1, size_t mo, int n3, const real *t, size_t t_row,              \
              size_t t_tile, const real *g, size_t g_row, size_t g_tile, real *W, size_t w_row))   \
    X(connect_back,                                                                                \
      (size_t m1, size_t mo, int n3, size_t ahead, const real *t, size_t t_tile, const real *W,    \
       size_t w_row, const real *g, size_t g_tile, real *gt, real *gW, int fresh))

#define E3TP_CG_MEMBER(name, args) void(*name) args;
typedef struct e3tp_cg_kernels_f32 {
    E3TP_CG_KERNELS(E3TP_CG_MEMBER, float, e3tp_cg_mix_f32, e3tp_cg_source_f32)
} e3tp_cg_kernels_f32;
typedef struct e3tp_cg_kernels_f64 {
    E3TP_CG_KERNELS(E3TP_CG_MEMBER, double, e3tp_cg_mix_f64, e3tp_cg_source_f64)
} e3tp_cg_kernels_f64;

#define E3TP_CG_DECLARE(tier)                                    \
    extern const e3tp_cg_kernels_f32 e3tp_cg_kernels_f32_##tier; \
    extern const e3tp_cg_kernels_f64 e3tp_cg_kernels_f64_##tier;
E3TP_CG_DECLARE(generic)
#if E3TP_HAVE_AVX2
E3TP_CG_DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
E3TP_CG_DECLARE(avx512)
#endif

#endif
