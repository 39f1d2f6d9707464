/* SPDX-License-Identifier: MIT */
/* The rotated form of products whose y are harmonics of the edges' directions: S. Passaro and C. L.
   Zitnick, arXiv 2302.03655, here with a weight for each path and channel.

   The frame F of an edge turns its vector to the pole, the axis y, where harmonics have the order 0
   alone. With u = F x and g = F gz

     z = F' P u,   gx = F' P' g,   P: q[l3,m] = sum of w c u[l1,m] or, for odd l1+l2+l3, u[l1,-m]

   so that a path takes min(l1, l3) + 1 multiply-adds for a channel in place of (2l1+1)(2l3+1). P
   does not depend on how an edge's frame is turned about it, hence no direction is special. Turned
   about the axis a by an angle, the vector gives sum(gz z) the slope

     t[a] = g . G[a] q - (P' g) . G[a] u,   G[a] the generator of turns about a,

   and nothing along itself, as directions have no length.

   Second derivatives, of S = sum(gz hz): a tangent ggv of the vector changes the frame by O F, O
   less the sum of r[a] G[a], r of what of ggv / |v| is across the pole; d is what is along it. With
   a = F ggx, Pd = P of the tangents of the weights, q = P u

     hz = F' k,  k = P (a + O u) + Pd u - O q
     hx = F' h,  h = P' O g + Pd' g - O P' g
     hw = pairing(a + O u, g) + pairing(u, O g),   pairing(u, g) = gw

   and turned about an axis, or made longer, the vector gives S the slopes, in units of 1 / |v|

     t[a] = g . G[a] (k - d q) + u . G[a] h + (a - d u) . G[a] P' g
     t[along] = -(P' g . O u + O g . q)

   (t[a] of the frame's turn, and of what turns over from d to r). */
#ifndef E3TP_CONV_ROTATED_H
#define E3TP_CONV_ROTATED_H

#include "core/tiers.h"
#include "problem/block.h"
#include "problem/packed.h"
#include "sh/sh.h"

/* GROUP: tiles of channels that go through the frame together. Loops over their vectors are long,
   and one block of each operand stays in a first-level cache. */
enum { E3TP_ROTATED_LMAX = 12, E3TP_ROTATED_GROUP = 8, E3TP_ROTATED_RUN_TOP = 6 };

/* F = A(beta) Z(alpha)' for v = |v| (sin b sin a, cos b, sin b cos a), Z(t) the turn of the orders
   m and -m by m t. A keeps even functions of the axis x apart from odd ones: for each degree two
   blocks, [l+1][l+1] of the orders 0, 1, .. l and [l][l] of -1, .. -l. Elements are sums over
   terms, lines of cos m b (m = 0..lmax) and sin m b. A row of frames is A, then cos m a and sin m
   a, m = 0..lmax, then cos b, sin b and 1 / |v| as two factors, 0 where |v| is 0. */
typedef struct e3tp_frame_map {
    int lmax;
    size_t turn[E3TP_ROTATED_LMAX + 2]; /* the even block of a degree; the odd one follows */
    size_t cosines, sines, rest, width;
    uint32_t *first; /* [turn[lmax + 1] + 1]: terms of an element */
    uint16_t *line;
    void *coeff; /* reals, as below */
} e3tp_frame_map;

/* A block of x or z: in the frame its orders 0, -1, 1, .. -l, l are lines of the channels of a
   group of tiles, from `line` on. */
typedef struct e3tp_rotated_block {
    int l;
    size_t line, mul;
} e3tp_rotated_block;

/* Paths from a block of x to a block of z whose degrees sum to even numbers, or to odd ones:
   `count` sources from `first` on, each with one coefficient for an order, 0 .. orders - 1, from
   `coeff` on; count may be 0. With P' the blocks change places. Lines at `to` are written (fresh)
   or added to, set to 0 before (clear). regular: the sources are those of every harmonic from the
   least degree of their kind on. run: so many steps from here on, blocks of all degrees to `top`
   and harmonics to `top` between them and one block, have a kernel as a whole; else 0. */
typedef struct e3tp_rotated_step {
    size_t from, to, mul; /* first lines of the blocks */
    size_t first, count, coeff;
    int orders, l_from, l_to, top;
    bool odd, fresh, clear, regular;
    size_t run;
} e3tp_rotated_step;

/* The generators by rows: the non-zeros in the row of line r of a block of degree l, of turns about
   x from first[2 (l l + r)] on, about z from first[2 (l l + r) + 1] on. */
typedef struct e3tp_rotated_generators {
    uint32_t *first;
    uint8_t *line;
    void *coeff; /* reals */
    /* Those above the diagonal: pairs[l] .. pairs[l + 1] - 1 of degree l, of which first
       derivatives take those before coupled[l], that touch an order that couples. */
    struct e3tp_rotated_pair {
        uint8_t i, j, axis; /* lines; 0: x, 1: z */
        uint32_t entry;
    } * pair;
    size_t pairs[E3TP_ROTATED_LMAX + 2], coupled[E3TP_ROTATED_LMAX + 1];
} e3tp_rotated_generators;

