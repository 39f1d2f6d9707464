/* SPDX-License-Identifier: MIT */
/* A block of rows: packs operands into tiles, runs the paths, unpacks. Compiled once per tier and
   real; exports one const struct. */
#include <string.h>

#include "cg/cg_frame.h"

#define kernels E3TP_NAME(e3tp_cg_kernels)
#define tiles E3TP_NAME(e3tp_tile_kernels)
#define packing E3TP_NAME(e3tp_packed_kernels)

static void pack(const frame *f, int k, const void *from, ptrdiff_t stride, const int64_t *index)
{
    packing.pack(&f->plan->packed[k], f->p, k == 3 ? 1 : k, f->n, from, stride, index, f->own[k]);
}

static void unpack(const frame *f, int k, real *from, void *to, ptrdiff_t stride)
{
    packing.unpack(&f->plan->packed[k], f->p, k == 3 ? 1 : k, f->n, from, to, stride, f->r->past);
}

static void clear(const frame *f, real *packed, int k)
{
    const size_t rows = k == 2 && f->sum ? 1 : f->n;
    packing.clear(&f->plan->packed[k], f->p, k == 3 ? 1 : k, rows, packed);
}

/* Clears the blocks of z, gx or gy that paths add to; no member is the first to write them. */
static void clear_added(const frame *f, real *packed, int k)
{
    const e3tp_packed *q = &f->plan->packed[k];
    const size_t rows = k == 2 && f->sum ? 1 : f->n;
    for (size_t i = 0; i < f->p->nblocks[k]; i++) {
        const e3tp_block *b = &f->p->blocks[k][i];
        const size_t mul = q->copies ? q->copies : b->mul,
                     count = e3tp_tile_count(f->plan->lanes, T, rows, mul);
        for (size_t t = 0; t < count && !f->plan->written[k][i]; t++)
            memset(packed + q->at[i] + t * q->stride[i], 0,
                   (2 * (size_t)b->l + 1) * T * sizeof(real));
    }
}

/* ---- weights of the paths, as lines ---- */

typedef void line_visitor(const frame *f, const e3tp_tile_map *m, size_t element, real *line);

/* The weights of the run of paths that begins here, as an operand of `rows` rows with a component
   for each path; with shared y, where runs are one path long, a piece for each channel of y. */
static void visit_lines(const frame *f, size_t path, size_t rows, real *lines, line_visitor *visit)
{
    const e3tp_coupling *c = &f->p->paths[path];
    const e3tp_cg_path *q = &f->plan->path[path];
    if (!c->has_weight || !q->run || q->joined || (q->channels && c->mode == E3TP_UVW))
        return;
    const size_t parts = q->channels ? f->p->blocks[1][c->in2].mul : 1;
    const e3tp_tile_map m = {(size_t)f->r->sw,   parts, c->w_count, f->r->iw, rows,
                             c->w_count / parts, q->run};
    const size_t each = e3tp_tile_count(f->plan->lanes, T, rows, m.mul);
    for (size_t v = 0; v < parts; v++)
        visit(f, &m, c->w_offset + v, lines + (q->lines + v * each) * T);
}

static void pack_line(const frame *f, const e3tp_tile_map *m, size_t element, real *line)
{
    tiles.pack(m, f->plan->lanes, (const real *)f->r->w + element, line, m->d * T);
}

static void unpack_line(const frame *f, const e3tp_tile_map *m, size_t element, real *line)
{
    e3tp_tile_map own = *m;
    own.index = NULL;
    (m->row ? tiles.unpack : tiles.sum)(&own, f->plan->lanes, line, m->d * T,
                                        (real *)f->r->gw + element);
}

/* Multiplies the lines of a path by its coefficient. */
static void fold_coefficient(const frame *f, size_t path, size_t rows)
{
    const e3tp_coupling *c = &f->p->paths[path];
    const e3tp_cg_path *q = &f->plan->path[path];
    const size_t count = e3tp_tile_count(f->plan->lanes, T, rows, c->w_count);
    _Alignas(64) real line[T];
    for (size_t i = 0; i < T; i++)
        line[i] = (real)f->plan->order[E3TP_CG_TO_Z][q->member[E3TP_CG_TO_Z]].c;
    real *lw = f->lw + q->lines * T;
    kernels.scale(count, 1, lw, q->line_step * T, line, 0, lw, q->line_step * T);
}

