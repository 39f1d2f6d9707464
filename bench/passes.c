/* SPDX-License-Identifier: MIT */
/* Forward, backward for some of the gradients or all, double backward and JVP, one round of all
   after the other. What is timed was compared: rows of gradients at some edges with e3tp_backward,
   z of y by pair with that of y by edge, and sums over all edges by the identities of a function
   that is linear in x, y, w and gz. */
#include "passes.h"

#include <math.h>
#include <stdlib.h>

#include "convolution.h"
#include "json.h"
#include "timing.h"
#include "verify.h"

enum { SAMPLED = 64 };
enum { X, Y, W, Z, OPERANDS };

typedef struct conv_pass {
    const char *name;
    e3tp_pass pass;
    const char *short_name;
    int wants[OPERANDS]; /* gradients */
} conv_pass;

static const conv_pass passes[] = {
    {"forward", E3TP_FORWARD, "fwd", {0}},
    {"backward, x and w", E3TP_BACKWARD, "bwd", {1, 0, 1}},
    {"backward, x, y and w", E3TP_BACKWARD, "bwd", {1, 1, 1}},
    {"double backward", E3TP_DOUBLE_BACKWARD, "dbl", {1, 1, 1, 1}},
    {"JVP", E3TP_JVP, "jvp", {0}},
};
enum { PASSES = sizeof passes / sizeof *passes };

/* Layers of MACE, NequIP, SevenNet and Nequix, and all paths from inputs to l = 2 and 3; these with
   a number for each path and edge, summed. */
#define SH3 "in2=1x0e+1x1o+1x2e+1x3o"
static const bench_conv_layer layers[] = {
    {"MACE, layer 2, w by pair", "in1=128x0e+128x1o " SH3 " paths=natural lmax_out=3", 5,
     BENCH_NEIGHBOURS, 1},
    {"MACE, layer 2, w, y by pair", "in1=128x0e+128x1o " SH3 " paths=natural lmax_out=3", 5,
     BENCH_NEIGHBOURS, 2},
    {"MACE, 158 neighbours", "in1=128x0e+128x1o " SH3 " paths=natural lmax_out=3", 3, 158, 0},
    {"MACE, layer 1", "in1=128x0e " SH3 " paths=natural lmax_out=3", 3, BENCH_NEIGHBOURS, 0},
    {"MACE large, layer 2", "in1=128x0e+128x1o+128x2e " SH3 " paths=natural lmax_out=3", 3,
     BENCH_NEIGHBOURS, 0},
    {"all paths, x to l = 2", "in1=128x0e+128x1o+128x2e " SH3 " paths=all lmax_out=3", 3,
     BENCH_NEIGHBOURS, 0},
    {"all paths, x to l = 3", "in1=128x0e+128x1o+128x2e+128x3o " SH3 " paths=all lmax_out=3", 3,
     BENCH_NEIGHBOURS, 0},
    {"by path, summed, l = 3",
     "in1=128x0e+128x1o+128x2e+128x3o " SH3 " paths=all sep=0 lmax_out=3 shape=path", 3,
     BENCH_NEIGHBOURS, 0},
    {"NequIP, l = 2",
     "in1=32x0e+32x0o+32x1e+32x1o+32x2e+32x2o in2=1x0e+1x1o+1x2e paths=all lmax_out=2", 3,
     BENCH_NEIGHBOURS, 0},
    {"SevenNet", "in1=128x0e+64x1e+32x2e+32x3e in2=1x0e+1x1e+1x2e+1x3e paths=all lmax_out=3", 3,
     BENCH_NEIGHBOURS, 0},
    {"Nequix", "in1=128x0e+64x1o+32x2e+32x3o " SH3 " paths=natural lmax_out=3", 3, BENCH_NEIGHBOURS,
     0},
};
enum { LAYERS = sizeof layers / sizeof *layers };

typedef struct setup {
    const bench_conv_layer *layer;
    bench_material m;
    e3tp_conv *conv;
    int32_t *pair;     /* of each edge, or NULL */
    uint8_t *reversed; /* or NULL: y is by edge */
    size_t rows[OPERANDS], width[OPERANDS];
    float *in[OPERANDS], *t[OPERANDS], *out[OPERANDS]; /* out: gradients, z last */
    void *work;
} setup;

/* ---- setting up */

static size_t bytes_of(const setup *s)
{
    size_t bytes = 0;
    for (int k = 0; k < OPERANDS; k++)
        bytes += 3 * s->rows[k] * s->width[k] * sizeof(float);
    return bytes;
}

