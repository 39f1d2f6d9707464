/* SPDX-License-Identifier: MIT */
/* Kernels of folded paths, compiled once per tier and real. Exports one const struct. */
#include "cg/cg_folded.h"

#include <stdbool.h>

#include "cg/cg_sums.h"
#include "simd/transpose.h"
#include "tile/tile.h"

enum { T = 64 / sizeof(real), NV = TILE_VECS };

#define COMPONENT_(r) e3tp_cg_component_##r
#define COMPONENT(r) COMPONENT_(r)
typedef COMPONENT(E3TP_REAL) component;

V_INLINE real *place(const component *c, size_t row, size_t tile)
{
    return c->v + row * c->row + tile * c->tile;
}

/* ---- product ---- */

/* Sums in registers: so many results by two vectors, by four where they are few; of the rest of a
   row by those of REST. */
enum {
    PAIR = 2,
    FOUR = 4,
    MOST_RESULTS = NV == 1 ? 12 : 6,
    FEW_RESULTS = NV == 1 ? 5 : 3,
    REST_RESULTS = 4
};

/* A row. */
typedef struct product_job {
    size_t tiles;
    int rest;
    size_t n, N;
    const component *x, *z;
    const real *const *from; /* tile 0 of the components of x */
    size_t row;
    bool fresh;
} product_job;

/* acc += x M for a component of x, of tiles `step` apart: one result after the other, or one
   vector, which takes one register less where results are fewer. */
V_INLINE void product_by_results(const int K, const int nv, const real *x, size_t step,
                                 row_place at, const real *M, v_real *acc)
{
    const int vectors = vectors_of(nv);
    v_real a[FOUR];
    V_UNROLL
    for (int v = 0; v < vectors; v++)
        a[v] = load_vector(nv, x + vector_at(v, step), at, v);
    V_UNROLL
    for (int q = 0; q < K; q++) {
        v_real c = v_set1(M[q]);
        V_PIN(c);
        V_UNROLL
        for (int v = 0; v < vectors; v++)
            V_ADD_PRODUCT(acc[q * vectors + v], c, a[v]);
    }
}

V_INLINE void product_by_vectors(const int K, const int nv, const real *x, size_t step,
                                 row_place at, const real *M, v_real *acc)
{
    const int vectors = vectors_of(nv);
    v_real c[FOUR];
    V_UNROLL
    for (int q = 0; q < K; q++) {
        c[q] = v_set1(M[q]);
        V_PIN(c[q]);
    }
    V_UNROLL
    for (int v = 0; v < vectors; v++) {
        v_real a = load_vector(nv, x + vector_at(v, step), at, v);
        V_PIN(a);
        V_UNROLL
        for (int q = 0; q < K; q++)
            V_ADD_PRODUCT(acc[q * vectors + v], c[q], a);
    }
}

/* K results of nv vectors, which go to tiles of `to`; K, nv literals. */
V_INLINE void product_tile(const int K, const int nv, const product_job *j, row_place at,
                           const component *to, const real *M)
{
    const int vectors = vectors_of(nv);
    v_real acc[MOST_RESULTS * PAIR];
    clear_sums(K * vectors, acc);
    for (size_t i = 0; i < j->n; i++, M += j->N) {
        const size_t step = j->x[i].tile;
        const real *x = j->from[i] + at.t * step + at.lane;
        if (NV > 1 && K < vectors)
            product_by_vectors(K, nv, x, step, at, M, acc);
        else
            product_by_results(K, nv, x, step, at, M, acc);
    }
    V_UNROLL
    for (int q = 0; q < K; q++) {
        real *z = to[q].v + at.t * to[q].tile + at.lane;
        V_UNROLL
        for (int v = 0; v < vectors; v++) {
            real *p = z + vector_at(v, to[q].tile);
            const v_real sum = acc[q * vectors + v];
            store_vector(nv, p, at, v, j->fresh ? sum : load_vector(nv, p, at, v) + sum);
        }
    }
}

/* The tiles of K results from the k-th on. */
V_INLINE void list_tiles(const int K, const product_job *j, size_t k, component *to)
{
    for (int q = 0; q < K; q++)
        to[q] = (component){place(&j->z[k + (size_t)q], j->row, 0), 0, j->z[k + (size_t)q].tile};
}

