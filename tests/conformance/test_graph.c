/* SPDX-License-Identifier: MIT */
/* The convolution, all passes, against a plain loop over edges that multiplies one edge at a time:
   every kind of product by every method, operands at every place, lists in and out of order,
   duplicates, self-loops, isolated nodes, a receiver with more edges than a piece has. */
#include <math.h>

#include "e3tp/graph.h"
#include "graph_checks.h"
#include "problems.h"
#include "sampled.h"

enum { NODES = 23, SENDERS = 31, EDGES = 110, CROWDED = 70, TYPES = 3 };
enum { X, Y, W, Z, OPERANDS };
enum { LOW_MUL = 5, WHOLE_MUL = 16 };

/* ---- a case ---- */

typedef struct setting {
    int sorted, made; /* made: weights by a callback, where they live at the edge */
    e3tp_layout layout;
    size_t mul;
    double scale;
    e3tp_place at[OPERANDS];
} setting;

static const setting settings[] = {
    {1,
     0,
     E3TP_IR_MUL,
     WHOLE_MUL,
     1,
     {E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_EDGE, E3TP_AT_RECEIVER}},
    {0,
     0,
     E3TP_IR_MUL,
     WHOLE_MUL,
     0.3,
     {E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_EDGE, E3TP_AT_RECEIVER}},
    {1,
     1,
     E3TP_MUL_IR,
     WHOLE_MUL,
     0.3,
     {E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_EDGE, E3TP_AT_RECEIVER}},
    {0,
     1,
     E3TP_MUL_IR,
     LOW_MUL,
     1,
     {E3TP_AT_RECEIVER, E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_RECEIVER}},
    {1,
     0,
     E3TP_IR_MUL,
     WHOLE_MUL,
     2,
     {E3TP_AT_EDGE, E3TP_AT_RECEIVER, E3TP_AT_SENDER, E3TP_AT_EDGE}},
    {0, 0, E3TP_MUL_IR, LOW_MUL, 1, {E3TP_AT_EDGE, E3TP_AT_SENDER, E3TP_AT_TYPE, E3TP_AT_EDGE}},
    {0,
     0,
     E3TP_IR_MUL,
     LOW_MUL,
     1,
     {E3TP_AT_SENDER, E3TP_AT_TYPE, E3TP_AT_RECEIVER, E3TP_AT_RECEIVER}},
    {1,
     0,
     E3TP_MUL_IR,
     WHOLE_MUL,
     -1,
     {E3TP_AT_TYPE, E3TP_AT_SHARED, E3TP_AT_TYPE, E3TP_AT_RECEIVER}},
    {0, 0, E3TP_IR_MUL, WHOLE_MUL, 1, {E3TP_AT_SHARED, E3TP_AT_EDGE, E3TP_AT_SENDER, E3TP_AT_EDGE}},
};

typedef struct fixture {
    const e3tp_plan *plan;
    e3tp_place at[OPERANDS];
    double scale;
    int64_t receivers[EDGES], senders[EDGES];
    int32_t types[EDGES];
    size_t width[OPERANDS];
    double *in[OPERANDS], *t[OPERANDS]; /* x, y, w, gz; tangents */
} fixture;

static void make_edges(fixture *f, int sorted)
{
    for (int e = 0; e < EDGES; e++) {
        const int crowd = e < CROWDED, rest = e - CROWDED;
        f->receivers[e] = sorted ? (crowd ? 0 : 1 + rest * (NODES - 2) / (EDGES - CROWDED))
                                 : (int64_t)(e % 2 && crowd ? 4 : draw() % (NODES - 1));
        f->senders[e] = draw() % (SENDERS - 1); /* the last node and sender have no edge */
        f->types[e] = (int32_t)(draw() % TYPES);
    }
    f->receivers[3] = f->receivers[2], f->senders[3] = f->senders[2];
    f->senders[5] = f->receivers[5];
}

static size_t place_rows(e3tp_place at)
{
    static const size_t rows[] = {EDGES, SENDERS, NODES, TYPES, 1};
    return rows[at];
}

static size_t row_of(const fixture *f, int k, int e)
{
    switch (f->at[k]) {
    case E3TP_AT_EDGE:
        return (size_t)e;
    case E3TP_AT_SENDER:
        return (size_t)f->senders[e];
    case E3TP_AT_RECEIVER:
        return (size_t)f->receivers[e];
    case E3TP_AT_TYPE:
        return (size_t)f->types[e];
    default:
        return 0;
    }
}

static size_t size_of(const fixture *f, int k)
{
    return place_rows(f->at[k]) * f->width[k];
}

