/* SPDX-License-Identifier: MIT */
/* The kernels of folded paths, each against its definition in src/cg/cg_folded.h. */
#include "cg/cg_folded.h"

#include <stdbool.h>
#include <string.h>

#include "tiers.h"

static const e3tp_cg_folded_kernels_f32 *const f32_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_cg_folded_kernels_f32)};
static const e3tp_cg_folded_kernels_f64 *const f64_tiers[E3TP_TIER_COUNT] = {
    FOR_TIERS(e3tp_cg_folded_kernels_f64)};
static e3tp_tier tier;

/* Elements: 7 rows of 21 components of 5 tiles, twice as far apart; whole lines. */
enum { ARRAYS = 5, MOST_COMPONENTS = 24, ELEMENTS = 7 * 22 * (5 * 2 + 1) * 16 };

typedef struct folded_shape {
    size_t rows, tiles, lanes, n, N; /* tiles: room for those lanes; overlaps take all */
    bool even, gathered, fresh;
} folded_shape;

static const int64_t rows_gathered[] = {5, 0, 2, 2};

static size_t row_of(folded_shape s, size_t row)
{
    return s.gathered ? (size_t)rows_gathered[row] : row;
}

static int small_integer(size_t i)
{
    return (int)((i * 2654435761u >> 7) % 7) - 3;
}

#define REAL float
#define KERNELS e3tp_cg_folded_kernels_f32
#define COMPONENT e3tp_cg_component_f32
#include "cg_folded_checks.h"
#define REAL double
#define KERNELS e3tp_cg_folded_kernels_f64
#define COMPONENT e3tp_cg_component_f64
#include "cg_folded_checks.h"

#define ONE(name, args) +1
START_TEST(kernels)
{
    ck_assert_uint_eq(check_kernels_float(f32_tiers[tier]),
                      0 E3TP_CG_FOLDED_KERNELS(ONE, real, component));
    ck_assert_uint_eq(check_kernels_double(f64_tiers[tier]),
                      0 E3TP_CG_FOLDED_KERNELS(ONE, real, component));
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *tests = tcase_create("cg folded kernels");
    tcase_add_test(tests, kernels);
    return run_case(tests, "cg folded kernels");
}
