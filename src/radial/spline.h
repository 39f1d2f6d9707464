/* SPDX-License-Identifier: MIT */
/* Splines below the API: the check of a description, the terms at a distance, fits, and the batch
   on threads. */
#ifndef E3TP_SPLINE_ROOM_H
#define E3TP_SPLINE_ROOM_H

#include "core/alloc.h"
#include "core/parallel.h"
#include "core/status.h"
#include "e3tp/spline.h"
#include "radial/expand.h"

/* Terms at a distance. */
enum { E3TP_SPLINE_TERMS = 4 };

typedef struct e3tp_spline_map {
    size_t knots;
    double r_max; /* as the dtype holds it */
    e3tp_dtype dtype;
} e3tp_spline_map;

/* Columns from..to-1 of one table of that width. */
typedef struct e3tp_spline_kernels {
    void (*fit)(size_t knots, size_t width, size_t from, size_t to, const void *values,
                void *coefficients);
    void (*fit_backward)(size_t knots, size_t width, size_t from, size_t to,
                         const void *gcoefficients, void *gvalues);
} e3tp_spline_kernels;

struct e3tp_spline {
    e3tp_spline_map map;
    size_t width;
    const e3tp_expand_kernels *kernels;
    const e3tp_spline_kernels *fits;
    e3tp_tier tier;
    e3tp_parallel parallel;
    e3tp_allocator allocator;
};

/* INVALID with a sentence for a field outside its range. */
e3tp_status e3tp_spline_check(const e3tp_spline_desc *d, e3tp_message *why);
/* The map of a checked description. */
e3tp_spline_map e3tp_spline_normalise(const e3tp_spline_desc *d);
/* NULL: the tier is not compiled in. */
const e3tp_spline_kernels *e3tp_spline_kernels_of(e3tp_dtype dtype, e3tp_tier tier);

/* Rows of a table of coefficients. */
static inline size_t e3tp_spline_map_rows(const e3tp_spline_map *m)
{
    return m->knots + 2;
}

/* The terms of the functions at n distances r, reals of the dtype as b, db and ddb are:

     type           [n] >= 0, or NULL: all 0
     b, db, ddb     [n][4]  the terms, and their first and second derivatives by r; NULL where not
                    wanted. r < 0 counts as 0; all 0 for r >= r_max; NaN for NaN
     first          [n]  the row of the first in the tables one after the other; always within the
                    table of the type */
void e3tp_spline_basis(const e3tp_spline_map *m, size_t n, const void *r, const int32_t *type,
                       void *b, void *db, void *ddb, size_t *first);

/* fit, or fit_backward where `backward`, for `tables` of them. */
void e3tp_spline_run_fit(const e3tp_spline *p, bool backward, size_t tables, const void *in,
                         void *out);

/* Values, first and second derivatives; NULL where not wanted. */
void e3tp_spline_run(const e3tp_spline *p, const void *coefficients, const void *r,
                     const int32_t *type, size_t n, void *const out[3]);

#endif
