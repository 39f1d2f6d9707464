/* SPDX-License-Identifier: MIT */
/* Harmonics with lanes over vectors, compiled once per tier and real. A tile of T vectors at a
   time: all degrees into lines of the tile, then what was asked for, V_LANES harmonics of V_LANES
   vectors transposed together into rows. */
#include "sh/sh_kernels.h"

#include "sh/sh_vectors.h"

enum {
    T = 64 / sizeof(real),
    GROUP = V_BYTES / sizeof(real),
    VECS = 64 / V_BYTES,
    ROOM = 32768 / sizeof(real) /* rows that are gathered before they go to memory */
};

/* T vectors of a call and their harmonics. */
typedef struct tile {
    const e3tp_sh_call *call;
    size_t at, n; /* first vector, how many, at most T */
    const point *p;
    real *line;
} tile;

/* Tiles whose directions, then harmonics, then results are made one after the other: what waits for
   a division or a recurrence in one goes on in the next. */
enum { TILES = 16, BLOCK_LINES = 384 };

typedef struct block {
    size_t tiles;
    tile t[TILES];
    point p[TILES][VECS];
    _Alignas(64) real line[E3TP_SH_LINES * T];
} block;

V_INLINE size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t lines_of(const e3tp_sh_map *m)
{
    return (size_t)(m->lmax + 1) * (size_t)(m->lmax + 1);
}

/* ---- vectors */

static point point_of(const e3tp_sh_map *m, const real *v)
{
    const v_real parts[3] = {v_load(v), v_load(v + T), v_load(v + 2 * T)};
    if (m->normalize)
        return direction(parts);
    return (point){.u = {parts[0], parts[1], parts[2]},
                   .inverse = v_set1(1),
                   .scale = v_set1(1),
                   .there = (v_int)(v_zero() == v_zero())};
}

V_INLINE v_real per_length(const point *p, v_real v)
{
    return (v_real)((v_int)(v * p->inverse * p->scale) & p->there);
}

/* ---- harmonics */

/* (z + ix)^M, M = 0..lmax. */
static void powers(int lmax, v_real x, v_real z, v_real *re, v_real *im)
{
    v_real a = v_set1(1), b = v_zero();
    for (int M = 0; M <= lmax; M++) {
        re[M] = a, im[M] = b;
        a = v_fnma(im[M], x, re[M] * z);
        b = v_fma(im[M], z, re[M] * x);
    }
}

static void harmonics(const e3tp_sh_map *m, const v_real *u, real *line)
{
    const v_real y = u[1], square = v_fma(u[0], u[0], u[2] * u[2]);
    v_real re[E3TP_SH_LMAX + 1], im[E3TP_SH_LMAX + 1];
    const real *start = m->start, *step = m->steps;
    powers(m->lmax, u[0], u[2], re, im);
    for (int l = 0; l <= m->lmax; l++) {
        real *middle = line + (l * l + l) * T;
        v_real f = v_set1(start[l]), above = v_zero();
        for (int M = l; M > 0; M--, step += 2) {
            v_store(middle + M * T, f * re[M]);
            v_store(middle - M * T, f * im[M]);
            const v_real next = v_fnma(v_set1(step[1]) * square, above, v_set1(step[0]) * y * f);
            above = f;
            f = next;
        }
        v_store(middle, f);
    }
}

/* d/dx_k of one harmonic, from the lines of those of lower degree; k is a literal. */
V_INLINE v_real derivative(const int k, const e3tp_sh_map *m, size_t of, const real *line)
{
    const e3tp_sh_sources *s = m->sources + of;
    const real *w = (const real *)m->weights + of * E3TP_SH_WEIGHTS;
    if (k == 1)
        return v_set1(w[E3TP_SH_WY]) * v_load(line + s->y * T);
    const uint16_t *from = k == 0 ? s->x : s->z;
    w += k == 0 ? E3TP_SH_WX : E3TP_SH_WZ;
    return v_fma(v_set1(w[0]), v_load(line + from[0] * T),
                 v_set1(w[1]) * v_load(line + from[1] * T));
}

