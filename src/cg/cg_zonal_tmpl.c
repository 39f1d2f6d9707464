/* SPDX-License-Identifier: MIT */
/* Products with a y about the pole, compiled once per tier and real. Exports one const struct. The
   tier avx512 runs the code of avx2. */
#include <string.h>

#include "cg/cg_sums.h"
#include "cg/cg_zonal.h"
#include "simd/name.h"
#include "simd/transpose.h"

#if !defined(E3TP_TIER_AVX512)

/* RESULTS times 2 WIDE sums stay in registers, as do overlaps with two sources. Results of a job
   whose elements are lines; numbers, 0: there is no code for those. */
#if defined(E3TP_TIER_GENERIC)
enum { RESULTS = 1, OF_LINES = 1, OF_NUMBERS = 0 };
#define UP_TO_RESULTS(X) X(1)
#else
enum { RESULTS = 3, OF_LINES = 2, OF_NUMBERS = 3 };
#define UP_TO_RESULTS(X) X(1) X(2) X(3)
#endif
enum { T = 64 / sizeof(real), LANES = V_LANES, WIDE = 2 };

/* Loops that test it are not made twice, once for each value. */
#define TEST_INSIDE(v) __asm__("" : "+r"(v))

typedef e3tp_cg_zonal plan;
typedef e3tp_zonal_job job;
typedef e3tp_zonal_map map;
typedef e3tp_zonal_pair pair;

/* Line i of tile t of an operand at i step + t tile. */
typedef struct place {
    real *at;
    size_t step, tile;
} place;

/* What a job does in every tile, for some of its lanes. It has two sides: order m and order -m or,
   where m is 0, order 0 of two vectors or two tiles. */
typedef struct task {
    const real *e[2], *x[2];
    real *z[2];
    size_t of_e, of_x, of_z; /* from tile to tile */
    size_t step;             /* of lines of sources */
    const uint16_t *source, *end;
    size_t result[RESULTS];
    int odd, adds;
} task;

static void set_task(task *k, const map *p, const job *j, bool adds, const place *x, const place *z)
{
    const uint16_t *line = p->lines + j->lines;
    V_UNROLL
    for (size_t q = 0; q < RESULTS; q++)
        k->result[q] = line[q < j->results ? q : 0] * z->step;
    k->source = line + j->results, k->end = k->source + j->sources;
    k->step = x->step, k->of_x = x->tile, k->of_z = z->tile;
    k->odd = j->odd, k->adds = adds || j->adds;
}

/* Sides of order m, so far from the first lane; of order 0 the second so far from the first. */
static void set_sides(task *k, const place *x, const place *z, size_t m, size_t lane, size_t of_x,
                      size_t of_z)
{
    k->x[0] = x->at + lane + m * x->step, k->x[1] = x->at + lane - m * x->step + of_x;
    k->z[0] = z->at + lane + m * z->step, k->z[1] = z->at + lane - m * z->step + of_z;
}

/* ---- elements times lines ---- */

/* Odd sums: z[m] takes orders -m, z[-m] m, the first side's with a minus; back the other way. */
static void cross(task *k, bool back)
{
    const real *x = k->x[0];
    real *z = k->z[0];
    if (k->odd && back)
        k->x[0] = k->x[1], k->x[1] = x;
    if (k->odd && !back)
        k->z[0] = k->z[1], k->z[1] = z;
}

/* R results, `wide` vectors of each side. lines: elements are lines, not numbers. All up to this
   literals. */
