/* SPDX-License-Identifier: MIT */
#include "fft.h"

#include <math.h>
#include <string.h>

#include "fftw_peak.h"
#include "json.h"
#include "product.h"
#include "result.h"
#include "verify.h"

enum { MAX_REPEATS = 101, SAMPLE_US = 2000, BATCH = 1024 };

/* What is timed in turns: each order of FFTW, then the product. */
enum { PRODUCT = BENCH_FFTW_ORDERS, VARIANTS };

typedef struct contest {
    bench_product product;
    bench_fftw *fftw[BENCH_FFTW_ORDERS];
    int torus[2];
    double ns[VARIANTS][MAX_REPEATS]; /* per item */
    bench_stats stats[VARIANTS];
    double max_err;
} contest;

static double seconds_of(const contest *c, int variant, size_t calls)
{
    const double start = bench_now();
    for (size_t i = 0; i < calls; i++)
        if (variant == PRODUCT)
            bench_product_run(&c->product);
        else
            bench_fftw_run(c->fftw[variant]);
    return bench_now() - start;
}

static double sample(const contest *c, int variant)
{
    size_t calls = 1;
    double t;
    while ((t = seconds_of(c, variant, calls)) < 1e-6 * SAMPLE_US)
        calls *= 2;
    return 1e9 * t / (double)calls / (variant == PRODUCT ? BATCH : BENCH_FFTW_BATCH);
}

static int read_torus(contest *c)
{
    char text[4096];
    e3tp_plan_describe(c->product.plan, text, sizeof text);
    const char *at = strstr(text, "torus ");
    return at && sscanf(at, "torus %d x %d", &c->torus[0], &c->torus[1]) == 2;
}

/* NULL, or why there is nothing to time. */
static const char *prepare(contest *c, int L)
{
    char line[128], why[256];
    bench_problem p;
    snprintf(line, sizeof line, "name=fft.%d op=gaunt l1=%d l2=%d l3=%d method=gaunt batch=%d", L,
             L, L, 2 * L, BATCH);
    if (bench_problem_parse(line, &p, 1, why, sizeof why) != 1)
        return "no problem";
    p.threads = 1;
    if (bench_product_create(&c->product, &p) != E3TP_OK ||
        bench_product_fill(&c->product) != E3TP_OK || !read_torus(c))
        return "the method gaunt does not serve it";
    for (int i = 0; i < BENCH_FFTW_ORDERS; i++)
        if (!(c->fftw[i] = bench_fftw_create((bench_fftw_order)i, c->torus[0], c->torus[1])))
            return "built without FFTW";
    return NULL;
}

static void report(contest *c, const bench_fft_options *o)
{
    static const char *const keys[VARIANTS] = {"fftw_items_ns", "fftw_lanes_ns",
                                               "fftw_two_in_one_ns", "gaunt_ns"};
    double best = INFINITY;
    for (int i = 0; i < VARIANTS; i++) {
        c->stats[i] = bench_statistics(c->ns[i], (size_t)o->repeats);
        if (i != PRODUCT)
            best = fmin(best, c->stats[i].median);
    }
    const bench_product *q = &c->product;
    const bench_result r = {.kind = "fft",
                            .name = q->problem.name,
                            .problem = q->problem.text,
                            .op = "gaunt",
                            .method = e3tp_plan_method(q->plan),
                            .method_asked = "gaunt",
                            .isa = e3tp_plan_isa(q->plan),
                            .pass = "fwd",
                            .threads = 1,
                            .batch = BATCH,
                            .ns = c->stats[PRODUCT],
                            .flops = e3tp_plan_flops(q->plan, E3TP_FORWARD),
                            .bytes = e3tp_plan_bytes(q->plan, E3TP_FORWARD),
                            .max_err = c->max_err};
    const double ratio = r.ns.median / best;
    if (o->json) {
        bench_result_begin(o->json, &r);
        bench_json_number(o->json, "n_theta", c->torus[0]);
        bench_json_number(o->json, "n_phi", c->torus[1]);
        bench_json_number(o->json, "ratio", ratio);
        for (int i = 0; i < PRODUCT; i++)
            bench_json_number(o->json, keys[i], c->stats[i].median);
        bench_result_end(o->json);
    }
    if (o->table)
        fprintf(o->table, "%-6s %2dx%-2d %10.1f %10.1f %10.1f %10.1f %7.2f\n", r.name, c->torus[0],
                c->torus[1], c->stats[PRODUCT].median, c->stats[BENCH_FFTW_ITEMS].median,
                c->stats[BENCH_FFTW_LANES].median, c->stats[BENCH_FFTW_TWO_IN_ONE].median, ratio);
}

static int run_degree(int L, const bench_fft_options *o)
{
    static contest c;
    memset(&c, 0, sizeof c);
    const char *why = prepare(&c, L);
    const int right = why || bench_verify(&c.product, &c.max_err);
    char what[40];
    snprintf(what, sizeof what, "transforms, L = %d", L);
    if (why)
        bench_refuse(o->json, o->table, "skip", what, "%s", why);
    if (!right)
        bench_refuse(o->json, o->table ? o->table : stderr, "wrong", what, "%s", c.product.message);
    if (!why && right) {
        for (int r = 0; r < o->repeats; r++)
            for (int i = 0; i < VARIANTS; i++)
                c.ns[i][r] = sample(&c, i);
        report(&c, o);
    }
    for (int i = 0; i < BENCH_FFTW_ORDERS; i++)
        bench_fftw_destroy(c.fftw[i]);
    bench_product_destroy(&c.product);
    return right;
}

int bench_fft(const bench_fft_options *o)
{
    int right = 1;
    if (o->table)
        fprintf(o->table,
                "method gaunt and the bare transforms of its torus by FFTW, ns per item, fp32\n"
                "%-6s %-5s %10s %10s %10s %10s %7s\n",
                "", "torus", "gaunt", "by items", "by lanes", "two in one", "ratio");
    for (int L = 1; L <= (o->quick ? 4 : 8); L++)
        right &= run_degree(L, o);
    return right;
}
