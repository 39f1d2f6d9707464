/* SPDX-License-Identifier: MIT */
/* Plans: from a descriptor to a frozen problem, tier, backend and tables. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/objects.h"
#include "problem/signals.h"

/* A pass as so many forward and backward passes (block.c): of x, y and w one is replaced by its
   tangent at a time, and two of three gradients are made of each. */
static double compose(e3tp_pass pass, double forward, double back)
{
    switch (pass) {
    case E3TP_FORWARD:
        return forward;
    case E3TP_BACKWARD:
        return back;
    case E3TP_DOUBLE_BACKWARD:
        return 3 * forward + 2 * back;
    case E3TP_JVP:
        return 3 * forward;
    }
    return NAN;
}

void e3tp_plan_find_needs(e3tp_plan *p)
{
    const e3tp_executor executor = e3tp_plan_executor(p);
    double seconds[2];
    for (int pass = 0; pass < 2; pass++)
        seconds[pass] =
            (double)p->problem->rank * p->backend->cost(p->problem, p->tier, (e3tp_pass)pass);
    for (e3tp_pass pass = E3TP_FORWARD; pass <= E3TP_JVP; pass++) {
        e3tp_pass_needs *of = &p->needs[pass];
        of->rows = e3tp_block_rows(&executor, pass, false);
        for (int indexed = 0; indexed < 2; indexed++)
            of->scratch[indexed] = e3tp_block_scratch(&executor, pass, indexed);
        of->seconds = compose(pass, seconds[E3TP_FORWARD], seconds[E3TP_BACKWARD]);
    }
}

static e3tp_status fill(e3tp_plan *p, const e3tp_desc *d, e3tp_message *why)
{
    p->parallel = (e3tp_parallel){d->threads ? d->threads : e3tp_parallel_max(), d->parallel_fn,
                                  d->parallel_ctx};
    if (d->accumulation == E3TP_F32 && d->spec.dtype == E3TP_F64)
        return e3tp_fail(why, E3TP_E_UNSUPPORTED,
                         "accumulation in float32 of float64 data would lose what they hold");
    p->wide = d->accumulation == E3TP_F64 && d->spec.dtype == E3TP_F32;
    E3TP_TRY(e3tp_isa_choose(d->isa, &p->tier, why));
    E3TP_TRY(e3tp_problem_create(&p->problem, &d->spec, &p->allocator, why));
    E3TP_TRY(
        e3tp_choose(&p->choice, p->problem, d->method, d->effort, p->tier, &p->allocator, why));
    const e3tp_candidate *k = &p->choice.candidate[p->choice.chosen];
    p->backend = k->backend;
    E3TP_TRY(e3tp_candidate_create(k, &p->state, p->problem, p->tier, &p->allocator, why));
    e3tp_plan_find_needs(p);
    return E3TP_OK;
}

/* Opt-in by E3TP_VERBOSE: the library's only output. */
static void verbose(const e3tp_plan *p)
{
    const char *level = getenv("E3TP_VERBOSE");
    if (!level || (*level != '1' && *level != '2'))
        return;
    char text[4096];
    e3tp_plan_describe(p, text, sizeof text);
    if (*level == '1')
        text[strcspn(text, "\n")] = '\0';
    fprintf(stderr, "e3tp: %s\n", text); /* E3TP_VERBOSE */
}

e3tp_status e3tp_plan_create(e3tp_plan **out, e3tp_desc *d)
{
    if (!out)
        return E3TP_E_INVALID;
    *out = NULL;
    if (!d)
        return E3TP_E_INVALID;
    if (d->status != E3TP_OK)
        return d->status;
    d->message.text[0] = '\0';
    e3tp_plan *p = e3tp_zalloc(&d->allocator, 1, sizeof *p);
    if (!p) {
        e3tp_fail(&d->message, E3TP_E_NOMEM, "no memory for the plan");
        return E3TP_E_NOMEM;
    }
    p->allocator = d->allocator;
    const e3tp_status status = fill(p, d, &d->message);
    if (status != E3TP_OK) {
        e3tp_plan_destroy(p);
        return status;
    }
    verbose(p);
    *out = p;
    return E3TP_OK;
}

void e3tp_plan_destroy(e3tp_plan *p)
{
    if (!p)
        return;
    const e3tp_allocator a = p->allocator;
    if (p->state)
        p->backend->destroy(p->state, &a);
    e3tp_problem_destroy(p->problem, &a);
    e3tp_free(&a, p);
}

size_t e3tp_plan_width(const e3tp_plan *p, e3tp_operand which)
{
    if (!p)
        return 0;
    if (which == E3TP_W)
        return p->problem->weight_by_path ? e3tp_problem_weighted_paths(p->problem)
                                          : p->problem->weight_numel;
    return which >= E3TP_X && which <= E3TP_Z ? p->problem->dim[which] : 0;
}

