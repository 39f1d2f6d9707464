/* SPDX-License-Identifier: MIT */
/* Powers of functions against chains of Gaunt products by cg, in double and to full degree, and
   their gradients by the chain rule; against central differences; rotations; layouts, weights, rows
   that the batch shares, gradients one by one; the same bits for any batch and threads; what is
   refused. argv[1] is the tier. */
#include <math.h>
#include <stdbool.h>

#include "ensure.h"
#include "sampled.h"
#include "suite.h"

enum { ROWS = 21, MOST = 13, POWERS = 4 };

static e3tp_isa tier;

static double draw(void)
{
    static unsigned state = 31;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 23) - 1;
}

/* ---- cases */

typedef struct power_case {
    int n[2], l[2][MOST]; /* degrees of x and z */
    int power;
    size_t channels;
    e3tp_layout layout[2];
    e3tp_weights weights;
    e3tp_dtype dtype;
    bool one_x; /* one row for the batch */
    int n_theta, n_phi;
    e3tp_quadrature quadrature;
    int aliased;
} power_case;

static const power_case degrees[] = {
    {{1, 1}, {{0}, {0}}, 2, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{4, 3}, {{0, 1, 2, 3}, {0, 1, 2}}, 3, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{3, 7}, {{0, 1, 2}, {0, 1, 2, 3, 4, 5, 6}}, 3, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{2, 3}, {{1, 3}, {0, 2, 5}}, 4, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{2, 4}, {{0, 2}, {1, 2, 4, 9}}, 2, 0, {0}, 0, 0, 0, 0, 0, 0, 0}, /* degrees out of reach */
    {{1, 2}, {{1}, {1, 2}}, 3, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{5, 4}, {{0, 1, 2, 3, 4}, {0, 1, 2, 3}}, 4, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{3, 4}, {{0, 1, 2}, {0, 1, 2, 3}}, 1, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{3, 3}, {{2, 5, 6}, {0, 3, 18}}, 3, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
    {{2, 3}, {{0, 12}, {0, 11, 24}}, 2, 0, {0}, 0, 0, 0, 0, 0, 0, 0},
};

static size_t dim_of(const power_case *c, int k)
{
    size_t dim = 0;
    for (int i = 0; i < c->n[k]; i++)
        dim += 2 * (size_t)c->l[k][i] + 1;
    return dim;
}

static size_t weights_of(const power_case *c)
{
    return c->weights ? (size_t)(c->power * c->n[1]) * c->channels : 0;
}

static e3tp_desc *make_desc(const power_case *c)
{
    e3tp_desc *d;
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_GAUNT_POWER), E3TP_OK);
    e3tp_desc_set_degrees(d, E3TP_X, c->l[0], (size_t)c->n[0]);
    e3tp_desc_set_degrees(d, E3TP_Z, c->l[1], (size_t)c->n[1]);
    e3tp_desc_set_power(d, c->power);
    e3tp_desc_set_channels(d, c->channels);
    e3tp_desc_set_layout(d, E3TP_X, c->layout[0]);
    e3tp_desc_set_layout(d, E3TP_Z, c->layout[1]);
    e3tp_desc_set_weights(d, c->weights);
    e3tp_desc_set_dtype(d, c->dtype);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_grid(d, c->n_theta, c->n_phi, c->quadrature, c->aliased);
    e3tp_desc_set_method(d, c->aliased ? E3TP_METHOD_GRID : E3TP_METHOD_AUTO);
    ck_assert_str_eq(e3tp_desc_message(d), "");
    return d;
}

static e3tp_plan *make_plan(const power_case *c)
{
    e3tp_plan *p = plan_from(make_desc(c));
    ck_assert_str_eq(e3tp_plan_method(p), "grid");
    return p;
}

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

/* ---- arrays as the caller has them */

enum { X, W, GZ, Z, GX, GW, ARRAYS };

typedef struct arrays {
    void *a[ARRAYS];
    double *want[ARRAYS];
    size_t size[ARRAYS];
} arrays;

static double get(const power_case *c, const void *a, size_t i)
{
    return c->dtype == E3TP_F64 ? ((const double *)a)[i] : (double)((const float *)a)[i];
}

static size_t rows_of(const power_case *c, int k)
{
    if (k == X || k == GX)
        return c->one_x ? 1 : ROWS;
    return (k == W || k == GW) && c->weights != E3TP_WEIGHTS_ROW ? 1 : ROWS;
}

static arrays make_arrays(const power_case *c)
{
    arrays s;
    for (int k = 0; k < ARRAYS; k++) {
        const size_t width = k == X || k == GX   ? dim_of(c, 0) * c->channels
                             : k == W || k == GW ? weights_of(c)
                                                 : dim_of(c, 1) * c->channels;
        s.size[k] = rows_of(c, k) * width;
        s.a[k] = malloc(8 * s.size[k] + 8);
        s.want[k] = calloc(s.size[k] + 1, sizeof(double));
        for (size_t i = 0; i < s.size[k]; i++)
            if (c->dtype == E3TP_F64)
                ((double *)s.a[k])[i] = k < Z ? draw() : NAN;
            else
                ((float *)s.a[k])[i] = (float)(k < Z ? draw() : NAN);
    }
    return s;
}

