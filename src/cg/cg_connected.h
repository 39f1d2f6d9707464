/* SPDX-License-Identifier: MIT */
/* The kernels `connect`, `outer` and `connect_back`, a part of cg_kernels_tmpl.c: a matrix of
   weights joins all channels with all. */
#ifndef E3TP_CG_CONNECTED_H
#define E3TP_CG_CONNECTED_H

/* Pairs of a row and a component that share each load of the weights: with the vectors of a tile
   as many sums as registers hold. */
enum { PAIRS = 12 / NV, FIVE = PAIRS < 5 ? PAIRS : 5 };

/* nv vectors of a tile of outputs, P pairs; n: how many of the outputs are there, all if `whole`.
 */
V_INLINE void connect_vectors(const int P, const int nv, const bool whole, size_t m1, size_t n,
                              size_t ahead, const real *const *t, size_t t_tile, const real *W,
                              size_t w_row, real *const *z, size_t at)
{
    v_real acc[PAIRS * NV];
    clear_sums(P * nv, acc);
    for (size_t u = 0; u < m1; u++, W += w_row) {
        const size_t lane = u / T * t_tile + u % T;
        v_real w[NV];
        if (ahead)
            __builtin_prefetch(W + ahead, 0, 2);
        V_UNROLL
        for (int v = 0; v < nv; v++)
            w[v] = whole ? v_loadu(W + v * V_LANES) : v_load_part(W, n, 0);
        V_UNROLL
        for (int q = 0; q < P; q++) {
            const v_real c = v_set1(t[q][lane]);
            V_UNROLL
            for (int v = 0; v < nv; v++)
                acc[q * nv + v] = v_fma(c, w[v], acc[q * nv + v]);
        }
    }
    V_UNROLL
    for (int q = 0; q < P; q++)
        V_UNROLL
    for (int v = 0; v < nv; v++) {
        real *to = z[q] + at + v * V_LANES;
        v_store(to, v_load(to) + acc[q * nv + v]);
    }
}

V_INLINE void connect_pairs(const int P, size_t m1, size_t mo, size_t ahead, const real *const *t,
                            size_t t_tile, const real *W, size_t w_row, real *const *z,
                            size_t z_tile)
{
    size_t o = 0;
    for (; o + T <= mo; o += T)
        connect_vectors(P, NV, true, m1, T, ahead, t, t_tile, W + o, w_row, z, o / T * z_tile);
    for (; o < mo; o += (size_t)V_LANES)
        connect_vectors(P, 1, false, m1, mo - o, ahead, t, t_tile, W + o, w_row, z,
                        o / T * z_tile + o % T);
}

static void connect(size_t rows, size_t m1, size_t mo, int n3, size_t ahead, const real *t,
                    size_t t_row, size_t t_tile, const real *W, size_t w_row, real *z, size_t z_row,
                    size_t z_tile)
{
    const size_t all = rows * (size_t)n3;
    for (size_t first = 0, now; first < all; first += now) {
        const real *from[PAIRS];
        real *to[PAIRS];
        const size_t left = all - first;
        now = left >= PAIRS ? PAIRS : left >= FIVE ? FIVE : left >= 3 ? 3 : 1;
        for (size_t q = 0; q < now; q++) {
            const size_t r = (first + q) / (size_t)n3, k = (first + q) % (size_t)n3;
            from[q] = t + r * t_row + k * T;
            to[q] = z + r * z_row + k * T;
        }
        if (now == PAIRS)
            connect_pairs(PAIRS, m1, mo, first ? 0 : ahead, from, t_tile, W, w_row, to, z_tile);
        else if (now == FIVE)
            connect_pairs(FIVE, m1, mo, first ? 0 : ahead, from, t_tile, W, w_row, to, z_tile);
        else if (now == 3)
            connect_pairs(3, m1, mo, first ? 0 : ahead, from, t_tile, W, w_row, to, z_tile);
        else
            connect_pairs(1, m1, mo, first ? 0 : ahead, from, t_tile, W, w_row, to, z_tile);
    }
}

/* Weights u..u+U-1 with a vector of outputs. */
V_INLINE void outer_vector(const int U, size_t rows, int n3, size_t n, const real *const *t,
                           size_t t_row, const real *g, size_t g_row, real *W, size_t w_row)
{
    v_real acc[4];
    V_UNROLL
    for (int q = 0; q < U; q++)
        acc[q] = v_load_part(W + (size_t)q * w_row, n, 0);
    for (size_t r = 0; r < rows; r++)
        for (int k = 0; k < n3; k++) {
            const v_real gk = v_load(g + r * g_row + k * T);
            V_UNROLL
            for (int q = 0; q < U; q++)
                acc[q] = v_fma(v_set1(t[q][r * t_row + (size_t)(k * T)]), gk, acc[q]);
        }
    V_UNROLL
    for (int q = 0; q < U; q++)
        v_store_part(W + (size_t)q * w_row, n, 0, acc[q]);
}

static void outer(size_t rows, size_t m1, size_t mo, int n3, const real *t, size_t t_row,
                  size_t t_tile, const real *g, size_t g_row, size_t g_tile, real *W, size_t w_row)
{
    for (size_t u = 0, now; u < m1; u += now) {
        const real *from[4];
        now = m1 - u >= 4 ? 4 : 1;
        for (size_t q = 0; q < now; q++)
            from[q] = t + (u + q) / T * t_tile + (u + q) % T;
        for (size_t o = 0; o < mo; o += (size_t)V_LANES) {
            const real *go = g + o / T * g_tile + o % T;
            real *Wo = W + u * w_row + o;
            if (now == 4)
                outer_vector(4, rows, n3, mo - o, from, t_row, go, g_row, Wo, w_row);
            else
                outer_vector(1, rows, n3, mo - o, from, t_row, go, g_row, Wo, w_row);
        }
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

static void connect_back(size_t m1, size_t mo, int n3, size_t ahead, const real *t, const real *W,
                         size_t w_row, const real *g, size_t g_tile, real *gt, real *gW, int fresh)
{
    const back_job j = {m1, mo, ahead, w_row, g_tile, (size_t)n3 * T, t, W, g, gt, gW};
    int k = 0;
    for (; n3 - k >= 5; k += 5)
        back_parts(2, 5, &j, fresh && k == 0, k);
    for (; n3 - k >= 3; k += 3)
        back_parts(2, 3, &j, fresh && k == 0, k);
    for (; k < n3; k++)
        back_parts(4, 1, &j, fresh && k == 0, k);
}

#endif
