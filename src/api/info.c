/* SPDX-License-Identifier: MIT */
/* What the library is and was built with. */
#include "api/objects.h"
#include "e3tp_config.h"
#include "problem/signals.h"

const char *e3tp_status_string(e3tp_status s)
{
    switch (s) {
    case E3TP_OK:
        return "ok";
    case E3TP_E_INVALID:
        return "invalid argument";
    case E3TP_E_UNSUPPORTED:
        return "unsupported";
    case E3TP_E_NOMEM:
        return "out of memory";
    case E3TP_E_SHAPE:
        return "shapes do not fit";
    case E3TP_E_STATE:
        return "not possible in this state";
    case E3TP_E_INTERNAL:
        break;
    }
    return s == E3TP_E_INTERNAL ? "internal error" : "unknown status";
}

unsigned e3tp_version(void)
{
    return E3TP_VERSION_MAJOR * 10000u + E3TP_VERSION_MINOR * 100u + E3TP_VERSION_PATCH;
}

unsigned e3tp_abi_version(void)
{
    return E3TP_ABI_VERSION;
}

const char *e3tp_isa_name(e3tp_isa isa)
{
    return isa > E3TP_ISA_AUTO && (int)isa <= E3TP_TIER_COUNT ? e3tp_tier_name((e3tp_tier)(isa - 1))
                                                              : NULL;
}

int e3tp_isa_compiled(e3tp_isa isa)
{
    return e3tp_isa_name(isa) && e3tp_tier_compiled((e3tp_tier)(isa - 1));
}

int e3tp_isa_usable(e3tp_isa isa)
{
    return e3tp_isa_name(isa) && e3tp_tier_usable((e3tp_tier)(isa - 1));
}

const char *e3tp_method_name(e3tp_method m)
{
    const e3tp_backend *b = e3tp_backend_of(m);
    return b ? b->name : NULL;
}

int e3tp_method_serves(e3tp_method m, e3tp_op op)
{
    const e3tp_backend *b = e3tp_backend_of(m);
    return e3tp_op_name(op) && b && (b->operations >> op & 1);
}

static const char *yes_no(int have)
{
    return have ? "yes" : "no";
}

size_t e3tp_build_info(char *buf, size_t cap)
{
    size_t used = 0;
    e3tp_append(buf, cap, &used, "e3tp %d.%d.%d (ABI %d), compiler %s\n", E3TP_VERSION_MAJOR,
                E3TP_VERSION_MINOR, E3TP_VERSION_PATCH, E3TP_ABI_VERSION, E3TP_COMPILER);
    e3tp_append(buf, cap, &used, "OpenMP %s, FFTW %s, SLEEF %s\ntiers:", yes_no(E3TP_HAVE_OPENMP),
                yes_no(E3TP_HAVE_FFTW), yes_no(E3TP_HAVE_SLEEF));
    for (int t = 0; t < E3TP_TIER_COUNT; t++)
        if (e3tp_tier_compiled((e3tp_tier)t))
            e3tp_append(buf, cap, &used, " %s%s", e3tp_tier_name((e3tp_tier)t),
                        e3tp_tier_usable((e3tp_tier)t) ? "" : " (not usable here)");
    e3tp_append(buf, cap, &used, "\n");
    return used;
}
