/* SPDX-License-Identifier: MIT */
/* Workers take chunks of receivers. A receiver's edges go through the backend in segments whose
   results are summed there, so no message of an edge is ever stored; rows are gathered by index as
   they are packed. A receiver belongs to one worker, its segments are cut from its first edge on,
   and each sums in edge order: same bits on any number of threads. */
#include "conv/conv.h"

#include <stdatomic.h>
#include <string.h>

#include "core/checked.h"

enum { MOST_SEGMENT = 256, CHUNK_EDGES = 512 };

typedef struct layout {
    size_t es, segment;       /* bytes of an element; most edges of a segment */
    size_t row[4];            /* bytes of a row of x, y, w, z */
    size_t index, w, backend; /* offsets in a worker's scratch */
    size_t bytes;
} layout;

typedef struct task {
    const e3tp_conv_job *job;
    const e3tp_graph *g;
    const e3tp_conv_buffers *b;
    layout l;
    char *scratch;
    atomic_size_t next; /* the next receiver that nobody has taken */
} task;

static size_t sum_rows(const e3tp_conv_job *job)
{
    const e3tp_backend *k = job->backend;
    const size_t rows =
        k->sum_rows ? k->sum_rows(job->state) : k->block_rows(job->state, E3TP_FORWARD);
    return rows < MOST_SEGMENT ? rows : MOST_SEGMENT;
}

static layout plan_scratch(const e3tp_conv_job *job, bool make_weights)
{
    const e3tp_problem *p = job->problem;
    layout l = {.es = e3tp_dtype_size(p->dtype), .segment = sum_rows(job)};
    const size_t width[4] = {p->dim[0], p->dim[1], p->weight_numel, p->dim[2]};
    for (int k = 0; k < 4; k++)
        l.row[k] = width[k] * l.es;
    l.w = e3tp_round_up(l.segment * sizeof(int64_t), 64);
    l.backend = l.w + (make_weights ? e3tp_round_up(l.row[2] * l.segment, 64) : 0);
    l.bytes = l.backend + e3tp_round_up(job->backend->scratch_bytes(job->state, E3TP_FORWARD), 64);
    return l;
}

/* Row of an edge operand from which a segment counts, and its index: none where the caller's order
   is ours. */
static const char *edge_rows(const task *t, const void *base, size_t row, size_t place,
                             const int64_t **index)
{
    *index = t->g->in_order ? NULL : t->g->edge + place;
    return (const char *)base + (t->g->in_order ? place * row : 0);
}

static void set_weights(const task *t, size_t place, size_t n, char *made, e3tp_rows *r)
{
    const e3tp_problem *p = t->job->problem;
    r->sw = p->weights == E3TP_WEIGHTS_ROW ? (ptrdiff_t)p->weight_numel : 0;
    r->w = t->b->w;
    if (t->b->make_weights) {
        t->b->make_weights(t->b->make_weights_ctx, t->g->edge + place, n, made);
        r->w = made;
    } else if (r->sw) {
        r->w = edge_rows(t, t->b->w, t->l.row[2], place, &r->iw);
    }
}

/* Adds the messages of n edges of one receiver to its row. */
static void add_messages(const task *t, size_t receiver, size_t place, size_t n, char *s)
{
    const e3tp_problem *p = t->job->problem;
    int64_t *sender = (int64_t *)(void *)(s + t->l.index);
    for (size_t k = 0; k < n; k++)
        sender[k] = t->g->sender[place + k];
    e3tp_rows r = {.n = n,
                   .x = t->b->x,
                   .ix = sender,
                   .z = (char *)t->b->z + receiver * t->l.row[3],
                   .sx = (ptrdiff_t)p->dim[0],
                   .sy = (ptrdiff_t)p->dim[1],
                   .sz = 0};
    r.y = edge_rows(t, t->b->y, t->l.row[1], place, &r.iy);
    set_weights(t, place, n, s + t->l.w, &r);
    t->job->backend->run(t->job->state, E3TP_FORWARD, &r, s + t->l.backend);
}

#define SCALE(type)                                     \
    static void scale_##type(type *z, type a, size_t n) \
    {                                                   \
        for (size_t i = 0; i < n; i++)                  \
            z[i] *= a;                                  \
    }
SCALE(float)
SCALE(double)

static void apply_scale(const task *t, size_t from, size_t to)
{
    const size_t n = (to - from) * t->job->problem->dim[2];
    char *z = (char *)t->b->z + from * t->l.row[3];
    if (t->job->scale == 1.0)
        return;
    if (t->l.es == sizeof(double))
        scale_double((double *)(void *)z, t->job->scale, n);
    else
        scale_float((float *)(void *)z, (float)t->job->scale, n);
}

/* Receivers from..to-1. */
static void convolve(const task *t, size_t from, size_t to, char *s)
{
    memset((char *)t->b->z + from * t->l.row[3], 0, (to - from) * t->l.row[3]);
    for (size_t receiver = from; receiver < to; receiver++) {
        const size_t end = t->g->start[receiver + 1];
        for (size_t place = t->g->start[receiver]; place < end; place += t->l.segment) {
            const size_t left = end - place;
            add_messages(t, receiver, place, left < t->l.segment ? left : t->l.segment, s);
        }
    }
    apply_scale(t, from, to);
}

/* The end of the chunk that starts at a receiver: about CHUNK_EDGES edges. */
static size_t chunk_end(const e3tp_graph *g, size_t from)
{
    size_t to = from + 1;
    while (to < g->num_nodes && g->start[to + 1] - g->start[from] <= CHUNK_EDGES)
        to++;
    return to;
}

static void work(void *ctx, size_t worker)
{
    task *t = ctx;
    size_t from = atomic_load_explicit(&t->next, memory_order_relaxed);
    while (from < t->g->num_nodes) {
        const size_t to = chunk_end(t->g, from);
        if (!atomic_compare_exchange_weak_explicit(&t->next, &from, to, memory_order_relaxed,
                                                   memory_order_relaxed))
            continue;
        convolve(t, from, to, t->scratch + worker * t->l.bytes);
        from = atomic_load_explicit(&t->next, memory_order_relaxed);
    }
}

e3tp_status e3tp_conv_run(const e3tp_conv_job *job, const e3tp_graph *g, const e3tp_conv_buffers *b)
{
    task t = {.job = job, .g = g, .b = b, .l = plan_scratch(job, b->make_weights != NULL)};
    const size_t chunks = g->num_edges / CHUNK_EDGES + 1;
    const size_t workers = (size_t)e3tp_parallel_workers(job->parallel, chunks);
    t.scratch = e3tp_alloc(job->allocator, workers, t.l.bytes);
    if (!t.scratch)
        return E3TP_E_NOMEM;
    atomic_init(&t.next, 0);
    e3tp_parallel_run(job->parallel, workers, work, &t);
    e3tp_free(job->allocator, t.scratch);
    return E3TP_OK;
}
