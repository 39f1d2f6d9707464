/* SPDX-License-Identifier: MIT */
/* Instruction products as lists of blocks and paths, and their results, all gradients, against the
   definition over dense W in double. */
#ifndef E3TP_TESTS_GRID_PRODUCT_CHECKS_H
#define E3TP_TESTS_GRID_PRODUCT_CHECKS_H

#include <math.h>
#include <stdbool.h>

#include "suite.h"

enum { ROWS = 19, MAX_BLOCKS = 8, MAX_PATHS = 64 };

static e3tp_isa tier;

typedef struct block {
    size_t mul;
    int l, odd; /* odd: parity is not that of l */
} block;

typedef struct path {
    size_t in[3]; /* blocks of x, y, z */
    e3tp_mode mode;
    bool weighted;
} path;

typedef struct product {
    size_t n[3], npaths, width[3], weights;
    block blocks[3][MAX_BLOCKS];
    path paths[MAX_PATHS];
    e3tp_layout layout[3];
    e3tp_weights kind;
    bool shared[2]; /* one row of x, of y for the batch */
    e3tp_dtype dtype;
    e3tp_sign sign;
    int n_theta, n_phi, aliased; /* 0: the smallest exact samples */
    e3tp_quadrature quadrature;
    double oversample; /* 0: the default */
} product;

static inline double draw(void)
{
    static unsigned state = 23;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 23) - 1;
}

/* ---- products: operands as {mul, l, odd} lists, mul 0 ends */

static inline void set_operand(product *p, int k, const block *list)
{
    p->n[k] = p->width[k] = 0;
    for (; list->mul; list++) {
        p->blocks[k][p->n[k]++] = *list;
        p->width[k] += list->mul * (2 * (size_t)list->l + 1);
    }
}

static inline void add_path(product *p, size_t i, size_t j, size_t k, e3tp_mode mode, bool weighted)
{
    ck_assert_uint_lt(p->npaths, MAX_PATHS);
    p->paths[p->npaths++] = (path){{i, j, k}, mode, weighted};
}

/* Every path of the mode; without: every other one has weights. */
static inline void add_all(product *p, e3tp_mode mode, bool weighted)
{
    for (size_t i = 0; i < p->n[0]; i++)
        for (size_t j = 0; j < p->n[1]; j++)
            for (size_t k = 0; k < p->n[2]; k++) {
                const block *a = &p->blocks[0][i], *b = &p->blocks[1][j], *c = &p->blocks[2][k];
                if (c->l < abs(a->l - b->l) || c->l > a->l + b->l ||
                    (a->l + b->l + c->l + a->odd + b->odd + c->odd) % 2 ||
                    (mode == E3TP_UUU && a->mul != b->mul) ||
                    (mode != E3TP_UVW && a->mul != c->mul))
                    continue;
                add_path(p, i, j, k, mode, weighted || (i + j) % 2);
            }
}

enum { CASES = 8, TOPS = 5 };

