/* SPDX-License-Identifier: MIT */
/* uvu paths whose channels share y, one block of results after the other: of z, or in the backward
   pass of gx. All paths that give to a block are added up in registers. */
#include "cg/cg_shared.h"

#define kernels E3TP_NAME(e3tp_cg_kernels)
#define tile_kernels E3TP_NAME(e3tp_tile_kernels)

enum { MOST_SOURCES = 64, STAGED = 16 << 10 /* bytes of results that wait for the caller */ };

/* A block of results. Staged: in scratch, and from there to the caller. */
typedef struct results {
    const frame *f;
    const e3tp_block *b;
    const size_t *path; /* those that give to it */
    size_t count;
    block_lines to;
    bool wanted, fresh, staged;
} results;

/* The next path of the list and channel of y. */
typedef struct cursor {
    size_t at, v;
} cursor;

/* Sources whose matrices are in scratch. */
typedef struct batch {
    source from[MOST_SOURCES];
    size_t path[MOST_SOURCES], v[MOST_SOURCES];
    size_t count;
} batch;

static size_t tiles_of_row(const results *q)
{
    return (q->b->mul + T - 1) / T;
}

static size_t components(const e3tp_block *b)
{
    return 2 * (size_t)b->l + 1;
}

/* ---- sources ---- */

/* Lines of channel v of y: [v][row][tile], of the given number of rows. */
static size_t line_at(const frame *f, size_t path, size_t tiles, size_t v, size_t rows)
{
    return (f->plan->path[path].lines + v * rows * tiles) * T;
}

static void set_weights(const frame *f, size_t path, size_t v, size_t tiles, size_t row, source *s)
{
    const e3tp_coupling *c = &f->p->paths[path];
    if (!c->has_weight)
        return;
    const bool one = e3tp_cg_one_line(f), ready = e3tp_cg_reads_weights(f, path);
    s->w_row = ready ? (size_t)f->r->sw : one ? 0 : tiles * T;
    s->w = ready ? (const real *)f->r->w + c->w_offset
                 : f->lw + line_at(f, path, tiles, v, one ? 1 : f->n);
    s->w += row * s->w_row;
    if (!f->back || !f->r->gw)
        return;
    const bool direct = e3tp_cg_writes_weights(f, path);
    s->gw_row = direct ? (size_t)f->r->sw : tiles * T;
    s->gw = direct ? (real *)f->r->gw + c->w_offset : f->lgw + line_at(f, path, tiles, v, f->n);
    s->gw += row * s->gw_row;
}

/* A path and a channel of y: what rows of group g take from the other operand. */
static source source_of(const results *q, size_t path, size_t v, size_t g)
{
    const frame *f = q->f;
    const int k = f->back ? 2 : 0;
    const block_lines from = frame_lines(f, path, k);
    source s = {.v = from.v + g * T * from.row,
                .row = from.row,
                .tile = from.tile,
                .step = from.step,
                .n = (int)components(e3tp_cg_block(f->p, path, k))};
    set_weights(f, path, v, tiles_of_row(q), g * T, &s);
    return s;
}

/* Fills a batch from the cursor on, as far as their matrices have room. */
static void gather(const results *q, size_t g, cursor *c, batch *t)
{
    const frame *f = q->f;
    real *M = f->M;
    for (t->count = 0; c->at < q->count; c->v = 0, c->at++) {
        const size_t path = q->path[c->at];
        if (e3tp_cg_rests(f, path))
            continue;
        for (; c->v < e3tp_cg_block(f->p, path, 1)->mul; c->v++) {
            source *s = &t->from[t->count];
            const size_t size =
                components(q->b) * components(e3tp_cg_block(f->p, path, f->back ? 2 : 0)) * T;
            if (t->count == MOST_SOURCES || M + size > f->M + f->plan->max_matrix)
                return;
            *s = source_of(q, path, c->v, g);
            s->M = M;
            if (q->wanted || f->r->gw)
                build_matrix(f, path, c->v, g, f->back, M);
            t->path[t->count] = path;
            t->v[t->count++] = c->v;
            M += size;
        }
    }
}

/* ---- results ---- */

