/* SPDX-License-Identifier: MIT */
#include "gaunt/gaunt_plan.h"

#include <string.h>

#include "gaunt/gaunt_coeff.h"

/* ---- the torus
 * ------------------------------------------------------------------------------------- */

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static int pairs_of(int n_theta)
{
    return (n_theta / 2 + 2) / 2;
}

/* A product has |u| <= L1+L2, all of which the integral with sin(theta) needs, and |m| <= L1+L2, of
   which L3 are needed: aliases must fall beyond. */
e3tp_gaunt_torus e3tp_gaunt_torus_of(const e3tp_problem *p)
{
    e3tp_gaunt_torus t = {.seconds = 1e30};
    for (size_t i = 0; i < p->npaths; i++) {
        const uint32_t at[3] = {p->paths[i].in1, p->paths[i].in2, p->paths[i].out};
        for (int k = 0; k < 3; k++)
            t.degree[k] = larger(t.degree[k], p->blocks[k][at[k]].l);
    }
    const int band = t.degree[0] + t.degree[1];
    int columns = 0;
    for (int k = 0; k < 3; k++) {
        t.u_top[k] = k < 2 ? t.degree[k] : band;
        t.m_top[k] = t.degree[k];
        columns += t.m_top[k] / 2 + 1;
    }
    double line[E3TP_FFT_MAX + 1];
    for (int n = 0; n <= E3TP_FFT_MAX; n++)
        line[n] = e3tp_fft_cost(n);
    for (int n = 2 * band + 1; n <= E3TP_FFT_MAX; n++)
        for (int m = band + t.degree[2] + 1; m <= E3TP_FFT_MAX; m++) {
            const double cost = columns * line[n] + 3 * pairs_of(n) * line[m];
            if (line[n] > 0 && line[m] > 0 && 8e-9 * cost < t.seconds) {
                t.n_theta = n, t.n_phi = m, t.pairs = pairs_of(n);
                t.seconds = 8e-9 * cost;
            }
        }
    return t;
}

static e3tp_status make_quads(e3tp_gaunt_plan *g, const e3tp_allocator *a)
{
    const int n = g->torus.n_theta, last = n / 2;
    g->quad = e3tp_alloc(a, (size_t)g->torus.pairs, sizeof *g->quad);
    if (!g->quad)
        return E3TP_E_NOMEM;
    for (int i = 0; i < g->torus.pairs; i++) {
        const int r = 2 * i, s = r < last ? r + 1 : r;
        g->quad[i] =
            (e3tp_gaunt_quad){(uint16_t)e3tp_fft_sample(n, r), (uint16_t)e3tp_fft_sample(n, -r),
                              (uint16_t)e3tp_fft_sample(n, s), (uint16_t)e3tp_fft_sample(n, -s)};
    }
    return E3TP_OK;
}

/* ---- the sides
 * ------------------------------------------------------------------------------------- */

/* Points of 0..n-1 that are not at place(n, +-0), ..., place(n, +-top). */
static size_t list_zeros(int n, int top, uint16_t *out)
{
    bool used[E3TP_FFT_MAX] = {false};
    size_t count = 0;
    for (int k = -top; k <= top; k++)
        used[e3tp_fft_frequency(n, k)] = true;
    for (int i = 0; i < n; i++)
        if (!used[i])
            out[count++] = (uint16_t)i;
    return count;
}

static e3tp_status make_side(e3tp_gaunt_plan *g, int k, const e3tp_allocator *a)
{
    e3tp_gaunt_side *s = &g->side[k];
    const e3tp_gaunt_torus *t = &g->torus;
    s->nu = (size_t)t->u_top[k] + 1;
    s->columns = (size_t)t->m_top[k] / 2 + 1;
    s->odd_top = t->m_top[k] % 2;
    s->synthesis = e3tp_zalloc(a, s->columns * E3TP_GAUNT_MIXES, sizeof *s->synthesis);
    s->analysis = e3tp_zalloc(a, s->columns * E3TP_GAUNT_MIXES, sizeof *s->analysis);
    s->places = e3tp_alloc(a, s->columns, sizeof *s->places);
    s->plus = e3tp_alloc(a, s->nu, sizeof *s->plus);
    s->minus = e3tp_alloc(a, s->nu, sizeof *s->minus);
    s->column_zeros = e3tp_alloc(a, E3TP_FFT_MAX, sizeof *s->column_zeros);
    s->row_zeros = e3tp_alloc(a, E3TP_FFT_MAX, sizeof *s->row_zeros);
    if (!s->synthesis || !s->analysis || !s->places || !s->plus || !s->minus || !s->column_zeros ||
        !s->row_zeros)
        return E3TP_E_NOMEM;
    for (int u = 0; u <= t->u_top[k]; u++) {
        s->plus[u] = (uint16_t)e3tp_fft_frequency(t->n_theta, u);
        s->minus[u] = (uint16_t)e3tp_fft_frequency(t->n_theta, -u);
    }
    for (int c = 0; c < (int)s->columns; c++)
        s->places[c] = (e3tp_gaunt_places){(uint16_t)e3tp_fft_frequency(t->n_phi, 2 * c),
                                           (uint16_t)e3tp_fft_frequency(t->n_phi, -2 * c),
                                           (uint16_t)e3tp_fft_frequency(t->n_phi, 2 * c + 1),
                                           (uint16_t)e3tp_fft_frequency(t->n_phi, -2 * c - 1)};
    s->ncolumn_zeros = list_zeros(t->n_theta, t->u_top[k], s->column_zeros);
    s->nrow_zeros = list_zeros(t->n_phi, t->m_top[k], s->row_zeros);
    return E3TP_OK;
}

