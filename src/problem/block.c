/* SPDX-License-Identifier: MIT */
/* Passes composed of forward and backward passes. A product is linear in x, in y, and in w (of a
   product of signals in each kind of its factors): Z(x, y, w). With tangents t of the arguments

     JVP  hz = sum over arguments a of Z with t_a in place of a,

   and as sum(ggx gx + ggy gy + ggw gw) = sum(gz hz), its gradient by an argument b is the sum over
   the other arguments a of the gradients by b of sum(gz Z with t_a in place of a): one backward
   pass for each a. Where some paths have no weights, Z is linear in w but for their part, which is
   Z with w = 0 and is subtracted. */
#include "problem/block.h"

#include <string.h>

#include "core/checked.h"
#include "core/sums.h"

const char *const e3tp_op_in_name[OP_COUNT] = {"x", "y", "w", "gz"};
const char *const e3tp_op_tangent_name[OP_COUNT] = {"ggx", "ggy", "ggw", ""};
const char *const e3tp_op_out_name[][OP_COUNT] = {[E3TP_FORWARD] = {"", "", "", "z"},
                                                  [E3TP_BACKWARD] = {"gx", "gy", "gw", ""},
                                                  [E3TP_DOUBLE_BACKWARD] = {"hx", "hy", "hw", "hz"},
                                                  [E3TP_JVP] = {"", "", "", "hz"}};

/* Where an argument's elements lie in its rows: all of a row, or one kind of factors of w. */
typedef struct argument {
    int operand;
    size_t first, count;
} argument;

enum { MOST_ARGUMENTS = 5 };

static size_t arguments_of(const e3tp_executor *p, argument a[MOST_ARGUMENTS])
{
    const e3tp_problem *q = p->problem;
    size_t n = 0, at = 0;
    a[n++] = (argument){OP_X, 0, e3tp_op_width(p, OP_X)};
    a[n++] = (argument){OP_Y, 0, e3tp_op_width(p, OP_Y)};
    if (!q->factor_weights && q->weight_numel)
        a[n++] = (argument){OP_W, 0, e3tp_op_width(p, OP_W)};
    for (int k = 0; k < 3 && q->factor_weights; k++) {
        const size_t next = e3tp_problem_factors(q, 0, k + 1);
        if (next > at) /* kinds are told apart by where they begin */
            a[n++] = (argument){OP_W, at, next - at};
        at = next;
    }
    return n;
}

/* ---- rows in scratch, one after the other ---- */

typedef struct stack {
    char *at;
    size_t element; /* bytes */
} stack;

static void *take(stack *s, size_t elements)
{
    void *p = s->at;
    s->at += e3tp_round_up(elements * s->element, 64);
    return p;
}

static ptrdiff_t packed_stride(const e3tp_block_call *c, int k)
{
    return (ptrdiff_t)(e3tp_op_batch_last(c->executor, k) ? c->n : e3tp_op_width(c->executor, k));
}

/* ---- one weight for each path ---- */

#define BY_PATH(type)                                                                            \
    /* A row of the problem's weights from one with a weight for each path, and back by sums. */ \
    static void spread_##type(const e3tp_problem *p, const type *from, type *to)                 \
    {                                                                                            \
        for (size_t i = 0; i < p->npaths; i++)                                                   \
            if (p->paths[i].has_weight) {                                                        \
                for (size_t q = 0; q < p->paths[i].w_count; q++)                                 \
                    to[p->paths[i].w_offset + q] = *from;                                        \
                from++;                                                                          \
            }                                                                                    \
    }                                                                                            \
    static void collect_##type(const e3tp_problem *p, type *row)                                 \
    {                                                                                            \
        type *to = row;                                                                          \
        for (size_t i = 0; i < p->npaths; i++)                                                   \
            if (p->paths[i].has_weight) {                                                        \
                type sum = 0;                                                                    \
                for (size_t q = 0; q < p->paths[i].w_count; q++)                                 \
                    sum += row[p->paths[i].w_offset + q];                                        \
                *to++ = sum;                                                                     \
            }                                                                                    \
    }
BY_PATH(float)
BY_PATH(double)

static void spread_row(const e3tp_executor *p, const void *from, void *to)
{
    if (p->problem->dtype == E3TP_F64)
        spread_double(p->problem, from, to);
    else
        spread_float(p->problem, from, to);
}

