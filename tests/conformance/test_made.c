/* SPDX-License-Identifier: MIT */
/* Convolutions that make harmonics and weights in the cache, or take y by pair of edges: against
   the same convolution of stored ones, with the chain rule written out here; every pass against
   differences of another; single precision, threads, misuse. */
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

static double draw(void)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) / (double)(1 << 24);
}

static double *numbers(size_t n)
{
    double *a = malloc((n + 1) * sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i] = 2 * draw() - 1;
    return a;
}

static meter memory = {-1, 0, 0};

/* To the degrees of the layer. */
static e3tp_desc *gaunt_desc(const setting *s)
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

static e3tp_plan *plan_of(const setting *s, e3tp_dtype dtype, int threads, bool wide)
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

static void make_makers(world *o)
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

static void make_graph(world *o)
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

static size_t terms_of(const world *o)
{
    static const size_t terms[] = {0, 4, BASIS, HIDDEN};
    return terms[o->s->w];
}

static size_t table_rows(const world *o)
{
    return o->s->w == SPLINE ? KNOTS + 2 : terms_of(o);
}

static size_t place_rows(e3tp_place at)
{
    static const size_t rows[] = {EDGES, SENDERS, NODES, TYPES, 1};
    return rows[at];
}

static world world_of(const setting *s, e3tp_dtype dtype, int threads, bool wide)
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

static void free_world(world *o)
{
    e3tp_graph_destroy(o->graph);
    e3tp_sh_destroy(o->sh);
    e3tp_spline_destroy(o->spline);
    e3tp_radial_destroy(o->radial);
    e3tp_plan_destroy(o->plan);
}

static e3tp_conv_desc desc_of(const world *o)
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
static double distance(void)
{
    const double r = 0.4 + draw() * (MOST_LENGTH - 0.4);
    return fabs(r - r_max) < 0.1 ? r - 0.3 : r;
}

static void stretch(double *v)
{
    const double length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]), r = distance();
    for (int d = 0; d < 3; d++)
        v[d] *= r / length;
}

static operands random_operands(const world *o)
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

static operands directions(const world *o)
{
    operands p;
    for (int k = 0; k < OPERANDS; k++)
        p.of[k] = numbers(o->size[k]);
    return p;
}

static void free_operands(operands *p)
{
    for (int k = 0; k < OPERANDS; k++)
        free(p->of[k]);
}

/* By pass: z; gradients; seconds, [Z] hz; [Z] the JVP. */
typedef struct outcome {
    double *of[4][OPERANDS];
} outcome;

static size_t out_size(const world *o, int pass, int k)
{
    const bool gradient = pass == E3TP_BACKWARD ? k != Z : pass == E3TP_DOUBLE_BACKWARD;
    return gradient || k == Z ? (pass == E3TP_BACKWARD && k == Z ? 0 : o->size[k]) : 0;
}

static outcome empty_outcome(const world *o)
{
    outcome r;
    for (int pass = 0; pass < 4; pass++)
        for (int k = 0; k < OPERANDS; k++) {
            r.of[pass][k] = numbers(out_size(o, pass, k));
            memset(r.of[pass][k], 0, out_size(o, pass, k) * sizeof(double));
        }
    return r;
}

static void free_outcome(outcome *r)
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

static void *stored(const world *o, const double *a, size_t n)
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

static void release_arrays(void)
{
    while (holds--) {
        ck_assert(guard_intact(&held[holds].area, held[holds].at, held[holds].bytes));
        guard_destroy(&held[holds].area);
    }
    holds = 0;
}

static void widen(const world *o, const void *from, size_t n, double *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = o->dtype == E3TP_F32 ? (double)((const float *)from)[i] : ((const double *)from)[i];
}

typedef e3tp_status pass_call(const e3tp_conv *, const e3tp_graph *, const e3tp_conv_buffers *);
static pass_call *const calls[] = {e3tp_conv_forward, e3tp_conv_backward, e3tp_conv_double_backward,
                                   e3tp_conv_jvp};

