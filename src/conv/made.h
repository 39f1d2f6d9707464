/* SPDX-License-Identifier: MIT */
/* Operands that a segment makes in its scratch, and the way back from their gradients to what they
   are made of. With y = Y(v), w = sum over k of b_k(a) M_k, and tangents ggv, gga, ggM,

     ty = Y'(v) ggv,   tw = sum of b_k ggM_k + tb_k M_k,   tb = b'(a) gga

   stand beside them. Gradients of the product by w, gw, and by y, gy, give

     gv = gy Y'(v),   gM_k = b_k gw,   ga = gw . w',   w' = sum of b'_k(a) M_k

   (activations: ga_k = M_k . gw), and of second order, with hy and hw beside gy and gw,

     hv = hy Y' + gy Y'' ggv,   hM_k = b_k hw + tb_k gw,
     ha = hw . w' + gw . (sum of b'_k ggM_k) + gga gw . w''

   (activations: ha_k = M_k . hw + ggM_k . gw). Slopes are summed for each weight before they meet
   gw: the terms of a spline's slope cancel, and more digits are left so. Where a is the length of
   v, ga goes on to gv, and its derivative to hv. */
#ifndef E3TP_CONV_MADE_H
#define E3TP_CONV_MADE_H

#include "conv/segment.h"

/* Lays out the scratch of a sweep whose results are set. */
void e3tp_made_lay_out(e3tp_sweep *s);
/* Makes y and w, and their tangents, where the call makes them. */
void e3tp_made_operands(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                        char *scratch, e3tp_block_call *q);
/* Where the gradient by operand k, which is made, goes; again: of the backward pass beside a double
   backward. */
void *e3tp_made_gradient(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                         char *scratch, int k, bool again);
/* From these gradients to the caller's of v and a. */
void e3tp_made_results(const e3tp_sweep *s, const e3tp_segment *g, const e3tp_sinks *to,
                       char *scratch);

#endif
