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

/* ---- into the frame and back ---- */

/* Results in registers at a time. */
enum { MOST_RESULTS = NV == 1 ? 12 : 6 };

/* A block [n][n] of A. */
typedef struct half {
    const real *matrix;
    size_t n, row, column; /* elements from row to row, column to column */
} half;

/* Lines k .. k + K - 1 of `to` = h `from`, K a literal. */
V_INLINE void half_part(const int K, const half *h, size_t k, const real *from, real *to)
{
    v_real acc[MOST_RESULTS * NV];
    const real *M = h->matrix + k * h->row;
    V_UNROLL
    for (int q = 0; q < K * NV; q++)
        acc[q] = v_zero();
    for (size_t i = 0; i < h->n; i++, M += h->column, from += T) {
        v_real a[NV];
        V_UNROLL
        for (int v = 0; v < NV; v++)
            a[v] = v_load(from + v * V_LANES);
        V_UNROLL
        for (int q = 0; q < K; q++) {
            const v_real c = v_set1(M[(size_t)q * h->row]);
            V_UNROLL
            for (int v = 0; v < NV; v++)
                acc[q * NV + v] = v_fma(c, a[v], acc[q * NV + v]);
        }
    }
    to += k * T;
    V_UNROLL
    for (int q = 0; q < K * NV; q++)
        v_store(to + q * V_LANES, acc[q]);
}

static void multiply_half(const half *h, const real *from, real *to)
{
#define PART(K)                           \
    case K:                               \
        if ((K) <= MOST_RESULTS)          \
            half_part(K, h, k, from, to); \
        break;
    for (size_t k = 0, now; k < h->n; k += now)
        switch (now = e3tp_cut(h->n - k, MOST_RESULTS)) {
            PART(1)
            PART(2)
            PART(3)
            PART(4)
            PART(5)
            PART(6)
            PART(7)
            PART(8)
            PART(9)
            PART(10)
            PART(11)
            PART(12)
        }
#undef PART
}

/* The blocks of degree l; back: transposed. */
V_INLINE half half_of(const e3tp_frame_map *m, const real *row, int l, const bool odd,
                      const bool back)
{
    const size_t n = (size_t)l + !odd, at = m->turn[l] + (odd ? (size_t)((l + 1) * (l + 1)) : 0);
    return (half){row + at, n, back ? 1 : n, back ? n : 1};
}

/* Orders 0 .. l of a block in turned, then -1 .. -l. */
V_INLINE real *turned_line(real *turned, int l, int m)
{
    return turned + (m >= 0 ? m : l - m) * T;
}

/* Z(alpha)' of order m > 0: lines a of m, b of -m. */
V_INLINE void turn(v_real c, v_real s, const real *a, const real *b, real *ta, real *tb)
{
    V_UNROLL
    for (int v = 0; v < NV; v++) {
        const v_real p = v_load(a + v * V_LANES), q = v_load(b + v * V_LANES);
        v_store(ta + v * V_LANES, v_fma(c, p, s * q));
        v_store(tb + v * V_LANES, v_fnma(s, p, c * q));
    }
}

/* The same for Z(alpha), overwriting or adding. */
V_INLINE void turn_back(const bool adds, v_real c, v_real s, const real *a, const real *b, real *ta,
                        real *tb)
{
    V_UNROLL
    for (int v = 0; v < NV; v++) {
        const v_real p = v_load(a + v * V_LANES), q = v_load(b + v * V_LANES);
        const v_real x = adds ? v_load(ta + v * V_LANES) : v_zero(),
                     y = adds ? v_load(tb + v * V_LANES) : v_zero();
        v_store(ta + v * V_LANES, v_fnma(s, q, v_fma(c, p, x)));
        v_store(tb + v * V_LANES, v_fma(s, p, v_fma(c, q, y)));
    }
}

typedef struct frame {
    const e3tp_rotated *p;
    const e3tp_rotated_call *c;
    real *base;
    e3tp_rotated_room at;
    const real *row; /* the edge's frame */
} frame;

