/* SPDX-License-Identifier: MIT */
/* The k-th allocation fails, for every k: NOMEM with a sentence, and nothing leaks; for plans of
   every problem and method by ESTIMATE and MEASURE, their execution, and convolutions. With `work`
   given, execution allocates nothing. */
#include "e3tp/graph.h"
#include "host.h"
#include "problems.h"
#include "suite.h"

enum { BATCH = 700, MOST = 5000 };

static problem problem_of(int kind, e3tp_method method, meter *m)
{
    return (problem){.kind = (problem_kind)kind,
                     .method = method,
                     .mul = 4,
                     .threads = 1,
                     .weights = E3TP_WEIGHTS_SHARED,
                     .alloc = metered_alloc,
                     .release = metered_free,
                     .alloc_ctx = m};
}

/* Creation with room for k allocations, k = 0, 1, ... until it succeeds; false where the method
   refuses, which may come before or after memory ran out. */
static bool sweep_creation(problem p, meter *m)
{
    e3tp_plan *plan = NULL;
    e3tp_status s = E3TP_E_NOMEM;
    long k = 0;
    for (; s == E3TP_E_NOMEM; k++) {
        *m = (meter){k, 0, 0};
        e3tp_desc *d = problem_desc(&p);
        s = e3tp_plan_create(&plan, d);
        ck_assert((s == E3TP_OK) == (plan != NULL));
        ck_assert(s == E3TP_OK || strlen(e3tp_desc_message(d)) > 10);
        e3tp_plan_destroy(plan);
        e3tp_desc_destroy(d);
        ck_assert_int_eq(m->live, 0);
        ck_assert_int_lt(k, MOST);
    }
    ck_assert_msg(s == E3TP_OK || s == E3TP_E_UNSUPPORTED, "%s by %s: status %d",
                  problem_name(p.kind), e3tp_method_name(p.method), s);
    ck_assert(s != E3TP_OK || k > 3);
    return s == E3TP_OK;
}

/* _i: the method, and one more for AUTO. */
START_TEST(creation)
{
    meter m;
    int served = 0;
    for (int kind = 0; kind < PROBLEMS; kind++)
        for (int effort = E3TP_ESTIMATE; effort <= E3TP_MEASURE; effort++) {
            problem p = problem_of(kind, method_at(_i), &m);
            p.effort = (e3tp_effort)effort;
            served += sweep_creation(p, &m);
        }
    ck_assert_int_eq(served, 2 * problems_served(method_at(_i)));
}
END_TEST

typedef struct call {
    e3tp_buffers forward, backward;
    float *mem[8];
} call;

static call make_call(const e3tp_plan *p)
{
    static const e3tp_operand which[8] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z,
                                          E3TP_X, E3TP_Y, E3TP_W, E3TP_Z};
    call c = {.forward = e3tp_buffers_init(BATCH)};
    for (int i = 0; i < 8; i++)
        c.mem[i] = calloc(BATCH * e3tp_plan_width(p, which[i]) + 1, sizeof(float));
    c.forward.x = c.mem[0], c.forward.y = c.mem[1], c.forward.w = c.mem[2];
    c.backward = c.forward;
    c.forward.z = c.mem[7];
    c.backward.gz = c.mem[3];
    c.backward.gx = c.mem[4], c.backward.gy = c.mem[5], c.backward.gw = c.mem[6];
    return c;
}

