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

/* b_n(r), n = 0..N-1. All but BESSEL are those of e3nn's soft_one_hot_linspace, with its constants,
   over the range r_min to r_max; the N knots v_n lie evenly from r_min to r_max, or are the inner
   ones of N + 2 such (drop_ends), `step` apart, and d = (r - v_n) / step. */
typedef enum e3tp_radial_basis {
    /* sqrt(2 / r_max) sin((n+1) pi r / r_max) / r; arXiv 2003.03123, eq. 7; e3nn's from 0 on */
    E3TP_RADIAL_BESSEL = 0,
    /* exp(-d^2) / 1.12 */
    E3TP_RADIAL_GAUSSIAN = 1,
    /* 1.14136 exp(2 - 1 / (1 + d) - 1 / (1 - d)) for |d| < 1, else 0: smooth everywhere */
    E3TP_RADIAL_SMOOTH_FINITE = 2,
    /* cos(pi d / 2) for |d| < 1, else 0; its derivatives jump at |d| = 1 */
    E3TP_RADIAL_COSINE = 3,
    /* With x = (r - r_min) / (r_max - r_min), over sqrt(1/4 + N/2): cos(n pi x) everywhere, or
       (drop_ends) sin((n+1) pi x) for 0 <= x < 1, else 0 */
    E3TP_RADIAL_FOURIER = 4
} e3tp_radial_basis;

/* u(t), t = r / r_max; 0 from t = 1 on but for NONE. */
typedef enum e3tp_radial_cutoff {
    /* 1 everywhere */
    E3TP_CUTOFF_NONE = 0,
    /* 1 - (p+1)(p+2)/2 t^p + p(p+2) t^(p+1) - p(p+1)/2 t^(p+2); two derivatives are 0 at t = 1;
       arXiv 2003.03123, eq. 8; MACE, NequIP */
    E3TP_CUTOFF_POLYNOMIAL = 1,
    /* (1 + cos(pi t)) / 2; Behler and Parrinello, PRL 98, 146401 */
    E3TP_CUTOFF_COSINE = 2,
    /* 1 below r_on, then (r_max^2 - r^2)^2 (r_max^2 + 2 r^2 - 3 r_on^2) / (r_max^2 - r_on^2)^3,
       whose second derivative jumps at r_on; Brooks et al., J. Comput. Chem. 4, 187 */
    E3TP_CUTOFF_XPLOR = 3,
    /* exp(-1 / (p (1 - t))): e3nn's soft_unit_step(p (1 - t)); every derivative is 0 at t = 1 */
    E3TP_CUTOFF_SOFT_STEP = 4,
    /* exp(-t^2 / (1 - t^2)); every derivative is 0 at t = 1; SpookyNet, arXiv 2105.00304 */
    E3TP_CUTOFF_MOLLIFIER = 5,
    /* 1 */
    E3TP_CUTOFF_SHARP = 6
} e3tp_radial_cutoff;

/* What a plan computes and how. Fields that the basis or cutoff does not name are not looked at. */
typedef struct e3tp_radial_desc {
    size_t size; /* sizeof(e3tp_radial_desc) */
    e3tp_radial_basis basis;
    e3tp_radial_cutoff cutoff;
    size_t num;    /* N, 0..E3TP_RADIAL_MAX; with knots and both ends of them not 1: no step */
    double r_max;  /* 1e-6..1e6; rounded to dtype */
    double r_min;  /* all but BESSEL: 0 <= r_min < r_max, rounded to dtype */
    int drop_ends; /* all but BESSEL: 1 leaves out the end knots of N + 2 (e3nn: cutoff=True), 0: no
                    */
    int p;         /* POLYNOMIAL, SOFT_STEP: 1..64 */
    double r_on;   /* XPLOR: 0 <= r_on < r_max, rounded to dtype */
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

/* float32, tier AUTO, p = 6, r_min = r_on = 0, both end knots, all threads. */
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
    d.r_on = 0;
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
   r >= r_max, infinity included. Where a derivative jumps it is that of the right-hand side. NaN
   gives NaN. Outputs are overwritten and may overlap neither r nor each other; alignment is the
   element's. Allocates nothing.

   Error against exact evaluation at the given r < r_max, eps the spacing of the type at 1: values
   A eps, derivatives A (K + Q / r_max) eps, seconds A (K + Q / r_max)^2 eps, where

     BESSEL          A = 6 B                     K = k = (n+1) pi / r_max; B = sqrt(2 / r_max) k is
                                                 the largest value of b_n
     GAUSSIAN        A = 2 + r_max / step        K = 2 / step
     SMOOTH_FINITE   A = 4 + 3 r_max / step      K = 7 / step
     COSINE          A = 2 + 2 r_max / step      K = 2 / step
     FOURIER         A = 2 (1 + k r_max) S       K = k = (n+1) pi / (r_max - r_min),
                                                 S = (1/4 + N/2)^(-1/2)

   and Q is 0 with NONE and SHARP, p with POLYNOMIAL, 2 with COSINE, 5 r_max / (r_max - r_on) with
   XPLOR, 3 p with SOFT_STEP, 8 with MOLLIFIER; with POLYNOMIAL all is 1 + p/8 times as much, as its
   terms cancel. Derivatives of the basis COSINE have it but within
   2 eps r_max of their jumps.

   INVALID: p NULL; n > 0 and r NULL; sizes that overflow; arrays that overlap. n = 0 and N = 0 are
   legal. */
E3TP_API e3tp_status e3tp_radial_eval(const e3tp_radial *p, const void *r, size_t n, void *values,
                                      void *derivatives, void *seconds);

E3TP_END_DECLS

#endif
