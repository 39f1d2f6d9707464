/* SPDX-License-Identifier: MIT */
/* Radial plans from outside: what the header forbids is refused with a sentence, nothing is legal,
   an allocation fails, and threads do not change a bit. */
#include <math.h>

#include "e3tp/radial.h"
#include "host.h"
#include "plan_checks.h"

static e3tp_radial_desc bessel(void)
{
    return e3tp_radial_desc_init(E3TP_RADIAL_BESSEL, E3TP_CUTOFF_POLYNOMIAL, 8, 5.0);
}

static e3tp_radial_desc gaussian(void)
{
    return e3tp_radial_desc_init(E3TP_RADIAL_GAUSSIAN, E3TP_CUTOFF_NONE, 8, 5.0);
}

static e3tp_radial_desc smooth(void)
{
    return e3tp_radial_desc_init(E3TP_RADIAL_SMOOTH_FINITE, E3TP_CUTOFF_XPLOR, 8, 5.0);
}

static e3tp_radial_desc fourier(void)
{
    return e3tp_radial_desc_init(E3TP_RADIAL_FOURIER, E3TP_CUTOFF_SOFT_STEP, 8, 5.0);
}

static e3tp_radial_desc (*const starts[])(void) = {bessel, gaussian, smooth, fourier};
enum { STARTS = sizeof starts / sizeof *starts };

PLAN_CHECKS(radial, bessel)
#define REFUSED(start, field, value, word) REFUSED_BY(radial, start, field, value, word)

START_TEST(descriptions)
{
    REFUSED(bessel, size, 8, "size");
    REFUSED(bessel, basis, (e3tp_radial_basis)5, "basis");
    REFUSED(bessel, cutoff, (e3tp_radial_cutoff)7, "cutoff");
    REFUSED(bessel, num, E3TP_RADIAL_MAX + 1, "num");
    REFUSED(bessel, r_max, 0, "r_max");
    REFUSED(bessel, r_max, -5, "r_max");
    REFUSED(bessel, r_max, NAN, "r_max");
    REFUSED(bessel, r_max, INFINITY, "r_max");
    REFUSED(bessel, r_max, 1e7, "r_max");
    REFUSED(bessel, p, 0, "p:");
    REFUSED(bessel, p, 65, "p:");
    REFUSED(bessel, dtype, (e3tp_dtype)2, "dtype");
    REFUSED(bessel, isa, (e3tp_isa)77, "tier");
    REFUSED(bessel, threads, -1, "threads");
    REFUSED(gaussian, r_min, -0.5, "r_min");
    REFUSED(gaussian, r_min, NAN, "r_min");
    REFUSED(gaussian, r_min, 5.0, "r_min");
    REFUSED(gaussian, drop_ends, 2, "drop_ends");
    REFUSED(gaussian, num, 1, "step");
    REFUSED(smooth, num, 1, "step");
    REFUSED(smooth, r_min, 5.0, "r_min");
    REFUSED(smooth, r_on, -1, "r_on");
    REFUSED(smooth, r_on, 5.0, "r_on");
    REFUSED(smooth, r_on, 4.9999999999, "r_on"); /* is 5 in float32 */
    REFUSED(smooth, r_on, NAN, "r_on");
    REFUSED(fourier, p, 0, "p:");
    REFUSED(fourier, r_min, -1, "r_min");
    REFUSED(fourier, drop_ends, -1, "drop_ends");
    refuse_everywhere();
}
END_TEST

