/* SPDX-License-Identifier: MIT */
/* Operands that live at types, few and so many that their rows are sorted, y also of the opposite
   vector where an edge is reversed: all passes against those of edges and their sums, on any number
   of threads, in single, double and mixed precision. argv[1] is the tier. */
#include <math.h>
#include <stdbool.h>

#include "e3tp/graph.h"
#include "ensure.h"
#include "layer.h"
#include "suite.h"

enum { NODES = 40, EDGES = 4500, MANY = 70000, FETCHED = 4500, FAR = 16 << 20 };
enum { X, Y, W, OPERANDS, MOST_WIDTH = 32 };
enum { GX, GY, GW, HX, HY, HW, Z, HZ, DZ, RESULTS };

static e3tp_isa tier;

typedef struct setting {
    const char *x, *y;    /* whole tiles of channels: weights are read where they are */
    size_t types;         /* FETCHED: weights take more than caches hold */
    bool typed[OPERANDS]; /* at types, else at edges */
    e3tp_dtype dtype, sums;
    bool turns; /* y of edges that are reversed */
} setting;

#define SHORT "0e+1o"

static const setting settings[] = {
    {"3x0e+3x1o", SHORT, 7, {true, true, true}, E3TP_F32, E3TP_F32, false},
    {"16x0e+16x1o", SHORT, 7, {true, false, true}, E3TP_F32, E3TP_F32, false},
    {"256x0e+256x1o", SHORT, FETCHED, {true, false, true}, E3TP_F32, E3TP_F32, false},
    {"3x0e+3x1o", SHORT, MANY, {true, true, true}, E3TP_F32, E3TP_F32, false},
    {"3x0e+3x1o", SHORT, MANY, {false, false, true}, E3TP_F64, E3TP_F64, false},
    {"3x0e+3x1o", SHORT, MANY, {true, false, false}, E3TP_F32, E3TP_F64, false},
    {"16x0e+16x1o", SHORT, 300, {false, true, true}, E3TP_F64, E3TP_F64, false},
    {"3x0e+3x1o", SHORT, MANY, {false, true, true}, E3TP_F32, E3TP_F64, false},
    {"3x0e+3x1o", "3x1o+0e+2x2e+1e", 7, {true, true, true}, E3TP_F32, E3TP_F32, true},
    {"5x0e+3x1o", "0e+1o+2e+3o", MANY, {false, true, false}, E3TP_F64, E3TP_F64, true},
    {"16x0e+16x1o", "0e+1o+2e", 300, {false, true, true}, E3TP_F32, E3TP_F64, true},
    {"1x0e+7x1o", "1e+3x3o", MANY, {true, true, false}, E3TP_F32, E3TP_F32, true},
};

typedef struct data {
    int32_t receivers[EDGES], types[EDGES];
    uint8_t reversed[EDGES];
    double turned[MOST_WIDTH]; /* by which y of the opposite vector is that of the vector */
    size_t width[OPERANDS], nz, es;
    float *in[2 * OPERANDS + 1]; /* by type: operands, tangents; gz */
} data;

static void set_number(void *to, e3tp_dtype t, size_t i, double v)
{
    if (t == E3TP_F64)
        ((double *)to)[i] = v;
    else
        ((float *)to)[i] = (float)v;
}

static double number_at(const void *from, e3tp_dtype t, size_t i)
{
    return t == E3TP_F64 ? ((const double *)from)[i] : (double)((const float *)from)[i];
}

static e3tp_plan *plan_of(const setting *s, int threads)
{
    e3tp_desc *d = layer_desc(s->x, s->y, E3TP_IR_MUL);
    e3tp_desc_set_dtype(d, s->dtype);
    e3tp_desc_set_accumulation(d, s->sums);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_threads(d, threads);
    return plan_from(d);
}

