/* SPDX-License-Identifier: MIT */
/* Products with a y about the pole: their plans. */
#include "cg/cg_zonal.h"

#include <stdlib.h>

#include "core/checked.h"
#include "core/table.h"
#include "so3/wigner.h"

/* Of the tier avx512 that of avx2: a fifth slower, and the library a third of this form smaller. */
#define EACH_TIER(X)                                                     \
    X(e3tp_zonal_runner, e3tp_zonal_runner, generic, E3TP_TIER_GENERIC_) \
    E3TP_RUNNERS_AVX2(X, e3tp_zonal_runner, e3tp_zonal_runner)
EACH_TIER(E3TP_RUNNERS_EXTERN)
static const e3tp_zonal_runner *const runners[2][E3TP_TIER_COUNT] = {EACH_TIER(E3TP_RUNNERS_ENTRY)};

static const e3tp_zonal_runner *runner_of(e3tp_dtype t, e3tp_tier tier)
{
    while (!runners[t][tier])
        tier--;
    return runners[t][tier];
}

#define NONE UINT32_MAX

static size_t smaller(int a, int b)
{
    return (size_t)(a < b ? a : b);
}

/* ---- pairs of blocks ---- */

typedef struct maker {
    e3tp_cg_zonal *g;
    const e3tp_problem *p;
    size_t results;    /* most of a job */
    uint32_t *pair_of; /* [blocks of x][blocks of z] */
    size_t line[3][E3TP_MOST_HARMONICS];
} maker;

static uint32_t *pair_at(const maker *k, size_t x, size_t z)
{
    return &k->pair_of[x * k->p->nblocks[2] + z];
}

/* Of order 0 of each block among the lines of a tile. */
static void find_lines(maker *k)
{
    for (int o = 0; o < 3; o++) {
        size_t at = 0;
        for (size_t i = 0; i < k->p->nblocks[o]; i++) {
            const size_t l = (size_t)k->p->blocks[o][i].l;
            k->line[o][i] = at + l;
            at += 2 * l + 1;
        }
    }
}

/* Degree of the block of y of a path, whether the degrees of the path sum to an odd number. */
static int degree_of_y(const e3tp_problem *p, const e3tp_coupling *c)
{
    return p->blocks[1][c->in2].component;
}

static bool is_odd(const e3tp_problem *p, const e3tp_coupling *c)
{
    return (p->blocks[0][c->in1].l + degree_of_y(p, c) + p->blocks[2][c->out].l) % 2;
}

static size_t orders_of(const e3tp_problem *p, const e3tp_coupling *c)
{
    return smaller(p->blocks[0][c->in1].l, p->blocks[2][c->out].l) + 1 - is_odd(p, c);
}

static void find_pairs(maker *k)
{
    e3tp_cg_zonal *g = k->g;
    for (size_t i = 0; i < k->p->npaths; i++) {
        const e3tp_coupling *c = &k->p->paths[i];
        uint32_t *at = pair_at(k, c->in1, c->out);
        if (*at == NONE) {
            *at = (uint32_t)g->npairs;
            g->pairs[g->npairs++] = (e3tp_zonal_pair){
                .line = {k->line[0][c->in1], k->line[2][c->out]},
                .orders = orders_of(k->p, c),
                .odd = is_odd(k->p, c),
            };
        }
        g->pairs[*at].ny++;
    }
}

/* Places of the lists of pairs; returns the orders of all, and their coefficients. */
static size_t place_pairs(e3tp_cg_zonal *g, size_t *coeffs)
{
    size_t y = 0, place = 0;
    *coeffs = 0;
    for (e3tp_zonal_pair *q = g->pairs; q < g->pairs + g->npairs; q++) {
        q->y = y, q->place = place, q->coeff = *coeffs;
        y += q->ny, place += q->orders, *coeffs += q->ny * q->orders;
    }
    return place;
}

static e3tp_status make_pairs(maker *k, const e3tp_allocator *a, size_t *orders, size_t *coeffs)
{
    e3tp_cg_zonal *g = k->g;
    const size_t ends = k->p->nblocks[0] * k->p->nblocks[2], n = k->p->npaths;
    g->pairs = e3tp_zalloc(a, n < ends ? n : ends, sizeof *g->pairs);
    g->ys = e3tp_alloc(a, n, sizeof *g->ys);
    k->pair_of = e3tp_alloc(a, ends, sizeof *k->pair_of);
    if (!g->pairs || !g->ys || !k->pair_of)
        return E3TP_E_NOMEM;
    for (size_t i = 0; i < ends; i++)
        k->pair_of[i] = NONE;
    find_pairs(k);
    *orders = place_pairs(g, coeffs);
    return E3TP_OK;
}

