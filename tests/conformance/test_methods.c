/* SPDX-License-Identifier: MIT */
/* Every method of the Gaunt product against the definition over dense W in double, z and all
   gradients, both reals; then against each other where the definition takes too long. argv[1] is
   the tier. */
#include <math.h>

#include "problems.h"
#include "suite.h"

enum { ROWS = 18, MAX_L = 25, MAX_LISTS = 8 };

static e3tp_isa tier;

/* Degrees of one operand; the first n of l. */
typedef struct degrees {
    size_t n;
    int l[MAX_L];
} degrees;

/* First and last degree, and the step: MIMO, SISO, SIMO, lists with gaps. */
static const int cases[MAX_LISTS][3][3] = {
    {{0, 1, 1}, {0, 1, 1}, {0, 2, 1}}, {{0, 2, 1}, {0, 3, 1}, {0, 5, 1}},
    {{0, 4, 1}, {0, 4, 1}, {0, 4, 1}}, {{4, 4, 1}, {4, 4, 1}, {4, 4, 1}},
    {{3, 3, 1}, {3, 3, 1}, {0, 6, 1}}, {{0, 6, 2}, {1, 5, 2}, {1, 9, 4}},
    {{5, 5, 1}, {0, 0, 1}, {0, 7, 1}}, {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
};

typedef struct entry {
    size_t i, j, k;
    double c;
} entry;

typedef struct product {
    degrees list[3];
    size_t channels, dim[3]; /* of one channel */
    e3tp_dtype dtype;
    e3tp_weights weights;
    entry *entries; /* g W of one channel; i, j, k components in the order of degrees */
    size_t nentries;
} product;

static double draw(void)
{
    static unsigned state = 17;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 23) - 1;
}

static degrees make_degrees(const int range[3])
{
    degrees d = {0};
    for (int l = range[0]; l <= range[1]; l += range[2])
        d.l[d.n++] = l;
    return d;
}

static size_t first_component(const degrees *d, size_t block)
{
    size_t at = 0;
    for (size_t b = 0; b < block; b++)
        at += 2 * (size_t)d->l[b] + 1;
    return at;
}

static void add_path(product *p, size_t b1, size_t b2, size_t b3)
{
    static double W[25 * 25 * 49];
    const int l1 = p->list[0].l[b1], l2 = p->list[1].l[b2], l3 = p->list[2].l[b3];
    const double g = e3tp_gaunt_strength(l1, l2, l3);
    if (g == 0)
        return;
    ck_assert_int_eq(e3tp_wigner_3j(l1, l2, l3, E3TP_SIGN_E3NN, W), E3TP_OK);
    const size_t n1 = 2 * (size_t)l1 + 1, n2 = 2 * (size_t)l2 + 1, n3 = 2 * (size_t)l3 + 1;
    p->entries = realloc(p->entries, (p->nentries + n1 * n2 * n3) * sizeof *p->entries);
    for (size_t s = 0; s < n1 * n2 * n3; s++)
        if (W[s] != 0)
            p->entries[p->nentries++] =
                (entry){first_component(&p->list[0], b1) + s / (n2 * n3),
                        first_component(&p->list[1], b2) + s / n3 % n2,
                        first_component(&p->list[2], b3) + s % n3, g * W[s]};
}

static product make_product(const int ranges[3][3])
{
    product p = {.nentries = 0};
    for (int k = 0; k < 3; k++) {
        p.list[k] = make_degrees(ranges[k]);
        p.dim[k] = first_component(&p.list[k], p.list[k].n);
    }
    for (size_t a = 0; a < p.list[0].n; a++)
        for (size_t b = 0; b < p.list[1].n; b++)
            for (size_t c = 0; c < p.list[2].n; c++)
                add_path(&p, a, b, c);
    return p;
}

static e3tp_status create(const product *p, e3tp_method method, e3tp_plan **plan)
{
    e3tp_desc *d;
    e3tp_desc_create(&d, E3TP_OP_GAUNT);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_degrees(d, (e3tp_operand)k, p->list[k].l, p->list[k].n);
    e3tp_desc_set_channels(d, p->channels);
    e3tp_desc_set_weights(d, p->weights);
    e3tp_desc_set_dtype(d, p->dtype);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_method(d, method);
    const e3tp_status s = e3tp_plan_create(plan, d);
    ck_assert_msg(s == E3TP_OK || !e3tp_method_serves(method, E3TP_OP_GAUNT), "%s: %s",
                  e3tp_method_name(method), e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return s;
}

/* ---- the definition: arrays in double, in the packed layout of mul_ir */

enum { X, Y, W, GZ, Z, GX, GY, GW, ARRAYS, INPUTS = Z };
static const e3tp_operand operand_of[ARRAYS] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z,
                                                E3TP_Z, E3TP_X, E3TP_Y, E3TP_W};

