/* SPDX-License-Identifier: MIT */
/* Builds the matrices of the transforms in the order of their use. */
#include "grid/grid_transform.h"

#include <math.h>
#include <stdlib.h>

#include "so3/legendre.h"
#include "so3/quadrature.h"

enum { LMAX = E3TP_GRID_LMAX, CLASSES = E3TP_FOLD_CLASSES, ORDERS = 2 * LMAX + 1 };
enum { LEGENDRE = E3TP_SO3_LEGENDRE_SIZE(LMAX) };
enum { MOST_DEGREES = 2 * (LMAX + 1) }; /* of an order: two bands of a degree */

/* Polar cosine of a ring before it is rounded: what is summed changes from ring to ring by the
   square of its degree, and roundings of points are seen where terms cancel. */
static long double node_of(const e3tp_grid_shape *s, const e3tp_grid_nodes *nodes, int ring)
{
    return s->quadrature == E3TP_LEBEDEV          ? nodes->x[ring]
           : s->quadrature == E3TP_GAUSS_LEGENDRE ? e3tp_so3_gauss_legendre_node(s->n_theta, ring)
                                                  : e3tp_so3_equiangular_node(s->n_theta, ring);
}

/* m times azimuth j, whole turns taken off before there is a rounding. */
static long double multiple_of(const e3tp_grid_shape *s, const e3tp_grid_nodes *nodes, int j, int m)
{
    const long double pi = 3.14159265358979323846264338327950288L;
    return s->quadrature == E3TP_LEBEDEV
               ? (long double)m * nodes->phi[j]
               : m * e3tp_grid_azimuth(s, j) % (2 * s->n_phi) * pi / s->n_phi;
}

void e3tp_grid_fill_basis(const e3tp_grid_shape *s, const e3tp_grid_nodes *nodes, double *legendre,
                          double *slope, double *sine, double *trig)
{
    for (int i = 0; i < s->rings; i++, legendre += LEGENDRE, slope += LEGENDRE) {
        const long double x = node_of(s, nodes, i);
        sine[i] = (double)sqrtl((1 - x) * (1 + x));
        e3tp_so3_legendre_deriv(LMAX, x, legendre, slope);
        for (int l = 1; l <= LMAX; l++)
            for (int m = 1; m <= l; m++) {
                legendre[E3TP_SO3_LEGENDRE_INDEX(l, m)] *= sqrt(2.0);
                slope[E3TP_SO3_LEGENDRE_INDEX(l, m)] *= sqrt(2.0);
            }
    }
    for (int j = 0; j < e3tp_grid_azimuths(s); j++, trig += ORDERS)
        for (int m = 0; m <= LMAX; m++) {
            const long double angle = multiple_of(s, nodes, j, m);
            trig[LMAX + m] = (double)cosl(angle);
            if (m > 0)
                trig[LMAX - m] = (double)sinl(angle);
        }
}

/* How a kind differs from the value: it is odd where that is even in x, in phi; times a power of
   sin theta. */
static const struct {
    int odd_x, odd_phi, sine;
} kinds[] = {
    [E3TP_GRID_VALUE] = {0, 0, 0},     [E3TP_GRID_D_X] = {1, 0, 0},
    [E3TP_GRID_D_PHI] = {0, 1, 0},     [E3TP_GRID_SOUTHWARD] = {1, 0, 1},
    [E3TP_GRID_EASTWARD] = {0, 1, -1},
};

/* What a matrix joins to its samples: a harmonic that goes along the ring as an order, or an order
   (band NULL). */
typedef struct term {
    const e3tp_grid_band *band;
    int order;
    size_t line;
} term;

typedef struct matrix {
    const term *terms;
    size_t n;
    size_t first, samples;
    bool rings, points; /* the samples are rings, points of a ring, or both */
    bool analysis;
    const e3tp_grid_signal *signal;
    size_t base, count; /* line of the first sample; times that it runs */
} matrix;

