/* SPDX-License-Identifier: MIT */
#include "radial.h"

#include <e3tp/radial.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "product.h"
#include "result.h"

/* Distances whose results stay in a second-level cache. */
enum { EDGES = 2048, NUM = 8, CHECKED = 257, MAX_ROUNDS = 101, SAMPLE_US = 2000 };

static const double r_max = 5;
static const long double pi = 3.14159265358979323846L;

/* Values and two derivatives. */
typedef struct function {
    double f[3];
} function;

/* What is timed: a kind of functions in one type, with derivatives up to `order`. */
typedef struct variant {
    int gaussian, order;
    e3tp_dtype dtype;
    e3tp_radial *plan;
    void *r, *out[3];
    size_t calls;
    double seconds[MAX_ROUNDS], max_err;
} variant;

enum { ORDERS = 3, VARIANTS = 4 * ORDERS };

static const char *names[] = {"8 Bessel, polynomial", "8 Gaussians, cosine"};
static const char *passes[] = {"values", "derivatives", "seconds"};

/* ---- the definition; where terms of derivatives cancel, in extended precision */

static function product(long double b, long double db, long double ddb, long double u,
                        long double du, long double ddu)
{
    return (function){
        {(double)(b * u), (double)(db * u + b * du), (double)(ddb * u + 2 * db * du + b * ddu)}};
}

static function bessel(int n, double r)
{
    const long double k = (n + 1) * pi / r_max, t = r / r_max, norm = sqrtl(2 / (long double)r_max);
    const long double b = norm * sinl(k * r) / r, db = norm * k * cosl(k * r) / r - b / r;
    const long double ddb = -k * k * b - 2 * db / r;
    const long double u = 1 - 28 * powl(t, 6) + 48 * powl(t, 7) - 21 * powl(t, 8);
    const long double du = (-168 * powl(t, 5) + 336 * powl(t, 6) - 168 * powl(t, 7)) / r_max;
    const long double ddu = -168 * powl(t, 4) * (1 - t) * (5 - 7 * t) / (r_max * r_max);
    return product(b, db, ddb, u, du, ddu);
}

static function gaussian(int n, double r)
{
    const double step = r_max / (NUM - 1), d = r / step - n;
    const double b = exp(-d * d) / 1.12, db = -2 * d / step * b;
    const double ddb = (4 * d * d - 2) / (step * step) * b, k = (double)pi / r_max;
    const double u = 0.5 + 0.5 * cos(k * r), du = -0.5 * k * sin(k * r);
    return product(b, db, ddb, u, du, k * k * (0.5 - u));
}

/* The measure of errors in radial.h, for function n and its derivatives. */
static function scale(int of_gaussian, int n)
{
    const double k = (n + 1) * (double)pi / r_max, value = of_gaussian ? 1 : sqrt(2 / r_max) * k;
    const double rate = of_gaussian ? (NUM - 1 + 2) / r_max : k + 6 / r_max;
    return (function){{value, value * rate, value * rate * rate}};
}

/* ---- one variant */

static int create(variant *v)
{
    char why[256];
    e3tp_radial_desc d = e3tp_radial_desc_init(
        v->gaussian ? E3TP_RADIAL_GAUSSIAN : E3TP_RADIAL_BESSEL,
        v->gaussian ? E3TP_CUTOFF_COSINE : E3TP_CUTOFF_POLYNOMIAL, NUM, r_max);
    d.dtype = v->dtype;
    d.threads = 1;
    v->r = bench_alloc(EDGES * sizeof(double));
    for (int i = 0; i < ORDERS; i++)
        v->out[i] = bench_alloc(EDGES * NUM * sizeof(double));
    for (size_t e = 0; v->r && e < EDGES; e++) {
        const double r = r_max * (double)(e * 1237 % EDGES + 64) / (EDGES + 64);
        if (v->dtype == E3TP_F64)
            ((double *)v->r)[e] = r;
        else
            ((float *)v->r)[e] = (float)r;
    }
    return v->r && v->out[0] && v->out[1] && v->out[2] &&
           e3tp_radial_create(&v->plan, &d, why, sizeof why) == E3TP_OK;
}

static void destroy(variant *v)
{
    e3tp_radial_destroy(v->plan);
    free(v->r);
    for (int i = 0; i < ORDERS; i++)
        free(v->out[i]);
}

static void run(const variant *v)
{
    e3tp_radial_eval(v->plan, v->r, EDGES, v->out[0], v->order > 0 ? v->out[1] : NULL,
                     v->order > 1 ? v->out[2] : NULL);
}

