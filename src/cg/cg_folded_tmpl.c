/* SPDX-License-Identifier: MIT */
/* A block of rows of folded paths, class by class and T rows at a time: matrices with rows in
   lanes, turned so that those of a row stand together, multiplied with all channels. What gradients
   of y and of weights have to do with channels is in D[i][k] = sum over channels of x_i gz_k. With
   tangents (second order) the results are hz and hx, the gradients of y and of weights are hy and
   hw. */
#include "cg/cg_shared.h"

#define kernels E3TP_NAME(e3tp_cg_folded_kernels)
#define tile_kernels E3TP_NAME(e3tp_tile_kernels)
#define COMPONENT_(r) e3tp_cg_component_##r
#define COMPONENT(r) COMPONENT_(r)
typedef COMPONENT(E3TP_REAL) component;

/* A class under way, with its lists of components. */
typedef struct work {
    const frame *f;
    const e3tp_cg_classes *folds;
    const e3tp_cg_class *class;
    component *sources, *results; /* sources with room for as many tangents behind them */
    const real **at;              /* room for one of each */
    size_t n;                     /* sources that matrices have: with tangents */
    size_t mul, tiles;            /* of a row */
    size_t g, rows;               /* the group of T rows and those of it that are there */
} work;

static const uint32_t *blocks_from(const work *q, size_t first)
{
    return q->folds->blocks + first;
}

/* ---- weights: lanes over rows, a line for each weighted path ---- */

/* As an operand of one component with a channel for each path. */
static e3tp_tile_map weight_map(const frame *f, const int64_t *index)
{
    return (e3tp_tile_map){(size_t)f->r->sw, 1, 0, index, f->n, f->plan->folded_weights, 1};
}

void E3TP_NAME(e3tp_cg_pack_folded)(const frame *f)
{
    const e3tp_tile_map m = weight_map(f, f->r->iw);
    tile_kernels.pack(&m, E3TP_LANES_ROWS, f->r->w, f->lw, T);
}

void E3TP_NAME(e3tp_cg_unpack_folded)(const frame *f)
{
    const e3tp_tile_map m = weight_map(f, NULL);
    (m.row ? tile_kernels.unpack : tile_kernels.sum)(&m, E3TP_LANES_ROWS, f->lgw, T, f->r->gw);
}

static real *line_of(const frame *f, size_t path, size_t g, real *lines)
{
    return lines + (g * f->plan->folded_weights + f->plan->path[path].lines) * T;
}

/* NULL: ones. */
static const real *weights_of(const frame *f, size_t path, size_t g)
{
    return f->p->paths[path].has_weight ? line_of(f, path, g, f->lw) : NULL;
}

/* Whether the weights of a frame have something for a path: tangents only where it has one. */
static bool has_weights(const frame *f, const frame *weights, size_t path)
{
    return weights && (weights != f->tangent || f->p->paths[path].has_weight);
}

/* ---- components ---- */

/* Those of blocks of operand k, as they lie in a frame from group g on. */
static component *list_operand(const frame *f, int k, const uint32_t *block, size_t count, size_t g,
                               component *to)
{
    for (size_t b = 0; b < count; b++) {
        const e3tp_block *own = &f->p->blocks[k][block[b]];
        const block_lines from = operand_lines(f, k, block[b]);
        real *v = group_of(f, k, from, g);
        for (int m = 0; m < 2 * own->l + 1; m++)
            *to++ = (component){v + (size_t)m * from.step, from.row, from.tile};
    }
    return to;
}

static const int64_t *index_of(const work *q, int k)
{
    const int64_t *list = operand_list(q->f, k);
    return list ? list + q->g * T : NULL;
}

static int source_operand(const work *q)
{
    return q->f->back ? 2 : 0;
}

/* ---- results ---- */

/* Where results of rows from `row` of the group on go. */
static void list_results(const work *q, size_t row)
{
    const frame *f = q->f;
    const e3tp_block *blocks = f->p->blocks[f->back ? 0 : 2];
    component *to = q->results;
    for (size_t b = 0; b < q->class->nresults; b++) {
        const uint32_t block = blocks_from(q, q->class->results)[b];
        const block_lines at = result_lines(f, block);
        for (int m = 0; m < 2 * blocks[block].l + 1; m++)
            *to++ = (component){at.v + (q->g * T + row) * at.row + (size_t)m * at.step, at.row,
                                at.tile};
    }
}

