/* SPDX-License-Identifier: MIT */
/* Problems that tests go through with every method: what does not depend on values, but on how a
   method walks through memory, threads and allocations. */
#ifndef E3TP_TESTS_PROBLEMS_H
#define E3TP_TESTS_PROBLEMS_H

#include <stdbool.h>

#include "e3tp/e3tp.h"

typedef enum problem_kind {
    PROBLEM_UUU,
    PROBLEM_UVU,  /* with a path of odd l1 + l2 + l3; the last has no weights */
    PROBLEM_EVEN, /* uvu, every path even */
    PROBLEM_UVW,
    PROBLEM_PAIRS,       /* uvv, uvuv, uvu<v, uuw and u<vw in one plan, of fewer channels */
    PROBLEM_GAUNT,       /* degrees 0..3 x 0..2 -> 0..4 */
    PROBLEM_GAUNT_LISTS, /* degrees with gaps */
    PROBLEM_BRACKET,
    PROBLEM_COMPLETE,
    PROBLEM_MATRIX,
    PROBLEM_CROSS,
    PROBLEM_DOT,
    PROBLEM_ZONAL,
    PROBLEM_GAUNT_COMMON, /* from here on y has one channel */
    PROBLEM_COMPLETE_COMMON,
    PROBLEM_MATRIX_COMMON,
    PROBLEM_CROSS_COMMON,
    PROBLEM_ZONAL_COMMON,
    PROBLEM_GAUNT_SUM, /* from here on the factors of z are common to all terms */
    PROBLEM_COMPLETE_SUM,
    PROBLEM_MATRIX_SUM,
    PROBLEM_CROSS_SUM,
    PROBLEM_POWER, /* of degrees 0..2, to the third; there is no y */
    PROBLEMS
} problem_kind;

/* All zero is a problem by AUTO of no channels; set what matters. */
typedef struct problem {
    problem_kind kind;
    e3tp_method method;
    size_t mul; /* of x, or channels */
    e3tp_dtype dtype;
    e3tp_isa isa;
    e3tp_layout layout[3];
    e3tp_weights weights; /* NONE: paths, or signals, without weights (uvw, pairs: as SHARED);
                             ROW: signals of rank 2; the sums 3, SHARED too */
    e3tp_effort effort;
    int threads;
    e3tp_parallel_fn parallel_for;
    void *parallel_ctx;
    e3tp_alloc_fn alloc;
    e3tp_free_fn release;
    void *alloc_ctx;
} problem;

const char *problem_name(problem_kind kind);
/* The descriptor, complete. */
e3tp_desc *problem_desc(const problem *p);
/* The plan, or NULL where the method refuses with a sentence, as it then has to: gaunt all but
   Gaunt products; grid the modes of `pairs`, products of matrices and a y about the pole;
   matrix all but its product; cg powers. Anything else fails the test. */
e3tp_plan *problem_plan(const problem *p);

/* Whether a method serves a kind; how many kinds it serves, at least one. */
bool problem_served(e3tp_method m, problem_kind kind);
int problems_served(e3tp_method m);
/* The methods built in: 0, 1, ...; E3TP_METHOD_AUTO past the last. */
e3tp_method method_at(int i);
int method_count(void);

#endif
