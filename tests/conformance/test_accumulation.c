/* SPDX-License-Identifier: MIT */
/* Gradients summed over a large batch: in double, for single-precision data, they are as exact as
   their terms; same bits on any number of threads, and with a work area. argv[1] is the tier. */
#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "e3tp/graph.h"
#include "suite.h"

static e3tp_isa tier;
enum { MUL = 3, BATCH = 60000, WIDTH = 3 * MUL };

/* Irreps of x, y and z, which one path joins. */
static e3tp_plan *one_path(const char *const irreps[3], e3tp_mode mode, int accumulation,
                           e3tp_dtype t, int threads)
{
    e3tp_desc *d;
    const e3tp_path path = e3tp_path_init(0, 0, 0, mode, 1);
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_irreps_text(d, (e3tp_operand)k, irreps[k]);
    e3tp_desc_add_path(d, &path);
    e3tp_desc_set_dtype(d, t);
    if (accumulation >= 0)
        e3tp_desc_set_accumulation(d, (e3tp_dtype)accumulation);
    e3tp_desc_set_threads(d, threads);
    e3tp_desc_set_isa(d, tier);
    return plan_from(d);
}

static e3tp_plan *plan_of(int accumulation, e3tp_dtype t, int threads)
{
    static const char *const irreps[] = {"3x1o", "3x1o", "3x0e"};
    return one_path(irreps, E3TP_UUU, accumulation, t, threads);
}

/* Positive numbers, so that errors add up. */
static double number(size_t i)
{
    return 0.5 + (double)(float)((double)(i * 2654435761u % 4093) / 8192);
}

static void fill(void *a, size_t n, e3tp_dtype t, size_t seed)
{
    for (size_t i = 0; i < n; i++) {
        if (t == E3TP_F64)
            ((double *)a)[i] = number(i + seed);
        else
            ((float *)a)[i] = (float)number(i + seed);
    }
}

/* Who sums over the rows: a product over its batch, or a convolution over its edges. */
typedef enum summer { PRODUCT, PRODUCT_WITH_WORK, CONVOLUTION } summer;

static void sum_over_batch(const e3tp_plan *p, void *const in[4], bool given_work, void *gw)
{
    e3tp_buffers b = e3tp_buffers_init(BATCH);
    b.x = in[0], b.y = in[1], b.w = in[2], b.gz = in[3], b.gw = gw;
    const size_t bytes = (e3tp_plan_work_bytes(p, E3TP_BACKWARD, BATCH) + 63) / 64 * 64;
    if (given_work) {
        b.work = aligned_alloc(64, bytes);
        memset(b.work, 0xff, bytes);
    }
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    free(b.work);
}

static void sum_over_edges(const e3tp_plan *p, void *const in[4], void *gw)
{
    static int32_t receivers[BATCH];
    e3tp_graph *g;
    e3tp_conv *c;
    for (int e = 0; e < BATCH; e++)
        receivers[e] = e / 100;
    e3tp_conv_desc d = e3tp_conv_desc_init(p);
    d.x = d.z = E3TP_AT_EDGE;
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = in[0], b.y = in[1], b.w = in[2], b.gz = in[3], b.gw = gw;
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, receivers, receivers, BATCH, BATCH / 100,
                                       BATCH / 100, NULL, 0),
                     E3TP_OK);
    ck_assert_int_eq(e3tp_conv_create(&c, p, &d, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_backward(c, g, &b), E3TP_OK);
    e3tp_conv_destroy(c);
    e3tp_graph_destroy(g);
}

/* gw [MUL], summed over the rows, as doubles. */
static void weight_gradient(const e3tp_plan *p, e3tp_dtype t, summer by, double *gw)
{
    const size_t es = t == E3TP_F64 ? sizeof(double) : sizeof(float);
    char out[MUL * sizeof(double)];
    void *in[4] = {malloc(BATCH * WIDTH * es), malloc(BATCH * WIDTH * es), malloc(MUL * es),
                   malloc(BATCH * MUL * es)};
    fill(in[0], BATCH * WIDTH, t, 1);
    fill(in[1], BATCH * WIDTH, t, 7);
    fill(in[2], MUL, t, 17);
    fill(in[3], BATCH * MUL, t, 13);
    if (by == CONVOLUTION)
        sum_over_edges(p, in, out);
    else
        sum_over_batch(p, in, by == PRODUCT_WITH_WORK, out);
    for (int i = 0; i < MUL; i++)
        gw[i] = t == E3TP_F64 ? ((double *)(void *)out)[i] : (double)((float *)(void *)out)[i];
    for (int k = 0; k < 4; k++)
        free(in[k]);
}