V_INLINE v_real degree_of(const e3tp_sh_map *m, size_t of)
{
    return v_set1(((const real *)m->weights)[of * E3TP_SH_WEIGHTS + E3TP_SH_DEGREE]);
}

/* The derivatives of all lines along the vectors d. */
static void along(const e3tp_sh_map *m, const v_real *d, const real *line, real *to)
{
    for (size_t i = 0; i < lines_of(m); i++) {
        const v_real sum = v_fma(d[1], derivative(1, m, i, line), d[2] * derivative(2, m, i, line));
        v_store(to + i * T, v_fma(d[0], derivative(0, m, i, line), sum));
    }
}

static void fill_tile(block *b, size_t i, const e3tp_sh_call *c, size_t at, size_t n)
{
    _Alignas(64) real v[3 * T];
    tile *t = &b->t[i];
    *t = (tile){c, at, n, b->p[i], b->line + i * lines_of(c->map) * T};
    load_vectors(&c->v, at, n, v);
    V_ROLL
    for (int k = 0; k < VECS; k++)
        b->p[i][k] = point_of(c->map, v + k * GROUP);
}

/* The first tiles of from..to-1. */
static void fill(block *b, const e3tp_sh_call *c, size_t from, size_t to)
{
    const size_t most = least(TILES, BLOCK_LINES / lines_of(c->map));
    b->tiles = least((to - from + T - 1) / T, most ? most : 1);
    for (size_t i = 0; i < b->tiles; i++)
        fill_tile(b, i, c, from + i * T, least(to - from - i * T, T));
    for (size_t i = 0; i < b->tiles; i++)
        V_ROLL
    for (int k = 0; k < VECS; k++)
        harmonics(c->map, b->p[i][k].u, b->t[i].line + k * GROUP);
}

/* ---- results to memory */

/* Where the rows, or with BATCH_LAST the columns, of the next tile go. Rows that are to pass by the
   caches but do not fill lines of memory are first gathered in a room. */
typedef struct sink {
    real *to, *room, *memory;
    size_t width, next;          /* elements of a row; from one column to the next */
    bool columns, stream, lines; /* lines: rows are whole lines of memory */
} sink;

enum { ARRAYS = 3 }; /* of one call */

typedef struct results {
    sink of[ARRAYS];
    size_t tiles, rows; /* for which there are rooms, 0: none; gathered since the last flush */
    _Alignas(64) real room[ROOM + ARRAYS * T];
} results;

/* Whole lines of memory past the caches; from and to have the same alignment there. */
static void copy(const real *from, real *to, size_t n)
{
    size_t at = 0;
    for (; at < n && (uintptr_t)(to + at) % 64; at++)
        to[at] = from[at];
    for (; at + GROUP <= n; at += GROUP)
        v_stream(to + at, v_load(from + at));
    for (; at < n; at++)
        to[at] = from[at];
}

/* Arrays from vector `from` on, of 1, 3 and 9 times dim for each; NULL: not wanted. */
static void start_results(results *r, const e3tp_sh_call *c, size_t from, void *const *arrays)
{
    static const size_t times[ARRAYS] = {1, 3, 9};
    const bool columns = c->map->batch_last;
    real *room = r->room;
    size_t all = 0;
    r->rows = 0;
    for (int i = 0; i < ARRAYS; i++)
        all += arrays[i] ? times[i] * c->map->dim : 0;
    r->tiles = columns || !all || !c->stream ? 0 : ROOM / (T * all);
    for (int i = 0; i < ARRAYS; i++) {
        sink *s = &r->of[i];
        *s = (sink){.width = times[i] * c->map->dim,
                    .next = c->v.n,
                    .columns = columns,
                    .stream = c->stream};
        if (!arrays[i])
            continue;
        s->to = s->memory = (real *)arrays[i] + from * (columns ? 1 : s->width);
        s->lines = ((uintptr_t)s->to % 64 | s->width % T) == 0;
        if (r->tiles && !s->lines) {
            s->to = s->room = room + (uintptr_t)s->memory % 64 / sizeof(real);
            room += T + r->tiles * T * s->width;
        }
    }
}

