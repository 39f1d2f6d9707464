/* SPDX-License-Identifier: MIT */
/* Filter by applicable, rank by estimated cost, or time the candidates once. */
#include <stdint.h>
#include <time.h>

#include "core/checked.h"
#include "dispatch/dispatch.h"
#include "problem/block.h"
#include "problem/signals.h"

static bool serves(const e3tp_backend *b, const e3tp_problem *p, e3tp_message *why)
{
    if (b->operations >> p->op & 1)
        return b->applicable(p, why);
    e3tp_fail(why, E3TP_E_UNSUPPORTED, "%s: the method does not serve the operation %s", b->name,
              e3tp_op_name(p->op));
    return false;
}

/* The next line, where there is room. */
static e3tp_candidate *enter(e3tp_choice *c, const e3tp_backend *b)
{
    if (c->n == E3TP_MAX_CANDIDATES)
        return NULL;
    e3tp_candidate *k = &c->candidate[c->n++];
    *k = (e3tp_candidate){.backend = b};
    return k;
}

static void enter_forms(e3tp_choice *c, const e3tp_backend *b, const e3tp_problem *p,
                        e3tp_tier tier)
{
    for (unsigned form = 1; form < b->forms; form++) {
        const char *name = b->form_name(p, tier, form);
        e3tp_candidate *k = name ? enter(c, b) : NULL;
        if (k) {
            k->applicable = true;
            k->form = form;
            k->form_name = name;
        }
    }
}

static void enter_all(e3tp_choice *c, const e3tp_problem *p, e3tp_method method, e3tp_effort effort,
                      e3tp_tier tier)
{
    c->n = 0;
    c->measured = false;
    for (size_t i = 0; e3tp_backends[i]; i++) {
        const e3tp_backend *b = e3tp_backends[i];
        e3tp_candidate *k = method == E3TP_METHOD_AUTO || b->method == method ? enter(c, b) : NULL;
        if (!k)
            continue;
        k->applicable = serves(b, p, &k->why);
        k->seconds = k->applicable ? (double)p->rank * (b->cost(p, tier, E3TP_FORWARD) +
                                                        b->cost(p, tier, E3TP_BACKWARD))
                                   : 0;
        if (k->applicable && effort == E3TP_MEASURE)
            enter_forms(c, b, p, tier);
    }
}

e3tp_status e3tp_candidate_create(const e3tp_candidate *k, void **state, const e3tp_problem *p,
                                  e3tp_tier tier, const e3tp_allocator *a, e3tp_message *why)
{
    return k->form ? k->backend->create_form(state, p, tier, k->form, a, why)
                   : k->backend->create(state, p, tier, a, why);
}

static bool is_exact(const e3tp_candidate *k, const e3tp_problem *p)
{
    return k->applicable && (!k->backend->is_exact || k->backend->is_exact(p));
}

