/* SPDX-License-Identifier: MIT */
/* Builds the compressed rows by a stable counting sort, after checking every index once, then the
   pieces, then the senders' order in each window, from a second such sort. */
#include "conv/graph.h"

static const e3tp_allocator libc_allocator = {NULL, NULL, NULL};

typedef struct edge_list {
    e3tp_index type;
    const void *receivers, *senders;
} edge_list;

static int64_t at(const edge_list *l, const void *list, size_t e)
{
    return l->type == E3TP_INT32 ? ((const int32_t *)list)[e] : ((const int64_t *)list)[e];
}

static e3tp_status check(const edge_list *l, size_t edges, size_t nodes, size_t senders,
                         e3tp_message *m)
{
    for (size_t e = 0; e < edges; e++) {
        const int64_t r = at(l, l->receivers, e), s = at(l, l->senders, e);
        if (r < 0 || (uint64_t)r >= nodes)
            return e3tp_fail(m, E3TP_E_INVALID, "edge %zu: receiver %lld is outside the %zu nodes",
                             e, (long long)r, nodes);
        if (s < 0 || (uint64_t)s >= senders)
            return e3tp_fail(m, E3TP_E_INVALID, "edge %zu: sender %lld is outside the %zu senders",
                             e, (long long)s, senders);
    }
    return E3TP_OK;
}

