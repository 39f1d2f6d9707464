/* SPDX-License-Identifier: MIT */
/* Rows: layout x threads x (weights made per block | ready weights read). The whole is harmonics,
   radial functions and e3tp_conv_forward one after the other, and these three add up to it. The
   convolution has no parts to time: beside it stands the unfused path of layer_parts.c, with the
   product alone, on one thread. */
#include "layer.h"

#include <e3tp/graph.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "layer_parts.h"
#include "result.h"
#include "timing.h"
#include "verify.h"

enum { CELLS = 5, MAX_ROUNDS = 101 };

static const double diamond_a = 3.567; /* lattice constant, angstrom */
/* A block's rows should stay in half of a second-level cache of 512 KB. */
static const size_t block_bytes = (size_t)256 << 10;
/* Sums of 158 messages in single precision, in one order or another. */
static const double layer_tolerance = 2e-5;

typedef struct row {
    int ready, threads;
    bench_stats whole;              /* seconds */
    double harmonics, radial, conv; /* seconds, medians */
    double equivariance, agreement;
} row;

/* ---- setting up */

static size_t block_size(const size_t *width)
{
    const size_t fit = block_bytes / ((width[0] + width[1] + width[2] + width[3]) * sizeof(float));
    return fit < 4 ? 4 : fit > LAYER_BLOCK ? LAYER_BLOCK : fit;
}

static int make_product(layer *a, const char *layout, size_t block, char *why, size_t cap)
{
    char text[256];
    snprintf(text, sizeof text,
             "op=tp in1=128x0e+128x1o in2=1x0e+1x1o+1x2e+1x3o mode=uvu paths=natural lmax_out=3 "
             "weights=row layout=%s batch=%zu threads=1",
             layout, block);
    return bench_verified(&a->product, text, why, cap);
}

static int make_arrays(layer *a)
{
    const size_t atoms = a->crystal.atoms, edges = a->crystal.edges, *w = a->product.width;
    a->x = bench_alloc(atoms * w[0] * sizeof(float));
    a->y = bench_alloc(edges * LAYER_Y * sizeof(float));
    a->radial = bench_alloc(edges * BENCH_RADIAL * sizeof(float));
    a->map = bench_alloc(BENCH_RADIAL * w[3] * sizeof(float));
    a->z = bench_alloc(atoms * w[2] * sizeof(float));
    if (!a->x || !a->y || !a->radial || !a->map || !a->z)
        return 0;
    bench_normal(E3TP_F32, a->x, atoms * w[0], 11);
    bench_normal(E3TP_F32, a->map, BENCH_RADIAL * w[3], 12);
    layer_harmonics(a);
    layer_radial(a);
    return 1;
}

static int make_basis(layer *a, char *why, size_t cap)
{
    e3tp_radial_desc d = e3tp_radial_desc_init(E3TP_RADIAL_BESSEL, E3TP_CUTOFF_POLYNOMIAL,
                                               BENCH_RADIAL, a->crystal.cutoff);
    d.threads = 1;
    return e3tp_radial_create(&a->basis, &d, why, cap) == E3TP_OK;
}

static int make_harmonics(layer *a, char *why, size_t cap)
{
    static const int degrees[LAYER_LMAX + 1] = {0, 1, 2, 3};
    e3tp_sh_desc d = e3tp_sh_desc_init(degrees, LAYER_LMAX + 1, 1, E3TP_SH_COMPONENT);
    d.threads = 1;
    return e3tp_sh_create(&a->harmonics, &d, why, cap) == E3TP_OK;
}

/* Weights of all edges in memory; without room for them the rows that read them are skipped. */
static void make_ready_weights(layer *a)
{
    const size_t edges = a->crystal.edges, width = a->product.width[3],
                 bytes = edges * width * sizeof(float);
    const size_t room = bench_mem_available();
    a->weights = room && bytes > room / 2 ? NULL : bench_alloc(bytes);
    for (int64_t e = 0; a->weights && e < (int64_t)edges; e++)
        layer_weights(a, &e, 1, a->weights + (size_t)e * width);
}