/* ---- jobs ---- */

/* The pair of block r of the results and s of the sources of a map, where it couples order m by
   such sums. */
static uint32_t couples(const maker *k, int map, size_t r, size_t s, size_t m, bool odd)
{
    const uint32_t pair = map ? *pair_at(k, r, s) : *pair_at(k, s, r);
    return pair != NONE && k->g->pairs[pair].odd == odd && m >= odd ? pair : NONE;
}

static void put_element(const maker *k, e3tp_zonal_map *map, uint32_t pair, size_t m)
{
    const uint32_t at = (uint32_t)map->elements++;
    if (pair == NONE) {
        if (map->empty)
            map->empty[map->nempty] = at;
        map->nempty++;
    } else if (map->place) {
        const e3tp_zonal_pair *q = &k->g->pairs[pair];
        map->place[q->place + m - q->odd] = at;
    }
}

static void put_line(e3tp_zonal_map *map, size_t line)
{
    if (map->lines)
        map->lines[map->nlines] = (uint16_t)line;
    map->nlines++;
}

/* Whether a block of a map's operand couples to some of n results. */
static bool couples_any(const maker *k, int back, const size_t *results, size_t n, size_t s,
                        size_t m, bool odd)
{
    bool any = false;
    for (size_t r = 0; r < n && (size_t)k->p->blocks[back ? 2 : 0][s].l >= m; r++)
        any = any || couples(k, back, results[r], s, m, odd) != NONE;
    return any;
}

static bool has_sources(const maker *k, int back, const size_t *results, size_t n, size_t m,
                        bool odd)
{
    bool any = false;
    for (size_t s = 0; s < k->p->nblocks[back ? 2 : 0]; s++)
        any = any || couples_any(k, back, results, n, s, m, odd);
    return any;
}

static void put_sources(const maker *k, int back, const size_t *results, e3tp_zonal_job *j)
{
    e3tp_zonal_map *map = &k->g->maps[back];
    for (size_t s = 0; s < k->p->nblocks[back ? 2 : 0]; s++) {
        if (!couples_any(k, back, results, j->results, s, j->order, j->odd))
            continue;
        j->sources++;
        put_line(map, k->line[back ? 2 : 0][s]);
        for (size_t r = 0; r < j->results; r++)
            put_element(k, map, couples(k, back, results[r], s, j->order, j->odd), j->order);
    }
}

/* The job of odd sums, then that of even ones, which adds to it; where there are neither, one of no
   sources, which writes zeros. */
static void add_jobs(const maker *k, int back, size_t m, const size_t *results, size_t n)
{
    e3tp_zonal_map *map = &k->g->maps[back];
    bool written = false;
    for (int odd = 1; odd >= 0; odd--) {
        if ((odd || written) && !has_sources(k, back, results, n, m, odd))
            continue;
        e3tp_zonal_job j = {.order = m,
                            .results = n,
                            .odd = odd,
                            .adds = written,
                            .lines = map->nlines,
                            .element = map->elements};
        for (size_t r = 0; r < n; r++)
            put_line(map, k->line[back ? 0 : 2][results[r]]);
        put_sources(k, back, results, &j);
        written = true;
        if (map->jobs)
            map->jobs[map->njobs] = j;
        map->njobs++;
    }
}

/* All jobs of a map, whose every result is one of some job; NULL tables: counts. */
static void list_jobs(const maker *k, int back)
{
    e3tp_zonal_map *map = &k->g->maps[back];
    const e3tp_block *to = k->p->blocks[back ? 0 : 2];
    const size_t nto = k->p->nblocks[back ? 0 : 2];
    size_t results[E3TP_MOST_HARMONICS];
    map->njobs = map->nlines = map->elements = map->nempty = 0;
    for (size_t m = 0; m <= E3TP_SO3_LMAX; m++)
        for (int natural = 1; natural >= 0; natural--) {
            size_t n = 0;
            for (size_t i = 0; i < nto; i++)
                if ((size_t)to[i].l >= m && e3tp_is_natural(&to[i]) == natural)
                    results[n++] = i;
            for (size_t at = 0, now; at < n; at += now) {
                now = e3tp_cut(n - at, k->results);
                add_jobs(k, back, m, results + at, now);
            }
        }
}

