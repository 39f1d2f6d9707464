/* SPDX-License-Identifier: MIT */
/* The backend's vtable. */
#include "matrix/matrix.h"

#include "matrix/matrix_plan.h"

#define DECLARE(tier) \
    extern const e3tp_matrix_runner e3tp_matrix_runner_f32_##tier, e3tp_matrix_runner_f64_##tier;
#define ENTRIES(tier, index)                            \
    [E3TP_F32][index] = &e3tp_matrix_runner_f32_##tier, \
    [E3TP_F64][index] = &e3tp_matrix_runner_f64_##tier,
DECLARE(generic)
#if E3TP_HAVE_AVX2
DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
DECLARE(avx512)
#endif

static const e3tp_matrix_runner *const runners[2][E3TP_TIER_COUNT] = {
    ENTRIES(generic, E3TP_TIER_GENERIC_)
#if E3TP_HAVE_AVX2
        ENTRIES(avx2, E3TP_TIER_AVX2_)
#endif
#if E3TP_HAVE_AVX512
            ENTRIES(avx512, E3TP_TIER_AVX512_)
#endif
};

static bool applicable(const e3tp_problem *p, e3tp_message *why)
{
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

static double conversions(e3tp_pass pass)
{
    return pass == E3TP_BACKWARD ? 6 : 4;
}

/* Lines of multiply-adds per second on a core of about 3.5 GHz; calibration: bench, matrix products
   of 128 channels, L = 1..12. */
static const double speed[E3TP_TIER_COUNT] = {1.0e9, 2.4e9, 4.8e9, 1.0e9};

/* A conversion: a third of n^3 in mixes, an element's butterfly worth a few multiply-adds. */
static double cost(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass)
{
    const double n = 2.0 * p->spin + 1;
    const double lines =
        work_of_products(n, pass) + conversions(pass) * (n * n * n / 3 + 4 * n * n + 40 * n);
    return e3tp_signal_seconds(p, pass, lines / speed[tier]);
}

static e3tp_status create(void **state, const e3tp_problem *p, e3tp_tier tier,
                          const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_matrix_plan *g = NULL;
    if (!runners[p->dtype][tier])
        return e3tp_fail(why, E3TP_E_UNSUPPORTED, "matrix: tier %s is not compiled in",
                         e3tp_tier_name(tier));
    E3TP_TRY(e3tp_matrix_plan_create(&g, p, a, why));
    g->run = runners[p->dtype][tier]->run;
    *state = g;
    return E3TP_OK;
}

static void destroy(void *state, const e3tp_allocator *a)
{
    e3tp_matrix_plan_destroy(state, a);
}

static size_t block_rows(const void *state, e3tp_pass pass)
{
    (void)pass;
    return ((const e3tp_matrix_plan *)state)->tiles.block_rows;
}

static size_t scratch_bytes(const void *state, e3tp_pass pass)
{
    (void)pass;
    const e3tp_matrix_plan *g = state;
    return g->scratch * e3tp_dtype_size(g->problem->dtype);
}

static void run(const void *state, e3tp_pass pass, const e3tp_rows *rows, void *scratch)
{
    const e3tp_matrix_plan *g = state;
    g->run(g, pass, rows, scratch);
}

/* Two per multiply-add, two per element of a butterfly (one in a pair of elements). */
static e3tp_counts counts(const void *state, e3tp_pass pass)
{
    const e3tp_matrix_plan *g = state;
    const double butterfly = 8.0 * (double)g->nquads + 2.0 * (double)g->npairs,
                 mixes = 2 * g->multiplies * (pass == E3TP_BACKWARD ? 1.5 : 1);
    const double flops = 2 * work_of_products((double)g->n, pass) + mixes +
                         conversions(pass) * butterfly + 2 * (double)g->lines;
    return e3tp_count(g->problem, pass, (double)g->problem->channels * flops);
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
    .block_rows = block_rows,
    .scratch_bytes = scratch_bytes,
    .run = run,
    .counts = counts,
    .describe = describe,
};