static void execute_without_memory(problem p, meter *m)
{
    *m = (meter){-1, 0, 0};
    e3tp_plan *plan = problem_plan(&p);
    if (!plan)
        return;
    call c = make_call(plan);
    const long before = m->total;
    void *work[2];
    for (int pass = 0; pass < 2; pass++)
        work[pass] =
            aligned_alloc(64, (e3tp_plan_work_bytes(plan, (e3tp_pass)pass, BATCH) + 127) / 64 * 64);
    m->left = 0;
    c.forward.work = work[0], c.backward.work = work[1];
    ck_assert_int_eq(e3tp_forward(plan, &c.forward), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(plan, &c.backward), E3TP_OK);
    c.forward.work = c.backward.work = NULL;
    ck_assert_int_eq(e3tp_forward(plan, &c.forward), E3TP_E_NOMEM);
    ck_assert_int_eq(e3tp_backward(plan, &c.backward), E3TP_E_NOMEM);
    ck_assert_int_eq(m->total, before);
    m->left = 1; /* a call takes one piece */
    ck_assert_int_eq(e3tp_forward(plan, &c.forward), E3TP_OK);
    m->left = 1;
    ck_assert_int_eq(e3tp_backward(plan, &c.backward), E3TP_OK);
    ck_assert_int_eq(m->total, before + 2);
    for (int i = 0; i < 8; i++)
        free(c.mem[i]);
    free(work[0]), free(work[1]);
    e3tp_plan_destroy(plan);
    ck_assert_int_eq(m->live, 0);
}

START_TEST(execution)
{
    meter m;
    for (int kind = 0; kind < PROBLEMS; kind++)
        execute_without_memory(problem_of(kind, method_at(_i), &m), &m);
}
END_TEST

/* The graph has memory of the C library; the convolution and its calls that of the plan. */
static e3tp_status (*const conv_passes[])(const e3tp_conv *, const e3tp_graph *,
                                          const e3tp_conv_buffers *) = {
    e3tp_conv_forward, e3tp_conv_backward, e3tp_conv_double_backward, e3tp_conv_jvp};

static void convolve_without_memory(problem p, meter *m)
{
    static const int32_t ends[6] = {0, 1, 1, 2, 0, 1};
    *m = (meter){-1, 0, 0};
    e3tp_plan *plan = problem_plan(&p);
    if (!plan)
        return;
    call c = make_call(plan);
    char text[200] = "";
    e3tp_graph *g;
    e3tp_conv *conv = NULL;
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, ends, ends, 6, 3, 3, NULL, 0), E3TP_OK);
    e3tp_status s = E3TP_E_NOMEM;
    long k = 0;
    for (; s == E3TP_E_NOMEM; k++) {
        const long live = m->live;
        m->left = k;
        s = e3tp_conv_create(&conv, plan, NULL, text, sizeof text);
        ck_assert(s == E3TP_OK || (!conv && strlen(text) > 10 && m->live == live));
        ck_assert_int_lt(k, MOST);
    }
    ck_assert(s == E3TP_OK && k > 1);
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = c.mem[0], b.y = c.mem[1], b.w = c.mem[2], b.z = c.mem[7];
    b.hz = c.mem[7], b.gz = c.mem[3];
    b.gx = b.hx = c.mem[4], b.gy = b.hy = c.mem[5], b.gw = b.hw = c.mem[6];
    for (int pass = 0; pass <= E3TP_JVP; pass++) {
        for (k = 0, s = E3TP_E_NOMEM; s == E3TP_E_NOMEM; k++) {
            const long live = m->live;
            m->left = k;
            s = conv_passes[pass](conv, g, &b);
            ck_assert_int_eq(m->live, live);
            ck_assert_int_lt(k, MOST);
        }
        ck_assert(s == E3TP_OK && k > 1);
    }
    e3tp_conv_destroy(conv);
    e3tp_graph_destroy(g);
    for (int i = 0; i < 8; i++)
        free(c.mem[i]);
    e3tp_plan_destroy(plan);
    ck_assert_int_eq(m->live, 0);
}

START_TEST(convolution)
{
    meter m;
    for (int kind = 0; kind < PROBLEMS; kind++)
        convolve_without_memory(problem_of(kind, method_at(_i), &m), &m);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("allocation failure");
    tcase_add_loop_test(t, creation, 0, method_count() + 1);
    tcase_add_loop_test(t, execution, 0, method_count() + 1);
    tcase_add_loop_test(t, convolution, 0, method_count() + 1);
    return run_tests(t, "allocation failure", CK_FORK);
}
