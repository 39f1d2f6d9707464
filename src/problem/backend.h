/* SPDX-License-Identifier: MIT */
/* What a backend must supply. A backend sees rows only: batches, threads, the trees of summed
   gradients, argument checks and workspaces belong to api/. */
#ifndef E3TP_BACKEND_H
#define E3TP_BACKEND_H

#include "core/cpu.h"
#include "problem/problem.h"

/* n rows. Pointers stand at the first row; an operand's row r starts at p + r * stride (MUL_IR,
   IR_MUL, weights) or its component i at p[i * stride + r] (BATCH_LAST), with ix[r] (iy, iw) in
   place of r where that is not NULL (gathered rows, of an operand and its tangent; gradients are
   not gathered). Stride 0: one row serves all n rows (BATCH_LAST: component i at p[i]), and the
   operand's gradient is ADDED, summed over the n rows, to the single row that gx, gy, gw point to;
   otherwise gradients are overwritten. Gradients have their operand's stride. z and gz share sz; sz
   0: the sum of z over the n rows, ascending, is ADDED to the single row z, and one row of gz
   serves all. NULL output: not wanted. Element type: the problem's. */
typedef struct e3tp_rows {
    size_t n;
    const void *x, *y, *w, *gz;
    void *z, *gx, *gy, *gw;
    ptrdiff_t sx, sy, sw, sz;
    const int64_t *ix, *iy, *iw;
    bool past;      /* results are more than caches hold: best written past them */
    bool gw_past;   /* so is gw alone */
    size_t ahead;   /* so many rows on from the first are those of the next call of this worker; 0:
                       not known. Where rows are not gathered */
    bool w_streams; /* weights come from beyond a second-level cache and are best fetched before:
                       behind those of this call are the next one's, if `ahead` does not say more */
    size_t more;    /* so many later rows are in iw behind those of this call */
    /* What the weights of the next call are made of, to be fetched row by row beside the rows of
       this one: so many bytes a row; NULL: nothing. */
    const void *w_source;
    size_t w_source_row;
} e3tp_rows;

static inline bool e3tp_is_second_order(e3tp_pass pass)
{
    return pass == E3TP_DOUBLE_BACKWARD || pass == E3TP_JVP;
}

/* Tangents of x, y and w, with their strides; NULL is zero. */
typedef struct e3tp_tangents {
    const void *x, *y, *w;
} e3tp_tangents;

typedef struct e3tp_backend {
    const char *name;
    e3tp_method method;
    unsigned operations; /* that it serves: bit e3tp_op */
    /* Whether it computes the problem's map, which is of one of its operations; if not, the
     * sentence in why ("gaunt: ... because
     * ..."). */
    bool (*applicable)(const e3tp_problem *p, e3tp_message *why);
    /* Whether what it computes for p is the product itself: where not, AUTO leaves it out, if
       another method serves. NULL: always. */
    bool (*is_exact)(const e3tp_problem *p);
    /* Estimated seconds per row and term for a pass, without building tables. */
    double (*cost)(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass);
    /* Frozen tables of the form that `cost` is about. The problem outlives the state. All memory
       through a. */
    e3tp_status (*create)(void **state, const e3tp_problem *p, e3tp_tier tier,
                          const e3tp_allocator *a, e3tp_message *why);
    /* Other forms of the same map, to other roundings: 1 .. forms - 1, of which form_name has those
       that there are for p, and NULL for others. NULL: create's is the only one. */
    unsigned forms;
    const char *(*form_name)(const e3tp_problem *p, e3tp_tier tier, unsigned form);
    e3tp_status (*create_form)(void **state, const e3tp_problem *p, e3tp_tier tier, unsigned form,
                               const e3tp_allocator *a, e3tp_message *why);
    void (*destroy)(void *state, const e3tp_allocator *a);
    /* Most rows of a call (the unit of scheduling). */
    size_t (*block_rows)(const void *state, e3tp_pass pass);
    /* Most rows of a call that sums z over them; NULL: as block_rows. */
    size_t (*sum_rows)(const void *state);
    /* 64-byte aligned scratch per worker. */
    size_t (*scratch_bytes)(const void *state, e3tp_pass pass);
    /* Of a problem with weights by path: whether the rows of weights in run and run_second are
       those, one for each weighted path in the order of the paths; NULL: no, they are e3nn's. */
    bool (*takes_weights_by_path)(const void *state);
    /* FORWARD (writes z) or BACKWARD (reads gz, writes those of gx, gy, gw that are not NULL), of
       all terms of a sum.
       Cannot fail, allocates nothing. A row's result is independent of n and of its place in the
       block. */
    void (*run)(const void *state, e3tp_pass pass, const e3tp_rows *rows, void *scratch);
    /* Double backward and JVP (gz NULL, no gradients wanted): gx, gy, gw are hx, hy, hw, and z is
       hz; with sz 0 either z or gradients are wanted. Else as run; no weights are factors. NULL:
       block.c composes the passes of forward and backward ones; so it does where has_second, if
       there is one, says no. */
    bool (*has_second)(const void *state);
    void (*run_second)(const void *state, const e3tp_rows *rows, const e3tp_tangents *t,
                       void *scratch);
    /* Needed per row and term, forward or backward (how they count: each backend's README). */
    double (*flops)(const void *state, e3tp_pass pass);
    /* One or more lines of text about the frozen state, via e3tp_append. */
    void (*describe)(const void *state, char *buf, size_t cap, size_t *used);
} e3tp_backend;

#endif
