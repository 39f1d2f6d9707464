/* SPDX-License-Identifier: MIT */
/* Functions of a distance as cubic splines on uniform knots, many at once: a table holds one
   function for each of W columns, and rows of the results are what weights of a convolution are.

     f(r) = sum over i of c[i] B((r - r_i) / h),   r_i = i h,  h = r_max / (knots - 1)

   B is the cubic B-spline on the integers with B(0) = 4/6, B(1) = B(-1) = 1/6. It has two
   continuous derivatives and reaches two knots to each side, so that i runs from -1 to knots and at
   each distance four terms remain. Source: C. de Boor, A Practical Guide to Splines, ch. IX.

   Coefficients are made from the functions' values at the knots by e3tp_spline_fit, which is
   linear, or may be trained as they are. Distances and r_max have one unit, free to choose;
   derivatives are per that unit. A plan is frozen: any number of threads may use it at once. A
   distance's results are the same bits whatever the batch, its place in it, the alignment, and the
   number of threads; so are a column's coefficients. */
#ifndef E3TP_SPLINE_H
#define E3TP_SPLINE_H

#include "e3tp.h"

E3TP_BEGIN_DECLS

/* The most knots of a plan. */
#define E3TP_SPLINE_KNOTS_MAX 1048576

/* What a plan computes and how. */
typedef struct e3tp_spline_desc {
    size_t size;  /* sizeof(e3tp_spline_desc) */
    size_t knots; /* 3..E3TP_SPLINE_KNOTS_MAX */
    double r_max; /* 1e-6..1e6; rounded to dtype */
    size_t width; /* W; a table may have no more than PTRDIFF_MAX bytes */
    e3tp_dtype dtype;
    e3tp_isa isa;
    int threads; /* >= 0; 0: OpenMP's maximum at creation */
    e3tp_parallel_fn parallel_for;
    void *parallel_ctx;
    e3tp_alloc_fn alloc; /* NULL: the C library's; release is used only with alloc */
    e3tp_free_fn release;
    void *alloc_ctx;
} e3tp_spline_desc;

/* float32, tier AUTO, all threads. */
static inline e3tp_spline_desc e3tp_spline_desc_init(size_t knots, double r_max, size_t width)
{
    e3tp_spline_desc d;
    d.size = sizeof d;
    d.knots = knots;
    d.r_max = r_max;
    d.width = width;
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

typedef struct e3tp_spline e3tp_spline;

/* Makes a plan; d may go afterwards. On failure *out is NULL and msg (snprintf rules, may be NULL)
   holds a sentence; on success it is empty. INVALID: out or d NULL, or a field outside its range;
   UNSUPPORTED: a tier that is not compiled in or not usable here, or an E3TP_ISA that is unknown;
   NOMEM. */
E3TP_API e3tp_status e3tp_spline_create(e3tp_spline **out, const e3tp_spline_desc *d, char *msg,
                                        size_t cap);
E3TP_API void e3tp_spline_destroy(e3tp_spline *p);       /* NULL is fine; nobody may be using p */
E3TP_API size_t e3tp_spline_knots(const e3tp_spline *p); /* 0 for NULL */
/* Rows of a table of coefficients: knots + 2; 0 for NULL. */
E3TP_API size_t e3tp_spline_rows(const e3tp_spline *p);
E3TP_API size_t e3tp_spline_width(const e3tp_spline *p);    /* W; 0 for NULL */
E3TP_API const char *e3tp_spline_isa(const e3tp_spline *p); /* "generic", ...; "" for NULL */

/* The calls below take arrays in the plan's dtype. Outputs are overwritten and may overlap neither
   an input nor each other; alignment is the element's. Nothing is allocated. INVALID: p NULL; an
   array NULL that is needed; sizes that overflow; arrays that overlap; a type outside its range.
   No tables, no distances and W = 0 are legal. */

/* Values at the knots to coefficients, table by table and column by column.

     values        [tables][knots][W]  f(r_i)
     coefficients  [tables][knots+2][W]  c[-1], c[0], ..., c[knots]

   The spline takes these values; its slope at r_max is 0; and its third derivative is continuous at
   the first inner knot ("not a knot"), so that no slope at 0 need be known. Functions that are
   cubic with slope 0 at r_max come back as they are; of other functions with slope 0 there and four
   bounded derivatives |f - spline| is of the order h^4, derivatives of h^3 and h^2. A function
   whose value and slope are 0 at r_max is continuous there with its derivative.

   With V the largest |value| of a column and eps the spacing of the type at 1, the spline of the
   coefficients computed differs from that of exact ones by at most 8 eps V, its derivatives by
   32 eps V / h and 96 eps V / h^2. */
E3TP_API e3tp_status e3tp_spline_fit(const e3tp_spline *p, size_t tables, const void *values,
                                     void *coefficients);

/* The transpose of fit: cotangents of the coefficients, [tables][knots+2][W], to those of the
   values, [tables][knots][W]. */
E3TP_API e3tp_status e3tp_spline_fit_backward(const e3tp_spline *p, size_t tables,
                                              const void *gcoefficients, void *gvalues);

/* The functions at n distances, each from the table of its type.

     coefficients  [tables][knots+2][W], finite
     r             [n]
     type          [n] 0..tables-1, or NULL: all 0
     values        [n][W]  f(r), or NULL where not wanted
     derivatives   [n][W]  df/dr, or NULL
     seconds       [n][W]  d^2 f/dr^2, or NULL

   A negative r counts as 0. All are exactly 0 for r >= r_max, infinity included; NaN gives NaN.

   Error against exact evaluation, C the largest of the four |coefficients|: 4 eps C, derivatives
   8 eps C / h, second ones 16 eps C / h^2; and what a relative error of 4 eps in r, eps that of
   double, makes. */
E3TP_API e3tp_status e3tp_spline_evaluate(const e3tp_spline *p, size_t tables,
                                          const void *coefficients, const void *r,
                                          const int32_t *type, size_t n, void *values,
                                          void *derivatives, void *seconds);

E3TP_END_DECLS

#endif