/* K results from the k-th on, whole tiles. */
V_INLINE void product_results(const int K, const product_job *j, size_t k, const real *M)
{
    const int nv = K <= FEW_RESULTS ? FOUR : PAIR, single = NV == 1 ? 1 : PAIR;
    const size_t step = nv > NV ? (size_t)(nv / NV) : 1;
    component to[MOST_RESULTS];
    list_tiles(K, j, k, to);
    size_t t = 0;
    for (; t + step <= j->tiles; t += step)
        for (int lane = 0; lane < (int)step * T; lane += nv * V_LANES)
            product_tile(K, nv, j, tile_place(t, lane), to, M + k);
    for (; t < j->tiles; t++)
        for (int lane = 0; lane < T; lane += single * V_LANES)
            product_tile(K, single, j, tile_place(t, lane), to, M + k);
}

/* The same of the rest of the row. */
V_INLINE void product_rest(const int K, const product_job *j, size_t k, const real *M)
{
    component to[REST_RESULTS];
    list_tiles(K, j, k, to);
    for (int i = 0; i * REST_LANES < j->rest; i++)
        product_tile(K, REST, j, rest_at(j->tiles, j->rest, i), to, M + k);
}

/* Where the components of x begin. */
V_INLINE void list_sources(const product_job *j, const int64_t *index, const real **from)
{
    for (size_t i = 0; i < j->n; i++)
        from[i] = place(&j->x[i], listed(index, j->row), 0);
}

V_INLINE void product_row_rest(const product_job *j, const real *M)
{
    for (size_t k = 0, now; k < j->N; k += now)
        switch (now = e3tp_cut(j->N - k, REST_RESULTS)) {
        case 4:
            product_rest(4, j, k, M);
            break;
        case 3:
            product_rest(3, j, k, M);
            break;
        case 2:
            product_rest(2, j, k, M);
            break;
        default:
            product_rest(1, j, k, M);
        }
}

/* Not part of `product`, whose loops want all registers. */
static __attribute__((noinline)) void
product_rests(size_t rows, product_job j, const int64_t *index, const real *M, const real **from)
{
    for (j.row = 0; j.row < rows; j.row++, M += j.n * j.N) {
        list_sources(&j, index, from);
        product_row_rest(&j, M);
    }
}

static void product(size_t rows, size_t channels, const component *x, size_t n,
                    const int64_t *index, const component *z, size_t N, const real *M, int fresh,
                    const real **from)
{
#define RESULTS(K)                        \
    case K:                               \
        if ((K) <= MOST_RESULTS)          \
            product_results(K, &j, k, M); \
        break;
    size_t tiles = channels / T;
    int rest = (int)(channels % T);
    join_rest(&tiles, &rest);
    if (rest)
        product_rests(rows, (product_job){tiles, rest, n, N, x, z, from, 0, fresh}, index, M, from);
    for (size_t r = 0; r < rows; r++, M += n * N) {
        const product_job j = {tiles, rest, n, N, x, z, from, r, fresh};
        list_sources(&j, index, from);
        for (size_t k = 0, now; k < N; k += now)
            switch (now = e3tp_cut(N - k, MOST_RESULTS)) {
                RESULTS(1)
                RESULTS(2)
                RESULTS(3)
                RESULTS(4)
                RESULTS(5)
                RESULTS(6)
                RESULTS(7)
                RESULTS(8)
                RESULTS(9)
                RESULTS(10)
                RESULTS(11)
                RESULTS(12)
            }
    }
}

/* ---- overlaps ---- */

/* Elements whose sums are in registers at a time, and those whose lanes are summed at a time. */
enum { ROWS = 3, COLUMNS = 4, WIDE = 4 * COLUMNS };

/* Of a row; step: from tile to tile of all components, 0 where they differ. */
typedef struct overlap_job {
    size_t tiles, step, row, from;
} overlap_job;

V_INLINE size_t tile_at(const bool even, const overlap_job *j, const component *c, size_t t)
{
    return t * (even ? j->step : c->tile);
}

