/* SPDX-License-Identifier: MIT */
/* A layer of an interatomic potential on a chain of atoms: energy, forces, and the strain's
   gradient, with harmonics and radial weights made in the cache. */
#include <e3tp/graph.h>
#include <math.h>
#include <stdio.h>

enum { ATOMS = 4, EDGES = 6, CHANNELS = 8, KNOTS = 64, MOST = 8192 };
static const double cutoff = 3;

static e3tp_plan *make_product(void)
{
    e3tp_desc *d;
    e3tp_plan *p = NULL;
    e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT);
    e3tp_desc_set_irreps_text(d, E3TP_X, "8x0e");
    e3tp_desc_set_irreps_text(d, E3TP_Y, "0e+1o+2e");
    e3tp_desc_set_product(d, E3TP_PRODUCT_CHANNELWISE, NULL, 0);
    e3tp_desc_set_weights(d, E3TP_WEIGHTS_ROW);
    e3tp_desc_set_dtype(d, E3TP_F64);
    if (e3tp_plan_create(&p, d) != E3TP_OK)
        fprintf(stderr, "%s\n", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

/* Each weight a smooth function of the distance; its coefficients from samples at the knots. */
static void fit(const e3tp_spline *s, size_t width, double *coefficients)
{
    static double values[MOST];
    for (size_t k = 0; k < KNOTS; k++)
        for (size_t w = 0; w < width; w++) {
            const double t = (double)k / (KNOTS - 1);
            values[k * width + w] = cos((double)(w + 1) * t) * pow(1 - t, 3);
        }
    e3tp_spline_fit(s, 1, values, coefficients);
}

int main(void)
{
    static const double at[ATOMS][3] = {{0}, {1.1, 0.2, 0}, {1.9, 1.3, -0.4}, {3.2, 1.1, 0.5}};
    static const int receivers[EDGES] = {0, 1, 1, 2, 2, 3}, senders[EDGES] = {1, 0, 2, 1, 3, 2};
    static double x[ATOMS * CHANNELS], z[ATOMS * CHANNELS * 9], table[MOST];
    static const int ls[] = {0, 1, 2};
    double v[EDGES][3], gv[EDGES][3], forces[ATOMS][3], strain[9], energy = 0;
    e3tp_plan *product = make_product();
    const size_t width = e3tp_plan_width(product, E3TP_W);
    e3tp_sh_desc h = e3tp_sh_desc_init(ls, 3, 1, E3TP_SH_COMPONENT);
    e3tp_spline_desc s = e3tp_spline_desc_init(KNOTS, cutoff, width);
    e3tp_conv_desc c = e3tp_conv_desc_init(product);
    e3tp_sh *sh;
    e3tp_spline *spline;
    e3tp_graph *graph;
    e3tp_conv *conv;
    h.dtype = s.dtype = E3TP_F64;
    if (!product || e3tp_sh_create(&sh, &h, NULL, 0) || e3tp_spline_create(&spline, &s, NULL, 0))
        return 1;
    c.sh = sh, c.spline = spline, c.w = E3TP_AT_SHARED;
    if (e3tp_conv_create(&conv, product, &c, NULL, 0) ||
        e3tp_graph_create(&graph, E3TP_INT32, receivers, senders, EDGES, ATOMS, ATOMS, NULL, 0))
        return 1;
    fit(spline, width, table);
    for (int i = 0; i < ATOMS * CHANNELS; i++)
        x[i] = 1.0 / (i + 1);
    for (int e = 0; e < EDGES; e++)
        for (int d = 0; d < 3; d++)
            v[e][d] = at[senders[e]][d] - at[receivers[e]][d];

    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = x, b.v = v, b.w = table, b.z = z, b.gz = z, b.gv = gv; /* E = sum of z^2 / 2 */
    if (e3tp_conv_forward(conv, graph, &b) || e3tp_conv_backward(conv, graph, &b) ||
        e3tp_graph_forces(graph, E3TP_F64, v, gv, forces, strain))
        return 1;
    for (size_t i = 0; i < ATOMS * e3tp_plan_width(product, E3TP_Z); i++)
        energy += z[i] * z[i] / 2;
    printf("energy %.9f, force on atom 0 (%.9f, %.9f, %.9f), trace of the virial %.9f\n", energy,
           forces[0][0], forces[0][1], forces[0][2], -(strain[0] + strain[4] + strain[8]));
    return e3tp_conv_destroy(conv), e3tp_graph_destroy(graph), e3tp_spline_destroy(spline),
           e3tp_sh_destroy(sh), e3tp_plan_destroy(product), 0;
}
