/* SPDX-License-Identifier: MIT */
/* The walk over the rows of a product of signals, for backends that work on lane tiles: packs the
   operands of a few tiles, multiplies them with their factors, hands tile after tile to the
   backend, and unpacks results and gradients; or, where the backend can and no gradients of
   factors are wanted, has it work on lines where the caller has them. */
#ifndef E3TP_SIGNAL_TILES_H
#define E3TP_SIGNAL_TILES_H

#include "core/tiers.h"
#include "problem/packed.h"
#include "problem/signals.h"
#include "tile/fold.h"

/* What a call asks for, the same for all of its tiles. Results 0, 1, 2 are gx, gy, z; operands x,
   y, gz, of which those are needed that a wanted result is made of. shared: the operand serves
   more than one tile: one row of it all rows, or one channel of y all channels. */
typedef struct e3tp_signal_call {
    bool back, second; /* gradients; double backward or JVP: results are hx, hy, hz */
    bool square;       /* y is x: operand 0 stands for both, and gx for gy */
    bool wanted[3], needed[3], shared[3];
    bool tangent[3]; /* of x, y: in `second`, is there and follows its operand */
    /* Results that add up where products are made, over the tiles of a row or the terms of a sum
       (e3tp_signal_joins). Of the tile and term at hand: whether it adds to what the one before
       left, whether the result is to come back. */
    bool joins[3], adds[3], ends[3];
    size_t count; /* tiles at hand, one after the other: 1, or as many as the plan takes at once */
} e3tp_signal_call;

/* Most tiles that a plan takes at once: as repeats of folded transforms. */
enum { E3TP_SIGNAL_AT_ONCE = E3TP_FOLD_PAIR };

/* gy of a y common to all channels, over the tiles of a row; z with factors common to all terms,
   over these. */
static inline bool e3tp_signal_joins(const e3tp_problem *p, int k)
{
    return k == 1 ? p->common_y && !p->factor_weights : k == 2 && p->common_output;
}

/* The operand whose samples stand for those of operand k. */
static inline int e3tp_signal_stand_in(const e3tp_signal_call *call, int k)
{
    return k == 1 && call->square ? 0 : k;
}

/* in, out: components [count][components[k]][T] of operands, with those of a tangent behind them
   (tiles are lines[k] lines apart), and of results. fresh: a needed operand is not that of the tile
   and term before. scratch: the worker's. */
typedef void e3tp_signal_fn(const void *plan, const e3tp_signal_call *call, const void *const in[3],
                            void *const out[3], const bool fresh[3], void *scratch);

/* `count` whole tiles, where the caller has them or packed: component i of tile t of an operand or
   result at i step + t tile elements from its pointer, which need not be aligned; tile 0: one for
   all. */
typedef struct e3tp_signal_span {
    const void *in[3];
    void *out[3];
    size_t step[3], tile[3], count;
    const void *w[3]; /* factors, a line for each block, tiles side by side; NULL: ones */
    size_t w_step;
} e3tp_signal_span;

/* As a tile function; adds: to what is in `out`. Where gradients of a common y join, the tiles are
   those of a row. */
typedef void e3tp_signal_span_fn(const void *plan, const e3tp_signal_call *call,
                                 const e3tp_signal_span *span, void *scratch);

/* A backend has one of these for each tier and real. */
typedef struct e3tp_signal_runner {
    e3tp_signal_fn *tile;
    e3tp_signal_span_fn *span; /* NULL: works on packed tiles only */
} e3tp_signal_runner;

typedef struct e3tp_signal_tiles {
    const e3tp_problem *problem;
    const void *plan; /* whose tiles these are */
    e3tp_signal_fn *tile;
    e3tp_signal_span_fn *span;
    e3tp_lanes lanes;
    size_t components[3];              /* of a channel of x, y and z */
    size_t lines[3];                   /* of a packed operand: room for a tangent, of powers */
    int32_t d[3][E3TP_MOST_HARMONICS]; /* and of each block */
    bool powers;        /* not linear in x: gradients of x need x; the tile knows second order */
    bool symmetric;     /* x and y may change places */
    bool idle[3];       /* some blocks take part in no path: their results are zero */
    size_t row_step;    /* rows of a tile: 1, or T with lanes over rows */
    size_t group_tiles; /* tiles of so many rows */
    size_t together;    /* tiles that are packed at a time, at most */
    size_t at_once;     /* of these that the plan takes, where they have operands of their own */
    size_t block_rows;  /* most rows of a call */
    size_t in[3], out[3], w[3], gw[3], scaled[3]; /* in scratch, elements */
    size_t part[3]; /* and what a tile or term adds to a result, before its factors */
    size_t scratch; /* a worker's, elements: the walk's part, then what the plan adds */
    void (*walk)(const struct e3tp_signal_tiles *s, e3tp_pass pass, const e3tp_rows *r,
                 const e3tp_tangents *t, void *scratch);
} e3tp_signal_tiles;

/* Sizes for p, the walk's part of the scratch, and the plan that tiles are for, so many at once. */
void e3tp_signal_tiles_set(e3tp_signal_tiles *s, const e3tp_problem *p, const void *plan,
                           size_t at_once);
/* The code of a tile, and of the walk for that tier. */
void e3tp_signal_bind(e3tp_signal_tiles *s, const e3tp_signal_runner *r, e3tp_tier tier);

/* How often a tile's operand k goes to where products are made or a result comes back, forward and
   backward (0, 1), for each term: a common y and its gradient once for all tiles of a row, z and gz
   once for all terms that have the same factors of z. */
double e3tp_signal_ways(const e3tp_problem *p, int k, int back);
/* Seconds per row and term of a pass whose tiles take so many, with packing. */
double e3tp_signal_seconds(const e3tp_problem *p, e3tp_pass pass, double tile);

/* Entries of the vtable of a backend whose plans begin with their e3tp_signal_tiles. */
size_t e3tp_signal_block_rows(const void *plan, e3tp_pass pass);
size_t e3tp_signal_scratch_bytes(const void *plan, e3tp_pass pass);
void e3tp_signal_run(const void *plan, e3tp_pass pass, const e3tp_rows *r, void *scratch);
/* Of powers. */
void e3tp_signal_run_second(const void *plan, const e3tp_rows *r, const e3tp_tangents *t,
                            void *scratch);

/* run: rows of a call, tile by tile; t: NULL but in second order, whose pass it is */
#define E3TP_SIGNAL_TILES_KERNELS(X, real)                                  \
    X(run, (const e3tp_signal_tiles *s, e3tp_pass pass, const e3tp_rows *r, \
            const e3tp_tangents *t, void *scratch))

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