static void layer_destroy(layer *a)
{
    bench_product_destroy(&a->product);
    bench_crystal_destroy(&a->crystal);
    e3tp_radial_destroy(a->basis);
    e3tp_sh_destroy(a->harmonics);
    free(a->x);
    free(a->y);
    free(a->radial);
    free(a->map);
    free(a->weights);
    free(a->z);
}

static int layer_create(layer *a, const char *layout, char *why, size_t cap)
{
    *a = (layer){.threads = 1};
    if (!bench_diamond(&a->crystal, diamond_a, CELLS, LAYER_NEIGHBOURS)) {
        snprintf(why, cap, "no cutoff gives every atom %d neighbours", LAYER_NEIGHBOURS);
        return 0;
    }
    if (!make_product(a, layout, LAYER_BLOCK, why, cap) || !make_basis(a, why, cap) ||
        !make_harmonics(a, why, cap))
        return 0;
    a->block = block_size(a->product.width);
    a->tier = bench_tier_named(e3tp_plan_isa(a->product.plan));
    snprintf(why, cap, "no memory, or a tier that the bench does not know");
    return a->tier && make_arrays(a);
}

/* ---- the whole */

typedef struct whole {
    layer *a;
    bench_product product; /* a plan of the row's threads */
    e3tp_graph *graph;
    e3tp_conv *conv;
} whole;

static void weights_callback(void *ctx, const int64_t *edges, size_t n, void *w)
{
    layer_weights(ctx, edges, n, w);
}

static int whole_create(whole *h, layer *a, int threads, char *why, size_t cap)
{
    bench_problem p = a->product.problem;
    const bench_crystal *c = &a->crystal;
    *h = (whole){.a = a};
    p.threads = threads;
    if (bench_product_create(&h->product, &p) != E3TP_OK) {
        snprintf(why, cap, "%s", h->product.message);
        return 0;
    }
    return e3tp_graph_create(&h->graph, E3TP_INT32, c->receiver, c->sender, c->edges, c->atoms,
                             c->atoms, why, cap) == E3TP_OK &&
           e3tp_conv_create(&h->conv, h->product.plan, NULL, why, cap) == E3TP_OK;
}

static void whole_destroy(whole *h)
{
    e3tp_conv_destroy(h->conv);
    e3tp_graph_destroy(h->graph);
    bench_product_destroy(&h->product);
}

static int convolve(const whole *h, const float *x, int ready, float *z)
{
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = x;
    b.y = h->a->y;
    b.z = z;
    if (ready)
        b.w = h->a->weights;
    else
        b.make_weights = weights_callback, b.make_weights_ctx = h->a;
    return e3tp_conv_forward(h->conv, h->graph, &b) == E3TP_OK;
}

/* ---- equivariance */

static const double some_rotation[3] = {0.731, 1.927,
                                        -2.411}; /* axis times angle, nothing special */

static void rotation_matrix(double r[9])
{
    const double *v = some_rotation, t = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    const double n[3] = {v[0] / t, v[1] / t, v[2] / t}, c = cos(t), s = sin(t);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            r[3 * i + j] = (1 - c) * n[i] * n[j] + (i == j ? c : 0);
    r[1] -= s * n[2], r[2] += s * n[1], r[3] += s * n[2];
    r[5] -= s * n[0], r[6] -= s * n[1], r[7] += s * n[0];
}

/* out = D in for n rows of operand `which`. */
static void rotate_rows(const bench_product *q, e3tp_operand which, const double r[9], size_t n,
                        const float *in, float *out)
{
    double d[(2 * LAYER_LMAX + 1) * (2 * LAYER_LMAX + 1)];
    for (size_t b = 0; b < q->nblocks[which]; b++) {
        const bench_block *k = &q->blocks[which][b];
        const size_t dim = 2 * (size_t)k->l + 1;
        e3tp_wigner_D_from_matrix(k->l, k->parity, r, d);
        for (size_t at = 0; at < n * k->mul * dim; at++) {
            const size_t node = at / (k->mul * dim), u = at / dim % k->mul, i = at % dim;
            double s = 0;
            for (size_t j = 0; j < dim; j++)
                s += d[i * dim + j] * (double)in[bench_product_at(q, which, node, b, u, j)];
            out[bench_product_at(q, which, node, b, u, i)] = (float)s;
        }
    }
}

