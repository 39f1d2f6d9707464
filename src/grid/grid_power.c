/* SPDX-License-Identifier: MIT */
/* Plans of powers: two transforms, weights as an operand, the layout of the scratch. */
#include "grid/grid_power.h"

static size_t find_bands(const e3tp_problem *p, int k, e3tp_grid_band *bands)
{
    size_t n = 0, line = 0;
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        if (e3tp_problem_uses(p, k, i))
            bands[n++] = (e3tp_grid_band){p->blocks[k][i].l, line, E3TP_GRID_VALUE, 1};
        line += 2 * (size_t)p->blocks[k][i].l + 1;
    }
    return n;
}

/* What an e3tp_grid_add needs. */
typedef struct transforms {
    const e3tp_problem *problem;
    e3tp_grid_transform *of; /* [3] */
} transforms;

static void add_transforms(void *ctx, const e3tp_grid_basis *b, e3tp_fold_tables *t)
{
    const transforms *all = ctx;
    e3tp_grid_band bands[E3TP_GRID_BANDS];
    for (int k = 0; k < 3; k += 2) {
        const e3tp_grid_signal s = {k == 2, E3TP_FOLD_CLASSES, find_bands(all->problem, k, bands),
                                    bands};
        e3tp_grid_add_transform(&all->of[k], t, b, &s);
    }
}

/* Powers that are analysed. */
static int powers(const e3tp_problem *p)
{
    return p->power - e3tp_grid_least_power(p) + 1;
}

/* Measured on avx2, in multiply-adds of a line: a folded sample's eight classes brought to images
   or back; powers taken and added. */
static const double turn_work = 20.0, power_work = 12.0;
static const double turn_flops = 24, power_flops = 16;

/* Syntheses and analyses of a pass: of x, and of z for each power, with weights whose gradient is
   wanted and whose tangent is there, or without. */
static const int x_transforms[] = {
    [E3TP_FORWARD] = 1, [E3TP_BACKWARD] = 2, [E3TP_DOUBLE_BACKWARD] = 3, [E3TP_JVP] = 2};
static const int z_transforms[][2] = {[E3TP_FORWARD] = {1, 1},
                                      [E3TP_BACKWARD] = {1, 2},
                                      [E3TP_DOUBLE_BACKWARD] = {2, 4},
                                      [E3TP_JVP] = {1, 2}};

static double all_z_transforms(const e3tp_problem *p, e3tp_pass pass)
{
    return powers(p) * z_transforms[pass][p->weight_numel > 0];
}

static double transform_share(const e3tp_problem *p, e3tp_pass pass, double x, double z)
{
    return x_transforms[pass] * x + all_z_transforms(p, pass) * z;
}

static double samples_share(const e3tp_problem *p, e3tp_pass pass, double turn, double power)
{
    return x_transforms[pass] * turn + all_z_transforms(p, pass) * (turn + power);
}

bool e3tp_grid_power_estimate(e3tp_grid_work *w, const e3tp_problem *p, e3tp_tier tier)
{
    e3tp_grid_shape shape;
    if (!e3tp_grid_choose(&shape, p, NULL))
        return false;
    e3tp_grid_transform of[3];
    transforms ctx = {p, of};
    e3tp_grid_basis b = {.shape = &shape, .dtype = p->dtype, .rows = e3tp_fold_rows(tier)};
    const e3tp_fold_tables t = e3tp_grid_choose_form(&b, add_transforms, &ctx);
    const double overhead = e3tp_fold_work(&t) / (t.fma > 0 ? t.fma : 1);
    for (int pass = E3TP_FORWARD; pass <= E3TP_BACKWARD; pass++)
        w->lines[pass] = overhead * transform_share(p, (e3tp_pass)pass, of[0].fma, of[2].fma) +
                         samples_share(p, (e3tp_pass)pass, turn_work, power_work) *
                             (double)e3tp_grid_points(&shape);
    return true;
}

static void set_flops(e3tp_grid_power *g, const e3tp_problem *p)
{
    for (int pass = E3TP_FORWARD; pass <= E3TP_JVP; pass++)
        g->base.flops[pass] = (double)p->channels *
                              (2 * transform_share(p, (e3tp_pass)pass, g->of[0].fma, g->of[2].fma) +
                               samples_share(p, (e3tp_pass)pass, turn_flops, power_flops) *
                                   (double)e3tp_grid_points(&g->base.form.shape));
}

