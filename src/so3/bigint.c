/* SPDX-License-Identifier: MIT */
/* Schoolbook arithmetic on 32-bit limbs, and C(n,k+1) = C(n,k) (n-k)/(k+1), whose division is
 * exact. */
#include "so3/bigint.h"

#include <math.h>
#include <string.h>

static void trim(e3tp_so3_bigint *a)
{
    while (a->len > 0 && a->limb[a->len - 1] == 0)
        a->len--;
}

void e3tp_so3_bigint_set(e3tp_so3_bigint *a, uint32_t value)
{
    a->len = value != 0;
    a->limb[0] = value;
}

void e3tp_so3_bigint_mul(e3tp_so3_bigint *out, const e3tp_so3_bigint *a, const e3tp_so3_bigint *b)
{
    out->len = a->len + b->len;
    if (a->len == 1 && b->len == 1) { /* the case of small degrees, where time counts most */
        uint64_t t = (uint64_t)a->limb[0] * b->limb[0];
        out->limb[0] = (uint32_t)t;
        out->limb[1] = (uint32_t)(t >> 32);
        trim(out);
        return;
    }
    memset(out->limb, 0, (size_t)out->len * sizeof out->limb[0]);
    for (int i = 0; i < a->len; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < b->len; j++) {
            carry += (uint64_t)a->limb[i] * b->limb[j] + out->limb[i + j];
            out->limb[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        out->limb[i + b->len] = (uint32_t)carry;
    }
    trim(out);
}

void e3tp_so3_bigint_mul_small(e3tp_so3_bigint *a, uint32_t f)
{
    uint64_t carry = 0;
    for (int i = 0; i < a->len; i++) {
        carry += (uint64_t)a->limb[i] * f;
        a->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0)
        a->limb[a->len++] = (uint32_t)carry;
    trim(a);
}

void e3tp_so3_bigint_div_small(e3tp_so3_bigint *a, uint32_t d)
{
    uint64_t rest = 0;
    for (int i = a->len - 1; i >= 0; i--) {
        rest = (rest << 32) | a->limb[i];
        a->limb[i] = (uint32_t)(rest / d);
        rest %= d;
    }
    trim(a);
}

void e3tp_so3_bigint_add(e3tp_so3_bigint *a, const e3tp_so3_bigint *b)
{
    uint64_t carry = 0;
    for (int i = 0; i < b->len || (carry != 0 && i < a->len); i++) {
        carry += i < b->len ? b->limb[i] : 0;
        carry += i < a->len ? a->limb[i] : 0;
        a->limb[i] = (uint32_t)carry;
        carry >>= 32;
        if (i >= a->len)
            a->len = i + 1;
    }
    if (carry != 0)
        a->limb[a->len++] = (uint32_t)carry;
}

static int compare(const e3tp_so3_bigint *a, const e3tp_so3_bigint *b)
{
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    for (int i = a->len - 1; i >= 0; i--)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

/* a = a - b where a >= b */
static void subtract(e3tp_so3_bigint *a, const e3tp_so3_bigint *b)
{
    uint32_t borrow = 0;
    for (int i = 0; i < b->len || (borrow != 0 && i < a->len); i++) {
        uint64_t take = (uint64_t)(i < b->len ? b->limb[i] : 0) + borrow;
        borrow = take > a->limb[i];
        a->limb[i] = (uint32_t)(a->limb[i] - take);
    }
    trim(a);
}

long double e3tp_so3_bigint_value(const e3tp_so3_bigint *a)
{
    /* four limbs hold at least 97 significant bits; what lies below does not reach the result */
    int low = a->len > 4 ? a->len - 4 : 0;
    long double v = 0.0L;
    for (int i = low; i < a->len; i++)
        v += ldexpl((long double)a->limb[i], 32 * i);
    return v;
}

long double e3tp_so3_bigint_difference(e3tp_so3_bigint *a, e3tp_so3_bigint *b)
{
    int order = compare(a, b);
    if (order == 0)
        return 0.0L;
    if (order < 0) {
        subtract(b, a);
        return -e3tp_so3_bigint_value(b);
    }
    subtract(a, b);
    return e3tp_so3_bigint_value(a);
}

void e3tp_so3_binomial_row(int n, e3tp_so3_bigint *row)
{
    e3tp_so3_bigint_set(&row[0], 1);
    for (int k = 0; k < n; k++) {
        if (2 * (k + 1) > n) {
            row[k + 1] = row[n - k - 1];
            continue;
        }
        row[k + 1] = row[k];
        e3tp_so3_bigint_mul_small(&row[k + 1], (uint32_t)(n - k));
        e3tp_so3_bigint_div_small(&row[k + 1], (uint32_t)(k + 1));
    }
}

long double e3tp_so3_binomial(int n, int k)
{
    long double c = 1.0L;
    if (2 * k > n)
        k = n - k;
    for (int i = 0; i < k; i++) /* exact while below 2^64: each partial product is a binomial */
        c = c * (n - i) / (i + 1);
    return c;
}
