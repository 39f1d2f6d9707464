/* SPDX-License-Identifier: MIT */
/* Kernels of the direct contraction, compiled once per tier and real. Exports one const struct. */
#include "cg/cg_kernels.h"

#include <stdbool.h>

#include "cg/cg_sums.h"
#include "simd/transpose.h"

enum { T = 64 / sizeof(real), NV = TILE_VECS };

#define MIX_(r) e3tp_cg_mix_##r
#define MIX(r) MIX_(r)
typedef MIX(E3TP_REAL) mix_job;
#define SOURCE_(r) e3tp_cg_source_##r
#define SOURCE(r) SOURCE_(r)
typedef SOURCE(E3TP_REAL) source;

/* sum[e] = v_sum(acc[e]) for e < n; both have room for a vector more, of lanes and of sums, and acc
 * is used up. */
V_INLINE void sum_lanes(const int n, v_real *acc, real *sum)
{
    clear_sums(V_LANES, acc + n);
    for (int e = 0; e < n; e += V_LANES)
        v_storeu(sum + e, v_sums(acc + e));
}

/* ---- lanes with operands of their own ---- */

/* Tables run with four vectors per entry, so that each constant feeds four multiplications. */
enum { GROUP = NV < 4 ? 4 / NV : 1 };

/* n tiles, a literal. */
V_INLINE void table_tiles(const int n, const e3tp_cg_entry *e, size_t ne, double c, const real *a,
                          size_t as, const real *b, size_t bs, const real *w, size_t ws, real *out,
                          size_t os)
{
    for (size_t s = 0; s < ne;) {
        const int o = e[s].o;
        v_real acc[GROUP * NV];
        clear_sums(n * NV, acc);
        for (; s < ne && e[s].o == o; s++) {
            const v_real ce = v_set1((real)(c * e[s].c));
            const real *ai = a + e[s].i * T, *bj = b + e[s].j * T;
            V_UNROLL
            for (int v = 0; v < n * NV; v++) {
                const size_t t = (size_t)(v / NV), at = (size_t)(v % NV * V_LANES);
                acc[v] = v_fma(ce * v_load(ai + t * as + at), v_load(bj + t * bs + at), acc[v]);
            }
        }
        V_UNROLL
        for (int v = 0; v < n * NV; v++) {
            const size_t t = (size_t)(v / NV), at = (size_t)(v % NV * V_LANES);
            real *z = out + t * os + o * T + at;
            v_store(z, w ? v_fma(v_loadu(w + t * ws + at), acc[v], v_load(z)) : v_load(z) + acc[v]);
        }
    }
}

static void table(const e3tp_cg_entry *e, size_t ne, double c, size_t tiles, const real *a,
                  size_t as, const real *b, size_t bs, const real *w, size_t ws, real *out,
                  size_t os)
{
    size_t t = 0;
    for (; t + GROUP <= tiles; t += GROUP)
        table_tiles(GROUP, e, ne, c, a + t * as, as, b + t * bs, bs, w ? w + t * ws : NULL, ws,
                    out + t * os, os);
    for (; t < tiles; t++)
        table_tiles(1, e, ne, c, a + t * as, as, b + t * bs, bs, w ? w + t * ws : NULL, ws,
                    out + t * os, os);
}

/* Where operands and results of a call over tiles lie. */
typedef struct tile_args {
    const real *a, *b, *w;
    real *out;
    size_t as, bs, ws, os;
} tile_args;

/* acc: sums of c p, then of d q, for n tiles; n and kind literals. */
V_INLINE void add_quad(const int n, const int kind, const e3tp_cg_quad *e, const tile_args *t,
                       v_real *acc)
{
    const v_real c = v_set1((real)e->c), d = v_set1((real)e->d);
    V_UNROLL
    for (int v = 0; v < n * NV; v++) {
        const size_t at = (size_t)(v % NV * V_LANES);
        const real *a = t->a + (size_t)(v / NV) * t->as + at;
        const real *b = t->b + (size_t)(v / NV) * t->bs + at;
        const v_real x = v_load(a + e->i * T), x2 = v_load(a + e->i2 * T);
        const v_real y = v_load(b + e->j * T), y2 = v_load(b + e->j2 * T);
        const v_real p = kind >= 4   ? x * y
                         : kind >= 2 ? v_fnma(x2, y2, x * y)
                                     : v_fma(x2, y2, x * y);
        const v_real q = kind == 4   ? x * y2
                         : kind == 5 ? x2 * y
                         : kind % 2  ? v_fnma(x2, y, x * y2)
                                     : v_fma(x2, y, x * y2);
        acc[v] = v_fma(c, p, acc[v]);
        acc[n * NV + v] = v_fma(d, q, acc[n * NV + v]);
    }
}

