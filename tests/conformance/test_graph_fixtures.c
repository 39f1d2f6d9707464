/* SPDX-License-Identifier: MIT */
/* Layers of message passing against e3nn: values, gradients and their gradients over lists of edges
   with every irregularity, in both reals and every form, on one thread and on three. argv: tier,
   file of fixtures. */
#include "e3tp/graph.h"
#include "fixture_checks.h"

enum { MOST = 128, BLOCKS = 8 };

static e3tp_isa tier;
static const char *path;

static e3tp_graph *graph_of(const e3tp_fixture *f)
{
    int64_t receivers[MOST], senders[MOST];
    char text[200] = "";
    e3tp_graph *g;
    ck_assert_uint_le(f->batch, MOST);
    ck_assert(f->receivers.n == f->batch && f->senders.n == f->batch);
    for (size_t e = 0; e < f->batch; e++)
        receivers[e] = (int64_t)f->receivers.v[e], senders[e] = (int64_t)f->senders.v[e];
    ck_assert_msg(e3tp_graph_create(&g, E3TP_INT64, receivers, senders, f->batch, f->nodes,
                                    f->num_senders, text, sizeof text) == E3TP_OK,
                  "%s: %s", f->name, text);
    return g;
}

/* Of the degrees of the plan's y. */
static e3tp_sh *harmonics(const e3tp_plan *p, e3tp_dtype t)
{
    e3tp_irrep list[BLOCKS];
    int ls[BLOCKS];
    const size_t n = e3tp_plan_irreps(p, E3TP_Y, list, BLOCKS);
    e3tp_sh *sh;
    ck_assert_uint_le(n, BLOCKS);
    for (size_t i = 0; i < n; i++)
        ls[i] = list[i].l;
    e3tp_sh_desc d = e3tp_sh_desc_init(ls, n, 1, E3TP_SH_COMPONENT);
    d.dtype = t, d.isa = tier;
    ck_assert_int_eq(e3tp_sh_create(&sh, &d, NULL, 0), E3TP_OK);
    return sh;
}

static void convolve(const e3tp_conv *conv, const e3tp_graph *g, fixture_call *c, const char *form)
{
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = c->m[X], b.w = c->m[W], b.gz = c->m[GZ], b.ggx = c->m[GGX], b.ggw = c->m[GGW];
    b.z = c->m[Z], b.gx = c->m[GX], b.gw = c->m[GW];
    b.hx = c->m[HX], b.hw = c->m[HW], b.hz = c->m[HZ];
    if (c->f->of_vectors)
        b.v = c->m[Y], b.gv = c->m[GY], b.ggv = c->m[GGY], b.hv = c->m[HY];
    else
        b.y = c->m[Y], b.gy = c->m[GY], b.ggy = c->m[GGY], b.hy = c->m[HY];
    ck_assert_int_eq(e3tp_conv_forward(conv, g, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_backward(conv, g, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_conv_double_backward(conv, g, &b), E3TP_OK);
    for (int k = OUTPUTS; k < ARRAYS; k++)
        fixture_compare(c, k, form);
    fixture_spoil(c, HZ);
    ck_assert_int_eq(e3tp_conv_jvp(conv, g, &b), E3TP_OK);
    fixture_compare(c, HZ, form);
}

static void check_form(const e3tp_fixture *f, e3tp_dtype t, const e3tp_plan *p, e3tp_conv_form form)
{
    char text[200] = "";
    e3tp_graph *g = graph_of(f);
    e3tp_sh *sh = f->of_vectors ? harmonics(p, t) : NULL;
    e3tp_conv *conv;
    e3tp_conv_desc d = e3tp_conv_desc_init(p);
    d.scale = f->scale, d.sh = sh, d.form = form;
    ck_assert_msg(e3tp_conv_create(&conv, p, &d, text, sizeof text) == E3TP_OK, "%s: %s", f->name,
                  text);
    fixture_call c = fixture_begin(f, t);
    convolve(conv, g, &c, form == E3TP_CONV_ROTATED ? "rotated" : "general");
    fixture_end(&c);
    e3tp_conv_destroy(conv);
    e3tp_sh_destroy(sh);
    e3tp_graph_destroy(g);
}

/* _i: the type, and whether on three threads. */
START_TEST(e3nn)
{
    const e3tp_dtype t = _i % 2 ? E3TP_F64 : E3TP_F32;
    e3tp_fixture *f;
    const int n = fixture_cases(&f, path);
    int rotated = 0;
    for (int i = 0; i < n; i++) {
        e3tp_plan *p = fixture_plan(&f[i], t, tier, _i / 2 ? 3 : 1);
        check_form(&f[i], t, p, E3TP_CONV_GENERAL);
        if (f[i].of_vectors && f[i].paths[0].mode == E3TP_UVU) {
            check_form(&f[i], t, p, E3TP_CONV_ROTATED);
            rotated++;
        }
        e3tp_plan_destroy(p);
    }
    fixture_free(f, n);
    ck_assert_int_ge(rotated, 2);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    path = argv[argc - 1];
    TCase *t = tcase_create(argv[1]);
    tcase_add_loop_test(t, e3nn, 0, 4);
    return run_tests(t, "graph fixtures", CK_NOFORK); /* a forked child is serial by design */
}
