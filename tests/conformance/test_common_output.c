/* SPDX-License-Identifier: MIT */
/* Sums of products of signals, each with factors of z of its own or with common ones, by every
   method: all passes against the sum of products of rank 1 in double. argv[1] is the tier. */
#include <math.h>
#include <stdbool.h>

#include "ensure.h"
#include "sampled.h"
#include "signals.h"

enum { MAX_BLOCKS = 24, TABLE = 3 };

static e3tp_isa tier;

/* Of some `cg` has kernels for the whole, of others it takes paths; in some, blocks are in no path.
 */
static const signal_lists products[] = {
    {E3TP_OP_GAUNT, {{0, 1, 2}, {0, 1, 2}, {0, 1, 2}}, {3, 3, 3}},
    {E3TP_OP_GAUNT, {{0, 1, 2}, {0, 1, 2}, {0, 1, 2, 3, 4}}, {3, 3, 5}},
    {E3TP_OP_GAUNT, {{1, 4}, {0, 3}, {0, 2, 5}}, {2, 2, 3}},
    {E3TP_OP_BRACKET, {{0, 1, 2}, {0, 1, 2}, {0, 1, 2}}, {3, 3, 3}},
    {E3TP_OP_BRACKET, {{0, 1, 3}, {1, 2}, {2, 3}}, {3, 2, 2}},
    {E3TP_OP_COMPLETE, {{0, 1, 2}, {0, 1, 2}, {0, 1, 2}}, {3, 3, 3}},
    {E3TP_OP_COMPLETE, {{0, 6}, {1, 2}, {0, 1, 8}}, {2, 2, 3}},
    {E3TP_OP_MATRIX, {{0, 1}, {0, 1, 2}, {0, 1, 3}}, {2, 3, 3}},
    {E3TP_OP_CROSS, {{0, 1}, {1}, {0, 1, 2}}, {2, 1, 3}},
    {E3TP_OP_DOT, {{0, 1}, {0, 1}, {0, 2}}, {2, 2, 2}},
};

enum { X, Y, W, GZ, TX, TY, TW, INPUTS };
enum { Z = INPUTS, GX, GY, GW, HX, HY, HW, HZ, DZ, ARRAYS };
static const int operand_of[ARRAYS] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z, E3TP_X, E3TP_Y,
                                       E3TP_W, E3TP_Z, E3TP_X, E3TP_Y, E3TP_W, E3TP_X,
                                       E3TP_Y, E3TP_W, E3TP_Z, E3TP_Z};

typedef struct setting {
    size_t product, channels, rows, rank;
    bool common, one_y, one_row[2], table; /* one channel of y; one row of x, y; an index */
    e3tp_dtype dtype;
    e3tp_layout layout[3];
    e3tp_weights weights;
    e3tp_method method;
} setting;

static e3tp_plan *plan_of(const setting *s)
{
    e3tp_desc *d = signal_desc(&products[s->product], s->channels, s->layout, tier);
    e3tp_desc_set_y_channels(d, s->one_y ? 1 : 0);
    e3tp_desc_set_weights(d, s->weights);
    e3tp_desc_set_rank(d, s->rank);
    e3tp_desc_set_common_output(d, s->common);
    e3tp_desc_set_dtype(d, s->dtype);
    e3tp_desc_set_method(d, s->method);
    return plan_from(d);
}

/* ---- arrays in double, in the layouts of the setting */

typedef struct arrays {
    double *a[ARRAYS];
    size_t n[ARRAYS], width[ARRAYS];
    int32_t index[64];
} arrays;

static size_t rows_of(const setting *s, int k)
{
    const int o = operand_of[k];
    if (o == E3TP_W)
        return s->weights == E3TP_WEIGHTS_SHARED ? 1 : s->table ? TABLE : s->rows;
    return o < 2 && s->one_row[o] ? 1 : s->rows;
}

