/* SPDX-License-Identifier: MIT */
/* The backend's runs, forward and backward, against the oracle of src/gaunt. */
#include "gaunt/gaunt.h"

#include <math.h>
#include <string.h>

#include "ensure.h"
#include "gaunt/gaunt_plan.h"
#include "gaunt/gaunt_ref.h"
#include "tiers.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static e3tp_tier tier;

static double draw(void)
{
    static unsigned state = 3;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 23) - 1;
}

enum { ROWS = 21, MAX_DEGREES = 13 };

typedef struct degrees {
    int n, l[MAX_DEGREES];
} degrees;

/* Lists with gaps, without a path, with outputs beyond and inputs without use. */
static const degrees lists[][3] = {
    {{1, {0}}, {1, {0}}, {1, {0}}},
    {{2, {0, 1}}, {2, {0, 1}}, {3, {0, 1, 2}}},
    {{2, {1, 3}}, {1, {2}}, {4, {0, 1, 3, 5}}},
    {{3, {0, 1, 2}}, {3, {0, 1, 2}}, {3, {0, 1, 2}}},
    {{1, {1}}, {1, {1}}, {1, {1}}},
    {{2, {0, 4}}, {2, {0, 1}}, {2, {1, 2}}},
    {{1, {2}}, {3, {0, 1, 3}}, {3, {1, 4, 9}}},
};

/* One run: everything in plain doubles, row after row in mul_ir, and in the layout and the type of
   the problem. */
typedef struct gaunt_case {
    const degrees *list;
    size_t channels, width[4]; /* x, y, z, weights */
    e3tp_layout layout[3];
    e3tp_weights weights;
    e3tp_dtype dtype;
    bool shared_y; /* one row */
    bool fftw;
    double *tensor;
    size_t dim[3]; /* of one channel */
} gaunt_case;

static size_t dim_of(const degrees *d)
{
    size_t dim = 0;
    for (int i = 0; i < d->n; i++)
        dim += 2 * (size_t)d->l[i] + 1;
    return dim;
}

/* tensor[i][j][k]: the oracle's z of unit vectors. */
static double *make_tensor(const degrees list[3], size_t dim[3])
{
    for (int k = 0; k < 3; k++)
        dim[k] = dim_of(&list[k]);
    double *t = calloc(dim[0] * dim[1] * dim[2], sizeof *t), x[64] = {0}, y[64] = {0};
    for (size_t i = 0; i < dim[0]; i++)
        for (size_t j = 0; j < dim[1]; j++) {
            x[i] = y[j] = 1;
            const e3tp_gaunt_ref_operand a = {list[0].n, list[0].l, x},
                                         b = {list[1].n, list[1].l, y},
                                         c = {list[2].n, list[2].l, t + (i * dim[1] + j) * dim[2]};
            ck_assert(e3tp_gaunt_ref(&a, &b, &c));
            x[i] = y[j] = 0;
        }
    return t;
}

/* Degree list index and m of component i of one channel. */
static int block_of(const degrees *d, size_t i, size_t *m, size_t *before)
{
    *before = 0;
    for (int b = 0; b < d->n; b++) {
        const size_t width = 2 * (size_t)d->l[b] + 1;
        if (i < width) {
            *m = i;
            return b;
        }
        i -= width;
        *before += width;
    }
    return -1;
}

/* Place of component i, channel u, row r in the caller's array. */
static size_t place(const gaunt_case *c, int k, size_t r, size_t u, size_t i)
{
    size_t m = 0, before;
    const int b = block_of(&c->list[k], i, &m, &before);
    const size_t d = 2 * (size_t)c->list[k].l[b] + 1, at = before * c->channels;
    if (k == 1 && c->shared_y)
        return at + (c->layout[k] == E3TP_MUL_IR ? u * d + m : m * c->channels + u);
    if (c->layout[k] == E3TP_BATCH_LAST)
        return (at + m * c->channels + u) * ROWS + r;
    return r * c->width[k] + at + (c->layout[k] == E3TP_MUL_IR ? u * d + m : m * c->channels + u);
}

