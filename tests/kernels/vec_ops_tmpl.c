/* SPDX-License-Identifier: MIT */
/* One tier and real of vec_ops.h. */
#include "vec_ops.h"

#include "simd/transpose.h"

#define VEC_PASTE_(a, b) a##b
#define VEC_PASTE(a, b) VEC_PASTE_(a, b)

static void load(const real *p, real *out)
{
    v_storeu(out, v_load(p));
}

static void loadu(const real *p, real *out)
{
    v_storeu(out, v_loadu(p));
}

static void store(real *p, const real *in)
{
    v_store(p, v_loadu(in));
}

static void storeu(real *p, const real *in)
{
    v_storeu(p, v_loadu(in));
}

static void load_n(const real *p, int n, real *out)
{
    v_storeu(out, v_load_n(p, n));
}

static void store_n(real *p, const real *in, int n)
{
    v_store_n(p, v_loadu(in), n);
}

static void stream(real *p, const real *in)
{
    v_stream(p, v_loadu(in));
    v_stream_end();
}

static void root(const real *in, real *out)
{
    v_storeu(out, v_sqrt(v_loadu(in)));
}

static void set1(real a, real *out)
{
    v_storeu(out, v_set1(a));
}

static void zero(real *out)
{
    v_storeu(out, v_zero());
}

static void fma_(const real *a, const real *b, const real *c, real *out)
{
    v_storeu(out, v_fma(v_loadu(a), v_loadu(b), v_loadu(c)));
}

static void fnma(const real *a, const real *b, const real *c, real *out)
{
    v_storeu(out, v_fnma(v_loadu(a), v_loadu(b), v_loadu(c)));
}

static void arithmetic(const real *a, const real *b, real *sum, real *rest)
{
    const v_real x = v_loadu(a), y = v_loadu(b);
    v_storeu(sum, x + y);
    v_storeu(rest, x * y - x);
}

static void pin(const real *a, real *out)
{
    v_real x = v_loadu(a);
    V_PIN(x);
    v_storeu(out, x);
}

static real sum(const real *in)
{
    return v_sum(v_loadu(in));
}

/* Where mask is positive. */
static void select_(const real *mask, const real *a, const real *b, real *out)
{
    v_storeu(out, v_select((v_int)(v_loadu(mask) > v_zero()), v_loadu(a), v_loadu(b)));
}

static void permute(const real *a, const int *index, real *out)
{
    v_int i = {0};
    for (int k = 0; k < V_LANES; k++)
        i[k] = index[k];
    v_storeu(out, v_permute(v_loadu(a), i));
}

static void unzip(int d, const real *from, size_t n, real *to)
{
    if (d == 3)
        v_unzip(3, from, n, to, TILE_LANES);
    else if (d == 5)
        v_unzip(5, from, n, to, TILE_LANES);
    else
        v_unzip(7, from, n, to, TILE_LANES);
}

static void zip(int d, const real *from, real *to, size_t n)
{
    if (d == 3)
        v_zip(3, from, TILE_LANES, to, n, 0);
    else if (d == 5)
        v_zip(5, from, TILE_LANES, to, n, 0);
    else
        v_zip(7, from, TILE_LANES, to, n, 0);
}

extern const VEC_PASTE(vec_ops_, E3TP_REAL) E3TP_NAME(vec);
const VEC_PASTE(vec_ops_, E3TP_REAL) E3TP_NAME(vec) = {
    .bytes = V_BYTES,
    .lanes = V_LANES,
    .tile = TILE_LANES,
    .tile_vecs = TILE_VECS,
    .load = load,
    .loadu = loadu,
    .store = store,
    .storeu = storeu,
    .load_n = load_n,
    .store_n = store_n,
    .stream = stream,
    .root = root,
    .set1 = set1,
    .zero = zero,
    .fma = fma_,
    .fnma = fnma,
    .arithmetic = arithmetic,
    .pin = pin,
    .sum = sum,
    .select = select_,
    .permute = permute,
    .unzip = unzip,
    .zip = zip,
};
