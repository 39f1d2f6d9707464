/* SPDX-License-Identifier: MIT */
/* uvw paths whose channels share y, for each channel of y. With t = M x between x and z, for each
   row the matrix of y,

       z += t W,    gt = gz W',  gW = t gz,  gx += M' gt,  gM = x gt,

   or, where that has fewer multiplications by W, with s = x W,

       z += M s,    gs = M' gz,  gW = x gs,  gx += gs W',  gM = s gz. */
#include "cg/cg_shared.h"

#define kernels E3TP_NAME(e3tp_cg_kernels)

/* n components of all channels of some rows. */
typedef struct lines {
    real *v;
    size_t row, tile;
    int n;
} lines;

typedef struct shared_path {
    const e3tp_coupling *c;
    size_t path, v;
    tiles_of x, y, z;
    bool first;              /* weights come first */
    size_t tiles, out_tiles; /* of a row of x and z */
    size_t x_row, z_row;
    size_t matrix; /* elements of those of T rows */
} shared_path;

/* Whether weights come before matrices: forward one product with W for each component of x, or of
   z; backward three for each of x, or two for each of z. One component of both saves the products
   with matrices forward. */
static bool weighs_first(const frame *f, const shared_path *s)
{
    return f->back ? 3 * s->x.d < 2 * s->z.d : s->x.d < s->z.d || s->x.d * s->z.d == 1;
}

static shared_path shared_of(const frame *f, size_t path)
{
    shared_path s = {.c = &f->p->paths[path],
                     .path = path,
                     .x = frame_block(f, path, 0),
                     .y = frame_block(f, path, 3),
                     .z = frame_block(f, path, 2)};
    s.first = weighs_first(f, &s);
    s.tiles = (s.x.b->mul + T - 1) / T;
    s.out_tiles = (s.z.b->mul + T - 1) / T;
    s.x_row = s.tiles * s.x.stride;
    s.z_row = f->sum ? 0 : s.out_tiles * s.z.stride;
    s.matrix = (size_t)(s.x.d * s.z.d) * T;
    return s;
}

/* Rows from r on, all in one group of T, of x or its gradient, and of z or its cotangent. */
static lines x_from(const shared_path *s, real *v, size_t r)
{
    return (lines){v + r * s->x_row, s->x_row, s->x.stride, s->x.d};
}

static lines z_from(const shared_path *s, size_t r)
{
    return (lines){s->z.v + r * s->z_row, s->z_row, s->z.stride, s->z.d};
}

/* What is between them, in scratch: t, or s. */
static lines between(const shared_path *s, real *v)
{
    const int n = s->first ? s->x.d : s->z.d;
    const size_t tile = (size_t)n * T;
    return (lines){v, (s->first ? s->out_tiles : s->tiles) * tile, tile, n};
}

/* Those, times matrices M (NULL: none). */
static source times(lines q, const real *M)
{
    return (source){.v = q.v, .row = q.row, .tile = q.tile, .step = T, .n = q.n, .M = M};
}

static const real *matrices(const shared_path *s, const real *of, size_t r)
{
    return of + r / T * s->matrix + r % T;
}

static void mix_rows(size_t n, size_t tiles, source from, lines to, bool fresh)
{
    const mix_job m = {.rows = n,
                       .tiles = tiles,
                       .count = 1,
                       .from = &from,
                       .n = to.n,
                       .fresh = fresh,
                       .z = to.v,
                       .z_row = to.row,
                       .z_tile = to.tile,
                       .z_step = T};
    kernels.mix(&m);
}

/* Adds to gy what the overlaps of n rows from r on give. */
static void overlap_rows(const frame *f, const shared_path *s, size_t r, size_t n, size_t tiles,
                         lines of_x, lines of_z)
{
    const source x = times(of_x, NULL), z = times(of_z, NULL);
    real *D = f->M + groups_of(f) * s->matrix;
    memset(D, 0, s->matrix * sizeof(real));
    kernels.overlap(n, tiles * T, 1, &x, &z, D + r % T);
    add_to_gy(f, s->path, s->v, r / T, D);
}

/* Of row r of the weights; of their gradient, where r is the row under way. */
static size_t row_at(const frame *f, const shared_path *s, size_t r)
{
    return r * (size_t)f->r->sw + s->c->w_offset + s->v * s->z.b->mul;
}

static const real *weights(const frame *f, const shared_path *s, size_t r)
{
    return (const real *)f->r->w + row_at(f, s, f->r->iw ? (size_t)f->r->iw[r] : r);
}

/* From a channel of x to the next one. */
static size_t weight_step(const shared_path *s)
{
    return s->y.b->mul * s->z.b->mul;
}

static bool shares_weights(const frame *f)
{
    return !f->r->sw && !f->r->iw;
}

