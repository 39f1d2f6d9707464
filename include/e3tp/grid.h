/* SPDX-License-Identifier: MIT */
/* Functions on the sphere on a grid of samples: from coefficients to samples and back, with the
   adjoints of both, so that a pointwise nonlinearity can be put between and trained through.

     f(p)   = sum_l t[l] sum_m x[l,m] Y[l,m](p)          e3tp_s2grid_to
     x[l,m] = s[l] sum_p q(p) f(p) Y[l,m](p)             e3tp_s2grid_from

   Y are the orthonormal real harmonics (E3TP_SH_INTEGRAL of so3.h), q the quadrature weights, of
   sum 1. The scales are e3nn's (ToS2Grid, FromS2Grid): with L the largest degree of the plan and K
   that of the signal which once became f,

     COMPONENT  t = sqrt(4 pi / ((2l+1) (L+1)))    s = sqrt(4 pi (2l+1) (K+1))
     NORM       t = sqrt(4 pi / (L+1))             s = sqrt(4 pi (K+1))
     INTEGRAL   t = 1                              s = 4 pi

   Samples stand at the polar angles theta[i] of a quadrature rule, measured from the axis y,
   ascending, and at the azimuths phi[j] = 2 pi (j + h) / n_phi, from z towards x; h = 0 as e3nn has
   it, or 1/2: p = (sin theta sin phi, cos theta, sin theta cos phi). Rules: Gauss-Legendre, or
   theta[i] = (i + 1/2) pi / n_theta (e3nn's, e3nn-jax's "soft"; the weights are those of Fejer's
   first rule). Both fold by the symmetry of the sphere; even n_phi folds once more and is faster.
   Or they are the points of a Lebedev rule (e3tp_lebedev of so3.h, in its order): n_theta is their
   number, n_phi 1, and half_offset says nothing. They are about two thirds as many, which pays
   where the nonlinearity is what takes time.

   Both maps are linear: they are their own derivative along a tangent (JVP), and the gradient is
   the transpose, e3tp_s2grid_to_backward and e3tp_s2grid_from_backward. For z = from(phi(to(x))):
   gx = to_backward(phi'(to(x)) from_backward(gz)).

   A plan is frozen: any number of threads may execute it at once. A row's results are the same bits
   whatever the batch, its place in it, the alignment, and the number of threads. */
#ifndef E3TP_GRID_H
#define E3TP_GRID_H

#include "e3tp.h"

E3TP_BEGIN_DECLS

/* Largest degree, and most rings and samples of a ring, of a plan. */
#define E3TP_S2GRID_LMAX 24
#define E3TP_S2GRID_MOST 2048

/* What a plan computes and how. */
typedef struct e3tp_s2grid_desc {
    size_t size;  /* sizeof(e3tp_s2grid_desc) */
    const int *l; /* [n] degrees: distinct, ascending, 0..E3TP_S2GRID_LMAX; read at creation */
    size_t n;
    size_t channels;
    /* 1..E3TP_S2GRID_MOST; Lebedev: the points of a rule, 1; 0 0: the smallest for which
       from(to(x)) = x, by Lebedev's rules for degrees to E3TP_LEBEDEV_DEGREE / 2 */
    int n_theta, n_phi;
    e3tp_quadrature quadrature;
    int half_offset; /* 1: h = 1/2, 0: h = 0 */
    e3tp_sh_norm normalization;
    int lmax_in; /* K; -1: L */
    const double
        *factors; /* [n] finite: both t and s (e3nn: a tensor for normalization); or NULL */
    e3tp_layout
        layout; /* of coefficients: blocks of `channels` copies, as in products of signals */
    /* MUL_IR: [b][u][theta][phi]; IR_MUL: [b][theta][phi][u]; BATCH_LAST: [theta][phi][u][b] */
    e3tp_layout layout_samples;
    e3tp_dtype dtype;
    e3tp_isa isa;
    size_t batch_hint; /* rows per call to plan for; 0: unknown */
    int threads;       /* >= 0; 0: OpenMP's maximum at creation */
    e3tp_parallel_fn parallel_for;
    void *parallel_ctx;
    e3tp_alloc_fn alloc; /* NULL: the C library's; release is used only with alloc */
    e3tp_free_fn release;
    void *alloc_ctx;
    /* Of sizes 0 0: they, and of Lebedev's rules the degree, times this, rounded up;
       1..E3TP_OVERSAMPLE_MOST, with a given grid 1. It lowers the error of equivariance of a
       nonlinearity between the maps. */
    double oversample;
} e3tp_s2grid_desc;