V_INLINE void quads_tiles(const int n, const e3tp_cg_quad_group *g, size_t groups,
                          const e3tp_cg_quad *e, double c, const tile_args *t)
{
    const e3tp_cg_quad *at = e;
    for (const e3tp_cg_quad_group *end = g + groups; g < end; g++) {
        v_real acc[2 * GROUP * NV];
        clear_sums(2 * n * NV, acc);
        V_UNROLL
        for (int kind = 0; kind < E3TP_CG_QUAD_KINDS; kind++)
            for (; at < e + g->end[kind]; at++)
                add_quad(n, kind, at, t, acc);
        V_UNROLL
        for (int v = 0; v < n * NV; v++) {
            const size_t tile = (size_t)(v / NV), lane = (size_t)(v % NV * V_LANES);
            v_real w = v_set1((real)c);
            if (t->w)
                w *= v_loadu(t->w + tile * t->ws + lane);
            real *z = t->out + tile * t->os + lane, *z1 = z + g->o * T, *z2 = z + g->o2 * T;
            v_store(z1, v_fma(w, acc[v], v_load(z1)));
            v_store(z2, v_fma(w, acc[n * NV + v], v_load(z2)));
        }
    }
}

static void quads(const e3tp_cg_quad_group *g, size_t n, const e3tp_cg_quad *e, double c,
                  size_t tiles, const real *a, size_t as, const real *b, size_t bs, const real *w,
                  size_t ws, real *out, size_t os)
{
    for (size_t t = 0, now; t < tiles; t += now) {
        const tile_args at = {a + t * as, b + t * bs, w ? w + t * ws : NULL, out + t * os, as, bs,
                              ws,         os};
        now = tiles - t >= GROUP ? GROUP : 1;
        if (now == GROUP)
            quads_tiles(GROUP, g, n, e, c, &at);
        else
            quads_tiles(1, g, n, e, c, &at);
    }
}

static void scale_add(size_t tiles, int d, const real *a, size_t as, const real *w, size_t ws,
                      real *z, size_t zs)
{
    for (size_t t = 0; t < tiles; t++, a += as, w += ws, z += zs)
        for (int v = 0; v < NV; v++) {
            const v_real wv = v_loadu(w + v * V_LANES);
            for (int m = 0; m < d; m++) {
                real *at = z + m * T + v * V_LANES;
                v_store(at, v_fma(wv, v_load(a + m * T + v * V_LANES), v_load(at)));
            }
        }
}

static void scale(size_t tiles, int d, const real *a, size_t as, const real *w, size_t ws, real *z,
                  size_t zs)
{
    for (size_t t = 0; t < tiles; t++, a += as, w += ws, z += zs)
        for (int m = 0; m < d; m++)
            for (int v = 0; v < T; v += V_LANES)
                v_store(z + m * T + v, v_load(a + m * T + v) * v_load(w + v));
}

static void dot(size_t tiles, int d, const real *a, size_t as, const real *b, size_t bs, real *line,
                size_t ls)
{
    for (size_t t = 0; t < tiles; t++, a += as, b += bs, line += ls)
        for (int v = 0; v < NV; v++) {
            v_real acc = v_load(line + v * V_LANES);
            for (int m = 0; m < d; m++)
                acc = v_fma(v_load(a + m * T + v * V_LANES), v_load(b + m * T + v * V_LANES), acc);
            v_store(line + v * V_LANES, acc);
        }
}

/* ---- channels that share y ---- */

/* weighted: a literal. */
V_INLINE void build_matrix(const bool weighted, const e3tp_cg_entry *e, size_t ne, double c,
                           int i_step, int k_step, const real *y, const real *w, real *M)
{
    v_real wv[NV];
    for (int v = 0; v < NV; v++)
        wv[v] = weighted ? v_load(w + v * V_LANES) : v_zero();
    for (size_t s = 0; s < ne; s++) {
        const v_real ce = v_set1((real)(c * e[s].c));
        const real *yj = y + e[s].j * T;
        real *m = M + (e[s].o * i_step + e[s].i * k_step) * T;
        V_UNROLL
        for (int v = 0; v < NV; v++, yj += V_LANES, m += V_LANES)
            v_store(m, v_fma(weighted ? ce * wv[v] : ce, v_load(yj), v_load(m)));
    }
}

