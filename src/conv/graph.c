/* SPDX-License-Identifier: MIT */
/* Builds the compressed rows by a stable counting sort, after checking every index once, then the
   pieces, then the senders' order in each window. */
#include "conv/graph.h"

#include <string.h>

static const e3tp_allocator libc_allocator = {NULL, NULL, NULL};

/* Of what a graph that grows needs, taken beyond that. */
enum { SLACK = 8 };

typedef struct edge_list {
    e3tp_index type;
    const void *receivers, *senders;
    size_t num_edges, num_nodes, num_senders;
} edge_list;

static int64_t at(const edge_list *l, const void *list, size_t e)
{
    return l->type == E3TP_INT32 ? ((const int32_t *)list)[e] : ((const int64_t *)list)[e];
}

/* ---- checks ---- */

static e3tp_status check_edges(const edge_list *l, e3tp_message *m)
{
    for (size_t e = 0; e < l->num_edges; e++) {
        const int64_t r = at(l, l->receivers, e), s = at(l, l->senders, e);
        if (r < 0 || (uint64_t)r >= l->num_nodes)
            return e3tp_fail(m, E3TP_E_INVALID, "edge %zu: receiver %lld is outside the %zu nodes",
                             e, (long long)r, l->num_nodes);
        if (s < 0 || (uint64_t)s >= l->num_senders)
            return e3tp_fail(m, E3TP_E_INVALID, "edge %zu: sender %lld is outside the %zu senders",
                             e, (long long)s, l->num_senders);
    }
    return E3TP_OK;
}

static e3tp_status check_lists(const edge_list *l, e3tp_message *m)
{
    if (l->type != E3TP_INT32 && l->type != E3TP_INT64)
        return e3tp_fail(m, E3TP_E_INVALID, "there is no index type %d", (int)l->type);
    if (l->num_edges && (!l->receivers || !l->senders))
        return e3tp_fail(m, E3TP_E_INVALID, "the list of %s is NULL",
                         l->receivers ? "senders" : "receivers");
    if (l->num_nodes > INT32_MAX || l->num_senders > INT32_MAX)
        return e3tp_fail(m, E3TP_E_INVALID, "%zu nodes and %zu senders, expected less than 2^31",
                         l->num_nodes, l->num_senders);
    return check_edges(l, m);
}

/* ---- receivers ---- */

static void sort_receivers(e3tp_graph *g, const edge_list *l)
{
    memset(g->start, 0, (g->num_nodes + 1) * sizeof *g->start);
    for (size_t e = 0; e < g->num_edges; e++)
        g->start[at(l, l->receivers, e) + 1]++;
    for (size_t i = 0; i < g->num_nodes; i++)
        g->start[i + 1] += g->start[i];
    g->in_order = true;
    for (size_t e = 0; e < g->num_edges; e++) {
        const size_t place = g->start[at(l, l->receivers, e)]++;
        g->edge[place] = (int64_t)e;
        g->sender[place] = (int32_t)at(l, l->senders, e);
        g->in_order &= place == e;
    }
    for (size_t i = g->num_nodes; i > 0; i--)
        g->start[i] = g->start[i - 1];
    g->start[0] = 0;
}

/* ---- pieces and windows ---- */

/* Two that follow one another have more edges than one may have; and the end. */
static size_t most_pieces(size_t edges)
{
    return edges / (E3TP_PIECE / 2) + 2;
}

static void cut_pieces(e3tp_graph *g)
{
    size_t n = 0, held = 0; /* edges of the piece under way */
    for (size_t r = 0; r < g->num_nodes; r++)
        for (size_t place = g->start[r], now; place < g->start[r + 1]; place += now) {
            const size_t left = g->start[r + 1] - place;
            const bool joins = held && place == g->start[r] && held + left <= E3TP_PIECE;
            now = left < E3TP_PIECE ? left : E3TP_PIECE;
            held = joins ? held + now : now;
            if (!joins)
                g->piece[n++] = (e3tp_piece){place, r};
        }
    g->piece[n] = (e3tp_piece){g->num_edges, g->num_nodes};
    g->npieces = n;
}

const uint16_t *e3tp_sort_places(size_t n, size_t rows, const size_t *row, uint16_t *order,
                                 uint16_t *next)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (uint16_t)i;
    for (int byte = 0; byte == 0 || (rows - 1) >> 8 * byte; byte++) {
        size_t start[257] = {0};
        for (size_t i = 0; i < n; i++)
            start[(row[i] >> 8 * byte & 255) + 1]++;
        for (int d = 0; d < 256; d++)
            start[d + 1] += start[d];
        for (size_t i = 0; i < n; i++)
            next[start[row[order[i]] >> 8 * byte & 255]++] = order[i];
        uint16_t *last = order;
        order = next, next = last;
    }
    return order;
}