/* In scratch: row by row, tiles of all components. */
static void list_staged(const work *q)
{
    const size_t N = q->class->N;
    for (size_t k = 0; k < N; k++)
        q->results[k] = (component){q->f->mid + k * T, q->tiles * N * T, N * T};
}

static void unpack_staged(const work *q, size_t row, size_t rows)
{
    const frame *f = q->f;
    const int k = f->back ? 0 : 2;
    const real *from = f->mid;
    for (size_t b = 0; b < q->class->nresults; b++) {
        const e3tp_block *block = &f->p->blocks[k][blocks_from(q, q->class->results)[b]];
        unpack_results(f, block, from, q->class->N * T, q->g * T + row, rows);
        from += (2 * (size_t)block->l + 1) * T;
    }
}

/* ---- matrices ---- */

/* Adds w M(y) of all paths, y and weights of two frames, to sources from the first on. */
static void add_matrices(const work *q, const frame *y, const frame *weights, size_t first)
{
    const frame *f = q->f;
    const int N = (int)q->class->N;
    for (size_t i = 0; i < q->class->nfolds; i++) {
        const e3tp_cg_fold *fold = &q->folds->folds[q->class->folds + i];
        const e3tp_cg_triple *t = &f->plan->triples[f->plan->path[fold->path].triple];
        const tiles_of own = frame_block(y, fold->path, 3);
        const double c = f->p->paths[fold->path].coeff;
        real *M = f->M + ((first + fold->from) * (size_t)N + fold->to) * T;
        for (size_t v = 0; v < own.b->mul && has_weights(f, weights, fold->path); v++)
            E3TP_NAME(e3tp_cg_kernels)
                .build(t->to[E3TP_CG_TO_X], t->n, c, f->back ? 1 : N, f->back ? N : 1,
                       own.v + (q->g * own.b->mul + v) * own.stride,
                       weights_of(weights, fold->path, q->g), M);
    }
}

/* Rows as channels of one row of so many components. */
static e3tp_tile_map turn_map(const work *q, size_t elements)
{
    return (e3tp_tile_map){0, elements, 1, NULL, 1, q->rows, elements};
}

/* To z M x, to gx M' gz; with tangents to hz M dx + dM x, to hx dM' gz, where dM = M(dy, w) + M(y,
   dw). Lists the sources, and builds and turns their matrices. */
static void make_matrices(work *q)
{
    const frame *f = q->f, *d = f->tangent;
    const int k = source_operand(q);
    const uint32_t *block = blocks_from(q, q->class->sources);
    const bool plain = !d || (d->r->x && !f->back), differs = d && (d->r->y || d->r->w);
    const size_t n = q->class->n, first = plain ? n : 0;
    component *next = q->sources;
    q->n = (plain ? n : 0) + (differs ? n : 0);
    memset(f->M, 0, q->n * q->class->N * T * sizeof(real));
    if (plain) {
        next = list_operand(d ? d : f, k, block, q->class->nsources, q->g, next);
        add_matrices(q, f, f, 0);
    }
    if (differs)
        list_operand(f, k, block, q->class->nsources, q->g, next);
    if (differs && d->r->y)
        add_matrices(q, d, f, first);
    if (differs && d->r->w)
        add_matrices(q, f, d, first);
    const e3tp_tile_map m = turn_map(q, q->n * q->class->N);
    tile_kernels.unpack(&m, E3TP_LANES_CHANNELS, f->M, m.d * T, f->turned_M);
}

static void multiply(work *q)
{
    const frame *f = q->f;
    const size_t N = q->class->N, room = E3TP_CG_STAGED / sizeof(real) / (q->tiles * N * T) + 1;
    const bool staged = stages_results(f), fresh = e3tp_cg_leaves_unpacked(f, f->back ? 0 : 2);
    const size_t part = staged ? min_of(room, q->rows) : q->rows;
    make_matrices(q);
    for (size_t row = 0, rows; row < q->rows; row += rows) {
        const int64_t *index = index_of(q, source_operand(q));
        rows = min_of(part, q->rows - row);
        if (staged)
            list_staged(q);
        else
            list_results(q, row);
        component *x = q->sources;
        for (size_t i = 0; i < q->n && !index && row; i++)
            x[i].v += part * x[i].row;
        kernels.product(rows, q->mul, x, q->n, index ? index + row : NULL, q->results, N,
                        f->turned_M + row * q->n * N, fresh, q->at);
        if (staged)
            unpack_staged(q, row, rows);
    }
}

