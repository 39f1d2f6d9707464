/* SPDX-License-Identifier: MIT */
/* Edges and their reverse: every pair is one, none is missed, by a search through all edges; in a
   cell smaller than the cutoff, so that atoms see many images of each other and of themselves. */
#include <math.h>
#include <stdbool.h>

#include "e3tp/graph.h"
#include "suite.h"

enum { ATOMS = 5, MOST = 6000 };

typedef struct edges {
    size_t n, nodes, senders;
    int32_t receivers[MOST], senders_of[MOST];
    double v[MOST][3];
    int32_t pair[MOST];
    uint8_t reversed[MOST];
    size_t num_pairs;
} edges;

static edges list;

static double draw(void)
{
    static unsigned state = 7;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 24);
}

static void add(edges *l, int32_t receiver, int32_t sender, double x, double y, double z)
{
    ck_assert_uint_lt(l->n, MOST);
    const double v[3] = {x, y, z};
    l->receivers[l->n] = receiver, l->senders_of[l->n] = sender;
    memcpy(l->v[l->n++], v, sizeof v);
}

/* All images within a cutoff in a skew cell; positions rounded as a host's would be. */
static void make_crystal(edges *l, double noise)
{
    const double cell[3][3] = {{3.1, 0, 0}, {0.4, 2.9, 0}, {-0.3, 0.6, 3.3}}, cutoff = 5.5;
    double at[ATOMS][3];
    for (int i = 0; i < 3 * ATOMS; i++)
        at[i / 3][i % 3] = 3 * draw();
    *l = (edges){.nodes = ATOMS, .senders = ATOMS};
    for (int i = 0; i < ATOMS; i++)
        for (int j = 0; j < ATOMS; j++)
            for (int image = 0; image < 7 * 7 * 7; image++) {
                const int k[3] = {image % 7 - 3, image / 7 % 7 - 3, image / 49 - 3};
                double v[3], square = 0;
                for (int d = 0; d < 3; d++) {
                    v[d] = at[j][d] - at[i][d];
                    for (int c = 0; c < 3; c++)
                        v[d] += k[c] * cell[c][d];
                    square += v[d] * v[d];
                    v[d] += noise * (draw() - 0.5);
                }
                if (square < cutoff * cutoff && (i != j || image != 171))
                    add(l, i, j, v[0], v[1], v[2]);
            }
}

static void swap(edges *l, size_t a, size_t b)
{
    const int32_t r = l->receivers[a], s = l->senders_of[a];
    l->receivers[a] = l->receivers[b], l->senders_of[a] = l->senders_of[b];
    l->receivers[b] = r, l->senders_of[b] = s;
    for (int d = 0; d < 3; d++) {
        const double v = l->v[a][d];
        l->v[a][d] = l->v[b][d], l->v[b][d] = v;
    }
}

static void shuffle(edges *l)
{
    for (size_t e = l->n; e > 1; e--)
        swap(l, e - 1, (size_t)(draw() * (double)e));
}

static void find(edges *l, e3tp_dtype t, double tolerance)
{
    static float single[MOST][3];
    e3tp_graph *g;
    for (size_t i = 0; i < 3 * l->n; i++)
        single[i / 3][i % 3] = (float)l->v[i / 3][i % 3];
    ck_assert_int_eq(e3tp_graph_create(&g, E3TP_INT32, l->receivers, l->senders_of, l->n, l->nodes,
                                       l->senders, NULL, 0),
                     E3TP_OK);
    ck_assert_int_eq(e3tp_graph_pairs(g, t, t == E3TP_F64 ? (void *)l->v : (void *)single,
                                      tolerance, l->pair, l->reversed, &l->num_pairs),
                     E3TP_OK);
    e3tp_graph_destroy(g);
}

static bool are_opposite(const edges *l, size_t a, size_t b, double tolerance)
{
    bool yes = l->receivers[a] == l->senders_of[b] && l->senders_of[a] == l->receivers[b];
    for (int d = 0; d < 3; d++)
        yes = yes && fabs(l->v[a][d] + l->v[b][d]) <= tolerance;
    return yes;
}

/* Numbers by first edges; two edges of a number are opposite; of those left alone none is the
   reverse of another. */
static void check_pairs(const edges *l, double tolerance)
{
    static size_t first[MOST], held[MOST];
    size_t n = 0;
    for (size_t e = 0; e < l->n; e++) {
        const size_t p = (size_t)l->pair[e];
        if (l->reversed[e]) {
            ck_assert(p < n && held[p] == 1);
            ck_assert(are_opposite(l, first[p], e, tolerance));
            held[p] = 2;
        } else {
            ck_assert_uint_eq(p, n);
            first[n] = e, held[n++] = 1;
        }
    }
    ck_assert_uint_eq(l->num_pairs, n);
    for (size_t p = 0; p < n; p++)
        for (size_t q = p + 1; q < n; q++)
            if (held[p] == 1 && held[q] == 1 && are_opposite(l, first[p], first[q], tolerance))
                ck_abort_msg("edges %zu and %zu were left alone", first[p], first[q]);
}

