/* SPDX-License-Identifier: MIT */
/* Frames of edges, and blocks of rows of the rotated form, compiled once per tier and real. Exports
   one const struct. A tile of channels at a time, whose components in the frame are lines of T. */
#include "conv/rotated.h"

#include <string.h>

#include "sh/sh_vectors.h"
#include "tile/tile.h"

enum { T = TILE_LANES, NV = TILE_VECS, DEGREES = E3TP_ROTATED_LMAX + 1 };

#define packing E3TP_NAME(e3tp_packed_kernels)
#define tiling E3TP_NAME(e3tp_tile_kernels)

/* ---- frames ---- */

/* Below this rho^2 of a direction the azimuth has no digits, and the pole is as near as rounding.
 */
#if defined(E3TP_REAL_F64)
#define TINY 1e-280
#else
#define TINY 1e-30f
#endif

/* Lines m of cos m t and sin m t, by halving: errors of log2(m) roundings. */
V_INLINE void put_multiples(int lmax, v_real c, v_real s, real *cosines, real *sines)
{
    v_store(cosines, v_set1(1)), v_store(sines, v_zero());
    for (int m = 1; m <= lmax; m++) {
        const int h = m / 2, g = m - h;
        const v_real ch = v_load(cosines + h * T), sh = v_load(sines + h * T);
        const v_real cg = m == 1 ? c : v_load(cosines + g * T),
                     sg = m == 1 ? s : v_load(sines + g * T);
        v_store(cosines + m * T, v_fnma(sh, sg, ch * cg));
        v_store(sines + m * T, v_fma(sh, cg, ch * sg));
    }
}

/* Angles of V_LANES vectors: lines of a tile of frames from their lane on; those of beta for A. */
V_INLINE void put_angles(const e3tp_frame_map *m, const real *v, real *line, real *beta)
{
    const v_real parts[3] = {v_load(v), v_load(v + T), v_load(v + 2 * T)};
    const point p = direction(parts);
    const v_real square = v_fma(p.u[0], p.u[0], p.u[2] * p.u[2]), one = v_set1(1);
    const v_int polar = (v_int)(square < v_set1(TINY));
    const v_real rho = v_sqrt(square);
    const v_real ca = v_select(polar, one, p.u[2] / rho),
                 sa = v_select(polar, v_zero(), p.u[0] / rho);
    const v_real cb = v_select(p.there, p.u[1], one), sb = v_select(polar, v_zero(), rho);
    const size_t rest = m->rest * T;
    put_multiples(m->lmax, cb, sb, beta, beta + (m->lmax + 1) * T);
    put_multiples(m->lmax, ca, sa, line + m->cosines * T, line + m->sines * T);
    v_store(line + rest, cb), v_store(line + rest + T, sb);
    v_store(line + rest + 2 * T, p.inverse), v_store(line + rest + 3 * T, p.scale);
}

V_INLINE void put_elements(const e3tp_frame_map *m, const real *beta, real *line)
{
    const real *coeff = m->coeff;
    for (size_t e = 0; e < m->cosines; e++) {
        v_real sum = v_zero();
        for (uint32_t i = m->first[e]; i < m->first[e + 1]; i++)
            sum = v_fma(v_set1(coeff[i]), v_load(beta + m->line[i] * T), sum);
        v_store(line + e * T, sum);
    }
}

static void frames(const e3tp_frame_map *m, size_t n, const void *v, void *rows, void *scratch)
{
    const e3tp_sh_vectors all = {n, v, NULL, NULL};
    real *line = scratch, *beta = line + m->width * T;
    _Alignas(64) real parts[3 * T];
    for (size_t at = 0; at < n; at += T) {
        const size_t left = n - at < T ? n - at : T;
        const e3tp_tile_map map = {m->width, 0, 1, NULL, left, 1, m->width};
        load_vectors(&all, at, left, parts);
        for (size_t lane = 0; lane < T; lane += V_LANES) {
            put_angles(m, parts + lane, line + lane, beta + lane);
            put_elements(m, beta + lane, line + lane);
        }
        tiling.unpack(&map, E3TP_LANES_ROWS, line, m->width * T, (real *)rows + at * m->width);
    }
}

/* ---- a row ---- */

/* Tiles of channels that go together, and their channels: the length of a line. */
enum { GROUP = E3TP_ROTATED_GROUP, S = GROUP * T };

