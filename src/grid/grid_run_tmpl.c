/* SPDX-License-Identifier: MIT */
/* A block of rows of a product of functions: packs a lane tile, takes it through samples, unpacks
   it. Compiled once per tier and real; exports one const struct.

   The three operands are alike: with signals of x, y and gz on the samples, gx is the analysis of
   gz y, gy of gz x, and z of x y, summed over the terms. Operand k is transformed where some result
   other than its own is wanted. */
#include <string.h>

#include "grid/grid_plan.h"
#include "grid/grid_samples.h"

#define tile_kernels E3TP_NAME(e3tp_tile_kernels)

/* An operand, its gradient or result as the caller holds them: in blocks, or as one where all
   components of a channel are equally far apart. The components of a lane tile stand in their
   order.
 */
typedef struct memory {
    e3tp_tile_map map[E3TP_GRID_BLOCKS];
    size_t start[E3TP_GRID_BLOCKS], n;
} memory;

/* Lane tiles that are packed together: tiles d .. d + nd - 1 of each row (lanes over rows: of each
   T rows) of n rows from `row` on. */
typedef struct spot {
    size_t row, n, d, nd;
} spot;

typedef struct frame {
    const e3tp_grid_plan *plan;
    const e3tp_rows *r;
    e3tp_grid_layout at;
    real *base; /* scratch */
    memory of[3];
    const real *from[3];     /* x, y, gz */
    real *to[3];             /* gx, gy, z */
    bool wanted[3];          /* results gx, gy, z; with gradients of the factors all three */
    bool needed[3];          /* operands x, y, gz */
    bool shared[3];          /* one row of the operand serves all */
    int in_place;            /* operand whose samples give way to the products, or -1 */
    bool factors, gradients; /* of factor weights */
} frame;

/* ---- packing */

static void set_memory(frame *f, int k, ptrdiff_t stride, const int64_t *index)
{
    const e3tp_problem *p = f->plan->base.problem;
    const bool joined = e3tp_packs_as_one(p, k);
    memory *m = &f->of[k];
    m->n = joined ? 1 : p->nblocks[k];
    for (size_t i = 0; i < m->n; i++)
        m->map[i] = e3tp_operand_map(p, k, &p->blocks[k][i], stride, f->r->n, index, &m->start[i]);
    if (joined)
        m->map[0].d = f->plan->components[k];
}

