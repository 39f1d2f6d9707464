/* SPDX-License-Identifier: MIT */
#include "conv/windows.h"

#include <stdatomic.h>
#include <string.h>

#include "core/sums.h"
#include "problem/packed.h"

enum {
    TABLE_BYTES = 512,
    STRIP = 8,      /* pieces of a window, whose places are sorted by the rows of a table */
    PIECES_EACH = 4 /* for a worker, where what a strip has for a table waits for few of them */
};

static size_t take(size_t *total, size_t bytes)
{
    return e3tp_take(total, 64, bytes, false);
}

typedef struct windows_task {
    const e3tp_sweep *sweep;
    size_t leaves, leaf_bytes;
    /* Offsets in `messages`, */
    size_t message[OP_COUNT], factors[2], gradient[2], table_row, order[2], type, type_order[2];
    size_t sum[OP_COUNT];  /* and in a leaf, */
    size_t wide[OP_COUNT]; /* and of what adds up in double beside the caller's */
    size_t message_bytes, wide_bytes;
    char *messages, *sums, *wides, *scratch;
    size_t first, end;       /* pieces of the window under way, */
    size_t at, to, together; /* and of some strips of it: those whose gradients are kept at once */
    const uint16_t *by_row;  /* places of each strip by the row of a spline's table, */
    const uint16_t *by_type; /* and of the window by types */
    atomic_size_t next;
} windows_task;

static e3tp_place place_of(const windows_task *t, int k)
{
    return t->sweep->call->job->at[k];
}

static bool goes_to_senders(const windows_task *t, int k)
{
    return t->sweep->wanted[k] && place_of(t, k) == E3TP_AT_SENDER;
}

/* Whether a row of result k is kept for each edge of the window. */
static bool keeps_rows(const windows_task *t, int k)
{
    return goes_to_senders(t, k) || e3tp_sweep_has_many_types(t->sweep, k);
}

static bool has_many_types(const e3tp_sweep *s)
{
    bool yes = false;
    for (int k = 0; k < OP_Z; k++)
        yes = yes || e3tp_sweep_has_many_types(s, k);
    return yes;
}

/* Numbers of a sum over types, or a shared one; 0 where there is none. */
static size_t sum_count(const windows_task *t, int k)
{
    const size_t width = t->sweep->call->job->width[k];
    if (!t->sweep->wanted[k] || e3tp_sweep_makes(t->sweep, k) ||
        e3tp_sweep_has_many_types(t->sweep, k))
        return 0;
    return place_of(t, k) == E3TP_AT_SHARED ? width
           : place_of(t, k) == E3TP_AT_TYPE ? width * t->sweep->call->num_types
                                            : 0;
}

static size_t table_rows(const e3tp_sweep *s)
{
    const e3tp_conv_job *job = s->call->job;
    const size_t tables = job->at[OP_W] == E3TP_AT_TYPE ? s->call->num_types : 1;
    return tables * e3tp_maker_rows(&job->maker);
}

/* Numbers of a result that all windows add to: rows of senders, of many types, the table of which w
   is made; 0: of another. */
static size_t added_count(const windows_task *t, int k)
{
    const e3tp_sweep *s = t->sweep;
    const e3tp_conv_job *job = s->call->job;
    if (goes_to_senders(t, k))
        return s->call->graph->num_senders * job->width[k];
    if (e3tp_sweep_has_many_types(s, k))
        return s->call->num_types * job->width[k];
    if (k != OP_W || !e3tp_sweep_has_table(s))
        return 0;
    return table_rows(s) * job->width[OP_W];
}

static void *added_at(const windows_task *t, int k)
{
    return e3tp_sweep_is_wide(t->sweep) ? (void *)(t->wides + t->wide[k]) : t->sweep->call->out[k];
}

/* A place of a spline adds to some rows of the table: those with the same ones one after the other.
 */
static bool sorts_places(const e3tp_sweep *s)
{
    return e3tp_sweep_has_table(s) && s->call->job->maker.spline && !e3tp_sweep_is_wide(s);
}

/* So few strips that their gradients stay in the caches of as many workers (of a whole window:
   training on forces 1.15 times slower; of many types no gain, 1.06 times slower on two threads);
   what a strip has for a table is added strip by strip in any case. */
static size_t pieces_together(const e3tp_sweep *s, size_t workers)
{
    size_t pieces = STRIP;
    while (pieces < E3TP_PIECES && pieces < PIECES_EACH * workers)
        pieces *= 2;
    return e3tp_sweep_has_table(s) ? pieces : E3TP_PIECES;
}