typedef struct frame {
    const e3tp_rotated *p;
    const e3tp_rotated_call *c;
    real *base;
    e3tp_rotated_room at;
    const real *row; /* the edge's frame */
} frame;

/* Channels of a block in the group that begins with tile t, whole tiles; 0: none. */
V_INLINE size_t channels_of(size_t mul, size_t t)
{
    const size_t left = mul > t * T ? (mul - t * T + T - 1) / T * T : 0;
    return left < S ? left : S;
}

/* Where a block's channels lie outside of the frame: component i of tile t at of + i component + t
   tile. */
typedef struct view {
    real *of;
    size_t component, tile;
} view;

/* Block i of operand k (0 x, 1 z), order 0 of tile t: packed, or in a row of the caller's. */
V_INLINE view packed_view(const frame *f, int k, size_t i, size_t t, real *packed)
{
    const e3tp_packed *q = &f->p->packed[k];
    const size_t l = (size_t)f->p->blocks[k][i].l;
    return (view){packed + q->at[i] + t * q->stride[i] + l * T, T, q->stride[i]};
}

V_INLINE view own_view(const frame *f, int k, size_t i, size_t t, real *row)
{
    const e3tp_block *b = &f->p->problem->blocks[k ? 2 : 0][i];
    return (view){row + b->offset + (size_t)b->l * b->mul + t * T, b->mul, T};
}

/* The line of order m in a block: 0, -1, 1, -2, 2, .. */
V_INLINE size_t order(int m)
{
    return (size_t)(m >= 0 ? 2 * m : -2 * m - 1) * S;
}

/* body(nv, at) for vectors from channel `at` on, nv a literal, over n channels: few, then one at a
   time. */
#define OVER_VECTORS(few, n, body)                               \
    do {                                                         \
        size_t at_ = 0;                                          \
        for (; at_ + (few)*V_LANES <= (n); at_ += (few)*V_LANES) \
            body(few, at_);                                      \
        for (; at_ < (n); at_ += V_LANES)                        \
            body(1, at_);                                        \
    } while (0)

/* ---- into the frame and back ---- */

/* Results in registers at a time, of two vectors; blocks with code of their own. */
enum { MOST_RESULTS = NV == 1 ? 12 : 6, MOST_LITERAL = 7 };

/* nv vectors of K results of a block M [n][n], lines two apart, from k on; back: of its transpose;
   all but `from` and `to` literals, but for n and k where n is above MOST_LITERAL. */
V_INLINE void half_part(const int K, const int nv, const bool back, const size_t n, const size_t k,
                        const real *M, const real *from, real *to)
{
    v_real acc[MOST_RESULTS * 2];
    V_UNROLL
    for (int q = 0; q < K * nv; q++)
        acc[q] = v_zero();
    V_UNROLL
    for (size_t i = 0; i < n; i++) {
        v_real a[2];
        V_UNROLL
        for (int v = 0; v < nv; v++)
            a[v] = v_load(from + i * 2 * S + (size_t)(v * V_LANES));
        V_UNROLL
        for (int q = 0; q < K; q++) {
            const size_t r = k + (size_t)q;
            const v_real c = v_set1(back ? M[i * n + r] : M[r * n + i]);
            V_UNROLL
            for (int v = 0; v < nv; v++)
                acc[q * nv + v] = v_fma(c, a[v], acc[q * nv + v]);
        }
    }
    V_UNROLL
    for (int q = 0; q < K; q++)
        V_UNROLL
    for (int v = 0; v < nv; v++)
        v_store(to + (k + (size_t)q) * 2 * S + (size_t)(v * V_LANES), acc[q * nv + v]);
}

#define UP_TO_7(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7)
#define UP_TO_12(CASE) UP_TO_7(CASE) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)

/* A block of n above MOST_LITERAL. */
static void large_half(const bool back, size_t n, size_t channels, const real *M, const real *from,
                       real *to)
{
#define VECTORS(nv, at) half_part(K_, nv, back, n, k, M, from + (at), to + (at))
#define CASE(K)                                 \
    case K: {                                   \
        enum { K_ = K };                        \
        if ((K) <= MOST_RESULTS)                \
            OVER_VECTORS(2, channels, VECTORS); \
        break;                                  \
    }
    for (size_t k = 0, now; k < n; k += now)
        switch (now = e3tp_cut(n - k, MOST_RESULTS)) {
            UP_TO_12(CASE)
        }
#undef CASE
#undef VECTORS
}

