/* SPDX-License-Identifier: MIT */
/* Plans of harmonics from outside: what the header forbids is refused with a sentence, nothing is
   legal, an allocation fails, and threads do not change a bit. */
#include <math.h>

#include "e3tp/sh.h"
#include "host.h"
#include "plan_checks.h"

static const int ls[] = {0, 1, 2, 3};
enum { DIM = 16 };

static e3tp_sh_desc to_three(void)
{
    return e3tp_sh_desc_init(ls, 4, 1, E3TP_SH_COMPONENT);
}

PLAN_CHECKS(sh, to_three)
#define REFUSED(field, value, word) REFUSED_BY(sh, to_three, field, value, word)

START_TEST(descriptions)
{
    static const int negative[] = {2, -1}, high[] = {E3TP_SH_LMAX + 1};
    REFUSED(size, 8, "size");
    REFUSED(ls, NULL, "ls");
    REFUSED(ls, negative, "ls[1]");
    REFUSED(normalize, 2, "normalize");
    REFUSED(norm, (e3tp_sh_norm)3, "normalisation");
    REFUSED(layout, (e3tp_layout)3, "layout");
    REFUSED(dtype, (e3tp_dtype)2, "dtype");
    REFUSED(isa, (e3tp_isa)77, "tier");
    REFUSED(threads, -1, "threads");
    e3tp_sh_desc d = to_three();
    d.ls = high, d.nls = 1;
    refuse(&d, E3TP_E_UNSUPPORTED, "25");
    refuse_everywhere();
}
END_TEST

#define INVALID(call) ck_assert_int_eq(call, E3TP_E_INVALID)
#define FINE(call) ck_assert_int_eq(call, E3TP_OK)

START_TEST(calls)
{
    const e3tp_sh_desc d = to_three();
    e3tp_sh *p = plan_of(&d);
    float x[6] = {1, 2, 3, 4, 5, 6}, g[2 * DIM] = {1}, v[26 * DIM], gg[6] = {1}, gv[6], hv[6];
    const e3tp_sh_vectors rows = {2, x, NULL, NULL}, arrays = {2, x, x + 2, x + 4},
                          missing = {2, NULL, NULL, NULL}, half = {2, x, x + 2, NULL},
                          many = {SIZE_MAX / 8, x, NULL, NULL},
                          more = {SIZE_MAX / 64, x, NULL, NULL};
    ck_assert_int_eq((int)e3tp_sh_dim(p), DIM);
    FINE(e3tp_sh_evaluate(p, &rows, v, v + 2 * DIM, v + 8 * DIM));
    FINE(e3tp_sh_evaluate(p, &arrays, v, NULL, NULL));
    FINE(e3tp_sh_evaluate(p, &rows, NULL, NULL, NULL));
    FINE(e3tp_sh_backward(p, &rows, g, gv));
    FINE(e3tp_sh_double_backward(p, &rows, g, gg, hv, v));
    FINE(e3tp_sh_double_backward(p, &rows, NULL, gg, NULL, v));
    FINE(e3tp_sh_double_backward(p, &rows, NULL, NULL, NULL, NULL));
    INVALID(e3tp_sh_evaluate(NULL, &rows, v, NULL, NULL));
    INVALID(e3tp_sh_evaluate(p, NULL, v, NULL, NULL));
    INVALID(e3tp_sh_evaluate(p, &missing, v, NULL, NULL));
    INVALID(e3tp_sh_evaluate(p, &half, v, NULL, NULL));
    INVALID(e3tp_sh_evaluate(p, &many, v, NULL, NULL));
    INVALID(e3tp_sh_evaluate(p, &more, v, NULL, NULL));
    INVALID(e3tp_sh_evaluate(p, &rows, x + 5, NULL, NULL));
    INVALID(e3tp_sh_evaluate(p, &arrays, x + 5, NULL, NULL));
    INVALID(e3tp_sh_evaluate(p, &rows, v, v + 2 * DIM - 1, NULL));
    INVALID(e3tp_sh_evaluate(p, &rows, NULL, v, v + 6 * DIM - 1));
    INVALID(e3tp_sh_backward(NULL, &rows, g, gv));
    INVALID(e3tp_sh_backward(p, NULL, g, gv));
    INVALID(e3tp_sh_backward(p, &rows, NULL, gv));
    INVALID(e3tp_sh_backward(p, &rows, g, NULL));
    INVALID(e3tp_sh_backward(p, &rows, g, g + 2 * DIM - 1));
    INVALID(e3tp_sh_double_backward(NULL, &rows, g, gg, hv, v));
    INVALID(e3tp_sh_double_backward(p, NULL, g, gg, hv, v));
    INVALID(e3tp_sh_double_backward(p, &rows, NULL, gg, hv, v));
    INVALID(e3tp_sh_double_backward(p, &rows, g, NULL, NULL, v));
    INVALID(e3tp_sh_double_backward(p, &rows, g, gg, gg, v));
    INVALID(e3tp_sh_double_backward(p, &rows, g, gg, v, v));
    e3tp_sh_destroy(p);
    e3tp_sh_destroy(NULL);
    ck_assert_int_eq((int)e3tp_sh_dim(NULL), 0);
    ck_assert_str_eq(e3tp_sh_isa(NULL), "");
}
END_TEST

