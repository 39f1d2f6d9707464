/* SPDX-License-Identifier: MIT */
/* The walk over rows, compiled once per tier and real. Exports one const struct. */
#include "problem/signal_tiles.h"

#include <string.h>

#include "simd/name.h"

enum { T = 64 / sizeof(real) };

#define tiles E3TP_NAME(e3tp_tile_kernels)

/* An operand, its gradient or result as the caller holds them: in blocks, or as one where all
   components of a channel are equally far apart. The components of a lane tile stand in their
   order. */
typedef struct memory {
    e3tp_tile_map map[E3TP_MOST_HARMONICS];
    size_t start[E3TP_MOST_HARMONICS], n;
} memory;

/* Lane tiles that are packed together. */
typedef e3tp_tile_spot spot;

typedef struct frame {
    const e3tp_signal_tiles *s;
    const e3tp_rows *r;
    real *base;                  /* scratch */
    memory *of;                  /* [3] */
    const real *from[3];         /* x, y, gz */
    const real *moved[3];        /* tangents of x and y, or NULL */
    real *to[3];                 /* gx, gy, z */
    e3tp_signal_call call;       /* with gradients of the factors all results are wanted */
    bool factors, gradients;     /* of factor weights */
    bool common;                 /* y has one tile for all channels */
    size_t terms;                /* of the sum of products */
    size_t w_tile[3], w_term[3]; /* packed factors of a tile, from a term to the next */
} frame;

/* Whether operand k has one tile for all those of a row (lanes over rows: of T rows). */
static bool is_common(const frame *f, int k)
{
    return k == 1 && f->common;
}

static void set_memory(frame *f, int k, ptrdiff_t stride, const int64_t *index)
{
    const e3tp_problem *p = f->s->problem;
    const bool joined = e3tp_packs_as_one(p, k);
    memory *m = &f->of[k];
    m->n = joined ? 1 : p->nblocks[k];
    for (size_t i = 0; i < m->n; i++)
        m->map[i] = e3tp_operand_map(p, k, &p->blocks[k][i], stride, f->r->n, index, &m->start[i]);
    if (joined)
        m->map[0].d = f->s->components[k];
    for (size_t i = 0; i < m->n && is_common(f, k); i++) {
        m->map[i].channel = 0;
        m->map[i].mul = f->s->lanes == E3TP_LANES_CHANNELS ? T : 1;
    }
}

/* Where the tiles of operand k are that serve those at `here`. */
static spot spot_of(const frame *f, int k, spot here)
{
    return is_common(f, k) ? (spot){here.row, here.n, 0, 1} : here;
}

