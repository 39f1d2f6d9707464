/* SPDX-License-Identifier: MIT */
/* uvu products whose channels share y and have one weight for each path, or none, where paths
   between the same blocks are one matrix: all passes against the same product in double with
   weights of each channel, for layouts, multiplicities with and without a tail, several channels of
   y, paths without weights, weights of a row, shared and from a table, operands of one row, some
   gradients alone, and any number of threads. argv[1] is the tier. */
#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "suite.h"

static e3tp_isa tier;

enum { MOST_ROWS = 70, TABLE = 3, MOST_PATHS = 64 };
enum { X, Y, W, GZ, GGX, GGY, GGW, INPUTS };
enum { Z, GX, GY, GW, HX, HY, HW, HZ, JZ, OUTPUTS };
static const int of_input[INPUTS] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z, E3TP_X, E3TP_Y, E3TP_W},
                 of_output[OUTPUTS] = {E3TP_Z, E3TP_X, E3TP_Y, E3TP_W, E3TP_X,
                                       E3TP_Y, E3TP_W, E3TP_Z, E3TP_Z};

typedef enum weighing { NONE, SHARED, ROW, INDEXED } weighing;

typedef struct setting {
    const char *x, *y;
    size_t rows;
    weighing weights;
    e3tp_layout layout[3];
    bool one_x, one_y, unweighted; /* one row for all; every third path has no weight */
    bool apart;                    /* a block of results for each path */
    e3tp_dtype dtype;
} setting;

typedef struct product {
    e3tp_plan *plan;
    size_t paths, count[MOST_PATHS]; /* weights of each weighted path by channel */
} product;

static bool same_irrep(e3tp_irrep a, e3tp_irrep b)
{
    return a.mul == b.mul && a.l == b.l && a.parity == b.parity;
}

/* Every path that the triangle allows to degree 3. */
static void add_paths(e3tp_desc *d, const setting *s, product *p)
{
    e3tp_irrep x[8], y[8], z[MOST_PATHS];
    size_t nx, ny, nz = 0, npaths = 0;
    e3tp_path path[MOST_PATHS];
    ck_assert_int_eq(e3tp_irreps_parse(s->x, x, 8, &nx), E3TP_OK);
    ck_assert_int_eq(e3tp_irreps_parse(s->y, y, 8, &ny), E3TP_OK);
    for (uint32_t i = 0; i < nx; i++)
        for (uint32_t j = 0; j < ny; j++)
            for (int l = abs(x[i].l - y[j].l); l <= x[i].l + y[j].l && l <= 3; l++) {
                const e3tp_irrep to = {x[i].mul, (uint16_t)l, (int8_t)(x[i].parity * y[j].parity)};
                const bool weighted = s->weights != NONE && !(s->unweighted && npaths % 3 == 0);
                uint32_t o = 0;
                while (o < nz && (s->apart || !same_irrep(z[o], to)))
                    o++;
                z[o] = to;
                nz += o == nz;
                path[npaths++] = e3tp_path_init(i, j, o, E3TP_UVU, weighted);
                if (weighted)
                    p->count[p->paths++] = (size_t)x[i].mul * y[j].mul;
            }
    e3tp_desc_set_irreps(d, E3TP_X, x, nx);
    e3tp_desc_set_irreps(d, E3TP_Y, y, ny);
    e3tp_desc_set_irreps(d, E3TP_Z, z, nz);
    for (size_t i = 0; i < npaths; i++)
        e3tp_desc_add_path(d, &path[i]);
}

