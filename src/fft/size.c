/* SPDX-License-Identifier: MIT */
/* Which lengths are served, how each falls into passes, and where its points stand. */
#include "fft/engine.h"

/* Lengths for which FFTW has straight-line code with vectors over lanes. */
static bool is_direct(int n)
{
    return (n >= 1 && n <= 16) || n == 20 || n == 25 || n == 32;
}

static bool is_coprime(int a, int b)
{
    while (b) {
        const int r = a % b;
        a = b, b = r;
    }
    return a == 1;
}

/* The factor nearest to the root: n = a b, coprime, a < b, both direct; 1: n itself is direct; 0:
 * none. */
static int factor(int n)
{
    if (n < 1 || n > E3TP_FFT_MAX || !E3TP_HAVE_FFTW)
        return 0;
    if (is_direct(n))
        return 1;
    int best = 0;
    for (int a = 2; a * a < n; a++)
        if (n % a == 0 && is_coprime(a, n / a) && is_direct(a) && is_direct(n / a))
            best = a;
    return best;
}

/* Measured: 8 ns a point for straight-line code, 15 for two passes, 13 for 25 points. */
double e3tp_fft_cost(int n)
{
    const int a = factor(n);
    return a ? 1 + n * (a > 1 ? 1.8 : n == 25 ? 1.6 : 1.0) : 0;
}

int e3tp_fft_passes(int n, e3tp_fft_pass out[E3TP_FFT_PASSES])
{
    const int a = factor(n), b = a ? n / a : 0;
    if (!a)
        return 0;
    out[0] = (e3tp_fft_pass){b, 1, a, b};
    out[1] = (e3tp_fft_pass){a, b, b, 1};
    return a > 1 ? 2 : 1;
}

/* k = k1 b + k2 a (mod n) stands at k1 b + k2. */
int e3tp_fft_frequency(int n, int k)
{
    const int a = factor(n), b = n / a, want = (k % n + n) % n;
    for (int k1 = 0; k1 < a; k1++)
        for (int k2 = 0; k2 < b; k2++)
            if ((k1 * b + k2 * a) % n == want)
                return k1 * b + k2;
    return 0;
}

/* j stands at (j mod a) b + (j mod b). */
int e3tp_fft_sample(int n, int j)
{
    const int a = factor(n), b = n / a, at = (j % n + n) % n;
    return at % a * b + at % b;
}
