/* SPDX-License-Identifier: MIT */
/* Convolutions that make harmonics and weights in the cache: memory that runs out, forces, misuse.
 */
#include "made_checks.h"

/* ---- memory that runs out: nothing is lost, and with enough the pass succeeds ---- */

static e3tp_conv *conv_in_scarcity(const world *o)
{
    e3tp_conv *c = NULL;
    const e3tp_conv_desc d = desc_of(o);
    const long live = memory.live;
    e3tp_status s = E3TP_E_NOMEM;
    for (long k = 0; s == E3TP_E_NOMEM; k++) {
        memory.left = k;
        s = e3tp_conv_create(&c, o->plan, &d, NULL, 0);
        ck_assert(s == E3TP_OK || (!c && memory.live == live));
    }
    ck_assert_int_eq(s, E3TP_OK);
    return c;
}

START_TEST(no_memory)
{
    world o = world_of(&settings[_i], E3TP_F64, 1, false);
    operands p = random_operands(&o), t = directions(&o);
    outcome r = empty_outcome(&o);
    e3tp_conv *c = conv_in_scarcity(&o);
    void *in[OPERANDS], *tangent[OPERANDS], *out[OPERANDS];
    for (int pass = 0; pass < 4; pass++) {
        e3tp_status s = E3TP_E_NOMEM;
        for (int k = 0; k < OPERANDS; k++) {
            in[k] = o.size[k] ? p.of[k] : NULL;
            tangent[k] = o.size[k] ? t.of[k] : NULL;
            out[k] = out_size(&o, pass, k) ? r.of[pass][k] : NULL;
        }
        const e3tp_conv_buffers b = buffers_of(&o, in, tangent, out, pass);
        const long live = memory.live;
        long k = 0;
        for (; s == E3TP_E_NOMEM; k++) {
            memory.left = k;
            s = calls[pass](c, o.graph, &b);
            ck_assert_int_eq(memory.live, live);
        }
        ck_assert(s == E3TP_OK && k > 1);
    }
    memory.left = -1;
    e3tp_conv_destroy(c);
    free_outcome(&r);
    free_operands(&p), free_operands(&t);
    free_world(&o);
    ck_assert_int_eq(memory.live, 0);
}
END_TEST

/* ---- forces of edge gradients ---- */

static void add_forces(const world *o, const double *v, const double *gv, double *f, double *strain)
{
    for (int e = 0; e < EDGES; e++)
        for (int d = 0; d < 3; d++) {
            f[3 * o->receivers[e] + d] += gv[3 * e + d];
            f[3 * o->senders[e] + d] -= gv[3 * e + d];
            for (int c = 0; c < 3; c++)
                strain[3 * d + c] += v[3 * e + d] * gv[3 * e + c];
        }
}

START_TEST(forces)
{
    world o = world_of(&settings[1], _i ? E3TP_F64 : E3TP_F32, 1, false);
    double *v = numbers(3 * EDGES), *gv = numbers(3 * EDGES), f[3 * SENDERS] = {0}, strain[9] = {0},
           found[9], got[3 * SENDERS];
    add_forces(&o, v, gv, f, strain);
    void *sv = stored(&o, v, 3 * EDGES), *sg = stored(&o, gv, 3 * EDGES),
         *sf = stored(&o, f, 3 * SENDERS);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, sv, sg, sf, found), E3TP_OK);
    widen(&o, sf, 3 * SENDERS, got);
    for (int i = 0; i < 3 * SENDERS; i++)
        ck_assert_double_eq_tol(got[i], f[i], _i ? 1e-13 : 1e-5);
    for (int i = 0; i < 9; i++)
        ck_assert_double_eq_tol(found[i], strain[i], _i ? 1e-12 : 1e-5);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, NULL, sg, sf, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, sv, sg, NULL, found), E3TP_OK);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, NULL, NULL, NULL, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, sv, NULL, sf, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, NULL, sg, sf, found), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, sv, NULL, sf, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_forces(NULL, o.dtype, sv, sg, sf, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, sv, sg, sg, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, o.dtype, sv, sg, sf, sf), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_graph_forces(o.graph, (e3tp_dtype)7, sv, sg, sf, NULL), E3TP_E_INVALID);
    release_arrays();
    free(v), free(gv);
    free_world(&o);
}
END_TEST

/* ---- misuse ---- */

static void refused(const world *o, const e3tp_conv_desc *d, const char *word)
{
    e3tp_conv *c;
    char text[300] = "";
    ck_assert_int_eq(e3tp_conv_create(&c, o->plan, d, text, sizeof text), E3TP_E_INVALID);
    ck_assert_ptr_null(c);
    ck_assert_msg(strstr(text, word) != NULL, "\"%s\" without \"%s\"", text, word);
}

