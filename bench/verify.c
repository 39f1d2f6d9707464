/* SPDX-License-Identifier: MIT */
#include "verify.h"

#include "pointwise.h"
#include "power.h"
#include "result.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 16 };

/* Signal methods round in a few transforms of some tens of terms; a wrong sign or index gives
 * errors near 1. */
double bench_tolerance(e3tp_dtype t)
{
    return 200 * (t == E3TP_F64 ? DBL_EPSILON : (double)FLT_EPSILON);
}

typedef struct triple { /* multiplicities that a path joins, and which weight */
    size_t u, v, o, weight;
} triple;

typedef struct path_terms {
    term_list terms; /* not owned */
    triple *triples;
    size_t ntriples;
} path_terms;

/* One row in MUL_IR order, whatever the layout. */
typedef struct row_sums {
    double *in[4];        /* x, y, gz (forward: zeros), w */
    double *along[4];     /* tangents of x, y and w */
    double *out[4];       /* gx, gy, z, gw; hx, hy, hz, hw */
    double *magnitude[4]; /* of out: sums of |terms| */
} row_sums;

/* out and magnitude of rows, the last of them of the sum of the rows before it. */
typedef struct reference {
    char key[2 * BENCH_TEXT];
    double *sums;
    int known[ROWS + 1];
} reference;

/* ---- what a path sums */

static term_list make_terms(int l1, int l2, int l3)
{
    const size_t n1 = 2 * (size_t)l1 + 1, n2 = 2 * (size_t)l2 + 1, n3 = 2 * (size_t)l3 + 1;
    double *w = malloc(n1 * n2 * n3 * sizeof *w);
    term_list t = {malloc(n1 * n2 * n3 * sizeof(term)), 0};
    if (w && t.list && e3tp_wigner_3j(l1, l2, l3, E3TP_SIGN_E3NN, w) == E3TP_OK)
        for (size_t at = 0; at < n1 * n2 * n3; at++)
            if (w[at] != 0)
                t.list[t.n++] = (term){at / (n2 * n3), at / n3 % n2, at % n3, w[at]};
    free(w);
    term *fit = t.n ? realloc(t.list, t.n * sizeof *fit) : NULL;
    if (fit)
        t.list = fit;
    return t;
}

enum { IN = 13, OUT = 25 }; /* l1, l2 < IN, l3 < OUT */

term_list bench_terms(int l1, int l2, int l3)
{
    static term_list memo[IN][IN][OUT];
    if (l1 >= IN || l2 >= IN || l3 >= OUT)
        return (term_list){NULL, 0};
    term_list *t = &memo[l1][l2][l3];
    if (!t->n) {
        free(t->list);
        *t = make_terms(l1, l2, l3);
    }
    return *t;
}

/* Modes whose output index runs freely. */
static size_t free_output(e3tp_mode mode, size_t u, size_t v, size_t m2, size_t mo, triple *list)
{
    size_t n = 0;
    for (size_t o = 0; o < mo && (mode == E3TP_UVW || u == v); o++)
        list[n++] = (triple){u, v, o, (mode == E3TP_UVW ? u * m2 + v : u) * mo + o};
    return n;
}

static size_t fixed_output(e3tp_mode mode, size_t u, size_t v, size_t m2, triple *list)
{
    if (mode == E3TP_UUU && u != v)
        return 0;
    const size_t o = mode == E3TP_UVV ? v : mode == E3TP_UVUV ? u * m2 + v : u;
    *list = (triple){u, v, o, mode == E3TP_UUU ? u : u * m2 + v};
    return 1;
}

static size_t make_triples(e3tp_mode mode, size_t m1, size_t m2, size_t mo, triple **list)
{
    const int any = mode == E3TP_UVW || mode == E3TP_UUW;
    size_t n = 0;
    *list = malloc(m1 * m2 * (any ? mo : 1) * sizeof **list);
    for (size_t u = 0; *list && u < m1; u++)
        for (size_t v = 0; v < m2; v++)
            n += any ? free_output(mode, u, v, m2, mo, *list + n)
                     : fixed_output(mode, u, v, m2, *list + n);
    return n;
}

