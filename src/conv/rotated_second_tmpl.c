/* SPDX-License-Identifier: MIT */
/* Rows of second derivatives of the rotated form (rotated.h has the formulas), compiled once per
   tier and real. */
#include "conv/rotated_frame.h"

/* A row under way. Lines in the frame: u = F x, a = F ggx, of them moved u = a + O u, pulled = P'
   g, h = F hx; and g = F gz, moved g = O g, q = P u, k = F hz. */
typedef struct second {
    const frame *f;
    const e3tp_block_call *call;
    size_t r, t;
    bool jvp, turns, weighs;           /* the pass; ggv, ggw are there */
    bool wants_w;                      /* hw, or the first-order gradient */
    bool takes_u, takes_a;             /* what follows of u; of a and moved u */
    real turn[3], back[3], d;          /* O, less it, alone; d */
    const real *of_x, *of_ggx, *of_gz; /* the caller's rows, as set_row gives them */
    real *u, *a, *moved_u, *pulled, *h, *g, *moved_g, *q, *k;
    real *x, *ggx, *gz; /* packed */
} second;

static second second_of(const frame *f, size_t r)
{
    const e3tp_rotated_room *at = &f->at;
    const e3tp_block_call *q = f->c->q;
    const bool weights = f->p->problem->weight_numel;
    real *base = f->base;
    second s = {.f = f,
                .call = q,
                .r = r,
                .jvp = q->pass == E3TP_JVP,
                .turns = f->c->tv,
                .weighs = weights && q->t[OP_W],
                .wants_w = weights && (q->out[OP_W] || f->c->gw),
                .u = base + at->u,
                .a = base + at->a,
                .moved_u = base + at->moved_u,
                .pulled = base + at->pulled,
                .h = base + at->gu,
                .g = base + at->gq,
                .moved_g = base + at->moved_g,
                .q = base + at->q,
                .k = base + at->k,
                .x = base + at->x,
                .ggx = base + at->ggx,
                .gz = base + at->gz};
    if (s.turns)
        set_turn(f, (const real *)f->c->tv + 3 * r, s.turn);
    for (int i = 0; i < 2; i++)
        s.back[i] = -s.turn[i];
    s.d = s.turn[2], s.turn[2] = 0;
    s.takes_a = s.jvp || f->c->gv || s.wants_w;
    s.takes_u = s.jvp ? s.turns || s.weighs : s.takes_a;
    return s;
}

static void set_rows(second *s)
{
    const e3tp_block_call *q = s->call;
    s->of_x = s->takes_u ? set_row(s->f, 0, s->r, q->in[OP_X], s->x) : NULL;
    s->of_ggx = s->takes_a && q->t[OP_X] ? set_row(s->f, 0, s->r, q->t[OP_X], s->ggx) : NULL;
    s->of_gz = !s->jvp ? set_row(s->f, 1, s->r, q->in[OP_Z], s->gz) : NULL;
}

static void clear(const second *s, int k, real *lines)
{
    memset(lines, 0, s->f->p->lines[k] * S * sizeof(real));
}

/* Weights of a group, u, a and moved u. */
static void set_group(const second *s)
{
    const frame *f = s->f;
    set_weights(f, s->r, s->t, false);
    if (s->weighs)
        set_weights(f, s->r, s->t, true);
    if (s->takes_u)
        into_frame(f, 0, s->t, s->x, s->of_x, s->u);
    if (!s->takes_a)
        return;
    if (s->call->t[OP_X])
        into_frame(f, 0, s->t, s->ggx, s->of_ggx, s->a);
    else
        clear(s, 0, s->a);
    if (s->turns)
        turned_lines(f, 0, s->t, s->turn, s->u, s->a, s->moved_u);
}

/* P, or P of the tangents of weights; back: transposed. */
static void couple(const second *s, bool back, bool tangent, bool adds, const real *from, real *to)
{
    const couplings c = couplings_of(s->f, s->r, s->t, back, tangent);
    combine(s->f, &c, s->t, back, adds, from, to);
}

static const real *moved(const second *s)
{
    return s->turns ? s->moved_u : s->a;
}

/* k, and for gradients by the vector less d q. */
static void push(const second *s)
{
    const real back[3] = {s->back[0], s->back[1], s->jvp ? 0 : -s->d};
    couple(s, false, false, false, moved(s), s->k);
    if (s->weighs)
        couple(s, false, true, true, s->u, s->k);
    if (!s->turns)
        return;
    couple(s, false, false, false, s->u, s->q);
    turned_lines(s->f, 1, s->t, back, s->q, s->k, s->k);
}

