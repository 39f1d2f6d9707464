/* SPDX-License-Identifier: MIT */
/* The convolution against a plain loop over edges; order, duplicates, self-loops, isolated nodes;
 * same bits. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "e3tp/graph.h"

enum { NODES = 40, SENDERS = 55, EDGES = 900 };

static e3tp_isa tier;
static unsigned state = 1;

static unsigned draw(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static double *numbers(size_t n)
{
    double *a = malloc((n + 1) * sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i] = draw() / (double)(1 << 23) - 1;
    return a;
}

/* A few paths of odd multiplicity; wide: a layer whose messages are long, so that more rows are
   summed at a time than have messages of their own. */
static void set_paths(e3tp_desc *d, int wide)
{
    e3tp_desc_set_irreps_text(d, E3TP_X, wide ? "96x0e+96x1o" : "17x0e+17x1o");
    e3tp_desc_set_irreps_text(d, E3TP_Y, wide ? "0e+1o+2e+3o" : "0e+1o");
    if (wide) {
        e3tp_desc_set_product(d, E3TP_PRODUCT_CHANNELWISE, NULL, 0);
        return;
    }
    e3tp_desc_set_irreps_text(d, E3TP_Z, "17x0e+17x1o+17x1o");
    const e3tp_path paths[3] = {e3tp_path_init(0, 0, 0, E3TP_UVU, 1),
                                e3tp_path_init(0, 1, 1, E3TP_UVU, 1),
                                e3tp_path_init(1, 0, 2, E3TP_UVU, 1)};
    for (int i = 0; i < 3; i++)
        e3tp_desc_add_path(d, &paths[i]);
}

static e3tp_plan *layer(int threads, int wide)
{
    e3tp_desc *d;
    e3tp_plan *p;
    e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT);
    set_paths(d, wide);
    e3tp_desc_set_weights(d, E3TP_WEIGHTS_ROW);
    e3tp_desc_set_dtype(d, E3TP_F64);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_threads(d, threads);
    ck_assert_int_eq(e3tp_plan_create(&p, d), E3TP_OK);
    e3tp_desc_destroy(d);
    return p;
}

typedef struct fixture {
    int64_t receivers[EDGES], senders[EDGES];
    size_t width_x, width_y, width_w;
    double *x, *y, *w;
} fixture;

static void edges(fixture *f, int sorted)
{
    for (int e = 0; e < EDGES; e++) {
        f->receivers[e] = sorted ? e * NODES / EDGES
                                 : (int64_t)(draw() % (NODES - 1)); /* the last node has no edge */
        f->senders[e] = draw() % SENDERS;
    }
    f->receivers[3] = f->receivers[2], f->senders[3] = f->senders[2];
}

static void copy_weights(void *ctx, const int64_t *e, size_t n, void *w)
{
    const fixture *f = ctx;
    for (size_t k = 0; k < n; k++)
        memcpy((double *)w + k * f->width_w, f->w + (size_t)e[k] * f->width_w,
               f->width_w * sizeof(double));
}

static void reference(const e3tp_plan *p, const fixture *f, double scale, double *z)
{
    const size_t nz = e3tp_plan_width(p, E3TP_Z);
    double *message = malloc(nz * sizeof *message);
    memset(z, 0, NODES * nz * sizeof *z);
    for (int e = 0; e < EDGES; e++) {
        e3tp_buffers b = e3tp_buffers_init(1);
        b.x = f->x + (size_t)f->senders[e] * f->width_x, b.y = f->y + (size_t)e * f->width_y;
        b.w = f->w + (size_t)e * f->width_w, b.z = message;
        ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
        for (size_t i = 0; i < nz; i++)
            z[(size_t)f->receivers[e] * nz + i] += scale * message[i];
    }
    free(message);
}

START_TEST(against_a_loop)
{
    fixture f;
    state = 5;
    edges(&f, _i % 2);
    e3tp_plan *p = layer(1, _i / 4), *threaded = layer(4, _i / 4);
    f.width_x = e3tp_plan_width(p, E3TP_X), f.width_y = e3tp_plan_width(p, E3TP_Y);
    f.width_w = e3tp_plan_width(p, E3TP_W);
    f.x = numbers(SENDERS * f.width_x), f.y = numbers(EDGES * f.width_y);
    f.w = numbers(EDGES * f.width_w);
    const size_t nz = NODES * e3tp_plan_width(p, E3TP_Z);
    double *z = numbers(nz), *expected = numbers(nz), *again = numbers(nz);
    reference(p, &f, 0.25, expected);
    e3tp_graph *g;
    e3tp_conv *c, *ct;
    ck_assert_int_eq(
        e3tp_graph_create(&g, E3TP_INT64, f.receivers, f.senders, EDGES, NODES, SENDERS, NULL, 0),
        E3TP_OK);
    ck_assert_int_eq(e3tp_conv_create(&c, p, 0.25, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_create(&ct, threaded, 0.25, NULL, 0), E3TP_OK);
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = f.x, b.y = f.y, b.z = z;
    b.make_weights = _i % 4 < 2 ? NULL : copy_weights;
    b.make_weights_ctx = &f;
    b.w = _i % 4 < 2 ? f.w : NULL;
    ck_assert_int_eq(e3tp_conv_forward(c, g, &b), E3TP_OK);
    for (size_t i = 0; i < nz; i++)
        ck_assert_double_eq_tol(z[i], expected[i], 1e-12);
    b.z = again;
    ck_assert_int_eq(e3tp_conv_forward(ct, g, &b), E3TP_OK);
    ck_assert_int_eq(memcmp(z, again, nz * sizeof *z), 0);
    e3tp_conv_destroy(c), e3tp_conv_destroy(ct), e3tp_graph_destroy(g);
    e3tp_plan_destroy(p), e3tp_plan_destroy(threaded);
    free(f.x), free(f.y), free(f.w), free(z), free(expected), free(again);
}
END_TEST

START_TEST(no_edges)
{
    e3tp_plan *p = layer(1, 0);
    e3tp_graph *g;
    e3tp_conv *c;
    const size_t nz = 3 * e3tp_plan_width(p, E3TP_Z);
    double *z = numbers(nz);
    ck_assert_int_eq(e3tp_conv_create(&c, p, 2, NULL, 0), E3TP_OK);
    for (size_t nodes = 0; nodes <= 3; nodes += 3) {
        ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, NULL, NULL, 0, nodes, 0, NULL, 0),
                         E3TP_OK);
        e3tp_conv_buffers b = e3tp_conv_buffers_init();
        b.z = nodes ? z : NULL;
        ck_assert_int_eq(e3tp_conv_forward(c, g, &b), E3TP_OK);
        e3tp_graph_destroy(g);
    }
    for (size_t i = 0; i < nz; i++)
        ck_assert(z[i] == 0);
    free(z);
    e3tp_conv_destroy(c);
    e3tp_plan_destroy(p);
}
END_TEST

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "generic";
    for (int t = E3TP_ISA_GENERIC; e3tp_isa_name((e3tp_isa)t); t++)
        if (strcmp(e3tp_isa_name((e3tp_isa)t), name) == 0)
            tier = (e3tp_isa)t;
    if (!e3tp_isa_usable(tier))
        return 77;
    Suite *s = suite_create("graph");
    TCase *t = tcase_create(name);
    tcase_add_loop_test(t, against_a_loop, 0, 8);
    tcase_add_test(t, no_edges);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK); /* a forked child is serial by design */
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
