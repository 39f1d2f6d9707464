/* SPDX-License-Identifier: MIT */
/* Atoms in a periodic box, and the edges between near ones: diamond, and what is like water. */
#ifndef BENCH_CRYSTAL_H
#define BENCH_CRYSTAL_H

#include <stddef.h>
#include <stdint.h>

typedef struct bench_crystal {
    size_t atoms, edges;
    double cutoff;              /* half way between the last shell inside and the first outside */
    int32_t *receiver, *sender; /* [edges], by receiver */
    double *vector;             /* [edges][3], from receiver to sender */
} bench_crystal;

/* cells^3 cells of side a (angstrom); every atom gets the shells whose sizes add up to
   `neighbours`. 0 if no cutoff gives that number, the box is too small for it, or memory is short.
 */
int bench_diamond(bench_crystal *c, double a, int cells, size_t neighbours);
/* The same of cells of two atoms, whose sides are half diagonals of the cubes' faces. Few of them:
   all images are looked at. */
int bench_diamond_primitive(bench_crystal *c, double a, int cells, size_t neighbours);
/* A periodic box like water: molecules^3 of them, 0.1 atoms per cubic angstrom, three atoms each, O
   first, near the points of a lattice; edges to all within the cutoff of 5 angstrom, about 52 an
   atom. 0 if the box is too small for it, or memory is short. */
int bench_water(bench_crystal *c, int molecules);
/* 0..n-1 in random order, the same for the same n; freed by the caller; NULL: memory is short. */
int32_t *bench_shuffled(size_t n);
/* The same edges from senders in random order: no two neighbours are near in memory. */
int bench_shuffle_senders(bench_crystal *c);
void bench_crystal_destroy(bench_crystal *c);

#endif
