/* SPDX-License-Identifier: MIT */
/* Compiled once per tier with -DBENCH_TIER=<name>, the tier's flags and contraction of a * b + c
 * allowed. */
#include "tier.h"

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define CHAINS 24 /* latency 4 times 2 pipes is 8; 32 registers hold 24 and two constants */
#define EACH(S)                                                                                \
    S(0)                                                                                       \
    S(1)                                                                                       \
    S(2)                                                                                       \
    S(3)                                                                                       \
    S(4)                                                                                       \
    S(5) S(6) S(7) S(8) S(9) S(10) S(11) S(12) S(13) S(14) S(15) S(16) S(17) S(18) S(19) S(20) \
        S(21) S(22) S(23)
#else
#ifdef __AVX__
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#define CHAINS 12 /* 16 registers hold 12 and two constants */
#define EACH(S) S(0) S(1) S(2) S(3) S(4) S(5) S(6) S(7) S(8) S(9) S(10) S(11)
#endif

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

typedef float vector_float __attribute__((vector_size(VECTOR_BYTES)));
typedef double vector_double __attribute__((vector_size(VECTOR_BYTES)));

/* Each chain starts elsewhere and converges to 1, so that no denormal slows it. */
#define START_float(i) a[i] = zero + (float)(i);
#define START_double(i) a[i] = zero + (double)(i);
#define BENCH_REGISTER_STEP(i) a[i] = a[i] * b + c;
#define BENCH_FIRST_LEVEL_STEP(i) a[i] = a[i] * b + m[i];
#define BENCH_BROADCAST_STEP(i) a[i] = a[i] * b + m[i][0];
#define FILL(i) memory[i] = c;
#define SUM(i) s += a[i];
#define FMA(name, operand, real)                                                    \
    static double name(size_t steps)                                                \
    {                                                                               \
        const vector_##real zero = {0}, b = zero + (real)0.5, c = zero + (real)0.5; \
        vector_##real memory[CHAINS], a[CHAINS], s = zero;                          \
        EACH(FILL)                                                                  \
        EACH(START_##real)                                                          \
        for (size_t n = 0; n < steps; n++) {                                        \
            const vector_##real *m = memory;                                        \
            __asm__ volatile("" : "+r"(m) : : "memory"); /* read again */           \
            EACH(operand##_STEP)                                                    \
        }                                                                           \
        EACH(SUM)                                                                   \
        return (double)s[0];                                                        \
    }
FMA(fma_f32, BENCH_REGISTER, float)
FMA(fma_f64, BENCH_REGISTER, double)
FMA(fma_first_level_f32, BENCH_FIRST_LEVEL, float)
FMA(fma_first_level_f64, BENCH_FIRST_LEVEL, double)
FMA(fma_broadcast_f32, BENCH_BROADCAST, float)
FMA(fma_broadcast_f64, BENCH_BROADCAST, double)

static void linear(const float *restrict f, const float *restrict m, size_t n, float *restrict out)
{
    for (size_t i = 0; i < n; i++) {
        float s = f[0] * m[i];
        for (size_t k = 1; k < BENCH_RADIAL; k++)
            s += f[k] * m[k * n + i];
        out[i] = s;
    }
}

extern const bench_tier PASTE(bench_tier_, BENCH_TIER);
const bench_tier PASTE(bench_tier_, BENCH_TIER) = {
    TEXT(BENCH_TIER),
    {2 * CHAINS * VECTOR_BYTES / sizeof(float), 2 * CHAINS * VECTOR_BYTES / sizeof(double)},
    {[BENCH_REGISTER] = {fma_f32, fma_f64},
     [BENCH_FIRST_LEVEL] = {fma_first_level_f32, fma_first_level_f64},
     [BENCH_BROADCAST] = {fma_broadcast_f32, fma_broadcast_f64}},
    linear};
