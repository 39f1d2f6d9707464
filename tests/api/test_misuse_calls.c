/* SPDX-License-Identifier: MIT */
/* Calls, graphs and convolutions: every documented precondition violated once; the exact status,
   and a sentence that names the operand. The call itself gives the same status as the check. */
#include <math.h>
#include <stdbool.h>

#include "e3tp/graph.h"
#include "suite.h"

static e3tp_plan *plan_of(e3tp_layout layout, e3tp_weights weights)
{
    e3tp_desc *d;
    e3tp_plan *p;
    const e3tp_path path = e3tp_path_init(0, 0, 0, E3TP_UUU, weights != E3TP_WEIGHTS_NONE);
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
    e3tp_desc_set_irreps_text(d, E3TP_X, "2x1o");
    e3tp_desc_set_irreps_text(d, E3TP_Y, "2x1o");
    e3tp_desc_set_irreps_text(d, E3TP_Z, "2x0e");
    e3tp_desc_add_path(d, &path);
    e3tp_desc_set_weights(d, weights);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_layout(d, (e3tp_operand)k, layout);
    ck_assert_int_eq(e3tp_plan_create(&p, d), E3TP_OK);
    e3tp_desc_destroy(d);
    return p;
}

static void expect(e3tp_status s, e3tp_status wanted, const char *text, const char *word)
{
    ck_assert_msg(s == wanted && strstr(text, word), "status %d, \"%s\"; wanted %d, \"%s\"", s,
                  text, wanted, word);
}

static void refuse_call(const e3tp_plan *p, e3tp_pass pass, const e3tp_buffers *b, e3tp_status s,
                        const char *word)
{
    static e3tp_status (*const calls[])(const e3tp_plan *, const e3tp_buffers *) = {
        [E3TP_FORWARD] = e3tp_forward,
        [E3TP_BACKWARD] = e3tp_backward,
        [E3TP_DOUBLE_BACKWARD] = e3tp_double_backward,
        [E3TP_JVP] = e3tp_jvp,
    };
    char text[300] = "";
    expect(e3tp_buffers_check(p, pass, b, text, sizeof text), s, text, word);
    ck_assert_int_eq(e3tp_buffers_check(p, pass, b, NULL, 0), s);
    if ((size_t)pass < COUNT_OF(calls))
        ck_assert_int_eq(calls[pass](p, b), s);
}

/* Arrays for two rows of the small plan, apart from one another. */
typedef struct arrays {
    _Alignas(64) char work[1 << 19];
    float x[16], y[16], w[4], z[8], gz[8], gx[16], gy[16], gw[4], hz[8], ggx[16], ggy[16], ggw[4];
} arrays;

static e3tp_buffers buffers_of(arrays *a)
{
    e3tp_buffers b = e3tp_buffers_init(2);
    memset(a, 0, sizeof *a);
    b.x = a->x, b.y = a->y, b.w = a->w, b.z = a->z, b.gz = a->gz;
    b.gx = a->gx, b.gy = a->gy, b.gw = a->gw, b.hz = a->hz;
    return b;
}

#define BROKEN(field, value, pass, status, word) \
    do {                                         \
        e3tp_buffers b = good;                   \
        b.field = value;                         \
        refuse_call(p, pass, &b, status, word);  \
    } while (0)

