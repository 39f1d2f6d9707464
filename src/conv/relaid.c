/* SPDX-License-Identifier: MIT */
#include "conv/relaid.h"

#include <stdint.h>

#include "problem/convert.h"
#include "problem/packed.h"

enum {
    EDGES_EACH = 4,        /* of a sender, at least: of fewer, what is gained is lost */
    MOST_BYTES = 24 << 20, /* in IR_MUL */
    ROWS_EACH = 64         /* for a worker, at least */
};

void e3tp_relay(const e3tp_conv_job *job, int k, bool back, size_t rows, const char *from, char *to)
{
    const e3tp_problem *p = job->executor.problem;
    const int operand = k == OP_Z ? 2 : k;
    const e3tp_layout layout[2] = {E3TP_MUL_IR, E3TP_IR_MUL};
    const e3tp_conversion c = {.tier = job->lines->tier,
                               .dtype = p->dtype,
                               .batch = rows,
                               .from = {layout[back], (char *)(uintptr_t)from, job->width[k]},
                               .to = {layout[!back], to, job->width[k]}};
    for (size_t i = 0; i < p->nblocks[operand]; i++) {
        const e3tp_block *b = &p->blocks[operand][i];
        e3tp_convert_block(&c, b->offset, b->mul, 2 * (size_t)b->l + 1);
    }
}

typedef struct relay_task {
    const e3tp_conv_job *job;
    int k;
    bool back;
    size_t rows, workers;
    const char *from;
    char *to;
} relay_task;

static void relay_work(void *ctx, size_t worker)
{
    const relay_task *t = ctx;
    const size_t first = e3tp_parallel_start(t->rows, t->workers, worker),
                 end = e3tp_parallel_start(t->rows, t->workers, worker + 1),
                 at =
                     first * t->job->width[t->k] * e3tp_dtype_size(t->job->executor.problem->dtype);
    e3tp_relay(t->job, t->k, t->back, end - first, t->from + at, t->to + at);
}

/* Rows first .. end - 1, by all workers; nothing where an array is NULL. */
static void relay_rows(const e3tp_conv_job *job, int k, bool back, size_t first, size_t end,
                       const void *from, void *to)
{
    const size_t rows = end > first ? end - first : 0,
                 at = first * job->width[k] * e3tp_dtype_size(job->executor.problem->dtype);
    if (!from || !to || !rows)
        return;
    const int workers = e3tp_parallel_workers(job->parallel, rows / ROWS_EACH + 1);
    relay_task t = {job, k, back, rows, (size_t)workers, (const char *)from + at, (char *)to + at};
    e3tp_parallel_run(job->parallel, t.workers, relay_work, &t);
}

/* Operands of senders; z goes receiver by receiver. */
static bool is_of_senders(const e3tp_relaid *r, int k)
{
    return k != OP_Z && r->job.lines->of[k];
}

/* Rows of senders from first to end - 1 that the call reads. */
static void relay_inputs(const e3tp_relaid *r, size_t first, size_t end)
{
    for (int k = 0; k < OP_Z; k++)
        if (is_of_senders(r, k)) {
            relay_rows(&r->job, k, false, first, end, r->given->in[k],
                       (void *)(uintptr_t)r->call.in[k]);
            relay_rows(&r->job, k, false, first, end, r->given->t[k],
                       (void *)(uintptr_t)r->call.t[k]);
        }
}

static size_t owned(const e3tp_graph *g)
{
    return g->num_nodes < g->num_senders ? g->num_nodes : g->num_senders;
}

/* Rows of ghosts, when they are there. */
static void fill_ghosts(void *ctx)
{
    const e3tp_relaid *r = ctx;
    const e3tp_graph *g = r->given->graph;
    r->given->fill_ghosts(r->given->fill_ghosts_ctx);
    relay_inputs(r, owned(g), g->num_senders);
}

/* A place for rows of senders that the caller has; without memory they stay where they are. */
static void *place_for(e3tp_relaid *r, const void *given, int k, char *memory)
{
    const size_t at = r->bytes, bytes = r->given->graph->num_senders * r->job.width[k] *
                                        e3tp_dtype_size(r->job.executor.problem->dtype);
    if (!given)
        return NULL;
    e3tp_take(&r->bytes, 64, bytes, false);
    return memory ? memory + at : (void *)(uintptr_t)given;
}

static void lay_out(e3tp_relaid *r, char *memory)
{
    const e3tp_conv_call *c = r->given;
    r->bytes = 0;
    for (int k = 0; k < OP_Z; k++)
        if (is_of_senders(r, k)) {
            r->call.in[k] = place_for(r, c->in[k], k, memory);
            r->call.t[k] = place_for(r, c->t[k], k, memory);
            r->call.out[k] = place_for(r, c->out[k], k, memory);
        }
}

bool e3tp_relaid_of(e3tp_relaid *r, const e3tp_conv_call *c)
{
    const e3tp_conv_lines *lines = c->job->lines;
    if (!lines || c->graph->num_edges / EDGES_EACH < c->graph->num_senders)
        return false;
    *r = (e3tp_relaid){.given = c, .job = *c->job, .call = *c};
    r->job.executor = lines->executor;
    r->job.rotated = lines->rotated;
    r->job.in_lines = true;
    r->call.job = &r->job;
    lay_out(r, NULL);
    return r->bytes <= MOST_BYTES;
}

void e3tp_relaid_begin(e3tp_relaid *r, char *memory)
{
    const e3tp_graph *g = r->given->graph;
    lay_out(r, memory);
    if (r->given->fill_ghosts) {
        r->call.fill_ghosts = fill_ghosts;
        r->call.fill_ghosts_ctx = r;
    }
    relay_inputs(r, 0, r->given->fill_ghosts ? owned(g) : g->num_senders);
}

void e3tp_relaid_end(const e3tp_relaid *r)
{
    for (int k = 0; k < OP_Z; k++)
        if (is_of_senders(r, k))
            relay_rows(&r->job, k, true, 0, r->given->graph->num_senders, r->call.out[k],
                       r->given->out[k]);
}
