/* SPDX-License-Identifier: MIT */
/* Entry points of the grids for callers: checks arguments, calls down. */
#include "grid/s2grid.h"

#include <math.h>

#include "api/objects.h"
#include "core/checked.h"
#include "so3/lebedev.h"
#include "so3/quadrature.h"

static e3tp_status create(e3tp_s2grid **out, const e3tp_s2grid_desc *d, e3tp_message *why)
{
    if (!d)
        return e3tp_fail(why, E3TP_E_INVALID, "the description is NULL");
    E3TP_TRY(e3tp_s2grid_check(d, why));
    e3tp_tier tier;
    E3TP_TRY(e3tp_isa_choose(d->isa, &tier, why));
    return e3tp_s2grid_plan(out, d, tier, why);
}

e3tp_status e3tp_s2grid_create(e3tp_s2grid **out, const e3tp_s2grid_desc *d, char *msg, size_t cap)
{
    e3tp_message m = {""};
    if (out)
        *out = NULL;
    const e3tp_status s = out ? create(out, d, &m) : e3tp_fail(&m, E3TP_E_INVALID, "out is NULL");
    e3tp_message_copy(&m, msg, cap);
    return s;
}

void e3tp_s2grid_size(const e3tp_s2grid *g, int *n_theta, int *n_phi)
{
    *n_theta = g ? g->form.shape.n_theta : 0;
    *n_phi = g ? g->form.shape.n_phi : 0;
}

size_t e3tp_s2grid_width(const e3tp_s2grid *g)
{
    return g ? g->channels * g->components : 0;
}

size_t e3tp_s2grid_samples(const e3tp_s2grid *g)
{
    return g ? g->channels * (size_t)g->form.shape.n_theta * (size_t)g->form.shape.n_phi : 0;
}

const char *e3tp_s2grid_isa(const e3tp_s2grid *g)
{
    return g ? e3tp_tier_name(g->tier) : "";
}

/* Two per element of the matrices, and three additions per sample to unfold it. */
double e3tp_s2grid_flops(const e3tp_s2grid *g)
{
    return g ? (double)g->channels * 2 * g->of[0].fma + 3 * (double)e3tp_s2grid_samples(g) : 0;
}

size_t e3tp_s2grid_work_bytes(const e3tp_s2grid *g)
{
    return g ? (size_t)g->parallel.threads * e3tp_s2grid_scratch_bytes(g) : 0;
}

size_t e3tp_s2grid_describe(const e3tp_s2grid *g, char *buf, size_t cap)
{
    size_t used = 0;
    if (buf && cap)
        *buf = '\0';
    if (!g)
        return 0;
    const e3tp_grid_shape *s = &g->form.shape;
    const char *const rule = s->quadrature == E3TP_LEBEDEV          ? "Lebedev"
                             : s->quadrature == E3TP_GAUSS_LEGENDRE ? "Gauss-Legendre"
                                                                    : "equiangular";
    const char *const start = s->quadrature == E3TP_LEBEDEV ? ""
                              : s->from_zero                ? ", phi from 0"
                                                            : ", phi from half a step";
    e3tp_append(buf, buf ? cap : 0, &used,
                "%d x %d samples (%s%s), folded to %d x %d, %s transforms, lanes over "
                "%s, tier %s; %.0f flops for a row\n",
                s->n_theta, s->n_phi, rule, start, s->rings, s->points,
                g->form.separable ? "separable" : "dense",
                g->lanes == E3TP_LANES_ROWS ? "rows" : "channels", e3tp_tier_name(g->tier),
                e3tp_s2grid_flops(g));
    return used;
}