/* Tile t of operand k (0 x, 1 z), packed, to lines in the frame. */
static void into_frame(const frame *f, int k, size_t t, const real *packed, real *lines)
{
    const e3tp_rotated *p = f->p;
    const e3tp_frame_map *m = &p->frames;
    const size_t n = p->problem->nblocks[k ? 2 : 0];
    const real *cosines = f->row + m->cosines, *sines = f->row + m->sines;
    real *turned = f->base + f->at.turned;
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block *b = &p->blocks[k][i];
        if (b->mul <= t * T)
            continue;
        const real *from = packed + p->packed[k].at[i] + t * p->packed[k].stride[i] + b->l * T;
        real *to = lines + b->line * T;
        memcpy(b->l ? turned : to, from, T * sizeof(real));
        for (int o = 1; o <= b->l; o++)
            turn(v_set1(cosines[o]), v_set1(sines[o]), from + o * T, from - o * T,
                 turned_line(turned, b->l, o), turned_line(turned, b->l, -o));
        if (!b->l)
            continue;
        const half even = half_of(m, f->row, b->l, false, false),
                   odd = half_of(m, f->row, b->l, true, false);
        multiply_half(&even, turned, to);
        multiply_half(&odd, turned + (b->l + 1) * T, to + (b->l + 1) * T);
    }
}

/* And back: A' then Z(alpha), overwriting the tile or adding to it. */
static void out_of_frame(const frame *f, int k, size_t t, const real *lines, real *packed,
                         bool adds)
{
    const e3tp_rotated *p = f->p;
    const e3tp_frame_map *m = &p->frames;
    const size_t n = p->problem->nblocks[k ? 2 : 0];
    const real *cosines = f->row + m->cosines, *sines = f->row + m->sines;
    real *turned = f->base + f->at.turned;
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block *b = &p->blocks[k][i];
        if (b->mul <= t * T)
            continue;
        const real *from = lines + b->line * T;
        real *to = packed + p->packed[k].at[i] + t * p->packed[k].stride[i] + b->l * T;
        const half even = half_of(m, f->row, b->l, false, true),
                   odd = half_of(m, f->row, b->l, true, true);
        multiply_half(&even, from, turned);
        multiply_half(&odd, from + (b->l + 1) * T, turned + (b->l + 1) * T);
        for (int v = 0; v < T; v += V_LANES)
            v_store(to + v, v_load(turned + v) + (adds ? v_load(to + v) : v_zero()));
        for (int o = 1; o <= b->l; o++) {
            const real *a = turned_line(turned, b->l, o), *c = turned_line(turned, b->l, -o);
            if (adds)
                turn_back(true, v_set1(cosines[o]), v_set1(sines[o]), a, c, to + o * T, to - o * T);
            else
                turn_back(false, v_set1(cosines[o]), v_set1(sines[o]), a, c, to + o * T,
                          to - o * T);
        }
    }
}

/* ---- couplings of equal orders ---- */

/* Orders whose sums are in registers at a time, for one vector. */
enum { MOST_ORDERS = NV == 1 ? 12 : 6 };

/* Sums over the sources of a pair for one edge and tile: where they are read. */
typedef struct couplings {
    const e3tp_rotated *p;
    const real *coeff;
    const real *w; /* weights of the tile: source s at place[s] */
    const size_t *place;
    size_t tile;
} couplings;

/* The line of a block of which order 0 is at line `line`, in the frame's order: 0, 1 .. l, -1 ..
 * -l.
 */
V_INLINE const real *order(const real *lines, size_t zero, int l, int m)
{
    return lines + (zero + (size_t)(m >= 0 ? m : l - m)) * T;
}

/* a[o] = sum over n sources of w c[first + o], o < K; K a literal. */
V_INLINE void sum_sources(const int K, const couplings *c, size_t s, size_t n, size_t step,
                          const real *coeff, int lane, v_real *a)
{
    V_UNROLL
    for (int o = 0; o < K; o++)
        a[o] = v_zero();
    for (; n > 0; n--, s++, coeff += step) {
        const v_real w = v_loadu(c->w + c->place[s] + lane);
        V_UNROLL
        for (int o = 0; o < K; o++)
            a[o] = v_fma(v_set1(coeff[o]), w, a[o]);
    }
}

/* A pair's degrees: from, to. */
typedef struct ends {
    const real *from;
    real *to;
    int l[2];
} ends;

V_INLINE void add_to(real *p, v_real v)
{
    v_store(p, v_load(p) + v);
}

