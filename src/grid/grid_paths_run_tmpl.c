/* SPDX-License-Identifier: MIT */
/* T rows of the instruction product, one in each lane. Compiled once per tier and real; exports one
   const struct.

   Channel by channel of x, and for it with every channel of y that it meets: the product of their
   samples, analysed into all degrees that the pair's paths want; for odd sums the products with
   both slopes of y. Backward the weighted gz of these degrees become samples g once: gx collects g
   y, gy collects g x, as samples. */
#include <stdint.h>
#include <string.h>

#include "grid/grid_paths.h"
#include "grid/grid_samples.h"

#define packing E3TP_NAME(e3tp_packed_kernels)
#define tiles E3TP_NAME(e3tp_tile_kernels)

typedef struct frame {
    const e3tp_grid_paths *plan;
    const e3tp_problem *p;
    const e3tp_rows *r;
    e3tp_grid_paths_layout at;
    real *base;            /* scratch */
    size_t size, points;   /* samples of a signal: elements, number */
    bool back, gx, gy, gw; /* wanted */
} frame;

/* A tile of channel u of a block of operand k, packed at `at`. */
static real *tile_at(const frame *f, size_t at, int k, size_t block, size_t u)
{
    const e3tp_packed *q = &f->plan->packed[k];
    return f->base + at + q->at[block] + u * q->stride[block];
}

static const e3tp_grid_transform *transforms_of(const frame *f, int k, size_t block)
{
    return f->plan->of_degree[f->p->blocks[k][block].l];
}

/* ---- signals of y */

/* Samples of the first signal of channel v; the others follow. */
static real *y_signals(const frame *f, size_t at, size_t block, size_t v)
{
    const size_t n = e3tp_grid_signal_count(f->plan->uses[block]);
    const size_t i = f->plan->slot[block] + (f->plan->kept[block] == E3TP_GRID_ALL ? v * n : 0);
    return f->base + at + i * f->size;
}

static void enter_y(const frame *f, size_t block, size_t v)
{
    real *y = y_signals(f, f->at.y, block, v);
    for (size_t s = 0; s < E3TP_GRID_SIGNALS; s++)
        if (f->plan->uses[block] >> s & 1) {
            synthesise_all(&f->plan->base.form, &transforms_of(f, 1, block)[s],
                           tile_at(f, f->at.v[1], 1, block, v), f->base + f->at.slots, y);
            y += f->size;
        }
    if (f->gy)
        memset(y_signals(f, f->at.gy, block, v), 0,
               e3tp_grid_signal_count(f->plan->uses[block]) * f->size * sizeof(real));
}

static void leave_y(const frame *f, size_t block, size_t v)
{
    const real *gy = y_signals(f, f->at.gy, block, v);
    for (size_t s = 0; s < E3TP_GRID_SIGNALS; s++)
        if (f->plan->uses[block] >> s & 1) {
            analyse_all(&f->plan->base.form, &transforms_of(f, 1, block)[s], gy,
                        f->base + f->at.slots, tile_at(f, f->at.g[1], 1, block, v), true);
            gy += f->size;
        }
}

/* Channels from u to before `end` of the blocks of y that are kept so. */
static void each_y(const frame *f, e3tp_grid_kept kept, size_t u, size_t end,
                   void (*visit)(const frame *, size_t, size_t))
{
    for (size_t j = 0; j < f->p->nblocks[1]; j++)
        for (size_t v = u; f->plan->kept[j] == kept && v < end && v < f->p->blocks[1][j].mul; v++)
            visit(f, j, v);
}

/* ---- paths of a pair */

/* One number of a path's result or weights, for channels u of x and v of y. */
typedef struct element {
    const e3tp_grid_coupling *coupling;
    const e3tp_coupling *path;
    size_t channel; /* of the result */
    size_t weight;
    size_t d;
} element;

/* What the element is multiplied with: *line of the row's weights or NULL, times the number. */
static real factor(const frame *f, const element *e, const real **line)
{
    const real scale = (real)e->coupling->scale;
    *line = NULL;
    if (!e->path->has_weight)
        return scale;
    if (f->r->sw == 0)
        return scale * ((const real *)f->r->w)[e->weight];
    *line = f->base + f->at.w + e->weight * T;
    return scale;
}

static void add_result(const frame *f, const element *e)
{
    const real *line;
    const real c = factor(f, e, &line);
    kernels.accumulate(e->d, c, line, f->base + f->at.analysed + e->coupling->line * T,
                       tile_at(f, f->at.v[2], 2, e->path->out, e->channel));
}

