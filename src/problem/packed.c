/* SPDX-License-Identifier: MIT */
#include "problem/packed.h"

bool e3tp_is_uniform(const e3tp_problem *p, int k)
{
    for (size_t i = 1; i < p->nblocks[k]; i++)
        if (p->blocks[k][i].mul != p->blocks[k][0].mul)
            return false;
    return true;
}

e3tp_status e3tp_packed_create(e3tp_packed *q, const e3tp_problem *p, int k, e3tp_lanes lanes,
                               bool by_tile, size_t rows, const e3tp_allocator *a,
                               e3tp_message *why)
{
    const size_t T = e3tp_tile_lanes(p), nblocks = p->nblocks[k];
    *q = (e3tp_packed){.lanes = lanes, .rows = rows, .by_tile = by_tile};
    q->copies = k == 1 && p->common_y && p->factor_weights ? p->channels : 0;
    q->at = e3tp_alloc(a, nblocks, sizeof *q->at);
    q->stride = e3tp_alloc(a, nblocks, sizeof *q->stride);
    if (!q->at || !q->stride)
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for the layout of %zu blocks", nblocks);
    size_t components = 0;
    for (size_t i = 0; i < nblocks; i++)
        components += 2 * (size_t)p->blocks[k][i].l + 1;
    for (size_t i = 0, before = 0; i < nblocks; i++) {
        const e3tp_block *b = &p->blocks[k][i];
        const size_t d = 2 * (size_t)b->l + 1, mul = q->copies ? q->copies : b->mul,
                     tiles = e3tp_tile_count(lanes, T, rows, mul);
        q->at[i] = by_tile ? before * T : q->elements;
        q->stride[i] = (by_tile ? components : d) * T;
        q->elements += tiles * d * T;
        before += d;
    }
    q->joined = by_tile && e3tp_packs_as_one(p, k);
    return E3TP_OK;
}

void e3tp_packed_destroy(e3tp_packed *q, const e3tp_allocator *a)
{
    e3tp_free(a, q->at);
    e3tp_free(a, q->stride);
    *q = (e3tp_packed){0};
}
