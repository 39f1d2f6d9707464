/* SPDX-License-Identifier: MIT */
/* Against e3nn: coefficients, values and gradients of every fixture, in both reals. argv: tier,
 * file of fixtures. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static e3tp_isa tier;
static const char *path;

static e3tp_plan *plan_of(const e3tp_fixture *f, e3tp_dtype t)
{
    const char *const text[3] = {f->in1, f->in2, f->out};
    const e3tp_fixture_array *const var[3] = {&f->in1_var, &f->in2_var, &f->out_var};
    e3tp_desc *d;
    e3tp_plan *p;
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
    for (int k = 0; k < 3; k++) {
        e3tp_desc_set_irreps_text(d, (e3tp_operand)k, text[k]);
        if (var[k]->n)
            e3tp_desc_set_variances(d, (e3tp_operand)k, var[k]->v, var[k]->n);
    }
    for (size_t i = 0; i < (size_t)f->n_paths; i++)
        e3tp_desc_add_path(d, &f->paths[i]);
    e3tp_desc_set_normalization(d, f->norm, f->pathnorm);
    e3tp_desc_set_weights(d, f->shared ? E3TP_WEIGHTS_SHARED : E3TP_WEIGHTS_ROW);
    e3tp_desc_set_dtype(d, t);
    e3tp_desc_set_isa(d, tier);
    const e3tp_status s = e3tp_plan_create(&p, d);
    ck_assert_msg(s == E3TP_OK, "%s: %s", f->name, e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

/* An array as the plan's type; 8 bytes per element serve both. */
static void *convert(const e3tp_fixture_array *a, e3tp_dtype t)
{
    double *out = calloc(a->n + 1, sizeof *out);
    for (size_t i = 0; i < a->n; i++) {
        if (t == E3TP_F64)
            out[i] = a->v[i];
        else
            ((float *)out)[i] = (float)a->v[i];
    }
    return out;
}

static void compare(const char *name, const char *what, const e3tp_fixture_array *a,
                    const void *got, e3tp_dtype t)
{
    double largest = 1;
    for (size_t i = 0; i < a->n; i++)
        largest = fmax(largest, fabs(a->v[i]));
    for (size_t i = 0; i < a->n; i++) {
        const double g = t == E3TP_F64 ? ((const double *)got)[i] : ((const float *)got)[i];
        ck_assert_msg(fabs(g - a->v[i]) <= (t == E3TP_F64 ? 1e-13 : 1e-5) * largest,
                      "%s: %s[%zu] = %.17g, e3nn has %.17g", name, what, i, g, a->v[i]);
    }
}

static void check_case(const e3tp_fixture *f, const e3tp_plan *p, e3tp_dtype t)
{
    for (size_t i = 0; i < (size_t)f->n_paths; i++)
        ck_assert_double_eq_tol(e3tp_plan_path_coefficient(p, i), f->coefficients[i],
                                1e-15 * (1 + f->coefficients[i]));
    enum { INPUTS = 7, ARRAYS = 15 };
    e3tp_buffers b = e3tp_buffers_init((size_t)f->batch), again = b;
    const struct {
        const e3tp_fixture_array *a;
        const char *name;
        const void **input;
        void **output;
    } each[ARRAYS] = {
        {&f->x, "x", &b.x, NULL},       {&f->y, "y", &b.y, NULL},
        {&f->w, "w", &b.w, NULL},       {&f->gz, "gz", &b.gz, NULL},
        {&f->ggx, "ggx", &b.ggx, NULL}, {&f->ggy, "ggy", &b.ggy, NULL},
        {&f->ggw, "ggw", &b.ggw, NULL}, {&f->z, "z", NULL, &b.z},
        {&f->gx, "gx", NULL, &b.gx},    {&f->gy, "gy", NULL, &b.gy},
        {&f->gw, "gw", NULL, &b.gw},    {&f->hx, "hx", NULL, &b.hx},
        {&f->hy, "hy", NULL, &b.hy},    {&f->hw, "hw", NULL, &b.hw},
        {&f->hz, "hz", NULL, &b.hz},
    };
    void *mem[ARRAYS];
    for (int k = 0; k < ARRAYS; k++) {
        mem[k] = convert(each[k].a, t);
        if (k < INPUTS)
            *each[k].input = mem[k];
        else /* what is not written must show */
            *each[k].output = memset(mem[k], 0x7f, each[k].a->n * sizeof(double));
    }
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_double_backward(p, &b), E3TP_OK);
    for (int k = INPUTS; k < ARRAYS; k++)
        compare(f->name, each[k].name, each[k].a, mem[k], t);
    /* The cotangent of gz is the change of z along the same directions. */
    memset(b.hz, 0x7f, f->hz.n * sizeof(double));
    again.x = b.x, again.y = b.y, again.w = b.w;
    again.ggx = b.ggx, again.ggy = b.ggy, again.ggw = b.ggw, again.hz = b.hz;
    ck_assert_int_eq(e3tp_jvp(p, &again), E3TP_OK);
    compare(f->name, "hz by JVP", &f->hz, b.hz, t);
    for (int k = 0; k < ARRAYS; k++)
        free(mem[k]);
}

START_TEST(e3nn)
{
    const e3tp_dtype t = _i ? E3TP_F64 : E3TP_F32;
    e3tp_fixture *f;
    char message[200] = "";
    const int n = fixture_load(&f, path, message, sizeof message);
    ck_assert_msg(n > 0, "%s", message);
    unsigned modes = 0;
    for (int i = 0; i < n; i++) {
        e3tp_plan *p = plan_of(&f[i], t);
        check_case(&f[i], p, t);
        e3tp_plan_destroy(p);
        for (size_t k = 0; k < (size_t)f[i].n_paths; k++)
            modes |= 1u << f[i].paths[k].mode;
    }
    fixture_free(f, n);
    ck_assert_msg(modes == 0xff, "the cases lack some of the eight modes");
}
END_TEST

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    path = argv[2];
    for (int t = E3TP_ISA_GENERIC; e3tp_isa_name((e3tp_isa)t); t++)
        if (strcmp(e3tp_isa_name((e3tp_isa)t), argv[1]) == 0)
            tier = (e3tp_isa)t;
    if (!e3tp_isa_usable(tier))
        return 77;
    Suite *s = suite_create("fixtures");
    TCase *t = tcase_create(argv[1]);
    tcase_add_loop_test(t, e3nn, 0, 2);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
