/* SPDX-License-Identifier: MIT */
/* Products of all paths from degrees 0..L and harmonics 0..L to 0..L, summed, a weight for each
   path and channel that all edges share: in the frame of each edge, frames included, and as any
   other product. What is timed was compared: the two forms with each other, the product with a
   direct evaluation. */
#include "rotated.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "convolution.h"
#include "json.h"
#include "maker.h"
#include "timing.h"
#include "verify.h"

enum { CHANNELS = 128, MOST_DEGREE = 6, FIRST_SLOW = 4, FEW_ROUNDS = 3 };
enum { X, V, W, Z, OPERANDS };
enum { GENERAL, ROTATED, FORMS };
static const char *const form_names[FORMS] = {"general", "rotated"};
static const struct {
    const char *name, *short_name;
    e3tp_pass pass;
} passes[] = {{"forward", "fwd", E3TP_FORWARD},
              {"backward, x, vectors and w", "bwd", E3TP_BACKWARD},
              {"double backward, the same and z", "dbl", E3TP_DOUBLE_BACKWARD}};
enum { PASSES = sizeof passes / sizeof *passes };

typedef struct setup {
    int L;
    e3tp_isa isa;
    bench_material m;
    e3tp_sh *sh;
    e3tp_conv *conv[FORMS];
    size_t size[OPERANDS];
    float *in[OPERANDS], *t[OPERANDS], *out[OPERANDS];
} setup;

/* ---- setting up */

/* Unit cells in each direction: 216 atoms, or 64 where the general form takes 10 us an edge. */
static int cells_of(int L)
{
    return L < FIRST_SLOW ? 3 : 2;
}

static void irreps_text(int L, int channels, char *text, size_t cap)
{
    size_t used = 0;
    for (int l = 0; l <= L; l++)
        used += (size_t)snprintf(text + used, cap - used, "%s%dx%d%c", l ? "+" : "", channels, l,
                                 l % 2 ? 'o' : 'e');
}

static int make_product(setup *s, char *why, size_t cap)
{
    char x[128], y[128], text[512];
    irreps_text(s->L, CHANNELS, x, sizeof x);
    irreps_text(s->L, 1, y, sizeof y);
    snprintf(
        text, sizeof text,
        "op=tp in1=%s in2=%s mode=uvu paths=all sep=0 lmax_out=%d weights=shared layout=ir_mul "
        "batch=16 pass=bwd threads=1 isa=%s",
        x, y, s->L, e3tp_isa_name(s->isa));
    return bench_verified(&s->m.product, text, why, cap);
}

static int make_forms(setup *s, char *why, size_t cap)
{
    int ls[MOST_DEGREE + 1];
    for (int l = 0; l <= s->L; l++)
        ls[l] = l;
    e3tp_sh_desc h = e3tp_sh_desc_init(ls, (size_t)s->L + 1, 1, E3TP_SH_COMPONENT);
    h.threads = 1, h.isa = s->isa;
    if (e3tp_sh_create(&s->sh, &h, why, cap))
        return 0;
    for (int f = 0; f < FORMS; f++) {
        e3tp_conv_desc d = e3tp_conv_desc_init(s->m.product.plan);
        d.sh = s->sh, d.form = f == ROTATED ? E3TP_CONV_ROTATED : E3TP_CONV_GENERAL;
        if (e3tp_conv_create(&s->conv[f], s->m.product.plan, &d, why, cap))
            return 0;
    }
    return 1;
}

static int setup_create(setup *s, int L, e3tp_isa isa, char *why, size_t cap)
{
    bench_crystal *c = &s->m.crystal;
    *s = (setup){.L = L, .isa = isa};
    if (!bench_diamond(c, bench_diamond_a, cells_of(L), BENCH_NEIGHBOURS)) {
        snprintf(why, cap, "no cutoff gives every atom %d neighbours", BENCH_NEIGHBOURS);
        return 0;
    }
    if (!make_product(s, why, cap) || !make_forms(s, why, cap) ||
        e3tp_graph_create(&s->m.graph, E3TP_INT32, c->receiver, c->sender, c->edges, c->atoms,
                          c->atoms, why, cap))
        return 0;
    const e3tp_plan *p = s->m.product.plan;
    s->size[X] = c->atoms * e3tp_plan_width(p, E3TP_X);
    s->size[V] = c->edges * 3;
    s->size[W] = e3tp_plan_width(p, E3TP_W);
    s->size[Z] = c->atoms * e3tp_plan_width(p, E3TP_Z);
    return 1;
}

static void setup_destroy(setup *s)
{
    for (int k = 0; k < OPERANDS; k++)
        free(s->in[k]), free(s->t[k]), free(s->out[k]);
    for (int f = 0; f < FORMS; f++)
        e3tp_conv_destroy(s->conv[f]);
    e3tp_sh_destroy(s->sh);
    bench_material_destroy(&s->m);
}

static int make_arrays(setup *s)
{
    for (int k = 0; k < OPERANDS; k++) {
        s->in[k] = bench_alloc(s->size[k] * sizeof(float));
        s->t[k] = bench_alloc(s->size[k] * sizeof(float));
        s->out[k] = bench_alloc(s->size[k] * sizeof(float));
        if (!s->in[k] || !s->t[k] || !s->out[k])
            return 0;
        bench_normal(E3TP_F32, s->in[k], s->size[k], 61 + (unsigned)k);
        bench_normal(E3TP_F32, s->t[k], s->size[k], 71 + (unsigned)k);
    }
    return bench_displace(&s->m.crystal, s->in[V], NULL);
}

/* ---- what is timed, and that it is right */

