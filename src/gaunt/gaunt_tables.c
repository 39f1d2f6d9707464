/* SPDX-License-Identifier: MIT */
/* Builds the matrices of the transforms in the order of their use. */
#include <math.h>
#include <stdlib.h>

#include "gaunt/gaunt_plan.h"

enum { MOST = 49, CLASSES = E3TP_FOLD_CLASSES };

static const double pi = 3.14159265358979323846;

typedef struct builder {
    e3tp_gaunt_side *side;
    e3tp_fold_tables *tables;
    const e3tp_problem *problem;
    const e3tp_gaunt_torus *torus;
    const e3tp_gaunt_coeff *coeff;
    int k;
    bool analysis;
} builder;

/* A slot, with its degrees and their lines, its u, and the lines of their coefficients. */
typedef struct column {
    const builder *b;
    size_t slot, ndegrees, nwaves;
    int m, sine;
    int degree[MOST], u[MOST];
    size_t line[MOST], wave[MOST];
} column;

static void find_degrees(column *c, int parity)
{
    const e3tp_problem *p = c->b->problem;
    const int k = c->b->k;
    size_t first = 0;
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const int l = p->blocks[k][i].l;
        if (l >= c->m && c->b->torus->couples[k] >> l & 1 && (l + c->m) % 2 == parity) {
            c->line[c->ndegrees] = first + (size_t)(c->sine ? l - c->m : l + c->m);
            c->degree[c->ndegrees++] = l;
        }
        first += 2 * (size_t)l + 1;
    }
}

/* sin(0 theta) is none. */
static void find_waves(column *c, int parity)
{
    const size_t first = e3tp_fold_slot(c->slot, e3tp_gaunt_waves(c->b->torus));
    for (int u = (c->m + parity) % 2; u <= c->b->torus->u_top[c->b->k]; u += 2) {
        if (u == 0 && c->m % 2)
            continue;
        c->wave[c->nwaves] = first + CLASSES * c->nwaves;
        c->u[c->nwaves++] = u;
    }
}

/* false: no degree has it. */
static bool make_column(column *c, const builder *b, int parity, int m, int sine, size_t slot)
{
    *c = (column){.b = b, .slot = slot, .m = m, .sine = sine};
    if (m == 0 && sine)
        return false;
    find_degrees(c, parity);
    find_waves(c, parity);
    return c->ndegrees > 0 && c->nwaves > 0;
}

/* A coefficient of the product is its sum over the torus times 2 (1 at 0), in u and in m, over the
   number of samples; its integral over phi takes the 2 of m to 2 pi. Folded sums to samples are
   what they say, and back are taken over an eighth of the samples of twice the product; a transform
   by FFTW gives 2 cos(m phi) (1 at m = 0) for a line of ones, and back twice the sum over a half.
 */
static double wave(const void *ctx, size_t term, size_t sample)
{
    const column *c = ctx;
    const e3tp_gaunt_torus *t = c->b->torus;
    const int u = c->u[sample];
    const size_t at = e3tp_gaunt_coeff_at(c->b->coeff, c->degree[term], c->m, u);
    const double samples = 2.0 * t->rings * t->n_phi;
    const double v = c->b->k < 2 ? c->b->coeff->series[at]
                                 : c->b->coeff->integral[at] * (u ? 2 : 1) * 2 * pi / samples;
    if (c->b->analysis)
        return v * (t->fftw ? 0.5 : 4);
    return t->fftw && c->m ? v / 2 : v;
}

static double along_meridian(const void *ctx, size_t term, size_t sample)
{
    const column *c = ctx;
    const double theta = (2 * (double)sample + 1) * pi / (4 * c->b->torus->rings);
    return c->m % 2 ? sin(c->u[term] * theta) : cos(c->u[term] * theta);
}

/* The orders of a class: bits l + m odd, m odd, sines. */
typedef struct ring {
    const builder *b;
    size_t n;
    int m[MOST], sine;
    size_t line[MOST];
} ring;

