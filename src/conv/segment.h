/* SPDX-License-Identifier: MIT */
/* A segment: some edges of one receiver, whose rows are read where they live, multiplied as a
   block, and whose results go where they belong. */
#ifndef E3TP_CONV_SEGMENT_H
#define E3TP_CONV_SEGMENT_H

#include "conv/conv.h"

typedef struct e3tp_segment {
    size_t receiver, place, n;
} e3tp_segment;

/* What is the same for all segments of a walk over the graph: the pass and those of its results
   that are wanted, and the layout of a worker's scratch. */
typedef struct e3tp_sweep {
    const e3tp_conv_call *call;
    e3tp_pass pass;
    bool wanted[OP_COUNT];
    size_t element, rows;                 /* bytes of a number; most rows of a segment */
    size_t row[OP_COUNT];                 /* bytes of a row */
    size_t list[OP_Z], kept[OP_COUNT];    /* gathered rows; results that are brought elsewhere */
    size_t cotangent, made, block, bytes; /* gz, weights, the block's scratch */
} e3tp_sweep;

/* Where results go that are not written to the caller's rows. */
typedef struct e3tp_sinks {
    size_t first;            /* the place that the messages begin with */
    char *message[OP_COUNT]; /* SENDER: a row for each place */
    char *sum[OP_COUNT];     /* TYPE, SHARED, and RECEIVER where sums are wide: added to */
} e3tp_sinks;

/* sums: z is summed over receivers. */
e3tp_sweep e3tp_sweep_of(const e3tp_conv_call *c, e3tp_pass pass, const bool wanted[OP_COUNT],
                         bool sums);

/* Whether sums of single precision add up in double; bytes of a number in a sum. */
static inline bool e3tp_sweep_is_wide(const e3tp_sweep *s)
{
    return s->call->job->wide;
}

static inline size_t e3tp_sweep_sum_element(const e3tp_sweep *s)
{
    return e3tp_sweep_is_wide(s) ? sizeof(double) : s->element;
}

/* Results of a place RECEIVER are added to its row, or to the sum where sums are wide. */
void e3tp_segment_run(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                      char *scratch);

#endif
