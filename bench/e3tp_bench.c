/* SPDX-License-Identifier: MIT */
/* Times products and the layer of an interatomic potential, each verified first, against the FMA peak of the same run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

float *bench_random(size_t n)
{
    static unsigned state = 1;
    float *a = aligned_alloc(64, (n * sizeof *a + 127) / 64 * 64);
    for (size_t i = 0; a && i < n; i++) {
        state = state * 1664525u + 1013904223u;
        a[i] = (float)(state >> 8) / (1 << 23) - 1;
    }
    return a;
}

static int ascending(const void *a, const void *b)
{
    const double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

double bench_median(double *t, size_t n)
{
    qsort(t, n, sizeof *t, ascending);
    return t[n / 2];
}

double bench_time(void (*call)(void *), void *ctx, int repeats)
{
    double t[64];
    call(ctx);
    const double start = bench_now();
    call(ctx);
    const double once = bench_now() - start;
    const int calls = once > 2e-3 ? 1 : (int)(2e-3 / (once > 1e-7 ? once : 1e-7)) + 1;
    for (int r = 0; r < repeats && r < 64; r++) {
        const double from = bench_now();
        for (int i = 0; i < calls; i++)
            call(ctx);
        t[r] = (bench_now() - from) / calls;
    }
    return bench_median(t, (size_t)(repeats < 64 ? repeats : 64));
}

void bench_line(const char *name, double ns, double flops, double peak, double error)
{
    printf("%-44s %10.1f %8.1f %6.2f  %8.1e\n", name, ns, flops / ns, flops / ns / peak, error);
    fflush(stdout);
}

typedef struct product {
    e3tp_plan *plan;
    e3tp_buffers b;
    e3tp_pass pass;
} product;

static void execute(void *ctx)
{
    const product *p = ctx;
    const e3tp_status s = p->pass == E3TP_FORWARD ? e3tp_forward(p->plan, &p->b) : e3tp_backward(p->plan, &p->b);
    if (s != E3TP_OK)
        fprintf(stderr, "%s\n", e3tp_status_string(s));
}

/* z of row 0 by the definition, over dense W in double: channels 1..C of blocks 0..L, degree by degree. */
static double error_of_row(const product *p, int l1max, int l3max, size_t channels, int gaunt)
{
    static double W[25 * 25 * 49];
    const float *x = p->b.x, *y = p->b.y, *w = p->b.w, *z = p->b.z;
    double *ref = calloc(e3tp_plan_width(p->plan, E3TP_Z), sizeof *ref), worst = 0, largest = 0;
    size_t path = 0;
    for (int l1 = 0; l1 <= l1max; l1++)
        for (int l2 = 0; l2 <= l1max; l2++)
            for (int l3 = abs(l1 - l2); l3 <= l1 + l2 && l3 <= l3max; l3++) {
                if (gaunt && (l1 + l2 + l3) % 2)
                    continue;
                e3tp_wigner_3j(l1, l2, l3, E3TP_SIGN_E3NN, W);
                const size_t n1 = 2 * (size_t)l1 + 1, n2 = 2 * (size_t)l2 + 1, n3 = 2 * (size_t)l3 + 1;
                const double c = e3tp_plan_path_coefficient(p->plan, path);
                for (size_t u = 0; u < channels; u++)
                    for (size_t a = 0; a < n1; a++)
                        for (size_t b = 0; b < n2; b++)
                            for (size_t k = 0; k < n3; k++)
                                ref[channels * (size_t)(l3 * l3) + u * n3 + k] +=
                                    c * (gaunt ? 1 : w[path * channels + u]) * W[(a * n2 + b) * n3 + k] *
                                    x[channels * (size_t)(l1 * l1) + u * n1 + a] *
                                    y[channels * (size_t)(l2 * l2) + u * n2 + b];
                path++;
            }
    for (size_t i = 0; i < e3tp_plan_width(p->plan, E3TP_Z); i++) {
        worst = fmax(worst, fabs(ref[i] - z[i]));
        largest = fmax(largest, fabs(ref[i]));
    }
    free(ref);
    return worst / largest;
}

