/* SPDX-License-Identifier: MIT */
/* src/conv/graph: what is made of lists of edges, against a plain loop, for lists of all kinds and
   sizes, on 1 to 4 threads; and that updates take no memory where they need none, nor change a
   graph when they fail.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "conv/graph.h"
#include "e3tp_config.h"
#include "mallocs.h"
#include "suite.h"
#if E3TP_HAVE_OPENMP
#include <omp.h>
#endif

enum { THREADS = 4 };

static void set_threads(int n)
{
#if E3TP_HAVE_OPENMP
    omp_set_num_threads(n);
#else
    (void)n;
#endif
}

typedef struct list {
    e3tp_index type;
    void *receivers, *senders;
    size_t edges, nodes, num_senders;
} list;

/* Edges anywhere; or sorted, by turns in crowds of some hundred and few for a receiver; or so but
   for two that are exchanged, which the last of several workers has. */
typedef enum form { ANYWHERE, SORTED, EXCHANGED, FORMS } form;

static unsigned state = 1;

static size_t draw(size_t below)
{
    state = state * 1664525u + 1013904223u;
    return (size_t)((uint64_t)(state >> 1) * below >> 31);
}

static void put(const list *l, void *to, size_t e, size_t value)
{
    if (l->type == E3TP_INT32)
        ((int32_t *)to)[e] = (int32_t)value;
    else
        ((int64_t *)to)[e] = (int64_t)value;
}

static size_t get(const list *l, const void *from, size_t e)
{
    return l->type == E3TP_INT32 ? (size_t)((const int32_t *)from)[e]
                                 : (size_t)((const int64_t *)from)[e];
}

static void exchange_last(const list *l)
{
    size_t e = l->edges;
    while (e > 1 && get(l, l->receivers, e - 2) == get(l, l->receivers, e - 1))
        e--;
    if (e < 2)
        return;
    const size_t r = get(l, l->receivers, e - 2);
    put(l, l->receivers, e - 2, get(l, l->receivers, e - 1));
    put(l, l->receivers, e - 1, r);
}

static list list_of(form f, e3tp_index type, size_t edges, size_t nodes, size_t senders)
{
    list l = {type, malloc(8 * edges + 1), malloc(8 * edges + 1), edges, nodes, senders};
    size_t r = 0;
    for (size_t e = 0; e < edges; e++) {
        r = f == ANYWHERE ? draw(nodes) : r + 1 < nodes && !draw(r % 3 ? 20 : 300) ? r + 1 : r;
        put(&l, l.receivers, e, r);
        put(&l, l.senders, e, draw(senders));
    }
    if (f == EXCHANGED)
        exchange_last(&l);
    return l;
}

static void free_list(list *l)
{
    free(l->receivers), free(l->senders);
}

static e3tp_graph *graph_of(const list *l)
{
    e3tp_graph *g;
    ck_assert_int_eq(e3tp_graph_create(&g, l->type, l->receivers, l->senders, l->edges, l->nodes,
                                       l->num_senders, NULL, 0),
                     E3TP_OK);
    return g;
}

static e3tp_status update(e3tp_graph *g, const list *l, char *text, size_t cap)
{
    return e3tp_graph_update(g, l->type, l->receivers, l->senders, l->edges, l->nodes,
                             l->num_senders, text, cap);
}

/* ---- against a plain loop ---- */

static void check_places(const e3tp_graph *g, const list *l)
{
    size_t *next = calloc(l->nodes + 1, sizeof *next), wrong = 0, moved = 0;
    for (size_t e = 0; e < l->edges; e++) {
        const size_t r = get(l, l->receivers, e), place = g->start[r] + next[r]++;
        wrong += place >= l->edges || (size_t)g->edge[place] != e ||
                 (size_t)g->sender[place] != get(l, l->senders, e);
        moved += place != e;
    }
    for (size_t r = 0; r < l->nodes; r++)
        wrong += g->start[r] + next[r] != g->start[r + 1];
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(g->start[0], 0);
    ck_assert_int_eq(g->in_order, moved == 0);
    free(next);
}

