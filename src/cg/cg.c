/* SPDX-License-Identifier: MIT */
/* The backend's vtable. */
#include "cg/cg.h"

#include "cg/cg_pairs.h"
#include "cg/cg_plan.h"

#define DECLARE(tier) \
    extern const e3tp_cg_runner e3tp_cg_runner_f32_##tier, e3tp_cg_runner_f64_##tier;
DECLARE(generic)
#if E3TP_HAVE_AVX2
DECLARE(avx2)
#endif
#if E3TP_HAVE_AVX512
DECLARE(avx512)
#endif

static const e3tp_cg_runner *const runners[2][E3TP_TIER_COUNT] = {
    [E3TP_F32][E3TP_TIER_GENERIC_] = &e3tp_cg_runner_f32_generic,
    [E3TP_F64][E3TP_TIER_GENERIC_] = &e3tp_cg_runner_f64_generic,
#if E3TP_HAVE_AVX2
    [E3TP_F32][E3TP_TIER_AVX2_] = &e3tp_cg_runner_f32_avx2,
    [E3TP_F64][E3TP_TIER_AVX2_] = &e3tp_cg_runner_f64_avx2,
#endif
#if E3TP_HAVE_AVX512
    [E3TP_F32][E3TP_TIER_AVX512_] = &e3tp_cg_runner_f32_avx512,
    [E3TP_F64][E3TP_TIER_AVX512_] = &e3tp_cg_runner_f64_avx512,
#endif
};

static bool applicable(const e3tp_problem *p, e3tp_message *why)
{
    (void)p;
    (void)why;
    return true;
}

/* Flops that a path needs per row: three per non-zero and pair of channels where each lane has its
   own y, and one per result for the weight; uvu and uvw: a multiply-add per element of the matrix
   and channel, two for the weight; where a matrix of weights connects the channels, the product
   with it on top. */
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
        return m2 * (2 * nnz + m1 * (2 * n1 * n3 + matrix));
    case E3TP_UVU:
        break;
    }
    return m2 * (2 * nnz + m1 * (2 * n1 * n3 + (c->has_weight ? n1 : 0)));
}

static double row_flops(const e3tp_cg_plan *g, e3tp_pass pass)
{
    const e3tp_problem *p = g->problem;
    double flops = 0;
    for (size_t i = 0; i < p->npaths; i++)
        flops += path_flops(p, &p->paths[i], (double)g->triples[g->path[i].triple].n);
    return pass == E3TP_BACKWARD ? 2 * flops : flops;
}

/* Sustained flops per second on a core of about 3.5 GHz, and seconds to pack an element of 4 bytes;
   calibration: bench, Gaunt products of 128 channels, L = 1..8. Tables are slower than kernels of
   pairs. */
static const double speed[E3TP_TIER_COUNT] = {20e9, 80e9, 200e9, 20e9};
static const double speed_of_tables = 0.75, seconds_per_element = 0.25e-9;

static double path_seconds(const e3tp_problem *p, const e3tp_coupling *c, e3tp_tier tier)
{
    const int l1 = p->blocks[0][c->in1].l, l2 = p->blocks[1][c->in2].l;
    return path_flops(p, c, e3tp_cg_nonzeros(p, c)) /
           (speed[tier] * (e3tp_cg_has_pair(l1, l2) ? 1 : speed_of_tables));
}

static double cost(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass)
{
    double seconds = (double)(p->dim[0] + p->dim[1] + p->dim[2]) * seconds_per_element;
    for (size_t i = 0; i < p->npaths; i++)
        seconds += path_seconds(p, &p->paths[i], tier);
    return seconds * (p->dtype == E3TP_F64 ? 2 : 1) * (pass == E3TP_BACKWARD ? 2 : 1);
}

static e3tp_status create(void **state, const e3tp_problem *p, e3tp_tier tier,
                          const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_cg_plan *g = NULL;
    if (!runners[p->dtype][tier])
        return e3tp_fail(why, E3TP_E_UNSUPPORTED, "cg: tier %s is not compiled in",
                         e3tp_tier_name(tier));
    E3TP_TRY(e3tp_cg_plan_create(&g, p, a, why));
    g->runner = runners[p->dtype][tier];
    *state = g;
    return E3TP_OK;
}

static void destroy(void *state, const e3tp_allocator *a)
{
    e3tp_cg_plan_destroy(state, a);
}

static size_t block_rows(const void *state, e3tp_pass pass)
{
    (void)pass;
    return ((const e3tp_cg_plan *)state)->block_rows;
}

static size_t sum_rows(const void *state)
{
    return ((const e3tp_cg_plan *)state)->sum_rows;
}

static size_t scratch_bytes(const void *state, e3tp_pass pass)
{
    const e3tp_cg_plan *g = state;
    return (e3tp_is_second_order(pass) ? g->scratch.total_second : g->scratch.total) *
           e3tp_dtype_size(g->problem->dtype);
}

static void run(const void *state, e3tp_pass pass, const e3tp_rows *rows, void *scratch)
{
    const e3tp_cg_plan *g = state;
    g->runner->run(g, pass, rows, scratch);
}

static void run_second(const void *state, const e3tp_rows *rows, const e3tp_tangents *t,
                       void *scratch)
{
    const e3tp_cg_plan *g = state;
    g->runner->second(g, rows, t, scratch);
}

static e3tp_counts counts(const void *state, e3tp_pass pass)
{
    const e3tp_cg_plan *g = state;
    return e3tp_count(g->problem, pass, row_flops(g, pass));
}

static void describe(const void *state, char *buf, size_t cap, size_t *used)
{
    const e3tp_cg_plan *g = state;
    e3tp_append(buf, cap, used, "cg: lanes over %s, %zu tensors, blocks of %zu rows\n",
                g->lanes == E3TP_LANES_ROWS ? "rows" : "channels", g->ntriples, g->block_rows);
}

const e3tp_backend e3tp_backend_cg = {
    .name = "cg",
    .method = E3TP_METHOD_CG,
    .operations = ~0u,
    .applicable = applicable,
    .cost = cost,
    .create = create,
    .destroy = destroy,
    .block_rows = block_rows,
    .sum_rows = sum_rows,
    .scratch_bytes = scratch_bytes,
    .run = run,
    .run_second = run_second,
    .counts = counts,
    .describe = describe,
};
