/* SPDX-License-Identifier: MIT */
/* Every method, pass, layout and element type through the public API on guarded memory: nothing is
   read or written outside the documented extent, and a row has the same bits at every alignment,
   with any stride, at any place of a batch of any size. argv[1] is the tier. */
#include "guard.h"
#include "problems.h"
#include "sampled.h"
#include "suite.h"

/* Areas of a call; each array lies as its operand does. */
enum { X, Y, W, GZ, GGX, GGY, GGW, Z, GX, GY, GW, HX, HY, HW, HZ, WORK, AREAS };
enum { INPUTS = Z, ARRAYS = WORK };
static const e3tp_operand operand_of[ARRAYS] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z, E3TP_X,
                                                E3TP_Y, E3TP_W, E3TP_Z, E3TP_X, E3TP_Y,
                                                E3TP_W, E3TP_X, E3TP_Y, E3TP_W, E3TP_Z};

static const size_t lengths[] = {1, 2, 3, 5, 7, 13, 15, 16, 17, 31, 33, 89};
enum { ROWS = 97, AREA_BYTES = 16 << 20 };

static e3tp_isa tier;
static guard_area area[AREAS];
static unsigned char *reference[ARRAYS]; /* [ROWS][width] */
static size_t runs;

typedef struct setup {
    const e3tp_plan *plan;
    size_t es;
    size_t width[ARRAYS];
    bool single[ARRAYS]; /* one row for the whole batch */
    bool batch_last[ARRAYS];
} setup;

typedef struct variant {
    size_t start, rows; /* of the ROWS that the reference has */
    size_t pad;         /* added to packed strides */
    guard_side side;
    size_t offset; /* elements from the closed page, other for each operand */
    bool given_work;
    bool sums_known; /* sums over the batch were taken for these rows before */
} variant;

static ptrdiff_t stride_of(const setup *s, int k, const variant *v)
{
    if (s->single[k])
        return 0;
    return (ptrdiff_t)((s->batch_last[k] ? v->rows : s->width[k]) + v->pad);
}

static size_t index_of(const setup *s, int k, const variant *v, size_t row, size_t i)
{
    if (s->single[k])
        return i;
    const size_t stride = (size_t)stride_of(s, k, v);
    return s->batch_last[k] ? i * stride + row : row * stride + i;
}

static size_t rows_of(const setup *s, int k, const variant *v)
{
    return s->single[k] ? 1 : v->rows;
}

static size_t bytes_of(const setup *s, int k, const variant *v)
{
    if (s->width[k] == 0)
        return 0;
    return s->es * (1 + index_of(s, k, v, rows_of(s, k, v) - 1, s->width[k] - 1));
}

/* Element i of a row of an input: a number in -1..1 that its place in memory has no part in. */
static void element(const setup *s, int k, size_t row, size_t i, unsigned char *out)
{
    const uint64_t seed = ((uint64_t)k << 40 | (uint64_t)row << 24 | i) + 1;
    const uint64_t mixed = (seed * 0x9e3779b97f4a7c15u ^ seed >> 7) * 0xbf58476d1ce4e5b9u;
    const double d = (double)(mixed >> 40) / (1 << 23) - 1;
    const float f = (float)d;
    memcpy(out, s->es == sizeof d ? (const void *)&d : (const void *)&f, s->es);
}

static void place_input(const setup *s, int k, const variant *v, unsigned char *at)
{
    for (size_t r = 0; r < rows_of(s, k, v); r++)
        for (size_t i = 0; i < s->width[k]; i++)
            element(s, k, s->single[k] ? 0 : v->start + r, i, at + s->es * index_of(s, k, v, r, i));
    guard_read_only(&area[k], at, bytes_of(s, k, v), true);
}

