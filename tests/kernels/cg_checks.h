/* SPDX-License-Identifier: MIT */
/* Every kernel of src/cg/cg_kernels.h against its definition, for one real; included once for each
   with REAL, KERNELS, SOURCE and MIX defined. All numbers are small integers, so that sums are
   exact in any order, and whatever a kernel is not to touch is compared too. */
#define NAME__(base, real) base##_##real
#define NAME_(base, real) NAME__(base, real)
#define NAME(base) NAME_(base, REAL)

enum { NAME(T) = 64 / sizeof(REAL) };

static _Alignas(64) REAL NAME(memory)[ARRAYS][ELEMENTS];

/* Array `which` full of integers -3..3, at its place. */
static REAL *NAME(integers)(size_t which)
{
    for (size_t i = 0; i < ELEMENTS; i++)
        NAME(memory)[which][i] = (REAL)small_integer(i + 977 * which);
    return NAME(memory)[which];
}

static void NAME(fill)(void)
{
    for (size_t i = 0; i < ARRAYS; i++)
        NAME(integers)(i);
}

/* What array `which` should hold after a call: starts as it is. */
static double *NAME(expect)(size_t which)
{
    static double want[ELEMENTS];
    for (size_t i = 0; i < ELEMENTS; i++)
        want[i] = (double)NAME(memory)[which][i];
    return want;
}

static void NAME(same)(size_t which, const double *want, const char *kernel)
{
    size_t wrong = 0;
    for (size_t i = 0; i < ELEMENTS; i++)
        wrong += (double)NAME(memory)[which][i] != want[i];
    ck_assert_msg(wrong == 0, "%s: %zu numbers are wrong", kernel, wrong);
}

/* ---- lanes with operands of their own: tiles with a line between them ---- */

static void NAME(check_table)(const KERNELS *k, size_t tiles, int weighted)
{
    const size_t T = NAME(T), as = 4 * T, bs = 6 * T, ws = 2 * T, os = 8 * T;
    const REAL *a = NAME(integers)(0), *b = NAME(integers)(1), *w = NAME(integers)(2);
    REAL *out = NAME(integers)(3);
    double *want = NAME(expect)(3);
    for (size_t t = 0; t < tiles; t++)
        for (size_t s = 0; s < ENTRIES; s++)
            for (size_t v = 0; v < T; v++)
                want[t * os + (size_t)entries[s].o * T + v] +=
                    2 * entries[s].c * (weighted ? (double)w[t * ws + v] : 1) *
                    (double)a[t * as + (size_t)entries[s].i * T + v] *
                    (double)b[t * bs + (size_t)entries[s].j * T + v];
    k->table(entries, ENTRIES, 2, tiles, a, as, b, bs, weighted ? w : NULL, ws, out, os);
    NAME(same)(3, want, "table");
}

static void NAME(check_quads)(const KERNELS *k, size_t tiles, int weighted)
{
    static const double s[] = {1, 1, -1, -1, 0, 0}, t[] = {1, -1, 1, -1, 0, 1},
                        r[] = {1, 1, 1, 1, 1, 0};
    const size_t T = NAME(T), as = 4 * T, bs = 6 * T, ws = 2 * T, os = 8 * T;
    const REAL *a = NAME(integers)(0), *b = NAME(integers)(1), *w = NAME(integers)(2);
    REAL *out = NAME(integers)(3);
    double *want = NAME(expect)(3);
    for (size_t tile = 0; tile < tiles; tile++)
        for (size_t g = 0, e = 0; g < QUAD_GROUPS; g++)
            for (int kind = 0; kind < E3TP_CG_QUAD_KINDS; kind++)
                for (; e < quad_groups[g].end[kind]; e++)
                    for (size_t v = 0; v < T; v++) {
                        const e3tp_cg_quad *q = &quads[e];
                        const REAL *at = a + tile * as + v, *bt = b + tile * bs + v;
                        const double x = (double)at[(size_t)q->i * T],
                                     x2 = (double)at[(size_t)q->i2 * T],
                                     y = (double)bt[(size_t)q->j * T],
                                     y2 = (double)bt[(size_t)q->j2 * T],
                                     c = 2 * (weighted ? (double)w[tile * ws + v] : 1);
                        double *z = want + tile * os + v;
                        z[(size_t)quad_groups[g].o * T] += c * q->c * (x * y + s[kind] * x2 * y2);
                        z[(size_t)quad_groups[g].o2 * T] +=
                            c * q->d * (r[kind] * x * y2 + t[kind] * x2 * y);
                    }
    k->quads(quad_groups, QUAD_GROUPS, quads, 2, tiles, a, as, b, bs, weighted ? w : NULL, ws, out,
             os);
    NAME(same)(3, want, "quads");
}

