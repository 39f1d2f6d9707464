/* SPDX-License-Identifier: MIT */
/* Splines from outside: what the header forbids is refused with a sentence, nothing is legal, an
   allocation fails, and threads do not change a bit. */
#include <math.h>

#include "e3tp/spline.h"
#include "host.h"
#include "plan_checks.h"

enum { KNOTS = 8, ROWS = KNOTS + 2, WIDTH = 5 };

static e3tp_spline_desc usual(void)
{
    return e3tp_spline_desc_init(KNOTS, 5.0, WIDTH);
}

PLAN_CHECKS(spline, usual)
#define REFUSED(field, value, word) REFUSED_BY(spline, usual, field, value, word)

START_TEST(descriptions)
{
    REFUSED(size, 8, "size");
    REFUSED(knots, 0, "knots");
    REFUSED(knots, 2, "knots");
    REFUSED(knots, E3TP_SPLINE_KNOTS_MAX + 1, "knots");
    REFUSED(knots, SIZE_MAX, "knots");
    REFUSED(r_max, 0, "r_max");
    REFUSED(r_max, -5, "r_max");
    REFUSED(r_max, NAN, "r_max");
    REFUSED(r_max, INFINITY, "r_max");
    REFUSED(r_max, 1e7, "r_max");
    REFUSED(width, SIZE_MAX / 4, "width");
    REFUSED(width, SIZE_MAX / 4 / ROWS, "width");
    REFUSED(dtype, (e3tp_dtype)2, "dtype");
    REFUSED(isa, (e3tp_isa)77, "tier");
    REFUSED(threads, -1, "threads");
    refuse_everywhere();
}
END_TEST

START_TEST(sizes)
{
    e3tp_spline_desc d = usual();
    e3tp_spline *p = plan_of(&d);
    ck_assert(e3tp_spline_knots(p) == KNOTS && e3tp_spline_rows(p) == ROWS);
    ck_assert(e3tp_spline_width(p) == WIDTH);
    ck_assert_str_ne(e3tp_spline_isa(p), "");
    e3tp_spline_destroy(p);
    e3tp_spline_destroy(NULL);
    ck_assert(e3tp_spline_knots(NULL) == 0 && e3tp_spline_rows(NULL) == 0);
    ck_assert(e3tp_spline_width(NULL) == 0);
    ck_assert_str_eq(e3tp_spline_isa(NULL), "");
}
END_TEST

START_TEST(fits)
{
    enum { TABLES = 2 };
    const e3tp_spline_desc d = usual();
    e3tp_spline *p = plan_of(&d);
    float m[TABLES * (KNOTS + ROWS) * WIDTH] = {0}, *v = m, *c = m + TABLES * KNOTS * WIDTH;
    e3tp_status (*const call[])(const e3tp_spline *, size_t, const void *,
                                void *) = {e3tp_spline_fit, e3tp_spline_fit_backward};
    float *const in = _i ? c : v, *const out = _i ? v : c;
    ck_assert_int_eq(call[_i](p, TABLES, in, out), E3TP_OK);
    ck_assert_int_eq(call[_i](p, 0, NULL, NULL), E3TP_OK);
    ck_assert_int_eq(call[_i](NULL, TABLES, in, out), E3TP_E_INVALID);
    ck_assert_int_eq(call[_i](p, TABLES, NULL, out), E3TP_E_INVALID);
    ck_assert_int_eq(call[_i](p, TABLES, in, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(call[_i](p, TABLES, in, in), E3TP_E_INVALID);
    ck_assert_int_eq(call[_i](p, TABLES, v + (_i ? -1 : 1) + (in - v), out), E3TP_E_INVALID);
    ck_assert_int_eq(call[_i](p, SIZE_MAX / 100, in, out), E3TP_E_INVALID);
    ck_assert_int_eq(call[_i](p, SIZE_MAX / (4 * ROWS * WIDTH), in, out), E3TP_E_INVALID);
    e3tp_spline_destroy(p);
}
END_TEST

START_TEST(evaluations)
{
    enum { N = 3, OUT = N * WIDTH };
    const e3tp_spline_desc d = usual();
    e3tp_spline *p = plan_of(&d);
    float c[2 * ROWS * WIDTH] = {0}, r[N + OUT] = {1, 2, 3}, out[3 * OUT];
    float *v = out, *s = out + OUT, *ss = out + 2 * OUT;
    int32_t type[N] = {0, 1, 1};
    const e3tp_status bad = E3TP_E_INVALID;
    ck_assert_int_eq(e3tp_spline_evaluate(p, 2, c, r, type, N, v, s, ss), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 1, c, r, NULL, N, v, s, ss), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 2, c, r, type, N, NULL, NULL, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_evaluate(NULL, 2, c, r, type, N, v, s, ss), bad);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 2, NULL, r, type, N, v, s, ss), bad);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 2, c, NULL, type, N, v, s, ss), bad);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 1, c, r, type, N, v, s, ss), bad);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 0, c, r, NULL, N, v, s, ss), bad);
    type[2] = -1;
    ck_assert_int_eq(e3tp_spline_evaluate(p, 2, c, r, type, N, v, s, ss), bad);
    type[2] = 1;
    ck_assert_int_eq(e3tp_spline_evaluate(p, 2, c, r, type, N, r + 2, NULL, NULL), bad);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 2, c, r, type, N, NULL, c + 99, NULL), bad);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 2, c, r, type, N, NULL, NULL, type + 1), bad);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 2, c, r, type, N, v, v + OUT - 1, NULL), bad);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 2, c, r, type, N, v, s, v), bad);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 2, c, r, NULL, SIZE_MAX / 16, v, s, ss), bad);
    ck_assert_int_eq(e3tp_spline_evaluate(p, SIZE_MAX / 99, c, r, type, N, v, s, ss), bad);
    e3tp_spline_destroy(p);
}
END_TEST