static product product_of(const setting *s, bool by_path, int threads)
{
    e3tp_desc *d;
    product p = {0};
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
    add_paths(d, s, &p);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_layout(d, (e3tp_operand)k, s->layout[k]);
    if (s->weights != NONE)
        e3tp_desc_set_weights(d, s->weights == SHARED ? E3TP_WEIGHTS_SHARED : E3TP_WEIGHTS_ROW);
    e3tp_desc_set_weight_shape(d, by_path ? E3TP_WEIGHT_BY_PATH : E3TP_WEIGHT_BY_CHANNEL);
    e3tp_desc_set_dtype(d, by_path ? s->dtype : E3TP_F64);
    e3tp_desc_set_method(d, E3TP_METHOD_CG);
    e3tp_desc_set_threads(d, threads);
    e3tp_desc_set_isa(d, tier);
    ck_assert_msg(e3tp_plan_create(&p.plan, d) == E3TP_OK, "%s", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

static bool is_folded(const e3tp_plan *p)
{
    char text[4096];
    e3tp_plan_describe(p, text, sizeof text);
    return strstr(text, "one matrix for paths of the same ends") != NULL;
}

/* ---- arrays ---- */

/* Of the product by path in its type, and as doubles; and of the same by channel. */
typedef struct arrays {
    void *in[INPUTS], *out[OUTPUTS];
    double *plain_in[INPUTS], *plain_out[OUTPUTS];
    size_t rows[4], width[4]; /* by operand */
    int32_t index[MOST_ROWS];
} arrays;

static size_t element(const setting *s)
{
    return s->dtype == E3TP_F64 ? sizeof(double) : sizeof(float);
}

static double get(const setting *s, const void *a, size_t i)
{
    return s->dtype == E3TP_F64 ? ((const double *)a)[i] : (double)((const float *)a)[i];
}

static void set(const setting *s, void *a, size_t i, double value)
{
    if (s->dtype == E3TP_F64)
        ((double *)a)[i] = value;
    else
        ((float *)a)[i] = (float)value;
}

/* Row `row` of weights by channel from one by path. */
static void spread(const product *p, const setting *s, const void *from, size_t row, double *to)
{
    for (size_t i = 0; i < p->paths; i++)
        for (size_t q = 0; q < p->count[i]; q++)
            *to++ = get(s, from, row * p->paths + i);
}

static size_t weights_by_channel(const product *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->paths; i++)
        n += p->count[i];
    return n;
}

static void make_input(const product *p, const setting *s, arrays *a, int i, unsigned seed)
{
    const int k = of_input[i];
    const size_t n = a->rows[k] * a->width[k], each = k == E3TP_W ? weights_by_channel(p) : 0;
    float *numbers = random_floats(n, seed * 31 + (unsigned)i);
    a->in[i] = malloc((n + 1) * sizeof(double));
    a->plain_in[i] = malloc((a->rows[k] * (each ? each : a->width[k]) + 1) * sizeof(double));
    for (size_t q = 0; q < n; q++)
        set(s, a->in[i], q, (double)numbers[q]);
    for (size_t q = 0; q < n && k != E3TP_W; q++)
        a->plain_in[i][q] = (double)numbers[q];
    for (size_t r = 0; r < a->rows[k] && k == E3TP_W; r++)
        spread(p, s, a->in[i], r, a->plain_in[i] + r * each);
    free(numbers);
}

static void make_arrays(const product *p, const setting *s, arrays *a, unsigned seed)
{
    const size_t of_w = s->weights == ROW ? s->rows : s->weights == INDEXED ? TABLE : 1;
    const size_t rows[4] = {s->one_x ? 1 : s->rows, s->one_y ? 1 : s->rows, s->rows, of_w};
    for (int k = 0; k < 4; k++) {
        a->rows[k] = rows[k];
        a->width[k] = k == E3TP_W ? p->paths : e3tp_plan_width(p->plan, (e3tp_operand)k);
    }
    ck_assert_uint_eq(e3tp_plan_width(p->plan, E3TP_W), p->paths);
    for (int i = 0; i < INPUTS; i++)
        make_input(p, s, a, i, seed);
    for (int i = 0; i < OUTPUTS; i++) {
        const int k = of_output[i];
        const size_t width = k == E3TP_W ? weights_by_channel(p) : a->width[k];
        a->out[i] = malloc((a->rows[k] * a->width[k] + 1) * sizeof(double));
        memset(a->out[i], 0xff, (a->rows[k] * a->width[k] + 1) * sizeof(double)); /* NaN */
        a->plain_out[i] = calloc(a->rows[k] * width + 1, sizeof(double));
    }
    for (size_t r = 0; r < s->rows; r++)
        a->index[r] = (int32_t)(r * r % TABLE);
}

static void free_arrays(arrays *a)
{
    for (int i = 0; i < INPUTS; i++) {
        free(a->in[i]);
        free(a->plain_in[i]);
    }
    for (int i = 0; i < OUTPUTS; i++) {
        free(a->out[i]);
        free(a->plain_out[i]);
    }
}

/* ---- passes ---- */

/* All passes; of gradients and second-order results those by the bits of wanted: x, y, w, z. */
static void run(const e3tp_plan *p, const setting *s, const arrays *a, void *const *in,
                void *const *out, int wanted)
{
    e3tp_buffers b = e3tp_buffers_init(s->rows);
    const bool w = a->width[E3TP_W] > 0;
    b.x = in[X], b.y = in[Y], b.w = w ? in[W] : NULL, b.gz = in[GZ], b.z = out[Z];
    b.stride_x = s->one_x ? 0 : E3TP_PACKED;
    b.stride_y = s->one_y ? 0 : E3TP_PACKED;
    b.index = s->weights == INDEXED ? a->index : NULL;
    b.index_rows = s->weights == INDEXED ? TABLE : 0;
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    b.gx = wanted & 1 ? out[GX] : NULL, b.gy = wanted & 2 ? out[GY] : NULL;
    b.gw = w && wanted & 4 ? out[GW] : NULL;
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    b.ggx = in[GGX], b.ggy = in[GGY], b.ggw = w ? in[GGW] : NULL;
    b.hx = wanted & 1 ? out[HX] : NULL, b.hy = wanted & 2 ? out[HY] : NULL;
    b.hw = w && wanted & 4 ? out[HW] : NULL, b.hz = wanted & 8 ? out[HZ] : NULL;
    ck_assert_int_eq(e3tp_double_backward(p, &b), E3TP_OK);
    b.hz = out[JZ];
    ck_assert_int_eq(e3tp_jvp(p, &b), E3TP_OK);
}

/* Bits of wanted that ask for a result; 0: it is always made. */
static const int asked_by[OUTPUTS] = {0, 1, 2, 4, 1, 2, 4, 8, 0};

/* Row of the weights' gradient by channel as one by path. */
static double collected(const product *p, const double *row, size_t path)
{
    double sum = 0;
    for (size_t i = 0; i < path; i++)
        row += p->count[i];
    for (size_t q = 0; q < p->count[path]; q++)
        sum += row[q];
    return sum;
}

/* Relative to the largest element: roundings of sums over channels, components and paths. */
enum { ROUNDINGS = 100 };

static void compare(const product *p, const setting *s, const arrays *a, int i)
{
    const int k = of_output[i];
    const double eps = s->dtype == E3TP_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
    const size_t width = a->width[k], n = a->rows[k] * width, channels = weights_by_channel(p);
    double largest = 0, worst = 0;
    for (size_t q = 0; q < n; q++) {
        const double *row = a->plain_out[i] + q / width * channels;
        const double want = k == E3TP_W ? collected(p, row, q % width) : a->plain_out[i][q];
        const double error = fabs(get(s, a->out[i], q) - want);
        worst = error <= worst ? worst : error; /* a NaN stays */
        largest = fmax(largest, fabs(want));
    }
    ck_assert_msg(worst <= ROUNDINGS * eps * largest,
                  "x %s, y %s, %zu rows, weights %d, result %d: off by %.3g eps of the largest",
                  s->x, s->y, s->rows, (int)s->weights, i, worst / (eps * largest));
}

/* Same bits on any number of threads. */
static void check_threads(const setting *s, arrays *a, int wanted)
{
    product p = product_of(s, true, 3);
    void *again[OUTPUTS];
    for (int i = 0; i < OUTPUTS; i++)
        again[i] = calloc(a->rows[of_output[i]] * a->width[of_output[i]] + 1, sizeof(double));
    run(p.plan, s, a, a->in, again, wanted);
    for (int i = 0; i < OUTPUTS; i++) {
        const size_t n = a->rows[of_output[i]] * a->width[of_output[i]];
        if (!asked_by[i] || asked_by[i] & wanted)
            ck_assert_int_eq(memcmp(again[i], a->out[i], n * element(s)), 0);
        free(again[i]);
    }
    e3tp_plan_destroy(p.plan);
}

static void check(const setting *s, unsigned seed, int wanted)
{
    product by_path = product_of(s, true, 1), by_channel = product_of(s, false, 1);
    arrays a;
    ck_assert_msg(is_folded(by_path.plan), "x %s, y %s: not one matrix", s->x, s->y);
    ck_assert_int_eq(is_folded(by_channel.plan), by_path.paths == 0);
    make_arrays(&by_path, s, &a, seed);
    run(by_path.plan, s, &a, a.in, a.out, wanted);
    run(by_channel.plan, s, &a, (void *const *)a.plain_in, (void *const *)a.plain_out, 15);
    for (int i = 0; i < OUTPUTS; i++)
        if (!asked_by[i] || asked_by[i] & wanted)
            compare(&by_path, s, &a, i);
    check_threads(s, &a, wanted);
    free_arrays(&a);
    e3tp_plan_destroy(by_path.plan);
    e3tp_plan_destroy(by_channel.plan);
}

/* Tiles whole and not, blocks of one and of several numbers of channels, of both parities. */
static const char *const operands[][2] = {{"16x0e+16x1o+16x2e", "1x0e+1x1o+1x2e"},
                                          {"61x1o+61x0e", "2x1o"},
                                          {"40x0e+16x1o+40x2e+32x1e", "1x0e+1x1o"},
                                          {"128x0e+128x1o", "1x0e+1x1o+1x2e"},
                                          {"48x3o", "1x0e+2x2e+1x3o"},
                                          {"16x0o+16x0e+29x1o+29x1e+29x2e", "1x0e+1x1o+1x1e"}};

START_TEST(by_path)
{
    static const size_t rows[] = {16, 1, 7, 17, 33, MOST_ROWS};
    static const e3tp_layout layouts[] = {E3TP_IR_MUL, E3TP_MUL_IR, E3TP_BATCH_LAST};
    unsigned checks = 0;
    for (unsigned o = 0; o < COUNT_OF(operands); o++)
        for (unsigned r = 0; r < COUNT_OF(rows); r++) {
            const unsigned i = checks + o;
            const setting s = {.x = operands[o][0],
                               .y = operands[o][1],
                               .rows = rows[r],
                               .weights = (weighing)(i % 4),
                               .layout = {layouts[i / 2 % 2], layouts[i % 3], layouts[i / 3 % 2]},
                               .one_x = i % 5 == 2,
                               .one_y = i % 7 == 3,
                               .unweighted = i % 3 == 1,
                               .apart = i % 5 < 2,
                               .dtype = _i ? E3TP_F64 : E3TP_F32};
            check(&s, i, 15);
            check(&s, i, (int)(i % 15));
            checks++;
        }
    ck_assert_uint_eq(checks, 36);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("weights by path");
    tcase_add_loop_test(tests, by_path, 0, 2);
    return run_tests(tests, "weights by path", CK_NOFORK);
}
