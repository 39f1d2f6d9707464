/* SPDX-License-Identifier: MIT */
/* Complex numbers in vectors: neighbouring lanes are real and imaginary part. */
#ifndef E3TP_SIMD_COMPLEX_H
#define E3TP_SIMD_COMPLEX_H

#include "simd/vec.h"

/* Lanes of two vectors a (0..n-1) and b (n..2n-1), within 16 bytes where that is cheaper: the two
   ZIPs interleave a and b in some order, EVEN and ODD of the zipped pair give a and b back. */
#if V_BYTES == 16 && defined(E3TP_REAL_F64)
#define V_SWAP 1, 0
#define V_ZIP_LOW 0, 2
#define V_ZIP_HIGH 1, 3
#define V_EVEN 0, 2
#define V_ODD 1, 3
#elif V_BYTES == 16
#define V_SWAP 1, 0, 3, 2
#define V_ZIP_LOW 0, 4, 1, 5
#define V_ZIP_HIGH 2, 6, 3, 7
#define V_EVEN 0, 2, 4, 6
#define V_ODD 1, 3, 5, 7
#elif V_BYTES == 32 && defined(E3TP_REAL_F64)
#define V_SWAP 1, 0, 3, 2
#define V_ZIP_LOW 0, 4, 2, 6
#define V_ZIP_HIGH 1, 5, 3, 7
#define V_EVEN 0, 4, 2, 6
#define V_ODD 1, 5, 3, 7
#elif V_BYTES == 32
#define V_SWAP 1, 0, 3, 2, 5, 4, 7, 6
#define V_ZIP_LOW 0, 8, 1, 9, 4, 12, 5, 13
#define V_ZIP_HIGH 2, 10, 3, 11, 6, 14, 7, 15
#define V_EVEN 0, 2, 8, 10, 4, 6, 12, 14
#define V_ODD 1, 3, 9, 11, 5, 7, 13, 15
#elif defined(E3TP_REAL_F64)
#define V_SWAP 1, 0, 3, 2, 5, 4, 7, 6
#define V_ZIP_LOW 0, 8, 2, 10, 4, 12, 6, 14
#define V_ZIP_HIGH 1, 9, 3, 11, 5, 13, 7, 15
#define V_EVEN 0, 8, 2, 10, 4, 12, 6, 14
#define V_ODD 1, 9, 3, 11, 5, 13, 7, 15
#else
#define V_SWAP 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14
#define V_ZIP_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define V_ZIP_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define V_EVEN 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30
#define V_ODD 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31
#endif

#define V_PICK_(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define V_PICK(a, b, list) V_PICK_(a, b, list)

V_INLINE v_real v_zip_low(v_real re, v_real im)
{
    return V_PICK(re, im, V_ZIP_LOW);
}
V_INLINE v_real v_zip_high(v_real re, v_real im)
{
    return V_PICK(re, im, V_ZIP_HIGH);
}
V_INLINE v_real v_even(v_real low, v_real high)
{
    return V_PICK(low, high, V_EVEN);
}
V_INLINE v_real v_odd(v_real low, v_real high)
{
    return V_PICK(low, high, V_ODD);
}

/* -1 for real parts, +1 for imaginary ones. */
V_INLINE v_real v_minus_real(void)
{
    v_real s;
    for (int i = 0; i < V_LANES; i++)
        s[i] = i % 2 ? 1 : -1;
    return s;
}

/* i a = (-im, re) */
V_INLINE v_real v_times_i(v_real a)
{
    return V_PICK(a, a, V_SWAP) * v_minus_real();
}

V_INLINE v_real v_conj(v_real a)
{
    return a * -v_minus_real();
}

#endif
