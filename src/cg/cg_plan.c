/* SPDX-License-Identifier: MIT */
/* Builds the tables: every tensor once, sorted for each target; lanes, sizes and the layout of
   scratch. */
#include "cg/cg_plan.h"

#include <stdlib.h>

#include "core/checked.h"
#include "so3/wigner.h"

const int e3tp_cg_role[E3TP_CG_TARGETS][3] = {
    [E3TP_CG_TO_Z] = {0, 1, 2}, [E3TP_CG_TO_X] = {2, 1, 0}, [E3TP_CG_TO_Y] = {0, 2, 1}};

double e3tp_cg_nonzeros(const e3tp_problem *p, const e3tp_coupling *c)
{
    const int l1 = p->blocks[0][c->in1].l, l2 = p->blocks[1][c->in2].l, l3 = p->blocks[2][c->out].l;
    const double all = 2.0 * (2 * l1 + 1) * (2 * l2 + 1), by_x = 2.0 * (2 * l1 + 1) * (2 * l3 + 1);
    const double by_y = 2.0 * (2 * l2 + 1) * (2 * l3 + 1), least = all < by_x ? all : by_x;
    return 0.8 * (least < by_y ? least : by_y);
}

/* ---- tensors ---- */

static int by_output(const void *a, const void *b)
{
    const e3tp_cg_entry *p = a, *q = b;
    if (p->o != q->o)
        return p->o - q->o;
    return p->i != q->i ? p->i - q->i : p->j - q->j;
}

static size_t bound(const int l[3])
{
    return 2 * (2 * (size_t)l[0] + 1) * (2 * (size_t)l[1] + 1);
}

/* The triple of a path, entered if it is new. */
static size_t find_triple(e3tp_cg_plan *g, size_t path)
{
    e3tp_cg_triple t = {.n = 0};
    for (int k = 0; k < 3; k++)
        t.l[k] = e3tp_cg_block(g->problem, path, k)->l;
    size_t i = 0;
    while (i < g->ntriples && (g->triples[i].l[0] != t.l[0] || g->triples[i].l[1] != t.l[1] ||
                               g->triples[i].l[2] != t.l[2]))
        i++;
    if (i == g->ntriples)
        g->triples[g->ntriples++] = t;
    return i;
}

static void fill_triple(const e3tp_cg_plan *g, e3tp_cg_triple *t, e3tp_cg_entry *at,
                        e3tp_coupling_entry *buffer)
{
    t->n =
        e3tp_so3_coupling_sparse(t->l[0], t->l[1], t->l[2], g->problem->sign, buffer, bound(t->l));
    const double sign = e3tp_so3_coupling_sign(t->l[0], t->l[1], t->l[2], g->problem->sign);
    const double exchanged = (t->l[0] + t->l[1] + t->l[2]) % 2 ? -sign : sign;
    for (int k = 0; k < E3TP_CG_TARGETS; k++) {
        const int *role = e3tp_cg_role[k];
        t->sign[k] = k == E3TP_CG_TO_Z ? sign : exchanged;
        t->to[k] = at + (size_t)k * t->n;
        for (size_t s = 0; s < t->n; s++) {
            const int16_t m[3] = {buffer[s].m1, buffer[s].m2, buffer[s].m3};
            t->to[k][s] = (e3tp_cg_entry){m[role[0]], m[role[1]], m[role[2]], buffer[s].value};
        }
        qsort(t->to[k], t->n, sizeof *t->to[k], by_output);
    }
}

static e3tp_status make_triples(e3tp_cg_plan *g, const e3tp_allocator *a, e3tp_message *why)
{
    const size_t npaths = g->problem->npaths;
    size_t total = 0, largest = 0;
    g->triples = e3tp_zalloc(a, npaths, sizeof *g->triples);
    g->path = e3tp_zalloc(a, npaths, sizeof *g->path);
    if (!g->triples || !g->path)
        return e3tp_fail(why, E3TP_E_NOMEM, "cg: no memory for %zu paths", npaths);
    for (size_t i = 0; i < npaths; i++)
        g->path[i].triple = find_triple(g, i);
    for (size_t i = 0; i < g->ntriples; i++) {
        const size_t n = bound(g->triples[i].l);
        total += n;
        largest = n > largest ? n : largest;
    }
    e3tp_coupling_entry *buffer = e3tp_alloc(a, largest, sizeof *buffer);
    g->entries = e3tp_alloc(a, total * E3TP_CG_TARGETS, sizeof *g->entries);
    const bool ok = buffer && g->entries;
    e3tp_cg_entry *at = g->entries;
    for (size_t i = 0; ok && i < g->ntriples; i++) {
        fill_triple(g, &g->triples[i], at, buffer);
        at += E3TP_CG_TARGETS * g->triples[i].n;
    }
    e3tp_free(a, buffer);
    return ok ? E3TP_OK : e3tp_fail(why, E3TP_E_NOMEM, "cg: no memory for the tables");
}