static fixture fixture_of(const e3tp_plan *p, const setting *s)
{
    fixture f = {.plan = p, .scale = s->scale};
    static const e3tp_operand operand[OPERANDS] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z};
    make_edges(&f, s->sorted);
    for (int k = 0; k < OPERANDS; k++) {
        f.at[k] = s->at[k];
        if (k == W && e3tp_plan_weights(p) == E3TP_WEIGHTS_SHARED)
            f.at[k] = E3TP_AT_SHARED;
        f.width[k] = e3tp_plan_width(p, operand[k]);
        f.in[k] = numbers(size_of(&f, k));
        f.t[k] = numbers(size_of(&f, k));
    }
    return f;
}

static void free_fixture(fixture *f)
{
    for (int k = 0; k < OPERANDS; k++)
        free(f->in[k]), free(f->t[k]);
}

/* ---- results: z, gx gy gw, hx hy hw hz, dz ---- */

enum { OUTPUTS = 9 };
static const int operand_of[OUTPUTS] = {Z, X, Y, W, X, Y, W, Z, Z};
static const char *const output_name[OUTPUTS] = {"z",  "gx", "gy", "gw", "hx",
                                                 "hy", "hw", "hz", "dz"};

/* The results of one edge, or the sums of their absolute values. */
static void add_edge(const fixture *f, int e, double *const row[OUTPUTS], double *const to[OUTPUTS])
{
    for (int o = 0; o < OUTPUTS; o++) {
        const int k = operand_of[o];
        double *sum = to[o] + row_of(f, k, e) * f->width[k];
        for (size_t i = 0; i < f->width[k]; i++)
            sum[i] += (k == Z ? f->scale : 1) * row[o][i];
    }
}

static void *work_of(const e3tp_plan *p)
{
    size_t bytes = 0;
    for (int pass = 0; pass <= E3TP_JVP; pass++) {
        const size_t n = e3tp_plan_work_bytes(p, (e3tp_pass)pass, 1);
        bytes = n > bytes ? n : bytes;
    }
    return aligned_alloc(64, (bytes + 127) / 64 * 64);
}

static void reference(const fixture *f, double *const to[OUTPUTS])
{
    void *work = work_of(f->plan);
    int bad = 0; /* an assertion for each call would take longer than the call */
    double *row[OUTPUTS], *gz = malloc((f->width[Z] + 1) * sizeof *gz);
    for (int o = 0; o < OUTPUTS; o++)
        row[o] = malloc((f->width[operand_of[o]] + 1) * sizeof **row);
    for (int e = 0; e < EDGES; e++) {
        e3tp_buffers b = e3tp_buffers_init(1);
        const double *at[OPERANDS], *t[OPERANDS];
        for (int k = 0; k < OPERANDS; k++) {
            at[k] = f->in[k] + row_of(f, k, e) * f->width[k];
            t[k] = f->t[k] + row_of(f, k, e) * f->width[k];
        }
        for (size_t i = 0; i < f->width[Z]; i++)
            gz[i] = f->scale * at[Z][i];
        b.work = work;
        b.x = at[X], b.y = at[Y], b.w = at[W], b.gz = gz;
        b.ggx = t[X], b.ggy = t[Y], b.ggw = t[W];
        b.z = row[0], b.gx = row[1], b.gy = row[2], b.gw = row[3];
        b.hx = row[4], b.hy = row[5], b.hw = row[6], b.hz = row[7];
        bad += e3tp_forward(f->plan, &b) != E3TP_OK;
        bad += e3tp_backward(f->plan, &b) != E3TP_OK;
        bad += e3tp_double_backward(f->plan, &b) != E3TP_OK;
        b.hz = row[8];
        bad += e3tp_jvp(f->plan, &b) != E3TP_OK;
        add_edge(f, e, row, to);
    }
    for (int o = 0; o < OUTPUTS; o++)
        free(row[o]);
    free(gz);
    free(work);
    ck_assert_int_eq(bad, 0);
}

static void copy_weights(void *ctx, const int64_t *e, size_t n, void *w)
{
    const fixture *f = ctx;
    for (size_t k = 0; k < n; k++)
        memcpy((double *)w + k * f->width[W], f->in[W] + (size_t)e[k] * f->width[W],
               f->width[W] * sizeof(double));
}

static e3tp_conv_buffers buffers_of(fixture *f, int made, double *const to[OUTPUTS])
{
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = f->in[X], b.y = f->in[Y], b.w = f->in[W], b.gz = f->in[Z];
    b.ggx = f->t[X], b.ggy = f->t[Y], b.ggw = f->t[W];
    b.z = to[0], b.gx = to[1], b.gy = to[2], b.gw = to[3];
    b.hx = to[4], b.hy = to[5], b.hw = to[6], b.hz = to[7];
    b.edge_type = f->types, b.num_types = TYPES;
    if (made && f->at[W] == E3TP_AT_EDGE && f->width[W])
        b.w = NULL, b.make_weights = copy_weights, b.make_weights_ctx = f;
    return b;
}

