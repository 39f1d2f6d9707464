/* SPDX-License-Identifier: MIT */
/* A lane tile of a product of matrices. Compiled once per tier and real; exports one const struct.

   With C of the natural part of z and D of the other, forward C, D = X Y + Y X, X Y - Y X; backward
   G, H = C + D, C - D of gz, and gX = G Y' + Y' H, gY = X' G + H X'. The halves are in the mixes of
   z. */
#include "matrix/matrix_plan.h"
#include "simd/name.h"

#define kernels E3TP_NAME(e3tp_matrix_kernels)
#define tiling E3TP_NAME(e3tp_tile_kernels)

enum { T = 64 / sizeof(real) };

/* Signals of the plan. */
enum { X, Y, NATURAL, OTHER };

static void convert(const e3tp_matrix_plan *g, int signal, bool back, const real *from, real *to)
{
    const size_t *first = &g->first[2 * signal + back];
    tiling.mix(g->mixes + first[0], first[1] - first[0], g->pool.lists, g->pool.coeff, from, to);
}

static void to_matrix(const e3tp_matrix_plan *g, int signal, const real *lines, real *matrix)
{
    convert(g, signal, false, lines, matrix);
    kernels.butterfly(g->nquads, g->quads, g->npairs, g->pairs, matrix);
}

static void from_matrix(const e3tp_matrix_plan *g, int signal, real *matrix, real *lines)
{
    kernels.butterfly(g->nquads, g->quads, g->npairs, g->pairs, matrix);
    convert(g, signal, true, matrix, lines);
}

/* c = a b (transposed: of a, of b), or added to c. */
static void multiply(const e3tp_matrix_plan *g, const real *a, bool turn_a, const real *b,
                     bool turn_b, real *c, bool adds)
{
    const size_t row = g->n * T, step = T;
    kernels.multiply(g->n, a, turn_a ? step : row, turn_a ? row : step, b, turn_b ? step : row,
                     turn_b ? row : step, c, adds);
}

/* X Y and Y X, or added to those of the terms before. */
static void multiply_forward(const e3tp_matrix_plan *g, const real *const m[], real *result,
                             bool adds)
{
    multiply(g, m[X], false, m[Y], false, result, adds);
    multiply(g, m[Y], false, m[X], false, result + g->lines * T, adds);
}

static void end_forward(const e3tp_matrix_plan *g, real *result, real *z)
{
    real *yx = result + g->lines * T;
    kernels.combine(g->lines, result, yx);
    from_matrix(g, NATURAL, result, z);
    from_matrix(g, OTHER, yx, z);
}

/* To the result, or added to that of the tiles before. */
static void multiply_back(const e3tp_matrix_plan *g, int k, const real *const m[], real *result,
                          bool adds)
{
    if (k == X) {
        multiply(g, m[NATURAL], false, m[Y], true, result, false);
        multiply(g, m[Y], true, m[OTHER], false, result, true);
    } else {
        multiply(g, m[X], true, m[NATURAL], false, result, adds);
        multiply(g, m[OTHER], false, m[X], true, result, true);
    }
}

static void run_tile(const void *plan, const e3tp_signal_call *call, const void *const in[3],
                     void *const out[3], const bool fresh[3], void *scratch)
{
    const e3tp_matrix_plan *g = plan;
    real *const base = scratch, *result = base + g->result;
    real *const m[E3TP_MATRIX_SIGNALS] = {base + g->at[X], base + g->at[Y], base + g->at[NATURAL],
                                          base + g->at[OTHER]};
    const real *const signals[] = {m[X], m[Y], m[NATURAL], m[OTHER]};
    for (int k = 0; k < 2; k++)
        if (fresh[k])
            to_matrix(g, k, in[k], m[k]);
    if (fresh[2]) {
        to_matrix(g, NATURAL, in[2], m[NATURAL]);
        to_matrix(g, OTHER, in[2], m[OTHER]);
        kernels.combine(g->lines, m[NATURAL], m[OTHER]);
    }
    for (int k = 0; k < 3; k++) {
        real *own = call->joins[k] ? base + g->joined : result;
        if (call->wanted[k] && k < 2)
            multiply_back(g, k, signals, own, call->adds[k]);
        else if (call->wanted[k])
            multiply_forward(g, signals, own, call->adds[k]);
        if (call->ends[k] && k < 2)
            from_matrix(g, k, own, out[k]);
        else if (call->ends[k])
            end_forward(g, own, out[k]);
    }
}

const e3tp_signal_runner E3TP_NAME(e3tp_matrix_runner) = {run_tile, NULL};
