/* SPDX-License-Identifier: MIT */
/* Calls of more rows than caches hold, whose results are written past them and whose operands are
   fetched ahead, give the bits of small calls, in every pass, on any number of threads, for arrays
   at whole lines and elsewhere; so do gradients of weights of a large graph and of parts of it.
   argv[1] is the tier. */
#include <stdbool.h>
#include <stdint.h>

#include "e3tp/graph.h"
#include "suite.h"

static e3tp_isa tier;

enum { ROWS = 2400, SMALL = 100 };
enum { X, Y, W, GZ, GGX, GGY, GGW, INPUTS };
enum { Z, GX, GY, GW, HX, HY, HW, HZ, OUTPUTS };
static const int of_input[INPUTS] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z, E3TP_X, E3TP_Y, E3TP_W},
                 of_output[OUTPUTS] = {E3TP_Z, E3TP_X, E3TP_Y, E3TP_W,
                                       E3TP_X, E3TP_Y, E3TP_W, E3TP_Z};

typedef struct setting {
    const char *y;
    e3tp_product product;
    e3tp_layout layout;
    e3tp_weight_shape shape;
    e3tp_dtype dtype;
    size_t offset; /* of all arrays from whole lines, in elements */
} setting;

static const setting settings[] = {
    {"0e+1o", E3TP_PRODUCT_CHANNELWISE, E3TP_IR_MUL, E3TP_WEIGHT_BY_CHANNEL, E3TP_F32, 0},
    {"0e+1o+2e", E3TP_PRODUCT_CHANNELWISE, E3TP_MUL_IR, E3TP_WEIGHT_BY_CHANNEL, E3TP_F32, 0},
    {"0e+1o+2e", E3TP_PRODUCT_CHANNELWISE, E3TP_MUL_IR, E3TP_WEIGHT_BY_CHANNEL, E3TP_F32, 3},
    {"0e+1o", E3TP_PRODUCT_CHANNELWISE, E3TP_IR_MUL, E3TP_WEIGHT_BY_CHANNEL, E3TP_F64, 1},
    {"0e+1o", E3TP_PRODUCT_CHANNELWISE, E3TP_MUL_IR, E3TP_WEIGHT_BY_CHANNEL, E3TP_F64, 0},
    {"0e+1o+2e", E3TP_PRODUCT_CHANNELWISE, E3TP_IR_MUL, E3TP_WEIGHT_BY_PATH, E3TP_F32, 0},
    {"0e+1o", E3TP_PRODUCT_CHANNELWISE, E3TP_MUL_IR, E3TP_WEIGHT_BY_PATH, E3TP_F64, 0},
    {"128x0e+128x1o", E3TP_PRODUCT_ELEMENTWISE, E3TP_MUL_IR, E3TP_WEIGHT_BY_CHANNEL, E3TP_F32, 0},
    {"128x0e+128x1o", E3TP_PRODUCT_ELEMENTWISE, E3TP_IR_MUL, E3TP_WEIGHT_BY_CHANNEL, E3TP_F32, 0},
};

static e3tp_plan *plan_of(const setting *s, int threads)
{
    e3tp_desc *d;
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
    e3tp_desc_set_irreps_text(d, E3TP_X, "128x0e+128x1o");
    e3tp_desc_set_irreps_text(d, E3TP_Y, s->y);
    e3tp_desc_set_product(d, s->product, NULL, 0);
    e3tp_desc_set_weights(d, E3TP_WEIGHTS_ROW);
    e3tp_desc_set_weight_shape(d, s->shape);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_layout(d, (e3tp_operand)k, s->layout);
    e3tp_desc_set_dtype(d, s->dtype);
    e3tp_desc_set_method(d, E3TP_METHOD_CG);
    e3tp_desc_set_threads(d, threads);
    e3tp_desc_set_isa(d, tier);
    return plan_from(d);
}

typedef struct arrays {
    char *memory[INPUTS + OUTPUTS];
    char *in[INPUTS], *out[OUTPUTS];
    size_t row[4]; /* bytes, by operand */
} arrays;

static char *array(const setting *s, size_t bytes, char **memory)
{
    *memory = aligned_alloc(64, (bytes + 191) / 64 * 64);
    return *memory + s->offset * (s->dtype == E3TP_F64 ? sizeof(double) : sizeof(float));
}

static void fill(const setting *s, char *to, size_t n, unsigned seed)
{
    float *numbers = random_floats(n, seed);
    for (size_t i = 0; i < n; i++) {
        if (s->dtype == E3TP_F64)
            ((double *)(void *)to)[i] = (double)numbers[i];
        else
            ((float *)(void *)to)[i] = numbers[i];
    }
    free(numbers);
}

static void make_arrays(const setting *s, const e3tp_plan *p, arrays *a)
{
    const size_t element = s->dtype == E3TP_F64 ? sizeof(double) : sizeof(float);
    for (int k = 0; k < 4; k++)
        a->row[k] = e3tp_plan_width(p, (e3tp_operand)k) * element;
    for (int i = 0; i < INPUTS; i++) {
        a->in[i] = array(s, ROWS * a->row[of_input[i]], &a->memory[i]);
        fill(s, a->in[i], ROWS * a->row[of_input[i]] / element, (unsigned)i + 1);
    }
    for (int i = 0; i < OUTPUTS; i++) {
        a->out[i] = array(s, ROWS * a->row[of_output[i]], &a->memory[INPUTS + i]);
        memset(a->out[i], 0xff, ROWS * a->row[of_output[i]]);
    }
}

static void *row_of(char *v, const arrays *a, int operand, size_t row)
{
    return v + row * a->row[operand];
}