/* Checked, with scratch: the caller's or some of this call's own. */
static e3tp_status run(const e3tp_s2grid *g, e3tp_s2grid_map map, bool synthesis, size_t batch,
                       const void *in, void *out, void *work)
{
    if (!g || (uintptr_t)work % 64)
        return E3TP_E_INVALID;
    const size_t es = e3tp_dtype_size(g->dtype),
                 width[2] = {e3tp_s2grid_width(g) * es, e3tp_s2grid_samples(g) * es};
    size_t read, written;
    if (!e3tp_mul_size(width[!synthesis], batch, &read) ||
        !e3tp_mul_size(width[synthesis], batch, &written) || read > PTRDIFF_MAX ||
        written > PTRDIFF_MAX)
        return E3TP_E_INVALID;
    if ((read && !in) || (written && !out) || e3tp_overlap(in, read, out, written))
        return E3TP_E_INVALID;
    if (!written)
        return E3TP_OK;
    const size_t workers = e3tp_s2grid_workers(g, batch);
    void *own = work ? NULL : e3tp_alloc(&g->allocator, workers, e3tp_s2grid_scratch_bytes(g));
    if (!work && !own)
        return E3TP_E_NOMEM;
    e3tp_s2grid_run(g, map, synthesis, batch, in, out, work ? work : own, workers);
    e3tp_free(&g->allocator, own);
    return E3TP_OK;
}

e3tp_status e3tp_s2grid_to(const e3tp_s2grid *g, size_t batch, const void *x, void *f, void *work)
{
    return run(g, E3TP_S2GRID_TO, true, batch, x, f, work);
}

e3tp_status e3tp_s2grid_to_backward(const e3tp_s2grid *g, size_t batch, const void *gf, void *gx,
                                    void *work)
{
    return run(g, E3TP_S2GRID_TO, false, batch, gf, gx, work);
}

e3tp_status e3tp_s2grid_from(const e3tp_s2grid *g, size_t batch, const void *f, void *x, void *work)
{
    return run(g, E3TP_S2GRID_FROM, false, batch, f, x, work);
}

e3tp_status e3tp_s2grid_from_backward(const e3tp_s2grid *g, size_t batch, const void *gx, void *gf,
                                      void *work)
{
    return run(g, E3TP_S2GRID_FROM, true, batch, gx, gf, work);
}

static void write_ring(int n_phi, double offset, double x, double weight, double *xyz, double *q)
{
    const double pi = 3.14159265358979323846, s = sqrt((1 - x) * (1 + x));
    for (int j = 0; j < n_phi; j++) {
        const double phi = 2 * pi * (j + offset) / n_phi;
        if (xyz) {
            xyz[3 * j] = s * sin(phi);
            xyz[3 * j + 1] = x;
            xyz[3 * j + 2] = s * cos(phi);
        }
        if (q)
            q[j] = weight / (2 * n_phi);
    }
}

static e3tp_status write_points(int n, int n_phi, int half_offset, double *xyz, double *q)
{
    e3tp_so3_octant o;
    if (n_phi != 1 || (half_offset != 0 && half_offset != 1) || !e3tp_so3_lebedev_octant(n, &o))
        return E3TP_E_INVALID;
    e3tp_so3_octant_unfold(&o, xyz, q);
    return E3TP_OK;
}

e3tp_status e3tp_s2grid_nodes(e3tp_quadrature quadrature, int n_theta, int n_phi, int half_offset,
                              double *xyz, double *q)
{
    const bool fits =
        n_theta >= 1 && n_theta <= E3TP_S2GRID_MOST && n_phi >= 1 && n_phi <= E3TP_S2GRID_MOST;
    const bool gauss = quadrature == E3TP_GAUSS_LEGENDRE;
    if (quadrature == E3TP_LEBEDEV)
        return write_points(n_theta, n_phi, half_offset, xyz, q);
    if (!fits || (!gauss && quadrature != E3TP_EQUIANGULAR) ||
        (half_offset != 0 && half_offset != 1))
        return E3TP_E_INVALID;
    double *x = e3tp_alloc(NULL, 2 * (size_t)n_theta, sizeof *x), *w = x + n_theta;
    if (!x)
        return E3TP_E_NOMEM;
    (gauss ? e3tp_so3_gauss_legendre : e3tp_so3_equiangular)(n_theta, x, w);
    for (int i = 0; i < n_theta; i++) {
        const size_t at = (size_t)i * (size_t)n_phi;
        write_ring(n_phi, 0.5 * half_offset, x[i], w[i], xyz ? xyz + 3 * at : NULL,
                   q ? q + at : NULL);
    }
    e3tp_free(NULL, x);
    return E3TP_OK;
}