static double get(const gaunt_case *c, const void *a, size_t i)
{
    return c->dtype == E3TP_F64 ? ((const double *)a)[i] : (double)((const float *)a)[i];
}

static void *random_array(const gaunt_case *c, size_t n)
{
    double *a = malloc(n * sizeof(double) + 8);
    for (size_t i = 0; i < n; i++) {
        const double v = draw();
        if (c->dtype == E3TP_F64)
            a[i] = v;
        else
            ((float *)a)[i] = (float)v;
    }
    return a;
}

/* Factor of operand k's component i, and its place in the weights; 1 without weights. */
static double factor(const gaunt_case *c, const void *w, int k, size_t r, size_t u, size_t i,
                     size_t *at)
{
    size_t m, before, first = 0;
    for (int j = 0; j < k; j++)
        first += (size_t)c->list[j].n;
    first += (size_t)block_of(&c->list[k], i, &m, &before);
    *at = first * c->channels + u + (c->weights == E3TP_WEIGHTS_ROW ? r * c->width[3] : 0);
    return c->weights == E3TP_WEIGHTS_NONE ? 1 : get(c, w, *at);
}

typedef struct arrays {
    void *x, *y, *w, *gz, *z, *gx, *gy, *gw;
    double *want[4]; /* gx, gy, z, gw in the caller's places */
} arrays;

/* The definition, and all its derivatives, over the oracle's tensor. */
static void expect(const gaunt_case *c, const arrays *a)
{
    size_t ai, bj, ck;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t u = 0; u < c->channels; u++)
            for (size_t i = 0; i < c->dim[0]; i++)
                for (size_t j = 0; j < c->dim[1]; j++)
                    for (size_t k = 0; k < c->dim[2]; k++) {
                        const double t = c->tensor[(i * c->dim[1] + j) * c->dim[2] + k];
                        const size_t px = place(c, 0, r, u, i), py = place(c, 1, r, u, j),
                                     pz = place(c, 2, r, u, k);
                        const double x = get(c, a->x, px), y = get(c, a->y, py),
                                     g = get(c, a->gz, pz), fa = factor(c, a->w, 0, r, u, i, &ai),
                                     fb = factor(c, a->w, 1, r, u, j, &bj),
                                     fc = factor(c, a->w, 2, r, u, k, &ck);
                        a->want[2][pz] += fa * fb * fc * t * x * y;
                        a->want[0][px] += fa * fb * fc * t * y * g;
                        a->want[1][py] += fa * fb * fc * t * x * g;
                        if (c->weights != E3TP_WEIGHTS_NONE) {
                            a->want[3][ai] += fb * fc * t * x * y * g;
                            a->want[3][bj] += fa * fc * t * x * y * g;
                            a->want[3][ck] += fa * fb * t * x * y * g;
                        }
                    }
}

static void compare(const gaunt_case *c, const void *got, const double *want, size_t n)
{
    const double tolerance = c->dtype == E3TP_F64 ? 3e-14 : 3e-5;
    for (size_t i = 0; i < n; i++)
        ensure(fabs(get(c, got, i) - want[i]) <= tolerance * (1 + fabs(want[i])),
               "element %zu: %.9g, expected %.9g", i, get(c, got, i), want[i]);
}

static e3tp_problem *make_problem(const gaunt_case *c)
{
    static e3tp_irrep irreps[3][MAX_DEGREES];
    e3tp_spec s = {.op = E3TP_OP_GAUNT,
                   .dtype = c->dtype,
                   .weights = (int)c->weights,
                   .channels = c->channels,
                   .rank = 1};
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < c->list[k].n; i++)
            irreps[k][i] = (e3tp_irrep){1, (uint16_t)c->list[k].l[i], c->list[k].l[i] % 2 ? -1 : 1};
        s.irreps[k] = irreps[k], s.nirreps[k] = (size_t)c->list[k].n, s.layout[k] = c->layout[k];
    }
    e3tp_problem *p;
    ck_assert_int_eq(e3tp_problem_create(&p, &s, NULL, NULL), E3TP_OK);
    return p;
}