/* Orders first .. first + K - 1 of a pair, one vector; first 0 or not, K: literals. */
V_INLINE void combine_orders(const bool zero, const int K, const couplings *c,
                             const e3tp_rotated_pair *r, const ends *e, int first, int lane)
{
    const real *coeff = c->coeff + r->coeff + first;
    const size_t step = (size_t)r->orders;
    v_real a[MOST_ORDERS];
    if (r->even) {
        sum_sources(K, c, r->first, r->even, step, coeff, lane, a);
        V_UNROLL
        for (int o = 0; o < K; o++) {
            const int m = first + o;
            const size_t plus = (size_t)m * T, from = (size_t)(e->l[0] + m) * T,
                         to = (size_t)(e->l[1] + m) * T;
            const real *x = e->from + lane;
            real *z = e->to + lane;
            v_store(z + plus, v_fma(a[o], v_load(x + plus), v_load(z + plus)));
            if (!zero || o > 0)
                v_store(z + to, v_fma(a[o], v_load(x + from), v_load(z + to)));
        }
    }
    if (r->odd) {
        sum_sources(K, c, r->first + r->even, r->odd, step, coeff + r->even * step, lane, a);
        V_UNROLL
        for (int o = zero; o < K; o++) {
            const int m = first + o;
            const size_t plus = (size_t)m * T, from = (size_t)(e->l[0] + m) * T,
                         to = (size_t)(e->l[1] + m) * T;
            const real *x = e->from + lane;
            real *z = e->to + lane;
            v_store(z + plus, v_fma(a[o], v_load(x + from), v_load(z + plus)));
            v_store(z + to, v_fnma(a[o], v_load(x + plus), v_load(z + to)));
        }
    }
}

V_INLINE void combine_pair(const bool zero, const int K, const couplings *c,
                           const e3tp_rotated_pair *r, const ends *e, int first)
{
    for (int lane = 0; lane < T; lane += V_LANES)
        combine_orders(zero, K, c, r, e, first, lane);
}

#define ORDERS(CASE) \
    CASE(1)          \
    CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)

/* lines of z += P lines of x, or with back lines of x += P' lines of z. */
static void combine(const couplings *c, bool back, const real *from, real *to)
{
    const e3tp_rotated *p = c->p;
    for (size_t i = 0; i < p->npairs; i++) {
        const e3tp_rotated_pair *r = &p->pairs[i];
        if (r->mul <= c->tile * T)
            continue;
        const ends e = {from + (back ? r->z : r->x) * T,
                        to + (back ? r->x : r->z) * T,
                        {back ? r->l[1] : r->l[0], back ? r->l[0] : r->l[1]}};
#define CASE(K)                                      \
    case K:                                          \
        if ((K) <= MOST_ORDERS && !first)            \
            combine_pair(true, K, c, r, &e, 0);      \
        else if ((K) <= MOST_ORDERS)                 \
            combine_pair(false, K, c, r, &e, first); \
        break;
        for (int first = 0, now; first < r->orders; first += now)
            switch (now = (int)e3tp_cut((size_t)(r->orders - first), MOST_ORDERS)) {
                ORDERS(CASE)
            }
#undef CASE
    }
}

/* ---- gradients of weights ---- */

/* products[o] = those of order first + o whose sums weights stand before; zero, K literals. */
V_INLINE void order_products(const bool zero, const int K, const bool odd, const ends *e, int first,
                             int lane, v_real *products)
{
    V_UNROLL
    for (int o = 0; o < K; o++) {
        const int m = first + o;
        const real *x = e->from + lane, *g = e->to + lane;
        const size_t plus = (size_t)m * T, xm = (size_t)(e->l[0] + m) * T,
                     gm = (size_t)(e->l[1] + m) * T;
        const bool alone = zero && o == 0;
        if (odd)
            products[o] =
                alone ? v_zero()
                      : v_fnma(v_load(x + plus), v_load(g + gm), v_load(x + xm) * v_load(g + plus));
        else
            products[o] =
                alone ? v_load(x) * v_load(g)
                      : v_fma(v_load(x + xm), v_load(g + gm), v_load(x + plus) * v_load(g + plus));
    }
}

V_INLINE void weight_orders(const bool zero, const int K, const couplings *c,
                            const e3tp_rotated_pair *r, const ends *e, int first, bool adds,
                            real *gw)
{
    const size_t step = (size_t)r->orders;
    for (int lane = 0; lane < T; lane += V_LANES) {
        const real *coeff = c->coeff + r->coeff + first;
        size_t s = r->first;
        for (int odd = 0; odd < 2; odd++) {
            v_real products[MOST_ORDERS];
            const size_t n = odd ? r->odd : r->even;
            if (odd && n)
                order_products(zero, K, true, e, first, lane, products);
            else if (n)
                order_products(zero, K, false, e, first, lane, products);
            for (const size_t end = s + n; s < end; s++, coeff += step) {
                real *to = gw + c->place[s] + lane;
                v_real sum = adds || first ? v_loadu(to) : v_zero();
                V_UNROLL
                for (int o = 0; o < K; o++)
                    sum = v_fma(v_set1(coeff[o]), products[o], sum);
                v_storeu(to, sum);
            }
        }
    }
}

