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

/* Shortest image of atom j seen from i, in quarters. */
static void displacement(size_t i, size_t j, int cells, int d[3])
{
    const int period = 4 * cells;
    for (int k = 0; k < 3; k++) {
        d[k] = place(j, cells, k) - place(i, cells, k);
        d[k] -= 2 * d[k] > period ? period : 2 * d[k] < -period ? -period : 0;
    }
}

enum { MOST_IMAGES = 27 };

/* Images of an atom that another one can see within the square of a distance: the nearest, or those
   of the boxes around too. The distance is less than a box. */
typedef struct images {
    int period, limit, reach;
} images;

static images images_of(int cells, int limit)
{
    const int period = 4 * cells;
    return (images){period, limit, 4 * limit >= period * period};
}

/* Counts images of j that i sees, and if c is not NULL adds them as edges, quarter apart. */
static size_t see(const images *q, size_t i, size_t j, int cells, double quarter, bench_crystal *c)
{
    int near[3];
    size_t found = 0;
    displacement(i, j, cells, near);
    for (int a = -q->reach; a <= q->reach; a++)
        for (int b = -q->reach; b <= q->reach; b++)
            for (int e = -q->reach; e <= q->reach; e++) {
                const int d[3] = {near[0] + a * q->period, near[1] + b * q->period,
                                  near[2] + e * q->period};
                const int square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                if (square == 0 || square > q->limit)
                    continue;
                found++;
                if (!c)
                    continue;
                c->receiver[c->edges] = (int32_t)i;
                c->sender[c->edges] = (int32_t)j;
                for (size_t k = 0; k < 3; k++)
                    c->vector[3 * c->edges + k] = quarter * d[k];
                c->edges++;
            }
    return found;
}

static size_t count_within(size_t atoms, int cells, int limit)
{
    const images q = images_of(cells, limit);
    size_t count = 0;
    for (size_t j = 0; j < atoms; j++)
        count += see(&q, 0, j, cells, 0, NULL);
    return count;
}

/* Squares (in quarters) of the last shell that is in and the first that is out; 0 if none fits. */
static int find_shell(size_t atoms, int cells, size_t neighbours, int shell[2])
{
    size_t inside = 0;
    shell[0] = 0;
    for (int square = 1; square < 16 * cells * cells && inside <= neighbours; square++) {
        const size_t now = count_within(atoms, cells, square);
        if (now > inside && inside == neighbours) {
            shell[1] = square;
            return 1;
        }
        shell[0] = now > inside ? square : shell[0];
        inside = now;
    }
    return 0;
}

static int add_edges(bench_crystal *c, size_t i, double quarter, int cells, int limit,
                     size_t neighbours)
{
    const images q = images_of(cells, limit);
    size_t found = 0;
    for (size_t j = 0; j < c->atoms && found <= neighbours; j++)
        found += see(&q, i, j, cells, quarter, c);
    return found == neighbours;
}

static int make_lists(bench_crystal *c, size_t edges)
{
    c->receiver = malloc(edges * sizeof *c->receiver);
    c->sender = malloc(edges * sizeof *c->sender);
    c->vector = malloc(3 * edges * sizeof *c->vector);
    return c->receiver && c->sender && c->vector;
}

int bench_diamond(bench_crystal *c, double a, int cells, size_t neighbours)
{
    int shell[2];
    *c = (bench_crystal){.atoms = (size_t)cells * (size_t)cells * (size_t)cells * BASIS};
    if (!find_shell(c->atoms, cells, neighbours, shell))
        return 0;
    c->cutoff = 0.25 * a * 0.5 * (sqrt(shell[0]) + sqrt(shell[1]));
    int ok = make_lists(c, c->atoms * neighbours + MOST_IMAGES);
    for (size_t i = 0; ok && i < c->atoms; i++)
        ok = add_edges(c, i, 0.25 * a, cells, shell[0], neighbours);
    if (!ok)
        bench_crystal_destroy(c);
    return ok;
}

/* ---- water ---- */

enum { MOST_NEIGHBOURS = 96 };
static const double density = 0.1, water_cutoff = 5; /* atoms per cubic angstrom; angstrom */

/* In 0..1, the same for the same i. */
static double scatter(size_t i)
{
    unsigned long long h = (i + 1) * 0x9e3779b97f4a7c15ull;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ull;
    return (double)((h ^ (h >> 27)) >> 11) / (double)(1ull << 53);
}

/* Atoms of a molecule stand within about an angstrom of its point. */
static void place_water(double *at, size_t atoms, int molecules, double box)
{
    const size_t n = (size_t)molecules;
    for (size_t i = 0; i < atoms; i++)
        for (size_t k = 0; k < 3; k++) {
            const size_t m = i / 3, cell[3] = {m / (n * n), m / n % n, m % n};
            const double spread = i % 3 ? 1.9 : 0.6;
            at[3 * i + k] = box / (double)n * (double)cell[k] + spread * scatter(3 * i + k);
        }
}

static int add_near(bench_crystal *c, const double *at, double box, size_t i)
{
    size_t found = 0;
    for (size_t j = 0; j < c->atoms; j++) {
        double d[3], square = 0;
        for (size_t k = 0; k < 3; k++) {
            d[k] = at[3 * j + k] - at[3 * i + k];
            d[k] -= box * round(d[k] / box);
            square += d[k] * d[k];
        }
        if (j == i || square >= water_cutoff * water_cutoff)
            continue;
        if (found++ == MOST_NEIGHBOURS)
            return 0;
        c->receiver[c->edges] = (int32_t)i;
        c->sender[c->edges] = (int32_t)j;
        for (size_t k = 0; k < 3; k++)
            c->vector[3 * c->edges + k] = d[k];
        c->edges++;
    }
    return 1;
}

int bench_water(bench_crystal *c, int molecules)
{
    const size_t n = (size_t)molecules;
    *c = (bench_crystal){.atoms = 3 * n * n * n, .cutoff = water_cutoff};
    const double box = cbrt((double)c->atoms / density);
    double *at = malloc(3 * c->atoms * sizeof *at);
    int ok = at && box > 2 * water_cutoff && make_lists(c, c->atoms * MOST_NEIGHBOURS);
    if (ok)
        place_water(at, c->atoms, molecules, box);
    for (size_t i = 0; ok && i < c->atoms; i++)
        ok = add_near(c, at, box, i);
    free(at);
    if (!ok)
        bench_crystal_destroy(c);
    return ok;
}

int32_t *bench_shuffled(size_t n)
{
    int32_t *to = malloc(n * sizeof *to);
    for (size_t i = 0; to && i < n; i++) {
        const size_t j = (size_t)(scatter(i) * (double)(i + 1));
        to[i] = to[j];
        to[j] = (int32_t)i;
    }
    return to;
}

int bench_shuffle_senders(bench_crystal *c)
{
    int32_t *name = bench_shuffled(c->atoms);
    if (!name)
        return 0;
    for (size_t e = 0; e < c->edges; e++)
        c->sender[e] = name[c->sender[e]];
    free(name);
    return 1;
}

void bench_crystal_destroy(bench_crystal *c)
{
    free(c->receiver);
    free(c->sender);
    free(c->vector);
    *c = (bench_crystal){0};
}
