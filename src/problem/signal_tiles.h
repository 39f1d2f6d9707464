/* SPDX-License-Identifier: MIT */
/* The walk over the rows of a product of signals, for backends that work on lane tiles: packs the
   operands of a few tiles, multiplies them with their factors, hands tile after tile to the
   backend, and unpacks results and gradients. */
#ifndef E3TP_SIGNAL_TILES_H
#define E3TP_SIGNAL_TILES_H

#include "problem/packed.h"
#include "problem/signals.h"

typedef struct e3tp_signal_tiles {
    const e3tp_problem *problem;
    e3tp_lanes lanes;
    size_t components[3];                         /* of a channel of x, y and z */
    int32_t d[3][E3TP_MOST_HARMONICS];            /* and of each block */
    size_t row_step;                              /* rows of a tile: 1, or T with lanes over rows */
    size_t group_tiles;                           /* tiles of so many rows */
    size_t together;                              /* tiles that are packed at a time, at most */
    size_t block_rows;                            /* most rows of a call */
    size_t in[3], out[3], w[3], gw[3], scaled[3]; /* in scratch, elements */
} e3tp_signal_tiles;

/* What a call asks for, the same for all of its tiles. Results 0, 1, 2 are gx, gy, z; operands x,
   y, gz, of which those are needed that a wanted result is made of. shared: one row of the operand
   serves all tiles of a channel. */
typedef struct e3tp_signal_call {
    bool back;
    bool wanted[3], needed[3], shared[3];
} e3tp_signal_call;

/* in, out: components [components[k]][T] of operands and results of one tile. fresh: a needed
   operand is not that of the tile before. scratch: the worker's. */
typedef void e3tp_signal_fn(const void *plan, const e3tp_signal_call *call, const void *const in[3],
                            void *const out[3], const bool fresh[3], void *scratch);

/* Sizes for p, and the walk's part of the scratch, from *total on. */
void e3tp_signal_tiles_set(e3tp_signal_tiles *s, const e3tp_problem *p, size_t *total);

/* Seconds per row of a pass whose tiles take so many, with packing. */
double e3tp_signal_seconds(const e3tp_problem *p, e3tp_pass pass, double tile);

/* run: rows of a call through fn, for a plan of it. */
#define E3TP_SIGNAL_TILES_KERNELS(X, real)                                                 \
    X(run, (const e3tp_signal_tiles *s, e3tp_pass pass, const e3tp_rows *r, void *scratch, \
            e3tp_signal_fn *fn, const void *plan))

#define E3TP_SIGNAL_TILES_MEMBER(name, args) void(*name) args;
typedef struct e3tp_signal_tiles_kernels_f32 {
    E3TP_SIGNAL_TILES_KERNELS(E3TP_SIGNAL_TILES_MEMBER, float)
} e3tp_signal_tiles_kernels_f32;
typedef struct e3tp_signal_tiles_kernels_f64 {
    E3TP_SIGNAL_TILES_KERNELS(E3TP_SIGNAL_TILES_MEMBER, double)
} e3tp_signal_tiles_kernels_f64;

#define E3TP_SIGNAL_TILES_DECLARE(tier)                                              \
    extern const e3tp_signal_tiles_kernels_f32 e3tp_signal_tiles_kernels_f32_##tier; \
    extern const e3tp_signal_tiles_kernels_f64 e3tp_signal_tiles_kernels_f64_##tier;
E3TP_SIGNAL_TILES_DECLARE(generic)
#if E3TP_HAVE_AVX2
E3TP_SIGNAL_TILES_DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
E3TP_SIGNAL_TILES_DECLARE(avx512)
#endif

#endif
