/* SPDX-License-Identifier: MIT */
/* Assertions for what is checked millions of times: Check writes a note to a file for every one of
   its own that holds. */
#ifndef E3TP_TESTS_ENSURE_H
#define E3TP_TESTS_ENSURE_H

#include <check.h>

/* As ck_assert_msg. */
#define ensure(holds, ...)             \
    do {                               \
        if (!(holds))                  \
            ck_abort_msg(__VA_ARGS__); \
    } while (0)

#endif
