/* SPDX-License-Identifier: MIT */
/* JVP, double backward and weights from a table, of every problem by every method and of products
   of irreps to l = 8, against exact derivatives. Along a line, z and the sum of ggx gx + ggy gy +
   ggw gw are polynomials of a degree below 7, whose derivative a symmetric difference of three
   steps gives exactly. argv[1] is the tier. */
#include <float.h>
#include <math.h>

#include "ensure.h"
#include "problems.h"
#include "sampled.h"
#include "suite.h"

static e3tp_isa tier;

enum { X, Y, W, Z, OPERANDS, ROWS = 21, TABLE = 3 };
static const e3tp_operand operand[OPERANDS] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z};

/* One case: its plan, and rows of each operand: of the batch, 1 for all, or of a table. */
typedef struct setting {
    const e3tp_plan *plan;
    bool f64;
    size_t width[OPERANDS], rows[OPERANDS];
    bool batch_last[OPERANDS], one_row[OPERANDS];
    int32_t index[ROWS];
    bool indexed;
    double eps;
} setting;

/* A point of a call: x, y, w and gz in double, and the arrays of a call in the plan's type. */
typedef struct point {
    double *v[OPERANDS];
} point;

static double draw(void)
{
    static unsigned state = 5;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 16) / (1 << 15) - 1; /* few digits: exact in float */
}

static size_t size_of(const setting *s, int k)
{
    return s->width[k] * s->rows[k];
}

static point make_point(const setting *s)
{
    point p;
    for (int k = 0; k < OPERANDS; k++) {
        p.v[k] = malloc((size_of(s, k) + 1) * sizeof(double));
        for (size_t i = 0; i < size_of(s, k); i++)
            p.v[k][i] = draw();
    }
    return p;
}

static void free_point(point *p)
{
    for (int k = 0; k < OPERANDS; k++)
        free(p->v[k]);
}

static void *convert(const setting *s, int k, const double *v)
{
    double *a = malloc((size_of(s, k) + 1) * sizeof *a);
    for (size_t i = 0; i < size_of(s, k); i++) {
        if (s->f64)
            a[i] = v[i];
        else
            ((float *)(void *)a)[i] = (float)v[i];
    }
    return a;
}

static double *fetch(const setting *s, int k, void *a)
{
    double *v = malloc((size_of(s, k) + 1) * sizeof *v);
    for (size_t i = 0; i < size_of(s, k); i++)
        v[i] = s->f64 ? ((double *)a)[i] : (double)((float *)a)[i];
    free(a);
    return v;
}

typedef e3tp_status pass_function(const e3tp_plan *p, const e3tp_buffers *b);

/* The results of a pass at point p with tangents t (NULL: none), those of bits `wanted`. */
static point run(const setting *s, pass_function *pass, const point *p, const point *t,
                 unsigned tangents, unsigned wanted)
{
    void *in[OPERANDS], *along[OPERANDS] = {NULL}, *out[OPERANDS] = {NULL};
    for (int k = 0; k < OPERANDS; k++) {
        in[k] = convert(s, k, p->v[k]);
        if (t && k != Z && tangents >> k & 1)
            along[k] = convert(s, k, t->v[k]);
        if (wanted >> k & 1) {
            out[k] = malloc((size_of(s, k) + 1) * sizeof(double));
            memset(out[k], 0xff, size_of(s, k) * sizeof(double));
        }
    }
    e3tp_buffers b = e3tp_buffers_init(ROWS);
    b.x = in[X], b.y = in[Y], b.w = in[W], b.gz = in[Z];
    b.z = out[Z], b.gx = out[X], b.gy = out[Y], b.gw = out[W];
    b.hx = out[X], b.hy = out[Y], b.hw = out[W], b.hz = out[Z];
    b.ggx = along[X], b.ggy = along[Y], b.ggw = along[W];
    if (s->one_row[X])
        b.stride_x = 0;
    if (s->one_row[Y])
        b.stride_y = 0;
    if (s->indexed)
        b.index = s->index, b.index_rows = TABLE;
    const e3tp_status status = pass(s->plan, &b);
    ck_assert_msg(status == E3TP_OK, "status %d", (int)status);
    point r = {{NULL}};
    for (int k = 0; k < OPERANDS; k++) {
        free(in[k]);
        free(along[k]);
        if (out[k])
            r.v[k] = fetch(s, k, out[k]);
    }
    return r;
}

