/* SPDX-License-Identifier: MIT */
/* A block of rows: packs operands component by component (lane = row and channel), runs the paths,
   unpacks. Compiled once per tier and real; exports one const struct. */
#include <stdbool.h>

#include "cg/cg_plan.h"
#include "simd/vec.h"

#define kernels E3TP_NAME(e3tp_cg_kernels)

typedef struct frame {
    const e3tp_cg_plan *plan;
    const e3tp_rows *r;
    size_t n;
    real *in[3];    /* packed x, y, and z (forward) or gz (backward) */
    real *grad[3];  /* packed gx, gy; [2]: unscaled z for factor weights */
    real *lw, *lgw; /* lane weights of a path, and their gradient */
    real *M, *dM, *mid, *gmid;
} frame;

/* Place of component m, channel u, row r of a block in an operand of the caller. */
typedef struct view {
    size_t row, m, u; /* distances */
} view;

static view view_of(const e3tp_problem *p, int k, const e3tp_block *b, ptrdiff_t stride)
{
    const size_t s = (size_t)stride, d = 2 * (size_t)b->l + 1;
    if (p->layout[k] == E3TP_BATCH_LAST)
        return s ? (view){1, b->mul * s, s} : (view){0, b->mul, 1};
    return p->layout[k] == E3TP_MUL_IR ? (view){s, 1, d} : (view){s, b->mul, 1};
}

static size_t start_of(const e3tp_problem *p, int k, const e3tp_block *b, ptrdiff_t stride)
{
    return p->layout[k] == E3TP_BATCH_LAST && stride ? b->offset * (size_t)stride : b->offset;
}

/* Channels of one row of a block in MUL_IR to components `lanes` apart; d is a literal after
 * inlining. */
V_INLINE void split(const int d, size_t mul, const real *from, real *to, size_t lanes)
{
    for (size_t u = 0; u < mul; u++)
        for (int m = 0; m < d; m++)
            to[(size_t)m * lanes + u] = from[u * (size_t)d + (size_t)m];
}

V_INLINE void merge(const int d, size_t mul, const real *from, size_t lanes, real *to)
{
    for (size_t u = 0; u < mul; u++)
        for (int m = 0; m < d; m++)
            to[u * (size_t)d + (size_t)m] = from[(size_t)m * lanes + u];
}

/* CALL with D the literal d for the degrees that interatomic potentials use. */
#define BY_DEGREE(d, CALL) \
    do {                   \
        if ((d) == 1)      \
            CALL(1);       \
        else if ((d) == 3) \
            CALL(3);       \
        else if ((d) == 5) \
            CALL(5);       \
        else if ((d) == 7) \
            CALL(7);       \
        else               \
            CALL(d);       \
    } while (0)

static void pack(const frame *f, int k, const void *base, ptrdiff_t stride, real *to)
{
    const e3tp_problem *p = f->plan->problem;
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const e3tp_block *b = &p->blocks[k][i];
        const view v = view_of(p, k, b, stride);
        const int d = 2 * b->l + 1;
        const size_t lanes = f->n * b->mul;
        const real *from = (const real *)base + start_of(p, k, b, stride);
        real *out = to + b->offset * f->n;
#define SPLIT(D) split(D, b->mul, from + r * v.row, out + r * b->mul, lanes)
        for (size_t r = 0; r < f->n && p->layout[k] == E3TP_MUL_IR; r++)
            BY_DEGREE(d, SPLIT);
        for (size_t m = 0; m < (size_t)d && p->layout[k] != E3TP_MUL_IR; m++)
            for (size_t r = 0; r < f->n; r++)
                for (size_t u = 0; u < b->mul; u++)
                    *out++ = from[r * v.row + m * v.m + u * v.u];
    }
}

/* Overwrites, or adds over rows where one row serves them all. */
static void unpack(const frame *f, int k, void *base, ptrdiff_t stride, bool add, const real *from)
{
    const e3tp_problem *p = f->plan->problem;
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const e3tp_block *b = &p->blocks[k][i];
        const view v = view_of(p, k, b, stride);
        const int d = 2 * b->l + 1;
        const size_t lanes = f->n * b->mul;
        const bool rows = p->layout[k] == E3TP_MUL_IR && !add;
        real *to = (real *)base + start_of(p, k, b, stride);
        const real *in = from + b->offset * f->n;
#define MERGE(D) merge(D, b->mul, in + r * b->mul, lanes, to + r * v.row)
        for (size_t r = 0; r < f->n && rows; r++)
            BY_DEGREE(d, MERGE);
        for (size_t m = 0; m < (size_t)d && !rows; m++)
            for (size_t r = 0; r < f->n; r++)
                for (size_t u = 0; u < b->mul; u++) {
                    real *at = to + r * v.row + m * v.m + u * v.u;
                    *at = add ? *at + *in : *in;
                    in++;
                }
    }
}

