/* SPDX-License-Identifier: MIT */
/* Sums of rows, whose numbers have 4 or 8 bytes. */
#ifndef E3TP_CORE_SUMS_H
#define E3TP_CORE_SUMS_H

#include <stddef.h>

/* to[i] += from[i], n numbers of `element` bytes. */
void e3tp_sum_add(size_t element, void *to, const void *from, size_t n);
/* to[i] -= from[i]. */
void e3tp_sum_subtract(size_t element, void *to, const void *from, size_t n);
/* to[i] += from[i], and to[i] = from[i] rounded. */
void e3tp_sum_add_wide(double *to, const float *from, size_t n);
void e3tp_sum_round(float *to, const double *from, size_t n);
/* to[i] = a from[i]; to may be from. */
void e3tp_sum_scale(size_t element, double a, const void *from, void *to, size_t n);
/* The sum over leaves, leaf_bytes apart, pairwise: ((0 + 1) + (2 + 3)) + ..., to the first. */
void e3tp_sum_leaves(size_t element, void *first, size_t leaf_bytes, size_t leaves, size_t n);

#endif
