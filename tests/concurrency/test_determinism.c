/* SPDX-License-Identifier: MIT */
/* Same bits on 1, 2, 3 and 4 threads and under a host's loop that runs backwards: every problem
   with every method, every pass, sums over the batch included; and the convolution. */
#include "e3tp/graph.h"
#include "problems.h"
#include "sampled.h"
#include "suite.h"

enum { BATCH = 517, MUL = 33, INPUTS = 7, OUTPUTS = 9, THREADS = 4, VARIANTS = THREADS + 1 };

/* x, y, w, gz, ggx, ggy, ggw; z, gx, gy, gw, hz, hx, hy, hw, dz */
static const e3tp_operand in_operand[INPUTS] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z,
                                                E3TP_X, E3TP_Y, E3TP_W};
static const e3tp_operand out_operand[OUTPUTS] = {E3TP_Z, E3TP_X, E3TP_Y, E3TP_W, E3TP_Z,
                                                  E3TP_X, E3TP_Y, E3TP_W, E3TP_Z};

/* A host's loop that runs backwards, and counts its calls. */
static void backwards(size_t n, void (*body)(void *, size_t), void *body_ctx, void *ctx)
{
    *(size_t *)ctx += 1;
    while (n--)
        body(body_ctx, n);
}

/* Variant 0..3: so many threads less one; 4: the host's loop. */
static e3tp_plan *plan_of(problem p, int variant, size_t *calls)
{
    p.threads = variant < THREADS ? variant + 1 : 3;
    if (variant == THREADS) {
        p.parallel_for = backwards;
        p.parallel_ctx = calls;
    }
    return problem_plan(&p);
}

typedef struct product_call {
    float *in[INPUTS], *out[OUTPUTS];
    size_t out_size[OUTPUTS];
    bool single_y;
} product_call;

static product_call make_call(const e3tp_plan *p, const problem *q, bool single_y)
{
    product_call c = {.single_y = single_y};
    for (int k = 0; k < INPUTS; k++)
        c.in[k] = random_floats(e3tp_plan_width(p, in_operand[k]) * BATCH, 7 + (unsigned)k);
    for (int k = 0; k < OUTPUTS; k++) {
        const bool summed = (out_operand[k] == E3TP_W && q->weights != E3TP_WEIGHTS_ROW) ||
                            (out_operand[k] == E3TP_Y && single_y);
        c.out_size[k] = e3tp_plan_width(p, out_operand[k]) * (summed ? 1 : BATCH) * sizeof(float);
        c.out[k] = malloc(c.out_size[k] + 1);
    }
    return c;
}

static void free_call(product_call *c)
{
    for (int k = 0; k < INPUTS; k++)
        free(c->in[k]);
    for (int k = 0; k < OUTPUTS; k++)
        free(c->out[k]);
}

static void execute(const e3tp_plan *p, product_call *c)
{
    e3tp_buffers b = e3tp_buffers_init(BATCH);
    for (int k = 0; k < OUTPUTS; k++)
        memset(c->out[k], 0xff, c->out_size[k]);
    b.x = c->in[0], b.y = c->in[1], b.w = c->in[2], b.gz = c->in[3];
    b.ggx = c->in[4], b.ggy = c->in[5], b.ggw = c->in[6];
    b.z = c->out[0], b.gx = c->out[1], b.gy = c->out[2], b.gw = c->out[3];
    b.hz = c->out[4], b.hx = c->out[5], b.hy = c->out[6], b.hw = c->out[7];
    if (c->single_y)
        b.stride_y = 0;
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_double_backward(p, &b), E3TP_OK);
    b.hz = c->out[8];
    ck_assert_int_eq(e3tp_jvp(p, &b), E3TP_OK);
}

/* Sampled, all threads and the host's loop. */
enum { FIRST_VARIANT = SAMPLED ? THREADS - 1 : 1 };

