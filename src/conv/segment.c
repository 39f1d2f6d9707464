/* SPDX-License-Identifier: MIT */
#include "conv/segment.h"

#include <string.h>

#include "conv/made.h"
#include "conv/relaid.h"
#include "core/sums.h"
#include "problem/packed.h"

enum { MOST_SEGMENT = 256, MOST_LATER = 16 };
/* Edges that add up in single precision before they do in double, where receivers' sums are wide.
 */
enum { MOST_SINGLE = 16 };
/* Weights that are made stay in the second-level cache until they are read. */
static const size_t most_made_bytes = (size_t)1 << 18;

/* ---- layout ---- */

static size_t take(e3tp_sweep *s, size_t bytes)
{
    return e3tp_take(&s->bytes, 64, bytes, false);
}

static e3tp_place place_of(const e3tp_sweep *s, int k)
{
    return s->call->job->at[k];
}

/* Whether rows of operand k in the order of places are those of the caller. */
static bool is_in_order(const e3tp_sweep *s, int k)
{
    return place_of(s, k) == E3TP_AT_EDGE && s->call->graph->in_order;
}

/* Whether the block's results wait in scratch. */
static bool is_kept(const e3tp_sweep *s, int k)
{
    if (e3tp_sweep_makes(s, k))
        return false;
    switch (place_of(s, k)) {
    case E3TP_AT_EDGE:
        return !is_in_order(s, k);
    case E3TP_AT_TYPE:
        return !e3tp_sweep_has_many_types(s, k);
    case E3TP_AT_RECEIVER:
    case E3TP_AT_SHARED:
        return e3tp_sweep_is_wide(s);
    default:
        return false;
    }
}

/* One row serves a segment. */
static bool is_one_row(const e3tp_sweep *s, int k)
{
    return place_of(s, k) == E3TP_AT_RECEIVER || place_of(s, k) == E3TP_AT_SHARED;
}

static bool stages_cotangent(const e3tp_sweep *s)
{
    return s->call->in[OP_Z] && (s->call->job->scale != 1.0 || e3tp_is_relaid(s->call->job, OP_Z) ||
                                 (place_of(s, OP_Z) == E3TP_AT_EDGE && !is_in_order(s, OP_Z)));
}

/* Whether weights stand in scratch that are not the block's to make: of a callback, or widened. */
static bool has_own_weights(const e3tp_sweep *s)
{
    return s->call->make_weights || (s->call->job->w_half && s->call->job->width[OP_W]);
}

/* Results of the block for those that the caller wants. */
static void set_results(e3tp_sweep *s, const bool wanted[CONV_COUNT])
{
    const e3tp_conv_call *c = s->call;
    const bool by_length = wanted[OP_V] && e3tp_sweep_takes_lengths(s);
    for (int k = 0; k < CONV_COUNT; k++)
        s->wanted[k] = wanted[k];
    for (int k = 0; k < OP_COUNT; k++)
        s->computed[k] = wanted[k];
    if (e3tp_sweep_makes(s, OP_Y))
        s->computed[OP_Y] = wanted[OP_V];
    if (e3tp_sweep_makes(s, OP_W))
        s->computed[OP_W] = wanted[OP_W] || wanted[OP_A] || by_length;
    if (s->pass != E3TP_DOUBLE_BACKWARD)
        return;
    s->again[OP_Y] = e3tp_sweep_makes(s, OP_Y) && s->computed[OP_Y] && c->t[OP_V] && !s->rotated;
    s->again[OP_W] = e3tp_sweep_makes(s, OP_W) && s->computed[OP_W] &&
                     (c->t[OP_W] || e3tp_sweep_moves_factors(s));
}

static size_t most_rows(const e3tp_sweep *s, bool sums)
{
    const e3tp_conv_job *job = s->call->job;
    const size_t fit = s->rotated ? job->rotated->rows
                                  : e3tp_block_rows(&job->executor, s->pass, sums),
                 most = !sums                   ? E3TP_PIECE
                        : e3tp_sweep_is_wide(s) ? MOST_SINGLE
                                                : MOST_SEGMENT,
                 rows = fit < most ? fit : most;
    if (!e3tp_sweep_makes(s, OP_W) || !s->row[OP_W])
        return rows;
    const size_t cached = 1 + most_made_bytes / s->row[OP_W];
    return rows < cached ? rows : cached;
}

