/* SPDX-License-Identifier: MIT */
/* uvw paths whose channels share y: for each row and channel of y the products of x with its
   matrix, without weights, then the caller's matrix of weights. */
#include "cg/cg_shared.h"

#define kernels E3TP_NAME(e3tp_cg_kernels)

typedef struct shared_path {
    const e3tp_coupling *c;
    size_t path, v;
    tiles_of x, y, z;
    size_t tiles, out_tiles; /* of a row of x and z */
    size_t x_row, z_row;
    size_t matrix; /* elements of those of T rows */
} shared_path;

static shared_path shared_of(const frame *f, size_t path)
{
    shared_path s = {.c = &f->p->paths[path],
                     .path = path,
                     .x = frame_block(f, path, 0),
                     .y = frame_block(f, path, 3),
                     .z = frame_block(f, path, 2)};
    s.tiles = (s.x.b->mul + T - 1) / T;
    s.out_tiles = (s.z.b->mul + T - 1) / T;
    s.x_row = s.tiles * s.x.stride;
    s.z_row = f->sum ? 0 : s.out_tiles * s.z.stride;
    s.matrix = (size_t)(s.x.d * s.z.d) * T;
    return s;
}

/* From tile to tile of the products in scratch. */
static size_t mid_tile(const shared_path *s)
{
    return (size_t)s->z.d * T;
}

static source x_from(const shared_path *s, size_t r)
{
    return (source){
        .v = s->x.v + r * s->x_row, .row = s->x_row, .tile = s->x.stride, .step = T, .n = s->x.d};
}

/* Products of n rows, r the first, all in one group of T. */
static void multiply_rows(const frame *f, const shared_path *s, size_t r, size_t n)
{
    source x = x_from(s, r);
    x.M = f->M + r / T * s->matrix + r % T;
    const mix_job m = {.rows = n,
                       .tiles = s->tiles,
                       .count = 1,
                       .from = &x,
                       .n = s->z.d,
                       .fresh = true,
                       .z = f->mid,
                       .z_row = s->tiles * mid_tile(s),
                       .z_tile = mid_tile(s),
                       .z_step = T};
    kernels.mix(&m);
}

/* From the cotangents of the products, in gmid, to gx and gy. */
static void multiply_rows_back(const frame *f, const shared_path *s, size_t r, size_t n)
{
    const source g = {.v = f->gmid,
                      .row = s->tiles * mid_tile(s),
                      .tile = mid_tile(s),
                      .step = T,
                      .n = s->z.d,
                      .M = f->turned_M + r / T * s->matrix + r % T};
    const source x = x_from(s, r);
    const mix_job m = {.rows = n,
                       .tiles = s->tiles,
                       .count = 1,
                       .from = &g,
                       .n = s->x.d,
                       .z = s->x.g + r * s->x_row,
                       .z_row = s->x_row,
                       .z_tile = s->x.stride,
                       .z_step = T};
    if (f->r->gx)
        kernels.mix(&m);
    if (!f->r->gy)
        return;
    real *D = f->M + groups_of(f) * s->matrix;
    memset(D, 0, s->matrix * sizeof(real));
    kernels.overlap(n, s->tiles * T, 1, &x, &g, D + r % T);
    add_to_gy(f, s->path, s->v, r / T, D);
}

/* Of row r of the weights; of their gradient, where r is the row under way. */
static size_t row_at(const frame *f, const shared_path *s, size_t r)
{
    return r * (size_t)f->r->sw + s->c->w_offset + s->v * s->z.b->mul;
}

static size_t weight_row(const frame *f, const shared_path *s, size_t r)
{
    return row_at(f, s, f->r->iw ? (size_t)f->r->iw[r] : r);
}

/* Rows that have the same weights, as many as are held at once. */
static size_t rows_together(const frame *f, size_t r)
{
    return f->r->sw || f->r->iw ? 1 : min_of(f->n - r, T);
}

/* From a row's weights to the next row's, if they are to be fetched meanwhile. */
static size_t ahead_of(const frame *f, size_t r)
{
    return f->r->sw && !f->r->iw && r + 1 < f->n ? (size_t)f->r->sw : 0;
}

static void connect(const frame *f, const shared_path *s)
{
    const size_t mo = s->z.b->mul;
    for (size_t r = 0, n; r < f->n; r += n) {
        n = rows_together(f, r);
        multiply_rows(f, s, r, n);
        kernels.connect(n, s->x.b->mul, mo, s->z.d, ahead_of(f, r), f->mid, s->tiles * mid_tile(s),
                        mid_tile(s), (const real *)f->r->w + weight_row(f, s, r), s->y.b->mul * mo,
                        s->z.v + r * s->z_row, s->z_row, s->z.stride);
    }
}

/* The matrix of shared weights, its rows and columns exchanged. */
static void transpose_weights(const frame *f, const shared_path *s)
{
    const size_t m1 = s->x.b->mul, mo = s->z.b->mul, row = s->y.b->mul * mo;
    const real *W = (const real *)f->r->w + weight_row(f, s, 0);
    for (size_t u = 0; u < m1; u++)
        for (size_t o = 0; o < mo; o++)
            f->turned[o * m1 + u] = W[u * row + o];
}

/* The cotangent of the products of n rows, in gmid, and the gradient of the weights. */
static void connect_rows_back(const frame *f, const shared_path *s, size_t r, size_t n)
{
    const size_t m1 = s->x.b->mul, mo = s->z.b->mul, row = s->y.b->mul * mo;
    const size_t at = weight_row(f, s, r), mid_row = s->tiles * mid_tile(s);
    const real *g = s->z.v + r * s->z_row;
    real *gw = f->r->gw ? (real *)f->r->gw + row_at(f, s, r) : NULL;
    memset(f->gmid, 0, n * mid_row * sizeof(real));
    if (f->r->sw || f->r->iw) {
        kernels.connect_back(m1, mo, s->z.d, ahead_of(f, r), f->mid, (const real *)f->r->w + at,
                             row, g, s->z.stride, f->gmid, gw, !f->second);
        return;
    }
    kernels.connect(n, mo, m1, s->z.d, 0, g, s->z_row, s->z.stride, f->turned, m1, f->gmid, mid_row,
                    mid_tile(s));
    if (gw)
        kernels.outer(n, m1, mo, s->z.d, f->mid, mid_row, mid_tile(s), g, s->z_row, s->z.stride, gw,
                      row);
}

static void connect_back(const frame *f, const shared_path *s)
{
    if (!f->r->sw && !f->r->iw)
        transpose_weights(f, s);
    for (size_t r = 0, n; r < f->n; r += n) {
        n = rows_together(f, r);
        multiply_rows(f, s, r, n);
        connect_rows_back(f, s, r, n);
        multiply_rows_back(f, s, r, n);
    }
}

static void build_matrices(const frame *f, const shared_path *s)
{
    for (size_t g = 0; g < groups_of(f); g++) {
        build_matrix(f, s->path, s->v, g, false, f->M + g * s->matrix);
        if (f->back)
            build_matrix(f, s->path, s->v, g, true, f->turned_M + g * s->matrix);
    }
}

void E3TP_NAME(e3tp_cg_connect)(const frame *f, size_t path)
{
    shared_path s = shared_of(f, path);
    for (; s.v < s.y.b->mul; s.v++) {
        build_matrices(f, &s);
        (f->back ? connect_back : connect)(f, &s);
    }
}