/* ---- lanes and sizes ---- */

/* Some path has a mode that is none of the given ones. */
static bool has_other_mode(const e3tp_problem *p, unsigned modes)
{
    bool has = false;
    for (size_t i = 0; i < p->npaths; i++)
        has = has || !(modes >> p->paths[i].mode & 1);
    return has;
}

/* Modes that lanes over channels serve. */
enum { BY_CHANNELS = 1 << E3TP_UUU | 1 << E3TP_UVU | 1 << E3TP_UVW };

/* Lanes over channels waste what the last tile lacks, and serve uuu, uvu and uvw; lanes over rows
   pay once in a batch, serve all modes, and are what BATCH_LAST has in memory; uvw would walk
   channel by channel. */
static e3tp_lanes choose_lanes(const e3tp_problem *p)
{
    const size_t T = e3tp_tile_lanes(p);
    if (has_other_mode(p, BY_CHANNELS))
        return E3TP_LANES_ROWS;
    const bool many_rows = p->batch_hint == 0 || p->batch_hint >= T;
    if (many_rows && p->layout[0] == E3TP_BATCH_LAST && p->layout[2] == E3TP_BATCH_LAST &&
        !has_other_mode(p, 1 << E3TP_UUU | 1 << E3TP_UVU))
        return E3TP_LANES_ROWS;
    double used = 0, padded = 0;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < p->nblocks[k]; i++) {
            const e3tp_block *b = &p->blocks[k][i];
            if (k == 1 && b->mul == 1) /* shared by the channels, or one of few */
                continue;
            const double d = 2 * b->l + 1;
            used += d * (double)b->mul;
            padded += d * (double)((b->mul + T - 1) / T * T);
        }
    const bool few_rows = p->batch_hint > 0 && p->batch_hint < T / 2;
    return padded <= (few_rows ? 16 : 1.35) * used ? E3TP_LANES_CHANNELS : E3TP_LANES_ROWS;
}

static e3tp_lanes lanes_of(const e3tp_problem *p, unsigned form)
{
    const bool channels = choose_lanes(p) == E3TP_LANES_CHANNELS,
               other = form & E3TP_CG_OTHER_LANES;
    return channels != other ? E3TP_LANES_CHANNELS : E3TP_LANES_ROWS;
}

static bool is_folded(const e3tp_problem *p, unsigned form)
{
    return !(form & E3TP_CG_PLAIN) && e3tp_cg_may_fold(p) &&
           lanes_of(p, form) == E3TP_LANES_CHANNELS;
}

bool e3tp_cg_is_folded(const e3tp_problem *p)
{
    return is_folded(p, 0);
}

/* uvw to so few channels that the product of matrices has no full kernels: with one channel of y
   pair by pair takes 0.3 to 0.9 of the time, with several of them up to 2.7 times. */
static bool is_narrow(const e3tp_problem *p, const e3tp_coupling *c)
{
    enum { FEW = 3 };
    return c->mode == E3TP_UVW && p->blocks[1][c->in2].mul == 1 && p->blocks[2][c->out].mul <= FEW;
}

/* Whether a path is one of those whose weights, shared by all rows, join channels. */
static bool is_joined(const e3tp_problem *p, const e3tp_coupling *c, e3tp_lanes lanes,
                      unsigned form)
{
    return !(form & E3TP_CG_PLAIN) && lanes == E3TP_LANES_ROWS && e3tp_cg_connects(c) &&
           p->weights == E3TP_WEIGHTS_SHARED && !is_narrow(p, c);
}

static e3tp_cg_whole_product whole_of(const e3tp_problem *p, unsigned form)
{
    return form & E3TP_CG_PLAIN ? (e3tp_cg_whole_product){.lmax = 0}
                                : e3tp_cg_find_whole(p, lanes_of(p, form));
}