/* Returns whether the method serves the problem. */
static bool compare_threads(const problem *q, bool single_y, size_t *calls)
{
    const size_t before = *calls;
    e3tp_plan *one = plan_of(*q, 0, NULL);
    if (!one)
        return false;
    product_call first = make_call(one, q, single_y), other = make_call(one, q, single_y);
    execute(one, &first);
    for (int variant = FIRST_VARIANT; variant < VARIANTS; variant++) {
        e3tp_plan *p = plan_of(*q, variant, calls);
        execute(p, &other);
        for (int k = 0; k < OUTPUTS; k++)
            ck_assert_msg(memcmp(first.out[k], other.out[k], first.out_size[k]) == 0,
                          "%s by %s, variant %d, output %d has other bits", problem_name(q->kind),
                          e3tp_method_name(q->method), variant, k);
        e3tp_plan_destroy(p);
    }
    /* Enough work for threads to pay: the comparison means something. */
    ck_assert_msg(*calls >= before + 2, "%s by %s ran serially", problem_name(q->kind),
                  e3tp_method_name(q->method));
    free_call(&first);
    free_call(&other);
    e3tp_plan_destroy(one);
    return true;
}

/* _i: the method. */
START_TEST(products)
{
    problem q = {.method = method_at(_i), .mul = MUL};
    size_t calls = 0;
    int served = 0, expected = 0;
    for (int kind = 0; kind < PROBLEMS; kind++)
        for (int single = 0; single < 2; single++) {
            if (left_out(kind + single + _i, 4))
                continue;
            expected += problem_served(q.method, (problem_kind)kind);
            q.kind = (problem_kind)kind;
            q.weights = single ? E3TP_WEIGHTS_SHARED : E3TP_WEIGHTS_ROW;
            served += compare_threads(&q, single, &calls);
        }
    ck_assert_int_eq(served, expected);
    ck_assert_int_gt(served, 0);
}
END_TEST

/* A work area of the caller's, full of NaN, changes nothing. */
START_TEST(work_given)
{
    problem q = {.method = method_at(_i), .mul = MUL, .threads = THREADS};
    q.kind = q.method == E3TP_METHOD_MATRIX ? PROBLEM_MATRIX : PROBLEM_GAUNT;
    q.weights = E3TP_WEIGHTS_SHARED;
    e3tp_plan *p = problem_plan(&q);
    product_call own = make_call(p, &q, true), given = make_call(p, &q, true);
    execute(p, &own);
    e3tp_buffers b = e3tp_buffers_init(BATCH);
    b.x = given.in[0], b.y = given.in[1], b.w = given.in[2], b.gz = given.in[3];
    b.gx = given.out[1], b.gy = given.out[2], b.gw = given.out[3];
    b.stride_y = 0;
    const size_t bytes = (e3tp_plan_work_bytes(p, E3TP_BACKWARD, BATCH) + 63) / 64 * 64;
    b.work = aligned_alloc(64, bytes + 64);
    memset(b.work, 0xff, bytes);
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    for (int k = 1; k <= 3; k++) /* the gradients */
        ck_assert_int_eq(memcmp(own.out[k], given.out[k], own.out_size[k]), 0);
    free(b.work);
    free_call(&own);
    free_call(&given);
    e3tp_plan_destroy(p);
}
END_TEST

/* ---- the convolution ---- */

enum { NODES = 300, SENDERS = 350, EDGES = 5000, CROWDED = 700, CONV_MUL = 9 };

static e3tp_graph *graph_of(bool sorted)
{
    static int32_t receivers[EDGES], senders[EDGES];
    unsigned seed = 3;
    for (int e = 0; e < EDGES; e++) {
        seed = seed * 1664525u + 1013904223u;
        receivers[e] = sorted ? e * NODES / EDGES : (int32_t)((seed >> 8) % NODES);
        senders[e] = (int32_t)((seed >> 4) % SENDERS);
    }
    for (int e = 0; e < CROWDED; e++) /* one receiver with more edges than a segment has */
        receivers[e] = sorted ? 0 : 5;
    for (int e = CROWDED; e < EDGES && sorted; e++)
        receivers[e] = 1 + (e - CROWDED) * (NODES - 1) / (EDGES - CROWDED);
    e3tp_graph *g;
    ck_assert_int_eq(
        e3tp_graph_create(&g, E3TP_INT32, receivers, senders, EDGES, NODES, SENDERS, NULL, 0),
        E3TP_OK);
    return g;
}

/* The results of a convolution with weights at the edge: a product_call whose rows are those of
   their places. */
static size_t conv_rows(e3tp_operand k, const e3tp_conv_desc *d)
{
    static const size_t of_place[] = {EDGES, SENDERS, NODES, 0, 1};
    const e3tp_place place = k == E3TP_X ? d->x : k == E3TP_Y ? d->y : k == E3TP_W ? d->w : d->z;
    return of_place[place];
}

