/* SPDX-License-Identifier: MIT */
/* Grids for callers from outside: what the header forbids is refused with a sentence, nothing is
   legal, every allocation fails once, and neither threads nor the caller's scratch change a bit. */
#include <math.h>

#include "e3tp/grid.h"
#include "host.h"
#include "plan_checks.h"

static const int degrees[] = {0, 1, 2, 3, 4, 5, 6, 7};

static e3tp_s2grid_desc start(void)
{
    return e3tp_s2grid_desc_init(degrees, 4);
}

PLAN_CHECKS(s2grid, start)
#define REFUSED(field, value, word) REFUSED_BY(s2grid, start, field, value, word)

START_TEST(descriptions)
{
    static const int unsorted[] = {0, 2, 1, 3}, twice[] = {0, 1, 1, 3}, high[] = {0, 1, 2, 25},
                     negative[] = {-1, 0, 1, 2};
    const double bad[] = {1, 1, NAN, 1};
    REFUSED(size, 8, "size");
    REFUSED(l, NULL, "l:");
    REFUSED(l, unsorted, "l[2]");
    REFUSED(l, twice, "l[2]");
    REFUSED(l, high, "l[3]");
    REFUSED(l, negative, "l[0]");
    REFUSED(channels, SIZE_MAX / 8, "channels");
    REFUSED(n_theta, 5, "n_phi");
    REFUSED(n_theta, -1, "n_theta");
    REFUSED(n_phi, E3TP_S2GRID_MOST + 1, "n_theta");
    REFUSED(quadrature, (e3tp_quadrature)3, "quadrature");
    REFUSED(half_offset, 2, "half_offset");
    REFUSED(normalization, (e3tp_sh_norm)3, "normalization");
    REFUSED(lmax_in, -2, "lmax_in");
    REFUSED(factors, bad, "factors[2]");
    REFUSED(layout, (e3tp_layout)3, "layout");
    REFUSED(layout_samples, (e3tp_layout)3, "layout_samples");
    REFUSED(dtype, (e3tp_dtype)2, "dtype");
    REFUSED(isa, (e3tp_isa)77, "tier");
    REFUSED(threads, -1, "threads");
    REFUSED(oversample, 0.5, "oversample");
    REFUSED(oversample, NAN, "oversample");
    REFUSED(oversample, E3TP_OVERSAMPLE_MOST + 0.5, "oversample");
    e3tp_s2grid_desc d = start();
    d.n_theta = 4, d.n_phi = E3TP_S2GRID_MOST + 1;
    refuse(&d, E3TP_E_INVALID, "n_phi");
    d.n_phi = 7, d.oversample = 1.5;
    refuse(&d, E3TP_E_INVALID, "given grid");
    refuse_everywhere();
}
END_TEST

/* The smallest of degree 3, of Lebedev's of degree 6, times the factor. */
START_TEST(oversampled)
{
    static const struct {
        e3tp_quadrature quadrature;
        double factor;
        int n_theta, n_phi;
    } sizes[] = {{E3TP_GAUSS_LEGENDRE, 1, 4, 7}, {E3TP_GAUSS_LEGENDRE, 1.5, 6, 11},
                 {E3TP_EQUIANGULAR, 3, 21, 21},  {E3TP_LEBEDEV, 1, 26, 1},
                 {E3TP_LEBEDEV, 1.5, 38, 1},     {E3TP_LEBEDEV, 2, 74, 1}};
    e3tp_s2grid_desc d = start();
    d.quadrature = sizes[_i].quadrature;
    d.oversample = sizes[_i].factor;
    e3tp_s2grid *g = plan_of(&d);
    int n_theta, n_phi;
    e3tp_s2grid_size(g, &n_theta, &n_phi);
    ck_assert_int_eq(n_theta, sizes[_i].n_theta);
    ck_assert_int_eq(n_phi, sizes[_i].n_phi);
    e3tp_s2grid_destroy(g);
}
END_TEST

