/* SPDX-License-Identifier: MIT */
/* The transforms of src/fft, every length, against the definition; lanes keep to themselves; the
   host's lock is used. */
#include "fft/fft.h"

#include <math.h>
#include <string.h>

#include "e3tp_config.h"
#include "tiers.h"

enum { LINES = 3, MOST = LINES * E3TP_FFT_MAX * 16 };
static _Alignas(64) union {
    float f32[2 * MOST];
    double f64[2 * MOST];
} before, after, again;

static double get(const void *data, e3tp_dtype t, size_t i)
{
    return t == E3TP_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

static void put(void *data, e3tp_dtype t, size_t i, double v)
{
    if (t == E3TP_F64)
        ((double *)data)[i] = v;
    else
        ((float *)data)[i] = (float)v;
}

static double draw(void)
{
    static unsigned state = 5;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 23) - 1;
}

/* Largest difference from the sum of the definition, over the frequencies of all lanes and lines.
 */
static double error(const e3tp_fft_spec *s, size_t T)
{
    double worst = 0;
    for (int line = 0; line < s->lines; line++)
        for (int k = 0; k < s->n; k++)
            for (size_t lane = 0; lane < T; lane++) {
                double re = 0, im = 0;
                for (int j = 0; j < s->n; j++) {
                    const int from =
                        s->sign > 0 ? e3tp_fft_frequency(s->n, j) : e3tp_fft_sample(s->n, j);
                    const size_t at = 2 * ((size_t)(line * s->n + from) * T + lane);
                    const double a = s->sign * 6.283185307179586 * (j * k % s->n) / s->n;
                    const double x = get(&before, s->dtype, at), y = get(&before, s->dtype, at + 1);
                    re += x * cos(a) - y * sin(a), im += x * sin(a) + y * cos(a);
                }
                const int to = s->sign > 0 ? e3tp_fft_sample(s->n, k) : e3tp_fft_frequency(s->n, k);
                const size_t at = 2 * ((size_t)(line * s->n + to) * T + lane);
                worst = fmax(worst, hypot(get(&after, s->dtype, at) - re,
                                          get(&after, s->dtype, at + 1) - im));
            }
    return worst;
}

/* A lane of NaN and Inf leaves the bits of the others. */
static void check_lanes(const e3tp_fft *f, const e3tp_fft_spec *s, size_t T, size_t count)
{
    memcpy(&again, &before, sizeof again);
    for (size_t i = 0; i < count; i++)
        if (i / 2 % T == 3)
            put(&again, s->dtype, i, i % 4 ? NAN : INFINITY);
    e3tp_fft_execute(f, &again);
    size_t differ = 0;
    for (size_t i = 0; i < count; i++)
        if (i / 2 % T != 3)
            differ += get(&again, s->dtype, i) != get(&after, s->dtype, i);
    ck_assert_uint_eq(differ, 0);
}

static int locks, unlocks;
static void count_lock(void *ctx)
{
    locks += *(int *)ctx;
}
static void count_unlock(void *ctx)
{
    unlocks += *(int *)ctx;
}

static void check(int n, e3tp_dtype t, int sign, int lines)
{
    int one = 1;
    const size_t T = 64 / (t == E3TP_F64 ? sizeof(double) : sizeof(float));
    const e3tp_fft_spec s = {n, lines, sign, t, {count_lock, count_unlock, &one}};
    e3tp_fft *f;
    locks = unlocks = 0;
    ck_assert_int_eq(e3tp_fft_create(&f, &s, NULL, NULL), E3TP_OK);
    const size_t count = 2 * T * (size_t)(n * lines);
    for (size_t i = 0; i < count; i++)
        put(&before, t, i, draw());
    memcpy(&after, &before, sizeof after);
    e3tp_fft_execute(f, &after);
    const double eps = t == E3TP_F64 ? 2.3e-16 : 1.2e-7;
    ck_assert_double_le(error(&s, T), 4 * eps * n);
    check_lanes(f, &s, T, count);
    e3tp_fft_destroy(f, NULL);
    ck_assert(locks == unlocks && locks >= 2);
}

START_TEST(transforms)
{
    int lengths = 0;
    for (int n = 1; n <= E3TP_FFT_MAX; n++)
        if (e3tp_fft_cost(n) > 0) {
            check(n, _i % 2 ? E3TP_F64 : E3TP_F32, _i & 2 ? 1 : -1, 1 + n % LINES);
            lengths++;
        }
    ck_assert_int_ge(lengths, 40);
}
END_TEST

START_TEST(places)
{
    for (int n = 1; n <= E3TP_FFT_MAX; n++) {
        if (e3tp_fft_cost(n) == 0)
            continue;
        unsigned long long f = 0, s = 0, all = n == 64 ? ~0ull : (1ull << n) - 1;
        for (int k = 0; k < n; k++)
            f |= 1ull << e3tp_fft_frequency(n, k), s |= 1ull << e3tp_fft_sample(n, k);
        ck_assert(f == all && s == all);
        ck_assert_int_eq(e3tp_fft_frequency(n, -1), e3tp_fft_frequency(n, n - 1));
        ck_assert_int_eq(e3tp_fft_sample(n, -1), e3tp_fft_sample(n, n - 1));
    }
}
END_TEST

START_TEST(refusal)
{
    const e3tp_fft_spec s = {.n = 17, .lines = 1, .sign = 1, .dtype = E3TP_F32};
    e3tp_fft *f;
    e3tp_message why;
    ck_assert_double_eq(e3tp_fft_cost(17), 0);
    ck_assert_double_eq(e3tp_fft_cost(0), 0);
    ck_assert_int_eq(e3tp_fft_create(&f, &s, NULL, &why), E3TP_E_UNSUPPORTED);
    ck_assert_ptr_null(f);
    ck_assert_ptr_nonnull(strstr(why.text, "17"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("fft");
    tcase_add_loop_test(tests, transforms, 0, 4);
    tcase_add_test(tests, places);
    tcase_add_test(tests, refusal);
    return run_case(tests, "fft");
}
