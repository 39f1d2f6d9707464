/* SPDX-License-Identifier: MIT */
/* A pass is up to four walks over the edges, of receivers or of windows (windows.h), for z or for
   gradients. Of receivers: workers take chunks of them, and each sums into rows of its own. */
#include "conv/conv.h"

#include <stdatomic.h>
#include <string.h>

#include "conv/relaid.h"
#include "conv/segment.h"
#include "conv/windows.h"
#include "core/sums.h"
#include "problem/packed.h"

enum { CHUNK_EDGES = 512 };

/* ---- receivers ---- */

/* Receivers whose turn it is: those that read a row of a ghost come after the others, where such
   rows are filled in between. */
typedef enum turn { ALL, WITHOUT_GHOSTS, WITH_GHOSTS } turn;

typedef struct receivers_task {
    const e3tp_sweep *sweep;
    turn turn;
    /* Of a worker, behind the sweep's: wide sums of a receiver, a row of z in IR_MUL. */
    size_t sum[OP_COUNT], sums, bytes;
    char *scratch;
    atomic_size_t next; /* the next receiver that nobody has taken */
} receivers_task;

static bool is_summed(const e3tp_sweep *s, int k)
{
    return s->wanted[k] && s->call->job->at[k] == E3TP_AT_RECEIVER;
}

static size_t take(size_t *total, size_t bytes)
{
    return e3tp_take(total, 64, bytes, false);
}

/* Whether z of a receiver gets the caller's layout when it is complete. */
static bool relays_z(const e3tp_sweep *s)
{
    return is_summed(s, OP_Z) && e3tp_is_relaid(s->call->job, OP_Z);
}

static void lay_out_receivers(receivers_task *t)
{
    const e3tp_sweep *s = t->sweep;
    for (int k = 0; k < OP_COUNT; k++)
        t->sum[k] = take(&t->sums, e3tp_sweep_is_wide(s) && is_summed(s, k)
                                       ? s->call->job->width[k] * e3tp_sweep_sum_element(s)
                                       : 0);
    t->bytes = s->bytes + t->sums;
    take(&t->bytes, relays_z(s) ? s->row[OP_Z] : 0);
}

static void relay_z(const receivers_task *t, size_t from, size_t to, char *row)
{
    const e3tp_sweep *s = t->sweep;
    const size_t bytes = s->row[OP_Z];
    char *z = (char *)s->call->out[OP_Z] + from * bytes;
    for (size_t r = from; r < to; r++, z += bytes) {
        memcpy(row, z, bytes);
        e3tp_relay(s->call->job, OP_Z, true, 1, row, z);
    }
}

static void scale_rows(const e3tp_sweep *s, size_t from, size_t to)
{
    const e3tp_conv_job *job = s->call->job;
    char *z = (char *)s->call->out[OP_Z] + from * s->row[OP_Z];
    if (job->scale != 1.0)
        e3tp_sum_scale(s->element, job->scale, z, z, (to - from) * job->width[OP_Z]);
}

/* Rounds the wide sums of a receiver to its rows. */
static void round_sums(const receivers_task *t, size_t r, const char *sums)
{
    const e3tp_sweep *s = t->sweep;
    for (int k = 0; k < OP_COUNT; k++) {
        const size_t width = s->call->job->width[k];
        if (is_summed(s, k))
            e3tp_sum_round((float *)s->call->out[k] + r * width,
                           (const double *)(const void *)(sums + t->sum[k]), width);
    }
}

static void run_receiver(const receivers_task *t, size_t r, char *scratch)
{
    const e3tp_sweep *s = t->sweep;
    const size_t *start = s->call->graph->start;
    char *sums = scratch + s->bytes;
    e3tp_sinks to = {.first = 0};
    for (int k = 0; k < OP_COUNT; k++)
        to.sum[k] = sums + t->sum[k];
    memset(sums, 0, t->sums);
    e3tp_segments_run(s, r, start[r], start[r + 1], &to, scratch);
    if (e3tp_sweep_is_wide(s))
        round_sums(t, r, sums);
}