V_INLINE void multiply(const int R, const int wide, const bool lines, const task *k, size_t tiles)
{
    const int n = 2 * wide;
    const uint16_t *const first = k->source, *const end = k->end;
    const size_t step = k->step, of_e = lines ? k->of_e : 0, of_x = k->of_x, of_z = k->of_z;
    const real *e = k->e[0], *x0 = k->x[0], *x1 = k->x[1];
    const ptrdiff_t other = k->e[1] - e;
    real *z0 = k->z[0], *z1 = k->z[1];
    int odd = k->odd, adds = k->adds;
    size_t result[RESULTS];
    V_UNROLL
    for (int q = 0; q < R; q++)
        result[q] = k->result[q];
    for (; tiles; tiles--, e += of_e, x0 += of_x, x1 += of_x, z0 += of_z, z1 += of_z) {
        const real *c = e;
        v_real acc[RESULTS * 2 * WIDE];
        clear_sums(R * n, acc);
        for (const uint16_t *source = first; source < end; source++) {
            const size_t at = *source * step;
            v_real a[RESULTS];
            V_UNROLL
            for (int q = 0; q < R; q++)
                a[q] = lines ? v_load(c + q * T) : v_set1(c[q]);
            V_UNROLL
            for (int i = 0; i < n; i++) {
                v_real b = v_loadu((i < wide ? x0 : x1) + at + i % wide * LANES);
                V_PIN(b);
                V_UNROLL
                for (int q = 0; q < R; q++) {
                    const v_real f = lines && i ? v_load(c + other + q * T) : a[q];
                    acc[q * n + i] = v_fma(f, b, acc[q * n + i]);
                }
            }
            c += lines ? R * T : R;
        }
        TEST_INSIDE(odd);
        TEST_INSIDE(adds);
        if (odd)
            V_UNROLL
        for (int i = 0; i < R * n; i++)
            acc[i] = i % n < wide ? -acc[i] : acc[i];
        if (adds)
            V_UNROLL
        for (int i = 0; i < R * n; i++)
            acc[i] += v_loadu((i % n < wide ? z0 : z1) + result[i / n] + i % wide * LANES);
        V_UNROLL
        for (int i = 0; i < R * n; i++)
            v_storeu((i % n < wide ? z0 : z1) + result[i / n] + i % wide * LANES, acc[i]);
    }
}

#define CASE(R)                          \
    case R:                              \
        multiply(R, WIDE, false, &k, n); \
        break;
/* Of order 0 two tiles at a time; the last of an odd number as both. */
static void multiply_numbers(const map *p, const real *e, bool back, bool adds, const place *x,
                             const place *z, size_t tiles)
{
    for (const job *j = p->jobs; j < p->jobs + p->njobs; j++)
        for (size_t lane = 0; lane < T; lane += WIDE * LANES) {
            const size_t in_pairs = j->order ? 0 : tiles / 2;
            task k;
            set_task(&k, p, j, adds, x, z);
            k.e[0] = k.e[1] = e + j->element;
            for (size_t t = 0, n; t < tiles; t += t < 2 * in_pairs ? 2 * n : n) {
                const bool paired = t < 2 * in_pairs;
                n = paired ? in_pairs : tiles - t;
                set_sides(&k, x, z, j->order, lane, paired ? x->tile : 0, paired ? z->tile : 0);
                k.of_x = (1 + paired) * x->tile, k.of_z = (1 + paired) * z->tile;
                for (int i = 0; i < 2; i++)
                    k.x[i] += t * x->tile, k.z[i] += t * z->tile;
                cross(&k, back);
                switch (j->results) {
                    UP_TO_RESULTS(CASE)
                }
            }
        }
}
#undef CASE

/* Of order 0 two vectors at a time. */
static void multiply_lines(const map *p, const real *e, size_t of_e, bool back, bool adds,
                           const place *x, const place *z, size_t tiles)
{
    for (const job *j = p->jobs; j < p->jobs + p->njobs; j++) {
        const size_t other = j->order ? 0 : LANES;
        task k;
        set_task(&k, p, j, adds, x, z);
        k.of_e = of_e;
        for (size_t lane = 0; lane < T; lane += LANES + other) {
            set_sides(&k, x, z, j->order, lane, other, other);
            k.e[0] = e + j->element * T + lane, k.e[1] = k.e[0] + other;
            cross(&k, back);
            if (j->results == 1)
                multiply(1, 1, true, &k, tiles);
            else
                multiply(OF_LINES, 1, true, &k, tiles);
        }
    }
}

/* ---- elements of one y for all lanes, and back ---- */

static void make_numbers(const plan *g, const map *p, const real *y, real *e)
{
    const real *c = p->coeff;
    for (size_t at = 0; at < p->padded; at += T) {
        v_real acc[TILE_VECS];
        clear_sums(TILE_VECS, acc);
        for (size_t j = 0; j < g->ny; j++, c += T) {
            const v_real a = v_load(y + j * T);
            V_UNROLL
            for (int v = 0; v < TILE_VECS; v++)
                acc[v] = v_fma(v_load(c + v * LANES), a, acc[v]);
        }
        V_UNROLL
        for (int v = 0; v < TILE_VECS; v++)
            v_store(e + at + v * LANES, acc[v]);
    }
}