static product_call make_conv_call(const e3tp_plan *p, const e3tp_conv_desc *d)
{
    product_call c = {.single_y = false};
    for (int k = 0; k < INPUTS; k++)
        c.in[k] = random_floats(e3tp_plan_width(p, in_operand[k]) * conv_rows(in_operand[k], d),
                                11 + (unsigned)k);
    for (int k = 0; k < OUTPUTS; k++) {
        c.out_size[k] =
            e3tp_plan_width(p, out_operand[k]) * conv_rows(out_operand[k], d) * sizeof(float);
        c.out[k] = malloc(c.out_size[k] + 1);
    }
    return c;
}

static void convolve(const e3tp_plan *p, const e3tp_graph *g, const e3tp_conv_desc *d,
                     product_call *a)
{
    e3tp_conv *c;
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    for (int k = 0; k < OUTPUTS; k++)
        memset(a->out[k], 0xff, a->out_size[k]);
    b.x = a->in[0], b.y = a->in[1], b.w = a->in[2], b.gz = a->in[3];
    b.ggx = a->in[4], b.ggy = a->in[5], b.ggw = a->in[6];
    b.z = a->out[0], b.gx = a->out[1], b.gy = a->out[2], b.gw = a->out[3];
    b.hz = a->out[4], b.hx = a->out[5], b.hy = a->out[6], b.hw = a->out[7];
    ck_assert_int_eq(e3tp_conv_create(&c, p, d, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_forward(c, g, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_backward(c, g, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_double_backward(c, g, &b), E3TP_OK);
    b.hz = a->out[8];
    ck_assert_int_eq(e3tp_conv_jvp(c, g, &b), E3TP_OK);
    e3tp_conv_destroy(c);
}

static void compare_convolutions(const problem *q, const e3tp_plan *one, const e3tp_graph *g,
                                 const e3tp_conv_desc *d, size_t *calls)
{
    product_call first = make_conv_call(one, d), other = make_conv_call(one, d);
    convolve(one, g, d, &first);
    for (int variant = FIRST_VARIANT; variant < VARIANTS; variant++) {
        e3tp_plan *p = plan_of(*q, variant, calls);
        convolve(p, g, d, &other);
        for (int k = 0; k < OUTPUTS; k++)
            ck_assert_msg(memcmp(first.out[k], other.out[k], first.out_size[k]) == 0,
                          "%s by %s: output %d of a convolution on variant %d has other bits",
                          problem_name(q->kind), e3tp_method_name(q->method), k, variant);
        e3tp_plan_destroy(p);
    }
    free_call(&first);
    free_call(&other);
}

/* _i: the method. Operands at the sender and the edge; then of one row, with shared weights. */
START_TEST(convolutions)
{
    problem q = {.method = method_at(_i), .mul = CONV_MUL};
    size_t calls = 0;
    int served = 0, expected = 0;
    for (int kind = 0; kind < PROBLEMS; kind++)
        for (int sorted = 0; sorted < 2; sorted++) {
            if (left_out(kind + sorted + _i, 4))
                continue;
            expected += problem_served(q.method, (problem_kind)kind);
            q.kind = (problem_kind)kind;
            q.weights = sorted ? E3TP_WEIGHTS_ROW : E3TP_WEIGHTS_SHARED;
            e3tp_plan *one = plan_of(q, 0, NULL);
            if (!one)
                continue;
            served++;
            e3tp_graph *g = graph_of(sorted);
            e3tp_conv_desc d = e3tp_conv_desc_init(one);
            d.scale = 0.3;
            if (!sorted)
                d.y = E3TP_AT_SHARED;
            compare_convolutions(&q, one, g, &d, &calls);
            e3tp_graph_destroy(g);
            e3tp_plan_destroy(one);
        }
    ck_assert_int_eq(served, expected);
    ck_assert_uint_gt(calls, 0);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("determinism");
    tcase_add_loop_test(t, products, 0, method_count());
    tcase_add_loop_test(t, work_given, 0, method_count());
    tcase_add_loop_test(t, convolutions, 0, method_count());
    return run_tests(t, "determinism", CK_NOFORK); /* a forked child is serial by design */
}
