/* SPDX-License-Identifier: MIT */
/* What api/ may call: the list of backends, and the choice among those that compute the same map.
 */
#ifndef E3TP_DISPATCH_H
#define E3TP_DISPATCH_H

#include "problem/backend.h"

/* Ends with NULL. `cg` comes last: it must accept every legal problem. */
extern const e3tp_backend *const e3tp_backends[];

/* One line of the contest, for describe. */
typedef struct e3tp_candidate {
    const e3tp_backend *backend;
    unsigned form;         /* 0: that of an estimate */
    const char *form_name; /* NULL for that */
    bool applicable;
    double seconds;   /* per row, forward + backward: estimated, or measured with MEASURE */
    e3tp_message why; /* when not applicable */
} e3tp_candidate;

enum { E3TP_MAX_CANDIDATES = 8 };

typedef struct e3tp_choice {
    size_t n, chosen;
    bool measured;
    e3tp_candidate candidate[E3TP_MAX_CANDIDATES];
} e3tp_choice;

/* method AUTO or one by name; UNSUPPORTED with its reason when that one cannot serve. */
e3tp_status e3tp_choose(e3tp_choice *c, const e3tp_problem *p, e3tp_method method,
                        e3tp_effort effort, e3tp_tier tier, const e3tp_allocator *a,
                        e3tp_message *why);

/* The frozen tables of a candidate. */
e3tp_status e3tp_candidate_create(const e3tp_candidate *k, void **state, const e3tp_problem *p,
                                  e3tp_tier tier, const e3tp_allocator *a, e3tp_message *why);

const e3tp_backend *e3tp_backend_of(e3tp_method method);

#endif
