/* SPDX-License-Identifier: MIT */
/* Builds the matrices of the transforms in the order of their use. */
#include "grid/grid_transform.h"

#include <math.h>
#include <stdlib.h>

#include "core/table.h"
#include "so3/legendre.h"

enum { LMAX = E3TP_GRID_LMAX, CLASSES = E3TP_GRID_CLASSES, ORDERS = 2 * LMAX + 1 };
enum { LEGENDRE = E3TP_SO3_LEGENDRE_SIZE(LMAX) };

void e3tp_grid_fill_basis(const e3tp_grid_shape *s, const e3tp_grid_nodes *nodes, double *legendre,
                          double *slope, double *trig)
{
    for (int i = 0; i < s->rings; i++, legendre += LEGENDRE, slope += LEGENDRE) {
        e3tp_so3_legendre_deriv(LMAX, nodes->x[i], legendre, slope);
        for (int l = 1; l <= LMAX; l++)
            for (int m = 1; m <= l; m++) {
                legendre[E3TP_SO3_LEGENDRE_INDEX(l, m)] *= sqrt(2.0);
                slope[E3TP_SO3_LEGENDRE_INDEX(l, m)] *= sqrt(2.0);
            }
    }
    for (int j = 0; j < s->points; j++, trig += ORDERS)
        for (int m = 0; m <= LMAX; m++) {
            trig[LMAX + m] = cos(m * nodes->phi[j]);
            if (m > 0)
                trig[LMAX - m] = sin(m * nodes->phi[j]);
        }
}

/* How a kind differs from the value: it is even where that is odd in x, in phi; factor of m. */
static const struct {
    int odd_x, odd_phi, by_order;
} kinds[] = {
    [E3TP_GRID_VALUE] = {0, 0, 0},
    [E3TP_GRID_D_X] = {1, 0, 0},
    [E3TP_GRID_D_PHI] = {0, 1, -1},
    [E3TP_GRID_MINUS_D_PHI] = {0, 1, 1},
};

/* What a matrix joins to its samples: a harmonic, or an order (l = -1). */
typedef struct term {
    int l, m;
    size_t line;
} term;

typedef struct matrix {
    const term *terms;
    size_t n;
    size_t first, samples;
    bool rings, points; /* the samples are rings, points of a ring, or both */
    bool analysis, weighted;
    const double *scale;
    e3tp_grid_kind kind;
    size_t base, count; /* line of the first sample; times that it runs */
} matrix;

/* (cos m phi)' = -m sin m phi and (sin m phi)' = m cos m phi: the entry of -m, times -m. */
static double along_ring(const e3tp_grid_basis *b, const matrix *a, size_t point, int m)
{
    const double *trig = b->trig + point * ORDERS + LMAX;
    const int by_order = kinds[a->kind].by_order;
    return (by_order ? by_order * m * trig[-m] : trig[m]) *
           (a->weighted ? b->point_weight[point] : 1);
}

static double across_rings(const e3tp_grid_basis *b, const matrix *a, size_t ring, const term *t)
{
    const double *P = kinds[a->kind].odd_x ? b->slope : b->legendre;
    return P[ring * LEGENDRE + (size_t)E3TP_SO3_LEGENDRE_INDEX(t->l, abs(t->m))] *
           (a->weighted ? b->ring_weight[ring] : 1) * (a->scale ? a->scale[t->l] : 1);
}

static double element(const e3tp_grid_basis *b, const matrix *a, size_t sample, const term *t)
{
    const size_t points = a->points ? (size_t)b->shape->points : 1;
    double v = a->analysis && a->points && !b->shape->apart ? 0.5 : 1;
    if (a->rings)
        v *= across_rings(b, a, sample / points, t);
    if (a->points)
        v *= along_ring(b, a, sample % points, t->m);
    return v;
}

/* Rows first .. first + rows - 1 of the matrix as a tile. */
static void write_tile(e3tp_grid_tables *t, const e3tp_grid_basis *b, const matrix *a, size_t first,
                       size_t rows, size_t n)
{
    const size_t T = 64 / e3tp_dtype_size(b->dtype);
    t->steps[t->nsteps] =
        (e3tp_grid_step){(uint32_t)rows, (uint32_t)n, t->nlists + (a->analysis ? first : 0),
                         t->ntable, (a->base + (a->analysis ? 0 : first * CLASSES)) * T};
    for (size_t k = 0, at = t->ntable; k < n; k++)
        for (size_t r = first; r < first + rows; r++)
            e3tp_put(b->dtype, t->table, at++,
                     a->analysis ? element(b, a, a->first + k, &a->terms[r])
                                 : element(b, a, a->first + r, &a->terms[k]));
}