/* In place: a path's sum comes to a place that was read before. */
static void collect_row(const e3tp_executor *p, void *row)
{
    if (p->problem->dtype == E3TP_F64)
        collect_double(p->problem, row);
    else
        collect_float(p->problem, row);
}

/* The row of operand k that serves row r. */
static size_t row_of(const e3tp_block_call *c, int k, size_t r)
{
    if (k == OP_W && c->index)
        return (size_t)c->index[r];
    return k < OP_Z && c->rows[k] ? (size_t)c->rows[k][r] : r;
}

static bool is_gathered(const e3tp_block_call *c, int k)
{
    return (k == OP_W && c->index) || (k < OP_Z && c->rows[k]);
}

static void *spread_weights(const e3tp_block_call *c, const char *from, stack *s)
{
    const size_t width = e3tp_op_width(c->executor, OP_W), rows = c->stride[OP_W] ? c->n : 1;
    char *to = take(s, rows * width);
    for (size_t r = 0; r < rows; r++)
        spread_row(c->executor, from + row_of(c, OP_W, r) * (size_t)c->stride[OP_W] * s->element,
                   to + r * width * s->element);
    return to;
}

/* ---- */

static void copy_rows(const e3tp_block_call *c, int k, const char *from, char *to, size_t element)
{
    const size_t width = e3tp_op_width(c->executor, k), s = (size_t)c->stride[k] * element;
    const bool last = e3tp_op_batch_last(c->executor, k);
    const size_t rows = last ? width : c->n, bytes = (last ? c->n : width) * element;
    for (size_t r = 0; r < rows; r++)
        memcpy(to + r * bytes, from + (last ? r : row_of(c, k, r)) * s, bytes);
}

/* An operand of n rows with nothing between them; one row for all stays as it is. */
static const void *stage(const e3tp_block_call *c, int k, const void *from, stack *s)
{
    if (from && k == OP_W && e3tp_spreads_weights(c->executor))
        return spread_weights(c, from, s);
    const bool as_it_is =
        c->stride[k] == 0 || (c->stride[k] == packed_stride(c, k) && !is_gathered(c, k));
    if (!from || as_it_is)
        return from;
    void *to = take(s, c->n * e3tp_op_width(c->executor, k));
    copy_rows(c, k, from, to, s->element);
    return to;
}

typedef enum how { STORE, ADD, SUBTRACT } how;

static void combine(const e3tp_executor *p, char *to, const char *from, size_t n, how h)
{
    const size_t element = e3tp_dtype_size(p->problem->dtype);
    if (h == STORE)
        memcpy(to, from, n * element);
    else if (h == ADD)
        e3tp_sum_add(element, to, from, n);
    else
        e3tp_sum_subtract(element, to, from, n);
}

/* Brings an argument's part of packed rows to the caller's; rows of a table are added to. Weights
   by path are summed in `from`. */
static void deliver_rows(const e3tp_block_call *c, argument a, char *from, how h)
{
    const size_t element = e3tp_dtype_size(c->executor->problem->dtype);
    const size_t width = e3tp_op_width(c->executor, a.operand);
    const size_t s = (size_t)c->stride[a.operand] * element;
    char *to = c->out[a.operand];
    if (s > 0 && e3tp_op_batch_last(c->executor, a.operand)) {
        for (size_t i = 0; i < width; i++)
            combine(c->executor, to + i * s, from + i * c->n * element, c->n, h);
        return;
    }
    for (size_t r = 0; r < (s ? c->n : 1); r++) {
        const bool picked = a.operand == OP_W && c->index;
        if (a.operand == OP_W && e3tp_spreads_weights(c->executor)) {
            collect_row(c->executor, from + r * width * element);
            a.count = e3tp_problem_weighted_paths(c->executor->problem);
        }
        combine(c->executor, to + (picked ? (size_t)c->index[r] : r) * s + a.first * element,
                from + (r * width + a.first) * element, a.count, picked && h == STORE ? ADD : h);
    }
}

/* ---- weights from a table, or by path ---- */

