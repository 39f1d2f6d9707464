/* SPDX-License-Identifier: MIT */
/* The backend's vtable. */
#include "cg/cg.h"

#include <math.h>

#include "cg/cg_pairs.h"
#include "cg/cg_plan.h"
#include "cg/cg_signals.h"
#include "cg/cg_zonal.h"
#include "core/tiers.h"

E3TP_RUNNERS(e3tp_cg_runner, e3tp_cg_runner, runners);

/* Tables of all orders of higher degrees are too large to be read as fast as samples are made. */
static bool applicable(const e3tp_problem *p, e3tp_message *why)
{
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < p->nblocks[k]; i++)
            if (p->blocks[k][i].l > E3TP_PAIRED_LMAX) {
                e3tp_fail(why, E3TP_E_UNSUPPORTED, "cg: degree %d of %c; served are degrees to %d",
                          p->blocks[k][i].l, "xy"[k], E3TP_PAIRED_LMAX);
                return false;
            }
    return true;
}

/* Orders that couple: |m3| is the sum or the difference of |m1| and |m2|, for either sign of both;
   0, 0, 0 where l1 + l2 + l3 is even. A few of them may have a coefficient of 0. */
static double coupled(const e3tp_problem *p, const e3tp_coupling *c)
{
    const int l1 = p->blocks[0][c->in1].l, l2 = p->blocks[1][c->in2].l, l3 = p->blocks[2][c->out].l;
    int n = (l1 + l2 + l3) % 2 == 0;
    for (int a = 0; a <= l1; a++)
        for (int b = !a; b <= l2; b++) {
            const int signs = (a ? 2 : 1) * (b ? 2 : 1), difference = a > b ? a - b : b - a;
            n += a + b <= l3 ? signs : 0;
            if (a && b && difference <= l3)
                n += difference ? signs : 2; /* m3 = 0: for equal signs, or for unequal ones */
        }
    return n;
}

/* Flops that a path needs per row: three per non-zero and pair of channels where each lane has its
   own y, and one per result for the weight; uvu and uvw: a multiply-add per element of the matrix
   and channel, two for the weight; where a matrix of weights connects the channels, the product
   with it on top, in uvw before or after that of y, where components are fewer. */
static double path_flops(const e3tp_problem *p, const e3tp_coupling *c, double nnz)
{
    const e3tp_block *b1 = &p->blocks[0][c->in1], *b2 = &p->blocks[1][c->in2],
                     *bo = &p->blocks[2][c->out];
    const double n1 = 2 * b1->l + 1, n3 = 2 * bo->l + 1, m1 = (double)b1->mul, m2 = (double)b2->mul,
                 mo = (double)bo->mul, pairs = m1 * (m1 - 1) / 2;
    const double each = 3 * nnz + (c->has_weight ? n3 : 0), matrix = 2 * mo * n3;
    switch (c->mode) {
    case E3TP_UUU:
        return m1 * each;
    case E3TP_UUW:
        return m1 * (3 * nnz + matrix);
    case E3TP_UVV:
    case E3TP_UVUV:
        return m1 * m2 * each;
    case E3TP_UVU_LT_V:
        return pairs * each;
    case E3TP_U_LT_VW:
        return pairs * (3 * nnz + matrix);
    case E3TP_UVW:
        return m2 * (2 * nnz + 2 * n1 * n3 * (n1 < n3 ? mo : m1) + 2 * m1 * mo * fmin(n1, n3));
    case E3TP_UVU:
        break;
    }
    return m2 * (2 * nnz + m1 * (2 * n1 * n3 + (c->has_weight ? n1 : 0)));
}

/* Of a path that is one of those of a matrix: the matrix's product with the channels counts for the
   first of them. */
static double folded_flops(const e3tp_problem *p, size_t path, double nnz)
{
    const e3tp_coupling *c = &p->paths[path];
    const e3tp_block *b1 = &p->blocks[0][c->in1], *b2 = &p->blocks[1][c->in2],
                     *bo = &p->blocks[2][c->out];
    bool first = true;
    for (size_t i = 0; i < path; i++)
        first = first && !(p->paths[i].in1 == c->in1 && p->paths[i].out == c->out);
    const double matrix = 2 * (2 * b1->l + 1) * (2 * bo->l + 1) * (double)bo->mul;
    return 2 * (double)b2->mul * nnz + (first ? matrix : 0);
}

/* nonzeros: of a path, counted or estimated. */
static double row_flops(const e3tp_problem *p, bool folded, e3tp_pass pass,
                        double (*nonzeros)(const e3tp_problem *, const e3tp_coupling *))
{
    if (p->zonal)
        return e3tp_cg_zonal_flops(p, pass);
    double flops = 0;
    for (size_t i = 0; i < p->npaths; i++) {
        const double nnz = nonzeros(p, &p->paths[i]);
        flops += folded ? folded_flops(p, i, nnz) : path_flops(p, &p->paths[i], nnz);
    }
    return pass == E3TP_BACKWARD ? 2 * flops : flops;
}

