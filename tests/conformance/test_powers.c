/* SPDX-License-Identifier: MIT */
/* Powers of functions against chains of Gaunt products by cg, in double and to full degree, and
   their gradients by the chain rule; layouts, weights, rows that the batch shares, gradients one by
   one; the same bits for any batch; what is refused. argv[1] is the tier. */
#include "power_checks.h"
#include "sampled.h"

/* ---- the oracle: row after row, channel after channel, all degrees */

enum { FULL = 25 * 25 };

/* x f, of degrees 0..l and 0..m, and its gradients by both added, by cg in double. */
static e3tp_plan *chain_plan(int l, int m)
{
    int list[25];
    e3tp_desc *d;
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_GAUNT), E3TP_OK);
    for (int i = 0; i < 25; i++)
        list[i] = i;
    e3tp_desc_set_degrees(d, E3TP_X, list, (size_t)l + 1);
    e3tp_desc_set_degrees(d, E3TP_Y, list, (size_t)m + 1);
    e3tp_desc_set_degrees(d, E3TP_Z, list, (size_t)(l + m) + 1);
    e3tp_desc_set_dtype(d, E3TP_F64);
    e3tp_desc_set_method(d, E3TP_METHOD_CG);
    return plan_from(d);
}

typedef struct chain {
    int lmax;
    e3tp_plan *plan[POWERS + 1]; /* [n]: x times the power n - 1 */
} chain;

static chain make_chain(const power_case *c)
{
    chain h = {.lmax = c->l[0][c->n[0] - 1]};
    for (int n = 2; n <= c->power; n++)
        h.plan[n] = chain_plan(h.lmax, (n - 1) * h.lmax);
    return h;
}

static void free_chain(chain *h)
{
    for (int n = 0; n <= POWERS; n++)
        e3tp_plan_destroy(h->plan[n]);
}

static void chain_forward(const chain *h, int power, double f[POWERS + 1][FULL])
{
    for (int n = 2; n <= power; n++) {
        e3tp_buffers b = e3tp_buffers_init(1);
        b.x = f[1], b.y = f[n - 1], b.z = f[n];
        ck_assert_int_eq(e3tp_forward(h->plan[n], &b), E3TP_OK);
    }
}

/* g[n]: gradients by the powers; they end in g[1]. */
static void chain_backward(const chain *h, int power, double f[POWERS + 1][FULL],
                           double g[POWERS + 1][FULL])
{
    static double gx[FULL], gy[FULL];
    for (int n = power; n >= 2; n--) {
        e3tp_buffers b = e3tp_buffers_init(1);
        b.x = f[1], b.y = f[n - 1], b.gz = g[n], b.gx = gx, b.gy = gy;
        ck_assert_int_eq(e3tp_backward(h->plan[n], &b), E3TP_OK);
        for (int i = 0; i < (h->lmax + 1) * (h->lmax + 1); i++)
            g[1][i] += gx[i];
        const int top = (n - 1) * h->lmax + 1;
        for (int i = 0; i < top * top; i++)
            g[n - 1][i] += gy[i];
    }
}

/* One row and channel by the chain. */
static void expect_one(const power_case *c, const chain *h, const arrays *s, size_t r, size_t u)
{
    static double f[POWERS + 1][FULL], g[POWERS + 1][FULL];
    memset(f, 0, sizeof f);
    memset(g, 0, sizeof g);
    for (int i = 0; i < c->n[0]; i++)
        for (int m = 0, l = c->l[0][i]; m <= 2 * l; m++)
            f[1][l * l + m] = get(c, s->a[X], place(c, 0, r, u, i, (size_t)m));
    chain_forward(h, c->power, f);
    for (int i = 0; i < c->n[1]; i++)
        for (int m = 0, l = c->l[1][i]; m <= 2 * l; m++)
            for (int n = 1; n <= c->power; n++) {
                const size_t at = place(c, 1, r, u, i, (size_t)m);
                if (l > n * h->lmax)
                    continue;
                const double w = weight(c, s, r, n, i, u), gz = get(c, s->a[GZ], at);
                s->want[Z][at] += w * f[n][l * l + m];
                g[n][l * l + m] = w * gz;
                if (c->weights)
                    s->want[GW][weight_place(c, r, n, i, u)] += gz * f[n][l * l + m];
            }
    chain_backward(h, c->power, f, g);
    for (int i = 0; i < c->n[0]; i++)
        for (int m = 0, l = c->l[0][i]; m <= 2 * l; m++)
            s->want[GX][place(c, 0, r, u, i, (size_t)m)] += g[1][l * l + m];
}

