/* SPDX-License-Identifier: MIT */
/* Entry points of the convolution: checks arguments, calls down. */
#include <math.h>

#include "api/objects.h"
#include "conv/conv.h"
#include "core/checked.h"

struct e3tp_conv {
    const e3tp_plan *plan;
    e3tp_allocator allocator; /* the plan's, which may be destroyed before */
    e3tp_place at[OP_COUNT];
    double scale;
    bool w_half;
    e3tp_maker maker;
    e3tp_rotated *rotated; /* NULL: the general form, */
    e3tp_message why;      /* and why, where the other does not serve */
    double seconds;        /* of the rotated form, forward and backward */
    bool partial;          /* which alone computes this map */
    /* The same with other layouts (conv/relaid.h): the plan's problem but for those, its tables. */
    e3tp_problem problem;
    const e3tp_backend *backend; /* of the state: the plan may be destroyed before */
    void *state;
    e3tp_rotated *rotated_lines;
    e3tp_conv_lines lines;
    bool has_lines;
};

/* ---- creation ---- */

static const char *const place_names[] = {"the edge", "the sender", "the receiver", "the type",
                                          "one row for all"};

/* A table of which weights are made serves all edges, or those of a type. */
static e3tp_status check_weights(e3tp_weights weights, e3tp_place at, bool made, e3tp_message *m)
{
    if (made && at != E3TP_AT_TYPE && at != E3TP_AT_SHARED)
        return e3tp_fail(
            m, E3TP_E_INVALID,
            "w: its place is %s, but a table that makes weights is shared or the type's",
            place_names[at]);
    if (!made && weights != E3TP_WEIGHTS_NONE &&
        (weights == E3TP_WEIGHTS_SHARED) != (at == E3TP_AT_SHARED))
        return e3tp_fail(m, E3TP_E_INVALID, "w: its place is %s, but the plan's weights are %s",
                         place_names[at], weights == E3TP_WEIGHTS_SHARED ? "shared" : "by row");
    return E3TP_OK;
}