/* One channel, the smallest grid of Gauss-Legendre from phi = 0, COMPONENT, K = L, MUL_IR, float32,
   tier AUTO, all threads. */
static inline e3tp_s2grid_desc e3tp_s2grid_desc_init(const int *l, size_t n)
{
    e3tp_s2grid_desc d;
    d.size = sizeof d;
    d.l = l;
    d.n = n;
    d.channels = 1;
    d.n_theta = d.n_phi = 0;
    d.quadrature = E3TP_GAUSS_LEGENDRE;
    d.half_offset = 0;
    d.normalization = E3TP_SH_COMPONENT;
    d.lmax_in = -1;
    d.factors = NULL;
    d.layout = d.layout_samples = E3TP_MUL_IR;
    d.dtype = E3TP_F32;
    d.isa = E3TP_ISA_AUTO;
    d.batch_hint = 0;
    d.threads = 0;
    d.parallel_for = NULL;
    d.parallel_ctx = NULL;
    d.alloc = NULL;
    d.release = NULL;
    d.alloc_ctx = NULL;
    d.oversample = 1;
    return d;
}

typedef struct e3tp_s2grid e3tp_s2grid;

/* Makes a plan; d may go afterwards. On failure *out is NULL and msg (snprintf rules, may be NULL)
   holds a sentence; on success it is empty. INVALID: out or d NULL, or a field outside its range;
   UNSUPPORTED: a tier that is not compiled in or not usable here, or an E3TP_ISA that is unknown;
   NOMEM. */
E3TP_API e3tp_status e3tp_s2grid_create(e3tp_s2grid **out, const e3tp_s2grid_desc *d, char *msg,
                                        size_t cap);
E3TP_API void e3tp_s2grid_destroy(e3tp_s2grid *g); /* NULL is fine; nobody may be executing g */

/* Rings and samples of a ring; 0 0 for a NULL plan. n_theta and n_phi may not be NULL. */
E3TP_API void e3tp_s2grid_size(const e3tp_s2grid *g, int *n_theta, int *n_phi);
/* Coefficients of a row, channels included, and samples of a row; 0 for NULL. */
E3TP_API size_t e3tp_s2grid_width(const e3tp_s2grid *g);
E3TP_API size_t e3tp_s2grid_samples(const e3tp_s2grid *g);
E3TP_API const char *
e3tp_s2grid_isa(const e3tp_s2grid *g);                   /* "generic", "avx2", ...; "" for NULL */
E3TP_API double e3tp_s2grid_flops(const e3tp_s2grid *g); /* of a row, each map the same */
E3TP_API size_t e3tp_s2grid_work_bytes(const e3tp_s2grid *g); /* scratch of a call, all threads */
/* Text for people and bug reports; snprintf rules. */
E3TP_API size_t e3tp_s2grid_describe(const e3tp_s2grid *g, char *buf, size_t cap);

