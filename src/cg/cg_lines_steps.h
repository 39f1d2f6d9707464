/* SPDX-License-Identifier: MIT */
/* What straight-line kernels share, and how those of whole products read their operands. */
#ifndef E3TP_CG_LINES_STEPS_H
#define E3TP_CG_LINES_STEPS_H

#include "cg/cg_lines.h"
#include "simd/name.h"
#include "simd/vec.h"

#define CAT3_(a, b, c) a##b##c
#define CAT3(a, b, c) CAT3_(a, b, c)
#define LINES_OF CAT3(e3tp_cg_lines, _, E3TP_REAL)

enum { T = 64 / sizeof(real) };

#define K(c) v_set1(R(c))

/* Products before sums: the compiler may keep them in registers, but not make them late. */
#define KEEP_ORDER __asm__ volatile("" : : : "memory")

/* The degree of component c of all, to l = 4. */
V_INLINE int degree_of(int c)
{
    return c < 1 ? 0 : c < 4 ? 1 : c < 9 ? 2 : c < 16 ? 3 : 4;
}

/* One vector of each line of an operand of degrees first..last, times its factors, at `to`; returns
   where they are. More than registers hold are copied in a loop, as each line would need an
   address, and read by the code that follows through a pointer of unknown value, from the middle
   on, which makes short instructions. */
V_INLINE const v_real *take(const int first, const int last, const LINES_OF *lines, size_t at,
                            v_real *to)
{
    const int n = (last + 1) * (last + 1) - first * first;
    const real *from = lines->v + at, *w = lines->w ? lines->w + at : NULL;
    if (n <= 9) {
        V_UNROLL
        for (int i = 0; i < n; i++)
            to[i] = v_loadu(from + (size_t)i * lines->step);
        if (w)
            V_UNROLL
        for (int i = 0; i < n; i++)
            to[i] *= v_loadu(w + (size_t)(degree_of(i + first * first) - first) * lines->w_step);
        return to;
    }
    V_ROLL
    for (int i = 0; i < n; i++, from += lines->step)
        to[i] = v_loadu(from);
    if (w)
        V_ROLL
    for (int d = first, i = 0; d <= last; d++, w += lines->w_step)
        V_ROLL
    for (int m = -d; m <= d; m++, i++)
        to[i] *= v_loadu(w);
    const v_real *middle = to + n / 2;
    __asm__ volatile("" : "+r"(middle) : : "memory");
    return middle - n / 2;
}

#endif