static void destroy_side(e3tp_gaunt_side *s, const e3tp_allocator *a)
{
    void *const all[] = {s->synthesis, s->analysis,     s->places,   s->plus,
                         s->minus,     s->column_zeros, s->row_zeros};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        e3tp_free(a, all[i]);
}

/* ---- the conversions
 * ------------------------------------------------------------------------------- */

typedef struct builder {
    e3tp_gaunt_plan *plan;
    e3tp_gaunt_coeff coeff;
} builder;

/* Which conversion: operand, m, sine (the component -m), parity of the degrees. */
typedef struct which {
    int k, m, sine, parity;
    bool synthesis;
} which;

static e3tp_mix_list degrees_of(const e3tp_gaunt_plan *g, const which *w)
{
    e3tp_mix_list list = {.n = 0};
    const e3tp_problem *p = g->problem;
    size_t first = 0;
    for (size_t i = 0; i < p->nblocks[w->k]; i++) {
        const int l = p->blocks[w->k][i].l;
        if (l >= w->m && l <= g->torus.degree[w->k] && l % 2 == w->parity && !(w->sine && !w->m))
            e3tp_mix_line(&list, first + (size_t)(w->sine ? l - w->m : l + w->m), l);
        first += 2 * (size_t)l + 1;
    }
    return list;
}

static e3tp_mix_list frequencies_of(const e3tp_gaunt_plan *g, const which *w)
{
    e3tp_mix_list list = {.n = 0};
    const size_t nu = g->side[w->k].nu;
    for (int u = w->parity; u < (int)nu; u += 2)
        e3tp_mix_line(&list, (size_t)(w->m % 2 * 2 + w->sine) * nu + (size_t)u, u);
    return list;
}

/* Synthesis gives a function 4 cos(u t) (2 at u = 0) times 2 cos(m phi) (1 at m = 0) for a line of
   ones, analysis gives 4 times the sum over all samples. A coefficient of the product is its sum
   times 2 (1 at 0), in u and in m, over the number of samples; its integral over phi takes the 2 of
   m to 2 pi. */
static double entry(const builder *b, const which *w, int l, int u)
{
    const e3tp_gaunt_torus *t = &b->plan->torus;
    const size_t at = e3tp_gaunt_coeff_at(&b->coeff, l, w->m, u);
    const double two_u = u ? 2 : 1, two_m = w->m ? 2 : 1, two_pi = 6.283185307179586476925;
    const double value =
        w->k < 2 ? b->coeff.series[at]
                 : b->coeff.integral[at] * two_u * two_pi / ((double)t->n_theta * (double)t->n_phi);
    return w->synthesis ? value / (2 * two_u * two_m) : value / 4;
}

/* What an e3tp_mix_value needs. */
typedef struct conversion {
    const builder *b;
    const which *w;
} conversion;

static double value(const void *ctx, int in, int out)
{
    const conversion *c = ctx;
    return c->w->synthesis ? entry(c->b, c->w, in, out) : entry(c->b, c->w, out, in);
}

static e3tp_mix make_mix(builder *b, const which *w)
{
    const e3tp_mix_list degrees = degrees_of(b->plan, w), frequencies = frequencies_of(b->plan, w);
    const conversion ctx = {b, w};
    return w->synthesis ? e3tp_mix_add(&b->plan->pool, &degrees, &frequencies, value, &ctx)
                        : e3tp_mix_add(&b->plan->pool, &frequencies, &degrees, value, &ctx);
}

static void make_mixes(builder *b)
{
    for (int k = 0; k < 3; k++) {
        e3tp_gaunt_side *s = &b->plan->side[k];
        b->plan->nonzeros[k] = 0;
        for (size_t i = 0; i < s->columns * E3TP_GAUNT_MIXES; i++) {
            const int c = (int)(i / E3TP_GAUNT_MIXES), j = (int)(i % E3TP_GAUNT_MIXES);
            which w = {k, 2 * c + j / 4, j / 2 % 2, j % 2, true};
            s->synthesis[i] = make_mix(b, &w);
            w.synthesis = false;
            s->analysis[i] = make_mix(b, &w);
            b->plan->nonzeros[k] += (double)(s->analysis[i].nin * s->analysis[i].nout);
        }
    }
}

