/* SPDX-License-Identifier: MIT */
/* Sums over samples, with the scalar harmonics of so3 and their gradients; of vector fields by the
   definition of their harmonics, in Cartesian components. */
#include "grid/grid_ref.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "problem/signals.h"
#include "so3/quadrature.h"

enum { LMAX = 25, HARMONICS = (LMAX + 1) * (LMAX + 1) };
enum { FIELD = 3 * (2 * LMAX - 1), TENSOR = FIELD * (2 * LMAX + 1) };

static const double pi = 3.14159265358979323846;

typedef struct sample {
    size_t n;                                             /* harmonics */
    double weight, r[3], Y[HARMONICS], dY[3 * HARMONICS]; /* Y: l^2 + l + m; dY: [3][n] */
} sample;

/* A signal at a sample; or the weights with which value and gradient of a harmonic enter. */
typedef struct jet {
    double value, slope[3];
} jet;

/* Vector harmonics V^(j,l)_c = sqrt(2j+1) sum W(l,1,j)[m][c] Y_lm of every block that couples, else
   zero. */
typedef struct harmonics {
    bool used[3][E3TP_MOST_HARMONICS];
    double tensor[3][E3TP_MOST_HARMONICS][TENSOR]; /* [2l+1][3][2j+1] */
    double at[3][E3TP_MOST_HARMONICS][FIELD];      /* a sample: [3][2j+1] */
} harmonics;

/* The largest degree of the components of all operands. */
static int top_degree(const e3tp_problem *p)
{
    int top = 0;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < p->nblocks[k]; i++)
            top = p->blocks[k][i].component > top ? p->blocks[k][i].component : top;
    return top;
}

static bool set_tensors(harmonics *h, const e3tp_problem *p)
{
    bool ok = true;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < p->nblocks[k] && e3tp_signal_is_field(p->op, k); i++)
            if ((h->used[k][i] = e3tp_problem_uses(p, k, i)))
                ok = ok && e3tp_wigner_3j(p->blocks[k][i].component, 1, p->blocks[k][i].l,
                                          E3TP_SIGN_E3NN, h->tensor[k][i]) == E3TP_OK;
    return ok;
}

static void set_fields(harmonics *h, const e3tp_problem *p, const sample *s)
{
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < p->nblocks[k] && e3tp_signal_is_field(p->op, k); i++) {
            const e3tp_block *b = &p->blocks[k][i];
            const int l = b->component, size = 3 * (2 * b->l + 1);
            const double *Y = s->Y + l * l, root = sqrt(2.0 * b->l + 1);
            memset(h->at[k][i], 0, sizeof h->at[k][i]);
            for (int m = 0; m < 2 * l + 1 && h->used[k][i]; m++)
                for (int c = 0; c < size; c++)
                    h->at[k][i][c] += root * Y[m] * h->tensor[k][i][m * size + c];
        }
}

static bool set_harmonics(sample *s, int top, double x, double phi, double weight)
{
    int ls[LMAX + 1];
    for (int l = 0; l <= top; l++)
        ls[l] = l;
    const double rho = sqrt((1 - x) * (1 + x)); /* the polar axis is y, phi runs from z to x */
    const double v[3] = {rho * sin(phi), x, rho * cos(phi)};
    memcpy(s->r, v, sizeof s->r);
    s->weight = weight;
    s->n = (size_t)(top + 1) * (size_t)(top + 1);
    return e3tp_sh_eval(ls, (size_t)top + 1, 0, E3TP_SH_INTEGRAL, v, 1, s->Y, s->dY) == E3TP_OK;
}

/* Weight of block i of operand k for channel u. */
static size_t factor_place(const e3tp_problem *p, int k, size_t i, size_t u)
{
    for (int j = 0; j < k; j++)
        i += p->nblocks[j];
    return i * p->channels + u;
}

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* c = f a x b */
static void cross(double f, const double a[3], const double b[3], double c[3])
{
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        c[i] = f * (a[j] * b[k] - a[k] * b[j]);
    }
}

/* Value and gradient of the signal of channel u, with factors, of blocks whose parity is that of
   the degree, or the opposite. */