/* Bits of every row, then a mark where a padded row has none of its own. */
static void check_output(const setup *s, int k, const variant *v, unsigned char *at)
{
    const size_t es = s->es, bytes = bytes_of(s, k, v);
    size_t wrong = 0, touched = 0;
    for (size_t r = 0; r < rows_of(s, k, v); r++)
        for (size_t i = 0; i < s->width[k]; i++) {
            unsigned char *got = at + es * index_of(s, k, v, r, i);
            unsigned char *want =
                reference[k] + es * ((s->single[k] ? 0 : v->start + r) * s->width[k] + i);
            if (s->single[k] && !v->sums_known)
                memcpy(want, got, es);
            wrong += memcmp(got, want, es) != 0;
            memset(got, GUARD_MARK, es);
        }
    for (size_t i = 0; i < bytes; i++)
        touched += at[i] != GUARD_MARK;
    ck_assert_msg(wrong == 0, "array %d: %zu elements of rows %zu..%zu have other bits", k, wrong,
                  v->start, v->start + v->rows - 1);
    ck_assert_msg(touched == 0, "array %d: %zu bytes between rows were written", k, touched);
}

static void keep_reference(const setup *s, int k, const variant *v, const unsigned char *at)
{
    for (size_t r = 0; r < rows_of(s, k, v); r++)
        for (size_t i = 0; i < s->width[k]; i++)
            memcpy(reference[k] + s->es * (r * s->width[k] + i),
                   at + s->es * index_of(s, k, v, r, i), s->es);
}

static void call(const setup *s, const variant *v, e3tp_pass pass, unsigned char *const at[AREAS])
{
    static e3tp_status (*const passes[])(const e3tp_plan *, const e3tp_buffers *) = {
        [E3TP_FORWARD] = e3tp_forward,
        [E3TP_BACKWARD] = e3tp_backward,
        [E3TP_DOUBLE_BACKWARD] = e3tp_double_backward,
        [E3TP_JVP] = e3tp_jvp,
    };
    e3tp_buffers b = e3tp_buffers_init(v->rows);
    b.x = at[X], b.y = at[Y], b.w = at[W], b.gz = at[GZ];
    b.ggx = at[GGX], b.ggy = at[GGY], b.ggw = at[GGW];
    b.z = at[Z], b.gx = at[GX], b.gy = at[GY], b.gw = at[GW];
    b.hx = at[HX], b.hy = at[HY], b.hw = at[HW], b.hz = at[HZ];
    b.stride_x = stride_of(s, X, v), b.stride_y = stride_of(s, Y, v);
    b.stride_w = stride_of(s, W, v), b.stride_z = stride_of(s, Z, v);
    size_t bytes = 0;
    if (v->given_work) {
        bytes = e3tp_plan_work_bytes(s->plan, pass, v->rows);
        b.work = guard_place(&area[WORK], (bytes + 63) / 64 * 64, v->side, 0);
    }
    ck_assert_int_eq(passes[pass](s->plan, &b), E3TP_OK);
    if (v->given_work)
        ck_assert(guard_intact(&area[WORK], b.work, bytes));
}

/* Every pass (JVP writes hz before the double backward pass does); with is_reference the results
 * become what later runs are compared with. */
static void run(const setup *s, const variant *v, bool is_reference)
{
    unsigned char *at[AREAS];
    for (int k = 0; k < ARRAYS; k++) {
        const size_t lanes = 64 / s->es, offset = (v->offset * (2 * (size_t)k + 1)) % lanes;
        at[k] = guard_place(&area[k], bytes_of(s, k, v), v->side, offset * s->es);
        if (k < INPUTS)
            place_input(s, k, v, at[k]);
    }
    call(s, v, E3TP_FORWARD, at);
    call(s, v, E3TP_BACKWARD, at);
    call(s, v, E3TP_JVP, at);
    call(s, v, E3TP_DOUBLE_BACKWARD, at);
    runs++;
    for (int k = 0; k < ARRAYS; k++) {
        ck_assert_msg(guard_intact(&area[k], at[k], bytes_of(s, k, v)),
                      "array %d: written outside its extent", k);
        if (k < INPUTS)
            guard_read_only(&area[k], at[k], bytes_of(s, k, v), false);
        else if (is_reference)
            keep_reference(s, k, v, at[k]);
        else
            check_output(s, k, v, at[k]);
    }
}

/* A number of rows from some place on, packed and padded, against both closed pages. */
static void try_rows(const setup *s, size_t start, size_t rows)
{
    variant v = {.start = start, .rows = rows};
    for (int i = 0; i < 4; i++) {
        v.side = i % 2 ? GUARD_BEFORE : GUARD_AFTER;
        v.pad = i / 2 ? 3 : 0;
        v.given_work = i == 1 || i == 2;
        run(s, &v, false);
        v.sums_known = true;
    }
}