/* Receivers from..to-1. */
static void run_receivers(const receivers_task *t, size_t from, size_t to, char *scratch)
{
    const e3tp_sweep *s = t->sweep;
    for (int k = 0; k < OP_COUNT; k++)
        if (is_summed(s, k))
            memset((char *)s->call->out[k] + from * s->row[k], 0, (to - from) * s->row[k]);
    for (size_t r = from; r < to; r++)
        run_receiver(t, r, scratch);
    if (is_summed(s, OP_Z))
        scale_rows(s, from, to);
    if (relays_z(s))
        relay_z(t, from, to, scratch + s->bytes + t->sums);
}

static bool has_ghosts(const e3tp_graph *g, size_t r)
{
    bool yes = false;
    for (size_t place = g->start[r]; place < g->start[r + 1]; place++)
        yes |= (size_t)g->sender[place] >= g->num_nodes;
    return yes;
}

static void run_turn(const receivers_task *t, size_t from, size_t to, char *scratch)
{
    if (t->turn == ALL) {
        run_receivers(t, from, to, scratch);
        return;
    }
    for (size_t r = from; r < to; r++)
        if (has_ghosts(t->sweep->call->graph, r) == (t->turn == WITH_GHOSTS))
            run_receivers(t, r, r + 1, scratch);
}

/* The end of the chunk that starts at a receiver: about CHUNK_EDGES edges. */
static size_t chunk_end(const e3tp_graph *g, size_t from)
{
    size_t to = from + 1;
    while (to < g->num_nodes && g->start[to + 1] - g->start[from] <= CHUNK_EDGES)
        to++;
    return to;
}

static void receivers_work(void *ctx, size_t worker)
{
    receivers_task *t = ctx;
    const e3tp_graph *g = t->sweep->call->graph;
    size_t from = atomic_load_explicit(&t->next, memory_order_relaxed);
    while (from < g->num_nodes) {
        const size_t to = chunk_end(g, from);
        if (!atomic_compare_exchange_weak_explicit(&t->next, &from, to, memory_order_relaxed,
                                                   memory_order_relaxed))
            continue;
        run_turn(t, from, to, t->scratch + worker * t->bytes);
        from = atomic_load_explicit(&t->next, memory_order_relaxed);
    }
}

/* So many workers find a chunk of edges. */
static size_t full_chunks(const e3tp_graph *g)
{
    return g->num_edges / CHUNK_EDGES + 1;
}

static size_t receivers_bytes(const e3tp_sweep *s, size_t workers)
{
    receivers_task t = {.sweep = s};
    lay_out_receivers(&t);
    return workers * t.bytes;
}

static void take_turn(receivers_task *t, turn which, size_t workers)
{
    t->turn = which;
    atomic_init(&t->next, 0);
    e3tp_parallel_run(t->sweep->call->job->parallel, workers, receivers_work, t);
}

static void fill_ghosts(const e3tp_conv_call *c)
{
    if (c->fill_ghosts)
        c->fill_ghosts(c->fill_ghosts_ctx);
}

/* Whether the pass is one walk, of receivers, in which ghosts are filled. */
static bool fills_between(const e3tp_conv_call *c)
{
    return c->fill_ghosts && (c->pass == E3TP_FORWARD || c->pass == E3TP_JVP) &&
           c->job->at[OP_Z] == E3TP_AT_RECEIVER && c->job->width[OP_Z] && c->out[OP_Z];
}

static void sweep_receivers(const e3tp_sweep *s, size_t workers, char *memory)
{
    receivers_task t = {.sweep = s, .scratch = memory};
    lay_out_receivers(&t);
    if (!fills_between(s->call)) {
        take_turn(&t, ALL, workers);
        return;
    }
    take_turn(&t, WITHOUT_GHOSTS, workers);
    fill_ghosts(s->call);
    take_turn(&t, WITH_GHOSTS, workers);
}

