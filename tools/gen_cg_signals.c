/* SPDX-License-Identifier: MIT */
/* gen_cg_signals L: writes the template of the kernels of whole products of signals, degrees 0..L
   times 0..L to 0..L, to standard output, in the words of src/cg/cg_signals_body.h.

   With A = (l, m), m >= 0, and X_A = x_lm + i x_l-m (x_l0 for m = 0) the tensor couples
     p = X_A Y_B +- X_B Y_A               to order mA + mB
     q = X_A conj(Y_B) +- conj(X_B) Y_A   to order mA - mB >= 0
   with one real coefficient for each l3: the tensor is symmetric under exchange of its first legs
   (+, the Gaunt product: l1 + l2 + l3 even) or antisymmetric (-, the Poisson bracket: odd), so
   every unordered pair {A, B} is taken once. The products whose degrees and orders have sums of
   the same parity go to orders of their own, so they are made and summed class by class. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "so3/wigner.h"

enum { L = 6, D = 2 * L + 1, INDICES = (L + 1) * (L + 2) / 2, PAIRS = INDICES * (INDICES + 1) / 2 };

typedef struct kind {
    const char *name;
    int odd; /* parity of l1 + l2 + l3 */
    double (*strength)(int l1, int l2, int l3);
} kind;

typedef struct harmonic {
    int l, m;
} harmonic;

/* A pair and the slots of its products, -1: not wanted. */
typedef struct product {
    harmonic a, b; /* a.m >= b.m */
    int p, q;
} product;

typedef struct class
{
    int degrees, orders; /* parities of the sums */
    int n, slots;
    product of[PAIRS];
} class;

static bool same(harmonic a, harmonic b)
{
    return a.l == b.l && a.m == b.m;
}

/* Strength times W, as the sums take it: W[m1, m2, M] of real parts for even l1 + l2 + l3; for odd
   ones z_-M = - Re and, for M = 0, z_0 = Im. */
static double coefficient(const kind *k, harmonic a, harmonic b, bool conjugate, int l3)
{
    static double W[D * D * D];
    const int M = conjugate ? a.m - b.m : a.m + b.m;
    if (M > l3 || !e3tp_so3_triangle(a.l, b.l, l3) || (a.l + b.l + l3) % 2 != k->odd ||
        e3tp_so3_wigner_3j(a.l, b.l, l3, E3TP_SIGN_E3NN, W) != E3TP_OK)
        return 0;
    const int m1 = k->odd && M == 0 ? -a.m : a.m, m3 = k->odd ? -M : M;
    const double w = W[((m1 + a.l) * (2 * b.l + 1) + b.m + b.l) * (2 * l3 + 1) + m3 + l3];
    return k->strength(a.l, b.l, l3) * (k->odd && M > 0 ? -w : w);
}

static bool is_wanted(const kind *k, int lmax, harmonic a, harmonic b, bool conjugate)
{
    /* of X_A Y_A with itself the sum has real parts to double, the difference is zero or imaginary
     */
    if (k->odd && same(a, b) && !conjugate)
        return false;
    if ((conjugate && b.m == 0) || (k->odd && a.m == 0 && b.m == 0))
        return false;
    for (int l3 = 0; l3 <= lmax; l3++)
        if (coefficient(k, a, b, conjugate, l3) != 0)
            return true;
    return false;
}

static void add_pair(class *c, const kind *k, int lmax, harmonic a, harmonic b)
{
    if (a.m < b.m) {
        const harmonic t = a;
        a = b, b = t;
    }
    product t = {a, b, -1, -1};
    if (is_wanted(k, lmax, a, b, false))
        t.p = c->slots++;
    if (is_wanted(k, lmax, a, b, true) || (t.p >= 0 && b.m > 0))
        t.q = c->slots++;
    if (t.p >= 0 || t.q >= 0)
        c->of[c->n++] = t;
}

static void collect(class *c, const kind *k, int lmax)
{
    for (int la = 0; la <= lmax; la++)
        for (int ma = 0; ma <= la; ma++)
            for (int lb = 0; lb <= la; lb++)
                for (int mb = 0; mb <= (lb == la ? ma : lb); mb++)
                    if ((la + lb) % 2 == c->degrees && (ma + mb) % 2 == c->orders)
                        add_pair(c, k, lmax, (harmonic){la, ma}, (harmonic){lb, mb});
}

/* PRODUCT(which, slots p, q, lines a, b of m = 0 and orders) */
static void print_product(const product *t)
{
    const bool self = same(t->a, t->b);
    const char *which = t->a.m == 0   ? (self ? "SELF_0" : "BOTH_0")
                        : self        ? (t->p < 0 ? "SELF_Q" : "SELF")
                        : t->b.m == 0 ? "RIGHT_0"
                        : t->p < 0    ? (t->a.m == t->b.m ? "Q_0" : "Q")
                                      : (t->a.m == t->b.m ? "PQ_0" : "PQ");
    printf("    PRODUCT(%s, %d, %d, %d, %d, %d, %d)\n", which, t->p, t->q, t->a.l * (t->a.l + 1),
           t->a.m, t->b.l * (t->b.l + 1), t->b.m);
}

