/* SPDX-License-Identifier: MIT */
/* Kernels of pairs of degrees against plain sums over W: every pair, any set of outputs, with and
   without weights, strides with gaps; and the identity by which they serve gradients. */
#include "cg/cg_pairs.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "so3/wigner.h"

#include "tiers.h"

static const e3tp_cg_pairs_f32 *const f32_tiers[E3TP_TIER_COUNT] = {FOR_TIERS(e3tp_cg_pairs_f32)};
static const e3tp_cg_pairs_f64 *const f64_tiers[E3TP_TIER_COUNT] = {FOR_TIERS(e3tp_cg_pairs_f64)};
static e3tp_tier tier;

enum {
    L = E3TP_CG_PAIRS_LMAX,
    D = 2 * L + 1,
    D3 = 4 * L + 1,
    OUTPUTS = 2 * L + 1,
    TILES = 17,
    LANES = 16,
    GAP = 1,                          /* lines between tiles, which stay as they are */
    MOST = TILES * (D3 + GAP) * LANES /* the weights fit too */
};
static const size_t tile_counts[] = {1, 2, 3, TILES};

/* x, y, w and the outputs before and after a call, for either real. */
static union area {
    _Alignas(64) float f[MOST];
    double d[MOST];
} xs, ys, ws, before[OUTPUTS], after[OUTPUTS];
/* Of each output without weight: value, and the sum of |terms|. */
static double value[OUTPUTS][MOST], size[OUTPUTS][MOST];

static double noise(size_t i)
{
    return (double)((i * 2654435761u) % 4093) / 2046.5 - 1;
}

static void couple(int l1, int l2, int l3, size_t T, double (*get)(const union area *, size_t),
                   double *out, double *terms)
{
    static double W[D * D * D3];
    const size_t n1 = 2 * (size_t)l1 + 1, n2 = 2 * (size_t)l2 + 1, n3 = 2 * (size_t)l3 + 1;
    ck_assert_int_eq(e3tp_so3_wigner_3j(l1, l2, l3, E3TP_SIGN_E3NN, W), E3TP_OK);
    memset(out, 0, MOST * sizeof *out);
    memset(terms, 0, MOST * sizeof *terms);
    for (size_t m = 0; m < n1 * n2 * n3; m++) {
        if (W[m] == 0)
            continue;
        const size_t i = m / (n2 * n3), j = m / n3 % n2, k = m % n3;
        for (size_t t = 0; t < TILES; t++)
            for (size_t u = 0; u < T; u++) {
                const double v = W[m] * get(&xs, (t * (n1 + GAP) + i) * T + u) *
                                 get(&ys, (t * (n2 + GAP) + j) * T + u);
                out[(t * (n3 + GAP) + k) * T + u] += v;
                terms[(t * (n3 + GAP) + k) * T + u] += fabs(v);
            }
    }
}

/* Which outputs a call wants, and which of them are weighted; how tiles of outputs and lines of
   weights lie: each as far apart as its output needs, one line of weights for all; outputs equally
   far apart; weights in lines of their own besides, as kernels of known sets read them. */
typedef enum arrangement { APART, ALIKE, IN_LINES } arrangement;
typedef struct selection {
    unsigned wanted, weighted;
    arrangement lie;
} selection;
static const selection selections[] = {
    {~0u, 0, APART},         {~0u, ~0u, APART},    {0x5555, 0x3333, APART}, {0x2aaa, 0x0ff0, APART},
    {0x007f, 0x5a5a, APART}, {0x1248, ~0u, APART}, {0x1fe0, 0, APART},      {0, 0, APART}};
enum { SELECTIONS = sizeof selections / sizeof *selections };

static size_t lines_of(const selection *s, size_t n3)
{
    return (s->lie == APART ? n3 : D3) + GAP;
}

/* The line of weights of output i: how many wanted ones are before it. */
static size_t weight_at(const selection *s, int i)
{
    size_t before_it = 0;
    for (int k = 0; k < i && s->lie == IN_LINES; k++)
        before_it += s->wanted >> k & 1;
    return before_it;
}
enum { WEIGHT_LINES = OUTPUTS + 1 };

/* All degrees, those of even l1 + l2 + l3, those of odd. */
static const unsigned kinds[3] = {~0u, 0x5555u, 0xaaaau};