static void build(const e3tp_cg_entry *e, size_t ne, double c, int i_step, int k_step,
                  const real *y, const real *w, real *M)
{
    if (w)
        build_matrix(true, e, ne, c, i_step, k_step, y, w, M);
    else
        build_matrix(false, e, ne, c, i_step, k_step, y, NULL, M);
}

static void build_back(const e3tp_cg_entry *e, size_t ne, double c, size_t N, const real *D,
                       const real *y, const real *w, real *gy, real *gw)
{
    for (size_t s = 0; s < ne;) {
        const int j = e[s].o;
        v_real sum[NV];
        clear_sums(NV, sum);
        for (; s < ne && e[s].o == j; s++) {
            const v_real ce = v_set1((real)(c * e[s].c));
            const real *d = D + ((size_t)e[s].i * N + (size_t)e[s].j) * T;
            V_UNROLL
            for (int v = 0; v < NV; v++)
                sum[v] = v_fma(ce, v_load(d + v * V_LANES), sum[v]);
        }
        for (int v = 0; v < T; v += V_LANES) {
            const v_real of_j = sum[v / V_LANES];
            real *to = gy ? gy + j * T + v : NULL;
            if (to)
                v_store(to, v_fma(w ? v_load(w + v) : v_set1(1), of_j, v_load(to)));
            if (gw)
                v_store(gw + v, v_fma(v_load(y + j * T + v), of_j, v_load(gw + v)));
        }
    }
}

/* Kernels take two vectors for each broadcast, or four where results are few: parts of one tile or
   of several. Where a tile is one vector there are registers for more results. */
enum {
    PAIR = 2,
    PAIR_TILES = NV == 1 ? 2 : 1,
    MOST_RESULTS = NV == 1 ? 9 : 5,
    MOST_VECTORS = 4,
    SUMS = 20
};

/* How many vectors for kt results. */
V_INLINE int vectors_for(const int kt)
{
    return kt <= (NV == 1 ? 5 : 1) ? MOST_VECTORS : PAIR;
}

/* nv vectors of a line; NULL: ones. */
V_INLINE void load_line(const int nv, const real *w, v_real *to)
{
    V_UNROLL
    for (int v = 0; v < nv; v++)
        to[v] = w ? v_loadu(w + v * V_LANES) : v_set1(1);
}

/* nv vectors of weights, or of their gradients, that a later row will want. Weights only to the
   second-level cache: they come to be used when all else of this row has been, and would drive that
   from the first. */
V_INLINE void fetch_ahead(const int nv, const real *line, const int to_write)
{
    V_UNROLL
    for (int v = 0; v < nv; v += NV) /* a line each */
        if (to_write)
            __builtin_prefetch(line + v * V_LANES, 1);
        else
            __builtin_prefetch(line + v * V_LANES, 0, 2);
}

/* Where the weights of row r are. */
V_INLINE size_t weights_at(const source *s, size_t r)
{
    return (s->w_index ? (size_t)s->w_index[r] : r) * s->w_row;
}

/* Weights of a source, and with w2 given the second ones where they are there. */
V_INLINE void load_weights(const int nv, const source *s, size_t line, v_real *w, v_real *w2)
{
    load_line(nv, s->w ? s->w + line : NULL, w);
    if (w2)
        clear_sums(nv, w2);
    if (w2 && s->v2)
        load_line(nv, s->w2 + line, w2);
}

/* Those of the row that m->prefetch says. */
V_INLINE void fetch_weights(const int nv, const mix_job *m, const source *s, size_t r, size_t at)
{
    const size_t later = r + m->prefetch;
    if (!s->w || !m->prefetch || (s->w_index && later >= m->indices))
        return;
    const size_t line = weights_at(s, later) + at;
    fetch_ahead(nv, s->w + line, 0);
    if (s->w2)
        fetch_ahead(nv, s->w2 + line, 0);
}

/* What is multiplied by M: v, w v, or w v + w2 v2 where v2 is there. */
typedef enum weighing { PLAIN, WEIGHTED, PAIRED } weighing;

