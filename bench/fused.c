/* SPDX-License-Identifier: MIT */
/* What is timed was compared: z and the gradient of x with those of the same convolution of stored
   harmonics and weights, gradients of some vectors with the chain rule over its gradients, sums
   over all edges by the identities of a function that is linear in x, in the spline and in gz; with
   weights of bfloat16, with those of the same values in float32; with edges in any order, with the
   same edges by receiver. */
#include "fused.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convolution.h"
#include "json.h"
#include "maker.h"
#include "timing.h"
#include "verify.h"

enum { SAMPLED = 64, CANCELLED = 5 };
enum { X, V, M, Z, Y, W, ARRAYS, MADE = 4 }; /* M: coefficients; the last two are stored */

/* ---- what is timed */

/* Where the weights come from: of each edge, by receiver; written just before by the spline;
   bfloat16; of edges in any order. */
typedef enum stored { MADE_IN_TILE, STORED, WRITTEN, HALVED, LISTED } stored;
static const double streams[] = {0, 1, 2, 0.5, 1}; /* passes over a float for each weight */

/* One pass: what it is given beside the operands, and what it takes of the product's passes, as
   those count their flops, and of sums of four rows of the spline. */
typedef struct timed {
    const char *name, *pass;
    stored weights;
    e3tp_pass of;
    int expansions;
    int x, v, m, z; /* results */
} timed;

enum { READ, READ_LISTED, READ_HALF, WRITE_READ, FORWARD, BACKWARD, FORCES, SECOND, TIMED };
static const timed all[TIMED] = {
    [READ] = {"forward, weights read", "fwd", STORED, E3TP_FORWARD, 0, 0, 0, 0, 1},
    [READ_LISTED] = {"forward, weights read in any order", "fwd", LISTED, E3TP_FORWARD, 0, 0, 0, 0,
                     1},
    [READ_HALF] = {"forward, bf16 weights read", "fwd", HALVED, E3TP_FORWARD, 0, 0, 0, 0, 1},
    [WRITE_READ] = {"forward, spline written and read", "fwd", WRITTEN, E3TP_FORWARD, 1, 0, 0, 0,
                    1},
    [FORWARD] = {"forward", "fwd", MADE_IN_TILE, E3TP_FORWARD, 1, 0, 0, 0, 1},
    [BACKWARD] = {"backward, x, vectors and spline", "bwd", MADE_IN_TILE, E3TP_BACKWARD, 3, 1, 1, 1,
                  0},
    [FORCES] = {"forces (backward, x and vectors)", "bwd", MADE_IN_TILE, E3TP_BACKWARD, 2, 1, 1, 0,
                0},
    [SECOND] = {"double backward, training on forces", "dbl", MADE_IN_TILE, E3TP_DOUBLE_BACKWARD, 4,
                1, 0, 1, 1},
};

/* The best tier by all passes; where that is avx512, avx2 by those that have goals of their own. */
typedef struct tier {
    const bench_conv_layer *layer;
    int passes;
} tier;
static const tier tiers[] = {{&bench_conv_standard, TIMED}, {&bench_conv_avx2, BACKWARD + 1}};

typedef struct setup {
    bench_material m;
    bench_maker k;
    e3tp_conv *stored, *halved;
    e3tp_graph *listed; /* the same edges in any order */
    int32_t *name;      /* [edges]: which those are */
    int passes;         /* the first so many of all, */
    int quick;          /* but not in any order */
    uint16_t *half;     /* weights of the edges, bfloat16 */
    size_t size[ARRAYS];
    float *in[ARRAYS], *t[MADE], *out[ARRAYS];
    float *r; /* lengths of the vectors */
    void *work;
} setup;

/* ---- setting up */

static int list_edges(setup *s, char *why, size_t cap)
{
    const bench_crystal *c = &s->m.crystal;
    int32_t *ends = malloc(2 * c->edges * sizeof *ends);
    s->name = bench_shuffled(c->edges);
    int ok = ends && s->name;
    for (size_t e = 0; ok && e < c->edges; e++) {
        ends[e] = c->receiver[s->name[e]];
        ends[c->edges + e] = c->sender[s->name[e]];
    }
    ok = ok && e3tp_graph_create(&s->listed, E3TP_INT32, ends, ends + c->edges, c->edges, c->atoms,
                                 c->atoms, why, cap) == E3TP_OK;
    free(ends);
    return ok;
}

