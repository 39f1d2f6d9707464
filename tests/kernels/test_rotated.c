/* SPDX-License-Identifier: MIT */
/* The rotated form on one tier, both reals: frames against Wigner D and harmonics, blocks of rows
   against the general form of the tier generic in double. Vectors along all axes, next to the pole,
   tiny, huge and of length 0. */
#include <math.h>
#include <string.h>

#include "api/objects.h"
#include "conv/rotated.h"
#include "e3tp/graph.h"
#include "e3tp/so3.h"
#include "reals.h"
#include "suite.h"

static e3tp_isa isa;

enum { NODES = 4, SENDERS = 6, EDGES = 41, L_MOST = 12, N = 2 * L_MOST + 1 };

static const double special[][3] = {
    {0, 1, 0},     {0, -1, 0},        {1, 0, 0},       {-1, 0, 0},       {0, 0, 1},
    {0, 0, -1},    {1e-9, 1, 0},      {0, -1, 1e-7},   {0, 0, 0},        {3e-20, 1, 0},
    {1e-30, 0, 0}, {0, 2e-25, 1e-25}, {1e25, 0, 3e24}, {2e-3, -5, 1e-3}, {1e-12, 1, 1e-12}};

static unsigned state = 1;

static double draw(void)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) / (double)(1 << 23) - 1;
}

/* n numbers, of single precision, as doubles. */
static double *numbers(size_t n)
{
    double *a = malloc((n + 1) * sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i] = (double)(float)draw();
    return a;
}

/* Where vectors are not to be special ones. */
static bool ordinary_vectors;

static double *vectors(void)
{
    double *v = numbers((size_t)EDGES * 3);
    for (size_t i = 0; ordinary_vectors && i < (size_t)EDGES * 3; i++)
        v[i] += v[i] < 0 ? -0.2 : 0.2;
    for (size_t i = 0; !ordinary_vectors && i < COUNT_OF(special); i++)
        for (int d = 0; d < 3; d++)
            v[6 * i + (size_t)d] = (double)(float)special[i][d];
    return v;
}

static void *stored(e3tp_dtype t, const double *from, size_t n)
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
static void add_paths(e3tp_desc *d, bool weighted)
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

static e3tp_plan *plan_of(const setting *s, e3tp_dtype t, e3tp_isa tier)
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

static e3tp_sh *harmonics_of(const setting *s, e3tp_dtype t, e3tp_isa tier)
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

/* ---- frames ---- */

/* F of degree l, of lines 0, 1, .. l, -1, .. -l, as a matrix of orders -l .. l: A Z(alpha)'. */
static void matrix_of(const e3tp_frame_map *m, e3tp_dtype t, const void *rows, size_t r, int l,
                      double *F)
{
    const size_t row = r * m->width, even = row + m->turn[l], n = (size_t)(2 * l + 1);
    memset(F, 0, n * n * sizeof *F);
    for (int a = -l; a <= l; a++)
        for (int o = a < 0 ? 1 : 0; o <= l; o++) {
            const size_t place = a < 0 ? even + (size_t)((l + 1) * (l + 1) + (-a - 1) * l + o - 1)
                                       : even + (size_t)(a * (l + 1) + o);
            const double A = real_at(t, rows, place),
                         c = real_at(t, rows, row + m->cosines + (size_t)o),
                         s = real_at(t, rows, row + m->sines + (size_t)o);
            double *f = F + (size_t)(a + l) * n + (size_t)l;
            f[a < 0 ? -o : o] += A * c;
            if (o)
                f[a < 0 ? o : -o] += a < 0 ? -A * s : A * s;
        }
}