static void sort(e3tp_graph *g, const edge_list *l)
{
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

/* Writes the pieces to `to` (NULL: counts them). */
static size_t cut_pieces(const e3tp_graph *g, e3tp_piece *to)
{
    size_t n = 0, held = 0; /* edges of the piece under way */
    for (size_t r = 0; r < g->num_nodes; r++)
        for (size_t place = g->start[r], now; place < g->start[r + 1]; place += now) {
            const size_t left = g->start[r + 1] - place;
            const bool joins = held && place == g->start[r] && held + left <= E3TP_PIECE;
            now = left < E3TP_PIECE ? left : E3TP_PIECE;
            held = joins ? held + now : now;
            if (!joins && to)
                to[n] = (e3tp_piece){place, r};
            n += !joins;
        }
    if (to)
        to[n] = (e3tp_piece){g->num_edges, g->num_nodes};
    return n;
}

static e3tp_status make_pieces(e3tp_graph *g)
{
    g->npieces = cut_pieces(g, NULL);
    g->piece = e3tp_alloc(&libc_allocator, g->npieces + 1, sizeof *g->piece);
    if (!g->piece)
        return E3TP_E_NOMEM;
    cut_pieces(g, g->piece);
    return E3TP_OK;
}

/* What the senders' sort needs. */
typedef struct senders_sort {
    size_t *start;    /* [num_senders + 1] */
    size_t *place;    /* [num_edges]: places by sender */
    uint32_t *window; /* [num_edges]: of a place */
    size_t *next;     /* [windows]: where the next place of a window goes */
} senders_sort;

static void sort_senders(const e3tp_graph *g, senders_sort *s)
{
    for (size_t k = 0; k < g->num_edges; k++)
        s->start[g->sender[k] + 1]++;
    for (size_t i = 0; i < g->num_senders; i++)
        s->start[i + 1] += s->start[i];
    for (size_t k = 0; k < g->num_edges; k++)
        s->place[s->start[g->sender[k]]++] = k;
    for (size_t w = 0; w < e3tp_graph_windows(g); w++) {
        size_t first;
        const size_t end = e3tp_graph_window(g, w, &first);
        s->next[w] = g->piece[first].place;
        for (size_t k = g->piece[first].place; k < g->piece[end].place; k++)
            s->window[k] = (uint32_t)w;
    }
    for (size_t i = 0; i < g->num_edges; i++) {
        const size_t k = s->place[i], w = s->window[k];
        g->by_sender[s->next[w]++] = (uint16_t)(k - g->piece[w * E3TP_PIECES].place);
    }
}

static e3tp_status make_sender_order(e3tp_graph *g)
{
    const e3tp_allocator *a = &libc_allocator;
    senders_sort s = {e3tp_zalloc(a, g->num_senders + 1, sizeof *s.start),
                      e3tp_alloc(a, g->num_edges, sizeof *s.place),
                      e3tp_alloc(a, g->num_edges, sizeof *s.window),
                      e3tp_alloc(a, e3tp_graph_windows(g), sizeof *s.next)};
    g->by_sender = e3tp_alloc(a, g->num_edges, sizeof *g->by_sender);
    const bool ok = s.start && s.place && s.window && s.next && g->by_sender;
    if (ok)
        sort_senders(g, &s);
    e3tp_free(a, s.start);
    e3tp_free(a, s.place);
    e3tp_free(a, s.window);
    e3tp_free(a, s.next);
    return ok ? E3TP_OK : E3TP_E_NOMEM;
}

/* ---- */

static e3tp_status check_lists(const edge_list *l, size_t edges, size_t nodes, size_t senders,
                               e3tp_message *m)
{
    if (l->type != E3TP_INT32 && l->type != E3TP_INT64)
        return e3tp_fail(m, E3TP_E_INVALID, "there is no index type %d", (int)l->type);
    if (edges && (!l->receivers || !l->senders))
        return e3tp_fail(m, E3TP_E_INVALID, "the list of %s is NULL",
                         l->receivers ? "senders" : "receivers");
    if (nodes > INT32_MAX || senders > INT32_MAX)
        return e3tp_fail(m, E3TP_E_INVALID, "%zu nodes and %zu senders, expected less than 2^31",
                         nodes, senders);
    return check(l, edges, nodes, senders, m);
}

static e3tp_status fill(e3tp_graph *g, const edge_list *l)
{
    g->start = e3tp_zalloc(&libc_allocator, g->num_nodes + 1, sizeof *g->start);
    g->edge = e3tp_alloc(&libc_allocator, g->num_edges, sizeof *g->edge);
    g->sender = e3tp_alloc(&libc_allocator, g->num_edges, sizeof *g->sender);
    if (!g->start || !g->edge || !g->sender)
        return E3TP_E_NOMEM;
    sort(g, l);
    E3TP_TRY(make_pieces(g));
    return make_sender_order(g);
}

static e3tp_status create(e3tp_graph **out, const edge_list *l, size_t edges, size_t nodes,
                          size_t senders, e3tp_message *m)
{
    if (!out)
        return e3tp_fail(m, E3TP_E_INVALID, "out is NULL");
    E3TP_TRY(check_lists(l, edges, nodes, senders, m));
    e3tp_graph *g = e3tp_zalloc(&libc_allocator, 1, sizeof *g);
    if (!g)
        return e3tp_fail(m, E3TP_E_NOMEM, "no memory for the graph");
    g->num_edges = edges, g->num_nodes = nodes, g->num_senders = senders;
    if (fill(g, l) != E3TP_OK) {
        e3tp_graph_destroy(g);
        return e3tp_fail(m, E3TP_E_NOMEM, "no memory for %zu edges", edges);
    }
    *out = g;
    return E3TP_OK;
}

e3tp_status e3tp_graph_create(e3tp_graph **out, e3tp_index type, const void *receivers,
                              const void *senders, size_t num_edges, size_t num_nodes,
                              size_t num_senders, char *msg, size_t cap)
{
    if (out)
        *out = NULL;
    const edge_list l = {type, receivers, senders};
    e3tp_message m = {""};
    const e3tp_status s = create(out, &l, num_edges, num_nodes, num_senders, &m);
    e3tp_message_copy(&m, msg, cap);
    return s;
}

static void free_arrays(e3tp_graph *g)
{
    e3tp_free(&libc_allocator, g->start);
    e3tp_free(&libc_allocator, g->edge);
    e3tp_free(&libc_allocator, g->sender);
    e3tp_free(&libc_allocator, g->piece);
    e3tp_free(&libc_allocator, g->by_sender);
}

void e3tp_graph_destroy(e3tp_graph *g)
{
    if (!g)
        return;
    free_arrays(g);
    e3tp_free(&libc_allocator, g);
}

static e3tp_status update(e3tp_graph *g, const edge_list *l, size_t edges, size_t nodes,
                          size_t senders, e3tp_message *m)
{
    e3tp_graph *other = NULL;
    if (!g)
        return e3tp_fail(m, E3TP_E_INVALID, "the graph is NULL");
    E3TP_TRY(create(&other, l, edges, nodes, senders, m));
    free_arrays(g);
    *g = *other;
    e3tp_free(&libc_allocator, other);
    return E3TP_OK;
}

e3tp_status e3tp_graph_update(e3tp_graph *g, e3tp_index type, const void *receivers,
                              const void *senders, size_t num_edges, size_t num_nodes,
                              size_t num_senders, char *msg, size_t cap)
{
    const edge_list l = {type, receivers, senders};
    e3tp_message m = {""};
    const e3tp_status s = update(g, &l, num_edges, num_nodes, num_senders, &m);
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
