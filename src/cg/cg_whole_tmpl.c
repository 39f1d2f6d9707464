/* SPDX-License-Identifier: MIT */
/* Whole products of irreps by one kernel, on operands and results where the caller has them or
   packed. */
#include "cg/cg_frame.h"
#include "simd/vec.h"

#define WHOLES_(r) e3tp_cg_wholes_##r
#define WHOLES(r) WHOLES_(r)
#define WHOLE_(r) e3tp_cg_whole_##r
#define WHOLE(r) WHOLE_(r)
#define LINES_(r) e3tp_cg_lines_##r
#define LINES(r) LINES_(r)

#define EACH_L(X) X(1) X(2) X(3) X(4)
#define DECLARE(l) extern const WHOLES(E3TP_REAL) E3TP_NAME(e3tp_cg_whole_l##l);
#define ENTRY(l) [l] = &E3TP_NAME(e3tp_cg_whole_l##l),
EACH_L(DECLARE)
static const WHOLES(E3TP_REAL) *const kernels[E3TP_CG_WHOLE_LMAX + 1] = {EACH_L(ENTRY)};

static WHOLE(E3TP_REAL) * kernel_of(const e3tp_cg_whole_product *w)
{
    return w->lmax > 0 ? kernels[w->lmax]->of[w->set] : NULL;
}

/* Tiles of an operand or result by two counts: of rows and of channels. */
typedef struct places {
    real *v;
    size_t step, by_rows, by_channels;
} places;

static size_t row_tiles(const frame *f)
{
    return f->plan->lanes == E3TP_LANES_ROWS ? (f->n + T - 1) / T : f->n;
}

static size_t channel_tiles(const frame *f, int k)
{
    const size_t mul = f->p->blocks[k][0].mul;
    return f->plan->lanes == E3TP_LANES_ROWS ? mul : (mul + T - 1) / T;
}

static const void *memory_of(const frame *f, int k)
{
    return k == 0 ? f->r->x : k == 1 ? f->r->y : f->r->z;
}

static e3tp_tile_map map_of(const frame *f, int k, size_t *start)
{
    const e3tp_rows *r = f->r;
    const ptrdiff_t stride[3] = {r->sx, r->sy, r->sz};
    const int64_t *const index[3] = {r->ix, r->iy, NULL};
    return e3tp_operand_map(f->p, k, &f->p->blocks[k][0], stride[k], f->n, index[k], start);
}

/* Components so far apart fall on one set of a first-level cache, which holds few of them. Results
   written to packed tiles first take 0.7 to 0.95 of the time, operands only if they are many (more
   than to degree 3). */
static bool share_a_set(const frame *f, int k, size_t step)
{
    const size_t components = f->plan->packed[k].stride[0] / T;
    return step * sizeof(real) % 4096 == 0 && (k == 2 || components > 16);
}

bool E3TP_NAME(e3tp_cg_lies_in_lines)(const frame *f, int k)
{
    size_t start;
    const e3tp_tile_map m = map_of(f, k, &start);
    if (!e3tp_packs_as_one(f->p, k) || m.index || (k == 2 && f->r->sz == 0) ||
        share_a_set(f, k, m.component))
        return false;
    return f->plan->lanes == E3TP_LANES_ROWS ? m.row == 1 && f->n % T == 0
                                             : m.channel == 1 && m.mul % T == 0;
}

/* Where one channel serves all, tiles of other channels lie in the same place. */
static places places_of(const frame *f, int k)
{
    const bool by_rows = f->plan->lanes == E3TP_LANES_ROWS;
    const bool one = channel_tiles(f, k) < channel_tiles(f, 0);
    if (!f->in_place[k]) {
        const e3tp_packed *q = &f->plan->packed[k];
        return (places){f->v[k] + q->at[0], T, channel_tiles(f, k) * q->stride[0],
                        one ? 0 : q->stride[0]};
    }
    size_t start;
    const e3tp_tile_map m = map_of(f, k, &start);
    const size_t next = by_rows ? m.channel : T;
    return (places){(real *)(uintptr_t)memory_of(f, k) + start, m.component, by_rows ? T : m.row,
                    one ? 0 : next};
}

static LINES(E3TP_REAL) lines_of(const places *p, size_t i, bool inner_is_rows)
{
    return (LINES(E3TP_REAL)){.v = p->v + i * (inner_is_rows ? p->by_channels : p->by_rows),
                              .step = p->step,
                              .tile = inner_is_rows ? p->by_rows : p->by_channels};
}

bool E3TP_NAME(e3tp_cg_has_whole)(const e3tp_cg_whole_product *w)
{
    return kernel_of(w) != NULL;
}

/* A call goes over the tiles of a row, or where these are few, over all rows of a tile. */
void E3TP_NAME(e3tp_cg_whole)(const frame *f)
{
    enum { FEW = 4 };
    const places x = places_of(f, 0), y = places_of(f, 1), z = places_of(f, 2);
    const size_t rows = row_tiles(f), channels = channel_tiles(f, 0), step = f->p->npaths * T;
    const bool inner_is_rows = channels < FEW;
    WHOLE(E3TP_REAL) *const run = kernel_of(&f->plan->whole_product);
    const size_t w_by_rows = e3tp_cg_one_line(f) ? 0 : channels * step;
    for (size_t i = 0; i < (inner_is_rows ? channels : rows); i++) {
        const LINES(E3TP_REAL) xs = lines_of(&x, i, inner_is_rows),
                               ys = lines_of(&y, i, inner_is_rows),
                               zs = lines_of(&z, i, inner_is_rows);
        run(inner_is_rows ? rows : channels, &xs, &ys,
            f->lw + i * (inner_is_rows ? step : w_by_rows), inner_is_rows ? w_by_rows : step, &zs,
            &f->plan->whole_product.results);
    }
}
