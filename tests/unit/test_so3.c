/* SPDX-License-Identifier: MIT */
/* Exact mathematics in C: the grammar of irreps, 6j orthogonality, harmonics and their gradient,
 * quadrature, D from matrices. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "e3tp/so3.h"
#include "so3/legendre.h"
#include "so3/quadrature.h"

START_TEST(grammar)
{
    static const struct {
        const char *text, *canonical;
    } good[] = {{"", ""},
                {" ", ""},
                {"2x1e+ 3x0o", "2x1e+3x0o"},
                {"16x0e + 0x1o", "16x0e+0x1o"},
                {"01o", "1x1o"},
                {"1y+2y", "1x1o+1x2e"},
                {"1x 1o", "1x1o"}};
    static const char *const bad[] = {"-1x0e", "3X1o", "1.5x0e", "0e+", "+1o",
                                      "2x",    "x1o",  "1p",     "1"};
    e3tp_irrep s[8];
    size_t n;
    char text[100];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(e3tp_irreps_parse(good[i].text, s, 8, &n) == E3TP_OK, "%s", good[i].text);
        e3tp_irreps_format(s, n, text, sizeof text);
        ck_assert_str_eq(text, good[i].canonical);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(e3tp_irreps_parse(bad[i], s, 8, &n) == E3TP_E_INVALID, "%s", bad[i]);
}
END_TEST

START_TEST(sort_and_simplify)
{
    e3tp_irrep s[4], sorted[4];
    size_t n, p[4], inv[4];
    char text[100];
    ck_assert_int_eq(e3tp_irreps_parse("1x1e+2x0e+3x1o+1x0o", s, 4, &n), E3TP_OK);
    ck_assert_int_eq(e3tp_irreps_sort(s, n, sorted, p, inv), E3TP_OK);
    e3tp_irreps_format(sorted, n, text, sizeof text);
    ck_assert_str_eq(text, "1x0o+2x0e+3x1o+1x1e");
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(p[inv[i]], i);
    ck_assert_int_eq(e3tp_irreps_parse("1x0e+0x1o+2x0e+1x1o", s, 4, &n), E3TP_OK);
    n = e3tp_irreps_simplify(s, n, s);
    e3tp_irreps_format(s, n, text, sizeof text);
    ck_assert_str_eq(text, "3x0e+1x1o");
}
END_TEST

/* sum_x (2x+1)(2y+1) {a b x; c d y} {a b x; c d z} = delta_yz */
START_TEST(sixj_orthogonality)
{
    const int a = 3, b = 4, c = 5, d = 2;
    for (int y = 3; y <= 5; y++)
        for (int z = 3; z <= 5; z++) {
            double sum = 0, u, v;
            for (int x = 1; x <= 7; x++) {
                ck_assert_int_eq(e3tp_wigner_6j(a, b, x, c, d, y, &u), E3TP_OK);
                ck_assert_int_eq(e3tp_wigner_6j(a, b, x, c, d, z, &v), E3TP_OK);
                sum += (2 * x + 1) * (2 * y + 1) * u * v;
            }
            ck_assert_double_eq_tol(sum, y == z, 1e-14);
        }
    double v;
    ck_assert_int_eq(e3tp_wigner_6j(3, 5, 6, 6, 6, 6, &v), E3TP_OK);
    ck_assert(v == 0); /* an accidental zero */
    ck_assert_int_eq(e3tp_wigner_6j(1, 1, 0, 1, 1, 1, &v), E3TP_OK);
    ck_assert_double_eq_tol(fabs(v), 1 / 3., 1e-15);
}
END_TEST

