/* SPDX-License-Identifier: MIT */
/* Natural numbers below 2^512 in fixed storage, and exact binomial coefficients. */
#ifndef E3TP_SO3_BIGINT_H
#define E3TP_SO3_BIGINT_H

#include <stdint.h>

/* 512 bits. The largest number that occurs is the 6j sum, below 2^(7j+1): 2^337 at j = 48 (sixj.c).
 */
#define E3TP_SO3_LIMBS 16

/* value = sum limb[i] 2^(32 i), i < len; len = 0 is zero and limb[len-1] is not 0. */
typedef struct e3tp_so3_bigint {
    int len;
    uint32_t limb[E3TP_SO3_LIMBS];
} e3tp_so3_bigint;

void e3tp_so3_bigint_set(e3tp_so3_bigint *a, uint32_t value);
/* out = a b; out may not be a or b. */
void e3tp_so3_bigint_mul(e3tp_so3_bigint *out, const e3tp_so3_bigint *a, const e3tp_so3_bigint *b);
/* a = a f */
void e3tp_so3_bigint_mul_small(e3tp_so3_bigint *a, uint32_t f);
/* a = floor(a / d), d > 0 */
void e3tp_so3_bigint_div_small(e3tp_so3_bigint *a, uint32_t d);
/* a = a + b */
void e3tp_so3_bigint_add(e3tp_so3_bigint *a, const e3tp_so3_bigint *b);
/* Nearest long double of a - b, correctly rounded to one unit in its last place; 0 if and only if a
   = b. Destroys both. */
long double e3tp_so3_bigint_difference(e3tp_so3_bigint *a, e3tp_so3_bigint *b);
long double e3tp_so3_bigint_value(const e3tp_so3_bigint *a);

/* row[k] = C(n, k), k = 0..n */
void e3tp_so3_binomial_row(int n, e3tp_so3_bigint *row);
/* C(n, k) in floating point, 0 <= k <= n; relative error at most k units in the last place. */
long double e3tp_so3_binomial(int n, int k);

#endif