START_TEST(calls)
{
    e3tp_plan *p = plan_of(E3TP_MUL_IR, E3TP_WEIGHTS_SHARED);
    arrays a;
    const e3tp_buffers good = buffers_of(&a);
    const int32_t index[2] = {0, 0};
    ck_assert_int_eq(e3tp_forward(p, &good), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &good), E3TP_OK);
    BROKEN(size, 8, E3TP_FORWARD, E3TP_E_INVALID, "size");
    BROKEN(batch, SIZE_MAX, E3TP_FORWARD, E3TP_E_INVALID, "batch");
    BROKEN(x, NULL, E3TP_FORWARD, E3TP_E_INVALID, "x is NULL");
    BROKEN(y, NULL, E3TP_FORWARD, E3TP_E_INVALID, "y is NULL");
    BROKEN(w, NULL, E3TP_FORWARD, E3TP_E_INVALID, "w is NULL");
    BROKEN(z, NULL, E3TP_FORWARD, E3TP_E_INVALID, "z is NULL");
    BROKEN(x, NULL, E3TP_BACKWARD, E3TP_E_INVALID, "x is NULL");
    BROKEN(y, NULL, E3TP_BACKWARD, E3TP_E_INVALID, "y is NULL");
    BROKEN(w, NULL, E3TP_BACKWARD, E3TP_E_INVALID, "w is NULL");
    BROKEN(gz, NULL, E3TP_BACKWARD, E3TP_E_INVALID, "gz is NULL");
    BROKEN(stride_x, 5, E3TP_FORWARD, E3TP_E_INVALID, "stride of x");
    BROKEN(stride_x, -6, E3TP_FORWARD, E3TP_E_INVALID, "stride of x");
    BROKEN(stride_y, 5, E3TP_BACKWARD, E3TP_E_INVALID, "stride of y");
    BROKEN(stride_y, PTRDIFF_MAX, E3TP_BACKWARD, E3TP_E_INVALID, "stride of y");
    BROKEN(stride_z, 1, E3TP_BACKWARD, E3TP_E_INVALID, "stride of z");
    BROKEN(stride_z, 0, E3TP_FORWARD, E3TP_E_INVALID, "stride of z");
    BROKEN(stride_w, 2, E3TP_FORWARD, E3TP_E_INVALID, "stride of w");
    BROKEN(index, index, E3TP_FORWARD, E3TP_E_INVALID, "index");
    BROKEN(gz, NULL, E3TP_DOUBLE_BACKWARD, E3TP_E_INVALID, "gz is NULL");
    BROKEN(x, NULL, E3TP_DOUBLE_BACKWARD, E3TP_E_INVALID, "x is NULL");
    BROKEN(w, NULL, E3TP_JVP, E3TP_E_INVALID, "w is NULL");
    BROKEN(hz, NULL, E3TP_JVP, E3TP_E_INVALID, "hz is NULL");
    BROKEN(batch, 2, (e3tp_pass)9, E3TP_E_INVALID, "pass");
    BROKEN(batch, 2, (e3tp_pass)-1, E3TP_E_INVALID, "pass");
    refuse_call(p, E3TP_FORWARD, NULL, E3TP_E_INVALID, "buffers are NULL");
    refuse_call(NULL, E3TP_BACKWARD, &good, E3TP_E_INVALID, "plan is NULL");
    e3tp_plan_destroy(p);
}
END_TEST

START_TEST(tables)
{
    e3tp_plan *p = plan_of(E3TP_MUL_IR, E3TP_WEIGHTS_ROW);
    arrays a;
    e3tp_buffers good = buffers_of(&a);
    const int32_t index[2] = {0, 1}, below[2] = {0, -1}, above[2] = {2, 0};
    good.index = index;
    good.index_rows = 2;
    ck_assert_int_eq(e3tp_forward(p, &good), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &good), E3TP_OK);
    BROKEN(index, below, E3TP_FORWARD, E3TP_E_INVALID, "index[1]: -1");
    BROKEN(index, above, E3TP_BACKWARD, E3TP_E_INVALID, "index[0]: 2");
    BROKEN(index_rows, 1, E3TP_JVP, E3TP_E_INVALID, "1 rows");
    BROKEN(index_rows, SIZE_MAX / 4, E3TP_FORWARD, E3TP_E_INVALID, "overflow");
    BROKEN(stride_w, 0, E3TP_FORWARD, E3TP_E_INVALID, "stride of w");
    BROKEN(stride_w, 64, E3TP_BACKWARD, E3TP_E_INVALID, "stride of w");
    good.hw = a.gw;
    BROKEN(stride_w, 64, E3TP_DOUBLE_BACKWARD, E3TP_E_INVALID, "stride of w");
    e3tp_plan_destroy(p);
}
END_TEST

