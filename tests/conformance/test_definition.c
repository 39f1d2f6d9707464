/* SPDX-License-Identifier: MIT */
/* Products of two signals of degrees to 12 by every method that serves them against the definition,
   the sum of kappa W in double: values, gradients, JVP and double backward. The kappas against what
   they stand for. argv[1] is the tier. */
#include "ensure.h"
#include "passes.h"
#include "problems.h"
#include "sampled.h"
#include "signals.h"

enum { ROWS = 3, RANK = 2, MOST_BLOCKS = 32, ALL_TYPES = 7 };
enum { DIM = 51, IN = 27 }; /* of the largest irreps: of z, of x and y */

static e3tp_isa tier;

/* Lists of degrees, of fields with the types that each operand has. */
static const struct {
    signal_lists lists;
    unsigned types[3]; /* 0: all */
} cases[] = {
    {{E3TP_OP_CROSS, {{12}, {11}, {0, 1, 10, 23}}, {1, 1, 4}}, {E3TP_FIELD_MAGNETIC, 4, 0}},
    {{E3TP_OP_CROSS, {{9, 12}, {2}, {10, 11, 14}}, {2, 1, 3}}, {0, 0, 0}},
    {{E3TP_OP_DOT, {{12}, {12}, {0, 3, 24}}, {1, 1, 3}}, {5, 7, 0}},
    {{E3TP_OP_DOT, {{3, 12}, {0, 1, 5}, {2, 12, 17}}, {2, 3, 3}}, {0, 0, 0}},
    {{E3TP_OP_BRACKET, {{12}, {11, 12}, {1, 22, 23}}, {1, 2, 3}}, {0, 0, 0}},
    {{E3TP_OP_BRACKET, {{1, 4, 9, 12}, {0, 2, 7}, {3, 5, 12, 17}}, {4, 3, 4}}, {0, 0, 0}},
    {{E3TP_OP_COMPLETE, {{0, 12}, {10}, {2, 13, 22}}, {2, 1, 3}}, {0, 0, 0}},
    {{E3TP_OP_COMPLETE, {{0, 3, 5, 8, 12}, {12}, {5, 12, 24}}, {5, 1, 3}}, {0, 0, 0}},
    {{E3TP_OP_MATRIX, {{12}, {9}, {3, 12, 21}}, {1, 1, 3}}, {0, 0, 0}},
    {{E3TP_OP_MATRIX, {{2, 7, 12}, {1, 8}, {0, 6, 9, 20}}, {3, 2, 4}}, {0, 0, 0}},
    {{E3TP_OP_GAUNT, {{12}, {12}, {0, 12, 24}}, {1, 1, 3}}, {0, 0, 0}},
};

static bool is_field(e3tp_op op, int k)
{
    return op == E3TP_OP_CROSS || (op == E3TP_OP_DOT && k < 2);
}

static unsigned types_of(int i, int k)
{
    return cases[i].types[k] ? cases[i].types[k] : ALL_TYPES;
}

/* ---- what kappa stands for */

/* The degree of the harmonics of which a block of x, y or z consists, for fields beside that of the
   block: blocks of a field are one for each type of each degree. */
static int harmonic_degree(int i, int k, uint32_t block, int j)
{
    const signal_lists *q = &cases[i].lists;
    uint32_t at = 0;
    for (size_t d = 0; d < q->n[k] && is_field(q->op, k); d++)
        for (int type = 0; type < 3; type++) {
            const int l = q->l[k][d] - 1 + type;
            if (l < 0 || (q->l[k][d] == 0 && l != 1) || !(types_of(i, k) >> type & 1))
                continue;
            if (at++ == block)
                return l;
        }
    return j;
}

/* Harmonic m of a block: of a function Y_m, of a field the sum over n and e of B[n][e][m] Y_n e_e.
 */
typedef struct basis {
    int l, j;
    bool field;
    double B[DIM * 3 * DIM];
} basis;

static void make_basis(basis *b, int i, int k, uint32_t block, int j)
{
    b->j = j, b->field = is_field(cases[i].lists.op, k);
    b->l = harmonic_degree(i, k, block, j);
    if (!b->field)
        return;
    ck_assert_int_eq(e3tp_wigner_3j(b->l, 1, j, E3TP_SIGN_E3NN, b->B), E3TP_OK);
    for (int at = 0; at < (2 * b->l + 1) * 3 * (2 * j + 1); at++)
        b->B[at] *= sqrt(2 * j + 1);
}

static double expansion(const basis *b, int n, int e, int m)
{
    return b->field ? b->B[(n * 3 + e) * (2 * b->j + 1) + m] : n == m;
}

