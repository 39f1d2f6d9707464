/* SPDX-License-Identifier: MIT */
/* Powers of functions: cases, their plans, and arrays in the layouts and types of a case with what
   is expected of them. */
#ifndef E3TP_TESTS_POWER_CHECKS_H
#define E3TP_TESTS_POWER_CHECKS_H

#include <math.h>
#include <stdbool.h>

#include "ensure.h"
#include "suite.h"

enum { ROWS = 21, MOST = 13, POWERS = 4 };

static e3tp_isa tier;

static inline double draw(void)
{
    static unsigned state = 31;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 23) - 1;
}

/* ---- cases */

typedef struct power_case {
    int n[2], l[2][MOST]; /* degrees of x and z */
    int power;
    size_t channels;
    e3tp_layout layout[2];
    e3tp_weights weights;
    e3tp_dtype dtype;
    bool one_x; /* one row for the batch */
    int n_theta, n_phi;
    e3tp_quadrature quadrature;
    int aliased;
} power_case;

static const power_case degrees[] = {
    {{1, 1}, {{0}, {0}}, 2, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{4, 3}, {{0, 1, 2, 3}, {0, 1, 2}}, 3, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{3, 7}, {{0, 1, 2}, {0, 1, 2, 3, 4, 5, 6}}, 3, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{2, 3}, {{1, 3}, {0, 2, 5}}, 4, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{2, 4}, {{0, 2}, {1, 2, 4, 9}}, 2, 0, {0}, 0, 0, 0, 0, 0, 0, 0}, /* degrees out of reach */
    {{1, 2}, {{1}, {1, 2}}, 3, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{5, 4}, {{0, 1, 2, 3, 4}, {0, 1, 2, 3}}, 4, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{3, 4}, {{0, 1, 2}, {0, 1, 2, 3}}, 1, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{3, 3}, {{2, 5, 6}, {0, 3, 18}}, 3, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{2, 3}, {{0, 12}, {0, 11, 24}}, 2, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
};

static inline size_t dim_of(const power_case *c, int k)
{
    size_t dim = 0;
    for (int i = 0; i < c->n[k]; i++)
        dim += 2 * (size_t)c->l[k][i] + 1;
    return dim;
}

static inline size_t weights_of(const power_case *c)
{
    return c->weights ? (size_t)(c->power * c->n[1]) * c->channels : 0;
}

static inline e3tp_desc *make_desc(const power_case *c)
{
    e3tp_desc *d;
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_GAUNT_POWER), E3TP_OK);
    e3tp_desc_set_degrees(d, E3TP_X, c->l[0], (size_t)c->n[0]);
    e3tp_desc_set_degrees(d, E3TP_Z, c->l[1], (size_t)c->n[1]);
    e3tp_desc_set_power(d, c->power);
    e3tp_desc_set_channels(d, c->channels);
    e3tp_desc_set_layout(d, E3TP_X, c->layout[0]);
    e3tp_desc_set_layout(d, E3TP_Z, c->layout[1]);
    e3tp_desc_set_weights(d, c->weights);
    e3tp_desc_set_dtype(d, c->dtype);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_grid(d, c->n_theta, c->n_phi, c->quadrature, c->aliased);
    e3tp_desc_set_method(d, c->aliased ? E3TP_METHOD_GRID : E3TP_METHOD_AUTO);
    ck_assert_str_eq(e3tp_desc_message(d), "");
    return d;
}

static inline e3tp_plan *make_plan(const power_case *c)
{
    e3tp_plan *p = plan_from(make_desc(c));
    ck_assert_str_eq(e3tp_plan_method(p), "grid");
    return p;
}

/* ---- arrays as the caller has them */

enum { X, W, GZ, Z, GX, GW, ARRAYS };

typedef struct arrays {
    void *a[ARRAYS];
    double *want[ARRAYS];
    size_t size[ARRAYS];
} arrays;

static inline double get(const power_case *c, const void *a, size_t i)
{
    return c->dtype == E3TP_F64 ? ((const double *)a)[i] : (double)((const float *)a)[i];
}

static inline size_t rows_of(const power_case *c, int k)
{
    if (k == X || k == GX)
        return c->one_x ? 1 : ROWS;
    return (k == W || k == GW) && c->weights != E3TP_WEIGHTS_ROW ? 1 : ROWS;
}

static inline arrays make_arrays(const power_case *c)
{
    arrays s;
    for (int k = 0; k < ARRAYS; k++) {
        const size_t width = k == X || k == GX   ? dim_of(c, 0) * c->channels
                             : k == W || k == GW ? weights_of(c)
                                                 : dim_of(c, 1) * c->channels;
        s.size[k] = rows_of(c, k) * width;
        s.a[k] = malloc(8 * s.size[k] + 8);
        s.want[k] = calloc(s.size[k] + 1, sizeof(double));
        for (size_t i = 0; i < s.size[k]; i++)
            if (c->dtype == E3TP_F64)
                ((double *)s.a[k])[i] = k < Z ? draw() : NAN;
            else
                ((float *)s.a[k])[i] = (float)(k < Z ? draw() : NAN);
    }
    return s;
}

static inline void free_arrays(arrays *s)
{
    for (int k = 0; k < ARRAYS; k++) {
        free(s->a[k]);
        free(s->want[k]);
    }
}

/* Place of component m of degree number i, channel u, row r, of x (k = 0) or z. */
static inline size_t place(const power_case *c, int k, size_t r, size_t u, int i, size_t m)
{
    size_t before = 0;
    for (int j = 0; j < i; j++)
        before += 2 * (size_t)c->l[k][j] + 1;
    const size_t d = 2 * (size_t)c->l[k][i] + 1, C = c->channels;
    const bool one = k == 0 && c->one_x;
    const size_t ir_mul = (before + m) * C + u;
    if (c->layout[k] == E3TP_BATCH_LAST)
        return one ? ir_mul : ir_mul * ROWS + r;
    const size_t row = one ? 0 : r * dim_of(c, k) * C;
    return row + (c->layout[k] == E3TP_MUL_IR ? before * C + u * d + m : ir_mul);
}

static inline size_t weight_place(const power_case *c, size_t r, int n, int i, size_t u)
{
    const size_t at = (size_t)((n - 1) * c->n[1] + i) * c->channels + u;
    return c->weights == E3TP_WEIGHTS_ROW ? r * weights_of(c) + at : at;
}

static inline double weight(const power_case *c, const arrays *s, size_t r, int n, int i, size_t u)
{
    return c->weights ? get(c, s->a[W], weight_place(c, r, n, i, u)) : n == c->power;
}

/* Relative to the largest number: every sample enters every result. */
static inline void compare(const power_case *c, const arrays *s, int k)
{
    double largest = 0;
    for (size_t i = 0; i < s->size[k]; i++)
        largest = fmax(largest, fabs(s->want[k][i]));
    const double tolerance = (c->dtype == E3TP_F64 ? 2e-14 : 8e-6) * (largest + 1e-30);
    for (size_t i = 0; i < s->size[k]; i++)
        ensure(fabs(get(c, s->a[k], i) - s->want[k][i]) <= tolerance,
               "array %d: [%zu] = %.17g, expected %.17g", k, i, get(c, s->a[k], i), s->want[k][i]);
}

static inline e3tp_buffers buffers_of(const power_case *c, const arrays *s)
{
    e3tp_buffers b = e3tp_buffers_init(ROWS);
    b.x = s->a[X], b.w = s->a[W], b.gz = s->a[GZ];
    if (c->one_x)
        b.stride_x = 0;
    return b;
}

#endif