static e3tp_conv_buffers buffers_of(const world *o, void *const in[OPERANDS],
                                    void *const t[OPERANDS], void *const out[OPERANDS], int pass)
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

static void run_pass(const world *o, const e3tp_conv *c, int pass, const operands *p,
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

static e3tp_conv *conv_of(const world *o)
{
    e3tp_conv *c;
    char text[300] = "";
    const e3tp_conv_desc d = desc_of(o);
    ck_assert_msg(e3tp_conv_create(&c, o->plan, &d, text, sizeof text) == E3TP_OK, "%s", text);
    return c;
}

static outcome run(const world *o, const operands *p, const operands *t)
{
    outcome r = empty_outcome(o);
    e3tp_conv *c = conv_of(o);
    for (int pass = 0; pass < 4; pass++)
        run_pass(o, c, pass, p, t, r.of[pass]);
    e3tp_conv_destroy(c);
    return r;
}

/* ---- the chain rule by hand, in double, over a convolution of stored operands ---- */

/* Of an edge: harmonics with their derivatives, factors with theirs. */
typedef struct edge {
    double y[9], slope[3][9], bend[3][3][9];
    size_t first;
    double r, b[MOST_TERMS], db[MOST_TERMS], ddb[MOST_TERMS];
} edge;

/* The four cubic B-splines of an interval, u in 0..1 of it: textbook pieces. */
static void splines(double r, edge *q)
{
    const double h = r_max / (KNOTS - 1), at = floor(r / h), u = r / h - at, v = 1 - u;
    if (r >= r_max) {
        memset(q->b, 0, sizeof q->b), memset(q->db, 0, sizeof q->db);
        memset(q->ddb, 0, sizeof q->ddb);
        return;
    }
    const double b[] = {v * v * v / 6, (4 - 6 * u * u + 3 * u * u * u) / 6,
                        (4 - 6 * v * v + 3 * v * v * v) / 6, u * u * u / 6};
    const double db[] = {-v * v / 2, (3 * u * u - 4 * u) / 2, (4 * v - 3 * v * v) / 2, u * u / 2};
    const double ddb[] = {v, 3 * u - 2, 3 * v - 2, u};
    for (int k = 0; k < 4; k++)
        q->b[k] = b[k], q->db[k] = db[k] / h, q->ddb[k] = ddb[k] / (h * h);
    q->first += (size_t)at;
}

static edge edge_of(const world *o, const operands *p, int e)
{
    edge q = {.first = 0};
    const double *v = p->of[V] + 3 * e;
    if (o->size[V]) {
        const e3tp_sh_vectors one = {1, v, NULL, NULL};
        q.r = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        if (e3tp_sh_evaluate(o->sh, &one, q.y, q.slope, q.bend) != E3TP_OK)
            ck_abort();
    }
    if (o->s->typed)
        q.first = (size_t)o->types[e] * table_rows(o);
    if (o->size[A])
        q.r = p->of[A][(size_t)e * o->width[A]];
    if (o->s->w == SPLINE)
        splines(q.r, &q);
    if (o->s->w == RADIAL && e3tp_radial_eval(o->radial, &q.r, 1, q.b, q.db, q.ddb) != E3TP_OK)
        ck_abort();
    if (o->s->w == LAYER)
        memcpy(q.b, p->of[A] + (size_t)e * HIDDEN, HIDDEN * sizeof(double));
    return q;
}

static void add_scaled(double *to, double a, const double *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += a * from[i];
}

/* The tangent of factor k, and of the distance. */
static double distance_tangent(const world *o, const operands *p, const operands *t, int e,
                               const edge *q)
{
    return o->s->lengths ? dot(p->of[V] + 3 * e, t->of[V] + 3 * e, 3) / q->r : t->of[A][e];
}

static double factor_tangent(const world *o, const operands *p, const operands *t, int e,
                             const edge *q, size_t k)
{
    return o->s->w == LAYER ? t->of[A][(size_t)e * HIDDEN + k]
                            : q->db[k] * distance_tangent(o, p, t, e, q);
}

/* An edge's row of y, from a type's or to it. */
static void add_turned(const world *o, int e, const double *from, double *to)
{
    for (int i = 0; i < (int)o->width[Y]; i++)
        to[i] += o->reversed[e] && (int)sqrt(i) % 2 ? -from[i] : from[i];
}

/* Stored y and w of all edges, and their tangents, in place of what makes them. */
static void store_edge(const world *o, const operands *p, const operands *t, int e, operands *sp,
                       operands *st)
{
    const edge q = edge_of(o, p, e);
    const size_t ny = o->width[Y], nw = o->width[W];
    for (size_t i = 0; o->s->harmonics && i < ny; i++) {
        sp->of[Y][(size_t)e * ny + i] = q.y[i];
        st->of[Y][(size_t)e * ny + i] = 0;
        for (int d = 0; d < 3; d++)
            st->of[Y][(size_t)e * ny + i] += t->of[V][3 * e + d] * q.slope[d][i];
    }
    if (o->s->pairs) {
        const size_t type = (size_t)o->types[e] * ny;
        add_turned(o, e, p->of[Y] + type, sp->of[Y] + (size_t)e * ny);
        add_turned(o, e, t->of[Y] + type, st->of[Y] + (size_t)e * ny);
    }
    for (size_t k = 0; k < terms_of(o); k++) {
        const double *row = p->of[W] + (q.first + k) * nw, *moved = t->of[W] + (q.first + k) * nw;
        add_scaled(sp->of[W] + (size_t)e * nw, q.b[k], row, nw);
        add_scaled(st->of[W] + (size_t)e * nw, q.b[k], moved, nw);
        add_scaled(st->of[W] + (size_t)e * nw, factor_tangent(o, p, t, e, &q, k), row, nw);
    }
}

/* Back from gradients by y and w: g those of the pass, f those of backward where t counts. */
static void chain_back(const world *o, const operands *p, const operands *t, int e,
                       double *const g[OPERANDS], double *const f[OPERANDS],
                       double *const to[OPERANDS])
{
    const edge q = edge_of(o, p, e);
    const size_t ny = o->width[Y], nw = o->width[W];
    const double *gy = g[Y] + (size_t)e * ny, *gw = g[W] + (size_t)e * nw;
    const double *fy = t ? f[Y] + (size_t)e * ny : NULL, *fw = t ? f[W] + (size_t)e * nw : NULL;
    for (int d = 0; d < 3 && o->s->harmonics; d++) {
        to[V][3 * e + d] += dot(gy, q.slope[d], ny);
        for (int c = 0; c < 3 && t; c++)
            to[V][3 * e + d] += dot(fy, q.bend[d][c], ny) * t->of[V][3 * e + c];
    }
    if (o->s->pairs)
        add_turned(o, e, gy, to[Y] + (size_t)o->types[e] * ny);
    double along = 0, bent = 0; /* the gradient by the distance; of gw w' */
    const bool radial = o->s->w == SPLINE || o->s->w == RADIAL;
    const double move = t && radial ? distance_tangent(o, p, t, e, &q) : 0;
    for (size_t k = 0; k < terms_of(o); k++) {
        const size_t at = (q.first + k) * nw;
        add_scaled(to[W] + at, q.b[k], gw, nw);
        double gb = dot(p->of[W] + at, gw, nw);
        if (t) {
            add_scaled(to[W] + at, factor_tangent(o, p, t, e, &q, k), fw, nw);
            gb += dot(t->of[W] + at, fw, nw);
            along += q.ddb[k] * move * dot(p->of[W] + at, fw, nw);
            bent += q.db[k] * dot(p->of[W] + at, fw, nw);
        }
        along += q.db[k] * gb;
        if (o->s->w == LAYER)
            to[A][(size_t)e * HIDDEN + k] += gb;
    }
    if (radial && !o->s->lengths)
        to[A][e] += along;
    for (int d = 0; d < 3 && o->s->lengths; d++) {
        const double n = p->of[V][3 * e + d] / q.r;
        to[V][3 * e + d] += along * n;
        if (t)
            to[V][3 * e + d] += bent / q.r * (t->of[V][3 * e + d] - n * move);
    }
}

/* Whether operand k is stored where the convolution has something else. */
static bool is_made(const world *o, int k)
{
    return (k == Y && (o->s->harmonics || o->s->pairs)) || (k == W && o->s->w != STORED);
}

static outcome reference(const world *o, const operands *p, const operands *t)
{
    static const setting plain = {.w = STORED};
    setting s = *o->s;
    s.harmonics = plain.harmonics, s.w = plain.w, s.lengths = s.typed = s.pairs = false;
    s.kind = s.kind == ROTATED ? GENERAL : s.kind;
    world stored_world = world_of(&s, E3TP_F64, 1, false);
    operands sp = {{p->of[X], p->of[Y], p->of[W], p->of[Z], NULL, NULL}}, st = sp;
    for (int k = 0; k < OPERANDS; k++) {
        const bool made = is_made(o, k);
        st.of[k] = made ? calloc(stored_world.size[k] + 1, sizeof(double)) : t->of[k];
        if (made)
            sp.of[k] = calloc(stored_world.size[k] + 1, sizeof(double));
    }
    for (int e = 0; e < EDGES; e++)
        store_edge(o, p, t, e, &sp, &st);
    outcome plainly = run(&stored_world, &sp, &st), r = empty_outcome(o);
    for (int pass = 0; pass < 4; pass++) {
        for (int k = 0; k < OPERANDS; k++)
            if (out_size(o, pass, k) && out_size(o, pass, k) == out_size(&stored_world, pass, k) &&
                !is_made(o, k))
                memcpy(r.of[pass][k], plainly.of[pass][k], out_size(o, pass, k) * sizeof(double));
        const bool second = pass == E3TP_DOUBLE_BACKWARD;
        for (int e = 0; e < EDGES && (second || pass == E3TP_BACKWARD); e++)
            chain_back(o, p, second ? t : NULL, e, plainly.of[pass], plainly.of[E3TP_BACKWARD],
                       r.of[pass]);
    }
    for (int k = Y; k <= W; k++)
        if (is_made(o, k))
            free(sp.of[k]), free(st.of[k]);
    free_outcome(&plainly);
    free_world(&stored_world);
    return r;
}

static double largest(const double *a, size_t n)
{
    double m = 0;
    for (size_t i = 0; i < n; i++)
        m = fmax(m, fabs(a[i]));
    return m;
}

static void compare(const world *o, const outcome *got, const outcome *want, double tolerance)
{
    static const char operand[] = "xywzva";
    for (int pass = 0; pass < 4; pass++)
        for (int k = 0; k < OPERANDS; k++) {
            const size_t n = out_size(o, pass, k);
            const double *a = got->of[pass][k], *b = want->of[pass][k];
            const double most = tolerance * (1e-3 + largest(b, n));
            for (size_t i = 0; i < n; i++)
                if (!(fabs(a[i] - b[i]) <= most))
                    ck_abort_msg("pass %d, %c[%zu] is %.17g, not %.17g", pass, operand[k], i, a[i],
                                 b[i]);
        }
}

START_TEST(against_stored)
{
    world o = world_of(&settings[_i], E3TP_F64, 2, false);
    operands p = random_operands(&o), t = directions(&o);
    outcome got = run(&o, &p, &t), want = reference(&o, &p, &t);
    compare(&o, &got, &want, 1e-12);
    free_outcome(&got), free_outcome(&want);
    free_operands(&p), free_operands(&t);
    free_world(&o);
}
END_TEST

/* ---- differences ---- */

/* p + h d. */
static operands moved(const world *o, const operands *p, const operands *d, double h, bool gz)
{
    operands q;
    for (int k = 0; k < OPERANDS; k++) {
        q.of[k] = numbers(o->size[k]);
        for (size_t i = 0; i < o->size[k]; i++)
            q.of[k][i] = p->of[k][i] + (k == Z && !gz ? 0 : h * d->of[k][i]);
    }
    return q;
}

/* sum over operands of t . gradients: of backward at p. */
static double paired(const world *o, const e3tp_conv *c, const operands *p, const operands *t)
{
    outcome r = empty_outcome(o);
    double sum = 0;
    run_pass(o, c, E3TP_BACKWARD, p, NULL, r.of[E3TP_BACKWARD]);
    for (int k = 0; k < OPERANDS; k++)
        if (k != Z)
            sum += dot(t->of[k], r.of[E3TP_BACKWARD][k], o->size[k]);
    free_outcome(&r);
    return sum;
}

static double valued(const world *o, const e3tp_conv *c, const operands *p)
{
    outcome r = empty_outcome(o);
    run_pass(o, c, E3TP_FORWARD, p, NULL, r.of[E3TP_FORWARD]);
    const double sum = dot(p->of[Z], r.of[E3TP_FORWARD][Z], o->size[Z]);
    free_outcome(&r);
    return sum;
}

/* The least error over steps; that it falls with the square of the step and rises again says that
   it is one of differences. */
static void check_slope(const double error[], size_t n, double scale)
{
    double least = error[0];
    for (size_t i = 1; i < n; i++)
        least = fmin(least, error[i]);
    ck_assert_msg(least <= 1e-7 * scale, "least error %g of %g", least, scale);
    ck_assert_msg(error[0] >= 20 * error[1], "errors %g, %g", error[0], error[1]);
    ck_assert_msg(error[n - 1] > least, "the error does not rise: %g", least);
}

enum { STEPS = 9 };

START_TEST(against_differences)
{
    world o = world_of(&settings[_i], E3TP_F64, 1, false);
    operands p = random_operands(&o), t = directions(&o), d = directions(&o);
    outcome exact = run(&o, &p, &t);
    e3tp_conv *c = conv_of(&o);
    double first[STEPS], second[STEPS], h = 0.03, by_first = 0, by_second = 0, jvp;
    for (int k = 0; k < OPERANDS; k++) {
        if (k != Z)
            by_first += dot(t.of[k], exact.of[E3TP_BACKWARD][k], o.size[k]);
        by_second += dot(d.of[k], exact.of[E3TP_DOUBLE_BACKWARD][k], o.size[k]);
    }
    jvp = dot(p.of[Z], exact.of[E3TP_JVP][Z], o.size[Z]);
    ck_assert_double_le(fabs(jvp - by_first), 1e-11 * fabs(jvp));
    for (int i = 0; i < STEPS; i++, h /= 10) {
        operands up = moved(&o, &p, &t, h, false), down = moved(&o, &p, &t, -h, false);
        first[i] = fabs((valued(&o, c, &up) - valued(&o, c, &down)) / (2 * h) - by_first);
        free_operands(&up), free_operands(&down);
        up = moved(&o, &p, &d, h, true), down = moved(&o, &p, &d, -h, true);
        second[i] = fabs((paired(&o, c, &up, &t) - paired(&o, c, &down, &t)) / (2 * h) - by_second);
        free_operands(&up), free_operands(&down);
    }
    check_slope(first, STEPS, fabs(by_first));
    check_slope(second, STEPS, fabs(by_second));
    e3tp_conv_destroy(c);
    free_outcome(&exact);
    free_operands(&p), free_operands(&t), free_operands(&d);
    free_world(&o);
}
END_TEST

/* ---- single precision; a zero vector; threads ---- */

static void round_all(const world *o, operands *p)
{
    for (int k = 0; k < OPERANDS; k++)
        for (size_t i = 0; i < o->size[k]; i++)
            p->of[k][i] = (float)p->of[k][i];
    for (int i = 0; o->size[V] && i < 3; i++)
        p->of[V][3 * 7 + i] = 0;
}

START_TEST(single_precision)
{
    world o = world_of(&settings[_i], E3TP_F64, 1, false);
    operands p = random_operands(&o), t = directions(&o);
    round_all(&o, &p), round_all(&o, &t);
    outcome want = run(&o, &p, &t);
    for (int wide = 0; wide < 2; wide++) {
        world single = world_of(&settings[_i], E3TP_F32, 2, wide);
        outcome got = run(&single, &p, &t);
        compare(&o, &got, &want, 2e-5);
        free_outcome(&got);
        free_world(&single);
    }
    free_outcome(&want);
    free_operands(&p), free_operands(&t);
    free_world(&o);
}
END_TEST

START_TEST(threads)
{
    world o = world_of(&settings[_i], E3TP_F32, 1, false);
    operands p = random_operands(&o), t = directions(&o);
    for (int wide = 0; wide < 2; wide++) {
        world one = world_of(&settings[_i], E3TP_F32, 1, wide);
        outcome want = run(&one, &p, &t);
        for (int n = 2; n <= 4; n++) {
            world several = world_of(&settings[_i], E3TP_F32, n, wide);
            outcome got = run(&several, &p, &t);
            compare(&o, &got, &want, 0);
            free_outcome(&got);
            free_world(&several);
        }
        free_outcome(&want);
        free_world(&one);
    }
    free_operands(&p), free_operands(&t);
    free_world(&o);
}
END_TEST

/* A work area of the caller's, full of NaN, changes nothing. */
START_TEST(work_given)
{
    world o = world_of(&settings[_i], E3TP_F32, 2, _i % 2);
    operands p = random_operands(&o), t = directions(&o);
    outcome want = run(&o, &p, &t);
    gives_work = true;
    outcome got = run(&o, &p, &t);
    gives_work = false;
    compare(&o, &got, &want, 0);
    free_outcome(&got), free_outcome(&want);
    free_operands(&p), free_operands(&t);
    free_world(&o);
}
END_TEST

/* ---- memory that runs out: nothing is lost, and with enough the pass succeeds ---- */

static e3tp_conv *conv_in_scarcity(const world *o)
{
    e3tp_conv *c = NULL;
    const e3tp_conv_desc d = desc_of(o);
    const long live = memory.live;
    e3tp_status s = E3TP_E_NOMEM;
    for (long k = 0; s == E3TP_E_NOMEM; k++) {
        memory.left = k;
        s = e3tp_conv_create(&c, o->plan, &d, NULL, 0);
        ck_assert(s == E3TP_OK || (!c && memory.live == live));
    }
    ck_assert_int_eq(s, E3TP_OK);
    return c;
}

START_TEST(no_memory)
{
    world o = world_of(&settings[_i], E3TP_F64, 1, false);
    operands p = random_operands(&o), t = directions(&o);
    outcome r = empty_outcome(&o);
    e3tp_conv *c = conv_in_scarcity(&o);
    void *in[OPERANDS], *tangent[OPERANDS], *out[OPERANDS];
    for (int pass = 0; pass < 4; pass++) {
        e3tp_status s = E3TP_E_NOMEM;
        for (int k = 0; k < OPERANDS; k++) {
            in[k] = o.size[k] ? p.of[k] : NULL;
            tangent[k] = o.size[k] ? t.of[k] : NULL;
            out[k] = out_size(&o, pass, k) ? r.of[pass][k] : NULL;
        }
        const e3tp_conv_buffers b = buffers_of(&o, in, tangent, out, pass);
        const long live = memory.live;
        long k = 0;
        for (; s == E3TP_E_NOMEM; k++) {
            memory.left = k;
            s = calls[pass](c, o.graph, &b);
            ck_assert_int_eq(memory.live, live);
        }
        ck_assert(s == E3TP_OK && k > 1);
    }
    memory.left = -1;
    e3tp_conv_destroy(c);
    free_outcome(&r);
    free_operands(&p), free_operands(&t);
    free_world(&o);
    ck_assert_int_eq(memory.live, 0);
}
END_TEST

/* ---- forces of edge gradients ---- */

static void add_forces(const world *o, const double *v, const double *gv, double *f, double *strain)
{
    for (int e = 0; e < EDGES; e++)
        for (int d = 0; d < 3; d++) {
            f[3 * o->receivers[e] + d] += gv[3 * e + d];
            f[3 * o->senders[e] + d] -= gv[3 * e + d];
            for (int c = 0; c < 3; c++)
                strain[3 * d + c] += v[3 * e + d] * gv[3 * e + c];
        }
}

START_TEST(forces)
{
    world o = world_of(&settings[1], _i ? E3TP_F64 : E3TP_F32, 1, false);
    double *v = numbers(3 * EDGES), *gv = numbers(3 * EDGES), f[3 * SENDERS] = {0}, strain[9] = {0},
           found[9], got[3 * SENDERS];
    add_forces(&o, v, gv, f, strain);
    void *sv = stored(&o, v, 3 * EDGES), *sg = stored(&o, gv, 3 * EDGES),
         *sf = stored(&o, f, 3 * SENDERS);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, sv, sg, sf, found), E3TP_OK);
    widen(&o, sf, 3 * SENDERS, got);
    for (int i = 0; i < 3 * SENDERS; i++)
        ck_assert_double_eq_tol(got[i], f[i], _i ? 1e-13 : 1e-5);
    for (int i = 0; i < 9; i++)
        ck_assert_double_eq_tol(found[i], strain[i], _i ? 1e-12 : 1e-5);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, NULL, sg, sf, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, sv, sg, NULL, found), E3TP_OK);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, NULL, NULL, NULL, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, sv, NULL, sf, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, NULL, sg, sf, found), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, sv, NULL, sf, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_forces(NULL, o.dtype, sv, sg, sf, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, sv, sg, sg, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, sv, sg, sf, sf), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, (e3tp_dtype)7, sv, sg, sf, NULL), E3TP_E_INVALID);
    release_arrays();
    free(v), free(gv);
    free_world(&o);
}
END_TEST