static size_t fewer(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Tiles of a block that begins at *at, as a map of their own. */
V_INLINE e3tp_tile_map tiles_of(const e3tp_grid_plan *g, e3tp_tile_map m, spot s, size_t *at)
{
    const size_t step = g->base.lanes == E3TP_LANES_CHANNELS ? T : 1, u = s.d * step,
                 left = g->base.problem->channels - u;
    *at += (m.index ? 0 : s.row * m.row) + u * m.channel;
    m.index = m.index ? m.index + s.row : NULL;
    m.rows = s.n;
    m.mul = left < s.nd * step ? left : s.nd * step;
    return m;
}

static void pack(const frame *f, int k, spot s, real *to)
{
    const memory *of = &f->of[k];
    for (size_t i = 0; i < of->n; i++) {
        size_t at = of->start[i];
        const e3tp_tile_map m = tiles_of(f->plan, of->map[i], s, &at);
        tile_kernels.pack(&m, f->plan->base.lanes, f->from[k] + at, to, f->plan->components[k] * T);
        to += m.d * T;
    }
}

/* The reverse; where one row serves all, the sum over rows is added to it. */
static void unpack(const frame *f, int k, spot s, const real *from)
{
    const memory *of = &f->of[k];
    for (size_t i = 0; i < of->n; i++) {
        size_t at = of->start[i];
        const e3tp_tile_map m = tiles_of(f->plan, of->map[i], s, &at);
        (m.row ? tile_kernels.unpack : tile_kernels.sum)(&m, f->plan->base.lanes, from,
                                                         f->plan->components[k] * T, f->to[k] + at);
        from += m.d * T;
    }
}

/* Factors of operand k as a block of one component per degree. */
static e3tp_tile_map factors_of(const frame *f, int k, spot s, size_t *at)
{
    const e3tp_problem *p = f->plan->base.problem;
    *at = 0;
    for (int i = 0; i < k; i++)
        *at += p->nblocks[i] * p->channels;
    const e3tp_tile_map all = {(size_t)f->r->sw, 1,           p->channels,  f->r->iw,
                               f->r->n,          p->channels, p->nblocks[k]};
    return tiles_of(f->plan, all, s, at);
}

static void pack_factors(const frame *f, int k, spot s)
{
    size_t at;
    const e3tp_tile_map m = factors_of(f, k, s, &at);
    tile_kernels.pack(&m, f->plan->base.lanes, (const real *)f->r->w + at, f->base + f->at.w[k],
                      m.d * T);
}

static void unpack_factors(const frame *f, int k, spot s)
{
    size_t at;
    const e3tp_tile_map m = factors_of(f, k, s, &at);
    (m.row ? tile_kernels.unpack : tile_kernels.sum)(&m, f->plan->base.lanes, f->base + f->at.gw[k],
                                                     m.d * T, (real *)f->r->gw + at);
}

/* ---- samples */

/* Samples of signal t of operand k on the rings from `ring` on: all are kept where they serve later
   tiles, or where products of the dense form replace them. */
static real *points_at(const frame *f, int k, size_t t, size_t ring)
{
    const e3tp_grid_form *form = &f->plan->base.form;
    const bool kept = f->shared[k] || (k == f->in_place && !form->separable);
    return f->base + f->at.points[k][t] + (kept ? ring_at(form, ring) : 0);
}

/* Products of the rings at hand; the dense form keeps all for its analysis. */
static real *product_at(const frame *f, int k, size_t t, size_t ring)
{
    const e3tp_grid_form *form = &f->plan->base.form;
    real *all = f->base + (f->in_place < 0 ? f->at.product[k][t] : f->at.points[f->in_place][t]);
    return all + (form->separable ? 0 : ring_at(form, ring));
}

/* What term t adds to a signal of result k on `count` rings from `ring` on: the product of the
   other two signals. Terms of x add to its one signal. */
static void multiply(const frame *f, int k, size_t t, size_t ring, size_t count)
{
    const e3tp_grid_form *form = &f->plan->base.form;
    const int a = k == 0 ? 1 : 0, b = k == 2 ? 1 : 2;
    kernels.multiply(points_at(f, a, a ? t : 0, ring), points_at(f, b, t, ring),
                     product_at(f, k, k ? t : 0, ring),
                     (ring_at(form, ring + count) - ring_at(form, ring)) / POINT, k == 0 && t);
}

/* Result k on `count` rings from `ring` on. */
static void multiply_rings(const frame *f, int k, size_t ring, size_t count)
{
    const e3tp_grid_plan *g = f->plan;
    for (size_t t = 0; t < g->terms; t++)
        multiply(f, k, t, ring, count);
    for (size_t i = 0; g->base.form.separable && i < g->signals[k]; i++)
        rings_to_slots(&g->base.form, &g->of[k][i], product_at(f, k, i, ring), ring, count,
                       f->base + f->at.back[k][i]);
}

/* in: components of a tile of each operand; out: of each result. fresh: the operand's samples are
   not there yet. */
static void multiply_tile(const frame *f, const real *const in[3], real *const out[3],
                          const bool fresh[3])
{
    const e3tp_grid_plan *g = f->plan;
    const e3tp_grid_form *form = &g->base.form;
    const real *from[3][E3TP_GRID_TERMS] = {0};
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; fresh[k] && i < g->signals[k]; i++)
            from[k][i] = to_slots(form, &g->of[k][i], in[k], f->base + f->at.slots[k][i]);
    for (size_t ring = 0; ring < form->rings; ring += g->chunk) {
        const size_t count = fewer(form->rings - ring, g->chunk);
        for (int k = 0; k < 3; k++)
            for (size_t i = 0; fresh[k] && i < g->signals[k]; i++)
                to_points(form, &g->of[k][i], from[k][i], ring, count, points_at(f, k, i, ring));
        for (int k = 0; k < 3; k++)
            if (f->wanted[k])
                multiply_rings(f, k, ring, count);
    }
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; f->wanted[k] && i < g->signals[k]; i++)
            to_coefficients(form, &g->of[k][i],
                            form->separable ? f->base + f->at.back[k][i] : product_at(f, k, i, 0),
                            out[k], g->signals[k] > 1);
}

/* ---- a tile */

/* Packs operands and factors; first: what later tiles share is not there yet. */
static void pack_operands(const frame *f, spot s, bool first)
{
    for (int k = 0; k < 3; k++) {
        if (f->needed[k] && (first || !f->shared[k]))
            pack(f, k, s, f->base + f->at.in[k]);
        if (f->factors && f->r->sw)
            pack_factors(f, k, s);
    }
}

/* Tile i of those packed together, which is tile d of its row; with factors: operands times them,
   their gradients, results times them. */