typedef struct e3tp_rotated {
    const e3tp_problem *problem;
    e3tp_allocator allocator; /* a copy: what it was made for may be gone before it */
    e3tp_frame_map frames;
    e3tp_rotated_block *blocks[2]; /* of x, z */
    size_t lines[2];               /* of all blocks */
    size_t tiles;                  /* of the widest block */
    size_t orders;                 /* that couple: 0 .. orders - 1, all or to a largest one */
    bool lies_in_lines[2];         /* x, z: IR_MUL, all blocks of whole tiles */
    e3tp_packed packed[2];
    bool has_runs; /* of the tier */
    size_t nsources, nsteps[2];
    e3tp_rotated_step *steps[2]; /* P by blocks of z; P' by blocks of x */
    /* Of the sources in the order of these steps: where their weights are in a row, or SIZE_MAX;
       the line of a group that they are packed to; of P, the number among the weighted paths. */
    size_t *place[2], *in_line[2], *user;
    bool in_place; /* all sources have weights, one for each channel, in whole tiles */
    /* Reals: coefficients of P and of P', in that order; the same at a vector of length 0, where
       harmonics above degree 0 are 0. */
    void *coeff[2], *at_zero[2];
    e3tp_rotated_generators generators;
    double flops[E3TP_JVP + 1]; /* by pass, with all results; multiply-adds of a row count two */
    size_t rows;                /* most of a call */
    const struct e3tp_rotated_kernels *kernels;
} e3tp_rotated;

/* Operand k of the form, 0 x, 1 z, among those of the problem, and of a call. */
static inline int e3tp_rotated_operand(int k)
{
    return k ? 2 : 0;
}

static inline int e3tp_rotated_op(int k)
{
    return k ? OP_Z : OP_X;
}

/* q: y not looked at, no gradient of it; v, tv, gv [n][3]: vectors, their tangents or NULL, their
   gradient (of DOUBLE_BACKWARD hv) or NULL. gw: beside DOUBLE_BACKWARD the gradient of weights that
   BACKWARD gives, rows as of hw, or NULL. */
typedef struct e3tp_rotated_call {
    const e3tp_block_call *q;
    const void *v, *tv;
    void *gv, *gw;
} e3tp_rotated_call;

/* frames  rows of frames of n vectors [n][3]; scratch: e3tp_frame_scratch elements
   run     a block of rows */
typedef struct e3tp_rotated_kernels {
    void (*frames)(const e3tp_frame_map *m, size_t n, const void *v, void *rows, void *scratch);
    void (*run)(const e3tp_rotated *p, const e3tp_rotated_call *c, void *scratch);
} e3tp_rotated_kernels;

/* Whether the form computes this problem with harmonics sh for y; if not, the sentence. */
bool e3tp_rotated_serves(const e3tp_problem *p, const e3tp_sh *sh, e3tp_message *why);
/* The problem outlives its use. m_max: only orders to it couple; < 0: all. */
e3tp_status e3tp_rotated_create(e3tp_rotated **out, const e3tp_problem *p, const e3tp_sh *sh,
                                int m_max, e3tp_tier tier, const e3tp_allocator *a,
                                e3tp_message *why);
void e3tp_rotated_destroy(e3tp_rotated *p); /* NULL is fine */
/* Parts of creation: tables of frames to degree lmax, then of generators. False: no memory. */
bool e3tp_rotated_make_frames(e3tp_rotated *p, int lmax);
bool e3tp_rotated_make_generators(e3tp_rotated *p);
void e3tp_rotated_count(e3tp_rotated *p); /* sets flops, of what else is made */
size_t e3tp_rotated_scratch(const e3tp_rotated *p, bool second); /* bytes; second derivatives */
/* Estimated, of an edge forward and backward; of the general form by matrices (src/cg), of so many
   flops forward. */
double e3tp_rotated_seconds(const e3tp_rotated *p);
double e3tp_rotated_general_seconds(const e3tp_problem *p, double flops);

/* Where things of a call are in its scratch, elements. */
typedef struct e3tp_rotated_room {
    size_t frames, lines; /* rows of frames; what makes them */
    size_t x, gx, z, gz;  /* packed rows */
    size_t u, gu, q, gq;  /* lines in the frame: F x, its gradient, P u, F gz */
    size_t turned;        /* and before the turn by alpha */
    size_t w, gw;         /* lines of weights of a group */
    /* Of second derivatives, as above: packed ggx; lines in the frame; tangents of weights. */
    size_t ggx, a, moved_u, pulled, k, moved_g, tw;
    size_t size;
} e3tp_rotated_room;
e3tp_rotated_room e3tp_rotated_rooms(const e3tp_rotated *p, bool second);

/* Elements of A and lines of cosines and sines, for a tile of rows. */
static inline size_t e3tp_frame_scratch(const e3tp_frame_map *m, size_t T)
{
    return (m->width + 2 * ((size_t)m->lmax + 1)) * T;
}

#endif