static void free_arrays(arrays *s)
{
    for (int k = 0; k < ARRAYS; k++) {
        free(s->a[k]);
        free(s->want[k]);
    }
}

/* Place of component m of degree number i, channel u, row r, of x (k = 0) or z. */
static size_t place(const power_case *c, int k, size_t r, size_t u, int i, size_t m)
{
    size_t before = 0;
    for (int j = 0; j < i; j++)
        before += 2 * (size_t)c->l[k][j] + 1;
    const size_t d = 2 * (size_t)c->l[k][i] + 1, C = c->channels;
    const bool one = k == 0 && c->one_x;
    const size_t ir_mul = (before + m) * C + u;
    if (c->layout[k] == E3TP_BATCH_LAST)
        return one ? ir_mul : ir_mul * ROWS + r;
    const size_t row = one ? 0 : r * dim_of(c, k) * C;
    return row + (c->layout[k] == E3TP_MUL_IR ? before * C + u * d + m : ir_mul);
}

static size_t weight_place(const power_case *c, size_t r, int n, int i, size_t u)
{
    const size_t at = (size_t)((n - 1) * c->n[1] + i) * c->channels + u;
    return c->weights == E3TP_WEIGHTS_ROW ? r * weights_of(c) + at : at;
}

static double weight(const power_case *c, const arrays *s, size_t r, int n, int i, size_t u)
{
    return c->weights ? get(c, s->a[W], weight_place(c, r, n, i, u)) : n == c->power;
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

/* Relative to the largest number: every sample enters every result. */
static void compare(const power_case *c, const arrays *s, int k)
{
    double largest = 0;
    for (size_t i = 0; i < s->size[k]; i++)
        largest = fmax(largest, fabs(s->want[k][i]));
    const double tolerance = (c->dtype == E3TP_F64 ? 2e-14 : 8e-6) * (largest + 1e-30);
    for (size_t i = 0; i < s->size[k]; i++)
        ensure(fabs(get(c, s->a[k], i) - s->want[k][i]) <= tolerance,
               "array %d: [%zu] = %.17g, expected %.17g", k, i, get(c, s->a[k], i), s->want[k][i]);
}

static e3tp_buffers buffers_of(const power_case *c, const arrays *s)
{
    e3tp_buffers b = e3tp_buffers_init(ROWS);
    b.x = s->a[X], b.w = s->a[W], b.gz = s->a[GZ];
    if (c->one_x)
        b.stride_x = 0;
    return b;
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

/* ---- derivatives and symmetry without the chain */

static double loss(const power_case *c, const e3tp_plan *p, const arrays *s)
{
    e3tp_buffers b = buffers_of(c, s);
    double sum = 0;
    b.z = s->a[Z];
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    for (size_t i = 0; i < s->size[Z]; i++)
        sum += get(c, s->a[GZ], i) * get(c, s->a[Z], i);
    return sum;
}

/* n numbers in -1..1; freed by the caller. */
static double *drawn(size_t n)
{
    double *a = malloc((n + 1) * sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i] = draw();
    return a;
}

/* <ggx, gx> + <ggw, gw> at a place t further along d, of x, w and gz. */
static double paired(const power_case *c, const e3tp_plan *p, const arrays *s, double *const gg[2],
                     double *const d[3], double t)
{
    double *const at[] = {s->a[X], s->a[W], s->a[GZ]};
    e3tp_buffers b = buffers_of(c, s);
    b.gx = s->a[GX], b.gw = c->weights ? s->a[GW] : NULL;
    for (int k = X; k <= GZ; k++)
        for (size_t i = 0; i < s->size[k]; i++)
            at[k][i] += t * d[k][i];
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    for (int k = X; k <= GZ; k++)
        for (size_t i = 0; i < s->size[k]; i++)
            at[k][i] -= t * d[k][i];
    return dot(gg[X], s->a[GX], s->size[X]) + dot(gg[W], s->a[GW], s->size[W]);
}

/* Double backward against the difference of the backward pass, whose error is t^2; hz has the bits
   of the JVP, whose cotangents are zero or not given. _i: degrees and the kind of weights. */
START_TEST(second_differences)
{
    power_case c = degrees[_i / 3];
    c.channels = 5, c.weights = (e3tp_weights)(_i % 3), c.dtype = E3TP_F64;
    arrays s = make_arrays(&c);
    e3tp_plan *p = make_plan(&c);
    double *gg[2], *d[3], *h[3], size = 0, got = 0;
    for (int k = X; k <= GZ; k++)
        d[k] = drawn(s.size[k]), h[k] = drawn(s.size[k]);
    for (int k = X; k <= W; k++)
        gg[k] = drawn(s.size[k]);
    e3tp_buffers b = buffers_of(&c, &s);
    b.ggx = gg[X], b.ggw = gg[W], b.hx = h[X], b.hw = c.weights ? h[W] : NULL, b.hz = h[GZ];
    ck_assert_int_eq(e3tp_double_backward(p, &b), E3TP_OK);
    for (int k = X; k <= GZ; k++) {
        got += dot(h[k], d[k], s.size[k]);
        size += sqrt(dot(h[k], h[k], s.size[k]) * (double)s.size[k]);
    }
    const double t = 1e-5, rise = paired(&c, p, &s, gg, d, t) - paired(&c, p, &s, gg, d, -t);
    ck_assert_double_eq_tol(rise / (2 * t), got, 1e-7 * size);
    b.hz = s.a[Z];
    ck_assert_int_eq(e3tp_jvp(p, &b), E3TP_OK);
    ck_assert_int_eq(memcmp(s.a[Z], h[GZ], s.size[Z] * sizeof(double)), 0);
    memset(gg[W], 0, s.size[W] * sizeof(double));
    ck_assert_int_eq(e3tp_jvp(p, &b), E3TP_OK);
    b.ggw = NULL, b.hz = h[GZ];
    ck_assert_int_eq(e3tp_jvp(p, &b), E3TP_OK);
    for (size_t i = 0; i < s.size[Z]; i++)
        ensure(((double *)s.a[Z])[i] == h[GZ][i], "[%zu]: no tangent is another than zero", i);
    for (int k = X; k <= GZ; k++)
        free(d[k]), free(h[k]);
    free(gg[X]), free(gg[W]);
    e3tp_plan_destroy(p);
    free_arrays(&s);
}
END_TEST

/* Along a random direction of x and w: (L(t) - L(-t)) / 2t, its error t^2. */
START_TEST(differences)
{
    power_case c = degrees[1];
    c.channels = 5, c.weights = E3TP_WEIGHTS_SHARED, c.dtype = E3TP_F64, c.power = 2 + _i;
    arrays s = make_arrays(&c);
    e3tp_plan *p = make_plan(&c);
    e3tp_buffers b = buffers_of(&c, &s);
    b.gx = s.a[GX], b.gw = s.a[GW];
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
    const double t = 1e-5;
    double slope = 0, size = 0, value[2];
    for (int k = X; k <= W; k++)
        for (size_t i = 0; i < s.size[k]; i++) {
            s.want[k][i] = draw();
            slope += s.want[k][i] * get(&c, s.a[k == X ? GX : GW], i);
            size += fabs(s.want[k][i] * get(&c, s.a[k == X ? GX : GW], i));
        }
    for (int sign = 0; sign < 2; sign++) {
        for (int k = X; k <= W; k++)
            for (size_t i = 0; i < s.size[k]; i++)
                ((double *)s.a[k])[i] += (sign ? -2 : 1) * t * s.want[k][i];
        value[sign] = loss(&c, p, &s);
    }
    ck_assert_double_eq_tol((value[0] - value[1]) / (2 * t), slope, 1e-7 * size);
    e3tp_plan_destroy(p);
    free_arrays(&s);
}
END_TEST

/* An element of O(3) on all rows of one channel, degrees of natural parity. */
static void turn(const power_case *c, int k, double sign, double *rows)
{
    double D[25 * 25], v[25];
    for (size_t r = 0; r < ROWS; r++)
        for (int i = 0; i < c->n[k]; i++) {
            const int d = 2 * c->l[k][i] + 1;
            double *at = rows + place(c, k, r, 0, i, 0);
            ck_assert_int_eq(e3tp_wigner_D(c->l[k][i], 0.3, 1.1, -2.0, D), E3TP_OK);
            memcpy(v, at, (size_t)d * sizeof *v);
            for (int m = 0; m < d; m++) {
                at[m] = 0;
                for (int n = 0; n < d; n++)
                    at[m] += (c->l[k][i] % 2 ? sign : 1) * D[m * d + n] * v[n];
            }
        }
}

START_TEST(equivariance)
{
    power_case c = degrees[6];
    c.channels = 1, c.weights = E3TP_WEIGHTS_SHARED, c.dtype = E3TP_F64;
    arrays s = make_arrays(&c);
    e3tp_plan *p = make_plan(&c);
    e3tp_buffers b = buffers_of(&c, &s);
    b.z = s.want[Z];
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    turn(&c, 1, _i ? -1 : 1, s.want[Z]);
    turn(&c, 0, _i ? -1 : 1, s.a[X]);
    b.z = s.a[Z];
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    compare(&c, &s, Z);
    e3tp_plan_destroy(p);
    free_arrays(&s);
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
    tcase_add_loop_test(tests, differences, 0, 3);
    tcase_add_loop_test(tests, second_differences, 0, 3 * COUNT_OF(degrees));
    tcase_add_loop_test(tests, equivariance, 0, 2);
    tcase_add_loop_test(tests, same_bits, 0, 2);
    tcase_add_test(tests, misuse);
    return run_tests(tests, "powers", CK_FORK);
}