static e3tp_plan *make_plan(int lmax, int l3max, size_t channels, int gaunt)
{
    e3tp_desc *d;
    e3tp_plan *plan;
    e3tp_desc_create(&d, gaunt ? E3TP_OP_GAUNT : E3TP_OP_TENSOR_PRODUCT);
    int degrees[25];
    e3tp_irrep ir[25];
    for (int l = 0; l < 25; l++) {
        degrees[l] = l;
        ir[l] = (e3tp_irrep){(uint32_t)channels, (uint16_t)l, 1};
    }
    for (int k = 0; k < 3; k++) {
        const size_t n = (size_t)(k == 2 ? l3max : lmax) + 1;
        if (gaunt)
            e3tp_desc_set_degrees(d, (e3tp_operand)k, degrees, n);
        else
            e3tp_desc_set_irreps(d, (e3tp_operand)k, ir, n);
    }
    for (int a = 0; a <= lmax && !gaunt; a++)
        for (int b = 0; b <= lmax; b++)
            for (int c = abs(a - b); c <= a + b && c <= l3max; c++) {
                const e3tp_path q = e3tp_path_init((uint32_t)a, (uint32_t)b, (uint32_t)c, E3TP_UUU, 1);
                e3tp_desc_add_path(d, &q);
            }
    if (gaunt)
        e3tp_desc_set_channels(d, channels);
    e3tp_desc_set_threads(d, 1);
    if (e3tp_plan_create(&plan, d) != E3TP_OK)
        fprintf(stderr, "%s\n", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return plan;
}

static int bench_product(int lmax, int l3max, size_t channels, size_t batch, int gaunt, double peak)
{
    static const char *const pass_names[2] = {"forward", "backward"};
    product p = {.plan = make_plan(lmax, l3max, channels, gaunt), .b = e3tp_buffers_init(batch)};
    if (!p.plan)
        return 1;
    float *mem[8];
    const e3tp_operand which[8] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z, E3TP_Z, E3TP_X, E3TP_Y, E3TP_W};
    for (int i = 0; i < 8; i++)
        mem[i] = bench_random(batch * e3tp_plan_width(p.plan, which[i]));
    p.b.x = mem[0], p.b.y = mem[1], p.b.w = mem[2], p.b.z = mem[3], p.b.gz = mem[4];
    p.b.gx = mem[5], p.b.gy = mem[6], p.b.gw = gaunt ? NULL : mem[7];
    execute(&p);
    const double error = error_of_row(&p, lmax, l3max, channels, gaunt);
    const double items = (double)batch * (double)channels;
    for (int pass = 0; pass < 2 && error < 1e-5; pass++) {
        char name[80];
        p.pass = (e3tp_pass)pass;
        snprintf(name, sizeof name, "%s L=%d -> %d, %zu channels, %s", gaunt ? "gaunt" : "all paths uuu", lmax, l3max,
                 channels, pass_names[pass]);
        bench_line(name, bench_time(execute, &p, 9) / items * 1e9,
                   e3tp_plan_flops(p.plan, p.pass) / (double)channels, peak, error);
    }
    for (int i = 0; i < 8; i++)
        free(mem[i]);
    e3tp_plan_destroy(p.plan);
    if (error >= 1e-5)
        printf("L=%d: WRONG, error %g\n", lmax, error);
    return error >= 1e-5;
}

int main(void)
{
    char info[400];
    e3tp_build_info(info, sizeof info);
    if (!e3tp_isa_usable(E3TP_ISA_AVX2)) { /* the peak loop is compiled for it */
        printf("SKIP: this machine has no AVX2\n");
        return 0;
    }
    const double peak = bench_peak_gflops();
    printf("%sfp32 FMA peak of one core, 256-bit: %.1f GFLOP/s; medians; one thread unless said\n\n%-44s %10s %8s %6s  %8s\n", info, peak,
           "case", "ns / item", "GFLOP/s", "share", "error");
    int wrong = 0;
    for (int l = 1; l <= 5; l++)
        wrong += bench_product(l, l, 16, 32, 0, peak);
    for (int l = 1; l <= 8; l++)
        wrong += bench_product(l, 2 * l, 1, 10000, 1, peak);
    for (int l = 2; l <= 8; l += 2)
        wrong += bench_product(l, l, 128, 16, 1, peak);
    for (int threads = 1; threads <= 2; threads++)
        wrong += bench_layer(threads);
    return wrong != 0;
}