static point moved(const setting *s, const point *p, const point *by, double step)
{
    point q = make_point(s);
    for (int k = 0; k < OPERANDS; k++)
        for (size_t i = 0; i < size_of(s, k); i++)
            q.v[k][i] = p->v[k][i] + step * by->v[k][i];
    return q;
}

static const double weight_of_step[4] = {0, 45.0 / 60, -9.0 / 60, 1.0 / 60};
static const double step_size = 0.25;

/* What is differentiated: <c, z>, or <t, gradients>. */
static double value(const setting *s, const point *at, const point *c, bool gradients, unsigned of)
{
    point r = gradients ? run(s, e3tp_backward, at, NULL, 0, of)
                        : run(s, e3tp_forward, at, NULL, 0, 1u << Z);
    double sum = 0;
    for (int k = 0; k < OPERANDS; k++)
        if (r.v[k])
            sum += dot(r.v[k], c->v[k], size_of(s, k));
    free_point(&r);
    return sum;
}

static double derivative(const setting *s, const point *at, const point *along, const point *c,
                         bool gradients, unsigned of, double *size)
{
    double sum = 0;
    *size = 0;
    for (int step = -3; step <= 3; step++) {
        if (step == 0)
            continue;
        point q = moved(s, at, along, step * step_size);
        const double f = value(s, &q, c, gradients, of);
        sum += (step < 0 ? -1 : 1) * weight_of_step[abs(step)] * f / step_size;
        *size += fabs(weight_of_step[abs(step)] * f / step_size);
        free_point(&q);
    }
    return sum;
}

/* JVP along t against the derivative of <c, z>, gz standing still. */
static void check_jvp(const setting *s, const char *name)
{
    point at = make_point(s), t = make_point(s), c = make_point(s);
    memset(t.v[Z], 0, size_of(s, Z) * sizeof(double));
    point h = run(s, e3tp_jvp, &at, &t, 7, 1u << Z);
    double size;
    const double want = derivative(s, &at, &t, &c, false, 0, &size);
    const double got = dot(h.v[Z], c.v[Z], size_of(s, Z));
    ck_assert_msg(fabs(got - want) <= s->eps * size, "%s: JVP %.10g, expected %.10g", name, got,
                  want);
    free_point(&h);
    free_point(&at);
    free_point(&t);
    free_point(&c);
}

/* Double backward with the cotangents of bits `of`, against the derivative of the backward pass
   along a direction; each of its results alone is the same, but for rounding. */
static void check_double(const setting *s, const char *name, unsigned of)
{
    point at = make_point(s), gg = make_point(s), along = make_point(s);
    point h = run(s, e3tp_double_backward, &at, &gg, of, 15);
    double size, got = 0;
    const double want = derivative(s, &at, &along, &gg, true, of, &size);
    for (int k = 0; k < OPERANDS; k++)
        got += dot(h.v[k], along.v[k], size_of(s, k));
    ck_assert_msg(fabs(got - want) <= s->eps * size,
                  "%s, cotangents %u: double backward %.10g, expected %.10g", name, of, got, want);
    for (int k = 0; k < OPERANDS; k++) {
        point alone = run(s, e3tp_double_backward, &at, &gg, of, 1u << k);
        for (size_t i = 0; i < size_of(s, k); i++)
            ensure(fabs(alone.v[k][i] - h.v[k][i]) <= s->eps * (1 + fabs(h.v[k][i])),
                   "%s: result %d alone is another", name, k);
        free_point(&alone);
    }
    free_point(&h);
    free_point(&at);
    free_point(&gg);
    free_point(&along);
}

/* A table's rows picked beforehand give the same z, gx and gy, and gw that sums up to the table's.
 */