const char *e3tp_plan_method(const e3tp_plan *p)
{
    return p ? p->backend->name : "";
}

const char *e3tp_plan_isa(const e3tp_plan *p)
{
    return p ? e3tp_tier_name(p->tier) : "";
}

static double flops(const e3tp_plan *p, e3tp_pass pass)
{
    return (double)p->problem->rank * p->backend->flops(p->state, pass);
}

double e3tp_plan_flops(const e3tp_plan *p, e3tp_pass pass)
{
    if (p && pass <= E3TP_JVP && p->problem->op == E3TP_OP_GAUNT_POWER)
        return flops(p, pass); /* not linear in x: composed of nothing */
    return p ? compose(pass, flops(p, E3TP_FORWARD), flops(p, E3TP_BACKWARD)) : NAN;
}

double e3tp_plan_bytes(const e3tp_plan *p, e3tp_pass pass)
{
    if (!p || pass < E3TP_FORWARD || pass > E3TP_JVP)
        return NAN;
    /* x, y, w; their gradients; their tangents. z, or gz, and hz. */
    static const int inputs[] = {1, 2, 3, 2}, results[] = {1, 1, 2, 1};
    const e3tp_problem *q = p->problem;
    const double in = (double)(q->dim[0] + q->dim[1] + e3tp_row_weights(q));
    return (inputs[pass] * in + results[pass] * (double)q->dim[2]) *
           (double)e3tp_dtype_size(q->dtype);
}

double e3tp_plan_cost(const e3tp_plan *p, e3tp_pass pass)
{
    return p && pass >= E3TP_FORWARD && pass <= E3TP_JVP ? p->needs[pass].seconds : NAN;
}

e3tp_weights e3tp_plan_weights(const e3tp_plan *p)
{
    return p ? p->problem->weights : E3TP_WEIGHTS_NONE;
}

size_t e3tp_plan_num_paths(const e3tp_plan *p)
{
    return p ? p->problem->nuser : 0;
}

double e3tp_plan_path_coefficient(const e3tp_plan *p, size_t path)
{
    return p && path < p->problem->nuser ? p->problem->user[path].coeff : NAN;
}

e3tp_status e3tp_plan_path_blocks(const e3tp_plan *p, size_t path, uint32_t blocks[3])
{
    if (!p || !blocks || path >= p->problem->nuser)
        return E3TP_E_INVALID;
    memcpy(blocks, p->problem->user[path].block, sizeof p->problem->user[path].block);
    return E3TP_OK;
}

size_t e3tp_plan_irreps(const e3tp_plan *p, e3tp_operand which, e3tp_irrep *out, size_t cap)
{
    if (!p || which < E3TP_X || which > E3TP_Z)
        return 0;
    const e3tp_block *b = p->problem->blocks[which];
    const size_t n = p->problem->nblocks[which];
    for (size_t i = 0; out && i < n && i < cap; i++)
        out[i] = (e3tp_irrep){(uint32_t)b[i].mul, (uint16_t)b[i].l, (int8_t)b[i].parity};
    return n;
}

size_t e3tp_plan_describe(const e3tp_plan *p, char *buf, size_t cap)
{
    size_t used = 0;
    if (buf && cap)
        *buf = '\0';
    if (!p)
        return 0;
    e3tp_append(buf, cap, &used,
                "method %s, tier %s, %s, %zu paths, x %zu y %zu z %zu w %zu, threads %d\n",
                p->backend->name, e3tp_tier_name(p->tier),
                p->problem->dtype == E3TP_F64 ? "float64" : "float32", p->problem->nuser,
                p->problem->dim[0], p->problem->dim[1], p->problem->dim[2],
                p->problem->weight_numel, p->parallel.threads);
    e3tp_append(buf, cap, &used, "forward: %.0f flops, %.0f bytes per row\n",
                flops(p, E3TP_FORWARD), e3tp_plan_bytes(p, E3TP_FORWARD));
    e3tp_signal_describe(p->problem, buf, cap, &used);
    p->backend->describe(p->state, buf, cap, &used);
    for (size_t i = 0; i < p->choice.n; i++) {
        const e3tp_candidate *k = &p->choice.candidate[i];
        if (!k->applicable)
            e3tp_append(buf, cap, &used, "not chosen: %s\n", k->why.text);
        else
            e3tp_append(buf, cap, &used, "%s: %s%s%s, %.3g us per row forward and backward (%s)\n",
                        i == p->choice.chosen ? "chosen" : "not chosen", k->backend->name,
                        k->form ? ", " : "", k->form ? k->form_name : "", 1e6 * k->seconds,
                        p->choice.measured ? "measured" : "estimated");
    }
    return used;
}
