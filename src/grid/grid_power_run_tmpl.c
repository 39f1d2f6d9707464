/* SPDX-License-Identifier: MIT */
/* A lane tile of powers of a function. Compiled once per tier and real; exports one const struct.

   With F on the samples z[n] is the analysis of F^n, and the gradient of x that of sum n F^(n-1)
   G[n], G[n] the synthesis of w[n] gz. The first power is x itself. Along D, the synthesis of the
   tangent of x, and with a tangent v of w: z changes by the analyses of w[n] n F^(n-1) D + v[n]
   F^n, and hx is that of sum n (n-1) F^(n-2) D G[n] + n F^(n-1) H[n], H[n] the synthesis of v[n]
   gz. */
#include <string.h>

#include "grid/grid_power.h"
#include "grid/grid_samples.h"

#define tiling E3TP_NAME(e3tp_tile_kernels)

/* A tile's operands, their tangents (NULL: none) and results: x, weights, gz; gx, gradients of
   weights, z. */
typedef struct frame {
    const e3tp_grid_power *plan;
    const real *x, *w, *gz, *tx, *tw;
    real *gx, *gw, *z;
    real *slots, *samples, *slope, *sum, *one, *line; /* scratch */
} frame;

static const e3tp_problem *problem_of(const frame *f)
{
    return f->plan->base.problem;
}

static size_t points_of(const frame *f)
{
    return e3tp_grid_points(&f->plan->base.form.shape);
}

static size_t lines_of(const frame *f)
{
    return f->plan->tiles.components[2];
}

/* Weights (or their gradients) of the n-th power, a line for each block of z. */
static size_t weights_at(const frame *f, int n)
{
    return (size_t)(n - 1) * problem_of(f)->nblocks[2] * T;
}

static void synthesise_images(const frame *f, int k, const real *lines, real *images)
{
    synthesise_all(&f->plan->base.form, &f->plan->of[k], lines, f->slots, images);
    kernels.unfold(images, points_of(f));
}

static void analyse_images(const frame *f, int k, real *images, real *lines)
{
    kernels.unfold(images, points_of(f));
    analyse_all(&f->plan->base.form, &f->plan->of[k], images, f->slots, lines, false);
}

static void analyse_power(const frame *f, int n, real *lines)
{
    kernels.monomial(points_of(f) * E3TP_FOLD_CLASSES, 1, n, f->samples, NULL, NULL, f->one, false);
    analyse_images(f, 2, f->one, lines);
}

/* Of n F^(n-1) D. */
static void analyse_slope(const frame *f, int n, real *lines)
{
    kernels.monomial(points_of(f) * E3TP_FOLD_CLASSES, (real)n, n - 1, f->samples, f->slope, NULL,
                     f->one, false);
    analyse_images(f, 2, f->one, lines);
}

/* What a degree of x and of z adds: (w of the block, lines of x and z, how many). */
typedef void linear_fn(const frame *f, size_t block, size_t x, size_t z, size_t d);

static void each_linear(const frame *f, linear_fn *visit)
{
    const e3tp_signal_tiles *s = &f->plan->tiles;
    size_t line = 0;
    for (size_t i = 0; i < problem_of(f)->nblocks[2]; i++) {
        const size_t d = (size_t)s->d[2][i];
        if (f->plan->linear[i] >= 0)
            visit(f, i, (size_t)f->plan->linear[i] * T, line * T, d);
        line += d;
    }
}

static void add_linear(const frame *f, size_t block, size_t x, size_t z, size_t d)
{
    kernels.accumulate(d, 1, f->w ? f->w + block * T : NULL, f->x + x, f->z + z);
}

static void add_linear_gradient(const frame *f, size_t block, size_t x, size_t z, size_t d)
{
    kernels.accumulate(d, 1, f->w ? f->w + block * T : NULL, f->gz + z, f->gx + x);
}

static void set_weight_gradient(const frame *f, size_t block, size_t x, size_t z, size_t d)
{
    const int32_t lines = (int32_t)d;
    tiling.overlap(1, &lines, f->gz + z, f->x + x, f->gw + block * T);
}