static void flush(results *r)
{
    for (int i = 0; i < ARRAYS; i++) {
        sink *s = &r->of[i];
        if (!s->room)
            continue;
        copy(s->room, s->memory, r->rows * s->width);
        s->to = s->room;
        s->memory += r->rows * s->width;
    }
    r->rows = 0;
}

static void gathered(results *r, size_t rows)
{
    r->rows += rows;
    if (r->rows >= r->tiles * T)
        flush(r);
}

/* The first `count` elements of a row; `count` is a literal. */
V_INLINE void put_row(const int count, v_real r, real *to)
{
    if (count == GROUP)
        v_storeu(to, r);
    else
        v_store_n(to, r, count);
}

V_INLINE void put_rows(const int count, const v_real *r, size_t width, int lanes, real *to)
{
    if (lanes == GROUP) {
        V_UNROLL
        for (int i = 0; i < GROUP; i++)
            put_row(count, r[i], to + (size_t)i * width);
        return;
    }
    for (int i = 0; i < lanes; i++)
        put_row(count, r[i], to + (size_t)i * width);
}

#define EACH_COUNT(X) \
    X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define CASE(w)                                               \
    case w:                                                   \
        put_rows((w) < GROUP ? (w) : 1, r, width, lanes, to); \
        break;

static void put_rest(const v_real *r, int count, size_t width, int lanes, real *to)
{
    switch (count) {
        EACH_COUNT(CASE)
    default:
        break;
    }
}

static void put_columns(const sink *s, const v_real *r, int count, int lanes, real *to)
{
    for (int i = 0; i < count; i++, to += s->next)
        if (lanes < GROUP)
            v_store_n(to, r[i], lanes);
        else if (s->stream && (uintptr_t)to % V_BYTES == 0)
            v_stream(to, r[i]);
        else
            v_storeu(to, r[i]);
}

/* What a line of results is made of: the harmonics of a tile, or those and what their derivatives
   along one axis are. */
typedef struct source {
    const tile *t;
    const real *line;
    int axis;          /* of the Hessian's first index */
    const real *slope; /* lines along that axis */
} source;

typedef enum kind { VALUE, SLOPE_X, SLOPE_Y, SLOPE_Z, BEND_X, BEND_Y, BEND_Z } kind;

/* With u the direction and D derivatives of the polynomial (Euler):
     d/dx_k         (D_k - l u_k) Y / |v|
     d^2/dx_i dx_k  (D_i D_k - l (u_i D_k + u_k D_i) + l ((l + 2) u_i u_k - [i = k])) Y / |v|^2 */
V_INLINE v_real slope(const int k, const e3tp_sh_map *m, const point *p, size_t of,
                      const real *line)
{
    const v_real d = derivative(k, m, of, line);
    if (!m->normalize)
        return d;
    const v_real radial = degree_of(m, of) * p->w[k];
    const v_real g = v_fnma(radial, v_load(line + of * T), d * p->inverse); /* 0 at the origin */
    return g * p->scale;
}

V_INLINE v_real bend(const int k, const source *s, const e3tp_sh_map *m, const point *p, size_t of,
                     int lanes_at)
{
    const real *line = s->line + lanes_at, *first = s->slope + lanes_at;
    const v_real d = derivative(k, m, of, first);
    if (!m->normalize)
        return d;
    const v_real l = degree_of(m, of), ui = p->u[s->axis], uk = p->u[k], y = v_load(line + of * T);
    const v_real mixed = v_fma(ui, derivative(k, m, of, line), uk * v_load(first + of * T));
    const v_real radial = v_fma((l + v_set1(2)) * ui, uk, v_set1(s->axis == k ? -1 : 0));
    return per_length(p, per_length(p, v_fma(l, v_fma(radial, y, -mixed), d)));
}

