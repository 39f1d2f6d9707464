/* SPDX-License-Identifier: MIT */
/* Products of signals whose y has one channel for all of x, by every method: against the definition
   over dense W in double, z and all gradients, and against the product with y copied to all
   channels. argv[1] is the tier. */
#include <math.h>
#include <stdbool.h>

#include "ensure.h"
#include "sampled.h"
#include "signals.h"

enum { MAX_BLOCKS = 24 };

static e3tp_isa tier;

static const signal_lists products[] = {
    {E3TP_OP_GAUNT, {{0, 1, 2}, {0, 1, 2}, {0, 1, 2}}, {3, 3, 3}},
    {E3TP_OP_GAUNT, {{1, 4}, {0, 3}, {0, 2, 5}}, {2, 2, 3}},
    {E3TP_OP_BRACKET, {{0, 1, 3}, {1, 2}, {2, 3}}, {3, 2, 2}},
    {E3TP_OP_COMPLETE, {{0, 1, 2}, {1, 2}, {0, 1, 3}}, {3, 2, 3}},
    {E3TP_OP_MATRIX, {{0, 1}, {0, 1, 2}, {0, 1, 3}}, {2, 3, 3}},
    {E3TP_OP_CROSS, {{0, 1}, {1}, {0, 1, 2}}, {2, 1, 3}},
    {E3TP_OP_DOT, {{0, 1}, {0, 1}, {0, 2}}, {2, 2, 2}},
};

enum { X, Y, W, GZ, Z, GX, GY, GW, ARRAYS, INPUTS = Z };
static const e3tp_operand operand_of[ARRAYS] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z,
                                                E3TP_Z, E3TP_X, E3TP_Y, E3TP_W};

typedef struct setting {
    size_t product, channels, rows, rank;
    e3tp_dtype dtype;
    e3tp_layout layout[3];
    e3tp_weights weights;
    e3tp_method method;
} setting;

static e3tp_plan *plan_of(const setting *s, size_t y_channels)
{
    e3tp_desc *d = signal_desc(&products[s->product], s->channels, s->layout, tier);
    e3tp_desc_set_y_channels(d, y_channels);
    e3tp_desc_set_weights(d, s->weights);
    e3tp_desc_set_rank(d, s->rank);
    e3tp_desc_set_dtype(d, s->dtype);
    e3tp_desc_set_method(d, s->method);
    return plan_from(d);
}

/* ---- the definition: arrays in double, in the packed layout of mul_ir */

typedef struct arrays {
    double *a[ARRAYS], *sum[ARRAYS]; /* and the absolute values of the terms of each result */
    size_t n[ARRAYS], width[ARRAYS], rows[ARRAYS];
} arrays;

static arrays make_arrays(const setting *s, const e3tp_plan *p)
{
    arrays a;
    for (int k = 0; k < ARRAYS; k++) {
        a.width[k] = e3tp_plan_width(p, operand_of[k]);
        a.rows[k] = operand_of[k] == E3TP_W && s->weights != E3TP_WEIGHTS_ROW ? 1 : s->rows;
        a.n[k] = a.width[k] * a.rows[k];
        a.a[k] = calloc(a.n[k] + 1, sizeof(double));
        a.sum[k] = calloc(a.n[k] + 1, sizeof(double));
        float *drawn = random_floats(a.n[k], (unsigned)k + 1);
        for (size_t i = 0; i < a.n[k] && k < INPUTS; i++)
            a.a[k][i] = (double)drawn[i];
        free(drawn);
    }
    return a;
}

static void free_arrays(arrays *a)
{
    for (int k = 0; k < ARRAYS; k++)
        free(a->a[k]), free(a->sum[k]);
}

/* A path, its blocks and their first elements. */
typedef struct path {
    uint32_t block[3];
    size_t first[3], d[3], mul[3];
    double c, *W;
} path;

static void add_term(const arrays *a, int k, size_t at, double term)
{
    a->a[k][at] += term;
    a->sum[k][at] += fabs(term);
}

