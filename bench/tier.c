/* SPDX-License-Identifier: MIT */
#include "tier.h"

#include <string.h>

#define DECLARE(name) extern const bench_tier bench_tier_##name;
BENCH_TIERS(DECLARE)

#define ENTRY(name) &bench_tier_##name,
static const bench_tier *const tiers[] = {BENCH_TIERS(ENTRY)};

const bench_tier *bench_tier_named(const char *name)
{
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++)
        if (strcmp(tiers[i]->name, name) == 0)
            return tiers[i];
    return NULL;
}
