/* SPDX-License-Identifier: MIT */
/* The channel-wise product of an interatomic potential, with a row of weights for each row. */
#ifndef E3TP_TESTS_LAYER_H
#define E3TP_TESTS_LAYER_H

#include "suite.h"

/* A descriptor, to be completed, and the plan of one, which it takes. */
static inline e3tp_desc *layer_desc(const char *x, const char *y, e3tp_layout layout)
{
    e3tp_desc *d;
    e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT);
    e3tp_desc_set_irreps_text(d, E3TP_X, x);
    e3tp_desc_set_irreps_text(d, E3TP_Y, y);
    e3tp_desc_set_product(d, E3TP_PRODUCT_CHANNELWISE, NULL, 0);
    e3tp_desc_set_weights(d, E3TP_WEIGHTS_ROW);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_layout(d, (e3tp_operand)k, layout);
    return d;
}

#endif
