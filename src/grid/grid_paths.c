/* SPDX-License-Identifier: MIT */
/* Plans of the instruction product: paths grouped by pairs of blocks, transforms, scratch. */
#include "grid/grid_paths.h"

#include <stdlib.h>

#include "so3/wigner.h"

static int degree(const e3tp_problem *p, int k, size_t block)
{
    return p->blocks[k][block].l;
}

static bool is_odd(const e3tp_problem *p, const e3tp_coupling *c)
{
    return (degree(p, 0, c->in1) + degree(p, 1, c->in2) + degree(p, 2, c->out)) % 2;
}

bool e3tp_grid_serves_paths(const e3tp_problem *p, e3tp_message *why)
{
    for (size_t i = 0; i < p->npaths; i++) {
        const e3tp_coupling *c = &p->paths[i];
        if (c->mode != E3TP_UUU && c->mode != E3TP_UVU && c->mode != E3TP_UVW) {
            e3tp_fail(why, E3TP_E_UNSUPPORTED,
                      "grid: path %zu has mode %s, served are uuu, uvu and uvw", i,
                      e3tp_mode_name(c->mode));
            return false;
        }
    }
    return true;
}

/* ---- cost */

/* Measured on avx2, in multiply-adds of a line: a folded sample of a product; a line stored and
   read again. */
static const double sample_work = 50.0, line_work = 2.0;

/* One signal of degree l to or from samples, dense. */
static double transform_work(const e3tp_grid_shape *s, int l)
{
    const double points = (double)e3tp_grid_points(s);
    return (2 * l + 1) * points + line_work * E3TP_FOLD_CLASSES * points;
}

/* Bits of the signals that paths want of a block of x or y. */
static unsigned signals_of(const e3tp_problem *p, int k, size_t block)
{
    unsigned uses = 0;
    for (size_t i = 0; i < p->npaths; i++) {
        const e3tp_coupling *c = &p->paths[i];
        if ((k ? c->in2 : c->in1) == block)
            uses |= k && is_odd(p, c) ? E3TP_GRID_USES_SLOPES : E3TP_GRID_USES_VALUE;
    }
    return uses;
}

static double block_work(const e3tp_problem *p, const e3tp_grid_shape *s, int k)
{
    double work = 0;
    for (size_t i = 0; i < p->nblocks[k]; i++)
        work += (double)(p->blocks[k][i].mul * e3tp_grid_signal_count(signals_of(p, k, i))) *
                transform_work(s, p->blocks[k][i].l);
    return work;
}

/* Channels of a pair that path c joins, and results of each. */
static double joined(const e3tp_problem *p, const e3tp_coupling *c, double *results)
{
    const double m1 = (double)p->blocks[0][c->in1].mul, m2 = (double)p->blocks[1][c->in2].mul;
    *results = c->mode == E3TP_UVW ? (double)p->blocks[2][c->out].mul : 1;
    return c->mode == E3TP_UUU ? m1 : m1 * m2;
}

double e3tp_grid_paths_work(const e3tp_problem *p, const e3tp_grid_shape *s, e3tp_pass pass)
{
    const double points = (double)e3tp_grid_points(s), back = pass == E3TP_BACKWARD;
    double work = (1 + back) * (block_work(p, s, 0) + block_work(p, s, 1));
    for (size_t i = 0; i < p->npaths; i++) {
        const e3tp_coupling *c = &p->paths[i];
        const bool odd = is_odd(p, c), same = i && c[-1].in1 == c->in1 && c[-1].in2 == c->in2 &&
                                              is_odd(p, c - 1) == odd;
        const int d = 2 * degree(p, 2, c->out) + 1;
        double results;
        const double n = joined(p, c, &results), terms = 1 + odd;
        if (!same) /* paths of a pair stand together in most problems */
            work += n * terms * points *
                    (sample_work + back * (2 * sample_work + 5 * E3TP_FOLD_CLASSES));
        work += n * (1 + back) * d * (terms * points + 3 * line_work * results);
    }
    return work;
}

