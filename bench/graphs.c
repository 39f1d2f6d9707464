/* SPDX-License-Identifier: MIT */
/* Forward, and the gradients of features and vectors. What is timed was compared: rows of z with
   the product alone over the edges of an atom, harmonics and weights stored; gradients of some
   vectors with the chain rule over that product's; those of features by the identity of a function
   that is linear in them. */
#include "graphs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convolution.h"
#include "json.h"
#include "maker.h"
#include "timing.h"
#include "verify.h"

typedef enum form { DIAMOND, PRIMITIVE, SHUFFLED, WATER, NO_EDGES } form;

typedef struct kind {
    const char *name;
    form form;
    int cells;
    size_t neighbours; /* in diamond */
} kind;

static const kind kinds[] = {
    {"54 atoms, no edges", NO_EDGES, 3, 46}, /* what a call takes by itself; an item is the call */
    {"diamond, 54 atoms", PRIMITIVE, 3, 46},
    {"diamond, 216 atoms", DIAMOND, 3, 46},
    {"diamond, 1000 atoms", DIAMOND, 5, 46},
    {"1000 atoms, 158 neighbours", DIAMOND, 5, 158},
    {"diamond, 2744 atoms", DIAMOND, 7, 46},
    {"diamond, 5832 atoms", DIAMOND, 9, 46},
    {"senders shuffled, 5832 atoms", SHUFFLED, 9, 46},
    {"water, 3000 atoms, 2 types", WATER, 10, 0},
};
enum { KINDS = sizeof kinds / sizeof *kinds, QUICK_KINDS = 4, SAMPLED = 5 };

typedef struct setup {
    const kind *k;
    bench_crystal crystal;
    bench_product product;
    bench_maker maker;
    e3tp_graph *graph;
    size_t nx, nz, tables;
    int32_t *type;
    float *v, *r, *x, *gx, *z, *gz, *gv, *table;
    void *work;
    size_t work_bytes;
} setup;

static int make_crystal(setup *s)
{
    bench_crystal *c = &s->crystal;
    if (s->k->form == WATER)
        return bench_water(c, s->k->cells);
    const int few = s->k->form == PRIMITIVE || s->k->form == NO_EDGES;
    if (!(few ? bench_diamond_primitive : bench_diamond)(c, bench_diamond_a, s->k->cells,
                                                         s->k->neighbours))
        return 0;
    if (s->k->form == NO_EDGES)
        c->edges = 0;
    return s->k->form != SHUFFLED || bench_shuffle_senders(c);
}

static int setup_create(setup *s, const kind *k, int threads, char *why, size_t cap)
{
    *s = (setup){.k = k, .tables = k->form == WATER ? 2 : 1};
    const bench_crystal *c = &s->crystal;
    if (!make_crystal(s)) {
        snprintf(why, cap, "%s: no such crystal", k->name);
        return 0;
    }
    if (!bench_conv_product(&s->product, &bench_conv_standard, threads, why, cap) ||
        e3tp_graph_create(&s->graph, E3TP_INT32, c->receiver, c->sender, c->edges, c->atoms,
                          c->atoms, why, cap) ||
        !bench_maker_create(&s->maker, s->product.plan, c->cutoff, k->form == WATER, threads, why,
                            cap))
        return 0;
    s->nx = e3tp_plan_width(s->product.plan, E3TP_X);
    s->nz = e3tp_plan_width(s->product.plan, E3TP_Z);
    return 1;
}

static void setup_destroy(setup *s)
{
    float *const arrays[] = {s->v, s->r, s->x, s->gx, s->z, s->gz, s->gv, s->table};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
    free(s->type), free(s->work);
    bench_maker_destroy(&s->maker);
    e3tp_graph_destroy(s->graph);
    bench_product_destroy(&s->product);
    bench_crystal_destroy(&s->crystal);
}

/* Of gradients too, or of z. */
static e3tp_conv_buffers buffers_of(const setup *s, int forces)
{
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = s->x, b.v = s->v, b.w = s->table, b.gz = s->gz;
    b.edge_type = s->type, b.num_types = s->tables;
    b.z = s->z;
    b.gx = forces ? s->gx : NULL, b.gv = forces ? s->gv : NULL;
    b.work = s->work;
    return b;
}

static int run(const setup *s, int forces)
{
    const e3tp_conv_buffers b = buffers_of(s, forces);
    return (forces ? e3tp_conv_backward : e3tp_conv_forward)(s->maker.conv, s->graph, &b) ==
           E3TP_OK;
}