START_TEST(overlaps)
{
    e3tp_plan *p = plan_of(E3TP_MUL_IR, E3TP_WEIGHTS_SHARED);
    arrays a;
    e3tp_buffers good = buffers_of(&a);
    ck_assert_uint_le(e3tp_plan_work_bytes(p, E3TP_BACKWARD, 2), sizeof a.work);
    const void *const in[4] = {a.x, a.y, a.w, a.gz};
    static const char *const names[4] = {"x", "y", "w", "gz"};
    for (int k = 0; k < 4; k++) {
        char words[3][40];
        snprintf(words[0], sizeof *words, "gx overlaps %s", names[k]);
        snprintf(words[1], sizeof *words, "gy overlaps %s", names[k]);
        snprintf(words[2], sizeof *words, "gw overlaps %s", names[k]);
        BROKEN(gx, (float *)(uintptr_t)in[k] + 1, E3TP_BACKWARD, E3TP_E_INVALID, words[0]);
        BROKEN(gy, (float *)(uintptr_t)in[k] + 1, E3TP_BACKWARD, E3TP_E_INVALID, words[1]);
        BROKEN(gw, (void *)(uintptr_t)in[k], E3TP_BACKWARD, E3TP_E_INVALID, words[2]);
        if (k == 3)
            continue;
        snprintf(words[0], sizeof *words, "z overlaps %s", names[k]);
        BROKEN(z, (void *)(uintptr_t)in[k], E3TP_FORWARD, E3TP_E_INVALID, words[0]);
    }
    BROKEN(gy, a.gx + 3, E3TP_BACKWARD, E3TP_E_INVALID, "gy overlaps gx");
    BROKEN(gw, a.gx, E3TP_BACKWARD, E3TP_E_INVALID, "gw overlaps gx");
    BROKEN(gw, a.gy, E3TP_BACKWARD, E3TP_E_INVALID, "gw overlaps gy");
    good.work = a.work;
    ck_assert_int_eq(e3tp_backward(p, &good), E3TP_OK);
    BROKEN(work, a.work + 4, E3TP_FORWARD, E3TP_E_INVALID, "work is not");
    BROKEN(x, a.work, E3TP_FORWARD, E3TP_E_INVALID, "work overlaps x");
    BROKEN(z, (void *)a.work, E3TP_FORWARD, E3TP_E_INVALID, "work overlaps z");
    BROKEN(gw, (void *)a.work, E3TP_BACKWARD, E3TP_E_INVALID, "work overlaps gw");
    e3tp_plan_destroy(p);
}
END_TEST

