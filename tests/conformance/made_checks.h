/* SPDX-License-Identifier: MIT */
/* Convolutions that make harmonics and weights in the cache: settings, the world of one, random
   operands, and all passes through the library, their arrays between pages that fault. */
#ifndef E3TP_TESTS_MADE_CHECKS_H
#define E3TP_TESTS_MADE_CHECKS_H

#include <math.h>
#include <stdbool.h>

#include "e3tp/graph.h"
#include "guard.h"
#include "host.h"
#include "layer.h"
#include "suite.h"

enum { NODES = 13, SENDERS = 17, EDGES = 150, CROWDED = 70, TYPES = 3, KNOTS = 11, BASIS = 5 };
enum { HIDDEN = 7, MOST_TERMS = 8, MOST_LENGTH = 6 };
enum { X, Y, W, Z, V, A, OPERANDS };
static const double r_max = 4;
static e3tp_isa tier;
static bool gives_work;

/* ---- a case ---- */

typedef enum weights { STORED, SPLINE, RADIAL, LAYER } weights;
/* Of the product, and of the form: channel-wise, CUT to order 0 in the frame of an edge; or Gaunt,
   y with one channel. */
typedef enum kind { GENERAL, ROTATED, CUT, GAUNT } kind;

typedef struct setting {
    bool harmonics;
    weights w;
    bool lengths, typed, by_path;
    size_t mul;
    e3tp_layout layout;
    e3tp_place x, z;
    double scale;
    kind kind;
    bool pairs; /* y at the type, of some edges that of the opposite vector */
} setting;

static const setting settings[] = {
    {true, STORED, false, false, false, 16, E3TP_IR_MUL, E3TP_AT_SENDER, E3TP_AT_RECEIVER, 0.5,
     GENERAL, false},
    {true, SPLINE, true, false, false, 16, E3TP_IR_MUL, E3TP_AT_SENDER, E3TP_AT_RECEIVER, 1,
     GENERAL, false},
    {true, SPLINE, true, true, false, 5, E3TP_MUL_IR, E3TP_AT_SENDER, E3TP_AT_RECEIVER, 0.5,
     GENERAL, false},
    {false, SPLINE, false, true, true, 5, E3TP_MUL_IR, E3TP_AT_RECEIVER, E3TP_AT_EDGE, 2, GENERAL,
     false},
    {true, SPLINE, false, false, false, 5, E3TP_IR_MUL, E3TP_AT_EDGE, E3TP_AT_RECEIVER, 1, GENERAL,
     false},
    {true, RADIAL, true, true, false, 16, E3TP_IR_MUL, E3TP_AT_SENDER, E3TP_AT_RECEIVER, 1, GENERAL,
     false},
    {false, RADIAL, false, false, false, 3, E3TP_MUL_IR, E3TP_AT_SENDER, E3TP_AT_RECEIVER, 0.5,
     GENERAL, false},
    {true, LAYER, false, false, true, 16, E3TP_IR_MUL, E3TP_AT_SENDER, E3TP_AT_RECEIVER, 1, GENERAL,
     false},
    {false, LAYER, false, true, false, 5, E3TP_IR_MUL, E3TP_AT_SHARED, E3TP_AT_RECEIVER, -1,
     GENERAL, false},
    {true, STORED, false, false, false, 16, E3TP_IR_MUL, E3TP_AT_SENDER, E3TP_AT_RECEIVER, 0.5,
     ROTATED, false},
    {true, STORED, false, false, true, 21, E3TP_MUL_IR, E3TP_AT_RECEIVER, E3TP_AT_EDGE, 1, ROTATED,
     false},
    {true, SPLINE, true, true, false, 5, E3TP_MUL_IR, E3TP_AT_SENDER, E3TP_AT_RECEIVER, 0.5,
     ROTATED, false},
    {true, LAYER, false, false, true, 16, E3TP_IR_MUL, E3TP_AT_SHARED, E3TP_AT_RECEIVER, 1, ROTATED,
     false},
    {true, STORED, false, false, false, 16, E3TP_IR_MUL, E3TP_AT_SENDER, E3TP_AT_RECEIVER, 1, GAUNT,
     false},
    {true, SPLINE, true, false, false, 5, E3TP_MUL_IR, E3TP_AT_SENDER, E3TP_AT_RECEIVER, 1, GAUNT,
     false},
    {false, SPLINE, false, true, false, 5, E3TP_MUL_IR, E3TP_AT_SENDER, E3TP_AT_RECEIVER, 0.5,
     GENERAL, true},
    {false, LAYER, false, false, false, 16, E3TP_IR_MUL, E3TP_AT_SENDER, E3TP_AT_EDGE, 1, GENERAL,
     true},
    {false, STORED, false, false, false, 3, E3TP_MUL_IR, E3TP_AT_SENDER, E3TP_AT_RECEIVER, 1, GAUNT,
     true},
    {true, STORED, false, false, true, 21, E3TP_MUL_IR, E3TP_AT_RECEIVER, E3TP_AT_EDGE, 1, CUT,
     false},
    {true, SPLINE, true, true, false, 16, E3TP_IR_MUL, E3TP_AT_SENDER, E3TP_AT_RECEIVER, 0.5, CUT,
     false},
};
enum { CUTS = 2 }; /* which come last: no convolution of stored operands has their map */