/* Of unit vectors: of e1 x e2 or e1 . e2 (then e3 = 0) along e3. */
static double coupled(e3tp_op op, int e1, int e2, int e3)
{
    if (op == E3TP_OP_DOT)
        return e1 == e2 && e3 == 0;
    return (e2 - e1) * (e3 - e2) * (e3 - e1) / 2.0;
}

static bool triangle(int a, int b, int c)
{
    return c >= abs(a - b) && c <= a + b;
}

/* Integral of the product of harmonics n of three blocks with parts e, along w3, the W of the
 * blocks. */
static double along(const basis b[3], const int n[3], const int e[3], const double *w3)
{
    double sum = 0;
    for (int m1 = 0; m1 < 2 * b[0].j + 1; m1++) {
        const double f = expansion(&b[0], n[0], e[0], m1);
        for (int m2 = 0; m2 < 2 * b[1].j + 1 && f != 0; m2++) {
            const double g = f * expansion(&b[1], n[1], e[1], m2);
            const double *w = w3 + (m1 * (2 * b[1].j + 1) + m2) * (2 * b[2].j + 1);
            for (int m3 = 0; m3 < 2 * b[2].j + 1 && g != 0; m3++)
                sum += g * expansion(&b[2], n[2], e[2], m3) * w[m3];
        }
    }
    return sum;
}

/* Of fields: the integral of (V1 x V2) . V3, or of V1 . V2 times Y3, is kappa W. */
static double kappa_of_fields(e3tp_op op, const basis b[3])
{
    static double of_fields[IN * IN * DIM], V[IN * IN * DIM];
    const double strength = e3tp_gaunt_strength(b[0].l, b[1].l, b[2].l);
    double sum = 0;
    if (strength == 0 || !triangle(b[0].j, b[1].j, b[2].j))
        return 0;
    ck_assert_int_eq(e3tp_wigner_3j(b[0].l, b[1].l, b[2].l, E3TP_SIGN_E3NN, V), E3TP_OK);
    ck_assert_int_eq(e3tp_wigner_3j(b[0].j, b[1].j, b[2].j, E3TP_SIGN_E3NN, of_fields), E3TP_OK);
    const int d2 = 2 * b[1].l + 1, d3 = 2 * b[2].l + 1;
    for (int at = 0; at < (2 * b[0].l + 1) * d2 * d3; at++)
        for (int e = 0; e < 27 && V[at] != 0; e++) {
            const int n[3] = {at / d3 / d2, at / d3 % d2, at % d3},
                      es[3] = {e / 9, e / 3 % 3, e % 3};
            const double c = coupled(op, es[0], es[1], es[2]);
            if (c != 0)
                sum += strength * V[at] * c * along(b, n, es, of_fields);
        }
    return sum;
}

static double kappa_of_matrices(const signal_lists *q, const int l[3])
{
    int most = 0;
    double symbol;
    for (int k = 0; k < 3; k++)
        for (size_t d = 0; d < q->n[k]; d++)
            most = q->l[k][d] > most ? q->l[k][d] : most;
    const int h = (most + 1) / 2;
    ck_assert_int_eq(e3tp_wigner_6j(l[0], l[1], l[2], h, h, h, &symbol), E3TP_OK);
    return l[2] % 2 ? -symbol : symbol;
}

static double kappa(int i, e3tp_irrep list[3][MOST_BLOCKS], const uint32_t block[3])
{
    static basis b[3];
    const signal_lists *q = &cases[i].lists;
    int l[3], parity = 1;
    for (int k = 0; k < 3; k++) {
        l[k] = list[k][block[k]].l, parity *= list[k][block[k]].parity;
        make_basis(&b[k], i, k, block[k], l[k]);
    }
    if (parity < 0)
        return 0;
    if (is_field(q->op, 0))
        return kappa_of_fields(q->op, b);
    if (q->op == E3TP_OP_MATRIX)
        return kappa_of_matrices(q, l);
    return (l[0] + l[1] + l[2]) % 2 ? e3tp_bracket_strength(l[0], l[1], l[2])
                                    : e3tp_gaunt_strength(l[0], l[1], l[2]);
}

/* ---- the library */

