/* SPDX-License-Identifier: MIT */
/* Every kernel of src/cg/cg_folded.h against its definition, for one real; included once for each
   with REAL, KERNELS and COMPONENT defined. All numbers are small integers, so that sums are exact
   in any order, and whatever a kernel is not to touch is compared too. */
#define NAME__(base, real) base##_##real
#define NAME_(base, real) NAME__(base, real)
#define NAME(base) NAME_(base, REAL)

static _Alignas(64) REAL NAME(memory)[ARRAYS][ELEMENTS];

static void NAME(fill)(void)
{
    for (size_t a = 0; a < ARRAYS; a++)
        for (size_t i = 0; i < ELEMENTS; i++)
            NAME(memory)[a][i] = (REAL)small_integer(i + 977 * a);
}

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

/* n components of so many tiles, an element between components; even: tiles of all equally far
   apart. */
static void NAME(components)(size_t which, size_t n, size_t tiles, bool even, COMPONENT *to)
{
    const size_t T = 64 / sizeof(REAL);
    for (size_t i = 0; i < n; i++) {
        const size_t tile = T + (even ? 0 : i % 2 * T);
        to[i] = (COMPONENT){NAME(memory)[which] + i * (2 * T * tiles + 1),
                            n * (2 * T * tiles + 1) + i % 2, tile};
    }
}

static size_t NAME(at)(size_t which, const COMPONENT *c, size_t row, size_t lane)
{
    const size_t T = 64 / sizeof(REAL);
    return (size_t)(c->v - NAME(memory)[which]) + row * c->row + lane / T * c->tile + lane % T;
}

static void NAME(check_product)(const KERNELS *k, folded_shape s)
{
    COMPONENT x[MOST_COMPONENTS], z[MOST_COMPONENTS];
    const REAL *room[MOST_COMPONENTS];
    NAME(fill)();
    NAME(components)(0, s.n, s.tiles, s.even, x);
    NAME(components)(1, s.N, s.tiles, s.even, z);
    const REAL *M = NAME(memory)[2];
    double *want = NAME(expect)(1);
    for (size_t r = 0; r < s.rows; r++)
        for (size_t c = 0; c < s.N; c++)
            for (size_t lane = 0; lane < s.lanes; lane++) {
                double *to = &want[NAME(at)(1, &z[c], r, lane)];
                *to = s.fresh ? 0 : *to;
                for (size_t i = 0; i < s.n; i++)
                    *to += (double)M[(r * s.n + i) * s.N + c] *
                           (double)NAME(memory)[0][NAME(at)(0, &x[i], row_of(s, r), lane)];
            }
    k->product(s.rows, s.lanes, x, s.n, s.gathered ? rows_gathered : NULL, z, s.N, M, s.fresh,
               room);
    NAME(same)(1, want, "product");
}

static void NAME(check_overlaps)(const KERNELS *k, folded_shape s)
{
    const size_t T = 64 / sizeof(REAL);
    COMPONENT x[MOST_COMPONENTS], g[MOST_COMPONENTS];
    NAME(fill)();
    NAME(components)(0, s.n, s.tiles, s.even, x);
    NAME(components)(1, s.N, s.tiles, s.even, g);
    double *want = NAME(expect)(2);
    for (size_t r = 0; r < s.rows; r++)
        for (size_t i = 0; i < s.n; i++)
            for (size_t c = 0; c < s.N; c++) {
                double sum = 0;
                for (size_t lane = 0; lane < s.tiles * T; lane++)
                    sum += (double)NAME(memory)[0][NAME(at)(0, &x[i], row_of(s, r), lane)] *
                           (double)NAME(memory)[1][NAME(at)(1, &g[c], r, lane)];
                want[(r * s.n + i) * s.N + c] = sum;
            }
    k->overlaps(s.rows, s.tiles, x, s.n, s.gathered ? rows_gathered : NULL, g, s.N,
                NAME(memory)[2]);
    for (size_t i = 0, end = s.rows * s.n * s.N; i + 1 < T; i++) /* whole vectors are written */
        want[end + i] = (double)NAME(memory)[2][end + i];
    NAME(same)(2, want, "overlaps");
}

/* Returns how many kernels ran. */
static size_t NAME(check_kernels)(const KERNELS *k)
{
    const size_t T = 64 / sizeof(REAL);
    for (size_t N = 1; N <= 21; N++)
        for (unsigned i = 0; i < 8; i++) {
            const folded_shape s = {.rows = 1 + (N + i) % 4,
                                    .tiles = 1 + (N * 3 + i) % 5,
                                    .lanes =
                                        (1 + (N * 3 + i) % 5) * T - (i % 3 == 1) * ((N + i) % T),
                                    .n = (N + 3 * i) % 11,
                                    .N = N,
                                    .even = i & 1,
                                    .gathered = i & 2,
                                    .fresh = i & 4};
            NAME(check_product)(k, s);
            folded_shape some = s;
            some.n += !some.n;
            NAME(check_overlaps)(k, some);
        }
    return 2; /* those above */
}

#undef NAME
#undef NAME_
#undef NAME__
#undef REAL
#undef KERNELS
#undef COMPONENT
