/* SPDX-License-Identifier: MIT */
#include "pointwise.h"

#include <math.h>
#include <stdlib.h>

/* Exact for products of three functions: Gauss-Legendre rings, of samples equally apart. */
enum { TOP = 24, RINGS = 3 * TOP / 2 + 1, SAMPLES = 3 * TOP + 1, DIM = (TOP + 1) * (TOP + 1) };

static const double pi = 3.14159265358979323846;

typedef double field[RINGS][SAMPLES];

/* Y_lm of a sample is polar[ring][l (l + 1) + m] azimuth[m + TOP][sample]; [1]: absolute values. */
typedef struct grid {
    int lmax, rings, samples;
    double weight[RINGS]; /* of each sample */
    double polar[2][RINGS][DIM], azimuth[2][2 * TOP + 1][SAMPLES];
} grid;

/* ---- grid */

/* A zero of P_n and its weight. */
static double gauss_legendre(int n, int i, double *weight)
{
    double x = cos(pi * (i + 0.75) / (n + 0.5)), slope = 1;
    for (int step = 0; step < 8; step++) {
        double before = 0, p = 1;
        for (int k = 1; k <= n; k++) {
            const double next = ((2 * k - 1) * x * p - (k - 1) * before) / k;
            before = p, p = next;
        }
        slope = n * (before - x * p) / (1 - x * x);
        x -= p / slope;
    }
    *weight = 2 / ((1 - x * x) * slope * slope);
    return x;
}

/* On the meridian where the cosines are 1; the sines have the same factors. */
static int make_ring(grid *g, int ring)
{
    int ls[TOP + 1];
    double y[DIM], weight;
    for (int l = 0; l <= g->lmax; l++)
        ls[l] = l;
    const double x = gauss_legendre(g->rings, ring, &weight), at[3] = {0, x, sqrt(1 - x * x)};
    g->weight[ring] = weight * 2 * pi / g->samples;
    if (e3tp_sh_eval(ls, (size_t)g->lmax + 1, 1, E3TP_SH_INTEGRAL, at, 1, y, NULL) != E3TP_OK)
        return 0;
    for (int l = 0; l <= g->lmax; l++)
        for (int m = -l; m <= l; m++) {
            const double value = y[l * (l + 1) + (m < 0 ? -m : m)];
            g->polar[0][ring][l * (l + 1) + m] = value;
            g->polar[1][ring][l * (l + 1) + m] = fabs(value);
        }
    return 1;
}

static void make_orders(grid *g)
{
    for (int m = -g->lmax; m <= g->lmax; m++)
        for (int j = 0; j < g->samples; j++) {
            const double angle = 2 * pi * (abs(m) * j % g->samples) / g->samples;
            const double value = m < 0 ? sin(angle) : cos(angle);
            g->azimuth[0][m + TOP][j] = value;
            g->azimuth[1][m + TOP][j] = fabs(value);
        }
}

/* NULL: degrees that are not served. */
static const grid *grid_to(int lmax)
{
    static grid g;
    if (g.samples && g.lmax == lmax)
        return &g;
    g = (grid){.lmax = lmax, .rings = 3 * lmax / 2 + 1, .samples = 3 * lmax + 1};
    int ok = lmax <= TOP;
    for (int ring = 0; ok && ring < g.rings; ring++)
        ok = make_ring(&g, ring);
    if (!ok) {
        g.samples = 0;
        return NULL;
    }
    make_orders(&g);
    return &g;
}

/* ---- transforms of a channel */

static size_t element(const bench_block *b, size_t u, int order)
{
    return b->offset + (b->mul > 1 ? u : 0) * bench_block_width(b) + (size_t)(b->l + order);
}

static void sample(const grid *g, const bench_product *q, int which, const double *in, size_t u,
                   field f)
{
    for (int ring = 0; ring < g->rings; ring++) {
        double by_order[2 * TOP + 1] = {0};
        for (size_t b = 0; b < q->nblocks[which]; b++)
            for (int l = q->blocks[which][b].l, m = -l; m <= l; m++)
                by_order[m + TOP] +=
                    g->polar[0][ring][l * (l + 1) + m] * in[element(&q->blocks[which][b], u, m)];
        for (int j = 0; j < g->samples; j++)
            f[ring][j] = 0;
        for (int m = TOP - g->lmax; m <= TOP + g->lmax; m++)
            for (int j = 0; j < g->samples; j++)
                f[ring][j] += by_order[m] * g->azimuth[0][m][j];
    }
}

/* out: plain and absolute. */
static void integrate(const grid *g, const bench_product *q, int which, field f, size_t u,
                      double *const out[2])
{
    for (int ring = 0; ring < g->rings; ring++)
        for (int s = 0; s < 2; s++) {
            double by_order[2 * TOP + 1] = {0};
            for (int m = TOP - g->lmax; m <= TOP + g->lmax; m++)
                for (int j = 0; j < g->samples; j++)
                    by_order[m] +=
                        g->weight[ring] * g->azimuth[s][m][j] * (s ? fabs(f[ring][j]) : f[ring][j]);
            for (size_t b = 0; b < q->nblocks[which]; b++)
                for (int l = q->blocks[which][b].l, m = -l; m <= l; m++)
                    out[s][element(&q->blocks[which][b], u, m)] +=
                        g->polar[s][ring][l * (l + 1) + m] * by_order[m + TOP];
        }
}

static void multiply(const grid *g, field a, field b, field out)
{
    for (int ring = 0; ring < g->rings; ring++)
        for (int j = 0; j < g->samples; j++)
            out[ring][j] = a[ring][j] * b[ring][j];
}

void bench_pointwise_evaluate(const bench_product *q, const double *const in[4],
                              double *const out[4], double *const magnitude[4])
{
    static field f[3], product;
    const bench_problem *p = &q->problem;
    const int most = p->l1[1] > p->l2[1] ? p->l1[1] : p->l2[1];
    const grid *g = grid_to(p->l3[1] > most ? p->l3[1] : most);
    const int from = p->pass == E3TP_FORWARD ? 2 : 0, to = p->pass == E3TP_FORWARD ? 3 : 2;
    if (!g)
        magnitude[2][0] = NAN; /* an error like any other */
    for (size_t u = 0; g && u < p->channels; u++) {
        for (int k = 0; k < 3; k++)
            sample(g, q, k, in[k], u, f[k]);
        for (int k = from; k < to; k++) {
            multiply(g, f[(k + 1) % 3], f[(k + 2) % 3], product);
            integrate(g, q, k, product, u, (double *const[]){out[k], magnitude[k]});
        }
    }
}