static void unpack_rows(const results *q, size_t row, size_t n)
{
    const frame *f = q->f;
    const int k = f->back ? 0 : 2;
    size_t start;
    const e3tp_tile_map m =
        e3tp_operand_map(f->p, k, q->b, f->back ? f->r->sx : f->r->sz, n, NULL, &start);
    tile_kernels.unpack(&m, E3TP_LANES_CHANNELS, f->mid, q->to.tile,
                        (real *)(f->back ? f->r->gx : f->r->z) + start + row * m.row);
}

/* Rows of a group: as many at once as are staged if no other batch adds to them. */
static void run_batch(const results *q, const batch *t, size_t g, bool first, bool last)
{
    const frame *f = q->f;
    const size_t rows = min_of(T, f->n - g * T), tiles = tiles_of_row(q);
    const size_t room = STAGED / sizeof(real) / (q->to.row + 1) + 1;
    const size_t part = q->staged && first && last ? min_of(room, rows) : rows;
    mix_job m = {.tiles = tiles,
                 .count = t->count,
                 .from = t->from,
                 .n = (int)components(q->b),
                 .sum = f->sum,
                 .fresh = q->fresh && first,
                 .gw_fresh = f->direct,
                 .prefetch = true,
                 .z_row = q->to.row,
                 .z_tile = q->to.tile,
                 .z_step = q->to.step};
    if (f->back && t->count) {
        const block_lines x = frame_lines(f, t->path[0], 0);
        m.x = x.v + g * T * x.row;
        m.x_row = x.row, m.x_tile = x.tile, m.x_step = x.step;
    }
    for (m.first = 0; m.first < rows; m.first += m.rows) {
        m.rows = min_of(part, rows - m.first);
        if (q->wanted)
            m.z = q->to.v + (q->staged ? 0 : (g * T + m.first) * q->to.row);
        if (m.x && (q->wanted || f->r->gw)) /* without gw too: the same bits of gx */
            kernels.mix_back(&m);
        else if (q->wanted)
            kernels.mix(&m);
        if (q->staged && last)
            unpack_rows(q, g * T + m.first, m.rows);
    }
}

static void y_gradients(const results *q, const batch *t, size_t g)
{
    const frame *f = q->f;
    for (size_t i = 0; i < t->count; i++) {
        const block_lines x = frame_lines(f, t->path[i], 0);
        source a = t->from[i];
        a.v = x.v + g * T * x.row;
        a.row = x.row, a.tile = x.tile, a.step = x.step;
        a.n = (int)components(q->b);
        kernels.mix_matrix(min_of(T, f->n - g * T), tiles_of_row(q), &a, &t->from[i], f->dM);
        build_back(f, t->path[i], t->v[i], g, f->dM);
    }
}

static void run_block(const results *q)
{
    batch t;
    for (size_t g = 0; g < groups_of(q->f); g++) {
        cursor c = {0, 0};
        bool first = true;
        do {
            gather(q, g, &c, &t);
            run_batch(q, &t, g, first, c.at == q->count);
            first = false;
            if (q->f->back && q->f->r->gy)
                y_gradients(q, &t, g);
        } while (c.at < q->count);
    }
}

/* Block i of z or gx: packed, the caller's, or staged. */
static results results_of(const frame *f, size_t i)
{
    const int k = f->back ? 0 : 2;
    const e3tp_cg_list *list = &f->plan->shared[f->back];
    results q = {.f = f,
                 .b = &f->p->blocks[k][i],
                 .path = list->path + list->at[i],
                 .count = list->at[i + 1] - list->at[i],
                 .wanted = !f->back || f->r->gx};
    q.fresh = q.wanted && f->direct && !(f->back && f->r->sx == 0);
    q.staged = q.fresh && !f->in_place[k];
    if (q.staged)
        q.to =
            (block_lines){f->mid, tiles_of_row(&q) * components(q.b) * T, components(q.b) * T, T};
    else if (q.fresh)
        q.to = caller_lines(f, k, q.b, f->back ? f->r->gx : f->r->z);
    else
        q.to = packed_lines(f, k, i, f->back ? f->g : f->v);
    if (f->sum)
        q.to.row = 0;
    return q;
}

void E3TP_NAME(e3tp_cg_channels)(const frame *f)
{
    const size_t blocks = f->p->nblocks[f->back ? 0 : 2];
    for (size_t i = 0; i < blocks; i++) {
        const results q = results_of(f, i);
        if (q.count || q.fresh)
            run_block(&q);
    }
}
