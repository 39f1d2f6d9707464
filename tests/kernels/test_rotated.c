/* SPDX-License-Identifier: MIT */
/* The rotated form on one tier, both reals: frames against Wigner D and harmonics, blocks of rows
   against the general form of the tier generic in double; what is not served. */
#include "api/objects.h"
#include "conv/rotated.h"
#include "e3tp/so3.h"
#include "rotated_checks.h"

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
    tcase_add_test(t, choice);
    tcase_add_test(t, refusals);
    return run_tests(t, "rotated", CK_FORK);
}