typedef struct world {
    const setting *s;
    e3tp_dtype dtype;
    e3tp_plan *plan;
    e3tp_sh *sh;
    e3tp_spline *spline;
    e3tp_radial *radial;
    e3tp_graph *graph;
    int64_t receivers[EDGES], senders[EDGES];
    int32_t types[EDGES];
    uint8_t reversed[EDGES];
    size_t width[OPERANDS], size[OPERANDS]; /* elements of a row of the product; of the array */
} world;

static unsigned state = 1;

static inline double draw(void)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) / (double)(1 << 24);
}

static inline double *numbers(size_t n)
{
    double *a = malloc((n + 1) * sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i] = 2 * draw() - 1;
    return a;
}

static meter memory = {-1, 0, 0};

/* To the degrees of the layer. */
static inline e3tp_desc *gaunt_desc(const setting *s)
{
    static const int l[] = {0, 1, 2};
    e3tp_desc *d;
    e3tp_desc_create(&d, E3TP_OP_GAUNT);
    for (int k = 0; k < 3; k++) {
        e3tp_desc_set_degrees(d, (e3tp_operand)k, l, k ? 3 : 2);
        e3tp_desc_set_layout(d, (e3tp_operand)k, s->layout);
    }
    e3tp_desc_set_channels(d, s->mul);
    e3tp_desc_set_y_channels(d, 1);
    e3tp_desc_set_weights(d, E3TP_WEIGHTS_ROW);
    return d;
}

static inline e3tp_plan *plan_of(const setting *s, e3tp_dtype dtype, int threads, bool wide)
{
    char x[40];
    snprintf(x, sizeof x, "%zux0e+%zux1o", s->mul, s->mul);
    e3tp_desc *d = s->kind == GAUNT ? gaunt_desc(s) : layer_desc(x, "0e+1o+2e", s->layout);
    if (s->by_path)
        e3tp_desc_set_weight_shape(d, E3TP_WEIGHT_BY_PATH);
    e3tp_desc_set_dtype(d, dtype);
    if (wide)
        e3tp_desc_set_accumulation(d, E3TP_F64);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_threads(d, threads);
    e3tp_desc_set_allocator(d, metered_alloc, metered_free, &memory);
    return plan_from(d);
}