/* Lines two apart of `to` = M [n][n], or its transpose, times those of `from`; back a literal. */
V_INLINE void multiply_half(const bool back, size_t n, size_t channels, const real *M,
                            const real *from, real *to)
{
#define VECTORS(nv, at)                                                    \
    do {                                                                   \
        half_part(K_, nv, back, N_, 0, M, from + (at), to + (at));         \
        if (REST_)                                                         \
            half_part(REST_, nv, back, N_, K_, M, from + (at), to + (at)); \
    } while (0)
#define CASE(N)                                                                    \
    case N: {                                                                      \
        enum { N_ = N, K_ = N <= MOST_RESULTS ? N : (N + 1) / 2, REST_ = N - K_ }; \
        OVER_VECTORS(2, channels, VECTORS);                                        \
        break;                                                                     \
    }
    switch (n) {
        UP_TO_7(CASE)
    default:
        large_half(back, n, channels, M, from, to);
    }
#undef CASE
#undef VECTORS
}

/* A tile by Z(alpha)' of order m > 0: lines a of m, b of -m. */
V_INLINE void turn(real cosine, real sine, const real *a, const real *b, real *ta, real *tb)
{
    const v_real c = v_set1(cosine), s = v_set1(sine);
    V_UNROLL
    for (int v = 0; v < T; v += V_LANES) {
        const v_real p = v_loadu(a + v), q = v_loadu(b + v);
        v_store(ta + v, v_fma(c, p, s * q));
        v_store(tb + v, v_fnma(s, p, c * q));
    }
}

/* The same by Z(alpha), overwriting or adding. */
V_INLINE void turn_back(const bool adds, real cosine, real sine, const real *a, const real *b,
                        real *ta, real *tb)
{
    const v_real c = v_set1(cosine), s = v_set1(sine);
    V_UNROLL
    for (int v = 0; v < T; v += V_LANES) {
        const v_real p = v_load(a + v), q = v_load(b + v);
        const v_real x = adds ? v_loadu(ta + v) : v_zero(), y = adds ? v_loadu(tb + v) : v_zero();
        v_storeu(ta + v, v_fnma(s, q, v_fma(c, p, x)));
        v_storeu(tb + v, v_fma(s, p, v_fma(c, q, y)));
    }
}

V_INLINE void copy_tile(const bool adds, const real *from, real *to)
{
    V_UNROLL
    for (int v = 0; v < T; v += V_LANES)
        v_storeu(to + v, adds ? v_loadu(to + v) + v_loadu(from + v) : v_loadu(from + v));
}

/* A block of degree l to lines in the frame. */
static void block_in(const frame *f, int l, size_t channels, view from, real *to)
{
    const e3tp_frame_map *m = &f->p->frames;
    const real *cosines = f->row + m->cosines, *sines = f->row + m->sines;
    const real *even = f->row + m->turn[l], *odd = even + (l + 1) * (l + 1);
    real *turned = l ? f->base + f->at.turned : to;
    for (size_t c = 0; c < channels; c += T, from.of += from.tile) {
        copy_tile(false, from.of, turned + c);
        for (size_t o = 1; o <= (size_t)l; o++)
            turn(cosines[o], sines[o], from.of + o * from.component, from.of - o * from.component,
                 turned + o * 2 * S + c, turned + o * 2 * S - S + c);
    }
    if (l) {
        multiply_half(false, (size_t)l + 1, channels, even, turned, to);
        multiply_half(false, (size_t)l, channels, odd, turned + S, to + S);
    }
}

V_INLINE void turn_block(const bool adds, const frame *f, int l, size_t channels,
                         const real *turned, view to)
{
    const e3tp_frame_map *m = &f->p->frames;
    const real *cosines = f->row + m->cosines, *sines = f->row + m->sines;
    for (size_t c = 0; c < channels; c += T, to.of += to.tile) {
        copy_tile(adds, turned + c, to.of);
        for (size_t o = 1; o <= (size_t)l; o++)
            turn_back(adds, cosines[o], sines[o], turned + o * 2 * S + c,
                      turned + o * 2 * S - S + c, to.of + o * to.component,
                      to.of - o * to.component);
    }
}