static path_terms make_path(const bench_product *q, const bench_path *t)
{
    const bench_block *a = &q->blocks[0][t->in1], *b = &q->blocks[1][t->in2],
                      *c = &q->blocks[2][t->out];
    const e3tp_mode mode = !bench_is_signal(q->problem.op) ? q->problem.mode
                           : b->mul == a->mul              ? E3TP_UUU
                                                           : E3TP_UVU;
    path_terms p = {0};
    p.terms = bench_terms(a->l, b->l, c->l);
    p.ntriples = make_triples(mode, a->mul, b->mul, c->mul, &p.triples);
    for (size_t i = 0; i < p.ntriples && q->problem.by_path; i++)
        p.triples[i].weight = 0;
    return p;
}

/* The weights of one triple: one for a product, three factors (a, b, c) for signals, of one product
 * of the sum. Returns how many. */
static size_t weights_of(const bench_product *q, const bench_path *t, const triple *m, size_t rank,
                         size_t at[3])
{
    if (!q->weighted)
        return 0;
    if (!bench_is_signal(q->problem.op)) {
        at[0] = t->w_offset + m->weight;
        return 1;
    }
    const size_t block[3] = {t->in1, t->in2, t->out};
    size_t first = 0;
    for (int k = 0; k < 3; k++) {
        const size_t terms = bench_factor_terms(&q->problem, k), own = terms > 1 ? rank : 0;
        at[k] = (first + own * q->nblocks[k] + block[k]) * q->problem.channels + m->u;
        first += terms * q->nblocks[k];
    }
    return 3;
}

/* ---- evaluation */

static size_t element(const bench_block *b, size_t u, size_t m)
{
    return b->offset + u * bench_block_width(b) + (b->zonal ? 0 : m);
}

/* An operand, or w, at one channel of a block. */
typedef struct channel {
    const double *in, *along;
    double *out, *magnitude;
} channel;

static channel channel_at(const row_sums *s, int k, size_t at)
{
    return (channel){s->in[k] + at, s->along[k] + at, s->out[k] + at, s->magnitude[k] + at};
}

static void add(channel c, size_t at, double value)
{
    c.out[at] += value;
    c.magnitude[at] += fabs(value);
}

/* What a triple multiplies. */
typedef struct factors {
    channel x, y, z;
    size_t pole; /* the order of y that there is, or SIZE_MAX: all are */
} factors;

static factors factors_of(const bench_product *q, const bench_path *t, const triple *m,
                          const row_sums *s)
{
    const bench_block *x = &q->blocks[0][t->in1], *y = &q->blocks[1][t->in2],
                      *z = &q->blocks[2][t->out];
    return (factors){channel_at(s, 0, element(x, m->u, 0)), channel_at(s, 1, element(y, m->v, 0)),
                     channel_at(s, 2, element(z, m->o, 0)), y->zonal ? (size_t)y->l : SIZE_MAX};
}

/* Whether a term takes an order of y that is there, and where that one is. */
static int takes(const factors *f, const term *e, size_t *j)
{
    *j = f->pole == SIZE_MAX ? e->j : 0;
    return f->pole == SIZE_MAX || e->j == f->pole;
}

/* Double backward and JVP of a product with one weight or none: the terms of
   sum(gz (Z(tx, y, w) + Z(x, ty, w) + Z(x, y, tw))), by its arguments. */