/* The gradient of the weights of a tile, x and g lines in the frame. */
static void weigh_back(const couplings *c, const real *x, real *g, bool adds, real *gw)
{
    const e3tp_rotated *p = c->p;
    for (size_t i = 0; i < p->npairs; i++) {
        const e3tp_rotated_pair *r = &p->pairs[i];
        if (r->mul <= c->tile * T)
            continue;
        const ends e = {x + r->x * T, g + r->z * T, {r->l[0], r->l[1]}};
#define CASE(K)                                                 \
    case K:                                                     \
        if ((K) <= MOST_ORDERS && !first)                       \
            weight_orders(true, K, c, r, &e, 0, adds, gw);      \
        else if ((K) <= MOST_ORDERS)                            \
            weight_orders(false, K, c, r, &e, first, adds, gw); \
        break;
        for (int first = 0, now; first < r->orders; first += now)
            switch (now = (int)e3tp_cut((size_t)(r->orders - first), MOST_ORDERS)) {
                ORDERS(CASE)
            }
#undef CASE
    }
}

/* ---- gradients of directions ---- */

/* slope[axis] += a . G b over the blocks of operand k, lines in the frame. */
static void add_slopes(const frame *f, int k, size_t t, const real *a, const real *b,
                       v_real slope[2])
{
    const e3tp_rotated *p = f->p;
    const real *coeff = p->generator_coeff;
    const size_t n = p->problem->nblocks[k ? 2 : 0];
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block *q = &p->blocks[k][i];
        for (size_t g = p->generators[q->l]; g < p->generators[q->l + 1] && q->mul > t * T; g++) {
            const e3tp_rotated_generator *e = &p->generator[g];
            const real *ai = order(a, q->line, q->l, e->i), *bi = order(b, q->line, q->l, e->i);
            const real *aj = order(a, q->line, q->l, e->j), *bj = order(b, q->line, q->l, e->j);
            for (int lane = 0; lane < T; lane += V_LANES) {
                const v_real d = v_fnma(v_load(aj + lane), v_load(bi + lane),
                                        v_load(ai + lane) * v_load(bj + lane));
                slope[e->axis] = v_fma(v_set1(coeff[g]), d, slope[e->axis]);
            }
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

/* ---- weights of a tile ---- */

static void pack_weights(const frame *f, size_t t, const real *row)
{
    const e3tp_rotated *p = f->p;
    const e3tp_problem *q = p->problem;
    real *to = f->base + f->at.w;
    for (size_t i = 0; i < p->npairs; i++) {
        const e3tp_rotated_pair *r = &p->pairs[i];
        const size_t at = t * T, left = r->mul > at ? r->mul - at : 0;
        for (size_t s = r->first; s < r->first + r->even + r->odd && left; s++)
            for (int lane = 0; lane < T; lane += V_LANES)
                v_store(to + s * T + lane, p->place[s] == SIZE_MAX ? v_set1(1)
                                           : q->weight_by_path     ? v_set1(row[p->user[s]])
                                                               : v_load_part(row + p->place[s] + at,
                                                                             left, (size_t)lane));
    }
}

static real lanes_sum(const real *line)
{
    real sum = 0;
    for (int lane = 0; lane < T; lane += V_LANES)
        sum += v_sum(v_load(line + lane));
    return sum;
}

/* Their gradient to a row; adds: to what is there. */
static void unpack_weights(const frame *f, size_t t, bool adds, real *row)
{
    const e3tp_rotated *p = f->p;
    const real *from = f->base + f->at.gw;
    for (size_t i = 0; i < p->npairs; i++) {
        const e3tp_rotated_pair *r = &p->pairs[i];
        const size_t at = t * T, left = r->mul > at ? r->mul - at : 0;
        for (size_t s = r->first; s < r->first + r->even + r->odd && left; s++) {
            real *to = row + p->place[s] + at;
            if (p->place[s] == SIZE_MAX)
                continue;
            if (p->problem->weight_by_path)
                row[p->user[s]] = lanes_sum(from + s * T) + (adds || t ? row[p->user[s]] : 0);
            else
                for (size_t lane = 0; lane < T; lane += V_LANES)
                    v_store_part(to, left, lane,
                                 v_load(from + s * T + lane) +
                                     (adds ? v_load_part(to, left, lane) : v_zero()));
        }
    }
}

/* ---- a row ---- */

static const real *row_of(const e3tp_block_call *q, int k, size_t r)
{
    const size_t at = k < OP_Z && q->rows[k] ? (size_t)q->rows[k][r] : r;
    return (const real *)q->in[k] + (ptrdiff_t)at * q->stride[k];
}

/* The couplings of tile t of row r; back: P'. */
static couplings couplings_of(const frame *f, size_t r, size_t t, bool back)
{
    const e3tp_rotated *p = f->p;
    const e3tp_block_call *q = f->c->q;
    const bool there = f->row[p->frames.rest + 2] != 0;
    const real *row = p->problem->weight_numel ? row_of(q, OP_W, r) : NULL;
    couplings c = {.p = p, .coeff = there ? p->coeff[back] : p->at_zero[back], .tile = t};
    c.w = p->in_place ? row + t * T : f->base + f->at.w;
    c.place = p->in_place ? p->place : p->in_line;
    return c;
}

static void set_weights(const frame *f, size_t r, size_t t)
{
    if (!f->p->in_place)
        pack_weights(f, t, f->p->problem->weight_numel ? row_of(f->c->q, OP_W, r) : NULL);
}

/* Operand k (0 x, 1 z), row r of a gathered or one row for all, packed where it is not yet. */
static void pack_row(const frame *f, int k, size_t r, real *to)
{
    const e3tp_block_call *q = f->c->q;
    const int op = k ? OP_Z : OP_X;
    if (q->stride[op] || r == 0)
        packing.pack(&f->p->packed[k], f->p->problem, k ? 2 : 0, 1, row_of(q, op, r), q->stride[op],
                     NULL, to);
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

static void clear_lines(const frame *f, int k, real *lines)
{
    memset(lines, 0, f->p->lines[k] * T * sizeof(real));
}

static void forward_row(const frame *f, size_t r)
{
    const e3tp_rotated *p = f->p;
    real *x = f->base + f->at.x, *z = f->base + f->at.z, *u = f->base + f->at.u,
         *q = f->base + f->at.q;
    pack_row(f, 0, r, x);
    for (size_t t = 0; t < p->tiles; t++) {
        const couplings c = couplings_of(f, r, t, false);
        set_weights(f, r, t);
        into_frame(f, 0, t, x, u);
        clear_lines(f, 1, q);
        combine(&c, false, u, q);
        out_of_frame(f, 1, t, q, z, !f->c->q->stride[OP_Z] && r);
    }
    unpack_row(f, 1, r, z);
}

static void backward_tile(const frame *f, size_t r, size_t t, v_real slope[2])
{
    const e3tp_rotated *p = f->p;
    const e3tp_block_call *call = f->c->q;
    const bool turns = f->c->gv, weighs = call->out[OP_W] && p->problem->weight_numel,
               moves = call->out[OP_X] || turns;
    real *u = f->base + f->at.u, *gu = f->base + f->at.gu, *q = f->base + f->at.q,
         *gq = f->base + f->at.gq;
    set_weights(f, r, t);
    into_frame(f, 1, t, f->base + f->at.gz, gq);
    if (turns || weighs)
        into_frame(f, 0, t, f->base + f->at.x, u);
    const couplings c = couplings_of(f, r, t, false), back = couplings_of(f, r, t, true);
    if (moves) {
        clear_lines(f, 0, gu);
        combine(&back, true, gq, gu);
    }
    if (turns) {
        clear_lines(f, 1, q);
        combine(&c, false, u, q);
        add_slopes(f, 1, t, gq, q, slope);
        add_slopes(f, 0, t, u, gu, slope);
    }
    if (weighs) {
        const bool adds = !call->stride[OP_W];
        real *row = (real *)call->out[OP_W] + (ptrdiff_t)r * call->stride[OP_W];
        weigh_back(&c, u, gq, p->in_place && adds, p->in_place ? row + t * T : f->base + f->at.gw);
        if (!p->in_place)
            unpack_weights(f, t, adds, row);
    }
    if (call->out[OP_X])
        out_of_frame(f, 0, t, gu, f->base + f->at.gx, !call->stride[OP_X] && r);
}

static void backward_row(const frame *f, size_t r)
{
    const e3tp_block_call *q = f->c->q;
    v_real slope[2] = {v_zero(), v_zero()};
    pack_row(f, 1, r, f->base + f->at.gz);
    if (f->c->gv || q->out[OP_W])
        pack_row(f, 0, r, f->base + f->at.x);
    for (size_t t = 0; t < f->p->tiles; t++)
        backward_tile(f, r, t, slope);
    if (q->out[OP_X])
        unpack_row(f, 0, r, f->base + f->at.gx);
    if (f->c->gv)
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
