/* SPDX-License-Identifier: MIT */
/* Kernel tests: the tier under test is the program's argument; exit 77 where it cannot run. */
#ifndef TEST_TIERS_H
#define TEST_TIERS_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/cpu.h"
#include "e3tp_config.h"

/* The structs of a template by tier, for a table { FOR_TIERS(e3tp_tile_kernels_f32) }. */
#define TIER_GENERIC(base) [E3TP_TIER_GENERIC_] = &base##_generic,
#if E3TP_HAVE_AVX2
#define TIER_AVX2(base) [E3TP_TIER_AVX2_] = &base##_avx2,
#else
#define TIER_AVX2(base)
#endif
#if E3TP_HAVE_AVX512
#define TIER_AVX512(base) [E3TP_TIER_AVX512_] = &base##_avx512,
#else
#define TIER_AVX512(base)
#endif
#define FOR_TIERS(base) TIER_GENERIC(base) TIER_AVX2(base) TIER_AVX512(base)

static inline e3tp_tier tier_under_test(int argc, char **argv)
{
    const int tier = argc > 1 ? e3tp_tier_find(argv[1]) : -1;
    if (tier < 0) {
        fprintf(stderr, "usage: %s TIER\n", argv[0]);
        exit(2);
    }
    if (!e3tp_tier_usable((e3tp_tier)tier)) {
        printf("SKIP: tier %s cannot run here\n", argv[1]);
        exit(77);
    }
    return (e3tp_tier)tier;
}

static inline int run_case(TCase *tests, const char *name)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 120);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner), ran = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
