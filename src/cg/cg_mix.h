/* SPDX-License-Identifier: MIT */
/* The kernel `mix`, a part of cg_kernels_tmpl.c: sums over sources in registers, with literal
   numbers of components, results and vectors. */
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
    LEAST_TILES = 8, /* of a row whose sources are placed before, if they are several */
    /* whether numbers of components as literals pay: elsewhere they are but more code */
    LITERAL_SUMS = NV <= 2,
    LITERAL_ROWS = NV == 2
};

/* How many vectors for kt results. */
V_INLINE int vectors_for(const bool sum, const int kt)
{
    return kt <= (NV == 1 ? 5 : sum ? 3 : 1) ? MOST_VECTORS : PAIR;
}

V_INLINE size_t lane_of(row_place at)
{
    return at.t * T + (size_t)at.lane;
}

/* Where the weights of row r are. */
V_INLINE size_t weights_at(const source *s, size_t r)
{
    return listed(s->w_index, r) * s->w_row;
}

/* Weights of what has none: of so many vectors at a time. */
#define FOUR_ONES 1, 1, 1, 1
#define SIXTEEN_ONES FOUR_ONES, FOUR_ONES, FOUR_ONES, FOUR_ONES
static const _Alignas(64) real ones[64] = {SIXTEEN_ONES, SIXTEEN_ONES, SIXTEEN_ONES, SIXTEEN_ONES};
_Static_assert(MOST_VECTORS *V_BYTES <= sizeof ones, "ones");

/* A source at a tile of a row. */
typedef struct spot {
    const real *v, *v2, *M, *w, *w2;
    size_t tile, step;
    int n;
} spot;

/* What is multiplied by M: v, w v, or w v + w2 v2. */
typedef enum weighing { PLAIN, WEIGHTED, PAIRED } weighing;

/* At the first tile of row 0. */
V_INLINE spot spot_of(const source *s)
{
    return (spot){.v = s->v,
                  .v2 = s->v2,
                  .M = s->M,
                  .w = s->w ? s->w : ones,
                  .w2 = s->w2,
                  .tile = s->tile,
                  .step = s->step,
                  .n = s->n};
}

/* So many elements of v, of lines of weights and of M further on. */
V_INLINE spot move_spot(const weighing how, spot s, size_t v, size_t w, size_t m)
{
    s.v += v;
    s.M += m;
    s.w += w;
    if (how == PAIRED) {
        s.v2 += v;
        s.w2 += w;
    }
    return s;
}

/* Whether weights stay in registers. */
V_INLINE bool keeps_weights(const weighing how, const int kt, const int nv)
{
    return how != PLAIN && (NV == 1 || kt * vectors_of(nv) <= 10);
}

/* Vector p of component e elements behind the first. w2 stays in memory: with it in registers sums
   do not. */
V_INLINE v_real operand(const weighing how, const int nv, const spot *s, size_t e, row_place at,
                        const v_real *kept, const real *w, const real *w2, const int p)
{
    const v_real v = load_vector(nv, s->v + e + vector_at(p, s->tile), at, p);
    if (how == PLAIN)
        return v;
    const v_real a = v * (kept ? kept[p] : load_vector(nv, w + p * V_LANES, at, p));
    if (how == WEIGHTED)
        return a;
    return v_fma(load_vector(nv, s->v2 + e + vector_at(p, s->tile), at, p),
                 load_vector(nv, w2 + p * V_LANES, at, p), a);
}

/* acc += M a for kt results and nv vectors, over n components from element e on; all but n are
   literals, n may be. */