/* The number after i, or i where that is the last of n. */
V_INLINE size_t next_of(size_t i, size_t n)
{
    return i + 1 < n ? i + 1 : i;
}

/* d, a vector of lanes for each element [source][result], += sums over tiles of R results and of
   two sources of a task, of one side, with a sign; a last source as both. */
V_INLINE void overlap(const int R, const task *k, size_t at, int side, size_t tiles, real *d)
{
    const size_t of_x = k->of_x, of_z = k->of_z, n = (size_t)(k->end - k->source);
    const real *x[2] = {k->x[side ^ k->odd] + k->source[at] * k->step,
                        k->x[side ^ k->odd] + k->source[next_of(at, n)] * k->step},
               *z = k->z[side];
    const v_real sign = v_set1(side && k->odd ? -1 : 1);
    size_t result[RESULTS];
    v_real acc[2 * RESULTS * WIDE];
    clear_sums(2 * R * WIDE, acc);
    V_UNROLL
    for (int q = 0; q < R; q++)
        result[q] = k->result[q];
    for (; tiles; tiles--, x[0] += of_x, x[1] += of_x, z += of_z)
        V_UNROLL
    for (int i = 0; i < WIDE; i++) {
        v_real a[RESULTS];
        V_UNROLL
        for (int q = 0; q < R; q++) {
            a[q] = v_loadu(z + result[q] + i * LANES);
            V_PIN(a[q]);
        }
        V_UNROLL
        for (int s = 0; s < 2; s++) {
            v_real b = v_loadu(x[s] + i * LANES);
            V_PIN(b);
            V_UNROLL
            for (int q = 0; q < R; q++) {
                v_real *sum = &acc[(s * R + q) * WIDE + i];
                *sum = v_fma(a[q], b, *sum);
            }
        }
    }
    V_UNROLL
    for (int i = 0; i < 2 * R; i++) {
        const v_real sum = acc[i * WIDE] + acc[i * WIDE + 1];
        if (i < R || at + 1 < n)
            v_store(d + i * LANES, v_fma(sign, sum, v_load(d + i * LANES)));
    }
}

#define CASE(R)                             \
    case R:                                 \
        overlap(R, &k, at, side, tiles, d); \
        break;
static void sum_overlaps(const map *p, const place *x, const place *z, size_t tiles, real *sums)
{
    for (const job *j = p->jobs; j < p->jobs + p->njobs; j++)
        for (size_t lane = 0; lane < T; lane += WIDE * LANES) {
            task k;
            set_task(&k, p, j, false, x, z);
            set_sides(&k, x, z, j->order, lane, 0, 0);
            for (int side = j->order > 0; side >= 0; side--)
                for (size_t at = 0; at < j->sources; at += 2) {
                    real *d = sums + (j->element + at * j->results) * LANES;
                    switch (j->results) {
                        UP_TO_RESULTS(CASE)
                    }
                }
        }
}
#undef CASE

/* gy from the gradients of elements, which are vectors of lanes: to one vector of each line. */
static void sum_numbers(const plan *g, const real *d, real *sums, real *gy)
{
    const map *p = &g->maps[0];
    for (size_t at = 0; at < p->padded; at += LANES) {
        v_real r[LANES];
        V_UNROLL
        for (int i = 0; i < LANES; i++)
            r[i] = v_load(d + (at + (size_t)i) * LANES);
        v_store(sums + at, v_sums(r));
    }
    memset(gy, 0, g->ny * 64);
    for (size_t j = 0; j < g->ny; j++) {
        const real *c = (const real *)p->coeff + j * T;
        v_real acc[TILE_VECS], sum = v_zero();
        clear_sums(TILE_VECS, acc);
        for (size_t at = 0; at < p->padded; at += T, c += g->ny * T)
            V_UNROLL
        for (int v = 0; v < TILE_VECS; v++)
            acc[v] = v_fma(v_load(c + v * LANES), v_load(sums + at + v * LANES), acc[v]);
        V_UNROLL
        for (int v = 0; v < TILE_VECS; v++)
            sum += acc[v];
        v_store(gy + j * T, sum);
    }
}

/* ---- elements of each lane, and back ---- */

