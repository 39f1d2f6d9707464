/* SPDX-License-Identifier: MIT */
/* Every kernel of src/cg/cg_kernels.h against its definition, for one real; included once for each
   with REAL, KERNELS and MIX defined. All numbers are small integers, so that sums are exact in any
   order, and whatever a kernel is not to touch is compared too. */
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
    want = NAME(expect)(0);
    for (size_t i = 0; i < tiles * (size_t)d * T; i++) {
        const size_t t = i / ((size_t)d * T), at = i % ((size_t)d * T);
        want[t * as + at] *= (double)w[t * ws + at % T];
    }
    k->scale(tiles, d, w, ws, a, as);
    NAME(same)(0, want, "scale");
}

/* ---- channels that share y ---- */

static void NAME(check_build)(const KERNELS *k)
{
    const size_t T = NAME(T);
    const int n3 = 5; /* of the index j of the entries; o: 0..6, i: 0..2 */
    REAL *y = NAME(integers)(0), *M = NAME(integers)(1);
    double *want = NAME(expect)(1);
    for (size_t s = 0; s < ENTRIES; s++)
        for (size_t v = 0; v < T; v++)
            want[(size_t)(entries[s].o * n3 + entries[s].i) * T + v] +=
                2 * entries[s].c * (double)y[(size_t)entries[s].j * T + v];
    k->build(entries, ENTRIES, 2, n3, y, M);
    NAME(same)(1, want, "build");
    want = NAME(expect)(0);
    for (size_t s = 0; s < ENTRIES; s++)
        for (size_t v = 0; v < T; v++)
            want[(size_t)entries[s].o * T + v] +=
                2 * entries[s].c * (double)M[(size_t)(entries[s].i * n3 + entries[s].j) * T + v];
    k->build_back(entries, ENTRIES, 2, n3, M, y);
    NAME(same)(0, want, "build_back");
}

/* Arrays 0 M, 1 x, 2 w, 3 z or g, 4 gx, 5 gw, 6 dM; a line between tiles, rows and w unaligned. */
static MIX NAME(job)(mix_shape s)
{
    const size_t T = NAME(T), n1 = (size_t)s.n1, n3 = (size_t)s.n3;
    const MIX m = {.rows = s.rows,
                   .tiles = s.tiles,
                   .n1 = s.n1,
                   .n3 = s.n3,
                   .sum = s.sum,
                   .M = NAME(integers)(0),
                   .x = NAME(integers)(1),
                   .w = s.weighted ? NAME(integers)(2) + 1 : NULL,
                   .x_row = s.tiles * (n1 + 1) * T,
                   .x_tile = (n1 + 1) * T,
                   .w_row = s.tiles * T + 3,
                   .z_row = s.sum ? 0 : s.tiles * (n3 + 1) * T,
                   .z_tile = (n3 + 1) * T,
                   .prefetch = s.weighted ? s.rows : 0,
                   .gw_row = (s.tiles + 1) * T};
    return m;
}

static double NAME(matrix)(const MIX *m, size_t r, size_t i, size_t k)
{
    const size_t T = NAME(T), n1 = (size_t)m->n1, n3 = (size_t)m->n3;
    return (double)m->M[r / T * n1 * n3 * T + (i * n3 + k) * T + r % T];
}

static double NAME(weight)(const MIX *m, size_t r, size_t lane)
{
    return m->w ? (double)m->w[r * m->w_row + lane] : 1;
}

static void NAME(check_mix)(const KERNELS *k, mix_shape s)
{
    const size_t T = NAME(T);
    MIX m = NAME(job)(s);
    m.z = NAME(integers)(3);
    double *want = NAME(expect)(3);
    for (size_t r = 0; r < s.rows; r++)
        for (size_t lane = 0; lane < s.tiles * T; lane++)
            for (size_t i = 0; i < (size_t)s.n1; i++) {
                const double wx = NAME(weight)(&m, r, lane) *
                                  (double)m.x[r * m.x_row + lane / T * m.x_tile + i * T + lane % T];
                for (size_t o = 0; o < (size_t)s.n3; o++)
                    want[r * m.z_row + lane / T * m.z_tile + o * T + lane % T] +=
                        wx * NAME(matrix)(&m, r, i, o);
            }
    k->mix(&m);
    NAME(same)(3, want, "mix");
}

/* Adds to gx what one lane of a row gives, and returns its gw. */
static double NAME(lane_back)(const MIX *m, size_t r, size_t lane, double *gx)
{
    const size_t T = NAME(T), x = r * m->x_row + lane / T * m->x_tile + lane % T,
                 g = r * m->z_row + lane / T * m->z_tile + lane % T;
    double gw = 0;
    for (size_t i = 0; i < (size_t)m->n1; i++) {
        double u = 0;
        for (size_t o = 0; o < (size_t)m->n3; o++)
            u += NAME(matrix)(m, r, i, o) * (double)m->g[g + o * T];
        gx[x + i * T] += NAME(weight)(m, r, lane) * u;
        gw += (double)m->x[x + i * T] * u;
    }
    return gw;
}

