/* SPDX-License-Identifier: MIT */
/* Radial functions with lanes over distances, compiled once per tier and real. What depends on the
   distance alone is computed once per vector of distances, then function after function. */
#include <stdbool.h>

#include "radial/radial_kernels.h"
#include "simd/transpose.h"
#include "simd/vmath.h"

/* Functions whose vectors are transposed together into rows. */
enum { GROUP = V_BYTES / sizeof(real) };

#define PI 3.14159265358979323846

/* ROUNDER is 1.5 * 2^(bits of the mantissa), where numbers are 1 apart: h + ROUNDER is h rounded to
   an integer, for |h| <= PHASE_MAX, and its last bit is the integer's parity. */
#if defined(E3TP_REAL_F64)
#define ROUNDER 6755399441055744.0
#define PHASE_MAX 2251799813685248.0
#define EPS 2.220446049250313e-16
#define SIGN_SHIFT 63
#define TERMS 9
#else
#define ROUNDER 12582912.0f
#define PHASE_MAX 4194304.0f
#define EPS 1.1920929e-7f
#define SIGN_SHIFT 31
#define TERMS 6
#endif

/* A vector of distances. */
typedef struct point {
    v_real r;       /* negative ones as 0 */
    v_real turn;    /* r / r_max, not below a tiny number */
    v_real inverse; /* 1 / r, r not below that number times r_max */
    v_real cut[3];  /* u, du/dr, d^2 u/dr^2 */
    v_int inside;   /* where the result is not 0 by decree */
    v_int nan;      /* where r is NaN */
} point;

/* NaN flows through both. */
V_INLINE v_real at_most(v_real b, real top)
{
    return v_select((v_int)(b > v_set1(top)), v_set1(top), b);
}

V_INLINE v_real at_least(v_real b, real bottom)
{
    return v_select((v_int)(b < v_set1(bottom)), v_set1(bottom), b);
}

/* ---- cutoffs ---- */

static void cut_none(const e3tp_radial_map *m, v_real t, v_real *u)
{
    (void)m, (void)t;
    u[0] = v_set1(1);
    u[1] = u[2] = v_zero();
}

/* u = (1-t)^3 sum over j < p of (j+1)(j+2)/2 t^j, the series of (1-t)^-3 cut off, and
   du/dt = -p(p+1)(p+2)/2 t^(p-1) (1-t)^2: unlike the expanded form, nothing cancels near t = 1. */
static void cut_polynomial(const e3tp_radial_map *m, v_real t, v_real *u)
{
    const v_real rest = v_set1(1) - t;
    const double factor = 0.5 * m->p * (m->p + 1) * (m->p + 2) / m->r_max;
    v_real sum = v_set1((real)(m->p * (m->p + 1) / 2)), power = v_set1(1), below = v_zero();
    for (int j = m->p - 2; j >= 0; j--) {
        sum = v_fma(sum, t, v_set1((real)((j + 1) * (j + 2) / 2)));
        below = power;
        power *= t;
    }
    const v_real bend = v_set1((real)(m->p - 1)) * below * rest - v_set1(2) * power;
    u[0] = rest * rest * rest * sum;
    u[1] = v_set1((real)-factor) * power * rest * rest;
    u[2] = v_set1((real)(-factor / m->r_max)) * bend * rest;
}

/* As cos^2(pi t / 2), which does not cancel near t = 1. */
static void cut_cosine(const e3tp_radial_map *m, v_real t, v_real *u)
{
    const double rate = PI / m->r_max;
    const v_real a = t * v_set1((real)(PI / 2)), c = v_cos(a), s = v_sin(a);
    u[0] = c * c;
    u[1] = v_set1((real)-rate) * s * c;
    u[2] = v_set1((real)(rate * rate / 2)) * (s - c) * (s + c);
}

static void (*const cutoffs[])(const e3tp_radial_map *m, v_real t, v_real *u) = {
    [E3TP_CUTOFF_NONE] = cut_none,
    [E3TP_CUTOFF_POLYNOMIAL] = cut_polynomial,
    [E3TP_CUTOFF_COSINE] = cut_cosine,
};