V_INLINE void multiply(const weighing how, const int n, const int kt, const int nv, const spot *s,
                       size_t e, row_place at, const real *M, size_t m_step, const v_real *kept,
                       v_real *acc)
{
    const int vectors = vectors_of(nv);
    const real *w = s->w, *w2 = s->w2;
    V_UNROLL
    for (int i = 0; i < n; i++, e += s->step, M += m_step) {
        v_real a[MOST_VECTORS], c[MOST_VECTORS];
        V_HIDE(w);
        V_HIDE(w2);
        if (nv == MOST_VECTORS && kt < nv) {
            V_UNROLL
            for (int q = 0; q < kt; q++)
                c[q] = v_set1(M[q * T]);
            V_UNROLL
            for (int p = 0; p < vectors; p++) {
                a[p] = operand(how, nv, s, e, at, kept, w, w2, p);
                V_UNROLL
                for (int q = 0; q < kt; q++)
                    V_ADD_PRODUCT(acc[q * vectors + p], c[q], a[p]);
            }
            continue;
        }
        V_UNROLL
        for (int p = 0; p < vectors; p++)
            a[p] = operand(how, nv, s, e, at, kept, w, w2, p);
        V_UNROLL
        for (int q = 0; q < kt; q++) {
            const v_real m = v_set1(M[q * T]);
            V_UNROLL
            for (int p = 0; p < vectors; p++)
                V_ADD_PRODUCT(acc[q * vectors + p], m, a[p]);
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
V_INLINE void add_components(const weighing how, const int n, const int kt, const int nv,
                             const spot *s, int N, row_place at, int k, const v_real *kept,
                             v_real *acc)
{
    const real *M = s->M + k * T;
    const size_t m_step = (size_t)(N * T);
    if (n > 0) {
        multiply(how, n, kt, nv, s, 0, at, M, m_step, kept, acc);
        return;
    }
    size_t e = 0;
    for (int i = 0; i < s->n; i++, e += s->step, M += m_step)
        multiply(how, 1, kt, nv, s, e, at, M, m_step, kept, acc);
}

/* nv vectors of a line. */
V_INLINE void load_line(const int nv, const real *w, row_place at, v_real *to)
{
    V_UNROLL
    for (int v = 0; v < vectors_of(nv); v++)
        to[v] = load_vector(nv, w + v * V_LANES, at, v);
}

/* The same with weights in registers, where they stay there. */
V_INLINE void add_spot(const weighing how, const int n, const int kt, const int nv, const spot *s,
                       int N, row_place at, int k, v_real *acc)
{
    const bool keeps = keeps_weights(how, kt, nv);
    v_real kept[MOST_VECTORS];
    if (keeps)
        load_line(nv, s->w, at, kept);
    add_components(how, n, kt, nv, s, N, at, k, keeps ? kept : NULL, acc);
}

/* nv vectors that come to be read later, while as many weights are: to the second-level cache only,
   as they would drive what is in use from the first. */
V_INLINE void fetch_line(const int nv, const real *line)
{
    V_UNROLL
    for (int v = 0; v < vectors_of(nv); v += NV)
        __builtin_prefetch(line + v * V_LANES, 0, 2);
}

/* Functions of their own, each of which has all registers. */
#define APART static __attribute__((noinline)) void

/* Lines of operands of a later row, to the second-level cache. */
APART fetch_operands(const mix_job *m, size_t r)
{
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < m->fetch_lines[k]; i++)
            __builtin_prefetch(m->fetch[k] + r * m->fetch_row[k] + i * T, 0, 2);
}

/* nv vectors of results k .. k + kt - 1 of a row. */
V_INLINE void put_results(const int kt, const int nv, const mix_job *m, size_t row, row_place at,
                          int k, const v_real *acc)
{
    const int vectors = vectors_of(nv);
    const size_t step = m->z_step, tile = m->z_tile;
    real *z = m->z + row * m->z_row + at.t * tile + (size_t)k * step + at.lane;
    V_UNROLL
    for (int q = 0; q < kt; q++, z += step)
        V_UNROLL
    for (int v = 0; v < vectors; v++) {
        real *to = z + vector_at(v, tile);
        const v_real sum = acc[q * vectors + v];
        store_vector(nv, to, at, v, m->fresh ? sum : load_vector(nv, to, at, v) + sum);
    }
}

/* ---- sums over rows ---- */

/* What a source has for a tile of all rows: of row r, or of another in its place, so much further
   on. */
typedef struct column {
    spot s;
    size_t row, w_row;
    const int64_t *index, *w_index;
    const real *fetch;
    const int64_t *fetch_index;
    size_t fetch_row;
} column;

V_INLINE column column_of(const weighing how, const mix_job *m, const source *s, const int nv,
                          row_place at)
{
    const size_t e = at.t * s->tile + (size_t)at.lane, line = lane_of(at);
    const bool in_turn = !s->fetch_index;
    column c = {.s = move_spot(how, spot_of(s), e, s->w ? line : 0, 0),
                .row = s->row,
                .w_row = s->w ? s->w_row : 0,
                .index = s->index,
                .w_index = s->w ? s->w_index : NULL,
                .fetch_index = s->fetch_index,
                .fetch_row = in_turn ? (size_t)(vectors_of(nv) * V_LANES) : s->w_row};
    c.fetch = s->fetch ? s->fetch + (in_turn ? line * m->rows : line) : NULL;
    return c;
}

/* What a source has there at row r. */
V_INLINE void add_row(const weighing how, const int n, const int kt, const int nv, const column *c,
                      size_t r, int N, row_place at, int k, v_real *acc)
{
    const size_t v = listed(c->index, r) * c->row, w = listed(c->w_index, r) * c->w_row;
    const spot here = move_spot(how, c->s, v, w, r);
    if (k == 0 && c->fetch)
        fetch_line(nv, c->fetch + listed(c->fetch_index, r) * c->fetch_row);
    add_spot(how, n, kt, nv, &here, N, at, k, acc);
}

/* Adds what a source has for all rows. */
V_INLINE void add_rows(const weighing how, const int n, const int kt, const int nv,
                       const mix_job *m, const source *s, row_place at, int k, v_real *acc)
{
    const column c = column_of(how, m, s, nv, at);
    for (size_t r = m->first; r < m->first + m->rows; r++)
        add_row(how, n, kt, nv, &c, r, m->n, at, k, acc);
}

/* A tile, source by source: in a loop over rows its components are a literal. */
V_INLINE void mix_sum(const weighing how, const int kt, const int nv, const mix_job *m,
                      row_place at, int k)
{
    const size_t tiles = nv > NV ? nv / NV : 1;
    v_real acc[SUMS];
    clear_sums(kt * vectors_of(nv), acc);
    if (nv != REST && m->fetches && k == 0 && at.lane == 0) /* its share of the rows */
        for (size_t i = at.t * m->rows / m->tiles; i < (at.t + tiles) * m->rows / m->tiles; i++)
            fetch_operands(m, m->first + i);
    for (const source *s = m->from; s < m->from + m->count; s++) {
#define ROWS_OF(n) add_rows(WEIGHTED, n, kt, nv, m, s, at, k, acc)
        if (how == PAIRED && s->v2) /* rare: less code */
            add_rows(PAIRED, 0, kt, nv, m, s, at, k, acc);
        else if (nv == REST || how == PAIRED || !LITERAL_SUMS)
            ROWS_OF(0);
        else
            BY_COMPONENTS(s->n, ROWS_OF)
    }
    put_results(kt, nv, m, 0, at, k, acc);
}

/* ---- rows apart ---- */

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

/* The sources of a job, as a literal: one, of so many components; one of 1 and one of 3 components;
   as many as there are. */
enum { ONE_AND_THREE = 13, ANY = 0 };

/* placed: what the source names is at the row. */
V_INLINE void add_source(const bool placed, const weighing how, const int n, const int kt,
                         const int nv, const mix_job *m, const source *s, size_t r, row_place at,
                         int k, v_real *acc)
{
    const size_t v = at.t * s->tile + (size_t)at.lane + (placed ? 0 : listed(s->index, r) * s->row),
                 w = lane_of(at) + (placed ? 0 : weights_at(s, r));
    const spot here = move_spot(how, spot_of(s), v, s->w ? w : 0, placed ? 0 : r);
    if (k == 0 && s->fetch)
        fetch_line(nv,
                   s->fetch + lane_of(at) + (placed ? 0 : listed(s->fetch_index, r) * s->w_row));
#define ADD(literal) add_spot(how, literal, kt, nv, &here, m->n, at, k, acc)
    if (n > 0)
        ADD(n);
    else if (nv == REST || !LITERAL_ROWS)
        ADD(0);
    else
        BY_COMPONENTS(s->n, ADD)
}

/* A tile of a row. */
V_INLINE void mix_tile(const bool placed, const weighing how, const int only, const int kt,
                       const int nv, const mix_job *m, const source *from, size_t row, row_place at,
                       int k)
{
    const size_t r = m->first + row;
    v_real acc[SUMS];
    clear_sums(kt * vectors_of(nv), acc);
    if (only == ONE_AND_THREE) {
        add_source(placed, how, 1, kt, nv, m, from, r, at, k, acc);
        add_source(placed, how, 3, kt, nv, m, from + 1, r, at, k, acc);
    } else if (only != ANY) {
        add_source(placed, how, only, kt, nv, m, from, r, at, k, acc);
    } else {
        for (const source *s = from; s < from + m->count; s++)
            if (how == PAIRED && s->v2)
                add_source(placed, PAIRED, ANY, kt, nv, m, s, r, at, k, acc);
            else
                add_source(placed, WEIGHTED, ANY, kt, nv, m, s, r, at, k, acc);
    }
    put_results(kt, nv, m, row, at, k, acc);
}

/* ---- all tiles ---- */

/* f(nv, at, ...) for all tiles, of a number of vectors that goes with kt. */
#define EACH_TILE(nv_most, tiles, f)                                                       \
    do {                                                                                   \
        const int single = NV == 1 ? 1 : PAIR, step = (nv_most) > NV ? (nv_most) / NV : 1; \
        size_t t = 0;                                                                      \
        for (; t + (size_t)step <= (tiles); t += (size_t)step)                             \
            for (int lane = 0; lane < step * T; lane += (nv_most)*V_LANES)                 \
                f(nv_most, tile_place(t, lane));                                           \
        for (; step > PAIR && t + PAIR <= (tiles); t += PAIR)                              \
            f(PAIR, tile_place(t, 0));                                                     \
        for (; step > 1 && t < (tiles); t++)                                               \
            for (int lane = 0; lane < T; lane += single * V_LANES)                         \
                f(single, tile_place(t, lane));                                            \
    } while (0)

/* Results k .. k + kt - 1; kt a literal. Sums over rows, or row by row. */
V_INLINE void mix_sums(const weighing how, const int kt, const mix_job *m, int k)
{
    const int nv = vectors_for(true, kt);
#define SUM(nv, at) mix_sum(how, kt, nv, m, at, k)
    EACH_TILE(nv, m->tiles, SUM);
}

/* Where a tile is one vector there are too few visits to pay for placing sources, or a row few. */
V_INLINE void mix_rows(const weighing how, const int only, const int kt, const mix_job *job, int k)
{
    const int nv = vectors_for(false, kt);
    const mix_job own = *job, *m = &own; /* what is stored may not change it */
    const bool places = NV == 2 && (only != ANY || m->tiles >= LEAST_TILES);
    source at_row[E3TP_CG_MOST_SOURCES];
#define PLACED(nv, at) mix_tile(true, how, only, kt, nv, m, at_row, row, at, k)
#define NOT_PLACED(nv, at) mix_tile(false, how, only, kt, nv, m, m->from, row, at, k)
    for (size_t row = 0; row < m->rows; row++) {
        if (m->fetches && k == 0)
            fetch_operands(m, m->first + row);
        for (size_t i = 0; places && i < m->count; i++)
            place_source(&m->from[i], m->first + row, &at_row[i]);
        if (places)
            EACH_TILE(nv, m->tiles, PLACED);
        else
            EACH_TILE(nv, m->tiles, NOT_PLACED);
    }
}

V_INLINE void mix_any_rows(const int kt, const mix_job *m, int k)
{
#define ROWS_BY(only) mix_rows(WEIGHTED, only, kt, m, k)
    if (LITERAL_ROWS && kt <= 3 && m->tiles >= 4 && m->count == 2 && m->from[0].n == 1 &&
        m->from[1].n == 3)
        ROWS_BY(ONE_AND_THREE);
    else if (LITERAL_ROWS && m->count == 1)
        BY_COMPONENTS(m->from->n, ROWS_BY)
    else
        ROWS_BY(ANY);
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

#define TAKE(kt, f)  \
    case kt:         \
        f(kt, m, k); \
        break;

#if V_BYTES == 64
#define EACH_RESULTS(X) X(1) X(3) X(5) X(7) X(9)
#else
#define EACH_RESULTS(X) X(1) X(3) X(4) X(5)
#endif

#define DEFINE_MIXES(kt)                                \
    APART mix_sums_##kt(const mix_job *m, int k)        \
    {                                                   \
        mix_sums(WEIGHTED, kt, m, k);                   \
    }                                                   \
    APART mix_rows_##kt(const mix_job *m, int k)        \
    {                                                   \
        mix_any_rows(kt, m, k);                         \
    }                                                   \
    APART mix_paired_sums_##kt(const mix_job *m, int k) \
    {                                                   \
        mix_sums(PAIRED, kt, m, k);                     \
    }                                                   \
    APART mix_paired_rows_##kt(const mix_job *m, int k) \
    {                                                   \
        mix_rows(PAIRED, ANY, kt, m, k);                \
    }
EACH_RESULTS(DEFINE_MIXES)
#define MIXES(kt)                                                         \
    case kt:                                                              \
        (m->paired ? m->sum ? mix_paired_sums_##kt : mix_paired_rows_##kt \
         : m->sum  ? mix_sums_##kt                                        \
                   : mix_rows_##kt)(m, k);                                 \
        break;

/* The rest of the rows, in one form for all jobs. */
V_INLINE void mix_rest(const int kt, const mix_job *m, int k)
{
    for (int i = 0; i * REST_LANES < m->rest; i++) {
        const row_place at = rest_at(m->tiles, m->rest, i);
        if (m->sum)
            mix_sum(PAIRED, kt, REST, m, at, k);
        for (size_t row = 0; row < m->rows && !m->sum; row++)
            mix_tile(false, PAIRED, ANY, kt, REST, m, m->from, row, at, k);
    }
}

/* Not a part of `mix`, as its loops want all registers. */
APART mix_rests(const mix_job *m)
{
    for (int k = 0, now; k < m->n; k += now)
        switch (now = results_of(2, m->n - k)) {
            TAKE(1, mix_rest)
            TAKE(3, mix_rest)
            TAKE(4, mix_rest)
            TAKE(5, mix_rest)
        }
}

static void mix(const mix_job *job)
{
    mix_job own = *job;
    const mix_job *m = &own;
    join_rest(&own.tiles, &own.rest);
    for (int k = 0, now; k < m->n; k += now)
        switch (now = results_of(NV, m->n - k)) {
            EACH_RESULTS(MIXES)
        }
    if (m->rest)
        mix_rests(m);
}

#endif
