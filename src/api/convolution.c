/* SPDX-License-Identifier: MIT */
/* Entry points of the convolution: checks arguments, calls down. */
#include <math.h>

#include "api/objects.h"
#include "conv/conv.h"
#include "core/checked.h"

struct e3tp_conv {
    const e3tp_plan *plan;
    e3tp_place at[OP_COUNT];
    double scale;
    bool w_half;
};

/* ---- creation ---- */

static const char *const place_names[] = {"the edge", "the sender", "the receiver", "the type",
                                          "one row for all"};

static e3tp_status check_places(const e3tp_plan *plan, const e3tp_place at[OP_COUNT],
                                e3tp_message *m)
{
    static const char *const names[OP_COUNT] = {"x", "y", "w", "z"};
    const e3tp_weights weights = plan->problem->weights;
    for (int k = 0; k < OP_COUNT; k++)
        if (at[k] < E3TP_AT_EDGE || at[k] > E3TP_AT_SHARED)
            return e3tp_fail(m, E3TP_E_INVALID, "%s: there is no place %d", names[k], (int)at[k]);
    if (weights != E3TP_WEIGHTS_NONE &&
        (weights == E3TP_WEIGHTS_SHARED) != (at[OP_W] == E3TP_AT_SHARED))
        return e3tp_fail(m, E3TP_E_INVALID, "w: its place is %s, but the plan's weights are %s",
                         place_names[at[OP_W]],
                         weights == E3TP_WEIGHTS_SHARED ? "shared" : "by row");
    if (at[OP_Z] != E3TP_AT_EDGE && at[OP_Z] != E3TP_AT_RECEIVER)
        return e3tp_fail(m, E3TP_E_INVALID, "z: its place is %s, expected the receiver or the edge",
                         place_names[at[OP_Z]]);
    return E3TP_OK;
}

static e3tp_status check_desc(const e3tp_plan *plan, const e3tp_conv_desc *d, e3tp_message *m)
{
    if (d->size != sizeof *d)
        return e3tp_fail(m, E3TP_E_INVALID,
                         "description: size is %zu, expected %zu (e3tp_conv_desc_init sets it)",
                         d->size, sizeof *d);
    if (!isfinite(d->scale))
        return e3tp_fail(m, E3TP_E_INVALID, "scale: %g, expected a finite number", d->scale);
    if (d->w_stored != E3TP_STORED_WHOLE && d->w_stored != E3TP_STORED_BF16)
        return e3tp_fail(m, E3TP_E_INVALID, "w_stored: there is no form %d", (int)d->w_stored);
    if (d->w_stored == E3TP_STORED_BF16 && plan->problem->dtype != E3TP_F32)
        return e3tp_fail(m, E3TP_E_INVALID,
                         "w_stored: bfloat16 is half of a float32, but the plan's type is float64");
    for (int k = 0; k < 3; k++)
        if (plan->problem->layout[k] == E3TP_BATCH_LAST)
            return e3tp_fail(m, E3TP_E_UNSUPPORTED,
                             "a convolution gathers rows: layout BATCH_LAST has none");
    return E3TP_OK;
}

static e3tp_status create(e3tp_conv **out, const e3tp_plan *plan, const e3tp_conv_desc *given,
                          e3tp_message *m)
{
    if (!out)
        return e3tp_fail(m, E3TP_E_INVALID, "out is NULL");
    if (!plan)
        return e3tp_fail(m, E3TP_E_INVALID, "the plan is NULL");
    const e3tp_conv_desc d = given ? *given : e3tp_conv_desc_init(plan);
    E3TP_TRY(check_desc(plan, &d, m));
    const e3tp_conv own = {plan, {d.x, d.y, d.w, d.z}, d.scale, d.w_stored == E3TP_STORED_BF16};
    E3TP_TRY(check_places(plan, own.at, m));
    e3tp_conv *c = e3tp_alloc(&plan->allocator, 1, sizeof *c);
    if (!c)
        return e3tp_fail(m, E3TP_E_NOMEM, "no memory for the convolution");
    *c = own;
    *out = c;
    return E3TP_OK;
}

e3tp_status e3tp_conv_create(e3tp_conv **out, const e3tp_plan *plan, const e3tp_conv_desc *d,
                             char *msg, size_t cap)
{
    e3tp_message m = {""};
    if (out)
        *out = NULL;
    const e3tp_status s = create(out, plan, d, &m);
    e3tp_message_copy(&m, msg, cap);
    return s;
}

void e3tp_conv_destroy(e3tp_conv *c)
{
    if (c)
        e3tp_free(&c->plan->allocator, c);
}

/* ---- calls ---- */