/* z += w[n] times the lines of the n-th power. */
static void add_lines(const frame *f, int n)
{
    const e3tp_signal_tiles *s = &f->plan->tiles;
    const real *w = f->w + weights_at(f, n);
    for (size_t i = 0, at = 0; i < problem_of(f)->nblocks[2]; at += (size_t)s->d[2][i] * T, i++)
        kernels.accumulate((size_t)s->d[2][i], 1, w + i * T, f->line + at, f->z + at);
}

static void add_power(const frame *f, int n)
{
    analyse_power(f, n, f->line);
    add_lines(f, n);
}

static void forward_tile(const frame *f)
{
    const e3tp_problem *p = problem_of(f);
    memset(f->z, 0, lines_of(f) * T * sizeof(real));
    if (p->power > 1)
        synthesise_images(f, 0, f->x, f->samples);
    if (f->w || p->power == 1)
        each_linear(f, add_linear);
    for (int n = e3tp_grid_least_power(p); n <= p->power; n++)
        if (f->w)
            add_power(f, n);
        else
            analyse_power(f, n, f->z);
}

static void set_weight_gradients(const frame *f)
{
    const e3tp_problem *p = problem_of(f);
    memset(f->gw, 0, p->nblocks[2] * T * sizeof(real));
    each_linear(f, set_weight_gradient);
    for (int n = 2; n <= p->power; n++) {
        analyse_power(f, n, f->line);
        tiling.overlap(p->nblocks[2], f->plan->tiles.d[2], f->gz, f->line,
                       f->gw + weights_at(f, n));
    }
}

/* G[n] in f->one. */
static void synthesise_cotangent(const frame *f, int n)
{
    const e3tp_problem *p = problem_of(f);
    if (f->w)
        tiling.weigh(p->nblocks[2], f->plan->tiles.d[2], f->w + weights_at(f, n), f->gz, f->line,
                     false);
    synthesise_images(f, 2, f->w ? f->line : f->gz, f->one);
}

/* sum += n F^(n-1) G[n] */
static void add_gradient(const frame *f, int n, bool adds)
{
    synthesise_cotangent(f, n);
    kernels.monomial(points_of(f) * E3TP_FOLD_CLASSES, (real)n, n - 1, f->samples, f->one, NULL,
                     f->sum, adds);
}

static void set_gradient(const frame *f)
{
    const e3tp_problem *p = problem_of(f);
    const int least = e3tp_grid_least_power(p);
    for (int n = least; n <= p->power; n++)
        add_gradient(f, n, n > least);
    if (p->power > 1)
        analyse_images(f, 0, f->sum, f->gx);
    else
        memset(f->gx, 0, f->plan->tiles.components[0] * T * sizeof(real));
    if (f->w || p->power == 1)
        each_linear(f, add_linear_gradient);
}

/* ---- second order ---- */

/* The same tile with the tangent of x, or of w, in its place. */
static frame along_x(const frame *f)
{
    frame g = *f;
    g.x = f->tx;
    return g;
}

static frame along_w(const frame *f)
{
    frame g = *f;
    g.w = f->tw;
    return g;
}

/* What the first power adds to hz and hw. */
static void start_slopes(const frame *f, const e3tp_signal_call *call)
{
    const e3tp_problem *p = problem_of(f);
    const frame by_x = along_x(f), by_w = along_w(f);
    const bool linear = f->w || p->power == 1;
    if (call->wanted[2])
        memset(f->z, 0, lines_of(f) * T * sizeof(real));
    if (call->wanted[1])
        memset(f->gw, 0, (size_t)p->power * p->nblocks[2] * T * sizeof(real));
    if (call->wanted[2] && linear && f->tx)
        each_linear(&by_x, add_linear);
    if (call->wanted[2] && f->tw)
        each_linear(&by_w, add_linear);
    if (call->wanted[1] && f->tx)
        each_linear(&by_x, set_weight_gradient);
}

