/* SPDX-License-Identifier: MIT */
/* uvu paths whose channels share y, one block of results after the other: of z, or in the backward
   pass of gx. All paths that give to a block are added up in registers. With tangents (second
   order) the results are hz and hx, the gradients of weights and of y are hw and hy. */
#include <string.h>

#include "cg/cg_shared.h"

#define kernels E3TP_NAME(e3tp_cg_kernels)

/* Rows whose weights are fetched ahead; of sums a group, which goes tile by tile. */
enum { AHEAD = 8 };

/* A block of results. Staged: in scratch, and from there to the caller. */
typedef struct results {
    const frame *f;
    const e3tp_block *b;
    const size_t *path; /* those that give to it */
    size_t count;
    block_lines to;
    bool wanted, fresh, staged;
} results;

/* A place in the list of paths and the channels of y of each. */
typedef struct cursor {
    size_t at, v;
} cursor;

/* Sources whose matrices are in scratch. */
typedef struct batch {
    source from[E3TP_CG_MOST_SOURCES];
    size_t count;
    real *M; /* where the next matrix goes */
} batch;

static size_t rows_of_group(const frame *f, size_t g)
{
    return min_of(T, f->n - g * T);
}

static size_t tiles_of_row(const results *q)
{
    return (q->b->mul + T - 1) / T;
}

static size_t components(const e3tp_block *b)
{
    return 2 * (size_t)b->l + 1;
}

/* ---- sources ---- */

/* The lines of a path and channel v of y: in the caller's rows, or in scratch as [v][row][tile]. */
static real *line_of(const frame *f, size_t path, size_t v, bool in_place, bool one_row,
                     const real *callers, const real *lines, size_t *row_step)
{
    const e3tp_coupling *c = &f->p->paths[path];
    const size_t tiles = (f->p->blocks[0][c->in1].mul + T - 1) / T;
    const size_t before = f->plan->path[path].lines + v * (one_row ? 1 : f->n) * tiles;
    *row_step = in_place ? (size_t)f->r->sw : one_row ? 0 : tiles * T;
    return (real *)(uintptr_t)(in_place ? callers + c->w_offset : lines + before * T);
}

/* Weights of a path to be fetched while those of group g are read. Sums go tile by tile over the
   rows of a group: they fetch what follows in memory in its order, each path its share. */
static void fetch_weights(const frame *f, size_t path, size_t g, source *s)
{
    const e3tp_rows *r = f->r;
    const size_t offset = f->p->paths[path].w_offset, rows = rows_of_group(f, g);
    const size_t ahead = f->sum ? T : AHEAD, from = g * T + ahead;
    const size_t beyond = from >= f->n && r->ahead ? r->ahead - f->n : 0;
    if (!r->w_streams)
        return;
    if (!s->w_index && s->w_row == f->p->weight_numel) {
        s->fetch = (const real *)r->w + (from + beyond) * s->w_row + offset * (f->sum ? rows : 1);
    } else if (s->w_index && from + rows <= f->n + r->more) {
        s->fetch = (const real *)r->w + offset;
        s->fetch_index = s->w_index + ahead;
    }
}

/* Weights of group g, or with an index of the rows from there on. NULL: ones. */
static const real *weights_of(const frame *f, size_t path, size_t v, size_t g, source *s)
{
    if (!f->p->paths[path].has_weight)
        return NULL;
    const bool in_place = e3tp_cg_reads_weights(f, path);
    const real *first =
        line_of(f, path, v, in_place, e3tp_cg_one_line(f), f->r->w, f->lw, &s->w_row);
    const bool gathered = in_place && f->r->iw;
    s->w_index = gathered ? f->r->iw + g * T : NULL;
    if (in_place)
        fetch_weights(f, path, g, s);
    return gathered ? first : first + g * T * s->w_row;
}

/* A part of what goes to gx and gw: the frames that y, weights (NULL: nothing to gx) and x (NULL:
   nothing to gw) come from, and whether no other one gives to gw before or after it. */
typedef struct part {
    const frame *y, *weights, *x;
    bool first, last;
} part;

/* What goes past the caches can not be added to: parts before the last wait in scratch, in a line
   that serves all rows, as a row's sources follow one another. */
