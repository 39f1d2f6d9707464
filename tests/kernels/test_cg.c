/* SPDX-License-Identifier: MIT */
/* Products of irreps by the backend cg against the oracle of src/cg: results and gradients, modes
   one by one and mixed, degrees with kernels of pairs and above, lanes over channels and over rows
   with and without a tail, layouts, weights, operands of one row, both signs; products of all
   degrees to L, which have kernels for the whole of them. */
#include "cg/cg_ref.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "api/objects.h"
#include "cg/cg_whole.h"
#include "core/tiers.h"
#include "forms.h"
#include "layouts.h"
#include "tiers.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static e3tp_tier tier;

static double draw(void)
{
    static unsigned state = 23;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 23) - 1;
}

/* Degrees of the blocks of x, y and z, every path that the triangle allows; all of even parity, so
   that l1 + l2 + l3 may be odd. */
enum { MOST_BLOCKS = 12, DEGREE_SETS = 7, SMALL_SETS = 3, WITHOUT_044 = 3 };
static const struct {
    size_t n[3];
    int l[3][MOST_BLOCKS];
} degrees[DEGREE_SETS] = {
    {{1, 1, 1}, {{0}, {0}, {0}}},
    {{2, 3, 4}, {{0, 1}, {0, 1, 2}, {0, 1, 2, 3}}},
    {{2, 2, 4}, {{2, 3}, {1, 3}, {1, 2, 4, 6}}},
    {{1, 2, 4}, {{6}, {5, 6}, {0, 5, 11, 12}}},
    {{2, 2, 3}, {{1, 7}, {2, 6}, {1, 6, 13}}},
    {{1, 1, 3}, {{4}, {9}, {5, 6, 13}}},
    {{2, 1, 3}, {{11, 12}, {12}, {0, 11, 24}}},
};

/* Results of the product of all degrees 0..lmax with 0..lmax: those of even and of odd l1 + l2 + l3
   apart, or in one block; of even ones alone. */
typedef enum whole { APART, COMMON, EVEN, WHOLES } whole;

/* Modes in turn: those with lanes over channels, and all that equal multiplicities fit. */
enum { MIXED = -1, MIXED_MORE = -2 };

typedef struct variant {
    int mode; /* or MIXED, MIXED_MORE */
    size_t mul, rows, batch_hint;
    e3tp_weights weights;
    e3tp_layout layout[3];
    e3tp_sign sign;
    e3tp_dtype dtype;
    bool one_x, one_y; /* one row for all */
    int lmax;          /* of a whole product, in place of a set; 0: none */
    whole kind;
} variant;

static e3tp_mode mode_of(const variant *v, size_t path)
{
    static const e3tp_mode modes[] = {E3TP_UUU, E3TP_UVU, E3TP_UVW,
                                      E3TP_UVV, E3TP_UUW, E3TP_U_LT_VW};
    return v->mode == MIXED        ? modes[path % 3]
           : v->mode == MIXED_MORE ? modes[path % 6]
                                   : (e3tp_mode)v->mode;
}

/* Channels of each operand for a mode. Those of pairs of channels are kept few. */
static size_t mul_of(const variant *v, int k)
{
    const size_t m = v->mul, few = m == 1 ? 2 : 3 + m / 8;
    switch (v->mode) {
    case E3TP_UVW:
        return k == 0 ? m : v->batch_hint ? 2 * (size_t)k - 1 : k == 1 ? 3 : 5;
    case E3TP_UVU:
        return k == 1 ? (v->batch_hint ? 1 : 2) : m;
    case E3TP_UVV:
        return k == 0 ? 3 : m;
    case E3TP_UUW:
        return k < 2 ? m : v->weights == E3TP_WEIGHTS_NONE ? 1 : 5;
    case E3TP_UVUV:
        return k == 0 ? 3 : k == 1 ? m : 3 * m;
    case E3TP_UVU_LT_V:
        return k < 2 ? few : few * (few - 1) / 2;
    case E3TP_U_LT_VW:
        return k < 2 ? few : 5;
    default:
        return v->mode == MIXED_MORE && m > 13 ? 6 : m;
    }
}