/* Whether there is something to leave out for E3TP_CG_PLAIN. */
static bool is_special(const e3tp_problem *p, const e3tp_cg_runner *r, unsigned form)
{
    const e3tp_cg_whole_product w = whole_of(p, form);
    bool is = is_folded(p, form) || r->has_whole(&w);
    for (size_t i = 0; i < p->npaths; i++)
        is = is || is_joined(p, &p->paths[i], lanes_of(p, form), form);
    return is;
}

bool e3tp_cg_has_form(const e3tp_problem *p, const e3tp_cg_runner *r, unsigned form)
{
    if (form & E3TP_CG_OTHER_LANES && (!p->npaths || has_other_mode(p, BY_CHANNELS)))
        return false;
    return !(form & E3TP_CG_PLAIN) || is_special(p, r, form & ~(unsigned)E3TP_CG_PLAIN);
}

static bool is_shared(const e3tp_cg_plan *g, size_t path)
{
    return g->path[path].channels && g->problem->paths[path].mode == E3TP_UVU;
}

/* One channel of y: the weights of a row are lines as they are. */
static bool reads_in_place(const e3tp_cg_plan *g, size_t path)
{
    return is_shared(g, path) && e3tp_cg_block(g->problem, path, 1)->mul == 1;
}

static void choose_forms(e3tp_cg_plan *g)
{
    const e3tp_problem *p = g->problem;
    g->lanes = lanes_of(p, g->form);
    g->direct = p->npaths > 0;
    g->y_lanes = p->factor_weights; /* without paths, too */
    for (size_t i = 0; i < p->npaths; i++) {
        g->path[i].channels = g->lanes == E3TP_LANES_CHANNELS && p->paths[i].mode != E3TP_UUU;
        g->path[i].in_place = reads_in_place(g, i);
        g->path[i].joined = is_joined(p, &p->paths[i], g->lanes, g->form);
        g->joins |= g->path[i].joined;
        g->y_rows |= g->path[i].channels;
        g->y_lanes |= !g->path[i].channels;
        g->direct = g->direct && is_shared(g, i);
    }
    g->folded = is_folded(p, g->form);
    g->whole_product = whole_of(p, g->form);
}

/* Of operands without kernels of pairs, where some path runs lane by lane. */
static e3tp_status make_tables(e3tp_cg_plan *g, const e3tp_allocator *a, e3tp_message *why)
{
    for (size_t i = 0; i < g->ntriples && g->y_lanes; i++)
        for (int k = 0; k < E3TP_CG_TARGETS; k++) {
            e3tp_cg_triple *t = &g->triples[i];
            const int *role = e3tp_cg_role[k];
            const int l[3] = {t->l[role[0]], t->l[role[1]], t->l[role[2]]};
            if (!e3tp_cg_has_pair(l[0], l[1]))
                E3TP_TRY(e3tp_cg_table_create(&t->table[k], l, t->to[k], t->n, a, why));
        }
    return E3TP_OK;
}

/* Lists by blocks of operand k. */
static bool list_shared(const e3tp_cg_plan *g, int k, e3tp_cg_list *list, const e3tp_allocator *a)
{
    const e3tp_problem *p = g->problem;
    list->path = e3tp_alloc(a, p->npaths, sizeof *list->path);
    list->at = e3tp_alloc(a, p->nblocks[k] + 1, sizeof *list->at);
    if (!list->path || !list->at)
        return false;
    size_t count = 0;
    for (size_t b = 0; b < p->nblocks[k]; b++) {
        list->at[b] = count;
        for (size_t i = 0; i < p->npaths; i++)
            if (is_shared(g, i) && e3tp_cg_block_index(&p->paths[i], k) == b)
                list->path[count++] = i;
    }
    list->at[p->nblocks[k]] = count;
    return true;
}

static e3tp_status make_lists(e3tp_cg_plan *g, const e3tp_allocator *a, e3tp_message *why)
{
    const e3tp_problem *p = g->problem;
    for (int k = 0; k < 3; k += 2) {
        g->ir_mul[k] = g->whole[k] = p->layout[k] == E3TP_IR_MUL;
        for (size_t i = 0; i < p->nblocks[k]; i++)
            g->whole[k] = g->whole[k] && p->blocks[k][i].mul % e3tp_tile_lanes(p) == 0;
    }
    return list_shared(g, 2, &g->shared[0], a) && list_shared(g, 0, &g->shared[1], a)
               ? E3TP_OK
               : e3tp_fail(why, E3TP_E_NOMEM, "cg: no memory for the lists of paths");
}