static void want_weight_gradient(const frame *f, const part *e, size_t path, size_t v, size_t row,
                                 source *s)
{
    const bool in_place = e3tp_cg_writes_weights(f, path), past = in_place && f->r->gw_past;
    size_t gw_row;
    real *const gw = line_of(f, path, v, in_place, false, f->r->gw, f->lgw, &gw_row) + row * gw_row;
    real *waits = gw;
    size_t waits_row = gw_row;
    if (past)
        waits = line_of(f, path, v, false, true, NULL, f->lgw, &waits_row);
    s->gw = e->last ? gw : waits;
    s->gw_row = e->last ? gw_row : waits_row;
    s->gw_from = e->first && e3tp_cg_overwrites(f) ? NULL : waits;
    s->gw_from_row = waits_row;
    s->gw_past = past && e->last;
}

/* Group g of the rows of operand k, without weights. Field by field: a whole record would be made
   elsewhere and copied, and the copy wait for its parts. */
static void set_rows(source *s, const frame *f, size_t path, int k, size_t g)
{
    const block_lines from = frame_lines(f, path, k);
    const int n = (int)components(e3tp_cg_block(f->p, path, k));
    const int64_t *list = operand_list(f, k);
    memset(s, 0, sizeof *s);
    s->v = group_of(f, k, from, g);
    s->index = list ? list + g * T : NULL;
    s->row = from.row;
    s->tile = from.tile;
    s->step = from.step;
    s->n = n;
}

/* x with its weights; with tangents the derivative of that. False: it is zero. */
static bool weighted_x(const frame *f, size_t path, size_t v, size_t g, source *s)
{
    const frame *t = f->tangent;
    const bool dx = t && t->r->x, dw = t && t->r->w && f->p->paths[path].has_weight;
    set_rows(s, dx ? t : f, path, 0, g);
    s->w = weights_of(dw && !dx ? t : f, path, v, g, s);
    if (dx && dw) {
        s->v2 = group_of(f, 0, frame_lines(f, path, 0), g);
        s->w2 = weights_of(t, path, v, g, s);
    }
    return !t || dx || dw;
}

/* The source that is next, not yet among those of the batch: written where it stays, as a copy
   would wait for what is stored to it piece by piece. */
static source *next_source(batch *t)
{
    return &t->from[t->count];
}

static void enter(const results *q, batch *t, const frame *y, size_t path, size_t v, size_t g)
{
    source *s = &t->from[t->count++];
    const size_t size = components(q->b) * (size_t)s->n * T;
    s->M = t->M;
    if (q->wanted || q->f->r->gw)
        build_matrix(y, path, v, g, q->f->back, t->M);
    t->M += size;
}

/* To z: M(y) w x; with tangents M(y) d(w x) + M(dy) w x. */
static void enter_forward(const results *q, batch *t, size_t path, size_t v, size_t g)
{
    const frame *f = q->f, *tangent = f->tangent;
    if (weighted_x(f, path, v, g, next_source(t)))
        enter(q, t, f, path, v, g);
    if (!tangent || !tangent->r->y)
        return;
    source *s = next_source(t);
    set_rows(s, f, path, 0, g);
    s->w = weights_of(f, path, v, g, s);
    enter(q, t, tangent, path, v, g);
}

static void enter_part(const results *q, batch *t, const part *e, size_t path, size_t v, size_t g)
{
    const frame *f = q->f;
    source *s = next_source(t);
    set_rows(s, f, path, 2, g);
    s->only_gw = !e->weights;
    if (e->weights)
        s->w = weights_of(e->weights, path, v, g, s);
    if (e->x) {
        s->x = group_of(e->x, 0, frame_lines(e->x, path, 0), g);
        if (f->r->gw && f->p->paths[path].has_weight)
            want_weight_gradient(f, e, path, v, g * T, s);
    }
    if (e->weights || s->gw)
        enter(q, t, e->y, path, v, g);
}

/* To gx: w u, to gw: x . u, u = M(y)' gz. With tangents dw u and dx . u, then w du and x . du, du =
   M(dy)' gz. */
static void enter_backward(const results *q, batch *t, size_t path, size_t v, size_t g)
{
    const frame *f = q->f, *tangent = f->tangent;
    if (!tangent) {
        enter_part(q, t, &(part){f, f, f, true, true}, path, v, g);
        return;
    }
    const bool dx = tangent->r->x, dy = tangent->r->y, dw = tangent->r->w;
    const part of_y = {f, dw ? tangent : NULL, dx ? tangent : NULL, true, !dy},
               of_dy = {tangent, f, f, !dx, true};
    if (f->p->paths[path].has_weight)
        enter_part(q, t, &of_y, path, v, g);
    if (dy)
        enter_part(q, t, &of_dy, path, v, g);
}

