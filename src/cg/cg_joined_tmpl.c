/* SPDX-License-Identifier: MIT */
/* uvw, uuw and u<vw with lanes over rows: a matrix of weights joins the products of pairs of
   channels, t_(u,v), with the channels of z. Where all rows share it, as products of matrices, some
   pairs at a time; else pair by pair, by lines of weights. */
#include "cg/cg_lanes.h"

#define kernels E3TP_NAME(e3tp_cg_kernels)
#define folded E3TP_NAME(e3tp_cg_folded_kernels)
#define COMPONENT_(r) e3tp_cg_component_##r
#define COMPONENT(r) COMPONENT_(r)
typedef COMPONENT(E3TP_REAL) component;

static const e3tp_cg_member *forward_member(const frame *f, size_t path)
{
    return &f->plan->order[E3TP_CG_TO_Z][f->plan->path[path].member[E3TP_CG_TO_Z]];
}

static line_up z_block(const frame *f, size_t path, const walk *way)
{
    return block_at(f->v, forward_member(f, path), E3TP_CG_TO_Z, 2, way);
}

/* The products of one pair, or of as many as the walk has, to scratch. */
static line_up products(const frame *f, size_t path, const walk *way, real *to)
{
    const e3tp_cg_member *m = forward_member(f, path);
    const line_up t = in_scratch(to, way->tiles, frame_block(f, path, 2).d);
    contract_one(f, E3TP_CG_TO_Z, m, way->tiles, block_at(f->v, m, E3TP_CG_TO_Z, 0, way),
                 block_at(f->v, m, E3TP_CG_TO_Z, 1, way), t);
    return t;
}

/* Adds the gradient of the target that the cotangents gt of products give. */
static void products_back(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                          const walk *way, line_up gt)
{
    const int *role = e3tp_cg_role[target];
    contract_one(f, target, m, way->tiles, role[0] == 2 ? gt : block_at(f->v, m, target, 0, way),
                 role[1] == 2 ? gt : block_at(f->v, m, target, 1, way),
                 block_at(f->g, m, target, 2, way));
}

/* ---- pair by pair ---- */

static void connect(const frame *f, size_t path, const walk *way)
{
    const tiles_of z = frame_block(f, path, 2);
    const line_up t = products(f, path, way, f->mid), out = z_block(f, path, way);
    for (size_t k = 0; k < z.b->mul; k++) {
        const line_up w = weight_line(f, path, way, k);
        kernels.scale_add(way->tiles, z.d, t.v, t.stride, w.v, w.stride, out.v + k * z.stride,
                          out.stride);
    }
}

static void connect_weights(const frame *f, size_t path, const walk *way)
{
    const tiles_of z = frame_block(f, path, 2);
    const line_up t = products(f, path, way, f->mid), gz = z_block(f, path, way);
    for (size_t k = 0; k < z.b->mul; k++) {
        const line_up gw = gradient_line(f, path, way, k);
        kernels.dot(way->tiles, z.d, t.v, t.stride, gz.v + k * z.stride, gz.stride, gw.v,
                    gw.stride);
    }
}

static void connect_back(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                         const walk *way)
{
    const tiles_of z = frame_block(f, m->path, 2);
    const line_up gt = in_scratch(f->gmid, way->tiles, z.d), gz = z_block(f, m->path, way);
    for (size_t k = 0; k < z.b->mul; k++) {
        const line_up w = weight_line(f, m->path, way, k);
        kernels.scale_add(way->tiles, z.d, gz.v + k * z.stride, gz.stride, w.v, w.stride, gt.v,
                          gt.stride);
    }
    products_back(f, target, m, way, gt);
}

void E3TP_NAME(e3tp_cg_join_pair)(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m,
                                  const walk *way)
{
    if (target == E3TP_CG_TO_Z) {
        connect(f, m->path, way);
        return;
    }
    if (target == E3TP_CG_TO_X && wants_weight_gradient(f, m->path))
        connect_weights(f, m->path, way);
    if (target == E3TP_CG_TO_X ? f->r->gx : f->r->gy)
        connect_back(f, target, m, way);
}

/* ---- shared weights: pairs first .. first + n - 1 of a path, a tile of rows at a time; their
   products in scratch behind those of `before` pairs of other paths ---- */

typedef struct join {
    const frame *f;
    e3tp_cg_target target;
    const e3tp_cg_member *m;
    const e3tp_coupling *c;
    size_t first, n, before, m1, m2, mo;
    component *pairs, *z; /* [n], [mo] */
    const real **room;
} join;

/* From pair q of tile t on as many, at most n, as steps of the channels of x and y make. */
static walk strip_from(const join *j, size_t q, size_t n, size_t t)
{
    const channel_pair at = pair_at(j->f, j->c, q);
    return (walk){.tiles = j->m2 - at.v < n ? j->m2 - at.v : n,
                  .first = {t * j->m1 + at.u, t * j->m2 + at.v, t * j->mo},
                  .step = {together(j->c->mode), 1, 1}};
}

static void list(component *to, size_t n, const real *v, size_t stride)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (component){(real *)(uintptr_t)v + i * stride, 0, T};
}

/* Channels of z, or of gz, of a tile of rows. */
static void list_z(const join *j, size_t t)
{
    const walk way = {.first = {0, 0, t * j->mo}, .step = {0, 0, 1}};
    const line_up z = z_block(j->f, j->m->path, &way);
    list(j->z, j->mo, z.v, z.stride);
}

