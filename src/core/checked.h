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

#endif
