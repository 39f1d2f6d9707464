/* SPDX-License-Identifier: MIT */
/* Products, convolutions and functions of edges on threads that the host starts, at once and for
   every call anew: the same bits as on one thread. Built with the thread sanitizer, which knows
   these threads and no OpenMP's, it finds accesses that nothing orders. */
#include <pthread.h>

#include "e3tp/graph.h"
#include "e3tp/grid.h"
#include "layer.h"
#include "problems.h"
#include "suite.h"

enum { THREADS = 4, MOST = 16, BATCH = 300 };

typedef struct job {
    void (*body)(void *, size_t);
    void *ctx;
    size_t i;
    pthread_t thread;
} job;

static void *work(void *ctx)
{
    const job *j = ctx;
    j->body(j->ctx, j->i);
    return NULL;
}

/* A thread for every body; counts the loops. */
static void at_once(size_t n, void (*body)(void *, size_t), void *body_ctx, void *ctx)
{
    job jobs[MOST];
    *(size_t *)ctx += 1;
    for (size_t first = 0; first < n; first += MOST) {
        const size_t now = n - first < MOST ? n - first : MOST;
        for (size_t k = 0; k < now; k++) {
            jobs[k] = (job){body, body_ctx, first + k, 0};
            if (pthread_create(&jobs[k].thread, NULL, work, &jobs[k]) != 0)
                abort();
        }
        for (size_t k = 0; k < now; k++)
            pthread_join(jobs[k].thread, NULL);
    }
}

/* Sizes of x (y or v) w z a, and what the passes write: z or hz, gradients. */
enum { X, Y, W, Z, A, OPERANDS };
typedef struct arrays {
    size_t n[OPERANDS];
    float *in[OPERANDS], *t[OPERANDS], *out[OPERANDS];
} arrays;

static arrays arrays_of(const size_t n[OPERANDS])
{
    arrays a;
    for (unsigned k = 0; k < OPERANDS; k++) {
        a.n[k] = n[k];
        a.in[k] = random_floats(n[k], 3 + k), a.t[k] = random_floats(n[k], 13 + k);
        a.out[k] = random_floats(n[k], 23 + k);
    }
    return a;
}

static void free_arrays(arrays *a)
{
    for (int k = 0; k < OPERANDS; k++)
        free(a->in[k]), free(a->t[k]), free(a->out[k]);
}

static void same(const arrays *a, const arrays *b, const char *what)
{
    for (int k = 0; k < OPERANDS; k++)
        ck_assert_msg(memcmp(a->out[k], b->out[k], a->n[k] * sizeof(float)) == 0,
                      "%s: result %d has other bits", what, k);
}

/* ---- products ---- */

typedef e3tp_status product_pass(const e3tp_plan *, const e3tp_buffers *);

static void multiply(const e3tp_plan *p, product_pass *pass, const arrays *a)
{
    e3tp_buffers b = e3tp_buffers_init(BATCH);
    b.x = a->in[X], b.y = a->in[Y], b.w = a->in[W], b.gz = a->in[Z];
    b.ggx = a->t[X], b.ggy = a->t[Y], b.ggw = a->t[W];
    b.z = b.hz = a->out[Z];
    b.gx = b.hx = a->out[X], b.gy = b.hy = a->out[Y], b.gw = b.hw = a->out[W];
    ck_assert_int_eq(pass(p, &b), E3TP_OK);
}

static e3tp_plan *product(const problem *q, bool wide)
{
    e3tp_desc *d = problem_desc(q);
    if (wide)
        e3tp_desc_set_accumulation(d, E3TP_F64);
    return plan_from(d);
}

/* Those that accumulate in double do the JVP too: together the sanitizer takes long. */
static void check_product(problem q, bool wide)
{
    static product_pass *const passes[] = {e3tp_forward, e3tp_backward, e3tp_double_backward,
                                           e3tp_jvp};
    size_t loops = 0;
    e3tp_plan *one = product(&q, wide);
    q.threads = THREADS, q.parallel_for = at_once, q.parallel_ctx = &loops;
    e3tp_plan *several = product(&q, wide);
    const size_t w = e3tp_plan_width(one, E3TP_W);
    const size_t n[OPERANDS] = {BATCH * e3tp_plan_width(one, E3TP_X),
                                BATCH * e3tp_plan_width(one, E3TP_Y),
                                e3tp_plan_weights(one) == E3TP_WEIGHTS_ROW ? BATCH * w : w,
                                BATCH * e3tp_plan_width(one, E3TP_Z)};
    for (size_t pass = 0; pass < COUNT_OF(passes) - !wide; pass++) {
        arrays a = arrays_of(n), b = arrays_of(n);
        multiply(one, passes[pass], &a);
        multiply(several, passes[pass], &b);
        same(&a, &b, problem_name(q.kind));
        free_arrays(&a), free_arrays(&b);
    }
    ck_assert_uint_ge(loops, 1);
    e3tp_plan_destroy(one);
    e3tp_plan_destroy(several);
}