static inline product make_product(int which)
{
    static const block natural[] = {{3, 0, 0}, {3, 1, 0}, {3, 2, 0}, {3, 3, 0}, {0, 0, 0}},
                       odd[] = {{3, 1, 1}, {3, 2, 1}, {0, 0, 0}},
                       both[] = {{3, 0, 0}, {3, 2, 0}, {3, 3, 0}, {3, 1, 1},
                                 {3, 2, 1}, {3, 3, 1}, {0, 0, 0}},
                       wide[] = {{17, 1, 0}, {17, 3, 0}, {0, 0, 0}},
                       wide_both[] = {{17, 1, 0}, {17, 2, 1}, {17, 3, 0}, {17, 3, 1}, {0, 0, 0}},
                       singles[] = {{1, 0, 0}, {1, 2, 0}, {0, 0, 0}},
                       pairs[] = {{2, 1, 0}, {3, 2, 0}, {1, 5, 0}, {0, 0, 0}},
                       mixed[] = {{2, 1, 0}, {3, 1, 0}, {3, 0, 0}, {2, 2, 0}, {0, 0, 0}},
                       mixed_both[] = {{2, 1, 0}, {3, 1, 1}, {3, 0, 0},
                                       {2, 2, 0}, {1, 4, 1}, {0, 0, 0}},
                       scalars[] = {{5, 0, 0}, {0, 0, 0}},
                       tops[] = {{1, 12, 0}, {2, 11, 0}, {0, 0, 0}},
                       limits[] = {{1, 24, 0}, {2, 23, 0}, {1, 23, 1},
                                   {2, 1, 0},  {1, 0, 0},  {0, 0, 0}};
    product p = {0};
    const block *const operands[CASES][3] = {
        {natural, natural, both},  {wide, singles, wide_both},  {pairs, pairs, mixed_both},
        {mixed, mixed, mixed},     {scalars, scalars, scalars}, {tops, tops, limits},
        {natural, natural, pairs}, {natural, both, odd},
    };
    for (int k = 0; k < 3; k++)
        set_operand(&p, k, operands[which][k]);
    switch (which) {
    case 1:
        add_all(&p, E3TP_UVU, true);
        break;
    case 2:
    case TOPS:
        add_all(&p, E3TP_UVW, true);
        break;
    case 3: /* modes on the same pair, an unused block on every side */
        add_path(&p, 1, 1, 3, E3TP_UVW, true);
        add_path(&p, 1, 1, 2, E3TP_UUU, true);
        add_path(&p, 0, 1, 3, E3TP_UVU, false);
        add_path(&p, 1, 1, 2, E3TP_UVU, true);
        add_path(&p, 0, 0, 3, E3TP_UUU, true);
        add_path(&p, 2, 2, 2, E3TP_UUU, false);
        add_path(&p, 0, 1, 3, E3TP_UVU, true);
        break;
    case 6: /* no paths */
        break;
    default:
        add_all(&p, E3TP_UUU, false);
    }
    return p;
}

static inline size_t mul_of(const product *p, const path *q, int k)
{
    return p->blocks[k][q->in[k]].mul;
}

static inline size_t weight_count(const product *p, const path *q)
{
    const size_t m1 = mul_of(p, q, 0), m2 = mul_of(p, q, 1), mo = mul_of(p, q, 2);
    return !q->weighted          ? 0
           : q->mode == E3TP_UUU ? m1
           : q->mode == E3TP_UVU ? m1 * m2
                                 : m1 * m2 * mo;
}

static inline size_t count_weights(const product *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->npaths; i++)
        n += weight_count(p, &p->paths[i]);
    return n;
}

/* ---- arrays: MUL_IR in double, with the sums of the absolute values of all terms */

enum { X, Y, W, GZ, Z, GX, GY, GW, ARRAYS, INPUTS = Z };
static const int operand_of[ARRAYS] = {0, 1, -1, 2, 2, 0, 1, -1};

typedef struct arrays {
    double *a[ARRAYS], *sum[ARRAYS];
    size_t rows[ARRAYS], width[ARRAYS];
} arrays;

static inline arrays make_arrays(const product *p)
{
    arrays s;
    for (int k = 0; k < ARRAYS; k++) {
        const int o = operand_of[k];
        const bool once = o < 0 ? p->kind != E3TP_WEIGHTS_ROW : o < 2 && p->shared[o];
        s.rows[k] = once ? 1 : ROWS;
        s.width[k] = o < 0 ? p->weights : p->width[o];
        s.a[k] = calloc(s.rows[k] * s.width[k] + 1, sizeof(double));
        s.sum[k] = calloc(s.rows[k] * s.width[k] + 1, sizeof(double));
        for (size_t i = 0; k < INPUTS && i < s.rows[k] * s.width[k]; i++)
            s.a[k][i] = draw();
    }
    return s;
}

static inline void free_arrays(arrays *s)
{
    for (int k = 0; k < ARRAYS; k++) {
        free(s->a[k]);
        free(s->sum[k]);
    }
}

static inline size_t first_of(const product *p, int k, size_t b, size_t u)
{
    size_t at = u * (2 * (size_t)p->blocks[k][b].l + 1);
    for (size_t i = 0; i < b; i++)
        at += p->blocks[k][i].mul * (2 * (size_t)p->blocks[k][i].l + 1);
    return at;
}

static inline size_t at(const arrays *s, int k, size_t row, size_t i)
{
    return (s->rows[k] == 1 ? 0 : row * s->width[k]) + i;
}

static inline void add_term(const arrays *s, int k, size_t row, size_t i, double term)
{
    s->a[k][at(s, k, row, i)] += term;
    s->sum[k][at(s, k, row, i)] += fabs(term);
}

