/* SPDX-License-Identifier: MIT */
/* Paths whose channels share y (uvu, uvw): for each row and channel v of y a small matrix
   M[i][k] = c sum_j W[i][j][k] y[j], made for T rows at a time, then channels by tiles. */
#include <string.h>

#include "cg/cg_frame.h"

#define kernels E3TP_NAME(e3tp_cg_kernels)
#define MIX_(r) e3tp_cg_mix_##r
#define MIX(r) MIX_(r)
typedef MIX(E3TP_REAL) mix_job;

typedef struct shared_path {
    const e3tp_coupling *c;
    const e3tp_cg_triple *t;
    tiles_of x, y, z;
    size_t tiles, out_tiles, groups; /* tiles of a row of x and z; groups of T rows */
    size_t x_row, z_row;
} shared_path;

static shared_path shared_of(const frame *f, size_t path)
{
    shared_path s = {.c = &f->p->paths[path],
                     .t = &f->plan->triples[f->plan->path[path].triple],
                     .x = frame_block(f, path, 0),
                     .y = frame_block(f, path, 3),
                     .z = frame_block(f, path, 2),
                     .groups = (f->n + T - 1) / T};
    s.tiles = (s.x.b->mul + T - 1) / T;
    s.out_tiles = (s.z.b->mul + T - 1) / T;
    s.x_row = s.tiles * s.x.stride;
    s.z_row = f->sum ? 0 : s.out_tiles * s.z.stride;
    return s;
}

static void build_matrices(const frame *f, const shared_path *s, size_t v)
{
    const size_t size = (size_t)(s->x.d * s->z.d) * T;
    memset(f->M, 0, s->groups * size * sizeof(real));
    for (size_t g = 0; g < s->groups; g++)
        kernels.build(s->t->to[E3TP_CG_TO_X], s->t->n, s->c->coeff, s->z.d,
                      s->y.v + (g * s->y.b->mul + v) * s->y.stride, f->M + g * size);
}

static void matrices_back(const frame *f, const shared_path *s, size_t v)
{
    const size_t size = (size_t)(s->x.d * s->z.d) * T;
    for (size_t g = 0; g < s->groups; g++)
        kernels.build_back(s->t->to[E3TP_CG_TO_Y], s->t->n, s->c->coeff, s->z.d, f->dM + g * size,
                           s->y.g + (g * s->y.b->mul + v) * s->y.stride);
}

/* Lines of channel v of y: [v][row][tile], of the given number of rows. */
static size_t line_at(const frame *f, const shared_path *s, size_t path, size_t v, size_t rows)
{
    return (f->plan->path[path].lines + v * rows * s->tiles) * T;
}

static mix_job job_of(const frame *f, const shared_path *s)
{
    return (mix_job){.rows = f->n,
                     .tiles = s->tiles,
                     .n1 = s->x.d,
                     .n3 = s->z.d,
                     .sum = f->sum,
                     .M = f->M,
                     .x = s->x.v,
                     .x_row = s->x_row,
                     .x_tile = s->x.stride,
                     .z = s->z.v,
                     .z_row = s->z_row,
                     .z_tile = s->z.stride};
}

static void set_weights(const frame *f, const shared_path *s, size_t path, size_t v, mix_job *m)
{
    if (!s->c->has_weight)
        return;
    if (e3tp_cg_reads_weights(f, path)) {
        m->w = (const real *)f->r->w + s->c->w_offset;
        m->w_row = (size_t)f->r->sw;
        m->prefetch = m->w_row ? f->n : 0;
    } else {
        const bool one = e3tp_cg_one_line(f);
        m->w = f->lw + line_at(f, s, path, v, one ? 1 : f->n);
        m->w_row = one ? 0 : s->tiles * T;
    }
}

static void mix(const frame *f, const shared_path *s, size_t path, size_t v)
{
    mix_job m = job_of(f, s);
    set_weights(f, s, path, v, &m);
    kernels.mix(&m);
}

static void mix_back(const frame *f, const shared_path *s, size_t path, size_t v)
{
    mix_job m = job_of(f, s);
    set_weights(f, s, path, v, &m);
    m.g = s->z.v;
    m.gx = f->r->gx ? s->x.g : NULL;
    m.dM = f->r->gy ? f->dM : NULL;
    m.gw = f->r->gw && s->c->has_weight ? f->lgw + line_at(f, s, path, v, f->n) : NULL;
    m.gw_row = s->tiles * T;
    kernels.mix_back(&m);
    if (m.dM)
        matrices_back(f, s, v);
}