/* No vectors; no degrees, whose cotangents are 0. */
START_TEST(nothing)
{
    const e3tp_sh_vectors none = {0, NULL, NULL, NULL};
    e3tp_sh_desc d = to_three();
    e3tp_sh *p = plan_of(&d);
    FINE(e3tp_sh_evaluate(p, &none, NULL, NULL, NULL));
    FINE(e3tp_sh_backward(p, &none, NULL, NULL));
    FINE(e3tp_sh_double_backward(p, &none, NULL, NULL, NULL, NULL));
    e3tp_sh_destroy(p);
    float x[3] = {1, 2, 3}, out[3] = {7, 7, 7};
    const e3tp_sh_vectors v = {1, x, NULL, NULL};
    d.ls = NULL, d.nls = 0;
    p = plan_of(&d);
    ck_assert_int_eq((int)e3tp_sh_dim(p), 0);
    FINE(e3tp_sh_evaluate(p, &v, out, NULL, NULL));
    ck_assert(out[0] == 7);
    FINE(e3tp_sh_backward(p, &v, NULL, out));
    ck_assert(out[0] == 0 && out[1] == 0 && out[2] == 0);
    e3tp_sh_destroy(p);
}
END_TEST

START_TEST(allocation)
{
    meter m = {0, 0, 0};
    e3tp_sh_desc d = to_three();
    float x[3] = {1, 2, 3}, v[DIM];
    const e3tp_sh_vectors vectors = {1, x, NULL, NULL};
    d.alloc = metered_alloc, d.release = metered_free, d.alloc_ctx = &m;
    for (int most = 0; most < 2; most++) {
        m.left = most;
        refuse(&d, E3TP_E_NOMEM, "memory");
        ck_assert_int_eq(m.live, 0);
    }
    m.left = 2;
    e3tp_sh *p = plan_of(&d);
    ck_assert_int_eq(m.left, 0);
    FINE(e3tp_sh_evaluate(p, &vectors, v, NULL, NULL));
    e3tp_sh_destroy(p);
    ck_assert_int_eq(m.live, 0);
}
END_TEST

/* Values and gradients large enough to be written past the caches, or in columns; products with
   derivatives. */
START_TEST(same_bits_on_threads)
{
    enum { N = 70003, ARRAYS = 5 };
    static const size_t widths[ARRAYS] = {DIM, 3 * DIM, 3, 3, DIM};
    size_t bodies = 0;
    float *x = malloc(3 * N * sizeof *x), *g = malloc(DIM * N * sizeof *g), *out[3][ARRAYS];
    for (int i = 0; i < 3 * N; i++)
        x[i] = (float)((i * 7919) % 1009) / 500 - 1;
    for (int i = 0; i < DIM * N; i++)
        g[i] = (float)((i % 2003 * 1047) % 2003) / 1000 - 1;
    for (int k = 0; k < 3; k++) {
        e3tp_sh_desc d = to_three();
        const e3tp_sh_vectors v = {N, x, NULL, NULL};
        d.layout = _i ? E3TP_BATCH_LAST : E3TP_MUL_IR;
        d.threads = k == 0 ? 1 : 3;
        d.parallel_for = k == 2 ? backwards : NULL;
        d.parallel_ctx = &bodies;
        e3tp_sh *p = plan_of(&d);
        for (int o = 0; o < ARRAYS; o++)
            out[k][o] = malloc(N * widths[o] * sizeof(float));
        FINE(e3tp_sh_evaluate(p, &v, out[k][0], out[k][1], NULL));
        FINE(e3tp_sh_backward(p, &v, g, out[k][2]));
        FINE(e3tp_sh_double_backward(p, &v, g, x, out[k][3], out[k][4]));
        e3tp_sh_destroy(p);
    }
    ck_assert_int_eq((int)bodies, 9);
    for (int k = 2; k >= 0; k--)
        for (int o = 0; o < ARRAYS; o++) {
            ck_assert_int_eq(memcmp(out[k][o], out[0][o], N * widths[o] * sizeof(float)), 0);
            free(out[k][o]);
        }
    free(x);
    free(g);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("sh");
    tcase_add_test(t, descriptions);
    tcase_add_test(t, calls);
    tcase_add_test(t, nothing);
    tcase_add_test(t, allocation);
    tcase_add_loop_test(t, same_bits_on_threads, 0, 2);
    return run_tests(t, "plans of harmonics", CK_NOFORK); /* a forked child is serial by design */
}