static int setup_create(setup *s, const tier *t, int quick, int threads, char *why, size_t cap)
{
    *s = (setup){.passes = t->passes, .quick = quick};
    const bench_crystal *c = &s->m.crystal;
    if (!bench_material_create(&s->m, t->layer, threads, why, cap))
        return 0;
    const e3tp_plan *p = s->m.product.plan;
    e3tp_conv_desc half = e3tp_conv_desc_init(p);
    half.w_stored = E3TP_STORED_BF16;
    if ((!quick && !list_edges(s, why, cap)) ||
        !bench_maker_create(&s->k, p, c->cutoff, 0, threads, why, cap) ||
        e3tp_conv_create(&s->stored, p, NULL, why, cap) ||
        e3tp_conv_create(&s->halved, p, &half, why, cap))
        return 0;
    s->size[X] = c->atoms * e3tp_plan_width(p, E3TP_X);
    s->size[V] = c->edges * 3;
    s->size[M] = e3tp_spline_rows(s->k.spline) * e3tp_plan_width(p, E3TP_W);
    s->size[Z] = c->atoms * e3tp_plan_width(p, E3TP_Z);
    s->size[Y] = c->edges * e3tp_plan_width(p, E3TP_Y);
    s->size[W] = c->edges * e3tp_plan_width(p, E3TP_W);
    return 1;
}

static void setup_destroy(setup *s)
{
    for (int k = 0; k < ARRAYS; k++)
        free(s->in[k]), free(s->out[k]);
    for (int k = 0; k < MADE; k++)
        free(s->t[k]);
    free(s->r), free(s->half), free(s->work), free(s->name);
    e3tp_graph_destroy(s->listed);
    e3tp_conv_destroy(s->halved);
    e3tp_conv_destroy(s->stored);
    bench_maker_destroy(&s->k);
    bench_material_destroy(&s->m);
}

static size_t bytes_of(const setup *s)
{
    size_t numbers = s->m.crystal.edges;
    for (int k = 0; k < ARRAYS; k++)
        numbers += (k < MADE ? 3 : 2) * s->size[k];
    return numbers * sizeof(float) + s->size[W] * sizeof *s->half;
}

static int make_arrays(setup *s)
{
    s->r = bench_alloc(s->m.crystal.edges * sizeof(float));
    s->half = bench_alloc(s->size[W] * sizeof *s->half);
    if (!s->r || !s->half)
        return 0;
    for (int k = 0; k < ARRAYS; k++) {
        s->in[k] = bench_alloc(s->size[k] * sizeof(float));
        s->out[k] = bench_alloc(s->size[k] * sizeof(float));
        if (!s->in[k] || !s->out[k])
            return 0;
        bench_normal(E3TP_F32, s->in[k], s->size[k], 41 + (unsigned)k);
    }
    for (int k = 0; k < MADE; k++) {
        s->t[k] = bench_alloc(s->size[k] * sizeof(float));
        if (!s->t[k])
            return 0;
        bench_normal(E3TP_F32, s->t[k], s->size[k], 51 + (unsigned)k);
    }
    return bench_displace(&s->m.crystal, s->in[V], s->r) &&
           bench_fill_spline(s->k.spline, 1, s->in[M]);
}

/* ---- runs */

static int evaluate_spline(const setup *s, float *values)
{
    return e3tp_spline_evaluate(s->k.spline, 1, s->in[M], s->r, NULL, s->m.crystal.edges, values,
                                NULL, NULL) == E3TP_OK;
}

