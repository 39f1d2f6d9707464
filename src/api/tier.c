/* SPDX-License-Identifier: MIT */
/* The tier of a new plan: the one asked for, that of E3TP_ISA, or the best. */
#include <stdlib.h>

#include "api/objects.h"

static void list_tiers(char *buf, size_t cap)
{
    size_t used = 0;
    buf[0] = '\0';
    for (int t = 0; t < E3TP_TIER_COUNT; t++)
        if (e3tp_tier_compiled((e3tp_tier)t))
            e3tp_append(buf, cap, &used, "%s%s (%s)", used ? ", " : "",
                        e3tp_tier_name((e3tp_tier)t),
                        e3tp_tier_usable((e3tp_tier)t) ? "usable" : "not usable here");
}

static e3tp_status check_tier(int tier, const char *name, const char *from, e3tp_message *why)
{
    if (tier >= 0 && e3tp_tier_usable((e3tp_tier)tier))
        return E3TP_OK;
    char tiers[200];
    list_tiers(tiers, sizeof tiers);
    return e3tp_fail(why, E3TP_E_UNSUPPORTED, "tier \"%.40s\" (%s) is %s; tiers: %s", name, from,
                     tier < 0                              ? "unknown"
                     : e3tp_tier_compiled((e3tp_tier)tier) ? "not usable on this machine"
                                                           : "not compiled in",
                     tiers);
}

e3tp_status e3tp_isa_choose(e3tp_isa isa, e3tp_tier *tier, e3tp_message *why)
{
    if (isa != E3TP_ISA_AUTO && !e3tp_isa_name(isa))
        return e3tp_fail(why, E3TP_E_INVALID, "there is no tier %d", (int)isa);
    if (isa != E3TP_ISA_AUTO) {
        *tier = (e3tp_tier)(isa - 1);
        return check_tier((int)*tier, e3tp_tier_name(*tier), "asked for by the descriptor", why);
    }
    const char *name = getenv("E3TP_ISA");
    if (!name || !*name) {
        *tier = e3tp_tier_best();
        return E3TP_OK;
    }
    const int found = e3tp_tier_find(name);
    E3TP_TRY(check_tier(found, name, "from the environment variable E3TP_ISA", why));
    *tier = (e3tp_tier)found;
    return E3TP_OK;
}