static arrays make_arrays(const setting *s, const e3tp_plan *p)
{
    arrays a;
    for (int k = 0; k < ARRAYS; k++) {
        a.width[k] = e3tp_plan_width(p, (e3tp_operand)operand_of[k]);
        a.n[k] = a.width[k] * rows_of(s, k);
        a.a[k] = calloc(a.n[k] + 1, sizeof(double));
    }
    for (size_t i = 0; i < COUNT_OF(a.index); i++)
        a.index[i] = (int32_t)((i * 5 + 1) % TABLE);
    return a;
}

static void draw(const arrays *a)
{
    for (int k = 0; k < INPUTS; k++) {
        float *drawn = random_floats(a->n[k], (unsigned)k + 1);
        for (size_t i = 0; i < a->n[k]; i++)
            a->a[k][i] = (double)drawn[i];
        free(drawn);
    }
}

static void free_arrays(arrays *a)
{
    for (int k = 0; k < ARRAYS; k++)
        free(a->a[k]);
}

static void copy(bool f64, bool back, double *a, void *memory, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (back)
            a[i] = f64 ? ((double *)memory)[i] : (double)((float *)memory)[i];
        else if (f64)
            ((double *)memory)[i] = a[i];
        else
            ((float *)memory)[i] = (float)a[i];
}

static e3tp_buffers buffers_of(const setting *s, const arrays *a, void *const m[ARRAYS])
{
    e3tp_buffers b = e3tp_buffers_init(s->rows);
    b.x = m[X], b.y = m[Y], b.w = m[W], b.gz = m[GZ];
    b.ggx = m[TX], b.ggy = m[TY], b.ggw = m[TW];
    b.z = m[Z], b.gx = m[GX], b.gy = m[GY], b.gw = m[GW];
    b.hx = m[HX], b.hy = m[HY], b.hw = m[HW], b.hz = m[HZ];
    b.stride_x = s->one_row[0] ? 0 : E3TP_PACKED;
    b.stride_y = s->one_row[1] ? 0 : E3TP_PACKED;
    b.index = s->table ? a->index : NULL;
    b.index_rows = s->table ? TABLE : 0;
    return b;
}

static double largest(const double *a, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(a[i]));
    return most;
}

static double tolerance_of(const setting *s, const arrays *a, int k)
{
    return 60 * (s->dtype == E3TP_F64 ? 2.3e-16 : 1.2e-7) * largest(a->a[k], a->n[k]);
}

/* All passes; results to a, whose inputs are there. */
static void execute(const setting *s, const e3tp_plan *p, arrays *a)
{
    const bool f64 = s->dtype == E3TP_F64;
    void *m[ARRAYS];
    for (int k = 0; k < ARRAYS; k++) {
        m[k] = malloc((a->n[k] + 1) * sizeof(double));
        memset(m[k], 0xff, (a->n[k] + 1) * sizeof(double));
        if (k < INPUTS)
            copy(f64, false, a->a[k], m[k], a->n[k]);
    }
    e3tp_buffers b = buffers_of(s, a, m);
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_double_backward(p, &b), E3TP_OK);
    b.hz = m[DZ];
    ck_assert_int_eq(e3tp_jvp(p, &b), E3TP_OK);
    for (int k = INPUTS; k < ARRAYS; k++)
        copy(f64, true, a->a[k], m[k], a->n[k]);
    for (int k = 0; k < 2; k++) { /* without gradients of factors: code of its own */
        double *g = calloc(a->n[GX + k] + 1, sizeof *g);
        b.gw = NULL;
        b.gx = k == 0 ? m[GX] : NULL;
        b.gy = k == 1 ? m[GY] : NULL;
        ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
        copy(f64, true, g, m[GX + k], a->n[GX + k]);
        const double tolerance = tolerance_of(s, a, GX + k);
        for (size_t i = 0; i < a->n[GX + k]; i++)
            ensure(fabs(g[i] - a->a[GX + k][i]) <= tolerance,
                   "%s: element %zu of g%c alone is another", e3tp_method_name(s->method), i,
                   "xy"[k]);
        free(g);
    }
    for (int k = 0; k < ARRAYS; k++)
        free(m[k]);
}

/* ---- the sum of products of rank 1 */

