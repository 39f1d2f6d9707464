/* SPDX-License-Identifier: MIT */
#include "gaunt/gaunt_plan.h"

#include <string.h>

/* ---- the torus
 * ------------------------------------------------------------------------------------- */

E3TP_RUNNERS(e3tp_signal_runner, e3tp_gaunt_runner, runners);

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* The length of least cost from n on that FFTW serves; 0: none. */
static int fft_length(int least)
{
    int best = 0;
    for (int n = least; n <= E3TP_FFT_MAX; n++)
        if (e3tp_fft_cost(n) > 0 && (!best || e3tp_fft_cost(n) < e3tp_fft_cost(best)))
            best = n;
    return best;
}

/* A product has |u| <= L1+L2, all of which the integral with sin(theta) needs, and |m| <= L1+L2, of
   which L3 are needed: aliases must fall beyond. */
bool e3tp_gaunt_torus_of(e3tp_gaunt_torus *t, const e3tp_problem *p, bool fftw)
{
    *t = (e3tp_gaunt_torus){.fftw = fftw};
    for (size_t i = 0; i < p->npaths; i++) {
        const uint32_t at[3] = {p->paths[i].in1, p->paths[i].in2, p->paths[i].out};
        for (int k = 0; k < 3; k++) {
            const int l = p->blocks[k][at[k]].l;
            t->couples[k] |= (uint32_t)1 << l;
            t->degree[k] = larger(t->degree[k], l);
        }
    }
    const int band = t->degree[0] + t->degree[1], least = band + t->degree[2] + 1;
    for (int k = 0; k < 3; k++)
        t->u_top[k] = k < 2 ? t->degree[k] : band;
    t->rings = band / 2 + 1;
    t->n_phi = fftw ? fft_length(least) : (least + 3) / 4 * 4;
    t->points = 2 * (size_t)t->n_phi;
    return t->n_phi > 0 && (!fftw || E3TP_HAVE_FFTW);
}

/* ---- cost
 * ------------------------------------------------------------------------------------------ */

/* Lines of multiply-adds per second, on the scale of the other methods; calibration: bench, Gaunt
   products of 128 channels, L = 1..12, both ways for rings. */
static const double speed[E3TP_TIER_COUNT] = {0.9e9, 2.3e9, 3.9e9, 0.9e9};
/* In multiply-adds of a line: a folded sample's eight classes multiplied; to take an order from
   slots to frequencies or back; a point of zeros, of a product. */
static const double sample_work = 50.0, order_work = 8.0, point_work = 2.0;
static const double seconds_per_fft_unit = 14e-9;

/* Rings of samples: products, and all that FFTW's take besides their transforms. */
static double ring_work(const e3tp_problem *p, const e3tp_gaunt_torus *t, int back)
{
    const double products = 1 + back;
    if (!t->fftw)
        return products * sample_work * t->n_phi / 4;
    double work = products * point_work * t->n_phi;
    for (int k = 0; k < 3; k++)
        work += e3tp_signal_ways(p, k, back) *
                (order_work * (t->degree[k] + 1) + point_work * (t->n_phi - 2 * t->degree[k] - 1));
    return work;
}

static void estimate(e3tp_gaunt_work *w, const e3tp_problem *p, e3tp_tier tier,
                     const e3tp_gaunt_torus *t)
{
    e3tp_fold_tables tables = {.dtype = p->dtype, .most = e3tp_fold_rows(tier)};
    e3tp_gaunt_side side[3] = {0};
    for (int k = 0; k < 3; k++)
        e3tp_gaunt_add_transform(&side[k], &tables, p, t, k, NULL);
    for (int back = 0; back < 2; back++) {
        double work = t->rings * ring_work(p, t, back), ways = 0;
        for (int k = 0; k < 3; k++) {
            ways += e3tp_signal_ways(p, k, back);
            work += e3tp_signal_ways(p, k, back) * side[k].work;
        }
        const double lines = t->fftw ? t->rings * ways * e3tp_fft_cost(t->n_phi) : 0;
        w->seconds[back] = work / e3tp_tier_speed(speed, tier) + lines * seconds_per_fft_unit;
    }
}

