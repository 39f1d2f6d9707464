/* SPDX-License-Identifier: MIT */
/* Products of signals by lists of degrees, as tests vary them. */
#ifndef E3TP_TESTS_SIGNALS_H
#define E3TP_TESTS_SIGNALS_H

#include "suite.h"

enum { SIGNAL_LIST = 5 };

typedef struct signal_lists {
    e3tp_op op;
    int l[3][SIGNAL_LIST];
    size_t n[3];
} signal_lists;

/* Of one thread, complete but for what else a test sets. */
static inline e3tp_desc *signal_desc(const signal_lists *q, size_t channels,
                                     const e3tp_layout layout[3], e3tp_isa isa)
{
    e3tp_desc *d;
    ck_assert_int_eq(e3tp_desc_create(&d, q->op), E3TP_OK);
    e3tp_desc_set_channels(d, channels);
    for (int k = 0; k < 3; k++) {
        e3tp_desc_set_degrees(d, (e3tp_operand)k, q->l[k], q->n[k]);
        e3tp_desc_set_layout(d, (e3tp_operand)k, layout[k]);
    }
    e3tp_desc_set_isa(d, isa);
    e3tp_desc_set_threads(d, 1);
    return d;
}

#endif
