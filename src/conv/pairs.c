/* SPDX-License-Identifier: MIT */
/* Edges and their reverse: of two receivers the one with more edges looks for its own among the
   fewer of the other, so that a node with many costs as much as its neighbours have. */
#include <math.h>

#include "conv/graph.h"

enum { ALONE = -1 };

/* What a search needs; partner [num_edges] is in the caller's order. */
typedef struct search {
    const e3tp_graph *g;
    e3tp_dtype dtype;
    const void *v;
    double tolerance;
    int32_t *partner;
} search;

static size_t edges_of(const e3tp_graph *g, size_t node)
{
    return node < g->num_nodes ? g->start[node + 1] - g->start[node] : 0;
}

/* Whether receiver r looks for the edges of sender s, which then are those of receiver s. */
static bool looks(const e3tp_graph *g, size_t r, size_t s)
{
    const size_t own = edges_of(g, r), other = edges_of(g, s);
    return own > other || (own == other && r <= s);
}

/* Component d of an edge's vector. */
static double component(const search *s, int64_t edge, int d)
{
    const int64_t at = 3 * edge + d;
    return s->dtype == E3TP_F64 ? ((const double *)s->v)[at] : (double)((const float *)s->v)[at];
}

static bool are_opposite(const search *s, int64_t a, int64_t b)
{
    bool yes = true;
    for (int d = 0; d < 3; d++)
        yes = yes && fabs(component(s, a, d) + component(s, b, d)) <= s->tolerance;
    return yes;
}

/* The edge at a place, of receiver r, and the first free one that is its reverse. */
static void match(const search *s, size_t r, size_t place)
{
    const e3tp_graph *g = s->g;
    const size_t other = (size_t)g->sender[place];
    const int64_t e = g->edge[place];
    for (size_t p = g->start[other]; p < g->start[other + 1]; p++) {
        const int64_t f = g->edge[p];
        if ((size_t)g->sender[p] != r || s->partner[f] != ALONE || f == e || !are_opposite(s, e, f))
            continue;
        s->partner[e] = (int32_t)f, s->partner[f] = (int32_t)e;
        return;
    }
}

static void match_all(const search *s)
{
    const e3tp_graph *g = s->g;
    for (size_t r = 0; r < g->num_nodes; r++)
        for (size_t p = g->start[r]; p < g->start[r + 1]; p++)
            if ((size_t)g->sender[p] < g->num_nodes && s->partner[g->edge[p]] == ALONE &&
                looks(g, r, (size_t)g->sender[p]))
                match(s, r, p);
}

/* Numbers in place of partners. */
static size_t number(size_t num_edges, int32_t *pair, uint8_t *reversed)
{
    size_t n = 0;
    for (size_t e = 0; e < num_edges; e++) {
        const bool second = pair[e] != ALONE && (size_t)pair[e] < e;
        pair[e] = second ? pair[pair[e]] : (int32_t)n++;
        if (reversed)
            reversed[e] = second;
    }
    return n;
}

e3tp_status e3tp_graph_pairs(const e3tp_graph *g, e3tp_dtype dtype, const void *v, double tolerance,
                             int32_t *pair, uint8_t *reversed, size_t *num_pairs)
{
    if (num_pairs)
        *num_pairs = 0;
    if (!g || (dtype != E3TP_F32 && dtype != E3TP_F64) || !(tolerance >= 0) || !num_pairs ||
        (g->num_edges && (!v || !pair)) || g->num_edges > INT32_MAX)
        return E3TP_E_INVALID;
    const search s = {g, dtype, v, tolerance, pair};
    for (size_t e = 0; e < g->num_edges; e++)
        pair[e] = ALONE;
    match_all(&s);
    *num_pairs = number(g->num_edges, pair, reversed);
    return E3TP_OK;
}