/* dM[i][o] of one row. */
static double NAME(matrix_back)(const MIX *m, size_t r, size_t i, size_t o)
{
    const size_t T = NAME(T);
    double sum = 0;
    for (size_t lane = 0; lane < m->tiles * T; lane++)
        sum += NAME(weight)(m, r, lane) *
               (double)m->x[r * m->x_row + lane / T * m->x_tile + i * T + lane % T] *
               (double)m->g[r * m->z_row + lane / T * m->z_tile + o * T + lane % T];
    return sum;
}

/* wanted: bits for gx, gw, dM. */
static void NAME(check_mix_back)(const KERNELS *k, mix_shape s, int wanted)
{
    const size_t T = NAME(T), n1 = (size_t)s.n1, n3 = (size_t)s.n3;
    static double gx[ELEMENTS], gw[ELEMENTS], dM[ELEMENTS];
    MIX m = NAME(job)(s);
    m.g = NAME(integers)(3);
    REAL *const out[3] = {NAME(integers)(4), NAME(integers)(5), NAME(integers)(6)};
    memcpy(gx, NAME(expect)(4), sizeof gx);
    memcpy(gw, NAME(expect)(5), sizeof gw);
    memcpy(dM, NAME(expect)(6), sizeof dM);
    static double unwanted[ELEMENTS];
    for (size_t r = 0; r < s.rows; r++) {
        for (size_t lane = 0; lane < s.tiles * T; lane++) {
            const double sum = NAME(lane_back)(&m, r, lane, wanted & 1 ? gx : unwanted);
            if (wanted & 2)
                gw[r * m.gw_row + lane] += sum;
        }
        for (size_t at = 0; at < n1 * n3 && wanted & 4; at++)
            dM[r / T * n1 * n3 * T + at * T + r % T] = NAME(matrix_back)(&m, r, at / n3, at % n3);
    }
    m.gx = wanted & 1 ? out[0] : NULL;
    m.gw = wanted & 2 ? out[1] : NULL;
    m.dM = wanted & 4 ? out[2] : NULL;
    k->mix_back(&m);
    NAME(same)(4, gx, "mix_back, gx");
    NAME(same)(5, gw, "mix_back, gw");
    NAME(same)(6, dM, "mix_back, dM");
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
        k->connect(rows, m1, mo, n3, rows % 2, t, tr, tt, W, w_row, z, zr, zt);
    NAME(same)(outer ? 1 : 2, want, outer ? "outer" : "connect");
}

static void NAME(check_connect_back)(const KERNELS *k, size_t m1, size_t mo, int n3, int weights)
{
    const size_t T = NAME(T), d = (size_t)n3, g_tile = (d + 1) * T, w_row = mo + 3;
    const REAL *t = NAME(integers)(0), *W = NAME(integers)(1), *g = NAME(integers)(2);
    REAL *gt = NAME(integers)(3), *gW = NAME(integers)(4);
    static double want[ELEMENTS];
    memcpy(want, NAME(expect)(4), sizeof want);
    double *wt = NAME(expect)(3);
    for (size_t u = 0; u < m1; u++)
        for (size_t c = 0; c < d; c++)
            for (size_t o = 0; o < mo; o++) {
                const size_t at = u / T * d * T + c * T + u % T;
                const double go = (double)g[o / T * g_tile + c * T + o % T];
                wt[at] += (double)W[u * w_row + o] * go;
                want[u * w_row + o] += weights ? (double)t[at] * go : 0;
            }
    k->connect_back(m1, mo, n3, t, W, w_row, g, g_tile, gt, weights ? gW : NULL);
    NAME(same)(3, wt, "connect_back, gt");
    NAME(same)(4, want, "connect_back, gW");
}

/* ---- all shapes; returns how many kernels ran ---- */

static void NAME(check_shapes)(const KERNELS *k)
{
    const size_t T = NAME(T), rows[] = {1, T - 1, T, T + 1};
    for (int n3 = 1; n3 <= 13; n3++)
        for (int i = 0; i < 4; i++) {
            const mix_shape s = {
                rows[i], (size_t)(n3 + i) % 3 + 1, 1 + n3 * (i + 1) % 7, n3, i % 2, n3 % 3 != 0};
            NAME(check_mix)(k, s);
            const mix_shape back = {s.rows, s.tiles, s.n1, s.n3, 0, s.weighted};
            NAME(check_mix_back)(k, back, (n3 + i) % 8);
        }
}

static size_t NAME(check_kernels)(const KERNELS *k)
{
    static const size_t channels[] = {1, 13, 33};
    for (size_t tiles = 1; tiles <= 9; tiles++)
        for (int i = 0; i < 2; i++) {
            NAME(check_table)(k, tiles, i);
            NAME(check_lines)(k, tiles, (int)tiles + 4 * i);
        }
    NAME(check_build)(k);
    NAME(check_shapes)(k);
    for (int i = 0; i < 9; i++)
        for (int n3 = 1; n3 <= 9; n3 += 2) {
            NAME(check_connect)
            (k, (size_t)(i + n3) % 5 + 1, channels[i % 3], channels[i / 3], n3, false);
            NAME(check_connect)
            (k, (size_t)(i + n3) % 4 + 1, channels[i % 3], channels[i / 3], n3, true);
            NAME(check_connect_back)(k, channels[i % 3], channels[i / 3], n3, i % 2);
        }
    return 11; /* those above */
}

#undef NAME
#undef NAME_
#undef NAME__
#undef REAL
#undef KERNELS
#undef MIX
