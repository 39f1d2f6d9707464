/* SPDX-License-Identifier: MIT */
/* Packing and unpacking, compiled once per tier and real. Exports one const struct. */
#include "tile/tile_lanes.h"

V_INLINE size_t row_at(const e3tp_tile_map *m, size_t r)
{
    return (m->index ? (size_t)m->index[r] : r) * m->row;
}

/* The same place ROWS_AHEAD rows on, perhaps beyond the last, to be fetched while this row is at
   work: one row is too near, and memory that follows on in a row may be another operand's turn. */
enum { ROWS_AHEAD = 2 };
V_INLINE size_t later_row(const e3tp_tile_map *m, size_t r)
{
    const size_t later = r + ROWS_AHEAD;
    return row_at(m, m->index && later >= m->rows ? r : later);
}

V_INLINE lanes_of find(const e3tp_tile_map *m, e3tp_lanes lanes, size_t row, size_t u)
{
    if (lanes == E3TP_LANES_CHANNELS)
        return (lanes_of){.base = row_at(m, row) + u * m->channel,
                          .step = m->channel,
                          .n = m->mul - u < T ? m->mul - u : T};
    return (lanes_of){.base = u * m->channel + (m->index ? 0 : row * m->row),
                      .step = m->row,
                      .n = m->rows - row < T ? m->rows - row : T,
                      .index = m->index ? m->index + row : NULL};
}

/* How the elements of a whole tile lie: in lines; one lane for all; lanes of 3, 4, 5, 7 or more
   components that follow one another; lanes of adjacent components somewhere; lanes over rows, a
   component of all channels adjacent; or all components of all channels; somehow. */
typedef enum form {
    LINES,
    ONE,
    RUN_3 = 3,
    RUN_4 = 4,
    RUN_5 = 5,
    RUN_7 = 7,
    RUN_MORE,
    LANES,
    CHANNELS,
    ROWS,
    ANY
} form;

V_INLINE bool is_run(const form how)
{
    return how == RUN_3 || how == RUN_4 || how == RUN_5 || how == RUN_7;
}

/* Whether its lanes follow one another, however many components they have. */
V_INLINE bool follows(const form how)
{
    return is_run(how) || how == RUN_MORE;
}

static form form_of(const e3tp_tile_map *m, e3tp_lanes lanes)
{
    const bool channels = lanes == E3TP_LANES_CHANNELS;
    if (channels ? m->channel == 1 : m->row == 1 && !m->index)
        return LINES;
    if (channels ? m->channel == 0 : m->row == 0 && !m->index)
        return ONE;
    if (!channels && m->channel == 1 && m->mul > 1 && (m->component != 1 || m->d == 1))
        return CHANNELS;
    if (!channels && m->component == 1 && m->channel == m->d && m->mul > 1)
        return ROWS;
    if (m->component != 1)
        return ANY;
    const bool follow = channels ? m->channel == m->d : m->row == m->d && !m->index;
    if (follow && m->d > RUN_7)
        return RUN_MORE;
    return follow && is_run((form)m->d) ? (form)m->d : LANES;
}

V_INLINE void copy_line(const bool past, const real *from, real *to)
{
    V_UNROLL
    for (int v = 0; v < T; v += V_LANES) {
        if (past)
            v_streamu(to + v, v_loadu(from + v));
        else
            v_storeu(to + v, v_loadu(from + v));
    }
}

/* `count` lines from one place to another, so many elements apart. */
V_INLINE void copy_lines(const bool past, size_t count, const real *from, size_t from_step,
                         real *to, size_t to_step)
{
    for (size_t t = 0; t < count; t++, from += from_step, to += to_step)
        copy_line(past, from, to);
}

/* T lanes of d > RUN_7 components that follow one another, past the caches by way of lines. */
enum { MOST_IN_LINES = 25 };
V_INLINE void scatter_more(size_t d, const bool past, real *to, const real *from)
{
    _Alignas(64) real lines[MOST_IN_LINES * T];
    const bool by_lines = past && d <= MOST_IN_LINES;
    const lanes_of l = {.step = d, .n = T};
    scatter_contiguous(&l, d, from, T, by_lines ? lines : to);
    if (by_lines)
        copy_lines(true, d, lines, T, to, T);
}

