/* SPDX-License-Identifier: MIT */
#include "conv/made.h"

#include <math.h>
#include <string.h>

#include "core/sums.h"
#include "problem/packed.h"

/* ---- numbers of an edge: vectors [n][3], factors [n][terms] ---- */

/* Squares of singles neither overflow nor underflow in double. */
static double length_float(const float *v)
{
    const double x = (double)v[0], y = (double)v[1], z = (double)v[2];
    return sqrt(x * x + y * y + z * z);
}

static double length_double(const double *v)
{
    return hypot(hypot(v[0], v[1]), v[2]);
}

#define BOTH_REALS(real)                                                                          \
    static void lengths_##real(size_t n, const real *v, real *r)                                  \
    {                                                                                             \
        for (size_t i = 0; i < n; i++)                                                            \
            r[i] = (real)length_##real(v + 3 * i);                                                \
    }                                                                                             \
    /* to[i] = (v / r) . t, v / 0 as 0 */                                                         \
    static void along_##real(size_t n, const real *v, const real *r, const real *t, real *to)     \
    {                                                                                             \
        for (size_t i = 0; i < n; i++, v += 3, t += 3)                                            \
            to[i] = r[i] == 0                                                                     \
                        ? 0                                                                       \
                        : (v[0] / r[i]) * t[0] + (v[1] / r[i]) * t[1] + (v[2] / r[i]) * t[2];     \
    }                                                                                             \
    /* to[i] += g[i] v / r */                                                                     \
    static void add_along_##real(size_t n, const real *v, const real *r, const real *g, real *to) \
    {                                                                                             \
        for (size_t i = 0; i < n; i++, v += 3, to += 3)                                           \
            for (int d = 0; d < 3 && r[i] != 0; d++)                                              \
                to[d] += g[i] * (v[d] / r[i]);                                                    \
    }                                                                                             \
    /* to[i] += g[i] / r (t - (v / r) a[i]) */                                                    \
    static void add_across_##real(size_t n, const real *v, const real *r, const real *g,          \
                                  const real *t, const real *a, real *to)                         \
    {                                                                                             \
        for (size_t i = 0; i < n; i++, v += 3, t += 3, to += 3)                                   \
            for (int d = 0; d < 3 && r[i] != 0; d++)                                              \
                to[d] += g[i] / r[i] * (t[d] - (v[d] / r[i]) * a[i]);                             \
    }                                                                                             \
    static void scale_##real(size_t n, size_t terms, const real *a, const real *factor, real *to) \
    {                                                                                             \
        for (size_t i = 0; i < n; i++, a += terms, to += terms)                                   \
            for (size_t k = 0; k < terms; k++)                                                    \
                to[k] = factor[i] * a[k];                                                         \
    }
BOTH_REALS(float)
BOTH_REALS(double)