static e3tp_conv_job job_of(const e3tp_conv *c)
{
    const e3tp_plan *p = c->plan;
    e3tp_conv_job j = {.executor = e3tp_plan_executor(p),
                       .parallel = &p->parallel,
                       .allocator = &p->allocator,
                       .scale = c->scale,
                       .w_half = c->w_half,
                       .wide = p->wide,
                       .width = {p->problem->dim[0], p->problem->dim[1], e3tp_plan_width(p, E3TP_W),
                                 p->problem->dim[2]}};
    for (int k = 0; k < OP_COUNT; k++)
        j.at[k] = c->at[k];
    return j;
}

static e3tp_conv_call call_of(const e3tp_conv_job *job, const e3tp_graph *g, e3tp_pass pass,
                              const e3tp_conv_buffers *b)
{
    const bool second = pass == E3TP_DOUBLE_BACKWARD, back = second || pass == E3TP_BACKWARD;
    e3tp_conv_call c = {.job = job,
                        .graph = g,
                        .pass = pass,
                        .in = {b->x, b->y, b->w, back ? b->gz : NULL},
                        .edge_type = b->edge_type,
                        .num_types = b->num_types,
                        .make_weights = b->make_weights,
                        .make_weights_ctx = b->make_weights_ctx};
    if (second || pass == E3TP_JVP)
        c.t[OP_X] = b->ggx, c.t[OP_Y] = b->ggy, c.t[OP_W] = b->ggw;
    if (pass == E3TP_BACKWARD)
        c.out[OP_X] = b->gx, c.out[OP_Y] = b->gy, c.out[OP_W] = b->gw;
    if (second)
        c.out[OP_X] = b->hx, c.out[OP_Y] = b->hy, c.out[OP_W] = b->hw;
    if (pass != E3TP_BACKWARD)
        c.out[OP_Z] = pass == E3TP_FORWARD ? b->z : b->hz;
    return c;
}

/* Rows of operand k. */
static size_t rows_of(const e3tp_conv_call *c, int k)
{
    switch (c->job->at[k]) {
    case E3TP_AT_EDGE:
        return c->graph->num_edges;
    case E3TP_AT_SENDER:
        return c->graph->num_senders;
    case E3TP_AT_RECEIVER:
        return c->graph->num_nodes;
    case E3TP_AT_TYPE:
        return c->num_types;
    default:
        return 1;
    }
}

static e3tp_status check_types(const e3tp_conv_call *c, e3tp_message *m)
{
    bool typed = false;
    for (int k = 0; k < OP_Z; k++)
        typed = typed || (c->job->at[k] == E3TP_AT_TYPE && c->job->width[k]);
    if (!typed)
        return E3TP_OK;
    if (!c->edge_type && c->graph->num_edges)
        return e3tp_fail(m, E3TP_E_INVALID, "edge_type is NULL, but an operand lives at the type");
    for (size_t e = 0; e < c->graph->num_edges; e++)
        if (c->edge_type[e] < 0 || (size_t)c->edge_type[e] >= c->num_types)
            return e3tp_fail(m, E3TP_E_INVALID, "edge_type[%zu]: %d is outside the %zu types", e,
                             c->edge_type[e], c->num_types);
    return E3TP_OK;
}

/* Whether a pass reads operand k. */
static bool is_read(const e3tp_conv_call *c, int k)
{
    const bool back = c->pass == E3TP_BACKWARD || c->pass == E3TP_DOUBLE_BACKWARD;
    return k == OP_Z ? back : !(k == OP_W && c->make_weights);
}

static e3tp_status check_arrays(const e3tp_conv_call *c, size_t bytes[OP_COUNT], e3tp_message *m)
{
    const size_t es = e3tp_dtype_size(c->job->executor.problem->dtype);
    const bool needs_z = c->pass == E3TP_FORWARD || c->pass == E3TP_JVP;
    for (int k = 0; k < OP_COUNT; k++) {
        const char *name = k == OP_Z ? "z" : e3tp_op_in_name[k];
        if (!e3tp_mul_size(rows_of(c, k), c->job->width[k], &bytes[k]) ||
            !e3tp_mul_size(bytes[k], es, &bytes[k]) || bytes[k] > PTRDIFF_MAX)
            return e3tp_fail(m, E3TP_E_INVALID, "%s: %zu rows of %zu elements overflow", name,
                             rows_of(c, k), c->job->width[k]);
        if (is_read(c, k) && bytes[k] && !c->in[k] && c->graph->num_edges)
            return e3tp_fail(m, E3TP_E_INVALID, "%s is NULL", e3tp_op_in_name[k]);
    }
    if (needs_z && bytes[OP_Z] && !c->out[OP_Z])
        return e3tp_fail(m, E3TP_E_INVALID, "%s is NULL", e3tp_op_out_name[c->pass][OP_Z]);
    return E3TP_OK;
}