/* n rows of a uvw path, r the first, in one group of T. */
static mix_job rows_job(const frame *f, const shared_path *s, size_t r, size_t n)
{
    mix_job m = job_of(f, s);
    m.rows = n;
    m.M += r / T * (size_t)(s->x.d * s->z.d) * T + r % T;
    m.x += r * s->x_row;
    m.z = f->mid;
    m.z_tile = (size_t)s->z.d * T;
    m.z_row = s->tiles * m.z_tile;
    memset(f->mid, 0, n * m.z_row * sizeof(real));
    return m;
}

static size_t weight_row(const frame *f, const shared_path *s, size_t r, size_t v)
{
    const int64_t row = f->r->iw ? f->r->iw[r] : (int64_t)r;
    return (size_t)(row * f->r->sw) + s->c->w_offset + v * s->z.b->mul;
}

/* Rows that have the same weights, as many as are held at once. */
static size_t rows_together(const frame *f, size_t r)
{
    const size_t left = f->n - r;
    return f->r->sw || f->r->iw ? 1 : left < T ? left : T;
}

static void connect(const frame *f, const shared_path *s, size_t v)
{
    const size_t mo = s->z.b->mul;
    for (size_t r = 0, n; r < f->n; r += n) {
        n = rows_together(f, r);
        const mix_job m = rows_job(f, s, r, n);
        kernels.mix(&m);
        const size_t ahead = f->r->sw && !f->r->iw && r + 1 < f->n ? (size_t)f->r->sw : 0;
        kernels.connect(n, s->x.b->mul, mo, s->z.d, ahead, f->mid, m.z_row, m.z_tile,
                        (const real *)f->r->w + weight_row(f, s, r, v), s->y.b->mul * mo,
                        s->z.v + r * s->z_row, s->z_row, s->z.stride);
    }
}

/* The matrix of shared weights of channel v, its rows and columns exchanged. */
static void transpose_weights(const frame *f, const shared_path *s, size_t v)
{
    const size_t m1 = s->x.b->mul, mo = s->z.b->mul, row = s->y.b->mul * mo;
    const real *W = (const real *)f->r->w + weight_row(f, s, 0, v);
    for (size_t u = 0; u < m1; u++)
        for (size_t o = 0; o < mo; o++)
            f->turned[o * m1 + u] = W[u * row + o];
}

/* The cotangent of the products of n rows, in gmid, and the gradient of the weights. */
static void connect_rows_back(const frame *f, const shared_path *s, const mix_job *m, size_t r,
                              size_t v)
{
    const size_t m1 = s->x.b->mul, mo = s->z.b->mul, row = s->y.b->mul * mo;
    const size_t at = weight_row(f, s, r, v);
    const real *g = s->z.v + r * s->z_row;
    real *gw = f->r->gw ? (real *)f->r->gw + at : NULL;
    memset(f->gmid, 0, m->rows * m->z_row * sizeof(real));
    if (f->r->sw || f->r->iw) {
        kernels.connect_back(m1, mo, s->z.d, f->mid, (const real *)f->r->w + at, row, g,
                             s->z.stride, f->gmid, gw);
        return;
    }
    kernels.connect(m->rows, mo, m1, s->z.d, 0, g, s->z_row, s->z.stride, f->turned, m1, f->gmid,
                    m->z_row, m->z_tile);
    if (gw)
        kernels.outer(m->rows, m1, mo, s->z.d, f->mid, m->z_row, m->z_tile, g, s->z_row,
                      s->z.stride, gw, row);
}

static void connect_back(const frame *f, const shared_path *s, size_t v)
{
    const size_t size = (size_t)(s->x.d * s->z.d) * T;
    if (!f->r->sw && !f->r->iw)
        transpose_weights(f, s, v);
    for (size_t r = 0, n; r < f->n; r += n) {
        n = rows_together(f, r);
        mix_job m = rows_job(f, s, r, n);
        kernels.mix(&m);
        connect_rows_back(f, s, &m, r, v);
        m.g = f->gmid;
        m.gx = f->r->gx ? s->x.g + r * s->x_row : NULL;
        m.dM = f->r->gy ? f->dM + r / T * size + r % T : NULL;
        kernels.mix_back(&m);
    }
    if (f->r->gy)
        matrices_back(f, s, v);
}

void E3TP_NAME(e3tp_cg_channels)(const frame *f, size_t path, bool back)
{
    const shared_path s = shared_of(f, path);
    for (size_t v = 0; v < s.y.b->mul; v++) {
        build_matrices(f, &s, v);
        if (s.c->mode == E3TP_UVW)
            (back ? connect_back : connect)(f, &s, v);
        else
            (back ? mix_back : mix)(f, &s, path, v);
    }
}