/* A result of second order with every operand and every other result. */
START_TEST(overlaps_of_second_order)
{
    e3tp_plan *p = plan_of(E3TP_MUL_IR, E3TP_WEIGHTS_SHARED);
    arrays a;
    e3tp_buffers good = buffers_of(&a);
    good.ggx = a.ggx, good.ggy = a.ggy, good.ggw = a.ggw;
    good.hx = a.gx, good.hy = a.gy, good.hw = a.gw;
    ck_assert_int_eq(e3tp_double_backward(p, &good), E3TP_OK);
    ck_assert_int_eq(e3tp_jvp(p, &good), E3TP_OK);
    const struct {
        void *at;
        const char *name;
        bool jvp;
    } others[] = {{a.x, "x", true},    {a.y, "y", true},     {a.w, "w", true},
                  {a.gz, "gz", false}, {a.ggx, "ggx", true}, {a.ggy, "ggy", true},
                  {a.ggw, "ggw", true}};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char words[4][40];
        for (int k = 0; k < 4; k++)
            snprintf(words[k], sizeof *words, "h%c overlaps %s", "xywz"[k], others[i].name);
        BROKEN(hx, others[i].at, E3TP_DOUBLE_BACKWARD, E3TP_E_INVALID, words[0]);
        BROKEN(hy, others[i].at, E3TP_DOUBLE_BACKWARD, E3TP_E_INVALID, words[1]);
        BROKEN(hw, others[i].at, E3TP_DOUBLE_BACKWARD, E3TP_E_INVALID, words[2]);
        BROKEN(hz, others[i].at, E3TP_DOUBLE_BACKWARD, E3TP_E_INVALID, words[3]);
        if (others[i].jvp)
            BROKEN(hz, others[i].at, E3TP_JVP, E3TP_E_INVALID, words[3]);
    }
    BROKEN(hy, a.gx, E3TP_DOUBLE_BACKWARD, E3TP_E_INVALID, "hy overlaps hx");
    BROKEN(hw, a.gy, E3TP_DOUBLE_BACKWARD, E3TP_E_INVALID, "hw overlaps hy");
    BROKEN(hz, a.gw, E3TP_DOUBLE_BACKWARD, E3TP_E_INVALID, "hz overlaps hw");
    e3tp_plan_destroy(p);
}
END_TEST

START_TEST(batch_last)
{
    e3tp_plan *p = plan_of(E3TP_BATCH_LAST, E3TP_WEIGHTS_ROW);
    arrays a;
    const e3tp_buffers good = buffers_of(&a);
    ck_assert_int_eq(e3tp_forward(p, &good), E3TP_OK);
    BROKEN(stride_x, 1, E3TP_FORWARD, E3TP_E_INVALID, "stride of x");
    BROKEN(stride_y, 1, E3TP_BACKWARD, E3TP_E_INVALID, "stride of y");
    BROKEN(stride_z, 1, E3TP_FORWARD, E3TP_E_INVALID, "stride of z");
    BROKEN(stride_w, 1, E3TP_FORWARD, E3TP_E_INVALID, "stride of w");
    BROKEN(stride_x, PTRDIFF_MAX / 3, E3TP_FORWARD, E3TP_E_INVALID, "stride of x");
    e3tp_conv *c = (e3tp_conv *)p;
    char text[300] = "";
    expect(e3tp_conv_create(&c, p, NULL, text, sizeof text), E3TP_E_UNSUPPORTED, text,
           "BATCH_LAST");
    ck_assert_ptr_null(c);
    e3tp_plan_destroy(p);
}
END_TEST

START_TEST(graphs)
{
    const int32_t good[2] = {0, 1}, high[2] = {0, 7}, negative[2] = {-1, 0};
    const int64_t wide[2] = {0, (int64_t)1 << 32};
    char text[300] = "";
    e3tp_graph *g = (e3tp_graph *)text;
#define GRAPH_REFUSED(word, ...)                                                               \
    do {                                                                                       \
        expect(e3tp_graph_create(__VA_ARGS__, text, sizeof text), E3TP_E_INVALID, text, word); \
        ck_assert_ptr_null(g);                                                                 \
        g = (e3tp_graph *)text;                                                                \
    } while (0)
    GRAPH_REFUSED("edge 1: receiver 7", &g, E3TP_INT32, high, good, 2, 2, 2);
    GRAPH_REFUSED("edge 0: receiver -1", &g, E3TP_INT32, negative, good, 2, 2, 2);
    GRAPH_REFUSED("edge 1: sender 7", &g, E3TP_INT32, good, high, 2, 2, 2);
    GRAPH_REFUSED("edge 0: sender -1", &g, E3TP_INT32, good, negative, 2, 2, 2);
    GRAPH_REFUSED("receiver 4294967296", &g, E3TP_INT64, wide, wide, 2, 2, 2);
    GRAPH_REFUSED("receivers is NULL", &g, E3TP_INT32, NULL, good, 2, 2, 2);
    GRAPH_REFUSED("senders is NULL", &g, E3TP_INT32, good, NULL, 2, 2, 2);
    GRAPH_REFUSED("index type", &g, (e3tp_index)9, good, good, 2, 2, 2);
    GRAPH_REFUSED("nodes", &g, E3TP_INT32, good, good, 2, (size_t)1 << 31, 2);
    GRAPH_REFUSED("senders", &g, E3TP_INT32, good, good, 2, 2, (size_t)1 << 31);
    expect(e3tp_graph_create(NULL, E3TP_INT32, good, good, 2, 2, 2, text, sizeof text),
           E3TP_E_INVALID, text, "out");
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, high, good, 2, 2, 2, NULL, 0),
                     E3TP_E_INVALID);
    int64_t order[2];
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, good, good, 2, 2, 2, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_graph_order(g, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_order(NULL, order), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_update(g, E3TP_INT32, NULL, NULL, 0, 2, 2, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_graph_order(g, NULL), E3TP_OK);
    e3tp_graph_destroy(g);
    e3tp_graph_destroy(NULL);
    ck_assert_uint_eq(
        e3tp_graph_num_edges(NULL) + e3tp_graph_num_nodes(NULL) + e3tp_graph_num_senders(NULL), 0);
}
END_TEST