/* Rounding errors of one output: of the products, of their sum over at most 2 min(l1, l2) + 1
   terms, of coefficient, weight and addition. */
#define ERRORS(l1, l2) (2 * ((l1) < (l2) ? (l1) : (l2)) + 8)

#define CHECKS(real, field, suffix, epsilon)                                                       \
    static double get_##suffix(const union area *a, size_t i)                                      \
    {                                                                                              \
        return (double)a->field[i];                                                                \
    }                                                                                              \
    static void fill_##suffix(union area *a, size_t seed)                                          \
    {                                                                                              \
        for (size_t i = 0; i < MOST; i++)                                                          \
            a->field[i] = (real)noise(i + seed);                                                   \
    }                                                                                              \
    static void prepare_##suffix(int l1, int l2)                                                   \
    {                                                                                              \
        fill_##suffix(&xs, 1);                                                                     \
        fill_##suffix(&ys, 7919);                                                                  \
        fill_##suffix(&ws, 104729);                                                                \
        for (int i = 0; i <= l1 + l2 - abs(l1 - l2); i++) {                                        \
            fill_##suffix(&before[i], 31 + (size_t)i);                                             \
            couple(l1, l2, abs(l1 - l2) + i, 64 / sizeof(real), get_##suffix, value[i], size[i]);  \
        }                                                                                          \
    }                                                                                              \
    /* Output i after a call over `tiles` tiles with factor c, weighted or not. */                 \
    static void compare_##suffix(int l1, int l2, int i, size_t tiles, const selection *how,        \
                                 double c)                                                         \
    {                                                                                              \
        const size_t T = 64 / sizeof(real), n3 = 2 * (size_t)(abs(l1 - l2) + i) + 1;               \
        const size_t lines = lines_of(how, n3), line_of_w = weight_at(how, i);                     \
        const bool wanted = how->wanted >> i & 1, weighted = how->weighted >> i & 1;               \
        size_t wrong = 0;                                                                          \
        for (size_t at = 0; at < TILES * lines * T; at++) {                                        \
            const size_t t = at / (lines * T), line = at / T % lines, lane = at % T;               \
            const bool touched = wanted && t < tiles && line < n3;                                 \
            const size_t of = touched ? (t * (n3 + GAP) + line) * T + lane : 0;                    \
            const double s = !touched ? 0                                                          \
                             : weighted                                                            \
                                 ? c * (double)ws.field[(t * WEIGHT_LINES + line_of_w) * T + lane] \
                                 : c;                                                              \
            const double z0 = (double)before[i].field[at], want = z0 + s * value[i][of];           \
            const double bound =                                                                   \
                epsilon / 2 * ERRORS(l1, l2) * fabs(s) * size[i][of] + epsilon * fabs(want);       \
            wrong += touched ? !(fabs((double)after[i].field[at] - want) <= bound)                 \
                             : (double)after[i].field[at] != z0;                                   \
        }                                                                                          \
        ck_assert_msg(wrong == 0, "%d %d -> %d, %zu tiles: %zu wrong", l1, l2, abs(l1 - l2) + i,   \
                      tiles, wrong);                                                               \
    }                                                                                              \
    static void call_##suffix(e3tp_cg_pair_##suffix *pair, int l1, int l2, size_t tiles,           \
                              selection s, double c)                                               \
    {                                                                                              \
        const size_t T = 64 / sizeof(real);                                                        \
        e3tp_cg_target_##suffix out[OUTPUTS] = {0};                                                \
        const int n = l1 + l2 - abs(l1 - l2) + 1;                                                  \
        for (int i = 0; i < n; i++) {                                                              \
            const size_t stride = lines_of(&s, 2 * (size_t)(abs(l1 - l2) + i) + 1) * T;            \
            memcpy(after[i].field, before[i].field, stride *TILES * sizeof(real));                 \
            out[i] = (e3tp_cg_target_##suffix){                                                    \
                .z = s.wanted >> i & 1 ? after[i].field : NULL,                                    \
                .z_stride = stride,                                                                \
                .w = s.weighted >> i & 1 ? ws.field + weight_at(&s, i) * T : NULL,                 \
                .w_stride = WEIGHT_LINES * T,                                                      \
                .c = (real)c};                                                                     \
            if (!out[i].z) /* nothing else of it may be looked at */                               \
                memset(&out[i], 0xa5, sizeof out[i]), out[i].z = NULL;                             \
        }                                                                                          \
        pair(tiles, xs.field, (2 * (size_t)l1 + 1 + GAP) * T, ys.field,                            \
             (2 * (size_t)l2 + 1 + GAP) * T, out);                                                 \
        for (int i = 0; i < n; i++)                                                                \
            compare_##suffix(l1, l2, i, tiles, &s, c);                                             \
    }                                                                                              \
    static size_t check_##suffix(const e3tp_cg_pairs_##suffix *pairs)                              \
    {                                                                                              \
        size_t ran = 0;                                                                            \
        for (int l1 = 0; l1 <= L; l1++)                                                            \
            for (int l2 = 0; l2 <= L; l2++) {                                                      \
                prepare_##suffix(l1, l2);                                                          \
                for (size_t i = 0; i < SELECTIONS; i++)                                            \
                    call_##suffix(pairs->of[l1][l2], l1, l2, tile_counts[i % 4], selections[i],    \
                                  i % 2 ? 1 : -0.75);                                              \
                for (int i = 0; i <= l1 + l2 - abs(l1 - l2); i++)                                  \
                    call_##suffix(pairs->of[l1][l2], l1, l2, 2, (selection){1u << i, 0, ALIKE},    \
                                  1);                                                              \
                for (unsigned top = 0; top < OUTPUTS; top++)                                       \
                    for (unsigned set = 0; set < 9; set++) {                                       \
                        const unsigned wanted = ((2u << top) - 1) & kinds[set % 3];                \
                        const arrangement lie = set < 3 ? ALIKE : IN_LINES;                        \
                        call_##suffix(pairs->of[l1][l2], l1, l2, tile_counts[(top + set) % 4],     \
                                      (selection){wanted, set < 6 ? ~0u : ~0u << 2, lie},          \
                                      set < 3 ? -0.75 : 1);                                        \
                    }                                                                              \
                ran++;                                                                             \
            }                                                                                      \
        return ran;                                                                                \
    }