static e3tp_status make_conversions(e3tp_gaunt_plan *g, const e3tp_allocator *a)
{
    builder b = {.plan = g};
    const e3tp_gaunt_torus *t = &g->torus;
    make_mixes(&b);
    E3TP_TRY(e3tp_mix_pool_create(&g->pool, a));
    const int lmax = larger(larger(t->degree[0], t->degree[1]), t->degree[2]);
    if (!e3tp_gaunt_coeff_create(&b.coeff, lmax, larger(lmax, t->u_top[2]), a))
        return E3TP_E_NOMEM;
    make_mixes(&b);
    e3tp_gaunt_coeff_destroy(&b.coeff, a);
    return E3TP_OK;
}

/* ---- the plan
 * ------------------------------------------------------------------------------------- */

static e3tp_status make_transforms(e3tp_gaunt_plan *g, e3tp_tier tier, const e3tp_allocator *a,
                                   e3tp_message *why)
{
    const e3tp_gaunt_torus *t = &g->torus;
    /* A call per row pays once rows fill half of a first-level cache together. */
    const size_t together = (size_t)(t->pairs * t->n_phi) * E3TP_FFT_POINT_BYTES;
    g->rows_at_once = together <= 16384 ? (size_t)t->pairs : 1;
    for (int i = 0; i < 2; i++) {
        e3tp_fft_spec s = {.n = t->n_theta,
                           .lines = 1,
                           .sign = i ? -1 : 1,
                           .dtype = g->problem->dtype,
                           .tier = tier,
                           .lock = g->problem->planner_lock};
        E3TP_TRY(e3tp_fft_create(&g->column[i], &s, a, why));
        s.n = t->n_phi, s.lines = (int)g->rows_at_once;
        E3TP_TRY(e3tp_fft_create(&g->row[i], &s, a, why));
    }
    return E3TP_OK;
}

static e3tp_status fill(e3tp_gaunt_plan *g, e3tp_tier tier, const e3tp_allocator *a,
                        e3tp_message *why)
{
    e3tp_status status = make_quads(g, a);
    for (int k = 0; k < 3 && status == E3TP_OK; k++)
        status = make_side(g, k, a);
    if (status == E3TP_OK)
        status = make_conversions(g, a);
    if (status != E3TP_OK)
        return e3tp_fail(why, status, "gaunt: no memory for the tables");
    return make_transforms(g, tier, a, why);
}

static void lay_out(e3tp_gaunt_plan *g)
{
    const size_t T = e3tp_tile_lanes(g->problem),
                 rows = 2 * (size_t)(g->torus.pairs * g->torus.n_phi) * T;
    g->spectrum = e3tp_take(&g->tiles.scratch, T, 4 * g->side[2].nu * T, false);
    g->column_at = e3tp_take(&g->tiles.scratch, T, 2 * (size_t)g->torus.n_theta * T, false);
    for (int k = 0; k < 3; k++)
        g->rows_at[k] = e3tp_take(&g->tiles.scratch, T, rows, false);
    g->row_bytes = rows * e3tp_dtype_size(g->problem->dtype);
}

e3tp_status e3tp_gaunt_plan_create(e3tp_gaunt_plan **out, const e3tp_problem *p, e3tp_tier tier,
                                   const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_gaunt_plan *g = e3tp_zalloc(a, 1, sizeof *g);
    if (!g)
        return e3tp_fail(why, E3TP_E_NOMEM, "gaunt: no memory for the plan");
    g->problem = p;
    g->pool.dtype = p->dtype;
    g->torus = e3tp_gaunt_torus_of(p);
    e3tp_signal_tiles_set(&g->tiles, p, g);
    const e3tp_status status = fill(g, tier, a, why);
    if (status != E3TP_OK) {
        e3tp_gaunt_plan_destroy(g, a);
        return status;
    }
    lay_out(g);
    *out = g;
    return E3TP_OK;
}

void e3tp_gaunt_plan_destroy(e3tp_gaunt_plan *g, const e3tp_allocator *a)
{
    if (!g)
        return;
    for (int i = 0; i < 2; i++) {
        e3tp_fft_destroy(g->column[i], a);
        e3tp_fft_destroy(g->row[i], a);
    }
    for (int k = 0; k < 3; k++)
        destroy_side(&g->side[k], a);
    e3tp_free(a, g->quad);
    e3tp_mix_pool_destroy(&g->pool, a);
    e3tp_free(a, g);
}
