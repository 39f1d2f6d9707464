/* SPDX-License-Identifier: MIT */
/* What the templates of the rotated form share: an edge's frame under way, lines, loops over
   vectors. */
#ifndef E3TP_CONV_ROTATED_FRAME_H
#define E3TP_CONV_ROTATED_FRAME_H

#include "conv/rotated.h"

#include <string.h>

#include "simd/vec.h"

enum { T = TILE_LANES, NV = TILE_VECS };

/* Tiles of channels that go together, and their channels: the length of a line. */
enum { GROUP = E3TP_ROTATED_GROUP, S = GROUP * T };

typedef struct frame {
    const e3tp_rotated *p;
    const e3tp_rotated_call *c;
    real *base;
    e3tp_rotated_room at;
    size_t orders;   /* 0 .. orders go into the frame, all but the last back */
    const real *row; /* the edge's frame */
} frame;

/* Channels of a block in the group that begins with tile t, whole tiles; 0: none. */
V_INLINE size_t channels_of(size_t mul, size_t t)
{
    const size_t left = mul > t * T ? (mul - t * T + T - 1) / T * T : 0;
    return left < S ? left : S;
}

/* Where a block's channels lie outside of the frame: component i of tile t at of + i component + t
   tile. */
typedef struct view {
    real *of;
    size_t component, tile;
} view;

/* Block i of operand k (0 x, 1 z), order 0 of tile t: packed, or in a row of the caller's. */
V_INLINE view packed_view(const frame *f, int k, size_t i, size_t t, real *packed)
{
    const e3tp_packed *q = &f->p->packed[k];
    const size_t l = (size_t)f->p->blocks[k][i].l;
    return (view){packed + q->at[i] + t * q->stride[i] + l * T, T, q->stride[i]};
}

V_INLINE view own_view(const frame *f, int k, size_t i, size_t t, real *row)
{
    const e3tp_block *b = &f->p->problem->blocks[e3tp_rotated_operand(k)][i];
    return (view){row + b->offset + (size_t)b->l * b->mul + t * T, b->mul, T};
}

/* Row r of what lies at `of` as operand op does. */
V_INLINE const real *row_of(const e3tp_block_call *q, int op, const void *of, size_t r)
{
    const size_t at = op < OP_Z && q->rows[op] ? (size_t)q->rows[op][r] : r;
    return (const real *)of + (ptrdiff_t)at * q->stride[op];
}

/* The line of order m in a block: 0, -1, 1, -2, 2, .. */
V_INLINE size_t order(int m)
{
    return (size_t)(m >= 0 ? 2 * m : -2 * m - 1) * S;
}

/* body(nv, at) for vectors from channel `at` on, nv a literal, over n channels: few, then one at a
   time. */
#define OVER_VECTORS(few, n, body)                               \
    do {                                                         \
        size_t at_ = 0;                                          \
        for (; at_ + (few)*V_LANES <= (n); at_ += (few)*V_LANES) \
            body(few, at_);                                      \
        for (; at_ < (n); at_ += V_LANES)                        \
            body(1, at_);                                        \
    } while (0)

#define UP_TO_6(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#define UP_TO_12(CASE) UP_TO_6(CASE) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)

/* Orders whose sums are in registers at a time; vectors that K of them allow. */
enum { MOST_ORDERS = 6 };
#define WIDE(K) ((K)*4 <= (NV == 1 ? 24 : 12) ? 4 : 2)

/* Of one edge and group: weights of source s are at w + place[s]. */
typedef struct couplings {
    const real *coeff, *w;
    const size_t *place;
} couplings;

/* The sources of a step for orders from the first one on: n of them, coefficients `step` apart. */
typedef struct sources {
    size_t n, step;
    const real *coeff, *w;
    const size_t *place;
} sources;

V_INLINE sources sources_of(const couplings *c, const e3tp_rotated_step *r)
{
    return (sources){r->count, (size_t)r->orders, c->coeff + r->coeff, c->w, c->place + r->first};
}

/* As frames of e3tp_rotated_kernels. */
void E3TP_NAME(e3tp_frames)(const e3tp_frame_map *m, size_t n, const void *v, void *rows,
                            void *scratch);
/* A block of degree l to lines in the frame, */
void E3TP_NAME(e3tp_rotated_in)(const frame *f, int l, size_t channels, const view *from, real *to);
/* and back, overwriting or adding. */
void E3TP_NAME(e3tp_rotated_out)(const frame *f, int l, size_t channels, const real *from,
                                 const view *to, bool adds);
