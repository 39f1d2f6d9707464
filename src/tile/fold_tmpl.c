/* SPDX-License-Identifier: MIT */
/* Transforms and products of signals, compiled once per tier and real. Exports one const struct. */
#include "tile/fold.h"

#include "simd/vec.h"

enum {
    T = 64 / sizeof(real),
    LANES = V_BYTES / sizeof(real),
    LINES = V_BYTES == 64, /* a vector is a line */
    PAIR = E3TP_FOLD_PAIR,
    ROWS = LINES ? 12 : 6,
    APART = 8 * T /* from a sample to the next */
};

/* Tiles that gather up to so many inputs have code of their own: the loop over them is unrolled. */
enum { FEW = LINES ? 4 : 6 };

/* How a tile is repeated: in and out move on by the steps. adds: to what is in out. */
typedef struct walk {
    size_t in_step, out_step, count;
    bool adds;
} walk;

/* Up to TILE_ARGS every loop bound but n is a literal after inlining: the accumulators stay in
   registers. */
typedef struct accumulators {
    v_real v[ROWS][PAIR];
} accumulators;

/* Vectors so far apart of an input, and of an output. */
typedef struct pair {
    size_t in, out;
} pair;

V_INLINE void clear(const int rows, const int nv, accumulators *s)
{
    V_UNROLL
    for (int r = 0; r < rows; r++)
        V_UNROLL
    for (int i = 0; i < nv; i++)
        s->v[r][i] = v_zero();
}

/* The product of a column of the matrix with nv vectors of the input; added to what is there unless
   first. */
V_INLINE void add_column(const int rows, const int nv, const bool first, accumulators *s,
                         const real *A, const real *in, pair apart)
{
    v_real x[PAIR];
    V_UNROLL
    for (int i = 0; i < nv; i++) {
        x[i] = v_load(in + (size_t)i * apart.in);
        V_PIN(x[i]);
    }
    V_UNROLL
    for (int r = 0; r < rows; r++) {
        const v_real a = v_set1(A[r]);
        V_UNROLL
        for (int i = 0; i < nv; i++)
            s->v[r][i] = first ? a * x[i] : v_fma(a, x[i], s->v[r][i]);
    }
}

/* gathers: inputs by the list, outputs one after the other; else the reverse. */
V_INLINE const real *input(const bool gathers, const real *in, const int32_t *list, size_t k)
{
    return in + (gathers ? (ptrdiff_t)list[k] : (ptrdiff_t)(k * APART));
}

/* n a literal. */
V_INLINE void sum_few(const int rows, const int nv, const size_t n, const bool gathers,
                      const real *A, const int32_t *list, const real *in, pair apart,
                      accumulators *s)
{
    V_UNROLL
    for (size_t k = 0; k < n; k++)
        add_column(rows, nv, k == 0, s, A + k * (size_t)rows, input(gathers, in, list, k), apart);
}

/* The same bits, n not a literal. */
V_INLINE void sum_in_turn(const int rows, size_t n, const real *A, const int32_t *list,
                          const real *in, accumulators *s)
{
    const pair apart = {0, 0};
    add_column(rows, 1, true, s, A, in + list[0], apart);
    V_ROLL
    for (size_t k = 1; k < n; k++)
        add_column(rows, 1, false, s, A + k * (size_t)rows, in + list[k], apart);
}

/* Tiles of few rows add in two chains, which do not wait for one another. */
V_INLINE void sum_any(const int rows, const int nv, size_t n, const bool gathers, const real *A,
                      const int32_t *list, const real *in, pair apart, accumulators *s)
{
    const bool twice = 2 * rows <= ROWS;
    accumulators odd;
    clear(rows, nv, s);
    if (twice)
        clear(rows, nv, &odd);
    size_t k = 0;
    for (; k + 1 < n; k += 2, A += 2 * rows) {
        add_column(rows, nv, false, s, A, input(gathers, in, list, k), apart);
        add_column(rows, nv, false, twice ? &odd : s, A + rows, input(gathers, in, list, k + 1),
                   apart);
    }
    if (k < n)
        add_column(rows, nv, false, s, A, input(gathers, in, list, k), apart);
    V_UNROLL
    for (int r = 0; twice && r < rows; r++)
        V_UNROLL
    for (int i = 0; i < nv; i++)
        s->v[r][i] += odd.v[r][i];
}

