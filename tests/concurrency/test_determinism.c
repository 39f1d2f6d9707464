/* SPDX-License-Identifier: MIT */
/* Same bits on any number of threads, under a host's parallel loop, for any batch size and
 * alignment. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "e3tp/e3tp.h"
#include "problems.h"

enum { BATCH = 517, OUTPUTS = 4 };

static const e3tp_operand out_operand[OUTPUTS] = {E3TP_Z, E3TP_X, E3TP_Y, E3TP_W};

/* A host's loop that runs backwards. */
static void backwards(size_t n, void (*body)(void *, size_t), void *body_ctx, void *ctx)
{
    *(size_t *)ctx += 1;
    while (n--)
        body(body_ctx, n);
}

static e3tp_plan *plan_of(int kind, int threads, e3tp_parallel_fn fn, void *ctx)
{
    const int l[4] = {0, 1, 2, 3};
    e3tp_desc *d;
    e3tp_plan *p;
    e3tp_desc_create(&d, kind < 2 ? E3TP_OP_TENSOR_PRODUCT : E3TP_OP_GAUNT);
    if (kind < 2) {
        e3tp_desc_set_irreps_text(d, E3TP_X, "33x0e+33x1o");
        e3tp_desc_set_irreps_text(d, E3TP_Y, kind ? "33x0e+33x1o" : "1x0e+1x1o");
        e3tp_desc_set_irreps_text(d, E3TP_Z, "33x0e+33x1o");
        const e3tp_mode mode = kind ? E3TP_UUU : E3TP_UVU;
        const e3tp_path paths[4] = {
            e3tp_path_init(0, 0, 0, mode, 1), e3tp_path_init(1, 1, 0, mode, 1),
            e3tp_path_init(0, 1, 1, mode, 1), e3tp_path_init(1, 0, 1, mode, 1)};
        for (int i = 0; i < 4; i++)
            e3tp_desc_add_path(d, &paths[i]);
    } else {
        for (int k = 0; k < 3; k++)
            e3tp_desc_set_degrees(d, (e3tp_operand)k, l, 4);
        e3tp_desc_set_channels(d, 5);
        e3tp_desc_set_weights(d, E3TP_WEIGHTS_SHARED);
        e3tp_desc_set_method(d, method_at(kind - 2));
    }
    e3tp_desc_set_threads(d, threads);
    e3tp_desc_set_parallel_for(d, fn, ctx);
    const e3tp_status s = e3tp_plan_create(&p, d);
    ck_assert_msg(s == E3TP_OK, "%s", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

static float *random_array(size_t n, unsigned seed)
{
    float *a = malloc((n + 1) * sizeof *a);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        a[i] = (float)(seed >> 8) / (1 << 23) - 1;
    }
    return a;
}

/* Forward and backward of the first `batch` rows; inputs stand `shift` elements into their arrays.
 */
static void run(const e3tp_plan *p, size_t batch, size_t shift, float *out[OUTPUTS])
{
    const e3tp_operand in[4] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z};
    float *mem[4];
    for (int k = 0; k < 4; k++) {
        const size_t n = e3tp_plan_width(p, in[k]) * BATCH;
        float *a = random_array(n, 7 + (unsigned)k);
        mem[k] = malloc((n + shift + 1) * sizeof(float));
        memcpy(mem[k] + shift, a, n * sizeof(float));
        free(a);
    }
    for (int k = 0; k < OUTPUTS; k++)
        out[k] = malloc(e3tp_plan_width(p, out_operand[k]) * BATCH * sizeof(float) + 1);
    e3tp_buffers b = e3tp_buffers_init(batch);
    b.x = mem[0] + shift, b.y = mem[1] + shift, b.w = mem[2] + shift, b.gz = mem[3] + shift;
    b.z = out[0], b.gx = out[1], b.gy = out[2], b.gw = out[3];
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    for (int k = 0; k < 4; k++)
        free(mem[k]);
}

static void compare(const e3tp_plan *p, float *a[OUTPUTS], float *b[OUTPUTS], size_t rows,
                    int with_sums)
{
    for (int k = 0; k < OUTPUTS; k++) {
        const int summed = out_operand[k] == E3TP_W;
        const size_t n = e3tp_plan_width(p, out_operand[k]) * (summed ? 1 : rows);
        if (!summed || with_sums)
            ck_assert_int_eq(memcmp(a[k], b[k], n * sizeof(float)), 0);
        free(b[k]);
    }
}

START_TEST(same_bits)
{
    size_t calls = 0;
    e3tp_plan *one = plan_of(_i, 1, NULL, NULL), *four = plan_of(_i, 4, NULL, NULL),
              *host = plan_of(_i, 3, backwards, &calls);
    float *reference[OUTPUTS], *other[OUTPUTS];
    run(one, BATCH, 0, reference);
    run(four, BATCH, 0, other);
    compare(one, reference, other, BATCH, 1);
    run(host, BATCH, 0, other);
    compare(one, reference, other, BATCH, 1);
    run(one, BATCH, 1, other);
    compare(one, reference, other, BATCH, 1);
    for (size_t batch = 1; batch < 40; batch += 6) {
        run(four, batch, 3, other);
        compare(one, reference, other, batch, 0);
    }
    ck_assert_int_gt((int)calls, 0);
    for (int k = 0; k < OUTPUTS; k++)
        free(reference[k]);
    e3tp_plan_destroy(one);
    e3tp_plan_destroy(four);
    e3tp_plan_destroy(host);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("determinism");
    TCase *t = tcase_create("threads");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, same_bits, 0, 2 + method_count());
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK); /* a forked child is serial by design */
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
