/* SPDX-License-Identifier: MIT */
/* Sanitizers slow tests down ten to twenty times: there, loops over combinations take a part of
   them, in which every value of every loop still has its turn. */
#ifndef E3TP_TESTS_SANITIZED_H
#define E3TP_TESTS_SANITIZED_H

#include <stdbool.h>

#if defined(__has_feature)
#define E3TP_HAS_FEATURE(name) __has_feature(name)
#else
#define E3TP_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || E3TP_HAS_FEATURE(address_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Whether the combination is to be passed over; sum: of the numbers of the loops, of which one in
   `every` stays. */
static inline bool left_out(int sum, int every)
{
    return SANITIZED && sum % every != 0;
}

#endif
