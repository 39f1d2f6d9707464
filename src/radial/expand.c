/* SPDX-License-Identifier: MIT */
/* The kernels of expansions by real and tier. */
#include "radial/expand.h"

#include "core/tiers.h"

E3TP_RUNNERS(e3tp_expand_kernels, e3tp_expand_kernels, kernels);

const e3tp_expand_kernels *e3tp_expand_kernels_of(e3tp_dtype dtype, e3tp_tier tier)
{
    return kernels[dtype][tier];
}