/* ---- misuse ---- */

static void refused(const world *o, const e3tp_conv_desc *d, const char *word)
{
    e3tp_conv *c;
    char text[300] = "";
    ck_assert_int_eq(e3tp_conv_create(&c, o->plan, d, text, sizeof text), E3TP_E_INVALID);
    ck_assert_ptr_null(c);
    ck_assert_msg(strstr(text, word) != NULL, "\"%s\" without \"%s\"", text, word);
}

START_TEST(misuse_of_makers)
{
    world o = world_of(&settings[1], E3TP_F64, 1, false),
          f = world_of(&settings[1], E3TP_F32, 1, 0);
    e3tp_conv_desc d = desc_of(&o);
    d.w = E3TP_AT_EDGE, refused(&o, &d, "shared or the type's");
    d = desc_of(&o), d.activations = 3, refused(&o, &d, "2 ways");
    d = desc_of(&o), d.y = E3TP_AT_SENDER, refused(&o, &d, "at the edge");
    d = desc_of(&o), d.sh = f.sh, refused(&o, &d, "sh: its type");
    d = desc_of(&o), d.spline = f.spline, refused(&o, &d, "spline: its type");
    d = desc_of(&o), d.spline = NULL, d.radial = f.radial, refused(&o, &d, "radial: its type");
    d = desc_of(&f), d.w_stored = E3TP_STORED_BF16, refused(&f, &d, "whole");
    world narrow = world_of(&settings[2], E3TP_F64, 1, false);
    d = desc_of(&o), d.spline = narrow.spline, refused(&o, &d, "spline: its width");
    static const int ls[] = {0, 1};
    e3tp_sh_desc h = e3tp_sh_desc_init(ls, 2, 1, E3TP_SH_COMPONENT);
    e3tp_sh *less, *turned;
    h.dtype = E3TP_F64;
    ck_assert_int_eq(e3tp_sh_create(&less, &h, NULL, 0), E3TP_OK);
    h.layout = E3TP_BATCH_LAST;
    ck_assert_int_eq(e3tp_sh_create(&turned, &h, NULL, 0), E3TP_OK);
    d = desc_of(&o), d.sh = less, refused(&o, &d, "sh: its width");
    d.sh = turned, refused(&o, &d, "BATCH_LAST");
    e3tp_sh_destroy(less), e3tp_sh_destroy(turned);
    free_world(&narrow), free_world(&o), free_world(&f);
}
END_TEST