static size_t block_scratch(const e3tp_sweep *s)
{
    const e3tp_executor *x = &s->call->job->executor;
    if (s->rotated)
        return e3tp_rotated_scratch(s->call->job->rotated, e3tp_is_second_order(s->pass));
    const size_t own = e3tp_block_scratch(x, s->pass, false);
    const size_t again =
        s->again[OP_Y] || s->again[OP_W] ? e3tp_block_scratch(x, E3TP_BACKWARD, false) : 0;
    return again > own ? again : own;
}

/* Of the caller's weights of edges or types. */
static size_t weight_bytes(const e3tp_sweep *s)
{
    const e3tp_place at = place_of(s, OP_W);
    const size_t rows = at == E3TP_AT_EDGE   ? s->call->graph->num_edges
                        : at == E3TP_AT_TYPE ? s->call->num_types
                                             : 0;
    return e3tp_sweep_makes(s, OP_W) ? 0 : rows * s->row[OP_W];
}

e3tp_sweep e3tp_sweep_of(const e3tp_conv_call *c, e3tp_pass pass, const bool wanted[CONV_COUNT],
                         bool sums)
{
    e3tp_sweep s = {.call = c,
                    .pass = pass,
                    .rotated = c->job->rotated != NULL,
                    .element = e3tp_dtype_size(c->job->executor.problem->dtype)};
    set_results(&s, wanted);
    for (int k = 0; k < CONV_COUNT; k++)
        s.row[k] = c->job->width[k] * s.element;
    s.rows = most_rows(&s, sums);
    const size_t weights = weight_bytes(&s);
    s.w_far = weights > E3TP_MOST_NEAR_BYTES;
    s.w_past = weights > E3TP_MOST_KEPT_BYTES;
    for (int k = 0; k < OP_COUNT; k++) {
        if (k < OP_Z)
            s.list[k] = take(&s, (s.rows + MOST_LATER) * sizeof(int64_t));
        s.kept[k] = take(&s, wanted[k] && is_kept(&s, k) ? s.rows * s.row[k] : 0);
    }
    s.cotangent = take(&s, stages_cotangent(&s) ? s.rows * s.row[OP_Z] : 0);
    s.widened = take(&s, has_own_weights(&s) ? (c->t[OP_W] ? 2 : 1) * s.rows * s.row[OP_W] : 0);
    s.turned = take(&s, c->edge_reversed ? (c->t[OP_Y] ? 2 : 1) * s.rows * s.row[OP_Y] : 0);
    e3tp_made_lay_out(&s);
    s.block = take(&s, block_scratch(&s));
    return s;
}

/* ---- rows of edges ---- */

/* Rows of a list, one after the other. */
static void copy_rows(const void *from, size_t bytes, const int64_t *list, size_t n, char *to)
{
    for (size_t i = 0; i < n; i++)
        memcpy(to + i * bytes, (const char *)from + (size_t)list[i] * bytes, bytes);
}

void e3tp_segment_gather(const e3tp_sweep *s, const e3tp_segment *g, const void *from, size_t bytes,
                         char *to)
{
    copy_rows(from, bytes, s->call->graph->edge + g->place, g->n, to);
}

void e3tp_segment_scatter(const e3tp_sweep *s, const e3tp_segment *g, const char *from,
                          size_t bytes, void *to)
{
    const int64_t *edge = s->call->graph->edge + g->place;
    for (size_t i = 0; i < g->n; i++)
        memcpy((char *)to + (size_t)edge[i] * bytes, from + i * bytes, bytes);
}

/* ---- operands ---- */

/* Places behind those of a segment that its list of weights names too: to fetch what is there. */
static size_t later_places(const e3tp_sweep *s, const e3tp_segment *g)
{
    const size_t left = s->w_far ? s->call->graph->num_edges - g->place - g->n : 0;
    return left < MOST_LATER ? left : MOST_LATER;
}