static int make_arrays(setup *s)
{
    for (int k = 0; k < OPERANDS; k++) {
        const size_t n = s->rows[k] * s->width[k];
        s->in[k] = bench_alloc(n * sizeof(float));
        s->t[k] = bench_alloc(n * sizeof(float));
        s->out[k] = bench_alloc(n * sizeof(float));
        if (!s->in[k] || !s->t[k] || !s->out[k])
            return 0;
        bench_normal(E3TP_F32, s->in[k], n, 21 + (unsigned)k);
        bench_normal(E3TP_F32, s->t[k], n, 31 + (unsigned)k);
    }
    return 1;
}

/* Atoms stand where they are to the last bit of a float or two. */
static int find_pairs(setup *s)
{
    const size_t n = s->m.crystal.edges;
    float *v = malloc(3 * n * sizeof *v);
    s->pair = malloc(n * sizeof *s->pair);
    s->reversed = s->layer->by_pair > 1 ? malloc(n) : NULL;
    int ok = v && s->pair && (s->reversed || s->layer->by_pair == 1);
    for (size_t i = 0; ok && i < 3 * n; i++)
        v[i] = (float)s->m.crystal.vector[i];
    ok = ok && e3tp_graph_pairs(s->m.graph, E3TP_F32, v, 1e-4, s->pair, s->reversed, &s->rows[W]) ==
                   E3TP_OK;
    s->rows[Y] = s->reversed ? s->rows[W] : n;
    free(v);
    return ok;
}

static int setup_create(setup *s, const bench_conv_layer *layer, int threads, char *why, size_t cap)
{
    *s = (setup){.layer = layer};
    if (!bench_material_create(&s->m, layer, threads, why, cap))
        return 0;
    e3tp_conv_desc d = e3tp_conv_desc_init(s->m.product.plan);
    d.w = layer->by_pair ? E3TP_AT_TYPE : E3TP_AT_EDGE;
    d.y = layer->by_pair > 1 ? E3TP_AT_TYPE : E3TP_AT_EDGE;
    if (e3tp_conv_create(&s->conv, s->m.product.plan, &d, why, cap) != E3TP_OK)
        return 0;
    static const e3tp_operand operand[OPERANDS] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z};
    for (int k = 0; k < OPERANDS; k++) {
        s->width[k] = e3tp_plan_width(s->m.product.plan, operand[k]);
        s->rows[k] = k == Y || k == W ? s->m.crystal.edges : s->m.crystal.atoms;
    }
    return !layer->by_pair || find_pairs(s);
}

static void setup_destroy(setup *s)
{
    for (int k = 0; k < OPERANDS; k++)
        free(s->in[k]), free(s->t[k]), free(s->out[k]);
    free(s->pair), free(s->reversed);
    free(s->work);
    e3tp_conv_destroy(s->conv);
    bench_material_destroy(&s->m);
}

static e3tp_conv_buffers buffers_of(const setup *s, const conv_pass *p)
{
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = s->in[X], b.y = s->in[Y], b.w = s->in[W], b.gz = s->in[Z];
    b.ggx = s->t[X], b.ggy = s->t[Y], b.ggw = s->t[W];
    b.z = b.hz = s->out[Z];
    b.gx = b.hx = p->wants[X] ? s->out[X] : NULL;
    b.gy = b.hy = p->wants[Y] ? s->out[Y] : NULL;
    b.gw = b.hw = p->wants[W] ? s->out[W] : NULL;
    b.work = s->work;
    b.edge_type = s->pair;
    b.edge_reversed = s->reversed;
    b.num_types = s->pair ? s->rows[W] : 0;
    return b;
}

static size_t work_bytes(const setup *s, const conv_pass *p)
{
    const e3tp_conv_buffers b = buffers_of(s, p);
    return e3tp_conv_work_bytes(s->conv, p->pass, s->m.graph, &b);
}

static int make_work(setup *s)
{
    size_t most = 0;
    for (int p = 0; p < PASSES; p++) {
        const size_t bytes = work_bytes(s, &passes[p]);
        most = bytes > most ? bytes : most;
    }
    s->work = bench_alloc(most);
    return s->work != NULL;
}

static int run_pass(const setup *s, const conv_pass *p)
{
    const e3tp_conv_buffers b = buffers_of(s, p);
    return bench_conv_run(s->conv, p->pass, s->m.graph, &b);
}

/* ---- what is right */

static double dot(const setup *s, int k, float *const *a, float *const *b, double *size)
{
    return bench_dot(a[k], b[k], s->rows[k] * s->width[k], size);
}