static void NAME(check_lines)(const KERNELS *k, size_t tiles, int d)
{
    const size_t T = NAME(T), as = ((size_t)d + 1) * T, bs = ((size_t)d + 2) * T, ws = 3 * T;
    REAL *a = NAME(integers)(0), *b = NAME(integers)(1), *w = NAME(integers)(2);
    double *want = NAME(expect)(1);
    for (size_t i = 0; i < tiles * (size_t)d * T; i++) {
        const size_t t = i / ((size_t)d * T), at = i % ((size_t)d * T);
        want[t * bs + at] += (double)w[t * ws + at % T] * (double)a[t * as + at];
    }
    k->scale_add(tiles, d, a, as, w, ws, b, bs);
    NAME(same)(1, want, "scale_add");
    want = NAME(expect)(2);
    for (size_t i = 0; i < tiles * (size_t)d * T; i++) {
        const size_t t = i / ((size_t)d * T), at = i % ((size_t)d * T);
        want[t * ws + at % T] += (double)a[t * as + at] * (double)b[t * bs + at];
    }
    k->dot(tiles, d, a, as, b, bs, w, ws);
    NAME(same)(2, want, "dot");
    w = NAME(integers)(2);
    for (int other = 0; other < 2; other++) { /* in place, or not */
        REAL *z = other ? NAME(integers)(1) : a;
        const size_t zs = other ? bs : as;
        want = NAME(expect)(other);
        for (size_t i = 0; i < tiles * (size_t)d * T; i++) {
            const size_t t = i / ((size_t)d * T), at = i % ((size_t)d * T);
            want[t * zs + at] = (double)w[t * ws + at % T] * (double)a[t * as + at];
        }
        k->scale(tiles, d, a, as, w, ws, z, zs);
        NAME(same)(other, want, "scale");
    }
}

/* ---- channels that share y ---- */

/* Matrices [o][i] of 7 x 5 elements, and turned. */
static void NAME(check_build)(const KERNELS *k, int o_step, int i_step, bool weighted)
{
    const size_t T = NAME(T);
    REAL *y = NAME(integers)(0), *M = NAME(integers)(1), *w = NAME(integers)(2);
    double *want = NAME(expect)(1);
    for (size_t s = 0; s < ENTRIES; s++)
        for (size_t v = 0; v < T; v++)
            want[(size_t)(entries[s].o * o_step + entries[s].i * i_step) * T + v] +=
                2 * entries[s].c * (weighted ? (double)w[v] : 1) *
                (double)y[(size_t)entries[s].j * T + v];
    k->build(entries, ENTRIES, 2, o_step, i_step, y, weighted ? w : NULL, M);
    NAME(same)(1, want, "build");
}

/* wanted: bits of gy and gw. */
static void NAME(check_build_back)(const KERNELS *k, bool weighted, int wanted)
{
    const size_t T = NAME(T);
    static double gy[ELEMENTS];
    NAME(fill)();
    const REAL *D = NAME(memory)[0], *y = NAME(memory)[1], *w = NAME(memory)[2];
    memcpy(gy, NAME(expect)(3), sizeof gy);
    double *gw = NAME(expect)(4);
    for (size_t s = 0; s < ENTRIES; s++)
        for (size_t v = 0; v < T; v++) {
            const size_t at = (size_t)entries[s].o * T + v;
            const double d =
                2 * entries[s].c * (double)D[(size_t)(entries[s].i * 11 + entries[s].j) * T + v];
            gy[at] += wanted & 1 ? d * (weighted ? (double)w[v] : 1) : 0;
            gw[v] += wanted & 2 ? d * (double)y[at] : 0;
        }
    k->build_back(entries, ENTRIES, 2, 11, D, wanted & 2 ? y : NULL, weighted ? w : NULL,
                  wanted & 1 ? NAME(memory)[3] : NULL, wanted & 2 ? NAME(memory)[4] : NULL);
    NAME(same)(3, gy, "build_back, gy");
    NAME(same)(4, gw, "build_back, gw");
}

