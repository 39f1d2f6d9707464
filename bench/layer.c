/* SPDX-License-Identifier: MIT */
/* The layer of an interatomic potential: a diamond crystal of 1000 atoms, 158 neighbours each, harmonics to l = 3, ready
   weights per edge, the channel-wise product 128x0e+128x1o with 10 paths, sum over neighbours. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

enum { CELLS = 5, ATOMS = 8 * CELLS * CELLS * CELLS, NEIGHBOURS = 158, CHANNELS = 128 };

typedef struct crystal {
    double at[ATOMS][3];
    int32_t *receivers, *senders;
    double *vectors;
    size_t edges;
} crystal;

static void place_atoms(crystal *c)
{
    static const double basis[8][3] = {{0, 0, 0},          {0, .5, .5},        {.5, 0, .5},        {.5, .5, 0},
                                       {.25, .25, .25}, {.25, .75, .75}, {.75, .25, .75}, {.75, .75, .25}};
    for (int i = 0; i < ATOMS; i++) {
        const int cell[3] = {i / 8 % CELLS, i / 8 / CELLS % CELLS, i / 8 / CELLS / CELLS};
        for (int k = 0; k < 3; k++)
            c->at[i][k] = cell[k] + basis[i % 8][k];
    }
}

/* Minimum images within the cutoff, in units of the cell: shells to 1.7 a hold 158 neighbours. */
static void connect(crystal *c, double cutoff)
{
    c->edges = 0;
    for (int i = 0; i < ATOMS; i++)
        for (int j = 0; j < ATOMS; j++) {
            double d[3], r2 = 0;
            for (int k = 0; k < 3; k++) {
                d[k] = c->at[j][k] - c->at[i][k];
                d[k] -= CELLS * round(d[k] / CELLS);
                r2 += d[k] * d[k];
            }
            if (i == j || r2 > cutoff * cutoff || c->edges == (size_t)ATOMS * NEIGHBOURS)
                continue;
            c->receivers[c->edges] = i;
            c->senders[c->edges] = j;
            for (int k = 0; k < 3; k++)
                c->vectors[3 * c->edges + k] = d[k];
            c->edges++;
        }
}

static e3tp_plan *layer_plan(int threads)
{
    e3tp_desc *d;
    e3tp_plan *p;
    static const int paths[10][2] = {{0, 0}, {1, 1}, {0, 1}, {1, 0}, {1, 2}, {0, 2}, {1, 1}, {1, 3}, {0, 3}, {1, 2}};
    e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT);
    e3tp_desc_set_irreps_text(d, E3TP_X, "128x0e+128x1o");
    e3tp_desc_set_irreps_text(d, E3TP_Y, "0e+1o+2e+3o");
    e3tp_desc_set_irreps_text(d, E3TP_Z,
                              "128x0e+128x0e+128x1o+128x1o+128x1o+128x2e+128x2e+128x2e+128x3o+128x3o");
    for (int i = 0; i < 10; i++) {
        const e3tp_path q = e3tp_path_init((uint32_t)paths[i][0], (uint32_t)paths[i][1], (uint32_t)i, E3TP_UVU, 1);
        e3tp_desc_add_path(d, &q);
    }
    e3tp_desc_set_weights(d, E3TP_WEIGHTS_ROW);
    e3tp_desc_set_threads(d, threads);
    if (e3tp_plan_create(&p, d) != E3TP_OK)
        fprintf(stderr, "%s\n", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

typedef struct run {
    e3tp_conv *conv;
    e3tp_graph *graph;
    e3tp_conv_buffers b;
} run;

static void convolve(void *ctx)
{
    const run *r = ctx;
    e3tp_conv_forward(r->conv, r->graph, &r->b);
}

/* Node 0 again, edge by edge through the product, summed in double. */
static double error_of_node(const crystal *c, const e3tp_plan *p, const run *r)
{
    const size_t nz = e3tp_plan_width(p, E3TP_Z);
    double *sum = calloc(nz, sizeof *sum), worst = 0, largest = 0;
    float *message = bench_random(nz);
    for (size_t e = 0; e < NEIGHBOURS; e++) {
        e3tp_buffers b = e3tp_buffers_init(1);
        b.x = (const float *)r->b.x + (size_t)c->senders[e] * 512;
        b.y = (const float *)r->b.y + e * 16;
        b.w = (const float *)r->b.w + e * 1280;
        b.z = message;
        e3tp_forward(p, &b);
        for (size_t i = 0; i < nz; i++)
            sum[i] += message[i];
    }
    for (size_t i = 0; i < nz; i++) {
        worst = fmax(worst, fabs(sum[i] - ((const float *)r->b.z)[i]));
        largest = fmax(largest, fabs(sum[i]));
    }
    free(sum);
    free(message);
    return worst / largest;
}

static float *harmonics(const crystal *c)
{
    static const int degrees[4] = {0, 1, 2, 3};
    double *y = malloc(c->edges * 16 * sizeof *y);
    float *out = bench_random(c->edges * 16);
    e3tp_sh_eval(degrees, 4, 1, E3TP_SH_COMPONENT, c->vectors, c->edges, y, NULL);
    for (size_t i = 0; i < c->edges * 16; i++)
        out[i] = (float)y[i];
    free(y);
    return out;
}

int bench_layer(int threads)
{
    const size_t most = (size_t)ATOMS * NEIGHBOURS;
    crystal *c = malloc(sizeof *c);
    c->receivers = malloc(most * sizeof *c->receivers);
    c->senders = malloc(most * sizeof *c->senders);
    c->vectors = malloc(3 * most * sizeof *c->vectors);
    place_atoms(c);
    connect(c, 1.7);
    int wrong = c->edges != most;
    e3tp_plan *p = layer_plan(threads);
    run r = {.b = e3tp_conv_buffers_init()};
    wrong |= !p || e3tp_conv_create(&r.conv, p, 1.0, NULL, 0) ||
             e3tp_graph_create(&r.graph, E3TP_INT32, c->receivers, c->senders, c->edges, ATOMS, ATOMS, NULL, 0);
    if (!wrong) {
        float *x = bench_random((size_t)ATOMS * 512), *y = harmonics(c), *w = bench_random(c->edges * 1280);
        float *z = bench_random(ATOMS * e3tp_plan_width(p, E3TP_Z));
        r.b.x = x, r.b.y = y, r.b.w = w, r.b.z = z;
        convolve(&r);
        const double error = error_of_node(c, p, &r);
        char name[80];
        snprintf(name, sizeof name, "layer, ready weights, %d thread%s, per edge", threads, threads > 1 ? "s" : "");
        bench_line(name, bench_time(convolve, &r, 5) / (double)c->edges * 1e9, e3tp_plan_flops(p, E3TP_FORWARD),
                   bench_peak_gflops() * threads, error);
        wrong = error > 1e-5;
        free(x), free(y), free(w), free(z);
    }
    if (wrong)
        printf("layer: WRONG (%zu edges)\n", c->edges);
    e3tp_conv_destroy(r.conv);
    e3tp_graph_destroy(r.graph);
    e3tp_plan_destroy(p);
    free(c->receivers), free(c->senders), free(c->vectors), free(c);
    return wrong;
}
