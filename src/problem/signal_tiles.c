/* SPDX-License-Identifier: MIT */
/* Sizes of the walk: lanes, blocks of rows, tiles that are packed together. */
#include "problem/signal_tiles.h"

/* Lanes over channels where they fill the tiles to 4/5, or where calls are smaller than a tile;
   over rows where those are adjacent in memory. */
static e3tp_lanes choose_lanes(const e3tp_problem *p)
{
    const size_t T = e3tp_tile_lanes(p), C = p->channels;
    const size_t padded = (C + T - 1) / T * T;
    size_t adjacent = 0;
    for (int k = 0; k < 3; k++)
        adjacent += p->layout[k] == E3TP_BATCH_LAST;
    if (p->batch_hint && p->batch_hint < T && C > p->batch_hint)
        return E3TP_LANES_CHANNELS;
    return C && 5 * C >= 4 * padded && adjacent < 2 ? E3TP_LANES_CHANNELS : E3TP_LANES_ROWS;
}

/* Lines of a tile's factors of operand k. */
static size_t factor_lines(const e3tp_problem *p, int k)
{
    return p->factor_weights ? e3tp_problem_terms(p, k) * p->nblocks[k] : 0;
}

/* Some kilobytes of operands, factors and results: calls that pack single tiles cost as much as
   packing. */
static size_t choose_together(const e3tp_signal_tiles *s)
{
    size_t lines = 1;
    for (int k = 0; k < 3; k++)
        lines += s->lines[k] + factor_lines(s->problem, k);
    const size_t fit = ((size_t)48 << 10) / (64 * lines);
    return fit < 1 ? 1 : fit;
}

/* Blocks of at most 64 rows or 2048 lanes and about 200 KB: small enough to share out among
 * threads.
 */
static size_t choose_block_rows(const e3tp_signal_tiles *s)
{
    const e3tp_problem *p = s->problem;
    const size_t row =
        (p->dim[0] + p->dim[1] + p->dim[2] + e3tp_row_weights(p) + 1) * e3tp_dtype_size(p->dtype);
    const size_t most = p->channels && p->channels < 32 ? 2048 / p->channels : 64;
    const size_t fit = ((size_t)192 << 10) / row,
                 rows = (fit < most ? fit : most) / s->row_step * s->row_step;
    return rows < s->row_step ? s->row_step : rows;
}

static void take(e3tp_signal_tiles *s)
{
    const e3tp_problem *p = s->problem;
    const size_t T = e3tp_tile_lanes(p), tiles = s->together,
                 row = tiles < s->group_tiles ? s->group_tiles : tiles;
    for (int k = 0; k < 3; k++) {
        const size_t factors = factor_lines(p, k) * T, components = s->components[k] * T;
        s->in[k] = e3tp_take(&s->scratch, T, tiles * s->lines[k] * T, false);
        s->out[k] = e3tp_take(&s->scratch, T, tiles * components, false);
        s->w[k] = e3tp_take(&s->scratch, T, row * factors, false);
        s->gw[k] = e3tp_take(&s->scratch, T, tiles * factors, false);
        s->scaled[k] = e3tp_take(&s->scratch, T, factors ? s->at_once * components : 0, false);
    }
    for (int k = 0; k < 3 && p->factor_weights && (p->rank > 1 || p->common_y); k++)
        s->part[k] = e3tp_take(&s->scratch, T, s->at_once * s->components[k] * T, false);
}

static bool is_symmetric(const e3tp_problem *p)
{
    bool yes = p->op == E3TP_OP_GAUNT && !p->common_y && !p->zonal &&
               p->layout[0] == p->layout[1] && p->nblocks[0] == p->nblocks[1];
    for (size_t i = 0; yes && i < p->nblocks[0]; i++)
        yes = p->blocks[0][i].l == p->blocks[1][i].l;
    return yes;
}

