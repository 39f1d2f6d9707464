/* SPDX-License-Identifier: MIT */
#include "crystal.h"

#include <math.h>
#include <stdlib.h>

/* In quarters of the side of the cube: the vectors of a cell, and the atoms in it. */
typedef struct lattice {
    int vectors[3][3];
    size_t atoms;
    int basis[8][3];
} lattice;

/* Face-centred cubic, and the same moved by (1,1,1). */
static const lattice
    cubes =
        {{{4, 0, 0}, {0, 4, 0}, {0, 0, 4}},
         8,
         {{0, 0, 0}, {0, 2, 2}, {2, 0, 2}, {2, 2, 0}, {1, 1, 1}, {1, 3, 3}, {3, 1, 3}, {3, 3, 1}}},
    primitive = {{{0, 2, 2}, {2, 0, 2}, {2, 2, 0}}, 2, {{0, 0, 0}, {1, 1, 1}}};

/* A periodic box of so many cells in each direction. */
typedef struct supercell {
    const lattice *l;
    int cells;
    size_t atoms;
} supercell;

static supercell supercell_of(const lattice *l, int cells)
{
    return (supercell){l, cells, (size_t)cells * (size_t)cells * (size_t)cells * l->atoms};
}

/* Coordinate k of an atom. */
static int place(const supercell *b, size_t atom, int k)
{
    const size_t cell = atom / b->l->atoms, n = (size_t)b->cells;
    const int at[3] = {(int)(cell / (n * n)), (int)(cell / n % n), (int)(cell % n)};
    int x = b->l->basis[atom % b->l->atoms][k];
    for (int v = 0; v < 3; v++)
        x += at[v] * b->l->vectors[v][k];
    return x;
}

/* Of atom j seen from i; in cubes its shortest image. */
static void displacement(const supercell *b, size_t i, size_t j, int d[3])
{
    const int period = b->l == &cubes ? 4 * b->cells : 0;
    for (int k = 0; k < 3; k++) {
        d[k] = place(b, j, k) - place(b, i, k);
        d[k] -= 2 * d[k] > period ? period : 2 * d[k] < -period ? -period : 0;
    }
}

enum { MOST_IMAGES = 125 };

/* Images of an atom that another one can see within the square of a distance: the nearest, or those
   of the boxes around too. The distance is less than a box. */
typedef struct images {
    const supercell *b;
    int limit, reach;
} images;

static images images_of(const supercell *b, int limit)
{
    const int period = 4 * b->cells, near = 4 * limit < period * period;
    return (images){b, limit, b->l != &cubes ? 2 : !near};
}

/* Counts images of j that i sees, and if c is not NULL adds them as edges, quarter apart. */
static size_t see(const images *q, size_t i, size_t j, double quarter, bench_crystal *c)
{
    int first[3];
    size_t found = 0;
    displacement(q->b, i, j, first);
    for (int a = -q->reach; a <= q->reach; a++)
        for (int b = -q->reach; b <= q->reach; b++)
            for (int e = -q->reach; e <= q->reach; e++) {
                int d[3], square = 0;
                for (int k = 0; k < 3; k++) {
                    const int(*v)[3] = q->b->l->vectors;
                    d[k] = first[k] + q->b->cells * (a * v[0][k] + b * v[1][k] + e * v[2][k]);
                    square += d[k] * d[k];
                }
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

static size_t count_within(const supercell *b, int limit)
{
    const images q = images_of(b, limit);
    size_t count = 0;
    for (size_t j = 0; j < b->atoms; j++)
        count += see(&q, 0, j, 0, NULL);
    return count;
}

/* Squares (in quarters) of the last shell that is in and the first that is out; 0 if none fits. */
static int find_shell(const supercell *b, size_t neighbours, int shell[2])
{
    size_t inside = 0;
    shell[0] = 0;
    for (int square = 1; square < 16 * b->cells * b->cells && inside <= neighbours; square++) {
        const size_t now = count_within(b, square);
        if (now > inside && inside == neighbours) {
            shell[1] = square;
            return 1;
        }
        shell[0] = now > inside ? square : shell[0];
        inside = now;
    }
    return 0;
}

static int add_edges(bench_crystal *c, const supercell *b, size_t i, double quarter, int limit,
                     size_t neighbours)
{
    const images q = images_of(b, limit);
    size_t found = 0;
    for (size_t j = 0; j < c->atoms && found <= neighbours; j++)
        found += see(&q, i, j, quarter, c);
    return found == neighbours;
}

static int make_lists(bench_crystal *c, size_t edges)
{
    c->receiver = malloc(edges * sizeof *c->receiver);
    c->sender = malloc(edges * sizeof *c->sender);
    c->vector = malloc(3 * edges * sizeof *c->vector);
    return c->receiver && c->sender && c->vector;
}

static int make_diamond(bench_crystal *c, const supercell *b, double a, size_t neighbours)
{
    int shell[2];
    *c = (bench_crystal){.atoms = b->atoms};
    if (!find_shell(b, neighbours, shell))
        return 0;
    c->cutoff = 0.25 * a * 0.5 * (sqrt(shell[0]) + sqrt(shell[1]));
    int ok = make_lists(c, c->atoms * neighbours + MOST_IMAGES);
    for (size_t i = 0; ok && i < c->atoms; i++)
        ok = add_edges(c, b, i, 0.25 * a, shell[0], neighbours);
    if (!ok)
        bench_crystal_destroy(c);
    return ok;
}

int bench_diamond(bench_crystal *c, double a, int cells, size_t neighbours)
{
    const supercell b = supercell_of(&cubes, cells);
    return make_diamond(c, &b, a, neighbours);
}

int bench_diamond_primitive(bench_crystal *c, double a, int cells, size_t neighbours)
{
    const supercell b = supercell_of(&primitive, cells);
    return make_diamond(c, &b, a, neighbours);
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