/* Lines of the weights of a path for n rows. */
static size_t path_lines(const e3tp_cg_plan *g, size_t path, size_t n)
{
    const e3tp_coupling *c = &g->problem->paths[path];
    const size_t T = e3tp_tile_lanes(g->problem);
    if (!c->has_weight || g->path[path].joined || (g->path[path].channels && c->mode == E3TP_UVW))
        return 0;
    const size_t m1 = e3tp_cg_block(g->problem, path, 0)->mul;
    if (g->lanes == E3TP_LANES_ROWS)
        return (n + T - 1) / T * c->w_count;
    return n * ((m1 + T - 1) / T) * (m1 ? c->w_count / m1 : 0);
}

/* Whether path `next` belongs to the run of weights that begins with path `first`. */
static bool runs_on(const e3tp_cg_plan *g, size_t first, size_t next)
{
    const e3tp_coupling *a = &g->problem->paths[first], *b = &g->problem->paths[next];
    return !g->path[first].channels && !g->path[next].channels && a->has_weight && b->has_weight &&
           g->path[first].joined == g->path[next].joined && a->mode == b->mode &&
           a->w_count == b->w_count &&
           e3tp_cg_block(g->problem, first, 0)->mul == e3tp_cg_block(g->problem, next, 0)->mul &&
           b->w_offset == a->w_offset + (next - first) * a->w_count;
}

/* Lanes over rows: a line for each weighted path and tile of rows. */
static size_t folded_lines(e3tp_cg_plan *g, size_t n)
{
    const size_t T = e3tp_tile_lanes(g->problem);
    g->folded_weights = 0;
    for (size_t i = 0; i < g->problem->npaths; i++)
        if (g->problem->paths[i].has_weight)
            g->path[i].lines = g->folded_weights++;
    return (n + T - 1) / T * g->folded_weights;
}

static size_t lines_of(e3tp_cg_plan *g, size_t n)
{
    size_t lines = 0;
    if (g->folded)
        return folded_lines(g, n);
    for (size_t i = 0, run; i < g->problem->npaths; i += run) {
        for (run = 1; i + run < g->problem->npaths && runs_on(g, i, i + run);)
            run++;
        g->path[i].run = run;
        for (size_t k = 0; k < run; k++) {
            g->path[i + k].lines = lines + k;
            g->path[i + k].line_step = run;
        }
        lines += run * path_lines(g, i, n);
    }
    return lines;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Packed operands of a block should stay in half of a 512 KB second-level cache. Fewer rows than
   ENOUGH cost more by calls and matrices of shared y that are not full than by misses: then so
   many, within `most_bytes`. */
static const size_t block_bytes = (size_t)256 << 10, most_bytes = (size_t)2 << 20;
enum { MOST_TILES = 16, ENOUGH = 16, MOST_ROWS = 64 };

static size_t fit_rows(size_t bytes, size_t row_elements, const e3tp_problem *p)
{
    return bytes / ((row_elements + 1) * e3tp_dtype_size(p->dtype));
}

/* Weights that a row has for itself, as kernels read them. */
static size_t weights_read(const e3tp_cg_plan *g)
{
    return (g->folded ? e3tp_row_weights : e3tp_spread_row_weights)(g->problem);
}

static void choose_rows(e3tp_cg_plan *g)
{
    const e3tp_problem *p = g->problem;
    const size_t T = e3tp_tile_lanes(p), in = p->dim[0] + p->dim[1] + weights_read(g);
    size_t fit = fit_rows(block_bytes, in + p->dim[2], p);
    if (g->lanes == E3TP_LANES_ROWS) {
        fit = fit / T * T;
        g->block_rows = fit < T ? T : fit > MOST_TILES * T ? MOST_TILES * T : fit;
        g->sum_rows = g->block_rows;
        return;
    }
    if (fit < ENOUGH) {
        fit = fit_rows(most_bytes, in + p->dim[2], p);
        fit = fit < 1 ? 1 : fit > ENOUGH ? ENOUGH : fit;
    }
    fit = fit > ENOUGH ? e3tp_round_up(fit, T) : fit;
    g->block_rows = fit > MOST_ROWS ? MOST_ROWS : fit;
    fit = g->y_rows && !g->y_lanes ? fit_rows(block_bytes, in, p) : 0;
    fit = fit > MOST_ROWS ? MOST_ROWS : fit;
    g->sum_rows = most(e3tp_round_up(fit, T), g->block_rows);
}

/* Tiles whose operands stay in a first-level cache of 32 KB, and not so few that calls take long;
   where that would be several times what fits, all. */
static void choose_tiles(e3tp_cg_plan *g)
{
    enum { FIRST_LEVEL = 32 << 10, FEW = 12, PAYS = 32 };
    const e3tp_problem *p = g->problem;
    size_t lines = p->weights == E3TP_WEIGHTS_ROW ? p->npaths : 0;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < p->nblocks[k]; i++)
            lines += 2 * (size_t)p->blocks[k][i].l + 1;
    const size_t fit = FIRST_LEVEL / (64 * (lines + 1));
    g->tiles_at_once = fit < FEW ? SIZE_MAX : fit < PAYS ? PAYS : fit;
}