/* Values of e3nn 0.6 for (1, 2, 3) and (-1.2, 0.7, -0.4). */
START_TEST(harmonics)
{
    static const double at[2][3] = {{1, 2, 3}, {-1.2, 0.7, -0.4}};
    static const int degrees[4] = {0, 1, 2, 3};
    static const struct {
        int index;
        double c, i;
    } rows[] = {{0, 1, 0.282094791773878},
                {1, 1.732050807568877, 0.130584514132704},
                {6, -2.236067977499790, -0.045055937893217},
                {12, -58.206528843420998, -0.313454648886840},
                {15, 37.649701194033398, 0.202751720519477}};
    double c[2][16], i[2][16];
    ck_assert_int_eq(e3tp_sh_eval(degrees, 4, 0, E3TP_SH_COMPONENT, at[0], 2, c[0], NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_sh_eval(degrees, 4, 1, E3TP_SH_INTEGRAL, at[0], 2, i[0], NULL), E3TP_OK);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        ck_assert_double_eq_tol(c[0][rows[r].index], rows[r].c, 1e-12);
        ck_assert_double_eq_tol(i[0][rows[r].index], rows[r].i, 1e-14);
    }
    ck_assert_double_eq_tol(c[1][14], -4.590633943149899, 1e-13);
    ck_assert_double_eq_tol(i[1][9], 0.224966134762779, 1e-14);
}
END_TEST

/* Component harmonics of orders m and -m of one degree, upwards in l, in extended precision. */
static void extended(int l, int m, const double v[3], long double out[2])
{
    const long double x = v[0], y = v[1], z = v[2], r2 = x * x + y * y + z * z;
    long double re = 1, im = 0, f = 1, below = 0;
    for (int k = 0; k < m; k++) {
        const long double next = re * z - im * x;
        im = re * x + im * z;
        re = next;
        f *= k == 0 ? sqrtl(3) : sqrtl((2 * k + 3) / (2 * k + 2.0L));
    }
    for (int k = m; k < l; k++) {
        const long double a =
            sqrtl((4.0L * (k + 1) * (k + 1) - 1) / ((k + 1 - m) * (k + 1.0L + m)));
        const long double b = sqrtl((k - m) * (long double)(k + m) / (4.0L * k * k - 1));
        const long double next = a * (y * f - (k > m ? b * r2 * below : 0));
        below = f;
        f = next;
    }
    out[0] = f * re;
    out[1] = f * im;
}

/* The stated bound, to the largest degree: near the poles a recurrence upwards in l, in double,
   loses more than it. */
START_TEST(harmonics_near_poles)
{
    enum { L = E3TP_SO3_LMAX };
    double worst = 0;
    for (int i = 0; i < 64; i++) {
        const double theta = pow(10, -i / 8.0), phi = 0.7 * i;
        const double v[3] = {sin(theta) * sin(phi), i % 2 ? -cos(theta) : cos(theta),
                             sin(theta) * cos(phi)};
        const double r = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        for (int l = 0; l <= L; l++) {
            double Y[2 * L + 1];
            ck_assert_int_eq(e3tp_sh_eval(&l, 1, 0, E3TP_SH_COMPONENT, v, 1, Y, NULL), E3TP_OK);
            const double bound = 2 * (l + 1) * DBL_EPSILON * sqrt(2 * l + 1) * pow(r, l);
            for (int m = 0; m <= l; m++) {
                long double want[2];
                extended(l, m, v, want);
                worst = fmax(worst, (double)fabsl((long double)Y[l + m] - want[0]) / bound);
                if (m)
                    worst = fmax(worst, (double)fabsl((long double)Y[l - m] - want[1]) / bound);
            }
        }
    }
    ck_assert_double_le(worst, 1);
}
END_TEST

START_TEST(harmonic_gradient)
{
    static const int degrees[3] = {7, 2, 4};
    static const double points[4][3] = {{0.3, -0.5, 0.8}, {0, 1, 0}, {0, 0, -2}, {1e-3, 0.7, 0}};
    enum { DIM = 29 };
    for (int normalize = 0; normalize < 2; normalize++)
        for (int p = 0; p < 4; p++) {
            double v[DIM], g[3][DIM], side[2][DIM];
            ck_assert_int_eq(
                e3tp_sh_eval(degrees, 3, normalize, E3TP_SH_NORM, points[p], 1, v, g[0]), E3TP_OK);
            for (int k = 0; k < 3; k++) {
                for (int s = 0; s < 2; s++) {
                    double q[3] = {points[p][0], points[p][1], points[p][2]};
                    q[k] += s ? 1e-5 : -1e-5;
                    e3tp_sh_eval(degrees, 3, normalize, E3TP_SH_NORM, q, 1, side[s], NULL);
                }
                for (int i = 0; i < DIM; i++)
                    ck_assert_double_eq_tol(g[k][i], (side[1][i] - side[0][i]) / 2e-5,
                                            1e-6 * (1 + fabs(g[k][i])));
            }
        }
    const double origin[3] = {0, 0, 0};
    double v[DIM], g[3 * DIM];
    e3tp_sh_eval(degrees, 3, 1, E3TP_SH_NORM, origin, 1, v, g);
    for (int i = 0; i < 3 * DIM; i++)
        ck_assert(v[i % DIM] == 0 && g[i] == 0);
}
END_TEST

