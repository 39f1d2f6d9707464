/* SPDX-License-Identifier: MIT */
/* Products of signals on the sphere: which irreps their operands have, and the strength of every
   coupling. A signal is a function or a vector field, given by coefficients in real orthonormal
   harmonics. */
#ifndef E3TP_SIGNALS_H
#define E3TP_SIGNALS_H

#include "problem/problem.h"

/* The harmonic V^(j,l): of degree j, its Cartesian components of degree l. Functions: l = j. */
typedef struct e3tp_harmonic {
    int j, l, parity;
} e3tp_harmonic;

/* Of an operand, at most: 25 degrees by three. */
enum { E3TP_MOST_HARMONICS = 75 };

/* All of e3tp_field_type. */
enum { E3TP_FIELD_TYPES = E3TP_FIELD_BELOW | E3TP_FIELD_MAGNETIC | E3TP_FIELD_ABOVE };

static inline bool e3tp_op_is_signal(e3tp_op op)
{
    return op != E3TP_OP_TENSOR_PRODUCT;
}

/* Whether it is a product of two functions on the sphere. */
static inline bool e3tp_op_is_of_functions(e3tp_op op)
{
    return op == E3TP_OP_GAUNT || op == E3TP_OP_BRACKET || op == E3TP_OP_COMPLETE ||
           op == E3TP_OP_MATRIX;
}

/* Name of an operation ("gaunt"), NULL if there is none. */
const char *e3tp_op_name(e3tp_op op);

/* Whether operand `which` (0 x, 1 y, 2 z; others: no) of an operation is a vector field. */
bool e3tp_signal_is_field(e3tp_op op, int which);
/* The harmonics of operand `which` of s, to out; returns how many. */
size_t e3tp_signal_harmonics(const e3tp_spec *s, int which, e3tp_harmonic *out);
/* Largest degree of the three lists over two, rounded up: the least spin whose matrices hold all.
 */
int e3tp_signal_least_spin(const e3tp_spec *s);
/* The least spin, from that on, without a 6j symbol that is zero by accident; -1 if there is none
   up to E3TP_SO3_LMAX. */
int e3tp_signal_full_spin(const e3tp_spec *s);
/* kappa with the sign that makes z = sum kappa W : x (x) y exact; 0 where nothing couples.
     gaunt, bracket, complete  Gaunt or bracket strength, by the parity of z
     matrix  (-1)^l3 {l1 l2 l3; h h h} for X = sum x W(h,h,l1), Z = X Y, z = W(h,h,l3) : Z
     vector  c g(l1,l2,l3) sqrt((2j1+1)(2j2+1)(2j3+1)) {l1 l2 l3; 1 1 s; j1 j2 j3}, the 9j symbol
             with s = 1, c = sqrt 6 (cross) or s = 0, c = sqrt 3 (dot), for
             V^(j,l)_k = sqrt(2j+1) W(l,1,j) : Y_l e_k  (arXiv 2602.21466 calls these generalised
             Gaunt coefficients) */
double e3tp_signal_strength(e3tp_op op, int spin, const e3tp_harmonic *x, const e3tp_harmonic *y,
                            const e3tp_harmonic *z);
/* False, with the sentence of a method that takes no y about the pole. */
bool e3tp_refuse_zonal(const char *method, e3tp_message *why);
/* Lines about the product: terms of a sum, its spin, couplings that are zero by accident, a product
   that is zero. */
void e3tp_signal_describe(const e3tp_problem *p, char *buf, size_t cap, size_t *used);

#endif
