/* SPDX-License-Identifier: MIT */
/* Convolutions that make harmonics and weights in the cache: every pass against differences of
   another. */
#include "made_checks.h"

/* p + h d. */
static operands moved(const world *o, const operands *p, const operands *d, double h, bool gz)
{
    operands q;
    for (int k = 0; k < OPERANDS; k++) {
        q.of[k] = numbers(o->size[k]);
        for (size_t i = 0; i < o->size[k]; i++)
            q.of[k][i] = p->of[k][i] + (k == Z && !gz ? 0 : h * d->of[k][i]);
    }
    return q;
}

/* sum over operands of t . gradients: of backward at p. */
static double paired(const world *o, const e3tp_conv *c, const operands *p, const operands *t)
{
    outcome r = empty_outcome(o);
    double sum = 0;
    run_pass(o, c, E3TP_BACKWARD, p, NULL, r.of[E3TP_BACKWARD]);
    for (int k = 0; k < OPERANDS; k++)
        if (k != Z)
            sum += dot(t->of[k], r.of[E3TP_BACKWARD][k], o->size[k]);
    free_outcome(&r);
    return sum;
}

static double valued(const world *o, const e3tp_conv *c, const operands *p)
{
    outcome r = empty_outcome(o);
    run_pass(o, c, E3TP_FORWARD, p, NULL, r.of[E3TP_FORWARD]);
    const double sum = dot(p->of[Z], r.of[E3TP_FORWARD][Z], o->size[Z]);
    free_outcome(&r);
    return sum;
}

/* The least error over steps; that it falls with the square of the step and rises again says that
   it is one of differences. */
static void check_slope(const double error[], size_t n, double scale)
{
    double least = error[0];
    for (size_t i = 1; i < n; i++)
        least = fmin(least, error[i]);
    ck_assert_msg(least <= 1e-7 * scale, "least error %g of %g", least, scale);
    ck_assert_msg(error[0] >= 20 * error[1], "errors %g, %g", error[0], error[1]);
    ck_assert_msg(error[n - 1] > least, "the error does not rise: %g", least);
}

enum { STEPS = 9 };

START_TEST(against_differences)
{
    world o = world_of(&settings[_i], E3TP_F64, 1, false);
    operands p = random_operands(&o), t = directions(&o), d = directions(&o);
    outcome exact = run(&o, &p, &t);
    e3tp_conv *c = conv_of(&o);
    double first[STEPS], second[STEPS], h = 0.03, by_first = 0, by_second = 0, jvp;
    for (int k = 0; k < OPERANDS; k++) {
        if (k != Z)
            by_first += dot(t.of[k], exact.of[E3TP_BACKWARD][k], o.size[k]);
        by_second += dot(d.of[k], exact.of[E3TP_DOUBLE_BACKWARD][k], o.size[k]);
    }
    jvp = dot(p.of[Z], exact.of[E3TP_JVP][Z], o.size[Z]);
    ck_assert_double_le(fabs(jvp - by_first), 1e-11 * fabs(jvp));
    for (int i = 0; i < STEPS; i++, h /= 10) {
        operands up = moved(&o, &p, &t, h, false), down = moved(&o, &p, &t, -h, false);
        first[i] = fabs((valued(&o, c, &up) - valued(&o, c, &down)) / (2 * h) - by_first);
        free_operands(&up), free_operands(&down);
        up = moved(&o, &p, &d, h, true), down = moved(&o, &p, &d, -h, true);
        second[i] = fabs((paired(&o, c, &up, &t) - paired(&o, c, &down, &t)) / (2 * h) - by_second);
        free_operands(&up), free_operands(&down);
    }
    check_slope(first, STEPS, fabs(by_first));
    check_slope(second, STEPS, fabs(by_second));
    e3tp_conv_destroy(c);
    free_outcome(&exact);
    free_operands(&p), free_operands(&t), free_operands(&d);
    free_world(&o);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *t = tcase_create("made, differences");
    tcase_add_loop_test(t, against_differences, 0, COUNT_OF(settings));
    return run_tests(t, "made, differences", CK_NOFORK); /* a forked child is serial by design */
}