static ptrdiff_t stride_of(const gaunt_case *c, int k)
{
    if (k == 1 && c->shared_y)
        return 0;
    return c->layout[k] == E3TP_BATCH_LAST ? ROWS : (ptrdiff_t)c->width[k];
}

static e3tp_gaunt_plan *make_plan(const gaunt_case *c, const e3tp_problem *p)
{
    e3tp_gaunt_torus t;
    e3tp_gaunt_plan *g;
    ck_assert(e3tp_gaunt_torus_of(&t, p, c->fftw));
    ck_assert_int_eq(e3tp_gaunt_plan_create(&g, p, tier, &t, NULL, NULL), E3TP_OK);
    return g;
}

/* The rows in blocks of at most block_rows, each output wanted by itself or all. */
static void run_blocks(const gaunt_case *c, const e3tp_problem *p, const arrays *a, int only)
{
    const e3tp_backend *b = &e3tp_backend_gaunt;
    const size_t es = e3tp_dtype_size(c->dtype);
    void *state = make_plan(c, p);
    const ptrdiff_t sw = c->weights == E3TP_WEIGHTS_ROW ? (ptrdiff_t)c->width[3] : 0;
    for (int pass = E3TP_FORWARD; pass <= E3TP_BACKWARD; pass++) {
        const size_t bytes = b->scratch_bytes(state, (e3tp_pass)pass),
                     most = b->block_rows(state, (e3tp_pass)pass);
        void *scratch = e3tp_alloc(NULL, bytes, 1);
        memset(scratch, 0xff, bytes); /* NaN */
        for (size_t r = 0; r < ROWS; r += most) {
            size_t shift[3];
            for (int k = 0; k < 3; k++)
                shift[k] = es * r *
                           (k == 1 && c->shared_y             ? 0
                            : c->layout[k] == E3TP_BATCH_LAST ? 1
                                                              : c->width[k]);
            const e3tp_rows rows = {
                .n = ROWS - r < most ? ROWS - r : most,
                .x = (char *)a->x + shift[0],
                .y = (char *)a->y + shift[1],
                .w = (char *)a->w + es * r * (size_t)sw,
                .gz = (char *)a->gz + shift[2],
                .z = (char *)a->z + shift[2],
                .gx = only & 1 ? (char *)a->gx + shift[0] : NULL,
                .gy = only & 2 ? (char *)a->gy + shift[1] : NULL,
                .gw = only & 4 && p->factor_weights ? (char *)a->gw + es * r * (size_t)sw : NULL,
                .sx = stride_of(c, 0),
                .sy = stride_of(c, 1),
                .sw = sw,
                .sz = stride_of(c, 2),
            };
            b->run(state, (e3tp_pass)pass, &rows, scratch);
        }
        e3tp_free(NULL, scratch);
    }
    b->destroy(state, NULL);
}