static void lay_out_table(windows_task *t, size_t edges, size_t workers)
{
    const e3tp_sweep *s = t->sweep;
    t->together = pieces_together(s, workers);
    const size_t most = t->together * E3TP_PIECE, places = edges < most ? edges : most;
    const size_t terms = e3tp_maker_terms(&s->call->job->maker);
    for (int i = 0; i < 2; i++) {
        const size_t rows = e3tp_sweep_keeps_pair(s, i) ? places : 0;
        t->factors[i] = take(&t->message_bytes, rows * terms * s->element);
        t->gradient[i] = take(&t->message_bytes, rows * s->row[OP_W]);
    }
    t->table_row = take(&t->message_bytes, e3tp_sweep_has_table(s) ? places * sizeof(size_t) : 0);
    for (int i = 0; i < 2; i++)
        t->order[i] = take(&t->message_bytes, sorts_places(s) ? places * sizeof(uint16_t) : 0);
}

static void lay_out_types(windows_task *t, size_t window)
{
    const size_t n = has_many_types(t->sweep) ? window : 0;
    t->type = take(&t->message_bytes, n * sizeof(size_t));
    for (int i = 0; i < 2; i++)
        t->type_order[i] = take(&t->message_bytes, n * sizeof(uint16_t));
}

static void lay_out(windows_task *t, size_t workers)
{
    const e3tp_sweep *s = t->sweep;
    const size_t edges = s->call->graph->num_edges,
                 window = edges < E3TP_WINDOW ? edges : E3TP_WINDOW;
    for (int k = 0; k < OP_COUNT; k++) {
        t->message[k] = take(&t->message_bytes, keeps_rows(t, k) ? window * s->row[k] : 0);
        t->sum[k] = take(&t->leaf_bytes, sum_count(t, k) * e3tp_sweep_sum_element(s));
        t->wide[k] =
            take(&t->wide_bytes, e3tp_sweep_is_wide(s) ? added_count(t, k) * sizeof(double) : 0);
    }
    lay_out_table(t, edges, workers);
    lay_out_types(t, window);
    const size_t fit = t->leaf_bytes ? E3TP_MOST_LEAF_BYTES / t->leaf_bytes : E3TP_PIECES;
    t->leaves = fit < 1 ? 1 : fit < E3TP_PIECES ? fit : E3TP_PIECES;
}

static void run_piece(const windows_task *t, size_t piece, const e3tp_sinks *to, char *scratch)
{
    const e3tp_graph *g = t->sweep->call->graph;
    const size_t end = g->piece[piece + 1].place;
    size_t place = g->piece[piece].place, next;
    for (size_t r = g->piece[piece].receiver; place < end; r++, place = next) {
        next = g->start[r + 1] < end ? g->start[r + 1] : end;
        e3tp_segments_run(t->sweep, r, place, next, to, scratch);
    }
}

static e3tp_sinks sinks_of(const windows_task *t, size_t leaf)
{
    const e3tp_piece *piece = t->sweep->call->graph->piece;
    e3tp_sinks to = {.first = piece[t->first].place, .table_first = piece[t->at].place};
    for (int k = 0; k < OP_COUNT; k++) {
        to.message[k] = t->messages + t->message[k];
        to.sum[k] = t->sums + leaf * t->leaf_bytes + t->sum[k];
    }
    for (int i = 0; i < 2; i++) {
        to.factors[i] = t->messages + t->factors[i];
        to.gradient[i] = t->messages + t->gradient[i];
    }
    to.table_row = (size_t *)(void *)(t->messages + t->table_row);
    return to;
}

/* The next part of those that workers share out; false: there is none. */
static bool next_part(windows_task *t, size_t parts, size_t *part)
{
    *part = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed);
    return *part < parts;
}

/* The pieces of the strips that a leaf sums over. */
static void pieces_work(void *ctx, size_t worker)
{
    windows_task *t = ctx;
    size_t leaf;
    while (next_part(t, t->leaves, &leaf)) {
        const e3tp_sinks to = sinks_of(t, leaf);
        for (size_t piece = t->at; piece < t->to; piece++)
            if ((piece - t->first) % t->leaves == leaf)
                run_piece(t, piece, &to, t->scratch + worker * t->sweep->bytes);
    }
}

/* A window's n places by the row of a result that they add to, and the number of that row. */
typedef struct ordered {
    const uint16_t *list;
    size_t n;
    const int32_t *sender; /* by place, or */
    const size_t *type;
} ordered;