static bool must_have_weights(const variant *v, e3tp_mode mode)
{
    return mode == E3TP_UVW || mode == E3TP_U_LT_VW || (mode == E3TP_UUW && mul_of(v, 2) != 1);
}

static void add_paths(e3tp_desc *d, int set, const variant *v)
{
    size_t path = 0;
    for (size_t i = 0; i < degrees[set].n[0]; i++)
        for (size_t j = 0; j < degrees[set].n[1]; j++)
            for (size_t o = 0; o < degrees[set].n[2]; o++) {
                const int l1 = degrees[set].l[0][i], l2 = degrees[set].l[1][j],
                          l3 = degrees[set].l[2][o];
                if (l3 < abs(l1 - l2) || l3 > l1 + l2)
                    continue;
                const e3tp_mode mode = mode_of(v, path++);
                const bool weighted = must_have_weights(v, mode) ||
                                      (v->weights != E3TP_WEIGHTS_NONE && path % 4 != 0);
                const e3tp_path p =
                    e3tp_path_init((uint32_t)i, (uint32_t)j, (uint32_t)o, mode, weighted);
                e3tp_desc_add_path(d, &p);
            }
}

/* Results of a whole product from the largest degree down, of odd l1 + l2 + l3 before even. */
static size_t whole_block(const variant *v, int l, bool odd)
{
    const size_t above = (size_t)(v->lmax - l);
    return v->kind == APART ? 2 * above + !odd : above;
}

static size_t list_degrees(const variant *v, int set, int k, int *l)
{
    if (!v->lmax) {
        memcpy(l, degrees[set].l[k], sizeof degrees[set].l[k]);
        return degrees[set].n[k];
    }
    size_t n = 0;
    for (int i = 0; i <= v->lmax; i++)
        if (k < 2) {
            l[n++] = i;
        } else {
            l[whole_block(v, i, false)] = i;
            if (v->kind == APART && i > 0)
                l[whole_block(v, i, true)] = i;
            n += v->kind == APART && i > 0 ? 2 : 1;
        }
    if (k == 2 && v->kind == APART) /* no odd sums lead to degree 0 */
        l[n - 1] = 0;
    return n;
}

static void add_whole(e3tp_desc *d, const variant *v)
{
    for (int l1 = 0; l1 <= v->lmax; l1++)
        for (int l2 = 0; l2 <= v->lmax; l2++)
            for (int l3 = abs(l1 - l2); l3 <= l1 + l2 && l3 <= v->lmax; l3++) {
                const bool odd = (l1 + l2 + l3) % 2;
                if (odd && v->kind == EVEN)
                    continue;
                const size_t out = whole_block(v, l3, odd) - (v->kind == APART && l3 == 0);
                const e3tp_path p = e3tp_path_init((uint32_t)l1, (uint32_t)l2, (uint32_t)out,
                                                   (e3tp_mode)v->mode, true);
                e3tp_desc_add_path(d, &p);
            }
}

