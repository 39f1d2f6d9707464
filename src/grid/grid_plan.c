/* SPDX-License-Identifier: MIT */
/* Plans of products of signals: terms of functions, tables, the layout of the scratch. */
#include "grid/grid_plan.h"

/* What stands on the samples for y and z. The bracket by parts: the integral of {x, y} Y is that of
   x {y, Y}, and {f, g} = df/dphi dg/dx - df/dx dg/dphi. */
static const struct {
    e3tp_grid_kind y, z;
    double z_factor;
} term_kinds[] = {{E3TP_GRID_VALUE, E3TP_GRID_VALUE, 1},
                  {E3TP_GRID_D_PHI, E3TP_GRID_D_X, 1},
                  {E3TP_GRID_D_X, E3TP_GRID_D_PHI, -1}};

/* The terms of an operation; a function among fields is a value. */
static const struct {
    size_t first, count;
} op_terms[] = {[E3TP_OP_GAUNT] = {0, 1},
                [E3TP_OP_BRACKET] = {1, 2},
                [E3TP_OP_COMPLETE] = {0, 3},
                [E3TP_OP_DOT] = {0, 0}};

static e3tp_grid_kind kind_of(e3tp_op op, int k, size_t signal)
{
    const size_t term = op_terms[op].first + signal;
    return k == 0 ? E3TP_GRID_VALUE : k == 1 ? term_kinds[term].y : term_kinds[term].z;
}

/* Blocks of operand k of functions that couple and that a signal serves: of z the value has natural
   parity, the derivatives the opposite. Returns their number. */
static size_t find_bands(const e3tp_grid_plan *g, int k, size_t signal, e3tp_grid_band *bands)
{
    const e3tp_problem *p = g->base.problem;
    const e3tp_grid_kind kind = kind_of(p->op, k, signal);
    const double factor = k == 2 ? term_kinds[op_terms[p->op].first + signal].z_factor : 1;
    size_t n = 0, line = 0;
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const e3tp_block *b = &p->blocks[k][i];
        if (g->used[k][i] && (k < 2 || e3tp_is_natural(b) == (kind == E3TP_GRID_VALUE)))
            bands[n++] = (e3tp_grid_band){b->l, line, kind, factor};
        line += 2 * (size_t)b->l + 1;
    }
    return n;
}

static void add_transforms(void *ctx, const e3tp_grid_basis *b, e3tp_fold_tables *t)
{
    e3tp_grid_plan *g = ctx;
    const e3tp_problem *p = g->base.problem;
    const int images = e3tp_grid_has_fields(p) ? E3TP_FOLD_CLASSES : 2;
    e3tp_grid_band bands[E3TP_GRID_BANDS];
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < g->signals[k]; i++) {
            if (!g->live[k][i])
                continue;
            const size_t n = e3tp_signal_is_field(p->op, k)
                                 ? e3tp_grid_component(g, k, (int)i, bands)
                                 : find_bands(g, k, i, bands);
            const e3tp_grid_signal s = {k == 2, images, n, bands};
            e3tp_grid_add_transform(&g->of[k][i], t, b, &s);
        }
}

/* Measured on avx2, in multiply-adds of a line: of a folded sample the eight classes multiplied;
   unfolded; a product added to its images, and the sum of products stored and folded. A signal of a
   field on its way there or back, besides. */
static const double sample_work = 50.0, unfold_work = 30.0, product_work = 12.0, fold_work = 24.0,
                    signal_work = 70.0;
static const double sample_flops = 80, unfold_flops = 24, product_flops = 16;

/* Of a pass on a folded sample, times what each is worth: signals unfolded, their products added,
   the first of a sum without an addition, and results folded. */
static double count_fields(const e3tp_grid_plan *g, int back, double unfold, double product,
                           double fold)
{
    double count = 0;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < g->signals[k]; i++) {
            const bool operand = back || k < 2, result = back ? k < 2 : k == 2;
            if (g->live[k][i])
                count +=
                    operand * unfold + result * (fold + product * (double)g->fields.sum[k][i].n);
        }
    return count;
}

/* Of functions: every term is a product forward; backward two of its three. */
static double count_flops(const e3tp_grid_plan *g, int back)
{
    if (e3tp_grid_has_fields(g->base.problem))
        return count_fields(g, back, unfold_flops, product_flops, unfold_flops - E3TP_FOLD_CLASSES);
    return (double)((1 + back) * (int)g->terms) * sample_flops;
}

static double count_work(const e3tp_grid_plan *g, int back)
{
    const double points = (double)e3tp_grid_points(&g->base.form.shape);
    if (e3tp_grid_has_fields(g->base.problem))
        return points * count_fields(g, back, unfold_work, product_work, fold_work) +
               count_fields(g, back, signal_work, 0, signal_work);
    return points * (double)((1 + back) * (int)g->terms) * sample_work;
}

/* Share of all transforms, there and back: forward x, y to samples and z back; backward all to
   samples, x and y back. */
static double share(const e3tp_grid_plan *g, int back)
{
    double all = 0, done = 0;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < g->signals[k]; i++) {
            all += g->of[k][i].fma;
            done += g->of[k][i].fma * e3tp_signal_ways(g->base.problem, k, back);
        }
    return all > 0 ? 0.5 * done / all : 0.5;
}