static void set_flops(e3tp_grid_paths *g)
{
    const e3tp_problem *p = g->base.problem;
    const double product = 80 * (double)e3tp_grid_points(&g->base.form.shape);
    double inputs = 0, outputs = 0, products = 0, lines = 0;
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < p->nblocks[k]; i++) {
            const unsigned uses = k ? g->uses[i] : signals_of(p, 0, i);
            for (int s = 0; s < E3TP_GRID_SIGNALS; s++)
                if (uses >> s & 1)
                    inputs +=
                        (double)p->blocks[k][i].mul * 2 * g->of_degree[degree(p, k, i)][s].fma;
        }
    for (size_t i = 0; i < g->npairs; i++) {
        const double m1 = (double)p->blocks[0][g->pairs[i].in1].mul,
                     m2 = (double)p->blocks[1][g->pairs[i].in2].mul,
                     n = g->pairs[i].crossed ? m1 * m2 : m1;
        for (size_t t = 0; t < g->pairs[i].terms; t++)
            outputs += n * 2 * g->sets[g->pairs[i].set].of[t].fma;
        products += n * product * (double)g->pairs[i].terms;
    }
    for (size_t i = 0; i < p->npaths; i++) {
        double results;
        const double n = joined(p, &p->paths[i], &results);
        lines += n * results * 2 * (2 * degree(p, 2, p->paths[i].out) + 1);
    }
    g->base.flops[E3TP_FORWARD] = inputs + products + outputs + lines;
    g->base.flops[E3TP_BACKWARD] = 2 * inputs + 3 * products + 2 * outputs + 2 * lines;
}

/* ---- pairs */

static int by_pair(const void *a, const void *b)
{
    const e3tp_grid_coupling *x = a, *y = b;
    if (x->in1 != y->in1)
        return x->in1 < y->in1 ? -1 : 1;
    if (x->in2 != y->in2)
        return x->in2 < y->in2 ? -1 : 1;
    if (x->odd != y->odd)
        return x->odd ? 1 : -1;
    return x->path < y->path ? -1 : x->path > y->path;
}

static void order_paths(e3tp_grid_paths *g)
{
    const e3tp_problem *p = g->base.problem;
    for (size_t i = 0; i < p->npaths; i++) {
        const e3tp_coupling *c = &p->paths[i];
        const int l1 = degree(p, 0, c->in1), l2 = degree(p, 1, c->in2), l3 = degree(p, 2, c->out);
        const bool odd = is_odd(p, c);
        const double strength = (odd ? e3tp_bracket_strength : e3tp_gaunt_strength)(l1, l2, l3);
        g->couplings[i] = (e3tp_grid_coupling){
            .in1 = c->in1,
            .in2 = c->in2,
            .odd = odd,
            .path = i,
            .scale = c->coeff * e3tp_so3_coupling_sign(l1, l2, l3, p->sign) / strength};
    }
    qsort(g->couplings, p->npaths, sizeof *g->couplings, by_pair);
}

/* The set of these degrees, new or met before. */
static size_t set_of(e3tp_grid_paths *g, uint32_t degrees, bool odd)
{
    size_t i = 0;
    while (i < g->nsets && (g->sets[i].degrees != degrees || g->sets[i].odd != odd))
        i++;
    if (i == g->nsets) {
        g->sets[i] = (e3tp_grid_set){.degrees = degrees, .odd = odd};
        for (int l = 0; l <= E3TP_GRID_LMAX; l++)
            g->sets[i].lines += degrees >> l & 1 ? 2 * (size_t)l + 1 : 0;
        g->nsets++;
    }
    return i;
}

static size_t line_of(uint32_t degrees, int degree)
{
    size_t line = 0;
    for (int l = 0; l < degree; l++)
        line += degrees >> l & 1 ? 2 * (size_t)l + 1 : 0;
    return line;
}

static void make_pair(e3tp_grid_paths *g, size_t first, size_t count)
{
    const e3tp_problem *p = g->base.problem;
    e3tp_grid_coupling *c = &g->couplings[first];
    e3tp_grid_pair *pair = &g->pairs[g->npairs++];
    uint32_t degrees = 0;
    *pair = (e3tp_grid_pair){.in1 = c->in1,
                             .in2 = c->in2,
                             .first = first,
                             .count = count,
                             .terms = c->odd ? 2 : 1,
                             .signal = c->odd ? g->uses[c->in2] & E3TP_GRID_USES_VALUE : 0};
    for (size_t i = 0; i < count; i++) {
        const e3tp_coupling *path = &p->paths[c[i].path];
        degrees |= (uint32_t)1 << degree(p, 2, path->out);
        pair->crossed = pair->crossed || path->mode != E3TP_UUU;
    }
    for (size_t i = 0; i < count; i++)
        c[i].line = line_of(degrees, degree(p, 2, p->paths[c[i].path].out));
    pair->set = set_of(g, degrees, c->odd);
    g->uses_degree[degree(p, 0, c->in1)] |= E3TP_GRID_USES_VALUE;
    g->uses_degree[degree(p, 1, c->in2)] |= g->uses[c->in2];
    if (g->kept[c->in2] != E3TP_GRID_ALL)
        g->kept[c->in2] = pair->crossed ? E3TP_GRID_ALL : E3TP_GRID_ONE;
}

