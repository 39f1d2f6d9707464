/* SPDX-License-Identifier: MIT */
#include "layer_parts.h"

#include <math.h>
#include <string.h>

#include "timing.h"

enum { CHUNK = 64 };

/* ---- harmonics */

static void harmonics_range(void *ctx, size_t from, size_t to)
{
    const layer *a = ctx;
    float v[CHUNK * 3];
    for (size_t e = from; e < to; e += CHUNK) {
        const size_t n = to - e < CHUNK ? to - e : CHUNK;
        for (size_t i = 0; i < 3 * n; i++)
            v[i] = (float)a->crystal.vector[3 * e + i];
        const e3tp_sh_vectors rows = {n, v, NULL, NULL};
        e3tp_sh_evaluate(a->harmonics, &rows, a->y + e * LAYER_Y, NULL, NULL);
    }
}

void layer_harmonics(layer *a)
{
    bench_parallel(a->threads, a->crystal.edges, harmonics_range, a);
}

/* ---- radial functions */

static void radial_range(void *ctx, size_t from, size_t to)
{
    const layer *a = ctx;
    float r[CHUNK];
    for (size_t e = from; e < to; e += CHUNK) {
        const size_t n = to - e < CHUNK ? to - e : CHUNK;
        for (size_t k = 0; k < n; k++) {
            const double *v = a->crystal.vector + 3 * (e + k);
            r[k] = (float)sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        }
        e3tp_radial_eval(a->basis, r, n, a->radial + e * BENCH_RADIAL, NULL, NULL);
    }
}

void layer_radial(layer *a)
{
    bench_parallel(a->threads, a->crystal.edges, radial_range, a);
}

void layer_weights(const layer *a, const int64_t *edges, size_t n, float *w)
{
    const size_t width = a->product.width[3];
    for (size_t k = 0; k < n; k++)
        a->tier->linear(a->radial + (size_t)edges[k] * BENCH_RADIAL, a->map, width, w + k * width);
}

/* ---- blocks */

static void gather(const layer *a, size_t from, size_t n, float *x)
{
    const size_t width = a->product.width[0];
    for (size_t k = 0; k < n; k++)
        memcpy(x + k * width, a->x + (size_t)a->crystal.sender[from + k] * width,
               width * sizeof *x);
}

static void add_row(float *restrict z, const float *restrict m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        z[i] += m[i];
}

static void scatter(const layer *a, size_t from, size_t n, const float *m)
{
    const size_t width = a->product.width[2];
    for (size_t k = 0; k < n; k++)
        add_row(a->z + (size_t)a->crystal.receiver[from + k] * width, m + k * width, width);
}

static void make_weights(const layer *a, size_t from, size_t n, float *w)
{
    int64_t edges[LAYER_BLOCK];
    for (size_t k = 0; k < n; k++)
        edges[k] = (int64_t)(from + k);
    layer_weights(a, edges, n, w);
}

static int one_block(layer *a, size_t from, size_t n, int ready, layer_unfused *t)
{
    float *x = a->product.memory[0], *w = a->product.memory[2];
    e3tp_buffers b = a->product.buffers;
    b.batch = n;
    b.y = a->y + from * LAYER_Y;
    b.w = ready ? a->weights + from * a->product.width[3] : w;
    const double start = bench_now();
    gather(a, from, n, x);
    const double gathered = bench_now();
    if (!ready)
        make_weights(a, from, n, w);
    const double weighed = bench_now();
    const int ok = e3tp_forward(a->product.plan, &b) == E3TP_OK;
    const double multiplied = bench_now();
    scatter(a, from, n, b.z);
    t->scatter += bench_now() - multiplied;
    t->gather += gathered - start;
    t->weights += weighed - gathered;
    t->product += multiplied - weighed;
    return ok;
}

int layer_blocks(layer *a, int ready, layer_unfused *t)
{
    int ok = 1;
    memset(a->z, 0, a->crystal.atoms * a->product.width[2] * sizeof *a->z);
    for (size_t from = 0; ok && from < a->crystal.edges; from += a->block) {
        const size_t left = a->crystal.edges - from;
        ok = one_block(a, from, left < a->block ? left : a->block, ready, t);
    }
    return ok;
}