/* Errors of some distances over the largest value of each function. */
static int verify(variant *v)
{
    run(v);
    v->max_err = 0;
    for (size_t e = 0; e < CHECKED; e++)
        for (int n = 0; n < NUM; n++) {
            const double r = bench_get(v->dtype, v->r, e);
            const function f = v->gaussian ? gaussian(n, r) : bessel(n, r),
                           s = scale(v->gaussian, n);
            const size_t at = e * NUM + (size_t)n;
            for (int i = 0; i <= v->order; i++) {
                const double err = fabs(bench_get(v->dtype, v->out[i], at) - f.f[i]) / s.f[i];
                v->max_err = bench_worse(v->max_err, err);
            }
        }
    const double eps = v->dtype == E3TP_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
    return v->max_err <= (v->gaussian ? 2 + NUM - 1 : 6) * eps;
}

static double sample(variant *v)
{
    const double start = bench_now();
    for (size_t i = 0; i < v->calls; i++)
        run(v);
    return bench_now() - start;
}

static void calibrate(variant *v)
{
    v->calls = 1;
    while (sample(v) < 1e-6 * SAMPLE_US)
        v->calls *= 2;
}

/* ---- report */

/* As src/simd/vmath.h chooses. */
static const char *maths(void)
{
    char info[512];
    e3tp_build_info(info, sizeof info);
#if defined(__x86_64__)
    if (strstr(info, "SLEEF yes"))
        return "sleef";
#endif
    return "libm";
}

static bench_stats report(variant *v, const bench_layer_options *o, size_t rounds)
{
    char problem[128];
    bench_stats s = bench_statistics(v->seconds, rounds);
    const double to_ns = 1e9 / (double)v->calls / EDGES;
    s.median *= to_ns, s.min *= to_ns, s.iqr *= to_ns;
    snprintf(problem, sizeof problem, "%s dtype=%s derivatives=%d",
             v->gaussian ? "basis=gaussian num=8 cutoff=cosine"
                         : "basis=bessel num=8 cutoff=polynomial p=6",
             v->dtype == E3TP_F64 ? "f64" : "f32", v->order);
    const size_t es = v->dtype == E3TP_F64 ? sizeof(double) : sizeof(float);
    const bench_result r = {.kind = "radial",
                            .name = names[v->gaussian],
                            .problem = problem,
                            .op = "radial",
                            .method = maths(),
                            .method_asked = maths(),
                            .isa = e3tp_radial_isa(v->plan),
                            .pass = passes[v->order],
                            .dtype = v->dtype,
                            .threads = 1,
                            .batch = EDGES,
                            .ns = s,
                            .flops = NAN,
                            .bytes = (double)(es * (1 + NUM * ((size_t)v->order + 1))),
                            .max_err = v->max_err};
    if (o->json) {
        bench_result_begin(o->json, &r);
        bench_json_text(o->json, "maths", r.method);
        bench_result_end(o->json);
    }
    return s;
}

/* Values alone, and with one or two derivatives: variants that differ in nothing else stand
 * together. */
static void report_all(variant *v, const bench_layer_options *o, size_t rounds)
{
    if (o->table)
        fprintf(o->table,
                "radial functions alone, one thread, %s; ns per edge\n%-22s %-7s %-4s %8s %12s %8s "
                "%8s\n",
                strcmp(maths(), "sleef") == 0 ? "sines and exponentials by SLEEF, by vectors"
                                              : "sines and exponentials by the C library, by lanes",
                "functions", "isa", "type", "values", "+derivatives", "+seconds", "max_err");
    for (int i = 0; i < VARIANTS; i += ORDERS) {
        double ns[ORDERS];
        for (int k = 0; k < ORDERS; k++)
            ns[k] = report(&v[i + k], o, rounds).median;
        if (o->table)
            fprintf(o->table, "%-22s %-7s %-4s %8.2f %12.2f %8.2f %8.1e\n", names[v[i].gaussian],
                    e3tp_radial_isa(v[i].plan), v[i].dtype == E3TP_F64 ? "f64" : "f32", ns[0],
                    ns[1], ns[2], v[i + ORDERS - 1].max_err);
    }
}

int bench_radial(const bench_layer_options *o)
{
    static variant v[VARIANTS];
    int ok = 1;
    const size_t rounds = (size_t)o->repeats;
    for (int i = 0; i < VARIANTS; i++) {
        v[i] = (variant){.gaussian = i / (2 * ORDERS),
                         .dtype = i / ORDERS % 2 ? E3TP_F64 : E3TP_F32,
                         .order = i % ORDERS};
        const int good = create(&v[i]) && verify(&v[i]);
        if (!good)
            bench_refuse(o->json, stderr, "wrong", names[v[i].gaussian],
                         "radial functions, by %.2g", v[i].max_err);
        ok = ok && good;
    }
    for (int i = 0; ok && i < VARIANTS; i++)
        calibrate(&v[i]);
    for (size_t r = 0; ok && r < rounds; r++)
        for (int i = 0; i < VARIANTS; i++)
            v[i].seconds[r] = sample(&v[i]);
    if (ok)
        report_all(v, o, rounds);
    for (int i = 0; i < VARIANTS; i++)
        destroy(&v[i]);
    return ok;
}
