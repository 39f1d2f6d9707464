/* SPDX-License-Identifier: MIT */
/* e3tp-bench: verifies, then times products given as problem strings (problem_string.h), in turns.

   usage: e3tp-bench [options] [problem | @file]...
     --json[=FILE]   a JSON object per result, appended to FILE; without FILE to standard output,
                     instead of the table
     --repeats=N     rounds per group, at least 5 (default 7); a slow group gets 5, the slowest 3
     --sample=MS     shortest sample (default 2)
     --create        time the creation of the plans instead of their execution
     --fft           the method gaunt against its bare transforms by FFTW (fft.h)
     --layer         the layer of a potential on a crystal (layer.h), before it radial functions by
                     themselves (radial.h) and grids on the sphere (s2grid.h); --threads=1,2
                     and --quick belong to it
     --progress      which case is running, on standard error
   Exit status: 0; 1 if a result was wrong; 2 for a mistake in the arguments. SKIP is no error. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fft.h"
#include "fused.h"
#include "graphs.h"
#include "json.h"
#include "harmonics.h"
#include "layer.h"
#include "passes.h"
#include "product.h"
#include "radial.h"
#include "rotated.h"
#include "s2grid.h"
#include "result.h"
#include "timing.h"
#include "verify.h"

enum { FEW_REPEATS = 3, MIN_REPEATS = 5, MAX_REPEATS = 101 };

/* Seconds; then MIN_REPEATS rounds must do, or FEW_REPEATS. */
static const double slow_group = 2, slowest_group = 4;

typedef struct options {
    FILE *json;
    int json_only, repeats, progress, layer, fft, create;
    double sample; /* seconds */
    bench_layer_options layer_options;
} options;

typedef struct totals {
    size_t done, skipped, wrong, cases, of;
} totals;

typedef struct variant {
    bench_product product;
    int ready;
    double max_err, seconds[MAX_REPEATS], peak[MAX_REPEATS];
    size_t calls, rounds; /* per sample; samples */
} variant;

/* ---- timing */

static double sample(variant *v, const options *o)
{
    const double start = bench_now();
    for (size_t i = 0; i < v->calls; i++)
        if (o->create)
            bench_product_replan(&v->product);
        else
            bench_product_run(&v->product);
    return (bench_now() - start) / (double)v->calls;
}

/* More calls until a sample is long enough. */
static void calibrate(variant *v, const options *o)
{
    for (v->calls = 1; v->calls < ((size_t)1 << 30);) {
        const double t = sample(v, o) * (double)v->calls;
        if (t >= o->sample)
            return;
        const double more = t > 0 ? 1.2 * o->sample / t : 10;
        v->calls = (size_t)((double)v->calls * (more > 10 ? 10 : more)) + 1;
    }
}

/* 0 for the creation of plans, which has no flops. */
static double peak_beside(const variant *v, const options *o)
{
    if (o->create)
        return 0;
    const bench_problem *p = &v->product.problem;
    return bench_peak_now(e3tp_plan_isa(v->product.plan), p->dtype == E3TP_F64, p->threads);
}

static void time_group(variant *v, size_t n, const options *o)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].ready)
            calibrate(&v[i], o);
    const double start = bench_now();
    for (size_t r = 0; r < (size_t)o->repeats; r++) {
        const double spent = bench_now() - start;
        if ((r >= MIN_REPEATS && spent > slow_group) || (r >= FEW_REPEATS && spent > slowest_group))
            return;
        for (size_t i = 0; i < n; i++)
            if (v[i].ready) {
                v[i].peak[v[i].rounds] = peak_beside(&v[i], o);
                v[i].seconds[v[i].rounds++] = sample(&v[i], o);
            }
    }
}

/* ---- output */

static void print_head(void)
{
    printf("%-6s %-6s %-7s %-3s %-4s %2s %11s %5s %8s %5s %6s %8s  %s\n", "op", "method", "isa",
           "typ", "pass", "t", "ns/item", "iqr%", "Gflop/s", "peak%", "GB/s", "max_err", "problem");
}

static void print_row(const bench_result *r)
{
    const double rate = bench_result_gflops(r);
    printf("%-6s %-6s %-7s %-3s %-4s %2d %11.1f %5.1f %8.2f %5.1f %6.2f %8.1e  %s\n", r->op,
           r->method, r->isa, r->dtype == E3TP_F64 ? "f64" : "f32", r->pass, r->threads,
           r->ns.median, 100 * r->ns.iqr / r->ns.median, rate, 100 * rate / bench_result_peak(r),
           r->bytes / r->ns.median, r->max_err, r->problem);
    fflush(stdout);
}

