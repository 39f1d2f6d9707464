/* SPDX-License-Identifier: MIT */
/* Numbers and layers of tests of convolutions. */
#ifndef E3TP_TESTS_GRAPH_CHECKS_H
#define E3TP_TESTS_GRAPH_CHECKS_H

#include "layer.h"

static e3tp_isa tier;
static unsigned state = 1;

static inline unsigned draw(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static inline double *numbers(size_t n)
{
    double *a = malloc((n + 1) * sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i] = draw() / (double)(1 << 23) - 1;
    return a;
}

static const char whole_tiles[] = "96x0e+96x1o", other_tiles[] = "89x0e+27x1o";

static inline e3tp_plan *layer(const char *x, int by_path, e3tp_layout layout)
{
    e3tp_desc *d = layer_desc(x, "0e+1o+2e+3o", layout);
    if (by_path)
        e3tp_desc_set_weight_shape(d, E3TP_WEIGHT_BY_PATH);
    e3tp_desc_set_dtype(d, E3TP_F64);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_threads(d, 2);
    return plan_from(d);
}

#endif