V_INLINE v_real element(const kind what, const source *s, size_t of, int k)
{
    const e3tp_sh_map *m = s->t->call->map;
    const point *p = &s->t->p[k];
    const int lanes_at = k * GROUP;
    if (what == VALUE)
        return v_load(s->line + lanes_at + of * T);
    if (what <= SLOPE_Z)
        return slope(what - SLOPE_X, m, p, of, s->line + lanes_at);
    return bend(what - BEND_X, s, m, p, of, lanes_at);
}

/* Lanes of the k-th vector of a tile that are there. */
V_INLINE int lanes_of(const tile *t, int k)
{
    const size_t first = (size_t)(k * GROUP);
    return t->n >= first + GROUP ? GROUP : t->n > first ? (int)(t->n - first) : 0;
}

/* Harmonics j..j+count-1, for the k-th vector of lanes; count is GROUP, a literal, or less. */
V_INLINE void put_group(const kind what, const source *s, const sink *to, size_t column, size_t j,
                        const int count, int k)
{
    const uint16_t *of = s->t->call->map->line + j;
    const int lanes = to->room ? GROUP : lanes_of(s->t, k);
    const size_t first = (size_t)(k * GROUP);
    v_real r[GROUP];
    V_UNROLL
    for (int i = 0; i < GROUP; i++)
        r[i] = i < count ? element(what, s, of[i], k) : v_zero();
    if (to->columns) {
        put_columns(to, r, count, lanes, to->to + (column + j) * to->next + first);
        return;
    }
    real *row = to->to + first * to->width + column + j;
    v_transpose(r);
    if (to->stream && to->lines)
        for (int i = 0; i < lanes; i++)
            v_stream(row + (size_t)i * to->width, r[i]);
    else if (count == GROUP)
        put_rows(GROUP, r, to->width, lanes, row);
    else
        put_rest(r, count, to->width, lanes, row);
}

/* All harmonics asked for, from that column of the results on. */
V_INLINE void put_all(const kind what, const source *s, const sink *to, size_t column)
{
    const size_t dim = s->t->call->map->dim;
    size_t j = 0;
    for (; j + GROUP <= dim; j += GROUP)
        V_ROLL
    for (int k = 0; k < VECS; k++)
        put_group(what, s, to, column, j, GROUP, k);
    if (j < dim)
        V_ROLL
    for (int k = 0; k < VECS; k++)
        put_group(what, s, to, column, j, (int)(dim - j), k);
}

static void advance(sink *s)
{
    s->to += T * (s->columns ? 1 : s->width);
}

static void put_values(const tile *t, const real *line, sink *to)
{
    const source s = {.t = t, .line = line};
    put_all(VALUE, &s, to, 0);
    advance(to);
}

static void put_jacobian(const tile *t, sink *to)
{
    const source s = {.t = t, .line = t->line};
    const size_t dim = t->call->map->dim;
    put_all(SLOPE_X, &s, to, 0);
    put_all(SLOPE_Y, &s, to, dim);
    put_all(SLOPE_Z, &s, to, 2 * dim);
    advance(to);
}

static void put_hessian(const tile *t, sink *to)
{
    _Alignas(64) real slopes[E3TP_SH_LINES * T];
    const e3tp_sh_map *m = t->call->map;
    for (int i = 0; i < 3; i++) {
        const v_real axis[3] = {v_set1(i == 0), v_set1(i == 1), v_set1(i == 2)};
        const source s = {t, t->line, i, slopes};
        for (int k = 0; k < T; k += GROUP)
            along(m, axis, t->line + k, slopes + k);
        const size_t column = 3 * m->dim * (size_t)i;
        put_all(BEND_X, &s, to, column);
        put_all(BEND_Y, &s, to, column + m->dim);
        put_all(BEND_Z, &s, to, column + 2 * m->dim);
    }
    advance(to);
}

/* ---- products with the derivatives */