/* _i: by a product, by a convolution. */
START_TEST(in_double)
{
    const summer by = _i ? CONVOLUTION : PRODUCT;
    double want[MUL], single[MUL], wide[MUL], again[MUL];
    e3tp_plan *p = plan_of(-1, E3TP_F64, 1);
    weight_gradient(p, E3TP_F64, PRODUCT, want);
    e3tp_plan_destroy(p);
    p = plan_of(-1, E3TP_F32, 1);
    weight_gradient(p, E3TP_F32, by, single);
    e3tp_plan_destroy(p);
    p = plan_of(E3TP_F64, E3TP_F32, 1);
    weight_gradient(p, E3TP_F32, by, wide);
    e3tp_plan_destroy(p);
    double worst = 0, worst_single = 0;
    for (int i = 0; i < MUL; i++) {
        worst = fmax(worst, fabs(wide[i] / want[i] - 1));
        worst_single = fmax(worst_single, fabs(single[i] / want[i] - 1));
    }
    /* a block's sum over at most 256 rows, lane by lane, and the final rounding */
    ck_assert_double_le(worst, 16 * (double)FLT_EPSILON);
    ck_assert_double_le(worst, worst_single + (double)FLT_EPSILON);
    for (int variant = 0; variant < 2; variant++) {
        p = plan_of(E3TP_F64, E3TP_F32, variant ? 4 : 3);
        weight_gradient(p, E3TP_F32, variant && !_i ? PRODUCT_WITH_WORK : by, again);
        ck_assert_int_eq(memcmp(wide, again, sizeof wide), 0);
        e3tp_plan_destroy(p);
    }
}
END_TEST

/* z of a receiver with all the edges, of positive terms; its scale too. */
static void sum_of_messages(int accumulation, e3tp_dtype t, double *z)
{
    const size_t es = t == E3TP_F64 ? sizeof(double) : sizeof(float);
    static int32_t receivers[BATCH];
    void *in[3] = {malloc(BATCH * WIDTH * es), malloc(BATCH * WIDTH * es), malloc(MUL * es)};
    char out[MUL * sizeof(double)];
    e3tp_plan *p = plan_of(accumulation, t, 2);
    e3tp_graph *g;
    e3tp_conv *c;
    fill(in[0], BATCH * WIDTH, t, 1);
    fill(in[1], BATCH * WIDTH, t, 7);
    fill(in[2], MUL, t, 17);
    e3tp_conv_desc d = e3tp_conv_desc_init(p);
    d.x = E3TP_AT_EDGE;
    d.scale = 0.25;
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = in[0], b.y = in[1], b.w = in[2], b.z = out;
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, receivers, receivers, BATCH, 1, 1, NULL, 0),
                     E3TP_OK);
    ck_assert_int_eq(e3tp_conv_create(&c, p, &d, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_forward(c, g, &b), E3TP_OK);
    for (int i = 0; i < MUL; i++)
        z[i] = t == E3TP_F64 ? ((double *)(void *)out)[i] : (double)((float *)(void *)out)[i];
    e3tp_conv_destroy(c);
    e3tp_graph_destroy(g);
    e3tp_plan_destroy(p);
    for (int k = 0; k < 3; k++)
        free(in[k]);
}

START_TEST(messages)
{
    double want[MUL], single[MUL], wide[MUL], worst = 0, worst_single = 0;
    sum_of_messages(-1, E3TP_F64, want);
    sum_of_messages(-1, E3TP_F32, single);
    sum_of_messages(E3TP_F64, E3TP_F32, wide);
    for (int i = 0; i < MUL; i++) {
        worst = fmax(worst, fabs(wide[i] / want[i] - 1));
        worst_single = fmax(worst_single, fabs(single[i] / want[i] - 1));
    }
    ck_assert_double_le(worst, 16 * (double)FLT_EPSILON);
    ck_assert_double_gt(worst_single, worst); /* 60 000 terms, one after the other */
}
END_TEST

