/* SPDX-License-Identifier: MIT */
/* Against e3nn: coupling coefficients in both sign conventions, spherical harmonics with every
   normalisation, rotation matrices. argv: wigner_3j.txt, spherical_harmonics.txt, wigner_D.txt. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "e3tp/so3.h"
#include "words.h"

static const char *file_3j, *file_sh, *file_D;

/* What the files hold; a file that lost cases must not pass. */
enum { TRIPLES = 25, HARMONIC_TABLES = 6, ROTATIONS = 18, ODD_TRIPLES = 12, NEGATED = 7, LMAX = 8 };

enum { MAX_DIM = 2 * LMAX + 1, MAX_TENSOR = MAX_DIM * MAX_DIM * MAX_DIM };

static void open_file(words *r, const char *path, char message[200])
{
    ck_assert_msg(words_open(r, path, message, 200) == 0, "%s", message);
}

static void close_file(words *r)
{
    ck_assert_msg(words_close(r) == 0, "%s", r->message);
}

typedef struct triple {
    size_t l[3], n;
    double w[MAX_TENSOR];
} triple;

static size_t place(const triple *t, const size_t i[3])
{
    return (i[0] * (2 * t->l[1] + 1) + i[1]) * (2 * t->l[2] + 1) + i[2];
}

/* The next triple of the file; 0 at its end. */
static int read_triple(words *r, triple *t)
{
    const char *word = words_next(r);
    if (!word)
        return 0;
    t->l[0] = words_parse_count(r, word, LMAX);
    t->l[1] = words_count(r, LMAX);
    t->l[2] = words_count(r, LMAX);
    t->n = (2 * t->l[0] + 1) * (2 * t->l[1] + 1) * (2 * t->l[2] + 1);
    memset(t->w, 0, sizeof t->w);
    for (size_t lines = words_count(r, t->n); lines > 0; lines--) {
        size_t i[3];
        for (int k = 0; k < 3; k++)
            i[k] = words_count(r, 2 * t->l[k]);
        t->w[place(t, i)] = words_number(r);
    }
    return !r->failed;
}

/* order[k]: which leg of the triple is the k-th shortest; returns the sign that sorting gives to W
 * of an odd sum. */
static double sort_legs(const triple *t, int order[3])
{
    double sign = 1;
    for (int k = 0; k < 3; k++)
        order[k] = k;
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < 2; k++)
            if (t->l[order[k]] > t->l[order[k + 1]]) {
                const int other = order[k];
                order[k] = order[k + 1];
                order[k + 1] = other;
                sign = -sign;
            }
    return sign;
}

/* What e3nn <= 0.4.4 multiplies today's tensor by: its tables held sorted triples, and where the
   sum of the degrees is odd, their first non-zero was positive. */
static double old_factor(const triple *t)
{
    int order[3];
    const double sign = sort_legs(t, order);
    if ((t->l[0] + t->l[1] + t->l[2]) % 2 == 0)
        return 1;
    size_t i[3];
    for (i[order[0]] = 0; i[order[0]] <= 2 * t->l[order[0]]; i[order[0]]++)
        for (i[order[1]] = 0; i[order[1]] <= 2 * t->l[order[1]]; i[order[1]]++)
            for (i[order[2]] = 0; i[order[2]] <= 2 * t->l[order[2]]; i[order[2]]++)
                if (t->w[place(t, i)] != 0)
                    return sign * t->w[place(t, i)] > 0 ? 1 : -1;
    ck_abort_msg("a tensor without entries");
    return 0;
}

static void compare_triple(const triple *t, e3tp_sign sign, double factor)
{
    double w[MAX_TENSOR];
    ck_assert_int_eq(e3tp_wigner_3j((int)t->l[0], (int)t->l[1], (int)t->l[2], sign, w), E3TP_OK);
    for (size_t i = 0; i < t->n; i++)
        ck_assert_msg(fabs(w[i] - factor * t->w[i]) <= 1e-15,
                      "W(%zu,%zu,%zu)[%zu] = %.17g, e3nn has %.17g", t->l[0], t->l[1], t->l[2], i,
                      w[i], factor * t->w[i]);
}