/* nv vectors. few: n as a literal, or 0: any. */
V_INLINE void run_vectors(const int rows, const int nv, const size_t few, const bool gathers,
                          bool adds, size_t n, const real *A, const int32_t *list, const real *in,
                          real *out, pair apart)
{
    accumulators s;
    if (few)
        sum_few(rows, nv, few, gathers, A, list, in, apart, &s);
    else if (LINES && nv == 1 && gathers && n > 0 && n <= FEW)
        sum_in_turn(rows, n, A, list, in, &s);
    else
        sum_any(rows, nv, n, gathers, A, list, in, apart, &s);
    V_UNROLL
    for (int r = 0; r < rows; r++) {
        real *to = out + (gathers ? (ptrdiff_t)r * APART : (ptrdiff_t)list[r]);
        V_UNROLL
        for (int i = 0; i < nv; i++, to += apart.out)
            v_store(to, !gathers && adds ? v_load(to) + s.v[r][i] : s.v[r][i]);
    }
}

/* Where vectors are lines and inputs few: pairs of repeats alone. */
V_INLINE void run_tile(const int rows, const size_t few, const bool gathers, const walk *w,
                       size_t n, const real *A, const int32_t *list, const real *in, real *out)
{
#define VECTORS(nv, lane, apart) \
    run_vectors(rows, nv, few, gathers, w->adds, n, A, list, in + (lane), out + (lane), apart)
    const pair repeats = {w->in_step, w->out_step}, line = {LANES, LANES};
    size_t c = w->count;
    for (; LINES && c >= PAIR; c -= PAIR, in += PAIR * w->in_step, out += PAIR * w->out_step)
        VECTORS(PAIR, 0, repeats);
    if (LINES && c && !few)
        VECTORS(1, 0, line);
    for (; !LINES && c; c--, in += w->in_step, out += w->out_step)
        for (int lane = 0; lane < T; lane += PAIR * LANES)
            VECTORS(PAIR, lane, line);
}

#define TILE_ARGS \
    const walk *w, size_t n, const real *A, const int32_t *list, const real *in, real *out
typedef void tile_code(TILE_ARGS);

#define EACH_SIZE_4(X, r) X(r, 0) X(r, 1) X(r, 2) X(r, 3) X(r, 4)
#define EACH_ROWS_6(X) X(1) X(2) X(3) X(4) X(5) X(6)
#if V_BYTES == 64
#define EACH_SIZE EACH_SIZE_4
#define EACH_ROWS(X) EACH_ROWS_6(X) X(7) X(8) X(9) X(10) X(11) X(12)
#else
#define EACH_SIZE(X, r) EACH_SIZE_4(X, r) X(r, 5) X(r, 6)
#define EACH_ROWS(X) EACH_ROWS_6(X)
#endif

#define DEFINE_GATHER(r, few)                           \
    static void gather_##r##_##few(TILE_ARGS)           \
    {                                                   \
        run_tile(r, few, true, w, n, A, list, in, out); \
    }
#define DEFINE(r)                                      \
    EACH_SIZE(DEFINE_GATHER, r)                        \
    static void scatter_##r(TILE_ARGS)                 \
    {                                                  \
        run_tile(r, 0, false, w, n, A, list, in, out); \
    }
EACH_ROWS(DEFINE)