/* Weights lie as components of one or two blocks would, channels innermost. */
static void set_operands(e3tp_grid_power *g, const e3tp_problem *p)
{
    const size_t n = (size_t)p->power * p->nblocks[2];
    g->operands = *p;
    g->operands.blocks[1] = g->weights;
    g->operands.layout[1] = E3TP_IR_MUL;
    if (p->weight_numel) {
        const int even = n % 2 == 0, l = (int)(n - 1 - (size_t)even) / 2;
        g->weights[0] = (e3tp_block){l, 1, p->channels, 0, l};
        g->weights[1] = (e3tp_block){0, 1, p->channels, (n - 1) * p->channels, 0};
        g->operands.nblocks[1] = 1 + (size_t)even;
        g->operands.dim[1] = p->weight_numel;
        g->operands.weight_numel = 0;
    }
}

static void set_linear(e3tp_grid_power *g, const e3tp_problem *p)
{
    for (size_t i = 0; i < p->nblocks[2]; i++) {
        int32_t line = 0;
        g->linear[i] = -1;
        for (size_t j = 0; j < p->nblocks[0]; j++) {
            if (p->blocks[0][j].l == p->blocks[2][i].l)
                g->linear[i] = line;
            line += 2 * p->blocks[0][j].l + 1;
        }
    }
}

static void lay_out(e3tp_grid_power *g)
{
    const e3tp_grid_form *form = &g->base.form;
    const size_t T = e3tp_tile_lanes(g->base.problem), samples = e3tp_grid_samples_size(form);
    const size_t most = g->of[0].slots > g->of[2].slots ? g->of[0].slots : g->of[2].slots;
    size_t *total = &g->tiles.scratch;
    g->slots = e3tp_take(total, T, e3tp_fold_slot_lines(most, (size_t)form->shape.rings) * T, true);
    g->samples = e3tp_take(total, T, samples, true);
    g->slope = e3tp_take(total, T, samples, true);
    g->sum = e3tp_take(total, T, samples, true);
    g->one = e3tp_take(total, T, samples, true);
    g->line = e3tp_take(total, T, g->tiles.components[2] * T, true);
    g->base.scratch = g->tiles.scratch;
}

/* Weights in place of y. */
static e3tp_rows rows_of(const e3tp_grid_power *g, const e3tp_rows *r)
{
    e3tp_rows rows = *r;
    rows.y = r->w, rows.sy = r->sw, rows.iy = r->iw;
    rows.gy = g->base.problem->weight_numel ? r->gw : NULL;
    rows.w = NULL, rows.gw = NULL, rows.sw = 0, rows.iw = NULL;
    return rows;
}

static void run(const void *plan, e3tp_pass pass, const e3tp_rows *r, void *scratch)
{
    const e3tp_grid_power *g = plan;
    const e3tp_rows rows = rows_of(g, r);
    e3tp_signal_run(&g->tiles, pass, &rows, scratch);
}

static void run_second(const void *plan, const e3tp_rows *r, const e3tp_tangents *t, void *scratch)
{
    const e3tp_grid_power *g = plan;
    const e3tp_rows rows = rows_of(g, r);
    const e3tp_tangents tangents = {t->x, g->base.problem->weight_numel ? t->w : NULL, NULL};
    e3tp_signal_run_second(&g->tiles, &rows, &tangents, scratch);
}

static void destroy(void *plan, const e3tp_allocator *a)
{
    e3tp_grid_power *g = plan;
    e3tp_grid_form_destroy(&g->base.form, a);
    e3tp_free(a, g);
}

e3tp_status e3tp_grid_power_create(void **out, const e3tp_problem *p, e3tp_tier tier,
                                   const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_grid_power *g = e3tp_zalloc(a, 1, sizeof *g);
    if (!g)
        return e3tp_fail(why, E3TP_E_NOMEM, "grid: no memory for the plan");
    g->base.problem = p;
    g->base.run = run;
    g->base.run_second = run_second;
    g->base.destroy = destroy;
    set_operands(g, p);
    set_linear(g, p);
    e3tp_signal_tiles_set(&g->tiles, &g->operands, g, 1);
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
    set_flops(g, p);
    lay_out(g);
    *out = g;
    return E3TP_OK;
}
