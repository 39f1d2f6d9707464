/* SPDX-License-Identifier: MIT */
/* Every kernel of src/gaunt against plain loops, for one real; included once for each with REAL and
   KERNELS defined. Complex points are read in the kernels' own order of lanes, which to_points of
   the lane numbers tells. */
#define NAME__(base, real) base##_##real
#define NAME_(base, real) NAME__(base, real)
#define NAME(base) NAME_(base, REAL)

typedef struct NAME(memory) {
    _Alignas(64) REAL a[LINES * MAX_T], b[LINES * MAX_T], c[LINES * MAX_T], d[LINES * MAX_T];
} NAME(memory);

static void NAME(fill)(NAME(memory) * m)
{
    for (size_t i = 0; i < LINES * MAX_T; i++)
        m->a[i] = (REAL)draw(), m->b[i] = (REAL)draw(), m->c[i] = (REAL)draw(),
        m->d[i] = (REAL)draw();
}

static void NAME(near)(double got, double want)
{
    ck_assert_double_eq_tol(got, want, (sizeof(REAL) == 4 ? 4e-6 : 4e-15) * (1 + fabs(want)));
}

static void NAME(lane_order)(const KERNELS *k, size_t *lanes)
{
    const size_t T = 64 / sizeof(REAL);
    static NAME(memory) m;
    memset(&m, 0, sizeof m);
    for (size_t i = 0; i < T; i++)
        m.a[i] = (REAL)i;
    k->to_points(1, plus, minus, m.a, m.b);
    for (size_t i = 0; i < T; i++)
        lanes[i] = (size_t)m.b[2 * i];
    kernels_run++;
}

static double complex NAME(point)(const REAL *p, size_t at, size_t i)
{
    const size_t T = 64 / sizeof(REAL);
    return p[2 * (at * T + i)] + I * p[2 * (at * T + i) + 1];
}

static void NAME(check_points)(const KERNELS *k, const size_t *lanes)
{
    const size_t T = 64 / sizeof(REAL);
    static NAME(memory) m;
    NAME(fill)(&m);
    for (size_t i = 0; i < 2 * T; i++) /* odd m have nothing at u = 0 */
        m.a[2 * NU * T + i / T * NU * T + i % T] = 0;
    k->to_points(NU, plus, minus, m.a, m.b);
    for (size_t u = 0; u < NU; u++)
        for (size_t i = 0; i < T; i++) {
            const REAL *at = m.a + u * T + lanes[i];
            const double complex e = at[0] - I * at[NU * T],
                                 o = -at[3 * NU * T] - I * at[2 * NU * T];
            NAME(near)(cabs(NAME(point)(m.b, plus[u], i) - (e + o)), 0);
            NAME(near)(cabs(NAME(point)(m.b, minus[u], i) - (e - o)), 0);
        }
    k->to_lines(NU, plus, minus, m.b, m.c);
    for (size_t i = 0; i < 4 * NU * T; i++)
        NAME(near)(m.c[i], 2.0 * m.a[i]);
    kernels_run++;
}

static void NAME(check_rows)(const KERNELS *k, int odd)
{
    const size_t T = 64 / sizeof(REAL);
    static NAME(memory) m;
    NAME(fill)(&m);
    for (size_t i = 0; i < T; i++) /* m = 0 is REAL */
        for (size_t p = 0; p < POINTS; p++)
            m.a[2 * (p * T + i) + 1] = 0;
    k->to_rows(PAIRS, quad, places, odd, m.a, LENGTH, m.b);
    for (size_t s = 0; s < PAIRS; s++)
        for (size_t i = 0; i < T; i++) {
            const REAL *row = m.b + s * LENGTH * 2 * T;
            const double complex r = NAME(point)(m.a, quad[s].r, i),
                                 r2 = NAME(point)(m.a, quad[s].mirror_r, i),
                                 q = NAME(point)(m.a, quad[s].s, i),
                                 q2 = NAME(point)(m.a, quad[s].mirror_s, i);
            const double complex er = r + r2, eq = q + q2, fr = r - r2, fq = q - q2;
            NAME(near)(cabs(NAME(point)(row, 0, i) - (er + I * eq)), 0);
            if (!odd)
                continue;
            NAME(near)(cabs(NAME(point)(row, 2, i) - (fr + I * fq)), 0);
            NAME(near)(cabs(NAME(point)(row, 5, i) - (conj(fr) + I * conj(fq))), 0);
        }
    k->to_column(PAIRS, quad, places, odd, m.b, LENGTH, m.c);
    for (size_t s = 0; s < PAIRS; s++)
        for (size_t i = 0; i < T; i++) {
            const double complex a = NAME(point)(m.a, quad[s].s, i),
                                 b = NAME(point)(m.a, quad[s].mirror_s, i);
            const double complex want = odd ? 4 * a : 2 * (a + b);
            NAME(near)(cabs(NAME(point)(m.c, quad[s].s, i) - want), 0);
        }
    kernels_run += odd ? 2 : 0;
}

static void NAME(check_lines)(const KERNELS *k)
{
    const size_t T = 64 / sizeof(REAL), n = 5;
    static NAME(memory) m, w;
    NAME(fill)(&m);
    k->multiply(n, m.a, m.b, m.d);
    for (size_t i = 0; i < n * T; i++)
        NAME(near)(m.d[i], (double)m.a[i] * m.b[i]);
    w = m;
    k->products(n, m.a, m.b, m.c);
    for (size_t i = 0; i < n * T; i++) {
        NAME(near)(m.a[i], (double)w.c[i] * w.b[i]);
        NAME(near)(m.b[i], (double)w.c[i] * w.a[i]);
        NAME(near)(m.c[i], (double)w.a[i] * w.b[i]);
    }
    w = m;
    k->clear(3, plus, 2, LENGTH, m.a);
    for (size_t i = 0; i < LINES * T; i++) {
        const size_t p = i / (2 * T) % LENGTH;
        ck_assert(m.a[i] == (p == 0 || p == 3 || p == 5 ? 0 : w.a[i]));
    }
    kernels_run += 3;
}

static void NAME(check_all)(const KERNELS *k)
{
    size_t lanes[MAX_T];
    NAME(lane_order)(k, lanes);
    NAME(check_points)(k, lanes);
    NAME(check_rows)(k, 0);
    NAME(check_rows)(k, 1);
    NAME(check_lines)(k);
}

#undef NAME
#undef NAME_
#undef NAME__
#undef REAL
#undef KERNELS
