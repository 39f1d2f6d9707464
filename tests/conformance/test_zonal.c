/* SPDX-License-Identifier: MIT */
/* Products of functions on the sphere with a y that is symmetric about the pole: every pass against
   the product with all orders of y, of which those but 0 are zero; the definition over dense W;
   turns about the pole. argv[1] is the tier. */
#include "ensure.h"
#include "passes.h"
#include "sampled.h"
#include "suite.h"

enum { MOST_DEGREES = 25, MOST_BLOCKS = 64 };

static e3tp_isa tier;

/* Degrees first..last in steps. */
typedef struct range {
    int first, last, step;
} range;

typedef struct setting {
    e3tp_op op;
    range l[3];
    size_t channels, y_channels, rows, rank;
    e3tp_dtype dtype;
    e3tp_layout layout[3];
    e3tp_weights weights;
    bool one_x, one_y; /* one row for all */
    bool common;       /* factors of z for all terms */
} setting;

static size_t degrees_of(range r, int l[MOST_DEGREES])
{
    size_t n = 0;
    for (int d = r.first; d <= r.last; d += r.step)
        l[n++] = d;
    return n;
}

/* full: all orders of y, in double and MUL_IR. */
static e3tp_plan *plan_of(const setting *s, bool full)
{
    e3tp_desc *d;
    ck_assert_int_eq(e3tp_desc_create(&d, s->op), E3TP_OK);
    for (int k = 0; k < 3; k++) {
        int l[MOST_DEGREES];
        const size_t n = degrees_of(s->l[k], l);
        e3tp_desc_set_degrees(d, (e3tp_operand)k, l, n);
        e3tp_desc_set_layout(d, (e3tp_operand)k, full ? E3TP_MUL_IR : s->layout[k]);
    }
    e3tp_desc_set_channels(d, s->channels);
    e3tp_desc_set_y_channels(d, s->y_channels);
    e3tp_desc_set_y_zonal(d, !full);
    e3tp_desc_set_weights(d, s->weights);
    e3tp_desc_set_rank(d, s->rank);
    e3tp_desc_set_common_output(d, s->common);
    e3tp_desc_set_dtype(d, full ? E3TP_F64 : s->dtype);
    e3tp_desc_set_method(d, full ? E3TP_METHOD_CG : E3TP_METHOD_AUTO);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_threads(d, 1);
    e3tp_plan *p = plan_from(d);
    ck_assert_str_eq(e3tp_plan_method(p), "cg");
    return p;
}

/* full: as of plan_of. */
static passes passes_of(const setting *s, const e3tp_plan *p, bool full)
{
    passes c = {.plan = p, .dtype = full ? E3TP_F64 : s->dtype, .rows = s->rows};
    if (!full)
        memcpy(c.layout, s->layout, sizeof c.layout);
    c.one[E3TP_X] = s->one_x, c.one[E3TP_Y] = s->one_y;
    c.one[E3TP_W] = s->weights != E3TP_WEIGHTS_ROW;
    return c;
}

static arrays make_arrays(const setting *s, const e3tp_plan *p)
{
    const passes c = passes_of(s, p, false);
    return passes_arrays(&c);
}

/* Between the y of order 0 alone and all its orders, of array k: where element i of the first, of
   channels of a block after another, is in the second. */
static size_t full_element(const setting *s, const arrays *zonal, const arrays *full, int k,
                           size_t i)
{
    const size_t row = i / zonal->width[k], C = s->y_channels ? s->y_channels : s->channels;
    size_t before = row * full->width[k];
    i %= zonal->width[k];
    for (int l = s->l[1].first;; l += s->l[1].step, i -= C) {
        const size_t d = 2 * (size_t)l + 1;
        if (i < C)
            return before + i * d + (size_t)l;
        before += C * d;
    }
}

/* All passes; results to a, whose inputs are there. */
static void execute(const setting *s, const e3tp_plan *p, bool full, const arrays *a)
{
    const passes c = passes_of(s, p, full);
    passes_run(&c, a);
}

/* Rounding of sums, where the largest result stands for the terms of all. */
static double tolerance_of(const setting *s, const double *want, size_t n)
{
    return (s->dtype == E3TP_F64 ? 2.3e-16 : 1.2e-7) * 24 * (largest(want, n) + 1);
}