START_TEST(calls)
{
    const e3tp_radial_desc d = bessel();
    e3tp_radial *p = plan_of(&d);
    float m[100];
    float *r = m, *v = m + 3, *s = m + 27, *t = m + 51;
    r[0] = 1, r[1] = 2, r[2] = 3;
    ck_assert_int_eq((int)e3tp_radial_num(p), 8);
    ck_assert_int_eq(e3tp_radial_eval(p, r, 3, v, s, t), E3TP_OK);
    ck_assert_int_eq(e3tp_radial_eval(p, r, 3, NULL, NULL, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_radial_eval(NULL, r, 3, v, s, t), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_radial_eval(p, NULL, 3, v, s, t), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_radial_eval(p, r, 3, r + 2, NULL, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_radial_eval(p, r, 3, NULL, r, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_radial_eval(p, r, 3, NULL, NULL, r + 1), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_radial_eval(p, r, 3, v, v + 23, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_radial_eval(p, r, 3, v, NULL, v + 23), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_radial_eval(p, r, 3, NULL, v + 23, v), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_radial_eval(p, r, SIZE_MAX / 8, v, NULL, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_radial_eval(p, r, SIZE_MAX / 64, v, NULL, NULL), E3TP_E_INVALID);
    e3tp_radial_destroy(p);
    e3tp_radial_destroy(NULL);
    ck_assert_int_eq((int)e3tp_radial_num(NULL), 0);
    ck_assert_str_eq(e3tp_radial_isa(NULL), "");
}
END_TEST

START_TEST(nothing)
{
    e3tp_radial_desc d = bessel();
    e3tp_radial *p = plan_of(&d);
    ck_assert_int_eq(e3tp_radial_eval(p, NULL, 0, NULL, NULL, NULL), E3TP_OK);
    e3tp_radial_destroy(p);
    for (int i = 0; i < 2 * STARTS; i++) {
        float r[2] = {1, 2}, v[2] = {7, 7};
        d = starts[i / 2]();
        d.num = 0;
        d.drop_ends = i % 2;
        p = plan_of(&d);
        ck_assert_int_eq(e3tp_radial_eval(p, r, 2, v, NULL, NULL), E3TP_OK);
        ck_assert(v[0] == 7 && v[1] == 7);
        e3tp_radial_destroy(p);
    }
}
END_TEST

START_TEST(allocation)
{
    meter m = {0, 0, 0};
    e3tp_radial_desc d = bessel();
    float r = 1, v[8];
    d.alloc = metered_alloc, d.release = metered_free, d.alloc_ctx = &m;
    refuse(&d, E3TP_E_NOMEM, "memory");
    m.left = 1;
    e3tp_radial *p = plan_of(&d);
    ck_assert_int_eq(m.left, 0);
    ck_assert_int_eq(e3tp_radial_eval(p, &r, 1, v, NULL, NULL), E3TP_OK);
    e3tp_radial_destroy(p);
    ck_assert_int_eq(m.live, 0);
}
END_TEST

START_TEST(same_bits_on_threads)
{
    enum { N = 20011, NUM = 8 };
    size_t bodies = 0;
    float *r = malloc(N * sizeof *r), *out[3][3];
    for (int i = 0; i < N; i++)
        r[i] = 5.3f * (float)((i * 7919) % N) / N;
    for (int k = 0; k < 3; k++) {
        e3tp_radial_desc d = starts[_i]();
        d.threads = k == 0 ? 1 : 3;
        d.parallel_for = k == 2 ? backwards : NULL;
        d.parallel_ctx = &bodies;
        e3tp_radial *p = plan_of(&d);
        for (int o = 0; o < 3; o++)
            out[k][o] = malloc(N * NUM * sizeof(float));
        ck_assert_int_eq(e3tp_radial_eval(p, r, N, out[k][0], out[k][1], out[k][2]), E3TP_OK);
        e3tp_radial_destroy(p);
    }
    ck_assert_int_eq((int)bodies, 3);
    for (int k = 2; k >= 0; k--)
        for (int o = 0; o < 3; o++) {
            ck_assert_int_eq(memcmp(out[k][o], out[0][o], N * NUM * sizeof(float)), 0);
            free(out[k][o]);
        }
    free(r);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("radial");
    tcase_add_test(t, descriptions);
    tcase_add_test(t, calls);
    tcase_add_test(t, nothing);
    tcase_add_test(t, allocation);
    tcase_add_loop_test(t, same_bits_on_threads, 0, STARTS);
    return run_tests(t, "radial plans", CK_NOFORK); /* a forked child is serial by design */
}