V_INLINE void pack_tile(const form how, const e3tp_tile_map *m, const lanes_of *l, const real *from,
                        real *to)
{
    if (is_run(how))
        gather_run((int)how, from + l->base, l->n * (size_t)how, to);
    else if (l->n < T || how == ANY)
        gather_any(l, m->component, m->d, from, to);
    else if (how == ONE)
        spread_lane(from + l->base, m->component, m->d, to);
    else {
        const real *lane[T];
        find_lanes(l, from, lane);
        gather_contiguous(lane, 0, m->d, to, T);
    }
}

V_INLINE void unpack_tile(const form how, const bool past, const e3tp_tile_map *m,
                          const lanes_of *l, const real *from, real *to)
{
    if (is_run(how))
        scatter_run((int)how, past, to + l->base, l->n * (size_t)how, from);
    else if (l->n < T || how == ANY || how == ONE || l->index)
        scatter_any(l, m->component, m->d, from, to);
    else
        scatter_contiguous(l, m->d, from, T, to);
}

/* Rows and channels from one tile to the next. */
V_INLINE size_t row_step(e3tp_lanes lanes)
{
    return lanes == E3TP_LANES_ROWS ? T : 1;
}

V_INLINE size_t channel_step(e3tp_lanes lanes)
{
    return lanes == E3TP_LANES_CHANNELS ? T : 1;
}

/* ---- whole tiles whose lanes lie in lines: in the order of the caller's memory ---- */

typedef enum direction { PACKING, UNPACKING, UNPACKING_PAST } direction;

V_INLINE void copy_either(const direction way, size_t count, real *outside, size_t outside_step,
                          real *tiles, size_t tiles_step)
{
    if (way == PACKING)
        copy_lines(false, count, outside, outside_step, tiles, tiles_step);
    else
        copy_lines(way == UNPACKING_PAST, count, tiles, tiles_step, outside, outside_step);
}

/* One of the ways in which lines follow one another: how many, so far apart on both sides. */
typedef struct walk {
    size_t count, outside, tiles;
} walk;

/* The longest walk is the innermost loop: a line or two take no longer than a loop's end. */
V_INLINE void visit_walks(const direction way, walk a, walk b, walk c, real *outside, real *tiles)
{
    const walk longest = b.count > c.count ? b : c, other = b.count > c.count ? c : b;
    const walk inner = a.count > longest.count ? a : longest,
               outer = a.count > longest.count ? longest : a;
    for (size_t i = 0; i < outer.count; i++)
        for (size_t k = 0; k < other.count; k++)
            copy_either(way, inner.count, outside + i * outer.outside + k * other.outside,
                        inner.outside, tiles + i * outer.tiles + k * other.tiles, inner.tiles);
}

V_INLINE void visit_lines(const direction way, const e3tp_tile_map *m, e3tp_lanes lanes,
                          real *outside, size_t stride, real *tiles)
{
    if (lanes == E3TP_LANES_ROWS) {
        const walk components = {m->d, m->component, T}, channels = {m->mul, m->channel, stride},
                   rows = {m->rows / T, T, m->mul * stride};
        visit_walks(way, components, channels, rows, outside, tiles);
        return;
    }
    for (size_t r = 0; r < m->rows; r++, tiles += (m->mul + T - 1) / T * stride)
        if (m->d == 1)
            copy_either(way, m->mul / T, outside + row_at(m, r), T, tiles, stride);
        else
            for (size_t t = 0; t < m->mul / T; t++)
                copy_either(way, m->d, outside + row_at(m, r) + t * T, m->component,
                            tiles + t * stride, T);
}

/* ---- whole tiles whose lanes follow one another ---- */

