/* SPDX-License-Identifier: MIT */
#include "timing.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *v, size_t n, double q)
{
    const double at = q * (double)(n - 1);
    const size_t i = (size_t)at;
    return i + 1 < n ? v[i] + (at - (double)i) * (v[i + 1] - v[i]) : v[n - 1];
}

bench_stats bench_statistics(double *v, size_t n)
{
    qsort(v, n, sizeof *v, compare);
    return (bench_stats){quantile(v, n, 0.5), v[0], quantile(v, n, 0.75) - quantile(v, n, 0.25)};
}

enum { MAX_THREADS = 256 };

/* By the threads that the library uses too: others would compete with those that still spin. */
void bench_parallel(int threads, size_t n, void (*body)(void *ctx, size_t from, size_t to),
                    void *ctx)
{
    const size_t parts = threads < 1 ? 1 : (size_t)threads;
#ifdef _OPENMP
#pragma omp parallel for num_threads((int)parts) schedule(static, 1)
#endif
    for (size_t i = 0; i < parts; i++)
        body(ctx, n * i / parts, n * (i + 1) / parts);
}

/* ---- peak of multiply-add
 * -------------------------------------------------------------------------- */

typedef struct peak_job {
    const bench_tier *tier;
    bench_operand operand;
    int f64;
    size_t steps;
} peak_job;

static volatile double sink; /* keeps results alive */

static void peak_body(void *ctx, size_t from, size_t to)
{
    const peak_job *job = ctx;
    for (size_t i = from; i < to; i++)
        sink = job->tier->fma[job->operand][job->f64](job->steps);
}

/* Steps that take so long at a rate of all threads together, flops per second. */
static size_t steps_in(const peak_job *job, double seconds, double rate, int threads)
{
    return (size_t)(seconds * rate / (double)job->tier->flops[job->f64] / threads) + 1;
}

static double run_peak(peak_job *job, int threads)
{
    const double start = bench_now();
    bench_parallel(threads, (size_t)threads, peak_body, job);
    return (double)(job->steps * job->tier->flops[job->f64]) * threads / (bench_now() - start);
}

static double measure_peak(const bench_tier *tier, bench_operand operand, int f64, int threads)
{
    peak_job job = {tier, operand, f64, 200000};
    double best = 0;
    for (int repeat = 0; repeat < 12; repeat++) { /* the first ones warm the clock of the core */
        const double rate = run_peak(&job, threads);
        best = rate > best ? rate : best;
        if (repeat == 2)
            job.steps = steps_in(&job, 8e-3, best, threads);
    }
    return best * 1e-9;
}

typedef struct peak_memo {
    const bench_tier *tier;
    bench_operand operand;
    int f64, threads;
    double gflops;
} peak_memo;

double bench_fma_gflops(const char *isa, bench_operand operand, int f64, int threads)
{
    static peak_memo memo[64];
    static size_t used;
    const bench_tier *tier = bench_tier_named(isa);
    if (!tier)
        return NAN;
    for (size_t i = 0; i < used; i++)
        if (memo[i].tier == tier && memo[i].operand == operand && memo[i].f64 == f64 &&
            memo[i].threads == threads)
            return memo[i].gflops;
    const double gflops = measure_peak(tier, operand, f64, threads);
    if (used < sizeof memo / sizeof *memo)
        memo[used++] = (peak_memo){tier, operand, f64, threads, gflops};
    return gflops;
}

double bench_peak_now(const char *isa, int f64, int threads)
{
    const double best = bench_fma_gflops(isa, BENCH_REGISTER, f64, threads);
    const bench_tier *tier = bench_tier_named(isa);
    if (!tier || !(best > 0))
        return NAN;
    peak_job job = {tier, BENCH_REGISTER, f64, 0};
    job.steps = steps_in(&job, 5e-4, best * 1e9, threads);
    return run_peak(&job, threads) * 1e-9;
}

/* ---- memory */

/* Several sums, so that the adds do not wait for one another. */
static void read_body(void *ctx, size_t from, size_t to)
{
    const uint64_t *d = ctx;
    uint64_t s[8] = {0};
    for (size_t i = from; i + 8 <= to; i += 8)
        for (size_t k = 0; k < 8; k++)
            s[k] += d[i + k];
    sink = (double)(s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7]);
}

static double measure_dram(int threads)
{
    const size_t bytes = (size_t)512 << 20; /* larger than the last-level caches in use */
    const size_t room = bench_mem_available();
    uint64_t *data = room && room / 2 < bytes ? NULL : bench_alloc(bytes);
    double best = data ? 0 : NAN;
    for (int repeat = 0; data && repeat < 4; repeat++) {
        const double start = bench_now();
        bench_parallel(threads, bytes / sizeof *data, read_body, data);
        const double rate = (double)bytes / (bench_now() - start);
        best = rate > best ? rate : best;
    }
    free(data);
    return best * 1e-9;
}

double bench_dram_gbs(int threads)
{
    static double memo[MAX_THREADS + 1];
    static char known[MAX_THREADS + 1];
    if (threads < 1 || threads > MAX_THREADS)
        return NAN;
    if (!known[threads]) {
        memo[threads] = measure_dram(threads);
        known[threads] = 1;
    }
    return memo[threads];
}

size_t bench_mem_available(void)
{
    FILE *f = fopen("/proc/meminfo", "r");
    char line[128];
    unsigned long kib = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %lu kB", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return (size_t)kib << 10;
}

void *bench_alloc(size_t bytes)
{
    const size_t rounded = (bytes + 63) / 64 * 64;
    void *p = aligned_alloc(64, rounded ? rounded : 64);
    if (p)
        memset(p, 1, rounded); /* not 0: pages of zeros may all be the same page */
    return p;
}
