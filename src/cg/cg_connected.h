/* SPDX-License-Identifier: MIT */
/* The kernels `connect`, `outer` and `connect_back`, a part of cg_kernels_tmpl.c: a matrix of
   weights joins all channels with all. */
#ifndef E3TP_CG_CONNECTED_H
#define E3TP_CG_CONNECTED_H

/* Rows of the products with one component share every load of the weights: at most PAIRS of them,
   whose addresses registers hold, with WIDE vectors of outputs. Fewer vectors take as many
   channels at once, so that no sum waits for the one before. */
enum { WIDE = NV == 1 ? 2 : NV, PAIRS = NV == 1 ? 6 : 12 / NV };

typedef struct connect_job {
    size_t m1, mo, t_tile, w_row, z_tile;
    const real *W;
    int n; /* results of a pair, by as many coefficients of its own */
} connect_job;

/* t of a pair, its coefficients T apart, and where its results go. */
typedef struct connect_pair {
    const real *t, *c;
    real *z;
} connect_pair;

/* sum[q][c][v] += t[q][u + c] W[c][v] for U channels. */
V_INLINE void connect_channels(const int P, const int U, const int nv, const bool whole,
                               const connect_job *j, size_t ahead, const real *const *t, size_t u,
                               const real *W, size_t left, v_real *sum)
{
    V_UNROLL
    for (int c = 0; c < U; c++, W += j->w_row) {
        v_real w[WIDE];
        V_UNROLL
        for (int v = 0; v < nv; v++)
            w[v] = whole ? v_loadu(W + v * V_LANES) : v_load_part(W, left, 0);
        V_UNROLL
        for (int v = 0; v < nv; v += NV)
            __builtin_prefetch(W + ahead + v * V_LANES, 0, 2);
        V_UNROLL
        for (int q = 0; q < P; q++) {
            const v_real tq = v_set1(t[q][u + (size_t)c]);
            V_UNROLL
            for (int v = 0; v < nv; v++)
                sum[q * WIDE + c * nv + v] = v_fma(tq, w[v], sum[q * WIDE + c * nv + v]);
        }
    }
}

/* P pairs, a literal, and nv vectors of outputs from o on (`whole`: all of them are there). */
V_INLINE void connect_columns(const int P, const int nv, const bool whole, const connect_job *j,
                              size_t ahead, const connect_pair *pair, size_t o)
{
    const int U = WIDE / nv;
    const size_t left = j->mo - o;
    const real *W = j->W + o, *t[PAIRS];
    v_real acc[PAIRS * WIDE];
    clear_sums(P * WIDE, acc);
    V_UNROLL
    for (int q = 0; q < P; q++)
        t[q] = pair[q].t;
    for (size_t first = 0, at = 0; first < j->m1; first += T, at += j->t_tile) {
        const size_t end = at + (j->m1 - first < T ? j->m1 - first : T);
        size_t u = at;
        for (; u + (size_t)U <= end; u += (size_t)U, W += (size_t)U * j->w_row)
            connect_channels(P, U, nv, whole, j, ahead, t, u, W, left, acc);
        for (; u < end; u++, W += j->w_row)
            connect_channels(P, 1, nv, whole, j, ahead, t, u, W, left, acc);
    }
    V_UNROLL
    for (int q = 0; q < P; q++)
        V_UNROLL
    for (int c = 1; c < U; c++)
        acc[q * WIDE] += acc[q * WIDE + c];
    for (int k = 0; k < j->n; k++)
        V_UNROLL
    for (int q = 0; q < P; q++) {
        const v_real c = v_set1(pair[q].c[k * T]);
        V_UNROLL
        for (int v = 0; v < nv; v++) {
            const size_t at = o + (size_t)(v * V_LANES);
            real *to = pair[q].z + at / T * j->z_tile + at % T + k * T;
            v_store(to, v_fma(c, acc[q * WIDE + v], v_load(to)));
        }
    }
}

V_INLINE void connect_pairs(const int P, const connect_job *j, size_t ahead,
                            const connect_pair *pair)
{
    const size_t wide = (size_t)(WIDE * V_LANES), lanes = (size_t)V_LANES;
    size_t o = 0;
    for (; o + wide <= j->mo; o += wide)
        connect_columns(P, WIDE, true, j, ahead, pair, o);
    for (; o + lanes <= j->mo; o += lanes)
        connect_columns(P, 1, true, j, ahead, pair, o);
    if (o < j->mo)
        connect_columns(P, 1, false, j, ahead, pair, o);
}

