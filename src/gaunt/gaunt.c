/* SPDX-License-Identifier: MIT */
/* The backend's vtable. */
#include "gaunt/gaunt.h"

#include <math.h>

#include "gaunt/gaunt_plan.h"

static bool applicable(const e3tp_problem *p, e3tp_message *why)
{
    if (p->zonal)
        return e3tp_refuse_zonal("gaunt", why);
    if (p->grid_theta || p->grid_phi || p->oversample > 1 || p->quadrature != E3TP_GAUSS_LEGENDRE ||
        p->allow_aliasing) {
        e3tp_fail(why, E3TP_E_UNSUPPORTED,
                  "gaunt: a grid was set, and this method has none, its Fourier series are exact");
        return false;
    }
    return true;
}

static double cost(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass)
{
    e3tp_gaunt_work w;
    e3tp_gaunt_choose(p, tier, &w);
    return e3tp_signal_seconds(p, pass, w.seconds[pass == E3TP_BACKWARD]);
}

static e3tp_status create(void **state, const e3tp_problem *p, e3tp_tier tier,
                          const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_gaunt_work w;
    const e3tp_gaunt_torus t = e3tp_gaunt_choose(p, tier, &w);
    return e3tp_gaunt_plan_create((e3tp_gaunt_plan **)state, p, tier, &t, a, why);
}

static void destroy(void *state, const e3tp_allocator *a)
{
    e3tp_gaunt_plan_destroy(state, a);
}

/* Of a ring's product: of eight classes at a folded sample, of a pair of rings by FFTW. */
static double product_flops(const e3tp_gaunt_torus *t)
{
    return t->fftw ? 2.0 * t->n_phi : 80.0 * t->n_phi / 4;
}

/* Two per multiply-add of the matrices, 5 n log2(n) per complex transform, the product of samples.
 */
static double flops(const void *state, e3tp_pass pass)
{
    const e3tp_gaunt_plan *g = state;
    const e3tp_gaunt_torus *t = &g->torus;
    const int back = pass == E3TP_BACKWARD;
    const double ring = t->fftw ? 5 * t->n_phi * log2(t->n_phi) : 0;
    double sum = (1 + back) * t->rings * product_flops(t);
    for (int k = 0; k < 3; k++)
        sum += e3tp_signal_ways(g->problem, k, back) * (2 * g->side[k].fma + t->rings * ring);
    return (double)g->problem->channels * sum;
}

static void describe(const void *state, char *buf, size_t cap, size_t *used)
{
    const e3tp_gaunt_plan *g = state;
    const e3tp_gaunt_torus *t = &g->torus;
    e3tp_append(buf, cap, used,
                "gaunt: torus %d x %d, rings by %s, lanes over %s, blocks of %zu rows\n",
                4 * t->rings, t->n_phi, t->fftw ? "FFTW" : "folded sums",
                g->tiles.lanes == E3TP_LANES_ROWS ? "rows" : "channels", g->tiles.block_rows);
}

const e3tp_backend e3tp_backend_gaunt = {
    .name = "gaunt",
    .method = E3TP_METHOD_GAUNT,
    .operations = 1u << E3TP_OP_GAUNT,
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