/* nv vectors from element `at` of v on. */
V_INLINE void operand(const weighing how, const int nv, const source *s, size_t at, const v_real *w,
                      const v_real *w2, v_real *to)
{
    V_UNROLL
    for (int v = 0; v < nv; v++) {
        to[v] = v_loadu(s->v + at + vector_at(v, s->tile));
        to[v] = how == PLAIN ? to[v] : to[v] * w[v];
    }
    if (how != PAIRED || !s->v2)
        return;
    V_UNROLL
    for (int v = 0; v < nv; v++)
        to[v] = v_fma(v_loadu(s->v2 + at + vector_at(v, s->tile)), w2[v], to[v]);
}

/* acc += M a for kt results and nv vectors, over n components; all but n are literals, n may be. */
V_INLINE void multiply(const weighing how, const int n, const int kt, const int nv, const source *s,
                       size_t at, const real *M, size_t m_step, const v_real *w, const v_real *w2,
                       v_real *acc)
{
    V_UNROLL
    for (int i = 0; i < n; i++, at += s->step, M += m_step) {
        v_real a[MOST_VECTORS];
        operand(how, nv, s, at, w, w2, a);
        V_UNROLL
        for (int q = 0; q < kt; q++) {
            const v_real c = v_set1(M[q * T]);
            V_UNROLL
            for (int v = 0; v < nv; v++)
                acc[q * nv + v] = v_fma(c, a[v], acc[q * nv + v]);
        }
    }
}

/* CALL(n) with the common numbers of components as literals; the others one by one: CALL(0). */
#define BY_COMPONENTS(n, CALL) \
    switch (n) {               \
    case 1:                    \
        CALL(1);               \
        break;                 \
    case 3:                    \
        CALL(3);               \
        break;                 \
    case 5:                    \
        CALL(5);               \
        break;                 \
    case 7:                    \
        CALL(7);               \
        break;                 \
    default:                   \
        CALL(0);               \
    }

/* Results k .. k + kt - 1 of N. n: s->n as a literal, or 0. */
V_INLINE void add_source(const weighing how, const int n, const int kt, const int nv,
                         const source *s, int N, size_t r, size_t t, int k, int lane,
                         const v_real *w, const v_real *w2, v_real *acc)
{
    const real *M = s->M + (size_t)(k * T) + r;
    const size_t m_step = (size_t)(N * T);
    size_t at = (s->index ? (size_t)s->index[r] : r) * s->row + t * s->tile + (size_t)lane;
    if (n > 0)
        multiply(how, n, kt, nv, s, at, M, m_step, w, w2, acc);
    for (int i = 0; n == 0 && i < s->n; i++, at += s->step, M += m_step)
        multiply(how, 1, kt, nv, s, at, M, m_step, w, w2, acc);
}

enum { ANY = -1, ANY_PAIRED = -2 };

/* Lines of operand k of a later row, to the second-level cache. */
V_INLINE void fetch_operand(const mix_job *m, int k, size_t row)
{
    const real *from = m->fetch[k] + row * m->fetch_row[k];
    for (size_t i = 0; i < m->fetch_lines[k]; i++)
        __builtin_prefetch(from + i * T, 0, 2);
}

/* Those that row r fetches. */
static void fetch_operands(const mix_job *m, size_t r)
{
    if (m->fetch_index)
        for (size_t i = r; i < m->fetch_indices; i += m->fetch_apart)
            fetch_operand(m, 0, (size_t)m->fetch_index[i]);
    else
        fetch_operand(m, 0, r);
    fetch_operand(m, 1, r);
}

/* nv vectors, results k .. k + kt - 1, added up over rows and sources. only: components of the one
   source as a literal (0: others), or ANY: as many sources as there are, ANY_PAIRED: in pairs. */
