/* SPDX-License-Identifier: MIT */
/* What the rotated form executes, and what it and the general form are estimated to take. */
#include "conv/rotated.h"

#include <math.h>

#include "core/checked.h"

/* Multiply-adds of a channel: turning a block, one way; the couplings of a step. */
static double turning(const e3tp_rotated *p, int l)
{
    const int rows = (int)p->orders <= l ? (int)p->orders - 1 : l;
    return (rows + 1) * (l + 1) + rows * l + 4 * l;
}

static double coupling(const e3tp_rotated_step *r)
{
    const double m = r->orders - 1, n = (double)r->count;
    return n == 0 ? 0 : r->odd ? n * m + 2 * m : n * (m + 1) + 2 * m + 1;
}

/* Non-zeros of generators between orders that couple and all. */
static double non_zeros(const e3tp_rotated *p, int l)
{
    const int rows = 2 * ((int)p->orders <= l ? (int)p->orders : l) + 1;
    const uint32_t *first = p->generators.first + 2 * l * l;
    return first[2 * rows] - first[0];
}

/* Turns into the frame or out of it, couplings (of weights' gradients too), products with
   generators, the sum of the last two passes being a double backward pass with its JVP; channels
   in whole tiles of so many. */
static void count(const e3tp_rotated *p, size_t tile, double flops[E3TP_JVP + 1])
{
    const e3tp_problem *q = p->problem;
    double turns[2] = {0, 0}, couplings = 0, generators[2] = {0, 0};
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < q->nblocks[e3tp_rotated_operand(k)]; i++) {
            const e3tp_rotated_block *b = &p->blocks[k][i];
            const double channels = (double)e3tp_round_up(b->mul, tile);
            turns[k] += turning(p, b->l) * channels;
            generators[k] += non_zeros(p, b->l) * channels;
        }
    for (size_t i = 0; i < p->nsteps[0]; i++)
        couplings += coupling(&p->steps[0][i]) * (double)e3tp_round_up(p->steps[0][i].mul, tile);
    const double x = turns[0], z = turns[1], nx = generators[0], nz = generators[1];
    flops[E3TP_FORWARD] = 2 * (x + z + couplings);
    flops[E3TP_BACKWARD] = 2 * (2 * x + z + 3 * couplings + nx + nz);
    flops[E3TP_JVP] = 2 * (2 * x + z + 3 * couplings + nx + nz);
    flops[E3TP_DOUBLE_BACKWARD] =
        flops[E3TP_JVP] + 2 * (3 * x + z + 8 * couplings + 4 * nx + 3 * nz);
}

void e3tp_rotated_count(e3tp_rotated *p)
{
    count(p, 1, p->flops);
}

/* Kernels that a group goes through, forward and backward: turns, slopes, steps; runs are one. */
static double count_calls(const e3tp_rotated *p)
{
    const double nx = (double)p->problem->nblocks[0], nz = (double)p->problem->nblocks[2];
    double kernels[2] = {0, 0};
    for (int back = 0; back < 2; back++)
        for (size_t i = 0; i < p->nsteps[back]; kernels[back]++)
            i += p->steps[back][i].run ? p->steps[back][i].run : 1;
    return 4 * nx + 3 * nz + 2 * kernels[0] + kernels[1] + (double)p->nsteps[0];
}

/* Measured on avx2 and avx512, float32, 1 to 128 channels, L = 1..6, paths summed and apart. */
static const double seconds_per_flop = 22e-12, seconds_per_call = 7e-9, seconds_per_frame = 80e-9;
static const double general_seconds_per_edge = 120e-9, general_per_matrix_flop = 0.85e-9,
                    general_per_pair_flop = 0.12e-9, general_per_flop = 57e-12,
                    general_per_result = 70e-12;

static double in_double(const e3tp_problem *p)
{
    return p->dtype == E3TP_F64 ? 2 : 1;
}

double e3tp_rotated_seconds(const e3tp_rotated *p)
{
    const size_t groups = (p->tiles + E3TP_ROTATED_GROUP - 1) / E3TP_ROTATED_GROUP;
    double flops[E3TP_JVP + 1];
    count(p, 64 / e3tp_dtype_size(p->problem->dtype), flops);
    return in_double(p->problem) * (flops[E3TP_FORWARD] + flops[E3TP_BACKWARD]) * seconds_per_flop +
           count_calls(p) * (double)groups * seconds_per_call + seconds_per_frame;
}

/* Of a flop for matrices. Of a few channels the lanes are rows: each channel has products of its
   own in place of a matrix. */
static double seconds_per_matrix_flop(const e3tp_problem *p)
{
    size_t mul = 0;
    for (size_t i = 0; i < p->nblocks[0]; i++)
        mul = p->blocks[0][i].mul > mul ? p->blocks[0][i].mul : mul;
    return fmin(general_per_matrix_flop, (double)mul * general_per_pair_flop);
}

double e3tp_rotated_general_seconds(const e3tp_problem *p, double flops)
{
    double channels = 0;
    for (size_t i = 0; i < p->npaths; i++) {
        const e3tp_coupling *c = &p->paths[i];
        const double n1 = 2 * p->blocks[0][c->in1].l + 1, n3 = 2 * p->blocks[2][c->out].l + 1;
        channels += (double)p->blocks[0][c->in1].mul * (2 * n1 * n3 + (c->has_weight ? n1 : 0));
    }
    const double matrices = flops > channels ? flops - channels : 0;
    return general_seconds_per_edge +
           in_double(p) * (matrices * seconds_per_matrix_flop(p) + channels * general_per_flop +
                           (double)p->dim[2] * general_per_result);
}