/* The rows of operand k: one or those in order from the returned row on, or those of a list. */
static size_t rows_of(const e3tp_sweep *s, const e3tp_segment *g, int k, char *scratch,
                      const int64_t **list)
{
    const e3tp_graph *graph = s->call->graph;
    const size_t listed = g->n + (k == OP_W ? later_places(s, g) : 0);
    int64_t *own = k < OP_Z ? (int64_t *)(void *)(scratch + s->list[k]) : NULL;
    *list = NULL;
    switch (place_of(s, k)) {
    case E3TP_AT_RECEIVER:
        return g->receiver;
    case E3TP_AT_SHARED:
        return 0;
    case E3TP_AT_EDGE:
        if (is_in_order(s, k))
            return g->place;
        *list = graph->edge + g->place;
        return 0;
    case E3TP_AT_SENDER:
        for (size_t i = 0; i < listed; i++)
            own[i] = graph->sender[g->place + i];
        break;
    case E3TP_AT_TYPE:
        for (size_t i = 0; i < listed; i++)
            own[i] = s->call->edge_type[graph->edge[g->place + i]];
        break;
    }
    *list = own;
    return 0;
}

static const void *row_at(const void *base, size_t row, size_t bytes)
{
    return base ? (const char *)base + row * bytes : NULL;
}

/* Rows of bfloat16 from row `first` on or of a list. */
static void widen_rows(const e3tp_sweep *s, size_t rows, size_t first, const int64_t *list,
                       char *to)
{
    const size_t width = s->call->job->width[OP_W];
    const uint16_t *from = s->call->in[OP_W];
    for (size_t i = 0; i < rows; i++)
        s->call->job->maker.expand->widen(from + (list ? (size_t)list[i] : first + i) * width,
                                          width, to + i * s->row[OP_W]);
}

/* Such weights lie one after the other, and so have to their tangents. */
static void set_own_weights(const e3tp_sweep *s, const e3tp_segment *g, size_t first, char *scratch,
                            e3tp_block_call *q)
{
    const e3tp_conv_call *c = s->call;
    const size_t bytes = s->row[OP_W], rows = is_one_row(s, OP_W) ? 1 : g->n;
    const int64_t *list = q->rows[OP_W];
    char *own = scratch + s->widened, *tangents = own + s->rows * bytes;
    if (c->make_weights)
        c->make_weights(c->make_weights_ctx, c->graph->edge + g->place, g->n, own);
    else
        widen_rows(s, rows, first, list, own);
    if (!c->make_weights && s->w_far && !list) {
        q->w_source_row = c->job->width[OP_W] * sizeof(uint16_t);
        q->w_source = row_at(c->in[OP_W], first + rows, q->w_source_row);
    }
    q->in[OP_W] = own;
    q->rows[OP_W] = NULL;
    if (!c->t[OP_W] || !list)
        return;
    copy_rows(c->t[OP_W], bytes, list, rows, tangents);
    q->t[OP_W] = tangents;
}

/* From y of a vector to that of the opposite one. */
static void turn_row(const e3tp_sweep *s, char *row)
{
    const e3tp_problem *p = s->call->job->executor.problem;
    for (size_t i = 0; i < p->nblocks[1]; i++) {
        const e3tp_block *b = &p->blocks[1][i];
        char *at = row + b->offset * s->element;
        if (b->l % 2)
            e3tp_sum_scale(s->element, -1, at, at, b->mul * (2 * (size_t)b->l + 1));
    }
}

/* Rows of reversed edges, of one for each edge. */
static void turn_rows(const e3tp_sweep *s, const e3tp_segment *g, char *rows)
{
    const int64_t *edge = s->call->graph->edge + g->place;
    for (size_t i = 0; i < g->n; i++)
        if (s->call->edge_reversed[edge[i]])
            turn_row(s, rows + i * s->row[OP_Y]);
}

/* Such rows lie one after the other. */
static void set_turned(const e3tp_sweep *s, const e3tp_segment *g, char *scratch,
                       e3tp_block_call *q)
{
    const void *const from[2] = {s->call->in[OP_Y], s->call->t[OP_Y]},
                      **const to[2] = {&q->in[OP_Y], &q->t[OP_Y]};
    for (int i = 0; i < 2 && from[i]; i++) {
        char *rows = scratch + s->turned + (size_t)i * s->rows * s->row[OP_Y];
        copy_rows(from[i], s->row[OP_Y], q->rows[OP_Y], g->n, rows);
        turn_rows(s, g, rows);
        *to[i] = rows;
    }
    q->rows[OP_Y] = NULL;
}

