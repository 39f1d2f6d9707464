/* SPDX-License-Identifier: MIT */
#include "result.h"

#include <math.h>
#include <stdarg.h>

#include "json.h"

double bench_result_gflops(const bench_result *r)
{
    return r->flops / r->ns.median;
}

static int threads_of(const bench_result *r)
{
    return r->threads > 0 ? r->threads : 1;
}

static double best(const bench_result *r, bench_operand operand)
{
    return bench_fma_gflops(r->isa, operand, r->dtype == E3TP_F64, threads_of(r));
}

double bench_result_peak(const bench_result *r)
{
    return r->peak > 0 ? r->peak : best(r, BENCH_REGISTER);
}

void bench_result_begin(FILE *f, const bench_result *r)
{
    const struct {
        const char *key, *text;
    } texts[] = {{"name", r->name},
                 {"problem", r->problem},
                 {"op", r->op},
                 {"method", r->method},
                 {"method_asked", r->method_asked},
                 {"isa", r->isa},
                 {"dtype", r->dtype == E3TP_F64 ? "f64" : "f32"},
                 {"pass", r->pass}};
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"threads", r->threads},
                   {"batch", (double)r->batch},
                   {"ns_per_item", r->ns.median},
                   {"min", r->ns.min},
                   {"iqr", r->ns.iqr},
                   {"flops", r->flops},
                   {"bytes", r->bytes},
                   {"gflops", bench_result_gflops(r)},
                   {"peak_gflops", bench_result_peak(r)},
                   {"best_peak_gflops", best(r, BENCH_REGISTER)},
                   {"first_level_gflops", best(r, BENCH_FIRST_LEVEL)},
                   {"broadcast_gflops", best(r, BENCH_BROADCAST)},
                   {"dram_gbs", bench_dram_gbs(threads_of(r))},
                   {"max_err", r->max_err}};
    fprintf(f, "{\"case\":\"%s\"", r->kind);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        bench_json_text(f, texts[i].key, texts[i].text);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        bench_json_number(f, numbers[i].key, numbers[i].value);
    fprintf(f, ",\"verified\":true"); /* what is wrong gets no time */
}

void bench_result_end(FILE *f)
{
    fprintf(f, "}\n");
    fflush(f);
}

void bench_refuse(FILE *json, FILE *text, const char *kind, const char *problem, const char *format,
                  ...)
{
    char why[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (json) {
        fprintf(json, "{\"case\":\"%s\"", kind);
        bench_json_text(json, "problem", problem);
        bench_json_text(json, "why", why);
        bench_result_end(json);
    }
    const char *label = kind[0] == 's' ? "SKIP" : kind[0] == 'w' ? "WRONG" : "ERROR";
    if (text)
        fprintf(text, "%s (%s)  %s\n", label, why, problem);
}

double bench_worse(double a, double b)
{
    return isnan(a) || a >= b ? a : b;
}