static void compare(const setting *s, const arrays *got, const arrays *want)
{
    for (int k = INPUTS; k < ARRAYS; k++) {
        const double tolerance = tolerance_of(s, want->a[k], size_of(want, k));
        for (size_t i = 0; i < size_of(got, k); i++) {
            const size_t at = operand_of[k] == E3TP_Y ? full_element(s, got, want, k, i) : i;
            const double error = fabs(got->a[k][i] - want->a[k][at]);
            ensure(error <= tolerance,
                   "op %d, %zu channels (%zu of y), %zu rows, weights %d: array %d, element %zu is "
                   "%g, expected %g, %g tolerances off",
                   (int)s->op, s->channels, s->y_channels, s->rows, (int)s->weights, k, i,
                   got->a[k][i], want->a[k][at], error / tolerance);
        }
    }
}

static void check(const setting *s)
{
    e3tp_plan *p = plan_of(s, false), *q = plan_of(s, true);
    arrays got = make_arrays(s, p), want = make_arrays(s, q);
    draw(&got);
    for (int k = 0; k < INPUTS; k++)
        for (size_t i = 0; i < size_of(&got, k); i++)
            want.a[k][operand_of[k] == E3TP_Y ? full_element(s, &got, &want, k, i) : i] =
                got.a[k][i];
    execute(s, p, false, &got);
    execute(s, q, true, &want);
    compare(s, &got, &want);
    free_arrays(&got), free_arrays(&want);
    e3tp_plan_destroy(p), e3tp_plan_destroy(q);
}

static const e3tp_op ops[] = {E3TP_OP_GAUNT, E3TP_OP_BRACKET, E3TP_OP_COMPLETE, E3TP_OP_MATRIX};

static const e3tp_layout layouts[][3] = {
    {E3TP_MUL_IR, E3TP_MUL_IR, E3TP_MUL_IR},
    {E3TP_IR_MUL, E3TP_IR_MUL, E3TP_IR_MUL},
    {E3TP_BATCH_LAST, E3TP_BATCH_LAST, E3TP_BATCH_LAST},
    {E3TP_IR_MUL, E3TP_BATCH_LAST, E3TP_MUL_IR},
    {E3TP_BATCH_LAST, E3TP_MUL_IR, E3TP_IR_MUL},
};

/* Walks: lanes, layouts, weights, channels of y, rows. _i: the operation. */
START_TEST(walks)
{
    static const size_t channels[] = {1, 3, 8, 16, 17, 128}, rows[] = {0, 1, 5, 33};
    size_t n = 0;
    for (size_t c = 0; c < COUNT_OF(channels); c++)
        for (size_t i = 0; i < COUNT_OF(layouts); i++)
            for (int weights = E3TP_WEIGHTS_NONE; weights <= E3TP_WEIGHTS_ROW; weights++)
                for (int common = 0; common < 2; common++, n++) {
                    if (left_out((int)n, 7))
                        continue;
                    setting s = {.op = ops[_i],
                                 .l = {{0, 3, 1}, {0, 3, 1}, {0, 4, 1}},
                                 .channels = channels[c],
                                 .y_channels = common ? 1 : 0,
                                 .rows = rows[n % COUNT_OF(rows)],
                                 .dtype = n / 4 % 2 ? E3TP_F64 : E3TP_F32,
                                 .weights = (e3tp_weights)weights,
                                 .one_x = n % 5 == 1,
                                 .one_y = n % 5 == 2,
                                 .common = weights != E3TP_WEIGHTS_NONE && n % 4 < 2};
                    s.rank = weights == E3TP_WEIGHTS_ROW ? 2 : 1;
                    memcpy(s.layout, layouts[i], sizeof s.layout);
                    check(&s);
                }
}
END_TEST