static const real *weights_of(const frame *f, const e3tp_coupling *c, size_t row)
{
    return c->has_weight ? (const real *)f->r->w + (size_t)f->r->sw * row + c->w_offset : NULL;
}

static real *weight_gradient(const frame *f, const e3tp_coupling *c, size_t row)
{
    return c->has_weight && f->r->gw ? (real *)f->r->gw + (size_t)f->r->sw * row + c->w_offset
                                     : NULL;
}

/* M[i][k] = sum_j c W[i][j][k] y[j], y's components `lanes` apart. */
static void build_matrix(const frame *f, size_t path, int n1, int n3, const real *y, size_t lanes,
                         real *M)
{
    memset(M, 0, (size_t)(n1 * n3) * sizeof *M);
    for (size_t s = f->plan->first[path]; s < f->plan->first[path + 1]; s++) {
        const e3tp_cg_entry *e = &f->plan->entries[s];
        M[e->i * n3 + e->k] += (real)e->c * y[(size_t)e->j * lanes];
    }
}

static void matrix_back(const frame *f, size_t path, int n3, const real *dM, real *gy, size_t lanes)
{
    for (size_t s = f->plan->first[path]; s < f->plan->first[path + 1]; s++) {
        const e3tp_cg_entry *e = &f->plan->entries[s];
        gy[(size_t)e->j * lanes] += (real)e->c * dM[e->i * n3 + e->k];
    }
}

typedef struct shape {
    size_t path;
    const e3tp_coupling *c;
    int n1, n3;
    size_t m1, m2, mo, l1, l2, lo; /* multiplicities and lanes (n times them) */
    real *x, *y, *z, *gx, *gy;     /* packed blocks; z is gz in the backward pass */
} shape;

static shape shape_of(const frame *f, size_t path)
{
    const e3tp_problem *p = f->plan->problem;
    const e3tp_coupling *c = &p->paths[path];
    const e3tp_block *b1 = &p->blocks[0][c->in1], *b2 = &p->blocks[1][c->in2],
                     *bo = &p->blocks[2][c->out];
    return (shape){path,
                   c,
                   2 * b1->l + 1,
                   2 * bo->l + 1,
                   b1->mul,
                   b2->mul,
                   bo->mul,
                   f->n * b1->mul,
                   f->n * b2->mul,
                   f->n * bo->mul,
                   f->in[0] + b1->offset * f->n,
                   f->in[1] + b2->offset * f->n,
                   f->in[2] + bo->offset * f->n,
                   f->grad[0] + b1->offset * f->n,
                   f->grad[1] + b2->offset * f->n};
}

/* uuu: every lane has its own x, y, w. */
static void elementwise(const frame *f, const shape *s, bool back)
{
    const e3tp_cg_entry *e = f->plan->entries + f->plan->first[s->path];
    const size_t ne = f->plan->first[s->path + 1] - f->plan->first[s->path];
    const real *w = NULL;
    real *gw = NULL;
    if (s->c->has_weight) {
        for (size_t r = 0; r < f->n; r++)
            memcpy(f->lw + r * s->m1, weights_of(f, s->c, r), s->m1 * sizeof(real));
        w = f->lw;
    }
    if (!back) {
        kernels.lanes(e, ne, s->l1, s->x, s->y, w, s->z);
        return;
    }
    if (s->c->has_weight && f->r->gw) {
        gw = f->lgw;
        memset(gw, 0, s->l1 * sizeof(real));
    }
    kernels.lanes_back(e, ne, s->l1, s->x, s->y, w, s->z, f->r->gx ? s->gx : NULL,
                       f->r->gy ? s->gy : NULL, gw);
    for (size_t r = 0; gw && r < f->n; r++)
        kernels.axpy(s->m1, 1, gw + r * s->m1, weight_gradient(f, s->c, r));
}

/* uvu: one matrix per row and v, shared by the channels u. */
static void channelwise(const frame *f, const shape *s, bool back)
{
    for (size_t r = 0; r < f->n; r++)
        for (size_t v = 0; v < s->m2; v++) {
            const real *w = weights_of(f, s->c, r);
            const size_t at = r * s->m1, ay = r * s->m2 + v;
            build_matrix(f, s->path, s->n1, s->n3, s->y + ay, s->l2, f->M);
            w = w ? w + v : NULL;
            if (!back) {
                kernels.shared(s->n1, s->n3, f->M, s->m1, s->x + at, s->l1, w, s->m2, s->z + at,
                               s->lo);
                continue;
            }
            real *gw = weight_gradient(f, s->c, r), *dM = f->r->gy ? f->dM : NULL;
            memset(f->dM, 0, (size_t)(s->n1 * s->n3) * sizeof(real));
            kernels.shared_back(s->n1, s->n3, f->M, s->m1, s->x + at, s->l1, w, s->m2, s->z + at,
                                s->lo, f->r->gx ? s->gx + at : NULL, gw ? gw + v : NULL, dM);
            if (dM)
                matrix_back(f, s->path, s->n3, dM, s->gy + ay, s->l2);
        }
}