static point point_of(const e3tp_radial_map *m, v_real r)
{
    /* Below r_max * small sin(x) / x is 1 to the last bit for every function. */
    const real small = EPS / (real)(m->num + 1), r_max = (real)m->r_max;
    const v_real t = at_least(r, 0) / v_set1(r_max);
    point p = {.r = at_least(r, 0),
               .turn = at_least(t, small),
               .inverse = v_set1(1) / at_least(r, small * r_max)};
    cutoffs[m->cutoff](m, t, p.cut);
    const v_int beyond = (v_int)(r >= v_set1(r_max));
    p.nan = (v_int)(r != r);
    p.inside = m->cutoff == E3TP_CUTOFF_NONE ? beyond | ~beyond : ~beyond;
    return p;
}

/* ---- bases ---- */

/* (cos x - sin x / x) / x^2 for 0 <= x < 1, where its terms cancel:
   -sum over i of (-1)^i (2i+2) / (2i+3)! x^(2i). */
V_INLINE v_real near_origin(v_real x)
{
    static const real c[9] = {R(-1.0) / 3,
                              R(1.0) / 30,
                              R(-1.0) / 840,
                              R(1.0) / 45360,
                              R(-1.0) / 3991680,
                              R(1.0) / 518918400,
                              R(-1.0) / R(93405312000.0),
                              R(1.0) / R(22230464256000.0),
                              R(-1.0) / R(6758061133824000.0)};
    const v_real square = x * x;
    v_real sum = v_set1(c[TERMS - 1]);
    V_UNROLL
    for (int i = TERMS - 2; i >= 0; i--)
        sum = v_fma(sum, square, v_set1(c[i]));
    return sum;
}

/* sin(pi h) and cos(pi h) are those of pi (h - k) but for the sign (-1)^k, k the nearest integer.
   The second derivative is -k^2 b - 2 b' / r. */
V_INLINE void bessel(const e3tp_radial_map *m, const point *p, size_t n, int order, v_real *b)
{
    const double number = (double)(n + 1), k = number * m->wave, most = m->scale * k;
    /* Beyond PHASE_MAX the type has no phase; there any is as good, divided by so large an r. */
    const v_real h = at_most(v_set1((real)number) * p->turn, PHASE_MAX),
                 rounded = h + v_set1(ROUNDER),
                 a = v_set1((real)PI) * (h - (rounded - v_set1(ROUNDER)));
    const v_int sign = (v_int)rounded << SIGN_SHIFT;
    b[0] = v_set1((real)m->scale) * (v_real)((v_int)v_sin(a) ^ sign) * p->inverse;
    if (order == 0)
        return;
    const v_real c = (v_real)((v_int)v_cos(a) ^ sign), x = v_set1((real)k) * p->r,
                 near = near_origin(x), far = (v_set1((real)most) * c - b[0]) * p->inverse;
    const v_int is_near = (v_int)(x < v_set1(1));
    b[1] = v_select(is_near, v_set1((real)(most * k)) * (near * x), far);
    if (order == 1)
        return;
    const v_real over_r = v_select(is_near, v_set1((real)(most * k * k)) * near, far * p->inverse);
    b[2] = v_set1((real)(-k * k)) * b[0] - v_set1(2) * over_r;
}

/* exp(-64^2) is 0 in both types, and 64 times 0 is 0 where infinity times 0 is not. */
V_INLINE void gaussian(const e3tp_radial_map *m, const point *p, size_t n, int order, v_real *b)
{
    (void)order;
    const double knot = m->first + (double)n * m->step, rate = m->per_step;
    const v_real d = at_most((p->r - v_set1((real)knot)) * v_set1((real)rate), 64);
    b[0] = v_set1((real)m->scale) * v_exp(-d * d);
    b[1] = v_set1((real)(-2 * rate)) * d * b[0];
    b[2] = v_set1((real)(2 * rate * rate)) * (v_fma(d + d, d, v_set1(-1)) * b[0]);
}