/* Of channel u of a row and a term of the sum: w has the places of its factors. */
static void add_channel(const setting *s, const arrays *a, const path *q, size_t row, size_t u,
                        const size_t w[3])
{
    const bool weighted = s->weights != E3TP_WEIGHTS_NONE;
    double f[3] = {1, 1, 1};
    for (int k = 0; k < 3 && weighted; k++)
        f[k] = a->a[W][w[k]];
    for (size_t e = 0; e < q->d[0] * q->d[1] * q->d[2]; e++) {
        const size_t m[3] = {e / (q->d[1] * q->d[2]), e / q->d[2] % q->d[1], e % q->d[2]};
        const double c = q->c * q->W[e];
        size_t at[3];
        for (int k = 0; k < 3; k++)
            at[k] = row * a->width[k == 2 ? Z : k] + q->first[k] +
                    (q->mul[k] == 1 ? 0 : u) * q->d[k] + m[k];
        const double x = a->a[X][at[0]], y = a->a[Y][at[1]], g = a->a[GZ][at[2]];
        if (c == 0)
            continue;
        add_term(a, Z, at[2], f[0] * f[1] * f[2] * c * x * y);
        add_term(a, GX, at[0], f[0] * f[1] * f[2] * c * y * g);
        add_term(a, GY, at[1], f[0] * f[1] * f[2] * c * x * g);
        for (int k = 0; k < 3 && weighted; k++)
            add_term(a, GW, w[k], f[(k + 1) % 3] * f[(k + 2) % 3] * c * x * y * g);
    }
}

static void add_path(const setting *s, const e3tp_plan *p, const arrays *a, const path *q)
{
    size_t n[3];
    for (int k = 0; k < 3; k++)
        n[k] = e3tp_plan_irreps(p, (e3tp_operand)k, NULL, 0);
    for (size_t row = 0; row < s->rows; row++)
        for (size_t term = 0; term < s->rank; term++)
            for (size_t u = 0; u < s->channels; u++) {
                size_t w[3], before = s->weights == E3TP_WEIGHTS_ROW ? row * a->width[W] : 0;
                for (int k = 0; k < 3; before += s->rank * n[k++] * s->channels)
                    w[k] = before + (term * n[k] + q->block[k]) * s->channels + u;
                add_channel(s, a, q, row, u, w);
            }
}

static void expect(const setting *s, const e3tp_plan *p, const arrays *a)
{
    static double W3[11 * 11 * 11];
    e3tp_irrep list[3][MAX_BLOCKS];
    for (int k = 0; k < 3; k++)
        ck_assert_uint_le(e3tp_plan_irreps(p, (e3tp_operand)k, list[k], MAX_BLOCKS), MAX_BLOCKS);
    ck_assert_uint_gt(e3tp_plan_num_paths(p), 0);
    for (size_t i = 0; i < e3tp_plan_num_paths(p); i++) {
        path q = {.c = e3tp_plan_path_coefficient(p, i), .W = W3};
        int l[3];
        ck_assert_int_eq(e3tp_plan_path_blocks(p, i, q.block), E3TP_OK);
        for (int k = 0; k < 3; k++) {
            const e3tp_irrep *ir = &list[k][q.block[k]];
            l[k] = ir->l, q.d[k] = 2 * (size_t)ir->l + 1, q.mul[k] = ir->mul;
            q.first[k] = e3tp_irreps_dim(list[k], q.block[k]);
        }
        ck_assert_int_eq(e3tp_wigner_3j(l[0], l[1], l[2], E3TP_SIGN_E3NN, W3), E3TP_OK);
        add_path(s, p, a, &q);
    }
}

/* ---- a plan's results */

