/* SPDX-License-Identifier: MIT */
/* Convolutions that make harmonics and weights in the cache, or take y by pair of edges: against
   the same convolution of stored ones, with the chain rule written out here; single precision,
   threads, a work area. */
#include "made_checks.h"

/* ---- the chain rule by hand, in double, over a convolution of stored operands ---- */

/* Of an edge: harmonics with their derivatives, factors with theirs. */
typedef struct edge {
    double y[9], slope[3][9], bend[3][3][9];
    size_t first;
    double r, b[MOST_TERMS], db[MOST_TERMS], ddb[MOST_TERMS];
} edge;

/* The four cubic B-splines of an interval, u in 0..1 of it: textbook pieces. */
static void splines(double r, edge *q)
{
    const double h = r_max / (KNOTS - 1), at = floor(r / h), u = r / h - at, v = 1 - u;
    if (r >= r_max) {
        memset(q->b, 0, sizeof q->b), memset(q->db, 0, sizeof q->db);
        memset(q->ddb, 0, sizeof q->ddb);
        return;
    }
    const double b[] = {v * v * v / 6, (4 - 6 * u * u + 3 * u * u * u) / 6,
                        (4 - 6 * v * v + 3 * v * v * v) / 6, u * u * u / 6};
    const double db[] = {-v * v / 2, (3 * u * u - 4 * u) / 2, (4 * v - 3 * v * v) / 2, u * u / 2};
    const double ddb[] = {v, 3 * u - 2, 3 * v - 2, u};
    for (int k = 0; k < 4; k++)
        q->b[k] = b[k], q->db[k] = db[k] / h, q->ddb[k] = ddb[k] / (h * h);
    q->first += (size_t)at;
}

static edge edge_of(const world *o, const operands *p, int e)
{
    edge q = {.first = 0};
    const double *v = p->of[V] + 3 * e;
    if (o->size[V]) {
        const e3tp_sh_vectors one = {1, v, NULL, NULL};
        q.r = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        if (e3tp_sh_evaluate(o->sh, &one, q.y, q.slope, q.bend) != E3TP_OK)
            ck_abort();
    }
    if (o->s->typed)
        q.first = (size_t)o->types[e] * table_rows(o);
    if (o->size[A])
        q.r = p->of[A][(size_t)e * o->width[A]];
    if (o->s->w == SPLINE)
        splines(q.r, &q);
    if (o->s->w == RADIAL && e3tp_radial_eval(o->radial, &q.r, 1, q.b, q.db, q.ddb) != E3TP_OK)
        ck_abort();
    if (o->s->w == LAYER)
        memcpy(q.b, p->of[A] + (size_t)e * HIDDEN, HIDDEN * sizeof(double));
    return q;
}

static void add_scaled(double *to, double a, const double *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += a * from[i];
}

/* The tangent of factor k, and of the distance. */
static double distance_tangent(const world *o, const operands *p, const operands *t, int e,
                               const edge *q)
{
    return o->s->lengths ? dot(p->of[V] + 3 * e, t->of[V] + 3 * e, 3) / q->r : t->of[A][e];
}

static double factor_tangent(const world *o, const operands *p, const operands *t, int e,
                             const edge *q, size_t k)
{
    return o->s->w == LAYER ? t->of[A][(size_t)e * HIDDEN + k]
                            : q->db[k] * distance_tangent(o, p, t, e, q);
}

/* An edge's row of y, from a type's or to it. */
static void add_turned(const world *o, int e, const double *from, double *to)
{
    for (int i = 0; i < (int)o->width[Y]; i++)
        to[i] += o->reversed[e] && (int)sqrt(i) % 2 ? -from[i] : from[i];
}

/* Stored y and w of all edges, and their tangents, in place of what makes them. */
static void store_edge(const world *o, const operands *p, const operands *t, int e, operands *sp,
                       operands *st)
{
    const edge q = edge_of(o, p, e);
    const size_t ny = o->width[Y], nw = o->width[W];
    for (size_t i = 0; o->s->harmonics && i < ny; i++) {
        sp->of[Y][(size_t)e * ny + i] = q.y[i];
        st->of[Y][(size_t)e * ny + i] = 0;
        for (int d = 0; d < 3; d++)
            st->of[Y][(size_t)e * ny + i] += t->of[V][3 * e + d] * q.slope[d][i];
    }
    if (o->s->pairs) {
        const size_t type = (size_t)o->types[e] * ny;
        add_turned(o, e, p->of[Y] + type, sp->of[Y] + (size_t)e * ny);
        add_turned(o, e, t->of[Y] + type, st->of[Y] + (size_t)e * ny);
    }
    for (size_t k = 0; k < terms_of(o); k++) {
        const double *row = p->of[W] + (q.first + k) * nw, *moved = t->of[W] + (q.first + k) * nw;
        add_scaled(sp->of[W] + (size_t)e * nw, q.b[k], row, nw);
        add_scaled(st->of[W] + (size_t)e * nw, q.b[k], moved, nw);
        add_scaled(st->of[W] + (size_t)e * nw, factor_tangent(o, p, t, e, &q, k), row, nw);
    }
}