/* Degrees: gaps, filters of fewer and of more degrees than x, one degree, all that there are. */
START_TEST(degrees)
{
    static const range lists[][3] = {
        {{0, 0, 1}, {0, 0, 1}, {0, 0, 1}},    {{0, 0, 1}, {3, 3, 1}, {3, 3, 1}},
        {{1, 5, 2}, {0, 6, 2}, {1, 7, 3}},    {{2, 2, 1}, {1, 4, 1}, {0, 6, 1}},
        {{0, 6, 1}, {0, 2, 1}, {0, 6, 1}},    {{0, 2, 1}, {1, 7, 1}, {0, 9, 1}},
        {{0, 2, 1}, {2, 2, 1}, {5, 9, 2}},    {{0, 8, 1}, {0, 8, 1}, {0, 8, 1}},
        {{0, 12, 1}, {0, 12, 1}, {0, 12, 1}}, {{0, 12, 3}, {1, 12, 1}, {0, 24, 1}},
    };
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        for (int v = 0; v < 4; v++) {
            if (left_out((int)i + v, 4))
                continue;
            setting s = {.op = ops[_i],
                         .channels = v % 2 ? 16 : 5,
                         .y_channels = v / 2,
                         .rows = 2,
                         .rank = 1,
                         .dtype = (i + (size_t)v) % 2 ? E3TP_F64 : E3TP_F32,
                         .layout = {E3TP_IR_MUL, E3TP_IR_MUL, E3TP_IR_MUL}};
            memcpy(s.l, lists[i], sizeof s.l);
            check(&s);
        }
}
END_TEST

/* ---- the definition */

/* Adds the terms of a path: one channel, one row. */
static void add_path(const e3tp_plan *p, size_t path, const arrays *a, const int *ly, double *z,
                     double *gx, double *gy)
{
    static double V[25 * 25 * 49];
    e3tp_irrep list[3][MOST_BLOCKS];
    uint32_t block[3];
    size_t first[3];
    ck_assert_int_eq(e3tp_plan_path_blocks(p, path, block), E3TP_OK);
    for (int k = 0; k < 3; k++) {
        e3tp_plan_irreps(p, (e3tp_operand)k, list[k], MOST_BLOCKS);
        first[k] = e3tp_irreps_dim(list[k], block[k]);
    }
    const int l1 = list[0][block[0]].l, l2 = ly[block[1]], l3 = list[2][block[2]].l;
    ck_assert_int_eq(list[1][block[1]].l, 0);
    ck_assert_int_eq(list[1][block[1]].parity, 1);
    ck_assert_int_eq(e3tp_wigner_3j(l1, l2, l3, E3TP_SIGN_E3NN, V), E3TP_OK);
    const double c = e3tp_plan_path_coefficient(p, path), y = a->a[Y][first[1]];
    for (int i = 0; i < 2 * l1 + 1; i++)
        for (int k = 0; k < 2 * l3 + 1; k++) {
            const double t = c * V[(i * (2 * l2 + 1) + l2) * (2 * l3 + 1) + k],
                         x = a->a[X][first[0] + (size_t)i], g = a->a[GZ][first[2] + (size_t)k];
            z[first[2] + (size_t)k] += t * x * y;
            gx[first[0] + (size_t)i] += t * g * y;
            gy[first[1]] += t * g * x;
        }
}

static void compare_sums(const setting *s, const double *got, const double *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_double_le(fabs(got[i] - want[i]), tolerance_of(s, want, n));
}

START_TEST(definition)
{
    const setting s = {.op = ops[_i],
                       .l = {{0, 4, 1}, {0, 5, 1}, {0, 6, 1}},
                       .channels = 1,
                       .rows = 1,
                       .rank = 1,
                       .dtype = E3TP_F64};
    e3tp_plan *p = plan_of(&s, false);
    arrays a = make_arrays(&s, p), want = make_arrays(&s, p);
    int ly[MOST_DEGREES];
    ck_assert_uint_eq(degrees_of(s.l[1], ly), a.width[Y]);
    draw(&a);
    execute(&s, p, false, &a);
    ck_assert_uint_gt(e3tp_plan_num_paths(p), 20);
    for (size_t path = 0; path < e3tp_plan_num_paths(p); path++)
        add_path(p, path, &a, ly, want.a[Z], want.a[GX], want.a[GY]);
    for (int k = Z; k <= GY; k++)
        compare_sums(&s, a.a[k], want.a[k], size_of(&a, k));
    free_arrays(&a), free_arrays(&want);
    e3tp_plan_destroy(p);
}
END_TEST

