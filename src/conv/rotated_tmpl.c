/* SPDX-License-Identifier: MIT */
/* Blocks of rows of the rotated form, compiled once per tier and real. Exports one const struct. */
#include "conv/rotated_frame.h"

#define packing E3TP_NAME(e3tp_packed_kernels)

/* Operand k (0 x, 1 z) of the group from tile t on to lines in the frame; row: the caller's, or
   NULL for what is packed. */
static void into_frame(const frame *f, int k, size_t t, real *packed, const real *row, real *lines)
{
    const size_t n = f->p->problem->nblocks[e3tp_rotated_operand(k)];
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block *b = &f->p->blocks[k][i];
        const view from = row ? own_view(f, k, i, t, (real *)row) : packed_view(f, k, i, t, packed);
        E3TP_NAME(e3tp_rotated_in)(f, b->l, channels_of(b->mul, t), &from, lines + b->line * S);
    }
}

static void out_of_frame(const frame *f, int k, size_t t, const real *lines, real *packed,
                         real *row, bool adds)
{
    const size_t n = f->p->problem->nblocks[e3tp_rotated_operand(k)];
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block *b = &f->p->blocks[k][i];
        const view to = row ? own_view(f, k, i, t, row) : packed_view(f, k, i, t, packed);
        E3TP_NAME(e3tp_rotated_out)
        (f, b->l, channels_of(b->mul, t), lines + b->line * S, &to, adds);
    }
}

/* ---- gradients of directions ---- */

/* sum over n channels of a[i] b[j] - a[j] b[i], lanes apart. */
V_INLINE v_real turned_product(const real *ai, const real *aj, const real *bi, const real *bj,
                               size_t n)
{
    v_real sum[2] = {v_zero(), v_zero()};
    for (size_t c = 0; c < n; c += V_LANES) {
        const v_real s = v_fma(v_load(ai + c), v_load(bj + c), sum[0]);
        sum[0] = sum[1];
        sum[1] = v_fnma(v_load(aj + c), v_load(bi + c), s);
    }
    return sum[0] + sum[1];
}

/* slope[axis] += a . G b over the blocks of operand k, lines in the frame. */
static void add_slopes(const frame *f, int k, size_t t, const real *a, const real *b,
                       v_real slope[2])
{
    const e3tp_rotated *p = f->p;
    const real *coeff = p->generator_coeff;
    const size_t n = p->problem->nblocks[e3tp_rotated_operand(k)];
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block q = p->blocks[k][i];
        const size_t channels = channels_of(q.mul, t), at = q.line * S;
        for (size_t g = p->generators[q.l]; g < p->generators[q.l + 1] && channels; g++) {
            const e3tp_rotated_generator e = p->generator[g];
            const size_t ei = at + order(e.i), ej = at + order(e.j);
            slope[e.axis] =
                v_fma(v_set1(coeff[g]), turned_product(a + ei, a + ej, b + ei, b + ej, channels),
                      slope[e.axis]);
        }
    }
}

/* From slopes by turns about x and z, in the frame, to the gradient by the vector. */
static void put_vector(const frame *f, const v_real slope[2], real *gv)
{
    const e3tp_frame_map *m = &f->p->frames;
    const real *rest = f->row + m->rest;
    const real ca = m->lmax ? f->row[m->cosines + 1] : 0, sa = m->lmax ? f->row[m->sines + 1] : 0;
    const real cb = rest[0], sb = rest[1];
    const real x = v_sum(slope[0]) * rest[2] * rest[3], z = v_sum(slope[1]) * rest[2] * rest[3];
    gv[0] = x * (cb * sa) - z * ca;
    gv[1] = -(x * sb);
    gv[2] = x * (cb * ca) + z * sa;
}

/* ---- weights of a group ---- */

