/* SPDX-License-Identifier: MIT */
/* Real spherical harmonics of many vectors, with first and second derivatives.

     Y^l_m(v), m = -l..l, of a list of degrees l, one block of 2l+1 after the other

   in e3nn's convention: polar axis y, azimuth from z towards x, no (-1)^m, the block of l = 1 along
   (x, y, z) (docs/conventions.md). A plan is made from a small record and evaluated for any number
   of vectors. A plan is frozen: any number of threads may evaluate it at once. A vector's results
   are the same bits whatever the batch, its place in it, the alignment, and the number of threads.

   The harmonics are homogeneous polynomials of degree l in (x, y, z) (normalize = 0), or those of
   the direction v / |v| (normalize = 1). Only an exactly zero vector is the origin; one of any
   other length, subnormal or near the end of the range, has its true direction, and poles and axes
   are ordinary vectors. At the origin values are the polynomials', and derivatives are the
   polynomials' for normalize = 0 and 0 for normalize = 1. NaN and infinities flow through. */
#ifndef E3TP_SH_H
#define E3TP_SH_H

#include "e3tp.h"
#include "so3.h"

E3TP_BEGIN_DECLS

/* Largest degree of a plan. */
#define E3TP_SH_LMAX 24

/* What a plan computes and how. */
typedef struct e3tp_sh_desc {
    size_t size;   /* sizeof(e3tp_sh_desc) */
    const int *ls; /* [nls] degrees 0..E3TP_SH_LMAX in any order, repeats allowed */
    size_t nls;    /* dim = sum of 2l+1 */
    int normalize; /* 0 or 1, see above */
    e3tp_sh_norm norm;
    /* Of all arrays but the vectors: MUL_IR and IR_MUL, here the same, are rows, [n][dim];
       BATCH_LAST is their transpose, [dim][n]. */
    e3tp_layout layout;
    e3tp_dtype dtype;
    e3tp_isa isa;
    int threads; /* >= 0; 0: OpenMP's maximum at creation */
    e3tp_parallel_fn parallel_for;
    void *parallel_ctx;
    e3tp_alloc_fn alloc; /* NULL: the C library's; release is used only with alloc */
    e3tp_free_fn release;
    void *alloc_ctx;
} e3tp_sh_desc;

/* Rows, float32, tier AUTO, all threads. */
static inline e3tp_sh_desc e3tp_sh_desc_init(const int *ls, size_t nls, int normalize,
                                             e3tp_sh_norm norm)
{
    e3tp_sh_desc d;
    d.size = sizeof d;
    d.ls = ls;
    d.nls = nls;
    d.normalize = normalize;
    d.norm = norm;
    d.layout = E3TP_MUL_IR;
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

typedef struct e3tp_sh e3tp_sh;

/* Makes a plan; d and ls may go afterwards. On failure *out is NULL and msg (snprintf rules, may be
   NULL) holds a sentence; on success it is empty. INVALID: out or d NULL, or a field outside its
   range; UNSUPPORTED: a degree above E3TP_SH_LMAX, a tier that is not compiled in or not usable
   here, or an E3TP_ISA that is unknown; NOMEM. */
E3TP_API e3tp_status e3tp_sh_create(e3tp_sh **out, const e3tp_sh_desc *d, char *msg, size_t cap);
E3TP_API void e3tp_sh_destroy(e3tp_sh *p);          /* NULL is fine; nobody may be evaluating p */
E3TP_API size_t e3tp_sh_dim(const e3tp_sh *p);      /* 0 for NULL */
E3TP_API const char *e3tp_sh_isa(const e3tp_sh *p); /* "generic", "avx2", ...; "" for NULL */

/* n vectors in the plan's dtype: rows, x [n][3] with y and z NULL, or three arrays x, y, z [n]. */
typedef struct e3tp_sh_vectors {
    size_t n;
    const void *x, *y, *z;
} e3tp_sh_vectors;

/* The calls below take arrays in the plan's dtype, with the shapes of rows; with BATCH_LAST the
   leading n is the last. Outputs are overwritten and may overlap neither an input nor each other;
   alignment is the element's. Nothing is allocated; the stack holds up to 160 KiB.

   Error, eps the spacing of the type at 1 and |Y| the norm of the degree's harmonics over m: values
   2 (l+1) eps |Y|, derivatives 2 (l+1) eps of their norm over m and direction, that is l |Y| / |v|
   up to a factor of 3 for the first and l^2 |Y| / |v|^2 for the second; sums over dim add theirs.
   For normalize = 0, where powers of the length leave the range of the type, what the type can
   hold.

   INVALID: p or v NULL; n > 0 and an array NULL that is needed; one of v->y and v->z NULL; sizes
   that overflow; arrays that overlap. n = 0 and nls = 0 are legal. */

/* values    [n][dim], or NULL where not wanted
   jacobian  [n][3][dim]  d values / d (x, y, z), or NULL
   hessian   [n][3][3][dim]  second derivatives, or NULL */
E3TP_API e3tp_status e3tp_sh_evaluate(const e3tp_sh *p, const e3tp_sh_vectors *v, void *values,
                                      void *jacobian, void *hessian);

/* The vector-Jacobian product: cotangents g [n][dim] of the values to those of the vectors,
   gv [n][3]. */
E3TP_API e3tp_status e3tp_sh_backward(const e3tp_sh *p, const e3tp_sh_vectors *v, const void *g,
                                      void *gv);

/* The same of backward: cotangents gg [n][3] of gv to those of the vectors, hv [n][3], and of g,
   hg [n][dim]; NULL where not wanted. hg is the derivative of the values along gg; g may be NULL
   where hv is. */
E3TP_API e3tp_status e3tp_sh_double_backward(const e3tp_sh *p, const e3tp_sh_vectors *v,
                                             const void *g, const void *gg, void *hv, void *hg);

E3TP_END_DECLS

#endif
