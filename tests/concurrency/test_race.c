/* SPDX-License-Identifier: MIT */
/* Products and convolutions on threads that the host starts, at once and for every call anew: the
   same bits as on one thread. Built with the thread sanitizer, which knows these threads and no
   OpenMP's, it finds accesses that nothing orders. */
#include <pthread.h>

#include "e3tp/graph.h"
#include "layer.h"
#include "problems.h"
#include "suite.h"

enum { THREADS = 4, BATCH = 300, MUL = 17, NODES = 40, EDGES = 1500, KNOTS = 32, MOST = 16 };

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

/* x y w z of a size each, and what the passes write: z or hz, gradients. */
typedef struct arrays {
    size_t n[4];
    float *in[4], *t[4], *out[4];
} arrays;

static arrays arrays_of(const size_t n[4])
{
    arrays a;
    for (unsigned k = 0; k < 4; k++) {
        a.n[k] = n[k];
        a.in[k] = random_floats(n[k], 3 + k), a.t[k] = random_floats(n[k], 13 + k);
        a.out[k] = random_floats(n[k], 23 + k);
    }
    return a;
}

static void free_arrays(arrays *a)
{
    for (int k = 0; k < 4; k++)
        free(a->in[k]), free(a->t[k]), free(a->out[k]);
}

static void same(const arrays *a, const arrays *b, const char *what)
{
    for (int k = 0; k < 4; k++)
        ck_assert_msg(memcmp(a->out[k], b->out[k], a->n[k] * sizeof(float)) == 0,
                      "%s: result %d has other bits", what, k);
}

/* ---- products ---- */

typedef e3tp_status product_pass(const e3tp_plan *, const e3tp_buffers *);

static void multiply(const e3tp_plan *p, product_pass *pass, const arrays *a)
{
    e3tp_buffers b = e3tp_buffers_init(BATCH);
    b.x = a->in[0], b.y = a->in[1], b.w = a->in[2], b.gz = a->in[3];
    b.ggx = a->t[0], b.ggy = a->t[1], b.ggw = a->t[2];
    b.z = b.hz = a->out[3];
    b.gx = b.hx = a->out[0], b.gy = b.hy = a->out[1], b.gw = b.hw = a->out[2];
    ck_assert_int_eq(pass(p, &b), E3TP_OK);
}

static void check_product(problem q)
{
    static product_pass *const passes[] = {e3tp_forward, e3tp_backward, e3tp_double_backward};
    size_t loops = 0;
    e3tp_plan *one = problem_plan(&q);
    q.threads = THREADS, q.parallel_for = at_once, q.parallel_ctx = &loops;
    e3tp_plan *several = problem_plan(&q);
    ck_assert(one && several);
    const size_t w = e3tp_plan_width(one, E3TP_W);
    const size_t n[4] = {BATCH * e3tp_plan_width(one, E3TP_X), BATCH * e3tp_plan_width(one, E3TP_Y),
                         e3tp_plan_weights(one) == E3TP_WEIGHTS_ROW ? BATCH * w : w,
                         BATCH * e3tp_plan_width(one, E3TP_Z)};
    for (int pass = 0; pass < 3; pass++) {
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
                           .mul = MUL,
                           .weights = kind % 2 ? E3TP_WEIGHTS_ROW : E3TP_WEIGHTS_SHARED,
                           .threads = 1};
        if (!problem_served(q.method, q.kind))
            continue;
        check_product(q);
        served++;
    }
    ck_assert_int_eq(served, problems_served(method_at(_i)));
}
END_TEST

/* ---- a convolution with harmonics of vectors and weights of a spline; v stands for y ---- */

typedef e3tp_status conv_pass(const e3tp_conv *, const e3tp_graph *, const e3tp_conv_buffers *);

static e3tp_plan *layer(int threads, size_t *loops)
{
    e3tp_desc *d = layer_desc("17x0e+17x1o", "0e+1o+2e", E3TP_MUL_IR);
    e3tp_desc_set_threads(d, threads);
    if (loops)
        e3tp_desc_set_parallel_for(d, at_once, loops);
    return plan_from(d);
}

static void convolve(const e3tp_plan *p, conv_pass *pass, const arrays *a)
{
    static const int ls[] = {0, 1, 2};
    int32_t receivers[EDGES], senders[EDGES];
    for (int e = 0; e < EDGES; e++)
        receivers[e] = e * e % 997 % NODES, senders[e] = (e * 7 + 3) % NODES;
    e3tp_sh_desc h = e3tp_sh_desc_init(ls, 3, 1, E3TP_SH_COMPONENT);
    e3tp_spline_desc s = e3tp_spline_desc_init(KNOTS, 1.5, e3tp_plan_width(p, E3TP_W));
    e3tp_conv_desc d = e3tp_conv_desc_init(p);
    e3tp_sh *sh = NULL;
    e3tp_spline *spline = NULL;
    e3tp_graph *g = NULL;
    e3tp_conv *c = NULL;
    ck_assert_int_eq(e3tp_sh_create(&sh, &h, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_create(&spline, &s, NULL, 0), E3TP_OK);
    d.sh = sh, d.spline = spline, d.w = E3TP_AT_SHARED;
    ck_assert_int_eq(e3tp_conv_create(&c, p, &d, NULL, 0), E3TP_OK);
    ck_assert_int_eq(
        e3tp_graph_create(&g, E3TP_INT32, receivers, senders, EDGES, NODES, NODES, NULL, 0),
        E3TP_OK);
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = a->in[0], b.v = a->in[1], b.w = a->in[2], b.gz = a->in[3];
    b.ggx = a->t[0], b.ggv = a->t[1], b.ggw = a->t[2];
    b.z = b.hz = a->out[3];
    b.gx = b.hx = a->out[0], b.gv = b.hv = a->out[1], b.gw = b.hw = a->out[2];
    ck_assert_int_eq(pass(c, g, &b), E3TP_OK);
    e3tp_conv_destroy(c);
    e3tp_graph_destroy(g);
    e3tp_spline_destroy(spline);
    e3tp_sh_destroy(sh);
}

START_TEST(convolution)
{
    static conv_pass *const passes[] = {e3tp_conv_forward, e3tp_conv_backward,
                                        e3tp_conv_double_backward, e3tp_conv_jvp};
    size_t loops = 0;
    e3tp_plan *one = layer(1, NULL), *several = layer(THREADS, &loops);
    const size_t n[4] = {NODES * e3tp_plan_width(one, E3TP_X), 3 * EDGES,
                         (KNOTS + 2) * e3tp_plan_width(one, E3TP_W),
                         NODES * e3tp_plan_width(one, E3TP_Z)};
    arrays a = arrays_of(n), b = arrays_of(n);
    convolve(one, passes[_i], &a);
    convolve(several, passes[_i], &b);
    same(&a, &b, "convolution");
    ck_assert_uint_ge(loops, 1);
    free_arrays(&a), free_arrays(&b);
    e3tp_plan_destroy(one);
    e3tp_plan_destroy(several);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("race");
    tcase_add_loop_test(t, products, 0, method_count());
    tcase_add_loop_test(t, convolution, 0, 4);
    return run_tests(t, "race", CK_NOFORK); /* a forked child is serial by design */
}