START_TEST(points)
{
    static const int high[] = {E3TP_LEBEDEV_DEGREE / 2 + 1};
    e3tp_s2grid_desc d = start();
    d.quadrature = E3TP_LEBEDEV;
    d.n_theta = 25, d.n_phi = 1;
    refuse(&d, E3TP_E_INVALID, "e3tp_lebedev_count");
    d.n_theta = 0;
    refuse(&d, E3TP_E_INVALID, "n_theta");
    d.n_theta = 26, d.n_phi = 2;
    refuse(&d, E3TP_E_INVALID, "n_phi");
    d.n_theta = 26, d.n_phi = 1, d.half_offset = 2;
    refuse(&d, E3TP_E_INVALID, "half_offset");
    d.l = high, d.n = 1, d.n_theta = d.n_phi = 0, d.half_offset = 0;
    refuse(&d, E3TP_E_INVALID, "degree");
    d = start();
    d.quadrature = E3TP_LEBEDEV;
    e3tp_s2grid *g;
    ck_assert_int_eq(e3tp_s2grid_create(&g, &d, NULL, 0), E3TP_OK);
    int n_theta, n_phi;
    char text[400];
    e3tp_s2grid_size(g, &n_theta, &n_phi);
    ck_assert(n_theta == 26 && n_phi == 1);
    e3tp_s2grid_describe(g, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "26 x 1 samples (Lebedev)"));
    e3tp_s2grid_destroy(g);
}
END_TEST

typedef e3tp_status map_fn(const e3tp_s2grid *g, size_t batch, const void *in, void *out,
                           void *work);
static map_fn *const maps[] = {e3tp_s2grid_to, e3tp_s2grid_to_backward, e3tp_s2grid_from,
                               e3tp_s2grid_from_backward};

static size_t read_by(const e3tp_s2grid *g, int map)
{
    return map % 3 ? e3tp_s2grid_samples(g) : e3tp_s2grid_width(g);
}

static size_t written_by(const e3tp_s2grid *g, int map)
{
    return map % 3 ? e3tp_s2grid_width(g) : e3tp_s2grid_samples(g);
}

