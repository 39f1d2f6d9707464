/* SPDX-License-Identifier: MIT */
/* The backend's vtable. */
#include "gaunt/gaunt.h"

#include <math.h>

#include "gaunt/gaunt_plan.h"

E3TP_RUNNERS(e3tp_signal_runner, e3tp_gaunt_runner, runners);

static bool applicable(const e3tp_problem *p, e3tp_message *why)
{
    if (p->grid_theta || p->grid_phi || p->quadrature != E3TP_GAUSS_LEGENDRE || p->allow_aliasing) {
        e3tp_fail(why, E3TP_E_UNSUPPORTED,
                  "gaunt: a grid was set, and this method has none, its Fourier series are exact");
        return false;
    }
    return true;
}

/* Transforms of one tile per pass: x, y and z, or x, y, gz, gx and gy. */
static double transforms(e3tp_pass pass)
{
    return pass == E3TP_BACKWARD ? 5 : 3;
}

/* Multiply-adds of a conversion of one lane, from the bands: half of all (l, m, u). */
static double conversion_bound(const e3tp_gaunt_torus *t, int k)
{
    const double l = t->degree[k] + 1, u = t->u_top[k] + 1;
    return l * l * u / (k < 2 ? 3 : 2);
}

/* Sustained flops per second of the conversions, and of the passes over points, on a core of about
   2.5 GHz; calibration: bench, L = 1..8. */
static const double speed[E3TP_TIER_COUNT] = {4e9, 20e9, 30e9, 8e9};

/* The transforms relative to FFTW on AVX2, which the tier concerns where they are the own DFT. */
#if E3TP_HAVE_FFTW
static const double transform_time[E3TP_TIER_COUNT] = {1, 1, 1, 2};
#else
static const double transform_time[E3TP_TIER_COUNT] = {4, 1, 0.6, 2};
#endif

static double cost(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass)
{
    const e3tp_gaunt_torus t = e3tp_gaunt_torus_of(p);
    const double share = transforms(pass) / 3, precision = p->dtype == E3TP_F64 ? 2 : 1;
    double flops = 12.0 * t.pairs * t.n_phi;
    for (int k = 0; k < 3; k++)
        flops += 2 * conversion_bound(&t, k) + 12.0 * (t.m_top[k] / 2 + 1) * t.n_theta;
    const double lanes = (double)p->channels;
    const double packed = (double)(p->dim[0] + p->dim[1] + p->dim[2]) * 0.4e-9;
    /* A tile is 16 lanes of fp32; one of 8 lanes of fp64 takes two thirds of its time. */
    const double lane = t.seconds / 16 * transform_time[tier] * (precision > 1 ? 1.33 : 1);
    return share * (lanes * (lane + precision * flops / speed[tier]) + packed);
}

static e3tp_status create(void **state, const e3tp_problem *p, e3tp_tier tier,
                          const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_gaunt_plan *g = NULL;
    if (!runners[p->dtype][tier])
        return e3tp_fail(why, E3TP_E_UNSUPPORTED, "gaunt: tier %s is not compiled in",
                         e3tp_tier_name(tier));
    E3TP_TRY(e3tp_gaunt_plan_create(&g, p, tier, a, why));
    e3tp_signal_bind(&g->tiles, runners[p->dtype][tier], tier);
    *state = g;
    return E3TP_OK;
}

static void destroy(void *state, const e3tp_allocator *a)
{
    e3tp_gaunt_plan_destroy(state, a);
}

static double line_flops(int n)
{
    return 5 * n * log2(n);
}

/* Two per multiply-add of the conversions, 5 n log2(n) per complex transform, and the product of
   samples. */
static e3tp_counts counts(const void *state, e3tp_pass pass)
{
    const e3tp_gaunt_plan *g = state;
    const e3tp_problem *p = g->problem;
    const e3tp_gaunt_torus *t = &g->torus;
    double flops = 2.0 * t->pairs * t->n_phi * (pass == E3TP_BACKWARD ? 2 : 1);
    for (int k = 0; k < 3; k++) {
        const double times = pass == E3TP_BACKWARD && k < 2 ? 2 : 1;
        flops += times * (2 * g->nonzeros[k] + (double)g->side[k].columns * line_flops(t->n_theta) +
                          t->pairs * line_flops(t->n_phi));
    }
    return e3tp_count(p, pass, (double)p->channels * flops);
}

static void describe(const void *state, char *buf, size_t cap, size_t *used)
{
    const e3tp_gaunt_plan *g = state;
    const e3tp_gaunt_torus *t = &g->torus;
    e3tp_append(buf, cap, used, "gaunt: torus %d x %d, %s, lanes over %s, blocks of %zu rows\n",
                t->n_theta, t->n_phi, e3tp_fft_engine(g->row[0]),
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
    .counts = counts,
    .describe = describe,
};