static void run(const e3tp_plan *p, const arrays *a, size_t first, size_t rows)
{
    e3tp_buffers b = e3tp_buffers_init(rows);
    void *in[INPUTS], *out[OUTPUTS];
    for (int i = 0; i < INPUTS; i++)
        in[i] = row_of(a->in[i], a, of_input[i], first);
    for (int i = 0; i < OUTPUTS; i++)
        out[i] = row_of(a->out[i], a, of_output[i], first);
    b.x = in[X], b.y = in[Y], b.w = in[W], b.gz = in[GZ], b.z = out[Z];
    b.gx = out[GX], b.gy = out[GY], b.gw = out[GW];
    b.ggx = in[GGX], b.ggy = in[GGY], b.ggw = in[GGW];
    b.hx = out[HX], b.hy = out[HY], b.hw = out[HW], b.hz = out[HZ];
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_double_backward(p, &b), E3TP_OK);
}

START_TEST(same_bits)
{
    const setting *s = &settings[_i];
    e3tp_plan *one = plan_of(s, 1), *three = plan_of(s, 3);
    arrays small, large;
    make_arrays(s, one, &small);
    make_arrays(s, one, &large);
    for (size_t row = 0; row < ROWS; row += SMALL)
        run(one, &small, row, SMALL);
    ck_assert_uint_gt(ROWS * (small.row[E3TP_X] + small.row[E3TP_W] + small.row[E3TP_Z]), 16 << 20);
    for (int i = 0; i < 2; i++) {
        run(i ? three : one, &large, 0, ROWS);
        for (int k = 0; k < OUTPUTS; k++)
            ck_assert_msg(memcmp(small.out[k], large.out[k], ROWS * small.row[of_output[k]]) == 0,
                          "setting %d, result %d, %s", _i, k, i ? "three threads" : "one thread");
        for (int k = 0; k < OUTPUTS; k++)
            memset(large.out[k], 0xff, ROWS * small.row[of_output[k]]);
    }
    for (int i = 0; i < INPUTS + OUTPUTS; i++) {
        free(small.memory[i]);
        free(large.memory[i]);
    }
    e3tp_plan_destroy(one);
    e3tp_plan_destroy(three);
}
END_TEST

/* ---- graphs ---- */

enum { NODES = 40, EDGES = 6000, PART = 500 };

typedef struct layer {
    e3tp_conv *conv;
    int32_t receiver[EDGES], sender[EDGES];
    float *in[INPUTS];
    size_t width[4];
} layer;

static void make_layer(layer *q, const e3tp_plan *p)
{
    const e3tp_conv_desc d = e3tp_conv_desc_init(p);
    ck_assert_int_eq(e3tp_conv_create(&q->conv, p, &d, NULL, 0), E3TP_OK);
    for (int32_t e = 0; e < EDGES; e++) {
        q->receiver[e] = e * NODES / EDGES;
        q->sender[e] = e * 7 % NODES;
    }
    for (int k = 0; k < 4; k++)
        q->width[k] = e3tp_plan_width(p, (e3tp_operand)k);
    for (int i = 0; i < INPUTS; i++) {
        const bool of_edges = of_input[i] == E3TP_Y || of_input[i] == E3TP_W;
        q->in[i] = random_floats((of_edges ? EDGES : NODES) * q->width[of_input[i]], 40u + i);
    }
}

/* Of edges first .. first + n - 1, as a graph. */
static void weight_gradients(const layer *q, size_t first, size_t n, float *gw, float *hw)
{
    const size_t y = first * q->width[E3TP_Y], w = first * q->width[E3TP_W];
    e3tp_graph *g;
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, q->receiver + first, q->sender + first, n,
                                       NODES, NODES, NULL, 0),
                     E3TP_OK);
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = q->in[X], b.y = q->in[Y] + y, b.w = q->in[W] + w, b.gz = q->in[GZ];
    b.ggx = q->in[GGX], b.ggy = q->in[GGY] + y, b.ggw = q->in[GGW] + w;
    b.gw = gw + w, b.hw = hw + w;
    ck_assert_int_eq(e3tp_conv_backward(q->conv, g, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_double_backward(q->conv, g, &b), E3TP_OK);
    e3tp_graph_destroy(g);
}

START_TEST(same_bits_of_a_graph)
{
    static layer q;
    e3tp_plan *p = plan_of(&settings[0], 1 + 2 * _i);
    make_layer(&q, p);
    const size_t bytes = EDGES * q.width[E3TP_W] * sizeof(float);
    float *result[4];
    for (int i = 0; i < 4; i++) {
        result[i] = aligned_alloc(64, bytes);
        memset(result[i], 0xff, bytes);
    }
    ck_assert_uint_gt(bytes, 16 << 20);
    weight_gradients(&q, 0, EDGES, result[0], result[1]);
    for (size_t e = 0; e < EDGES; e += PART)
        weight_gradients(&q, e, PART, result[2], result[3]);
    ck_assert_msg(memcmp(result[0], result[2], bytes) == 0, "gradients");
    ck_assert_msg(memcmp(result[1], result[3], bytes) == 0, "of second order");
    for (int i = 0; i < INPUTS; i++)
        free(q.in[i]);
    for (int i = 0; i < 4; i++)
        free(result[i]);
    e3tp_conv_destroy(q.conv);
    e3tp_plan_destroy(p);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("large calls");
    tcase_add_loop_test(tests, same_bits, 0, (int)COUNT_OF(settings));
    tcase_add_loop_test(tests, same_bits_of_a_graph, 0, 2);
    return run_tests(tests, "large calls", CK_NOFORK);
}