START_TEST(coupling)
{
    words r;
    triple t;
    char message[200];
    int triples = 0, odd = 0, negated = 0;
    open_file(&r, file_3j, message);
    for (; read_triple(&r, &t); triples++) {
        const double factor = old_factor(&t);
        compare_triple(&t, E3TP_SIGN_E3NN, 1);
        compare_triple(&t, E3TP_SIGN_E3NN_044, factor);
        odd += (t.l[0] + t.l[1] + t.l[2]) % 2 != 0;
        negated += factor < 0;
    }
    close_file(&r);
    ck_assert_int_eq(triples, TRIPLES);
    ck_assert_int_eq(odd, ODD_TRIPLES);
    ck_assert_int_eq(
        negated, NEGATED); /* (1,2,2) and its permutations, (4,4,5), (5,5,5), (6,4,3), (5,6,6) */
}
END_TEST

static e3tp_sh_norm norm_of(const char *name)
{
    static const char *const names[] = {"integral", "component", "norm"};
    static const e3tp_sh_norm norms[] = {E3TP_SH_INTEGRAL, E3TP_SH_COMPONENT, E3TP_SH_NORM};
    for (int k = 0; k < 3; k++)
        if (strcmp(names[k], name) == 0)
            return norms[k];
    ck_abort_msg("no normalisation '%s'", name);
    return norms[0];
}

/* Error bound: that of the header, and as much for e3nn. */
static void compare_degree(int l, const double *got, const double *want)
{
    double square = 0;
    for (int m = 0; m <= 2 * l; m++)
        square += want[m] * want[m];
    const double bound = 2 * 2 * (l + 1) * 0x1p-52 * sqrt(square);
    for (int m = 0; m <= 2 * l; m++)
        ck_assert_msg(fabs(got[m] - want[m]) <= bound, "l = %d, m = %d: %.17g, e3nn has %.17g", l,
                      m - l, got[m], want[m]);
}

START_TEST(harmonics)
{
    words r;
    char message[200];
    const char *word;
    int tables = 0;
    open_file(&r, file_sh, message);
    for (; (word = words_next(&r)) != NULL; tables++) {
        const e3tp_sh_norm norm = norm_of(word);
        const int normalize = (int)words_count(&r, 1);
        size_t points = words_count(&r, 1000);
        const int lmax = (int)words_count(&r, LMAX);
        ck_assert_uint_ge(points, 6);
        ck_assert_int_eq(lmax, 6);
        for (; points > 0; points--) {
            int ls[LMAX + 1];
            double xyz[3], want[(LMAX + 1) * (LMAX + 1)], got[(LMAX + 1) * (LMAX + 1)];
            for (int k = 0; k < 3; k++)
                xyz[k] = words_number(&r);
            for (int k = 0; k < (lmax + 1) * (lmax + 1); k++)
                want[k] = words_number(&r);
            for (int l = 0; l <= lmax; l++)
                ls[l] = l;
            ck_assert_int_eq(e3tp_sh_eval(ls, (size_t)lmax + 1, normalize, norm, xyz, 1, got, NULL),
                             E3TP_OK);
            for (int l = 0; l <= lmax; l++)
                compare_degree(l, got + l * l, want + l * l);
        }
    }
    close_file(&r);
    ck_assert_int_eq(tables, HARMONIC_TABLES);
}
END_TEST

/* e3nn's matrix exponentials are the less accurate side. */
static const double rotation_tolerance = 1e-14;

START_TEST(rotations)
{
    words r;
    char message[200];
    const char *word;
    int rotations_read = 0;
    open_file(&r, file_D, message);
    for (; (word = words_next(&r)) != NULL; rotations_read++) {
        const int l = (int)words_parse_count(&r, word, LMAX), n = 2 * l + 1;
        double angle[3], D[MAX_DIM * MAX_DIM];
        for (int k = 0; k < 3; k++)
            angle[k] = words_number(&r);
        ck_assert_int_eq(e3tp_wigner_D(l, angle[0], angle[1], angle[2], D), E3TP_OK);
        for (int k = 0; k < n * n; k++) {
            const double want = words_number(&r);
            ck_assert_msg(fabs(D[k] - want) <= rotation_tolerance,
                          "l = %d, entry %d: %.17g, e3nn has %.17g", l, k, D[k], want);
        }
    }
    close_file(&r);
    ck_assert_int_eq(rotations_read, ROTATIONS);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    file_3j = argv[1], file_sh = argv[2], file_D = argv[3];
    Suite *s = suite_create("so3 fixtures");
    TCase *t = tcase_create("e3nn");
    tcase_add_test(t, coupling);
    tcase_add_test(t, harmonics);
    tcase_add_test(t, rotations);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