/* Rows of gy and, where each edge has its own, of gw at some edges, by the product alone. */
static double row_error(const setup *s, int with_y)
{
    if (s->reversed) /* of both operands none has */
        return 0;
    const size_t wy = s->width[Y], ww = s->width[W];
    double worst = 0;
    float *gy = malloc(wy * sizeof *gy), *gw = malloc(ww * sizeof *gw);
    for (size_t i = 0; gy && gw && i < SAMPLED; i++) {
        const size_t e = i * s->m.crystal.edges / SAMPLED;
        e3tp_buffers b = e3tp_buffers_init(1);
        b.x = s->in[X] + (size_t)s->m.crystal.sender[e] * s->width[X];
        b.y = s->in[Y] + e * wy, b.w = s->in[W] + (s->pair ? (size_t)s->pair[e] : e) * ww;
        b.gz = s->in[Z] + (size_t)s->m.crystal.receiver[e] * s->width[Z];
        b.gy = gy, b.gw = gw;
        if (e3tp_backward(s->m.product.plan, &b) != E3TP_OK)
            worst = INFINITY;
        for (size_t k = 0; k < wy && with_y; k++)
            worst = bench_worse(worst, fabs((double)gy[k] - (double)s->out[Y][e * wy + k]) /
                                           sqrt((double)ww));
        for (size_t k = 0; k < ww && !s->pair; k++)
            worst = bench_worse(worst, fabs((double)gw[k] - (double)s->out[W][e * ww + k]));
    }
    worst = gy && gw ? worst : INFINITY;
    free(gy), free(gw);
    return worst;
}

/* Rows of y, harmonics 0, 1, .. once each, for all edges. */
static void set_edge_rows(const setup *s, float *y)
{
    const size_t width = s->width[Y];
    for (size_t e = 0; e < s->m.crystal.edges; e++)
        for (size_t i = 0; i < width; i++) {
            const float v = s->in[Y][(size_t)s->pair[e] * width + i];
            y[e * width + i] = s->reversed[e] && (int)sqrt((double)i) % 2 ? -v : v;
        }
}

/* z, which the last call left, against that of y by edge. */
static double pair_error(const setup *s)
{
    const size_t n = s->rows[Z] * s->width[Z];
    float *y = malloc(s->m.crystal.edges * s->width[Y] * sizeof *y), *z = malloc(n * sizeof *z);
    e3tp_conv_desc d = e3tp_conv_desc_init(s->m.product.plan);
    e3tp_conv_buffers b = buffers_of(s, &passes[0]);
    e3tp_conv *c = NULL;
    double worst = INFINITY;
    d.w = E3TP_AT_TYPE;
    b.y = y, b.z = z, b.work = NULL, b.edge_reversed = NULL;
    if (y && z && e3tp_conv_create(&c, s->m.product.plan, &d, NULL, 0) == E3TP_OK) {
        set_edge_rows(s, y);
        if (e3tp_conv_forward(c, s->m.graph, &b) == E3TP_OK)
            worst = bench_difference(s->out[Z], z, n);
    }
    e3tp_conv_destroy(c);
    free(y), free(z);
    return worst;
}

/* Backward: sum(gx x) = sum(gy y) = sum(gw w) = sum(gz z), in pairs. Double backward: sum(gz hz) is
   F, and sums over h and x, y, w together twice that. Returns the largest error, relative to sums
   of terms with random signs. */
static double verify(const setup *s, double *rows)
{
    double size = 0, worst, twice = 0;
    if (!run_pass(s, &passes[0]))
        return INFINITY;
    const double forward = dot(s, Z, s->out, s->in, &size);
    *rows = worst = s->reversed ? pair_error(s) : 0;
    for (int p = 1; p <= 2; p++) {
        if (!run_pass(s, &passes[p]))
            return INFINITY;
        *rows = bench_worse(*rows, row_error(s, passes[p].wants[Y]));
        for (int k = X; k <= W; k++)
            if (passes[p].wants[k])
                worst = bench_worse(
                    worst, bench_imbalance(dot(s, k, s->out, s->in, &size) - forward, size));
    }
    if (!run_pass(s, &passes[3]))
        return INFINITY;
    const double f = dot(s, Z, s->out, s->in, &size);
    for (int k = X; k <= W; k++)
        twice += dot(s, k, s->out, s->in, &size);
    worst = bench_worse(worst, bench_imbalance(twice - 2 * f, size));
    if (!run_pass(s, &passes[4]))
        return INFINITY;
    return bench_worse(worst, bench_imbalance(dot(s, Z, s->out, s->in, &size) - f, size));
}

/* ---- report */

/* Each array that a pass reads or writes, once; indices of 4 bytes and 8. */
static double bytes_per_edge(const setup *s, const conv_pass *p)
{
    const int second = p->pass == E3TP_DOUBLE_BACKWARD || p->pass == E3TP_JVP;
    double numbers = 0;
    for (int k = 0; k < OPERANDS; k++) {
        const int z_twice = k == Z && p->pass == E3TP_DOUBLE_BACKWARD;
        const int times = 1 + (k < Z && second) + (k < Z ? p->wants[k] : z_twice);
        numbers += times * (double)(s->rows[k] * s->width[k]);
    }
    return numbers * sizeof(float) / (double)s->m.crystal.edges + 12;
}