static void set_signs(data *q, const e3tp_plan *p)
{
    e3tp_irrep y[MOST_WIDTH];
    const size_t blocks = e3tp_plan_irreps(p, E3TP_Y, y, MOST_WIDTH);
    size_t i = 0;
    for (size_t b = 0; b < blocks; b++)
        for (size_t k = 0; k < y[b].mul * (2 * (size_t)y[b].l + 1); k++)
            q->turned[i++] = y[b].l % 2 ? -1 : 1;
    ck_assert_uint_eq(i, e3tp_plan_width(p, E3TP_Y));
}

static double sign_of(const data *q, int k, size_t e, size_t i)
{
    return k % OPERANDS == Y && q->reversed[e] ? q->turned[i] : 1;
}

static void draw(data *q, const setting *s, const e3tp_plan *p)
{
    unsigned state = 3;
    set_signs(q, p);
    for (int e = 0; e < EDGES; e++) {
        state = state * 1664525u + 1013904223u;
        q->receivers[e] = (int32_t)(state >> 9) % NODES;
        q->types[e] = (int32_t)((state >> 7) % s->types / 3 * 3);   /* some types twice or more */
        q->reversed[e] = s->turns ? (uint8_t)(state >> 12) % 3 : 0; /* what is not 0 counts */
    }
    q->es = s->dtype == E3TP_F64 ? sizeof(double) : sizeof(float);
    for (int k = 0; k < OPERANDS; k++) {
        q->width[k] = e3tp_plan_width(p, k == W ? E3TP_W : (e3tp_operand)k);
        q->in[k] = random_floats(s->types * q->width[k], 10u + (unsigned)k);
        q->in[OPERANDS + k] = random_floats(s->types * q->width[k], 20u + (unsigned)k);
    }
    q->nz = NODES * e3tp_plan_width(p, E3TP_Z);
    q->in[2 * OPERANDS] = random_floats(q->nz, 30);
}

/* Rows of types, or of edges. */
static void *rows_of(const data *q, const setting *s, int which, bool typed)
{
    const size_t width = q->width[which % OPERANDS], n = typed ? s->types : EDGES;
    void *to = malloc(n * width * q->es);
    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < width; i++)
            set_number(to, s->dtype, r * width + i,
                       (double)q->in[which][(typed ? r : (size_t)q->types[r]) * width + i] *
                           (typed ? 1 : sign_of(q, which, r, i)));
    return to;
}