/* _i: the method. */
START_TEST(products)
{
    int served = 0;
    for (int kind = 0; kind < PROBLEMS; kind++) {
        const problem q = {.kind = (problem_kind)kind,
                           .method = method_at(_i),
                           .mul = kind % 2 ? 17 : 9,
                           .weights = kind % 2 ? E3TP_WEIGHTS_ROW : E3TP_WEIGHTS_SHARED,
                           .threads = 1};
        if (!problem_served(q.method, q.kind))
            continue;
        check_product(q, kind % 3 == 0);
        served++;
    }
    ck_assert_int_eq(served, problems_served(method_at(_i)));
}
END_TEST

/* ---- convolutions over more than one window of edges, each of which stands beside its reverse;
   v stands for y where harmonics are made ---- */

enum { NODES = 40, EDGES = 2300, CHANNELS = 9, KNOTS = 32, BASIS = 5, HIDDEN = 6, FEW = 5 };

typedef enum maker { STORED, SPLINE, RADIAL, LAYER } maker;

/* Types are pairs of edges, so many that a sum for each leaf would be too much, or few; distances,
   or activations, are given. */
enum { HARMONICS = 1, PAIRS = 2, DISTANCES = 4, WIDE = 8 };

typedef struct setting {
    const char *name;
    e3tp_conv_form form;
    maker w;
    e3tp_place x, y, at; /* at: of w, or of the table of which it is made */
    unsigned has;
} setting;

static const setting settings[] = {
    {"general", E3TP_CONV_GENERAL, STORED, E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_EDGE, HARMONICS},
    {"y of senders", E3TP_CONV_GENERAL, STORED, E3TP_AT_RECEIVER, E3TP_AT_SENDER, E3TP_AT_EDGE,
     WIDE},
    {"one x, y of types", E3TP_CONV_GENERAL, STORED, E3TP_AT_SHARED, E3TP_AT_TYPE, E3TP_AT_EDGE, 0},
    {"w of types", E3TP_CONV_GENERAL, STORED, E3TP_AT_SENDER, E3TP_AT_SHARED, E3TP_AT_TYPE, WIDE},
    {"w of pairs", E3TP_CONV_GENERAL, STORED, E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_TYPE,
     HARMONICS | PAIRS},
    {"w of pairs in double", E3TP_CONV_GENERAL, STORED, E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_TYPE,
     HARMONICS | PAIRS | WIDE},
    {"spline", E3TP_CONV_GENERAL, SPLINE, E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_SHARED, HARMONICS},
    {"spline of types", E3TP_CONV_GENERAL, SPLINE, E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_TYPE,
     DISTANCES | WIDE},
    {"radial", E3TP_CONV_GENERAL, RADIAL, E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_TYPE,
     HARMONICS | WIDE},
    {"activations", E3TP_CONV_GENERAL, LAYER, E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_SHARED,
     HARMONICS | DISTANCES},
    {"rotated", E3TP_CONV_ROTATED, STORED, E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_EDGE, HARMONICS},
    {"rotated, w of pairs", E3TP_CONV_ROTATED, STORED, E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_TYPE,
     HARMONICS | PAIRS | WIDE},
    {"rotated, spline", E3TP_CONV_ROTATED, SPLINE, E3TP_AT_SENDER, E3TP_AT_EDGE, E3TP_AT_SHARED,
     HARMONICS},
    {"rotated, activations", E3TP_CONV_ROTATED, LAYER, E3TP_AT_SHARED, E3TP_AT_EDGE, E3TP_AT_TYPE,
     HARMONICS | DISTANCES},
};

typedef struct edges {
    int32_t receivers[EDGES], senders[EDGES], types[EDGES];
    size_t num_types;
    float v[3 * EDGES];
    e3tp_graph *graph;
} edges;

