/* SPDX-License-Identifier: MIT */
/* Radial bases: N functions of a distance, times a smooth cutoff, and their derivatives.

     f_n(r) = b_n(r) u(r / r_max),   n = 0..N-1

   A plan is made from a small record and evaluated for any number of distances. Distances and r_max
   have one unit, free to choose; derivatives are per that unit. A plan is frozen: any number of
   threads may evaluate it at once. A distance's results are the same bits whatever the batch, its
   place in it, the alignment, and the number of threads. */
#ifndef E3TP_RADIAL_H
#define E3TP_RADIAL_H

#include "e3tp.h"

E3TP_BEGIN_DECLS

/* b_n(r), n = 0..N-1. */
typedef enum e3tp_radial_basis {
    /* sqrt(2 / r_max) sin((n+1) pi r / r_max) / r; arXiv 2003.03123, eq. 7 */
    E3TP_RADIAL_BESSEL = 0,
    /* exp(-d^2) / 1.12, d = (r - v_n) / step, the knots v_n evenly from r_min to r_max: e3nn's
       soft_one_hot_linspace */
    E3TP_RADIAL_GAUSSIAN = 1
} e3tp_radial_basis;

/* u(t), t = r / r_max; 0 from t = 1 on but for NONE. */
typedef enum e3tp_radial_cutoff {
    /* 1 everywhere */
    E3TP_CUTOFF_NONE = 0,
    /* 1 - (p+1)(p+2)/2 t^p + p(p+2) t^(p+1) - p(p+1)/2 t^(p+2); two derivatives are 0 at t = 1;
       arXiv 2003.03123, eq. 8; MACE, NequIP */
    E3TP_CUTOFF_POLYNOMIAL = 1,
    /* (1 + cos(pi t)) / 2; Behler and Parrinello, PRL 98, 146401 */
    E3TP_CUTOFF_COSINE = 2
} e3tp_radial_cutoff;

/* What a plan computes and how. Fields that the basis or cutoff does not name are not looked at. */
typedef struct e3tp_radial_desc {
    size_t size; /* sizeof(e3tp_radial_desc) */
    e3tp_radial_basis basis;
    e3tp_radial_cutoff cutoff;
    size_t num;    /* N, 0..E3TP_RADIAL_MAX; GAUSSIAN with both end knots: not 1, it has no step */
    double r_max;  /* 1e-6..1e6; rounded to dtype */
    double r_min;  /* GAUSSIAN: first knot, 0 <= r_min < r_max, rounded to dtype */
    int drop_ends; /* GAUSSIAN: 1 leaves out the end knots of N + 2 (e3nn: cutoff=True), 0: none */
    int p;         /* POLYNOMIAL: 1..64 */
    e3tp_dtype dtype;
    e3tp_isa isa;
    int threads; /* >= 0; 0: OpenMP's maximum at creation */
    e3tp_parallel_fn parallel_for;
    void *parallel_ctx;
    e3tp_alloc_fn alloc; /* NULL: the C library's; release is used only with alloc */
    e3tp_free_fn release;
    void *alloc_ctx;
} e3tp_radial_desc;

#define E3TP_RADIAL_MAX 1024

/* float32, tier AUTO, p = 6, r_min = 0, both end knots, all threads. */
static inline e3tp_radial_desc
e3tp_radial_desc_init(e3tp_radial_basis basis, e3tp_radial_cutoff cutoff, size_t num, double r_max)
{
    e3tp_radial_desc d;
    d.size = sizeof d;
    d.basis = basis;
    d.cutoff = cutoff;
    d.num = num;
    d.r_max = r_max;
    d.r_min = 0;
    d.drop_ends = 0;
    d.p = 6;
    d.dtype = E3TP_F32;
    d.isa = E3TP_ISA_AUTO;
    d.threads = 0;
    d.parallel_for = NULL;
    d.parallel_ctx = NULL;
    d.alloc = NULL;
    d.release = NULL;
    d.alloc_ctx = NULL;
    return d;
}

typedef struct e3tp_radial e3tp_radial;

/* Makes a plan; d may go afterwards. On failure *out is NULL and msg (snprintf rules, may be NULL)
   holds a sentence; on success it is empty. INVALID: out or d NULL, or a field outside its range;
   UNSUPPORTED: a tier that is not compiled in or not usable here, or an E3TP_ISA that is unknown;
   NOMEM. */
E3TP_API e3tp_status e3tp_radial_create(e3tp_radial **out, const e3tp_radial_desc *d, char *msg,
                                        size_t cap);
E3TP_API void e3tp_radial_destroy(e3tp_radial *p); /* NULL is fine; nobody may be evaluating p */
E3TP_API size_t e3tp_radial_num(const e3tp_radial *p); /* N; 0 for NULL */
E3TP_API const char *
e3tp_radial_isa(const e3tp_radial *p); /* "generic", "avx2", ...; "" for NULL */

/* The functions at n distances, arrays in the plan's dtype:

     r            [n]
     values       [n][N]  f_n(r), or NULL where not wanted
     derivatives  [n][N]  d f_n / dr, or NULL where not wanted
     seconds      [n][N]  d^2 f_n / dr^2, or NULL where not wanted

   At r = 0 all are the limits; a negative r counts as 0. With a cutoff all are exactly 0 for
   r >= r_max, infinity included (at r_max itself the second derivative of COSINE jumps); NaN gives
   NaN. Outputs are overwritten and may overlap neither r nor each other; alignment is the
   element's. Allocates nothing.

   Error against exact evaluation at the given r < r_max, eps the spacing of the type at 1, p = 2
   with COSINE and 0 with NONE:

   - BESSEL: values 6 eps B, derivatives 6 eps B (k + p / r_max), seconds 6 eps B (k + p / r_max)^2;
     k = (n+1) pi / r_max, and B = sqrt(2 / r_max) k is the largest value of b_n.

   - GAUSSIAN: values (2 + r_max / step) eps, derivatives that times (1 / step + p / r_max), seconds
     that times (1 / step + p / r_max)^2.

   INVALID: p NULL; n > 0 and r NULL; sizes that overflow; arrays that overlap. n = 0 and N = 0 are
   legal. */
E3TP_API e3tp_status e3tp_radial_eval(const e3tp_radial *p, const void *r, size_t n, void *values,
                                      void *derivatives, void *seconds);

E3TP_END_DECLS

#endif