static void pack_weights(const frame *f)
{
    if (f->plan->folded) {
        E3TP_NAME(e3tp_cg_pack_folded)(f);
        return;
    }
    const size_t group = f->plan->lanes == E3TP_LANES_ROWS ? T : 1;
    const size_t rows = e3tp_cg_one_line(f) ? group : f->n;
    for (size_t i = 0; i < f->p->npaths; i++)
        if (!e3tp_cg_reads_weights(f, i))
            visit_lines(f, i, rows, f->lw, pack_line);
    for (size_t i = 0; i < f->p->npaths; i++)
        if (f->p->paths[i].has_weight && e3tp_cg_folds(f, i))
            fold_coefficient(f, i, rows);
}

/* The kernels of uvw with shared y write straight to the caller's rows, or add to them. */
static void clear_weight_gradients(const frame *f)
{
    if (e3tp_cg_overwrites(f))
        return;
    memset(f->lgw, 0, f->plan->lines * T * sizeof(real));
    for (size_t i = 0; i < f->p->npaths; i++) {
        const e3tp_coupling *c = &f->p->paths[i];
        if (f->plan->path[i].channels && c->mode == E3TP_UVW)
            for (size_t r = 0; r < f->n && f->r->sw && f->second; r++)
                memset((real *)f->r->gw + (size_t)f->r->sw * r + c->w_offset, 0,
                       c->w_count * sizeof(real));
    }
}

static void unpack_weight_gradients(const frame *f)
{
    if (f->plan->folded) {
        E3TP_NAME(e3tp_cg_unpack_folded)(f);
        return;
    }
    for (size_t i = 0; i < f->p->npaths; i++)
        if (!e3tp_cg_writes_weights(f, i))
            visit_lines(f, i, f->n, f->lgw, unpack_line);
}

/* ---- factors of a product of signals ---- */

typedef void factor_visitor(const frame *f, const e3tp_tile_map *m, size_t element,
                            const e3tp_packed *q, size_t block, const real *from, real *to);

/* The factors of every block of operand k, of the term at hand: one line for each tile of the
   block. */
static void visit_factors(const frame *f, int k, factor_visitor *visit, const real *from, real *to)
{
    const e3tp_problem *p = f->p;
    size_t element = e3tp_problem_factors(p, f->term, k);
    const e3tp_tile_map m = {(size_t)f->r->sw, 1, 0, f->r->iw, f->n, p->channels, 1};
    for (size_t i = 0; i < p->nblocks[k]; i++, element += p->channels)
        visit(f, &m, element, &f->plan->packed[k], i, from, to);
}

static int components(const frame *f, const e3tp_packed *q, size_t block)
{
    return 2 * f->p->blocks[q - f->plan->packed][block].l + 1;
}

static size_t tile_count(const frame *f)
{
    return e3tp_tile_count(f->plan->lanes, T, f->n, f->p->channels);
}

static void scale_block(const frame *f, const e3tp_tile_map *m, size_t element,
                        const e3tp_packed *q, size_t block, const real *from, real *to)
{
    pack_line(f, m, element, f->lw);
    kernels.scale(tile_count(f), components(f, q, block), from + q->at[block], q->stride[block],
                  f->lw, T, to + q->at[block], q->stride[block]);
}

static void add_block(const frame *f, const e3tp_tile_map *m, size_t element, const e3tp_packed *q,
                      size_t block, const real *from, real *to)
{
    pack_line(f, m, element, f->lw);
    kernels.scale_add(tile_count(f), components(f, q, block), from + q->at[block], q->stride[block],
                      f->lw, T, to + q->at[block], q->stride[block]);
}

/* The gradient of factors: the operand without them times its gradient, summed over components. */
static void factor_block(const frame *f, const e3tp_tile_map *m, size_t element,
                         const e3tp_packed *q, size_t block, const real *from, real *to)
{
    memset(f->lgw, 0, tile_count(f) * T * sizeof(real));
    kernels.dot(tile_count(f), components(f, q, block), from + q->at[block], q->stride[block],
                to + q->at[block], q->stride[block], f->lgw, T);
    unpack_line(f, m, element, f->lgw);
}

