/* SPDX-License-Identifier: MIT */
/* Workers take chunks of receivers; a chunk's edges go through scratch block by block, so no
   message of an edge reaches memory. A receiver belongs to one worker and sums in edge order: same
   bits on any number of threads. */
#include "conv/conv.h"

#include <stdatomic.h>
#include <string.h>

#include "core/checked.h"

/* Rows of a block: operands and result should stay in half of a 512 KB second-level cache. */
static const size_t block_bytes = (size_t)256 << 10;
enum { MAX_BLOCK = 32, CHUNK_EDGES = 512 };

typedef struct layout {
    size_t es, block;
    size_t row[4];              /* bytes of a row of x, y, w, z */
    size_t x, y, w, z, backend; /* offsets in a worker's scratch */
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

static layout plan_scratch(const e3tp_conv_job *job)
{
    const e3tp_problem *p = job->problem;
    layout l = {.es = e3tp_dtype_size(p->dtype)};
    const size_t width[4] = {p->dim[0], p->dim[1], p->weight_numel, p->dim[2]};
    size_t per_edge = 1;
    for (int k = 0; k < 4; k++) {
        l.row[k] = width[k] * l.es;
        per_edge += l.row[k];
    }
    const size_t fit = block_bytes / per_edge;
    const size_t most = job->backend->block_rows(job->state, E3TP_FORWARD);
    l.block = fit < 4 ? 4 : fit > MAX_BLOCK ? MAX_BLOCK : fit;
    l.block = l.block < most ? l.block : most;
    size_t *const at[4] = {&l.x, &l.y, &l.w, &l.z};
    for (int k = 0; k < 4; k++) {
        *at[k] = l.bytes;
        l.bytes += e3tp_round_up(l.row[k] * l.block, 64);
    }
    l.backend = l.bytes;
    l.bytes += e3tp_round_up(job->backend->scratch_bytes(job->state, E3TP_FORWARD), 64);
    return l;
}

/* Rows of an edge operand: in place where the caller's order is ours, else copied. */
static const void *edge_rows(const task *t, const void *base, size_t row, size_t place, size_t n,
                             char *copy)
{
    if (t->g->in_order)
        return (const char *)base + place * row;
    for (size_t k = 0; k < n && row; k++)
        memcpy(copy + k * row, (const char *)base + (size_t)t->g->edge[place + k] * row, row);
    return copy;
}

static const void *weight_rows(const task *t, size_t place, size_t n, char *copy)
{
    if (t->b->make_weights) {
        t->b->make_weights(t->b->make_weights_ctx, t->g->edge + place, n, copy);
        return copy;
    }
    if (t->job->problem->weights != E3TP_WEIGHTS_ROW)
        return t->b->w;
    return edge_rows(t, t->b->w, t->l.row[2], place, n, copy);
}

static void messages(const task *t, size_t place, size_t n, char *s)
{
    const e3tp_problem *p = t->job->problem;
    for (size_t k = 0; k < n && t->l.row[0]; k++)
        memcpy(s + t->l.x + k * t->l.row[0],
               (const char *)t->b->x + (size_t)t->g->sender[place + k] * t->l.row[0], t->l.row[0]);
    const e3tp_rows r = {
        .n = n,
        .x = s + t->l.x,
        .y = edge_rows(t, t->b->y, t->l.row[1], place, n, s + t->l.y),
        .w = weight_rows(t, place, n, s + t->l.w),
        .z = s + t->l.z,
        .sx = (ptrdiff_t)p->dim[0],
        .sy = (ptrdiff_t)p->dim[1],
        .sw = p->weights == E3TP_WEIGHTS_ROW ? (ptrdiff_t)p->weight_numel : 0,
        .sz = (ptrdiff_t)p->dim[2],
    };
    t->job->backend->run(t->job->state, E3TP_FORWARD, &r, s + t->l.backend);
}

#define ACCUMULATE(type)                                                              \
    static void accumulate_##type(type *restrict z, const type *restrict m, size_t n) \
    {                                                                                 \
        for (size_t i = 0; i < n; i++)                                                \
            z[i] += m[i];                                                             \
    }                                                                                 \
    static void scale_##type(type *z, type a, size_t n)                               \
    {                                                                                 \
        for (size_t i = 0; i < n; i++)                                                \
            z[i] *= a;                                                                \
    }
ACCUMULATE(float)
ACCUMULATE(double)

static void add_message(const task *t, size_t receiver, const char *message)
{
    const size_t n = t->job->problem->dim[2];
    char *z = (char *)t->b->z + receiver * t->l.row[3];
    if (t->l.es == sizeof(double))
        accumulate_double((double *)(void *)z, (const double *)(const void *)message, n);
    else
        accumulate_float((float *)(void *)z, (const float *)(const void *)message, n);
}

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
    const size_t end = t->g->start[to];
    memset((char *)t->b->z + from * t->l.row[3], 0, (to - from) * t->l.row[3]);
    size_t receiver = from;
    for (size_t place = t->g->start[from]; place < end; place += t->l.block) {
        const size_t n = end - place < t->l.block ? end - place : t->l.block;
        messages(t, place, n, s);
        for (size_t k = 0; k < n; k++) {
            while (t->g->start[receiver + 1] <= place + k)
                receiver++;
            add_message(t, receiver, s + t->l.z + k * t->l.row[3]);
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
    task t = {.job = job, .g = g, .b = b, .l = plan_scratch(job)};
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