/* Fills a batch from the cursor on, as far as there is room for two more. */
static void gather(const results *q, size_t g, cursor *c, batch *t)
{
    const frame *f = q->f;
    t->M = f->M;
    for (t->count = 0; c->at < q->count; c->v = 0, c->at++) {
        const size_t path = q->path[c->at];
        const size_t size =
            2 * components(q->b) * components(e3tp_cg_block(f->p, path, f->back ? 2 : 0)) * T;
        if (e3tp_cg_rests(f, path))
            continue;
        for (; c->v < e3tp_cg_block(f->p, path, 1)->mul; c->v++) {
            if (t->count + 2 > E3TP_CG_MOST_SOURCES || t->M + size > f->M + f->plan->max_matrix)
                return;
            (f->back ? enter_backward : enter_forward)(q, t, path, c->v, g);
        }
    }
}

/* ---- results ---- */

/* Field by field, as set_rows does. */
static void set_job(mix_job *m, const results *q, const batch *t, bool first)
{
    const frame *f = q->f;
    memset(m, 0, sizeof *m);
    m->tiles = q->b->mul / T;
    m->rest = (int)(q->b->mul % T);
    m->count = t->count;
    m->from = t->from;
    m->n = (int)components(q->b);
    m->sum = f->sum;
    m->fresh = q->fresh && first;
    m->z_row = q->to.row;
    m->z_tile = q->to.tile;
    m->z_step = q->to.step;
    for (size_t i = 0; i < t->count; i++)
        m->paired = m->paired || t->from[i].v2;
    while (m->opens < t->count && t->from[m->opens].only_gw)
        m->opens++;
    if (f->back && q->count) {
        const block_lines x = frame_lines(f, q->path[0], 0);
        m->x_row = x.row, m->x_tile = x.tile, m->x_step = x.step;
    }
}

/* This block's share of rows, `row` elements apart, that hold so many lines. */
static void fetch_share(const results *q, const real *rows, size_t row, size_t lines, int k,
                        mix_job *m)
{
    const frame *f = q->f;
    const size_t blocks = f->p->nblocks[f->back ? 0 : 2],
                 block = (size_t)(q->b - f->p->blocks[f->back ? 0 : 2]),
                 from = block * lines / blocks;
    m->fetch[k] = rows + from * T;
    m->fetch_row[k] = row;
    m->fetch_lines[k] = (block + 1) * lines / blocks - from;
    m->fetches = true;
}

/* Lines that the next call reads: of x and gz, and of what it makes weights of. */
static void fetch_operands(const results *q, size_t g, mix_job *m)
{
    const frame *f = q->f;
    const e3tp_rows *r = f->r;
    for (int k = 0; k < (f->back ? 3 : 1); k += 2) {
        const ptrdiff_t row = k == 0 ? r->sx : r->sz;
        const real *rows = k == 0 ? r->x : r->gz;
        if (row == 0 || f->p->layout[k] == E3TP_BATCH_LAST || !r->ahead || (k == 0 && r->ix))
            continue;
        fetch_share(q, rows + (g * T + r->ahead) * (size_t)row, (size_t)row, f->p->dim[k] / T,
                    k / 2, m);
    }
    if (r->w_source) {
        const size_t row = r->w_source_row / sizeof(real);
        fetch_share(q, (const real *)r->w_source + g * T * row, row, row / T + 1, 2, m);
    }
}

static void run_rows(const results *q, const mix_job *m)
{
    const frame *f = q->f;
    if (f->back && m->count && (q->wanted || f->r->gw)) /* no gw: the same bits of gx */
        kernels.mix_back(m);
    if (!q->wanted || (f->back && m->opens < m->count))
        return;
    if (f->back && m->count) { /* all for gw alone */
        mix_job nothing = *m;
        nothing.count = 0;
        kernels.mix(&nothing);
    } else {
        kernels.mix(m);
    }
}