static jet signal(const e3tp_problem *p, const sample *s, int k, bool natural, size_t u,
                  const double *v, const double *w)
{
    jet sum = {0};
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const e3tp_block *b = &p->blocks[k][i];
        const size_t l = (size_t)b->l, d = 2 * l + 1;
        const double factor = w ? w[factor_place(p, k, i, u)] : 1;
        if (!e3tp_problem_uses(p, k, i) || natural != e3tp_is_natural(b))
            continue;
        for (size_t m = 0; m < d; m++) {
            const double c = factor * v[b->offset + e3tp_problem_channel(p, k, u) * d + m];
            sum.value += c * s->Y[l * l + m];
            for (int j = 0; j < 3; j++)
                sum.slope[j] += c * s->dY[(size_t)j * s->n + l * l + m];
        }
    }
    return sum;
}

/* out += factor * weight * (value Y + slope . grad Y); gw += the part of the factor's gradient.
   Blocks of natural parity take `of`, the others `twin`. */
static void project(const e3tp_problem *p, const sample *s, int k, size_t u, const jet *of,
                    const jet *twin, const double *own, const double *w, double *out, double *gw)
{
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const e3tp_block *b = &p->blocks[k][i];
        const size_t l = (size_t)b->l, d = 2 * l + 1, at = factor_place(p, k, i, u),
                     place = b->offset + e3tp_problem_channel(p, k, u) * d;
        const jet *f = e3tp_is_natural(b) ? of : twin;
        if (!e3tp_problem_uses(p, k, i))
            continue;
        for (size_t m = 0; m < d; m++) {
            double part = f->value * s->Y[l * l + m];
            for (size_t j = 0; j < 3; j++)
                part += f->slope[j] * s->dY[j * s->n + l * l + m];
            part *= s->weight;
            out[place + m] += (w ? w[at] : 1) * part;
            if (gw)
                gw[at] += part * own[place + m];
        }
    }
}

/* Of the integral of x y g + x {y, h}, {y, h} = r . (grad y x grad h): g, h are z's signals of
   either parity. */
static void add_channel(const e3tp_problem *p, const sample *s, size_t u,
                        const e3tp_grid_ref_row *r)
{
    const double *w = p->factor_weights ? r->w : NULL;
    double *gw = p->factor_weights && r->gz ? r->gw : NULL;
    const jet x = signal(p, s, 0, true, u, r->x, w), y = signal(p, s, 1, true, u, r->y, w);
    const jet product = {.value = x.value * y.value};
    jet bracket = {0};
    cross(x.value, s->r, y.slope, bracket.slope);
    project(p, s, 2, u, &product, &bracket, r->gz, w, r->z, gw);
    if (!r->gz)
        return;
    const jet g = signal(p, s, 2, true, u, r->gz, w), h = signal(p, s, 2, false, u, r->gz, w);
    double turned[3];
    cross(1, s->r, y.slope, turned);
    const jet of_x = {.value = g.value * y.value + dot(turned, h.slope)};
    project(p, s, 0, u, &of_x, &of_x, r->x, w, r->gx, gw);
    jet of_y = {.value = x.value * g.value};
    cross(x.value, h.slope, s->r, of_y.slope);
    project(p, s, 1, u, &of_y, &of_y, r->y, w, r->gy, gw);
}

/* Field k of channel u at a sample, with factors. */
static void field(const e3tp_problem *p, const harmonics *h, int k, size_t u, const double *v,
                  const double *w, double out[3])
{
    out[0] = out[1] = out[2] = 0;
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const size_t d = 2 * (size_t)p->blocks[k][i].l + 1;
        const double factor = w ? w[factor_place(p, k, i, u)] : 1,
                     *own = v + p->blocks[k][i].offset + e3tp_problem_channel(p, k, u) * d;
        for (size_t c = 0; c < 3; c++)
            for (size_t m = 0; m < d; m++)
                out[c] += factor * own[m] * h->at[k][i][c * d + m];
    }
}

