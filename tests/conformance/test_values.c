/* SPDX-License-Identifier: MIT */
/* Forward values against the definition, written out over dense W in double: modes, layouts,
   multiplicities, weights, strides, both reals. argv[1] is the tier. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "e3tp/e3tp.h"
#include "ensure.h"

enum { ROWS = 7 };

static e3tp_isa tier;

typedef struct operand {
    e3tp_irrep ir[2];
    size_t width;
    e3tp_layout layout;
    double *v; /* [ROWS][width], mul_ir */
} operand;

static double draw(void)
{
    static unsigned state = 11;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 23) - 1;
}

static operand make(uint32_t mul, int l0, int l1, e3tp_layout layout)
{
    operand o = {{{mul, (uint16_t)l0, 1}, {mul, (uint16_t)l1, 1}}, 0, layout, NULL};
    o.width = e3tp_irreps_dim(o.ir, 2);
    o.v = malloc(ROWS * o.width * sizeof(double) + 1);
    for (size_t i = 0; i < ROWS * o.width; i++)
        o.v[i] = draw();
    return o;
}

static size_t offset(const operand *o, int block)
{
    return block ? (2 * (size_t)o->ir[0].l + 1) * o->ir[0].mul : 0;
}

/* Place of (row, block, u, m) in the operand's own layout. */
static size_t place(const operand *o, size_t row, int block, size_t u, size_t m)
{
    const size_t d = 2 * (size_t)o->ir[block].l + 1, mul = o->ir[block].mul, at = offset(o, block);
    if (o->layout == E3TP_BATCH_LAST)
        return (at + m * mul + u) * ROWS + row;
    return row * o->width + at + (o->layout == E3TP_MUL_IR ? u * d + m : m * mul + u);
}

static double get(const operand *o, size_t row, int block, size_t u, size_t m)
{
    return o->v[row * o->width + offset(o, block) + u * (2 * (size_t)o->ir[block].l + 1) + m];
}

/* The operand in its layout, as float or double. */
static void *lay_out(const operand *o, e3tp_dtype t)
{
    double *d = calloc(ROWS * o->width + 1, sizeof(double));
    for (int b = 0; b < 2; b++)
        for (size_t r = 0; r < ROWS; r++)
            for (size_t u = 0; u < o->ir[b].mul; u++)
                for (size_t m = 0; m < 2 * (size_t)o->ir[b].l + 1; m++) {
                    const size_t at = place(o, r, b, u, m);
                    if (t == E3TP_F64)
                        d[at] = get(o, r, b, u, m);
                    else
                        ((float *)d)[at] = (float)get(o, r, b, u, m);
                }
    return d;
}

static void add_path(const operand *x, const operand *y, operand *z, int i, int j, int o,
                     e3tp_mode mode, double c, const double *w, size_t ws)
{
    static double W[25 * 25 * 49];
    const size_t n1 = 2 * (size_t)x->ir[i].l + 1, n2 = 2 * (size_t)y->ir[j].l + 1,
                 n3 = 2 * (size_t)z->ir[o].l + 1;
    const size_t m2 = y->ir[j].mul, mo = z->ir[o].mul;
    ck_assert_int_eq(e3tp_wigner_3j(x->ir[i].l, y->ir[j].l, z->ir[o].l, E3TP_SIGN_E3NN, W),
                     E3TP_OK);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t u = 0; u < x->ir[i].mul; u++)
            for (size_t v = mode == E3TP_UUU ? u : 0; v < (mode == E3TP_UUU ? u + 1 : m2); v++)
                for (size_t t = mode == E3TP_UVW ? 0 : u; t < (mode == E3TP_UVW ? mo : u + 1);
                     t++) {
                    const size_t at = mode == E3TP_UUU   ? u
                                      : mode == E3TP_UVU ? u * m2 + v
                                                         : (u * m2 + v) * mo + t;
                    for (size_t k = 0; k < n3; k++) {
                        double s = 0;
                        for (size_t a = 0; a < n1; a++)
                            for (size_t b = 0; b < n2; b++)
                                s += W[(a * n2 + b) * n3 + k] * get(x, r, i, u, a) *
                                     get(y, r, j, v, b);
                        z->v[r * z->width + offset(z, o) + t * n3 + k] += c * w[r * ws + at] * s;
                    }
                }
}

