/* SPDX-License-Identifier: MIT */
/* Radial functions with lanes over distances, compiled once per tier and real. What depends on the
   distance alone is computed once per vector of distances, then function after function. */
#include "radial/radial_cutoffs.h"
#include "simd/transpose.h"

/* Functions whose vectors are transposed together into rows. */
enum { GROUP = V_BYTES / sizeof(real) };

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

static v_int inside_of(const e3tp_radial_map *m, v_real r)
{
    const v_int beyond = (v_int)(r >= v_set1((real)m->r_max)), any = beyond | ~beyond;
    const v_int inside = m->bounded ? ~beyond : any;
    return m->sine ? inside & (v_int)(r >= v_set1((real)m->first)) : inside;
}

static point point_of(const e3tp_radial_map *m, v_real r)
{
    /* Below r_max * small sin(x) / x is 1 to the last bit for every function. */
    const real small = EPS / (real)(m->num + 1), r_max = (real)m->r_max;
    const v_real t = at_least(r, 0) / v_set1(r_max);
    point p = {.r = at_least(r, 0),
               .turn = at_least(t, small),
               .inverse = v_set1(1) / at_least(r, small * r_max)};
    cutoffs[m->cutoff](m, p.r, t, p.cut);
    p.nan = (v_int)(r != r);
    p.inside = inside_of(m, p.r);
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

/* sin(pi h) and cos(pi h) are those of *a = pi (h - k), k the nearest integer, but for the sign
   (-1)^k, which is returned as a bit. Beyond PHASE_MAX the type has no phase, and any is as good.
 */
V_INLINE v_int phase(v_real h, v_real *a)
{
    const v_real rounded = h + v_set1(ROUNDER);
    *a = v_set1((real)PI) * (h - (rounded - v_set1(ROUNDER)));
    return (v_int)rounded << SIGN_SHIFT;
}

V_INLINE v_real signed_by(v_int sign, v_real v)
{
    return (v_real)((v_int)v ^ sign);
}

/* The second derivative is -k^2 b - 2 b' / r. */
V_INLINE void bessel(const e3tp_radial_map *m, const point *p, size_t n, int order, v_real *b)
{
    const double number = (double)(n + 1), k = number * m->wave, most = m->scale * k;
    v_real a;
    const v_int sign = phase(at_most(v_set1((real)number) * p->turn, PHASE_MAX), &a);
    b[0] = v_set1((real)m->scale) * signed_by(sign, v_sin(a)) * p->inverse;
    if (order == 0)
        return;
    const v_real c = signed_by(sign, v_cos(a)), x = v_set1((real)k) * p->r, near = near_origin(x),
                 far = (v_set1((real)most) * c - b[0]) * p->inverse;
    const v_int is_near = (v_int)(x < v_set1(1));
    b[1] = v_select(is_near, v_set1((real)(most * k)) * (near * x), far);
    if (order == 1)
        return;
    const v_real over_r = v_select(is_near, v_set1((real)(most * k * k)) * near, far * p->inverse);
    b[2] = v_set1((real)(-k * k)) * b[0] - v_set1(2) * over_r;
}

V_INLINE void fourier(const e3tp_radial_map *m, const point *p, size_t n, int order, v_real *b)
{
    const double number = (double)n + m->sine, k = number * m->wave;
    const v_real from = (p->r - v_set1((real)m->first)) * v_set1((real)m->per_step),
                 x = at_most(from, PHASE_MAX), /* 0 times infinity is NaN */
        h = at_least(at_most(v_set1((real)number) * x, PHASE_MAX), -PHASE_MAX);
    v_real a, s = v_zero(), c = v_zero();
    const v_int sign = phase(h, &a);
    if (order > 0 || m->sine)
        s = v_set1((real)m->scale) * signed_by(sign, v_sin(a));
    if (order > 0 || !m->sine)
        c = v_set1((real)m->scale) * signed_by(sign, v_cos(a));
    b[0] = m->sine ? s : c;
    b[1] = v_set1((real)k) * (m->sine ? c : -s);
    b[2] = v_set1((real)(-k * k)) * b[0];
}

/* (r - knot n) / step, at most `most`. */
V_INLINE v_real from_knot(const e3tp_radial_map *m, const point *p, size_t n, real most)
{
    const double knot = m->first + (double)n * m->step;
    return at_most((p->r - v_set1((real)knot)) * v_set1((real)m->per_step), most);
}

/* exp(-64^2) is 0 in both types, and 64 times 0 is 0 where infinity times 0 is not. */
V_INLINE void gaussian(const e3tp_radial_map *m, const point *p, size_t n, int order, v_real *b)
{
    (void)order;
    const double rate = m->per_step;
    const v_real d = from_knot(m, p, n, 64);
    b[0] = v_set1((real)m->scale) * v_exp(-d * d);
    b[1] = v_set1((real)(-2 * rate)) * d * b[0];
    b[2] = v_set1((real)(2 * rate * rate)) * (v_fma(d + d, d, v_set1(-1)) * b[0]);
}

/* 2 - 1 / (1 + d) - 1 / (1 - d) = -2 d^2 / (1 - d^2). */
V_INLINE void smooth_finite(const e3tp_radial_map *m, const point *p, size_t n, int order,
                            v_real *b)
{
    (void)order;
    const v_real d = at_least(from_knot(m, p, n, 1), -1), one = v_set1(1);
    bump(2, d, (one - d) * (one + d), m->per_step, b);
    for (int i = 0; i < 3; i++)
        b[i] *= v_set1((real)m->scale);
}

V_INLINE void cosine(const e3tp_radial_map *m, const point *p, size_t n, int order, v_real *b)
{
    const double rate = PI / 2 * m->per_step;
    const v_real d = from_knot(m, p, n, 1), a = v_set1((real)(PI / 2)) * at_least(d, -1);
    const v_int inside = (v_int)(d >= v_set1(-1)) & (v_int)(d < v_set1(1));
    b[0] = (v_real)((v_int)v_cos(a) & inside);
    if (order > 0)
        b[1] = (v_real)((v_int)(v_set1((real)-rate) * v_sin(a)) & inside);
    b[2] = v_set1((real)(-rate * rate)) * b[0];
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
GROUPS_OF(smooth_finite)
GROUPS_OF(cosine)
GROUPS_OF(fourier)

static void (*const groups[][3])(const e3tp_radial_map *m, const point *p, size_t from, int count,
                                 int lanes, real *const *out) = {
    [E3TP_RADIAL_BESSEL] = {bessel_0, bessel_1, bessel_2},
    [E3TP_RADIAL_GAUSSIAN] = {gaussian_0, gaussian_1, gaussian_2},
    [E3TP_RADIAL_SMOOTH_FINITE] = {smooth_finite_0, smooth_finite_1, smooth_finite_2},
    [E3TP_RADIAL_COSINE] = {cosine_0, cosine_1, cosine_2},
    [E3TP_RADIAL_FOURIER] = {fourier_0, fourier_1, fourier_2},
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
