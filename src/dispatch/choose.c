/* SPDX-License-Identifier: MIT */
/* Filter by applicable, rank by estimated cost, or time the candidates once. */
#include <stdint.h>
#include <time.h>

#include "core/checked.h"
#include "dispatch/dispatch.h"
#include "problem/signals.h"

static bool serves(const e3tp_backend *b, const e3tp_problem *p, e3tp_message *why)
{
    if (b->operations >> p->op & 1)
        return b->applicable(p, why);
    e3tp_fail(why, E3TP_E_UNSUPPORTED, "%s: the method does not serve the operation %s", b->name,
              e3tp_op_name(p->op));
    return false;
}

static void enter_all(e3tp_choice *c, const e3tp_problem *p, e3tp_method method, e3tp_tier tier)
{
    c->n = 0;
    c->measured = false;
    for (size_t i = 0; e3tp_backends[i] && i < E3TP_MAX_BACKENDS; i++) {
        const e3tp_backend *b = e3tp_backends[i];
        if (method != E3TP_METHOD_AUTO && b->method != method)
            continue;
        e3tp_candidate *k = &c->candidate[c->n++];
        k->backend = b;
        k->why.text[0] = '\0';
        k->applicable = serves(b, p, &k->why);
        k->seconds = k->applicable ? (double)p->rank * (b->cost(p, tier, E3TP_FORWARD) +
                                                        b->cost(p, tier, E3TP_BACKWARD))
                                   : 0;
    }
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

enum {
    TRIAL_X,
    TRIAL_Y,
    TRIAL_W,
    TRIAL_Z,
    TRIAL_GZ,
    TRIAL_GX,
    TRIAL_GY,
    TRIAL_GW,
    TRIAL_SCRATCH,
    TRIAL_COUNT
};

typedef struct trial {
    const e3tp_backend *backend;
    void *state;
    void *mem[TRIAL_COUNT];
    e3tp_rows rows;
} trial;

static ptrdiff_t packed(const e3tp_problem *p, int which, size_t n)
{
    return (ptrdiff_t)(p->layout[which] == E3TP_BATCH_LAST ? n : p->dim[which]);
}

static bool trial_memory(trial *t, const e3tp_problem *p, const e3tp_allocator *a)
{
    const size_t es = e3tp_dtype_size(p->dtype), n = t->rows.n;
    const size_t dims[TRIAL_SCRATCH] = {p->dim[0], p->dim[1], p->weight_numel, p->dim[2],
                                        p->dim[2], p->dim[0], p->dim[1],       p->weight_numel};
    bool ok = true;
    for (int i = 0; i < TRIAL_SCRATCH; i++)
        ok &= (t->mem[i] = e3tp_zalloc(a, dims[i] * n, es)) != NULL;
    const size_t f = t->backend->scratch_bytes(t->state, E3TP_FORWARD);
    const size_t b = t->backend->scratch_bytes(t->state, E3TP_BACKWARD);
    return ok & ((t->mem[TRIAL_SCRATCH] = e3tp_alloc(a, f > b ? f : b, 1)) != NULL);
}

static double time_passes(trial *t)
{
    double best = 1e30;
    for (int repeat = 0; repeat < 4; repeat++) {
        const double start = now();
        t->backend->run(t->state, E3TP_FORWARD, &t->rows, t->mem[TRIAL_SCRATCH]);
        t->backend->run(t->state, E3TP_BACKWARD, &t->rows, t->mem[TRIAL_SCRATCH]);
        const double seconds = now() - start;
        best = seconds < best ? seconds : best;
    }
    return best / (double)t->rows.n;
}

/* Both passes over one block of rows of zeros: kernels do not branch on data. */
static e3tp_status measure(e3tp_candidate *k, const e3tp_problem *p, e3tp_tier tier,
                           const e3tp_allocator *a, e3tp_message *why)
{
    trial t = {.backend = k->backend};
    E3TP_TRY(k->backend->create(&t.state, p, tier, a, why));
    t.rows.n = k->backend->block_rows(t.state, E3TP_FORWARD);
    e3tp_status status = E3TP_OK;
    if (trial_memory(&t, p, a)) {
        t.rows = (e3tp_rows){
            .n = t.rows.n,
            .x = t.mem[TRIAL_X],
            .y = t.mem[TRIAL_Y],
            .w = t.mem[TRIAL_W],
            .gz = t.mem[TRIAL_GZ],
            .z = t.mem[TRIAL_Z],
            .gx = t.mem[TRIAL_GX],
            .gy = t.mem[TRIAL_GY],
            .gw = p->weight_numel ? t.mem[TRIAL_GW] : NULL,
            .sx = packed(p, 0, t.rows.n),
            .sy = packed(p, 1, t.rows.n),
            .sw = p->weights == E3TP_WEIGHTS_ROW ? (ptrdiff_t)p->weight_numel : 0,
            .sz = packed(p, 2, t.rows.n),
        };
        k->seconds = time_passes(&t);
    } else {
        status = e3tp_fail(why, E3TP_E_NOMEM, "no memory to measure method %s", k->backend->name);
    }
    for (int i = 0; i < TRIAL_COUNT; i++)
        e3tp_free(a, t.mem[i]);
    k->backend->destroy(t.state, a);
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
    enter_all(c, p, method, tier);
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
    for (size_t i = 0; i < c->n; i++) {
        e3tp_candidate *k = &c->candidate[i];
        if (!k->applicable)
            continue;
        if (c->measured)
            E3TP_TRY(measure(k, p, tier, a, why));
        if (c->chosen == c->n || k->seconds < c->candidate[c->chosen].seconds)
            c->chosen = i;
    }
    if (c->chosen == c->n)
        return e3tp_fail(why, E3TP_E_UNSUPPORTED, "%s", refusal(c, p));
    return E3TP_OK;
}
