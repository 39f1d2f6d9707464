/* SPDX-License-Identifier: MIT */
#include "power.h"

#include <math.h>
#include <string.h>

enum { MOST = 5, FULL = 25 * 25 };

/* Coefficients of all degrees of the powers 1.. of one channel, and their gradients; [1]: sums of
   |terms|. */
typedef struct chain {
    double f[2][MOST][FULL], g[2][MOST][FULL];
    int lmax;
} chain;

typedef void visitor(chain *c, int n, size_t i, size_t j, size_t k, double value);

static void multiply(chain *c, int n, size_t i, size_t j, size_t k, double value)
{
    c->f[0][n][k] += value * c->f[0][1][i] * c->f[0][n - 1][j];
    c->f[1][n][k] += fabs(value) * c->f[1][1][i] * c->f[1][n - 1][j];
}

static void differentiate(chain *c, int n, size_t i, size_t j, size_t k, double value)
{
    for (int s = 0; s < 2; s++) {
        const double v = s ? fabs(value) : value, g = c->g[s][n][k];
        c->g[s][1][i] += v * c->f[s][n - 1][j] * g;
        c->g[s][n - 1][j] += v * c->f[s][1][i] * g;
    }
}

/* As often asked for as terms: each is made once per process. */
static double strength(int l1, int l2, int l3)
{
    static double memo[13][13][25];
    double *g = &memo[l1][l2][l3];
    return *g != 0 ? *g : (*g = e3tp_gaunt_strength(l1, l2, l3));
}

/* Every term of the product of x with the power n - 1. */
static void each_term(chain *c, int n, visitor *visit)
{
    for (int l1 = 0; l1 <= c->lmax; l1++)
        for (int l2 = 0; l2 <= (n - 1) * c->lmax; l2++)
            for (int l3 = l1 > l2 ? l1 - l2 : l2 - l1; l3 <= l1 + l2; l3 += 2) {
                const double g = strength(l1, l2, l3);
                const term_list t = bench_terms(l1, l2, l3);
                for (size_t e = 0; e < t.n; e++)
                    visit(c, n, (size_t)(l1 * l1) + t.list[e].i, (size_t)(l2 * l2) + t.list[e].j,
                          (size_t)(l3 * l3) + t.list[e].k, g * t.list[e].value);
            }
}

static size_t element(const bench_block *b, size_t u, size_t m)
{
    return b->offset + u * (2 * (size_t)b->l + 1) + m;
}

static double weight(const bench_product *q, const double *w, int n, size_t block, size_t u)
{
    const size_t at = ((size_t)(n - 1) * q->nblocks[2] + block) * q->problem.channels + u;
    return q->weighted ? w[at] : n == q->problem.power;
}

static void load(chain *c, const bench_product *q, const double *x, size_t u)
{
    for (size_t b = 0; b < q->nblocks[0]; b++)
        for (int m = 0, l = q->blocks[0][b].l; m <= 2 * l; m++) {
            c->f[0][1][l * l + m] = x[element(&q->blocks[0][b], u, (size_t)m)];
            c->f[1][1][l * l + m] = fabs(c->f[0][1][l * l + m]);
        }
}

/* z and gw, and the gradients by the powers. */
static void project(chain *c, const bench_product *q, const double *const in[4],
                    double *const out[4], double *const magnitude[4], size_t u)
{
    for (size_t b = 0; b < q->nblocks[2]; b++)
        for (int m = 0, l = q->blocks[2][b].l; m <= 2 * l; m++)
            for (int n = 1; n <= q->problem.power && l <= 24; n++) {
                const size_t at = element(&q->blocks[2][b], u, (size_t)m), i = (size_t)(l * l + m);
                const size_t w = ((size_t)(n - 1) * q->nblocks[2] + b) * q->problem.channels + u;
                const double value = weight(q, in[3], n, b, u), gz = in[2][at];
                out[2][at] += value * c->f[0][n][i];
                magnitude[2][at] += fabs(value) * c->f[1][n][i];
                c->g[0][n][i] = value * gz, c->g[1][n][i] = fabs(value * gz);
                if (!q->weighted)
                    continue;
                out[3][w] += gz * c->f[0][n][i];
                magnitude[3][w] += fabs(gz) * c->f[1][n][i];
            }
}

static void deliver(const chain *c, const bench_product *q, double *out, double *magnitude,
                    size_t u)
{
    for (size_t b = 0; b < q->nblocks[0]; b++)
        for (int m = 0, l = q->blocks[0][b].l; m <= 2 * l; m++) {
            out[element(&q->blocks[0][b], u, (size_t)m)] += c->g[0][1][l * l + m];
            magnitude[element(&q->blocks[0][b], u, (size_t)m)] += c->g[1][1][l * l + m];
        }
}

void bench_power_evaluate(const bench_product *q, const double *const in[4], double *const out[4],
                          double *const magnitude[4])
{
    static chain c;
    for (size_t u = 0; u < q->problem.channels; u++) {
        memset(&c, 0, sizeof c);
        c.lmax = q->problem.l1[1];
        load(&c, q, in[0], u);
        for (int n = 2; n <= q->problem.power; n++)
            each_term(&c, n, multiply);
        project(&c, q, in, out, magnitude, u);
        for (int n = q->problem.power; n >= 2; n--)
            each_term(&c, n, differentiate);
        deliver(&c, q, out[0], magnitude[0], u);
    }
}
