/* SPDX-License-Identifier: MIT */
/* Rows of ghosts that the callback fills: NaN before it, the same bits as with rows that are there,
   every pass, z at receivers and edges, both types, on 1 to 4 threads; called once, by the calling
   thread, where z is summed after receivers that read no ghost. argv[1] is the tier. */
#include <pthread.h>
#include <stdbool.h>

#include "e3tp/graph.h"
#include "layer.h"
#include "sampled.h"
#include "suite.h"

enum { NODES = 60, GHOSTS = 25, SENDERS = NODES + GHOSTS, EDGES = 2500, THREADS = 4 };
enum { X, Y, W, Z, OPERANDS, OUTPUTS = 8, PASSES = E3TP_JVP + 1 };

static e3tp_isa tier;

static e3tp_status (*const passes[PASSES])(const e3tp_conv *, const e3tp_graph *,
                                           const e3tp_conv_buffers *) = {
    e3tp_conv_forward, e3tp_conv_backward, e3tp_conv_double_backward, e3tp_conv_jvp};

/* A convolution, and arrays of its type; `there` has rows of ghosts of x and its tangent, which
   `filled` gets from it. */
typedef struct setup {
    e3tp_dtype dtype;
    e3tp_plan *plan;
    e3tp_conv *conv;
    size_t es, width[OPERANDS], rows[OPERANDS];
    size_t nodes, senders, edges;
    int32_t receivers[EDGES], of[EDGES];
    void *in[OPERANDS], *t[OPERANDS], *there[2], *filled[2];
} setup;

/* A call: what it writes, and what the callback saw. */
typedef struct call {
    const setup *s;
    void *out[OUTPUTS];
    int calls;
    bool elsewhere; /* not by the thread that calls */
    pthread_t caller;
    void *seen; /* z when it was called */
} call;

static const int operand_of[OUTPUTS] = {Z, X, Y, W, X, Y, W, Z};

static size_t bytes_of(const setup *s, int k)
{
    return s->rows[k] * s->width[k] * s->es;
}

static void *numbers(const setup *s, int k, unsigned seed)
{
    const size_t n = s->rows[k] * s->width[k];
    float *f = random_floats(n, seed);
    double *d = malloc((n + 1) * sizeof *d);
    for (size_t i = 0; i < n; i++)
        d[i] = (double)f[i];
    free(s->es == sizeof(float) ? (void *)d : (void *)f);
    return s->es == sizeof(float) ? (void *)f : (void *)d;
}

/* A copy of rows of senders; those of ghosts are NaN. */
static void *without_ghosts(const setup *s, const void *rows)
{
    const size_t owned = s->nodes * s->width[X] * s->es;
    unsigned char *copy = malloc(bytes_of(s, X) + 1);
    memcpy(copy, rows, bytes_of(s, X));
    memset(copy + owned, 0xff, bytes_of(s, X) - owned);
    return copy;
}

/* Every third receiver has a ghost among its senders; the last node has no edges. */
static void make_edges(setup *s)
{
    unsigned seed = 9;
    for (size_t e = 0; e < s->edges; e++) {
        seed = seed * 1664525u + 1013904223u;
        const size_t r = (seed >> 8) % (s->nodes - 1), ghosts = s->senders - s->nodes;
        const bool ghost = ghosts && r % 3 == 0 && seed >> 29 == 0;
        s->receivers[e] = (int32_t)r;
        s->of[e] = (int32_t)(ghost ? s->nodes + r % ghosts : (seed >> 12) % s->nodes);
    }
}

static bool has_ghosts(const setup *s, size_t r)
{
    bool yes = false;
    for (size_t e = 0; e < s->edges; e++)
        yes = yes || ((size_t)s->receivers[e] == r && (size_t)s->of[e] >= s->nodes);
    return yes;
}

static e3tp_plan *layer(const char *x, e3tp_dtype dtype, int threads)
{
    e3tp_desc *d = layer_desc(x, "0e+1o+2e", E3TP_IR_MUL);
    e3tp_desc_set_dtype(d, dtype);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_threads(d, threads);
    return plan_from(d);
}

