/* SPDX-License-Identifier: MIT */
#include "core/sums.h"

#define OF_TYPE(type)                                                      \
    static void add_##type(type *to, const type *from, size_t n)           \
    {                                                                      \
        for (size_t i = 0; i < n; i++)                                     \
            to[i] += from[i];                                              \
    }                                                                      \
    static void subtract_##type(type *to, const type *from, size_t n)      \
    {                                                                      \
        for (size_t i = 0; i < n; i++)                                     \
            to[i] -= from[i];                                              \
    }                                                                      \
    static void scale_##type(type a, const type *from, type *to, size_t n) \
    {                                                                      \
        for (size_t i = 0; i < n; i++)                                     \
            to[i] = a * from[i];                                           \
    }
OF_TYPE(float)
OF_TYPE(double)

void e3tp_sum_add(size_t element, void *to, const void *from, size_t n)
{
    if (element == sizeof(double))
        add_double(to, from, n);
    else
        add_float(to, from, n);
}

void e3tp_sum_subtract(size_t element, void *to, const void *from, size_t n)
{
    if (element == sizeof(double))
        subtract_double(to, from, n);
    else
        subtract_float(to, from, n);
}

void e3tp_sum_add_wide(double *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

void e3tp_sum_round(float *to, const double *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float)from[i];
}

void e3tp_sum_scale(size_t element, double a, const void *from, void *to, size_t n)
{
    if (element == sizeof(double))
        scale_double(a, from, to, n);
    else
        scale_float((float)a, from, to, n);
}

void e3tp_sum_leaves(size_t element, void *first, size_t leaf_bytes, size_t leaves, size_t n)
{
    char *leaf = first;
    for (size_t step = 1; step < leaves; step *= 2)
        for (size_t i = 0; i + step < leaves; i += 2 * step)
            e3tp_sum_add(element, leaf + i * leaf_bytes, leaf + (i + step) * leaf_bytes, n);
}