static void set_operand(const e3tp_sweep *s, const e3tp_segment *g, int k, char *scratch,
                        e3tp_block_call *q)
{
    const e3tp_conv_call *c = s->call;
    const size_t first = rows_of(s, g, k, scratch, &q->rows[k]);
    q->t[k] = row_at(c->t[k], first, s->row[k]);
    if (k == OP_W && has_own_weights(s))
        set_own_weights(s, g, first, scratch, q);
    else
        q->in[k] = row_at(c->in[k], first, s->row[k]);
    if (k == OP_Y && c->edge_reversed)
        set_turned(s, g, scratch, q);
    q->stride[k] = is_one_row(s, k) ? 0 : (ptrdiff_t)c->job->width[k];
}

/* The rows of gz as they lie, or times the scale, in the layout of the call and one after the
   other. */
static void set_cotangent(const e3tp_sweep *s, const e3tp_segment *g, char *scratch,
                          e3tp_block_call *q)
{
    const e3tp_conv_job *job = s->call->job;
    const int64_t *list;
    const size_t first = rows_of(s, g, OP_Z, scratch, &list), bytes = s->row[OP_Z];
    const char *from = row_at(s->call->in[OP_Z], first, bytes);
    q->in[OP_Z] = from;
    if (!stages_cotangent(s))
        return;
    char *to = scratch + s->cotangent;
    q->in[OP_Z] = to;
    if (e3tp_is_relaid(job, OP_Z)) {
        e3tp_relay(job, OP_Z, false, 1, from, to);
        if (job->scale != 1.0)
            e3tp_sum_scale(s->element, job->scale, to, to, job->width[OP_Z]);
        return;
    }
    for (size_t i = 0; i < (is_one_row(s, OP_Z) ? 1 : g->n); i++)
        e3tp_sum_scale(s->element, job->scale, from + (list ? (size_t)list[i] : i) * bytes,
                       to + i * bytes, job->width[OP_Z]);
}

/* ---- results ---- */

static void *result_at(const e3tp_sweep *s, const e3tp_segment *g, int k, const e3tp_sinks *to,
                       char *scratch)
{
    const size_t bytes = s->row[k];
    char *out = s->call->out[k], *kept = scratch + s->kept[k];
    if (!s->computed[k])
        return NULL;
    if (e3tp_sweep_makes(s, k))
        return e3tp_made_gradient(s, g, to, scratch, k, false);
    if (is_kept(s, k)) {
        if (is_one_row(s, k))
            memset(kept, 0, bytes);
        return kept;
    }
    switch (place_of(s, k)) {
    case E3TP_AT_SENDER:
    case E3TP_AT_TYPE:
        return to->message[k] + (g->place - to->first) * bytes;
    case E3TP_AT_RECEIVER:
        return out + g->receiver * bytes;
    case E3TP_AT_EDGE:
        return out + g->place * bytes;
    default:
        return to->sum[k];
    }
}

static void add_to_sum(const e3tp_sweep *s, int k, char *sum, size_t row, const char *from)
{
    const size_t width = s->call->job->width[k];
    if (e3tp_sweep_is_wide(s))
        e3tp_sum_add_wide((double *)(void *)sum + row * width, (const float *)(const void *)from,
                          width);
    else
        e3tp_sum_add(s->element, sum + row * s->row[k], from, width);
}

/* What waits in scratch, to the caller's rows or to the sums. */
static void deliver(const e3tp_sweep *s, const e3tp_segment *g, int k, const e3tp_sinks *to,
                    const char *scratch)
{
    const char *kept = scratch + s->kept[k];
    const size_t bytes = s->row[k];
    const int64_t *edge = s->call->graph->edge + g->place;
    if (place_of(s, k) == E3TP_AT_EDGE) {
        e3tp_segment_scatter(s, g, kept, bytes, s->call->out[k]);
        return;
    }
    const bool typed = place_of(s, k) == E3TP_AT_TYPE;
    for (size_t i = 0; i < (is_one_row(s, k) ? 1 : g->n); i++)
        add_to_sum(s, k, to->sum[k], typed ? (size_t)s->call->edge_type[edge[i]] : 0,
                   kept + i * bytes);
}