static void no_weights(void *ctx, const int64_t *edges, size_t n, void *w)
{
    (void)ctx, (void)edges, (void)n, (void)w;
}

START_TEST(misuse_of_buffers)
{
    world o = world_of(&settings[1], E3TP_F64, 1, false);
    operands p = random_operands(&o), t = directions(&o);
    outcome r = empty_outcome(&o);
    e3tp_conv *c = conv_of(&o);
    void *in[OPERANDS], *no[OPERANDS] = {NULL}, *out[OPERANDS], *work = aligned_alloc(64, 1 << 24);
    for (int k = 0; k < OPERANDS; k++) {
        in[k] = o.size[k] ? p.of[k] : NULL;
        out[k] = o.size[k] && k != Z ? r.of[E3TP_BACKWARD][k] : NULL;
    }
    struct {
        e3tp_conv_buffers b;
        const char *word;
    } bad[] = {{.word = "v is NULL"},      {.word = "w is NULL"},     {.word = "y: expected NULL"},
               {.word = "gy: expected"},   {.word = "ga: expected"},  {.word = "make_weights"},
               {.word = "gw overlaps gv"}, {.word = "gv overlaps v"}, {.word = "aligned"},
               {.word = "work overlaps x"}};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        bad[i].b = buffers_of(&o, in, no, out, E3TP_BACKWARD);
    bad[0].b.v = NULL;
    bad[1].b.w = NULL;
    bad[2].b.y = t.of[X];
    bad[3].b.gy = t.of[X];
    bad[4].b.ga = t.of[X];
    bad[5].b.make_weights = no_weights;
    bad[6].b.gv = bad[6].b.gw;
    bad[7].b.gv = p.of[V];
    bad[8].b.work = (char *)work + 8;
    bad[9].b.work = work, bad[9].b.x = work;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char text[300] = "";
        ck_assert_int_eq(
            e3tp_conv_buffers_check(c, E3TP_BACKWARD, o.graph, &bad[i].b, text, sizeof text),
            E3TP_E_INVALID);
        ck_assert_int_eq(e3tp_conv_backward(c, o.graph, &bad[i].b), E3TP_E_INVALID);
        const bool said = strstr(text, bad[i].word) || (i == 6 && strstr(text, "gv overlaps gw"));
        ck_assert_msg(said, "\"%s\" without \"%s\"", text, bad[i].word);
    }
    e3tp_conv_destroy(c);
    free(work);
    free_outcome(&r);
    free_operands(&p), free_operands(&t);
    free_world(&o);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *t = tcase_create("made");
    tcase_add_loop_test(t, against_stored, 0, COUNT_OF(settings) - CUTS);
    tcase_add_loop_test(t, against_differences, 0, COUNT_OF(settings));
    tcase_add_loop_test(t, single_precision, 0, COUNT_OF(settings));
    tcase_add_loop_test(t, threads, 0, COUNT_OF(settings));
    tcase_add_loop_test(t, work_given, 0, COUNT_OF(settings));
    tcase_add_loop_test(t, no_memory, 0, COUNT_OF(settings));
    tcase_add_loop_test(t, forces, 0, 2);
    tcase_add_test(t, misuse_of_makers);
    tcase_add_test(t, misuse_of_buffers);
    return run_tests(t, "made", CK_NOFORK); /* a forked child is serial by design */
}