/* As project, of a field. */
static void project_field(const e3tp_problem *p, const sample *s, const harmonics *h, int k,
                          size_t u, const double of[3], const double *own, const double *w,
                          double *out, double *gw)
{
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const size_t d = 2 * (size_t)p->blocks[k][i].l + 1, at = factor_place(p, k, i, u),
                     place = p->blocks[k][i].offset + e3tp_problem_channel(p, k, u) * d;
        for (size_t m = 0; m < d; m++) {
            double part = 0;
            for (size_t c = 0; c < 3; c++)
                part += s->weight * of[c] * h->at[k][i][c * d + m];
            out[place + m] += (w ? w[at] : 1) * part;
            if (gw)
                gw[at] += part * own[place + m];
        }
    }
}

/* Of the integral of (x cross y) . g, or of (x . y) g. */
static void add_fields(const e3tp_problem *p, const sample *s, const harmonics *h, size_t u,
                       const e3tp_grid_ref_row *r)
{
    const double *w = p->factor_weights ? r->w : NULL;
    double *gw = p->factor_weights && r->gz ? r->gw : NULL;
    const bool is_dot = p->op == E3TP_OP_DOT;
    double x[3], y[3], g[3], z[3];
    field(p, h, 0, u, r->x, w, x);
    field(p, h, 1, u, r->y, w, y);
    cross(1, x, y, z);
    const jet product = {.value = dot(x, y)};
    if (is_dot)
        project(p, s, 2, u, &product, &product, r->gz, w, r->z, gw);
    else
        project_field(p, s, h, 2, u, z, r->gz, w, r->z, gw);
    if (!r->gz)
        return;
    double gx[3], gy[3];
    const double scale = is_dot ? signal(p, s, 2, true, u, r->gz, w).value : 0;
    if (!is_dot)
        field(p, h, 2, u, r->gz, w, g);
    if (!is_dot)
        cross(1, y, g, gx), cross(1, g, x, gy);
    for (int i = 0; i < 3 && is_dot; i++)
        gx[i] = scale * y[i], gy[i] = scale * x[i];
    project_field(p, s, h, 0, u, gx, r->x, w, r->gx, gw);
    project_field(p, s, h, 1, u, gy, r->y, w, r->gy, gw);
}

static void add_sample(const e3tp_problem *p, const sample *s, harmonics *h, size_t rows,
                       const e3tp_grid_ref_row *r)
{
    if (e3tp_signal_is_field(p->op, 0))
        set_fields(h, p, s);
    for (size_t i = 0; i < rows * p->channels; i++)
        if (e3tp_signal_is_field(p->op, 0))
            add_fields(p, s, h, i % p->channels, &r[i / p->channels]);
        else
            add_channel(p, s, i % p->channels, &r[i / p->channels]);
}

static void clear(const e3tp_problem *p, const e3tp_grid_ref_row *r)
{
    memset(r->z, 0, p->dim[2] * sizeof *r->z);
    if (!r->gz)
        return;
    memset(r->gx, 0, p->dim[0] * sizeof *r->gx);
    memset(r->gy, 0, p->dim[1] * sizeof *r->gy);
    memset(r->gw, 0, p->weight_numel * sizeof *r->gw);
}

bool e3tp_grid_ref(const e3tp_problem *p, int n_theta, int n_phi, size_t rows,
                   const e3tp_grid_ref_row *r)
{
    sample *s = malloc(sizeof *s);
    harmonics *h = malloc(sizeof *h);
    double *x = malloc(2 * (size_t)n_theta * sizeof *x), *weight = x + n_theta;
    bool ok = s && x && h && set_tensors(h, p);
    for (size_t i = 0; i < rows; i++)
        clear(p, &r[i]);
    if (ok && p->quadrature == E3TP_GAUSS_LEGENDRE)
        e3tp_so3_gauss_legendre(n_theta, x, weight);
    else if (ok)
        e3tp_so3_equiangular(n_theta, x, weight);
    for (int i = 0; ok && i < n_theta; i++)
        for (int j = 0; ok && j < n_phi; j++) {
            ok = set_harmonics(s, top_degree(p), x[i], (2 * j + 1) * pi / n_phi,
                               weight[i] * 2 * pi / n_phi);
            add_sample(p, s, h, rows, r);
        }
    free(s);
    free(h);
    free(x);
    return ok;
}