/* ---- passes ---- */

static void channel_paths(const frame *f)
{
    if (!f->plan->y_rows)
        return;
    if (f->plan->folded) {
        E3TP_NAME(e3tp_cg_folded)(f);
        return;
    }
    E3TP_NAME(e3tp_cg_channels)(f);
    for (size_t i = 0; i < f->p->npaths; i++)
        if (f->plan->path[i].channels && f->p->paths[i].mode == E3TP_UVW && !e3tp_cg_rests(f, i))
            E3TP_NAME(e3tp_cg_connect)(f, i);
}

/* Those that are there. */
static void pack_operands(const frame *f)
{
    const e3tp_rows *r = f->r;
    if (r->x && !f->in_place[0])
        pack(f, 0, r->x, r->sx, r->ix);
    if (r->y && f->plan->y_lanes && !f->in_place[1])
        pack(f, 1, r->y, r->sy, r->iy);
    if (r->y && f->plan->y_rows)
        pack(f, 3, r->y, r->sy, r->iy);
    if (r->w && !f->p->factor_weights)
        pack_weights(f);
}

/* Adds the one packed row of sums to the caller's, by way of a row in scratch. */
static void unpack_sum(const frame *f, real *sums, real *row)
{
    const size_t dim = f->p->dim[2];
    real *z = f->r->z;
    frame one = *f;
    e3tp_rows kept = *f->r;
    kept.past = false;
    one.n = 1;
    one.r = &kept;
    unpack(&one, 2, sums, row, f->p->layout[2] == E3TP_BATCH_LAST ? 1 : (ptrdiff_t)dim);
    for (size_t i = 0; i < dim; i++)
        z[i] += row[i];
}

/* Packed z that kernels add to; a sum is stored by what comes first, unless paths are folded. */
static void begin_output(const frame *f, real *z)
{
    if (!e3tp_cg_packs_sum(f) || f->plan->folded)
        clear(f, z, 2);
}

static void end_output(const frame *f, real *z, real *row)
{
    if (f->sum)
        unpack_sum(f, z, row);
    else
        unpack(f, 2, z, f->r->z, f->r->sz);
}

/* x and y with the factors of the term. */
static void scale_operands(const frame *f)
{
    for (int k = 0; k < 2; k++)
        visit_factors(f, k, scale_block, f->own[k], f->v[k]);
}

/* Terms add up with factors common to all, or each with its own to the first. */
static void forward_terms(frame f)
{
    real *const z = f.v[2];
    const bool common = f.p->common_output;
    for (f.term = 0; f.term < f.p->rank; f.term++) {
        const bool more = f.term > 0;
        f.adds = common && more;
        f.v[2] = more && !common ? f.g[2] : z;
        scale_operands(&f);
        if (!f.adds)
            clear_added(&f, f.v[2], 2);
        E3TP_NAME(e3tp_cg_lanes)(&f, E3TP_CG_TO_Z);
        if (!common)
            visit_factors(&f, 2, more ? add_block : scale_block, f.v[2], z);
    }
    if (common)
        visit_factors(&f, 2, scale_block, z, z);
}

static void forward(const frame *f)
{
    pack_operands(f);
    if (f->direct) {
        if (e3tp_cg_packs_sum(f))
            begin_output(f, f->v[2]);
        channel_paths(f);
        if (e3tp_cg_packs_sum(f))
            end_output(f, f->v[2], f->g[2]);
        return;
    }
    if (f->p->factor_weights) {
        forward_terms(*f);
    } else if (f->whole) {
        E3TP_NAME(e3tp_cg_whole)(f);
    } else {
        clear_added(f, f->v[2], 2);
        E3TP_NAME(e3tp_cg_lanes)(f, E3TP_CG_TO_Z);
        channel_paths(f);
    }
    if (!f->in_place[2])
        end_output(f, f->v[2], f->g[2]);
}

