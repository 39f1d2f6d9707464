/* SPDX-License-Identifier: MIT */
/* The table of the kernels of all pairs, and the form that runs from a table; compiled
   once per tier and real. */
#define E3TP_CG_PAIR_LOOPS 1
#include "cg/cg_pair_sets.h"

#include <stdlib.h>

enum { L = E3TP_CG_PAIRS_LMAX, MOST_SLOTS = 2 * L * L + 2 * L + 1 };

/* Loops of runtime length; the accumulators are as in straight-line code, and so are the bits. */
static void path(const pair_table *p, int l3, const v_real *P, const output *o)
{
    const int odd = (p->l1 + p->l2 + l3) % 2, place = l3 - abs(p->l1 - p->l2);
    const real *k = p->coefficients + place * p->row;
    const order_row *order_of = p->order[odd];
    v_real cw[TILE_VECS];
    scale_of(o, cw);
    order_0(order_of[0].terms, odd, P + order_of[0].slot * SLOT, k, cw, o->z);
    for (int M = 1; M <= l3; M++)
        order(order_of[M].terms, M, odd, P + order_of[M].slot * SLOT, k + order_of[M].first, cw,
              o->z);
}

static void make_products(const pair_table *p, int top, const real *x, const real *y, v_real *P)
{
    static void (*const make[])(product, int, int, const real *, const real *, v_real *) = {
        [E3TP_CG_PRODUCT_REAL] = product_REAL,     [E3TP_CG_PRODUCT_X0] = product_X0,
        [E3TP_CG_PRODUCT_Y0] = product_Y0,         [E3TP_CG_PRODUCT_FULL] = product_FULL,
        [E3TP_CG_PRODUCT_BOTH_0] = product_BOTH_0, [E3TP_CG_PRODUCT_BOTH] = product_BOTH,
    };
    for (int i = 0; i < p->products; i++) {
        const product *m = &p->product[i].product;
        const int want = DIFFERENCES | (m->m1 + m->m2 <= top ? SUM_ORDER : 0);
        make[p->product[i].kind](*m, want, TILE_VECS, x, y, P);
    }
}

void E3TP_NAME(e3tp_cg_pair_by_table)(const pair_table *p, size_t tiles, const real *x,
                                      size_t x_stride, const real *y, size_t y_stride,
                                      const TARGET *out)
{
    v_real P[MOST_SLOTS * SLOT];
    _Alignas(64) real ones[T];
    output o[2 * L + 1];
    const int least = abs(p->l1 - p->l2), most = p->l1 + p->l2, n = most - least + 1;
    begin(o, n, least, out, ones);
    const int top = largest_wanted(o, least, n);
    x += p->l1 * T;
    y += p->l2 * T;
    for (size_t t = 0; t < tiles; t++, x += x_stride, y += y_stride, advance(o, n)) {
        if (n == 1 && o->z)
            scaled(most, p->coefficients[0], p->l1 ? y : x, p->l1 ? x : y, o);
        if (n == 1)
            continue;
        make_products(p, top, x, y, P);
        for (int i = 0; i < n; i++)
            if (o[i].z)
                path(p, least + i, P, &o[i]);
    }
}

/* ---- calls for known sets of degrees ---- */

typedef struct wanted {
    int top;       /* the largest degree; -1: none */
    int odd, even; /* how many with l1 + l2 + l3 odd, even */
    bool alike;    /* tiles of all are equally far apart */
    size_t z_stride;
} wanted;

static wanted survey(const set_table *s, int n, const TARGET *out)
{
    const int least = abs(s->l1 - s->l2);
    wanted w = {.top = -1, .alike = true};
    for (int i = 0; i < n; i++) {
        if (!out[i].z)
            continue;
        w.alike &= w.top < 0 || out[i].z_stride == w.z_stride;
        w.z_stride = out[i].z_stride;
        w.top = least + i;
        *((s->l1 + s->l2 + w.top) % 2 ? &w.odd : &w.even) += 1;
    }
    return w;
}

