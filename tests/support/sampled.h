/* SPDX-License-Identifier: MIT */
/* Builds beside the full one (bare, under sanitizers, which are ten to twenty times slower) sample:
   loops over combinations take a part of them, in which every value of every loop still has its
   turn. Meson's option `sampled`. */
#ifndef E3TP_TESTS_SAMPLED_H
#define E3TP_TESTS_SAMPLED_H

#include <stdbool.h>

/* Whether the combination is to be passed over; sum: of the numbers of the loops, of which one in
   `every` stays. */
static inline bool left_out(int sum, int every)
{
    return SAMPLED && sum % every != 0;
}

#endif
