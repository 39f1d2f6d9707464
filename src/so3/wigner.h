/* SPDX-License-Identifier: MIT */
/* Exact real coupling coefficients, dense and sparse; formulas in wigner.c. */
#ifndef E3TP_SO3_WIGNER_H
#define E3TP_SO3_WIGNER_H

#include <stdbool.h>
#include <stdlib.h>

#include "e3tp/so3.h"

/* One non-zero of W: indices m + l, that is 0..2l. */
typedef struct e3tp_coupling_entry {
    int16_t m1, m2, m3;
    double value;
} e3tp_coupling_entry;

/* Whether degrees couple: |l1 - l2| <= l3 <= l1 + l2. */
static inline bool e3tp_so3_triangle(int l1, int l2, int l3)
{
    return l3 >= abs(l1 - l2) && l3 <= l1 + l2;
}

/* As e3tp_wigner_3j. */
e3tp_status e3tp_so3_wigner_3j(int l1, int l2, int l3, e3tp_sign sign, double *out);

/* The status that e3tp_so3_wigner_3j would give for these arguments (with a valid out). */
e3tp_status e3tp_so3_coupling_check(int l1, int l2, int l3, e3tp_sign sign);

/* +1, or -1 where W of the convention is that of E3TP_SIGN_E3NN times -1; the arguments as above.
 */
double e3tp_so3_coupling_sign(int l1, int l2, int l3, e3tp_sign sign);

/* The non-zeros of W(l1, l2, l3), by an exact zero test, sorted by (m1, m2, m3); writes the first
   cap of them to out (NULL where cap is 0) and returns how many there are: at most 2
   (2l1+1)(2l2+1), and two at most for each (m1, m2). Returns 0 where e3tp_so3_coupling_check does
   not give OK. */
size_t e3tp_so3_coupling_sparse(int l1, int l2, int l3, e3tp_sign sign, e3tp_coupling_entry *out,
                                size_t cap);

#endif
