/* SPDX-License-Identifier: MIT */
/* Entry points of the convolution: checks arguments, calls down. */
#include <math.h>

#include "api/objects.h"
#include "conv/conv.h"

struct e3tp_conv {
    const e3tp_plan *plan;
    double scale;
};

static e3tp_status create(e3tp_conv **out, const e3tp_plan *plan, double scale, e3tp_message *m)
{
    if (!plan)
        return e3tp_fail(m, E3TP_E_INVALID, "the plan is NULL");
    if (!isfinite(scale))
        return e3tp_fail(m, E3TP_E_INVALID, "scale: %g, expected a finite number", scale);
    for (int k = 0; k < 3; k++)
        if (plan->problem->layout[k] == E3TP_BATCH_LAST)
            return e3tp_fail(m, E3TP_E_UNSUPPORTED,
                             "a convolution gathers rows: layout BATCH_LAST has none");
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
    if (!out)
        return E3TP_E_INVALID;
    *out = NULL;
    e3tp_message m = {""};
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

e3tp_status e3tp_conv_forward(const e3tp_conv *c, const e3tp_graph *g, const e3tp_conv_buffers *b)
{
    if (!c || !g || !b || b->size != sizeof *b)
        return E3TP_E_INVALID;
    const e3tp_plan *p = c->plan;
    const bool has_edges = g->num_edges > 0;
    const bool wants_w = p->problem->weight_numel > 0 && !b->make_weights;
    if ((!b->z && g->num_nodes && p->problem->dim[2]) ||
        (has_edges && !b->x && p->problem->dim[0]) || (has_edges && !b->y && p->problem->dim[1]) ||
        (has_edges && wants_w && !b->w))
        return E3TP_E_INVALID;
    if (b->make_weights && p->problem->weights != E3TP_WEIGHTS_ROW)
        return E3TP_E_INVALID;
    const e3tp_conv_job job = {p->problem,   p->backend,    p->state,
                               &p->parallel, &p->allocator, c->scale};
    return e3tp_conv_run(&job, g, b);
}