/* n pairs; more than PAIRS never come. */
#define CONNECT(P)                                             \
    case P:                                                    \
        connect_pairs((P) <= PAIRS ? (P) : 1, j, ahead, pair); \
        break;

static void connect_group(size_t n, const connect_job *j, size_t ahead, const connect_pair *pair)
{
    switch (n) {
        CONNECT(1)
        CONNECT(2)
        CONNECT(3)
        CONNECT(4)
        CONNECT(5)
        CONNECT(6)
    }
}

static void connect(size_t rows, size_t m1, size_t mo, int n1, int n, size_t ahead, const real *t,
                    size_t t_row, size_t t_tile, const real *W, size_t w_row, const real *M,
                    real *z, size_t z_row, size_t z_tile)
{
    const real one = 1;
    const connect_job j = {m1, mo, t_tile, w_row, z_tile, W, M ? n : 1};
    size_t r = 0, i = 0, now;
    for (size_t left = rows * (size_t)n1; left > 0; left -= now, ahead = 0) {
        connect_pair pair[PAIRS];
        const size_t groups = (left + PAIRS - 1) / PAIRS;
        now = (left + groups - 1) / groups; /* alike: a few sums wait for each other */
        for (size_t q = 0; q < now; q++) {
            pair[q] = (connect_pair){t + r * t_row + i * T, M ? M + i * (size_t)n * T + r : &one,
                                     z + r * z_row + (M ? 0 : i * T)};
            i = i + 1 < (size_t)n1 ? i + 1 : 0;
            r += i == 0;
        }
        connect_group(now, &j, ahead, pair);
    }
}

/* U rows of weights by nv vectors of outputs, of which n are there (`whole`: all). */
enum { OUTER_ROWS = 4, OUTER_WIDE = 2 };

V_INLINE void outer_columns(const int U, const int nv, const bool whole, size_t rows, int n3,
                            size_t n, const real *const *t, size_t t_row, const real *const *g,
                            size_t g_row, real *W, size_t w_row)
{
    v_real acc[OUTER_ROWS * OUTER_WIDE];
    V_UNROLL
    for (int q = 0; q < U * nv; q++) {
        const real *from = W + (size_t)(q / nv) * w_row + q % nv * V_LANES;
        acc[q] = whole ? v_loadu(from) : v_load_part(from, n, 0);
    }
    for (size_t r = 0; r < rows; r++)
        for (int k = 0; k < n3; k++) {
            v_real gk[OUTER_WIDE];
            V_UNROLL
            for (int v = 0; v < nv; v++)
                gk[v] = v_load(g[v] + r * g_row + k * T);
            V_UNROLL
            for (int q = 0; q < U; q++) {
                const v_real c = v_set1(t[q][r * t_row + (size_t)(k * T)]);
                V_UNROLL
                for (int v = 0; v < nv; v++)
                    acc[q * nv + v] = v_fma(c, gk[v], acc[q * nv + v]);
            }
        }
    V_UNROLL
    for (int q = 0; q < U * nv; q++) {
        real *to = W + (size_t)(q / nv) * w_row + q % nv * V_LANES;
        if (whole)
            v_storeu(to, acc[q]);
        else
            v_store_part(to, n, 0, acc[q]);
    }
}

V_INLINE void outer_rows(const int U, size_t rows, size_t mo, int n3, const real *const *t,
                         size_t t_row, const real *g, size_t g_row, size_t g_tile, real *W,
                         size_t w_row)
{
    const size_t lanes = (size_t)V_LANES;
    for (size_t o = 0, now; o < mo; o += now) {
        const bool wide = mo - o >= OUTER_WIDE * lanes;
        const real *from[OUTER_WIDE];
        for (size_t v = 0, at = o; v < OUTER_WIDE; v++, at += lanes)
            from[v] = g + at / T * g_tile + at % T;
        now = wide ? OUTER_WIDE * lanes : lanes;
        if (wide)
            outer_columns(U, OUTER_WIDE, true, rows, n3, 0, t, t_row, from, g_row, W + o, w_row);
        else
            outer_columns(U, 1, false, rows, n3, mo - o, t, t_row, from, g_row, W + o, w_row);
    }
}

