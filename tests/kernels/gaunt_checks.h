/* SPDX-License-Identifier: MIT */
/* Every kernel of src/gaunt against plain loops, for one real; included once for each with REAL and
   KERNELS defined. Complex points are read in the kernels' own order of lanes, which join of the
   lane numbers tells. */
#define NAME__(base, real) base##_##real
#define NAME_(base, real) NAME__(base, real)
#define NAME(base) NAME_(base, REAL)

typedef struct NAME(memory) {
    _Alignas(64) REAL lines[LINES * MAX_T], ring[LINES * MAX_T], back[LINES * MAX_T];
} NAME(memory);

static void NAME(fill)(NAME(memory) * m)
{
    for (size_t i = 0; i < LINES * MAX_T; i++)
        m->lines[i] = (REAL)draw(), m->ring[i] = (REAL)draw(), m->back[i] = (REAL)draw();
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
        m.lines[i] = (REAL)i;
    const e3tp_gaunt_order first = {0, 0, {{0, -1}, {-1, -1}}};
    k->join(1, &first, m.lines, m.ring);
    for (size_t i = 0; i < T; i++)
        lanes[i] = (size_t)m.ring[2 * i];
}

static double complex NAME(point)(const REAL *p, size_t at, size_t i)
{
    const size_t T = 64 / sizeof(REAL);
    return p[2 * (at * T + i)] + I * p[2 * (at * T + i) + 1];
}

/* Line of an order's coefficients, 0 where there is none. */
static double NAME(line)(const REAL *lines, int32_t line, size_t lane)
{
    return line < 0 ? 0 : lines[(size_t)line * (64 / sizeof(REAL)) + lane];
}

static void NAME(check_join)(const KERNELS *k, const size_t *lanes)
{
    static NAME(memory) m;
    NAME(fill)(&m);
    k->join(ORDERS, orders, m.lines, m.ring);
    for (size_t j = 0; j < ORDERS; j++)
        for (size_t i = 0; i < 64 / sizeof(REAL); i++) {
            double complex a[2];
            for (int s = 0; s < 2; s++) {
                const double even = NAME(line)(m.lines, orders[j].line[0][s], lanes[i]),
                             odd = NAME(line)(m.lines, orders[j].line[1][s], lanes[i]);
                a[s] = even + odd + I * (even - odd);
            }
            NAME(near)(cabs(NAME(point)(m.ring, orders[j].plus, i) - (a[0] - I * a[1])), 0);
            NAME(near)(cabs(NAME(point)(m.ring, orders[j].minus, i) - (a[0] + I * a[1])), 0);
        }
    kernels_run++;
}

/* Lines that no order names are left alone. */
static void NAME(check_split)(const KERNELS *k, const size_t *lanes)
{
    const size_t T = 64 / sizeof(REAL);
    static NAME(memory) m, before;
    NAME(fill)(&m);
    before = m;
    k->split(ORDERS, orders, m.ring, m.back);
    for (size_t j = 0; j < ORDERS; j++)
        for (size_t i = 0; i < T; i++) {
            const double complex p = NAME(point)(m.ring, orders[j].plus, i),
                                 q = NAME(point)(m.ring, orders[j].minus, i);
            const double complex a[2] = {p + q, I * (p - q)};
            for (int odd = 0; odd < 2; odd++)
                for (int s = 0; s < 2; s++) {
                    const int32_t line = orders[j].line[odd][s];
                    const double want = creal(a[s]) + (odd ? -1 : 1) * cimag(a[s]);
                    if (line >= 0)
                        NAME(near)(NAME(line)(m.back, line, lanes[i]), want);
                }
        }
    for (size_t i = 0; i < T; i++)
        ck_assert(m.back[NO_LINE * T + i] == before.back[NO_LINE * T + i]);
    kernels_run++;
}

static void NAME(check_lines)(const KERNELS *k)
{
    static const uint16_t zeros[3] = {0, 3, 5};
    const size_t T = 64 / sizeof(REAL), n = 5;
    static NAME(memory) m, before;
    NAME(fill)(&m);
    k->multiply(n, m.lines, m.ring, m.back, false);
    for (size_t i = 0; i < n * T; i++)
        NAME(near)(m.back[i], (double)m.lines[i] * m.ring[i]);
    k->multiply(n, m.lines, m.ring, m.back, true);
    for (size_t i = 0; i < n * T; i++)
        NAME(near)(m.back[i], 2 * (double)m.lines[i] * m.ring[i]);
    before = m;
    k->clear(3, zeros, m.ring);
    for (size_t i = 0; i < LINES * T; i++) {
        const size_t p = i / (2 * T);
        ck_assert(m.ring[i] == (p == 0 || p == 3 || p == 5 ? 0 : before.ring[i]));
    }
    kernels_run += 2;
}

static void NAME(check_all)(const KERNELS *k)
{
    size_t lanes[MAX_T];
    NAME(lane_order)(k, lanes);
    NAME(check_join)(k, lanes);
    NAME(check_split)(k, lanes);
    NAME(check_lines)(k);
}

#undef NAME
#undef NAME_
#undef NAME__
#undef REAL
#undef KERNELS