static void write_json(FILE *f, const bench_result *r, const bench_product *q, size_t rounds)
{
    bench_result_begin(f, r);
    bench_json_number(f, "paths", (double)q->npaths);
    bench_json_number(f, "nonzeros", q->nonzeros);
    bench_json_number(f, "work_bytes", (double)bench_product_bytes(q));
    bench_json_number(f, "rounds", (double)rounds);
    bench_result_end(f);
}

/* Per row of the batch, or per plan: a plan has no flops to speak of. */
static bench_result result_of(variant *v, const options *o)
{
    const bench_product *q = &v->product;
    const bench_problem *p = &q->problem;
    const double items = o->create ? 1 : (double)p->batch;
    /* A plan counts for two arrays and all gradients. */
    const int counted = !o->create && !(p->pass == E3TP_BACKWARD && p->skip_gy);
    bench_stats s = bench_statistics(v->seconds, v->rounds);
    s.median *= 1e9 / items, s.min *= 1e9 / items, s.iqr *= 1e9 / items;
    return (bench_result){.kind = o->create ? "plan" : "product",
                          .name = p->name,
                          .problem = p->text,
                          .op = bench_op_name(p->op),
                          .method = e3tp_plan_method(q->plan),
                          .method_asked =
                              p->method == E3TP_METHOD_AUTO ? "auto" : e3tp_method_name(p->method),
                          .isa = e3tp_plan_isa(q->plan),
                          .pass = o->create ? "plan" : bench_pass_name(p->pass),
                          .dtype = p->dtype,
                          .threads = p->threads,
                          .batch = o->create ? 1 : p->batch,
                          .ns = s,
                          .flops = counted && !p->square ? e3tp_plan_flops(q->plan, p->pass) : NAN,
                          .bytes = counted ? e3tp_plan_bytes(q->plan, p->pass) : NAN,
                          .max_err = v->max_err,
                          .peak = bench_statistics(v->peak, v->rounds).median};
}

static void report(variant *v, const options *o)
{
    const bench_result r = result_of(v, o);
    if (o->json)
        write_json(o->json, &r, &v->product, v->rounds);
    if (!o->json_only)
        print_row(&r);
}

/* kind: skip, error (no plan) or wrong (a result). */
static void refuse(const bench_problem *p, const char *kind, const char *why, const options *o)
{
    bench_refuse(o->json, o->json_only ? stderr : stdout, kind, p->text, "%s", why);
}

/* ---- groups */

static const char *make(variant *v, const bench_problem *p, size_t *taken)
{
    bench_product *q = &v->product;
    if (p->method != E3TP_METHOD_AUTO && !e3tp_method_serves(p->method, p->op)) {
        snprintf(q->message, sizeof q->message, "this build has no such method for the operation");
        return "skip";
    }
    const e3tp_status status = bench_product_create(q, p);
    if (status != E3TP_OK)
        return status == E3TP_E_UNSUPPORTED ? "skip" : "error";
    const size_t bytes = bench_product_bytes(q), room = bench_mem_available();
    if (room && *taken + bytes >
                    (room + *taken) / 2) { /* what the group's earlier variants hold counts too */
        snprintf(q->message, sizeof q->message, "needs more than half of the available memory");
        return "skip";
    }
    *taken += bytes;
    if (bench_product_fill(q) != E3TP_OK)
        return "skip";
    return bench_verify(q, &v->max_err) ? NULL : "wrong";
}

static void prepare(variant *v, const bench_problem *p, size_t *taken, const options *o, totals *t)
{
    const char *kind = make(v, p, taken);
    v->ready = !kind;
    if (!kind)
        return;
    refuse(p, kind, v->product.message, o);
    if (kind[0] == 's')
        t->skipped++;
    else
        t->wrong++;
}

static void run_group(const bench_problem *p, size_t n, const options *o, totals *t)
{
    variant *v = calloc(n, sizeof *v);
    size_t taken = 0;
    for (size_t i = 0; v && i < n; i++)
        prepare(&v[i], &p[i], &taken, o, t);
    if (v)
        time_group(v, n, o);
    for (size_t i = 0; v && i < n; i++) {
        if (v[i].ready) {
            report(&v[i], o);
            t->done++;
        }
        bench_product_destroy(&v[i].product);
    }
    free(v);
}

static int run_line(const char *line, const options *o, totals *t)
{
    bench_problem *p = malloc(BENCH_MAX_VARIANTS * sizeof *p);
    char why[256] = "no memory";
    t->cases++;
    if (o->progress)
        fprintf(stderr, "\r\033[K%zu/%zu  %.90s", t->cases, t->of, line);
    const size_t n = p ? bench_problem_parse(line, p, BENCH_MAX_VARIANTS, why, sizeof why) : 0;
    if (n)
        run_group(p, n, o, t);
    else
        fprintf(stderr, "e3tp-bench: %s: %s\n", line, why);
    free(p);
    return n != 0;
}

