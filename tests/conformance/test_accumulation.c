/* SPDX-License-Identifier: MIT */
/* Gradients summed over a large batch: in double, for single-precision data, they are as exact as
   their terms; same bits on any number of threads, and with a work area. argv[1] is the tier. */
#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "suite.h"

static e3tp_isa tier;
enum { MUL = 3, BATCH = 60000, WIDTH = 3 * MUL };

static e3tp_plan *plan_of(int accumulation, e3tp_dtype t, int threads)
{
    e3tp_desc *d;
    e3tp_plan *p;
    const e3tp_path path = e3tp_path_init(0, 0, 0, E3TP_UUU, 1);
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
    e3tp_desc_set_irreps_text(d, E3TP_X, "3x1o");
    e3tp_desc_set_irreps_text(d, E3TP_Y, "3x1o");
    e3tp_desc_set_irreps_text(d, E3TP_Z, "3x0e");
    e3tp_desc_add_path(d, &path);
    e3tp_desc_set_dtype(d, t);
    if (accumulation >= 0)
        e3tp_desc_set_accumulation(d, (e3tp_dtype)accumulation);
    e3tp_desc_set_threads(d, threads);
    e3tp_desc_set_isa(d, tier);
    ck_assert_msg(e3tp_plan_create(&p, d) == E3TP_OK, "%s", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
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

/* gw [MUL], summed over the batch, as doubles. */
static void weight_gradient(const e3tp_plan *p, e3tp_dtype t, bool given_work, double *gw)
{
    const size_t es = t == E3TP_F64 ? sizeof(double) : sizeof(float);
    char *x = malloc(BATCH * WIDTH * es), *y = malloc(BATCH * WIDTH * es),
         *gz = malloc(BATCH * MUL * es), w[MUL * sizeof(double)], out[MUL * sizeof(double)];
    fill(x, BATCH * WIDTH, t, 1);
    fill(y, BATCH * WIDTH, t, 7);
    fill(gz, BATCH * MUL, t, 13);
    fill(w, MUL, t, 17);
    e3tp_buffers b = e3tp_buffers_init(BATCH);
    b.x = x, b.y = y, b.w = w, b.gz = gz, b.gw = out;
    const size_t bytes = (e3tp_plan_work_bytes(p, E3TP_BACKWARD, BATCH) + 63) / 64 * 64;
    if (given_work) {
        b.work = aligned_alloc(64, bytes);
        memset(b.work, 0xff, bytes);
    }
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    for (int i = 0; i < MUL; i++)
        gw[i] = t == E3TP_F64 ? ((double *)(void *)out)[i] : (double)((float *)(void *)out)[i];
    free(b.work);
    free(x), free(y), free(gz);
}

START_TEST(in_double)
{
    double want[MUL], single[MUL], wide[MUL], again[MUL];
    e3tp_plan *p = plan_of(-1, E3TP_F64, 1);
    weight_gradient(p, E3TP_F64, false, want);
    e3tp_plan_destroy(p);
    p = plan_of(-1, E3TP_F32, 1);
    weight_gradient(p, E3TP_F32, false, single);
    e3tp_plan_destroy(p);
    p = plan_of(E3TP_F64, E3TP_F32, 1);
    weight_gradient(p, E3TP_F32, false, wide);
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
        weight_gradient(p, E3TP_F32, variant, again);
        ck_assert_int_eq(memcmp(wide, again, sizeof wide), 0);
        e3tp_plan_destroy(p);
    }
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("accumulation");
    tcase_add_test(tests, in_double);
    return run_tests(tests, "accumulation", CK_NOFORK);
}