/* And back, overwriting or adding. */
static void block_out(const frame *f, int l, size_t channels, const real *from, view to, bool adds)
{
    const e3tp_frame_map *m = &f->p->frames;
    const real *even = f->row + m->turn[l], *odd = even + (l + 1) * (l + 1), *turned = from;
    if (l) {
        real *lines = f->base + f->at.turned;
        multiply_half(true, (size_t)l + 1, channels, even, from, lines);
        multiply_half(true, (size_t)l, channels, odd, from + S, lines + S);
        turned = lines;
    }
    if (adds)
        turn_block(true, f, l, channels, turned, to);
    else
        turn_block(false, f, l, channels, turned, to);
}

/* Operand k (0 x, 1 z) of the group from tile t on to lines in the frame; row: the caller's, or
   NULL for what is packed. */
static void into_frame(const frame *f, int k, size_t t, real *packed, const real *row, real *lines)
{
    const size_t n = f->p->problem->nblocks[k ? 2 : 0];
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block *b = &f->p->blocks[k][i];
        const view from = row ? own_view(f, k, i, t, (real *)row) : packed_view(f, k, i, t, packed);
        block_in(f, b->l, channels_of(b->mul, t), from, lines + b->line * S);
    }
}

static void out_of_frame(const frame *f, int k, size_t t, const real *lines, real *packed,
                         real *row, bool adds)
{
    const size_t n = f->p->problem->nblocks[k ? 2 : 0];
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block *b = &f->p->blocks[k][i];
        const view to = row ? own_view(f, k, i, t, row) : packed_view(f, k, i, t, packed);
        block_out(f, b->l, channels_of(b->mul, t), lines + b->line * S, to, adds);
    }
}

/* ---- couplings of equal orders ---- */

/* Orders whose sums are in registers at a time; vectors that K of them allow. */
enum { MOST_ORDERS = NV == 1 ? 12 : 6 };
#define WIDE(K) ((K)*4 <= (NV == 1 ? 24 : 12) ? 4 : 2)

/* Of one edge and group: weights of source s are at w + place[s]. */
typedef struct couplings {
    const real *coeff, *w;
    const size_t *place;
} couplings;

/* The sources of a step for orders from the first one on: n of them, coefficients `step` apart. */
typedef struct sources {
    size_t n, step;
    const real *coeff, *w;
    const size_t *place;
} sources;

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
        if ((K) > MOST_ORDERS)               \
            break;                           \
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
            UP_TO_12(CASE)
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

V_INLINE sources sources_of(const couplings *c, const e3tp_rotated_step *r)
{
    return (sources){r->count, (size_t)r->orders, c->coeff + r->coeff, c->w, c->place + r->first};
}

/* ---- runs ---- */

/* Vectors at a time: sums of orders of the result and of one block's weights stay in registers. */
#define RUN_WIDE(l) ((l) <= (NV == 1 ? 4 : 1) ? 2 : 1)
enum { MOST_LINES = 2 * E3TP_ROTATED_RUN_TOP + 1 };

/* What one block adds to z[line][v]; l, l1, top, odd, nv literals. */
V_INLINE void run_block(const bool odd, const int top, const int l, const int l1, const int nv,
                        const couplings *c, const e3tp_rotated_step *r, const real *x, v_real *z)
{
    const int most = l1 < l ? l1 : l, K = most + 1;
    const int high = l1 + l < top ? l1 + l : top, low = (l1 < l ? l - l1 : l1 - l) + odd;
    const real *coeff = c->coeff + r->coeff;
    const size_t *place = c->place + r->first;
    v_real a[(E3TP_ROTATED_RUN_TOP + 1) * 2];
    V_UNROLL
    for (int o = 0; o < K * nv; o++)
        a[o] = v_zero();
    V_UNROLL
    for (int i = 0; i < (high - low) / 2 + 1; i++) {
        const real *w = c->w + place[i];
        v_real lanes[2];
        V_UNROLL
        for (int v = 0; v < nv; v++)
            lanes[v] = v_loadu(w + v * V_LANES);
        V_UNROLL
        for (int o = odd; o < K; o++)
            V_UNROLL
        for (int v = 0; v < nv; v++)
            a[o * nv + v] = v_fma(v_set1(coeff[i * K + o]), lanes[v], a[o * nv + v]);
    }
    V_UNROLL
    for (int o = odd; o < K; o++)
        V_UNROLL
    for (int v = 0; v < nv; v++) {
        const v_real w = a[o * nv + v];
        const real *plus = x + o * 2 * S + v * V_LANES, *minus = plus - S;
        v_real *zp = z + 2 * o * nv + v, *zm = zp - nv;
        *zp = v_fma(w, v_load(odd ? minus : plus), *zp);
        if (o > 0)
            *zm = odd ? v_fnma(w, v_load(plus), *zm) : v_fma(w, v_load(minus), *zm);
    }
}

