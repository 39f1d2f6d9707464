/* SPDX-License-Identifier: MIT */
/* gen_cg_signals L: writes the template of the kernels of whole products of signals to standard
   output, in the words of src/cg/cg_signals_body.h: of degrees 0..L with 0..L, to 0..L (gaunt and
   bracket) and to 0..2L (wide); of L+1..2L with 0..L to 0..L, for the gradients of the latter
   (high).

   With A = (l, m), m >= 0, and X_A = x_lm + i x_l-m (x_l0 for m = 0) the tensor couples
     p = X_A Y_B +- X_B Y_A               to order mA + mB
     q = X_A conj(Y_B) +- conj(X_B) Y_A   to order mA - mB >= 0
   with one real coefficient for each l3: the tensor is symmetric under exchange of its first legs
   (+, the Gaunt product: l1 + l2 + l3 even) or antisymmetric (-, the Poisson bracket: odd), so
   every unordered pair {A, B} is taken once. Where x and y have other degrees, pairs are ordered
   and products single: X_A Y_B, and X_A conj(Y_B) or conj(X_A) Y_B. The products whose degrees and
   orders have sums of the same parity go to orders of their own, so they are made and summed class
   by class. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "so3/wigner.h"

/* Largest L; of results to 2L. */
enum {
    WIDE = 4,
    L = 5,
    D = 4 * L + 1,
    INDICES = (L + 1) * (2 * L + 2),
    PAIRS = INDICES * (INDICES + 1) / 2
};

typedef struct kind {
    const char *name;
    int odd; /* parity of l1 + l2 + l3 */
    double (*strength)(int l1, int l2, int l3);
    int first, last, lmax, top; /* degrees of x, largest of y and z */
} kind;

static bool is_symmetric(const kind *k)
{
    return k->last == k->lmax;
}

typedef struct harmonic {
    int l, m;
} harmonic;

/* A pair and the slots of its products, -1: not wanted. */
typedef struct product {
    harmonic a, b; /* a.m >= b.m where pairs are unordered */
    int p, q;
} product;

typedef struct class
{
    int degrees, orders; /* parities of the sums */
    int n, slots;
    product of[PAIRS];
} class;

static int order_of(harmonic a, harmonic b, bool conjugate)
{
    return conjugate ? abs(a.m - b.m) : a.m + b.m;
}

static bool same(harmonic a, harmonic b)
{
    return a.l == b.l && a.m == b.m;
}

/* Strength times W, as the sums take it: W[m1, m2, M] of real parts for even l1 + l2 + l3; for odd
   ones z_-M = - Re and, for M = 0, z_0 = Im. */
static double coefficient(const kind *k, harmonic a, harmonic b, bool conjugate, int l3)
{
    static double W[D * D * D];
    const int M = order_of(a, b, conjugate);
    if (M > l3 || !e3tp_so3_triangle(a.l, b.l, l3) || (a.l + b.l + l3) % 2 != k->odd ||
        e3tp_so3_wigner_3j(a.l, b.l, l3, E3TP_SIGN_E3NN, W) != E3TP_OK)
        return 0;
    const int m1 = k->odd && M == 0 ? -a.m : a.m, m3 = k->odd ? -M : M;
    const double w = W[((m1 + a.l) * (2 * b.l + 1) + b.m + b.l) * (2 * l3 + 1) + m3 + l3];
    return k->strength(a.l, b.l, l3) * (k->odd && M > 0 ? -w : w);
}

static bool is_wanted(const kind *k, harmonic a, harmonic b, bool conjugate)
{
    /* of X_A Y_A with itself the sum has real parts to double, the difference is zero or imaginary
     */
    if (k->odd && same(a, b) && !conjugate)
        return false;
    if ((conjugate && (a.m == 0 || b.m == 0)) || (k->odd && a.m == 0 && b.m == 0))
        return false;
    for (int l3 = 0; l3 <= k->top; l3++)
        if (coefficient(k, a, b, conjugate, l3) != 0)
            return true;
    return false;
}

static void add_pair(class *c, const kind *k, harmonic a, harmonic b)
{
    if (is_symmetric(k) && a.m < b.m) {
        const harmonic t = a;
        a = b, b = t;
    }
    product t = {a, b, -1, -1};
    if (is_wanted(k, a, b, false))
        t.p = c->slots++;
    if (is_wanted(k, a, b, true) || (t.p >= 0 && a.m > 0 && b.m > 0))
        t.q = c->slots++;
    if (t.p >= 0 || t.q >= 0)
        c->of[c->n++] = t;
}

static void collect(class *c, const kind *k)
{
    for (int la = k->first; la <= k->last; la++)
        for (int ma = 0; ma <= la; ma++)
            for (int lb = 0; lb <= (is_symmetric(k) ? la : k->lmax); lb++)
                for (int mb = 0; mb <= (lb == la ? ma : lb); mb++)
                    if ((la + lb) % 2 == c->degrees && (ma + mb) % 2 == c->orders)
                        add_pair(c, k, (harmonic){la, ma}, (harmonic){lb, mb});
}

