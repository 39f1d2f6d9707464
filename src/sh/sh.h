/* SPDX-License-Identifier: MIT */
/* Plans of harmonics below the API: the check of a description, its tables, and the batch on
   threads. */
#ifndef E3TP_SH_ROOM_H
#define E3TP_SH_ROOM_H

#include "core/alloc.h"
#include "core/cpu.h"
#include "core/parallel.h"
#include "core/status.h"
#include "sh/sh_kernels.h"

struct e3tp_sh {
    e3tp_sh_map map;
    void *tables; /* what the map points to */
    const e3tp_sh_kernels *kernels;
    e3tp_dtype dtype;
    e3tp_tier tier;
    e3tp_parallel parallel;
    e3tp_allocator allocator;
};

/* INVALID or UNSUPPORTED with a sentence for a field outside its range. */
e3tp_status e3tp_sh_check(const e3tp_sh_desc *d, e3tp_message *why);
/* The map of a checked description into p->map and p->tables, for p->dtype, by p->allocator. */
e3tp_status e3tp_sh_tabulate(e3tp_sh *p, const e3tp_sh_desc *d);
/* Y[l,0] at the pole, the axis y, at length 1. */
double e3tp_sh_pole(const e3tp_sh *p, int l);
/* NULL: the tier is not compiled in. */
const e3tp_sh_kernels *e3tp_sh_kernels_of(e3tp_dtype dtype, e3tp_tier tier);
/* `per_vector` is the number of elements that a vector has in the arrays of the call. */
void e3tp_sh_run(const e3tp_sh *p, e3tp_sh_kernel *kernel, const e3tp_sh_call *c,
                 size_t per_vector);

/* A value with its derivatives. */
typedef struct e3tp_sh_jet {
    long double value, first[3], second[3][3];
} e3tp_sh_jet;

/* Harmonics of all degrees to lmax, [(lmax+1)^2], at v not 0, in extended precision: the oracle of
   the tests. */
void e3tp_sh_reference(int lmax, int normalize, e3tp_sh_norm norm, const double v[3],
                       e3tp_sh_jet *out);

#endif