/* nv vectors of a block of degree l from all blocks of degrees to `top`; literals as above. */
V_INLINE void run_part(const bool odd, const int top, const int l, const int nv, const couplings of,
                       const e3tp_rotated_step *r, const real *from, real *to, size_t at)
{
    const couplings c = {of.coeff, of.w + at, of.place};
    v_real z[MOST_LINES * 2];
    to += r->to * S + at;
    V_UNROLL
    for (int q = 0; q < (2 * l + 1) * nv; q++)
        z[q] = r->fresh ? v_zero() : v_load(to + q / nv * S + q % nv * V_LANES);
    V_UNROLL
    for (int l1 = odd; l1 <= top; l1++)
        run_block(odd, top, l, l1, nv, &c, &r[l1 - odd], from + r[l1 - odd].from * S + at, z);
    V_UNROLL
    for (int q = 0; q < (2 * l + 1) * nv; q++)
        v_store(to + q / nv * S + q % nv * V_LANES, z[q]);
}

typedef void run_fn(const couplings *c, const e3tp_rotated_step *r, size_t n, const real *from,
                    real *to);

#define DEGREES_TO_1(X, top) X(top, 0) X(top, 1)
#define DEGREES_TO_2(X, top) DEGREES_TO_1(X, top) X(top, 2)
#define DEGREES_TO_3(X, top) DEGREES_TO_2(X, top) X(top, 3)
#define DEGREES_TO_4(X, top) DEGREES_TO_3(X, top) X(top, 4)
#define DEGREES_TO_5(X, top) DEGREES_TO_4(X, top) X(top, 5)
#define DEGREES_TO_6(X, top) DEGREES_TO_5(X, top) X(top, 6)
#define RUNS(X)        \
    DEGREES_TO_1(X, 1) \
    DEGREES_TO_2(X, 2) \
    DEGREES_TO_3(X, 3) DEGREES_TO_4(X, 4) DEGREES_TO_5(X, 5) DEGREES_TO_6(X, 6)

#define RUN(top, l)                                                                            \
    static void run_even_##top##_##l(const couplings *c, const e3tp_rotated_step *r, size_t n, \
                                     const real *from, real *to)                               \
    {                                                                                          \
        RUN_VECTORS(false, top, l)                                                             \
    }                                                                                          \
    static void run_odd_##top##_##l(const couplings *c, const e3tp_rotated_step *r, size_t n,  \
                                    const real *from, real *to)                                \
    {                                                                                          \
        RUN_VECTORS(true, top, l)                                                              \
    }
#define RUN_VECTORS(odd, top, l)                                         \
    size_t at = 0;                                                       \
    for (; at + RUN_WIDE(l) * V_LANES <= n; at += RUN_WIDE(l) * V_LANES) \
        run_part(odd, top, l, RUN_WIDE(l), *c, r, from, to, at);         \
    for (; at < n; at += V_LANES)                                        \
        run_part(odd, top, l, 1, *c, r, from, to, at);
RUNS(RUN)

#define RUN_ENTRY(top, l) [top][l] = {run_even_##top##_##l, run_odd_##top##_##l},
static run_fn *const runs[E3TP_ROTATED_RUN_TOP + 1][E3TP_ROTATED_RUN_TOP + 1][2] = {
    RUNS(RUN_ENTRY)};