/* The maps and their transposes, for `batch` rows without gaps, in the plan's dtype and layouts:

     to             f  from x
     to_backward    gx from gf      gx[l,m] = t[l] sum_p gf(p) Y[l,m](p)
     from           x  from f
     from_backward  gf from gx      gf(p) = q(p) sum_l s[l] sum_m gx[l,m] Y[l,m](p)

   Outputs are overwritten and may not overlap inputs; alignment is the element's. work: NULL, or
   e3tp_s2grid_work_bytes of memory, 64-byte aligned, one per concurrent call; with NULL a call
   allocates it. INVALID: g NULL; an operand NULL where there is something to read or write; sizes
   that overflow; arrays that overlap; work that is not aligned. NOMEM, but not where work is given.
   NaN and infinity reach all samples, or all coefficients, of their signal and no other's. */
E3TP_API e3tp_status e3tp_s2grid_to(const e3tp_s2grid *g, size_t batch, const void *x, void *f,
                                    void *work);
E3TP_API e3tp_status e3tp_s2grid_to_backward(const e3tp_s2grid *g, size_t batch, const void *gf,
                                             void *gx, void *work);
E3TP_API e3tp_status e3tp_s2grid_from(const e3tp_s2grid *g, size_t batch, const void *f, void *x,
                                      void *work);
E3TP_API e3tp_status e3tp_s2grid_from_backward(const e3tp_s2grid *g, size_t batch, const void *gx,
                                               void *gf, void *work);

/* The grid itself:

     xyz  [n_theta][n_phi][3] unit vectors, or NULL where not wanted
     q    [n_theta][n_phi] quadrature weights, sum 1, or NULL where not wanted

   Weights are positive, but for some rules of Lebedev's. Exact for polynomials in (x, y, z) to
   degree min(2 n_theta - 1, n_phi - 1) by Gauss-Legendre, min(n_theta - 1, n_phi - 1) equiangular,
   and as e3tp_lebedev says. INVALID: n_theta or n_phi outside 1..E3TP_S2GRID_MOST, no such rule,
   half_offset other than 0 and 1; NOMEM. */
E3TP_API e3tp_status e3tp_s2grid_nodes(e3tp_quadrature quadrature, int n_theta, int n_phi,
                                       int half_offset, double *xyz, double *q);

/* A function of one number, and what it needs. */
typedef double (*e3tp_pointwise_fn)(double x, void *ctx);

/* How far z = from(phi(to(x))) on a grid is from equivariant: the root mean square of D(R) z(x) -
   z(D(R) x) over random signals x and rotations R, relative to that of z, as functions on the
   sphere. x is to degree lmax, Gaussian, with COMPONENT coefficients of variance sigma^2, so that
   samples have variance sigma^2; z is to degree lmax_out. Computed, not drawn: the mean is exact
   (grid/s2grid_error.h) for functions that are smooth, and to about a tenth for those with a kink.
   Errors below 1e-5 are rounding. half_offset does not matter.

   e3tp_s2grid_size_pointwise gives the smallest grid whose error is at most `tolerance`: with one
   ring less, or one sample of each ring less, it is larger. For a polynomial phi of order k the
   grid of no error is that of e3tp_grid_size for k factors of degree lmax.

     phi        finite for |x| <= 13 sigma; called some thousand times, on this thread
     sigma      > 0
     lmax, lmax_out  0..E3TP_S2GRID_LMAX
     q          Gauss-Legendre or equiangular
     tolerance  1e-5..1
     error      of that grid, relative; or NULL

   INVALID, sizes and error 0: NULL, a value outside its range, phi not finite. UNSUPPORTED, the
   same: no grid exact to degree 16 (lmax + 1) + lmax_out meets the tolerance. NOMEM. */
E3TP_API e3tp_status e3tp_s2grid_size_pointwise(e3tp_pointwise_fn phi, void *ctx, double sigma,
                                                int lmax, int lmax_out, e3tp_quadrature q,
                                                double tolerance, int *n_theta, int *n_phi,
                                                double *error);
E3TP_API e3tp_status e3tp_s2grid_error_pointwise(e3tp_pointwise_fn phi, void *ctx, double sigma,
                                                 int lmax, int lmax_out, e3tp_quadrature q,
                                                 int n_theta, int n_phi, double *error);

E3TP_END_DECLS

#endif
