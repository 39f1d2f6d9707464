/* SPDX-License-Identifier: MIT */
/* Graphs, and the convolution  z[i] = scale * sum over edges e with receiver i of tp(x[sender(e)],
   y[e], w[e]).

   A graph is built once from an edge list and shared by all plans and threads; a convolution joins
   a product plan with the places where its operands live. Edge arrays are in the caller's edge
   order. No product of an edge is stored. Each receiver sums its edges in the order in which they
   stand in the list, and every sum is made in an order that the graph and the plan alone fix: same
   bits on any number of threads. */
#ifndef E3TP_GRAPH_H
#define E3TP_GRAPH_H

#include "e3tp.h"
#include "radial.h"
#include "sh.h"
#include "spline.h"

E3TP_BEGIN_DECLS

typedef struct e3tp_graph e3tp_graph;
typedef struct e3tp_conv e3tp_conv;

/* Index type of an edge list. */
typedef enum e3tp_index { E3TP_INT32 = 0, E3TP_INT64 = 1 } e3tp_index;

/* Edge e runs from senders[e] in 0..num_senders-1 to receivers[e] in 0..num_nodes-1; any order,
   duplicates and self-loops allowed; num_senders may exceed num_nodes (ghost atoms after the owned
   ones). The lists are copied: 15 bytes per edge and 16 per node. Both counts < 2^31. More than
   10^5 edges are sorted by OpenMP's maximum of threads as it is then. INVALID (msg says which edge;
   snprintf rules, may be NULL) or NOMEM. */
E3TP_API e3tp_status e3tp_graph_create(e3tp_graph **out, e3tp_index type, const void *receivers,
                                       const void *senders, size_t num_edges, size_t num_nodes,
                                       size_t num_senders, char *msg, size_t cap);
E3TP_API void e3tp_graph_destroy(e3tp_graph *g); /* NULL is fine */
/* Gives g other edges, as after a new list of neighbours; nobody may be executing with it. The
   memory that g has serves again; where it is too little, new memory holds an eighth more than is
   needed, so that later steps of about as many edges take none. Statuses as of create, and INVALID
   for NULL; on failure g is as it was. */
E3TP_API e3tp_status e3tp_graph_update(e3tp_graph *g, e3tp_index type, const void *receivers,
                                       const void *senders, size_t num_edges, size_t num_nodes,
                                       size_t num_senders, char *msg, size_t cap);
E3TP_API size_t e3tp_graph_num_edges(const e3tp_graph *g);
E3TP_API size_t e3tp_graph_num_nodes(const e3tp_graph *g);
E3TP_API size_t e3tp_graph_num_senders(const e3tp_graph *g);
/* Writes the caller's number of the edge at each place, edge [num_edges]: edges by receiver, and of
   a receiver in the order of the list. Edges listed in that order stand packed: calls read w, and
   what else lives at the edge, as one stream. INVALID: g NULL, edge NULL where there are edges. */
E3TP_API e3tp_status e3tp_graph_order(const e3tp_graph *g, int64_t *edge);

/* From gradients by edge vectors, v[e] = position of the sender (or of its image) less that of the
   receiver, to what moves atoms. Node i is sender i; senders beyond num_nodes are ghosts, whose
   forces are the caller's to bring home.

     v, gv    [num_edges][3] of dtype, in the caller's order of edges; v for strain only
     forces   [num_senders][3] of dtype: less the gradient by positions, or NULL
     strain   [3][3] double: sum over edges of v[a] gv[b], the gradient by a strain that takes v to
              v (1 + strain); the virial is less of it; or NULL

   Sums are made in the order of the edges sorted by receiver, by the calling thread. INVALID: g
   NULL, no such dtype, gv or v NULL where there are edges and it is needed, forces of a graph with
   fewer senders than nodes, forces or strain in the memory of another array. */
E3TP_API e3tp_status e3tp_graph_forces(const e3tp_graph *g, e3tp_dtype dtype, const void *v,
                                       const void *gv, void *forces, double *strain);

