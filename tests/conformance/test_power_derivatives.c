/* SPDX-License-Identifier: MIT */
/* Powers of functions: derivatives against central differences, and rotations. argv[1] is the tier.
 */
#include "power_checks.h"

static double loss(const power_case *c, const e3tp_plan *p, const arrays *s)
{
    e3tp_buffers b = buffers_of(c, s);
    double sum = 0;
    b.z = s->a[Z];
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    for (size_t i = 0; i < s->size[Z]; i++)
        sum += get(c, s->a[GZ], i) * get(c, s->a[Z], i);
    return sum;
}

/* n numbers in -1..1; freed by the caller. */
static double *drawn(size_t n)
{
    double *a = malloc((n + 1) * sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i] = draw();
    return a;
}

/* <ggx, gx> + <ggw, gw> at a place t further along d, of x, w and gz. */
static double paired(const power_case *c, const e3tp_plan *p, const arrays *s, double *const gg[2],
                     double *const d[3], double t)
{
    double *const at[] = {s->a[X], s->a[W], s->a[GZ]};
    e3tp_buffers b = buffers_of(c, s);
    b.gx = s->a[GX], b.gw = c->weights ? s->a[GW] : NULL;
    for (int k = X; k <= GZ; k++)
        for (size_t i = 0; i < s->size[k]; i++)
            at[k][i] += t * d[k][i];
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    for (int k = X; k <= GZ; k++)
        for (size_t i = 0; i < s->size[k]; i++)
            at[k][i] -= t * d[k][i];
    return dot(gg[X], s->a[GX], s->size[X]) + dot(gg[W], s->a[GW], s->size[W]);
}

/* Double backward against the difference of the backward pass, whose error is t^2; hz has the bits
   of the JVP, whose cotangents are zero or not given. _i: degrees and the kind of weights. */
START_TEST(second_differences)
{
    power_case c = degrees[_i / 3];
    c.channels = 5, c.weights = (e3tp_weights)(_i % 3), c.dtype = E3TP_F64;
    arrays s = make_arrays(&c);
    e3tp_plan *p = make_plan(&c);
    double *gg[2], *d[3], *h[3], size = 0, got = 0;
    for (int k = X; k <= GZ; k++)
        d[k] = drawn(s.size[k]), h[k] = drawn(s.size[k]);
    for (int k = X; k <= W; k++)
        gg[k] = drawn(s.size[k]);
    e3tp_buffers b = buffers_of(&c, &s);
    b.ggx = gg[X], b.ggw = gg[W], b.hx = h[X], b.hw = c.weights ? h[W] : NULL, b.hz = h[GZ];
    ck_assert_int_eq(e3tp_double_backward(p, &b), E3TP_OK);
    for (int k = X; k <= GZ; k++) {
        got += dot(h[k], d[k], s.size[k]);
        size += sqrt(dot(h[k], h[k], s.size[k]) * (double)s.size[k]);
    }
    const double t = 1e-5, rise = paired(&c, p, &s, gg, d, t) - paired(&c, p, &s, gg, d, -t);
    ck_assert_double_eq_tol(rise / (2 * t), got, 1e-7 * size);
    b.hz = s.a[Z];
    ck_assert_int_eq(e3tp_jvp(p, &b), E3TP_OK);
    ck_assert_int_eq(memcmp(s.a[Z], h[GZ], s.size[Z] * sizeof(double)), 0);
    memset(gg[W], 0, s.size[W] * sizeof(double));
    ck_assert_int_eq(e3tp_jvp(p, &b), E3TP_OK);
    b.ggw = NULL, b.hz = h[GZ];
    ck_assert_int_eq(e3tp_jvp(p, &b), E3TP_OK);
    for (size_t i = 0; i < s.size[Z]; i++)
        ensure(((double *)s.a[Z])[i] == h[GZ][i], "[%zu]: no tangent is another than zero", i);
    for (int k = X; k <= GZ; k++)
        free(d[k]), free(h[k]);
    free(gg[X]), free(gg[W]);
    e3tp_plan_destroy(p);
    free_arrays(&s);
}
END_TEST

/* Along a random direction of x and w: (L(t) - L(-t)) / 2t, its error t^2. */
START_TEST(differences)
{
    power_case c = degrees[1];
    c.channels = 5, c.weights = E3TP_WEIGHTS_SHARED, c.dtype = E3TP_F64, c.power = 2 + _i;
    arrays s = make_arrays(&c);
    e3tp_plan *p = make_plan(&c);
    e3tp_buffers b = buffers_of(&c, &s);
    b.gx = s.a[GX], b.gw = s.a[GW];
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    const double t = 1e-5;
    double slope = 0, size = 0, value[2];
    for (int k = X; k <= W; k++)
        for (size_t i = 0; i < s.size[k]; i++) {
            s.want[k][i] = draw();
            slope += s.want[k][i] * get(&c, s.a[k == X ? GX : GW], i);
            size += fabs(s.want[k][i] * get(&c, s.a[k == X ? GX : GW], i));
        }
    for (int sign = 0; sign < 2; sign++) {
        for (int k = X; k <= W; k++)
            for (size_t i = 0; i < s.size[k]; i++)
                ((double *)s.a[k])[i] += (sign ? -2 : 1) * t * s.want[k][i];
        value[sign] = loss(&c, p, &s);
    }
    ck_assert_double_eq_tol((value[0] - value[1]) / (2 * t), slope, 1e-7 * size);
    e3tp_plan_destroy(p);
    free_arrays(&s);
}
END_TEST

/* An element of O(3) on all rows of one channel, degrees of natural parity. */
static void turn(const power_case *c, int k, double sign, double *rows)
{
    double D[25 * 25], v[25];
    for (size_t r = 0; r < ROWS; r++)
        for (int i = 0; i < c->n[k]; i++) {
            const int d = 2 * c->l[k][i] + 1;
            double *at = rows + place(c, k, r, 0, i, 0);
            ck_assert_int_eq(e3tp_wigner_D(c->l[k][i], 0.3, 1.1, -2.0, D), E3TP_OK);
            memcpy(v, at, (size_t)d * sizeof *v);
            for (int m = 0; m < d; m++) {
                at[m] = 0;
                for (int n = 0; n < d; n++)
                    at[m] += (c->l[k][i] % 2 ? sign : 1) * D[m * d + n] * v[n];
            }
        }
}

START_TEST(equivariance)
{
    power_case c = degrees[6];
    c.channels = 1, c.weights = E3TP_WEIGHTS_SHARED, c.dtype = E3TP_F64;
    arrays s = make_arrays(&c);
    e3tp_plan *p = make_plan(&c);
    e3tp_buffers b = buffers_of(&c, &s);
    b.z = s.want[Z];
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    turn(&c, 1, _i ? -1 : 1, s.want[Z]);
    turn(&c, 0, _i ? -1 : 1, s.a[X]);
    b.z = s.a[Z];
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    compare(&c, &s, Z);
    e3tp_plan_destroy(p);
    free_arrays(&s);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("powers, derivatives");
    tcase_add_loop_test(tests, differences, 0, 3);
    tcase_add_loop_test(tests, second_differences, 0, 3 * COUNT_OF(degrees));
    tcase_add_loop_test(tests, equivariance, 0, 2);
    return run_tests(tests, "powers, derivatives", CK_FORK);
}