/* Rows of weights that every other source has, of 8 at least. */
static const int64_t NAME(picks)[] = {5, 0, 3, 7, 1, 1, 6, 2, 4, 7, 3, 5, 0, 2, 6, 4};

/* Arrays 0 M, 1 v and v2, 2 w and w2, 3 z, 4 x, 5 gw, 6 gy. Components of tiles apart by a line and
   an element, as callers have them, or packed with a line between tiles. */
static void NAME(make_sources)(mix_shape s, SOURCE *from)
{
    const size_t T = NAME(T), tiles = s.tiles;
    for (size_t i = 0; i < s.count; i++) {
        const int n = 1 + (s.n + 2 * (int)i) % 11;
        const size_t row = tiles * T * (size_t)n + 1;
        const REAL *v = NAME(memory)[1] + 5 * i, *w = NAME(memory)[2] + 1 + i * 7;
        from[i] = (SOURCE){.v = v,
                           .v2 = s.paired && i != 1 ? v + 11 : NULL,
                           .row = s.packed ? tiles * (size_t)(n + 1) * T : row,
                           .tile = s.packed ? (size_t)(n + 1) * T : T,
                           .step = s.packed ? T : tiles * T,
                           .n = n,
                           .M = NAME(memory)[0] + i * 11 * 13 * T,
                           .w = s.weighted || s.paired ? w : NULL,
                           .w2 = s.paired ? w + 13 : NULL,
                           .w_index = i % 2 ? NAME(picks) : NULL,
                           .w_row = tiles * T + 3,
                           .fetch = s.fresh ? w : NULL,
                           .fetch_index = i % 2 ? NAME(picks) : NULL,
                           .x = NAME(memory)[4] + 3 * i,
                           .gw = s.weighted ? NAME(memory)[5] + i * tiles * T : NULL,
                           .gw_row = s.count * tiles * T + 1,
                           .gw_past = i % 3 == 1,
                           .only_gw = s.count > 1 && i == (s.packed ? 0 : 2)};
        from[i].gw_from = !s.fresh ? NULL : i % 2 ? NAME(memory)[4] + 7 : from[i].gw;
        from[i].gw_from_row = i % 2 ? 0 : from[i].gw_row;
    }
}

static MIX NAME(job)(mix_shape s, const SOURCE *from)
{
    const size_t T = NAME(T), n = (size_t)s.n, tiles = s.tiles;
    const size_t row = s.packed ? tiles * (n + 1) * T : tiles * n * T + 1;
    const MIX m = {.first = s.first,
                   .rows = s.rows,
                   .tiles = s.lanes / T,
                   .rest = (int)(s.lanes % T),
                   .count = s.count,
                   .opens = s.count > 1 && s.packed,
                   .from = from,
                   .n = s.n,
                   .sum = s.sum,
                   .fresh = s.fresh,
                   .paired = s.paired,
                   .z = NAME(memory)[3],
                   .z_row = s.sum ? 0 : row,
                   .z_tile = s.packed ? (n + 1) * T : T,
                   .z_step = s.packed ? T : tiles * T,
                   .x_row = tiles * (n + 2) * T,
                   .x_tile = (n + 2) * T,
                   .x_step = T};
    return m;
}

/* What M is multiplied with: component i of lane `lane` of absolute row r. */
static double NAME(operand)(const SOURCE *s, bool weighted, size_t r, size_t lane, size_t i)
{
    const size_t at = r * s->row + lane / NAME(T) * s->tile + i * s->step + lane % NAME(T);
    const double v = (double)s->v[at];
    if (!weighted)
        return v;
    const size_t line = (s->w_index ? (size_t)s->w_index[r] : r) * s->w_row + lane;
    return v * (s->w ? (double)s->w[line] : 1) +
           (s->v2 ? (double)s->v2[at] * (double)s->w2[line] : 0);
}

