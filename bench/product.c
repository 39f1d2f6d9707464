/* SPDX-License-Identifier: MIT */
#include "product.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timing.h"

enum { MAX_BLOCKS = 64 };

static size_t real_bytes(e3tp_dtype t)
{
    return t == E3TP_F64 ? sizeof(double) : sizeof(float);
}

double bench_get(e3tp_dtype t, const void *data, size_t i)
{
    return t == E3TP_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

/* splitmix64 */
static double uniform(unsigned long long *s)
{
    unsigned long long z = (*s += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

/* Large arrays repeat a stretch of this many numbers (a prime): all anew would take longer than the
 * timing. */
enum { STRETCH = 65521 };

void bench_normal(e3tp_dtype t, void *data, size_t n, unsigned long long seed)
{
    const size_t size = real_bytes(t), fresh = n < STRETCH ? n : STRETCH;
    for (size_t i = 0; i < fresh; i++) { /* Box and Muller */
        const double r = sqrt(-2 * log(uniform(&seed))),
                     value = r * cos(6.283185307179586 * uniform(&seed));
        if (t == E3TP_F64)
            ((double *)data)[i] = value;
        else
            ((float *)data)[i] = (float)value;
    }
    for (size_t i = fresh; i < n; i += STRETCH)
        memcpy((char *)data + i * size, data, (n - i < STRETCH ? n - i : STRETCH) * size);
}

size_t bench_product_at(const bench_product *q, e3tp_operand which, size_t row, size_t block,
                        size_t u, size_t m)
{
    const bench_block *b = &q->blocks[which][block];
    if (q->problem.layout == E3TP_MUL_IR)
        return row * q->width[which] + b->offset + u * bench_block_width(b) + m;
    const size_t place = b->offset + m * b->mul + u;
    return q->problem.layout == E3TP_IR_MUL ? row * q->width[which] + place
                                            : place * q->problem.batch + row;
}

static e3tp_status fail(bench_product *q, e3tp_status s, const char *text)
{
    snprintf(q->message, sizeof q->message, "%s", text);
    return s;
}

/* ---- irreps */

static e3tp_status read_irreps(bench_product *q, int which, const char *text)
{
    e3tp_irrep s[MAX_BLOCKS];
    size_t n = 0;
    const e3tp_status status = e3tp_irreps_parse(text, s, MAX_BLOCKS, &n);
    if (status != E3TP_OK)
        return fail(q, status, "irreps cannot be read");
    q->blocks[which] = calloc(n ? n : 1, sizeof(bench_block));
    if (!q->blocks[which])
        return fail(q, E3TP_E_NOMEM, "no memory");
    for (size_t i = 0; i < n; i++)
        q->blocks[which][i] = (bench_block){s[i].l, s[i].parity, s[i].mul, 0, s[i].l, 0};
    q->nblocks[which] = n;
    return E3TP_OK;
}

static size_t channels_of(const bench_product *q, int which)
{
    return which == 1 && q->problem.y_channels ? q->problem.y_channels : q->problem.channels;
}

/* Appends a block for each degree, of the degree's parity (natural 1) or the opposite (-1). */
static e3tp_status make_degrees(bench_product *q, int which, const int range[2], int natural)
{
    const size_t n = range[1] < range[0] ? 0 : (size_t)(range[1] - range[0] + 1);
    const size_t before = q->nblocks[which];
    bench_block *blocks = realloc(q->blocks[which], (before + n + 1) * sizeof *blocks);
    if (!blocks)
        return fail(q, E3TP_E_NOMEM, "no memory");
    for (size_t i = 0; i < n; i++) {
        const int l = range[0] + (int)i;
        blocks[before + i] =
            (bench_block){l, l % 2 ? -natural : natural, channels_of(q, which), 0, l, 0};
    }
    q->blocks[which] = blocks;
    q->nblocks[which] = before + n;
    return E3TP_OK;
}

/* Vector harmonics: a block for each degree of components; pseudo: parity (-1)^component. */
static e3tp_status make_fields(bench_product *q, int which, const int range[2], int pseudo)
{
    bench_block *blocks = calloc(3 * (size_t)(range[1] + 1), sizeof *blocks);
    if (!blocks)
        return fail(q, E3TP_E_NOMEM, "no memory");
    q->blocks[which] = blocks;
    for (int j = range[0]; j <= range[1]; j++)
        for (int l = j ? j - 1 : 1; l <= j + 1; l++)
            blocks[q->nblocks[which]++] =
                (bench_block){j, (l + pseudo) % 2 ? 1 : -1, channels_of(q, which), 0, l, 0};
    return E3TP_OK;
}

static void set_offsets(bench_product *q, int which)
{
    size_t at = 0;
    for (size_t i = 0; i < q->nblocks[which]; i++) {
        q->blocks[which][i].offset = at;
        at += q->blocks[which][i].mul * bench_block_width(&q->blocks[which][i]);
    }
    q->width[which] = at;
}

/* ---- paths */

static void *grow(void *list, size_t used, size_t *capacity, size_t size)
{
    if (used < *capacity)
        return list;
    *capacity = *capacity ? 2 * *capacity : 64;
    return realloc(list, *capacity * size);
}

static e3tp_status add_path(bench_product *q, size_t i, size_t j, size_t k)
{
    bench_path *list = grow(q->paths, q->npaths, &q->capacity_paths, sizeof *list);
    if (!list)
        return fail(q, E3TP_E_NOMEM, "no memory");
    q->paths = list;
    list[q->npaths++] = (bench_path){(uint32_t)i, (uint32_t)j, (uint32_t)k, 0, 0};
    return E3TP_OK;
}

/* The block of z for a new path: a fresh one, or with sep=0 the one of its irrep. */
static size_t output_block(bench_product *q, int l, int parity, size_t mul)
{
    for (size_t k = 0; !q->problem.sep && k < q->nblocks[2]; k++)
        if (q->blocks[2][k].l == l && q->blocks[2][k].parity == parity &&
            q->blocks[2][k].mul == mul)
            return k;
    bench_block *list = grow(q->blocks[2], q->nblocks[2], &q->capacity_out, sizeof *list);
    if (!list)
        return SIZE_MAX;
    q->blocks[2] = list;
    list[q->nblocks[2]] = (bench_block){l, parity, mul, 0, l, 0};
    return q->nblocks[2]++;
}

static int fits(e3tp_mode mode, size_t m1, size_t m2)
{
    return (mode != E3TP_UUU && mode != E3TP_UUW) || m1 == m2;
}

static size_t output_mul(e3tp_mode mode, size_t m1, size_t m2)
{
    return mode == E3TP_UVV ? m2 : mode == E3TP_UVUV ? m1 * m2 : m1;
}

static e3tp_status free_paths(bench_product *q, size_t i, size_t j)
{
    const bench_block *a = &q->blocks[0][i], *b = &q->blocks[1][j];
    const bench_problem *p = &q->problem;
    const int parity = a->parity * b->parity;
    if (p->mode == E3TP_UVW || p->mode == E3TP_UUW)
        return fail(q, E3TP_E_INVALID, "this mode needs out=");
    for (int l = abs(a->l - b->l); l <= a->l + b->l && l <= p->lmax_out; l++) {
        if (!fits(p->mode, a->mul, b->mul) || (p->natural && parity != (l % 2 ? -1 : 1)))
            continue;
        const size_t k = output_block(q, l, parity, output_mul(p->mode, a->mul, b->mul));
        if (k == SIZE_MAX || add_path(q, i, j, k) != E3TP_OK)
            return fail(q, E3TP_E_NOMEM, "no memory");
    }
    return E3TP_OK;
}

static e3tp_status given_paths(bench_product *q, size_t i, size_t j)
{
    const bench_block *a = &q->blocks[0][i], *b = &q->blocks[1][j];
    const e3tp_mode mode = q->problem.mode;
    const int any_mul = mode == E3TP_UVW || mode == E3TP_UUW;
    for (size_t k = 0; k < q->nblocks[2]; k++) {
        const bench_block *c = &q->blocks[2][k];
        if (c->parity != a->parity * b->parity || c->l < abs(a->l - b->l) || c->l > a->l + b->l ||
            !fits(mode, a->mul, b->mul) || (!any_mul && c->mul != output_mul(mode, a->mul, b->mul)))
            continue;
        if (add_path(q, i, j, k) != E3TP_OK)
            return E3TP_E_NOMEM;
    }
    return E3TP_OK;
}

static size_t weight_count(const bench_product *q, const bench_path *t)
{
    const size_t m1 = q->blocks[0][t->in1].mul, m2 = q->blocks[1][t->in2].mul,
                 mo = q->blocks[2][t->out].mul;
    switch (q->problem.mode) {
    case E3TP_UVW:
        return m1 * m2 * mo;
    case E3TP_UUW:
        return m1 * mo;
    case E3TP_UUU:
        return m1;
    default:
        return m1 * m2;
    }
}

/* Terms that a path sums into one element of its output. */
static double fan_in(const bench_product *q, const bench_path *t)
{
    const double m1 = (double)q->blocks[0][t->in1].mul, m2 = (double)q->blocks[1][t->in2].mul;
    switch (q->problem.mode) {
    case E3TP_UVW:
        return m1 * m2;
    case E3TP_UVU:
        return m2;
    case E3TP_UVV:
    case E3TP_UUW:
        return m1;
    default:
        return 1;
    }
}

/* e3nn's coefficient with "component" and "element" normalisation and unit variances, from its
 * definition. */
static void set_coefficients(bench_product *q)
{
    for (size_t t = 0; t < q->npaths; t++) {
        double n = 0;
        for (size_t s = 0; s < q->npaths; s++)
            n += q->paths[s].out == q->paths[t].out ? fan_in(q, &q->paths[s]) : 0;
        q->paths[t].coefficient = sqrt((2 * q->blocks[2][q->paths[t].out].l + 1) / n);
        q->paths[t].w_offset = q->width[3];
        if (q->weighted)
            q->width[3] += q->problem.by_path ? 1 : weight_count(q, &q->paths[t]);
    }
}

static e3tp_status make_tp(bench_product *q)
{
    const bench_problem *p = &q->problem;
    e3tp_status s = read_irreps(q, 0, p->in1);
    s = s ? s : read_irreps(q, 1, p->in2);
    s = s ? s : *p->out ? read_irreps(q, 2, p->out) : E3TP_OK;
    for (size_t i = 0; !s && i < q->nblocks[0]; i++)
        for (size_t j = 0; !s && j < q->nblocks[1]; j++)
            s = *p->out ? given_paths(q, i, j) : free_paths(q, i, j);
    if (!s && !q->npaths)
        s = fail(q, E3TP_E_INVALID, "no path is allowed");
    q->weighted = p->weights != E3TP_WEIGHTS_NONE;
    if (!s)
        set_coefficients(q);
    return s;
}

/* The smallest spin whose matrices hold all degrees. */
static int spin_of(const bench_problem *p)
{
    const int xy = p->l1[1] > p->l2[1] ? p->l1[1] : p->l2[1];
    return ((xy > p->l3[1] ? xy : p->l3[1]) + 1) / 2;
}

/* docs/conventions.md: the strength of blocks whose parities match. */
static double strength_of(const bench_problem *p, int l1, int l2, int l3)
{
    double sixj = 0;
    const int h = spin_of(p);
    if (p->op != E3TP_OP_MATRIX)
        return e3tp_gaunt_strength(l1, l2, l3) + e3tp_bracket_strength(l1, l2, l3);
    if (e3tp_wigner_6j(l1, l2, l3, h, h, h, &sixj) != E3TP_OK)
        return 0;
    return l3 % 2 ? -sixj : sixj;
}

static int has_fields(const bench_problem *p)
{
    return p->op == E3TP_OP_CROSS || p->op == E3TP_OP_DOT;
}

/* docs/conventions.md: by the 9j symbol as a sum of 6j symbols. */
static double strength_of_fields(const bench_problem *p, const bench_block *x, const bench_block *y,
                                 const bench_block *z)
{
    const int s = p->op == E3TP_OP_CROSS, a = x->component, b = y->component, c = z->component;
    double sum = 0;
    for (int k = 0; k <= a + z->l; k++) {
        double u = 0, v = 0, w = 0;
        if (e3tp_wigner_6j(a, b, c, s, z->l, k, &u) || e3tp_wigner_6j(1, 1, s, b, k, y->l, &v) ||
            e3tp_wigner_6j(x->l, y->l, z->l, k, a, 1, &w))
            return 0;
        sum += (2 * k + 1) * u * v * w;
    }
    const double n = (2.0 * x->l + 1) * (2.0 * y->l + 1) * (2.0 * z->l + 1);
    return fabs(sum) > 1e-13 ? sqrt((s ? 6 : 3) * n) * e3tp_gaunt_strength(a, b, c) * sum : 0;
}

static e3tp_status signal_path(bench_product *q, size_t i, size_t j, size_t k)
{
    const bench_block *x = &q->blocks[0][i], *y = &q->blocks[1][j], *z = &q->blocks[2][k];
    const double c = x->parity * y->parity != z->parity ? 0
                     : has_fields(&q->problem)          ? strength_of_fields(&q->problem, x, y, z)
                                               : strength_of(&q->problem, x->l, y->l, z->l);
    if (c == 0)
        return E3TP_OK;
    const e3tp_status s = add_path(q, i, j, k);
    if (!s)
        q->paths[q->npaths - 1].coefficient = c;
    return s;
}

static e3tp_status make_results(bench_product *q)
{
    const bench_problem *p = &q->problem;
    const int pseudo[2] = {p->l3[0] > 1 ? p->l3[0] : 1, p->l3[1]};
    e3tp_status s = E3TP_OK;
    if (p->op == E3TP_OP_CROSS)
        return make_fields(q, 2, p->l3, 1);
    if (p->op != E3TP_OP_BRACKET)
        s = make_degrees(q, 2, p->l3, 1);
    if (!s && p->op != E3TP_OP_GAUNT && p->op != E3TP_OP_DOT)
        s = make_degrees(q, 2, pseudo, -1);
    return s;
}

static e3tp_status make_power(bench_product *q)
{
    const bench_problem *p = &q->problem;
    e3tp_status s = make_degrees(q, 0, p->l1, 1);
    s = s ? s : make_degrees(q, 2, p->l3, 1);
    q->weighted = p->weights > E3TP_WEIGHTS_NONE;
    if (q->weighted)
        q->width[3] = (size_t)p->power * q->nblocks[2] * p->channels;
    return s;
}

static e3tp_status make_signals(bench_product *q)
{
    const bench_problem *p = &q->problem;
    const int fields = has_fields(p);
    e3tp_status s = fields ? make_fields(q, 0, p->l1, 0) : make_degrees(q, 0, p->l1, 1);
    s = s ? s : fields ? make_fields(q, 1, p->l2, 0) : make_degrees(q, 1, p->l2, 1);
    s = s ? s : make_results(q);
    for (size_t j = 0; !s && j < q->nblocks[1]; j++)
        q->blocks[1][j].zonal = p->zonal;
    for (size_t i = 0; !s && i < q->nblocks[0]; i++)
        for (size_t j = 0; !s && j < q->nblocks[1]; j++)
            for (size_t k = 0; !s && k < q->nblocks[2]; k++)
                s = signal_path(q, i, j, k);
    q->weighted = p->weights > E3TP_WEIGHTS_NONE;
    if (q->weighted)
        for (int k = 0; k < 3; k++)
            q->width[3] += bench_factor_terms(p, k) * q->nblocks[k] * p->channels;
    return s;
}

/* ---- plan */

static void describe_degrees(e3tp_desc *d, const bench_product *q)
{
    const int *range[3] = {q->problem.l1, q->problem.l2, q->problem.l3};
    const int powers = q->problem.op == E3TP_OP_GAUNT_POWER;
    for (int k = 0; k < 3; k += powers ? 2 : 1) {
        int l[BENCH_MAX_DEGREES];
        size_t n = 0;
        for (int i = range[k][0]; i <= range[k][1]; i++)
            l[n++] = i;
        e3tp_desc_set_degrees(d, (e3tp_operand)k, l, n);
    }
    e3tp_desc_set_channels(d, q->problem.channels);
    e3tp_desc_set_rank(d, q->problem.rank);
    if (powers)
        e3tp_desc_set_power(d, q->problem.power);
    else {
        e3tp_desc_set_y_channels(d, q->problem.y_channels);
        e3tp_desc_set_common_output(d, q->problem.common_output);
    }
    if (q->problem.zonal)
        e3tp_desc_set_y_zonal(d, 1);
}

static void describe_irreps(e3tp_desc *d, const bench_product *q, e3tp_operand which)
{
    const size_t n = q->nblocks[which];
    e3tp_irrep *s = calloc(n ? n : 1, sizeof *s);
    for (size_t i = 0; s && i < n; i++) {
        const bench_block *b = &q->blocks[which][i];
        s[i] = (e3tp_irrep){(uint32_t)b->mul, (uint16_t)b->l, (int8_t)b->parity};
    }
    e3tp_desc_set_irreps(d, which, s, n);
    free(s);
}

static void describe_paths(e3tp_desc *d, const bench_product *q)
{
    for (size_t t = 0; t < q->npaths; t++) {
        const e3tp_path path = e3tp_path_init(q->paths[t].in1, q->paths[t].in2, q->paths[t].out,
                                              q->problem.mode, q->weighted);
        e3tp_desc_add_path(d, &path);
    }
}

static void describe(e3tp_desc *d, const bench_product *q)
{
    const bench_problem *p = &q->problem;
    const int signals = bench_is_signal(p->op);
    for (int k = 0; k < 3; k++) {
        if (!signals)
            describe_irreps(d, q, (e3tp_operand)k);
        e3tp_desc_set_layout(d, (e3tp_operand)k, p->layout);
    }
    if (signals)
        describe_degrees(d, q);
    else
        describe_paths(d, q);
    if (p->by_path)
        e3tp_desc_set_weight_shape(d, E3TP_WEIGHT_BY_PATH);
    if (p->weights >= 0)
        e3tp_desc_set_weights(d, (e3tp_weights)p->weights);
    e3tp_desc_set_dtype(d, p->dtype);
    e3tp_desc_set_method(d, p->method);
    e3tp_desc_set_isa(d, p->isa);
    e3tp_desc_set_threads(d, p->threads);
    e3tp_desc_set_batch_hint(d, p->batch);
}

static e3tp_status make_plan(bench_product *q)
{
    e3tp_desc *d = NULL;
    e3tp_status s = e3tp_desc_create(&d, q->problem.op);
    if (s != E3TP_OK)
        return fail(q, s, "no descriptor");
    describe(d, q);
    s = e3tp_plan_create(&q->plan, d);
    if (s != E3TP_OK)
        fail(q, s, e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    for (int k = 0; !s && k < 4; k++)
        if (e3tp_plan_width(q->plan, (e3tp_operand)k) != q->width[k])
            s = fail(q, E3TP_E_INTERNAL, "the plan's widths are not those of the problem");
    return s;
}

e3tp_status bench_product_create(bench_product *q, const bench_problem *p)
{
    *q = (bench_product){.problem = *p};
    e3tp_status s = p->op == E3TP_OP_GAUNT_POWER ? make_power(q)
                    : bench_is_signal(p->op)     ? make_signals(q)
                                                 : make_tp(q);
    for (int k = 0; !s && k < 3; k++)
        set_offsets(q, k);
    return s ? s : make_plan(q);
}

e3tp_status bench_product_replan(bench_product *q)
{
    e3tp_plan_destroy(q->plan);
    q->plan = NULL;
    return make_plan(q);
}

void bench_product_destroy(bench_product *q)
{
    e3tp_plan_destroy(q->plan);
    for (int k = 0; k < 3; k++)
        free(q->blocks[k]);
    free(q->paths);
    for (size_t i = 0; i < q->nmemory; i++)
        free(q->memory[i]);
    *q = (bench_product){0};
}

/* ---- buffers */

static size_t weight_rows(const bench_product *q)
{
    return q->problem.weights == E3TP_WEIGHTS_ROW ? q->problem.batch : 1;
}

/* Arrays of a pass, as many as x, y, z and w have. */
static const struct {
    size_t of_x, of_z;
} arrays_of[] = {[E3TP_FORWARD] = {1, 1},
                 [E3TP_BACKWARD] = {2, 1},
                 [E3TP_DOUBLE_BACKWARD] = {3, 2},
                 [E3TP_JVP] = {2, 1}};

size_t bench_product_bytes(const bench_product *q)
{
    const bench_problem *p = &q->problem;
    const size_t x = arrays_of[p->pass].of_x, z = arrays_of[p->pass].of_z;
    const size_t rows = (q->width[0] + q->width[1]) * x + q->width[2] * z;
    return real_bytes(p->dtype) * (rows * p->batch + q->width[3] * weight_rows(q) * x) +
           e3tp_plan_work_bytes(q->plan, p->pass, p->batch);
}

static void *take(bench_product *q, size_t n, int fill)
{
    const e3tp_dtype t = q->problem.dtype;
    void *m = bench_alloc(n * real_bytes(t));
    if (m)
        q->memory[q->nmemory++] = m;
    if (m && fill)
        bench_normal(t, m, n, q->problem.seed + q->nmemory);
    return m;
}

/* Three arrays as large as x, y and w; 0 where one is missing. */
static int take_three(bench_product *q, const void *of[3], int fill)
{
    const size_t n = q->problem.batch, nw = q->width[3] * weight_rows(q);
    of[0] = take(q, n * q->width[0], fill);
    of[1] = take(q, n * q->width[1], fill);
    of[2] = q->weighted ? take(q, nw, fill) : NULL;
    return of[0] && of[1] && (of[2] || !q->weighted);
}

e3tp_status bench_product_fill(bench_product *q)
{
    const bench_problem *p = &q->problem;
    const size_t n = p->batch, nz = n * q->width[2];
    const int second = bench_is_second_order(p->pass);
    const void *in[3], *along[3] = {NULL}, *out[3] = {NULL};
    if (p->square && q->width[0] != q->width[1])
        return fail(q, E3TP_E_SHAPE, "y=x: y has another width");
    int ok = take_three(q, in, 1);
    if (second)
        ok = ok && take_three(q, along, 1);
    e3tp_buffers *b = &q->buffers;
    *b = e3tp_buffers_init(n);
    b->x = in[0], b->y = p->square ? in[0] : in[1], b->w = in[2];
    b->ggx = along[0], b->ggy = along[1], b->ggw = along[2];
    if (p->pass == E3TP_BACKWARD || p->pass == E3TP_DOUBLE_BACKWARD) {
        b->gz = take(q, nz, 1);
        ok = ok && b->gz && take_three(q, out, 0);
    }
    if (p->pass == E3TP_BACKWARD)
        b->gx = (void *)out[0], b->gy = p->skip_gy ? NULL : (void *)out[1], b->gw = (void *)out[2];
    else if (p->pass == E3TP_DOUBLE_BACKWARD)
        b->hx = (void *)out[0], b->hy = (void *)out[1], b->hw = (void *)out[2];
    if (p->pass == E3TP_FORWARD)
        ok = ok && (b->z = take(q, nz, 0));
    else if (second)
        ok = ok && (b->hz = take(q, nz, 0));
    const size_t work = e3tp_plan_work_bytes(q->plan, p->pass, n);
    b->work = work ? bench_alloc(work) : NULL;
    if (b->work)
        q->memory[q->nmemory++] = b->work;
    return ok && (b->work || !work) ? E3TP_OK : fail(q, E3TP_E_NOMEM, "no memory for the buffers");
}

void bench_product_results(const bench_product *q, const void *of[4])
{
    const e3tp_buffers *b = &q->buffers;
    const int second = q->problem.pass == E3TP_DOUBLE_BACKWARD;
    of[0] = second ? b->hx : b->gx;
    of[1] = second ? b->hy : b->gy;
    of[2] = b->z ? b->z : b->hz;
    of[3] = second ? b->hw : b->gw;
}

e3tp_status bench_product_run(const bench_product *q)
{
    static e3tp_status (*const run[])(const e3tp_plan *, const e3tp_buffers *) = {
        [E3TP_FORWARD] = e3tp_forward,
        [E3TP_BACKWARD] = e3tp_backward,
        [E3TP_DOUBLE_BACKWARD] = e3tp_double_backward,
        [E3TP_JVP] = e3tp_jvp};
    return run[q->problem.pass](q->plan, &q->buffers);
}