void e3tp_signal_tiles_set(e3tp_signal_tiles *s, const e3tp_problem *p, const void *plan,
                           size_t at_once)
{
    const size_t T = e3tp_tile_lanes(p), C = p->channels;
    *s = (e3tp_signal_tiles){.problem = p,
                             .plan = plan,
                             .at_once = at_once,
                             .lanes = choose_lanes(p),
                             .powers = p->op == E3TP_OP_GAUNT_POWER,
                             .symmetric = is_symmetric(p)};
    s->row_step = s->lanes == E3TP_LANES_ROWS ? T : 1;
    s->group_tiles = s->lanes == E3TP_LANES_ROWS ? C : (C + T - 1) / T;
    for (int k = 0; k < 3; k++) {
        for (size_t i = 0; i < p->nblocks[k]; i++) {
            s->d[k][i] = 2 * p->blocks[k][i].l + 1;
            s->components[k] += (size_t)s->d[k][i];
            s->idle[k] = s->idle[k] || !e3tp_problem_uses(p, k, i);
        }
        s->lines[k] = s->components[k] * (s->powers && k < 2 ? 2 : 1);
    }
    s->together = choose_together(s);
    s->block_rows = choose_block_rows(s);
    take(s);
}

/* Measured on avx2. */
static const double seconds_per_packed_line = 1.9e-9, seconds_per_tile = 120e-9;

/* Of a row, or of T rows. */
static double group_tiles(const e3tp_problem *p)
{
    const size_t T = e3tp_tile_lanes(p), C = p->channels;
    return (double)(choose_lanes(p) == E3TP_LANES_CHANNELS ? (C + T - 1) / T : C);
}

double e3tp_signal_ways(const e3tp_problem *p, int k, int back)
{
    const double many = !p->channels || !e3tp_signal_joins(p, k) ? 1
                        : k == 1                                 ? group_tiles(p)
                                                                 : (double)p->rank;
    return (k == 2 ? 1 : 1 + back) / many;
}

double e3tp_signal_seconds(const e3tp_problem *p, e3tp_pass pass, double tile)
{
    const size_t rows = choose_lanes(p) == E3TP_LANES_CHANNELS ? 1 : e3tp_tile_lanes(p);
    const double tiles = group_tiles(p) / (double)rows;
    double lines = 0;
    for (int k = 0; k < 3 && p->channels; k++)
        lines += k == 1 && p->common_y ? (double)p->dim[k] / group_tiles(p)
                                       : (double)(p->dim[k] / p->channels);
    const double packing =
        lines * (pass == E3TP_BACKWARD ? 2 : 1) * seconds_per_packed_line / (double)p->rank;
    return tiles * (tile + packing + seconds_per_tile);
}

typedef void walk(const e3tp_signal_tiles *s, e3tp_pass pass, const e3tp_rows *r,
                  const e3tp_tangents *t, void *scratch);

/* A struct of the template is one function. */
static walk *walk_of(e3tp_dtype t, e3tp_tier tier)
{
#define WALK(type, name, suffix, index)                                   \
    case index:                                                           \
        return t == E3TP_F64 ? e3tp_signal_tiles_kernels_f64_##suffix.run \
                             : e3tp_signal_tiles_kernels_f32_##suffix.run;
    switch (tier) {
        E3TP_RUNNERS_TIERS(WALK, , )
    default:
        return NULL;
    }
}

void e3tp_signal_bind(e3tp_signal_tiles *s, const e3tp_signal_runner *r, e3tp_tier tier)
{
    s->tile = r->tile;
    s->span = r->span;
    s->walk = walk_of(s->problem->dtype, tier);
}

size_t e3tp_signal_block_rows(const void *plan, e3tp_pass pass)
{
    (void)pass;
    return ((const e3tp_signal_tiles *)plan)->block_rows;
}

size_t e3tp_signal_scratch_bytes(const void *plan, e3tp_pass pass)
{
    (void)pass;
    const e3tp_signal_tiles *s = plan;
    return s->scratch * e3tp_dtype_size(s->problem->dtype);
}

void e3tp_signal_run(const void *plan, e3tp_pass pass, const e3tp_rows *r, void *scratch)
{
    const e3tp_signal_tiles *s = plan;
    s->walk(s, pass, r, NULL, scratch);
}

void e3tp_signal_run_second(const void *plan, const e3tp_rows *r, const e3tp_tangents *t,
                            void *scratch)
{
    const e3tp_signal_tiles *s = plan;
    s->walk(s, E3TP_DOUBLE_BACKWARD, r, t, scratch);
}