static void run(const power_case *c, const e3tp_plan *p, const arrays *s, int wanted)
{
    char why[256];
    e3tp_buffers b = buffers_of(c, s);
    b.z = s->a[Z];
    ck_assert_msg(e3tp_forward(p, &b) == E3TP_OK, "%d",
                  (int)e3tp_buffers_check(p, E3TP_FORWARD, &b, why, sizeof why));
    b = buffers_of(c, s);
    b.gx = wanted & 1 ? s->a[GX] : NULL;
    b.gw = wanted & 2 && c->weights ? s->a[GW] : NULL;
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    compare(c, s, Z);
    if (b.gx)
        compare(c, s, GX);
    if (b.gw)
        compare(c, s, GW);
}

/* Arrays with what is expected. */
static arrays expected(const power_case *c)
{
    chain h = make_chain(c);
    arrays s = make_arrays(c);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t u = 0; u < c->channels; u++)
            expect_one(c, &h, &s, r, u);
    free_chain(&h);
    return s;
}

static void check_case(const power_case *c)
{
    arrays s = expected(c);
    e3tp_plan *p = make_plan(c);
    ck_assert_uint_eq(e3tp_plan_width(p, E3TP_W), weights_of(c));
    ck_assert_uint_eq(e3tp_plan_width(p, E3TP_Y), 0);
    for (int wanted = 3; wanted >= 1; wanted--)
        run(c, p, &s, wanted);
    e3tp_plan_destroy(p);
    free_arrays(&s);
}

START_TEST(values)
{
    static const size_t channels[] = {1, 3, 16, 19};
    static const e3tp_layout layouts[] = {E3TP_MUL_IR, E3TP_IR_MUL, E3TP_BATCH_LAST};
    power_case c = degrees[_i];
    int checks = 0;
    for (size_t i = 0; i < COUNT_OF(channels); i++)
        for (int variant = 0; variant < 6; variant++) {
            if (left_out(_i + (int)i + variant, 4))
                continue;
            c.channels = channels[i];
            c.layout[0] = layouts[variant % 3], c.layout[1] = layouts[(variant * 2 + (int)i) % 3];
            c.weights = (e3tp_weights)((variant + (int)i) % 3);
            c.dtype = variant % 2 ? E3TP_F64 : E3TP_F32;
            c.one_x = variant == 2 + (int)(i % 2);
            check_case(&c);
            checks++;
        }
    ck_assert_int_eq(checks, SAMPLED ? 6 : 24);
}
END_TEST

/* Larger samples than needed, odd ones too, and other folds. */
START_TEST(grids)
{
    static const int sizes[][2] = {{6, 12}, {7, 13}, {8, 14}, {9, 16}};
    power_case c = degrees[1];
    c.channels = 17, c.weights = E3TP_WEIGHTS_ROW, c.dtype = E3TP_F64;
    c.n_theta = sizes[_i][0], c.n_phi = sizes[_i][1];
    check_case(&c);
}
END_TEST

/* Of z by samples that are too few, of its largest number. */
static double aliasing(const power_case *c)
{
    arrays s = expected(c);
    e3tp_plan *p = make_plan(c);
    e3tp_buffers b = buffers_of(c, &s);
    double largest = 0, error = 0;
    b.z = s.a[Z];
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    for (size_t i = 0; i < s.size[Z]; i++) {
        largest = fmax(largest, fabs(s.want[Z][i]));
        error = fmax(error, fabs(get(c, s.a[Z], i) - s.want[Z][i]));
    }
    e3tp_plan_destroy(p);
    free_arrays(&s);
    return error / largest;
}

/* The smallest grid is exact; with a ring or a column less it is refused, and wrong where aliasing
   is allowed. */
START_TEST(smallest)
{
    static const int lists[][2] = {{2, 2}, {3, 1}, {1, 3}};
    const int l = lists[_i / 6][0], lmax[POWERS] = {l, l, l, l};
    power_case c = {.n = {l + 1, lists[_i / 6][1] + 1},
                    .l = {{0, 1, 2, 3}, {0, 1, 2, 3}},
                    .power = 2 + _i / 2 % 3,
                    .channels = 1,
                    .dtype = E3TP_F64,
                    .quadrature = (e3tp_quadrature)(_i % 2)};
    int n_theta, n_phi;
    ck_assert_int_eq(
        e3tp_grid_size(lmax, (size_t)c.power, lists[_i / 6][1], c.quadrature, &n_theta, &n_phi),
        E3TP_OK);
    c.n_theta = n_theta, c.n_phi = n_phi;
    check_case(&c);
    for (int fewer = 0; fewer < 2; fewer++) {
        e3tp_plan *p;
        c.n_theta = n_theta - !fewer, c.n_phi = n_phi - fewer, c.aliased = 0;
        e3tp_desc *d = make_desc(&c);
        ck_assert_int_eq(e3tp_plan_create(&p, d), E3TP_E_UNSUPPORTED);
        e3tp_desc_destroy(d);
        c.aliased = 1;
        ck_assert_double_gt(aliasing(&c), 1e-4); /* exact: 1e-14 */
    }
}
END_TEST

