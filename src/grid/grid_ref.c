/* SPDX-License-Identifier: MIT */
/* Sums over samples, with the scalar harmonics of so3. */
#include "grid/grid_ref.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "so3/quadrature.h"

enum { LMAX = 24, HARMONICS = (LMAX + 1) * (LMAX + 1) };

static const double pi = 3.14159265358979323846;

typedef struct sample {
    double weight, Y[HARMONICS]; /* index l^2 + l + m */
} sample;

/* The largest degree of all operands. */
static int top_degree(const e3tp_problem *p)
{
    int top = 0;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < p->nblocks[k]; i++)
            top = p->blocks[k][i].l > top ? p->blocks[k][i].l : top;
    return top;
}

static bool set_harmonics(sample *s, int top, double x, double phi, double weight)
{
    int ls[LMAX + 1];
    for (int l = 0; l <= top; l++)
        ls[l] = l;
    const double rho = sqrt((1 - x) * (1 + x)); /* the polar axis is y, phi runs from z to x */
    const double v[3] = {rho * sin(phi), x, rho * cos(phi)};
    s->weight = weight;
    return e3tp_sh_eval(ls, (size_t)top + 1, 0, E3TP_SH_INTEGRAL, v, 1, s->Y, NULL) == E3TP_OK;
}

static bool is_used(const e3tp_problem *p, int k, size_t block)
{
    bool used = false;
    for (size_t i = 0; i < p->npaths; i++)
        used = used || (k == 0   ? p->paths[i].in1
                        : k == 1 ? p->paths[i].in2
                                 : p->paths[i].out) == block;
    return used;
}

/* Weight of block i of operand k for channel u. */
static size_t factor_place(const e3tp_problem *p, int k, size_t i, size_t u)
{
    for (int j = 0; j < k; j++)
        i += p->nblocks[j];
    return i * p->channels + u;
}

/* Value at the sample of the signal of channel u, with factors; and its part of block i without. */
static double block_value(const e3tp_problem *p, const sample *s, int k, size_t i, size_t u,
                          const double *v)
{
    const e3tp_block *b = &p->blocks[k][i];
    const size_t l = (size_t)b->l, d = 2 * l + 1;
    double sum = 0;
    if (!is_used(p, k, i))
        return 0;
    for (size_t m = 0; m < d; m++)
        sum += s->Y[l * l + m] * v[b->offset + u * d + m];
    return sum;
}

static double value(const e3tp_problem *p, const sample *s, int k, size_t u, const double *v,
                    const double *w)
{
    double sum = 0;
    for (size_t i = 0; i < p->nblocks[k]; i++)
        sum += (w ? w[factor_place(p, k, i, u)] : 1) * block_value(p, s, k, i, u, v);
    return sum;
}

/* out += factor * weight * f * Y; gw += the part of the factor's gradient. */
static void project(const e3tp_problem *p, const sample *s, int k, size_t u, double f,
                    const double *own, const double *w, double *out, double *gw)
{
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const e3tp_block *b = &p->blocks[k][i];
        const size_t l = (size_t)b->l, d = 2 * l + 1, at = factor_place(p, k, i, u);
        if (!is_used(p, k, i))
            continue;
        for (size_t m = 0; m < d; m++)
            out[b->offset + u * d + m] += (w ? w[at] : 1) * s->weight * f * s->Y[l * l + m];
        if (gw)
            gw[at] += s->weight * f * block_value(p, s, k, i, u, own);
    }
}

static void add_sample(const e3tp_problem *p, const sample *s, const e3tp_grid_ref_row *r)
{
    const double *w = p->factor_weights ? r->w : NULL;
    double *gw = p->factor_weights && r->gz ? r->gw : NULL;
    for (size_t u = 0; u < p->channels; u++) {
        const double x = value(p, s, 0, u, r->x, w), y = value(p, s, 1, u, r->y, w);
        project(p, s, 2, u, x * y, r->gz, w, r->z, gw);
        if (!r->gz)
            continue;
        const double g = value(p, s, 2, u, r->gz, w);
        project(p, s, 0, u, g * y, r->x, w, r->gx, gw);
        project(p, s, 1, u, g * x, r->y, w, r->gy, gw);
    }
}

bool e3tp_grid_ref(const e3tp_problem *p, int n_theta, int n_phi, const e3tp_grid_ref_row *r)
{
    sample *s = malloc(sizeof *s);
    double *x = malloc(2 * (size_t)n_theta * sizeof *x), *weight = x + n_theta;
    bool ok = s && x;
    memset(r->z, 0, p->dim[2] * sizeof *r->z);
    if (r->gz) {
        memset(r->gx, 0, p->dim[0] * sizeof *r->gx);
        memset(r->gy, 0, p->dim[1] * sizeof *r->gy);
        memset(r->gw, 0, p->weight_numel * sizeof *r->gw);
    }
    if (ok && p->quadrature == E3TP_GAUSS_LEGENDRE)
        e3tp_so3_gauss_legendre(n_theta, x, weight);
    else if (ok)
        e3tp_so3_equiangular(n_theta, x, weight);
    for (int i = 0; ok && i < n_theta; i++)
        for (int j = 0; ok && j < n_phi; j++) {
            ok = set_harmonics(s, top_degree(p), x[i], (2 * j + 1) * pi / n_phi,
                               weight[i] * 2 * pi / n_phi);
            add_sample(p, s, r);
        }
    free(s);
    free(x);
    return ok;
}