/* One NaN for all: which of two operands' NaN a product hands on is the compiler's choice. */
V_INLINE v_real keep(const point *p, v_real v)
{
    return (v_real)(((v_int)v & p->inside) | p->nan);
}

/* The first `count` lanes of the rows v[i], i < lanes, to rows `num` apart. `count` is a literal
   where it is often met. */
V_INLINE void store_rows(const int count, const v_real *v, int lanes, size_t num, real *out)
{
    for (int i = 0; i < lanes; i++)
        v_store_n(out + (size_t)i * num, v[i], count);
}

V_INLINE void write_rows(v_real *v, int count, int lanes, size_t num, real *out)
{
    for (int f = count; f < GROUP; f++)
        v[f] = v_zero();
    v_transpose(v);
    if (count == GROUP)
        store_rows(GROUP, v, lanes, num, out);
    else if (count == GROUP / 2)
        store_rows(GROUP / 2, v, lanes, num, out);
    else
        store_rows(count, v, lanes, num, out);
}

typedef void basis_fn(const e3tp_radial_map *m, const point *p, size_t n, int order, v_real *b);

/* Functions from..from+count-1 at one vector of distances, and their derivatives up to `order`;
   out[i], i <= order, may be NULL. `basis` and `order` are literals. */
V_INLINE void group(basis_fn *const basis, const e3tp_radial_map *m, const point *p, size_t from,
                    int count, int lanes, int order, real *const *out)
{
    const v_real *u = p->cut;
    v_real rows[3][GROUP];
    for (int f = 0; f < count; f++) {
        v_real b[3];
        basis(m, p, from + (size_t)f, order, b);
        rows[0][f] = keep(p, b[0] * u[0]);
        if (order > 0)
            rows[1][f] = keep(p, v_fma(b[0], u[1], b[1] * u[0]));
        if (order > 1)
            rows[2][f] = keep(p, v_fma(b[0], u[2], v_fma(b[1] + b[1], u[1], b[2] * u[0])));
    }
    for (int i = 0; i <= order; i++)
        if (out[i])
            write_rows(rows[i], count, lanes, m->num, out[i] + from);
}

#define GROUP_OF(basis, order)                                                                    \
    static void basis##_##order(const e3tp_radial_map *m, const point *p, size_t from, int count, \
                                int lanes, real *const *out)                                      \
    {                                                                                             \
        group(basis, m, p, from, count, lanes, order, out);                                       \
    }
#define GROUPS_OF(basis) GROUP_OF(basis, 0) GROUP_OF(basis, 1) GROUP_OF(basis, 2)

GROUPS_OF(bessel)
GROUPS_OF(gaussian)

static void (*const groups[][3])(const e3tp_radial_map *m, const point *p, size_t from, int count,
                                 int lanes, real *const *out) = {
    [E3TP_RADIAL_BESSEL] = {bessel_0, bessel_1, bessel_2},
    [E3TP_RADIAL_GAUSSIAN] = {gaussian_0, gaussian_1, gaussian_2},
};

static void eval(const e3tp_radial_map *m, size_t n, const void *r, void *values, void *slopes,
                 void *seconds)
{
    const size_t num = m->num;
    const int order = seconds ? 2 : slopes ? 1 : 0;
    real *out[3] = {values, slopes, seconds};
    for (size_t e = 0; e < n; e += (size_t)V_LANES) {
        const int lanes = n - e < (size_t)V_LANES ? (int)(n - e) : V_LANES;
        const point p = point_of(m, v_load_n((const real *)r + e, lanes));
        for (size_t f = 0; f < num; f += GROUP)
            groups[m->basis][order](m, &p, f, num - f < GROUP ? (int)(num - f) : GROUP, lanes, out);
        for (int i = 0; i <= order; i++)
            out[i] = out[i] ? out[i] + (size_t)lanes * num : NULL;
    }
}

const e3tp_radial_kernel E3TP_NAME(e3tp_radial_kernel) = {eval};