/* Rows of edges; those of receivers are scaled when they are complete. */
static void scale_results(const e3tp_sweep *s, const e3tp_segment *g, char *z)
{
    const e3tp_conv_job *job = s->call->job;
    if (s->wanted[OP_Z] && place_of(s, OP_Z) == E3TP_AT_EDGE && job->scale != 1.0)
        e3tp_sum_scale(s->element, job->scale, z, z, g->n * job->width[OP_Z]);
}

static void set_operands(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                         char *scratch, e3tp_block_call *q)
{
    const e3tp_conv_job *job = s->call->job;
    for (int k = 0; k < OP_Z; k++)
        if (job->width[k] && !e3tp_sweep_makes(s, k))
            set_operand(s, g, k, scratch, q);
    e3tp_made_operands(s, g, to, scratch, q);
    q->stride[OP_Z] = is_one_row(s, OP_Z) ? 0 : (ptrdiff_t)job->width[OP_Z];
    if (s->pass == E3TP_BACKWARD || s->pass == E3TP_DOUBLE_BACKWARD)
        set_cotangent(s, g, scratch, q);
}

/* The first derivatives that second ones of what is made take. */
static void run_again(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                      char *scratch, e3tp_block_call q)
{
    q.pass = E3TP_BACKWARD;
    for (int k = 0; k < OP_COUNT; k++) {
        q.t[k] = NULL;
        q.out[k] = k < OP_Z && s->again[k] ? e3tp_made_gradient(s, g, to, scratch, k, true) : NULL;
    }
    e3tp_block_run(&q, scratch + s->block);
}

/* The gradient of y that is not made is the one of vectors. */
static void run_rotated(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                        const e3tp_block_call *q, char *scratch)
{
    const e3tp_rotated *p = s->call->job->rotated;
    const e3tp_rotated_call c = {
        q, scratch + s->made.v, s->call->t[OP_V] ? scratch + s->made.tv : NULL,
        s->wanted[OP_V] ? scratch + s->made.gv[0] : NULL,
        s->again[OP_W] ? e3tp_made_gradient(s, g, to, scratch, OP_W, true) : NULL};
    p->kernels->run(p, &c, scratch + s->block);
}

void e3tp_segment_run(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                      char *scratch)
{
    e3tp_block_call q = {.executor = &s->call->job->executor,
                         .pass = s->pass,
                         .n = g->n,
                         .gw_past = s->w_past && is_in_order(s, OP_W) && s->wanted[OP_W],
                         .w_streams = s->w_far && !has_own_weights(s),
                         .more = later_places(s, g)};
    set_operands(s, g, to, scratch, &q);
    for (int k = 0; k < OP_COUNT; k++)
        q.out[k] = result_at(s, g, k, to, scratch);
    if (s->rotated)
        run_rotated(s, g, to, &q, scratch);
    else
        e3tp_block_run(&q, scratch + s->block);
    if (!s->rotated && (s->again[OP_Y] || s->again[OP_W]))
        run_again(s, g, to, scratch, q);
    if (s->call->edge_reversed && s->wanted[OP_Y])
        turn_rows(s, g, q.out[OP_Y]);
    scale_results(s, g, q.out[OP_Z]);
    e3tp_made_results(s, g, to, scratch);
    for (int k = 0; k < OP_COUNT; k++)
        if (s->wanted[k] && is_kept(s, k))
            deliver(s, g, k, to, scratch);
}

void e3tp_segments_run(const e3tp_sweep *s, size_t receiver, size_t from, size_t end,
                       const e3tp_sinks *to, char *scratch)
{
    for (size_t place = from; place < end; place += s->rows) {
        const size_t left = end - place;
        const e3tp_segment g = {receiver, place, left < s->rows ? left : s->rows};
        e3tp_segment_run(s, &g, to, scratch);
    }
}