/* Sustained flops per second on a core of about 3.5 GHz, and seconds to pack an element of 4 bytes;
   calibration: bench, Gaunt products of 128 channels, L = 1..8. Tables are slower than kernels of
   pairs. */
static const double speed[E3TP_TIER_COUNT] = {20e9, 92e9, 215e9, 20e9};
static const double speed_of_tables = 0.75, seconds_per_element = 0.25e-9;

static double path_seconds(const e3tp_problem *p, const e3tp_coupling *c, e3tp_tier tier)
{
    const int l1 = p->blocks[0][c->in1].l, l2 = p->blocks[1][c->in2].l;
    return path_flops(p, c, e3tp_cg_nonzeros(p, c)) /
           (e3tp_tier_speed(speed, tier) * (e3tp_cg_has_pair(l1, l2) ? 1 : speed_of_tables));
}

/* Folded: what a matrix costs to make besides its flops, per non-zero; lines are read where they
   are, backward takes the overlaps besides. Measured on signals of one y, L = 2..8. */
static const double speed_of_folded[E3TP_TIER_COUNT] = {20e9, 80e9, 200e9, 20e9};
static const double seconds_per_folded_nonzero = 0.5e-9, seconds_per_folded_element = 0.09e-9,
                    folded_backward = 2.5;

static double folded_seconds(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass)
{
    double seconds =
        (double)(p->dim[0] + p->dim[1] + p->dim[2]) * seconds_per_folded_element +
        row_flops(p, true, E3TP_FORWARD, e3tp_cg_nonzeros) / e3tp_tier_speed(speed_of_folded, tier);
    for (size_t i = 0; i < p->npaths; i++)
        seconds += (double)p->blocks[1][p->paths[i].in2].mul * e3tp_cg_nonzeros(p, &p->paths[i]) *
                   seconds_per_folded_nonzero;
    return seconds * (pass == E3TP_BACKWARD ? folded_backward : 1);
}

static double lane_seconds(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass)
{
    double seconds = (double)(p->dim[0] + p->dim[1] + p->dim[2]) * seconds_per_element;
    for (size_t i = 0; i < p->npaths; i++)
        seconds += path_seconds(p, &p->paths[i], tier);
    return seconds * (pass == E3TP_BACKWARD ? 2 : 1);
}

static double cost(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass)
{
    if (p->zonal)
        return e3tp_cg_zonal_seconds(p, tier, pass);
    if (e3tp_cg_has_signal(p, tier))
        return e3tp_signal_seconds(p, pass, e3tp_cg_signal_seconds(p, tier, pass));
    return (e3tp_cg_is_folded(p) ? folded_seconds : lane_seconds)(p, tier, pass) *
           (p->dtype == E3TP_F64 ? 2 : 1);
}

/* One of the three: paths; a product of signals by kernels for the whole of it, or with a y about
   the pole. */
typedef struct plan {
    const e3tp_problem *problem;
    e3tp_cg_plan *paths;
    e3tp_cg_signal *signal;
    e3tp_cg_zonal *zonal;
    const e3tp_signal_tiles *tiles; /* with which the last two begin */
} plan;

static e3tp_status fill(plan *g, e3tp_tier tier, unsigned form, const e3tp_allocator *a,
                        e3tp_message *why)
{
    if (g->problem->zonal) {
        E3TP_TRY(e3tp_cg_zonal_create(&g->zonal, g->problem, tier, a, why));
        g->tiles = &g->zonal->tiles;
        return E3TP_OK;
    }
    if (e3tp_cg_has_signal(g->problem, tier) && !(form & E3TP_CG_PLAIN)) {
        E3TP_TRY(e3tp_cg_signal_create(&g->signal, g->problem, tier, a, why));
        g->tiles = &g->signal->tiles;
        return E3TP_OK;
    }
    E3TP_TRY(e3tp_cg_plan_create(&g->paths, g->problem, form, a, why));
    g->paths->runner = runners[g->problem->dtype][tier];
    return E3TP_OK;
}

static void destroy(void *state, const e3tp_allocator *a)
{
    plan *g = state;
    if (g->paths)
        e3tp_cg_plan_destroy(g->paths, a);
    e3tp_cg_zonal_destroy(g->zonal, a);
    e3tp_free(a, g->signal);
    e3tp_free(a, g);
}