/* The next line with a problem in it, without comment and end; NULL at the end of the file. */
static char *next_line(FILE *f, char *line, size_t cap)
{
    while (fgets(line, (int)cap, f)) {
        line[strcspn(line, "#\r\n")] = 0;
        char *at = line + strspn(line, " \t");
        if (*at)
            return at;
    }
    return NULL;
}

static int run_file(const char *name, const options *o, totals *t)
{
    FILE *f = fopen(name, "r");
    char buffer[1024], *line;
    int ok = 1;
    if (!f) {
        fprintf(stderr, "e3tp-bench: cannot read %s\n", name);
        return 0;
    }
    while (next_line(f, buffer, sizeof buffer))
        t->of++;
    if (fseek(f, 0, SEEK_SET) != 0) { /* else nothing would run, and look like success */
        fprintf(stderr, "e3tp-bench: %s: cannot be read twice, not a regular file\n", name);
        ok = 0;
    }
    while (ok && (line = next_line(f, buffer, sizeof buffer)))
        ok = run_line(line, o, t);
    fclose(f);
    return ok;
}

/* ---- arguments */

static int read_option(const char *a, options *o)
{
    bench_layer_options *l = &o->layer_options;
    if (!strcmp(a, "--json"))
        o->json = stdout, o->json_only = 1;
    else if (!strncmp(a, "--json=", 7))
        return (o->json = fopen(a + 7, "a")) != NULL;
    else if (!strncmp(a, "--repeats=", 10))
        o->repeats = atoi(a + 10);
    else if (!strncmp(a, "--sample=", 9))
        return (o->sample = 1e-3 * atof(a + 9)) > 0;
    else if (!strcmp(a, "--create"))
        o->create = 1;
    else if (!strcmp(a, "--fft"))
        o->fft = 1;
    else if (!strcmp(a, "--layer"))
        o->layer = 1;
    else if (!strcmp(a, "--quick"))
        l->quick = 1;
    else if (!strncmp(a, "--threads=", 10)) {
        l->threads[1] = 0;
        return sscanf(a + 10, "%d,%d", &l->threads[0], &l->threads[1]) >= 1;
    } else if (!strcmp(a, "--progress"))
        o->progress = 1;
    else
        return 0;
    return o->repeats >= MIN_REPEATS && o->repeats <= MAX_REPEATS;
}

static int read_options(int argc, char **argv, options *o, totals *t)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && !read_option(argv[i], o)) {
            fprintf(stderr, "e3tp-bench: bad option %s\n", argv[i]);
            return 0;
        }
        t->of += argv[i][0] != '-' && argv[i][0] != '@';
    }
    return 1;
}

static int run_layer(options *o)
{
    o->layer_options.json = o->json;
    o->layer_options.table = o->json_only ? NULL : stdout;
    o->layer_options.repeats = o->repeats;
    o->layer_options.progress = o->progress;
    return bench_radial(&o->layer_options) & bench_harmonics(&o->layer_options) &
           bench_s2grid(&o->layer_options) & bench_layer(&o->layer_options) &
           bench_passes(&o->layer_options) & bench_fused(&o->layer_options) &
           bench_rotated(&o->layer_options) & bench_graphs(&o->layer_options);
}

static int run_fft(const options *o)
{
    const bench_fft_options f = {o->json, o->json_only ? NULL : stdout, o->layer_options.quick,
                                 o->repeats};
    return bench_fft(&f);
}

int main(int argc, char **argv)
{
    options o = {.repeats = 7, .sample = 2e-3, .layer_options = {.threads = {1, 2}}};
    totals t = {0};
    int ok = read_options(argc, argv, &o, &t);
    if (!ok)
        return 2;
    if (o.json)
        bench_json_machine(o.json);
    if (o.layer)
        t.wrong += !run_layer(&o);
    else if (o.fft)
        t.wrong += !run_fft(&o);
    else if (!o.json_only)
        print_head();
    for (int i = 1; i < argc && ok; i++)
        if (argv[i][0] != '-')
            ok = argv[i][0] == '@' ? run_file(argv[i] + 1, &o, &t) : run_line(argv[i], &o, &t);
    if (o.progress)
        fprintf(stderr, "\r\033[K");
    if (!o.json_only && !o.layer && !o.fft)
        printf("%zu timed, %zu skipped, %zu wrong\n", t.done, t.skipped, t.wrong);
    if (o.json && o.json != stdout)
        fclose(o.json);
    return !ok ? 2 : t.wrong ? 1 : 0;
}
