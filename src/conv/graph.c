/* SPDX-License-Identifier: MIT */
/* Builds the compressed rows by a stable counting sort, after checking every index once, then the
   pieces, then the senders' order in each window. Workers have edges, receivers or windows one
   after the other, and what they write is the same for any number of them. */
#include "conv/graph.h"

#include <stdatomic.h>
#include <string.h>

#include "core/parallel.h"

static const e3tp_allocator libc_allocator = {NULL, NULL, NULL};

enum {
    SLACK = 8,            /* of what a graph that grows needs, taken beyond that */
    EDGES_EACH = 1 << 16, /* for a worker: a tenth of a millisecond and more */
    COUNTS = sizeof(size_t) / sizeof(uint16_t) /* entries of by_sender that a count takes */
};

typedef struct edge_list {
    e3tp_index type;
    const void *receivers, *senders;
    size_t num_edges, num_nodes, num_senders;
} edge_list;

static int64_t at(const edge_list *l, const void *list, size_t e)
{
    return l->type == E3TP_INT32 ? ((const int32_t *)list)[e] : ((const int64_t *)list)[e];
}

/* Edges on their way into a graph. */
typedef struct build {
    e3tp_graph *g;
    const edge_list *list;
    e3tp_parallel parallel;
    size_t workers;
    /* [workers][num_nodes]: a worker's edges of each receiver, then the place of the next of them
       from the receiver's first on. In the memory of by_sender, which is written last. */
    size_t *count;
    atomic_bool failed, moved;
} build;

static void run(build *b, void (*work)(void *ctx, size_t worker))
{
    e3tp_parallel_run(&b->parallel, b->workers, work, b);
}

/* The share of a worker: from the returned one on. */
static size_t share(const build *b, size_t items, size_t worker, size_t *end)
{
    *end = e3tp_parallel_start(items, b->workers, worker + 1);
    return e3tp_parallel_start(items, b->workers, worker);
}

/* ---- checks ---- */

static bool is_inside(const edge_list *l, size_t e)
{
    const int64_t r = at(l, l->receivers, e), s = at(l, l->senders, e);
    return r >= 0 && (uint64_t)r < l->num_nodes && s >= 0 && (uint64_t)s < l->num_senders;
}

static void check_work(void *ctx, size_t worker)
{
    build *b = ctx;
    size_t end;
    bool inside = true;
    for (size_t e = share(b, b->list->num_edges, worker, &end); e < end; e++)
        inside &= is_inside(b->list, e);
    if (!inside)
        atomic_store_explicit(&b->failed, true, memory_order_relaxed);
}

/* The first wrong edge. */
static e3tp_status refuse_edge(const edge_list *l, e3tp_message *m)
{
    size_t e = 0;
    while (is_inside(l, e))
        e++;
    const int64_t r = at(l, l->receivers, e), s = at(l, l->senders, e);
    if (r < 0 || (uint64_t)r >= l->num_nodes)
        return e3tp_fail(m, E3TP_E_INVALID, "edge %zu: receiver %lld is outside the %zu nodes", e,
                         (long long)r, l->num_nodes);
    return e3tp_fail(m, E3TP_E_INVALID, "edge %zu: sender %lld is outside the %zu senders", e,
                     (long long)s, l->num_senders);
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
    return E3TP_OK;
}

/* ---- receivers ---- */

static void count_work(void *ctx, size_t worker)
{
    const build *b = ctx;
    const edge_list *l = b->list;
    size_t *count = b->count + worker * l->num_nodes, end;
    memset(count, 0, l->num_nodes * sizeof *count);
    for (size_t e = share(b, l->num_edges, worker, &end); e < end; e++)
        count[at(l, l->receivers, e)]++;
}

/* A receiver's edges: those of the first worker, then of the next. */
static void offset_work(void *ctx, size_t worker)
{
    const build *b = ctx;
    const size_t nodes = b->g->num_nodes;
    size_t end;
    for (size_t r = share(b, nodes, worker, &end); r < end; r++) {
        size_t sum = 0;
        for (size_t k = 0; k < b->workers; k++) {
            size_t *count = b->count + k * nodes + r;
            const size_t n = *count;
            *count = sum;
            sum += n;
        }
        b->g->start[r + 1] = sum;
    }
}

static void place_work(void *ctx, size_t worker)
{
    build *b = ctx;
    const edge_list *l = b->list;
    e3tp_graph *g = b->g;
    size_t *next = b->count + worker * l->num_nodes, end;
    bool moved = false;
    for (size_t e = share(b, l->num_edges, worker, &end); e < end; e++) {
        const size_t r = (size_t)at(l, l->receivers, e), place = g->start[r] + next[r]++;
        g->edge[place] = (int64_t)e;
        g->sender[place] = (int32_t)at(l, l->senders, e);
        moved |= place != e;
    }
    if (moved)
        atomic_store_explicit(&b->moved, true, memory_order_relaxed);
}

static void sort_receivers(build *b)
{
    e3tp_graph *g = b->g;
    run(b, count_work);
    run(b, offset_work);
    g->start[0] = 0;
    for (size_t r = 0; r < g->num_nodes; r++)
        g->start[r + 1] += g->start[r];
    run(b, place_work);
    g->in_order = !atomic_load_explicit(&b->moved, memory_order_relaxed);
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

static void windows_work(void *ctx, size_t worker)
{
    const build *b = ctx;
    size_t end;
    for (size_t w = share(b, e3tp_graph_windows(b->g), worker, &end); w < end; w++)
        sort_window(b->g, w);
}

/* ---- memory ---- */

/* For by_sender, and for the counts of a worker at least. */
static size_t by_sender_room(size_t edges, size_t nodes)
{
    return edges + COUNTS * nodes;
}

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
                      .by_sender =
                          e3tp_alloc(a, by_sender_room(edges, nodes), sizeof *g->by_sender)};
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

/* As many as the counts of all have room for. */
static size_t workers_of(const e3tp_parallel *p, const edge_list *l)
{
    const size_t now = (size_t)e3tp_parallel_workers(p, l->num_edges / EDGES_EACH);
    const size_t each = COUNTS * l->num_nodes,
                 fit = each ? by_sender_room(l->num_edges, l->num_nodes) / each : 1;
    return now < fit ? now : fit;
}

/* All that may fail comes before g is touched. */
static e3tp_status set_edges(e3tp_graph *g, const edge_list *l, e3tp_message *m)
{
    build b = {.g = g, .list = l, .parallel = {.threads = e3tp_parallel_max()}};
    atomic_init(&b.failed, false);
    atomic_init(&b.moved, false);
    E3TP_TRY(check_lists(l, m));
    b.workers = workers_of(&b.parallel, l);
    run(&b, check_work);
    if (atomic_load_explicit(&b.failed, memory_order_relaxed))
        return refuse_edge(l, m);
    if (grow(g, l) != E3TP_OK)
        return e3tp_fail(m, E3TP_E_NOMEM, "no memory for %zu edges", l->num_edges);
    b.count = (size_t *)(void *)g->by_sender;
    g->num_edges = l->num_edges, g->num_nodes = l->num_nodes, g->num_senders = l->num_senders;
    sort_receivers(&b);
    cut_pieces(g);
    run(&b, windows_work);
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

e3tp_status e3tp_graph_order(const e3tp_graph *g, int64_t *edge)
{
    if (!g || (g->num_edges && !edge))
        return E3TP_E_INVALID;
    if (g->num_edges)
        memcpy(edge, g->edge, g->num_edges * sizeof *edge);
    return E3TP_OK;
}