/* uvw: for each row and v, t[k][u] = sum_i M[i][k] x[i][u], then z[k][w] += sum_u t[k][u]
 * W[u][v][w]. */
static void connected_row(const frame *f, const shape *s, size_t r, size_t v)
{
    const real *W = weights_of(f, s->c, r);
    memset(f->mid, 0, s->m1 * (size_t)s->n3 * sizeof(real));
    kernels.shared(s->n1, s->n3, f->M, s->m1, s->x + r * s->m1, s->l1, NULL, 1, f->mid, s->m1);
    for (int k = 0; k < s->n3; k++)
        for (size_t u = 0; u < s->m1; u++)
            kernels.axpy(s->mo, f->mid[(size_t)k * s->m1 + u], W + (u * s->m2 + v) * s->mo,
                         s->z + (size_t)k * s->lo + r * s->mo);
}

static void connected_row_back(const frame *f, const shape *s, size_t r, size_t v)
{
    const real *W = weights_of(f, s->c, r);
    real *gW = weight_gradient(f, s->c, r), *dM = f->r->gy ? f->dM : NULL;
    memset(f->mid, 0, s->m1 * (size_t)s->n3 * sizeof(real));
    memset(f->gmid, 0, s->m1 * (size_t)s->n3 * sizeof(real));
    memset(f->dM, 0, (size_t)(s->n1 * s->n3) * sizeof(real));
    kernels.shared(s->n1, s->n3, f->M, s->m1, s->x + r * s->m1, s->l1, NULL, 1, f->mid, s->m1);
    for (int k = 0; k < s->n3; k++)
        for (size_t u = 0; u < s->m1; u++) {
            const real *g = s->z + (size_t)k * s->lo + r * s->mo;
            kernels.dot(s->mo, W + (u * s->m2 + v) * s->mo, g, f->gmid + (size_t)k * s->m1 + u);
            if (gW)
                kernels.axpy(s->mo, f->mid[(size_t)k * s->m1 + u], g, gW + (u * s->m2 + v) * s->mo);
        }
    kernels.shared_back(s->n1, s->n3, f->M, s->m1, s->x + r * s->m1, s->l1, NULL, 1, f->gmid, s->m1,
                        f->r->gx ? s->gx + r * s->m1 : NULL, NULL, dM);
    if (dM)
        matrix_back(f, s->path, s->n3, dM, s->gy + r * s->m2 + v, s->l2);
}

static void connected(const frame *f, const shape *s, bool back)
{
    for (size_t r = 0; r < f->n; r++)
        for (size_t v = 0; v < s->m2; v++) {
            build_matrix(f, s->path, s->n1, s->n3, s->y + r * s->m2 + v, s->l2, f->M);
            if (back)
                connected_row_back(f, s, r, v);
            else
                connected_row(f, s, r, v);
        }
}

static void all_paths(const frame *f, bool back)
{
    for (size_t i = 0; i < f->plan->problem->npaths; i++) {
        const shape s = shape_of(f, i);
        if (s.c->mode == E3TP_UUU)
            elementwise(f, &s, back);
        else if (s.c->mode == E3TP_UVU)
            channelwise(f, &s, back);
        else
            connected(f, &s, back);
    }
}

/* Factor weights a, b, c of operand k start here in the weight row of row r. */
static size_t factor_offset(const e3tp_problem *p, int k)
{
    size_t at = 0;
    for (int i = 0; i < k; i++)
        at += p->nblocks[i] * p->channels;
    return at;
}

static void scale(const frame *f, int k, real *a)
{
    const e3tp_problem *p = f->plan->problem;
    for (size_t i = 0; i < p->nblocks[k]; i++)
        for (size_t m = 0; m < 2 * (size_t)p->blocks[k][i].l + 1; m++)
            for (size_t r = 0; r < f->n; r++) {
                const real *w = (const real *)f->r->w + (size_t)f->r->sw * r + factor_offset(p, k) +
                                i * p->channels;
                for (size_t u = 0; u < p->channels; u++)
                    *a++ *= w[u];
            }
}

