/* SPDX-License-Identifier: MIT */
#include "convolution.h"

#include <math.h>

#include "timing.h"
#include "verify.h"

enum { ROUNDS = 5, FEW_ROUNDS = 3 };

#define MACE "in1=128x0e+128x1o in2=1x0e+1x1o+1x2e+1x3o paths=natural lmax_out=3"
const bench_conv_layer bench_conv_standard = {"MACE, layer 2", MACE, 5, BENCH_NEIGHBOURS, 0},
                       bench_conv_avx2 = {"MACE, layer 2, avx2", MACE " isa=avx2", 5,
                                          BENCH_NEIGHBOURS, 0};

int bench_conv_product(bench_product *q, const bench_conv_layer *layer, int threads, char *why,
                       size_t cap)
{
    char text[512];
    snprintf(text, sizeof text,
             "op=tp %s mode=uvu weights=row layout=ir_mul batch=64 pass=bwd threads=%d",
             layer->product, threads);
    return bench_verified(q, text, why, cap);
}

int bench_material_create(bench_material *m, const bench_conv_layer *layer, int threads, char *why,
                          size_t cap)
{
    const bench_crystal *c = &m->crystal;
    *m = (bench_material){.graph = NULL};
    if (!bench_diamond(&m->crystal, bench_diamond_a, layer->cells, layer->neighbours)) {
        snprintf(why, cap, "no cutoff gives every atom %zu neighbours", layer->neighbours);
        return 0;
    }
    return bench_conv_product(&m->product, layer, threads, why, cap) &&
           e3tp_graph_create(&m->graph, E3TP_INT32, c->receiver, c->sender, c->edges, c->atoms,
                             c->atoms, why, cap) == E3TP_OK;
}

void bench_material_destroy(bench_material *m)
{
    e3tp_graph_destroy(m->graph);
    bench_product_destroy(&m->product);
    bench_crystal_destroy(&m->crystal);
}

int bench_conv_run(const e3tp_conv *c, e3tp_pass pass, const e3tp_graph *g,
                   const e3tp_conv_buffers *b)
{
    static e3tp_status (*const run[])(const e3tp_conv *, const e3tp_graph *,
                                      const e3tp_conv_buffers *) = {
        e3tp_conv_forward, e3tp_conv_backward, e3tp_conv_double_backward, e3tp_conv_jvp};
    return run[pass](c, g, b) == E3TP_OK;
}

int bench_conv_rounds(const bench_layer_options *o)
{
    return o->quick ? FEW_ROUNDS : ROUNDS;
}

double bench_dot(const float *a, const float *b, size_t n, double *size)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double term = (double)a[i] * (double)b[i];
        sum += term;
        *size += term * term;
    }
    return sum;
}

double bench_difference(const float *a, const float *b, size_t n)
{
    double worst = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        worst = bench_worse(worst, fabs((double)a[i] - (double)b[i]));
        squares += (double)b[i] * (double)b[i];
    }
    return squares > 0 ? worst / sqrt(squares / (double)n) : INFINITY;
}

double bench_imbalance(double sum, double size)
{
    return fabs(sum) / sqrt(size);
}

bench_result bench_conv_result(const char *kind, const char *name, const char *problem,
                               const char *pass, const e3tp_plan *p, size_t edges, int threads,
                               bench_stats seconds)
{
    const double to_ns = 1e9 / (double)edges;
    return (bench_result){.kind = kind,
                          .name = name,
                          .problem = problem,
                          .op = "conv",
                          .method = e3tp_plan_method(p),
                          .method_asked = "auto",
                          .isa = e3tp_plan_isa(p),
                          .pass = pass,
                          .dtype = E3TP_F32,
                          .threads = threads,
                          .batch = edges,
                          .ns = {seconds.median * to_ns, seconds.min * to_ns, seconds.iqr * to_ns},
                          .flops = NAN,
                          .bytes = NAN};
}

int bench_too_large(const bench_layer_options *o, size_t bytes, const char *what, int threads)
{
    const size_t room = bench_mem_available();
    if (!room || bytes <= room / 2)
        return 0;
    bench_refuse(o->json, o->table, "skip", what, "%d threads: more than half of the memory",
                 threads);
    return 1;
}