static double along_ring(const e3tp_grid_basis *b, const matrix *a, size_t point, int order)
{
    return b->trig[point * ORDERS + (size_t)(LMAX + order)] *
           (a->signal->weighted ? b->point_weight[point] : 1) /
           (a->analysis ? a->signal->images : 1);
}

/* The derivatives by phi of cos m phi and sin m phi are -m sin m phi and m cos m phi: order m of
   them is m times the harmonic of order -m. */
static double across_rings(const e3tp_grid_basis *b, const matrix *a, size_t ring, const term *t)
{
    const e3tp_grid_band *band = t->band;
    const double *P = kinds[band->kind].odd_x ? b->slope : b->legendre;
    const int sine = kinds[band->kind].sine;
    return P[ring * LEGENDRE + (size_t)E3TP_SO3_LEGENDRE_INDEX(band->l, abs(t->order))] *
           (kinds[band->kind].odd_phi ? t->order : 1) * band->factor *
           (sine > 0   ? -b->sine[ring]
            : sine < 0 ? 1 / b->sine[ring]
                       : 1) *
           (a->signal->weighted ? b->ring_weight[ring] : 1);
}

static double element(const e3tp_grid_basis *b, const matrix *a, size_t sample, const term *t)
{
    const size_t points = a->points ? (size_t)b->shape->points : 1;
    const bool scattered = b->shape->quadrature == E3TP_LEBEDEV;
    double v = 1;
    if (a->rings)
        v *= across_rings(b, a, sample / points, t);
    if (a->points)
        v *= along_ring(b, a, scattered ? sample : sample % points, t->order);
    return v;
}

/* What e3tp_fold_matrix.value needs. */
typedef struct elements {
    const e3tp_grid_basis *basis;
    const matrix *of;
} elements;

static double value(const void *ctx, size_t k, size_t sample)
{
    const elements *e = ctx;
    return element(e->basis, e->of, e->of->first + sample, &e->of->terms[k]);
}

static void add_matrix(e3tp_fold_tables *t, const e3tp_grid_basis *b, const matrix *a)
{
    size_t line[2 * (LMAX + 1) * (LMAX + 1)];
    for (size_t k = 0; k < a->n; k++)
        line[k] = a->terms[k].line;
    const elements all = {b, a};
    const e3tp_fold_matrix m = {line,     a->n,        a->base, a->samples,
                                a->count, a->analysis, value,   &all};
    e3tp_fold_add(t, &m);
}

/* The class of samples of parity `odd` in x that go along the ring as `order`. */
static int class_of(const e3tp_grid_basis *b, int odd, int order)
{
    return odd | (b->shape->quarter ? (order & 1) << 1 : 0) | (order < 0) << 2;
}

/* Parity in x of what a band has of an order. */
static int parity_of(const e3tp_grid_band *band, int order)
{
    return ((band->l + order) & 1) ^ kinds[band->kind].odd_x;
}

/* Derivatives by phi have no order 0. */
static bool has_order(const e3tp_grid_band *band, int order)
{
    return abs(order) <= band->l && (order || !kinds[band->kind].odd_phi);
}

static term term_of(const e3tp_grid_band *band, int order)
{
    const int m = kinds[band->kind].odd_phi ? -order : order;
    return (term){band, order, band->line + (size_t)(band->l + m)};
}

/* The harmonics of class c; returns their number. */
static size_t find_class(const e3tp_grid_basis *b, const e3tp_grid_signal *s, int c, term *out)
{
    size_t found = 0;
    for (size_t i = 0; i < s->n; i++) {
        const e3tp_grid_band *band = &s->bands[i];
        for (int order = -band->l; order <= band->l; order++)
            if (has_order(band, order) && class_of(b, parity_of(band, order), order) == c)
                out[found++] = term_of(band, order);
    }
    return found;
}