/* gx of the one sender of all edges, of positive terms. */
static void gradient_of_sender(int accumulation, e3tp_dtype t, int threads, double *gx)
{
    const size_t es = t == E3TP_F64 ? sizeof(double) : sizeof(float);
    static int32_t receivers[BATCH], senders[BATCH];
    void *in[4] = {malloc(WIDTH * es), malloc(BATCH * WIDTH * es), malloc(MUL * es),
                   malloc(BATCH * MUL * es)};
    char out[WIDTH * sizeof(double)];
    e3tp_plan *p = plan_of(accumulation, t, threads);
    e3tp_graph *g;
    e3tp_conv *c;
    fill(in[0], WIDTH, t, 1);
    fill(in[1], BATCH * WIDTH, t, 7);
    fill(in[2], MUL, t, 17);
    fill(in[3], BATCH * MUL, t, 13);
    for (int e = 0; e < BATCH; e++)
        receivers[e] = e / 100;
    e3tp_conv_desc d = e3tp_conv_desc_init(p);
    d.z = E3TP_AT_EDGE;
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = in[0], b.y = in[1], b.w = in[2], b.gz = in[3], b.gx = out;
    ck_assert_int_eq(
        e3tp_graph_create(&g, E3TP_INT32, receivers, senders, BATCH, BATCH / 100, 1, NULL, 0),
        E3TP_OK);
    ck_assert_int_eq(e3tp_conv_create(&c, p, &d, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_backward(c, g, &b), E3TP_OK);
    for (int i = 0; i < WIDTH; i++)
        gx[i] = t == E3TP_F64 ? ((double *)(void *)out)[i] : (double)((float *)(void *)out)[i];
    e3tp_conv_destroy(c);
    e3tp_graph_destroy(g);
    e3tp_plan_destroy(p);
    for (int k = 0; k < 4; k++)
        free(in[k]);
}

START_TEST(senders)
{
    double want[WIDTH], single[WIDTH], wide[WIDTH], again[WIDTH], worst = 0, worst_single = 0;
    gradient_of_sender(-1, E3TP_F64, 1, want);
    gradient_of_sender(-1, E3TP_F32, 1, single);
    gradient_of_sender(E3TP_F64, E3TP_F32, 1, wide);
    gradient_of_sender(E3TP_F64, E3TP_F32, 3, again);
    for (int i = 0; i < WIDTH; i++) {
        worst = fmax(worst, fabs(wide[i] / want[i] - 1));
        worst_single = fmax(worst_single, fabs(single[i] / want[i] - 1));
    }
    ck_assert_double_le(worst, 4 * (double)FLT_EPSILON); /* a term's, and the final rounding */
    ck_assert_double_gt(worst_single, 16 * (double)FLT_EPSILON);
    ck_assert_int_eq(memcmp(wide, again, sizeof wide), 0);
}
END_TEST

/* ---- receivers of products in the frames of edges ---- */

enum { CHANNELS = 4, EDGES = 512 };

/* z of the receiver of equal messages, all of which are rounded alike. */
static void sum_by_form(int accumulation, e3tp_dtype t, e3tp_conv_form form, double *z)
{
    static const char *const irreps[] = {"4x0e", "1x0e", "4x0e"};
    static const int degree[] = {0};
    static int32_t receivers[EDGES];
    double in[3][3 * EDGES], out[CHANNELS];
    for (int k = 0; k < 3; k++)
        fill(in[k], 3 * EDGES, t, (size_t)(5 * k));
    e3tp_plan *p = one_path(irreps, E3TP_UVU, accumulation, t, 2);
    e3tp_sh_desc s = e3tp_sh_desc_init(degree, 1, 1, E3TP_SH_COMPONENT);
    s.dtype = t, s.isa = tier;
    e3tp_sh *sh;
    e3tp_graph *g;
    e3tp_conv *c;
    ck_assert_int_eq(e3tp_sh_create(&sh, &s, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, receivers, receivers, EDGES, 1, 1, NULL, 0),
                     E3TP_OK);
    e3tp_conv_desc d = e3tp_conv_desc_init(p);
    d.sh = sh, d.form = form;
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = in[0], b.v = in[1], b.w = in[2], b.z = out;
    ck_assert_int_eq(e3tp_conv_create(&c, p, &d, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_forward(c, g, &b), E3TP_OK);
    for (int i = 0; i < CHANNELS; i++)
        z[i] = t == E3TP_F64 ? out[i] : (double)((float *)(void *)out)[i];
    e3tp_conv_destroy(c);
    e3tp_graph_destroy(g);
    e3tp_sh_destroy(sh);
    e3tp_plan_destroy(p);
}

/* _i: the form. */
START_TEST(forms)
{
    const e3tp_conv_form form = _i ? E3TP_CONV_ROTATED : E3TP_CONV_GENERAL;
    double want[CHANNELS], single[CHANNELS], wide[CHANNELS], worst = 0, worst_single = 0;
    sum_by_form(-1, E3TP_F64, form, want);
    sum_by_form(-1, E3TP_F32, form, single);
    sum_by_form(E3TP_F64, E3TP_F32, form, wide);
    for (int i = 0; i < CHANNELS; i++) {
        worst = fmax(worst, fabs(wide[i] / want[i] - 1));
        worst_single = fmax(worst_single, fabs(single[i] / want[i] - 1));
    }
    ck_assert_double_le(worst, 4 * (double)FLT_EPSILON);
    if (form == E3TP_CONV_ROTATED) /* one after the other, to 256 */
        ck_assert_double_gt(worst_single, 8 * (double)FLT_EPSILON);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("accumulation");
    tcase_add_loop_test(tests, in_double, 0, 2);
    tcase_add_test(tests, messages);
    tcase_add_test(tests, senders);
    tcase_add_loop_test(tests, forms, 0, 2);
    return run_tests(tests, "accumulation", CK_NOFORK);
}
