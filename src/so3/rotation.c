/* SPDX-License-Identifier: MIT */
/* Wigner D matrices by coupling and by Euler angles.

   On natural parity, D^l(R) = (2l+1) W (D^(l-1) x R) W^T with W = W(l, l-1, 1) and D^1 = R;
   sqrt(2l+1) W has orthonormal rows, so errors do not grow but add up. D = Z(alpha) J Z(beta) J
   Z(gamma) with Z(t)[i,i] = cos((l-i) t), Z(t)[i,2l-i] = sin((l-i) t), J = D^l of (x,y,z) ->
   (-y,-x,z). */
#include "so3/wigner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* At most two non-zeros of W(l, l-1, 1) for each (k, i), fewer in truth: i and k differ by one
 * order at most. */
enum { LMAX = E3TP_SO3_LMAX, N = 2 * LMAX + 1, NNZ = 2 * N * 3 };

/* next [2l+1][2l+1] from prev [2l-1][2l-1] and R, l >= 2. */
static void couple(int l, const double *prev, const double *R, double *next)
{
    e3tp_coupling_entry w[NNZ];
    double t[N * 3]; /* row k of W (D^(l-1) x R), [2l-1][3] */
    int n = 2 * l + 1, p = 2 * l - 1;
    size_t nnz = e3tp_so3_coupling_sparse(l, l - 1, 1, E3TP_SIGN_E3NN, w, NNZ);
    for (size_t e = 0; e < nnz;) {
        int k = w[e].m1;
        memset(t, 0, sizeof t);
        for (; e < nnz && w[e].m1 == k; e++)
            for (int i = 0; i < p; i++)
                for (int j = 0; j < 3; j++)
                    t[3 * i + j] += w[e].value * prev[w[e].m2 * p + i] * R[3 * w[e].m3 + j];
        memset(next + k * n, 0, (size_t)n * sizeof *next);
        for (size_t f = 0; f < nnz; f++)
            next[k * n + w[f].m1] += n * w[f].value * t[3 * w[f].m2 + w[f].m3];
    }
}

/* D of natural parity into out; spare has the same size. */
static void natural_D(int l, const double *R, double *out, double *spare)
{
    double *cur = l & 1 ? out : spare, *other = l & 1 ? spare : out;
    if (l == 0) {
        out[0] = 1.0;
        return;
    }
    memcpy(cur, R, 9 * sizeof *cur); /* degree k lies in out where l - k is even */
    for (int k = 2; k <= l; k++) {
        couple(k, cur, R, other);
        double *swap = cur;
        cur = other;
        other = swap;
    }
}

/* c[k], s[k] = cos(k t), sin(k t), k = 0..l, by powers: k*t is never rounded. */
static void multiples(int l, double t, double *c, double *s)
{
    c[0] = 1.0;
    s[0] = 0.0;
    for (int k = 1; k <= l; k++) {
        int h = k / 2, g = k - h; /* halving keeps the error at log2(k) roundings */
        c[k] = k == 1 ? cos(t) : c[h] * c[g] - s[h] * s[g];
        s[k] = k == 1 ? sin(t) : s[h] * c[g] + c[h] * s[g];
    }
}

/* y = Z(t)^T x or Z(t) x for one vector: the pair (l-k, l+k) turns by k t; sign = +1 for Z, -1 for
 * Z^T. */
static void turn(int l, const double *c, const double *s, double sign, const double *x, double *y)
{
    y[l] = x[l];
    for (int k = 1; k <= l; k++) {
        y[l - k] = c[k] * x[l - k] + sign * s[k] * x[l + k];
        y[l + k] = c[k] * x[l + k] - sign * s[k] * x[l - k];
    }
}

/* y = J x */
static void apply(int n, const double *J, const double *x, double *y)
{
    for (int i = 0; i < n; i++) {
        y[i] = 0.0;
        for (int k = 0; k < n; k++)
            y[i] += J[i * n + k] * x[k];
    }
}

e3tp_status e3tp_wigner_D(int l, double alpha, double beta, double gamma, double *out)
{
    static const double M[9] = {0, -1, 0, -1, 0, 0, 0, 0, 1};
    double J[N * N], c[3][LMAX + 1], s[3][LMAX + 1], a[N], b[N];
    if (out == NULL || l < 0)
        return E3TP_E_INVALID;
    if (l > LMAX)
        return E3TP_E_UNSUPPORTED;
    int n = 2 * l + 1;
    natural_D(l, M, J, out);
    multiples(l, alpha, c[0], s[0]);
    multiples(l, beta, c[1], s[1]);
    multiples(l, gamma, c[2], s[2]);
    for (int i = 0; i < n; i++) { /* row i is e_i^T Z J Z J Z; J is symmetric */
        memset(a, 0, sizeof a);
        a[i] = 1.0;
        turn(l, c[0], s[0], -1.0, a, b);
        apply(n, J, b, a);
        turn(l, c[1], s[1], -1.0, a, b);
        apply(n, J, b, a);
        turn(l, c[2], s[2], -1.0, a, out + i * n);
    }
    return E3TP_OK;
}

/* Largest entry of |R R^T - 1| at most tol; false where anything is NaN. */
static int is_orthogonal(const double *R, double tol)
{
    for (int i = 0; i < 3; i++)
        for (int j = i; j < 3; j++) {
            double d = i == j ? -1.0 : 0.0;
            for (int k = 0; k < 3; k++)
                d += R[3 * i + k] * R[3 * j + k];
            if (!(fabs(d) <= tol))
                return 0;
        }
    return 1;
}

static double determinant(const double *R)
{
    return R[0] * (R[4] * R[8] - R[5] * R[7]) - R[1] * (R[3] * R[8] - R[5] * R[6]) +
           R[2] * (R[3] * R[7] - R[4] * R[6]);
}

e3tp_status e3tp_wigner_D_from_matrix(int l, int parity, const double R[9], double *out)
{
    double spare[N * N];
    if (l < 0 || (parity != 1 && parity != -1) || R == NULL || out == NULL ||
        !is_orthogonal(R, 1e-6))
        return E3TP_E_INVALID;
    if (l > LMAX)
        return E3TP_E_UNSUPPORTED;
    natural_D(l, R, out, spare);
    int natural = l & 1 ? -1 : 1;
    for (int i = 0; determinant(R) < 0.0 && parity != natural && i < (2 * l + 1) * (2 * l + 1); i++)
        out[i] = -out[i];
    return E3TP_OK;
}
