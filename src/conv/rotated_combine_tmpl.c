/* SPDX-License-Identifier: MIT */
/* Couplings of equal orders, and the gradients of their weights, compiled once per tier and real.
 */
#include "conv/rotated_frame.h"

/* a[o][v] = sum over sources of w c[o]; K, nv literals. */
V_INLINE void sum_sources(const int K, const int nv, const sources s, size_t at, v_real *a)
{
    const real *coeff = s.coeff, *w = s.w + at;
    V_UNROLL
    for (int o = 0; o < K * nv; o++)
        a[o] = v_zero();
    for (size_t i = 0; i < s.n; i++, coeff += s.step) {
        v_real lanes[4];
        V_UNROLL
        for (int v = 0; v < nv; v++)
            lanes[v] = v_loadu(w + s.place[i] + (size_t)(v * V_LANES));
        V_UNROLL
        for (int o = 0; o < K; o++) {
            const v_real c = v_set1(coeff[o]);
            V_UNROLL
            for (int v = 0; v < nv; v++)
                a[o * nv + v] = v_fma(c, lanes[v], a[o * nv + v]);
        }
    }
}

/* z (+)= a x, or less it; literals: fresh, minus. */
V_INLINE void put_product(const bool fresh, const bool minus, v_real a, const real *x, real *z)
{
    const v_real before = fresh ? v_zero() : v_load(z);
    v_store(z, minus ? v_fnma(a, v_load(x), before) : v_fma(a, v_load(x), before));
}

/* nv vectors of K orders; zero: the first is order 0; fresh: nothing is there yet; odd: orders m of
   z are from -m of x. All but the pointers and `at` are literals. */
V_INLINE void combine_part(const bool odd, const bool zero, const bool fresh, const int K,
                           const int nv, const sources s, const real *from, real *to, size_t at)
{
    v_real a[24];
    sum_sources(K, nv, s, at, a);
    from += at, to += at;
    V_UNROLL
    for (int o = 0; o < K; o++)
        V_UNROLL
    for (int v = 0; v < nv; v++) {
        const real *x = from + o * 2 * S + v * V_LANES;
        real *z = to + o * 2 * S + v * V_LANES;
        const v_real c = a[o * nv + v];
        if (zero && o == 0) {
            if (!odd)
                put_product(fresh, false, c, x, z);
            else if (fresh)
                v_store(z, v_zero());
        } else {
            put_product(fresh, false, c, odd ? x - S : x, z);
            put_product(fresh, odd, c, odd ? x : x - S, z - S);
        }
    }
}

/* A step over n channels; odd a literal. */
V_INLINE void combine_sources(const bool odd, bool fresh, sources s, int orders, size_t n,
                              const real *from, real *to)
{
#define FRESH(nv, at) combine_part(odd, true, true, K_, nv, s, from, to, at)
#define ZERO(nv, at) combine_part(odd, true, false, K_, nv, s, from, to, at)
#define ABOVE(nv, at) combine_part(odd, false, false, K_, nv, s, from, to, at)
#define CASE(K)                              \
    case K: {                                \
        enum { K_ = K };                     \
        if (fresh)                           \
            OVER_VECTORS(WIDE(K), n, FRESH); \
        else if (!first)                     \
            OVER_VECTORS(WIDE(K), n, ZERO);  \
        else                                 \
            OVER_VECTORS(WIDE(K), n, ABOVE); \
        break;                               \
    }
    for (int first = 0, now; first < orders; first += now) {
        switch (now = (int)e3tp_cut((size_t)(orders - first), MOST_ORDERS)) {
            UP_TO_6(CASE)
        }
        s.coeff += now;
        from += now * 2 * S, to += now * 2 * S;
    }
#undef CASE
#undef FRESH
#undef ZERO
#undef ABOVE
}

static void combine_even(bool fresh, sources s, int orders, size_t n, const real *from, real *to)
{
    combine_sources(false, fresh, s, orders, n, from, to);
}

static void combine_odd(bool fresh, sources s, int orders, size_t n, const real *from, real *to)
{
    combine_sources(true, fresh, s, orders, n, from, to);
}

