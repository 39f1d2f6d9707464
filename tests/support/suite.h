/* SPDX-License-Identifier: MIT */
/* What the programs that see only the public headers share: the tier named by the first argument,
   and running one list of tests. */
#ifndef E3TP_TESTS_SUITE_H
#define E3TP_TESTS_SUITE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e3tp/e3tp.h"

#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

/* Exits with 77, SKIP, where the tier cannot run here, and with 2 for an unknown name. */
static inline e3tp_isa tier_argument(int argc, char **argv)
{
    for (int t = E3TP_ISA_GENERIC; argc > 1 && e3tp_isa_name((e3tp_isa)t); t++)
        if (strcmp(e3tp_isa_name((e3tp_isa)t), argv[1]) == 0) {
            if (e3tp_isa_usable((e3tp_isa)t))
                return (e3tp_isa)t;
            printf("SKIP: tier %s cannot run here\n", argv[1]);
            exit(77);
        }
    fprintf(stderr, "usage: %s TIER\n", argv[0]);
    exit(2);
}

/* n numbers in -1..1 for a seed; freed by the caller. */
static inline float *random_floats(size_t n, unsigned seed)
{
    float *a = malloc((n + 1) * sizeof *a);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        a[i] = (float)(seed >> 8) / (1 << 23) - 1;
    }
    return a;
}

/* The plan of d, which it destroys. */
static inline e3tp_plan *plan_from(e3tp_desc *d)
{
    e3tp_plan *p;
    ck_assert_msg(e3tp_plan_create(&p, d) == E3TP_OK, "%s", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

static inline double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* CK_NOFORK where threads are under test: a forked child is serial by design. */
static inline int run_tests(TCase *tests, const char *name, enum fork_status mode)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 240);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, mode);
    srunner_run_all(runner, CK_NORMAL);
    const int good = srunner_ntests_failed(runner) == 0 && srunner_ntests_run(runner) > 0;
    srunner_free(runner);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
