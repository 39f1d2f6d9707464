/* SPDX-License-Identifier: MIT */
/* Blocks into the frame of an edge and back, compiled once per tier and real. */
#include "conv/rotated_frame.h"

/* Results in registers at a time, of two vectors. */
enum { MOST_RESULTS = NV == 1 ? 12 : 6 };

/* A block M [rows][n], or its transpose (back): `inputs` lines two apart of `from` to results of
   `to`, from the k-th on. */
typedef struct half {
    bool back;
    size_t inputs, n, k;
    const real *M, *from;
    real *to;
} half;

/* What input i adds to K results of nv vectors from channel `at` on; K, nv literals. */
V_INLINE void half_input(const int K, const int nv, const half h, size_t i, size_t at, v_real *acc)
{
    const real *from = h.from + i * 2 * S + at;
    v_real a[2];
    V_UNROLL
    for (int v = 0; v < nv; v++)
        a[v] = v_load(from + v * V_LANES);
    V_UNROLL
    for (int q = 0; q < K; q++) {
        const size_t r = h.k + (size_t)q;
        const v_real c = v_set1(h.back ? h.M[i * h.n + r] : h.M[r * h.n + i]);
        V_UNROLL
        for (int v = 0; v < nv; v++)
            acc[q * nv + v] = v_fma(c, a[v], acc[q * nv + v]);
    }
}

/* literal: so are all numbers of h. */
V_INLINE void half_part(const bool literal, const int K, const int nv, const half h, size_t at)
{
    v_real acc[MOST_RESULTS * 2];
    V_UNROLL
    for (int q = 0; q < K * nv; q++)
        acc[q] = v_zero();
    if (literal) {
        V_UNROLL
        for (size_t i = 0; i < h.inputs; i++)
            half_input(K, nv, h, i, at, acc);
    } else {
        V_ROLL
        for (size_t i = 0; i < h.inputs; i++)
            half_input(K, nv, h, i, at, acc);
    }
    V_UNROLL
    for (int q = 0; q < K; q++)
        V_UNROLL
    for (int v = 0; v < nv; v++)
        v_store(h.to + (h.k + (size_t)q) * 2 * S + at + (size_t)(v * V_LANES), acc[q * nv + v]);
}

/* A block of any n, of which `rows` rows count. */
static void any_half(const bool back, size_t rows, size_t n, size_t channels, const real *M,
                     const real *from, real *to)
{
    const size_t results = back ? n : rows;
    half h = {back, back ? rows : n, n, 0, M, from, to};
#define VECTORS(nv, at) half_part(false, K_, nv, h, at)
#define CASE(K)                                 \
    case K: {                                   \
        enum { K_ = K };                        \
        if ((K) <= MOST_RESULTS)                \
            OVER_VECTORS(2, channels, VECTORS); \
        break;                                  \
    }
    for (size_t now; h.k < results; h.k += now)
        switch (now = e3tp_cut(results - h.k, MOST_RESULTS)) {
            UP_TO_12(CASE)
        }
#undef CASE
#undef VECTORS
}

/* Lines two apart of `to` = M [rows][n], or its transpose, times those of `from`; back a literal.
 */
V_INLINE void multiply_half(const bool back, size_t rows, size_t n, size_t channels, const real *M,
                            const real *from, real *to)
{
#define VECTORS(nv, at)                                                            \
    do {                                                                           \
        half_part(true, K_, nv, (half){back, N_, N_, 0, M, from, to}, at);         \
        if (REST_)                                                                 \
            half_part(true, REST_, nv, (half){back, N_, N_, K_, M, from, to}, at); \
    } while (0)
#define CASE(N)                                                                    \
    case N: {                                                                      \
        enum { N_ = N, K_ = N <= MOST_RESULTS ? N : (N + 1) / 2, REST_ = N - K_ }; \
        OVER_VECTORS(2, channels, VECTORS);                                        \
        break;                                                                     \
    }
    switch (rows == n ? n : 0) {
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
    default:
        any_half(back, rows, n, channels, M, from, to);
    }
#undef CASE
#undef VECTORS
}

static void half_in(size_t rows, size_t n, size_t channels, const real *M, const real *from,
                    real *to)
{
    multiply_half(false, rows, n, channels, M, from, to);
}

