/* SPDX-License-Identifier: MIT */
/* A call of every pass: operands and results in double and MUL_IR here, in the plan's layouts and
   element type there. */
#ifndef E3TP_TESTS_PASSES_H
#define E3TP_TESTS_PASSES_H

#include <math.h>
#include <stdbool.h>

#include "suite.h"

/* Operands, tangents; results of forward and backward passes, of double backward and of JVP. */
enum { X, Y, W, GZ, DX, DY, DW, Z, GX, GY, GW, HX, HY, HW, HZ, JZ, ARRAYS, INPUTS = Z };
static const e3tp_operand operand_of[ARRAYS] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z, E3TP_X, E3TP_Y,
                                                E3TP_W, E3TP_Z, E3TP_X, E3TP_Y, E3TP_W, E3TP_X,
                                                E3TP_Y, E3TP_W, E3TP_Z, E3TP_Z};

typedef struct arrays {
    double *a[ARRAYS];
    size_t width[ARRAYS], rows[ARRAYS];
} arrays;

/* A plan, and what it was made with. */
typedef struct passes {
    const e3tp_plan *plan;
    e3tp_dtype dtype;
    e3tp_layout layout[3];
    size_t rows;
    bool one[4]; /* one row of x, y, -, w for all */
} passes;

static inline size_t size_of(const arrays *a, int k)
{
    return a->width[k] * a->rows[k];
}

static inline arrays passes_arrays(const passes *c)
{
    arrays a;
    for (int k = 0; k < ARRAYS; k++) {
        a.width[k] = e3tp_plan_width(c->plan, operand_of[k]);
        a.rows[k] = c->one[operand_of[k]] ? 1 : c->rows;
        a.a[k] = calloc(size_of(&a, k) + 1, sizeof(double));
    }
    return a;
}

static inline void free_arrays(arrays *a)
{
    for (int k = 0; k < ARRAYS; k++)
        free(a->a[k]);
}

/* Operands and tangents: numbers of float, so that they are the same in both element types. */
static inline void draw(arrays *a)
{
    for (int k = 0; k < INPUTS; k++) {
        float *drawn = random_floats(size_of(a, k), (unsigned)k + 1);
        for (size_t i = 0; i < size_of(a, k); i++)
            a->a[k][i] = (double)drawn[i];
        free(drawn);
    }
}

/* To the plan's layout and element type, or back. */
static inline void convert(const passes *c, const arrays *a, int k, bool back, void *memory)
{
    enum { MOST_BLOCKS = 80 };
    const size_t n = size_of(a, k), es = c->dtype == E3TP_F64 ? sizeof(double) : sizeof(float);
    e3tp_irrep list[MOST_BLOCKS];
    const bool weights = operand_of[k] == E3TP_W;
    const e3tp_layout own = weights ? E3TP_MUL_IR : c->layout[operand_of[k]];
    const size_t blocks = weights ? 0 : e3tp_plan_irreps(c->plan, operand_of[k], list, MOST_BLOCKS);
    ck_assert_uint_le(blocks, MOST_BLOCKS);
    void *flat = malloc((n + 1) * es);
    for (size_t i = 0; i < n && !back; i++)
        if (c->dtype == E3TP_F64)
            ((double *)flat)[i] = a->a[k][i];
        else
            ((float *)flat)[i] = (float)a->a[k][i];
    if (weights)
        memcpy(back ? flat : memory, back ? memory : flat, n * es);
    else
        ck_assert_int_eq(e3tp_convert(c->dtype, list, blocks, a->rows[k], back ? own : E3TP_MUL_IR,
                                      back ? memory : flat, E3TP_PACKED, back ? E3TP_MUL_IR : own,
                                      back ? flat : memory, E3TP_PACKED),
                         E3TP_OK);
    for (size_t i = 0; i < n && back; i++)
        a->a[k][i] = c->dtype == E3TP_F64 ? ((double *)flat)[i] : (double)((float *)flat)[i];
    free(flat);
}

/* All passes; results, which begin as NaN, to a, whose inputs are there. */
static inline void passes_run(const passes *c, const arrays *a)
{
    void *m[ARRAYS];
    for (int k = 0; k < ARRAYS; k++) {
        m[k] = malloc((size_of(a, k) + 1) * sizeof(double));
        memset(m[k], 0xff, (size_of(a, k) + 1) * sizeof(double));
        if (k < INPUTS)
            convert(c, a, k, false, m[k]);
    }
    e3tp_buffers b = e3tp_buffers_init(c->rows);
    b.x = m[X], b.y = m[Y], b.w = m[W], b.z = m[Z];
    if (c->one[E3TP_X])
        b.stride_x = 0;
    if (c->one[E3TP_Y])
        b.stride_y = 0;
    ck_assert_int_eq(e3tp_forward(c->plan, &b), E3TP_OK);
    b.gz = m[GZ], b.gx = m[GX], b.gy = m[GY], b.gw = m[GW];
    ck_assert_int_eq(e3tp_backward(c->plan, &b), E3TP_OK);
    b.ggx = m[DX], b.ggy = m[DY], b.ggw = m[DW];
    b.hz = m[JZ];
    ck_assert_int_eq(e3tp_jvp(c->plan, &b), E3TP_OK);
    b.hx = m[HX], b.hy = m[HY], b.hw = m[HW], b.hz = m[HZ];
    ck_assert_int_eq(e3tp_double_backward(c->plan, &b), E3TP_OK);
    for (int k = 0; k < ARRAYS; k++) {
        if (k >= INPUTS)
            convert(c, a, k, true, m[k]);
        free(m[k]);
    }
}

static inline double largest(const double *a, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(a[i]));
    return most;
}

#endif