/* ---- gradients of y and of weights ---- */

/* D of x of a frame and gz, rows in lanes. */
static void make_overlaps(const work *q, const frame *x)
{
    const frame *f = q->f;
    const size_t n = q->class->N, N = q->class->n; /* x has the class's results, gz its sources */
    component *of_x = q->results, *of_g = q->sources;
    list_operand(x, 0, blocks_from(q, q->class->results), q->class->nresults, q->g, of_x);
    list_operand(f, 2, blocks_from(q, q->class->sources), q->class->nsources, q->g, of_g);
    kernels.overlaps(q->rows, q->tiles, of_x, n, index_of(q, 0), of_g, N, f->turned_M);
    const e3tp_tile_map m = turn_map(q, n * N);
    tile_kernels.pack(&m, E3TP_LANES_CHANNELS, f->turned_M, f->M, m.d * T);
}

/* What D gives to gy by the weights of a frame and to gw by the y of one, NULL: nothing. */
static void add_gradients(const work *q, const frame *weights, const frame *y)
{
    const frame *f = q->f;
    for (size_t i = 0; i < q->class->nfolds; i++) {
        const e3tp_cg_fold *fold = &q->folds->folds[q->class->folds + i];
        const size_t path = fold->path;
        const e3tp_cg_triple *t = &f->plan->triples[f->plan->path[path].triple];
        const tiles_of own = frame_block(f, path, 3);
        const bool to_y = f->r->gy && has_weights(f, weights, path);
        const bool to_w = f->r->gw && y && f->p->paths[path].has_weight;
        for (size_t v = 0; v < own.b->mul; v++) {
            const size_t at = (q->g * own.b->mul + v) * own.stride;
            E3TP_NAME(e3tp_cg_kernels)
                .build_back(t->to[E3TP_CG_TO_Y], t->n, f->p->paths[path].coeff, q->class->n,
                            f->M + (fold->to * q->class->n + fold->from) * T,
                            to_w ? frame_block(y, path, 3).v + at : NULL,
                            to_y ? weights_of(weights, path, q->g) : NULL, to_y ? own.g + at : NULL,
                            to_w ? line_of(f, path, q->g, f->lgw) : NULL);
        }
    }
}

/* With tangents hy = w D(dx) + dw D(x) and hw = y D(dx) + dy D(x). */
static void add_all_gradients(const work *q)
{
    const frame *f = q->f, *d = f->tangent;
    if (!d || d->r->x) {
        make_overlaps(q, d ? d : f);
        add_gradients(q, f, f);
    }
    if (!d || !(d->r->y || d->r->w))
        return;
    make_overlaps(q, f);
    add_gradients(q, d->r->w ? d : NULL, d->r->y ? d : NULL);
}

/* ---- */

static void run_class(work *q)
{
    const frame *f = q->f;
    const bool wanted = !f->back || f->r->gx;
    for (q->g = 0; q->g < groups_of(f); q->g++) {
        q->rows = min_of(T, f->n - q->g * T);
        if (wanted)
            multiply(q);
        if (f->back && (f->r->gy || f->r->gw) && q->class->nfolds)
            add_all_gradients(q);
    }
}

void E3TP_NAME(e3tp_cg_folded)(const frame *f)
{
    component *at = f->components;
    work q = {.f = f, .folds = &f->plan->folds[f->back]};
    for (size_t i = 0; i < q.folds->nclasses; i++) {
        q.class = &q.folds->classes[i];
        const uint32_t result = blocks_from(&q, q.class->results)[0];
        q.mul = f->p->blocks[f->back ? 0 : 2][result].mul;
        q.tiles = (q.mul + T - 1) / T;
        q.results = at;
        q.sources = at + q.class->N;
        q.at = (const real **)(q.sources + 2 * q.class->n);
        if (q.mul)
            run_class(&q);
    }
}