static void rotate_edges(layer *a, const double r[9])
{
    for (size_t e = 0; e < a->crystal.edges; e++) {
        double *v = a->crystal.vector + 3 * e;
        const double old[3] = {v[0], v[1], v[2]};
        for (int i = 0; i < 3; i++)
            v[i] = r[3 * i] * old[0] + r[3 * i + 1] * old[1] + r[3 * i + 2] * old[2];
    }
    layer_harmonics(a);
    layer_radial(a);
}

static double relative_difference(const float *a, const float *b, size_t n)
{
    double largest = 0, difference = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = fabs((double)a[i] - (double)b[i]), m = fabs((double)a[i]);
        largest = bench_worse(largest, m);
        difference = bench_worse(difference, d);
    }
    return difference / largest;
}

/* Largest |D z(x, r) - z(D x, R r)| over the largest |z|; harmonics and radial functions are made
 * anew. */
static double equivariance_error(const whole *h)
{
    layer *a = h->a;
    const bench_product *q = &a->product;
    const size_t atoms = a->crystal.atoms, wx = q->width[0], wz = q->width[2];
    double r[9], back[9], err = NAN;
    float *x = bench_alloc(atoms * wx * sizeof *x), *z = bench_alloc(atoms * wz * sizeof *z);
    float *want = bench_alloc(atoms * wz * sizeof *want);
    rotation_matrix(r);
    for (int i = 0; i < 9; i++)
        back[i] = r[i % 3 * 3 + i / 3];
    if (x && z && want && convolve(h, a->x, 0, z)) {
        rotate_rows(q, E3TP_X, r, atoms, a->x, x);
        rotate_rows(q, E3TP_Z, r, atoms, z, want);
        rotate_edges(a, r);
        if (convolve(h, x, 0, z))
            err = relative_difference(want, z, atoms * wz);
        rotate_edges(a, back);
    }
    free(x);
    free(z);
    free(want);
    return err;
}

/* ---- timing */

enum { WHOLE, CONV, HARMONICS, RADIAL, SERIES };
enum { FEW = 5, UNFUSED_ROUNDS = 3 };

static const double slow_row = 3; /* seconds; then FEW rounds must do */

static int one_round(const whole *h, int ready, float *z, double s[SERIES][MAX_ROUNDS], int i)
{
    const double start = bench_now();
    layer_harmonics(h->a);
    const double harmonics = bench_now();
    if (!ready)
        layer_radial(h->a);
    const double before = bench_now();
    const int ok = convolve(h, h->a->x, ready, z);
    const double end = bench_now();
    s[WHOLE][i] = end - start;
    s[CONV][i] = end - before;
    s[HARMONICS][i] = harmonics - start;
    s[RADIAL][i] = before - harmonics;
    return ok;
}

static void set_median(double *to, double *samples)
{
    *to = bench_statistics(samples, UNFUSED_ROUNDS).median;
}

/* Once per kind of row: medians into a->unfused. */
static int measure_unfused(layer *a, int ready)
{
    double s[4][UNFUSED_ROUNDS];
    int ok = 1;
    for (int i = 0; ok && i < UNFUSED_ROUNDS; i++) {
        layer_unfused t = {0};
        ok = layer_blocks(a, ready, &t);
        s[0][i] = t.gather, s[1][i] = t.weights, s[2][i] = t.product, s[3][i] = t.scatter;
    }
    if (!ok)
        return 0;
    layer_unfused *m = &a->unfused[ready];
    set_median(&m->gather, s[0]);
    set_median(&m->weights, s[1]);
    set_median(&m->product, s[2]);
    set_median(&m->scatter, s[3]);
    a->unfused_known[ready] = 1;
    return 1;
}