/* Where a row of weights has the factors of operand k of a term, and how many they are. */
static size_t place_of(const setting *s, const size_t n[3], size_t term, int k, size_t *count)
{
    size_t at = 0;
    for (int i = 0; i < k; i++)
        at += s->rank * n[i] * s->channels;
    *count = n[k] * s->channels;
    return at + (k == 2 && s->common ? 0 : term * *count);
}

/* A term's factors from rows of weights, or their gradients added to them. */
static void move_factors(const setting *s, const size_t n[3], size_t term, bool back,
                         const arrays *all, const arrays *one, int array)
{
    for (size_t row = 0; row < rows_of(s, array); row++) {
        double *part = one->a[array] + row * one->width[array];
        for (int k = 0; k < 3; k++) {
            size_t count;
            double *whole =
                all->a[array] + row * all->width[array] + place_of(s, n, term, k, &count);
            for (size_t i = 0; i < count; i++, part++, whole++)
                if (back)
                    *whole += *part;
                else
                    *part = *whole;
        }
    }
}

static void expect(const setting *s, const size_t n[3], const arrays *want)
{
    setting each = *s;
    each.rank = 1, each.common = false, each.dtype = E3TP_F64, each.method = E3TP_METHOD_CG;
    e3tp_plan *p = plan_of(&each);
    arrays one = make_arrays(&each, p);
    for (size_t term = 0; term < s->rank; term++) {
        for (int k = 0; k < INPUTS; k++)
            if (operand_of[k] == E3TP_W)
                move_factors(s, n, term, false, want, &one, k);
            else
                memcpy(one.a[k], want->a[k], one.n[k] * sizeof(double));
        execute(&each, p, &one);
        for (int k = INPUTS; k < ARRAYS; k++)
            if (operand_of[k] == E3TP_W)
                move_factors(s, n, term, true, want, &one, k);
            else
                for (size_t i = 0; i < one.n[k]; i++)
                    want->a[k][i] += one.a[k][i];
    }
    free_arrays(&one);
    e3tp_plan_destroy(p);
}

static void check(const setting *s)
{
    e3tp_plan *p = plan_of(s);
    size_t n[3], width = 0;
    for (int k = 0; k < 3; k++) {
        n[k] = e3tp_plan_irreps(p, (e3tp_operand)k, NULL, 0);
        width += (k == 2 && s->common ? 1 : s->rank) * n[k] * s->channels;
    }
    arrays want = make_arrays(s, p), got = make_arrays(s, p);
    ck_assert_uint_eq(want.width[W], width);
    draw(&want), draw(&got);
    expect(s, n, &want);
    execute(s, p, &got);
    for (int k = INPUTS; k < ARRAYS; k++) {
        const double tolerance = tolerance_of(s, &want, k);
        for (size_t i = 0; i < want.n[k]; i++)
            ensure(fabs(got.a[k][i] - want.a[k][i]) <= tolerance,
                   "%s, product %zu of %zu channels, rank %zu, common %d, weights %d, "
                   "layouts %d%d%d, y %d: array %d, element %zu is %g, expected %g",
                   e3tp_method_name(s->method), s->product, s->channels, s->rank, s->common,
                   (int)s->weights, (int)s->layout[0], (int)s->layout[1], (int)s->layout[2],
                   s->one_y, k, i, got.a[k][i], want.a[k][i]);
    }
    free_arrays(&want), free_arrays(&got);
    e3tp_plan_destroy(p);
}

static const e3tp_layout layouts[][3] = {
    {E3TP_MUL_IR, E3TP_MUL_IR, E3TP_MUL_IR},
    {E3TP_IR_MUL, E3TP_IR_MUL, E3TP_IR_MUL},
    {E3TP_BATCH_LAST, E3TP_BATCH_LAST, E3TP_BATCH_LAST},
    {E3TP_IR_MUL, E3TP_BATCH_LAST, E3TP_MUL_IR},
};
static const e3tp_method methods[] = {E3TP_METHOD_CG, E3TP_METHOD_GAUNT, E3TP_METHOD_GRID,
                                      E3TP_METHOD_MATRIX};

