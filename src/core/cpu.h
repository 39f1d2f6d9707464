/* SPDX-License-Identifier: MIT */
/* Instruction-set tiers: names, what was compiled in, what this machine and its OS can run; and the
   other thing that a process must know about itself, whether it was forked. */
#ifndef E3TP_CORE_CPU_H
#define E3TP_CORE_CPU_H

#include <stdbool.h>

/* Public as e3tp_isa in e3tp.h with the same values + 1 (0 there is AUTO). */
typedef enum e3tp_tier {
    E3TP_TIER_GENERIC_ = 0,
    E3TP_TIER_AVX2_ = 1,
    E3TP_TIER_AVX512_ = 2,
    E3TP_TIER_NEON_ = 3,
    E3TP_TIER_COUNT = 4
} e3tp_tier;

const char *e3tp_tier_name(e3tp_tier t); /* "generic", "avx2", "avx512", "neon" */
bool e3tp_tier_compiled(e3tp_tier t);
bool e3tp_tier_usable(e3tp_tier t); /* compiled, and CPU and OS state allow all of it */
e3tp_tier e3tp_tier_best(void);
int e3tp_tier_find(const char *name); /* -1: unknown */
/* Of speeds by tier, for costs, that of one here. A CPU may split operations of 512 bits in halves
   (AMD's Zen 4): AVX-512 then gains a quarter over AVX2, by its registers. */
double e3tp_tier_speed(const double speed[E3TP_TIER_COUNT], e3tp_tier t);

/* Whether this process is a child forked from one that had loaded the library. */
bool e3tp_cpu_forked(void);

#endif