static int run(const setup *s, int form, int pass)
{
    e3tp_conv_buffers b = e3tp_conv_buffers_init();
    b.x = s->in[X], b.v = s->in[V], b.w = s->in[W], b.gz = s->in[Z];
    b.ggx = s->t[X], b.ggv = s->t[V], b.ggw = s->t[W];
    b.z = b.hz = s->out[Z], b.gx = b.hx = s->out[X];
    b.gv = b.hv = s->out[V], b.gw = b.hw = s->out[W];
    return bench_conv_run(s->conv[form], passes[pass].pass, s->m.graph, &b);
}

/* Whether a pass writes the result of operand k. */
static int gives(int pass, int k)
{
    return passes[pass].pass == E3TP_DOUBLE_BACKWARD ||
           (k == Z) == (passes[pass].pass == E3TP_FORWARD);
}

static double verify(setup *s)
{
    float *kept[OPERANDS] = {NULL};
    double worst = 0;
    for (int k = 0; k < OPERANDS; k++) {
        kept[k] = bench_alloc(s->size[k] * sizeof(float));
        worst = kept[k] ? worst : INFINITY;
    }
    for (int p = 0; worst < INFINITY && p < PASSES; p++) {
        float *out[OPERANDS];
        worst = run(s, GENERAL, p) ? worst : INFINITY;
        for (int k = 0; k < OPERANDS; k++)
            out[k] = s->out[k], s->out[k] = kept[k];
        worst = run(s, ROTATED, p) ? worst : INFINITY;
        for (int k = 0; k < OPERANDS; k++) {
            s->out[k] = out[k];
            if (gives(p, k))
                worst = bench_worse(worst, bench_difference(kept[k], out[k], s->size[k]));
        }
    }
    for (int k = 0; k < OPERANDS; k++)
        free(kept[k]);
    return worst;
}

/* ---- report */

static void report(const bench_layer_options *o, const setup *s, int form, int pass,
                   bench_stats seconds, double err, double general)
{
    char problem[200];
    snprintf(problem, sizeof problem,
             "diamond atoms=%zu neighbours=%d layout=ir_mul threads=1 L=%d channels=%d form=%s",
             s->m.crystal.atoms, BENCH_NEIGHBOURS, s->L, CHANNELS, form_names[form]);
    bench_result r =
        bench_conv_result("rotated", passes[pass].name, problem, passes[pass].short_name,
                          s->m.product.plan, s->m.crystal.edges, 1, seconds);
    r.flops = e3tp_conv_flops(s->conv[form], passes[pass].pass);
    r.max_err = err;
    const double share = r.flops / r.ns.median / bench_fma_gflops(r.isa, BENCH_REGISTER, 0, 1);
    if (o->json) {
        bench_result_begin(o->json, &r);
        bench_json_text(o->json, "form", form_names[form]);
        bench_json_number(o->json, "L", s->L);
        bench_result_end(o->json);
    }
    if (o->table)
        fprintf(o->table, "%d %-7s %-8s %-31s %9.1f %7.2f %6.2f %6.2f %8.1e\n", s->L, r.isa,
                form_names[form], r.name, r.ns.median, r.ns.median / CHANNELS, share,
                general / seconds.median, err);
}

/* The general form takes 0.4 to 1.5 seconds from degree 4 on. */
static int rounds_of(const bench_layer_options *o, int L)
{
    return L < FIRST_SLOW ? bench_conv_rounds(o) : FEW_ROUNDS;
}

static int measure(const bench_layer_options *o, const setup *s, double err)
{
    static double v[FORMS][PASSES][BENCH_MOST_ROUNDS];
    const int rounds = rounds_of(o, s->L);
    bench_stats seconds[FORMS][PASSES];
    for (int i = 0; i < rounds; i++)
        for (int p = 0; p < PASSES; p++)
            for (int f = 0; f < FORMS; f++) {
                const double start = bench_now();
                if (!run(s, f, p))
                    return 0;
                v[f][p][i] = bench_now() - start;
            }
    for (int p = 0; p < PASSES; p++)
        for (int f = 0; f < FORMS; f++) {
            seconds[f][p] = bench_statistics(v[f][p], (size_t)rounds);
            report(o, s, f, p, seconds[f][p], err, seconds[GENERAL][p].median);
        }
    return 1;
}

static int run_degree(const bench_layer_options *o, int L, e3tp_isa isa)
{
    setup s;
    char why[512] = "";
    double err = INFINITY;
    if (o->progress)
        fprintf(stderr, "\r\033[Krotated convolution, L = %d, %s ...", L, e3tp_isa_name(isa));
    if (setup_create(&s, L, isa, why, sizeof why) && make_arrays(&s))
        err = verify(&s);
    int ok = err <= bench_tolerance(E3TP_F32);
    if (!ok)
        bench_refuse(o->json, stderr, "wrong", "rotated convolution", "L = %d: %s error %.2g", L,
                     why, err);
    ok = ok && measure(o, &s, err);
    setup_destroy(&s);
    return ok;
}

int bench_rotated(const bench_layer_options *o)
{
    static const int degrees[] = {1, 2, 3, 4, 5, MOST_DEGREE};
    static const e3tp_isa tiers[] = {E3TP_ISA_AVX2, E3TP_ISA_AVX512};
    const size_t n = sizeof degrees / sizeof *degrees - (o->quick ? 2 : 0);
    int ok = 1;
    if (o->table)
        fprintf(
            o->table,
            "\nrotated convolution: diamond, %d neighbours, %d channels, all paths to L, "
            "shared weights, ir_mul, one thread; ns per edge\nL isa     form     %-31s        ns "
            "channel  share faster  max.err\n",
            BENCH_NEIGHBOURS, CHANNELS, "pass");
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 2; k++)
            if (e3tp_isa_usable(tiers[k]))
                ok = run_degree(o, degrees[i], tiers[k]) && ok;
    return ok;
}