/* Orders of a pair to their places, two at a time, WIDE vectors of a tile. */
static void make_orders(const pair *q, const uint16_t *ys, const real *coeff, const uint32_t *to,
                        const real *y, size_t of_y, real *e)
{
    const size_t orders = q->orders;
    const uint16_t *const end = ys + q->ny;
    for (size_t o = 0; o < orders; o += 2) {
        const size_t next = next_of(o, orders);
        const real *c0 = coeff + o, *c1 = coeff + next;
        real *e0 = e + to[o] * (size_t)T, *e1 = e + to[next] * (size_t)T;
        v_real acc[2 * WIDE];
        clear_sums(2 * WIDE, acc);
        for (const uint16_t *j = ys; j < end; j++, c0 += orders, c1 += orders) {
            const v_real a = v_set1(*c0), b = v_set1(*c1);
            const real *line = y + *j * of_y;
            V_UNROLL
            for (int i = 0; i < WIDE; i++) {
                v_real v = v_loadu(line + i * LANES);
                V_PIN(v);
                acc[i] = v_fma(a, v, acc[i]);
                acc[WIDE + i] = v_fma(b, v, acc[WIDE + i]);
            }
        }
        V_UNROLL
        for (int i = 0; i < WIDE; i++) {
            v_store(e0 + i * LANES, acc[i]);
            v_store(e1 + i * LANES, acc[WIDE + i]);
        }
    }
}

/* e: of a tile, and so far on of the next. */
static void make_lines(const plan *g, const map *p, const place *y, size_t tiles, real *e,
                       size_t of_e)
{
    for (size_t t = 0; t < tiles; t++, e += of_e) {
        for (size_t lane = 0; lane < T; lane += WIDE * LANES)
            for (const pair *q = g->pairs; q < g->pairs + g->npairs; q++)
                make_orders(q, g->ys + q->y, (const real *)g->coeff + q->coeff, p->place + q->place,
                            y->at + t * y->tile + lane, y->step, e + lane);
        for (size_t i = 0; i < p->nempty; i++)
            memset(e + p->empty[i] * (size_t)T, 0, 64);
    }
}

/* gz x of the orders of a pair, a line for each. */
static void overlap_lanes(const pair *q, const real *x, size_t of_x, const real *z, size_t of_z,
                          real *d)
{
    x += q->line[0] * of_x, z += q->line[1] * of_z;
    for (size_t m = q->odd; m < q->odd + q->orders; m++) {
        const real *x0 = x + m * of_x, *x1 = x - m * of_x, *z0 = z + m * of_z, *z1 = z - m * of_z;
        for (size_t at = 0; at < T; at += LANES, d += LANES) {
            int odd = q->odd;
            TEST_INSIDE(odd);
            v_real sum = v_loadu(z0 + at) * v_loadu((odd ? x1 : x0) + at);
            if (odd)
                sum = v_fnma(v_loadu(z1 + at), v_loadu(x0 + at), sum);
            else if (m)
                sum = v_fma(v_loadu(z1 + at), v_loadu(x1 + at), sum);
            v_store(d, sum);
        }
    }
}

/* To WIDE vectors of gy, from lines of orders; two blocks at a time. */
static void sum_orders(const plan *g, const pair *q, const real *d, real *gy, size_t of_y)
{
    const uint16_t *const ys = g->ys + q->y;
    for (size_t j = 0; j < q->ny; j += 2) {
        const size_t next = next_of(j, q->ny);
        const real *c0 = (const real *)g->coeff + q->coeff + j * q->orders,
                   *c1 = c0 + (next - j) * q->orders;
        real *at[2] = {gy + ys[j] * of_y, gy + ys[next] * of_y};
        v_real acc[2 * WIDE];
        V_UNROLL
        for (int i = 0; i < 2 * WIDE; i++)
            acc[i] = v_loadu(at[i / WIDE] + i % WIDE * LANES);
        for (size_t o = 0; o < q->orders; o++) {
            const v_real a = v_set1(c0[o]), b = v_set1(c1[o]);
            V_UNROLL
            for (int i = 0; i < WIDE; i++) {
                v_real v = v_load(d + o * T + i * LANES);
                V_PIN(v);
                acc[i] = v_fma(a, v, acc[i]);
                acc[WIDE + i] = v_fma(b, v, acc[WIDE + i]);
            }
        }
        V_UNROLL
        for (int i = 0; i < 2 * WIDE; i++)
            v_storeu(at[i / WIDE] + i % WIDE * LANES, acc[i]);
    }
}