static size_t row_of(const ordered *o, size_t i)
{
    return o->sender ? (size_t)o->sender[o->list[i]] : o->type[o->list[i]];
}

static ordered order_of(const windows_task *t, int k)
{
    const e3tp_graph *g = t->sweep->call->graph;
    const size_t first = g->piece[t->first].place, n = g->piece[t->end].place - first;
    if (goes_to_senders(t, k))
        return (ordered){g->by_sender + first, n, g->sender + first, NULL};
    return (ordered){t->by_type, n, NULL, (const size_t *)(const void *)(t->messages + t->type)};
}

/* Where part p begins: not between two places of one row. */
static size_t part_start(const ordered *o, size_t p)
{
    size_t i = o->n * p / E3TP_PIECES;
    while (i > 0 && i < o->n && row_of(o, i) == row_of(o, i - 1))
        i++;
    return i;
}

static void add_message(const windows_task *t, int k, size_t at, size_t row)
{
    const e3tp_sweep *s = t->sweep;
    const size_t width = s->call->job->width[k];
    const char *from = t->messages + t->message[k] + at * s->row[k];
    if (e3tp_sweep_is_wide(s))
        e3tp_sum_add_wide((double *)added_at(t, k) + row * width, (const float *)(const void *)from,
                          width);
    else
        e3tp_sum_add(s->element, (char *)added_at(t, k) + row * s->row[k], from, width);
}

static void add_messages(const windows_task *t, size_t p)
{
    for (int k = 0; k < OP_COUNT; k++) {
        if (!keeps_rows(t, k))
            continue;
        const ordered o = order_of(t, k);
        const size_t end = part_start(&o, p + 1);
        for (size_t i = part_start(&o, p); i < end; i++)
            add_message(t, k, o.list[i], row_of(&o, i));
    }
}

/* Columns of a table are cut so that a part of all its rows stays in the second-level cache, and
   threads can share them out. */
static size_t table_parts(const e3tp_sweep *s)
{
    return e3tp_sweep_has_table(s) ? (s->row[OP_W] + TABLE_BYTES - 1) / TABLE_BYTES : 0;
}

/* The columns from .. to - 1 of the table get what a strip has for them; first: its first place,
   less that of the strips under way. */
static void add_strip(const windows_task *t, size_t first, size_t n, size_t from, size_t to)
{
    const e3tp_sweep *s = t->sweep;
    const e3tp_maker *m = &s->call->job->maker;
    const bool wide = e3tp_sweep_is_wide(s);
    const size_t terms = e3tp_maker_terms(m), factors = first * terms * s->element;
    const e3tp_expand e = {n,
                           terms,
                           s->call->job->width[OP_W],
                           t->messages + t->factors[0] + factors,
                           (const size_t *)(const void *)(t->messages + t->table_row) + first,
                           sorts_places(s) ? t->by_row + first : NULL};
    const char *gw = t->messages + t->gradient[0] + first * s->row[OP_W];
    if (e3tp_sweep_keeps_pair(s, 1))
        m->expand->table_of_two(&e, t->messages + t->factors[1] + factors, gw,
                                t->messages + t->gradient[1] + first * s->row[OP_W],
                                added_at(t, OP_W), wide, from, to);
    else
        m->expand->table(&e, gw, added_at(t, OP_W), wide, from, to);
}

/* The places of strip i of those under way, less their first. */
static size_t strip_start(const windows_task *t, size_t i)
{
    const e3tp_piece *piece = t->sweep->call->graph->piece;
    const size_t at = t->at + i * STRIP;
    return piece[at < t->to ? at : t->to].place - piece[t->at].place;
}

static size_t strips(const windows_task *t)
{
    return (t->to - t->at + STRIP - 1) / STRIP;
}

/* Parts of the table's columns. */
static void table_work(void *ctx, size_t worker)
{
    windows_task *t = ctx;
    const e3tp_sweep *s = t->sweep;
    const size_t width = s->call->job->width[OP_W], columns = TABLE_BYTES / s->element;
    size_t part;
    (void)worker;
    while (next_part(t, table_parts(s), &part)) {
        const size_t from = part * columns, to = width - from < columns ? width : from + columns;
        for (size_t i = 0; i < strips(t); i++) {
            const size_t first = strip_start(t, i);
            add_strip(t, first, strip_start(t, i + 1) - first, from, to);
        }
    }
}

/* Parts of senders and types. */
static void messages_work(void *ctx, size_t worker)
{
    windows_task *t = ctx;
    size_t part;
    (void)worker;
    while (next_part(t, E3TP_PIECES, &part))
        add_messages(t, part);
}