static e3tp_status make_map(const maker *k, int back, size_t orders, const e3tp_allocator *a)
{
    e3tp_zonal_map *map = &k->g->maps[back];
    const size_t T = e3tp_tile_lanes(k->p), es = e3tp_dtype_size(k->p->dtype);
    list_jobs(k, back);
    map->padded = e3tp_round_up(map->elements, T);
    map->jobs = e3tp_alloc(a, map->njobs, sizeof *map->jobs);
    map->lines = e3tp_alloc(a, map->nlines, sizeof *map->lines);
    map->empty = e3tp_alloc(a, map->nempty, sizeof *map->empty);
    map->place = e3tp_alloc(a, orders, sizeof *map->place);
    map->coeff = e3tp_zalloc(a, k->g->uniform ? map->padded * k->g->ny : 0, es);
    if (!map->jobs || !map->lines || !map->empty || !map->place || !map->coeff)
        return E3TP_E_NOMEM;
    list_jobs(k, back);
    return E3TP_OK;
}

/* ---- coefficients ---- */

/* The coefficient of a pair's order, counted from its first, with block `y` of y, the `number`-th
   of the pair's. */
static void put_coefficient(const maker *k, const e3tp_zonal_pair *q, size_t order, size_t y,
                            size_t number, double c)
{
    e3tp_cg_zonal *g = k->g;
    const size_t T = e3tp_tile_lanes(k->p);
    for (int back = 0; back < 2 && g->uniform; back++) {
        const size_t at = g->maps[back].place[q->place + order];
        e3tp_put(k->p->dtype, g->maps[back].coeff, (at / T * g->ny + y) * T + at % T, c);
    }
    if (!g->uniform)
        e3tp_put(k->p->dtype, g->coeff, q->coeff + number * q->orders + order, c);
}

/* Of one path: the number-th of its pair. W[m,0,m], or where odd [-m,0,m], times kappa. */
static void put_path(const maker *k, const e3tp_coupling *c, size_t number)
{
    enum { N1 = 2 * 12 + 1, MOST = 2 * N1 * N1 };
    e3tp_coupling_entry w[MOST];
    const e3tp_zonal_pair *q = &k->g->pairs[*pair_at(k, c->in1, c->out)];
    const int l1 = k->p->blocks[0][c->in1].l, l2 = degree_of_y(k->p, c),
              l3 = k->p->blocks[2][c->out].l;
    const size_t n = e3tp_so3_coupling_sparse(l1, l2, l3, k->p->sign, w, MOST);
    k->g->ys[q->y + number] = (uint16_t)c->in2;
    for (size_t e = 0; e < n; e++) {
        const int m = w[e].m3 - l3;
        if (w[e].m2 == l2 && m >= q->odd && w[e].m1 - l1 == (q->odd ? -m : m))
            put_coefficient(k, q, (size_t)(m - q->odd), c->in2, number, c->coeff * w[e].value);
    }
}

static void put_paths(const maker *k)
{
    for (size_t i = 0; i < k->p->npaths; i++) {
        size_t number = 0;
        for (size_t j = i; j-- > 0 && k->p->paths[j].in1 == k->p->paths[i].in1;)
            number += k->p->paths[j].out == k->p->paths[i].out;
        put_path(k, &k->p->paths[i], number);
    }
}

/* ---- plans ---- */

static e3tp_status make_tables(maker *k, const e3tp_allocator *a)
{
    size_t orders, coeffs;
    find_lines(k);
    E3TP_TRY(make_pairs(k, a, &orders, &coeffs));
    for (int back = 0; back < 2; back++)
        E3TP_TRY(make_map(k, back, orders, a));
    k->g->coeff = e3tp_zalloc(a, k->g->uniform ? 0 : coeffs, e3tp_dtype_size(k->p->dtype));
    if (!k->g->coeff)
        return E3TP_E_NOMEM;
    put_paths(k);
    return E3TP_OK;
}

static size_t most_orders(const e3tp_cg_zonal *g)
{
    size_t most = 0;
    for (size_t i = 0; i < g->npairs; i++)
        most = g->pairs[i].orders > most ? g->pairs[i].orders : most;
    return most;
}

/* Lines of elements of so many tiles stay in a first-level cache, and jobs are long. */
static size_t choose_together(const e3tp_cg_zonal *g)
{
    const size_t fit = ((size_t)16 << 10) / (64 * (g->maps[0].padded + 1));
    return g->uniform ? SIZE_MAX : fit < 1 ? 1 : fit > 8 ? 8 : fit;
}