static void check_case(e3tp_mode mode, uint32_t mul, int lmax, int lout, e3tp_dtype t, int variant)
{
    static const e3tp_layout layouts[] = {E3TP_MUL_IR, E3TP_IR_MUL, E3TP_BATCH_LAST};
    const e3tp_weights kind = variant % 2 ? E3TP_WEIGHTS_SHARED : E3TP_WEIGHTS_ROW;
    operand x = make(mul, lmax - 1, lmax, layouts[variant % 3]);
    operand y = make(mode == E3TP_UUU   ? mul
                     : mode == E3TP_UVU ? 2
                                        : 3,
                     lmax, lmax > 1 ? 1 : 0, layouts[(variant + 1) % 3]);
    operand z =
        make(mode == E3TP_UVW ? 5 : mul, lmax > 1 ? 2 : 1, lout, layouts[(variant / 2) % 3]);
    e3tp_desc *d;
    e3tp_plan *p;
    e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT);
    operand *const all[3] = {&x, &y, &z};
    for (int k = 0; k < 3; k++) {
        e3tp_desc_set_irreps(d, (e3tp_operand)k, all[k]->ir, 2);
        e3tp_desc_set_layout(d, (e3tp_operand)k, all[k]->layout);
    }
    int paths[8][3], n = 0;
    for (int i = 0; i < 8; i++) {
        const int a = i / 4, b = i / 2 % 2, o = i % 2, l = z.ir[o].l;
        if (l < abs(x.ir[a].l - y.ir[b].l) || l > x.ir[a].l + y.ir[b].l)
            continue;
        paths[n][0] = a, paths[n][1] = b, paths[n++][2] = o;
        const e3tp_path q = e3tp_path_init((uint32_t)a, (uint32_t)b, (uint32_t)o, mode, 1);
        e3tp_desc_add_path(d, &q);
    }
    e3tp_desc_set_weights(d, kind);
    e3tp_desc_set_dtype(d, t);
    e3tp_desc_set_isa(d, tier);
    const e3tp_status s = e3tp_plan_create(&p, d);
    ck_assert_msg(s == E3TP_OK, "%s", e3tp_desc_message(d));
    const size_t nw = e3tp_plan_width(p, E3TP_W), ws = kind == E3TP_WEIGHTS_ROW ? nw : 0;
    double *w = malloc(ROWS * nw * sizeof *w + 1);
    void *w_in = malloc(ROWS * nw * sizeof *w + 1);
    for (size_t i = 0; i < ROWS * nw; i++) {
        w[i] = draw();
        if (t == E3TP_F64)
            ((double *)w_in)[i] = w[i];
        else
            ((float *)w_in)[i] = (float)w[i];
    }
    memset(z.v, 0, ROWS * z.width * sizeof *z.v);
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        const uint32_t mo = z.ir[paths[i][2]].mul, m2 = y.ir[paths[i][1]].mul;
        add_path(&x, &y, &z, paths[i][0], paths[i][1], paths[i][2], mode,
                 e3tp_plan_path_coefficient(p, (size_t)i), w + at, ws);
        at += mode == E3TP_UUU ? mul : mode == E3TP_UVU ? mul * m2 : mul * m2 * mo;
    }
    ck_assert_uint_eq(at, nw);
    void *xi = lay_out(&x, t), *yi = lay_out(&y, t), *expected = lay_out(&z, t),
         *got = calloc(ROWS * z.width + 1, 8);
    e3tp_buffers b = e3tp_buffers_init(ROWS);
    b.x = xi, b.y = yi, b.w = w_in, b.z = got;
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    for (size_t i = 0; i < ROWS * z.width; i++) {
        const double e = t == E3TP_F64 ? ((double *)expected)[i] : ((float *)expected)[i];
        const double g = t == E3TP_F64 ? ((double *)got)[i] : ((float *)got)[i];
        ensure(fabs(g - e) <= (t == E3TP_F64 ? 1e-13 : 5e-5) * (1 + fabs(e)),
               "element %zu: %.17g, expected %.17g", i, g, e);
    }
    void *const mem[] = {xi, yi, expected, got, w, w_in, x.v, y.v, z.v};
    for (size_t i = 0; i < sizeof mem / sizeof *mem; i++)
        free(mem[i]);
    e3tp_plan_destroy(p);
    e3tp_desc_destroy(d);
}

START_TEST(values)
{
    static const e3tp_mode modes[] = {E3TP_UUU, E3TP_UVU, E3TP_UVW};
    static const uint32_t muls[] = {1, 2, 13, 33, 89};
    int checks = 0;
    for (int m = 0; m < 5; m++)
        for (int lmax = 1; lmax <= (muls[m] > 2 ? 3 : 6); lmax++)
            for (int variant = 0; variant < 6; variant++, checks++)
                check_case(modes[_i / 2], muls[m], lmax, lmax, _i % 2 ? E3TP_F64 : E3TP_F32,
                           variant);
    check_case(modes[_i / 2], 2, 12, 24, _i % 2 ? E3TP_F64 : E3TP_F32, _i);
    ck_assert_int_eq(checks, 126);
}
END_TEST

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "generic";
    for (int t = E3TP_ISA_GENERIC; e3tp_isa_name((e3tp_isa)t); t++)
        if (strcmp(e3tp_isa_name((e3tp_isa)t), name) == 0)
            tier = (e3tp_isa)t;
    if (!e3tp_isa_usable(tier))
        return 77;
    Suite *s = suite_create("values");
    TCase *t = tcase_create(name);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, values, 0, 6);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