/* Harmonics j.. of cotangents of values, as lines. */
static void fetch(const tile *t, const real *g, size_t j, int count, int k, v_real *r)
{
    const size_t dim = t->call->map->dim, first = (size_t)(k * GROUP), n = t->call->v.n;
    const int lanes = lanes_of(t, k);
    if (t->call->map->batch_last) {
        for (int i = 0; i < count; i++)
            r[i] = v_load_n(g + (j + (size_t)i) * n + t->at + (lanes ? first : 0), lanes);
        return;
    }
    const real *from = g + t->at * dim + j;
    if (lanes == GROUP && count == GROUP)
        V_UNROLL
    for (int i = 0; i < GROUP; i++)
        r[i] = v_loadu(from + (first + (size_t)i) * dim);
    else for (int i = 0; i < GROUP; i++) r[i] =
        i < lanes ? v_load_n(from + (first + (size_t)i) * dim, count) : v_zero();
    v_transpose(r);
}

V_INLINE void contract_group(const e3tp_sh_map *m, const v_real *g, int count, size_t j,
                             const real *line, v_real *sum)
{
    for (int i = 0; i < count; i++) {
        const size_t of = m->line[j + (size_t)i];
        V_UNROLL
        for (int axis = 0; axis < 3; axis++)
            sum[axis] = v_fma(g[i], derivative(axis, m, of, line), sum[axis]);
    }
}

/* sum over harmonics of g times the derivatives of the lines' polynomials. */
static void contract(const tile *t, const void *g, const real *line, int k, v_real *sum)
{
    const e3tp_sh_map *m = t->call->map;
    sum[0] = sum[1] = sum[2] = v_zero();
    for (size_t j = 0; j < m->dim; j += GROUP) {
        const int count = m->dim - j < GROUP ? (int)(m->dim - j) : GROUP;
        v_real r[GROUP];
        fetch(t, g, j, count, k, r);
        contract_group(m, r, count, j, line + k * GROUP, sum);
    }
}

/* What is left of a without its part along the direction. */
V_INLINE void tangential(const point *p, v_real *a)
{
    const v_real along_u = dot(p->u, a);
    for (int i = 0; i < 3; i++)
        a[i] = v_fnma(along_u, p->u[i], a[i]);
}

/* T vectors as they stand in cotangents. */
static void put_vectors(const tile *t, const real *v, void *array)
{
    const size_t n = t->call->v.n;
    for (size_t k = 0; k < T && k < t->n; k += GROUP) {
        real *to = (real *)array + (t->at + k) * (t->call->map->batch_last ? 1 : 3);
        if (t->call->map->batch_last)
            for (size_t i = 0; i < 3; i++)
                v_store_part(to + i * n, t->n - k, 0, v_load(v + i * T + k));
        else
            v_zip(3, v + k, T, to, 3 * (t->n - k < GROUP ? t->n - k : GROUP), 0);
    }
}

static void backward_tile(const tile *t)
{
    _Alignas(64) real v[3 * T];
    V_ROLL
    for (int k = 0; k < VECS; k++) {
        const point *p = &t->p[k];
        v_real a[3];
        contract(t, t->call->g, t->line, k, a);
        if (t->call->map->normalize)
            tangential(p, a);
        for (int i = 0; i < 3; i++)
            v_store(v + i * T + k * GROUP, t->call->map->normalize ? per_length(p, a[i]) : a[i]);
    }
    put_vectors(t, v, t->call->gv);
}

/* With a the product of the polynomials, h that of their derivatives along the tangential part of
   gg, b = gg:
     |v|^2 hv = h - (h.u) u - (a.b) u - (a.u) b - (b.u) a + 3 (a.u) (b.u) u */
V_INLINE void second(const point *p, const v_real *a, const v_real *b, v_real *h)
{
    const v_real au = dot(a, p->u), bu = dot(b, p->u);
    const v_real radial = v_fma(v_set1(3) * au, bu, -dot(a, b));
    tangential(p, h);
    for (int i = 0; i < 3; i++) {
        const v_real rest = v_fma(radial, p->u[i], v_fnma(au, b[i], h[i]));
        h[i] = per_length(p, per_length(p, v_fnma(bu, a[i], rest)));
    }
}