static void take_scratch(e3tp_cg_zonal *g)
{
    const size_t T = e3tp_tile_lanes(g->tiles.problem);
    g->together = choose_together(g);
    for (int back = 0; back < 2; back++)
        g->e[back] = e3tp_take(&g->tiles.scratch, T,
                               g->maps[back].padded * (g->uniform ? 1 : T * g->together), false);
    g->d = e3tp_take(&g->tiles.scratch, T,
                     g->uniform ? g->maps[0].padded * (T + 1) : most_orders(g) * T, false);
}

/* Whether lanes share y. */
static bool is_uniform(const e3tp_problem *p, e3tp_lanes lanes)
{
    return p->common_y && !p->factor_weights && lanes == E3TP_LANES_CHANNELS;
}

e3tp_status e3tp_cg_zonal_create(e3tp_cg_zonal **out, const e3tp_problem *p, e3tp_tier tier,
                                 const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_cg_zonal *g = e3tp_zalloc(a, 1, sizeof *g);
    if (!g)
        return e3tp_fail(why, E3TP_E_NOMEM, "cg: no memory for the plan");
    const e3tp_zonal_runner *r = runner_of(p->dtype, tier);
    e3tp_signal_tiles_set(&g->tiles, p, g, 1);
    e3tp_signal_bind(&g->tiles, &r->walk, tier);
    g->ny = p->nblocks[1];
    g->uniform = r->results[1] && is_uniform(p, g->tiles.lanes);
    maker k = {.g = g, .p = p, .results = r->results[g->uniform]};
    if (p->factor_weights)
        g->tiles.span = NULL; /* they are multiplied with packed operands */
    const e3tp_status status = make_tables(&k, a);
    e3tp_free(a, k.pair_of);
    if (status != E3TP_OK) {
        e3tp_cg_zonal_destroy(g, a);
        return e3tp_fail(why, status, "cg: no memory for the tables");
    }
    take_scratch(g);
    *out = g;
    return E3TP_OK;
}

void e3tp_cg_zonal_destroy(e3tp_cg_zonal *g, const e3tp_allocator *a)
{
    for (int back = 0; back < 2 && g; back++) {
        e3tp_zonal_map *map = &g->maps[back];
        e3tp_free(a, map->jobs);
        e3tp_free(a, map->lines);
        e3tp_free(a, map->empty);
        e3tp_free(a, map->place);
        e3tp_free(a, map->coeff);
    }
    if (g) {
        e3tp_free(a, g->pairs);
        e3tp_free(a, g->ys);
        e3tp_free(a, g->coeff);
    }
    e3tp_free(a, g);
}

/* ---- counts ---- */

e3tp_zonal_work e3tp_cg_zonal_work(const e3tp_problem *p)
{
    bool seen[E3TP_MOST_HARMONICS][E3TP_MOST_HARMONICS] = {{false}};
    e3tp_zonal_work w = {0, 0};
    for (size_t i = 0; i < p->npaths; i++) {
        const e3tp_coupling *c = &p->paths[i];
        const size_t orders = orders_of(p, c);
        w.elements += (double)orders;
        if (!seen[c->in1][c->out])
            w.products += (double)(2 * orders - !is_odd(p, c));
        seen[c->in1][c->out] = true;
    }
    return w;
}

/* Of a row: elements are made once for a common y. */
double e3tp_cg_zonal_flops(const e3tp_problem *p, e3tp_pass pass)
{
    const e3tp_zonal_work w = e3tp_cg_zonal_work(p);
    const double channels = (double)p->channels,
                 ys = p->common_y && !p->factor_weights ? 1 : channels;
    return (pass == E3TP_BACKWARD ? 4 : 2) * (ys * w.elements + channels * w.products);
}

/* Multiply-adds per second of elements that are numbers, and lines, of 4 bytes; seconds of a row
   besides. Calibration: bench, 128 channels, L = 2..8. */
static const double speed[2][E3TP_TIER_COUNT] = {{6e9, 22e9, 22e9, 6e9}, {6e9, 34e9, 34e9, 6e9}};
static const double seconds_per_row = 90e-9;

double e3tp_cg_zonal_seconds(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass)
{
    const size_t C = p->channels, T = e3tp_tile_lanes(p);
    const double flops = e3tp_cg_zonal_flops(p, pass) * (p->dtype == E3TP_F64 ? 2 : 1),
                 seconds = flops / 2 / e3tp_tier_speed(speed[p->common_y], tier);
    const bool in_place = !p->factor_weights && C % T == 0 && p->layout[0] == E3TP_IR_MUL &&
                          p->layout[2] == E3TP_IR_MUL;
    if (in_place || !C)
        return seconds + seconds_per_row;
    return e3tp_signal_seconds(p, pass, seconds / (double)((C + T - 1) / T));
}