/* To the plan's layout and element type, or back. */
static void convert(const setting *s, const e3tp_plan *p, const arrays *a, int k, bool back,
                    void *memory)
{
    const bool f64 = s->dtype == E3TP_F64, weights = operand_of[k] == E3TP_W;
    e3tp_irrep list[MAX_BLOCKS];
    const size_t blocks = weights ? 0 : e3tp_plan_irreps(p, operand_of[k], list, MAX_BLOCKS),
                 es = f64 ? sizeof(double) : sizeof(float);
    void *flat = malloc((a->n[k] + 1) * es);
    for (size_t i = 0; i < a->n[k] && !back; i++)
        if (f64)
            ((double *)flat)[i] = a->a[k][i];
        else
            ((float *)flat)[i] = (float)a->a[k][i];
    const e3tp_layout own = weights ? E3TP_MUL_IR : s->layout[operand_of[k]];
    if (weights)
        memcpy(back ? flat : memory, back ? memory : flat, a->n[k] * es);
    else
        ck_assert_int_eq(e3tp_convert(s->dtype, list, blocks, a->rows[k], back ? own : E3TP_MUL_IR,
                                      back ? memory : flat, E3TP_PACKED, back ? E3TP_MUL_IR : own,
                                      back ? flat : memory, E3TP_PACKED),
                         E3TP_OK);
    for (size_t i = 0; i < a->n[k] && back; i++)
        a->a[k][i] = f64 ? ((double *)flat)[i] : (double)((float *)flat)[i];
    free(flat);
}

/* Results to a, whose inputs are there. */
static void execute(const setting *s, const e3tp_plan *p, const arrays *a)
{
    void *m[ARRAYS];
    for (int k = 0; k < ARRAYS; k++) {
        m[k] = malloc((a->n[k] + 1) * sizeof(double));
        memset(m[k], k < GW ? 0xff : 0, (a->n[k] + 1) * sizeof(double));
        if (k < INPUTS)
            convert(s, p, a, k, false, m[k]);
    }
    e3tp_buffers b = e3tp_buffers_init(s->rows);
    b.x = m[X], b.y = m[Y], b.w = m[W], b.z = m[Z];
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    b.gz = m[GZ], b.gx = m[GX], b.gy = m[GY], b.gw = m[GW];
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    for (int k = 0; k < ARRAYS; k++) {
        if (k >= INPUTS)
            convert(s, p, a, k, true, m[k]);
        free(m[k]);
    }
}

static double largest(const double *a, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, a[i]);
    return most;
}

/* The bounds of test_methods.c. */
static double tolerance_of(const setting *s, const arrays *want, int k)
{
    const double eps = s->dtype == E3TP_F64 ? 2.3e-16 : 1.2e-7;
    return (s->method == E3TP_METHOD_GAUNT ? 12 : 6) * eps * largest(want->sum[k], want->n[k]);
}

static void compare(const setting *s, const arrays *want, const arrays *got)
{
    for (int k = INPUTS; k < ARRAYS; k++) {
        const double tolerance = tolerance_of(s, want, k);
        for (size_t i = 0; i < want->n[k]; i++)
            ensure(fabs(got->a[k][i] - want->a[k][i]) <= tolerance,
                   "%s, product %zu of %zu channels, weights %d: array %d, element %zu is "
                   "wrong by %g tolerances",
                   e3tp_method_name(s->method), s->product, s->channels, (int)s->weights, k, i,
                   fabs(got->a[k][i] - want->a[k][i]) / tolerance);
    }
}

/* Where element i of y in all channels is in a y of one. */
static size_t common_element(const e3tp_irrep *copied, const arrays *copies, const arrays *common,
                             size_t i)
{
    size_t before = i / copies->width[Y] * common->width[Y];
    for (i %= copies->width[Y];; copied++) {
        const size_t d = 2 * (size_t)copied->l + 1;
        if (i < d * copied->mul)
            return before + i % d;
        i -= d * copied->mul;
        before += d;
    }
}

/* y copied to all channels: gy its sum over channels, to the rounding of both; of the methods that
   take a common y to where products are made, z and what has a row for each row have the same bits.
 */
static void compare_copies(const setting *s, const arrays *want, const arrays *common)
{
    e3tp_plan *p = plan_of(s, 0);
    e3tp_irrep list[MAX_BLOCKS];
    e3tp_plan_irreps(p, E3TP_Y, list, MAX_BLOCKS);
    arrays a = make_arrays(s, p);
    ck_assert_uint_eq(a.width[Y], s->channels * common->width[Y]);
    double *sum = calloc(common->n[GY] + 1, sizeof *sum);
    for (size_t i = 0; i < a.n[Y]; i++)
        a.a[Y][i] = common->a[Y][common_element(list, &a, common, i)];
    execute(s, p, &a);
    for (size_t i = 0; i < a.n[GY]; i++)
        sum[common_element(list, &a, common, i)] += a.a[GY][i];
    for (int k = INPUTS; k < ARRAYS; k++) {
        const bool bits = s->method != E3TP_METHOD_CG && k != GY && a.rows[k] == s->rows;
        const double tolerance = bits ? 0 : 2 * tolerance_of(s, want, k);
        const double *copies = k == GY ? sum : a.a[k];
        for (size_t i = 0; i < common->n[k]; i++)
            ensure(fabs(common->a[k][i] - copies[i]) <= tolerance,
                   "%s, product %zu of %zu channels, weights %d: array %d, element %zu is "
                   "%g, of copies %g",
                   e3tp_method_name(s->method), s->product, s->channels, (int)s->weights, k, i,
                   common->a[k][i], copies[i]);
    }
    free(sum);
    free_arrays(&a);
    e3tp_plan_destroy(p);
}

