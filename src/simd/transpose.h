/* SPDX-License-Identifier: MIT */
/* Transposes in registers, for the tier's width: square ones, and lanes of an odd number of
   components, or of four, that follow one another in memory. */
#ifndef E3TP_SIMD_TRANSPOSE_H
#define E3TP_SIMD_TRANSPOSE_H

#include "simd/vec.h"

/* For each h = V_LANES / 2 .. 1 what h x h blocks of the rows a (row & h == 0) and b = a + h change
   places: masks that name lanes of a (0..n-1) and of b (n..2n-1). */
#define V_LIST(...) __VA_ARGS__
#if V_BYTES == 16 && defined(E3TP_REAL_F64)
#define V_STEPS(STEP) STEP(1, (0, 2), (1, 3))
#elif V_BYTES == 16 || (V_BYTES == 32 && defined(E3TP_REAL_F64))
#define V_STEPS(STEP) STEP(2, (0, 1, 4, 5), (2, 3, 6, 7)) STEP(1, (0, 4, 2, 6), (1, 5, 3, 7))
#elif V_BYTES == 32 || defined(E3TP_REAL_F64)
#define V_FIRST_HALVES (0, 1, 2, 3, 8, 9, 10, 11)
#define V_SECOND_HALVES (4, 5, 6, 7, 12, 13, 14, 15)
#define V_STEPS(STEP)                                                 \
    STEP(4, V_FIRST_HALVES, V_SECOND_HALVES)                          \
    STEP(2, (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)) \
    STEP(1, (0, 8, 2, 10, 4, 12, 6, 14), (1, 9, 3, 11, 5, 13, 7, 15))