static void make_pairs(e3tp_grid_paths *g)
{
    const e3tp_problem *p = g->base.problem;
    order_paths(g);
    for (size_t j = 0; j < p->nblocks[1]; j++)
        g->uses[j] = (unsigned char)signals_of(p, 1, j);
    for (size_t first = 0, n; first < p->npaths; first += n) {
        const e3tp_grid_coupling *c = &g->couplings[first];
        for (n = 1; first + n < p->npaths && c[n].in1 == c->in1 && c[n].in2 == c->in2 &&
                    c[n].odd == c->odd;)
            n++;
        make_pair(g, first, n);
    }
    for (size_t j = 0; j < p->nblocks[1]; j++) {
        g->slot[j] = g->nsignals;
        g->nsignals += e3tp_grid_signal_count(g->uses[j]) *
                       (g->kept[j] == E3TP_GRID_ALL ? p->blocks[1][j].mul : g->kept[j]);
    }
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < p->nblocks[k]; i++)
            if (p->blocks[k][i].mul > g->channels)
                g->channels = p->blocks[k][i].mul;
}

/* ---- creation */

/* Of the signals of x and y; of the results of odd sums, in the order of y's slopes (grid_plan.c).
 */
static const e3tp_grid_kind kind_of[E3TP_GRID_SIGNALS] = {E3TP_GRID_VALUE, E3TP_GRID_D_PHI,
                                                          E3TP_GRID_D_X};
static const e3tp_grid_kind kind_of_odd[2] = {E3TP_GRID_D_X, E3TP_GRID_D_PHI};
static const double factor_of_odd[2] = {1, -1};

/* The degrees of a set, for its signal s. */
static size_t bands_of(const e3tp_grid_set *set, int s, e3tp_grid_band *bands)
{
    const e3tp_grid_kind kind = set->odd ? kind_of_odd[s] : E3TP_GRID_VALUE;
    const double factor = set->odd ? factor_of_odd[s] : 1;
    size_t n = 0;
    for (int l = 0; l <= E3TP_GRID_LMAX; l++)
        if (set->degrees >> l & 1)
            bands[n++] = (e3tp_grid_band){l, line_of(set->degrees, l), kind, factor};
    return n;
}

static void add_transforms(void *ctx, const e3tp_grid_basis *b, e3tp_fold_tables *t)
{
    e3tp_grid_paths *g = ctx;
    for (int l = 0; l <= E3TP_GRID_INPUT_LMAX; l++)
        for (int s = 0; s < E3TP_GRID_SIGNALS; s++)
            if (g->uses_degree[l] >> s & 1)
                e3tp_grid_add_transform(
                    &g->of_degree[l][s], t, b,
                    &(e3tp_grid_signal){false, 2, 1, &(e3tp_grid_band){l, 0, kind_of[s], 1}});
    for (size_t i = 0; i < g->nsets; i++) {
        for (int s = 0; s < 1 + g->sets[i].odd; s++) {
            e3tp_grid_band bands[E3TP_GRID_BANDS];
            const size_t n = bands_of(&g->sets[i], s, bands);
            e3tp_grid_add_transform(&g->sets[i].of[s], t, b,
                                    &(e3tp_grid_signal){true, 2, n, bands});
        }
    }
}

static void destroy(void *plan, const e3tp_allocator *a)
{
    e3tp_grid_paths *g = plan;
    for (int k = 0; k < 3; k++)
        e3tp_packed_destroy(&g->packed[k], a);
    e3tp_grid_form_destroy(&g->base.form, a);
    e3tp_free(a, g->couplings);
    e3tp_free(a, g->pairs);
    e3tp_free(a, g->sets);
    e3tp_free(a, g->slot);
    e3tp_free(a, g->kept);
    e3tp_free(a, g->uses);
    e3tp_free(a, g);
}

