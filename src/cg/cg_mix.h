/* SPDX-License-Identifier: MIT */
/* The kernels `mix` and `mix_back`, a part of cg_kernels_tmpl.c: sums over sources in registers,
   with literal numbers of components, results and vectors. */
#ifndef E3TP_CG_MIX_H
#define E3TP_CG_MIX_H

/* Kernels take two vectors for each broadcast, or four where results are few: parts of one tile or
   of several. Where a tile is one vector there are registers for more results. */
enum {
    PAIR = 2,
    PAIR_TILES = NV == 1 ? 2 : 1,
    MOST_RESULTS = NV == 1 ? 9 : 5,
    MOST_VECTORS = 4,
    SUMS = 20,
    LEAST_TILES = 8, /* of a row whose sources are placed before, if they are several, */
    MOST_PLACED = 64 /* but not more */
};

/* How many vectors for kt results. */
V_INLINE int vectors_for(const int kt)
{
    return kt <= (NV == 1 ? 5 : 1) ? MOST_VECTORS : PAIR;
}

V_INLINE size_t lane_of(row_place at)
{
    return at.t * T + (size_t)at.lane;
}

/* nv vectors of a line; NULL: ones. */
V_INLINE void load_line(const int nv, const real *w, row_place at, v_real *to)
{
    V_UNROLL
    for (int v = 0; v < vectors_of(nv); v++)
        to[v] = w ? load_vector(nv, w + v * V_LANES, at, v) : v_set1(1);
}

/* Where the weights of row r are. */
V_INLINE size_t weights_at(const source *s, size_t r)
{
    return listed(s->w_index, r) * s->w_row;
}

/* nv vectors that come to be read later, while as many weights are. Only to the second-level cache,
   as they would drive what is in use from the first. */
V_INLINE void fetch_weights(const bool placed, const int nv, const mix_job *m, const source *s,
                            size_t r, size_t at)
{
    if (!s->fetch)
        return;
    const real *line = s->fetch;
    if (placed)
        line += at;
    else if (m->sum && !s->fetch_index)
        line += at * m->rows + r * (size_t)(vectors_of(nv) * V_LANES);
    else
        line += at + listed(s->fetch_index, r) * s->w_row;
    V_UNROLL
    for (int v = 0; v < vectors_of(nv); v += NV)
        __builtin_prefetch(line + v * V_LANES, 0, 2);
}

/* What is multiplied by M: v, w v, or w v + w2 v2. */
typedef enum weighing { PLAIN, WEIGHTED, PAIRED } weighing;

/* nv vectors from element e of v on. w2 stays in memory: with it in registers sums do not. */
V_INLINE void operand(const weighing how, const int nv, const source *s, size_t e, row_place at,
                      const v_real *w, const real *w2, v_real *to)
{
    V_UNROLL
    for (int v = 0; v < vectors_of(nv); v++) {
        to[v] = load_vector(nv, s->v + e + vector_at(v, s->tile), at, v);
        to[v] = how == PLAIN ? to[v] : to[v] * w[v];
    }
    if (how != PAIRED)
        return;
    V_HIDE(w2);
    V_UNROLL
    for (int v = 0; v < vectors_of(nv); v++)
        to[v] = v_fma(load_vector(nv, s->v2 + e + vector_at(v, s->tile), at, v),
                      load_vector(nv, w2 + v * V_LANES, at, v), to[v]);
}

