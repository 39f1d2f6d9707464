/* SPDX-License-Identifier: MIT */
/* Kernels of whole products of signals against plain sums over strengths and W: every degree, Gaunt
   product (to L and to 2L), bracket and both, results and gradients one by one and together, lines
   anywhere, with and without factors. For tiers whose kernels are generated. */
#include "cg/cg_signals.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "layouts.h"
#include "so3/wigner.h"
#include "tiers.h"

E3TP_RUNNERS(e3tp_cg_signal_runner, e3tp_cg_signal_runner, runners);
static e3tp_tier tier;

enum {
    L = E3TP_CG_SIGNALS_LMAX,
    N = (2 * L + 1) * (2 * L + 1),
    TILES = 3,
    LANES = TILES * 16,
    STEP = LANES + 3,
    SIZE = 2 * N * STEP
};

typedef struct term {
    int i, j, k;
    double value;
} term;

static term terms[12000];
static size_t nterms;

static void add_terms(int l1, int l2, int l3, double strength, int first)
{
    static double W[(2 * L + 1) * (2 * L + 1) * (4 * L + 1)];
    const int n2 = 2 * l2 + 1, n3 = 2 * l3 + 1;
    if (strength == 0)
        return;
    ck_assert_int_eq(e3tp_so3_wigner_3j(l1, l2, l3, E3TP_SIGN_E3NN, W), E3TP_OK);
    for (int e = 0; e < (2 * l1 + 1) * n2 * n3; e++)
        if (W[e] != 0) {
            ck_assert_uint_lt(nterms, sizeof terms / sizeof *terms);
            terms[nterms++] = (term){l1 * l1 + e / (n2 * n3), l2 * l2 + e / n3 % n2,
                                     first + l3 * l3 + e % n3, strength * W[e]};
        }
}

/* Those of a product to degree l; components of z of the bracket follow those of the Gaunt product.
 */
static void list_terms(int l, bool gaunt, bool bracket, int top)
{
    nterms = 0;
    for (int l1 = 0; l1 <= l; l1++)
        for (int l2 = 0; l2 <= l; l2++)
            for (int l3 = 0; l3 <= top; l3++) {
                if (gaunt)
                    add_terms(l1, l2, l3, e3tp_gaunt_strength(l1, l2, l3), 0);
                if (bracket)
                    add_terms(l1, l2, l3, e3tp_bracket_strength(l1, l2, l3),
                              gaunt ? (l + 1) * (l + 1) - 1 : -1);
            }
}

/* Operands and results, with a guard of one number around each line, and their factors. */
typedef struct arrays {
    _Alignas(64) unsigned char in[3][SIZE * sizeof(double)], out[3][SIZE * sizeof(double)],
        w[3][SIZE * sizeof(double)];
    bool factors, wide;
} arrays;
static arrays a;

/* Which block of operand k a component belongs to; z of the bracket alone begins with degree 1. */
static size_t block_of(int k, int component, int lines, int n)
{
    const int first = k < 2 || lines >= n ? 0 : 1, second = component >= n && !a.wide;
    const int at = component + (second ? 1 - n : first);
    return (size_t)((int)sqrt(at + 0.5) - first + (second ? (int)sqrt(n + 0.5) - 1 : 0));
}

static double factor(e3tp_dtype t, int k, size_t block, size_t lane)
{
    return a.factors ? get(t, a.w[k], 1 + block * STEP + lane) : 1;
}

static double value(e3tp_dtype t, int k, int component, size_t lane)
{
    return get(t, a.in[k], 1 + (size_t)component * STEP + lane);
}

static void fill(e3tp_dtype t)
{
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < SIZE; i++) {
            set(t, a.in[k], i, (double)((i * 37 + (size_t)k * 11) % 101) / 50 - 1);
            set(t, a.out[k], i, 77);
            set(t, a.w[k], i, (double)((i * 29 + (size_t)k * 7) % 43) / 20 - 1.03);
        }
}

