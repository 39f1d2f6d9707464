/* SPDX-License-Identifier: MIT */
/* How many samples a product needs, and how far their symmetry lets them be folded. */
#ifndef E3TP_GRID_SHAPE_H
#define E3TP_GRID_SHAPE_H

#include <math.h>

#include "problem/problem.h"

/* n_theta rings by n_phi samples at phi = (j + 1/2) 2 pi / n_phi, or from_zero at j 2 pi / n_phi.
   The reflections of the grid map it onto `rings` half rings (theta <= pi/2) by `points` samples
   (quarter: phi <= pi/2, for even n_phi; else phi <= pi). A product of signals takes place on the
   folded samples: those stand for all their images, and on a mirror count half. apart: the images
   are the caller's, and each counts for itself. Lebedev's points are apart: n_theta of them, n_phi
   1, folded to `rings` rings that each have one sample, at an azimuth of its own. */
typedef struct e3tp_grid_shape {
    int n_theta, n_phi, rings, points;
    e3tp_quadrature quadrature;
    bool from_zero, apart;
    bool quarter;
    int sum; /* degree of the polynomials to be integrated exactly */
    int least_theta, least_phi;
} e3tp_grid_shape;

/* Of degrees that sum to `sum`, what one of them can meet: at most the sum of the others. */
static inline int64_t e3tp_grid_meets(int64_t l, int64_t sum)
{
    return l < sum - l ? l : sum - l;
}

/* Rings and samples that degrees which sum to `sum` take at the least. */
static inline int e3tp_grid_least_theta(e3tp_quadrature q, int sum)
{
    return q == E3TP_GAUSS_LEGENDRE ? sum / 2 + 1 : sum | 1;
}

static inline int e3tp_grid_least_phi(int sum)
{
    return sum + 1;
}

static inline bool e3tp_grid_is_exact(const e3tp_grid_shape *s)
{
    return s->n_theta >= s->least_theta && s->n_phi >= s->least_phi;
}

/* So many samples in a direction, times a factor, rounded up (but what is a rounding above a whole
   number down). */
static inline int e3tp_grid_oversampled(int n, double factor)
{
    return (int)ceil(n * factor - 1e-9);
}

/* Azimuths of the folded samples: one for each of a ring, or for each ring. */
static inline int e3tp_grid_azimuths(const e3tp_grid_shape *s)
{
    return s->quadrature == E3TP_LEBEDEV ? s->rings : s->points;
}

/* Azimuth of folded sample j in units of pi / n_phi; not of Lebedev's. */
static inline int e3tp_grid_azimuth(const e3tp_grid_shape *s, int j)
{
    return 2 * j + !s->from_zero;
}

/* rings, points and quarter of a shape that is set otherwise. */
void e3tp_grid_fold(e3tp_grid_shape *s);

/* The user's grid, or the smallest exact one, oversampled, that folds by quarters. False, with the
   sentence: it is not exact and aliasing is not allowed. */
bool e3tp_grid_choose(e3tp_grid_shape *s, const e3tp_problem *p, e3tp_message *why);

/* Polar cosines and weights of the rings [rings], sum over both hemispheres 2; azimuths and weights
   [azimuths], sum over the circle 2 pi. But for a shape that is apart, weights count the mirror
   images: sum over rings and points of the products is 4 pi. */
typedef struct e3tp_grid_nodes {
    double *x, *ring_weight, *phi, *point_weight;
} e3tp_grid_nodes;

/* memory: [2 * n_theta + 2 * azimuths] doubles that the nodes then use. */
void e3tp_grid_set_nodes(e3tp_grid_nodes *n, const e3tp_grid_shape *s, double *memory);

#endif