static void lane_gradients(const frame *f, bool x, bool y)
{
    if (x)
        E3TP_NAME(e3tp_cg_lanes)(f, E3TP_CG_TO_X);
    if (y)
        E3TP_NAME(e3tp_cg_lanes)(f, E3TP_CG_TO_Y);
}

static void backward_paths(const frame *f)
{
    const e3tp_rows *r = f->r;
    if (r->gw)
        clear_weight_gradients(f);
    lane_gradients(f, r->gx || r->gw, r->gy);
    channel_paths(f);
    if (r->gw)
        unpack_weight_gradients(f);
}

/* gc needs z without factors, of a sum with common ones all of it. */
static void backward_output(const frame *f, bool first, bool last)
{
    frame z = *f;
    z.v[2] = f->g[2];
    if (first)
        clear(f, f->g[2], 2);
    E3TP_NAME(e3tp_cg_lanes)(&z, E3TP_CG_TO_Z);
    if (last)
        visit_factors(f, 2, factor_block, f->g[2], f->own[2]);
}

/* ga and gb need the gradients of the scaled operands, of which gradients g are made. */
static void backward_operands(const frame *f, real *const g[2])
{
    const e3tp_rows *r = f->r;
    const bool wanted[2] = {r->gx || r->gw, r->gy || r->gw};
    frame paths = *f; /* themselves: they have no weights */
    e3tp_rows rows = *r;
    rows.gw = NULL;
    rows.gx = f->g[0];
    paths.r = &rows;
    for (int k = 0; k < 2 && f->term > 0; k++)
        clear(f, f->g[k], k);
    lane_gradients(&paths, wanted[0], wanted[1]);
    for (int k = 0; k < 2; k++) {
        if (!wanted[k])
            continue;
        if (r->gw)
            visit_factors(f, k, factor_block, f->own[k], f->g[k]);
        visit_factors(f, k, f->term > 0 ? add_block : scale_block, f->g[k], g[k]);
    }
}

static void backward_terms(frame f)
{
    real *const g[2] = {f.g[0], f.g[1]};
    const bool common = f.p->common_output;
    for (f.term = 0; f.term < f.p->rank; f.term++) {
        const bool first = !common || f.term == 0, last = !common || f.term + 1 == f.p->rank;
        scale_operands(&f);
        if (f.r->gw)
            backward_output(&f, first, last);
        if (first)
            visit_factors(&f, 2, scale_block, f.own[2], f.v[2]);
        for (int k = 0; k < 2 && f.term > 0; k++)
            f.g[k] = f.part[k];
        backward_operands(&f, g);
    }
}

/* gy has two parts where paths of both kinds read y: adds the one in channels to the one in rows.
 */
static void join_y_gradients(const frame *f)
{
    const e3tp_packed *by_channel = &f->plan->packed[1], *by_row = &f->plan->packed[3];
    for (size_t i = 0; i < f->p->nblocks[1]; i++) {
        const e3tp_block *b = &f->p->blocks[1][i];
        const size_t mul = b->mul, d = 2 * (size_t)b->l + 1, each = (mul + T - 1) / T;
        for (size_t at = 0; at < f->n * mul * d; at++) {
            const size_t r = at / (mul * d), u = at / d % mul, m = at % d;
            const real *from = f->g[1] + by_channel->at[i] +
                               (r * each + u / T) * by_channel->stride[i] + m * T + u % T;
            real *to =
                f->g[3] + by_row->at[i] + (r / T * mul + u) * by_row->stride[i] + m * T + r % T;
            *to += *from;
        }
    }
}

static void unpack_y_gradient(const frame *f)
{
    const e3tp_rows *r = f->r;
    if (f->plan->y_rows && f->plan->y_lanes)
        join_y_gradients(f);
    if (f->plan->y_rows)
        unpack(f, 3, f->g[3], r->gy, r->sy);
    else
        unpack(f, 1, f->g[1], r->gy, r->sy);
}

/* One row that serves all is packed once where kernels take rows apart. */
static void pack_cotangent(const frame *f)
{
    frame some = *f;
    if (f->one_gz)
        some.n = 1;
    pack(&some, 2, f->r->gz, f->r->sz, NULL);
}