static void check_order(const e3tp_graph *g)
{
    int64_t *edge = malloc(g->num_edges * sizeof *edge + 1);
    ck_assert_int_eq(e3tp_graph_order(g, edge), E3TP_OK);
    ck_assert_int_eq(memcmp(edge, g->edge, g->num_edges * sizeof *edge), 0);
    free(edge);
}

/* Pieces follow one another; one that goes beyond its first receiver ends with another. */
static void check_pieces(const e3tp_graph *g)
{
    size_t wrong = 0, places = 0;
    for (size_t p = 0; p < g->npieces; p++) {
        const size_t from = g->piece[p].place, to = g->piece[p + 1].place, r = g->piece[p].receiver;
        wrong += from != places || to <= from || to - from > E3TP_PIECE;
        wrong += g->start[r] > from || g->start[r + 1] <= from;
        wrong += to > g->start[r + 1] && to != g->start[g->piece[p + 1].receiver];
        places = to;
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(places, g->num_edges);
    ck_assert_uint_eq(g->piece[g->npieces].receiver, g->num_nodes);
}

/* Each place of a window once, by sender and then by place. */
static void check_windows(const e3tp_graph *g)
{
    size_t wrong = 0;
    for (size_t w = 0; w < e3tp_graph_windows(g); w++) {
        size_t first;
        const size_t end = e3tp_graph_window(g, w, &first), from = g->piece[first].place,
                     n = g->piece[end].place - from;
        const uint16_t *by = g->by_sender + from;
        for (size_t i = 0; i < n; i++)
            wrong += by[i] >= n;
        for (size_t i = 1; i < n; i++) {
            const int32_t a = g->sender[from + by[i - 1]], b = g->sender[from + by[i]];
            wrong += a > b || (a == b && by[i - 1] >= by[i]);
        }
    }
    ck_assert_uint_eq(wrong, 0);
}

static void check_graph(const e3tp_graph *g, const list *l)
{
    ck_assert_uint_eq(e3tp_graph_num_edges(g), l->edges);
    ck_assert_uint_eq(e3tp_graph_num_nodes(g), l->nodes);
    ck_assert_uint_eq(e3tp_graph_num_senders(g), l->num_senders);
    check_places(g, l);
    check_order(g);
    check_pieces(g);
    check_windows(g);
}

static const struct {
    size_t edges, nodes, senders;
} sizes[] = {{0, 0, 0},
             {0, 5, 7},
             {1, 1, 1},
             {64, 1, 300},
             {65, 2, 3},
             {2500, 40, 70000},
             {5000, 9000, 9},
             {70001, 900, 1200},
             {300000, 7001, 7500},
             {300001, 200001, 1u << 25},
             {400000, 40000, 50000},
             {400000, 3, INT32_MAX}};

/* _i: the size. */
START_TEST(lists)
{
    for (int f = ANYWHERE; f < FORMS; f++)
        for (int type = E3TP_INT32; type <= E3TP_INT64; type++) {
            list l = list_of((form)f, (e3tp_index)type, sizes[_i].edges, sizes[_i].nodes,
                             sizes[_i].senders);
            for (int threads = 1; threads <= THREADS; threads++) {
                set_threads(threads);
                e3tp_graph *g = graph_of(&l);
                check_graph(g, &l);
                e3tp_graph_destroy(g);
            }
            free_list(&l);
        }
}
END_TEST

/* From each size to each. */
START_TEST(updates)
{
    const list from =
        list_of(ANYWHERE, E3TP_INT32, sizes[_i].edges, sizes[_i].nodes, sizes[_i].senders);
    for (size_t k = 0; k < COUNT_OF(sizes); k++) {
        list to = list_of(SORTED, E3TP_INT64, sizes[k].edges, sizes[k].nodes, sizes[k].senders);
        e3tp_graph *g = graph_of(&from);
        ck_assert_int_eq(update(g, &to, NULL, 0), E3TP_OK);
        check_graph(g, &to);
        e3tp_graph_destroy(g);
        free_list(&to);
    }
    free_list((list *)&from);
}
END_TEST

/* ---- memory ---- */

static long mallocs_of_update(e3tp_graph *g, const list *l)
{
    const long before = mallocs_so_far();
    const e3tp_status s = update(g, l, NULL, 0);
    const long taken = mallocs_so_far() - before; /* assertions take memory */
    ck_assert_int_eq(s, E3TP_OK);
    check_graph(g, l);
    return taken;
}

START_TEST(memory_is_used_again)
{
    static const struct {
        size_t edges, nodes;
        int takes;
    } steps[] = {{3000, 100, 0}, {2000, 90, 0},  {3000, 100, 0}, {3001, 100, 1}, {3300, 100, 0},
                 {3376, 100, 0}, {3376, 101, 1}, {0, 0, 0},      {3300, 113, 0}, {3377, 113, 1}};
    list l = list_of(ANYWHERE, E3TP_INT32, 3000, 100, 120);
    e3tp_graph *g = graph_of(&l);
    free_list(&l);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        l = list_of(ANYWHERE, E3TP_INT32, steps[i].edges, steps[i].nodes, 200 + i);
        const long taken = mallocs_of_update(g, &l);
        ck_assert_msg((taken > 0) == (MALLOCS_COUNTED && steps[i].takes), "step %zu: %ld taken", i,
                      taken);
        free_list(&l);
    }
    e3tp_graph_destroy(g);
}
END_TEST