#define GATHER(r, few) gather_##r##_##few,
#define GATHERS(r) {EACH_SIZE(GATHER, r)},
#define SCATTER(r) scatter_##r,
static tile_code *const gather_code[][FEW + 1] = {EACH_ROWS(GATHERS)};
static tile_code *const scatter_code[] = {EACH_ROWS(SCATTER)};

static void synthesise(const e3tp_fold_step *s, size_t nsteps, const real *table,
                       const int32_t *lists, const real *in, size_t in_step, real *out,
                       size_t out_step, size_t count)
{
    const walk w = {in_step, out_step, count, false}, last = {0, 0, 1, false};
    const size_t odd = LINES ? count % PAIR : 0, paired = count - odd;
    for (const e3tp_fold_step *end = s + nsteps; s < end; s++) {
        const size_t few = s->n <= FEW ? s->n : 0;
        const real *A = table + s->matrix;
        const int32_t *list = lists + s->list;
        gather_code[s->rows - 1][few](&w, s->n, A, list, in, out + s->base);
        if (odd && few)
            gather_code[s->rows - 1][0](&last, s->n, A, list, in + paired * in_step,
                                        out + s->base + paired * out_step);
    }
}

static void analyse(const e3tp_fold_step *s, size_t nsteps, const real *table, const int32_t *lists,
                    const real *in, size_t in_step, real *out, size_t out_step, size_t count,
                    bool adds)
{
    const walk w = {in_step, out_step, count, adds};
    for (const e3tp_fold_step *end = s + nsteps; s < end; s++)
        scatter_code[s->rows - 1](&w, s->n, table + s->matrix, lists + s->list, in + s->base, out);
}

/* Classes 2 r (even under reflection at the equator) and 2 r + 1 (odd), joined with sign: the
   signal on one hemisphere in four classes; product of two of them over the group of two bits. */
V_INLINE void hemisphere(const int sign, const real *x, const real *y, v_real z[4])
{
    v_real a[4], b[4];
    V_UNROLL
    for (int r = 0; r < 4; r++) {
        const v_real ao = v_load(x + (2 * r + 1) * T), bo = v_load(y + (2 * r + 1) * T);
        a[r] = v_load(x + 2 * r * T), b[r] = v_load(y + 2 * r * T);
        a[r] = sign > 0 ? a[r] + ao : a[r] - ao;
        b[r] = sign > 0 ? b[r] + bo : b[r] - bo;
    }
    V_UNROLL
    for (int c = 0; c < 4; c++) {
        z[c] = a[0] * b[c];
        V_UNROLL
        for (int d = 1; d < 4; d++)
            z[c] = v_fma(a[d], b[c ^ d], z[c]);
    }
}

V_INLINE void multiply_points(const bool adds, const real *x, const real *y, real *z, size_t points)
{
    for (; points; points--, x += APART, y += APART, z += APART)
        for (int at = 0; at < T; at += LANES) {
            v_real north[4], south[4];
            hemisphere(1, x + at, y + at, north);
            hemisphere(-1, x + at, y + at, south);
            V_UNROLL
            for (int r = 0; r < 4; r++) {
                real *even = z + at + 2 * r * T, *odd = even + T;
                const v_real sum = north[r] + south[r], difference = north[r] - south[r];
                v_store(even, adds ? v_load(even) + sum : sum);
                v_store(odd, adds ? v_load(odd) + difference : difference);
            }
        }
}

static void multiply(const real *x, const real *y, real *z, size_t points, bool adds)
{
    if (adds)
        multiply_points(true, x, y, z, points);
    else
        multiply_points(false, x, y, z, points);
}

V_INLINE void monomial_lines(const int power, const bool adds, size_t n, real c, const real *f,
                             const real *a, const real *b, real *z)
{
    for (size_t i = 0; i < n * T; i += LANES) {
        const v_real x = v_load(f + i);
        v_real v = v_set1(c);
        V_UNROLL
        for (int k = 0; k < power; k++)
            v *= x;
        v = a ? v * v_load(a + i) : v;
        v = b ? v * v_load(b + i) : v;
        v_store(z + i, adds ? v_load(z + i) + v : v);
    }
}