START_TEST(misuse_of_makers)
{
    world o = world_of(&settings[1], E3TP_F64, 1, false),
          f = world_of(&settings[1], E3TP_F32, 1, 0);
    e3tp_conv_desc d = desc_of(&o);
    d.w = E3TP_AT_EDGE, refused(&o, &d, "shared or the type's");
    d = desc_of(&o), d.activations = 3, refused(&o, &d, "2 ways");
    d = desc_of(&o), d.y = E3TP_AT_SENDER, refused(&o, &d, "at the edge");
    d = desc_of(&o), d.sh = f.sh, refused(&o, &d, "sh: its type");
    d = desc_of(&o), d.spline = f.spline, refused(&o, &d, "spline: its type");
    d = desc_of(&o), d.spline = NULL, d.radial = f.radial, refused(&o, &d, "radial: its type");
    d = desc_of(&f), d.w_stored = E3TP_STORED_BF16, refused(&f, &d, "whole");
    world narrow = world_of(&settings[2], E3TP_F64, 1, false);
    d = desc_of(&o), d.spline = narrow.spline, refused(&o, &d, "spline: its width");
    static const int ls[] = {0, 1};
    e3tp_sh_desc h = e3tp_sh_desc_init(ls, 2, 1, E3TP_SH_COMPONENT);
    e3tp_sh *less, *turned;
    h.dtype = E3TP_F64;
    ck_assert_int_eq(e3tp_sh_create(&less, &h, NULL, 0), E3TP_OK);
    h.layout = E3TP_BATCH_LAST;
    ck_assert_int_eq(e3tp_sh_create(&turned, &h, NULL, 0), E3TP_OK);
    d = desc_of(&o), d.sh = less, refused(&o, &d, "sh: its width");
    d.sh = turned, refused(&o, &d, "BATCH_LAST");
    e3tp_sh_destroy(less), e3tp_sh_destroy(turned);
    free_world(&narrow), free_world(&o), free_world(&f);
}
END_TEST

static void no_weights(void *ctx, const int64_t *edges, size_t n, void *w)
{
    (void)ctx, (void)edges, (void)n, (void)w;
}

START_TEST(misuse_of_buffers)
{
    world o = world_of(&settings[1], E3TP_F64, 1, false);
    operands p = random_operands(&o), t = directions(&o);
    outcome r = empty_outcome(&o);
    e3tp_conv *c = conv_of(&o);
    void *in[OPERANDS], *no[OPERANDS] = {NULL}, *out[OPERANDS], *work = aligned_alloc(64, 1 << 24);
    for (int k = 0; k < OPERANDS; k++) {
        in[k] = o.size[k] ? p.of[k] : NULL;
        out[k] = o.size[k] && k != Z ? r.of[E3TP_BACKWARD][k] : NULL;
    }
    struct {
        e3tp_conv_buffers b;
        const char *word;
    } bad[] = {{.word = "v is NULL"},      {.word = "w is NULL"},     {.word = "y: expected NULL"},
               {.word = "gy: expected"},   {.word = "ga: expected"},  {.word = "make_weights"},
               {.word = "gw overlaps gv"}, {.word = "gv overlaps v"}, {.word = "aligned"},
               {.word = "work overlaps x"}};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        bad[i].b = buffers_of(&o, in, no, out, E3TP_BACKWARD);
    bad[0].b.v = NULL;
    bad[1].b.w = NULL;
    bad[2].b.y = t.of[X];
    bad[3].b.gy = t.of[X];
    bad[4].b.ga = t.of[X];
    bad[5].b.make_weights = no_weights;
    bad[6].b.gv = bad[6].b.gw;
    bad[7].b.gv = p.of[V];
    bad[8].b.work = (char *)work + 8;
    bad[9].b.work = work, bad[9].b.x = work;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char text[300] = "";
        ck_assert_int_eq(
            e3tp_conv_buffers_check(c, E3TP_BACKWARD, o.graph, &bad[i].b, text, sizeof text),
            E3TP_E_INVALID);
        ck_assert_int_eq(e3tp_conv_backward(c, o.graph, &bad[i].b), E3TP_E_INVALID);
        const bool said = strstr(text, bad[i].word) || (i == 6 && strstr(text, "gv overlaps gw"));
        ck_assert_msg(said, "\"%s\" without \"%s\"", text, bad[i].word);
    }
    e3tp_conv_destroy(c);
    free(work);
    free_outcome(&r);
    free_operands(&p), free_operands(&t);
    free_world(&o);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *t = tcase_create("made, calls");
    tcase_add_loop_test(t, no_memory, 0, COUNT_OF(settings));
    tcase_add_loop_test(t, forces, 0, 2);
    tcase_add_test(t, misuse_of_makers);
    tcase_add_test(t, misuse_of_buffers);
    return run_tests(t, "made, calls", CK_NOFORK); /* a forked child is serial by design */
}