static void begin_gradients(const frame *f)
{
    if (!f->in_place[2])
        pack_cotangent(f);
    void (*const clear_lanes)(const frame *, real *, int) =
        e3tp_cg_is_backward(f) ? clear_added : clear;
    if (!e3tp_cg_leaves_unpacked(f, 0))
        clear_lanes(f, f->g[0], 0);
    clear_lanes(f, f->g[1], 1);
    clear(f, f->g[3], 3);
}

static void end_gradients(const frame *f)
{
    if (f->r->gx && !e3tp_cg_leaves_unpacked(f, 0))
        unpack(f, 0, f->g[0], f->r->gx, f->r->sx);
    if (f->r->gy)
        unpack_y_gradient(f);
}

static void backward(const frame *f)
{
    pack_operands(f);
    begin_gradients(f);
    if (f->p->factor_weights)
        backward_terms(*f);
    else
        backward_paths(f);
    end_gradients(f);
}

/* ---- second order ---- */

/* A product with tangents in place of some operands: what it adds to. The gradient by an operand
   does not depend on that operand, so that one term may replace x for gw and w for gx. */
typedef struct term {
    bool x, y, w; /* replaced */
    bool to_z, to_x, to_y, to_w;
} term;

static void run_term(const frame *own, const frame *tangent, term e)
{
    const e3tp_rows *t = tangent->r;
    if ((e.x && !t->x) || (e.y && !t->y) || (e.w && !t->w))
        return;
    e3tp_rows r = *own->r;
    r.w = (e.w ? tangent : own)->r->w;
    r.gx = e.to_x ? r.gx : NULL;
    r.gy = e.to_y ? r.gy : NULL;
    r.gw = e.to_w && own->p->weight_numel ? r.gw : NULL;
    frame f = *own;
    f.r = &r;
    f.weighted = e.w;
    f.v[0] = (e.x ? tangent : own)->v[0];
    f.v[1] = (e.y ? tangent : own)->v[1];
    f.v[3] = (e.y ? tangent : own)->v[3];
    f.lw = (e.w ? tangent : own)->lw;
    if (e.to_z && r.z) {
        f.v[2] = own->g[2];
        f.back = false;
        E3TP_NAME(e3tp_cg_lanes)(&f, E3TP_CG_TO_Z);
        channel_paths(&f);
    } else if (r.gx || r.gy || r.gw) {
        lane_gradients(&f, r.gx || r.gw, r.gy);
        channel_paths(&f);
    }
}

static void run_terms(const frame *own, const frame *tangent)
{
    const e3tp_rows *t = tangent->r;
    const term terms[] = {
        {.x = true, .to_z = true},
        {.y = true, .to_z = true},
        {.w = true, .to_z = true},
        {.x = t->x, .w = t->w, .to_x = t->w, .to_w = t->x},
        {.y = true, .to_x = true, .to_w = true},
        {.x = true, .to_y = true},
        {.w = true, .to_y = true},
    };
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        run_term(own, tangent, terms[i]);
}

/* Paths of shared y alone take all terms at once. */
static void run_direct(const frame *own)
{
    frame f = *own;
    if (f.r->gx || f.r->gy || f.r->gw)
        channel_paths(&f);
    f.v[2] = own->g[2];
    f.back = false;
    if (f.r->z)
        channel_paths(&f);
}

static void second_order(const frame *own, const frame *tangent)
{
    const e3tp_rows *r = own->r;
    const bool gradients = r->gx || r->gy || r->gw;
    pack_operands(own);
    pack_operands(tangent);
    const bool packs_z = r->z && !e3tp_cg_leaves_unpacked(own, 2) && !own->sum_direct;
    if (packs_z)
        begin_output(own, own->g[2]);
    if (gradients)
        begin_gradients(own);
    if (r->gw)
        clear_weight_gradients(own);
    if (own->direct)
        run_direct(own);
    else
        run_terms(own, tangent);
    if (packs_z)
        end_output(own, own->g[2], own->v[2]);
    if (r->gw)
        unpack_weight_gradients(own);
    if (gradients)
        end_gradients(own);
}

/* ---- */