V_INLINE void visit_runs(const form how, const direction way, const e3tp_tile_map *m,
                         e3tp_lanes lanes, real *outside, size_t stride, real *tiles)
{
    const size_t d = is_run(how) ? (size_t)how : m->d;
    const bool by_rows = lanes == E3TP_LANES_ROWS;
    const size_t rows = by_rows ? m->rows / T : m->rows, in_row = by_rows ? m->mul : m->mul / T,
                 next = channel_step(lanes) * m->channel,
                 row = e3tp_tile_count(lanes, T, row_step(lanes), m->mul) * stride;
    for (size_t r = 0; r < rows; r++, tiles += row)
        for (size_t u = 0; u < in_row; u++) {
            real *lane = outside + (by_rows ? r * T * m->row : row_at(m, r)) + u * next;
            if (!by_rows && way != UNPACKING_PAST)
                fetch_run(d, outside + later_row(m, r) + u * next, way == UNPACKING);
            real *tile = tiles + u * stride;
            if (way == PACKING && how == RUN_MORE)
                gather_in_order(lane, d, d, tile, T);
            else if (way == PACKING)
                gather_run((int)d, lane, d * T, tile);
            else if (how == RUN_MORE)
                scatter_more(d, way == UNPACKING_PAST, lane, tile);
            else
                scatter_run((int)d, way == UNPACKING_PAST, lane, d * T, tile);
        }
}

/* ---- lanes over rows whose channels are adjacent: a component of all channels of T rows as that
   many components of one, or all components of all channels, which go to tiles of their own ---- */

V_INLINE void pack_channels(const form how, const e3tp_tile_map *m, const real *from, real *to,
                            size_t stride)
{
    for (size_t r = 0; r < m->rows; r += T, to += m->mul * stride) {
        const lanes_of l = find(m, E3TP_LANES_ROWS, r, 0);
        const real *lane[T];
        if (l.n == T)
            find_lanes(&l, from, lane);
        if (how == ROWS && l.n == T)
            gather_channels(lane, m, to, stride);
        for (size_t k = 0; how == CHANNELS && k < m->d && l.n == T; k++)
            gather_contiguous(lane, k * m->component, m->mul, to + k * T, stride);
        for (size_t u = 0; u < m->mul && l.n < T; u++)
            gather_any(&l, m->component, m->d, from + u * m->channel, to + u * stride);
    }
}

V_INLINE void unpack_channels(const form how, const e3tp_tile_map *m, const real *from,
                              size_t stride, real *to)
{
    for (size_t r = 0; r < m->rows; r += T, from += m->mul * stride) {
        const lanes_of l = find(m, E3TP_LANES_ROWS, r, 0);
        const bool whole = l.n == T && !l.index;
        if (how == ROWS && whole)
            scatter_channels(&l, m, (real *)(uintptr_t)from, stride, to);
        for (size_t k = 0; how == CHANNELS && k < m->d && whole; k++)
            scatter_contiguous(&l, m->mul, from + k * T, stride, to + k * m->component);
        for (size_t u = 0; u < m->mul && !whole; u++)
            scatter_any(&l, m->component, m->d, from + u * stride, to + u * m->channel);
    }
}

/* Whole tiles of these forms are visited without a look at each. */
V_INLINE bool goes_ahead(const form how)
{
    return how == LINES || follows(how);
}

/* Whether some tile is not full. */
V_INLINE bool has_rest(const e3tp_tile_map *m, e3tp_lanes lanes)
{
    return (lanes == E3TP_LANES_CHANNELS ? m->mul : m->rows) % T != 0;
}

V_INLINE void pack_as(const form how, const e3tp_tile_map *m, e3tp_lanes lanes, const real *from,
                      real *to, size_t stride)
{
    if (how == CHANNELS || how == ROWS) {
        pack_channels(how, m, from, to, stride);
        return;
    }
    if (how == LINES)
        visit_lines(PACKING, m, lanes, (real *)(uintptr_t)from, stride, to);
    if (follows(how))
        visit_runs(how, PACKING, m, lanes, (real *)(uintptr_t)from, stride, to);
    if (goes_ahead(how) && !has_rest(m, lanes))
        return;
    for (size_t r = 0; r < m->rows; r += row_step(lanes))
        for (size_t u = 0; u < m->mul; u += channel_step(lanes), to += stride) {
            const lanes_of l = find(m, lanes, r, u);
            if (goes_ahead(how) && l.n == T)
                continue;
            pack_tile(how, m, &l, from, to);
        }
}