static int make_work(setup *s)
{
    const e3tp_conv_buffers z = buffers_of(s, 0), g = buffers_of(s, 1);
    const size_t a = e3tp_conv_work_bytes(s->maker.conv, E3TP_FORWARD, s->graph, &z),
                 b = e3tp_conv_work_bytes(s->maker.conv, E3TP_BACKWARD, s->graph, &g);
    s->work_bytes = a > b ? a : b;
    s->work = bench_alloc(s->work_bytes);
    return s->work != NULL;
}

static int make_arrays(setup *s)
{
    const bench_crystal *c = &s->crystal;
    const size_t rows = s->tables * e3tp_spline_rows(s->maker.spline),
                 table = rows * e3tp_spline_width(s->maker.spline);
    const struct {
        float **at;
        size_t n;
    } arrays[] = {{&s->v, 3 * c->edges},      {&s->r, c->edges},         {&s->x, c->atoms * s->nx},
                  {&s->gx, c->atoms * s->nx}, {&s->z, c->atoms * s->nz}, {&s->gz, c->atoms * s->nz},
                  {&s->gv, 3 * c->edges},     {&s->table, table}};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        *arrays[i].at = bench_alloc(arrays[i].n * sizeof(float));
        if (!*arrays[i].at)
            return 0;
        bench_normal(E3TP_F32, *arrays[i].at, arrays[i].n, 81 + (unsigned)i);
    }
    s->type = bench_alloc(c->edges * sizeof *s->type);
    for (size_t e = 0; s->type && e < c->edges; e++) /* O comes first, two H follow */
        s->type[e] = s->tables > 1 && c->sender[e] % 3 != 0;
    return s->type && bench_displace(c, s->v, s->r) &&
           bench_fill_spline(s->maker.spline, s->tables, s->table) && make_work(s);
}

/* ---- what is right ---- */

/* Harmonics and weights of an edge. */
static int make_edge(const setup *s, size_t e, float *y, float *w)
{
    const e3tp_sh_vectors one = {1, s->v + 3 * e, NULL, NULL};
    return e3tp_sh_evaluate(s->maker.sh, &one, y, NULL, NULL) == E3TP_OK &&
           e3tp_spline_evaluate(s->maker.spline, s->tables, s->table, s->r + e, s->type + e, 1, w,
                                NULL, NULL) == E3TP_OK;
}

/* Adds the messages of an atom's edges, harmonics and weights stored, to z [nz]. */
static int add_messages(const setup *s, size_t atom, double *z)
{
    const bench_crystal *c = &s->crystal;
    const size_t nw = e3tp_plan_width(s->product.plan, E3TP_W);
    float y[16], *w = malloc(nw * sizeof *w), *message = malloc(s->nz * sizeof *message);
    int ok = w && message;
    for (size_t e = 0; ok && e < c->edges; e++) {
        if ((size_t)c->receiver[e] != atom)
            continue;
        e3tp_buffers b = e3tp_buffers_init(1);
        ok = make_edge(s, e, y, w);
        b.x = s->x + (size_t)c->sender[e] * s->nx, b.y = y, b.w = w, b.z = message;
        ok = ok && e3tp_forward(s->product.plan, &b) == E3TP_OK;
        for (size_t i = 0; ok && i < s->nz; i++)
            z[i] += (double)message[i];
    }
    free(w), free(message);
    return ok;
}

static double row_error(const setup *s, size_t atom)
{
    double *z = calloc(s->nz, sizeof *z), worst = 0, squares = 0;
    if (!z || !add_messages(s, atom, z))
        worst = INFINITY;
    for (size_t i = 0; z && i < s->nz; i++) {
        worst = bench_worse(worst, fabs(z[i] - (double)s->z[atom * s->nz + i]));
        squares += z[i] * z[i];
    }
    free(z);
    return worst / sqrt(squares / (double)s->nz);
}

/* Without edges all is zero. */
static double largest(const setup *s)
{
    double most = 0;
    for (size_t i = 0; i < s->crystal.atoms * s->nz; i++)
        most = bench_worse(most, fabs((double)s->z[i]));
    for (size_t i = 0; i < s->crystal.atoms * s->nx; i++)
        most = bench_worse(most, fabs((double)s->gx[i]));
    return most;
}

/* gv at some edges, from gradients of the product alone. */
static double vector_error(const setup *s)
{
    const bench_crystal *c = &s->crystal;
    const size_t nw = e3tp_plan_width(s->product.plan, E3TP_W);
    float y[16], gy[16], *w = malloc(nw * sizeof *w), *gw = malloc(nw * sizeof *gw);
    double worst = w && gw ? 0 : INFINITY;
    for (size_t i = 0; worst < INFINITY && i < SAMPLED; i++) {
        const size_t e = i * (c->edges - 1) / (SAMPLED - 1);
        e3tp_buffers b = e3tp_buffers_init(1);
        b.x = s->x + (size_t)c->sender[e] * s->nx, b.y = y, b.w = w;
        b.gz = s->gz + (size_t)c->receiver[e] * s->nz, b.gy = gy, b.gw = gw;
        if (!make_edge(s, e, y, w) || e3tp_backward(s->product.plan, &b) != E3TP_OK)
            worst = INFINITY;
        else
            worst =
                bench_worse(worst, bench_vector_error(&s->maker, s->tables, s->table, s->v + 3 * e,
                                                      s->r[e], s->type + e, gy, gw, s->gv + 3 * e));
    }
    free(w), free(gw);
    return worst;
}