/* All passes with operands where the setting has them, or all at edges. */
static void convolve(const data *q, const setting *s, bool edges, int threads, void *out[RESULTS])
{
    e3tp_plan *p = plan_of(s, threads);
    e3tp_conv_desc d = e3tp_conv_desc_init(p);
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    e3tp_place *const place[OPERANDS] = {&d.x, &d.y, &d.w};
    e3tp_graph *g;
    e3tp_conv *c;
    void *in[2 * OPERANDS], *gz = malloc(q->nz * q->es);
    for (size_t i = 0; i < q->nz; i++)
        set_number(gz, s->dtype, i, (double)q->in[2 * OPERANDS][i]);
    for (int k = 0; k < OPERANDS; k++) {
        const bool typed = s->typed[k] && !edges;
        *place[k] = typed ? E3TP_AT_TYPE : E3TP_AT_EDGE;
        for (int t = 0; t < 2; t++) {
            in[k + t * OPERANDS] = rows_of(q, s, k + t * OPERANDS, typed);
            out[k + t * OPERANDS] = calloc((typed ? s->types : EDGES) * q->width[k], q->es);
        }
    }
    b.x = in[X], b.y = in[Y], b.w = in[W], b.gz = gz;
    b.ggx = in[OPERANDS + X], b.ggy = in[OPERANDS + Y], b.ggw = in[OPERANDS + W];
    for (int k = Z; k < RESULTS; k++)
        out[k] = calloc(q->nz, q->es);
    b.z = out[Z], b.hz = out[HZ];
    b.gx = out[GX], b.gy = out[GY], b.gw = out[GW];
    b.hx = out[HX], b.hy = out[HY], b.hw = out[HW];
    b.edge_type = q->types, b.num_types = s->types;
    b.edge_reversed = s->turns && !edges ? q->reversed : NULL;
    ck_assert_int_eq(
        e3tp_graph_create(&g, E3TP_INT32, q->receivers, q->receivers, EDGES, NODES, NODES, NULL, 0),
        E3TP_OK);
    ck_assert_int_eq(e3tp_conv_create(&c, p, &d, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_forward(c, g, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_backward(c, g, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_double_backward(c, g, &b), E3TP_OK);
    b.hz = out[DZ];
    ck_assert_int_eq(e3tp_conv_jvp(c, g, &b), E3TP_OK);
    for (int k = 0; k < 2 * OPERANDS; k++)
        free(in[k]);
    free(gz);
    e3tp_conv_destroy(c);
    e3tp_graph_destroy(g);
    e3tp_plan_destroy(p);
}

/* Whether a result has a row for each type: of z, never. */
static bool is_typed(const setting *s, int result)
{
    return result < Z && s->typed[result % OPERANDS];
}

static size_t numbers(const data *q, const setting *s, int result)
{
    return result >= Z ? q->nz
                       : (is_typed(s, result) ? s->types : EDGES) * q->width[result % OPERANDS];
}

/* A result of types against the sums of that of edges. */
static void compare(const data *q, const setting *s, int result, const void *got,
                    const void *of_edges)
{
    const bool typed = is_typed(s, result);
    const size_t width = result >= Z ? q->nz / NODES : q->width[result % OPERANDS],
                 n = numbers(q, s, result);
    double *sum = calloc(n, sizeof *sum), largest = 0;
    for (size_t e = 0; e < (result >= Z ? NODES : EDGES); e++)
        for (size_t i = 0; i < width; i++) {
            double *to = &sum[(typed ? (size_t)q->types[e] : e) * width + i];
            *to += number_at(of_edges, s->dtype, e * width + i) *
                   (typed ? sign_of(q, result, e, i) : 1);
            largest = fmax(largest, fabs(*to));
        }
    const double tolerance = (s->dtype == E3TP_F64 ? 1e-13 : 1e-5) * largest;
    for (size_t i = 0; i < n; i++) {
        const double v = number_at(got, s->dtype, i);
        ensure(fabs(v - sum[i]) <= tolerance, "result %d: %zu is %g, not %g", result, i, v, sum[i]);
    }
    free(sum);
}

START_TEST(sums)
{
    const setting *s = &settings[_i];
    static data q;
    e3tp_plan *p = plan_of(s, 1);
    draw(&q, s, p);
    e3tp_plan_destroy(p);
    if (s->types == FETCHED) {
        ck_assert_uint_gt(EDGES * q.width[W] * q.es, FAR);
        ck_assert_uint_gt(FETCHED * q.width[W] * q.es, FAR);
    }
    void *of_edges[RESULTS], *out[3][RESULTS];
    convolve(&q, s, true, 1, of_edges);
    for (int threads = 1; threads <= 3; threads++)
        convolve(&q, s, false, threads, out[threads - 1]);
    for (int r = 0; r < RESULTS; r++) {
        const size_t bytes = numbers(&q, s, r) * q.es;
        compare(&q, s, r, out[0][r], of_edges[r]);
        for (int t = 1; t < 3; t++)
            ensure(memcmp(out[0][r], out[t][r], bytes) == 0, "result %d: other bits on %d threads",
                   r, t + 1);
        free(of_edges[r]);
        for (int t = 0; t < 3; t++)
            free(out[t][r]);
    }
    for (int k = 0; k <= 2 * OPERANDS; k++)
        free(q.in[k]);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *t = tcase_create("types");
    tcase_add_loop_test(t, sums, 0, COUNT_OF(settings));
    return run_tests(t, "types", CK_NOFORK); /* a forked child is serial by design */
}