/* Tiles of one gy add to it. */
static void sum_lines(const plan *g, bool adds, const place *x, const place *z, const place *gy,
                      size_t tiles, real *d)
{
    for (size_t t = 0; t < tiles; t++, adds = adds || !gy->tile) {
        real *to = gy->at + t * gy->tile;
        for (size_t j = 0; j < g->ny && !adds; j++)
            memset(to + j * gy->step, 0, 64);
        for (const pair *q = g->pairs; q < g->pairs + g->npairs; q++) {
            overlap_lanes(q, x->at + t * x->tile, x->step, z->at + t * z->tile, z->step, d);
            for (size_t lane = 0; lane < T; lane += WIDE * LANES)
                sum_orders(g, q, d + lane, to + lane, gy->step);
        }
    }
}

/* ---- tiles ---- */

typedef struct tiles {
    place in[3], out[3];
    size_t count;
    bool fresh; /* y is not that of the tiles before */
} tiles;

/* adds: to what is in the result. */
static void run_map(const plan *g, int back, bool adds, const tiles *t, real *e)
{
    const map *p = &g->maps[back];
    const place *x = &t->in[back ? 2 : 0], *z = &t->out[back ? 0 : 2];
    if (OF_NUMBERS > 0 && g->uniform) {
        if (t->fresh)
            make_numbers(g, p, t->in[1].at, e);
        multiply_numbers(p, e, back, adds, x, z, t->count);
    } else {
        const size_t of_e = t->in[1].tile ? p->padded * T : 0;
        if (t->fresh)
            make_lines(g, p, &t->in[1], of_e ? t->count : 1, e, of_e);
        multiply_lines(p, e, of_e, back, adds, x, z, t->count);
    }
}

/* adds: to gy; ends: with these it is complete. */
static void run_back(const plan *g, bool adds, bool ends, const tiles *t, real *d)
{
    const map *p = &g->maps[0];
    const place *x = &t->in[0], *z = &t->in[2], *gy = &t->out[1];
    if (OF_NUMBERS == 0 || !g->uniform) {
        sum_lines(g, adds, x, z, gy, t->count, d);
        return;
    }
    if (!adds)
        memset(d, 0, p->padded * V_BYTES);
    sum_overlaps(p, x, z, t->count, d);
    if (ends)
        sum_numbers(g, d, d + p->padded * T, gy->at);
}

static place place_of(const e3tp_signal_span *s, int k, const void *at, size_t i)
{
    return (place){(real *)((uintptr_t)at + i * s->tile[k] * sizeof(real)), s->step[k], s->tile[k]};
}

/* fresh: y is not that of the call before. */
static void run_tiles(const plan *g, const e3tp_signal_call *c, const e3tp_signal_span *s,
                      bool fresh, real *base)
{
    for (size_t i = 0, n; i < s->count; i += n) {
        n = s->count - i < g->together ? s->count - i : g->together;
        tiles t = {.count = n, .fresh = i ? s->tile[1] > 0 : fresh};
        for (int k = 0; k < 3; k++) {
            t.in[k] = place_of(s, k, s->in[k], i);
            t.out[k] = place_of(s, k, s->out[k], i);
        }
        for (int back = c->back; back >= 0; back--)
            if (c->wanted[back ? 0 : 2])
                run_map(g, back, c->adds[back ? 0 : 2], &t, base + g->e[back]);
        if (c->wanted[1])
            run_back(g, c->adds[1] || (i && !s->tile[1]), c->ends[1], &t, base + g->d);
    }
}

static void run_span(const void *of, const e3tp_signal_call *call, const e3tp_signal_span *s,
                     void *scratch)
{
    e3tp_signal_call c = *call;
    c.ends[1] = true;
    run_tiles(of, &c, s, true, scratch);
}

static void run_tile(const void *of, const e3tp_signal_call *call, const void *const in[3],
                     void *const out[3], const bool fresh[3], void *scratch)
{
    const e3tp_signal_span s = {.in = {in[0], in[1], in[2]},
                                .out = {out[0], out[1], out[2]},
                                .step = {T, T, T},
                                .tile = {T, T, T},
                                .count = 1};
    run_tiles(of, call, &s, fresh[1], scratch);
}

const e3tp_zonal_runner E3TP_NAME(e3tp_zonal_runner) = {{run_tile, run_span},
                                                        {OF_LINES, OF_NUMBERS}};
#endif