/* Weights that all rows share: the sum over lanes as a binary tree, added to the row. */
static void add_to_row(real *row, real c, const real *line)
{
    real t[T];
    memcpy(t, line, sizeof t);
    for (size_t h = T / 2; h > 0; h /= 2)
        for (size_t k = 0; k < h; k++)
            t[k] += t[k + h];
    *row += c * t[0];
}

static void add_weight_gradient(const frame *f, const element *e, const real *gz)
{
    _Alignas(64) real line[T];
    const int32_t d = (int32_t)e->d;
    const real scale = (real)e->coupling->scale;
    tiles.overlap(1, &d, f->base + f->at.analysed + e->coupling->line * T, gz, line);
    if (f->r->sw)
        kernels.accumulate(1, scale, NULL, line, f->base + f->at.gw + e->weight * T);
    else
        add_to_row((real *)f->r->gw + e->weight, scale, line);
}

static void add_gradient(const frame *f, const element *e)
{
    const real *line, *gz = tile_at(f, f->at.v[2], 2, e->path->out, e->channel);
    const real c = factor(f, e, &line);
    kernels.accumulate(e->d, c, line, gz, f->base + f->at.summed + e->coupling->line * T);
    if (f->gw && e->path->has_weight)
        add_weight_gradient(f, e, gz);
}

static void each_element(const frame *f, const e3tp_grid_pair *pair, size_t u, size_t v,
                         void (*visit)(const frame *, const element *))
{
    const size_t m2 = f->p->blocks[1][pair->in2].mul;
    for (size_t i = 0; i < pair->count; i++) {
        const e3tp_grid_coupling *c = &f->plan->couplings[pair->first + i];
        const e3tp_coupling *path = &f->p->paths[c->path];
        const e3tp_block *out = &f->p->blocks[2][path->out];
        element e = {c, path, u, path->w_offset, 2 * (size_t)out->l + 1};
        if (path->mode == E3TP_UUU && u != v)
            continue;
        e.weight += path->mode == E3TP_UUU   ? u
                    : path->mode == E3TP_UVU ? u * m2 + v
                                             : (u * m2 + v) * out->mul;
        if (path->mode != E3TP_UVW)
            visit(f, &e);
        else
            for (e.channel = 0; e.channel < out->mul; e.channel++, e.weight++)
                visit(f, &e);
    }
}

/* Products of the pair's terms, analysed into all degrees of its set. */
static void analyse_pair(const frame *f, const e3tp_grid_pair *pair, const real *y)
{
    real *product = f->base + f->at.product;
    for (size_t t = 0; t < pair->terms; t++, y += f->size) {
        kernels.multiply(f->base + f->at.x, y, product, f->points, false);
        analyse_all(&f->plan->base.form, &f->plan->sets[pair->set].of[t], product,
                    f->base + f->at.slots, f->base + f->at.analysed, t > 0);
    }
}

/* From the summed gz of the pair's degrees. */
static void add_gradients(const frame *f, const e3tp_grid_pair *pair, const real *y, real *gy)
{
    real *gz = f->base + f->at.gz;
    for (size_t t = 0; t < pair->terms; t++, y += f->size, gy += f->size) {
        synthesise_all(&f->plan->base.form, &f->plan->sets[pair->set].of[t], f->base + f->at.summed,
                       f->base + f->at.slots, gz);
        if (f->gx)
            kernels.multiply(gz, y, f->base + f->at.gx, f->points, true);
        if (f->gy)
            kernels.multiply(gz, f->base + f->at.x, gy, f->points, true);
    }
}

static void run_pair(const frame *f, const e3tp_grid_pair *pair, size_t u, size_t v)
{
    const size_t first = pair->signal * f->size;
    const real *y = y_signals(f, f->at.y, pair->in2, v) + first;
    if (!f->back || f->gw)
        analyse_pair(f, pair, y);
    if (!f->back) {
        each_element(f, pair, u, v, add_result);
        return;
    }
    memset(f->base + f->at.summed, 0, f->plan->sets[pair->set].lines * T * sizeof(real));
    each_element(f, pair, u, v, add_gradient);
    if (f->gx || f->gy)
        add_gradients(f, pair, y, y_signals(f, f->at.gy, pair->in2, v) + first);
}