e3tp_gaunt_torus e3tp_gaunt_choose(const e3tp_problem *p, e3tp_tier tier, e3tp_gaunt_work *w)
{
    e3tp_gaunt_torus own, fftw;
    e3tp_gaunt_work other;
    e3tp_gaunt_torus_of(&own, p, false);
    estimate(w, p, tier, &own);
    if (!e3tp_gaunt_torus_of(&fftw, p, true))
        return own;
    estimate(&other, p, tier, &fftw);
    if (other.seconds[0] + other.seconds[1] >= w->seconds[0] + w->seconds[1])
        return own;
    *w = other;
    return fftw;
}

/* ---- the plan
 * ------------------------------------------------------------------------------------- */

static void add_transforms(e3tp_gaunt_plan *g, e3tp_fold_tables *tables, const e3tp_gaunt_coeff *c)
{
    for (int k = 0; k < 3; k++)
        e3tp_gaunt_add_transform(&g->side[k], tables, g->problem, &g->torus, k, c);
}

static e3tp_status make_tables(e3tp_gaunt_plan *g, e3tp_tier tier, const e3tp_allocator *a)
{
    const e3tp_gaunt_torus *t = &g->torus;
    e3tp_fold_tables counted = {.dtype = g->problem->dtype, .most = e3tp_fold_rows(tier)};
    add_transforms(g, &counted, NULL);
    E3TP_TRY(e3tp_fold_tables_create(&g->tables, &counted, a));
    e3tp_gaunt_coeff coeff;
    const int lmax = larger(larger(t->degree[0], t->degree[1]), t->degree[2]);
    if (!e3tp_gaunt_coeff_create(&coeff, lmax, larger(lmax, t->u_top[2]), a))
        return E3TP_E_NOMEM;
    add_transforms(g, &g->tables, &coeff);
    e3tp_gaunt_coeff_destroy(&coeff, a);
    return E3TP_OK;
}

/* ---- rings by FFTW
 * -------------------------------------------------------------------------------- */

static e3tp_status make_orders(e3tp_gaunt_plan *g, int k, const e3tp_allocator *a)
{
    e3tp_gaunt_side *s = &g->side[k];
    const int n = g->torus.n_phi, top = g->torus.degree[k];
    s->orders = e3tp_alloc(a, (size_t)top + 1, sizeof *s->orders);
    s->zeros = e3tp_alloc(a, (size_t)n, sizeof *s->zeros);
    if (!s->orders || !s->zeros)
        return E3TP_E_NOMEM;
    bool used[E3TP_FFT_MAX] = {false};
    for (int m = 0; m <= top; m++) {
        const int plus = e3tp_fft_frequency(n, m), minus = e3tp_fft_frequency(n, -m);
        s->orders[m] = (e3tp_gaunt_order){(uint16_t)plus, (uint16_t)minus, {{-1, -1}, {-1, -1}}};
        used[plus] = used[minus] = true;
    }
    for (int i = 0; i < n; i++)
        if (!used[i])
            s->zeros[s->nzeros++] = (uint16_t)i;
    return E3TP_OK;
}

static e3tp_status make_transforms(e3tp_gaunt_plan *g, const e3tp_allocator *a, e3tp_message *why)
{
    for (int i = 0; i < 2; i++) {
        const e3tp_fft_spec s = {.n = g->torus.n_phi,
                                 .lines = (int)g->chunk,
                                 .sign = i ? -1 : 1,
                                 .dtype = g->problem->dtype,
                                 .lock = g->problem->planner_lock};
        E3TP_TRY(e3tp_fft_create(&g->fft[i], &s, a, why));
    }
    return E3TP_OK;
}

/* ---- sizes
 * ---------------------------------------------------------------------------------------- */

