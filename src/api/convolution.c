/* SPDX-License-Identifier: MIT */
/* Entry points of the convolution: checks arguments, calls down. */
#include <math.h>

#include "api/objects.h"
#include "conv/conv.h"
#include "core/checked.h"

struct e3tp_conv {
    const e3tp_plan *plan;
    double scale;
};

static e3tp_status create(e3tp_conv **out, const e3tp_plan *plan, double scale, e3tp_message *m)
{
    if (!out)
        return e3tp_fail(m, E3TP_E_INVALID, "out is NULL");
    if (!plan)
        return e3tp_fail(m, E3TP_E_INVALID, "the plan is NULL");
    if (!isfinite(scale))
        return e3tp_fail(m, E3TP_E_INVALID, "scale: %g, expected a finite number", scale);
    for (int k = 0; k < 3; k++)
        if (plan->problem->layout[k] == E3TP_BATCH_LAST)
            return e3tp_fail(m, E3TP_E_UNSUPPORTED,
                             "a convolution gathers rows: layout BATCH_LAST has none");
    if (plan->weight_by_path)
        return e3tp_fail(m, E3TP_E_UNSUPPORTED, "a convolution takes weights by channel");
    e3tp_conv *c = e3tp_alloc(&plan->allocator, 1, sizeof *c);
    if (!c)
        return e3tp_fail(m, E3TP_E_NOMEM, "no memory for the convolution");
    *c = (e3tp_conv){plan, scale};
    *out = c;
    return E3TP_OK;
}

e3tp_status e3tp_conv_create(e3tp_conv **out, const e3tp_plan *plan, double scale, char *msg,
                             size_t cap)
{
    e3tp_message m = {""};
    if (out)
        *out = NULL;
    const e3tp_status s = create(out, plan, scale, &m);
    size_t used = 0;
    e3tp_append(msg, msg ? cap : 0, &used, "%s", m.text);
    return s;
}

void e3tp_conv_destroy(e3tp_conv *c)
{
    if (c)
        e3tp_free(&c->plan->allocator, c);
}

/* An array of a call: `rows` of them are read or written. */
typedef struct array {
    const char *name;
    const void *p;
    size_t rows, width;
    size_t bytes;
} array;

enum { ARRAY_X, ARRAY_Y, ARRAY_W, ARRAY_Z, ARRAY_COUNT };

static e3tp_status check_arrays(array a[ARRAY_COUNT], size_t es, e3tp_message *m)
{
    for (int k = 0; k < ARRAY_COUNT; k++) {
        if (!e3tp_mul_size(a[k].rows, a[k].width, &a[k].bytes) ||
            !e3tp_mul_size(a[k].bytes, es, &a[k].bytes))
            return e3tp_fail(m, E3TP_E_INVALID, "%s: %zu rows of %zu elements overflow", a[k].name,
                             a[k].rows, a[k].width);
        if (a[k].bytes && !a[k].p)
            return e3tp_fail(m, E3TP_E_INVALID, "%s is NULL", a[k].name);
    }
    for (int k = 0; k < ARRAY_Z; k++)
        if (e3tp_overlap(a[ARRAY_Z].p, a[ARRAY_Z].bytes, a[k].p, a[k].bytes))
            return e3tp_fail(m, E3TP_E_INVALID, "z overlaps %s", a[k].name);
    return E3TP_OK;
}

static e3tp_status check(const e3tp_conv *c, const e3tp_graph *g, const e3tp_conv_buffers *b,
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
    const e3tp_problem *p = c->plan->problem;
    if (b->make_weights && p->weights != E3TP_WEIGHTS_ROW)
        return e3tp_fail(m, E3TP_E_INVALID,
                         "make_weights makes a row per edge, but the plan's weights are %s",
                         p->weights == E3TP_WEIGHTS_SHARED ? "shared" : "none");
    const size_t edges = g->num_edges;
    const size_t weight_rows = p->weights == E3TP_WEIGHTS_ROW ? edges : edges > 0;
    array a[ARRAY_COUNT] = {
        [ARRAY_X] = {"x", b->x, edges ? g->num_senders : 0, p->dim[0], 0},
        [ARRAY_Y] = {"y", b->y, edges, p->dim[1], 0},
        [ARRAY_W] = {"w", b->w, b->make_weights ? 0 : weight_rows, p->weight_numel, 0},
        [ARRAY_Z] = {"z", b->z, g->num_nodes, p->dim[2], 0},
    };
    return check_arrays(a, e3tp_dtype_size(p->dtype), m);
}

e3tp_status e3tp_conv_buffers_check(const e3tp_conv *c, const e3tp_graph *g,
                                    const e3tp_conv_buffers *b, char *msg, size_t cap)
{
    e3tp_message m = {""};
    const e3tp_status s = check(c, g, b, &m);
    size_t used = 0;
    e3tp_append(msg, msg ? cap : 0, &used, "%s", m.text);
    return s;
}

e3tp_status e3tp_conv_forward(const e3tp_conv *c, const e3tp_graph *g, const e3tp_conv_buffers *b)
{
    E3TP_TRY(check(c, g, b, NULL));
    const e3tp_plan *p = c->plan;
    const e3tp_conv_job job = {p->problem,   p->backend,    p->state,
                               &p->parallel, &p->allocator, c->scale};
    return e3tp_conv_run(&job, g, b);
}