/* acc += M a for kt results and nv vectors, over n components; all but n are literals, n may be. */
V_INLINE void multiply(const weighing how, const int n, const int kt, const int nv, const source *s,
                       size_t e, row_place at, const real *M, size_t m_step, const v_real *w,
                       const real *w2, v_real *acc)
{
    const int vectors = vectors_of(nv);
    V_UNROLL
    for (int i = 0; i < n; i++, e += s->step, M += m_step) {
        v_real a[MOST_VECTORS];
        operand(how, nv, s, e, at, w, w2, a);
        V_UNROLL
        for (int q = 0; q < kt; q++) {
            const v_real c = v_set1(M[q * T]);
            V_UNROLL
            for (int v = 0; v < vectors; v++)
                acc[q * vectors + v] = v_fma(c, a[v], acc[q * vectors + v]);
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

/* Results k .. k + kt - 1 of N. n: s->n as a literal, or 0; placed: what the source names is at the
   row. */
V_INLINE void add_source(const bool placed, const weighing how, const int n, const int kt,
                         const int nv, const source *s, int N, size_t r, row_place at, int k,
                         const v_real *w, const real *w2, v_real *acc)
{
    const real *M = s->M + (size_t)(k * T) + (placed ? 0 : r);
    const size_t m_step = (size_t)(N * T);
    size_t e = at.t * s->tile + (size_t)at.lane;
    if (!placed)
        e += listed(s->index, r) * s->row;
    if (n > 0)
        multiply(how, n, kt, nv, s, e, at, M, m_step, w, w2, acc);
    for (int i = 0; n == 0 && i < s->n; i++, e += s->step, M += m_step)
        multiply(how, 1, kt, nv, s, e, at, M, m_step, w, w2, acc);
}

/* The sources of a sum, as a literal: one, of so many components; of 1 and of 3 components; as many
   as there are; these in pairs. */
enum { ONE_AND_THREE = 13, ANY = 0, ANY_PAIRED = -1 };

/* Lines of operands of a later row, to the second-level cache. */
static void fetch_operands(const mix_job *m, size_t r)
{
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < m->fetch_lines[k]; i++)
            __builtin_prefetch(m->fetch[k] + r * m->fetch_row[k] + i * T, 0, 2);
}

/* Adds what a source has for a row; n: its components as a literal, or ANY. */
V_INLINE void mix_source(const int n, const bool placed, const int kt, const int nv,
                         const weighing how, const mix_job *m, const source *s, size_t r,
                         row_place at, int k, v_real *acc)
{
    const size_t line = (placed ? 0 : weights_at(s, r)) + lane_of(at);
    const real *w2 = how == PAIRED ? s->w2 + line : NULL;
    v_real w[MOST_VECTORS];
    load_line(nv, s->w ? s->w + line : NULL, at, w);
    if (k == 0)
        fetch_weights(placed, nv, m, s, r, lane_of(at));
#define ADD(literal) add_source(placed, how, literal, kt, nv, s, m->n, r, at, k, w, w2, acc)
    if (n > 0)
        ADD(n);
    else if (nv == REST || (nv == 1 && how == PAIRED)) /* rare: less code */
        ADD(0);
    else
        BY_COMPONENTS(s->n, ADD)
}

/* nv vectors, results k .. k + kt - 1, added up over rows and sources; placed: these are at the
   row. */
V_INLINE void mix_tile(const int only, const bool placed, const int kt, const int nv,
                       const mix_job *m, const source *from, size_t row, size_t rows, row_place at,
                       int k)
{
    const int vectors = vectors_of(nv);
    const bool fetches = m->fetches && k == 0 && lane_of(at) == 0;
    v_real acc[SUMS];
    clear_sums(kt * vectors, acc);
    const size_t first = placed ? 0 : m->first + row;
    for (size_t r = first; r < first + (placed ? 1 : rows); r++) {
        if (fetches)
            fetch_operands(m, placed ? m->first + row : r);
        if (only <= 0) {
            for (const source *s = from; s < from + m->count; s++)
                if (only == ANY_PAIRED && s->v2)
                    mix_source(ANY, placed, kt, nv, PAIRED, m, s, r, at, k, acc);
                else
                    mix_source(ANY, placed, kt, nv, WEIGHTED, m, s, r, at, k, acc);
        } else if (only == ONE_AND_THREE) {
            mix_source(1, placed, kt, nv, WEIGHTED, m, &from[0], r, at, k, acc);
            mix_source(3, placed, kt, nv, WEIGHTED, m, &from[1], r, at, k, acc);
        } else {
            mix_source(only, placed, kt, nv, WEIGHTED, m, from, r, at, k, acc);
        }
    }
    real *z = m->z + row * m->z_row + at.t * m->z_tile + (size_t)k * m->z_step + at.lane;
    V_UNROLL
    for (int q = 0; q < kt; q++, z += m->z_step)
        V_UNROLL
    for (int v = 0; v < vectors; v++) {
        real *to = z + vector_at(v, m->z_tile);
        const v_real sum = acc[q * vectors + v];
        store_vector(nv, to, at, v, m->fresh ? sum : load_vector(nv, to, at, v) + sum);
    }
}

/* Rows that go to one. */
V_INLINE size_t rows_together(const mix_job *m)
{
    return m->sum ? m->rows : 1;
}

/* What a source names at row r. */
V_INLINE void place_source(const source *s, size_t r, source *at)
{
    const size_t v = listed(s->index, r) * s->row, w = weights_at(s, r);
    at->v = s->v + v;
    at->v2 = s->v2 ? s->v2 + v : NULL;
    at->tile = s->tile;
    at->step = s->step;
    at->n = s->n;
    at->M = s->M + r;
    at->w = s->w ? s->w + w : NULL;
    at->w2 = s->w2 ? s->w2 + w : NULL;
    at->fetch = s->fetch ? s->fetch + listed(s->fetch_index, r) * s->w_row : NULL;
}

/* All tiles of so many rows. */
V_INLINE void mix_rows(const int only, const bool placed, const int kt, const mix_job *m,
                       const source *from, size_t row, size_t rows, int k)
{
    const int nv = vectors_for(kt), single = NV == 1 ? 1 : PAIR, step = nv > NV ? nv / NV : 1;
    size_t t = 0;
    for (; t + (size_t)step <= m->tiles; t += (size_t)step)
        for (int lane = 0; lane < step * T; lane += nv * V_LANES)
            mix_tile(only, placed, kt, nv, m, from, row, rows, tile_place(t, lane), k);
    for (; step > PAIR && t + PAIR <= m->tiles; t += PAIR)
        mix_tile(only, placed, kt, PAIR, m, from, row, rows, tile_place(t, 0), k);
    for (; step > 1 && t < m->tiles; t++)
        for (int lane = 0; lane < T; lane += single * V_LANES)
            mix_tile(only, placed, kt, single, m, from, row, rows, tile_place(t, lane), k);
}

/* Row by row, with room for the sources at a row. */
V_INLINE void mix_placed(const int only, const int kt, const mix_job *m, size_t count, source *at,
                         int k)
{
    for (size_t row = 0; row < m->rows; row++) {
        for (size_t i = 0; i < count; i++)
            place_source(&m->from[i], m->first + row, &at[i]);
        mix_rows(only, true, kt, m, at, row, 1, k);
    }
}

V_INLINE void mix_tiles(const int only, const int kt, const mix_job *job, int k)
{
    mix_job m = *job;
    join_rest(&m.tiles, &m.rest);
    /* Where a tile is one vector there are too few visits to pay for it. Of one source of more
       components there are no sums. */
    const bool apart = NV == 2 && (only > 3 || !m.sum);
    if (only > 0 && apart) {
        source at[2];
        mix_placed(only, kt, &m, only == ONE_AND_THREE ? 2 : 1, at, k);
        return;
    }
    if (only <= 0 && apart && m.tiles >= LEAST_TILES && m.count <= MOST_PLACED) {
        source at[MOST_PLACED];
        mix_placed(only, kt, &m, m.count, at, k);
        return;
    }
    source own;
    if (only > 0) {
        own = *m.from;
        m.from = &own;
    }
    const size_t together = rows_together(&m);
    for (size_t row = 0; row < m.rows; row += together)
        mix_rows(only, false, kt, &m, m.from, row, together, k);
}

/* Results k .. k + kt - 1; kt a literal. */
V_INLINE void mix_results(const int kt, const mix_job *m, int k)
{
#define ONLY(literal) mix_tiles(literal, kt, m, k)
    /* Sums of more components are as fast by ANY. */
    const bool one = m->count == 1 && (!m->sum || m->from->n <= 3);
    /* Where a tile is one vector, or a row few, there are too few visits to pay for it. */
    const bool one_and_three = NV == 2 && kt <= 3 && m->tiles >= 4 && !m->sum && m->count == 2 &&
                               m->from[0].n == 1 && m->from[1].n == 3;
    if (m->paired)
        ONLY(ANY_PAIRED);
    else if (one_and_three)
        ONLY(ONE_AND_THREE);
    else
        BY_COMPONENTS(one ? m->from->n : ANY, ONLY)
}

/* How many of n results, an odd number of them or what is left of one, are taken at once: as many
   as registers hold, no single one left over; four only where tiles have several vectors or only
   rests are taken, nv 2. */
V_INLINE int results_of(const int nv, int n)
{
    static const int8_t two[] = {0, 1, 1, 3, 4, 5, 3, 4, 5, 5, 5, 5, 5, 5},
                        one[] = {0, 1, 1, 3, 1, 5, 3, 7, 5, 9, 5, 5, 9, 7};
    return n > 13 ? (nv == 1 ? MOST_RESULTS : 5) : (nv == 1 ? one : two)[n];
}

/* The rest of the rows, in one form for all jobs. */
V_INLINE void mix_rest(const int kt, const mix_job *m, int k)
{
    const size_t together = rows_together(m);
    for (size_t row = 0; row < m->rows; row += together)
        for (int i = 0; i * REST_LANES < m->rest; i++)
            mix_tile(ANY_PAIRED, false, kt, REST, m, m->from, row, together,
                     rest_at(m->tiles, m->rest, i), k);
}

#define TAKE(kt, f)  \
    case kt:         \
        f(kt, m, k); \
        break;

/* Not a part of `mix`, as its loops want all registers. */
static __attribute__((noinline)) void mix_rests(const mix_job *job)
{
    mix_job own = *job;
    const mix_job *m = &own;
    join_rest(&own.tiles, &own.rest);
    for (int k = 0, now; k < m->n; k += now)
        switch (now = results_of(2, m->n - k)) {
            TAKE(1, mix_rest)
            TAKE(3, mix_rest)
            TAKE(4, mix_rest)
            TAKE(5, mix_rest)
        }
}

static void mix(const mix_job *m)
{
    for (int k = 0, now; k < m->n; k += now)
        switch (now = results_of(NV, m->n - k)) {
            TAKE(1, mix_results)
            TAKE(3, mix_results)
            TAKE(5, mix_results)
#if V_BYTES == 64
            TAKE(7, mix_results)
            TAKE(9, mix_results)
#else
            TAKE(4, mix_results)
#endif
        }
    if (m->rest)
        mix_rests(m);
}

/* A source where a tile of a row begins, with its results: NULL, they are not wanted; first: they
   are written, else added to. */
typedef struct visit {
    source s;
    real *z;
    size_t line; /* of weights and their gradients: elements from the row's first */
    bool first;
} visit;

/* nv vectors of a tile of a row, results k .. k + kt - 1 of one source: their share of gw, and z +=
   w u. */
V_INLINE void mix_back_results(const int n, const int kt, const int nv, const mix_job *m,
                               const visit *of, row_place at, int k, v_real *gw)
{
    const int vectors = vectors_of(nv);
    const source *s = &of->s;
    const real *x = s->x + at.t * m->x_tile + (size_t)k * m->x_step + at.lane;
    v_real u[SUMS];
    clear_sums(kt * vectors, u);
    add_source(true, PLAIN, n, kt, nv, s, m->n, 0, at, k, NULL, NULL, u);
    if (s->gw) {
        V_UNROLL
        for (int q = 0; q < kt; q++, x += m->x_step)
            V_UNROLL
        for (int v = 0; v < vectors; v++)
            gw[v] = v_fma(load_vector(nv, x + vector_at(v, m->x_tile), at, v), u[q * vectors + v],
                          gw[v]);
    }
    if (!of->z)
        return;
    v_real w[PAIR];
    load_line(nv, s->w ? s->w + of->line : NULL, at, w);
    if (k == 0)
        fetch_weights(true, nv, m, s, 0, of->line);
    real *z = of->z + at.t * m->z_tile + (size_t)k * m->z_step + at.lane;
    V_UNROLL
    for (int q = 0; q < kt; q++, z += m->z_step)
        V_UNROLL
    for (int v = 0; v < vectors; v++) {
        real *to = z + vector_at(v, m->z_tile);
        const v_real uq = u[q * vectors + v];
        store_vector(nv, to, at, v,
                     of->first ? w[v] * uq : v_fma(w[v], uq, load_vector(nv, to, at, v)));
    }
}

/* nv vectors of the gradient of the weights of a row. */
V_INLINE void put_weight_gradient(const int nv, const visit *of, row_place at, v_real *gw)
{
    const source *s = &of->s;
    real *to = s->gw + of->line;
    if (s->gw_from) {
        const real *from = s->gw_from + of->line;
        V_UNROLL
        for (int v = 0; v < vectors_of(nv); v++)
            gw[v] += load_vector(nv, from + v * V_LANES, at, v);
    }
    V_UNROLL
    for (int v = 0; v < vectors_of(nv); v++, to += V_LANES)
        if (s->gw_past && nv != REST)
            v_streamu(to, gw[v]);
        else
            store_vector(nv, to, at, v, gw[v]);
}

/* nv vectors of a row, all results of one source. N: m->n as a literal, or 0 where it is 9 or more.
 */
V_INLINE void mix_back_tile(const int n, const int N, const int nv, const mix_job *m,
                            const visit *of, row_place at)
{
    v_real gw[PAIR];
    clear_sums(vectors_of(nv), gw);
#define RESULTS(kt, k) mix_back_results(n, kt, nv, m, of, at, k, gw)
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
    if (of->s.gw)
        put_weight_gradient(nv, of, at, gw);
}

/* What a source names at a row. */
V_INLINE visit place_visit(const mix_job *m, size_t i, size_t row)
{
    const source *s = &m->from[i];
    const size_t r = m->first + row;
    visit of = {.first = m->fresh && i == m->opens};
    place_source(s, r, &of.s);
    of.s.x = s->x + r * m->x_row;
    of.s.gw = s->gw ? s->gw + r * s->gw_row : NULL;
    of.s.gw_from = s->gw_from ? s->gw_from + r * s->gw_from_row : NULL;
    of.s.gw_past = s->gw_past;
    of.z = m->z && !s->only_gw ? m->z + row * m->z_row : NULL;
    return of;
}

/* Pointers go from tile to tile: addresses made of a tile's number take more registers than there
   are. */
V_INLINE void mix_back_row(const int n, const int N, const mix_job *m, visit *of)
{
    size_t t = 0;
    for (; t + PAIR_TILES <= m->tiles; t += PAIR_TILES) {
        for (int lane = 0; lane < T * PAIR_TILES; lane += PAIR * V_LANES) {
            mix_back_tile(n, N, PAIR, m, of, tile_place(0, lane));
            of->line += PAIR * V_LANES;
        }
        of->s.v += PAIR_TILES * of->s.tile;
        of->s.x += PAIR_TILES * m->x_tile;
        of->z = of->z ? of->z + PAIR_TILES * m->z_tile : NULL;
    }
    if (PAIR_TILES > 1 && t < m->tiles)
        mix_back_tile(n, N, 1, m, of, tile_place(0, 0));
}

/* Of 9 results and more, loops over components are not unrolled: 1.03 times slower, in a fifth of
   the code. */
V_INLINE void mix_back_rows(const int N, const mix_job *job)
{
    mix_job m = *job;
    join_rest(&m.tiles, &m.rest);
#define ROW(literal) mix_back_row(literal, N, &m, &of)
    for (size_t row = 0; row < m.rows; row++) {
        fetch_operands(&m, m.first + row);
        for (size_t i = 0; i < m.count; i++) {
            visit of = place_visit(&m, i, row);
            if (N == 0)
                ROW(0);
            else
                BY_COMPONENTS(of.s.n, ROW)
        }
    }
}

V_INLINE void mix_back_rest(const int N, const mix_job *job)
{
    mix_job m = *job;
    join_rest(&m.tiles, &m.rest);
    for (size_t row = 0; row < m.rows; row++)
        for (size_t i = 0; i < m.count; i++) {
            visit of = place_visit(&m, i, row);
            of.line = m.tiles * T;
            for (int v = 0; v * REST_LANES < m.rest; v++, of.line += REST_LANES)
                mix_back_tile(0, N, REST, &m, &of, rest_at(m.tiles, m.rest, v));
        }
}

static __attribute__((noinline)) void mix_back_rests(const mix_job *m)
{
#define REST_ROWS(literal) mix_back_rest(literal, m)
    BY_COMPONENTS(m->n, REST_ROWS)
}

static void mix_back(const mix_job *m)
{
#define ROWS(literal) mix_back_rows(literal, m)
    BY_COMPONENTS(m->n, ROWS)
    if (m->rest)
        mix_back_rests(m);
}

#endif
