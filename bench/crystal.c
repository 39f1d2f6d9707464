/* SPDX-License-Identifier: MIT */
#include "crystal.h"

#include <math.h>
#include <stdlib.h>

enum { BASIS = 8 };

/* In quarters of the cell: face-centred cubic, and the same moved by (1,1,1). */
static const int basis[BASIS][3] = {{0, 0, 0}, {0, 2, 2}, {2, 0, 2}, {2, 2, 0},
                                    {1, 1, 1}, {1, 3, 3}, {3, 1, 3}, {3, 3, 1}};

/* Coordinate k of an atom in quarters of a cell. */
static int place(size_t atom, int cells, int k)
{
    const size_t cell = atom / BASIS, n = (size_t)cells;
    const size_t at[3] = {cell / (n * n), cell / n % n, cell % n};
    return 4 * (int)at[k] + basis[atom % BASIS][k];
}

/* Shortest image of atom j seen from i, in quarters; returns its square. */
static int displacement(size_t i, size_t j, int cells, int d[3])
{
    const int period = 4 * cells;
    int square = 0;
    for (int k = 0; k < 3; k++) {
        d[k] = place(j, cells, k) - place(i, cells, k);
        d[k] -= 2 * d[k] > period ? period : 2 * d[k] < -period ? -period : 0;
        square += d[k] * d[k];
    }
    return square;
}

/* Squares (in quarters) of the last shell that is in and the first that is out; 0 if none fits. */
static int find_shell(size_t atoms, int cells, size_t neighbours, int shell[2])
{
    const int limit = 4 * cells * cells - 1; /* below half the box: (4 cells / 2)^2 */
    size_t inside = 0;
    int d[3];
    shell[0] = 0;
    for (int square = 1; square <= limit; square++) {
        size_t here = 0;
        for (size_t j = 1; j < atoms; j++)
            here += displacement(0, j, cells, d) == square;
        if (here && inside == neighbours) {
            shell[1] = square;
            return 1;
        }
        inside += here;
        shell[0] = here ? square : shell[0];
    }
    return 0;
}

static int add_edges(bench_crystal *c, size_t i, double quarter, int cells, int limit,
                     size_t neighbours)
{
    size_t found = 0;
    int d[3];
    for (size_t j = 0; j < c->atoms; j++) {
        if (j == i || displacement(i, j, cells, d) > limit)
            continue;
        if (found++ == neighbours)
            return 0;
        c->receiver[c->edges] = (int32_t)i;
        c->sender[c->edges] = (int32_t)j;
        for (size_t k = 0; k < 3; k++)
            c->vector[3 * c->edges + k] = quarter * d[k];
        c->edges++;
    }
    return found == neighbours;
}

int bench_diamond(bench_crystal *c, double a, int cells, size_t neighbours)
{
    int shell[2];
    *c = (bench_crystal){.atoms = (size_t)cells * (size_t)cells * (size_t)cells * BASIS};
    if (!find_shell(c->atoms, cells, neighbours, shell))
        return 0;
    c->cutoff = 0.25 * a * 0.5 * (sqrt(shell[0]) + sqrt(shell[1]));
    const size_t edges = c->atoms * neighbours;
    c->receiver = malloc(edges * sizeof *c->receiver);
    c->sender = malloc(edges * sizeof *c->sender);
    c->vector = malloc(3 * edges * sizeof *c->vector);
    int ok = c->receiver && c->sender && c->vector;
    for (size_t i = 0; ok && i < c->atoms; i++)
        ok = add_edges(c, i, 0.25 * a, cells, shell[0], neighbours);
    if (!ok)
        bench_crystal_destroy(c);
    return ok;
}

void bench_crystal_destroy(bench_crystal *c)
{
    free(c->receiver);
    free(c->sender);
    free(c->vector);
    *c = (bench_crystal){0};
}