CHECKS(float, f, f32, (double)FLT_EPSILON)
CHECKS(double, d, f64, DBL_EPSILON)

START_TEST(sums_over_couplings)
{
    ck_assert_uint_eq(check_f32(f32_tiers[tier]), (L + 1) * (L + 1));
    ck_assert_uint_eq(check_f64(f64_tiers[tier]), (L + 1) * (L + 1));
}
END_TEST

/* gx of (l1, l2) -> l3 is sum W(l1, l2, l3)[i][j][k] y[j] gz[k]: the kernel (l3, l2) computes it
   with W(l3, l2, l1)[k][j][i]; gy likewise with W(l1, l3, l2)[i][k][j]. */
START_TEST(gradients_are_pairs_too)
{
    static double W[D * D * D3], X[D3 * D * D], Y[D * D3 * D];
    for (int l1 = 0; l1 <= L; l1++)
        for (int l2 = 0; l2 <= L; l2++)
            for (int l3 = abs(l1 - l2); l3 <= l1 + l2; l3++) {
                const int n1 = 2 * l1 + 1, n2 = 2 * l2 + 1, n3 = 2 * l3 + 1;
                const double sign = (l1 + l2 + l3) % 2 ? -1 : 1;
                ck_assert_int_eq(e3tp_so3_wigner_3j(l1, l2, l3, E3TP_SIGN_E3NN, W), E3TP_OK);
                ck_assert_int_eq(e3tp_so3_wigner_3j(l3, l2, l1, E3TP_SIGN_E3NN, X), E3TP_OK);
                ck_assert_int_eq(e3tp_so3_wigner_3j(l1, l3, l2, E3TP_SIGN_E3NN, Y), E3TP_OK);
                for (int m = 0; m < n1 * n2 * n3; m++) {
                    const int i = m / (n2 * n3), j = m / n3 % n2, k = m % n3;
                    ck_assert_double_eq_tol(W[m], sign * X[(k * n2 + j) * n1 + i], 1e-15);
                    ck_assert_double_eq_tol(W[m], sign * Y[(i * n3 + k) * n2 + j], 1e-15);
                }
            }
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *tests = tcase_create("cg pairs");
    tcase_add_test(tests, sums_over_couplings);
    tcase_add_test(tests, gradients_are_pairs_too);
    return run_case(tests, "cg pairs");
}
