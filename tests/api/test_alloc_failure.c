/* SPDX-License-Identifier: MIT */
/* The k-th allocation fails, for every k: NOMEM with a sentence, and nothing leaks; for plans of
   every problem and method by ESTIMATE and MEASURE, the execution of their passes, and
   convolutions. With `work` given, neither allocates. */
#include "e3tp/graph.h"
#include "host.h"
#include "mallocs.h"
#include "problems.h"
#include "sampled.h"
#include "suite.h"

enum { BATCH = 260, MOST = 5000 }; /* rows: more than a block of products has */

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

/* A call of each pass; results of all at the same place. */
enum { PASSES = E3TP_JVP + 1, ARRAYS = 8 };

typedef struct call {
    e3tp_buffers pass[PASSES];
    void *mem[ARRAYS];
} call;

static e3tp_status (*const passes[PASSES])(const e3tp_plan *, const e3tp_buffers *) = {
    e3tp_forward, e3tp_backward, e3tp_double_backward, e3tp_jvp};

static call make_call(const e3tp_plan *p)
{
    static const e3tp_operand which[ARRAYS] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z,
                                               E3TP_X, E3TP_Y, E3TP_W, E3TP_Z};
    call c;
    for (int i = 0; i < ARRAYS; i++)
        c.mem[i] = calloc(BATCH * e3tp_plan_width(p, which[i]) + 1, sizeof(double));
    for (int pass = 0; pass < PASSES; pass++) {
        e3tp_buffers *b = &c.pass[pass];
        *b = e3tp_buffers_init(BATCH);
        b->x = b->ggx = c.mem[0], b->y = b->ggy = c.mem[1], b->w = b->ggw = c.mem[2];
        b->gz = c.mem[3];
        b->gx = b->hx = c.mem[4], b->gy = b->hy = c.mem[5], b->gw = b->hw = c.mem[6];
        b->z = b->hz = c.mem[7];
    }
    return c;
}

static void free_call(call *c)
{
    for (int i = 0; i < ARRAYS; i++)
        free(c->mem[i]);
}

/* With work nothing is allocated, by the plan's allocator nor by any other; without it one piece,
   where the pass needs any. Returns whether it does. */
static bool execute_pass(const e3tp_plan *plan, int pass, e3tp_buffers *b, meter *m)
{
    const size_t bytes = e3tp_plan_work_bytes(plan, (e3tp_pass)pass, BATCH);
    void *work = aligned_alloc(64, bytes / 64 * 64 + 64);
    const long before = m->total, mallocs_before = mallocs_so_far();
    m->left = 0;
    b->work = work;
    const e3tp_status status = passes[pass](plan, b);
    const long taken = mallocs_so_far() - mallocs_before; /* assertions take memory */
    ck_assert_int_eq(status, E3TP_OK);
    ck_assert_int_eq(taken, 0);
    b->work = NULL;
    ck_assert_int_eq(passes[pass](plan, b), bytes ? E3TP_E_NOMEM : E3TP_OK);
    ck_assert_int_eq(m->total, before);
    m->left = 1; /* a call takes one piece */
    ck_assert_int_eq(passes[pass](plan, b), E3TP_OK);
    ck_assert_int_eq(m->total, before + (bytes > 0));
    free(work);
    return bytes > 0;
}

/* Returns how many passes need scratch. */
static int execute_without_memory(problem p, meter *m)
{
    int scratch = 0;
    *m = (meter){-1, 0, 0};
    e3tp_plan *plan = problem_plan(&p);
    if (!plan)
        return 0;
    call c = make_call(plan);
    for (int pass = 0; pass < PASSES; pass++)
        scratch += execute_pass(plan, pass, &c.pass[pass], m);
    free_call(&c);
    e3tp_plan_destroy(plan);
    ck_assert_int_eq(m->live, 0);
    return scratch;
}

/* Every problem by every tier in both types, with weights of both kinds; channels of one tile and
   of more, and layouts, in turn. */
START_TEST(execution)
{
    meter m;
    int n = 0, scratch = 0;
    for (int kind = 0; kind < PROBLEMS; kind++)
        for (int isa = E3TP_ISA_GENERIC; e3tp_isa_name((e3tp_isa)isa); isa++)
            for (int t = 0; t < 2; t++) {
                n++;
                if (!e3tp_isa_usable((e3tp_isa)isa) || left_out(kind + isa + t, 3))
                    continue;
                problem p = problem_of(kind, method_at(_i), &m);
                p.isa = (e3tp_isa)isa, p.dtype = (e3tp_dtype)t;
                p.weights = (kind + isa + t) % 2 ? E3TP_WEIGHTS_SHARED : E3TP_WEIGHTS_ROW;
                p.mul = n % 3 ? 4 : 19;
                for (int k = 0; k < 3; k++)
                    p.layout[k] = (e3tp_layout)((n / 4 + k * (n / 3)) % 3);
                scratch += execute_without_memory(p, &m);
            }
    ck_assert_int_gt(scratch, 0);
}
END_TEST

/* The count of mallocs is one. */
START_TEST(counts)
{
    const problem p = {.kind = PROBLEM_UUU, .mul = 4, .threads = 1};
    const long before = mallocs_so_far();
    e3tp_plan *plan = problem_plan(&p);
    ck_assert_int_eq(mallocs_so_far() > before, MALLOCS_COUNTED);
    e3tp_plan_destroy(plan);
    if (!MALLOCS_COUNTED)
        printf("SKIP: mallocs are not counted here\n");
}
END_TEST

/* The graph has memory of the C library; the convolution and its calls that of the plan. */
static e3tp_status (*const conv_passes[])(const e3tp_conv *, const e3tp_graph *,
                                          const e3tp_conv_buffers *) = {
    e3tp_conv_forward, e3tp_conv_backward, e3tp_conv_double_backward, e3tp_conv_jvp};

/* Nothing is allocated. */
static void convolve_with_work(const e3tp_conv *conv, const e3tp_graph *g, int pass,
                               e3tp_conv_buffers b, meter *m)
{
    void *work =
        aligned_alloc(64, e3tp_conv_work_bytes(conv, (e3tp_pass)pass, g, &b) / 64 * 64 + 64);
    const long before = m->total, mallocs_before = mallocs_so_far();
    m->left = 0;
    b.work = work;
    const e3tp_status status = conv_passes[pass](conv, g, &b);
    const long taken = mallocs_so_far() - mallocs_before;
    ck_assert_int_eq(status, E3TP_OK);
    ck_assert_int_eq(taken, 0);
    ck_assert_int_eq(m->total, before);
    free(work);
}

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
    b.ggx = c.mem[0], b.ggy = c.mem[1], b.ggw = c.mem[2];
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
        convolve_with_work(conv, g, pass, b, m);
    }
    e3tp_conv_destroy(conv);
    e3tp_graph_destroy(g);
    free_call(&c);
    e3tp_plan_destroy(plan);
    ck_assert_int_eq(m->live, 0);
}

START_TEST(convolution)
{
    meter m;
    for (int kind = 0; kind < PROBLEMS; kind++)
        for (int t = 0; t < 2; t++) {
            problem p = problem_of(kind, method_at(_i), &m);
            p.dtype = (e3tp_dtype)t;
            convolve_without_memory(p, &m);
        }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("allocation failure");
    tcase_add_loop_test(t, creation, 0, method_count() + 1);
    tcase_add_loop_test(t, execution, 0, method_count() + 1);
    tcase_add_test(t, counts);
    tcase_add_loop_test(t, convolution, 0, method_count() + 1);
    return run_tests(t, "allocation failure", CK_FORK);
}
