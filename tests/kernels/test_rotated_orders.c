/* SPDX-License-Identifier: MIT */
/* The rotated form with orders to a largest one, on one tier: by dense matrices in double, and
   against differences. */
#include "e3tp/so3.h"
#include "rotated_checks.h"

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

int main(int argc, char **argv)
{
    isa = tier_argument(argc, argv);
    TCase *t = tcase_create("rotated, orders");
    tcase_add_loop_test(t, largest_order, 0, COUNT_OF(cut));
    tcase_add_loop_test(t, largest_order_slopes, 0, COUNT_OF(cut));
    return run_tests(t, "rotated, orders", CK_FORK);
}