#define OF_TYPE(s, f, ...) \
    ((s)->element == sizeof(double) ? f##_double(__VA_ARGS__) : f##_float(__VA_ARGS__))

/* ---- layout ---- */

static const e3tp_maker *maker_of(const e3tp_sweep *s)
{
    return &s->call->job->maker;
}

static size_t take(e3tp_sweep *s, size_t numbers)
{
    return e3tp_take(&s->bytes, 64, s->rows * numbers * s->element, false);
}

static bool is_typed(const e3tp_sweep *s)
{
    return s->call->job->at[OP_W] == E3TP_AT_TYPE;
}

/* Whether the gradient by the arguments is computed. */
static bool needs_arguments(const e3tp_sweep *s)
{
    return s->wanted[OP_A] || (s->wanted[OP_V] && e3tp_sweep_takes_lengths(s));
}

static void lay_out_vectors(e3tp_sweep *s)
{
    e3tp_made *m = &s->made;
    const size_t dim = s->rotated ? 0 : s->call->job->width[OP_Y];
    m->v = take(s, 3), m->y = take(s, dim);
    if (s->call->t[OP_V])
        m->tv = take(s, 3), m->ty = take(s, dim);
    for (int i = 0; i < 2 && s->wanted[OP_V]; i++)
        m->gy[i] = take(s, dim), m->gv[i] = take(s, 3);
}

/* Whether derivatives of weights by a distance are made. */
static bool needs_slopes(const e3tp_sweep *s)
{
    return e3tp_maker_is_radial(maker_of(s)) && needs_arguments(s);
}

/* Second ones, or slopes of a table's tangent. */
static bool needs_curves(const e3tp_sweep *s)
{
    return needs_slopes(s) && s->again[OP_W];
}

static void lay_out_factors(e3tp_sweep *s)
{
    e3tp_made *m = &s->made;
    const bool radial = e3tp_maker_is_radial(maker_of(s));
    const size_t terms = e3tp_maker_terms(maker_of(s)), arguments = radial ? 1 : terms;
    m->types = e3tp_take(&s->bytes, 64, s->rows * sizeof(int32_t), false);
    m->first = e3tp_take(&s->bytes, 64, s->rows * sizeof(size_t), false);
    m->each = e3tp_take(&s->bytes, 64, s->rows * sizeof(size_t), false);
    m->a = take(s, arguments), m->ga = take(s, arguments), m->along = take(s, 1);
    m->b = take(s, terms);
    if (radial)
        m->db = take(s, terms), m->ddb = take(s, terms);
    if (e3tp_sweep_moves_factors(s))
        m->ta = take(s, arguments), m->tb = take(s, terms);
}

static void lay_out_weights(e3tp_sweep *s)
{
    e3tp_made *m = &s->made;
    const size_t width = s->call->job->width[OP_W];
    lay_out_factors(s);
    m->w = take(s, width);
    if (needs_slopes(s))
        m->slope = take(s, width);
    if (needs_curves(s))
        m->curve = take(s, width);
    if (e3tp_sweep_moves_factors(s) || s->call->t[OP_W])
        m->tw = take(s, width);
    for (int i = 0; i < 2 && s->computed[OP_W]; i++)
        m->gw[i] = e3tp_sweep_keeps_pair(s, i) ? 0 : take(s, width);
}

void e3tp_made_lay_out(e3tp_sweep *s)
{
    if (e3tp_sweep_makes(s, OP_Y))
        lay_out_vectors(s);
    if (e3tp_sweep_makes(s, OP_W))
        lay_out_weights(s);
}

/* ---- operands ---- */

static e3tp_sh_call sh_call(const e3tp_sweep *s, const e3tp_segment *g, const char *scratch)
{
    return (e3tp_sh_call){.map = &maker_of(s)->sh->map,
                          .v = {g->n, scratch + s->made.v, NULL, NULL}};
}

static void make_harmonics(const e3tp_sweep *s, const e3tp_segment *g, char *scratch,
                           e3tp_block_call *q)
{
    const e3tp_made *m = &s->made;
    const e3tp_sh_kernels *kernels = maker_of(s)->sh->kernels;
    const size_t bytes = 3 * s->element;
    e3tp_sh_call c = sh_call(s, g, scratch);
    e3tp_segment_gather(s, g, s->call->in[OP_V], bytes, scratch + m->v);
    if (s->call->t[OP_V])
        e3tp_segment_gather(s, g, s->call->t[OP_V], bytes, scratch + m->tv);
    if (s->rotated)
        return;
    c.values = scratch + m->y;
    kernels->evaluate(&c, 0, g->n);
    q->in[OP_Y] = c.values;
    q->stride[OP_Y] = (ptrdiff_t)s->call->job->width[OP_Y];
    if (!s->call->t[OP_V])
        return;
    c.gg = scratch + m->tv, c.hg = scratch + m->ty;
    kernels->double_backward(&c, 0, g->n);
    q->t[OP_Y] = c.hg;
}

/* Arguments and their tangents. */
static void set_arguments(const e3tp_sweep *s, const e3tp_segment *g, char *scratch)
{
    const e3tp_made *m = &s->made;
    const size_t bytes = s->row[OP_A];
    char *a = scratch + m->a, *ta = scratch + m->ta, *v = scratch + m->v;
    if (!e3tp_sweep_takes_lengths(s)) {
        e3tp_segment_gather(s, g, s->call->in[OP_A], bytes, a);
        if (e3tp_sweep_moves_factors(s))
            e3tp_segment_gather(s, g, s->call->t[OP_A], bytes, ta);
        return;
    }
    OF_TYPE(s, lengths, g->n, (const void *)v, (void *)a);
    if (e3tp_sweep_moves_factors(s))
        OF_TYPE(s, along, g->n, (const void *)v, (const void *)a, (const void *)(scratch + m->tv),
                (void *)ta);
}

/* The factors of rows of a table, where the window keeps them if its gradient is wanted. */
static void *factors_at(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                        char *scratch, int which)
{
    const size_t bytes = e3tp_maker_terms(maker_of(s)) * s->element;
    return e3tp_sweep_has_table(s) ? to->factors[which] + (g->place - to->table_first) * bytes
                                   : scratch + (which ? s->made.tb : s->made.b);
}

static size_t *first_rows(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                          char *scratch)
{
    return e3tp_sweep_has_table(s) ? to->table_row + (g->place - to->table_first)
                                   : (size_t *)(void *)(scratch + s->made.first);
}

/* The types of the edges; NULL: one table. */
static const int32_t *types_of(const e3tp_sweep *s, const e3tp_segment *g, char *scratch)
{
    if (!is_typed(s))
        return NULL;
    e3tp_segment_gather(s, g, s->call->edge_type, sizeof(int32_t), scratch + s->made.types);
    return (const int32_t *)(void *)(scratch + s->made.types);
}

static void set_factors(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                        char *scratch)
{
    const e3tp_maker *maker = maker_of(s);
    const e3tp_made *m = &s->made;
    const int32_t *types = types_of(s, g, scratch);
    const void *a = scratch + m->a;
    size_t *first = first_rows(s, g, to, scratch);
    char *b = factors_at(s, g, to, scratch, 0);
    char *db = needs_slopes(s) || e3tp_sweep_moves_factors(s) ? scratch + m->db : NULL;
    char *ddb = needs_curves(s) ? scratch + m->ddb : NULL;
    if (maker->spline) {
        e3tp_spline_basis(&maker->spline->map, g->n, a, types, b, db, ddb, first);
        return;
    }
    for (size_t i = 0; i < g->n; i++)
        first[i] = types ? (size_t)types[i] * e3tp_maker_rows(maker) : 0;
    if (maker->radial)
        maker->radial->kernel->eval(&maker->radial->map, g->n, a, b, db, ddb);
    else
        memcpy(b, a, g->n * s->row[OP_A]);
}

static void set_factor_tangents(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                                char *scratch)
{
    const e3tp_made *m = &s->made;
    const size_t terms = e3tp_maker_terms(maker_of(s));
    char *tb = factors_at(s, g, to, scratch, 1);
    if (e3tp_maker_is_radial(maker_of(s)))
        OF_TYPE(s, scale, g->n, terms, (const void *)(scratch + m->db),
                (const void *)(scratch + m->ta), (void *)tb);
    else
        memcpy(tb, scratch + m->ta, g->n * s->row[OP_A]);
}

static e3tp_expand expansion(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                             char *scratch)
{
    return (e3tp_expand){g->n,
                         e3tp_maker_terms(maker_of(s)),
                         s->call->job->width[OP_W],
                         factors_at(s, g, to, scratch, 0),
                         first_rows(s, g, to, scratch),
                         NULL};
}

/* w, and beside it in one pass over the table what else is made of M: slopes, tangents. */
static void make_rows(const e3tp_sweep *s, const e3tp_expand *e, const void *tb, char *scratch)
{
    const e3tp_made *m = &s->made;
    const e3tp_expand_kernels *kernels = maker_of(s)->expand;
    const void *table = s->call->in[OP_W];
    char *w = scratch + m->w, *slope = scratch + m->slope, *tw = scratch + m->tw;
    if (!needs_slopes(s) && !tb) {
        kernels->rows(e, table, w, false);
    } else if (!needs_slopes(s)) {
        kernels->rows_of_two(e, tb, table, w, tw);
    } else {
        kernels->rows_of_two(e, scratch + m->db, table, w, slope);
        if (tb)
            OF_TYPE(s, scale, e->n, e->width, (const void *)slope, (const void *)(scratch + m->ta),
                    (void *)tw);
    }
}

static void make_weights(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                         char *scratch, e3tp_block_call *q)
{
    const e3tp_conv_call *c = s->call;
    char *tw = scratch + s->made.tw;
    const bool moves = e3tp_sweep_moves_factors(s);
    set_arguments(s, g, scratch);
    set_factors(s, g, to, scratch);
    if (moves)
        set_factor_tangents(s, g, to, scratch);
    const e3tp_expand e = expansion(s, g, to, scratch);
    make_rows(s, &e, moves ? factors_at(s, g, to, scratch, 1) : NULL, scratch);
    if (c->t[OP_W])
        maker_of(s)->expand->rows(&e, c->t[OP_W], tw, moves);
    q->in[OP_W] = scratch + s->made.w;
    q->t[OP_W] = moves || c->t[OP_W] ? tw : NULL;
    q->stride[OP_W] = (ptrdiff_t)e.width;
}

void e3tp_made_operands(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                        char *scratch, e3tp_block_call *q)
{
    if (e3tp_sweep_makes(s, OP_Y))
        make_harmonics(s, g, scratch, q);
    if (e3tp_sweep_makes(s, OP_W))
        make_weights(s, g, to, scratch, q);
}

/* ---- results ---- */

void *e3tp_made_gradient(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                         char *scratch, int k, bool again)
{
    if (k == OP_Y)
        return scratch + s->made.gy[again];
    return e3tp_sweep_keeps_pair(s, again)
               ? to->gradient[again] + (g->place - to->table_first) * s->row[OP_W]
               : scratch + s->made.gw[again];
}

/* to[i] (+)= g[i] . rows[i] */
static void dot_rows(const e3tp_sweep *s, size_t n, const void *g, const void *rows, char *scratch,
                     void *to, bool add)
{
    size_t *each = (size_t *)(void *)(scratch + s->made.each);
    for (size_t i = 0; i < n; i++)
        each[i] = i;
    const e3tp_expand e = {n, 1, s->call->job->width[OP_W], NULL, each, NULL};
    maker_of(s)->expand->terms(&e, rows, g, to, add);
}

/* The gradient by distances: of gw and slopes; in second order as the header of this file has it,
   rows of slopes first of ggM, then of M. */
static void set_distance_gradients(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                                   char *scratch)
{
    const e3tp_conv_call *c = s->call;
    const e3tp_made *m = &s->made;
    char *ga = scratch + m->ga, *along = scratch + m->along, *curve = scratch + m->curve;
    e3tp_expand e = expansion(s, g, to, scratch);
    dot_rows(s, g->n, e3tp_made_gradient(s, g, to, scratch, OP_W, false), scratch + m->slope,
             scratch, ga, false);
    if (!s->again[OP_W])
        return;
    const void *gw = e3tp_made_gradient(s, g, to, scratch, OP_W, true);
    e.b = scratch + m->db;
    if (c->t[OP_W]) {
        maker_of(s)->expand->rows(&e, c->t[OP_W], curve, false);
        dot_rows(s, g->n, gw, curve, scratch, ga, true);
    }
    if (!e3tp_sweep_moves_factors(s))
        return;
    e.b = scratch + m->ddb;
    maker_of(s)->expand->rows(&e, c->in[OP_W], curve, false);
    dot_rows(s, g->n, gw, curve, scratch, along, false);
    OF_TYPE(s, scale, g->n, 1, (const void *)along, (const void *)(scratch + m->ta), (void *)along);
    e3tp_sum_add(s->element, ga, along, g->n);
}

/* The gradient by activations, the factors themselves. */
static void set_activation_gradients(const e3tp_sweep *s, const e3tp_segment *g,
                                     const e3tp_sinks *to, char *scratch)
{
    const e3tp_conv_call *c = s->call;
    const e3tp_expand_kernels *kernels = maker_of(s)->expand;
    const e3tp_expand e = expansion(s, g, to, scratch);
    char *ga = scratch + s->made.ga;
    kernels->terms(&e, c->in[OP_W], e3tp_made_gradient(s, g, to, scratch, OP_W, false), ga, false);
    if (s->again[OP_W] && c->t[OP_W])
        kernels->terms(&e, c->t[OP_W], e3tp_made_gradient(s, g, to, scratch, OP_W, true), ga, true);
}

/* From the gradient by lengths to the one by vectors. */
static void add_lengths(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                        char *scratch, void *gv)
{
    const e3tp_made *m = &s->made;
    const void *v = scratch + m->v, *r = scratch + m->a;
    void *along = scratch + m->along;
    OF_TYPE(s, add_along, g->n, v, r, (const void *)(scratch + m->ga), gv);
    if (!s->again[OP_W] || !e3tp_sweep_moves_factors(s))
        return;
    dot_rows(s, g->n, e3tp_made_gradient(s, g, to, scratch, OP_W, true), scratch + m->slope,
             scratch, along, false);
    OF_TYPE(s, add_across, g->n, v, r, along, (const void *)(scratch + m->tv),
            (const void *)(scratch + m->ta), gv);
}

static void deliver_vectors(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                            char *scratch)
{
    const e3tp_made *m = &s->made;
    const e3tp_sh_kernels *kernels = maker_of(s)->sh->kernels;
    char *gv = scratch + m->gv[0], *second = scratch + m->gv[1];
    e3tp_sh_call c = sh_call(s, g, scratch);
    c.g = scratch + m->gy[0], c.gv = gv;
    if (!s->rotated)
        kernels->backward(&c, 0, g->n);
    if (s->again[OP_Y]) {
        c.g = scratch + m->gy[1], c.gg = scratch + m->tv, c.gv = second;
        kernels->double_backward(&c, 0, g->n);
        e3tp_sum_add(s->element, gv, second, 3 * g->n);
    }
    if (e3tp_sweep_takes_lengths(s))
        add_lengths(s, g, to, scratch, gv);
    e3tp_segment_scatter(s, g, gv, 3 * s->element, s->call->out[OP_V]);
}

void e3tp_made_results(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                       char *scratch)
{
    if (needs_slopes(s))
        set_distance_gradients(s, g, to, scratch);
    else if (needs_arguments(s))
        set_activation_gradients(s, g, to, scratch);
    if (s->wanted[OP_A])
        e3tp_segment_scatter(s, g, scratch + s->made.ga, s->row[OP_A], s->call->out[OP_A]);
    if (s->wanted[OP_V])
        deliver_vectors(s, g, to, scratch);
}