#else
#define V_STEPS(STEP)                                                    \
    STEP(8, (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),    \
         (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)) \
    STEP(4, (0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),  \
         (4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))   \
    STEP(2, (0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),  \
         (2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))   \
    STEP(1, (0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30), \
         (1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
#endif

/* Of two vectors, piece by piece: the elements of both in turns, of its first and second half. */
#if V_BYTES == 16 && defined(E3TP_REAL_F64)
#define V_LOW_IN_PIECES (0, 2)
#define V_HIGH_IN_PIECES (1, 3)
#elif V_BYTES == 16
#define V_LOW_IN_PIECES (0, 4, 1, 5)
#define V_HIGH_IN_PIECES (2, 6, 3, 7)
#elif V_BYTES == 32 && defined(E3TP_REAL_F64)
#define V_LOW_IN_PIECES (0, 4, 2, 6)
#define V_HIGH_IN_PIECES (1, 5, 3, 7)
#elif V_BYTES == 32
#define V_LOW_IN_PIECES (0, 8, 1, 9, 4, 12, 5, 13)
#define V_HIGH_IN_PIECES (2, 10, 3, 11, 6, 14, 7, 15)
#elif defined(E3TP_REAL_F64)
#define V_LOW_IN_PIECES (0, 8, 2, 10, 4, 12, 6, 14)
#define V_HIGH_IN_PIECES (1, 9, 3, 11, 5, 13, 7, 15)
#else
#define V_LOW_IN_PIECES (0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define V_HIGH_IN_PIECES (2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#endif
#define V_PICK(a, b, which) __builtin_shufflevector(a, b, V_LIST which)

/* Element j of piece p of r[i] becomes element i of piece p of r[j], r [V_PIECE]. */
V_INLINE void v_transpose_pieces(v_real *r)
{
    v_real s[16 / sizeof(real)];
    V_UNROLL
    for (int half = V_PIECE / 2; half > 0; half /= 2) {
        V_UNROLL
        for (int i = 0; i < V_PIECE / 2; i++) {
            s[2 * i] = V_PICK(r[i], r[i + V_PIECE / 2], V_LOW_IN_PIECES);
            s[2 * i + 1] = V_PICK(r[i], r[i + V_PIECE / 2], V_HIGH_IN_PIECES);
        }
        V_UNROLL
        for (int i = 0; i < V_PIECE; i++)
            r[i] = s[i];
    }
}

#define V_EXCHANGE(h, low, high)                               \
    if ((h) >= V_PIECE)                                        \
        V_UNROLL                                               \
    for (int i = 0; i < V_LANES; i++)                          \
        if (!(i & (h))) {                                      \
            const v_real a = r[i], b = r[(i + (h)) % V_LANES]; \
            r[i] = V_PICK(a, b, low);                          \
            r[(i + (h)) % V_LANES] = V_PICK(a, b, high);       \
        }

/* Lane j of r[i] becomes lane i of r[j], r [V_LANES]. */
V_INLINE void v_transpose(v_real *r)
{
    V_STEPS(V_EXCHANGE)
    V_UNROLL
    for (int i = 0; i < V_LANES; i += V_PIECE)
        v_transpose_pieces(r + i);
}

#define V_FOLD(h, low, high)                                           \
    V_UNROLL                                                           \
    for (int i = 0; i < (h); i++)                                      \
        r[i] = __builtin_shufflevector(r[i], r[i + (h)], V_LIST low) + \
               __builtin_shufflevector(r[i], r[i + (h)], V_LIST high);

/* Lane i is v_sum(r[i]); r [V_LANES] is used up. */
V_INLINE v_real v_sums(v_real *r)
{
    V_STEPS(V_FOLD)
    return r[0];
}

/* V_LANES lanes of d components each, one lane after the other: d vectors of memory. Component m of
   lane k is element k d + m. As d is odd, the elements of one component have places in their
   vectors that differ: those places are taken from all vectors into one, and that is permuted. */
#define V_ELEMENT(j, p) ((j)*V_LANES + (p))
enum { V_MOST_ZIPPED = 7 }; /* more take longer than transposes of pieces */

/* The places of vector j that hold component m. */
V_INLINE v_int v_places(const int d, const int j, const int m)
{
    v_int mask = {0};
    V_UNROLL
    for (int p = 0; p < V_LANES; p++)
        mask[p] = V_ELEMENT(j, p) % d == m ? -1 : 0;
    return mask;
}

/* Lane by lane a where the mask, which the compiler knows, is set, else b. */
V_INLINE v_real v_merge(v_int mask, v_real a, v_real b)
{
#if defined(__clang__)
    return v_select(mask, a, b);
#else
    v_int index;
    V_UNROLL
    for (int k = 0; k < V_LANES; k++)
        index[k] = mask[k] ? k : V_LANES + k;
    return __builtin_shuffle(a, b, index);
#endif
}

V_INLINE int v_has_place(const int d, const int j, const int m)
{
    for (int p = 0; p < V_LANES; p++)
        if (V_ELEMENT(j, p) % d == m)
            return 1;
    return 0;
}

/* to[m * step ..] = component m of the lanes, of which n elements are there; d odd, a literal, at
   most V_MOST_ZIPPED. */
V_INLINE void v_unzip(const int d, const real *from, size_t n, real *to, size_t step)
{
    v_real r[V_MOST_ZIPPED];
    V_UNROLL
    for (int j = 0; j < d; j++)
        r[j] = v_load_part(from, n, (size_t)(j * V_LANES));
    V_UNROLL
    for (int m = 0; m < d; m++) {
        v_real s = r[0];
        v_int index = {0};
        V_UNROLL
        for (int j = 1; j < d; j++)
            if (v_has_place(d, j, m))
                s = v_merge(v_places(d, j, m), r[j], s);
        V_UNROLL
        for (int k = 0; k < V_LANES; k++)
            index[k] = (k * d + m) % V_LANES;
        v_store(to + (size_t)m * step, v_permute(s, index));
    }
}

/* The reverse; past: whole vectors by v_streamu. */
V_INLINE void v_zip(const int d, const real *from, size_t step, real *to, size_t n, const int past)
{
    v_real r[V_MOST_ZIPPED];
    V_UNROLL
    for (int m = 0; m < d; m++) {
        v_int index = {0};
        V_UNROLL
        for (int k = 0; k < V_LANES; k++)
            index[(k * d + m) % V_LANES] = k;
        r[m] = v_permute(v_load(from + (size_t)m * step), index);
    }
    V_UNROLL
    for (int j = 0; j < d; j++) {
        v_real s = r[0];
        V_UNROLL
        for (int m = 1; m < d; m++)
            if (v_has_place(d, j, m))
                s = v_merge(v_places(d, j, m), r[m], s);
        if (past && n >= (size_t)((j + 1) * V_LANES))
            v_streamu(to + j * V_LANES, s);
        else
            v_store_part(to, n, (size_t)(j * V_LANES), s);
    }
}

/* Of two vectors end to end: the elements at even places, at odd places; and those of both in
   turns, of their first and second halves. */
#if V_BYTES == 16 && defined(E3TP_REAL_F64)
#define V_EVENS (0, 2)
#define V_ODDS (1, 3)
#define V_LOW (0, 2)
#define V_HIGH (1, 3)
#elif V_BYTES == 16 || (V_BYTES == 32 && defined(E3TP_REAL_F64))
#define V_EVENS (0, 2, 4, 6)
#define V_ODDS (1, 3, 5, 7)
#define V_LOW (0, 4, 1, 5)
#define V_HIGH (2, 6, 3, 7)
#elif V_BYTES == 32 || defined(E3TP_REAL_F64)
#define V_EVENS (0, 2, 4, 6, 8, 10, 12, 14)
#define V_ODDS (1, 3, 5, 7, 9, 11, 13, 15)
#define V_LOW (0, 8, 1, 9, 2, 10, 3, 11)
#define V_HIGH (4, 12, 5, 13, 6, 14, 7, 15)
#else
#define V_EVENS (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define V_ODDS (1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#define V_LOW (0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define V_HIGH (8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#endif

/* v_unzip and v_zip for d = 4: square transposes in pieces of vectors; of longer vectors picks by
   two are as few. */
#if V_BYTES == 32 && defined(E3TP_REAL_F32)
V_INLINE void v_unzip_4(const real *from, size_t n, real *to, size_t step)
{
    v_real r[4];
    V_UNROLL
    for (int j = 0; j < 2; j++) {
        const v_real a = v_load_part(from, n, (size_t)(j * V_LANES)),
                     b = v_load_part(from, n, (size_t)((j + 2) * V_LANES));
        r[2 * j] = V_PICK(a, b, V_FIRST_HALVES);
        r[2 * j + 1] = V_PICK(a, b, V_SECOND_HALVES);
    }
    v_transpose_pieces(r);
    V_UNROLL
    for (int m = 0; m < 4; m++)
        v_store(to + (size_t)m * step, r[m]);
}

V_INLINE void v_zip_4(const real *from, size_t step, real *to, size_t n)
{
    v_real r[4];
    V_UNROLL
    for (int m = 0; m < 4; m++)
        r[m] = v_load(from + (size_t)m * step);
    v_transpose_pieces(r);
    V_UNROLL
    for (int j = 0; j < 2; j++) {
        v_store_part(to, n, (size_t)(j * V_LANES), V_PICK(r[2 * j], r[2 * j + 1], V_FIRST_HALVES));
        v_store_part(to, n, (size_t)((j + 2) * V_LANES),
                     V_PICK(r[2 * j], r[2 * j + 1], V_SECOND_HALVES));
    }
}
#else
V_INLINE void v_unzip_4(const real *from, size_t n, real *to, size_t step)
{
    v_real r[4];
    V_UNROLL
    for (int j = 0; j < 4; j++)
        r[j] = v_load_part(from, n, (size_t)(j * V_LANES));
    const v_real even[2] = {V_PICK(r[0], r[1], V_EVENS), V_PICK(r[2], r[3], V_EVENS)};
    const v_real odd[2] = {V_PICK(r[0], r[1], V_ODDS), V_PICK(r[2], r[3], V_ODDS)};
    v_store(to, V_PICK(even[0], even[1], V_EVENS));
    v_store(to + step, V_PICK(odd[0], odd[1], V_EVENS));
    v_store(to + 2 * step, V_PICK(even[0], even[1], V_ODDS));
    v_store(to + 3 * step, V_PICK(odd[0], odd[1], V_ODDS));
}

V_INLINE void v_zip_4(const real *from, size_t step, real *to, size_t n)
{
    v_real r[4];
    V_UNROLL
    for (int m = 0; m < 4; m++)
        r[m] = v_load(from + (size_t)m * step);
    const v_real even[2] = {V_PICK(r[0], r[2], V_LOW), V_PICK(r[0], r[2], V_HIGH)};
    const v_real odd[2] = {V_PICK(r[1], r[3], V_LOW), V_PICK(r[1], r[3], V_HIGH)};
    V_UNROLL
    for (int j = 0; j < 2; j++) {
        v_store_part(to, n, (size_t)(2 * j * V_LANES), V_PICK(even[j], odd[j], V_LOW));
        v_store_part(to, n, (size_t)((2 * j + 1) * V_LANES), V_PICK(even[j], odd[j], V_HIGH));
    }
}
#endif

#endif