/* Rows that have the same weights, as many as are held at once. */
static size_t rows_together(const frame *f, size_t r)
{
    return shares_weights(f) ? min_of(f->n - r, T) : 1;
}

/* From a row's weights to the next row's, if they are to be fetched meanwhile. */
static size_t ahead_of(const frame *f, size_t r)
{
    return f->r->sw && !f->r->iw && r + 1 < f->n ? (size_t)f->r->sw : 0;
}

/* z += t W or, with matrices M, M (t W). */
static void weigh(const frame *f, const shared_path *s, size_t r, size_t n, lines t, const real *M,
                  lines z)
{
    kernels.connect(n, s->x.b->mul, s->z.b->mul, t.n, z.n, ahead_of(f, r), t.v, t.row, t.tile,
                    weights(f, s, r), weight_step(s), M, z.v, z.row, z.tile);
}

/* gt += g W' (gt.v NULL: not wanted), and the gradient of the weights from t and g. */
static void weigh_back(const frame *f, const shared_path *s, size_t r, size_t n, lines t, lines g,
                       lines gt)
{
    const size_t m1 = s->x.b->mul, mo = s->z.b->mul, step = weight_step(s);
    real *gw = f->r->gw ? (real *)f->r->gw + row_at(f, s, r) : NULL;
    if (!shares_weights(f)) {
        kernels.connect_back(m1, mo, t.n, ahead_of(f, r), t.v, t.tile, weights(f, s, r), step, g.v,
                             g.tile, gt.v, gw, !f->second);
        return;
    }
    if (gt.v)
        kernels.connect(n, mo, m1, g.n, 0, 0, g.v, g.row, g.tile, f->turned, m1, NULL, gt.v, gt.row,
                        gt.tile);
    if (gw)
        kernels.outer(n, m1, mo, t.n, t.v, t.row, t.tile, g.v, g.row, g.tile, gw, step);
}

static void connect_rows(const frame *f, const shared_path *s, size_t r, size_t n)
{
    const real *M = matrices(s, f->M, r);
    const lines x = x_from(s, s->x.v, r), t = between(s, f->mid), z = z_from(s, r);
    if (s->first) {
        weigh(f, s, r, n, x, M, z);
        return;
    }
    mix_rows(n, s->tiles, times(x, M), t, true);
    weigh(f, s, r, n, t, NULL, z);
}

static void connect_rows_back(const frame *f, const shared_path *s, size_t r, size_t n)
{
    const lines x = x_from(s, s->x.v, r), gx = x_from(s, s->x.g, r), t = between(s, f->mid),
                gt = between(s, f->gmid), gz = z_from(s, r);
    if (f->r->gw)
        mix_rows(n, s->tiles, times(x, matrices(s, f->M, r)), t, true);
    memset(gt.v, 0, n * gt.row * sizeof(real));
    weigh_back(f, s, r, n, t, gz, gt);
    if (f->r->gx)
        mix_rows(n, s->tiles, times(gt, matrices(s, f->turned_M, r)), gx, false);
    if (f->r->gy)
        overlap_rows(f, s, r, n, s->tiles, x, gt);
}

static void connect_first_back(const frame *f, const shared_path *s, size_t r, size_t n)
{
    const lines x = x_from(s, s->x.v, r), xw = between(s, f->mid), gs = between(s, f->gmid),
                gz = z_from(s, r);
    lines gx = x_from(s, s->x.g, r);
    gx.v = f->r->gx ? gx.v : NULL;
    mix_rows(n, s->out_tiles, times(gz, matrices(s, f->turned_M, r)), gs, true);
    if (f->r->gx || f->r->gw)
        weigh_back(f, s, r, n, x, gs, gx);
    if (!f->r->gy)
        return;
    memset(xw.v, 0, n * xw.row * sizeof(real));
    weigh(f, s, r, n, x, NULL, xw);
    overlap_rows(f, s, r, n, s->out_tiles, xw, gz);
}

/* The matrix of shared weights, its rows and columns exchanged. */
static void transpose_weights(const frame *f, const shared_path *s)
{
    const size_t m1 = s->x.b->mul, mo = s->z.b->mul;
    const real *W = weights(f, s, 0);
    for (size_t u = 0; u < m1; u++)
        for (size_t o = 0; o < mo; o++)
            f->turned[o * m1 + u] = W[u * weight_step(s) + o];
}

static void connect_all(const frame *f, const shared_path *s)
{
    if (f->back && shares_weights(f))
        transpose_weights(f, s);
    for (size_t r = 0, n; r < f->n; r += n) {
        n = rows_together(f, r);
        (!f->back ? connect_rows : s->first ? connect_first_back : connect_rows_back)(f, s, r, n);
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
        connect_all(f, &s);
    }
}
