/* SPDX-License-Identifier: MIT */
/* Pools of small matrices from lines to lines, for the kernel `mix` of tile.h. */
#ifndef E3TP_MIX_H
#define E3TP_MIX_H

#include "core/alloc.h"
#include "core/status.h"
#include "tile/tile.h"

enum { E3TP_MIX_LINES = 64 };

/* Lines, with what the caller knows each by: a degree, a frequency, a number. */
typedef struct e3tp_mix_list {
    size_t n;
    uint16_t line[E3TP_MIX_LINES];
    int key[E3TP_MIX_LINES];
} e3tp_mix_list;

static inline void e3tp_mix_line(e3tp_mix_list *list, size_t line, int key)
{
    list->line[list->n] = (uint16_t)line;
    list->key[list->n++] = key;
}

/* Filled in two rounds of the same calls: counted while lists is NULL, written after create. */
typedef struct e3tp_mix_pool {
    e3tp_dtype dtype;
    uint16_t *lists;
    void *coeff;
    size_t nlists, ncoeff;
} e3tp_mix_pool;

/* An element of the matrix, by the keys of its input and output. */
typedef double e3tp_mix_value(const void *ctx, int in, int out);

/* Memory for what was counted; counts from zero again. NOMEM only. */
e3tp_status e3tp_mix_pool_create(e3tp_mix_pool *p, const e3tp_allocator *a);
void e3tp_mix_pool_destroy(e3tp_mix_pool *p, const e3tp_allocator *a);
e3tp_mix e3tp_mix_add(e3tp_mix_pool *p, const e3tp_mix_list *in, const e3tp_mix_list *out,
                      e3tp_mix_value *value, const void *ctx);

#endif
