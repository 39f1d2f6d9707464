/* SPDX-License-Identifier: MIT */
/* Size arithmetic that says when it overflows. */
#ifndef E3TP_CORE_CHECKED_H
#define E3TP_CORE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool e3tp_mul_size(size_t a, size_t b, size_t *out)
{
    *out = a * b;
    return b == 0 || a <= SIZE_MAX / b;
}

static inline bool e3tp_add_size(size_t a, size_t b, size_t *out)
{
    *out = a + b;
    return a <= SIZE_MAX - b;
}

/* The next multiple of m, m a power of two. */
static inline size_t e3tp_round_up(size_t n, size_t m)
{
    return (n + m - 1) & ~(m - 1);
}

/* Whether two pieces of memory share a byte; an empty one shares none. */
static inline bool e3tp_overlap(const void *a, size_t na, const void *b, size_t nb)
{
    const uintptr_t p = (uintptr_t)a, q = (uintptr_t)b;
    return a && b && na && nb && p < q + nb && q < p + na;
}

/* An array of a call; at NULL: not given. */
typedef struct e3tp_array {
    const void *at;
    size_t bytes;
} e3tp_array;

/* Whether an output lies over an input or another output; the first `inputs` of `count` are inputs.
 */
static inline bool e3tp_outputs_overlap(const e3tp_array *a, size_t inputs, size_t count)
{
    for (size_t i = inputs; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (e3tp_overlap(a[i].at, a[i].bytes, a[k].at, a[k].bytes))
                return true;
    return false;
}

#endif