static e3tp_rows rows_of(const e3tp_block_call *c)
{
    return (e3tp_rows){.n = c->n,
                       .x = c->in[OP_X],
                       .y = c->in[OP_Y],
                       .w = c->in[OP_W],
                       .gz = c->in[OP_Z],
                       .z = c->out[OP_Z],
                       .gx = c->out[OP_X],
                       .gy = c->out[OP_Y],
                       .gw = c->out[OP_W],
                       .sx = c->stride[OP_X],
                       .sy = c->stride[OP_Y],
                       .sw = c->stride[OP_W],
                       .sz = c->stride[OP_Z],
                       .ix = c->rows[OP_X],
                       .iy = c->rows[OP_Y],
                       .iw = c->rows[OP_W],
                       .past = c->past,
                       .gw_past = c->gw_past,
                       .ahead = c->ahead,
                       .w_streams = c->w_streams,
                       .more = c->more,
                       .w_source = c->w_source,
                       .w_source_row = c->w_source_row};
}

/* Whether the backend can not read the caller's weights as they lie. */
static bool has_staged_weights(const e3tp_block_call *c)
{
    return c->index || e3tp_spreads_weights(c->executor);
}

static void stage_weights(const e3tp_block_call *c, stack *s, e3tp_rows *r)
{
    const size_t width = e3tp_op_width(c->executor, OP_W), rows = c->stride[OP_W] ? c->n : 1;
    r->w = stage(c, OP_W, c->in[OP_W], s);
    r->sw = c->stride[OP_W] ? (ptrdiff_t)width : 0;
    r->iw = NULL;
    r->gw = c->out[OP_W] ? take(s, rows * width) : NULL;
    if (r->gw && !r->sw)
        memset(r->gw, 0, width * s->element);
}

static void deliver_weights(const e3tp_block_call *c, const e3tp_rows *r)
{
    const argument all = {OP_W, 0, e3tp_op_width(c->executor, OP_W)};
    if (r->gw)
        deliver_rows(c, all, r->gw, r->sw && !c->index ? STORE : ADD);
}

static void run_by_backend(const e3tp_block_call *c, stack *s, void *scratch)
{
    const e3tp_executor *p = c->executor;
    e3tp_rows r = rows_of(c);
    e3tp_tangents t = {c->t[OP_X], c->t[OP_Y], c->t[OP_W]};
    if (has_staged_weights(c)) {
        stage_weights(c, s, &r);
        r.gw_past = r.w_streams = false; /* they go to and come from scratch */
        t.w = stage(c, OP_W, t.w, s);
    }
    if (e3tp_is_second_order(c->pass))
        p->backend->run_second(p->state, &r, &t, scratch);
    else
        p->backend->run(p->state, c->pass, &r, scratch);
    if (has_staged_weights(c))
        deliver_weights(c, &r);
}

/* ---- second order composed: of products linear in each operand ---- */

typedef struct second {
    const e3tp_block_call *c;
    const void *in[OP_COUNT], *t[OP_COUNT]; /* staged */
    void *part[OP_COUNT];                   /* a pass's results, packed */
    void *mixed;                            /* w with one kind of factors replaced; one row of 0 */
    bool begun[OP_COUNT][3];                /* something is in the result; [kind of factors] */
    argument a[MOST_ARGUMENTS];
    size_t arguments;
    void *scratch;
} second;

/* One row serves all: the backend adds to it, and the gradient of an operand is one row. */
static bool is_one_row(const e3tp_block_call *c, int k)
{
    return c->stride[k] == 0;
}

static size_t rows_held(const e3tp_block_call *c, int k)
{
    return is_one_row(c, k) ? 1 : c->n;
}

/* w with the elements of argument a from its tangent. */
static const void *mix_weights(second *q, argument a)
{
    const e3tp_block_call *c = q->c;
    const size_t es = e3tp_dtype_size(c->executor->problem->dtype),
                 width = e3tp_op_width(c->executor, OP_W), rows = rows_held(c, OP_W);
    memcpy(q->mixed, q->in[OP_W], rows * width * es);
    for (size_t r = 0; r < rows; r++)
        memcpy((char *)q->mixed + (r * width + a.first) * es,
               (const char *)q->t[OP_W] + (r * width + a.first) * es, a.count * es);
    return q->mixed;
}

