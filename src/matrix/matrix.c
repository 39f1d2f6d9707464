/* SPDX-License-Identifier: MIT */
/* The backend's vtable. */
#include "matrix/matrix.h"

#include "matrix/matrix_plan.h"

E3TP_RUNNERS(e3tp_signal_runner, e3tp_matrix_runner, runners);

static bool applicable(const e3tp_problem *p, e3tp_message *why)
{
    if (p->zonal)
        return e3tp_refuse_zonal("matrix", why);
    if (p->spin > E3TP_MATRIX_SPIN) {
        e3tp_fail(why, E3TP_E_UNSUPPORTED, "matrix: matrices of spin %d; served are spins to %d",
                  p->spin, E3TP_MATRIX_SPIN);
        return false;
    }
    return true;
}

/* Multiply-adds of products of matrices in a pass, and of conversions to and fro. */
static double work_of_products(double n, e3tp_pass pass)
{
    return (pass == E3TP_BACKWARD ? 4 : 2) * n * n * n;
}

static double conversions(const e3tp_problem *p, e3tp_pass pass)
{
    const int back = pass == E3TP_BACKWARD;
    double n = 0;
    for (int k = 0; k < 3; k++)
        n += (k == 2 ? 2 : 1) * e3tp_signal_ways(p, k, back);
    return n;
}

/* Lines of multiply-adds per second on a core of about 3.5 GHz; calibration: bench, matrix products
   of 128 channels, L = 1..12. */
static const double speed[E3TP_TIER_COUNT] = {1.0e9, 2.4e9, 4.8e9, 1.0e9};

/* A conversion: a third of n^3 in mixes, an element's butterfly worth a few multiply-adds. */
static double cost(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass)
{
    const double n = 2.0 * p->spin + 1;
    const double lines =
        work_of_products(n, pass) + conversions(p, pass) * (n * n * n / 3 + 4 * n * n + 40 * n);
    return e3tp_signal_seconds(p, pass, lines / e3tp_tier_speed(speed, tier));
}

static e3tp_status create(void **state, const e3tp_problem *p, e3tp_tier tier,
                          const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_matrix_plan *g = NULL;
    if (!runners[p->dtype][tier])
        return e3tp_fail(why, E3TP_E_UNSUPPORTED, "matrix: tier %s is not compiled in",
                         e3tp_tier_name(tier));
    E3TP_TRY(e3tp_matrix_plan_create(&g, p, a, why));
    e3tp_signal_bind(&g->tiles, runners[p->dtype][tier], tier);
    *state = g;
    return E3TP_OK;
}

static void destroy(void *state, const e3tp_allocator *a)
{
    e3tp_matrix_plan_destroy(state, a);
}

/* Two per multiply-add, two per element of a butterfly (one in a pair of elements). */
static double flops(const void *state, e3tp_pass pass)
{
    const e3tp_matrix_plan *g = state;
    const double butterfly = 8.0 * (double)g->nquads + 2.0 * (double)g->npairs,
                 mixes = 2 * g->multiplies * conversions(g->problem, pass) / 4;
    const double sum = 2 * work_of_products((double)g->n, pass) + mixes +
                       conversions(g->problem, pass) * butterfly + 2 * (double)g->lines;
    return (double)g->problem->channels * sum;
}

static void describe(const void *state, char *buf, size_t cap, size_t *used)
{
    const e3tp_matrix_plan *g = state;
    e3tp_append(buf, cap, used, "matrix: %zu x %zu, lanes over %s, blocks of %zu rows\n", g->n,
                g->n, g->tiles.lanes == E3TP_LANES_ROWS ? "rows" : "channels", g->tiles.block_rows);
}

const e3tp_backend e3tp_backend_matrix = {
    .name = "matrix",
    .method = E3TP_METHOD_MATRIX,
    .operations = 1u << E3TP_OP_MATRIX,
    .applicable = applicable,
    .cost = cost,
    .create = create,
    .destroy = destroy,
    .block_rows = e3tp_signal_block_rows,
    .scratch_bytes = e3tp_signal_scratch_bytes,
    .run = e3tp_signal_run,
    .flops = flops,
    .describe = describe,
};