static frame frame_of(const e3tp_cg_plan *plan, const e3tp_rows *r, real *at)
{
    const e3tp_cg_layout *s = &plan->scratch;
    frame f = {.plan = plan,
               .p = plan->problem,
               .r = r,
               .n = r->n,
               .lw = at + s->lines[0],
               .lgw = at + s->lines[1],
               .M = at + s->matrix[0],
               .turned_M = at + s->matrix[1],
               .mid = at + s->middle[0],
               .gmid = at + s->middle[1],
               .turned = at + s->turned,
               .components = at + s->components};
    for (int k = 0; k < 4; k++) {
        f.v[k] = at + s->v[k];
        f.g[k] = at + s->g[k];
        f.own[k] = f.v[k];
    }
    for (int k = 0; k < 2; k++)
        f.part[k] = at + s->part[k];
    return f;
}

/* Overlaps of folded paths load a vector for each multiplication or two: lines that no whole tiles
   make up, whose vectors lie in two lines of the cache, are packed for them. */
static void set_direct(frame *f)
{
    const bool direct = f->direct = f->plan->direct;
    const bool overlaps = f->back && f->plan->folded;
    const bool *reads = overlaps ? f->plan->whole : f->plan->ir_mul;
    f->in_place[0] = direct && reads[0] && !(f->r->ix && f->back);
    f->in_place[2] = direct && reads[2];
    f->one_gz = direct && f->back && f->r->sz == 0;
    f->z_past = f->r->past && ((uintptr_t)f->r->z | (uintptr_t)f->r->sz * sizeof(real)) % 64 == 0;
}

/* Factors are multiplied in place where operands are not read again. */
static void set_own(frame *f, real *at)
{
    const bool again = f->p->factor_weights && (f->back || f->p->rank > 1);
    for (int k = 0; k < 3 && again; k++)
        f->own[k] = at + f->plan->scratch.own[k];
}

static void set_whole(frame *f)
{
    f->whole = E3TP_NAME(e3tp_cg_has_whole)(&f->plan->whole_product);
    for (int k = 0; k < 3 && f->whole; k++)
        f->in_place[k] = E3TP_NAME(e3tp_cg_lies_in_lines)(f, k);
}

/* Whether one row of z is kept for all: where kernels take rows apart. */
static bool sums_rows(const e3tp_cg_plan *plan, const e3tp_rows *r)
{
    return r->z && r->sz == 0 && plan->y_rows && !plan->y_lanes;
}

static void run(const e3tp_cg_plan *plan, e3tp_pass pass, const e3tp_rows *r, void *scratch)
{
    frame f = frame_of(plan, r, scratch);
    f.sum = pass == E3TP_FORWARD && sums_rows(plan, r);
    f.sum_direct = f.sum && plan->direct && plan->ir_mul[2];
    f.back = pass == E3TP_BACKWARD;
    set_own(&f, scratch);
    set_direct(&f);
    if (pass == E3TP_FORWARD) {
        set_whole(&f);
        forward(&f);
    } else {
        backward(&f);
    }
    if (r->past || r->gw_past)
        v_stream_end();
}

static void second(const e3tp_cg_plan *plan, const e3tp_rows *r, const e3tp_tangents *t,
                   void *scratch)
{
    const e3tp_cg_layout *s = &plan->scratch;
    real *at = scratch;
    frame own = frame_of(plan, r, at);
    own.back = r->gx || r->gy || r->gw;
    own.second = true;
    own.sum = plan->direct && sums_rows(plan, r);
    own.sum_direct = own.sum && plan->ir_mul[2];
    set_direct(&own);
    frame tangent = own;
    e3tp_rows rows = *r;
    rows.x = t->x, rows.y = t->y, rows.w = t->w;
    tangent.r = &rows;
    for (int k = 0; k < 4; k++)
        tangent.v[k] = tangent.own[k] = at + s->t[k];
    tangent.lw = at + s->t_lines;
    if (own.direct)
        own.tangent = &tangent;
    second_order(&own, &tangent);
    if (r->past || r->gw_past)
        v_stream_end();
}

const e3tp_cg_runner E3TP_NAME(e3tp_cg_runner) = {run, second, E3TP_NAME(e3tp_cg_has_whole)};