/* Back from gradients by y and w: g those of the pass, f those of backward where t counts. */
static void chain_back(const world *o, const operands *p, const operands *t, int e,
                       double *const g[OPERANDS], double *const f[OPERANDS],
                       double *const to[OPERANDS])
{
    const edge q = edge_of(o, p, e);
    const size_t ny = o->width[Y], nw = o->width[W];
    const double *gy = g[Y] + (size_t)e * ny, *gw = g[W] + (size_t)e * nw;
    const double *fy = t ? f[Y] + (size_t)e * ny : NULL, *fw = t ? f[W] + (size_t)e * nw : NULL;
    for (int d = 0; d < 3 && o->s->harmonics; d++) {
        to[V][3 * e + d] += dot(gy, q.slope[d], ny);
        for (int c = 0; c < 3 && t; c++)
            to[V][3 * e + d] += dot(fy, q.bend[d][c], ny) * t->of[V][3 * e + c];
    }
    if (o->s->pairs)
        add_turned(o, e, gy, to[Y] + (size_t)o->types[e] * ny);
    double along = 0, bent = 0; /* the gradient by the distance; of gw w' */
    const bool radial = o->s->w == SPLINE || o->s->w == RADIAL;
    const double move = t && radial ? distance_tangent(o, p, t, e, &q) : 0;
    for (size_t k = 0; k < terms_of(o); k++) {
        const size_t at = (q.first + k) * nw;
        add_scaled(to[W] + at, q.b[k], gw, nw);
        double gb = dot(p->of[W] + at, gw, nw);
        if (t) {
            add_scaled(to[W] + at, factor_tangent(o, p, t, e, &q, k), fw, nw);
            gb += dot(t->of[W] + at, fw, nw);
            along += q.ddb[k] * move * dot(p->of[W] + at, fw, nw);
            bent += q.db[k] * dot(p->of[W] + at, fw, nw);
        }
        along += q.db[k] * gb;
        if (o->s->w == LAYER)
            to[A][(size_t)e * HIDDEN + k] += gb;
    }
    if (radial && !o->s->lengths)
        to[A][e] += along;
    for (int d = 0; d < 3 && o->s->lengths; d++) {
        const double n = p->of[V][3 * e + d] / q.r;
        to[V][3 * e + d] += along * n;
        if (t)
            to[V][3 * e + d] += bent / q.r * (t->of[V][3 * e + d] - n * move);
    }
}

/* Whether operand k is stored where the convolution has something else. */
static bool is_made(const world *o, int k)
{
    return (k == Y && (o->s->harmonics || o->s->pairs)) || (k == W && o->s->w != STORED);
}

static outcome reference(const world *o, const operands *p, const operands *t)
{
    static const setting plain = {.w = STORED};
    setting s = *o->s;
    s.harmonics = plain.harmonics, s.w = plain.w, s.lengths = s.typed = s.pairs = false;
    s.kind = s.kind == ROTATED ? GENERAL : s.kind;
    world stored_world = world_of(&s, E3TP_F64, 1, false);
    operands sp = {{p->of[X], p->of[Y], p->of[W], p->of[Z], NULL, NULL}}, st = sp;
    for (int k = 0; k < OPERANDS; k++) {
        const bool made = is_made(o, k);
        st.of[k] = made ? calloc(stored_world.size[k] + 1, sizeof(double)) : t->of[k];
        if (made)
            sp.of[k] = calloc(stored_world.size[k] + 1, sizeof(double));
    }
    for (int e = 0; e < EDGES; e++)
        store_edge(o, p, t, e, &sp, &st);
    outcome plainly = run(&stored_world, &sp, &st), r = empty_outcome(o);
    for (int pass = 0; pass < 4; pass++) {
        for (int k = 0; k < OPERANDS; k++)
            if (out_size(o, pass, k) && out_size(o, pass, k) == out_size(&stored_world, pass, k) &&
                !is_made(o, k))
                memcpy(r.of[pass][k], plainly.of[pass][k], out_size(o, pass, k) * sizeof(double));
        const bool second = pass == E3TP_DOUBLE_BACKWARD;
        for (int e = 0; e < EDGES && (second || pass == E3TP_BACKWARD); e++)
            chain_back(o, p, second ? t : NULL, e, plainly.of[pass], plainly.of[E3TP_BACKWARD],
                       r.of[pass]);
    }
    for (int k = Y; k <= W; k++)
        if (is_made(o, k))
            free(sp.of[k]), free(st.of[k]);
    free_outcome(&plainly);
    free_world(&stored_world);
    return r;
}