static ptrdiff_t staged_stride(const e3tp_block_call *c, int k)
{
    return is_one_row(c, k) ? 0 : packed_stride(c, k);
}

/* What stands in place of an argument. */
typedef enum replacement { TANGENT, NOTHING } replacement;

/* The product with the tangent of argument `a`, or with 0, in its place. */
static e3tp_rows rows_with(second *q, argument a, replacement by)
{
    const e3tp_block_call *c = q->c;
    e3tp_rows r = {.n = c->n,
                   .x = q->in[OP_X],
                   .y = q->in[OP_Y],
                   .w = q->in[OP_W],
                   .gz = q->in[OP_Z],
                   .sx = staged_stride(c, OP_X),
                   .sy = staged_stride(c, OP_Y),
                   .sw = staged_stride(c, OP_W),
                   .sz = staged_stride(c, OP_Z)};
    if (by == NOTHING) {
        memset(q->mixed, 0,
               e3tp_op_width(c->executor, OP_W) * e3tp_dtype_size(c->executor->problem->dtype));
        r.w = q->mixed;
        r.sw = 0;
    } else if (a.operand == OP_X)
        r.x = q->t[OP_X];
    else if (a.operand == OP_Y)
        r.y = q->t[OP_Y];
    else if (a.count == e3tp_op_width(c->executor, OP_W))
        r.w = q->t[OP_W];
    else
        r.w = mix_weights(q, a);
    return r;
}

static int kind_of(const second *q, argument a)
{
    int kind = 0;
    while (a.operand == OP_W && q->a[2 + kind].first != a.first)
        kind++;
    return kind;
}

static void deliver(second *q, argument a, replacement by)
{
    bool *begun = &q->begun[a.operand][kind_of(q, a)];
    const bool stores = !*begun && !is_one_row(q->c, a.operand);
    deliver_rows(q->c, a, q->part[a.operand], by == NOTHING ? SUBTRACT : stores ? STORE : ADD);
    *begun = true;
}

static void forward_term(second *q, argument a, replacement by)
{
    const e3tp_executor *p = q->c->executor;
    e3tp_rows r = rows_with(q, a, by);
    r.gz = NULL;
    r.z = q->part[OP_Z];
    if (is_one_row(q->c, OP_Z))
        memset(r.z, 0, e3tp_op_width(p, OP_Z) * e3tp_dtype_size(p->problem->dtype));
    p->backend->run(p->state, E3TP_FORWARD, &r, q->scratch);
    deliver(q, (argument){OP_Z, 0, e3tp_op_width(p, OP_Z)}, by);
}

/* Gradients by every argument but `a`. */
static void backward_term(second *q, argument a, replacement by)
{
    const e3tp_block_call *c = q->c;
    const e3tp_executor *p = c->executor;
    void *to[OP_COUNT] = {NULL};
    for (size_t i = 0; i < q->arguments; i++) {
        const int k = q->a[i].operand;
        if (c->out[k] && (k != a.operand || q->a[i].first != a.first))
            to[k] = q->part[k];
    }
    for (int k = 0; k < OP_Z; k++)
        if (to[k] && is_one_row(c, k))
            memset(to[k], 0, e3tp_op_width(p, k) * e3tp_dtype_size(p->problem->dtype));
    if (!to[OP_X] && !to[OP_Y] && !to[OP_W])
        return;
    e3tp_rows r = rows_with(q, a, by);
    r.gx = to[OP_X], r.gy = to[OP_Y], r.gw = to[OP_W];
    p->backend->run(p->state, E3TP_BACKWARD, &r, q->scratch);
    for (size_t i = 0; i < q->arguments; i++)
        if (to[q->a[i].operand] && (q->a[i].operand != a.operand || q->a[i].first != a.first))
            deliver(q, q->a[i], by);
}

static bool has_unweighted(const e3tp_problem *p)
{
    bool has = false;
    for (size_t i = 0; i < p->npaths && !p->factor_weights; i++)
        has = has || !p->paths[i].has_weight;
    return has;
}

static void run_term(second *q, argument a, replacement by)
{
    if (q->c->out[OP_Z])
        forward_term(q, a, by);
    if (q->c->pass == E3TP_DOUBLE_BACKWARD)
        backward_term(q, a, by);
}

