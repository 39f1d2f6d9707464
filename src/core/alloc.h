/* SPDX-License-Identifier: MIT */
/* The only allocation in the library: 64-byte aligned, overflow-checked, with the caller's hooks.
 */
#ifndef E3TP_CORE_ALLOC_H
#define E3TP_CORE_ALLOC_H

#include "e3tp/base.h"

typedef struct e3tp_allocator {
    e3tp_alloc_fn alloc; /* NULL: the C library's */
    e3tp_free_fn free;
    void *ctx;
} e3tp_allocator;

/* n * size bytes, 64-byte aligned; never NULL for n == 0; NULL on overflow or failure. a NULL: the
   C library's. */
void *e3tp_alloc(const e3tp_allocator *a, size_t n, size_t size);
void *e3tp_zalloc(const e3tp_allocator *a, size_t n, size_t size);
void e3tp_free(const e3tp_allocator *a, void *p); /* NULL is fine */

#endif
