/* SPDX-License-Identifier: MIT */
/* The oracle of the backend: one product in plain double by naive sums, with nothing of its tables.
 */
#ifndef E3TP_GAUNT_REF_H
#define E3TP_GAUNT_REF_H

#include <stdbool.h>

/* Degrees l [n] of one operand, its numbers block after block in v, 2l+1 each. */
typedef struct e3tp_gaunt_ref_operand {
    int n;
    const int *l;
    double *v;
} e3tp_gaunt_ref_operand;

/* z = the integrals of the product of the functions x and y with every harmonic of z. false: out of
 * memory. */
bool e3tp_gaunt_ref(const e3tp_gaunt_ref_operand *x, const e3tp_gaunt_ref_operand *y,
                    const e3tp_gaunt_ref_operand *z);

#endif