static void half_out(size_t rows, size_t n, size_t channels, const real *M, const real *from,
                     real *to)
{
    multiply_half(true, rows, n, channels, M, from, to);
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

/* ---- small degrees: one pass, all components in registers ---- */

enum { MOST_SMALL = NV == 1 ? 4 : 3 };
/* Vectors at a time that components and results of a degree allow. */
#define SMALL_WIDE(l) ((l) == 1 ? 4 : (l) == 2 || NV == 1 ? 2 : 1)

/* Of an edge: A by blocks, and cos m a, sin m a from m = 0 on. */
typedef struct turning {
    const real *even, *odd, *cosines, *sines;
} turning;

V_INLINE turning turning_of(const frame *f, int l)
{
    const e3tp_frame_map *m = &f->p->frames;
    const real *even = f->row + m->turn[l];
    return (turning){even, even + (l + 1) * (l + 1), f->row + m->cosines, f->row + m->sines};
}

/* Component m of channel c. */
V_INLINE real *component(const view v, int m, size_t c)
{
    return v.of + (ptrdiff_t)m * (ptrdiff_t)v.component + c / T * v.tile + c % T;
}

/* nv vectors of component m by Z(alpha)', or from the frame by Z(alpha); l, m, nv literals. */
V_INLINE void small_in(const int l, const int nv, const turning *k, view from, real *to, size_t at)
{
    v_real x[2 * MOST_SMALL + 1][4]; /* by lines: 0, -1, 1, .. */
    V_UNROLL
    for (int v = 0; v < nv; v++) {
        const size_t c = at + (size_t)(v * V_LANES);
        x[0][v] = v_loadu(component(from, 0, c));
        V_UNROLL
        for (int m = 1; m <= l; m++) {
            const v_real cosine = v_set1(k->cosines[m]), sine = v_set1(k->sines[m]);
            const v_real p = v_loadu(component(from, m, c)), q = v_loadu(component(from, -m, c));
            x[2 * m][v] = v_fma(cosine, p, sine * q);
            x[2 * m - 1][v] = v_fnma(sine, p, cosine * q);
        }
    }
    V_UNROLL
    for (int r = 0; r <= 2 * l; r++) {
        const int odd = r % 2, n = l + 1 - odd;
        const real *M = (odd ? k->odd : k->even) + r / 2 * n;
        v_real sum[4];
        V_UNROLL
        for (int i = 0; i < n; i++)
            V_UNROLL
        for (int v = 0; v < nv; v++)
            sum[v] = v_fma(v_set1(M[i]), x[2 * i + odd][v], i ? sum[v] : v_zero());
        V_UNROLL
        for (int v = 0; v < nv; v++)
            v_store(to + (size_t)r * S + at + (size_t)(v * V_LANES), sum[v]);
    }
}

V_INLINE void put(const bool adds, real *to, v_real a)
{
    v_storeu(to, adds ? v_loadu(to) + a : a);
}

/* By a column of a block, n elements apart: lines of x, two apart. */
V_INLINE void turned_line(const int n, const int nv, const real *M, v_real (*x)[4], v_real *sum)
{
    V_UNROLL
    for (int i = 0; i < n; i++) {
        const v_real c = v_set1(M[i * n]);
        V_UNROLL
        for (int v = 0; v < nv; v++)
            sum[v] = i ? v_fma(c, x[2 * i][v], sum[v]) : c * x[0][v];
    }
}

V_INLINE void small_out(const bool adds, const int l, const int nv, const turning *k,
                        const real *from, view to, size_t at)
{
    v_real x[2 * MOST_SMALL + 1][4], even[4], odd[4];
    V_UNROLL
    for (int r = 0; r <= 2 * l; r++)
        V_UNROLL
    for (int v = 0; v < nv; v++)
        x[r][v] = v_load(from + (size_t)r * S + at + (size_t)(v * V_LANES));
    turned_line(l + 1, nv, k->even, x, even);
    V_UNROLL
    for (int v = 0; v < nv; v++)
        put(adds, component(to, 0, at + (size_t)(v * V_LANES)), even[v]);
    V_UNROLL
    for (int m = 1; m <= l; m++) {
        const v_real c = v_set1(k->cosines[m]), s = v_set1(k->sines[m]);
        turned_line(l + 1, nv, k->even + m, x, even);
        turned_line(l, nv, k->odd + m - 1, x + 1, odd);
        V_UNROLL
        for (int v = 0; v < nv; v++) {
            const size_t channel = at + (size_t)(v * V_LANES);
            put(adds, component(to, m, channel), v_fnma(s, odd[v], c * even[v]));
            put(adds, component(to, -m, channel), v_fma(s, even[v], c * odd[v]));
        }
    }
}

/* Returns true after body(nv, at) over the channels, where l is a small degree, L_ in the body. */
#define SMALL_DEGREE(l, channels, body)                 \
    case l: {                                           \
        enum { L_ = l <= MOST_SMALL ? l : MOST_SMALL }; \
        OVER_VECTORS(SMALL_WIDE(l), channels, body);    \
        return true;                                    \
    }
#define SMALL_DEGREES(l, channels, body)    \
    if (l <= MOST_SMALL)                    \
        switch (l) {                        \
            SMALL_DEGREE(1, channels, body) \
            SMALL_DEGREE(2, channels, body) \
            SMALL_DEGREE(3, channels, body) \
            SMALL_DEGREE(4, channels, body) \
        }

/* False, and nothing done: not a small degree. */
static bool small_degree_in(int l, size_t channels, const turning *k, view from, real *to)
{
#define VECTORS(nv, at) small_in(L_, nv, k, from, to, at)
    SMALL_DEGREES(l, channels, VECTORS)
#undef VECTORS
    return false;
}

V_INLINE bool small_degree_out(const bool adds, int l, size_t channels, const turning *k,
                               const real *from, view to)
{
#define VECTORS(nv, at) small_out(adds, L_, nv, k, from, to, at)
    SMALL_DEGREES(l, channels, VECTORS)
#undef VECTORS
    return false;
}

/* ---- any degree ---- */

V_INLINE void turn_block(const bool adds, int l, size_t channels, const turning *k,
                         const real *turned, view to)
{
    for (size_t c = 0; c < channels; c += T, to.of += to.tile) {
        copy_tile(adds, turned + c, to.of);
        for (size_t o = 1; o <= (size_t)l; o++)
            turn_back(adds, k->cosines[o], k->sines[o], turned + o * 2 * S + c,
                      turned + o * 2 * S - S + c, to.of + o * to.component,
                      to.of - o * to.component);
    }
}

void E3TP_NAME(e3tp_rotated_in)(const frame *f, int l, size_t channels, const view *of, real *to)
{
    view from = *of;
    const turning k = turning_of(f, l);
    const size_t n = (size_t)l, rows = f->orders < n ? f->orders : n;
    real *turned = l ? f->base + f->at.turned : to;
    if (small_degree_in(l, channels, &k, from, to))
        return;
    for (size_t c = 0; c < channels; c += T, from.of += from.tile) {
        copy_tile(false, from.of, turned + c);
        for (size_t o = 1; o <= n; o++)
            turn(k.cosines[o], k.sines[o], from.of + o * from.component,
                 from.of - o * from.component, turned + o * 2 * S + c, turned + o * 2 * S - S + c);
    }
    if (l) {
        half_in(rows + 1, n + 1, channels, k.even, turned, to);
        half_in(rows, n, channels, k.odd, turned + S, to + S);
    }
}

void E3TP_NAME(e3tp_rotated_out)(const frame *f, int l, size_t channels, const real *from,
                                 const view *of, bool adds)
{
    const view to = *of;
    const turning k = turning_of(f, l);
    const size_t n = (size_t)l, rows = f->orders <= n ? f->orders - 1 : n;
    const real *turned = from;
    if (adds ? small_degree_out(true, l, channels, &k, from, to)
             : small_degree_out(false, l, channels, &k, from, to))
        return;
    if (l) {
        real *lines = f->base + f->at.turned;
        half_out(rows + 1, n + 1, channels, k.even, from, lines);
        half_out(rows, n, channels, k.odd, from + S, lines + S);
        turned = lines;
    }
    if (adds)
        turn_block(true, l, channels, &k, turned, to);
    else
        turn_block(false, l, channels, &k, turned, to);
}