typedef struct arrays {
    double *a[ARRAYS];
    double *sum[ARRAYS]; /* of the absolute values of the terms of each result */
    size_t n[ARRAYS];
} arrays;

static size_t block_of(const degrees *d, size_t component)
{
    size_t b = 0;
    while (component >= first_component(d, b + 1))
        b++;
    return b;
}

/* Element of component c of channel u in a row. */
static size_t element(const product *p, int k, size_t u, size_t c)
{
    const size_t b = block_of(&p->list[k], c), first = first_component(&p->list[k], b);
    const size_t d = 2 * (size_t)p->list[k].l[b] + 1;
    return first * p->channels + u * d + c - first;
}

static size_t factor_element(const product *p, int k, size_t row, size_t u, size_t c)
{
    size_t b = block_of(&p->list[k], c), all = 0;
    for (int j = 0; j < 3; j++) {
        all += p->list[j].n;
        b += j < k ? p->list[j].n : 0;
    }
    return (p->weights == E3TP_WEIGHTS_ROW ? row * all * p->channels : 0) + b * p->channels + u;
}

static void add_term(const arrays *a, int k, size_t at, double term)
{
    a->a[k][at] += term;
    a->sum[k][at] += fabs(term);
}

static void add_entry(const product *p, const entry *e, size_t row, size_t u, const arrays *a)
{
    const size_t components[3] = {e->i, e->j, e->k};
    size_t at[3], f[3] = {0};
    double factor[3] = {1, 1, 1};
    for (int k = 0; k < 3; k++) {
        at[k] = row * p->dim[k] * p->channels + element(p, k, u, components[k]);
        if (p->weights != E3TP_WEIGHTS_NONE) {
            f[k] = factor_element(p, k, row, u, components[k]);
            factor[k] = a->a[W][f[k]];
        }
    }
    const double abc = factor[0] * factor[1] * factor[2];
    const double x = a->a[X][at[0]], y = a->a[Y][at[1]], g = a->a[GZ][at[2]];
    add_term(a, Z, at[2], abc * e->c * x * y);
    add_term(a, GX, at[0], abc * e->c * y * g);
    add_term(a, GY, at[1], abc * e->c * x * g);
    for (int k = 0; k < 3 && p->weights != E3TP_WEIGHTS_NONE; k++)
        add_term(a, GW, f[k], e->c * x * y * g * factor[(k + 1) % 3] * factor[(k + 2) % 3]);
}

static void expect(const product *p, const arrays *a)
{
    for (size_t row = 0; row < ROWS; row++)
        for (size_t u = 0; u < p->channels; u++)
            for (size_t e = 0; e < p->nentries; e++)
                add_entry(p, &p->entries[e], row, u, a);
}

static arrays make_arrays(const product *p, const e3tp_plan *plan)
{
    arrays s;
    for (int k = 0; k < ARRAYS; k++) {
        const bool once = operand_of[k] == E3TP_W && p->weights != E3TP_WEIGHTS_ROW;
        s.n[k] = e3tp_plan_width(plan, operand_of[k]) * (once ? 1 : ROWS);
        s.a[k] = calloc(s.n[k] + 1, sizeof(double));
        s.sum[k] = calloc(s.n[k] + 1, sizeof(double));
        for (size_t i = 0; i < s.n[k] && k < INPUTS; i++)
            s.a[k][i] = draw();
    }
    return s;
}

static void free_arrays(arrays *s)
{
    for (int k = 0; k < ARRAYS; k++) {
        free(s->a[k]);
        free(s->sum[k]);
    }
}

/* ---- a method's results */

static void convert(e3tp_dtype t, const double *from, size_t n, void *to)
{
    for (size_t i = 0; i < n; i++)
        if (t == E3TP_F64)
            ((double *)to)[i] = from[i];
        else
            ((float *)to)[i] = (float)from[i];
}

static void execute(const e3tp_plan *plan, const product *p, const arrays *in, void *m[ARRAYS])
{
    for (int k = 0; k < ARRAYS; k++) {
        m[k] = calloc(in->n[k] + 1, sizeof(double));
        convert(p->dtype, in->a[k], k < INPUTS ? in->n[k] : 0, m[k]);
    }
    e3tp_buffers b = e3tp_buffers_init(ROWS);
    b.x = m[X], b.y = m[Y], b.w = m[W], b.z = m[Z];
    ck_assert_int_eq(e3tp_forward(plan, &b), E3TP_OK);
    b.z = NULL, b.gz = m[GZ], b.gx = m[GX], b.gy = m[GY], b.gw = m[GW];
    ck_assert_int_eq(e3tp_backward(plan, &b), E3TP_OK);
}

