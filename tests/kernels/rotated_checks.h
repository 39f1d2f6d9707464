/* SPDX-License-Identifier: MIT */
/* Settings of the rotated form, their plans, and outcomes of all passes. Vectors along all axes,
   next to the pole, tiny, huge and of length 0. */
#ifndef E3TP_TESTS_ROTATED_CHECKS_H
#define E3TP_TESTS_ROTATED_CHECKS_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "e3tp/graph.h"
#include "reals.h"
#include "suite.h"

static e3tp_isa isa;

enum { NODES = 4, SENDERS = 6, EDGES = 41, L_MOST = 12, N = 2 * L_MOST + 1 };

static const double special[][3] = {
    {0, 1, 0},     {0, -1, 0},        {1, 0, 0},       {-1, 0, 0},       {0, 0, 1},
    {0, 0, -1},    {1e-9, 1, 0},      {0, -1, 1e-7},   {0, 0, 0},        {3e-20, 1, 0},
    {1e-30, 0, 0}, {0, 2e-25, 1e-25}, {1e25, 0, 3e24}, {2e-3, -5, 1e-3}, {1e-12, 1, 1e-12}};

static unsigned state = 1;

static inline double draw(void)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) / (double)(1 << 23) - 1;
}

/* n numbers, of single precision, as doubles. */
static inline double *numbers(size_t n)
{
    double *a = malloc((n + 1) * sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i] = (double)(float)draw();
    return a;
}

/* Where vectors are not to be special ones. */
static bool ordinary_vectors;

static inline double *vectors(void)
{
    double *v = numbers((size_t)EDGES * 3);
    for (size_t i = 0; ordinary_vectors && i < (size_t)EDGES * 3; i++)
        v[i] += v[i] < 0 ? -0.2 : 0.2;
    for (size_t i = 0; !ordinary_vectors && i < COUNT_OF(special); i++)
        for (int d = 0; d < 3; d++)
            v[6 * i + (size_t)d] = (double)(float)special[i][d];
    return v;
}

static inline void *stored(e3tp_dtype t, const double *from, size_t n)
{
    void *to = aligned_alloc(64, (n * size_of(t) + 127) / 64 * 64);
    for (size_t i = 0; i < n; i++)
        real_put(t, to, i, from ? from[i] : NAN);
    return to;
}

/* ---- plans ---- */

typedef struct setting {
    const char *x, *z; /* z NULL: a block for each path */
    int lmax;          /* of y */
    e3tp_layout layout;
    int weights; /* 0 none, 1 rows, 2 shared, 3 rows by path */
    e3tp_sign sign;
    e3tp_sh_norm norm;
} setting;

static const setting settings[] = {
    {"16x0e+16x1o+16x2e+16x3o", "16x0e+16x1o+16x2e+16x3o", 3, E3TP_IR_MUL, 1, E3TP_SIGN_E3NN,
     E3TP_SH_COMPONENT},
    {"5x0e+5x1o+5x1e+5x2e+5x2o", "5x0e+5x1o+5x1e+5x2e+5x2o+5x3o+5x3e", 3, E3TP_MUL_IR, 1,
     E3TP_SIGN_E3NN, E3TP_SH_COMPONENT},
    {"3x0e+21x1o+16x2e+1x4e+0x1e", NULL, 2, E3TP_MUL_IR, 1, E3TP_SIGN_E3NN_044, E3TP_SH_NORM},
    {"33x2e+33x3e", "33x2e+33x3e+33x3o+33x4o", 4, E3TP_IR_MUL, 0, E3TP_SIGN_E3NN, E3TP_SH_INTEGRAL},
    {"20x0e+20x1o+20x2e", "20x1o+20x1e+20x2o", 3, E3TP_IR_MUL, 2, E3TP_SIGN_E3NN,
     E3TP_SH_COMPONENT},
    {"7x1o+7x2e+7x3o", "7x0e+7x1o+7x2e+7x3o+7x4e", 4, E3TP_MUL_IR, 3, E3TP_SIGN_E3NN,
     E3TP_SH_COMPONENT},
    {"32x6e+32x5o+32x4e", "32x6e+32x6o+32x5o+32x3o+32x0e", 6, E3TP_IR_MUL, 1, E3TP_SIGN_E3NN,
     E3TP_SH_COMPONENT},
    {"4x12e+4x7o+4x8e", "4x12e+4x12o+4x7o+4x7e", 7, E3TP_MUL_IR, 1, E3TP_SIGN_E3NN,
     E3TP_SH_COMPONENT},
    {"9x0e", "9x0e", 0, E3TP_MUL_IR, 1, E3TP_SIGN_E3NN, E3TP_SH_INTEGRAL},
};

