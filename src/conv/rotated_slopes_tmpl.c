/* SPDX-License-Identifier: MIT */
/* Turns of lines in the frame: slopes by them, and what a tangent of the vector makes of them,
   compiled once per tier and real. */
#include "conv/rotated_frame.h"

/* ---- slopes ---- */

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

void E3TP_NAME(e3tp_rotated_slopes)(const frame *f, int k, size_t t, const real *a, const real *b,
                                    v_real slope[2])
{
    const e3tp_rotated *p = f->p;
    const e3tp_rotated_generators *g = &p->generators;
    const real *coeff = g->coeff;
    const size_t n = p->problem->nblocks[e3tp_rotated_operand(k)];
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block q = p->blocks[k][i];
        const size_t channels = channels_of(q.mul, t),
                     end = f->orders > p->orders ? g->pairs[q.l + 1] : g->coupled[q.l];
        for (size_t h = g->pairs[q.l]; h < end && channels; h++) {
            const struct e3tp_rotated_pair e = g->pair[h];
            const size_t ei = (q.line + e.i) * S, ej = (q.line + e.j) * S;
            slope[e.axis] =
                v_fma(v_set1(coeff[e.entry]),
                      turned_product(a + ei, a + ej, b + ei, b + ej, channels), slope[e.axis]);
        }
    }
}

/* ---- vectors ---- */

/* The axes of the frame: rows x, along the vector, z. */
static void set_axes(const frame *f, real axes[3][3])
{
    const e3tp_frame_map *m = &f->p->frames;
    const real cb = f->row[m->rest], sb = f->row[m->rest + 1];
    const real ca = m->lmax ? f->row[m->cosines + 1] : 1, sa = m->lmax ? f->row[m->sines + 1] : 0;
    const real all[3][3] = {{ca, 0, -sa}, {sb * sa, cb, sb * ca}, {cb * sa, -sb, cb * ca}};
    memcpy(axes, all, sizeof all);
}

/* The number over the vector's length; 0 where that is 0. */
static real by_length(const frame *f, real a)
{
    const real *inverse = f->row + f->p->frames.rest + 2;
    return a * inverse[0] * inverse[1];
}

void E3TP_NAME(e3tp_rotated_put_vector)(const frame *f, const v_real slope[2], v_real along,
                                        real *gv)
{
    real axes[3][3];
    set_axes(f, axes);
    const real x = by_length(f, v_sum(slope[0])), y = by_length(f, v_sum(along)),
               z = by_length(f, v_sum(slope[1]));
    for (int i = 0; i < 3; i++)
        gv[i] = x * axes[2][i] + y * axes[1][i] - z * axes[0][i];
}

void E3TP_NAME(e3tp_rotated_set_turn)(const frame *f, const real *tv, real turn[3])
{
    real axes[3][3], part[3];
    set_axes(f, axes);
    for (int k = 0; k < 3; k++)
        part[k] = by_length(f, axes[k][0] * tv[0] + axes[k][1] * tv[1] + axes[k][2] * tv[2]);
    turn[0] = -part[2], turn[1] = part[0], turn[2] = part[1];
}

/* ---- lines turned ---- */

/* A row of O + d: of both axes the first non-zero and what they are times; of d. */
typedef struct turned_row {
    const uint32_t *first;
    const real *coeff;
    const uint8_t *line;
    real times[3];
    const real *of, *own, *from; /* the block's lines, that of the row; what is added to */
    real *to;
} turned_row;

V_INLINE void turned_part(const int nv, const turned_row *r, size_t at)
{
    const v_real d = v_set1(r->times[2]);
    v_real sum[4];
    V_UNROLL
    for (int v = 0; v < nv; v++) {
        const size_t c = at + (size_t)(v * V_LANES);
        sum[v] = v_fma(d, v_load(r->own + c), r->from ? v_load(r->from + c) : v_zero());
    }
    for (uint32_t e = r->first[0]; e < r->first[2]; e++) {
        const v_real c = v_set1(r->times[e >= r->first[1]] * r->coeff[e]);
        const real *of = r->of + r->line[e] * S + at;
        V_UNROLL
        for (int v = 0; v < nv; v++)
            sum[v] = v_fma(c, v_load(of + v * V_LANES), sum[v]);
    }
    V_UNROLL
    for (int v = 0; v < nv; v++)
        v_store(r->to + at + (size_t)(v * V_LANES), sum[v]);
}

void E3TP_NAME(e3tp_rotated_turned)(const frame *f, int k, size_t t, const real turn[3],
                                    const real *of, const real *from, real *to)
{
    const e3tp_rotated *p = f->p;
    const e3tp_rotated_generators *g = &p->generators;
    const size_t n = p->problem->nblocks[e3tp_rotated_operand(k)];
    for (size_t i = 0; i < n; i++) {
        const e3tp_rotated_block b = p->blocks[k][i];
        const size_t channels = channels_of(b.mul, t),
                     l = (size_t)b.l < p->orders ? (size_t)b.l : p->orders;
        for (size_t r = 0; r <= 2 * l; r++) {
            const size_t line = (b.line + r) * S;
            const turned_row row = {g->first + 2 * ((size_t)(b.l * b.l) + r),
                                    g->coeff,
                                    g->line,
                                    {turn[0], turn[1], turn[2]},
                                    of + b.line * S,
                                    of + line,
                                    from ? from + line : NULL,
                                    to + line};
#define VECTORS(nv, at) turned_part(nv, &row, at)
            OVER_VECTORS(4, channels, VECTORS);
#undef VECTORS
        }
    }
}