static e3tp_plan *plan_of(int i, const problem *s)
{
    e3tp_plan *p;
    e3tp_desc *d = signal_desc(&cases[i].lists, s->mul, s->layout, tier);
    for (int k = 0; k < 3; k++)
        if (is_field(cases[i].lists.op, k))
            e3tp_desc_set_field_types(d, (e3tp_operand)k, types_of(i, k));
    e3tp_desc_set_weights(d, s->weights);
    e3tp_desc_set_rank(d, s->weights ? RANK : 1);
    e3tp_desc_set_dtype(d, s->dtype);
    e3tp_desc_set_method(d, s->method);
    const bool served = e3tp_method_serves(s->method, cases[i].lists.op);
    ck_assert_msg(e3tp_plan_create(&p, d) == (served ? E3TP_OK : E3TP_E_UNSUPPORTED),
                  "operation %d by %s: %s", (int)cases[i].lists.op, e3tp_method_name(s->method),
                  e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

/* Every triple of blocks: the path's coefficient, 0 where the plan has no path. */
START_TEST(coefficients)
{
    const problem s = {.method = E3TP_METHOD_CG, .mul = 1};
    static e3tp_irrep list[3][MOST_BLOCKS];
    size_t n[3], at = 0, some = 0;
    uint32_t block[3], next[3];
    e3tp_plan *p = plan_of(_i, &s);
    for (int k = 0; k < 3; k++)
        n[k] = e3tp_plan_irreps(p, (e3tp_operand)k, list[k], MOST_BLOCKS);
    ck_assert_uint_le(n[0] + n[1] + n[2], MOST_BLOCKS);
    for (size_t t = 0; t < n[0] * n[1] * n[2]; t++) {
        block[0] = (uint32_t)(t / n[2] / n[1]), block[1] = (uint32_t)(t / n[2] % n[1]);
        block[2] = (uint32_t)(t % n[2]);
        double got = 0;
        const double want = kappa(_i, list, block);
        for (at = 0; at < e3tp_plan_num_paths(p); at++)
            if (e3tp_plan_path_blocks(p, at, next) == E3TP_OK &&
                memcmp(next, block, sizeof block) == 0)
                got += e3tp_plan_path_coefficient(p, at);
        some += got != 0;
        ck_assert_double_eq_tol(got, want, 1e-11);
    }
    ck_assert_uint_eq(some, e3tp_plan_num_paths(p));
    ck_assert_uint_gt(some, 0);
    e3tp_plan_destroy(p);
}
END_TEST

/* ---- the definition */

/* A number that terms are linear in: its place in x, y or w. */
typedef struct factor {
    int array;
    size_t at;
} factor;

enum { FACTORS = 5 };

/* What is expected, and the absolute values of the terms of each number. */
typedef struct expected {
    arrays want, size;
} expected;

static void put(const expected *e, int array, size_t at, double term)
{
    e->want.a[array][at] += term;
    e->size.a[array][at] += fabs(term);
}

/* Of all factors but two. */
static double rest(const double *v, int n, int a, int b)
{
    double product = 1;
    for (int k = 0; k < n; k++)
        if (k != a && k != b)
            product *= v[k];
    return product;
}

static void add_term(const expected *e, const factor *f, int n, size_t z, double c)
{
    double v[FACTORS], t[FACTORS];
    const double g = e->want.a[GZ][z];
    for (int k = 0; k < n; k++) {
        v[k] = e->want.a[X + f[k].array][f[k].at];
        t[k] = e->want.a[DX + f[k].array][f[k].at];
    }
    put(e, Z, z, c * rest(v, n, -1, -1));
    for (int k = 0; k < n; k++) {
        const double slope = c * rest(v, n, k, -1);
        put(e, GX + f[k].array, f[k].at, slope * g);
        put(e, HZ, z, slope * t[k]);
        put(e, JZ, z, slope * t[k]);
        for (int s = 0; s < n; s++)
            if (s != k)
                put(e, HX + f[s].array, f[s].at, c * rest(v, n, k, s) * t[k] * g);
    }
}

/* One path of a plan: its blocks, and the tensor kappa W. */
typedef struct path {
    uint32_t block[3];
    size_t first[3], dim[3], blocks[3]; /* of the blocks: where they begin, components, how many */
    double c, W[IN * IN * DIM];
} path;

static void make_path(path *q, const e3tp_plan *p, size_t at)
{
    e3tp_irrep list[MOST_BLOCKS];
    int l[3];
    ck_assert_int_eq(e3tp_plan_path_blocks(p, at, q->block), E3TP_OK);
    for (int k = 0; k < 3; k++) {
        q->blocks[k] = e3tp_plan_irreps(p, (e3tp_operand)k, list, MOST_BLOCKS);
        q->first[k] = e3tp_irreps_dim(list, q->block[k]);
        l[k] = list[q->block[k]].l, q->dim[k] = 2 * (size_t)l[k] + 1;
    }
    q->c = e3tp_plan_path_coefficient(p, at);
    ck_assert_int_eq(e3tp_wigner_3j(l[0], l[1], l[2], E3TP_SIGN_E3NN, q->W), E3TP_OK);
}

/* Of channel u in a row of weights a [R][n1][C], b [R][n2][C], c [R][n3][C]. */
static size_t weight_at(const path *q, size_t channels, int k, size_t r, size_t u)
{
    size_t at = 0;
    for (int i = 0; i < k; i++)
        at += RANK * q->blocks[i] * channels;
    return at + (r * q->blocks[k] + q->block[k]) * channels + u;
}

static void add_path(const expected *e, const path *q, const problem *s, size_t row, size_t u)
{
    const arrays *a = &e->want;
    const int n = s->weights ? FACTORS : 2;
    for (size_t i = 0; i < q->dim[0] * q->dim[1] * q->dim[2]; i++) {
        const size_t m[3] = {i / q->dim[2] / q->dim[1], i / q->dim[2] % q->dim[1], i % q->dim[2]};
        for (size_t r = 0; q->W[i] != 0 && r < (s->weights ? RANK : 1); r++) {
            factor f[FACTORS] = {{0, 0}};
            size_t at[3];
            for (int k = 0; k < 3; k++) {
                at[k] = row * a->width[k == 2 ? Z : k] + q->first[k] + u * q->dim[k] + m[k];
                f[2 + k] = (factor){W, (a->rows[W] > 1 ? row * a->width[W] : 0) +
                                           weight_at(q, s->mul, k, r, u)};
            }
            f[0] = (factor){X, at[0]}, f[1] = (factor){Y, at[1]};
            add_term(e, f, n, at[2], q->c * q->W[i]);
        }
    }
}

static passes passes_of(const problem *s, const e3tp_plan *p)
{
    passes c = {.plan = p, .dtype = s->dtype, .rows = ROWS};
    memcpy(c.layout, s->layout, sizeof c.layout);
    c.one[E3TP_W] = s->weights != E3TP_WEIGHTS_ROW;
    return c;
}

static expected expect(int i, const problem *s)
{
    static path q;
    problem any = *s;
    any.method = E3TP_METHOD_CG;
    e3tp_plan *p = plan_of(i, &any);
    const passes c = passes_of(&any, p);
    const expected e = {passes_arrays(&c), passes_arrays(&c)};
    arrays inputs = e.want;
    draw(&inputs);
    for (size_t at = 0; at < e3tp_plan_num_paths(p); at++) {
        make_path(&q, p, at);
        for (size_t row = 0; row < ROWS; row++)
            for (size_t u = 0; u < s->mul; u++)
                add_path(&e, &q, s, row, u);
    }
    e3tp_plan_destroy(p);
    return e;
}

/* docs/numerics.md, of the largest sum of terms. */
static double tolerance_of(const problem *s)
{
    static const double c[] = {[E3TP_METHOD_CG] = 8,
                               [E3TP_METHOD_GAUNT] = 12,
                               [E3TP_METHOD_GRID] = 8,
                               [E3TP_METHOD_MATRIX] = 18};
    return c[s->method] * (s->dtype == E3TP_F64 ? 2.3e-16 : 1.2e-7);
}

static void check(int i, const problem *s, const expected *e)
{
    e3tp_plan *p = plan_of(i, s);
    const passes c = passes_of(s, p);
    arrays got = passes_arrays(&c);
    draw(&got);
    passes_run(&c, &got);
    for (int k = INPUTS; k < ARRAYS; k++) {
        const double tolerance = tolerance_of(s) * largest(e->size.a[k], size_of(&e->size, k));
        for (size_t j = 0; j < size_of(&got, k); j++) {
            const double error = fabs(got.a[k][j] - e->want.a[k][j]);
            ensure(error <= tolerance,
                   "%s, type %d, weights %d, %zu channels: array %d, element %zu is %g, expected "
                   "%g, off by %g tolerances",
                   e3tp_method_name(s->method), (int)s->dtype, (int)s->weights, s->mul, k, j,
                   got.a[k][j], e->want.a[k][j], error / tolerance);
        }
    }
    free_arrays(&got);
    e3tp_plan_destroy(p);
}

START_TEST(definition)
{
    static const size_t channels[] = {1, 19};
    int checks = 0;
    for (size_t n = 0; n < 2 * COUNT_OF(channels) + 1; n++) {
        problem s = {.mul = channels[n % 2], .weights = (e3tp_weights)(n / 2)};
        expected e = expect(_i, &s);
        for (int v = 0; v < 2 * method_count(); v++) {
            s.method = method_at(v / 2), s.dtype = (e3tp_dtype)(v % 2);
            for (int k = 0; k < 3; k++)
                s.layout[k] = (e3tp_layout)(((int)n / (1 + k) + v + k) % 3);
            if (!e3tp_method_serves(s.method, cases[_i].lists.op) || left_out((int)n + v, 2))
                continue;
            check(_i, &s, &e);
            checks++;
        }
        free_arrays(&e.want), free_arrays(&e.size);
    }
    ck_assert_int_ge(checks, SAMPLED ? 5 : 10);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("definition");
    tcase_add_loop_test(tests, coefficients, 0, (int)COUNT_OF(cases));
    tcase_add_loop_test(tests, definition, 0, (int)COUNT_OF(cases));
    return run_tests(tests, "definition", CK_FORK);
}
