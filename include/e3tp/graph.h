/* SPDX-License-Identifier: MIT */
/* Graphs, and the convolution  z[i] = scale * sum over edges e with receiver i of tp(x[sender(e)],
   y[e], w[e]).

   A graph is built once from an edge list and shared by all plans and threads; a convolution joins
   a product plan with the places where its operands live. Edge arrays are in the caller's edge
   order. Each receiver sums its edges in the order in which they stand in the list, whatever the
   number of threads: same bits. */
#ifndef E3TP_GRAPH_H
#define E3TP_GRAPH_H

#include "e3tp.h"

E3TP_BEGIN_DECLS

typedef struct e3tp_graph e3tp_graph;
typedef struct e3tp_conv e3tp_conv;

/* Index type of an edge list. */
typedef enum e3tp_index { E3TP_INT32 = 0, E3TP_INT64 = 1 } e3tp_index;

/* Edge e runs from senders[e] in 0..num_senders-1 to receivers[e] in 0..num_nodes-1; any order,
   duplicates and self-loops allowed; num_senders may exceed num_nodes (ghost atoms after the owned
   ones). The lists are copied: 12 bytes per edge and 8 per node. Both counts < 2^31. INVALID (msg
   says which edge; snprintf rules, may be NULL) or NOMEM. */
E3TP_API e3tp_status e3tp_graph_create(e3tp_graph **out, e3tp_index type, const void *receivers,
                                       const void *senders, size_t num_edges, size_t num_nodes,
                                       size_t num_senders, char *msg, size_t cap);
E3TP_API void e3tp_graph_destroy(e3tp_graph *g); /* NULL is fine */
E3TP_API size_t e3tp_graph_num_edges(const e3tp_graph *g);
E3TP_API size_t e3tp_graph_num_nodes(const e3tp_graph *g);

/* Joins plan (kept by reference: it must outlive the convolution) with x at the sender, y and w at
   the edge (w: one row where the plan's weights are shared), z at the receiver. scale: finite.
   UNSUPPORTED for BATCH_LAST layouts. */
E3TP_API e3tp_status e3tp_conv_create(e3tp_conv **out, const e3tp_plan *plan, double scale,
                                      char *msg, size_t cap);
E3TP_API void e3tp_conv_destroy(e3tp_conv *c); /* NULL is fine */

/* Writes the weight rows of n edges, w [n][weight_numel] in the plan's dtype; edges[k] is the
   caller's edge number. Called from several threads at once, each edge exactly once. */
typedef void (*e3tp_weights_fn)(void *ctx, const int64_t *edges, size_t n, void *w);

/* x [num_senders][width x], y [num_edges][width y], w [num_edges][weight_numel] or, when
   make_weights is given, made for each block of edges in the cache and never stored; z
   [num_nodes][width z], overwritten, overlapping nothing. */
typedef struct e3tp_conv_buffers {
    size_t size; /* sizeof(e3tp_conv_buffers) */
    const void *x, *y, *w;
    void *z;
    e3tp_weights_fn make_weights;
    void *make_weights_ctx;
} e3tp_conv_buffers;

static inline e3tp_conv_buffers e3tp_conv_buffers_init(void)
{
    e3tp_conv_buffers b;
    b.size = sizeof b;
    b.x = b.y = b.w = NULL;
    b.z = NULL;
    b.make_weights = NULL;
    b.make_weights_ctx = NULL;
    return b;
}

/* INVALID, NOMEM (scratch per thread: a block of edges). Gradients are not built yet. */
E3TP_API e3tp_status e3tp_conv_forward(const e3tp_conv *c, const e3tp_graph *g,
                                       const e3tp_conv_buffers *b);
/* The status that the call would return but for NOMEM, with the sentence why in msg (snprintf
   rules, may be NULL). */
E3TP_API e3tp_status e3tp_conv_buffers_check(const e3tp_conv *c, const e3tp_graph *g,
                                             const e3tp_conv_buffers *b, char *msg, size_t cap);

E3TP_END_DECLS

#endif