/* ---- turns about the pole */

/* An operand of one channel and row, turned by an angle. */
static void turned(const e3tp_plan *p, e3tp_operand which, double angle, const double *from,
                   double *to)
{
    const double c = cos(angle), s = sin(angle), R[9] = {c, 0, s, 0, 1, 0, -s, 0, c};
    static double D[49 * 49];
    e3tp_irrep list[MOST_BLOCKS];
    const size_t n = e3tp_plan_irreps(p, which, list, MOST_BLOCKS);
    for (size_t b = 0; b < n; b++) {
        const size_t d = 2 * (size_t)list[b].l + 1;
        ck_assert_int_eq(e3tp_wigner_D_from_matrix(list[b].l, list[b].parity, R, D), E3TP_OK);
        for (size_t i = 0; i < d; i++, to++) {
            *to = 0;
            for (size_t j = 0; j < d; j++)
                *to += D[i * d + j] * from[j];
        }
        from += d;
    }
}

START_TEST(turns_about_the_pole)
{
    const setting s = {.op = ops[_i],
                       .l = {{0, 5, 1}, {0, 4, 1}, {0, 6, 1}},
                       .channels = 1,
                       .rows = 1,
                       .rank = 1,
                       .dtype = E3TP_F64};
    e3tp_plan *p = plan_of(&s, false);
    arrays a = make_arrays(&s, p), b = make_arrays(&s, p), want = make_arrays(&s, p);
    draw(&a), draw(&b);
    turned(p, E3TP_X, 0.7, a.a[X], b.a[X]);
    execute(&s, p, false, &a);
    execute(&s, p, false, &b);
    turned(p, E3TP_Z, 0.7, a.a[Z], want.a[Z]);
    ck_assert_double_gt(largest(want.a[Z], size_of(&a, Z)), 0.01);
    compare_sums(&s, b.a[Z], want.a[Z], size_of(&a, Z));
    free_arrays(&a), free_arrays(&b), free_arrays(&want);
    e3tp_plan_destroy(p);
}
END_TEST

/* Weights from a table: the rows that an index names. */
START_TEST(indexed)
{
    enum { ROWS = 7, TABLE = 3 };
    setting s = {.op = ops[_i],
                 .l = {{0, 2, 1}, {0, 2, 1}, {0, 2, 1}},
                 .channels = 17,
                 .y_channels = 1,
                 .rows = ROWS,
                 .rank = 2,
                 .dtype = E3TP_F64,
                 .weights = E3TP_WEIGHTS_ROW};
    static const int32_t index[ROWS] = {2, 0, 1, 1, 2, 2, 0};
    e3tp_plan *p = plan_of(&s, false);
    arrays a = make_arrays(&s, p);
    draw(&a);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < a.width[W]; i++)
            a.a[W][r * a.width[W] + i] = sin((double)(i + 31 * (size_t)index[r]));
    execute(&s, p, false, &a);
    double *table = calloc(TABLE * a.width[W], sizeof *table),
           *z = calloc(size_of(&a, Z), sizeof *z);
    for (size_t i = 0; i < TABLE * a.width[W]; i++)
        table[i] = sin((double)(i % a.width[W] + 31 * (i / a.width[W])));
    e3tp_buffers b = e3tp_buffers_init(ROWS);
    b.x = a.a[X], b.y = a.a[Y], b.w = table, b.z = z;
    b.index = index, b.index_rows = TABLE;
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    compare_sums(&s, z, a.a[Z], size_of(&a, Z));
    free(table), free(z);
    free_arrays(&a);
    e3tp_plan_destroy(p);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("zonal");
    tcase_add_loop_test(tests, walks, 0, (int)COUNT_OF(ops));
    tcase_add_loop_test(tests, degrees, 0, (int)COUNT_OF(ops));
    tcase_add_loop_test(tests, definition, 0, (int)COUNT_OF(ops));
    tcase_add_loop_test(tests, turns_about_the_pole, 0, (int)COUNT_OF(ops));
    tcase_add_loop_test(tests, indexed, 0, (int)COUNT_OF(ops));
    return run_tests(tests, "zonal", CK_FORK);
}