V_INLINE void unpack_as(const form how, const bool past, const e3tp_tile_map *m, e3tp_lanes lanes,
                        const real *from, size_t stride, real *to)
{
    if (how == CHANNELS || how == ROWS) {
        unpack_channels(how, m, from, stride, to);
        return;
    }
    const direction way = past ? UNPACKING_PAST : UNPACKING;
    if (how == LINES)
        visit_lines(way, m, lanes, to, stride, (real *)(uintptr_t)from);
    if (follows(how))
        visit_runs(how, way, m, lanes, to, stride, (real *)(uintptr_t)from);
    if (goes_ahead(how) && !has_rest(m, lanes))
        return;
    for (size_t r = 0; r < m->rows; r += row_step(lanes))
        for (size_t u = 0; u < m->mul; u += channel_step(lanes), from += stride) {
            const lanes_of l = find(m, lanes, r, u);
            if (goes_ahead(how) && l.n == T)
                continue;
            unpack_tile(how, past, m, &l, from, to);
        }
}

/* CALL(form) with a literal, so that nothing is decided from tile to tile. */
#define BY_FORM(how, CALL) \
    switch (how) {         \
    case LINES:            \
        CALL(LINES);       \
        break;             \
    case ONE:              \
        CALL(ONE);         \
        break;             \
    case RUN_3:            \
        CALL(RUN_3);       \
        break;             \
    case RUN_4:            \
        CALL(RUN_4);       \
        break;             \
    case RUN_5:            \
        CALL(RUN_5);       \
        break;             \
    case RUN_7:            \
        CALL(RUN_7);       \
        break;             \
    case RUN_MORE:         \
        CALL(RUN_MORE);    \
        break;             \
    case LANES:            \
        CALL(LANES);       \
        break;             \
    case CHANNELS:         \
        CALL(CHANNELS);    \
        break;             \
    case ROWS:             \
        CALL(ROWS);        \
        break;             \
    case ANY:              \
        CALL(ANY);         \
        break;             \
    }

static void pack(const e3tp_tile_map *m, e3tp_lanes lanes, const real *from, real *to,
                 size_t stride)
{
#define PACK(how) pack_as(how, m, lanes, from, to, stride)
    BY_FORM(form_of(m, lanes), PACK)
}

static void unpack(const e3tp_tile_map *m, e3tp_lanes lanes, const real *from, size_t stride,
                   real *to)
{
#define UNPACK(how) unpack_as(how, false, m, lanes, from, stride, to)
    BY_FORM(form_of(m, lanes), UNPACK)
}

/* Whether the rows and lines of a block begin where whole vectors do. */
static bool is_aligned(const e3tp_tile_map *m, const real *to)
{
    const size_t lines = m->component == 1 ? 0 : m->component;
    return ((uintptr_t)to | (m->row | lines) * sizeof(real)) % V_BYTES == 0;
}

static void unpack_past(const e3tp_tile_map *m, e3tp_lanes lanes, const real *from, size_t stride,
                        real *to)
{
#define UNPACK_PAST(how) unpack_as(how, true, m, lanes, from, stride, to)
    if (is_aligned(m, to)) {
        BY_FORM(form_of(m, lanes), UNPACK_PAST)
    } else {
        unpack(m, lanes, from, stride, to);
    }
}

/* The sums of the first n lanes of so many lines, at most V_LANES of them, line i at lines[i]: in
   the order of a binary tree. */
V_INLINE v_real sums_of_lines(const real *const *lines, size_t count, size_t n)
{
    v_real r[V_BYTES / sizeof(real)];
    for (size_t i = 0; i < (size_t)V_LANES; i++) {
        v_real part[T / V_LANES];
        V_UNROLL
        for (int v = 0; v < T / V_LANES; v++)
            part[v] = i < count ? v_load_part(lines[i], n, (size_t)(v * V_LANES)) : v_zero();
        V_UNROLL
        for (int h = T / V_LANES / 2; h > 0; h /= 2)
            for (int v = 0; v < h; v++)
                part[v] += part[v + h];
        r[i] = part[0];
    }
    return v_sums(r);
}