/* ---- passes ---- */

/* The walks of a pass, each for some of its results: z, or gradients; of receivers, or of the
   rest. */
enum { WALKS = 4 };

static bool is_of_receivers(int walk)
{
    return walk >= 2;
}

/* False: nothing is wanted of that walk. */
static bool plan_walk(const e3tp_conv_call *c, int walk, e3tp_sweep *s)
{
    const bool z = walk % 2 == 0, receivers = is_of_receivers(walk);
    const e3tp_pass pass = z && c->pass == E3TP_DOUBLE_BACKWARD ? E3TP_JVP : c->pass;
    bool wanted[CONV_COUNT], any = false;
    for (int k = 0; k < CONV_COUNT; k++) {
        wanted[k] = c->out[k] && c->job->width[k] && (k == OP_Z) == z &&
                    (c->job->at[k] == E3TP_AT_RECEIVER) == receivers;
        any = any || wanted[k];
    }
    if (any)
        *s = e3tp_sweep_of(c, pass, wanted, z && receivers);
    return any;
}

static size_t most_items(const e3tp_graph *g, int walk)
{
    if (is_of_receivers(walk))
        return full_chunks(g);
    return g->npieces < 1 ? 1 : g->npieces < E3TP_PIECES ? g->npieces : E3TP_PIECES;
}

static size_t walk_bytes(const e3tp_sweep *s, int walk, size_t workers)
{
    return is_of_receivers(walk) ? receivers_bytes(s, workers) : e3tp_windows_bytes(s, workers);
}

static e3tp_status run_walk(const e3tp_conv_call *c, int walk)
{
    e3tp_sweep s;
    if (!plan_walk(c, walk, &s))
        return E3TP_OK;
    const e3tp_conv_job *job = c->job;
    const size_t workers = (size_t)e3tp_parallel_workers(job->parallel, most_items(c->graph, walk));
    void *own = c->work ? NULL : e3tp_alloc(job->allocator, walk_bytes(&s, walk, workers), 1);
    if (!own && !c->work)
        return E3TP_E_NOMEM;
    (is_of_receivers(walk) ? sweep_receivers : e3tp_windows_run)(&s, workers, own ? own : c->work);
    e3tp_free(job->allocator, own);
    return E3TP_OK;
}

static e3tp_status run_walks(const e3tp_conv_call *c)
{
    if (!fills_between(c))
        fill_ghosts(c);
    for (int walk = 0; walk < WALKS; walk++)
        E3TP_TRY(run_walk(c, walk));
    return E3TP_OK;
}

e3tp_status e3tp_conv_run(const e3tp_conv_call *c)
{
    e3tp_relaid r;
    if (!e3tp_relaid_of(&r, c))
        return run_walks(c);
    char *own = c->work ? NULL : e3tp_alloc(c->job->allocator, r.bytes + 1, 1);
    if (!own && !c->work)
        return E3TP_E_NOMEM;
    e3tp_relaid_begin(&r, own ? own : c->work);
    r.call.work = c->work ? (char *)c->work + r.bytes : NULL;
    const e3tp_status status = run_walks(&r.call);
    if (status == E3TP_OK)
        e3tp_relaid_end(&r);
    e3tp_free(c->job->allocator, own);
    return status;
}

static size_t walks_scratch(const e3tp_conv_call *c)
{
    size_t most = 0;
    e3tp_sweep s;
    for (int walk = 0; walk < WALKS; walk++)
        if (plan_walk(c, walk, &s)) {
            const size_t items = most_items(c->graph, walk),
                         threads = (size_t)c->job->parallel->threads,
                         bytes = walk_bytes(&s, walk, items < threads ? items : threads);
            most = bytes > most ? bytes : most;
        }
    return most;
}

size_t e3tp_conv_scratch(const e3tp_conv_call *c)
{
    e3tp_relaid r;
    return e3tp_relaid_of(&r, c) ? r.bytes + walks_scratch(&r.call) : walks_scratch(c);
}
