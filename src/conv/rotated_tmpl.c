/* SPDX-License-Identifier: MIT */
/* Blocks of rows of the rotated form, compiled once per tier and real. Exports one const struct. */
#include "conv/rotated_frame.h"

static void forward_row(const frame *f, size_t r)
{
    const e3tp_rotated *p = f->p;
    real *x = f->base + f->at.x, *z = f->base + f->at.z, *u = f->base + f->at.u,
         *q = f->base + f->at.q;
    const real *from = set_row(f, 0, r, f->c->q->in[OP_X], x);
    real *to = result_row(f, 1, r);
    for (size_t t = 0; t < p->tiles; t += GROUP) {
        const couplings c = couplings_of(f, r, t, false, false);
        set_weights(f, r, t, false);
        into_frame(f, 0, t, x, from, u);
        combine(f, &c, t, false, false, u, q);
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
    const couplings c = couplings_of(f, r, t, false, false),
                    back = couplings_of(f, r, t, true, false);
    combine(f, &back, t, true, false, gq, gu);
    if (!f->c->gv)
        return;
    combine(f, &c, t, false, false, u, q);
    add_slopes(f, 1, t, gq, q, slope);
    add_slopes(f, 0, t, u, gu, slope);
}

static void backward_row(const frame *f, size_t r)
{
    const e3tp_block_call *q = f->c->q;
    const bool weighs = q->out[OP_W] && f->p->problem->weight_numel, turns = f->c->gv;
    v_real slope[2] = {v_zero(), v_zero()};
    real *x = f->base + f->at.x, *gz = f->base + f->at.gz, *gx = f->base + f->at.gx;
    const real *of_z = set_row(f, 1, r, q->in[OP_Z], gz),
               *of_x = turns || weighs ? set_row(f, 0, r, q->in[OP_X], x) : NULL;
    real *to = q->out[OP_X] ? result_row(f, 0, r) : NULL;
    for (size_t t = 0; t < f->p->tiles; t += GROUP) {
        set_weights(f, r, t, false);
        into_frame(f, 1, t, gz, of_z, f->base + f->at.gq);
        if (turns || weighs)
            into_frame(f, 0, t, x, of_x, f->base + f->at.u);
        if (turns || q->out[OP_X])
            back_through(f, r, t, slope);
        if (weighs)
            weights_back(f, r, t, f->base + f->at.u, f->base + f->at.gq, NULL, NULL, q->out[OP_W]);
        if (q->out[OP_X])
            out_of_frame(f, 0, t, f->base + f->at.gu, gx, to, !q->stride[OP_X] && r);
    }
    if (q->out[OP_X] && !to)
        unpack_row(f, 0, r, gx);
    if (turns)
        put_vector(f, slope, v_zero(), (real *)f->c->gv + 3 * r);
}

/* Gathered rows lie anywhere: while one is at work the next one is fetched. */
static void fetch_next(const e3tp_block_call *q, size_t width, size_t r)
{
    if (!q->rows[OP_X] || r + 1 == q->n)
        return;
    const real *row = row_of(q, OP_X, q->in[OP_X], r + 1);
    for (size_t i = 0; i < width; i += T)
        __builtin_prefetch(row + i, 0, 2);
}

static void run(const e3tp_rotated *p, const e3tp_rotated_call *c, void *scratch)
{
    static void (*const passes[])(const frame *, size_t) = {
        [E3TP_FORWARD] = forward_row,
        [E3TP_BACKWARD] = backward_row,
        [E3TP_DOUBLE_BACKWARD] = E3TP_NAME(e3tp_rotated_second_row),
        [E3TP_JVP] = E3TP_NAME(e3tp_rotated_second_row)};
    const bool second = e3tp_is_second_order(c->q->pass);
    frame f = {.p = p,
               .c = c,
               .base = scratch,
               .at = e3tp_rotated_rooms(p, second),
               .orders = p->orders + second};
    real *rows = f.base + f.at.frames;
    E3TP_NAME(e3tp_frames)(&p->frames, c->q->n, c->v, rows, f.base + f.at.lines);
    for (size_t r = 0; r < c->q->n; r++) {
        f.row = rows + r * p->frames.width;
        fetch_next(c->q, p->problem->dim[0], r);
        passes[c->q->pass](&f, r);
    }
}

const e3tp_rotated_kernels E3TP_NAME(e3tp_rotated_kernels) = {E3TP_NAME(e3tp_frames), run};