#define MONOMIAL_ARGS size_t n, real c, const real *f, const real *a, const real *b, real *z
#define DEFINE_MONOMIAL(power, adds)                     \
    static void monomial_##power##_##adds(MONOMIAL_ARGS) \
    {                                                    \
        monomial_lines(power, adds, n, c, f, a, b, z);   \
    }
#define EACH_POWER(X) \
    X(0, 0) X(0, 1) X(1, 0) X(1, 1) X(2, 0) X(2, 1) X(3, 0) X(3, 1) X(4, 0) X(4, 1)
EACH_POWER(DEFINE_MONOMIAL)

static void monomial(size_t n, real c, int power, const real *f, const real *a, const real *b,
                     real *z, bool adds)
{
#define MONOMIAL(power, adds) monomial_##power##_##adds,
    static void (*const code[])(MONOMIAL_ARGS) = {EACH_POWER(MONOMIAL)};
    code[2 * power + adds](n, c, f, a, b, z);
}

static void accumulate(size_t lines, real c, const real *w, const real *a, real *z)
{
    v_real f[T / LANES];
    V_UNROLL
    for (int i = 0; i < T / LANES; i++)
        f[i] = w ? v_set1(c) * v_load(w + i * LANES) : v_set1(c);
    for (; lines; lines--, a += T, z += T)
        V_UNROLL
    for (int i = 0; i < T / LANES; i++)
        v_store(z + i * LANES, v_fma(f[i], v_load(a + i * LANES), v_load(z + i * LANES)));
}

/* The four images of a point on its ring from the classes of even and odd order, cosines and sines:
   f(phi), f(-phi), f(phi + pi), f(pi - phi). */
V_INLINE void around(const v_real c[4], v_real f[4])
{
    const v_real even = c[0] + c[1], odd = c[0] - c[1], even_sin = c[2] + c[3],
                 odd_sin = c[2] - c[3];
    f[0] = even + even_sin;
    f[1] = even - even_sin;
    f[2] = odd + odd_sin;
    f[3] = odd - odd_sin;
}

V_INLINE void store_images(const v_real c[4], const int32_t at[4], int lane, real *ring)
{
    v_real f[4];
    around(c, f);
    V_UNROLL
    for (int i = 0; i < 4; i++)
        if (at[i] >= 0)
            v_store(ring + at[i] + lane, f[i]);
}

static void to_ring(const real *classes, size_t points, const int32_t (*at)[4], real *north,
                    real *south)
{
    for (size_t p = 0; p < points; p++, classes += APART)
        for (int lane = 0; lane < T; lane += LANES) {
            v_real sum[4], difference[4];
            V_UNROLL
            for (int r = 0; r < 4; r++) {
                const v_real even = v_load(classes + 2 * r * T + lane),
                             odd = v_load(classes + (2 * r + 1) * T + lane);
                sum[r] = even + odd;
                difference[r] = even - odd;
            }
            store_images(sum, at[p], lane, north);
            if (south)
                store_images(difference, at[p], lane, south);
        }
}

/* Images that are no samples of their own count as zero, as does the ring NULL. */
V_INLINE void load_images(const real *ring, const int32_t at[4], int lane, v_real c[4])
{
    v_real f[4];
    V_UNROLL
    for (int i = 0; i < 4; i++)
        f[i] = ring && at[i] >= 0 ? v_load(ring + at[i] + lane) : v_zero();
    const v_real cosines = f[0] + f[1], cosines_pi = f[2] + f[3], sines = f[0] - f[1],
                 sines_pi = f[2] - f[3];
    c[0] = cosines + cosines_pi;
    c[1] = cosines - cosines_pi;
    c[2] = sines + sines_pi;
    c[3] = sines - sines_pi;
}