/* As many tiles of contractions as half a first-level cache holds, within limits: many tiles pay
   for the calls. Returns the lines of all. */
static size_t choose_tiles_held(e3tp_cg_plan *g)
{
    enum { BYTES = 16 << 10, LEAST = 8, MOST = 32 };
    const e3tp_problem *p = g->problem;
    size_t components = 0; /* of x */
    for (size_t i = 0; i < p->nblocks[0]; i++)
        components += 2 * (size_t)p->blocks[0][i].l + 1;
    const size_t fit = BYTES / (64 * (components + 1));
    g->tiles_held = fit < LEAST ? LEAST : fit > MOST ? MOST : fit;
    return g->tiles_held * components;
}

/* Lines of matrices that are built before they are used: 32 KB. */
enum { MATRIX_LINES = 512 };

/* Of a path to so many components and channels. */
static void size_joined(e3tp_cg_plan *g, size_t n3, size_t mo)
{
    const size_t T = e3tp_tile_lanes(g->problem), element = e3tp_dtype_size(g->problem->dtype),
                 most_room = most(E3TP_CG_JOINED, mo) * sizeof(void *);
    g->max_middle = most(g->max_middle, E3TP_CG_JOINED * n3 * T);
    g->max_matrix = most(g->max_matrix, E3TP_CG_JOINED * mo);
    g->max_turned = most(g->max_turned, E3TP_CG_JOINED * mo);
    g->max_components =
        most(g->max_components,
             ((E3TP_CG_JOINED + mo) * sizeof(e3tp_cg_component_f64) + most_room) / element);
}

/* Blocks that no path gives to are staged, too. */
static void size_staged(e3tp_cg_plan *g)
{
    const e3tp_problem *p = g->problem;
    const size_t T = e3tp_tile_lanes(p), room = E3TP_CG_STAGED / e3tp_dtype_size(p->dtype);
    for (int k = 0; k < 3; k += 2)
        for (size_t i = 0; i < p->nblocks[k]; i++) {
            const e3tp_block *b = &p->blocks[k][i];
            const size_t row = (2 * (size_t)b->l + 1) * ((b->mul + T - 1) / T * T);
            g->max_middle = most(g->max_middle, room + row);
        }
}

static void choose_scratch(e3tp_cg_plan *g)
{
    const e3tp_problem *p = g->problem;
    const size_t T = e3tp_tile_lanes(p), rows = g->sum_rows, groups = (rows + T - 1) / T;
    g->max_middle = choose_tiles_held(g) * T;
    g->lines = lines_of(g, rows);
    if (p->factor_weights)
        g->lines = e3tp_tile_count(g->lanes, T, rows, p->channels);
    for (size_t i = 0; i < p->npaths; i++) {
        const e3tp_block *b1 = e3tp_cg_block(p, i, 0), *bo = e3tp_cg_block(p, i, 2);
        const size_t n1 = 2 * (size_t)b1->l + 1, n3 = 2 * (size_t)bo->l + 1;
        if (g->path[i].channels) {
            const bool joined = p->paths[i].mode == E3TP_UVW;
            const size_t between = joined ? most(b1->mul, bo->mul) : b1->mul;
            g->max_matrix = most(g->max_matrix, joined ? n1 * n3 * T * (groups + 1)
                                                       : most(MATRIX_LINES, 2 * n1 * n3) * T);
            g->max_middle = most(g->max_middle, most(n1, n3) * ((between + T - 1) / T * T) * T);
            g->max_turned = most(g->max_turned, b1->mul * bo->mul);
        } else if (e3tp_cg_connects(&p->paths[i])) {
            size_joined(g, n3, bo->mul);
            g->max_middle = most(g->max_middle, n3 * T * groups);
        }
    }
    if (g->direct)
        size_staged(g);
    if (g->folded)
        e3tp_cg_size_classes(g);
}