static double NAME(product)(const MIX *m, const SOURCE *s, bool weighted, size_t r, size_t lane,
                            size_t k)
{
    double sum = 0;
    for (size_t i = 0; i < (size_t)s->n; i++)
        sum += (double)s->M[(i * (size_t)m->n + k) * NAME(T) + r] *
               NAME(operand)(s, weighted, r, lane, i);
    return sum;
}

static void NAME(add_products)(const MIX *m, const SOURCE *s, double *z)
{
    const size_t T = NAME(T);
    for (size_t row = 0; row < m->rows; row++)
        for (size_t lane = 0; lane < m->tiles * T + (size_t)m->rest; lane++)
            for (size_t k = 0; k < (size_t)m->n; k++)
                z[row * m->z_row + lane / T * m->z_tile + k * m->z_step + lane % T] +=
                    NAME(product)(m, s, true, m->first + row, lane, k);
}

/* What z holds before the first source adds to it. */
static void NAME(begin_results)(const MIX *m, double *z)
{
    const size_t T = NAME(T);
    for (size_t row = 0; row < m->rows && m->fresh; row++)
        for (size_t lane = 0; lane < m->tiles * T + (size_t)m->rest; lane++)
            for (size_t k = 0; k < (size_t)m->n; k++)
                z[row * m->z_row + lane / T * m->z_tile + k * m->z_step + lane % T] = 0;
}

static void NAME(check_mix)(const KERNELS *k, mix_shape s)
{
    SOURCE from[MOST_SOURCES];
    NAME(fill)();
    NAME(make_sources)(s, from);
    const MIX m = NAME(job)(s, from);
    double *want = NAME(expect)(3);
    NAME(begin_results)(&m, want);
    for (size_t i = 0; i < s.count; i++)
        NAME(add_products)(&m, &from[i], want);
    k->mix(&m);
    NAME(same)(3, want, "mix");
}

static void NAME(add_weight_gradients)(const MIX *m, const SOURCE *s, double *gw)
{
    const size_t T = NAME(T);
    for (size_t row = 0; row < m->rows; row++)
        for (size_t lane = 0; lane < m->tiles * T + (size_t)m->rest; lane++) {
            const size_t r = m->first + row;
            const REAL *x = s->x + r * m->x_row + lane / T * m->x_tile + lane % T;
            double *to = gw + (s->gw - NAME(memory)[5]) + r * s->gw_row + lane;
            double sum = 0;
            for (size_t c = 0; c < (size_t)m->n; c++)
                sum += (double)x[c * m->x_step] * NAME(product)(m, s, false, r, lane, c);
            const bool own = s->gw_from == s->gw;
            *to = sum + (own          ? *to
                         : s->gw_from ? (double)s->gw_from[r * s->gw_from_row + lane]
                                      : 0);
        }
}

static void NAME(check_mix_back)(const KERNELS *k, mix_shape s, bool z_wanted)
{
    SOURCE from[MOST_SOURCES];
    static double gw[ELEMENTS];
    NAME(fill)();
    NAME(make_sources)(s, from);
    MIX m = NAME(job)(s, from);
    memcpy(gw, NAME(expect)(5), sizeof gw);
    double *want = NAME(expect)(3);
    if (z_wanted)
        NAME(begin_results)(&m, want);
    for (size_t i = 0; i < s.count; i++) {
        if (z_wanted && !from[i].only_gw)
            NAME(add_products)(&m, &from[i], want);
        if (from[i].gw)
            NAME(add_weight_gradients)(&m, &from[i], gw);
    }
    m.z = z_wanted ? m.z : NULL;
    k->mix_back(&m);
    NAME(same)(3, want, "mix_back, z");
    NAME(same)(5, gw, "mix_back, gw");
}

