/* SPDX-License-Identifier: MIT */
/* Convolutions over unusual lists of edges: rows far apart, other edges in place of the first, none
   at all; and one that outlives its plan. argv[1] is the tier. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include <sys/mman.h>
#include <unistd.h>

#include "e3tp/graph.h"
#include "graph_checks.h"

/* ---- rows beyond 2^32 bytes, of memory that is not there but where it is written ---- */

static void write_far(double *to, const double *from, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), first = (size_t)(uintptr_t)to / page * page;
    ck_assert_int_eq(mprotect((void *)(uintptr_t)first, (size_t)(uintptr_t)to + bytes - first,
                              PROT_READ | PROT_WRITE),
                     0);
    memcpy(to, from, bytes);
}

START_TEST(far_rows)
{
    enum { FAR = 1500000, FEW = 4 };
    static const int32_t receivers[FEW] = {0, 1, 1, 2}, near[FEW] = {0, 1, 2, 1},
                         far[FEW] = {0, FAR / 2, FAR - 1, FAR / 2};
    static const size_t rows[3] = {0, FAR / 2, FAR - 1};
    e3tp_plan *p = layer(whole_tiles, 0, E3TP_IR_MUL);
    const size_t wx = e3tp_plan_width(p, E3TP_X), wy = e3tp_plan_width(p, E3TP_Y),
                 ww = e3tp_plan_width(p, E3TP_W), nz = 3 * e3tp_plan_width(p, E3TP_Z),
                 bytes = FAR * wx * sizeof(double);
    double *x = numbers(3 * wx), *y = numbers(FEW * wy), *w = numbers(FEW * ww), *z[2];
    double *sparse = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_msg(sparse != MAP_FAILED && bytes > (size_t)1 << 32, "%zu bytes", bytes);
    for (int i = 0; i < 3; i++)
        write_far(sparse + rows[i] * wx, x + (size_t)i * wx, wx * sizeof *x);
    for (int i = 0; i < 2; i++) {
        e3tp_graph *g;
        e3tp_conv *c;
        e3tp_conv_buffers b = e3tp_conv_buffers_init();
        b.x = i ? sparse : x, b.y = y, b.w = w, b.z = z[i] = numbers(nz);
        ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, receivers, i ? far : near, FEW, 3,
                                           i ? FAR : 3, NULL, 0),
                         E3TP_OK);
        ck_assert_int_eq(e3tp_conv_create(&c, p, NULL, NULL, 0), E3TP_OK);
        ck_assert_int_eq(e3tp_conv_forward(c, g, &b), E3TP_OK);
        e3tp_conv_destroy(c);
        e3tp_graph_destroy(g);
    }
    ck_assert_int_eq(memcmp(z[0], z[1], nz * sizeof(double)), 0);
    munmap(sparse, bytes);
    free(x), free(y), free(w), free(z[0]), free(z[1]);
    e3tp_plan_destroy(p);
}
END_TEST

/* ---- other edges in place of the first ---- */

