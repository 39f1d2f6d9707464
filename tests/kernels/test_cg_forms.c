/* SPDX-License-Identifier: MIT */
/* Forms of the backend cg: all passes of every problem by each against those of the form that is
   estimated to be the fastest; and what MEASURE makes of them. */
#include <float.h>

#include "cg/cg_plan.h"
#include "forms.h"
#include "passes.h"
#include "problems.h"
#include "sampled.h"

enum { ROUNDINGS = 100 };

static e3tp_isa tier;
/* How many problems a form rounds otherwise. */
static int seen[PROBLEMS][E3TP_CG_FORMS];

static e3tp_plan *plan_of(const problem *p, bool by_path)
{
    e3tp_desc *d = problem_desc(p);
    if (by_path)
        e3tp_desc_set_weight_shape(d, E3TP_WEIGHT_BY_PATH);
    return plan_from(d);
}

static arrays results_of(const e3tp_plan *plan, const problem *p, size_t rows)
{
    passes c = {.plan = plan, .dtype = p->dtype, .rows = rows};
    memcpy(c.layout, p->layout, sizeof c.layout);
    c.one[E3TP_W] = plan->problem->weights != E3TP_WEIGHTS_ROW;
    arrays a = passes_arrays(&c);
    draw(&a);
    passes_run(&c, &a);
    return a;
}

/* By so many eps of the largest of each array. */
static void compare(const problem *p, const arrays *got, const arrays *want, int roundings,
                    const char *form)
{
    const double eps = p->dtype == E3TP_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
    for (int k = INPUTS; k < ARRAYS; k++) {
        const size_t n = size_of(want, k);
        double worst = 0;
        for (size_t i = 0; i < n; i++) {
            const double error = fabs(got->a[k][i] - want->a[k][i]);
            worst = error <= worst ? worst : error; /* a NaN stays */
        }
        ck_assert_msg(worst <= roundings * eps * largest(want->a[k], n),
                      "%s, %zu channels, weights %d, %s: array %d is off by %.3g",
                      problem_name(p->kind), p->mul, (int)p->weights, form, k, worst);
    }
}

static bool says(const e3tp_plan *p, const char *what)
{
    char text[4096];
    e3tp_plan_describe(p, text, sizeof text);
    return strstr(text, what) != NULL;
}

/* Whether the plan is what the bits of its form say, where the description tells. */
static void check_described(const e3tp_plan *own, const e3tp_plan *plan, unsigned form)
{
    const bool plain = form & E3TP_CG_PLAIN, other = form & E3TP_CG_OTHER_LANES;
    ck_assert(!plain || (!says(plan, "one matrix") && !says(plan, "of the whole")));
    ck_assert(says(own, "kernels of the whole product") ||
              other == (says(plan, "lanes over rows") != says(own, "lanes over rows")));
}

/* Whether some result has other bits. */
static bool differ(const arrays *a, const arrays *b)
{
    bool differ = false;
    for (int k = INPUTS; k < ARRAYS; k++)
        differ = differ || memcmp(a->a[k], b->a[k], size_of(a, k) * sizeof(double)) != 0;
    return differ;
}

static void check(const problem *p, size_t rows, bool by_path)
{
    e3tp_plan *own = plan_of(p, by_path);
    arrays want = results_of(own, p, rows);
    for (unsigned form = 1; form < own->backend->forms; form++) {
        e3tp_plan *plan = plan_of(p, by_path);
        if (take_form(plan, form)) {
            arrays got = results_of(plan, p, rows);
            compare(p, &got, &want, ROUNDINGS,
                    own->backend->form_name(own->problem, own->tier, form));
            check_described(own, plan, form);
            seen[p->kind][form] += differ(&got, &want);
            free_arrays(&got);
        }
        e3tp_plan_destroy(plan);
    }
    free_arrays(&want);
    e3tp_plan_destroy(own);
}

static problem problem_of(int kind, size_t mul, unsigned i, e3tp_dtype t)
{
    static const e3tp_layout layouts[] = {E3TP_MUL_IR, E3TP_IR_MUL, E3TP_BATCH_LAST};
    return (problem){.kind = (problem_kind)kind,
                     .method = E3TP_METHOD_CG,
                     .mul = mul,
                     .dtype = t,
                     .isa = tier,
                     .layout = {layouts[i % 3], layouts[i / 2 % 3], layouts[i / 3 % 3]},
                     .weights = (e3tp_weights)(i % 4 % 3),
                     .threads = 1};
}

static bool has_paths_of_weights(const problem *p)
{
    return (p->kind == PROBLEM_UVU || p->kind == PROBLEM_EVEN) && p->weights != E3TP_WEIGHTS_NONE;
}

START_TEST(every_form)
{
    static const size_t muls[] = {1, 5, 16, 33}, rows[] = {1, 7, 19, 70};
    memset(seen, 0, sizeof seen);
    unsigned i = 0;
    for (int kind = 0; kind < PROBLEM_POWER; kind++)
        for (size_t m = 0; m < COUNT_OF(muls); m++)
            for (size_t r = 0; r < COUNT_OF(rows); r++, i++) {
                if (left_out((int)(i / 4), 3))
                    continue;
                const problem p = problem_of(kind, muls[m], i, _i ? E3TP_F64 : E3TP_F32);
                check(&p, rows[r], false);
                if (has_paths_of_weights(&p))
                    check(&p, rows[r], true);
            }
    for (int form = 1; form < E3TP_CG_FORMS; form++) {
        int all = 0;
        for (int kind = 0; kind < PROBLEMS; kind++)
            all += seen[kind][form];
        ck_assert_msg(all >= (SAMPLED ? 4 : 12), "form %d: %d problems", form, all);
    }
    ck_assert_int_gt(seen[PROBLEM_PAIRS][E3TP_CG_PLAIN], 0); /* of pairs that are joined */
}
END_TEST

/* The fastest of those that were timed, and no other state than its own: the same bits. */
static void check_measured(problem *p)
{
    e3tp_plan *estimated = plan_of(p, false);
    p->effort = E3TP_MEASURE;
    e3tp_plan *measured = plan_of(p, false);
    const e3tp_choice *c = &measured->choice;
    ck_assert_uint_eq(estimated->choice.n, 1);
    ck_assert_int_eq(estimated->choice.measured, false);
    ck_assert_uint_eq(c->candidate[0].form, 0);
    ck_assert_int_eq(c->measured, c->n > 1);
    for (size_t i = 0; i < c->n; i++) {
        ck_assert(c->candidate[c->chosen].seconds <= c->candidate[i].seconds);
        ck_assert(!c->candidate[i].form || says(measured, c->candidate[i].form_name));
    }
    const unsigned form = c->candidate[c->chosen].form;
    ck_assert(!form || take_form(estimated, form));
    arrays got = results_of(measured, p, 21), want = results_of(estimated, p, 21);
    compare(p, &got, &want, 0, "measured");
    free_arrays(&got);
    free_arrays(&want);
    e3tp_plan_destroy(estimated);
    e3tp_plan_destroy(measured);
}

START_TEST(measured)
{
    for (int kind = 0; kind < PROBLEM_POWER; kind++) {
        problem p = problem_of(kind, 5 + 28 * (size_t)_i, (unsigned)kind, E3TP_F32);
        check_measured(&p);
    }
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("forms");
    tcase_add_loop_test(tests, every_form, 0, 2);
    tcase_add_loop_test(tests, measured, 0, 2);
    return run_tests(tests, "forms", CK_FORK);
}