static e3tp_status build(e3tp_grid_paths *g, e3tp_tier tier, const e3tp_allocator *a,
                         e3tp_message *why)
{
    const e3tp_problem *p = g->base.problem;
    g->couplings = e3tp_alloc(a, p->npaths, sizeof *g->couplings);
    g->pairs = e3tp_alloc(a, p->npaths, sizeof *g->pairs);
    g->sets = e3tp_alloc(a, p->npaths, sizeof *g->sets);
    g->slot = e3tp_alloc(a, p->nblocks[1], sizeof *g->slot);
    g->kept = e3tp_zalloc(a, p->nblocks[1], sizeof *g->kept);
    g->uses = e3tp_alloc(a, p->nblocks[1], sizeof *g->uses);
    if (!g->couplings || !g->pairs || !g->sets || !g->slot || !g->kept || !g->uses)
        return e3tp_fail(why, E3TP_E_NOMEM, "grid: no memory for %zu paths", p->npaths);
    make_pairs(g);
    if (!e3tp_grid_choose(&g->base.form.shape, p, why))
        return E3TP_E_UNSUPPORTED;
    E3TP_TRY(e3tp_grid_form_create(&g->base.form, p->dtype, tier, add_transforms, g, a, why));
    for (int k = 0; k < 3; k++)
        E3TP_TRY(e3tp_packed_create(&g->packed[k], p, k, g->base.lanes, false, g->base.block_rows,
                                    a, why));
    return E3TP_OK;
}

e3tp_status e3tp_grid_paths_create(void **out, const e3tp_problem *p, e3tp_tier tier,
                                   const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_grid_paths *g = e3tp_zalloc(a, 1, sizeof *g);
    if (!g)
        return e3tp_fail(why, E3TP_E_NOMEM, "grid: no memory for the plan");
    g->base.problem = p;
    g->base.destroy = destroy;
    g->base.lanes = E3TP_LANES_ROWS;
    g->base.block_rows = e3tp_tile_lanes(p);
    const e3tp_status status = build(g, tier, a, why);
    if (status != E3TP_OK) {
        destroy(g, a);
        return status;
    }
    set_flops(g);
    g->base.scratch = e3tp_grid_paths_lay_out(g).total;
    *out = g;
    return E3TP_OK;
}

/* ---- scratch */

static size_t most_slots(const e3tp_grid_paths *g)
{
    size_t most = 0;
    for (int l = 0; l <= E3TP_GRID_INPUT_LMAX; l++)
        for (int s = 0; s < E3TP_GRID_SIGNALS; s++)
            if (g->of_degree[l][s].slots > most)
                most = g->of_degree[l][s].slots;
    for (size_t i = 0; i < g->nsets; i++)
        for (int s = 0; s < 2; s++)
            if (g->sets[i].of[s].slots > most)
                most = g->sets[i].of[s].slots;
    return e3tp_fold_slot_lines(most, (size_t)g->base.form.shape.rings);
}

static size_t most_lines(const e3tp_grid_paths *g)
{
    size_t most = 0;
    for (size_t i = 0; i < g->nsets; i++)
        most = g->sets[i].lines > most ? g->sets[i].lines : most;
    return most;
}

e3tp_grid_paths_layout e3tp_grid_paths_lay_out(const e3tp_grid_paths *g)
{
    const e3tp_problem *p = g->base.problem;
    const size_t T = e3tp_tile_lanes(p), samples = e3tp_grid_samples_size(&g->base.form),
                 weights = e3tp_spread_row_weights(p) * T, lines = most_lines(g) * T;
    e3tp_grid_paths_layout l = {0};
    for (int k = 0; k < 3; k++)
        l.v[k] = e3tp_take(&l.total, T, g->packed[k].elements, false);
    for (int k = 0; k < 2; k++)
        l.g[k] = e3tp_take(&l.total, T, g->packed[k].elements, false);
    l.w = e3tp_take(&l.total, T, weights, false);
    l.gw = e3tp_take(&l.total, T, weights, false);
    l.x = e3tp_take(&l.total, T, samples, true);
    l.gx = e3tp_take(&l.total, T, samples, true);
    l.gz = e3tp_take(&l.total, T, samples, true);
    l.product = e3tp_take(&l.total, T, samples, true);
    l.y = e3tp_take(&l.total, T, g->nsignals * samples, true);
    l.gy = e3tp_take(&l.total, T, g->nsignals * samples, true);
    l.slots = e3tp_take(&l.total, T, most_slots(g) * T, true);
    l.analysed = e3tp_take(&l.total, T, lines, false);
    l.summed = e3tp_take(&l.total, T, lines, false);
    return l;
}