/* Channel u of block i of x with all that it meets; returns the first pair of the next block. */
static size_t run_channel(const frame *f, size_t first, size_t u)
{
    const e3tp_grid_paths *g = f->plan;
    const uint32_t i = g->pairs[first].in1;
    const bool there = u < f->p->blocks[0][i].mul;
    real *slots = f->base + f->at.slots;
    if (there)
        synthesise_all(&g->base.form, transforms_of(f, 0, i), tile_at(f, f->at.v[0], 0, i, u),
                       slots, f->base + f->at.x);
    if (there && f->gx)
        memset(f->base + f->at.gx, 0, f->size * sizeof(real));
    for (; first < g->npairs && g->pairs[first].in1 == i; first++) {
        const e3tp_grid_pair *pair = &g->pairs[first];
        const size_t m2 = f->p->blocks[1][pair->in2].mul;
        for (size_t v = pair->crossed ? 0 : u; there && v < (pair->crossed ? m2 : u + 1); v++)
            run_pair(f, pair, u, v);
    }
    if (there && f->gx)
        analyse_all(&g->base.form, transforms_of(f, 0, i), f->base + f->at.gx, slots,
                    tile_at(f, f->at.g[0], 0, i, u), false);
    return first;
}

static void run_channels(const frame *f)
{
    each_y(f, E3TP_GRID_ALL, 0, SIZE_MAX, enter_y);
    for (size_t u = 0; u < f->plan->channels; u++) {
        each_y(f, E3TP_GRID_ONE, u, u + 1, enter_y);
        for (size_t pair = 0; pair < f->plan->npairs;)
            pair = run_channel(f, pair, u);
        if (f->gy)
            each_y(f, E3TP_GRID_ONE, u, u + 1, leave_y);
    }
    if (f->gy)
        each_y(f, E3TP_GRID_ALL, 0, SIZE_MAX, leave_y);
}

/* ---- rows */

static e3tp_tile_map weights_of(const frame *f)
{
    return (e3tp_tile_map){(size_t)f->r->sw, 1, 1, f->r->iw, f->r->n, 1, f->p->weight_numel};
}

static void pack_rows(const frame *f)
{
    const e3tp_rows *r = f->r;
    const void *const from[3] = {r->x, r->y, r->gz};
    const ptrdiff_t stride[3] = {r->sx, r->sy, r->sz};
    const int64_t *const index[3] = {r->ix, r->iy, NULL};
    for (int k = 0; k < (f->back ? 3 : 2); k++)
        packing.pack(&f->plan->packed[k], f->p, k, r->n, from[k], stride[k], index[k],
                     f->base + f->at.v[k]);
    if (f->p->weight_numel && r->sw) {
        const e3tp_tile_map m = weights_of(f);
        tiles.pack(&m, E3TP_LANES_ROWS, r->w, f->base + f->at.w, m.d * T);
    }
}

/* Results that no path reaches are zero. */
static void clear_results(const frame *f)
{
    if (!f->back)
        packing.clear(&f->plan->packed[2], f->p, 2, f->r->n, f->base + f->at.v[2]);
    for (int k = 0; k < 2; k++)
        if (k ? f->gy : f->gx)
            packing.clear(&f->plan->packed[k], f->p, k, f->r->n, f->base + f->at.g[k]);
    if (f->gw && f->r->sw)
        memset(f->base + f->at.gw, 0, f->p->weight_numel * T * sizeof(real));
}

static void unpack_rows(const frame *f)
{
    const e3tp_rows *r = f->r;
    if (!f->back)
        packing.unpack(&f->plan->packed[2], f->p, 2, r->n, f->base + f->at.v[2], r->z, r->sz,
                       false);
    if (f->gx)
        packing.unpack(&f->plan->packed[0], f->p, 0, r->n, f->base + f->at.g[0], r->gx, r->sx,
                       false);
    if (f->gy)
        packing.unpack(&f->plan->packed[1], f->p, 1, r->n, f->base + f->at.g[1], r->gy, r->sy,
                       false);
    if (f->gw && r->sw) {
        e3tp_tile_map m = weights_of(f);
        m.index = NULL;
        tiles.unpack(&m, E3TP_LANES_ROWS, f->base + f->at.gw, m.d * T, r->gw);
    }
}

static void run(const void *plan, e3tp_pass pass, const e3tp_rows *r, void *scratch)
{
    const e3tp_grid_paths *g = plan;
    const bool back = pass == E3TP_BACKWARD;
    const frame f = {.plan = g,
                     .p = g->base.problem,
                     .r = r,
                     .at = e3tp_grid_paths_lay_out(g),
                     .base = scratch,
                     .size = e3tp_grid_samples_size(&g->base.form),
                     .points = e3tp_grid_points(&g->base.form.shape),
                     .back = back,
                     .gx = back && r->gx,
                     .gy = back && r->gy,
                     .gw = back && r->gw && g->base.problem->weight_numel};
    pack_rows(&f);
    clear_results(&f);
    run_channels(&f);
    unpack_rows(&f);
}

const e3tp_grid_runner E3TP_NAME(e3tp_grid_paths_runner) = {run};