START_TEST(nothing)
{
    e3tp_spline_desc d = usual();
    e3tp_spline *p = plan_of(&d);
    float r[2] = {1, 2}, v[2] = {7, 7};
    int32_t type[2] = {0, 0};
    ck_assert_int_eq(e3tp_spline_evaluate(p, 0, NULL, NULL, NULL, 0, NULL, NULL, NULL), E3TP_OK);
    e3tp_spline_destroy(p);
    d.width = 0;
    p = plan_of(&d);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 1, NULL, r, type, 2, v, NULL, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_fit(p, 3, NULL, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_fit_backward(p, 3, NULL, v), E3TP_OK);
    ck_assert(v[0] == 7 && v[1] == 7);
    e3tp_spline_destroy(p);
}
END_TEST

START_TEST(allocation)
{
    meter m = {0, 0, 0};
    e3tp_spline_desc d = usual();
    float v[KNOTS * WIDTH] = {0}, c[ROWS * WIDTH], r = 1, out[WIDTH];
    d.alloc = metered_alloc, d.release = metered_free, d.alloc_ctx = &m;
    refuse(&d, E3TP_E_NOMEM, "memory");
    m.left = 1;
    e3tp_spline *p = plan_of(&d);
    ck_assert_int_eq(m.left, 0);
    ck_assert_int_eq(e3tp_spline_fit(p, 1, v, c), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_fit_backward(p, 1, c, v), E3TP_OK);
    ck_assert_int_eq(e3tp_spline_evaluate(p, 1, c, &r, NULL, 1, out, NULL, NULL), E3TP_OK);
    e3tp_spline_destroy(p);
    ck_assert_int_eq(m.live, 0);
}
END_TEST

/* Five results of three plans: one thread, three, and three on a loop that runs backwards. */
START_TEST(same_bits_on_threads)
{
    enum { N = 1111, KNOTS_ = 99, WIDE = 700, TABLES = 3 };
    const size_t values = (size_t)TABLES * KNOTS_ * WIDE,
                 coefficients = (size_t)TABLES * (KNOTS_ + 2) * WIDE, out = (size_t)N * WIDE,
                 counts[] = {coefficients, values, out, out, out};
    size_t bodies = 0;
    float *v = malloc(values * sizeof *v), *r = malloc(N * sizeof *r), *got[3][5];
    int32_t *type = malloc(N * sizeof *type);
    for (size_t i = 0; i < values; i++)
        v[i] = (float)((i * 7919) % 1009) / 1009 - 0.5f;
    for (int i = 0; i < N; i++) {
        r[i] = 5.3f * (float)((i * 7919) % N) / N;
        type[i] = i % TABLES;
    }
    for (int k = 0; k < 3; k++) {
        e3tp_spline_desc d = e3tp_spline_desc_init(KNOTS_, 5, WIDE);
        d.threads = k == 0 ? 1 : 3;
        d.parallel_for = k == 2 ? backwards : NULL;
        d.parallel_ctx = &bodies;
        e3tp_spline *p = plan_of(&d);
        float **g = got[k];
        for (int o = 0; o < 5; o++)
            g[o] = malloc(counts[o] * sizeof(float));
        ck_assert_int_eq(e3tp_spline_fit(p, TABLES, v, g[0]), E3TP_OK);
        ck_assert_int_eq(e3tp_spline_fit_backward(p, TABLES, g[0], g[1]), E3TP_OK);
        ck_assert_int_eq(e3tp_spline_evaluate(p, TABLES, g[0], r, type, N, g[2], g[3], g[4]),
                         E3TP_OK);
        e3tp_spline_destroy(p);
    }
    ck_assert_int_eq((int)bodies, 9);
    for (int k = 2; k >= 0; k--)
        for (int o = 0; o < 5; o++) {
            ck_assert_int_eq(memcmp(got[k][o], got[0][o], counts[o] * sizeof(float)), 0);
            free(got[k][o]);
        }
    free(v), free(r), free(type);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("spline");
    tcase_add_test(t, descriptions);
    tcase_add_test(t, sizes);
    tcase_add_loop_test(t, fits, 0, 2);
    tcase_add_test(t, evaluations);
    tcase_add_test(t, nothing);
    tcase_add_test(t, allocation);
    tcase_add_test(t, same_bits_on_threads);
    return run_tests(t, "splines", CK_NOFORK); /* a forked child is serial by design */
}