static setup setup_of(e3tp_dtype dtype, e3tp_place z, int threads, size_t senders, size_t edges)
{
    setup s = {.dtype = dtype, .es = dtype == E3TP_F64 ? sizeof(double) : sizeof(float)};
    s.nodes = NODES, s.senders = senders, s.edges = edges;
    make_edges(&s);
    s.plan = layer("17x0e+17x1o", dtype, threads);
    e3tp_conv_desc c = e3tp_conv_desc_init(s.plan);
    c.z = z, c.scale = 0.7;
    ck_assert_int_eq(e3tp_conv_create(&s.conv, s.plan, &c, NULL, 0), E3TP_OK);
    static const e3tp_operand operand[OPERANDS] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z};
    const size_t rows[OPERANDS] = {senders, edges, edges, z == E3TP_AT_EDGE ? edges : NODES};
    for (int k = 0; k < OPERANDS; k++) {
        s.width[k] = e3tp_plan_width(s.plan, operand[k]);
        s.rows[k] = rows[k];
        s.in[k] = numbers(&s, k, 3 + (unsigned)k);
        s.t[k] = numbers(&s, k, 13 + (unsigned)k);
    }
    s.there[0] = s.in[X], s.there[1] = s.t[X];
    return s;
}

static void free_setup(setup *s)
{
    for (int k = 0; k < OPERANDS; k++)
        free(s->in[k]), free(s->t[k]);
    e3tp_conv_destroy(s->conv);
    e3tp_plan_destroy(s->plan);
}

static void fill(void *ctx)
{
    call *c = ctx;
    const setup *s = c->s;
    const size_t owned = s->nodes * s->width[X] * s->es;
    c->calls++;
    c->elsewhere = !pthread_equal(pthread_self(), c->caller);
    memcpy(c->seen, c->out[0], bytes_of(s, Z));
    for (int i = 0; i < 2; i++)
        memcpy((char *)s->filled[i] + owned, (const char *)s->there[i] + owned,
               bytes_of(s, X) - owned);
}

static e3tp_conv_buffers buffers_of(const setup *s, call *c)
{
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = s->in[X], b.y = s->in[Y], b.w = s->in[W], b.gz = s->in[Z];
    b.ggx = s->t[X], b.ggy = s->t[Y], b.ggw = s->t[W];
    b.z = c->out[0], b.gx = c->out[1], b.gy = c->out[2], b.gw = c->out[3];
    b.hx = c->out[4], b.hy = c->out[5], b.hw = c->out[6], b.hz = c->out[7];
    return b;
}

static e3tp_graph *graph_of(const setup *s)
{
    e3tp_graph *g;
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, s->receivers, s->of, s->edges, s->nodes,
                                       s->senders, NULL, 0),
                     E3TP_OK);
    return g;
}

static call call_of(const setup *s)
{
    call c = {.s = s, .caller = pthread_self(), .seen = malloc(bytes_of(s, Z) + 1)};
    for (int o = 0; o < OUTPUTS; o++) {
        c.out[o] = malloc(bytes_of(s, operand_of[o]) + 1);
        memset(c.out[o], 0x5a, bytes_of(s, operand_of[o]));
    }
    return c;
}

static void free_call(call *c)
{
    for (int o = 0; o < OUTPUTS; o++)
        free(c->out[o]);
    free(c->seen);
}

/* Forward and JVP at the receiver: rows of receivers that read no ghost were complete; else nothing
   was written. */