static void pack_line(const frame *f, size_t s, size_t mul, size_t t, const real *row, real *to)
{
    const e3tp_rotated *p = f->p;
    const size_t at = t * T, channels = channels_of(mul, t), place = p->place[0][s];
    for (size_t c = 0; c < channels; c += V_LANES)
        v_store(to + c, place == SIZE_MAX            ? v_set1(1)
                        : p->problem->weight_by_path ? v_set1(row[p->user[s]])
                                                     : v_load_part(row + place + at, mul - at, c));
}

static void pack_weights(const frame *f, size_t t, const real *row)
{
    const e3tp_rotated_step *r = f->p->steps[0], *end = r + f->p->nsteps[0];
    for (; r < end; r++)
        for (size_t s = r->first; s < r->first + r->count; s++)
            pack_line(f, s, r->mul, t, row, f->base + f->at.w + f->p->in_line[0][s]);
}

static void unpack_line(const real *from, size_t n, bool adds, real *to)
{
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

static const real *row_of(const e3tp_block_call *q, int k, size_t r)
{
    const size_t at = k < OP_Z && q->rows[k] ? (size_t)q->rows[k][r] : r;
    return (const real *)q->in[k] + (ptrdiff_t)at * q->stride[k];
}

/* The couplings of row r in the group from tile t on; back: P'. */
static couplings couplings_of(const frame *f, size_t r, size_t t, bool back)
{
    const e3tp_rotated *p = f->p;
    const bool there = f->row[p->frames.rest + 2] != 0;
    const void *coeff = there ? p->coeff[back] : p->at_zero[back];
    if (!p->in_place)
        return (couplings){coeff, f->base + f->at.w, p->in_line[back]};
    return (couplings){coeff, row_of(f->c->q, OP_W, r) + t * T, p->place[back]};
}

static void set_weights(const frame *f, size_t r, size_t t)
{
    if (!f->p->in_place)
        pack_weights(f, t, f->p->problem->weight_numel ? row_of(f->c->q, OP_W, r) : NULL);
}

/* Row r of operand k (0 x, 1 z), gathered or one row for all: the caller's where its channels lie
   in lines, else NULL and it is packed where it is not yet. */
static const real *set_row(const frame *f, int k, size_t r, real *to)
{
    const e3tp_block_call *q = f->c->q;
    const int op = e3tp_rotated_op(k);
    if (f->p->lies_in_lines[k])
        return row_of(q, op, r);
    if (q->stride[op] || r == 0)
        packing.pack(&f->p->packed[k], f->p->problem, e3tp_rotated_operand(k), 1, row_of(q, op, r),
                     q->stride[op], NULL, to);
    return NULL;
}

/* Where row r of z or gx goes as it is made; NULL: it waits packed, for a sum or to be unpacked. */
static real *result_row(const frame *f, int k, size_t r)
{
    const e3tp_block_call *q = f->c->q;
    const int op = e3tp_rotated_op(k);
    return f->p->lies_in_lines[k] && q->stride[op]
               ? (real *)q->out[op] + (ptrdiff_t)r * q->stride[op]
               : NULL;
}

/* Row r of z or gx from its tiles; sums after the last row. */
static void unpack_row(const frame *f, int k, size_t r, real *from)
{
    const e3tp_block_call *q = f->c->q;
    const int op = e3tp_rotated_op(k);
    if (q->stride[op] || r + 1 == q->n)
        packing.unpack(&f->p->packed[k], f->p->problem, e3tp_rotated_operand(k), 1, from,
                       (real *)q->out[op] + (ptrdiff_t)r * q->stride[op], q->stride[op], false);
}

static void forward_row(const frame *f, size_t r)
{
    const e3tp_rotated *p = f->p;
    real *x = f->base + f->at.x, *z = f->base + f->at.z, *u = f->base + f->at.u,
         *q = f->base + f->at.q;
    const real *from = set_row(f, 0, r, x);
    real *to = result_row(f, 1, r);
    for (size_t t = 0; t < p->tiles; t += GROUP) {
        const couplings c = couplings_of(f, r, t, false);
        set_weights(f, r, t);
        into_frame(f, 0, t, x, from, u);
        E3TP_NAME(e3tp_rotated_combine)(f, &c, t, false, u, q);
        out_of_frame(f, 1, t, q, z, to, !f->c->q->stride[OP_Z] && r);
    }
    if (!to)
        unpack_row(f, 1, r, z);
}

/* gu and, for directions, q. */
static void back_through(const frame *f, size_t r, size_t t, v_real slope[2])
{
    const real *u = f->base + f->at.u, *gq = f->base + f->at.gq;
    real *gu = f->base + f->at.gu, *q = f->base + f->at.q;
    const couplings c = couplings_of(f, r, t, false), back = couplings_of(f, r, t, true);
    E3TP_NAME(e3tp_rotated_combine)(f, &back, t, true, gq, gu);
    if (!f->c->gv)
        return;
    E3TP_NAME(e3tp_rotated_combine)(f, &c, t, false, u, q);
    add_slopes(f, 1, t, gq, q, slope);
    add_slopes(f, 0, t, u, gu, slope);
}

static void weights_back(const frame *f, size_t r, size_t t)
{
    const e3tp_rotated *p = f->p;
    const e3tp_block_call *q = f->c->q;
    const real *u = f->base + f->at.u, *gq = f->base + f->at.gq;
    const couplings c = couplings_of(f, r, t, false);
    real *row = (real *)q->out[OP_W] + (ptrdiff_t)r * q->stride[OP_W];
    const bool adds = !q->stride[OP_W];
    if (p->in_place) {
        E3TP_NAME(e3tp_rotated_weigh)(f, &c, t, u, gq, adds, row + t * T);
    } else {
        E3TP_NAME(e3tp_rotated_weigh)(f, &c, t, u, gq, false, f->base + f->at.gw);
        unpack_weights(f, t, adds, row);
    }
}

static void backward_row(const frame *f, size_t r)
{
    const e3tp_block_call *q = f->c->q;
    const bool weighs = q->out[OP_W] && f->p->problem->weight_numel, turns = f->c->gv;
    v_real slope[2] = {v_zero(), v_zero()};
    real *x = f->base + f->at.x, *gz = f->base + f->at.gz, *gx = f->base + f->at.gx;
    const real *of_z = set_row(f, 1, r, gz), *of_x = turns || weighs ? set_row(f, 0, r, x) : NULL;
    real *to = q->out[OP_X] ? result_row(f, 0, r) : NULL;
    for (size_t t = 0; t < f->p->tiles; t += GROUP) {
        set_weights(f, r, t);
        into_frame(f, 1, t, gz, of_z, f->base + f->at.gq);
        if (turns || weighs)
            into_frame(f, 0, t, x, of_x, f->base + f->at.u);
        if (turns || q->out[OP_X])
            back_through(f, r, t, slope);
        if (weighs)
            weights_back(f, r, t);
        if (q->out[OP_X])
            out_of_frame(f, 0, t, f->base + f->at.gu, gx, to, !q->stride[OP_X] && r);
    }
    if (q->out[OP_X] && !to)
        unpack_row(f, 0, r, gx);
    if (turns)
        put_vector(f, slope, (real *)f->c->gv + 3 * r);
}

static void run(const e3tp_rotated *p, const e3tp_rotated_call *c, void *scratch)
{
    frame f = {.p = p, .c = c, .base = scratch, .at = e3tp_rotated_rooms(p)};
    real *rows = f.base + f.at.frames;
    E3TP_NAME(e3tp_frames)(&p->frames, c->q->n, c->v, rows, f.base + f.at.lines);
    for (size_t r = 0; r < c->q->n; r++) {
        f.row = rows + r * p->frames.width;
        (c->q->pass == E3TP_FORWARD ? forward_row : backward_row)(&f, r);
    }
}

const e3tp_rotated_kernels E3TP_NAME(e3tp_rotated_kernels) = {E3TP_NAME(e3tp_frames), run};