static size_t fewer(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* An operand, or its tangent. */
static void pack(const frame *f, int k, spot here, const real *from, real *to)
{
    const memory *of = &f->of[k];
    for (size_t i = 0; i < of->n; i++) {
        size_t at = of->start[i];
        const e3tp_tile_map m = e3tp_tile_part(of->map[i], f->s->lanes, T, here, &at);
        tiles.pack(&m, f->s->lanes, from + at, to, f->s->lines[k] * T);
        to += m.d * T;
    }
}

static void pack_operand(const frame *f, int k, spot all)
{
    const spot here = spot_of(f, k, all);
    real *to = f->base + f->s->in[k];
    pack(f, k, here, f->from[k], to);
    if (f->call.tangent[k])
        pack(f, k, here, f->moved[k], to + f->s->components[k] * T);
}

/* Of results: they are not gathered. */
static e3tp_tile_map results_of(e3tp_tile_map m)
{
    m.index = NULL;
    return m;
}

/* The gradient of a common y, complete with the last tile of a row. */
static void unpack_common(const frame *f, spot here)
{
    const memory *of = &f->of[1];
    real *from = f->base + f->s->out[1];
    if (here.d + here.nd < f->s->group_tiles)
        return;
    for (size_t i = 0; i < of->n; i++) {
        size_t at = of->start[i];
        const e3tp_tile_map m =
            e3tp_tile_part(results_of(of->map[i]), f->s->lanes, T, spot_of(f, 1, here), &at);
        tiles.sum_channels(&m, f->s->lanes, from, f->s->components[1] * T, f->to[1] + at);
        from += m.d * T;
    }
}

/* The reverse; where one row serves all, the sum over rows is added to it. */
static void unpack(const frame *f, int k, spot here)
{
    const memory *of = &f->of[k];
    const real *from = f->base + f->s->out[k];
    for (size_t i = 0; i < of->n; i++) {
        size_t at = of->start[i];
        const e3tp_tile_map m = e3tp_tile_part(results_of(of->map[i]), f->s->lanes, T, here, &at);
        (m.row ? tiles.unpack : tiles.sum)(&m, f->s->lanes, from, f->s->components[k] * T,
                                           f->to[k] + at);
        from += m.d * T;
    }
}

/* Factors of operand k as a block of one component per term and degree. */
static e3tp_tile_map factors_of(const frame *f, int k, const int64_t *index, spot here, size_t *at)
{
    const e3tp_problem *p = f->s->problem;
    *at = e3tp_problem_factors(p, 0, k);
    const e3tp_tile_map all = {(size_t)f->r->sw,
                               1,
                               p->channels,
                               index,
                               f->r->n,
                               p->channels,
                               e3tp_problem_terms(p, k) * p->nblocks[k]};
    return e3tp_tile_part(all, f->s->lanes, T, here, at);
}

static void pack_factors(const frame *f, int k, spot here)
{
    size_t at;
    const e3tp_tile_map m = factors_of(f, k, f->r->iw, here, &at);
    tiles.pack(&m, f->s->lanes, (const real *)f->r->w + at, f->base + f->s->w[k], m.d * T);
}

static void unpack_factors(const frame *f, int k, spot here)
{
    size_t at;
    const e3tp_tile_map m = factors_of(f, k, NULL, here, &at);
    (m.row ? tiles.unpack : tiles.sum)(&m, f->s->lanes, f->base + f->s->gw[k], m.d * T,
                                       (real *)f->r->gw + at);
}

/* Packs operands and factors; first: what later tiles share is not there yet. */
static void pack_operands(const frame *f, spot here, bool first)
{
    for (int k = 0; k < 3; k++) {
        if (f->call.needed[k] && (is_common(f, k) ? here.d == 0 : first || !f->call.shared[k]))
            pack_operand(f, k, here);
        if (f->factors && f->r->sw)
            pack_factors(f, k, here);
    }
}

/* Packed tile of operand k that serves tile i of those at `here`. */
static size_t tile_of(const frame *f, int k, spot here, size_t i)
{
    return is_common(f, k) ? i / here.nd : f->call.shared[k] ? 0 : i;
}

/* A term of the sum on packed tiles, one or as many as the plan takes, the first of which is tile d
   of its row, and where things are: operands, factors, their gradients and results. */
typedef struct tile {
    size_t count, d, term;
    bool first; /* of those that share operands */
    const real *own[3], *w[3][E3TP_SIGNAL_AT_ONCE];
    real *gw[3], *out[3];
} tile;

/* Elements from a tile of operand k to the next, and of result k. */
static size_t operand_step(const frame *f, int k)
{
    return f->s->lines[k] * T;
}

static size_t result_step(const frame *f, int k)
{
    return f->s->components[k] * T;
}

static void set_tile(const frame *f, spot here, size_t i, tile *t)
{
    const e3tp_signal_tiles *s = f->s;
    t->d = here.d + i % here.nd;
    for (int k = 0; k < 3; k++) {
        const size_t to = is_common(f, k) ? i / here.nd : i;
        t->own[k] = f->base + s->in[k] + tile_of(f, k, here, i) * operand_step(f, k);
        t->out[k] = f->base + s->out[k] + to * result_step(f, k);
        for (size_t j = 0; j < t->count; j++)
            t->w[k][j] =
                f->base + s->w[k] + (f->r->sw ? i + j : here.d + (i + j) % here.nd) * f->w_tile[k];
        t->gw[k] = f->base + s->gw[k] + i * f->w_tile[k];
    }
}

/* Whether something is in result k already: a term's, or of a common y that of the tiles of the row
   before. */
static bool is_begun(const frame *f, const tile *t, int k)
{
    return t->term > 0 || (is_common(f, k) && t->d > 0);
}

static bool is_fresh(const frame *f, const tile *t, int k)
{
    if (!f->call.needed[k] || (t->term > 0 && f->call.joins[k]))
        return false;
    return is_common(f, k) ? t->d == 0 || f->factors
                           : t->first || !f->call.shared[k] || f->terms > 1;
}

/* gz with factors common to all terms stays for these. */
static void set_turn(const frame *f, const tile *t, e3tp_signal_call *call)
{
    const bool last = f->factors ? t->term + 1 == f->terms : t->d + 1 == f->s->group_tiles;
    for (int k = 0; k < 3; k++) {
        call->adds[k] = call->joins[k] && is_begun(f, t, k);
        call->ends[k] = call->wanted[k] && (!call->joins[k] || last);
    }
    call->shared[2] = call->shared[2] || call->joins[2];
}

/* Gradients of factors; results times them, stored or added. */
static void end_factors(const frame *f, const tile *t, const e3tp_signal_call *call,
                        real *const part[3])
{
    const e3tp_signal_tiles *s = f->s;
    for (int k = 0; k < 3; k++)
        for (size_t j = 0; j < t->count && call->ends[k]; j++) {
            const size_t n = s->problem->nblocks[k], at = j * result_step(f, k);
            if (f->gradients)
                tiles.overlap(n, s->d[k], t->own[k] + j * operand_step(f, k), part[k] + at,
                              t->gw[k] + j * f->w_tile[k]);
            tiles.weigh(n, s->d[k], t->w[k][j], part[k] + at, t->out[k] + at, part[k] != t->out[k]);
        }
}

/* Factors of an operand into it. */
static void scale_operand(const frame *f, const tile *t, int k)
{
    for (size_t j = 0; j < t->count; j++)
        tiles.weigh(f->s->problem->nblocks[k], f->s->d[k], t->w[k][j],
                    t->own[k] + j * operand_step(f, k),
                    f->base + f->s->scaled[k] + j * operand_step(f, k), false);
}

/* With factors: of operands times them. */
static void run_term(const frame *f, const tile *t)
{
    const e3tp_signal_tiles *s = f->s;
    e3tp_signal_call call = f->call;
    const real *in[3];
    real *part[3];
    bool fresh[3];
    set_turn(f, t, &call);
    call.count = t->count;
    for (int k = 0; k < 3; k++) {
        in[k] = f->factors ? f->base + s->scaled[k] : t->own[k];
        part[k] = call.joins[k] || !is_begun(f, t, k) ? t->out[k] : f->base + s->part[k];
        fresh[k] = is_fresh(f, t, k);
        if (call.wanted[k] && s->idle[k] && !call.adds[k])
            memset(part[k], 0, t->count * result_step(f, k) * sizeof(real));
        if (f->factors && fresh[k])
            scale_operand(f, t, k);
    }
    s->tile(s->plan, &call, (const void *const[3]){in[0], in[1], in[2]},
            (void *const[3]){part[0], part[1], part[2]}, fresh, f->base);
    if (call.square && f->to[1] && !call.wanted[1])
        memcpy(t->out[1], t->out[0], t->count * result_step(f, 1) * sizeof(real));
    if (f->factors)
        end_factors(f, t, &call, part);
}

/* Tile i of those packed, and `count` in all from it on. */
static void run_tile(const frame *f, spot here, size_t i, size_t count, bool first)
{
    tile t = {.count = count, .first = first};
    set_tile(f, here, i, &t);
    for (; t.term < f->terms; t.term++) {
        run_term(f, &t);
        for (int k = 0; k < 3; k++) {
            for (size_t j = 0; j < count; j++)
                t.w[k][j] += f->w_term[k];
            t.gw[k] += f->w_term[k];
        }
    }
}

/* Whether one row of some operand serves all: tiles go by channels then. */
static bool is_shared(const frame *f)
{
    return !f->common && (f->call.shared[0] || f->call.shared[1] || f->call.shared[2]);
}

/* n packed tiles at once. */
static void run_packed(const frame *f, size_t n)
{
    const e3tp_signal_tiles *s = f->s;
    e3tp_signal_span span = {.step = {T, T, T}, .count = n};
    for (int k = 0; k < 3; k++) {
        span.in[k] = f->base + s->in[k];
        span.out[k] = f->base + s->out[k];
        span.tile[k] = s->components[k] * T;
    }
    s->span(s->plan, &f->call, &span, f->base);
}

static void run_tiles(const frame *f, spot here, bool first)
{
    const size_t rows = f->s->row_step, n = (here.n + rows - 1) / rows * here.nd;
    const bool shared = is_shared(f);
    pack_operands(f, here, first);
    if (f->s->span && !f->factors && !f->common && !shared)
        run_packed(f, n);
    else
        for (size_t i = 0, now; i < n; i += now) {
            now = f->common || shared ? 1 : fewer(f->s->at_once, n - i);
            run_tile(f, here, i, now, first && i == 0);
        }
    for (int k = 0; k < 3; k++) {
        if (f->gradients)
            unpack_factors(f, k, here);
        if (f->to[k] && is_common(f, k))
            unpack_common(f, here);
        else if (f->to[k])
            unpack(f, k, here);
    }
}

/* Whether lanes of what a call reads and writes for operand k are adjacent, its components equally
   far apart, and none of its results summed. A common y is packed for its row. */
static bool lies_in_lines(const frame *f, int k)
{
    const e3tp_tile_map *m = &f->of[k].map[0];
    if (!f->call.needed[k] && !f->call.wanted[k])
        return true;
    if (is_common(f, k))
        return f->s->lanes == E3TP_LANES_CHANNELS && f->s->problem->channels % T == 0 &&
               (!f->call.wanted[k] || f->call.joins[k]);
    if (f->of[k].n != 1 || m->index)
        return false;
    return f->s->lanes == E3TP_LANES_ROWS ? m->row == 1
                                          : m->channel == 1 && (m->row || !f->call.wanted[k]);
}

/* Factors of rows are lines where lanes are channels; their gradients take operands apart. */
static bool has_factors_in_lines(const frame *f)
{
    return f->s->lanes == E3TP_LANES_CHANNELS && !f->r->iw && !f->gradients;
}

static bool runs_in_place(const frame *f)
{
    return f->s->span && (!f->factors || has_factors_in_lines(f)) && lies_in_lines(f, 0) &&
           lies_in_lines(f, 1) && lies_in_lines(f, 2);
}

/* What all rows have in common. */
static void set_span(const frame *f, size_t whole, e3tp_signal_span *span)
{
    *span = (e3tp_signal_span){.count = whole, .w_step = f->s->problem->channels};
    for (int k = 0; k < 3; k++) {
        span->step[k] = f->of[k].map[0].component;
        span->tile[k] = T;
    }
    if (f->common) {
        span->step[1] = T;
        span->tile[1] = 0;
    }
}

/* Whole tiles of row i or, with lanes over rows, of channel i, term after term. */
static void run_span(frame *f, size_t i, e3tp_signal_span *span)
{
    for (int k = 0; k < 3; k++) {
        const e3tp_tile_map *m = &f->of[k].map[0];
        const size_t at =
            f->of[k].start[0] + i * (f->s->lanes == E3TP_LANES_ROWS ? m->channel : m->row);
        span->in[k] = f->call.needed[k] ? f->from[k] + at : NULL;
        span->out[k] = f->call.wanted[k] ? f->to[k] + at : NULL;
    }
    if (f->common) {
        span->in[1] = f->base + f->s->in[1];
        span->out[1] = f->base + f->s->out[1];
    }
    if (f->common && f->call.needed[1])
        pack_operand(f, 1, (spot){i, 1, 0, 1});
    for (size_t term = 0; term < f->terms; term++) {
        for (int k = 0; k < 3; k++) {
            f->call.adds[k] = term > 0;
            if (f->factors)
                span->w[k] = (const real *)f->r->w + i * (size_t)f->r->sw +
                             e3tp_problem_factors(f->s->problem, term, k);
        }
        f->s->span(f->s->plan, &f->call, span, f->base);
    }
    if (f->common && f->call.wanted[1])
        unpack_common(f, (spot){i, 1, 0, span->count});
}

/* Lanes that fill no tile are packed. */
static void run_in_place(frame *f)
{
    const e3tp_signal_tiles *s = f->s;
    const size_t rows = f->r->n, C = s->problem->channels;
    const bool by_rows = s->lanes == E3TP_LANES_ROWS;
    const size_t lanes = by_rows ? rows : C, whole = lanes / T, left = lanes % T;
    e3tp_signal_span span;
    set_span(f, whole, &span);
    for (size_t i = 0; i < (by_rows ? C : rows) && whole; i++)
        run_span(f, i, &span);
    if (!left)
        return;
    for (size_t i = 0; i < (by_rows ? C : rows); i += s->together) {
        const size_t n = fewer(s->together, (by_rows ? C : rows) - i);
        run_tiles(f, by_rows ? (spot){whole * T, left, i, n} : (spot){i, n, whole, 1}, true);
    }
}

/* Row after row; where an operand is shared, tile d of all rows before the next. */
static void run_rows(const frame *f)
{
    const e3tp_signal_tiles *s = f->s;
    const bool shared = is_shared(f);
    const size_t nd = shared ? 1 : fewer(s->together, s->group_tiles),
                 n = s->together / nd * s->row_step, all = f->r->n;
    for (size_t outer = 0; outer < (shared ? s->group_tiles : all); outer += shared ? 1 : n)
        for (size_t inner = 0; inner < (shared ? all : s->group_tiles); inner += shared ? n : nd) {
            const size_t row = shared ? inner : outer, d = shared ? outer : inner;
            run_tiles(f, (spot){row, fewer(n, all - row), d, fewer(nd, s->group_tiles - d)},
                      row == 0);
        }
}

/* No channels: the sum over them. */
static void clear_common(const frame *f)
{
    const size_t step = f->s->row_step;
    memset(f->base + f->s->out[1], 0, f->s->components[1] * T * sizeof(real));
    for (size_t row = 0; row < f->r->n; row += step)
        unpack_common(f, (spot){row, fewer(step, f->r->n - row), 0, 0});
}

static void set_factors(frame *f)
{
    const e3tp_problem *p = f->s->problem;
    for (int k = 0; k < 3; k++) {
        const size_t terms = e3tp_problem_terms(p, k), term = p->nblocks[k] * T;
        f->w_tile[k] = terms * term;
        f->w_term[k] = terms > 1 ? term : 0;
    }
}

static void set_call(e3tp_signal_call *c, const frame *f, bool back, const ptrdiff_t stride[3])
{
    c->back = back;
    for (int k = 0; k < 3; k++)
        c->wanted[k] = f->to[k] || f->gradients;
    for (int k = 0; k < 3; k++) {
        c->needed[k] = ((k != 0 || f->s->powers) && c->wanted[0]) || (k != 1 && c->wanted[1]) ||
                       (k != 2 && c->wanted[2]);
        c->shared[k] = f->common
                           ? k == 1 && !f->factors
                           : (k < 2 || back) && stride[k] == 0 && (!f->factors || f->r->sw == 0);
        c->tangent[k] = f->moved[k] && c->needed[k];
    }
    for (int k = 0; k < 3; k++)
        c->joins[k] = e3tp_signal_joins(f->s->problem, k);
    if (c->square) {
        c->needed[0] = c->needed[0] || c->needed[1];
        c->needed[1] = false;
        c->wanted[1] = c->wanted[1] && !c->wanted[0];
    }
}

/* Where tiles are packed, and no factors make of x what y is not. */
static bool is_square(const e3tp_signal_tiles *s, const e3tp_rows *r)
{
    return s->symmetric && !s->span && !s->problem->factor_weights && r->x == r->y &&
           r->sx == r->sy && r->ix == r->iy;
}

static void run(const e3tp_signal_tiles *s, e3tp_pass pass, const e3tp_rows *r,
                const e3tp_tangents *t, void *scratch)
{
    const bool back = pass != E3TP_FORWARD;
    const ptrdiff_t stride[3] = {r->sx, r->sy, r->sz};
    const int64_t *const index[3] = {r->ix, r->iy, NULL};
    memory of[3]; /* large: clearing it would take as long as a small call */
    frame f = {.s = s,
               .r = r,
               .base = scratch,
               .of = of,
               .from = {r->x, r->y, r->gz},
               .moved = {t ? t->x : NULL, t ? t->y : NULL, NULL},
               .to = {back ? r->gx : NULL, back ? r->gy : NULL, back && !t ? NULL : r->z},
               .call = {.second = t != NULL, .square = is_square(s, r)},
               .factors = s->problem->factor_weights,
               .common = s->problem->common_y,
               .terms = s->problem->rank};
    f.gradients = f.factors && back && r->gw;
    for (int k = 0; k < 3; k++)
        set_memory(&f, k, stride[k], index[k]);
    set_call(&f.call, &f, back, stride);
    set_factors(&f);
    if (!s->problem->channels) {
        if (f.common && f.to[1])
            clear_common(&f);
        return;
    }
    const bool in_place = runs_in_place(&f), packs = !in_place || s->problem->channels % T;
    for (int k = 0; k < 3 && f.factors && !r->sw && packs; k++)
        pack_factors(&f, k, (spot){0, fewer(r->n, s->row_step), 0, s->group_tiles});
    if (in_place)
        run_in_place(&f);
    else
        run_rows(&f);
}

#define STRUCT_(r) e3tp_signal_tiles_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL)
    E3TP_NAME(e3tp_signal_tiles_kernels) = {E3TP_SIGNAL_TILES_KERNELS(MEMBER, real)};