static void add_second(const bench_product *q, const bench_path *t, const path_terms *p,
                       const triple *m, const row_sums *s)
{
    const factors f = factors_of(q, t, m, s);
    const channel weight = channel_at(s, 3, q->weighted ? t->w_offset + m->weight : 0);
    const double w = q->weighted ? *weight.in : 1, tw = q->weighted ? *weight.along : 0;
    for (size_t n = 0, j; n < p->terms.n; n++) {
        const term *e = &p->terms.list[n];
        if (!takes(&f, e, &j))
            continue;
        const double c = t->coefficient * e->value, x = f.x.in[e->i], y = f.y.in[j],
                     g = f.z.in[e->k], tx = f.x.along[e->i], ty = f.y.along[j];
        add(f.z, e->k, c * w * tx * y);
        add(f.z, e->k, c * w * x * ty);
        add(f.z, e->k, c * tw * x * y);
        add(f.x, e->i, c * g * w * ty);
        add(f.x, e->i, c * g * tw * y);
        add(f.y, j, c * g * w * tx);
        add(f.y, j, c * g * tw * x);
        if (q->weighted) {
            add(weight, 0, c * g * tx * y);
            add(weight, 0, c * g * x * ty);
        }
    }
}

static void add_forward(const path_terms *p, const factors *f, double weight)
{
    for (size_t n = 0, j; n < p->terms.n; n++) {
        const term *e = &p->terms.list[n];
        if (takes(f, e, &j))
            add(f->z, e->k, weight * e->value * f->x.in[e->i] * f->y.in[j]);
    }
}

/* whole: what gz z is without the weight, and [1] the sum of its |terms|. */
static void add_backward(const path_terms *p, const factors *f, double weight, double whole[2])
{
    for (size_t n = 0, j; n < p->terms.n; n++) {
        const term *e = &p->terms.list[n];
        if (!takes(f, e, &j))
            continue;
        const double x = f->x.in[e->i], y = f->y.in[j], g = f->z.in[e->k];
        add(f->x, e->i, weight * e->value * y * g);
        add(f->y, j, weight * e->value * x * g);
        whole[0] += e->value * x * y * g;
        whole[1] += fabs(e->value * x * y * g);
    }
}

static void add_first(const bench_product *q, const bench_path *t, const path_terms *p,
                      const triple *m, size_t rank, const row_sums *s)
{
    size_t at[3];
    const size_t nw = weights_of(q, t, m, rank, at);
    const factors f = factors_of(q, t, m, s);
    double weight = t->coefficient, whole[2] = {0, 0};
    for (size_t n = 0; n < nw; n++)
        weight *= s->in[3][at[n]];
    if (q->problem.pass != E3TP_BACKWARD) {
        add_forward(p, &f, weight);
        return;
    }
    add_backward(p, &f, weight, whole);
    for (size_t n = 0; n < nw; n++) {
        const double others = weight / s->in[3][at[n]]; /* normal numbers: never 0 */
        s->out[3][at[n]] += others * whole[0];
        s->magnitude[3][at[n]] += fabs(others) * whole[1];
    }
}

static void add_triple(const bench_product *q, const bench_path *t, const path_terms *p,
                       const triple *m, const row_sums *s)
{
    const size_t ranks = bench_is_signal(q->problem.op) ? q->problem.rank : 1;
    if (bench_is_second_order(q->problem.pass))
        add_second(q, t, p, m, s);
    else
        for (size_t rank = 0; rank < ranks; rank++)
            add_first(q, t, p, m, rank, s);
}

static void load(const bench_product *q, int which, const void *data, size_t row, double *out)
{
    for (size_t b = 0; data && b < q->nblocks[which]; b++)
        for (size_t u = 0; u < q->blocks[which][b].mul; u++)
            for (size_t m = 0; m < bench_block_width(&q->blocks[which][b]); m++)
                out[element(&q->blocks[which][b], u, m)] = bench_get(
                    q->problem.dtype, data, bench_product_at(q, (e3tp_operand)which, row, b, u, m));
}

static void load_weights(const bench_product *q, const void *data, size_t row, double *out)
{
    const size_t from = q->problem.weights == E3TP_WEIGHTS_ROW ? row * q->width[3] : 0;
    for (size_t i = 0; data && i < q->width[3]; i++)
        out[i] = bench_get(q->problem.dtype, data, from + i);
}

/* A row of each operand. */
static int rows_create(const bench_product *q, double *row[4])
{
    int ok = 1;
    for (int k = 0; k < 4; k++) {
        row[k] = calloc(q->width[k] + 1, sizeof *row[k]);
        ok = ok && row[k];
    }
    return ok;
}