static e3tp_conv_buffers buffers_of(const setup *s, const timed *p)
{
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = s->in[X], b.gz = s->in[Z], b.z = b.hz = p->z ? s->out[Z] : NULL;
    if (p->weights == MADE_IN_TILE)
        b.v = s->in[V], b.w = s->in[M];
    else
        b.y = s->in[Y], b.w = p->weights == HALVED ? (const void *)s->half : s->in[W];
    b.gx = b.hx = p->x ? s->out[X] : NULL;
    b.gv = b.hv = p->v ? s->out[V] : NULL;
    b.gw = b.hw = p->m ? s->out[M] : NULL;
    if (p->of == E3TP_DOUBLE_BACKWARD)
        b.ggx = s->t[X], b.ggv = s->t[V];
    b.work = s->work;
    return b;
}

static const e3tp_conv *conv_of(const setup *s, const timed *p)
{
    return p->weights == MADE_IN_TILE ? s->k.conv : p->weights == HALVED ? s->halved : s->stored;
}

static const e3tp_graph *graph_of(const setup *s, const timed *p)
{
    return p->weights == LISTED ? s->listed : s->m.graph;
}

static size_t work_bytes(const setup *s, const timed *p)
{
    const e3tp_conv_buffers b = buffers_of(s, p);
    return e3tp_conv_work_bytes(conv_of(s, p), p->of, graph_of(s, p), &b);
}

static int make_work(setup *s)
{
    size_t most = 0;
    for (int i = 0; i < s->passes; i++) {
        const size_t bytes = work_bytes(s, &all[i]);
        most = bytes > most ? bytes : most;
    }
    s->work = bench_alloc(most);
    return s->work != NULL;
}

static int run(const setup *s, int which)
{
    const timed *p = &all[which];
    const e3tp_conv_buffers b = buffers_of(s, p);
    return (p->weights != WRITTEN || evaluate_spline(s, s->in[W])) &&
           bench_conv_run(conv_of(s, p), p->of, graph_of(s, p), &b);
}

/* ---- what is right */

static double dot(const setup *s, int k, float *const *a, float *const *b, double *size)
{
    return bench_dot(a[k], b[k], s->size[k], size);
}

/* Gradients of the stored convolution by y (to out) and w (to out). */
static int stored_backward(const setup *s, float *gx)
{
    e3tp_conv_buffers b = buffers_of(s, &all[READ]);
    b.z = NULL, b.work = NULL;
    b.gx = gx, b.gy = s->out[Y], b.gw = s->out[W];
    return e3tp_conv_backward(s->stored, s->m.graph, &b) == E3TP_OK;
}

/* gv at some edges. */
static double vector_error(const setup *s)
{
    const size_t edges = s->m.crystal.edges, ny = s->size[Y] / edges, nw = s->size[W] / edges;
    double worst = 0;
    for (size_t i = 0; i < SAMPLED; i++) {
        const size_t e = i * edges / SAMPLED;
        const double err =
            bench_vector_error(&s->k, 1, s->in[M], s->in[V] + 3 * e, s->r[e], NULL,
                               s->out[Y] + e * ny, s->out[W] + e * nw, s->out[V] + 3 * e);
        worst = bench_worse(worst, err);
    }
    return worst;
}

static double verify_backward(const setup *s, float *gx)
{
    double size = 0, worst = 0;
    if (!stored_backward(s, gx) || !run(s, FORWARD))
        return INFINITY;
    const double z = dot(s, Z, s->out, s->in, &size);
    for (int p = BACKWARD; p <= FORCES && p < s->passes; p++) {
        if (!run(s, p))
            return INFINITY;
        worst = bench_worse(worst, bench_difference(s->out[X], gx, s->size[X]));
        worst = bench_worse(worst, vector_error(s));
        if (all[p].m)
            worst = bench_worse(worst, bench_imbalance(dot(s, M, s->out, s->in, &size) - z, size));
    }
    return worst;
}

/* F = sum(gz hz) = sum(ggx gx + ggv gv), and sum(M hM) is F, sum(x hx) its part of ggv. Over what
   the spline's second derivatives, sums of four terms over h^2 that cancel, have more of errors. */