/* Forces go to all nodes, so that each has to be a sender. */
START_TEST(forces_without_senders)
{
    const int32_t ends[1] = {0};
    const float v[3] = {1, 2, 3}, gv[3] = {1, 1, 1};
    float forces[6];
    double strain[9];
    e3tp_graph *g;
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, ends, ends, 1, 2, 1, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_graph_forces(g, E3TP_F32, v, gv, forces, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_forces(g, E3TP_F32, v, gv, NULL, strain), E3TP_OK);
    e3tp_graph_destroy(g);
}
END_TEST

START_TEST(convolutions_that_cannot_be)
{
    e3tp_plan *p = plan_of(E3TP_MUL_IR, E3TP_WEIGHTS_SHARED);
    static const double scales[] = {NAN, INFINITY, -INFINITY};
    char text[300] = "";
    e3tp_conv *c = (e3tp_conv *)p;
    const e3tp_conv_desc good = e3tp_conv_desc_init(p);
#define DESC_REFUSED(field, value, word)                                                      \
    do {                                                                                      \
        e3tp_conv_desc bad = good;                                                            \
        bad.field = value;                                                                    \
        expect(e3tp_conv_create(&c, p, &bad, text, sizeof text), E3TP_E_INVALID, text, word); \
        ck_assert_ptr_null(c);                                                                \
        c = (e3tp_conv *)p;                                                                   \
    } while (0)
    for (size_t i = 0; i < COUNT_OF(scales); i++)
        DESC_REFUSED(scale, scales[i], "scale");
    DESC_REFUSED(size, 3, "size");
    DESC_REFUSED(w_stored, (e3tp_stored)7, "w_stored: there is no form 7");
    DESC_REFUSED(x, (e3tp_place)9, "x: there is no place 9");
    DESC_REFUSED(y, (e3tp_place)-1, "y: there is no place -1");
    DESC_REFUSED(w, E3TP_AT_EDGE, "w: its place is the edge, but the plan's weights are shared");
    DESC_REFUSED(z, E3TP_AT_SENDER, "z: its place is the sender");
    expect(e3tp_conv_create(&c, NULL, NULL, text, sizeof text), E3TP_E_INVALID, text, "plan");
    expect(e3tp_conv_create(NULL, p, NULL, text, sizeof text), E3TP_E_INVALID, text, "out");
    ck_assert_int_eq(e3tp_conv_create(&c, NULL, NULL, NULL, 0), E3TP_E_INVALID);
    e3tp_conv_destroy(NULL);
    e3tp_plan_destroy(p);
    p = plan_of(E3TP_MUL_IR, E3TP_WEIGHTS_ROW);
    DESC_REFUSED(w, E3TP_AT_SHARED, "w: its place is one row for all");
    e3tp_plan_destroy(p);
    ck_assert_int_eq(e3tp_plan_weights(NULL), E3TP_WEIGHTS_NONE);
}
END_TEST