static void check_table(const setting *s, const char *name)
{
    setting plain = *s;
    plain.indexed = false;
    plain.rows[W] = ROWS;
    point at = make_point(s), picked = make_point(&plain);
    for (int k = 0; k < OPERANDS; k++)
        for (size_t i = 0; i < size_of(&plain, k); i++)
            picked.v[k][i] =
                k == W ? at.v[W][(size_t)s->index[i / s->width[W]] * s->width[W] + i % s->width[W]]
                       : at.v[k][i];
    point z = run(s, e3tp_forward, &at, NULL, 0, 1u << Z),
          z2 = run(&plain, e3tp_forward, &picked, NULL, 0, 1u << Z),
          g = run(s, e3tp_backward, &at, NULL, 0, 7),
          g2 = run(&plain, e3tp_backward, &picked, NULL, 0, 7);
    ck_assert_msg(memcmp(z.v[Z], z2.v[Z], size_of(s, Z) * sizeof(double)) == 0, "%s: z", name);
    for (int k = X; k <= Y; k++)
        ck_assert_msg(memcmp(g.v[k], g2.v[k], size_of(s, k) * sizeof(double)) == 0, "%s: %d", name,
                      k);
    for (size_t i = 0; i < size_of(s, W); i++) {
        double sum = 0, size = 0;
        for (size_t r = 0; r < ROWS; r++)
            if ((size_t)s->index[r] == i / s->width[W]) {
                sum += g2.v[W][r * s->width[W] + i % s->width[W]];
                size += fabs(g2.v[W][r * s->width[W] + i % s->width[W]]);
            }
        ensure(fabs(g.v[W][i] - sum) <= s->eps * size, "%s: gw[%zu]", name, i);
    }
    free_point(&at), free_point(&picked), free_point(&z), free_point(&z2);
    free_point(&g), free_point(&g2);
}

static setting setting_of(const problem *q, const e3tp_plan *p, unsigned i)
{
    setting s = {.plan = p, .f64 = q->dtype == E3TP_F64};
    /* of the terms' sizes: sums of some thousand terms that partly cancel */
    s.eps = 200 * (s.f64 ? DBL_EPSILON : (double)FLT_EPSILON);
    s.one_row[X] = i % 5 == 2;
    s.one_row[Y] = i % 5 == 3;
    s.one_row[W] = q->weights != E3TP_WEIGHTS_ROW;
    s.indexed = !s.one_row[W] && i % 2;
    for (int k = 0; k < OPERANDS; k++) {
        s.width[k] = e3tp_plan_width(p, operand[k]);
        s.rows[k] = s.one_row[k] ? 1 : k == W && s.indexed ? TABLE : ROWS;
    }
    for (int32_t r = 0; r < ROWS; r++)
        s.index[r] = r % 4 ? r % TABLE : 0;
    return s;
}

/* _i: the method. */
START_TEST(every_problem)
{
    static const e3tp_layout layouts[][3] = {{E3TP_MUL_IR, E3TP_MUL_IR, E3TP_MUL_IR},
                                             {E3TP_BATCH_LAST, E3TP_IR_MUL, E3TP_BATCH_LAST},
                                             {E3TP_IR_MUL, E3TP_BATCH_LAST, E3TP_MUL_IR}};
    /* Lanes over rows; over channels, with a rest beyond the whole tiles of either type. */
    static const size_t few = 3, many[2] = {24, 20};
    int ran = 0, expected = 0;
    unsigned i = 0;
    for (int kind = 0; kind < PROBLEMS; kind++)
        for (int weights = 0; weights < 3; weights++)
            for (int t = 0; t < 2; t++)
                for (int again = 0; again < 2; again++, i++) {
                    if (left_out(kind + weights + t + again, 3))
                        continue;
                    expected += problem_served(method_at(_i), (problem_kind)kind);
                    problem q = {.kind = (problem_kind)kind,
                                 .method = method_at(_i),
                                 .mul = again ? few : many[t],
                                 .dtype = t ? E3TP_F64 : E3TP_F32,
                                 .isa = tier,
                                 .weights = (e3tp_weights)weights,
                                 .threads = 1};
                    memcpy(q.layout, layouts[i % 3], sizeof q.layout);
                    e3tp_plan *p = problem_plan(&q);
                    if (!p)
                        continue;
                    ran++;
                    const setting s = setting_of(&q, p, i);
                    check_jvp(&s, problem_name(q.kind));
                    for (unsigned of = 1; of < 8; of += of < 4 || t ? 1 : 3)
                        check_double(&s, problem_name(q.kind), of);
                    if (s.indexed && s.width[W])
                        check_table(&s, problem_name(q.kind));
                    e3tp_plan_destroy(p);
                }
    ck_assert_int_eq(ran, expected);
    ck_assert_int_gt(ran, 0);
}
END_TEST

/* ---- products of irreps of degrees above those of the problems */

/* Degrees of two paths, each of blocks of its own: even and odd, even and even, odd and odd. */
static const int high[][2][3] = {
    {{4, 4, 8}, {5, 4, 6}}, {{8, 8, 8}, {7, 5, 8}}, {{6, 6, 5}, {8, 6, 7}}};