static double verify_second(const setup *s)
{
    double size = 0, worst;
    if (!run(s, BACKWARD))
        return INFINITY;
    const double by_x = dot(s, X, s->out, s->t, &size), by_v = dot(s, V, s->out, s->t, &size);
    if (!run(s, SECOND))
        return INFINITY;
    worst = bench_imbalance(dot(s, Z, s->out, s->in, &size) - by_x - by_v, size);
    worst = bench_worse(worst, bench_imbalance(dot(s, X, s->out, s->in, &size) - by_v, size));
    return bench_worse(worst,
                       bench_imbalance(dot(s, M, s->out, s->in, &size) - by_x - by_v, size)) /
           CANCELLED;
}

/* Of the weights that are stored, the upper half of each number, and with zeros for the rest. */
static void halve(const setup *s, float *cut)
{
    for (size_t i = 0; i < s->size[W]; i++) {
        uint32_t bits;
        memcpy(&bits, &s->in[W][i], sizeof bits);
        s->half[i] = (uint16_t)(bits >> 16);
        bits &= 0xffff0000u;
        memcpy(&cut[i], &bits, sizeof bits);
    }
}

static double verify_halved(const setup *s, float *z)
{
    e3tp_conv_buffers b = buffers_of(s, &all[READ]);
    halve(s, s->out[W]);
    b.w = s->out[W], b.z = z;
    const int ok = bench_conv_run(s->stored, E3TP_FORWARD, s->m.graph, &b) && run(s, READ_HALF);
    return ok ? bench_difference(s->out[Z], z, s->size[Z]) : INFINITY;
}

/* Rows of edges by name to where the edges stand. */
static void sort_rows(const setup *s, int k)
{
    const size_t width = s->size[k] / s->m.crystal.edges;
    for (size_t e = 0; e < s->m.crystal.edges; e++)
        memcpy(s->out[k] + (size_t)s->name[e] * width, s->in[k] + e * width, width * sizeof(float));
}

static double verify_listed(const setup *s, float *z)
{
    e3tp_conv_buffers b = buffers_of(s, &all[READ]);
    sort_rows(s, W);
    sort_rows(s, Y);
    b.w = s->out[W], b.y = s->out[Y], b.z = z;
    const int ok = bench_conv_run(s->stored, E3TP_FORWARD, s->m.graph, &b) && run(s, READ_LISTED);
    return ok ? bench_difference(s->out[Z], z, s->size[Z]) : INFINITY;
}

static double verify(const setup *s)
{
    const e3tp_sh_vectors v = {s->m.crystal.edges, s->in[V], NULL, NULL};
    const size_t most = s->size[X] > s->size[Z] ? s->size[X] : s->size[Z];
    float *kept = malloc(most * sizeof *kept);
    double worst = INFINITY;
    if (kept && e3tp_sh_evaluate(s->k.sh, &v, s->in[Y], NULL, NULL) == E3TP_OK &&
        run(s, WRITE_READ)) {
        memcpy(kept, s->out[Z], s->size[Z] * sizeof *kept);
        worst = run(s, FORWARD) ? bench_difference(s->out[Z], kept, s->size[Z]) : INFINITY;
        worst = bench_worse(worst, verify_halved(s, kept));
        if (!s->quick)
            worst = bench_worse(worst, verify_listed(s, kept));
        worst = bench_worse(worst, verify_backward(s, kept));
        if (s->passes > SECOND)
            worst = bench_worse(worst, verify_second(s));
    }
    free(kept);
    return worst;
}

/* ---- report */

static double flops_per_edge(const setup *s, const timed *p)
{
    return e3tp_plan_flops(s->m.product.plan, p->of) +
           8.0 * p->expansions * (double)s->size[W] / (double)s->m.crystal.edges;
}

/* Each array that is read or written, once; indices of 4 bytes and 8. */
static double bytes_per_edge(const setup *s, const timed *p)
{
    const int second = p->of == E3TP_DOUBLE_BACKWARD;
    double numbers = (double)s->size[X] * (1 + second + p->x) + (double)s->size[Z] * (1 + second);
    if (p->weights != MADE_IN_TILE)
        numbers += (double)s->size[Y] + (double)s->size[W] * streams[p->weights];
    else
        numbers += (double)s->size[V] * (1 + second + p->v) + (double)s->size[M] * (1 + p->m);
    return numbers * sizeof(float) / (double)s->m.crystal.edges + 12;
}