static void set_flops(e3tp_grid_plan *g)
{
    for (int back = 0; back < 2; back++)
        g->base.flops[back] =
            (double)g->base.problem->channels *
            (share(g, back) * 2 * g->base.form.tables.fma +
             count_flops(g, back) * (double)e3tp_grid_points(&g->base.form.shape));
}

static void set_signals(e3tp_grid_plan *g, const e3tp_problem *p)
{
    g->base.problem = p;
    for (size_t i = 0; i < p->npaths; i++) {
        const e3tp_coupling *c = &p->paths[i];
        g->used[0][c->in1] = g->used[1][c->in2] = g->used[2][c->out] = true;
    }
    if (e3tp_grid_has_fields(p)) {
        e3tp_grid_set_fields(g);
        return;
    }
    g->terms = op_terms[p->op].count;
    for (int k = 0; k < 3; k++) {
        g->signals[k] = k == 0 ? 1 : g->terms;
        for (size_t i = 0; i < g->signals[k]; i++)
            g->live[k][i] = true;
    }
}

bool e3tp_grid_estimate(e3tp_grid_work *w, const e3tp_problem *p, e3tp_tier tier)
{
    e3tp_grid_plan g = {0};
    e3tp_grid_shape *shape = &g.base.form.shape;
    if (!e3tp_grid_choose(shape, p, NULL))
        return false;
    set_signals(&g, p);
    e3tp_grid_basis b = {.shape = shape, .dtype = p->dtype, .rows = e3tp_fold_rows(tier)};
    const e3tp_fold_tables t = e3tp_grid_choose_form(&b, add_transforms, &g);
    for (int back = 0; back < 2; back++)
        w->lines[back] = share(&g, back) * e3tp_fold_work(&t) + count_work(&g, back);
    return true;
}

/* Runs of rings as equal as can be, with samples of the signals of x and y of about a first-level
   cache. */
static void set_chunk(e3tp_grid_plan *g)
{
    const size_t ring = g->base.form.ring_step * e3tp_dtype_size(g->base.problem->dtype);
    const size_t fit = ((size_t)32 << 10) / ((g->signals[0] + g->signals[1]) * ring),
                 rings = g->base.form.rings;
    g->chunk = g->base.form.separable && fit > 1 ? e3tp_fold_cut_rows(rings, fit).tile : 1;
}

static void lay_out(e3tp_grid_plan *g)
{
    const e3tp_grid_form *form = &g->base.form;
    const size_t T = e3tp_tile_lanes(g->base.problem), samples = e3tp_grid_samples_size(form),
                 chunk = form->separable ? g->chunk * form->ring_step : samples;
    size_t *total = &g->tiles.scratch;
    const size_t first = *total;
    for (int k = 0; k < 3; k++) {
        const size_t turned = g->fields.nturns[k] ? g->tiles.components[k] * T : 0;
        g->at.turned[k] = e3tp_take(total, T, turned, true);
        for (size_t i = 0; i < g->signals[k]; i++) {
            const size_t slots =
                e3tp_fold_slot_lines(g->of[k][i].slots, (size_t)form->shape.rings) * T;
            g->at.slots[k][i] = e3tp_take(total, T, slots, true);
            g->at.back[k][i] = e3tp_take(total, T, slots, true);
            g->at.points[k][i] = e3tp_take(total, T, samples, true);
            g->at.product[k][i] =
                e3tp_take(total, T, e3tp_signal_joins(g->base.problem, k) ? samples : chunk, true);
        }
    }
    g->apart = *total - first;
    *total += (g->tiles.at_once - 1) * g->apart;
}

static void run(const void *plan, e3tp_pass pass, const e3tp_rows *r, void *scratch)
{
    e3tp_signal_run(&((const e3tp_grid_plan *)plan)->tiles, pass, r, scratch);
}

static void destroy(void *plan, const e3tp_allocator *a)
{
    e3tp_grid_plan *g = plan;
    e3tp_grid_form_destroy(&g->base.form, a);
    e3tp_free(a, g);
}

e3tp_status e3tp_grid_plan_create(void **out, const e3tp_problem *p, e3tp_tier tier,
                                  const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_grid_plan *g = e3tp_zalloc(a, 1, sizeof *g);
    if (!g)
        return e3tp_fail(why, E3TP_E_NOMEM, "grid: no memory for the plan");
    set_signals(g, p);
    g->base.run = run;
    g->base.destroy = destroy;
    e3tp_signal_tiles_set(&g->tiles, p, g, e3tp_fold_repeats(tier));
    g->base.lanes = g->tiles.lanes;
    g->base.block_rows = g->tiles.block_rows;
    e3tp_status status = E3TP_E_UNSUPPORTED;
    if (e3tp_grid_choose(&g->base.form.shape, p, why))
        status = e3tp_grid_form_create(&g->base.form, p->dtype, tier, add_transforms, g, a, why);
    if (status != E3TP_OK) {
        destroy(g, a);
        return status;
    }
    set_chunk(g);
    set_flops(g);
    lay_out(g);
    g->base.scratch = g->tiles.scratch;
    *out = g;
    return E3TP_OK;
}
