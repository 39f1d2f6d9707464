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

/* Channels that share y: z[k] += w sum_i M[i][k] x[i] for each row and tile of channels.

     M         row r of group r / T: element (i, k) at
               M + (r / T) * n1 * n3 * T + (i * n3 + k) * T + r % T
     x         tile t of row r at x + r * x_row + t * n1 * T; z alike with n3
     w         line of tile t at w + r * w_row + t * T, any alignment; NULL: ones
     sum       the rows' results go to one row of z, ascending
     prefetch  lines of w this many rows further on are fetched ahead (0: none) */
#define E3TP_CG_MIX(real)                           \
    {                                               \
        size_t rows, tiles;                         \
        int n1, n3, sum;                            \
        const real *M, *x, *w;                      \
        size_t x_row, x_tile, w_row, z_row, z_tile; \
        size_t prefetch;                            \
        real *z;                                    \
        const real *g; /* backward: gz */           \
        real *gx, *gw, *dM;                         \
        size_t gw_row;                              \
    }
typedef struct e3tp_cg_mix_f32 E3TP_CG_MIX(float) e3tp_cg_mix_f32;
typedef struct e3tp_cg_mix_f64 E3TP_CG_MIX(double) e3tp_cg_mix_f64;

/* table       out[o] += c w sum c_e a[i] b[j] over a table, tile by tile; w NULL: ones, else of any
               alignment, as in scale_add
   scale_add   z += w a, d components
   scale       a *= w, d components
   dot         line += sum over components a b
   build       M[i][k] += c sum_j c_e y[j], one tile of rows; entries with o = i, i = k, j = j
   build_back  gy[j] += c sum c_e dM[i][k]; entries with o = j, i = i, j = k
   mix, mix_back  above; back: with U_i = sum_k M[i][k] g_k, gx[i] += w U_i, gw line +=
               sum_i x_i U_i, and dM[i][k] = sum over channels w x_i g_k (layout of M); each of the
               three may be NULL
   connect     z[r][k][w] += sum_u t[r][k][u] W[u][w] for all rows r: t and z t_row and z_row apart,
               in tiles t_tile and z_tile apart, W rows w_row apart; what lies `ahead` of W is
               fetched too (0: nothing)
   outer       W[u][w] += sum over r and k of t[r][k][u] g[r][k][w]
   connect_back  one row: gt[k][u] += sum_w W[u][w] g[k][w];  gW[u][w] += sum_k t[k][u] g[k][w],
               NULL: none; t in tiles n3 T apart
 */
#define E3TP_CG_KERNELS(X, real, mix_type)                                                         \
    X(table, (const e3tp_cg_entry *e, size_t ne, double c, size_t tiles, const real *a,            \
              size_t a_stride, const real *b, size_t b_stride, const real *w, size_t w_stride,     \
              real *out, size_t out_stride))                                                       \
    X(scale_add, (size_t tiles, int d, const real *a, size_t a_stride, const real *w,              \
                  size_t w_stride, real *z, size_t z_stride))                                      \
    X(scale, (size_t tiles, int d, const real *w, size_t w_stride, real *a, size_t a_stride))      \
    X(dot, (size_t tiles, int d, const real *a, size_t a_stride, const real *b, size_t b_stride,   \
            real *line, size_t line_stride))                                                       \
    X(build, (const e3tp_cg_entry *e, size_t ne, double c, int n3, const real *y, real *M))        \
    X(build_back, (const e3tp_cg_entry *e, size_t ne, double c, int n3, const real *dM, real *gy)) \
    X(mix, (const mix_type *m))                                                                    \
    X(mix_back, (const mix_type *m))                                                               \
    X(connect,                                                                                     \
      (size_t rows, size_t m1, size_t mo, int n3, size_t ahead, const real *t, size_t t_row,       \
       size_t t_tile, const real *W, size_t w_row, real *z, size_t z_row, size_t z_tile))          \
    X(outer, (size_t rows, size_t m1, size_t mo, int n3, const real *t, size_t t_row,              \
              size_t t_tile, const real *g, size_t g_row, size_t g_tile, real *W, size_t w_row))   \
    X(connect_back, (size_t m1, size_t mo, int n3, const real *t, const real *W, size_t w_row,     \
                     const real *g, size_t g_tile, real *gt, real *gW))

#define E3TP_CG_MEMBER(name, args) void(*name) args;
typedef struct e3tp_cg_kernels_f32 {
    E3TP_CG_KERNELS(E3TP_CG_MEMBER, float, e3tp_cg_mix_f32)
} e3tp_cg_kernels_f32;
typedef struct e3tp_cg_kernels_f64 {
    E3TP_CG_KERNELS(E3TP_CG_MEMBER, double, e3tp_cg_mix_f64)
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
