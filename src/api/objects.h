/* SPDX-License-Identifier: MIT */
/* What is behind the opaque handles. */
#ifndef E3TP_API_OBJECTS_H
#define E3TP_API_OBJECTS_H

#include "core/parallel.h"
#include "dispatch/dispatch.h"
#include "problem/block.h"

struct e3tp_desc {
    e3tp_spec spec;
    e3tp_method method;
    e3tp_isa isa;
    e3tp_effort effort;
    int threads;
    int accumulation; /* -1: the dtype */
    e3tp_parallel_fn parallel_fn;
    void *parallel_ctx;
    e3tp_allocator allocator; /* of plans; the descriptor itself uses the C library's */
    size_t path_capacity;
    e3tp_status status; /* the first failure */
    e3tp_message message;
};

/* What a call of a pass needs to know of the plan's state, found out once. */
typedef struct e3tp_pass_needs {
    size_t rows;       /* of a block, at most */
    size_t scratch[2]; /* bytes of a worker: without and with an index */
    double seconds;    /* estimated per row */
} e3tp_pass_needs;

struct e3tp_plan {
    e3tp_problem *problem;
    const e3tp_backend *backend;
    void *state;
    e3tp_tier tier;
    e3tp_parallel parallel;
    e3tp_allocator allocator;
    e3tp_choice choice;
    e3tp_pass_needs needs[E3TP_JVP + 1];
    bool wide; /* sums over the batch of single precision add up in double */
};

static inline e3tp_executor e3tp_plan_executor(const e3tp_plan *p)
{
    return (e3tp_executor){p->problem, p->backend, p->state};
}

/* Finds `needs` of a plan that has its state. */
void e3tp_plan_find_needs(e3tp_plan *p);

/* The tier that a plan asked for with isa gets: that one, for AUTO the one that E3TP_ISA names, or
   the best. With a sentence, INVALID for a number of no tier, UNSUPPORTED when it is not compiled
   in or not usable here, or E3TP_ISA is unknown. */
e3tp_status e3tp_isa_choose(e3tp_isa isa, e3tp_tier *tier, e3tp_message *why);

/* Keeps the first failure of a descriptor, with a sentence; returns s. */
e3tp_status e3tp_desc_fail(e3tp_desc *d, e3tp_status s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