/* PRODUCT(which, slots p, q, lines a, b of m = 0 and orders) */
static void print_product(const kind *k, const product *t)
{
    const bool self = same(t->a, t->b);
    const char *which = !is_symmetric(k) ? (t->a.m == 0   ? (t->b.m == 0 ? "ONE_0" : "ONE_X0")
                                            : t->b.m == 0 ? "ONE_Y0"
                                            : t->p < 0    ? "ONE_Q"
                                                          : "ONE")
                        : t->a.m == 0    ? (self ? "SELF_0" : "BOTH_0")
                        : self           ? (t->p < 0 ? "SELF_Q" : "SELF")
                        : t->b.m == 0    ? "RIGHT_0"
                        : t->p < 0       ? (t->a.m == t->b.m ? "Q_0" : "Q")
                                         : (t->a.m == t->b.m ? "PQ_0" : "PQ");
    printf("    PRODUCT(%s, %d, %d, %d, %d, %d, %d)\n", which, t->p, t->q, t->a.l * (t->a.l + 1),
           t->a.m, t->b.l * (t->b.l + 1), t->b.m);
}

static const char *const part[2] = {"re", "im"};

/* Adds a product to the sums of order M of all degrees. */
static void print_term(const kind *k, const product *t, bool conjugate, int M, bool *begun)
{
    printf("    {\n");
    if (M > 0 || k->odd == 0)
        printf("        TAKE(re, %d);\n", 2 * (conjugate ? t->q : t->p));
    if (M > 0 || k->odd == 1)
        printf("        TAKE(im, %d);\n", 2 * (conjugate ? t->q : t->p) + 1);
    for (int l3 = M; l3 <= k->top; l3++) {
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

static void print_order(const class *c, const kind *k, int M)
{
    bool begun[2 * L + 1] = {false};
    const int least = M < k->odd ? k->odd : M, /* the integral of a bracket is zero */
        first = least + (least + c->degrees + k->odd) % 2;
    if (first > k->top)
        return;
    printf("    { /* order %d */\n", M);
    for (int l3 = first; l3 <= k->top; l3 += 2)
        for (int i = M > 0 ? 0 : k->odd; i < (M > 0 ? 2 : k->odd + 1); i++)
            printf("    v_real %s%d = v_zero();\n", part[i], l3);
    for (int i = 0; i < c->n; i++) {
        const product *t = &c->of[i];
        if (t->q >= 0 && order_of(t->a, t->b, true) == M)
            print_term(k, t, true, M, begun);
        if (t->p >= 0 && order_of(t->a, t->b, false) == M)
            print_term(k, t, false, M, begun);
    }
    for (int l3 = first; l3 <= k->top; l3 += 2)
        if (M > 0)
            printf("    PUT(%d, %d, re%d, im%d)\n", l3, M, l3, l3);
        else
            printf("    PUT_0(%d, %s%d)\n", l3, part[k->odd], l3);
    printf("    }\n");
}

static void print_kernel(const kind *k)
{
    static class c[4];
    int slots = 1;
    memset(c, 0, sizeof c);
    for (int i = 0; i < 4; i++) {
        c[i].degrees = i / 2, c[i].orders = i % 2;
        collect(&c[i], k);
        slots = c[i].slots > slots ? c[i].slots : slots;
    }
    printf("\n#define ODD %d\nBEGIN(%s_%d, %d, %d, %d, %d)\n", k->odd, k->name, k->lmax, slots,
           k->first, k->last, k->lmax);
    for (int i = 0; i < 4; i++) {
        printf("    /* sums of degrees %s, of orders %s */\n", i / 2 ? "odd" : "even",
               i % 2 ? "odd" : "even");
        for (int j = 0; j < c[i].n; j++)
            print_product(k, &c[i].of[j]);
        printf("    KEEP_ORDER;\n");
        for (int M = i % 2; M <= k->top; M += 2)
            print_order(&c[i], k, M);
    }
    printf("END\n#undef ODD\n");
}

int main(int argc, char **argv)
{
    const int l = argc == 2 ? atoi(argv[1]) : -1;
    const kind kinds[] = {{"gaunt", 0, e3tp_gaunt_strength, 0, l, l, l},
                          {"bracket", 1, e3tp_bracket_strength, 1, l, l, l},
                          {"wide", 0, e3tp_gaunt_strength, 0, l, l, 2 * l},
                          {"high", 0, e3tp_gaunt_strength, l + 1, 2 * l, l, l}};
    const int count = l <= WIDE ? 4 : 2;
    if (l < 1 || l > L) {
        fprintf(stderr, "usage: gen_cg_signals L, 1 <= L <= %d\n", L);
        return 2;
    }
    printf("/* SPDX-License-Identifier: MIT */\n/* Written by tools/gen_cg_signals. */\n"
           "#include \"cg/cg_signals_body.h\"\n#ifndef E3TP_CG_PAIR_TABLES\n");
    for (int i = 0; i < count; i++)
        print_kernel(&kinds[i]);
    printf("#define KERNELS {");
    for (int i = 0; i < count; i++)
        printf(".%s = %s_%d, ", kinds[i].name, kinds[i].name, l);
    printf("}\n#else\n#define KERNELS {.gaunt = NULL}\n#endif\n"
           "const E3TP_CG_SIGNALS E3TP_NAME(e3tp_cg_signals_l%d) = KERNELS;\n",
           l);
    return ferror(stdout) != 0;
}