V_INLINE void mix_tile(const int only, const int kt, const int nv, const mix_job *m, size_t row,
                       size_t rows, size_t t, int lane, int k)
{
    const size_t at = t * T + (size_t)lane;
    const weighing how = only == ANY_PAIRED ? PAIRED : WEIGHTED;
    const bool fetches = m->fetch[0] && k == 0 && at == 0;
    v_real acc[SUMS], w[MOST_VECTORS], w2[MOST_VECTORS];
    clear_sums(kt * nv, acc);
    for (size_t r = m->first + row; r < m->first + row + rows; r++) {
        if (fetches)
            fetch_operands(m, r);
        for (const source *s = m->from; s < m->from + (only < 0 ? m->count : 1); s++) {
            load_weights(nv, s, weights_at(s, r) + at, w, how == PAIRED ? w2 : NULL);
            if (k == 0)
                fetch_weights(nv, m, s, r, at);
#define ADD(literal) add_source(how, literal, kt, nv, s, m->n, r, t, k, lane, w, w2, acc)
            if (only >= 0)
                ADD(only);
            else
                BY_COMPONENTS(s->n, ADD)
        }
    }
    real *z = m->z + row * m->z_row + t * m->z_tile + (size_t)k * m->z_step + lane;
    V_UNROLL
    for (int q = 0; q < kt; q++, z += m->z_step)
        V_UNROLL
    for (int v = 0; v < nv; v++) {
        real *to = z + vector_at(v, m->z_tile);
        v_storeu(to, m->fresh ? acc[q * nv + v] : v_loadu(to) + acc[q * nv + v]);
    }
}

V_INLINE void mix_tiles(const int only, const int kt, const mix_job *job, int k)
{
    source s;
    mix_job m = *job;
    if (only >= 0) {
        s = *m.from;
        m.from = &s;
    }
    const int nv = vectors_for(kt), rest = NV == 1 ? 1 : PAIR;
    const int step = nv > NV ? nv / NV : 1;
    const size_t together = m.sum ? m.rows : 1; /* rows that go to one */
    for (size_t row = 0; row < m.rows; row += together) {
        size_t t = 0;
        for (; t + (size_t)step <= m.tiles; t += (size_t)step)
            for (int lane = 0; lane < step * T; lane += nv * V_LANES)
                mix_tile(only, kt, nv, &m, row, together, t, lane, k);
        for (; step > PAIR && t + PAIR <= m.tiles; t += PAIR)
            mix_tile(only, kt, PAIR, &m, row, together, t, 0, k);
        for (; step > 1 && t < m.tiles; t++)
            for (int lane = 0; lane < T; lane += rest * V_LANES)
                mix_tile(only, kt, rest, &m, row, together, t, lane, k);
    }
}

/* Results k .. k + kt - 1; kt a literal. */
V_INLINE void mix_results(const int kt, const mix_job *m, int k)
{
#define ONLY(literal) mix_tiles(literal, kt, m, k)
    const bool one = m->count == 1 && (!m->sum || m->from->n <= 3); /* more: slower by ANY's gain */
    if (m->paired)
        ONLY(ANY_PAIRED);
    else if (one)
        BY_COMPONENTS(m->from->n, ONLY)
    else
        ONLY(ANY);
}

/* How many of n results, an odd number of them or what is left of one, are taken at once: as many
   as registers hold, no single one left over. */
V_INLINE int results_of(int n)
{
    static const int8_t two[] = {0, 1, 1, 3, 4, 5, 3, 4, 5, 5, 5, 5, 5, 5},
                        one[] = {0, 1, 1, 3, 1, 5, 3, 7, 5, 9, 5, 5, 9, 7};
    return n > 13 ? MOST_RESULTS : (NV == 1 ? one : two)[n];
}

static void mix(const mix_job *m)
{
#define TAKE(kt)                                           \
    case kt:                                               \
        if ((kt) <= MOST_RESULTS && (NV > 1 || (kt) != 4)) \
            mix_results(kt, m, k);                         \
        break;
    for (int k = 0, now; k < m->n; k += now)
        switch (now = results_of(m->n - k)) {
            TAKE(1)
            TAKE(3)
            TAKE(4)
            TAKE(5)
            TAKE(7)
            TAKE(9)
        }
}

/* nv vectors of a tile of a row, results k .. k + kt - 1 of one source: their share of gw, and z +=
   w u. */
