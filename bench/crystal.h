/* SPDX-License-Identifier: MIT */
/* Diamond: conventional cells of 8 atoms, periodic, and the edges to the nearest shells of
 * neighbours. */
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
void bench_crystal_destroy(bench_crystal *c);

#endif