static void outer(size_t rows, size_t m1, size_t mo, int n3, const real *t, size_t t_row,
                  size_t t_tile, const real *g, size_t g_row, size_t g_tile, real *W, size_t w_row)
{
    for (size_t u = 0, now; u < m1; u += now) {
        const real *from[OUTER_ROWS];
        now = m1 - u >= OUTER_ROWS ? OUTER_ROWS : 1;
        for (size_t q = 0; q < now; q++)
            from[q] = t + (u + q) / T * t_tile + (u + q) % T;
        if (now == OUTER_ROWS)
            outer_rows(OUTER_ROWS, rows, mo, n3, from, t_row, g, g_row, g_tile, W + u * w_row,
                       w_row);
        else
            outer_rows(1, rows, mo, n3, from, t_row, g, g_row, g_tile, W + u * w_row, w_row);
    }
}

/* One row of connect_back. */
typedef struct back_job {
    size_t m1, mo, ahead, w_row, g_tile, t_tile;
    const real *t, *W, *g;
    real *gt, *gW;
} back_job;

enum { MOST_SUMS = 10 };

/* Weights u .. u + U - 1, components k .. k + K - 1: literals. */
V_INLINE void back_part(const int U, const int K, const back_job *j, bool fresh, size_t u, int k)
{
    v_real acc[MOST_SUMS + V_BYTES / sizeof(real)];
    const real *t = j->t + u / T * j->t_tile + u % T + (size_t)(k * T);
    clear_sums(U * K, acc);
    for (size_t o = 0; o < j->mo; o += (size_t)V_LANES) {
        const size_t left = j->mo - o;
        v_real gk[MOST_SUMS];
        V_UNROLL
        for (int q = 0; q < K; q++)
            gk[q] = v_load(j->g + o / T * j->g_tile + o % T + (size_t)((k + q) * T));
        V_UNROLL
        for (int p = 0; p < U; p++) {
            const size_t at = (u + (size_t)p) * j->w_row + o;
            const v_real w = v_load_part(j->W + at, left, 0);
            if (k == 0 && j->ahead) {
                __builtin_prefetch(j->W + at + j->ahead, 0, 2);
                if (j->gW)
                    __builtin_prefetch(j->gW + at + j->ahead, 1);
            }
            V_UNROLL
            for (int q = 0; q < K; q++)
                acc[p * K + q] = v_fma(w, gk[q], acc[p * K + q]);
            if (!j->gW)
                continue;
            v_real gw = fresh ? v_zero() : v_load_part(j->gW + at, left, 0);
            V_UNROLL
            for (int q = 0; q < K; q++)
                gw = v_fma(v_set1(t[p + q * T]), gk[q], gw);
            v_store_part(j->gW + at, left, 0, gw);
        }
    }
    if (!j->gt)
        return;
    real sum[MOST_SUMS + V_BYTES / sizeof(real)];
    sum_lanes(U * K, acc, sum);
    V_UNROLL
    for (int e = 0; e < U * K; e++)
        j->gt[u / T * j->t_tile + u % T + (size_t)(e / K + (k + e % K) * T)] += sum[e];
}

V_INLINE void back_parts(const int U, const int K, const back_job *j, bool fresh, int k)
{
    size_t u = 0;
    for (; u + (size_t)U <= j->m1; u += (size_t)U) /* U divides T */
        back_part(U, K, j, fresh, u, k);
    for (; u < j->m1; u++)
        back_part(1, K, j, fresh, u, k);
}

static void connect_back(size_t m1, size_t mo, int n3, size_t ahead, const real *t, size_t t_tile,
                         const real *W, size_t w_row, const real *g, size_t g_tile, real *gt,
                         real *gW, int fresh)
{
    const back_job j = {m1, mo, ahead, w_row, g_tile, t_tile, t, W, g, gt, gW};
    int k = 0;
    for (; n3 - k >= 5; k += 5)
        back_parts(2, 5, &j, fresh && k == 0, k);
    for (; n3 - k >= 3; k += 3)
        back_parts(2, 3, &j, fresh && k == 0, k);
    for (; k < n3; k++)
        back_parts(4, 1, &j, fresh && k == 0, k);
}

#endif
