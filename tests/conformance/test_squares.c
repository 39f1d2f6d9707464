/* SPDX-License-Identifier: MIT */
/* Gaunt products of a function with itself: where y is the array of x every result has the bits
   that a copy of x in its place gives, and gradients of both are the same. argv[1] is the tier. */
#include "problems.h"
#include "suite.h"

enum { BATCH = 37, RESULTS = 8 };

static e3tp_isa tier;

typedef struct square {
    e3tp_plan *plan;
    size_t width[3], es;
    bool one_row;
    void *x, *copy, *gz, *t[2]; /* tangents */
} square;

static void *numbers(size_t n, bool f64, unsigned seed)
{
    float *a = random_floats(n, seed);
    double *wide = malloc((n + 1) * sizeof *wide);
    for (size_t i = 0; i < n; i++)
        wide[i] = (double)a[i];
    free(f64 ? (void *)a : (void *)wide);
    return f64 ? (void *)wide : (void *)a;
}

static bool begin(square *s, e3tp_method m, size_t channels, e3tp_layout layout, bool f64)
{
    static const int in[] = {0, 1, 2, 4}, out[] = {0, 1, 3};
    e3tp_desc *d;
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_GAUNT), E3TP_OK);
    e3tp_desc_set_degrees(d, E3TP_X, in, 4);
    e3tp_desc_set_degrees(d, E3TP_Y, in, 4);
    e3tp_desc_set_degrees(d, E3TP_Z, out, 3);
    e3tp_desc_set_channels(d, channels);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_layout(d, (e3tp_operand)k, layout);
    e3tp_desc_set_dtype(d, f64 ? E3TP_F64 : E3TP_F32);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_method(d, m);
    e3tp_desc_set_threads(d, 1);
    const bool served = e3tp_plan_create(&s->plan, d) == E3TP_OK;
    ck_assert_int_eq(served, problem_served(m, PROBLEM_GAUNT));
    e3tp_desc_destroy(d);
    if (!served)
        return false;
    s->es = f64 ? sizeof(double) : sizeof(float);
    for (int k = 0; k < 3; k++)
        s->width[k] = e3tp_plan_width(s->plan, (e3tp_operand)k);
    const size_t n = BATCH * s->width[0];
    s->x = numbers(n, f64, 3), s->gz = numbers(BATCH * s->width[2], f64, 5);
    s->t[0] = numbers(n, f64, 7), s->t[1] = numbers(n, f64, 11);
    s->copy = malloc(n * s->es);
    memcpy(s->copy, s->x, n * s->es);
    return true;
}

static void end(square *s)
{
    e3tp_plan_destroy(s->plan);
    free(s->x), free(s->copy), free(s->gz), free(s->t[0]), free(s->t[1]);
}

/* z; gx and gy, then each alone; hx, hy and hz. */
static void run(const square *s, const void *y, void *const out[RESULTS])
{
    e3tp_buffers b = e3tp_buffers_init(BATCH);
    b.x = s->x, b.y = y, b.gz = s->gz, b.ggx = s->t[0], b.ggy = s->t[1];
    if (s->one_row)
        b.stride_x = b.stride_y = 0;
    b.z = out[0];
    ck_assert_int_eq(e3tp_forward(s->plan, &b), E3TP_OK);
    b.gx = out[1], b.gy = out[2];
    ck_assert_int_eq(e3tp_backward(s->plan, &b), E3TP_OK);
    b.gx = out[3], b.gy = NULL;
    ck_assert_int_eq(e3tp_backward(s->plan, &b), E3TP_OK);
    b.gx = NULL, b.gy = out[4];
    ck_assert_int_eq(e3tp_backward(s->plan, &b), E3TP_OK);
    b.hx = out[5], b.hy = out[6], b.hz = out[7];
    ck_assert_int_eq(e3tp_double_backward(s->plan, &b), E3TP_OK);
}

static void check(const square *s)
{
    static const int of[RESULTS] = {2, 0, 0, 0, 0, 0, 0, 2};
    void *own[RESULTS], *apart[RESULTS];
    size_t bytes[RESULTS];
    for (int k = 0; k < RESULTS; k++) {
        bytes[k] = s->es * s->width[of[k]] * (s->one_row && of[k] == 0 ? 1 : BATCH);
        own[k] = malloc(bytes[k]), apart[k] = malloc(bytes[k]);
        memset(own[k], 0xff, bytes[k]);
    }
    run(s, s->x, own);
    run(s, s->copy, apart);
    for (int k = 0; k < RESULTS; k++)
        ck_assert_msg(memcmp(own[k], apart[k], bytes[k]) == 0, "result %d has other bits", k);
    /* but for the terms of cg, which it adds in another order */
    for (int k = 2; k <= 4 && strcmp(e3tp_plan_method(s->plan), "cg") != 0; k++)
        ck_assert_msg(memcmp(own[1], own[k], bytes[1]) == 0, "gradient %d is not that of x", k);
    for (int k = 0; k < RESULTS; k++)
        free(own[k]), free(apart[k]);
}

/* _i: the method. */
START_TEST(same_bits)
{
    static const size_t channels[] = {1, 3, 16, 40};
    static const e3tp_layout layouts[] = {E3TP_MUL_IR, E3TP_IR_MUL, E3TP_BATCH_LAST};
    int served = 0;
    for (int f64 = 0; f64 < 2; f64++)
        for (size_t c = 0; c < COUNT_OF(channels); c++)
            for (size_t l = 0; l < COUNT_OF(layouts); l++) {
                square s = {.one_row = false};
                if (!begin(&s, method_at(_i), channels[c], layouts[l], f64))
                    continue;
                served++;
                check(&s);
                s.one_row = true;
                check(&s);
                end(&s);
            }
    ck_assert_int_eq(served, problem_served(method_at(_i), PROBLEM_GAUNT) ? 24 : 0);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("squares");
    tcase_add_loop_test(tests, same_bits, 0, method_count());
    return run_tests(tests, "squares", CK_FORK);
}