static void report(const bench_layer_options *o, const setup *s, const conv_pass *p, int threads,
                   bench_stats seconds, double err, double forward)
{
    char problem[320];
    snprintf(problem, sizeof problem,
             "diamond atoms=%zu neighbours=%zu layout=ir_mul threads=%d gradients=%s%s%s %s",
             s->m.crystal.atoms, s->layer->neighbours, threads, p->wants[X] ? "x" : "",
             p->wants[Y] ? "y" : "", p->wants[W] ? "w" : "", s->layer->product);
    const char *kind = s->layer == &bench_conv_standard ? "conv" : "layers";
    bench_result r = bench_conv_result(kind, p->name, problem, p->short_name, s->m.product.plan,
                                       s->m.crystal.edges, threads, seconds);
    r.flops = e3tp_plan_flops(s->m.product.plan, p->pass);
    r.bytes = bytes_per_edge(s, p);
    r.max_err = err;
    if (o->json) {
        bench_result_begin(o->json, &r);
        bench_json_text(o->json, "layer", s->layer->name);
        bench_json_number(o->json, "paths", (double)e3tp_plan_num_paths(s->m.product.plan));
        bench_json_number(o->json, "weight_bytes", (double)(s->width[W] * sizeof(float)));
        bench_json_number(o->json, "work_mb", (double)work_bytes(s, p) / (1 << 20));
        bench_result_end(o->json);
    }
    if (o->table)
        fprintf(o->table, "%-27s %-22s %d %8.1f %6.2f %6.1f %6.1f %8.1e\n", s->layer->name, r.name,
                threads, r.ns.median, seconds.median / forward, r.bytes / r.ns.median,
                100 * r.bytes / r.ns.median / bench_dram_gbs(threads), err);
}

static int measure(const bench_layer_options *o, const setup *s, int threads, double err)
{
    static double v[PASSES][BENCH_MOST_ROUNDS];
    const int rounds = bench_conv_rounds(o);
    int ok = 1;
    for (int i = 0; ok && i < rounds; i++)
        for (int p = 0; ok && p < PASSES; p++) {
            const double start = bench_now();
            ok = run_pass(s, &passes[p]);
            v[p][i] = bench_now() - start;
        }
    double forward = 0;
    for (int p = 0; ok && p < PASSES; p++) {
        const bench_stats seconds = bench_statistics(v[p], (size_t)rounds);
        forward = p ? forward : seconds.median;
        report(o, s, &passes[p], threads, seconds, err, forward);
    }
    return ok;
}

static int run_layer(const bench_layer_options *o, const bench_conv_layer *layer, int threads)
{
    setup s;
    char why[512] = "";
    double rows = 0, err = 0;
    int ok = setup_create(&s, layer, threads, why, sizeof why);
    if (o->progress)
        fprintf(stderr, "\r\033[Kconvolution, %s, %d thread%s ...", layer->name, threads,
                threads > 1 ? "s" : "");
    if (ok && bench_too_large(o, bytes_of(&s), layer->name, threads)) {
        setup_destroy(&s);
        return 1;
    }
    ok = ok && make_arrays(&s) && make_work(&s);
    if (ok)
        err = verify(&s, &rows);
    if (!ok || !(err <= bench_tolerance(E3TP_F32)) || !(rows <= bench_tolerance(E3TP_F32))) {
        bench_refuse(o->json, stderr, "wrong", layer->name, "convolution: %s sums %.2g, rows %.2g",
                     why, err, rows);
        ok = 0;
    }
    ok = ok && measure(o, &s, threads, err > rows ? err : rows);
    setup_destroy(&s);
    return ok;
}

int bench_passes(const bench_layer_options *o)
{
    int ok = 1;
    if (o->table)
        fprintf(o->table,
                "\npasses of the convolution: diamond, %d neighbours or as said, weights read, "
                "ir_mul; ns per edge\n%-27s %-22s t       ns  ratio   GB/s  dram%%  max.err\n",
                BENCH_NEIGHBOURS, "layer", "pass");
    for (int i = 0; i < 2; i++)
        if (o->threads[i] > 0)
            ok = run_layer(o, &bench_conv_standard, o->threads[i]) && ok;
    for (int k = 0; k < (o->quick ? 0 : LAYERS); k++)
        for (int i = 0; i < 2; i++)
            if (o->threads[i] > 0)
                ok = run_layer(o, &layers[k], o->threads[i]) && ok;
    return ok;
}