static inline void make_makers(world *o)
{
    static const int ls[] = {0, 1, 2};
    e3tp_sh_desc h = e3tp_sh_desc_init(ls, 3, 1, E3TP_SH_COMPONENT);
    e3tp_spline_desc s = e3tp_spline_desc_init(KNOTS, r_max, o->width[W]);
    e3tp_radial_desc r =
        e3tp_radial_desc_init(E3TP_RADIAL_BESSEL, E3TP_CUTOFF_POLYNOMIAL, BASIS, r_max);
    h.dtype = s.dtype = r.dtype = o->dtype;
    h.isa = s.isa = r.isa = tier;
    ck_assert_int_eq(e3tp_sh_create(&o->sh, &h, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_create(&o->spline, &s, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_radial_create(&o->radial, &r, NULL, 0), E3TP_OK);
}

static inline void make_graph(world *o)
{
    for (int e = 0; e < EDGES; e++) {
        o->receivers[e] = e < CROWDED && e % 2 ? 4 : (int64_t)(draw() * (NODES - 1));
        o->senders[e] = (int64_t)(draw() * (SENDERS - 1));
        o->types[e] = (int32_t)(draw() * TYPES);
        o->reversed[e] = e % 3 == 0;
    }
    ck_assert_int_eq(e3tp_graph_create(&o->graph, E3TP_INT64, o->receivers, o->senders, EDGES,
                                       NODES, SENDERS, NULL, 0),
                     E3TP_OK);
}

static inline size_t terms_of(const world *o)
{
    static const size_t terms[] = {0, 4, BASIS, HIDDEN};
    return terms[o->s->w];
}

static inline size_t table_rows(const world *o)
{
    return o->s->w == SPLINE ? KNOTS + 2 : terms_of(o);
}

static inline size_t place_rows(e3tp_place at)
{
    static const size_t rows[] = {EDGES, SENDERS, NODES, TYPES, 1};
    return rows[at];
}

static inline world world_of(const setting *s, e3tp_dtype dtype, int threads, bool wide)
{
    world o = {.s = s, .dtype = dtype, .plan = plan_of(s, dtype, threads, wide)};
    static const e3tp_operand operand[] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z};
    state = 3;
    for (int k = 0; k < V; k++)
        o.width[k] = e3tp_plan_width(o.plan, operand[k]);
    o.width[V] = 3;
    o.width[A] = s->w == LAYER ? HIDDEN : 1;
    make_makers(&o);
    make_graph(&o);
    o.size[X] = place_rows(s->x) * o.width[X];
    o.size[Y] = s->harmonics ? 0 : (s->pairs ? TYPES : EDGES) * o.width[Y];
    o.size[W] =
        s->w == STORED ? EDGES * o.width[W] : (s->typed ? TYPES : 1) * table_rows(&o) * o.width[W];
    o.size[Z] = place_rows(s->z) * o.width[Z];
    o.size[V] = s->harmonics ? EDGES * 3 : 0;
    o.size[A] = s->w == STORED || s->lengths ? 0 : EDGES * o.width[A];
    return o;
}

static inline void free_world(world *o)
{
    e3tp_graph_destroy(o->graph);
    e3tp_sh_destroy(o->sh);
    e3tp_spline_destroy(o->spline);
    e3tp_radial_destroy(o->radial);
    e3tp_plan_destroy(o->plan);
}

static inline e3tp_conv_desc desc_of(const world *o)
{
    const setting *s = o->s;
    e3tp_conv_desc d = e3tp_conv_desc_init(o->plan);
    d.x = s->x, d.z = s->z, d.scale = s->scale;
    d.y = s->pairs ? E3TP_AT_TYPE : E3TP_AT_EDGE;
    d.w = s->w == STORED ? E3TP_AT_EDGE : s->typed ? E3TP_AT_TYPE : E3TP_AT_SHARED;
    d.sh = s->harmonics ? o->sh : NULL;
    d.spline = s->w == SPLINE ? o->spline : NULL;
    d.radial = s->w == RADIAL ? o->radial : NULL;
    d.activations = s->w == LAYER ? HIDDEN : 0;
    d.form = s->kind == ROTATED || s->kind == CUT ? E3TP_CONV_ROTATED : E3TP_CONV_GENERAL;
    d.m_max = s->kind == CUT ? 0 : -1;
    return d;
}

/* ---- operands, and the results of all passes ---- */

/* x, y, w, gz, v, a. */
typedef struct operands {
    double *of[OPERANDS];
} operands;

/* Distances keep off the end of the splines, whose random coefficients jump there. */
static inline double distance(void)
{
    const double r = 0.4 + draw() * (MOST_LENGTH - 0.4);
    return fabs(r - r_max) < 0.1 ? r - 0.3 : r;
}

static inline void stretch(double *v)
{
    const double length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]), r = distance();
    for (int d = 0; d < 3; d++)
        v[d] *= r / length;
}

static inline operands random_operands(const world *o)
{
    operands p;
    for (int k = 0; k < OPERANDS; k++)
        p.of[k] = numbers(o->size[k]);
    for (int e = 0; e < EDGES; e++) {
        if (o->size[V])
            stretch(p.of[V] + 3 * e);
        if (o->size[A] && o->s->w != LAYER)
            p.of[A][e] = distance();
    }
    return p;
}

static inline operands directions(const world *o)
{
    operands p;
    for (int k = 0; k < OPERANDS; k++)
        p.of[k] = numbers(o->size[k]);
    return p;
}

static inline void free_operands(operands *p)
{
    for (int k = 0; k < OPERANDS; k++)
        free(p->of[k]);
}

/* By pass: z; gradients; seconds, [Z] hz; [Z] the JVP. */
typedef struct outcome {
    double *of[4][OPERANDS];
} outcome;

static inline size_t out_size(const world *o, int pass, int k)
{
    const bool gradient = pass == E3TP_BACKWARD ? k != Z : pass == E3TP_DOUBLE_BACKWARD;
    return gradient || k == Z ? (pass == E3TP_BACKWARD && k == Z ? 0 : o->size[k]) : 0;
}

static inline outcome empty_outcome(const world *o)
{
    outcome r;
    for (int pass = 0; pass < 4; pass++)
        for (int k = 0; k < OPERANDS; k++) {
            r.of[pass][k] = numbers(out_size(o, pass, k));
            memset(r.of[pass][k], 0, out_size(o, pass, k) * sizeof(double));
        }
    return r;
}

static inline void free_outcome(outcome *r)
{
    for (int pass = 0; pass < 4; pass++)
        for (int k = 0; k < OPERANDS; k++)
            free(r->of[pass][k]);
}