/* Result k of every lane; `lines` components, what lies between them untouched. */
static void compare(e3tp_dtype t, int k, const int lines[3], size_t lanes)
{
    static double want[2 * N], size[2 * N];
    const double eps = t == E3TP_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
    for (size_t lane = 0; lane < lanes; lane++) {
        memset(want, 0, sizeof want);
        memset(size, 0, sizeof size);
        for (size_t i = 0; i < nterms; i++) {
            const int at[3] = {terms[i].i, terms[i].j, terms[i].k};
            double p = terms[i].value;
            for (int o = 0; o < 3; o++)
                p *= (o == k ? 1 : value(t, o, at[o], lane)) *
                     factor(t, o, block_of(o, at[o], lines[2], lines[0]), lane);
            want[at[k]] += p;
            size[at[k]] += fabs(p);
        }
        for (int i = 0; i < lines[k]; i++)
            ck_assert_double_le(fabs(get(t, a.out[k], 1 + (size_t)i * STEP + lane) - want[i]),
                                8 * eps * size[i]);
    }
    ck_assert_double_eq(get(t, a.out[k], 0), 77);
    for (int i = 0; i < lines[k]; i++)
        for (size_t gap = lanes; gap < STEP; gap++)
            ck_assert_double_eq(get(t, a.out[k], 1 + (size_t)i * STEP + gap), 77);
}

static void check(e3tp_dtype t, int l, bool gaunt, bool bracket, size_t tiles, unsigned wanted)
{
    const size_t element = t == E3TP_F64 ? 8 : 4;
    const int n = (l + 1) * (l + 1), lines[3] = {n, n,
                                                 a.wide ? (2 * l + 1) * (2 * l + 1)
                                                        : (gaunt ? n : 0) + (bracket ? n - 1 : 0)};
    const e3tp_cg_signal plan = {.lmax = l, .gaunt = gaunt, .bracket = bracket, .wide = a.wide};
    e3tp_signal_call call = {.back = wanted != 4};
    const size_t T = 64 / element;
    e3tp_signal_span span = {
        .step = {STEP, STEP, STEP}, .tile = {T, T, T}, .count = tiles, .w_step = STEP};
    fill(t);
    for (int k = 0; k < 3; k++) {
        call.wanted[k] = wanted >> k & 1;
        call.needed[k] = (wanted & ~(1u << k)) != 0;
        span.in[k] = call.needed[k] ? a.in[k] + element : NULL;
        span.out[k] = call.wanted[k] ? a.out[k] + element : NULL;
        span.w[k] = a.factors ? a.w[k] + element : NULL;
    }
    runners[t][tier]->walk.span(&plan, &call, &span, NULL);
    for (int k = 0; k < 3; k++)
        if (call.wanted[k])
            compare(t, k, lines, tiles * 64 / element);
}

START_TEST(sums_over_couplings)
{
    size_t ran = 0;
    for (int l = 1; l <= L; l++)
        for (int kind = 0; kind < (l <= E3TP_CG_SIGNALS_WIDE ? 4 : 3); kind++) {
            const int parts = kind < 3 ? kind + 1 : 1;
            a.wide = kind == 3;
            list_terms(l, parts & 1, parts & 2, a.wide ? 2 * l : l);
            for (int t = 0; t < 2; t++) {
                ck_assert(runners[t][tier]->has(l, a.wide));
                for (unsigned wanted = 1; wanted < 16; wanted++) {
                    a.factors = wanted > 7;
                    if (wanted == 8)
                        continue;
                    check((e3tp_dtype)t, l, parts & 1, parts & 2, wanted % TILES + 1, wanted & 7);
                    ran++;
                }
            }
        }
    ck_assert_uint_eq(ran, (L * 3 + E3TP_CG_SIGNALS_WIDE) * 2 * 14);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *tests = tcase_create("cg signals");
    tcase_add_test(tests, sums_over_couplings);
    return run_case(tests, "cg signals");
}
