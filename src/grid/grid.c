/* SPDX-License-Identifier: MIT */
/* The backend's vtable. */
#include "grid/grid.h"

#include "grid/grid_aliases.h"
#include "grid/grid_paths.h"
#include "grid/grid_power.h"
#include "problem/signals.h"

E3TP_RUNNERS(e3tp_signal_runner, e3tp_grid_runner, signal_runners);
E3TP_RUNNERS(e3tp_signal_runner, e3tp_grid_power_runner, power_runners);
E3TP_RUNNERS(e3tp_grid_runner, e3tp_grid_paths_runner, path_runners);

static bool applicable(const e3tp_problem *p, e3tp_message *why)
{
    if (p->zonal)
        return e3tp_refuse_zonal("grid", why);
    e3tp_grid_shape shape;
    return (e3tp_op_is_signal(p->op) || e3tp_grid_serves_paths(p, why)) &&
           e3tp_grid_choose(&shape, p, why);
}

static bool is_exact(const e3tp_problem *p)
{
    e3tp_grid_shape s;
    e3tp_grid_choose(&s, p, NULL);
    return e3tp_grid_is_exact(&s);
}

/* Lines of multiply-adds per second on a core of about 3.5 GHz, and how much more of signals;
   calibration: bench, Gaunt products of 128 channels, L = 1..10. */
static const double speed[E3TP_TIER_COUNT] = {1.0e9, 2.0e9, 3.4e9, 1.0e9};
static const double speed_of_signals = 1.3,
                    speed_of_terms = 0.9; /* several: more than a cache holds */
static const double seconds_per_packed_line = 1.9e-9, seconds_per_tile = 120e-9;

static double signal_cost(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass)
{
    e3tp_grid_work w;
    if (!(p->op == E3TP_OP_GAUNT_POWER ? e3tp_grid_power_estimate : e3tp_grid_estimate)(&w, p,
                                                                                        tier))
        return 1e30;
    const int back = pass == E3TP_BACKWARD;
    const bool single = p->op == E3TP_OP_GAUNT || p->op == E3TP_OP_GAUNT_POWER;
    const double rate =
        e3tp_tier_speed(speed, tier) * speed_of_signals * (single ? 1 : speed_of_terms);
    return e3tp_signal_seconds(p, pass, w.lines[back] / rate);
}

/* A line is an element of T rows; calls of fewer rows cost as much. */
static double path_cost(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass)
{
    e3tp_grid_shape shape;
    if (!e3tp_grid_choose(&shape, p, NULL))
        return 1e30;
    const size_t T = e3tp_tile_lanes(p);
    const size_t rows = p->batch_hint && p->batch_hint < T ? p->batch_hint : T;
    const double packed = (double)(p->dim[0] + p->dim[1] + p->dim[2] + e3tp_row_weights(p));
    return (e3tp_grid_paths_work(p, &shape, pass) / e3tp_tier_speed(speed, tier) +
            packed * (pass == E3TP_BACKWARD ? 2 : 1) * seconds_per_packed_line + seconds_per_tile) /
           (double)rows;
}

static double cost(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass)
{
    return e3tp_op_is_signal(p->op) ? signal_cost(p, tier, pass) : path_cost(p, tier, pass);
}

static e3tp_status create(void **state, const e3tp_problem *p, e3tp_tier tier,
                          const e3tp_allocator *a, e3tp_message *why)
{
    const e3tp_signal_runner *of_signals = signal_runners[p->dtype][tier];
    const e3tp_grid_runner *of_paths = path_runners[p->dtype][tier];
    if (!of_signals || !of_paths)
        return e3tp_fail(why, E3TP_E_UNSUPPORTED, "grid: tier %s is not compiled in",
                         e3tp_tier_name(tier));
    if (p->op == E3TP_OP_GAUNT_POWER) {
        E3TP_TRY(e3tp_grid_power_create(state, p, tier, a, why));
        e3tp_signal_bind(&((e3tp_grid_power *)*state)->tiles, power_runners[p->dtype][tier], tier);
    } else if (e3tp_op_is_signal(p->op)) {
        E3TP_TRY(e3tp_grid_plan_create(state, p, tier, a, why));
        e3tp_signal_bind(&((e3tp_grid_plan *)*state)->tiles, of_signals, tier);
    } else {
        E3TP_TRY(e3tp_grid_paths_create(state, p, tier, a, why));
        ((e3tp_grid_base *)*state)->run = of_paths->run;
    }
    return E3TP_OK;
}

static void destroy(void *state, const e3tp_allocator *a)
{
    ((e3tp_grid_base *)state)->destroy(state, a);
}

static size_t block_rows(const void *state, e3tp_pass pass)
{
    (void)pass;
    return ((const e3tp_grid_base *)state)->block_rows;
}

static size_t scratch_bytes(const void *state, e3tp_pass pass)
{
    (void)pass;
    const e3tp_grid_base *g = state;
    return g->scratch * e3tp_dtype_size(g->problem->dtype);
}

static void run(const void *state, e3tp_pass pass, const e3tp_rows *rows, void *scratch)
{
    ((const e3tp_grid_base *)state)->run(state, pass, rows, scratch);
}

static bool has_second(const void *state)
{
    return ((const e3tp_grid_base *)state)->run_second != NULL;
}

static void run_second(const void *state, const e3tp_rows *rows, const e3tp_tangents *t,
                       void *scratch)
{
    ((const e3tp_grid_base *)state)->run_second(state, rows, t, scratch);
}

static double flops(const void *state, e3tp_pass pass)
{
    return ((const e3tp_grid_base *)state)->flops[pass];
}

static void describe(const void *state, char *buf, size_t cap, size_t *used)
{
    const e3tp_grid_base *g = state;
    const e3tp_grid_shape *s = &g->form.shape;
    e3tp_append(buf, cap, used,
                "grid: %d x %d samples (%s), folded to %d x %d, %s transforms, lanes over %s, "
                "blocks of %zu rows\n",
                s->n_theta, s->n_phi,
                g->problem->quadrature == E3TP_GAUSS_LEGENDRE ? "Gauss-Legendre" : "equiangular",
                s->rings, s->points, g->form.separable ? "separable" : "dense",
                g->lanes == E3TP_LANES_ROWS ? "rows" : "channels", g->block_rows);
    e3tp_grid_describe_aliases(s, g->problem, buf, cap, used);
}

const e3tp_backend e3tp_backend_grid = {
    .name = "grid",
    .method = E3TP_METHOD_GRID,
    .operations = 1u << E3TP_OP_TENSOR_PRODUCT | 1u << E3TP_OP_GAUNT | 1u << E3TP_OP_BRACKET |
                  1u << E3TP_OP_COMPLETE | 1u << E3TP_OP_CROSS | 1u << E3TP_OP_DOT |
                  1u << E3TP_OP_GAUNT_POWER,
    .applicable = applicable,
    .is_exact = is_exact,
    .cost = cost,
    .create = create,
    .destroy = destroy,
    .block_rows = block_rows,
    .scratch_bytes = scratch_bytes,
    .run = run,
    .has_second = has_second,
    .run_second = run_second,
    .flops = flops,
    .describe = describe,
};