static e3tp_status make_layouts(e3tp_cg_plan *g, const e3tp_allocator *a, e3tp_message *why)
{
    const e3tp_problem *p = g->problem;
    for (int k = 0; k < 4; k++) {
        const int operand = k == 3 ? 1 : k;
        const e3tp_lanes lanes = k == 3 ? E3TP_LANES_ROWS : g->lanes;
        const size_t rows = k == 2 ? g->block_rows : g->sum_rows;
        E3TP_TRY(e3tp_packed_create(&g->packed[k], p, operand, lanes, e3tp_is_uniform(p, operand),
                                    rows, a, why));
    }
    return E3TP_OK;
}

static void lay_out(e3tp_cg_plan *g)
{
    e3tp_cg_layout *s = &g->scratch;
    const size_t T = e3tp_tile_lanes(g->problem);
    for (int k = 0; k < 4; k++)
        s->v[k] = e3tp_take(&s->total, T, g->packed[k].elements, true);
    for (int i = 0; i < 2; i++)
        s->lines[i] = e3tp_take(&s->total, T, g->lines * T, true);
    for (int k = 0; k < 4; k++)
        s->g[k] = e3tp_take(&s->total, T, g->packed[k].elements, true);
    for (int k = 0; k < 3 && g->problem->factor_weights; k++)
        s->own[k] = e3tp_take(&s->total, T, g->packed[k].elements, true);
    for (int k = 0; k < 2 && g->problem->rank > 1; k++)
        s->part[k] = e3tp_take(&s->total, T, g->packed[k].elements, true);
    for (int i = 0; i < 2; i++) {
        s->middle[i] = e3tp_take(&s->total, T, g->max_middle, true);
    }
    for (int i = 0; i < 2; i++)
        s->matrix[i] = e3tp_take(&s->total, T, g->max_matrix, true);
    s->turned = e3tp_take(&s->total, T, g->max_turned, true);
    s->components = e3tp_take(&s->total, T, g->max_components, true);
    s->total_second = s->total;
    for (int k = 0; k < 4; k++)
        s->t[k] = k == 2 ? 0 : e3tp_take(&s->total_second, T, g->packed[k].elements, true);
    s->t_lines = e3tp_take(&s->total_second, T, g->lines * T, true);
}

e3tp_status e3tp_cg_plan_create(e3tp_cg_plan **out, const e3tp_problem *p, unsigned form,
                                const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_cg_plan *g = e3tp_zalloc(a, 1, sizeof *g);
    if (!g)
        return e3tp_fail(why, E3TP_E_NOMEM, "cg: no memory for the plan");
    g->problem = p;
    g->form = form;
    e3tp_status s = make_triples(g, a, why);
    if (s == E3TP_OK) {
        choose_forms(g);
        s = g->folded ? e3tp_cg_make_classes(g, a, why) : E3TP_OK;
    }
    if (s == E3TP_OK) {
        choose_rows(g);
        choose_tiles(g);
        choose_scratch(g);
        s = make_layouts(g, a, why);
    }
    if (s == E3TP_OK)
        s = make_tables(g, a, why);
    if (s == E3TP_OK)
        s = make_lists(g, a, why);
    if (s == E3TP_OK)
        s = e3tp_cg_make_groups(g, a, why);
    if (s == E3TP_OK)
        lay_out(g);
    if (s != E3TP_OK) {
        e3tp_cg_plan_destroy(g, a);
        return s;
    }
    *out = g;
    return E3TP_OK;
}

void e3tp_cg_plan_destroy(e3tp_cg_plan *g, const e3tp_allocator *a)
{
    if (!g)
        return;
    for (int k = 0; k < 4; k++)
        e3tp_packed_destroy(&g->packed[k], a);
    for (size_t i = 0; i < g->ntriples; i++)
        for (int k = 0; k < E3TP_CG_TARGETS; k++)
            e3tp_cg_table_destroy(&g->triples[i].table[k], a);
    for (int k = 0; k < E3TP_CG_TARGETS; k++) {
        e3tp_free(a, g->order[k]);
        e3tp_free(a, g->groups[k]);
    }
    for (int i = 0; i < 2; i++) {
        e3tp_cg_classes_destroy(&g->folds[i], a);
        e3tp_free(a, g->shared[i].path);
        e3tp_free(a, g->shared[i].at);
    }
    for (int k = 0; k < 3; k++)
        e3tp_free(a, g->written[k]);
    e3tp_free(a, g->triples);
    e3tp_free(a, g->entries);
    e3tp_free(a, g->path);
    e3tp_free(a, g);
}