/* One path, channels u, v and w of the operands, weight number i (i < 0: none). */
static inline void add_channels(const product *p, const arrays *s, const path *q, double c,
                                const double *tensor, const size_t u[3], ptrdiff_t i)
{
    size_t d[3], first[3];
    for (int k = 0; k < 3; k++) {
        d[k] = 2 * (size_t)p->blocks[k][q->in[k]].l + 1;
        first[k] = first_of(p, k, q->in[k], u[k]);
    }
    for (size_t e = 0; e < d[0] * d[1] * d[2]; e++) {
        const size_t x = first[0] + e / d[2] / d[1], y = first[1] + e / d[2] % d[1],
                     z = first[2] + e % d[2];
        const double t = c * tensor[e];
        for (size_t row = 0; fabs(tensor[e]) > 1e-14 && row < ROWS; row++) {
            const double a = s->a[X][at(s, X, row, x)], b = s->a[Y][at(s, Y, row, y)],
                         g = s->a[GZ][at(s, GZ, row, z)],
                         w = i < 0 ? 1 : s->a[W][at(s, W, row, (size_t)i)];
            add_term(s, Z, row, z, t * w * a * b);
            add_term(s, GX, row, x, t * w * b * g);
            add_term(s, GY, row, y, t * w * a * g);
            if (i >= 0)
                add_term(s, GW, row, (size_t)i, t * a * b * g);
        }
    }
}

static inline void expect(const product *p, const arrays *s, const e3tp_plan *plan)
{
    static double tensor[25 * 25 * 49];
    ptrdiff_t weight = 0;
    for (size_t n = 0; n < p->npaths; n++) {
        const path *q = &p->paths[n];
        const double c = e3tp_plan_path_coefficient(plan, n);
        e3tp_wigner_3j(p->blocks[0][q->in[0]].l, p->blocks[1][q->in[1]].l, p->blocks[2][q->in[2]].l,
                       p->sign, tensor);
        ptrdiff_t i = weight;
        for (size_t u = 0; u < mul_of(p, q, 0); u++)
            for (size_t v = 0; v < mul_of(p, q, 1); v++)
                for (size_t w = 0; w < (q->mode == E3TP_UVW ? mul_of(p, q, 2) : 1); w++) {
                    if (q->mode == E3TP_UUU && u != v)
                        continue;
                    const size_t channels[3] = {u, v, q->mode == E3TP_UVW ? w : u};
                    add_channels(p, s, q, c, tensor, channels, q->weighted ? i : -1);
                    i++;
                }
        weight += (ptrdiff_t)weight_count(p, q);
    }
}

/* ---- the library */

static inline e3tp_status create(const product *p, e3tp_method method, e3tp_plan **plan, char *text,
                                 size_t cap)
{
    e3tp_desc *d;
    ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_TENSOR_PRODUCT), E3TP_OK);
    for (int k = 0; k < 3; k++) {
        e3tp_irrep s[MAX_BLOCKS];
        for (size_t i = 0; i < p->n[k]; i++)
            s[i] = (e3tp_irrep){(uint32_t)p->blocks[k][i].mul, (uint16_t)p->blocks[k][i].l,
                                (int8_t)((p->blocks[k][i].l + p->blocks[k][i].odd) % 2 ? -1 : 1)};
        e3tp_desc_set_irreps(d, (e3tp_operand)k, s, p->n[k]);
        e3tp_desc_set_layout(d, (e3tp_operand)k, p->layout[k]);
    }
    for (size_t i = 0; i < p->npaths; i++) {
        const path *q = &p->paths[i];
        const e3tp_path add = e3tp_path_init((uint32_t)q->in[0], (uint32_t)q->in[1],
                                             (uint32_t)q->in[2], q->mode, q->weighted);
        e3tp_desc_add_path(d, &add);
    }
    if (p->weights)
        e3tp_desc_set_weights(d, p->kind);
    e3tp_desc_set_dtype(d, p->dtype);
    e3tp_desc_set_sign(d, p->sign);
    e3tp_desc_set_isa(d, tier);
    e3tp_desc_set_method(d, method);
    e3tp_desc_set_threads(d, 1);
    e3tp_desc_set_grid(d, p->n_theta, p->n_phi, p->quadrature, p->aliased);
    if (p->oversample != 0)
        e3tp_desc_set_oversample(d, p->oversample);
    const e3tp_status s = e3tp_plan_create(plan, d);
    snprintf(text, cap, "%s", e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return s;
}

