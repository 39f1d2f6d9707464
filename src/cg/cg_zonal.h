/* SPDX-License-Identifier: MIT */
/* Products of functions on the sphere of which y is symmetric about the pole: of its orders only 0
   is there. W[m1, 0, m3] is zero but for m3 = m1 where l1 + l2 + l3 is even, m3 = -m1 where it is
   odd, and equal, or opposite, for m1 and -m1 (src/conv/README.md, "The rotated form"), so that

     e[l1,l3,m] = sum over l2 of c[l1,l2,l3,m] y[l2]                        the elements, m >= 0
     z[l3,m] += e x[l1,m],   z[l3,-m] += e x[l1,-m]                         even
     z[l3,m] += e x[l1,-m],  z[l3,-m] -= e x[l1,m]                          odd

   gx: the same with blocks exchanged and odd elements negated. For one order the elements are a
   matrix from blocks of x to blocks of z; a job is some of its rows. */
#ifndef E3TP_CG_ZONAL_H
#define E3TP_CG_ZONAL_H

#include "problem/signal_tiles.h"

/* Results of one order, of blocks of one kind, and all that they come from by sums of one kind.
   Elements [source][result]; what does not couple has one that is zero. */
typedef struct e3tp_zonal_job {
    size_t order, results, sources;
    bool odd, adds; /* adds: to results of the job before, whose sums are odd */
    size_t lines;   /* of order 0 of the results, then of the sources, among those of a tile */
    size_t element; /* the first */
} e3tp_zonal_job;

/* From x to z, or from gz to gx. */
typedef struct e3tp_zonal_map {
    size_t njobs, nlines, elements, nempty, padded; /* elements in whole tiles */
    e3tp_zonal_job *jobs;
    uint16_t *lines;
    uint32_t *place; /* of the orders of all pairs among the elements */
    uint32_t *empty; /* elements that are zero */
    void *coeff;     /* uniform: [padded / T][blocks of y][T] */
} e3tp_zonal_map;

/* A block of x and one of z that couple: orders odd .. odd + orders - 1. */
typedef struct e3tp_zonal_pair {
    size_t line[2]; /* of order 0, of x and z */
    size_t orders, ny;
    size_t y, place, coeff; /* first of its lists: blocks of y; orders; [block of y][order] */
    bool odd;
} e3tp_zonal_pair;

typedef struct e3tp_zonal_runner {
    e3tp_signal_runner walk;
    size_t results[2]; /* most of a job: elements lines, or numbers; 0: has no code for those */
} e3tp_zonal_runner;

typedef struct e3tp_cg_zonal {
    e3tp_signal_tiles tiles;
    bool
        uniform; /* one y for all channels, lanes over channels: elements are numbers, else lines */
    size_t ny;
    e3tp_zonal_map maps[2];
    size_t npairs;
    e3tp_zonal_pair *pairs;
    uint16_t *ys;
    void *coeff;     /* not uniform: of pairs */
    size_t together; /* most tiles at a time */
    /* In scratch: elements of each map; gradients of all of them, then those summed over lanes, or,
       not uniform, of those of a pair. */
    size_t e[2], d;
} e3tp_cg_zonal;

/* Multiply-adds of the elements, for a y; of their product with a channel of x. */
typedef struct e3tp_zonal_work {
    double elements, products;
} e3tp_zonal_work;
e3tp_zonal_work e3tp_cg_zonal_work(const e3tp_problem *p);
/* Flops and seconds of a row, forward, or for both gradients. */
double e3tp_cg_zonal_flops(const e3tp_problem *p, e3tp_pass pass);
double e3tp_cg_zonal_seconds(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass);
/* Freed by destroy. */
e3tp_status e3tp_cg_zonal_create(e3tp_cg_zonal **out, const e3tp_problem *p, e3tp_tier tier,
                                 const e3tp_allocator *a, e3tp_message *why);
void e3tp_cg_zonal_destroy(e3tp_cg_zonal *g, const e3tp_allocator *a); /* NULL is fine */

#endif