/* Pairs edges with their reverse: sender and receiver exchanged, the vector negated, images by a
   periodic cell included. What a pair has in common (functions of the distance, weights made of it,
   Y_l(-r) = (-1)^l Y_l(r)) need be made and kept once: pair numbers are types for an operand that
   lives at TYPE, with num_pairs of them. So for weights, and for y, where v1 are vectors of pairs:

     for each e, reversed[e] == 0:      v1[pair[e]] = v[e]          [num_pairs][3]
     e3tp_sh_evaluate:                  y = Y(v1)                   [num_pairs][width]
     buffers of a call, y at TYPE:      edge_type = pair, num_types = num_pairs,
                                        edge_reversed = reversed

   From gy [num_pairs][width] e3tp_sh_backward makes the gradient by v1, of both edges of a pair: to
   e3tp_graph_forces gv of the first one, with 0 for the second.

     v          [num_edges][3] of dtype, in the caller's order of edges
     tolerance  vectors a, b are opposite where no |a[k] + b[k]| exceeds it: more than the rounding
                of positions, less than half of the distance between images; not negative
     pair       [num_edges] number of an edge's pair, in the order of first edges in the caller's
                list; an edge without reverse is a pair by itself
     reversed   [num_edges] 1 for the second edge of a pair, else 0, or NULL

   Of edges alike each is paired once; an edge is never its own reverse. The calling thread takes
   time of an edge times the fewer edges of its two nodes, and no memory. INVALID: g or num_pairs
   NULL, no such dtype, a tolerance below 0 or NaN, v or pair NULL where there are edges, 2^31 edges
   or more. */
E3TP_API e3tp_status e3tp_graph_pairs(const e3tp_graph *g, e3tp_dtype dtype, const void *v,
                                      double tolerance, int32_t *pair, uint8_t *reversed,
                                      size_t *num_pairs);

/* Where the rows of an operand live. */
typedef enum e3tp_place {
    E3TP_AT_EDGE = 0,     /* [num_edges] */
    E3TP_AT_SENDER = 1,   /* [num_senders] */
    E3TP_AT_RECEIVER = 2, /* [num_nodes] */
    E3TP_AT_TYPE = 3,     /* [num_types], picked by edge_type of the call */
    E3TP_AT_SHARED = 4    /* one row */
} e3tp_place;

/* Numbers of the array w: those of the plan's type, or of float32 the upper half of each: bfloat16,
   8 bits of fraction, half of the memory. They are widened as they are read; gradients and tangents
   of w have the plan's type. */
typedef enum e3tp_stored { E3TP_STORED_WHOLE = 0, E3TP_STORED_BF16 = 1 } e3tp_stored;

/* How products whose y are harmonics of the edges' directions are computed: as any other product,
   or in the frame of each edge, where paths couple equal orders alone (eSCN, arXiv 2302.03655).
   AUTO takes what it estimates to be faster, forward and backward, for all passes. ROTATED is for
   paths uvu, y of sh, normalised and with one channel, degrees of x and z to 12. */
typedef enum e3tp_conv_form {
    E3TP_CONV_AUTO = 0,
    E3TP_CONV_GENERAL = 1,
    E3TP_CONV_ROTATED = 2
} e3tp_conv_form;

/* x, y: any place. w: SHARED where the plan's weights are shared, else any place but that; not
   looked at where there are none. z: RECEIVER, summed over the edges of each, or EDGE. scale:
   finite, multiplies z.

   y and w may be made for each block of edges in the cache, from little that edges bring, and are
   then never stored:

     y[e] = Y(v[e])               v [num_edges][3] vectors; y EDGE; the plan sh is of the type and
                                  width of y, in rows (the plan's y: the degrees of sh, once each)
     w[e] = sum over k of b_k(a[e]) M[t][k]

   with tables M, one for all edges (w SHARED) or one for each type t (w TYPE) where weights by row
   would stand, [num_types or 1][rows][weight_numel] in w of the buffers, and factors

     spline       b_k the cubic B-splines of a distance a[e]; M its coefficients, rows =
                  e3tp_spline_rows; width of the spline = weight_numel
     radial       b_k = f_k(a[e]), radial functions of a distance; rows = e3tp_radial_num
     activations  b_k = a[e][k], k = 0..activations-1: the last layer of a network

   at most one of the three, the plan's weights by row, w_stored WHOLE. With sh, distances may be
   left out: then they are the lengths of the vectors. Gradients by M, a and v are to be had in
   every pass; second derivatives at a vector of length 0 count its direction as 0. */