static double largest(const double *a, size_t n)
{
    double m = 0;
    for (size_t i = 0; i < n; i++)
        m = fmax(m, fabs(a[i]));
    return m;
}

static void compare(const world *o, const outcome *got, const outcome *want, double tolerance)
{
    static const char operand[] = "xywzva";
    for (int pass = 0; pass < 4; pass++)
        for (int k = 0; k < OPERANDS; k++) {
            const size_t n = out_size(o, pass, k);
            const double *a = got->of[pass][k], *b = want->of[pass][k];
            const double most = tolerance * (1e-3 + largest(b, n));
            for (size_t i = 0; i < n; i++)
                if (!(fabs(a[i] - b[i]) <= most))
                    ck_abort_msg("pass %d, %c[%zu] is %.17g, not %.17g", pass, operand[k], i, a[i],
                                 b[i]);
        }
}

START_TEST(against_stored)
{
    world o = world_of(&settings[_i], E3TP_F64, 2, false);
    operands p = random_operands(&o), t = directions(&o);
    outcome got = run(&o, &p, &t), want = reference(&o, &p, &t);
    compare(&o, &got, &want, 1e-12);
    free_outcome(&got), free_outcome(&want);
    free_operands(&p), free_operands(&t);
    free_world(&o);
}
END_TEST

/* ---- single precision; a zero vector; threads ---- */

static void round_all(const world *o, operands *p)
{
    for (int k = 0; k < OPERANDS; k++)
        for (size_t i = 0; i < o->size[k]; i++)
            p->of[k][i] = (float)p->of[k][i];
    for (int i = 0; o->size[V] && i < 3; i++)
        p->of[V][3 * 7 + i] = 0;
}

START_TEST(single_precision)
{
    world o = world_of(&settings[_i], E3TP_F64, 1, false);
    operands p = random_operands(&o), t = directions(&o);
    round_all(&o, &p), round_all(&o, &t);
    outcome want = run(&o, &p, &t);
    for (int wide = 0; wide < 2; wide++) {
        world single = world_of(&settings[_i], E3TP_F32, 2, wide);
        outcome got = run(&single, &p, &t);
        compare(&o, &got, &want, 2e-5);
        free_outcome(&got);
        free_world(&single);
    }
    free_outcome(&want);
    free_operands(&p), free_operands(&t);
    free_world(&o);
}
END_TEST

START_TEST(threads)
{
    world o = world_of(&settings[_i], E3TP_F32, 1, false);
    operands p = random_operands(&o), t = directions(&o);
    for (int wide = 0; wide < 2; wide++) {
        world one = world_of(&settings[_i], E3TP_F32, 1, wide);
        outcome want = run(&one, &p, &t);
        for (int n = 2; n <= 4; n++) {
            world several = world_of(&settings[_i], E3TP_F32, n, wide);
            outcome got = run(&several, &p, &t);
            compare(&o, &got, &want, 0);
            free_outcome(&got);
            free_world(&several);
        }
        free_outcome(&want);
        free_world(&one);
    }
    free_operands(&p), free_operands(&t);
    free_world(&o);
}
END_TEST

/* A work area of the caller's, full of NaN, changes nothing. */
START_TEST(work_given)
{
    world o = world_of(&settings[_i], E3TP_F32, 2, _i % 2);
    operands p = random_operands(&o), t = directions(&o);
    outcome want = run(&o, &p, &t);
    gives_work = true;
    outcome got = run(&o, &p, &t);
    gives_work = false;
    compare(&o, &got, &want, 0);
    free_outcome(&got), free_outcome(&want);
    free_operands(&p), free_operands(&t);
    free_world(&o);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_argument(argc, argv);
    TCase *t = tcase_create("made");
    tcase_add_loop_test(t, against_stored, 0, COUNT_OF(settings) - CUTS);
    tcase_add_loop_test(t, single_precision, 0, COUNT_OF(settings));
    tcase_add_loop_test(t, threads, 0, COUNT_OF(settings));
    tcase_add_loop_test(t, work_given, 0, COUNT_OF(settings));
    return run_tests(t, "made", CK_NOFORK); /* a forked child is serial by design */
}
