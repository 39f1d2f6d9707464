/* SPDX-License-Identifier: MIT */
/* Packing of whole operands, compiled once per tier and real. Exports one const struct. */
#include "problem/packed.h"

#include <string.h>

#include "simd/name.h"

#define tiles E3TP_NAME(e3tp_tile_kernels)

/* Block i of the operand; joined: all of it as one block. */
static e3tp_tile_map map_of(const e3tp_packed *q, const e3tp_problem *p, int k, size_t i, size_t n,
                            ptrdiff_t stride, const int64_t *index, size_t *start)
{
    e3tp_tile_map m = e3tp_operand_map(p, k, &p->blocks[k][i], stride, n, index, start);
    if (q->joined)
        m.d = m.mul ? p->dim[k] / m.mul : 0;
    if (q->copies) {
        m.mul = q->copies;
        m.channel = 0;
    }
    return m;
}

static void pack(const e3tp_packed *q, const e3tp_problem *p, int k, size_t n, const real *from,
                 ptrdiff_t stride, const int64_t *index, real *to)
{
    for (size_t i = 0; i < (q->joined ? 1 : p->nblocks[k]); i++) {
        size_t start;
        const e3tp_tile_map m = map_of(q, p, k, i, n, stride, index, &start);
        tiles.pack(&m, q->lanes, from + start, to + q->at[i], q->stride[i]);
    }
}

static void clear(const e3tp_packed *q, const e3tp_problem *p, int k, size_t n, real *packed)
{
    const size_t T = 64 / sizeof(real);
    for (size_t i = 0; i < (q->by_tile ? 1 : p->nblocks[k]) && p->nblocks[k]; i++) {
        const size_t mul = q->copies ? q->copies : p->blocks[k][i].mul,
                     used = e3tp_tile_count(q->lanes, T, n, mul);
        memset(packed + q->at[i], 0, used * q->stride[i] * sizeof(real));
    }
}

static void unpack(const e3tp_packed *q, const e3tp_problem *p, int k, size_t n, real *from,
                   real *to, ptrdiff_t stride, bool past)
{
    for (size_t i = 0; i < (q->joined ? 1 : p->nblocks[k]); i++) {
        size_t start;
        const e3tp_tile_map m = map_of(q, p, k, i, n, stride, NULL, &start);
        if (q->copies)
            tiles.sum_channels(&m, q->lanes, from + q->at[i], q->stride[i], to + start);
        else if (stride == 0)
            tiles.sum(&m, q->lanes, from + q->at[i], q->stride[i], to + start);
        else
            (past ? tiles.unpack_past : tiles.unpack)(&m, q->lanes, from + q->at[i], q->stride[i],
                                                      to + start);
    }
}

#define STRUCT_(r) e3tp_packed_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL) E3TP_NAME(e3tp_packed_kernels) = {E3TP_PACKED_KERNELS(MEMBER, real)};
