/* SPDX-License-Identifier: MIT */
/* Whole products of signals. Compiled once per tier and real; exports one const struct. */
#include "cg/cg_signals.h"

#include <string.h>

#include "simd/name.h"

enum { T = 64 / sizeof(real) };

#define SIGNALS_(r) e3tp_cg_signals_##r
#define SIGNALS(r) SIGNALS_(r)
#define SIGNAL_(r) e3tp_cg_signal_##r
#define SIGNAL(r) SIGNAL_(r)

#define EACH_L(X) X(1) X(2) X(3) X(4) X(5)
#define DECLARE(l) extern const SIGNALS(E3TP_REAL) E3TP_NAME(e3tp_cg_signals_l##l);
#define ENTRY(l) [l] = &E3TP_NAME(e3tp_cg_signals_l##l),
EACH_L(DECLARE)
static const SIGNALS(E3TP_REAL) *const kernels[E3TP_CG_SIGNALS_LMAX + 1] = {EACH_L(ENTRY)};

/* The factors of results gx, gy, z among x, y, gz. ROUND suits the bracket: the integral of {x, y}
   z is that of x {y, z}. */
typedef enum sequence { ROUND, GZ_FIRST } sequence;
static const int factors[][3][2] = {
    [ROUND] = {{1, 2}, {2, 0}, {0, 1}}, [GZ_FIRST] = {{2, 1}, {2, 0}, {0, 1}}};
enum { GRADIENTS = 3, Z = 4, ALL = 7 }; /* sets of results */

#define LINES_(r) e3tp_cg_lines_##r
#define LINES(r) LINES_(r)
typedef LINES(E3TP_REAL) lines;

typedef struct part {
    SIGNAL(E3TP_REAL) * kernel;
    size_t first[3], degree[3]; /* its first component and degree of x, y and z */
    unsigned results;
    sequence order;
    bool adds; /* to gradients */
} part;

/* Of operand or result k, which `v` is. Field by field, as kernels read it. */
static void set_lines(const part *p, const e3tp_signal_span *s, int k, const void *v, lines *to)
{
    const real *w = s->w[k];
    to->v = (real *)(uintptr_t)v + p->first[k] * s->step[k];
    to->step = s->step[k];
    to->tile = s->tile[k];
    to->w = w ? w + p->degree[k] * s->w_step : NULL;
    to->w_step = s->w_step;
}

static void run_part(const part *p, const e3tp_signal_call *call, const e3tp_signal_span *s)
{
    for (int k = 0; k < 3; k++) {
        if (!call->wanted[k] || !(p->results >> k & 1))
            continue;
        const int a = factors[p->order][k][0], b = factors[p->order][k][1];
        lines x, y, z;
        set_lines(p, s, a, s->in[a], &x);
        set_lines(p, s, b, s->in[b], &y);
        set_lines(p, s, k, s->out[k], &z);
        p->kernel(s->count, &x, &y, &z, call->adds[k] || (p->adds && k < 2));
    }
}

/* The first component of so many tiles. */
static void clear(real *v, size_t tile, size_t count)
{
    for (size_t t = 0; t < count; t++)
        memset(v + t * tile, 0, 64);
}

static void run_span(const void *plan, const e3tp_signal_call *call, const e3tp_signal_span *s,
                     void *scratch)
{
    (void)scratch;
    const e3tp_cg_signal *g = plan;
    const SIGNALS(E3TP_REAL) *of = kernels[g->lmax];
    const size_t n = (size_t)g->lmax + 1;
    if (g->gaunt)
        run_part(&(part){of->gaunt, {0}, {0}, g->wide ? GRADIENTS : ALL, ROUND, false}, call, s);
    if (g->wide) {
        run_part(&(part){of->wide, {0}, {0}, Z, ROUND, false}, call, s);
        run_part(&(part){of->high, {0, 0, n * n}, {0, 0, n}, GRADIENTS, GZ_FIRST, true}, call, s);
    }
    if (g->bracket) {
        const size_t first = g->gaunt ? n * n : 0, degree = g->gaunt ? n : 0;
        run_part(&(part){of->bracket, {1, 1, first}, {1, 1, degree}, ALL, ROUND, g->gaunt}, call,
                 s);
    }
    for (int k = 0; k < 2 && !g->gaunt; k++)
        if (call->wanted[k])
            clear(s->out[k], s->tile[k], s->count);
}

static void run_tile(const void *plan, const e3tp_signal_call *call, const void *const in[3],
                     void *const out[3], const bool fresh[3], void *scratch)
{
    (void)fresh;
    run_span(plan, call,
             &(e3tp_signal_span){.in = {in[0], in[1], in[2]},
                                 .out = {out[0], out[1], out[2]},
                                 .step = {T, T, T},
                                 .tile = {T, T, T},
                                 .count = 1},
             scratch);
}

static bool has(int lmax, bool wide)
{
    return (wide ? kernels[lmax]->wide : kernels[lmax]->gaunt) != NULL;
}

const e3tp_cg_signal_runner E3TP_NAME(e3tp_cg_signal_runner) = {{run_tile, run_span}, has};