static double verify(const setup *s)
{
    const size_t atoms = s->crystal.atoms;
    double size = 0, worst = 0;
    if (!run(s, 0) || !run(s, 1))
        return INFINITY;
    if (!s->crystal.edges)
        return largest(s);
    for (size_t i = 0; i < SAMPLED; i++)
        worst = bench_worse(worst, row_error(s, i * (atoms - 1) / (SAMPLED - 1)));
    const double by_z = bench_dot(s->z, s->gz, atoms * s->nz, &size),
                 by_x = bench_dot(s->x, s->gx, atoms * s->nx, &size);
    worst = bench_worse(worst, vector_error(s));
    return bench_worse(worst, bench_imbalance(by_z - by_x, size));
}

/* ---- report ---- */

static void report(const bench_layer_options *o, const setup *s, int forces, int threads,
                   bench_stats seconds, double err)
{
    char problem[160];
    const bench_crystal *c = &s->crystal;
    snprintf(problem, sizeof problem, "atoms=%zu edges=%zu layout=ir_mul threads=%d knots=%d",
             c->atoms, c->edges, threads, BENCH_KNOTS);
    bench_result r = bench_conv_result("graphs", s->k->name, problem, forces ? "bwd" : "fwd",
                                       s->product.plan, c->edges ? c->edges : 1, threads, seconds);
    r.max_err = err;
    if (o->json) {
        bench_result_begin(o->json, &r);
        bench_json_number(o->json, "work_mb", (double)s->work_bytes / (1 << 20));
        bench_result_end(o->json);
    }
    if (o->table)
        fprintf(o->table, "%-30s %-8s %d %8zu %8.1f %8.1f %8.1e\n", r.name,
                forces ? "forces" : "forward", threads, c->edges, r.ns.median,
                (double)s->work_bytes / (1 << 20), err);
}

static int measure(const bench_layer_options *o, const setup *s, int threads, double err)
{
    static double v[2][BENCH_MOST_ROUNDS];
    const int rounds = bench_conv_rounds(o);
    for (int i = 0; i < rounds; i++)
        for (int forces = 0; forces < 2; forces++) {
            const double start = bench_now();
            if (!run(s, forces))
                return 0;
            v[forces][i] = bench_now() - start;
        }
    for (int forces = 0; forces < 2; forces++)
        report(o, s, forces, threads, bench_statistics(v[forces], (size_t)rounds), err);
    return 1;
}

static int run_kind(const bench_layer_options *o, const kind *k, int threads)
{
    setup s;
    char why[512] = "";
    double err = INFINITY;
    if (o->progress)
        fprintf(stderr, "\r\033[K%s, %d thread%s ...", k->name, threads, threads > 1 ? "s" : "");
    int ok = setup_create(&s, k, threads, why, sizeof why);
    const size_t numbers = s.crystal.atoms * 2 * (s.nx + s.nz) + 8 * s.crystal.edges;
    if (ok && bench_too_large(o, numbers * sizeof(float), k->name, threads)) {
        setup_destroy(&s);
        return 1;
    }
    if (ok && make_arrays(&s))
        err = verify(&s);
    if (!(err <= bench_tolerance(E3TP_F32))) {
        bench_refuse(o->json, stderr, "wrong", k->name, "convolution: %s error %.2g", why, err);
        ok = 0;
    }
    ok = ok && measure(o, &s, threads, err);
    setup_destroy(&s);
    return ok;
}

int bench_graphs(const bench_layer_options *o)
{
    int ok = 1;
    if (o->table)
        fprintf(o->table,
                "\nconvolution on graphs: harmonics of vectors, weights of a spline of %d knots, "
                "ir_mul; ns per edge, scratch in MB\n%-30s %-8s t    edges       ns       MB  "
                "max.err\n",
                BENCH_KNOTS, "graph", "pass");
    for (int k = 0; k < (o->quick ? QUICK_KINDS : KINDS); k++)
        for (int i = 0; i < 2; i++)
            if (o->threads[i] > 0)
                ok = run_kind(o, &kinds[k], o->threads[i]) && ok;
    return ok;
}