START_TEST(calls)
{
    const e3tp_s2grid_desc d = start();
    e3tp_s2grid *g = plan_of(&d);
    static _Alignas(64) float m[400];
    ck_assert_int_eq((int)e3tp_s2grid_width(g), 16);
    ck_assert_int_eq((int)e3tp_s2grid_samples(g), 4 * 7);
    map_fn *map = maps[_i];
    float *in = m, *out = m + read_by(g, _i);
    ck_assert_int_eq(map(g, 1, in, out, NULL), E3TP_OK);
    ck_assert_int_eq(map(NULL, 1, in, out, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(map(g, 1, NULL, out, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(map(g, 1, in, NULL, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(map(g, 1, in, out - 1, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(map(g, 1, in, in, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(map(g, SIZE_MAX / 8, in, out, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(map(g, SIZE_MAX / 128, in, out, NULL), E3TP_E_INVALID);
    ck_assert_int_eq(map(g, 1, in, out, m + 1), E3TP_E_INVALID);
    ck_assert_int_eq(map(g, 0, NULL, NULL, NULL), E3TP_OK);
    e3tp_s2grid_destroy(g);
}
END_TEST

START_TEST(introspection)
{
    const e3tp_s2grid_desc d = start();
    e3tp_s2grid *g = plan_of(&d);
    int n_theta = 7, n_phi = 7;
    char text[400];
    e3tp_s2grid_size(g, &n_theta, &n_phi);
    ck_assert_int_eq(n_theta, 4);
    ck_assert_int_eq(n_phi, 7);
    ck_assert_double_gt(e3tp_s2grid_flops(g), 0);
    const size_t length = e3tp_s2grid_describe(g, NULL, 0);
    ck_assert_int_eq((int)e3tp_s2grid_describe(g, text, sizeof text), (int)length);
    ck_assert_int_eq((int)strlen(text), (int)length);
    ck_assert_ptr_nonnull(strstr(text, "4 x 7"));
    e3tp_s2grid_destroy(g);
    e3tp_s2grid_destroy(NULL);
    e3tp_s2grid_size(NULL, &n_theta, &n_phi);
    ck_assert(n_theta == 0 && n_phi == 0);
    ck_assert_int_eq((int)e3tp_s2grid_width(NULL), 0);
    ck_assert_int_eq((int)e3tp_s2grid_samples(NULL), 0);
    ck_assert_int_eq((int)e3tp_s2grid_work_bytes(NULL), 0);
    ck_assert_double_eq(e3tp_s2grid_flops(NULL), 0);
    ck_assert_int_eq((int)e3tp_s2grid_describe(NULL, text, sizeof text), 0);
    ck_assert_str_eq(text, "");
    ck_assert_str_eq(e3tp_s2grid_isa(NULL), "");
}
END_TEST

START_TEST(nothing)
{
    float in[1000] = {0}, out[1000];
    for (int i = 0; i < 2; i++) {
        e3tp_s2grid_desc d = start();
        d.n = i ? 0 : d.n;
        d.channels = i;
        e3tp_s2grid *g = plan_of(&d);
        ck_assert_int_eq((int)e3tp_s2grid_width(g), 0);
        for (int map = 0; map < 4; map++) {
            out[0] = 7;
            ck_assert_int_eq(maps[map](g, 2, in, out, NULL), E3TP_OK);
            /* The function of no coefficients is zero, on as many samples as there are. */
            ck_assert(out[0] == (written_by(g, map) ? 0 : 7));
        }
        e3tp_s2grid_destroy(g);
    }
}
END_TEST

START_TEST(nodes)
{
    double xyz[3 * 6], q[6];
    ck_assert_int_eq(e3tp_s2grid_nodes(E3TP_EQUIANGULAR, 2, 3, 0, xyz, q), E3TP_OK);
    ck_assert_double_eq_tol(xyz[2], sqrt(0.5), 1e-15); /* theta = 45 degrees, phi = 0: z */
    ck_assert_double_eq_tol(xyz[1], sqrt(0.5), 1e-15);
    ck_assert(xyz[0] == 0);
    ck_assert_double_gt(xyz[3], 0); /* and on towards x */
    ck_assert_double_eq_tol(q[0], 1. / 6, 1e-15);
    ck_assert_int_eq(e3tp_s2grid_nodes(E3TP_GAUSS_LEGENDRE, 2, 3, 1, NULL, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_s2grid_nodes(E3TP_GAUSS_LEGENDRE, 0, 3, 1, xyz, q), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_s2grid_nodes(E3TP_GAUSS_LEGENDRE, 2, 0, 1, xyz, q), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_s2grid_nodes(E3TP_GAUSS_LEGENDRE, E3TP_S2GRID_MOST + 1, 2, 1, xyz, q),
                     E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_s2grid_nodes(E3TP_GAUSS_LEGENDRE, 2, E3TP_S2GRID_MOST + 1, 1, xyz, q),
                     E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_s2grid_nodes((e3tp_quadrature)3, 2, 3, 1, xyz, q), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_s2grid_nodes(E3TP_LEBEDEV, 6, 1, 0, xyz, q), E3TP_OK);
    ck_assert_double_eq_tol(q[5], 1. / 6, 1e-15);
    ck_assert_int_eq(e3tp_s2grid_nodes(E3TP_LEBEDEV, 6, 1, 1, NULL, NULL), E3TP_OK);
    ck_assert_int_eq(e3tp_s2grid_nodes(E3TP_LEBEDEV, 5, 1, 0, xyz, q), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_s2grid_nodes(E3TP_LEBEDEV, 0, 1, 0, xyz, q), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_s2grid_nodes(E3TP_LEBEDEV, 6, 2, 0, xyz, q), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_s2grid_nodes(E3TP_LEBEDEV, 6, 1, 2, xyz, q), E3TP_E_INVALID);
    ck_assert_int_eq(e3tp_s2grid_nodes(E3TP_GAUSS_LEGENDRE, 2, 3, 2, xyz, q), E3TP_E_INVALID);
}
END_TEST

START_TEST(allocation)
{
    enum { MOST = 50 };
    meter m = {0, 0, 0};
    e3tp_s2grid_desc d = start();
    d.quadrature = _i ? E3TP_LEBEDEV : E3TP_GAUSS_LEGENDRE;
    d.alloc = metered_alloc, d.release = metered_free, d.alloc_ctx = &m;
    long needed = 0;
    for (; needed < MOST; needed++) {
        e3tp_s2grid *g;
        char text[400];
        m.left = needed;
        const e3tp_status s = e3tp_s2grid_create(&g, &d, text, sizeof text);
        if (s == E3TP_OK) {
            e3tp_s2grid_destroy(g);
            break;
        }
        ck_assert_int_eq(s, E3TP_E_NOMEM);
        ck_assert_ptr_nonnull(strstr(text, "memory"));
        ck_assert_int_eq(m.live, 0);
    }
    ck_assert_int_gt(needed, 3);
    ck_assert_int_lt(needed, MOST);
    m.left = needed;
    e3tp_s2grid *g = plan_of(&d);
    float x[16] = {1}, f[28];
    void *work = aligned_alloc(64, (e3tp_s2grid_work_bytes(g) + 63) / 64 * 64);
    ck_assert_int_eq(e3tp_s2grid_to(g, 1, x, f, NULL), E3TP_E_NOMEM);
    ck_assert_int_eq(e3tp_s2grid_to(g, 1, x, f, work), E3TP_OK);
    m.left = 1;
    ck_assert_int_eq(e3tp_s2grid_to(g, 1, x, f, NULL), E3TP_OK);
    free(work);
    e3tp_s2grid_destroy(g);
    ck_assert_int_eq(m.live, 0);
}
END_TEST

/* One thread; three; three of a host's, with the caller's scratch. */
START_TEST(same_bits_on_threads)
{
    enum { BATCH = 1901 };
    static const size_t channels[] = {1, 3, 16};
    const int map = _i % 4;
    size_t bodies = 0;
    float *in = NULL, *out[3];
    size_t n = 0;
    for (int k = 0; k < 3; k++) {
        e3tp_s2grid_desc d = e3tp_s2grid_desc_init(degrees, 8);
        d.channels = channels[_i / 4 % 3];
        d.layout = d.layout_samples = _i / 12 % 2 ? E3TP_BATCH_LAST : E3TP_MUL_IR;
        d.quadrature = _i / 24 ? E3TP_LEBEDEV : E3TP_GAUSS_LEGENDRE;
        d.threads = k == 0 ? 1 : 3;
        d.parallel_for = k == 2 ? backwards : NULL;
        d.parallel_ctx = &bodies;
        e3tp_s2grid *g = plan_of(&d);
        const size_t nin = BATCH * read_by(g, map);
        n = BATCH * written_by(g, map);
        if (k == 0)
            in = malloc(nin * sizeof *in);
        for (size_t i = 0; k == 0 && i < nin; i++)
            in[i] = (float)(i * 7919 % 1009) / 1009 - 0.5f;
        out[k] = malloc(n * sizeof(float));
        void *work = k == 2 ? aligned_alloc(64, e3tp_s2grid_work_bytes(g)) : NULL;
        ck_assert_int_eq(maps[map](g, BATCH, in, out[k], work), E3TP_OK);
        free(work);
        e3tp_s2grid_destroy(g);
    }
    ck_assert_int_eq((int)bodies, 3);
    for (int k = 2; k >= 0; k--) {
        ck_assert_int_eq(memcmp(out[k], out[0], n * sizeof(float)), 0);
        if (k)
            free(out[k]);
    }
    free(out[0]);
    free(in);
}
END_TEST

/* NaN stays in its signal and reaches all of it. */
START_TEST(nan_flows)
{
    enum { BATCH = 5, BAD = 2 };
    e3tp_s2grid_desc d = start();
    d.threads = 1;
    e3tp_s2grid *g = plan_of(&d);
    const size_t nin = read_by(g, _i), nout = written_by(g, _i);
    float *in = calloc(BATCH * nin, sizeof *in), *out = malloc(BATCH * nout * sizeof *out);
    in[BAD * nin + nin / 2] = NAN;
    ck_assert_int_eq(maps[_i](g, BATCH, in, out, NULL), E3TP_OK);
    for (size_t i = 0; i < BATCH * nout; i++)
        ck_assert(!isnan(out[i]) == (i / nout != BAD));
    free(in);
    free(out);
    e3tp_s2grid_destroy(g);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("s2grid");
    tcase_add_test(t, descriptions);
    tcase_add_loop_test(t, oversampled, 0, 6);
    tcase_add_test(t, points);
    tcase_add_loop_test(t, calls, 0, 4);
    tcase_add_test(t, introspection);
    tcase_add_test(t, nothing);
    tcase_add_test(t, nodes);
    tcase_add_loop_test(t, allocation, 0, 2);
    tcase_add_loop_test(t, same_bits_on_threads, 0, 48);
    tcase_add_loop_test(t, nan_flows, 0, 4);
    return run_tests(t, "grids for callers", CK_NOFORK); /* a forked child is serial by design */
}
