/* SPDX-License-Identifier: MIT */
/* Size and nodes of a grid. A product of three harmonics of degrees l1, l2, l3 is a polynomial of
   degree S = l1 + l2 + l3 with azimuthal orders to S (x {y, z}: S - 1): S + 1 equidistant samples
   in phi are exact, and in cos theta a rule of degree S: Gauss-Legendre with n >= (S+1)/2, Fejer
   with n >= S + 1, or S where S is odd (the remainder is antisymmetric). */
#include "grid/grid_shape.h"

#include <math.h>

#include "problem/signals.h"
#include "so3/lebedev.h"
#include "so3/quadrature.h"

static const double pi = 3.14159265358979323846;

static int largest_degree(const e3tp_problem *p, int k)
{
    int l = 0;
    for (size_t i = 0; i < p->nblocks[k]; i++)
        l = p->blocks[k][i].l > l ? p->blocks[k][i].l : l;
    return l;
}

/* The largest sum of a path, one less where it is odd. */
static int sum_of_path(const e3tp_problem *p)
{
    int sum = 0;
    for (size_t i = 0; i < p->npaths; i++) {
        const e3tp_coupling *c = &p->paths[i];
        const int s = p->blocks[0][c->in1].l + p->blocks[1][c->in2].l + p->blocks[2][c->out].l;
        sum = s / 2 * 2 > sum ? s / 2 * 2 : sum;
    }
    return sum;
}

/* Signals meet as a whole: each largest degree, clipped by the triangle rule. */
static int sum_of_signals(const e3tp_problem *p)
{
    const int a = largest_degree(p, 0), b = largest_degree(p, 1), c = largest_degree(p, 2);
    const int sum = a + b + c;
    return (int)(e3tp_grid_meets(a, sum) + e3tp_grid_meets(b, sum) + e3tp_grid_meets(c, sum));
}

/* A power is a product of so many factors. */
static int sum_of_power(const e3tp_problem *p)
{
    const int a = largest_degree(p, 0), c = largest_degree(p, 2), sum = p->power * a + c;
    return (int)(p->power * e3tp_grid_meets(a, sum) + e3tp_grid_meets(c, sum));
}

static int sum_of_degrees(const e3tp_problem *p)
{
    if (p->op == E3TP_OP_GAUNT_POWER)
        return sum_of_power(p);
    if (!e3tp_op_is_signal(p->op))
        return sum_of_path(p);
    const int sum = sum_of_signals(p);
    return p->op == E3TP_OP_BRACKET && sum > 0 ? sum - 1 : sum;
}

void e3tp_grid_fold(e3tp_grid_shape *s)
{
    e3tp_so3_octant o;
    if (s->quadrature == E3TP_LEBEDEV && e3tp_so3_lebedev_octant(s->n_theta, &o)) {
        s->quarter = true;
        s->rings = o.n;
        s->points = 1;
        return;
    }
    s->quarter = s->n_phi % 2 == 0;
    s->rings = (s->n_theta + 1) / 2;
    s->points = !s->quarter ? (s->n_phi + 1) / 2 : s->n_phi / 4 + (s->from_zero || s->n_phi % 4);
}

bool e3tp_grid_choose(e3tp_grid_shape *s, const e3tp_problem *p, e3tp_message *why)
{
    *s = (e3tp_grid_shape){.sum = sum_of_degrees(p), .quadrature = p->quadrature};
    s->least_theta = e3tp_grid_least_theta(p->quadrature, s->sum);
    s->least_phi = e3tp_grid_least_phi(s->sum);
    s->n_theta =
        p->grid_theta ? p->grid_theta : e3tp_grid_oversampled(s->least_theta, p->oversample);
    s->n_phi = p->grid_phi ? p->grid_phi
                           : (e3tp_grid_oversampled(s->least_phi, p->oversample) + 3) / 4 * 4;
    e3tp_grid_fold(s);
    if (p->allow_aliasing || e3tp_grid_is_exact(s))
        return true;
    e3tp_fail(why, E3TP_E_UNSUPPORTED,
              "grid: %d x %d samples are not exact for degrees that sum to %d, which take at least "
              "%d x %d; aliasing is not allowed",
              s->n_theta, s->n_phi, s->sum, s->least_theta, s->least_phi);
    return false;
}

/* Samples that the reflections of a circle make of folded sample j, at phi = turn pi / n_phi. */
static int images_of(const e3tp_grid_shape *s, int turn)
{
    const int all = s->quarter ? 4 : 2;
    const bool mirrored = turn == 0 || all * turn == 2 * s->n_phi;
    return s->apart ? 1 : mirrored ? all / 2 : all;
}

/* The axis is y, azimuths go from z towards x. */
static void set_octant(e3tp_grid_nodes *n, const e3tp_grid_shape *s)
{
    e3tp_so3_octant o;
    e3tp_so3_lebedev_octant(s->n_theta, &o);
    for (int i = 0; i < o.n; i++) {
        n->x[i] = o.xyz[i][1];
        n->phi[i] = atan2(o.xyz[i][0], o.xyz[i][2]);
        n->ring_weight[i] = 2 * o.w[i];
        n->point_weight[i] = 2 * pi;
    }
}

void e3tp_grid_set_nodes(e3tp_grid_nodes *n, const e3tp_grid_shape *s, double *memory)
{
    const int azimuths = e3tp_grid_azimuths(s);
    *n = (e3tp_grid_nodes){memory, memory + s->n_theta, memory + 2 * s->n_theta,
                           memory + 2 * s->n_theta + azimuths};
    if (s->quadrature == E3TP_LEBEDEV) {
        set_octant(n, s);
        return;
    }
    if (s->quadrature == E3TP_GAUSS_LEGENDRE)
        e3tp_so3_gauss_legendre(s->n_theta, n->x, n->ring_weight);
    else
        e3tp_so3_equiangular(s->n_theta, n->x, n->ring_weight);
    for (int i = 0; i < s->rings; i++)
        n->ring_weight[i] *= s->apart || 2 * i + 1 == s->n_theta ? 1 : 2;
    for (int j = 0; j < s->points; j++) {
        const int turn = e3tp_grid_azimuth(s, j);
        n->phi[j] = turn * pi / s->n_phi;
        n->point_weight[j] = 2 * pi / s->n_phi * images_of(s, turn);
    }
}