/* Place in the caller's layout of element i of a MUL_IR row. */
static inline size_t place(const product *p, const arrays *s, int a, size_t row, size_t i)
{
    const int k = operand_of[a];
    if (k < 0 || p->layout[k] == E3TP_MUL_IR)
        return row * s->width[a] + i;
    size_t b = 0;
    while (i >= first_of(p, k, b, p->blocks[k][b].mul))
        b++;
    const size_t d = 2 * (size_t)p->blocks[k][b].l + 1, first = first_of(p, k, b, 0);
    const size_t j = first + (i - first) % d * p->blocks[k][b].mul + (i - first) / d;
    return p->layout[k] == E3TP_IR_MUL ? row * s->width[a] + j : j * s->rows[a] + row;
}

static inline void *lay_out(const product *p, const arrays *s, int a)
{
    double *m = calloc(s->rows[a] * s->width[a] + 1, sizeof *m);
    for (size_t row = 0; row < s->rows[a]; row++)
        for (size_t i = 0; a < INPUTS && i < s->width[a]; i++) {
            const double v = s->a[a][row * s->width[a] + i];
            if (p->dtype == E3TP_F64)
                m[place(p, s, a, row, i)] = v;
            else
                ((float *)m)[place(p, s, a, row, i)] = (float)v;
        }
    return m;
}

static inline void execute(const product *p, const arrays *s, const e3tp_plan *plan,
                           void *m[ARRAYS])
{
    for (int k = 0; k < ARRAYS; k++)
        m[k] = lay_out(p, s, k);
    e3tp_buffers b = e3tp_buffers_init(ROWS);
    b.x = m[X], b.y = m[Y], b.w = m[W], b.z = m[Z];
    b.stride_x = p->shared[0] ? 0 : E3TP_PACKED;
    b.stride_y = p->shared[1] ? 0 : E3TP_PACKED;
    ck_assert_int_eq(e3tp_forward(plan, &b), E3TP_OK);
    b.z = NULL, b.gz = m[GZ], b.gx = m[GX], b.gy = m[GY], b.gw = m[GW];
    ck_assert_int_eq(e3tp_backward(plan, &b), E3TP_OK);
}

/* The largest error of an array, and the largest sum of terms. */
static inline double worst_error(const product *p, const arrays *s, int a, const void *m,
                                 double *largest)
{
    double worst = *largest = 0;
    for (size_t i = 0; i < s->rows[a] * s->width[a]; i++)
        *largest = fmax(*largest, s->sum[a][i]);
    for (size_t row = 0; row < s->rows[a]; row++)
        for (size_t i = 0; i < s->width[a]; i++) {
            const size_t j = place(p, s, a, row, i);
            const double got =
                p->dtype == E3TP_F64 ? ((const double *)m)[j] : (double)((const float *)m)[j];
            worst = fmax(worst, fabs(got - s->a[a][row * s->width[a] + i]));
        }
    return worst;
}

/* Relative to the largest sum of terms. */
static inline void compare(const product *p, const arrays *s, int a, const void *m,
                           const char *name)
{
    const double eps = p->dtype == E3TP_F64 ? 2.3e-16 : 1.2e-7;
    double largest;
    const double worst = worst_error(p, s, a, m, &largest);
    ck_assert_msg(worst <= 8 * eps * largest, "%s: array %d is wrong by %g of %g", name, a, worst,
                  largest);
}

static inline void check(const product *p, e3tp_method method)
{
    char text[256];
    e3tp_plan *plan;
    void *m[ARRAYS];
    arrays s = make_arrays(p);
    ck_assert_msg(create(p, method, &plan, text, sizeof text) == E3TP_OK, "%s", text);
    ck_assert_str_eq(e3tp_plan_method(plan), e3tp_method_name(method));
    ck_assert_uint_eq(e3tp_plan_width(plan, E3TP_W), p->weights);
    expect(p, &s, plan);
    execute(p, &s, plan, m);
    for (int k = 0; k < ARRAYS; k++) {
        if (k >= INPUTS)
            compare(p, &s, k, m[k], e3tp_method_name(method));
        free(m[k]);
    }
    free_arrays(&s);
    e3tp_plan_destroy(plan);
}

#endif