static void report(const bench_layer_options *o, const setup *s, const timed *p, int threads,
                   bench_stats seconds, double err, double forward_time)
{
    char problem[160];
    snprintf(problem, sizeof problem,
             "diamond atoms=%zu neighbours=%d layout=ir_mul threads=%d knots=%d",
             s->m.crystal.atoms, BENCH_NEIGHBOURS, threads, BENCH_KNOTS);
    const double weights = (double)s->size[W] / (double)s->m.crystal.edges * sizeof(float);
    bench_result r = bench_conv_result("fused", p->name, problem, p->pass, s->m.product.plan,
                                       s->m.crystal.edges, threads, seconds);
    r.flops = flops_per_edge(s, p);
    r.bytes = bytes_per_edge(s, p);
    r.max_err = err;
    if (o->json) {
        bench_result_begin(o->json, &r);
        bench_json_number(o->json, "weight_bytes", weights);
        bench_json_number(o->json, "work_mb", (double)work_bytes(s, p) / (1 << 20));
        bench_result_end(o->json);
    }
    if (o->table)
        fprintf(o->table, "%-36s %-7s %d %8.1f %6.2f %6.2f %8.1e\n", r.name, r.isa, threads,
                r.ns.median, seconds.median / forward_time,
                r.ns.median * bench_dram_gbs(threads) / weights, err);
}

static int is_timed(const setup *s, int which)
{
    return which < s->passes && (which != READ_LISTED || !s->quick);
}

static int measure(const bench_layer_options *o, const setup *s, int threads, double err)
{
    static double v[TIMED][BENCH_MOST_ROUNDS];
    const int rounds = bench_conv_rounds(o);
    bench_stats seconds[TIMED];
    for (int i = 0; i < rounds; i++)
        for (int p = 0; p < TIMED; p++) {
            if (!is_timed(s, p))
                continue;
            const double start = bench_now();
            if (!run(s, p))
                return 0;
            v[p][i] = bench_now() - start;
        }
    for (int p = 0; p < s->passes; p++)
        seconds[p] = bench_statistics(v[p], (size_t)rounds);
    for (int p = 0; p < TIMED; p++)
        if (is_timed(s, p))
            report(o, s, &all[p], threads, seconds[p], err, seconds[FORWARD].median);
    return 1;
}

static int run_tier(const bench_layer_options *o, const tier *t, int threads)
{
    setup s;
    char why[512] = "";
    double err = INFINITY;
    if (o->progress)
        fprintf(stderr, "\r\033[Kfused convolution, %s, %d thread%s ...", t->layer->name, threads,
                threads > 1 ? "s" : "");
    int ok = setup_create(&s, t, o->quick, threads, why, sizeof why);
    if (ok && bench_too_large(o, bytes_of(&s), "fused convolution", threads)) {
        setup_destroy(&s);
        return 1;
    }
    if (ok && make_arrays(&s) && make_work(&s))
        err = verify(&s);
    if (!(err <= bench_tolerance(E3TP_F32))) {
        bench_refuse(o->json, stderr, "wrong", "fused convolution", "%s error %.2g", why, err);
        ok = 0;
    }
    ok = ok && measure(o, &s, threads, err);
    setup_destroy(&s);
    return ok;
}

int bench_fused(const bench_layer_options *o)
{
    int ok = 1;
    if (o->table)
        fprintf(o->table,
                "\nfused convolution: diamond, 1000 atoms, %d neighbours, harmonics of vectors, "
                "weights of a spline of %d knots, ir_mul; ns per edge\n%-36s isa     t       ns  "
                "ratio / read  max.err\n",
                BENCH_NEIGHBOURS, BENCH_KNOTS, "pass");
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < (e3tp_isa_usable(E3TP_ISA_AVX512) ? 2 : 1); k++)
            if (o->threads[i] > 0)
                ok = run_tier(o, &tiers[k], o->threads[i]) && ok;
    return ok;
}