static void check_seen(const setup *s, const call *c, const void *want, bool between)
{
    const size_t row = s->width[Z] * s->es;
    int wrong = 0, complete = 0;
    for (size_t r = 0; r < s->rows[Z]; r++) {
        const bool is = memcmp((char *)c->seen + r * row, (const char *)want + r * row, row) == 0,
                   ready = between && !has_ghosts(s, r);
        wrong += is != ready;
        complete += ready;
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert(!between || complete > NODES / 2);
}

/* `s` has all rows, and the call with the callback those of ghosts by it. */
static void compare(setup *s, const e3tp_graph *g, int pass, bool between)
{
    call whole = call_of(s), late = call_of(s);
    e3tp_conv_buffers b = buffers_of(s, &whole);
    b.z = b.hz = whole.out[0];
    ck_assert_int_eq(passes[pass](s->conv, g, &b), E3TP_OK);
    b = buffers_of(s, &late);
    b.z = b.hz = late.out[0];
    b.x = s->filled[0] = without_ghosts(s, s->in[X]);
    b.ggx = s->filled[1] = without_ghosts(s, s->t[X]);
    b.fill_ghosts = fill, b.fill_ghosts_ctx = &late;
    ck_assert_int_eq(passes[pass](s->conv, g, &b), E3TP_OK);
    ck_assert_int_eq(late.calls, 1);
    ck_assert(!late.elsewhere);
    for (int o = 0; o < OUTPUTS; o++)
        ck_assert_msg(memcmp(whole.out[o], late.out[o], bytes_of(s, operand_of[o])) == 0,
                      "pass %d, output %d has other bits", pass, o);
    if (pass != E3TP_BACKWARD)
        check_seen(s, &late, whole.out[0], between);
    for (int i = 0; i < 2; i++)
        free(s->filled[i]);
    free_call(&whole), free_call(&late);
}

/* _i: the pass. */
START_TEST(filled_late)
{
    for (int dtype = 0; dtype < 2; dtype++)
        for (int at_edge = 0; at_edge < 2; at_edge++)
            for (int threads = 1; threads <= THREADS; threads++)
                for (size_t senders = SENDERS; senders >= NODES; senders -= GHOSTS) {
                    if (left_out(dtype + at_edge + threads, 3))
                        continue;
                    setup s = setup_of((e3tp_dtype)dtype, at_edge ? E3TP_AT_EDGE : E3TP_AT_RECEIVER,
                                       threads, senders, EDGES);
                    e3tp_graph *g = graph_of(&s);
                    compare(&s, g, _i, !at_edge && (_i == E3TP_FORWARD || _i == E3TP_JVP));
                    e3tp_graph_destroy(g);
                    free_setup(&s);
                }
}
END_TEST

static void count(void *ctx)
{
    ++*(int *)ctx;
}

static int calls_without_width(int pass, const e3tp_graph *g)
{
    int calls = 0;
    float z[NODES]; /* it has no elements, but is wanted */
    e3tp_plan *p = layer("", E3TP_F32, 1);
    e3tp_conv *c;
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.fill_ghosts = count, b.fill_ghosts_ctx = &calls;
    b.z = b.hz = z;
    ck_assert_uint_eq(e3tp_plan_width(p, E3TP_Z), 0);
    ck_assert_int_eq(e3tp_conv_create(&c, p, NULL, NULL, 0), E3TP_OK);
    ck_assert_int_eq(passes[pass](c, g, &b), E3TP_OK);
    e3tp_conv_destroy(c);
    e3tp_plan_destroy(p);
    return calls;
}

/* Without edges, rows or results it is called too; by a call that is refused it is not. */
START_TEST(called_once)
{
    setup s = setup_of(E3TP_F32, E3TP_AT_RECEIVER, 2, SENDERS, 0);
    call c = call_of(&s);
    int calls = 0;
    e3tp_graph *none, *g = graph_of(&s);
    e3tp_conv_buffers b = buffers_of(&s, &c), empty = e3tp_conv_buffers_init();
    b.fill_ghosts = empty.fill_ghosts = count;
    b.fill_ghosts_ctx = empty.fill_ghosts_ctx = &calls;
    ck_assert_int_eq(e3tp_graph_create(&none, E3TP_INT32, NULL, NULL, 0, 0, 5, NULL, 0), E3TP_OK);
    ck_assert_int_eq(passes[_i](s.conv, g, &b), E3TP_OK);
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(passes[_i](s.conv, none, &empty), E3TP_OK);
    ck_assert_int_eq(calls, 2);
    ck_assert_int_eq(calls_without_width(_i, g), 1);
    ck_assert_uint_eq(e3tp_conv_work_bytes(s.conv, (e3tp_pass)_i, NULL, &b), 0);
    ck_assert_int_eq(passes[_i](s.conv, NULL, &b), E3TP_E_INVALID);
    ck_assert_int_eq(calls, 2);
    e3tp_graph_destroy(g), e3tp_graph_destroy(none);
    free_call(&c);
    free_setup(&s);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *t = tcase_create("ghosts");
    tcase_add_loop_test(t, filled_late, 0, PASSES);
    tcase_add_loop_test(t, called_once, 0, PASSES);
    return run_tests(t, "ghosts", CK_NOFORK); /* a forked child is serial by design */
}