static void convolve(fixture *f, int made, double *const to[OUTPUTS])
{
    e3tp_graph *g;
    e3tp_conv *c;
    char text[300] = "";
    e3tp_conv_desc d = e3tp_conv_desc_init(f->plan);
    d.x = f->at[X], d.y = f->at[Y], d.w = f->at[W], d.z = f->at[Z], d.scale = f->scale;
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT64, f->receivers, f->senders, EDGES, NODES,
                                       SENDERS, text, sizeof text),
                     E3TP_OK);
    ck_assert_msg(e3tp_conv_create(&c, f->plan, &d, text, sizeof text) == E3TP_OK, "%s", text);
    e3tp_conv_buffers b = buffers_of(f, made, to);
    for (int pass = 0; pass <= E3TP_JVP; pass++)
        ck_assert_msg(e3tp_conv_buffers_check(c, (e3tp_pass)pass, g, &b, text, sizeof text) ==
                          E3TP_OK,
                      "%s", text);
    ck_assert_int_eq(e3tp_conv_forward(c, g, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_backward(c, g, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_double_backward(c, g, &b), E3TP_OK);
    b.hz = to[8];
    ck_assert_int_eq(e3tp_conv_jvp(c, g, &b), E3TP_OK);
    e3tp_conv_destroy(c);
    e3tp_graph_destroy(g);
}

static void make_results(const fixture *f, double *to[OUTPUTS], bool clear)
{
    for (int o = 0; o < OUTPUTS; o++) {
        const size_t n = size_of(f, operand_of[o]);
        to[o] = numbers(n);
        if (clear)
            memset(to[o], 0, n * sizeof **to);
    }
}

static double largest(const double *a, size_t n)
{
    double m = 0;
    for (size_t i = 0; i < n; i++)
        m = fmax(m, fabs(a[i]));
    return m;
}

static void compare(const fixture *f, double *const got[OUTPUTS], double *const want[OUTPUTS],
                    const char *what)
{
    for (int o = 0; o < OUTPUTS; o++) {
        const size_t n = size_of(f, operand_of[o]);
        const double tolerance = 1e-12 * (1 + largest(want[o], n));
        for (size_t i = 0; i < n; i++)
            if (!(fabs(got[o][i] - want[o][i]) <= tolerance))
                ck_abort_msg("%s: %s[%zu] is %.17g, not %.17g", what, output_name[o], i, got[o][i],
                             want[o][i]);
    }
}

static bool check_problem(const problem *q, const setting *s)
{
    e3tp_plan *p = problem_plan(q);
    if (!p)
        return false;
    double *got[OUTPUTS], *want[OUTPUTS];
    char what[200];
    state = 5;
    fixture f = fixture_of(p, s);
    make_results(&f, got, false);
    make_results(&f, want, true);
    reference(&f, want);
    convolve(&f, s->made, got);
    snprintf(what, sizeof what, "%s by %s, weights %d", problem_name(q->kind),
             e3tp_method_name(q->method), (int)q->weights);
    compare(&f, got, want, what);
    for (int o = 0; o < OUTPUTS; o++)
        free(got[o]), free(want[o]);
    free_fixture(&f);
    e3tp_plan_destroy(p);
    return true;
}

/* _i: the setting. */
START_TEST(against_a_loop)
{
    const setting *s = &settings[_i];
    int served = 0, expected = 0;
    for (int m = 0; m < method_count(); m++)
        for (int kind = 0; kind < PROBLEMS; kind++)
            for (int weights = E3TP_WEIGHTS_NONE; weights <= E3TP_WEIGHTS_ROW; weights++) {
                if (left_out(_i + kind + weights, 6))
                    continue;
                expected += problem_served(method_at(m), (problem_kind)kind);
                const problem q = {.kind = (problem_kind)kind,
                                   .method = method_at(m),
                                   .mul = s->mul,
                                   .dtype = E3TP_F64,
                                   .isa = tier,
                                   .layout = {s->layout, s->layout, s->layout},
                                   .weights = (e3tp_weights)weights,
                                   .threads = 2};
                served += check_problem(&q, s);
            }
    ck_assert_int_eq(served, expected);
    ck_assert_int_gt(served, 0);
}
END_TEST

/* ---- layers: one weight per path; channels of whole tiles, and not; messages so long that more
   rows are summed at a time than have results of their own ---- */

START_TEST(layers)
{
    const setting *s = &settings[_i / 8];
    e3tp_plan *p = layer(_i / 4 % 2 ? other_tiles : whole_tiles, _i % 2,
                         _i / 2 % 2 ? E3TP_IR_MUL : E3TP_MUL_IR);
    double *got[OUTPUTS], *want[OUTPUTS];
    fixture f = fixture_of(p, s);
    make_results(&f, got, false);
    make_results(&f, want, true);
    reference(&f, want);
    convolve(&f, s->made, got);
    compare(&f, got, want, "a layer");
    for (int o = 0; o < OUTPUTS; o++)
        free(got[o]), free(want[o]);
    free_fixture(&f);
    e3tp_plan_destroy(p);
}
END_TEST

/* ---- weights of bfloat16: the same bits as with their widened values ---- */

static float *singles(size_t n)
{
    float *a = malloc((n + 1) * sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i] = (float)draw() / (float)(1 << 23) - 1;
    return a;
}

static e3tp_plan *single_layer(const setting *s)
{
    char x[40];
    snprintf(x, sizeof x, "%zux0e+%zux1o", s->mul, s->mul);
    e3tp_desc *d = layer_desc(x, "0e+1o+2e", s->layout);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_threads(d, 2);
    return plan_from(d);
}

/* The values of w in half of the memory; w keeps what that holds. */
static uint16_t *halve(float *w, size_t n)
{
    uint16_t *half = malloc((n + 1) * sizeof *half);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &w[i], sizeof bits);
        half[i] = (uint16_t)(bits >> 16);
        bits &= 0xffff0000u;
        memcpy(&w[i], &bits, sizeof bits);
    }
    return half;
}