static void from_ring(const real *north, const real *south, size_t points, const int32_t (*at)[4],
                      real *classes)
{
    for (size_t p = 0; p < points; p++, classes += APART)
        for (int lane = 0; lane < T; lane += LANES) {
            v_real n[4], s[4];
            load_images(north, at[p], lane, n);
            load_images(south, at[p], lane, s);
            V_UNROLL
            for (int r = 0; r < 4; r++) {
                v_store(classes + 2 * r * T + lane, n[r] + s[r]);
                v_store(classes + (2 * r + 1) * T + lane, n[r] - s[r]);
            }
        }
}

/* Sums and differences over the three bits of the classes. */
V_INLINE void fold(v_real v[8])
{
    V_UNROLL
    for (int bit = 1; bit < 8; bit *= 2)
        V_UNROLL
    for (int c = 0; c < 8; c++)
        if (!(c & bit)) {
            const v_real a = v[c], b = v[c | bit];
            v[c] = a + b;
            v[c | bit] = a - b;
        }
}

static void unfold(real *p, size_t points)
{
    for (; points; points--, p += APART)
        for (int at = 0; at < T; at += LANES) {
            v_real v[8];
            V_UNROLL
            for (int c = 0; c < 8; c++)
                v[c] = v_load(p + c * T + at);
            fold(v);
            V_UNROLL
            for (int c = 0; c < 8; c++)
                v_store(p + c * T + at, v[c]);
        }
}

/* n and sign of the last product are literals. */
V_INLINE void combine_points(const int n, const bool minus, const real *const *a,
                             const real *const *b, real *z, size_t points, bool adds)
{
    for (size_t p = 0; p < points; p++)
        for (size_t at = p * APART; at < p * APART + T; at += LANES) {
            v_real v[8];
            V_UNROLL
            for (int c = 0; c < 8; c++)
                v[c] = v_load(a[0] + at + c * T) * v_load(b[0] + at + c * T);
            V_UNROLL
            for (int i = 1; i < n; i++)
                V_UNROLL
            for (int c = 0; c < 8; c++) {
                const v_real x = v_load(a[i] + at + c * T), y = v_load(b[i] + at + c * T);
                v[c] = minus ? v_fnma(x, y, v[c]) : v_fma(x, y, v[c]);
            }
            fold(v);
            V_UNROLL
            for (int c = 0; c < 8; c++) {
                const v_real own = n == 1 && minus ? -v[c] : v[c];
                v_store(z + at + c * T, adds ? v_load(z + at + c * T) + own : own);
            }
        }
}

static void combine(size_t n, bool minus, const real *const *a, const real *const *b, real *z,
                    size_t points, bool adds)
{
    if (n == 1 && minus)
        combine_points(1, true, a, b, z, points, adds);
    else if (n == 1)
        combine_points(1, false, a, b, z, points, adds);
    else if (n == 2 && minus)
        combine_points(2, true, a, b, z, points, adds);
    else if (n == 2)
        combine_points(2, false, a, b, z, points, adds);
    else
        combine_points(3, false, a, b, z, points, adds);
}

static void turn(size_t lines, real c, real s, real *a, real *b)
{
    const v_real vc = v_set1(c), vs = v_set1(s);
    for (size_t i = 0; i < lines * T; i += LANES) {
        const v_real x = v_load(a + i), y = v_load(b + i);
        v_store(a + i, v_fma(vc, x, vs * y));
        v_store(b + i, v_fma(vs, x, -(vc * y)));
    }
}

#define STRUCT_(r) e3tp_fold_kernels_##r
#define STRUCT(r) STRUCT_(r)
#define MEMBER(name, args) .name = name,
const STRUCT(E3TP_REAL) E3TP_NAME(e3tp_fold_kernels) = {E3TP_FOLD_KERNELS(MEMBER, real)};