START_TEST(updates)
{
    static const int32_t first[2] = {0, 1}, receivers[3] = {2, 0, 2}, senders[3] = {1, 1, 0},
                         bad[3] = {0, 1, 3};
    e3tp_plan *p = layer(whole_tiles, 0, E3TP_MUL_IR);
    const size_t nz = 3 * e3tp_plan_width(p, E3TP_Z);
    double *x = numbers(3 * e3tp_plan_width(p, E3TP_X)),
           *y = numbers(3 * e3tp_plan_width(p, E3TP_Y)),
           *w = numbers(3 * e3tp_plan_width(p, E3TP_W)), *z = numbers(2 * nz);
    e3tp_graph *g, *made;
    e3tp_conv *c;
    char text[200] = "";
    ck_assert_int_eq(e3tp_conv_create(&c, p, NULL, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, first, first, 2, 2, 2, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_graph_create(&made, E3TP_INT32, receivers, senders, 3, 3, 3, NULL, 0),
                     E3TP_OK);
    ck_assert_int_eq(e3tp_graph_update(g, E3TP_INT32, receivers, senders, 3, 3, 3, NULL, 0),
                     E3TP_OK);
    ck_assert_int_eq(e3tp_graph_update(g, E3TP_INT32, receivers, bad, 3, 3, 3, text, sizeof text),
                     E3TP_E_INVALID);
    ck_assert_msg(strlen(text) > 10, "%s", text);
    ck_assert_int_eq(e3tp_graph_update(NULL, E3TP_INT32, receivers, senders, 3, 3, 3, NULL, 0),
                     E3TP_E_INVALID);
    ck_assert_uint_eq(e3tp_graph_num_edges(g), 3);
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = x, b.y = y, b.w = w, b.z = z;
    ck_assert_int_eq(e3tp_conv_forward(c, made, &b), E3TP_OK);
    b.z = z + nz;
    ck_assert_int_eq(e3tp_conv_forward(c, g, &b), E3TP_OK);
    ck_assert_int_eq(memcmp(z, z + nz, nz * sizeof *z), 0);
    free(x), free(y), free(w), free(z);
    e3tp_graph_destroy(g), e3tp_graph_destroy(made);
    e3tp_conv_destroy(c);
    e3tp_plan_destroy(p);
}
END_TEST

/* As where objects that know of each other are collected in any order. */
START_TEST(destroyed_after_its_plan)
{
    e3tp_plan *p = layer(whole_tiles, 0, E3TP_MUL_IR);
    e3tp_conv *c;
    ck_assert_int_eq(e3tp_conv_create(&c, p, NULL, NULL, 0), E3TP_OK);
    e3tp_plan_destroy(p);
    e3tp_conv_destroy(c);
}
END_TEST

START_TEST(no_edges)
{
    e3tp_plan *p = layer(whole_tiles, 0, E3TP_MUL_IR);
    e3tp_graph *g;
    e3tp_conv *c;
    const size_t nz = 3 * e3tp_plan_width(p, E3TP_Z), nx = 2 * e3tp_plan_width(p, E3TP_X);
    double *z = numbers(nz), *gx = numbers(nx);
    e3tp_conv_desc half = e3tp_conv_desc_init(p); /* of a float64 plan */
    half.w_stored = E3TP_STORED_BF16;
    char text[200] = "";
    ck_assert_int_eq(e3tp_conv_create(&c, p, &half, text, sizeof text), E3TP_E_INVALID);
    ck_assert_ptr_nonnull(strstr(text, "float64"));
    ck_assert_int_eq(e3tp_conv_create(&c, p, NULL, NULL, 0), E3TP_OK);
    for (size_t nodes = 0; nodes <= 3; nodes += 3) {
        const size_t senders = nodes ? 2 : 0;
        ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, NULL, NULL, 0, nodes, senders, NULL, 0),
                         E3TP_OK);
        ck_assert_uint_eq(e3tp_graph_num_senders(g), senders);
        e3tp_conv_buffers b = e3tp_conv_buffers_init();
        b.z = nodes ? z : NULL;
        b.gx = nodes ? gx : NULL;
        ck_assert_int_eq(e3tp_conv_forward(c, g, &b), E3TP_OK);
        ck_assert_int_eq(e3tp_conv_backward(c, g, &b), E3TP_OK);
        e3tp_graph_destroy(g);
    }
    for (size_t i = 0; i < nz; i++)
        ck_assert(z[i] == 0);
    for (size_t i = 0; i < nx; i++)
        ck_assert(gx[i] == 0);
    free(z), free(gx);
    e3tp_conv_destroy(c);
    e3tp_plan_destroy(p);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *t = tcase_create("graph lists");
    tcase_add_test(t, far_rows);
    tcase_add_test(t, updates);
    tcase_add_test(t, destroyed_after_its_plan);
    tcase_add_test(t, no_edges);
    return run_tests(t, "graph lists", CK_NOFORK); /* a forked child is serial by design */
}