static int measure(const whole *h, row *w, int repeats)
{
    layer *a = h->a;
    const size_t n = a->crystal.atoms * a->product.width[2];
    float *z = bench_alloc(n * sizeof *z);
    double s[SERIES][MAX_ROUNDS];
    int ok = z && (a->unfused_known[w->ready] || measure_unfused(a, w->ready)) &&
             one_round(h, w->ready, z, s, 0); /* warms up and is overwritten */
    const double start = bench_now();
    size_t rounds = 0;
    while (ok && rounds < (size_t)repeats && (rounds < FEW || bench_now() - start < slow_row))
        ok = one_round(h, w->ready, z, s, (int)rounds++);
    w->agreement = ok ? relative_difference(a->z, z, n) : NAN;
    free(z);
    if (!ok)
        return 0;
    w->whole = bench_statistics(s[WHOLE], rounds);
    w->conv = bench_statistics(s[CONV], rounds).median;
    w->harmonics = bench_statistics(s[HARMONICS], rounds).median;
    w->radial = bench_statistics(s[RADIAL], rounds).median;
    return 1;
}

/* ---- report */

static double flops_per_edge(const layer *a, int ready)
{
    const double map = 2.0 * BENCH_RADIAL * (double)a->product.width[3];
    return e3tp_plan_flops(a->product.plan, E3TP_FORWARD) + (ready ? 0 : map);
}

/* What must come from or go to memory, each once: per edge y, indices, weights or radial functions;
   per atom x and z. */
static double bytes_per_edge(const layer *a, int ready)
{
    const size_t *w = a->product.width;
    const double edge = (double)(w[1] + (ready ? w[3] : BENCH_RADIAL)) * sizeof(float) + 16;
    return edge + (double)(w[0] + w[2]) * sizeof(float) / LAYER_NEIGHBOURS;
}

static bench_result result_of(const whole *h, const row *w, const char *problem)
{
    const layer *a = h->a;
    const double to_ns = 1e9 / (double)a->crystal.edges;
    const bench_stats s = {w->whole.median * to_ns, w->whole.min * to_ns, w->whole.iqr * to_ns};
    return (bench_result){.kind = "layer",
                          .name = w->ready ? "ready weights" : "weights made per block",
                          .problem = problem,
                          .op = "conv",
                          .method = e3tp_plan_method(h->product.plan),
                          .method_asked = "auto",
                          .isa = e3tp_plan_isa(h->product.plan),
                          .pass = "fwd",
                          .dtype = E3TP_F32,
                          .threads = w->threads,
                          .batch = a->crystal.edges,
                          .ns = s,
                          .flops = flops_per_edge(a, w->ready),
                          .bytes = bytes_per_edge(a, w->ready),
                          .max_err = w->agreement};
}

static void write_json(FILE *f, const bench_result *r, const layer *a, const row *w,
                       const char *layout)
{
    const double to_ns = 1e9 / (double)r->batch;
    const layer_unfused *u = &a->unfused[w->ready];
    bench_result_begin(f, r);
    bench_json_text(f, "layout", layout);
    bench_json_number(f, "harmonics_ns", w->harmonics * to_ns);
    bench_json_number(f, "radial_ns", w->radial * to_ns);
    bench_json_number(f, "conv_ns", w->conv * to_ns);
    bench_json_number(f, "unfused_gather_ns", u->gather * to_ns);
    bench_json_number(f, "unfused_weights_ns", u->weights * to_ns);
    bench_json_number(f, "unfused_product_ns", u->product * to_ns);
    bench_json_number(f, "unfused_scatter_ns", u->scatter * to_ns);
    bench_json_number(f, "equivariance_err", w->equivariance);
    bench_result_end(f);
}

static void print_head(FILE *f)
{
    fprintf(f,
            "layer: diamond, 1000 atoms, %d neighbours, 128x0e+128x1o, l <= 3, f32; ns per edge\n"
            "whole = harmonics + radial functions + convolution (gather, weights, product, sum: "
            "fused)\n"
            "GF/s and GB/s: of the whole; flops needed, operands once, each weight streamed once\n"
            "unfused: the convolution by e3tp_forward on gathered blocks of edges, every message\n"
            "  written and added, one thread; no parts of the whole\n"
            "%-22s %-7s %s %7s %7s %7s %7s %6s %5s %6s %5s %8s\n",
            (int)LAYER_NEIGHBOURS, "weights", "layout", "t", "whole", "harmon.", "radial", "conv",
            "GF/s", "peak%", "GB/s", "dram%", "equivar.");
}