static e3tp_status check_overlap(const e3tp_conv_call *c, const size_t bytes[OP_COUNT],
                                 e3tp_message *m)
{
    const char *const *names = e3tp_op_out_name[c->pass];
    for (int k = 0; k < OP_COUNT; k++)
        for (int j = 0; j < OP_COUNT; j++) {
            const size_t held = bytes[j] / (j == OP_W && c->job->w_half ? 2 : 1);
            const bool in = e3tp_overlap(c->out[k], bytes[k], c->in[j], held);
            if (in || e3tp_overlap(c->out[k], bytes[k], c->t[j], bytes[j]))
                return e3tp_fail(m, E3TP_E_INVALID, "%s overlaps %s", names[k],
                                 in ? e3tp_op_in_name[j] : e3tp_op_tangent_name[j]);
            if (j < k && e3tp_overlap(c->out[k], bytes[k], c->out[j], bytes[j]))
                return e3tp_fail(m, E3TP_E_INVALID, "%s overlaps %s", names[k], names[j]);
        }
    return E3TP_OK;
}

static e3tp_status check_call(const e3tp_conv_call *c, e3tp_message *m)
{
    const e3tp_weights weights = c->job->executor.problem->weights;
    size_t bytes[OP_COUNT];
    if (c->make_weights && (weights != E3TP_WEIGHTS_ROW || c->job->at[OP_W] != E3TP_AT_EDGE))
        return e3tp_fail(m, E3TP_E_INVALID,
                         "make_weights makes a row per edge, but the plan's weights are %s",
                         weights == E3TP_WEIGHTS_SHARED ? "shared"
                         : weights == E3TP_WEIGHTS_NONE ? "none"
                                                        : "elsewhere");
    E3TP_TRY(check_types(c, m));
    E3TP_TRY(check_arrays(c, bytes, m));
    return check_overlap(c, bytes, m);
}

static e3tp_status check(const e3tp_conv *c, e3tp_pass pass, const e3tp_graph *g,
                         const e3tp_conv_buffers *b, e3tp_conv_job *job, e3tp_conv_call *call,
                         e3tp_message *m)
{
    if (!c)
        return e3tp_fail(m, E3TP_E_INVALID, "the convolution is NULL");
    if (!g)
        return e3tp_fail(m, E3TP_E_INVALID, "the graph is NULL");
    if (!b)
        return e3tp_fail(m, E3TP_E_INVALID, "the buffers are NULL");
    if (b->size != sizeof *b)
        return e3tp_fail(m, E3TP_E_INVALID,
                         "buffers: size is %zu, expected %zu (e3tp_conv_buffers_init sets it)",
                         b->size, sizeof *b);
    if (pass < E3TP_FORWARD || pass > E3TP_JVP)
        return e3tp_fail(m, E3TP_E_INVALID, "there is no pass %d", (int)pass);
    E3TP_TRY(e3tp_block_serves(c->plan->problem, pass, m));
    *job = job_of(c);
    *call = call_of(job, g, pass, b);
    return check_call(call, m);
}

e3tp_status e3tp_conv_buffers_check(const e3tp_conv *c, e3tp_pass pass, const e3tp_graph *g,
                                    const e3tp_conv_buffers *b, char *msg, size_t cap)
{
    e3tp_conv_job job;
    e3tp_conv_call call;
    e3tp_message m = {""};
    const e3tp_status s = check(c, pass, g, b, &job, &call, &m);
    e3tp_message_copy(&m, msg, cap);
    return s;
}

static e3tp_status run(const e3tp_conv *c, e3tp_pass pass, const e3tp_graph *g,
                       const e3tp_conv_buffers *b)
{
    e3tp_conv_job job;
    e3tp_conv_call call;
    E3TP_TRY(check(c, pass, g, b, &job, &call, NULL));
    return e3tp_conv_run(&call);
}

e3tp_status e3tp_conv_forward(const e3tp_conv *c, const e3tp_graph *g, const e3tp_conv_buffers *b)
{
    return run(c, E3TP_FORWARD, g, b);
}

e3tp_status e3tp_conv_backward(const e3tp_conv *c, const e3tp_graph *g, const e3tp_conv_buffers *b)
{
    return run(c, E3TP_BACKWARD, g, b);
}

e3tp_status e3tp_conv_double_backward(const e3tp_conv *c, const e3tp_graph *g,
                                      const e3tp_conv_buffers *b)
{
    return run(c, E3TP_DOUBLE_BACKWARD, g, b);
}

e3tp_status e3tp_conv_jvp(const e3tp_conv *c, const e3tp_graph *g, const e3tp_conv_buffers *b)
{
    return run(c, E3TP_JVP, g, b);
}