static const char *const part[2] = {"re", "im"};

/* Adds a product to the sums of order M of all degrees. */
static void print_term(const kind *k, int lmax, const product *t, bool conjugate, int M,
                       bool *begun)
{
    printf("    {\n");
    if (M > 0 || k->odd == 0)
        printf("        TAKE(re, %d);\n", 2 * (conjugate ? t->q : t->p));
    if (M > 0 || k->odd == 1)
        printf("        TAKE(im, %d);\n", 2 * (conjugate ? t->q : t->p) + 1);
    for (int l3 = M; l3 <= lmax; l3++) {
        const double value = coefficient(k, t->a, t->b, conjugate, l3);
        for (int i = M > 0 ? 0 : k->odd; value != 0 && i < (M > 0 ? 2 : k->odd + 1); i++)
            if (begun[l3])
                printf("        %s%d = v_fma(K(%.17e), %s, %s%d);\n", part[i], l3, value, part[i],
                       part[i], l3);
            else
                printf("        %s%d = K(%.17e) * %s;\n", part[i], l3, value, part[i]);
        begun[l3] = begun[l3] || value != 0;
    }
    printf("    }\n");
}

static void print_order(const class *c, const kind *k, int lmax, int M)
{
    bool begun[L + 1] = {false};
    const int least = M < k->odd ? k->odd : M, /* the integral of a bracket is zero */
        first = least + (least + c->degrees + k->odd) % 2;
    if (first > lmax)
        return;
    printf("    { /* order %d */\n", M);
    for (int l3 = first; l3 <= lmax; l3 += 2)
        for (int i = M > 0 ? 0 : k->odd; i < (M > 0 ? 2 : k->odd + 1); i++)
            printf("    v_real %s%d = v_zero();\n", part[i], l3);
    for (int i = 0; i < c->n; i++) {
        const product *t = &c->of[i];
        if (t->q >= 0 && t->a.m - t->b.m == M)
            print_term(k, lmax, t, true, M, begun);
        if (t->p >= 0 && t->a.m + t->b.m == M)
            print_term(k, lmax, t, false, M, begun);
    }
    for (int l3 = first; l3 <= lmax; l3 += 2)
        if (M > 0)
            printf("    PUT(%d, %d, re%d, im%d)\n", l3, M, l3, l3);
        else
            printf("    PUT_0(%d, %s%d)\n", l3, part[k->odd], l3);
    printf("    }\n");
}

static void print_kernel(const kind *k, int lmax)
{
    static class c[4];
    int slots = 1;
    memset(c, 0, sizeof c);
    for (int i = 0; i < 4; i++) {
        c[i].degrees = i / 2, c[i].orders = i % 2;
        collect(&c[i], k, lmax);
        slots = c[i].slots > slots ? c[i].slots : slots;
    }
    printf("\n#define ODD %d\nBEGIN(%s, %d, %d)\n", k->odd, k->name, lmax, slots);
    for (int i = 0; i < 4; i++) {
        printf("    /* sums of degrees %s, of orders %s */\n", i / 2 ? "odd" : "even",
               i % 2 ? "odd" : "even");
        for (int j = 0; j < c[i].n; j++)
            print_product(&c[i].of[j]);
        printf("    KEEP_ORDER;\n");
        for (int M = i % 2; M <= lmax; M += 2)
            print_order(&c[i], k, lmax, M);
    }
    printf("END\n#undef ODD\n");
}

int main(int argc, char **argv)
{
    const kind kinds[] = {{"gaunt", 0, e3tp_gaunt_strength}, {"bracket", 1, e3tp_bracket_strength}};
    const int lmax = argc == 2 ? atoi(argv[1]) : -1;
    if (lmax < 1 || lmax > L) {
        fprintf(stderr, "usage: gen_cg_signals L, 1 <= L <= %d\n", L);
        return 2;
    }
    printf("/* SPDX-License-Identifier: MIT */\n/* Written by tools/gen_cg_signals. */\n"
           "#include \"cg/cg_signals_body.h\"\n#ifndef E3TP_CG_PAIR_TABLES\n");
    for (int i = 0; i < 2; i++)
        print_kernel(&kinds[i], lmax);
    printf("#define KERNELS {KERNEL(gaunt, %d), KERNEL(bracket, %d)}\n#else\n"
           "#define KERNELS {NULL, NULL}\n#endif\n"
           "const E3TP_CG_SIGNALS E3TP_NAME(e3tp_cg_signals_l%d) = KERNELS;\n",
           lmax, lmax, lmax);
    return ferror(stdout) != 0;
}