static void check(const setting *s)
{
    e3tp_plan *p = plan_of(s, 1);
    arrays want = make_arrays(s, p), got = make_arrays(s, p);
    expect(s, p, &want);
    execute(s, p, &got);
    compare(s, &want, &got);
    compare_copies(s, &want, &got);
    free_arrays(&want), free_arrays(&got);
    e3tp_plan_destroy(p);
}

static const e3tp_layout layouts[][3] = {
    {E3TP_MUL_IR, E3TP_MUL_IR, E3TP_MUL_IR},
    {E3TP_IR_MUL, E3TP_IR_MUL, E3TP_IR_MUL},
    {E3TP_BATCH_LAST, E3TP_BATCH_LAST, E3TP_BATCH_LAST},
    {E3TP_IR_MUL, E3TP_BATCH_LAST, E3TP_MUL_IR},
};

/* _i: the product. */
START_TEST(definition)
{
    static const size_t channels[] = {2, 3, 16, 17, 40};
    static const e3tp_method methods[] = {E3TP_METHOD_CG, E3TP_METHOD_GAUNT, E3TP_METHOD_GRID,
                                          E3TP_METHOD_MATRIX};
    size_t served = 0;
    for (size_t m = 0; m < COUNT_OF(methods); m++)
        for (size_t c = 0;
             c < COUNT_OF(channels) && e3tp_method_serves(methods[m], products[_i].op); c++)
            for (size_t i = 0; i < 3 * COUNT_OF(layouts); i++) {
                if (left_out((int)(i + c), 3))
                    continue;
                setting s = {.product = (size_t)_i,
                             .channels = channels[c],
                             .rows = i % 2 ? 19 : 3,
                             .dtype = (i / 4 + c) % 2 ? E3TP_F64 : E3TP_F32,
                             .weights = (e3tp_weights)(i / COUNT_OF(layouts)),
                             .method = methods[m]};
                s.rank = s.weights == E3TP_WEIGHTS_ROW ? 2 : 1;
                memcpy(s.layout, layouts[i % COUNT_OF(layouts)], sizeof s.layout);
                check(&s);
                served++;
            }
    ck_assert_uint_ge(served, COUNT_OF(channels) * (SAMPLED ? 1 : 3) * COUNT_OF(layouts));
}
END_TEST

/* No channels: nothing to sum. As many channels as x are the default. */
START_TEST(limits)
{
    setting s = {.rows = 5, .rank = 1, .method = (e3tp_method)_i};
    if (!e3tp_method_serves(s.method, products[0].op))
        return;
    e3tp_plan *p = plan_of(&s, 1);
    arrays a = make_arrays(&s, p);
    ck_assert_uint_eq(a.width[Y], 9);
    execute(&s, p, &a);
    for (size_t i = 0; i < a.n[GY]; i++)
        ck_assert(a.a[GY][i] == 0);
    free_arrays(&a);
    e3tp_plan_destroy(p);
    s.channels = 4;
    p = plan_of(&s, 4);
    ck_assert_uint_eq(e3tp_plan_width(p, E3TP_Y), 4 * 9);
    e3tp_plan_destroy(p);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("common y");
    tcase_add_loop_test(tests, definition, 0, (int)COUNT_OF(products));
    tcase_add_loop_test(tests, limits, E3TP_METHOD_AUTO, E3TP_METHOD_MATRIX + 1);
    return run_tests(tests, "common y", CK_FORK);
}