/* ni x nk elements as vectors of lanes, lines of WIDE; even, ni, nk literals. */
V_INLINE void overlap_part(const bool even, const int ni, const int nk, const overlap_job *j,
                           const component *x, const component *g, v_real *D)
{
    v_real acc[ROWS * COLUMNS];
    const real *xs[ROWS], *gs[COLUMNS];
    clear_sums(ni * nk, acc);
    V_UNROLL
    for (int p = 0; p < ni; p++)
        xs[p] = place(&x[p], j->from, 0);
    V_UNROLL
    for (int q = 0; q < nk; q++)
        gs[q] = place(&g[q], j->row, 0);
    for (size_t t = 0; t < j->tiles; t++)
        for (int lane = 0; lane < T; lane += V_LANES) {
            v_real xi[ROWS];
            V_UNROLL
            for (int p = 0; p < ni; p++)
                xi[p] = v_loadu(xs[p] + tile_at(even, j, &x[p], t) + lane);
            V_UNROLL
            for (int q = 0; q < nk; q++) {
                const v_real gk = v_loadu(gs[q] + tile_at(even, j, &g[q], t) + lane);
                V_UNROLL
                for (int p = 0; p < ni; p++)
                    V_ADD_PRODUCT(acc[p * nk + q], xi[p], gk);
            }
        }
    V_UNROLL
    for (int p = 0; p < ni; p++)
        V_UNROLL
    for (int q = 0; q < nk; q++)
        D[p * WIDE + q] = acc[p * nk + q];
}

V_INLINE void overlap_columns(const int ni, const overlap_job *j, const component *x,
                              const component *g, size_t nk, v_real *D)
{
#define PART(nk)                                        \
    if (j->step)                                        \
        overlap_part(true, ni, nk, j, x, g + k, D + k); \
    else                                                \
        overlap_part(false, ni, nk, j, x, g + k, D + k)
    for (size_t k = 0, now; k < nk; k += now)
        switch (now = e3tp_cut(nk - k, COLUMNS)) {
        case 4:
            PART(4);
            break;
        case 3:
            PART(3);
            break;
        case 2:
            PART(2);
            break;
        default:
            PART(1);
        }
}

/* Elements of ni components of x with nk of g, at most WIDE, of one row; whole vectors of them:
   what is beyond them is written later. */
V_INLINE void overlap_block(const int ni, const overlap_job *j, const component *x,
                            const component *g, size_t nk, size_t N, real *D)
{
    v_real lanes[ROWS * WIDE];
    overlap_columns(ni, j, x, g, nk, lanes);
    for (int p = 0; p < ni; p++) {
        v_real *line = lanes + p * WIDE;
        for (size_t q = nk; q % (size_t)V_LANES; q++)
            line[q] = v_zero();
        for (size_t q = 0; q < nk; q += (size_t)V_LANES)
            v_storeu(D + (size_t)p * N + q, v_sums(line + q));
    }
}

/* 0: not the same for all. */
static size_t common_step(const component *x, size_t n, const component *g, size_t N)
{
    const size_t step = x->tile;
    bool same = true;
    for (size_t i = 0; i < n; i++)
        same = same && x[i].tile == step;
    for (size_t k = 0; k < N; k++)
        same = same && g[k].tile == step;
    return same ? step : 0;
}

static void overlaps(size_t rows, size_t tiles, const component *x, size_t n, const int64_t *index,
                     const component *g, size_t N, real *D)
{
    const size_t step = common_step(x, n, g, N);
    for (size_t r = 0; r < rows; r++, D += n * N) {
        const overlap_job j = {tiles, step, r, listed(index, r)};
        for (size_t k = N, nk; k > 0; k -= nk) {
            nk = k % WIDE ? k % WIDE : WIDE;
            for (size_t i = 0, ni; i < n; i += ni) {
                ni = e3tp_cut(n - i, ROWS);
                real *to = D + i * N + k - nk;
                if (ni == 3)
                    overlap_block(3, &j, x + i, g + k - nk, nk, N, to);
                else if (ni == 2)
                    overlap_block(2, &j, x + i, g + k - nk, nk, N, to);
                else
                    overlap_block(1, &j, x + i, g + k - nk, nk, N, to);
            }
        }
    }
}

#define STRUCT_(r) e3tp_cg_folded_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL)
    E3TP_NAME(e3tp_cg_folded_kernels) = {E3TP_CG_FOLDED_KERNELS(MEMBER, real, component)};
