/* SPDX-License-Identifier: MIT */
/* Lebedev's rules (e3tp/so3.h) below the API. A rule is known by its number of points. */
#ifndef E3TP_SO3_LEBEDEV_H
#define E3TP_SO3_LEBEDEV_H

#include <stdbool.h>

enum { E3TP_SO3_LEBEDEV_OCTANT = 128 }; /* no rule has more points with x, y, z >= 0 */

/* Points with x, y, z >= 0, and the weight of each of their reflections. */
typedef struct e3tp_so3_octant {
    int n;
    double xyz[E3TP_SO3_LEBEDEV_OCTANT][3], w[E3TP_SO3_LEBEDEV_OCTANT];
} e3tp_so3_octant;

/* False: no rule has so many points. */
bool e3tp_so3_lebedev_octant(int points, e3tp_so3_octant *o);

/* All points of the rule, each with its reflections behind it, as e3tp_lebedev gives them: a minus
   at x in every second one, at y in every second of what is left, at z; none at a zero. */
void e3tp_so3_octant_unfold(const e3tp_so3_octant *o, double *xyz, double *w);

#endif
