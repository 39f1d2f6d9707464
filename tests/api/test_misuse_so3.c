/* SPDX-License-Identifier: MIT */
/* so3.h: every documented precondition violated once; the exact status, and outputs left alone. */
#include <limits.h>
#include <math.h>

#include "suite.h"

static const double untouched = -77;
static double out[64];

static void expect(e3tp_status got, e3tp_status wanted)
{
    ck_assert_int_eq(got, wanted);
    for (size_t i = 0; i < COUNT_OF(out); i++)
        ck_assert(out[i] == untouched);
}

static void reset(void)
{
    for (size_t i = 0; i < COUNT_OF(out); i++)
        out[i] = untouched;
}

enum { TOO_HIGH = E3TP_SO3_LMAX + 1 };

START_TEST(irreps)
{
    static const char *const outside[] = {"-1x0e", "3X1o",  "1.5x0e", "0e+",   "+1o",   "2x",
                                          "x1o",   "1p",    "1",      "1E",    "1e 2o", "++",
                                          "1e,2o", "2x1oe", "0x",     "1x-1e", "\x80"};
    static const char *const unsupported[] = {"65536e", "4294967296x0e", "1x99999999999999999999e"};
    e3tp_irrep s[2] = {{0}};
    size_t n = 5;
    for (size_t i = 0; i < COUNT_OF(outside); i++) {
        ck_assert_msg(e3tp_irreps_parse(outside[i], s, 2, &n) == E3TP_E_INVALID, "%s", outside[i]);
        ck_assert_uint_eq(n, 0);
    }
    for (size_t i = 0; i < COUNT_OF(unsupported); i++)
        ck_assert_msg(e3tp_irreps_parse(unsupported[i], s, 2, &n) == E3TP_E_UNSUPPORTED, "%s",
                      unsupported[i]);
    ck_assert_int_eq(e3tp_irreps_parse(NULL, s, 2, &n), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_irreps_parse("1e", s, 2, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_irreps_parse("1e+2e+3e", s, 2, &n), E3TP_E_SHAPE);
    ck_assert_uint_eq(n, 3);
    ck_assert(s[0].l == 1 && s[1].l == 2);
    ck_assert_int_eq(e3tp_irreps_parse("1e+2e+3e", NULL, 0, &n), E3TP_OK);
    ck_assert_uint_eq(n, 3);
    ck_assert_int_eq(e3tp_irreps_sort(NULL, 1, s, NULL, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_irreps_sort(s, 1, NULL, NULL, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_irreps_sort(NULL, 0, NULL, NULL, NULL), E3TP_OK);
}
END_TEST

/* What the numbers of a list of irreps cannot hold. */
START_TEST(irreps_that_overflow)
{
    enum { N = 70000 }; /* of 2^32 * 131071 elements each: above 2^64 */
    e3tp_irrep *s = malloc(N * sizeof *s);
    for (size_t i = 0; i < N; i++)
        s[i] = (e3tp_irrep){UINT32_MAX, UINT16_MAX, 1};
    ck_assert_uint_eq(e3tp_irreps_dim(s, N), SIZE_MAX);
    ck_assert_uint_eq(e3tp_irreps_simplify(s, 2, s), 2); /* their sum has no room */
    free(s);
    char text[4] = "xyz";
    const e3tp_irrep one = {12, 1, -1};
    ck_assert_uint_eq(e3tp_irreps_format(&one, 1, NULL, 0), 5);
    ck_assert_uint_eq(e3tp_irreps_format(&one, 1, text, 3), 5);
    ck_assert_str_eq(text, "12");
}
END_TEST

START_TEST(couplings)
{
    reset();
    expect(e3tp_wigner_3j(1, 1, 1, E3TP_SIGN_E3NN, NULL), E3TP_E_INVALID);
    expect(e3tp_wigner_3j(TOO_HIGH, TOO_HIGH, 0, E3TP_SIGN_E3NN, NULL), E3TP_E_INVALID);
    expect(e3tp_wigner_3j(-1, 1, 1, E3TP_SIGN_E3NN, out), E3TP_E_INVALID);
    expect(e3tp_wigner_3j(1, 1, 3, E3TP_SIGN_E3NN, out), E3TP_E_INVALID);
    expect(e3tp_wigner_3j(3, 1, 1, E3TP_SIGN_E3NN, out), E3TP_E_INVALID);
    expect(e3tp_wigner_3j(1, 1, 1, (e3tp_sign)9, out), E3TP_E_INVALID);
    expect(e3tp_wigner_3j(12, 12, 0, E3TP_SIGN_E3NN_044, out), E3TP_E_INVALID);
    expect(e3tp_wigner_3j(TOO_HIGH, TOO_HIGH, 0, E3TP_SIGN_E3NN, out), E3TP_E_UNSUPPORTED);
    expect(e3tp_wigner_6j(1, 1, 1, 1, 1, 1, NULL), E3TP_E_INVALID);
    for (int k = 0; k < 6; k++) {
        int j[6] = {1, 1, 1, 1, 1, 1};
        j[k] = -1;
        expect(e3tp_wigner_6j(j[0], j[1], j[2], j[3], j[4], j[5], out), E3TP_E_INVALID);
        j[k] = TOO_HIGH;
        expect(e3tp_wigner_6j(j[0], j[1], j[2], j[3], j[4], j[5], out), E3TP_E_UNSUPPORTED);
    }
    double (*const strengths[])(int, int, int) = {e3tp_gaunt_strength, e3tp_bracket_strength};
    for (size_t i = 0; i < COUNT_OF(strengths); i++) {
        ck_assert(strengths[i](-1, 1, 1) == 0);
        ck_assert(strengths[i](1, 1, 4) == 0 && strengths[i](1, 1, 5) == 0);
        ck_assert(isnan(strengths[i](257, 257, 2)));
    }
    ck_assert(e3tp_gaunt_strength(1, 1, 1) == 0 && e3tp_bracket_strength(1, 1, 2) == 0);
}
END_TEST

START_TEST(rotations)
{
    static const double turn[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    static const double stretched[9] = {2, 0, 0, 0, 1, 0, 0, 0, 1};
    static const double broken[9] = {1, 0, 0, 0, NAN, 0, 0, 0, 1};
    reset();
    expect(e3tp_wigner_D(1, 0, 0, 0, NULL), E3TP_E_INVALID);
    expect(e3tp_wigner_D(-1, 0, 0, 0, out), E3TP_E_INVALID);
    expect(e3tp_wigner_D(TOO_HIGH, 0, 0, 0, out), E3TP_E_UNSUPPORTED);
    expect(e3tp_wigner_D_from_matrix(1, 1, NULL, out), E3TP_E_INVALID);
    expect(e3tp_wigner_D_from_matrix(1, 1, turn, NULL), E3TP_E_INVALID);
    expect(e3tp_wigner_D_from_matrix(-1, 1, turn, out), E3TP_E_INVALID);
    expect(e3tp_wigner_D_from_matrix(1, 0, turn, out), E3TP_E_INVALID);
    expect(e3tp_wigner_D_from_matrix(1, 1, stretched, out), E3TP_E_INVALID);
    expect(e3tp_wigner_D_from_matrix(1, 1, broken, out), E3TP_E_INVALID);
    expect(e3tp_wigner_D_from_matrix(TOO_HIGH, 1, turn, out), E3TP_E_UNSUPPORTED);
}
END_TEST

START_TEST(harmonics)
{
    const int one = 1, negative = -1, high = TOO_HIGH;
    const double at[3] = {1, 2, 3};
    const e3tp_sh_norm norm = E3TP_SH_NORM;
    reset();
    expect(e3tp_sh_eval(NULL, 1, 0, norm, at, 1, out, out + 32), E3TP_E_INVALID);
    expect(e3tp_sh_eval(&one, 1, 0, norm, NULL, 1, out, out + 32), E3TP_E_INVALID);
    expect(e3tp_sh_eval(&negative, 1, 0, norm, at, 1, out, out + 32), E3TP_E_INVALID);
    expect(e3tp_sh_eval(&one, 1, 7, norm, at, 1, out, out + 32), E3TP_E_INVALID);
    expect(e3tp_sh_eval(&one, 1, 0, (e3tp_sh_norm)9, at, 1, out, out + 32), E3TP_E_INVALID);
    expect(e3tp_sh_eval(&high, 1, 0, norm, at, 1, out, out + 32), E3TP_E_UNSUPPORTED);
    expect(e3tp_sh_eval(&one, 1, 0, norm, NULL, 0, out, out + 32), E3TP_OK);
    expect(e3tp_sh_eval(NULL, 0, 0, norm, at, 1, out, out + 32), E3TP_OK);
    expect(e3tp_sh_eval(&one, 1, 0, norm, at, 1, NULL, NULL), E3TP_OK);
}
END_TEST

START_TEST(lebedev)
{
    reset();
    expect(e3tp_lebedev(-1, out, out + 32), E3TP_E_INVALID);
    expect(e3tp_lebedev(E3TP_LEBEDEV_DEGREE + 1, out, out + 32), E3TP_E_UNSUPPORTED);
    expect(e3tp_lebedev(INT_MAX, out, out + 32), E3TP_E_UNSUPPORTED);
    expect(e3tp_lebedev(3, NULL, NULL), E3TP_OK);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("misuse of so3");
    tcase_add_test(t, irreps);
    tcase_add_test(t, irreps_that_overflow);
    tcase_add_test(t, couplings);
    tcase_add_test(t, rotations);
    tcase_add_test(t, harmonics);
    tcase_add_test(t, lebedev);
    return run_tests(t, "misuse of so3", CK_FORK);
}