static size_t components(const join *j)
{
    return (size_t)frame_block(j->f, j->m->path, 2).d;
}

/* t of the pairs. */
static void make_products(const join *j, size_t t)
{
    const size_t each = components(j) * T;
    for (size_t i = 0, now; i < j->n; i += now) {
        const walk way = strip_from(j, j->first + i, j->n - i, t);
        products(j->f, j->m->path, &way, j->f->mid + (j->before + i) * each);
        now = way.tiles;
    }
    list(j->pairs, j->before + j->n, j->f->mid, each);
}

static const real *weights_of(const join *j)
{
    return (const real *)j->f->r->w + j->c->w_offset + j->first * j->mo;
}

/* gW[u, v][w] += sum over rows and components of t gz. */
static void join_weights(const join *j, size_t t)
{
    const frame *f = j->f;
    real *gw = (real *)f->r->gw + j->c->w_offset + j->first * j->mo;
    make_products(j, t);
    list_z(j, t);
    folded.overlaps(1, components(j), j->pairs, j->n, NULL, j->z, j->mo, f->M);
    for (size_t i = 0; i < j->n * j->mo; i++)
        gw[i] += f->M[i];
}

static void turn_weights(const join *j)
{
    const real *w = weights_of(j);
    for (size_t i = 0; i < j->n; i++)
        for (size_t o = 0; o < j->mo; o++)
            j->f->turned[o * j->n + i] = w[i * j->mo + o];
}

static void join_back(const join *j, size_t t)
{
    const frame *f = j->f;
    const size_t each = components(j) * T;
    list_z(j, t);
    list(j->pairs, j->n, f->gmid, each);
    folded.product(1, components(j) * T, j->z, j->mo, NULL, j->pairs, j->n, f->turned, 1, j->room);
    for (size_t i = 0, now; i < j->n; i += now) {
        const walk way = strip_from(j, j->first + i, j->n - i, t);
        products_back(f, j->target, j->m, &way, (line_up){f->gmid + i * each, each});
        now = way.tiles;
    }
}

static void join_pairs(const join *j)
{
    const frame *f = j->f;
    const bool to_w = j->target == E3TP_CG_TO_X && wants_weight_gradient(f, j->m->path),
               back = j->target == E3TP_CG_TO_X ? f->r->gx != NULL : f->r->gy != NULL;
    if (back)
        turn_weights(j);
    for (size_t t = 0; t * T < f->n; t++) {
        if (to_w)
            join_weights(j, t);
        if (back)
            join_back(j, t);
    }
}

static join join_of(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m)
{
    const e3tp_coupling *c = &f->p->paths[m->path];
    join j = {.f = f,
              .target = target,
              .m = m,
              .c = c,
              .m1 = f->p->blocks[0][c->in1].mul,
              .m2 = f->p->blocks[1][c->in2].mul,
              .mo = f->p->blocks[2][c->out].mul};
    j.z = f->components;
    j.pairs = j.z + j.mo;
    j.room = (const real **)(j.pairs + E3TP_CG_JOINED);
    return j;
}

void E3TP_NAME(e3tp_cg_join_back)(const frame *f, e3tp_cg_target target, const e3tp_cg_member *m)
{
    join j = join_of(f, target, m);
    for (const size_t all = pair_count(f, j.c); j.first < all; j.first += j.n) {
        j.n = min_of(all - j.first, E3TP_CG_JOINED);
        join_pairs(&j);
    }
}

/* The pairs before and those of j, by weights W [pair][w], to z. */
static void multiply(const join *j, size_t t, const real *W)
{
    list_z(j, t);
    folded.product(1, components(j) * T, j->pairs, j->before + j->n, NULL, j->z, j->mo, W, 0,
                   j->room);
}

/* Weights of the pairs before, wherever they are, and of j, in one place. */
static const real *gather_weights(const join *j, const real *before)
{
    real *W = j->f->turned;
    if (j->before == 0)
        return weights_of(j);
    if (before != W)
        memcpy(W, before, j->before * j->mo * sizeof *W);
    memcpy(W + j->before * j->mo, weights_of(j), j->n * j->mo * sizeof *W);
    return W;
}

/* All paths to a block of z, as many pairs at a time as there is room for. */
static void join_tile(const frame *f, size_t block, size_t t)
{
    const real *W = NULL;
    join j = {.n = 0};
    size_t before = 0;
    for (size_t path = 0; path < f->p->npaths; path++) {
        if (f->p->paths[path].out != block || !f->plan->path[path].joined)
            continue;
        j = join_of(f, E3TP_CG_TO_Z, forward_member(f, path));
        for (const size_t all = pair_count(f, j.c); j.first < all; j.first += j.n) {
            j.before = before;
            j.n = min_of(all - j.first, E3TP_CG_JOINED - before);
            make_products(&j, t);
            W = gather_weights(&j, W);
            before += j.n;
            if (before == E3TP_CG_JOINED) {
                multiply(&j, t, W);
                before = 0;
            }
        }
    }
    if (before > 0) {
        j.n = before - j.before;
        multiply(&j, t, W);
    }
}

void E3TP_NAME(e3tp_cg_join)(const frame *f)
{
    for (size_t t = 0; t * T < f->n; t++)
        for (size_t block = 0; block < f->p->nblocks[2]; block++)
            join_tile(f, block, t);
}
