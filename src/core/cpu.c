/* SPDX-License-Identifier: MIT */
#include "core/cpu.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "e3tp_config.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const struct {
    const char *name;
    bool compiled;
} tiers[E3TP_TIER_COUNT] = {
    [E3TP_TIER_GENERIC_] = {"generic", E3TP_HAVE_GENERIC},
    [E3TP_TIER_AVX2_] = {"avx2", E3TP_HAVE_AVX2},
    [E3TP_TIER_AVX512_] = {"avx512", E3TP_HAVE_AVX512},
    [E3TP_TIER_NEON_] = {"neon", E3TP_HAVE_NEON},
};

/* The tiers that this machine runs, once KNOWN, whether it SPLITS operations of 512 bits, and
   whether the process is a FORKED child. Bits are only ever added, and every thread finds the same
   ones, so relaxed order does no harm. */
#define KNOWN 0x80000000u
#define FORKED 0x40000000u
#define SPLITS 0x20000000u
static _Atomic unsigned cpu_word;

/* GCC's OpenMP hangs in a child of fork() when the parent has used threads, whoever used them
   there: noted by fork itself, at no cost to a call. */
static void note_fork(void)
{
    atomic_fetch_or_explicit(&cpu_word, FORKED, memory_order_relaxed);
}

__attribute__((constructor)) static void watch_fork(void)
{
    pthread_atfork(NULL, NULL, note_fork);
}

bool e3tp_cpu_forked(void)
{
    return atomic_load_explicit(&cpu_word, memory_order_relaxed) & FORKED;
}

#if defined(__x86_64__)
static unsigned long long os_saved_state(void)
{
    unsigned lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (unsigned long long)hi << 32 | lo;
}

static bool has(unsigned reg, unsigned bits)
{
    return (reg & bits) == bits;
}

/* AMD's leaf of performance hints, bit FP256: data paths of 256 bits (AMD64 manual vol. 3, E.4.21);
   others have no such leaf. Bit FP512 would tell as well, but hypervisors hide it. */
static bool splits_512(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0x8000001a, &a, &b, &c, &d) && has(a, 1u << 2);
}

/* Bits: Intel SDM vol. 1, 14.3 (AVX, FMA), 15.2 (AVX-512), and XCR0 in vol. 3, 2.6. */
static unsigned detect(void)
{
    unsigned a, b, c, d, found = 1u << E3TP_TIER_GENERIC_;
    const unsigned avx_fma = 1u << 28 | 1u << 12, osxsave = 1u << 27;
    const unsigned avx2 = 1u << 5;
    const unsigned f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
    const unsigned long long ymm = 0x6, zmm = 0xe6; /* SSE, AVX; and opmask, ZMM_Hi256, Hi16_ZMM */
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, avx_fma | osxsave))
        return found;
    const unsigned long long saved = os_saved_state();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (saved & ymm) != ymm || !has(b, avx2))
        return found;
    found |= 1u << E3TP_TIER_AVX2_;
    if ((saved & zmm) == zmm && has(b, f | dq | bw | vl))
        found |= 1u << E3TP_TIER_AVX512_ | (splits_512() ? SPLITS : 0);
    return found;
}
#elif defined(__aarch64__)
/* Advanced SIMD is part of the base architecture. */
static unsigned detect(void)
{
    return 1u << E3TP_TIER_GENERIC_ | 1u << E3TP_TIER_NEON_;
}
#else
static unsigned detect(void)
{
    return 1u << E3TP_TIER_GENERIC_;
}
#endif

static unsigned cpu_tiers(void)
{
    unsigned word = atomic_load_explicit(&cpu_word, memory_order_relaxed);
    if (!(word & KNOWN)) {
        word = detect() | KNOWN;
        atomic_fetch_or_explicit(&cpu_word, word, memory_order_relaxed);
    }
    return word;
}

static bool in_range(e3tp_tier t)
{
    return (int)t >= 0 && (int)t < E3TP_TIER_COUNT;
}

const char *e3tp_tier_name(e3tp_tier t)
{
    return in_range(t) ? tiers[t].name : NULL;
}

bool e3tp_tier_compiled(e3tp_tier t)
{
    return in_range(t) && tiers[t].compiled;
}

bool e3tp_tier_usable(e3tp_tier t)
{
    return e3tp_tier_compiled(t) && (cpu_tiers() >> t & 1u);
}

e3tp_tier e3tp_tier_best(void)
{
    for (int t = E3TP_TIER_COUNT - 1; t > 0; t--)
        if (e3tp_tier_usable((e3tp_tier)t))
            return (e3tp_tier)t;
    return E3TP_TIER_GENERIC_;
}

double e3tp_tier_speed(const double speed[E3TP_TIER_COUNT], e3tp_tier t)
{
    const double gain = 1.25; /* seen: 1.1 to 1.3 */
    return t == E3TP_TIER_AVX512_ && (cpu_tiers() & SPLITS) ? gain * speed[E3TP_TIER_AVX2_]
                                                            : speed[t];
}

int e3tp_tier_find(const char *name)
{
    for (int t = 0; name && t < E3TP_TIER_COUNT; t++)
        if (strcmp(name, tiers[t].name) == 0)
            return t;
    return -1;
}