/* ---- the same bits */

START_TEST(same_bits)
{
    power_case c = degrees[1];
    c.channels = 19, c.weights = _i % 2 ? E3TP_WEIGHTS_ROW : E3TP_WEIGHTS_SHARED;
    c.layout[0] = c.layout[1] = E3TP_IR_MUL;
    arrays s = make_arrays(&c);
    e3tp_plan *p = make_plan(&c);
    e3tp_buffers b = buffers_of(&c, &s);
    b.z = s.a[Z], b.gx = NULL;
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    b.z = NULL, b.gx = s.a[GX];
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    const size_t dx = dim_of(&c, 0) * c.channels, dz = dim_of(&c, 1) * c.channels;
    float *z = malloc(dz * sizeof *z + 4), *gx = malloc(dx * sizeof *gx);
    for (size_t r = 0; r < ROWS; r++) {
        e3tp_buffers one = e3tp_buffers_init(1);
        one.x = (float *)s.a[X] + r * dx, one.gz = (float *)s.a[GZ] + r * dz;
        one.w = (float *)s.a[W] + (_i % 2 ? r * weights_of(&c) : 0);
        one.z = z + 1, one.gx = gx; /* another alignment */
        e3tp_buffers back = one;
        back.z = NULL, one.gx = NULL;
        ck_assert_int_eq(e3tp_forward(p, &one), E3TP_OK);
        ck_assert_int_eq(e3tp_backward(p, &back), E3TP_OK);
        ck_assert_int_eq(memcmp(z + 1, (float *)s.a[Z] + r * dz, dz * sizeof *z), 0);
        ck_assert_int_eq(memcmp(gx, (float *)s.a[GX] + r * dx, dx * sizeof *gx), 0);
    }
    free(z);
    free(gx);
    e3tp_plan_destroy(p);
    free_arrays(&s);
}
END_TEST

/* ---- misuse */

static void refuse(e3tp_desc *d, e3tp_status want, const char *word)
{
    e3tp_plan *p = (e3tp_plan *)1;
    ck_assert_int_eq(e3tp_plan_create(&p, d), want);
    ck_assert_ptr_null(p);
    ck_assert_msg(strstr(e3tp_desc_message(d), word), "%s", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
}

START_TEST(misuse)
{
    static const int y[1] = {0};
    power_case c = degrees[1];
    c.channels = 2;
    e3tp_desc *d = make_desc(&c);
    ck_assert_int_eq(e3tp_desc_set_power(d, 0), E3TP_E_INVALID);
    refuse(d, E3TP_E_INVALID, "power: 0");
    d = make_desc(&c);
    ck_assert_int_eq(e3tp_desc_set_power(d, 5), E3TP_E_INVALID);
    refuse(d, E3TP_E_INVALID, "power: 5");
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_GAUNT), E3TP_OK);
    ck_assert_int_eq(e3tp_desc_set_power(d, 2), E3TP_E_INVALID);
    refuse(d, E3TP_E_INVALID, "no powers");
    ck_assert_int_eq(e3tp_desc_set_power(NULL, 2), E3TP_E_INVALID);
    d = make_desc(&c);
    e3tp_desc_set_degrees(d, E3TP_Y, y, 1);
    refuse(d, E3TP_E_INVALID, "no y");
    d = make_desc(&c);
    e3tp_desc_set_rank(d, 2);
    refuse(d, E3TP_E_INVALID, "rank");
    d = make_desc(&c);
    e3tp_desc_set_method(d, E3TP_METHOD_CG);
    refuse(d, E3TP_E_UNSUPPORTED, "gaunt_power");
    d = make_desc(&c);
    e3tp_desc_set_grid(d, 5, 12, E3TP_GAUSS_LEGENDRE, 0);
    refuse(d, E3TP_E_UNSUPPORTED, "aliasing");
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *tests = tcase_create("powers");
    tcase_add_loop_test(tests, values, 0, COUNT_OF(degrees));
    tcase_add_loop_test(tests, grids, 0, 4);
    tcase_add_loop_test(tests, smallest, 0, 18);
    tcase_add_loop_test(tests, same_bits, 0, 2);
    tcase_add_test(tests, misuse);
    return run_tests(tests, "powers", CK_FORK);
}