/* Products of two normalised Legendre functions of one order integrate to 1 / (2 pi) delta. */
START_TEST(quadrature)
{
    enum { L = 12, SIZE = E3TP_SO3_LEGENDRE_SIZE(L) };
    for (int rule = 0; rule < 2; rule++) {
        const int n = rule ? 2 * L + 1 : L + 1;
        double x[32], w[32], gram[SIZE][SIZE], P[SIZE];
        memset(gram, 0, sizeof gram);
        if (rule)
            e3tp_so3_equiangular(n, x, w);
        else
            e3tp_so3_gauss_legendre(n, x, w);
        for (int k = 0; k < n; k++) {
            e3tp_so3_legendre(L, x[k], P);
            for (int i = 0; i < SIZE; i++)
                for (int j = 0; j < SIZE; j++)
                    gram[i][j] += w[k] * P[i] * P[j];
        }
        for (int m = 0; m <= L; m++)
            for (int l = m; l <= L; l++)
                for (int h = m; h <= L; h++)
                    ck_assert_double_eq_tol(
                        gram[E3TP_SO3_LEGENDRE_INDEX(l, m)][E3TP_SO3_LEGENDRE_INDEX(h, m)],
                        l == h ? 0.15915494309189533577 : 0, 1e-14);
    }
}
END_TEST

/* D of a matrix against D of its angles; nearly the identity; refusal of what is no rotation. */
START_TEST(matrices)
{
    static const double R[9] = {0.231900605058,  0.190379344067, 0.953927573103,
                                0.574131544348,  0.764842187284, -0.292214644285,
                                -0.785235683829, 0.615444663558, 0.068064579184};
    double a[13 * 13], b[13 * 13];
    for (int l = 0; l <= 6; l++) {
        ck_assert_int_eq(e3tp_wigner_D(l, 0.3, 0.7, 1.1, a), E3TP_OK);
        ck_assert_int_eq(e3tp_wigner_D_from_matrix(l, 1, R, b), E3TP_OK);
        for (int i = 0; i < (2 * l + 1) * (2 * l + 1); i++)
            ck_assert_double_eq_tol(a[i], b[i], 1e-10); /* R is given to 12 digits */
    }
    const double h = 1e-8,
                 tiny[9] = {1, -h, 0, h, 1, 0, 0, 0, 1}; /* about z: X_z of l = 1 is -eps */
    ck_assert_int_eq(e3tp_wigner_D_from_matrix(1, 1, tiny, b), E3TP_OK);
    ck_assert_double_eq_tol(b[1], -h, 1e-20);
    const double stretched[9] = {2, 0, 0, 0, 1, 0, 0, 0, 1},
                 mirror[9] = {-1, 0, 0, 0, -1, 0, 0, 0, -1};
    ck_assert_int_eq(e3tp_wigner_D_from_matrix(1, 1, stretched, b), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_wigner_D_from_matrix(2, -1, mirror, b), E3TP_OK);
    ck_assert_double_eq_tol(b[0], -1, 1e-15);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("so3");
    TCase *t = tcase_create("so3");
    tcase_add_test(t, grammar);
    tcase_add_test(t, sort_and_simplify);
    tcase_add_test(t, sixj_orthogonality);
    tcase_add_test(t, harmonics);
    tcase_add_test(t, harmonics_near_poles);
    tcase_add_test(t, harmonic_gradient);
    tcase_add_test(t, quadrature);
    tcase_add_test(t, matrices);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