static e3tp_plan *plan_of(int set, const variant *v)
{
    e3tp_desc *d;
    e3tp_plan *p;
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
    for (int k = 0; k < 3; k++) {
        e3tp_irrep s[MOST_BLOCKS];
        int l[MOST_BLOCKS];
        const size_t n = list_degrees(v, set, k, l);
        for (size_t i = 0; i < n; i++)
            s[i] = (e3tp_irrep){(uint32_t)mul_of(v, k), (uint16_t)l[i], 1};
        e3tp_desc_set_irreps(d, (e3tp_operand)k, s, n);
        e3tp_desc_set_layout(d, (e3tp_operand)k, v->layout[k]);
    }
    if (v->lmax)
        add_whole(d, v);
    else
        add_paths(d, set, v);
    if (v->weights != E3TP_WEIGHTS_NONE)
        e3tp_desc_set_weights(d, v->weights);
    if (set < WITHOUT_044)
        e3tp_desc_set_sign(d, v->sign);
    e3tp_desc_set_dtype(d, v->dtype);
    e3tp_desc_set_isa(d, (e3tp_isa)(tier + 1));
    e3tp_desc_set_method(d, E3TP_METHOD_CG);
    e3tp_desc_set_batch_hint(d, v->batch_hint);
    e3tp_desc_set_threads(d, 1);
    const e3tp_status s = e3tp_plan_create(&p, d);
    ck_assert_msg(s == E3TP_OK, "set %d: %s", set, e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

/* ---- arrays: MUL_IR in double, and the caller's layout in the plan's type ---- */

enum { A_X, A_Y, A_W, A_GZ, A_Z, A_GX, A_GY, A_GW, ARRAYS };
static const int operand_of[ARRAYS] = {0, 1, 3, 2, 2, 0, 1, 3};

typedef struct arrays {
    double *plain[ARRAYS];
    double *size[ARRAYS]; /* sums of |terms| of the results */
    void *own[ARRAYS];
    size_t rows[ARRAYS], width[ARRAYS];
} arrays;

static bool is_one_row(const e3tp_problem *p, const variant *v, int k)
{
    return k == 0 ? v->one_x : k == 1 ? v->one_y : k == 3 && p->weights != E3TP_WEIGHTS_ROW;
}

static void make_arrays(arrays *a, const e3tp_problem *p, const variant *v)
{
    for (int i = 0; i < ARRAYS; i++) {
        const int k = operand_of[i];
        a->rows[i] = is_one_row(p, v, k) ? 1 : v->rows;
        a->width[i] = k == 3 ? p->weight_numel : p->dim[k];
        const size_t n = a->rows[i] * a->width[i];
        a->plain[i] = calloc(n + 1, sizeof(double));
        a->size[i] = calloc(n + 1, sizeof(double));
        a->own[i] = malloc((n + 1) * sizeof(double));
        for (size_t j = 0; j < n && i <= A_GZ; j++) {
            a->plain[i][j] = p->dtype == E3TP_F32 ? (double)(float)draw() : draw();
            const size_t row = j / a->width[i], at = j % a->width[i];
            set(p->dtype, a->own[i], place(p, operand_of[i], a->rows[i], row, at), a->plain[i][j]);
        }
    }
}

static void free_arrays(arrays *a)
{
    for (int i = 0; i < ARRAYS; i++) {
        free(a->plain[i]);
        free(a->size[i]);
        free(a->own[i]);
    }
}

static void reference(const e3tp_problem *p, const variant *v, const arrays *a)
{
    double *const *f = a->plain, *const *s = a->size;
    const e3tp_cg_ref_rows rows = {.n = v->rows,
                                   .sx = v->one_x ? 0 : a->width[A_X],
                                   .sy = v->one_y ? 0 : a->width[A_Y],
                                   .sw = a->rows[A_W] == 1 ? 0 : a->width[A_W],
                                   .x = f[A_X],
                                   .y = f[A_Y],
                                   .w = f[A_W],
                                   .gz = f[A_GZ]};
    const e3tp_cg_ref_results value = {f[A_Z], f[A_GX], f[A_GY], f[A_GW]},
                              size = {s[A_Z], s[A_GX], s[A_GY], s[A_GW]};
    ck_assert(e3tp_cg_ref(p, &rows, &value, &size));
}

/* Gradients by the bits of wanted: gx, gy, gw; the others stay NaN. */
static void call(const e3tp_plan *p, const variant *v, const arrays *a, int wanted)
{
    e3tp_buffers b = e3tp_buffers_init(v->rows);
    b.x = a->own[A_X], b.y = a->own[A_Y], b.w = a->own[A_W], b.gz = a->own[A_GZ];
    b.z = a->own[A_Z];
    b.gx = wanted & 1 ? a->own[A_GX] : NULL;
    b.gy = wanted & 2 ? a->own[A_GY] : NULL;
    b.gw = wanted & 4 && a->width[A_GW] ? a->own[A_GW] : NULL;
    b.stride_x = v->one_x ? 0 : E3TP_PACKED;
    b.stride_y = v->one_y ? 0 : E3TP_PACKED;
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
}

/* In units of the type's eps, relative to the sum of |terms|: roundings of coefficient, products
   and weight, half an eps each, and of sums, which grow slowly. Seen: 4.5. */
enum { ROUNDINGS = 8 };

static void compare(const e3tp_problem *p, const arrays *a, int k, int set, const variant *v)
{
    const double eps = p->dtype == E3TP_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
    size_t wrong = 0;
    double worst = 0;
    for (size_t i = 0; i < a->rows[k] * a->width[k]; i++) {
        const size_t row = i / a->width[k], at = i % a->width[k];
        const double got = get(p->dtype, a->own[k], place(p, operand_of[k], a->rows[k], row, at)),
                     error = fabs(got - a->plain[k][i]), size = a->size[k][i];
        wrong += !(error <= ROUNDINGS * eps * size);
        worst = fmax(worst, size > 0 ? error / (eps * size) : 0);
    }
    ck_assert_msg(wrong == 0,
                  "set %d, mode %d, mul %zu, rows %zu, array %d: %zu of %zu are wrong, by up to "
                  "%.3g eps of their terms",
                  set, v->mode, v->mul, v->rows, k, wrong, a->rows[k] * a->width[k], worst);
}

static void check_call(const e3tp_plan *p, int set, const variant *v, const arrays *a, int wanted)
{
    for (int i = A_Z; i < ARRAYS; i++)
        memset(a->own[i], 0xff, a->rows[i] * a->width[i] * sizeof(double)); /* NaN */
    call(p, v, a, wanted);
    compare(p->problem, a, A_Z, set, v);
    for (int k = 0; k < 3; k++)
        if (wanted >> k & 1)
            compare(p->problem, a, A_GX + k, set, v);
}

/* All gradients, then some; all by the plan's other forms. */
static void check(int set, const variant *v, int wanted)
{
    e3tp_plan *p = plan_of(set, v);
    arrays a;
    make_arrays(&a, p->problem, v);
    reference(p->problem, v, &a);
    check_call(p, set, v, &a, 7);
    check_call(p, set, v, &a, wanted);
    for (unsigned form = 1; form < p->backend->forms; form++)
        if (take_form(p, form))
            check_call(p, set, v, &a, 7);
    free_arrays(&a);
    e3tp_plan_destroy(p);
}

static variant variant_of(int mode, size_t mul, size_t rows, e3tp_dtype t, unsigned i)
{
    return (variant){
        .mode = mode,
        .mul = mul,
        .rows = rows,
        .batch_hint = i % 5 == 1 ? 1 : 0,
        .weights = (e3tp_weights)((i + 2) % 3),
        .layout = {(e3tp_layout)(i % 3), (e3tp_layout)(i / 3 % 3), (e3tp_layout)((i + i / 2) % 3)},
        .sign = i % 4 == 3 ? E3TP_SIGN_E3NN_044 : E3TP_SIGN_E3NN,
        .dtype = t,
        .one_x = i % 7 == 3,
        .one_y = i % 7 == 5 || i % 7 == 3};
}

/* Multiplicities around a tile, and rows around a tile of rows; one more that goes in blocks. */
START_TEST(definition)
{
    static const int modes[] = {E3TP_UUU,  E3TP_UVU,      E3TP_UVW,     E3TP_UVV, E3TP_UUW,
                                E3TP_UVUV, E3TP_UVU_LT_V, E3TP_U_LT_VW, MIXED,    MIXED_MORE};
    static const size_t muls[] = {1, 13, 16, 33};
    const e3tp_dtype t = _i % 2 ? E3TP_F64 : E3TP_F32;
    const int set = _i / 2;
    const size_t T = 64 / e3tp_dtype_size(t), rows[] = {1, T - 1, T, T + 1, 70};
    unsigned checks = 0;
    for (size_t m = 0; m < COUNT(modes); m++)
        for (size_t u = 0; u < COUNT(muls); u++)
            for (size_t r = 0; r < COUNT(rows); r++) {
                const bool many = rows[r] > T + 1, mixed = modes[m] < 0;
                if (set < SMALL_SETS ? many && muls[u] > 16
                                     : muls[u] > 1 && (many || mixed || (u + r) % 2))
                    continue;
                const variant v = variant_of(modes[m], muls[u], rows[r], t, checks + (unsigned)set);
                check(set, &v, (int)(checks % 6) + 1);
                checks++;
            }
    ck_assert_uint_ge(checks, 95);
}
END_TEST

/* Whether the tier's kernels are code and not tables. */
static bool has_code(void)
{
#define HAS(type, name, suffix, index) [index] = e3tp_cg_pairs_f32_##suffix.sets[1][1] != NULL,
    const bool has[E3TP_TIER_COUNT] = {E3TP_RUNNERS_TIERS(HAS, , )};
    return has[tier];
}

static bool runs_whole(const e3tp_plan *p)
{
    char text[4096];
    e3tp_plan_describe(p, text, sizeof text);
    return strstr(text, "forward by a kernel of the whole") != NULL;
}

/* From degree 4 on kernels want the registers of avx512. */
static bool expects_whole(const variant *v)
{
    return has_code() && v->lmax <= (tier == E3TP_TIER_AVX512_ ? 5 : 3);
}

static void check_whole(const variant *v)
{
    e3tp_plan *p = plan_of(0, v);
    const bool channels_share_y = v->mode == E3TP_UVU && v->layout[0] != E3TP_BATCH_LAST;
    ck_assert_msg(runs_whole(p) == (expects_whole(v) && !channels_share_y),
                  "L = %d, kind %d, mul %zu", v->lmax, v->kind, v->mul);
    e3tp_plan_destroy(p);
    check(0, v, 7);
}

/* Whole tiles where the caller has them and tails that are packed, tiles of a row in one call and
   rows of a tile, components a page apart, which avx2 packs. */
START_TEST(whole_products)
{
    static const e3tp_layout layouts[] = {E3TP_IR_MUL, E3TP_BATCH_LAST, E3TP_MUL_IR};
    const e3tp_dtype t = _i % 2 ? E3TP_F64 : E3TP_F32;
    const int lmax = _i / 2 + 1;
    const size_t T = 64 / e3tp_dtype_size(t), page = 4096 / e3tp_dtype_size(t);
    const size_t muls[] = {1, 13, T, 5 * T}, rows[] = {1, T, T + 1, 3 * T};
    unsigned i = 0;
    for (int kind = 0; kind < WHOLES; kind++)
        for (size_t u = 0; u < COUNT(muls); u++)
            for (size_t r = 0; r < COUNT(rows); r++, i++) {
                const e3tp_layout q = layouts[i % 3];
                if (lmax > 3 && (i % 4 || muls[u] > T))
                    continue;
                check_whole(
                    &(variant){.mode = q == E3TP_BATCH_LAST && i % 2 ? E3TP_UVU : E3TP_UUU,
                               .mul = muls[u],
                               .rows = rows[r],
                               .batch_hint = rows[r] < T / 2 ? 1 : 64,
                               .weights = i % 4 < 2 ? E3TP_WEIGHTS_SHARED : E3TP_WEIGHTS_ROW,
                               .layout = {q, i % 5 ? q : E3TP_MUL_IR, q},
                               .sign = i % 4 == 3 ? E3TP_SIGN_E3NN_044 : E3TP_SIGN_E3NN,
                               .dtype = t,
                               .one_x = i % 7 == 3,
                               .one_y = i % 7 == 5 || i % 7 == 3,
                               .lmax = lmax,
                               .kind = (whole)kind});
            }
    if (lmax == 1)
        check_whole(&(variant){.mode = E3TP_UUU,
                               .mul = page,
                               .rows = 2,
                               .weights = E3TP_WEIGHTS_SHARED,
                               .layout = {E3TP_IR_MUL, E3TP_IR_MUL, E3TP_IR_MUL},
                               .dtype = t,
                               .lmax = lmax});
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *tests = tcase_create("cg");
    tcase_add_loop_test(tests, definition, 0, 2 * DEGREE_SETS);
    tcase_add_loop_test(tests, whole_products, 0, 2 * E3TP_CG_WHOLE_LMAX);
    return run_case(tests, "cg");
}