/* Where some method gives the product itself, those that do not are no choice of AUTO. */
static void leave_out_inexact(e3tp_choice *c, const e3tp_problem *p)
{
    bool any = false;
    for (size_t i = 0; i < c->n; i++)
        any = any || is_exact(&c->candidate[i], p);
    for (size_t i = 0; any && i < c->n; i++) {
        e3tp_candidate *k = &c->candidate[i];
        if (!k->applicable || is_exact(k, p))
            continue;
        k->applicable = false;
        e3tp_fail(&k->why, E3TP_E_UNSUPPORTED,
                  "%s: would alias, and is taken only when asked for by name", k->backend->name);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What candidates are timed on: rows of zeros, as kernels do not branch on data, the same for all
   of them. */
typedef struct trial {
    const e3tp_problem *problem;
    size_t rows;
    void *in[OP_COUNT], *out[OP_COUNT];
} trial;

/* A row's width is its backend's, at most this. */
static size_t most_width(const e3tp_problem *p, int k)
{
    return k == OP_W ? p->weight_numel : p->dim[k == OP_Z ? 2 : k];
}

static bool is_one_row(const e3tp_problem *p, int k)
{
    return k == OP_W && p->weights != E3TP_WEIGHTS_ROW;
}

/* As calls have them: no more than the hint says, and beyond what a second-level cache holds, but
   whole tiles of rows. */
static size_t trial_rows(const e3tp_problem *p)
{
    enum { MOST = 256, LEAST = 64, BYTES = 4 << 20 };
    size_t elements = 1;
    for (int k = 0; k < OP_COUNT; k++)
        elements += is_one_row(p, k) ? 0 : 2 * most_width(p, k);
    const size_t fit = BYTES / (elements * e3tp_dtype_size(p->dtype)) / LEAST * LEAST,
                 rows = fit > MOST    ? MOST
                        : fit < LEAST ? LEAST
                                      : fit;
    return p->batch_hint && p->batch_hint < rows ? p->batch_hint : rows;
}

static void trial_destroy(trial *t, const e3tp_allocator *a)
{
    for (int k = 0; k < OP_COUNT; k++) {
        e3tp_free(a, t->in[k]);
        e3tp_free(a, t->out[k]);
    }
}

static e3tp_status trial_create(trial *t, const e3tp_problem *p, const e3tp_allocator *a,
                                e3tp_message *why)
{
    const size_t element = e3tp_dtype_size(p->dtype);
    *t = (trial){.problem = p, .rows = trial_rows(p)};
    bool ok = true;
    for (int k = 0; k < OP_COUNT; k++) {
        const size_t n = (is_one_row(p, k) ? 1 : t->rows) * most_width(p, k);
        ok &= (t->in[k] = e3tp_zalloc(a, n, element)) != NULL;
        ok &= (t->out[k] = e3tp_zalloc(a, n, element)) != NULL;
    }
    if (ok)
        return E3TP_OK;
    trial_destroy(t, a);
    return e3tp_fail(why, E3TP_E_NOMEM, "no memory to measure methods");
}

/* Rows from `first` on. */
static void run_block(const trial *t, const e3tp_executor *e, e3tp_pass pass, size_t first,
                      size_t n, void *scratch)
{
    const size_t element = e3tp_dtype_size(t->problem->dtype);
    e3tp_block_call c = {.executor = e, .pass = pass, .n = n};
    for (int k = 0; k < OP_COUNT; k++) {
        const bool last = e3tp_op_batch_last(e, k), one = is_one_row(t->problem, k);
        const size_t stride = one    ? 0
                              : last ? t->rows
                                     : e3tp_op_width(e, k),
                     at = first * (last ? 1 : stride) * element;
        const bool is_result = (k == OP_Z) == (pass == E3TP_FORWARD),
                   is_there = k != OP_W || t->problem->weight_numel;
        c.stride[k] = (ptrdiff_t)stride;
        c.in[k] = (char *)t->in[k] + at;
        c.out[k] = is_result && is_there ? (char *)t->out[k] + at : NULL;
    }
    e3tp_block_run(&c, scratch);
}

static void run_pass(const trial *t, const e3tp_executor *e, e3tp_pass pass, void *scratch)
{
    const size_t most = e3tp_block_rows(e, pass, false);
    for (size_t first = 0; first < t->rows; first += most)
        run_block(t, e, pass, first, t->rows - first < most ? t->rows - first : most, scratch);
}

/* The least time of several, as others of the machine only add to it; per row. */
static double time_passes(const trial *t, const e3tp_executor *e, void *scratch)
{
    enum { LEAST = 4 };
    static const double enough = 200e-6;
    const double start = now();
    double best = 1e30, last = start;
    for (int repeat = 0; repeat < LEAST || last - start < enough; repeat++) {
        run_pass(t, e, E3TP_FORWARD, scratch);
        run_pass(t, e, E3TP_BACKWARD, scratch);
        const double end = now();
        best = end - last < best ? end - last : best;
        last = end;
    }
    return best / (double)t->rows;
}

static e3tp_status measure(e3tp_candidate *k, const trial *t, e3tp_tier tier,
                           const e3tp_allocator *a, e3tp_message *why)
{
    void *state;
    E3TP_TRY(e3tp_candidate_create(k, &state, t->problem, tier, a, why));
    const e3tp_executor e = {t->problem, k->backend, state};
    const size_t f = e3tp_block_scratch(&e, E3TP_FORWARD, false),
                 b = e3tp_block_scratch(&e, E3TP_BACKWARD, false);
    void *const scratch = e3tp_alloc(a, f > b ? f : b, 1);
    const e3tp_status status =
        scratch ? E3TP_OK
                : e3tp_fail(why, E3TP_E_NOMEM, "no memory to measure method %s", k->backend->name);
    if (scratch)
        k->seconds = time_passes(t, &e, scratch);
    e3tp_free(a, scratch);
    k->backend->destroy(state, a);
    return status;
}

static e3tp_status measure_all(e3tp_choice *c, const e3tp_problem *p, e3tp_tier tier,
                               const e3tp_allocator *a, e3tp_message *why)
{
    trial t;
    E3TP_TRY(trial_create(&t, p, a, why));
    e3tp_status status = E3TP_OK;
    for (size_t i = 0; i < c->n && status == E3TP_OK; i++)
        if (c->candidate[i].applicable)
            status = measure(&c->candidate[i], &t, tier, a, why);
    trial_destroy(&t, a);
    return status;
}

/* The sentence of the last that serves the operation, or else of the last. */
static const char *refusal(const e3tp_choice *c, const e3tp_problem *p)
{
    for (size_t i = c->n; i-- > 0;)
        if (c->candidate[i].backend->operations >> p->op & 1)
            return c->candidate[i].why.text;
    return c->n ? c->candidate[c->n - 1].why.text : "method: there is none of this number";
}

/* By AUTO a grid that is given for signals must be exact, whichever method is taken. */
static bool refuses_grid(const e3tp_candidate *k, const e3tp_problem *p)
{
    return k->backend->method == E3TP_METHOD_GRID && k->backend->operations >> p->op & 1 &&
           e3tp_op_is_signal(p->op) && !p->zonal && p->grid_theta && !k->applicable &&
           !p->allow_aliasing;
}

e3tp_status e3tp_choose(e3tp_choice *c, const e3tp_problem *p, e3tp_method method,
                        e3tp_effort effort, e3tp_tier tier, const e3tp_allocator *a,
                        e3tp_message *why)
{
    enter_all(c, p, method, effort, tier);
    if (method == E3TP_METHOD_AUTO)
        leave_out_inexact(c, p);
    c->chosen = c->n;
    size_t served = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (refuses_grid(&c->candidate[i], p))
            return e3tp_fail(why, E3TP_E_UNSUPPORTED, "%s", c->candidate[i].why.text);
        served += c->candidate[i].applicable;
    }
    c->measured = effort == E3TP_MEASURE && served > 1;
    if (c->measured)
        E3TP_TRY(measure_all(c, p, tier, a, why));
    for (size_t i = 0; i < c->n; i++) {
        const e3tp_candidate *k = &c->candidate[i];
        if (k->applicable && (c->chosen == c->n || k->seconds < c->candidate[c->chosen].seconds))
            c->chosen = i;
    }
    if (c->chosen == c->n)
        return e3tp_fail(why, E3TP_E_UNSUPPORTED, "%s", refusal(c, p));
    return E3TP_OK;
}