/* hz and hw, of which powers without weights have the first alone. */
static void set_slopes(const frame *f, const e3tp_signal_call *call)
{
    const e3tp_problem *p = problem_of(f);
    const frame by_w = along_w(f);
    start_slopes(f, call);
    for (int n = e3tp_grid_least_power(p); n <= p->power; n++) {
        if (f->tx)
            analyse_slope(f, n, f->w ? f->line : f->z);
        if (f->tx && f->w && call->wanted[2])
            add_lines(f, n);
        if (f->tx && call->wanted[1])
            tiling.overlap(p->nblocks[2], f->plan->tiles.d[2], f->gz, f->line,
                           f->gw + weights_at(f, n));
        if (f->tw && call->wanted[2])
            add_power(&by_w, n);
    }
}

/* sum += n (n-1) F^(n-2) D G[n] */
static void add_curvature(const frame *f, int n, bool adds)
{
    synthesise_cotangent(f, n);
    kernels.monomial(points_of(f) * E3TP_FOLD_CLASSES, (real)(n * (n - 1)), n - 2, f->samples,
                     f->slope, f->one, f->sum, adds);
}

static void set_second_of_x(const frame *f)
{
    const e3tp_problem *p = problem_of(f);
    const frame by_w = along_w(f);
    bool adds = false;
    for (int n = e3tp_grid_least_power(p); n <= p->power; n++) {
        if (f->tx)
            add_curvature(f, n, adds);
        adds = adds || f->tx;
        if (f->tw)
            add_gradient(&by_w, n, adds); /* H[n] in place of G[n] */
        adds = adds || f->tw;
    }
    if (adds)
        analyse_images(f, 0, f->sum, f->gx);
    else
        memset(f->gx, 0, f->plan->tiles.components[0] * T * sizeof(real));
    if (f->tw)
        each_linear(&by_w, add_linear_gradient);
}

static void second_tile(const frame *f, const e3tp_signal_call *call)
{
    if (f->tx && problem_of(f)->power > 1)
        synthesise_images(f, 0, f->tx, f->slope);
    if (call->wanted[2] || call->wanted[1])
        set_slopes(f, call);
    if (call->wanted[0])
        set_second_of_x(f); /* last: line is no longer zero beyond the power's degrees */
}

/* ---- */

static const real *tangent(const e3tp_signal_call *call, const e3tp_signal_tiles *s, int k,
                           const void *in)
{
    return call->tangent[k] ? (const real *)in + s->components[k] * T : NULL;
}

static void run_tile(const void *plan, const e3tp_signal_call *call, const void *const in[3],
                     void *const out[3], const bool fresh[3], void *scratch)
{
    (void)fresh;
    const e3tp_grid_power *g = plan;
    real *base = scratch;
    const frame f = {.plan = g,
                     .x = in[0],
                     .w = g->base.problem->weight_numel ? in[1] : NULL,
                     .gz = in[2],
                     .tx = tangent(call, &g->tiles, 0, in[0]),
                     .tw = tangent(call, &g->tiles, 1, in[1]),
                     .gx = out[0],
                     .gw = out[1],
                     .z = out[2],
                     .slots = base + g->slots,
                     .samples = base + g->samples,
                     .slope = base + g->slope,
                     .sum = base + g->sum,
                     .one = base + g->one,
                     .line = base + g->line};
    memset(f.line, 0, lines_of(&f) * T * sizeof(real)); /* what no power reaches */
    if (!call->back) {
        forward_tile(&f);
        return;
    }
    if (g->base.problem->power > 1)
        synthesise_images(&f, 0, f.x, f.samples);
    if (call->second) {
        second_tile(&f, call);
        return;
    }
    if (call->wanted[1])
        set_weight_gradients(&f); /* first: line is zero beyond the power's degrees */
    if (call->wanted[0])
        set_gradient(&f);
}

const e3tp_signal_runner E3TP_NAME(e3tp_grid_power_runner) = {run_tile, NULL};