START_TEST(half_weights)
{
    const setting *s = &settings[_i];
    e3tp_plan *p = single_layer(s);
    state = 9;
    fixture f = fixture_of(p, s); /* its edges, places and widths */
    float *in[OPERANDS], *t[OPERANDS], *out[2][OUTPUTS];
    for (int k = 0; k < OPERANDS; k++)
        in[k] = singles(size_of(&f, k)), t[k] = singles(size_of(&f, k));
    uint16_t *half = halve(in[W], size_of(&f, W));
    e3tp_graph *g;
    ck_assert_int_eq(
        e3tp_graph_create(&g, E3TP_INT64, f.receivers, f.senders, EDGES, NODES, SENDERS, NULL, 0),
        E3TP_OK);
    for (int stored = 0; stored < 2; stored++) {
        e3tp_conv *c;
        e3tp_conv_desc d = e3tp_conv_desc_init(p);
        d.x = f.at[X], d.y = f.at[Y], d.w = f.at[W], d.z = f.at[Z], d.scale = f.scale;
        d.w_stored = (e3tp_stored)stored;
        ck_assert_int_eq(e3tp_conv_create(&c, p, &d, NULL, 0), E3TP_OK);
        for (int o = 0; o < OUTPUTS; o++)
            out[stored][o] = singles(size_of(&f, operand_of[o]));
        float *const *to = out[stored];
        e3tp_conv_buffers b = e3tp_conv_buffers_init();
        b.x = in[X], b.y = in[Y], b.w = stored ? (const void *)half : in[W], b.gz = in[Z];
        b.ggx = t[X], b.ggy = t[Y], b.ggw = t[W], b.edge_type = f.types, b.num_types = TYPES;
        b.z = to[0], b.gx = to[1], b.gy = to[2], b.gw = to[3];
        b.hx = to[4], b.hy = to[5], b.hw = to[6], b.hz = to[7];
        ck_assert_int_eq(e3tp_conv_forward(c, g, &b), E3TP_OK);
        ck_assert_int_eq(e3tp_conv_backward(c, g, &b), E3TP_OK);
        ck_assert_int_eq(e3tp_conv_double_backward(c, g, &b), E3TP_OK);
        b.hz = to[8];
        ck_assert_int_eq(e3tp_conv_jvp(c, g, &b), E3TP_OK);
        e3tp_conv_destroy(c);
    }
    for (int o = 0; o < OUTPUTS; o++) {
        const size_t bytes = size_of(&f, operand_of[o]) * sizeof(float);
        ck_assert_msg(memcmp(out[0][o], out[1][o], bytes) == 0, "%s has other bits",
                      output_name[o]);
        free(out[0][o]), free(out[1][o]);
    }
    for (int k = 0; k < OPERANDS; k++)
        free(in[k]), free(t[k]);
    free(half);
    free_fixture(&f);
    e3tp_graph_destroy(g);
    e3tp_plan_destroy(p);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *t = tcase_create("graph");
    tcase_add_loop_test(t, against_a_loop, 0, COUNT_OF(settings));
    tcase_add_loop_test(t, layers, 0, 8 * COUNT_OF(settings));
    tcase_add_loop_test(t, half_weights, 0, COUNT_OF(settings));
    return run_tests(t, "graph", CK_NOFORK); /* a forked child is serial by design */
}