/* Rows r .. of a block, as many as lanes, to its one row. */
static void sum_rows(const e3tp_tile_map *m, size_t r, const real *from, size_t stride, real *to)
{
    const size_t n = m->rows - r < T ? m->rows - r : T, lines = m->mul * m->d;
    for (size_t first = 0, u = 0, k = 0; first < lines; first += (size_t)V_LANES) {
        const size_t count = lines - first < (size_t)V_LANES ? lines - first : (size_t)V_LANES;
        const real *line[V_BYTES / sizeof(real)] = {NULL};
        real *sum[V_BYTES / sizeof(real)] = {NULL};
        for (size_t i = 0; i < count; i++) {
            line[i] = from + u * stride + k * T;
            sum[i] = to + u * m->channel + k * m->component;
            if (++k == m->d)
                k = 0, u++;
        }
        const v_real sums = sums_of_lines(line, count, n);
        for (size_t i = 0; i < count; i++)
            *sum[i] += sums[i];
    }
}

/* A line of all rows, n of its lanes, to elements `step` apart. */
static void add_line(size_t rows, const real *line, size_t row, size_t n, real *to, size_t step)
{
    _Alignas(64) real sum[T] = {0};
    for (size_t i = 0; i < n; i++)
        sum[i] = to[i * step];
    for (size_t v = 0; v < n; v += (size_t)V_LANES) {
        v_real acc = v_load(sum + v);
        for (size_t r = 0; r < rows; r++)
            acc += v_load(line + r * row + v);
        v_store(sum + v, acc);
    }
    for (size_t i = 0; i < n; i++)
        to[i * step] = sum[i];
}

static void sum_channel_lanes(const e3tp_tile_map *m, const real *from, size_t stride, real *to)
{
    const size_t row = e3tp_tile_count(E3TP_LANES_CHANNELS, T, 1, m->mul) * stride;
    for (size_t u = 0; u < m->mul; u += T, from += stride)
        for (size_t k = 0; k < m->d; k++)
            add_line(m->rows, from + k * T, row, m->mul - u < T ? m->mul - u : T,
                     to + u * m->channel + k * m->component, m->channel);
}

static void sum_row_lanes(const e3tp_tile_map *m, const real *from, size_t stride, real *to)
{
    for (size_t r = 0; r < m->rows; r += T, from += m->mul * stride)
        sum_rows(m, r, from, stride, to);
}

static void sum(const e3tp_tile_map *m, e3tp_lanes lanes, const real *from, size_t stride, real *to)
{
    (lanes == E3TP_LANES_CHANNELS ? sum_channel_lanes : sum_row_lanes)(m, from, stride, to);
}

/* n tiles of d lines, added up in the first. */
static void add_tiles(size_t n, size_t d, size_t stride, real *packed)
{
    for (size_t t = 1; t < n; t++)
        for (size_t at = 0; at < d * T; at += (size_t)V_LANES)
            v_store(packed + at, v_load(packed + at) + v_load(packed + t * stride + at));
}

/* The sums over lanes of the components of a tile, some at a time. */
static void sum_lanes(const e3tp_tile_map *m, const real *tile, real *to)
{
    for (size_t first = 0; first < m->d; first += (size_t)V_LANES) {
        const size_t left = m->d - first, n = left < (size_t)V_LANES ? left : (size_t)V_LANES;
        const real *line[V_BYTES / sizeof(real)] = {NULL};
        for (size_t k = 0; k < n; k++)
            line[k] = tile + (first + k) * T;
        const v_real sums = sums_of_lines(line, n, T);
        for (size_t k = 0; k < n; k++) {
            real *at = to + (first + k) * m->component;
            *at = (m->row ? 0 : *at) + sums[k];
        }
    }
}