/* Results to which no term came. */
static void clear_rest(second *q)
{
    const e3tp_block_call *c = q->c;
    argument z = {OP_Z, 0, e3tp_op_width(c->executor, OP_Z)};
    for (size_t i = 0; i <= q->arguments; i++) {
        const argument a = i < q->arguments ? q->a[i] : z;
        const bool wanted = c->out[a.operand] && !is_one_row(c, a.operand);
        if (!wanted || q->begun[a.operand][kind_of(q, a)] || (a.operand == OP_W && c->index))
            continue;
        const size_t es = e3tp_dtype_size(c->executor->problem->dtype);
        memset(q->part[a.operand], 0, c->n * e3tp_op_width(c->executor, a.operand) * es);
        deliver_rows(c, a, q->part[a.operand], STORE);
    }
}

static void run_composed(const e3tp_block_call *c, stack *s, void *scratch)
{
    const e3tp_executor *p = c->executor;
    second q = {.c = c, .scratch = scratch};
    q.arguments = arguments_of(p, q.a);
    for (int k = 0; k < OP_COUNT; k++) {
        q.in[k] = stage(c, k, c->in[k], s);
        q.t[k] = stage(c, k, c->t[k], s);
        q.part[k] = c->out[k] ? take(s, rows_held(c, k) * e3tp_op_width(p, k)) : NULL;
    }
    q.mixed = take(s, rows_held(c, OP_W) * e3tp_op_width(p, OP_W));
    for (size_t i = 0; i < q.arguments; i++) {
        if (!q.t[q.a[i].operand])
            continue;
        run_term(&q, q.a[i], TANGENT);
        if (q.a[i].operand == OP_W && has_unweighted(p->problem))
            run_term(&q, q.a[i], NOTHING);
    }
    clear_rest(&q);
}

/* ---- */

static bool is_composed(const e3tp_executor *p, e3tp_pass pass)
{
    const e3tp_backend *b = p->backend;
    const bool has = b->run_second && (!b->has_second || b->has_second(p->state));
    return e3tp_is_second_order(pass) && (!has || p->problem->factor_weights);
}

static size_t backend_scratch(const e3tp_executor *p, e3tp_pass pass)
{
    const e3tp_backend *b = p->backend;
    const bool composed = is_composed(p, pass);
    const size_t first = b->scratch_bytes(p->state, composed ? E3TP_FORWARD : pass),
                 back = composed ? b->scratch_bytes(p->state, E3TP_BACKWARD) : 0;
    return e3tp_round_up(back > first ? back : first, 64);
}

size_t e3tp_block_rows(const e3tp_executor *p, e3tp_pass pass, bool sums)
{
    const e3tp_backend *b = p->backend;
    return sums && pass == E3TP_FORWARD && b->sum_rows ? b->sum_rows(p->state)
                                                       : b->block_rows(p->state, pass);
}

/* Of the most rows that a call may have. */
static size_t most_rows(const e3tp_executor *p, e3tp_pass pass)
{
    const size_t own = e3tp_block_rows(p, pass, false), summed = e3tp_block_rows(p, pass, true);
    return summed > own ? summed : own;
}

size_t e3tp_block_scratch(const e3tp_executor *p, e3tp_pass pass, bool indexed)
{
    const bool composed = is_composed(p, pass);
    const size_t rows = most_rows(p, pass), element = e3tp_dtype_size(p->problem->dtype);
    size_t bytes = backend_scratch(p, pass);
    for (int k = 0; k < OP_COUNT; k++) {
        const size_t each = e3tp_round_up(rows * e3tp_op_width(p, k) * element, 64);
        if (composed)
            bytes += (k == OP_W ? 4 : k == OP_Z ? 2 : 3) * each;
        else if ((indexed || e3tp_spreads_weights(p)) && k == OP_W)
            bytes += (e3tp_is_second_order(pass) ? 3 : 2) * each;
    }
    return bytes;
}

void e3tp_block_run(const e3tp_block_call *c, void *scratch)
{
    const e3tp_executor *p = c->executor;
    stack s = {(char *)scratch + backend_scratch(p, c->pass), e3tp_dtype_size(p->problem->dtype)};
    if (is_composed(p, c->pass))
        run_composed(c, &s, scratch);
    else
        run_by_backend(c, &s, scratch);
}