static uint32_t result_channels(e3tp_mode mode, uint32_t m1, uint32_t m2)
{
    switch (mode) {
    case E3TP_UVU:
    case E3TP_UUU:
        return m1;
    case E3TP_UVV:
        return m2;
    case E3TP_UVUV:
        return m1 * m2;
    case E3TP_UVU_LT_V:
        return m1 * (m1 - 1) / 2;
    default:
        return 3;
    }
}

static bool pairs_channels(e3tp_mode mode)
{
    return mode == E3TP_UUW || mode == E3TP_UUU || mode == E3TP_UVU_LT_V || mode == E3TP_U_LT_VW;
}

/* The plan, or NULL where the method refuses, as grid does all modes but uuu, uvu and uvw. */
static e3tp_plan *high_plan(const problem *q, e3tp_mode mode, const int l[2][3])
{
    const uint32_t m1 = (uint32_t)q->mul, m2 = pairs_channels(mode) ? m1 : m1 < 4 ? 2 : 1;
    const uint32_t mul[3] = {m1, m2, result_channels(mode, m1, m2)};
    const int weighted = q->weights != E3TP_WEIGHTS_NONE;
    e3tp_desc *d;
    e3tp_plan *p;
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
    for (int k = 0; k < 3; k++) {
        const e3tp_irrep list[2] = {{mul[k], (uint16_t)l[0][k], 1}, {mul[k], (uint16_t)l[1][k], 1}};
        e3tp_desc_set_irreps(d, (e3tp_operand)k, list, 2);
        e3tp_desc_set_layout(d, (e3tp_operand)k, q->layout[k]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        const e3tp_path path = e3tp_path_init(i, i, i, mode, weighted);
        e3tp_desc_add_path(d, &path);
    }
    e3tp_desc_set_weights(d, q->weights);
    e3tp_desc_set_dtype(d, q->dtype);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_method(d, q->method);
    e3tp_desc_set_threads(d, 1);
    const bool served =
        q->method == E3TP_METHOD_CG || mode == E3TP_UUU || mode == E3TP_UVU || mode == E3TP_UVW;
    ck_assert_msg(e3tp_plan_create(&p, d) == (served ? E3TP_OK : E3TP_E_UNSUPPORTED), "mode %d: %s",
                  (int)mode, e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

/* Whether a mode has paths without weights and with one channel of the result. */
static bool needs_weights(e3tp_mode mode)
{
    return mode == E3TP_UVW || mode == E3TP_UUW || mode == E3TP_U_LT_VW;
}

static bool try_high(const problem *q, e3tp_mode mode, unsigned i)
{
    char name[40];
    e3tp_plan *p = high_plan(q, mode, high[i % COUNT_OF(high)]);
    if (!p)
        return false;
    snprintf(name, sizeof name, "mode %d, degrees %u", (int)mode, i % (unsigned)COUNT_OF(high));
    const setting s = setting_of(q, p, i);
    check_jvp(&s, name);
    for (unsigned of = 1; of < 8; of += of < 4 ? 1 : 3)
        check_double(&s, name, of);
    if (s.indexed)
        check_table(&s, name);
    e3tp_plan_destroy(p);
    return true;
}

/* _i: the mode, for cg; then for grid. */
START_TEST(high_degrees)
{
    const e3tp_mode mode = (e3tp_mode)(_i % 8);
    int ran = 0;
    for (unsigned i = 0; i < 18; i++) {
        /* every list of degrees with every kind of weights, type and number of channels in turn */
        problem q = {.method = _i < 8 ? E3TP_METHOD_CG : E3TP_METHOD_GRID,
                     .mul = i / 2 % 2 ? 17 : 3,
                     .dtype = i % 2 ? E3TP_F64 : E3TP_F32,
                     .weights = (e3tp_weights)(i / 3 % 3),
                     .layout = {(e3tp_layout)(i % 3), (e3tp_layout)(i / 2 % 3), E3TP_MUL_IR}};
        if (left_out((int)i, 5) || (needs_weights(mode) && q.weights == E3TP_WEIGHTS_NONE))
            continue;
        if (mode != E3TP_UVU && mode != E3TP_UUU && mode != E3TP_UVV)
            q.mul = 3;
        ran += try_high(&q, mode, i);
    }
    ck_assert_int_eq(ran > 0, _i < 8 || mode == E3TP_UUU || mode == E3TP_UVU || mode == E3TP_UVW);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("second order");
    tcase_add_loop_test(tests, every_problem, 0, method_count());
    tcase_add_loop_test(tests, high_degrees, 0, 16);
    return run_tests(tests, "second order", CK_FORK);
}
