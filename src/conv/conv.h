/* SPDX-License-Identifier: MIT */
/* The convolution over blocks of edges that fit the cache: gather, product, add to the receiver. */
#ifndef E3TP_CONV_H
#define E3TP_CONV_H

#include "conv/graph.h"
#include "core/parallel.h"
#include "problem/backend.h"

typedef struct e3tp_conv_job {
    const e3tp_problem *problem;
    const e3tp_backend *backend;
    const void *state;
    const e3tp_parallel *parallel;
    const e3tp_allocator *allocator;
    double scale;
} e3tp_conv_job;

/* Arguments are checked by the caller; fails only for memory. */
e3tp_status e3tp_conv_run(const e3tp_conv_job *job, const e3tp_graph *g,
                          const e3tp_conv_buffers *b);

#endif