/* Class c on `samples` samples from `first` on, which stand at line `base`. */
static void add_class(e3tp_fold_tables *t, const e3tp_grid_basis *b, const e3tp_grid_signal *s,
                      int c, const matrix *part)
{
    term terms[2 * (LMAX + 1) * (LMAX + 1)];
    matrix a = *part;
    a.terms = terms;
    a.n = find_class(b, s, c, terms);
    a.signal = s;
    a.rings = a.points = true;
    a.count = 1;
    if (a.n || !a.analysis)
        add_matrix(t, b, &a);
}

static void add_dense_synthesis(e3tp_fold_tables *t, const e3tp_grid_basis *b,
                                const e3tp_grid_signal *s)
{
    const e3tp_fold_cut runs = e3tp_grid_runs(b);
    for (size_t i = 0; i < runs.large + runs.small; i++)
        for (size_t c = 0; c < CLASSES; c++) {
            const matrix part = {.first = e3tp_fold_cut_first(runs, i),
                                 .samples = e3tp_fold_cut_size(runs, i),
                                 .base = c};
            add_class(t, b, s, (int)c, &part);
        }
}

static void add_dense_analysis(e3tp_fold_tables *t, const e3tp_grid_basis *b,
                               const e3tp_grid_signal *s)
{
    const size_t samples = (size_t)b->shape->rings * (size_t)b->shape->points;
    for (size_t c = 0; c < CLASSES; c++) {
        const matrix all = {.samples = samples, .analysis = true, .base = c};
        add_class(t, b, s, (int)c, &all);
    }
}

/* The harmonics that have an order with the parity, with their lines. */
static size_t find_degrees(const e3tp_grid_signal *s, int parity, int order, term *out)
{
    size_t found = 0;
    for (size_t i = 0; i < s->n; i++)
        if (has_order(&s->bands[i], order) && parity_of(&s->bands[i], order) == parity)
            out[found++] = term_of(&s->bands[i], order);
    return found;
}

/* Orders of a class that have harmonics, in slots from `slot` on. */
static size_t find_orders(const e3tp_grid_basis *b, const e3tp_grid_signal *s, int c, size_t slot,
                          term *out)
{
    term degrees[MOST_DEGREES];
    size_t found = 0;
    for (int size = 0; size <= LMAX; size++) {
        const int order = c >> 2 ? -size : size;
        if (class_of(b, c & 1, order) == c && find_degrees(s, c & 1, order, degrees))
            out[found] = (term){NULL, order, e3tp_fold_slot(slot + found, (size_t)b->shape->rings)},
            found++;
    }
    return found;
}

static void add_to_slots(e3tp_fold_tables *t, const e3tp_grid_basis *b, const e3tp_grid_signal *s,
                         bool analysis)
{
    term orders[LMAX + 1], degrees[MOST_DEGREES];
    size_t slot = 0;
    for (int c = 0; c < CLASSES; c++) {
        const size_t found = find_orders(b, s, c, slot, orders);
        for (size_t i = 0; i < found; i++, slot++) {
            const matrix a = {.terms = degrees,
                              .n = find_degrees(s, c & 1, orders[i].order, degrees),
                              .samples = (size_t)b->shape->rings,
                              .rings = true,
                              .analysis = analysis,
                              .signal = s,
                              .base = e3tp_fold_slot(slot, (size_t)b->shape->rings),
                              .count = 1};
            add_matrix(t, b, &a);
        }
    }
}

/* Returns the number of slots. */
static size_t add_to_points(e3tp_fold_tables *t, const e3tp_grid_basis *b,
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
                          .signal = s,
                          .base = (size_t)c,
                          .count = (size_t)b->shape->rings};
        slot += a.n;
        if (a.n || !analysis)
            add_matrix(t, b, &a);
    }
    return slot;
}

void e3tp_grid_add_transform(e3tp_grid_transform *t, e3tp_fold_tables *tables,
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