static void NAME(check_overlap)(const KERNELS *k, mix_shape s)
{
    const size_t T = NAME(T);
    SOURCE from[2 * MOST_SOURCES];
    NAME(fill)();
    NAME(make_sources)(s, from);
    NAME(make_sources)(s, from + s.count);
    double *want = NAME(expect)(6), *D = want;
    for (size_t p = 0; p < s.count; p++) {
        SOURCE *v = &from[p], *g = &from[s.count + p];
        g->n = 1 + (s.n + 3 * (int)p) % 8;
        for (int i = 0; i < v->n; i++)
            for (int c = 0; c < g->n; c++, D += T)
                for (size_t r = 0; r < s.rows; r++) {
                    D[r] = 0;
                    for (size_t lane = 0; lane < s.lanes; lane++)
                        D[r] += NAME(operand)(v, true, r, lane, (size_t)i) *
                                NAME(operand)(g, false, r, lane, (size_t)c);
                }
    }
    k->overlap(s.rows, s.lanes, s.count, from, from + s.count, NAME(memory)[6]);
    NAME(same)(6, want, "overlap");
}

/* ---- all channels with all ---- */

/* Lanes past the last channel stay zero where they were: backward passes multiply by them. */
static void NAME(check_connect)(const KERNELS *k, size_t rows, size_t m1, size_t mo, int n3,
                                bool outer)
{
    const size_t T = NAME(T), d = (size_t)n3, tt = (d + 2) * T, zt = (d + 1) * T, w_row = mo + 3;
    const size_t tr = (m1 + T - 1) / T * tt + T, zr = (mo + T - 1) / T * zt + 2 * T;
    const REAL *t = NAME(integers)(0);
    REAL *W = NAME(integers)(1), *z = NAME(integers)(2);
    double *want = NAME(expect)(outer ? 1 : 2);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < mo; o++)
            for (size_t c = 0; c < d; c++)
                for (size_t u = 0; u < m1; u++) {
                    const double tu = (double)t[r * tr + u / T * tt + c * T + u % T];
                    const size_t at_z = r * zr + o / T * zt + c * T + o % T, at_W = u * w_row + o;
                    want[outer ? at_W : at_z] += tu * (double)(outer ? z[at_z] : W[at_W]);
                }
    if (outer)
        k->outer(rows, m1, mo, n3, t, tr, tt, z, zr, zt, W, w_row);
    else
        k->connect(rows, m1, mo, n3, 0, rows % 2, t, tr, tt, W, w_row, NULL, z, zr, zt);
    NAME(same)(outer ? 1 : 2, want, outer ? "outer" : "connect");
}

static void NAME(check_connect_first)(const KERNELS *k, size_t rows, size_t m1, size_t mo, int n1,
                                      int n)
{
    const size_t T = NAME(T), d = (size_t)n1, N = (size_t)n, tt = (d + 2) * T, zt = (N + 1) * T,
                 w_row = mo + 3;
    const size_t tr = (m1 + T - 1) / T * tt + T, zr = (mo + T - 1) / T * zt + 2 * T;
    const REAL *t = NAME(integers)(0);
    const REAL *W = NAME(integers)(1), *M = NAME(integers)(3);
    REAL *z = NAME(integers)(2);
    double *want = NAME(expect)(2);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < mo; o++)
            for (size_t i = 0; i < d; i++) {
                double s = 0;
                for (size_t u = 0; u < m1; u++)
                    s += (double)t[r * tr + u / T * tt + i * T + u % T] * (double)W[u * w_row + o];
                for (size_t c = 0; c < N; c++)
                    want[r * zr + o / T * zt + c * T + o % T] += (double)M[(i * N + c) * T + r] * s;
            }
    k->connect(rows, m1, mo, n1, n, rows % 2, t, tr, tt, W, w_row, M, z, zr, zt);
    NAME(same)(2, want, "connect, weights first");
}