static void try_alignments(const setup *s, size_t start, size_t rows)
{
    variant v = {.start = start, .rows = rows};
    for (; v.offset < 64 / s->es; v.offset++)
        for (int side = 0; side < 2; side++) {
            v.side = (guard_side)side;
            run(s, &v, false);
            v.sums_known = true;
        }
}

static setup set_up(const problem *p, const e3tp_plan *plan, bool single_y)
{
    setup s = {.plan = plan, .es = p->dtype == E3TP_F64 ? sizeof(double) : sizeof(float)};
    for (int k = 0; k < ARRAYS; k++) {
        const e3tp_operand o = operand_of[k];
        s.width[k] = e3tp_plan_width(plan, o);
        s.single[k] = (o == E3TP_Y && single_y) || (o == E3TP_W && p->weights != E3TP_WEIGHTS_ROW);
        s.batch_last[k] = o != E3TP_W && p->layout[o] == E3TP_BATCH_LAST;
        reference[k] = malloc(ROWS * s.width[k] * s.es + 1);
    }
    return s;
}

/* Every length as a number of channels and, over them, as a number of rows; all rows for 3. */
static void try_problem(problem *p, bool single_y)
{
    for (size_t m = 0; m < COUNT_OF(lengths); m++) {
        if (left_out((int)m + (int)p->kind + single_y, 4))
            continue;
        p->mul = lengths[m];
        e3tp_plan *plan = problem_plan(p);
        if (!plan)
            return;
        const setup s = set_up(p, plan, single_y);
        const variant all = {.rows = ROWS};
        run(&s, &all, true);
        for (size_t n = 0; n < COUNT_OF(lengths); n++)
            if (p->mul == 3 || m + n + 1 == COUNT_OF(lengths) || m + n == 5)
                try_rows(&s, (11 * m + 5 * n) % (ROWS - lengths[n] + 1), lengths[n]);
        if (p->mul == 3 || p->mul == 17)
            try_alignments(&s, m, 17);
        for (int k = 0; k < ARRAYS; k++)
            free(reference[k]);
        e3tp_plan_destroy(plan);
    }
}

static const e3tp_layout layouts[][3] = {
    {E3TP_MUL_IR, E3TP_MUL_IR, E3TP_MUL_IR},
    {E3TP_IR_MUL, E3TP_IR_MUL, E3TP_IR_MUL},
    {E3TP_BATCH_LAST, E3TP_BATCH_LAST, E3TP_BATCH_LAST},
    {E3TP_MUL_IR, E3TP_IR_MUL, E3TP_BATCH_LAST},
    {E3TP_BATCH_LAST, E3TP_MUL_IR, E3TP_IR_MUL},
};

/* _i: kind, method and element type; of both kinds of weights one, by turns. */
START_TEST(stays_within_and_keeps_its_bits)
{
    const int form = _i / PROBLEMS;
    problem p = {.kind = (problem_kind)(_i % PROBLEMS),
                 .isa = tier,
                 .method = method_at(form / 2),
                 .dtype = form % 2 ? E3TP_F64 : E3TP_F32,
                 .threads = 1};
    for (int k = 0; k < AREAS; k++)
        area[k] = guard_create(AREA_BYTES);
    for (size_t l = 0; l < COUNT_OF(layouts); l++)
        for (int single = 0; single < 2; single++) {
            if ((_i + (int)l + single) % 2 != 0 || left_out(_i + (int)l, 5))
                continue;
            memcpy(p.layout, layouts[l], sizeof p.layout);
            p.weights = single ? E3TP_WEIGHTS_SHARED : E3TP_WEIGHTS_ROW;
            try_problem(&p, single);
        }
    for (int k = 0; k < AREAS; k++)
        guard_destroy(&area[k]);
    /* For each layout, one reference per length and four runs; for one of them and a quarter of the
       lengths where sampled. */
    const size_t walks = SAMPLED ? COUNT_OF(lengths) / 4 : COUNT_OF(layouts) * COUNT_OF(lengths);
    ck_assert_uint_ge(runs, problem_served(p.method, p.kind) ? walks * (1 + 4) : 0);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("memory");
    tcase_add_loop_test(tests, stays_within_and_keeps_its_bits, 0, 2 * PROBLEMS * method_count());
    return run_tests(tests, "memory", CK_FORK);
}
