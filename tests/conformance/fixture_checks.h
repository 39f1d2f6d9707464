/* SPDX-License-Identifier: MIT */
/* Plans of the cases that e3nn computed, their arrays as a call takes them, and the comparison of
   what it wrote. */
#ifndef E3TP_TESTS_FIXTURE_CHECKS_H
#define E3TP_TESTS_FIXTURE_CHECKS_H

#include <math.h>
#include <stdbool.h>

#include "fixture.h"
#include "suite.h"

static inline e3tp_plan *fixture_plan(const e3tp_fixture *f, e3tp_dtype t, e3tp_isa isa,
                                      int threads)
{
    const char *const text[3] = {f->in1, f->in2, f->out};
    const e3tp_fixture_array *const var[3] = {&f->in1_var, &f->in2_var, &f->out_var};
    e3tp_desc *d;
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
    e3tp_desc_set_isa(d, isa);
    e3tp_desc_set_threads(d, threads);
    return plan_from(d);
}

/* Operands, tangents and cotangents; what passes write. */
enum { X, Y, W, GZ, GGX, GGY, GGW, Z, GX, GY, GW, HX, HY, HW, HZ, ARRAYS, OUTPUTS = Z };

typedef struct fixture_call {
    const e3tp_fixture *f;
    e3tp_dtype dtype;
    void *m[ARRAYS]; /* 8 bytes per element serve both types */
} fixture_call;

static inline const e3tp_fixture_array *fixture_array(const e3tp_fixture *f, int k)
{
    const e3tp_fixture_array *const a[ARRAYS] = {&f->x,   &f->y,   &f->w,  &f->gz, &f->ggx,
                                                 &f->ggy, &f->ggw, &f->z,  &f->gx, &f->gy,
                                                 &f->gw,  &f->hx,  &f->hy, &f->hw, &f->hz};
    return a[k];
}

/* What is not written must show. */
static inline void fixture_spoil(fixture_call *c, int k)
{
    memset(c->m[k], 0x7f, fixture_array(c->f, k)->n * sizeof(double));
}

static inline fixture_call fixture_begin(const e3tp_fixture *f, e3tp_dtype t)
{
    fixture_call c = {.f = f, .dtype = t};
    for (int k = 0; k < ARRAYS; k++) {
        const e3tp_fixture_array *a = fixture_array(f, k);
        c.m[k] = calloc(a->n + 1, sizeof(double));
        for (size_t i = 0; k < OUTPUTS && i < a->n; i++)
            if (t == E3TP_F64)
                ((double *)c.m[k])[i] = a->v[i];
            else
                ((float *)c.m[k])[i] = (float)a->v[i];
        if (k >= OUTPUTS)
            fixture_spoil(&c, k);
    }
    return c;
}

static inline void fixture_end(fixture_call *c)
{
    for (int k = 0; k < ARRAYS; k++)
        free(c->m[k]);
}

/* of: the pass or form, for the message. Within a part of the largest number of the array. */
static inline void fixture_compare(const fixture_call *c, int k, const char *of)
{
    static const char *const name[ARRAYS] = {"x",  "y",  "w",  "gz", "ggx", "ggy", "ggw", "z",
                                             "gx", "gy", "gw", "hx", "hy",  "hw",  "hz"};
    const e3tp_fixture_array *a = fixture_array(c->f, k);
    const bool f64 = c->dtype == E3TP_F64;
    double largest = 1;
    for (size_t i = 0; i < a->n; i++)
        largest = fmax(largest, fabs(a->v[i]));
    for (size_t i = 0; i < a->n; i++) {
        const double got = f64 ? ((double *)c->m[k])[i] : (double)((float *)c->m[k])[i];
        ck_assert_msg(fabs(got - a->v[i]) <= (f64 ? 1e-13 : 1e-5) * largest,
                      "%s, %s: %s[%zu] = %.17g, e3nn has %.17g", c->f->name, of, name[k], i, got,
                      a->v[i]);
    }
}

/* How many cases; *cases are to be released by fixture_free. */
static inline int fixture_cases(e3tp_fixture **cases, const char *path)
{
    char message[200] = "";
    const int n = fixture_load(cases, path, message, sizeof message);
    ck_assert_msg(n > 0, "%s", message);
    return n;
}

#endif