/* Runs of rings whose samples of x and y fill about a first-level cache; FFTW plans all or one. */
static void set_chunk(e3tp_gaunt_plan *g)
{
    const size_t rings = (size_t)g->torus.rings,
                 fit = ((size_t)32 << 10) / (2 * 64 * g->torus.points);
    g->ring_step = g->torus.points * e3tp_tile_lanes(g->problem);
    if (g->torus.fftw)
        g->chunk = rings <= fit ? rings : 1;
    else
        g->chunk = fit > 1 ? e3tp_fold_cut_rows(rings, fit).tile : 1;
}

static void lay_out(e3tp_gaunt_plan *g)
{
    const size_t T = e3tp_tile_lanes(g->problem), rings = (size_t)g->torus.rings;
    size_t *total = &g->tiles.scratch, most = 0;
    for (int k = 0; k < 3; k++) {
        const size_t slots = e3tp_fold_slot_lines(g->side[k].slots, rings) * T;
        g->slots[k] = e3tp_take(total, T, slots, true);
        g->back[k] = e3tp_take(total, T, slots, true);
        g->points[k] = e3tp_take(total, T, rings * g->ring_step, true);
        most = g->side[k].slots > most ? g->side[k].slots : most;
    }
    g->product = e3tp_take(total, T, g->chunk * g->ring_step, true);
    const bool joins = e3tp_signal_joins(g->problem, 1) || e3tp_signal_joins(g->problem, 2);
    g->joined = e3tp_take(total, T, joins ? rings * g->ring_step : 0, true);
    g->waves =
        e3tp_take(total, T, e3tp_fold_slot_lines(most, e3tp_gaunt_waves(&g->torus)) * T, true);
}

static e3tp_status fill(e3tp_gaunt_plan *g, e3tp_tier tier, const e3tp_allocator *a,
                        e3tp_message *why)
{
    e3tp_status status = E3TP_OK;
    for (int k = 0; g->torus.fftw && k < 3 && status == E3TP_OK; k++)
        status = make_orders(g, k, a);
    if (status == E3TP_OK)
        status = make_tables(g, tier, a);
    if (status != E3TP_OK)
        return e3tp_fail(why, status, "gaunt: no memory for the tables");
    set_chunk(g);
    lay_out(g);
    return g->torus.fftw ? make_transforms(g, a, why) : E3TP_OK;
}

e3tp_status e3tp_gaunt_plan_create(e3tp_gaunt_plan **out, const e3tp_problem *p, e3tp_tier tier,
                                   const e3tp_gaunt_torus *t, const e3tp_allocator *a,
                                   e3tp_message *why)
{
    const e3tp_signal_runner *runner = runners[p->dtype][tier];
    if (!runner)
        return e3tp_fail(why, E3TP_E_UNSUPPORTED, "gaunt: tier %s is not compiled in",
                         e3tp_tier_name(tier));
    e3tp_gaunt_plan *g = e3tp_zalloc(a, 1, sizeof *g);
    if (!g)
        return e3tp_fail(why, E3TP_E_NOMEM, "gaunt: no memory for the plan");
    g->problem = p;
    g->torus = *t;
    e3tp_signal_tiles_set(&g->tiles, p, g, 1);
    e3tp_signal_bind(&g->tiles, runner, tier);
    const e3tp_status status = fill(g, tier, a, why);
    if (status != E3TP_OK) {
        e3tp_gaunt_plan_destroy(g, a);
        return status;
    }
    *out = g;
    return E3TP_OK;
}

void e3tp_gaunt_plan_destroy(e3tp_gaunt_plan *g, const e3tp_allocator *a)
{
    if (!g)
        return;
    for (int i = 0; i < 2; i++)
        e3tp_fft_destroy(g->fft[i], a);
    for (int k = 0; k < 3; k++) {
        e3tp_free(a, g->side[k].orders);
        e3tp_free(a, g->side[k].zeros);
    }
    e3tp_fold_tables_destroy(&g->tables, a);
    e3tp_free(a, g);
}