static void rows_destroy(double *row[4])
{
    for (int k = 0; k < 4; k++)
        free(row[k]);
}

static void sums_clear(const bench_product *q, const row_sums *s)
{
    for (int k = 0; k < 4; k++)
        for (size_t i = 0; i < q->width[k]; i++)
            s->out[k][i] = s->magnitude[k][i] = 0;
}

/* x and w moved by t of their tangents, and results there, times a factor, added. */
static void add_moved(const bench_product *q, const row_sums *s, double t, double factor,
                      const row_sums *at)
{
    for (int k = 0; k < 4; k++)
        for (size_t i = 0; i < q->width[k]; i++)
            at->in[k][i] = s->in[k][i] + (k == 0 || k == 3 ? t * s->along[k][i] : 0);
    sums_clear(q, at);
    bench_power_evaluate(q, (const double *const *)at->in, at->out, at->magnitude);
    for (int k = 0; k < 4; k++)
        for (size_t i = 0; i < q->width[k]; i++) {
            s->out[k][i] += factor * at->out[k][i];
            s->magnitude[k][i] += fabs(factor) * at->magnitude[k][i];
        }
}

/* hx, hz and hw of a power: the change of gx, z and gw where x and w move along ggx and ggw. They
   are polynomials in the way, of degree 5 at most: of those this difference is exact. */
static void add_power_second(const bench_product *q, const row_sums *s)
{
    static const double difference[] = {0, 3 / 4.0, -3 / 20.0, 1 / 60.0};
    row_sums at = {0};
    const int in = rows_create(q, at.in), out = rows_create(q, at.out),
              ok = rows_create(q, at.magnitude) && in && out;
    for (int t = 1; t <= 3; t++)
        for (int sign = -1; sign <= 1; sign += 2)
            if (ok)
                add_moved(q, s, sign * t, sign * difference[t], &at);
    if (!ok)
        s->magnitude[2][0] = NAN; /* an error like any other */
    rows_destroy(at.in);
    rows_destroy(at.out);
    rows_destroy(at.magnitude);
}

/* Whether paths have no terms: a product of functions of degrees beyond those of bench_terms. */
static int is_pointwise(const bench_product *q)
{
    const bench_problem *p = &q->problem;
    return p->op == E3TP_OP_GAUNT && !q->weighted && (p->l1[1] >= IN || p->l2[1] >= IN);
}

/* Whether several threads may evaluate rows: powers and pointwise products keep tables. */
static int is_sum_of_terms(const bench_product *q)
{
    return q->problem.op != E3TP_OP_GAUNT_POWER && !is_pointwise(q);
}

/* Adds to out and magnitude of s, given inputs' room. */
static void add_results(const bench_product *q, const path_terms *paths, size_t row,
                        const row_sums *s)
{
    const e3tp_buffers *b = &q->buffers;
    load(q, 0, b->x, row, s->in[0]);
    load(q, 1, b->y, row, s->in[1]);
    load(q, 2, b->gz, row, s->in[2]);
    load_weights(q, b->w, row, s->in[3]);
    load(q, 0, b->ggx, row, s->along[0]);
    load(q, 1, b->ggy, row, s->along[1]);
    load_weights(q, b->ggw, row, s->along[3]);
    if (q->problem.op == E3TP_OP_GAUNT_POWER && bench_is_second_order(q->problem.pass))
        add_power_second(q, s);
    else if (q->problem.op == E3TP_OP_GAUNT_POWER)
        bench_power_evaluate(q, (const double *const *)s->in, s->out, s->magnitude);
    else if (is_pointwise(q))
        bench_pointwise_evaluate(q, (const double *const *)s->in, s->out, s->magnitude);
    for (size_t t = 0; t < q->npaths; t++)
        for (size_t m = 0; m < paths[t].ntriples; m++)
            add_triple(q, &q->paths[t], &paths[t], &paths[t].triples[m], s);
}