/* q = P u of the group from tile t on, or with back gu = P' gq; overwriting or adding. */
void E3TP_NAME(e3tp_rotated_combine)(const frame *f, const couplings *c, size_t t, bool back,
                                     bool adds, const real *from, real *to);
/* The steps of a run over n channels; fresh: overwriting. */
void E3TP_NAME(e3tp_rotated_run)(const couplings *c, const e3tp_rotated_step *r, bool fresh,
                                 size_t n, const real *from, real *to);
/* The gradient of the weights of a group, u and gq lines in the frame. */
void E3TP_NAME(e3tp_rotated_weigh)(const frame *f, const couplings *c, size_t t, const real *u,
                                   const real *gq, bool adds, real *gw);

/* Rows of operands k (0 x, 1 z). set_row: row r of what lies at `of` as the operand does, gathered
   or one for all: the caller's where its channels lie in lines, else NULL and it is packed where it
   is not yet. into: the group from tile t on to lines in the frame, of a row or, for NULL, of what
   is packed; out: back. result_row: where row r goes as it is made; NULL: it waits packed, for a
   sum or for unpack_row. */
const real *E3TP_NAME(e3tp_rotated_set_row)(const frame *f, int k, size_t r, const void *of,
                                            real *packed);
void E3TP_NAME(e3tp_rotated_into)(const frame *f, int k, size_t t, real *packed, const real *row,
                                  real *lines);
void E3TP_NAME(e3tp_rotated_out_of)(const frame *f, int k, size_t t, const real *lines,
                                    real *packed, real *row, bool adds);
real *E3TP_NAME(e3tp_rotated_result_row)(const frame *f, int k, size_t r);
void E3TP_NAME(e3tp_rotated_unpack_row)(const frame *f, int k, size_t r, real *packed);

/* Weights of row r in the group from tile t on, or (tangent) theirs: packs those that are not read
   in place; what couples. */
void E3TP_NAME(e3tp_rotated_set_weights)(const frame *f, size_t r, size_t t, bool tangent);
couplings E3TP_NAME(e3tp_rotated_couplings)(const frame *f, size_t r, size_t t, bool back,
                                            bool tangent);
/* Two pairings, the second one of the lines at v and gp, or NULL; to the rows at `out`. */
void E3TP_NAME(e3tp_rotated_weights_back)(const frame *f, size_t r, size_t t, const real *u,
                                          const real *gq, const real *v, const real *gp, void *out);

/* slope[axis] += a . G b over the blocks of operand k, lines in the frame; lanes apart. */
void E3TP_NAME(e3tp_rotated_slopes)(const frame *f, int k, size_t t, const real *a, const real *b,
                                    v_real slope[2]);
/* From slopes by turns about x and z, and along itself, to the gradient by the vector. */
void E3TP_NAME(e3tp_rotated_put_vector)(const frame *f, const v_real slope[2], v_real along,
                                        real *gv);
/* Of the tangent of the edge's vector: what the generators about x and z are times in O, and d. */
void E3TP_NAME(e3tp_rotated_set_turn)(const frame *f, const real *tv, real turn[3]);
/* to = from + (O + d) of, of such numbers; from NULL: 0. Operand k, orders that couple and the
   next. */
void E3TP_NAME(e3tp_rotated_turned)(const frame *f, int k, size_t t, const real turn[3],
                                    const real *of, const real *from, real *to);

#define set_row E3TP_NAME(e3tp_rotated_set_row)
#define into_frame E3TP_NAME(e3tp_rotated_into)
#define out_of_frame E3TP_NAME(e3tp_rotated_out_of)
#define result_row E3TP_NAME(e3tp_rotated_result_row)
#define unpack_row E3TP_NAME(e3tp_rotated_unpack_row)
#define set_weights E3TP_NAME(e3tp_rotated_set_weights)
#define couplings_of E3TP_NAME(e3tp_rotated_couplings)
#define weights_back E3TP_NAME(e3tp_rotated_weights_back)
#define add_slopes E3TP_NAME(e3tp_rotated_slopes)
#define put_vector E3TP_NAME(e3tp_rotated_put_vector)
#define set_turn E3TP_NAME(e3tp_rotated_set_turn)
#define turned_lines E3TP_NAME(e3tp_rotated_turned)
#define combine E3TP_NAME(e3tp_rotated_combine)

/* Row r of second derivatives: of DOUBLE_BACKWARD all but hz, or of a JVP. */
void E3TP_NAME(e3tp_rotated_second_row)(const frame *f, size_t r);

#endif