typedef struct e3tp_conv_desc {
    size_t size; /* sizeof(e3tp_conv_desc) */
    e3tp_place x, y, w, z;
    double scale;
    e3tp_stored w_stored; /* BF16: of float32 plans */
    /* Kept by reference: they must outlive the convolution. NULL, 0: no. */
    const e3tp_sh *sh;
    const e3tp_spline *spline;
    const e3tp_radial *radial;
    size_t activations;
    e3tp_conv_form form;
    int m_max; /* -1: every order */
} e3tp_conv_desc;

/* x at the sender, y at the edge, w at the edge or shared, as the plan has them, z at the receiver,
   scale 1, w whole, nothing made. plan NULL: w at the edge. */
static inline e3tp_conv_desc e3tp_conv_desc_init(const e3tp_plan *plan)
{
    e3tp_conv_desc d;
    d.size = sizeof d;
    d.x = E3TP_AT_SENDER;
    d.y = E3TP_AT_EDGE;
    d.w = e3tp_plan_weights(plan) == E3TP_WEIGHTS_SHARED ? E3TP_AT_SHARED : E3TP_AT_EDGE;
    d.z = E3TP_AT_RECEIVER;
    d.scale = 1;
    d.w_stored = E3TP_STORED_WHOLE;
    d.sh = NULL;
    d.spline = NULL;
    d.radial = NULL;
    d.activations = 0;
    d.form = E3TP_CONV_AUTO;
    d.m_max = -1;
    return d;
}

/* Joins plan (kept by reference: it must outlive the convolution) with places; d NULL: as
   e3tp_conv_desc_init sets them. INVALID: NULL, an unknown place, one that does not fit, scale not
   finite, no such form, m_max below -1, a plan of harmonics, splines or radial functions whose type
   or width does not fit. UNSUPPORTED for BATCH_LAST layouts, and where form ROTATED does not serve,
   or m_max asks for it and does not get it. NOMEM. msg: snprintf rules, may be NULL. */
E3TP_API e3tp_status e3tp_conv_create(e3tp_conv **out, const e3tp_plan *plan,
                                      const e3tp_conv_desc *d, char *msg, size_t cap);
E3TP_API void e3tp_conv_destroy(e3tp_conv *c); /* NULL is fine */
/* Flops that a pass needs for an edge in the chosen form, making y and w not counted: as
   e3tp_plan_flops; 0 for NULL or no such pass. */
E3TP_API double e3tp_conv_flops(const e3tp_conv *c, e3tp_pass pass);
/* The form, with the estimated costs, or why it is not the other one: as e3tp_plan_describe. */
E3TP_API size_t e3tp_conv_describe(const e3tp_conv *c, char *buf, size_t cap);

/* Writes the weight rows of n edges, w [n][weight_numel] in the plan's dtype; edges[k] is the
   caller's edge number. Called from several threads at once, in a pass one to three times for an
   edge. */
typedef void (*e3tp_weights_fn)(void *ctx, const int64_t *edges, size_t n, void *w);

/* Fills rows of ghosts, senders from num_nodes on, of what lives at the sender, tangents too:
   called once, by the calling thread, before such a row is read. By forward and JVP with z at the
   receiver after all receivers without a ghost among their senders have been summed, so that rows
   of ghosts may be on their way meanwhile; by other calls first. A call that fails may not have
   called it. */
typedef void (*e3tp_ghosts_fn)(void *ctx);

/* Operands of a call, named as in e3tp_buffers, rows without gaps, [rows of its place][width]; each
   gradient and tangent has the shape of its operand. A NULL gradient is not wanted, a NULL tangent
   is zero. Outputs are overwritten and overlap nothing. Rows that no edge touches are zero. In
   place of an operand that is made (y; the rows of w) the caller brings v, and a: [num_edges]
   distances, NULL for lengths of v, or [num_edges][activations]. */