/* _i: element type. */
START_TEST(crystals)
{
    for (int k = 0; k < 4; k++) {
        const double noise = k % 2 ? 1e-7 : 0;
        make_crystal(&list, noise);
        if (k / 2)
            shuffle(&list);
        const size_t all = list.n;
        find(&list, (e3tp_dtype)_i, 1e-5);
        check_pairs(&list, 1e-5);
        ck_assert_uint_gt(all, 500);
        ck_assert_uint_eq(list.num_pairs, all / 2);
        list.n -= all / 3; /* some lose their reverse */
        find(&list, (e3tp_dtype)_i, 1e-5);
        check_pairs(&list, 1e-5);
        ck_assert(list.num_pairs > list.n / 2 && list.num_pairs < list.n);
    }
}
END_TEST

/* Ghosts receive nothing; edges alike pair one by one; a node with many edges. */
START_TEST(odd_edges)
{
    list = (edges){.nodes = 300, .senders = 302};
    add(&list, 0, 1, 1, 2, 3);
    add(&list, 0, 1, 1, 2, 3);
    add(&list, 1, 0, -1, -2, -3);
    add(&list, 0, 301, 1, 0, 0); /* a ghost */
    add(&list, 0, 0, 0, 0, 0);   /* itself, alone */
    add(&list, 2, 2, 1, 0, 0);
    add(&list, 2, 2, 1, 0, 0);
    add(&list, 2, 2, -1, 0, 0);
    add(&list, 1, 0, -1, -2, 3); /* another image */
    for (int i = 3; i < 300; i++) {
        add(&list, i, 0, -i, 1, 0);
        if (i % 3)
            add(&list, 0, i, i, -1, 0);
    }
    find(&list, E3TP_F64, 0);
    check_pairs(&list, 0);
    const int32_t want[] = {0, 1, 0, 2, 3, 4, 5, 4, 6};
    ck_assert_int_eq(memcmp(list.pair, want, sizeof want), 0);
    ck_assert_uint_eq(list.num_pairs, 7 + 297);
    shuffle(&list);
    find(&list, E3TP_F32, 0);
    check_pairs(&list, 0);
    ck_assert_uint_eq(list.num_pairs, 7 + 297);
}
END_TEST

START_TEST(misuse)
{
    e3tp_graph *g;
    size_t n = 9;
    list = (edges){.nodes = 2, .senders = 2};
    add(&list, 0, 1, 1, 0, 0);
    ck_assert_int_eq(
        e3tp_graph_create(&g, E3TP_INT32, list.receivers, list.senders_of, 1, 2, 2, NULL, 0),
        E3TP_OK);
#define REFUSED(g, t, v, tolerance, pair, n) \
    ck_assert_int_eq(e3tp_graph_pairs(g, t, v, tolerance, pair, NULL, n), E3TP_E_INVALID)
    REFUSED(NULL, E3TP_F64, list.v, 0, list.pair, &n);
    ck_assert_uint_eq(n, 0);
    REFUSED(g, (e3tp_dtype)5, list.v, 0, list.pair, &n);
    REFUSED(g, E3TP_F64, NULL, 0, list.pair, &n);
    REFUSED(g, E3TP_F64, list.v, -1e-9, list.pair, &n);
    REFUSED(g, E3TP_F64, list.v, (double)NAN, list.pair, &n);
    REFUSED(g, E3TP_F64, list.v, 0, NULL, &n);
    REFUSED(g, E3TP_F64, list.v, 0, list.pair, NULL);
    list.v[0][1] = (double)NAN;
    ck_assert_int_eq(e3tp_graph_pairs(g, E3TP_F64, list.v, 1, list.pair, NULL, &n), E3TP_OK);
    ck_assert(n == 1 && list.pair[0] == 0);
    ck_assert_int_eq(e3tp_graph_update(g, E3TP_INT32, NULL, NULL, 0, 0, 0, NULL, 0), E3TP_OK);
    ck_assert_int_eq(e3tp_graph_pairs(g, E3TP_F32, NULL, 0, NULL, NULL, &n), E3TP_OK);
    ck_assert_uint_eq(n, 0);
    e3tp_graph_destroy(g);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("pairs of edges");
    tcase_add_loop_test(t, crystals, 0, 2);
    tcase_add_test(t, odd_edges);
    tcase_add_test(t, misuse);
    return run_tests(t, "pairs of edges", CK_FORK);
}
