/* SPDX-License-Identifier: MIT */
/* A lane tile: to the torus and back. Compiled once per tier and real; exports one const struct. */
#include <string.h>

#include "gaunt/gaunt_plan.h"
#include "simd/vec.h"

#define kernels E3TP_NAME(e3tp_gaunt_kernels)
#define tiling E3TP_NAME(e3tp_tile_kernels)
#define T ((size_t)TILE_LANES)

typedef struct frame {
    const e3tp_gaunt_plan *plan;
    real *spectrum, *column;
    real *rows[3]; /* samples of x, y, gz, then of what they become */
} frame;

/* ---- one operand of one tile */

static void convert(const frame *f, const e3tp_mix *m, const real *from, real *to)
{
    tiling.mix(m, E3TP_GAUNT_MIXES, f->plan->pool.lists, f->plan->pool.coeff, from, to);
}

static bool has_odd(const e3tp_gaunt_side *s, size_t c)
{
    return c + 1 < s->columns || s->odd_top;
}

/* Components to spectra of rows, by columns. */
static void synthesize(const frame *f, int k, const real *lines, real *rows)
{
    const e3tp_gaunt_plan *g = f->plan;
    const e3tp_gaunt_side *s = &g->side[k];
    const size_t pairs = (size_t)g->torus.pairs, length = (size_t)g->torus.n_phi;
    for (size_t c = 0; c < s->columns; c++) {
        convert(f, s->synthesis + c * E3TP_GAUNT_MIXES, lines, f->spectrum);
        kernels.to_points(s->nu, s->plus, s->minus, f->spectrum, f->column);
        kernels.clear(s->ncolumn_zeros, s->column_zeros, 1, 0, f->column);
        e3tp_fft_execute(g->column[0], f->column);
        kernels.to_rows(pairs, g->quad, &s->places[c], has_odd(s, c), f->column, length, rows);
    }
    kernels.clear(s->nrow_zeros, s->row_zeros, pairs, length, rows);
}

/* And back. */
static void analyse(const frame *f, int k, const real *rows, real *lines)
{
    const e3tp_gaunt_plan *g = f->plan;
    const e3tp_gaunt_side *s = &g->side[k];
    const size_t pairs = (size_t)g->torus.pairs, length = (size_t)g->torus.n_phi;
    for (size_t c = 0; c < s->columns; c++) {
        kernels.to_column(pairs, g->quad, &s->places[c], has_odd(s, c), rows, length, f->column);
        e3tp_fft_execute(g->column[1], f->column);
        kernels.to_lines(s->nu, s->plus, s->minus, f->column, f->spectrum);
        convert(f, s->analysis + c * E3TP_GAUNT_MIXES, f->spectrum, lines);
    }
}

/* Samples of x and y become those of z, in place of an operand that later tiles do not share.
   Returns them. */
static const real *forward_rows(const frame *f, const e3tp_signal_call *call, const bool fresh[3])
{
    const e3tp_gaunt_plan *g = f->plan;
    const size_t step = g->rows_at_once * (size_t)g->torus.n_phi * 2 * T;
    real *to = f->rows[!call->shared[0] ? 0 : !call->shared[1] ? 1 : 2];
    for (size_t i = 0; i < (size_t)g->torus.pairs; i += g->rows_at_once) {
        const size_t at = i / g->rows_at_once * step;
        for (int k = 0; k < 2; k++)
            if (fresh[k])
                e3tp_fft_execute(g->row[0], f->rows[k] + at);
        kernels.multiply(step / T, f->rows[0] + at, f->rows[1] + at, to + at);
        e3tp_fft_execute(g->row[1], to + at);
    }
    return to;
}

static void forward_tile(const frame *f, const e3tp_signal_call *call, const void *const in[3],
                         void *z, const bool fresh[3])
{
    for (int k = 0; k < 2; k++)
        if (fresh[k])
            synthesize(f, k, in[k], f->rows[k]);
    analyse(f, 2, forward_rows(f, call, fresh), z);
}

/* Samples of x, y, gz become those of gx, gy and z. */
static void backward_rows(const frame *f, const e3tp_signal_call *call)
{
    const e3tp_gaunt_plan *g = f->plan;
    const size_t step = g->rows_at_once * (size_t)g->torus.n_phi * 2 * T;
    for (size_t i = 0; i < (size_t)g->torus.pairs; i += g->rows_at_once) {
        const size_t at = i / g->rows_at_once * step;
        real *const rows[3] = {f->rows[0] + at, f->rows[1] + at, f->rows[2] + at};
        for (int k = 0; k < 3; k++)
            if (call->needed[k])
                e3tp_fft_execute(g->row[0], rows[k]);
        kernels.products(step / T, rows[0], rows[1], rows[2]);
        for (int k = 0; k < 3; k++)
            if (call->wanted[k])
                e3tp_fft_execute(g->row[1], rows[k]);
    }
}

/* All samples give way to products, so operands that tiles share are transformed for each. */
static void backward_tile(const frame *f, const e3tp_signal_call *call, const void *const in[3],
                          void *const out[3])
{
    for (int k = 0; k < 3; k++)
        if (call->needed[k])
            synthesize(f, k, in[k], f->rows[k]);
        else
            memset(f->rows[k], 0, f->plan->row_bytes);
    backward_rows(f, call);
    for (int k = 0; k < 3; k++)
        if (call->wanted[k])
            analyse(f, k, f->rows[k], out[k]);
}

static void run_tile(const void *plan, const e3tp_signal_call *call, const void *const in[3],
                     void *const out[3], const bool fresh[3], void *scratch)
{
    const e3tp_gaunt_plan *g = plan;
    real *base = scratch;
    const frame f = {g,
                     base + g->spectrum,
                     base + g->column_at,
                     {base + g->rows_at[0], base + g->rows_at[1], base + g->rows_at[2]}};
    if (call->back)
        backward_tile(&f, call, in, out);
    else
        forward_tile(&f, call, in, out[2], fresh);
}

const e3tp_signal_runner E3TP_NAME(e3tp_gaunt_runner) = {run_tile, NULL};