/* Adds what a row has for out and magnitude of s; 0 where memory is short. */
static int evaluate(const bench_product *q, const path_terms *paths, size_t row, row_sums s)
{
    const int in = rows_create(q, s.in), ok = rows_create(q, s.along) && in;
    if (ok)
        add_results(q, paths, row, &s);
    rows_destroy(s.in);
    rows_destroy(s.along);
    return ok;
}

/* ---- references: problems that differ in method, tier and threads alone have one */

static void make_key(const bench_problem *p, char *key)
{
    static const char *const others[] = {"method=", "isa=", "threads=", "name="};
    for (const char *at = p->text; *at;) {
        const size_t n = strcspn(at, " ") + (at[strcspn(at, " ")] != 0);
        int counts = 1;
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            counts = counts && strncmp(at, others[i], strlen(others[i])) != 0;
        if (counts)
            memcpy(key, at, n), key += n;
        at += n;
    }
    *key = 0;
}

static size_t sums_of_row(const bench_product *q)
{
    return 2 * (q->width[0] + q->width[1] + q->width[2] + q->width[3]);
}

/* One of the last few, or a new one; NULL: memory is short. */
static reference *reference_of(const bench_product *q)
{
    enum { KEPT = 4 };
    static reference kept[KEPT];
    static size_t oldest;
    reference now = {.sums = NULL};
    make_key(&q->problem, now.key);
    for (size_t i = 0; i < KEPT; i++)
        if (kept[i].sums && !strcmp(kept[i].key, now.key))
            return &kept[i];
    reference *r = &kept[oldest++ % KEPT];
    free(r->sums);
    now.sums = calloc((ROWS + 1) * sums_of_row(q) + 1, sizeof *now.sums);
    *r = now;
    return r->sums ? r : NULL;
}

/* Where the sums of row i are, or belong. */
static row_sums sums_at(const bench_product *q, const reference *r, size_t i)
{
    row_sums at = {0};
    double *next = r->sums + i * sums_of_row(q);
    for (int k = 0; k < 4; k++) {
        at.out[k] = next;
        at.magnitude[k] = next + q->width[k];
        next += 2 * q->width[k];
    }
    return at;
}

/* ---- comparison */

static double compare(const double *got, const row_sums *s, int which, size_t n)
{
    double scale = DBL_MIN, err = 0;
    for (size_t i = 0; i < n; i++)
        scale = bench_worse(scale, s->magnitude[which][i]);
    for (size_t i = 0; i < n; i++)
        err = bench_worse(err, fabs(got[i] - s->out[which][i]) / scale);
    return err;
}

/* Errors of one row's own results: all but the gradient of shared weights. */
static double check_row(const bench_product *q, size_t row, const row_sums *s, double *scratch)
{
    const void *results[4];
    bench_product_results(q, results);
    double err = 0;
    for (int k = 0; k < 3; k++)
        if (results[k]) {
            load(q, k, results[k], row, scratch);
            err = bench_worse(err, compare(scratch, s, k, q->width[k]));
        }
    if (results[3] && q->problem.weights == E3TP_WEIGHTS_ROW) {
        load_weights(q, results[3], row, scratch);
        err = bench_worse(err, compare(scratch, s, 3, q->width[3]));
    }
    return err;
}

/* The first rows alone, so that their sum is the whole gradient of the shared weights. */
static double check_shared(const bench_product *q, const path_terms *paths, reference *ref,
                           size_t rows, double *scratch)
{
    bench_product first = *q;
    e3tp_buffers *b = &first.buffers;
    b->batch = rows;
    b->work = NULL;
    if (q->problem.layout == E3TP_BATCH_LAST)
        b->stride_x = b->stride_y = b->stride_z = (ptrdiff_t)q->problem.batch;
    if (bench_product_run(&first) != E3TP_OK)
        return NAN;
    const row_sums at = sums_at(q, ref, ROWS);
    int ok = 1;
    for (size_t r = 0; r < rows && !ref->known[ROWS]; r++)
        ok = ok && evaluate(q, paths, r, at);
    ref->known[ROWS] = 1;
    if (!ok)
        at.magnitude[3][0] = NAN; /* an error like any other */
    const void *results[4];
    bench_product_results(q, results);
    load_weights(q, results[3], 0, scratch);
    return compare(scratch, &at, 3, q->width[3]);
}