static edges *make_edges(bool pairs)
{
    edges *g = malloc(sizeof *g);
    float *v = random_floats(3 * EDGES, 5);
    for (int e = 0; e < EDGES; e += 2) {
        g->receivers[e] = g->senders[e + 1] = e * e % 997 % NODES;
        g->senders[e] = g->receivers[e + 1] = (e * 7 + 3) % NODES;
        for (int i = 0; i < 3; i++)
            g->v[3 * e + i] = v[3 * e + i], g->v[3 * e + 3 + i] = -v[3 * e + i];
    }
    free(v);
    ck_assert_int_eq(e3tp_graph_create(&g->graph, E3TP_INT32, g->receivers, g->senders, EDGES,
                                       NODES, NODES, NULL, 0),
                     E3TP_OK);
    ck_assert_int_eq(e3tp_graph_pairs(g->graph, E3TP_F32, g->v, 0, g->types, NULL, &g->num_types),
                     E3TP_OK);
    ck_assert_uint_eq(g->num_types, EDGES / 2);
    for (int e = 0; e < EDGES && !pairs; e++)
        g->types[e] %= FEW;
    if (!pairs)
        g->num_types = FEW;
    return g;
}

static void free_edges(edges *g)
{
    e3tp_graph_destroy(g->graph);
    free(g);
}

/* A convolution with all that it refers to. */
typedef struct layer {
    const setting *s;
    e3tp_plan *plan;
    e3tp_sh *sh;
    e3tp_spline *spline;
    e3tp_radial *radial;
    e3tp_conv *conv;
} layer;

static e3tp_plan *layer_plan(const setting *s, int threads, size_t *loops)
{
    char x[40];
    snprintf(x, sizeof x, "%dx0e+%dx1o", CHANNELS, CHANNELS);
    e3tp_desc *d = layer_desc(x, "0e+1o+2e", E3TP_MUL_IR);
    e3tp_desc_set_threads(d, threads);
    if (s->has & WIDE)
        e3tp_desc_set_accumulation(d, E3TP_F64);
    if (loops)
        e3tp_desc_set_parallel_for(d, at_once, loops);
    return plan_from(d);
}