static uint16_t *list_at(const windows_task *t, size_t offset)
{
    return (uint16_t *)(void *)(t->messages + offset);
}

static void sort_strips(windows_task *t)
{
    const size_t *row = (const size_t *)(const void *)(t->messages + t->table_row);
    for (size_t i = 0; i < strips(t) && sorts_places(t->sweep); i++) {
        const size_t first = strip_start(t, i);
        t->by_row =
            e3tp_sort_places(strip_start(t, i + 1) - first, table_rows(t->sweep), row + first,
                             list_at(t, t->order[0]) + first, list_at(t, t->order[1]) + first) -
            first; /* the same list of the two for all strips */
    }
}

static void sort_types(windows_task *t)
{
    const e3tp_conv_call *c = t->sweep->call;
    const size_t first = c->graph->piece[t->first].place, n = c->graph->piece[t->end].place - first;
    if (!has_many_types(t->sweep))
        return;
    size_t *type = (size_t *)(void *)(t->messages + t->type);
    for (size_t i = 0; i < n; i++)
        type[i] = (size_t)c->edge_type[c->graph->edge[first + i]];
    t->by_type = e3tp_sort_places(n, c->num_types, type, list_at(t, t->type_order[0]),
                                  list_at(t, t->type_order[1]));
}

static void share_out(windows_task *t, size_t workers, void (*work)(void *ctx, size_t worker))
{
    atomic_init(&t->next, 0);
    e3tp_parallel_run(t->sweep->call->job->parallel, workers, work, t);
}

static void run_strips(windows_task *t, size_t workers)
{
    for (t->at = t->first; t->at < t->end; t->at = t->to) {
        t->to = t->end - t->at < t->together ? t->end : t->at + t->together;
        share_out(t, workers, pieces_work);
        if (!e3tp_sweep_has_table(t->sweep))
            continue;
        sort_strips(t);
        share_out(t, workers, table_work);
    }
}

static void run_windows(windows_task *t, size_t workers)
{
    const e3tp_graph *g = t->sweep->call->graph;
    bool keeps = false;
    for (int k = 0; k < OP_COUNT; k++)
        keeps = keeps || keeps_rows(t, k);
    for (size_t w = 0; w < e3tp_graph_windows(g); w++) {
        t->end = e3tp_graph_window(g, w, &t->first);
        run_strips(t, workers);
        sort_types(t);
        if (keeps)
            share_out(t, workers, messages_work);
    }
}

static void clear_added(const windows_task *t)
{
    for (int k = 0; k < OP_COUNT; k++)
        if (added_count(t, k))
            memset(added_at(t, k), 0, added_count(t, k) * e3tp_sweep_sum_element(t->sweep));
}

static void deliver_added(const windows_task *t)
{
    for (int k = 0; k < OP_COUNT && e3tp_sweep_is_wide(t->sweep); k++)
        if (added_count(t, k))
            e3tp_sum_round(t->sweep->call->out[k], added_at(t, k), added_count(t, k));
}

static void deliver_sums(const windows_task *t)
{
    const e3tp_sweep *s = t->sweep;
    const size_t element = e3tp_sweep_sum_element(s);
    for (int k = 0; k < OP_COUNT; k++) {
        const size_t n = sum_count(t, k);
        char *sum = t->sums + t->sum[k];
        if (!n)
            continue;
        e3tp_sum_leaves(element, sum, t->leaf_bytes, t->leaves, n);
        if (e3tp_sweep_is_wide(s))
            e3tp_sum_round(s->call->out[k], (const double *)(const void *)sum, n);
        else
            memcpy(s->call->out[k], sum, n * element);
    }
}

size_t e3tp_windows_bytes(const e3tp_sweep *s, size_t workers)
{
    windows_task t = {.sweep = s};
    lay_out(&t, workers);
    return t.message_bytes + t.leaves * t.leaf_bytes + t.wide_bytes + workers * s->bytes;
}

void e3tp_windows_run(const e3tp_sweep *s, size_t workers, char *memory)
{
    windows_task t = {.sweep = s};
    lay_out(&t, workers);
    const size_t sums = t.leaves * t.leaf_bytes;
    t.messages = memory;
    t.sums = t.messages + t.message_bytes;
    t.wides = t.sums + sums;
    t.scratch = t.wides + t.wide_bytes;
    memset(t.sums, 0, sums);
    clear_added(&t);
    run_windows(&t, workers);
    deliver_sums(&t);
    deliver_added(&t);
}