/* pulled and h. */
static void pull(const second *s)
{
    couple(s, true, false, false, s->g, s->pulled);
    if (s->turns)
        couple(s, true, false, false, s->moved_g, s->h);
    if (s->weighs)
        couple(s, true, true, s->turns, s->g, s->h);
    if (s->turns)
        turned_lines(s->f, 0, s->t, s->back, s->pulled, s->h, s->h);
    else if (!s->weighs)
        clear(s, 0, s->h);
}

/* ---- the gradient by the vector ---- */

/* The sum of p . (a - b) over lines of operand k, of orders that couple and the next, lanes apart;
   a NULL: 0, else it becomes a - d u. */
static v_real move_along(const second *s, int k, const real *p, const real *b, const real *u,
                         real *a)
{
    const e3tp_rotated *of = s->f->p;
    const size_t n = of->problem->nblocks[e3tp_rotated_operand(k)];
    const v_real d = v_set1(s->d);
    v_real sum[2] = {v_zero(), v_zero()};
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block q = of->blocks[k][i];
        const size_t channels = channels_of(q.mul, s->t),
                     l = (size_t)q.l < of->orders ? (size_t)q.l : of->orders;
        for (size_t line = q.line; line <= q.line + 2 * l; line++)
            for (size_t c = line * S; c < line * S + channels; c += V_LANES) {
                const v_real was = sum[0], x = a ? v_load(a + c) : v_zero();
                sum[0] = sum[1];
                sum[1] = v_fma(v_load(p + c), x - v_load(b + c), was);
                if (a)
                    v_store(a + c, v_fnma(d, v_load(u + c), x));
            }
    }
    return sum[0] + sum[1];
}

/* Uses up a. */
static void add_vector(const second *s, v_real slope[2], v_real *along)
{
    push(s);
    if (s->turns) {
        *along += move_along(s, 0, s->pulled, s->moved_u, s->u, s->a);
        *along += move_along(s, 1, s->moved_g, s->q, NULL, NULL);
    }
    add_slopes(s->f, 1, s->t, s->g, s->k, slope);
    add_slopes(s->f, 0, s->t, s->u, s->h, slope);
    add_slopes(s->f, 0, s->t, s->a, s->pulled, slope);
}

/* ---- */

static void add_weights(const second *s)
{
    const frame *f = s->f;
    if (s->call->out[OP_W])
        weights_back(f, s->r, s->t, moved(s), s->g, s->turns ? s->u : NULL, s->moved_g,
                     s->call->out[OP_W]);
    if (f->c->gw)
        weights_back(f, s->r, s->t, s->u, s->g, NULL, NULL, f->c->gw);
}

static void add_gradients(const second *s, v_real slope[2], v_real *along)
{
    const frame *f = s->f;
    into_frame(f, 1, s->t, s->gz, s->of_gz, s->g);
    if (s->turns)
        turned_lines(f, 1, s->t, s->turn, s->g, NULL, s->moved_g);
    if (s->call->out[OP_X] || f->c->gv)
        pull(s);
    if (s->wants_w)
        add_weights(s);
    if (f->c->gv)
        add_vector(s, slope, along);
}

void E3TP_NAME(e3tp_rotated_second_row)(const frame *f, size_t r)
{
    second s = second_of(f, r);
    v_real slope[2] = {v_zero(), v_zero()}, along = v_zero();
    const int k = s.jvp, op = e3tp_rotated_op(k);
    real *packed = f->base + (k ? f->at.z : f->at.gx),
         *to = s.call->out[op] ? result_row(f, k, r) : NULL;
    set_rows(&s);
    for (s.t = 0; s.t < f->p->tiles; s.t += GROUP) {
        set_group(&s);
        if (s.jvp)
            push(&s);
        else
            add_gradients(&s, slope, &along);
        if (s.call->out[op])
            out_of_frame(f, k, s.t, k ? s.k : s.h, packed, to, !s.call->stride[op] && r);
    }
    if (s.call->out[op] && !to)
        unpack_row(f, k, r, packed);
    if (f->c->gv)
        put_vector(f, slope, along, (real *)f->c->gv + 3 * r);
}
