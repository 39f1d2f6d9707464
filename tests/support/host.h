/* SPDX-License-Identifier: MIT */
/* What a host may give the library: memory that runs out, and a parallel loop of its own. */
#ifndef E3TP_TESTS_HOST_H
#define E3TP_TESTS_HOST_H

#include <stddef.h>
#include <stdlib.h>

/* Memory that lasts for `left` allocations; -1: for ever. */
typedef struct meter {
    long left, live, total;
} meter;

static inline void *metered_alloc(size_t bytes, void *ctx)
{
    meter *m = ctx;
    if (m->left == 0)
        return NULL;
    m->left--;
    m->live++;
    m->total++;
    return malloc(bytes);
}

static inline void metered_free(void *block, void *ctx)
{
    ((meter *)ctx)->live--;
    free(block);
}

/* A loop that runs backwards, and counts its bodies. */
static inline void backwards(size_t n, void (*body)(void *, size_t), void *body_ctx, void *ctx)
{
    *(size_t *)ctx += n;
    while (n--)
        body(body_ctx, n);
}

#endif
