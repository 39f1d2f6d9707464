/* SPDX-License-Identifier: MIT */
#include "core/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "core/checked.h"

/* One cache line, which is also the widest vector. */
#define ALIGNMENT 64

/* A hook may return any alignment and wants its own pointer back: it stands just before the aligned
 * block. */
static void *alloc_by_hook(const e3tp_allocator *a, size_t bytes)
{
    size_t total;
    if (!e3tp_add_size(bytes, sizeof(void *) + ALIGNMENT - 1, &total))
        return NULL;
    unsigned char *raw = a->alloc(total, a->ctx);
    if (!raw)
        return NULL;
    const size_t least = (size_t)((uintptr_t)(raw + sizeof(void *)) % ALIGNMENT);
    unsigned char *block = raw + sizeof(void *) + (least ? ALIGNMENT - least : 0);
    memcpy(block - sizeof(void *), &raw, sizeof(void *));
    return block;
}

static void *alloc_by_libc(size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGNMENT)
        return NULL;
    return aligned_alloc(ALIGNMENT, e3tp_round_up(bytes, ALIGNMENT));
}

void *e3tp_alloc(const e3tp_allocator *a, size_t n, size_t size)
{
    size_t bytes;
    if (!e3tp_mul_size(n, size, &bytes))
        return NULL;
    if (bytes == 0)
        bytes = 1; /* so that NULL means failure and nothing else */
    return a && a->alloc ? alloc_by_hook(a, bytes) : alloc_by_libc(bytes);
}

void *e3tp_zalloc(const e3tp_allocator *a, size_t n, size_t size)
{
    void *p = e3tp_alloc(a, n, size);
    if (p)
        memset(p, 0, n * size);
    return p;
}

void e3tp_free(const e3tp_allocator *a, void *p)
{
    if (!p)
        return;
    if (a && a->alloc) {
        void *raw;
        memcpy(&raw, (unsigned char *)p - sizeof raw, sizeof raw);
        if (a->free)
            a->free(raw, a->ctx);
    } else {
        free(p);
    }
}