static void sum_channels(const e3tp_tile_map *m, e3tp_lanes lanes, real *packed, size_t stride,
                         real *to)
{
    const size_t n = e3tp_tile_count(lanes, T, 1, m->mul);
    e3tp_tile_map one = *m;
    one.mul = 1;
    one.index = NULL;
    for (size_t r = 0; r < m->rows; r += row_step(lanes), packed += n * stride) {
        add_tiles(n, m->d, stride, packed);
        one.rows = m->rows - r < T ? m->rows - r : T;
        if (lanes == E3TP_LANES_CHANNELS)
            sum_lanes(m, packed, to + r * m->row);
        else
            (m->row ? unpack : sum)(&one, lanes, packed, stride, to + r * m->row);
    }
}

V_INLINE void weigh_blocks(const bool adds, size_t n, const int32_t *d, const real *w,
                           const real *in, real *out)
{
    for (size_t i = 0; i < n; i++, w += T)
        for (int32_t m = 0; m < d[i]; m++, in += T, out += T)
            V_UNROLL
    for (int at = 0; at < T; at += V_LANES) {
        const v_real a = v_load(w + at), b = v_load(in + at);
        v_store(out + at, adds ? v_fma(a, b, v_load(out + at)) : a * b);
    }
}

static void weigh(size_t n, const int32_t *d, const real *w, const real *in, real *out, bool adds)
{
    if (adds)
        weigh_blocks(true, n, d, w, in, out);
    else
        weigh_blocks(false, n, d, w, in, out);
}

static void overlap(size_t n, const int32_t *d, const real *a, const real *b, real *g)
{
    for (size_t i = 0; i < n; i++, g += T)
        for (int at = 0; at < T; at += V_LANES) {
            v_real s = v_zero();
            for (int32_t m = 0; m < d[i]; m++)
                s = v_fma(v_load(a + m * T + at), v_load(b + m * T + at), s);
            v_store(g + at, s);
            if (at + (int)V_LANES == T)
                a += d[i] * T, b += d[i] * T;
        }
}

#define MIX_ARGS \
    size_t nin, const uint16_t *in, const uint16_t *out, const real *M, const real *from, real *to

/* One tile of `width` outputs; one vector at a time, so that the accumulators fit 16 registers. */
V_INLINE void mix_tile(const int width, MIX_ARGS)
{
    for (int at = 0; at < T; at += V_LANES) {
        v_real sum[8];
        V_UNROLL
        for (int o = 0; o < width; o++)
            sum[o] = v_zero();
        for (size_t i = 0; i < nin; i++) {
            v_real x = v_load(from + in[i] * T + at);
            V_PIN(x);
            V_UNROLL
            for (int o = 0; o < width; o++)
                sum[o] = v_fma(v_set1(M[i * (size_t)width + (size_t)o]), x, sum[o]);
        }
        V_UNROLL
        for (int o = 0; o < width; o++)
            v_store(to + out[o] * T + at, sum[o]);
    }
}

#define EACH_WIDTH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define DEFINE_MIX(width)                           \
    static void mix_##width(MIX_ARGS)               \
    {                                               \
        mix_tile(width, nin, in, out, M, from, to); \
    }
EACH_WIDTH(DEFINE_MIX)

static void mix(const e3tp_mix *m, size_t n, const uint16_t *lists, const real *coeff,
                const real *from, real *to)
{
#define MIX(width) mix_##width,
    static void (*const code[])(MIX_ARGS) = {EACH_WIDTH(MIX)};
    for (const e3tp_mix *end = m + n; m < end; m++) {
        const uint16_t *out = lists + m->out;
        const real *M = coeff + m->coeff;
        for (size_t left = m->nout, width; left; left -= width, out += width, M += width * m->nin) {
            width = e3tp_mix_width(left);
            code[width - 1](m->nin, lists + m->in, out, M, from, to);
        }
    }
}

#define STRUCT_(r) e3tp_tile_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL) E3TP_NAME(e3tp_tile_kernels) = {E3TP_TILE_KERNELS(MEMBER, real)};