static void check_case(gaunt_case *c)
{
    e3tp_problem *p = make_problem(c);
    for (int k = 0; k < 3; k++)
        c->width[k] = p->dim[k];
    c->width[3] = p->weight_numel;
    size_t size[4];
    for (int k = 0; k < 4; k++)
        size[k] = c->width[k] * (k == 1 && c->shared_y                      ? 1
                                 : k == 3 && c->weights != E3TP_WEIGHTS_ROW ? 1
                                                                            : ROWS);
    arrays a = {random_array(c, size[0]), random_array(c, size[1]), random_array(c, size[3]),
                random_array(c, size[2]), calloc(size[2] + 1, 8),   calloc(size[0] + 1, 8),
                calloc(size[1] + 1, 8),   calloc(size[3] + 1, 8),   {NULL}};
    for (int k = 0; k < 4; k++)
        a.want[k] = calloc(size[k] + 1, sizeof(double));
    expect(c, &a);
    for (int only = 7; only >= 1; only -= only == 7 ? 3 : 1) { /* 7, 4, 3, 2, 1 */
        memset(a.gy, 0, 8 * size[1]);
        memset(a.gw, 0, 8 * size[3]);
        run_blocks(c, p, &a, only);
        compare(c, a.z, a.want[2], size[2]);
        compare(c, only & 1 ? a.gx : NULL, a.want[0], only & 1 ? size[0] : 0);
        compare(c, only & 2 ? a.gy : NULL, a.want[1], only & 2 ? size[1] : 0);
        compare(c, only & 4 ? a.gw : NULL, a.want[3], only & 4 ? size[3] : 0);
    }
    void *const all[] = {a.x,  a.y,  a.w,       a.gz,      a.z,       a.gx,
                         a.gy, a.gw, a.want[0], a.want[1], a.want[2], a.want[3]};
    for (size_t i = 0; i < COUNT(all); i++)
        free(all[i]);
    e3tp_problem_destroy(p, NULL);
}

START_TEST(runs)
{
    static const size_t channels[] = {1, 3, 16, 17};
    static const e3tp_layout layouts[] = {E3TP_MUL_IR, E3TP_IR_MUL, E3TP_BATCH_LAST};
    gaunt_case c = {.list = lists[_i]};
    c.tensor = make_tensor(c.list, c.dim);
    int checks = 0;
    for (size_t i = 0; i < COUNT(channels); i++)
        for (int variant = 0; variant < 6; variant++, checks++) {
            c.channels = channels[i];
            for (int k = 0; k < 3; k++)
                c.layout[k] = layouts[(variant + k * (1 + variant / 3)) % 3];
            c.weights = (e3tp_weights)(variant % 3);
            c.dtype = variant % 2 ? E3TP_F64 : E3TP_F32;
            c.shared_y = variant / 2 == 1;
            for (int fftw = 0; fftw <= E3TP_HAVE_FFTW; fftw++) {
                c.fftw = fftw;
                check_case(&c);
            }
        }
    ck_assert_int_eq(checks, 24);
    free(c.tensor);
}
END_TEST

/* The largest problem, forward, against the oracle. */
START_TEST(largest)
{
    static double v[3][700], got[700];
    degrees list[3] = {{13, {0}}, {13, {0}}, {13, {0}}};
    gaunt_case c = {.list = list, .channels = 1, .dtype = E3TP_F64};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 13; i++)
            list[k].l[i] = k < 2 ? i : 2 * i - (i % 3 == 1);
    e3tp_problem *p = make_problem(&c);
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < p->dim[k]; i++)
            v[k][i] = draw();
    const e3tp_gaunt_ref_operand x = {13, list[0].l, v[0]}, y = {13, list[1].l, v[1]},
                                 z = {13, list[2].l, v[2]};
    ck_assert(e3tp_gaunt_ref(&x, &y, &z));
    const e3tp_rows rows = {
        .n = 1, .x = v[0], .y = v[1], .z = got, .sx = 1000, .sy = 1000, .sz = 1000};
    for (int fftw = 0; fftw <= E3TP_HAVE_FFTW; fftw++) {
        c.fftw = fftw;
        void *state = make_plan(&c, p);
        void *scratch = e3tp_alloc(NULL, e3tp_backend_gaunt.scratch_bytes(state, E3TP_FORWARD), 1);
        e3tp_backend_gaunt.run(state, E3TP_FORWARD, &rows, scratch);
        for (size_t i = 0; i < p->dim[2]; i++)
            ck_assert_double_eq_tol(got[i], v[2][i], 1e-13);
        e3tp_free(NULL, scratch);
        e3tp_backend_gaunt.destroy(state, NULL);
    }
    e3tp_problem_destroy(p, NULL);
}
END_TEST