static void run_tile(const frame *f, size_t i, size_t d, bool first)
{
    const e3tp_grid_plan *g = f->plan;
    const e3tp_problem *p = g->base.problem;
    const real *in[3], *w[3];
    real *out[3];
    bool fresh[3];
    for (int k = 0; k < 3; k++) {
        const size_t size = g->components[k] * T;
        in[k] = f->base + f->at.in[k] + (f->shared[k] ? 0 : i * size);
        out[k] = f->base + f->at.out[k] + i * size;
        w[k] = f->base + f->at.w[k] + (f->r->sw ? i : d) * p->nblocks[k] * T;
        fresh[k] = f->needed[k] && (first || !f->shared[k]);
        if (f->wanted[k] && g->clear[k])
            memset(out[k], 0, size * sizeof(real));
        if (f->factors && fresh[k]) {
            kernels.weigh(p->nblocks[k], g->d[k], w[k], in[k], f->base + f->at.scaled[k]);
            in[k] = f->base + f->at.scaled[k];
        }
    }
    multiply_tile(f, in, out, fresh);
    for (int k = 0; k < 3; k++) {
        if (f->gradients)
            kernels.overlap(p->nblocks[k], g->d[k],
                            f->base + f->at.in[k] + (f->shared[k] ? 0 : i * g->components[k] * T),
                            out[k], f->base + f->at.gw[k] + i * p->nblocks[k] * T);
        if (f->wanted[k] && f->factors)
            kernels.weigh(p->nblocks[k], g->d[k], w[k], out[k], out[k]);
    }
}

static void run_tiles(const frame *f, spot s, bool first)
{
    const size_t rows = f->plan->row_step, tiles = (s.n + rows - 1) / rows * s.nd;
    pack_operands(f, s, first);
    for (size_t i = 0; i < tiles; i++)
        run_tile(f, i, s.d + i % s.nd, first && i == 0);
    for (int k = 0; k < 3; k++) {
        if (f->gradients)
            unpack_factors(f, k, s);
        if (f->to[k])
            unpack(f, k, s, f->base + f->at.out[k]);
    }
}

static void set_frame(frame *f, const e3tp_grid_plan *g, e3tp_pass pass, const e3tp_rows *r)
{
    const bool back = pass == E3TP_BACKWARD;
    const void *const from[3] = {r->x, r->y, r->gz};
    void *const to[3] = {back ? r->gx : NULL, back ? r->gy : NULL, back ? NULL : r->z};
    const ptrdiff_t stride[3] = {r->sx, r->sy, r->sz};
    const int64_t *const index[3] = {r->ix, r->iy, NULL};
    f->plan = g;
    f->r = r;
    f->at = e3tp_grid_lay_out(g);
    f->factors = g->base.problem->factor_weights;
    f->gradients = f->factors && back && r->gw;
    for (int k = 0; k < 3; k++) {
        set_memory(f, k, stride[k], index[k]);
        f->from[k] = from[k], f->to[k] = to[k];
        f->wanted[k] = to[k] || f->gradients;
        f->shared[k] = stride[k] == 0 && (!f->factors || r->sw == 0);
    }
    f->shared[2] = f->shared[2] && back;
    f->in_place = back ? -1 : !f->shared[0] && g->terms == 1 ? 0 : !f->shared[1] ? 1 : -1;
    for (int k = 0; k < 3; k++)
        f->needed[k] =
            (k != 0 && f->wanted[0]) || (k != 1 && f->wanted[1]) || (k != 2 && f->wanted[2]);
}

/* Row after row; where an operand is shared, tile d of all rows before the next. */
static void run_rows(const frame *f)
{
    const e3tp_grid_plan *g = f->plan;
    const bool shared = f->shared[0] || f->shared[1] || f->shared[2];
    const size_t nd = shared ? 1 : fewer(g->together, g->group_tiles),
                 n = g->together / nd * g->row_step, all = f->r->n;
    for (size_t outer = 0; outer < (shared ? g->group_tiles : all); outer += shared ? 1 : n)
        for (size_t inner = 0; inner < (shared ? all : g->group_tiles); inner += shared ? n : nd) {
            const size_t row = shared ? inner : outer, d = shared ? outer : inner;
            run_tiles(f, (spot){row, fewer(n, all - row), d, fewer(nd, g->group_tiles - d)},
                      row == 0);
        }
}

static void run(const void *plan, e3tp_pass pass, const e3tp_rows *r, void *scratch)
{
    const e3tp_grid_plan *g = plan;
    if (!g->base.problem->channels)
        return;
    frame f;
    set_frame(&f, g, pass, r);
    f.base = scratch;
    for (int k = 0; k < 3 && f.factors && !r->sw; k++)
        pack_factors(&f, k, (spot){0, fewer(r->n, g->row_step), 0, g->group_tiles});
    run_rows(&f);
}

const e3tp_grid_runner E3TP_NAME(e3tp_grid_runner) = {run};