void E3TP_NAME(e3tp_rotated_combine)(const frame *f, const couplings *c, size_t t, bool back,
                                     bool adds, const real *from, real *to)
{
    const e3tp_rotated_step *r = f->p->steps[back], *end = r + f->p->nsteps[back];
    for (; r < end; r += r->run ? r->run : 1) {
        const size_t n = channels_of(r->mul, t);
        const bool overwrites = !adds && (r->fresh || r->clear),
                   fresh = overwrites && r->fresh && (r->run || r->orders <= MOST_ORDERS);
        if (r->run) {
            E3TP_NAME(e3tp_rotated_run)(c, r, fresh, n, from, to);
            continue;
        }
        if (overwrites && !fresh)
            memset(to + r->to * S, 0, (2 * (size_t)r->l_to + 1) * S * sizeof(real));
        if (r->count)
            (r->odd ? combine_odd : combine_even)(fresh, sources_of(c, r), r->orders, n,
                                                  from + r->from * S, to + r->to * S);
    }
}

/* ---- gradients of weights ---- */

/* What the gradient of weights sums over orders: u and gq of equal, or opposite, orders. */
V_INLINE v_real order_product(const bool odd, const bool alone, const real *x, const real *g)
{
    if (alone)
        return odd ? v_zero() : v_load(x) * v_load(g);
    return odd ? v_fnma(v_load(x), v_load(g - S), v_load(x - S) * v_load(g))
               : v_fma(v_load(x - S), v_load(g - S), v_load(x) * v_load(g));
}

/* As combine_part. */
V_INLINE void weigh_part(const bool odd, const bool zero, const int K, const int nv,
                         const sources s, const real *x, const real *g, bool adds, real *gw,
                         size_t at)
{
    const real *coeff = s.coeff;
    v_real products[24];
    V_UNROLL
    for (int o = 0; o < K; o++)
        V_UNROLL
    for (int v = 0; v < nv; v++) {
        const size_t c = (size_t)(o * 2 * S + v * V_LANES) + at;
        products[o * nv + v] = order_product(odd, zero && o == 0, x + c, g + c);
    }
    for (size_t i = 0; i < s.n; i++, coeff += s.step) {
        real *to = gw + s.place[i] + at;
        v_real sum[4];
        V_UNROLL
        for (int v = 0; v < nv; v++)
            sum[v] = adds || !zero ? v_loadu(to + v * V_LANES) : v_zero();
        V_UNROLL
        for (int o = 0; o < K; o++) {
            const v_real c = v_set1(coeff[o]);
            V_UNROLL
            for (int v = 0; v < nv; v++)
                sum[v] = v_fma(c, products[o * nv + v], sum[v]);
        }
        V_UNROLL
        for (int v = 0; v < nv; v++)
            v_storeu(to + v * V_LANES, sum[v]);
    }
}

/* A step; odd a literal. */
V_INLINE void weigh_sources(const bool odd, sources s, int orders, size_t n, const real *x,
                            const real *g, bool adds, real *gw)
{
#define ZERO(nv, at) weigh_part(odd, true, K_, nv, s, x, g, adds, gw, at)
#define ABOVE(nv, at) weigh_part(odd, false, K_, nv, s, x, g, adds, gw, at)
#define CASE(K)                              \
    case K: {                                \
        enum { K_ = K };                     \
        if (!first)                          \
            OVER_VECTORS(WIDE(K), n, ZERO);  \
        else                                 \
            OVER_VECTORS(WIDE(K), n, ABOVE); \
        break;                               \
    }
    for (int first = 0, now; first < orders; first += now) {
        switch (now = (int)e3tp_cut((size_t)(orders - first), MOST_ORDERS)) {
            UP_TO_6(CASE)
        }
        s.coeff += now;
        x += now * 2 * S, g += now * 2 * S;
    }
#undef CASE
#undef ZERO
#undef ABOVE
}

static void weigh_even(sources s, int orders, size_t n, const real *x, const real *g, bool adds,
                       real *gw)
{
    weigh_sources(false, s, orders, n, x, g, adds, gw);
}

static void weigh_odd(sources s, int orders, size_t n, const real *x, const real *g, bool adds,
                      real *gw)
{
    weigh_sources(true, s, orders, n, x, g, adds, gw);
}

void E3TP_NAME(e3tp_rotated_weigh)(const frame *f, const couplings *c, size_t t, const real *u,
                                   const real *gq, bool adds, real *gw)
{
    const e3tp_rotated_step *r = f->p->steps[0], *end = r + f->p->nsteps[0];
    for (; r < end; r++)
        if (r->count)
            (r->odd ? weigh_odd : weigh_even)(sources_of(c, r), r->orders, channels_of(r->mul, t),
                                              u + r->from * S, gq + r->to * S, adds, gw);
}