static e3tp_status check_places(const e3tp_plan *plan, const e3tp_place at[OP_COUNT], bool made,
                                e3tp_message *m)
{
    static const char *const names[OP_COUNT] = {"x", "y", "w", "z"};
    for (int k = 0; k < OP_COUNT; k++)
        if (at[k] < E3TP_AT_EDGE || at[k] > E3TP_AT_SHARED)
            return e3tp_fail(m, E3TP_E_INVALID, "%s: there is no place %d", names[k], (int)at[k]);
    E3TP_TRY(check_weights(plan->problem->weights, at[OP_W], made, m));
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
    if (d->m_max < -1)
        return e3tp_fail(m, E3TP_E_INVALID, "m_max: %d, expected an order, or -1 for all",
                         d->m_max);
    if (d->form < E3TP_CONV_AUTO || d->form > E3TP_CONV_ROTATED)
        return e3tp_fail(m, E3TP_E_INVALID, "form: there is none of number %d", (int)d->form);
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

static e3tp_status check_fit(const char *what, e3tp_dtype dtype, size_t width, e3tp_dtype as,
                             size_t expected, e3tp_message *m)
{
    if (dtype != as)
        return e3tp_fail(m, E3TP_E_INVALID, "%s: its type is not the plan's", what);
    if (width != expected)
        return e3tp_fail(m, E3TP_E_INVALID, "%s: its width is %zu, expected %zu as of the plan's",
                         what, width, expected);
    return E3TP_OK;
}

/* Whether each copy of a block of y, row by row, is that degree of the harmonics. */
static bool has_degrees(const e3tp_problem *p, const e3tp_sh *sh)
{
    for (size_t i = 0; i < p->nblocks[1]; i++) {
        const e3tp_block *b = &p->blocks[1][i];
        const size_t n = 2 * (size_t)b->l + 1, by_copy = p->layout[1] == E3TP_MUL_IR ? n : 1,
                     by_order = p->layout[1] == E3TP_MUL_IR ? 1 : b->mul;
        for (size_t u = 0; u < b->mul; u++)
            for (size_t k = 0; k < n; k++)
                if (sh->map.line[b->offset + u * by_copy + k * by_order] != b->l * b->l + (int)k)
                    return false;
    }
    return true;
}

static e3tp_status check_harmonics(const e3tp_plan *plan, const e3tp_conv_desc *d, e3tp_message *m)
{
    if (!d->sh)
        return E3TP_OK;
    if (d->y != E3TP_AT_EDGE)
        return e3tp_fail(m, E3TP_E_INVALID,
                         "y: its place is %s, but harmonics are made at the edge",
                         (unsigned)d->y <= E3TP_AT_SHARED ? place_names[d->y] : "unknown");
    if (d->sh->map.batch_last)
        return e3tp_fail(m, E3TP_E_INVALID, "sh: its layout is BATCH_LAST, expected rows");
    E3TP_TRY(check_fit("sh", d->sh->dtype, d->sh->map.dim, plan->problem->dtype,
                       plan->problem->dim[1], m));
    return has_degrees(plan->problem, d->sh)
               ? E3TP_OK
               : e3tp_fail(m, E3TP_E_INVALID, "sh: its degrees are not those of the plan's y");
}

static e3tp_status check_made_weights(const e3tp_plan *plan, const e3tp_conv_desc *d,
                                      e3tp_message *m)
{
    const e3tp_dtype dtype = plan->problem->dtype;
    const size_t width = e3tp_plan_width(plan, E3TP_W);
    const int ways = !!d->spline + !!d->radial + !!d->activations;
    if (ways > 1)
        return e3tp_fail(m, E3TP_E_INVALID,
                         "spline, radial, activations: %d ways to make w, expected one", ways);
    if (ways && plan->problem->weights != E3TP_WEIGHTS_ROW)
        return e3tp_fail(m, E3TP_E_INVALID, "w is made by edge, but the plan's weights are %s",
                         plan->problem->weights == E3TP_WEIGHTS_SHARED ? "shared" : "none");
    if (ways && d->w_stored != E3TP_STORED_WHOLE)
        return e3tp_fail(m, E3TP_E_INVALID, "w_stored: a table that makes w is stored whole");
    if (d->spline)
        return check_fit("spline", d->spline->map.dtype, d->spline->width, dtype, width, m);
    return d->radial ? check_fit("radial", d->radial->dtype, width, dtype, width, m) : E3TP_OK;
}

static e3tp_status check_maker(const e3tp_plan *plan, const e3tp_conv_desc *d, e3tp_message *m)
{
    E3TP_TRY(check_harmonics(plan, d, m));
    return check_made_weights(plan, d, m);
}

/* As the rotated form counts, where the method is cg: ratios within one count err less. */
static double general_seconds(const e3tp_plan *p)
{
    return p->backend->method == E3TP_METHOD_CG
               ? e3tp_rotated_general_seconds(p->problem, e3tp_plan_flops(p, E3TP_FORWARD))
               : p->needs[E3TP_FORWARD].seconds + p->needs[E3TP_BACKWARD].seconds;
}

/* The rotated form where it is asked for, or serves and is faster. */
static e3tp_status choose_form(e3tp_conv *c, e3tp_conv_form form, int m_max, e3tp_message *m)
{
    const e3tp_plan *p = c->plan;
    const bool forced = form == E3TP_CONV_ROTATED || m_max >= 0;
    if (form == E3TP_CONV_GENERAL && m_max >= 0)
        return e3tp_fail(m, E3TP_E_UNSUPPORTED,
                         "m_max: %d, but the general form couples every order", m_max);
    if (form == E3TP_CONV_GENERAL)
        return e3tp_fail(&c->why, E3TP_OK, "rotated form: another one was asked for");
    if (!e3tp_rotated_serves(p->problem, c->maker.sh, &c->why))
        return forced ? e3tp_fail(m, E3TP_E_UNSUPPORTED, "%s", c->why.text) : E3TP_OK;
    E3TP_TRY(e3tp_rotated_create(&c->rotated, p->problem, c->maker.sh, m_max, p->tier,
                                 &p->allocator, m));
    c->seconds = e3tp_rotated_seconds(c->rotated);
    c->partial = m_max >= 0;
    if (forced || c->seconds < general_seconds(p))
        return E3TP_OK;
    e3tp_rotated_destroy(c->rotated);
    c->rotated = NULL;
    return E3TP_OK;
}

/* Whether rows of operand k stand in IR_MUL for the length of a call. */
static bool changes_layout(const e3tp_conv *c, int k)
{
    const int operand = k == OP_Z ? 2 : k;
    return k != OP_W && c->plan->problem->layout[operand] == E3TP_MUL_IR &&
           c->at[k] == (k == OP_Z ? E3TP_AT_RECEIVER : E3TP_AT_SENDER);
}

static e3tp_status make_lines(e3tp_conv *c, int m_max, e3tp_message *m)
{
    const e3tp_plan *p = c->plan;
    c->problem = *p->problem;
    c->backend = p->backend;
    for (int k = 0; k < OP_COUNT; k++)
        if (changes_layout(c, k)) {
            c->problem.layout[k == OP_Z ? 2 : k] = E3TP_IR_MUL;
            c->lines.of[k] = c->has_lines = true;
        }
    if (!c->has_lines)
        return E3TP_OK;
    if (c->rotated)
        E3TP_TRY(e3tp_rotated_create(&c->rotated_lines, &c->problem, c->maker.sh, m_max, p->tier,
                                     &c->allocator, m));
    else
        E3TP_TRY(e3tp_candidate_create(&p->choice.candidate[p->choice.chosen], &c->state,
                                       &c->problem, p->tier, &c->allocator, m));
    c->lines.executor = (e3tp_executor){&c->problem, p->backend, c->state};
    c->lines.rotated = c->rotated_lines;
    c->lines.tier = p->tier;
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
    E3TP_TRY(check_maker(plan, &d, m));
    e3tp_conv own = {.plan = plan,
                     .allocator = plan->allocator,
                     .at = {d.x, d.y, d.w, d.z},
                     .scale = d.scale,
                     .w_half = d.w_stored == E3TP_STORED_BF16,
                     .maker = {d.sh, d.spline, d.radial, d.activations,
                               e3tp_expand_kernels_of(plan->problem->dtype, plan->tier)}};
    E3TP_TRY(check_places(plan, own.at, e3tp_makes_weights(&own.maker), m));
    e3tp_conv *c = e3tp_alloc(&plan->allocator, 1, sizeof *c);
    if (!c)
        return e3tp_fail(m, E3TP_E_NOMEM, "no memory for the convolution");
    *c = own;
    e3tp_status status = choose_form(c, d.form, d.m_max, m);
    if (status == E3TP_OK)
        status = make_lines(c, d.m_max, m);
    if (status == E3TP_OK)
        *out = c;
    else
        e3tp_conv_destroy(c);
    return status;
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
    if (!c)
        return;
    const e3tp_allocator a = c->allocator;
    e3tp_rotated_destroy(c->rotated);
    e3tp_rotated_destroy(c->rotated_lines);
    if (c->state)
        c->backend->destroy(c->state, &a);
    e3tp_free(&a, c);
}

double e3tp_conv_flops(const e3tp_conv *c, e3tp_pass pass)
{
    if (!c || pass < E3TP_FORWARD || pass > E3TP_JVP)
        return 0;
    if (c->rotated)
        return c->rotated->flops[pass];
    return e3tp_plan_flops(c->plan, pass);
}

size_t e3tp_conv_describe(const e3tp_conv *c, char *buf, size_t cap)
{
    size_t used = 0;
    if (buf && cap)
        *buf = '\0';
    if (!c)
        return 0;
    e3tp_append(buf, cap, &used, "form %s", c->rotated ? "rotated" : "general");
    if (c->partial)
        e3tp_append(buf, cap, &used, " (orders to %zu)", c->rotated->orders - 1);
    if (c->seconds > 0)
        e3tp_append(buf, cap, &used,
                    ": rotated %.3g us, general %.3g us per edge forward and backward (estimated)",
                    1e6 * c->seconds, 1e6 * general_seconds(c->plan));
    else
        e3tp_append(buf, cap, &used, ": %s", c->why.text);
    e3tp_append(buf, cap, &used, "\n");
    if (c->rotated)
        e3tp_append(
            buf, cap, &used,
            "rotated: %zu paths, %.0f flops forward, %.0f backward, %.0f double backward and "
            "%.0f JVP per edge\n",
            c->rotated->nsources, c->rotated->flops[E3TP_FORWARD], c->rotated->flops[E3TP_BACKWARD],
            c->rotated->flops[E3TP_DOUBLE_BACKWARD], c->rotated->flops[E3TP_JVP]);
    return used;
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
    j.at[OP_V] = j.at[OP_A] = E3TP_AT_EDGE;
    j.maker = c->maker;
    j.rotated = c->rotated;
    j.lines = c->has_lines ? &c->lines : NULL;
    j.width[OP_V] = c->maker.sh ? 3 : 0;
    j.width[OP_A] = e3tp_maker_is_radial(&c->maker) ? 1 : c->maker.activations;
    return j;
}

static e3tp_conv_call call_of(const e3tp_conv_job *job, const e3tp_graph *g, e3tp_pass pass,
                              const e3tp_conv_buffers *b)
{
    const bool second = pass == E3TP_DOUBLE_BACKWARD, back = second || pass == E3TP_BACKWARD;
    e3tp_conv_call c = {.job = job,
                        .graph = g,
                        .pass = pass,
                        .in = {b->x, b->y, b->w, back ? b->gz : NULL, b->v, b->a},
                        .edge_type = b->edge_type,
                        .edge_reversed = b->edge_reversed,
                        .num_types = b->num_types,
                        .make_weights = b->make_weights,
                        .make_weights_ctx = b->make_weights_ctx,
                        .work = b->work,
                        .fill_ghosts = b->fill_ghosts,
                        .fill_ghosts_ctx = b->fill_ghosts_ctx};
    const void *const tangents[CONV_COUNT] = {b->ggx, b->ggy, b->ggw, NULL, b->ggv, b->gga};
    void *const gradients[CONV_COUNT] = {b->gx, b->gy, b->gw, NULL, b->gv, b->ga};
    void *const seconds[CONV_COUNT] = {b->hx, b->hy, b->hw, b->hz, b->hv, b->ha};
    for (int k = 0; k < CONV_COUNT; k++) {
        c.t[k] = second || pass == E3TP_JVP ? tangents[k] : NULL;
        c.out[k] = pass == E3TP_BACKWARD ? gradients[k] : second ? seconds[k] : NULL;
    }
    if (pass != E3TP_BACKWARD)
        c.out[OP_Z] = pass == E3TP_FORWARD ? b->z : b->hz;
    return c;
}

/* What stands in the arrays of the operand, for messages. */
static const char *in_name(int k)
{
    return k == OP_V ? "v" : k == OP_A ? "a" : e3tp_op_in_name[k];
}

static const char *tangent_name(int k)
{
    return k == OP_V ? "ggv" : k == OP_A ? "gga" : e3tp_op_tangent_name[k];
}

static const char *out_name(e3tp_pass pass, int k)
{
    static const char *const made[2][2] = {{"gv", "ga"}, {"hv", "ha"}};
    return k < OP_V ? e3tp_op_out_name[pass][k] : made[pass != E3TP_BACKWARD][k - OP_V];
}

/* Elements of operand k where it has one row: of w a table may stand there. */
static bool row_size(const e3tp_conv_call *c, int k, size_t *n)
{
    const e3tp_maker *m = &c->job->maker;
    return e3tp_mul_size(c->job->width[k],
                         k == OP_W && e3tp_makes_weights(m) ? e3tp_maker_rows(m) : 1, n);
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

static e3tp_status check_reversed(const e3tp_conv_call *c, e3tp_message *m)
{
    const e3tp_place at = c->job->at[OP_Y];
    if (c->edge_reversed && at != E3TP_AT_TYPE)
        return e3tp_fail(m, E3TP_E_INVALID,
                         "edge_reversed: expected NULL, y's place is %s, not the type",
                         place_names[at]);
    return E3TP_OK;
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

/* Whether the product's operand k is made, and what edges bring is to be had of others. */
static bool is_made(const e3tp_conv_call *c, int k)
{
    return k == OP_Y && c->job->maker.sh;
}

/* Whether a pass reads operand k. */
static bool is_read(const e3tp_conv_call *c, int k)
{
    const bool back = c->pass == E3TP_BACKWARD || c->pass == E3TP_DOUBLE_BACKWARD;
    if (k == OP_A && e3tp_maker_is_radial(&c->job->maker) && c->job->maker.sh)
        return false;
    return k == OP_Z ? back : !(k == OP_W && c->make_weights) && !is_made(c, k);
}

/* Why arrays of operand k have to be NULL; NULL: they need not. */
static const char *why_surplus(const e3tp_conv_call *c, int k)
{
    if (is_made(c, k))
        return "y is made of vectors";
    if (k < OP_V || !c->graph->num_edges)
        return NULL;
    if (!c->job->width[k])
        return "no operand is made of it";
    return k == OP_A && !c->in[k] && c->job->maker.sh ? "distances are the vectors' lengths" : NULL;
}

static e3tp_status check_surplus(const e3tp_conv_call *c, int k, e3tp_message *m)
{
    const char *why = why_surplus(c, k), *name = c->in[k]    ? in_name(k)
                                                 : c->t[k]   ? tangent_name(k)
                                                 : c->out[k] ? out_name(c->pass, k)
                                                             : NULL;
    if (!why || !name)
        return E3TP_OK;
    return e3tp_fail(m, E3TP_E_INVALID, "%s: expected NULL, %s", name, why);
}

static e3tp_status check_arrays(const e3tp_conv_call *c, size_t bytes[CONV_COUNT], e3tp_message *m)
{
    const size_t es = e3tp_dtype_size(c->job->executor.problem->dtype);
    const bool needs_z = c->pass == E3TP_FORWARD || c->pass == E3TP_JVP;
    for (int k = 0; k < CONV_COUNT; k++) {
        const char *name = k == OP_Z ? "z" : in_name(k);
        if (!row_size(c, k, &bytes[k]) || !e3tp_mul_size(rows_of(c, k), bytes[k], &bytes[k]) ||
            !e3tp_mul_size(bytes[k], es, &bytes[k]) || bytes[k] > PTRDIFF_MAX)
            return e3tp_fail(m, E3TP_E_INVALID, "%s: %zu rows of %zu elements overflow", name,
                             rows_of(c, k), c->job->width[k]);
        if (is_read(c, k) && bytes[k] && !c->in[k] && c->graph->num_edges)
            return e3tp_fail(m, E3TP_E_INVALID, "%s is NULL", in_name(k));
        E3TP_TRY(check_surplus(c, k, m));
    }
    if (needs_z && bytes[OP_Z] && !c->out[OP_Z])
        return e3tp_fail(m, E3TP_E_INVALID, "%s is NULL", out_name(c->pass, OP_Z));
    return E3TP_OK;
}

static e3tp_status check_overlap(const e3tp_conv_call *c, const size_t bytes[CONV_COUNT],
                                 e3tp_message *m)
{
    for (int k = 0; k < CONV_COUNT; k++)
        for (int j = 0; j < CONV_COUNT; j++) {
            const size_t held = bytes[j] / (j == OP_W && c->job->w_half ? 2 : 1);
            const bool in = e3tp_overlap(c->out[k], bytes[k], c->in[j], held);
            if (in || e3tp_overlap(c->out[k], bytes[k], c->t[j], bytes[j]))
                return e3tp_fail(m, E3TP_E_INVALID, "%s overlaps %s", out_name(c->pass, k),
                                 in ? in_name(j) : tangent_name(j));
            if (j < k && e3tp_overlap(c->out[k], bytes[k], c->out[j], bytes[j]))
                return e3tp_fail(m, E3TP_E_INVALID, "%s overlaps %s", out_name(c->pass, k),
                                 out_name(c->pass, j));
        }
    return E3TP_OK;
}

static e3tp_status check_work(const e3tp_conv_call *c, const size_t bytes[CONV_COUNT],
                              e3tp_message *m)
{
    if (!c->work)
        return E3TP_OK;
    if ((uintptr_t)c->work % 64)
        return e3tp_fail(m, E3TP_E_INVALID, "work is not 64-byte aligned");
    const size_t scratch = e3tp_conv_scratch(c);
    for (int k = 0; k < CONV_COUNT; k++) {
        const size_t held = bytes[k] / (k == OP_W && c->job->w_half ? 2 : 1);
        const char *name = e3tp_overlap(c->work, scratch, c->in[k], held)      ? in_name(k)
                           : e3tp_overlap(c->work, scratch, c->t[k], bytes[k]) ? tangent_name(k)
                           : e3tp_overlap(c->work, scratch, c->out[k], bytes[k])
                               ? out_name(c->pass, k)
                               : NULL;
        if (name)
            return e3tp_fail(m, E3TP_E_INVALID, "work overlaps %s", name);
    }
    return E3TP_OK;
}

static e3tp_status check_call(const e3tp_conv_call *c, e3tp_message *m)
{
    const e3tp_weights weights = c->job->executor.problem->weights;
    size_t bytes[CONV_COUNT];
    if (c->make_weights && e3tp_makes_weights(&c->job->maker))
        return e3tp_fail(m, E3TP_E_INVALID, "make_weights: expected NULL, w is made of a table");
    if (c->make_weights && (weights != E3TP_WEIGHTS_ROW || c->job->at[OP_W] != E3TP_AT_EDGE))
        return e3tp_fail(m, E3TP_E_INVALID,
                         "make_weights makes a row per edge, but the plan's weights are %s",
                         weights == E3TP_WEIGHTS_SHARED ? "shared"
                         : weights == E3TP_WEIGHTS_NONE ? "none"
                                                        : "elsewhere");
    E3TP_TRY(check_types(c, m));
    E3TP_TRY(check_reversed(c, m));
    E3TP_TRY(check_arrays(c, bytes, m));
    E3TP_TRY(check_overlap(c, bytes, m));
    return check_work(c, bytes, m);
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

size_t e3tp_conv_work_bytes(const e3tp_conv *c, e3tp_pass pass, const e3tp_graph *g,
                            const e3tp_conv_buffers *b)
{
    e3tp_conv_job job;
    e3tp_conv_call call;
    const e3tp_status s = check(c, pass, g, b, &job, &call, NULL);
    return s == E3TP_OK ? e3tp_conv_scratch(&call) : 0;
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