static set_kernel *find(const set_table *s, const wanted *w)
{
    const e3tp_cg_set set = e3tp_cg_set_of(s->l1, s->l2, w->top, w->odd + w->even, w->odd);
    return set == E3TP_CG_SETS || !w->alike ? NULL
                                            : s->of[set][e3tp_cg_set_place(s->l1, s->l2, w->top)];
}

/* Coefficient times weight of `tiles` tiles, line after line of the wanted outputs. */
static void scale_weights(const TARGET *out, int n, size_t first, size_t tiles, real *cw)
{
    for (size_t t = first; t < first + tiles; t++)
        for (int i = 0; i < n; i++) {
            if (!out[i].z)
                continue;
            const v_real c = v_set1(out[i].c);
            for (int v = 0; v < T; v += V_LANES, cw += V_LANES)
                v_store(cw, out[i].w ? c * v_loadu(out[i].w + t * out[i].w_stride + v) : c);
        }
}

/* The weights, if they lie as kernels want them and nothing is to be multiplied by. */
static const real *ready_weights(const TARGET *out, int n)
{
    const TARGET *first = NULL;
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        if (!out[i].z)
            continue;
        first = first ? first : &out[i];
        if (!out[i].w || out[i].c != 1 || out[i].w_stride != first->w_stride ||
            out[i].w != first->w + at || (uintptr_t)out[i].w % 64)
            return NULL;
        at += T;
    }
    return first->w;
}

static void run_set(set_kernel *run, int l1, int l2, size_t tiles, const real *x, size_t x_stride,
                    const real *y, size_t y_stride, const TARGET *out)
{
    enum { AT_ONCE = 16 };
    _Alignas(64) real cw[AT_ONCE * (2 * L + 1) * T];
    const int least = abs(l1 - l2), n = 2 * (l1 < l2 ? l1 : l2) + 1;
    real *z[2 * L + 1];
    size_t z_stride = 0, w_stride = 0, count = 0;
    bool varies = false; /* some weights differ from tile to tile */
    for (int i = 0; i < n; i++) {
        z[i] = out[i].z ? out[i].z + (least + i) * T : NULL;
        if (!out[i].z)
            continue;
        z_stride = out[i].z_stride;
        w_stride = out[i].w_stride;
        varies |= out[i].w && w_stride;
        count++;
    }
    const real *ready = ready_weights(out, n);
    if (ready) {
        run(tiles, x, x_stride, y, y_stride, ready, w_stride, z, z_stride);
        return;
    }
    for (size_t t = 0, now; t < tiles; t += now) {
        now = varies && tiles - t > AT_ONCE ? AT_ONCE : tiles - t;
        scale_weights(out, n, t, varies ? now : 1, cw);
        run(now, x + t * x_stride, x_stride, y + t * y_stride, y_stride, cw, varies ? count * T : 0,
            z, z_stride);
        for (int i = 0; i < n; i++)
            z[i] += z[i] ? now * z_stride : 0;
    }
}

bool E3TP_NAME(e3tp_cg_pair_by_set)(const set_table *s, size_t tiles, const real *x,
                                    size_t x_stride, const real *y, size_t y_stride,
                                    const TARGET *out)
{
    const wanted w = survey(s, 2 * (s->l1 < s->l2 ? s->l1 : s->l2) + 1, out);
    set_kernel *run = find(s, &w);
    if (run)
        run_set(run, s->l1, s->l2, tiles, x, x_stride, y, y_stride, out);
    return run != NULL;
}

#define STRUCT CAT3(e3tp_cg_pairs, _, E3TP_REAL)
#define EACH_L1(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6)
#define DECLARE(l1)                                              \
    extern E3TP_CG_PAIR *const E3TP_NAME(e3tp_cg_pairs_l##l1)[]; \
    extern const set_table *const E3TP_NAME(e3tp_cg_sets_l##l1)[];
#define ROW_OF(l1) E3TP_NAME(e3tp_cg_pairs_l##l1),
#define SETS_OF(l1) E3TP_NAME(e3tp_cg_sets_l##l1),

EACH_L1(DECLARE)
const STRUCT E3TP_NAME(e3tp_cg_pairs) = {{EACH_L1(ROW_OF)}, {EACH_L1(SETS_OF)}, run_set};