/* One vector of lanes: the lines of `slopes` become the derivatives along gg, `v` the cotangents of
   the vectors; both start as gg there. */
static void double_backward_lanes(const tile *t, int k, real *v, real *slopes)
{
    const e3tp_sh_map *m = t->call->map;
    const point *p = &t->p[k];
    const v_real b[3] = {v_load(v), v_load(v + T), v_load(v + 2 * T)};
    v_real d[3] = {b[0], b[1], b[2]}, a[3], h[3];
    if (m->normalize)
        tangential(p, d);
    along(m, d, t->line + k * GROUP, slopes + k * GROUP);
    if (t->call->gv) {
        contract(t, t->call->g, slopes, k, h);
        if (m->normalize) {
            contract(t, t->call->g, t->line, k, a);
            second(p, a, b, h);
        }
        for (int i = 0; i < 3; i++)
            v_store(v + i * T, h[i]);
    }
    for (size_t i = 0; m->normalize && t->call->hg && i < lines_of(m); i++) {
        real *line = slopes + i * T + k * GROUP;
        v_store(line, per_length(p, v_load(line)));
    }
}

static void double_backward_tile(const tile *t, real *slopes)
{
    _Alignas(64) real v[3 * T];
    const e3tp_sh_call *c = t->call;
    const real *gg = c->gg;
    const size_t n = c->v.n;
    const e3tp_sh_vectors given = c->map->batch_last ? (e3tp_sh_vectors){n, gg, gg + n, gg + 2 * n}
                                                     : (e3tp_sh_vectors){n, gg, NULL, NULL};
    load_vectors(&given, t->at, t->n, v);
    for (int k = 0; k < VECS; k++)
        double_backward_lanes(t, k, v + k * GROUP, slopes);
    if (c->gv)
        put_vectors(t, v, c->gv);
}

/* ---- ranges */

static void end_results(results *r, const e3tp_sh_call *c)
{
    flush(r);
    if (c->stream)
        v_stream_end();
}

static void evaluate(const e3tp_sh_call *c, size_t from, size_t to)
{
    void *const arrays[ARRAYS] = {c->values, c->jacobian, c->hessian};
    block b;
    results r;
    start_results(&r, c, from, arrays);
    for (; from < to; from += b.tiles * T) {
        fill(&b, c, from, to);
        for (size_t i = 0; i < b.tiles; i++) {
            const tile *t = &b.t[i];
            if (c->values)
                put_values(t, t->line, &r.of[0]);
            if (c->jacobian)
                put_jacobian(t, &r.of[1]);
            if (c->hessian)
                put_hessian(t, &r.of[2]);
            gathered(&r, t->n);
        }
    }
    end_results(&r, c);
}

static void backward(const e3tp_sh_call *c, size_t from, size_t to)
{
    block b;
    for (; from < to; from += b.tiles * T) {
        fill(&b, c, from, to);
        for (size_t i = 0; i < b.tiles; i++)
            backward_tile(&b.t[i]);
    }
}

static void double_backward(const e3tp_sh_call *c, size_t from, size_t to)
{
    _Alignas(64) real slopes[E3TP_SH_LINES * T];
    void *const arrays[ARRAYS] = {c->hg, NULL, NULL};
    block b;
    results r;
    start_results(&r, c, from, arrays);
    for (; from < to; from += b.tiles * T) {
        fill(&b, c, from, to);
        for (size_t i = 0; i < b.tiles; i++) {
            double_backward_tile(&b.t[i], slopes);
            if (c->hg)
                put_values(&b.t[i], slopes, &r.of[0]);
            gathered(&r, b.t[i].n);
        }
    }
    end_results(&r, c);
}

const e3tp_sh_kernels E3TP_NAME(e3tp_sh_kernels) = {evaluate, backward, double_backward};
