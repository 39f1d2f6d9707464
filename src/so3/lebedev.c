/* SPDX-License-Identifier: MIT */
/* Lebedev's rules: the points of an orbit are one of them with its coordinates in any order and
   with any signs. */
#include "so3/lebedev.h"

#include <string.h>

#include "e3tp/so3.h"
#include "so3/lebedev_rules.h"

enum { RULES = sizeof e3tp_lebedev_rules / sizeof *e3tp_lebedev_rules };

/* The first rule that has at least the degree and the points. */
static const e3tp_lebedev_rule *find(int degree, int points)
{
    for (int i = 0; i < RULES; i++)
        if (e3tp_lebedev_rules[i].degree >= degree && e3tp_lebedev_rules[i].points >= points)
            return &e3tp_lebedev_rules[i];
    return NULL;
}

/* Coordinates of o in the order k of six; false where an earlier one gives the same. */
static bool arrange(const e3tp_lebedev_orbit *o, int k, double v[3])
{
    static const int orders[6][3] = {{0, 1, 2}, {1, 2, 0}, {2, 0, 1},
                                     {0, 2, 1}, {1, 0, 2}, {2, 1, 0}};
    const double of[3] = {o->x, o->y, o->z};
    for (int c = 0; c < 3; c++)
        v[c] = of[orders[k][c]];
    for (int j = 0; j < k; j++)
        if (v[0] == of[orders[j][0]] && v[1] == of[orders[j][1]] && v[2] == of[orders[j][2]])
            return false;
    return true;
}

static void set_octant(const e3tp_lebedev_rule *r, e3tp_so3_octant *out)
{
    out->n = 0;
    for (int i = 0; i < r->orbits; i++) {
        const e3tp_lebedev_orbit *o = &e3tp_lebedev_orbits[r->first + i];
        double v[3];
        for (int k = 0; k < 6; k++)
            if (arrange(o, k, v)) {
                memcpy(out->xyz[out->n], v, sizeof v);
                out->w[out->n++] = o->weight;
            }
    }
}

bool e3tp_so3_lebedev_octant(int points, e3tp_so3_octant *o)
{
    const e3tp_lebedev_rule *r = find(0, points);
    if (!r || r->points != points)
        return false;
    set_octant(r, o);
    return true;
}

/* In [8][3] at most; returns their number. */
static int reflect(const double v[3], double (*out)[3])
{
    int n = 0;
    for (int signs = 0; signs < 8; signs++) {
        bool twice = false;
        for (int c = 0; c < 3; c++) {
            const bool minus = signs >> c & 1;
            twice = twice || (minus && v[c] == 0);
            out[n][c] = minus ? -v[c] : v[c];
        }
        n += !twice;
    }
    return n;
}

void e3tp_so3_octant_unfold(const e3tp_so3_octant *o, double *xyz, double *w)
{
    for (int p = 0; p < o->n; p++) {
        double images[8][3];
        const int n = reflect(o->xyz[p], images);
        if (xyz)
            memcpy(xyz, images, (size_t)n * sizeof *images), xyz += 3 * n;
        for (int i = 0; w && i < n; i++)
            *w++ = o->w[p];
    }
}

size_t e3tp_lebedev_count(int degree)
{
    const e3tp_lebedev_rule *r = degree < 0 ? NULL : find(degree, 0);
    return r ? (size_t)r->points : 0;
}

e3tp_status e3tp_lebedev(int degree, double *xyz, double *w)
{
    const e3tp_lebedev_rule *r = find(degree, 0);
    if (degree < 0 || !r)
        return degree < 0 ? E3TP_E_INVALID : E3TP_E_UNSUPPORTED;
    e3tp_so3_octant o;
    set_octant(r, &o);
    e3tp_so3_octant_unfold(&o, xyz, w);
    return E3TP_OK;
}
