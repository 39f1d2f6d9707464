/* SPDX-License-Identifier: MIT */
/* The packed form of a whole operand: where the tiles of each of its blocks lie, and the walk over
   the blocks that packs and unpacks them. */
#ifndef E3TP_PACKED_H
#define E3TP_PACKED_H

#include "problem/backend.h"
#include "tile/tile.h"

/* Tile t of block b starts at at[b] + t * stride[b], its components T = 64 / sizeof(real) apart.
   by tile: all blocks have the same multiplicity and a tile's components stand together, in the
   order of IR_MUL; else block follows block. */
typedef struct e3tp_packed {
    e3tp_lanes lanes;
    size_t rows;         /* capacity */
    size_t elements;     /* of the whole, a multiple of T */
    size_t *at, *stride; /* [nblocks] */
    bool by_tile;
    bool joined;   /* the operand packs as one block of all components */
    size_t copies; /* of a common y that factors make another for every channel: channels; else 0 */
} e3tp_packed;

/* Lanes of a tile: one cache line of the problem's type. */
static inline size_t e3tp_tile_lanes(const e3tp_problem *p)
{
    return 64 / e3tp_dtype_size(p->dtype);
}

/* Whether operand k packs as one block of all components, where all blocks have the same
   multiplicity: its components are equally far apart, as there is one channel or channels are
   innermost. */
static inline bool e3tp_packs_as_one(const e3tp_problem *p, int k)
{
    return p->nblocks[k] > 0 && (p->layout[k] != E3TP_MUL_IR || p->blocks[k][0].mul == 1);
}

/* A place for n elements of scratch, whole lines of so many. apart: not a multiple of 4 KB from its
   neighbours, so that loads of one array do not wait for stores to another. */
static inline size_t e3tp_take(size_t *total, size_t line, size_t n, bool apart)
{
    const size_t at = *total, page = 64 * line;
    *total += apart ? (n + page - 1) / page * page + 21 * line : (n + line - 1) / line * line;
    return at;
}

/* Whether all blocks of operand k have the same multiplicity. */
bool e3tp_is_uniform(const e3tp_problem *p, int k);
/* Layout of operand k (0 x, 1 y, 2 z) of p for blocks of `rows` rows. Fails only for memory. */
e3tp_status e3tp_packed_create(e3tp_packed *q, const e3tp_problem *p, int k, e3tp_lanes lanes,
                               bool by_tile, size_t rows, const e3tp_allocator *a,
                               e3tp_message *why);
void e3tp_packed_destroy(e3tp_packed *q, const e3tp_allocator *a);

/* A block of a row that begins at element *start of it, as an operand of that layout holds it: n
   rows, `stride` apart, gathered by index or not (NULL). *start becomes the elements from the
   operand's pointer to the block. */
static inline e3tp_tile_map e3tp_layout_map(e3tp_layout layout, size_t mul, size_t d, size_t stride,
                                            size_t n, const int64_t *index, size_t *start)
{
    if (layout == E3TP_MUL_IR)
        return (e3tp_tile_map){stride, d, 1, index, n, mul, d};
    if (layout == E3TP_IR_MUL || stride == 0)
        return (e3tp_tile_map){stride, 1, mul, index, n, mul, d};
    *start *= stride;
    return (e3tp_tile_map){1, stride, mul * stride, index, n, mul, d};
}

/* The same for block b of operand k. */
static inline e3tp_tile_map e3tp_operand_map(const e3tp_problem *p, int k, const e3tp_block *b,
                                             ptrdiff_t stride, size_t n, const int64_t *index,
                                             size_t *start)
{
    *start = b->offset;
    return e3tp_layout_map(p->layout[k], b->mul, 2 * (size_t)b->l + 1, (size_t)stride, n, index,
                           start);
}

/* pack    n rows of operand k to `to` (64-byte aligned, q->elements)
   clear   zeroes the tiles of n rows
   unpack  the reverse; stride 0 adds the sum over rows to the one row at `to`; past: by
           unpack_past. Of copies their sum; they are used up */
#define E3TP_PACKED_KERNELS(X, real)                                                               \
    X(pack, (const e3tp_packed *q, const e3tp_problem *p, int k, size_t n, const real *from,       \
             ptrdiff_t stride, const int64_t *index, real *to))                                    \
    X(clear, (const e3tp_packed *q, const e3tp_problem *p, int k, size_t n, real *packed))         \
    X(unpack, (const e3tp_packed *q, const e3tp_problem *p, int k, size_t n, real *from, real *to, \
               ptrdiff_t stride, bool past))

#define E3TP_PACKED_MEMBER(name, args) void(*name) args;
typedef struct e3tp_packed_kernels_f32 {
    E3TP_PACKED_KERNELS(E3TP_PACKED_MEMBER, float)
} e3tp_packed_kernels_f32;
typedef struct e3tp_packed_kernels_f64 {
    E3TP_PACKED_KERNELS(E3TP_PACKED_MEMBER, double)
} e3tp_packed_kernels_f64;

#define E3TP_PACKED_DECLARE(tier)                                        \
    extern const e3tp_packed_kernels_f32 e3tp_packed_kernels_f32_##tier; \
    extern const e3tp_packed_kernels_f64 e3tp_packed_kernels_f64_##tier;
E3TP_PACKED_DECLARE(generic)
#if E3TP_HAVE_AVX2
E3TP_PACKED_DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
E3TP_PACKED_DECLARE(avx512)
#endif

#endif
