/* SPDX-License-Identifier: MIT */
/* The k-th allocation fails, for every k: NOMEM, nothing leaks. With `work` given, execution
 * allocates nothing. */
#include <check.h>
#include <stdlib.h>

#include "e3tp/e3tp.h"
#include "problems.h"

typedef struct meter {
    long left, live, total;
} meter;

static void *metered_alloc(size_t bytes, void *ctx)
{
    meter *m = ctx;
    if (m->left == 0)
        return NULL;
    m->left--;
    m->live++;
    m->total++;
    return malloc(bytes);
}

static void metered_free(void *block, void *ctx)
{
    ((meter *)ctx)->live--;
    free(block);
}

static e3tp_desc *product(meter *m)
{
    e3tp_desc *d;
    e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT);
    e3tp_desc_set_irreps_text(d, E3TP_X, "16x0e+16x1o");
    e3tp_desc_set_irreps_text(d, E3TP_Y, "0e+1o");
    e3tp_desc_set_irreps_text(d, E3TP_Z, "16x0e+16x1o");
    const e3tp_path a = e3tp_path_init(0, 0, 0, E3TP_UVU, 1),
                    b = e3tp_path_init(1, 1, 0, E3TP_UVU, 1),
                    c = e3tp_path_init(0, 1, 1, E3TP_UVW, 1);
    e3tp_desc_add_path(d, &a);
    e3tp_desc_add_path(d, &b);
    e3tp_desc_add_path(d, &c);
    e3tp_desc_set_allocator(d, metered_alloc, metered_free, m);
    return d;
}

static e3tp_desc *gaunt(meter *m, e3tp_method method)
{
    const int l[3] = {0, 1, 2};
    e3tp_desc *d;
    e3tp_desc_create(&d, E3TP_OP_GAUNT);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_degrees(d, (e3tp_operand)k, l, 3);
    e3tp_desc_set_channels(d, 4);
    e3tp_desc_set_method(d, method);
    e3tp_desc_set_allocator(d, metered_alloc, metered_free, m);
    return d;
}

/* A product, then the Gaunt product by AUTO and by every method. */
static e3tp_desc *describe(int i, meter *m)
{
    return i == 0 ? product(m) : gaunt(m, i == 1 ? E3TP_METHOD_AUTO : method_at(i - 2));
}

/* Creation with room for k allocations, k = 0, 1, ... until it succeeds. */
START_TEST(creation)
{
    long k = 0;
    for (e3tp_status s = E3TP_E_NOMEM; s != E3TP_OK; k++) {
        meter m = {k, 0, 0};
        e3tp_desc *d = describe(_i, &m);
        e3tp_plan *p;
        s = e3tp_plan_create(&p, d);
        ck_assert(s == E3TP_OK || (s == E3TP_E_NOMEM && !p && *e3tp_desc_message(d)));
        e3tp_plan_destroy(p);
        e3tp_desc_destroy(d);
        ck_assert_int_eq(m.live, 0);
        ck_assert_int_lt(k, 2000);
    }
    ck_assert_int_gt(k, 3);
}
END_TEST

enum { BATCH = 700 };

START_TEST(execution)
{
    meter m = {-1, 0, 0};
    e3tp_desc *d = describe(_i, &m);
    e3tp_plan *p;
    ck_assert_int_eq(e3tp_plan_create(&p, d), E3TP_OK);
    float *mem[7];
    const e3tp_operand which[7] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z, E3TP_X, E3TP_Y, E3TP_W};
    for (int i = 0; i < 7; i++)
        mem[i] = calloc(BATCH * e3tp_plan_width(p, which[i]) + 1, sizeof(float));
    e3tp_buffers b = e3tp_buffers_init(BATCH);
    b.x = mem[0], b.y = mem[1], b.w = mem[2], b.gz = mem[3], b.gx = mem[4], b.gy = mem[5],
    b.gw = mem[6];
    e3tp_buffers f = b;
    f.z = mem[3];
    const long before = m.total;
    b.work = aligned_alloc(64, (e3tp_plan_work_bytes(p, E3TP_BACKWARD, BATCH) + 127) / 64 * 64);
    f.work = aligned_alloc(64, (e3tp_plan_work_bytes(p, E3TP_FORWARD, BATCH) + 127) / 64 * 64);
    ck_assert_int_eq(e3tp_forward(p, &f), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    ck_assert_int_eq(m.total, before);
    free(b.work);
    free(f.work);
    b.work = NULL;
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    ck_assert_int_eq(m.total, before + 1);
    m.left = 0;
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_E_NOMEM);
    for (int i = 0; i < 7; i++)
        free(mem[i]);
    e3tp_plan_destroy(p);
    e3tp_desc_destroy(d);
    ck_assert_int_eq(m.live, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("allocation failure");
    TCase *t = tcase_create("sweep");
    tcase_add_loop_test(t, creation, 0, 2 + method_count());
    tcase_add_loop_test(t, execution, 0, 2 + method_count());
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