static void NAME(check_connect_back)(const KERNELS *k, size_t m1, size_t mo, int n3, int weights,
                                     int fresh)
{
    const size_t T = NAME(T), d = (size_t)n3, t_tile = (d + 2) * T, g_tile = (d + 1) * T,
                 w_row = mo + 3;
    const REAL *t = NAME(integers)(0), *W = NAME(integers)(1), *g = NAME(integers)(2);
    REAL *gt = NAME(integers)(3), *gW = NAME(integers)(4);
    static double want[ELEMENTS];
    memcpy(want, NAME(expect)(4), sizeof want);
    double *wt = NAME(expect)(3);
    for (size_t u = 0; u < m1; u++)
        for (size_t c = 0; c < d; c++)
            for (size_t o = 0; o < mo; o++) {
                const size_t at = u / T * t_tile + c * T + u % T;
                const double go = (double)g[o / T * g_tile + c * T + o % T];
                wt[at] += (double)W[u * w_row + o] * go;
                if (weights)
                    want[u * w_row + o] =
                        (fresh && c == 0 ? 0 : want[u * w_row + o]) + (double)t[at] * go;
            }
    k->connect_back(m1, mo, n3, m1 % 3, t, t_tile, W, w_row, g, g_tile, gt, weights ? gW : NULL,
                    fresh);
    NAME(same)(3, wt, "connect_back, gt");
    NAME(same)(4, want, "connect_back, gW");
}

/* ---- all shapes; returns how many kernels ran ---- */

static void NAME(check_shapes)(const KERNELS *k)
{
    const size_t T = NAME(T), rows[] = {1, T / 2, T - 1, T};
    for (int n = 1; n <= 13; n++)
        for (int i = 0; i < 8; i++) {
            const mix_shape s = {.first = i % 2 ? T - rows[i / 2] : 0,
                                 .rows = rows[i / 2],
                                 .tiles = (size_t)(n + i) % 7 + 1,
                                 .lanes = ((size_t)(n + i) % 7 + 1) * T -
                                          (size_t)(i + n * 5) % T * (size_t)(i % 3 == 1),
                                 .count = (size_t)(n + i / 2) % (MOST_SOURCES + 1),
                                 .n = n,
                                 .sum = i % 3 == 2,
                                 .weighted = n % 3 != 0,
                                 .packed = i % 4 < 2,
                                 .fresh = (n + i) % 2,
                                 .paired = i % 5 == 3};
            NAME(check_mix)(k, s);
            mix_shape back = s;
            back.sum = back.paired = 0;
            back.count += !back.count;
            if (n % 2)
                NAME(check_mix_back)(k, back, i % 4 != 1);
            NAME(check_overlap)(k, s);
        }
    /* rows long enough for their sources to be placed before */
    for (int n = 1; n <= 5; n += 2)
        for (int paired = 0; paired < 2; paired++) {
            const mix_shape s = {.first = 1,
                                 .rows = 3,
                                 .tiles = 9,
                                 .lanes = 9 * T - 5 * (size_t)paired,
                                 .count = MOST_SOURCES,
                                 .n = n,
                                 .weighted = n != 3,
                                 .packed = n == 5,
                                 .fresh = paired || n == 1,
                                 .paired = paired};
            NAME(check_mix)(k, s);
        }
}

static size_t NAME(check_kernels)(const KERNELS *k)
{
    static const size_t channels[] = {1, 13, 33};
    for (size_t tiles = 1; tiles <= 9; tiles++)
        for (int i = 0; i < 2; i++) {
            NAME(check_table)(k, tiles, i);
            NAME(check_quads)(k, tiles, i);
            NAME(check_lines)(k, tiles, (int)tiles + 4 * i);
        }
    for (int i = 0; i < 2; i++) {
        NAME(check_build)(k, 5, 1, i);
        NAME(check_build)(k, 1, 7, i);
    }
    for (int i = 0; i < 8; i++)
        NAME(check_build_back)(k, i & 4, i & 3);
    NAME(check_shapes)(k);
    for (int i = 0; i < 9; i++)
        for (int n3 = 1; n3 <= 9; n3 += 2) {
            NAME(check_connect)
            (k, (size_t)(i + n3) % 5 + 1, channels[i % 3], channels[i / 3], n3, false);
            NAME(check_connect)
            (k, (size_t)(i + n3) % 4 + 1, channels[i % 3], channels[i / 3], n3, true);
            NAME(check_connect_first)
            (k, (size_t)(i + n3) % 5 + 1, channels[i % 3], channels[i / 3], n3, (n3 + 2 * i) % 5);
            NAME(check_connect_back)(k, channels[i % 3], channels[i / 3], n3, i % 2, n3 % 4 == 1);
        }
    return 13; /* those above */
}

#undef NAME
#undef NAME_
#undef NAME__
#undef REAL
#undef KERNELS
#undef MIX
#undef SOURCE
