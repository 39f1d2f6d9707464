/* SPDX-License-Identifier: MIT */
/* Sums over every term of c w W[i][j][k] x[i] y[j], with the dense W of so3. */
#include "cg/cg_ref.h"

#include <math.h>
#include <stdlib.h>

#include "so3/wigner.h"

typedef struct nonzero {
    size_t i, j, k;
    double W;
} nonzero;

typedef struct tensor {
    size_t n;
    nonzero *terms;
} tensor;

/* A path with its tensor. */
typedef struct job {
    const e3tp_coupling *c;
    const e3tp_block *x, *y, *z;
    tensor W;
    const e3tp_cg_ref_rows *r;
    size_t sz;
    e3tp_cg_ref_results value, size;
} job;

static size_t components(const e3tp_block *b)
{
    return 2 * (size_t)b->l + 1;
}

static bool make_tensor(const e3tp_block *x, const e3tp_block *y, const e3tp_block *z,
                        e3tp_sign sign, tensor *t)
{
    const size_t n2 = components(y), n3 = components(z), all = components(x) * n2 * n3;
    double *W = malloc(all * sizeof *W);
    *t = (tensor){0, malloc(all * sizeof *t->terms)};
    const bool ok = W && t->terms && e3tp_so3_wigner_3j(x->l, y->l, z->l, sign, W) == E3TP_OK;
    for (size_t at = 0; ok && at < all; at++)
        if (W[at] != 0)
            t->terms[t->n++] = (nonzero){at / (n2 * n3), at / n3 % n2, at % n3, W[at]};
    free(W);
    return ok;
}

static void add(double *value, double *size, double term)
{
    *value += term;
    *size += fabs(term);
}

/* Channels u of x, v of y and o of z, joined by weight number w of the path. */
static void add_channels(const job *q, size_t row, size_t u, size_t v, size_t o, size_t w)
{
    const e3tp_cg_ref_rows *r = q->r;
    const e3tp_cg_ref_results *a = &q->value, *s = &q->size;
    const size_t x = row * r->sx + q->x->offset + u * components(q->x),
                 y = row * r->sy + q->y->offset + v * components(q->y),
                 z = row * q->sz + q->z->offset + o * components(q->z),
                 at = row * r->sw + q->c->w_offset + w;
    const double weight = q->c->has_weight ? r->w[at] : 1;
    for (const nonzero *t = q->W.terms; t < q->W.terms + q->W.n; t++) {
        const size_t i = x + t->i, j = y + t->j, k = z + t->k;
        const double W = q->c->coeff * t->W, xi = r->x[i], yj = r->y[j];
        add(&a->z[k], &s->z[k], weight * W * xi * yj);
        if (!r->gz)
            continue;
        add(&a->gx[i], &s->gx[i], weight * W * yj * r->gz[k]);
        add(&a->gy[j], &s->gy[j], weight * W * xi * r->gz[k]);
        if (q->c->has_weight)
            add(&a->gw[at], &s->gw[at], W * xi * yj * r->gz[k]);
    }
}

/* Channels u and v, which share weight number w of the path, or a row of mo of them. */
static void add_pair(const job *q, size_t row, size_t u, size_t v, size_t w)
{
    const size_t mo = q->z->mul;
    switch (q->c->mode) {
    case E3TP_UVW:
    case E3TP_UUW:
    case E3TP_U_LT_VW:
        for (size_t o = 0; o < mo; o++)
            add_channels(q, row, u, v, o, w * mo + o);
        return;
    case E3TP_UVV:
        add_channels(q, row, u, v, v, w);
        return;
    case E3TP_UVUV:
    case E3TP_UVU_LT_V:
        add_channels(q, row, u, v, w, w);
        return;
    default:
        add_channels(q, row, u, v, u, w);
    }
}

static void add_row(const job *q, size_t row)
{
    const e3tp_mode mode = q->c->mode;
    const bool same = mode == E3TP_UUU || mode == E3TP_UUW;
    const bool below = mode == E3TP_UVU_LT_V || mode == E3TP_U_LT_VW;
    size_t w = 0;
    for (size_t u = 0; u < q->x->mul; u++)
        for (size_t v = same ? u : below ? u + 1 : 0; v < (same ? u + 1 : q->y->mul); v++)
            add_pair(q, row, u, v, w++);
}

bool e3tp_cg_ref(const e3tp_problem *p, const e3tp_cg_ref_rows *r, const e3tp_cg_ref_results *value,
                 const e3tp_cg_ref_results *size)
{
    bool ok = true;
    for (size_t i = 0; ok && i < p->npaths; i++) {
        const e3tp_coupling *c = &p->paths[i];
        job q = {.c = c,
                 .x = &p->blocks[0][c->in1],
                 .y = &p->blocks[1][c->in2],
                 .z = &p->blocks[2][c->out],
                 .r = r,
                 .sz = p->dim[2],
                 .value = *value,
                 .size = *size};
        ok = make_tensor(q.x, q.y, q.z, p->sign, &q.W);
        for (size_t row = 0; ok && row < r->n; row++)
            add_row(&q, row);
        free(q.W.terms);
    }
    return ok;
}
