/* SPDX-License-Identifier: MIT */
/* Rows of operands into the frame of an edge and back, and its weights, compiled once per tier and
   real. */
#include "conv/rotated_frame.h"

#define packing E3TP_NAME(e3tp_packed_kernels)

/* ---- lines of a group ---- */

void E3TP_NAME(e3tp_rotated_into)(const frame *f, int k, size_t t, real *packed, const real *row,
                                  real *lines)
{
    const size_t n = f->p->problem->nblocks[e3tp_rotated_operand(k)];
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block *b = &f->p->blocks[k][i];
        const view from = row ? own_view(f, k, i, t, (real *)row) : packed_view(f, k, i, t, packed);
        E3TP_NAME(e3tp_rotated_in)(f, b->l, channels_of(b->mul, t), &from, lines + b->line * S);
    }
}

void E3TP_NAME(e3tp_rotated_out_of)(const frame *f, int k, size_t t, const real *lines,
                                    real *packed, real *row, bool adds)
{
    const size_t n = f->p->problem->nblocks[e3tp_rotated_operand(k)];
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block *b = &f->p->blocks[k][i];
        const view to = row ? own_view(f, k, i, t, row) : packed_view(f, k, i, t, packed);
        E3TP_NAME(e3tp_rotated_out)
        (f, b->l, channels_of(b->mul, t), lines + b->line * S, &to, adds);
    }
}

/* ---- weights of a group ---- */

/* Of a path without weights `none`. */
static void pack_line(const frame *f, size_t s, size_t mul, size_t t, const real *row, real none,
                      real *to)
{
    const e3tp_rotated *p = f->p;
    const size_t at = t * T, channels = channels_of(mul, t), place = p->place[0][s];
    if (place != SIZE_MAX && !p->problem->weight_by_path) {
        V_ROLL
        for (size_t c = 0; c < channels; c += V_LANES)
            v_store(to + c, v_load_part(row + place + at, mul - at, c));
        return;
    }
    const v_real same = v_set1(place == SIZE_MAX ? none : row[p->user[s]]);
    for (size_t c = 0; c < channels; c += V_LANES)
        v_store(to + c, same);
}

static void unpack_line(const real *from, size_t n, bool adds, real *to)
{
    V_ROLL
    for (size_t c = 0; c < n; c += V_LANES)
        v_store_part(to, n, c, adds ? v_load(from + c) + v_load_part(to, n, c) : v_load(from + c));
}

static real line_sum(const real *line, size_t n)
{
    v_real sum = v_zero();
    for (size_t c = 0; c < n; c += V_LANES)
        sum += v_load(line + c);
    return v_sum(sum);
}

/* The gradient of source s to a row; adds: to what is there. */
static void unpack_source(const frame *f, size_t s, size_t mul, size_t t, bool adds, real *row)
{
    const e3tp_rotated *p = f->p;
    const real *line = f->base + f->at.gw + p->in_line[0][s];
    const size_t channels = channels_of(mul, t), left = channels ? mul - t * T : 0;
    real *sum = row + p->user[s];
    if (!channels || p->place[0][s] == SIZE_MAX)
        return;
    if (p->problem->weight_by_path)
        *sum = line_sum(line, channels) + (adds || t ? *sum : 0);
    else
        unpack_line(line, left < channels ? left : channels, adds, row + p->place[0][s] + t * T);
}

static void unpack_weights(const frame *f, size_t t, bool adds, real *row)
{
    const e3tp_rotated_step *r = f->p->steps[0], *end = r + f->p->nsteps[0];
    for (; r < end; r++)
        for (size_t s = r->first; s < r->first + r->count; s++)
            unpack_source(f, s, r->mul, t, adds, row);
}

/* ---- rows ---- */

static const real *weights_of(const frame *f, size_t r, bool tangent)
{
    const e3tp_block_call *q = f->c->q;
    return row_of(q, OP_W, tangent ? q->t[OP_W] : q->in[OP_W], r);
}

void E3TP_NAME(e3tp_rotated_set_weights)(const frame *f, size_t r, size_t t, bool tangent)
{
    const e3tp_rotated_step *step = f->p->steps[0], *end = step + f->p->nsteps[0];
    const real *row = f->p->problem->weight_numel ? weights_of(f, r, tangent) : NULL;
    real *to = f->base + (tangent ? f->at.tw : f->at.w);
    for (; step < end && !f->p->in_place; step++)
        for (size_t s = step->first; s < step->first + step->count; s++)
            pack_line(f, s, step->mul, t, row, tangent ? 0 : 1, to + f->p->in_line[0][s]);
}

couplings E3TP_NAME(e3tp_rotated_couplings)(const frame *f, size_t r, size_t t, bool back,
                                            bool tangent)
{
    const e3tp_rotated *p = f->p;
    const bool there = f->row[p->frames.rest + 2] != 0;
    const void *coeff = there ? p->coeff[back] : p->at_zero[back];
    if (!p->in_place)
        return (couplings){coeff, f->base + (tangent ? f->at.tw : f->at.w), p->in_line[back]};
    return (couplings){coeff, weights_of(f, r, tangent) + t * T, p->place[back]};
}

void E3TP_NAME(e3tp_rotated_weights_back)(const frame *f, size_t r, size_t t, const real *u,
                                          const real *gq, const real *v, const real *gp, void *out)
{
    const e3tp_rotated *p = f->p;
    const e3tp_block_call *q = f->c->q;
    const couplings c = E3TP_NAME(e3tp_rotated_couplings)(f, r, t, false, false);
    real *row = (real *)out + (ptrdiff_t)r * q->stride[OP_W];
    real *to = p->in_place ? row + t * T : f->base + f->at.gw;
    const bool adds = !q->stride[OP_W];
    E3TP_NAME(e3tp_rotated_weigh)(f, &c, t, u, gq, p->in_place && adds, to);
    if (v)
        E3TP_NAME(e3tp_rotated_weigh)(f, &c, t, v, gp, true, to);
    if (!p->in_place)
        unpack_weights(f, t, adds, row);
}

const real *E3TP_NAME(e3tp_rotated_set_row)(const frame *f, int k, size_t r, const void *of,
                                            real *packed)
{
    const e3tp_block_call *q = f->c->q;
    const int op = e3tp_rotated_op(k);
    const real *row = row_of(q, op, of, r);
    if (f->p->lies_in_lines[k])
        return row;
    if (q->stride[op] || r == 0)
        packing.pack(&f->p->packed[k], f->p->problem, e3tp_rotated_operand(k), 1, row,
                     q->stride[op], NULL, packed);
    return NULL;
}

real *E3TP_NAME(e3tp_rotated_result_row)(const frame *f, int k, size_t r)
{
    const e3tp_block_call *q = f->c->q;
    const int op = e3tp_rotated_op(k);
    return f->p->lies_in_lines[k] && q->stride[op]
               ? (real *)q->out[op] + (ptrdiff_t)r * q->stride[op]
               : NULL;
}

void E3TP_NAME(e3tp_rotated_unpack_row)(const frame *f, int k, size_t r, real *packed)
{
    const e3tp_block_call *q = f->c->q;
    const int op = e3tp_rotated_op(k);
    if (q->stride[op] || r + 1 == q->n)
        packing.unpack(&f->p->packed[k], f->p->problem, e3tp_rotated_operand(k), 1, packed,
                       (real *)q->out[op] + (ptrdiff_t)r * q->stride[op], q->stride[op], false);
}