typedef struct e3tp_conv_buffers {
    size_t size; /* sizeof(e3tp_conv_buffers) */
    const void *x, *y, *w;
    void *z;
    const void *gz;
    void *gx, *gy, *gw;
    const void *ggx, *ggy, *ggw;
    void *hx, *hy, *hw, *hz;
    const int32_t *edge_type; /* [num_edges], 0..num_types-1; of operands AT_TYPE */
    size_t num_types;
    e3tp_weights_fn make_weights; /* in place of w at the edge: made for each block of edges in the
                                     cache and never stored */
    void *make_weights_ctx;
    const void *v, *a;
    void *gv, *ga;
    const void *ggv, *gga;
    void *hv, *ha;
    void *work; /* NULL, or e3tp_conv_work_bytes, 64-byte aligned, one per concurrent call; a call
                   without it allocates */
    const uint8_t *edge_reversed; /* [num_edges], or NULL; of y AT_TYPE: an edge where it is not 0
                                     takes y of the opposite vector, (-1)^l times the blocks of
                                     degree l, whatever their parity; gy, ggy, hy as y */
    e3tp_ghosts_fn fill_ghosts;   /* NULL: rows of ghosts are there */
    void *fill_ghosts_ctx;
} e3tp_conv_buffers;

static inline e3tp_conv_buffers e3tp_conv_buffers_init(void)
{
    e3tp_conv_buffers b;
    b.size = sizeof b;
    b.x = b.y = b.w = NULL;
    b.z = NULL;
    b.gz = NULL;
    b.gx = b.gy = b.gw = NULL;
    b.ggx = b.ggy = b.ggw = NULL;
    b.hx = b.hy = b.hw = b.hz = NULL;
    b.edge_type = NULL;
    b.num_types = 0;
    b.make_weights = NULL;
    b.make_weights_ctx = NULL;
    b.v = b.a = NULL;
    b.gv = b.ga = NULL;
    b.ggv = b.gga = NULL;
    b.hv = b.ha = NULL;
    b.work = NULL;
    b.edge_reversed = NULL;
    b.fill_ghosts = NULL;
    b.fill_ghosts_ctx = NULL;
    return b;
}

/* The passes, as of products (e3tp.h). Gradients of node features add up per sender in the order of
   the edges sorted by receiver, and so do those of an operand of many types (of more than half a
   megabyte of sums) per type; those of few types or shared ones over a fixed tree. Where the plan
   accumulates in double (e3tp_desc_set_accumulation), all these sums do.
   INVALID or NOMEM: scratch for a block of edges per thread, and for gradients besides rows of
   senders, and of many types, for 2048 edges, up to 16 MB of partial sums, and for the gradient of
   a table rows of w for 2048 edges (twice as many in double backward), and where the plan
   accumulates in double that table, and rows of senders and of many types, in double; none of it
   where work is given. */
E3TP_API e3tp_status e3tp_conv_forward(const e3tp_conv *c, const e3tp_graph *g,
                                       const e3tp_conv_buffers *b);
E3TP_API e3tp_status e3tp_conv_backward(const e3tp_conv *c, const e3tp_graph *g,
                                        const e3tp_conv_buffers *b);
E3TP_API e3tp_status e3tp_conv_double_backward(const e3tp_conv *c, const e3tp_graph *g,
                                               const e3tp_conv_buffers *b);
E3TP_API e3tp_status e3tp_conv_jvp(const e3tp_conv *c, const e3tp_graph *g,
                                   const e3tp_conv_buffers *b);
/* Scratch that a call with these buffers takes as work: on which of them are NULL, and on
   num_types, it depends. 0 for a call that buffers_check refuses. */
E3TP_API size_t e3tp_conv_work_bytes(const e3tp_conv *c, e3tp_pass pass, const e3tp_graph *g,
                                     const e3tp_conv_buffers *b);
/* The status that the pass would return but for NOMEM, with the sentence why in msg (snprintf
   rules, may be NULL). */
E3TP_API e3tp_status e3tp_conv_buffers_check(const e3tp_conv *c, e3tp_pass pass,
                                             const e3tp_graph *g, const e3tp_conv_buffers *b,
                                             char *msg, size_t cap);

E3TP_END_DECLS

#endif