/* Which row of the batch is compared as number r of so many. */
static size_t row_of(size_t r, size_t rows, size_t batch)
{
    return rows > 1 ? r * (batch - 1) / (rows - 1) : 0;
}

/* Rows that no problem before has evaluated, by all threads. */
static void evaluate_rows(const bench_product *q, const path_terms *paths, reference *ref,
                          size_t rows)
{
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic) if (is_sum_of_terms(q))
#endif
    for (size_t r = 0; r < rows; r++)
        if (!ref->known[r])
            ref->known[r] =
                evaluate(q, paths, row_of(r, rows, q->problem.batch), sums_at(q, ref, r));
}

static double check_all(const bench_product *q, const path_terms *paths)
{
    const size_t batch = q->problem.batch, rows = batch < ROWS ? batch : ROWS;
    size_t widest = 0;
    for (int k = 0; k < 4; k++)
        widest = q->width[k] > widest ? q->width[k] : widest;
    reference *ref = reference_of(q);
    double *scratch = ref ? malloc((widest + 1) * sizeof *scratch) : NULL, err = scratch ? 0 : NAN;
    if (scratch)
        evaluate_rows(q, paths, ref, rows);
    for (size_t r = 0; scratch && r < rows; r++) {
        const row_sums at = sums_at(q, ref, r);
        const double of_row = check_row(q, row_of(r, rows, batch), &at, scratch);
        err = bench_worse(err, ref->known[r] ? of_row : NAN);
    }
    const void *results[4];
    bench_product_results(q, results);
    if (scratch && results[3] && q->problem.weights != E3TP_WEIGHTS_ROW)
        err = bench_worse(err, check_shared(q, paths, ref, rows, scratch));
    free(scratch);
    return err;
}

static double largest_error(bench_product *q)
{
    double err = NAN;
    const size_t summed = is_pointwise(q) ? 0 : q->npaths;
    q->nonzeros = summed ? 0 : NAN;
    path_terms *paths = calloc(q->npaths + 1, sizeof *paths);
    int ok = paths != NULL;
    for (size_t t = 0; ok && t < summed; t++) {
        paths[t] = make_path(q, &q->paths[t]);
        ok = paths[t].terms.n && paths[t].ntriples;
        q->nonzeros += (double)paths[t].terms.n * (double)paths[t].ntriples;
    }
    if (ok)
        err = check_all(q, paths);
    for (size_t t = 0; paths && t < q->npaths; t++)
        free(paths[t].triples);
    free(paths);
    return err;
}

int bench_verify(bench_product *q, double *max_err)
{
    *max_err = NAN;
    if (bench_is_second_order(q->problem.pass) && bench_is_signal(q->problem.op) &&
        q->problem.op != E3TP_OP_GAUNT_POWER) {
        snprintf(q->message, sizeof q->message,
                 "this pass of a product of signals has no direct evaluation");
        return 0;
    }
    const e3tp_status status = bench_product_run(q);
    if (status != E3TP_OK) {
        snprintf(q->message, sizeof q->message, "%s", e3tp_status_string(status));
        return 0;
    }
    *max_err = largest_error(q);
    if (*max_err <= bench_tolerance(q->problem.dtype))
        return 1;
    snprintf(q->message, sizeof q->message, "wrong by %.2g, allowed %.2g", *max_err,
             bench_tolerance(q->problem.dtype));
    return 0;
}

int bench_verified(bench_product *q, const char *text, char *why, size_t cap)
{
    bench_problem p;
    double err;
    if (!bench_problem_parse(text, &p, 1, why, cap))
        return 0;
    if (bench_product_create(q, &p) == E3TP_OK && bench_product_fill(q) == E3TP_OK &&
        bench_verify(q, &err))
        return 1;
    snprintf(why, cap, "%s", q->message);
    return 0;
}