static e3tp_status create_form(void **state, const e3tp_problem *p, e3tp_tier tier, unsigned form,
                               const e3tp_allocator *a, e3tp_message *why)
{
    if (!runners[p->dtype][tier])
        return e3tp_fail(why, E3TP_E_UNSUPPORTED, "cg: tier %s is not compiled in",
                         e3tp_tier_name(tier));
    plan *g = e3tp_zalloc(a, 1, sizeof *g);
    if (!g)
        return e3tp_fail(why, E3TP_E_NOMEM, "cg: no memory for the plan");
    g->problem = p;
    const e3tp_status status = fill(g, tier, form, a, why);
    if (status != E3TP_OK) {
        destroy(g, a);
        return status;
    }
    *state = g;
    return E3TP_OK;
}

static e3tp_status create(void **state, const e3tp_problem *p, e3tp_tier tier,
                          const e3tp_allocator *a, e3tp_message *why)
{
    return create_form(state, p, tier, 0, a, why);
}

static const char *form_name(const e3tp_problem *p, e3tp_tier tier, unsigned form)
{
    static const char *const names[E3TP_CG_FORMS] = {[E3TP_CG_OTHER_LANES] = "other lanes",
                                                     [E3TP_CG_PLAIN] = "path by path",
                                                     [E3TP_CG_OTHER_LANES | E3TP_CG_PLAIN] =
                                                         "other lanes, path by path"};
    const e3tp_cg_runner *r = runners[p->dtype][tier];
    const bool signal = e3tp_cg_has_signal(p, tier);
    if (p->zonal || !r || (signal && !(form & E3TP_CG_PLAIN)))
        return NULL;
    return e3tp_cg_has_form(p, r, signal ? form & E3TP_CG_OTHER_LANES : form) ? names[form] : NULL;
}

static size_t block_rows(const void *state, e3tp_pass pass)
{
    const plan *g = state;
    return g->tiles ? e3tp_signal_block_rows(g->tiles, pass) : g->paths->block_rows;
}

static size_t sum_rows(const void *state)
{
    const plan *g = state;
    return g->tiles ? block_rows(state, E3TP_FORWARD) : g->paths->sum_rows;
}

static size_t scratch_bytes(const void *state, e3tp_pass pass)
{
    const plan *g = state;
    if (g->tiles)
        return e3tp_signal_scratch_bytes(g->tiles, pass);
    const e3tp_cg_layout *s = &g->paths->scratch;
    return (e3tp_is_second_order(pass) ? s->total_second : s->total) *
           e3tp_dtype_size(g->problem->dtype);
}

static void run(const void *state, e3tp_pass pass, const e3tp_rows *rows, void *scratch)
{
    const plan *g = state;
    if (g->tiles)
        e3tp_signal_run(g->tiles, pass, rows, scratch);
    else
        g->paths->runner->run(g->paths, pass, rows, scratch);
}

static bool is_folded(const plan *g)
{
    return g->paths && g->paths->folded;
}

static bool takes_weights_by_path(const void *state)
{
    return is_folded(state);
}

static bool has_second(const void *state)
{
    return ((const plan *)state)->paths != NULL;
}

static void run_second(const void *state, const e3tp_rows *rows, const e3tp_tangents *t,
                       void *scratch)
{
    const plan *g = state;
    g->paths->runner->second(g->paths, rows, t, scratch);
}

static double flops(const void *state, e3tp_pass pass)
{
    const plan *g = state;
    return row_flops(g->problem, is_folded(g), pass, coupled);
}

static void describe(const void *state, char *buf, size_t cap, size_t *used)
{
    const plan *g = state;
    const e3tp_lanes lanes = g->tiles ? g->tiles->lanes : g->paths->lanes;
    e3tp_append(buf, cap, used, "cg: lanes over %s, blocks of %zu rows, ",
                lanes == E3TP_LANES_ROWS ? "rows" : "channels", block_rows(state, E3TP_FORWARD));
    if (g->zonal)
        e3tp_append(buf, cap, used, "y about the pole, %s\n",
                    g->zonal->uniform ? "one for all channels" : "of each lane");
    else if (g->signal)
        e3tp_append(buf, cap, used, "kernels of the whole product\n");
    else
        e3tp_append(buf, cap, used, "%zu tensors%s\n", g->paths->ntriples,
                    is_folded(g) ? ", one matrix for paths of the same ends"
                    : g->paths->runner->has_whole(&g->paths->whole_product)
                        ? ", forward by a kernel of the whole"
                        : "");
}

const e3tp_backend e3tp_backend_cg = {
    .name = "cg",
    .method = E3TP_METHOD_CG,
    .operations = ~(1u << E3TP_OP_GAUNT_POWER),
    .applicable = applicable,
    .cost = cost,
    .create = create,
    .forms = E3TP_CG_FORMS,
    .form_name = form_name,
    .create_form = create_form,
    .destroy = destroy,
    .block_rows = block_rows,
    .sum_rows = sum_rows,
    .scratch_bytes = scratch_bytes,
    .takes_weights_by_path = takes_weights_by_path,
    .run = run,
    .has_second = has_second,
    .run_second = run_second,
    .flops = flops,
    .describe = describe,
};