/* _i: the product. */
START_TEST(sums)
{
    static const size_t channels[] = {2, 16, 21};
    size_t served = 0;
    for (size_t m = 0; m < COUNT_OF(methods); m++)
        for (size_t i = 0; i < COUNT_OF(layouts) * COUNT_OF(channels) * 8; i++) {
            const size_t c = i / COUNT_OF(layouts) % COUNT_OF(channels), w = i / 12;
            if (!e3tp_method_serves(methods[m], products[_i].op) || left_out((int)(i + w), 5))
                continue;
            setting s = {.product = (size_t)_i,
                         .channels = channels[c],
                         .rows = (i + w) % 2 ? 19 : 3,
                         .rank = 1 + (i + w) % 4,
                         .common = w % 2 == 0,
                         .one_y = w / 4,
                         .dtype = (i / 4 + w) % 2 ? E3TP_F64 : E3TP_F32,
                         .weights = w / 2 % 2 ? E3TP_WEIGHTS_ROW : E3TP_WEIGHTS_SHARED,
                         .method = methods[m]};
            memcpy(s.layout, layouts[i % COUNT_OF(layouts)], sizeof s.layout);
            check(&s);
            served++;
        }
    ck_assert_uint_ge(served, SAMPLED ? 19 : 96);
}
END_TEST

/* One row of x, of y or of both for all rows; rows of a table of weights. */
START_TEST(shared_rows)
{
    for (size_t m = 0; m < COUNT_OF(methods); m++)
        for (size_t i = 0; i < 4 * COUNT_OF(layouts) * 3; i++) {
            const size_t w = i / (4 * COUNT_OF(layouts));
            if (!e3tp_method_serves(methods[m], products[_i].op) || left_out((int)i, 3))
                continue;
            setting s = {.product = (size_t)_i,
                         .channels = i % 2 ? 18 : 3,
                         .rows = 21,
                         .rank = 3,
                         .common = i / 16 % 2 == i % 2,
                         .one_row = {i % 4 & 1, i % 4 & 2},
                         .table = w == 2,
                         .dtype = i % 3 ? E3TP_F64 : E3TP_F32,
                         .weights = w ? E3TP_WEIGHTS_ROW : E3TP_WEIGHTS_SHARED,
                         .method = methods[m]};
            memcpy(s.layout, layouts[i / 4 % COUNT_OF(layouts)], sizeof s.layout);
            check(&s);
        }
}
END_TEST

/* Of one product the factors of z are common as they are; of no channels there is nothing. */
START_TEST(limits)
{
    for (size_t m = 0; m < COUNT_OF(methods); m++)
        for (size_t rank = 1; rank < 4; rank++) {
            setting s = {.channels = rank == 3 ? 0 : 5,
                         .product = methods[m] == E3TP_METHOD_MATRIX ? 7 : 0,
                         .rows = 4,
                         .rank = rank,
                         .common = true,
                         .dtype = E3TP_F64,
                         .weights = E3TP_WEIGHTS_ROW,
                         .method = methods[m]};
            if (!e3tp_method_serves(methods[m], products[s.product].op))
                continue;
            check(&s);
        }
    setting s = {.channels = 5,
                 .rows = 4,
                 .rank = 8,
                 .weights = E3TP_WEIGHTS_ROW,
                 .method = E3TP_METHOD_GRID};
    double flops[2];
    for (int common = 0; common < 2; common++) {
        s.common = common;
        e3tp_plan *p = plan_of(&s);
        flops[common] = e3tp_plan_flops(p, E3TP_FORWARD);
        char text[4096];
        e3tp_plan_describe(p, text, sizeof text);
        ck_assert_ptr_nonnull(strstr(text, "sum of 8 products"));
        e3tp_plan_destroy(p);
    }
    ck_assert(flops[1] < flops[0]);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("common output");
    tcase_add_loop_test(tests, sums, 0, (int)COUNT_OF(products));
    tcase_add_loop_test(tests, shared_rows, 0, (int)COUNT_OF(products));
    tcase_add_test(tests, limits);
    return run_tests(tests, "common output", CK_FORK);
}
