/* SPDX-License-Identifier: MIT */
/* Edges in compressed rows by receiver, the caller's order kept within a receiver; their numbers in
   that order are places. Places are cut into pieces and windows, the units in which gradients that
   add up over many receivers are made. */
#ifndef E3TP_CONV_GRAPH_H
#define E3TP_CONV_GRAPH_H

#include <stdbool.h>

#include "core/alloc.h"
#include "core/status.h"
#include "e3tp/graph.h"

/* Most edges of a piece: whole receivers where these have fewer. Pieces of a window. */
enum { E3TP_PIECE = 64, E3TP_PIECES = 32, E3TP_WINDOW = E3TP_PIECE * E3TP_PIECES };

/* Where a piece begins. */
typedef struct e3tp_piece {
    size_t place, receiver;
} e3tp_piece;

struct e3tp_graph {
    size_t num_edges, num_nodes, num_senders;
    size_t edge_room, node_room; /* so many the arrays hold; by_sender 8 bytes more for each node */
    size_t *start;               /* [num_nodes + 1]: place of a receiver's first edge */
    int64_t *edge;               /* [num_edges]: the caller's number of the edge at a place */
    int32_t *sender;             /* [num_edges]: its sender */
    bool in_order;               /* the caller's list is sorted by receiver: edge[k] == k */
    size_t npieces;
    e3tp_piece *piece;   /* [npieces + 1] */
    uint16_t *by_sender; /* [num_edges]: the places of each window less its first, by sender */
};

static inline size_t e3tp_graph_windows(const e3tp_graph *g)
{
    return (g->npieces + E3TP_PIECES - 1) / E3TP_PIECES;
}

/* The pieces of window w: first .. the returned - 1. */
static inline size_t e3tp_graph_window(const e3tp_graph *g, size_t w, size_t *first)
{
    const size_t end = (w + 1) * E3TP_PIECES;
    *first = w * E3TP_PIECES;
    return end < g->npieces ? end : g->npieces;
}

/* Places 0 .. n - 1 by their rows, of so many, stable: a counting sort for each byte of the
   numbers. Of two lists the one that is returned has them. */
const uint16_t *e3tp_sort_places(size_t n, size_t rows, const size_t *row, uint16_t *order,
                                 uint16_t *next);

#endif
