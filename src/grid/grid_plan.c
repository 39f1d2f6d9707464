/* SPDX-License-Identifier: MIT */
/* Plans of products of functions: terms, tables, the layout of the scratch. */
#include "grid/grid_plan.h"

/* What stands on the samples for y and z. The bracket by parts: the integral of {x, y} Y is that of
   x {y, Y}, and {f, g} = df/dphi dg/dx - df/dx dg/dphi. */
static const struct {
    e3tp_grid_kind y, z;
} term_kinds[] = {{E3TP_GRID_VALUE, E3TP_GRID_VALUE},
                  {E3TP_GRID_D_PHI, E3TP_GRID_D_X},
                  {E3TP_GRID_D_X, E3TP_GRID_MINUS_D_PHI}};

/* The terms of an operation. */
static const struct {
    size_t first, count;
} op_terms[] = {[E3TP_OP_GAUNT] = {0, 1}, [E3TP_OP_BRACKET] = {1, 2}, [E3TP_OP_COMPLETE] = {0, 3}};

static size_t signals_of(e3tp_op op, int k)
{
    return k == 0 ? 1 : op_terms[op].count;
}

static e3tp_grid_kind kind_of(e3tp_op op, int k, size_t signal)
{
    const size_t term = op_terms[op].first + signal;
    return k == 0 ? E3TP_GRID_VALUE : k == 1 ? term_kinds[term].y : term_kinds[term].z;
}

/* Blocks of operand k that couple and that the kind of signal serves: of z the value has natural
   parity, the derivatives the opposite. Returns their number. */
static size_t find_bands(const e3tp_problem *p, int k, e3tp_grid_kind kind, e3tp_grid_band *bands)
{
    size_t n = 0, line = 0;
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const e3tp_block *b = &p->blocks[k][i];
        if (e3tp_problem_uses(p, k, i) &&
            (k < 2 || e3tp_is_natural(b) == (kind == E3TP_GRID_VALUE)))
            bands[n++] = (e3tp_grid_band){b->l, line};
        line += 2 * (size_t)b->l + 1;
    }
    return n;
}

/* What an e3tp_grid_add needs. */
typedef struct transforms {
    const e3tp_problem *problem;
    e3tp_grid_transform (*of)[E3TP_GRID_TERMS]; /* [3] */
} transforms;

static void add_transforms(void *ctx, const e3tp_grid_basis *b, e3tp_grid_tables *t)
{
    const transforms *all = ctx;
    const e3tp_problem *p = all->problem;
    e3tp_grid_band bands[E3TP_GRID_BANDS];
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < signals_of(p->op, k); i++) {
            const e3tp_grid_kind kind = kind_of(p->op, k, i);
            const e3tp_grid_signal s = {kind, k == 2, NULL, find_bands(p, k, kind, bands), bands};
            e3tp_grid_add_transform(&all->of[k][i], t, b, &s);
        }
}

/* Measured on avx2, in multiply-adds of a line: a folded sample's eight classes multiplied. */
static const double sample_work = 50.0;
static const double sample_flops = 80;

/* Products of signals in a pass: every term forward; backward two of its three. */
static double products(const e3tp_problem *p, int back)
{
    return (double)((1 + back) * (int)op_terms[p->op].count);
}

/* Share of all transforms, there and back: forward x, y to samples and z back; backward all to
   samples, x and y back. */
static double share(const e3tp_problem *p, int back)
{
    const double n = (double)op_terms[p->op].count;
    return back ? (2 + 3 * n) / (2 + 4 * n) : 0.5;
}

static void set_flops(e3tp_grid_plan *g)
{
    const e3tp_problem *p = g->base.problem;
    for (int back = 0; back < 2; back++)
        g->base.flops[back] =
            (double)p->channels *
            (share(p, back) * 2 * g->base.form.tables.fma +
             products(p, back) * sample_flops * (double)e3tp_grid_points(&g->base.form.shape));
}

bool e3tp_grid_estimate(e3tp_grid_work *w, const e3tp_problem *p, e3tp_tier tier)
{
    e3tp_grid_shape shape;
    if (!e3tp_grid_choose(&shape, p, NULL))
        return false;
    e3tp_grid_transform of[3][E3TP_GRID_TERMS];
    transforms ctx = {p, of};
    e3tp_grid_basis b = {.shape = &shape, .dtype = p->dtype, .rows = e3tp_grid_rows(tier)};
    const e3tp_grid_tables t = e3tp_grid_choose_form(&b, add_transforms, &ctx);
    for (int back = 0; back < 2; back++)
        w->lines[back] = share(p, back) * e3tp_grid_transform_work(&t) +
                         products(p, back) * sample_work * (double)e3tp_grid_points(&shape);
    w->dense = !b.separable;
    return true;
}

static void set_signals(e3tp_grid_plan *g)
{
    const e3tp_problem *p = g->base.problem;
    g->terms = op_terms[p->op].count;
    for (int k = 0; k < 3; k++)
        g->signals[k] = signals_of(p->op, k);
}

/* Runs of rings as equal as can be, with samples of the signals of x and y of about a first-level
   cache. */
static void set_chunk(e3tp_grid_plan *g)
{
    const size_t ring = g->base.form.ring_step * e3tp_dtype_size(g->base.problem->dtype);
    const size_t fit = ((size_t)32 << 10) / ((1 + g->terms) * ring), rings = g->base.form.rings;
    g->chunk = g->base.form.separable && fit > 1 ? e3tp_grid_cut_rows(rings, fit).tile : 1;
}

static void lay_out(e3tp_grid_plan *g)
{
    const e3tp_grid_form *form = &g->base.form;
    const size_t T = e3tp_tile_lanes(g->base.problem), samples = e3tp_grid_samples_size(form),
                 chunk = form->separable ? g->chunk * form->ring_step : samples;
    size_t *total = &g->tiles.scratch;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < g->signals[k]; i++) {
            const size_t slots = e3tp_grid_slot_lines(&form->shape, g->of[k][i].slots) * T;
            g->at.slots[k][i] = e3tp_take(total, T, slots, true);
            g->at.back[k][i] = e3tp_take(total, T, slots, true);
            g->at.points[k][i] = e3tp_take(total, T, samples, true);
            g->at.product[k][i] = e3tp_take(total, T, chunk, true);
        }
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
    g->base.problem = p;
    g->base.run = run;
    g->base.destroy = destroy;
    set_signals(g);
    e3tp_signal_tiles_set(&g->tiles, p, g);
    g->base.lanes = g->tiles.lanes;
    g->base.block_rows = g->tiles.block_rows;
    transforms ctx = {p, g->of};
    e3tp_status status = E3TP_E_UNSUPPORTED;
    if (e3tp_grid_choose(&g->base.form.shape, p, why))
        status = e3tp_grid_form_create(&g->base.form, p->dtype, tier, add_transforms, &ctx, a, why);
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