/* q = P u; or with back gu = P' gq. */
static void combine(const frame *f, const couplings *c, size_t t, bool back, const real *from,
                    real *to)
{
    const e3tp_rotated_step *r = f->p->steps[back], *end = r + f->p->nsteps[back];
    for (; r < end; r += r->run ? r->run : 1) {
        const size_t n = channels_of(r->mul, t);
        const bool fresh = r->fresh && r->orders <= MOST_ORDERS;
        if (r->run) {
            runs[r->top][r->l_to][r->odd](c, r, n, from, to);
            continue;
        }
        if (r->clear || (r->fresh && !fresh))
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
        if ((K) > MOST_ORDERS)               \
            break;                           \
        if (!first)                          \
            OVER_VECTORS(WIDE(K), n, ZERO);  \
        else                                 \
            OVER_VECTORS(WIDE(K), n, ABOVE); \
        break;                               \
    }
    for (int first = 0, now; first < orders; first += now) {
        switch (now = (int)e3tp_cut((size_t)(orders - first), MOST_ORDERS)) {
            UP_TO_12(CASE)
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

/* The gradient of the weights of a group, u and gq lines in the frame. */
static void weigh_back(const frame *f, const couplings *c, size_t t, const real *u, const real *gq,
                       bool adds, real *gw)
{
    const e3tp_rotated_step *r = f->p->steps[0], *end = r + f->p->nsteps[0];
    for (; r < end; r++)
        if (r->count)
            (r->odd ? weigh_odd : weigh_even)(sources_of(c, r), r->orders, channels_of(r->mul, t),
                                              u + r->from * S, gq + r->to * S, adds, gw);
}

/* ---- gradients of directions ---- */

/* sum over n channels of a[i] b[j] - a[j] b[i], lanes apart. */
V_INLINE v_real turned_product(const real *ai, const real *aj, const real *bi, const real *bj,
                               size_t n)
{
    v_real sum[2] = {v_zero(), v_zero()};
    for (size_t c = 0; c < n; c += V_LANES) {
        const v_real s = v_fma(v_load(ai + c), v_load(bj + c), sum[0]);
        sum[0] = sum[1];
        sum[1] = v_fnma(v_load(aj + c), v_load(bi + c), s);
    }
    return sum[0] + sum[1];
}

/* slope[axis] += a . G b over the blocks of operand k, lines in the frame. */
static void add_slopes(const frame *f, int k, size_t t, const real *a, const real *b,
                       v_real slope[2])
{
    const e3tp_rotated *p = f->p;
    const real *coeff = p->generator_coeff;
    const size_t n = p->problem->nblocks[k ? 2 : 0];
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block q = p->blocks[k][i];
        const size_t channels = channels_of(q.mul, t), at = q.line * S;
        for (size_t g = p->generators[q.l]; g < p->generators[q.l + 1] && channels; g++) {
            const e3tp_rotated_generator e = p->generator[g];
            const size_t ei = at + order(e.i), ej = at + order(e.j);
            slope[e.axis] =
                v_fma(v_set1(coeff[g]), turned_product(a + ei, a + ej, b + ei, b + ej, channels),
                      slope[e.axis]);
        }
    }
}

/* From slopes by turns about x and z, in the frame, to the gradient by the vector. */
static void put_vector(const frame *f, const v_real slope[2], real *gv)
{
    const e3tp_frame_map *m = &f->p->frames;
    const real *rest = f->row + m->rest;
    const real ca = m->lmax ? f->row[m->cosines + 1] : 0, sa = m->lmax ? f->row[m->sines + 1] : 0;
    const real cb = rest[0], sb = rest[1];
    const real x = v_sum(slope[0]) * rest[2] * rest[3], z = v_sum(slope[1]) * rest[2] * rest[3];
    gv[0] = x * (cb * sa) - z * ca;
    gv[1] = -(x * sb);
    gv[2] = x * (cb * ca) + z * sa;
}

/* ---- weights of a group ---- */

static void pack_line(const frame *f, size_t s, size_t mul, size_t t, const real *row, real *to)
{
    const e3tp_rotated *p = f->p;
    const size_t at = t * T, channels = channels_of(mul, t), place = p->place[s];
    for (size_t c = 0; c < channels; c += V_LANES)
        v_store(to + c, place == SIZE_MAX            ? v_set1(1)
                        : p->problem->weight_by_path ? v_set1(row[p->user[s]])
                                                     : v_load_part(row + place + at, mul - at, c));
}

static void pack_weights(const frame *f, size_t t, const real *row)
{
    const e3tp_rotated_step *r = f->p->steps[0], *end = r + f->p->nsteps[0];
    for (; r < end; r++)
        for (size_t s = r->first; s < r->first + r->count; s++)
            pack_line(f, s, r->mul, t, row, f->base + f->at.w + f->p->in_line[s]);
}

static void unpack_line(const real *from, size_t n, bool adds, real *to)
{
    for (size_t c = 0; c < n; c += V_LANES)
        v_store_part(to, n, c, adds ? v_load(from + c) + v_load_part(to, n, c) : v_load(from + c));
}

static real line_sum(const real *line, size_t n)
{
    v_real sum = v_zero();
    for (size_t c = 0; c < n; c += V_LANES)
        sum += v_load(line + c);
    return v_sum(sum);
}

/* The gradient of source s to a row; adds: to what is there. */
static void unpack_source(const frame *f, size_t s, size_t mul, size_t t, bool adds, real *row)
{
    const e3tp_rotated *p = f->p;
    const real *line = f->base + f->at.gw + p->in_line[s];
    const size_t channels = channels_of(mul, t), left = channels ? mul - t * T : 0;
    real *sum = row + p->user[s];
    if (!channels || p->place[s] == SIZE_MAX)
        return;
    if (p->problem->weight_by_path)
        *sum = line_sum(line, channels) + (adds || t ? *sum : 0);
    else
        unpack_line(line, left < channels ? left : channels, adds, row + p->place[s] + t * T);
}

static void unpack_weights(const frame *f, size_t t, bool adds, real *row)
{
    const e3tp_rotated_step *r = f->p->steps[0], *end = r + f->p->nsteps[0];
    for (; r < end; r++)
        for (size_t s = r->first; s < r->first + r->count; s++)
            unpack_source(f, s, r->mul, t, adds, row);
}

/* ---- rows ---- */

static const real *row_of(const e3tp_block_call *q, int k, size_t r)
{
    const size_t at = k < OP_Z && q->rows[k] ? (size_t)q->rows[k][r] : r;
    return (const real *)q->in[k] + (ptrdiff_t)at * q->stride[k];
}

/* The couplings of row r in the group from tile t on; back: P'. */
static couplings couplings_of(const frame *f, size_t r, size_t t, bool back)
{
    const e3tp_rotated *p = f->p;
    const bool there = f->row[p->frames.rest + 2] != 0;
    const void *coeff = there ? p->coeff[back] : p->at_zero[back];
    if (!p->in_place)
        return (couplings){coeff, f->base + f->at.w, p->in_line};
    return (couplings){coeff, row_of(f->c->q, OP_W, r) + t * T, p->place};
}

static void set_weights(const frame *f, size_t r, size_t t)
{
    if (!f->p->in_place)
        pack_weights(f, t, f->p->problem->weight_numel ? row_of(f->c->q, OP_W, r) : NULL);
}

/* Row r of operand k (0 x, 1 z), gathered or one row for all: the caller's where its channels lie
   in lines, else NULL and it is packed where it is not yet. */
static const real *set_row(const frame *f, int k, size_t r, real *to)
{
    const e3tp_block_call *q = f->c->q;
    const int op = k ? OP_Z : OP_X;
    if (f->p->lies_in_lines[k])
        return row_of(q, op, r);
    if (q->stride[op] || r == 0)
        packing.pack(&f->p->packed[k], f->p->problem, k ? 2 : 0, 1, row_of(q, op, r), q->stride[op],
                     NULL, to);
    return NULL;
}

/* Where row r of z or gx goes as it is made; NULL: it waits packed, for a sum or to be unpacked. */
static real *result_row(const frame *f, int k, size_t r)
{
    const e3tp_block_call *q = f->c->q;
    const int op = k ? OP_Z : OP_X;
    return f->p->lies_in_lines[k] && q->stride[op]
               ? (real *)q->out[op] + (ptrdiff_t)r * q->stride[op]
               : NULL;
}

/* Row r of z or gx from its tiles; sums after the last row. */
static void unpack_row(const frame *f, int k, size_t r, const real *from)
{
    const e3tp_block_call *q = f->c->q;
    const int op = k ? OP_Z : OP_X;
    if (q->stride[op] || r + 1 == q->n)
        packing.unpack(&f->p->packed[k], f->p->problem, k ? 2 : 0, 1, from,
                       (real *)q->out[op] + (ptrdiff_t)r * q->stride[op], q->stride[op], false);
}

static void forward_row(const frame *f, size_t r)
{
    const e3tp_rotated *p = f->p;
    real *x = f->base + f->at.x, *z = f->base + f->at.z, *u = f->base + f->at.u,
         *q = f->base + f->at.q;
    const real *from = set_row(f, 0, r, x);
    real *to = result_row(f, 1, r);
    for (size_t t = 0; t < p->tiles; t += GROUP) {
        const couplings c = couplings_of(f, r, t, false);
        set_weights(f, r, t);
        into_frame(f, 0, t, x, from, u);
        combine(f, &c, t, false, u, q);
        out_of_frame(f, 1, t, q, z, to, !f->c->q->stride[OP_Z] && r);
    }
    if (!to)
        unpack_row(f, 1, r, z);
}

/* gu and, for directions, q. */
static void back_through(const frame *f, size_t r, size_t t, v_real slope[2])
{
    const real *u = f->base + f->at.u, *gq = f->base + f->at.gq;
    real *gu = f->base + f->at.gu, *q = f->base + f->at.q;
    const couplings c = couplings_of(f, r, t, false), back = couplings_of(f, r, t, true);
    combine(f, &back, t, true, gq, gu);
    if (!f->c->gv)
        return;
    combine(f, &c, t, false, u, q);
    add_slopes(f, 1, t, gq, q, slope);
    add_slopes(f, 0, t, u, gu, slope);
}

static void weights_back(const frame *f, size_t r, size_t t)
{
    const e3tp_rotated *p = f->p;
    const e3tp_block_call *q = f->c->q;
    const real *u = f->base + f->at.u, *gq = f->base + f->at.gq;
    const couplings c = couplings_of(f, r, t, false);
    real *row = (real *)q->out[OP_W] + (ptrdiff_t)r * q->stride[OP_W];
    const bool adds = !q->stride[OP_W];
    if (p->in_place) {
        weigh_back(f, &c, t, u, gq, adds, row + t * T);
    } else {
        weigh_back(f, &c, t, u, gq, false, f->base + f->at.gw);
        unpack_weights(f, t, adds, row);
    }
}

static void backward_row(const frame *f, size_t r)
{
    const e3tp_block_call *q = f->c->q;
    const bool weighs = q->out[OP_W] && f->p->problem->weight_numel, turns = f->c->gv;
    v_real slope[2] = {v_zero(), v_zero()};
    real *x = f->base + f->at.x, *gz = f->base + f->at.gz, *gx = f->base + f->at.gx;
    const real *of_z = set_row(f, 1, r, gz), *of_x = turns || weighs ? set_row(f, 0, r, x) : NULL;
    real *to = q->out[OP_X] ? result_row(f, 0, r) : NULL;
    for (size_t t = 0; t < f->p->tiles; t += GROUP) {
        set_weights(f, r, t);
        into_frame(f, 1, t, gz, of_z, f->base + f->at.gq);
        if (turns || weighs)
            into_frame(f, 0, t, x, of_x, f->base + f->at.u);
        if (turns || q->out[OP_X])
            back_through(f, r, t, slope);
        if (weighs)
            weights_back(f, r, t);
        if (q->out[OP_X])
            out_of_frame(f, 0, t, f->base + f->at.gu, gx, to, !q->stride[OP_X] && r);
    }
    if (q->out[OP_X] && !to)
        unpack_row(f, 0, r, gx);
    if (turns)
        put_vector(f, slope, (real *)f->c->gv + 3 * r);
}

static void run(const e3tp_rotated *p, const e3tp_rotated_call *c, void *scratch)
{
    frame f = {.p = p, .c = c, .base = scratch, .at = e3tp_rotated_rooms(p)};
    real *rows = f.base + f.at.frames;
    frames(&p->frames, c->q->n, c->v, rows, f.base + f.at.lines);
    for (size_t r = 0; r < c->q->n; r++) {
        f.row = rows + r * p->frames.width;
        (c->q->pass == E3TP_FORWARD ? forward_row : backward_row)(&f, r);
    }
}

const e3tp_rotated_kernels E3TP_NAME(e3tp_rotated_kernels) = {frames, run};
