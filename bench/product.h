/* SPDX-License-Identifier: MIT */
/* A problem string made real: irreps, paths with the bench's own coefficients, a plan, filled
 * buffers. */
#ifndef BENCH_PRODUCT_H
#define BENCH_PRODUCT_H

#include <e3tp/e3tp.h>

#include "problem_string.h"

typedef struct bench_block {
    int l, parity;
    size_t mul, offset;
    int component; /* of fields: degree of the Cartesian components */
    int zonal;     /* of its orders only 0 is there */
} bench_block;

/* Components of a channel of a block. */
static inline size_t bench_block_width(const bench_block *b)
{
    return b->zonal ? 1 : 2 * (size_t)b->l + 1;
}

typedef struct bench_path {
    uint32_t in1, in2, out;
    size_t w_offset;
    double coefficient; /* of the unit-norm W */
} bench_path;

typedef struct bench_product {
    bench_problem problem;
    size_t nblocks[3], npaths, capacity_out, capacity_paths;
    bench_block *blocks[3]; /* x, y, z */
    bench_path *paths;
    size_t width[4]; /* x, y, z, w */
    int weighted;
    double
        nonzeros; /* of W, times the multiplicities that share it, per row; bench_verify counts */
    e3tp_plan *plan;
    e3tp_buffers buffers;
    void *memory[20]; /* what the buffers point to: x, y, w if there are weights, ... */
    size_t nmemory;
    char message[512]; /* why something failed */
} bench_product;

/* Statuses as the library's; message says why. A product that failed is still to be destroyed. */
e3tp_status bench_product_create(bench_product *q, const bench_problem *p);
e3tp_status bench_product_fill(bench_product *q);
size_t bench_product_bytes(const bench_product *q); /* memory that fill takes */
e3tp_status bench_product_replan(bench_product *q); /* the same plan anew */
void bench_product_destroy(bench_product *q);
e3tp_status bench_product_run(const bench_product *q); /* the pass of the problem, once */

/* What the pass writes for x, y, z and w; NULL: nothing. */
void bench_product_results(const bench_product *q, const void *of[4]);
/* Element (row, block, u, m) of x, y or z. */
size_t bench_product_at(const bench_product *q, e3tp_operand which, size_t row, size_t block,
                        size_t u, size_t m);
double bench_get(e3tp_dtype t, const void *data, size_t i);
/* n normal numbers by a fixed generator. */
void bench_normal(e3tp_dtype t, void *data, size_t n, unsigned long long seed);

#endif