static void print_row(FILE *f, const bench_result *r, const row *w, const char *layout)
{
    const double to_ns = 1e9 / (double)r->batch, ns = r->ns.median;
    fprintf(f, "%-22s %-7s %d %7.1f %7.1f %7.1f %7.1f %6.1f %5.1f %6.2f %5.1f %8.1e\n", r->name,
            layout, w->threads, ns, w->harmonics * to_ns, w->radial * to_ns, w->conv * to_ns,
            r->flops / ns, 100 * r->flops / ns / bench_result_peak(r), r->bytes / ns,
            100 * r->bytes / ns / bench_dram_gbs(w->threads), w->equivariance);
}

static void print_unfused(FILE *f, const layer *a, int ready)
{
    const layer_unfused *u = &a->unfused[ready];
    const double to_ns = 1e9 / (double)a->crystal.edges;
    fprintf(f,
            "  unfused, blocks of %zu: gather %.1f, weights %.1f, product alone %.1f, add messages "
            "%.1f\n",
            a->block, u->gather * to_ns, u->weights * to_ns, u->product * to_ns,
            u->scatter * to_ns);
}

static void write_row(const bench_layer_options *o, const whole *h, const row *w,
                      const char *layout)
{
    char problem[128];
    snprintf(problem, sizeof problem,
             "diamond atoms=%zu neighbours=%d weights=%s layout=%s threads=%d", h->a->crystal.atoms,
             (int)LAYER_NEIGHBOURS, w->ready ? "ready" : "made", layout, w->threads);
    const bench_result r = result_of(h, w, problem);
    if (o->json)
        write_json(o->json, &r, h->a, w, layout);
    if (!o->table)
        return;
    print_row(o->table, &r, w, layout);
    if (w->threads == 1)
        print_unfused(o->table, h->a, w->ready);
}

static int layer_row(const bench_layer_options *o, const whole *h, row w, const char *layout)
{
    if (!measure(h, &w, o->quick ? FEW : o->repeats) || !(w.agreement <= layer_tolerance) ||
        !(w.equivariance <= layer_tolerance)) {
        bench_refuse(o->json, stderr, "wrong", "layer", "%s: agreement %.2g, equivariance %.2g",
                     layout, w.agreement, w.equivariance);
        return 0;
    }
    write_row(o, h, &w, layout);
    return 1;
}

static int layer_threads(const bench_layer_options *o, layer *a, int threads, const char *layout)
{
    whole h;
    char why[512] = "";
    a->threads = threads;
    if (o->progress)
        fprintf(stderr, "\r\033[Klayer, %s, %d thread%s ...", layout, threads,
                threads > 1 ? "s" : "");
    int ok = whole_create(&h, a, threads, why, sizeof why);
    if (!ok)
        bench_refuse(o->json, stderr, "error", "layer", "%s", why);
    row w = {.threads = threads, .equivariance = ok ? equivariance_error(&h) : NAN};
    ok = ok && layer_row(o, &h, w, layout);
    w.ready = 1;
    if (ok && a->weights)
        ok = layer_row(o, &h, w, layout);
    else if (ok)
        bench_refuse(o->json, o->table, "skip", "layer, ready weights",
                     "%s: more than half of the available memory", layout);
    whole_destroy(&h);
    return ok;
}

static int layer_layout(const bench_layer_options *o, const char *layout)
{
    layer a;
    char why[512] = "";
    int ok = layer_create(&a, layout, why, sizeof why);
    if (ok)
        make_ready_weights(&a);
    else
        bench_refuse(o->json, stderr, "error", "layer", "%s", why);
    for (int i = 0; ok && i < 2; i++)
        if (o->threads[i] > 0)
            ok = layer_threads(o, &a, o->threads[i], layout);
    layer_destroy(&a);
    return ok;
}

int bench_layer(const bench_layer_options *o)
{
    static const char *const layouts[] = {"mul_ir", "ir_mul"};
    int ok = 1;
    if (o->table)
        print_head(o->table);
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        ok = layer_layout(o, layouts[i]) && ok;
    return ok;
}
