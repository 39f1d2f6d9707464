/* SPDX-License-Identifier: MIT */
/* Frozen tables of a direct contraction, and the layout of a worker's scratch. */
#ifndef E3TP_CG_PLAN_H
#define E3TP_CG_PLAN_H

#include "cg/cg_kernels.h"
#include "problem/backend.h"

typedef struct e3tp_cg_plan {
    const e3tp_problem *problem;
    e3tp_cg_entry *entries; /* of all paths, each sorted by k */
    size_t *first;          /* [npaths + 1] */
    size_t block_rows;
    size_t max_matrix; /* largest (2l1+1)(2l3+1) */
    size_t max_middle; /* largest (2l3+1) mul1: what a uvw path keeps */
    void (*run)(const struct e3tp_cg_plan *p, e3tp_pass pass, const e3tp_rows *r, void *scratch);
} e3tp_cg_plan;

/* One of these per template object. */
typedef struct e3tp_cg_runner {
    void (*run)(const e3tp_cg_plan *p, e3tp_pass pass, const e3tp_rows *r, void *scratch);
} e3tp_cg_runner;

e3tp_status e3tp_cg_plan_create(e3tp_cg_plan **out, const e3tp_problem *p, const e3tp_allocator *a,
                                e3tp_message *why);
void e3tp_cg_plan_destroy(e3tp_cg_plan *p, const e3tp_allocator *a);
size_t e3tp_cg_scratch_elements(const e3tp_cg_plan *p);
/* Non-zeros of a path without building it: the bound 2 (2l1+1)(2l2+1), less the boundary. */
double e3tp_cg_nonzeros(const e3tp_problem *p, const e3tp_coupling *c);

#endif