V_INLINE void mix_back_results(const int n, const int kt, const int nv, const mix_job *m,
                               const source *s, bool first, size_t row, size_t t, int k, int lane,
                               v_real *gw)
{
    const size_t r = m->first + row;
    const real *x = s->x + r * m->x_row + t * m->x_tile + (size_t)k * m->x_step + lane;
    real *z = m->z + row * m->z_row + t * m->z_tile + (size_t)k * m->z_step + lane;
    v_real u[SUMS];
    clear_sums(kt * nv, u);
    add_source(PLAIN, n, kt, nv, s, m->n, r, t, k, lane, NULL, NULL, u);
    if (s->gw) {
        V_UNROLL
        for (int q = 0; q < kt; q++, x += m->x_step)
            V_UNROLL
        for (int v = 0; v < nv; v++)
            gw[v] = v_fma(v_loadu(x + vector_at(v, m->x_tile)), u[q * nv + v], gw[v]);
    }
    if (!m->z || s->only_gw)
        return;
    v_real w[PAIR];
    load_weights(nv, s, weights_at(s, r) + t * T + (size_t)lane, w, NULL);
    if (k == 0)
        fetch_weights(nv, m, s, r, t * T + (size_t)lane);
    V_UNROLL
    for (int q = 0; q < kt; q++, z += m->z_step)
        V_UNROLL
    for (int v = 0; v < nv; v++) {
        real *to = z + vector_at(v, m->z_tile);
        v_storeu(to, first ? w[v] * u[q * nv + v] : v_fma(w[v], u[q * nv + v], v_loadu(to)));
    }
}

/* nv vectors of the gradient of the weights of row r. */
V_INLINE void put_weight_gradient(const int nv, const mix_job *m, const source *s, size_t r,
                                  size_t at, v_real *gw)
{
    real *to = s->gw + r * s->gw_row + at;
    if (s->gw_from) {
        const real *from = s->gw_from + r * s->gw_from_row + at;
        V_UNROLL
        for (int v = 0; v < nv; v++)
            gw[v] += v_loadu(from + v * V_LANES);
    }
    if (m->prefetch && !s->gw_past)
        fetch_ahead(nv, to + m->prefetch * s->gw_row, 1);
    V_UNROLL
    for (int v = 0; v < nv; v++, to += V_LANES)
        if (s->gw_past)
            v_streamu(to, gw[v]);
        else
            v_storeu(to, gw[v]);
}

/* nv vectors of a row, all results of one source. N: m->n as a literal, or 0 where it is 9 or more.
 */
V_INLINE void mix_back_tile(const int n, const int N, const int nv, const mix_job *m,
                            const source *s, bool first, size_t row, size_t t, int lane)
{
    v_real gw[PAIR];
    clear_sums(nv, gw);
#define RESULTS(kt, k) mix_back_results(n, kt, nv, m, s, first, row, t, k, lane, gw)
    if (N > MOST_RESULTS) {
        RESULTS(4, 0);
        RESULTS(N - 4, 4);
    } else if (N > 0) {
        RESULTS(N, 0);
    } else if (m->n == MOST_RESULTS) {
        RESULTS(MOST_RESULTS, 0);
    } else {
        int k = 0;
        for (; (m->n - k) % 3; k += 5) /* at most twice */
            RESULTS(5, k);
        for (; k < m->n; k += 3)
            RESULTS(3, k);
    }
    if (s->gw)
        put_weight_gradient(nv, m, s, m->first + row, t * T + (size_t)lane, gw);
}

V_INLINE void mix_back_row(const int n, const int N, const mix_job *m, const source *s, bool first,
                           size_t row)
{
    size_t t = 0;
    for (; t + PAIR_TILES <= m->tiles; t += PAIR_TILES)
        for (int lane = 0; lane < T * PAIR_TILES; lane += PAIR * V_LANES)
            mix_back_tile(n, N, PAIR, m, s, first, row, t, lane);
    if (t < m->tiles)
        mix_back_tile(n, N, 1, m, s, first, row, t, 0);
}

/* Of 9 results and more, loops over components are not unrolled: 1.03 times slower, in a fifth of
   the code. */
V_INLINE void mix_back_rows(const int N, const mix_job *job)
{
    const mix_job m = *job;
#define ROW(literal) mix_back_row(literal, N, &m, &s, m.fresh &&i == 0, row)
    for (size_t row = 0; row < m.rows; row++) {
        fetch_operands(&m, m.first + row);
        for (size_t i = 0; i < m.count; i++) {
            const source s = m.from[i];
            if (N == 0)
                ROW(0);
            else
                BY_COMPONENTS(s.n, ROW)
        }
    }
}

static void mix_back(const mix_job *m)
{
#define ROWS(literal) mix_back_rows(literal, m)
    BY_COMPONENTS(m->n, ROWS)
}

#include "cg/cg_overlap.h"

/* ---- all channels with all ---- */

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

#define STRUCT_(r) e3tp_cg_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL)
    E3TP_NAME(e3tp_cg_kernels) = {E3TP_CG_KERNELS(MEMBER, real, mix_job, source)};
