/* SPDX-License-Identifier: MIT */
#include "s2grid.h"

#include <e3tp/grid.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "product.h"
#include "result.h"

enum { CHANNELS = 128, CHECKED = 5, MAX_ROUNDS = 101, SAMPLE_US = 2000, LMAX = 8 };
/* Coefficients and samples of a call: a second-level cache holds them. */
enum { CALL_BYTES = 512 << 10 };

static const double pi = 3.14159265358979323846;

/* What is timed: a map, a degree, a rule, a type. */
typedef struct variant {
    int from, lmax;
    e3tp_quadrature rule;
    e3tp_dtype dtype;
    e3tp_s2grid *plan;
    int n_theta, n_phi;
    size_t batch, calls, nin, nout; /* elements of a row */
    void *in, *out, *work;
    double seconds[MAX_ROUNDS], max_err;
} variant;

enum { VARIANTS = 16 };

static size_t size_of(const variant *v)
{
    return v->dtype == E3TP_F64 ? sizeof(double) : sizeof(float);
}

static int plan(variant *v)
{
    static const int l[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    const int factors[] = {v->lmax, v->lmax};
    char why[256];
    e3tp_s2grid_desc d = e3tp_s2grid_desc_init(l, (size_t)v->lmax + 1);
    d.channels = CHANNELS;
    d.normalization = E3TP_SH_INTEGRAL;
    d.dtype = v->dtype;
    d.threads = 1;
    if (e3tp_grid_size(factors, 2, v->lmax, E3TP_GAUSS_LEGENDRE, &d.n_theta, &d.n_phi) != E3TP_OK)
        return 0;
    d.n_phi = (d.n_phi + 3) / 4 * 4; /* folds by quarters */
    d.quadrature = v->rule;
    if (v->rule == E3TP_LEBEDEV)
        d.n_theta = (int)e3tp_lebedev_count(3 * v->lmax), d.n_phi = 1;
    v->n_theta = d.n_theta, v->n_phi = d.n_phi;
    return e3tp_s2grid_create(&v->plan, &d, why, sizeof why) == E3TP_OK;
}

static int create(variant *v)
{
    if (!plan(v))
        return 0;
    const size_t width = e3tp_s2grid_width(v->plan), samples = e3tp_s2grid_samples(v->plan),
                 rows = CALL_BYTES / ((width + samples) * size_of(v));
    v->nin = v->from ? samples : width;
    v->nout = v->from ? width : samples;
    v->batch = rows ? rows : 1;
    v->in = bench_alloc(v->batch * v->nin * size_of(v));
    v->out = bench_alloc(v->batch * v->nout * size_of(v));
    v->work = bench_alloc(e3tp_s2grid_work_bytes(v->plan));
    if (!v->in || !v->out || !v->work)
        return 0;
    bench_normal(v->dtype, v->in, v->batch * v->nin, 1);
    return 1;
}

static void destroy(variant *v)
{
    e3tp_s2grid_destroy(v->plan);
    free(v->in);
    free(v->out);
    free(v->work);
}

static e3tp_status run(const variant *v)
{
    return (v->from ? e3tp_s2grid_from : e3tp_s2grid_to)(v->plan, v->batch, v->in, v->out, v->work);
}

/* The largest error of signal u of the first row, over the sum of its terms' sizes, every harmonic
   at its largest; by harmonics at the nodes. */
static double error_of(const variant *v, size_t u, const double *Y, const double *q)
{
    const size_t all = (size_t)(v->n_theta * v->n_phi), n = (size_t)((v->lmax + 1) * (v->lmax + 1));
    double worst = 0;
    for (size_t i = 0; i < (v->from ? n : all); i++) {
        double sum = 0, size = 0;
        const size_t li = (size_t)sqrt((double)i);
        for (size_t k = 0; k < (v->from ? all : n); k++) {
            const size_t p = v->from ? k : i, c = v->from ? i : k, l = (size_t)sqrt((double)c);
            const double x = bench_get(v->dtype, v->in,
                                       v->from ? u * all + k
                                               : CHANNELS * l * l + u * (2 * l + 1) + (c - l * l)),
                         w = v->from ? 4 * pi * q[p] : 1;
            sum += w * Y[p * n + c] * x;
            size += fabs(w * x) * sqrt((double)(2 * l + 1) / (4 * pi));
        }
        const double came = bench_get(
            v->dtype, v->out,
            v->from ? CHANNELS * li * li + u * (2 * li + 1) + (i - li * li) : u * all + i);
        worst = bench_worse(worst, fabs(came - sum) / size);
    }
    return worst;
}

static int verify(variant *v)
{
    const size_t all = (size_t)(v->n_theta * v->n_phi), n = (size_t)((v->lmax + 1) * (v->lmax + 1));
    static const int l[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    double *memory = bench_alloc(all * (3 + 1 + n) * sizeof *memory);
    if (!memory || run(v) != E3TP_OK) {
        free(memory);
        return 0;
    }
    double *q = memory + 3 * all, *Y = q + all;
    e3tp_s2grid_nodes(v->rule, v->n_theta, v->n_phi, 0, memory, q);
    e3tp_sh_eval(l, (size_t)v->lmax + 1, 1, E3TP_SH_INTEGRAL, memory, all, Y, NULL);
    v->max_err = 0;
    for (size_t u = 0; u < CHECKED; u++)
        v->max_err = bench_worse(v->max_err, error_of(v, u * (CHANNELS - 1) / (CHECKED - 1), Y, q));
    free(memory);
    return v->max_err <= 8 * (v->dtype == E3TP_F64 ? DBL_EPSILON : (double)FLT_EPSILON);
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

static void report(variant *v, const bench_layer_options *o, size_t rounds)
{
    char problem[128];
    bench_stats s = bench_statistics(v->seconds, rounds);
    const double to_ns = 1e9 / (double)v->calls / (double)v->batch;
    s.median *= to_ns, s.min *= to_ns, s.iqr *= to_ns;
    snprintf(problem, sizeof problem, "op=%s l=%d channels=%d grid=%dx%d%s dtype=%s",
             v->from ? "from_grid" : "to_grid", v->lmax, CHANNELS, v->n_theta, v->n_phi,
             v->rule == E3TP_LEBEDEV ? " rule=lebedev" : "", v->dtype == E3TP_F64 ? "f64" : "f32");
    const bench_result r = {.kind = "s2grid",
                            .name = v->from ? "from_grid" : "to_grid",
                            .problem = problem,
                            .op = v->from ? "from_grid" : "to_grid",
                            .method = "grid",
                            .method_asked = "grid",
                            .isa = e3tp_s2grid_isa(v->plan),
                            .pass = "fwd",
                            .dtype = v->dtype,
                            .threads = 1,
                            .batch = v->batch,
                            .ns = s,
                            .flops = e3tp_s2grid_flops(v->plan),
                            .bytes = (double)((v->nin + v->nout) * size_of(v)),
                            .max_err = v->max_err};
    if (o->json) {
        bench_result_begin(o->json, &r);
        bench_json_number(o->json, "ns_per_sample",
                          s.median / (double)e3tp_s2grid_samples(v->plan));
        bench_result_end(o->json);
    }
    if (o->table)
        fprintf(o->table, "%-64s %-7s %8.3f %7.1f %6.1f %8.1e\n", problem, r.isa,
                s.median / (double)e3tp_s2grid_samples(v->plan), bench_result_gflops(&r),
                100 * bench_result_gflops(&r) / bench_result_peak(&r), r.max_err);
}

int bench_s2grid(const bench_layer_options *o)
{
    static variant v[VARIANTS];
    int ok = 1;
    const size_t rounds = (size_t)o->repeats;
    for (int i = 0; i < VARIANTS; i++) {
        v[i] = (variant){.from = i % 2,
                         .lmax = i / 4 % 2 ? LMAX : LMAX / 2,
                         .rule = i / 8 ? E3TP_LEBEDEV : E3TP_GAUSS_LEGENDRE,
                         .dtype = i / 2 % 2 ? E3TP_F64 : E3TP_F32};
        const int good = create(&v[i]) && verify(&v[i]);
        if (!good)
            bench_refuse(o->json, stderr, "wrong", "s2grid", "L = %d, by %.2g", v[i].lmax,
                         v[i].max_err);
        ok = ok && good;
    }
    for (int i = 0; ok && i < VARIANTS; i++)
        calibrate(&v[i]);
    for (size_t r = 0; ok && r < rounds; r++)
        for (int i = 0; i < VARIANTS; i++)
            v[i].seconds[r] = sample(&v[i]);
    if (ok && o->table)
        fprintf(o->table,
                "functions to samples on the sphere and back, one thread\n%-64s %-7s %8s "
                "%7s %6s %8s\n",
                "problem", "isa", "ns/sample", "Gflop/s", "peak%", "max_err");
    for (int i = 0; i < VARIANTS; i++) {
        if (ok)
            report(&v[i], o, rounds);
        destroy(&v[i]);
    }
    return ok;
}
