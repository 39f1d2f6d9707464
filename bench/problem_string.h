/* SPDX-License-Identifier: MIT */
/* Problem strings: "key=value key=value ...", one case each.

     op=tp|gaunt|bracket|complete|matrix|cross|dot|power   dtype=f32|f64
     pass=fwd|bwd|dbl|jvp   threads=N   batch=N   seed=N      name= a label for reports
     method=auto|cg|gaunt|grid|matrix               isa=auto|generic|avx2|avx512|neon
     layout=mul_ir|ir_mul|batch_last                weights=none|shared|row
     shape=channel|path: weights of each channel of a path as e3nn has them, or one for all
     op=tp:  in1= in2= irreps; mode=uvw|uvu|uvv|uuw|uuu|uvuv; lmax_out=L; paths=all|natural (only l3
             of parity (-1)^l3); sep=1|0 (every path its own output block, or one block per irrep);
             out= irreps (needed for uvw and uuw: every path into every block that it fits)
     else:   l1= l2= l3= degrees: "4" is 0..4, "4:4" is 4, "2:6" is 2..6; channels=N; cy=1: y has
             one channel for all (0: as many); zonal=1: y has the order 0 alone; rank=N, with
             weights, cz=1: the same factors of z for all N; op=power: power=N, of x alone, l1= and
             l3=

   y=own|x: y is the array of x, or one of its own.
   gradients=xyw|xw: those that pass=bwd wants.

   dbl and jvp, double backward and JVP, are verified for op=tp and op=power.

   "method=cg,grid" (also for isa, dtype, layout, pass, threads, batch, weights, shape, y) makes
   one case of each: the variants of a group, which are timed in turns. */
#ifndef BENCH_PROBLEM_STRING_H
#define BENCH_PROBLEM_STRING_H

#include <e3tp/e3tp.h>

enum { BENCH_TEXT = 256, BENCH_MAX_VARIANTS = 64, BENCH_MAX_DEGREES = 49 };

typedef struct bench_problem {
    char text[2 * BENCH_TEXT]; /* as given, with one value per key */
    e3tp_op op;
    char in1[BENCH_TEXT], in2[BENCH_TEXT], out[BENCH_TEXT], name[BENCH_TEXT];
    e3tp_mode mode;
    int lmax_out, natural, sep;
    int l1[2], l2[2], l3[2]; /* first, last */
    size_t channels, y_channels, rank, batch;
    int common_output; /* the same factors of z for all terms */
    int power, zonal;
    e3tp_dtype dtype;
    e3tp_pass pass;
    e3tp_method method;
    e3tp_isa isa;
    e3tp_layout layout;
    int weights; /* e3tp_weights, -1: the library's default */
    int by_path; /* one weight for all channels of a path */
    int square;  /* y is x */
    int skip_gy; /* no gradient by y */
    int threads;
    unsigned long long seed;
} bench_problem;

/* Fills p [cap] with the variants of a line, returns their number; 0 with a sentence in why
 * [cap_why] on an error. */
size_t bench_problem_parse(const char *line, bench_problem *p, size_t cap, char *why,
                           size_t cap_why);
/* As problem strings have it. */
const char *bench_pass_name(e3tp_pass pass);
const char *bench_op_name(e3tp_op op);
/* Not a product of irreps by paths. */
static inline int bench_is_signal(e3tp_op op)
{
    return op != E3TP_OP_TENSOR_PRODUCT;
}
/* Terms of a sum of products of signals that have factors of operand k of their own. */
static inline size_t bench_factor_terms(const bench_problem *p, int k)
{
    return k == 2 && p->common_output ? 1 : p->rank;
}
/* Double backward or JVP. */
int bench_is_second_order(e3tp_pass pass);

#endif
