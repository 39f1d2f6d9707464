/* SPDX-License-Identifier: MIT */
/* The kernels of the backend, one list for the structs, the tier tables and the tests. Operands are
   packed: component m of a block with `lanes` lanes starts at m * lanes. All kernels add to their
   outputs. */
#ifndef E3TP_CG_KERNELS_H
#define E3TP_CG_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "core/cpu.h"
#include "e3tp_config.h"

/* One non-zero c W[i][j][k]; a table is sorted by k. */
typedef struct e3tp_cg_entry {
    int16_t i, j, k;
    double c;
} e3tp_cg_entry;

/* lanes: z[k] += w sum c x[i] y[j];  w NULL: ones.
   lanes_back: gx, gy, gw (each may be NULL) of the same.
   shared: z[k][u] += w[u * ws] sum_i M[i][k] x[i][u], u < n, rows of x and z `lx`, `lz` apart; w
   NULL: ones. shared_back: gx[i][u] += w U_i, gw[u * ws] += sum_i x_i U_i with U_i = sum_k M[i][k]
   g[k][u]; dM[i][k] += sum_u w x_i g_k. */
#define E3TP_CG_KERNELS(X, real)                                                                 \
    X(lanes, (const e3tp_cg_entry *e, size_t ne, size_t n, const real *x, const real *y,         \
              const real *w, real *z))                                                           \
    X(lanes_back, (const e3tp_cg_entry *e, size_t ne, size_t n, const real *x, const real *y,    \
                   const real *w, const real *g, real *gx, real *gy, real *gw))                  \
    X(shared, (int n1, int n3, const real *M, size_t n, const real *x, size_t lx, const real *w, \
               size_t ws, real *z, size_t lz))                                                   \
    X(shared_back,                                                                               \
      (int n1, int n3, const real *M, size_t n, const real *x, size_t lx, const real *w,         \
       size_t ws, const real *g, size_t lz, real *gx, real *gw, real *dM))                       \
    X(axpy, (size_t n, real a, const real *x, real *z))                                          \
    X(dot, (size_t n, const real *x, const real *y, real *out))

#define E3TP_CG_MEMBER(name, args) void(*name) args;
typedef struct e3tp_cg_kernels_f32 {
    E3TP_CG_KERNELS(E3TP_CG_MEMBER, float)
} e3tp_cg_kernels_f32;
typedef struct e3tp_cg_kernels_f64 {
    E3TP_CG_KERNELS(E3TP_CG_MEMBER, double)
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
