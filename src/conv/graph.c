/* SPDX-License-Identifier: MIT */
/* Builds the compressed rows by a stable counting sort, after checking every index once. */
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

static e3tp_status create(e3tp_graph **out, const edge_list *l, size_t edges, size_t nodes,
                          size_t senders, e3tp_message *m)
{
    if (!out)
        return e3tp_fail(m, E3TP_E_INVALID, "out is NULL");
    if (l->type != E3TP_INT32 && l->type != E3TP_INT64)
        return e3tp_fail(m, E3TP_E_INVALID, "there is no index type %d", (int)l->type);
    if (edges && (!l->receivers || !l->senders))
        return e3tp_fail(m, E3TP_E_INVALID, "the list of %s is NULL",
                         l->receivers ? "senders" : "receivers");
    if (nodes > INT32_MAX || senders > INT32_MAX)
        return e3tp_fail(m, E3TP_E_INVALID, "%zu nodes and %zu senders, expected less than 2^31",
                         nodes, senders);
    E3TP_TRY(check(l, edges, nodes, senders, m));
    e3tp_graph *g = e3tp_zalloc(&libc_allocator, 1, sizeof *g);
    if (!g)
        return e3tp_fail(m, E3TP_E_NOMEM, "no memory for the graph");
    *g = (e3tp_graph){edges,
                      nodes,
                      senders,
                      e3tp_zalloc(&libc_allocator, nodes + 1, sizeof *g->start),
                      e3tp_alloc(&libc_allocator, edges, sizeof *g->edge),
                      e3tp_alloc(&libc_allocator, edges, sizeof *g->sender),
                      false};
    if (!g->start || !g->edge || !g->sender) {
        e3tp_graph_destroy(g);
        return e3tp_fail(m, E3TP_E_NOMEM, "no memory for %zu edges", edges);
    }
    sort(g, l);
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
    size_t used = 0;
    e3tp_append(msg, msg ? cap : 0, &used, "%s", m.text);
    return s;
}

void e3tp_graph_destroy(e3tp_graph *g)
{
    if (!g)
        return;
    e3tp_free(&libc_allocator, g->start);
    e3tp_free(&libc_allocator, g->edge);
    e3tp_free(&libc_allocator, g->sender);
    e3tp_free(&libc_allocator, g);
}

size_t e3tp_graph_num_edges(const e3tp_graph *g)
{
    return g ? g->num_edges : 0;
}

size_t e3tp_graph_num_nodes(const e3tp_graph *g)
{
    return g ? g->num_nodes : 0;
}
