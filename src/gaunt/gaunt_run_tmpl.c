/* SPDX-License-Identifier: MIT */
/* A block of rows: packs operands by tiles, takes each tile to the torus and back, unpacks.
   Compiled once per tier and real; exports one const struct. */
#include <string.h>

#include "gaunt/gaunt_plan.h"
#include "simd/vec.h"

#define kernels E3TP_NAME(e3tp_gaunt_kernels)
#define packing E3TP_NAME(e3tp_packed_kernels)
#define tiling E3TP_NAME(e3tp_tile_kernels)
#define T ((size_t)TILE_LANES)

typedef struct frame {
    const e3tp_gaunt_plan *plan;
    const e3tp_rows *r;
    size_t tiles;
    real *in[3];   /* packed x, y, gz */
    real *out[3];  /* packed gx, gy, z */
    real *w[3];    /* packed a, b, c */
    real *gw[3];   /* and their gradients */
    real *tile[3]; /* operands of one tile, scaled by their factors */
    real *spectrum, *column;
    real *rows[3]; /* samples of one tile: of x, y, gz, then of what they become */
    size_t row_bytes;
} frame;

/* ---- one operand of one tile
 * ------------------------------------------------------------------------- */

static void convert(const frame *f, const e3tp_gaunt_mix *m, const real *from, real *to)
{
    const uint16_t *lists = f->plan->lists;
    const real *coeff = f->plan->coeff;
    for (int i = 0; i < E3TP_GAUNT_MIXES; i++)
        kernels.mix(m[i].nin, lists + m[i].in, m[i].nout, lists + m[i].out, coeff + m[i].coeff,
                    from, to);
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
    if (s->partial)
        memset(lines, 0, s->lines * T * sizeof(real));
    for (size_t c = 0; c < s->columns; c++) {
        kernels.to_column(pairs, g->quad, &s->places[c], has_odd(s, c), rows, length, f->column);
        e3tp_fft_execute(g->column[1], f->column);
        kernels.to_lines(s->nu, s->plus, s->minus, f->column, f->spectrum);
        convert(f, s->analysis + c * E3TP_GAUNT_MIXES, f->spectrum, lines);
    }
}

/* out[block] = w[block] a[block] */
static void scale(const frame *f, int k, const real *w, const real *a, real *out)
{
    const e3tp_problem *p = f->plan->problem;
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const size_t d = 2 * (size_t)p->blocks[k][i].l + 1;
        kernels.scale(d, w + i * T, a, out);
        a += d * T, out += d * T;
    }
}

/* gw[block] = sum over components of a b */
static void factor_gradient(const frame *f, int k, const real *a, const real *b, real *gw)
{
    const e3tp_problem *p = f->plan->problem;
    for (size_t i = 0; i < p->nblocks[k]; i++) {
        const size_t d = 2 * (size_t)p->blocks[k][i].l + 1;
        kernels.dot(d, a, b, gw + i * T);
        a += d * T, b += d * T;
    }
}

static real *tile_of(const frame *f, real *const packed[3], int k, size_t t)
{
    return packed[k] + t * f->plan->side[k].lines * T;
}

static real *factors_of(const frame *f, real *const w[3], int k, size_t t)
{
    return w[k] + t * f->plan->problem->nblocks[k] * T;
}

/* The operand of a tile, times its factors where there are any. */
static const real *scaled(const frame *f, int k, size_t t)
{
    const real *lines = tile_of(f, f->in, k, t);
    if (!f->plan->problem->factor_weights)
        return lines;
    scale(f, k, factors_of(f, f->w, k, t), lines, f->tile[k]);
    return f->tile[k];
}

/* ---- passes over a tile
 * ------------------------------------------------------------------------------ */

static void forward_tile(const frame *f, size_t t)
{
    const e3tp_gaunt_plan *g = f->plan;
    const size_t step = g->rows_at_once * (size_t)g->torus.n_phi * 2 * T;
    for (int k = 0; k < 2; k++)
        synthesize(f, k, scaled(f, k, t), f->rows[k]);
    for (size_t i = 0; i < (size_t)g->torus.pairs; i += g->rows_at_once) {
        real *x = f->rows[0] + i / g->rows_at_once * step, *y = f->rows[1] + (x - f->rows[0]);
        e3tp_fft_execute(g->row[0], x);
        e3tp_fft_execute(g->row[0], y);
        kernels.multiply(step / T, x, y, x);
        e3tp_fft_execute(g->row[1], x);
    }
    real *z = tile_of(f, f->out, 2, t);
    analyse(f, 2, f->rows[0], z);
    if (g->problem->factor_weights)
        scale(f, 2, factors_of(f, f->w, 2, t), z, z);
}

/* Samples of x, y, gz become those of gx, gy and z; wanted[k]: which of the three. */
static void backward_rows(const frame *f, const bool needed[3], const bool wanted[3])
{
    const e3tp_gaunt_plan *g = f->plan;
    const size_t step = g->rows_at_once * (size_t)g->torus.n_phi * 2 * T;
    for (size_t i = 0; i < (size_t)g->torus.pairs; i += g->rows_at_once) {
        const size_t at = i / g->rows_at_once * step;
        real *const rows[3] = {f->rows[0] + at, f->rows[1] + at, f->rows[2] + at};
        for (int k = 0; k < 3; k++)
            if (needed[k])
                e3tp_fft_execute(g->row[0], rows[k]);
        kernels.products(step / T, rows[0], rows[1], rows[2]);
        for (int k = 0; k < 3; k++)
            if (wanted[k])
                e3tp_fft_execute(g->row[1], rows[k]);
    }
}

