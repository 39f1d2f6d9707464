/* SPDX-License-Identifier: MIT */
/* The kernels of the direct contraction, each against its definition in src/cg/cg_kernels.h. */
#include "cg/cg_kernels.h"

#include <stdbool.h>
#include <string.h>

#include "tiers.h"

static const e3tp_cg_kernels_f32 *const f32_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_cg_kernels_f32)};
static const e3tp_cg_kernels_f64 *const f64_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_cg_kernels_f64)};
static e3tp_tier tier;

/* Elements: rows of 9 tiles of 13 components and two lines, 17 rows. */
enum { ARRAYS = 7, ELEMENTS = 17 * 9 * 15 * 16, MOST_SOURCES = 4 };

/* Indices of a (0..2), b (0..4) and the result (0..6, one of them nowhere). */
enum { ENTRIES = 9 };
static const e3tp_cg_entry entries[ENTRIES] = {{0, 0, 0, 1},  {2, 4, 0, -2}, {1, 3, 1, 3},
                                               {0, 4, 3, -1}, {1, 2, 3, 2},  {2, 1, 3, 1},
                                               {2, 2, 4, 1},  {0, 1, 5, -3}, {1, 0, 6, 2}};

/* Every kind, in two groups, one of which lacks some. */
enum { QUAD_GROUPS = 2 };
static const e3tp_cg_quad quads[] = {{0, 2, 1, 3, 2, -2}, {0, 2, 0, 4, 1, 1},  {1, 2, 1, 3, 3, 3},
                                     {0, 2, 1, 3, 1, -1}, {1, 1, 0, 4, -2, 2}, {0, 2, 2, 2, 1, 3},
                                     {0, 1, 4, 0, 2, 2},  {1, 1, 1, 3, 1, 1}};
static const e3tp_cg_quad_group quad_groups[QUAD_GROUPS] = {{0, 6, {1, 2, 3, 4, 5, 6}},
                                                            {5, 1, {6, 7, 7, 7, 8, 8}}};

typedef struct mix_shape {
    size_t first, rows, tiles, lanes, count; /* tiles: room for those lanes */
    int n, sum, weighted, packed, fresh, paired;
} mix_shape;

static int small_integer(size_t i)
{
    return (int)((i * 2654435761u >> 7) % 7) - 3;
}

#define REAL float
#define KERNELS e3tp_cg_kernels_f32
#define MIX e3tp_cg_mix_f32
#define SOURCE e3tp_cg_source_f32
#include "cg_checks.h"
#define REAL double
#define KERNELS e3tp_cg_kernels_f64
#define MIX e3tp_cg_mix_f64
#define SOURCE e3tp_cg_source_f64
#include "cg_checks.h"

#define ONE(name, args) +1
START_TEST(kernels)
{
    ck_assert_uint_eq(check_kernels_float(f32_tiers[tier]),
                      0 E3TP_CG_KERNELS(ONE, real, mix, source));
    ck_assert_uint_eq(check_kernels_double(f64_tiers[tier]),
                      0 E3TP_CG_KERNELS(ONE, real, mix, source));
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *tests = tcase_create("cg kernels");
    tcase_add_test(tests, kernels);
    return run_case(tests, "cg kernels");
}