/* Makes NaN of the matrices to samples of operand y. */
static void spoil(const e3tp_gaunt_plan *g)
{
    const size_t es = e3tp_dtype_size(g->problem->dtype), *first = g->side[1].first;
    ck_assert_uint_gt(first[E3TP_GAUNT_FROM_POINTS], first[E3TP_GAUNT_TO_WAVES]);
    for (size_t i = first[E3TP_GAUNT_TO_WAVES]; i < first[E3TP_GAUNT_FROM_POINTS]; i++) {
        const e3tp_fold_step *s = &g->tables.steps[i];
        memset((char *)g->tables.table + es * s->matrix, 0xff, es * s->rows * s->n);
    }
}

/* z of x and y, one block. */
static void forward(const gaunt_case *c, void *plan, const void *x, const void *y, void *z)
{
    void *scratch = e3tp_alloc(NULL, e3tp_backend_gaunt.scratch_bytes(plan, E3TP_FORWARD), 1);
    const e3tp_rows rows = {.n = 1,
                            .x = x,
                            .y = y,
                            .z = z,
                            .sx = (ptrdiff_t)c->width[0],
                            .sy = (ptrdiff_t)c->width[1],
                            .sz = (ptrdiff_t)c->width[2]};
    e3tp_backend_gaunt.run(plan, E3TP_FORWARD, &rows, scratch);
    e3tp_free(NULL, scratch);
}

/* Where y is the array of x, its own matrices to samples are not used: without them z is the same,
   and NaN where y is a copy of x. */
START_TEST(square_is_sampled_once)
{
    enum { SQUARE = 3, MOST = 9 * 17 };
    gaunt_case c = {.list = lists[SQUARE], .channels = _i / 2 % 2 ? 17 : 3, .fftw = _i / 4};
    c.dtype = _i % 2 ? E3TP_F64 : E3TP_F32;
    for (int k = 0; k < 3; k++)
        c.layout[k] = E3TP_IR_MUL, c.width[k] = dim_of(&c.list[k]) * c.channels;
    e3tp_problem *p = make_problem(&c);
    e3tp_gaunt_plan *g = make_plan(&c, p);
    double z[3][MOST], copy[MOST];
    void *x = random_array(&c, c.width[0]);
    const size_t bytes = c.width[0] * e3tp_dtype_size(c.dtype);
    memcpy(copy, x, bytes);
    forward(&c, g, x, x, z[0]);
    spoil(g);
    forward(&c, g, x, x, z[1]);
    forward(&c, g, x, copy, z[2]);
    ck_assert_int_eq(memcmp(z[0], z[1], bytes), 0);
    for (size_t i = 0; i < c.width[2]; i++)
        ck_assert(!isnan(get(&c, z[1], i)) && isnan(get(&c, z[2], i)));
    free(x);
    e3tp_backend_gaunt.destroy(g, NULL);
    e3tp_problem_destroy(p, NULL);
}
END_TEST

START_TEST(refusals)
{
    e3tp_message why = {""};
    ck_assert_uint_eq(e3tp_backend_gaunt.operations, 1u << E3TP_OP_GAUNT);
    e3tp_problem grid = {.op = E3TP_OP_GAUNT, .grid_theta = 9, .grid_phi = 9};
    ck_assert(!e3tp_backend_gaunt.applicable(&grid, &why) && strstr(why.text, "grid"));
    e3tp_problem plain = {.op = E3TP_OP_GAUNT};
    ck_assert(e3tp_backend_gaunt.applicable(&plain, &why));
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *tests = tcase_create("gaunt");
    tcase_add_loop_test(tests, runs, 0, COUNT(lists));
    tcase_add_test(tests, largest);
    tcase_add_loop_test(tests, square_is_sampled_once, 0, E3TP_HAVE_FFTW ? 8 : 4);
    tcase_add_test(tests, refusals);
    return run_case(tests, "gaunt");
}