/* Every path uvu from x and y to z. */
static inline void add_paths(e3tp_desc *d, bool weighted)
{
    e3tp_irrep x[16], y[16], z[16];
    const size_t n1 = e3tp_desc_irreps(d, E3TP_X, x, 16), n2 = e3tp_desc_irreps(d, E3TP_Y, y, 16),
                 n3 = e3tp_desc_irreps(d, E3TP_Z, z, 16);
    for (uint32_t i = 0; i < n1; i++)
        for (uint32_t k = 0; k < n3; k++)
            for (uint32_t j = 0; j < n2; j++) {
                const e3tp_path p = e3tp_path_init(i, j, k, E3TP_UVU, weighted);
                if (x[i].parity * y[j].parity == z[k].parity && x[i].l + y[j].l >= z[k].l &&
                    abs(x[i].l - y[j].l) <= z[k].l)
                    e3tp_desc_add_path(d, &p);
            }
}

static inline e3tp_plan *plan_of(const setting *s, e3tp_dtype t, e3tp_isa tier)
{
    static const e3tp_weights kinds[] = {E3TP_WEIGHTS_NONE, E3TP_WEIGHTS_ROW, E3TP_WEIGHTS_SHARED,
                                         E3TP_WEIGHTS_ROW};
    e3tp_irrep y[L_MOST + 1];
    e3tp_desc *d;
    e3tp_plan *p;
    for (int l = 0; l <= s->lmax; l++)
        y[l] = (e3tp_irrep){1, (uint16_t)l, l % 2 ? -1 : 1};
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
    e3tp_desc_set_irreps_text(d, E3TP_X, s->x);
    e3tp_desc_set_irreps(d, E3TP_Y, y, (size_t)s->lmax + 1);
    if (s->z) {
        e3tp_desc_set_irreps_text(d, E3TP_Z, s->z);
        add_paths(d, s->weights != 0);
    } else {
        e3tp_desc_set_product(d, E3TP_PRODUCT_CHANNELWISE, NULL, 0);
    }
    e3tp_desc_set_weights(d, kinds[s->weights]);
    if (s->weights == 3)
        e3tp_desc_set_weight_shape(d, E3TP_WEIGHT_BY_PATH);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_layout(d, (e3tp_operand)k, s->layout);
    e3tp_desc_set_sign(d, s->sign);
    e3tp_desc_set_dtype(d, t);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_method(d, E3TP_METHOD_CG);
    ck_assert_msg(e3tp_plan_create(&p, d) == E3TP_OK, "%s", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

static inline e3tp_sh *harmonics_of(const setting *s, e3tp_dtype t, e3tp_isa tier)
{
    int ls[L_MOST + 1];
    e3tp_sh *sh;
    for (int l = 0; l <= s->lmax; l++)
        ls[l] = l;
    e3tp_sh_desc h = e3tp_sh_desc_init(ls, (size_t)s->lmax + 1, 1, s->norm);
    h.dtype = t, h.isa = tier;
    ck_assert_int_eq(e3tp_sh_create(&sh, &h, NULL, 0), E3TP_OK);
    return sh;
}

/* ---- blocks of rows ---- */

enum { X, V, W, GZ, MOVED, GGX = MOVED, GGV, GGW, INPUTS };
enum { Z = INPUTS, GX, GV, GW, HX, HV, HW, HZ, JVP, ARRAYS };

typedef struct outcome {
    double *of[ARRAYS];
    size_t size[ARRAYS];
} outcome;

static int32_t receivers[EDGES], senders[EDGES];

static inline e3tp_graph *graph_of(void)
{
    e3tp_graph *g;
    state = 5;
    for (int e = 0; e < EDGES; e++) {
        receivers[e] = e % 3 ? 2 : (int32_t)((draw() + 1) / 2 * NODES);
        senders[e] = (int32_t)((draw() + 1) / 2 * SENDERS);
    }
    ck_assert_int_eq(
        e3tp_graph_create(&g, E3TP_INT32, receivers, senders, EDGES, NODES, SENDERS, NULL, 0),
        E3TP_OK);
    return g;
}

/* How far x, v, w and gz are moved, along those of another; which tangents are drawn. */
static const outcome *moved_along;
static double step;
static unsigned tangents = 9;

static inline double length(const double *v)
{
    return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
}

/* Tangents of vectors are of their lengths. */
static inline void scale_tangents(outcome *o)
{
    for (size_t i = 0; i < o->size[V]; i++) {
        const double size = length(o->of[V] + i / 3 * 3);
        o->of[GGV][i] = (double)(float)(o->of[GGV][i] * (size > 0 ? size : 1));
    }
}

/* Inputs, and room for the results of all passes. */
static inline outcome inputs_of(const e3tp_plan *p)
{
    outcome o;
    const size_t w = e3tp_plan_width(p, E3TP_W), x = SENDERS * e3tp_plan_width(p, E3TP_X),
                 z = NODES * e3tp_plan_width(p, E3TP_Z), v = (size_t)EDGES * 3,
                 all = e3tp_plan_weights(p) == E3TP_WEIGHTS_SHARED ? w : EDGES * w;
    const size_t size[ARRAYS] = {x, v, all, z, x, v, all, z, x, v, all, x, v, all, z, z};
    memcpy(o.size, size, sizeof size);
    state = 9;
    for (int k = 0; k < ARRAYS; k++) {
        state += k == GGX ? tangents : 0;
        o.of[k] = k == V ? vectors() : numbers(size[k]);
    }
    scale_tangents(&o);
    for (int k = 0; k < MOVED && moved_along; k++)
        for (size_t i = 0; i < size[k]; i++)
            o.of[k][i] += step * moved_along->of[k][i];
    return o;
}

static inline void free_outcome(outcome *o)
{
    for (int k = 0; k < ARRAYS; k++)
        free(o->of[k]);
}

static inline void run(const e3tp_conv *c, const e3tp_graph *g, e3tp_dtype t, outcome *o)
{
    void *a[ARRAYS];
    for (int k = 0; k < ARRAYS; k++)
        a[k] = stored(t, k < INPUTS ? o->of[k] : NULL, o->size[k]);
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = a[X], b.v = a[V], b.w = a[W], b.z = a[Z];
    ck_assert_int_eq(e3tp_conv_forward(c, g, &b), E3TP_OK);
    b.z = NULL, b.gz = a[GZ], b.gx = a[GX], b.gv = a[GV], b.gw = a[GW];
    ck_assert_int_eq(e3tp_conv_backward(c, g, &b), E3TP_OK);
    b.ggx = a[GGX], b.ggv = a[GGV], b.ggw = a[GGW];
    b.hx = a[HX], b.hv = a[HV], b.hw = a[HW], b.hz = a[HZ];
    ck_assert_int_eq(e3tp_conv_double_backward(c, g, &b), E3TP_OK);
    b.hz = a[JVP];
    ck_assert_int_eq(e3tp_conv_jvp(c, g, &b), E3TP_OK);
    for (int k = INPUTS; k < ARRAYS; k++)
        for (size_t i = 0; i < o->size[k]; i++)
            o->of[k][i] = real_at(t, a[k], i);
    for (int k = 0; k < ARRAYS; k++)
        free(a[k]);
}

static inline outcome outcome_of(const setting *s, e3tp_dtype t, e3tp_isa tier, e3tp_conv_form form,
                                 int m_max)
{
    e3tp_plan *p = plan_of(s, t, tier);
    e3tp_sh *sh = harmonics_of(s, t, tier);
    e3tp_graph *g = graph_of();
    e3tp_conv *c;
    char text[600] = "";
    e3tp_conv_desc d = e3tp_conv_desc_init(p);
    d.sh = sh, d.form = form, d.m_max = m_max;
    ck_assert_msg(e3tp_conv_create(&c, p, &d, text, sizeof text) == E3TP_OK, "%s", text);
    ck_assert(e3tp_conv_flops(c, (e3tp_pass)4) == 0);
    e3tp_conv_describe(c, text, sizeof text);
    ck_assert_ptr_nonnull(
        strstr(text, form == E3TP_CONV_GENERAL ? "form general" : "form rotated"));
    outcome o = inputs_of(p);
    run(c, g, t, &o);
    e3tp_conv_destroy(c);
    e3tp_graph_destroy(g);
    e3tp_sh_destroy(sh);
    e3tp_plan_destroy(p);
    return o;
}

/* Gradients by vectors go as the inverse of their length. */
static inline double length_of(const outcome *o, int k, size_t i)
{
    return k == GV || k == HV ? length(o->of[V] + i / 3 * 3) : 1;
}

static inline void compare(const outcome *got, const outcome *want, double most)
{
    static const char *const names[] = {"z", "gx", "gv", "gw", "hx", "hv", "hw", "hz", "jvp"};
    for (int k = INPUTS; k < ARRAYS; k++) {
        double size = 0;
        for (size_t i = 0; i < want->size[k]; i++)
            size = fmax(size, fabs(want->of[k][i] * length_of(want, k, i)));
        ck_assert(size > 0 || want->size[k] == 0 || k == GV || k == HV);
        for (size_t i = 0; i < want->size[k]; i++) {
            const double error = fabs(got->of[k][i] - want->of[k][i]) * length_of(want, k, i);
            if (!(error <= most * size))
                ck_abort_msg("%s[%zu] is %.17g, not %.17g, of size %g", names[k - INPUTS], i,
                             got->of[k][i], want->of[k][i], size);
        }
    }
}

#endif