typedef e3tp_status conv_pass(const e3tp_conv *c, const e3tp_graph *g, const e3tp_conv_buffers *b);

static void refuse_conv_pass(const e3tp_conv *c, e3tp_pass pass, const e3tp_graph *g,
                             const e3tp_conv_buffers *b, const char *word)
{
    static conv_pass *const passes[] = {e3tp_conv_forward, e3tp_conv_backward,
                                        e3tp_conv_double_backward, e3tp_conv_jvp};
    char text[300] = "";
    expect(e3tp_conv_buffers_check(c, pass, g, b, text, sizeof text), E3TP_E_INVALID, text, word);
    ck_assert_int_eq(e3tp_conv_buffers_check(c, pass, g, b, NULL, 0), E3TP_E_INVALID);
    ck_assert_int_eq(passes[pass](c, g, b), E3TP_E_INVALID);
}

static void refuse_conv(const e3tp_conv *c, const e3tp_graph *g, const e3tp_conv_buffers *b,
                        const char *word)
{
    refuse_conv_pass(c, E3TP_FORWARD, g, b, word);
}

static void make_nothing(void *ctx, const int64_t *edges, size_t n, void *w)
{
    (void)ctx, (void)edges;
    memset(w, 0, n * 2 * sizeof(float));
}

#define CONV_BROKEN(field, value, word) \
    do {                                \
        e3tp_conv_buffers b = good;     \
        b.field = value;                \
        refuse_conv(c, g, &b, word);    \
    } while (0)

/* _i: the kind of weights. */
START_TEST(convolution_calls)
{
    const int32_t ends[3] = {0, 1, 1};
    const uint8_t reversed[3] = {0};
    float x[12] = {0}, y[18] = {0}, w[6] = {0}, z[4];
    e3tp_plan *p = plan_of(E3TP_MUL_IR, (e3tp_weights)_i);
    e3tp_graph *g;
    e3tp_conv *c;
    char text[20] = "old";
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, ends, ends, 3, 2, 2, text, sizeof text),
                     E3TP_OK);
    ck_assert_int_eq(e3tp_conv_create(&c, p, NULL, NULL, 0), E3TP_OK);
    e3tp_conv_buffers good = e3tp_conv_buffers_init();
    good.x = x, good.y = y, good.w = w, good.z = z;
    ck_assert_int_eq(e3tp_conv_buffers_check(c, E3TP_FORWARD, g, &good, text, sizeof text),
                     E3TP_OK);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(e3tp_conv_forward(c, g, &good), E3TP_OK);
    CONV_BROKEN(size, 8, "size");
    CONV_BROKEN(x, NULL, "x is NULL");
    CONV_BROKEN(y, NULL, "y is NULL");
    CONV_BROKEN(z, NULL, "z is NULL");
    CONV_BROKEN(z, x + 11, "z overlaps x");
    CONV_BROKEN(z, y + 1, "z overlaps y");
    if (_i != E3TP_WEIGHTS_NONE) {
        CONV_BROKEN(w, NULL, "w is NULL");
        CONV_BROKEN(z, w, "z overlaps w");
    }
    if (_i != E3TP_WEIGHTS_ROW)
        CONV_BROKEN(make_weights, make_nothing, "make_weights");
    CONV_BROKEN(edge_reversed, reversed,
                "edge_reversed: expected NULL, y's place is the edge, not the type");
    refuse_conv(NULL, g, &good, "convolution is NULL");
    refuse_conv(c, NULL, &good, "graph is NULL");
    refuse_conv(c, g, NULL, "buffers are NULL");
    ck_assert_uint_gt(e3tp_conv_work_bytes(c, E3TP_FORWARD, g, &good), 0);
    good.x = NULL;
    ck_assert_uint_eq(e3tp_conv_work_bytes(c, E3TP_FORWARD, g, &good), 0);
    ck_assert_uint_eq(e3tp_conv_work_bytes(NULL, E3TP_FORWARD, g, &good), 0);
    e3tp_conv_destroy(c);
    e3tp_graph_destroy(g);
    e3tp_plan_destroy(p);
}
END_TEST