/* The gradients of a, b, c and, scaled by a and b, of x and y. */
static void backward_factors(const frame *f, size_t t, const bool wanted[3])
{
    for (int k = 0; k < 3; k++) {
        real *out = k < 2 ? tile_of(f, f->out, k, t) : f->tile[2];
        if (f->r->gw)
            factor_gradient(f, k, tile_of(f, f->in, k, t), out, factors_of(f, f->gw, k, t));
        if (k < 2 && wanted[k])
            scale(f, k, factors_of(f, f->w, k, t), out, out);
    }
}

static void backward_tile(const frame *f, size_t t, const bool wanted[3])
{
    const bool factors = f->plan->problem->factor_weights;
    const bool needed[3] = {wanted[1] || wanted[2], wanted[0] || wanted[2], true};
    for (int k = 0; k < 3; k++)
        if (needed[k])
            synthesize(f, k, scaled(f, k, t), f->rows[k]);
        else
            memset(f->rows[k], 0, f->row_bytes);
    backward_rows(f, needed, wanted);
    for (int k = 0; k < 3; k++)
        if (wanted[k])
            analyse(f, k, f->rows[k], k < 2 ? tile_of(f, f->out, k, t) : f->tile[2]);
    if (factors)
        backward_factors(f, t, wanted);
}

/* ---- a block of rows
 * --------------------------------------------------------------------------------- */

/* The factors of operand k in a weight row. */
static e3tp_tile_map factor_map(const frame *f, int k, size_t *start)
{
    const e3tp_problem *p = f->plan->problem;
    *start = 0;
    for (int i = 0; i < k; i++)
        *start += p->nblocks[i] * p->channels;
    return (e3tp_tile_map){(size_t)f->r->sw, 1,           p->channels,  f->r->iw,
                           f->r->n,          p->channels, p->nblocks[k]};
}

static void pack_factors(const frame *f)
{
    const e3tp_gaunt_plan *g = f->plan;
    for (int k = 0; k < 3 && g->problem->factor_weights; k++) {
        size_t start;
        const e3tp_tile_map m = factor_map(f, k, &start);
        tiling.pack(&m, g->lanes, (const real *)f->r->w + start, f->w[k], m.d * T);
    }
}

static void unpack_factors(const frame *f)
{
    for (int k = 0; k < 3; k++) {
        size_t start;
        const e3tp_tile_map m = factor_map(f, k, &start);
        real *to = (real *)f->r->gw + start;
        if (f->r->sw == 0)
            tiling.sum(&m, f->plan->lanes, f->gw[k], m.d * T, to);
        else
            tiling.unpack(&m, f->plan->lanes, f->gw[k], m.d * T, to);
    }
}

static void pack(const frame *f, int k, const void *from, ptrdiff_t stride, const int64_t *index)
{
    packing.pack(&f->plan->packed[k], f->plan->problem, k, f->r->n, from, stride, index, f->in[k]);
}

static void unpack(const frame *f, int k, void *to, ptrdiff_t stride)
{
    packing.unpack(&f->plan->packed[k], f->plan->problem, k, f->r->n, f->out[k], to, stride);
}

static void forward(const frame *f)
{
    const e3tp_rows *r = f->r;
    pack(f, 0, r->x, r->sx, r->ix);
    pack(f, 1, r->y, r->sy, r->iy);
    pack_factors(f);
    for (size_t t = 0; t < f->tiles; t++)
        forward_tile(f, t);
    unpack(f, 2, r->z, r->sz);
}

static void backward(const frame *f)
{
    const e3tp_rows *r = f->r;
    const bool factors = f->plan->problem->factor_weights && r->gw;
    const bool wanted[3] = {r->gx || factors, r->gy || factors, factors};
    pack(f, 0, r->x, r->sx, r->ix);
    pack(f, 1, r->y, r->sy, r->iy);
    pack(f, 2, r->gz, r->sz, NULL);
    pack_factors(f);
    for (size_t t = 0; t < f->tiles; t++)
        backward_tile(f, t, wanted);
    if (r->gx)
        unpack(f, 0, r->gx, r->sx);
    if (r->gy)
        unpack(f, 1, r->gy, r->sy);
    if (factors)
        unpack_factors(f);
}

static real *take(real **at, size_t n)
{
    real *p = *at;
    *at += n;
    return p;
}

static void run(const e3tp_gaunt_plan *g, e3tp_pass pass, const e3tp_rows *r, void *scratch)
{
    const e3tp_gaunt_scratch s = e3tp_gaunt_scratch_of(g);
    real *at = scratch;
    frame f = {
        .plan = g, .r = r, .tiles = e3tp_tile_count(g->lanes, T, r->n, g->problem->channels)};
    f.spectrum = take(&at, s.spectrum);
    f.column = take(&at, s.column);
    f.row_bytes = s.rows * sizeof(real);
    for (int k = 0; k < 3; k++) {
        f.rows[k] = take(&at, s.rows);
        f.in[k] = take(&at, s.packed[k]);
        f.out[k] = take(&at, s.packed[k]);
        f.w[k] = take(&at, s.weights[k]);
        f.gw[k] = take(&at, s.weights[k]);
        f.tile[k] = take(&at, s.scaled[k]);
    }
    if (pass == E3TP_FORWARD)
        forward(&f);
    else
        backward(&f);
}

const e3tp_gaunt_runner E3TP_NAME(e3tp_gaunt_runner) = {run};