/* Rows of a group. */
static void run_batch(const results *q, const batch *t, size_t g, bool first, bool last)
{
    const frame *f = q->f;
    const size_t rows = rows_of_group(f, g);
    const size_t room = E3TP_CG_STAGED / sizeof(real) / (q->to.row + 1) + 1;
    const size_t at_once = q->staged && first && last ? min_of(room, rows) : rows;
    mix_job m;
    set_job(&m, q, t, first);
    if (first)
        fetch_operands(q, g, &m);
    for (; m.first < rows; m.first += m.rows) {
        m.rows = min_of(at_once, rows - m.first);
        if (q->wanted)
            m.z = q->to.v + (q->staged ? 0 : (g * T + m.first) * q->to.row);
        run_rows(q, &m);
        if (q->staged && last)
            unpack_results(f, q->b, f->mid, q->to.tile, g * T + m.first, m.rows);
    }
}

/* Paths and channels of y whose gradients are made together. */
typedef struct overlaps {
    source x[E3TP_CG_MOST_SOURCES], gz[E3TP_CG_MOST_SOURCES];
    struct {
        size_t path, v;
    } of[E3TP_CG_MOST_SOURCES];
    size_t count, elements;
} overlaps;

static void add_overlaps(const results *q, size_t g, overlaps *o)
{
    const frame *f = q->f;
    const size_t rows = rows_of_group(f, g);
    real *D = f->turned_M;
    if (rows < T) /* other lanes are added, too */
        memset(D, 0, o->elements * T * sizeof(real));
    kernels.overlap(rows, q->b->mul, o->count, o->x, o->gz, D);
    for (size_t i = 0; i < o->count; i++) {
        add_to_gy(f, o->of[i].path, o->of[i].v, g, D);
        D += (size_t)(o->x[i].n * o->gz[i].n) * T;
    }
    o->count = o->elements = 0;
}

static void y_gradients(const results *q, size_t g)
{
    const frame *f = q->f;
    overlaps o;
    o.count = o.elements = 0;
    for (size_t i = 0; i < q->count; i++) {
        const size_t path = q->path[i], channels = e3tp_cg_block(f->p, path, 1)->mul;
        const size_t size = components(q->b) * components(e3tp_cg_block(f->p, path, 2));
        for (size_t v = 0; v < channels && !e3tp_cg_rests(f, path); v++) {
            if (o.count == E3TP_CG_MOST_SOURCES || (o.elements + size) * T > f->plan->max_matrix)
                add_overlaps(q, g, &o);
            if (!weighted_x(f, path, v, g, &o.x[o.count]))
                continue;
            set_rows(&o.gz[o.count], f, path, 2, g);
            o.of[o.count].path = path;
            o.of[o.count].v = v;
            o.count++;
            o.elements += size;
        }
    }
    if (o.count)
        add_overlaps(q, g, &o);
}

static void run_group(const results *q, size_t g)
{
    batch t;
    cursor c = {0, 0};
    bool first = true;
    do {
        gather(q, g, &c, &t);
        run_batch(q, &t, g, first, c.at == q->count);
        first = false;
    } while (c.at < q->count);
    if (q->f->back && q->f->r->gy)
        y_gradients(q, g);
}

/* Block i of z or gx, group g of the rows: packed, the caller's, or staged. Field by field. */
static void set_results(results *q, const frame *f, size_t i, size_t g)
{
    const int k = f->back ? 0 : 2;
    const e3tp_cg_list *list = &f->plan->shared[f->back];
    q->f = f;
    q->b = &f->p->blocks[k][i];
    q->path = list->path + list->at[i];
    q->count = list->at[i + 1] - list->at[i];
    q->wanted = !f->back || f->r->gx;
    const bool first = e3tp_cg_packs_sum(f) && k == 2 && g == 0;
    q->fresh = q->wanted && (first || e3tp_cg_leaves_unpacked(f, k));
    q->staged = q->wanted && stages_results(f);
    if (q->staged) {
        q->to.v = f->mid;
        q->to.tile = components(q->b) * T;
        q->to.row = tiles_of_row(q) * q->to.tile;
        q->to.step = T;
    } else {
        q->to = result_lines(f, i);
    }
}

/* Group by group, as weights are fetched in the order of rows. */
void E3TP_NAME(e3tp_cg_channels)(const frame *f)
{
    const size_t blocks = f->p->nblocks[f->back ? 0 : 2];
    for (size_t g = 0; g < groups_of(f); g++)
        for (size_t i = 0; i < blocks; i++) {
            results q;
            set_results(&q, f, i, g);
            if (q.count || q.fresh)
                run_group(&q, g);
        }
}