#define PASS_BROKEN(pass, field, value, word)   \
    do {                                        \
        e3tp_conv_buffers b = good;             \
        b.field = value;                        \
        refuse_conv_pass(c, pass, g, &b, word); \
    } while (0)

/* y at the type. */
START_TEST(convolution_passes)
{
    const int32_t ends[3] = {0, 1, 1}, types[3] = {0, 1, 1}, high[3] = {0, 2, 1},
                  low[3] = {0, 1, -1};
    float x[12] = {0}, y[12] = {0}, w[6] = {0}, z[4], gz[4] = {0}, gx[12], gy[12], gw[6];
    e3tp_plan *p = plan_of(E3TP_MUL_IR, E3TP_WEIGHTS_ROW);
    e3tp_graph *g;
    e3tp_conv *c;
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, ends, ends, 3, 2, 2, NULL, 0), E3TP_OK);
    e3tp_conv_desc d = e3tp_conv_desc_init(p);
    d.y = E3TP_AT_TYPE;
    ck_assert_int_eq(e3tp_conv_create(&c, p, &d, NULL, 0), E3TP_OK);
    e3tp_conv_buffers good = e3tp_conv_buffers_init();
    good.x = x, good.y = y, good.w = w, good.z = z, good.gz = gz, good.hz = z;
    good.gx = good.hx = gx, good.gy = good.hy = gy, good.gw = good.hw = gw;
    good.ggx = x, good.ggw = w, good.edge_type = types, good.num_types = 2;
    ck_assert_int_eq(e3tp_conv_backward(c, g, &good), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_double_backward(c, g, &good), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_jvp(c, g, &good), E3TP_OK);
    PASS_BROKEN(E3TP_BACKWARD, gz, NULL, "gz is NULL");
    PASS_BROKEN(E3TP_BACKWARD, edge_type, NULL, "edge_type is NULL");
    PASS_BROKEN(E3TP_BACKWARD, edge_type, high, "edge_type[1]: 2 is outside the 2 types");
    PASS_BROKEN(E3TP_JVP, edge_type, low, "edge_type[2]: -1");
    PASS_BROKEN(E3TP_BACKWARD, gx, gy, "overlaps g");
    PASS_BROKEN(E3TP_BACKWARD, gw, w, "gw overlaps w");
    PASS_BROKEN(E3TP_DOUBLE_BACKWARD, hx, x, "hx overlaps x");
    PASS_BROKEN(E3TP_DOUBLE_BACKWARD, ggy, gy, "hy overlaps ggy");
    PASS_BROKEN(E3TP_JVP, hz, NULL, "hz is NULL");
    ck_assert_int_eq(e3tp_conv_buffers_check(c, (e3tp_pass)9, g, &good, NULL, 0), E3TP_E_INVALID);
    e3tp_conv_destroy(c);
    e3tp_graph_destroy(g);
    e3tp_plan_destroy(p);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("misuse of calls");
    tcase_add_test(t, convolution_passes);
    tcase_add_test(t, calls);
    tcase_add_test(t, tables);
    tcase_add_test(t, overlaps);
    tcase_add_test(t, overlaps_of_second_order);
    tcase_add_test(t, forces_without_senders);
    tcase_add_test(t, batch_last);
    tcase_add_test(t, graphs);
    tcase_add_test(t, convolutions_that_cannot_be);
    tcase_add_loop_test(t, convolution_calls, E3TP_WEIGHTS_NONE, E3TP_WEIGHTS_ROW + 1);
    return run_tests(t, "misuse of calls", CK_FORK);
}