static double along_ring(const void *ctx, size_t term, size_t sample)
{
    const ring *r = ctx;
    const double phi = (2 * (double)sample + 1) * pi / r->b->torus->n_phi;
    return r->sine ? sin(r->m[term] * phi) : cos(r->m[term] * phi);
}

typedef void visitor(const builder *b, int class, const column *c, ring *r);

static void add_waves(const builder *b, int class, const column *c, ring *r)
{
    (void)class, (void)r;
    const e3tp_fold_matrix a = {c->line, c->ndegrees, c->wave[0], c->nwaves,
                                1,       b->analysis, wave,       c};
    e3tp_fold_add(b->tables, &a);
}

static void add_rings(const builder *b, int class, const column *c, ring *r)
{
    (void)class, (void)r;
    const size_t rings = (size_t)b->torus->rings;
    const e3tp_fold_matrix a = {c->wave,        c->nwaves, e3tp_fold_slot(c->slot, rings),
                                rings,          1,         b->analysis,
                                along_meridian, c};
    e3tp_fold_add(b->tables, &a);
}

static void collect_order(const builder *b, int class, const column *c, ring *r)
{
    (void)class;
    r->line[r->n] = e3tp_fold_slot(c->slot, (size_t)b->torus->rings);
    r->m[r->n++] = c->m;
}

static void note_order(const builder *b, int class, const column *c, ring *r)
{
    (void)r;
    if (b->side->orders)
        b->side->orders[c->m].line[class & 1][c->sine] =
            (int32_t)e3tp_fold_slot(c->slot, (size_t)b->torus->rings);
}

/* Visits the slots of a class from `slot` on; returns the next. */
static size_t visit_class(const builder *b, int class, size_t slot, visitor *visit, ring *r)
{
    column c;
    for (int m = class >> 1 & 1; m <= b->torus->degree[b->k]; m += 2)
        if (make_column(&c, b, class & 1, m, class >> 2, slot)) {
            visit(b, class, &c, r);
            slot++;
        }
    return slot;
}

static size_t visit_all(const builder *b, visitor *visit)
{
    size_t slot = 0;
    for (int class = 0; class < CLASSES; class ++)
        slot = visit_class(b, class, slot, visit, NULL);
    return slot;
}

/* Samples of a class that has no orders are zeros. */
static void add_points(const builder *b)
{
    const size_t points = (size_t)b->torus->n_phi / 4, rings = (size_t)b->torus->rings;
    size_t slot = 0;
    for (int class = 0; class < CLASSES; class ++) {
        ring r = {.b = b, .sine = class >> 2};
        slot = visit_class(b, class, slot, collect_order, &r);
        const e3tp_fold_matrix a = {r.line, r.n,         (size_t) class, points,
                                    rings,  b->analysis, along_ring,     &r};
        if (r.n || !b->analysis)
            e3tp_fold_add(b->tables, &a);
    }
}

static void add_stage(const builder *b, int stage)
{
    b->side->first[stage] = b->tables->nsteps;
    if (stage == E3TP_GAUNT_TO_WAVES || stage == E3TP_GAUNT_FROM_WAVES)
        b->side->slots = visit_all(b, add_waves);
    else if (stage == E3TP_GAUNT_TO_RINGS || stage == E3TP_GAUNT_FROM_RINGS)
        visit_all(b, add_rings);
    else if (b->torus->fftw)
        visit_all(b, note_order);
    else
        add_points(b);
}

void e3tp_gaunt_add_transform(e3tp_gaunt_side *s, e3tp_fold_tables *tables, const e3tp_problem *p,
                              const e3tp_gaunt_torus *t, int k, const e3tp_gaunt_coeff *coeff)
{
    const double fma = tables->fma, work = e3tp_fold_work(tables);
    builder b = {s, tables, p, t, coeff, k, false};
    for (int stage = 0; stage < E3TP_GAUNT_STAGES; stage++) {
        b.analysis = stage >= E3TP_GAUNT_FROM_POINTS;
        add_stage(&b, stage);
    }
    s->first[E3TP_GAUNT_STAGES] = tables->nsteps;
    s->fma = (tables->fma - fma) / 2;
    s->work = (e3tp_fold_work(tables) - work) / 2;
}