static double largest(const double *a, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, a[i]);
    return most;
}

/* Relative to the largest sum of terms: methods by transforms mix all of a row. gaunt has three
   stages of sums there for each factor and three back, to degree 6 some N = 60 roundings in a row:
   sqrt(N) eps / 2 = 4 eps if they are independent, of which three times pass; 6.7 eps are seen. */
static void compare(const product *p, e3tp_method method, const arrays *want, void *const m[ARRAYS])
{
    const double eps = p->dtype == E3TP_F64 ? 2.3e-16 : 1.2e-7;
    for (int k = INPUTS; k < ARRAYS; k++) {
        const double c = method == E3TP_METHOD_GAUNT ? 12 : 6;
        const double tolerance = c * eps * largest(want->sum[k], want->n[k]);
        size_t wrong = 0;
        double worst = 0;
        for (size_t i = 0; i < want->n[k]; i++) {
            const double got =
                p->dtype == E3TP_F64 ? ((double *)m[k])[i] : (double)((float *)m[k])[i];
            const double error = fabs(got - want->a[k][i]);
            wrong += !(error <= tolerance);
            worst = fmax(worst, tolerance > 0 ? error / tolerance : error);
        }
        ck_assert_msg(wrong == 0, "%s: array %d: %zu of %zu numbers are wrong, by %g tolerances",
                      e3tp_method_name(method), k, wrong, want->n[k], worst);
    }
}

static void try_method(const product *p, e3tp_method method, const e3tp_plan *plan,
                       const arrays *want)
{
    void *m[ARRAYS];
    ck_assert_str_eq(e3tp_plan_method(plan), e3tp_method_name(method));
    execute(plan, p, want, m);
    compare(p, method, want, m);
    for (int k = 0; k < ARRAYS; k++)
        free(m[k]);
}

/* Every method that is built. One that says it does not serve the operation must refuse the plan,
   so that none can drop out of the test by a word. Returns how many did. */
static int try_methods(const product *p)
{
    e3tp_plan *plan;
    ck_assert_int_eq(create(p, E3TP_METHOD_CG, &plan), E3TP_OK);
    arrays want = make_arrays(p, plan);
    e3tp_plan_destroy(plan);
    expect(p, &want);
    int ran = 0, refused = 0;
    for (int i = 0; i < method_count(); i++) {
        if (create(p, method_at(i), &plan) == E3TP_OK) {
            try_method(p, method_at(i), plan, &want);
            ran++;
        } else {
            refused++;
        }
        e3tp_plan_destroy(plan);
    }
    free_arrays(&want);
    ck_assert_int_eq(ran + refused, method_count());
    ck_assert_int_ge(ran, 1);
    return refused;
}

START_TEST(definition)
{
    static const size_t channels[] = {1, 3, 16, 21};
    product p = make_product(cases[_i]);
    int checks = 0, refused = 0;
    for (size_t c = 0; c < COUNT_OF(channels); c++)
        for (int kind = 0; kind < 3; kind++)
            for (int t = 0; t < 2; t++, checks++) {
                p.channels = channels[c];
                p.weights = (e3tp_weights)kind;
                p.dtype = (e3tp_dtype)t;
                refused = try_methods(&p);
            }
    ck_assert_int_eq(checks, 24);
    if (refused)
        printf("SKIP: %d of %d methods do not serve the Gaunt product\n", refused, method_count());
    free(p.entries);
}
END_TEST

/* Degrees to the limits: one channel, without weights. */
START_TEST(limits)
{
    static const int ranges[][3][3] = {
        {{0, 12, 1}, {0, 12, 1}, {0, 24, 1}}, {{12, 12, 1}, {12, 12, 1}, {0, 24, 2}},
        {{0, 8, 1}, {0, 8, 1}, {0, 8, 1}},    {{0, 12, 1}, {0, 1, 1}, {0, 12, 1}},
        {{0, 7, 1}, {0, 10, 1}, {0, 17, 1}},
    };
    product p = make_product(ranges[_i / 2]);
    p.channels = 1;
    p.weights = E3TP_WEIGHTS_NONE;
    p.dtype = (e3tp_dtype)(_i % 2);
    try_methods(&p);
    free(p.entries);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("methods");
    tcase_add_loop_test(tests, definition, 0, MAX_LISTS);
    tcase_add_loop_test(tests, limits, 0, 10);
    return run_tests(tests, "methods", CK_FORK);
}
