/* SPDX-License-Identifier: MIT */
/* A result as a line of JSON: every line has the same keys first, and ends with its own. */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <e3tp/e3tp.h>
#include <stdio.h>

#include "timing.h"

typedef struct bench_result {
    const char *kind; /* "product", "plan", "fft", "layer", "radial", "s2grid" */
    const char *name, *problem, *op, *method, *method_asked, *isa, *pass;
    e3tp_dtype dtype;
    int threads;
    size_t batch;        /* items of a call: rows, edges, plans */
    bench_stats ns;      /* per item */
    double flops, bytes; /* per item; NAN: not counted */
    double max_err;
    double peak; /* Gflop/s of multiply-adds beside the samples; 0: the best of the process */
} bench_result;

double bench_result_gflops(const bench_result *r);
double bench_result_peak(const bench_result *r);

/* Between begin and end, bench_json_text and bench_json_number add keys. */
void bench_result_begin(FILE *f, const bench_result *r);
void bench_result_end(FILE *f);

/* What gets no time and why, as a line of JSON with "case":kind, which is skip, error (there is
   nothing to run) or wrong (a result), and as a sentence for the reader. Either file may be NULL.
 */
void bench_refuse(FILE *json, FILE *text, const char *kind, const char *problem, const char *format,
                  ...);

/* The larger of two errors; a NaN stays. */
double bench_worse(double a, double b);

#endif
