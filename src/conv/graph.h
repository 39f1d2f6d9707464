/* SPDX-License-Identifier: MIT */
/* Edges in compressed rows by receiver, the caller's order kept within a receiver. */
#ifndef E3TP_CONV_GRAPH_H
#define E3TP_CONV_GRAPH_H

#include <stdbool.h>

#include "core/alloc.h"
#include "core/status.h"
#include "e3tp/graph.h"

struct e3tp_graph {
    size_t num_edges, num_nodes, num_senders;
    size_t *start;   /* [num_nodes + 1]: place of a receiver's first edge */
    int64_t *edge;   /* [num_edges]: the caller's number of the edge at a place */
    int32_t *sender; /* [num_edges]: its sender */
    bool in_order;   /* the caller's list is sorted by receiver: edge[k] == k */
};

#endif
