/* SPDX-License-Identifier: MIT */
/* Steps from blocks of all degrees to one block, by all harmonics, compiled once per tier and real:
   straight-line code, whose results stay in registers. */
#include "conv/rotated_frame.h"

/* Vectors at a time: sums of orders of the result and of one block's weights stay in registers. */
#define RUN_WIDE(l) ((l) <= (NV == 1 ? 4 : 3) ? 2 : 1)
enum { MOST_LINES = 2 * E3TP_ROTATED_RUN_TOP + 1 };

/* What one block, x, adds to z[line][v]; its sources are the next of c. l, l1, top, odd, nv:
 * literals.
 */
V_INLINE void run_block(const bool odd, const int top, const int l, const int l1, const int nv,
                        couplings *c, const real *x, v_real *z)
{
    const int most = l1 < l ? l1 : l, K = most + 1;
    const int high = l1 + l < top ? l1 + l : top, low = (l1 < l ? l - l1 : l1 - l) + odd;
    v_real a[(E3TP_ROTATED_RUN_TOP + 1) * 2];
    V_UNROLL
    for (int o = 0; o < K * nv; o++)
        a[o] = v_zero();
    V_UNROLL
    for (int i = 0; i < (high - low) / 2 + 1; i++, c->place++, c->coeff += K) {
        const real *w = c->w + *c->place;
        v_real lanes[2];
        V_UNROLL
        for (int v = 0; v < nv; v++)
            lanes[v] = v_loadu(w + v * V_LANES);
        V_UNROLL
        for (int o = odd; o < K; o++)
            V_UNROLL
        for (int v = 0; v < nv; v++)
            a[o * nv + v] = v_fma(v_set1(c->coeff[o]), lanes[v], a[o * nv + v]);
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

/* nv vectors of a block of degree l from all blocks of degrees to `top`; c: from the first source
   on; literals as above. */
V_INLINE void run_part(const bool odd, const int top, const int l, const int nv, couplings c,
                       bool fresh, const real *from, real *to, size_t at)
{
    v_real z[MOST_LINES * 2];
    c.w += at, from += at, to += at;
    V_UNROLL
    for (int q = 0; q < (2 * l + 1) * nv; q++)
        z[q] = fresh ? v_zero() : v_load(to + q / nv * S + q % nv * V_LANES);
    V_UNROLL
    for (int l1 = odd; l1 <= top; l1++)
        run_block(odd, top, l, l1, nv, &c, from + (l1 * l1 - odd) * S, z);
    V_UNROLL
    for (int q = 0; q < (2 * l + 1) * nv; q++)
        v_store(to + q / nv * S + q % nv * V_LANES, z[q]);
}

typedef void run_fn(couplings c, bool fresh, size_t n, const real *from, real *to);

#define DEGREES_TO_1(X, top) X(top, 0) X(top, 1)
#define DEGREES_TO_2(X, top) DEGREES_TO_1(X, top) X(top, 2)
#define DEGREES_TO_3(X, top) DEGREES_TO_2(X, top) X(top, 3)
#define DEGREES_TO_4(X, top) DEGREES_TO_3(X, top) X(top, 4)
#define DEGREES_TO_5(X, top) DEGREES_TO_4(X, top) X(top, 5)
#define DEGREES_TO_6(X, top) DEGREES_TO_5(X, top) X(top, 6)
/* None in the tier generic, whose plans have none (rotated.c). */
#if defined(E3TP_TIER_GENERIC)
#define RUNS(X)
#else
#define RUNS(X)        \
    DEGREES_TO_1(X, 1) \
    DEGREES_TO_2(X, 2) \
    DEGREES_TO_3(X, 3) DEGREES_TO_4(X, 4) DEGREES_TO_5(X, 5) DEGREES_TO_6(X, 6)
#endif

#define RUN(top, l)                                                                                \
    static void run_even_##top##_##l(couplings c, bool fresh, size_t n, const real *from,          \
                                     real *to)                                                     \
    {                                                                                              \
        RUN_VECTORS(false, top, l)                                                                 \
    }                                                                                              \
    static void run_odd_##top##_##l(couplings c, bool fresh, size_t n, const real *from, real *to) \
    {                                                                                              \
        RUN_VECTORS(true, top, l)                                                                  \
    }
#define RUN_VECTORS(odd, top, l)                                         \
    size_t at = 0;                                                       \
    for (; at + RUN_WIDE(l) * V_LANES <= n; at += RUN_WIDE(l) * V_LANES) \
        run_part(odd, top, l, RUN_WIDE(l), c, fresh, from, to, at);      \
    for (; at < n; at += V_LANES)                                        \
        run_part(odd, top, l, 1, c, fresh, from, to, at);
RUNS(RUN)

#define RUN_ENTRY(top, l) [top][l] = {run_even_##top##_##l, run_odd_##top##_##l},
static run_fn *const runs[E3TP_ROTATED_RUN_TOP + 1][E3TP_ROTATED_RUN_TOP + 1][2] = {
    [0] = {{NULL, NULL}}, RUNS(RUN_ENTRY)};

void E3TP_NAME(e3tp_rotated_run)(const couplings *c, const e3tp_rotated_step *r, bool fresh,
                                 size_t n, const real *from, real *to)
{
    const couplings first = {c->coeff + r->coeff, c->w, c->place + r->first};
    runs[r->top][r->l_to][r->odd](first, fresh, n, from + r->from * S, to + r->to * S);
}