static layer make_layer(const setting *s, int threads, size_t *loops)
{
    static const int ls[] = {0, 1, 2};
    layer c = {.s = s, .plan = layer_plan(s, threads, loops)};
    const e3tp_sh_desc h = e3tp_sh_desc_init(ls, 3, 1, E3TP_SH_COMPONENT);
    const e3tp_spline_desc q = e3tp_spline_desc_init(KNOTS, 1.5, e3tp_plan_width(c.plan, E3TP_W));
    const e3tp_radial_desc r =
        e3tp_radial_desc_init(E3TP_RADIAL_BESSEL, E3TP_CUTOFF_POLYNOMIAL, BASIS, 1.5);
    e3tp_conv_desc d = e3tp_conv_desc_init(c.plan);
    char text[300] = "";
    ck_assert_int_eq(e3tp_sh_create(&c.sh, &h, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_create(&c.spline, &q, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_radial_create(&c.radial, &r, NULL, 0), E3TP_OK);
    d.x = s->x, d.y = s->y, d.w = s->at, d.form = s->form;
    d.sh = s->has & HARMONICS ? c.sh : NULL;
    d.spline = s->w == SPLINE ? c.spline : NULL;
    d.radial = s->w == RADIAL ? c.radial : NULL;
    d.activations = s->w == LAYER ? HIDDEN : 0;
    ck_assert_msg(e3tp_conv_create(&c.conv, c.plan, &d, text, sizeof text) == E3TP_OK, "%s: %s",
                  s->name, text);
    return c;
}

static void free_layer(layer *c)
{
    e3tp_conv_destroy(c->conv);
    e3tp_radial_destroy(c->radial);
    e3tp_spline_destroy(c->spline);
    e3tp_sh_destroy(c->sh);
    e3tp_plan_destroy(c->plan);
}

static arrays layer_arrays(const layer *c, const edges *g)
{
    const setting *s = c->s;
    const size_t rows[] = {EDGES, NODES, NODES, g->num_types, 1};
    const size_t of_table[] = {1, KNOTS + 2, BASIS, HIDDEN};
    const size_t n[OPERANDS] = {rows[s->x] * e3tp_plan_width(c->plan, E3TP_X),
                                s->has & HARMONICS ? 3 * EDGES
                                                   : rows[s->y] * e3tp_plan_width(c->plan, E3TP_Y),
                                rows[s->at] * of_table[s->w] * e3tp_plan_width(c->plan, E3TP_W),
                                NODES * e3tp_plan_width(c->plan, E3TP_Z),
                                s->has & DISTANCES ? EDGES * (s->w == LAYER ? HIDDEN : 1) : 0};
    arrays a = arrays_of(n);
    if (s->has & HARMONICS)
        memcpy(a.in[Y], g->v, sizeof g->v);
    return a;
}

typedef e3tp_status conv_pass(const e3tp_conv *, const e3tp_graph *, const e3tp_conv_buffers *);
static conv_pass *const passes[] = {e3tp_conv_forward, e3tp_conv_backward,
                                    e3tp_conv_double_backward, e3tp_conv_jvp};

static e3tp_status convolve(const layer *c, const edges *g, conv_pass *pass, const arrays *a)
{
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = a->in[X], b.w = a->in[W], b.gz = a->in[Z], b.ggx = a->t[X], b.ggw = a->t[W];
    b.z = b.hz = a->out[Z];
    b.gx = b.hx = a->out[X], b.gw = b.hw = a->out[W];
    if (c->s->has & HARMONICS)
        b.v = a->in[Y], b.ggv = a->t[Y], b.gv = b.hv = a->out[Y];
    else
        b.y = a->in[Y], b.ggy = a->t[Y], b.gy = b.hy = a->out[Y];
    if (c->s->has & DISTANCES)
        b.a = a->in[A], b.gga = a->t[A], b.ga = b.ha = a->out[A];
    b.edge_type = g->types, b.num_types = g->num_types;
    return pass(c->conv, g->graph, &b);
}

/* _i: the setting. */
START_TEST(convolutions)
{
    size_t loops = 0;
    const setting *s = &settings[_i];
    edges *g = make_edges(s->has & PAIRS);
    layer one = make_layer(s, 1, NULL), several = make_layer(s, THREADS, &loops);
    for (size_t pass = 0; pass < COUNT_OF(passes); pass++) {
        const size_t before = loops;
        arrays a = layer_arrays(&one, g), b = layer_arrays(&several, g);
        ck_assert_int_eq(convolve(&one, g, passes[pass], &a), E3TP_OK);
        ck_assert_int_eq(convolve(&several, g, passes[pass], &b), E3TP_OK);
        same(&a, &b, s->name);
        ck_assert_uint_gt(loops, before);
        free_arrays(&a), free_arrays(&b);
    }
    free_layer(&one), free_layer(&several);
    free_edges(g);
}
END_TEST

/* ---- one convolution, graph and plan used by several calls at once ---- */

typedef struct call {
    const layer *c;
    const edges *g;
    arrays a;
    e3tp_status status[COUNT_OF(passes)], forces, pairs;
    float force[3 * NODES];
    int32_t pair[EDGES];
} call;

static void call_work(void *ctx, size_t i)
{
    call *q = (call *)ctx + i;
    size_t n;
    for (size_t pass = 0; pass < COUNT_OF(passes); pass++)
        q->status[pass] = convolve(q->c, q->g, passes[pass], &q->a);
    q->forces = e3tp_graph_forces(q->g->graph, E3TP_F32, q->g->v, q->g->v, q->force, NULL);
    q->pairs = e3tp_graph_pairs(q->g->graph, E3TP_F32, q->g->v, 0, q->pair, NULL, &n);
}

/* _i: the form. */
START_TEST(calls_at_once)
{
    static const char *const name[] = {"general", "rotated, spline"};
    const setting *s = settings;
    size_t loops = 0;
    while (strcmp(s->name, name[_i]) != 0)
        s++;
    edges *g = make_edges(false);
    layer c = make_layer(s, 1, NULL);
    call *q = calloc(THREADS, sizeof *q);
    for (int k = 0; k < THREADS; k++)
        q[k].c = &c, q[k].g = g, q[k].a = layer_arrays(&c, g);
    at_once(THREADS, call_work, q, &loops);
    for (int k = 0; k < THREADS; k++) {
        for (size_t pass = 0; pass < COUNT_OF(passes); pass++)
            ck_assert_int_eq(q[k].status[pass], E3TP_OK);
        ck_assert(q[k].forces == E3TP_OK && q[k].pairs == E3TP_OK);
        same(&q[0].a, &q[k].a, "a call among others");
        ck_assert_int_eq(memcmp(q[0].force, q[k].force, sizeof q->force), 0);
        ck_assert_int_eq(memcmp(q[0].pair, q[k].pair, sizeof q->pair), 0);
    }
    for (int k = 0; k < THREADS; k++)
        free_arrays(&q[k].a);
    free(q);
    free_layer(&c);
    free_edges(g);
}
END_TEST

/* ---- functions of edges, and grids: each writes its results one after the other ---- */

enum { POINTS = 8200, DIM = 16, RADIALS = 9, WIDTH = 33, TABLES = 5 };
enum { RESULTS = POINTS * DIM * 13 };

static void harmonics(int threads, size_t *loops, const float *in, float *out)
{
    static const int ls[] = {0, 1, 2, 3};
    e3tp_sh_desc d = e3tp_sh_desc_init(ls, COUNT_OF(ls), 1, E3TP_SH_COMPONENT);
    const e3tp_sh_vectors v = {POINTS, in, NULL, NULL};
    const size_t n = POINTS * DIM;
    e3tp_sh *p;
    d.threads = threads, d.parallel_for = loops ? at_once : NULL, d.parallel_ctx = loops;
    ck_assert_int_eq(e3tp_sh_create(&p, &d, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_sh_evaluate(p, &v, out, out + n, out + 4 * n), E3TP_OK);
    ck_assert_int_eq(e3tp_sh_backward(p, &v, in, out), E3TP_OK);
    ck_assert_int_eq(e3tp_sh_double_backward(p, &v, in, in, out + n, out + 2 * n), E3TP_OK);
    e3tp_sh_destroy(p);
}

static void radials(int threads, size_t *loops, const float *in, float *out)
{
    e3tp_radial_desc d =
        e3tp_radial_desc_init(E3TP_RADIAL_BESSEL, E3TP_CUTOFF_POLYNOMIAL, RADIALS, 1.5);
    const size_t n = POINTS * RADIALS;
    e3tp_radial *p;
    d.threads = threads, d.parallel_for = loops ? at_once : NULL, d.parallel_ctx = loops;
    ck_assert_int_eq(e3tp_radial_create(&p, &d, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_radial_eval(p, in, POINTS, out, out + n, out + 2 * n), E3TP_OK);
    e3tp_radial_destroy(p);
}

static void splines(int threads, size_t *loops, const float *in, float *out)
{
    enum { MANY = 801 };
    e3tp_spline_desc d = e3tp_spline_desc_init(MANY, 1.5, WIDTH);
    const size_t n = POINTS * WIDTH, table = TABLES * (MANY + 2) * WIDTH;
    int32_t types[POINTS];
    e3tp_spline *p;
    for (int i = 0; i < POINTS; i++)
        types[i] = i % TABLES;
    d.threads = threads, d.parallel_for = loops ? at_once : NULL, d.parallel_ctx = loops;
    ck_assert_int_eq(e3tp_spline_create(&p, &d, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_fit(p, TABLES, in, out), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_fit_backward(p, TABLES, in, out + table), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_evaluate(p, TABLES, in, in, types, POINTS, out + 2 * table,
                                          out + 2 * table + n, out + 2 * table + 2 * n),
                     E3TP_OK);
    e3tp_spline_destroy(p);
}

static void grids(int threads, size_t *loops, const float *in, float *out)
{
    static const int ls[] = {0, 1, 2, 3, 4, 5, 6};
    e3tp_s2grid_desc d = e3tp_s2grid_desc_init(ls, COUNT_OF(ls));
    e3tp_s2grid *p;
    d.channels = CHANNELS;
    d.threads = threads, d.parallel_for = loops ? at_once : NULL, d.parallel_ctx = loops;
    ck_assert_int_eq(e3tp_s2grid_create(&p, &d, NULL, 0), E3TP_OK);
    const size_t samples = BATCH * e3tp_s2grid_samples(p), n = BATCH * e3tp_s2grid_width(p);
    ck_assert_int_eq(e3tp_s2grid_to(p, BATCH, in, out, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_s2grid_from_backward(p, BATCH, in, out + samples, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_s2grid_from(p, BATCH, in, out + 2 * samples, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_s2grid_to_backward(p, BATCH, in, out + 2 * samples + n, NULL), E3TP_OK);
    e3tp_s2grid_destroy(p);
}

static const struct {
    void (*run)(int threads, size_t *loops, const float *in, float *out);
    size_t calls;
} functions[] = {{harmonics, 3}, {radials, 1}, {splines, 3}, {grids, 4}};

/* _i: which. */
START_TEST(functions_of_edges)
{
    size_t loops = 0;
    float *in = random_floats(RESULTS, 3), *one = random_floats(RESULTS, 5),
          *several = random_floats(RESULTS, 5);
    functions[_i].run(1, NULL, in, one);
    functions[_i].run(THREADS, &loops, in, several);
    ck_assert_int_eq(memcmp(one, several, RESULTS * sizeof *one), 0);
    ck_assert_uint_ge(loops, functions[_i].calls);
    free(in), free(one), free(several);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("race");
    tcase_add_loop_test(t, products, 0, method_count());
    tcase_add_loop_test(t, convolutions, 0, COUNT_OF(settings));
    tcase_add_loop_test(t, calls_at_once, 0, 2);
    tcase_add_loop_test(t, functions_of_edges, 0, COUNT_OF(functions));
    return run_tests(t, "race", CK_NOFORK); /* a forked child is serial by design */
}