/* Every allocation fails once: nothing comes of it but a sentence. */
START_TEST(no_memory)
{
    const list few = list_of(ANYWHERE, E3TP_INT32, 500, 30, 40),
               many = list_of(ANYWHERE, E3TP_INT64, 900, 50, 60);
    e3tp_graph *g = graph_of(&few), *made = NULL;
    char text[200];
    e3tp_status s[2] = {E3TP_E_NOMEM, E3TP_E_NOMEM};
    long k = 0;
    for (; s[0] == E3TP_E_NOMEM; k++) {
        text[0] = '\0';
        refuse_mallocs_after(k);
        s[0] = e3tp_graph_create(&made, many.type, many.receivers, many.senders, many.edges,
                                 many.nodes, many.num_senders, text, sizeof text);
        refuse_mallocs_after(-1);
        ck_assert(s[0] == E3TP_OK ? made != NULL : !made && strlen(text) > 10);
    }
    check_graph(made, &many);
    ck_assert_int_eq(k > 3, MALLOCS_COUNTED);
    for (k = 0; s[1] == E3TP_E_NOMEM; k++) {
        check_graph(g, &few);
        refuse_mallocs_after(k);
        s[1] = update(g, &many, text, sizeof text);
        refuse_mallocs_after(-1);
        ck_assert(s[1] == E3TP_OK || strlen(text) > 10);
    }
    check_graph(g, &many);
    ck_assert_int_eq(k > 3, MALLOCS_COUNTED);
    if (!MALLOCS_COUNTED)
        printf("SKIP: mallocs do not fail here\n");
    e3tp_graph_destroy(g), e3tp_graph_destroy(made);
    free_list((list *)&few), free_list((list *)&many);
}
END_TEST

/* A wrong index at any edge leaves the graph as it was. */
START_TEST(wrong_indices)
{
    const list few = list_of(ANYWHERE, E3TP_INT32, 500, 30, 40);
    list bad = list_of(ANYWHERE, E3TP_INT32, 300001, 30, 40);
    e3tp_graph *g = graph_of(&few);
    static const size_t where[] = {300000, 150000, 77, 0};
    for (size_t i = 0; i < 4; i++) {
        char text[200] = "", want[60];
        put(&bad, i % 2 ? bad.senders : bad.receivers, where[i], 40);
        snprintf(want, sizeof want, "edge %zu: %s 40 ", where[i], i % 2 ? "sender" : "receiver");
        ck_assert_int_eq(update(g, &bad, text, sizeof text), E3TP_E_INVALID);
        ck_assert_msg(strncmp(text, want, strlen(want)) == 0, "%s", text);
        check_graph(g, &few);
    }
    e3tp_graph_destroy(g);
    free_list((list *)&few), free_list(&bad);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("graph");
    tcase_add_loop_test(t, lists, 0, COUNT_OF(sizes));
    tcase_add_loop_test(t, updates, 0, COUNT_OF(sizes));
    tcase_add_test(t, memory_is_used_again);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, wrong_indices);
    return run_tests(t, "graph", CK_NOFORK); /* a forked child is serial by design */
}
