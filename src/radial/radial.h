/* SPDX-License-Identifier: MIT */
/* Radial plans below the API: the check of a description, its normal form, and the batch on
   threads. */
#ifndef E3TP_RADIAL_ROOM_H
#define E3TP_RADIAL_ROOM_H

#include "core/alloc.h"
#include "core/cpu.h"
#include "core/parallel.h"
#include "core/status.h"
#include "radial/radial_kernels.h"

struct e3tp_radial {
    e3tp_radial_map map;
    const e3tp_radial_kernel *kernel;
    e3tp_dtype dtype;
    e3tp_tier tier;
    e3tp_parallel parallel;
    e3tp_allocator allocator;
};

/* INVALID with a sentence for an r_max outside the range of all functions of a distance. */
e3tp_status e3tp_radial_check_r_max(double r_max, e3tp_message *why);
/* A length as arrays of the dtype hold it. */
static inline double e3tp_radial_stored(e3tp_dtype dtype, double length)
{
    return dtype == E3TP_F32 ? (double)(float)length : length;
}

/* INVALID with a sentence for a field outside its range. */
e3tp_status e3tp_radial_check(const e3tp_radial_desc *d, e3tp_message *why);
/* The map of a checked description. */
e3tp_radial_map e3tp_radial_normalise(const e3tp_radial_desc *d);
/* NULL: the tier is not compiled in. */
const e3tp_radial_kernel *e3tp_radial_kernel_of(e3tp_dtype dtype, e3tp_tier tier);
/* The kernel on the plan's threads. */
void e3tp_radial_run(const e3tp_radial *p, const void *r, size_t n, void *values, void *slopes,
                     void *seconds);
/* f[3]: f_n and its first two derivatives. Plain and in extended precision, the formulas as the
   header has them: the oracle of the tests. */
void e3tp_radial_reference(const e3tp_radial_map *m, size_t n, double r, long double *f);

#endif