/* Gradient of factors: gw[block][u] += sum_m a g (a, g packed). */
static void factor_gradient(const frame *f, int k, const real *a, const real *g)
{
    const e3tp_problem *p = f->plan->problem;
    for (size_t i = 0; i < p->nblocks[k]; i++)
        for (size_t m = 0; m < 2 * (size_t)p->blocks[k][i].l + 1; m++)
            for (size_t r = 0; r < f->n; r++) {
                real *w =
                    (real *)f->r->gw + (size_t)f->r->sw * r + factor_offset(p, k) + i * p->channels;
                for (size_t u = 0; u < p->channels; u++)
                    w[u] += *a++ * *g++;
            }
}

static void forward(frame *f)
{
    const e3tp_problem *p = f->plan->problem;
    const e3tp_rows *r = f->r;
    pack(f, 0, r->x, r->sx, f->in[0]);
    pack(f, 1, r->y, r->sy, f->in[1]);
    memset(f->in[2], 0, p->dim[2] * f->n * sizeof(real));
    for (int k = 0; k < 2 && p->factor_weights; k++)
        scale(f, k, f->in[k]);
    all_paths(f, false);
    if (p->factor_weights)
        scale(f, 2, f->in[2]);
    unpack(f, 2, r->z, r->sz, false, f->in[2]);
}

/* Factors: gc needs the unscaled z; ga, gb the gradients with respect to the scaled operands. */
static void backward_factors(frame *f)
{
    const e3tp_problem *p = f->plan->problem;
    const e3tp_rows *r = f->r;
    real *g = f->in[2];
    scale(f, 0, f->in[0]);
    scale(f, 1, f->in[1]);
    if (r->gw) {
        memset(f->grad[2], 0, p->dim[2] * f->n * sizeof(real));
        f->in[2] = f->grad[2];
        all_paths(f, false);
        f->in[2] = g;
        factor_gradient(f, 2, f->grad[2], g);
    }
    scale(f, 2, g);
    e3tp_rows all = *r; /* both gradients are needed for ga and gb */
    all.gx = all.gy = f->grad[0];
    f->r = &all;
    all_paths(f, true);
    f->r = r;
    if (r->gw) {
        pack(f, 0, r->x, r->sx, f->in[0]);
        pack(f, 1, r->y, r->sy, f->in[1]);
        factor_gradient(f, 0, f->in[0], f->grad[0]);
        factor_gradient(f, 1, f->in[1], f->grad[1]);
    }
    scale(f, 0, f->grad[0]);
    scale(f, 1, f->grad[1]);
}

static void backward(frame *f)
{
    const e3tp_problem *p = f->plan->problem;
    const e3tp_rows *r = f->r;
    pack(f, 0, r->x, r->sx, f->in[0]);
    pack(f, 1, r->y, r->sy, f->in[1]);
    pack(f, 2, r->gz, r->sz, f->in[2]);
    memset(f->grad[0], 0, p->dim[0] * f->n * sizeof(real));
    memset(f->grad[1], 0, p->dim[1] * f->n * sizeof(real));
    for (size_t i = 0; r->gw && r->sw && i < f->n; i++)
        memset((real *)r->gw + (size_t)r->sw * i, 0, p->weight_numel * sizeof(real));
    if (p->factor_weights)
        backward_factors(f);
    else
        all_paths(f, true);
    if (r->gx)
        unpack(f, 0, r->gx, r->sx, r->sx == 0, f->grad[0]);
    if (r->gy)
        unpack(f, 1, r->gy, r->sy, r->sy == 0, f->grad[1]);
}

static size_t most_lanes(const e3tp_problem *p)
{
    size_t lanes = 0;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < p->nblocks[k]; i++)
            lanes = p->blocks[k][i].mul > lanes ? p->blocks[k][i].mul : lanes;
    return lanes;
}

static real *take(real **at, size_t n)
{
    real *p = *at;
    *at += (n + 15) / 16 * 16;
    return p;
}

static void run(const e3tp_cg_plan *plan, e3tp_pass pass, const e3tp_rows *r, void *scratch)
{
    const e3tp_problem *p = plan->problem;
    const size_t n = plan->block_rows, lanes = most_lanes(p);
    real *at = scratch;
    frame f = {.plan = plan};
    for (int k = 0; k < 3; k++) {
        f.in[k] = take(&at, n * p->dim[k]);
        f.grad[k] = take(&at, n * p->dim[k]);
    }
    f.lw = take(&at, n * lanes);
    f.lgw = take(&at, n * lanes);
    f.M = take(&at, plan->max_matrix);
    f.dM = take(&at, plan->max_matrix);
    f.mid = take(&at, plan->max_middle);
    f.gmid = take(&at, plan->max_middle);
    f.r = r;
    f.n = r->n;
    if (pass == E3TP_FORWARD)
        forward(&f);
    else
        backward(&f);
}

const e3tp_cg_runner E3TP_NAME(e3tp_cg_runner) = {run};