/* The window's senders from its smallest on: senders near one another take fewer bytes. */
static void sort_window(e3tp_graph *g, size_t w)
{
    size_t first, row[E3TP_WINDOW];
    uint16_t other[E3TP_WINDOW];
    const size_t end = e3tp_graph_window(g, w, &first), from = g->piece[first].place,
                 n = g->piece[end].place - from;
    int32_t least = INT32_MAX, most = 0;
    for (size_t i = 0; i < n; i++) {
        const int32_t s = g->sender[from + i];
        least = s < least ? s : least, most = s > most ? s : most;
    }
    for (size_t i = 0; i < n; i++)
        row[i] = (size_t)(g->sender[from + i] - least);
    uint16_t *to = g->by_sender + from;
    const uint16_t *sorted = e3tp_sort_places(n, (size_t)(most - least) + 1, row, to, other);
    if (sorted != to)
        memcpy(to, sorted, n * sizeof *to);
}

/* ---- memory ---- */

static void free_arrays(e3tp_graph *g)
{
    e3tp_free(&libc_allocator, g->start);
    e3tp_free(&libc_allocator, g->edge);
    e3tp_free(&libc_allocator, g->sender);
    e3tp_free(&libc_allocator, g->piece);
    e3tp_free(&libc_allocator, g->by_sender);
}

/* On failure nothing is held. */
static e3tp_status make_room(e3tp_graph *g, size_t edges, size_t nodes)
{
    const e3tp_allocator *a = &libc_allocator;
    *g = (e3tp_graph){.edge_room = edges,
                      .node_room = nodes,
                      .start = e3tp_alloc(a, nodes + 1, sizeof *g->start),
                      .edge = e3tp_alloc(a, edges, sizeof *g->edge),
                      .sender = e3tp_alloc(a, edges, sizeof *g->sender),
                      .piece = e3tp_alloc(a, most_pieces(edges), sizeof *g->piece),
                      .by_sender = e3tp_alloc(a, edges, sizeof *g->by_sender)};
    if (g->start && g->edge && g->sender && g->piece && g->by_sender)
        return E3TP_OK;
    free_arrays(g);
    return E3TP_E_NOMEM;
}

static size_t grown(size_t had, size_t needed)
{
    return needed <= had ? had : had ? needed + needed / SLACK : needed;
}

static e3tp_status grow(e3tp_graph *g, const edge_list *l)
{
    e3tp_graph next;
    if (g->start && l->num_edges <= g->edge_room && l->num_nodes <= g->node_room)
        return E3TP_OK;
    E3TP_TRY(
        make_room(&next, grown(g->edge_room, l->num_edges), grown(g->node_room, l->num_nodes)));
    free_arrays(g);
    *g = next;
    return E3TP_OK;
}

/* ---- */

/* All that may fail comes before g is touched. */
static e3tp_status set_edges(e3tp_graph *g, const edge_list *l, e3tp_message *m)
{
    E3TP_TRY(check_lists(l, m));
    if (grow(g, l) != E3TP_OK)
        return e3tp_fail(m, E3TP_E_NOMEM, "no memory for %zu edges", l->num_edges);
    g->num_edges = l->num_edges, g->num_nodes = l->num_nodes, g->num_senders = l->num_senders;
    sort_receivers(g, l);
    cut_pieces(g);
    for (size_t w = 0; w < e3tp_graph_windows(g); w++)
        sort_window(g, w);
    return E3TP_OK;
}

static e3tp_status create(e3tp_graph **out, const edge_list *l, e3tp_message *m)
{
    if (!out)
        return e3tp_fail(m, E3TP_E_INVALID, "out is NULL");
    e3tp_graph *g = e3tp_zalloc(&libc_allocator, 1, sizeof *g);
    if (!g)
        return e3tp_fail(m, E3TP_E_NOMEM, "no memory for the graph");
    const e3tp_status s = set_edges(g, l, m);
    if (s == E3TP_OK)
        *out = g;
    else
        e3tp_graph_destroy(g);
    return s;
}

e3tp_status e3tp_graph_create(e3tp_graph **out, e3tp_index type, const void *receivers,
                              const void *senders, size_t num_edges, size_t num_nodes,
                              size_t num_senders, char *msg, size_t cap)
{
    if (out)
        *out = NULL;
    const edge_list l = {type, receivers, senders, num_edges, num_nodes, num_senders};
    e3tp_message m = {""};
    const e3tp_status s = create(out, &l, &m);
    e3tp_message_copy(&m, msg, cap);
    return s;
}

void e3tp_graph_destroy(e3tp_graph *g)
{
    if (!g)
        return;
    free_arrays(g);
    e3tp_free(&libc_allocator, g);
}

e3tp_status e3tp_graph_update(e3tp_graph *g, e3tp_index type, const void *receivers,
                              const void *senders, size_t num_edges, size_t num_nodes,
                              size_t num_senders, char *msg, size_t cap)
{
    const edge_list l = {type, receivers, senders, num_edges, num_nodes, num_senders};
    e3tp_message m = {""};
    const e3tp_status s =
        g ? set_edges(g, &l, &m) : e3tp_fail(&m, E3TP_E_INVALID, "the graph is NULL");
    e3tp_message_copy(&m, msg, cap);
    return s;
}

size_t e3tp_graph_num_edges(const e3tp_graph *g)
{
    return g ? g->num_edges : 0;
}

size_t e3tp_graph_num_nodes(const e3tp_graph *g)
{
    return g ? g->num_nodes : 0;
}

size_t e3tp_graph_num_senders(const e3tp_graph *g)
{
    return g ? g->num_senders : 0;
}