static void add_matrix(e3tp_grid_tables *t, const e3tp_grid_basis *b, const matrix *a)
{
    const size_t T = 64 / e3tp_dtype_size(b->dtype);
    const size_t rows = a->analysis ? a->n : a->samples, n = a->analysis ? a->samples : a->n;
    const e3tp_grid_cut cut = e3tp_grid_cut_rows(rows, b->rows);
    const size_t tiles = cut.large + cut.small;
    for (size_t i = 0; i < tiles; i++) {
        const size_t size = e3tp_grid_cut_size(cut, i);
        if (t->steps)
            write_tile(t, b, a, e3tp_grid_cut_first(cut, i), size, n);
        t->nsteps++;
        t->ntable += size * n;
    }
    for (size_t k = 0; t->steps && k < a->n; k++)
        t->lists[t->nlists + k] = (int32_t)(a->terms[k].line * T);
    t->nlists += a->n;
    t->fma += (double)(rows * n * a->count);
    t->calls += (double)(tiles * a->count);
    t->lines += (double)(rows * a->count);
}

/* The class of (l, m): whether a kind's samples are odd in x, of odd order, odd in phi. */
static int class_of(const e3tp_grid_basis *b, e3tp_grid_kind kind, int l, int m)
{
    return (((l + m) & 1) ^ kinds[kind].odd_x) | (b->shape->quarter ? (m & 1) << 1 : 0) |
           ((m < 0) ^ kinds[kind].odd_phi) << 2;
}

/* Derivatives by phi of order 0 are zero. */
static bool is_zero(e3tp_grid_kind kind, int m)
{
    return m == 0 && kinds[kind].by_order;
}

/* The harmonics of class c; returns their number. */
static size_t find_class(const e3tp_grid_basis *b, const e3tp_grid_signal *s, int c, term *out)
{
    size_t found = 0;
    for (size_t i = 0; i < s->n; i++) {
        const int l = s->bands[i].l;
        for (int m = -l; m <= l; m++)
            if (class_of(b, s->kind, l, m) == c && !is_zero(s->kind, m))
                out[found++] = (term){l, m, s->bands[i].line + (size_t)(l + m)};
    }
    return found;
}

/* Class c on `samples` samples from `first` on, which stand at line `base`. */
static void add_class(e3tp_grid_tables *t, const e3tp_grid_basis *b, const e3tp_grid_signal *s,
                      int c, const matrix *part)
{
    term terms[(LMAX + 1) * (LMAX + 1)];
    matrix a = *part;
    a.terms = terms;
    a.n = find_class(b, s, c, terms);
    a.kind = s->kind;
    a.weighted = s->weighted;
    a.scale = s->scale;
    a.rings = a.points = true;
    a.count = 1;
    if (a.n || !a.analysis)
        add_matrix(t, b, &a);
}

static void add_dense_synthesis(e3tp_grid_tables *t, const e3tp_grid_basis *b,
                                const e3tp_grid_signal *s)
{
    const e3tp_grid_cut runs = e3tp_grid_runs(b);
    for (size_t i = 0; i < runs.large + runs.small; i++)
        for (size_t c = 0; c < CLASSES; c++) {
            const matrix part = {.first = e3tp_grid_cut_first(runs, i),
                                 .samples = e3tp_grid_cut_size(runs, i),
                                 .base = c};
            add_class(t, b, s, (int)c, &part);
        }
}

static void add_dense_analysis(e3tp_grid_tables *t, const e3tp_grid_basis *b,
                               const e3tp_grid_signal *s)
{
    const size_t samples = (size_t)b->shape->rings * (size_t)b->shape->points;
    for (size_t c = 0; c < CLASSES; c++) {
        const matrix all = {.samples = samples, .analysis = true, .base = c};
        add_class(t, b, s, (int)c, &all);
    }
}

