/* SPDX-License-Identifier: MIT */
#include "harmonics.h"

#include <e3tp/sh.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "product.h"
#include "result.h"

enum { LMAX = 10, CHECKED = 50, MAX_ROUNDS = 101, FEW = 3 };
static const int vectors[] = {[E3TP_F32] = 100000, [E3TP_F64] = 50000};

static const struct {
    const char *name;
    int gradient;
    e3tp_layout layout;
} forms[] = {{"values", 0, E3TP_MUL_IR},
             {"values, transposed", 0, E3TP_BATCH_LAST},
             {"values and gradient", 1, E3TP_MUL_IR}};
static const int degrees[] = {3, 6, 10};
enum { FORMS = sizeof forms / sizeof *forms, DEGREES = sizeof degrees / sizeof *degrees };

/* What is timed: a form, a largest degree, a type. */
typedef struct variant {
    int form, lmax;
    e3tp_dtype dtype;
    e3tp_sh *plan;
    size_t n, dim;
    void *v, *values, *gradient;
    double seconds[MAX_ROUNDS], max_err;
} variant;

enum { VARIANTS = FORMS * DEGREES * 2 };

static size_t size_of(const variant *v)
{
    return v->dtype == E3TP_F64 ? sizeof(double) : sizeof(float);
}

static int create(variant *v)
{
    static const int l[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    char why[256];
    e3tp_sh_desc d = e3tp_sh_desc_init(l, (size_t)v->lmax + 1, 1, E3TP_SH_COMPONENT);
    d.layout = forms[v->form].layout;
    d.dtype = v->dtype;
    d.threads = 1;
    if (e3tp_sh_create(&v->plan, &d, why, sizeof why) != E3TP_OK)
        return 0;
    v->n = (size_t)vectors[v->dtype];
    v->dim = e3tp_sh_dim(v->plan);
    v->v = bench_alloc(v->n * 3 * size_of(v));
    v->values = bench_alloc(v->n * v->dim * size_of(v));
    v->gradient = forms[v->form].gradient ? bench_alloc(v->n * 3 * v->dim * size_of(v)) : NULL;
    if (!v->v || !v->values || (forms[v->form].gradient && !v->gradient))
        return 0;
    bench_normal(v->dtype, v->v, v->n * 3, 1);
    return 1;
}

static void destroy(variant *v)
{
    e3tp_sh_destroy(v->plan);
    free(v->v);
    free(v->values);
    free(v->gradient);
}

static e3tp_status run(const variant *v)
{
    const e3tp_sh_vectors at = {v->n, v->v, NULL, NULL};
    return e3tp_sh_evaluate(v->plan, &at, v->values, v->gradient, NULL);
}

/* Of vector i, over the bounds of e3tp/sh.h, by the scalar harmonics. */
static double error_of(const variant *v, size_t i)
{
    static const int l[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    enum { MOST = (LMAX + 1) * (LMAX + 1) };
    const double eps = v->dtype == E3TP_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
    const int last = forms[v->form].layout == E3TP_BATCH_LAST;
    double x[3], Y[MOST], g[3 * MOST], worst = 0, length = 0;
    for (size_t k = 0; k < 3; k++) {
        x[k] = bench_get(v->dtype, v->v, 3 * i + k);
        length += x[k] * x[k];
    }
    if (e3tp_sh_eval(l, (size_t)v->lmax + 1, 1, E3TP_SH_COMPONENT, x, 1, Y, g) != E3TP_OK)
        return INFINITY;
    for (size_t c = 0; c < v->dim; c++) {
        const double degree = floor(sqrt((double)c)),
                     bound = 2 * (degree + 1) * eps * sqrt(2 * degree + 1);
        const double came = bench_get(v->dtype, v->values, last ? c * v->n + i : i * v->dim + c);
        worst = bench_worse(worst, fabs(came - Y[c]) / bound);
        for (size_t k = 0; k < 3 && v->gradient; k++) {
            const double slope = bench_get(v->dtype, v->gradient, (3 * i + k) * v->dim + c);
            const double wrong =
                fabs(slope - g[k * v->dim + c]) * sqrt(length) / (bound * (degree + 1));
            worst = bench_worse(worst, wrong);
        }
    }
    return worst;
}

static int verify(variant *v)
{
    v->max_err = 0;
    if (run(v) != E3TP_OK)
        return 0;
    for (size_t i = 0; i < CHECKED; i++)
        v->max_err = bench_worse(v->max_err, error_of(v, i * (v->n - 1) / (CHECKED - 1)));
    return v->max_err <= 1;
}

static void report(variant *v, const bench_layer_options *o, size_t rounds)
{
    char problem[128];
    bench_stats s = bench_statistics(v->seconds, rounds);
    const double to_ns = 1e9 / (double)v->n;
    s.median *= to_ns, s.min *= to_ns, s.iqr *= to_ns;
    snprintf(problem, sizeof problem, "l=%d vectors=%zu layout=%s", v->lmax, v->n,
             forms[v->form].layout == E3TP_BATCH_LAST ? "batch_last" : "mul_ir");
    const bench_result r = {
        .kind = "harmonics",
        .name = forms[v->form].name,
        .problem = problem,
        .op = "harmonics",
        .method = "sh",
        .method_asked = "sh",
        .isa = e3tp_sh_isa(v->plan),
        .pass = forms[v->form].gradient ? "derivatives" : "values",
        .dtype = v->dtype,
        .threads = 1,
        .batch = v->n,
        .ns = s,
        .flops = NAN,
        .bytes = (double)((3 + v->dim * (forms[v->form].gradient ? 4 : 1)) * size_of(v)),
        .max_err = v->max_err};
    if (o->json) {
        bench_result_begin(o->json, &r);
        bench_result_end(o->json);
    }
    if (o->table)
        fprintf(o->table, "%-20s l = %-3d %s %-7s %8.2f %7.1f %7.2f\n", r.name, v->lmax,
                v->dtype == E3TP_F64 ? "f64" : "f32", r.isa, s.median, r.bytes / s.median,
                r.max_err);
}

int bench_harmonics(const bench_layer_options *o)
{
    static variant v[VARIANTS];
    const size_t rounds = (size_t)(o->quick ? FEW : o->repeats);
    int ok = 1;
    if (o->table)
        fprintf(o->table,
                "spherical harmonics 0..l of vectors, normalised, one thread\n"
                "%-20s %-7s %s %-7s %8s %7s %7s\n",
                "wanted", "", "   ", "isa", "ns", "GB/s", "err/bound");
    for (int i = 0; i < VARIANTS; i++) {
        variant *w = &v[i];
        *w = (variant){.form = i % FORMS,
                       .lmax = degrees[i / FORMS % DEGREES],
                       .dtype = i / (FORMS * DEGREES) ? E3TP_F64 : E3TP_F32};
        const int good = create(w) && verify(w);
        if (!good)
            bench_refuse(o->json, stderr, "wrong", "harmonics", "l = %d, by %.2g bounds", w->lmax,
                         w->max_err);
        for (size_t r = 0; good && r < rounds; r++) {
            const double start = bench_now();
            run(w);
            w->seconds[r] = bench_now() - start;
        }
        if (good)
            report(w, o, rounds);
        destroy(w);
        ok = ok && good;
    }
    return ok;
}
