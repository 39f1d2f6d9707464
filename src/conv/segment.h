/* SPDX-License-Identifier: MIT */
/* A segment: some edges of one receiver, whose rows are read where they live, multiplied as a
   block, and whose results go where they belong. */
#ifndef E3TP_CONV_SEGMENT_H
#define E3TP_CONV_SEGMENT_H

#include "conv/conv.h"

typedef struct e3tp_segment {
    size_t receiver, place, n;
} e3tp_segment;

/* Offsets in a segment's scratch of what is made, and of gradients by it: [0] of the pass, [1] of
   the backward pass beside a double backward. */
typedef struct e3tp_made {
    size_t types, first, each;         /* of edges; rows of a table; 0, 1, ... */
    size_t v, tv, y, ty, gy[2], gv[2]; /* of vectors */
    size_t a, ta, ga, along;           /* of arguments; of their gradient a part */
    size_t b, db, ddb, tb;             /* of factors */
    size_t w, slope, curve, tw, gw[2]; /* of weights, and their derivatives by a distance */
} e3tp_made;

/* What is the same for all segments of a walk over the graph: the pass and those of its results
   that are wanted, and the layout of a worker's scratch. */
typedef struct e3tp_sweep {
    const e3tp_conv_call *call;
    e3tp_pass pass;
    bool wanted[CONV_COUNT];                 /* by the caller */
    bool computed[OP_COUNT];                 /* of the block: wanted, or made what is wanted of */
    bool again[OP_Z];                        /* of the first derivatives beside second ones */
    bool rotated;                            /* by the rotated form, from vectors */
    bool w_far, w_past;                      /* weights: more than a second-level cache, than any */
    size_t element, rows;                    /* bytes of a number; most rows of a segment */
    size_t row[CONV_COUNT];                  /* bytes of a row */
    size_t list[OP_Z], kept[OP_COUNT];       /* gathered rows; results that are brought elsewhere */
    size_t cotangent, widened, block, bytes; /* gz, weights, the block's scratch */
    size_t turned;                           /* y of reversed edges beside the others */
    e3tp_made made;
} e3tp_sweep;

/* Of all leaves. */
enum { E3TP_MOST_LEAF_BYTES = 16 << 20 };

/* Where results go that are not written to the caller's rows. */
typedef struct e3tp_sinks {
    size_t first;            /* the place that the messages begin with, */
    size_t table_first;      /* and the one that what is there of a table does */
    char *message[OP_COUNT]; /* SENDER, and TYPE of many types: a row for each place */
    char *sum[OP_COUNT];     /* TYPE, SHARED, and RECEIVER where sums are wide: added to */
    /* Of a table: for each place factors and a gradient by w, [1] only where factors have tangents,
       and the row that the first factor stands for. */
    char *factors[2], *gradient[2];
    size_t *table_row;
} e3tp_sinks;

/* sums: z is summed over receivers. */
e3tp_sweep e3tp_sweep_of(const e3tp_conv_call *c, e3tp_pass pass, const bool wanted[CONV_COUNT],
                         bool sums);

/* Whether the segment makes operand k in its scratch. */
static inline bool e3tp_sweep_makes(const e3tp_sweep *s, int k)
{
    const e3tp_maker *m = &s->call->job->maker;
    return (k == OP_Y && m->sh) || (k == OP_W && e3tp_makes_weights(m));
}

/* Whether arguments are lengths of the vectors; whether they have tangents. */
static inline bool e3tp_sweep_takes_lengths(const e3tp_sweep *s)
{
    return e3tp_maker_is_radial(&s->call->job->maker) && !s->call->in[OP_A];
}

static inline bool e3tp_sweep_moves_factors(const e3tp_sweep *s)
{
    return e3tp_makes_weights(&s->call->job->maker) &&
           s->call->t[e3tp_sweep_takes_lengths(s) ? OP_V : OP_A];
}

/* The gradient of a table adds up over edges. */
static inline bool e3tp_sweep_has_table(const e3tp_sweep *s)
{
    return s->wanted[OP_W] && e3tp_sweep_makes(s, OP_W);
}

/* Whether a window keeps factors and a gradient by w: [0] of the table; [1] where factors move. */
static inline bool e3tp_sweep_keeps_pair(const e3tp_sweep *s, int which)
{
    return e3tp_sweep_has_table(s) &&
           (which == 0 || (s->again[OP_W] && e3tp_sweep_moves_factors(s)));
}

/* Whether sums of single precision add up in double; bytes of a number in a sum. */
static inline bool e3tp_sweep_is_wide(const e3tp_sweep *s)
{
    return s->call->job->wide;
}

static inline size_t e3tp_sweep_sum_element(const e3tp_sweep *s)
{
    return e3tp_sweep_is_wide(s) ? sizeof(double) : s->element;
}

/* Whether an operand's gradient adds up over so many types that sums for each leaf take more than
   the rows of a window's edges do, which are then kept and added type by type. */
static inline bool e3tp_sweep_has_many_types(const e3tp_sweep *s, int k)
{
    return s->wanted[k] && s->call->job->at[k] == E3TP_AT_TYPE && !e3tp_sweep_makes(s, k) &&
           s->call->num_types * s->call->job->width[k] * e3tp_sweep_sum_element(s) >
               E3TP_MOST_LEAF_BYTES / E3TP_PIECES;
}

/* Rows of the segment's edges, in the caller's order, to scratch one after the other, and back. */
void e3tp_segment_gather(const e3tp_sweep *s, const e3tp_segment *g, const void *from, size_t bytes,
                         char *to);
void e3tp_segment_scatter(const e3tp_sweep *s, const e3tp_segment *g, const char *from,
                          size_t bytes, void *to);
/* Results of a place RECEIVER are added to its row, or to the sum where sums are wide. */
void e3tp_segment_run(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                      char *scratch);
/* Places from .. end - 1, of one receiver, segment by segment. */
void e3tp_segments_run(const e3tp_sweep *s, size_t receiver, size_t from, size_t end,
                       const e3tp_sinks *to, char *scratch);

#endif