/* ---- through the library ---- */

/* Arrays of a call, each up to a page that faults. */
static struct {
    guard_area area;
    unsigned char *at;
    size_t bytes;
} held[3 * OPERANDS];
static size_t holds;

static inline void *stored(const world *o, const double *a, size_t n)
{
    const size_t bytes = n * (o->dtype == E3TP_F32 ? sizeof(float) : sizeof(double));
    if (!n)
        return NULL;
    held[holds].area = guard_create(bytes);
    unsigned char *to = guard_place(&held[holds].area, bytes, GUARD_AFTER, 0);
    held[holds].at = to, held[holds++].bytes = bytes;
    for (size_t i = 0; i < n; i++)
        if (o->dtype == E3TP_F32)
            ((float *)(void *)to)[i] = (float)a[i];
        else
            ((double *)(void *)to)[i] = a[i];
    return to;
}

static inline void release_arrays(void)
{
    while (holds--) {
        ck_assert(guard_intact(&held[holds].area, held[holds].at, held[holds].bytes));
        guard_destroy(&held[holds].area);
    }
    holds = 0;
}

static inline void widen(const world *o, const void *from, size_t n, double *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = o->dtype == E3TP_F32 ? (double)((const float *)from)[i] : ((const double *)from)[i];
}

typedef e3tp_status pass_call(const e3tp_conv *, const e3tp_graph *, const e3tp_conv_buffers *);
static pass_call *const calls[] = {e3tp_conv_forward, e3tp_conv_backward, e3tp_conv_double_backward,
                                   e3tp_conv_jvp};

static inline e3tp_conv_buffers buffers_of(const world *o, void *const in[OPERANDS],
                                           void *const t[OPERANDS], void *const out[OPERANDS],
                                           int pass)
{
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = in[X], b.y = in[Y], b.w = in[W], b.gz = in[Z], b.v = in[V], b.a = in[A];
    b.ggx = t[X], b.ggy = t[Y], b.ggw = t[W], b.ggv = t[V], b.gga = t[A];
    b.edge_type = o->types, b.num_types = TYPES;
    b.edge_reversed = o->s->pairs ? o->reversed : NULL;
    if (pass == E3TP_BACKWARD)
        b.gx = out[X], b.gy = out[Y], b.gw = out[W], b.gv = out[V], b.ga = out[A];
    if (pass == E3TP_DOUBLE_BACKWARD)
        b.hx = out[X], b.hy = out[Y], b.hw = out[W], b.hv = out[V], b.ha = out[A];
    b.z = out[Z], b.hz = out[Z];
    return b;
}

static inline void run_pass(const world *o, const e3tp_conv *c, int pass, const operands *p,
                            const operands *t, double *const to[OPERANDS])
{
    void *in[OPERANDS], *tangent[OPERANDS], *out[OPERANDS];
    char text[300] = "";
    for (int k = 0; k < OPERANDS; k++) {
        in[k] = stored(o, p->of[k], o->size[k]);
        tangent[k] = t ? stored(o, t->of[k], o->size[k]) : NULL;
        out[k] = stored(o, to[k], out_size(o, pass, k));
    }
    e3tp_conv_buffers b = buffers_of(o, in, tangent, out, pass);
    const size_t bytes = e3tp_conv_work_bytes(c, (e3tp_pass)pass, o->graph, &b);
    unsigned char *work = gives_work ? aligned_alloc(64, (bytes + 127) / 64 * 64) : NULL;
    if (gives_work)
        memset(work, 0xff, bytes + 1);
    ck_assert_uint_gt(bytes, 0);
    b.work = work;
    ck_assert_msg(e3tp_conv_buffers_check(c, (e3tp_pass)pass, o->graph, &b, text, sizeof text) ==
                      E3TP_OK,
                  "%s", text);
    ck_assert_int_eq(calls[pass](c, o->graph, &b), E3TP_OK);
    ck_assert(!work || work[bytes] == 0xff);
    free(work);
    for (int k = 0; k < OPERANDS; k++)
        widen(o, out[k], out_size(o, pass, k), to[k]);
    release_arrays();
}

static inline e3tp_conv *conv_of(const world *o)
{
    e3tp_conv *c;
    char text[300] = "";
    const e3tp_conv_desc d = desc_of(o);
    ck_assert_msg(e3tp_conv_create(&c, o->plan, &d, text, sizeof text) == E3TP_OK, "%s", text);
    return c;
}

static inline outcome run(const world *o, const operands *p, const operands *t)
{
    outcome r = empty_outcome(o);
    e3tp_conv *c = conv_of(o);
    for (int pass = 0; pass < 4; pass++)
        run_pass(o, c, pass, p, t, r.of[pass]);
    e3tp_conv_destroy(c);
    return r;
}

#endif