static double error_of_wigner(e3tp_dtype t, int l, const double *F, const double *v)
{
    const int n = 2 * l + 1;
    const double rho = hypot(v[0], v[2]), length = hypot(rho, v[1]);
    double D[N * N], worst = 0;
    const double near_pole = t == E3TP_F64 ? 1e-140 : 1e-15;
    const double alpha = rho > near_pole * length ? atan2(v[0], v[2]) : 0,
                 beta = length > 0 ? atan2(rho, v[1]) : 0;
    ck_assert_int_eq(e3tp_wigner_D(l, alpha, beta, 0, D), E3TP_OK);
    for (int a = 0; a < n; a++)
        for (int b = 0; b < n; b++)
            worst = fmax(worst, fabs(F[a * n + b] - D[b * n + a]));
    return worst;
}

/* F Y(v) is Y of the pole. */
static double error_of_harmonics(int l, const double *F, const double *v)
{
    const int n = 2 * l + 1;
    const double pole[3] = {0, 1, 0};
    double y[N], y0[N], worst = 0;
    if (v[0] == 0 && v[1] == 0 && v[2] == 0)
        return 0;
    ck_assert_int_eq(e3tp_sh_eval(&l, 1, 1, E3TP_SH_COMPONENT, v, 1, y, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_sh_eval(&l, 1, 1, E3TP_SH_COMPONENT, pole, 1, y0, NULL), E3TP_OK);
    for (int a = 0; a < n; a++) {
        double sum = -y0[a];
        for (int b = 0; b < n; b++)
            sum += F[a * n + b] * y[b];
        worst = fmax(worst, fabs(sum) / sqrt(2 * l + 1));
    }
    return worst;
}

START_TEST(frames)
{
    const e3tp_dtype t = _i ? E3TP_F64 : E3TP_F32;
    const setting top = {"1x12e", "1x12e", 1, E3TP_MUL_IR, 0, E3TP_SIGN_E3NN, E3TP_SH_COMPONENT};
    e3tp_rotated *p;
    e3tp_plan *plan = plan_of(&top, t, isa);
    e3tp_sh *sh = harmonics_of(&top, t, isa);
    double *v = vectors(), F[N * N];
    void *in = stored(t, v, (size_t)EDGES * 3);
    ck_assert_int_eq(
        e3tp_rotated_create(&p, plan->problem, sh, -1, (e3tp_tier)(isa - 1), NULL, NULL), E3TP_OK);
    void *rows = stored(t, NULL, EDGES * p->frames.width);
    void *scratch = stored(t, NULL, e3tp_frame_scratch(&p->frames, 64 / size_of(t)));
    p->kernels->frames(&p->frames, EDGES, in, rows, scratch);
    for (size_t e = 0; e < EDGES; e++)
        for (int l = 0; l <= L_MOST; l++) {
            matrix_of(&p->frames, t, rows, e, l, F);
            const double most = 2 * (l + 1) * eps_of(t), *u = v + 3 * e;
            ck_assert_double_le(error_of_wigner(t, l, F, u), most);
            ck_assert_double_le(error_of_harmonics(l, F, u), most);
        }
    free(v), free(in), free(rows), free(scratch);
    e3tp_rotated_destroy(p);
    e3tp_sh_destroy(sh);
    e3tp_plan_destroy(plan);
}
END_TEST

/* ---- blocks of rows ---- */

enum { X, V, W, GZ, MOVED, GGX = MOVED, GGV, GGW, INPUTS };
enum { Z = INPUTS, GX, GV, GW, HX, HV, HW, HZ, JVP, ARRAYS };

typedef struct outcome {
    double *of[ARRAYS];
    size_t size[ARRAYS];
} outcome;

static int32_t receivers[EDGES], senders[EDGES];

static e3tp_graph *graph_of(void)
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

static double length(const double *v)
{
    return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
}

/* Tangents of vectors are of their lengths. */
static void scale_tangents(outcome *o)
{
    for (size_t i = 0; i < o->size[V]; i++) {
        const double size = length(o->of[V] + i / 3 * 3);
        o->of[GGV][i] = (double)(float)(o->of[GGV][i] * (size > 0 ? size : 1));
    }
}

/* Inputs, and room for the results of all passes. */
static outcome inputs_of(const e3tp_plan *p)
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

static void free_outcome(outcome *o)
{
    for (int k = 0; k < ARRAYS; k++)
        free(o->of[k]);
}

/* What AUTO takes: paths summed to high degrees are for the frame, a result for each path is not.
 */
START_TEST(choice)
{
    static const struct {
        setting s;
        const char *form;
    } of[] = {{{"32x0e+32x1o+32x2e+32x3o", "32x0e+32x1o+32x2e+32x3o", 3, E3TP_IR_MUL, 1,
                E3TP_SIGN_E3NN, E3TP_SH_COMPONENT},
               "form rotated"},
              {{"128x0e+128x1o", NULL, 3, E3TP_IR_MUL, 1, E3TP_SIGN_E3NN, E3TP_SH_COMPONENT},
               "form general"},
              {{"1x3o", "1x3o", 4, E3TP_IR_MUL, 1, E3TP_SIGN_E3NN, E3TP_SH_COMPONENT},
               "form general"}, /* of a channel a whole tile is turned, */
              {{"1x0e+1x1o+1x2e+1x3o+1x4e", "1x0e+1x1o+1x2e+1x3o+1x4e", 4, E3TP_IR_MUL, 1,
                E3TP_SIGN_E3NN, E3TP_SH_COMPONENT},
               "form general"}, /* and the general form has no matrices, */
              {{"16x0e", "16x0e", 1, E3TP_IR_MUL, 1, E3TP_SIGN_E3NN, E3TP_SH_COMPONENT},
               "form general"}}; /* and a frame is made for each edge */
    for (size_t i = 0; i < COUNT_OF(of); i++) {
        e3tp_plan *p = plan_of(&of[i].s, E3TP_F32, isa);
        e3tp_sh *sh = harmonics_of(&of[i].s, E3TP_F32, isa);
        e3tp_conv_desc d = e3tp_conv_desc_init(p);
        e3tp_conv *c;
        char text[600];
        d.sh = sh;
        ck_assert_int_eq(e3tp_conv_create(&c, p, &d, NULL, 0), E3TP_OK);
        e3tp_conv_describe(c, text, sizeof text);
        ck_assert_msg(strstr(text, of[i].form) != NULL, "%s", text);
        e3tp_conv_destroy(c);
        e3tp_sh_destroy(sh);
        e3tp_plan_destroy(p);
    }
}
END_TEST

static void run(const e3tp_conv *c, const e3tp_graph *g, e3tp_dtype t, outcome *o)
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

static outcome outcome_of(const setting *s, e3tp_dtype t, e3tp_isa tier, e3tp_conv_form form,
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
static double length_of(const outcome *o, int k, size_t i)
{
    return k == GV || k == HV ? length(o->of[V] + i / 3 * 3) : 1;
}

static void compare(const outcome *got, const outcome *want, double most)
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

static void check_blocks(const setting *s)
{
    outcome want = outcome_of(s, E3TP_F64, E3TP_ISA_GENERIC, E3TP_CONV_GENERAL, -1);
    for (e3tp_dtype t = E3TP_F32; t <= E3TP_F64; t++) {
        outcome got = outcome_of(s, t, isa, E3TP_CONV_ROTATED, -1);
        compare(&got, &want, 4 * (s->lmax + 1) * eps_of(t));
        free_outcome(&got);
    }
    free_outcome(&want);
}

START_TEST(blocks)
{
    check_blocks(&settings[_i]);
}
END_TEST

/* ---- second derivatives with tangents left out, of results by themselves ---- */

/* Numbers of the bits of `given` (GGX, GGV, GGW) are NULL or 0, as `null` has it; of `wanted` (HX,
   HV, HW, HZ) come back, else NAN. */
static outcome some_seconds(const setting *s, e3tp_dtype t, unsigned given, bool null,
                            unsigned wanted)
{
    e3tp_plan *p = plan_of(s, t, isa);
    e3tp_sh *sh = harmonics_of(s, t, isa);
    e3tp_graph *g = graph_of();
    e3tp_conv *c;
    e3tp_conv_desc d = e3tp_conv_desc_init(p);
    d.sh = sh, d.form = E3TP_CONV_ROTATED;
    ck_assert_int_eq(e3tp_conv_create(&c, p, &d, NULL, 0), E3TP_OK);
    outcome o = inputs_of(p);
    void *a[ARRAYS];
    for (int k = 0; k < ARRAYS; k++) {
        a[k] = stored(t, k < INPUTS ? o.of[k] : NULL, o.size[k]);
        for (size_t i = 0; k >= GGX && k < INPUTS && !(given >> (k - GGX) & 1) && i < o.size[k];
             i++)
            real_put(t, a[k], i, 0);
    }
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = a[X], b.v = a[V], b.w = a[W], b.gz = a[GZ];
    const void **tangent[] = {&b.ggx, &b.ggv, &b.ggw};
    void **result[] = {&b.hx, &b.hv, &b.hw, &b.hz};
    for (int k = 0; k < 3; k++)
        *tangent[k] = null && !(given >> k & 1) ? NULL : a[GGX + k];
    for (int k = 0; k < 4; k++)
        *result[k] = wanted >> k & 1 ? a[HX + k] : NULL;
    ck_assert_int_eq(e3tp_conv_double_backward(c, g, &b), E3TP_OK);
    for (int k = HX; k <= HZ; k++)
        for (size_t i = 0; i < o.size[k]; i++)
            o.of[k][i] = real_at(t, a[k], i);
    for (int k = 0; k < ARRAYS; k++)
        free(a[k]);
    e3tp_conv_destroy(c);
    e3tp_graph_destroy(g);
    e3tp_sh_destroy(sh);
    e3tp_plan_destroy(p);
    return o;
}

static void expect_equal(const outcome *got, const outcome *want, int k)
{
    for (size_t i = 0; i < got->size[k]; i++)
        if (got->of[k][i] != want->of[k][i])
            ck_abort_msg("h[%d][%zu] is %.17g, not %.17g", k - HX, i, got->of[k][i],
                         want->of[k][i]);
}

START_TEST(parts)
{
    const setting *s = &settings[_i];
    const e3tp_dtype t = _i % 2 ? E3TP_F64 : E3TP_F32;
    for (unsigned given = 0; given < 8; given++) {
        outcome want = some_seconds(s, t, given, false, 15),
                got = some_seconds(s, t, given, true, 15);
        for (int k = HX; k <= HZ; k++)
            expect_equal(&got, &want, k);
        free_outcome(&got);
        for (int k = HX; k <= HZ; k++) {
            got = some_seconds(s, t, given, true, 1u << (k - HX));
            expect_equal(&got, &want, k);
            free_outcome(&got);
        }
        free_outcome(&want);
    }
}
END_TEST

/* "17x0e+17x1o+.." to degree L, and of the other parity from 1 on. */
static void all_degrees(int L, int channels, bool both, char *text, size_t cap)
{
    size_t used = 0;
    for (int l = 0; l <= L; l++)
        for (int other = 0; other <= (both && l > 0); other++)
            used += (size_t)snprintf(text + used, cap - used, "%s%dx%d%c", used ? "+" : "",
                                     channels, l, l % 2 == other ? 'e' : 'o');
}

/* Every step of it is of a run. */
static void expect_runs(const setting *s)
{
    e3tp_plan *plan = plan_of(s, E3TP_F32, isa);
    e3tp_sh *sh = harmonics_of(s, E3TP_F32, isa);
    e3tp_rotated *p;
    ck_assert_int_eq(
        e3tp_rotated_create(&p, plan->problem, sh, -1, (e3tp_tier)(isa - 1), NULL, NULL), E3TP_OK);
    ck_assert(p->has_runs == (isa != E3TP_ISA_GENERIC));
    for (int back = 0; back < 2; back++)
        for (size_t i = 0; p->has_runs && i < p->nsteps[back]; i += p->steps[back][i].run) {
            ck_assert_uint_gt(p->steps[back][i].run, 0);
            ck_assert_int_eq(p->steps[back][i].top, s->lmax);
        }
    e3tp_rotated_destroy(p);
    e3tp_sh_destroy(sh);
    e3tp_plan_destroy(plan);
}

/* All degrees to L: runs, of as many vectors as go together and of those left. */
START_TEST(runs)
{
    char x[200], z[400];
    for (int channels = 5; channels <= 61; channels += 56) {
        const setting s = {x, z, _i, E3TP_IR_MUL, 1, E3TP_SIGN_E3NN, E3TP_SH_COMPONENT};
        all_degrees(_i, channels, false, x, sizeof x);
        all_degrees(_i, channels, true, z, sizeof z);
        expect_runs(&s);
        check_blocks(&s);
    }
}
END_TEST

/* ---- orders to a largest one: by dense matrices in double ---- */

typedef struct operand {
    e3tp_irrep irreps[16];
    size_t n, at[17]; /* first elements of the blocks */
    bool ir_mul;
} operand;

static operand operand_of(const e3tp_plan *p, e3tp_operand which, e3tp_layout layout)
{
    operand o = {.ir_mul = layout == E3TP_IR_MUL};
    o.n = e3tp_plan_irreps(p, which, o.irreps, 16);
    for (size_t i = 0; i < o.n; i++)
        o.at[i + 1] = o.at[i] + (size_t)o.irreps[i].mul * (2 * (size_t)o.irreps[i].l + 1);
    return o;
}

static size_t element(const operand *o, size_t block, size_t u, size_t m)
{
    const size_t mul = o->irreps[block].mul, d = 2 * (size_t)o->irreps[block].l + 1;
    return o->at[block] + (o->ir_mul ? m * mul + u : u * d + m);
}

/* to += D' from, or back to += D from, block by block, D of the turn that takes the pole to v. */
static void turn_all(const operand *o, const double *v, bool back, const double *from, double *to)
{
    const double alpha = atan2(v[0], v[2]), beta = atan2(hypot(v[0], v[2]), v[1]);
    double D[N * N];
    for (size_t b = 0; b < o->n; b++) {
        const size_t n = 2 * (size_t)o->irreps[b].l + 1;
        ck_assert_int_eq(e3tp_wigner_D(o->irreps[b].l, alpha, beta, 0, D), E3TP_OK);
        for (size_t u = 0; u < o->irreps[b].mul; u++)
            for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < n; k++)
                    to[element(o, b, u, i)] +=
                        D[back ? i * n + k : k * n + i] * from[element(o, b, u, k)];
    }
}

/* q += w c W[m1, 0, m3] u for |m1| = |m3| <= m_max of one path. */
static void couple(const setting *s, const e3tp_plan *p, size_t path, int m_max, const operand *x,
                   const operand *z, const double *w, const double *u, double *q)
{
    static double coupling[N * N * N];
    const double pole[3] = {0, 1, 0};
    double y[N];
    uint32_t b[3];
    ck_assert_int_eq(e3tp_plan_path_blocks(p, path, b), E3TP_OK);
    const int l1 = x->irreps[b[0]].l, l2 = (int)b[1], l3 = z->irreps[b[2]].l;
    ck_assert_int_eq(e3tp_wigner_3j(l1, l2, l3, s->sign, coupling), E3TP_OK);
    ck_assert_int_eq(e3tp_sh_eval(&l2, 1, 1, s->norm, pole, 1, y, NULL), E3TP_OK);
    for (int m1 = -l1; m1 <= l1; m1++)
        for (int m3 = -l3; m3 <= l3; m3++) {
            const size_t i = (size_t)(m1 + l1), k = (size_t)(m3 + l3);
            const double c =
                e3tp_plan_path_coefficient(p, path) * y[l2] *
                coupling[(i * (2 * (size_t)l2 + 1) + (size_t)l2) * (2 * (size_t)l3 + 1) + k];
            for (size_t c1 = 0; c1 < x->irreps[b[0]].mul && abs(m1) <= m_max; c1++)
                q[element(z, b[2], c1, k)] += w[c1] * c * u[element(x, b[0], c1, i)];
        }
}

static void add_edge(const setting *s, const e3tp_plan *p, int m_max, const outcome *o, size_t e,
                     double *z)
{
    const operand x = operand_of(p, E3TP_X, s->layout), to = operand_of(p, E3TP_Z, s->layout);
    double *u = calloc(x.at[x.n], sizeof *u), *q = calloc(to.at[to.n], sizeof *q);
    const double *v = o->of[V] + 3 * e,
                 *w = o->of[W] + (s->weights == 2 ? 0 : e * e3tp_plan_width(p, E3TP_W));
    turn_all(&x, v, false, o->of[X] + (size_t)senders[e] * x.at[x.n], u);
    for (size_t i = 0; i < e3tp_plan_num_paths(p); i++) {
        uint32_t b[3];
        ck_assert_int_eq(e3tp_plan_path_blocks(p, i, b), E3TP_OK);
        couple(s, p, i, m_max, &x, &to, w, u, q);
        w += x.irreps[b[0]].mul;
    }
    turn_all(&to, v, true, q, z + (size_t)receivers[e] * to.at[to.n]);
    free(u), free(q);
}

/* Only of vectors that are not 0. */
static double *dense_result(const setting *s, int m_max, const outcome *o)
{
    e3tp_plan *p = plan_of(s, E3TP_F64, E3TP_ISA_GENERIC);
    double *z = calloc(o->size[Z] + 1, sizeof *z);
    for (size_t e = 0; e < EDGES; e++)
        add_edge(s, p, m_max, o, e, z);
    e3tp_plan_destroy(p);
    return z;
}

static double sum_of(const outcome *o, int a, const double *b)
{
    return dot(o->of[a], b, o->size[a]);
}

/* sum over operands of arrays from a on with those from b on of another. */
static double paired(const outcome *o, int a, const outcome *p, int b)
{
    return sum_of(o, a, p->of[b]) + sum_of(o, a + 1, p->of[b + 1]) + sum_of(o, a + 2, p->of[b + 2]);
}

static outcome moved_outcome(const setting *s, int m_max, const outcome *d, double h)
{
    moved_along = d, step = h;
    outcome o = outcome_of(s, E3TP_F64, isa, E3TP_CONV_AUTO, m_max);
    moved_along = NULL;
    return o;
}

/* Of sum(gz z), and of the sum of tangents with gradients, along d; of fourth order in the step. */
static void slopes_of(const setting *s, int m_max, const outcome *d, double slope[2])
{
    static const double factor[] = {1, -8, 8, -1};
    const double h = 3e-4;
    slope[0] = slope[1] = 0;
    for (int i = 0; i < 4; i++) {
        outcome o = moved_outcome(s, m_max, d, (i < 2 ? i - 2 : i - 1) * h);
        slope[0] += factor[i] * sum_of(&o, GZ, o.of[Z]) / (12 * h);
        slope[1] += factor[i] * paired(&o, GGX, &o, GX) / (12 * h);
        free_outcome(&o);
    }
}

static const struct {
    int setting, m_max;
} cut[] = {{0, 0}, {0, 1}, {0, 2}, {1, 1}, {4, 1}, {6, 2}, {6, 4}, {7, 3}, {0, 3}};

/* z against dense matrices; gx and gw by the linearity of sum(gz z). */
START_TEST(largest_order)
{
    const setting *s = &settings[cut[_i].setting];
    const int m_max = cut[_i].m_max;
    ordinary_vectors = true;
    outcome o = outcome_of(s, E3TP_F64, isa, E3TP_CONV_AUTO, m_max),
            f = outcome_of(s, E3TP_F32, isa, E3TP_CONV_ROTATED, m_max);
    double *z = dense_result(s, m_max, &o), size = 0;
    for (size_t i = 0; i < o.size[Z]; i++)
        size = fmax(size, fabs(z[i]));
    for (size_t i = 0; i < o.size[Z]; i++)
        if (!(fabs(o.of[Z][i] - z[i]) <= 1e-13 * size))
            ck_abort_msg("z[%zu] is %.17g, not %.17g", i, o.of[Z][i], z[i]);
    compare(&f, &o, 4 * (s->lmax + 1) * eps_of(E3TP_F32));
    const double energy = sum_of(&o, GZ, o.of[Z]);
    ck_assert_double_le(fabs(sum_of(&o, X, o.of[GX]) - energy), 1e-10 * size * (double)o.size[Z]);
    ck_assert_double_le(fabs(sum_of(&o, W, o.of[GW]) - energy), 1e-10 * size * (double)o.size[Z]);
    ordinary_vectors = false;
    free(z);
    free_outcome(&o), free_outcome(&f);
}
END_TEST

/* Gradients are slopes, and second derivatives slopes of gradients; these are symmetric; the JVP is
   the transpose of backward. */
START_TEST(largest_order_slopes)
{
    const setting *s = &settings[cut[_i].setting];
    const int m_max = cut[_i].m_max;
    ordinary_vectors = true;
    outcome o = outcome_of(s, E3TP_F64, isa, E3TP_CONV_AUTO, m_max);
    tangents = 77;
    outcome d = outcome_of(s, E3TP_F64, isa, E3TP_CONV_AUTO, m_max);
    tangents = 9;
    for (int k = X; k <= W; k++)
        memcpy(d.of[k], d.of[GGX + k], d.size[k] * sizeof(double));
    double slope[2];
    slopes_of(s, m_max, &d, slope);
    const double first = paired(&d, X, &o, GX) + sum_of(&o, GZ, o.of[Z]),
                 second = paired(&d, X, &o, HX) + sum_of(&o, GZ, o.of[HZ]);
    ck_assert_double_le(fabs(slope[0] - first), 1e-8 * fabs(first));
    ck_assert_double_le(fabs(slope[1] - second), 1e-8 * fabs(second));
    const double along_d = paired(&d, X, &o, HX), along_o = paired(&o, GGX, &d, HX);
    ck_assert_double_le(fabs(along_d - along_o), 1e-11 * fabs(along_d));
    const double jvp = sum_of(&o, GZ, o.of[JVP]), back = paired(&o, GGX, &o, GX);
    ck_assert_double_le(fabs(jvp - back), 1e-11 * fabs(jvp));
    ordinary_vectors = false;
    free_outcome(&o), free_outcome(&d);
}
END_TEST

/* ---- what is not served ---- */

static int order_to_refuse = -1;

static void refused(const e3tp_plan *p, const e3tp_sh *sh, e3tp_conv_form form, e3tp_status status,
                    const char *word)
{
    e3tp_conv *c;
    char text[300] = "";
    e3tp_conv_desc d = e3tp_conv_desc_init(p);
    d.sh = sh, d.form = form, d.m_max = order_to_refuse;
    ck_assert_int_eq(e3tp_conv_create(&c, p, &d, text, sizeof text), status);
    ck_assert_ptr_null(c);
    ck_assert_msg(strstr(text, word) != NULL, "\"%s\" without \"%s\"", text, word);
}

static e3tp_plan *plan_of_path(const char *x, const char *y, const char *z, e3tp_mode mode)
{
    e3tp_desc *d;
    e3tp_plan *p;
    const e3tp_path path = e3tp_path_init(0, 0, 0, mode, 1);
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
    e3tp_desc_set_irreps_text(d, E3TP_X, x);
    e3tp_desc_set_irreps_text(d, E3TP_Y, y);
    e3tp_desc_set_irreps_text(d, E3TP_Z, z);
    e3tp_desc_add_path(d, &path);
    e3tp_desc_set_weights(d, E3TP_WEIGHTS_ROW);
    ck_assert_msg(e3tp_plan_create(&p, d) == E3TP_OK, "%s", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

START_TEST(refusals)
{
    static const struct {
        const char *x, *y, *z;
        e3tp_mode mode;
        size_t n;
        int l, normalize;
        const char *word;
    } of[] = {{"8x1o", "1x1o", "8x2e", E3TP_UVW, 1, 1, 1, "uvu"},
              {"8x1o", "3x0e", "8x1o", E3TP_UVU, 3, 0, 1, "channel"},
              {"8x1o", "1x1o", "8x2e", E3TP_UVU, 1, 1, 0, "normalised"},
              {"8x12e", "1x1o", "8x13o", E3TP_UVU, 1, 1, 1, "exceed"}};
    for (size_t i = 0; i < COUNT_OF(of); i++) {
        e3tp_plan *p = plan_of_path(of[i].x, of[i].y, of[i].z, of[i].mode);
        e3tp_sh *sh;
        const int ls[] = {of[i].l, of[i].l, of[i].l};
        const e3tp_sh_desc h = e3tp_sh_desc_init(ls, of[i].n, of[i].normalize, E3TP_SH_COMPONENT);
        ck_assert_int_eq(e3tp_sh_create(&sh, &h, NULL, 0), E3TP_OK);
        refused(p, sh, E3TP_CONV_ROTATED, E3TP_E_UNSUPPORTED, of[i].word);
        refused(p, NULL, E3TP_CONV_ROTATED, E3TP_E_UNSUPPORTED, "vectors");
        refused(p, sh, (e3tp_conv_form)3, E3TP_E_INVALID, "form");
        order_to_refuse = 2;
        refused(p, sh, E3TP_CONV_GENERAL, E3TP_E_UNSUPPORTED, "m_max");
        refused(p, sh, E3TP_CONV_AUTO, E3TP_E_UNSUPPORTED, of[i].word);
        order_to_refuse = -2;
        refused(p, sh, E3TP_CONV_AUTO, E3TP_E_INVALID, "m_max");
        order_to_refuse = -1;
        e3tp_sh_destroy(sh);
        e3tp_plan_destroy(p);
    }
    e3tp_plan *p = plan_of_path("8x1o", "3x0e", "8x1o", E3TP_UVU); /* as wide as l = 1 */
    e3tp_sh *sh;
    const int one = 1;
    const e3tp_sh_desc h = e3tp_sh_desc_init(&one, 1, 1, E3TP_SH_COMPONENT);
    ck_assert_int_eq(e3tp_sh_create(&sh, &h, NULL, 0), E3TP_OK);
    refused(p, sh, E3TP_CONV_GENERAL, E3TP_E_INVALID, "degrees");
    e3tp_sh_destroy(sh);
    e3tp_plan_destroy(p);
    ck_assert_uint_eq(e3tp_conv_describe(NULL, NULL, 0), 0);
    ck_assert(e3tp_conv_flops(NULL, E3TP_FORWARD) == 0);
}
END_TEST

int main(int argc, char **argv)
{
    isa = tier_argument(argc, argv);
    TCase *t = tcase_create("rotated");
    tcase_add_loop_test(t, frames, 0, 2);
    tcase_add_loop_test(t, blocks, 0, COUNT_OF(settings));
    tcase_add_loop_test(t, parts, 0, COUNT_OF(settings));
    tcase_add_loop_test(t, runs, 1, E3TP_ROTATED_RUN_TOP + 1);
    tcase_add_loop_test(t, largest_order, 0, COUNT_OF(cut));
    tcase_add_loop_test(t, largest_order_slopes, 0, COUNT_OF(cut));
    tcase_add_test(t, choice);
    tcase_add_test(t, refusals);
    return run_tests(t, "rotated", CK_FORK);
}