/* The harmonics of order m whose l + m has the parity, with their lines. */
static size_t find_degrees(const e3tp_grid_signal *s, int parity, int m, term *out)
{
    size_t found = 0;
    for (size_t i = 0; i < s->n; i++) {
        const int l = s->bands[i].l;
        if (l >= abs(m) && ((l + m) & 1) == parity)
            out[found++] = (term){l, m, s->bands[i].line + (size_t)(l + m)};
    }
    return found;
}

static size_t slot_line(const e3tp_grid_basis *b, size_t slot)
{
    return slot / CLASSES * CLASSES * (size_t)b->shape->rings + slot % CLASSES;
}

/* Parity of l + m of the harmonics of class c. */
static int parity_of(e3tp_grid_kind kind, int c)
{
    return (c & 1) ^ kinds[kind].odd_x;
}

/* Orders of a class that have harmonics, in slots from `slot` on. */
static size_t find_orders(const e3tp_grid_basis *b, const e3tp_grid_signal *s, int c, size_t slot,
                          term *out)
{
    const int parity = parity_of(s->kind, c), negative = (c >> 2) ^ kinds[s->kind].odd_phi;
    term degrees[LMAX + 1];
    size_t found = 0;
    for (int size = 0; size <= LMAX; size++) {
        const int m = negative ? -size : size;
        if (class_of(b, s->kind, parity + size, m) == c && !is_zero(s->kind, m) &&
            find_degrees(s, parity, m, degrees))
            out[found] = (term){-1, m, slot_line(b, slot + found)}, found++;
    }
    return found;
}

static void add_to_slots(e3tp_grid_tables *t, const e3tp_grid_basis *b, const e3tp_grid_signal *s,
                         bool analysis)
{
    term orders[LMAX + 1], degrees[LMAX + 1];
    size_t slot = 0;
    for (int c = 0; c < CLASSES; c++) {
        const size_t found = find_orders(b, s, c, slot, orders);
        for (size_t i = 0; i < found; i++, slot++) {
            const matrix a = {.terms = degrees,
                              .n = find_degrees(s, parity_of(s->kind, c), orders[i].m, degrees),
                              .samples = (size_t)b->shape->rings,
                              .rings = true,
                              .analysis = analysis,
                              .weighted = s->weighted,
                              .scale = s->scale,
                              .kind = s->kind,
                              .base = slot_line(b, slot),
                              .count = 1};
            add_matrix(t, b, &a);
        }
    }
}

/* Returns the number of slots. */
static size_t add_to_points(e3tp_grid_tables *t, const e3tp_grid_basis *b,
                            const e3tp_grid_signal *s, bool analysis)
{
    term orders[LMAX + 1];
    size_t slot = 0;
    for (int c = 0; c < CLASSES; c++) {
        const matrix a = {.terms = orders,
                          .n = find_orders(b, s, c, slot, orders),
                          .samples = (size_t)b->shape->points,
                          .points = true,
                          .analysis = analysis,
                          .weighted = s->weighted,
                          .kind = s->kind,
                          .base = (size_t)c,
                          .count = (size_t)b->shape->rings};
        slot += a.n;
        if (a.n || !analysis)
            add_matrix(t, b, &a);
    }
    return slot;
}

void e3tp_grid_add_transform(e3tp_grid_transform *t, e3tp_grid_tables *tables,
                             const e3tp_grid_basis *b, const e3tp_grid_signal *s)
{
    const double before = tables->fma;
    t->slots = 0;
    t->first[E3TP_GRID_TO_SLOTS] = tables->nsteps;
    if (b->separable)
        add_to_slots(tables, b, s, false);
    t->first[E3TP_GRID_TO_POINTS] = tables->nsteps;
    if (b->separable)
        t->slots = add_to_points(tables, b, s, false);
    else
        add_dense_synthesis(tables, b, s);
    t->first[E3TP_GRID_FROM_POINTS] = tables->nsteps;
    if (b->separable)
        add_to_points(tables, b, s, true);
    else
        add_dense_analysis(tables, b, s);
    t->first[E3TP_GRID_FROM_SLOTS] = tables->nsteps;
    if (b->separable)
        add_to_slots(tables, b, s, true);
    t->first[E3TP_GRID_STAGES] = tables->nsteps;
    t->fma = (tables->fma - before) / 2;
}
